"""The differential of an expression: how it moves when what it is made of moves, with the structure kept.

    d(A B) = dA B + A dB        d tanh z = (1 - tanh(z)²) ⊙ dz        d X⁻¹ = -X⁻¹ dX X⁻¹

None of these is stated here: the share of one operand in one operation is the pullback of its pullback, found
once for each kind of node and put into place.
"""

from collections.abc import Callable, Container, Mapping
from functools import lru_cache, partial
from math import prod

from chainrule.algebra.choice import EQUAL, MAXIMUM, MINIMUM, WHERE, cast, opposite
from chainrule.algebra.contract import letters_of
from chainrule.algebra.entrywise import ADD, DIVIDE, NEGATIVE, SUBTRACT
from chainrule.algebra.letters import PRODUCT_OP, build
from chainrule.algebra.node import CONSTANT, Node, constant, is_number, make, topological, variable
from chainrule.algebra.product import broadcast_to, inner, matmul, sum, trace
from chainrule.calculus.pullback import pull_back
from chainrule.calculus.rewrite import remake, substitute
from chainrule.calculus.simplify import simplify
from chainrule.calculus.terms import number_of

_BACK, _MOVE = " g", " d"  # names that nobody can write


def differential(root: Node, moving: Mapping[Node, Node]) -> Node | None:
    """The change of an expression when nodes of it move by their differentials; None if it does not move.

    Linear in the differentials, which are of the shapes of the nodes. Points where an operation has no
    derivative are left aside: it is the differential everywhere else.
    """
    moves: dict[Node, Node] = dict(moving)
    for node in topological([root]):
        if node in moves:
            continue
        for k, operand in enumerate(node.inputs):
            if operand in moves:
                tied = node.op in (MAXIMUM, MINIMUM) and all(i in moves for i in node.inputs)
                share = _share(node, k, moves[operand], tied)
                if share is not None:
                    moves[node] = moves[node] + share if node in moves else share
    return tidy(moves[root], set(moving.values())) if root in moves else None


def _share(node: Node, k: int, move: Node, tied: bool) -> Node | None:
    """What one operand's differential adds to the differential of an operation.

    tied    whether the operands may be equal everywhere, so that ties count
    """
    places = tuple(
        i if i.op is CONSTANT else variable(f" {j}", i.shape, i.dtype) for j, i in enumerate(node.inputs)
    )
    pattern = _pattern(make(node.op, *places, **node.attrs), k, tied)
    if pattern is None:
        return None
    put = {a: b for a, b in zip(places, node.inputs, strict=True) if a is not b}
    return substitute([pattern], {**put, variable(_MOVE, move.shape, move.dtype): move})[0]


@lru_cache(maxsize=1024)
def _pattern(node: Node, k: int, tied: bool) -> Node | None:
    """The share of operand k, as an expression in the operands and its differential."""
    x = node.inputs[k]
    back, move = variable(_BACK, node.shape, node.dtype), variable(_MOVE, x.shape, x.dtype)
    (flow,) = pull_back({node: back}, [x], linear=True)
    if flow is None:
        return None
    (forward,) = pull_back({inner(flow, move): constant(1, node.dtype)}, [back], linear=True)
    return None if forward is None else simplify(forward if tied else _without_guards(forward, node))


def _without_guards(root: Node, of: Node) -> Node:
    """The expression away from the points at which a `where` guards it."""
    routed = of.op in (MAXIMUM, MINIMUM)
    done: dict[Node, Node] = {}
    for node in topological([root]):
        new = remake(node, [done[i] for i in node.inputs])
        condition = new.inputs[0] if new.op is WHERE else new
        if new.op is WHERE and condition.op is EQUAL and (routed or condition.inputs[1].op is CONSTANT):
            new = broadcast_to(new.inputs[2], new.shape)
        done[node] = new
    return done[root]


# ── how a differential is written ─────────────────────────────────────────────────────────────────────


def tidy(root: Node, moves: Container[Node]) -> Node:
    """The same differential, its structure kept: numbers in front, and behind the rest what moves."""
    for _ in range(MOST_ROUNDS):
        before, root = root, _tidied(root, moves)
        if root is before:
            break
    return root


MOST_ROUNDS = 3


def _tidied(root: Node, moves: Container[Node]) -> Node:
    done: dict[Node, Node] = {}
    moving: set[Node] = set()
    for node in topological([root]):
        new = remake(node, [done[i] for i in node.inputs])
        moves_now = node in moves or any(i in moving for i in new.inputs)
        for law in (*_LAWS, partial(_move_last, moving, moves), in_words):
            new = law(new)
        done[node] = new
        if moves_now:
            moving.add(new)
    return simplify(done[root])


def _number_outside(node: Node) -> Node:
    """(-a) b = -(a b), (2 a) b = 2 (a b), -(2 a) = -2 a, and so for quotients."""
    if node.op is NEGATIVE:
        number, rest = number_and_rest(node.inputs[0])
        return node if number == 1 else times(-number, rest)
    if node.op is DIVIDE:
        number, rest = number_and_rest(node.inputs[0])
        return node if number == 1 else times(number, rest / node.inputs[1])
    if node.op is not PRODUCT_OP:
        return node
    parts = [(1.0, i) if number_of(i) is not None else number_and_rest(i) for i in node.inputs]
    if all(number == 1 for number, _ in parts):
        return node
    return times(prod(number for number, _ in parts), remake(node, [rest for _, rest in parts]))


def number_and_rest(node: Node) -> tuple[float, Node]:
    """A node as a number times the rest of it."""
    if node.op is NEGATIVE:
        return -1.0, node.inputs[0]
    if node.op is PRODUCT_OP and len(node.inputs) == 2:
        number, (ins, out) = number_of(node.inputs[0]), letters_of(node.attrs["letters"])
        if number is not None and ins[1] == out and len(set(out)) == len(out):
            return number, node.inputs[1]
    return 1.0, node


def times(number: float, node: Node) -> Node:
    """A number in front of a node, where it changes something."""
    return node if number == 1 else -node if number == -1 else simplify(number * node)


def _terms_in_a_row(node: Node) -> Node:
    """a + (b - c) = a + b - c, and a + (-2 b) = a - 2 b."""
    if node.op not in (ADD, SUBTRACT):
        return node
    left, right = node.inputs
    if right.op in (ADD, SUBTRACT) and right.inputs[0].shape == right.shape == node.shape:
        first, second = right.inputs
        sign = right.op if node.op is ADD else ADD if right.op is SUBTRACT else SUBTRACT
        return _terms_in_a_row(make(sign, _terms_in_a_row(make(node.op, left, first)), second))
    number, rest = number_and_rest(right)
    return make(SUBTRACT if node.op is ADD else ADD, left, times(-number, rest)) if number < 0 else node


_WORDS: Mapping[str, Callable[[Node, Node], Node]] = {
    "ab,ba->": lambda a, b: trace(matmul(a, b)),
    ",aa->": lambda c, a: c * trace(a),
    ",a->": lambda c, a: c * sum(a),
    ",ab->": lambda c, a: c * sum(a),
    "ab,b->": lambda a, v: inner(sum(a, 0), v),
    "ab,a->": lambda a, v: inner(sum(a, 1), v),
    "ab,ab->a": lambda a, b: sum(a * b, 1),
    "ab,ab->b": lambda a, b: sum(a * b, 0),
}
"""Products of two that have no sign, with traces and sums instead."""


def in_words(node: Node) -> Node:
    """Σ A_ab B_ba = tr(A B), Σ c v_a = c sum(v), and so for all products that have a name but no sign."""
    word = _WORDS.get(node.attrs["letters"]) if node.op is PRODUCT_OP else None
    return node if word is None else word(*node.inputs)


def _chosen_by_factor(node: Node) -> Node:
    """where(c, dz, 0) = [c] ⊙ dz."""
    if node.op is not WHERE or is_number(node.inputs[1], 0) == is_number(node.inputs[2], 0):
        return node
    condition, taken, other = node.inputs
    if is_number(taken, 0):
        condition, taken = opposite(condition), other
    factor = cast(condition, taken.dtype)
    return factor * taken if (factor * taken).shape == node.shape else node


def _entries_as_inner(node: Node) -> Node:
    """sum(a ⊙ b) = ⟨a, b⟩."""
    if node.op is not PRODUCT_OP or len(node.inputs) > 1 or node.shape or node.inputs[0].op is not PRODUCT_OP:
        return node
    product = node.inputs[0]
    ins, out = letters_of(product.attrs["letters"])
    term = letters_of(node.attrs["letters"])[0][0]
    whole = len(ins) == 2 and ins[0] == ins[1] == out and len(set(term)) == len(term)
    return inner(*product.inputs) if whole else node


def _products_in_a_row(node: Node) -> Node:
    """A (B C) = A B C for matrices."""
    if node.op is not PRODUCT_OP or len(node.inputs) != 2 or any(i.ndim != 2 for i in (node, *node.inputs)):
        return node
    (left, right), (ins, out) = node.inputs, letters_of(node.attrs["letters"])
    if right.op is not PRODUCT_OP or len(right.inputs) != 2 or any(i.ndim != 2 for i in right.inputs):
        return node
    (one, two), row = letters_of(right.attrs["letters"]), out[0]
    summed = set(ins[0]) & set(ins[1])
    if len(set(one[0]) | set(one[1])) != 3 or len(summed) != 1 or row not in ins[0]:
        return node
    names = {**dict(zip(two, ins[1], strict=True))}
    terms = ["".join(names.get(c, "Z") for c in term) for term in one]
    first = next(k for k, term in enumerate(terms) if summed & set(term))
    start = _products_in_a_row(build((ins[0], terms[first]), row + "Z", (left, right.inputs[first])))
    return build((row + "Z", terms[1 - first]), out, (start, right.inputs[1 - first]))


def _quotient_of_scalar(node: Node) -> Node:
    """1/a ⊙ b = b / a, and c 1 / a = (c / a) 1 for numbers c and a."""
    if node.op is PRODUCT_OP and len(node.inputs) == 2:
        (left, right), (ins, out) = node.inputs, letters_of(node.attrs["letters"])
        for one, other in ((left, right), (right, left)):
            if one.op is DIVIDE and number_of(one.inputs[0]) == 1 and ins[0] == ins[1] == out:
                return other / one.inputs[1]
    if node.op is DIVIDE and not node.inputs[1].shape and node.inputs[0].op is PRODUCT_OP:
        above = node.inputs[0]
        if len(above.inputs) == 1 and not above.inputs[0].shape:
            return remake(above, [above.inputs[0] / node.inputs[1]])
    return node


_LAWS = (
    _chosen_by_factor,
    _number_outside,
    _terms_in_a_row,
    _entries_as_inner,
    _products_in_a_row,
    _quotient_of_scalar,
)
"""Applied to every node before what moves is put last."""


def _move_last(moving: Container[Node], moves: Container[Node], node: Node) -> Node:
    """dz ⊙ a = a ⊙ dz, and so wherever the order of two factors is free."""
    if node.op is not PRODUCT_OP or len(node.inputs) != 2:
        return node
    (left, right), (ins, out) = node.inputs, letters_of(node.attrs["letters"])
    if left in moving and right not in moving and node.attrs["letters"] == "ab,ba->":  # tr(dX A) = tr(A dX)
        return in_words(build(ins[::-1], out, (right, left)))
    free = ins[0] == ins[1] == out or "" in ins or (not out and left in moves)
    if left in moving and right not in moving and free and (ins[0] or not ins[1]):
        left, right, ins = right, left, ins[::-1]
    elif not (left not in moving and right in moving and free):
        return node
    if right.op is PRODUCT_OP and right.attrs["letters"] == node.attrs["letters"] and ins[0] == out:
        first, last = right.inputs  # a ⊙ (b ⊙ dz) = (a ⊙ b) ⊙ dz
        if first not in moving:
            return build(ins, out, (build(ins, out, (first, left)), last))
    return build(ins, out, (left, right), dict(zip(out, node.shape, strict=True)))
