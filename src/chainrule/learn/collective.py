"""Processes that train together: what they say to one another, whoever carries it.

So many ranks, numbered from 0, do the same steps on the same parameters, each with gradients of its part of every
batch. All call the same functions in the same order, and each function returns when all have called it.
`ports.mpi` and `ports.gloo` carry messages; `Alone` is one process.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from chainrule.learn.gradients import Rows


class Collective(Protocol):
    """The ranks as one of them sees them."""

    @property
    def rank(self) -> int:
        """The number of this process, from 0."""

    @property
    def world(self) -> int:
        """How many there are."""

    def allreduce(self, array: NDArray[np.float64]) -> None:
        """Replace an array, of the same shape everywhere, by the sum over all ranks; the same bits everywhere."""

    def allgather_rows(self, rows: Rows) -> Rows:
        """The row numbers and rows of all ranks, one behind the other by rank; any count of them, none too."""

    def broadcast(self, raw: bytes) -> bytes:
        """What rank 0 gives; what others give is not looked at."""

    def barrier(self) -> None:
        """Return when all are here."""


class Alone:
    """One process, which is all of them."""

    rank, world = 0, 1

    def allreduce(self, array: NDArray[np.float64]) -> None:
        """The sum over one rank."""

    def allgather_rows(self, rows: Rows) -> Rows:
        """These."""
        return rows

    def broadcast(self, raw: bytes) -> bytes:
        """This."""
        return raw

    def barrier(self) -> None:
        """Nobody to wait for."""


ALONE = Alone()
