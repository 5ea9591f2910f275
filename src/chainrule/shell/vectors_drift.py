"""`chainrule vectors drift`: which words training moved, and which it left behind, as tables, JSON and a page."""

import json
from collections.abc import Sequence
from math import isnan
from pathlib import Path
from textwrap import wrap

import click

from chainrule.display.axes import figure, percent
from chainrule.display.language import LANGUAGES, Language
from chainrule.ner import drift_words
from chainrule.ner.corpus import read_corpus
from chainrule.ner.drift import Drift, drift, read_words
from chainrule.ner.drift_page import chosen, neighbours, page, pairs, record
from chainrule.ner.drift_words import cosine
from chainrule.ner.report_page import save
from chainrule.ner.similar import Neighbour
from chainrule.shell import options

EPILOG = """\b
Examples:
  chainrule vectors drift vectors.bin runs/mine --trained train.conll
  chainrule vectors drift vectors.bin runs/mine --words TV Telly television --output drift.html
  chainrule vectors drift before.txt after.txt --json
"""
PATH = click.Path(path_type=Path)
Row = tuple[str, ...]
BESIDE = 3  # neighbours in a row of the terminal
WIDE = 100  # letters in a line of a sentence


class Listing(click.Command):
    """A command with an option that takes all words up to the next option: `--words TV Telly television`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the name of the option before each of its words."""
        found: list[str] = []
        listing = False
        for argument in args:
            if argument.startswith("-") and len(argument) > 1:
                listing = argument == "--words"
                found += [] if listing else [argument]
            else:
                found += ["--words", argument] if listing else [argument]
        if "--words" in args and "--words" not in found:
            raise click.UsageError("--words needs words, as in --words TV Telly television", ctx)
        return super().parse_args(ctx, found)


@click.command("drift", cls=Listing, epilog=EPILOG)
@click.argument("before", type=PATH)
@click.argument("after", type=PATH)
@click.option(
    "--words", multiple=True, metavar="WORD…", help="Words to look at; else those that were left behind."
)
@click.option("--trained", type=PATH, help="The data of training; else what moved is what was trained.")
@click.option("--output", type=PATH, help="Write a page with a picture.")
@click.option("--count", "-n", type=click.IntRange(1), default=10, show_default=True, help="Rows of a table.")
@options.language
@click.option("--json", "as_json", is_flag=True, help="The whole as JSON.")
def command(
    before: Path,
    after: Path,
    words: tuple[str, ...],
    trained: Path | None,
    output: Path | None,
    count: int,
    lang: Language,
    as_json: bool,
) -> None:
    """Compare the word vectors BEFORE and AFTER training, each a file of vectors or a model folder.

    Words of the training data move; words near them that are not in it are left behind, and the model, which has
    moved on, may not know them any more.
    """
    met = None if trained is None else {t for s in read_corpus(trained).sentences for t in s.tokens}
    found = drift(read_words(before), read_words(after), met)
    shown = chosen(found, words)
    if output is not None:
        save(page(found, f"{before.name} → {after.name}", shown, lang), output)
    if as_json:
        click.echo(json.dumps(record(found, shown, count), ensure_ascii=False))
        return
    for note in drift_words.notes(found):
        click.echo(f"note: {note[LANGUAGES.index(lang)]}", err=True)
    click.echo("\n".join(told(found, shown, count, lang)))
    if output is not None:
        click.echo(f"  page: {output}", err=True)


def told(d: Drift, shown: list[str], count: int, language: Language) -> list[str]:
    """The drift in lines."""
    of = LANGUAGES.index(language)
    said = (drift_words.verdict(d, tuple(shown)), drift_words.advice(d))
    lines = ["", *(f"  {line}" for text in said if text for line in wrap(text[of], WIDE)), ""]
    rows: list[Row] = [("word", "trained", "moved", "cos", "neighbours before", "neighbours after")]
    for word, (old, new) in zip(shown, neighbours(d, shown, BESIDE), strict=True):
        m = d.move(word)
        figures = ("yes" if m.trained else "no", figure(m.distance, 3), cosine(m.cosine))
        rows.append((word, *figures, _listed(old), _listed(new)))
    lines += [*_table(rows, "<>>><<"), ""]
    between = [(a, b, cosine(x), cosine(y), cosine(y - x, "+")) for a, b, x, y in pairs(d, shown)]
    if between:
        lines += [*_table([("word", "and", "before", "after", "change"), *between], "<<>>>"), ""]
    if d.left:
        rows = [("left behind", "by", "before", "after", "lost")]
        rows += [(e.word, e.by, cosine(e.before), cosine(e.after), str(e.lost)) for e in d.left[:count]]
        lines += [*_table(rows, "<<>>>"), *_more(len(d.left) - count), ""]
    rows = [("moved farthest", "moved", "of its length", "cos", "trained")]
    for m in d.moves(count):
        share, known = percent(m.share) + " %" * (not isnan(m.share)), "yes" if m.trained else "no"
        rows.append((m.word, figure(m.distance, 3), share, cosine(m.cosine), known))
    return [*lines, *_table(rows, "<>>>>"), ""]


def _listed(side: list[Neighbour]) -> str:
    return "  ".join(f"{n.word} {cosine(n.cosine)}" for n in side)


def _more(rest: int) -> list[str]:
    return [f"  … and {rest:,} more"] if rest > 0 else []


def _table(rows: Sequence[Row], sides: str) -> list[str]:
    """Rows below a head, with a rule between; `sides` says for each column where it is aligned."""
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  " + "   ".join(f"{cell:{side}{n}}" for cell, side, n in zip(row, sides, wide, strict=True)).rstrip()
        for row in rows
    ]
    return [lines[0], "  " + "─" * (sum(wide) + 3 * (len(wide) - 1)), *lines[1:]]
