"""A training step on several threads, as machine code: the same for the same number of threads, bit for bit.

Two functions of the generator that writes a whole step (see `compute.updates`):

    shard    loss and gradients of a shard, times its share, in memory of its own; nothing moves
    step     their sums, the norm, and the moves

The first runs on every thread at once, since compiled functions release the lock of the interpreter; the second
when all have ended. Sums are taken in the order of the shards, whichever was ready first.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.node import Node, topological, variable
from chainrule.algebra.signature import INTEGER, Binding, Dim
from chainrule.compute.calling import Limits, plain
from chainrule.compute.compile import machine, text_of
from chainrule.compute.interpret import checked
from chainrule.compute.updates import Part, Step, Update, step
from chainrule.errors import SettingError
from chainrule.learn.advance import ROOMS, Stepwise, Values, advance, update
from chainrule.learn.backends import chosen
from chainrule.learn.backprop import Backprop
from chainrule.learn.gradients import Gradient, Gradients, Rows, scaled
from chainrule.learn.shards import Sharded, Shards, shared
from chainrule.learn.stepper import Optimizer, State
from chainrule.learn.team import Team

Arrays = dict[str, NDArray[Any]]


def advance_by(
    team: Team,
    loss: Node,
    parameters: Sequence[Node],
    optimizer: Optimizer,
    limit: float = math.inf,
    backend: str = "auto",
    steps: int = 0,
) -> Stepwise:
    """A step whose batches are shared among the threads of a team; by one alone it is `advance`.

    Raises SettingError where a batch cannot be shared, and for an unknown backend.
    """
    if team.count == 1:
        return advance(loss, parameters, optimizer, limit, backend, steps)
    name = chosen(backend, steps)
    if name == "numba":
        try:
            return Parallel(Backprop(loss, parameters), optimizer, limit, team)
        except SettingError:
            raise
        except Exception:  # a Numba that does not work here
            if backend != "auto":
                raise
            name = chosen("auto")
    return Stepwise(Sharded(loss, parameters, name, team), optimizer, limit)


class _Function:
    """A step as machine code."""

    def __init__(self, made: Step) -> None:
        self.step = made
        self.inputs = {str(v.attrs["name"]): v for v in made.inputs}
        self.constants = tuple(made.emitted.arrays.values())
        self.run = machine(made.emitted, made.kinds)

    def __call__(self, values: Mapping[str, Any], rooms: Arrays) -> tuple[Any, ...]:
        """What it returns, see `Step.returned`."""
        given = [values[name] for name in self.inputs]
        found: tuple[Any, ...] = self.run(*given, *self.constants, *rooms.values())
        return found

    def bound(self, values: Mapping[str, Any]) -> Binding:
        """The sizes of values. Raises BindingError where they disagree."""
        binding = Binding()
        for name, v in self.inputs.items():
            binding.meet(name, v.shape, np.shape(values[name]))
        binding.settle()
        return binding

    def rooms(self, binding: Binding, kept: Arrays) -> Arrays:
        """Arrays to write to; those that are kept are taken from there."""
        made = {}
        for room in self.step.rooms:
            shape = tuple(map(binding.size, room.shape))
            known = kept.get(room.name)
            made[room.name] = known if known is not None and known.shape == shape else np.zeros(shape, room.dtype)
            if room.kept:
                kept[room.name] = made[room.name]
        return made


class _Counted(NamedTuple):
    """What a shard hands over to the step: the k-th thing that it returns, or so many of the rows of a room."""

    name: str
    shard: int
    k: int
    room: NDArray[Any] | None = None


class _Layout(NamedTuple):
    """What depends on sizes alone.

    examples   those of each shard           rooms   where each shard writes to; last, where the step does
    shares     its share of the batch        dense   the dense gradients of all shards, as the step takes them
                                             counted what else the step takes from them
    """

    examples: list[slice]
    shares: list[float]
    rooms: list[Arrays]
    dense: Arrays
    counted: list[_Counted]


class Parallel(Stepwise):
    """A step by the threads of a team.

    What is unusual is done step by step, as by `Fused`: fewer examples than threads, sizes for which the functions
    were not made, rows that do not exist, numbers that are not finite.
    """

    def __init__(self, backprop: Backprop, optimizer: Optimizer, limit: float, team: Team) -> None:
        """Raises SettingError where a batch cannot be shared."""
        super().__init__(backprop, optimizer, limit)
        self._team, parameters = team, list(backprop.gradients)
        self._cut = Shards(backprop.loss, parameters, team.count)
        part = Backprop(shared(backprop.loss), parameters)
        still = [Update(p, g, variable("/gradient", p.shape, p.dtype)) for p, g in part.gradients.items()]
        self._shard = _Function(step(part.loss, still, "shard"))
        moves = [update(p, _summed(p, g, team.count), optimizer) for p, g in part.gradients.items()]
        loss = reduce(add, [variable(_loss(k), (), part.loss.dtype) for k in range(team.count)])
        self._step = _Function(step(loss, moves))
        self._left = [u.parameter for u in moves if not u.moved]
        self._moved = {str(v.attrs["name"]) for u in moves if u.moved for v in (u.parameter, *u.slots)}
        self._limits = Limits(topological([*part.expressions, *self._shard.step.inputs]))
        self._told = ("/limit", *(f"/{name}" for name in optimizer.told))
        self._norm = self._step.step.returned.index("norm")
        every = {**self._shard.inputs, **self._step.inputs}
        self._taken = {name: v for name, v in every.items() if not name.startswith("/")}
        """What is taken from outside: data, parameters and their slots."""
        self._held: dict[str, Any] = {}
        """The values of the call before that were given as they are."""
        self._kept: list[Arrays] = [{} for _ in range(team.count + 1)]
        self._layouts: dict[tuple[tuple[int, ...], ...], _Layout | None] = {}

    @property
    def source(self) -> str:
        """The text of both functions."""
        return "\n\n".join(text_of(each.step.emitted) for each in (self._shard, self._step))

    def _computed(self, values: Values, state: State, lr: float) -> tuple[float, float, Gradients]:
        numbers = self.optimizer.numbers(lr, int(state["step"]) + 1)
        known = {**state, **values}
        known = {
            name: value if (value := known[name]) is self._held.get(name) else self._given(v, value)
            for name, v in self._taken.items()
        }
        layout = self._layout_for(known)
        if layout is None:
            return super()._computed(values, state, lr)

        def shard(k: int) -> tuple[Any, ...]:
            cut = layout.examples[k]
            data = {name: known[name][cut] for name in self._cut.data}
            return self._shard({**known, **data, "/share": layout.shares[k], "/limit": math.inf}, layout.rooms[k])

        try:
            found = self._team(shard)
        except IndexError:
            return super()._computed(values, state, lr)
        self._cut.agree(values, [float(each[0]) for each in found])
        parts = {
            name: found[shard][k] if room is None else room[: found[shard][k]]
            for name, shard, k, room in layout.counted
        }
        told = dict(zip(self._told, (self.limit, *numbers), strict=True))
        result = self._step({**known, **layout.dense, **parts, **told}, layout.rooms[-1])
        loss, norm = float(result[0]), float(result[self._norm])
        if not (math.isfinite(loss) and math.isfinite(norm)):  # nothing has moved
            return super()._computed(values, state, lr)
        factor = self.limit / norm if norm > self.limit else 1.0
        rooms = layout.rooms[-1]
        return loss, norm, {p.attrs["name"]: scaled(self._gradient(p, result, rooms), factor) for p in self._left}

    def _given(self, v: Node, value: Any) -> Any:
        """A value as the functions take it; what they move has to lie in memory as it is."""
        name = v.attrs["name"]
        if isinstance(value, np.ndarray) and value.dtype == v.dtype and value.flags.carray and value.ndim:
            self._held[name] = value
            return value
        if name in self._moved:
            raise SettingError(
                f"{name} is moved in place, so it must be an array of {v.dtype}, row by row in memory; "
                "give np.ascontiguousarray(…) of it"
            )
        array = checked(v, value)
        return plain(array) if array.ndim else array[()]

    def _gradient(self, parameter: Node, result: Sequence[Any], rooms: Arrays) -> Gradient:
        """A gradient that the step has left to the optimiser."""
        found = result[self._step.step.returned.index(parameter)]
        if parameter in self._step.step.tables:
            rows, values = (rooms[name][:found] for name in self._step.step.tables[parameter])
            return Rows(rows, values)
        return np.asarray(found, parameter.dtype)

    # ── sizes ─────────────────────────────────────────────────────────────────────────────────────────

    def _layout_for(self, known: Mapping[str, Any]) -> _Layout | None:
        """The layout for values of these shapes; None if the functions were not made for them."""
        shapes = tuple([np.shape(value) for value in known.values()])
        if shapes not in self._layouts:
            while len(self._layouts) >= ROOMS:
                del self._layouts[next(iter(self._layouts))]
            self._layouts[shapes] = self._made(known)
        return self._layouts[shapes]

    def _made(self, known: Mapping[str, Any]) -> _Layout | None:
        n = self._shard.bound({**known, "/share": 1.0, "/limit": math.inf}).size(self._cut.dimension)
        if n < self._cut.count:
            return None
        bounds = list(pairwise(self._cut.bounds(n)))
        layout = _Layout([slice(a, b) for a, b in bounds], [(b - a) / n for a, b in bounds], [], {}, [])
        for k, cut in enumerate(layout.examples):
            data = {name: known[name][cut] for name in self._cut.data}
            binding = self._shard.bound({**known, **data, "/share": 1.0, "/limit": math.inf})
            if not self._limits.hold(binding):
                return None
            layout.rooms.append(self._shard.rooms(binding, self._kept[k]))
            for p, name in self._shard.step.dense.items():
                layout.dense[_gradient(p, k)] = layout.rooms[k][name].reshape(np.shape(known[p.attrs["name"]]))
            layout.counted.extend(self._counted(k, layout.rooms[k]))
        most = {name: 0.0 if room is None else room for name, _, _, room in layout.counted}
        told = dict.fromkeys(self._told, 0.0)
        binding = self._step.bound({**known, **layout.dense, **most, **told})
        layout.rooms.append(self._step.rooms(binding, self._kept[-1]))
        return layout

    def _counted(self, shard: int, rooms: Arrays) -> Iterator[_Counted]:
        """The loss of a shard, its gradients that are numbers, and those of the rows that it meets."""
        for k, what in enumerate(self._shard.step.returned):
            if what == "loss":
                yield _Counted(_loss(shard), shard, k)
            elif isinstance(what, Node) and what in self._shard.step.tables:
                rows, sums = self._shard.step.tables[what]
                yield _Counted(_rows(what, shard), shard, k, rooms[rows])
                yield _Counted(_gradient(what, shard), shard, k, rooms[sums])
            elif isinstance(what, Node):
                yield _Counted(_gradient(what, shard), shard, k)


def _loss(k: int) -> str:
    return f"/loss_{k + 1}"


def _rows(parameter: Node, k: int) -> str:
    return f"/rows_{parameter.attrs['name']}_{k + 1}"


def _gradient(parameter: Node, k: int) -> str:
    return f"/d{parameter.attrs['name']}_{k + 1}"


def _summed(parameter: Node, gradient: Node | Sequence[Part], count: int) -> Node | list[Part]:
    """The sum of the gradients that so many shards hand over."""
    shape, dtype = parameter.shape, parameter.dtype
    if isinstance(gradient, Node):
        return reduce(add, [variable(_gradient(parameter, k), shape, dtype) for k in range(count)])
    met = [Dim({(f"met_{parameter.attrs['name']}_{k + 1}",): 1}) for k in range(count)]
    return [
        (
            variable(_rows(parameter, k), (met[k],), INTEGER),
            variable(_gradient(parameter, k), (met[k], *shape[1:]), dtype),
        )
        for k in range(count)
    ]
