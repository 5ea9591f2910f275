"""`chainrule explain`: why the names of a text are names."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from chainrule.display.language import Language
from chainrule.ner.explain import MOST
from chainrule.ner.explain_json import record
from chainrule.ner.explain_methods import INTEGRATED, METHODS
from chainrule.ner.explain_page import page
from chainrule.ner.explain_records import Explanation
from chainrule.ner.explain_sentence import OF
from chainrule.ner.explain_unknown import BASELINES
from chainrule.ner.formats import read_any
from chainrule.ner.report_page import save
from chainrule.ner.tagger import Tagger
from chainrule.shell import options
from chainrule.shell.evaluate import note_units
from chainrule.shell.explain_text import told
from chainrule.shell.tag_lines import grouped
from chainrule.shell.terminal import is_live

EPILOG = """\b
Examples:
  chainrule explain runs/mine "Museums in Paris are amazing"
  chainrule explain runs/mine letter.txt --output why.html
  chainrule explain runs/mine "Museums in Paris are amazing" --token 2 --method occlusion
  chainrule explain runs/mine - --format json --train train.conll < text.txt
"""
LONGEST = 1 << 20  # characters that are read
SUFFIXES: Mapping[str, str] = {".html": "html", ".htm": "html", ".json": "json"}
COLOURS: Mapping[str, dict[str, Any]] = {"more": {"fg": "green"}, "less": {"fg": "red"}, "mute": {"dim": True}}


@click.command(epilog=EPILOG)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("source", metavar="TEXT|FILE|-")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "html"]),
    help="Output [by the name of --output, else text].",
)
@click.option("--output", type=click.Path(path_type=Path), help="Write to this file.")
@click.option(
    "--method",
    type=click.Choice(list(METHODS)),
    help="How what a word adds is found [integrated in text, all elsewhere].",
)
@click.option("--of", type=click.Choice(list(OF)), default="score", show_default=True, help="What is explained.")
@click.option(
    "--baseline",
    type=click.Choice(list(BASELINES)),
    default="unknown",
    show_default=True,
    help="What stands in for words.",
)
@click.option("--token", type=click.IntRange(0), help="A token in place of all names, numbered from 0.")
@click.option(
    "--most", type=click.IntRange(0), default=MOST, show_default=True, help="Names that are explained, at most."
)
@click.option("--train", type=click.Path(path_type=Path), help="Tagged data, whose nearest windows are shown.")
@click.option(
    "--neighbors", type=click.IntRange(1), default=5, show_default=True, help="How many of them, for each token."
)
@options.gazetteers
@options.language
@options.backend
def command(
    model: Path,
    source: str,
    form: str | None,
    output: Path | None,
    method: str | None,
    of: str,
    baseline: str,
    token: int | None,
    most: int,
    train: Path | None,
    neighbors: int,
    gazetteers: dict[str, Path],
    lang: Language,
    backend: str,
) -> None:
    """Say why the names in TEXT are names: what each word, and each of its features, adds to the score.

    Integrated gradients sum to the score less that of unknown words, which is checked; occlusion computes the
    score anew without the word. The fields of JSON are documented in chainrule.ner.explain_json.
    """
    form = form or SUFFIXES.get(output.suffix.lower() if output else "", "text")
    methods = [method] if method else [INTEGRATED] if form == "text" else list(METHODS)
    tagger = Tagger.load(model, backend).with_gazetteers(gazetteers)
    corpus = None if train is None else read_any(train, tokens="characters" if tagger.characters else "words")
    if corpus is not None:
        note_units(tagger, corpus)
    found = tagger.explain(
        _read(source),
        token,
        methods=methods,
        of=of,
        baseline=baseline,
        most=most,
        train=corpus,
        neighbours=neighbors,
    )
    painted = output is None and _is_painted()
    if form == "text":
        text = "\n".join(told(found, methods[0], _paint if painted else _plain))
    else:
        text = FORMS[form](found, model.name, lang)
    if output is None:
        click.echo(text, color=painted)
    else:
        save(f"{text}\n", output)
        click.echo(f"  {output}", err=True)
    if found.left and form != "text":
        click.echo(f"note: {found.left:,} of {len(found.entities):,} names are not explained (--most)", err=True)


def _read(source: str) -> str:
    """The text, or what is in the file; of what is long the beginning."""
    lines: list[str] = []
    held = 0
    for line in _lines(source):
        if held + len(line) > LONGEST:
            click.echo(f"note: the first {len(lines):,} lines are explained, {held:,} characters", err=True)
            break
        lines.append(line)
        held += len(line) + 1
    return "\n".join(lines)


def _lines(source: str) -> Iterator[str]:
    for group in grouped([source]):
        yield from (given.text for given in group)


# ── forms of output ───────────────────────────────────────────────────────────────────────────────────


def _is_painted() -> bool:
    """Whether colours are wanted: on a terminal, unless NO_COLOR is set, and wherever FORCE_COLOR is."""
    return bool(os.environ.get("FORCE_COLOR")) or (is_live(sys.stdout) and not os.environ.get("NO_COLOR"))


def _paint(text: str, kind: str) -> str:
    return click.style(text, **COLOURS[kind]) if text.strip() else text


def _plain(text: str, kind: str) -> str:
    return text


def _json(found: Explanation, name: str, lang: Language) -> str:
    return json.dumps(record(found), ensure_ascii=False, indent=2)


FORMS: Mapping[str, Callable[[Explanation, str, Language], str]] = {"json": _json, "html": page}
