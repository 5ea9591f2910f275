"""Sentences as numbers: features of every token, padded so that a window never leaves its sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from chainrule.ner.vocab import PADDING, Vocabulary, caps_ids

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Encoded:
    """N tokens of consecutive sentences, each sentence with `radius` paddings on both sides.

    tables      feature → ids, int64 (N + paddings,)
    positions   where each token stands in the tables, int64 (N,)
    lengths     tokens of each sentence
    """

    tables: Mapping[str, Ids]
    positions: Ids
    lengths: tuple[int, ...]
    radius: int

    def __len__(self) -> int:
        return len(self.positions)

    def windows(self, tokens: Ids | slice) -> dict[str, Ids]:
        """The windows around these tokens, for each feature (B, W) with W = 2 radius + 1."""
        reach = np.arange(-self.radius, self.radius + 1)
        places = self.positions[tokens][:, None] + reach
        return {name: table[places] for name, table in self.tables.items()}

    def sentences(self, values: NDArray[np.floating]) -> list[NDArray[np.floating]]:
        """Cut a row for each token, (N, …), into one array for each sentence."""
        return np.split(values, list(accumulate(self.lengths))[:-1]) if self.lengths else []


def encode(sentences: Sequence[Sequence[str]], vocabulary: Vocabulary, radius: int) -> Encoded:
    """The features `words` and `caps` of every token; the padding has id 0 in both."""
    tokens = [token for sentence in sentences for token in sentence]
    ids = {"words": vocabulary.ids(tokens), "caps": caps_ids(tokens)}
    return padded(ids, tuple(map(len, sentences)), radius)


def padded(ids: Mapping[str, Ids], lengths: tuple[int, ...], radius: int) -> Encoded:
    """Features of N tokens, (N,) each, with paddings around their sentences."""
    starts = np.fromiter(accumulate((n + 2 * radius for n in lengths), initial=radius), np.int64, len(lengths) + 1)
    within = np.arange(sum(lengths)) - np.repeat(np.cumsum([0, *lengths])[:-1], lengths)
    positions = np.repeat(starts[:-1], lengths) + within
    tables = {}
    for name, values in ids.items():
        table = np.full(int(starts[-1]) + radius, PADDING, np.int64)
        table[positions] = values
        tables[name] = table
    return Encoded(tables, positions.astype(np.int64), lengths, radius)
