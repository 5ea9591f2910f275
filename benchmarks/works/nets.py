"""Training steps of dense networks in float32: 784-256-128-10 with relu, and thirty narrow layers with tanh.

Compared are the losses of three steps of gradient descent on one batch, and what these did to every parameter.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle, pairwise
from typing import Any

import numpy as np
from benchmarks.contestant import Contest, Contestant, Entry, Role, Values
from benchmarks.judge import ahead
from benchmarks.works.ours import training_step
from numpy.typing import NDArray

import chainrule as cr
from chainrule.algebra.signature import FLOAT32
from chainrule.learn.layers import ACTIVATIONS
from chainrule.learn.losses import cross_entropy

RATE = 0.05
BATCHES = 8
TOLERANCE = 1e-3
FORMS = {"784-256-128-10": ((784, 256, 128, 10), "relu"), "30 layers of 64": ((64,) * 31 + (10,), "tanh")}

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Problem:
    """The same parameters and batches for every system; `kind` is that of the classes."""

    form: str
    B: int = 128
    kind: str = "int64"

    @property
    def widths(self) -> tuple[int, ...]:
        """Numbers in the input, in every layer, and of classes."""
        return FORMS[self.form][0]

    @property
    def activation(self) -> str:
        """The non-linearity, by name."""
        return FORMS[self.form][1]

    @cached_property
    def start(self) -> list[Floats]:
        """W1, b1, W2, b2 …: matrices (n, m) drawn so that activations keep their size, biases 0."""
        rng = np.random.default_rng(0)
        gain = 2.0 if self.activation == "relu" else 1.0
        return [
            w
            for m, n in pairwise(self.widths)
            for w in (
                rng.standard_normal((n, m), np.float32) * np.float32((gain / m) ** 0.5),
                np.zeros(n, np.float32),
            )
        ]

    @cached_property
    def batches(self) -> list[tuple[Floats, NDArray[Any]]]:
        """Inputs (B, m) and right classes (B,), several times."""
        rng = np.random.default_rng(1)
        first, *_, last = self.widths
        return [
            (rng.standard_normal((self.B, first), np.float32), rng.integers(0, last, self.B).astype(self.kind))
            for _ in range(BATCHES)
        ]

    def contestant(
        self,
        step: Callable[[Any, Any], Any],
        read: Callable[[], Sequence[Any]],
        batch: Callable[[Any], Any] = lambda array: array,
        wait: Callable[[], Any] = lambda: None,
    ) -> Contestant:
        """A system that has `step(x, y)`, which returns the loss, and `read()`, the parameters in order."""
        given = [(batch(x), batch(y)) for x, y in self.batches]
        turns = cycle(given)

        def values() -> Values:
            losses = [float(np.asarray(step(*given[0]))) for _ in range(3)]
            pairs = zip(read(), self.start, strict=True)
            return {
                "the loss": losses,
                **{f"parameter {k}": np.asarray(w) - w0 for k, (w, w0) in enumerate(pairs)},
            }

        return Contestant(lambda: step(*next(turns)), values, wait)


def ours(**options: Any) -> Contestant:
    """The graph, written for one example."""
    problem = Problem(**options)
    f = ACTIVATIONS[problem.activation]
    x = h = cr.vector("x", problem.widths[0], dtype=FLOAT32)
    y = cr.index("y")
    nodes: list[cr.Node] = []
    for k, (m, n) in enumerate(pairwise(problem.widths), 1):
        W, b = cr.matrix(f"W{k}", n, m, dtype=FLOAT32), cr.vector(f"b{k}", n, dtype=FLOAT32)
        nodes += [W, b]
        h = W @ (f(h) if k > 1 else h) + b
    loss = cr.mean(cr.batch(cross_entropy(h, y), [x, y]))
    params = {w.attrs["name"]: start.copy() for w, start in zip(nodes, problem.start, strict=True)}
    step = training_step(loss, nodes, params, "sgd", RATE)
    return problem.contestant(lambda x, y: step({"x": x, "y": y}), lambda: list(params.values()))


HERE = "benchmarks.works.nets"
SYSTEMS = {
    "chainrule": (Role.OURS, f"{HERE}:ours"),
    "torch eager": (Role.EXPERT, f"{HERE}_torch:eager"),
    "torch.compile": (Role.EXPERT, f"{HERE}_torch:compiled"),
    "jax jit": (Role.EXPERT, f"{HERE}_jax:jitted"),
}


def contests(quick: bool, threads: Sequence[int]) -> Iterator[Contest]:
    """Two networks, the deep one at two sizes of a batch."""
    for count in threads:
        for form, B in (("784-256-128-10", 128), ("30 layers of 64", 32), ("30 layers of 64", 128)):
            options = {"form": form, "B": 4 if quick else B}
            yield Contest(
                "dense networks",
                f"{form}, B = {options['B']}",
                tuple(Entry(label, role, make, options) for label, (role, make) in SYSTEMS.items()),
                threads=count,
                targets=(ahead(1.0),),
                tolerance=TOLERANCE,
            )
