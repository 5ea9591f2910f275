"""Set to zero and solve: the x at which ∂s/∂x = 0, where that equation is linear in x or can be made so.

    least squares, ridge       (Xᵀ X + λ I) w = Xᵀ y
    mean, scale, covariance    n μ = Σ x,    n Σ = (X − μ)ᵀ (X − μ)
    Kalman gain                K (H P Hᵀ + R) = P Hᵀ

Where x stands in inverses and denominators, both sides are multiplied by x until it does not.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from chainrule.algebra.matrix import inv
from chainrule.algebra.node import Node, topological, variable
from chainrule.algebra.notation import latex, write
from chainrule.algebra.product import eye, zeros
from chainrule.calculus.definite import Sign, definiteness, is_definite
from chainrule.calculus.derive import gradient
from chainrule.calculus.equations import Equation, solved
from chainrule.calculus.facts import Facts
from chainrule.calculus.linear import Affine, Bent, affine, affine_of, dependents, node_of, opened, split
from chainrule.calculus.pullback import pull_back
from chainrule.calculus.reading import Reader
from chainrule.calculus.rewrite import substitute
from chainrule.calculus.terms import Factor, Letters, Sum, Term, fresh
from chainrule.calculus.textbook import textbook
from chainrule.errors import GraphError

LONGEST = 80


@dataclass(frozen=True)
class Solution:
    """Where ∂s/∂x = 0: the equation in normal form, the solution, and what is assumed."""

    x: Node
    gradient: Node
    normal: tuple[Node, Node]
    """The two sides of the equation, such as (Xᵀ X + λ I) w and Xᵀ y."""
    result: Node
    """The solution to compute with: systems are solved, no inverse is formed."""
    written: Node
    """The solution as textbooks write it, with inverses."""
    steps: tuple[str, ...]
    """What was done to the equation before it was linear."""
    needs: tuple[str, ...]
    """What is assumed, as in `Xᵀ X is invertible`."""
    kind: str
    """minimum, maximum or stationary point: what the second derivative tells wherever it is known."""
    given: tuple[str, ...] = ()
    """What `kind` rests on, as in `λ ≥ 0`."""
    facts: tuple[str, ...] = ()
    """The facts about variables that were used."""

    def __str__(self) -> str:
        name = write(self.x)
        rows = [f"∂s/∂{name} = {write(self.gradient)} = 0", *self.steps]
        rows.append(f"{write(self.normal[0])} = {write(self.normal[1])}")
        if self.normal[0] is not self.x:
            rows.append(f"{name} = {write(self.written)}")
        if self.needs:
            rows[-1] += ", where " + " and ".join(self.needs)
        rows.append(f"a {self.kind}" + (" where " + " and ".join(self.given) if self.given else ""))
        return "\n".join(rows)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {latex(self.x)} = {latex(self.written)}$"


def solve_for(s: Node, x: Node, facts: Facts | None = None) -> Solution:
    """The x with ∂s/∂x = 0, with what is assumed and whether it is a minimum.

    Raises GraphError where the gradient does not depend on x, or depends on it in a way that no multiplication
    by x makes linear; the message names the term.
    """
    known = facts or Facts()
    solution = _solved(s, x, known)
    held = {node: list(stated) for node, stated in known.stated.items()}
    for node, stated in known.stated.items():
        for fact in stated:
            held[node].remove(fact)
            if str(_solved(s, x, Facts(held))) != str(solution):
                held[node].append(fact)
                known.note(fact, node)
    return replace(solution, facts=tuple(known.used))


def _solved(s: Node, x: Node, facts: Facts) -> Solution:
    (slope,) = textbook([gradient(s, x)], Facts(facts.stated))
    if x not in topological([slope]):
        raise GraphError(_flat(slope, x))
    for attempt in (_as_it_is, _in_the_inverse, _between_inverses, _over_denominators):
        form = attempt(slope, x, _reader(facts, x))
        if form is not None and form.equation.linear:
            return _solution(slope, form)
    raise GraphError(_bent(slope, x, _reader(facts, x)))


def _reader(facts: Facts, x: Node) -> Reader:
    reader = Reader(facts)
    reader.dtype = x.dtype
    return reader


class Form(NamedTuple):
    """A linear equation for x, or for its inverse, and what made it linear."""

    x: Node
    equation: Equation
    reader: Reader
    steps: tuple[str, ...] = ()
    slope: Sum = ()
    """The second derivative where the gradient is zero, if that is not the linear part of the equation: what was
    multiplied away times the linear part, for the other part of the product rule is zero there."""
    inverted: bool = False
    """Whether the solution of the equation must have an inverse."""
    needs: tuple[str, ...] = ()


# ── four ways to a linear equation ────────────────────────────────────────────────────────────────────


def _as_it_is(slope: Node, x: Node, reader: Reader) -> Form | None:
    found = affine(slope, x, reader)
    return Form(x, Equation(*found, x), reader) if isinstance(found, Affine) else None


def _with_inverse(slope: Node, x: Node, reader: Reader) -> tuple[Node, Node, Reader] | None:
    """The gradient with a variable in the place of x⁻¹, and that variable; None where there is no x⁻¹."""
    if x.ndim != 2 or x.shape[0] != x.shape[1] or inv(x) not in topological([slope]):
        return None
    z = variable(write(inv(x)), x.shape, x.dtype)
    facts = reader.facts
    return substitute([slope], {inv(x): z})[0], z, _reader(Facts({**facts.stated, z: facts.stated.get(x, ())}), x)


def _in_the_inverse(slope: Node, x: Node, reader: Reader) -> Form | None:
    """log det P − tr(C P): the gradient P⁻¹ − C is linear in P⁻¹."""
    replaced = _with_inverse(slope, x, reader)
    if replaced is None or x in topological([replaced[0]]):
        return None
    changed, z, with_z = replaced
    found = affine(changed, z, with_z)
    if not isinstance(found, Affine) or not found.constant:  # 0 has no inverse
        return None
    return Form(x, Equation(*found, z), with_z, inverted=True)


def _between_inverses(slope: Node, x: Node, reader: Reader) -> Form | None:
    """Σ⁻¹ S Σ⁻¹ − N Σ⁻¹ = 0, times Σ from both sides, is S − N Σ = 0."""
    replaced = _with_inverse(slope, x, reader)
    if replaced is None:
        return None
    changed, z, with_z = replaced
    terms = opened(with_z.terms(changed), z, with_z)
    sides: dict[int, int] = {}
    for side in (0, 1):
        held = [f for t in terms or () for f in t.factors if f.base is z and side in f.letters]
        if terms and held:
            sides[side] = held[0].letters.index(side)
            terms = [_times_variable(t, x, z, side, sides[side], with_z) for t in terms]
    if terms is None or any(f.base is z for t in terms for f in t.factors):
        return None
    found = affine_of(opened(with_z.settled(terms, 2), x, with_z) or [], x, 2, with_z)
    if not isinstance(found, Affine) or not found.constant:  # x = 0 has no inverse
        return None
    undone = list(found.linear)
    for side, place in sides.items():
        undone = [_times_matrix(t, z, side, place) for t in undone]
    names = {0: "the left", 1: "the right"}
    upright = {side for side, place in sides.items() if side == place or id(z) in with_z.symmetric}
    times = [f"{write(x if side in upright else x.T)} from {names[side]}" for side in sides]
    step = f"times {' and '.join(times)}"
    return Form(x, Equation(*found, x), with_z, (step,), with_z.settled(undone, 4), inverted=True)


def _times_variable(term: Term, x: Node, z: Node, side: int, place: int, reader: Reader) -> Term:
    """The term times x at one side; x meets its inverse z, whose axis `place` is there, in an identity."""
    for k, f in enumerate(term.factors):
        if f.base is z and side in f.letters and (f.letters[place] == side or id(z) in reader.symmetric):
            other = f.letters[1 - f.letters.index(side)]
            rest = term.without(k)
            if other not in rest.sums:
                return rest.times(1.0, Factor(eye(x.shape[0], dtype=x.dtype), (side, other)))
            return rest._replace(sums={c: a for c, a in rest.sums.items() if c != other}).renamed({other: side})
    return _times_matrix(term, x, side, place)


def _times_matrix(term: Term, matrix: Node, side: int, place: int) -> Term:
    """The term times a square matrix at one side, whose axis `place` is there in the result."""
    link = next(fresh)
    moved = term.renamed({side: link})
    letters = (link, side) if place else (side, link)
    return moved._replace(sums={**moved.sums, link: matrix.shape[0]}).times(1.0, Factor(matrix, letters))


def _over_denominators(slope: Node, x: Node, reader: Reader) -> Form | None:
    """n / λ − Σ x = 0, times λ, is n − λ Σ x = 0; also entry by entry."""
    terms = reader.settled(opened(reader.terms(slope), x, reader) or [], x.ndim)
    below = dependents([f.base for t in terms for f in t.factors], x)
    least: dict[tuple[Node, Letters], float] = {}
    for f in (f for t in terms for f in t.factors if f.base in below and f.power < 0):
        least[f.base, f.letters] = min(f.power, least.get((f.base, f.letters), 0.0))
    whole = tuple(range(x.ndim))
    if not least or any(letters not in ((), whole) for _, letters in least):
        return None
    shifts = tuple(Factor(base, letters, -p) for (base, letters), p in least.items())
    cleared = opened(reader.settled([t.times(1.0, *shifts) for t in terms], x.ndim), x, reader)
    found = affine_of(cleared or [], x, x.ndim, reader)
    letters = max((f.letters for f in shifts), key=len)
    times = node_of([Term(1.0, shifts, {})], letters, x.shape if letters else (), reader)
    if not isinstance(found, Affine):
        return None
    undo = tuple(f._replace(power=-f.power) for f in shifts)
    slope_there = reader.settled([t.times(1.0, *undo) for t in found.linear], 2 * x.ndim)
    needs = tuple(f"{write(f.base, LONGEST)} ≠ 0" for f in shifts if f.base is not x)
    return Form(x, Equation(*found, x), reader, (f"times {write(times, LONGEST)}",), slope_there, needs=needs)


# ── the solution ──────────────────────────────────────────────────────────────────────────────────────


def _solution(slope: Node, form: Form) -> Solution:
    x, (_, _, unknown), reader = form.x, form.equation, form.reader
    found = solved(form.equation, reader)
    left, right, value, written = found.left, found.right, found.value, found.written
    needs = (*found.needs, *form.needs, *(_inverse_of(written, x, reader) if form.inverted else ()))
    if unknown is not x:
        left, right = substitute([left, right], {unknown: inv(x)})
        value, written = (reader.best(inv(n)) for n in (value, written))
    kind, given = _kind(slope, form)
    return Solution(x, slope, (left, right), value, written, form.steps, needs, kind, given)


def _inverse_of(value: Node, x: Node, reader: Reader) -> tuple[str, ...]:
    """What is needed for a solution to have an inverse; GraphError where it has none."""
    text, terms = write(value, LONGEST), reader.terms(value)
    if len(terms) == 1 and split(terms[0], (0,), (1,)) and x.shape[0] != 1:
        raise GraphError(
            f"the gradient is zero nowhere: {write(x)} or its inverse would have to be {text}, which is of rank 1 "
            "and has no inverse; take more examples"
        )
    return () if is_definite(value, reader) else (f"{text} is invertible",)


def _kind(slope: Node, form: Form) -> tuple[str, tuple[str, ...]]:
    """What the second derivative tells: everywhere, or where the gradient is zero."""
    x, reader = form.x, form.reader
    names = {1: "minimum", -1: "maximum"}
    everywhere = _sign(slope, x, reader)
    if everywhere is not None and not any(x in topological([g]) for g in everywhere.given):
        return names[everywhere.sign], everywhere.provided
    here = _definiteness(form.slope, x, reader)
    return (f"local {names[here.sign]}", here.provided) if here and here.strict else ("stationary point", ())


def _sign(slope: Node, x: Node, reader: Reader) -> Sign | None:
    """The sign of the second derivative at every x."""
    direction = variable("\N{COMBINING OVERLINE}v", x.shape, x.dtype)
    (product,) = pull_back({slope: direction}, [x], linear=True)
    found = None if product is None else affine(product, direction, reader)
    return _definiteness(found.linear, x, reader) if isinstance(found, Affine) else None


def _definiteness(terms: Sum, x: Node, reader: Reader) -> Sign | None:
    n = x.ndim
    if n == 2 and reader.facts.holds("symmetric", x):  # directions are symmetric as well: v_kl is v_lk
        turned = [t.renamed({2: 3, 3: 2}) for t in terms]
        terms = tuple(a if definiteness((a,), n, reader) else b for a, b in zip(terms, turned, strict=True))
    return definiteness(terms, n, reader)


# ── no solution ───────────────────────────────────────────────────────────────────────────────────────


def _flat(slope: Node, x: Node) -> str:
    name = write(x, LONGEST)
    if slope is zeros(*slope.shape, dtype=slope.dtype):
        return f"the expression does not depend on {name}: there is nothing to solve for"
    return (
        f"the gradient {write(slope, LONGEST)} does not depend on {name}: it is zero nowhere, or everywhere; "
        f"add a term that curves, such as λ ‖{name}‖²"
    )


def _bent(slope: Node, x: Node, reader: Reader) -> str:
    name = write(x, LONGEST)
    start = f"the gradient {write(slope, LONGEST)} is not linear in {name}"
    found = affine(slope, x, reader)
    if not isinstance(found, Bent):
        return f"{start}, as far as its terms can be told apart; find its zero numerically"
    term = write(node_of([found.term], range(slope.ndim), slope.shape, reader), LONGEST)
    inside = "more than once" if found.factor is x else f"inside {write(found.factor, LONGEST)}"
    return f"{start}: in the term {term} it stands {inside}, so there is no closed form; find its zero numerically"
