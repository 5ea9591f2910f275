"""`chainrule tag`: find the names in text, files or standard input."""

import io
import os
import re
import select
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import cast

import click
from rich.cells import cell_len

from chainrule.errors import DataError
from chainrule.ner.entity import Entity
from chainrule.ner.forms import FORMS, Form, between
from chainrule.ner.tagger import Tagger
from chainrule.ner.workers import shared_out
from chainrule.shell import options
from chainrule.shell.terminal import is_live

EPILOG = """\b
Examples:
  chainrule tag runs/mine "Museums in Paris are amazing"
  chainrule tag runs/mine - < text.txt
  chainrule tag runs/mine a.txt b.txt --format jsonl --workers 2
"""

LONGEST = 1 << 20  # bytes of a line
BLOCK = 1 << 16  # bytes read at once, at most
PATHLIKE = re.compile(r"(\.{0,2}|~)/\S*|\S*/|\S+\.(txt|text|md|conll|csv|tsv|jsonl?|html?|xml|pdf|gz|zip)")
UNSEEN = dict.fromkeys((*range(32), *range(127, 160)), " ")  # they would move the cursor, or worse


@click.command(epilog=EPILOG)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("sources", nargs=-1)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", *FORMS]),
    help="Output [text on a terminal, jsonl elsewhere]; one record for each line of input.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes that tag, for much text; the output is the same.",
)
@click.option(
    "--min-score", type=click.FloatRange(0, 1), default=0.0, help="Leave out names less probable than this."
)
@click.option(
    "--recall-bias",
    type=click.FloatRange(-20, 20),
    default=0.0,
    help="Find more names and err more, as anonymisation wants it: 1 or 2.",
)
@options.gazetteers
@options.backend
def command(
    model: Path,
    sources: tuple[str, ...],
    form: str | None,
    workers: int,
    min_score: float,
    recall_bias: float,
    gazetteers: dict[str, Path],
    backend: str,
) -> None:
    """Find the names in SOURCES: text, files, or - for standard input; line by line."""
    if not sources and sys.stdin is not None and sys.stdin.isatty():
        raise click.UsageError("nothing to tag; give a text, files, or - for standard input")
    tagger = Tagger.load(model, backend).with_gazetteers(gazetteers).inclined(recall_bias, min_score)
    work = partial(_records, form or ("text" if is_live(sys.stdout) else "jsonl"))
    for _, records in shared_out(work, tagger, grouped(sources or ("-",)), workers):
        click.echo(records)


def _records(form: str, tagger: Tagger, texts: Sequence[str]) -> str:
    """The records of some lines, which depend on no other lines."""
    return "\n".join(map(FORMATS[form], texts, tagger.pipe(texts), repeat(tagger)))


# ── lines of text ─────────────────────────────────────────────────────────────────────────────────────


def grouped(sources: Sequence[str]) -> Iterator[list[str]]:
    """The lines of all sources; a group holds what is there, maybe nothing, so that nobody waits for an answer."""
    for source in sources:
        if source == "-":
            yield from _standard_input()
        elif _is_file(source):
            with Path(source).open("rb") as file:
                yield from _lines(file, source)
        else:
            _refuse_path(source)
            yield from _lines(io.BytesIO(os.fsencode(source) or b"\n"), "the text")


def _standard_input() -> Iterator[list[str]]:
    if sys.stdin is None:
        raise DataError("standard input: is closed; give a text or files")
    stream = cast(io.BufferedReader, sys.stdin.buffer)
    yield from _lines(stream, "standard input", partial(_is_waiting, stream))


def _is_file(source: str) -> bool:
    try:
        return len(source) < 4096 and Path(source).is_file()
    except (OSError, ValueError):
        return False


def _is_folder(source: str) -> bool:
    try:
        return len(source) < 4096 and Path(source).is_dir()
    except (OSError, ValueError):
        return False


def _refuse_path(source: str) -> None:
    """Refuse a folder, and what can only be meant as a file: it would be tagged as a text of one word."""
    if source and _is_folder(source):
        raise DataError(f"{source}: is a folder; name files in it")
    if PATHLIKE.fullmatch(source):
        raise DataError(f"{source}: there is no such file; check the path")


def _is_waiting(stream: io.BufferedIOBase) -> bool:
    """Whether to read from a stream would take until there is more; where none can know, it would."""
    try:
        return not select.select([stream], [], [], 0)[0]
    except (OSError, ValueError):
        return True


def _lines(
    stream: io.BufferedIOBase, place: str, is_waiting: Callable[[], bool] = lambda: False
) -> Iterator[list[str]]:
    """The lines of a stream, as many as each read brings; DataError for one that is not UTF-8 or too long."""
    number, rest = 0, b""
    while True:
        if is_waiting():
            yield []
        if not (block := stream.read1(BLOCK)):
            break
        *lines, rest = (rest + block).split(b"\n")
        yield from _decoded(lines, place, number)
        number += len(lines)
        if len(rest) > LONGEST:
            _decode(rest, place, number + 1)
    if rest:
        yield [_decode(rest, place, number + 1)]


def _decoded(lines: Sequence[bytes], place: str, before: int) -> Iterator[list[str]]:
    """Lines as one group; those in front of a bad one are given before it is refused."""
    texts: list[str] = []
    try:
        for number, raw in enumerate(lines, before + 1):
            texts.append(_decode(raw, place, number))
    except DataError:
        yield texts
        raise
    yield texts


def _decode(raw: bytes, place: str, number: int) -> str:
    if len(raw) > LONGEST:
        raise DataError(f"{place}:{number}: a line of over {LONGEST:,} bytes; break it into paragraphs")
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{place}:{number}: byte {error.start + 1} (0x{raw[error.start]:02x}) is not UTF-8; convert it"
        ) from None


# ── forms of output ───────────────────────────────────────────────────────────────────────────────────


def _text(text: str, entities: Sequence[Entity], tagger: Tagger) -> str:
    """The text with each name underlined by its label, and the names with their probabilities."""
    shown = text.translate(UNSEEN)
    if not entities:
        return f"\n  {shown}\n\n  no names found" if shown.strip() else ""
    names = [shown[e.start : e.end] for e in entities]
    width, longest = max(map(cell_len, names)), max(len(e.label) for e in entities)
    listed = [
        f"  {name}{' ' * (width - cell_len(name))}  {e.label:<{longest}}  {e.score:.2f}"
        for name, e in zip(names, entities, strict=True)
    ]
    return "\n".join(["", *underlined(shown, entities), "", *listed])


def underlined(text: str, entities: Sequence[Entity]) -> Iterator[str]:
    """The text in rows that fit the terminal, below each the labels of its names."""
    width = max(shutil.get_terminal_size().columns - 4, 20)
    for start, end in _rows(text, entities, width):
        yield f"  {text[start:end]}"
        marks = ""
        for e in between(entities, start, end):
            gap = cell_len(text[start : e.start]) - cell_len(marks)
            marks += " " * max(gap, bool(marks))  # a label may be longer than its name
            marks += e.label.center(cell_len(text[e.start : min(e.end, end)]), "─")
        if marks:
            yield f"  {marks}"


def _rows(text: str, entities: Sequence[Entity], width: int) -> Iterator[tuple[int, int]]:
    """Cut a text into rows of at most so many cells, at a space outside of names where there is one."""
    inside = {k for e in entities for k in range(e.start, e.end)}
    start, used, space = 0, 0, -1
    for k, letter in enumerate(text):
        if letter == " " and k not in inside:
            space = k
        used += cell_len(letter)
        if used > width:
            end = space if space > start else k
            yield start, end
            start = end + (end == space)
            used = cell_len(text[start : k + 1])
    if start < len(text):
        yield start, len(text)


FORMATS: Mapping[str, Form] = {"text": _text, **FORMS}
