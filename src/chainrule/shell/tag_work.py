"""From texts to records: the names of groups of texts, and the records of all groups with what is around them."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

import click

from chainrule.compute.files import written_whole
from chainrule.errors import ChainruleError
from chainrule.ner.tagger import Tagger
from chainrule.ner.tags import OUTSIDE, tags_of
from chainrule.ports import parquet
from chainrule.shell.tag_forms import FORMS, Frame
from chainrule.shell.tag_lines import DOCUMENT, Given, columns_of

CONLL = "conll"

Work = Callable[[Tagger, Sequence[Given]], "Answer"]


def work_of(given: str, form: str, alternatives: int) -> Work:
    """What is done with groups of texts of one form of input, for one form of output."""
    return rows if given == CONLL else partial(records, form, max(alternatives, FORMS[form].asked or 0))


@contextmanager
def written(out: Path | None, form: str) -> Iterator[Callable[[str], object]]:
    """What writes records: to standard output at once, or to a file that is there when all are."""
    if out is None:
        yield click.echo
        return
    with written_whole(out) as file:
        if form == "parquet":
            with parquet.lines_to(file) as write_lines:
                yield write_lines
        else:
            yield lambda record: file.write(f"{record}\n".encode())


class Answer(NamedTuple):
    """The records of some texts, or None; and how many names of each label they have."""

    records: str | None
    texts: int
    counts: Counter[str]


def write_all(
    write: Callable[[str], object], form: str, frame: Frame, answers: Iterator[Answer]
) -> tuple[int, Counter[str]]:
    """All records and what is around them; how many texts, and names of each label.

    A page is ended also where the texts end with an error.
    """
    texts, counts = 0, Counter[str]()
    if (head := FORMS[form].before(frame)) is not None:
        write(head)
    try:
        for answer in answers:
            texts, counts = texts + answer.texts, counts + answer.counts
            if answer.records is not None:
                write(answer.records)
    except ChainruleError:
        _end(write, form, frame, texts, counts)
        raise
    _end(write, form, frame, texts, counts)
    return texts, counts


def _end(write: Callable[[str], object], form: str, frame: Frame, texts: int, counts: Counter[str]) -> None:
    if (foot := FORMS[form].after(frame, texts, counts)) is not None:
        write(foot)


def records(form: str, alternatives: int, tagger: Tagger, group: Sequence[Given]) -> Answer:
    """The records of some texts, which depend on no other texts."""
    found = list(tagger.pipe([given.text for given in group], alternatives=alternatives))
    records = [r for r in map(FORMS[form].record, group, found, repeat(tagger)) if r is not None]
    counts = Counter(e.label for names in found for e in names)
    return Answer("\n".join(records) if records else None, len(group), counts)


def rows(tagger: Tagger, group: Sequence[Given]) -> Answer:
    """Lines of CoNLL with a column more, the tag; it is O where a document begins, and blank lines have none."""
    tokens = [[columns_of(row)[0] for row in given.rows] for given in group]
    found = iter(tagger.find([sentence for sentence in tokens if sentence]))
    lines: list[str] = []
    counts = Counter[str]()
    for given, sentence in zip(group, tokens, strict=True):
        if not sentence:
            lines.append(_with(given.text, OUTSIDE) if given.text.startswith(DOCUMENT) else given.text)
            continue
        names = [name for name, _ in next(found)]
        counts.update(name.label for name in names)
        lines += map(_with, given.rows, tags_of(names, len(sentence)))
    return Answer("\n".join(lines), len(group), counts)


def _with(row: str, tag: str) -> str:
    between = " " if " " in row and "\t" not in row else "\t"
    return f"{row}{between}{tag}"
