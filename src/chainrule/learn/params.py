"""How parameters begin: every initialiser is a function of (shape, rng, dtype).

A matrix has shape (n, m) = (fan out, fan in), as in h = W x. A vector counts as one row, as in s = uᵀ h.
Numbers are drawn in float64 and rounded, so that float32 and float64 models begin at the same place.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from chainrule.errors import SettingError
from chainrule.learn.choose import check_options, choose, within
from chainrule.learn.gradients import Array

Initializer: TypeAlias = Callable[[Sequence[int], np.random.Generator, DTypeLike], Array]


def zeros(shape: Sequence[int], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """All 0, for biases."""
    return np.zeros(shape, dtype)


def uniform(shape: Sequence[int], rng: np.random.Generator, dtype: DTypeLike, *, r: float) -> Array:
    """U(−r, r), r > 0."""
    within("r", r, above=0)
    return rng.uniform(-r, r, shape).astype(dtype)


def normal(shape: Sequence[int], rng: np.random.Generator, dtype: DTypeLike, *, std: float) -> Array:
    """N(0, std²), std > 0."""
    within("std", std, above=0)
    return rng.normal(0.0, std, shape).astype(dtype)


def xavier_uniform(shape: Sequence[int], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """U(−r, r) with r = √(6 / (fan in + fan out)), for tanh and σ (Glorot & Bengio 2010, equation 16)."""
    return uniform(shape, rng, dtype, r=math.sqrt(6 / sum(fans(shape))))


def xavier_normal(shape: Sequence[int], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """N(0, 2 / (fan in + fan out)): the variance of Glorot & Bengio 2010, equation 12."""
    return normal(shape, rng, dtype, std=math.sqrt(2 / sum(fans(shape))))


def he_uniform(shape: Sequence[int], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """U(−r, r) with r = √(6 / fan in): the variance of `he_normal`."""
    return uniform(shape, rng, dtype, r=math.sqrt(6 / fans(shape)[1]))


def he_normal(shape: Sequence[int], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """N(0, 2 / fan in), for relu (He et al. 2015, equation 10)."""
    return normal(shape, rng, dtype, std=math.sqrt(2 / fans(shape)[1]))


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """(fan out, fan in) of a matrix (n, m), or of a vector (m,) as (1, m); else SettingError."""
    if len(shape) not in (1, 2) or 0 in shape:
        raise SettingError(
            f"fans are defined for a vector (m,) and a matrix (n, m), not for shape {tuple(shape)}; "
            "choose zeros, uniform or normal"
        )
    return (shape[0] if len(shape) == 2 else 1), shape[-1]


INITIALIZERS: Mapping[str, Callable[..., Array]] = {
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "normal": normal,
    "uniform": uniform,
    "xavier_normal": xavier_normal,
    "xavier_uniform": xavier_uniform,
    "zeros": zeros,
}


def initializer(name: str, **options: float) -> Initializer:
    """The initialiser called `name`, as in `initializer("uniform", r=0.05)`.

    Raises SettingError, with the nearest name, for an unknown name or option and for a missing option.
    """
    function = choose("initialiser", name, INITIALIZERS)
    check_options(name, function, options)
    return partial(function, **options)
