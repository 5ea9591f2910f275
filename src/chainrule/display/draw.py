"""The drawing of a trace as SVG: values green above the wires, gradients red and dashed below them.

The drawing is the final state, and stands alone. What a page needs to walk through it is in attributes: `data-n`
the row of a node; `data-at`, `data-from`, `data-until` the steps (`draw_steps`) from which something is known,
shown, or no longer shown; `data-s` and `data-t` the rows that a wire leads from and to.
"""

import re
from html import escape
from itertools import pairwise

import numpy as np

from chainrule.algebra.names import parts_of
from chainrule.display.document import static
from chainrule.display.draw_parts import Link, Part, Picture, block_title, picture, written_at
from chainrule.display.draw_sizes import (
    BETWEEN,
    HEAD,
    PILL,
    RADIUS,
    gradient_text,
    pill_width,
    shortened,
    sum_text,
)
from chainrule.display.draw_steps import Walk, walk
from chainrule.display.heat import Kind, heat, size_of
from chainrule.display.layout import Point
from chainrule.display.theme import colour
from chainrule.display.trace_names import equation_of
from chainrule.display.trace_numbers import axes, short, summary
from chainrule.display.trace_records import Passes, Row

BACK = 6.0  # how far below the wire the gradient runs
FONTS = "system-ui,'DejaVu Sans','Noto Sans',sans-serif"


def drawing(trace: Passes, *, collapsed: bool = True) -> str:
    """The graph as an SVG element in the colours of the page that it stands in."""
    return svg(picture(trace, collapsed=collapsed), walk(trace))


def standalone(trace: Passes, *, dark: bool = False, colour_blind: bool = False) -> str:
    """The graph as an SVG file that opens everywhere: colours and fonts are written out."""
    rules = re.sub(
        r"var\(--(\w+)\)", lambda m: colour(m[1], dark=dark, colour_blind=colour_blind), drawing_style()
    )
    ink = colour("ink", dark=dark)
    ground = f'<rect width="100%" height="100%" fill="{colour("card", dark=dark)}"/>'
    head, rest = drawing(trace).split(">", 1)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n{head} font-family="{FONTS}">'
        f"<style>{escape(f'text{{fill:{ink}}}{rules}', quote=False)}</style>{ground}{rest}\n"
    )


def drawing_style() -> str:
    """The rules for drawings, with colours as variables."""
    return static("drawing.css")


def svg(shown: Picture, steps: Walk) -> str:
    """A picture as an SVG element."""
    places = shown.places
    title = equation_of(shown.trace.result.name, shown.trace.result.formula)
    inside = [
        *(_wire(shown, k, points, steps) for k, points in enumerate(places.wires)),
        *(
            _label(shown, link, at, steps)
            for link, at in zip(shown.links, places.labels, strict=True)
            if at is not None
        ),
        *(_node(shown, part, at, steps) for part, at in zip(shown.parts, places.boxes, strict=True)),
        *(_local(shown, link, points, steps) for link, points in zip(shown.links, places.wires, strict=True)),
    ]
    width, height = f"{places.width:.0f}", f"{places.height:.0f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="graph" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-size="15" role="group" aria-label="{escape(title)}">'
        f"{''.join(inside)}</svg>"
    )


# ── pieces ────────────────────────────────────────────────────────────────────────────────────────────


def name_text(name: str, x: float, y: float, size: float, anchor: str = "start") -> str:
    """A name in italics with its subscripts below the line; names of several letters upright."""
    base, subscripts, differential = parts_of(shortened(name))
    slanted = " it" if len(base) == 1 else ""
    below = f'<tspan dy="{size * 0.22:.2g}" font-size="{size * 0.7:.3g}">{escape(",".join(subscripts))}</tspan>'
    return (
        f'<text class="nm{slanted}" x="{near(x)}" y="{near(y)}" font-size="{size:g}" text-anchor="{anchor}">'
        f"{'d' * differential}{escape(base)}{below if subscripts else ''}</text>"
    )


def near(number: float) -> str:
    """A coordinate to a tenth of a pixel."""
    return f"{number:.1f}".removesuffix(".0")


def pill(x: float, y: float, text: str, kind: str, more: str = "") -> str:
    """A number in a rounded frame around its centre: `v` a value, `g` a gradient, `l` a local gradient."""
    width = pill_width(text)
    dashed = ' stroke-dasharray="3 2"' if kind == "g" else ""
    beside = f' x="{near(x)}"' if x else ""
    return (
        f'<g class="pill {kind}"{more}><rect x="{near(x - width / 2)}" y="{near(y - PILL / 2)}" '
        f'width="{near(width)}" height="{PILL:g}" rx="10"{dashed}/>'
        f'<text{beside} y="{near(y + 5)}">{escape(text)}</text></g>'
    )


def letters(kind: str, x: float, y: float, text: str, size: float) -> str:
    """A line of text of a class of the style."""
    return f'<text class="{kind}" x="{near(x)}" y="{near(y)}" font-size="{size:g}">{escape(text)}</text>'


def path(points: list[Point], down: float = 0.0) -> str:
    """Level and curved pieces in turn, as SVG, moved down by so much."""
    (x, y), *_ = points
    text = f"M{near(x)} {near(y + down)}"
    for k, ((a, b), (c, d)) in enumerate(pairwise(points)):
        if k % 2 == 0:
            text += f"H{near(c)}" if c != a else ""
        elif b == d:
            text += f"H{near(c)}"
        else:
            middle = (a + c) / 2
            text += f"C{near(middle)} {near(b + down)} {near(middle)} {near(d + down)} {near(c)} {near(d + down)}"
    return text


def _wire(shown: Picture, k: int, points: list[Point], steps: Walk) -> str:
    """A wire, and its way back: the same line a little lower, dashed."""
    link, (x, y), (end, port) = shown.links[k], points[0], points[-1]
    source, target, gradient = _ends(shown, link)
    mark = f"{shown.mark}{k}"
    backward = ""
    if gradient is not None:
        known = steps.sent(link.flow) if link.flow else steps.seed
        backward = (
            f'<g data-from="{known}"><use class="back" href="#{mark}" y="{BACK:g}"/>'
            f'<path class="tip g" d="M{near(x + 9)} {near(y + BACK - 4)}l-9 4l9 4z"/></g>'
        )
    return (
        f'<g class="link" data-s="{source}" data-t="{target}">'
        f'<g class="wire"><path id="{mark}" d="{path(points)}"/></g>'
        f'<path class="tip" d="M{near(end - 9)} {near(port - 4)}l9 4l-9 4z"/>{backward}</g>'
    )


def _ends(shown: Picture, link: Link) -> tuple[int, int, np.ndarray | None]:
    """The rows of a wire, and the gradient that runs along it."""
    if link.flow is None:
        return shown.trace.output, -1, shown.trace.start if shown.trace.result.gradient is not None else None
    return link.flow.source, link.flow.target, link.flow.downstream


def _label(shown: Picture, link: Link, at: Point, steps: Walk) -> str:
    """The value above the wire and the gradient below it, around the point where they stand."""
    value, gradient = written_at(shown.trace, link)
    source, target, _ = _ends(shown, link)
    known = steps.value(shown.trace.rows[source])
    sent = steps.sent(link.flow) if link.flow else steps.seed
    above = _written(value, -BETWEEN / 2, "v", known) if link.value else ""
    below = ""
    if link.gradient and gradient is not None:
        below = _written(gradient, BETWEEN / 2 + 2, "g", sent)
        if link.flow and shown.trace.rows[source].role == "operation":
            below += _upstream(shown.trace.rows[source], gradient, sent)
    moved = f"translate({near(at[0])} {near(at[1])})"
    return f'<g class="at" data-s="{source}" data-t="{target}" transform="{moved}">{above}{below}</g>'


def _upstream(row: Row, gradient: np.ndarray, sent: int) -> str:
    """What the gradient is to the row that it arrives at, for when that is selected."""
    size = size_of(gradient) if gradient.ndim else None
    x, y = (size.width / 2 + 5, BETWEEN / 2 + 18) if size else (0, BETWEEN + PILL + 9)
    side = " side" if size else ""
    place = f'x="{near(x)}" y="{near(y)}" data-up="{row.id}" data-from="{sent}"'
    return f'<text class="from{side}" {place}>{escape(row.name)}</text>'


def _written(array: np.ndarray, y: float, kind: Kind, known: int) -> str:
    """A number or a map with its edge at height y: a value its lower edge, a gradient its upper one."""
    more = f' data-at="{known}"'
    if not array.ndim:
        text = short(array[()]) if kind == "v" else gradient_text(array)
        return pill(0, y - PILL / 2 if kind == "v" else y + PILL / 2, text, kind, more)
    size = size_of(array)
    top = y - size.height if kind == "v" else y
    return f'<g class="map {kind}"{more}>{heat(array, -size.width / 2, top, kind)}</g>'


def _local(shown: Picture, link: Link, points: list[Point], steps: Walk) -> str:
    """The local gradient beside the gate, for when it is selected; above or below it where there is no room."""
    flow, part = link.flow, shown.parts[link.target]
    if flow is None or flow.local is None or flow.local.ndim or part.kind != "gate":
        return ""
    (x, y), (end, port) = shown.places.boxes[link.target], points[-1]
    text = short(flow.local[()])
    width, lower = pill_width(text), port > y + 1
    if width + 8 <= end - points[-3][0]:
        x, y = end - width / 2 - 6, port + (24 if lower else -20)
    elif len(part.row.inputs) <= 2:
        y += RADIUS + 34 if lower else -RADIUS - 16
    else:
        return ""
    known = f' data-n="{flow.target}" data-from="{steps.sent(flow)}"'
    return pill(x, y, text, "l local", known)


# ── boxes ─────────────────────────────────────────────────────────────────────────────────────────────


def _node(shown: Picture, part: Part, at: Point, steps: Walk) -> str:
    row, (x, y) = part.row, at
    inside = {
        "input": _card,
        "constant": _card if row.shape else _number,
        "gate": _gate,
        "block": _block,
        "reference": _reference,
        "end": _end,
    }[part.kind](shown, part, x, y, steps)
    if part.kind in ("end", "reference"):
        return f'<g class="{part.kind}" data-n="{row.id}">{inside}</g>'
    hidden = ""
    if part.block:
        rows = range(part.block.first + part.block.length, part.block.first + part.block.length * part.block.times)
        hidden = f' data-first="{rows.start}" data-past="{rows.stop}"'
    return (
        f'<g class="node {part.kind}" data-n="{row.id}"{hidden} '
        f'aria-label="{escape(spoken(shown.trace, row))}">{inside}</g>'
    )


def spoken(trace: Passes, row: Row) -> str:
    """A node in words that every language reads: `b = max(y, z) = 2, ∂f/∂b = 3`."""
    equation = equation_of(row.name, row.formula) if row.role == "operation" else row.name
    gradient = "" if row.gradient is None else f", ∂{trace.result.name}/∂{row.name} = {summary(row.gradient)}"
    return f"{equation} = {summary(row.value)}{gradient}"


def _frame(part: Part, x: float, y: float, radius: float = 12) -> str:
    box = part.box
    return (
        f'<rect class="shape" x="{near(x - box.width / 2)}" y="{near(y - box.height / 2)}" '
        f'width="{near(box.width)}" height="{near(box.height)}" rx="{radius:g}"/>'
    )


def _card(shown: Picture, part: Part, x: float, y: float, steps: Walk) -> str:
    """An input: name, value above, gradient below; an array as two maps side by side."""
    row, left, right, top = part.row, x - part.box.width / 2, x + part.box.width / 2, y - part.box.height / 2
    if not row.shape:
        split = left + 14 + max(24.0, part.box.width - 84)
        pieces = [_frame(part, x, y), name_text(row.name, left + 14, y + 7, 22)]
        pieces.append(
            f'<text class="tv" x="{near(right - 12)}" y="{near(y - 9)}">{escape(short(row.value[()]))}</text>'
        )
        if row.gradient is not None:
            pieces.append(f'<path class="rule" d="M{near(min(split, right - 40))},{near(y)}H{near(right - 10)}"/>')
            text = f'x="{near(right - 12)}" y="{near(y + 22)}" data-sum="{steps.arrivals(row)}"'
            pieces.append(f'<text class="tg" {text}>{escape(sum_text(row))}</text>')
        return "".join(pieces)
    pieces = [
        _frame(part, x, y),
        name_text(row.name, left + 12, top + 22, 17),
        f'<text class="cap end" x="{near(right - 10)}" y="{near(top + 21)}">{escape(axes(row.shape))}</text>',
        f'<g class="map v">{heat(row.value, left + 12, top + HEAD, "v")}</g>',
    ]
    if row.gradient is not None:
        at = f' data-at="{steps.gradient(row)}"'
        inner = right - 12 - size_of(row.gradient).width
        pieces.append(f'<g class="map g"{at}>{heat(row.gradient, inner, top + HEAD, "g")}</g>')
    return "".join(pieces)


def _number(shown: Picture, part: Part, x: float, y: float, steps: Walk) -> str:
    return _frame(part, x, y, 8) + letters("tm mid", x, y + 5.5, part.row.name, 16)


def _gate(shown: Picture, part: Part, x: float, y: float, steps: Walk) -> str:
    symbol = part.row.symbol
    if part.box.round:
        size = {1: 24, 2: 19, 3: 16}.get(len(symbol), 13)
        shape = f'<circle class="shape" cx="{near(x)}" cy="{near(y)}" r="{RADIUS:g}"/>'
    else:
        size, width = 14, part.box.width
        shape = (
            f'<rect class="shape" x="{near(x - width / 2)}" y="{near(y - RADIUS)}" width="{near(width)}" '
            f'height="{2 * RADIUS:g}" rx="{RADIUS:g}"/>'
        )
    sign = (
        f'<text class="sign" x="{near(x)}" y="{near(y + size * 0.34)}" font-size="{size}">{escape(symbol)}</text>'
    )
    return shape + sign + name_text(part.row.name, x, y + RADIUS + 16, 14.5, "middle")


def _block(shown: Picture, part: Part, x: float, y: float, steps: Walk) -> str:
    behind = f'<g transform="translate(5,5)">{_frame(part, x, y)}</g>'
    title = block_title(shown.trace, part.block) if part.block else ""
    return behind + _frame(part, x, y) + letters("sign", x, y + 5, title, 15)


def _reference(shown: Picture, part: Part, x: float, y: float, steps: Walk) -> str:
    return _frame(part, x, y, 14) + name_text(part.row.name, x, y + 5, 16, "middle")


def _end(shown: Picture, part: Part, x: float, y: float, steps: Walk) -> str:
    return name_text(part.row.name, x - part.box.width / 2 + 6, y + 6, 19)
