"""Ctrl-C and SIGTERM as requests to work that can stop in good order."""

import _thread
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from chainrule.algebra.recent import COLLECTING


@contextmanager
def stopping(begun: Callable[[], bool]) -> Iterator[list[int]]:
    """Turn the first Ctrl-C or SIGTERM into a request to stop after the batch.

    A second one, and one that comes while data is still read, ends at once.
    """
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        if asked or not begun():
            if _collecting(frame):
                _thread.interrupt_main(signal.Signals(number))  # again, as soon as that is over
                return
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _collecting(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code is not COLLECTING:
        frame = frame.f_back
    return frame is not None
