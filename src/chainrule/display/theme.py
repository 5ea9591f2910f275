"""The look of every page: one table of colours, light and dark, and the style that pages and reports share.

A colour is named for what it means, and a page or a drawing says `var(--val)`; the table gives each name its light
and its dark value once, and `style()` writes them for the three ways of choosing: the system's preference, the
attribute `data-theme` (`light`, `dark`) and `data-pal="cvd"` on the root: blue and orange for green and red.
Paper is always light. A page in two languages holds both, `lang="en"` beside `lang="ko"`, and `data-lang` on the
root shows one. `colour(name, …)` is for files that stand alone, such as an exported drawing.
"""

from collections.abc import Mapping

__all__ = ["BLUE_ORANGE", "COLOURS", "colour", "style"]

COLOURS: Mapping[str, tuple[str, str]] = {  # name: (light, dark)
    "bg": ("#f6f7f9", "#14171b"),
    "card": ("#ffffff", "#1d2126"),
    "ink": ("#1b1f24", "#e8ebef"),
    "mute": ("#5b6470", "#a0a9b5"),
    "line": ("#d5dae1", "#343b44"),
    "wire": ("#8a94a1", "#78838f"),
    "val": ("#00704f", "#5fd3a4"),  # a value, above the wire
    "valbg": ("#e3f4ec", "#123a2c"),
    "grad": ("#b3261e", "#ff9a8d"),  # a gradient, below the wire
    "gradbg": ("#fdeae7", "#45201b"),
    "loc": ("#5a3ea6", "#c3b0ff"),  # a local gradient
    "locbg": ("#efeafb", "#2d2550"),
    "hot": ("#fff4cc", "#4a3d10"),  # what is selected
    "hotline": ("#c99700", "#e0b93a"),
    "focus": ("#0a5fd6", "#7db4ff"),
    "pos": ("#ce7828", "#e08a3a"),  # heat maps: blue, the card's colour at 0, orange
    "neg": ("#4382d7", "#5b9bf0"),
}
BLUE_ORANGE: Mapping[str, tuple[str, str]] = {
    "val": ("#005ea8", "#79bfff"),
    "valbg": ("#e2effa", "#10304b"),
    "grad": ("#a34700", "#ffb070"),
    "gradbg": ("#fbeadb", "#47290f"),
}

BASE = """
*{box-sizing:border-box}
[hidden]{display:none!important}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.45 system-ui,"DejaVu Sans","Noto Sans",
"Noto Sans CJK KR","Apple SD Gothic Neo","Malgun Gothic",sans-serif}
math{font-family:"STIX Two Math","Cambria Math","Latin Modern Math",math;font-size:1.12em}
h1{font-size:15px;margin:0;font-weight:600}
h2{font-size:13px;color:var(--mute);margin:0 0 8px;font-weight:600}
button{font:inherit;border:1px solid var(--line);background:var(--card);color:var(--ink);border-radius:8px;
padding:5px 11px;cursor:pointer}
button:hover{border-color:var(--wire)}
button[aria-pressed=true],[role=tab][aria-selected=true]{background:var(--ink);color:var(--card);
border-color:var(--ink)}
:focus-visible{outline:3px solid var(--focus);outline-offset:2px}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:14px 16px;min-width:0}
pre,code{font:12.5px/1.7 ui-monospace,"DejaVu Sans Mono",monospace}
pre{margin:0}
table{border-collapse:collapse;font-size:13.5px;font-variant-numeric:tabular-nums}
td,th{padding:3px 6px;text-align:right;border-bottom:1px solid var(--line)}
th{color:var(--mute);font-weight:500}
td:first-child,th:first-child{text-align:left}
svg text{font-family:system-ui,"DejaVu Sans","Noto Sans","Noto Sans CJK KR","Apple SD Gothic Neo",
"Malgun Gothic",sans-serif;fill:var(--ink)}
.ok{color:var(--val);font-weight:700}
.mute{color:var(--mute)}
:root[data-lang=en] [lang=ko]:not(html),:root[data-lang=ko] [lang=en]:not(html){display:none}
@media(prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important}}
@media print{body{background:none}.card{break-inside:avoid}header button{display:none}}
"""


def colour(name: str, *, dark: bool = False, colour_blind: bool = False) -> str:
    """The colour of that name as `#rrggbb`."""
    return ((colour_blind and BLUE_ORANGE.get(name)) or COLOURS[name])[dark]


def style() -> str:
    """The variables and the rules that every page begins with, as CSS."""
    light, dark = (_variables(COLOURS, which) for which in (0, 1))
    blue, night_blue = (_variables(BLUE_ORANGE, which) for which in (0, 1))
    by_system, by_choice, cvd = ":root:not([data-theme=light])", ":root[data-theme=dark]", "[data-pal=cvd]"
    return "\n".join(
        (
            f":root{{color-scheme:light;{light}}}",
            f":root{cvd}{{{blue}}}",
            f"@media screen and (prefers-color-scheme:dark){{{by_system}{{color-scheme:dark;{dark}}}",
            f"{by_system}{cvd}{{{night_blue}}}}}",
            f"@media screen{{{by_choice}{{color-scheme:dark;{dark}}}{by_choice}{cvd}{{{night_blue}}}}}",
            BASE.strip(),
        )
    )


def _variables(table: Mapping[str, tuple[str, str]], which: int) -> str:
    """`--name:value;` for each row."""
    return "".join(f"--{name}:{values[which]};" for name, values in table.items())
