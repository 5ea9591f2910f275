"""What is to be tagged, as it comes: lines of text, records of JSON, sentences of CoNLL; from files and streams.

A group holds what is there, maybe nothing, so that nobody waits for an answer. What is broken is `Wrong`: it ends
the work behind what came before it, or is told of and left out.
"""

import io
import json
import os
import re
import select
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

from chainrule.errors import DataError
from chainrule.ports import parquet

LONGEST = 1 << 20  # bytes of a line
BLOCK = 1 << 16  # bytes read at once, at most
MOST = 1 << 14  # tokens of a sentence
PATHLIKE = re.compile(
    r"(\.{0,2}|~)/\S*|\S*/|\S+\.(txt|text|md|conll|csv|tsv|jsonl?|html?|parquet|pq|xml|pdf|gz|zip)"
)
DOCUMENT = "-DOCSTART-"

Wrong = Callable[[DataError, str, int], None]
"""Called with an error, its source and its line; it raises the error, or takes note of it."""


class Given(NamedTuple):
    """A text, and the line where it begins; `fields` are those of its record, `rows` the lines of its tokens."""

    line: int
    text: str
    fields: Mapping[str, Any] = {}
    rows: Sequence[str] = ()


Group = list[Given]


def refuse(error: DataError, place: str, line: int) -> None:
    """End with the first error."""
    raise error


def grouped(sources: Sequence[str], wrong: Wrong = refuse, form: str = "text") -> Iterator[Group]:
    """What all sources hold; `form` is one of INPUTS."""
    read = INPUTS[form]
    for source in sources:
        if source == "-":
            yield from read(_standard_input(wrong), "standard input", wrong)
        elif _is_file(source) and source.lower().endswith(parquet.SUFFIXES):
            yield from _columns(source)
        elif _is_file(source):
            with Path(source).open("rb") as file:
                yield from read(_lines(file, source, wrong), source, wrong)
        else:
            _refuse_path(source)
            text = io.BytesIO(os.fsencode(source) or b"\n")
            yield from read(_lines(text, "the text", wrong), "the text", wrong)


def _columns(source: str) -> Iterator[Group]:
    """The column `text` of Parquet."""
    line = 1
    for texts in parquet.text_batches(source):
        yield [Given(k, text) for k, text in enumerate(texts, line)]
        line += len(texts)


def _is_file(source: str) -> bool:
    try:
        return len(source) < 4096 and Path(source).is_file()
    except (OSError, ValueError):
        return False


def is_folder(source: str) -> bool:
    """Whether a source is a folder, and not a text."""
    try:
        return len(source) < 4096 and Path(source).is_dir()
    except (OSError, ValueError):
        return False


def _refuse_path(source: str) -> None:
    """Refuse a folder, and what can only be meant as a file: it would be tagged as a text of one word."""
    if source and is_folder(source):
        raise DataError(f"{source}: is a folder; name files in it")
    if PATHLIKE.fullmatch(source):
        raise DataError(f"{source}: there is no such file; check the path")


# ── lines ─────────────────────────────────────────────────────────────────────────────────────────────


def _standard_input(wrong: Wrong) -> Iterator[Group]:
    if sys.stdin is None:
        raise DataError("standard input: is closed; give a text or files")
    stream = cast(io.BufferedReader, sys.stdin.buffer)
    yield from _lines(stream, "standard input", wrong, partial(_is_waiting, stream))


def _is_waiting(stream: io.BufferedIOBase) -> bool:
    """Whether to read from a stream would take until there is more; where none can know, it would."""
    try:
        return not select.select([stream], [], [], 0)[0]
    except (OSError, ValueError):
        return True


def _lines(
    stream: io.BufferedIOBase, place: str, wrong: Wrong, is_waiting: Callable[[], bool] = lambda: False
) -> Iterator[Group]:
    """The lines of a stream, as many as each read brings; wrong are those that are not UTF-8, or too long."""
    number, rest, skipped = 0, b"", False
    while True:
        if is_waiting():
            yield []
        if not (block := stream.read1(BLOCK)):
            break
        *lines, rest = (rest + block).split(b"\n")
        if lines and skipped:
            number, skipped = number + 1, False
            del lines[0]
        yield from _decoded(lines, place, number, wrong)
        number += len(lines)
        if not skipped and len(rest) > LONGEST:
            yield from _decoded([rest], place, number, wrong)
            skipped = True
        rest = b"" if skipped else rest
    if rest:
        yield from _decoded([rest], place, number, wrong)


def _decoded(lines: Sequence[bytes], place: str, before: int, wrong: Wrong) -> Iterator[Group]:
    """Lines as one group; those in front of a bad one are given before it is refused."""
    found: Group = []
    for number, raw in enumerate(lines, before + 1):
        try:
            found.append(Given(number, _decode(raw, place, number)))
        except DataError as error:
            yield found
            found = []
            wrong(error, place, number)
    yield found


def _decode(raw: bytes, place: str, number: int) -> str:
    if len(raw) > LONGEST:
        raise DataError(f"{place}:{number}: a line of over {LONGEST:,} bytes; break it into paragraphs")
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{place}:{number}: byte {error.start + 1} (0x{raw[error.start]:02x}) is not UTF-8; convert it"
        ) from None


# ── forms of input ────────────────────────────────────────────────────────────────────────────────────


def _texts(groups: Iterable[Group], place: str, wrong: Wrong) -> Iterable[Group]:
    return groups


def _records(groups: Iterable[Group], place: str, wrong: Wrong) -> Iterator[Group]:
    """The field `text` of JSON objects, one a line."""
    for group in groups:
        found: Group = []
        for given in group:
            if not given.text.strip():
                continue
            try:
                fields = _fields(given.text)
            except (ValueError, TypeError, RecursionError) as error:
                yield found
                found = []
                wrong(DataError(f"{place}:{given.line}: {_reason(error)}"), place, given.line)
            else:
                found.append(Given(given.line, fields["text"], fields))
        yield found


def _fields(line: str) -> dict[str, Any]:
    value = json.loads(line)
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        raise TypeError
    if "\\ud" in line.lower():
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"is no JSON ({error.msg}, character {error.colno}); give one object a line"
    if isinstance(error, UnicodeEncodeError):
        return "holds half of a character; write it whole"
    return 'is no object with a text in its field "text"; give {"text": …}'


def _sentences(groups: Iterable[Group], place: str, wrong: Wrong) -> Iterator[Group]:
    """The lines of each sentence; those that are blank, and comments, stand alone, without a token."""
    held: list[str] = []
    start, width, tabs = 0, 0, False
    for group in groups:
        found: Group = []
        for given in group:
            row = given.text
            columns = columns_of(row)
            comment = row.startswith("#") and bool(width) and (len(columns), "\t" in row) != (width, tabs)
            if comment or (row.startswith("# ") and not width) or not row.strip() or row.startswith(DOCUMENT):
                found += [Given(start, "", rows=held)] * bool(held) + [Given(given.line, row)]
                held = []
                continue
            start, width, tabs = (start if held else given.line), len(columns), "\t" in row
            held.append(row)
            if len(held) > MOST:
                held = []
                yield found
                found = []
                wrong(DataError(f"{place}:{start}: a sentence of over {MOST:,} tokens; break it"), place, start)
        yield found
    if held:
        yield [Given(start, "", rows=held)]


def columns_of(row: str) -> list[str]:
    """The columns of a line of CoNLL, between tabs or else between spaces."""
    return row.split("\t") if "\t" in row else row.split()


INPUTS: Mapping[str, Callable[[Iterable[Group], str, Wrong], Iterable[Group]]] = {
    "text": _texts,
    "jsonl": _records,
    "conll": _sentences,
}
