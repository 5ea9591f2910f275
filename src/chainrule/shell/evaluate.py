"""`chainrule evaluate`: judge a model on tagged data."""

import json
from pathlib import Path

import click

from chainrule.ner.tagger import Tagger

EPILOG = """\b
Examples:
  chainrule evaluate runs/mine test.conll
  chainrule evaluate runs/mine test.conll --json
"""


@click.command(epilog=EPILOG)
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Figures as JSON.")
def command(model: Path, data: Path, as_json: bool) -> None:
    """Judge MODEL on tagged DATA: precision, recall and F1 of whole entities, as conlleval counts."""
    found = Tagger.load(model).evaluate(data)
    click.echo(json.dumps(found.as_dict(), ensure_ascii=False) if as_json else f"\n{found.table()}\n")
