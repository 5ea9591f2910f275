"""The node: an immutable expression, one object for equal expressions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from types import MappingProxyType
from typing import Any, Union

import numpy as np

from chainrule.algebra.data import Data, array_of, converted, kind_of_data
from chainrule.algebra.functions import FUNCTIONS, from_numpy
from chainrule.algebra.label import label
from chainrule.algebra.notation import write
from chainrule.algebra.op import OPS, Array, Namespace, Op, declare
from chainrule.algebra.phrase import Phrase, dimension, multiple_of_pi, number, verbatim
from chainrule.algebra.shown import Shown
from chainrule.algebra.signature import (
    BOOLEAN,
    FLOAT64,
    INTEGER,
    Axis,
    Dim,
    DType,
    Shape,
    axis,
    kind_of,
    real_dtype,
    shape_of,
)
from chainrule.algebra.table import Table
from chainrule.errors import DTypeError, GraphError, ShapeError

Operand = Union["Node", float, np.ndarray, Sequence[float]]

MOST_AXES = 20  # the letters of a product are one alphabet


class Node(Shown):
    """An expression `(op, inputs, attrs)` whose shape and dtype are known. Equal expressions are one object."""

    __slots__ = ("__weakref__", "attrs", "dtype", "inputs", "op", "plain", "shape")

    op: Op
    inputs: tuple["Node", ...]
    attrs: Mapping[str, Any]
    shape: Shape
    dtype: DType
    plain: "Node | bool"  # what `simplify` makes of it: True for itself, False while that is not known

    __iter__ = None  # an axis may have no number yet; without this Python would count for ever

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an expression does not change: {name} cannot be set on {write(self, 60)}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"an expression does not change: {name} cannot be deleted from {write(self, 60)}")

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def T(self) -> "Node":  # noqa: N802 — NumPy's name
        """The transpose; on a vector, a mark that it is read as a row."""
        return FUNCTIONS["transpose"](self)

    def __copy__(self) -> "Node":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Node":
        return self

    def __reduce__(self) -> tuple[Callable[..., "Node"], tuple[Any, ...]]:
        return rebuild, (flatten(self),)

    def __bool__(self) -> bool:
        raise GraphError(
            f"{write(self, 60)} has no truth value: its variables have no numbers yet. "
            "Choose between expressions with where(condition, a, b)"
        )

    def __add__(self, other: Operand) -> "Node":
        return FUNCTIONS["add"](self, other)

    def __radd__(self, other: Operand) -> "Node":
        return FUNCTIONS["add"](other, self)

    def __sub__(self, other: Operand) -> "Node":
        return FUNCTIONS["subtract"](self, other)

    def __rsub__(self, other: Operand) -> "Node":
        return FUNCTIONS["subtract"](other, self)

    def __mul__(self, other: Operand) -> "Node":
        return FUNCTIONS["multiply"](self, other)

    def __rmul__(self, other: Operand) -> "Node":
        return FUNCTIONS["multiply"](other, self)

    def __truediv__(self, other: Operand) -> "Node":
        return FUNCTIONS["divide"](self, other)

    def __rtruediv__(self, other: Operand) -> "Node":
        return FUNCTIONS["divide"](other, self)

    def __matmul__(self, other: Operand) -> "Node":
        return FUNCTIONS["matmul"](self, other)

    def __rmatmul__(self, other: Operand) -> "Node":
        return FUNCTIONS["matmul"](other, self)

    def __pow__(self, other: Operand) -> "Node":
        return FUNCTIONS["power"](self, other)

    def __rpow__(self, other: Operand) -> "Node":
        return FUNCTIONS["power"](other, self)

    def __neg__(self) -> "Node":
        return FUNCTIONS["negative"](self)

    def __pos__(self) -> "Node":
        return self

    def __abs__(self) -> "Node":
        return FUNCTIONS["abs"](self)

    def __lt__(self, other: Operand) -> "Node":
        return FUNCTIONS["less"](self, other)

    def __le__(self, other: Operand) -> "Node":
        return FUNCTIONS["less_equal"](self, other)

    def __gt__(self, other: Operand) -> "Node":
        return FUNCTIONS["greater"](self, other)

    def __ge__(self, other: Operand) -> "Node":
        return FUNCTIONS["greater_equal"](self, other)

    def __and__(self, other: Operand) -> "Node":
        return FUNCTIONS["both"](self, other)

    def __rand__(self, other: Operand) -> "Node":
        return FUNCTIONS["both"](other, self)

    def __or__(self, other: Operand) -> "Node":
        return FUNCTIONS["either"](self, other)

    def __ror__(self, other: Operand) -> "Node":
        return FUNCTIONS["either"](other, self)

    def __invert__(self) -> "Node":
        return FUNCTIONS["opposite"](self)

    def __getitem__(self, index: Any) -> "Node":
        return FUNCTIONS["pick"](self, index)

    def sum(self, axis: int | tuple[int, ...] | None = None) -> "Node":
        """The sum over all entries, or over the given axes."""
        return FUNCTIONS["sum"](self, axis=axis)

    def mean(self, axis: int | tuple[int, ...] | None = None) -> "Node":
        """The mean over all entries, or over the given axes."""
        return FUNCTIONS["mean"](self, axis=axis)

    def max(self, axis: int | tuple[int, ...] | None = None) -> "Node":
        """The largest entry, overall or over the given axes."""
        return FUNCTIONS["max"](self, axis=axis)

    def min(self, axis: int | tuple[int, ...] | None = None) -> "Node":
        """The smallest entry, overall or over the given axes."""
        return FUNCTIONS["min"](self, axis=axis)

    def reshape(self, *shape: Any) -> "Node":
        """The same entries, row by row, in another shape."""
        return FUNCTIONS["reshape"](self, *shape)

    def __array__(self, *args: object, **kwargs: object) -> np.ndarray:
        raise GraphError(
            f"{write(self, 60)} is an expression and no array; evaluate(expression, values) gives numbers"
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> "Node":
        if method != "__call__" or kwargs:
            what = (
                f"np.{ufunc.__name__}.{method}"
                if method != "__call__"
                else f"np.{ufunc.__name__} with {', '.join(kwargs)}="
            )
            raise GraphError(f"{what} has no form on expressions; call np.{ufunc.__name__}(…) plainly")
        return from_numpy(ufunc.__name__, inputs, {})

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> "Node":
        return from_numpy(func.__name__, args, kwargs)


_table: Table[Node] = Table()
_numbers: Table[Node] = Table()
_entries = _table.entries
_NONE: Mapping[str, Any] = MappingProxyType({})
_op, _inputs, _attrs, _shape, _dtype, set_plain = (
    Node.__dict__[slot].__set__ for slot in ("op", "inputs", "attrs", "shape", "dtype", "plain")
)


def make(op: Op, *inputs: Node, **attrs: Any) -> Node:
    """The node of an operation on inputs: the one that exists, or a new one. Raises what `op.infer` raises."""
    key = (op.name, tuple(map(id, inputs)), tuple(attrs.values()))
    entry = _entries.get(key)
    known = None if entry is None else entry()
    if known is not None:
        return known
    shape, dtype = op.infer(*inputs, **attrs)
    if len(shape) > MOST_AXES:
        raise ShapeError(f"an expression has at most {MOST_AXES} axes, and this {op.name} would have {len(shape)}")
    node = object.__new__(Node)
    _op(node, op)
    _inputs(node, inputs)
    _attrs(node, MappingProxyType(attrs) if attrs else _NONE)
    _shape(node, shape)
    _dtype(node, dtype)
    set_plain(node, False)
    return _table.enter(key, node)


# ── walking a graph, without recursion ────────────────────────────────────────────────────────────────


def topological(roots: Iterable[Node]) -> list[Node]:
    """Every node below the roots once, inputs before users, in the order of writing."""
    order: dict[Node, None] = {}
    begun: list[Node] = []
    for root in roots:
        if not isinstance(root, Node):
            raise GraphError(f"{root!r:.40} is no expression")
        stack: list[Node | None] = [root]
        while stack:
            node = stack.pop()
            if node is None:  # all that the last one begun is made of has been written
                order[begun.pop()] = None
            elif node not in order:
                if node.inputs:
                    begun.append(node)
                    stack.append(None)
                    stack += node.inputs[::-1]
                else:
                    order[node] = None
    return list(order)


def variables(*roots: Node) -> list[Node]:
    """The variables that the expressions depend on, in the order of writing."""
    return [n for n in topological(roots) if n.op is VARIABLE]


def flatten(root: Node) -> list[tuple[str, tuple[int, ...], dict[str, Any]]]:
    """The graph as a list of (operation, positions of inputs, attributes): its form in a pickle."""
    order = topological([root])
    place = {id(n): i for i, n in enumerate(order)}
    return [(n.op.name, tuple(place[id(i)] for i in n.inputs), dict(n.attrs)) for n in order]


def rebuild(flat: list[tuple[str, tuple[int, ...], dict[str, Any]]]) -> Node:
    """The node that `flatten` took apart."""
    built: list[Node] = []
    for name, places, attrs in flat:
        built.append(make(OPS[name], *(built[p] for p in places), **attrs))
    return built[-1]


# ── leaves ────────────────────────────────────────────────────────────────────────────────────────────


def no_inputs(*_: Any, **__: Any) -> Any:
    """What a leaf has in the place of a gradient rule and a batching rule."""
    raise GraphError("a leaf has no inputs: there is nothing to pull back to, or to batch")


def _forward_constant(xp: Namespace, data: Data) -> Array:
    return data.array[()] if xp is np else xp.asarray(data.array)


def _write_constant(_: Any, __: Any, data: Data) -> Phrase:
    if data.array.ndim:
        return verbatim(" ".join(repr(data).split()))
    if data.array.dtype == BOOLEAN:
        return verbatim(str(bool(data.array)))
    value = float(str(data.array))
    return multiple_of_pi(value) or number(value)


def _forward_size(xp: Namespace, axis: int, dtype: DType) -> Array:
    return xp.asarray(axis, dtype=getattr(xp, dtype.name))


VARIABLE = declare(
    Op(
        "variable",
        forward=no_inputs,
        infer=lambda name, shape, dtype: (shape, dtype),
        pullback=no_inputs,
        batch=no_inputs,
        write=lambda _, __, name, shape, dtype: label(name),
    )
)
CONSTANT = declare(
    Op(
        "constant",
        forward=_forward_constant,
        infer=lambda data: (data.array.shape, data.array.dtype),
        pullback=no_inputs,
        batch=no_inputs,
        write=_write_constant,
    )
)
SIZE = declare(
    Op(
        "size",
        forward=_forward_size,
        infer=lambda axis, dtype: ((), dtype),
        pullback=no_inputs,
        batch=no_inputs,
        write=lambda _, __, axis, dtype: dimension(axis),
    )
)


def variable(name: str, shape: Iterable[Axis | str] = (), dtype: object = FLOAT64) -> Node:
    """A variable of any shape; an axis is a number or a dimension's name. Kind: float64, float32, int64 or bool.

    Raises ShapeError for an axis that is none, DTypeError for a kind that is none of these.
    """
    if not isinstance(name, str) or not name.strip():
        raise GraphError(f"a variable needs a name, not {name!r}")
    return make(VARIABLE, name=name, shape=shape_of(shape), dtype=kind_of(dtype))


def scalar(name: str, *, dtype: object = FLOAT64) -> Node:
    """A real variable without axes."""
    return variable(name, (), real_dtype(dtype))


def vector(name: str, n: Axis | str, *, dtype: object = FLOAT64) -> Node:
    """A real variable with one axis: `vector("x", "n")`."""
    return variable(name, (n,), real_dtype(dtype))


def matrix(name: str, n: Axis | str, m: Axis | str, *, dtype: object = FLOAT64) -> Node:
    """A real variable with two axes, rows × columns: `matrix("W", "n", "m")`."""
    return variable(name, (n, m), real_dtype(dtype))


def index(name: str, *shape: Axis | str) -> Node:
    """A variable of whole numbers that select rows or entries: `index("y")`, `index("window", "W")`."""
    return variable(name, shape, INTEGER)


def constant(value: object, dtype: object = None) -> Node:
    """A number or array as a leaf of the graph. Arrays of integers are kept as selections; a number is real.

    Raises DTypeError for what is no number, or too large for its dtype.
    """
    if type(value) not in (int, float) or not (dtype is None or dtype is FLOAT64) or value != value:  # noqa: PLR0124
        return _constant(value, dtype)
    key = (type(value), value or str(value))  # 0.0 and -0.0 are two
    known = _numbers.get(key)
    return _numbers.enter(key, _constant(value, dtype)) if known is None else known


def _constant(value: object, dtype: object) -> Node:
    array = array_of(value)
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"{value!r:.60} is neither real numbers, whole numbers nor truth values")
    return make(CONSTANT, data=Data(converted(array, kind_of_data(value, array) if dtype is None else dtype)))


def is_number(node: Node, value: float) -> bool:
    """Whether a node is this very number."""
    if node.op is not CONSTANT or node.shape:
        return False
    data = node.attrs["data"]
    return bool(data.array == value if data.number is None else data.number == value)


def size(of: Axis | str, dtype: DType = FLOAT64) -> Node:
    """The size of an axis as a real number, known when values are given; of `n·m + 1` a sum of products."""
    a = axis(of)
    if isinstance(a, int):
        return constant(a, dtype)
    return reduce(FUNCTIONS["add"], [_size_of_term(monomial, count, dtype) for monomial, count in a.terms])


def _size_of_term(monomial: Sequence[str], count: int, dtype: DType) -> Node:
    factors = [make(SIZE, axis=Dim({(name,): 1}), dtype=dtype) for name in monomial]
    if count != 1 or not factors:
        factors.insert(0, constant(count, dtype))
    return reduce(FUNCTIONS["multiply"], factors)
