"""What a derivation is written with: stages, differentials, names for parts, and what each is in variables."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from chainrule.algebra.choice import MAXIMUM, MINIMUM, WHERE
from chainrule.algebra.entrywise import SQRT
from chainrule.algebra.node import VARIABLE, Node, constant, topological, variable, variables
from chainrule.algebra.notation import write
from chainrule.algebra.product import full, inner
from chainrule.algebra.reduce import LOG_SOFTMAX, MAX, MIN, NORM, SOFTMAX
from chainrule.algebra.signature import shape_text
from chainrule.calculus.derive import jacobian
from chainrule.calculus.differential import differential, tidy
from chainrule.calculus.facts import Facts
from chainrule.calculus.kronecker import column_stacked
from chainrule.calculus.moves import shapes_said
from chainrule.calculus.naming import Program
from chainrule.calculus.pullback import pull_back
from chainrule.calculus.rewrite import remake, rewrite, substitute
from chainrule.calculus.stages import Stage, cut, is_square_of_norm
from chainrule.calculus.textbook import textbook

SETTLED = frozenset((SOFTMAX, LOG_SOFTMAX, SQRT, NORM, WHERE, MAXIMUM, MINIMUM, MAX, MIN))
"""Operations whose differential, as it is derived, has more parts than it needs."""


SIGNAL = "error signal at "
"""How the role of a line begins that is the gradient at a stage."""


class Row(NamedTuple):
    """A line `left = right`; `whole` is its left side in variables."""

    left: Node
    right: Node
    rule: str
    whole: Node
    number: int = 0


class Workings:
    """An expression s in stages, ready to be derived by x."""

    def __init__(
        self, s: Node, x: Node, program: Program, facts: Facts, *, every: bool = False, letter: str = ""
    ) -> None:
        self.s, self.source, self.facts = s, x, facts
        self.untold = list(facts.used)
        self.laws = Facts(facts.stated)
        self.laws.stated = {}  # in use, but which of them is needed has been found already
        self.result = program.results[0]
        self.cut = cut(s, x, program, every=every, letter=letter)
        self.x, self.stages = self.cut.x, self.cut.stages
        self.root = self.stages[-1].name if self.stages else self.x
        self.by_name = {stage.name: stage for stage in self.stages}
        self.lines = {variable(line.name, line.whole.shape, line.whole.dtype): line for line in program.lines}
        self.wholes: dict[Node, Node] = {name: line.whole for name, line in self.lines.items()}
        self.wholes |= {self.x: x, **{stage.name: stage.whole for stage in self.stages}}
        self.d = self._differentials()
        self._names_of_parts = self._abbreviations()
        self.rights = {stage.name: self._right(stage) for stage in self.stages}
        self.signals = self._signals()
        self.stage_of: dict[Node, Node] = {}
        """A derivative that has a name, such as ∂s/∂z → the stage that it is of."""
        self.moved: list[str] = []
        """The moves that lead to the result and have no line of their own."""

    def _differentials(self) -> dict[Node, Node]:
        """The differential of each name; what it is in variables, from one sweep back and one forward."""
        names = [self.x, *self.by_name]
        taken = {n.attrs["name"] for n in topological([self.s, *self.wholes]) if n.op is VARIABLE}
        sign = next(c for c in ("d", "Δ", "∂") if not taken & {c + n.attrs["name"] for n in names})
        d = {n: variable(sign + n.attrs["name"], n.shape, n.dtype) for n in names}
        seeds = [variable(f" {k}", n.shape, n.dtype) for k, n in enumerate(self.by_name)]
        flows: list[Node | None] = [None] * len(seeds)
        wholes = [stage.whole for stage in self.stages]
        (back,) = pull_back(dict(zip(wholes, seeds, strict=True)), [self.source], linear=True)
        if back is not None:
            flows = pull_back({inner(back, d[self.x]): constant(1, self.s.dtype)}, seeds, linear=True)
        for name, flow in zip(self.by_name, flows, strict=True):
            self.wholes[d[name]] = self.zero(name) if flow is None else flow
        return d

    def zero(self, like: Node) -> Node:
        """Zeros of the shape of a node."""
        return full(like.shape, constant(0, like.dtype))

    def _right(self, stage: Stage) -> Node:
        """The differential of a stage in the differentials of what moves it."""
        moving = {i: self.d[i] for i in stage.inputs}
        right = differential(self.opened(stage), moving)
        if right is None:
            return self.zero(stage.name)
        if any(n.op in SETTLED for n in topological([stage.value])):
            right = tidy(textbook([right])[0], set(moving.values()))
        return self.short(right)

    def opened(self, stage: Stage) -> Node:
        """The value of a stage with ⟨r, r⟩ for ‖r‖²."""
        return rewrite([stage.value], _square_opened)[0]

    # ── names for parts ───────────────────────────────────────────────────────────────────────────────

    def _abbreviations(self) -> dict[Node, Node]:
        """Parts in variables and names → the name that they have."""
        own = {line.whole: name for name, line in self.lines.items()}
        found = {
            stage.value: own.get(stage.whole, stage.name)
            for stage in self.stages
            if stage.value.op is not VARIABLE
        }
        forward = self.cut.labels
        backward = {name: line for name, line in self.lines.items() if line.whole not in forward}
        found |= {line.value: name for name, line in backward.items()}
        relabelled = substitute([line.whole for line in backward.values()], forward)
        return found | dict(zip(relabelled, backward, strict=True))

    def short(self, root: Node) -> Node:
        """The expression with names for the parts that have one."""
        names, done = self._names_of_parts, dict[Node, Node]()
        for node in topological([root]):
            new = names[node] if node in names else remake(node, [done[i] for i in node.inputs])
            done[node] = names.get(new, new)
        return done[root]

    def _signals(self) -> dict[Node, Node]:
        """The stages whose gradient has a name in the program, and that name."""
        roles = {line.role: name for name, line in self.lines.items() if line.role.startswith(SIGNAL)}
        found: dict[Node, Node] = {}
        for stage in self.stages[:-1] if roles else ():
            names = (roles.get(SIGNAL + write(n)) for n in (stage.name, stage.whole))
            name = next((n for n in names if n is not None and n.shape == stage.name.shape), None)
            if name is not None:
                found[stage.name] = name
        return found

    def settled(self, gradients: Sequence[Node]) -> list[Node]:
        """Gradients in textbook form and with names."""
        found = textbook(gradients, self.laws)
        shorter = [self.short(g) for g in found]
        return shorter if shorter == found else [self.short(g) for g in textbook(shorter, self.laws)]

    def facts_said(self, total: Node, move: Node) -> list[str]:
        """The facts in use about the variables that a differential stands beside, each said once."""
        if not self.untold:
            return []
        flows = pull_back({total: constant(1, total.dtype)}, [move])
        names = {write(v) for f in flows if f is not None for v in variables(f) if v in self.facts.declared}
        told = [text for text in self.untold if names.intersection(text.split())]
        self.untold = [text for text in self.untold if text not in told]
        return [f"as {' and '.join(told)}"] if told else []

    # ── rows ──────────────────────────────────────────────────────────────────────────────────────────

    def row(self, left: Node, right: Node, rule: str, number: int = 0) -> Row:
        """A row about a name whose whole is known."""
        return Row(left, right, rule, self.wholes[left], number)

    def defined(self, name: Node) -> Row:
        """The row that defines a name."""
        line, stage = self.lines.get(name), self.by_name.get(name)
        value = stage.value if stage is not None else line.value if line is not None else name
        return self.row(name, value, line.role if line is not None else "a name for this part")

    def definitions(self, rows: Iterable[Row]) -> list[Row]:
        """The rows that define the names which other rows speak of, in the order of computing."""
        rows = list(rows)
        known = {*self.lines, *self.by_name} - {self.root, *(row.left for row in rows)}
        meant = {self.d[name]: name for name in self.by_name} | self.stage_of
        spoken: set[Node] = set()
        waiting = [side for row in rows for side in row[:2]]
        while waiting:
            nodes = topological([waiting.pop()])
            names = known.intersection(meant.get(n, n) for n in nodes) - spoken
            spoken |= names
            waiting += [self.defined(name).right for name in names]
        order = dict.fromkeys((*self.cut.labels, *(line.whole for line in self.lines.values())))
        place = {node: k for k, node in enumerate(order)}
        return [self.defined(n) for n in sorted(spoken, key=lambda n: place[self.wholes[n]])]

    def last(self) -> Row:
        """The result."""
        result, s, x = self.result, write(self.root), write(self.x)
        if not self.s.shape:
            left = variable(f"∂{s}/∂{x}", self.x.shape, self.x.dtype)
            (whole,) = pull_back({self.s: constant(1, self.s.dtype)}, [self.source])
            shape = f"{shape_text(self.x.shape)}, the shape of {x}" if self.x.shape else ""
            sizes = shapes_said(result) if self.x.ndim > 1 else ""
            why = "; ".join([*self.moved, ": ".join(filter(None, (shape, sizes)))])
            return Row(left, result, why, self.zero(self.x) if whole is None else whole)
        whole = jacobian(self.s, self.source)
        if result.shape == whole.shape:
            left = variable(f"∂{s}/∂{x}", result.shape, result.dtype)
            return Row(left, result, f"{shape_text(result.shape)}: rows as {s}, columns as {x}", whole)
        whole = column_stacked(whole, self.s.ndim, self.source.ndim)
        left = variable(f"∂vec({s})/∂vec({x})ᵀ", result.shape, result.dtype)
        return Row(left, result, "columns stacked on both sides", whole)

    def nothing(self) -> Row:
        """The only row, where s does not depend on x."""
        left = variable(f"∂s/∂{write(self.x)}", self.result.shape, self.result.dtype)
        return Row(left, self.result, f"s does not move with {write(self.x)}", self.zero(self.result))


def _square_opened(node: Node) -> Node:
    """⟨r, r⟩ for ‖r‖²."""
    if not is_square_of_norm(node):
        return node
    r = node.inputs[0].inputs[0]
    return inner(r, r)
