"""What word vectors say: which words are most alike, and analogies, by the cosine of their vectors.

    cos(a, b) = aᵀb / (‖a‖ ‖b‖)
    a : b = c : ?      the word whose cosine with b̂ − â + ĉ is largest, â = a / ‖a‖

The second is 3CosAdd of Mikolov et al. 2013 (arXiv 1301.3781). A vector of zeros has the cosine 0 with all.
"""

import difflib
from collections.abc import Collection, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from chainrule.errors import DataError
from chainrule.learn.choose import within
from chainrule.ner.vectors import Floats, Vectors
from chainrule.ner.vocab import normalise

MOST = 50_000  # words among which a misspelt one is looked for


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
        matrix = self.vectors.matrix.astype(np.float32, copy=False)
        length = np.sqrt(np.einsum("vd,vd->v", matrix, matrix, dtype=np.float64))
        return (matrix / np.where(length > 0, length, 1)[:, None]).astype(np.float32)

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

    def analogy(self, a: str, b: str, c: str, count: int = 10) -> list[Neighbour]:
        """What is to `c` as `b` is to `a`; none of the three. Raises DataError for a word without a vector."""
        rows = [self.row(word) for word in (a, b, c)]
        first, second, third = self.unit[rows]
        wanted = second - first + third
        length = float(np.linalg.norm(wanted))
        return self._nearest(wanted / np.float32(length or 1), rows, count)

    def _nearest(self, wanted: Floats, but: Collection[int], count: int) -> list[Neighbour]:
        within("the number of neighbours", count, least=1, whole=True)
        cosines = self.unit @ wanted
        order: Sequence[int] = np.argsort(-cosines, kind="stable")[: count + len(but)].tolist()
        return [Neighbour(self.vectors.words[k], float(cosines[k])) for k in order if k not in but][:count]
