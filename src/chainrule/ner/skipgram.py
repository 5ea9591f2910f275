"""Word vectors by skip-gram with negative sampling (Mikolov et al. 2013, arXiv 1310.4546, equation 4).

    J = Σ (softplus(−uᵀ v) + K E softplus(uₖᵀ v))      v of a word, u of a word nearby, uₖ of a word that is drawn

over all pairs of a word and one nearby. The graph is that of T words in a row: their products with the T + 2R
words around them, of which a matrix of 0 and 1 says which are near, and with N words that are drawn for all of
them together, each of which counts K / N for every pair. The mean of J over the draws is the same, and it takes
products of matrices, and T + 2R + N rows where pairs one by one would fetch many times as many. (Ji et al. 2016,
arXiv 1604.04661, share the draws of a window.)
"""

import time
from collections.abc import Callable
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
from chainrule.learn.batches import rng_for
from chainrule.learn.blas import one_thread
from chainrule.learn.choose import within
from chainrule.learn.optim import optimizer
from chainrule.learn.parallel import advance_by
from chainrule.learn.team import Team
from chainrule.ner.skipgram_draws import Draws
from chainrule.ner.vectors import Vectors
from chainrule.ner.word_counts import END, Text

TOGETHER = 16  # T, words in a row that share what is drawn
DRAWN = 32  # N, words drawn for them
ROWS = 16  # of so many words in a step
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
        """E uniform in ±1/(2D), U zero, as in word2vec."""
        shape = (V, self.dimension)
        drawn = rng_for(self.seed, "E").random(shape, np.float32)
        return {"E": (drawn - np.float32(0.5)) / np.float32(self.dimension), "U": np.zeros(shape, np.float32)}


class Tick(NamedTuple):
    """Where training stands: words of all passes, done and to be done, and the mean loss of a pair lately."""

    epoch: int
    done: int
    total: int
    loss: float
    rate: float
    seconds: float

    @property
    def speed(self) -> float:
        """Words a second."""
        return self.done / self.seconds if self.seconds else 0.0


class Run(NamedTuple):
    """What was learnt: where training stood at its end, the loss of each epoch, whether it was stopped."""

    vectors: Vectors
    last: Tick
    losses: tuple[float, ...]
    interrupted: bool


class _Mean:
    """A mean of losses over pairs, which comes together piece by piece."""

    def __init__(self) -> None:
        self.loss = self.pairs = 0.0

    def add(self, other: "_Mean") -> None:
        self.loss, self.pairs = self.loss + other.loss, self.pairs + other.pairs

    @property
    def value(self) -> float:
        return self.loss / self.pairs if self.pairs else 0.0


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
    params, moving = a.start(len(text.words)), optimizer("sgd")
    draws = Draws(text.counts, a.window, a.thin, TOGETHER, DRAWN)
    total, done, losses = text.kept * a.epochs, 0, []
    began, asked = time.monotonic(), False
    tick = Tick(1, 0, total, 0.0, a.rate, 0.0)
    with Team(a.threads) as team, one_thread():
        steps = total // (TOGETHER * ROWS)
        step = advance_by(team, a.loss, a.parameters, moving, backend=backend, steps=steps)
        state = moving.start(params, step.backprop.sparse)
        for epoch in range(1, a.epochs + 1):
            rng, whole = rng_for(a.seed, "draws", epoch), _Mean()
            for chunk in text.chunks():
                drawn, lately = draws(chunk, rng), _Mean()
                length = int((chunk != END).sum())
                for first in range(0, len(drawn), ROWS):
                    values = drawn[first : first + ROWS]
                    rows = len(values["words"])
                    rate = a.rate * max(LEAST, 1 - (done + length * first / len(drawn)) / total)
                    loss, _ = step({**params, **values}, state, rate * rows)
                    lately.loss += loss * rows
                    if asked := stop():
                        break
                lately.pairs = drawn.pairs
                done += length
                whole.add(lately)
                tick = Tick(epoch, done, total, lately.value, rate, time.monotonic() - began)
                watch(tick)
                if asked:
                    break
            losses.append(whole.value)
            if asked:
                break
    return Run(Vectors(text.words, params["E"]), tick, tuple(losses), asked)
