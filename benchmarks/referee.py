"""Contests: every system in a process of its own, first compared, then measured in turn, round after round."""

import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Any, Self

import numpy as np
from benchmarks.contestant import Contest, Entry, Outcome, Role, Values
from benchmarks.player import Player

THREADS = ("OMP", "OPENBLAS", "MKL", "NUMBA", "BLIS", "NUMEXPR", "VECLIB_MAXIMUM")
FORCED = (
    "OPENBLAS_",
    "MKL_",
    "ONEDNN_",
    "DNNL_",
    "XLA_FLAGS",
    "NVPL_",
    "ATEN_CPU",
    "NUMBA_CPU",
    "NUMBA_ENABLE_AVX",
)
"""What would choose for a library how it computes."""
ROUNDS, LEAST = 40, 5  # at most, at least
BLOCK, QUICK_BLOCK = 0.01, 0.001  # seconds for which a system runs in a round
SHARE = 8  # a system that takes so many times its turn sits out rounds


class AbsentError(Exception):
    """A system that takes no part, and why."""


class Table:
    """A process that plays for one system."""

    def __init__(self, threads: int) -> None:
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115, closed with the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.player"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=environment(threads),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.wait()
        self.errors.close()

    def ask(self, name: str, *arguments: Any) -> Any:
        """The answer of the system. AbsentError if it has none."""
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise AbsentError("it cannot be spoken to")
        try:
            pickle.dump((name, arguments), stdin)
            stdin.flush()
            kind, answer = pickle.load(stdout)
        except (EOFError, BrokenPipeError):
            raise AbsentError(f"its process ended ({self.process.wait()}): {self.last_words()}") from None
        if kind != "done":
            raise AbsentError("not installed" if kind == "missing" else answer)
        return answer

    def last_words(self) -> str:
        """The last line that the process complained with."""
        self.errors.seek(0)
        return (self.errors.read().strip().splitlines() or [""])[-1]


class Here:
    """A system in this process: quicker, where what is measured does not matter."""

    def __init__(self) -> None:
        self.player = Player()

    def ask(self, name: str, *arguments: Any) -> Any:
        """The answer of the system. AbsentError if it is not installed."""
        try:
            return getattr(self.player, name)(*arguments)
        except ModuleNotFoundError:
            raise AbsentError("not installed") from None


def environment(threads: int) -> dict[str, str]:
    """The environment in which every library uses so many threads, the process so many cores, and every
    library the instructions that it finds on this processor itself."""
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith(FORCED)},
        **{f"{name}_NUM_THREADS": str(threads) for name in THREADS},
        "JAX_PLATFORMS": "cpu",
        "BENCHMARKS_CORES": str(threads),
    }


def hold(contest: Contest, quick: bool = False, peers: bool = True) -> Outcome:
    """The outcome of a contest; `quick` in few short rounds, without `peers` only what needs no other library.

    Quick ones are played in this process.
    """
    outcome = Outcome(contest, load=os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0)
    entries = [e for e in contest.entries if peers or e.role not in (Role.EXPERT, Role.DEFAULT)]
    with ExitStack() as stack:
        playing: dict[str, Table | Here] = {}
        found: dict[str, Values] = {}
        for entry in entries:
            table = Here() if quick else stack.enter_context(Table(contest.threads))
            try:
                table.ask("begin", entry.make, dict(entry.options))
                found[entry.label] = table.ask("values")
            except AbsentError as absent:
                outcome.faults[entry.label] = str(absent)
                continue
            playing[entry.label] = table
        for label, fault in misfits(contest, entries, found).items():
            outcome.faults[label] = fault
            playing.pop(label, None)
        measure = _remembered if contest.measured == "memory" else _timed
        measure(contest, playing, quick, outcome)
    return outcome


# ── do they compute the same? ─────────────────────────────────────────────────────────────────────────


def misfits(contest: Contest, entries: Iterable[Entry], found: Mapping[str, Values]) -> dict[str, str]:
    """Systems whose values are not those of the first that has any, and how they differ."""
    if contest.tolerance is None:
        return {}
    known: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for entry in entries:
        for name, value in found.get(entry.label, {}).items():
            off = distance(value, known.setdefault(name, value))
            if not off <= contest.tolerance:
                faults[entry.label] = f"other values: {name} is off by {off:.1e}"
                break
    return faults


def distance(value: Any, wanted: Any) -> float:
    """‖value − wanted‖ / ‖wanted‖, infinite if the shapes differ."""
    a, b = np.asarray(value, np.float64), np.asarray(wanted, np.float64)
    if a.shape != b.shape:
        return float("inf")
    scale = float(np.linalg.norm(b))
    return float(np.linalg.norm(a - b)) / (scale or 1.0)


# ── in turn ───────────────────────────────────────────────────────────────────────────────────────────


def _timed(contest: Contest, playing: dict[str, Table | Here], quick: bool, outcome: Outcome) -> None:
    """Seconds of one run, in rounds; systems change their order from round to round."""
    block = QUICK_BLOCK if quick else BLOCK
    times, pause = {}, {}
    for label in list(playing):
        once = [_asked(playing, label, outcome, "seconds", 1) for _ in range(2)]
        if label in playing:
            one = min(once)
            times[label] = max(1, round(block / one))
            pause[label] = max(1, round(times[label] * one / (SHARE * block)))
            outcome.figures[label] = []
    order = list(playing)
    started = time.monotonic()
    for number in range(2 if quick else ROUNDS):
        if number >= LEAST and time.monotonic() - started > contest.seconds:
            break
        for label in order:
            turn = label in playing and (number < LEAST or number % pause[label] == 0)
            figure = _asked(playing, label, outcome, "seconds", times[label]) if turn else None
            outcome.figures[label].append(figure)
        order = order[1:] + order[:1]


def _remembered(contest: Contest, playing: dict[str, Table | Here], quick: bool, outcome: Outcome) -> None:
    """Bytes beyond what is held."""
    for label in list(playing):
        outcome.figures[label] = [
            _asked(playing, label, outcome, "bytes", 3) for _ in range(1 if quick else 3) if label in playing
        ]


def _asked(playing: dict[str, Table | Here], label: str, outcome: Outcome, name: str, times: int) -> Any:
    """An answer; a system that has none plays no more."""
    if label not in playing:
        return None
    try:
        return playing[label].ask(name, times)
    except AbsentError as absent:
        outcome.faults[label] = str(absent)
        del playing[label]
        return None
