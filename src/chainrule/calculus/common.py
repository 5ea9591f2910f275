"""Common factors of the terms of a sum, and what is left of the terms without them."""

from collections.abc import Iterator

from chainrule.algebra.node import Node
from chainrule.calculus.terms import Factor, Sum, Term, fresh

Common = tuple[dict[int, int], Factor, list[Term]]


def common_scalar(terms: Sum, base: Node) -> Iterator[Common]:
    """The terms with a power of a scalar, and what is left of them when the common power is taken out."""
    places = {
        k: next(i for i, f in enumerate(t.factors) if f.base is base and not f.letters)
        for k, t in enumerate(terms)
        if any(f.base is base and not f.letters for f in t.factors)
    }
    powers = [terms[k].factors[i].power for k, i in places.items()]
    if len(places) < 2 or min(powers) * max(powers) < 0:
        return
    for common in dict.fromkeys((min(powers, key=abs), min(powers))):
        if common > 0 or common == max(powers) or max(powers) - common == int(max(powers) - common):
            yield places, Factor(base, (), common), [_lowered(terms[k], i, common) for k, i in places.items()]


def _lowered(term: Term, place: int, common: float) -> Term:
    """A term divided by a power of one of its factors."""
    f = term.factors[place]
    rest = term.without(place)
    return rest.times(1.0, f._replace(power=f.power - common)) if f.power != common else rest


def common_tensor(terms: Sum, base: Node) -> Iterator[Common]:
    """The terms with a tensor in the same position towards the outside, and what is left of them without it."""
    found: dict[tuple[object, ...], dict[int, int]] = {}
    for k, t in enumerate(terms):
        for i, f in enumerate(t.factors):
            if f.base is base and len(set(f.letters)) == len(f.letters):
                where = (f.power, tuple(-1 if c in t.sums else c for c in f.letters))
                found.setdefault(where, {}).setdefault(k, i)
    for places in found.values():
        if len(places) > 1:
            yield _without_tensor(terms, places)
    yield from _fractions(terms, base)


def _fractions(terms: Sum, base: Node) -> Iterator[Common]:
    """Terms divided by different powers of what stands at the same axes of the value: over the highest power."""
    places = {
        k: i
        for k, t in enumerate(terms)
        for i, f in enumerate(t.factors)
        if f.base is base and f.power < 0 and not any(c in t.sums for c in f.letters)
    }
    found = [terms[k].factors[i] for k, i in places.items()]
    if len(found) > 1 and len({f.letters for f in found}) == 1 and len({f.power for f in found}) > 1:
        lowest = min(found, key=lambda f: f.power)
        if all((f.power - lowest.power) % 1 == 0 for f in found):
            yield places, lowest, [_lowered(terms[k], i, lowest.power) for k, i in places.items()]


def _without_tensor(terms: Sum, places: dict[int, int]) -> Common:
    k, i = next(iter(places.items()))
    model = terms[k].factors[i]
    links = {c: next(fresh) for c in model.letters if c in terms[k].sums}
    common = Factor(model.base, tuple(links.get(c, c) for c in model.letters), model.power)
    rests = []
    for k, i in places.items():
        own = terms[k].factors[i].letters
        names = {c: d for c, d in zip(own, common.letters, strict=True) if c in terms[k].sums}
        rest = terms[k].without(i).renamed(names)
        rests.append(rest._replace(sums={c: a for c, a in rest.sums.items() if c not in common.letters}))
    return places, common, rests
