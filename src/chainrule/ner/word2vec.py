"""Word vectors learnt from text, by skip-gram or CBOW with negative sampling (Mikolov et al. 2013).

The losses are graphs (`word2vec_losses`) of T words in a row and what is drawn for them (`word2vec_draws`); a step
goes by the mean over some rows, at a rate that falls in a straight line.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.node import Node, matrix
from chainrule.algebra.product import mean
from chainrule.algebra.signature import FLOAT32
from chainrule.calculus.batch import batch
from chainrule.errors import NonFiniteError
from chainrule.learn.batches import rng_for
from chainrule.learn.blas import one_thread
from chainrule.learn.choose import choose, within
from chainrule.learn.collective import ALONE, Collective
from chainrule.learn.optim import optimizer
from chainrule.learn.parallel import advance_by
from chainrule.learn.ranks import Division
from chainrule.learn.team import Team
from chainrule.ner.vectors import Floats, Vectors
from chainrule.ner.word2vec_draws import Drawn, Draws
from chainrule.ner.word2vec_losses import DRAWN, MODELS, TOGETHER, Data, Model, data
from chainrule.ner.word2vec_ranks import Piece, SideBySide
from chainrule.ner.word_counts import END, Text

ROWS = 16  # of so many words in a step, for each thread
MET = 8  # times at most that a step is expected to meet a word: what it adds up must not move the word too far
CHUNK = 1 << 15  # words, and ends of lines, drawn for at once
ROUNDS, SHORT = 40, 1024  # exchanges in an epoch at least, where pieces of so many words allow it
LEAST = 1e-4  # what the rate falls to, as a share of its start


@dataclass(frozen=True, kw_only=True)
class Word2Vec:
    """The settings; raises SettingError outside their range.

    model       skipgram, where a word foretells those near it, or cbow, where their mean foretells the word
    dimension   D, numbers in a vector
    window      R, words on each side at most; how many is drawn for each word, 1 to R
    negatives   K, drawn words for each pair, or for each mean
    thin        words whose share of the text is larger are left out now and then (equation 5); 0 keeps all
    epochs      passes over the text
    rate        learning rate at the start, from which it falls in a straight line; the model's own if None
    seed        same seed, same machine, one thread: the same vectors, bit for bit
    pieces      pieces of text that are learnt from side by side, by however many processes; 0: one after the other
    """

    model: str = "skipgram"
    dimension: int = 100
    window: int = 5
    negatives: int = 5
    thin: float = 1e-3
    epochs: int = 5
    rate: float | None = None
    seed: int = 0
    threads: int = 1
    pieces: int = 0

    def __post_init__(self) -> None:
        within("pieces", self.pieces, least=0, whole=True)
        for name in ("dimension", "window", "negatives", "epochs", "threads"):
            within(name, getattr(self, name), least=1, whole=True)
        within("thin", self.thin, least=0)
        choose("model", self.model, MODELS)
        if self.rate is not None:
            within("the learning rate", self.rate, above=0)
        within("the seed", self.seed, least=0, whole=True)

    @cached_property
    def parameters(self) -> tuple[Node, Node]:
        """E and U, (V, D): the vectors of words, and of words as neighbours."""
        return (
            matrix("E", "V", self.dimension, dtype=FLOAT32),
            matrix("U", "V", self.dimension, dtype=FLOAT32),
        )

    @property
    def kind(self) -> Model:
        """The loss of the model, and what goes with it."""
        return MODELS[self.model]

    @property
    def at_first(self) -> float:
        """The learning rate at the start."""
        return self.kind.rate if self.rate is None else self.rate

    @cached_property
    def data(self) -> Data:
        """What varies from one row of T words to another."""
        return data(self.window)

    @cached_property
    def one(self) -> Node:
        """J of T words in a row, with the words around them, those drawn, and which are near."""
        return self.kind.loss(*self.parameters, self.data, self.negatives)

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
    """Where training stands: words of all passes, done and to be done, and the mean loss of a term lately."""

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

    def __init__(self, text: Text, settings: Word2Vec, team: Team, backend: str) -> None:
        a = self.settings = settings
        self.params, moving = a.start(len(text.words)), optimizer("sgd")
        self.draws = Draws(text.counts, a.window, a.thin, TOGETHER, DRAWN)
        self.rows = rows_at_once(self.draws, a.threads)
        steps = text.kept * a.epochs // (TOGETHER * self.rows)
        self.step = advance_by(team, a.loss, a.parameters, moving, backend=backend, steps=steps)
        self.state = moving.start(self.params, self.step.backprop.sparse)

    def draw(self, piece: Piece) -> Drawn:
        """What is drawn for a piece."""
        return self.draws(piece.chunk, rng_for(self.settings.seed, "draws", piece.epoch, piece.number))

    def __call__(self, drawn: Drawn, first: float, last: float) -> NDArray[np.float64]:
        """Learn from a piece while the rate falls from `first` to `last`; the sum of losses, and of how many."""
        total = 0.0
        for k in range(0, len(drawn), self.rows):
            values = drawn[k : k + self.rows]
            rows = len(values["words"])
            rate = first + (last - first) * k / len(drawn)
            try:
                loss, _ = self.step({**self.params, **values}, self.state, rate * rows)  # J is a mean over rows
            except NonFiniteError:
                raise self.diverged() from None
            total += loss * rows
        return np.array([total, self.settings.kind.terms(drawn.near)])

    def finite(self) -> dict[str, Floats]:
        """The parameters. Raises NonFiniteError."""
        if not all(np.isfinite(table).all() for table in self.params.values()):
            raise self.diverged()
        return self.params

    def diverged(self) -> NonFiniteError:
        """What is said when numbers are not finite any more."""
        return NonFiniteError(
            f"the vectors grew beyond all bounds; lower the learning rate ({self.settings.at_first:g})"
        )


def train(
    text: Text,
    settings: Word2Vec | None = None,
    *,
    watch: Callable[[Tick], None] = lambda tick: None,
    stop: Callable[[], bool] = lambda: False,
    backend: str = "auto",
    ranks: Collective = ALONE,
) -> Run:
    """Learn a vector for every word of a text. Stopped, it returns what has been learnt so far.

    `ranks` are the processes that share the pieces; all call this with the same text and settings.
    Raises NonFiniteError where the rate is too high.
    """
    a = settings or Word2Vec()
    division = Division(a.pieces, a.seed, ranks)
    tick, sums = Tick(1, 0, text.kept * a.epochs, 0.0, 0.0), np.zeros((a.epochs, 2))
    with Team(a.threads) as team, one_thread(), np.errstate(over="ignore", invalid="ignore"):
        learner = _Learner(text, a, team, backend)
        division.begin(learner.params, "\n".join(text.words))

        def alone(piece: Piece) -> NDArray[np.float64]:
            return learner(learner.draw(piece), piece.first, piece.last)

        together = SideBySide(learner.params, learner.draw, learner, ranks)
        began, asked = time.monotonic(), False
        for pieces in _rounds(text, a):
            epoch, done = pieces[-1].epoch, pieces[-1].done
            found = together(pieces) if a.pieces else alone(pieces[0])
            sums[epoch - 1] += found
            tick = Tick(epoch, done, tick.total, _mean(found), time.monotonic() - began)
            watch(tick)
            if asked := division.any(stop()):
                break
        params = learner.finite()
    losses = tuple(_mean(each) for each in sums[: tick.epoch])
    return Run(Vectors(text.words, params["E"]), params["U"], tick, losses, asked)


def _rounds(text: Text, a: Word2Vec) -> Iterator[list[Piece]]:
    """The pieces of the text that are learnt from side by side, or each alone, epoch by epoch."""
    total, done = text.kept * a.epochs, 0
    size = min(CHUNK, max(SHORT, text.kept // (ROUNDS * a.pieces))) if a.pieces else CHUNK

    def rate() -> float:
        return a.at_first * max(LEAST, 1 - done / total)

    for epoch in range(1, a.epochs + 1):
        pieces: list[Piece] = []
        for k, chunk in enumerate(text.chunks(size)):
            first = rate()
            done += int(np.count_nonzero(chunk != END))
            pieces.append(Piece(epoch, k, chunk, done, first, rate()))
            if len(pieces) >= a.pieces:
                yield pieces
                pieces = []
        if pieces:
            yield pieces


def _mean(sums: NDArray[np.float64]) -> float:
    loss, pairs = sums.tolist()
    return loss / pairs if pairs else 0.0


def rows_at_once(draws: Draws, threads: int) -> int:
    """Rows of words in a step: fewer where a word is so frequent that a step would meet it more than MET times."""
    return max(1, min(ROWS * threads, int(MET / (TOGETHER * draws.most))))
