"""What surrounds a token: values that follow from facts of the tokens and from where sentences and documents end.

    case     the capitals of the token, and how many words of the sentence have some: in a headline, or where
             somebody shouts, they say little
    written  how the same word is written elsewhere in the document where no sentence begins: with a capital, in
             small letters (Chieu and Ng 2002, "Named entity recognition: a maximum entropy approach using global
             information", their global features)
    mention  the place of the same word in the longest row of capitals elsewhere in the document that is longer
             than the one it stands in here: of `Clinton` the last, if there is `Hillary Clinton`

What counts of a token by itself is found out once for each different token; the rest is arithmetic on arrays.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.ner.vocab import CAPS, LOWER, MIXED, TITLE, UPPER, caps_ids, normals

Ids = NDArray[np.int64]
CAPITALS, SOLID, FORM, LISTED, MATCHES = "caps", "is solid", "is form", "is listed", "are matches"
Facts = Mapping[str, Ids]
"""What is known of N tokens by themselves, (N, …) each."""


def _solid(tokens: Sequence[str]) -> Ids:
    return np.fromiter((token[-1:].isalnum() for token in tokens), np.int64, len(tokens))


def _form(tokens: Sequence[str]) -> Ids:
    found = np.fromiter(map(hash, normals(tokens)), np.int64, len(tokens))
    return found.view(np.int32).reshape(-1, 2).astype(np.int64)


FACTS: Mapping[str, Callable[[Sequence[str]], Ids]] = {CAPITALS: caps_ids, SOLID: _solid, FORM: _form}
"""Its capitals, whether it ends with a letter or digit, and a hash of its normal form in two halves, (N, 2)."""


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
    def document(self) -> Ids:
        """The document of each token, numbered from 0, (N,)."""
        begins = np.ones(len(self.documents), np.int64)
        begins[1:] = self.documents[1:] != self.documents[:-1]
        found: Ids = np.repeat(np.cumsum(begins) - 1, self.lengths)
        return found

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


# ── the same word elsewhere in the document ───────────────────────────────────────────────────────────


class _Said(NamedTuple):
    """N tokens, W different words of all documents: which of them each token is, and how it is written, (N,) each.

    Capitals count in sentences that have a word in small letters, and those at the beginning of a sentence only of
    words that are not in small letters within another one of the document.
    """

    word: Ids
    capital: NDArray[np.bool_]
    small: NDArray[np.bool_]
    inside: NDArray[np.bool_]


def _said(facts: Facts, cut: Cut) -> _Said:
    caps, (upper, lower) = facts[CAPITALS], facts[FORM].astype(np.int64).T
    _, form = np.unique((upper << 32) | (lower & 0xFFFFFFFF), return_inverse=True)
    _, word = np.unique(cut.document * (len(form) + 1) + form, return_inverse=True)
    small = caps == LOWER
    telling = (cut.summed(small) > 0)[cut.sentence]
    return _Said(word, np.isin(caps, [UPPER, TITLE, MIXED]) & telling, small, ~cut.first)


def _elsewhere(word: Ids, here: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether another token of the same word has a property (N,)."""
    counts = np.bincount(word[here], minlength=len(word) + 1)
    found: NDArray[np.bool_] = counts[word] > here
    return found


def _written(facts: Facts, cut: Cut) -> Ids:
    said = _said(facts, cut)
    capital, small = (_elsewhere(said.word, how & said.inside) for how in (said.capital, said.small))
    return capital + 2 * small.astype(np.int64)


def _mention(facts: Facts, cut: Cut) -> Ids:
    said = _said(facts, cut)
    word, capital = said.word, said.capital & (said.inside | ~_elsewhere(said.word, said.small & said.inside))
    begins = capital & (cut.first | ~np.concatenate([[False], capital[:-1]])[: len(capital)])
    tokens, starts = np.flatnonzero(capital), np.flatnonzero(begins)
    row = np.where(capital, np.cumsum(begins) - 1, -1)
    size, own = np.zeros(len(row), np.int64), np.zeros(len(row), np.int64)
    size[tokens] = np.bincount(row[tokens], minlength=len(starts))[row[tokens]]
    # here the first word of a sentence counts only if it has its capital elsewhere too: `Then Clinton`
    doubtful = cut.first & capital & ~_elsewhere(word, said.capital & said.inside)
    own[tokens] = np.maximum(size[tokens] - doubtful[starts][row[tokens]], 1)
    own[doubtful] = 1
    place = np.arange(len(row)) - np.where(capital, starts[row] if len(starts) else 0, 0)
    lying = np.where(place == 0, 1, np.where(place == size - 1, 3, 2))
    long = np.flatnonzero(size > 1)
    _, once = np.unique(word[long] * (len(starts) + 1) + row[long], return_index=True)
    long = long[once]
    order = long[np.lexsort((long, -size[long], word[long]))]
    words, first, count = np.unique(word[order], return_index=True, return_counts=True)
    found = np.zeros(len(row), np.int64)
    for rank in (1, 0):  # the longest, or the next one where that is the row of the token itself
        best = np.full(len(row) + 1, -1)
        best[words[count > rank]] = order[first[count > rank] + rank]
        at = best[word]
        found = np.where((at >= 0) & (row[at] != row) & (size[at] > own), lying[at], found)
    return found


WRITTEN = Context(
    ("nowhere else", "elsewhere with a capital", "elsewhere in small letters", "elsewhere in both ways"),
    (CAPITALS, FORM),
    _written,
)
MENTION = Context(
    ("in no longer row", "first of a longer row", "inside a longer row", "last of a longer row"),
    (CAPITALS, FORM),
    _mention,
)
