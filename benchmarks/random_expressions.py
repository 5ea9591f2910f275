"""Random well-typed expressions in many variables, for what has to hold of every expression."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

import chainrule as cr
from chainrule.algebra.node import Node

T = TypeVar("T")

SCALARS = [cr.scalar("c"), cr.scalar("lam")]
VECTORS = [cr.vector(name, "n") for name in ("x", "y", "b1")]
MATRICES = [cr.matrix(name, "n", "n") for name in ("A", "B", "W1")]
NUMBERS = (2.0, 0.5, -3.0, 1e-7, 1e20)
UNARY: tuple[Callable[[Node], Node], ...] = (
    *(cr.tanh, cr.exp, cr.relu, cr.sigmoid, cr.softplus, cr.sqrt, cr.sin, cr.abs, cr.sign),
    *(lambda v: -v, lambda v: v**2, lambda v: v**-1, lambda v: v**0.5, lambda v: 2 * v, lambda v: v + 1),
)

Part = Callable[[int], Node]
ANY_RANK: tuple[Callable[[Part, int], Node], ...] = (
    lambda part, rank: part(rank) + part(rank),
    lambda part, rank: part(rank) - part(rank),
    lambda part, rank: part(rank) * part(rank),
    lambda part, rank: part(rank) / part(rank),
    lambda part, rank: part(0) * part(rank),
    lambda part, rank: part(rank) ** part(0),
    lambda part, rank: cr.maximum(part(rank), part(rank)),
    lambda part, rank: cr.where(part(rank) > 0, part(rank), part(rank)),
)
OF_RANK: tuple[tuple[Callable[[Part], Node], ...], ...] = (
    (
        lambda part: part(1).T @ part(1),
        lambda part: part(1).T @ part(2) @ part(1),
        lambda part: cr.sum(part(1)),
        lambda part: cr.sum(part(2)),
        lambda part: cr.trace(part(2)),
        lambda part: cr.inner(part(2), part(2)),
        lambda part: cr.logsumexp(part(1)),
        lambda part: cr.norm2(part(1)),
        lambda part: cr.norm1(part(2)),
        lambda part: cr.mean(part(1)),
        lambda part: cr.det(part(2)),
        lambda part: cr.logdet(part(2)),
        lambda part: cr.max(part(1)),
    ),
    (
        lambda part: part(2) @ part(1),
        lambda part: part(2).T @ part(1),
        lambda part: part(1).T @ part(2),
        lambda part: cr.sum(part(2), axis=0),
        lambda part: cr.mean(part(2), axis=1),
        lambda part: cr.softmax(part(1)),
        lambda part: cr.diag(part(2)),
        lambda part: cr.max(part(2), axis=1),
        lambda part: cr.solve(part(2), part(1)),
        lambda part: cr.logsumexp(part(2)),
    ),
    (
        lambda part: part(2) @ part(2),
        lambda part: part(2).T,
        lambda part: cr.outer(part(1), part(1)),
        lambda part: cr.diag(part(1)),
        lambda part: part(2) * part(1),
        lambda part: cr.inv(part(2)),
        lambda part: cr.diag(part(1)) @ part(2),
        lambda part: cr.eye("n") + part(2),
        lambda part: cr.matpow(part(2), 3),
        lambda part: cr.log_softmax(part(2)),
    ),
)


def expressions(rng: np.random.Generator, number: int, depth: int = 4) -> Iterator[Node]:
    """So many random expressions: scalars, vectors and matrices in turn."""
    for k in range(number):
        yield _expression(rng, k % 3, depth)


def _expression(rng: np.random.Generator, rank: int, depth: int) -> Node:
    if depth == 0 or rng.random() < 0.15:
        return _chosen(rng, (SCALARS, VECTORS, MATRICES)[rank])
    part = lambda r: _expression(rng, r, depth - 1)  # noqa: E731
    kind = rng.random()
    if kind < 0.25:
        return _chosen(rng, UNARY)(part(rank))
    if kind < 0.55:
        return _chosen(rng, ANY_RANK)(part, rank)
    if kind < 0.6:
        return _chosen(rng, NUMBERS) * part(rank)
    return _chosen(rng, OF_RANK[rank])(part)


def _chosen(rng: np.random.Generator, of: Sequence[T]) -> T:
    return of[int(rng.integers(len(of)))]
