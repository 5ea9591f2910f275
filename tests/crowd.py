"""Ranks that are threads of one process, for tests; what each sends is counted."""

from threading import Barrier, Thread

import numpy as np

from chainrule.learn.gradients import Rows


class Crowd:
    """So many ranks; `sent` has the bytes that each of them sent."""

    def __init__(self, world):
        self.world, self.board, self.gate = world, [None] * world, Barrier(world, timeout=60)
        self.sent = [0] * world

    def run(self, work):
        """work(rank's collective) on every rank; the results by rank. Raises what the first of them raised."""
        results, errors = [None] * self.world, []

        def one(rank):
            try:
                results[rank] = work(Rank(self, rank))
            except BaseException as error:
                errors.append(error)
                self.gate.abort()

        threads = [Thread(target=one, args=(k,)) for k in range(self.world)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]
        return results


class Rank:
    def __init__(self, crowd, rank):
        self.crowd, self.rank, self.world = crowd, rank, crowd.world

    def _told(self, mine, size):
        self.crowd.sent[self.rank] += size
        self.crowd.board[self.rank] = mine
        self.crowd.gate.wait()
        every = list(self.crowd.board)
        self.crowd.gate.wait()
        return every

    def allreduce(self, array):
        array[...] = np.sum(self._told(array.copy(), array.nbytes), axis=0)

    def allgather_rows(self, rows):
        every = self._told(rows, rows.indices.nbytes + rows.values.nbytes)
        return Rows(np.concatenate([r.indices for r in every]), np.concatenate([r.values for r in every]))

    def broadcast(self, raw):
        return self._told(raw, len(raw) if not self.rank else 0)[0]

    def barrier(self):
        self._told(None, 0)
