"""The two passes as lines of NumPy, each with the row that it belongs to: `c = a * b`, `da = dc * b`."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from chainrule.algebra.node import VARIABLE, Node, topological, variable
from chainrule.calculus.naming import Program
from chainrule.calculus.rewrite import substitute
from chainrule.compute.source import python_source
from chainrule.compute.source_names import Names
from chainrule.display.draw_steps import Walk
from chainrule.display.trace_names import is_plain, stand_in
from chainrule.display.trace_numbers import short
from chainrule.display.trace_records import Flow, Passes, Row
from chainrule.errors import ChainruleError

MOST = 200  # operations whose lines are written


class Line(NamedTuple):
    """A line of Python: the row it computes or goes back from, and the step at which it has run."""

    text: str
    row: int
    step: int


def code(trace: Passes, steps: Walk) -> tuple[list[Line], list[Line]]:
    """The lines of the forward pass, and of the backward pass; none of a graph of no operations or of many."""
    if not 0 < len(trace.operations) <= MOST:
        return [], []
    writer = _Writer(trace, steps)
    try:
        return list(writer.forward()), list(writer.backward())
    except ChainruleError:  # an operation that has no NumPy form is said in the table of values
        return [], []


class _Writer:
    """Both passes, line after line; sizes are told once, where they are needed first."""

    def __init__(self, trace: Passes, steps: Walk) -> None:
        self.trace, self.steps = trace, steps
        rows = [row for row in trace.rows if not is_plain(row.node)]
        self.known = [stand_in(row.node, {row.node: row.name}) for row in rows]
        names = [row.name for row in rows]
        self.names = dict(zip(names, Names(names, ()).inputs, strict=True))
        self.told: set[str] = set()
        self.started: set[int] = set()

    def forward(self) -> Iterator[Line]:
        for row in self.trace.operations:
            for text in self._assigned(self.names[row.name], row.formula):
                yield Line(text, row.id, self.steps.value(row))

    def backward(self) -> Iterator[Line]:
        start, result = self.trace.start, self.trace.result
        if result.gradient is None:
            return
        seed = f"np.ones({start.shape})" if start.ndim else short(start[()]).replace("−", "-")
        yield Line(f"d{self.names[result.name]} = {seed}", result.id, self.steps.seed)
        for row in self.trace.backward:
            for flow in row.inputs:
                if flow.rule is not None:
                    yield from self._sent(row, flow, flow.rule)

    def _sent(self, row: Row, flow: Flow, rule: Node) -> Iterator[Line]:
        """`dy = db * (y > z)`, and `dy += da` where something has arrived before."""
        sign = "+=" if flow.source in self.started else "="
        self.started.add(flow.source)
        own = [n for n in topological([rule]) if n.op is VARIABLE and n.attrs["name"] == self.trace.upstream]
        named = {n: variable(f"d{row.name}", n.shape, n.dtype) for n in own}
        (value,) = substitute([rule], named)
        for text in self._assigned(
            f"d{self.names[self.trace.rows[flow.source].name]}", value, sign, *named.values()
        ):
            yield Line(text, row.id, self.steps.sent(flow))

    def _assigned(self, target: str, value: Node, sign: str = "=", *more: Node) -> Iterator[str]:
        """`target = value` in NumPy, after what it needs."""
        source = python_source("of", [*self.known, *more], Program((), (value,)), [target])
        *before, last = re.sub(r".*^def of\([^\n]*\n", "", source, flags=re.DOTALL | re.MULTILINE).splitlines()
        for line in map(str.strip, before):
            if line not in self.told:
                self.told.add(line)
                yield line
        yield f"{target} {sign} {last.strip().removeprefix('return ')}"
