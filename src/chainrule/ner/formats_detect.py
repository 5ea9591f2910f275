"""Which format a file is in: by its name and its beginning, and for which reason.  None is taken silently."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from chainrule.errors import DataError, counted
from chainrule.ner.formats_conll import head_lines, is_numbered, scheme_of
from chainrule.ner.formats_csv import header, is_spans
from chainrule.ner.formats_table import formats
from chainrule.ner.formats_values import is_pair
from chainrule.ner.source import HEAD, Source, StrPath, decoded


class Detected(NamedTuple):
    """The name of a format, and why it is this one."""

    form: str
    evidence: str


_BY_NAME = {".csv": "csv", ".conllu": "conllu", ".json": "jsonl", ".jsonl": "jsonl"}  # where the content is silent


def detect_format(source: Source) -> Detected:
    """Find the format of an open file from its name and its beginning; DataError if it is none of ours."""
    _refuse(source)
    lines = head_lines(source)
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip()[:1] in ("{", "[") and (found := _of_json(source, lines)):
        return found
    if named := header(lines[0]):
        form = "csv-spans" if is_spans(named[1]) else "csv"
        return Detected(form, f"its columns are {', '.join(named[1])}")
    if is_numbered(lines):
        return Detected("conllu", "rows are numbered in their first column")
    suffix = Path(source.path.name.removesuffix(".gz")).suffix.lower()
    if suffix in _BY_NAME:
        return Detected(_BY_NAME[suffix], f"its name ends in {suffix}")
    columns = len(first.split("\t") if "\t" in first else first.split())
    part = " at its beginning" if len(source.head) == HEAD else ""
    return Detected("conll", f"{counted(columns, 'column')}, {scheme_of(lines, -1)}{part}")


def _refuse(source: Source) -> None:
    """Refuse what is known not to be text."""
    name = source.path.name.removesuffix(".gz").lower()
    if source.head.startswith((b"PK\x03\x04", b"%PDF")):
        raise DataError(f"{source.place}: is no text, but a packed file; unpack it, or export text from it")
    if name.endswith(".spacy") or source.head.startswith((b"\x78\x9c", b"\x78\xda")):
        raise DataError(
            f"{source.place}: is spaCy's binary DocBin; let its name end in .spacy, or say its format, docbin"
        )
    offset = 0
    for number, line in enumerate(source.head.split(b"\n")[: -1 if len(source.head) == HEAD else None], 1):
        decoded(line, f"{source.place}:{number}", offset)
        offset += len(line) + 1


# ── JSON ──────────────────────────────────────────────────────────────────────────────────────────────


def _has(key: str, kind: type, first: Callable[[Any], bool] = lambda _: True) -> Callable[[Any], bool]:
    """Whether a value has a key of a kind, and in its list a first item that is so."""

    def test(value: Any) -> bool:
        part = value.get(key) if isinstance(value, dict) else None
        if isinstance(part, list):
            return kind is list and bool(part) and first(part[0])
        return isinstance(part, kind)

    return test


def _keyed(*keys: str) -> Callable[[Any], bool]:
    return lambda item: isinstance(item, dict) and all(key in item for key in keys)


def _is(kind: type) -> Callable[[Any], bool]:
    return lambda item: isinstance(item, kind)


SHAPES: tuple[tuple[Callable[[Any], bool], str, str], ...] = (
    (lambda v: isinstance(v, list) and [type(part) for part in v] == [str, dict], "spacy", "texts with entities"),
    (_has("data", dict), "labelstudio", 'tasks with "data"'),
    (_has("label", list, _keyed("labels")), "labelstudio", '"label" with "labels"'),
    (_has("annotations", list), "spacy", '"annotations" with texts and entities'),
    (_has("tokens", list, _is(str)), "tokens", '"tokens" that are texts'),
    (_has("tokens", list, _keyed("start")), "prodigy", '"tokens" with places'),
    (_has("spans", list), "prodigy", '"spans" in a text'),
    (_has("entities", list, _keyed("start_offset")), "doccano", '"entities" with "start_offset"'),
    (_has("entities", list, _is(list)), "doccano", '"entities" with places'),
    (_has("entities", list, _keyed("start")), "jsonl", '"entities" with "start" and "end"'),
    (_has("label", list), "doccano", '"label" with places'),
    (_has("labels", list), "doccano", '"labels" with places'),
    (_has("data", str), "doccano", '"data" that is a text'),
)


def _of_json(source: Source, lines: list[str]) -> Detected | None:
    """The format of JSON by the first value whose shape tells; None where nothing looks like JSON."""
    text = source.head.decode("utf-8", "replace").removeprefix("\ufeff").lstrip()
    pairs = is_pair(next(line for line in lines if line.strip()))
    found = [_element(text)] if text[0] == "[" and not pairs else [_loaded(line) for line in lines]
    for value in found:
        for fits, form, evidence in SHAPES:
            if fits(value):
                return Detected("spacy-lines" if pairs and form == "spacy" else form, evidence)
    if text[0] == "[" and not (pairs or text.lstrip("[ \t\r\n")[:1] in ('"', "{", "]", "")):
        return None
    return Detected("jsonl", "JSON without names at its beginning")


def _element(text: str) -> Any:
    """The first element of an array; by its keys, if the head of the file does not hold it."""
    text = text[1:].lstrip()
    if text[:1] == "[":
        return ["", {}]
    keys = re.findall(r'"(data|annotations|spans|entities|label)"\s*:\s*[\[{]', text)
    return _loaded(text) or ({"data": {}} if "data" in keys else {key: [{"start": 0}] for key in keys[:1]})


def _loaded(text: str) -> Any:
    try:
        return json.JSONDecoder().raw_decode(text.strip())[0]
    except (ValueError, RecursionError):
        return None


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────


def brat_evidence(path: Path) -> str:
    """Why a path is one of brat's; empty if it is not."""
    try:
        if path.is_dir():
            return "a folder with .ann files" if next(path.rglob("*.ann"), None) else ""
        if path.suffix == ".txt" and path.with_suffix(".ann").exists():
            return f"{path.stem}.ann lies beside it"
    except (OSError, ValueError):
        return ""
    return "its name ends in .ann" if path.suffix == ".ann" else ""


_AMBIGUOUS = {".json": "labelstudio or spacy", ".txt": "conll or brat"}


def target_format(target: StrPath) -> str:
    """The format that the name of a target asks for; DataError if it asks for none."""
    path = Path(str(target).removesuffix(".gz"))
    if str(target).endswith("/") or path.is_dir():
        return "brat"
    for name, form in formats().items():
        if path.suffix.lower() in form.suffixes:
            return name
    among = _AMBIGUOUS.get(path.suffix.lower(), ", ".join(n for n, f in formats().items() if not f.prefix))
    raise DataError(f"{target}: the name does not say a format; give --to {among}")
