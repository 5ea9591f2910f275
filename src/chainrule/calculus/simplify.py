"""Simplification as a table of laws, one row each; every row is tried on numbers by the tests."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, overload

import numpy as np

from chainrule.algebra.choice import cast
from chainrule.algebra.contract import letters_of
from chainrule.algebra.entrywise import ADD, DIVIDE, NEGATIVE, POWER_OP, SUBTRACT, exp, negative
from chainrule.algebra.letters import PRODUCT_OP, build
from chainrule.algebra.node import CONSTANT, Node, constant, is_number, vector
from chainrule.algebra.product import multiply
from chainrule.algebra.signature import FLOATS, DType
from chainrule.calculus.rewrite import rewrite


class Law(NamedTuple):
    """An equation read from left to right: what it does to a node it fits, and an example to try it on."""

    name: str
    apply: Callable[[Node], Node | None]
    example: Callable[[Node, Node], Node]


def _value(node: Node) -> float | None:
    number = node.op is CONSTANT and not node.shape and node.dtype in FLOATS
    return float(node.attrs["data"].array) if number else None


def _as(node: Node, replacement: Node) -> Node | None:
    return replacement if replacement.shape == node.shape and replacement.dtype == node.dtype else None


def _fold(node: Node) -> Node | None:
    if not node.inputs or node.shape or node.dtype not in FLOATS or any(_value(i) is None for i in node.inputs):
        return None
    with np.errstate(all="ignore"):
        value = node.op.forward(np, *(i.attrs["data"].array for i in node.inputs), **node.attrs)
    return constant(value, node.dtype)


def _without_one(node: Node) -> Node | None:
    if node.op is not PRODUCT_OP or len(node.inputs) < 2:
        return None
    ins, out = letters_of(node.attrs["letters"])
    kept = [(t, i) for t, i in zip(ins, node.inputs, strict=True) if not is_number(i, 1)]
    if len(kept) in (0, len(node.inputs)):
        return None
    sizes = dict(zip(out, node.shape, strict=True))
    return cast(build([t for t, _ in kept], out, [i for _, i in kept], sizes), node.dtype)


def _without_zero(node: Node) -> Node | None:
    if node.op is ADD:
        for zero, other in (node.inputs, node.inputs[::-1]):
            if is_number(zero, 0):
                return _as(node, other)
    return _as(node, node.inputs[0]) if node.op is SUBTRACT and is_number(node.inputs[1], 0) else None


def _first_power(node: Node) -> Node | None:
    return _as(node, node.inputs[0]) if node.op is POWER_OP and is_number(node.inputs[1], 1) else None


def _over_one(node: Node) -> Node | None:
    return _as(node, node.inputs[0]) if node.op is DIVIDE and is_number(node.inputs[1], 1) else None


def _twice_negative(node: Node) -> Node | None:
    twice = node.op is NEGATIVE and node.inputs[0].op is NEGATIVE
    return node.inputs[0].inputs[0] if twice else None


def _plus_negative(node: Node) -> Node | None:
    if node.op is ADD and node.inputs[1].op is NEGATIVE:
        return node.inputs[0] - node.inputs[1].inputs[0]
    if node.op is SUBTRACT and node.inputs[1].op is NEGATIVE:
        return node.inputs[0] + node.inputs[1].inputs[0]
    return None


def _number_first(node: Node) -> Node | None:
    if node.op is not PRODUCT_OP or len(node.inputs) != 2:
        return None
    left, right = node.inputs
    if _value(right) is not None and _value(left) is None and left.shape == node.shape:
        return multiply(right, left)
    return -right if _value(left) == -1 and right.shape == node.shape else None


def _numbers_together(node: Node) -> Node | None:
    """2 (3 x) = 6 x, wherever the numbers stand."""
    if node.op is not PRODUCT_OP or len(node.inputs) != 2:
        return None
    for number, other in (node.inputs, node.inputs[::-1]):
        if _value(number) is None or other.op is not PRODUCT_OP or len(other.inputs) != 2:
            continue
        for inner, rest in (other.inputs, other.inputs[::-1]):
            a, b = _value(number), _value(inner)
            if a is not None and b is not None and rest.shape == node.shape and _representable(a * b, node.dtype):
                return multiply(constant(a * b, node.dtype), rest)
    return None


def _representable(value: float, dtype: DType) -> bool:
    """Whether a number keeps its digits in this dtype: neither overflow nor underflow made it."""
    limits = np.finfo(dtype)
    return bool(limits.tiny <= abs(value) <= limits.max)


LAWS: Sequence[Law] = (
    Law("arithmetic on numbers", _fold, lambda x, y: (constant(2.0) - constant(1.0)) * x),
    Law("1 x = x", _without_one, lambda x, y: 1 * (x * y)),
    Law("x + 0 = x", _without_zero, lambda x, y: (x + 0) - (0 + y)),
    Law("x¹ = x", _first_power, lambda x, y: x**1 * y),
    Law("x / 1 = x", _over_one, lambda x, y: x / 1 + y),
    Law("-(-x) = x", _twice_negative, lambda x, y: y * negative(-x)),
    Law("x + (-y) = x - y", _plus_negative, lambda x, y: x + (-y) - (-exp(x))),
    Law("x 2 = 2 x, and -1 x = -x", _number_first, lambda x, y: x * 2 + y * -1),
    Law("2 (3 x) = 6 x", _numbers_together, lambda x, y: 2 * (3 * x) + (y * 3) * 2),
)


@overload
def simplify(roots: Node) -> Node: ...
@overload
def simplify(roots: Sequence[Node]) -> list[Node]: ...
def simplify(roots: Node | Sequence[Node]) -> Node | list[Node]:
    """The expressions with every law applied wherever it fits, inputs before users, until none fits."""
    if isinstance(roots, Node):
        return rewrite([roots], _settled)[0]
    return rewrite(roots, _settled)


def _settled(node: Node) -> Node:
    changed: Node | None = node
    while changed is not None:
        node = changed
        changed = next((new for law in LAWS if (new := law.apply(node)) is not None and new is not node), None)
    return node


EXAMPLE_OPERANDS = vector("x", 3), vector("y", 3)
