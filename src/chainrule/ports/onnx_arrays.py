"""The functions of arrays as nodes of ONNX, under their names in the array API standard.

What an operation computes is written once, over any array namespace; run over this one it writes ONNX.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.algebra.op import Array
from chainrule.algebra.signature import (
    BOOLEAN,
    FLOAT32,
    FLOAT64,
    INTEGER,
    Axis,
    Dim,
    DType,
    Shape,
    broadcast,
    entries,
)
from chainrule.ports.onnx_graph import BINARY, Graph


class Unwritten(Exception):  # noqa: N818 — never seen outside: the operation is named instead
    """ONNX has nothing for what is asked."""


UNARY: Mapping[str, str] = {
    "abs": "Abs",
    "exp": "Exp",
    "log": "Log",
    "sqrt": "Sqrt",
    "tanh": "Tanh",
    "sin": "Sin",
    "cos": "Cos",
    "erf": "Erf",
    "sign": "Sign",
    "sigmoid": "Sigmoid",
    "relu": "Relu",
}
"""Functions of one array, and the operator of ONNX."""

DTYPES: Mapping[str, DType] = {"float32": FLOAT32, "float64": FLOAT64, "int64": INTEGER, "bool": BOOLEAN}


class Functions(Graph):
    """A model that is written by calling functions of arrays."""

    def __init__(self) -> None:
        super().__init__()
        self.linalg = self

    def __getattr__(self, name: str) -> Any:
        if name in DTYPES:
            return DTYPES[name]
        operator = UNARY.get(name) or BINARY.get(name)
        if operator is None or name.startswith("_"):
            raise Unwritten(name) if not name.startswith("_") else AttributeError(name)
        return partial(self.node if name in UNARY else self.binary, operator)

    def axes(self, axis: Any, ndim: int) -> tuple[int, ...]:
        """Axes counted from the front."""
        return tuple(
            a % ndim for a in (range(ndim) if axis is None else (axis,) if isinstance(axis, int) else axis)
        )

    # ── functions that change shapes ──────────────────────────────────────────────────────────────────

    def reshape(self, x: Array, shape: Iterable[Axis]) -> Array:
        """The same entries in another shape; one axis may be -1."""
        wanted = tuple(shape)
        if -1 in wanted:
            rest = math.prod([a for a in wanted if a != -1])
            wanted = tuple(_over(entries(x.shape), rest) if a == -1 else a for a in wanted)
        return x if wanted == x.shape else self.node("Reshape", x, self._layout(wanted), shape=wanted)

    def _layout(self, shape: Shape) -> Array:
        """A shape for Reshape, which finds out one axis by itself."""
        open_axes = [a for a in shape if isinstance(a, Dim)]
        if len(open_axes) == 1 and 0 not in shape:
            return self.asarray(np.array([-1 if isinstance(a, Dim) else a for a in shape], np.int64))
        return self.sizes(shape)

    def permute_dims(self, x: Array, axes: Sequence[int]) -> Array:
        """The axes in another order."""
        return self.node("Transpose", x, shape=tuple(x.shape[a] for a in axes), perm=list(axes))

    def broadcast_to(self, x: Array, shape: Shape) -> Array:
        """The same entries repeated."""
        return self.node("Expand", x, self.sizes(shape), shape=tuple(shape))

    def expand_dims(self, x: Array, axis: int) -> Array:
        """One more axis, of size 1."""
        place = axis % (x.ndim + 1)
        return self.reshape(x, (*x.shape[:place], 1, *x.shape[place:]))

    def squeeze(self, x: Array, axis: int | Sequence[int]) -> Array:
        """Without these axes of size 1."""
        gone = self.axes(axis, x.ndim)
        return self.reshape(x, tuple(a for k, a in enumerate(x.shape) if k not in gone))

    def concat(self, parts: Sequence[Array], axis: int = 0) -> Array:
        """Arrays one after the other along an axis."""
        place = axis % parts[0].ndim
        total: Axis = 0
        for p in parts:
            total = total + p.shape[place]
        shape = (*parts[0].shape[:place], total, *parts[0].shape[place + 1 :])
        return self.node("Concat", *parts, shape=shape, axis=place)

    # ── functions that make arrays ────────────────────────────────────────────────────────────────────

    def full(self, shape: Shape, value: float, dtype: DType) -> Array:
        """An array with one value."""
        one = self.asarray(np.asarray(value, dtype))
        return one if not shape else self.broadcast_to(one, shape)

    def zeros(self, shape: Shape, dtype: DType) -> Array:
        """An array of zeros."""
        return self.full(shape, 0, dtype)

    def zeros_like(self, x: Array) -> Array:
        """The number 0, which stands for all."""
        return self.asarray(np.zeros((), x.dtype))

    def ones_like(self, x: Array) -> Array:
        """The number 1, which stands for all."""
        return self.asarray(np.ones((), x.dtype))

    def full_like(self, x: Array, value: float) -> Array:
        """A number, which stands for all."""
        return self.asarray(np.asarray(value, x.dtype))

    def arange(self, n: Axis) -> Array:
        """The whole numbers below n."""
        if isinstance(n, int):
            return self.asarray(np.arange(n))
        zero, one = (self.asarray(np.array(k, np.int64)) for k in (0, 1))
        return self.node("Range", zero, self.asarray(n), one, shape=(n,), dtype=INTEGER)

    def eye(self, n: Axis, dtype: DType) -> Array:
        """The identity matrix."""
        return self.node("EyeLike", self.broadcast_to(self.asarray(np.zeros((1, 1), dtype)), (n, n)))

    # ── entries and reductions ────────────────────────────────────────────────────────────────────────

    def where(self, condition: Array, a: Any, b: Any) -> Array:
        """`a` where the condition holds, else `b`."""
        a, b = (self.lifted(x, getattr(other, "dtype", FLOAT64)) for x, other in ((a, b), (b, a)))
        shape = broadcast([condition.shape, a.shape, b.shape])
        return self.node("Where", condition, a, b, shape=shape, dtype=a.dtype)

    def clip(self, x: Array, low: float, high: float) -> Array:
        """Entries kept between two numbers."""
        return self.node("Clip", x, self.lifted(low, x.dtype), self.lifted(high, x.dtype))

    def log1p(self, x: Array) -> Array:
        """log u · x / (u − 1) with u = 1 + x, which loses no digits of a small x (Kahan)."""
        u = 1 + x
        log_u = self.log(u)
        lost = self.where(u == 1, self.ones_like(u), u - 1)
        return self.where(u == 1, x, self.where(lost == x, log_u, log_u * x / lost))

    def expm1(self, x: Array) -> Array:
        """tanh(x / 2) (eˣ + 1), but −1 or ∞ where that is 0 · ∞."""
        return self.where(self.abs(x) < 1, self.tanh(x / 2) * (self.exp(x) + 1), self.exp(x) - 1)

    def isinf(self, x: Array) -> Array:
        """Where entries are infinite."""
        return self.node("IsInf", x, dtype=BOOLEAN)

    def isfinite(self, x: Array) -> Array:
        """Where entries are neither infinite nor NaN."""
        return self.abs(x) < math.inf

    def _reduced(self, operator: str, x: Array, axis: Any, keepdims: bool) -> Array:
        gone = self.axes(axis, x.ndim)
        kept = tuple(1 if k in gone else a for k, a in enumerate(x.shape) if keepdims or k not in gone)
        over = self.asarray(np.array(gone, np.int64))
        return self.node(operator, x, over, shape=kept, keepdims=int(keepdims)) if gone else x

    def sum(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """The sum over axes."""
        return self._reduced("ReduceSum", x, axis, keepdims)

    def max(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """The largest entry over axes."""
        return self._reduced("ReduceMax", x, axis, keepdims)

    def min(self, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
        """The smallest entry over axes."""
        return self._reduced("ReduceMin", x, axis, keepdims)

    # ── matrices ──────────────────────────────────────────────────────────────────────────────────────

    def matmul(self, a: Array, b: Array) -> Array:
        """Matrix products, one for each of the axes in front."""
        return self.node("MatMul", a, b, shape=(*a.shape[:-1], b.shape[-1]))

    def diagonal(self, x: Array) -> Array:
        """The diagonals along the last two axes."""
        unit = self.eye(x.shape[-1], x.dtype) != 0
        return self.sum(self.where(unit, x, self.zeros_like(x)), axis=-1)

    def det(self, x: Array) -> Array:
        """Determinants."""
        return self.node("Det", x, shape=x.shape[:-2])

    def slogdet(self, x: Array) -> tuple[Array, Array]:
        """The sign of determinants, and the logarithm of their size."""
        det = self.det(x)
        return self.sign(det), self.log(self.abs(det))


def _over(total: Axis, rest: Axis) -> Axis:
    """An axis out of the number of entries and the product of the other axes."""
    if rest in (1, total):
        return total if rest == 1 else 1
    if isinstance(total, int) and isinstance(rest, int) and rest and total % rest == 0:
        return total // rest
    raise Unwritten(f"{total} entries over {rest}")
