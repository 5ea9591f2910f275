"""A derivation by differentials: those of all stages put into one another, the gradient collected on the way."""

from collections import Counter
from collections.abc import Sequence
from functools import reduce
from heapq import heappop, heappush
from itertools import pairwise

from chainrule.algebra.letters import ALPHABET, build
from chainrule.algebra.node import Node, constant
from chainrule.algebra.notation import write
from chainrule.algebra.product import inner
from chainrule.algebra.select import vec
from chainrule.calculus.differential import in_words, number_and_rest, tidy, times
from chainrule.calculus.moves import EVERY_ROW, GRADIENT, JACOBIAN, moves, shapes_said, times_entered
from chainrule.calculus.pullback import pull_back
from chainrule.calculus.rewrite import substitute
from chainrule.calculus.rules import rule
from chainrule.calculus.stages import Stage
from chainrule.calculus.workings import Row, Workings

MOST_STOPS = 40
"""Up to so many operations the gradient is collected after each of them, at level 3."""


def by_differentials(work: Workings, detail: int) -> list[Row]:
    """The differential of every stage, put into one another down to dx, the gradient collected on the way."""
    together = Together(work, detail)
    stops = [] if work.s.shape else [stage.name for stage in work.stages[-2::-1]]
    if detail < 3 or len(stops) > MOST_STOPS:
        stops = [name for name in stops if name in work.signals]
    for stop in stops:
        together.put_down_to(stop)
        together.collect(stop)
    together.put_down_to(work.x)
    together.finish()
    return together.rows


class Together:
    """The differential of s as it is put together: `total`, in differentials further and further down."""

    def __init__(self, work: Workings, detail: int) -> None:
        self.work, self.detail = work, detail
        self.rows: list[Row] = []
        self.numbers: dict[Node, int] = {}
        for number, stage in enumerate(_downwards(work.stages), 1):
            right = work.rights[stage.name]
            said = [rule(stage.name, stage.value, stage.inputs), shapes_said(right) if detail == 3 else ""]
            self.rows.append(work.row(work.d[stage.name], right, "; ".join(filter(None, said)), number))
            self.numbers[stage.name] = number
        self.left = work.d[work.root]
        self.total, self.base, self.last = work.rights[work.root], 1, len(work.stages)
        self.waiting = list(work.stages[:-1])
        self.said = ""

    def put_down_to(self, stop: Node) -> None:
        """Put in the differentials of all stages above the stop."""
        work = self.work
        k = next((k for k, stage in enumerate(self.waiting, 1) if stage.name is stop), 0)
        put, self.waiting = self.waiting[k:], self.waiting[:k]
        if not put:
            return
        composed: dict[Node, Node] = {}
        for stage in put:
            (composed[work.d[stage.name]],) = substitute([work.rights[stage.name]], composed)
        (total,) = substitute([self.total], composed)
        self.total = tidy(total, set(work.d.values()))
        self.said = _put_said(put, [self.numbers[stage.name] for stage in put], self.base)
        if EVERY_ROW in moves(total, work.d[work.x], GRADIENT):  # it is summed as it is put in
            self.said += f"; {EVERY_ROW}"

    def collect(self, stop: Node) -> None:
        """Bring the differential to the form Σ ⟨gradient, d⟩; the gradient at the stop gets its name."""
        work, signal = self.work, self.work.signals.get(stop)
        present = [n for n in (work.x, *work.by_name) if times_entered(self.total, work.d[n])]
        why = list(dict.fromkeys(text for n in present for text in moves(self.total, work.d[n], GRADIENT)))
        before = f"what stands before {write(work.d[stop])}"
        facts = work.facts_said(self.total, work.d[stop]) if signal is not None else []
        collected = self._collected(stop, present) if why or signal is not None else self.total
        if self.detail < 3:
            self._add(collected, "; ".join([self.said or f"from {self.base}: {before}", *facts]))
        else:
            if self.said:
                self._add(self.total, self.said)
            self._go_on(collected, [*(why or [before]), *facts])
        if signal is not None and collected is not self.total:
            self.rows.append(work.row(signal, work.lines[signal].value, work.lines[signal].role))
        self.total, self.said = collected, ""

    def _collected(self, stop: Node, present: Sequence[Node]) -> Node:
        work, signal = self.work, self.work.signals.get(stop)
        flows = pull_back({self.total: constant(1, self.total.dtype)}, [work.d[n] for n in present])
        pairs = [(n, g) for n, g in zip(present, flows, strict=True) if g is not None]
        known = [signal if n is stop and signal is not None else g for n, g in pairs]
        found = (_pair(g, work.d[n]) for (n, _), g in zip(pairs, work.settled(known), strict=True))
        return tidy(reduce(lambda a, b: a + b, found), set(work.d.values())) if pairs else self.total

    def finish(self) -> None:
        """Bring the differential to the form ⟨gradient, dx⟩, or Jacobian times dx."""
        work, total = self.work, self.total
        if self.said:
            self._add(total, self.said)
        dx, x = work.d[work.x], write(work.x)
        if not work.s.shape:
            said = moves(total, dx, GRADIENT)
            count = times_entered(total, dx)
            if count > 1:
                said.append(f"{x} enters {_TIMES.get(count, f'{count} times')}: what reaches it is added up")
            said += work.facts_said(total, dx)
            paired = _pair(work.short(work.result), dx)
            if paired is total:  # all is said but for what the gradient is
                work.moved = said
            self._go_on(paired, said or [f"what stands before {write(dx)}"])
        elif work.result.shape == (*work.s.shape, *work.x.shape):
            said = moves(total, dx, JACOBIAN) or [f"what stands before {write(dx)}"]
            self._go_on(_applied(work.short(work.result), dx), said)
        else:
            stacked = "; ".join(moves(total, dx, JACOBIAN)) or "columns stacked on both sides"
            whole = vec(work.wholes[self.left])
            self.rows.append(Row(vec(self.left), work.result @ vec(dx), stacked, whole))

    def _add(self, right: Node, said: str) -> None:
        """A numbered line for the differential of s, if it says something new."""
        if self.said or right is not self.total:
            self.last += 1
            self.base = self.last
            self.rows.append(self.work.row(self.left, right, said, self.last))

    def _go_on(self, right: Node, said: Sequence[str]) -> None:
        """A line that goes on from the last one, if it says something new."""
        if right is self.total:
            return
        if self.rows[-1].left is self.left:
            self.rows.append(self.work.row(self.left, right, "; ".join(said)))
        else:
            self._add(right, "; ".join([f"from {self.base}", *said]))


def _downwards(stages: Sequence[Stage]) -> list[Stage]:
    """The stages from the last one down, one path after the other, each behind all that use it."""
    by_name = {stage.name: k for k, stage in enumerate(stages)}
    users = Counter(i for stage in stages for i in stage.inputs)
    ready, order = [len(stages) - 1], []
    while ready:
        stage = stages[heappop(ready)]
        order.append(stage)
        for i in stage.inputs:
            users[i] -= 1
            if not users[i] and i in by_name:
                heappush(ready, by_name[i])
    return order


_TIMES = {2: "twice", 3: "three times", 4: "four times"}


def _pair(gradient: Node, move: Node) -> Node:
    """⟨gradient, d⟩, a product of numbers for a number."""
    number, rest = number_and_rest(gradient)
    return times(number, in_words(inner(rest, move)) if move.shape else rest * move)


def _applied(jacobian: Node, move: Node) -> Node:
    """The Jacobian with the differential: its last axes summed with those of dx."""
    letters = ALPHABET[: jacobian.ndim]
    out, term = letters[: jacobian.ndim - move.ndim], letters[jacobian.ndim - move.ndim :]
    return build((letters, term), out, (jacobian, move))


def _put_said(put: Sequence[Stage], numbers: Sequence[int], base: int) -> str:
    inside = Counter(i for stage in put for i in stage.inputs)
    if _is_chain(put) and all(inside[stage.name] < 2 for stage in put):
        return "put " + " in ".join(map(str, [*numbers, base]))
    up = sorted(numbers)
    return f"put {', '.join(map(str, up[:-1]))} and {up[-1]} in {base}"


def _is_chain(put: Sequence[Stage]) -> bool:
    """Whether each stage is made of the one before it."""
    return all(before.name in stage.inputs for before, stage in pairwise(put))
