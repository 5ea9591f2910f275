"""The formats of annotated text, as a table: what each holds and asks of names, how it is read and written."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from chainrule.compute.installed import entry_points
from chainrule.ner import formats_json as as_json
from chainrule.ner.formats_brat import read_brat
from chainrule.ner.formats_conll import (
    BLANKS,
    TABS,
    Reading,
    Writing,
    read_conll,
    tags_in,
    write_conll,
    write_conll2003,
)
from chainrule.ner.formats_conllu import read_conllu, write_conllu
from chainrule.ner.formats_csv import read_csv, read_csv_spans, write_csv, write_csv_spans
from chainrule.ner.formats_fit import Demands
from chainrule.ner.formats_record import Record
from chainrule.ner.source import Source

Read = Callable[[Source, Reading], Iterator[Record]]
Fetch = Callable[[Path, Reading], Iterator[Record]]
Write = Callable[[Iterable[Record], BinaryIO, Writing], None]
ADDED = "chainrule.formats"
"""Entry points of packages that add formats: its name → a `Format`."""


@dataclass(frozen=True)
class Format:
    """A format: what it is, what it holds, what it asks, how it is read and written.

    `holds` are words of: text (to the character), tokens, columns (beside them), document (where one begins),
    score (of a name), id, meta (what else is known of a record), nul (that character).
    """

    says: str
    holds: frozenset[str]
    demands: Demands
    read: Read | None
    write: Write | None
    suffixes: tuple[str, ...] = ()
    fetch: Fetch | None = None
    """How it is read by its path, where it is no one text."""
    prefix: str = ""
    """What names of its data begin with, where they are no paths."""
    parts: Callable[[Path], Mapping[str, str]] | None = None
    """train, and dev and test if there are these, and their names, where one name stands for several."""


def _lines(of: Callable[[Record], Any]) -> Write:
    def write(records: Iterable[Record], stream: BinaryIO, writing: Writing) -> None:
        for record in records:
            stream.write(as_json.dumped(of(record), record.place) + b"\n")

    return write


def _array(of: Callable[[Record], Any]) -> Write:
    def write(records: Iterable[Record], stream: BinaryIO, writing: Writing) -> None:
        between = b"[\n"
        for record in records:
            stream.write(between + as_json.dumped(of(record), record.place))
            between = b",\n"
        stream.write(b"[]\n" if between == b"[\n" else b"\n]\n")

    return write


def _tokens(records: Iterable[Record], stream: BinaryIO, writing: Writing) -> None:
    for record in records:
        value = as_json.tokens(tags_in(record, writing.scheme), record)
        stream.write(as_json.dumped(value, record.place) + b"\n")


def _holds(words: str) -> frozenset[str]:
    return frozenset(words.split())


TAGS = Demands(borders=True, disjoint=True, sentences=True)
FORMATS: Mapping[str, Format] = {
    "conll": Format(
        "token and tag on a line, tabs or blanks between",
        _holds("tokens columns document"),
        replace(TAGS, apart=TABS),
        read_conll,
        write_conll,
        (".conll", ".tsv", ".iob", ".iob2", ".bio", ".bioes", ".bilou"),
    ),
    "conll2003": Format(
        "token, part of speech, chunk and tag, blanks between",
        _holds("tokens columns document"),
        replace(TAGS, apart=BLANKS),
        read_conll,
        write_conll2003,
        (".conll2003", ".conll03"),
    ),
    "conllu": Format(
        "CoNLL-U, the tag in its last column",
        _holds("text tokens columns document"),
        replace(TAGS, apart=re.compile(r"^$|[\t\r\n]+")),
        read_conllu,
        write_conllu,
        (".conllu",),
    ),
    "jsonl": Format(
        'JSON lines as "chainrule tag" writes them',
        _holds("nul text tokens document score id meta"),
        Demands(),
        as_json.read_annotated,
        _lines(as_json.jsonl),
        (".jsonl",),
    ),
    "tokens": Format(
        "JSON lines of tokens and ner_tags",
        _holds("nul text tokens document id meta"),
        TAGS,
        as_json.read_tokens,
        _tokens,
    ),
    "doccano": Format(
        "JSON lines of Doccano",
        _holds("nul text document id meta"),
        Demands(),
        as_json.read_annotated,
        _lines(as_json.doccano),
    ),
    "prodigy": Format(
        "JSON lines of Prodigy",
        _holds("nul text tokens document id meta"),
        Demands(borders=True),
        as_json.read_annotated,
        _lines(as_json.prodigy),
    ),
    "labelstudio": Format(
        "JSON of Label Studio",
        _holds("nul text document score id meta"),
        Demands(),
        as_json.read_labelstudio,
        _array(as_json.labelstudio),
    ),
    "spacy": Format(
        "JSON of spaCy: text and entities in pairs",
        _holds("nul text"),
        Demands(disjoint=True, trimmed=True),
        as_json.read_annotated,
        _array(as_json.spacy),
    ),
    "spacy-lines": Format(
        "the same, a pair on a line",
        _holds("nul text"),
        Demands(disjoint=True, trimmed=True),
        as_json.read_annotated,
        _lines(as_json.spacy),
    ),
    "brat": Format(
        "standoff of brat: .txt and .ann, a pair or a folder",
        _holds("text document"),
        Demands(joined=False),
        None,
        None,
        (".ann",),
        read_brat,
    ),
    "csv": Format("a table of sentence, token, tag", _holds("tokens"), TAGS, read_csv, write_csv, (".csv",)),
    "csv-spans": Format(
        "a table of text, start, end, label", _holds("text id"), Demands(), read_csv_spans, write_csv_spans
    ),
}


@cache
def added() -> Mapping[str, Format]:
    """The formats that packages add by entry points, in alphabetical order; others are not there."""
    found: dict[str, Format] = {}
    for entry in sorted(entry_points(group=ADDED), key=lambda e: e.name):
        with suppress(ImportError, AttributeError):
            found[entry.name] = entry.load()
    return found


def formats() -> Mapping[str, Format]:
    """All formats, those that packages add behind our own."""
    return {**FORMATS, **added()}


def claimed(path: str | Path) -> tuple[str, str] | None:
    """The added format that a name says, and by what it does."""
    name = str(path)
    for form, known in added().items():
        if known.prefix and name.startswith(known.prefix):
            return form, f"its name begins with {known.prefix}"
        if suffix := next((s for s in known.suffixes if name.lower().endswith(s)), ""):
            return form, f"its name ends in {suffix}"
    return None
