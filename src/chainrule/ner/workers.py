"""Processes that share a stream: each has the model, takes shards of the stream, and their answers stay in order.

Most of the time of tagging goes to Python that reads text, which the threads of one process run one at a time: two
threads are no faster than one. So the workers are processes, begun anew ("spawn"), which is safe beside threads.

Shard k goes to worker k mod n, begun when its first comes, which has AHEAD of them in hand at most; so memory is
bounded, and who had which shard is known when a worker dies.
"""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from threading import Thread
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from chainrule.errors import WorkerError

AHEAD = 2  # shards that a worker has in hand: one that it works on, one that waits
TOGETHER = 1 << 18  # characters of a group of texts, at which it is complete
M = TypeVar("M")
S = TypeVar("S")
R = TypeVar("R")


def shared_out(
    work: Callable[[M, Sequence[S]], R], model: M, shards: Iterable[Sequence[S]], workers: int
) -> Iterator[tuple[Sequence[S], R]]:
    """Each shard, in order, and work(model, shard), by so many processes; by this one, if they are 1.

    work     a function of a module, which the processes find by its name
    shards   an empty one says that no more is there yet: all answers are given before the next is asked for
    Raises WorkerError where a process ends before its work; what was given out before is complete.
    """
    if workers == 1:
        yield from ((shard, work(model, shard)) for shard in shards if shard)
        return
    with ExitStack() as ending:
        team: deque[_Worker] = deque()  # the next in front
        under_way: deque[_Task] = deque()
        first = 1
        for shard in _ended(shards):
            if shard:
                if len(team) < workers:
                    team.append(ending.enter_context(_Worker(len(team) + 1, workers, model)))
                else:
                    team.rotate(-1)
                under_way.append(_Task(team[-1], team[-1].begin(work, shard), shard, first))
                first += len(shard)
            while under_way and (not shard or len(under_way) >= AHEAD * workers):
                yield (task := under_way.popleft()).shard, task.answer()


def groups(texts: Iterable[str], most: int) -> Iterator[list[str]]:
    """Texts in groups of so many, and of fewer where they are long."""
    group: list[str] = []
    held = 0
    for text in texts:
        group.append(text)
        held += len(text)
        if len(group) == most or held >= TOGETHER:
            yield group
            group, held = [], 0
    if group:
        yield group


def _ended(shards: Iterable[Sequence[S]]) -> Iterator[Sequence[S]]:
    """The shards, and an empty one at their end, before the error too that ends them."""
    try:
        yield from shards
    except Exception:
        yield []
        raise
    yield []


class _Task(NamedTuple):
    """A shard in the hands of a worker; `first` is the place of its first text in the stream, counted from 1."""

    worker: "_Worker"
    future: Future[Any]
    shard: Sequence[Any]
    first: int

    def answer(self) -> Any:
        try:
            return self.future.result()
        except BrokenProcessPool:
            raise self.worker.lost(self.first, self.first + len(self.shard) - 1) from None


class _Worker:
    """A process that holds the model; at the end of the block it ends, whatever it is at."""

    def __init__(self, number: int, count: int, model: object) -> None:
        self._name = f"worker {number} of {count}"
        self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), settle)
        with _deaf_to_ctrl_c():
            self._ready = self._pool.submit(_hold, model)

    def begin(self, work: Callable[[M, Sequence[S]], R], shard: Sequence[S]) -> Future[R]:
        try:
            return self._pool.submit(_do, work, shard)
        except BrokenProcessPool as error:  # the answers that are asked for first tell who is missing
            broken: Future[R] = Future()
            broken.set_exception(error)
            return broken

    def lost(self, first: int, last: int) -> WorkerError:
        """What to say of a worker that ended with these texts in hand."""
        begun = self._ready.done() and self._ready.exception() is None
        if not begun:
            return WorkerError(
                f"{self._name} could not begin; a script that asks for workers needs `if __name__ == "
                '"__main__":` in front of what it runs, and each worker memory for the model'
            )
        place = f"text {first:,}" if first == last else f"texts {first:,} to {last:,}"
        done = f"; {_counted(first - 1)}" if first > 1 else ""
        return WorkerError(
            f"{self._name} (process {self._ready.result()}) was ended from outside with {place} in hand{done}; "
            "make room in memory, or take fewer workers"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if kind is not None and self._ready.done() and self._ready.exception() is None:
            for child in multiprocessing.active_children():
                if child.pid == self._ready.result():
                    child.terminate()
        self._pool.shutdown(cancel_futures=True)


def _counted(before: int) -> str:
    return f"the {before:,} before are complete" if before > 1 else "the one before is complete"


# ── in a worker ───────────────────────────────────────────────────────────────────────────────────────

_held: list[Any] = []  # the model of a worker


def settle() -> None:
    """Leave Ctrl-C to the process that began this one, and end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


def _hold(model: object) -> int:
    _held[:] = [model]
    return os.getpid()


def _do(work: Callable[[Any, Sequence[S]], R], shard: Sequence[S]) -> R:
    return work(_held[0], shard)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes that begin here never hear Ctrl-C, not even before they can ignore it; this one hears it later."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
