"""Ranks that are processes of MPI: `mpiexec -n 4 chainrule train … --parallel mpi`. Needs mpi4py and an MPI."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.learn.gradients import Rows
from chainrule.ports.extra import needed

NAME = "--parallel mpi"


class Mpi:
    """The processes of a communicator of mpi4py, all if none is given. Raises ExtraError without mpi4py."""

    def __init__(self, communicator: Any = None) -> None:
        needed("mpi4py", NAME).rc.finalize = False  # see `close`
        self._mpi: Any = needed("mpi4py.MPI", NAME)
        self._all: Any = self._mpi.COMM_WORLD if communicator is None else communicator
        self.rank, self.world = int(self._all.rank), int(self._all.size)

    def allreduce(self, array: NDArray[np.float64]) -> None:
        """The sum over all ranks, in place."""
        self._all.Allreduce(self._mpi.IN_PLACE, array)

    def allgather_rows(self, rows: Rows) -> Rows:
        """The row numbers and rows of all ranks, by rank."""
        counts = np.empty(self.world, np.int64)
        self._all.Allgather(np.array([len(rows.indices)], np.int64), counts)
        indices = np.empty(int(counts.sum()), np.int64)
        values = np.empty((len(indices), *rows.values.shape[1:]), rows.values.dtype)
        width = int(np.prod(values.shape[1:]))
        self._all.Allgatherv(rows.indices.astype(np.int64), (indices, counts))
        self._all.Allgatherv(np.ascontiguousarray(rows.values), (values, counts * width))
        return Rows(indices, values)

    def broadcast(self, raw: bytes) -> bytes:
        """What rank 0 gives."""
        size = np.array([len(raw)], np.int64)
        self._all.Bcast(size)
        data = np.frombuffer(raw, np.uint8).copy() if not self.rank else np.empty(int(size[0]), np.uint8)
        self._all.Bcast(data)
        return data.tobytes()

    def barrier(self) -> None:
        """Return when all are here."""
        self._all.Barrier()

    def close(self) -> None:
        """Say that all went well. Who ends otherwise does not say so, and is the end of all."""
        self._mpi.Finalize()
