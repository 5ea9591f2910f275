"""What surrounds a token: values that follow from facts of the tokens and from where sentences and documents end.

    case    the capitals of the token, and how many words of the sentence have some: in a headline, or where
            somebody shouts, they say little

What counts of a token by itself is found out once for each different token; the rest is arithmetic on arrays.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.ner.vocab import CAPS, LOWER, TITLE, UPPER, caps_ids

Ids = NDArray[np.int64]
CAPITALS, SOLID, LISTED, MATCHES = "caps", "solid", "listed", "matches"
Facts = Mapping[str, Ids]
"""What is known of N tokens by themselves, (N, …) each."""


def _solid(tokens: Sequence[str]) -> Ids:
    return np.fromiter((token[-1:].isalnum() for token in tokens), np.int64, len(tokens))


FACTS: Mapping[str, Callable[[Sequence[str]], Ids]] = {CAPITALS: caps_ids, SOLID: _solid}
"""Its capitals, and whether it ends with a letter or digit."""


@dataclass(frozen=True, eq=False)
class Cut:
    """Where the S sentences of some documents end.

    lengths     tokens of each sentence, (S,)
    documents   the document of each sentence, (S,): what differs from the sentence before begins one
    """

    lengths: Ids
    documents: Ids

    @classmethod
    def of(cls, sentences: Sequence[Sequence[str]], documents: Sequence[int] | None = None) -> "Cut":
        """The cut of these sentences; each is a document by itself, unless it is said."""
        lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))
        apart = range(len(sentences)) if documents is None else documents
        return cls(lengths, np.fromiter(apart, np.int64, len(sentences)))

    @cached_property
    def sentence(self) -> Ids:
        """The sentence of each token, (N,)."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @cached_property
    def first(self) -> NDArray[np.bool_]:
        """Whether each token begins its sentence, (N,)."""
        found = np.ones(len(self.sentence), np.bool_)
        found[1:] = self.sentence[1:] != self.sentence[:-1]
        return found

    @cached_property
    def after(self) -> Ids:
        """The end of the sentence of each token, (N,)."""
        found: Ids = np.repeat(np.cumsum(self.lengths), self.lengths)
        return found

    def summed(self, values: NDArray[np.bool_]) -> Ids:
        """How many tokens of each sentence have a property (N,), (S,)."""
        return np.bincount(self.sentence[values], minlength=len(self.lengths))


class Context(NamedTuple):
    """A feature of the surroundings: its values, the facts it needs, and which value each token has, (N,)."""

    names: tuple[str, ...]
    facts: tuple[str, ...]
    of: Callable[[Facts, Cut], Ids]


# ── capitals in a sentence ────────────────────────────────────────────────────────────────────────────

SHARES = {"no capitals": 0, "<15%": 15, "<30%": 30, "<55%": 55, "more": 100}
"""Percent of the words of a sentence that begin with a capital, at most."""
SHOUTED = "all capitals"  # more than half of the words


def _case(facts: Facts, cut: Cut) -> Ids:
    caps = facts[CAPITALS]
    small, begun, shouted = (cut.summed(np.isin(caps, kinds)) for kinds in ([LOWER], [UPPER, TITLE], [UPPER]))
    words = small + begun
    bounds = np.array(list(SHARES.values()))
    degree = (100 * begun[:, None] >= bounds[1:-1] * np.maximum(words, 1)[:, None]).sum(axis=1) + 1
    degree = np.where(begun == 0, 0, np.where(2 * shouted > words, len(SHARES), degree))
    found: Ids = degree[cut.sentence] * len(CAPS) + caps
    return found


CASE = Context(tuple(f"{share}, {kind}" for share, kind in product([*SHARES, SHOUTED], CAPS)), (CAPITALS,), _case)
