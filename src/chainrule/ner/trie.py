"""A tree of sequences of numbers (a trie), and the longest of them that begin at each place of a line.

A node is the number of its key among all sorted keys p V + w, counted from 1, where p is its parent and w < V the
number by which it is reached; 0 is the root. Nodes are made level by level, parents before their children, so that
the keys of one level lie behind those of the level above. The child of many nodes at once is one search among the
keys, and all places of a line go down together.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
SLOTS = 4  # of a filter, for each node: a key that is not in it is not asked for
ODD = np.uint64(0x9E3779B97F4A7C15)


class Trie(NamedTuple):
    """E nodes beside the root, over V numbers, and in which of M sets a sequence ends there, (E + 1, M).

    first    the child of the root by each number, (V,), 0 where there is none
    maybe    whether a key may be there, by its hash, (2^b,)
    """

    V: int
    keys: Ids
    ends: NDArray[np.bool_]
    first: Ids
    maybe: NDArray[np.bool_]

    @classmethod
    def of(cls, numbers: Ids, starts: Ids, lengths: Ids, sets: Ids, V: int, M: int) -> Self:
        """P sequences: that of `lengths[p]` numbers from `starts[p]` on is in the set `sets[p]`."""
        node, level = np.zeros(len(starts), np.int64), np.arange(len(starts))[lengths > 0]
        keys, count, at, ends = [np.zeros(0, np.int64)], 0, 0, []
        while len(level):
            made, node[level] = np.unique(node[level] * V + numbers[starts[level] + at], return_inverse=True)
            node[level] += count + 1
            keys.append(made)
            count, at = count + len(made), at + 1
            ended = level[lengths[level] == at]
            ends.append(np.stack([node[ended], sets[ended]]))
            level = level[lengths[level] > at]
        every, marked = np.concatenate(keys), np.zeros((count + 1, M), np.bool_)
        for nodes, of in ends:
            marked[nodes, of] = True
        first = np.zeros(V, np.int64)
        top = every[: np.searchsorted(every, V)]
        first[top] = 1 + np.arange(len(top))
        maybe = np.zeros(1 << max(4, (SLOTS * count).bit_length()), np.bool_)
        maybe[_slots(every, maybe)] = True
        return cls(V, every, marked, first, maybe)

    def longest(self, line: Ids, after: Ids, begins: NDArray[np.bool_]) -> NDArray[np.int32]:
        """How long the longest sequence of each set is that begins at each place, 0 where there is none, (N, M).

        line (N,) numbers; `after` each the end of what it belongs to (N,), which no sequence goes beyond; and
        whether a sequence may begin there, (N,).
        """
        found = np.zeros((len(line), self.ends.shape[1]), np.int32)
        place = np.flatnonzero(begins & (self.first[line] > 0))
        node, size = self.first[line[place]], 1
        while len(place):
            ended = self.ends[node]
            for k in range(ended.shape[1]):
                found[place[ended[:, k]], k] = size
            inside = place + size < after[place]
            place, node = place[inside], node[inside]
            keys = node * self.V + line[place + size]
            known = np.flatnonzero(self.maybe[_slots(keys, self.maybe)])
            keys, place = keys[known], place[known]
            rank = np.searchsorted(self.keys, keys)
            met = np.flatnonzero(self.keys[np.minimum(rank, len(self.keys) - 1)] == keys)
            place, node, size = place[met], rank[met] + 1, size + 1
        return found


def _slots(keys: Ids, table: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Where keys are looked up, by the upper bits of a product (Fibonacci hashing: Knuth 1973, §6.4)."""
    found: NDArray[np.uint64] = (keys.astype(np.uint64) * ODD) >> np.uint64(64 - (len(table) - 1).bit_length())
    return found
