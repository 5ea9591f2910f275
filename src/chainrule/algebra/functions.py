"""The functions on nodes by name: what operators, methods and NumPy's own functions call."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from chainrule.errors import GraphError

if TYPE_CHECKING:
    from chainrule.algebra.node import Node

FUNCTIONS: dict[str, Callable[..., "Node"]] = {}
"""Our name of a function → the function."""

NUMPY: dict[str, str] = {}
"""NumPy's name of a function → ours."""

F = TypeVar("F", bound=Callable[..., "Node"])


def function(*numpy_names: str) -> Callable[[F], F]:
    """Enter a function on nodes into the table, under its own name and NumPy's names for it."""

    def enter(f: F) -> F:
        FUNCTIONS[f.__name__] = f
        NUMPY.update(dict.fromkeys(numpy_names, f.__name__))
        return f

    return enter


def from_numpy(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> "Node":
    """What NumPy's function of this name is on expressions; GraphError where it has no form."""
    if name not in NUMPY:
        raise GraphError(f"np.{name} has no form on expressions; these have: {', '.join(sorted(NUMPY))}")
    f = FUNCTIONS[NUMPY[name]]
    signature = inspect.signature(f)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        takes = ", ".join(signature.parameters)
        raise GraphError(f"np.{name}: {error}; on expressions it takes ({takes})") from None
    return f(*args, **kwargs)
