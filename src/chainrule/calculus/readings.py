"""How the operations of arithmetic are read as terms; an operation without a row here is one whole factor."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from chainrule.algebra.choice import CAST, EQUAL, LESS, WHERE, cast, opposite
from chainrule.algebra.contract import letters_of
from chainrule.algebra.entrywise import (
    ADD,
    DIVIDE,
    EXP,
    NEGATIVE,
    POWER_OP,
    SIGMOID,
    SQRT,
    SUBTRACT,
    exp,
    sigmoid,
)
from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.node import CONSTANT, SIZE, Node, constant, make, topological
from chainrule.algebra.product import eye
from chainrule.algebra.select import RESHAPE
from chainrule.algebra.signature import BOOLEAN, Axis
from chainrule.algebra.slice import PAD, SLICE
from chainrule.calculus.function_laws import FUNCTION_LAWS
from chainrule.calculus.rewrite import remake
from chainrule.calculus.terms import (
    Factor,
    Sum,
    Term,
    alone,
    apart,
    constant_term,
    fresh,
    is_eye,
    keeps_digits,
    number_of,
    product,
    size_factor,
)

if TYPE_CHECKING:
    from chainrule.calculus.reading import Reader


def _within(reader: "Reader", x: Node, node: Node) -> Sum:
    """The terms of an operand that meets others entry by entry, with the letters of the result."""
    first = node.ndim - x.ndim
    terms: list[Term] = []
    for term in map(apart, reader.terms(x)):
        names, sums = {}, dict(term.sums)
        for k, a in enumerate(x.shape):
            if a == node.shape[first + k]:
                names[k] = first + k
            else:  # an axis of size 1 that is stretched
                names[k] = next(fresh)
                sums[names[k]] = a
        terms.append(Term(term.number, term.factors, sums).renamed(names))
    return tuple(terms)


def _negative(terms: Iterable[Term]) -> Sum:
    return tuple(t._replace(number=-t.number) for t in terms)


def _read_sum(reader: "Reader", node: Node) -> Sum:
    left, right = (_within(reader, x, node) for x in node.inputs)
    return (*left, *(right if node.op is ADD else _negative(right)))


def _one_term(reader: "Reader", x: Node) -> Term | None:
    """An operand of a product: its one term, itself as a factor if it is a sum, or None if it is 0."""
    terms = reader.terms(x)
    if len(terms) > 1:
        return reader.whole(x)
    return apart(terms[0]) if terms else None


def _read_product(reader: "Reader", node: Node) -> Sum | None:
    for law in FUNCTION_LAWS.get("product", ()):
        if (changed := law.apply(reader, node)) is not None:
            return reader.terms(changed)
    ins, out = letters_of(node.attrs["letters"])
    if is_eye(node):
        return None
    place: dict[str, int] = {}
    eyes: list[Factor] = []
    for k, c in enumerate(out):
        if c in place:
            eyes.append(Factor(eye(node.shape[k], dtype=node.dtype), (place[c], k)))
        place.setdefault(c, k)
    parts: list[Term] = []
    sums: dict[int, Axis] = {}
    for term, x in zip(ins, node.inputs, strict=True):
        for c, a in zip(term, x.shape, strict=True):
            if c not in place:
                place[c] = next(fresh)
            if c not in out:
                sums[place[c]] = a
        one = _one_term(reader, x)
        if one is None:
            return ()
        parts.append(one.renamed({k: place[c] for k, c in enumerate(term)}))
    whole = product(parts)
    return (Term(whole.number, (*whole.factors, *eyes), {**whole.sums, **sums}),)


def _inverted(term: Term, p: float) -> Term | None:
    """The term to a power, where that is the product of its factors' powers: no sum, and no root of a square."""
    if term.sums or term.number == 0 or any(is_eye(f.base) for f in term.factors):
        return None
    whole = p == int(p)
    if not whole and (term.number < 0 or any(f.power != 1 for f in term.factors) or len(term.factors) > 1):
        return None
    factors = tuple(f._replace(power=f.power * p) for f in term.factors)
    number = _to_power(term.number, p)
    return Term(number, factors, {}) if keeps_digits(number) else None


def _to_power(number: float, p: float) -> float:
    try:
        return float(number**p)
    except OverflowError:
        return float("inf")


def _powered(reader: "Reader", x: Node, p: float) -> Term:
    terms = reader.terms(x)
    inverted = _inverted(terms[0], p) if len(terms) == 1 else None
    return inverted if inverted is not None else reader.whole(x, p)


def _read_quotient(reader: "Reader", node: Node) -> Sum:
    above, below = node.inputs
    bottom = _guardless(reader, below)
    term = _powered(reader, bottom, -1.0)
    if not reader.terms(bottom):
        term = reader.whole(bottom, -1.0)
    low = _placed(term, bottom, node)
    terms = reader.terms(above)
    if len(terms) > 1:
        top: Sum = (_placed(reader.whole(above), above, node),)
    else:
        top = _within(reader, above, node)
    return tuple(product([t, low]) for t in top)


def _placed(term: Term, x: Node, node: Node) -> Term:
    """A term of an operand with the letters of the result."""
    first = node.ndim - x.ndim
    names, sums = {}, dict(term.sums)
    for k, a in enumerate(x.shape):
        stretched = a != node.shape[first + k]
        names[k] = next(fresh) if stretched else first + k
        if stretched:
            sums[names[k]] = a
    return Term(term.number, term.factors, sums).renamed(names)


def _guardless(reader: "Reader", node: Node) -> Node:
    """The e of where(v == 0, c, e): a derivative rule's guard at single points, which a formula leaves out."""
    if node.op is not WHERE or node in reader.given:
        return node
    condition, then, other = node.inputs
    single = condition.op is EQUAL and number_of(condition.inputs[1]) is not None
    return other if single and number_of(then) is not None else node


def _read_power(reader: "Reader", node: Node) -> Sum | None:
    base, exponent = node.inputs
    terms = reader.terms(exponent) if not exponent.shape else None
    if terms is None or len(terms) > 1 or (terms and terms[0].factors):
        return None
    p = terms[0].number if terms else 0.0
    if p == 0:
        return (constant_term(1.0),)
    return (_placed(_powered(reader, base, p), base, node),) if reader.terms(base) else None


def _read_root(reader: "Reader", node: Node) -> Sum | None:
    return (_powered(reader, node.inputs[0], 0.5),) if reader.terms(node.inputs[0]) else None


def _turned(reader: "Reader", node: Node, f: Callable[[Node], Node]) -> Node | None:
    """f(-x) for a node f(x), where x is negative, or f(-x) has been read before."""
    terms = reader.terms(node.inputs[0])
    if not terms or (len(terms) == 1 and (terms[0].number > 0 or not terms[0].factors)):
        return None
    other = f(reader.best(-node.inputs[0]))
    return reader.best(other) if len(terms) == 1 or reader.has_read(other) else None


def _read_exp(reader: "Reader", node: Node) -> Sum | None:
    """exp(-x) as exp(x)⁻¹."""
    turned = _turned(reader, node, exp)
    return None if turned is None else (reader.whole(turned, -1.0),)


def _read_sigmoid(reader: "Reader", node: Node) -> Sum | None:
    """σ(-x) as 1 - σ(x), until all is found."""
    turned = None if reader.complements else _turned(reader, node, sigmoid)
    if turned is None:
        return None
    reader.stand_for(node, 1 - turned)
    return constant_term(1.0), reader.whole(turned)._replace(number=-1.0)


def _read_where(reader: "Reader", node: Node) -> Sum | None:
    """where(c, x, 0) as [c] x; guards of single points left out."""
    if node in reader.given:
        return None
    bare = _guardless(reader, node)
    if bare is not node:
        return _branch(reader, node, bare) or _within(reader, bare, node)
    condition, x, other = node.inputs
    ties = other.op is WHERE and other.inputs[0].op is EQUAL and condition.op is LESS
    ties = ties and set(other.inputs[0].inputs) == set(condition.inputs)
    if ties and number_of(other.inputs[2]) == 0:  # maximum, minimum: equal operands are single points
        other = other.inputs[2]
    if number_of(other) == 0:
        chosen, rest = condition, x
    elif number_of(x) == 0:
        chosen, rest = opposite(condition), other
    else:
        return None
    indicator = reader.best(cast(chosen, node.dtype))
    low = _placed(reader.whole(indicator), indicator, node)
    one = _one_term(reader, rest)
    return () if one is None else (product([_placed(one, rest, node), low]),)


def _branch(reader: "Reader", node: Node, bare: Node) -> Sum | None:
    """where(c, x, 0) for [c] x, where x is undefined off the condition: a root or a logarithm."""
    terms = reader.terms(bare)
    if len(terms) != 1 or bare.shape != node.shape or not any(is_limited(n) for n in topological([bare])):
        return None
    (term,) = terms
    for k, f in enumerate(term.factors):
        truth = f.base.op is CAST and f.base.inputs[0].dtype == BOOLEAN
        if truth and f.power == 1 and f.letters == tuple(range(node.ndim)):
            inside = reader.shortest.node((term.without(k),), node)
            chosen = make(WHERE, f.base.inputs[0], inside, constant(0, node.dtype))
            reader.settle_as(chosen)
            return (alone(chosen),)
    return None


def is_limited(node: Node) -> bool:
    """Whether an operation has no value for some of its operands, and not for single points alone."""
    if node.op is POWER_OP:
        p = number_of(node.inputs[1])
        return p is None or p != int(p)
    return node.op.name in ("sqrt", "log", "log1p")


def _read_reshape(reader: "Reader", node: Node) -> Sum | None:
    """A change of axes of size 1 alone."""
    (x,) = node.inputs
    if x.op is SLICE:  # an entry or a row that is picked out
        return None
    kept, old = ([k for k, a in enumerate(n.shape) if a != 1] for n in (node, x))
    if [node.shape[k] for k in kept] != [x.shape[k] for k in old]:
        return None
    names = dict(zip(old, kept, strict=True))
    terms = []
    for term in map(apart, reader.terms(x)):
        sums = dict(term.sums)
        lost = {k: next(fresh) for k in range(x.ndim) if k not in names}
        sums |= dict.fromkeys(lost.values(), 1)
        terms.append(Term(term.number, term.factors, sums).renamed({**names, **lost}))
    return tuple(terms)


def _read_linear(reader: "Reader", node: Node) -> Sum | None:
    """A selection of entries: numbers and scalars stand before it."""
    (x,) = node.inputs
    terms = reader.terms(x)
    if not terms:
        return ()
    if len(terms) > 1 or (terms[0].number == 1 and all(f.letters for f in terms[0].factors)):
        return None
    (term,) = terms
    scalars = tuple(f for f in term.factors if not f.letters)
    if len(scalars) == len(term.factors):
        return None
    rest = term._replace(number=1.0, factors=tuple(f for f in term.factors if f.letters))
    plain = remake(node, [reader.shortest.node((rest,), x)])
    return (product([Term(term.number, scalars, {}), reader.whole(plain)]),)


def _read_number(reader: "Reader", node: Node) -> Sum | None:
    value = number_of(node)
    if value is None:
        return None
    return (constant_term(value),) if value else ()


READINGS: Mapping[str, Callable[["Reader", Node], Sum | None]] = {
    ADD.name: _read_sum,
    SUBTRACT.name: _read_sum,
    NEGATIVE.name: lambda reader, node: _negative(map(apart, reader.terms(node.inputs[0]))),
    PRODUCT_OP.name: _read_product,
    DIVIDE.name: _read_quotient,
    POWER_OP.name: _read_power,
    SQRT.name: _read_root,
    EXP.name: _read_exp,
    SIGMOID.name: _read_sigmoid,
    WHERE.name: _read_where,
    RESHAPE.name: lambda reader, node: _read_reshape(reader, node) or _read_linear(reader, node),
    SLICE.name: _read_linear,
    PAD.name: _read_linear,
    CONSTANT.name: _read_number,
    SIZE.name: lambda reader, node: (Term(*size_factor(node.attrs["axis"], node.dtype), {}),),
}
