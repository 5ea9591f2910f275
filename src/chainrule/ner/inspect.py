"""What tagged data holds, before a tagger is trained on it: sizes, names, copies, odd tokens, labels at odds.

Places are `file:line`: of a token where each has a line of its own, else of the text that it is in.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from chainrule.ner.corpus import Corpus
from chainrule.ner.source import place_of
from chainrule.ner.tags import OUTSIDE, Span, legal, spans
from chainrule.ner.vectors import Vectors
from chainrule.ner.vocab import UNKNOWN, Vocabulary

LONG = 40  # characters of a token
RARE_LABEL = 10  # names of a label, below which it can hardly be learned


class Place(NamedTuple):
    """A token by its sentence and its number in it."""

    sentence: int
    token: int


class Label(NamedTuple):
    """The names of a label: how many, how many different ones, their tokens in the mean and at most."""

    label: str
    names: int
    distinct: int
    mean: float
    longest: int


class Lengths(NamedTuple):
    """Tokens of the sentences: the fewest, the median, that of nine in ten, the most and where."""

    least: int
    median: int
    most_of: int
    most: int
    where: Place


class Copies(NamedTuple):
    """A sentence that is there several times; `alike` says whether its tags are the same each time."""

    sentences: tuple[int, ...]
    alike: bool


class Move(NamedTuple):
    """A tag that the scheme does not allow behind the one before."""

    place: Place
    before: str
    after: str


class Odd(NamedTuple):
    """Tokens that are odd in one way."""

    kind: str
    places: tuple[Place, ...]


class Conflict(NamedTuple):
    """A string and where it has which label; O where none of its tokens is in a name."""

    text: str
    places: Mapping[str, tuple[Place, ...]]

    @property
    def minority(self) -> int:
        """How many of its places are not of the commonest label."""
        sizes = [len(found) for found in self.places.values()]
        return sum(sizes) - max(sizes)


def _control(token: str) -> bool:
    return any(unicodedata.category(sign) == "Cc" for sign in token)


def _unseen(token: str) -> bool:
    """Whether it holds what no reader sees: marks of direction, joiners where nothing is joined, a BOM."""
    return bool(re.search("[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\u00ad]", token))


ODD: Mapping[str, Callable[[str], bool]] = {
    "empty": lambda token: token == "",
    "white space inside": lambda token: len(token) > 1 and any(map(str.isspace, token)),
    "control characters": lambda token: not token.isspace() and _control(token),
    "invisible characters": _unseen,
    "replacement characters": lambda token: "\ufffd" in token,
    "not in normal form C": lambda token: not unicodedata.is_normalized("NFC", token),
    f"longer than {LONG} characters": lambda token: len(token) > LONG,
}
"""What makes a token odd."""


@dataclass(frozen=True, eq=False)
class Inspection:
    """Facts of tagged sentences."""

    corpus: Corpus

    def at(self, place: Place | int) -> str:
        """`file:line` of a token or sentence."""
        sentence, token = (place, 0) if isinstance(place, int) else place
        line = self.corpus.sentences[sentence].line + (token if self._by_line else 0)
        return f"{place_of(self.corpus.path)}:{line}"

    @cached_property
    def _by_line(self) -> bool:
        """Whether every token has a line of its own."""
        lines = [(s.line, s.line + len(s.tokens)) for s in self.corpus.sentences]
        return all(end <= start for (_, end), (start, _) in pairwise(lines))

    @cached_property
    def names(self) -> list[list[Span]]:
        """The names of every sentence."""
        return [spans(s.tags) for s in self.corpus.sentences]

    def text(self, sentence: int, name: Span) -> str:
        """The tokens of a name, with blanks between words."""
        between = "" if self.corpus.characters else " "
        return between.join(self.corpus.sentences[sentence].tokens[name.start : name.end])

    @cached_property
    def labels(self) -> list[Label]:
        """The labels, the most frequent first."""
        found: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for k, names in enumerate(self.names):
            for name in names:
                found[name.label].append((self.text(k, name), name.end - name.start))
        made = [
            Label(label, len(each), len({text for text, _ in each}), float(np.mean(sizes)), max(sizes))
            for label, each in found.items()
            for sizes in [[size for _, size in each]]
        ]
        return sorted(made, key=lambda label: (-label.names, label.label))

    @cached_property
    def lengths(self) -> Lengths:
        """How long sentences are."""
        sizes = np.array([len(s.tokens) for s in self.corpus.sentences])
        least, median, most_of, most = np.quantile(sizes, (0, 0.5, 0.9, 1), method="inverted_cdf").tolist()
        return Lengths(least, median, most_of, most, Place(int(sizes.argmax()), 0))

    @cached_property
    def copies(self) -> list[Copies]:
        """Sentences of more than one token that are there several times, those tagged differently first."""
        found: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for k, s in enumerate(self.corpus.sentences):
            if len(s.tokens) > 1:
                found[tuple(s.tokens)].append(k)
        groups = [Copies(tuple(g), len({tuple(self.names[k]) for k in g}) == 1) for g in found.values() if g[1:]]
        return sorted(groups, key=lambda group: (group.alike, -len(group.sentences), group.sentences))

    @cached_property
    def illegal(self) -> list[Move]:
        """The moves that the scheme forbids, O at both ends of a sentence."""
        tags = sorted({tag for s in self.corpus.sentences for tag in s.tags} | {OUTSIDE})
        if self.corpus.scheme is None:
            return []
        _, moves, _ = legal(tags, self.corpus.scheme)
        wrong = {(tags[a], tags[b]) for a, b in zip(*np.nonzero(~moves), strict=True)}
        return [
            Move(Place(k, min(t, len(s.tags) - 1)), before, after)
            for k, s in enumerate(self.corpus.sentences)
            for t, (before, after) in enumerate(pairwise((OUTSIDE, *s.tags, OUTSIDE)))
            if (before, after) in wrong
        ]

    @cached_property
    def odd(self) -> list[Odd]:
        """Odd tokens, by kind."""
        kinds = {token: [kind for kind, is_odd in ODD.items() if is_odd(token)] for token in self._tokens}
        found: dict[str, list[Place]] = defaultdict(list)
        for k, s in enumerate(self.corpus.sentences):
            for t, token in enumerate(s.tokens):
                for kind in kinds[token]:
                    found[kind].append(Place(k, t))
        return [Odd(kind, tuple(found[kind])) for kind in ODD if kind in found]

    @cached_property
    def _tokens(self) -> Counter[str]:
        return Counter(token for s in self.corpus.sentences for token in s.tokens)

    # ── labels at odds ────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def occurrences(self) -> dict[str, dict[str, list[Place]]]:
        """String of a name → label, or O → where it stands so.

        A string counts as O where none of its tokens belongs to a name: within a longer name it has no label.
        """
        found: dict[str, dict[str, list[Place]]] = defaultdict(lambda: defaultdict(list))
        for k, name in _each(self):
            found[self.text(k, name)][name.label].append(Place(k, name.start))
        for k, names in self.unnamed.items():
            for name in names:
                found[self.text(k, name)][OUTSIDE].append(Place(k, name.start))
        return found

    @cached_property
    def unnamed(self) -> dict[int, list[Span]]:
        """Sentence → where strings stand in it without a label that are names in other places.

        Among characters a string has to have two of them, and to begin a word.
        """
        strings = {tuple(self.corpus.sentences[k].tokens[n.start : n.end]) for k, n in _each(self)}
        sizes: dict[str, set[int]] = defaultdict(set)
        single = self.corpus.characters
        for tokens in strings:
            if not single or len(tokens) > 1:
                sizes[tokens[0]].add(len(tokens))
        found: dict[int, list[Span]] = {}
        for k, s in enumerate(self.corpus.sentences):
            free = np.ones(len(s.tokens), np.bool_)
            for name in self.names[k]:
                free[name.start : name.end] = False
            here = [
                Span(t, t + size, OUTSIDE)
                for t, token in enumerate(s.tokens)
                if not single or t == 0 or s.tokens[t - 1].isspace()
                for size in sizes.get(token, ())
                if tuple(s.tokens[t : t + size]) in strings and free[t : t + size].all()
            ]
            if here:
                found[k] = here
        return found

    def _conflicts(self, is_one: Callable[[set[str]], bool]) -> list[Conflict]:
        made = [
            Conflict(text, {label: tuple(at) for label, at in sorted(places.items(), key=lambda p: -len(p[1]))})
            for text, places in self.occurrences.items()
            if is_one(set(places))
        ]
        return sorted(made, key=lambda c: (-c.minority, c.text))

    @cached_property
    def several(self) -> list[Conflict]:
        """Strings with several labels, those with the most places against the commonest label first."""
        return self._conflicts(lambda labels: len(labels - {OUTSIDE}) > 1)

    @cached_property
    def partly(self) -> list[Conflict]:
        """Strings with one label, and without any in other places."""
        return self._conflicts(lambda labels: OUTSIDE in labels and len(labels) == 2)


# ── against other data ────────────────────────────────────────────────────────────────────────────────


class Unknown(NamedTuple):
    """Tokens without a vector, or not in other data: shares of all, of those of names; the commonest of them."""

    tokens: float
    of_names: float
    words: tuple[tuple[str, int], ...]


def unknown(inspection: Inspection, known: Vocabulary | Vectors | Corpus, most: int = 10) -> Unknown:
    """What a vocabulary, vectors or other data do not know of the tokens, by the spellings that are looked up."""
    vocabulary = _vocabulary(known)
    counts = inspection._tokens
    new = dict(zip(counts, (vocabulary.ids(list(counts)) == UNKNOWN).tolist(), strict=True))
    named = [
        token
        for s, names in zip(inspection.corpus.sentences, inspection.names, strict=True)
        for name in names
        for token in s.tokens[name.start : name.end]
    ]
    missing = Counter({token: n for token, n in counts.items() if new[token] and token.strip()})
    return Unknown(
        _share(sum(n for token, n in counts.items() if new[token]), counts.total()),
        _share(sum(map(new.__getitem__, named)), len(named)),
        tuple(sorted(missing.items(), key=lambda item: (-item[1], item[0]))[:most]),
    )


def _vocabulary(known: Vocabulary | Vectors | Corpus) -> Vocabulary:
    if isinstance(known, Vocabulary):
        return known
    if isinstance(known, Vectors):
        return Vocabulary.build((), extra=known.words)
    return Vocabulary.build(s.tokens for s in known.sentences)


class Overlap(NamedTuple):
    """How names stand in other data: the shares with the same label there, with other labels, and not at all.

    by_label    label → how many of its names, of how many, have the same label there
    sentences   those that are there too
    """

    same: float
    other: float
    new: float
    by_label: Mapping[str, tuple[int, int]]
    sentences: tuple[int, ...]
    labels: tuple[str, ...]


def overlap(inspection: Inspection, other: Inspection) -> Overlap:
    """Compare data with other data, such as a test set with the training set; `labels` are those it has not."""
    there: dict[str, set[str]] = defaultdict(set)
    for k, name in _each(other):
        there[other.text(k, name)].add(name.label)
    kinds = Counter(
        (name.label, _kind(there.get(inspection.text(k, name), set()), name.label))
        for k, name in _each(inspection)
    )
    total = Counter(label for label, _ in kinds.elements())
    sums = Counter(kind for _, kind in kinds.elements())
    same, others, new = (_share(sums[kind], sums.total()) for kind in ("same", "other", "new"))
    sentences = {tuple(s.tokens) for s in other.corpus.sentences}
    return Overlap(
        same,
        others,
        new,
        {label: (kinds[label, "same"], total[label]) for label in sorted(total)},
        tuple(
            k
            for k, s in enumerate(inspection.corpus.sentences)
            if len(s.tokens) > 1 and tuple(s.tokens) in sentences
        ),
        tuple(label for label in inspection.corpus.labels if label not in other.corpus.labels),
    )


def _kind(labels: set[str], label: str) -> str:
    return "same" if label in labels else "other" if labels else "new"


def _each(inspection: Inspection) -> Iterator[tuple[int, Span]]:
    return ((k, name) for k, names in enumerate(inspection.names) for name in names)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def shown_places(inspection: Inspection, places: Sequence[Place], most: int) -> Iterable[str]:
    """The first places as `file:line`."""
    return [inspection.at(place) for place in places[:most]]
