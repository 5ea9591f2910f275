"""NumPy's functions whose arguments mean something else than ours of the same name.

Each gives NumPy's meaning, or refuses what expressions have no form for.
"""

from chainrule.algebra.entrywise import clip
from chainrule.algebra.functions import function
from chainrule.algebra.letters import ALPHABET, build
from chainrule.algebra.node import Node, Operand
from chainrule.algebra.notation import described
from chainrule.algebra.operand import lift, reals
from chainrule.algebra.product import axis_of, diag, matmul, multiply, square_matrix
from chainrule.algebra.reduce import norm1, norm2
from chainrule.algebra.select import Rows, ravel, take
from chainrule.errors import GraphError, ShapeError


@function("take")
def numpy_take(a: Operand, indices: Rows, axis: int | None = None) -> Node:
    """`np.take`: from all entries in one row unless the first axis is named."""
    node = lift(a)
    if axis is None:
        return take(ravel(node), indices)
    if axis_of(node, axis):
        raise GraphError(
            f"np.take along axis {axis} of {described(node)}: rows are taken along the first axis only"
        )
    return take(node, indices)


@function("dot")
def numpy_dot(a: Operand, b: Operand) -> Node:
    """`np.dot`: a product with a number, or a matrix product."""
    left, right = lift(a), lift(b)
    if not left.ndim or not right.ndim:
        return multiply(a, b)
    if right.ndim > 2:
        raise GraphError(f"np.dot pairs all front axes of {described(right)}; write a @ b, or einsum")
    return matmul(a, b)


@function("inner")
def numpy_inner(a: Operand, b: Operand) -> Node:
    """`np.inner`: the sum over the last axes."""
    left, right = reals(a, b)
    if not left.ndim or not right.ndim:
        return multiply(left, right)
    if left.shape[-1] != right.shape[-1]:
        raise ShapeError(
            f"np.inner sums over the last axes, which differ in {described(left)} and {described(right)}"
        )
    first, second = ALPHABET[: left.ndim - 1], ALPHABET[26 : 25 + right.ndim]
    return build((first + "z", second + "z"), first + second, (left, right))


@function("norm")
def numpy_norm(x: Operand, ord: object = None, axis: int | None = None) -> Node:
    """`np.linalg.norm`: Euclidean or Frobenius, or the sum of absolute values of vectors."""
    node = lift(x)
    vectors = node.ndim == 1 or axis is not None
    if ord is None or (ord == 2 and vectors) or (ord == "fro" and not vectors):
        return norm2(node, axis)
    if ord == 1 and vectors:
        return norm1(node, axis)
    raise GraphError(f"np.linalg.norm with ord={ord!r} of {described(node)} has no form on expressions")


@function("diagonal")
def numpy_diagonal(a: Operand) -> Node:
    """`np.diagonal`: of a matrix only."""
    return diag(square_matrix(lift(a), "np.diagonal"))


@function("clip")
def numpy_clip(a: Operand, a_min: float | None = None, a_max: float | None = None) -> Node:
    """`np.clip`: a bound may be missing."""
    return clip(a, -float("inf") if a_min is None else a_min, float("inf") if a_max is None else a_max)
