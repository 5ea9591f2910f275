"""Where a length stands, what is divided by its square speaks of the direction, the vector divided by its length.

(I − x xᵀ/‖x‖²) / ‖x‖                     (I − e eᵀ) / ‖x‖                   e = x / ‖x‖
(u − (uᵀ r / (n (v + ε))) r) / √(v + ε)   (u − (uᵀ e / n) e) / √(v + ε)      e = r / √(v + ε)
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from chainrule.algebra.entrywise import DIVIDE, NEGATIVE, POWER_OP, SQRT
from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.node import Node, topological
from chainrule.algebra.reduce import NORM
from chainrule.calculus.rewrite import remake

DEEPEST = 6
"""So many products, quotients and signs are looked through."""


def with_directions(roots: Sequence[Node]) -> list[Node]:
    """The expressions with x / ‖x‖ twice in the place of x twice, divided by ‖x‖²."""
    order = topological(roots)
    lengths = dict(pair for n in order for pair in _square_of(n))
    if not lengths:
        return list(roots)
    done: dict[Node, Node] = {}
    for n in order:
        done[n] = _directed(remake(n, [done[i] for i in n.inputs]), lengths)
    return [done[root] for root in roots]


def _square_of(length: Node) -> Iterator[tuple[Node, Node]]:
    """The square of a length, and the length: ‖x‖² of ‖x‖, c of √c."""
    if length.op is NORM and not length.ndim:
        yield length**2, length
    elif length.op is SQRT and not length.ndim and length.inputs[0].inputs:
        yield length.inputs[0], length


def _directed(node: Node, lengths: Mapping[Node, Node]) -> Node:
    square = next((d for d in _divisors(node) if d in lengths), None) if node.op in (PRODUCT_OP, DIVIDE) else None
    if square is None:
        return node
    length = lengths[square]
    squared = {x for n in topological([length]) for x in _squared_in(n)}
    twice = [x for x, uses in Counter(_factors(node)).items() if uses > 1 and x in squared]
    if not twice:
        return node
    rest, found = _without(node, square)
    value, left = _replaced(rest, twice[0], twice[0] / length, 2)
    return value if found and not left else node


def _squared_in(node: Node) -> tuple[Node, ...]:
    """The vector or matrix of which a node is the length or the square."""
    if node.op is PRODUCT_OP:
        return node.inputs[:1] if len(node.inputs) == 2 and node.inputs[0] is node.inputs[1] else ()
    return node.inputs[:1] if node.op in (NORM, POWER_OP) and node.inputs[0].ndim else ()


def _parts(node: Node) -> tuple[Node, ...]:
    """The operands in which a node is linear."""
    if node.op is PRODUCT_OP:
        return node.inputs
    return node.inputs[:1] if node.op in (DIVIDE, NEGATIVE) else ()


def _factors(node: Node, levels: int = DEEPEST) -> Iterator[Node]:
    """What a node is a product of, looking through products, quotients and signs."""
    for part in _parts(node):
        yield part
        if levels:
            yield from _factors(part, levels - 1)


def _divisors(node: Node, levels: int = DEEPEST) -> Iterator[Node]:
    """The numbers by which a node is divided."""
    if node.op is DIVIDE and not node.inputs[1].ndim:
        yield node.inputs[1]
        yield from _factors(node.inputs[1])
    if levels:
        for part in _parts(node):
            yield from _divisors(part, levels - 1)


def _without(node: Node, square: Node, levels: int = DEEPEST) -> tuple[Node, bool]:
    """The node not divided by a number that it is divided by, and whether it was."""
    if node.op is DIVIDE:
        top, below = node.inputs
        if below is square:
            return top, True
        if below.op is PRODUCT_OP and square in below.inputs and len(below.inputs) == 2:
            return top / below.inputs[below.inputs[0] is square], True
    for k, part in enumerate(_parts(node) if levels else ()):
        rest, found = _without(part, square, levels - 1)
        if found:
            return remake(node, [rest if i == k else old for i, old in enumerate(node.inputs)]), True
    return node, False


def _replaced(node: Node, x: Node, e: Node, count: int, levels: int = DEEPEST) -> tuple[Node, int]:
    """The product with so many factors x replaced, and how many are left to be."""
    inputs = list(node.inputs)
    for k, part in enumerate(_parts(node)):
        if part is x and count:
            inputs[k], count = e, count - 1
        elif count and levels:
            inputs[k], count = _replaced(part, x, e, count, levels - 1)
    return remake(node, inputs), count
