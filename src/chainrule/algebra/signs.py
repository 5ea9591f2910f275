"""What the signs of a formula do to expressions, in both spellings."""

from collections.abc import Callable, Mapping

from chainrule.algebra.choice import both, either, equal, greater, greater_equal, less, less_equal, not_equal
from chainrule.algebra.entrywise import add, divide, power, subtract
from chainrule.algebra.formula import Syntax
from chainrule.algebra.matrix import inv, kronecker, matpow, solve
from chainrule.algebra.node import Node
from chainrule.algebra.operand import lift
from chainrule.algebra.product import as_row, matmul, multiply, outer
from chainrule.errors import ShapeError

Infix = Callable[[Node, Node], Node]


def is_row(node: Node) -> bool:
    """Whether a vector is marked as a row."""
    return node.op.name == "row"


def beside(a: Node, b: Node) -> Node:
    """The product of two factors as paper has it, where a vector is a column and its transpose a row."""
    x, y = lift(a), lift(b)
    if not x.ndim or not y.ndim:
        scaled = multiply(x, y)
        return as_row(scaled) if is_row(a) or is_row(b) else scaled
    if x.ndim == y.ndim == 1:
        if is_row(a) == is_row(b):
            raise ShapeError(
                f"two {'rows' if is_row(a) else 'columns'} side by side have no product; "
                "transpose one of them, or multiply entry by entry with ⊙"
            )
        return matmul(x, y) if is_row(a) else outer(x, y)
    if x.ndim == 1 and is_row(a):
        return as_row(matmul(x, y))
    if x.ndim == 1 or is_row(b):
        which = "a column times a matrix" if x.ndim == 1 else "a matrix times a row"
        raise ShapeError(f"{which} has no product; transpose one of them")
    return matmul(x, y)


def _entry_by_entry(operation: Infix) -> Callable[[Node, Node], Node]:
    """An operation entry by entry; of rows it makes a row."""

    def apply(a: Node, b: Node) -> Node:
        value = operation(a, b)
        vectors = [n for n in (a, b) if n.ndim]
        return as_row(value) if vectors and all(map(is_row, vectors)) else value

    return apply


_power = _entry_by_entry(power)


def _superscript(a: Node, b: Node) -> Node:
    """A power entry by entry, as in x²; X⁻¹ is the inverse of a matrix."""
    exponent = int(b.attrs["data"].array)
    if a.ndim < 2 or exponent >= 0:
        return _power(a, b)
    return inv(a) if exponent == -1 else matpow(a, exponent)


_COMMON: Mapping[str, Infix] = {
    "+": _entry_by_entry(add),
    "-": _entry_by_entry(subtract),
    "/": _entry_by_entry(divide),
    "./": _entry_by_entry(divide),
    "\\": solve,
    ".*": _entry_by_entry(multiply),
    "⊙": _entry_by_entry(multiply),
    "·": _entry_by_entry(multiply),
    "beside": beside,
    "^": _power,
    ".^": _power,
    "superscript": _superscript,
    "⊗": kronecker,
    "<": less,
    "≤": less_equal,
    ">": greater,
    "≥": greater_equal,
    "==": equal,
    "≠": not_equal,
    "∧": both,
    "∨": either,
}
INFIX: Mapping[Syntax, Mapping[str, Infix]] = {
    "python": {**_COMMON, "*": _entry_by_entry(multiply), "@": matmul},
    "matlab": {**_COMMON, "*": beside, "@": matmul},
}

FACTORS: Mapping[Syntax, frozenset[str]] = {
    "python": frozenset({"beside", "@"}),
    "matlab": frozenset({"beside", "@", "*"}),
}
"""The signs of products that a number in front scales as a whole: 2 A B is 2 (A B)."""
