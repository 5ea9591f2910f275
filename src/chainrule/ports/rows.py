"""Tables whose columns are named as the keys of JSON are: rows to records, and records to rows.

text, entities (start, end, label, score)      texts with names; also spans, label, labels
tokens, ner_tags                               sentences; also words, and tags, ner, labels; tags as text or number
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from chainrule.errors import DataError
from chainrule.ner.formats_conll import Reading, tags_in
from chainrule.ner.formats_json import TAGS, annotated, jsonl, tokenized, tokens as tagged
from chainrule.ner.formats_record import Record
from chainrule.ner.tags import Scheme

Row = Mapping[str, Any]
WORDS = ("tokens", "words")
KNOWN = {"text", "entities", "tokens", "ner_tags", "id", "meta"}


def records(
    rows: Iterable[Row], path: str | Path, reading: Reading, numbered: Mapping[str, Sequence[str]] | None = None
) -> Iterator[Record]:
    """The records in rows, which stand at `path`:1, `path`:2 …; `numbered` are the names of tags that are numbers.

    Raises DataError for columns that are none of those above.
    """
    found = iter(rows)
    if (first := next(found, None)) is None:
        return
    words = next((name for name in WORDS if _is_words(first.get(name))), None)
    if words is None and not isinstance(first.get("text"), str):
        raise DataError(
            f"{path}: its columns are {', '.join(first)}; it takes tokens and ner_tags, or text and entities"
        )
    tags = next((name for name in TAGS if first.get(name) is not None), None) if words else None
    names = (numbered or {}).get(tags or "")
    clean = (_clean(row, words, tags, names, f"{path}:{k}") for k, row in enumerate(chain([first], found), 1))
    yield from annotated(clean, reading) if words is None else tokenized(clean, reading, Path(path))


def _is_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _clean(
    row: Row, words: str | None, tags: str | None, names: Sequence[str] | None, place: str
) -> tuple[dict[str, Any], str]:
    """A row as JSON would have it, and its place."""
    value = {key: part for key, part in row.items() if part is not None}
    if isinstance(value.get("meta"), str):
        value["meta"] = _loaded(value["meta"])
    if words is not None:
        value["tokens"] = value.pop(words, None)
        given = value.pop(tags, None) if tags else None
        value["ner_tags"] = [_named(tag, names, place) for tag in given] if isinstance(given, list) else given
    return value, place


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _named(tag: Any, names: Sequence[str] | None, place: str) -> Any:
    """The tag that a number stands for; DataError for one that stands for none."""
    if not isinstance(tag, int):
        return tag
    if names is None or not 0 <= tag < len(names):
        why = f"numbers 0 to {len(names) - 1} have one" if names else "the numbers have none"
        raise DataError(f"{place}: tag {tag} has no name, {why}; give tags as text, or a ClassLabel with names")
    return names[tag]


def text_row(record: Record) -> dict[str, Any]:
    """A text with its names; what else is known of it is JSON."""
    value = jsonl(record)
    tokens = None if record.tokens is None else [{"start": a, "end": b} for a, b in record.tokens]
    return {"text": record.text, "entities": value["entities"], "tokens": tokens, **_known(value)}


def token_row(record: Record, scheme: Scheme) -> dict[str, Any]:
    """A sentence with its tags, beside its text."""
    value = tagged(tags_in(record, scheme), record)
    return {**{name: value[name] for name in ("tokens", "ner_tags", "text")}, **_known(value)}


def _known(value: Row) -> dict[str, Any]:
    key, meta = value.get("id"), value.get("meta")
    return {
        "id": None if key is None else str(key),
        "meta": None if not meta else json.dumps(meta, ensure_ascii=False),
    }
