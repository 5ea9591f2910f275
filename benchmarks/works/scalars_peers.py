"""The twenty scalar formulas in other libraries."""

import importlib
from collections.abc import Callable
from typing import Any

from benchmarks.contestant import Contestant
from benchmarks.works.scalars import FORMULAS, Formula, X, Y, contestant


def autograd(count: int) -> Contestant:
    """HIPS autograd."""
    library, namespace = importlib.import_module("autograd"), importlib.import_module("autograd.numpy")

    def each(formula: Formula) -> Callable[[], Any]:
        gradient = library.grad(lambda x, y: formula(namespace, x, y), (0, 1))
        return lambda: gradient(X, Y)

    return contestant([each(formula) for formula in FORMULAS[:count]])


def torch(count: int) -> Contestant:
    """PyTorch, eager, in float64."""
    library: Any = importlib.import_module("torch")

    def each(formula: Formula) -> Callable[[], Any]:
        def gradient() -> Any:
            x = library.tensor(X, dtype=library.float64, requires_grad=True)
            y = library.tensor(Y, dtype=library.float64, requires_grad=True)
            return library.autograd.grad(formula(library, x, y), (x, y))

        return gradient

    return contestant([each(formula) for formula in FORMULAS[:count]])


def jax(count: int) -> Contestant:
    """JAX, operation by operation."""
    return _jax(lambda gradient: gradient, count)


def jax_jit(count: int) -> Contestant:
    """JAX, compiled."""
    return _jax(importlib.import_module("jax").jit, count)


def _jax(made: Callable[[Any], Any], count: int) -> Contestant:
    library: Any = importlib.import_module("jax")
    library.config.update("jax_enable_x64", True)
    x, y = library.numpy.float64(X), library.numpy.float64(Y)

    def each(formula: Formula) -> Callable[[], Any]:
        gradient = made(library.grad(lambda x, y: formula(library.numpy, x, y), (0, 1)))
        return lambda: gradient(x, y)

    return contestant([each(formula) for formula in FORMULAS[:count]], library.block_until_ready)
