"""The numeric proof of an answer: tried at random points, in two ways that know nothing of it.

1. The slopes of the formula itself along random directions, by the complex step, or by differences where a part of
   the formula has no complex values.
2. The derivative that the reverse sweep gives for the formula as it was written, entry by entry.

Where the formula switches (relu, max, |x| …) no derivative exists; such a point proves nothing and is counted
apart. A fact such as symmetric says where the formula is tried; the entries of a variable still move freely.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from chainrule.algebra.node import Node, constant, topological, variables
from chainrule.algebra.notation import write
from chainrule.algebra.op import Array
from chainrule.algebra.signature import Binding, shape_text
from chainrule.calculus.derive import gradient, jacobian
from chainrule.calculus.facts import Facts
from chainrule.calculus.rewrite import in_float64
from chainrule.compute.complex_step import slope
from chainrule.compute.draw import HUGE, LARGEST, Point, Sizes, largest, points
from chainrule.compute.interpret import Interpreter
from chainrule.errors import BindingError, ProofError, SettingError, counted

DRAWS = 6
TOLERANCE = 1e-9  # relative; the complex step and the sweep are right to about 1e-15
ROUGH = 1e-6  # the same for differences
NOISE = 1e-13  # of the largest number on the way: what rounding may leave where terms cancel

COMPLEX_STEP, DIFFERENCES = "the complex step", "finite differences"


class Answer(NamedTuple):
    """A derivative that is claimed: how it is called, of what it is, by which variable, and the expression.

    The axes of `of` come before those of x; with `vec` both are stacked, column upon column.
    """

    name: str
    of: Node
    x: Node
    claimed: Node
    vec: bool = False


@dataclass(frozen=True)
class Proof:
    """What the trial of an answer found. `ok` says whether it was tried at all: a wrong one raises ProofError.

    draws    points at which both ways agree with the answer    error    the largest relative error there
    kinks    points at which the formula switches               sizes    of the dimensions, setting by setting
    """

    draws: int
    error: float = 0.0
    method: str = COMPLEX_STEP
    kinks: int = 0
    sizes: tuple[Mapping[str, int], ...] = ()
    still: tuple[str, ...] = ()
    """The derivatives that were 0 at every point though they speak of variables: a trial that says little."""

    @property
    def ok(self) -> bool:
        """Whether the answer was proved, at one point at least."""
        return self.draws > 0

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        if not self.ok and self.kinks:
            return "not proved: the formula has a kink at every point tried, and no derivative there"
        if not self.ok:
            return "not proved: no values were found at which every part of the formula is finite"
        kinks = f"; at {self.kinks} more it has a kink" if self.kinks else ""
        still = f"; but {' and '.join(self.still)} is 0 at all of them, which proves little" if self.still else ""
        return (
            f"agrees with {self.method} and an independent sweep at {counted(self.draws, 'random point')}, "
            f"largest error {brief(self.error)}{kinks}{still}"
        )


def brief(error: float) -> str:
    """A small number with one digit: `3e−16`."""
    return f"{error:.0e}".replace("e-0", "e-").replace("e-", "e−") if error else "0"


def prove(
    s: Node, answers: Sequence[Answer], facts: Facts | None = None, *, seed: int = 0, draws: int = DRAWS
) -> Proof:
    """Try answers about s at random points. Raises ProofError if one is wrong.

    Raises SettingError if axes are numbers so large that the answer cannot be tried.
    """
    rng = np.random.default_rng([seed, draws])
    said, silent = Proof(0), 0
    for positive in (False, True):  # where everything is above ½ there are fewer kinks
        moved = [a.x for a in answers]
        tried = points(s, facts or Facts(), seed=seed, count=draws, variables=moved, positive=positive)
        trial = _Trial(answers, tried)
        errors = [trial.error(point, rng) for point in tried]
        proved = [error for error in errors if error is not None]
        sizes = tuple({tuple(p.sizes.values()): p.sizes for p in tried}.values())
        worst, kinks = max(proved, default=0.0), len(errors) - len(proved)
        said = Proof(len(proved), worst, trial.method, kinks, sizes, trial.still() if proved else ())
        silent += trial.silent
        if said or not tried:
            return said
    if silent:
        raise ProofError(_failed(answers[0], float("nan"), tried[0]))
    return said


class _Trial:
    """Answers, and both ways to judge them, made ready to be computed at many points."""

    def __init__(self, answers: Sequence[Answer], tried: Sequence[Point]) -> None:
        settings = [p.sizes for p in tried]
        _refuse_large(answers, settings)
        self.answers = [_wide(a) for a in answers]
        self.swept = [d if largest([d], settings) <= LARGEST else None for d in _by_sweep(self.answers)]
        self.claimed = Interpreter([a.claimed for a in self.answers])
        self.sweep = Interpreter([d for d in self.swept if d is not None])
        self.functions = {a.of: Interpreter([a.of]) for a in self.answers}
        self.switching = {of for of in self.functions if any(n.op.kink or n.op.routes for n in topological([of]))}
        self.method = COMPLEX_STEP
        self.silent = 0
        self.moving: set[str] = set()

    def still(self) -> tuple[str, ...]:
        """The names of answers that speak of variables and were 0 at every point."""
        return tuple(a.name for a in self.answers if a.name not in self.moving and variables(a.claimed))

    def error(self, point: Point, rng: np.random.Generator) -> float | None:
        """The largest relative error of all answers at a point, None at a kink; ProofError at a wrong answer."""
        claimed, found = self._claimed(point), [np.asarray(v) for v in self.sweep(point.values, point.sizes)]
        if not _finite(found):
            return None  # there is no derivative
        if self.switching and not _finite(claimed):
            self.silent += 1  # right where the formula switches, such as x/‖x‖ at 0; wrong if it is so everywhere
            return None
        swept, worst = iter(found), 0.0
        for answer, value, derivative in zip(self.answers, claimed, self.swept, strict=True):
            along = rng.normal(size=np.shape(point.values[answer.x.attrs["name"]]))
            tensor = _unstacked(answer, np.asarray(value), point)
            if np.any(tensor):
                self.moving.add(answer.name)
            wrong = self._off_slope(answer, tensor, along, point)
            if derivative is not None:
                wrong = max(wrong, self._off_sweep(answer, tensor, next(swept), point))
            if (answer.of in self.switching or wrong > TOLERANCE) and self._bent(answer, along, point):
                return None  # agreement there would prove nothing
            if wrong > TOLERANCE:
                raise ProofError(_failed(answer, wrong, point))
            worst = max(worst, wrong)
        return worst

    def _claimed(self, point: Point) -> list[Array]:
        try:
            return self.claimed(point.values, point.sizes)
        except BindingError:  # an answer without a value where the formula has one is wrong
            return [np.full((), np.nan)] * len(self.answers)

    def _off_sweep(self, answer: Answer, tensor: np.ndarray, swept: np.ndarray, point: Point) -> float:
        def loudest() -> float:
            parts = topological(n for n in (answer.claimed, *self.swept) if n is not None)
            return _largest(*Interpreter(parts)(point.values, point.sizes))

        return _relative(tensor, swept, 0.0, loudest)

    def _off_slope(self, answer: Answer, tensor: np.ndarray, along: np.ndarray, point: Point) -> float:
        if tensor.ndim < along.ndim:
            return float("inf")
        name = answer.x.attrs["name"]
        stated = np.tensordot(tensor, along, along.ndim)
        scale = _largest(np.tensordot(np.abs(tensor), np.abs(along), along.ndim))
        (found,) = slope(self.functions[answer.of], point.values, point.sizes, name, along)
        if np.isfinite(found).all():

            def loudest() -> float:
                parts = Interpreter(topological([answer.of]))
                slopes = slope(parts, point.values, point.sizes, name, along)
                return _largest(*slopes) * max(1.0, _largest(*parts(point.values, point.sizes)))

            return _relative(stated, found, scale, loudest)
        self.method = DIFFERENCES
        (wide, narrow) = (self._difference(answer, along, point, h)[0] for h in (1e-3, 5e-4))
        return _relative(stated, (4 * narrow - wide) / 3, scale) * TOLERANCE / ROUGH

    def _difference(self, answer: Answer, along: np.ndarray, point: Point, h: float) -> tuple[np.ndarray, float]:
        """The central difference along a direction, and how far the two sides are apart, rounding aside."""
        f, name = self.functions[answer.of], answer.x.attrs["name"]
        down, here, up = (
            np.asarray(f({**point.values, name: point.values[name] + t * along}, point.sizes)[0])
            for t in (-h, 0.0, h)
        )
        apart = _largest((up - here) / h - (here - down) / h)
        return (up - down) / (2 * h), apart - NOISE * _largest(down, here, up) / h

    def _bent(self, answer: Answer, along: np.ndarray, point: Point) -> bool:
        """Whether the slopes of the two sides stay apart as the step shrinks: no derivative exists there."""
        (_, wide), (slope, narrow) = (self._difference(answer, along, point, h) for h in (1e-3, 1e-5))
        return narrow > 0.5 * wide and narrow > ROUGH * max(1.0, _largest(slope))


# ── comparing ─────────────────────────────────────────────────────────────────────────────────────────


def _finite(values: Iterable[Array]) -> bool:
    return all(bool(np.isfinite(v).all()) for v in values)


def _largest(*values: Array) -> float:
    return max((float(np.max(np.abs(v))) for v in values if np.size(v)), default=0.0)


def _relative(
    stated: np.ndarray, found: np.ndarray, scale: float, loudest: Callable[[], float] | None = None
) -> float:
    """How far two arrays are apart, relative to their size; rounding, relative to what it came from."""
    if stated.shape != found.shape or not np.isfinite(stated - found).all():
        return float("inf")
    off, scale = _largest(stated - found), max(scale, _largest(found))
    if off <= TOLERANCE * scale:
        return off / scale if scale else 0.0
    loud = loudest() if loudest else 0.0
    return off / loud if off <= NOISE * loud else off / scale if scale else float("inf")


# ── what is tried ─────────────────────────────────────────────────────────────────────────────────────


def _wide(answer: Answer) -> Answer:
    of, x, claimed = in_float64([answer.of, answer.x, answer.claimed])
    return answer._replace(of=of, x=x, claimed=claimed)


def _by_sweep(answers: Sequence[Answer]) -> list[Node]:
    """The derivatives as the reverse sweep gives them; gradients of one expression together."""
    swept: dict[tuple[Node, Node], Node] = {}
    for of in dict.fromkeys(a.of for a in answers if not a.of.shape):
        wrt = [a.x for a in answers if a.of is of]
        swept.update({(of, x): g for x, g in zip(wrt, gradient(of, wrt), strict=True)})
    return [swept[a.of, a.x] if (a.of, a.x) in swept else jacobian(a.of, a.x) for a in answers]


def _unstacked(answer: Answer, value: np.ndarray, point: Point) -> np.ndarray:
    """A derivative in vec layout with its axes apart again: those of the value, then those of the variable."""
    if not answer.vec:
        return value
    full = Binding(point.sizes)
    rows, columns = (tuple(full.size(a) for a in n.shape) for n in (answer.of, answer.x))
    turned = value.reshape((*rows[::-1], *columns[::-1]))
    count = len(rows)
    return turned.transpose((*range(count)[::-1], *range(count, turned.ndim)[::-1]))


def _refuse_large(answers: Sequence[Answer], settings: Sequence[Sizes]) -> None:
    for answer in answers:
        if largest([answer.claimed], settings) > LARGEST:
            raise SettingError(
                f"{answer.name} ({shape_text(answer.claimed.shape)}) is too large to be tried on numbers; "
                f"give the axes names instead, as in {answer.x.attrs['name']}=n"
            )


def _failed(answer: Answer, wrong: float, point: Point) -> str:
    sizes = ", ".join(f"{name} = {size}" for name, size in point.sizes.items())
    return (
        f"the answer found for {answer.name}, of {write(answer.of, 200)}, fails its proof (off by {wrong:.1e}"
        f"{' at ' + sizes if sizes else ''}) and is not shown. This is a defect of chainrule and not of the "
        "formula: please report it with the formula"
    )


# ── equations ─────────────────────────────────────────────────────────────────────────────────────────


def agree(
    pairs: Sequence[tuple[Node, Node]], s: Node, facts: Facts | None = None, *, seed: int = 0, draws: int = 3
) -> Proof:
    """Try equations, such as the steps of a derivation, at random points at which s has a value.

    Variables that s does not have, such as the differentials dx, are drawn as well. Raises ProofError.
    """
    sides = in_float64([n for pair in pairs for n in pair])
    tried = points(s, facts or Facts(), seed=seed, count=draws, variables=variables(*sides))
    both, parts, worst = Interpreter(sides), Interpreter(topological(sides)), 0.0
    for point in tried:

        def loudest(point: Point = point) -> float:
            return _largest(*parts(point.values, point.sizes))

        values = [np.asarray(v) for v in both(point.values, point.sizes)]
        for pair, left, right in zip(pairs, values[::2], values[1::2], strict=True):
            wrong = _relative(left, right, 0.0, loudest)
            if wrong > TOLERANCE:
                raise ProofError(_not_equal(*pair, wrong))
            worst = max(worst, wrong)
    return Proof(len(tried), worst)


def prove_zero(
    s: Node, x: Node, solution: Node, facts: Facts | None = None, *, seed: int = 0, draws: int = DRAWS
) -> int:
    """Try whether ∂s/∂x is zero where x is the solution; at how many points it was. Raises ProofError.

    Points at which the solution has no value, or s none there, prove nothing.
    """
    slope, at = in_float64([gradient(s, x), solution])
    parts, name, count = Interpreter(topological([slope])), x.attrs["name"], 0
    for point in points(s, facts or Facts(), seed=seed, count=draws, variables=variables(at)):
        try:
            (found,) = Interpreter([at])(point.values, point.sizes)
            values = parts({**point.values, name: np.asarray(found)}, point.sizes)
        except BindingError:
            continue
        if not _finite(values) or _largest(*values) > HUGE:
            continue
        wrong = _largest(values[-1]) / _largest(*values)
        if wrong > TOLERANCE:
            raise ProofError(_not_equal(slope, constant(0.0), wrong))
        count += 1
    return count


def _not_equal(left: Node, right: Node, wrong: float) -> str:
    return (
        f"the equation {write(left, 200)} = {write(right, 200)} fails its proof (off by {wrong:.1e}) and is not "
        "shown. This is a defect of chainrule: please report it with the formula"
    )
