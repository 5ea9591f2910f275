"""Word vectors by skip-gram with negative sampling (Mikolov et al. 2013, arXiv 1310.4546, equation 4).

    J = Σ (softplus(−uᵀ v) + K E softplus(uₖᵀ v))      v of a word, u of a word nearby, uₖ of a word that is drawn

over all pairs of a word and one nearby. The graph is that of T words in a row: their products with the T + 2R
words around them, of which a matrix of 0 and 1 says which are near, and with N words that are drawn for all of
them together, each of which counts K / N for every pair. The mean of J over the draws is the same, and it takes
products of matrices, and T + 2R + N rows where pairs one by one would fetch many times as many. (Ji et al. 2016,
arXiv 1604.04661, share the draws of a window.)
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.entrywise import softplus
from chainrule.algebra.node import Node, index, matrix
from chainrule.algebra.product import mean, sum
from chainrule.algebra.select import take
from chainrule.algebra.signature import FLOAT32
from chainrule.calculus.batch import batch
from chainrule.errors import NonFiniteError
from chainrule.learn.batches import rng_for
from chainrule.learn.blas import one_thread
from chainrule.learn.choose import within
from chainrule.learn.optim import optimizer
from chainrule.learn.parallel import advance_by
from chainrule.learn.team import Team
from chainrule.ner.skipgram_draws import Draws
from chainrule.ner.vectors import Floats, Vectors
from chainrule.ner.word_counts import END, Numbers, Text

TOGETHER = 16  # T, words in a row that share what is drawn
DRAWN = 32  # N, words drawn for them
ROWS = 16  # of so many words in a step, for each thread
MET = 8  # times at most that a step is expected to meet a word: what it adds up must not move the word too far
CHUNK = 1 << 15  # words, and ends of lines, drawn for at once
LEAST = 1e-4  # what the rate falls to, as a share of its start


@dataclass(frozen=True, kw_only=True)
class SkipGram:
    """The settings; raises SettingError outside their range.

    dimension   D, numbers in a vector
    window      R, words on each side at most; how many is drawn for each word, 1 to R
    negatives   K, drawn words for each pair
    thin        words whose share of the text is larger are left out now and then (equation 5); 0 keeps all
    epochs      passes over the text
    rate        learning rate at the start, from which it falls in a straight line
    seed        same seed, same machine, one thread: the same vectors, bit for bit
    """

    dimension: int = 100
    window: int = 5
    negatives: int = 5
    thin: float = 1e-3
    epochs: int = 5
    rate: float = 0.025
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("dimension", "window", "negatives", "epochs", "threads"):
            within(name, getattr(self, name), least=1, whole=True)
        within("thin", self.thin, least=0)
        within("the learning rate", self.rate, above=0)
        within("the seed", self.seed, least=0, whole=True)

    @cached_property
    def parameters(self) -> tuple[Node, Node]:
        """E and U, (V, D): the vectors of words, and of words as neighbours."""
        return (
            matrix("E", "V", self.dimension, dtype=FLOAT32),
            matrix("U", "V", self.dimension, dtype=FLOAT32),
        )

    @cached_property
    def one(self) -> Node:
        """J of T words in a row, with the words around them, those drawn, and which are near."""
        E, U = self.parameters
        words, around, against, near = self.data
        v = take(E, words)
        met = sum(near * softplus(-(v @ take(U, around).T)))
        drawn = sum(near, axis=1) @ sum(softplus(v @ take(U, against).T), axis=1)
        return met + self.negatives / DRAWN * drawn

    @cached_property
    def data(self) -> tuple[Node, Node, Node, Node]:
        """What varies: numbers of words (T,), of those around (T + 2R,) and drawn (N,); near (T, T + 2R)."""
        wide = TOGETHER + 2 * self.window
        near = matrix("near", TOGETHER, wide, dtype=FLOAT32)
        return index("words", TOGETHER), index("around", wide), index("against", DRAWN), near

    @cached_property
    def loss(self) -> Node:
        """The mean of J over B rows of words."""
        return mean(batch(self.one, self.data))

    def start(self, V: int) -> dict[str, NDArray[np.float32]]:
        """E uniform in ±1/D, U zero: twice as far apart as in word2vec, which small texts learn from sooner."""
        shape = (V, self.dimension)
        drawn = rng_for(self.seed, "E").random(shape, np.float32)
        return {"E": (2 * drawn - 1) / np.float32(self.dimension), "U": np.zeros(shape, np.float32)}


class Tick(NamedTuple):
    """Where training stands: words of all passes, done and to be done, and the mean loss of a pair lately."""

    epoch: int
    done: int
    total: int
    loss: float
    seconds: float

    @property
    def speed(self) -> float:
        """Words a second."""
        return self.done / self.seconds if self.seconds else 0.0


class Run(NamedTuple):
    """What was learnt: vectors of words, and of words as neighbours, (V, D); where training stood at its end, the
    mean loss of each epoch, whether it was stopped.
    """

    vectors: Vectors
    contexts: Floats
    last: Tick
    losses: tuple[float, ...]
    interrupted: bool


class _Learner:
    """Parameters, and how they move by the words of a piece of text."""

    def __init__(self, text: Text, settings: SkipGram, team: Team, backend: str) -> None:
        a = self.settings = settings
        self.params, moving = a.start(len(text.words)), optimizer("sgd")
        self.draws = Draws(text.counts, a.window, a.thin, TOGETHER, DRAWN)
        self.rows = rows_at_once(self.draws, a.threads)
        steps = text.kept * a.epochs // (TOGETHER * self.rows)
        self.step = advance_by(team, a.loss, a.parameters, moving, backend=backend, steps=steps)
        self.state = moving.start(self.params, self.step.backprop.sparse)

    def __call__(self, chunk: Numbers, rng: np.random.Generator, first: float, last: float) -> NDArray[np.float64]:
        """Learn from a piece while the rate falls from `first` to `last`; the sum of losses, and of how many."""
        drawn, total = self.draws(chunk, rng), 0.0
        for k in range(0, len(drawn), self.rows):
            values = drawn[k : k + self.rows]
            rows = len(values["words"])
            rate = first + (last - first) * k / len(drawn)
            try:
                loss, _ = self.step({**self.params, **values}, self.state, rate * rows)  # J is a mean over rows
            except NonFiniteError:
                raise self.diverged() from None
            total += loss * rows
        return np.array([total, drawn.pairs])

    def finite(self) -> dict[str, Floats]:
        """The parameters. Raises NonFiniteError."""
        if not all(np.isfinite(table).all() for table in self.params.values()):
            raise self.diverged()
        return self.params

    def diverged(self) -> NonFiniteError:
        """What is said when numbers are not finite any more."""
        return NonFiniteError(
            f"the vectors grew beyond all bounds; lower the learning rate ({self.settings.rate:g})"
        )


def train(
    text: Text,
    settings: SkipGram | None = None,
    *,
    watch: Callable[[Tick], None] = lambda tick: None,
    stop: Callable[[], bool] = lambda: False,
    backend: str = "auto",
) -> Run:
    """Learn a vector for every word of a text. Stopped, it returns what has been learnt so far.

    Raises NonFiniteError where the rate is too high.
    """
    a = settings or SkipGram()
    total = text.kept * a.epochs
    tick, sums = Tick(1, 0, total, 0.0, 0.0), np.zeros((a.epochs, 2))
    with Team(a.threads) as team, one_thread(), np.errstate(over="ignore", invalid="ignore"):
        learner = _Learner(text, a, team, backend)
        began, asked = time.monotonic(), False
        for epoch, rng, chunk in _pieces(text, a):
            done = tick.done + int(np.count_nonzero(chunk != END))
            first, last = (a.rate * max(LEAST, 1 - each / total) for each in (tick.done, done))
            piece = learner(chunk, rng, first, last)
            sums[epoch - 1] += piece
            tick = Tick(epoch, done, total, _mean(piece), time.monotonic() - began)
            watch(tick)
            if asked := stop():
                break
        params = learner.finite()
    losses = tuple(_mean(each) for each in sums[: tick.epoch])
    return Run(Vectors(text.words, params["E"]), params["U"], tick, losses, asked)


def _pieces(text: Text, a: SkipGram) -> Iterator[tuple[int, np.random.Generator, Numbers]]:
    """The number of each epoch, what it draws by, and a piece of the text, one after the other."""
    for epoch in range(1, a.epochs + 1):
        rng = rng_for(a.seed, "draws", epoch)
        for chunk in text.chunks(CHUNK):
            yield epoch, rng, chunk


def _mean(sums: NDArray[np.float64]) -> float:
    loss, pairs = sums.tolist()
    return loss / pairs if pairs else 0.0


def rows_at_once(draws: Draws, threads: int) -> int:
    """Rows of words in a step: fewer where a word is so frequent that a step would meet it more than MET times."""
    return max(1, min(ROWS * threads, int(MET / (TOGETHER * draws.most))))
