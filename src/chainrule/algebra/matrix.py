"""Functions of square matrices: inverse, determinant, solution of linear equations; the Kronecker product, and the
matrix that exchanges its factors.

Gradients: Petersen & Pedersen, The Matrix Cookbook (2012), sections 2.1 and 2.2; Giles (2008).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from chainrule.algebra.functions import function
from chainrule.algebra.letters import ALPHABET, build, repeat
from chainrule.algebra.node import Node, Operand, make, no_inputs
from chainrule.algebra.notation import described, write
from chainrule.algebra.op import Array, Example, Given, Namespace, Op, declare
from chainrule.algebra.operand import operands, reals
from chainrule.algebra.phrase import beside, call, dimension, inverted, printed_as, subscripted, symbol
from chainrule.algebra.product import eye, matmul, outer, square_matrix
from chainrule.algebra.select import reshape
from chainrule.algebra.signature import FLOAT64, Axis, DType, Shape, axis as read_axis
from chainrule.errors import GraphError, ShapeError


def turned(x: Node) -> Node:
    """The last two axes exchanged."""
    term = ALPHABET[: x.ndim]
    return build((term,), term[:-2] + term[-1] + term[-2], (x,))


@function("inv")
def inv(X: Operand) -> Node:
    """The inverse of a square matrix."""
    return make(INV, *operands(X))


def _infer_square(name: str, gone: int, x: Node) -> tuple[Shape, DType]:
    square_matrix(x, name)
    return x.shape[: x.ndim - gone], x.dtype


_PAPER = {"det": "det", "logdet": "log det"}


def _of_square(name: str, forward: Any, pullback: Any, gone: int, needs: str) -> Op:
    def batch(inputs: Sequence[Node], batched: Sequence[bool]) -> Node:
        return make(op, *inputs)

    op = declare(
        Op(
            name,
            forward=forward,
            infer=partial(_infer_square, name, gone),
            pullback=lambda k, g, y, x: pullback(g, y, x),
            batch=batch,
            write=lambda p, _: (
                inverted(p[0]) if name == "inv" else printed_as(call(name, p), call(_PAPER[name], p))
            ),
            examples=(
                Example((Given((3, 3), 0.5, 2, "definite"),), {}),
                Example((Given((3, 3), 0.5, 2, "regular"),), {}),
                Example((Given((2, 2, 2), 0.5, 2, "regular"),), {}),
            ),
            guarded=True,
            needs=needs,
        )
    )
    return op


def _scaled(factor: Node, x: Node) -> Node:
    """One number for each matrix times that matrix."""
    return reshape(factor, (*factor.shape, 1, 1)) * x if factor.ndim else factor * x


def _logdet(xp: Namespace, x: Array) -> Array:
    sign, value = xp.linalg.slogdet(x)
    return xp.where(sign > 0, value, xp.full_like(value, float("nan")))


INV: Op = _of_square(
    "inv", lambda xp, x: xp.linalg.inv(x), lambda g, y, x: -(turned(y) @ g @ turned(y)), 0, "{a} to be invertible"
)  # dX⁻¹ = −X⁻¹ dX X⁻¹
DET: Op = _of_square(
    "det",
    lambda xp, x: xp.linalg.det(x),
    lambda g, y, x: _scaled(g * y, turned(inv(x))),
    2,
    "{a} to be invertible, as its gradient is written with the inverse",
)  # d det X = det X · tr(X⁻¹ dX)
LOGDET: Op = _of_square(
    "logdet", _logdet, lambda g, y, x: _scaled(g, turned(inv(x))), 2, "a positive determinant: det({a}) > 0"
)


def _infer_solve(a: Node, b: Node) -> tuple[Shape, DType]:
    square_matrix(a, "solve")
    if a.shape[:-1] != b.shape[: a.ndim - 1] or b.ndim not in (a.ndim - 1, a.ndim):
        message = f"solve(A, b) needs as many rows in b as in A, not {described(a)} and {described(b)}"
        raise ShapeError(message, (a.shape[a.ndim - 2], b.shape[a.ndim - 2]) if b.ndim >= a.ndim - 1 else None)
    return b.shape, b.dtype


def _solve(xp: Namespace, a: Array, b: Array) -> Array:
    if b.ndim == a.ndim:
        return xp.linalg.solve(a, b)
    return xp.squeeze(xp.linalg.solve(a, xp.expand_dims(b, axis=-1)), axis=-1)


def _pull_solve(k: int, g: Node, y: Node, a: Node, b: Node) -> Node:
    back = make(SOLVE, turned(a), g)
    if k:
        return back
    if b.ndim == a.ndim:
        return -(back @ turned(y))
    front = ALPHABET[: a.ndim - 2]
    return -build((front + "y", front + "z"), front + "yz", (back, y))


def _batch_solve(inputs: Sequence[Node], batched: Sequence[bool]) -> Node:
    front = next(n.shape[0] for n, b in zip(inputs, batched, strict=True) if b)
    return make(SOLVE, *(n if b else repeat(n, front) for n, b in zip(inputs, batched, strict=True)))


SOLVE: Op = declare(
    Op(
        "solve",
        forward=_solve,
        infer=_infer_solve,
        pullback=_pull_solve,
        batch=_batch_solve,
        write=lambda p, _: printed_as(call("solve", p), beside(inverted(p[0]), p[1])),
        examples=(
            Example((Given((3, 3), 0.5, 2, "regular"), Given((3,))), {}),
            Example((Given((3, 3), 0.5, 2, "regular"), Given((3, 2))), {}),
        ),
        guarded=True,
        needs="{a} to be invertible",
    )
)


@function("det")
def det(X: Operand) -> Node:
    """The determinant of a square matrix; its gradient, det(X) inv(X)ᵀ, needs an invertible one."""
    return make(DET, *operands(X))


@function()
def logdet(X: Operand) -> Node:
    """log det X, NaN where the determinant is not positive; computed without forming the determinant."""
    return make(LOGDET, *operands(X))


@function("solve")
def solve(A: Operand, b: Operand) -> Node:
    """The x with A x = b, for a vector or the columns of a matrix b."""
    return make(SOLVE, *operands(A, b))


@function("matrix_power")
def matpow(X: Operand, n: int) -> Node:
    """The matrix product X X … X of n factors; n < 0 multiplies inverses."""
    (node,) = operands(X)
    square_matrix(node, "matpow")
    if not isinstance(n, int) or abs(n) > 64:
        raise GraphError(f"matpow takes a whole number from -64 to 64, not {n!r:.40}")
    if n == 0:
        return eye(node.shape[-1], dtype=node.dtype)
    base = inv(node) if n < 0 else node
    power = base
    for _ in range(abs(n) - 1):
        power = matmul(power, base)
    return power


@function("kron")
def kron(A: Operand, B: Operand) -> Node:
    """The Kronecker product of matrices, (n·p)×(m·q), or of vectors; beside a matrix a row is written `x.T`.

    Raises ShapeError for a column beside a matrix, which NumPy takes for a row.
    """
    a, b = reals(A, B)
    for given, x in ((A, a), (B, b)):
        if a.ndim + b.ndim == 3 and x.ndim == 1 and not _is_row(given):
            name = write(x, 40)
            raise ShapeError(
                f"kron({write(a, 40)}, {write(b, 40)}): {name} is a column on paper and a row in NumPy; "
                f"write {name}.T for the row, or reshape({name}, {x.shape[0]}, 1) for the column"
            )
    return kronecker(A, B)


@function()
def kronecker(A: Operand, B: Operand) -> Node:
    """A ⊗ B as paper has it, where a vector is a column and its transpose a row."""
    a, b = reals(A, B)
    if a.ndim == b.ndim == 1 and _is_row(A) == _is_row(B):
        return reshape(outer(a, b), a.shape[0] * b.shape[0])
    if a.ndim == b.ndim == 2:
        (n, m), (p, q) = a.shape, b.shape
        return reshape(build(("ab", "cd"), "acbd", (a, b)), (n * p, m * q))
    if (a.ndim, b.ndim) == (1, 2):
        (n,), (p, q) = a.shape, b.shape
        joined = build(("a", "bc"), "bac" if _is_row(A) else "abc", (a, b))
        return reshape(joined, (p, n * q) if _is_row(A) else (n * p, q))
    if (a.ndim, b.ndim) == (2, 1):
        (n, m), (p,) = a.shape, b.shape
        joined = build(("ab", "c"), "abc" if _is_row(B) else "acb", (a, b))
        return reshape(joined, (n, m * p) if _is_row(B) else (n * p, m))
    raise ShapeError(f"kron takes matrices and vectors, not {described(a)} and {described(b)}")


def _is_row(x: Operand) -> bool:
    return isinstance(x, Node) and x.op.name == "row"


# ── the commutation matrix ────────────────────────────────────────────────────────────────────────────


def _commutation(xp: Namespace, m: int, n: int, dtype: DType) -> Array:
    """The identity with its columns, numbered (i, j) row by row, taken in the order (j, i)."""
    identity = xp.reshape(xp.eye(m * n, dtype=getattr(xp, dtype.name)), (m * n, m, n))
    return xp.reshape(xp.permute_dims(identity, (0, 2, 1)), (m * n, m * n))


COMMUTATION: Op = declare(
    Op(
        "commutation",
        forward=_commutation,
        infer=lambda m, n, dtype: ((m * n, m * n), dtype),
        pullback=no_inputs,
        batch=no_inputs,
        write=lambda _, __, m, n, dtype: printed_as(
            call("commutation", [dimension(m), dimension(n)]),
            subscripted(symbol("K"), dimension(m), dimension(n)),
        ),
        examples=(Example((), {"m": 2, "n": 3, "dtype": FLOAT64}),),
    )
)


def commutation(m: Axis | str, n: Axis | str, *, dtype: DType = FLOAT64) -> Node:
    """The commutation matrix K, (m·n)×(m·n), with vec(Aᵀ) = K vec(A) for every A that is m×n."""
    return make(COMMUTATION, m=read_axis(m), n=read_axis(n), dtype=dtype)
