"""What other packages add to this one, by entry points.

The module of Python that knows of them takes 1.5 MB, so that it is loaded when it is asked.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def entry_points(group: str) -> "list[EntryPoint]":
    """The entry points of a group."""
    return list(import_module("importlib.metadata").entry_points(group=group))
