"""What is drawn for word vectors: which words stay, how far each looks, and which words it is held against."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from numpy.typing import NDArray

from chainrule.ner.word_counts import END, Numbers

POWER = 0.75  # of the counts, by which words are drawn (Mikolov et al. 2013, section 2.2)
TABLE = 1 << 20  # entries at least; a word has as many as its share
PER_WORD = 16  # entries for each word of a large vocabulary


@dataclass(frozen=True, eq=False)
class Drawn:
    """n rows of T words, (n, T), the words around each row, (n, T + 2R), words drawn for it, (n, N), and which of
    those around are near which, (n, T, T + 2R), 1 or 0; places beyond the text are near nothing.
    """

    words: NDArray[np.int64]
    around: NDArray[np.int64]
    against: NDArray[np.int64]
    near: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, part: slice) -> Mapping[str, NDArray[np.generic]]:
        """Some of the rows, by the names that the graph has for them."""
        return {name: array[part] for name, array in vars(self).items()}


class Draws:
    """What is drawn for texts whose words have these counts, (V,)."""

    def __init__(self, counts: NDArray[np.int64], window: int, thin: float, together: int, drawn: int) -> None:
        self.window, self.together, self.drawn = window, together, drawn
        share = counts / counts.sum()
        stay = np.sqrt(thin / share) + thin / share if thin else np.ones(len(counts))
        self.stay = np.append(stay, np.inf).astype(np.float32)
        """How likely a word stays, and last, where END = −1 looks it up, that the end of a line does."""
        met = share * np.minimum(stay, 1)
        self.most = float((met / met.sum()).max())
        """The share of the most frequent word of those that stay."""
        weights = counts**POWER
        size = max(TABLE, PER_WORD * len(counts))
        self.table = np.repeat(np.arange(len(counts)), np.ceil(size * weights / weights.sum()).astype(np.int64))
        reach = np.arange(window + 1)
        offset = np.arange(-window, window + 1)
        near = (-reach[:, None, None] <= offset) & (offset <= reach[:, None]) & (offset != 0)
        self.bands = near.astype(np.float32)
        """1 for the places that are near, (words to the left, words to the right, 2R + 1)."""

    def __call__(self, chunk: Numbers, rng: np.random.Generator) -> Drawn:
        """Rows of words for a piece of text, in which END ends a line."""
        chunk = chunk[rng.random(len(chunk), np.float32) < self.stay[chunk]]
        words = chunk[chunk != END].astype(np.int64)
        T, R, n = self.together, self.window, -(-len(words) // self.together)
        lengths = np.diff(np.flatnonzero(np.append(chunk, END) == END), prepend=-1) - 1
        first = np.repeat(np.cumsum(lengths) - lengths, lengths)
        before = np.arange(len(words)) - first
        after = np.repeat(lengths, lengths) - 1 - before
        reach = rng.integers(1, R + 1, len(words))
        left, right = (np.zeros(n * T, np.int64) for _ in range(2))
        left[: len(words)] = np.minimum(reach, before)
        right[: len(words)] = np.minimum(reach, after)
        near = np.zeros((n, T, T + 2 * R), np.float32)
        s = near.strides
        diagonal = as_strided(near, (n, T, 2 * R + 1), (s[0], s[1] + s[2], s[2]))
        diagonal[...] = self.bands[left, right].reshape(diagonal.shape)
        padded = np.zeros(n * T + 2 * R, np.int64)
        padded[R : R + len(words)] = words
        around = sliding_window_view(padded, T + 2 * R)[::T] if n else np.zeros((0, T + 2 * R), np.int64)
        against = self.table[rng.integers(0, len(self.table), (n, self.drawn), np.int32)]
        return Drawn(padded[R : R + n * T].reshape(n, T), np.ascontiguousarray(around), against, near)
