"""The process that one system lives in: told on its standard input what to do, it answers on its standard output.

A system of its own process has its own threads and memory, and imports nothing but itself.
"""

import ctypes
import gc
import importlib
import os
import pickle
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, BinaryIO

from benchmarks.contestant import Contestant, Values

STATUS, REFERENCES = "/proc/self/status", "/proc/self/clear_refs"


class Player:
    """Answers the questions of a contest."""

    def __init__(self) -> None:
        self.make: Callable[[], Contestant] = Contestant  # type: ignore[assignment]
        self.held: Contestant | None = None

    def begin(self, make: str, options: Mapping[str, Any]) -> None:
        """Make the system ready. ImportError if it is not installed."""
        self.held = None
        gc.collect()
        module, _, function = make.partition(":")
        maker = getattr(importlib.import_module(module), function)
        self.make = lambda: maker(**options)
        self.held = self.make()

    def values(self) -> Values:
        """What the work results in."""
        found = self._contestant.values()
        self._contestant.wait()
        return found

    def seconds(self, times: int) -> float:
        """Seconds of one run, the mean of several after one that does not count."""
        one = self._contestant
        run = one.run
        run()
        one.wait()
        start = time.perf_counter()
        for _ in range(times):
            run()
        one.wait()
        return (time.perf_counter() - start) / times

    def bytes(self, times: int) -> float:
        """The highest memory of the process in several runs, beyond what it was and what must be held.

        What was compiled is kept from before, all else is made again.
        """
        self.seconds(times)
        self.held = None
        trimmed()
        before = memory("VmRSS")
        self.held = one = self.make()
        gc.collect()
        with open(REFERENCES, "w") as file:
            file.write("5")  # the highest memory begins anew
        self.seconds(times)
        return memory("VmHWM") - before - one.held

    @property
    def _contestant(self) -> Contestant:
        if self.held is None:
            raise RuntimeError("nothing was begun")
        return self.held


def memory(what: str) -> int:
    """Bytes of memory of this process: VmRSS now, VmHWM at most. OSError where Linux does not tell."""
    with open(STATUS) as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(what))


def trimmed() -> None:
    """Give free memory back to the system, so that what is used later can be seen."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def pin(cores: int) -> None:
    """Stay on so many of the cores, so that no thread runs beside those that are counted."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer until there are no more questions: (name, arguments) → (kind, answer)."""
    player = Player()
    while True:
        try:
            name, arguments = pickle.load(questions)
        except EOFError:
            return
        try:
            reply: tuple[str, Any] = ("done", getattr(player, name)(*arguments))
        except ModuleNotFoundError as error:
            reply = ("missing", str(error))
        except Exception as error:
            traceback.print_exc()
            reply = ("failed", f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}")
        pickle.dump(reply, answers)
        answers.flush()


def main() -> None:
    """Serve; what the systems print goes to the standard error."""
    pin(int(os.environ.get("BENCHMARKS_CORES", "1")))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
