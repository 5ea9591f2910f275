"""Sentences as numbers: features of every token, padded so that a window never leaves its sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from chainrule.ner.corpus import Sentence, documents_of
from chainrule.ner.families import GAZETTEER
from chainrule.ner.features import Features, Ids
from chainrule.ner.gazetteers import begun
from chainrule.ner.vocab import PADDING


@dataclass(frozen=True, eq=False)
class Encoded:
    """N tokens of consecutive sentences, each sentence with `radius` paddings on both sides.

    tables      feature → ids, int64 (N + paddings,)
    positions   where each token stands in the tables, int64 (N,)
    lengths     tokens of each sentence
    letters     the letters of the different tokens (T, L), which the ids `spelt` number
    matches     feature of a list → where in the tables the match of each place begins, and the id of none
    """

    tables: Mapping[str, Ids]
    positions: Ids
    lengths: tuple[int, ...]
    radius: int
    letters: Ids | None = None
    matches: Mapping[str, tuple[Ids, int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.positions)

    def places(self, tokens: Ids | slice) -> Ids:
        """Where the tokens of the windows around these stand in the tables, (B, W)."""
        found: Ids = self.positions[tokens][:, None] + np.arange(-self.radius, self.radius + 1)
        return found

    def windows(self, tokens: Ids | slice) -> dict[str, Ids]:
        """The windows around these tokens, for each feature (B, W) with W = 2 radius + 1; and the letters."""
        places = self.places(tokens)
        found = {name: table[places] for name, table in self.tables.items()}
        return found if self.letters is None else found | {"letters": self.letters}

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


def encode_corpus(sentences: Sequence[Sentence], features: Features, radius: int) -> Encoded:
    """Sentences of a corpus, in their documents."""
    return encode([s.tokens for s in sentences], features, radius, documents_of(sentences))


def encode(
    sentences: Sequence[Sequence[str]], features: Features, radius: int, documents: Sequence[int] | None = None
) -> Encoded:
    """The word and all features of every token; the padding has id 0 in each.

    documents   that of each sentence, see `context.Cut`
    """
    made = padded(features.ids(sentences, documents), tuple(map(len, sentences)), radius)
    lists = {name: known for name, known in features.values.items() if name.startswith(GAZETTEER)}
    return replace(made, matches={name: begun(made.tables[name], known) for name, known in lists.items()})


def padded(ids: Mapping[str, Ids], lengths: tuple[int, ...], radius: int) -> Encoded:
    """Features of N tokens, (N,) each, with paddings around their sentences."""
    starts = np.fromiter(accumulate((n + 2 * radius for n in lengths), initial=radius), np.int64, len(lengths) + 1)
    within = np.arange(sum(lengths)) - np.repeat(np.cumsum([0, *lengths])[:-1], lengths)
    positions = np.repeat(starts[:-1], lengths) + within
    letters, ids = _spelt(dict(ids))
    tables = {}
    for name, values in ids.items():
        table = np.full(int(starts[-1]) + radius, PADDING, np.int64)
        table[positions] = values
        tables[name] = table
    return Encoded(tables, positions.astype(np.int64), lengths, radius, letters)


def _spelt(ids: dict[str, Ids]) -> tuple[Ids | None, dict[str, Ids]]:
    """The different spellings, that of padding first, and which of them each token has."""
    if (letters := ids.pop("letters", None)) is None:
        return None, ids
    padding = np.full((1, letters.shape[1]), PADDING, np.int64)
    found, numbers = np.unique(letters, axis=0, return_inverse=True)
    return np.concatenate([padding, found]), {**ids, "spelt": numbers.reshape(-1) + 1}
