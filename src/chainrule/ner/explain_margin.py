"""How far the tags of a sentence are ahead of the best legal ones that are others: exactly.

    m(n, c) = max over legal paths with tag c at token n of Σ s + Σ A        max-marginals, one sweep each way

A is 0 where tags are scored alone. The best path with another tag at token n has the score max_{c ≠ y_n} m(n, c).
A name is not found as it is where one of its tokens has another tag, or where a token beside it goes on with it.
"""

from typing import NamedTuple

import numpy as np

from chainrule.ner.decode import Floats
from chainrule.ner.explain_scores import Doubles
from chainrule.ner.features import Ids
from chainrule.ner.tags import Mask


class Runner(NamedTuple):
    """The best path that is another one: its tags from token `first` on, and by how much its score is less.

    Before `first` and behind the last of them it is the path that was chosen, or as far as was asked.
    """

    first: int
    tags: list[int]
    margin: float


class Paths:
    """The legal paths through a sentence of N tokens, and the one that was chosen, y (N,)."""

    def __init__(self, scores: Floats, moves: Floats, legal: Mask, y: Ids) -> None:
        """scores (N, C), moves (C + 1, C + 1) with the border of a sentence last, and which of them are legal."""
        self._s, self.y = np.asarray(scores, np.float64), y
        self._moves = np.where(legal, np.asarray(moves, np.float64), -np.inf)
        self._to = _swept(self._s, self._moves)
        self._from = _swept(self._s[::-1], self._moves.T)[::-1]
        self.through: Doubles = self._to + self._from - self._s

    @property
    def score(self) -> float:
        """Of the path that was chosen."""
        path = np.concatenate([[-1], self.y, [-1]])
        return float(self._s[np.arange(len(self.y)), self.y].sum() + self._moves[path[:-1], path[1:]].sum())

    def other(self, tokens: range, before: Mask, after: Mask) -> Runner | None:
        """The best path on which one of these tokens has another tag, or a token beside them goes on with them.

        before, after   which tags (C,) in front of them, or behind, would be of the same name
        """
        low, high = max(0, tokens.start - 1), min(len(self.y), tokens.stop + 1)
        rows, near = self.through[low:high].copy(), np.arange(low, high)
        rows[np.arange(len(near)), self.y[low:high]] = -np.inf
        rows[near == tokens.start - 1] += np.where(before, 0.0, -np.inf)
        rows[near == tokens.stop] += np.where(after, 0.0, -np.inf)
        place, tag = np.unravel_index(rows.argmax(), rows.shape)
        if rows[place, tag] == -np.inf:
            return None
        first, tags = self._path(low + int(place), int(tag), tokens)
        return Runner(first, tags, self.score - float(rows[place, tag]))

    def _path(self, n: int, tag: int, tokens: range) -> tuple[int, list[int]]:
        """The best path through a tag at token n, up to where it is the chosen one again, around these tokens."""
        left, right = [tag], [tag]
        while n - len(left) >= 0 and (n - len(left) >= tokens.start - 1 or left[-1] != self.y[n - len(left) + 1]):
            left.append(int((self._to[n - len(left)] + self._moves[:-1, left[-1]]).argmax()))
        while (m := n + len(right)) < len(self.y) and (m <= tokens.stop or right[-1] != self.y[m - 1]):
            right.append(int((self._from[m] + self._moves[right[-1], :-1]).argmax()))
        return n - len(left) + 1, left[:0:-1] + right


def _swept(s: Doubles, moves: Doubles) -> Doubles:
    """The best score of a path from the border up to every tag of every token, its own score with it, (N, C)."""
    found = np.empty_like(s)
    within = moves[:-1, :-1].T.copy()
    best = moves[-1, :-1]
    for n, row in enumerate(s):
        best = found[n] = best + row
        best = (best + within).max(axis=1)
    return found
