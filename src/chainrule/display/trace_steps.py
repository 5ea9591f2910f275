"""The trace as a walk: forward, one operation at a time, then backward, each step in words."""

from typing import Literal, NamedTuple

import numpy as np

from chainrule.display.language import Words
from chainrule.display.trace_lines import (
    equation,
    gradient_sum,
    in_numbers,
    local_text,
    part_name,
    rule_text,
    slope_name,
    written_name,
)
from chainrule.display.trace_numbers import summary
from chainrule.display.trace_records import Flow, Passes, Row
from chainrule.display.trace_table import PLAIN, Style
from chainrule.display.trace_words import GATES, remark, trouble

StepKind = Literal["begin", "forward", "seed", "backward", "end"]


class Step(NamedTuple):
    """One step of the walk.

    kind    begin, forward, seed (the backward pass begins), backward, end
    row     the row that is computed, or that sends its gradient down; None at begin and end
    title   "Forward 2 of 3"      said    what happens, in a sentence      lines   each edge, in numbers
    """

    kind: StepKind
    row: int | None
    title: Words
    said: Words
    lines: tuple[Words, ...] = ()


_BEGIN = Words("Start.", "시작."), Words("The inputs have values: {inputs}.", "입력값: {inputs}.")
_FORWARD = Words("Forward {k} of {n}.", "순전파 {n}단계 중 {k}단계.")
_COMPUTED = Words("{equation}{numbers} = {value}", "{equation}{numbers} = {value}")
_SEED = (
    Words("Backward begins.", "역전파 시작."),
    Words("The gradient of {f} by itself is {start}.", "{f} 자신에 대한 기울기는 {start}입니다."),
)
_BACKWARD = Words("Backward {k} of {n}.", "역전파 {n}단계 중 {k}단계.")
_IS = Words("{equation} is {title}. {rule}", "{equation}: {title}. {rule}")
_EDGE = Words("to {to}:  {upstream} × {local} = {downstream}", "{to} 쪽으로:  {upstream} × {local} = {downstream}")
_EDGE_RULE = Words("to {to}:  {slope} {rule} = {downstream}", "{to} 쪽으로:  {slope} {rule} = {downstream}")
_END = Words("Done.", "끝.")
_TOGETHER = Words(
    "{name} is used {count} times, so its gradients are added.",
    "{name}: {count}번 쓰이므로 기울기를 더합니다.",
)


def steps(trace: Passes) -> tuple[Step, ...]:
    """The walk through both passes; after the last step everything is known."""
    forward, backward = trace.operations, trace.backward
    inputs = ", ".join(f"{written_name(row)} = {summary(row.value)}" for row in trace.inputs)
    found = [Step("begin", None, _BEGIN[0], _BEGIN[1].filled(inputs=inputs or "–"))]
    for k, row in enumerate(forward):
        numbers = in_numbers(trace, row)
        said = _COMPUTED.filled(
            equation=equation(row), numbers=f" = {numbers}" if numbers else "", value=summary(row.value)
        )
        wrong = trouble(trace, row)
        lines = (wrong,) if wrong else ()
        found.append(Step("forward", row.id, _FORWARD.filled(k=k + 1, n=len(forward)), said, lines))
    if trace.result.gradient is not None:
        said = _SEED[1].filled(f=written_name(trace.result), start=summary(trace.start))
        found.append(Step("seed", trace.output, _SEED[0], said, tuple(Words(t, t) for t in trace.remarks)))
    for k, row in enumerate(backward):
        found.append(_step_back(trace, row, k + 1, len(backward)))
    found.append(_ending(trace))
    return tuple(found)


def _step_back(trace: Passes, row: Row, k: int, n: int) -> Step:
    gate = GATES[row.gate]
    said = _IS.filled(equation=equation(row), title=gate.title, rule=gate.rule)
    lines = [_edge(trace, flow) for flow in row.inputs if flow.downstream is not None]
    if happened := remark(trace, row):
        lines.append(happened)
    return Step("backward", row.id, _BACKWARD.filled(k=k, n=n), said, tuple(lines))


def _edge(trace: Passes, flow: Flow) -> Words:
    to = trace.rows[flow.source]
    if flow.slope is None:
        return _EDGE_RULE.filled(
            to=written_name(to),
            slope=part_name(trace, to),
            rule=rule_text(flow),
            downstream=_number(flow.downstream),
        )
    local = local_text(trace, flow)
    return _EDGE.filled(
        to=written_name(to),
        upstream=_number(flow.upstream),
        local=f"({local})" if " " in local else local,
        downstream=_number(flow.downstream),
    )


def _number(array: np.ndarray | None) -> str:
    return "" if array is None else summary(array)


def _ending(trace: Passes) -> Step:
    shown = [row for row in trace.inputs if row.gradient is not None]
    gradients = ", ".join(f"{slope_name(trace, row)} = {gradient_sum(row)}" for row in shown)
    several = [row for row in shown if len(row.uses) > 1]
    lines = tuple(_TOGETHER.filled(name=written_name(row), count=len(row.uses)) for row in several)
    return Step("end", None, _END, Words(gradients, gradients), lines)


def steps_text(trace: Passes, style: Style = PLAIN) -> str:
    """The walk as text: a paragraph for each step."""
    k = style.language
    found: list[str] = []
    for step in steps(trace):
        found.append(f"  {style.paint(step.title[k], 'mute')}  {step.said[k]}")
        found += [f"      {line[k]}" for line in step.lines]
    return "\n".join(found)
