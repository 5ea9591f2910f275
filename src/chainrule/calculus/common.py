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
    common = min(powers, key=abs)
    rests = []
    for k, i in places.items():
        left = terms[k].factors[i].power - common
        rest = terms[k].without(i)
        rests.append(rest.times(1.0, Factor(base, (), left)) if left else rest)
    yield places, Factor(base, (), common), rests


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
