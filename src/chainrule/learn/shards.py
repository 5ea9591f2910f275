"""A batch cut into shards: its loss, a mean, is the sum of the losses of the shards, each times its share.

    J(batch) = Σₖ (nₖ / n) J(shardₖ)        n examples in the batch, nₖ in shard k

So are all gradients, and regularisers too, since the shares add up to 1. Shards are contiguous and as equal as
can be: which example lies where depends on n and the number of shards alone. Where the tags of sentences are
scored together (`algebra.chain`), the examples are tokens, and shards begin at the sentences that begin nearest;
the moves between tags go with their tokens.
"""

import math
from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any, NamedTuple

import numpy as np

from chainrule.algebra.chain import CHAIN, moves_within
from chainrule.algebra.choice import cast
from chainrule.algebra.node import VARIABLE, Node, topological, variable, variables
from chainrule.algebra.notation import described
from chainrule.algebra.select import RESHAPE, TAKE
from chainrule.algebra.signature import FLOAT64, Dim
from chainrule.compute.interpret import Interpreter
from chainrule.errors import SettingError
from chainrule.learn.backprop import Backprop
from chainrule.learn.gradients import Gradient, Rows
from chainrule.learn.team import Team

LEAST = 128  # examples in a shard from which a second thread pays for what it costs to tell it
SENTENCES = 16  # the same of sentences whose tags are scored together
SHARE = variable("/share", (), FLOAT64)
AGREE = 1e-3  # of float32 and a loss whose terms nearly cancel no more is asked
INSTEAD = "or train with threads=1"

Values = Mapping[str, Any]


def least(loss: Node) -> int:
    """How many examples of a loss a shard should have: windows, or sentences whose tags are scored together."""
    return SENTENCES if _chained(loss) else LEAST


def hands(threads: int, batch_size: int, least: int = LEAST) -> int:
    """How many of the threads batches of a size are worth."""
    return max(1, min(threads, batch_size // least))


def shared(loss: Node) -> Node:
    """What a shard adds to the loss of its batch."""
    return cast(SHARE, loss.dtype) * loss


class Cut(NamedTuple):
    """Where the shards of a batch begin, and the last one ends: among its examples, and among its sentences."""

    examples: tuple[int, ...]
    sentences: tuple[int, ...] = ()

    @property
    def shares(self) -> list[float]:
        """What part of the examples each shard has."""
        return [(b - a) / self.examples[-1] for a, b in pairwise(self.examples)]


class Shards:
    """How the batches of a loss are cut, and whether its shards do add up to it."""

    def __init__(self, loss: Node, parameters: Sequence[Node], count: int) -> None:
        """Raises SettingError if the data variables have no common dimension in front."""
        self.count = count
        self.dimension, self.data = batch_of(loss, parameters)
        self._first, self._moves = _sentences(loss, self.dimension)
        self._whole = Interpreter([loss])
        self._agreed = False

    def where(self, values: Values) -> Cut | None:
        """Where the values of a batch are cut; None for one that is too small, or of several sizes."""
        sizes = {np.shape(values[name])[:1] for name in self.data}
        if len(sizes) > 1 or sizes == {()}:
            return None
        ((n,),) = sizes
        even = [n * k // self.count for k in range(self.count + 1)]
        if self._first is None:
            return None if n < self.count else Cut(tuple(even))
        begins = np.asarray(values[self._first]) != 0
        begins[:1] = True
        starts = np.append(np.flatnonzero(begins), n)
        if len(starts) <= self.count:
            return None
        nearest = np.searchsorted((starts[1:] + starts[:-1]) / 2, even)
        k = np.arange(self.count + 1)
        nearest = np.minimum(np.maximum.accumulate(nearest - k) + k, len(starts) - 1 - k[::-1])
        return Cut(tuple(starts[nearest].tolist()), tuple(nearest.tolist()))

    def parts(self, name: str, value: Any, cut: Cut) -> list[Any]:
        """The value of a variable for each shard."""
        if name in self._moves:
            return moves_within(np.asarray(value), cut.examples, cut.sentences)
        return [value[a:b] if name in self.data else value for a, b in pairwise(cut.examples)]

    def cut(self, values: Values) -> list[dict[str, Any]] | None:
        """The values of each shard with its share; None for a batch that is not cut."""
        cut = self.where(values)
        if cut is None:
            return None
        data = {name: self.parts(name, np.asarray(values[name]), cut) for name in (*self.data, *self._moves)}
        return [
            {**values, **{name: parts[k] for name, parts in data.items()}, "/share": share}
            for k, share in enumerate(cut.shares)
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


def batch_of(loss: Node, parameters: Sequence[Node]) -> tuple[Dim, list[str]]:
    """The batch dimension, and the names of the variables that have it in front."""
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


def _chained(loss: Node) -> list[Node]:
    """The sums over all paths of tags."""
    return [node for node in topological([loss]) if node.op.name in CHAIN]


def _sentences(loss: Node, front: Dim) -> tuple[str | None, list[str]]:
    """The variable that says where sentences begin in a batch of tokens, and those of the moves of their tags.

    None where no tags are scored together. Raises SettingError where that is not said of the batch.
    """
    chained = _chained(loss)
    firsts = dict.fromkeys(node.inputs[2] for node in chained)
    if any(first.op is not VARIABLE or first.shape != (front,) for first in firsts) or len(firsts) > 1:
        raise SettingError(
            "the tags of a sentence are scored together, and a batch is not cut there unless one variable "
            f"({front}) says where its sentences begin; name it, {INSTEAD}"
        )
    scores = {node.inputs[1] for node in chained}
    moves = [
        str(node.inputs[1].attrs["name"])
        for node in topological([loss])
        if node.op is TAKE
        and node.inputs[0].op is RESHAPE
        and node.inputs[0].inputs[0] in scores
        and node.inputs[1].op is VARIABLE
    ]
    return next((str(first.attrs["name"]) for first in firsts), None), list(dict.fromkeys(moves))


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
