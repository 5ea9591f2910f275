"""The learning of word vectors as it is watched: a line that moves on a terminal, plain lines elsewhere."""

import sys
import time

from rich.live import Live
from rich.text import Text as Line

from chainrule.ner.word2vec import Tick, Word2Vec
from chainrule.ner.word_counts import Text
from chainrule.shell.terminal import clock, console, is_live, pairs, ribbon

EVERY = 10.0  # seconds between lines where nobody watches


class Quiet:
    """Nothing is said."""

    def read(self, words: int) -> None:
        """So many words have been counted."""

    def begin(self, text: Text, settings: Word2Vec) -> None:
        """The words are known, training begins."""

    def __call__(self, tick: Tick) -> None:
        """Training has come so far."""

    def end(self) -> None:
        """Nothing comes any more."""


class Plain(Quiet):
    """Lines of `name=value` on standard error: at the end of each epoch, and when some time has passed."""

    def __init__(self) -> None:
        self.said, self.last = time.monotonic(), Tick(1, 0, 1, 0.0, 0.0)

    def read(self, words: int) -> None:
        """Say how many words have been counted."""
        if self._is_time():
            print(pairs({"counted": words}), file=sys.stderr, flush=True)

    def begin(self, text: Text, settings: Word2Vec) -> None:
        """Say what is learnt from what."""
        for line in about(text, settings):
            print(line, file=sys.stderr, flush=True)

    def __call__(self, tick: Tick) -> None:
        """Show how far it is."""
        if tick.epoch > self.last.epoch:
            self._say(self.last)
        elif self._is_time():
            self._say(tick)
        self.last = tick

    def end(self) -> None:
        """End the last line."""
        if self.last.done:
            self._say(self.last)

    def _is_time(self) -> bool:
        due = time.monotonic() - self.said > EVERY
        self.said = time.monotonic() if due else self.said
        return due

    def _say(self, tick: Tick) -> None:
        line = {
            "epoch": tick.epoch,
            "done": f"{tick.done / tick.total:.3f}",
            "loss": f"{tick.loss:.4f}",
            "words_per_second": round(tick.speed),
            "seconds": f"{tick.seconds:.1f}",
        }
        print(pairs(line), file=sys.stderr, flush=True)


class Screen(Quiet):
    """A line that moves."""

    def __init__(self) -> None:
        self.console = console()
        self.live = Live(console=self.console, transient=True, auto_refresh=False)
        self.drawn = 0.0
        self.live.start()

    def read(self, words: int) -> None:
        """Say how many words have been counted."""
        self._draw(f"  counting  {words:,} words")

    def begin(self, text: Text, settings: Word2Vec) -> None:
        """Say what is learnt from what."""
        for line in about(text, settings):
            self.console.print(f"  {line}")

    def __call__(self, tick: Tick) -> None:
        """Show how far it is."""
        share = tick.done / tick.total
        left = tick.seconds / share - tick.seconds
        self._draw(
            f"  epoch {tick.epoch}  {ribbon(share)}  {share:4.0%}  loss {tick.loss:.4f}  "
            f"{tick.speed:,.0f} words/s  eta {clock(left)}\n\n  Ctrl-C stops and keeps what has been learnt"
        )

    def end(self) -> None:
        """End the last line."""
        self.live.stop()

    def _draw(self, line: str) -> None:
        if (now := time.monotonic()) - self.drawn > 0.1:
            self.live.update(Line(line), refresh=True)
            self.drawn = now


def about(text: Text, settings: Word2Vec) -> list[str]:
    """What is learnt from what."""
    a = settings
    return [
        f"text   {text.read:,} words, of which {text.kept:,} are in the vocabulary",
        *(f"text   {note}" for note in text.notes),
        f"{a.model} · {len(text.words):,} words · {a.dimension} numbers · window {a.window} · "
        f"{a.negatives} negatives",
    ]


def watcher(quiet: bool) -> Quiet:
    """The way of watching that fits where standard error goes."""
    return Quiet() if quiet else Screen() if is_live(sys.stderr) else Plain()
