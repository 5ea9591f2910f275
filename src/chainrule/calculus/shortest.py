"""The shortest node with given terms: products associated by cost, common factors taken out, sums opened or turned
round where that makes them shorter. Equal costs keep the form that was given (`cost`)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from chainrule.algebra.choice import CAST, NOT, where
from chainrule.algebra.letters import build
from chainrule.algebra.node import Node, constant
from chainrule.algebra.product import full
from chainrule.algebra.signature import BOOLEAN, DType, Shape
from chainrule.calculus.assembling import (
    multiplied,
    negated,
    quotient,
    raised,
    stretched,
    stretched_full,
    times,
)
from chainrule.calculus.association import associated, built, square, upright
from chainrule.calculus.common import common_scalar, common_tensor
from chainrule.calculus.cost import effort
from chainrule.calculus.terms import Factor, Letters, Sum, Term, apart, collected, components, is_eye, key

MOST_EXPANDED = 12
NEAR = 150  # forms are compared by so many of their nodes
MOST_TRIED = 1500  # so many factors are looked at for other forms of their sums; the rest stay as they come


class Known(Protocol):
    """What is asked of the reader of terms."""

    symmetric: set[int]

    def terms(self, node: Node) -> Sum:
        """The terms of a node."""

    def settled(self, terms: Iterable[Term], out: int) -> Sum:
        """The terms with every law applied."""


class Shortest:
    """Builds the shortest nodes of sums of terms; remembers what it built."""

    def __init__(self, known: Known) -> None:
        self.known = known
        self._scalars: dict[tuple[object, ...], Node] = {}
        self._sums: dict[tuple[object, ...], Node] = {}
        self.tried = 0
        self._tensors: dict[tuple[object, ...], Node] = {}

    def node(self, terms: Sum, like: Node, given: Node | None = None, *, keep: bool = False) -> Node:
        """The shortest node with these terms, in the shape of `like`; the given one if it is as short and kept."""
        found = self._sum(terms, like.shape, like.dtype, given, keep=keep)
        return stretched(found, tuple(range(like.ndim))[like.ndim - found.ndim :], like.shape)

    def scalar(self, term: Term) -> Node:
        """The node of a term without letters outside, and without a number."""
        k = key(term, self.known.symmetric)
        if k not in self._scalars:
            self._scalars[k] = self._tensor(term.factors, (), ())[0]
        return self._scalars[k]

    # ── sums ──────────────────────────────────────────────────────────────────────────────────────────

    def _sum(
        self, terms: Sum, shape: Shape, dtype: DType, given: Node | None = None, *, keep: bool = False
    ) -> Node:
        if not terms:
            return full(shape, constant(0, dtype), dtype=dtype)
        named = tuple((t.number, key(t, self.known.symmetric)) for t in terms)
        mark = (named, shape)
        if mark not in self._sums:
            self._sums[mark] = self._plain(terms, shape, dtype)  # while better ones are sought
            self.tried += sum(len(t.factors) for t in terms)
            candidates = (
                [*self._candidates(terms, shape, dtype)] if self.tried < MOST_TRIED else [self._sums[mark]]
            )
            if given is not None:
                candidates.insert(0 if keep else len(candidates), given)
            self._sums[mark] = min(candidates, key=lambda n: effort([n], NEAR))
        return self._sums[mark]

    def _candidates(self, terms: Sum, shape: Shape, dtype: DType) -> Iterator[Node]:
        yield self._plain(terms, shape, dtype)
        if len(shape) == 2 and len(terms) > 1:
            turned = tuple(t.renamed({0: 1, 1: 0}) for t in terms)
            yield build(("ab",), "ba", (stretched_full(self._plain(turned, shape[::-1], dtype), shape[::-1]),))
        if len(terms) > 1:
            for fewer in self._factored(terms, shape, dtype):
                yield self._sum(fewer, shape, dtype)
            yield from self._chosen(terms, shape, dtype)
        if len(terms) == 1 and terms[0].number < 0:
            yield from (self._sum((turned,), shape, dtype) for turned in self._turned(terms[0]))
        expanded = self._expanded(terms, len(shape))
        if expanded is not None:
            yield self._sum(expanded, shape, dtype)

    def _plain(self, terms: Sum, shape: Shape, dtype: DType) -> Node:
        """The terms one after the other, positive ones first."""
        pieces = [(t.number, self._term(t, shape, dtype)) for t in terms]
        if len(pieces) > 1 and pieces[0][0] < 0:
            first = next((k for k, (number, _) in enumerate(pieces) if number > 0), 0)
            pieces.insert(0, pieces.pop(first))
        (number, total), *others = pieces
        if number < 0:
            total = negated(total)
        for number, piece in others:
            total = total + piece if number > 0 else total - piece
        return total

    def _factored(self, terms: Sum, shape: Shape, dtype: DType) -> Iterator[Sum]:
        """The sums with fewer terms that arise when a common factor is taken out."""
        seen: list[tuple[Node, bool]] = []
        for t in terms:
            for f in t.factors:
                if (f.base, bool(f.letters)) not in seen:
                    seen.append((f.base, bool(f.letters)))
        for base, tensor in seen:
            for found in (common_tensor if tensor else common_scalar)(terms, base):
                yield from self._taken_out(terms, *found, len(shape), dtype)
        numbers = {abs(t.number) for t in terms}
        if len(numbers) == 1 and numbers != {1.0}:
            (number,) = numbers
            number = number if any(t.number > 0 for t in terms) else -number
            rest = tuple(t._replace(number=t.number / number) for t in terms)
            inner = self._sum(rest, shape, dtype)
            yield (Term(number, (Factor(inner, tuple(range(len(shape)))[len(shape) - inner.ndim :]),), {}),)

    def _taken_out(
        self, terms: Sum, places: Mapping[int, int], common: Factor, rests: Sequence[Term], out: int, dtype: DType
    ) -> Iterator[Sum]:
        """The sum with one term, common × (sum of the rests), in the place of those that had the factor."""
        inside = {c for r in rests for c in r.letters() if c < out}
        links = [c for c in dict.fromkeys(common.letters) if c >= out]
        outer = [c for c in range(out) if c in inside]
        own = [*outer, *links]
        if len(own) > 3:
            return
        sizes = {c: a for t in terms for f in t.factors for c, a in zip(f.letters, f.base.shape, strict=True)}
        sizes |= dict(zip(common.letters, common.base.shape, strict=True))
        sign = -1.0 if all(r.number < 0 for r in rests) else 1.0
        for order in [own] if len(own) != 2 else [own, own[::-1]]:
            names = {c: k for k, c in enumerate(order)}
            safe = [apart(r)._replace(number=sign * r.number) for r in rests]
            inner = self._sum(
                collected((r.renamed(names) for r in safe), self.known.symmetric),
                tuple(sizes[c] for c in order),
                dtype,
            )
            factor = Factor(inner, tuple(order)[len(order) - inner.ndim :])
            held = {*factor.letters, *common.letters}
            parts = self.known.terms(inner)
            spread = apart(parts[0]) if len(parts) == 1 else None
            if spread is not None:
                spread = spread.renamed(dict(enumerate(factor.letters)))
                joined = spread.times(sign, common)._replace(
                    sums={**spread.sums, **{c: sizes[c] for c in links if c in held}}
                )
            else:
                joined = Term(sign, (common, factor), {c: sizes[c] for c in links if c in held})
            first = min(places)
            new = self.known.settled([joined], out)
            yield tuple(
                t for k, old in enumerate(terms) for t in (new if k == first else () if k in places else (old,))
            )

    def _chosen(self, terms: Sum, shape: Shape, dtype: DType) -> Iterator[Node]:
        """[c] a + [¬c] b as where(c, a, b)."""
        marked = [(k, i, f) for k, t in enumerate(terms) for i, f in enumerate(t.factors) if _is_indicator(f)]
        for k, i, f in marked:
            for m, j, g in marked:
                (condition,), (other,) = f.base.inputs, g.base.inputs
                if other.op is not NOT or other.inputs[0] is not condition or f.letters != g.letters:
                    continue
                branches = [
                    self._sum((t.without(place),), shape, dtype) for t, place in ((terms[k], i), (terms[m], j))
                ]
                rest = tuple(t for n, t in enumerate(terms) if n not in (k, m))
                if condition.shape == shape:
                    chosen = where(condition, *branches)
                    yield chosen + self._sum(rest, shape, dtype) if rest else chosen

    def _turned(self, term: Term) -> Iterator[Term]:
        """The term with the other sign and one of its differences turned round."""
        for k, f in enumerate(term.factors):
            inner = self.known.terms(f.base) if f.power == 1 else ()
            if len(inner) > 1 and any(t.number < 0 for t in inner):
                other = self._sum(tuple(t._replace(number=-t.number) for t in inner), f.base.shape, f.base.dtype)
                factors = (*term.factors[:k], f._replace(base=other), *term.factors[k + 1 :])
                yield term._replace(number=-term.number, factors=factors)

    def _expanded(self, terms: Sum, out: int) -> Sum | None:
        """The sum with the sums inside its products multiplied out, if that makes no more terms than it should."""
        result: list[Term] = []
        grown = False
        for t in terms:
            parts = [t._replace(factors=())]
            for f in t.factors:
                inner = self.known.terms(f.base) if f.power == 1 else ()
                if len(inner) < 2 or len(parts) * len(inner) > MOST_EXPANDED:
                    parts = [p.times(1.0, f) for p in parts]
                    continue
                grown = True
                parts = [
                    Term(p.number * i.number, (*p.factors, *i.factors), {**p.sums, **i.sums})
                    for p in parts
                    for i in (apart(i).renamed(dict(enumerate(f.letters))) for i in inner)
                ]
            result += parts
        if not grown or len(result) > MOST_EXPANDED:
            return None
        settled = self.known.settled(result, out)
        shrunk = _size(settled) < _size(result)
        return settled if shrunk and len(settled) <= len(terms) + 1 else None

    # ── terms ─────────────────────────────────────────────────────────────────────────────────────────

    def _term(self, term: Term, shape: Shape, dtype: DType) -> Node:
        """The node of a term with the size of its number, stretched so that it meets its neighbours."""
        out = len(shape)
        number = abs(term.number)
        scalars = [upright(f) for f in term.factors if not f.letters]
        above = multiplied([raised(f.base, f.power) for f in scalars if f.power > 0])
        below = multiplied([raised(f.base, -f.power) for f in scalars if f.power < 0])
        tensor, letters = self._outer([f for f in term.factors if f.letters], out, shape)
        if tensor is None:
            return quotient(number, above, below, dtype)
        tensor = stretched(tensor, letters, shape, keep=True)
        if above is None and number == 1:
            return tensor if below is None else tensor / below
        return times(quotient(number, above, below, dtype), tensor)

    def _outer(self, factors: Sequence[Factor], out: int, shape: Shape) -> tuple[Node | None, Letters]:
        """The product of the groups of factors that share letters, and its letters."""
        eyes = [f for f in factors if is_eye(f.base)]
        plain = [f for f in factors if not is_eye(f.base)]
        if len(eyes) == 1 and out == 2:
            inner, letters = self._outer(plain, out, shape)
            if inner is None:
                return eyes[0].base, (0, 1)
            if len(letters) == 1:
                return build(("a",), "aa", (inner,)), (0, 1)
        plain = [*plain, *eyes]
        term = Term(1.0, tuple(plain), {})
        found: tuple[Node, Letters] | None = None
        groups = [[plain[k] for k in group] for group, _ in components(term, out)]
        for group in sorted(groups, key=lambda g: min(c for f in g for c in f.letters)):
            held = {c for f in group for c in f.letters if c < out}
            node, letters = self._tensor(group, tuple(c for c in range(out) if c in held), shape)
            if found is None:
                found = node, letters
            else:
                both = tuple(sorted({*found[1], *letters}))
                found = built(found[0], found[1], node, letters, both), both
        return found or (None, ())

    def _tensor(self, factors: Sequence[Factor], out: Letters, shape: Shape) -> tuple[Node, Letters]:
        """The best association of factors that hang together, with the letters `out` left, in this order."""
        norm = square(factors, out)
        if norm is not None:
            return norm, ()
        every = list(dict.fromkeys(c for f in factors for c in f.letters))
        short = {c: k for k, c in enumerate(every)}
        placed = tuple(f._replace(letters=tuple(short[c] for c in f.letters)) for f in factors)
        target = tuple(short[c] for c in out)
        mark = (placed, target)
        if mark not in self._tensors:
            self._tensors[mark] = associated(placed, target, self.known.symmetric)
        return self._tensors[mark], out


def _size(terms: Iterable[Term]) -> int:
    """The number of factors, identities not counted."""
    return sum(not is_eye(f.base) for t in terms for f in t.factors)


def _is_indicator(f: Factor) -> bool:
    return f.power == 1 and f.base.op is CAST and f.base.inputs[0].dtype == BOOLEAN
