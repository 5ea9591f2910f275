"""The best association of the factors of one term, by dynamic programming over groups of factors."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import NamedTuple

from chainrule.algebra.entrywise import EXP, exp, power
from chainrule.algebra.letters import ALPHABET, build
from chainrule.algebra.node import Node, constant
from chainrule.algebra.reduce import norm2
from chainrule.calculus.assembling import negated, raised
from chainrule.calculus.cost import Cost, nominal, operators_of
from chainrule.calculus.terms import Factor, Letters

MOST_JOINED = 8  # so many factors are associated in the best way, more from left to right


class Element(NamedTuple):
    """A factor of a product that is being associated; divided by, if it is below."""

    node: Node
    letters: Letters
    below: bool = False


class Plan(NamedTuple):
    """How a group of elements becomes one node: its cost, its letters, and the two plans that it joins."""

    cost: Cost
    letters: Letters
    parts: tuple["Plan", ...] = ()
    element: Element | None = None
    divides: bool = False


def _joined(left: Plan, right: Plan, out: Letters, sizes: Mapping[int, float]) -> Plan:
    letters = "".join(map(_letter, left.letters)), "".join(map(_letter, right.letters)), "".join(map(_letter, out))
    every = {*left.letters, *right.letters}
    arithmetic = 1.0
    for c in every:
        arithmetic *= sizes[c]
    cost = Cost(
        max(left.cost.order, right.cost.order, len(every)),
        left.cost.operators + right.cost.operators + operators_of(*letters),
        0,
        left.cost.arithmetic + right.cost.arithmetic + arithmetic,
    )
    return Plan(cost, out, (left, right))


def _letter(c: int) -> str:
    return ALPHABET[c]


def associated(factors: Sequence[Factor], target: Letters, symmetric: set[int]) -> Node:
    """The product of factors in the best order."""
    sizes = {c: nominal(a) for f in factors for c, a in zip(f.letters, f.base.shape, strict=True)}
    plan = _planned(_elements(factors), target, sizes, symmetric)
    node = _made(plan)
    return node if plan.letters == target else rearranged(node, plan.letters, target)


def _elements(factors: Sequence[Factor]) -> list[Element]:
    """Factors as they are joined: powers taken, what is divided by under one line where the letters agree."""
    elements: list[Element] = []
    below: dict[Letters, Node] = {}
    for f in map(upright, factors):
        if f.power > 0:
            elements.append(Element(raised(f.base, f.power), f.letters))
        else:
            node = raised(f.base, -f.power)
            below[f.letters] = below[f.letters] * node if f.letters in below else node
    return elements + [Element(node, letters, True) for letters, node in below.items()]


def upright(f: Factor) -> Factor:
    """exp(-x) for 1 / exp(x)."""
    return Factor(exp(negated(f.base.inputs[0])), f.letters, -f.power) if f.base.op is EXP and f.power < 0 else f


def square(factors: Sequence[Factor], out: Letters) -> Node | None:
    """Σ x² as xᵀ x of a vector or ‖X‖² of a matrix."""
    if out or len(factors) != 1 or factors[0].power != 2 or len(set(factors[0].letters)) < factors[0].base.ndim:
        return None
    base = factors[0].base
    if base.ndim == 1:
        return build(("a", "a"), "", (base, base))
    return power(norm2(base), constant(2, base.dtype))


def _planned(elements: Sequence[Element], out: Letters, sizes: Mapping[int, float], symmetric: set[int]) -> Plan:
    if len(elements) > MOST_JOINED:
        return _from_left(elements, out, sizes)
    full_mask = (1 << len(elements)) - 1
    letters = [frozenset(e.letters) for e in elements]

    held: dict[int, frozenset[int]] = {0: frozenset()}
    for mask in range(1, full_mask + 1):
        low = mask & -mask
        held[mask] = letters[low.bit_length() - 1] | held[mask ^ low]

    def needed(mask: int) -> frozenset[int]:
        return held[mask] & (held[full_mask ^ mask] | frozenset(out))

    plans: dict[int, list[Plan]] = {1 << k: _alone(e, needed(1 << k), symmetric) for k, e in enumerate(elements)}
    for mask in range(1, full_mask + 1):
        low = mask & -mask
        if mask == low:
            continue
        need = needed(mask)
        orders = [tuple(p) for p in permutations(sorted(need))] if len(need) < 3 else [tuple(sorted(need))]
        best: dict[Letters, Plan] = {}
        sub = (mask - 1) & mask
        while sub:
            other = mask ^ sub
            if sub & low and held[sub] & held[other] and plans.get(sub) and plans.get(other):
                for left in plans[sub]:
                    for right in plans[other]:
                        for made in _joins(left, right, elements, other, orders, need, sizes):
                            if made.letters not in best or made.cost < best[made.letters].cost:
                                best[made.letters] = made
            sub = (sub - 1) & mask
        plans[mask] = list(best.values())
    turned = [(p.cost._replace(operators=p.cost.operators + (p.letters != out)), p) for p in plans[full_mask]]
    return min(turned, key=lambda pair: pair[0])[1]


def _joins(
    left: Plan,
    right: Plan,
    elements: Sequence[Element],
    other: int,
    orders: Sequence[Letters],
    need: frozenset[int],
    sizes: Mapping[int, float],
) -> Iterator[Plan]:
    for order in orders:
        yield _joined(left, right, order, sizes)
    for top, bottom in ((left, right), (right, left)):
        under = bottom.element
        if under is not None and under.below and _suffix(under.letters, top.letters):
            kept = tuple(c for c in top.letters if c in need)
            cost = Cost(
                max(top.cost.order, len(top.letters)),
                top.cost.operators + 1 + (kept != top.letters),
                0,
                top.cost.arithmetic + 1,
            )
            yield Plan(cost, kept, (top, bottom), divides=True)


def _suffix(short: Letters, long: Letters) -> bool:
    return not short or long[-len(short) :] == short


def _alone(element: Element, need: frozenset[int], symmetric: set[int]) -> list[Plan]:
    kept = tuple(c for c in dict.fromkeys(element.letters) if c in need)
    operators = 2 * (kept != element.letters) + element.below
    plan = Plan(Cost(len(element.letters), operators, 0, 0.0), kept, element=element)
    if len(kept) == 2 and element.letters == kept and id(element.node) in symmetric and not element.below:
        turned = element._replace(letters=kept[::-1])
        return [plan, Plan(plan.cost, kept[::-1], element=turned)]
    return [plan]


def _from_left(elements: Sequence[Element], out: Letters, sizes: Mapping[int, float]) -> Plan:
    """Many factors, one after the other."""
    first, *others = elements
    plan = _alone(first, frozenset(c for e in others for c in e.letters) | set(out), set())[0]
    for k, element in enumerate(others):
        later = {c for e in others[k + 1 :] for c in e.letters} | set(out)
        own = _alone(element, frozenset(later | set(plan.letters)), set())[0]
        held = [c for c in dict.fromkeys((*plan.letters, *own.letters)) if c in later]
        plan = _joined(plan, own, tuple(sorted(held)), sizes)
    return plan


def _made(plan: Plan) -> Node:
    if plan.element is not None:
        node = plan.element.node
        if plan.element.below:
            node = constant(1, node.dtype) / node
        return (
            node if plan.letters == plan.element.letters else rearranged(node, plan.element.letters, plan.letters)
        )
    left, right = plan.parts
    if plan.divides and right.element is not None:
        node = _made(left) / right.element.node
        return node if plan.letters == left.letters else rearranged(node, left.letters, plan.letters)
    return built(_made(left), left.letters, _made(right), right.letters, plan.letters)


def built(left: Node, of_left: Letters, right: Node, of_right: Letters, out: Letters) -> Node:
    """The product of two nodes with these letters; sums that have no matrix notation are taken entry by entry."""
    names = {c: ALPHABET[k] for k, c in enumerate(dict.fromkeys((*of_left, *of_right)))}
    terms = ["".join(names[c] for c in letters) for letters in (of_left, of_right, out)]
    if not out and len(of_left) == 2 and of_left == of_right[::-1]:
        return build(("aa",), "", (build(("ab", "bc"), "ac", (left, right)),))
    if not out and len(of_left) + len(of_right) == 3:
        matrix, vector = terms[:2] if len(of_left) == 2 else terms[1::-1]
        nodes = (left, right) if len(of_left) == 2 else (right, left)
        free = matrix.replace(vector, "")
        return build((free,), "", (build((matrix, vector), free, nodes),))
    if len(of_left) > 1 and set(of_left) == set(of_right) and out and set(out) < set(of_left):
        both = build(terms[:2], terms[0], (left, right))
        return build(terms[:1], terms[2], (both,))
    return build(terms[:2], terms[2], (left, right))


def rearranged(node: Node, letters: Letters, out: Letters) -> Node:
    """The node with its letters in another order, on a diagonal, or summed."""
    names = {c: ALPHABET[k] for k, c in enumerate(dict.fromkeys(letters))}
    return build(("".join(names[c] for c in letters),), "".join(names[c] for c in out), (node,))
