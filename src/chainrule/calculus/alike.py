"""Parts that are the same but for a sign or a square are written alike, so that one name serves both.

b − A x  beside  A x − b      −(A x − b)
xᵀ x     beside  ‖x‖          ‖x‖²
"""

from collections.abc import Callable, Container, Sequence

from chainrule.algebra.contract import letters_of
from chainrule.algebra.entrywise import ABS, ADD, DIVIDE, NEGATIVE, POWER_OP, SUBTRACT
from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.node import CONSTANT, Node, make, topological
from chainrule.algebra.reduce import NORM
from chainrule.calculus.directions import with_directions
from chainrule.calculus.rewrite import remake
from chainrule.calculus.simplify import simplify


def alike(roots: Sequence[Node], entire: Sequence[Node] = ()) -> list[Node]:
    """The expressions with every part that is the negative or the square of another written as such.

    entire   parts that keep a sign of their own, as error signals do; they come behind the expressions
    """
    both = [*roots, *entire]
    for change in (_signs, _squares):
        both = change(both, both[len(roots) :])
    return simplify(with_directions(both))


def _signs(roots: Sequence[Node], entire: Sequence[Node]) -> list[Node]:
    """b − a as −(a − b) where a − b stands before it."""
    order = topological(roots)
    seen: set[tuple[Node, ...]] = set()
    turned: set[Node] = set()
    for n in order:
        if n.op is SUBTRACT and n.inputs[::-1] in seen:
            turned.add(n)
        elif n.op is SUBTRACT:
            seen.add(n.inputs)
    done = _changed(order, entire, lambda n, new: -make(SUBTRACT, *new.inputs[::-1]) if n in turned else new)
    return [done[root] for root in roots]


def _squares(roots: Sequence[Node], entire: Sequence[Node]) -> list[Node]:
    """xᵀ x as ‖x‖² where ‖x‖ stands too."""
    order = topological(roots)
    lengths = {n.inputs[0]: n for n in order if n.op is NORM and len(n.attrs["axes"]) == n.inputs[0].ndim}

    def squared(node: Node, new: Node) -> Node:
        known = lengths.get(node.inputs[0]) if _is_square(node) else None
        return new if known is None else remake(known, new.inputs[:1]) ** 2

    done = _changed(order, entire, squared) if lengths else {n: n for n in roots}
    return [done[root] for root in roots]


def _changed(
    order: Sequence[Node], entire: Sequence[Node], change: Callable[[Node, Node], Node]
) -> dict[Node, Node]:
    """For every node `change(node, the node on its changed inputs)`."""
    done: dict[Node, Node] = {}
    whole, kept = set(entire), set[Node]()
    for n in order:
        new = remake(n, [done[i] for i in n.inputs])
        done[n] = change(n, new if new is n else _settled(new, kept))
        if n in whole:
            kept.add(done[n])
    return done


def _is_square(node: Node) -> bool:
    """Whether a node is xᵀ x, or ⟨X, X⟩."""
    if node.op is not PRODUCT_OP or node.shape or len(node.inputs) != 2 or node.inputs[0] is not node.inputs[1]:
        return False
    (left, right), _ = letters_of(node.attrs["letters"])
    return left == right and len(set(left)) == len(left)


def _settled(node: Node, entire: Container[Node]) -> Node:
    """The node with the signs of its operands in front or gone, and a power of a length's power as one."""
    negative = [i.op is NEGATIVE and i not in entire for i in node.inputs]
    bare = [i.inputs[0] if minus else i for i, minus in zip(node.inputs, negative, strict=True)]
    if node.op is NEGATIVE and negative[0]:
        return bare[0]
    if node.op in (PRODUCT_OP, DIVIDE) and any(negative):
        value = remake(node, bare)
        return -value if sum(negative) % 2 else value
    if node.op in (ADD, SUBTRACT) and negative[1]:
        return make(SUBTRACT if node.op is ADD else ADD, node.inputs[0], bare[1])
    if node.op is ADD and negative[0]:
        return make(SUBTRACT, node.inputs[1], bare[0])
    if node.op in (NORM, ABS) and negative[0]:
        return remake(node, bare)
    return _settled_power(node, bare) if node.op is POWER_OP else node


def _settled_power(node: Node, bare: Sequence[Node]) -> Node:
    outer, inner = _exponent(node), _exponent(node.inputs[0])
    if outer and inner and node.inputs[0].inputs[0].op is NORM:
        return node.inputs[0].inputs[0] ** (outer * inner)
    return bare[0] ** outer if outer and not outer % 2 else node


def _exponent(node: Node) -> float:
    """The number that a power is raised to; 0 where there is none."""
    known = node.op is POWER_OP and node.inputs[1].op is CONSTANT and not node.inputs[1].shape
    return float(node.inputs[1].attrs["data"].array) if known else 0.0
