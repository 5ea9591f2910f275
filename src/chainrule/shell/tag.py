"""`chainrule tag`: find the names in text, files or standard input."""

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from chainrule.display.language import Language
from chainrule.errors import DataError
from chainrule.ner.folder import CONFIG
from chainrule.ner.jobs import Executors, Outcome
from chainrule.ner.tagger import Tagger
from chainrule.ner.workers import shared_out
from chainrule.ports import parquet
from chainrule.ports.executors import PLACES, executors
from chainrule.shell import options
from chainrule.shell.tag_forms import FORMS, Frame
from chainrule.shell.tag_lines import INPUTS, grouped, is_folder, refuse
from chainrule.shell.tag_shards import (
    Manner,
    Shard,
    Tally,
    begin,
    digest_of,
    shards_of,
    summary,
    tag_shards,
)
from chainrule.shell.tag_work import CONLL, work_of, write_all, written
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
@click.option(
    "--out",
    "place",
    type=click.Path(),
    help="Write to this file, whole or not at all; or a file for each of SOURCES into this folder (out/).",
)
@click.option(
    "--executor",
    type=click.Choice(list(PLACES)),
    help="Who tags files into a folder: processes here, a Dask cluster, or the processes of MPI.  [local]",
)
@click.option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster, such as tcp://10.0.0.1:8786.")
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
@options.gazetteers
@options.language
@options.backend
def command(
    model: Path,
    sources: tuple[str, ...],
    form: str | None,
    given: str,
    place: str | None,
    executor: str | None,
    scheduler: str | None,
    alternatives: int,
    workers: int,
    min_score: float,
    recall_bias: float,
    keep_going: bool,
    gazetteers: dict[str, Path],
    lang: Language,
    backend: str,
) -> int:
    """Find the names in SOURCES: text, files, or - for standard input; line by line."""
    if not sources and sys.stdin is not None and sys.stdin.isatty():
        raise click.UsageError("nothing to tag; give a text, files, or - for standard input")
    out = None if place is None else Path(place)
    if executor or scheduler or (place and _is_folder(place, sources)):
        if out is None:
            raise click.UsageError("--executor tags files into a folder; add --out FOLDER")
        form = form or (CONLL if given == CONLL else "jsonl")
        lists = tuple((name, str(path), digest_of(path)) for name, path in gazetteers.items())
        manner = Manner(
            str(model),
            digest_of(model / CONFIG),
            form,
            given,
            alternatives,
            min_score,
            recall_bias,
            lists,
            lang,
            backend,
        )
        return _shards(sources, out, manner, executors(executor or "local", workers, scheduler))
    form = _form(form, given, out)
    if alternatives and FORMS[form].asked is None:
        raise click.UsageError(f"{form} has no place for alternatives; choose jsonl, tsv, html or text")
    if form == "parquet" and out is None:
        raise click.UsageError("parquet is a file; name it, --out names.parquet")
    tagger = Tagger.load(model, backend).with_gazetteers(gazetteers).inclined(recall_bias, min_score)
    wrong = _Noted() if keep_going else refuse
    work = work_of(given, form, alternatives)
    groups = grouped(sources or ("-",), wrong, given)
    frame = Frame(model.name, tagger.labels, lang, alternatives)
    with written(out, form) as write:
        write_all(write, form, frame, (answer for _, answer in shared_out(work, tagger, groups, workers)))
    if out is not None:
        click.echo(f"  {out}", err=True)
    return int(isinstance(wrong, _Noted) and wrong.any)


def _is_folder(place: str, sources: Sequence[str]) -> bool:
    """Whether results go to a folder: one that is there, or is written as one, or because the texts lie in one."""
    return place.endswith(("/", os.sep)) or Path(place).is_dir() or any(map(is_folder, sources))


def _shards(sources: Sequence[str], out: Path, manner: Manner, executors: Executors) -> int:
    """Tag files into a folder, and say how that went; 1 where a file could not be tagged."""
    shards, began, done = shards_of(sources, out, manner), time.monotonic(), 0
    begin(out, manner)
    live = is_live(sys.stderr)

    def watch(outcome: Outcome[Shard, Tally]) -> None:
        nonlocal done
        done += 1
        if outcome.error is not None:
            click.echo(f"error: {outcome.error}", err=True)
        if live:
            click.echo(f"\r  {done:,} of {len(shards):,} files ", err=True, nl=False)

    found = tag_shards(shards, executors, watch)
    click.echo(f"{chr(13) * live}  {summary(found, time.monotonic() - began)} · {out}", err=True)
    return int(any(outcome.error is not None for outcome in found))


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
