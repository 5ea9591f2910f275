"""The terms of an expression, and the numbers before them: signs, factors, the size of a batch, a weight."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.node import CONSTANT, Node
from chainrule.algebra.phrase import ATOM, ENTRYWISE, POWER
from chainrule.calculus.rewrite import remake
from chainrule.compute.handwriting import MINUS, Form, Handwriting, made, wrapped
from chainrule.compute.mistakes import FACTOR, SIGN

MOST_TERMS = 24


class Factor(NamedTuple):
    """A number that may be missing at a term: its value, why, how unusual, and how it is written there."""

    value: float
    reason: str
    rank: float
    put: Callable[[Form], Form]


def summands(root: Node, *, opened: bool = False) -> list[tuple[float, Node]]:
    """The terms of an expression, with the numbers before them; `opened`, products of sums as well."""
    found: list[tuple[float, Node]] = []
    waiting = [(1.0, root)]
    while waiting:
        times, node = waiting.pop()
        more = _parts(node, opened) if len(waiting) + len(found) < MOST_TERMS else []
        if more:
            waiting += [(times * number, part) for number, part in more][::-1]
        else:
            found.append((times, node))
    return found


def _parts(node: Node, opened: bool) -> Sequence[tuple[float, Node]]:
    """The terms that a node is made of, one level down; none where it is a term itself."""
    if node.op.name in ("add", "subtract") and all(i.shape == node.shape for i in node.inputs):
        return list(zip((1.0, -1.0 if node.op.name == "subtract" else 1.0), node.inputs, strict=True))
    if node.op.name == "negative":
        return [(-1.0, node.inputs[0])]
    if node.op is not PRODUCT_OP:
        return []
    first = node.inputs[0]
    if len(node.inputs) == 2 and first.op is CONSTANT and not first.shape and node.inputs[1].shape == node.shape:
        return [(float(first.attrs["data"].array), node.inputs[1])]
    for k, factor in enumerate(node.inputs if opened else ()):
        more = _parts(factor, False)
        if more:
            return [(c, remake(node, [*node.inputs[:k], part, *node.inputs[k + 1 :]])) for c, part in more]
    return []


NUMBERS: Mapping[float, str] = {
    1.0: "",
    -1.0: "the sign of {}",
    2.0: "a missing factor 2",
    0.5: "a factor 2 too many",
    -2.0: "the sign of {}, and a missing factor 2",
    -0.5: "the sign of {}, and a factor 2 too many",
    3.0: "a missing factor 3",
    1 / 3: "a factor 3 too many",
    4.0: "a missing factor 4",
    0.25: "a factor 4 too many",
}


def factors(hand: Handwriting, scalars: Sequence[tuple[Form, float]]) -> list[Factor]:
    """The numbers that are forgotten or put in too often; `scalars` are forms of numbers, and their values."""
    found = [Factor(n, why, _rank(n), lambda f, n=n: scaled(hand, n, f)) for n, why in NUMBERS.items() if why]  # type: ignore[misc]
    for (one, at), (n, _) in product(scalars, NUMBERS.items()):
        many = "" if n == 1 else f"{n:g} " if n == int(n) else f"{n:.3g} "

        def times(form: Form, one: Form = one, n: float = n) -> Form:
            return scaled(hand, n, hand.times(one, form))

        def over(form: Form, one: Form = one, n: float = n) -> Form:
            return hand.over(scaled(hand, n, form), one)

        if at:
            name = wrapped(one, POWER)
            found.append(Factor(n * at, f"a missing factor {many}{name}", FACTOR + 0.5, times))
            found.append(Factor(n / at, f"a missing factor {many.strip() or 1}/{name}", FACTOR + 0.5, over))
    return found


_BEGUN = re.compile(r"(\d+\.?\d*)(?: ?\* ?| )(?![*/^])")


def _rank(number: float) -> float:
    return SIGN + 0.4 if number == -1 else FACTOR + 0.4


def scaled(hand: Handwriting, number: float, form: Form) -> Form:
    """A number times a form."""
    if number == 1:
        return form
    if number < 0:
        return hand.negative(scaled(hand, -number, form))
    if form.text.startswith("-") and form.power >= MINUS:
        return hand.negative(scaled(hand, number, hand.negative(form)))
    if 0 < number < 0.5 and abs(1 / number - round(1 / number)) < 1e-12:
        return hand.over(form, hand.number(round(1 / number)))
    begun = _BEGUN.match(form.text)
    if begun and ENTRYWISE <= form.power < ATOM:
        rest = form._replace(text=form.text[begun.end() :], node=made(lambda x: x / float(begun[1]), form))
        return scaled(hand, number * float(begun[1]), rest)
    times = hand.times(hand.number(number), form)
    if ENTRYWISE <= form.power < ATOM and not form.text.startswith("-"):
        between = " " if hand.scalar == "beside" else " * "
        return times._replace(text=f"{hand.number(number).text}{between}{form.text}")  # 2 (A B) = (2 A) B
    return times
