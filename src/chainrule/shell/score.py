"""`chainrule score`: judge a file whose last two columns are gold and predicted tags."""

import json
from pathlib import Path

import click

from chainrule.ner.metrics import read_scored

EPILOG = """\b
Examples:
  chainrule score predictions.conll
  some-tagger | chainrule score - --json
"""


@click.command(epilog=EPILOG)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help="Figures as JSON.")
def command(file: Path, as_json: bool) -> None:
    """Judge FILE, whose last two columns are gold and predicted tags, as conlleval does; - is standard input."""
    found = read_scored(file)
    click.echo(json.dumps(found.as_dict(), ensure_ascii=False) if as_json else f"\n{found.table()}\n")
