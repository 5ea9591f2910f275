"""A claim on trial: what it says and what is true, at random points that obey facts."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from chainrule.algebra.node import Node, size, topological
from chainrule.algebra.operand import lift
from chainrule.algebra.parse import Formula, formula
from chainrule.algebra.phrase import ATOM
from chainrule.algebra.signature import Binding
from chainrule.calculus.facts import Facts
from chainrule.calculus.textbook import textbook
from chainrule.compute.draw import dimensions, draw
from chainrule.compute.edits import Edits, all_parts
from chainrule.compute.handwriting import Form, Handwriting
from chainrule.compute.interpret import Kept, evaluate
from chainrule.compute.mistakes import Known, slopes_of, softmaxes_of
from chainrule.compute.numbers import factors, summands
from chainrule.compute.repair import Repair, close, value
from chainrule.compute.statement import Statement, Words, reading
from chainrule.errors import ChainruleError, DTypeError, ShapeError

POINTS = 6
MOST_INNER = 8  # parts of the formula that may be missing, such as norm2(r), the shortest of them


class Question(NamedTuple):
    """What is asked: a formula, a claim about it, what its names mean, the true gradient, and the values given."""

    asked: Formula
    statement: Statement
    words: Words
    truth: Node
    given: Mapping[str, Any]
    seed: int

    @property
    def variables(self) -> list[Node]:
        """The variables of the formula."""
        return list(self.asked.variables.values())


class Trial:
    """A claim and the truth at random points that obey facts."""

    def __init__(self, question: Question, facts: Facts, count: int = POINTS) -> None:
        self.question, self.facts = question, facts
        self.points = sorted(self._points(count), key=self._emptiness)

    def _points(self, count: int) -> Iterator[Kept]:
        """Random points at two settings of the sizes, where the formula and the truth have a value."""
        q = self.question
        rng = np.random.default_rng(q.seed)
        known = Binding()
        for node in q.variables:
            if (name := node.attrs["name"]) in q.given:
                known.meet(name, node.shape, np.shape(q.given[name]))
        names = dimensions([*q.variables, *topological([q.asked.result])])
        free = [name for name in names if name not in known.sizes]
        fixed = all(node.attrs["name"] in q.given for node in q.variables)
        for k in range(1 if fixed else count):
            falling = {name: 2 + len(free) - i + (2 * k >= count) for i, name in enumerate(free)}
            sizes = {**known.sizes, **falling}
            values = draw(q.variables, self.facts, rng, sizes, q.asked.result, q.given)
            point = Kept(dict(zip(q.variables, evaluate(q.variables, values, sizes), strict=True)), sizes)
            if value(point, q.truth) is not None and value(point, q.asked.result) is not None:
                yield point

    def _emptiness(self, point: Kept) -> float:
        """The share of zeros in the truth: a point where many units are off tells less."""
        return float(np.mean(np.asarray(value(point, self.question.truth)) == 0))

    def equal(self, node: Node | None) -> bool:
        """Whether an expression is the truth at every point."""
        truth = self.question.truth
        return node is not None and all(close(value(p, node), value(p, truth)) for p in self.points)

    def accepted(self, lines: Sequence[str]) -> bool:
        """Whether the ordinary reader takes these lines of the claim, and they are the truth."""
        statement = self.question.statement
        try:
            again = formula(statement.written(lines), self.question.words.names, syntax=statement.syntax)
        except ChainruleError:
            return False
        return self.equal(lift(again.result))

    @cached_property
    def short(self) -> Node:
        """The truth in textbook form, if that is the truth."""
        (node,) = textbook([self.question.truth], self.facts, given=[self.question.asked.result])
        return node if self.equal(node) else self.question.truth

    @cached_property
    def repair(self) -> Repair:
        """The search for what is wrong."""
        q, statement = self.question, self.question.statement
        hand = Handwriting(statement.text, statement.syntax)
        read = reading(statement, q.words.names)
        words = {name: Form(name, ATOM, node) for name, node in {**q.words.names, **read.defined}.items()}
        spelt = {form.node: form for form in words.values() if form.node is not None}

        def written(node: Node) -> Form:
            return hand.written(node, spelt)

        s = q.asked.result
        inner = [written(n) for n in topological([s]) if n.inputs and n is not s and n not in spelt]
        inner.sort(key=lambda form: len(form.text))
        parts = [form for form in inner if form.node is not None and form.node.ndim][:MOST_INNER]
        named = dimensions(q.variables)
        known = Known(words, slopes_of(s, hand, written), softmaxes_of(s, written), parts, named)
        views = [
            [(times, written(node)) for times, node in summands(self.short, opened=opened)]
            for opened in (False, True)
        ]
        scalars = [Form(d, ATOM, size(d)) for d in named]
        scalars += [form for form in words.values() if form.node is not None and not form.node.ndim]
        if q.truth.ndim:
            scalars += [form for form in [*inner, written(s)] if form.node is not None and not form.node.ndim][
                :MOST_INNER
            ]
        numbers = [(form, float(value(self.points[0], form.node) or 0)) for form in scalars]
        everything = [part for tree in statement.trees for part in all_parts(tree)]
        edits = Edits(statement.text, everything, read, hand, known)
        return Repair(
            edits,
            statement.definitions,
            statement.tree,
            self.points,
            q.truth,
            views,
            factors(hand, numbers),
            self.accepted,
        )

    @cached_property
    def claimed(self) -> Node | None:
        """The claim as it was written, read on paper's terms; None where it does not type-check."""
        statement = self.question.statement
        read = reading(statement, self.question.words.names)
        try:
            return lift(read.node(statement.tree))
        except (ShapeError, DTypeError):
            return None
