"""`chainrule merge`: the mean of several models as one."""

from pathlib import Path

import click

from chainrule.ner.formats import read_any
from chainrule.ner.merge import merge
from chainrule.ner.tagger import Tagger
from chainrule.shell.evaluate import note_units

EPILOG = """\b
Examples:
  chainrule train train.conll --dev dev.conll --seed 1 --out runs/one
  chainrule train train.conll --dev dev.conll --seed 2 --out runs/two
  chainrule merge runs/one runs/two --dev dev.conll --out runs/both
"""
PATH = click.Path(path_type=Path)


@click.command(epilog=EPILOG)
@click.argument("models", nargs=-1, required=True, type=PATH)
@click.option("--out", type=PATH, required=True, help="Folder for the model.")
@click.option("--dev", type=PATH, help="Tagged data to fit threshold and temperature by, as in training.")
@click.option("--test", type=PATH, help="Tagged data for the final figures.")
def command(models: tuple[Path, ...], out: Path, dev: Path | None, test: Path | None) -> int:
    """Write the mean of MODELS, trained on the same data with other seeds: it finds more than each of them.

    The mean of several window networks is one, with their hidden layers side by side.
    """
    members = [Tagger.load(model) for model in models]
    tokens = "characters" if members[0].characters else "words"
    judged, held = (None if path is None else read_any(path, tokens=tokens) for path in (test, dev))
    tagger = merge(members, held)
    tagger.save(out)
    for corpus, part in ((held, "dev"), (judged, "test")):
        if corpus is not None:
            note_units(tagger, corpus)
            click.echo(f"\n{tagger.evaluate(corpus).table(part)}\n")
    a = tagger.config.architecture
    click.echo(f"  {len(members)} models · {a.hidden} hidden units · model: {out}", err=True)
    return 0
