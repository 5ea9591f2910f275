"""Ranks that are processes of PyTorch's gloo: `torchrun --nproc-per-node 4 …`. Needs torch."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.learn.gradients import Rows
from chainrule.ports.extra import needed

NAME = "--parallel gloo"


class Gloo:
    """The processes of a group of `torch.distributed`, which is begun if there is none. Raises ExtraError."""

    def __init__(self) -> None:
        self._torch: Any = needed("torch", NAME)
        self._all: Any = needed("torch.distributed", NAME)
        if not self._all.is_initialized():
            self._all.init_process_group("gloo")
        self.rank, self.world = int(self._all.get_rank()), int(self._all.get_world_size())

    def allreduce(self, array: NDArray[np.float64]) -> None:
        """The sum over all ranks, in place."""
        self._all.all_reduce(self._torch.from_numpy(array))

    def allgather_rows(self, rows: Rows) -> Rows:
        """The row numbers and rows of all ranks, by rank; all send as much as the one that has most."""
        counts = self._gathered(np.array([len(rows.indices)], np.int64))
        sizes = [int(count[0]) for count in counts]
        shape = rows.values.shape[1:]
        indices, values = np.zeros(max(sizes), np.int64), np.zeros((max(sizes), *shape), rows.values.dtype)
        indices[: len(rows.indices)], values[: len(rows.indices)] = rows.indices, rows.values
        every = zip(sizes, self._gathered(indices), self._gathered(values), strict=True)
        parts = [(i[:n], v[:n]) for n, i, v in every]
        return Rows(np.concatenate([i for i, _ in parts]), np.concatenate([v for _, v in parts]))

    def _gathered(self, array: NDArray[Any]) -> list[NDArray[Any]]:
        found = [self._torch.from_numpy(np.empty_like(array)) for _ in range(self.world)]
        if array.size:
            self._all.all_gather(found, self._torch.from_numpy(array))
        return [each.numpy() for each in found]

    def broadcast(self, raw: bytes) -> bytes:
        """What rank 0 gives."""
        size = self._torch.tensor([len(raw)])
        self._all.broadcast(size, 0)
        data = np.frombuffer(raw, np.uint8).copy() if not self.rank else np.empty(int(size[0]), np.uint8)
        if len(data):
            self._all.broadcast(self._torch.from_numpy(data), 0)
        return data.tobytes()

    def barrier(self) -> None:
        """Return when all are here."""
        self._all.barrier()

    def close(self) -> None:
        """Leave the group."""
        self._all.destroy_process_group()
