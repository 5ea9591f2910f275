"""The gradients of many examples, two ways: example after example in a loop of Python, or all in one batch.

    for k in 1 … B:  s_k and its gradients by f, those of what is shared summed        looped
    s (B,) and the gradients of Σ s_k, by one function of all examples                 batched

Both give the same numbers, up to rounding. The second is `calculus.batch` of the first: nobody has to write it.
"""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from time import get_clock_info, perf_counter, thread_time
from typing import Any, NamedTuple

import numpy as np

from chainrule.algebra.node import VARIABLE, Node, topological, variables
from chainrule.algebra.op import Array
from chainrule.algebra.product import sum
from chainrule.algebra.signature import FLOATS
from chainrule.calculus.batch import batch
from chainrule.calculus.derive import gradient
from chainrule.compute.compile import compile
from chainrule.errors import GraphError, SettingError

CLOCK = thread_time if get_clock_info("thread_time").resolution < 1e-5 else perf_counter
"""The time of the processor, where it is told exactly: then it does not matter what else the machine does."""
ROUNDS = 7  # at least

Values = Mapping[str, Any]
Way = Callable[[Values], list[Array]]


class Ways(NamedTuple):
    """Functions of the values of shared variables and of B examples; they give s (B,), then the gradients.

    The gradients are by the shared variables, summed over the examples, and by those of an example, B in front.
    """

    looped: Way
    batched: Way


def ways(s: Node, examples: Sequence[Node], backend: str = "auto") -> Ways:
    """The two ways for a number s and the variables that differ from example to example.

    Raises GraphError for an s that is no number, SettingError where no variable differs.
    """
    if s.ndim:
        raise GraphError(f"gradients are of a number, and {s!r:.40} has {s.ndim} axes; take its sum or mean")
    if not examples:
        raise SettingError("nothing differs from example to example; name the variables that do")
    shared = [v for v in variables(s) if v not in examples]
    by, own = [v for v in shared if v.dtype in FLOATS], [v for v in examples if v.dtype in FLOATS]
    alone = compile([s, *gradient(s, [*by, *own])], [*shared, *examples], backend=backend)
    many = batch(s, examples)
    names = {v.attrs["name"]: v for v in topological([many]) if v.op is VARIABLE}
    varied = [names[v.attrs["name"]] for v in examples]
    total = gradient(sum(many), [*by, *(names[v.attrs["name"]] for v in own)])
    together = compile([many, *total], [*shared, *varied], backend=backend)
    kept, differing = [[str(v.attrs["name"]) for v in group] for group in (shared, examples)]

    def looped(values: Values) -> list[Array]:
        fixed = [values[name] for name in kept]
        scores: list[Array] = []
        sums: list[Array] = [np.zeros(np.shape(values[v.attrs["name"]])) for v in by]
        rows: list[list[Array]] = [[] for _ in own]
        for example in zip(*(values[name] for name in differing), strict=True):
            score, *found = alone(*fixed, *example)
            scores.append(score)
            for k in range(len(sums)):
                sums[k] += found[k]
            for row, value in zip(rows, found[len(sums) :], strict=True):
                row.append(value)
        return [np.array(scores), *sums, *map(np.array, rows)]

    def batched(values: Values) -> list[Array]:
        return list(together(*(values[name] for name in (*kept, *differing))))

    return Ways(looped, batched)


def paces(runs: Mapping[str, Callable[[], object]], seconds: float, block: float = 0.002) -> dict[str, float]:
    """Seconds that each of some runs takes: the median of rounds in which all take their turns, at least seven.

    seconds   for all together; block: seconds of a turn, in which a short run is repeated
    """
    times: dict[str, list[float]] = {name: [] for name in runs}
    repeats = {name: max(1, round(block / _timed(run, 1))) for name, run in runs.items()}
    began = perf_counter()
    while len(next(iter(times.values()))) < ROUNDS or perf_counter() - began < seconds:
        for name, run in runs.items():
            times[name].append(_timed(run, repeats[name]))
    return {name: median(found) for name, found in times.items()}


def _timed(run: Callable[[], object], times: int) -> float:
    began = CLOCK()
    for _ in range(times):
        run()
    return max((CLOCK() - began) / times, 1e-9)
