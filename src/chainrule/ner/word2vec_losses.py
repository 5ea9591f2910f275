"""Two losses of words and the words around them, as graphs: skip-gram and CBOW with negative sampling.

Both are those of T words in a row (Mikolov et al. 2013, arXiv 1301.3781, and 1310.4546, equation 4). A matrix of
0 and 1 says which of the T + 2R words around them are near which, and the N words that are drawn are drawn for
all of them together, each counting K / N: the mean over the draws is the same, and it takes products of matrices,
and T + 2R + N rows where words one by one would fetch many times as many. (Ji et al. 2016, arXiv 1604.04661, share
the draws of a window.)

    skipgram   Σ softplus(−uᵀ v) + K E softplus(uₖᵀ v)    over pairs: v of a word, u of a word near it
    cbow       Σ softplus(−uᵀ m) + K E softplus(uₖᵀ m)    over words: u of a word, m the mean of those v near it

The gradient of a mean is shared among its words, each 1/n of it, as in İrsoy et al. 2021 (arXiv 2012.15332) and
other than in word2vec, where each has the whole; so the rate of CBOW is larger.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.choice import maximum, minimum
from chainrule.algebra.entrywise import softplus
from chainrule.algebra.node import Node, index, matrix
from chainrule.algebra.product import sum
from chainrule.algebra.select import reshape, take
from chainrule.algebra.signature import FLOAT32

TOGETHER = 16  # T, words in a row that share what is drawn
DRAWN = 32  # N, words drawn for them


class Data(NamedTuple):
    """What varies: numbers of words (T,), of those around them (T + 2R,) and drawn (N,); near (T, T + 2R)."""

    words: Node
    around: Node
    against: Node
    near: Node


def data(window: int, together: int = TOGETHER, drawn: int = DRAWN) -> Data:
    """The variables of T words in a row, for windows of so many words on each side."""
    wide = together + 2 * window
    near = matrix("near", together, wide, dtype=FLOAT32)
    return Data(index("words", together), index("around", wide), index("against", drawn), near)


def skipgram(E: Node, U: Node, d: Data, negatives: int) -> Node:
    """J of T words, each of which foretells every word near it."""
    v = take(E, d.words)
    met = sum(d.near * softplus(-(v @ take(U, d.around).T)))
    return met + _share(d, negatives) * (sum(d.near, axis=1) @ _against(v, U, d))


def cbow(E: Node, U: Node, d: Data, negatives: int) -> Node:
    """J of T words, each of which the mean of the words near it foretells; those without any do not count."""
    count = sum(d.near, axis=1)
    counts, m = minimum(count, 1.0), d.near @ take(E, d.around) / reshape(maximum(count, 1.0), count.shape[0], 1)
    met = counts @ softplus(-sum(m * take(U, d.words), axis=1))
    return met + _share(d, negatives) * (counts @ _against(m, U, d))


def _against(v: Node, U: Node, d: Data) -> Node:
    """Σₖ softplus(uₖᵀ v) over the words drawn, for each of T vectors, (T,)."""
    return sum(softplus(v @ take(U, d.against).T), axis=1)


def _share(d: Data, negatives: int) -> float:
    """K / N, what each of the words drawn counts."""
    return negatives / float(d.against.shape[0])  # type: ignore[arg-type]


class Model(NamedTuple):
    """A loss; the learning rate that it is at home with; how many terms it has by what is near, (n, T, T + 2R)."""

    loss: Callable[[Node, Node, Data, int], Node]
    rate: float
    terms: Callable[[NDArray[np.float32]], int]


MODELS: Mapping[str, Model] = {
    "skipgram": Model(skipgram, 0.025, lambda near: int(np.count_nonzero(near))),
    "cbow": Model(cbow, 0.2, lambda near: int(np.count_nonzero(near.any(axis=2)))),
}
