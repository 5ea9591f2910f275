"""The window network in JAX: as most write it, and with a scatter by hand."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from benchmarks.contestant import Contestant
from benchmarks.works.window import NAMES, D, Problem

Array: TypeAlias = jax.Array
EPS = {"adagrad": 1e-10, "adam": 1e-8}


def loss_of(x: Array, W: Array, b: Array, U: Array, c: Array, y: Array) -> Array:
    """The mean cross-entropy for rows x."""
    s = jnp.tanh(x @ W.T + b) @ U.T + c
    return jnp.mean(jax.nn.logsumexp(s, axis=1) - jnp.take_along_axis(s, y[:, None], axis=1)[:, 0])


def _sgd(w: Array, g: Array, slots: tuple[Array, ...], rate: float, t: Any) -> tuple[Array, ...]:
    return (w - rate * g,)


def _adagrad(w: Array, g: Array, slots: tuple[Array, ...], rate: float, t: Any) -> tuple[Array, ...]:
    total = slots[0] + g * g
    return w - rate * g / (jnp.sqrt(total) + EPS["adagrad"]), total


def _adam(w: Array, g: Array, slots: tuple[Array, ...], rate: float, t: Any) -> tuple[Array, ...]:
    mean, square = 0.9 * slots[0] + 0.1 * g, 0.999 * slots[1] + 0.001 * g * g
    spread = jnp.sqrt(square / (1 - 0.999**t)) + EPS["adam"]
    return w - rate / (1 - 0.9**t) * mean / spread, mean, square


RULES: dict[str, Callable[..., tuple[Array, ...]]] = {"sgd": _sgd, "adagrad": _adagrad, "adam": _adam}
SLOTS = {"sgd": 0, "adagrad": 1, "adam": 2}


@cache
def dense_step(rule: str, rate: float) -> Callable[..., Any]:
    """Every gradient as large as its parameter."""
    move = RULES[rule]

    def whole(E: Array, *others: Array) -> Array:
        *weights, words, y = others
        return loss_of(E[words].reshape(len(y), -1), *weights, y)

    @partial(jax.jit, donate_argnums=0)
    def step(held: list[tuple[Array, ...]], words: Array, y: Array, t: float | None) -> Any:
        loss, found = jax.value_and_grad(whole, argnums=(0, 1, 2, 3, 4))(*(w for w, *_ in held), words, y)
        moved = [move(w, g, tuple(s), rate, t) for (w, *s), g in zip(held, found, strict=True)]
        return loss, moved, None

    return step


@cache
def scattered_step(rule: str, rate: float) -> Callable[..., Any]:
    """The table by its rows: added where the rule is linear, else first added up in a table of zeros."""
    move = RULES[rule]

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(held: list[tuple[Array, ...]], zeros: Array | None, words: Array, y: Array, t: float | None) -> Any:
        (E, *slots), *others = held
        at = words.reshape(-1)
        x = E[at].reshape(len(y), -1)
        loss, (dx, *found) = jax.value_and_grad(loss_of, argnums=(0, 1, 2, 3, 4))(x, *(w for w, *_ in others), y)
        parts = dx.reshape(-1, D)
        if zeros is None:
            table: tuple[Array, ...] = (E.at[at].add(-rate * parts),)
        else:
            zeros = zeros.at[at].add(parts)
            rows = [w[at] for w in (E, *slots)]
            new = move(rows[0], zeros[at], tuple(rows[1:]), rate, t)
            table = tuple(w.at[at].set(v) for w, v in zip((E, *slots), new, strict=True))
            zeros = zeros.at[at].set(0.0)
        moved = [move(w, g, tuple(s), rate, t) for (w, *s), g in zip(others, found, strict=True)]
        return loss, [table, *moved], zeros

    return step


class _Held:
    def __init__(self, problem: Problem, scattered: bool) -> None:
        count = SLOTS[problem.rule]
        start = [jnp.array(problem.start[name]) for name in NAMES]
        self.params = [(w, *(jnp.zeros_like(w) for _ in range(count))) for w in start]
        self.scattered = scattered
        self.zeros = jnp.zeros_like(start[0]) if scattered and count else None
        self.inner = (scattered_step if scattered else dense_step)(problem.rule, problem.rate)
        self.rule, self.t = problem.rule, 0

    def step(self, words: Array, y: Array) -> Array:
        self.t += 1
        more = (self.zeros,) if self.scattered else ()
        t = float(self.t) if self.rule == "adam" else None
        loss, self.params, self.zeros = self.inner(self.params, *more, words, y, t)
        return loss

    def wait(self) -> None:
        jax.block_until_ready(self.params)


def _contestant(scattered: bool, options: dict[str, Any]) -> Contestant:
    problem = Problem(kind="int32", **options)
    held = _Held(problem, scattered)
    return problem.contestant(held.step, lambda: [np.asarray(w) for w, *_ in held.params], jnp.array, held.wait)


def dense(**options: Any) -> Contestant:
    """As most write it: the gradient of the table is a table."""
    return _contestant(False, options)


def scattered(**options: Any) -> Contestant:
    """With a scatter written by hand."""
    return _contestant(True, options)
