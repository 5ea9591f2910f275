"""What is written of a text and the names in it, for programs: a record of one form or another."""

import json
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence

from chainrule.ner.entity import Entity
from chainrule.ner.tagger import Tagger
from chainrule.ner.tags import Span, tags_of

Form = Callable[[str, Sequence[Entity], Tagger], str]
"""(text, its names, who found them) → lines without the last line end."""


def jsonl(text: str, entities: Sequence[Entity], tagger: Tagger) -> str:
    """One JSON object: the text and its names."""
    record = {"text": text, "entities": [{**e.as_dict(), "score": round(e.score, 4)} for e in entities]}
    return json.dumps(record, ensure_ascii=False)


def conll(text: str, entities: Sequence[Entity], tagger: Tagger) -> str:
    """A token and its tag on a line, a blank line after each sentence."""
    lines: list[str] = []
    for tokens in tagger.tokenize(text):
        first = {t.start: k for k, t in enumerate(tokens)}
        after = {t.end: k for k, t in enumerate(tokens, 1)}
        found = between(entities, tokens[0].start, tokens[-1].end)
        tags = tags_of([Span(first[e.start], after[e.end], e.label) for e in found], len(tokens))
        lines += [f"{t.text}\t{tag}" for t, tag in zip(tokens, tags, strict=True)]
        lines.append("")
    return "\n".join(lines)


def between(entities: Sequence[Entity], start: int, end: int) -> Sequence[Entity]:
    """Those of the entities, which are in order, that begin in a part of the text."""
    first, after = (bisect_left(entities, k, key=lambda e: e.start) for k in (start, end))
    return entities[first:after]


FORMS: Mapping[str, Form] = {"jsonl": jsonl, "conll": conll}
