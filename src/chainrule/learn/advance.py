"""A training step: the loss, its gradients, their norm held to a limit, and the optimiser's move.

Two ways that differ by rounding alone: `Stepwise` calls an array function for every node and moves one parameter
after the other; `Fused` is one compiled function, into which the optimiser's rule is written as expressions.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.algebra.node import Node, topological, variable
from chainrule.compute.calling import Limits
from chainrule.compute.compile import text_of
from chainrule.compute.updates import Part, Update, is_told, step, told
from chainrule.errors import NonFiniteError
from chainrule.learn.backends import chosen
from chainrule.learn.backprop import Backprop
from chainrule.learn.gradients import Gradients, clip, scaled
from chainrule.learn.machine import Arrays, Machine, taken
from chainrule.learn.stepper import Optimizer, State

Values = Mapping[str, Any]
ROOMS = 4  # batch sizes whose working memory is kept


def advance(
    loss: Node,
    parameters: Sequence[Node],
    optimizer: Optimizer,
    limit: float = math.inf,
    backend: str = "auto",
    steps: int = 0,
) -> "Stepwise":
    """A step by the backend of this name, see `backends`; `steps` is how many of them there may be.

    Raises SettingError for an unknown name.
    """
    name = chosen(backend, steps)
    if name == "numba":
        try:
            return Fused(Backprop(loss, parameters), optimizer, limit)
        except Exception:  # a Numba that does not work here
            if backend != "auto":
                raise
            name = chosen("auto")
    return Stepwise(Backprop(loss, parameters, name), optimizer, limit)


class Stepwise:
    """A step, made ready for many batches: gradients by `backprop`, every move by the optimiser."""

    def __init__(self, backprop: Backprop, optimizer: Optimizer, limit: float = math.inf) -> None:
        """`limit` is the largest norm that all gradients together may have."""
        self.backprop, self.optimizer, self.limit = backprop, optimizer, limit

    def __call__(self, values: Values, state: State, lr: float) -> tuple[float, float]:
        """Move the parameters among `values`, and `state`, in place; the loss and the gradients' norm before.

        `values` holds an array for every variable of the loss, by name. Raises NonFiniteError, before anything
        moves, if the loss or a gradient is NaN or ∞.
        """
        if self.optimizer.clocked:
            try:
                self.optimizer.fresh(values, self.backprop.rows(values), state)
            except IndexError:
                self.backprop(values)  # which says in its own words what row does not exist
                raise
        loss, norm, grads = self._computed(values, state, lr)
        self.optimizer.step(values, grads, state, lr)
        return loss, norm

    def _computed(self, values: Values, state: State, lr: float) -> tuple[float, float, Gradients]:
        """Loss, norm, and the gradients that are left to the optimiser, held to the limit."""
        loss, grads = self.backprop(values)
        if not math.isfinite(loss):
            raise NonFiniteError(
                f"the loss is {loss}; lower the learning rate ({lr:g}), or clip the gradients at norm 1"
            )
        return loss, clip(grads, self.limit), grads


class Fused(Stepwise):
    """One compiled function for loss, gradients, norm and the moves.

    Tables whose idle rows move (`Optimizer.clocked`) and parameters that are numbers are left to the optimiser.
    What is unusual is done step by step: sizes for which the function was not made, rows that do not exist,
    numbers that are not finite.
    """

    def __init__(self, backprop: Backprop, optimizer: Optimizer, limit: float = math.inf) -> None:
        super().__init__(backprop, optimizer, limit)
        moves = [update(p, g, optimizer) for p, g in backprop.gradients.items()]
        self._left = [u.parameter for u in moves if not u.moved]
        self._moved = {str(v.attrs["name"]) for u in moves if u.moved for v in (u.parameter, *u.slots)}
        self._step = Machine(step(backprop.loss, moves))
        self._inputs = list(self._step.inputs.items())
        names = [name for name, v in self._inputs if not is_told(v)]
        slots = {str(slot.attrs["name"]) for u in moves for slot in u.slots}
        self._of_values, self._of_state = ([n for n in names if (n in slots) == own] for own in (False, True))
        self._told = [optimizer.told.index(name[1:]) for name, _ in self._inputs[len(names) : -1]]
        """Which of the optimiser's numbers the function takes."""
        self._free = [k for k, name in enumerate(names) if self._inputs[k][1].ndim and name not in self._moved]
        """Arrays that are not moved: every other batch may be of another size."""
        self._limits = Limits(topological([*backprop.expressions, *self._step.inputs.values()]))
        self._held: list[Any] = [object()] * len(self._inputs)
        """The values of the call before that were given as they are."""
        self._kept: Arrays = {}
        self._rooms: dict[tuple[tuple[int, ...], ...], Arrays | None] = {}

    @property
    def source(self) -> str:
        """The text of the function."""
        return text_of(self._step.step.emitted)

    def _computed(self, values: Values, state: State, lr: float) -> tuple[float, float, Gradients]:
        numbers = self.optimizer.numbers(float(lr), int(state["step"]) + 1)
        given = [values[name] for name in self._of_values] + [state[name] for name in self._of_state]
        held = self._held
        for k, value in enumerate(given):
            if value is not held[k]:
                given[k] = self._given(k, value)
        rooms = self._rooms_for(given)
        if rooms is None:
            return super()._computed(values, state, lr)
        try:
            told = [numbers[k] for k in self._told]
            result = self._step.run(*given, *told, float(self.limit), *self._step.constants, *rooms.values())
        except IndexError:
            return super()._computed(values, state, lr)
        loss, norm = float(result[0]), float(result[self._step.norm])
        if not (math.isfinite(loss) and math.isfinite(norm)):  # nothing has moved
            return super()._computed(values, state, lr)
        if not self._left:
            return loss, norm, {}
        factor = self.limit / norm if norm > self.limit else 1.0
        left = {p.attrs["name"]: scaled(self._step.gradient(p, result, rooms), factor) for p in self._left}
        return loss, norm, left

    def _given(self, k: int, value: Any) -> Any:
        """An input as the function takes it."""
        name, v = self._inputs[k]
        found = taken(v, value, moved=name in self._moved)
        if found is value:
            if name in self._moved:
                self._rooms.clear()  # so that the shapes are looked at again
            self._held[k] = value
        return found

    def _rooms_for(self, given: Sequence[Any]) -> Arrays | None:
        """The arrays that the function writes to, for inputs of these shapes; None if it was not made for them."""
        shapes = tuple([given[k].shape for k in self._free])
        if shapes not in self._rooms:
            numbers = dict.fromkeys(self._step.inputs, 0.0)
            binding = self._step.bound(numbers | dict(zip(self._step.inputs, given, strict=False)))
            while len(self._rooms) >= ROOMS:
                del self._rooms[next(iter(self._rooms))]
            self._rooms[shapes] = self._step.rooms(binding, self._kept) if self._limits.hold(binding) else None
        return self._rooms[shapes]


def update(parameter: Node, gradient: Node | Sequence[Part], optimizer: Optimizer) -> Update:
    """The optimiser's rule, written out for the entries of a parameter."""
    name, shape, dtype = parameter.attrs["name"], parameter.shape, parameter.dtype
    optimizer = optimizer.of(name)
    entry = variable(f"{name}/gradient", shape, dtype)
    if not shape or (optimizer.clocked and not isinstance(gradient, Node)):
        return Update(parameter, gradient, entry)
    slots = [variable(f"{name}/{slot}", shape, dtype) for slot in optimizer.slots]
    moved, kept = optimizer.rule(parameter, slots, entry, [told(n, dtype) for n in optimizer.told])
    return Update(parameter, gradient, entry, optimizer.told, slots, (moved, *kept))
