"""Processes that compute for the studio: what takes too long or too much memory ends there, and hurts nobody else.

A process answers one question after another, as JSON over a pipe. One that has not answered in time is ended, and
another takes its place.
"""

import json
import multiprocessing
import queue
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from chainrule.errors import ChainruleError

try:
    import resource
except ImportError:  # another system, which has no such limit
    resource = None  # type: ignore[assignment]

MEMORY = 4 << 30  # bytes of address space of a process
SECONDS = 5.0  # for an answer

Answer = tuple[bool, dict[str, Any]]
"""Whether it could be answered, and the answer, or what is wrong."""

Answers = Callable[[str, Mapping[str, Any]], Answer]
Start = Callable[[Sequence[str]], Answers]


def _serve(pipe: Connection, start: Start, given: Sequence[str]) -> None:
    """The life of a process: answer until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if resource is not None:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    answers = start(given)
    with suppress(EOFError, OSError):
        pipe.send_bytes(b"ready")
        while True:
            kind, told = json.loads(pipe.recv_bytes())
            pipe.send_bytes(json.dumps(_answered(answers, kind, told)).encode())


def _answered(answers: Answers, kind: str, told: Mapping[str, Any]) -> Answer:
    try:
        return answers(kind, told)
    except MemoryError:
        return False, {"error": "there is not enough memory for this; take smaller arrays"}
    except ChainruleError as error:
        return False, {"error": str(error)}
    except Exception as error:  # a defect of ours ends no process, and is named
        return False, {"error": f"a defect of chainrule: {type(error).__name__}: {error}; please report it"}


class _Worker:
    """A process and the pipe to it."""

    def __init__(self, start: Start, given: Sequence[str]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, start, list(given)), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, kind: str, told: Mapping[str, Any], seconds: float) -> Answer | None:
        """The answer; None where there is none in time, or the process has died of the question."""
        try:
            self.pipe.send_bytes(json.dumps([kind, told]).encode())
            if self.pipe.poll(seconds):
                ok, answer = json.loads(self.pipe.recv_bytes())
                return bool(ok), answer
        except (EOFError, OSError):
            pass
        return None

    def is_ready(self, seconds: float) -> bool:
        """Whether it can be asked."""
        try:
            return self.pipe.poll(seconds) and self.pipe.recv_bytes() == b"ready"
        except (EOFError, OSError):
            return False

    def end(self) -> None:
        """End it now."""
        self.process.kill()
        self.process.join()
        self.process.close()
        self.pipe.close()


class Pool:
    """A few processes, and a queue for them. Close it at the end."""

    def __init__(self, start: Start, given: Sequence[str] = (), size: int = 2, seconds: float = SECONDS) -> None:
        self._start, self._given, self._seconds = start, given, seconds
        self._free: queue.Queue[_Worker] = queue.Queue()
        self._all: set[_Worker] = set()
        self._lock = threading.Lock()
        self._closed = False
        for _ in range(size):
            threading.Thread(target=self._add, daemon=True).start()

    def _add(self) -> None:
        """One more process; it is asked when it is ready."""
        with self._lock:
            if self._closed:
                return
            worker = _Worker(self._start, self._given)
            self._all.add(worker)
        if worker.is_ready(60.0):
            self._free.put(worker)

    def ask(self, kind: str, told: Mapping[str, Any]) -> Answer | None:
        """The answer; None where it took too long. Waits for a free process at most as long as for an answer.

        Raises queue.Full where all processes are busy for that time.
        """
        begun = time.monotonic()
        try:
            worker = self._free.get(timeout=max(self._seconds, 5.0))
        except queue.Empty:
            raise queue.Full from None
        answer = worker.ask(kind, told, self._seconds)
        if answer is not None or self._closed:
            self._free.put(worker)
            return answer
        with self._lock:
            self._all.discard(worker)
        worker.end()
        threading.Thread(target=self._add, daemon=True).start()
        return None if time.monotonic() - begun >= self._seconds else (False, {"error": _DIED})

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            self._closed = True
            for worker in self._all:
                worker.end()
            self._all.clear()


_DIED = "there is not enough memory for this; take smaller arrays"
