"""Pieces of text that are learnt from side by side, by however many processes, from the same vectors.

    e ← e + Σₖ Δₖ / (1 + (m − 1) min(1, n / 100 m))

Δₖ is what piece k moves the vector by, m how many pieces move it at all, n how often they meet the word. What a
rare word learns in several pieces adds up, as it does in one piece after the other. A frequent word goes in each
of them as far as it can, and moves by their mean: by the sum it would go too far, and diverge.

What a piece moves depends on the vectors that the round began with, on the seed and on its place in the text, and
sums are taken in the order of the pieces, so that the number of processes decides nothing. Only rows that moved
are sent. (McDonald et al. 2010 mix the parameters of a perceptron in rounds likewise.)
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.learn.collective import Collective
from chainrule.learn.gradients import Rows, coalesce
from chainrule.learn.ranks import share
from chainrule.ner.vectors import Floats
from chainrule.ner.word2vec_draws import Drawn
from chainrule.ner.word_counts import Numbers

OFTEN = 100  # times that a piece meets a word, at the usual rates, until it does not move it much further
NONE = np.zeros(0, np.int64)


class Piece(NamedTuple):
    """A piece of text: its epoch and number there, the words of all epochs up to it, and the rates that it has."""

    epoch: int
    number: int
    chunk: Numbers
    done: int
    first: float
    last: float


Draw = Callable[[Piece], Drawn]
Learn = Callable[[Drawn, float, float], NDArray[np.float64]]


class SideBySide:
    """Learns from the pieces of a round, those that fall to this rank, and moves the vectors by all of them."""

    def __init__(self, params: Mapping[str, Floats], draw: Draw, learn: Learn, ranks: Collective) -> None:
        """`learn` moves `params` (V, D) in place, and returns the sum of losses and of how many."""
        self.params, self.draw, self.learn, self.ranks = params, draw, learn, ranks

    def __call__(self, pieces: Sequence[Piece]) -> NDArray[np.float64]:
        """The sum of the losses, and of how many."""
        told = np.zeros(2)
        moved: dict[str, list[Rows]] = {
            name: [_moves(w[:0], w[:0], NONE, NONE)] for name, w in self.params.items()
        }
        for k in share(len(pieces), self.ranks.rank, self.ranks.world):
            drawn = self.draw(pieces[k])
            met = np.concatenate([drawn.words.ravel(), drawn.around.ravel(), drawn.against.ravel()])
            rows, counts = np.unique(met, return_counts=True)
            before = {name: w[rows] for name, w in self.params.items()}
            told += self.learn(drawn, pieces[k].first, pieces[k].last)
            for name, w in self.params.items():
                moved[name].append(_moves(before[name], w[rows], rows, counts))
                w[rows] = before[name]
        self.ranks.allreduce(told)
        for name, w in self.params.items():
            parts = moved[name]
            sent = Rows(np.concatenate([p.indices for p in parts]), np.concatenate([p.values for p in parts]))
            found = self.ranks.allgather_rows(sent)
            every = coalesce(Rows(found.indices, found.values.astype(np.float64)))
            far, m, n = np.split(every.values, [-2, -1], axis=1)
            w[every.indices] += (far / (1 + (m - 1) * np.minimum(1, n / (OFTEN * m)))).astype(w.dtype)
        return told


def _moves(before: Floats, after: Floats, rows: NDArray[np.int64], counts: NDArray[np.int64]) -> Rows:
    """The rows that moved: how far, and behind it 1, and how often the piece met them."""
    changed = (after != before).any(axis=1)
    far = after[changed] - before[changed]
    told = np.stack([np.ones(len(far), far.dtype), counts[changed].astype(far.dtype)], axis=1)
    return Rows(rows[changed], np.concatenate([far, told], axis=1))
