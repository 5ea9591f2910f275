"""Simplification as a table of laws, one row each; every row is tried on numbers by the tests."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple, overload

import numpy as np

from chainrule.algebra.choice import MAXIMUM, MINIMUM, cast, maximum
from chainrule.algebra.contract import letters_of
from chainrule.algebra.entrywise import ADD, DIVIDE, NEGATIVE, POWER_OP, SUBTRACT, exp, negative
from chainrule.algebra.letters import PRODUCT_OP, build
from chainrule.algebra.node import CONSTANT, Node, constant, is_number, set_plain, vector
from chainrule.algebra.op import Op
from chainrule.algebra.operand import listed
from chainrule.algebra.signature import FLOATS, Axis, DType
from chainrule.calculus.rewrite import remake


class Law(NamedTuple):
    """An equation read from left to right: the operations it is about (all, if none), what it does to a node
    it fits, an example to try it on, and whether it is about a number among the inputs."""

    name: str
    on: tuple[Op, ...]
    apply: Callable[[Node], Node | None]
    example: Callable[[Node, Node], Node]
    numbers: bool = False


def _value(node: Node) -> float | None:
    number = node.op is CONSTANT and not node.shape and node.dtype in FLOATS
    return float(node.attrs["data"].array) if number else None


def _as(node: Node, replacement: Node) -> Node | None:
    return replacement if replacement.shape == node.shape and replacement.dtype == node.dtype else None


def _fold(node: Node) -> Node | None:
    if not node.inputs or node.shape or node.dtype not in FLOATS or None in [_value(i) for i in node.inputs]:
        return None
    with np.errstate(all="ignore"):
        value = node.op.forward(np, *(i.attrs["data"].array for i in node.inputs), **node.attrs)
    return constant(value, node.dtype)


def _without_one(node: Node) -> Node | None:
    ones = [is_number(i, 1) for i in node.inputs]
    if all(ones) or not any(ones):
        return None
    ins, out = letters_of(node.attrs["letters"])
    kept = [(t, i) for t, i, one in zip(ins, node.inputs, ones, strict=True) if not one]
    return cast(build([t for t, _ in kept], out, [i for _, i in kept], _sizes(out, node)), node.dtype)


def _plus_zero(node: Node) -> Node | None:
    for zero, other in (node.inputs, node.inputs[::-1]):
        if is_number(zero, 0):
            return _as(node, other)
    return None


def _without(number: float) -> Callable[[Node], Node | None]:
    """x op number = x, where the shapes allow."""
    return lambda node: _as(node, node.inputs[0]) if is_number(node.inputs[1], number) else None


def _twice_negative(node: Node) -> Node | None:
    return node.inputs[0].inputs[0] if node.inputs[0].op is NEGATIVE else None


def _plus_negative(node: Node) -> Node | None:
    left, right = node.inputs
    if right.op is not NEGATIVE:
        return None
    return left - right.inputs[0] if node.op is ADD else left + right.inputs[0]


def _number_first(node: Node) -> Node | None:
    if len(node.inputs) != 2:
        return None
    left, right = node.inputs
    ins, out = letters_of(node.attrs["letters"])
    if _value(right) is not None and _value(left) is None:
        return build(ins[::-1], out, (right, left), _sizes(out, node))
    return -build(ins[1:], out, (right,), _sizes(out, node)) if _value(left) == -1 else None


def _sizes(letters: str, node: Node) -> dict[str, Axis]:
    return dict(zip(letters, node.shape, strict=True))


def _numbers_together(node: Node) -> Node | None:
    """2 (3 x) = 6 x, wherever the numbers stand."""
    outer = _number_and_rest(node)
    inner = _number_and_rest(outer[1]) if outer else None
    if outer is None or inner is None or not _representable(outer[0] * inner[0], node.dtype):
        return None
    (_, other, term, out), (_, rest, rest_term, inner_out) = outer, inner
    plain = build((rest_term,), inner_out, (rest,), _sizes(inner_out, other))
    number = constant(outer[0] * inner[0], node.dtype)
    return build(("", term), out, (number, plain), _sizes(out, node))


def _number_inside(node: Node) -> Node | None:
    """2 ((3 a) x) = (6 a) x: a number meets the one that begins its other factor."""
    outer = _number_and_rest(node)
    if outer is None or outer[2] != outer[3] or len(set(outer[3])) < len(outer[3]):
        return None
    number, rest, _, _ = outer
    return begun_with(number, rest)


def begun_with(number: float, node: Node) -> Node | None:
    """The product times a number, if the scalar that it begins with begins with a number itself, not too deep."""
    path: list[Node] = []
    while len(path) < DEEPEST and node.op is PRODUCT_OP and len(node.inputs) == 2 and not node.inputs[0].shape:
        path.append(node)
        node = node.inputs[0]
        value = _value(node)
        if value is not None:
            begun = constant(number * value, node.dtype) if _representable(number * value, node.dtype) else None
            return None if begun is None else _rebuilt(path, begun)
    return None


def _rebuilt(path: Sequence[Node], begun: Node) -> Node:
    """The first of the products, each of which begins with the next, with another beginning of the last."""
    for product in path[::-1]:
        begun = remake(product, (begun, product.inputs[1]))
        plain = _without_one(begun)
        begun = begun if plain is None else plain
    return begun


def _twice(node: Node) -> Node | None:
    return 2 * node.inputs[0] if node.inputs[0] is node.inputs[1] else None


def _of_one(node: Node) -> Node | None:
    return node.inputs[0] if node.inputs[0] is node.inputs[1] else None


def _number_and_rest(node: Node) -> tuple[float, Node, str, str] | None:
    """A product of a number and one more factor: the number, the factor, its letters, and those of the product."""
    if node.op is not PRODUCT_OP or len(node.inputs) != 2:
        return None
    ins, out = letters_of(node.attrs["letters"])
    for number, rest, term in zip(map(_value, node.inputs), node.inputs[::-1], ins[::-1], strict=True):
        if number is not None:
            return number, rest, term, out
    return None


def _representable(value: float, dtype: DType) -> bool:
    """Whether a number keeps its digits in this dtype: neither overflow nor underflow made it."""
    limits = np.finfo(dtype)
    return bool(limits.tiny <= abs(value) <= limits.max)


DEEPEST = 16  # products, each the beginning of the next, that a number looks into
ANY: tuple[Op, ...] = ()

LAWS: Sequence[Law] = (
    Law("arithmetic on numbers", ANY, _fold, lambda x, y: (constant(2.0) - constant(1.0)) * x, True),
    Law("1 x = x", (PRODUCT_OP,), _without_one, lambda x, y: 1 * (x * y), True),
    Law("x + 0 = x", (ADD,), _plus_zero, lambda x, y: (x + 0) * (0 + y), True),
    Law("x - 0 = x", (SUBTRACT,), _without(0), lambda x, y: (x - 0) * y, True),
    Law("x¹ = x", (POWER_OP,), _without(1), lambda x, y: x**1 * y, True),
    Law("x / 1 = x", (DIVIDE,), _without(1), lambda x, y: x / 1 + y, True),
    Law("-(-x) = x", (NEGATIVE,), _twice_negative, lambda x, y: y * negative(-x)),
    Law("-(2 x) = -2 x", (NEGATIVE,), lambda n: begun_with(-1.0, n.inputs[0]), lambda x, y: negative(2 * (x * y))),
    Law("x + (-y) = x - y", (ADD, SUBTRACT), _plus_negative, lambda x, y: x + (-y) - (-exp(x))),
    Law("x 2 = 2 x, and -1 x = -x", (PRODUCT_OP,), _number_first, lambda x, y: x * 2 + y * -1, True),
    Law("2 ((3 a) x) = (6 a) x", (PRODUCT_OP,), _number_inside, lambda x, y: 2 * ((3 * (x @ y)) * x), True),
    Law("x + x = 2 x", (ADD,), _twice, lambda x, y: x * y + x * y),
    Law("max(x, x) = x", (MAXIMUM, MINIMUM), _of_one, lambda x, y: maximum(x, x) * y),
    Law("2 (3 x) = 6 x", (PRODUCT_OP,), _numbers_together, lambda x, y: 2 * (3 * x) + (y * 3) * 2, True),
)


@overload
def simplify(roots: Node) -> Node: ...
@overload
def simplify(roots: Sequence[Node]) -> list[Node]: ...
def simplify(roots: Node | Sequence[Node]) -> Node | list[Node]:
    """The expressions with every law applied wherever it fits, inputs before users, until none fits."""
    if isinstance(roots, Node):
        return _plain(roots)
    return [_plain(root) for root in listed(roots, "simplify")]


def _plain(root: Node) -> Node:
    """The form that every node below keeps once it is found: the laws look at a node and its inputs alone."""
    waiting = [root]
    while waiting:
        node = waiting[-1]
        if node.plain is False:
            before = [i for i in node.inputs[::-1] if i.plain is False]
            if before:
                waiting += before
                continue
            kept = not [i for i in node.inputs if i.plain is not True]
            form = _settled(node if kept else remake(node, [_form(i) for i in node.inputs]))
            set_plain(node, form is node or form)
        waiting.pop()
    return _form(root)


def _form(node: Node) -> Node:
    return node.plain if isinstance(node.plain, Node) else node


@cache
def _laws_on(op: Op, numbers: bool) -> list[Law]:
    return [law for law in LAWS if (not law.on or op in law.on) and law.numbers <= numbers]


def _settled(node: Node) -> Node:
    changed: Node | None = node
    while changed is not None:
        node, changed = changed, None
        for law in _laws_on(node.op, CONSTANT in [i.op for i in node.inputs]):
            changed = law.apply(node)
            if changed is not None:
                break
    return node


EXAMPLE_OPERANDS = vector("x", 3), vector("y", 3)
