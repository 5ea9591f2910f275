"""What is linear in a variable, in index notation: the variable taken out, its axes behind those of the value.

    2 Aᵀ (A x − b)    is   2 A_ca A_cb   on x_b, and the constant   −2 A_ca b_c

In the map Σ_t M_ijkl the letters tell the structure: factors that reach only i, k and only j, l are a Kronecker
product, i, l and j, k one with a commutation, an identity between i and k a multiple of the rows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from chainrule.algebra.matrix import SOLVE, inv
from chainrule.algebra.node import Node, topological
from chainrule.algebra.product import eye, zeros
from chainrule.algebra.signature import Shape
from chainrule.calculus.reading import Reader
from chainrule.calculus.readings import READINGS
from chainrule.calculus.terms import Factor, Sum, Term, alone, apart, fresh, is_eye

MOST_TERMS = 64


class Affine(NamedTuple):
    """linear(x) + constant. The letters of `linear` are the axes of the value and then those of x."""

    linear: Sum
    constant: Sum


class Bent(NamedTuple):
    """A factor that bends: it depends on x and is no product or sum in which x stands once."""

    term: Term
    factor: Node


def dependents(roots: Iterable[Node], x: Node) -> set[Node]:
    """The nodes that depend on x, x included."""
    found = {x}
    for node in topological(roots):
        if any(i in found for i in node.inputs):
            found.add(node)
    return found


def opened(terms: Iterable[Term], x: Node, reader: Reader) -> list[Term] | None:
    """Terms in which x stands by itself or inside a function: sums that hold x multiplied out.

    None if there are more than MOST_TERMS.
    """
    waiting, done = list(terms)[::-1], []
    while waiting:
        term = waiting.pop()
        parts = _opened(term, x, reader)
        if parts is None:
            done.append(term)
        else:
            waiting.extend(reversed(parts))
        if len(waiting) + len(done) > MOST_TERMS:
            return None
    return done


def _opened(term: Term, x: Node, reader: Reader) -> list[Term] | None:
    """The term with one of its factors that hold x replaced by its terms; None where there is no such factor."""
    for k, f in enumerate(term.factors):
        if f.base is x or f.power < 1 or f.power != int(f.power) or x not in topological([f.base]):
            continue
        rule = _read_solve if f.base.op is SOLVE else READINGS.get(f.base.op.name)
        inner = rule(reader, f.base) if rule else None
        if inner is None or (len(inner) == 1 and inner[0].factors == alone(f.base).factors):
            continue
        rest = term.without(k) if f.power == 1 else _with(term, k, f._replace(power=f.power - 1))
        parts = (apart(i).renamed(dict(enumerate(f.letters))) for i in inner)
        return [Term(rest.number * i.number, (*rest.factors, *i.factors), {**rest.sums, **i.sums}) for i in parts]
    return None


def _read_solve(reader: Reader, node: Node) -> Sum:
    """solve(A, b) as A⁻¹ b."""
    a, b = node.inputs
    if a.ndim > 2:
        return (alone(node),)
    link = next(fresh)
    inverse = Factor(reader.best(inv(a)), (0, link))
    terms = (apart(t).renamed({0: link}) for t in reader.terms(b))
    return tuple(Term(t.number, (inverse, *t.factors), {**t.sums, link: a.shape[0]}) for t in terms)


def _with(term: Term, k: int, factor: Factor) -> Term:
    return term._replace(factors=(*term.factors[:k], factor, *term.factors[k + 1 :]))


def affine(y: Node, x: Node, reader: Reader) -> Affine | Bent | None:
    """y as a linear map of x and a constant; the factor that prevents it; None where there are too many terms."""
    terms = opened(reader.terms(y), x, reader)
    return None if terms is None else affine_of(terms, x, y.ndim, reader)


def affine_of(terms: Sequence[Term], x: Node, out: int, reader: Reader) -> Affine | Bent:
    """The same of terms with so many axes, in which sums that hold x are multiplied out."""
    below = dependents([f.base for t in terms for f in t.factors], x)
    linear, constant = [], []
    for term in terms:
        held = [k for k, f in enumerate(term.factors) if f.base in below]
        if len(held) > 1 or any(term.factors[k].base is not x or term.factors[k].power != 1 for k in held):
            return Bent(term, next((f.base for f in term.factors if f.base in below and f.base is not x), x))
        if held:
            linear.append(taken_out(term, held[0], out))
        else:
            constant.append(term)
    return Affine(reader.settled(linear, out + x.ndim), reader.settled(constant, out))


def taken_out(term: Term, k: int, out: int) -> Term:
    """The term without its factor k, whose axes become those after `out`."""
    f, rest = term.factors[k], term.without(k)
    names: dict[int, int] = {}
    units: list[Factor] = []
    for place, (c, a) in enumerate(zip(f.letters, f.base.shape, strict=True), start=out):
        if c in rest.sums and c not in names:
            names[c] = place
        else:
            units.append(Factor(eye(a, dtype=f.base.dtype), (names.get(c, c), place)))
    sums = {c: a for c, a in rest.sums.items() if c not in names}
    return rest._replace(sums=sums).renamed(names).times(1.0, *units)


def node_of(terms: Iterable[Term], letters: Sequence[int], shape: Shape, reader: Reader) -> Node:
    """The node whose axes are these letters of terms; their other letters are summed."""
    names = {c: k for k, c in enumerate(letters)}
    settled = reader.settled([_summed(t.renamed(_moved(t, names)), len(letters)) for t in terms], len(letters))
    return reader.shortest.node(settled, zeros(*shape, dtype=reader.dtype))


def _moved(term: Term, names: Mapping[int, int]) -> dict[int, int]:
    """New letters for those that are no axes, so that none of them is taken for one."""
    return {c: next(fresh) for c in term.letters() | set(term.sums)} | dict(names)


def _summed(term: Term, out: int) -> Term:
    held = term.letters()
    return term._replace(sums={c: a for c, a in term.sums.items() if c >= out and c in held})


# ── the structure of one term ─────────────────────────────────────────────────────────────────────────


def split(term: Term, first: Iterable[int], second: Iterable[int]) -> tuple[Term, Term] | None:
    """The term as a product of two, one over each set of outer letters; None where they hang together.

    The number, scalar factors, and factors that reach neither go with the first.
    """
    one, two = set(first), set(second)
    sides: tuple[list[Factor], list[Factor]] = ([], [])
    for group in groups(term):
        letters = {c for f in group for c in f.letters}
        if letters & one and letters & two:
            return None
        sides[bool(letters & two)].extend(group)
    parts = []
    for number, factors in zip((term.number, 1.0), sides, strict=True):
        held = {c for f in factors for c in f.letters}
        parts.append(Term(number, tuple(factors), {c: a for c, a in term.sums.items() if c in held}))
    return parts[0], parts[1]


def groups(term: Term, cut: Iterable[int] = ()) -> Iterator[list[Factor]]:
    """The factors that hang together by letters other than those in `cut`."""
    cuts, left = set(cut), list(term.factors)
    while left:
        group = [left.pop(0)]
        letters = set(group[0].letters) - cuts
        grown = True
        while grown:
            more = [f for f in left if letters & set(f.letters)]
            grown = bool(more)
            for f in more:
                left.remove(f)
                group.append(f)
                letters |= set(f.letters) - cuts
        yield group


def unit(term: Term, a: int, b: int) -> Term | None:
    """The term without the identity between two letters; None where there is none."""
    for k, f in enumerate(term.factors):
        if is_eye(f.base) and set(f.letters) == {a, b}:
            return term.without(k)
    return None


class Link(NamedTuple):
    """A part of a product of matrices: a matrix between two letters, or a vector at one, which weighs it."""

    term: Term
    letters: tuple[int, ...]


def chain(term: Term, a: int, b: int) -> list[Link]:
    """The matrix that a term is between the letters a and b as a product, cut at every letter that can be cut.

    X_ca d_c X_cb is the chain X_ca, d_c, X_cb. The number and scalar factors go with the first link. What does not
    hang together, u_a v_b, is one link.
    """
    if split(term, (a,), (b,)) is not None:
        return [Link(term, (a, b))]
    scalars = [f for f in term.factors if not f.letters]
    rest = term._replace(factors=tuple(f for f in term.factors if f.letters))
    near = {c: _hanging(rest, c, a) for c in term.sums}
    cuts = [c for c, side in near.items() if not any(b in f.letters for f in side)]
    links: list[Link] = []
    last = a
    for c in sorted(cuts, key=lambda c: len(near[c])):
        here, beyond = _hanging(rest, c, last), _hanging(rest, c, b)
        weights = [f for f in rest.factors if f not in here and f not in beyond]
        links.append(_link(rest, here, (last, c)))
        if weights:
            links.append(_link(rest, weights, (c,)))
        rest, last = rest._replace(factors=tuple(beyond)), c
    links.append(_link(rest, rest.factors, (last, b)))
    return [Link(links[0].term.times(term.number, *scalars), links[0].letters), *links[1:]]


def _hanging(term: Term, cut: int, at: int) -> list[Factor]:
    """The factors that hang together with the letter `at` when another letter is cut."""
    return [f for group in groups(term, [cut]) if any(at in f.letters for f in group) for f in group]


def _link(term: Term, factors: Sequence[Factor], letters: tuple[int, ...]) -> Link:
    held = {c for f in factors for c in f.letters} | set(letters)
    return Link(Term(1.0, tuple(factors), {c: a for c, a in term.sums.items() if c in held}), letters)
