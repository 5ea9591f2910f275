"""Brown clusters: the path of a word in a binary tree of clusters, whose beginnings are clusters, the shorter the
larger (Brown et al. 1992; as features Miller et al. 2004, Ratinov and Roth 2009).

A file has `path<TAB>word<TAB>count` on each line, as the tool `wcluster` writes it. A word is looked up as it
stands, then in normal form, which has the path of the most frequent word that comes to it (`1999`, `2000`: 0000),
then as vocabularies spell it (`#paris`: paris). Words in no vocabulary are known too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import DataError
from chainrule.ner.source import StrPath, opened
from chainrule.ner.vocab import normalise, spellings
from chainrule.ner.words import Index, Words

NONE = "none"  # the path of words that have none
ADVICE = "write a path, a word and its count on each line, with tabs between them, as wcluster does"


class Paths:
    """Word → its path, of 0 and 1."""

    def __init__(self, words: Words, paths: Sequence[str], numbers: NDArray[np.int32]) -> None:
        """Different words, different paths, and which of them each word has, (N,)."""
        self.words, self.paths, self.numbers = words, tuple(paths), numbers
        self._index = Index(words)

    @classmethod
    def of(cls, pairs: Mapping[str, str]) -> "Paths":
        """Words and their paths."""
        number = {path: k for k, path in enumerate(dict.fromkeys(pairs.values()))}
        numbers = np.fromiter(map(number.__getitem__, pairs.values()), np.int32, len(pairs))
        return cls(Words.of(pairs), tuple(number), numbers)

    def prefixes(self, length: int, tokens: Sequence[str]) -> list[str]:
        """The beginning of the path of each token, or all of a shorter path."""
        return [path[:length] if path != NONE else NONE for path in map(self.path, tokens)]

    def path(self, token: str) -> str:
        """The path of a token."""
        for form in (token, *spellings(normalise(token))):
            if (found := self._index.get(form)) is not None:
                return self.paths[int(self.numbers[found])]
        return NONE

    def lines(self) -> Iterator[str]:
        """A line for each word, to be read by `from_lines`."""
        for word, number in zip(self.words, self.numbers.tolist(), strict=True):
            yield f"{self.paths[number]}\t{word}\n"

    @classmethod
    def from_lines(cls, lines: Iterable[str]) -> "Paths":
        """What `lines` wrote, without the ends of lines. Raises ValueError for anything else."""
        pairs = [line.split("\t") for line in lines]
        if any(len(pair) != 2 or pair[0].strip("01") or not all(pair) for pair in pairs):
            raise ValueError("a line that is no path and a word")
        found = cls.of({word: path for path, word in pairs})
        if len(found.words) < len(pairs):
            raise ValueError("a word that is there twice")
        return found

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Paths) and list(self.lines()) == list(other.lines())

    def __hash__(self) -> int:
        return hash(self.paths)


def read_paths(path: StrPath) -> Paths:
    """Read a file of wcluster. Raises DataError, `path:line: cause; repair`."""
    own: dict[str, tuple[str, int]] = {}
    with opened(path) as source:
        for number, line in enumerate(source.lines(advice=ADVICE), 1):
            if not line:
                continue
            place, parts = f"{source.place}:{number}", line.split("\t")
            if len(parts) != 3 or not parts[1]:
                raise DataError(f"{place}: {_cut(line)} has no three columns; {ADVICE}")
            way, word, count = parts
            if not way or way.strip("01"):
                raise DataError(f"{place}: the path {_cut(way)} is not of 0 and 1; {ADVICE}")
            if not (count.isascii() and count.isdigit()):
                raise DataError(f"{place}: the count {_cut(count)} is no whole number; {ADVICE}")
            if word in own:
                raise DataError(f"{place}: the word {_cut(word)} is there a second time; keep one line for it")
            own[word] = way, int(count[:18])
    if not own:
        raise DataError(f"{source.place}: holds no word; {ADVICE}")
    return Paths.of(_with_normal_forms(own))


def _with_normal_forms(own: Mapping[str, tuple[str, int]]) -> dict[str, str]:
    """The paths of words, and of normal forms that are not among them that of the most frequent word."""
    most: dict[str, tuple[str, int]] = {}
    for word, (way, count) in own.items():
        form = normalise(word)
        if form not in own and count > most.get(form, ("", -1))[1]:
            most[form] = way, count
    return {word: way for word, (way, _) in (*own.items(), *most.items())}


def _cut(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")
