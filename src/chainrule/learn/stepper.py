"""How an optimiser meets its arrays: whole for a dense gradient, a few rows for a row-sparse one.

A rule is written once, for arrays and for expressions. For a dense gradient it is applied to the whole parameter
and its slots; for a row-sparse one to the touched rows of each, gathered before and scattered back after, so
that a step never does work that grows with the V rows of a table. Where a row without a gradient would still
have changed, `_idle` says in closed form what the skipped steps did to it, and the row is caught up when it is
next read.

Letters: V rows of a table, D numbers in a row, k rows at hand, t the step from 1.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import SettingError, ShapeError
from chainrule.learn.choose import choose, within
from chainrule.learn.gradients import Array, Gradient, Gradients, Integers, Rows, coalesce

Value: TypeAlias = Any  # an array, or an expression
Values: TypeAlias = Sequence[Value]
State: TypeAlias = dict[str, NDArray[Any]]
History: TypeAlias = NDArray[np.float64]

BLOCK = 1 << 14  # rows caught up at a time, so that settling a large table needs little memory


@dataclass(frozen=True, kw_only=True)
class Optimizer(ABC):
    """One rule, and what becomes of rows that it skips; an instance holds settings and nothing that changes.

    A state is a flat dict of arrays: "step" (), the number of steps taken; "W/slot" of the parameter's shape
    and dtype; "E/clock" (V,), the step up to which each row of a table is current; and one history with an
    entry per step (8 bytes each). Stored with the parameters, it continues the training bit for bit.
    """

    slots: ClassVar[tuple[str, ...]] = ()
    told: ClassVar[tuple[str, ...]] = ("lr",)  # the names of `numbers`
    clocked: ClassVar[bool] = False  # does a row change while its gradient is zero?
    history: ClassVar[str] = ""  # what `_record` keeps for `_idle`

    @abstractmethod
    def rule(self, w: Value, slots: Values, g: Value, numbers: Values) -> tuple[Value, Values]:
        """`w` and its `slots` after a step with gradient `g`, all of one shape; arrays, or expressions."""

    def numbers(self, lr: float, t: int) -> tuple[float, ...]:
        """What the rule has to know of step `t` (from 1) with rate `lr`."""
        return (lr,)

    def of(self, name: str) -> "Optimizer":
        """The rule of the parameter of this name."""
        return self

    def _idle(  # noqa: B027, rows at rest need nothing
        self, w: Array, slots: Sequence[Array], since: Integers, now: int, past: History
    ) -> None:
        """Do to rows `w` (k, D) and `slots`, in place, what steps since+1 … now, (k,), with g = 0 do."""

    def _record(self, past: History, lr: float, t: int) -> None:  # noqa: B027, likewise
        """Note in `past`, whose entries up to t exist, what `_idle` has to know of step `t`."""

    def start(self, params: Mapping[str, Array], sparse: Collection[str] = ()) -> State:
        """The state before the first step; `sparse` names the tables whose gradients come as Rows."""
        for name in sparse:
            choose("parameter", name, params)
        state: State = {"step": np.zeros((), np.int64)}
        state |= {f"{name}/{slot}": np.zeros_like(w) for name, w in params.items() for slot in self.of(name).slots}
        if self.clocked:
            state |= {f"{name}/clock": np.zeros(len(params[name]), np.int64) for name in sparse}
        if self.history and sparse:
            state[self.history] = np.zeros(1024)
        return state

    def step(self, params: Mapping[str, Array], grads: Gradients, state: State, lr: float) -> None:
        """Update the parameters that have a gradient, and `state`, in place, with learning rate `lr` ≥ 0.

        A table left out of `grads` has a zero gradient; another parameter left out stays as it is. Raises
        SettingError for an impossible rate and for Rows of a table that `start` was not told of, and
        ShapeError for a gradient that has not its parameter's shape.
        """
        within("the learning rate", lr, least=0)
        t = int(state["step"]) + 1
        numbers = dict(zip(self.told, self.numbers(lr, t), strict=True))
        for name, grad in grads.items():
            rule = self.of(name)
            rule._update(name, params[name], grad, state, [numbers[n] for n in rule.told], t)
        if self.history in state:
            state[self.history] = past = _lengthened(state[self.history], t)
            self._record(past, lr, t)
        state["step"][...] = t

    def fresh(self, params: Mapping[str, Array], rows: Mapping[str, Integers], state: State) -> None:
        """Bring the given rows of tables up to date, in place, before the forward pass reads them.

        `rows` maps a table's name to row numbers of any shape, repeats allowed; others cost nothing.
        """
        for name, indices in rows.items():
            if (clock := state.get(f"{name}/clock")) is not None:
                stale = indices[clock[indices] < state["step"]]
                self._catch_up(name, params[name], np.unique(stale), state)

    def settle(self, params: Mapping[str, Array], state: State) -> None:
        """Bring all rows of all tables up to date, in place, before evaluation or saving. O(V D)."""
        for name, w in params.items():
            if (clock := state.get(f"{name}/clock")) is not None:
                stale = np.flatnonzero(clock < state["step"])
                for start in range(0, len(stale), BLOCK):
                    self._catch_up(name, w, stale[start : start + BLOCK], state)

    def _update(self, name: str, w: Array, grad: Gradient, state: State, numbers: Values, t: int) -> None:
        if isinstance(grad, Rows):
            grad = coalesce(grad)
            _check_shape(name, grad.values, (len(grad.indices), *w.shape[1:]))
            self._check_clock(name, state)
            self.fresh({name: w}, {name: grad.indices}, state)
            self._change(name, w, grad.indices, state, t, partial(self._move, g=grad.values, numbers=numbers))
        else:
            _check_shape(name, grad, w.shape)
            self.settle({name: w}, state)
            self._move(w, self._slots(name, state), grad, numbers)
            if (clock := state.get(f"{name}/clock")) is not None:
                clock[...] = t

    def _move(self, w: Array, slots: Sequence[Array], g: Array, numbers: Values) -> None:
        """Apply the rule in place."""
        moved, kept = self.rule(w, slots, g, numbers)
        for array, value in zip((w, *slots), (moved, *kept), strict=True):
            array[...] = value

    def _catch_up(self, name: str, w: Array, rows: Integers, state: State) -> None:
        if rows.size:
            since, now = state[f"{name}/clock"][rows], int(state["step"])
            past = state.get(self.history, np.empty(0))
            self._change(name, w, rows, state, now, partial(self._idle, since=since, now=now, past=past))

    def _change(
        self,
        name: str,
        w: Array,
        rows: Integers,
        state: State,
        until: int,
        change: Callable[[Array, Sequence[Array]], None],
    ) -> None:
        """Gather distinct `rows` of `w` and its slots, let `change` write to them, scatter them back."""
        arrays = [w, *self._slots(name, state)]
        parts = [array.take(rows, axis=0) for array in arrays]
        change(parts[0], parts[1:])
        for array, part in zip(arrays, parts, strict=True):
            array[rows] = part
        if self.clocked:
            state[f"{name}/clock"][rows] = until

    def _slots(self, name: str, state: State) -> list[Array]:
        return [state[f"{name}/{slot}"] for slot in self.slots]

    def _check_clock(self, name: str, state: State) -> None:
        if self.clocked and f"{name}/clock" not in state:
            raise SettingError(
                f"{name} has a row-sparse gradient, but was started as dense; "
                f"write start(params, sparse={{{name!r}}})"
            )


def _lengthened(past: History, t: int) -> History:
    """`past` with an entry for step `t`: twice as long when it is full."""
    return past if t < len(past) else np.concatenate([past, np.zeros_like(past)])


def _check_shape(name: str, g: Array, shape: tuple[int, ...]) -> None:
    if g.shape != shape:
        raise ShapeError(f"the gradient of {name} has shape {g.shape}, but {name} needs {shape}")
