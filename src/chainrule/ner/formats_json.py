"""Records in JSON as annotation tools write them, read by what their keys say; see `formats_values`.

jsonl        {"text": …, "entities": [{"start", "end", "label", "score", "text"}, …], "tokens": [[0, 5], …]}
doccano      {"text": …, "label": [[0, 5, "LOC"], …]}, also "labels", and "entities" with start_offset
prodigy      {"text": …, "tokens": [{"text", "start", "end", "id"}], "spans": [{…, "token_start"}], "meta"}
labelstudio  [{"data": {"text": …}, "annotations": [{"result": [{"value": {…, "labels": ["LOC"]}}]}]}]
spacy        [[text, {"entities": [[0, 5, "LOC"], …]}], …]
tokens       {"tokens": ["Paris", …], "ner_tags": ["B-LOC", …]}
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from chainrule.errors import DataError
from chainrule.ner.formats_conll import Reading, Tags, glue, names_of, record_of
from chainrule.ner.formats_conllu import places_in
from chainrule.ner.formats_record import Claim, Place, Record, converted, named
from chainrule.ner.formats_values import is_annotated, values
from chainrule.ner.source import Source

NAMES = ("spans", "entities", "label", "labels")
TAGS = ("ner_tags", "tags", "ner", "labels", "label")
_START, _END = ("start", "start_offset", "begin"), ("end", "end_offset", "stop")
_LABEL, _SURFACE = ("label", "labels", "tag", "type", "entity_group", "entity"), ("text", "surface", "word")
_HALF = re.compile("[\ud800-\udfff]")


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────


def read_annotated(source: Source, reading: Reading) -> Iterator[Record]:
    """The records of jsonl, doccano, prodigy, spacy and the small export of Label Studio."""
    return annotated(values(source), reading)


def annotated(found: Iterable[tuple[Any, str]], reading: Reading) -> Iterator[Record]:
    """The records in values with their places: texts and what is said of them."""
    for value, place in found:
        for part in _parts(value, place):
            if (record := _annotated(part, place, reading)) is not None:
                yield record


def _parts(value: Any, place: str) -> Iterator[dict[str, Any]]:
    """The records in a value, with the text and its annotations in one dictionary."""
    if isinstance(value, dict) and isinstance(value.get("annotations"), list) and "text" not in value:
        for part in value["annotations"]:
            if part is not None:
                yield from _parts(part, place)
    elif is_annotated(value):
        yield {"text": value[0], **value[1]}
    elif isinstance(value, dict):
        yield value
    else:
        raise DataError(f'{place}: {_shown(value)} is no record; write an object with "text" and its names')


def _shown(value: object) -> str:
    written = json.dumps(value, ensure_ascii=True)
    return written if len(written) <= 40 else written[:39] + "…"


def _annotated(value: Mapping[str, Any], place: str, reading: Reading) -> Record | None:
    if value.get("answer", "accept") != "accept":
        return Record("", place=place, lost=(f"record whose answer is {value['answer']}",))
    text = _text(value.get("text", value.get("data")), place)
    key = next((k for k in NAMES if value.get(k) is not None), None)
    given = value[key] if key else []
    if not isinstance(given, list):
        raise DataError(f'{place}: "{key}" is {_shown(given)}; give a list of names')
    claims = [claim for item in given for claim in _claims(item, place)]
    names, misfits, unit = named(claims, text, place, reading.unit)
    tokens, lost = _tokens(value.get("tokens"), text, unit)
    ours = {"text", "data", "tokens", "id", "meta", "answer", key}
    lost += [f"field {k}" for k, v in value.items() if k not in ours and k[:1] != "_" and v not in (None, [], {})]
    meta = value.get("meta")
    meta = dict(meta) if isinstance(meta, dict) else {} if meta is None else {"meta": meta}
    return Record(
        text, names, tokens, place, *_about(value.get("id"), meta), misfits=misfits, lost=tuple(lost), unit=unit
    )


def _about(key: object, meta: dict[str, Any]) -> tuple[int, str | int | None, Mapping[str, Any]]:
    """The document that a record belongs to, its identifier and what else is known of it."""
    number = meta.pop("document", 0) if isinstance(meta.get("document"), int) else 0
    return int(number), key if isinstance(key, (str, int)) and not isinstance(key, bool) else None, meta


def _text(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise DataError(f'{place}: the text is {_shown(value)}; give it as "text", in quotes')
    if half := _HALF.search(value):
        raise DataError(
            f"{place}: half of a character, \\u{ord(half[0]):04x}, after {half.start():,} characters of the text; "
            "write the file again from whole characters"
        )
    return value


def _first(item: Mapping[str, Any], keys: Iterable[str]) -> Any:
    return next((item[k] for k in keys if item.get(k) is not None), None)


def _claims(item: Any, place: str) -> list[Claim]:
    """What an annotation claims: one name for each of its labels."""
    if isinstance(item, list) and len(item) >= 3:
        labels, claim = item[2], Claim(item[0], item[1], None)
    elif isinstance(item, dict):
        labels, surface, score = (_first(item, keys) for keys in (_LABEL, _SURFACE, ("score",)))
        claim = Claim(
            _first(item, _START),
            _first(item, _END),
            None,
            surface if isinstance(surface, str) else None,
            float(score) if isinstance(score, (int, float)) else None,
        )
    else:
        raise DataError(f"{place}: {_shown(item)} is no name; write [start, end, label] or an object with these")
    labels = labels if isinstance(labels, list) and labels else [labels]
    if any(isinstance(label, str) and _HALF.search(label) for label in labels):
        raise DataError(f"{place}: half of a character in a label; write the file again from whole characters")
    return [claim._replace(label=label) for label in labels]


def _tokens(given: object, text: str, unit: str) -> tuple[tuple[Place, ...] | None, list[str]]:
    """The places of tokens, [start, end] or objects with these, if they lie in the text one behind the other."""
    if not isinstance(given, list):
        return None, []
    found: list[Place] = []
    convert = converted(text, unit)
    for item in given:
        pair = (item.get("start"), item.get("end")) if isinstance(item, dict) else item
        match pair:
            case (int(a), int(b)) | [int(a), int(b)]:
                found.append((convert(a), convert(b)))
            case _:
                return None, ["tokens that do not fit their text"]
    ends = [0, *(k for place in found for k in place), len(text)]
    if any(a > b for a, b in pairwise(ends)) or -1 in ends:
        return None, ["tokens that do not fit their text"]
    return tuple(found), []


def read_labelstudio(source: Source, reading: Reading) -> Iterator[Record]:
    """The tasks of Label Studio, by the first annotation of each that was not cancelled."""
    for value, place in values(source):
        if isinstance(value, dict) and isinstance(value.get("data"), dict):
            yield _task(value, place, reading)
        else:
            yield from filter(None, (_annotated(part, place, reading) for part in _parts(value, place)))


def _task(value: Mapping[str, Any], place: str, reading: Reading) -> Record:
    data = dict(value["data"])
    texts = [key for key, v in data.items() if isinstance(v, str)]
    key = "text" if "text" in data else texts[0] if len(texts) == 1 else "text"
    text = _text(data.pop(key, None), place)
    given = value.get("annotations", value.get("completions")) or []
    if not isinstance(given, list) or not all(isinstance(a, dict) for a in given):
        raise DataError(f'{place}: "annotations" is {_shown(given)}; give a list of objects')
    kept = [a for a in given if not a.get("was_cancelled")]
    results = [r for a in kept[:1] for r in a.get("result") or [] if isinstance(r, dict)]
    labelled = [r for r in results if isinstance(r.get("value"), dict) and "labels" in r["value"]]
    claims = [c for r in labelled for c in _claims({"score": r.get("score"), **r["value"]}, place)]
    names, misfits, unit = named(claims, text, place, reading.unit)
    lost = [f"result of type {r.get('type')}" for r in results if r not in labelled]
    lost += ["annotation beside the first of a task"] * len(kept[1:]) + ["cancelled annotation"] * (
        len(given) - len(kept)
    )
    lost += ["prediction"] * len(value.get("predictions") or [])
    return Record(
        text, names, None, place, *_about(value.get("id"), data), misfits=misfits, lost=tuple(lost), unit=unit
    )


def read_tokens(source: Source, reading: Reading) -> Iterator[Record]:
    """Tokens and tags in two lists, and maybe their text."""
    return tokenized(values(source), reading, source.path)


def tokenized(found: Iterable[tuple[Any, str]], reading: Reading, path: Path) -> Iterator[Record]:
    """The same, in values with their places."""
    checked, separator = Tags(), None
    for value, place in found:
        words = value.get("tokens") if isinstance(value, dict) else None
        if not isinstance(words, list) or not all(isinstance(w, str) for w in words):
            raise DataError(f'{place}: "tokens" is {_shown(words)}; give a list of texts')
        words = [_text(w, place) for w in words]
        tags = _first(value, TAGS)
        if not isinstance(tags, list) or len(tags) != len(words) or not all(isinstance(t, str) for t in tags):
            raise DataError(
                f'{place}: the tags are {_shown(tags)}; give {len(words)} tags as text, such as "B-PER"'
            )
        checked.check(tags, *_at(place))
        if separator is None:
            separator = glue([words], reading.tokens, path)
        record = record_of(words, tags, separator, place)
        if isinstance(value.get("text"), str) and (places := places_in(words, value["text"])) is not None:
            record = replace(record, text=value["text"], tokens=places, names=names_of(tags, places))
        document, key, meta = _about(value.get("id"), dict(value.get("meta") or {}))
        yield replace(record, document=document, key=key, meta=meta)


def _at(place: str) -> tuple[str, int]:
    file, _, line = place.rpartition(":")
    return file, int(line)


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────


def _known(record: Record) -> dict[str, Any]:
    meta = {**record.meta, **({"document": record.document} if record.document else {})}
    return {
        **({} if record.key is None else {"id": record.key}),
        **({"meta": meta} if meta else {}),
    }


def jsonl(record: Record) -> Any:
    """A record as `chainrule tag` writes it, with its tokens if they are known."""
    names = [
        {
            "start": n.start,
            "end": n.end,
            "label": n.label,
            **({} if n.score is None else {"score": n.score}),
            "text": record.text[n.start : n.end],
        }
        for n in record.names
    ]
    tokens = {} if record.tokens is None else {"tokens": record.tokens}
    return {"text": record.text, "entities": names, **tokens, **_known(record)}


def doccano(record: Record) -> Any:
    """A record of Doccano."""
    return {"text": record.text, "label": [n[:3] for n in record.names], **_known(record)}


def prodigy(record: Record) -> Any:
    """A task of Prodigy; `token_end` is the last token of a span."""
    text = record.text
    tokens = [
        {"text": text[a:b], "start": a, "end": b, "id": k, "ws": text[b : b + 1] == " "}
        for k, (a, b) in enumerate(record.tokens or ())
    ]
    spans = [
        {"start": n.start, "end": n.end, "label": n.label, "token_start": s.start, "token_end": s.end - 1}
        for n, s in zip(record.names, record.spans(), strict=True)
    ]
    return {"text": text, "tokens": tokens, "spans": spans, **_known(record)}


def labelstudio(record: Record) -> Any:
    """A task of Label Studio with one annotation."""
    known = _known(record)
    results = [
        {
            "type": "labels",
            "from_name": "label",
            "to_name": "text",
            **({} if n.score is None else {"score": n.score}),
            "value": {"start": n.start, "end": n.end, "text": record.text[n.start : n.end], "labels": [n.label]},
        }
        for n in record.names
    ]
    data = {"text": record.text, **known.pop("meta", {})}
    return {**known, "data": data, "annotations": [{"result": results}]}


def spacy(record: Record) -> Any:
    """An example for spaCy."""
    return [record.text, {"entities": [n[:3] for n in record.names]}]


def tokens(tags: Sequence[str], record: Record) -> Any:
    """Tokens and tags in two lists, beside the text."""
    return {"text": record.text, "tokens": record.words(), "ner_tags": tags, **_known(record)}


def dumped(value: Any, place: str) -> bytes:
    """A value as JSON; DataError for what JSON cannot hold."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:
        raise DataError(f"{place}: JSON cannot hold this ({error}); mend the record") from None
