"""Small assemblies of nodes that keep a person's way of writing: signs, numbers, quotients, axes filled up."""

from collections.abc import Sequence

from chainrule.algebra.entrywise import NEGATIVE, power, sqrt
from chainrule.algebra.letters import ALPHABET, build
from chainrule.algebra.node import Node, constant
from chainrule.algebra.reduce import NORM
from chainrule.algebra.signature import DType, Shape
from chainrule.calculus.simplify import begun_with
from chainrule.calculus.terms import Letters


def raised(base: Node, p: float) -> Node:
    """A base to a positive power."""
    if p == 1:
        return base
    if p == 2 and base.op is NORM and base.inputs[0].ndim == 1 and not base.ndim:
        return build(("a", "a"), "", (base.inputs[0], base.inputs[0]))
    return sqrt(base) if p == 0.5 else power(base, constant(p, base.dtype))


def negated(node: Node) -> Node:
    """The node with the other sign: of a difference, the difference turned round."""
    if node.op is NEGATIVE:
        return node.inputs[0]
    if node.op.name == "subtract" and node.inputs[0].shape == node.inputs[1].shape:
        return node.inputs[1] - node.inputs[0]
    value = node.op.name == "constant" and not node.shape
    if value:
        return constant(-node.attrs["data"].array, node.dtype)
    begun = begun_with(-1.0, node)
    return -node if begun is None else begun


def multiplied(nodes: Sequence[Node]) -> Node | None:
    """The product of scalars; None of none."""
    total: Node | None = None
    for node in nodes:
        total = node if total is None else total * node
    return total


def times(scalar: Node, tensor: Node) -> Node:
    """A scalar times a tensor."""
    term = ALPHABET[: tensor.ndim]
    return build(("", term), term, (scalar, tensor))


def quotient(number: float, above: Node | None, below: Node | None, dtype: DType) -> Node:
    """number · above / below."""
    top = above if above is not None and number == 1 else constant(number, dtype)
    if above is not None and number != 1:
        top = top * above
    return top if below is None else top / below


def stretched(node: Node, letters: Letters, shape: Shape, *, keep: bool = False) -> Node:
    """The node with the axes that it lacks: all of them, or with `keep` only those behind its first."""
    full_letters = tuple(range(len(shape)))
    if letters == full_letters:
        return node
    wanted = full_letters
    if keep:
        wanted = full_letters[letters[0] :] if letters else ()
        if wanted == letters:
            return node
    names = {c: ALPHABET[c] for c in full_letters}
    sizes = {ALPHABET[c]: a for c, a in enumerate(shape)}
    return build(("".join(names[c] for c in letters),), "".join(names[c] for c in wanted), (node,), sizes)


def stretched_full(node: Node, shape: Shape) -> Node:
    """The node with the front axes that it lacks."""
    return stretched(node, tuple(range(len(shape)))[len(shape) - node.ndim :], shape)
