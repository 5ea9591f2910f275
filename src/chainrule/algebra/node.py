"""The node: an immutable expression, one object for equal expressions."""

import threading
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, TypeVar, Union

import numpy as np

from chainrule.algebra.notation import described, number, write
from chainrule.algebra.op import OPS, Array, Namespace, Op, Phrase, declare
from chainrule.algebra.signature import (
    BOOLEAN,
    FLOAT64,
    FLOATS,
    INTEGER,
    Axis,
    DType,
    Shape,
    axis,
    common_dtype,
    real_dtype,
    shape_of,
    shape_text,
)
from chainrule.errors import DTypeError, GraphError, ShapeError

Operand = Union["Node", float, np.ndarray, Sequence[float]]

FUNCTIONS: dict[str, Callable[..., "Node"]] = {}
"""The functions on nodes, by name: what operators, methods and NumPy's own functions call."""

NUMPY: dict[str, str] = {}
"""NumPy's name of a function → ours."""

F = TypeVar("F", bound=Callable[..., "Node"])


def function(*numpy_names: str) -> Callable[[F], F]:
    """Enter a function on nodes into the table, under its own name and NumPy's names for it."""

    def enter(f: F) -> F:
        FUNCTIONS[f.__name__] = f
        NUMPY.update(dict.fromkeys(numpy_names, f.__name__))
        return f

    return enter


class Node:
    """An expression `(op, inputs, attrs)` whose shape and dtype are known. Equal expressions are one object."""

    __slots__ = ("__weakref__", "attrs", "dtype", "inputs", "op", "shape")

    op: Op
    inputs: tuple["Node", ...]
    attrs: dict[str, Any]
    shape: Shape
    dtype: DType

    __iter__ = None  # an axis may have no number yet; without this Python would count for ever

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an expression does not change: {name} cannot be set on {write(self, 60)}")

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def T(self) -> "Node":  # noqa: N802 — NumPy's name
        """The transpose; on a vector, a mark that it is read as a row."""
        return FUNCTIONS["transpose"](self)

    def __repr__(self) -> str:
        return write(self)

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
        return _from_numpy(ufunc.__name__)(*inputs)

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> "Node":
        return _from_numpy(func.__name__)(*args, **kwargs)


def _from_numpy(name: str) -> Callable[..., Node]:
    if name not in NUMPY:
        raise GraphError(f"np.{name} has no form on expressions; these have: {', '.join(sorted(NUMPY))}")
    return FUNCTIONS[NUMPY[name]]


_table: "weakref.WeakValueDictionary[Hashable, Node]" = weakref.WeakValueDictionary()
_lock = threading.Lock()


def make(op: Op, *inputs: Node, **attrs: Any) -> Node:
    """The node of an operation on inputs: the one that exists, or a new one. Raises what `op.infer` raises."""
    key = (op.name, tuple(map(id, inputs)), tuple(attrs.values()))
    found = _table.get(key)
    if found is not None:
        return found
    shape, dtype = op.infer(*inputs, **attrs)
    node = object.__new__(Node)
    for slot, value in zip(
        ("op", "inputs", "attrs", "shape", "dtype"), (op, inputs, attrs, shape, dtype), strict=True
    ):
        object.__setattr__(node, slot, value)
    with _lock:
        return _table.setdefault(key, node)


# ── walking a graph, without recursion ────────────────────────────────────────────────────────────────


def topological(roots: Iterable[Node]) -> list[Node]:
    """Every node below the roots once, inputs before users, in the order of writing."""
    order: list[Node] = []
    seen: set[int] = set()
    stack: list[tuple[Node, Iterator[Node]]] = []
    for root in roots:
        if id(root) in seen:
            continue
        seen.add(id(root))
        stack.append((root, iter(root.inputs)))
        while stack:
            node, rest = stack[-1]
            for child in rest:
                if id(child) not in seen:
                    seen.add(id(child))
                    stack.append((child, iter(child.inputs)))
                    break
            else:
                order.append(node)
                stack.pop()
    return order


def variables(*roots: Node) -> list[Node]:
    """The variables that the expressions depend on, in the order of writing."""
    return [n for n in topological(roots) if n.op is VARIABLE]


def flatten(root: Node) -> list[tuple[str, tuple[int, ...], dict[str, Any]]]:
    """The graph as a list of (operation, positions of inputs, attributes): its form in a pickle."""
    order = topological([root])
    place = {id(n): i for i, n in enumerate(order)}
    return [(n.op.name, tuple(place[id(i)] for i in n.inputs), n.attrs) for n in order]


def rebuild(flat: list[tuple[str, tuple[int, ...], dict[str, Any]]]) -> Node:
    """The node that `flatten` took apart."""
    built: list[Node] = []
    for name, places, attrs in flat:
        built.append(make(OPS[name], *(built[p] for p in places), **attrs))
    return built[-1]


# ── leaves ────────────────────────────────────────────────────────────────────────────────────────────


class Data:
    """A read-only array that is equal to another of the same dtype, shape and bits."""

    __slots__ = ("_bits", "array")

    def __init__(self, array: np.ndarray) -> None:
        self.array = np.array(array, order="C")
        self.array.flags.writeable = False
        self._bits = (self.array.dtype.str, self.array.shape, self.array.tobytes())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Data) and self._bits == other._bits

    def __hash__(self) -> int:
        return hash(self._bits)

    def __repr__(self) -> str:
        return np.array2string(self.array, threshold=8, edgeitems=2, separator=", ")


def _no_inputs(*_: Any, **__: Any) -> Any:
    raise GraphError("a leaf has no inputs: there is nothing to pull back to, or to batch")


def _forward_constant(xp: Namespace, data: Data) -> Array:
    return data.array if xp is np else xp.asarray(data.array)


def _write_constant(_: Any, __: Any, data: Data) -> Phrase:
    if data.array.ndim:
        return Phrase(" ".join(repr(data).split()), 100)
    return number(float(data.array)) if data.array.dtype != BOOLEAN else Phrase(str(bool(data.array)), 100)


def _forward_size(xp: Namespace, axis: int, dtype: DType) -> Array:
    return xp.asarray(axis, dtype=dtype)


VARIABLE = declare(
    Op(
        "variable",
        forward=_no_inputs,
        infer=lambda name, shape, dtype: (shape, dtype),
        pullback=_no_inputs,
        batch=_no_inputs,
        write=lambda _, __, name, shape, dtype: Phrase(name, 100),
    )
)
CONSTANT = declare(
    Op(
        "constant",
        forward=_forward_constant,
        infer=lambda data: (data.array.shape, data.array.dtype),
        pullback=_no_inputs,
        batch=_no_inputs,
        write=_write_constant,
    )
)
SIZE = declare(
    Op(
        "size",
        forward=_forward_size,
        infer=lambda axis, dtype: ((), dtype),
        pullback=_no_inputs,
        batch=_no_inputs,
        write=lambda _, __, axis, dtype: Phrase(str(axis), 10 if "+" in str(axis) else 20),
    )
)


def variable(name: str, shape: Iterable[Axis | str] = (), dtype: object = FLOAT64) -> Node:
    """A variable of any shape; an axis is a number or a dimension's name. Kind: float64, float32, int64 or bool.

    Raises ShapeError for an axis that is none, DTypeError for a kind that is none of these.
    """
    if not isinstance(name, str) or not name.strip():
        raise GraphError(f"a variable needs a name, not {name!r}")
    kind = np.dtype(dtype)  # type: ignore[call-overload]
    return make(
        VARIABLE,
        name=name,
        shape=shape_of(shape),
        dtype=kind if kind in (INTEGER, BOOLEAN) else real_dtype(kind),
    )


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
    """A number or array as a leaf of the graph. Arrays of integers are kept as selections; see `lift`."""
    return make(CONSTANT, data=Data(np.asarray(value, dtype=dtype)))  # type: ignore[call-overload]


def size(of: Axis | str, dtype: DType = FLOAT64) -> Node:
    """The size of an axis as a real number, known when values are given."""
    a = axis(of)
    return constant(a, dtype) if isinstance(a, int) else make(SIZE, axis=a, dtype=dtype)


# ── from what users write to nodes ────────────────────────────────────────────────────────────────────


def lift(value: Operand, dtype: DType = FLOAT64) -> Node:
    """An operand as a node: numbers take the dtype of their company, real arrays keep their own."""
    if isinstance(value, Node):
        return value.inputs[0] if value.op.name == "row" else value
    if isinstance(value, (bool, int, float, np.generic)):
        return constant(_exact(value, dtype), dtype)
    try:
        array = np.asarray(value)
    except (ValueError, GraphError):
        raise DTypeError("a list that holds expressions is no operand; join them with stack([…])") from None
    if array.dtype.kind in "iu" and isinstance(value, (list, tuple)):
        array = array.astype(dtype)
    if array.dtype.kind in "iu":
        raise DTypeError(f"an array of integers ({array.dtype}) where real numbers belong: use .astype(float)")
    if array.dtype not in (*FLOATS, BOOLEAN):
        raise DTypeError(f"{value!r:.60} is no real number, array or expression")
    return constant(array)


def _exact(value: Any, dtype: DType) -> float:
    if isinstance(value, (complex, np.complexfloating)):
        raise DTypeError(f"{value} is complex; expressions are over the real numbers")
    try:
        return float(value)
    except OverflowError:
        raise DTypeError(f"a number of {len(str(value))} digits does not fit in {dtype}") from None


def operands(*values: Operand) -> list[Node]:
    """Real operands of one operation as nodes; truth values count as 0 and 1, whole numbers are refused."""
    dtype = common_dtype(v.dtype for v in values if isinstance(v, Node) and v.dtype in FLOATS)
    if not any(isinstance(v, Node) and v.dtype in FLOATS for v in values):
        dtype = FLOAT64
    nodes = [lift(v, dtype) for v in values]
    _same_reading(values, nodes)
    return [real(node, dtype) for node in nodes]


def real(node: Node, dtype: DType = FLOAT64) -> Node:
    """The node itself if it is real; truth values as 0 and 1; DTypeError for whole numbers."""
    if node.dtype == INTEGER:
        raise DTypeError(
            f"{described(node)} holds whole numbers, which select and have no gradient; "
            f"take(x, {write(node, 30)}) uses it, or declare it as a real variable"
        )
    return FUNCTIONS["cast"](node, dtype) if node.dtype == BOOLEAN else node


def _same_reading(values: Sequence[Operand], nodes: Sequence[Node]) -> None:
    """Refuse `x + y.T` on vectors, whose column reading differs from NumPy's."""
    rows = [isinstance(v, Node) and v.op.name == "row" for v in values]
    columns = [n.ndim == 1 and not row for n, row in zip(nodes, rows, strict=True)]
    if any(rows) and any(columns):
        row, column = nodes[rows.index(True)], nodes[columns.index(True)]
        a, b = write(column, 30), write(row, 30)
        raise ShapeError(
            f"{a} is a column ({shape_text(column.shape)}) and {b}ᵀ a row ({shape_text(row.shape)}): "
            f"entry by entry write {a} and {b} without .T; for all pairs write outer({a}, {b})"
        )
