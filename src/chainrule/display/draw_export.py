"""A trace for other programs: TikZ for LaTeX, DOT for Graphviz, and its passes as formulas of LaTeX."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np

from chainrule.algebra.notation import latex, symbol
from chainrule.display.draw_parts import Part, Picture, picture, written_at
from chainrule.display.layout import Point
from chainrule.display.theme import colour
from chainrule.display.trace_names import equation_of
from chainrule.display.trace_numbers import axes, short
from chainrule.display.trace_records import Flow, Passes, Row

UNIT = 0.025  # a pixel of the layout in cm
TIKZ = (  # the styles of a picture
    r"\providecommand\wire[1]{\draw[->,wire,thick] #1;}",
    r"\providecommand\both[1]{\wire{#1}\draw[<-,grad,dashed,thick,yshift=-1.5mm] #1;}",
    r"\begin{tikzpicture}[x=.025cm,y=-.025cm,>=stealth,every to/.style={out=0,in=180},",
    r"  gate/.style={circle,draw,minimum size=1.4cm,fill=white},",
    r"  leaf/.style={rectangle,draw,rounded corners,fill=white},",
    r"  val/.style={draw=val,fill=valbg,text=val,rounded corners,font=\small,inner sep=2pt},",
    r"  grad/.style={draw=grad,fill=gradbg,text=grad,dashed,rounded corners,font=\small,inner sep=2pt}]",
)
_SIGNS: Mapping[str, str] = {
    "+": "+",
    "−": "-",
    "×": r"\times",
    "÷": r"\div",
    "·": r"\cdot",
    "⊙": r"\odot",
    "⊗": r"\otimes",
    "σ": r"\sigma",
    "Σ": r"\Sigma",
    "√": r"\sqrt{\;}",
    "ᵀ": r"{}^{\top}",
    "^": r"x^{y}",
    "⇉": r"\Rightarrow",
    "[ ]": "[\\;]",
}
_SPECIAL = str.maketrans({c: "\\" + c for c in "_#$%&{}"})


def latex_of(trace: Passes) -> str:
    """Both passes as aligned equations: every value, then every downstream gradient with its rule."""
    lines = [f"{_name(row)} &= {latex(row.formula)}{_value(row)}" for row in trace.operations]
    for row in trace.backward:
        lines += [_sent(trace, row, flow) for flow in row.inputs if flow.rule is not None]
    said = f"% {trace.upstream} is the gradient that arrives at the row after the bar\n" if trace.backward else ""
    body = " \\\\\n".join(lines)
    return f"{said}\\begin{{align*}}\n{body}\n\\end{{align*}}\n"


def _sent(trace: Passes, row: Row, flow: Flow) -> str:
    """`∂f/∂y |_b = δ [y > z] = 3`."""
    slope = rf"\frac{{\partial {_name(trace.result)}}}{{\partial {_name(trace.rows[flow.source])}}}"
    number = "" if flow.downstream is None or flow.downstream.ndim else f" = {_tex(short(flow.downstream[()]))}"
    rule = "" if flow.rule is None else latex(flow.rule)
    return rf"\left.{slope}\right|_{{{_name(row)}}} &= {rule}{number}"


def _name(row: Row) -> str:
    plain = row.role == "constant" and not row.shape
    return _tex(short(row.value[()])) if plain else symbol(row.name, "latex")


def _value(row: Row) -> str:
    sizes = r" \times ".join(map(str, row.shape))
    return rf" \in \mathbb{{R}}^{{{sizes}}}" if row.shape else f" = {_tex(short(row.value[()]))}"


def _tex(number: str) -> str:
    """A number in the letters of LaTeX."""
    mantissa, e, exponent = number.replace("−", "-").partition("e")
    power = rf" \cdot 10^{{{int(exponent)}}}" if e and exponent.lstrip("+-").isdigit() else ""
    words = {
        "∞": r"\infty",
        "-∞": r"-\infty",
        "NaN": r"\mathrm{NaN}",
    }
    return words.get(mantissa, mantissa) + power


# ── TikZ ──────────────────────────────────────────────────────────────────────────────────────────────


def tikz(trace: Passes) -> str:
    """The graph as a `tikzpicture`, everything where the drawing has it; it needs no package but `tikz`."""
    shown = picture(trace)
    names = ("val", "valbg", "grad", "gradbg", "wire")
    colours = [rf"\definecolor{{{name}}}{{HTML}}{{{colour(name)[1:].upper()}}}" for name in names]
    inside = (*_wires(shown), *_boxes(shown), *_labels(shown))
    return "\n".join(["% \\usepackage{tikz}", *colours, *TIKZ, *inside, r"\end{tikzpicture}", ""])


def _at(point: Point, down: float = 0.0) -> str:
    return f"({point[0]:.0f},{point[1] + down:.0f})"


def _wires(shown: Picture) -> Iterator[str]:
    for link, points in zip(shown.links, shown.places.wires, strict=True):
        both = written_at(shown.trace, link)[1] is not None
        yield rf"\{'both' if both else 'wire'}{{{_curve(points)}}}"


def _curve(points: list[Point]) -> str:
    text = _at(points[0])
    for k, (a, b) in enumerate(pairwise(points)):
        if a != b:
            text += f"{'to' if k % 2 else '--'}{_at(b)}"
    return text


def _boxes(shown: Picture) -> Iterator[str]:
    for part, at in zip(shown.parts, shown.places.boxes, strict=True):
        yield rf"\node[{_style(part)}] at {_at(at)} {{{_inside(part)}}};"
        if part.kind == "gate":
            yield rf"\node[wire] at {_at(at, 46)} {{${_name(part.row)}$}};"


def _style(part: Part) -> str:
    if part.kind in ("gate", "end"):
        return "gate" if part.kind == "gate" else ""
    width, height = part.box.width * UNIT, min(part.box.height, 68) * UNIT
    return f"leaf,minimum width={width:.2f}cm,minimum height={height:.2f}cm"


def _inside(part: Part) -> str:
    row = part.row
    if part.kind == "gate":
        return f"${_SIGNS[row.symbol]}$" if row.symbol in _SIGNS else row.symbol.translate(_SPECIAL)
    if part.kind == "block" and part.block:
        return f"${part.block.times - 1} \\times$"
    if part.kind != "input":
        return f"${_name(row)}$"
    value = rf"\quad\textcolor{{val}}{{{_short(row.value)}}}"
    scalar = row.gradient is not None and not row.shape
    gradient = rf"\quad\textcolor{{grad}}{{{_short(row.gradient)}}}" if scalar and row.gradient is not None else ""
    return f"${_name(row)}${value}{gradient}"


def _labels(shown: Picture) -> Iterator[str]:
    for link, at in zip(shown.links, shown.places.labels, strict=True):
        value, gradient = written_at(shown.trace, link)
        if at is not None and link.value:
            yield rf"\node[val] at {_at(at, -17)} {{{_short(value)}}};"
        if at is not None and link.gradient and gradient is not None:
            yield rf"\node[grad] at {_at(at, 21)} {{$\triangleleft$ {_short(gradient)}}};"


def _short(array: np.ndarray) -> str:
    """A number, or the sizes of an array."""
    sizes = r" \times ".join(map(str, array.shape))
    return f"${sizes}$" if array.ndim else f"${_tex(short(array[()]))}$"


# ── DOT ───────────────────────────────────────────────────────────────────────────────────────────────


def dot(trace: Passes) -> str:
    """The graph in the language of Graphviz, values and gradients at its edges."""
    lines = ["digraph trace {", "  rankdir=LR;", '  node [fontname="sans-serif"]; edge [fontname="sans-serif"];']
    for row in trace.rows:
        gate = row.role == "operation"
        told = _quoted(equation_of(row.name, row.formula) if gate else row.name)
        shape, sign = ("circle", row.symbol) if gate else ("box", row.name)
        lines.append(f"  n{row.id} [shape={shape}, label={_quoted(sign)}, tooltip={told}];")
    for row in trace.operations:
        lines += [f"  n{flow.source} -> n{row.id} [label={_quoted(_edge(trace, flow))}];" for flow in row.inputs]
    return "\n".join([*lines, "}", ""])


def _edge(trace: Passes, flow: Flow) -> str:
    return "\n◂ ".join(
        axes(array.shape) if array.ndim else short(array[()])
        for array in (trace.rows[flow.source].value, flow.downstream)
        if array is not None
    )


def _quoted(text: str) -> str:
    inside = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{inside}"'
