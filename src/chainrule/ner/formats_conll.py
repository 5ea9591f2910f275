"""Columns: one token and its tag on a line, an empty line between sentences, read one sentence at a time.

conll       token, other columns if there are any, tag; between tabs, or blanks
conll2003   token, part of speech, chunk, tag; between blanks
conllu      number, token … ; ten columns between tabs, the tag in the last as NER=…, or any numbered rows
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from chainrule.errors import DataError
from chainrule.ner.corpus import LONGEST_ALONE, UNWRITABLE, Block, Corpus, Sentence, Table, blocks, layout
from chainrule.ner.formats_record import AUTO, Name, Place, Record, joined
from chainrule.ner.source import HEAD, Source
from chainrule.ner.tags import OUTSIDE, Scheme, detect, fault, is_bare, spans, tags_of

TABS = re.compile(r"[\t\r\n]+")
BLANKS = re.compile(r"^$|[ \t\r\n]+")
_NO_LETTER = re.compile(r"\W+")
_NUMBER = re.compile(r"\d+")
_NO_INDEX = re.compile(r"\d+[-.]\d+")  # ranges and empty nodes of CoNLL-U


@dataclass(frozen=True)
class Reading:
    """How a file is read: the column of token and tag, counted from one; what its tokens are; its offsets."""

    columns: tuple[int, int] | None = None
    tokens: str | None = None
    unit: str = AUTO


@dataclass(frozen=True)
class Writing:
    """How a file is written: scheme of its tags, what stands between columns."""

    scheme: Scheme = "IOB2"
    separator: str | None = None


def head_lines(source: Source) -> list[str]:
    """The whole lines that a file begins with."""
    lines = source.head.decode("utf-8", "replace").removeprefix("\ufeff").split("\n")
    return [line.rstrip("\r") for line in (lines[:-1] if len(source.head) >= HEAD and len(lines) > 1 else lines)]


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Tags:
    """The tags of a file as they come: each legal, and all with prefixes or all without."""

    known: set[str] = field(default_factory=set)
    bare: bool | None = None

    def check(self, tags: Sequence[str], place: str, line: int) -> None:
        """DataError for a tag in consecutive lines that is illegal, or unlike those before."""
        for k, tag in enumerate(tags):
            if tag in self.known:
                continue
            at = f"{place}:{line + k}"
            if reason := fault(tag):
                raise DataError(f"{at}: {reason}")
            if "-" in tag or is_bare(tag):
                if self.bare is not None and is_bare(tag) != self.bare:
                    raise DataError(f"{at}: tag {tag!r}; some tags have a prefix, others not; write B-… for all")
                self.bare = is_bare(tag)
            self.known.add(tag)


def record_of(words: Sequence[str], tags: Sequence[str], separator: str, place: str) -> Record:
    """A sentence as a text, its tokens in their places."""
    text, tokens = joined(words, separator)
    return Record(text, names_of(tags, tokens), tokens, place)


def names_of(tags: Sequence[str], tokens: Sequence[Place]) -> tuple[Name, ...]:
    """The names that tags stand for, in characters."""
    return tuple(Name(tokens[s.start][0], tokens[s.end - 1][1], s.label) for s in spans(tags))


def glue(sentences: Iterable[Sequence[str]], tokens: str | None, path: Path) -> str:
    """What stands between tokens: nothing where they are characters, else a blank."""
    if tokens is not None:
        return "" if tokens == "characters" else " "
    found = tuple(Sentence(list(words), []) for words in sentences)
    return "" if Corpus(path, found, None).characters else " "


def read_conll(source: Source, reading: Reading) -> Iterator[Record]:
    """The sentences of a file in CoNLL form."""
    head = head_lines(source)
    table, known = layout(source.path, head)
    if table.width == 1:
        raise DataError(
            f"{table_place(source, table)}: one column, no tag; write a token, a tab and its tag on each line"
        )
    token, tag = chosen_columns(reading, table.width, (0, table.width - 1), source)
    separator = glue(
        ([row[token] for row in b.rows] for b in _sample(head, table, known)), reading.tokens, source.path
    )
    checked, first, comments = Tags(), None, 0
    for count, block in enumerate(blocks(source.lines(), table, known)):
        if count == 0 and len(block.rows) > LONGEST_ALONE:
            first = block
        elif first:
            first = None
        rows = block.rows
        tags = [row[tag] for row in rows]
        checked.check(tags, source.place, block.line)
        record = record_of([row[token] for row in rows], tags, separator, f"{source.place}:{block.line}")
        others = [k for k in range(table.width) if k not in (token, tag)]
        lost = ("comment line",) * (table.comments - comments)
        comments = table.comments
        columns = tuple(tuple(row[k] for k in others) for row in rows) if others else ()
        yield replace(record, document=block.document, columns=columns, lost=lost)
    if first:
        raise DataError(
            f"{source.place}:{first.line + LONGEST_ALONE}: all {len(first.rows):,} tokens are one sentence, "
            "blank lines are missing; put an empty line after each sentence"
        )


def table_place(source: Source, table: Table) -> str:
    """The place of the row that a table is modelled on."""
    return f"{source.place}:{table.model}"


def _sample(head: Sequence[str], table: Table, known: set[str]) -> list[Block]:
    """The sentences at the beginning of a file; none where a row is wrong, which will be said in its turn."""
    try:
        return list(blocks(head, replace(table), known))
    except DataError:
        return []


def chosen_columns(reading: Reading, width: int, usual: tuple[int, int], source: Source) -> tuple[int, int]:
    """The columns of token and tag, counted from zero."""
    if reading.columns is None:
        return usual
    if any(not 1 <= abs(k) <= width for k in reading.columns):
        raise DataError(
            f"{source.place}: has {width} columns, of which {reading.columns} are to be token and tag; "
            "count them from 1, or from the end with -1"
        )
    token, tag = (k - 1 if k > 0 else k + width for k in reading.columns)
    return token, tag


def is_numbered(lines: Sequence[str]) -> bool:
    """Whether the rows of each sentence are numbered in their first column, and have a token in the second."""
    before, rows = -1, 0
    for line in lines:
        parts = line.split("\t") if "\t" in line else line.split()
        if not line.strip() or line.startswith("#"):
            before = -1
        elif len(parts) >= 3 and _NO_INDEX.fullmatch(parts[0]):
            continue
        elif (
            len(parts) >= 3
            and _NUMBER.fullmatch(parts[0])
            and int(parts[0][:9]) in ((0, 1) if before < 0 else (before + 1,))
        ):
            before, rows = int(parts[0][:9]), rows + 1
        else:
            return False
    return rows > 1


def scheme_of(lines: Sequence[str], column: int) -> str:
    """What the tags at the beginning of a file say of their scheme."""
    sentences: list[list[str]] = [[]]
    for line in lines:
        parts = line.split("\t") if "\t" in line else line.split()
        if not parts:
            sentences.append([])
        elif -len(parts) <= column < len(parts) and not fault(parts[column]) and not line.startswith("-DOCSTART-"):
            sentences[-1].append(parts[column])
    try:
        return detect([s for s in sentences if s]).evidence
    except DataError:
        return "tags in its last column"


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────


def tags_in(record: Record, scheme: Scheme) -> list[str]:
    """The tags of a record's tokens; DataError for a label that no tag can hold."""
    for name in record.names:
        if fault(f"B-{name.label}") or (scheme == "bare" and (fault(name.label) or not is_bare(name.label))):
            repair = f"{name.label}={_NO_LETTER.sub('_', name.label)}"
            raise DataError(
                f"{record.place}: no {scheme} tag can hold the label {name.label!r}; give --rename {repair!r}"
            )
    return tags_of(record.spans(), len(record.tokens or ()), scheme)


def write_conll(records: Iterable[Record], stream: BinaryIO, writing: Writing) -> None:
    """Write token, other columns if there are any, and tag, between tabs or blanks."""
    _write(records, stream, writing, writing.separator or "\t", list)


def write_conll2003(records: Iterable[Record], stream: BinaryIO, writing: Writing) -> None:
    """Write token, part of speech, chunk and tag; `_` where there is none."""
    _write(
        records,
        stream,
        writing,
        writing.separator or " ",
        lambda c: list(c) if len(c) == 2 else ["_", "_"],
    )


def _write(
    records: Iterable[Record],
    stream: BinaryIO,
    writing: Writing,
    separator: str,
    middle: Callable[[Sequence[str]], list[str]],
) -> None:
    document = 0
    for record in records:
        words, tags = record.words(), tags_in(record, writing.scheme)
        others = [middle(c) for c in record.columns] or [middle(())] * len(words)
        if record.document != document:
            document = record.document
            stream.write((separator.join(["-DOCSTART-", *["-X-"] * len(others[0]), OUTSIDE]) + "\n\n").encode())
        for word in words:
            if UNWRITABLE.search(word):
                raise DataError(f"{record.place}: a CoNLL file cannot hold the token {word!r}; replace it")
        rows = [separator.join((w, *o, t)) for w, o, t in zip(words, others, tags, strict=True)]
        stream.write(("\n".join(rows) + "\n\n").encode())
