"""The laws of terms: what factors that share letters make of each other, and what terms make of a sum.

One row each; every row is tried on numbers by the tests.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from chainrule.algebra.choice import EQUAL
from chainrule.algebra.entrywise import cos
from chainrule.algebra.node import Node, topological
from chainrule.algebra.product import eye
from chainrule.algebra.reduce import MAX, MIN
from chainrule.calculus.law import SumLaw, TermLaw
from chainrule.calculus.terms import Factor, Sum, Term, apart, chain, is_eye
from chainrule.calculus.written_out import WRITTEN_OUT

if TYPE_CHECKING:
    from chainrule.calculus.reading import Reader


def _inverse_meets(reader: "Reader", term: Term, k: int, out: int) -> Sequence[Term] | None:
    """X⁻¹ X = I, where X may be a product that is spread over factors."""
    f = term.factors[k]
    x = f.base.inputs[0]
    if f.power != 1 or f.base.ndim != 2:
        return None
    symmetric = reader.is_symmetric(x)
    for end in (0, 1):
        link, free = f.letters[end], f.letters[1 - end]
        if link not in term.sums or link == free or term.uses(link) != 2:
            continue
        for i, g in enumerate(term.factors):
            if i != k and g.base is x and g.power == 1 and link in g.letters:
                at = g.letters.index(link)
                if at != end or symmetric:
                    return [_identified(term.without(k, i), x, free, g.letters[1 - at], out)]
        spread = _spread(reader, term, k, x, link, end)
        if spread is not None:
            places, far = spread
            return [_identified(term.without(k, *places), x, free, far, out)]
    return None


def _identified(term: Term, like: Node, a: int, b: int, out: int) -> Term:
    """The term times δ_ab."""
    held = term.letters() | {a, b}
    term = term._replace(sums={c: s for c, s in term.sums.items() if c in held})
    return term.times(1.0, Factor(eye(like.shape[0], dtype=like.dtype), (a, b)))


def _spread(
    reader: "Reader", term: Term, k: int, x: Node, link: int, end: int
) -> tuple[tuple[int, ...], int] | None:
    """The factors of the term that make up x next to the letter `link`, and the letter on their far side."""
    terms = reader.terms(x)
    if len(terms) != 1 or terms[0].number != 1 or len(terms[0].factors) < 2:
        return None
    whole = chain(terms[0])
    if whole is None:
        return None
    # x⁻¹'s axis 1 meets x's axis 0, and its axis 0 meets x's axis 1
    steps = [(g.base, turned) for g, turned in whole]
    if end == 0:
        steps = [(base, not turned) for base, turned in steps[::-1]]
    at, places = link, []
    for n, (base, turned) in enumerate(steps):
        found = None
        for i, g in enumerate(term.factors):
            if i == k or i in places or g.base is not base or g.power != 1 or at not in g.letters:
                continue
            here = g.letters.index(at)
            if (here == 1) == turned or id(base) in reader.symmetric:
                found = i, g.letters[1 - here]
        if found is None:
            return None
        places.append(found[0])
        at = found[1]
        if n < len(steps) - 1 and (at not in term.sums or term.uses(at) != 2):
            return None
    return tuple(places), at


def _fact_about_variable(reader: "Reader", term: Term, k: int, out: int) -> Sequence[Term] | None:
    f = term.factors[k]
    known = reader.facts.of(f.base)
    for fact in known & FACT_LAWS.keys():
        changed = FACT_LAWS[fact](reader, term, k, out)
        if changed is not None:
            return changed
    return None


def _sums_to_one(reader: "Reader", term: Term, k: int, out: int) -> Sequence[Term] | None:
    """Σ y = 1 over the last axis, where nothing else has its letter."""
    f = term.factors[k]
    last = f.letters[-1]
    if f.power != 1 or last not in term.sums or term.uses(last) != 1:
        return None
    rest = term.without(k)
    sums = {c: a for c, a in rest.sums.items() if c != last}
    return [rest._replace(sums=sums)]


def _one_hot(reader: "Reader", term: Term, k: int, out: int) -> Sequence[Term] | None:
    """y² = y for a vector of zeros and ones."""
    f = term.factors[k]
    if f.power == 1 or f.power < 0:
        return None
    factors = tuple(g._replace(power=1.0) if i == k else g for i, g in enumerate(term.factors))
    return [term._replace(factors=factors)]


def _orthogonal(reader: "Reader", term: Term, k: int, out: int) -> Sequence[Term] | None:
    """Q Qᵀ = Qᵀ Q = I; of a tall Q only Qᵀ Q."""
    f = term.factors[k]
    rows, columns = f.base.shape
    for end in (0, 1):
        link = f.letters[end]
        if (end == 1 and rows != columns) or link not in term.sums or term.uses(link) != 2:
            continue
        for i, g in enumerate(term.factors):
            if i != k and g.base is f.base and g.power == f.power == 1 and g.letters[end] == link:
                other = f.base.shape[1 - end]
                term = term.without(k, i)
                sums = {c: a for c, a in term.sums.items() if c != link}
                unit = Factor(eye(other, dtype=f.base.dtype), (f.letters[1 - end], g.letters[1 - end]))
                return [term._replace(sums=sums).times(1.0, unit)]
    return None


def _idempotent(reader: "Reader", term: Term, k: int, out: int) -> Sequence[Term] | None:
    """P P = P."""
    f = term.factors[k]
    link = f.letters[1]
    if f.power != 1 or link not in term.sums or term.uses(link) != 2:
        return None
    for i, g in enumerate(term.factors):
        if i != k and g.base is f.base and g.power == 1 and g.letters[0] == link:
            one = term.without(k, i).times(1.0, Factor(f.base, (f.letters[0], g.letters[1])))
            return [one._replace(sums={c: a for c, a in one.sums.items() if c != link})]
    return None


FACT_LAWS: dict[str, Callable[["Reader", Term, int, int], Sequence[Term] | None]] = {
    "sums to one": _sums_to_one,
    "rows sum to one": _sums_to_one,
    "one-hot": _one_hot,
    "orthogonal": _orthogonal,
    "idempotent": _idempotent,
}


def _softmax_sums(reader: "Reader", term: Term, k: int, out: int) -> Sequence[Term] | None:
    """Σ softmax = 1 over its axis."""
    f = term.factors[k]
    axes = f.base.attrs["axes"]
    if f.power != 1 or len(axes) != 1:
        return None
    letter = f.letters[axes[0]]
    if letter not in term.sums or term.uses(letter) != 1:
        return None
    rest = term.without(k)
    return [rest._replace(sums={c: a for c, a in rest.sums.items() if c != letter})]


def _diagonal_of_sum(reader: "Reader", term: Term, k: int, out: int) -> Sequence[Term] | None:
    """The diagonal of a sum, and an entry-wise product with a sum that holds an identity, term by term."""
    f = term.factors[k]
    if f.power != 1 or f.base.op.name not in ("add", "subtract") or f.base.ndim < 2:
        return None
    inner = reader.terms(f.base)
    diagonal = len(set(f.letters)) < len(f.letters)
    held = any(len(t.factors) and any(is_eye(g.base) for g in t.factors) for t in inner)
    meets = any(i != k and set(g.letters) & set(f.letters) for i, g in enumerate(term.factors))
    outside = not any(c in term.sums for c in f.letters)
    if len(inner) < 2 or not held or not (diagonal or (meets and outside)):
        return None
    return multiplied_out(term, k, inner)


def multiplied_out(term: Term, k: int, inner: Sum) -> list[Term]:
    """The term with the sum at place k opened."""
    f, rest = term.factors[k], term.without(k)
    return [
        Term(rest.number * t.number, (*rest.factors, *t.factors), {**rest.sums, **t.sums})
        for t in (apart(i).renamed(dict(enumerate(f.letters))) for i in inner)
    ]


def _summed_apart(reader: "Reader", term: Term, k: int, out: int) -> Sequence[Term] | None:
    """Σ (x - Σ x / n) = 0: a sum over a sum is taken term by term where some of it vanishes."""
    f = term.factors[k]
    inner = reader.terms(f.base) if f.power == 1 else ()
    if len(inner) < 2 or not any(c in term.sums and term.uses(c) == 1 for c in f.letters):
        return None
    opened = reader.settled(multiplied_out(term, k, inner), out)
    return opened if len(opened) < len(inner) else None


def _ties(reader: "Reader", term: Term, k: int, out: int) -> Sequence[Term] | None:
    """One over the number of entries that equal the largest: 1 but at ties, which are single points."""
    f = term.factors[k]
    counted = f.base.inputs[0] if f.power == -1 and len(f.base.inputs) == 1 else None
    if counted is None or counted.op.name != "cast" or f.base in reader.given:
        return None
    condition = counted.inputs[0]
    chosen = condition.op is EQUAL and any(n.op in (MAX, MIN) for n in topological(condition.inputs))
    return [term.without(k)] if chosen else None


TERMS: Sequence[TermLaw] = (
    TermLaw("Σ (x - Σ x / n) = 0", ("subtract", "add", "divide"), _summed_apart),
    TermLaw("[x = max x] / number of ties = [x = max x]", ("product",), _ties),
    TermLaw("X⁻¹ X = I", ("inv",), _inverse_meets),
    TermLaw("facts about variables", ("variable",), _fact_about_variable),
    TermLaw("Σ softmax = 1", ("softmax",), _softmax_sums),
    TermLaw("I ⊙ (A + I) = I ⊙ A + I", ("add", "subtract"), _diagonal_of_sum),
    *WRITTEN_OUT,
)


# ── sums ──────────────────────────────────────────────────────────────────────────────────────────────


def _squares_of_sine_and_cosine(reader: "Reader", terms: Sum, out: int) -> Sequence[Term] | None:
    """sin² x + cos² x = 1."""
    for i, s in enumerate(terms):
        for place, f in enumerate(s.factors):
            if f.base.op.name != "sin" or f.power != 2:
                continue
            other = cos(f.base.inputs[0])
            wanted = s.without(place)
            for j, c in enumerate(terms):
                for q, g in enumerate(c.factors):
                    if g == Factor(other, f.letters, 2.0) and c.without(q) == wanted:
                        return [wanted, *(t for n, t in enumerate(terms) if n not in (i, j))]
    return None


SUMS: Sequence[SumLaw] = (SumLaw("sin² + cos² = 1", _squares_of_sine_and_cosine),)


TERM_LAWS: dict[str, list[TermLaw]] = {}
for _law in TERMS:
    for _name in _law.on:
        TERM_LAWS.setdefault(_name, []).append(_law)
