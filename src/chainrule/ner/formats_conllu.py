"""Numbered rows: CoNLL-U, and its kin with a column of tags.

Ten columns between tabs; the last holds `NER=B-LOC|SpaceAfter=No`.  `# text = …`, or what is said of the
spaces after tokens, gives the text exactly; `\\s \\t \\n \\r \\p \\\\` stand for blank, tab, line ends, | and \\.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from chainrule.errors import DataError, counted
from chainrule.ner.formats_conll import (
    Reading,
    Tags,
    Writing,
    chosen_columns,
    glue,
    head_lines,
    names_of,
    tags_in,
)
from chainrule.ner.formats_record import Place, Record, joined
from chainrule.ner.source import Source
from chainrule.ner.tags import OUTSIDE, fault

WIDTH = 10
_ESCAPES = {" ": "\\s", "\t": "\\t", "\n": "\\n", "\r": "\\r", "|": "\\p", "\\": "\\\\"}
_PLAIN = {written: c for c, written in _ESCAPES.items()}
_SPACING = {"SpaceAfter", "SpacesAfter", "SpacesBefore"}
_RANGE = re.compile(r"\d+[-.]\d+")


def _split(line: str) -> list[str]:
    return line.split("\t") if "\t" in line else line.split()


def read_conllu(source: Source, reading: Reading) -> Iterator[Record]:
    """The sentences of a file with numbered rows."""
    head = head_lines(source)
    rows = [_split(line) for line in head if line.strip() and line[0] != "#" and not _RANGE.match(line)]
    if not rows:
        raise DataError(f"{source.place}:1: no sentences; write a number, a token and its tag on each line")
    width = len(rows[0])
    if width < 3:
        raise DataError(
            f"{source.place}:1: {counted(width, 'column')}; write a number, a token and its tag on each line"
        )
    rows = [row for row in rows if len(row) == width]
    in_misc = width == WIDTH and any(_tag_in(row[-1]) for row in rows)
    token, tag = chosen_columns(reading, width, (1, width - 1 if in_misc else _tag_column(rows)), source)
    separator = glue([[row[token] for row in rows]], reading.tokens, source.path)
    checked = Tags()
    document, remarks, text, line = 0, 0, None, 0
    block: list[list[str]] = []
    ranges = 0

    def finished() -> Record:
        misc = [_misc(row[-1]) if width == WIDTH else {} for row in block]
        tags = [m.get("NER", OUTSIDE) for m in misc] if in_misc else [row[tag] for row in block]
        checked.check(tags, source.place, line)
        whole, tokens = _laid_out([row[token] for row in block], misc, text, separator)
        others = [k for k in range(1, width) if k not in (token, tag)]
        columns = tuple(tuple(row[k] for k in others) for row in block)
        more = [k for m in misc for k in m if k != "NER" and k not in _SPACING]
        lost = ("comment line",) * remarks + ("range of tokens or empty node",) * ranges
        return Record(
            whole,
            names_of(tags, tokens),
            tokens,
            f"{source.place}:{line}",
            document,
            columns=columns,
            lost=(*lost, *["attribute in MISC"] * len(more)),
        )

    for number, content in enumerate(source.lines(), 1):
        if not content.strip():
            if block:
                yield finished()
                block, text, remarks, ranges = [], None, 0, 0
            continue
        if content[0] == "#" and not block:
            key, _, value = content[1:].strip().partition(" = ")
            document += key.startswith("newdoc")
            text = value if key == "text" else text
            remarks += not key.startswith("newdoc") and key not in ("text", "sent_id")
            continue
        row = _split(content)
        if len(row) != width:
            raise DataError(
                f"{source.place}:{number}: {counted(len(row), 'column')}, but the rows before have {width}; "
                "give every row the same columns"
            )
        if _RANGE.fullmatch(row[0]):
            ranges += 1
            continue
        line = line if block else number
        block.append(row)
    if block:
        yield finished()


def _tag_in(misc: str) -> bool:
    return "NER" in _misc(misc)


def _tag_column(rows: Sequence[Sequence[str]]) -> int:
    """The first column behind the token that holds nothing but O and tags with prefixes, or else the last."""
    for k in range(2, len(rows[0])):
        values = {row[k] for row in rows}
        if all(v == OUTSIDE or ("-" in v and not fault(v)) for v in values) and (
            OUTSIDE in values or len(values) > 1
        ):
            return k
    return len(rows[0]) - 1


def _misc(written: str) -> dict[str, str]:
    parts = (part.partition("=") for part in written.split("|") if part not in ("", "_"))
    return {("NER" if key.upper() == "NER" else key): _unescaped(value) for key, _, value in parts}


def _unescaped(text: str) -> str:
    return re.sub(r"\\.", lambda m: _PLAIN.get(m[0], m[0]), text)


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(c, c) for c in text)


def _laid_out(
    words: Sequence[str], misc: Sequence[dict[str, str]], text: str | None, separator: str
) -> tuple[str, tuple[Place, ...]]:
    """The text of a sentence and the places of its tokens, by what is said of the spaces, or by the text."""
    if not any(m.keys() & _SPACING for m in misc):
        found = None if text is None else places_in(words, text)
        return (text or "", found) if found is not None else joined(words, separator)
    written = misc[0].get("SpacesBefore", "")
    places: list[Place] = []
    for k, (word, m) in enumerate(zip(words, misc, strict=True)):
        places.append((len(written), len(written) + len(word)))
        usual = "" if m.get("SpaceAfter") == "No" or k == len(words) - 1 else " "
        written += word + m.get("SpacesAfter", usual)
    return written, tuple(places)


def places_in(words: Sequence[str], text: str) -> tuple[Place, ...] | None:
    """The places of tokens in a text with nothing but space between them, if it is that."""
    places, k = [], 0
    for word in words:
        k += len(text[k:]) - len(text[k:].lstrip()) if text[k : k + 1].isspace() else 0
        if not text.startswith(word, k):
            return None
        places.append((k, k + len(word)))
        k += len(word)
    return tuple(places) if not text[k:].strip() else None


def write_conllu(records: Iterable[Record], stream: BinaryIO, writing: Writing) -> None:
    """Write ten columns, the tag and the spaces in the last, after the text as a comment."""
    document = 0
    for record in records:
        tokens, words, tags = record.tokens or (), record.words(), tags_in(record, writing.scheme)
        lines = []
        if record.document != document:
            document = record.document
            lines.append("# newdoc")
        lines.append("# text = " + re.sub(r"[\t\r\n]", " ", record.text))
        for k, (word, tag) in enumerate(zip(words, tags, strict=True)):
            end = tokens[k + 1][0] if k + 1 < len(tokens) else len(record.text)
            space = record.text[tokens[k][1] : end]
            misc = [f"NER={_escaped(tag)}"]
            if k == 0 and tokens[0][0]:
                misc.append(f"SpacesBefore={_escaped(record.text[: tokens[0][0]])}")
            if not space and k + 1 < len(tokens):
                misc.append("SpaceAfter=No")
            elif space not in (("", " ")[k + 1 < len(tokens)],):
                misc.append(f"SpacesAfter={_escaped(space)}")
            columns = (
                record.columns[k]
                if record.columns and len(record.columns[k]) == WIDTH - 3
                else ["_"] * (WIDTH - 3)
            )
            lines.append("\t".join((str(k + 1), word, *columns, "|".join(misc))))
        stream.write(("\n".join(lines) + "\n\n").encode())
