"""Errors, where the floors above look for them; their home is `chainrule.errors`."""

from chainrule.errors import *  # noqa: F403
