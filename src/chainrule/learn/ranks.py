"""The gradients of a batch whose pieces are shared among processes, equal for any number of them.

    J(batch) = Σₖ nₖ J(pieceₖ) / Σₖ nₖ        nₖ examples in piece k, a mean over them

What is in a piece, and what is random about it, is a function of the seed, of the step and of k; how many pieces
there are is a setting. So the ranks only say who computes which. Each adds up nₖ ∇J of its pieces, in float64; the
sums of dense gradients are added in place (allreduce), those of tables are sent as the rows that were met, never
as tables (allgather), so that what is sent in a step does not grow with the vocabulary.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.node import Node
from chainrule.errors import SettingError
from chainrule.learn.backprop import Backprop
from chainrule.learn.batches import rng_for
from chainrule.learn.collective import Collective
from chainrule.learn.gradients import Array, Gradient, Integers, Rows, coalesce
from chainrule.learn.probe import Feed
from chainrule.learn.shards import batch_of

PIECES = "/pieces"  # under this name the values of a batch hold those of the pieces of this rank
USUAL = 12  # pieces: equal work for 1, 2, 3, 4, 6 and 12 ranks


class Division:
    """How the batches of a run are computed: whole, or in pieces that the ranks share; and what they agree on."""

    def __init__(self, pieces: int, seed: int, ranks: Collective) -> None:
        """Raises SettingError where there are ranks, but no pieces for them."""
        if ranks.world > 1 and not pieces:
            raise SettingError(
                f"{ranks.world} processes share the pieces of a batch; say how many, such as {USUAL}"
            )
        self.pieces, self.seed, self.ranks = pieces, seed, ranks

    def begin(self, params: Mapping[str, Array], fingerprint: str) -> None:
        """Raise SettingError, on every rank, where ranks begin from other parameters or data than rank 0."""
        if self.ranks.world == 1:
            return
        digest = blake2b(fingerprint.encode(), digest_size=16)
        for name in sorted(params):
            digest.update(np.ascontiguousarray(params[name]).data)
        others = np.zeros(self.ranks.world)
        others[self.ranks.rank] = float(self.ranks.broadcast(digest.digest()) != digest.digest())
        self.ranks.allreduce(others)
        if others.any():
            raise SettingError(
                f"rank {np.flatnonzero(others)[0]} begins from other data, settings or parameters than rank 0; "
                "give all ranks the same command, files and versions"
            )

    def values(self, feed: Feed, examples: Integers, step: int) -> Mapping[str, Any]:
        """The values of a batch, or of the pieces that fall to this rank."""
        if not self.pieces:
            return feed(examples, rng_for(self.seed, "step", step))
        every = cut(examples, self.pieces)
        mine = share(len(every), self.ranks.rank, self.ranks.world)
        return {PIECES: [feed(every[k], rng_for(self.seed, "step", step, k)) for k in mine]}

    def any(self, asked: bool) -> bool:
        """Whether any of the ranks says so."""
        if self.ranks.world == 1:
            return asked
        told = np.full(1, float(asked))
        self.ranks.allreduce(told)
        return bool(told[0])

    def agreed(self, figures: Mapping[str, float]) -> dict[str, float]:
        """The figures of rank 0."""
        if self.ranks.world == 1:
            return dict(figures)
        found: dict[str, float] = json.loads(self.ranks.broadcast(json.dumps(dict(figures)).encode()))
        return found


def cut(examples: Integers, count: int) -> list[Integers]:
    """The examples of a batch in at most so many pieces, contiguous and as equal as can be; none is empty."""
    bounds = [len(examples) * k // count for k in range(count + 1)]
    return [examples[a:b] for a, b in pairwise(bounds) if a < b]


def share(count: int, rank: int, world: int) -> range:
    """Which of so many pieces fall to a rank."""
    return range(count * rank // world, count * (rank + 1) // world)


class Ranked(Backprop):
    """The loss and the gradients of a batch, computed in pieces by all ranks; or of values without pieces."""

    def __init__(self, loss: Node, parameters: Sequence[Node], backend: str, collective: Collective) -> None:
        """Raises SettingError if the data variables have no common dimension in front."""
        super().__init__(loss, parameters, backend)
        _, (self._counted, *_) = batch_of(loss, parameters)
        self._collective = collective

    def rows(self, values: Mapping[str, Any]) -> dict[str, Integers]:
        """The row numbers that this batch reads in all ranks, for each table with a row-sparse gradient."""
        if PIECES not in values:
            return super().rows(values)
        met = [super(Ranked, self).rows(each) for each in _each(values)]
        numbers = {name: np.unique(np.concatenate([NONE, *(each[name] for each in met)])) for name in self._parts}
        gathered = {name: Rows(rows, np.zeros((len(rows), 0))) for name, rows in numbers.items()}
        return {name: self._collective.allgather_rows(rows).indices for name, rows in gathered.items()}

    def __call__(self, values: Mapping[str, Any]) -> tuple[float, dict[str, Gradient]]:
        """The loss and the gradient of every parameter, by name, at these values."""
        if PIECES not in values:
            return super().__call__(values)
        shapes = {name: np.shape(values[name]) for name in self._dense}
        told = _Told(shapes)
        met: dict[str, list[Rows]] = {
            name: [Rows(NONE, np.zeros((0, *np.shape(values[name])[1:])))] for name in self._parts
        }
        for each in _each(values):
            n = len(each[self._counted])
            loss, grads = super().__call__(each)
            told.loss += n * loss
            told.count += n
            for name, grad in grads.items():
                if isinstance(grad, Rows):
                    met[name].append(Rows(grad.indices, n * grad.values.astype(np.float64)))
                else:
                    told.sums[name][...] += n * np.asarray(grad, np.float64)
        self._collective.allreduce(told.numbers)
        total = float(told.count[()])
        found: dict[str, Gradient] = {}
        for name in self.names:
            dtype = np.asarray(values[name]).dtype
            if name in met:
                rows = coalesce(self._collective.allgather_rows(coalesce(_joined(met[name]))))
                found[name] = Rows(rows.indices, (rows.values / total).astype(dtype))
            else:
                found[name] = (told.sums[name] / total).astype(dtype)
        return float(told.loss[()]) / total, found


NONE = np.zeros(0, np.int64)


def _each(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All values, piece by piece."""
    same = {name: value for name, value in values.items() if name != PIECES}
    return ({**same, **piece} for piece in values[PIECES])


class _Told:
    """What ranks tell one another, as one array of numbers and views of it: losses, examples, dense gradients."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        sizes = [1, 1, *(int(np.prod(shape)) for shape in shapes.values())]
        self.numbers: NDArray[np.float64] = np.zeros(sum(sizes))
        loss, count, *parts = np.split(self.numbers, np.cumsum(sizes)[:-1])
        self.loss, self.count = loss.reshape(()), count.reshape(())
        self.sums = {name: p.reshape(shape) for p, (name, shape) in zip(parts, shapes.items(), strict=True)}


def _joined(parts: Sequence[Rows]) -> Rows:
    return Rows(np.concatenate([p.indices for p in parts]), np.concatenate([p.values for p in parts]))
