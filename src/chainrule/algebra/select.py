"""Selections and their transposes: take rows ↔ scatter rows, slice ↔ pad, join ↔ slices; and reshape.

Positions of axes are counted from the end, so that an axis put in front changes nothing.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.algebra.data import array_of
from chainrule.algebra.functions import function
from chainrule.algebra.letters import repeat
from chainrule.algebra.node import CONSTANT, Node, Operand, constant, make
from chainrule.algebra.notation import described, write
from chainrule.algebra.op import Array, Example, Given, Namespace, Op, declare
from chainrule.algebra.operand import lift, listed, real, reals
from chainrule.algebra.phrase import Phrase, call, dimension, indexed, infix, printed_as, transposed
from chainrule.algebra.product import axis_of, transpose
from chainrule.algebra.product_notation import kronecker
from chainrule.algebra.signature import (
    INTEGER,
    Axis,
    DType,
    Shape,
    axis as read_axis,
    common_dtype,
    entries,
    shape_of,
    shape_text,
)
from chainrule.algebra.slice import SLICE, Cut, entry_phrase, read_cut, without_ellipsis
from chainrule.errors import BindingError, DTypeError, GraphError, ShapeError

Rows = Node | Sequence[int] | np.ndarray


# ── reshape ───────────────────────────────────────────────────────────────────────────────────────────


@function("reshape")
def reshape(x: Operand, *shape: Any) -> Node:
    """The same entries, row by row, in another shape; one axis may be -1."""
    node = lift(x)
    wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    known = [read_axis(a) for a in wanted if a != -1]
    if len(known) < len(wanted) - 1:
        raise ShapeError(f"only one axis of {wanted} may be -1")
    target = shape_of(_quotient(node, known) if a == -1 else a for a in wanted)
    if node.op is RESHAPE:
        node = node.inputs[0]
    return node if node.shape == target else make(RESHAPE, node, shape=target)


def _infer_reshape(x: Node, shape: Shape) -> tuple[Shape, DType]:
    if entries(x.shape) != entries(shape):
        raise ShapeError(
            f"{described(x)} has {entries(x.shape)} entries and cannot be laid out as {shape_text(shape)}, "
            f"which has {entries(shape)}"
        )
    return shape, x.dtype


def _write_reshape(p: Phrase, x: Node, shape: Shape) -> Phrase:
    """`A ⊗ B`, `vec(X)`, `x[2]`, or on paper the vector itself for a column of one."""
    if x.op.name == "product" and x.attrs["letters"] == "a,b->ab" and len(shape) == 1:
        return infix("⊗", p.parts[0], transposed(p.parts[1]))
    if x.ndim == 2 and len(shape) == 1 and 1 not in x.shape:
        return call("vec", [transposed(p)])
    known = kronecker(p, x.shape, shape) or (entry_phrase(p.parts[0], x, shape) if x.op is SLICE else None)
    if known:
        return known
    typed = call("reshape", [p, *map(dimension, shape)])
    if x.ndim == 1 and len(shape) == 2 and 1 in shape:
        return printed_as(typed, p if shape[1] == 1 else transposed(p))
    return typed


RESHAPE: Op = declare(
    Op(
        "reshape",
        forward=lambda xp, x, shape: xp.reshape(x, shape),
        infer=_infer_reshape,
        pullback=lambda k, g, y, x, shape: reshape(g, x.shape),
        batch=lambda inputs, batched, shape: reshape(inputs[0], (inputs[0].shape[0], *shape)),
        write=lambda p, inputs, shape: _write_reshape(p[0], inputs[0], shape),
        examples=(
            Example((Given((2, 3)),), {"shape": (3, 2)}),
            Example((Given((4,)),), {"shape": (2, 1, 2)}),
        ),
    )
)


def _quotient(node: Node, known: Sequence[Axis]) -> Axis:
    """The size of the axis written -1: all entries divided by those of the other axes."""
    rest = list(node.shape)
    for a in known:
        if a in rest:
            rest.remove(a)
        elif a != 1:
            break
    else:
        return entries(tuple(rest))
    total, divisor = entries(node.shape), entries(tuple(known))
    if isinstance(total, int) and isinstance(divisor, int) and divisor and total % divisor == 0:
        return total // divisor
    raise ShapeError(f"the axis written -1 has no size: {described(node)} is not divisible by {divisor}")


@function("ravel")
def ravel(x: Operand) -> Node:
    """All entries, row by row, as a vector."""
    node = lift(x)
    return reshape(node, (entries(node.shape),))


@function()
def vec(X: Operand) -> Node:
    """The columns of a matrix stacked into a vector, vec X."""
    return ravel(transpose(X) if lift(X).ndim > 1 else X)


# ── take rows ↔ scatter rows ──────────────────────────────────────────────────────────────────────────


def _select_rows(rows: Node) -> None:
    if rows.dtype != INTEGER:
        raise DTypeError(f"{described(rows)} selects rows, so it must be whole numbers: declare it with index(…)")


def _infer_take(x: Node, rows: Node, batch: int) -> tuple[Shape, DType]:
    _select_rows(rows)
    if x.ndim <= batch:
        raise ShapeError(f"take needs rows to choose from, but {described(x)} has none")
    return (*rows.shape, *x.shape[batch + 1 :]), x.dtype


def _infer_scatter(rows: Node, values: Node, batch: int, count: Axis) -> tuple[Shape, DType]:
    _select_rows(rows)
    return (*rows.shape[:batch], count, *values.shape[rows.ndim :]), values.dtype


def _flat_rows(xp: Namespace, rows: Array, batch: int, count: int) -> Array:
    """Row numbers in the table that has the batch axes merged into its rows."""
    if math.prod(rows.shape) and (int(xp.min(rows)) < 0 or int(xp.max(rows)) >= count):
        wrong = int(xp.min(rows)) if int(xp.min(rows)) < 0 else int(xp.max(rows))
        raise BindingError(f"row {wrong} is asked for, but the rows are numbered 0 to {count - 1}")
    flat = xp.reshape(rows, (-1,))
    groups = math.prod(rows.shape[:batch])
    if batch and groups:
        flat = flat + count * xp.repeat(xp.arange(groups, dtype=flat.dtype), flat.shape[0] // groups)
    return flat


def _take(xp: Namespace, x: Array, rows: Array, batch: int) -> Array:
    count, tail = x.shape[batch], x.shape[batch + 1 :]
    flat = _flat_rows(xp, rows, batch, count)
    table = xp.reshape(x, (math.prod(x.shape[:batch]) * count, *tail)) if batch else x
    return xp.reshape(xp.take(table, flat, axis=0), (*rows.shape, *tail))


def _scatter(xp: Namespace, rows: Array, values: Array, batch: int, count: int) -> Array:
    tail, front = values.shape[rows.ndim :], rows.shape[:batch]
    flat = _flat_rows(xp, rows, batch, count)
    total = math.prod(front) * count
    listed = xp.reshape(values, (flat.shape[0], math.prod(tail)))
    if xp is np:
        table = np.zeros((total, listed.shape[1]), dtype=values.dtype)
        np.add.at(table, flat, listed)
    elif hasattr(xp, "add_rows"):
        table = xp.add_rows(total, flat, listed)
    else:
        chosen = xp.reshape(xp.arange(total, dtype=flat.dtype), (-1, 1)) == xp.reshape(flat, (1, -1))
        table = xp.matmul(xp.astype(chosen, values.dtype), listed)
    return xp.reshape(table, (*front, count, *tail))


def _pull_take(k: int, g: Node, y: Node, x: Node, rows: Node, batch: int) -> Node | None:
    return None if k else make(SCATTER, rows, g, batch=batch, count=x.shape[batch])


def _pull_scatter(k: int, g: Node, y: Node, rows: Node, values: Node, batch: int, count: Axis) -> Node | None:
    return make(TAKE, g, rows, batch=batch) if k else None


def _all_batched(inputs: Sequence[Node], batched: Sequence[bool]) -> list[Node]:
    """Repeat along the new axis the inputs that do not have it."""
    front = next(n.shape[0] for n, b in zip(inputs, batched, strict=True) if b)
    return [n if b else repeat(n, front) for n, b in zip(inputs, batched, strict=True)]


def _batch_take(inputs: Sequence[Node], batched: Sequence[bool], batch: int) -> Node:
    if batched == (False, True) and not batch:
        return make(TAKE, *inputs, batch=0)
    return make(TAKE, *_all_batched(inputs, batched), batch=batch + 1)


def _batch_scatter(inputs: Sequence[Node], batched: Sequence[bool], batch: int, count: Axis) -> Node:
    return make(SCATTER, *_all_batched(inputs, batched), batch=batch + 1, count=count)


def _row(p: Phrase, rows: Node) -> Phrase:
    """A row of a known number: typed from 0, on paper counted from 1."""
    if rows.op is not CONSTANT or rows.shape:
        return p
    return printed_as(p, dimension(int(rows.attrs["data"].array) + 1))


_TABLE, _ROWS = Given((4, 3)), Given((5,), 0, 4, "index")

TAKE: Op = declare(
    Op(
        "take",
        forward=_take,
        infer=_infer_take,
        pullback=_pull_take,
        batch=_batch_take,
        write=lambda p, x, batch: call("take", p, batch=batch) if batch else indexed(p[0], _row(p[1], x[1])),
        examples=(
            Example((_TABLE, _ROWS), {"batch": 0}),
            Example((Given((4,)), Given((), 0, 4, "index")), {"batch": 0}),
            Example((_TABLE, Given((2, 3), 0, 4, "index")), {"batch": 0}),
            Example((Given((2, 4, 3)), Given((2, 5), 0, 4, "index")), {"batch": 1}),
        ),
    )
)
SCATTER: Op = declare(
    Op(
        "scatter",
        forward=_scatter,
        infer=_infer_scatter,
        pullback=_pull_scatter,
        batch=_batch_scatter,
        write=lambda p, inputs, batch, count: call("scatter", p, count=count, batch=batch or None),
        examples=(
            Example((_ROWS, Given((5, 3))), {"batch": 0, "count": 4}),
            Example((Given((2, 5), 0, 4, "index"), Given((2, 5, 3))), {"batch": 1, "count": 4}),
        ),
    )
)


@function()
def take(x: Operand, rows: Rows) -> Node:
    """The rows of x with these numbers: x[rows]. Its gradient is row-sparse, a `scatter` of the same rows.

    x has shape V×…, rows any shape of whole numbers 0 … V − 1; the value has shape rows×…
    """
    return make(TAKE, lift(x), whole_numbers(rows), batch=0)


@function()
def scatter(rows: Rows, values: Operand, count: Axis | str) -> Node:
    """Rows laid into a table of `count` zero rows; rows that meet in one place are added."""
    places, listed = whole_numbers(rows), real(lift(values))
    if listed.shape[: places.ndim] != places.shape:
        raise ShapeError(f"scatter lays {described(listed)} at {described(places)}: the front axes differ")
    return make(SCATTER, places, listed, batch=0, count=read_axis(count))


def whole_numbers(rows: Any) -> Node:
    """Whole numbers that select, as a node. DTypeError for what is none."""
    if isinstance(rows, Node):
        return rows
    array = array_of(rows)
    if array.dtype.kind not in "iu" and array.size:
        raise DTypeError(f"rows are chosen by whole numbers, not {array.dtype}")
    return constant(array, INTEGER)


# ── indexing ───────────────────────────────────────────────────────────────────────────────────────


@function()
def pick(x: Node, index: Any) -> Node:
    """`x[index]`: numbers, slices, `...`, None for a new axis, or whole numbers that take rows."""
    if isinstance(index, (Node, list, np.ndarray)):
        return take(x, index)
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(p, (Node, list, np.ndarray)) for p in parts):
        raise GraphError(
            f"{write(x, 40)}[…]: rows are taken along the first axis only; transpose, take, transpose back"
        )
    parts = without_ellipsis(x, parts)
    cuts: list[Cut] = []
    shape: list[Axis] = []
    axes = iter(x.shape)
    for part in parts:
        if part is None:
            shape.append(1)
            continue
        cut, keeps = read_cut(x, part, next(axes))
        cuts.append(cut)
        if keeps:
            shape.append(cut.length)
    partial = [cut != Cut(0, a, 1) for cut, a in zip(cuts, x.shape, strict=True)]
    if any(partial):  # whole axes in front are left out, so that an axis put in front changes nothing
        x = make(SLICE, x, cuts=tuple(cuts[partial.index(True) :]))
    return reshape(x, tuple(shape))


# ── join ──────────────────────────────────────────────────────────────────────────────────────────────


def _infer_join(*parts: Node, axis: int) -> tuple[Shape, DType]:
    shapes = [list(p.shape) for p in parts]
    total: Axis = 0
    for p, shape in zip(parts, shapes, strict=True):
        total = total + shape[axis]
        shape[axis] = 0
        if shape != shapes[0]:
            unequal = next(pair for pair in zip(shapes[0], shape, strict=True) if pair[0] != pair[1])
            raise ShapeError(
                f"concat along axis {parts[0].ndim + axis} needs the other axes equal, but {unequal[0]} and "
                f"{unequal[1]} differ in {described(parts[0])} and {described(p)}",
                unequal,
            )
    joined = list(parts[0].shape)
    joined[axis] = total
    return tuple(joined), common_dtype(p.dtype for p in parts)


def _pull_join(k: int, g: Node, y: Node, *parts: Node, axis: int) -> Node:
    start: Axis = 0
    for p in parts[:k]:
        start = start + p.shape[axis]
    rest = tuple(Cut(0, a, 1) for a in (y.shape[axis + 1 :] if axis != -1 else ()))
    return make(SLICE, g, cuts=(Cut(start, parts[k].shape[axis], 1), *rest))


def _write_join(p: Sequence[Phrase], rank: int, axis: int) -> Phrase:
    typed = call("concat", p, axis=rank + axis or None)
    sign = ";" if rank == 1 or (rank, axis) == (2, -2) else ","
    return printed_as(typed, Phrase("list", sign, tuple(p))) if rank < 3 else typed


JOIN: Op = declare(
    Op(
        "join",
        forward=lambda xp, *parts, axis: xp.concat(parts, axis=axis),
        infer=_infer_join,
        pullback=_pull_join,
        batch=lambda inputs, batched, axis: make(JOIN, *_all_batched(inputs, batched), axis=axis),
        write=lambda p, inputs, axis: _write_join(p, inputs[0].ndim, axis),
        examples=(
            Example((Given((2,)), Given((3,))), {"axis": -1}),
            Example((Given((2, 3)), Given((1, 3)), Given((2, 3))), {"axis": -2}),
        ),
    )
)


@function("concatenate", "concat")
def concat(parts: Sequence[Operand], axis: int = 0) -> Node:
    """Join operands along an axis that they have; the sizes add."""
    nodes = reals(*listed(parts, "concat"))
    if not nodes:
        raise ShapeError("concat joins one operand or more, and none is given")
    if any(n.ndim != nodes[0].ndim or not n.ndim for n in nodes):
        raise ShapeError(
            f"concat needs operands with equally many axes, at least one: {', '.join(map(described, nodes))}"
        )
    return nodes[0] if len(nodes) == 1 else make(JOIN, *nodes, axis=axis_of(nodes[0], axis) - nodes[0].ndim)


@function("stack")
def stack(parts: Sequence[Operand]) -> Node:
    """Lay operands of one shape side by side along a new first axis."""
    nodes = [lift(p) for p in listed(parts, "stack")]
    return concat([reshape(n, (1, *n.shape)) for n in nodes])


def split(x: Operand, counts: Sequence[Axis | str], axis: int = 0) -> list[Node]:
    """Cut an axis into consecutive parts of these sizes; the transpose of `concat`."""
    node = lift(x)
    place = axis_of(node, axis)
    parts: list[Node] = []
    first: Axis = 0
    for count in map(read_axis, listed(counts, "the second argument of split")):
        parts.append(node[(*(slice(None),) * place, slice(first, first + count))])
        first = first + count
    if first != node.shape[place]:
        raise ShapeError(
            f"the parts add up to {first}, but axis {place} of {described(node)} is {node.shape[place]}"
        )
    return parts
