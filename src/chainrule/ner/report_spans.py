"""A sentence with its names: gold above the tokens, prediction below, in columns, so that nothing ever overlaps.

Names that share tokens stand in one small table whose columns are the tokens; a label that is wider than its
tokens makes the columns wider. A sentence breaks between such tables and never within one.
"""

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

from chainrule.display.language import in_html, plain
from chainrule.ner import report_words as w
from chainrule.ner.tags import Span

STYLE = """
.sent{margin:5px 0;line-height:1.9}
.names{display:inline-table;vertical-align:middle;border-spacing:3px 1px;border-collapse:separate;width:auto;
font-size:inherit;line-height:1.25;margin:1px 0}
.names tr td{border:0;padding:0 4px;text-align:center;white-space:nowrap}
.names.tight tr td{padding:0 1px}
.names tr:first-child td,.names tr:last-child td{height:19px;font-size:11px}
.names tr td[colspan]{border-radius:6px;font-weight:700;border:1.3px solid var(--val);background:var(--valbg);
color:var(--val)}
.names tr td.wrong{border:1.6px dashed var(--grad);background:var(--gradbg);color:var(--grad)}
.names .wrong small,.names .right small{font-weight:400;font-size:10px}
.names .here{background:var(--hot);border-radius:4px}
.group{border-top:1px solid var(--line);padding:7px 0}
.groups{max-height:max(70vh,420px);overflow:auto}
.group summary{cursor:pointer}
.group:target summary{background:var(--hot);border-radius:6px}
.sent .line{color:var(--mute);font-size:11.5px;margin-right:8px}
"""

REACH = 12  # tokens on either side of what a sentence is shown for
LONGEST = 40  # letters of a token or a label


class Mark(NamedTuple):
    """A name in a row of labels: its tokens, what is written, its class, and its title."""

    start: int
    end: int
    label: str
    kind: str
    title: str = ""


def sentence(
    tokens: Sequence[str],
    gold: Sequence[Span],
    found: Sequence[tuple[Span, float]],
    here: Sequence[int],
    *,
    apart: bool = True,
    line: int = 0,
) -> str:
    """A sentence around the tokens `here`, as HTML; `apart` puts spaces between tokens."""
    above = [Mark(*name[:2], _cut(name.label), "gold") for name in gold]
    below = [_judged(name, chance, name in gold) for name, chance in found]
    groups = _grouped([*gold, *(name for name, _ in found)])
    low, high = _reach(groups, here, len(tokens))
    parts, at = [], low
    for start, end in [group for group in groups if low <= group[0] and group[1] <= high]:
        parts += [escape(_cut(t)) for t in tokens[at:start]]
        parts.append(_names(tokens, start, end, above, below, here, apart))
        at = end
    parts += [escape(_cut(t)) for t in tokens[at:high]]
    text = (" " if apart else "").join(parts)
    number = f'<span class="line">{in_html(w.LINE.filled(line=f"{line:,}"))}</span>' if line else ""
    return f'<div class="sent">{number}{"… " if low else ""}{text}{" …" if high < len(tokens) else ""}</div>'


def _judged(name: Span, chance: float, right: bool) -> Mark:
    sign, kind = ("✓", "right") if right else ("✗", "wrong")
    return Mark(name.start, name.end, f"{sign} {_cut(name.label)}", kind, f"{chance:.2f}")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _grouped(names: Sequence[Span]) -> list[tuple[int, int]]:
    """The stretches of tokens that overlapping names cover, in order."""
    groups: list[tuple[int, int]] = []
    for name in sorted(names):
        if groups and name.start < groups[-1][1]:
            groups[-1] = (groups[-1][0], max(groups[-1][1], name.end))
        else:
            groups.append((name.start, name.end))
    return groups


def _reach(groups: Sequence[tuple[int, int]], here: Sequence[int], length: int) -> tuple[int, int]:
    """Where to cut the sentence, so that no group is cut."""
    low, high = max(0, min(here, default=0) - REACH), min(length, max(here, default=length) + 1 + REACH)
    for start, end in groups:
        low = start if start < low < end else low
        high = end if start < high < end else high
    return low, high


def _names(
    tokens: Sequence[str],
    start: int,
    end: int,
    above: Sequence[Mark],
    below: Sequence[Mark],
    here: Sequence[int],
    apart: bool,
) -> str:
    """One table: a row of gold names, the tokens, a row of predicted names."""
    low = [m for m in below if start <= m.start < end] or [
        Mark(start, end, "✗", "wrong", plain(w.MISSED))  # a gold name that was not found
    ]
    chosen = set(here)
    middle = "".join(
        f'<td class="{"here" if k in chosen else ""}">{escape(_cut(tokens[k]))}</td>' for k in range(start, end)
    )
    kind = "names" if apart else "names tight"
    return (
        f'<table class="{kind}" role="presentation"><tr>{"".join(_row(above, start, end))}</tr><tr>{middle}</tr>'
        f"<tr>{''.join(_row(low, start, end))}</tr></table>"
    )


def _row(marks: Sequence[Mark], start: int, end: int) -> Iterator[str]:
    """Cells from `start` to `end`: a wide one for each name, empty ones between."""
    at = start
    for mark in sorted(m for m in marks if start <= m.start < end):
        yield "<td></td>" * (mark.start - at)
        chance = f" <small>{mark.title}</small>" if mark.title[:1].isdigit() else ""
        title = f' title="{mark.title}"' if mark.title else ""
        yield f'<td class="{mark.kind}" colspan="{mark.end - mark.start}"{title}>{escape(mark.label)}{chance}</td>'
        at = mark.end
    yield "<td></td>" * (end - at)
