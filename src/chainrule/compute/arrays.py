"""Arrays of other libraries: which library values are of, and what expressions are computed by there.

Arrays that follow the array API standard say so themselves. Those that do not, and libraries that have something
to add, are described by an `Arrays`, which a package gives by an entry point (see `adapters`).
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from chainrule.algebra.node import Node
from chainrule.algebra.notation import described
from chainrule.algebra.op import Array, Namespace
from chainrule.algebra.signature import BOOLEAN, FLOATS, INTEGER
from chainrule.compute.adapters import ARRAYS, adapter
from chainrule.errors import BindingError, DTypeError

CREATING = frozenset({"asarray", "arange", "empty", "eye", "full", "linspace", "ones", "zeros"})
"""Functions of a namespace that make an array, on a device."""

_PLAIN = (np.ndarray, np.generic, float, int, list, tuple)


class Arrays(NamedTuple):
    """Arrays of one library.

    title      the library as people call it
    xp         its functions, under the names of the array API standard
    forms      operation → what computes it there instead of its own record: f(xp, *arrays, **attributes)
    within     what all is computed in
    immutable  whether no array is ever changed, so that results may share memory with values
    spread     whether constants go to the device of their company by themselves
    """

    title: str
    xp: Namespace
    forms: Mapping[str, Callable[..., Array]] = {}
    within: Callable[[], AbstractContextManager[object]] = nullcontext
    immutable: bool = False
    spread: bool = False


NUMPY = Arrays("NumPy", np, spread=True)


def arrays_of(values: Mapping[str, Any]) -> Arrays:
    """The library that values are of, by their names; numbers and lists are of any.

    Raises BindingError for arrays of two libraries.
    """
    found: dict[str, tuple[str, Arrays]] = {}
    for name, value in values.items():
        arrays = library_of(value)
        if arrays is not None:
            found.setdefault(arrays.title, (name, arrays))
    if len(found) > 1:
        (one, (x, _)), (two, (y, _)), *_ = found.items()
        raise BindingError(
            f"{x} is an array of {one} and {y} one of {two}: results could be of either; convert one of them"
        )
    return next((arrays for _, arrays in found.values()), NUMPY)


def library_of(value: Any) -> Arrays | None:
    """The library of a value; None for numbers, lists, and whatever NumPy is to make an array of."""
    if isinstance(value, _PLAIN):
        return NUMPY if isinstance(value, np.ndarray) else None
    known: Callable[[], Arrays] | None = _adapted(type(value).__module__.partition(".")[0])
    if known is not None:
        return known()
    if not hasattr(value, "__array_namespace__"):
        return None
    xp = value.__array_namespace__()
    return Arrays(getattr(xp, "__name__", repr(xp)).partition(".")[0], xp)


@lru_cache
def _adapted(module: str) -> Callable[[], Arrays] | None:
    found: Callable[[], Arrays] | None = adapter(ARRAYS, module)
    return found


class Placed:
    """A namespace that makes its arrays on a device."""

    def __init__(self, xp: Namespace, device: Any) -> None:
        self._xp, self._device = xp, device

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._xp, name)
        return partial(function, device=self._device) if name in CREATING else function


def placed(arrays: Arrays, values: Mapping[str, Any]) -> Namespace:
    """The namespace that computes where the values lie. Raises BindingError for arrays on two devices."""
    if arrays.spread:
        return arrays.xp
    found: dict[str, tuple[str, Any]] = {}
    for name, value in values.items():
        if (device := getattr(value, "device", None)) is not None and not isinstance(value, _PLAIN):
            found.setdefault(str(device), (name, device))
    if len(found) > 1:
        (one, (x, _)), (two, (y, _)), *_ = found.items()
        raise BindingError(f"{x} lies on {one} and {y} on {two}; bring them to one device")
    return next((Placed(arrays.xp, device) for _, device in found.values()), arrays.xp)


def fed(xp: Namespace, node: Node, value: Array, wrong: Callable[[Node, str], str]) -> Array:
    """The value of a variable as an array of its dtype, where it lies.

    wrong   says what is wrong with a value of another kind
    Raises DTypeError for the wrong kind, and for numbers that the dtype cannot hold.
    """
    wanted = getattr(xp, node.dtype.name)
    if value.dtype == wanted:
        return value
    if not xp.isdtype(value.dtype, _KINDS[node.dtype]):
        raise DTypeError(wrong(node, str(value.dtype)))
    with np.errstate(over="ignore"):
        result = xp.astype(value, wanted)
    too_large = False
    with suppress(TypeError):  # of arrays that are traced no number can be looked at
        too_large = node.dtype in FLOATS and bool(xp.any(xp.isinf(result) & xp.isfinite(value)))
    if too_large:
        raise DTypeError(f"the value of {described(node)} holds numbers that do not fit in {node.dtype}")
    return result


_KINDS = {**dict.fromkeys(FLOATS, "real floating"), INTEGER: "integral", BOOLEAN: "bool"}
