"""Parquet: rows of annotated text read and written batch by batch, in constant memory.

Read are the columns that `rows` knows, texts with entities or tokens with tags; written is one of the two.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from chainrule.compute.files import written_whole
from chainrule.errors import DataError
from chainrule.ner.entity import Entity
from chainrule.ner.formats_conll import Reading, Writing
from chainrule.ner.formats_fit import Demands
from chainrule.ner.formats_record import Name, Record
from chainrule.ner.formats_table import TAGS, Format
from chainrule.ports.extra import needed
from chainrule.ports.rows import records, text_row, token_row

TOGETHER = 1024  # rows of a batch
SUFFIXES = (".parquet", ".pq")


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _opened(path: str | Path) -> Iterator[Any]:
    """A file of pyarrow; DataError for what cannot be read, also while it is."""
    pyarrow, parquet = needed("pyarrow", __name__), needed("pyarrow.parquet", __name__)
    try:
        with parquet.ParquetFile(path) as file:
            yield file
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file; check the path") from None
    except (pyarrow.ArrowException, OSError) as error:
        said = str(error).partition("\n")[0].rstrip(".")
        raise DataError(f"{path}: cannot be read as Parquet ({said}); write it again") from None


def read(path: str | Path, reading: Reading | None = None) -> Iterator[Record]:
    """The records in a file. Raises DataError, `path:row: cause; repair`."""
    with _opened(path) as file:
        rows = (row for batch in file.iter_batches(TOGETHER) for row in batch.to_pylist())
        yield from records(rows, path, reading or Reading(), _numbered(file.schema_arrow.metadata or {}))


def _numbered(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """The names of tags that are numbers, as Hugging Face's datasets write them beside the schema."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        lists = {name: kind.get("feature", kind) for name, kind in features.items() if isinstance(kind, dict)}
        return {name: kind["names"] for name, kind in lists.items() if "names" in kind}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def read_texts(path: str | Path, column: str = "text") -> Iterator[str]:
    """The texts in a column, empty for a row without. Raises DataError where there is no such column of texts."""
    for batch in text_batches(path, column):
        yield from batch


def text_batches(path: str | Path, column: str = "text") -> Iterator[list[str]]:
    """The same, many at once."""
    with _opened(path) as file:
        if column not in file.schema_arrow.names:
            raise DataError(
                f"{path}: has no column {column!r}, but {', '.join(file.schema_arrow.names)}; name one"
            )
        for batch in file.iter_batches(TOGETHER, columns=[column]):
            texts = [text or "" for text in batch.column(0).to_pylist()]
            if odd := next((text for text in texts if not isinstance(text, str)), None):
                raise DataError(f"{path}: column {column!r} holds {odd!r:.60}; name a column of texts")
            yield texts


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────


def _schemas() -> dict[str, Any]:
    pa = needed("pyarrow", __name__)
    text, place = pa.string(), [("start", pa.int64()), ("end", pa.int64())]
    entity = pa.struct([*place, ("label", text), ("score", pa.float64()), ("text", text)])
    about = [("id", text), ("meta", text)]
    return {
        "texts": pa.schema(
            [("text", text), ("entities", pa.list_(entity)), ("tokens", pa.list_(pa.struct(place))), *about]
        ),
        "tokens": pa.schema([("tokens", pa.list_(text)), ("ner_tags", pa.list_(text)), ("text", text), *about]),
    }


def _write(
    kind: str,
    row: Callable[[Record, Writing], dict[str, Any]],
    given: Iterable[Record],
    stream: BinaryIO,
    writing: Writing,
) -> None:
    with _rows_to(stream, kind) as write_rows:
        found = iter(given)
        while batch := [row(record, writing) for record in islice(found, TOGETHER)]:
            write_rows(batch)


@contextmanager
def _rows_to(stream: BinaryIO, kind: str) -> Iterator[Callable[[list[dict[str, Any]]], None]]:
    """What writes rows to a stream, each time as a group of their own."""
    pa, parquet = needed("pyarrow", __name__), needed("pyarrow.parquet", __name__)
    schema = _schemas()[kind]
    with parquet.ParquetWriter(stream, schema) as writer:
        yield lambda rows: writer.write_table(pa.Table.from_pylist(rows, schema))


@contextmanager
def lines_to(stream: BinaryIO) -> Iterator[Callable[[str], None]]:
    """What writes texts with names, given as lines of JSON, to a stream; it is whole when this ends."""
    with _rows_to(stream, "texts") as write_rows:
        held: list[dict[str, Any]] = []

        def take(lines: str) -> None:
            held.extend(map(_of_json, lines.split("\n")))
            while len(held) >= TOGETHER:
                write_rows(held[:TOGETHER])
                del held[:TOGETHER]

        yield take
        if held:
            write_rows(held)


def _of_json(line: str) -> dict[str, Any]:
    """A line as a row; fields that have no column are in `meta`."""
    value = json.loads(line)
    text, names, key = value.pop("text"), value.pop("entities"), value.pop("id", None)
    value.pop("tokens", None)
    meta = json.dumps(value, ensure_ascii=False) if value else None
    return {"text": text, "entities": names, "id": None if key is None else str(key), "meta": meta}


_texts = partial(_write, "texts", lambda record, writing: text_row(record))
_tokens = partial(_write, "tokens", lambda record, writing: token_row(record, writing.scheme))


def write(path: str | Path, given: Iterable[tuple[str, Sequence[Entity]]]) -> None:
    """Write texts and their names, such as `zip(texts, tagger.pipe(texts))`; whole or not at all.

    Raises DataError for a text that UTF-8 cannot hold, WriteError.
    """
    with written_whole(path) as stream:
        _texts((_record(text, names) for text, names in given), stream, Writing())


def _record(text: str, names: Sequence[Entity]) -> Record:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"a text holds half of a character at {error.start:,}; Parquet cannot, mend it") from None
    return Record(text, tuple(Name(e.start, e.end, e.label, e.score) for e in names))


HOLDS = frozenset({"nul", "text", "tokens", "document", "id", "meta"})
TEXTS = Format(
    "Parquet of text and entities, or of tokens and ner_tags",
    HOLDS | {"score"},
    Demands(),
    None,
    _texts,
    SUFFIXES,
    read,
)
TOKENS = replace(
    TEXTS,
    says="Parquet of tokens and ner_tags, written so",
    holds=HOLDS,
    demands=TAGS,
    write=_tokens,
)
