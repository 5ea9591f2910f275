"""What other packages add by entry points: a way to run expressions, arrays of another library.

    [project.entry-points."chainrule.backends"]      [project.entry-points."chainrule.arrays"]
    jax = "chainrule.ports.jax:function"             torch = "chainrule.ports.torch:arrays"

Nothing here knows who they are; they are loaded when their name is asked for.
"""

from typing import Any

from chainrule.compute.installed import entry_points

BACKENDS = "chainrule.backends"
"""Name of a backend → a function of expressions and inputs that gives a `Compiled`."""

ARRAYS = "chainrule.arrays"
"""The first name of the module where the type of an array lives → a function that gives the `Arrays` of them."""


def names(group: str) -> list[str]:
    """What is there in a group."""
    return sorted({entry.name for entry in entry_points(group=group)})


def adapter(group: str, name: str) -> Any:
    """What a name in a group stands for, None for a name that is not there. Raises what its import raises."""
    return next((entry.load() for entry in entry_points(group=group) if entry.name == name), None)
