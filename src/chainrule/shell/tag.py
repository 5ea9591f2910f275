"""`chainrule tag`: find the names in text, files or standard input."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import tee
from pathlib import Path
from typing import BinaryIO

import click
from rich.cells import cell_len

from chainrule.errors import DataError
from chainrule.ner.tagger import Entity, Tagger
from chainrule.ner.tags import Span, tags_of
from chainrule.shell.terminal import is_live

EPILOG = """\b
Examples:
  chainrule tag runs/mine "Museums in Paris are amazing"
  chainrule tag runs/mine - < text.txt
  chainrule tag runs/mine a.txt b.txt --format jsonl
"""

LONGEST = 1 << 20  # bytes of a line
GROUP = 64  # lines tagged together when nobody waits for each


@click.command(epilog=EPILOG)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("sources", nargs=-1)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "jsonl", "conll"]),
    help="Output [text on a terminal, jsonl elsewhere]; one record for each line of input.",
)
def command(model: Path, sources: tuple[str, ...], form: str | None) -> None:
    """Find the names in SOURCES: text, files, or - for standard input; line by line."""
    if not sources and sys.stdin.isatty():
        raise click.UsageError("nothing to tag; give a text, files, or - for standard input")
    tagger = Tagger.load(model)
    write = FORMATS[form or ("text" if is_live(sys.stdout) else "jsonl")]
    waits = sys.stdin.isatty() or is_live(sys.stdout)
    ahead, behind = tee(_lines(sources or ("-",)))
    for entities, text in zip(tagger.pipe(ahead, 1 if waits else GROUP), behind, strict=True):
        click.echo(write(text, entities, tagger))


def _lines(sources: Sequence[str]) -> Iterator[str]:
    for source in sources:
        if source == "-":
            yield from _decoded(sys.stdin.buffer, "standard input")
        elif _is_file(source):
            with Path(source).open("rb") as file:
                yield from _decoded(file, source)
        else:
            yield source


def _is_file(source: str) -> bool:
    try:
        return len(source) < 4096 and Path(source).is_file()
    except (OSError, ValueError):
        return False


def _decoded(stream: BinaryIO, place: str) -> Iterator[str]:
    """The lines of a stream; DataError, with line and byte, for what is not UTF-8 or too long."""
    number = 0
    while raw := stream.readline(LONGEST + 1):
        number += 1
        if len(raw) > LONGEST:
            raise DataError(f"{place}:{number}: a line of over {LONGEST:,} bytes; break it into paragraphs")
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{place}:{number}: byte {error.start + 1} (0x{raw[error.start]:02x}) is not UTF-8; "
                "convert the file"
            ) from None
        yield line.rstrip("\r\n")


# ── forms of output ───────────────────────────────────────────────────────────────────────────────────


def _jsonl(text: str, entities: Sequence[Entity], tagger: Tagger) -> str:
    record = {"text": text, "entities": [{**e.as_dict(), "score": round(e.score, 4)} for e in entities]}
    return json.dumps(record, ensure_ascii=False)


def _conll(text: str, entities: Sequence[Entity], tagger: Tagger) -> str:
    lines: list[str] = []
    for tokens in tagger.tokenize(text):
        inside = [
            Span(
                next(k for k, t in enumerate(tokens) if t.start >= e.start),
                max(k for k, t in enumerate(tokens) if t.end <= e.end) + 1,
                e.label,
            )
            for e in entities
            if tokens[0].start <= e.start < tokens[-1].end
        ]
        lines += [f"{t.text}\t{tag}" for t, tag in zip(tokens, tags_of(inside, len(tokens)), strict=True)]
        lines.append("")
    return "\n".join(lines)


def _text(text: str, entities: Sequence[Entity], tagger: Tagger) -> str:
    """The text with each name underlined by its label, and the names with their probabilities."""
    if not entities:
        return f"\n  {text}\n\n  no names found"
    width = max(cell_len(e.text) for e in entities)
    listed = [f"  {e.text}{' ' * (width - cell_len(e.text))}  {e.label:<5} {e.score:.2f}" for e in entities]
    return "\n".join(["", f"  {text}", f"  {_underlined(text, entities)}", "", *listed])


def _underlined(text: str, entities: Sequence[Entity]) -> str:
    line = ""
    for e in entities:
        line += " " * (cell_len(text[: e.start]) - len(line))
        line += e.label.center(max(cell_len(e.text), len(e.label)), "─")
    return line


FORMATS: dict[str, Callable[[str, Sequence[Entity], Tagger], str]] = {
    "text": _text,
    "jsonl": _jsonl,
    "conll": _conll,
}
