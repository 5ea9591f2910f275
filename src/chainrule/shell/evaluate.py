"""`chainrule evaluate`: judge a model on tagged data."""

import json
from pathlib import Path

import click

from chainrule.display.language import Language
from chainrule.ner.cases import by_case, case_table
from chainrule.ner.changes import Changes
from chainrule.ner.corpus import Corpus
from chainrule.ner.formats import read_any
from chainrule.ner.judged import Judged
from chainrule.ner.report_page import judged_page, save
from chainrule.ner.tagger import Tagger
from chainrule.shell import options

EPILOG = """\b
Examples:
  chainrule evaluate runs/mine test.conll
  chainrule evaluate runs/mine test.conll --json
  chainrule evaluate runs/mine test.conll --report mistakes.html --lang ko
  chainrule evaluate runs/mine other.conll --rename person=PER --rename group=O
  chainrule evaluate runs/mine test.conll --case
  chainrule evaluate runs/next test.conll --before runs/mine
"""


@click.command(epilog=EPILOG)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--rename", "pairs", multiple=True, metavar="MODEL=DATA", help="A label as DATA has it; =O leaves it out."
)
@click.option(
    "--case", "cases", is_flag=True, help="Also judge copies in small letters, in capitals, as headlines."
)
@click.option("--before", type=click.Path(path_type=Path), help="An older model: what was gained and forgotten.")
@click.option("--report", type=click.Path(path_type=Path), help="Write the figures and every mistake as a page.")
@options.gazetteers
@options.language
@options.backend
@click.option("--json", "as_json", is_flag=True, help="Figures as JSON.")
def command(
    model: Path,
    data: Path,
    pairs: tuple[str, ...],
    cases: bool,
    before: Path | None,
    report: Path | None,
    gazetteers: dict[str, Path],
    lang: Language,
    backend: str,
    as_json: bool,
) -> None:
    """Judge MODEL on tagged DATA: precision, recall and F1 of whole entities, as conlleval counts."""
    rename = dict(map(_pair, pairs))
    tagger = Tagger.load(model, backend).with_gazetteers(gazetteers)
    corpus = read_any(data, tokens="characters" if tagger.characters else "words")
    found = tagger.evaluate(corpus, rename)
    ours = {rename.get(label, label) for label in tagger.labels}
    missing = [label for label in corpus.labels if label not in ours]
    if missing:
        known = ", ".join(tagger.labels)
        click.echo(
            f"note: {', '.join(missing)} not in the model, so missed; it has {known} (see --rename)", err=True
        )
    note_units(tagger, corpus)
    if report is not None:
        judged = Judged.by(tagger, corpus).renamed(rename)
        save(judged_page(judged, f"{model.name}, {data.name}", lang), report)
    by = by_case(corpus, lambda copy: tagger.evaluate(copy, rename)) if cases else {}
    changes = None if before is None else Changes.of(Tagger.load(before, backend), tagger, corpus)
    if as_json:
        more: dict[str, object] = {"cases": {name: s.as_dict() for name, s in by.items()}} if cases else {}
        more |= {} if changes is None else {"changes": changes.as_dict()}
        click.echo(json.dumps({**found.as_dict(), **more}, ensure_ascii=False))
    else:
        click.echo(f"\n{found.table()}\n\n  tokens, in percent of each row\n{found.confusion_table()}\n")
        for table in ([case_table(by)] if cases else []) + ([changes.table(data.name)] if changes else []):
            click.echo(f"{table}\n")
        if report is not None:
            click.echo(f"  report: {report}", err=True)


def note_units(tagger: Tagger, corpus: Corpus) -> None:
    """Say to standard error that a model of words judges characters, or the reverse."""
    if tagger.characters != corpus.characters:
        reads, is_in = ("characters", "words") if tagger.characters else ("words", "characters")
        click.echo(f"note: the model reads {reads}, the data is in {is_in}, so little is found", err=True)


def _pair(text: str) -> tuple[str, str]:
    ours, sign, theirs = text.partition("=")
    if not (ours and sign and theirs):
        raise click.UsageError(f"--rename {text}: write MODEL=DATA, as in person=PER")
    return ours, theirs
