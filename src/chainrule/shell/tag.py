"""`chainrule tag`: find the names in text, files or standard input."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

import click

from chainrule.compute.files import written_whole
from chainrule.display.language import Language
from chainrule.errors import ChainruleError, DataError
from chainrule.ner.tagger import Tagger
from chainrule.ner.tags import OUTSIDE, tags_of
from chainrule.ner.workers import shared_out
from chainrule.ports import parquet
from chainrule.shell import options
from chainrule.shell.tag_forms import FORMS, Frame
from chainrule.shell.tag_lines import DOCUMENT, INPUTS, Given, columns_of, grouped, refuse
from chainrule.shell.terminal import is_live

EPILOG = """\b
Examples:
  chainrule tag runs/mine "Museums in Paris are amazing"
  chainrule tag runs/mine - < text.txt
  chainrule tag runs/mine a.txt b.txt --format jsonl --workers 2
  chainrule tag runs/mine letters.txt --alternatives 2 --out names.html
  chainrule tag runs/mine texts.parquet --out names.parquet
  chainrule tag runs/mine gold.conll --input conll | chainrule score -
"""
SUFFIXES = {".txt": "text", ".json": "jsonl", ".jsonl": "jsonl", ".conll": "conll", ".tsv": "tsv"}
SUFFIXES |= dict.fromkeys((".html", ".htm"), "html") | dict.fromkeys(parquet.SUFFIXES, "parquet")
CONLL = "conll"


@click.command(epilog=EPILOG)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("sources", nargs=-1)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMS)),
    help="Output [by the name of --out; else text on a terminal, jsonl elsewhere]; one record for each text.",
)
@click.option(
    "--input",
    "given",
    type=click.Choice(list(INPUTS)),
    default="text",
    show_default=True,
    help='A text in each line; JSON objects whose field "text" is it, other fields are kept; or tokens.',
)
@click.option("--out", type=click.Path(path_type=Path), help="Write to this file, whole or not at all.")
@click.option(
    "--alternatives",
    type=click.IntRange(min=0),
    default=0,
    help="So many labels that each name could have instead, with their probabilities; O for no name.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes that tag, for much text; the output is the same.",
)
@click.option(
    "--min-score", type=click.FloatRange(0, 1), default=0.0, help="Leave out names less probable than this."
)
@click.option(
    "--recall-bias",
    type=click.FloatRange(-20, 20),
    default=0.0,
    help="Find more names and err more, as anonymisation wants it: 1 or 2.",
)
@click.option(
    "--keep-going", is_flag=True, help="Tell of broken lines as JSON, and go on; exit with 1 at the end."
)
@options.language
@options.backend
def command(
    model: Path,
    sources: tuple[str, ...],
    form: str | None,
    given: str,
    out: Path | None,
    alternatives: int,
    workers: int,
    min_score: float,
    recall_bias: float,
    keep_going: bool,
    lang: Language,
    backend: str,
) -> int:
    """Find the names in SOURCES: text, files, or - for standard input; line by line."""
    if not sources and sys.stdin is not None and sys.stdin.isatty():
        raise click.UsageError("nothing to tag; give a text, files, or - for standard input")
    form = _form(form, given, out)
    if alternatives and FORMS[form].asked is None:
        raise click.UsageError(f"{form} has no place for alternatives; choose jsonl, tsv, html or text")
    if form == "parquet" and out is None:
        raise click.UsageError("parquet is a file; name it, --out names.parquet")
    tagger = Tagger.load(model, backend).inclined(recall_bias, min_score)
    wrong = _Noted() if keep_going else refuse
    work = _rows if given == CONLL else partial(_records, form, max(alternatives, FORMS[form].asked or 0))
    groups = grouped(sources or ("-",), wrong, given)
    frame = Frame(model.name, tagger.labels, lang, alternatives)
    with _written(out, form) as write:
        _write(write, form, frame, (answer for _, answer in shared_out(work, tagger, groups, workers)))
    return int(isinstance(wrong, _Noted) and wrong.any)


def _form(form: str | None, given: str, out: Path | None) -> str:
    """The form of the output: what is said, what the file is called, what suits the terminal."""
    usual = SUFFIXES.get(out.suffix.lower()) if out else "text" if is_live(sys.stdout) else None
    if given != CONLL:
        return form or usual or "jsonl"
    if form not in (None, CONLL):
        raise click.UsageError(f"--input conll adds a column, it does not write {form}; leave --format out")
    return CONLL


class _Noted:
    """Tells of what is wrong on standard error, a JSON object a line."""

    any = False

    def __call__(self, error: DataError, place: str, line: int) -> None:
        self.any = True
        told = {"error": str(error), "source": place, "line": line}
        click.echo(json.dumps(told, ensure_ascii=False), err=True)


@contextmanager
def _written(out: Path | None, form: str) -> Iterator[Callable[[str], None]]:
    """What writes records: to standard output at once, or to a file that is there when all are."""
    if out is None:
        yield click.echo
        return
    with written_whole(out) as file:

        def write(record: str) -> None:
            file.write(f"{record}\n".encode())

        if form == "parquet":
            with parquet.lines_to(file) as write_lines:
                yield write_lines
        else:
            yield write
    click.echo(f"  {out}", err=True)


class Answer(NamedTuple):
    """The records of some texts, or None; and how many names of each label they have."""

    records: str | None
    texts: int
    counts: Counter[str]


def _write(write: Callable[[str], None], form: str, frame: Frame, answers: Iterator[Answer]) -> None:
    """All records and what is around them; a page is ended also where the texts end with an error."""
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


def _end(write: Callable[[str], None], form: str, frame: Frame, texts: int, counts: Counter[str]) -> None:
    if (foot := FORMS[form].after(frame, texts, counts)) is not None:
        write(foot)


def _records(form: str, alternatives: int, tagger: Tagger, group: Sequence[Given]) -> Answer:
    """The records of some texts, which depend on no other texts."""
    found = list(tagger.pipe([given.text for given in group], alternatives=alternatives))
    records = [r for r in map(FORMS[form].record, group, found, repeat(tagger)) if r is not None]
    counts = Counter(e.label for names in found for e in names)
    return Answer("\n".join(records) if records else None, len(group), counts)


def _rows(tagger: Tagger, group: Sequence[Given]) -> Answer:
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
