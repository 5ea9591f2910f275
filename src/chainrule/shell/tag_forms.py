"""The forms in which names that were found are written: one record for each line of input."""

import json
import shutil
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.cells import cell_len

from chainrule.display.language import Language
from chainrule.ner import found_page
from chainrule.ner.entity import Alternative, Entity
from chainrule.ner.tagger import Tagger
from chainrule.ner.tags import OUTSIDE, Span, tags_of
from chainrule.shell.tag_lines import Given

UNSEEN = dict.fromkeys((*range(32), *range(127, 160)), " ")  # they would move the cursor, or worse
ESCAPED = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
COLUMNS = ("line", "start", "end", "label", "score", "text")
NEAR = 0.1  # probability from which another label is shown beside a name's own


class Frame(NamedTuple):
    """What is around the records: the name of the model, its labels, the language, alternatives of each name."""

    name: str
    labels: Sequence[str]
    language: Language
    alternatives: int


class Form(NamedTuple):
    """How names are written.

    record   the text, its names, the tagger → their record, and None where there is nothing to write
    before   what comes first, if anything
    after    what comes last: of a frame, the number of texts, and that of the names of each label
    asked    alternatives that are asked for in any case; None where there is no place for them
    """

    record: Callable[[Given, Sequence[Entity], Tagger], str | None]
    before: Callable[[Frame], str | None] = lambda frame: None
    after: Callable[[Frame, int, Mapping[str, int]], str | None] = lambda frame, texts, counts: None
    asked: int | None = 0


# ── JSON, tables, pages, CoNLL ────────────────────────────────────────────────────────────────────────


def _jsonl(given: Given, entities: Sequence[Entity], tagger: Tagger) -> str:
    record = {**given.fields, "text": given.text, "entities": [_name(e) for e in entities]}
    return json.dumps(record, ensure_ascii=False)


def _name(e: Entity) -> dict[str, Any]:
    others = [{"label": a.label, "score": round(a.score, 4)} for a in e.alternatives]
    return {**e.as_dict(), "score": round(e.score, 4)} | ({"alternatives": others} if others else {})


def _tsv(given: Given, entities: Sequence[Entity], tagger: Tagger) -> str | None:
    """A row for each name; what would be a column or a line of its own is escaped as \\t, \\n, \\r, \\\\."""
    rows = [
        "\t".join(
            (
                f"{given.line}\t{e.start}\t{e.end}\t{e.label}\t{e.score:.4f}\t{e.text.translate(ESCAPED)}",
                *(f"{a.label}\t{a.score:.4f}" for a in e.alternatives),
            )
        )
        for e in entities
    ]
    return "\n".join(rows) if rows else None


def _heading(frame: Frame) -> str:
    """The names of the columns; a label and its probability for every alternative."""
    more = (f"{column}{k}" for k in range(2, frame.alternatives + 2) for column in ("label", "score"))
    return "\t".join((*COLUMNS, *more))


def _html(given: Given, entities: Sequence[Entity], tagger: Tagger) -> str:
    return found_page.record(given.line, given.text, entities, tagger.labels)


def _conll(given: Given, entities: Sequence[Entity], tagger: Tagger) -> str:
    lines: list[str] = []
    for tokens in tagger.tokenize(given.text):
        first = {t.start: k for k, t in enumerate(tokens)}
        after = {t.end: k for k, t in enumerate(tokens, 1)}
        found = _between(entities, tokens[0].start, tokens[-1].end)
        tags = tags_of([Span(first[e.start], after[e.end], e.label) for e in found], len(tokens))
        lines += [f"{t.text}\t{tag}" for t, tag in zip(tokens, tags, strict=True)]
        lines.append("")
    return "\n".join(lines)


def _between(entities: Sequence[Entity], start: int, end: int) -> Sequence[Entity]:
    """Those of the entities, which are in order, that begin in a part of the text."""
    first, after = (bisect_left(entities, k, key=lambda e: e.start) for k in (start, end))
    return entities[first:after]


# ── to be read ────────────────────────────────────────────────────────────────────────────────────────


def _text(given: Given, entities: Sequence[Entity], tagger: Tagger) -> str:
    """The text with each name underlined by its label, and the names with their probabilities."""
    shown = given.text.translate(UNSEEN)
    if not entities:
        return f"\n  {shown}\n\n  no names found" if shown.strip() else ""
    names = [shown[e.start : e.end] for e in entities]
    width, longest = max(map(cell_len, names)), max(len(e.label) for e in entities)
    listed = [
        f"  {name}{' ' * (width - cell_len(name))}  {e.label:<{longest}}  {e.score:.2f}{_or(e.alternatives)}"
        for name, e in zip(names, entities, strict=True)
    ]
    return "\n".join(["", *underlined(shown, entities), "", *listed])


def _or(alternatives: Sequence[Alternative]) -> str:
    """What a name could well be instead."""
    near = [a for a in alternatives if a.score >= NEAR]
    return "".join(f"  or {'no name' if a.label == OUTSIDE else a.label} {a.score:.2f}" for a in near)


def underlined(text: str, entities: Sequence[Entity]) -> Iterator[str]:
    """The text in rows that fit the terminal, below each the labels of its names."""
    width = max(shutil.get_terminal_size().columns - 4, 20)
    for start, end in _rows(text, entities, width):
        yield f"  {text[start:end]}"
        marks = ""
        for e in _between(entities, start, end):
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


FORMS: Mapping[str, Form] = {
    "text": Form(_text, asked=1),
    "jsonl": Form(_jsonl),
    "parquet": Form(_jsonl),
    "conll": Form(_conll, asked=None),
    "tsv": Form(_tsv, _heading),
    "html": Form(
        _html,
        lambda frame: found_page.before(frame.name, frame.language),
        lambda frame, texts, counts: found_page.after(frame.name, texts, counts, frame.labels, frame.language),
    ),
}
