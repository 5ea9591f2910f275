"""Linear equations in index notation: L(x) + c = 0 brought to normal form and solved by its structure.

A x = b          x = A⁻¹ b           every vector
d ⊙ X = C        X = C / d           entry by entry
A X = C          X = A⁻¹ C
X B = C          X = C B⁻¹
A X B = C        X = A⁻¹ C B⁻¹
Σ A_t X B_t = C  vec X = (Σ B_tᵀ ⊗ A_t)⁻¹ vec C      and whatever else is linear
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.matrix import inv, solve
from chainrule.algebra.node import Node
from chainrule.algebra.notation import described, write
from chainrule.algebra.product import diag, eye, matmul, zeros
from chainrule.algebra.select import reshape, vec
from chainrule.algebra.signature import Axis, Shape, shape_text
from chainrule.calculus.definite import definiteness, is_definite, is_positive
from chainrule.calculus.kronecker import vec_layout
from chainrule.calculus.linear import chain, node_of, split, unit
from chainrule.calculus.reading import Reader
from chainrule.calculus.terms import Factor, Sum, Term, is_eye, key
from chainrule.errors import GraphError

LONGEST = 60


class Equation(NamedTuple):
    """linear(x) + constant = 0; the letters of `linear` are the axes of the value and then those of x."""

    linear: Sum
    constant: Sum
    x: Node


@dataclass(frozen=True)
class Solved:
    """An equation in normal form, and its solution: to compute with, and as it is written."""

    left: Node
    right: Node
    value: Node
    written: Node
    needs: tuple[str, ...]


def solved(equation: Equation, reader: Reader) -> Solved:
    """The solution, after what is common to all terms is taken away."""
    return Solver(reader, equation.x).solved(equation)


class Solver:
    """Solves equations for one variable."""

    def __init__(self, reader: Reader, x: Node) -> None:
        self.reader, self.x, self.n = reader, x, x.ndim
        self.needs: list[str] = []

    def solved(self, equation: Equation) -> Solved:
        """The normal form and the solution."""
        equation = self._scaled(self._without_common_scalars(self._upright(equation)))
        for side in range(self.n):
            equation = self._scaled(self._without_common_matrix(equation, side))
        ways = (self._entrywise, self._vector, self._one_sided, self._stacked)
        left, right, value, written = next(found for way in ways if (found := way(equation)) is not None)
        if not equation.constant:
            value = written = zeros(*self.x.shape, dtype=self.x.dtype)
        return Solved(left, right, value, written, tuple(dict.fromkeys(self.needs)))

    def _upright(self, equation: Equation) -> Equation:
        """A Xᵀ B = C as Bᵀ X Aᵀ = Cᵀ."""
        turned = {0: 1, 1: 0}
        if self.n != 2 or any(split(t, (0, 2), (1, 3)) or not split(t, (0, 3), (1, 2)) for t in equation.linear):
            return equation
        linear, constant = ([t.renamed(turned) for t in terms] for terms in equation[:2])
        settled = self.reader.settled
        return Equation(settled(linear, 4), settled(constant, 2), self.x)

    # ── what is common to all terms ───────────────────────────────────────────────────────────────────

    def _every(self, equation: Equation, change: Callable[[Term], Term]) -> Equation:
        linear = self.reader.settled([change(t) for t in equation.linear], 2 * self.n)
        return Equation(linear, self.reader.settled([change(t) for t in equation.constant], self.n), self.x)

    def _scaled(self, equation: Equation) -> Equation:
        """The first term with a positive number, and numbers without a common factor."""
        identity_last = sorted(equation.linear, key=lambda t: sum(is_eye(f.base) for f in t.factors))
        numbers = [t.number for t in identity_last]
        least = min(map(abs, numbers))
        unit_ = least if all(k / least == round(k / least) for k in numbers) else 1.0
        unit_ = -unit_ if numbers[0] < 0 else unit_
        return self._every(
            equation._replace(linear=tuple(identity_last)), lambda t: t._replace(number=t.number / unit_)
        )

    def _without_common_scalars(self, equation: Equation) -> Equation:
        terms = [*equation.linear, *equation.constant]
        powers = [{f.base: f.power for f in t.factors if not f.letters} for t in terms]
        shifts = []
        for base in dict.fromkeys(b for p in powers for b in p):
            least = min(p.get(base, 0.0) for p in powers)
            if least > 0 and not is_positive(base, self.reader):
                self.needs.append(f"{write(base, LONGEST)} ≠ 0")
            if least:
                shifts.append(Factor(base, (), -least))
        return self._every(equation, lambda t: t.times(1.0, *shifts)) if shifts else equation

    def _without_common_matrix(self, equation: Equation, side: int) -> Equation:
        """Equations F M x = F c as M x = c, for a square F or a sum of such.

        F is invertible where F M is; where M is the identity, that is said.
        """
        terms = [*equation.linear, *equation.constant]
        groups: dict[tuple[object, ...], tuple[Term, dict[tuple[Node, int], float]]] = {}
        for t in terms:
            found = _edge(t, side)
            if found is None:
                return equation
            f, rest = found
            named = key(rest, self.reader.symmetric), t in equation.linear
            place = 0 if id(f.base) in self.reader.symmetric else f.letters.index(side)
            numbers = groups.setdefault(named, (rest, {}))[1]
            numbers[f.base, place] = numbers.get((f.base, place), 0.0) + t.number
        first = next(iter(groups.values()))[1]
        linear: list[Term] = []
        constant: list[Term] = []
        for (_, is_linear), (rest, numbers) in groups.items():
            ratio = _ratio(numbers, first)
            if ratio is None:
                return equation
            (linear if is_linear else constant).append(rest._replace(number=ratio))
        self._need_common(first)
        settled = self.reader.settled
        return Equation(settled(linear, 2 * self.n), settled(constant, self.n), self.x)

    def _need_common(self, matrices: dict[tuple[Node, int], float]) -> None:
        if len(matrices) == 1:
            ((base, _),) = matrices
            if base.op.name == "inv" or is_definite(base, self.reader):
                return
        least = min(matrices.values(), key=abs)
        letters = ((0, 1), (1, 0))
        terms = [Term(k / least, (Factor(base, letters[at]),), {}) for (base, at), k in matrices.items()]
        total = node_of(terms, (0, 1), next(iter(matrices))[0].shape, self.reader)
        if all(t.number < 0 for t in self.reader.terms(total)):
            total = self._best(-total)
        self.needs.append(f"{write(total, LONGEST)} is invertible")

    # ── one way each ──────────────────────────────────────────────────────────────────────────────────

    def _node(self, terms: Sequence[Term], *letters: int) -> Node:
        sizes: dict[int, Axis] = dict(enumerate((*self.x.shape, *self.x.shape)))
        for term in terms:
            sizes.update(term.sums)
        shape: Shape = tuple(sizes[c] for c in letters)
        return node_of(terms, letters, shape, self.reader)

    def _matrix(self, terms: Sequence[Term], a: int, b: int) -> Node:
        """The matrix of terms between two letters; a product is written link by link, Xᵀ diag(c) X."""
        links = chain(terms[0], a, b) if len(terms) == 1 else []
        if len(links) < 2:
            return self._node(terms, a, b)
        parts = [self._node([link.term], *link.letters) for link in links]
        return reduce(matmul, (diag(p) if p.ndim == 1 else p for p in parts))

    def _right(self, equation: Equation) -> Node:
        """−c."""
        return self._node([t._replace(number=-t.number) for t in equation.constant], *range(self.n))

    def _best(self, node: Node) -> Node:
        return self.reader.best(node)

    def _entrywise(self, equation: Equation) -> tuple[Node, Node, Node, Node] | None:
        """d ⊙ x = c."""
        weights = []
        for term in equation.linear:
            weight: Term | None = term
            for axis in range(self.n):
                weight = None if weight is None else unit(weight, axis, axis + self.n)
            if weight is None:
                return None
            weights.append(weight)
        letters = sorted({own for t in weights for own in t.letters() if own < self.n})
        suffix = range(letters[0], self.n) if letters else ()
        d, c = self._node(weights, *suffix), self._right(equation)
        if not is_positive(d, self.reader):
            self.needs.append(f"{write(d, LONGEST)} ≠ 0" + (" in every entry" if d.ndim else ""))
        value = self._best(c / d)
        return self._best(d * self.x), c, value, value

    def _vector(self, equation: Equation) -> tuple[Node, Node, Node, Node] | None:
        if self.n != 1:
            return None
        a, b = self._matrix(equation.linear, 0, 1), self._right(equation)
        self._need_inverse(a, equation.linear, (0, 1), equation)
        return a @ self.x, b, solve(a, b), beside(inv(a), b)

    def _one_sided(self, equation: Equation) -> tuple[Node, Node, Node, Node] | None:
        """A X B = C, where A or B may be the identity."""
        if self.n != 2:
            return None
        sides = self._sides(equation.linear)
        if sides is None:
            return None
        lefts, rights = sides
        left, right = self.x, self._right(equation)
        value = written = right
        if lefts is not None:
            a = self._matrix(lefts, 0, 2)
            self._need_inverse(a, lefts, (0, 2), equation)
            left, value, written = a @ left, solve(a, value), beside(inv(a), written)
        if rights is not None:
            b, turned = self._matrix(rights, 3, 1), self._matrix(rights, 1, 3)
            self._need_inverse(b, rights, (1, 3), equation)
            left, value, written = beside(left, b), solve(turned, self._best(value.T)).T, written @ inv(b)
        return left, right, value, written

    def _sides(self, linear: Sum) -> tuple[Sequence[Term] | None, Sequence[Term] | None] | None:
        """The A and the B of A X B that a sum of terms is; None for the identity."""
        pairs = []
        for term in linear:
            halves = split(term, (0, 2), (1, 3))
            if halves is None:
                return None
            pairs.append(halves)
        symmetric = self.reader.symmetric
        if len({key(b, symmetric) for _, b in pairs}) == 1:
            rights = [pairs[0][1]]
            lefts = [a for a, _ in pairs]
        elif len({key(_bare(a), symmetric) for a, _ in pairs}) == 1:
            lefts = [_bare(pairs[0][0])]
            rights = [b.times(a.number, *(f for f in a.factors if not f.letters)) for a, b in pairs]
        else:
            return None
        return (None if _is_identity(lefts, 0, 2) else lefts), (None if _is_identity(rights, 1, 3) else rights)

    def _stacked(self, equation: Equation) -> tuple[Node, Node, Node, Node]:
        """M vec X = vec C."""
        if self.n > 2:
            raise GraphError(
                f"the equation mixes entries of {described(self.x)} along several axes, and such equations are "
                "solved for vectors and matrices; lay the unknowns out as a matrix"
            )
        own, again = range(self.n), range(self.n, 2 * self.n)
        M = vec_layout(self._node(equation.linear, *own, *again), self.x.shape, self.x.shape, self.reader.facts)
        c = vec(self._right(equation))
        self.needs.append(f"the {shape_text(M.shape)} matrix is invertible")
        value, written = (reshape(v, self.x.shape[::-1]).T for v in (solve(M, c), inv(M) @ c))
        return M @ vec(self.x), c, value, written

    # ── what is assumed ───────────────────────────────────────────────────────────────────────────────

    def _need_inverse(
        self, matrix: Node, terms: Sequence[Term], ends: tuple[int, int], equation: Equation
    ) -> None:
        if equation.constant and len(terms) == 1 and split(terms[0], ends[:1], ends[1:]) and matrix.shape[0] != 1:
            raise GraphError(
                f"the equation for {write(self.x, LONGEST)} has no solution or more than one: its matrix, "
                f"{write(matrix, LONGEST)}, is of rank 1; add λ ‖{write(self.x, LONGEST)}‖², or take more examples"
            )
        names = {ends[0]: 0, ends[1]: 1}
        own = self.reader.settled([t.renamed(_apart(t, names)) for t in terms], 2)
        found = definiteness(own, 1, self.reader)
        text = f"{write(matrix, LONGEST)} is invertible"
        if found is not None and found.strict:
            if not found.given:
                return
            text += " (it is for " + ", ".join(g.replace("≥", ">") for g in found.provided) + ")"
        elif found is not None and len(own) == 1 and len(own[0].factors) == 2 and not found.given:
            name, axis = write(own[0].factors[0].base, LONGEST), own[0].factors[0].letters[0]
            text += f" ({name} has independent {'rows' if axis == 0 else 'columns'})"
        self.needs.append(text)


def beside(a: Node, b: Node) -> Node:
    """a b as one chain from left to right: a Xᵀ y, not a (Xᵀ y)."""
    turned = CHAINS.get(b.attrs["letters"]) if b.op is PRODUCT_OP else None
    if turned is None:
        return a @ b
    left, right = (n.T if t else n for n, t in zip(b.inputs, turned, strict=True))
    return beside(a, left) @ right


CHAINS = {
    "ab,b->a": (False, False),
    "ab,a->b": (True, False),
    "ab,bc->ac": (False, False),
    "ab,ac->bc": (True, False),
    "ab,cb->ac": (False, True),
}
"""The letters of matrix products, and which of the two factors is transposed."""


def _apart(term: Term, names: dict[int, int]) -> dict[int, int]:
    return {c: c + 1_000_000 for c in term.sums} | names


def _bare(term: Term) -> Term:
    """The term without its number and scalar factors."""
    return term._replace(number=1.0, factors=tuple(f for f in term.factors if f.letters))


def _is_identity(terms: Sequence[Term], a: int, b: int) -> bool:
    if len(terms) != 1 or terms[0].number != 1 or len(terms[0].factors) != 1:
        return False
    (f,) = terms[0].factors
    return is_eye(f.base) and set(f.letters) == {a, b}


def _edge(term: Term, side: int) -> tuple[Factor, Term] | None:
    """The square matrix at an axis of the value, and the term without it."""
    here = [k for k, f in enumerate(term.factors) if side in f.letters]
    if len(here) != 1:
        return None
    f = term.factors[here[0]]
    if f.base.ndim != 2 or f.base.shape[0] != f.base.shape[1] or f.power != 1 or is_eye(f.base):
        return None
    other = f.letters[1 - f.letters.index(side)]
    rest = term.without(here[0])._replace(number=1.0)
    if other not in term.sums:
        return f, rest.times(1.0, Factor(eye(f.base.shape[0], dtype=f.base.dtype), (side, other)))
    sums = {c: a for c, a in rest.sums.items() if c != other}
    return f, rest._replace(sums=sums).renamed({other: side})


def _ratio(numbers: dict[tuple[Node, int], float], first: dict[tuple[Node, int], float]) -> float | None:
    if numbers.keys() != first.keys():
        return None
    ratios = {numbers[k] / first[k] for k in first}
    return ratios.pop() if len(ratios) == 1 else None
