"""Sentences as numbers: features of every token, padded so that a window never leaves its sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from chainrule.ner.features import Features, Ids
from chainrule.ner.vocab import PADDING


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

    @cached_property
    def starts(self) -> Ids:
        """The number of the first token of each sentence, (S,)."""
        return np.cumsum([0, *self.lengths])[:-1]

    @cached_property
    def first(self) -> Ids:
        """1 for the first token of each sentence, else 0, (N,)."""
        found = np.zeros(len(self), np.int64)
        found[self.starts[np.array(self.lengths, np.int64) > 0]] = 1
        return found

    def sentences(self, values: NDArray[np.floating]) -> list[NDArray[np.floating]]:
        """Cut a row for each token, (N, …), into one array for each sentence."""
        return np.split(values, list(accumulate(self.lengths))[:-1]) if self.lengths else []


def encode(sentences: Sequence[Sequence[str]], features: Features, radius: int) -> Encoded:
    """The word and all features of every token; the padding has id 0 in each."""
    return padded(features.ids(sentences), tuple(map(len, sentences)), radius)


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
