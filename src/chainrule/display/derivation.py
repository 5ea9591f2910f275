"""Derivatives in textbook form: shared parts named, every answer proved by numbers before it is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from chainrule.algebra.node import Node, variable
from chainrule.algebra.notation import write
from chainrule.algebra.parse import Formula
from chainrule.algebra.signature import Dim, shape_text
from chainrule.calculus.derive import gradient
from chainrule.calculus.facts import Facts
from chainrule.calculus.naming import Line, Program
from chainrule.calculus.notes import notes, order_note
from chainrule.calculus.rewrite import substitute
from chainrule.calculus.solve import Solution, solve_for
from chainrule.calculus.steps import Step, derivation_steps
from chainrule.calculus.textbook import textbook
from chainrule.calculus.tips import tips
from chainrule.compute.proof import DRAWS, Answer, Proof, agree, prove, prove_zero
from chainrule.compute.source import python_source
from chainrule.compute.structure import HessianOperator, hessian_operator
from chainrule.display.deriving import Kind, derived, expanded, free_name, kind_of, orders_of, plain
from chainrule.display.question import Question, Stated, asked, own_lines
from chainrule.display.writing import Page, Row, Slope, Steps, Zero, in_latex, in_mathml, in_text
from chainrule.errors import GraphError, ProofError, counted


@dataclass(frozen=True, eq=False)
class Derivation:
    """The derivatives of an expression: results that speak of named lines, and the proof that they are right.

    expression    what was differentiated            slopes    what the results are called: ∂s/∂W …
    program       the named lines, and the results that speak of them
    results       the same in variables only         facts     declared facts that the results rest on
    notes         remarks on the formula             proof     what the trial on numbers found
    """

    question: Question
    kind: Kind
    slopes: tuple[Slope, ...]
    program: Program
    results: tuple[Node, ...]
    facts: tuple[str, ...]
    notes: tuple[str, ...]
    proof: Proof

    @property
    def expression(self) -> Node:
        """The expression that was differentiated."""
        return self.question.s

    @property
    def name(self) -> str:
        """What the expression is called: by the formula, or as the part that it is, or J, or f if no number."""
        return str(self.slopes[0].of.attrs["name"])

    @property
    def wrt(self) -> tuple[Node, ...]:
        """The variables that it was differentiated by."""
        return tuple(dict.fromkeys(x for slope in self.slopes for x in slope.by))

    @property
    def result(self) -> Any:
        """The derivative as an expression in variables; all of them as a tuple where there are several."""
        return self.results[0] if len(self.results) == 1 else self.results

    @property
    def shared(self) -> tuple[Line, ...]:
        """The named parts in the order of computing: name, value in earlier names, the same in variables, role."""
        return self.program.lines

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The lines that lead to the derivatives, each with its rule, each proved by numbers."""
        return tuple(step for found in self.derivations() for step in found)

    def derivations(self, detail: int = 2) -> list[list[Step]]:
        """The lines that lead to each derivative, in three levels of detail; ProofError if one is wrong."""
        return [self._derivation(k, detail) for k in range(len(self.slopes))]

    def _derivation(self, k: int, detail: int) -> list[Step]:
        """The lines that lead to the k-th derivative; to a Hessian, from the gradient on."""
        s, facts, name, (*first, x) = self.expression, self.question.facts, self.name, self.slopes[k].by
        program = Program(self.program.lines, (self.program.results[k],))
        begun: list[Step] = []
        if first:
            (slope,) = textbook([gradient(s, first[0])], facts, given=[s])
            left = variable(str(Slope(self.slopes[k].of, (first[0],))), slope.shape, slope.dtype)
            known = {line.whole: variable(line.name, line.value.shape, line.value.dtype) for line in self.shared}
            (short,) = substitute([slope], known)
            name = free_name("gqv", self.question, program)
            begun = [Step(left, short, f"the gradient, {name}", (gradient(s, first[0]), slope))]
            s = slope
        found = begun + derivation_steps(s, x, program, detail, facts=facts, name=name)
        agree([step.claim for step in found], self.expression, facts)
        return found

    @cached_property
    def structure(self) -> HessianOperator:
        """The Hessian by one variable as an operator that is never formed: it multiplies and solves."""
        if self.kind != "hessian" or len(self.slopes) > 1 or len(self.wrt) > 1:
            raise GraphError(
                "structure is that of a Hessian by one variable; ask for kind='hessian' and choose one"
            )
        return hessian_operator(self.expression, self.wrt[0], Facts(self.question.facts.stated))

    def solve(self, by: Node | str | None = None) -> Solution:
        """Where the gradient is zero: the equation, its solution, what it needs, and whether it is a minimum.

        Raises GraphError where the gradient is not linear in the variable, and cannot be made so.
        """
        if by is None and len(self.slopes) > 1:
            names = ", ".join(write(x) for x in self.wrt)
            raise GraphError(f"the gradients are by {names}; say which of them is to be zero")
        x = self.slopes[0].by[0] if by is None else self._slope(by).by[0]
        return self._solved(x)[0]

    def _solved(self, x: Node) -> tuple[Solution, int]:
        """The solution, and at how many random points the gradient was found to be zero there."""
        if self.kind != "gradient":
            raise GraphError(
                f"gradients are set to zero and solved, and this is a {self.kind}; ask for the gradient"
            )
        facts = self.question.facts
        solution = solve_for(self.expression, x, Facts(facts.stated))
        return solution, prove_zero(self.expression, x, solution.result, facts)

    def _slope(self, by: Node | str) -> Slope:
        found = {slope.by[-1].attrs["name"]: slope for slope in self.slopes}
        name = by.attrs.get("name") if isinstance(by, Node) else by
        if name not in found:
            raise GraphError(f"the derivatives are by {', '.join(found)}, and {by!r:.40} is none of these")
        return found[name]

    def __getitem__(self, by: Node | str) -> Node:
        """The derivative by a variable, or by its name, as an expression in variables."""
        return self.results[self.slopes.index(self._slope(by))]

    def check(self, *, seed: int = 1, draws: int = DRAWS) -> Proof:
        """The proof once more, at other points. Raises ProofError where a result is wrong."""
        answers = _answers(self.question, self.kind, self.slopes, self.program)
        return prove(self.question.s, answers, self.question.facts, seed=seed, draws=draws)

    # ── how it is written ─────────────────────────────────────────────────────────────────────────────

    def page(self, detail: int = 0, *, solve: bool = False) -> Page:
        """All that is said, row by row; `detail` 1 to 3 adds the steps, `solve` where the gradients are zero."""
        asked_for = [Row(*line) for line in own_lines(self.question, self.slopes[0].of)]
        results = [Row(slope, value) for slope, value in zip(self.slopes, self.program.results, strict=True)]
        said = {row.left for row in asked_for}
        lines = [row for row in map(_row, self.shared) if row.left not in said]
        steps: list[Steps] = []
        if detail:  # they bring the backward lines at the place where they are used
            lines = [row for row in lines if not row.remark.startswith("error signal")]
            said |= {row.left for row in lines}
            for slope, result, (*lead, last) in zip(self.slopes, results, self.derivations(detail), strict=True):
                rows = [Row(*step[:3], step.number) for step in lead if step.left not in said]
                steps.append(Steps(slope, [*rows, result._replace(remark=last.rule)]))
        return Page(
            asked_for,
            self.question.variables,
            lines,
            results,
            steps,
            [self._zero(slope) for slope in self.slopes] if solve else (),
            self._tips() if detail else (),
            self.facts or (("none",) if self.question.facts else ()),
            self.notes,
            str(self.proof),
        )

    def _zero(self, slope: Slope) -> Zero:
        x = slope.by[0]
        solution, count = self._solved(x)
        _, *lines = str(solution).splitlines()
        tried = f"the gradient was zero there at {counted(count, 'random point')}" if count else "not tried"
        rows = [Row(*solution.normal), Row(x, solution.written)]
        return Zero(slope, solution.gradient, rows if solution.normal[0] is not x else rows[1:], [*lines, tried])

    def _tips(self) -> tuple[str, ...]:
        """What the derivatives teach beyond themselves."""
        if self.kind == "hessian":
            return ()
        found = (
            tips(self.expression, slope.by[0], result, self.program)
            for slope, result in zip(self.slopes, self.program.results, strict=True)
        )
        return tuple(dict.fromkeys(tip for told in found for tip in told))

    def __str__(self) -> str:
        return in_text(self.page())

    __repr__ = __str__

    def text(self, detail: int = 0, *, solve: bool = False, width: int = 100) -> str:
        """The derivation as lines of text; `detail` and `solve` as for `page`."""
        return in_text(self.page(detail, solve=solve), width)

    def latex(self, detail: int = 0, *, solve: bool = False) -> str:
        """The derivation as an aligned environment, to stand in display mathematics."""
        return in_latex(self.page(detail, solve=solve))

    def mathml(self, detail: int = 0, *, solve: bool = False) -> str:
        """The derivation as a `<math>` element."""
        return in_mathml(self.page(detail, solve=solve))

    def python(self) -> str:
        """The derivatives as the source of a NumPy function."""
        labels = [str(slope) for slope in self.slopes]
        doc = f"{', '.join(labels)} for {self.name} = {write(self.question.s)}."
        return python_source(self.kind, self.question.variables, self.program, labels, doc)

    def to_dict(self, detail: int = 0, *, solve: bool = False) -> dict[str, Any]:
        """The derivation as lists and texts, for JSON."""
        page = self.page(detail, solve=solve)
        return {
            "formula": self.question.source or write(self.question.s),
            "kind": self.kind,
            "variables": {write(x): _axes(x) for x in page.variables},
            "defined": [_as_dict(row) for row in page.asked],
            "shared": [{**_as_dict(_row(line)), "role": line.role} for line in self.shared],
            "results": [
                {**_as_dict(row), "by": [write(x) for x in slope.by]}
                for row, slope in zip(page.results, self.slopes, strict=True)
            ],
            "steps": [
                {"of": str(steps.to), "lines": [{**_as_dict(r), "rule": r.remark} for r in steps.rows]}
                for steps in page.steps
            ],
            "solutions": [
                {"by": write(zero.of.by[0]), "rows": [_as_dict(r) for r in zero.rows], "said": list(zero.said)}
                for zero in page.solutions
            ],
            "facts": list(self.facts),
            "notes": list(self.notes),
            "proof": {
                "draws": self.proof.draws,
                "error": self.proof.error,
                "method": self.proof.method,
                "kinks": self.proof.kinks,
                "sizes": [dict(sizes) for sizes in self.proof.sizes],
            },
        }

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": str(self), "text/latex": self._repr_latex_(), "text/html": self.mathml()}


_PLAIN = ("defined", "shared")
"""Roles that go without saying."""


def _row(line: Line) -> Row:
    left = variable(line.name, line.value.shape, line.value.dtype)
    return Row(left, line.value, "" if line.role in _PLAIN else line.role)


def _as_dict(row: Row) -> dict[str, Any]:
    left = row.left
    return {"name": str(left), "value": write(row.right), "shape": _axes(row.right)}


def _axes(node: Node) -> list[Any]:
    return [str(a) if isinstance(a, Dim) else a for a in node.shape]


# ── deriving ──────────────────────────────────────────────────────────────────────────────────────────


def derive(
    s: Node | Formula | str,
    wrt: Node | str | Sequence[Node | str] | None = None,
    *,
    kind: Kind | None = None,
    vec: bool = False,
    facts: Stated | None = None,
    shapes: Mapping[str, Any] | None = None,
    syntax: Any = None,
    defined: Mapping[str, Node] | None = None,
    name: str | None = None,
    seed: int = 0,
) -> Derivation:
    """The derivatives of a formula in textbook form, with shared parts named, proved by numbers.

    s          an expression, or a formula: `"u' * tanh(W*x + b)"`, `"h = tanh(W@x); s = u.T@h"`
    wrt        variables, their names, or names that the formula defines; all variables unless given
    kind       "gradient" (of a scalar; the default there), "jacobian" (the default of a vector or matrix), or
               "hessian" (by one variable, or mixed by two)
    vec        matrices stacked, column upon column: Kronecker products instead of tensors
    facts      what is known of variables: {"y": "sums to one"} or ["A: symmetric, positive"]
    shapes     of variables, as `parse` takes them      syntax    "python" or "matlab"
    defined    name → part of s, to be named so         name      what s is called
    Raises FormulaError, ShapeError and GraphError where the question makes no sense, and ProofError rather than
    give an answer that is wrong. Where the textbook form fails, the plain form of the sweep is given, with a note.
    """
    question = asked(s, wrt, facts, shapes, syntax, defined, name)
    kind = kind_of(question, kind)
    orders = orders_of(question, kind, chosen=wrt is not None)
    try:
        return _answered(question, kind, orders, derived(question, kind, orders, vec=vec), vec, seed)
    except Exception as error:
        try:
            found = _answered(question, kind, orders, plain(question, kind, orders, vec=vec), vec, seed)
        except Exception:  # the first error says more
            raise error from None
        return replace(found, notes=(_apology(error), *found.notes))


def _apology(error: Exception) -> str:
    cause = (
        "fails its proof" if isinstance(error, ProofError) else f"is not found ({type(error).__name__}: {error})"
    )
    return (
        f"the textbook form {cause}, which is a defect of chainrule: please report it with the formula. "
        "What is shown is the form of the plain sweep, and proved"
    )


def _answered(
    question: Question, kind: Kind, orders: Sequence[tuple[Node, ...]], program: Program, vec: bool, seed: int
) -> Derivation:
    """The answer that a program is, if its proof succeeds."""
    title = question.name or program.own or free_name("fyFY" if question.s.shape else "JsLF", question, program)
    of = variable(title, question.s.shape, question.s.dtype)
    slopes = tuple(Slope(of, by, vec) for by in orders)
    answers = _answers(question, kind, slopes, program)
    proof = prove(question.s, answers, question.facts, seed=seed)
    results = tuple(a.claimed for a in answers[-len(slopes) :])
    said = (*question.remarks, *_notes(question, kind, slopes))
    return Derivation(question, kind, slopes, program, results, tuple(question.facts.used), said, proof)


def _notes(question: Question, kind: Kind, slopes: Sequence[Slope]) -> list[str]:
    """Remarks on the formula; on tensors only where there are some, on Jacobians where nobody asked for them."""
    s, name = question.s, write(slopes[0].of)
    said = notes(s, question.wrt, question.source, name)
    tensors = [order_note(s, x, name) for x in question.wrt]
    if slopes[0].vec:
        said = [note for note in said if note not in tensors]
    if kind == "hessian" and not slopes[0].vec:
        tensors = [str(d) for d in slopes if sum(x.ndim for x in d.by) > 2]
        said += [f"{text} is a tensor; as a matrix, columns stacked, it is the vec form" for text in tensors]
    if kind == "jacobian":
        shape = shape_text(s.shape)
        said.insert(0, f"{name} has shape {shape}: Jacobians, the axes of {name} before those of the variable")
    return said


def _answers(question: Question, kind: Kind, slopes: Sequence[Slope], program: Program) -> list[Answer]:
    """What is to be proved: the results as they are written, names put back; before a Hessian its gradient."""
    s, whole = question.s, expanded(program)
    if kind != "hessian":
        return [Answer(str(d), s, d.by[0], r, d.vec) for d, r in zip(slopes, whole, strict=True)]
    by = list(dict.fromkeys(d.by[0] for d in slopes))
    first = dict(zip(by, gradient(s, by), strict=True))
    return [
        *(Answer(str(Slope(slopes[0].of, (x,))), s, x, g) for x, g in first.items()),
        *(Answer(str(d), first[d.by[0]], d.by[1], r, d.vec) for d, r in zip(slopes, whole, strict=True)),
    ]
