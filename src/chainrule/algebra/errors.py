from chainrule.errors import *  # noqa: F403
