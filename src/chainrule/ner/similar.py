"""What word vectors say: which words are most alike, and analogies, by the cosine of their vectors.

    cos(a, b) = aᵀb / (‖a‖ ‖b‖)

    a : b = c : ?      the word x, none of the three, for which is largest
    add                cos(x, b̂ − â + ĉ),  â = a / ‖a‖                        3CosAdd, Mikolov et al. 2013
    mul                p(x, b) p(x, c) / (p(x, a) + ε),  p = (1 + cos) / 2    3CosMul, Levy & Goldberg 2014

A vector of zeros has the cosine 0 with all. (arXiv 1301.3781; CoNLL 2014, W14-1618, equation 4, ε = 0.001.)
"""

import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from chainrule.errors import DataError
from chainrule.learn.choose import choose, within
from chainrule.ner.nearest import unit
from chainrule.ner.vectors import Floats, Vectors
from chainrule.ner.vocab import normalise

EPSILON = 0.001  # keeps 3CosMul from a division by 0
MOST = 50_000  # words among which a misspelt one is looked for


def _add(a: Floats, b: Floats, c: Floats) -> Floats:
    return b - a + c


def _mul(a: Floats, b: Floats, c: Floats) -> Floats:
    half = np.float32(0.5)
    score: Floats = (half + half * b) * (half + half * c) / (half + half * a + np.float32(EPSILON))
    return score


METHODS: Mapping[str, Callable[[Floats, Floats, Floats], Floats]] = {"add": _add, "mul": _mul}
"""What makes a word x the answer, by its cosines with a, b and c; of `add` up to the length of b̂ − â + ĉ."""


class Neighbour(NamedTuple):
    """A word, and the cosine of its vector with what was asked for."""

    word: str
    cosine: float


class Similar:
    """Words with vectors, to be compared."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors = vectors

    @cached_property
    def unit(self) -> Floats:
        """The vectors at length 1, float32 (V, D)."""
        return unit(self.vectors.matrix)

    def row(self, word: str) -> int:
        """The row of a word as it is written, or else of its normal form. Raises DataError with words like it."""
        lookup = self.vectors.lookup
        for form in (word, normalise(word)):
            if form in lookup:
                return lookup[form]
        near = difflib.get_close_matches(normalise(word), self.vectors.words[:MOST], n=3)
        repair = f"did you mean {' or '.join(near)}?" if near else "give words that stand in it"
        raise DataError(f"{self.vectors.path or 'vectors'}: there is no vector for {word!r}; {repair}")

    def neighbours(self, word: str, count: int = 10) -> list[Neighbour]:
        """The words most like a word, the nearest first. Raises DataError for a word without a vector."""
        row = self.row(word)
        return self._nearest(self.unit[row], {row}, count)

    def analogy(self, a: str, b: str, c: str, count: int = 10, method: str = "add") -> list[Neighbour]:
        """What is to `c` as `b` is to `a`; none of the three. For `mul` the number beside a word is no cosine.

        Raises DataError for a word without a vector, SettingError for an unknown method.
        """
        score = choose("method", method, METHODS)
        rows = [self.row(word) for word in (a, b, c)]
        scores = score(*(self.unit @ vector for vector in self.unit[rows]))
        length = float(np.linalg.norm(_add(*self.unit[rows]))) if score is _add else 1.0
        return self._first(scores / np.float32(length or 1), rows, count)

    def _nearest(self, wanted: Floats, but: Collection[int], count: int) -> list[Neighbour]:
        return self._first(self.unit @ wanted, but, count)

    def _first(self, cosines: Floats, but: Collection[int], count: int) -> list[Neighbour]:
        within("the number of neighbours", count, least=1, whole=True)
        order: Sequence[int] = np.argsort(-cosines, kind="stable")[: count + len(but)].tolist()
        return [Neighbour(self.vectors.words[k], float(cosines[k])) for k in order if k not in but][:count]
