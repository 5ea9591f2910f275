"""The panel of a node: upstream × local = downstream for each input, its rule in words and symbols, and sums.

Numbers carry the step at which they are known (`data-at`); sums have a text for each step.
"""

from collections.abc import Iterator
from html import escape

from chainrule.algebra.node import Node
from chainrule.algebra.notation import mathml
from chainrule.display.draw_sizes import added
from chainrule.display.draw_steps import MOST_PARTS, Walk
from chainrule.display.language import Text, in_html
from chainrule.display.page_formula import equation, figure, joined, math, name, slope_name
from chainrule.display.page_maps import flow_picture, outer_names, rows_and_columns
from chainrule.display.page_words import SAID
from chainrule.display.trace_numbers import short, summary
from chainrule.display.trace_records import Flow, Passes, Row
from chainrule.display.trace_words import GATES, remark

MAPS = 150  # rows up to which panels have pictures
STEP = 0.01  # by which an input is moved in the sentence of what then happens


def panel(trace: Passes, row: Row, steps: Walk) -> str:
    """The panel of a row, hidden until it is selected."""
    parts = _operation(trace, row, steps) if row.role == "operation" else _leaf(trace, row, steps)
    return f'<section class="panel" data-n="{row.id}">{"".join(parts)}</section>'


def said(key: str, **values: object) -> str:
    """A text in both languages, as HTML."""
    return in_html(SAID[key].filled(**values))


def _paragraph(text: Text, kind: str = "") -> str:
    return f"<p{f' class={kind}' if kind else ''}>{in_html(text)}</p>"


def _why(trace: Passes, row: Row) -> str:
    """What a gate does, and what it did at these numbers."""
    happened = remark(trace, row)
    return in_html(GATES[row.gate].rule) + (f"<br><b>{in_html(happened)}</b>" if happened else "")


def _choice(slope: Node) -> str:
    """A local gradient in HTML; choices in a line: `1 if y > z, ½ if y = z, else 0`."""
    pieces = []
    while slope.op.name == "where":
        condition, one, slope = slope.inputs
        pieces.append(f"{math(mathml(one))} {said('if')} {math(mathml(condition))}, ")
    return "".join(pieces) + (f"{said('else')} " if pieces else "") + math(mathml(slope))


# ── operations ────────────────────────────────────────────────────────────────────────────────────────


def _operation(trace: Passes, row: Row, steps: Walk) -> Iterator[str]:
    yield f"<h2>{said('node', name=row.name, title=GATES[row.gate].title)}</h2>"
    value = "" if row.shape else f'<mo>=</mo><mn data-at="{steps.value(row)}">{short(row.value[()])}</mn>'
    yield f'<div class="formula">{equation(row).removesuffix("</math>")}{value}</math></div>'
    flows = [flow for flow in row.inputs if flow.downstream is not None]
    if not flows:
        yield f"<p>{said('no flow')}</p>"
    for flow in flows:
        yield _scalars(trace, flow, steps) if _is_scalar(flow) else _arrays(trace, flow, steps)
    yield f'<div class="why">{_why(trace, row)}{_shapes(trace, row)}</div>'
    for source in dict.fromkeys(flow.source for flow in flows):
        if len(trace.rows[source].uses) > 1:
            yield _sum(trace, trace.rows[source], steps)
    if row.block is not None:
        block = trace.blocks[row.block]
        symbols = ", ".join(r.symbol for r in trace.rows[block.first : block.first + block.length])
        yield f'<p class="mute">{said("block", times=block.times, symbols=symbols)}</p>'


def _is_scalar(flow: Flow) -> bool:
    return all(a is not None and not a.ndim for a in (flow.upstream, flow.local, flow.downstream))


def _scalars(trace: Passes, flow: Flow, steps: Walk) -> str:
    """`3 × 1 = 3`, of which the script makes three boxes; the numbers are known at the steps in `data-at3`."""
    row, source = trace.rows[flow.target], trace.rows[flow.source]
    numbers = [short(a[()]) for a in (flow.upstream, flow.local, flow.downstream) if a is not None]
    known = f"{steps.gradient(row)} {steps.value(row)} {steps.sent(flow)}"
    equals = "{} × {} = {}".format(*numbers)
    rule = "" if flow.slope is None else f" {_choice(flow.slope)}"
    return (
        f'<div class="to flow" data-s="{source.id}" data-t="{row.id}" data-at3="{known}"><b>{equals}</b> '
        f"{said('sent', name=source.name)}{rule}</div>"
    )


def _arrays(trace: Passes, flow: Flow, steps: Walk) -> str:
    """The rule in symbols, and the picture of its arrays."""
    result, row, source = trace.result, trace.rows[flow.target], trace.rows[flow.source]
    rule = "" if flow.rule is None else f"<mo>=</mo>{mathml(flow.rule, 60)}"
    with_name = f", {math(joined(f'<mi>{escape(trace.upstream)}</mi>', slope_name(result, row)))}"
    outer = outer_names(trace, flow)
    text = f"<p>{math(slope_name(result, source) + rule)}{with_name}{': ' + said('outer') if outer else ''}</p>"
    if len(trace.rows) > MAPS:
        shown = "" if flow.downstream is None else f'<p class="to">{escape(summary(flow.downstream))}</p>'
        return text + shown
    message = '<p class="to says" aria-live="polite"></p>' if outer else ""
    names = f' data-left="{escape(outer[0])}" data-right="{escape(outer[1])}"' if outer else ""
    drawn = f"{flow_picture(trace, flow)}{message}"
    return f'{text}<div class="picture" data-at="{steps.sent(flow)}"{names}>{drawn}</div>'


def _shapes(trace: Passes, row: Row) -> str:
    """That gradients have the shapes of what they belong to, said of the first matrix among the operands."""
    matrix = next(
        (trace.rows[f.source] for f in row.inputs if f.downstream is not None and f.downstream.ndim == 2), None
    )
    if matrix is None or row.gate != "mixes":
        return ""
    return " " + said("same shape", shape=rows_and_columns(matrix.value), name=matrix.name)


# ── inputs, and where gradients meet ──────────────────────────────────────────────────────────────────


def _leaf(trace: Passes, row: Row, steps: Walk) -> Iterator[str]:
    if row.role == "constant":
        yield f"<h2>{said('constant')}</h2>"
    else:
        yield f"<h2>{said('input', name=row.name)}</h2>"
    value = figure(short(row.value[()])) if not row.shape else f"<mtext>{escape(summary(row.value))}</mtext>"
    same = row.role == "constant" and not row.shape
    yield f'<div class="formula">{math(value if same else joined(name(row), value))}</div>'
    if row.role == "constant":
        yield _paragraph(GATES["constant"].rule)
        return
    uses = [flow for flow in row.uses if flow.downstream is not None]
    key = "unused" if not uses else "used once" if len(uses) == 1 else "used"
    yield f"<p>{said(key, name=row.name, times=len(uses), output=trace.result.name)}</p>"
    for flow in uses[:MOST_PARTS]:
        amount = summary(flow.downstream) if flow.downstream is not None else ""
        pill = f'<span class="sw g" data-at="{steps.sent(flow)}">◂ {escape(amount)}</span>'
        yield f'<div class="to">{pill} {said("through")} {equation(trace.rows[flow.target])}</div>'
    if row.gradient is None or not uses:
        return
    grows = "" if row.shape else f'<div data-from="{steps.gradient(row)}">{_grows(trace, row)}</div>'
    yield f'<div class="why">{_sum_line(trace, row, steps)}{grows}</div>'


def _grows(trace: Passes, row: Row) -> str:
    slope = 0.0 if row.gradient is None else float(row.gradient)
    moves = SAID["moves up" if slope >= 0 else "moves down"]
    change = short(abs(slope) * STEP)
    return said("grows", name=row.name, step=STEP, output=trace.result.name, moves=moves, change=change)


def _sum(trace: Passes, row: Row, steps: Walk) -> str:
    paths = said("paths", count=len(row.uses), name=row.name)
    return f'<div class="sum"><b>{paths}</b> {_sum_line(trace, row, steps)}</div>'


def _sum_line(trace: Passes, row: Row, steps: Walk) -> str:
    """`∂f/∂y = 3 + 2 = 5`; the script writes `3 + ?` while something is missing."""
    front = slope_name(trace.result, row) + "<mo>=</mo>"
    if row.shape:
        total = f"<mtext>{escape(summary(row.gradient))}</mtext>" if row.gradient is not None else ""
        return math(f'{front}<mrow data-at="{steps.gradient(row)}">{total}</mrow>')
    parts = [short(f.downstream[()]) for f in row.uses[: MOST_PARTS + 1] if f.downstream is not None]
    total = "" if row.gradient is None else short(row.gradient[()])
    text = f"{added(parts)} = {total}" if 1 < len(parts) <= MOST_PARTS else total
    return math(f'{front}<mn data-sum="{steps.arrivals(row)}">{text}</mn>')
