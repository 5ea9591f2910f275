"""Where jobs are done: processes of this machine, workers of a Dask cluster, or processes of MPI."""

import multiprocessing
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager

from chainrule.errors import SettingError, WorkerError
from chainrule.ner.jobs import Executors
from chainrule.ner.workers import settle
from chainrule.ports.extra import needed

Place = Callable[[int, str | None], AbstractContextManager[Executor]]
RETRIES = 3  # of a job whose worker is lost, by Dask itself


@contextmanager
def _local(workers: int, scheduler: str | None) -> Iterator[Executor]:
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), settle) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def _dask(workers: int, scheduler: str | None) -> Iterator[Executor]:
    """A cluster at an address, or one of this machine, begun for the work."""
    distributed = needed("distributed", "--executor dask")
    options = {"address": scheduler} if scheduler else {"n_workers": workers, "threads_per_worker": 1}
    try:
        client = distributed.Client(**options, set_as_default=False)
    except OSError as error:
        raise WorkerError(f"{scheduler}: no Dask scheduler answers ({error}); begin one: dask scheduler") from None
    with client:
        yield client.get_executor(retries=RETRIES, pure=False)


@contextmanager
def _mpi(workers: int, scheduler: str | None) -> Iterator[Executor]:
    """The processes that the command was begun in: `mpiexec -n 8 python -m mpi4py.futures -m chainrule tag …`."""
    futures = needed("mpi4py.futures", "--executor mpi")
    with futures.MPIPoolExecutor() as pool:
        yield pool


PLACES: Mapping[str, Place] = {"local": _local, "dask": _dask, "mpi": _mpi}


def executors(place: str, workers: int, scheduler: str | None = None) -> Executors:
    """A new executor at each call. Raises SettingError for a scheduler where none is asked, ExtraError."""
    if scheduler and place != "dask":
        raise SettingError(f"{scheduler} is the address of a Dask scheduler; add --executor dask")
    return lambda: PLACES[place](workers, scheduler)
