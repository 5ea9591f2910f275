"""Dense networks in JAX: the whole step through jit, parameters given away."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from benchmarks.contestant import Contestant
from benchmarks.works.nets import RATE, Problem

Array: TypeAlias = jax.Array


@cache
def jitted_step(activation: str) -> Callable[..., Any]:
    """Forward pass, gradients and update in one compiled function."""
    f = {"relu": jax.nn.relu, "tanh": jnp.tanh}[activation]

    def loss_of(held: Sequence[Array], x: Array, y: Array) -> Array:
        for k in range(0, len(held), 2):
            x = (f(x) if k else x) @ held[k].T + held[k + 1]
        return jnp.mean(jax.nn.logsumexp(x, axis=1) - jnp.take_along_axis(x, y[:, None], axis=1)[:, 0])

    @partial(jax.jit, donate_argnums=0)
    def step(held: list[Array], x: Array, y: Array) -> Any:
        loss, found = jax.value_and_grad(loss_of)(held, x, y)
        return loss, [w - RATE * g for w, g in zip(held, found, strict=True)]

    return step


def jitted(**options: Any) -> Contestant:
    """The step, and the parameters that it hands on."""
    problem = Problem(kind="int32", **options)
    held = [jnp.array(w) for w in problem.start]
    inner = jitted_step(problem.activation)

    def step(x: Array, y: Array) -> Array:
        nonlocal held
        loss, held = inner(held, x, y)
        return loss

    return problem.contestant(
        step, lambda: [np.asarray(w) for w in held], jnp.array, lambda: jax.block_until_ready(held)
    )
