"""What a process of MPI or gloo does in the tests: `python rank_work.py CARRIER FOLDER [resume]`."""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from chainrule.algebra.node import index, matrix, vector
from chainrule.algebra.product import mean
from chainrule.algebra.select import take
from chainrule.algebra.signature import FLOAT64
from chainrule.calculus.batch import batch
from chainrule.learn.losses import cross_entropy
from chainrule.learn.train import Plan, Task, train
from chainrule.ports.together import together

PLAN = Plan(epochs=4, batch_size=32, learning_rate=0.3, pieces=6, optimizer="adagrad", checkpoint_every=0)


def task(V):
    rng = np.random.default_rng(0)
    E, U = matrix("E", V, 8, dtype=FLOAT64), matrix("U", 5, 8, dtype=FLOAT64)
    c, w, y, mask = vector("c", 5, dtype=FLOAT64), index("w"), index("y"), vector("mask", 8, dtype=FLOAT64)
    one = cross_entropy(U @ (take(E, w) * mask) + c, y)
    words = rng.integers(0, 60, 640)
    params = {"E": rng.normal(size=(V, 8)), "U": rng.normal(size=(5, 8)), "c": np.zeros(5)}

    def feed(numbers, generator):
        drop = (generator.random((len(numbers), 8)) < 0.8).astype(float)
        return {"w": words[numbers], "y": words[numbers] % 5, "mask": drop}

    return Task(mean(batch(one, [w, y, mask])), params, (E, U, c), 640, feed)


class Counted:
    """A collective, and the bytes that are given to it."""

    def __init__(self, ranks):
        self.ranks, self.sent, self.rank, self.world = ranks, 0, ranks.rank, ranks.world

    def allreduce(self, array):
        self.sent += array.nbytes
        self.ranks.allreduce(array)

    def allgather_rows(self, rows):
        self.sent += rows.indices.nbytes + rows.values.nbytes
        return self.ranks.allgather_rows(rows)

    def broadcast(self, raw):
        return self.ranks.broadcast(raw)

    def barrier(self):
        self.ranks.barrier()


def main(carrier, folder, *more):
    folder, V = Path(folder), int(os.environ.get("ROWS", "60"))
    slow = float(os.environ.get("SLOW", "0"))
    with together(carrier) as ranks:
        counted, job = Counted(ranks), task(V)
        (folder / f"pid-{ranks.rank}").write_text(str(os.getpid()))
        watch = (lambda event: time.sleep(slow)) if slow else (lambda event: None)
        run = train(
            job, PLAN, checkpoint=folder / "checkpoint", resume="resume" in more, ranks=counted, watch=watch
        )
        np.savez(folder / f"rank-{ranks.rank}.npz", **job.params)
        said = {"world": ranks.world, "steps": run.step, "sent": counted.sent, "loss": run.history[-1].train_loss}
        (folder / f"said-{ranks.rank}.json").write_text(json.dumps(said))
        ranks.barrier()


if __name__ == "__main__":
    main(*sys.argv[1:])
