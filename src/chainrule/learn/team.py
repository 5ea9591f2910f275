"""Threads that share the work of a step, each its part: the caller takes the first.

Handing a part over and taking its result back costs 10 to 30 µs, so that a part has to last longer than that.
"""

import weakref
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

T = TypeVar("T")
Part = Callable[[int], Any]


class _Outcome(NamedTuple):
    result: Any = None
    error: BaseException | None = None


class _Hand(NamedTuple):
    """A thread, the parts that it is given, and what became of them."""

    thread: Thread
    parts: "SimpleQueue[tuple[Part, int] | None]"
    outcomes: "SimpleQueue[_Outcome]"


class Team:
    """So many threads, the caller's among them; the others begin with the first work and end with the team.

    `with Team(2) as team` ends them at the end of the block, whatever happens in it.
    """

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self._hands: list[_Hand] = []
        self._end = weakref.finalize(self, _dismiss, self._hands)

    def __call__(self, part: Callable[[int], T]) -> list[T]:
        """part(0), part(1), … at the same time. Raises what the first of them raised, once all have ended."""
        while len(self._hands) < self.count - 1:
            self._hands.append(_hired(len(self._hands) + 1))
        try:
            for number, hand in enumerate(self._hands, 1):
                hand.parts.put((part, number))
            outcomes = [_tried(part, 0), *(hand.outcomes.get() for hand in self._hands)]
        except (
            BaseException
        ):  # Ctrl-C while it waits: what comes later would be taken for results of the next work
            self.close()
            raise
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
        return [outcome.result for outcome in outcomes]

    def close(self) -> None:
        """End the threads, after what they are at; further work begins with others."""
        hands = list(self._hands)
        _dismiss(self._hands)
        for hand in hands:
            hand.thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()


def _hired(number: int) -> _Hand:
    parts: SimpleQueue[tuple[Part, int] | None] = SimpleQueue()
    outcomes: SimpleQueue[_Outcome] = SimpleQueue()
    thread = Thread(target=_work, args=(parts, outcomes), name=f"chainrule-{number}", daemon=True)
    thread.start()
    return _Hand(thread, parts, outcomes)


def _dismiss(hands: list[_Hand]) -> None:
    while hands:
        hands.pop().parts.put(None)


def _work(parts: "SimpleQueue[tuple[Part, int] | None]", outcomes: "SimpleQueue[_Outcome]") -> None:
    while (given := parts.get()) is not None:
        outcomes.put(_tried(*given))
        del given  # while it waits it keeps nothing alive


def _tried(part: Part, number: int) -> _Outcome:
    try:
        return _Outcome(part(number))
    except BaseException as error:
        return _Outcome(error=error)
