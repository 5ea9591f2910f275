"""Products as users write them: `@`, `*`, transpose, sum, mean, outer, inner, trace, diagonal, ones, eye.

Each is the one operation of `letters` with its own index letters; a misfit is named in the reader's notation.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from chainrule.algebra.functions import function
from chainrule.algebra.letters import ALPHABET, PRODUCT_OP, aligned, build
from chainrule.algebra.misfit import in_entries, in_product, not_square
from chainrule.algebra.node import Node, Operand, constant, make, size
from chainrule.algebra.notation import described, factor
from chainrule.algebra.op import Example, Given, Op, declare
from chainrule.algebra.operand import lift, listed, operands, reals
from chainrule.algebra.product_notation import write_product
from chainrule.algebra.signature import (
    FLOAT64,
    Axis,
    Dim,
    DType,
    Misfit,
    Shape,
    axis as read_axis,
    broadcast,
    entries,
    shape_of,
    shape_text,
)
from chainrule.errors import ShapeError


@function("matmul")
def matmul(a: Operand, b: Operand) -> Node:
    """The matrix product `a @ b`: matrix–matrix, matrix–vector, or inner product of vectors.

    Axes before the last two broadcast. Raises ShapeError, with products that would fit, where axes differ.
    """
    left, right = operands_of_product(a, b)
    if not left.ndim or not right.ndim:
        raise ShapeError(
            f"@ needs vectors or matrices, but one of {described(left)} and {described(right)} is a scalar; use *"
        )
    inner = left.shape[-1], right.shape[max(right.ndim - 2, 0)]
    if inner[0] != inner[1]:
        raise ShapeError(in_product(left, right, *inner), inner)
    outer_left, outer_right = left.shape[:-2], right.shape[:-2]
    shared = broadcast([outer_left, outer_right])
    if isinstance(shared, Misfit):
        raise ShapeError(
            f"the front axes {shared.left} and {shared.right} of {described(left)} @ {described(right)} differ"
        )
    front_left, front_right, front = aligned(outer_left, outer_right, shared)
    rows, columns = "y" if left.ndim > 1 else "", "z" if right.ndim > 1 else ""
    return build((front_left + rows + "x", front_right + "x" + columns), front + rows + columns, (left, right))


def operands_of_product(a: Operand, b: Operand) -> tuple[Node, Node]:
    """The operands of `@`; refuses column @ row, an outer product on paper and an inner one in NumPy."""
    row = isinstance(b, Node) and b.op.name == "row"
    left, right = reals(a, b)
    if row and left.ndim == 1 and not (isinstance(a, Node) and a.op.name == "row"):
        x, y = factor(left), factor(right)
        raise ShapeError(
            f"{x} @ {y}.T: on paper a column times a row is the outer product ({left.shape[0]}×{right.shape[0]}), "
            f"in NumPy it is the inner product; write outer({x}, {y}) or {x}.T @ {y}"
        )
    return left, right


@function("multiply")
def multiply(a: Operand, b: Operand) -> Node:
    """The product entry by entry (Hadamard, a ⊙ b), with NumPy's broadcasting; a number scales."""
    left, right = operands(a, b)
    if not left.shape and not right.shape:
        return make(PRODUCT_OP, left, right, letters=",->", sizes=())
    shared = broadcast([left.shape, right.shape])
    if isinstance(shared, Misfit):
        raise ShapeError(in_entries("{} * {}".format, left, right, shared), shared)
    in_left, in_right, out = aligned(left.shape, right.shape, shared)
    return build((in_left, in_right), out, (left, right))


@function("transpose", "permute_dims")
def transpose(x: Operand, axes: Sequence[int] | None = None) -> Node:
    """The axes in reverse order, or in the order given; on a vector only a mark that it is read as a row."""
    node = lift(x)
    if node.ndim == 1 and axes is None:
        return as_row(x)
    term = ALPHABET[: node.ndim]
    order = range(node.ndim)[::-1] if axes is None else [axis_of(node, a) for a in listed(axes, "transpose")]
    if sorted(order) != list(range(node.ndim)):
        raise ShapeError(f"transpose of {described(node)} needs each of its {node.ndim} axes once, not {axes}")
    return build((term,), "".join(term[a] for a in order), (node,))


def _infer_row(x: Node) -> tuple[Shape, DType]:
    return x.shape, x.dtype


ROW = declare(
    Op(
        "row",
        forward=lambda xp, x: x,
        infer=_infer_row,
        pullback=lambda k, g, y, x: g,
        batch=lambda inputs, batched: inputs[0],
        write=lambda p, inputs: write_product(p, inputs, letters="row", sizes=()),
        examples=(Example((Given((3,)),), {}),),
    )
)


def as_row(x: Operand) -> Node:
    """A vector marked as a row; the mark is gone once an operation has read it."""
    return lift(x) if isinstance(x, Node) and x.op is ROW else make(ROW, lift(x))


def axis_of(node: Node, a: int) -> int:
    """One axis, counted from the front."""
    if isinstance(a, bool) or not isinstance(a, (int, np.integer)):
        raise ShapeError(f"{a!r:.40} is no axis of {described(node)}; give a whole number")
    if not -node.ndim <= a < node.ndim:
        count = "1 axis" if node.ndim == 1 else f"{node.ndim} axes"
        raise ShapeError(f"axis {a} of {described(node)}: it has {count}, numbered from 0")
    return int(a) % node.ndim


def axes_of(node: Node, axis: int | Sequence[int] | None) -> tuple[int, ...]:
    """The axes meant by NumPy's `axis=` argument, counted from the front."""
    if axis is None:
        return tuple(range(node.ndim))
    places = [axis_of(node, a) for a in (axis if isinstance(axis, (tuple, list)) else (axis,))]
    if len(set(places)) < len(places):
        raise ShapeError(f"axis {axis} of {described(node)} names one axis twice")
    return tuple(sorted(places))


@function("sum")
def sum(x: Operand, axis: int | Sequence[int] | None = None) -> Node:
    """The sum over all entries, or over the given axes."""
    (node,) = operands(x)
    term, gone = ALPHABET[: node.ndim], axes_of(node, axis)
    return build((term,), "".join(c for i, c in enumerate(term) if i not in gone), (node,))


@function("mean")
def mean(x: Operand, axis: int | Sequence[int] | None = None) -> Node:
    """The mean over all entries, or over the given axes."""
    (node,) = operands(x)
    return sum(node, axis) / size(entries(tuple(node.shape[a] for a in axes_of(node, axis))), node.dtype)


@function("outer")
def outer(x: Operand, y: Operand) -> Node:
    """The outer product x yᵀ of vectors: all pairs x_i y_j."""
    left, right = reals(x, y)
    if left.ndim != 1 or right.ndim != 1:
        raise ShapeError(f"outer takes two vectors, not {described(left)} and {described(right)}")
    return build(("a", "b"), "ab", (left, right))


@function("vdot")
def inner(x: Operand, y: Operand) -> Node:
    """The sum of the products entry by entry, ⟨x, y⟩, of operands of one shape."""
    left, right = reals(x, y)
    if left.shape != right.shape:
        unequal = next((pair for pair in zip(left.shape, right.shape, strict=False) if len(set(pair)) > 1), None)
        raise ShapeError(
            f"inner needs operands of one shape, not {described(left)} and {described(right)}", unequal
        )
    term = ALPHABET[: left.ndim]
    return build((term, term), "", (left, right))


def square_matrix(node: Node, what: str) -> Node:
    """The node itself if its last two axes are equal; ShapeError otherwise."""
    if node.ndim < 2 or node.shape[-1] != node.shape[-2]:
        raise ShapeError(not_square(node, what), node.shape[-2:] if node.ndim > 1 else None)
    return node


@function("trace")
def trace(X: Operand) -> Node:
    """The sum of the diagonal of a square matrix, tr X."""
    return build(("aa",), "", (square_matrix(operands(X)[0], "trace"),))


@function("diag")
def diag(x: Operand) -> Node:
    """The diagonal matrix of a vector, or the diagonal of a square matrix."""
    (node,) = operands(x)
    if node.ndim == 1:
        return build(("a",), "aa", (node,))
    return build(("aa",), "a", (square_matrix(node, "diag"),))


def full(shape: int | str | Dim | Iterable[Axis | str], value: Operand = 1.0, *, dtype: DType = FLOAT64) -> Node:
    """An array of this shape that is `value` everywhere."""
    axes = shape_of(shape)
    return broadcast_to(lift(value, dtype), axes)


def ones(*shape: Axis | str, dtype: DType = FLOAT64) -> Node:
    """An array of ones: `ones("n")`, `ones("n", "m")`."""
    return full(shape, 1.0, dtype=dtype)


def zeros(*shape: Axis | str, dtype: DType = FLOAT64) -> Node:
    """An array of zeros: `zeros("n")`, `zeros("n", "m")`."""
    return full(shape, 0.0, dtype=dtype)


def eye(n: Axis | str, *, dtype: DType = FLOAT64) -> Node:
    """The identity matrix n×n."""
    return make(PRODUCT_OP, constant(1, dtype), letters="->aa", sizes=(read_axis(n),))


@function("broadcast_to")
def broadcast_to(x: Operand, shape: Iterable[Axis | str]) -> Node:
    """The same entries repeated to fill a larger shape, under NumPy's rule."""
    (node,), target = operands(x), shape_of(shape)
    if broadcast([node.shape, target]) != target:
        raise ShapeError(f"{described(node)} does not stretch to {shape_text(target)}")
    term, _, out = aligned(node.shape, (), target)
    return build((term,), out, (node,), dict(zip(out, target, strict=True)))
