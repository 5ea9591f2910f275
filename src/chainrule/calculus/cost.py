"""What an expression costs a reader and a machine: the measure by which the shortest of equal forms is chosen.

In this order: the order of growth of the dearest product (a matrix times a vector before a matrix times a matrix),
the number of operators that a person would write, the arithmetic.
"""

from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import NamedTuple

from chainrule.algebra.contract import letters_of
from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.node import CONSTANT, SIZE, Node
from chainrule.algebra.signature import Axis, Binding, Dim

NOMINAL = 10  # a dimension without a number counts as this size


class Cost(NamedTuple):
    """The order of growth of the dearest product, operators as written, what makes a line long (parentheses with
    ᵀ, additions, fractions), arithmetic."""

    order: int
    operators: int
    turned: int
    arithmetic: float


def _canonical(left: str, right: str, out: str) -> tuple[str, str, str]:
    names = dict(zip(dict.fromkeys(left + right + out), "abcdefghijklmnopqrstuvwxyz", strict=False))
    first, second, last = ("".join(names[c] for c in term) for term in (left, right, out))
    return first, second, last


def _table() -> dict[tuple[str, str, str], int]:
    forms: dict[tuple[str, str, str], int] = {}
    for left, turned in (("ik", 0), ("ki", 1)):
        for right, also in (("kj", 0), ("jk", 1)):
            forms[_canonical(left, right, "ij")] = 1 + turned + also  # A @ B, A.T @ B …
        forms[_canonical(left, "k", "i")] = 1 + turned  # A @ x, A.T @ x
        forms[_canonical(left, "k", "")] = 2 + turned  # sum(A @ x)
    forms |= {_canonical("i", "i", o): 1 for o in ("", "i")}  # x @ y, x * y
    forms[_canonical("i", "j", "ij")] = 1  # outer(x, y)
    forms[_canonical("j", "ij", "ij")] = 1  # A * x
    forms[_canonical("i", "ij", "ij")] = 2  # x[:, None] * A
    forms[_canonical("ij", "i", "ji")] = 2  # A.T * x
    forms[_canonical("ij", "ij", "ij")] = 1  # A * B
    forms[_canonical("ij", "ji", "ij")] = forms[_canonical("ij", "ji", "ji")] = 2  # A * B.T
    forms |= {_canonical("ij", second, o): 2 for second in ("ij", "ji") for o in ("", "i", "j")}  # sum(A * B)
    return {key: count for (a, b, o), count in forms.items() for key in ((a, b, o), _canonical(b, a, o))}


_FORMS = _table()
_NO_NOTATION = 3


@lru_cache(maxsize=8192)
def operators_of(left: str, right: str, out: str) -> int:
    """The operators with which a person writes the product of two factors, transposes included."""
    diagonals = sum(len(set(term)) < len(term) for term in (left, right))
    if diagonals:
        return diagonals + operators_of(*("".join(dict.fromkeys(term)) for term in (left, right)), out)
    if not left or not right:
        return 1 + ((left or right) != out)
    return _FORMS.get(_canonical(left, right, out), _NO_NOTATION)


def _single(node: Node) -> int:
    """The operators of a product of one factor: a transpose, a sum, a diagonal."""
    letters = node.attrs["letters"]
    if letters.startswith("->"):  # a number, spread or on diagonals
        return len(letters) - 3 if node.inputs[0].inputs or len(letters) > 4 else 1
    return 2 if node.attrs["sizes"] else 1


_TURNED = {"ab->ba": 0, "ab,ac->bc": 0, "ab,cb->ac": 1, "ab,a->b": 0}
"""Which operand of a product is written with ᵀ."""


_BESIDE = ("a,ba->ba",)
"""Products that are better read as A diag(x)."""


def effort(roots: Iterable[Node], limit: int = 100_000) -> Cost:
    """The cost of computing expressions, what they share counted once, judged by so many of the nearest nodes."""
    order, operators, long = 0, 0, 0
    nodes = _near(roots, limit)
    for node in nodes:
        if node.op is PRODUCT_OP:
            letters = node.attrs["letters"]
            order = max(order, len(set(letters) - set(",->")))
            long += letters in _BESIDE
            long += letters in _TURNED and bool(node.inputs[_TURNED[letters]].inputs)
            operators += _of_product(node, letters)
        elif node.op is CONSTANT:
            operators += not node.shape and bool(node.attrs["data"].array < 0)
        elif node.inputs and node.op.name != "cast" and not _is_mean(node):
            operators += 1
            long += node.op.name in ("add", "subtract", "divide")
            operators += _stretches(node)
            order = max(order, 3 if node.op.name in ("inv", "det", "logdet", "solve") else node.ndim)
        if node.ndim > 2:
            order = max(order, node.ndim + 1)
    return Cost(order, operators, long, len(nodes))


def _near(roots: Iterable[Node], limit: int) -> Collection[Node]:
    """The nodes below the roots, each once, the nearest first."""
    found = dict.fromkeys(roots)
    front = list(found)
    while front and len(found) < limit:
        front = list(dict.fromkeys(i for n in front for i in n.inputs if i not in found))
        found.update(dict.fromkeys(front))
    return found


def _stretches(node: Node) -> bool:
    """Whether a node adds a vector to a matrix, which paper does not."""
    return node.op.name in ("add", "subtract") and len({i.ndim for i in node.inputs} - {0}) > 1


def _is_mean(node: Node) -> bool:
    """Whether a node divides a sum by a size: with the sum it is one operator."""
    return node.op.name == "divide" and node.inputs[1].op is SIZE and len(node.inputs[0].inputs) == 1


def _of_product(node: Node, letters: str) -> int:
    ins, out = letters_of(letters)
    if len(ins) == 2:
        return operators_of(*ins, out)
    return 2 * len(ins) - 3 if len(ins) > 2 else _single(node)


@lru_cache(maxsize=4096)
def nominal(a: Axis) -> float:
    """The size of an axis, where it has no number a usual one."""
    if isinstance(a, Dim):
        return float(Binding(dict.fromkeys(a.names, NOMINAL)).size(a))
    return float(a)
