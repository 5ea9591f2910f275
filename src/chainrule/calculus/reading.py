"""Nodes read as sums of terms, inputs first: sums, products, quotients and powers are taken apart, all else is whole.

Every term is settled as it is made: identities and equal factors meet, the laws of `laws` are applied, and scalar
parts such as xᵀ x become factors of their own, so that they cancel against their like.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from chainrule.algebra.choice import CAST, EQUAL, LESS, WHERE, cast, opposite
from chainrule.algebra.contract import letters_of
from chainrule.algebra.entrywise import (
    ABS,
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
from chainrule.algebra.node import CONSTANT, SIZE, Node, topological
from chainrule.algebra.product import eye
from chainrule.algebra.select import RESHAPE
from chainrule.algebra.signature import FLOAT64, FLOATS
from chainrule.calculus.facts import Facts
from chainrule.calculus.laws import FUNCTION_LAWS, SUMS, TERM_LAWS
from chainrule.calculus.rewrite import remake
from chainrule.calculus.shortest import Shortest
from chainrule.calculus.terms import (
    Factor,
    Sum,
    Term,
    alone,
    apart,
    collected,
    components,
    constant_term,
    fresh,
    is_eye,
    number_of,
    product,
    size_factor,
)

MOST_TERMS, MOST_FACTORS = 48, 24


class Reader:
    """Terms of nodes, and the shortest node of each; both are found once."""

    def __init__(self, facts: Facts, given: Iterable[Node] = (), *, open_inverses: bool = False) -> None:
        self.facts = facts
        self.dtype = FLOAT64
        self.given = set(given)
        self.open_inverses = open_inverses
        self.could_open = False
        self.symmetric: set[int] = set()
        self.shortest = Shortest(self)
        self._terms: dict[Node, Sum] = {}
        self._best: dict[Node, Node] = {}
        self._plain: dict[Node, Node] = {}
        self._known_symmetric: dict[Node, bool] = {}

    def terms(self, node: Node) -> Sum:
        """The terms of a node of real numbers."""
        if node not in self._terms:
            for below in topological([node]):
                if below not in self._terms and below not in self._best:
                    self.visit(below)
        return self._terms[node]

    def best(self, node: Node) -> Node:
        """The shortest form of a node."""
        if node not in self._best:
            if node.dtype not in FLOATS:
                for below in topological([node]):
                    if below not in self._terms and below not in self._best:
                        self.visit(below)
                return self._best[node]
            terms = self.terms(node)
            self._know(node, self.shortest.node(terms, node, self._remade(node)))
        return self._best[node]

    def _remade(self, node: Node) -> Node:
        """The node as it was put together, with what the laws of functions made of the parts."""
        if node not in self._plain:
            self._plain[node] = remake(node, [self._plain.get(i, i) for i in node.inputs])
        return self._plain[node]

    def stand_for(self, node: Node, written: Node) -> None:
        """Let a node be written in another way where it is put together."""
        self._plain[node] = written

    def whole(self, node: Node, power: float = 1.0) -> Term:
        """The term that is the shortest form of a node as one factor."""
        best = self.best(node)
        self.is_symmetric(best)
        return alone(best, power)

    def _know(self, node: Node, best: Node) -> None:
        self._best[node] = self._best[best] = best
        self._terms.setdefault(best, self._terms[node])

    def visit(self, node: Node) -> None:
        if node.dtype not in FLOATS:
            best = remake(node, [self.best(i) for i in node.inputs])
            for law in FUNCTION_LAWS.get(best.op.name, ()):
                changed = law.apply(self, best)
                best = best if changed is None else changed
            self._best[node] = self._best[best] = self._plain[node] = self._plain[best] = best
            return
        rule = READINGS.get(node.op.name)
        found = rule(self, node) if rule else None
        terms = self._whole(node) if found is None else self.settled(found, node.ndim)
        if found is not None:
            self._remade(node)
        self._terms[node] = terms
        if len(terms) > MOST_TERMS or any(len(t.factors) > MOST_FACTORS for t in terms):
            best = self.best(node)
            self._terms[node] = self._terms[best] = (alone(best),)

    def _whole(self, node: Node) -> Sum:
        """A node that is no sum or product: one factor, after the laws of its function."""
        from_best = remake(node, [self.best(i) for i in node.inputs]) if node.inputs else node
        for law in FUNCTION_LAWS.get(from_best.op.name, ()):
            changed = law.apply(self, from_best)
            if changed is not None:
                found = self.terms(changed)
                self._plain[node] = self._plain[changed]
                return found
        self._plain[node] = self._plain[from_best] = from_best
        if from_best is not node and from_best in self._terms:
            return self._terms[from_best]
        self._best[node] = self._best[from_best] = from_best
        self._terms[from_best] = (alone(from_best),)
        self.is_symmetric(from_best)
        return self._terms[from_best]

    # ── terms made canonical ──────────────────────────────────────────────────────────────────────────

    def settled(self, terms: Iterable[Term], out: int) -> Sum:
        """The terms with every law applied, equal ones collected."""
        done: list[Term] = []
        waiting = list(terms)[::-1]
        while waiting:
            term = self._tidied(waiting.pop(), out)
            if term.number == 0:
                continue
            changed = self._lawful(term, out)
            if changed is None:
                done.append(self._closed(term, out))
            else:
                waiting.extend(reversed(changed))
        for law in SUMS:
            changed_sum = law.apply(self, collected(done, self.symmetric), out)
            if changed_sum is not None:
                return self.settled(changed_sum, out)
        return collected(done, self.symmetric)

    def _lawful(self, term: Term, out: int) -> Sequence[Term] | None:
        for k, factor in enumerate(term.factors):
            for law in TERM_LAWS.get(factor.base.op.name, ()):
                changed = law.apply(self, term, k, out)
                if changed is not None:
                    return changed
        return None

    def _tidied(self, term: Term, out: int) -> Term:
        """Identities taken out, equal factors joined, letters that are left nowhere counted."""
        term = self._joined(self._without_eyes(term, out))
        held = term.letters()
        number, extra, sums = term.number, [], dict(term.sums)
        for c in [c for c in sums if c not in held]:
            factor, more = size_factor(sums.pop(c), self.dtype)
            number, extra = number * factor, [*extra, *more]
        if len(sums) == len(term.sums):
            return term
        return self._joined(Term(number, (*term.factors, *extra), sums))

    def _without_eyes(self, term: Term, out: int) -> Term:
        k = 0
        while k < len(term.factors):
            f = term.factors[k]
            if not is_eye(f.base):
                k += 1
                continue
            a, b = f.letters
            gone, kept = (b, a) if b in term.sums else (a, b)
            if a == b:
                term = term.without(k)
            elif gone in term.sums:
                term = term.without(k).renamed({gone: kept})
                if kept < out:
                    term = term._replace(sums={c: x for c, x in term.sums.items() if c != kept})
            else:
                low, high = min(a, b), max(a, b)
                rest = term.without(k).renamed({high: low})
                if rest.factors != term.without(k).factors or f.letters != (low, high) or f.power != 1:
                    eye = Factor(f.base, (low, high))
                    term = rest._replace(factors=(*rest.factors[:k], eye, *rest.factors[k:]))
                    k = 0 if rest.factors != term.factors else k
                k += 1
                continue
            k = 0
        return term

    def _joined(self, term: Term) -> Term:
        powers: dict[tuple[Node, tuple[int, ...]], float] = {}
        for f in term.factors:
            letters = tuple(sorted(f.letters)) if id(f.base) in self.symmetric else f.letters
            powers[f.base, letters] = powers.get((f.base, letters), 0.0) + f.power
        factors = tuple(Factor(base, letters, p) for (base, letters), p in powers.items() if p != 0)
        eyes = tuple(f._replace(power=1.0) if is_eye(f.base) else f for f in factors)
        return term if eyes == term.factors else term._replace(factors=eyes)

    def _closed(self, term: Term, out: int) -> Term:
        """The term with each of its scalar parts, such as xᵀ x or tr(A B), as one factor."""
        inner = [group for group, open_ in components(term, out) if not open_]
        if not inner:
            return term
        number, rest = term.number, term.without(*(k for group in inner for k in group))
        factors = list(rest.factors)
        for group in inner:
            part = Term(1.0, tuple(term.factors[k] for k in group), {})
            part = part._replace(sums={c: a for c, a in term.sums.items() if c in part.letters()})
            node = self.shortest.scalar(part)
            self._terms.setdefault(node, (Term(1.0, (Factor(node, ()),), {}),))
            self._best.setdefault(node, node)
            for scale, base, power in _scalar_parts(self, node):
                number *= scale
                factors.append(Factor(base, (), power))
        kept = {c for f in factors for c in f.letters}
        return self._joined(Term(number, tuple(factors), {c: a for c, a in term.sums.items() if c in kept}))

    def is_symmetric(self, node: Node) -> bool:
        """Whether a square matrix equals its transpose, by its form and the facts."""
        if node.ndim != 2 or node.shape[0] != node.shape[1]:
            return False
        if node not in self._known_symmetric:
            self._known_symmetric[node] = False  # while it is being found
            self._known_symmetric[node] = self._found_symmetric(node)
            if self._known_symmetric[node]:
                self.symmetric.add(id(node))
        return self._known_symmetric[node]

    def _found_symmetric(self, node: Node) -> bool:
        if not node.inputs:
            return self.facts.holds("symmetric", node)
        if node.op.name in ("inv",) or (node.op.entrywise and len(node.inputs) == 1):
            return self.is_symmetric(self.best(node.inputs[0]))
        terms = self.terms(node)
        if len(terms) == 1 and terms[0].factors == alone(node).factors:
            return node.op.name == "diagonal" or is_eye(node)
        turned = [t.renamed({0: 1, 1: 0}) for t in terms]
        return not collected([*terms, *(t._replace(number=-t.number) for t in turned)], self.symmetric)


def _scalar_parts(reader: Reader, node: Node) -> list[tuple[float, Node, float]]:
    """A scalar node as number, bases and powers: ‖x‖² is known as the power of a norm."""
    if node.op is POWER_OP and (p := number_of(node.inputs[1])) is not None:
        return [(1.0, node.inputs[0], p)]
    return [(1.0, node, 1.0)]


# ── how the operations of arithmetic are read ─────────────────────────────────────────────────────────


def _within(reader: Reader, x: Node, node: Node) -> Sum:
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


def _read_sum(reader: Reader, node: Node) -> Sum:
    left, right = (_within(reader, x, node) for x in node.inputs)
    return (*left, *(right if node.op is ADD else _negative(right)))


def _one_term(reader: Reader, x: Node) -> Term | None:
    """An operand of a product: its one term, itself as a factor if it is a sum, or None if it is 0."""
    terms = reader.terms(x)
    if len(terms) > 1:
        return reader.whole(x)
    return apart(terms[0]) if terms else None


def _read_product(reader: Reader, node: Node) -> Sum | None:
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
    sums = {}
    for term, x in zip(ins, node.inputs, strict=True):
        for c, a in zip(term, x.shape, strict=True):
            if c not in place:
                place[c] = next(fresh)
            if c not in out:
                sums[place[c]] = a
        one = _one_term(reader, x)
        if one is None:
            return ()
        parts.append(one.renamed({k: place[c] for k, c in enumerate(term)} if _distinct(term) else {}))
        if not _distinct(term):
            parts[-1] = _renamed_safely(one, [place[c] for c in term])
    whole = product(parts)
    return (Term(whole.number, (*whole.factors, *eyes), {**whole.sums, **sums}),)


def _distinct(term: str) -> bool:
    return len(set(term)) == len(term)


def _renamed_safely(term: Term, letters: Sequence[int]) -> Term:
    return term.renamed(dict(enumerate(letters)))


def _inverted(term: Term, p: float) -> Term | None:
    """The term to a power, where that is the product of its factors' powers: no sum, and no root of a square."""
    if term.sums or term.number == 0 or any(is_eye(f.base) for f in term.factors):
        return None
    whole = p == int(p)
    if not whole and (term.number < 0 or any(f.power != 1 for f in term.factors) or len(term.factors) > 1):
        return None
    factors = tuple(f._replace(power=f.power * p) for f in term.factors)
    return Term(term.number**p, factors, {})


def _powered(reader: Reader, x: Node, p: float) -> Term:
    terms = reader.terms(x)
    inverted = _inverted(terms[0], p) if len(terms) == 1 else None
    return inverted if inverted is not None else reader.whole(x, p)


def _read_quotient(reader: Reader, node: Node) -> Sum:
    above, below = node.inputs
    bottom = _guardless(reader, below, node)
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


def _guardless(reader: Reader, node: Node, inside: Node) -> Node:
    """The e of where(v == 0, c, e): a derivative rule's guard at single points, which a formula leaves out."""
    if node.op is not WHERE or node in reader.given:
        return node
    condition, then, other = node.inputs
    return other if condition.op is EQUAL and number_of(then) is not None else node


def _read_power(reader: Reader, node: Node) -> Sum | None:
    base, exponent = node.inputs
    terms = reader.terms(exponent) if not exponent.shape else None
    if terms is None or len(terms) > 1 or (terms and terms[0].factors):
        return None
    p = terms[0].number if terms else 0.0
    if p == 0:
        return (constant_term(1.0),)
    return (_placed(_powered(reader, base, p), base, node),) if reader.terms(base) else None


def _read_root(reader: Reader, node: Node) -> Sum | None:
    return (_powered(reader, node.inputs[0], 0.5),) if reader.terms(node.inputs[0]) else None


def _read_exp(reader: Reader, node: Node) -> Sum | None:
    """exp(-x) as exp(x)⁻¹."""
    terms = reader.terms(node.inputs[0])
    if len(terms) != 1 or terms[0].number >= 0 or not terms[0].factors:
        return None
    turned = reader.best(EXP_OF(reader.best(-node.inputs[0])))
    return (reader.whole(turned, -1.0),)


def _read_sigmoid(reader: Reader, node: Node) -> Sum | None:
    """σ(-x) as 1 - σ(x)."""
    terms = reader.terms(node.inputs[0])
    if len(terms) != 1 or terms[0].number >= 0 or not terms[0].factors:
        return None
    turned = reader.best(SIGMOID_OF(reader.best(-node.inputs[0])))
    reader.stand_for(node, 1 - turned)
    return constant_term(1.0), reader.whole(turned)._replace(number=-1.0)


def _read_where(reader: Reader, node: Node) -> Sum | None:
    """where(c, x, 0) as [c] x; guards of single points left out."""
    if node in reader.given:
        return None
    bare = _guardless(reader, node, node)
    if bare is not node:
        return _within(reader, bare, node)
    condition, x, other = node.inputs
    ties = other.op is WHERE and other.inputs[0].op is EQUAL and condition.op is LESS
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


def _read_reshape(reader: Reader, node: Node) -> Sum | None:
    """A change of axes of size 1 alone."""
    (x,) = node.inputs
    kept, old = ([k for k, a in enumerate(n.shape) if a != 1] for n in (node, x))
    if [node.shape[k] for k in kept] != [x.shape[k] for k in old]:
        return None
    names = dict(zip(old, kept, strict=True))
    terms = []
    for term in map(apart, reader.terms(x)):
        sums = dict(term.sums)
        lost = {k: next(fresh) for k in range(x.ndim) if k not in names}
        sums |= {c: 1 for c in lost.values()}
        terms.append(Term(term.number, term.factors, sums).renamed({**names, **lost}))
    return tuple(terms)


EXP_OF, SIGMOID_OF = exp, sigmoid

READINGS: Mapping[str, Callable[[Reader, Node], Sum | None]] = {
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
    RESHAPE.name: _read_reshape,
    CONSTANT.name: lambda reader, node: _read_number(node),
    SIZE.name: lambda reader, node: (Term(*size_factor(node.attrs["axis"], node.dtype), {}),),
}


def _read_number(node: Node) -> Sum | None:
    value = number_of(node)
    if value is None:
        return None
    return (constant_term(value),) if value else ()


CONDITIONS = ABS, CAST
