"""Hessians in PyTorch: `torch.func.hessian`, and the same compiled."""

from collections.abc import Callable
from typing import Any

import torch
from benchmarks.contestant import Contestant
from benchmarks.works.hessians import LAYERS, Problem, matrix, problem
from benchmarks.works.peer_torch import settled
from torch.nn import functional


def scalar(p: Problem, v: dict[str, Any]) -> Any:
    """The function."""
    match p.name:
        case "logistic":
            return functional.softplus(-v["y"] * (v["X"] @ v["w"])).sum()
        case "factors":
            return ((v["T"] - v["U"] @ v["V"].T) ** 2).sum()
        case "quadratic":
            return v["x"] @ v["A"] @ v["x"]
    h = v["x"]
    for i in range(1, LAYERS + 1):
        h = v[f"W{i}"] @ (functional.relu(h) if i > 1 else h)
    return torch.logsumexp(h, 0) - h[0]


def eager(**options: Any) -> Contestant:
    """Forward over reverse, all directions at once."""
    return _contestant(lambda f: f, options)


def compiled(**options: Any) -> Contestant:
    """The same through torch.compile."""
    return _contestant(torch.compile, options)


def _contestant(made: Callable[[Any], Any], options: dict[str, Any]) -> Contestant:
    settled()
    p = problem(**options)
    given = {name: torch.from_numpy(value) for name, value in p.values.items()}
    x = given.pop(p.wrt)
    f = made(torch.func.hessian(lambda x, others: scalar(p, {**others, p.wrt: x})))
    return Contestant(lambda: f(x, given), lambda: {"H": matrix(f(x, given))})
