"""The training step of the window network: V = 100,000 words, D = 50, W = 5, H = 100, C = 5, float32.

Every system begins with the same parameters and moves them on the same batches, whose words are as frequent as in
text (the k-th word about 1/k). Compared are the losses of three steps on one batch, and what these did to every
parameter: with gradient descent that is the gradient times the rate.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from typing import Any

import numpy as np
from benchmarks.contestant import Contest, Contestant, Entry, Role, Values
from benchmarks.judge import Target, ahead, flat, smaller, within
from benchmarks.works.ours import Step, training_step
from numpy.typing import NDArray

from chainrule.learn.shards import hands
from chainrule.learn.train import Params
from chainrule.ner.architecture import Architecture
from chainrule.ner.model import Network

D, W, H, C = 50, 5, 100, 5
NAMES = ("E", "W", "b", "U", "c")
BATCHES = 32
RATES = {"sgd": 1 / 640, "adagrad": 0.01, "adam": 0.001}  # that of sgd for each window, its loss being a mean
STATES = {"sgd": 1, "adagrad": 2, "adam": 3}  # arrays of a parameter's size that are held
TOLERANCE = 2e-3
PRODUCTS = "its products"

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Problem:
    """The same parameters and batches for every system; `kind` is that of the word numbers."""

    V: int = 100_000
    B: int = 32
    rule: str = "sgd"
    kind: str = "int64"
    threads: int = 1

    @property
    def rate(self) -> float:
        """The learning rate."""
        return RATES[self.rule] * (self.B if self.rule == "sgd" else 1)

    @property
    def start(self) -> dict[str, Floats]:
        """The parameters before the first step."""
        return _start(self.V)

    @property
    def batches(self) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """Words (B, W) and right classes (B,), several times."""
        return _batches(self.V, self.B, self.kind)

    def contestant(
        self,
        step: Callable[[Any, Any], Any],
        read: Callable[[], Sequence[Any]],
        batch: Callable[[Any], Any] = lambda array: array,
        wait: Callable[[], Any] = lambda: None,
    ) -> Contestant:
        """A system that has `step(words, y)`, which returns the loss, and `read()`, the parameters E W b U c.

        batch   takes an array of a batch to what the system wants
        """
        given = [(batch(words), batch(y)) for words, y in self.batches]
        turns = cycle(given)

        def values() -> Values:
            losses = [float(np.asarray(step(*given[0]))) for _ in range(3)]
            moves = {n: np.asarray(w) - self.start[n] for n, w in zip(NAMES, read(), strict=True)}
            met = np.unique(self.batches[0][0])
            everywhere = np.linalg.norm(moves["E"])  # nothing moved but the rows that were met
            return {"the loss": losses, **moves, "E": moves["E"][met], "all of E": everywhere}

        held = STATES[self.rule] * sum(w.nbytes for w in self.start.values())
        return Contestant(lambda: step(*next(turns)), values, wait, held)


@cache
def _start(V: int) -> dict[str, Floats]:
    rng = np.random.default_rng(0)
    shapes = {"E": (V, D), "W": (H, W * D), "U": (C, H)}
    drawn = {n: rng.standard_normal(s, np.float32) * np.float32(0.1) for n, s in shapes.items()}
    return {"b": np.zeros(H, np.float32), "c": np.zeros(C, np.float32), **drawn}


@cache
def _batches(V: int, B: int, kind: str) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """P(word k) = log(1 + 1/k) / log V."""
    rng = np.random.default_rng(1)
    return [
        ((V ** rng.random((B, W)) - 1).astype(kind), rng.integers(0, C, B).astype(kind)) for _ in range(BATCHES)
    ]


# ── ours, and what no system can do without ───────────────────────────────────────────────────────────


def ours(**options: Any) -> Contestant:
    """The graph, written for one window."""
    problem = Problem(**options)
    params = {name: problem.start[name].copy() for name in NAMES}
    step = step_of(problem, params)
    return problem.contestant(
        lambda words, y: step({"words": words, "y": y}), lambda: [params[name] for name in NAMES]
    )


def step_of(problem: Problem, params: Params, backend: str = "numba") -> Step:
    """The training step of a problem."""
    network = Network(Architecture(window=W, dimension=D, hidden=H, caps=0, dropout=0), problem.V, C)
    trained = list(network.parameters.values())
    threads = hands(problem.threads, problem.B)
    return training_step(network.loss(), trained, params, problem.rule, problem.rate, backend, threads)


def products(**options: Any) -> Contestant:
    """The three large matrix products of the step, X Wᵀ, δᵀ X and δ W, in memory that is there already."""
    problem = Problem(**options)
    weights = problem.start["W"]
    x = problem.start["E"][problem.batches[0][0]].reshape(problem.B, W * D)
    delta = np.ones((problem.B, H), np.float32)
    z, dw, dx = np.empty_like(delta), np.empty_like(weights), np.empty_like(x)

    def run() -> None:
        np.dot(x, weights.T, out=z)
        np.dot(delta.T, x, out=dw)
        np.dot(delta, weights, out=dx)

    return Contestant(run)


# ── contests ──────────────────────────────────────────────────────────────────────────────────────────

HERE = "benchmarks.works.window"
SYSTEMS: Mapping[str, tuple[Role, str]] = {
    "chainrule": (Role.OURS, f"{HERE}:ours"),
    "torch dense": (Role.DEFAULT, f"{HERE}_torch:dense"),
    "torch sparse": (Role.EXPERT, f"{HERE}_torch:sparse"),
    "torch.compile": (Role.EXPERT, f"{HERE}_torch:compiled"),
    "jax dense": (Role.DEFAULT, f"{HERE}_jax:dense"),
    "jax scatter": (Role.EXPERT, f"{HERE}_jax:scattered"),
    "autograd": (Role.DEFAULT, f"{HERE}_autograd:dense"),
}


def entries(**options: Any) -> tuple[Entry, ...]:
    """All systems on one problem."""
    return tuple(Entry(label, role, make, options) for label, (role, make) in SYSTEMS.items())


def contests(quick: bool, threads: Sequence[int]) -> Iterator[Contest]:
    """Training steps: three rules, three sizes of a batch."""
    sizes, V = ((32,), 2_000) if quick else ((32, 256, 1024), 100_000)
    for count in threads:
        for rule in ("sgd",) if quick else ("sgd", "adagrad", "adam"):
            for B in sizes:
                options = {"V": V, "B": B, "rule": rule, "threads": count}
                bare = Entry(PRODUCTS, Role.FLOOR, f"{HERE}:products", options)
                yield Contest(
                    "training step",
                    f"{rule}, B = {B}",
                    (*entries(**options), bare),
                    threads=count,
                    targets=tuple(_targets(B)),
                    tolerance=TOLERANCE,
                )


def _targets(B: int) -> Iterator[Target]:
    yield ahead({32: 4.0, 256: 2.5, 1024: 1.5}[B])
    if B <= 256:
        yield ahead(20, Role.DEFAULT, of="the default use")
    if B >= 256:
        yield within(1.3, PRODUCTS)


def growth(quick: bool, threads: Sequence[int]) -> Iterator[Contest]:
    """The training step against the size of the vocabulary, each system against itself."""
    sizes = (1_000, 4_000) if quick else (10_000, 100_000, 1_000_000)
    for label, (role, make) in SYSTEMS.items():
        names = [f"V = {V:,}" for V in sizes]
        yield Contest(
            "cost against vocabulary",
            label,
            tuple(Entry(n, role, make, {"V": V, "B": 256}) for n, V in zip(names, sizes, strict=True)),
            base=names[0],
            targets=(flat(1.25, names[-1]),) if role is Role.OURS else (),
            tolerance=None,
        )


def shared(quick: bool, threads: Sequence[int]) -> Iterator[Contest]:
    """The training step on threads against itself on one."""
    sizes, V = ((256,), 2_000) if quick else ((32, 256, 1024), 100_000)
    for count in (n for n in threads if n > 1):
        for B in sizes:
            ours = [
                Entry(f"{n} thread{'s' * (n > 1)}", Role.OURS, f"{HERE}:ours", {"V": V, "B": B, "threads": n})
                for n in (1, count)
            ]
            yield Contest(
                "training on threads",
                f"sgd, B = {B}",
                tuple(ours),
                threads=count,
                base=ours[0].label,
                tolerance=TOLERANCE,
            )


def memory(quick: bool, threads: Sequence[int]) -> Iterator[Contest]:
    """The memory that a training step needs beyond the parameters."""
    options = {"V": 2_000 if quick else 100_000, "B": 256}
    yield Contest(
        "memory of a training step",
        "sgd, B = 256",
        entries(**options),
        measured="memory",
        targets=(smaller("the best peer"),),
        tolerance=TOLERANCE,
    )
