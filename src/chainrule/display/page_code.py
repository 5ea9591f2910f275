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
    """The lines of the forward pass, and of the backward pass; none of a graph of many operations."""
    if len(trace.operations) > MOST:
        return [], []
    try:
        names = _idents(trace)
        forward = [
            Line(text, row.id, steps.value(row))
            for row in trace.operations
            for text in _assigned(names[row.name], row.formula)
        ]
        backward = list(_backward(trace, steps, names))
    except ChainruleError:  # an operation that has no NumPy form is said in the table of values
        return [], []
    return forward, backward


def _idents(trace: Passes) -> dict[str, str]:
    """Row → its name in Python."""
    known = [row.name for row in trace.rows if row.role != "constant" or row.shape]
    return dict(zip(known, Names(known, ()).inputs, strict=True))


def _backward(trace: Passes, steps: Walk, names: dict[str, str]) -> Iterator[Line]:
    if not trace.backward and trace.result.gradient is None:
        return
    seed = short(trace.start[()]) if not trace.start.ndim else f"np.ones({trace.start.shape})"
    yield Line(f"d{names[trace.result.name]} = {seed.replace('−', '-')}", trace.output, steps.seed)
    started: set[int] = set()
    for row in trace.backward:
        for flow in row.inputs:
            if flow.rule is not None:
                sign = "+=" if flow.source in started else "="
                started.add(flow.source)
                target = f"d{names[trace.rows[flow.source].name]}"
                for text in _assigned(target, _from_above(trace, row, flow), sign):
                    yield Line(text, row.id, steps.sent(flow))


def _from_above(trace: Passes, row: Row, flow: Flow) -> Node:
    """The rule of a flow with the name of this row's gradient: `db` for δ."""
    if flow.rule is None:
        return row.formula
    own = [n for n in topological([flow.rule]) if n.op is VARIABLE and n.attrs["name"] == trace.upstream]
    return substitute([flow.rule], {n: variable(f"d{row.name}", n.shape, n.dtype) for n in own})[0]


def _assigned(target: str, value: Node, sign: str = "=") -> Iterator[str]:
    """`target = value` in NumPy, after what it needs."""
    inputs = [n for n in topological([value]) if n.op is VARIABLE]
    source = python_source("of", inputs, Program((), (value,)), [target])
    *before, last = re.sub(r".*^def of\([^\n]*\n", "", source, flags=re.DOTALL | re.MULTILINE).splitlines()
    yield from (line.strip() for line in before)
    yield f"{target} {sign} {last.strip().removeprefix('return ')}"
