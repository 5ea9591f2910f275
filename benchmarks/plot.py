"""The ratios as a plot: a row for each setting, chainrule at 1, the others on a logarithmic scale."""

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from itertools import groupby

from benchmarks.contestant import Outcome
from benchmarks.judge import Quartiles, base, ratio
from benchmarks.report import setting

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8b5a2b", "#666666", "#aa3377")
LEFT, WIDTH, RIGHT, ROW, HEAD = 300, 620, 30, 20, 34
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#222}.work{font-weight:600}.tick{fill:#777;font-size:11px}"
    "line{stroke:#ddd}.one{stroke:#222}.half{stroke-width:3;stroke-opacity:.35}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.tick{fill:#999}line{stroke:#444}.one{stroke:#ddd}}"
)


def svg(outcomes: Sequence[Outcome]) -> str:
    """The plot. Each dot is a median, the bar through it reaches from quartile to quartile."""
    drawn = [(o, _dots(o)) for o in outcomes]
    drawn = [(o, dots) for o, dots in drawn if dots]
    works = [(work, list(rows)) for work, rows in groupby(drawn, key=lambda pair: pair[0].contest.work)]
    spans = [q for _, dots in drawn for q in dots.values()]
    low = math.floor(math.log10(min([0.9, *(q.low for q in spans)])))
    high = math.ceil(math.log10(max([1.1, *(q.high for q in spans)])))
    height = HEAD + sum(2 * ROW + ROW * len(rows) for _, rows in works) + 10

    def at(value: float) -> float:
        return LEFT + WIDTH * (math.log10(value) - low) / (high - low)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + RIGHT} {height}" '
        'role="img" aria-label="Times of other systems as multiples of chainrule\'s">',
        f"<style>{STYLE}</style>",
        f'<text class="tick" x="8" y="{HEAD - 16}">figure of the other ÷ figure of chainrule</text>',
    ]
    for power in range(low, high + 1):
        x = at(10.0**power)
        kind = ' class="one"' if power == 0 else ""
        lines.append(f'<line{kind} x1="{x:.1f}" x2="{x:.1f}" y1="{HEAD - 10}" y2="{height}"/>')
        lines.append(
            f'<text class="tick" x="{x:.1f}" y="{HEAD - 16}" text-anchor="middle">{10.0**power:g}×</text>'
        )
    y = HEAD
    for work, rows in works:
        colours = _colbase(rows)
        y += ROW
        lines.append(f'<text class="work" x="8" y="{y}">{escape(work)}</text>')
        lines += _legend(colours, y)
        for outcome, dots in rows:
            y += ROW
            lines.append(f'<text x="20" y="{y + 4}">{escape(setting(outcome))}</text>')
            for label, q in dots.items():
                lines += _dot(label, q, at, y, colours[label])
        y += ROW
    return "\n".join([*lines, "</svg>", ""])


def _dots(outcome: Outcome) -> dict[str, Quartiles]:
    own = base(outcome)
    labels = [e.label for e in outcome.contest.entries if e.label != own]
    found = {label: ratio(outcome, label, own) for label in labels}
    return {label: q for label, q in found.items() if q is not None and q.low > 0}


def _colbase(rows: Sequence[tuple[Outcome, dict[str, Quartiles]]]) -> dict[str, str]:
    labels = dict.fromkeys(label for _, dots in rows for label in dots)
    return {label: COLOURS[k % len(COLOURS)] for k, label in enumerate(labels)}


def _legend(colours: dict[str, str], y: float) -> Iterator[str]:
    x = float(LEFT)
    for label, colour in colours.items():
        yield f'<circle cx="{x:.0f}" cy="{y - 4}" r="4" fill="{colour}"/>'
        yield f'<text class="tick" x="{x + 8:.0f}" y="{y}">{escape(label)}</text>'
        x += 24 + 6.2 * len(label)


def _dot(label: str, q: Quartiles, at: Callable[[float], float], y: float, colour: str) -> Iterator[str]:
    ends = f'x1="{at(q.low):.1f}" x2="{at(q.high):.1f}" y1="{y}" y2="{y}"'
    yield f'<line class="half" style="stroke:{colour}" {ends}/>'
    yield (
        f'<circle cx="{at(q.median):.1f}" cy="{y}" r="4" fill="{colour}">'
        f"<title>{escape(label)}: {q.median:.3g}×</title></circle>"
    )
