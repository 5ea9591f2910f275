"""Expressions as sums of terms in index notation: a number times factors, each a node with letters and a power.

    2 Aᵀ (A x − b)   is one term:   2 · A_ba (A x − b)_b      summed over b
    tr(X) I          is one term:   tr(X) · I_ab

Letters 0, 1, … are the axes of the value; every other letter is summed. In this form products associate and
commute by themselves, a transpose is an exchange of letters, and a law holds wherever its letters meet.
Sums inside products stay whole: nothing is distributed in passing.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import NamedTuple

from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.node import CONSTANT, Node, constant, size
from chainrule.algebra.signature import FLOATS, Axis, Dim, DType

Letters = tuple[int, ...]

fresh = count(1_000)
"""New letters, each used once."""


class Factor(NamedTuple):
    """A node with a letter for each of its axes, raised entry by entry to a power."""

    base: Node
    letters: Letters
    power: float = 1.0


class Term(NamedTuple):
    """A number times factors, summed over the letters in `sums`, whose sizes are held there."""

    number: float
    factors: tuple[Factor, ...]
    sums: Mapping[int, Axis]

    def renamed(self, names: Mapping[int, int]) -> "Term":
        """The same term with other letters."""
        return Term(
            self.number,
            tuple(Factor(f.base, tuple(names.get(c, c) for c in f.letters), f.power) for f in self.factors),
            {names.get(c, c): a for c, a in self.sums.items()},
        )

    def times(self, number: float, *factors: Factor) -> "Term":
        """The term with more factors."""
        return Term(self.number * number, (*self.factors, *factors), self.sums)

    def without(self, *places: int) -> "Term":
        """The term without the factors at these places."""
        return self._replace(factors=tuple(f for k, f in enumerate(self.factors) if k not in places))

    def letters(self) -> set[int]:
        """The letters of its factors."""
        return {c for f in self.factors for c in f.letters}

    def uses(self, letter: int) -> int:
        """How often a letter occurs."""
        return sum(f.letters.count(letter) for f in self.factors)


Sum = tuple[Term, ...]


def number_of(node: Node) -> float | None:
    """The number that a node is."""
    known = node.op is CONSTANT and not node.shape and node.dtype in FLOATS
    return float(node.attrs["data"].array) if known else None


def is_eye(node: Node) -> bool:
    """Whether a node is an identity matrix."""
    return node.op is PRODUCT_OP and node.attrs["letters"] == "->aa" and number_of(node.inputs[0]) == 1


def alone(node: Node, power: float = 1.0) -> Term:
    """The term that is one node."""
    return Term(1.0, (Factor(node, tuple(range(node.ndim)), power),), {})


def apart(term: Term) -> Term:
    """The term with summed letters of its own, so that it can stand beside others."""
    return term.renamed({c: next(fresh) for c in term.sums}) if term.sums else term


def keeps_digits(value: float) -> bool:
    """Whether a number is neither so small nor so large that a product may have made it 0 or infinite."""
    return 1e-290 < abs(value) < 1e290


def product(terms: Iterable[Term]) -> Term:
    """The product of terms with letters of their own."""
    number = 1.0
    factors: list[Factor] = []
    sums: dict[int, Axis] = {}
    for term in terms:
        if keeps_digits(number * term.number) or number == 0 or term.number == 0:
            number *= term.number
        else:  # too small or too large together
            factors.append(Factor(constant(term.number), ()))
        factors += term.factors
        sums.update(term.sums)
    return Term(number, tuple(factors), sums)


def size_factor(axis: Axis, dtype: DType) -> tuple[float, tuple[Factor, ...]]:
    """The number of entries of an axis: a number, or factors."""
    if isinstance(axis, int):
        return float(axis), ()
    (monomial, coefficient), *more = axis.terms
    if more:
        return 1.0, (Factor(size(axis, dtype), ()),)
    return float(coefficient), tuple(Factor(size(Dim({(d,): 1}), dtype), ()) for d in monomial)


def components(term: Term, out: int) -> Iterator[tuple[Sequence[int], bool]]:
    """The groups of factors that share letters, and whether one of them reaches an axis of the value."""
    left = [k for k, f in enumerate(term.factors) if f.letters]
    while left:
        group, letters = [left.pop(0)], set(term.factors[0].letters)
        letters = set(term.factors[group[0]].letters)
        grown = True
        while grown:
            more = [k for k in left if letters & set(term.factors[k].letters)]
            grown = bool(more)
            for k in more:
                left.remove(k)
                group.append(k)
                letters |= set(term.factors[k].letters)
        yield sorted(group), any(c < out for c in letters)


def chain(term: Term) -> list[tuple[Factor, bool]] | None:
    """The factors of a product of two or more matrices from axis 0 to axis 1, and which are transposed."""
    left, at, found = list(term.factors), 0, []
    while left:
        here = [f for f in left if at in f.letters]
        if len(here) != 1 or len(here[0].letters) != 2 or here[0].power != 1:
            return None
        f = here[0]
        left.remove(f)
        turned = f.letters[1] == at
        found.append((f, turned))
        at = f.letters[0] if turned else f.letters[1]
    return found if at == 1 and len(found) > 1 else None


# ── equal terms have equal keys ───────────────────────────────────────────────────────────────────────


def key(term: Term, symmetric: Collection[int] = ()) -> tuple[object, ...]:
    """What is equal for terms that differ only in the order of factors and the names of summed letters."""
    colours: dict[int, int] = {c: c for f in term.factors for c in f.letters if c not in term.sums}
    for c in term.sums:
        colours[c] = -1
    marks = [(id(f.base), f.power, id(f.base) in symmetric or is_eye(f.base)) for f in term.factors]
    for _ in range(min(3, len(term.sums))):
        seen: dict[int, list[int]] = {c: [] for c in term.sums}
        for mark, f in zip(marks, term.factors, strict=True):
            shades = [colours[c] for c in f.letters]
            around = hash((mark, tuple(sorted(shades) if mark[2] else shades)))
            for place, c in enumerate(f.letters):
                if c in seen:
                    seen[c].append(hash((around, 0 if mark[2] else place, colours[c])))
        colours.update({c: hash(tuple(sorted(found))) for c, found in seen.items()})
    order = sorted(
        range(len(term.factors)),
        key=lambda k: (marks[k], _shades(term.factors[k].letters, colours, marks[k][2])),
    )
    names: dict[int, int] = {}
    parts = []
    for k in order:
        letters: Sequence[int] = term.factors[k].letters
        if marks[k][2]:
            letters = sorted(letters, key=lambda c: (c in term.sums, colours[c]))
        parts.append(
            (marks[k], tuple(names.setdefault(c, -1 - len(names)) if c in term.sums else c for c in letters))
        )
    return tuple(parts)


def _shades(letters: Letters, colours: Mapping[int, int], symmetric: bool) -> tuple[int, ...]:
    shades = tuple(colours[c] for c in letters)
    return tuple(sorted(shades)) if symmetric else shades


def collected(terms: Iterable[Term], symmetric: Collection[int] = ()) -> Sum:
    """Equal terms added together; those that cancel are gone."""
    total: dict[tuple[object, ...], Term] = {}
    for term in terms:
        if term.number == 0:
            continue
        k = key(term, symmetric)
        if k in total:
            total[k] = total[k]._replace(number=_added(total[k].number, term.number))
        else:
            total[k] = term
    return tuple(t for t in total.values() if t.number != 0)


def _added(a: float, b: float) -> float:
    """a + b, which is 0 where they differ by rounding alone."""
    return 0.0 if abs(a + b) <= 1e-13 * abs(a) else a + b


def constant_term(value: float) -> Term:
    """The term that is a number."""
    return Term(value, (), {})
