"""Training as it is watched: a live table on a terminal, one plain line for each epoch elsewhere."""

import sys
import time
from collections.abc import Iterator, Mapping

from rich.live import Live
from rich.text import Text

from chainrule.learn.train import Epoch, Tick
from chainrule.ner.corpus import Corpus
from chainrule.ner.training import Job
from chainrule.shell.terminal import bar, clock, console, is_live, pairs, ribbon

Data = Mapping[str, Corpus | None]
"""What is trained, chosen and judged by: the corpora `train`, `dev` and `test`, where they are given."""

HEAD = "  epoch   train loss   dev loss   dev F1                     time"


class Plain:
    """One line of `name=value` for each epoch, on standard error."""

    def begin(self, job: Job, data: Data) -> None:
        """Say what will be trained on what."""
        for line in _about(job, data):
            print(line, file=sys.stderr, flush=True)

    def __call__(self, event: Epoch | Tick) -> None:
        """Print the epoch that ended."""
        if isinstance(event, Epoch):
            f = event.figures
            line = {
                "epoch": event.epoch,
                "train_loss": f"{event.train_loss:.4f}",
                "dev_loss": f"{f['dev_loss']:.4f}",
                "dev_f1": f"{100 * f['dev_f1']:.2f}",
                **({"best": 1} if event.best else {}),
                "seconds": f"{event.seconds:.1f}",
            }
            print(pairs(line), file=sys.stderr, flush=True)

    def say(self, remark: str) -> None:
        """Print a remark."""
        print(remark, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Nothing is left on the screen."""


class Quiet(Plain):
    """Nothing at all."""

    def begin(self, job: Job, data: Data) -> None:
        """Say nothing."""

    def say(self, remark: str) -> None:
        """Say nothing."""

    def __call__(self, event: Epoch | Tick) -> None:
        """Say nothing."""


class Table(Plain):
    """A table that grows by a row each epoch, under it the running epoch."""

    def __init__(self) -> None:
        self.console = console()
        self.live = Live(console=self.console, transient=True, auto_refresh=False)
        self.started = time.monotonic()
        self.drawn = 0.0
        self.total = 0

    def begin(self, job: Job, data: Data) -> None:
        """Print what will be trained, and the head of the table."""
        for line in _about(job, data):
            self.console.print(f"  {line}")
        self.console.print(f"\n{HEAD}\n  {'─' * (len(HEAD) - 2)}")
        self.live.start()

    def say(self, remark: str) -> None:
        """Print a remark."""
        self.console.print(f"  {remark}")

    def __call__(self, event: Epoch | Tick) -> None:
        """Draw the running epoch, ten times a second at most, or print the one that ended."""
        if isinstance(event, Epoch):
            self.live.update(Text(""), refresh=True)
            self.console.print(_row(event), style="bold" if event.best else None)
            self.started = time.monotonic()
        elif (now := time.monotonic()) - self.drawn > 0.1:
            self.live.update(Text(_running(event, now - self.started)), refresh=True)
            self.drawn = now

    def end(self) -> None:
        """Leave the table on the screen and give the cursor back."""
        self.live.stop()


def watcher(quiet: bool) -> Plain:
    """The way of watching that fits where standard error goes."""
    return Quiet() if quiet else Table() if is_live(sys.stderr) else Plain()


def _row(e: Epoch) -> str:
    f = e.figures
    note = f"{bar(f['dev_f1'])}{'  best' if e.best else ''}"
    return (
        f"  {e.epoch:>4}  {e.train_loss:>12.4f} {f['dev_loss']:>10.4f} {100 * f['dev_f1']:>8.2f}   "
        f"{note:<15} {clock(e.seconds):>8}"
    )


def _running(t: Tick, seconds: float) -> str:
    share = t.done / t.batches
    left = seconds / share - seconds
    progress = f"{ribbon(share)}  {share:4.0%}  loss {t.loss:.4f}  |g| {t.gradient_norm:#.2g}  eta {clock(left)}"
    return f"  {t.epoch:>4}  {progress}\n\n  Ctrl-C stops after this batch and keeps the best model"


def _about(job: Job, data: Data) -> Iterator[str]:
    for name, corpus in data.items():
        if corpus is not None:
            yield f"{name:<5}  {' · '.join(corpus.notes)}"
        elif name == "dev":
            yield f"{name:<5}  {len(job.dev.sentences):,} of these sentences, held out"
    a = job.decoder.network.architecture
    yield f"window {a.window} · vectors {a.dimension} · hidden {a.hidden} · {len(job.decoder.tags)} tags"
    yield from job.notes
