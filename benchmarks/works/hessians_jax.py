"""Hessians in JAX: `jit(hessian)`."""

from typing import Any

import jax
import jax.numpy as jnp
from benchmarks.contestant import Contestant
from benchmarks.works.hessians import LAYERS, Problem, matrix, problem


def scalar(p: Problem, v: dict[str, Any]) -> Any:
    """The function."""
    match p.name:
        case "logistic":
            return jnp.sum(jax.nn.softplus(-v["y"] * (v["X"] @ v["w"])))
        case "factors":
            return jnp.sum((v["T"] - v["U"] @ v["V"].T) ** 2)
        case "quadratic":
            return v["x"] @ v["A"] @ v["x"]
    h = v["x"]
    for i in range(1, LAYERS + 1):
        h = v[f"W{i}"] @ (jax.nn.relu(h) if i > 1 else h)
    return jax.nn.logsumexp(h) - h[0]


def jitted(**options: Any) -> Contestant:
    """The Hessian in one input, the others given."""
    jax.config.update("jax_enable_x64", True)
    p = problem(**options)
    given = {name: jnp.array(value) for name, value in p.values.items()}
    x = given.pop(p.wrt)
    f = jax.jit(jax.hessian(lambda x, others: scalar(p, {**others, p.wrt: x})))
    last: list[Any] = [x]

    def run() -> None:
        last[0] = f(x, given)

    return Contestant(run, lambda: {"H": matrix(f(x, given))}, lambda: jax.block_until_ready(last))
