"""`chainrule vectors`: learn word vectors from text, ask what they say, and see where training moved them."""

import json
import shlex
import signal
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

import click

from chainrule.errors import DataError
from chainrule.learn.ranks import USUAL
from chainrule.ner.drift import read_words
from chainrule.ner.phrases import Phrases, phrased
from chainrule.ner.similar import Neighbour, Similar
from chainrule.ner.vectors import write_vectors
from chainrule.ner.word2vec import Run, Word2Vec, train
from chainrule.ner.word2vec_losses import MODELS
from chainrule.ner.word_counts import SPELLINGS, UNITS, Cut, Text, numbered
from chainrule.ports.together import together
from chainrule.shell import options, vectors_analogy, vectors_drift
from chainrule.shell.stopping import stopping
from chainrule.shell.terminal import clock
from chainrule.shell.vectors_progress import watcher

EPILOG = """\b
Examples:
  chainrule vectors train text.txt --out vectors.bin
  chainrule vectors neighbors vectors.bin paris museum
  chainrule vectors analogy vectors.bin france paris italy
  chainrule vectors drift vectors.bin runs/mine --words TV Telly television --output drift.html
"""
TRAIN = """\b
Examples:
  chainrule vectors train text.txt
  chainrule vectors train wiki.txt.gz news.txt --out vectors.txt --dimension 50 --epochs 3
  chainrule vectors train wiki.txt --model cbow --phrases 2
  chainrule vectors train korean.txt --unit characters --min-count 2
"""
NEIGHBORS = """\b
Examples:
  chainrule vectors neighbors vectors.bin paris
  chainrule vectors neighbors vectors.bin tv telly television --count 5 --json
  chainrule vectors neighbors vectors.bin --analogy man king woman
"""
HELP: Mapping[str, str] = {
    "model": "skipgram: a word foretells those near it; cbow: their mean foretells the word.",
    "dimension": "Numbers in a vector.",
    "window": "Most words on each side that count as near.",
    "negatives": "Words drawn for each pair of words that are near, or each mean.",
    "thin": "Words with a larger share of the text are left out now and then; 0 keeps all.",
    "epochs": "Passes over the text.",
    "rate": "Learning rate at the start; it falls in a straight line.  [default: "
    + ", ".join(f"{model.rate:g} for {name}" for name, model in MODELS.items())
    + "]",
    "seed": "Same seed and threads, same machine: same file, byte for byte.",
    "threads": "Threads that share a step.",
    "pieces": "Pieces of text learnt from at once, by processes (12 with --parallel); 0: one after the other.",
}
KINDS: Mapping[str, Any] = {"model": click.Choice(list(MODELS)), "rate": float}
"""What an option takes where its default does not say it."""
PLAIN_TEXT = (".txt", ".vec")
PATH = click.Path(path_type=Path)


@click.group(epilog=EPILOG)
def command() -> None:
    """Learn word vectors from text, ask what they say, and see where training moved them."""


command.add_command(vectors_analogy.command)
command.add_command(vectors_drift.command)


def settings_as_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command an option for every setting."""
    defaults = {f.name: f.default for f in fields(Word2Vec)}
    for name, text in reversed(list(HELP.items())):
        flags = [f"--{name}", *(["--lr", "--learning-rate"] if name == "rate" else [])]
        kind = KINDS.get(name, type(defaults[name]))
        command = click.option(*flags, name, type=kind, default=defaults[name], show_default=True, help=text)(
            command
        )
    return command


@command.command("train", epilog=TRAIN)
@click.argument("texts", metavar="TEXT…", nargs=-1, required=True, type=PATH)
@click.option(
    "--out", type=PATH, default=Path("vectors.bin"), show_default=True, help="word2vec; .txt and .vec as text."
)
@click.option("--min-count", "minimum", type=int, default=5, show_default=True, help="Rarer words get no vector.")
@click.option(
    "--unit", type=click.Choice(list(UNITS)), default="words", show_default=True, help="What is a word in TEXT."
)
@click.option(
    "--spelling",
    type=click.Choice(list(SPELLINGS)),
    default="normal",
    show_default=True,
    help="normal: as taggers look words up, in lower case, every digit 0.",
)
@click.option(
    "--phrases",
    "passes",
    type=int,
    default=0,
    show_default=True,
    help="Join words that belong together, as in new_york, so many times; 2 for up to four words.",
)
@click.option(
    "--phrase-threshold",
    "threshold",
    type=float,
    default=Phrases().threshold,
    show_default=True,
    help="Least score of a phrase; higher: fewer.",
)
@settings_as_options
@options.parallel
@options.backend
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Figures as JSON on standard output.")
def train_command(
    texts: tuple[Path, ...],
    out: Path,
    minimum: int,
    unit: str,
    spelling: str,
    passes: int,
    threshold: float,
    backend: str,
    quiet: bool,
    as_json: bool,
    parallel: str | None,
    **settings: Any,
) -> int:
    """Learn a vector for every word of TEXT by skip-gram or CBOW, with negative sampling.

    TEXT is in UTF-8, plain or gzip, and read twice in pieces: it may be larger than memory, which holds the words
    and their vectors. Windows end with the line. Ctrl-C stops and writes what has been learnt so far.
    """
    ranks = click.get_current_context().with_resource(together(parallel))
    quiet = quiet or bool(ranks.rank)
    settings["pieces"] = settings["pieces"] or (USUAL if parallel else 0)
    chosen, cut = Word2Vec(**settings), Cut(unit, spelling)
    joined = Phrases(passes=passes, threshold=threshold, minimum=minimum)
    if not out.parent.is_dir():
        raise DataError(f"{out}: there is no folder {out.parent}; make it, or choose another --out")
    if out.is_dir():
        raise DataError(f"{out}: is a folder; name a file in it, as in --out {out / 'vectors.bin'}")
    watch = watcher(quiet or as_json)
    begun: list[Text] = []
    with stopping(lambda: bool(begun)) as asked:
        try:
            with (
                numbered(texts, minimum, cut, watch.read, gaps=bool(passes)) as plain,
                phrased(plain, joined) as text,
            ):
                begun.append(text)
                watch.begin(text, chosen)
                run = train(text, chosen, watch=watch, stop=lambda: bool(asked), backend=backend, ranks=ranks)
        finally:
            watch.end()
        if not ranks.rank:
            write_vectors(out, run.vectors, kind_of(out))
            _report(run, begun[0], out, as_json, quiet)
    return 128 + (asked or [signal.SIGTERM])[0] if run.interrupted else 0


def kind_of(path: Path) -> Literal["binary", "text"]:
    """The format that the name of a file asks for; `.gz` at its end is no part of it."""
    name = path.name.removesuffix(".gz")
    return "text" if name.endswith(PLAIN_TEXT) else "binary"


def _report(run: Run, text: Text, out: Path, as_json: bool, quiet: bool) -> None:
    figures = {
        "vectors": str(out),
        "words": len(text.words),
        "phrases": text.phrases,
        "dimension": run.vectors.dimension,
        "words_read": text.read,
        "words_kept": text.kept,
        "losses": [round(loss, 6) for loss in run.losses],
        "words_per_second": round(run.last.speed),
        "seconds": round(run.last.seconds, 3),
        "interrupted": run.interrupted,
    }
    if as_json:
        click.echo(json.dumps(figures, ensure_ascii=False))
    elif not quiet:
        place = shlex.quote(str(out))
        if run.interrupted:
            click.echo(
                f"  stopped after {run.last.done / run.last.total:.0%}: what was learnt so far is kept", err=True
            )
        speed = f"{run.last.speed:,.0f} words/s · {clock(run.last.seconds)}"
        click.echo(f"  {len(text.words):,} words of {run.vectors.dimension} numbers · {speed} · {out}", err=True)
        middle = shlex.quote(text.words[min(100, len(text.words) // 2)])
        click.echo(f"  try: chainrule vectors neighbors {place} {middle}", err=True)


@command.command("neighbors", epilog=NEIGHBORS)
@click.argument("file", type=PATH)
@click.argument("words", metavar="[WORD…]", nargs=-1)
@click.option("--analogy", nargs=3, metavar="A B C", help="What is to C as B is to A?")
@click.option("--count", "-n", type=click.IntRange(1), default=10, show_default=True, help="Neighbours of each.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each WORD.")
def neighbors_command(
    file: Path, words: tuple[str, ...], analogy: tuple[str, str, str] | None, count: int, as_json: bool
) -> None:
    """List the words whose vectors in FILE, or a model folder, have the largest cosine with that of each WORD."""
    if not words and analogy is None:
        raise click.UsageError("give words, or --analogy A B C")
    similar = Similar(read_words(file))
    asked = {word: similar.neighbours(word, count) for word in words}
    if analogy is not None:
        a, b, c = analogy
        asked[f"{a} : {b} = {c} : ?"] = similar.analogy(a, b, c, count)
    for question, found in asked.items():
        if as_json:
            answer = {"query": question, "neighbours": [neighbour._asdict() for neighbour in found]}
            click.echo(json.dumps(answer, ensure_ascii=False))
        else:
            click.echo("\n".join(["", f"  {question}", *map(_row, found)]))
    if not as_json:
        click.echo()


def _row(neighbour: Neighbour) -> str:
    return f"    {neighbour.cosine:6.3f}  {neighbour.word}"
