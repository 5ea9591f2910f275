"""Parts of pages for notebooks: HTML whose style holds for itself alone, on light paper and on dark.

What the style says is nested in one class, and its colours come from the notebook's own text and background; so
nothing around a part is changed, and no script is needed.
"""

from collections.abc import Sequence
from html import escape
from zlib import crc32

from chainrule.display import charts, theme
from chainrule.display.document import table
from chainrule.display.language import Text

COLOURS = {
    **{name: light for name, (light, _) in theme.COLOURS.items()},
    "ink": "currentColor",
    "card": "var(--jp-layout-color0,var(--vscode-editor-background,Canvas))",
    "mute": "color-mix(in srgb,currentColor 65%,transparent)",
    "line": "color-mix(in srgb,currentColor 22%,transparent)",
    "wire": "color-mix(in srgb,currentColor 50%,transparent)",
    "val": "#18956b",
    "grad": "#d6584c",
    "loc": "#8466d8",
    "hotline": "#c99700",
}
STYLE = (
    ".chainrule{"
    + "".join(f"--{name}:{value};" for name, value in COLOURS.items())
    + charts.STYLE
    + """
[lang=ko]{display:none}
max-width:60em;line-height:1.5;
.head{font-weight:600;margin:2px 0 4px}
.mute,small{color:var(--mute);font-weight:400}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap;margin:0}
.facts td{text-align:left!important}
.text{white-space:pre-wrap;overflow-wrap:anywhere;margin:4px 0;line-height:1.9}
.pair{display:flex;flex-wrap:wrap;gap:12px 28px}
.pair>*{flex:1 1 20em;min-width:0}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:4px 0}
td,th{padding:2px 9px!important;text-align:right!important;border-bottom:1px solid var(--line);background:none}
td:first-child,th:first-child{text-align:left!important}
th{color:var(--mute);font-weight:500}
tr.total td{font-weight:600}
mark{color:inherit;background:hsl(var(--hue) 75% 50%/.24);border-bottom:2px solid hsl(var(--hue) 65% 48%);
border-radius:3px;padding:1px 3px}
mark small{color:inherit;opacity:.75;font-size:.74em;margin-left:.45em;font-weight:600}
}
"""
)


def part(*bodies: str) -> str:
    """HTML as the part of a notebook."""
    return f'<div class="chainrule"><style>{STYLE}</style>{"".join(bodies)}</div>'


def iframe(page: str, height: int = 760) -> str:
    """A page within a notebook: an `<iframe>` that holds it, apart from the style and script around it."""
    return (
        f'<iframe srcdoc="{escape(page)}" width="100%" height="{height}" style="border:0" '
        'sandbox="allow-scripts allow-downloads"></iframe>'
    )


def head(text: str, remark: str = "") -> str:
    """A line of text, and what is remarked on it; both are escaped."""
    small = f" <small>{escape(remark)}</small>" if remark else ""
    return f'<div class="head">{escape(text)}{small}</div>'


def mark(text: str, label: str, score: float | None = None) -> str:
    """A piece of a text with its label, in a colour that is the same for a label everywhere; escaped."""
    said = escape(label) if score is None else f"{escape(label)} {score:.2f}"
    hue = crc32(label.encode("utf-8", "replace")) % 360
    return f'<mark style="--hue:{hue}">{escape(text)}<small>{said}</small></mark>'


def figures(
    columns: Sequence[Text], rows: Sequence[Sequence[object]], kind: str = "", *, total: bool = False
) -> str:
    """A table of texts and numbers, which are escaped; `total` marks the last row, `facts` are a kind of words."""
    cells = [[escape(_said(cell)) for cell in row] for row in rows]
    return table(columns, cells, kind, [""] * (len(rows) - total) + ['class="total"'] * total)


def _said(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:.4g}" if isinstance(cell, float) else str(cell)
