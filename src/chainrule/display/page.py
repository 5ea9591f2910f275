"""The graph page: one HTML file with formula, graph, explanations and steps, drawn whole by Python.

The file needs no network, no library and, to show the final state, no script. The script (`static/page.js`)
steps through both passes, links formula, lists, code and graph, and saves the drawing. In the studio the
parts of another page take the place of those that are there.
"""

import json
import zlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, NamedTuple

from chainrule.compute.check import Row as Checked, check
from chainrule.display.document import document, static, switches
from chainrule.display.draw import drawing_style, svg
from chainrule.display.draw_export import dot, latex_of, tikz
from chainrule.display.draw_parts import Picture, picture
from chainrule.display.draw_steps import Walk, walk
from chainrule.display.language import LANGUAGES, Language, plain
from chainrule.display.page_code import Line, code
from chainrule.display.page_formula import equation, formula, math, name, slope_name
from chainrule.display.page_panel import panel, said
from chainrule.display.page_steps import captions
from chainrule.display.page_words import SAID
from chainrule.display.trace_json import to_dict
from chainrule.display.trace_names import equation_of
from chainrule.display.trace_numbers import axes, short
from chainrule.display.trace_records import Passes, Row
from chainrule.errors import ChainruleError, SettingError

WIDE, BROAD = 1000.0, 1500.0  # drawings that are wider have two thirds of the page, and all of it
LARGEST, SMALLEST = 1.2, 0.62  # how far a drawing is enlarged and reduced before it is scrolled
DOTS = 48  # steps that are shown as dots; more are a slider
MOST_FIELDS, MOST_ENTRIES, MOST_NUMBERS = 8, 64, 5000  # inputs in the head, entries of an array, of all arrays
UNFOLDED = 400  # rows up to which a drawing with all repetitions is in the page too
PACKED = 24  # rows above which what is shown one at a time is deflated: panels, captions, repetitions
LISTED = 400  # operations that are listed
MOST_ROWS = 10_000
CHECKED, CHECKED_OF_LARGE = 200, 5  # entries of an input that are compared with finite differences


def page(trace: Passes, lang: Language = "en") -> str:
    """The page of a trace, in both languages, of which `lang` is shown first.

    Raises SettingError for another language, and for a graph that no browser shows.
    """
    if lang not in LANGUAGES:
        raise SettingError(f"pages are written in {' and '.join(LANGUAGES)}, not {lang!r:.20}")
    if len(trace.rows) > MOST_ROWS:
        raise SettingError(
            f"a page shows at most {MOST_ROWS:,} nodes, and this graph has {len(trace.rows):,}; "
            "write it as .json or .txt, or trace a part of it"
        )
    found = parts(trace)
    styles = [drawing_style(), static("page.css"), found.scale]
    inputs = f'<div class="inputs">{"".join(_fields(trace))}</div>'
    head = f"<header>{found.formula}{inputs}{tools(lang, EXPORTS)}</header>"
    body = "\n".join((head, found.main, found.foot, found.data))
    return document(found.title, body, styles, static("page.js"), lang)


class Parts(NamedTuple):
    """The parts of a page, as HTML; `title` is text, `scale` the style that says how large its drawings become."""

    title: str
    formula: str
    main: str
    foot: str
    data: str
    scale: str


def parts(trace: Passes) -> Parts:
    """The parts of the page of a trace."""
    steps, folded = walk(trace), picture(trace)
    unfolded = picture(trace, collapsed=False) if trace.blocks and len(trace.rows) <= UNFOLDED else None
    return Parts(
        f"{equation_of(trace.result.name, trace.result.node)[:90]} · chainrule",
        f'<div class="formula" role="heading" aria-level="1">{formula(trace)}</div>',
        _main(trace, steps, folded, unfolded),
        _foot(trace, steps),
        _data(trace, steps, unfolded),
        _scale(folded, unfolded),
    )


def _scale(*pictures: Picture | None) -> str:
    """How large and how small each drawing becomes."""
    rules = []
    for mark, shown in zip(("folded", "full"), pictures, strict=True):
        if shown is not None:
            width, height = shown.places.width, shown.places.height
            large, small = f"{width * LARGEST:.0f}px", f"{width * SMALLEST:.0f}px"
            rules.append(
                f"#{mark} .graph{{max-width:{large};min-width:min({width:.0f}px,max(100%,{small}));"
                f"max-height:max(66vh,{height * SMALLEST:.0f}px)}}"
            )
    return "\n".join(rules)


# ── the head ──────────────────────────────────────────────────────────────────────────────────────────


EXPORTS: Mapping[str, str] = {
    "svg": "SVG",
    "png": "PNG",
    "tex": "LaTeX",
    "tikz": "TikZ",
    "dot": "DOT",
    "json": "JSON",
}


def tools(lang: Language, exports: Mapping[str, str]) -> str:
    """The switches of language, palette and darkness, and the menu of files, if there are any."""
    menu = "".join(f'<button data-export="{kind}">{name}</button>' for kind, name in exports.items())
    files = f'<details class="menu scripted"><summary>{said("export")}</summary><div>{menu}</div></details>'
    return f'<div class="tools">{switches(lang)}{files if menu else ""}</div>'


def _fields(trace: Passes) -> Iterator[str]:
    """The numbers among the inputs, if they are few, to be read."""
    shown = [row for row in trace.inputs if not row.shape]
    for row in shown if len(shown) <= MOST_FIELDS else ():
        named = f'aria-label="{escape(row.name)}" value="{float(row.value[()]):.10g}"'
        yield f'<label>{math(name(row) + "<mo>=</mo>")}<input type="text" readonly {named}></label>'


# ── the body ──────────────────────────────────────────────────────────────────────────────────────────


def _main(trace: Passes, steps: Walk, folded: Picture, unfolded: Picture | None) -> str:
    width = folded.places.width
    kind = "broad" if width > BROAD else "wide" if width > WIDE else "near"
    full = f'<div id="full" hidden>{"" if _is_packed(trace) else svg(unfolded, steps)}</div>' if unfolded else ""
    whole = f'<button id="whole" class="scripted" aria-pressed="false">{said("all")}</button>' if unfolded else ""
    swatches = (("v", "3", "value"), ("g", "◂ 3", "gradient"), ("l", "1", "local gradient"))
    legend = "".join(f'<span><span class="sw {k}">{text}</span>{said(word)}</span>' for k, text, word in swatches)
    shown = [trace.result] if _is_packed(trace) else trace.rows
    panels = "".join(panel(trace, row, steps) for row in shown)
    remarks = "".join(f'<p class="mute">{escape(text)}</p>' for text in trace.remarks)
    lists = f"{_forward(trace, steps)}{_python(trace, steps)}{_check(trace)}"
    return (
        f'<main class="{kind}"><div class="col">{lists}</div><section class="card" id="stage">'
        f'<div id="graph"><div id="folded">{svg(folded, steps)}</div>{full}</div>{remarks}'
        f'<div class="legend">{legend}{whole}</div></section>'
        f'<section class="card" id="why" aria-label="{plain(SAID["explain"])}">'
        f'<p class="rule-of-all">{said("rule of all")}</p>{panels}</section></main>'
    )


def _section(key: str, body: str) -> str:
    return f'<section class="card" id="{key}"><h2>{said(key)}</h2>{body}</section>' if body else ""


def _forward(trace: Passes, steps: Walk) -> str:
    lines = [
        f'<li data-n="{row.id}"><span>{equation(row)}</span>'
        + (
            f'<span class="mute">{escape(axes(row.shape))}</span></li>'
            if row.shape
            else f'<span class="v" data-at="{steps.value(row)}">{short(row.value[()])}</span></li>'
        )
        for row in _listed(trace)
    ]
    return _section("forward", f'<ul class="lines">{"".join(lines)}</ul>' if lines else "")


def _listed(trace: Passes) -> list[Row]:
    """The operations whose lines are shown: of a large trace each repetition once, and the first ones."""
    if len(trace.rows) <= UNFOLDED:
        return list(trace.operations)
    once = {row for b in trace.blocks for row in range(b.first + b.length, b.first + b.length * b.times)}
    return [row for row in trace.operations if row.id not in once][:LISTED]


def _python(trace: Passes, steps: Walk) -> str:
    forward, backward = code(trace, steps)
    if not forward:
        return ""
    return _section("python", f'<pre class="code">{_lines(forward)}<hr>{_lines(backward)}</pre>')


def _lines(lines: list[Line]) -> str:
    """Lines of one row stand in one block."""
    blocks: list[tuple[int, int, list[str]]] = []
    for text, row, step in lines:
        if blocks and blocks[-1][0] == row:
            blocks[-1][2].append(escape(text))
        else:
            blocks.append((row, step, [escape(text)]))
    return "".join(
        f'<span data-n="{row}" data-dim="{step}">{chr(10).join(texts)}</span>' for row, step, texts in blocks
    )


def _check(trace: Passes) -> str:
    """The gradients beside finite differences; shown when the passes are done."""
    if trace.result.gradient is None or trace.result.shape or trace.start != 1:
        return ""
    known = {row.name: row.value for row in trace.inputs}
    entries = CHECKED if len(trace.rows) <= UNFOLDED / 4 else CHECKED_OF_LARGE
    try:
        found = check(trace.result.node, known, sizes=trace.sizes, entries=entries)
    except ChainruleError:  # the trace has said what is wrong with the numbers
        return ""
    if not found.rows:
        return ""
    arrays = any(row.shape for row in found.rows)
    heads = ("shape", "worst") if arrays else ("backprop", "numeric")
    head = "".join(f"<th>{said(key)}</th>" for key in heads)
    body = "".join(
        f"<tr><td>{math(slope_name(trace.result, trace[row.name]))}</td>{_checked(row, arrays)}</tr>"
        for row in found.rows
    )
    wait = f'<p class="mute wait" hidden>{said("wait")}</p>'
    return _section("check", f"{wait}<table><tr><th></th>{head}<th></th></tr>{body}</table>")


def _checked(row: Checked, arrays: bool) -> str:
    worst = row.worst
    words = {
        "ok": '<td class="ok">✓</td>',
        "kink": f"<td>{said('kink')}</td>",
        "undefined": f"<td>{said('undefined')}</td>",
    }
    verdict = words.get(row.verdict, f"<td>{said('wrong')}</td>")
    if worst is None:
        return f"<td>{escape(axes(row.shape))}</td><td></td>{verdict}"
    if arrays:
        return f"<td>{escape(axes(row.shape))}</td><td>{short(worst.error, 2)}</td>{verdict}"
    numeric = (
        f"{worst.numeric:.4f}".replace("-", "−")
        if 1e-3 < abs(worst.numeric) < 1e5 or not worst.numeric
        else short(worst.numeric, 5)
    )
    return f"<td>{short(worst.claimed)}</td><td>{numeric}</td>{verdict}"


# ── the foot ──────────────────────────────────────────────────────────────────────────────────────────


def _foot(trace: Passes, steps: Walk) -> str:
    keys = (("first", "|◀", "Home"), ("back", "◀", "←"), ("next", "▶", "→"), ("last", "▶|", "End"))
    buttons = "".join(
        f'<button id="{k}" aria-label="{plain(SAID[k])}" title="{key}">{sign}</button>' for k, sign, key in keys
    )
    return (
        f'<footer class="scripted"><div class="keys">{buttons}</div>'
        f'<div class="track">{_track(trace, steps)}</div><div id="cap" aria-live="polite"></div></footer>'
    )


def _track(trace: Passes, steps: Walk) -> str:
    if len(steps.steps) > DOTS:
        label = plain(SAID["step"])
        return (
            f'<input id="slide" type="range" min="0" max="{steps.last}" value="{steps.last}" aria-label="{label}">'
        )
    pieces = [f"<em>{said('to front')}</em>"]
    for k, step in enumerate(steps.steps):
        if step.row is None:
            continue
        if k > 1:
            pieces.append(f"<em>{said('to back')}</em>" if step.kind == "seed" else "<i></i>")
        kind = "F" if step.kind == "forward" else "B"
        named = escape(step.row.name)
        text = _seed(trace) if step.kind == "seed" else named
        pieces.append(f'<button class="{kind}" data-step="{k}" aria-label="{k}: {named}">{text}</button>')
    return "".join(pieces)


def _seed(trace: Passes) -> str:
    return short(trace.start[()]) if not trace.start.ndim else "1"


def _is_packed(trace: Passes) -> bool:
    """Whether what is shown one at a time is unpacked by the script."""
    return len(trace.rows) > PACKED


def _data(trace: Passes, steps: Walk, unfolded: Picture | None) -> str:
    """All data in one block, safe within HTML: no `<`, no `&`, no line separators; files are deflated.

    Of a large trace so are, by row, the panels, and the captions and the drawing with all repetitions.
    """
    files = {"json": to_text(_records(trace)), "tex": latex_of(trace), "tikz": tikz(trace), "dot": dot(trace)}
    held: dict[str, Any] = {"steps": captions(trace, steps), "names": [name(row) for row in trace.rows]}
    if _is_packed(trace):
        held["panels"] = [panel(trace, row, steps) for row in trace.rows]
        held["full"] = svg(unfolded, steps) if unfolded else ""
        held = {"packed": _deflated(held)}
    held |= {
        "formula": trace.text,
        "syntax": trace.syntax,
        "chosen": trace.output,
        "upstream": SAID["upstream of"],
        "boxes": [SAID[key] for key in ("upstream", "local", "downstream")],
        "files": _deflated(files),
    }
    text = to_text(held)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return f'<script type="application/json" id="data">{text}</script>'


def _deflated(held: Any) -> str:
    return b64encode(zlib.compress(to_text(held).encode(), 9)).decode()


def _records(trace: Passes) -> dict[str, Any]:
    """All records; of a trace of many numbers without those of the large arrays."""
    told = to_dict(trace)
    if sum(row.value.size for row in trace.rows) > MOST_NUMBERS:
        large = {row.id for row in trace.rows if row.value.size > MOST_ENTRIES}
        for row in told["rows"]:
            cut = [row] * (row["id"] in large) + [f for f in row["inputs"] if f["source"] in large]
            for held in cut:
                held.update(dict.fromkeys(held.keys() & {"value", "gradient", "local", "downstream"}))
        told["gradients"] = {name: g for name, g in told["gradients"].items() if trace[name].id not in large}
        told["remarks"].append(f"arrays of more than {MOST_ENTRIES} entries are left out")
    return told


def to_text(data: Any) -> str:
    """Data as JSON in one line."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
