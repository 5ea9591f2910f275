"""Families of features: what a network may see of a token besides its word, and how that is spelt.

A feature gives every token of a sentence a value, a string: its shape, its first letters, the bigram that begins
with it. What a value depends on may be the token, what stands around it, its document (`context`), or something
that is given besides the data: vectors, paths of words, lists of names. Collobert et al. 2011, §3.2.1.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from itertools import chain, pairwise
from typing import NamedTuple

from chainrule.errors import SettingError
from chainrule.learn.choose import choose, within
from chainrule.ner.context import CASE, MENTION, WRITTEN, Context
from chainrule.ner.vocab import CACHED, normalise

BROWN, GAZETTEER = "brown", "gazetteer"
LIST = r"\w{1,64}"  # the name of a list

Tokens = Sequence[str]
Spelling = Callable[[int, Tokens], list[str]]


class Sight(Enum):
    """What a value depends on: the token, so many tokens from there on, all between two spaces, the sentence, the
    document."""

    TOKEN, AHEAD, BETWEEN, SENTENCE, DOCUMENT = range(5)


class Family(NamedTuple):
    """Features of one kind, such as suffix1, suffix2, …

    values     (the number in the name, the tokens of a sentence) → the value of each token; or how it follows
               from its surroundings; or, as a sentence, what has to be given for it to be looked up in
    dimension  numbers in a vector of a value, unless it is said
    numbers    that the name may end with; 0 stands for none
    sight      what the value of a token depends on
    hidden     how often a value is shown as an unknown one in training, so that others are relied on too
    """

    values: Spelling | Context | str
    dimension: int
    numbers: Sequence[int]
    sight: Sight
    help: str
    hidden: float = 0.05


def _each(value: Callable[[int, str], str]) -> Spelling:
    return lambda number, tokens: [value(number, token) for token in tokens]


def _sign(c: str) -> str:
    """What stands for a character in the shape of a token: X x 0 가 ㄱ 字 あ, signs for themselves."""
    if c.isalpha():
        return "X" if c.isupper() else next((sign for first, last, sign in SCRIPTS if first <= c <= last), "x")
    return "0" if c.isdigit() else c


SCRIPTS = (("가", "힣", "가"), ("ㄱ", "ㆎ", "ㄱ"), ("㐀", "鿿", "字"), ("ぁ", "ヿ", "あ"))


def _shape(token: str) -> str:
    return _cached_shape(token) if len(token) <= CACHED else _cached_shape.__wrapped__(token)


@lru_cache(1 << 14)
def _cached_shape(token: str) -> str:
    return RUNS.sub(r"\1", "".join(map(_sign, token)))


RUNS = re.compile(r"(.)\1+", re.DOTALL)


def _joined(values: Sequence[str], number: int) -> list[str]:
    """So many values from here on, fewer at the end."""
    return list(values) if number < 2 else [SEAM.join(values[k : k + number]) for k in range(len(values))]


SEAM = "\u241f"  # between values that are joined


def _in_spaces(part: Callable[[Tokens, int, int], str]) -> Spelling:
    """Of a token between two spaces, or ends of the sentence: `part` of what lies there, its place, the number."""

    def inside(word: Tokens, number: int) -> list[str]:
        return [part(word, k, number) for k in range(len(word))]

    known = lru_cache(1 << 12)(inside)  # the same words return

    def values(number: int, tokens: Tokens) -> list[str]:
        forms = tuple(map(normalise, tokens))
        edges = [-1, *(k for k, token in enumerate(tokens) if token.isspace()), len(tokens)]
        found: list[str] = []
        for left, right in pairwise(edges):
            word = forms[left + 1 : right]
            found += known(word, number) if len(word) <= CACHED else inside(word, number)
            found += [" "] * (right < len(tokens))
        return found

    return values


def _borders(word: Tokens, k: int, number: int) -> str:
    return f"{min(k, number)}{min(len(word) - k - 1, number)}"


TOKEN, AHEAD, BETWEEN, SENTENCE, DOCUMENT = Sight
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
    "cluster": Family(
        "clusters are those of given vectors; give vectors",
        10,
        range(2, 1 << 16),
        TOKEN,
        "the cluster of the given vector, of so many",
    ),
    BROWN: Family(
        "paths of words are read from a file; give one (--brown FILE)",
        10,
        range(1, 65),
        TOKEN,
        "so much of the path of its Brown cluster",
        0.2,
    ),
    GAZETTEER: Family(
        "there is no list of this name; give one (--gazetteer NAME=FILE)",
        5,
        NONE,
        SENTENCE,
        "how it lies in a name of that list: B I E S, or b i e s without capitals",
    ),
    "case": Family(CASE, 10, NONE, SENTENCE, "its capitals, and how much of the sentence has some"),
    "written": Family(WRITTEN, 5, NONE, DOCUMENT, "how the word is written elsewhere in the document"),
    "mention": Family(
        MENTION, 5, NONE, DOCUMENT, "its place in a longer row of capitals elsewhere in the document"
    ),
}
_NAME = re.compile(rf"([a-z]+)(\d*)(?:_({LIST}))?")


def family(name: str) -> tuple[Family, int]:
    """The family of a feature and its number, 0 without one. Raises SettingError."""
    match = _NAME.fullmatch(name)
    found = choose("feature", match[1] if match else name, FAMILIES, written())
    number = int(match[2] or 0) if match else 0
    if number not in found.numbers:
        ends = [n for n in (*found.numbers[:2], found.numbers[-1]) if n]
        wanted = f"end it with a number, {ends[0]} to {ends[-1]}" if ends else "it has no number"
        raise SettingError(f"feature {name!r}: {wanted}")
    if match and bool(match[3]) != (match[1] == GAZETTEER):
        example = (
            "write the name of a list behind it: gazetteer_LOC" if match[1] == GAZETTEER else "it has no list"
        )
        raise SettingError(f"feature {name!r}: {example}")
    return found, number


def alone(name: str) -> bool:
    """Whether the values of a feature depend on their token alone."""
    kind, number = family(name)
    return kind.sight is TOKEN or (kind.sight is AHEAD and number == 0)


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
    ends = {name: f"{kind.numbers[0]}…" if kind.numbers[0] else "" for name, kind in FAMILIES.items()}
    return [f"{name}{end}" for name, end in (ends | {GAZETTEER: "_LOC"}).items()]


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
