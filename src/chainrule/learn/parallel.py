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
from operator import add
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.node import Node, topological, variable
from chainrule.algebra.signature import INTEGER, Dim
from chainrule.compute.calling import Limits
from chainrule.compute.compile import text_of
from chainrule.compute.updates import Part, Update, step
from chainrule.errors import SettingError
from chainrule.learn.advance import ROOMS, Stepwise, Values, advance, update
from chainrule.learn.backends import chosen
from chainrule.learn.backprop import Backprop
from chainrule.learn.gradients import Gradients, scaled
from chainrule.learn.machine import Arrays, Machine, taken
from chainrule.learn.shards import Cut, Sharded, Shards, shared
from chainrule.learn.stepper import Optimizer, State
from chainrule.learn.team import Team

Sizes = tuple[tuple[int, ...], ...]


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


class _Call:
    """A function with its arguments; those that stay the same at one set of sizes lie ready."""

    def __init__(self, function: Machine, values: Mapping[str, Any], rooms: Arrays) -> None:
        self._run, self.rooms = function.run, rooms
        self._places = {name: k for k, name in enumerate(function.inputs)}
        self._arguments = [*(values[name] for name in function.inputs), *function.constants, *rooms.values()]

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self._places:
            self._arguments[self._places[name]] = value

    def __call__(self) -> tuple[Any, ...]:
        """What the function returns, see `Step.returned`."""
        found: tuple[Any, ...] = self._run(*self._arguments)
        return found


class _Handed(NamedTuple):
    """What a shard hands over to the step: the k-th thing that it returns, or so many of the rows of a room."""

    name: str
    shard: int
    k: int
    room: NDArray[Any] | None = None


class _Layout(NamedTuple):
    """What depends on sizes alone, and on where the batch is cut.

    shards, step   the functions, with room to write to
    handed         what the step takes from the shards, besides dense gradients, which lie where they are
    """

    shards: list[_Call]
    step: _Call
    handed: list[_Handed]


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
        self._shard = Machine(step(part.loss, still, "shard"))
        moves = [update(p, _summed(p, g, team.count), optimizer) for p, g in part.gradients.items()]
        loss = reduce(add, [variable(_loss(k), (), part.loss.dtype) for k in range(team.count)])
        self._step = Machine(step(loss, moves))
        self._left = [u.parameter for u in moves if not u.moved]
        self._moved = {str(v.attrs["name"]) for u in moves if u.moved for v in (u.parameter, *u.slots)}
        self._limits = Limits(topological([*part.expressions, *self._shard.step.inputs]))
        self._told = ("/limit", *(f"/{name}" for name in optimizer.told))
        inputs = {**self._shard.inputs, **self._step.inputs}
        inputs = {name: v for name, v in inputs.items() if not name.startswith("/")}
        self._changing = {name: v for name, v in inputs.items() if name not in self._moved}
        """What may be another in every step: data, and parameters that are numbers."""
        self._lasting = {name: v for name, v in inputs.items() if name in self._moved}
        self._held: dict[str, Any] = {}
        """The values of the latter as they were given."""
        self._kept: list[Arrays] = [{} for _ in range(team.count + 1)]
        self._layouts: dict[tuple[Cut, Sizes], _Layout | None] = {}

    @property
    def source(self) -> str:
        """The text of both functions."""
        return "\n\n".join(text_of(each.step.emitted) for each in (self._shard, self._step))

    def _computed(self, values: Values, state: State, lr: float) -> tuple[float, float, Gradients]:
        numbers = self.optimizer.numbers(lr, int(state["step"]) + 1)
        known = {**state, **values}
        for name, held in self._held.items():
            if known[name] is not held:
                self._layouts.clear()
                break
        changing = {name: taken(v, known[name], moved=name in self._moved) for name, v in self._changing.items()}
        cut = self._cut.where(changing)
        if cut is None:
            return super()._computed(values, state, lr)
        key = cut, tuple([np.shape(value) for value in changing.values()])
        if key not in self._layouts:
            self._lay_out(key, known, changing)
        layout = self._layouts[key]
        if layout is None:
            return super()._computed(values, state, lr)
        found = self._found(layout, cut, changing)
        if found is None:
            return super()._computed(values, state, lr)
        self._cut.agree(values, [float(each[0]) for each in found])
        last = layout.step
        for name, value in (*zip(self._told, (self.limit, *numbers), strict=True), *changing.items()):
            last[name] = value
        for name, shard, k, room in layout.handed:
            last[name] = found[shard][k] if room is None else room[: found[shard][k]]
        result = last()
        loss, norm = float(result[0]), float(result[self._step.norm])
        if not (math.isfinite(loss) and math.isfinite(norm)):  # nothing has moved
            return super()._computed(values, state, lr)
        factor = self.limit / norm if norm > self.limit else 1.0
        left = {p.attrs["name"]: scaled(self._step.gradient(p, result, last.rooms), factor) for p in self._left}
        return loss, norm, left

    def _found(self, layout: _Layout, cut: Cut, changing: Mapping[str, Any]) -> list[tuple[Any, ...]] | None:
        """What the shards return; None for rows that do not exist."""
        shards = layout.shards
        for name, value in changing.items():
            for call, part in zip(shards, self._cut.parts(name, value, cut), strict=True):
                call[name] = part
        try:
            return self._team(lambda k: shards[k]())
        except IndexError:
            return None

    # ── sizes ─────────────────────────────────────────────────────────────────────────────────────────

    def _lay_out(self, key: tuple[Cut, Sizes], known: Mapping[str, Any], changing: Mapping[str, Any]) -> None:
        """Make the layout for values of these sizes; None if the functions were not made for them."""
        lasting = {name: taken(v, known[name], moved=True) for name, v in self._lasting.items()}
        self._held = {name: value if value is known[name] else object() for name, value in lasting.items()}
        while len(self._layouts) >= ROOMS:
            del self._layouts[next(iter(self._layouts))]
        self._layouts[key] = self._layout({**lasting, **changing, "/share": 1.0, "/limit": math.inf}, key[0])

    def _layout(self, values: dict[str, Any], cut: Cut) -> _Layout | None:
        data = {name: self._cut.parts(name, values[name], cut) for name in self._changing}
        shards: list[_Call] = []
        handed: list[_Handed] = []
        dense: Arrays = {}
        for k, share in enumerate(cut.shares):
            part = {**values, **{name: parts[k] for name, parts in data.items()}, "/share": share}
            binding = self._shard.bound(part)
            if not self._limits.hold(binding):
                return None
            rooms = self._shard.rooms(binding, self._kept[k])
            shards.append(_Call(self._shard, part, rooms))
            for p, name in self._shard.step.dense.items():
                dense[_gradient(p, k)] = rooms[name].reshape(values[str(p.attrs["name"])].shape)
            handed += self._handed(k, rooms)
        most = {name: 0.0 if room is None else room for name, _, _, room in handed}
        values = {**values, **dict.fromkeys(self._told, 0.0), **most, **dense}
        rooms = self._step.rooms(self._step.bound(values), self._kept[-1])
        return _Layout(shards, _Call(self._step, values, rooms), handed)

    def _handed(self, shard: int, rooms: Arrays) -> Iterator[_Handed]:
        """The loss of a shard, its gradients that are numbers, and those of the rows that it meets."""
        for k, what in enumerate(self._shard.step.returned):
            if what == "loss":
                yield _Handed(_loss(shard), shard, k)
            elif isinstance(what, Node) and what in self._shard.step.tables:
                rows, sums = self._shard.step.tables[what]
                yield _Handed(_rows(what, shard), shard, k, rooms[rows])
                yield _Handed(_gradient(what, shard), shard, k, rooms[sums])
            elif isinstance(what, Node):
                yield _Handed(_gradient(what, shard), shard, k)


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
