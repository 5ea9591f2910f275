"""CuPy: its arrays in `evaluate`, computed on the GPU where they lie."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import lru_cache, partial
from importlib import import_module
from typing import Any

from chainrule.algebra.chain import CHAIN
from chainrule.algebra.op import OPS, Array, Namespace
from chainrule.compute.arrays import CREATING, Arrays
from chainrule.ports.extra import needed

ME = "chainrule.ports.cupy"


@lru_cache
def arrays() -> Arrays:
    """CuPy's arrays. Raises ExtraError."""
    return Arrays("CuPy", _Numpy(), {name: partial(_chain, name) for name in CHAIN})


class _Numpy:
    """CuPy's functions, which are NumPy's, and what it has elsewhere or does not have."""

    def __init__(self) -> None:
        self._cupy = needed("cupy", ME)
        self.linalg = _Linalg(self._cupy)
        self.erf: Callable[[Array], Array] = import_module("cupyx.scipy.special").erf

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._cupy, name)
        return partial(_made_on, function) if name in CREATING else function

    def add_rows(self, count: int, rows: Array, values: Array) -> Array:
        """Rows added into a table of zeros."""
        with values.device:
            table = self._cupy.zeros((count, *values.shape[1:]), dtype=values.dtype)
        self._cupy.add.at(table, rows, values)
        return table


class _Linalg:
    """CuPy's functions of matrices, and the diagonals of the last two axes."""

    def __init__(self, cupy: Any) -> None:
        self._cupy = cupy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cupy.linalg, name)

    def diagonal(self, x: Array) -> Array:
        """The diagonals of the last two axes."""
        return self._cupy.diagonal(x, axis1=-2, axis2=-1)


def _made_on(function: Callable[..., Array], *args: Any, device: Any = None, **options: Any) -> Array:
    with device or nullcontext():
        return function(*args, **options)


def _chain(name: str, xp: Namespace, s: Array, A: Array, first: Array, *ways: Array) -> Array:
    """Where sentences begin is read on the CPU."""
    return OPS[name].forward(xp, s, A, first.get(), *ways)
