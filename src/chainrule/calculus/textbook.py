"""Textbook form: the shortest way to write expressions, by the laws of algebra and the facts that are known."""

from collections.abc import Iterable, Sequence

from chainrule.algebra.choice import CAST, where
from chainrule.algebra.entrywise import SIGMOID, SUBTRACT, sigmoid
from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.node import Node, constant, is_number, topological
from chainrule.algebra.signature import BOOLEAN
from chainrule.calculus.assembling import negated
from chainrule.calculus.cost import effort
from chainrule.calculus.facts import Facts
from chainrule.calculus.reading import Reader
from chainrule.calculus.readings import is_limited
from chainrule.calculus.rewrite import rewrite, substitute
from chainrule.calculus.simplify import simplify

_OPENED = ({"inv"}, {"inv", "det", "logdet"})


def textbook(roots: Sequence[Node], facts: Facts | None = None, given: Iterable[Node] = ()) -> list[Node]:
    """The expressions in their shortest form, found jointly so that equal parts become one object.

    given   expressions whose own `where` is kept as it is; derivatives lose the guards at single points
    The facts that the result rests on are noted in `facts.used`.
    """
    known = facts or Facts()
    kept = list(topological(list(given)))
    result = _form(roots, known, kept)
    if known:
        _note_used(known, roots, kept, result)
    return result


def _form(roots: Sequence[Node], facts: Facts, given: Sequence[Node]) -> list[Node]:
    found = _shortest(roots, facts, given)
    stable = _complements(found)
    if stable != found:
        found = _read(Reader(facts, given, complements=True), stable)
    return rewrite(found, _chosen)


def _chosen(node: Node) -> Node:
    """[c] ⊙ x as where(c, x, 0), where x is a root or a logarithm and has no value off the condition."""
    if node.op is not PRODUCT_OP or len(node.inputs) != 2:
        return node
    for mark, x in (node.inputs, node.inputs[::-1]):
        truth = mark.op is CAST and mark.inputs[0].dtype == BOOLEAN
        entrywise = truth and mark.shape == x.shape == node.shape and node in (mark * x, x * mark)
        if entrywise and any(is_limited(n) for n in topological([x])):
            return where(mark.inputs[0], x, constant(0, node.dtype))
    return node


def _complements(roots: Sequence[Node]) -> list[Node]:
    """1 - σ(x) as σ(-x), which loses no digits, where σ(x) stands nowhere else."""
    uses: dict[Node, int] = {}
    order = topological(roots)
    for node in (*roots, *(i for n in order for i in n.inputs)):
        uses[node] = uses.get(node, 0) + 1

    def change(node: Node) -> Node:
        one, other = node.inputs if node.op is SUBTRACT else (node, node)
        for first, second, sign in ((one, other, 1), (other, one, -1)):
            if is_number(first, 1) and second.op is SIGMOID and uses.get(second, 0) == 1 and uses.get(node, 0):
                found = sigmoid(negated(second.inputs[0]))
                return found if sign > 0 else -found
        return node

    replaced = {node: changed for node in order if (changed := change(node)) is not node}
    return substitute(roots, replaced) if replaced else list(roots)


def _shortest(roots: Sequence[Node], facts: Facts, given: Sequence[Node]) -> list[Node]:
    closed = Reader(facts, given)
    found = _read(closed, roots)
    # inv(A B) = inv(B) inv(A) is a gain only where something cancels
    others = [_read(Reader(facts, given, names), roots) for names in _OPENED if closed.could_open & names]
    return min([found, *others], key=effort)


def _read(reader: Reader, roots: Sequence[Node]) -> list[Node]:
    folded = simplify(list(roots))
    for node in topological(folded):
        reader.visit(node)
    return [reader.best(root) for root in folded]


def _note_used(facts: Facts, roots: Sequence[Node], given: Sequence[Node], result: Sequence[Node]) -> None:
    """Note the facts without which the result would be another."""
    held = {node: list(stated) for node, stated in facts.stated.items()}
    for node, stated in facts.stated.items():
        for fact in stated:
            held[node].remove(fact)
            if _form(roots, Facts(held), given) != list(result):
                held[node].append(fact)
                facts.note(fact, node)


def recognised(roots: Sequence[Node], facts: Facts | None = None) -> list[Node]:
    """The expressions with σ, softmax, logsumexp, softplus and tanh put in where they are written out."""
    return textbook(roots, facts, given=roots)
