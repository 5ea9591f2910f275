"""A batch cut into shards: its loss, a mean, is the sum of the losses of the shards, each times its share.

    J(batch) = Σₖ (nₖ / n) J(shardₖ)        n examples in the batch, nₖ in shard k

So are all gradients, and regularisers too, since the shares add up to 1. Shards are contiguous and as equal as
can be: which example lies where depends on n and the number of shards alone.
"""

import math
from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any

import numpy as np

from chainrule.algebra.chain import CHAIN
from chainrule.algebra.choice import cast
from chainrule.algebra.node import Node, topological, variable, variables
from chainrule.algebra.notation import described
from chainrule.algebra.signature import FLOAT64, Dim
from chainrule.compute.interpret import Interpreter
from chainrule.errors import SettingError
from chainrule.learn.backprop import Backprop
from chainrule.learn.gradients import Gradient, Rows
from chainrule.learn.team import Team

LEAST = 128  # examples in a shard from which a second thread pays for what it costs to tell it
SHARE = variable("/share", (), FLOAT64)
AGREE = 1e-3  # of float32 and a loss whose terms nearly cancel no more is asked
INSTEAD = "or train with threads=1"

Values = Mapping[str, Any]


def hands(threads: int, batch_size: int) -> int:
    """How many of the threads batches of a size are worth."""
    return max(1, min(threads, batch_size // LEAST))


def shared(loss: Node) -> Node:
    """What a shard adds to the loss of its batch."""
    return cast(SHARE, loss.dtype) * loss


class Shards:
    """How the batches of a loss are cut, and whether its shards do add up to it."""

    def __init__(self, loss: Node, parameters: Sequence[Node], count: int) -> None:
        """Raises SettingError if the data variables have no common dimension in front."""
        self.count = count
        self.dimension, self.data = _batch(loss, parameters)
        self._whole = Interpreter([loss])
        self._agreed = False

    def bounds(self, n: int) -> list[int]:
        """Where shards begin and end among n examples, (count + 1,)."""
        return [n * k // self.count for k in range(self.count + 1)]

    def cut(self, values: Values) -> list[dict[str, Any]] | None:
        """The values of each shard with its share; None for a batch that is too small, or of several sizes."""
        data = {name: np.asarray(values[name]) for name in self.data}
        sizes = {len(array) if array.ndim else 0 for array in data.values()}
        if len(sizes) > 1 or min(sizes) < self.count:
            return None
        (n,) = sizes
        return [
            {**values, **{name: array[a:b] for name, array in data.items()}, "/share": (b - a) / n}
            for a, b in pairwise(self.bounds(n))
        ]

    def agree(self, values: Values, losses: Sequence[float]) -> None:
        """Look once whether a loss is what its shards add up to; SettingError for one that is no mean."""
        if self._agreed:
            return
        whole, found = float(self._whole(values)[0]), math.fsum(losses)
        size = max(abs(whole), math.fsum(map(abs, losses)))
        if not math.isfinite(size):
            return
        if abs(whole - found) > AGREE * size:
            raise SettingError(
                f"the loss of a batch is {whole:g}, but its {self.count} shards give {found:g}: on threads it "
                f"must be a mean over {self.dimension}; write it as one, {INSTEAD}"
            )
        self._agreed = True


def _batch(loss: Node, parameters: Sequence[Node]) -> tuple[Dim, list[str]]:
    """The batch dimension, and the names of the variables that have it in front."""
    if any(node.op.name in CHAIN for node in topological([loss])):
        raise SettingError(
            f"the tags of a sentence are scored together, and a batch is not cut there; {INSTEAD[3:]}"
        )
    every = variables(loss)
    fronts = {v: a for v in every if v not in parameters for a in v.shape[:1] if isinstance(a, Dim)}
    found = dict.fromkeys(fronts.values())
    if not found:
        raise SettingError(
            "no data variable has a named dimension in front, such as B, so there is no batch to share "
            f"among threads; write the loss of one example and batch it, {INSTEAD}"
        )
    usual = Dim({("B",): 1})
    front = usual if usual in found else next(iter(found))
    if len(found) > 1 and front != usual:
        listed = " and ".join(described(v) for v in fronts)
        raise SettingError(f"{listed} differ in their first dimension; call that of the batch B, {INSTEAD}")
    data = [v for v, a in fronts.items() if a == front]
    for v in every:
        if any(isinstance(a, Dim) and a.names & front.names for a in v.shape[v in data :]):
            raise SettingError(
                f"{described(v)} has the batch dimension {front} elsewhere than in front of data, so it cannot "
                f"be shared among threads; put {front} in front, {INSTEAD}"
            )
    return front, [str(v.attrs["name"]) for v in data]


class Sharded(Backprop):
    """Gradients of a batch from those of its shards, each computed on a thread of its own."""

    def __init__(self, loss: Node, parameters: Sequence[Node], backend: str, team: Team) -> None:
        super().__init__(loss, parameters, backend)
        self._team, self._shards = team, Shards(loss, parameters, team.count)
        self._shard = Backprop(shared(loss), parameters, backend)

    def __call__(self, values: Values) -> tuple[float, dict[str, Gradient]]:
        """The loss and the gradient of every parameter, by name, at these values."""
        shards = self._shards.cut(values)
        if shards is None:
            return super().__call__(values)
        found = self._team(lambda k: self._shard(shards[k]))
        losses, grads = [loss for loss, _ in found], [grads for _, grads in found]
        self._shards.agree(values, losses)
        return math.fsum(losses), {name: reduce(_sum, [each[name] for each in grads]) for name in self.names}


def _sum(g: Gradient, other: Gradient) -> Gradient:
    if isinstance(g, Rows) and isinstance(other, Rows):
        return Rows(np.concatenate([g.indices, other.indices]), np.concatenate([g.values, other.values]))
    total: Gradient = add(g, other)
    return total
