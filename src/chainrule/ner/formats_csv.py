"""Tables between commas, semicolons or tabs, whose first row names the columns.

csv        sentence, token, tag        a row for each token; a sentence may be named in its first row alone
csv-spans  id, text, start, end, label a row for each name; a text without names has one row
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from itertools import chain, groupby
from typing import BinaryIO

from chainrule.errors import DataError, counted
from chainrule.ner.formats_conll import Reading, Tags, Writing, glue, head_lines, record_of, tags_in
from chainrule.ner.formats_record import Claim, Record, named
from chainrule.ner.source import Source

LONGEST_ROW = 1 << 26  # bytes
ROLES: Mapping[str, frozenset[str]] = {
    "sentence": frozenset(
        {"sentence", "sentence #", "sentence_id", "sentence id", "sent_id", "sentence_idx", "id"}
    ),
    "token": frozenset({"token", "tokens", "word", "words", "form"}),
    "tag": frozenset({"tag", "tags", "ner_tag", "ner_tags", "ner", "label", "labels", "entity"}),
    "text": frozenset({"text"}),
    "start": frozenset({"start", "start_offset", "begin"}),
    "end": frozenset({"end", "end_offset"}),
    "surface": frozenset({"span", "surface", "mention"}),
}
_DELIMITERS = ",;\t"
_OFFSET = re.compile(r"\s*-?[0-9]{1,12}(\.0+)?\s*")
_TOKENS, _SPANS = ("token", "tag"), ("text", "start", "end", "tag")
_NOTHING: Sequence[tuple[object, ...]] = [("", "", "")]
Rows = Iterator[tuple[int, dict[str, str]]]


def header(line: str) -> tuple[str, dict[str, int]] | None:
    """The delimiter of a table and the columns by their roles, if its first row names the columns needed."""
    for delimiter in _DELIMITERS:
        names = _cells(line, delimiter)
        found: dict[str, int] = {}
        for k, name in enumerate(names):
            for role, known in ROLES.items():
                if name.strip().lower() in known:
                    found.setdefault(role, k)
        if all(role in found for role in _TOKENS) or all(role in found for role in _SPANS):
            return delimiter, found
    return None


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # no table
        return []


def is_spans(roles: Iterable[str]) -> bool:
    """Whether the columns are those of names in texts."""
    return set(_SPANS) <= set(roles)


def _rows(source: Source) -> tuple[Rows, list[str]]:
    """The rows of a table by the roles of their columns, with their lines; and the columns without a role."""
    head = head_lines(source)
    found = header(head[0]) if head else None
    if found is None:
        raise DataError(
            f"{source.place}:1: the columns are not named; begin with sentence,token,tag or text,start,end,label"
        )
    delimiter, roles = found
    csv.field_size_limit(LONGEST_ROW)
    lines = source.full_lines(LONGEST_ROW, "break it into records")
    table = csv.reader(lines, delimiter=delimiter, strict=True)

    def row() -> list[str] | None:
        line = table.line_num + 1
        try:
            return next(table, None)
        except csv.Error as error:
            raise DataError(f"{source.place}:{line}: {error}; close the quotes, or write the file again") from None

    first = row() or []
    others = [name for k, name in enumerate(first) if k not in roles.values()]

    def read() -> Rows:
        line = table.line_num + 1
        while (cells := row()) is not None:
            if cells and len(cells) != len(first):
                raise DataError(
                    f"{source.place}:{line}: {counted(len(cells), 'column')}, but line 1 has {len(first)}; "
                    "give every row the same columns"
                )
            yield line, {role: cells[k] for role, k in roles.items()} if cells else {}
            line = table.line_num + 1

    return read(), others


def read_csv(source: Source, reading: Reading) -> Iterator[Record]:
    """The sentences of a table of tokens."""
    rows, others = _rows(source)
    checked, separator, now, number = Tags(), None, "", 0

    def sentence(item: tuple[int, dict[str, str]]) -> int:
        nonlocal now, number
        name = item[1].get("sentence", now)
        if not item[1] or name not in ("", now):
            number, now = number + 1, name
        return number

    for _, group in groupby(rows, sentence):
        part = [(line, row) for line, row in group if row]
        if not part:
            continue
        words, tags = [row["token"] for _, row in part], [row["tag"] for _, row in part]
        checked.check(tags, source.place, part[0][0])
        if separator is None:
            separator = glue([words], reading.tokens, source.path)
        record = record_of(words, tags, separator, f"{source.place}:{part[0][0]}")
        yield _losing(record, others)


def _losing(record: Record, others: Sequence[str]) -> Record:
    return replace(record, lost=tuple(f"column {name}" for name in others))


def read_csv_spans(source: Source, reading: Reading) -> Iterator[Record]:
    """The texts of a table of names; rows of one text follow one another."""
    rows, others = _rows(source)
    full = ((line, row) for line, row in rows if row)
    for _, group in groupby(full, lambda item: (item[1].get("sentence"), item[1]["text"])):
        part = list(group)
        line, row = part[0]
        text, place = row["text"], f"{source.place}:{line}"
        claims = [
            Claim(_number(r["start"]), _number(r["end"]), r["tag"], r.get("surface"))
            for _, r in part
            if r["start"] or r["end"] or r["tag"]
        ]
        names, misfits, unit = named(claims, text, place, reading.unit)
        yield _losing(
            Record(text, names, None, place, key=row.get("sentence"), misfits=misfits, unit=unit), others
        )


def _number(written: str) -> object:
    """An offset as a number, also as `12.0`, if it is one."""
    return int(float(written)) if _OFFSET.fullmatch(written) else written


def write_csv(records: Iterable[Record], stream: BinaryIO, writing: Writing) -> None:
    """Write a row for each token: number of the sentence, token, tag."""
    rows = (
        (number, word, tag)
        for number, record in enumerate(records, 1)
        for word, tag in zip(record.words(), tags_in(record, writing.scheme), strict=True)
    )
    _write(("sentence", "token", "tag"), rows, stream, writing)


def write_csv_spans(records: Iterable[Record], stream: BinaryIO, writing: Writing) -> None:
    """Write a row for each name, and one for a text without names."""
    rows: Iterable[Sequence[object]] = (
        (number if record.key is None else record.key, record.text, *name)
        for number, record in enumerate(records, 1)
        for name in ([n[:3] for n in record.names] or _NOTHING)
    )
    _write(("id", "text", "start", "end", "label"), rows, stream, writing)


def _write(names: Sequence[str], rows: Iterable[Sequence[object]], stream: BinaryIO, writing: Writing) -> None:
    for row in chain([names], rows):
        stream.write(_line(row, writing))


def _line(row: Sequence[object], writing: Writing) -> bytes:
    text = StringIO()
    csv.writer(text, delimiter=writing.separator or ",", lineterminator="\r\n").writerow(row)
    return text.getvalue().encode()
