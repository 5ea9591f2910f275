"""Jobs that may be done twice, on any executor: what was in the hands of a worker that died is begun again.

A job is done when its result lies in its place, which it takes whole (`compute.files`); done a second time it
gives the same. So nothing has to be known of who was at what: an executor that breaks is replaced by another,
which gets all that is not done. Executors are those of `concurrent.futures`, or of a library with the same face.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, as_completed
from contextlib import AbstractContextManager
from typing import Generic, NamedTuple, TypeVar

from chainrule.errors import ChainruleError, WorkerError, counted

PATIENCE = 3  # times that an executor may break without anything having been done before

T = TypeVar("T")
R = TypeVar("R")
Executors = Callable[[], AbstractContextManager[Executor]]


class Outcome(NamedTuple, Generic[T, R]):
    """What became of a job: its result, or the error that it would raise again."""

    job: T
    result: R | None
    error: ChainruleError | None


def carry_out(
    work: Callable[[T], R],
    jobs: Sequence[T],
    executors: Executors,
    watch: Callable[[Outcome[T, R]], None] = lambda outcome: None,
) -> list[Outcome[T, R]]:
    """work(job) of every job, in any order; the outcomes in that of the jobs.

    work        a function of a module, found by its name in other processes
    executors   begins a new executor at each call
    watch       told each outcome when it is known
    Raises WorkerError where executors break again and again, and nothing gets done.
    """
    found: dict[int, Outcome[T, R]] = {}
    patience = PATIENCE
    while missing := [k for k in range(len(jobs)) if k not in found]:
        before, lost = len(found), ""
        with executors() as executor:
            futures = {executor.submit(work, jobs[k]): k for k in missing}
            for future in as_completed(futures):
                k = futures[future]
                try:
                    found[k] = Outcome(jobs[k], future.result(), None)
                except ChainruleError as error:
                    found[k] = Outcome(jobs[k], None, error)
                except Exception as error:
                    lost = f"{type(error).__name__}: {error}"
                    continue
                watch(found[k])
        patience = PATIENCE if len(found) > before else patience - 1
        if lost and not patience:
            raise WorkerError(
                f"the workers ended {PATIENCE} times with {counted(len(jobs) - len(found), 'job')} in hand and "
                f"none done ({lost}); see that each has memory for the model, and finds it"
            )
    return [found[k] for k in range(len(jobs))]
