"""The end of a compiled training step: the norm of all gradients, then every parameter moved in its own memory.

A dense gradient moves its parameter in one loop over the entries. Of a table that is read by `take` the gradient
is a sum of scatters: rows that are met more than once are added up, then each met row is moved once, so that
nothing grows with the V rows of the table. Rows are found again by a map, `place[row]`, of which no more is
cleared than was written. That loop decides nothing by a jump: whether a row was met before is hard to foresee.

All gradients are scaled by min(1, limit / norm), so that their global norm is at most the limit.

Nothing moves if the loss or the norm is not finite.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import NamedTuple, TypeAlias

import numpy as np

from chainrule.algebra.choice import cast
from chainrule.algebra.node import CONSTANT, VARIABLE, Node, variable, variables
from chainrule.algebra.notation import readable
from chainrule.algebra.signature import FLOAT64, INTEGER, DType, Shape, entries
from chainrule.compute.element import Index
from chainrule.compute.emit import WIDTH, Emitted, Emitter, shown_by
from chainrule.compute.fetch import AHEAD, asked, is_large
from chainrule.compute.passes import prepared
from chainrule.compute.plan import Plan, plan, root_of
from chainrule.compute.statements import INDENT, INDICES

PLACE = np.dtype(np.int32)
LIMIT = variable("/limit", (), FLOAT64)


Part: TypeAlias = tuple[Node, Node]
"""Row numbers (…), and for each of them what is added to that row's gradient (…, *row)."""


class Update(NamedTuple):
    """What becomes of a parameter of one axis or more.

    gradient   the expression of its gradient; of a table, the row numbers and rows of each part of it
    entry      a variable of the parameter's shape that stands for the gradient in `moved`
    told       names of the numbers that the new values depend on, each written `told(name, dtype)`
    slots      variables of the parameter's shape that move with it
    moved      the new values of parameter and slots, entry by entry; () if the gradient is only added up
    """

    parameter: Node
    gradient: Node | Sequence[Part]
    entry: Node
    told: Sequence[str] = ()
    slots: Sequence[Node] = ()
    moved: Sequence[Node] = ()


def told(name: str, dtype: DType) -> Node:
    """A number that a step is told when it runs, for the rule of a parameter of this dtype."""
    return cast(variable(f"/{name}", (), FLOAT64), dtype)


def is_told(v: Node) -> bool:
    """Whether a variable is a number that a step is told."""
    return str(v.attrs["name"]).startswith("/")


class Room(NamedTuple):
    """An array that a step writes to; what lies in one that is `kept`, at first 0, is read by the next step."""

    name: str
    shape: Shape
    dtype: DType
    kept: bool = False


@dataclass(frozen=True)
class Step:
    """A training step in text: what it is called with, in order, and where it leaves what.

    The last of the inputs are the numbers that it is told, before them stand the slots.
    It is called with `inputs`, the constants of `emitted`, and `rooms`.
    """

    emitted: Emitted
    inputs: tuple[Node, ...]
    rooms: tuple[Room, ...]
    tables: Mapping[Node, tuple[str, str]]
    """Table → the rooms of the rows that were met, and of their gradients."""
    dense: Mapping[Node, str]
    """Parameter → the room of its gradient, for those of one axis or more whose gradient is an expression."""
    returned: tuple[Node | str | None, ...]
    """What is returned: "loss", gradients of parameters that are numbers, "norm", counts of rows that were met."""

    @property
    def kinds(self) -> list[tuple[DType, int]]:
        """The dtype and the number of axes of every argument."""
        inputs = [(v.dtype, v.ndim) for v in self.inputs]
        constants = [(a.dtype, a.ndim) for a in self.emitted.arrays.values()]
        return [*inputs, *constants, *((room.dtype, len(room.shape)) for room in self.rooms)]


def step(loss: Node, updates: Sequence[Update], name: str = "step") -> Step:
    """The function that computes a loss and its gradients, and moves the parameters."""
    loss, updates = _ready(loss, updates)
    outputs: list[tuple[Node | str | None, Node]] = [("loss", loss)]
    labels: dict[Node, str] = {}
    for u in updates:
        own = f"/d{u.parameter.attrs['name']}"
        if isinstance(u.gradient, Node):
            outputs.append((u.parameter, u.gradient))
            labels.setdefault(u.gradient, own)
            continue
        for k, (rows, values) in enumerate(u.gradient):
            outputs += [(None, node) for node in (values, rows) if not is_given(node)]
            labels.setdefault(values, f"{own}_parts{k + 1 if k else ''}")
    outputs.sort(key=lambda output: output[0] is None)  # parts are added up as soon as they are computed
    computed = [node for _, node in outputs]
    moved = [node for u in updates for node in (u.parameter, *(u.moved and u.slots), *u.moved)]
    inner = {u.entry for u in updates}
    used = variables(*computed, *(node for u in updates for node in _parts(u)), *moved, LIMIT)
    slots = {slot for u in updates for slot in u.slots}
    inputs = sorted((v for v in used if v not in inner), key=lambda v: (is_told(v), v in slots))
    writer = _Writer(plan(computed, inputs), updates, name, labels)
    emitted = writer.emitted()
    returned = (*(key for key, node in outputs if not node.ndim), "norm", *writer.tables)
    return Step(emitted, tuple(inputs), tuple(writer.rooms), writer.tables, writer.dense, returned)


def _ready(loss: Node, updates: Sequence[Update]) -> tuple[Node, list[Update]]:
    """The loss and the gradients after the passes that every compiled graph goes through."""
    waiting = [loss]
    for u in updates:
        waiting += [u.gradient] if isinstance(u.gradient, Node) else [node for part in u.gradient for node in part]
    ready = iter(prepared(waiting))
    loss = next(ready)
    return loss, [
        u._replace(
            gradient=next(ready)
            if isinstance(u.gradient, Node)
            else [(next(ready), next(ready)) for _ in u.gradient]
        )
        for u in updates
    ]


def is_given(node: Node) -> bool:
    """Whether row numbers, or rows, are known from the beginning."""
    return node.op in (VARIABLE, CONSTANT)


def _parts(u: Update) -> list[Node]:
    """The row numbers and rows of the gradient of a table."""
    return [] if isinstance(u.gradient, Node) else [node for part in u.gradient for node in part]


class _Writer(Emitter):
    """Writes a step: an emitter whose function goes on where the gradients are known."""

    def __init__(self, made: Plan, updates: Sequence[Update], name: str, labels: Mapping[Node, str]) -> None:
        super().__init__(made, name, labels)
        self.updates = updates
        self.rooms: list[Room] = []
        self.own_rooms: list[Room] = []
        self.tables: dict[Node, tuple[str, str]] = {}
        self.dense: dict[Node, str] = {}
        self.met: dict[Node, str] = {}
        self.spots: dict[Node, list[str]] = {}

    def beginning(self) -> list[str]:
        found = []
        for u in self.updates:
            if not isinstance(u.gradient, Node) and all(is_given(rows) for rows, _ in u.gradient):
                found += [INDENT + line for line in self._found(u, u.gradient)]
        return found

    def ending(self, body: list[str], outputs: Mapping[Node, str]) -> list[str]:
        squares = []
        for u in self.updates:
            if not isinstance(u.gradient, Node):
                lines = [] if u.parameter in self.met else self._found(u, u.gradient)
                body += [INDENT + line for line in (*lines, *self._added_up(u.parameter, u.gradient))]
                squares.append(_square(f"{self.tables[u.parameter][1]}.ravel()[: {self._met_entries(u)}]"))
            elif u.gradient.ndim:
                self.dense[u.parameter] = outputs[u.gradient]
                squares.append(_square(f"{outputs[u.gradient]}.ravel()"))
            else:
                entry = self.scribe.entry(u.gradient, ())
                squares.append(f"float64({entry}) * float64({entry})")
        norm = self.names.of("/norm")
        body.append(f"{INDENT}# the norm of all gradients together")
        body.append(f"{INDENT}{norm} = np.sqrt({' + '.join(squares) or '0.0'})")
        body += [INDENT + line for line in self._moves(norm, outputs)]
        for node, name in outputs.items():
            shape = root_of(node).shape if self.lies_in(node) else node.shape
            self.rooms.append(Room(name, shape, node.dtype))
        self.rooms += [Room(name, *kind) for name, kind in zip(self.memory, self.plan.memory, strict=True)]
        self.rooms += self.own_rooms
        return [norm, *self.met.values()]

    def _room(self, name: str, shape: Shape, dtype: DType, kept: bool = False) -> str:
        text = self.names.of(name)
        self.further.append(text)
        self.own_rooms.append(Room(text, shape, dtype, kept))
        return text

    # ── rows that are met ─────────────────────────────────────────────────────────────────────────────

    def _found(self, u: Update, parts: Sequence[Part]) -> Iterator[str]:
        """Lines that number the rows that are met, and note for each meeting the number of its row."""
        table, own = u.parameter, str(u.parameter.attrs["name"])
        met, row, spot = (self.names.of(f"/{word}_{own}") for word in ("met", "row", "spot"))
        count = reduce(add, (entries(index.shape) for index, _ in parts))
        place = self._room(f"/place_{own}", (table.shape[0],), PLACE, kept=True)
        rows = self._room(f"/rows_{own}", (count,), INTEGER)
        total = self._room(f"/d{own}", (count, *table.shape[1:]), table.dtype)
        self.met[table], self.tables[table] = met, (rows, total)
        self.spots[table] = []
        yield f"# the rows of {own} that are met, each once; {place} = 1, 2, … where a row was met, else 0"
        yield f"{met} = 0"
        for k, (index, _) in enumerate(parts):
            spots = self._room(f"/spots{k + 1 if k else ''}_{own}", index.shape, PLACE)
            self.spots[table].append(spots)
            at = tuple(INDICES[: index.ndim])
            self._constants_below(index)
            yield from self.loops(index.shape, at)
            inside = INDENT * index.ndim
            if at and index in self.scribe.stored and is_large(table):
                yield inside + asked(self, place, index, at)
            yield f"{inside}{row} = {self.scribe.entry(index, at)}"
            yield f"{inside}{spot} = {place}[{row}]"
            yield f"{inside}{met} += {spot} == 0"
            yield f"{inside}{spot} = {spot} if {spot} != 0 else {met}"
            yield f"{inside}{place}[{row}] = {spot}"
            yield f"{inside}{rows}[{spot} - 1] = {row}"
            yield f"{inside}{spots}[{', '.join(at) or '()'}] = {spot} - 1"
        yield f"for i in range({met}):"
        yield f"{INDENT}{place}[{rows}[i]] = 0"

    def _added_up(self, table: Node, parts: Sequence[Part]) -> Iterator[str]:
        """Lines that add up the parts of the gradient of each row that is met."""
        spot, (_, total) = self.names.of(f"/spot_{table.attrs['name']}"), self.tables[table]
        yield f"# {total} = the gradient of each of the rows, the sum of its parts"
        yield f"{total}[:{self.met[table]}] = 0"
        for (index, values), spots in zip(parts, self.spots[table], strict=True):
            at = tuple(INDICES[: values.ndim])
            outer, inner = at[: index.ndim], at[index.ndim :]
            yield from self.loops(index.shape, outer)
            yield f"{INDENT * len(outer)}{spot} = {spots}[{', '.join(outer) or '()'}]"
            yield from self.loops(table.shape[1:], inner, len(outer))
            target = f"{total}[{', '.join((spot, *inner))}]"
            yield f"{INDENT * values.ndim}{target} += {self.scribe.entry(values, at)}"

    def _met_entries(self, u: Update) -> str:
        return " * ".join([self.met[u.parameter], *map(self.size, u.parameter.shape[1:])])

    # ── moves ─────────────────────────────────────────────────────────────────────────────────────────

    def _moves(self, norm: str, outputs: Mapping[Node, str]) -> Iterator[str]:
        loss = self.scribe.entry(self.plan.outputs[0], ())
        factor, limit = self.names.of("/scale"), self.scribe.stored[LIMIT]
        lines = [line for u in self.updates if u.moved for line in self._move(u, outputs, factor)]
        if lines:
            yield f"if np.isfinite({loss}) and np.isfinite({norm}):"
            yield f"{INDENT}{factor} = {limit} / {norm} if {norm} > {limit} else 1.0"
            yield from (INDENT + line for line in lines)

    def _move(self, u: Update, outputs: Mapping[Node, str], factor: str) -> Iterator[str]:
        """Lines that move a parameter and its slots, entry by entry."""
        w, local, stored = u.parameter, self.scribe.local, self.scribe.stored
        at: Index = tuple(INDICES[: w.ndim])
        moved = dict(zip([*u.slots, w], [*u.moved[1:], u.moved[0]], strict=True))
        yield from (f"# {line}" for line in self._said(u, moved))
        if w in self.tables:
            rows, room = self.tables[w]
            row = self.names.of(f"/row_{w.attrs['name']}")
            yield f"for {at[0]} in range({self.met[w]}):"
            ahead = f"{rows}[min({at[0]} + {AHEAD}, {self.met[w]} - 1)]"
            yield from (f"{INDENT}{self.helper('fetch')}({stored[target]}, {ahead})" for target in moved)
            yield f"{INDENT}{row} = {rows}[{at[0]}]"
            yield from self.loops(w.shape[1:], at[1:], 1)
            gradient, at = f"{room}[{', '.join(at)}]", (row, *at[1:])
        elif isinstance(u.gradient, Node):
            node = u.gradient
            text = self.array(node) if self.lies_in(node) else outputs[node]
            yield from self.loops(w.shape, at)
            gradient = f"{text}[{', '.join(at)}]"
        inside = INDENT * w.ndim
        local[u.entry] = self.fresh()
        yield f"{inside}{local[u.entry]} = {w.dtype.name}({factor}) * {gradient}"
        for slot in u.slots:
            yield from (inside + line for line in self.named([moved[slot]], at))
            text = self.scribe.entry(moved[slot], at)
            local[moved[slot]] = self.fresh()
            yield f"{inside}{local[moved[slot]]} = {text}"
        yield from (inside + line for line in self.named([moved[w]], at))
        for target in (w, *u.slots):
            yield f"{inside}{stored[target]}[{', '.join(at)}] = {self.scribe.entry(moved[target], at)}"
        local.clear()

    def _said(self, u: Update, moved: Mapping[Node, Node]) -> Iterator[str]:
        """The formula of each move: `W = W - lr dW`."""
        names = {**self.scribe.stored, u.entry: f"d{u.parameter.attrs['name']}"}
        names |= {told(name, u.parameter.dtype): name for name in u.told}
        for target, value in moved.items():
            yield f"{names[target]} = {readable(shown_by(value, names), WIDTH)}"
            names[value] = names[target]


def _square(flat: str) -> str:
    """The text of ‖v‖² of a flat array."""
    return f"float64(np.dot({flat}, {flat}))"
