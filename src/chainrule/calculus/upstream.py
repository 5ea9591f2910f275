"""A derivation by backprop: the gradient at every stage, from s back to x. Upstream × local = downstream."""

from functools import reduce

from chainrule.algebra.node import CONSTANT, SIZE, VARIABLE, Node, constant, variable
from chainrule.algebra.notation import write
from chainrule.calculus.derive import jacobian
from chainrule.calculus.pullback import pull_back
from chainrule.calculus.rules import rule
from chainrule.calculus.stages import Stage
from chainrule.calculus.textbook import textbook
from chainrule.calculus.together import Together
from chainrule.calculus.workings import Row, Workings

LEAVES = (VARIABLE, CONSTANT, SIZE)


def backprop(work: Workings) -> list[Row]:
    """The gradient at every stage that has a name for it, and what arrives at x; of an array the Jacobians."""
    if work.s.shape:
        return _local_jacobians(work)
    sweep = _Sweep(work)
    for stage in work.stages[::-1]:
        sweep.visit(stage)
    return [*sweep.rows, *sweep.arrived()] if sweep.rows else []


class _Sweep:
    """Gradients on their way back: what has arrived at each name, and from where."""

    def __init__(self, work: Workings) -> None:
        self.work = work
        self.rows: list[Row] = []
        self.flows: dict[Node, list[Node]] = {name: [] for name in (work.x, *work.by_name)}
        self.users: dict[Node, list[str]] = {name: [] for name in self.flows}
        self.flows[work.root].append(constant(1, work.s.dtype))
        wholes = [stage.whole for stage in work.stages]
        self.wholes = dict(zip(wholes, pull_back({work.s: self.flows[work.root][0]}, wholes), strict=True))

    def visit(self, stage: Stage) -> None:
        """Say the gradient at a stage, if it is worth a line, and send it on to what the stage is made of."""
        if not self.flows[stage.name]:
            return
        upstream = self._named(stage, reduce(lambda a, b: a + b, self.flows[stage.name]))
        flows = pull_back({self.work.opened(stage): upstream}, stage.inputs)
        for i, flow in zip(stage.inputs, flows, strict=True):
            if flow is not None:
                self.flows[i].append(flow)
                self.users[i].append(write(stage.name))

    def _named(self, stage: Stage, gradient: Node) -> Node:
        """The name of the gradient at a stage, after the line that defines it; or the gradient."""
        work, name = self.work, stage.name
        signal, why = work.signals.get(name), self._why(name)
        if signal is not None:
            self.rows.append(work.row(signal, work.lines[signal].value, why))
            return signal
        whole = self.wholes[stage.whole]
        if work.signals or name is work.root or whole is None:
            return gradient
        (gradient,) = work.settled([gradient])
        if gradient.op in LEAVES:
            return gradient
        left = variable(f"∂{write(work.root)}/∂{write(name)}", name.shape, name.dtype)
        work.wholes[left], work.stage_of[left] = whole, name
        self.rows.append(work.row(left, gradient, why))
        return left

    def _why(self, name: Node) -> str:
        users = self.users[name]
        add_up = ": the gradients add up" if len(users) > 1 else ""
        return f"upstream × local, back through {' and '.join(users)}{add_up}"

    def arrived(self) -> list[Row]:
        """What arrives at x, if that is not the result word for word."""
        work, last = self.work, self.work.last()
        flows = self.flows[work.x]
        right = work.settled([reduce(lambda a, b: a + b, flows)])[0] if flows else last.right
        return [] if right is last.right else [last._replace(right=right, rule=self._why(work.x))]


def _local_jacobians(work: Workings) -> list[Row]:
    """The Jacobian of every stage, if they form a chain of vectors; else the differentials put together."""
    if not all(len(stage.inputs) == 1 and max(stage.name.ndim, stage.inputs[0].ndim) < 2 for stage in work.stages):
        return _in_one_go(work)
    rows: list[Row] = []
    for stage in work.stages[::-1]:
        (i,) = stage.inputs
        left = variable(f"∂{write(stage.name)}/∂{write(i)}", (*stage.name.shape, *i.shape), work.s.dtype)
        work.wholes[left], work.stage_of[left] = jacobian(stage.whole, work.wholes[i]), i
        right = work.short(textbook([jacobian(work.opened(stage), i)])[0])
        rows.append(work.row(left, right, rule(stage.name, stage.value, stage.inputs)))
    last, chain = work.last(), "the chain rule: the product of the local Jacobians"
    return [*rows, last._replace(right=work.short(last.right), rule=chain)] if len(rows) > 1 else rows


def _in_one_go(work: Workings) -> list[Row]:
    """The differential of s with those of all stages put in, and brought to the form Jacobian times dx."""
    together = Together(work, 1)
    together.put_down_to(work.x)
    if together.said:
        together.said = "the differentials of all parts, put together"
    together.finish()
    first = len(work.stages) if len(work.stages) > 1 else 0
    return [row._replace(number=0) for row in together.rows[first:]]
