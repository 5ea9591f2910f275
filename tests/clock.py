"""Time as a multiple of a fixed piece of work measured beside it, so that a slow or a busy machine is no excuse.

The unit is about a hundredth of a second of Python on a machine of 2024. Processor time is counted, and waiting is not;
what remains of a neighbour, in caches and in the clock of the processor, slows the unit too. Garbage is not collected
meanwhile: going through all that thousands of tests have left behind is not the work.
"""

import gc
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

Result = TypeVar("Result")


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """What some work gives, and its processor time in units."""
    gc.disable()
    try:
        beside = _seconds(unit)
        start = time.process_time()
        result = work()
        return result, (time.process_time() - start) / beside
    finally:
        gc.enable()


def cost(work: Callable[[], Any], times: int = 1) -> float:
    """The processor time of some work in units: the smallest of several trials, each beside a unit."""
    return min(timed(work)[1] for _ in range(times))


def unit() -> float:
    """The piece of work: attributes, calls, dictionaries, strings and floats, as Python code has them."""
    total, found = 0.0, {}
    for k in range(25_000):
        total += 0.5 * k
        found[f"{k:x}"[-2:]] = max(total, k)
    return sum(found.values())


def process_cost(arguments: Sequence[str], times: int = 3) -> float:
    """The processor time of a process of Python as a multiple of one that imports NumPy and ends."""
    return min(_child(arguments) / _child(["-c", "import numpy"]) for _ in range(times))


def _seconds(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _child(arguments: Sequence[str]) -> float:
    def used() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    start = used()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return used() - start
