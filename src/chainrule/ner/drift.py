"""What training did to word vectors: which words moved, and which were left behind by their neighbours.

Fine-tuning moves the vectors of the words in the training data alone. Words that were near them and are not in it
stay where they were: the pitfall of the CS224n notes, where TV and telly move away from television.

    length of a move       ‖E_w − E⁰_w‖, and as a share of ‖E⁰_w‖
    turn                   cos(E⁰_w, E_w), 1 where a word kept its direction
    u was left behind      u was not trained, t was, u was among the NEAR words most like t, cos(u, t) fell by FALL
"""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import DataError
from chainrule.learn.choose import within
from chainrule.ner.folder import WORDS, read_folder
from chainrule.ner.nearest import nearest, unit
from chainrule.ner.vectors import Floats, Vectors, read_vectors
from chainrule.ner.vocab import SPECIAL, Vocabulary, normalise, spellings

NEAR = 10  # words most like a word, its neighbourhood
FALL = 0.1
"""By how much a cosine falls where a neighbour is lost. Of four words in five the nearest neighbour is less than
that ahead of the tenth (vectors of 50 numbers of Wikipedia), so it would no longer be among them."""
STILL = 1e-3  # of its length, that a vector which was not trained may move: twice what 16 bits round off
SHARE = 0.1
"""Of the untrained words near trained ones: where more were left behind, it matters. Such words are five to ten
tokens of a hundred in new text (WNUT-17, BTC, WikiGold), so that one token in 200 to 100 was left behind; of half
as many no loss of F1 could be measured on WNUT-17."""


class Move(NamedTuple):
    """A word, the cosine of its vectors before and after, how far it moved, and that by its length or NaN."""

    word: str
    cosine: float
    distance: float
    share: float
    trained: bool


class Left(NamedTuple):
    """A word that was left behind; the trained word whose cosine with it fell most, and that cosine before and
    after; how many words of its neighbourhood left.
    """

    word: str
    by: str
    before: float
    after: float
    lost: int


@dataclass(frozen=True, eq=False)
class Drift:
    """V words that both have, their vectors (V, D) before and after, and which were trained, (V,).

    `near` is how many words that were not trained stood among the neighbours of one that was; `left` are those of
    them that were left behind, the most bereft first.
    """

    words: Sequence[str]
    before: Floats
    after: Floats
    trained: NDArray[np.bool_]
    near: int
    left: tuple[Left, ...]
    alone: tuple[int, int] = (0, 0)
    """How many words only the vectors before have, and only those after: they are left out."""

    @cached_property
    def lookup(self) -> dict[str, int]:
        """The row of every word."""
        return {word: row for row, word in enumerate(self.words)}

    @cached_property
    def distance(self) -> NDArray[np.float64]:
        """How far each word moved, (V,)."""
        return _lengths(self.after - self.before)

    @cached_property
    def cosine(self) -> NDArray[np.float64]:
        """The cosine of each word's vectors before and after, (V,)."""
        return np.asarray(np.einsum("vd,vd->v", unit(self.before), unit(self.after), dtype=np.float64))

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """The rows of the words, the one that moved farthest first."""
        return np.argsort(-self.distance, kind="stable")

    @property
    def share(self) -> float:
        """Which share of the untrained words near trained ones was left behind."""
        return len(self.left) / self.near if self.near else 0.0

    @property
    def matters(self) -> bool:
        """Whether so many words were left behind that it is worth a warning."""
        return self.share > SHARE

    def move(self, word: str) -> Move:
        """The move of a word as it is written, or of its normal form. Raises DataError for one without vectors."""
        row = next((self.lookup[form] for form in (word, normalise(word)) if form in self.lookup), None)
        if row is None:
            raise DataError(f"there is no vector for {word!r} both before and after; give other words")
        return self._move(row)

    def moves(self, count: int) -> list[Move]:
        """The words that moved farthest."""
        return [self._move(row) for row in self.order[:count].tolist()]

    def _move(self, row: int) -> Move:
        length = float(_lengths(self.before[row : row + 1])[0])
        distance = float(self.distance[row])
        share = distance / length if length else math.nan
        return Move(self.words[row], float(self.cosine[row]), distance, share, bool(self.trained[row]))


def _lengths(matrix: Floats) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(np.einsum("vd,vd->v", matrix, matrix, dtype=np.float64)))


def read_words(path: str | Path) -> Vectors:
    """The vectors of a file, or those of a model folder. Raises DataError, ModelError."""
    if not Path(path).is_dir():
        return read_vectors(path)
    *_, params = read_folder(path)
    words, first = Vocabulary.read(Path(path, WORDS)).words, len(SPECIAL)
    return Vectors(list(words[first:]), params["E"][first:].astype(np.float32, copy=False), Path(path))


def drift(
    before: Vectors, after: Vectors, trained: Collection[str] | None = None, sample: int | None = None
) -> Drift:
    """Compare vectors before and after training, of the words that both have.

    trained   the tokens of the training data; without them, the words that moved
    sample    of how many trained words the neighbours are looked at, evenly spaced; all of them without
    A word of `after` is looked for in `before` as it is spelt, then by its normal form. Neighbours take time in
    proportion to trained words times words; a sample makes `share` somewhat smaller, since a word near several
    trained ones has lost fewer. Raises DataError where their dimensions differ or no word is in both.
    """
    old, new = _paired(before, after)
    E0, E = before.matrix[old], after.matrix[new]
    words = [after.words[row] for row in new.tolist()]
    distance, length = _lengths(E - E0), _lengths(E0)
    moved = distance > STILL * length
    if trained is None:
        met = moved
    else:
        forms = {normalise(token) for token in trained}
        forms |= {spelling for form in forms for spelling in spellings(form)}
        met = np.fromiter((normalise(word) in forms for word in words), np.bool_, len(words))
    near, left = _left_behind(words, E0, E, met, met & moved, sample)
    alone = len(before) - len(set(old.tolist())), len(after) - len(words)
    return Drift(words, E0, E, met, near, left, alone)


def _paired(before: Vectors, after: Vectors) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows of the words that both have."""
    if before.dimension != after.dimension:
        raise DataError(
            f"{after.path or 'after'}: has {after.dimension} numbers a word, but {before.path or 'before'} has "
            f"{before.dimension}; give the vectors that training began with"
        )
    normals: dict[str, int] = {}
    for row, word in enumerate(before.words):
        normals.setdefault(normalise(word), row)
    found = [before.lookup.get(word, normals.get(normalise(word), -1)) for word in after.words]
    old = np.array(found, np.int64)
    new = np.flatnonzero(old >= 0)
    if not len(new):
        raise DataError(
            f"{after.path or 'after'}: has no word that is also in {before.path or 'before'}; "
            "give the vectors that training began with"
        )
    return old[new], new


def _left_behind(
    words: Sequence[str],
    E0: Floats,
    E: Floats,
    trained: NDArray[np.bool_],
    moved: NDArray[np.bool_],
    sample: int | None,
) -> tuple[int, tuple[Left, ...]]:
    """How many untrained words are near trained ones, and those of them that were left behind."""
    old, new = unit(E0), unit(E)
    met = np.flatnonzero(trained)
    if sample is not None and len(met):
        count = int(within("sample", sample, least=1, whole=True))
        met = met[np.unique(np.linspace(0, len(met) - 1, count).astype(int))]
    found: list[tuple[int, int, float, float]] = []
    near = np.zeros(len(words), np.bool_)
    for rows, cosines, places in nearest(old[met], old, NEAR, but=met):
        near[places] = True
        after = np.einsum("nkd,nd->nk", new[places], new[met[rows]])
        n, k = np.nonzero((cosines - after >= FALL) & moved[met[rows], None] & ~trained[places])
        columns = (places[n, k], met[rows][n], cosines[n, k], after[n, k])
        found += zip(*(column.tolist() for column in columns), strict=True)
    lost = Counter(u for u, *_ in found)
    worst = sorted(found, key=lambda each: (each[3] - each[2], words[each[0]], words[each[1]]))
    left: dict[int, Left] = {}
    for u, t, a, b in worst:
        left.setdefault(u, Left(words[u], words[t], a, b, lost[u]))
    return int((near & ~trained).sum()), tuple(left.values())
