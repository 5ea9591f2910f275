"""`chainrule train`: the main job."""

import json
import re
import shlex
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from chainrule.display.language import Language
from chainrule.errors import NonFiniteError, ProofError
from chainrule.learn.layers import ACTIVATIONS, PARAMETRIC
from chainrule.learn.optim import OPTIMIZERS
from chainrule.learn.rates import rate_range
from chainrule.learn.train import Plan
from chainrule.ner.architecture import COMBINATIONS, Architecture
from chainrule.ner.bundled import LANGUAGES, sample
from chainrule.ner.changes import Changes
from chainrule.ner.choices import Choices, settings_of, settings_on
from chainrule.ner.corpus import Corpus
from chainrule.ner.families import FAMILIES, written
from chainrule.ner.finetune import FINE_TUNE, REMEDIES
from chainrule.ner.folder import CHECKPOINT, REPORT
from chainrule.ner.formats import read_any, read_parts
from chainrule.ner.lookups import given_lookups
from chainrule.ner.metrics import Score
from chainrule.ner.objectives import OBJECTIVES
from chainrule.ner.partial import MISSING
from chainrule.ner.recipes import RECIPES
from chainrule.ner.report import checked, report
from chainrule.ner.report_page import page, save
from chainrule.ner.tagger import Tagger
from chainrule.ner.tags import SCHEMES
from chainrule.ner.tokenizer import CHARACTERS, TOKENIZER
from chainrule.ner.training import Job, prepare
from chainrule.ner.vectors import read_vectors
from chainrule.ports.together import together
from chainrule.shell import options
from chainrule.shell.evaluate import note_units
from chainrule.shell.progress import watcher
from chainrule.shell.stopping import stopping
from chainrule.shell.terminal import clock

EPILOG = """\b
Examples:
  chainrule train
  chainrule train --sample ko --out runs/korean
  chainrule train train.conll --dev dev.conll --test test.conll --vectors vectors.bin --seed 1
  chainrule train train.conll --gazetteer cities.txt --gazetteer PER=people.txt
  chainrule train train.conll --out runs/mine --resume
  chainrule train new.conll --from runs/mine --rehearse train.conll --old-test test.conll

\b
Features, at every place of the window; those with + between them are added:
"""
EPILOG += "\n".join(f"  {name:<9} {kind.help}" for name, kind in zip(written(), FAMILIES.values(), strict=True))

HELP: Mapping[str, str] = {
    "recipe": "Settings that go together: lecture, or best, which finds more and takes longer.",
    "window": "Words in a window, odd.",
    "combine": "How the words of a window come together.",
    "dimension": "Width of random word vectors.",
    "caps": "Width of the vectors of word shapes; 0 leaves them out.",
    "features": "More of a token: shape, prefix2, suffix3, form, gram2, cluster128; suffix3:20 for a width of 20.",
    "spread": "Vectors of features begin within ±SPREAD.",
    "letters": "Filters over the letters of a word (a convolution); 0 leaves them out.",
    "hidden": "Hidden units.",
    "layers": "Hidden layers, 1 or 2.",
    "activation": "Non-linearity.",
    "short_circuit": "Features with scores of their own, past the hidden units: form, gram2, cluster128.",
    "objective": "What is asked of the scores.",
    "margin": "Δ of hinge and margin.",
    "dropout": "Share of inputs and hidden units dropped in training (0 where --vectors is given).",
    "feature_dropout": "Share of the features with scores of their own that are dropped in training.",
    "gazetteer_dropout": "Share of the matches of --gazetteer hidden in training; for lists from DATA 0.5.",
    "l2": "Strength λ of ½ λ ‖W‖², biases spared.",
    "fine_tune": "Whether given vectors are trained; auto goes by the size of the data.",
    "remedy": "Against words that fine-tuning leaves behind.",
    "anchor": "Strength λ of ½ λ ‖E − E⁰‖² over the words of a window, for --remedy anchor.",
    "scheme": "Tags that the network learns.",
    "minimum": "Words seen less often are unknown words.",
    "rare": "Values of features seen less often are unknown ones.",
    "held_out": "Share of DATA to choose the best epoch by, without --dev.",
    "augment": "Sentences shown in other letters, such as lower:0.1,upper:0.05; also title.",
    "missing_labels": "What O may be where data lacks labels: as the model of --from finds, any of them, or none.",
    "rehearsal": "Old examples that are shown for each new one, with --rehearse.",
    "epochs": "Most passes over DATA.",
    "patience": "Epochs without a better F1 before it stops.",
    "batch_size": "Windows in a step.",
    "learning_rate": "Base learning rate.",
    "optimizer": "Optimiser.",
    "linear_rate": "Base rate of the scores that features have of their own (Adagrad).",
    "schedule": "constant, halve:3, step:0.5:10, cosine, inverse:1000; also ,warmup:500 or ,rise:2.",
    "average": "d of a moving average of the parameters, kept in their place, such as 0.99; 0: none.",
    "clip": "Largest norm of a gradient.",
    "seed": "Same seed, same machine: same model, bit for bit.",
    "threads": "Threads that share a batch of 256 windows, 32 sentences or more; the model differs by rounding.",
    "pieces": "Pieces of a batch that processes share (12 with --parallel); 0: batches are whole.",
    "checkpoint_every": "Seconds between checkpoints inside an epoch.",
}
AMONG: Mapping[str, Iterable[str]] = {
    "activation": {**ACTIVATIONS, **PARAMETRIC},
    "combine": COMBINATIONS,
    "fine_tune": FINE_TUNE,
    "missing_labels": MISSING,
    "objective": OBJECTIVES,
    "optimizer": OPTIMIZERS,
    "recipe": RECIPES,
    "remedy": REMEDIES,
    "scheme": SCHEMES,
}


def settings_as_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command an option for every setting; type and default are those of its field."""
    defaults = {f.name: f.default for kind in (Architecture, Plan, Choices) for f in fields(kind)}
    for name, text in reversed(list(HELP.items())):
        default = defaults[name]
        among = click.Choice(list(AMONG[name])) if name in AMONG else type(default)
        flags = [f"--{name.replace('_', '-')}", *(["--lr"] if name == "learning_rate" else [])]
        command = click.option(*flags, name, type=among, default=default, show_default=True, help=text)(command)
    return command


TRY = {TOKENIZER: "Museums in Paris are amazing", CHARACTERS: "철수는 서울역에서 영희를 만났다"}
PATH = click.Path(path_type=Path)
PART = {"old": "rehearsed", "old_test": "old test"}


@click.command(epilog=EPILOG)
@click.argument("data", required=False, type=PATH)
@click.option("--dev", type=PATH, help="Tagged data to choose the best epoch by.")
@click.option("--test", type=PATH, help="Tagged data for the final figures.")
@click.option(
    "--sample", "language", type=click.Choice(sorted(LANGUAGES)), help="Bundled sample, without DATA [en]."
)
@click.option(
    "--from", "start", type=PATH, help="A model to go on from, with its settings; DATA may have new labels."
)
@click.option("--rehearse", type=PATH, help="Old tagged data, some of it shown beside DATA, with --from.")
@click.option("--old-test", type=PATH, help="Old tagged data, to see what is forgotten, with --from.")
@click.option("--vectors", type=PATH, help="Word vectors: word2vec (binary, text) or GloVe.")
@click.option("--brown", type=PATH, help="Paths of words, as wcluster writes them: path, word, count.")
@options.gazetteers
@click.option("--out", type=PATH, help="Folder for the model [runs/NAME-01, -02 …].")
@click.option("--find-rate", is_flag=True, help="Try rising learning rates, name one, train nothing.")
@click.option("--check", "proved", is_flag=True, help="Check the gradients of this network before it is trained.")
@click.option("--resume", is_flag=True, help="Continue the interrupted run in --out.")
@settings_as_options
@options.parallel
@options.backend
@options.language
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Figures as JSON on standard output.")
def command(
    data: Path | None,
    dev: Path | None,
    test: Path | None,
    language: str | None,
    start: Path | None,
    rehearse: Path | None,
    old_test: Path | None,
    out: Path | None,
    lang: Language,
    proved: bool,
    find_rate: bool,
    quiet: bool,
    as_json: bool,
    parallel: str | None,
    **settings: Any,
) -> int:
    """Train a window tagger on DATA, or on the bundled sample; write a model folder, and report.html in it.

    DATA is in CoNLL form, a token and its tag on a line, or in any that `chainrule convert` reads.
    """
    context = click.get_current_context()
    source, ranks = context.get_parameter_source, context.with_resource(together(parallel))
    quiet = quiet or bool(ranks.rank)
    settings = {n: v for n, v in settings.items() if n not in HELP or source(n) is not ParameterSource.DEFAULT}
    if data is not None and language is not None:
        raise click.UsageError("give DATA or --sample, not both")
    if settings["resume"] and out is None:
        raise click.UsageError("--resume continues the run in --out; name that folder")
    if start is None and (rehearse or old_test):
        raise click.UsageError(
            "--rehearse and --old-test are for training that goes on; give the model with --from"
        )
    model = None if start is None else Tagger.load(start, settings["backend"])
    corpora = _corpora(data, dev, test, language or "en", rehearse, old_test)
    settings |= {"start": model, "rehearse": corpora.old}
    if find_rate:
        return _rates(corpora, settings, as_json)
    folder = out or _free(Path("runs"), _named(data) if data else f"sample-{language or 'en'}")
    watch = watcher(quiet or as_json)
    jobs: list[Job] = []

    def begin(job: Job) -> None:
        jobs.append(job)
        if settings["resume"] and not (folder / CHECKPOINT).exists():
            watch.say(f"no interrupted run in {folder}: this is a new one")
        if start is not None:
            watch.say(f"from {start}")
        watch.begin(job, corpora._asdict())
        if proved:
            found = checked(job)
            watch.say(f"\n{found}\n")
            if not found:
                raise ProofError("the gradients of this network are not those of its loss; nothing was trained")

    with stopping(lambda: bool(jobs)) as asked:
        try:
            tagger = Tagger.train(
                corpora.train,
                corpora.dev,
                out=folder,
                watch=watch,
                begin=begin,
                stop=lambda: bool(asked),
                ranks=ranks,
                **settings,
            )
        except NonFiniteError as error:
            if jobs and error.run is not None and error.run.best_epoch:
                save(page(report(jobs[0], error.run, corpora.test, folder.name), lang), folder / REPORT)
            raise
        finally:
            watch.end()
    code = 128 + (asked or [signal.SIGTERM])[0] if tagger.run and tagger.run.interrupted else 0
    if ranks.rank:
        return code
    judged = corpora.test or jobs[0].dev
    part = "test" if corpora.test else "dev"
    note_units(tagger, judged)
    changes = {} if model is None else _changes(model, tagger, {part: judged, **corpora.before})
    if tagger.run is not None:
        save(
            page(
                report(jobs[0], tagger.run, corpora.test, folder.name, changes, tagger.config.temperature),
                lang,
            ),
            folder / REPORT,
        )
    _report(tagger, part, tagger.evaluate(judged, jobs[0].untold(judged)), changes, folder, as_json, quiet)
    for note in () if quiet or as_json else tagger.notes[len(jobs[0].notes) :]:
        click.echo(f"  {note}", err=True)
    return code


def _rates(corpora: "_Corpora", settings: dict[str, Any], as_json: bool) -> int:
    """Print what the loss does while the learning rate rises, and the rate that this speaks for."""
    known = {name: value for name, value in settings.items() if name in HELP}
    vectors = read_vectors(settings["vectors"]) if settings["vectors"] else None
    start = settings["start"]
    known = known if start is None else settings_on(start.config, known)
    units = CHARACTERS if corpora.train.characters else TOKENIZER
    own = start.features.lookups if start else None
    given = given_lookups(settings["brown"], settings["gazetteers"], units, own)
    parts = settings_of(
        known, vectors, characters=corpora.train.characters, tokens=corpora.train.tokens, lookups=given
    )
    job = prepare(corpora.train, corpora.dev, vectors, *parts, settings["backend"], start, corpora.old, given)
    found = rate_range(job.task, job.plan)
    if as_json:
        click.echo(json.dumps(found._asdict()))
        return 0
    most = max(found.losses)
    click.echo("\n     rate    loss\n  ──────────────────────────────────────────────────────")
    for rate, loss in list(zip(found.rates, found.losses, strict=True))[::5]:
        click.echo(f"  {rate:7.0e}  {loss:6.3f}  {'█' * round(40 * loss / most)}")
    click.echo(f"\n  the loss falls fastest near {3 * found.named:.2g}; try --learning-rate {found.named:.1g}\n")
    return 0


class _Corpora(NamedTuple):
    train: Corpus
    dev: Corpus | None
    test: Corpus | None
    old: Corpus | None
    old_test: Corpus | None

    @property
    def before(self) -> dict[str, Corpus]:
        """The old data by which it is seen what is forgotten: some that was not rehearsed, if there is."""
        found = {"old_test": self.old_test} if self.old_test else {"old": self.old}
        return {part: corpus for part, corpus in found.items() if corpus is not None}


def _corpora(
    data: Path | None, dev: Path | None, test: Path | None, language: str, old: Path | None, old_test: Path | None
) -> _Corpora:
    """What to train on, choose the epoch by and judge by; files given by name replace parts of the sample."""
    others = [None if path is None else read_any(path) for path in (dev, test, old, old_test)]
    parts = sample(language)._asdict() if data is None else read_parts(data)
    return _Corpora(parts["train"], others[0] or parts.get("dev"), others[1] or parts.get("test"), *others[2:])


def _named(data: Path) -> str:
    """What a run on these data is called."""
    return re.sub(r"[^\w.-]+", "-", data.stem.removeprefix("hf:")).strip("-") or "run"


def _changes(before: Tagger, after: Tagger, corpora: Mapping[str, Corpus]) -> dict[str, Changes]:
    """What the model says otherwise of each corpus."""
    return {part: Changes.of(before, after, corpus) for part, corpus in corpora.items()}


def _free(parent: Path, name: str) -> Path:
    """The first of NAME-01, NAME-02 … that does not exist."""
    return next(p for k in range(1, 10_000) if not (p := parent / f"{name}-{k:02d}").exists())


def _report(
    tagger: Tagger,
    part: str,
    figures: Score,
    changes: Mapping[str, Changes],
    folder: Path,
    as_json: bool,
    quiet: bool,
) -> None:
    """Figures to standard output; where the model is, and what to do with it, to standard error."""
    run = tagger.run
    if run is None:
        return
    if as_json:
        result = {
            "model": str(folder),
            "report": str(folder / REPORT),
            "best_epoch": run.best_epoch,
            "interrupted": run.interrupted,
            "dev": dict(tagger.config.figures),
            "test": figures.as_dict() if part == "test" else None,
            **({"changes": {name: change.as_dict() for name, change in changes.items()}} if changes else {}),
        }
        click.echo(json.dumps(result, ensure_ascii=False))
        return
    tables = [change.table(PART.get(name, name)) for name, change in changes.items()] or [figures.table(part)]
    click.echo("".join(f"\n{table}\n" for table in tables))
    if not quiet:
        place = shlex.quote(str(folder))
        if run.interrupted:
            click.echo(f"  stopped; the best model is kept. Continue with --out {place} --resume", err=True)
        epochs = f"best epoch {run.best_epoch} of {len(run.history)}"
        click.echo(f"  {epochs} · {clock(run.seconds)} · model: {folder}", err=True)
        click.echo(f"  report: {folder / REPORT}", err=True)
        click.echo(f'  try: chainrule tag {place} "{TRY[tagger.config.tokenizer]}"', err=True)
