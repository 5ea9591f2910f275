"""What features are looked up in, besides the data and vectors: paths of words, and lists of names.

Both travel with a model, as text: `brown.txt` has a path, a tab and a word on each line, `gazetteers.txt` the name
of a list, a tab and a name in it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from chainrule.errors import DataError, SettingError
from chainrule.learn.choose import choose
from chainrule.learn.store import Bytes
from chainrule.ner.context import Context
from chainrule.ner.families import BROWN, GAZETTEER, LIST, Spelling
from chainrule.ner.gazetteers import Gazetteers
from chainrule.ner.paths import Paths, read_paths
from chainrule.ner.source import StrPath, opened
from chainrule.ner.words import ENCODING

PATHS, LISTS = "brown.txt", "gazetteers.txt"
LONGEST = 500  # characters of a name
LENGTHS = (4, 6, 10, 20)  # of the paths that features have, where nobody says which

Listed = StrPath | Iterable[str]
"""A list of names: a file with one on each line, or the names."""


class Lookups(NamedTuple):
    """Paths of words, and lists of names, as far as there are such."""

    paths: Paths | None = None
    lists: Gazetteers | None = None

    def source(self, feature: str) -> Spelling | Context | None:
        """Where the values of a feature come from, if they are looked up in these."""
        if self.paths is not None and feature.startswith(BROWN):
            return self.paths.prefixes
        kind, _, name = feature.partition("_")
        return self.lists.contexts.get(name) if self.lists is not None and kind == GAZETTEER else None

    def named(self, features: Sequence[str]) -> list[str]:
        """The features that use what is given, unless some of these do."""
        lists = [] if self.lists is None else [f"{GAZETTEER}_{name}" for name in self.lists.lists]
        paths = [] if self.paths is None else [f"{BROWN}{length}" for length in LENGTHS]
        used = any(feature.startswith(BROWN) for feature in features)
        return [name for name in lists if name not in features] + ([] if used else paths)

    def swapped(self, lists: Mapping[str, "Listed"]) -> "Lookups":
        """With other names in some lists. Raises DataError, SettingError for a list that is not there."""
        for name in lists:
            choose("list of names in the model", name, {} if self.lists is None else self.lists.lists)
        if self.lists is None or not lists:
            return self
        return self._replace(lists=self.lists.replaced(read_lists(lists)))

    @property
    def digest(self) -> str:
        """A hash of all of it."""
        state = blake2b(digest_size=16)
        for text in self.texts().values():
            state.update(text)
        return state.hexdigest()

    @property
    def about(self) -> dict[str, int]:
        """How many names each list has, and how many words have paths."""
        lists = {} if self.lists is None else {f"names in {n}": len(k) for n, k in self.lists.lists.items()}
        return lists | ({} if self.paths is None else {"words with paths": len(self.paths.words)})

    # ── files of a model ──────────────────────────────────────────────────────────────────────────────

    def texts(self) -> dict[str, bytes]:
        """The files that hold it, by name."""
        found = {}
        if self.paths is not None:
            found[PATHS] = "".join(self.paths.lines()).encode(*ENCODING)
        if self.lists is not None:
            found[LISTS] = "".join(_lines(self.lists.lists)).encode(*ENCODING)
        return found

    @classmethod
    def read(cls, texts: Mapping[str, Bytes], tokenizer: str, features: Sequence[str]) -> "Lookups":
        """What `texts` gave, for a model that has these features. Raises ValueError for anything else."""
        rows = {name: bytes(text).decode(*ENCODING).split("\n") for name, text in texts.items()}
        if any(lines.pop() for lines in rows.values()):
            raise ValueError("the last line has no end")
        found: dict[str, list[str]] = {name: [] for name in lists_of(features)}
        for line in rows.get(LISTS, ()):
            name, tab, listed = line.partition("\t")
            if not tab or name not in found or len(listed) > LONGEST:
                raise ValueError("a line that is no list and a name in it")
            found[name].append(listed)
        paths = Paths.from_lines(rows[PATHS]) if PATHS in rows else None
        return cls(paths, Gazetteers(found, tokenizer) if LISTS in rows else None)


NOTHING = Lookups()


def files(features: Sequence[str]) -> list[str]:
    """The files of a model that has these features."""
    kinds = {PATHS: BROWN, LISTS: GAZETTEER}
    return [file for file, kind in kinds.items() if any(name.startswith(kind) for name in features)]


def lists_of(features: Sequence[str]) -> list[str]:
    """The names of the lists that features look at."""
    return [name.partition("_")[2] for name in features if name.startswith(GAZETTEER)]


def _lines(lists: Mapping[str, Iterable[str]]) -> Iterator[str]:
    return (f"{name}\t{listed}\n" for name, names in lists.items() for listed in names)


# ── as people give it ─────────────────────────────────────────────────────────────────────────────────


def given_lookups(
    brown: StrPath | Paths | None, lists: Mapping[str, Listed] | None, tokenizer: str, own: Lookups | None = None
) -> Lookups:
    """What is given, as files or otherwise; with that of a model, which training goes on from, for the rest.

    Raises DataError, SettingError.
    """
    if own is not None:
        if brown is not None:
            raise SettingError("a model keeps its paths of words; leave out brown, or train a new one")
        return own.swapped(lists or {})
    paths = read_paths(brown) if isinstance(brown, (str, Path)) else brown
    return Lookups(paths, Gazetteers(read_lists(lists), tokenizer) if lists else None)


def read_lists(lists: Mapping[str, Listed]) -> dict[str, list[str]]:
    """The names in each list. Raises DataError, `path:line: cause; repair`, SettingError for what is no list."""
    return {_checked(name): _read(name, names) for name, names in lists.items()}


def _checked(name: str) -> str:
    if not isinstance(name, str) or not re.fullmatch(LIST, name):
        raise SettingError(
            f"a list of names cannot be called {name!r}; take letters, digits and _, as in LOC=FILE"
        )
    return name


def _read(name: str, names: Listed) -> list[str]:
    if isinstance(names, (str, Path)):
        with opened(names) as source:
            lines = [_plain(line, f"{source.place}:{k}") for k, line in enumerate(source.lines(), 1)]
        if not any(lines):
            raise DataError(f"{source.place}: holds no name; write one on each line")
    else:
        lines = [_plain(line, f"list {name}, name {k}") for k, line in enumerate(names, 1)]
    return list(dict.fromkeys(filter(None, lines)))


def _plain(line: str, place: str) -> str:
    """A name with single spaces."""
    if not isinstance(line, str):
        raise SettingError(f"{place}: is {line!r}; give names as strings")
    if len(line) > LONGEST:
        raise DataError(f"{place}: a name of over {LONGEST} characters; write one name on each line")
    return " ".join(line.split())
