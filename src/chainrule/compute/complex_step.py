"""Slopes without rounding: the complex step, f(x + ih v) = f(x) + ih f′(x) v for a tiny h.

Nothing is subtracted, so the slope is as exact as the value (Squire & Trapp, SIAM Review 40, 1998). Where f is
not analytic, as |x| or the larger of two, the real part decides and the imaginary part is carried along.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.algebra.op import Array
from chainrule.compute.interpret import Interpreter

H = 2.0**-100  # h² vanishes beside any number, and dividing by h is exact

_real_erf = np.frompyfunc(math.erf, 1, 1)


class _Linalg:
    """NumPy's functions of matrices; log |det X| is made analytic."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np.linalg, name)

    def slogdet(self, x: Array) -> tuple[Array, Array]:
        det = np.linalg.det(x)
        sign = np.sign(det.real)
        return sign, np.log(det * sign)


class _Infinitesimal:
    """NumPy as the namespace of numbers a + ih b with a tiny h."""

    linalg = _Linalg()

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def abs(self, x: Array) -> Array:
        return np.where(x.real < 0, -x, x)

    def sign(self, x: Array) -> Array:
        return np.sign(x.real)

    def erf(self, x: Array) -> Array:
        value = np.asarray(_real_erf(x.real), np.float64)
        return value + 2j / math.sqrt(math.pi) * np.exp(-(x.real**2)) * x.imag

    def astype(self, x: Array, dtype: Any) -> Array:
        return x if np.iscomplexobj(x) else x.astype(dtype)


_NUMBERS = _Infinitesimal()


def slope(
    f: Interpreter, values: Mapping[str, Array], sizes: Mapping[str, int], name: str, along: np.ndarray
) -> list[np.ndarray]:
    """∂f/∂x · v for every output of f: how it changes as the variable `name` moves along v, in its shape."""
    moved = {**values, name: values[name] + 1j * H * along}
    return [np.imag(np.asarray(value)) / H for value in f(moved, sizes, _NUMBERS)]
