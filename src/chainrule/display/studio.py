"""The studio's page: a field for the formula, fields for values, graph, derivation and examples side by side.

Python writes all of it; `static/studio.js` sends what is typed and shows what comes back, `static/page.js` steps.
What comes back is a page, too: its parts take the place of those that are there.
"""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from html import escape
from itertools import groupby
from typing import Any

import numpy as np

from chainrule.algebra.signature import shape_text
from chainrule.display.document import SWITCH, static
from chainrule.display.draw import drawing_style
from chainrule.display.gallery import GALLERY, Example
from chainrule.display.language import Language, Text, in_html, plain
from chainrule.display.page import EXPORTS, parts, to_text, tools
from chainrule.display.page_formula import math, name
from chainrule.display.studio_question import typed
from chainrule.display.studio_words import SAID, TOLD
from chainrule.display.theme import style
from chainrule.display.trace import Trace, trace
from chainrule.display.trace_records import Row

CELLS, TALL = 10, 6  # columns of a matrix that is edited entry by entry; entries of a vector that stands upright


@cache
def styles() -> str:
    """The style of all pages of the studio."""
    return "\n".join((style(), SWITCH.strip(), drawing_style(), static("page.css"), static("studio.css")))


def shell(title: str, view: str, body: str, scripts: Sequence[str], lang: Language, exports: bool = False) -> str:
    """A whole page that is served: its style and its scripts are files of the same server."""
    links = (
        ("graph", "/#"),
        ("derivation", "/#view=derivation"),
        ("gallery", "/#view=gallery"),
        ("tagger", "/tagger"),
    )
    nav = "".join(
        f'<a href="{at}" data-view="{key}"{" aria-current=page" if key == view else ""}>{in_html(SAID[key])}</a>'
        for key, at in links
    )
    words = to_text({key: SAID[key]._asdict() for key in TOLD})
    loaded = f'<script type="application/json" id="words">{words}</script>' + "".join(
        f'<script src="/{script}"></script>' for script in ("appearance.js", *scripts)
    )
    return (
        f'<!doctype html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f'<title>{escape(title)}</title>\n<link rel="stylesheet" href="/studio.css">\n</head>\n'
        f'<body data-view="{view}">\n<div class="bar"><a class="brand" href="/#"><b>∂</b> chainrule</a>'
        f'<nav aria-label="{plain(SAID["views"])}">{nav}</nav>{tools(lang, EXPORTS if exports else {})}</div>\n'
        f"{body}\n{loaded}\n</body>\n</html>\n"
    )


def studio(lang: Language = "en") -> str:
    """The page that the studio opens with: the first example."""
    first = GALLERY[0]
    told = {"formula": first.formula, "values": dict(first.values)}
    asked = typed(told)
    found = trace(asked.formula, asked.values)
    body = f"{_editor(first.formula)}{computed(found)}{_gallery()}"
    return shell("chainrule studio", "graph", body, ("page.js", "studio.js"), lang, exports=True)


def computed(found: Trace, changed: Sequence[str] = ()) -> str:
    """The parts of the page that a trace fills; `changed` names the values that were changed so that all fit."""
    page = parts(found)
    state = {
        "syntax": found.syntax,
        "values": {row.name: row.value.tolist() for row in found.inputs},
        "shapes": {row.name: list(row.shape) for row in found.inputs},
        "changed": list(changed),
        "title": page.title,
        "scale": page.scale,
    }
    told = to_text(_finite(state)).replace("<", "\\u003c")
    return (
        f'<header>{page.formula}<div class="inputs" role="group" '
        f'aria-label="{plain(SAID["values"])}">{_fields(found.inputs, changed)}</div></header>\n'
        f'<div class="both">{page.main}\n{_derivation()}</div>\n{page.foot}\n{page.data}\n'
        f'<script type="application/json" id="state">{told}</script>'
    )


def _finite(value: Any) -> Any:
    """The same for JSON, which has neither NaN nor ∞: null."""
    match value:
        case dict():
            return {key: _finite(v) for key, v in value.items()}
        case list():
            return [_finite(v) for v in value]
        case float() if not np.isfinite(value):
            return None
    return value


# ── the formula ───────────────────────────────────────────────────────────────────────────────────────


def _editor(typed: str) -> str:
    choices = "".join(
        f'<option value="{value}"{_spoken(text)}>{escape(text if isinstance(text, str) else text.en)}</option>'
        for value, text in (("", SAID["auto"]), ("python", "Python"), ("matlab", "MATLAB"))
    )
    return (
        '<section id="ask"><div class="typing"><div class="under" aria-hidden="true"></div>'
        f'<textarea id="formula" rows="1" spellcheck="false" autocapitalize="off" autocomplete="off" '
        f'aria-describedby="how problem" aria-label="{plain(SAID["formula"])}">{escape(typed)}</textarea></div>'
        f'<div class="options"><label>{in_html(SAID["spelling"])} <select id="syntax">{choices}</select></label>'
        f'<label><input type="checkbox" id="combine"> {in_html(SAID["one gate"])}</label>'
        f'<button id="random" type="button">{in_html(SAID["random"])}</button></div>'
        f'<p id="problem" role="alert"></p><p id="how" class="mute">{in_html(SAID["how"])}</p>'
        f'<p id="kept" class="mute" hidden>{in_html(SAID["kept"])}</p><p id="look" hidden></p></section>\n'
    )


# ── the values ────────────────────────────────────────────────────────────────────────────────────────


def _fields(rows: Sequence[Row], changed: Sequence[str]) -> str:
    return "".join(_field(row, row.name in changed) for row in rows)


def _field(row: Row, changed: bool) -> str:
    """A variable: its name, its shape, its entries."""
    named = escape(row.name)
    shape = shape_text(row.shape) if row.shape else ""
    label = plain(SAID["shape of"].filled(name=row.name))
    kind = ' data-kind="whole"' if row.value.dtype.kind in "iu" else ""
    return (
        f'<fieldset class="value{" changed" * changed}" data-name="{named}"{kind}><legend>{math(name(row))}'
        f'<input class="shape" value="{shape}" placeholder="·" aria-label="{label}" title="{label}"></legend>'
        f"{_entries(row)}</fieldset>"
    )


def _entries(row: Row) -> str:
    value, shape = row.value, row.shape
    if len(shape) > 2 or (len(shape) == 2 and shape[1] > CELLS) or value.size > CELLS * CELLS or not value.size:
        text = json.dumps(_finite(value.tolist()))
        label = f"{escape(row.name)}, {plain(SAID['large'].filled(shape=shape_text(shape)))}"
        return (
            f'<textarea class="entries" rows="3" spellcheck="false" aria-label="{label}">{escape(text)}</textarea>'
        )
    if not shape:
        return (
            f'<input class="cell" inputmode="decimal" aria-label="{escape(row.name)}" value="{_typed(value[()])}">'
        )
    upright = len(shape) == 2 or shape[0] <= TALL
    matrix = value if len(shape) == 2 else value[:, None] if upright else value[None, :]
    rows = "".join(f"<tr>{''.join(_cells(row, matrix, i))}</tr>" for i in range(len(matrix)))
    return f'<div class="scroll"><table class="cells" role="presentation">{rows}</table></div>'


def _cells(row: Row, matrix: np.ndarray, i: int) -> Iterator[str]:
    for j, entry in enumerate(matrix[i]):
        place = f"{i + 1}, {j + 1}" if row.value.ndim == 2 else str(max(i, j) + 1)
        yield (
            f'<td><input class="cell" inputmode="decimal" aria-label="{escape(row.name)}[{place}]" '
            f'value="{_typed(entry)}"></td>'
        )


def _typed(value: Any) -> str:
    number = float(value)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


# ── derivation and gallery ────────────────────────────────────────────────────────────────────────────


def _derivation() -> str:
    kinds = (("", "usual"), ("jacobian", "jacobian"), ("hessian", "hessian"))
    details = (("1", "less"), ("2", "more"), ("3", "most"))
    return (
        '<section class="card" id="derivation"><div class="options">'
        f"<label>{in_html(SAID['kind'])} {_select('kind', kinds, '')}</label>"
        f"<label>{in_html(SAID['detail'])} {_select('detail', details, '2')}</label>"
        f'<label>{in_html(SAID["by"])} <input id="wrt" size="8"{_spoken(SAID["all"])}></label>'
        f'<label>{in_html(SAID["facts"])} <input id="facts" size="16" placeholder="y: one-hot"></label>'
        f'</div><p id="wrong" role="alert"></p><div id="derived" aria-live="polite"></div>'
        f'<div id="sources" hidden>{"".join(map(_source, ("LaTeX", "Python", "MathML")))}</div></section>'
    )


def _select(key: str, choices: Sequence[tuple[str, str]], chosen: str) -> str:
    options = "".join(
        f'<option value="{value}"{" selected" if value == chosen else ""}{_spoken(SAID[word])}>'
        f"{escape(SAID[word].en)}</option>"
        for value, word in choices
    )
    return f'<select id="{key}">{options}</select>'


def _spoken(text: Text) -> str:
    """Attributes with the text in each language, for what shows a single one: options and placeholders."""
    return "" if isinstance(text, str) else f' data-en="{escape(text.en)}" data-ko="{escape(text.ko)}"'


def _source(kind: str) -> str:
    return (
        f'<details><summary>{kind}</summary><button type="button" data-copy="{kind.lower()}">'
        f'<span class="to-copy">{in_html(SAID["copy"])}</span>'
        f'<span class="is-copied">✓ {in_html(SAID["copied"])}</span></button>'
        f'<pre id="in-{kind.lower()}" tabindex="0"></pre></details>'
    )


@cache
def _gallery() -> str:
    """The examples as cards, in groups."""
    groups = "".join(
        f"<section><h2>{in_html(title)}</h2><div class='cards'>{''.join(map(_card, examples))}</div></section>"
        for title, examples in groupby(GALLERY, key=lambda example: example.group)
    )
    return f'<div id="gallery"><p class="mute">{in_html(SAID["open"])}</p>{groups}</div>'


def _card(example: Example) -> str:
    return (
        f'<a class="card example" href="{escape(example.link)}" data-example="{example.key}"'
        f"><h3>{in_html(example.title)}</h3><code>{escape(example.formula.replace('; ', chr(10)))}</code>"
        f'<p class="look">{in_html(example.look)}</p></a>'
    )
