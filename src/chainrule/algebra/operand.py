"""How what users write becomes nodes: numbers, arrays and expressions as operands of one operation."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.algebra.data import array_of
from chainrule.algebra.functions import FUNCTIONS
from chainrule.algebra.node import Node, Operand, constant
from chainrule.algebra.notation import described, write
from chainrule.algebra.signature import BOOLEAN, FLOAT64, FLOATS, INTEGER, DType, common_dtype, shape_text
from chainrule.errors import DTypeError, GraphError, ShapeError


def listed(values: Any, what: str) -> list[Any]:
    """The values as a list; GraphError for a single expression, or what cannot be listed."""
    if not isinstance(values, (list, tuple)) and (isinstance(values, Node) or not isinstance(values, Iterable)):
        raise GraphError(f"{what} takes a list, not {values!r:.40}")
    return list(values)


def lift(value: Operand, dtype: DType = FLOAT64) -> Node:
    """An operand as a node: numbers and lists take the dtype of their company, real arrays keep their own."""
    if isinstance(value, Node):
        return value.inputs[0] if value.op.name == "row" else value
    if isinstance(value, np.ndarray) and not value.ndim:
        value = value[()]  # NumPy makes such arrays of numbers on its own
    if isinstance(value, (bool, int, float, np.bool_, np.number)):
        return constant(_exact(value, dtype), dtype)
    array = array_of(value)
    if array.dtype.kind in "iuf" and isinstance(value, (list, tuple)):
        return constant(array, dtype)
    if array.dtype.kind in "iu":
        raise DTypeError(f"an array of integers ({array.dtype}) where real numbers belong: use .astype(float)")
    if array.dtype.kind not in "fb":
        raise DTypeError(f"{value!r:.60} is no real number, array or expression")
    return constant(array)


def _exact(value: Any, dtype: DType) -> float:
    if isinstance(value, np.complexfloating):
        raise DTypeError(f"{value} is complex; expressions are over the real numbers")
    try:
        return float(value)
    except OverflowError:
        digits = int(value.bit_length() * 0.30103) + 1  # log₁₀ 2; str() refuses beyond 4300 digits
        raise DTypeError(f"a number of {digits} digits does not fit in {dtype}") from None


def reals(*values: Operand) -> list[Node]:
    """Real operands of one operation as nodes; truth values count as 0 and 1, whole numbers are refused."""
    known = [v.dtype for v in values if isinstance(v, Node) and v.dtype in FLOATS]
    dtype = common_dtype(known) if known else FLOAT64
    return [real(lift(v, dtype), dtype) for v in values]


def operands(*values: Operand) -> list[Node]:
    """`reals` that meet entry by entry: a row does not meet a column."""
    ready: list[Node] = []
    for v in values:  # what most are: expressions in double precision, and numbers
        if isinstance(v, Node) and v.dtype is FLOAT64 and v.op.name != "row":
            ready.append(v)
        elif type(v) in (int, float):
            ready.append(constant(_exact(v, FLOAT64), FLOAT64))
        else:
            break
    else:
        return ready
    nodes = reals(*values)
    _same_reading(values, nodes)
    return nodes


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
    if not any(rows):
        return
    columns = [n.ndim == 1 and not row for n, row in zip(nodes, rows, strict=True)]
    if any(columns):
        row, column = nodes[rows.index(True)], nodes[columns.index(True)]
        a, b = write(column, 30), write(row, 30)
        raise ShapeError(
            f"{a} is a column ({shape_text(column.shape)}) and {b}ᵀ a row ({shape_text(row.shape)}): "
            f"entry by entry write {a} and {b} without .T; for all pairs write outer({a}, {b})"
        )
