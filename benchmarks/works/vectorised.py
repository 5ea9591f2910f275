"""Vectorised against looped, the tip of the notes: B examples one at a time in Python, or in one batch.

The score of a window of five words, s = uᵀ tanh(W x + b), with all gradients; `chainrule speed` shows the same.
Compared are the values of all of them.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from benchmarks.contestant import Contest, Contestant, Entry, Role
from benchmarks.judge import Target, ahead

import chainrule as cr
from chainrule.compute.vectorised import ways

H, X = 100, 250
SIZES = (1, 4, 16, 64, 256, 1024)
FASTER = 16  # examples from which a batch has to be ahead


def ours(size: int, backend: str, way: str) -> Contestant:
    """The gradients of so many examples, "looped" or "batched"."""
    W, x, b, u = cr.matrix("W", H, X), cr.vector("x", X), cr.vector("b", H), cr.vector("u", H)
    run = getattr(ways(u.T @ cr.tanh(W @ x + b), [x], backend), way)
    rng = np.random.default_rng(0)
    shapes = {"W": (H, X), "x": (size, X), "b": (H,), "u": (H,)}
    values = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    names = ("s", "u", "W", "b", "x")
    return Contestant(lambda: run(values), lambda: dict(zip(names, run(values), strict=True)))


def contests(quick: bool, threads: Sequence[int]) -> Iterator[Contest]:
    """Growing numbers of examples."""

    def entry(label: str, role: Role, size: int, backend: str, way: str) -> Entry:
        options = {"size": size, "backend": backend, "way": way}
        return Entry(label, role, "benchmarks.works.vectorised:ours", options)

    for size in SIZES[1:3] if quick else SIZES:
        targets: tuple[Target, ...] = (ahead(1.0, Role.FLOOR, of="one by one"),) if size >= FASTER else ()
        yield Contest(
            "vectorised",
            f"{size:,} examples",
            (
                entry("a batch, compiled", Role.OURS, size, "numba", "batched"),
                entry("one by one, compiled", Role.FLOOR, size, "numba", "looped"),
                entry("a batch, NumPy", Role.FLOOR, size, "numpy", "batched"),
                entry("one by one, NumPy", Role.FLOOR, size, "numpy", "looped"),
            ),
            amount=size,
            unit="examples",
            targets=targets,
        )
