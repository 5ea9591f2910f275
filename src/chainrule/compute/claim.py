"""A gradient made by hand, judged: right, right under a fact, or wrong, and then where, why, and what is right.

Both sides are evaluated at random points. Where they differ, small edits of what was written are tried, and one is
believed only if its value is that of the true gradient at every point: a repair is proved, not guessed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from chainrule.algebra.node import VARIABLE, Node, topological, variable, variables
from chainrule.algebra.notation import write
from chainrule.algebra.parse import Formula, formula
from chainrule.algebra.signature import shape_text
from chainrule.calculus.answer import answer
from chainrule.calculus.derive import gradient
from chainrule.calculus.facts import Facts
from chainrule.calculus.naming import Program, named, pre_activations
from chainrule.calculus.rewrite import substitute
from chainrule.calculus.textbook import textbook
from chainrule.compute.edits import MOST_PARTS, all_parts
from chainrule.compute.repair import Mended, value
from chainrule.compute.statement import Words, statements
from chainrule.compute.trial import POINTS, Question, Trial
from chainrule.errors import BindingError, ChainruleError, FormulaError, GraphError, counted


class Place(NamedTuple):
    """A place in the text of a claim."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Claim:
    """A gradient made by hand, judged. Prints as the claim with what is wrong underlined, and what is right.

    verdict   "right", "right if A is symmetric", or "wrong"     ok       whether it is right without conditions
    where     the first place that is wrong                      reason   what is wrong there
    repair    the claim made right, in its own spelling: the reader takes it, and it was found equal at all points
    given     the facts that the repair, or a right claim, rests on
    truth     the true gradient in textbook form                 points   how many points both were compared at
    """

    name: str
    text: str
    verdict: str
    truth: str
    points: int
    reason: str = ""
    repair: str = ""
    given: str = ""
    marks: tuple[Place, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the claim is the gradient, without conditions."""
        return self.verdict == "right"

    @property
    def where(self) -> Place | None:
        """The first place that is wrong."""
        return self.marks[0] if self.marks else None

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        proved = f"          (verified at {counted(self.points, 'point')})"
        if self.ok:
            given = f", as {self.given}" if self.given else ""
            lines = [f"right: equal to {self.truth}{given}{proved}"]
        elif self.verdict != "wrong":
            lines = [f"{self.verdict}; in general it is {self.truth}{proved}"]
        elif self.repair:
            given = f", if {self.given}" if self.given else ""
            lines = [f"wrong: {self.reason}", f"right: {self.repair}{given}{proved}"]
        else:
            lines = [f"wrong: {self.reason}", f"right: {self.truth}"]
        notes = [f"note: {note}" for note in self.notes]
        return "\n".join([*_shown(self), *(f"  {line}" for line in (*lines, *notes))])


def _shown(claim: Claim) -> Iterator[str]:
    """The lines of a claim, each with its marks below it."""
    start, head = 0, "  claim   "
    for line in re.split(r"[;\n]", claim.text):
        end, shown = start + len(line), line.strip()
        if shown:
            label = "" if re.match(r"[^\W\d]\w*\s*=(?!=)", shown) else f"∂s/∂{claim.name} = "
            yield f"{head}{label}{shown}"
            offset = start + len(line) - len(line.lstrip())
            places = [
                (m.start - offset, max(m.end, m.start + 1) - offset)
                for m in claim.marks
                if start <= m.start <= end
            ]
            below = "".join("^" if any(a <= k < b for a, b in places) else " " for k in range(len(shown) + 1))
            if places:
                yield " " * len(head + label) + below.rstrip()
            head = " " * len(head)
        start = end + 1


def judge(
    asked: Formula,
    written: str,
    values: Mapping[str, Any] | None = None,
    facts: Facts | None = None,
    *,
    seed: int = 0,
) -> list[Claim]:
    """Judge the claims of a text, such as `W: delta @ x.T`, about the gradients of a formula.

    values   name → value, for variables that are not to be drawn
    facts    what the drawn values obey
    Names are those of the formula and its lines, those that the text defines, and the lecture's δ, z, h, p.
    A column times a row is the outer product, as on paper. Raises FormulaError for text that cannot be read and
    names that stand for nothing, GraphError where the formula is no scalar, BindingError where it has no values.
    """
    if asked.result.shape:
        text = write(asked.result, 60)
        raise GraphError(
            f"claims are about the gradient of a scalar, and {text} is {shape_text(asked.result.shape)}"
        )
    found = []
    for statement in statements(written, asked.syntax):
        words = Words(asked, facts)
        x = words.claimed(statement.name)
        words.complete(statement)
        question = Question(asked, statement, words, gradient(asked.result, x), values or {}, seed)
        found.append(_Verdict(question, facts or Facts()).claim())
    return found


# ── the verdict ───────────────────────────────────────────────────────────────────────────────────────


class _Verdict:
    """What is said of a claim: the first of several findings, the plainest before the far-fetched."""

    def __init__(self, question: Question, facts: Facts) -> None:
        self.trial = Trial(question, facts)
        self.statement, self.notes = question.statement, list(question.words.notes)
        if not self.trial.points:
            text = write(question.asked.result, 60)
            raise BindingError(
                f"{text} has no finite value at the values given, or no finite gradient; give others"
                if question.given
                else f"no values were found at which {text} and its gradient are finite"
            )

    def claim(self) -> Claim:
        """The claim, judged."""
        for finding in (self._right, self._too_long, self._one_mistake, self._under_a_fact, self._wrong_numbers):
            if (found := finding()) is not None:
                return found
        for finding in (self._wrong_under_a_fact, self._several_mistakes, self._under_a_rare_fact):
            if (found := finding()) is not None:
                return found
        return self._found("wrong", reason=_difference(self.trial))

    def _right(self) -> Claim | None:
        if not self.trial.equal(self.trial.claimed):
            return None
        self.notes += [] if self._is_long() else _read_as_outer(self.trial)
        return self._found("right", given=" and ".join(_facts_used(self.trial)))

    def _is_long(self) -> bool:
        return sum(len(all_parts(tree)) for tree in self.statement.trees) > MOST_PARTS

    def _too_long(self) -> Claim | None:
        return self._found("wrong", reason=_difference(self.trial)) if self._is_long() else None

    def _one_mistake(self) -> Claim | None:
        mended = self.trial.repair.smallest("one")
        if mended is None:
            return None
        hidden = _condition(self.trial, _OFTEN)
        if hidden and "positive" not in hidden:
            self.notes.append(f"as it stands it is right if {hidden}")
        return self._mended(mended)

    def _under_a_fact(self) -> Claim | None:
        condition = _condition(self.trial, _OFTEN)
        return self._found(f"right if {condition}") if condition else None

    def _wrong_numbers(self) -> Claim | None:
        mended = self.trial.repair.smallest("numbers")
        return None if mended is None else self._mended(mended)

    def _wrong_under_a_fact(self) -> Claim | None:
        for other, given in _telling(self.trial):
            mended = other.repair.smallest("one")
            if mended is not None:
                return self._mended(mended, given)
        return None

    def _several_mistakes(self) -> Claim | None:
        mended = self.trial.repair.smallest("several", "two")
        return None if mended is None else self._mended(mended)

    def _under_a_rare_fact(self) -> Claim | None:
        condition = _condition(self.trial, _SELDOM)
        return self._found(f"right if {condition}") if condition else None

    def _mended(self, mended: Mended, given: str = "") -> Claim:
        text = self.statement.text
        reason = "; and ".join(dict.fromkeys(e.reason for e in mended.edits))
        marks = tuple(Place(text[e.start : e.end], e.start, e.end) for e in mended.edits)
        repair = self.statement.written(mended.lines)
        return self._found("wrong", reason=reason, repair=repair, marks=marks, given=given)

    def _found(self, verdict: str, **more: Any) -> Claim:
        s, points = self.statement, len(self.trial.points)
        return Claim(s.name, s.text, verdict, _truth(self.trial), points, notes=tuple(self.notes), **more)


def _truth(trial: Trial) -> str:
    """The true gradient in textbook form, with what its names mean."""
    asked = trial.question.asked
    s, defined, x = asked.result, asked.definitions, trial.question.words[trial.question.statement.name]
    program = None if x is None or x.op is not VARIABLE else answer(s, [x], defined, trial.facts)
    if program is None or not trial.equal(_whole(program)):
        signals = {z: gradient(s, z) for z in pre_activations(s)}
        result, *flows = textbook([trial.short, *signals.values()], trial.facts, given=[s])
        program = named([result], s, defined, dict(zip(signals, flows, strict=True)))
    needed = {v.attrs["name"] for v in variables(*program.results)}
    shown = []
    for line in reversed(program.lines):
        if line.name in needed and line.name not in defined:
            needed |= {v.attrs["name"] for v in variables(line.value)}
            shown.append(f"{line.name} = {line.value}")
    return f"{program.results[0]}" + (f" with {', '.join(shown[::-1])}" if shown else "")


def _whole(program: Program) -> Node:
    """The result of a program in variables only."""
    names = {variable(line.name, line.whole.shape, line.whole.dtype): line.whole for line in program.lines}
    return substitute(program.results, names)[0]


def _facts_used(trial: Trial) -> list[str]:
    """The declared facts without which the claim would be wrong."""
    needed = dict(trial.facts.stated)
    used = []
    for node in trial.facts.stated:
        without = Trial(trial.question, Facts({v: stated for v, stated in needed.items() if v is not node}))
        if without.equal(trial.claimed):
            del needed[node]
        else:
            said = Facts()
            for fact in needed[node]:
                said.note(fact, node)
            used += said.used
    return used


def _read_as_outer(trial: Trial) -> list[str]:
    """What the ordinary reader would refuse, and how it is read here."""
    base, text = trial.repair.edits.base, trial.question.statement.text
    return [
        f"{text[tree.start : tree.end]} is read as {base(tree).text}: on paper a column times a row"
        for tree in trial.question.statement.trees
        if base(tree).text != text[tree.start : tree.end]
    ]


_SUMS = ("sums to one", "rows sum to one")
_OFTEN = ("symmetric", "positive", *_SUMS)
_SELDOM = ("orthogonal", "diagonal", "idempotent", "one-hot")
"""The facts that a claim may rest on unsaid, the weaker before those they follow from."""


def _facts_tried(trial: Trial, facts: Sequence[str]) -> Iterator[tuple[Facts, str]]:
    """Facts about one variable, or symmetry of two, beside those declared; and how each is said."""
    q = trial.question
    free = [v for v in q.variables if v.ndim and v.attrs["name"] not in q.given]
    for fact in facts:
        fitting = [v for v in free if _is_said_of(fact, v)]
        for count in (1, 2) if fact == "symmetric" else (1,):
            for chosen in combinations(fitting, count):
                told = Facts()
                for v in chosen:
                    told.note(fact, v)
                more = {v: (*trial.facts.stated.get(v, ()), fact) for v in chosen}
                yield Facts({**trial.facts.stated, **more}), " and ".join(told.used)


def _is_said_of(fact: str, node: Node) -> bool:
    square = node.ndim == 2 and node.shape[0] == node.shape[1]
    try:
        Facts({node: [fact]})
    except FormulaError:
        return False
    return square or fact != "orthogonal"


def _condition(trial: Trial, facts: Sequence[str]) -> str:
    """The fact under which the claim is right, such as `A is symmetric`; "" if there is none."""
    node = trial.claimed
    if node is None or node.shape != trial.question.truth.shape:
        return ""
    for known, said in _facts_tried(trial, facts):
        if all((t := Trial(trial.question, known, count)).points and t.equal(node) for count in (2, POINTS)):
            return said
    return ""


def _telling(trial: Trial) -> Iterator[tuple[Trial, str]]:
    """Trials under facts that make the truth shorter, on which people rely without saying so."""
    length = len(topological([trial.short]))
    for known, said in _facts_tried(trial, ("symmetric", *_SUMS)):
        other = Trial(trial.question, known)
        if other.points and len(topological([other.short])) < length:
            yield other, said


def _difference(trial: Trial) -> str:
    """Which entries agree, and by what factor the others differ."""
    q, node = trial.question, trial.claimed
    if node is None:
        try:
            formula(q.statement.text, q.words.names, syntax=q.statement.syntax)
        except ChainruleError as error:
            return f"it does not type-check: {str(error).splitlines()[0]}"
        return "it has no value"
    if node.shape != q.truth.shape:
        name = q.statement.name
        return f"it is {shape_text(node.shape)}, and the gradient of {name} is {shape_text(q.truth.shape)}"
    claimed, right = (value(trial.points[0], n) for n in (node, q.truth))
    if claimed is None:
        return "it has no finite value where the gradient has one"
    same = np.abs(claimed - right) <= 1e-8 * np.max(np.abs(right), initial=1e-300)
    text = f"no small change makes it right; {np.count_nonzero(same)} of {np.size(right):,} entries agree"
    with np.errstate(all="ignore"):
        ratio = (claimed / right)[~same & (right != 0)]
    if not ratio.size:
        return text
    low, high = f"{ratio.min():.3g}", f"{ratio.max():.3g}"
    return f"{text}, the others are {low if low == high else f'{low} to {high}'} times the true ones"
