"""The search for the smallest edits that make a claim right, first within one of its terms, then in several.

A claim is a sum of terms, and so is the truth. What the other terms leave over of the truth is what a term has to
be, so that its edited forms are compared with a number, and found in one pass.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any, NamedTuple

import numpy as np

from chainrule.algebra.formula import Definition, Part
from chainrule.algebra.meaning import Reading
from chainrule.algebra.node import Node
from chainrule.algebra.phrase import ENTRYWISE
from chainrule.compute.edits import Edits
from chainrule.compute.handwriting import Edit, Form, wrapped
from chainrule.compute.interpret import Kept
from chainrule.compute.mistakes import MISSING, SIGN, missing
from chainrule.compute.numbers import Factor, scaled
from chainrule.errors import ChainruleError

NEAR = 1e-8
"""How far two values may be apart, relative to the largest entry, to count as equal."""

MOST_TRIED = 40
"""How many edited claims of a stage are read again and compared at all points."""


class Mended(NamedTuple):
    """A claim made right: the text of every line, and the edits in the order of the text."""

    lines: tuple[str, ...]
    edits: tuple[Edit, ...]


class Term(NamedTuple):
    """A term of the claim: its sign, its part, where it begins with its sign, its form, its value."""

    sign: float
    part: Part
    start: int
    base: Form
    value: Any


class Wanted(NamedTuple):
    """A term of the truth: the number before it, how it is written in the hand of the claim, its value."""

    times: float
    form: Form
    value: Any


def value(point: Kept, node: Node | None) -> Any:
    """The value of an expression at a point; None where it has none."""
    if node is None:
        return None
    try:
        found = point(node)
    except ChainruleError:
        return None
    return found if np.all(np.isfinite(found)) else None


def close(a: Any, b: Any) -> bool:
    """Whether two arrays are the same numbers, but for rounding."""
    if a is None or b is None or np.shape(a) != np.shape(b):
        return False
    scale = max(np.max(np.abs(b), initial=0.0), np.max(np.abs(a), initial=0.0))
    return bool(np.max(np.abs(a - b), initial=0.0) <= NEAR * scale)


Found = tuple[int, Form]  # which line is edited (the claim itself is the last), and what it becomes


class Repair:
    """The search in one claim, whose definitions and tree stand in `edits.text`.

    truth      what the claim has to be, at each of the points
    views      the truth as a sum of terms, in more than one way
    accepted   whether edited lines are read by the ordinary reader, and equal the truth at every point
    """

    def __init__(
        self,
        edits: Edits,
        definitions: Sequence[Definition],
        tree: Part,
        points: Sequence[Kept],
        truth: Node,
        views: Sequence[Sequence[tuple[float, Form]]],
        factors: Sequence[Factor],
        accepted: Callable[[Sequence[str]], bool],
    ) -> None:
        self.edits, self.hand = edits, edits.hand
        self.definitions, self.tree, self.accepted = definitions, tree, accepted
        self.point, self.truth, self.factors = points[0], truth, factors
        self.alike = [p for p in points if p.binding.sizes == self.point.binding.sizes]
        self.right = value(self.point, truth)
        self.views = [[Wanted(c, form, value(self.point, form.node)) for c, form in view] for view in views]
        self.terms = list(self._split(tree))
        self.last = len(definitions)

    def _split(self, tree: Part) -> Iterator[Term]:
        parts: list[tuple[float, Part, int]] = []
        part = tree
        while part.kind == "infix" and part.value in ("+", "-"):
            left, right = part.parts
            sign = left.end + len(self.edits.text[left.end : right.start].split(part.value)[0])
            parts.append((-1.0 if part.value == "-" else 1.0, right, sign))
            part = left
        for number, one, start in [(1.0, part, part.start), *parts[::-1]]:
            base = self.edits.base(one)
            yield Term(number, one, start, base, value(self.point, base.node))

    def smallest(self, *stages: str) -> Mended | None:
        """The smallest edits that make the claim right, as far as the named stages see; None if there are none."""
        for stage in stages:
            found: Sequence[Found] = sorted(getattr(self, stage)(), key=lambda f: (f[1].cost, _start(f[1])))
            for line, form in found[:MOST_TRIED]:
                lines = [*(self.edits.base(d.tree).text for d in self.definitions), self._sum({}).text]
                lines[line] = form.text
                if self.accepted(lines):
                    return Mended(tuple(lines), tuple(sorted(form.edits)))
        return None

    # ── the stages ────────────────────────────────────────────────────────────────────────────────────

    def one(self) -> Iterator[Found]:
        """One edit in one term or one definition, a term too many or too few, a factor of the whole."""
        for i, target in self._targets():
            if len(self.terms) > 1 and self._is_nothing(target):
                yield self.last, self._sum({i: None})
                continue
            for form in self._matching(self.terms[i], self.edits.forms(self.terms[i].part, 1), target):
                yield self.last, self._sum({i: form})
        for form in self._of_all():
            yield self.last, form
        for k, line in enumerate(self.definitions):
            for form in self.edits.forms(line.tree, 1):
                if close(value(self.point, self._read_with(k, form)), self.right):
                    yield k, form

    def numbers(self) -> Iterator[Found]:
        """Terms that are right but for the numbers before them: their signs, factors, terms too many."""
        columns = [[value(point, term.base.node) for term in self.terms] for point in self.alike]
        if any(v is None or np.shape(v) != np.shape(self.right) for row in columns for v in row):
            return
        terms = np.concatenate([np.stack([np.ravel(v) for v in row], axis=1) for row in columns])
        truth = np.concatenate([np.ravel(value(point, self.truth)) for point in self.alike])
        found, _, rank, _ = np.linalg.lstsq(terms, truth, rcond=None)
        if rank < len(self.terms) or not close(terms @ found, truth):
            return
        changed: dict[int, Form | None] = {}
        for i, term in enumerate(self.terms):
            number = float(term.sign * found[i])
            if self._is_nothing(number * term.value):
                changed[i] = None
            elif abs(number - 1) > NEAR:
                changed[i] = next(self._times(term.base, number, (term.start, term.part.end)), None)
                if changed[i] is None:
                    return
        yield self.last, self._sum(changed)

    def several(self) -> Iterator[Found]:
        """An edit in each of several terms: each is compared with the terms of the truth that none equals."""
        for view in self.views:
            left = list(view)
            wrong = []
            for i, term in enumerate(self.terms):
                same = [w for w in left if self._is(term.value, [w], term.sign)]
                if same:
                    left.remove(same[0])
                else:
                    wrong.append(i)
            if len(wrong) <= 4 and len(left) <= 4:
                for form in self._assigned(wrong, left):
                    if len(form.edits) <= len(wrong) + 1:
                        yield self.last, form

    def two(self) -> Iterator[Found]:
        """Two of the common mistakes within one term, or in the whole."""
        for i, target in self._targets():
            for form in self._matching(self.terms[i], self.edits.forms(self.terms[i].part, 2, True), target):
                yield self.last, self._sum({i: form})
        for form in self.edits.forms(self.tree, 2, True) if len(self.terms) > 1 else ():
            if close(value(self.point, form.node), self.right):
                yield self.last, form

    # ── within a term ─────────────────────────────────────────────────────────────────────────────────

    def _targets(self) -> Iterator[tuple[int, Any]]:
        """Each term, and what it would have to be if the others are right."""
        for i, term in enumerate(self.terms):
            others = [other for k, other in enumerate(self.terms) if k != i]
            if all(o.value is not None and np.shape(o.value) in ((), np.shape(self.right)) for o in others):
                yield i, term.sign * (self.right - sum(o.sign * o.value for o in others))

    def _matching(self, term: Term, forms: Sequence[Form], target: Any) -> Iterator[Form]:
        """The forms whose value is the target, perhaps but for a number."""
        for form in (term.base, *forms):
            found = value(self.point, form.node)
            if close(found, target):
                if form.edits:
                    yield form
            elif np.shape(found) == np.shape(target) and found is not None:
                yield from self._proportional(form, found, target, (term.start, term.part.end))

    def _proportional(self, form: Form, found: Any, target: Any, place: tuple[int, int]) -> Iterator[Form]:
        square = float(np.sum(found * found))
        number = float(np.sum(found * target)) / square if square else 0.0
        if number and close(number * found, target):
            yield from self._times(form, number, place)

    def _times(self, form: Form, number: float, place: tuple[int, int]) -> Iterator[Form]:
        """The form times a number, for each way to write that number."""
        for factor in self.factors:
            if abs(factor.value - number) <= NEAR * abs(number):
                rank = factor.rank - (factor.value == -1 and form.text.startswith("-"))  # a minus is taken away
                yield factor.put(form).edited(Edit(*place, factor.reason.format(form.text.lstrip("-")), rank))

    def _is_nothing(self, found: Any) -> bool:
        return bool(np.max(np.abs(found), initial=0.0) <= NEAR * np.max(np.abs(self.right), initial=0.0))

    # ── the sum of the terms ──────────────────────────────────────────────────────────────────────────

    def _sum(self, changed: Mapping[int, Form | None]) -> Form:
        """The terms put together again, some of them changed; None is a term that is left out."""
        total: Form | None = None
        gone = []
        for i, term in enumerate(self.terms):
            form = changed.get(i, term.base)
            if form is None:
                sign = "− " if term.sign < 0 else ""
                text = f"the term {sign}{term.base.text} does not belong here"
                gone.append(Edit(term.start, term.part.end, text, MISSING - 0.1))
            elif total is None:
                total = form if term.sign > 0 else self.hand.negative(form)
            else:
                total = (self.hand.plus if term.sign > 0 else self.hand.minus)(total, form)
        total = total or Form("", 0, None)
        return total._replace(edits=(*total.edits, *gone))

    def _of_all(self) -> Iterator[Form]:
        """What may be wrong with the sum as a whole: a number, a sum over the batch, a term is missing."""
        whole = self._sum({})
        found = value(self.point, whole.node)
        if found is None:
            return
        place = self.tree.start, self.tree.end
        if len(self.terms) > 1:
            for form, reason, rank, _ in missing(self.hand, whole, self.edits.known):
                if close(value(self.point, form.node), self.right):
                    yield form.edited(Edit(*place, reason, rank))
        if np.shape(found) != np.shape(self.right):
            return
        if len(self.terms) > 1:
            yield from (
                self._negated()
                if close(-found, self.right)
                else self._proportional(whole, found, self.right, place)
            )
        for view in self.views:
            for count in (1, 2):
                for chosen in combinations(view, count):
                    if self._is(self.right - found, chosen, 1.0):
                        yield self._and(whole, chosen)

    def _negated(self) -> Iterator[Form]:
        """The sum with every sign turned, what is added before what is subtracted."""
        first = sorted(self.terms, key=lambda term: term.sign)
        total = first[0].base if first[0].sign < 0 else self.hand.negative(first[0].base)
        for term in first[1:]:
            total = (self.hand.plus if term.sign < 0 else self.hand.minus)(total, term.base)
        text = "the sign of the whole" if len(first) > 2 else f"the sign: {total.text}"
        yield total.edited(Edit(self.tree.start, self.tree.end, text, SIGN))

    def _and(self, form: Form, chosen: Sequence[Wanted]) -> Form:
        """The sum with terms of the truth put at its end."""
        for wanted in chosen:
            term = scaled(self.hand, abs(wanted.times), wanted.form)
            sign = "+" if (wanted.times > 0) is not term.text.startswith("-") else "−"
            text = f"a term is missing: {sign} {wrapped(term, ENTRYWISE).lstrip('-')}"
            form = (self.hand.plus if wanted.times > 0 else self.hand.minus)(form, term)
            form = form.edited(Edit(self.tree.end, self.tree.end, text, MISSING))
        return form

    def _is(self, found: Any, chosen: Sequence[Wanted], sign: float) -> bool:
        """Whether a value is the sum of these terms of the truth."""
        total = self._total(chosen)
        return total is not None and close(found, sign * total)

    def _total(self, chosen: Sequence[Wanted]) -> Any:
        return None if any(w.value is None for w in chosen) else sum(w.times * w.value for w in chosen)

    # ── several terms, and definitions ────────────────────────────────────────────────────────────────

    def _assigned(self, wrong: Sequence[int], left: Sequence[Wanted]) -> Iterator[Form]:
        """Every wrong term made some of those that are left, or left out; what remains is put at the end."""
        shares = [s for n in range(1, len(left) + 1) for s in combinations(range(len(left)), n)]
        choices: list[list[tuple[Form | None, tuple[int, ...]]]] = []
        for i in wrong:
            term = self.terms[i]
            found: list[tuple[Form | None, tuple[int, ...]]] = []
            for share in shares:
                total = self._total([left[k] for k in share])
                if total is not None:
                    forms = self._matching(term, self.edits.forms(term.part, 1), term.sign * total)
                    found += [(form, share) for form in sorted(forms, key=lambda form: form.cost)[:2]]
            choices.append([*found, (None, ())])
        for picked in product(*choices):
            taken = [k for _, share in picked for k in share]
            changed = dict(zip(wrong, (form for form, _ in picked), strict=True))
            gone = sum(form is None for form in changed.values())
            rest = [w for k, w in enumerate(left) if k not in taken]
            if (
                gone < len(self.terms)
                and not (gone and rest)
                and gone + len(rest) < 2
                and len(set(taken)) == len(taken)
            ):
                yield self._and(self._sum(changed), rest)

    def _read_with(self, changed: int, form: Form) -> Node | None:
        """The claim with one of its definitions changed."""
        own = self.edits.reading
        reading = Reading(own.text, own.syntax, own.scope)
        reading.signs, reading.defined = own.signs, dict(own.defined)
        try:
            for k, line in enumerate(self.definitions):
                if k >= changed and line.name is not None and form.node is not None:
                    reading.defined[line.name] = form.node if k == changed else reading.node(line.tree)
            return reading.node(self.tree)
        except ChainruleError:
            return None


def _start(form: Form) -> int:
    return min((edit.start for edit in form.edits), default=0)
