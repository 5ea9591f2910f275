"""A training step as machine code: its arguments in order, room to write to, and where it leaves gradients."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.node import Node
from chainrule.algebra.signature import Binding
from chainrule.compute.calling import plain
from chainrule.compute.compile import machine
from chainrule.compute.interpret import checked
from chainrule.compute.updates import Room, Step
from chainrule.errors import SettingError
from chainrule.learn.gradients import Gradient, Rows

Arrays = dict[str, NDArray[Any]]


class Machine:
    """A step that runs: `run(*inputs, *constants, *rooms)` returns what `Step.returned` lists."""

    def __init__(self, made: Step) -> None:
        self.step = made
        self.inputs = {str(v.attrs["name"]): v for v in made.inputs}
        self.constants = tuple(made.emitted.arrays.values())
        self.run = machine(made.emitted, made.kinds)
        self.norm = made.returned.index("norm")

    def bound(self, values: Mapping[str, Any]) -> Binding:
        """The sizes of values, by name. Raises BindingError where they disagree."""
        binding = Binding()
        for name, v in self.inputs.items():
            binding.meet(name, v.shape, np.shape(values[name]))
        binding.settle()
        return binding

    def rooms(self, binding: Binding, held: Arrays) -> Arrays:
        """Arrays to write to, out of `held`: what is kept from step to step, and memory that all sizes share.

        So a batch of another size touches no new memory. `held` belongs to one caller at a time.
        """
        made = {}
        for room in self.step.rooms:
            shape = tuple([binding.size(a) for a in room.shape])
            made[room.name] = _kept(room, shape, held) if room.kept else _laid(room, shape, held)
        return made

    def gradient(self, parameter: Node, result: Sequence[Any], rooms: Arrays) -> Gradient:
        """The gradient of a parameter that the step has not moved."""
        found = result[self.step.returned.index(parameter)]
        if parameter in self.step.tables:
            rows, values = (rooms[name][:found] for name in self.step.tables[parameter])
            return Rows(rows, values)
        return np.asarray(found, parameter.dtype)


def _kept(room: Room, shape: tuple[int, ...], held: Arrays) -> NDArray[Any]:
    known = held.get(room.name)
    if known is None or known.shape != shape:
        known = held[room.name] = np.zeros(shape, room.dtype)
    return known


def _laid(room: Room, shape: tuple[int, ...], held: Arrays) -> NDArray[Any]:
    count = math.prod(shape)
    memory = held.get(room.name)
    if memory is None or len(memory) < count:
        memory = held[room.name] = np.zeros(count + count // 4, room.dtype)
    return memory[:count].reshape(shape)


def taken(v: Node, value: Any, *, moved: bool) -> Any:
    """A value as compiled functions take it: itself if it lies in memory as they need it, as what is moved has to.

    Raises SettingError for a moved one that does not, BindingError, DTypeError.
    """
    if isinstance(value, np.ndarray) and value.dtype == v.dtype and value.flags.carray and value.ndim:
        return value
    if moved:
        raise SettingError(
            f"{v.attrs['name']} is moved in place, so it must be an array of {v.dtype}, row by row in memory; "
            "give np.ascontiguousarray(…) of it"
        )
    array = checked(v, value)
    return plain(array) if array.ndim else array[()]
