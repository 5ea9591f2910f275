"""Very many words in little memory: one piece of bytes, and a table of where each of them stands.

As objects of Python 100,000 words and a dict of them take 16 MB; so they take 2.5.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import index
from typing import overload

import numpy as np
from numpy.typing import NDArray

ENCODING = ("utf-8", "surrogatepass")
BLOCK = 1 << 12  # words that are objects at a time
PIECE = 1 << 16  # bytes that are looked at together: what is made and left at once stays in the way of a process
END = ord("\n")


class Words(Sequence[str]):
    """Strings without line breaks; equal to any sequence of the same strings."""

    def __init__(self, raw: bytes) -> None:
        """`raw` is their UTF-8, which may have lone surrogates, with a line break behind every string."""
        self.raw = raw
        starts, count = np.zeros(raw.count(END) + 1, np.uint32), 1
        for k in range(0, len(raw), PIECE):
            ends = np.flatnonzero(np.frombuffer(raw, np.uint8, min(PIECE, len(raw) - k), k) == END)
            starts[count : count + len(ends)] = ends + (k + 1)
            count += len(ends)
        self.starts = starts.data
        """Where each string begins, and the end of the last line."""

    @classmethod
    def of(cls, words: Iterable[str]) -> "Words":
        """These strings, none of which may have a line break."""
        return cls("".join(f"{word}\n" for word in words).encode(*ENCODING))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, key: int) -> str: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[str, ...]: ...
    def __getitem__(self, key: int | slice) -> str | tuple[str, ...]:
        if isinstance(key, slice):
            first, after, step = key.indices(len(self))
            found = self._between(first, after) if step > 0 else map(self.__getitem__, range(first, after, step))
            return tuple(found)[:: step if step > 0 else 1]
        k = index(key)
        k += len(self) * (k < 0)
        if not 0 <= k < len(self):
            raise IndexError(key)
        return self.raw[self.starts[k] : self.starts[k + 1] - 1].decode(*ENCODING)

    def __iter__(self) -> Iterator[str]:
        for first in range(0, len(self), BLOCK):
            yield from self._between(first, min(first + BLOCK, len(self)))

    def _between(self, first: int, after: int) -> list[str]:
        if first >= after:
            return []
        return self.raw[self.starts[first] : self.starts[after] - 1].decode(*ENCODING).split("\n")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Words):
            return self.raw == other.raw
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __reduce__(self) -> tuple[Callable[..., "Words"], tuple[bytes]]:
        return Words, (self.raw,)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"<{len(self):,} words>"


class Index(Mapping[str, int]):
    """Word → its number, for the words from `first` on; those behind `last` have the number of that one.

    A hash table with open addressing: slot k holds the number of the word whose hash leads to it or, where it is
    taken, to one in front of it.
    """

    def __init__(self, words: Words, first: int = 0, last: int | None = None) -> None:
        """Raises ValueError with a word that is there more than once."""
        self._words, self._first = words, first
        self._last = len(words) - 1 if last is None else last
        self._mask = (1 << max(4, (2 * len(words)).bit_length())) - 1
        slots = np.full(self._mask + 1, -1, np.int32)
        hashes = np.fromiter(map(hash, words), np.int64, len(words))
        for k in range(first, len(words), BLOCK):
            _place(slots, hashes[k : k + BLOCK] & self._mask, k)
        self._slots = slots.data
        hashes.sort()
        alike = {*hashes[1:][hashes[1:] == hashes[:-1]].tolist()}
        if alike and (twice := _repeated(words, alike)) is not None:
            raise ValueError(twice)

    def __reduce__(self) -> tuple[Callable[..., "Index"], tuple[Words, int, int]]:
        return Index, (self._words, self._first, self._last)  # another process has other hashes

    def _number(self, word: str) -> int:
        """The number of a word, −1 for one that is not there."""
        slots, mask, raw, starts = self._slots, self._mask, self._words.raw, self._words.starts
        slot = hash(word) & mask
        k = slots[slot]
        if k < 0:
            return k
        spelt = word.encode(*ENCODING)
        while k >= 0 and raw[starts[k] : starts[k + 1] - 1] != spelt:
            slot = (slot + 1) & mask
            k = slots[slot]
        return k if k < self._last else self._last

    def get(self, word: str, default: int | None = None) -> int | None:  # type: ignore[override]
        """The number of a word."""
        k = self._number(word)
        return default if k < 0 else k

    def __getitem__(self, word: str) -> int:
        if (k := self._number(word)) < 0:
            raise KeyError(word)
        return k

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self._number(word) >= 0

    def __iter__(self) -> Iterator[str]:
        return iter(self._words[self._first :])

    def __len__(self) -> int:
        return max(0, len(self._words) - self._first)


def _repeated(words: Words, hashes: set[int]) -> str | None:
    """A word that is there more than once, among those with these hashes; `'"` and `∧` always have the same."""
    seen = set()
    for word in words:
        if hash(word) in hashes:
            if word in seen:
                return word
            seen.add(word)
    return None


def _place(slots: NDArray[np.int32], home: NDArray[np.int64], first: int) -> None:
    """Enter the numbers from `first` on, each in the first free slot from its home on."""
    left, at, mask = np.arange(first, first + len(home)), home, len(slots) - 1
    while len(left):
        free = slots[at] < 0
        slots[at[free]] = left[free]  # of several for one slot the last stays
        moved = slots[at] != left
        left, at = left[moved], (at[moved] + 1) & mask
