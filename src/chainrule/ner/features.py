"""What a network sees of a token besides its word, through look-up tables that are learned.

A feature gives every token of a sentence a value, a string: its shape, its first letters, the bigram that begins
with it. The values that the training data holds often enough are numbered as words are (0 padding, 1 unknown, then
the values), and each selects a row of the table of its feature, at every place of the window. A cluster is a
feature of the word, and looked up by the number of the word. Collobert et al. 2011, §3.2.1.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import chain, pairwise, repeat
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import SettingError
from chainrule.learn.choose import choose, within
from chainrule.ner.clusters import clustered
from chainrule.ner.vocab import PADDING, SPECIAL, UNKNOWN, Embedding, Vocabulary, caps_ids, normalise

SPELT = 15  # letters that are looked at
LETTERS = "letters"

Ids = NDArray[np.int64]
Tokens = Sequence[str]


class Sight(Enum):
    """What a value depends on: the token, so many tokens from there on, or all between two spaces."""

    TOKEN, AHEAD, BETWEEN = range(3)


class Family(NamedTuple):
    """Features of one kind, such as suffix1, suffix2, …

    values     (the number in the name, the tokens of a sentence) → the value of each token; None of clusters,
               which are looked up by the number of the word
    dimension  numbers in a vector of a value, unless it is said
    numbers    that the name may end with; 0 stands for none
    sight      what the value of a token depends on
    hidden     how often a value is shown as an unknown one in training, so that others are relied on too
    """

    values: Callable[[int, Tokens], list[str]] | None
    dimension: int
    numbers: Sequence[int]
    sight: Sight
    help: str
    hidden: float = 0.05

    @property
    def alone(self) -> bool:
        """Whether a value depends on its token alone, whatever the number."""
        return self.sight is Sight.TOKEN


def _each(value: Callable[[int, str], str]) -> Callable[[int, Tokens], list[str]]:
    return lambda number, tokens: [value(number, token) for token in tokens]


def _sign(c: str) -> str:
    """What stands for a character in the shape of a token: X x 0 가 ㄱ 字 あ, signs for themselves."""
    if c.isalpha():
        return "X" if c.isupper() else next((sign for first, last, sign in SCRIPTS if first <= c <= last), "x")
    return "0" if c.isdigit() else c


SCRIPTS = (("가", "힣", "가"), ("ㄱ", "ㆎ", "ㄱ"), ("㐀", "鿿", "字"), ("ぁ", "ヿ", "あ"))


def _shape(token: str) -> str:
    return re.sub(r"(.)\1+", r"\1", "".join(map(_sign, token)), flags=re.DOTALL)


def _joined(values: Sequence[str], number: int) -> list[str]:
    """So many values from here on, fewer at the end."""
    return list(values) if number < 2 else [SEAM.join(values[k : k + number]) for k in range(len(values))]


SEAM = "\u241f"  # between values that are joined


def _in_spaces(part: Callable[[Tokens, int, int], str]) -> Callable[[int, Tokens], list[str]]:
    """Of a token between two spaces, or ends of the sentence: `part` of what lies there, its place, the number."""

    def values(number: int, tokens: Tokens) -> list[str]:
        forms = list(map(normalise, tokens))
        edges = [-1, *(k for k, token in enumerate(tokens) if token.isspace()), len(tokens)]
        found: list[str] = []
        for left, right in pairwise(edges):
            word = forms[left + 1 : right]
            found += [part(word, k, number) for k in range(len(word))] + [" "] * (right < len(tokens))
        return found

    return values


def _borders(word: Tokens, k: int, number: int) -> str:
    return f"{min(k, number)}{min(len(word) - k - 1, number)}"


TOKEN, AHEAD, BETWEEN = Sight
NONE, SOME, GRAMS = range(1), range(1, 9), range(2, 9)
FAMILIES: Mapping[str, Family] = {
    "shape": Family(
        lambda n, tokens: _joined(list(map(_shape, tokens)), n),
        8,
        (0, *GRAMS),
        AHEAD,
        "X, x, 0, 가, runs as one: Xx-0",
    ),
    "prefix": Family(_each(lambda n, t: normalise(t)[:n]), 10, SOME, TOKEN, "the first letters", 0.4),
    "suffix": Family(_each(lambda n, t: normalise(t)[-n:]), 10, SOME, TOKEN, "the last letters", 0.4),
    "form": Family(
        _each(lambda n, t: normalise(t)), 25, NONE, TOKEN, "the word once more, with a vector of its own"
    ),
    "gram": Family(
        lambda n, tokens: _joined(list(map(normalise, tokens)), n),
        30,
        GRAMS,
        AHEAD,
        "words or characters from here on",
    ),
    "place": Family(_in_spaces(_borders), 10, SOME, BETWEEN, "how far the spaces around are, at most so far"),
    "head": Family(
        _in_spaces(lambda w, k, n: "".join(w[:n])), 20, SOME, BETWEEN, "how it begins, after the space"
    ),
    "tail": Family(_in_spaces(lambda w, k, n: "".join(w[-n:])), 20, SOME, BETWEEN, "how it ends: a particle"),
    "upto": Family(_in_spaces(lambda w, k, n: "".join(w[: k + 1][-n:])), 20, SOME, BETWEEN, "what of it was read"),
    "rest": Family(_in_spaces(lambda w, k, n: "".join(w[k + 1 :][:n])), 20, SOME, BETWEEN, "what of it will come"),
    "cluster": Family(None, 10, range(2, 1 << 16), TOKEN, "the cluster of the given vector, of so many"),
}
_NAME = re.compile(r"([a-z]+)(\d*)")


def family(name: str) -> tuple[Family, int]:
    """The family of a feature and its number, 0 without one. Raises SettingError."""
    match = _NAME.fullmatch(name)
    found = choose("feature", match[1] if match else name, FAMILIES, written())
    number = int(match[2] or 0) if match else 0
    if number not in found.numbers:
        ends = [n for n in (*found.numbers[:2], found.numbers[-1]) if n]
        wanted = f"end it with a number, {ends[0]} to {ends[-1]}" if ends else "it has no number"
        raise SettingError(f"feature {name!r}: {wanted}")
    return found, number


def places(name: str, window: int) -> range:
    """The places of a window at which a feature has scores of its own.

    All, but for what would be seen twice: of values that cover tokens from here on those that lie in the window,
    and of what lies between two spaces that of the centre (all others follow from it and the tokens).
    """
    if name == "caps":
        return range(window)
    kind, number = family(name)
    if kind.sight is BETWEEN:
        return range(window // 2, window // 2 + 1)
    return range(max(1, window - max(0, number - 1))) if kind.sight is AHEAD else range(window)


def written() -> list[str]:
    """How the features of each family are spelt, with the least number where there is one."""
    return [name if kind.numbers[0] == 0 else f"{name}{kind.numbers[0]}…" for name, kind in FAMILIES.items()]


AFFIXES = "+".join(f"{kind}{n}" for kind in ("prefix", "suffix") for n in range(1, 5))

Group = tuple[str, ...]
"""Features whose vectors are added."""


def dimensions(spelt: str) -> dict[Group, int]:
    """The features in `shape, suffix3:12, prefix1+prefix2:30`, of which those with + between them are added.

    With the width of their vectors; `affix` stands for prefix1+…+suffix4. Raises SettingError.
    """
    found: dict[Group, int] = {}
    for part in filter(None, (part.strip() for part in spelt.split(","))):
        text, colon, width = part.partition(":")
        group = tuple(name.strip() for name in text.replace("affix", AFFIXES).split("+"))
        usual = [family(name)[0].dimension for name in group]
        if twice := next((name for name, n in Counter(chain(group, *found)).items() if n > 1), None):
            raise SettingError(f"feature {twice} is there twice; keep one")
        if colon and not (width.isascii() and width.isdigit()):
            raise SettingError(f"feature {part!r}: its width is no whole number; write {text}:{max(usual)}")
        found[group] = int(within(f"width of {text}", int(width) if colon else max(usual), least=1, whole=True))
    return found


@dataclass(frozen=True, eq=False)
class Features:
    """The words that a model knows, and the values of its other features.

    values     feature → its values, numbered
    clusters   feature → the number of the cluster of each word, (V,)
    letters    the letters that words are spelt with, where the network reads them; capitals are their own
    """

    vocabulary: Vocabulary
    values: Mapping[str, Vocabulary] = field(default_factory=dict)
    clusters: Mapping[str, Ids] = field(default_factory=dict)
    letters: Vocabulary | None = None

    @classmethod
    def build(
        cls,
        names: Sequence[str],
        vocabulary: Vocabulary,
        sentences: Sequence[Tokens],
        minimum: int = 2,
        given: Embedding | None = None,
        *,
        spelt: bool = False,
    ) -> Self:
        """Number the values that sentences have at least `minimum` times, the commonest first.

        given   the vectors of the words, for clusters        spelt   whether letters are numbered too
        Raises SettingError for clusters without vectors.
        """
        values: dict[str, Vocabulary] = {}
        clusters: dict[str, Ids] = {}
        for name in names:
            kind, number = family(name)
            if kind.values is None and given is not None:
                clusters[name] = clustered(given.matrix, given.known, number)
            else:
                values[name] = _numbered(Counter(_values(name, sentences)), minimum)
        letters = _numbered(Counter(chain.from_iterable(chain.from_iterable(sentences))), minimum)
        return cls(vocabulary, values, clusters, letters if spelt else None)

    @property
    def numbered(self) -> dict[str, Vocabulary]:
        """All values that are numbered, of features and of letters."""
        return {**self.values, **({} if self.letters is None else {LETTERS: self.letters})}

    @property
    def rows(self) -> dict[str, int]:
        """The rows of the table of each feature besides the word and its capitals, and of the letters."""
        clusters = {name: family(name)[1] + len(SPECIAL) for name in self.clusters}
        return {name: len(known) for name, known in self.numbered.items()} | clusters

    @property
    def alone(self) -> bool:
        """Whether all features of a token depend on that token alone."""
        return all(kind.alone or number == 0 for kind, number in map(family, self.values))

    def ids(self, sentences: Sequence[Tokens]) -> dict[str, Ids]:
        """The numbers of all features of all tokens, (N,) each."""
        tokens = list(chain.from_iterable(sentences))
        if self.alone:
            distinct = list(dict.fromkeys(tokens))
            place = dict(zip(distinct, range(len(distinct)), strict=True))
            where = np.fromiter(map(place.__getitem__, tokens), np.int64, len(tokens))
            return {name: ids[where] for name, ids in self._ids(distinct, [distinct]).items()}
        return self._ids(tokens, sentences)

    def _ids(self, tokens: Tokens, sentences: Sequence[Tokens]) -> dict[str, Ids]:
        words = self.vocabulary.ids(tokens)
        found = {"words": words, "caps": caps_ids(tokens)}
        for name, known in self.values.items():
            numbers = map(known.lookup.get, _values(name, sentences), repeat(UNKNOWN))
            found[name] = np.fromiter(numbers, np.int64, len(tokens))
        found |= {name: numbers[words] for name, numbers in self.clusters.items()}
        return found if self.letters is None else found | {LETTERS: spelt(tokens, self.letters)}


def _values(name: str, sentences: Sequence[Tokens]) -> Iterator[str]:
    """The value of every token. Raises SettingError for clusters, which need vectors."""
    kind, number = family(name)
    if kind.values is None:
        raise SettingError(f"feature {name}: clusters are those of given vectors; give vectors")
    values = kind.values
    return chain.from_iterable(values(number, sentence) for sentence in sentences)


def _numbered(seen: Counter[str], minimum: int) -> Vocabulary:
    """The values that are there often enough, the commonest first."""
    often = [value for value in seen if seen[value] >= minimum and value not in SPECIAL]
    return Vocabulary((*SPECIAL, *sorted(often, key=lambda value: (-seen[value], value))))


def spelt(tokens: Tokens, letters: Vocabulary) -> Ids:
    """The letters of each token, of a long one the first and the last ones, with paddings behind, (N, SPELT)."""
    cut = [t if len(t) <= SPELT else t[: SPELT - SPELT // 3] + t[-(SPELT // 3) :] for t in tokens]
    found = np.full((len(tokens), SPELT), PADDING, np.int64)
    sizes = np.fromiter(map(len, cut), np.int64, len(cut))
    numbers = map(letters.lookup.get, chain.from_iterable(cut), repeat(UNKNOWN))
    found[np.arange(SPELT) < sizes[:, None]] = np.fromiter(numbers, np.int64, int(sizes.sum()))
    return found
