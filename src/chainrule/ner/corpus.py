"""Tagged sentences in files: one token and its tag on a line, an empty line between sentences (CoNLL).

A file has any number of columns, separated by tabs if its first row holds one, else by blanks; the first
is the token, the last the tag.  With tabs a token may be a blank or empty.  `-DOCSTART-` and `#begin` lines
begin a document.  A line that begins with # is a token if it has every column and a tag at its end;
otherwise, before a sentence, it is a comment.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from itertools import chain, zip_longest
from pathlib import Path
from typing import BinaryIO, NamedTuple

from chainrule.compute.files import written_whole
from chainrule.errors import DataError, counted
from chainrule.ner.notebook import shown_corpus, shown_sentence
from chainrule.ner.source import Source, StrPath, opened, place_of
from chainrule.ner.tags import OUTSIDE, Scheme, convert, detect, fault, is_bare, spans

LONGEST_ALONE = 1000  # tokens of a sentence that has the file to itself

_COMMENT = re.compile(r"##|# |#(begin|end) ")
UNWRITABLE = re.compile("[\t\r\n\0\ud800-\udfff]|-DOCSTART-|#begin ")


class Sentence(NamedTuple):
    """A sentence; `tags` is empty where there are none, token k stands in line `line + k` of the file."""

    tokens: list[str]
    tags: list[str]
    line: int = 1
    document: int = 0

    def _repr_html_(self) -> str:
        return shown_sentence(self)


def documents_of(sentences: Sequence[Sentence], times: int = 1) -> list[int]:
    """The document of each sentence, where they stand so many times one behind the other.

    Where no document is marked a sentence is one by itself; otherwise those with the same number.
    """
    alone = {s.document: (s.document, 0) for s in sentences if s.document}
    keys = [(copy, alone.get(s.document, (0, k))) for copy in range(times) for k, s in enumerate(sentences, 1)]
    numbers: dict[object, int] = {}
    return [numbers.setdefault(key, len(numbers)) for key in keys]


@dataclass(frozen=True)
class Corpus:
    """The sentences of a file, and what was found out about them; `scheme` is None without tags."""

    path: Path
    sentences: tuple[Sentence, ...]
    scheme: Scheme | None
    notes: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        return shown_corpus(self)

    @cached_property
    def tokens(self) -> int:
        """How many tokens there are."""
        return sum(len(s.tokens) for s in self.sentences)

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many names there are of each label, labels in alphabetical order."""
        found = Counter(name.label for s in self.sentences for name in spans(s.tags))
        return dict(sorted(found.items()))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the names, in alphabetical order."""
        return tuple(self.counts)

    @property
    def entities(self) -> int:
        """How many names there are."""
        return sum(self.counts.values())

    @property
    def documents(self) -> int:
        """How many documents there are; one where none is marked."""
        return len({s.document for s in self.sentences})

    @cached_property
    def characters(self) -> bool:
        """Whether the tokens are single characters: spaces among them, or most of them Asian."""
        single = [t for s in self.sentences for t in s.tokens if len(t) == 1]
        asian = sum(t >= "\u2e80" for t in single)
        return bool(single) and len(single) >= 0.95 * self.tokens and (" " in single or 2 * asian > len(single))

    @cached_property
    def digest(self) -> str:
        """A hash of all tokens and tags."""
        state = blake2b(digest_size=16)
        for s in self.sentences:
            state.update("\0".join((*s.tokens, "", *s.tags, "\0")).encode("utf-8", "surrogatepass"))
        return state.hexdigest()

    def tagged(self, scheme: Scheme) -> list[list[str]]:
        """The tags of every sentence, in another scheme."""
        return [convert(s.tags, scheme) for s in self.sentences]

    def of(self, sentences: Iterable[Sentence]) -> "Corpus":
        """A corpus of some of the sentences."""
        return replace(self, sentences=tuple(sentences), notes=())


def read_corpus(path: StrPath, *, tagged: bool = True) -> Corpus:
    """Read a file, `-` for standard input; `tagged=False` takes the first column and leaves the others.

    Raises DataError, `path:line: cause; repair`.
    """
    with opened(path) as source:
        return corpus_in(source, tagged=tagged)


def corpus_in(source: Source, *, tagged: bool = True) -> Corpus:
    """Read an open file."""
    table = _table(source)
    if not tagged:
        return _with_notes(table, [s._replace(tags=[]) for s in _sentences(table)], None, [])
    if table.width == 1:
        raise DataError(f"{table.at()}: one column, no tag; write a token, a tab and its tag on each line")
    check_tags(table, -1)
    sentences = _sentences(table)
    detected = detect([s.tags for s in sentences])
    if detected.scheme != "bare":
        _check_prefixes(table)
    return _with_notes(table, sentences, detected.scheme, [detected.evidence])


def _sentences(table: "Table") -> list[Sentence]:
    return [
        Sentence([row[0] for row in b.rows], [sys.intern(row[-1]) for row in b.rows], b.line, b.document)
        for b in table.blocks
    ]


def _with_notes(table: "Table", sentences: list[Sentence], scheme: Scheme | None, notes: list[str]) -> Corpus:
    corpus = Corpus(table.path, tuple(sentences), scheme)
    size = [counted(len(sentences), "sentence"), counted(corpus.tokens, "token")]
    size += [counted(corpus.documents, "document")] * (corpus.documents > 1)
    size += [counted(corpus.entities, "name")] * bool(scheme)
    found = [", ".join(size), *notes]
    found += ["the tokens are characters"] * corpus.characters
    found += [counted(table.comments, "comment line") + " skipped"] * bool(table.comments)
    empty = sum(not token for s in sentences for token in s.tokens)
    found += [counted(empty, "empty token")] * bool(empty)
    return replace(corpus, notes=tuple(found))


# ── rows and columns ──────────────────────────────────────────────────────────────────────────────────


@dataclass
class Block:
    """Consecutive rows, the first in line `line`."""

    line: int
    document: int
    rows: list[list[str]] = field(default_factory=list)


@dataclass
class Table:
    """The rows of a file, in blocks; each has as many columns as the row in line `model`."""

    path: Path
    tabs: bool
    width: int
    model: int
    blocks: list[Block] = field(default_factory=list)
    comments: int = 0

    def at(self, block: int = 0, row: int = 0) -> str:
        """The place of a row, for messages."""
        return f"{place_of(self.path)}:{self.blocks[block].line + row}"

    def first(self, column: int) -> dict[str, tuple[int, int]]:
        """Where each value of a column stands first: (block, row)."""
        found: dict[str, tuple[int, int]] = {}
        for i, block in enumerate(self.blocks):
            for k, row in enumerate(block.rows):
                if row[column] not in found:
                    found[row[column]] = (i, k)
        return found


def read_table(path: StrPath, *, documents: bool = True) -> Table:
    """Read the rows of a file; without `documents`, `-DOCSTART-` is a token like any other.

    Raises DataError for what cannot be opened or decoded, for uneven rows, and where there are no rows.
    """
    with opened(path) as source:
        return _table(source, documents)


def _table(source: Source, documents: bool = True) -> Table:
    lines = list(source.lines())
    table, tags = layout(source.path, lines, documents)
    table.blocks.extend(blocks(lines, table, tags, documents))
    return _checked(table)


def blocks(lines: Iterable[str], table: Table, tags: set[str], documents: bool = True) -> Iterator[Block]:
    """The blocks of a table laid out so, each as soon as it is complete; DataError for a row of other width."""
    document, block = 0, Block(0, 0)
    for number, line in enumerate(lines, 1):
        starts = documents and _begins_document(line)
        if starts or not line.strip():
            document += starts
            if block.rows:
                yield block
            block = Block(0, document)
            continue
        row = _split(line, table.tabs)
        if line[0] == "#" and not block.rows and _is_comment(line, row, table.width, tags):
            table.comments += 1
            continue
        if len(row) != table.width:
            raise DataError(_uneven(table, number, len(row)))
        if not block.rows:
            block.line = number
        block.rows.append(row)
    if block.rows:
        yield block


def _begins_document(line: str) -> bool:
    return line.startswith("-DOCSTART-") or line.startswith("#begin ")


def _split(line: str, tabs: bool) -> list[str]:
    if tabs:
        return line.split("\t")
    return [part for part in line.replace("\t", " ").split(" ") if part]


def layout(path: Path, lines: Iterable[str], documents: bool = True) -> tuple[Table, set[str]]:
    """Separator and width, by the first row that does not begin with #; and the last columns of such rows."""
    numbered = enumerate(lines, 1)
    filled = [(n, s) for n, s in numbered if s.strip() and not (documents and _begins_document(s))]
    plain = [(n, s) for n, s in filled if s[0] != "#"]
    model, line = next(iter(plain or [(n, s) for n, s in filled if _ends_in_tag(s)]), (1, ""))
    tabs = "\t" in line
    separator = "\t" if tabs else " "
    tags = {s.rstrip(" ").rpartition(separator)[2] for _, s in plain}
    return Table(path, tabs, len(_split(line, tabs)), model), tags


def _ends_in_tag(line: str) -> bool:
    return not fault(_split(line, "\t" in line)[-1])


def _is_comment(line: str, row: Sequence[str], width: int, tags: set[str]) -> bool:
    """Whether a line that begins with # and stands before a sentence is no token."""
    if not _COMMENT.match(line):
        return False
    if width == 1:
        return " " in line
    tag = row[-1]
    return len(row) != width or not (tag in tags or tag == OUTSIDE or ("-" in tag and not fault(tag)))


def _uneven(table: Table, number: int, count: int) -> str:
    separator = "tabs" if table.tabs else "blanks"
    return (
        f"{place_of(table.path)}:{number}: {counted(count, 'column')}, but line {table.model} has {table.width}, "
        f"separated by {separator}; give every row the same columns"
    )


def _checked(table: Table) -> Table:
    if not table.blocks:
        raise DataError(f"{place_of(table.path)}:1: no sentences; write a token, a tab and its tag on each line")
    length = len(table.blocks[0].rows)
    if len(table.blocks) == 1 and length > LONGEST_ALONE:
        raise DataError(
            f"{table.at(row=LONGEST_ALONE)}: all {length:,} tokens are one sentence, blank lines are missing; "
            "put an empty line after each sentence"
        )
    return table


def check_tags(table: Table, column: int) -> None:
    """Refuse an illegal tag in a column, counted as in a list; DataError with its line."""
    for tag, place in table.first(column).items():
        if reason := fault(tag):
            raise DataError(f"{table.at(*place)}: {reason}")


def _check_prefixes(table: Table) -> None:
    for tag, place in table.first(-1).items():
        if is_bare(tag):
            raise DataError(f"{table.at(*place)}: tag {tag!r} has no prefix, but others have; write B-{tag}")


# ── writing ──────────────────────────────────────────────────────────────────────────


def write_conll(
    target: StrPath | BinaryIO, sentences: Iterable[Sentence], predicted: Iterable[Sequence[str]] | None = None
) -> None:
    """Write sentences with tabs between columns: token, tag if there are any, predicted tag if given.

    A path is written whole or not at all; a stream takes bytes.  Raises DataError for a token that the
    format cannot hold, for columns of unequal length, and for a path that refuses.
    """
    document = 0
    with written_whole(target) if isinstance(target, (str, Path)) else nullcontext(target) as stream:
        for number, (sentence, tags) in enumerate(zip_longest(sentences, predicted or ()), 1):
            if sentence is None or (tags is None and predicted is not None):
                raise DataError(f"sentence {number}: is gold or predicted only; give equally many of both")
            columns = [column for column in (sentence.tokens, sentence.tags, tags) if column]
            _check_writable(number, columns)
            rows = list(zip(*columns, strict=True))
            if sentence.document != document:
                document = sentence.document
                rows = [("-DOCSTART-", *[OUTSIDE] * (len(columns) - 1)), (), *rows]
            stream.write("".join("\t".join(row) + "\n" for row in (*rows, ())).encode())


def _check_writable(number: int, columns: Sequence[Sequence[str]]) -> None:
    lengths = [len(column) for column in columns]
    if not lengths or min(lengths) < max(lengths):
        raise DataError(f"sentence {number}: columns of {lengths} rows; give each token one tag")
    for token in columns[0]:
        if UNWRITABLE.search(token) or (len(columns) == 1 and token.split() != [token]):
            raise DataError(f"sentence {number}: a CoNLL file cannot hold the token {token!r}; replace it")
    for tag in set(chain(*columns[1:])):
        if reason := fault(tag):
            raise DataError(f"sentence {number}: {reason}")
