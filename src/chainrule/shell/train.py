"""`chainrule train`: the main job."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from chainrule.learn.layers import ACTIVATIONS
from chainrule.learn.optim import OPTIMIZERS
from chainrule.ner.bundled import LANGUAGES, sample
from chainrule.ner.corpus import Corpus, read_corpus
from chainrule.ner.metrics import Score
from chainrule.ner.model import COMBINATIONS
from chainrule.ner.tagger import Tagger
from chainrule.ner.tags import SCHEMES
from chainrule.ner.training import FINE_TUNE
from chainrule.shell.progress import watcher

EPILOG = """\b
Examples:
  chainrule train
  chainrule train --sample ko --out runs/korean
  chainrule train train.conll --dev dev.conll --test test.conll --vectors vectors.bin --seed 1
  chainrule train train.conll --out runs/mine --resume
"""

SHOWN = {"show_default": True}


@click.command(epilog=EPILOG)
@click.argument("data", required=False, type=click.Path(path_type=Path))
@click.option(
    "--dev", type=click.Path(path_type=Path), help="Tagged data to choose the best epoch by [a tenth of DATA]."
)
@click.option("--test", type=click.Path(path_type=Path), help="Tagged data for the final figures.")
@click.option(
    "--sample", "language", type=click.Choice(sorted(LANGUAGES)), help="The bundled sample, without DATA [en]."
)
@click.option("--vectors", type=click.Path(path_type=Path), help="Word vectors: word2vec (binary, text) or GloVe.")
@click.option(
    "--fine-tune", type=click.Choice(list(FINE_TUNE)), default="auto", help="Train given vectors?", **SHOWN
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the model [runs/NAME-01, -02 …].")
@click.option("--resume", is_flag=True, help="Continue the interrupted run in --out.")
@click.option("--seed", type=int, default=0, help="Same seed, same machine: same model, bit for bit.", **SHOWN)
@click.option("--window", type=int, default=5, help="Words in a window, odd.", **SHOWN)
@click.option(
    "--combine", type=click.Choice(list(COMBINATIONS)), default="concatenate", help="Words in a window.", **SHOWN
)
@click.option("--dimension", type=int, default=50, help="Width of random word vectors.", **SHOWN)
@click.option(
    "--caps", type=int, default=5, help="Width of the vectors of word shapes; 0 leaves them out.", **SHOWN
)
@click.option("--hidden", type=int, default=100, help="Hidden units.", **SHOWN)
@click.option("--activation", type=click.Choice(list(ACTIVATIONS)), default="tanh", help="Non-linearity.", **SHOWN)
@click.option("--dropout", type=float, default=0.0, help="Share of inputs and hidden units dropped.", **SHOWN)
@click.option("--l2", type=float, default=0.0, help="Strength λ of ½ λ ‖W‖², biases spared.", **SHOWN)
@click.option(
    "--scheme", type=click.Choice(SCHEMES), default="BIOES", help="Tags that the network learns.", **SHOWN
)
@click.option("--minimum", type=int, default=1, help="Rarer words are unknown words.", **SHOWN)
@click.option("--epochs", type=int, default=30, help="At most so many passes over DATA.", **SHOWN)
@click.option("--patience", type=int, default=5, help="Epochs without a better F1 before stopping.", **SHOWN)
@click.option("--batch-size", type=int, default=32, help="Windows in a step.", **SHOWN)
@click.option("--learning-rate", "--lr", type=float, default=0.05, help="Base learning rate.", **SHOWN)
@click.option("--optimizer", type=click.Choice(list(OPTIMIZERS)), default="adagrad", help="Optimiser.", **SHOWN)
@click.option(
    "--schedule", default="constant", help="constant, halve:3, step:0.5:10, cosine, inverse:1000.", **SHOWN
)
@click.option("--clip", type=float, help="Largest norm of a gradient.")
@click.option("--checkpoint-every", type=float, default=60.0, help="Seconds between checkpoints.", **SHOWN)
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Figures as JSON on standard output.")
def command(
    data: Path | None,
    dev: Path | None,
    test: Path | None,
    language: str | None,
    out: Path | None,
    quiet: bool,
    as_json: bool,
    clip: float | None,
    **settings: Any,
) -> int:
    """Train a window tagger on DATA, or on the bundled sample; write a model folder.

    DATA is in CoNLL form: a token and its tag on a line, an empty line between sentences.
    """
    if data is None:
        corpora = sample(language or "en")
        train, held, judged = corpora.train, dev or corpora.dev, test or corpora.test
        name = f"sample-{language or 'en'}"
    elif language is not None:
        raise click.UsageError("give DATA or --sample, not both")
    else:
        train, held, judged, name = read_corpus(data), dev, test, data.stem
    if settings["resume"] and out is None:
        raise click.UsageError("--resume continues the run in --out; name that folder")
    if clip is not None:
        settings["clip"] = clip
    folder = out or _free(Path("runs"), name)
    finals = None if judged is None else judged if isinstance(judged, Corpus) else read_corpus(judged)
    watch = watcher(quiet or as_json)
    with _stopping() as asked:
        try:
            tagger = Tagger.train(
                train, held, out=folder, watch=watch, begin=watch.begin, stop=lambda: bool(asked), **settings
            )
        finally:
            watch.end()
    figures = None if finals is None else tagger.evaluate(finals)
    _report(tagger, figures, folder, as_json, quiet)
    return 128 + asked[0] if asked else 0


def _free(parent: Path, name: str) -> Path:
    """The first of NAME-01, NAME-02 … that does not exist."""
    return next(p for k in range(1, 10_000) if not (p := parent / f"{name}-{k:02d}").exists())


@contextmanager
def _stopping() -> Iterator[list[int]]:
    """Turn the first Ctrl-C or SIGTERM into a request to stop after the batch; a second one ends at once."""
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before: dict[int, Callable[..., Any] | int | None] = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, ask)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _report(tagger: Tagger, figures: Score | None, folder: Path, as_json: bool, quiet: bool) -> None:
    run = tagger.run
    if as_json:
        result = {
            "model": str(folder),
            "best_epoch": run.best_epoch if run else None,
            "interrupted": bool(run and run.interrupted),
            "dev": dict(tagger.config.figures),
            "test": figures.as_dict() if figures else None,
        }
        click.echo(json.dumps(result, ensure_ascii=False))
        return
    if figures is not None:
        click.echo(f"\n{figures.table()}\n")
    if not quiet:
        if run and run.interrupted:
            click.echo(
                f"  stopped; the best model so far is kept. Continue with --out {folder} --resume", err=True
            )
        best = f"  best epoch {run.best_epoch}" if run else ""
        click.echo(f"{best} · model: {folder}", err=True)
        click.echo(f'  try: chainrule tag {folder} "Museums in Paris are amazing"', err=True)
    sys.stdout.flush()
