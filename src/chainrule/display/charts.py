"""Charts as SVG: lines over epochs, columns, bars and sparklines, drawn in the colours of the page.

Every line is named where it ends. What belongs to an epoch carries `data-epoch`, so that a page can light all of
it at once; without any script, the pointer over an epoch shows its values. A value that is NaN is a gap.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from chainrule.display.axes import Scale, decades, figure, percent, pieces, smoothed, spread, ticks, whole_ticks
from chainrule.display.language import Text, Words, in_html, in_svg, plain
from chainrule.display.theme import COLOURS

WIDTH, HEIGHT = 560, 244
LEFT, RIGHT, TOP, BOTTOM = 46, 92, 30, 26
GAP = 15  # between labels
BEST = Words("best", "최고")
EPOCH = Words("epoch", "에폭")

STYLE = """
figure{margin:0}
figcaption{font-size:13px;color:var(--mute);font-weight:600;margin:0 0 4px}
figcaption small{font-weight:400;font-size:12.5px;display:block}
.chart{display:block;width:100%;height:auto;overflow:visible}
.chart text{font-size:12px}
.chart .tick{fill:var(--mute);font-size:11px;font-variant-numeric:tabular-nums}
.grid{stroke:var(--line);stroke-width:1}
.raw{fill:none;stroke-width:1.3;opacity:.42}
.even{fill:none;stroke-width:2.4;stroke-linejoin:round;stroke-linecap:round}
.mark{stroke:var(--card);stroke-width:1.5}
.bestline{stroke:var(--hotline);stroke-width:1.6;stroke-dasharray:2 3}
.bestname{font-weight:600}
.name{font-weight:600}
.at .hit{fill:transparent}
.at .seen{opacity:0;pointer-events:none}
.at:hover .seen,.at.on .seen{opacity:1}
.cross{stroke:var(--wire);stroke-width:1}
.readback{fill:var(--card)}
.col{fill:var(--val)}
.bar{display:block;width:100%;height:14px}
.bar .room{fill:var(--line);opacity:.55}
.bar .tip{stroke:var(--ink);stroke-width:2}
.spark{display:inline-block;width:92px;height:20px;vertical-align:middle;overflow:visible}
""" + "".join(f"svg text.in-{name}{{fill:var(--{name})}}" for name in COLOURS)


class Line(NamedTuple):
    """A row of values, one an epoch: its name, its colour in the theme, whether it is smoothed, and dashed."""

    name: Text
    values: Sequence[float]
    paint: str = "val"
    smooth: bool = False
    dashed: bool = False


class Rule(NamedTuple):
    """A level across the chart, with what it means."""

    name: Text
    value: float


def line_chart(
    title: Text,
    epochs: Sequence[int],
    lines: Sequence[Line],
    *,
    best: int = 0,
    remark: Text = "",
    log: bool = False,
    rule: Rule | None = None,
    write: Callable[[float], str] = figure,
) -> str:
    """A figure of lines over epochs; `best` is the epoch that is marked, `write` how values are written."""
    shown = [_drawable(line, log) for line in lines]
    known = [v for line in shown for v in line.values if math.isfinite(v)]
    if rule is not None and known and min(known) / 30 < rule.value < max(known) * 30:
        known.append(rule.value)
    if not epochs or not known:
        return _figure(title, Words("no values", "값 없음"), f'<p class="mute">{in_html(NOTHING)}</p>')
    marks = decades(min(known), max(known)) if log else ticks(min(known), max(known))
    x = Scale(epochs[0], epochs[-1], LEFT + 8, WIDTH - RIGHT - 8)
    y = Scale(marks[0], marks[-1], HEIGHT - BOTTOM, TOP, log)
    parts = [_axes(x, y, marks, epochs, write), _best(x, best, epochs)]
    if rule is not None and rule.value in known:
        parts.append(_rule(rule, y))
    parts += [_line(line, x, y, epochs) for line in shown]
    parts.append(_names(shown, y))
    parts += [_moment(k, epochs, shown, x, y, write) for k in range(len(epochs))]
    head = f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{plain(title)}">'
    return _figure(title, remark, f"{head}{''.join(parts)}</svg>", _told(shown, epochs, best, write))


NOTHING = Words("There are no values to draw.", "그릴 값이 없습니다.")


def _figure(title: Text, remark: Text, body: str, told: str = "") -> str:
    small = f"<small>{in_html(remark)}</small>" if remark else ""
    return f"<figure><figcaption>{in_html(title)}{small}</figcaption>{body}{told}</figure>"


def _drawable(line: Line, log: bool) -> Line:
    """What has no place on the axis is a gap."""
    return line._replace(values=[v if math.isfinite(v) and (v > 0 or not log) else math.nan for v in line.values])


def _axes(x: Scale, y: Scale, marks: Sequence[float], epochs: Sequence[int], write: Callable[[float], str]) -> str:
    across = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(v):.1f}" y2="{y(v):.1f}"/>'
        f'<text class="tick" x="{LEFT - 6}" y="{y(v) + 4:.1f}" text-anchor="end">{write(v)}</text>'
        for v in marks
    )
    along = "".join(
        f'<text class="tick" x="{x(k):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{k}</text>'
        for k in whole_ticks(epochs[0], epochs[-1])
    )
    name = f'<text class="tick" x="{WIDTH - RIGHT + 8}" y="{HEIGHT - 8}">{in_svg(EPOCH)}</text>'
    return across + along + name


def _best(x: Scale, best: int, epochs: Sequence[int]) -> str:
    if best not in epochs:
        return ""
    at, anchor = f"{x(best):.1f}", "middle" if x(best) > LEFT + 30 else "start"  # clear of the ticks' numbers
    return (
        f'<line class="bestline" x1="{at}" x2="{at}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        f'<text class="tick bestname" x="{at}" y="{TOP - 6}" text-anchor="{anchor}">{in_svg(BEST)} {best}</text>'
    )


def _rule(rule: Rule, y: Scale) -> str:
    at = y(rule.value)
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="var(--hotline)" '
        f'stroke-width="1.5"/><text class="tick" x="{LEFT + 4}" y="{at - 4:.1f}">{in_svg(rule.name)}</text>'
    )


def _line(line: Line, x: Scale, y: Scale, epochs: Sequence[int]) -> str:
    paint = f'stroke="var(--{line.paint})"' + (' stroke-dasharray="6 4"' if line.dashed else "")
    points = [(x(k), y(v)) for k, v in zip(epochs, line.values, strict=True)]
    even = _evened(line, y)
    curve = [(x(k), y(v)) for k, v in zip(epochs, even, strict=True)]
    drawn = _path(curve, f'class="even" {paint}')
    if line.smooth and len(epochs) > 1:
        drawn = _path(points, f'class="raw" {paint}') + drawn
    dots = "".join(
        f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{3.4 if len(epochs) < 3 else 1.9}" fill="var(--{line.paint})"/>'
        for a, b in points
        if not math.isnan(b)
    )
    return drawn + (dots if line.smooth or len(epochs) < 3 else "")


def _evened(line: Line, y: Scale) -> Sequence[float]:
    """The values of the line that is drawn: smoothed as the axis shows them, and within the axis."""
    if not line.smooth:
        return line.values
    even = smoothed([math.log10(v) if y.log else v for v in line.values])
    return [v if math.isnan(v) else min(max(10**v if y.log else v, y.low), y.high) for v in even]


def _path(points: Sequence[tuple[float, float]], how: str) -> str:
    d = " ".join("M" + " L".join(f"{a:.1f} {b:.1f}" for a, b in run) for run in pieces(points))
    return f'<path {how} d="{d}"/>' if d else ""


def _names(lines: Sequence[Line], y: Scale) -> str:
    """The name of each line beside its end."""
    ends = [(line, _last(_evened(line, y))) for line in lines]
    named = [(line, y(value)) for line, value in ends if not math.isnan(value)]
    places = spread([at for _, at in named], GAP)
    shift = min(0.0, HEIGHT - BOTTOM + 4 - max(places, default=0.0))
    shift += max(0.0, TOP - 2 - (min(places, default=TOP) + shift))
    return "".join(
        f'<text class="name in-{line.paint}" x="{WIDTH - RIGHT + 2}" y="{at + shift + 4:.1f}">'
        f"{in_svg(line.name)}</text>"
        for (line, _), at in zip(named, places, strict=True)
    )


def _last(values: Sequence[float]) -> float:
    return next((v for v in reversed(values) if math.isfinite(v)), math.nan)


def _moment(
    k: int, epochs: Sequence[int], lines: Sequence[Line], x: Scale, y: Scale, write: Callable[[float], str]
) -> str:
    """What the pointer finds at an epoch: a line down, a mark on each curve, and the values in words."""
    at, half = x(epochs[k]), (x.end - x.start) / max(len(epochs) - 1, 1) / 2
    marks = "".join(
        f'<circle class="mark seen" cx="{at:.1f}" cy="{y(line.values[k]):.1f}" r="4.6" '
        f'fill="var(--{line.paint})"/>'
        for line in lines
        if not math.isnan(line.values[k])
    )
    values = "  ·  ".join(f"{in_svg(line.name)} {write(line.values[k])}" for line in lines)
    return (
        f'<g class="at" data-epoch="{epochs[k]}">'
        f'<rect class="hit" x="{at - half:.1f}" y="{TOP - 18}" width="{2 * half:.1f}" height="{HEIGHT - TOP}"/>'
        f'<line class="cross seen" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>{marks}'
        f'<rect class="readback seen" x="0" y="0" width="{WIDTH}" height="{TOP - 2}"/>'
        f'<text class="seen" x="{LEFT}" y="14">{in_svg(EPOCH)} {epochs[k]}  ·  {values}</text></g>'
    )


def _told(lines: Sequence[Line], epochs: Sequence[int], best: int, write: Callable[[float], str]) -> str:
    """The chart in a sentence, for those who do not see it."""
    said = []
    for line in lines:
        first, last = _last(line.values[::-1]), _last(line.values)
        name = line.name if isinstance(line.name, Words) else Words(line.name, line.name)
        said.append(TOLD.filled(name=name, first=write(first), last=write(last)))
    span = SPAN.filled(first=epochs[0], last=epochs[-1])
    top = BEST_TOLD.filled(best=best) if best in epochs else Words("", "")
    whole = Words(*(" ".join(part for part in parts if part) for parts in zip(span, *said, top, strict=True)))
    return f'<p class="unseen">{in_html(whole)}</p>'


SPAN = Words("Epochs {first} to {last}.", "에폭 {first}부터 {last}까지.")
TOLD = Words("{name}: from {first} to {last}.", "{name}: {first}에서 시작해 {last}에서 끝납니다.")
BEST_TOLD = Words("The best epoch is {best}.", "최고 에폭은 {best}입니다.")


def columns(title: Text, counts: Sequence[int], labels: Sequence[str], axis: Text, *, remark: Text = "") -> str:
    """A figure of counts side by side: a histogram."""
    top, wide = max([1, *counts]), (WIDTH - LEFT - 16) / max(len(counts), 1)
    y = Scale(0, top, HEIGHT - BOTTOM - 16, TOP)
    parts = [f'<line class="grid" x1="{LEFT}" x2="{WIDTH - 16}" y1="{y(0):.1f}" y2="{y(0):.1f}"/>']
    for k, (count, label) in enumerate(zip(counts, labels, strict=True)):
        x = LEFT + k * wide
        parts.append(
            f'<rect class="col" x="{x + 2:.1f}" y="{y(count):.1f}" width="{wide - 4:.1f}" rx="2" '
            f'height="{y(0) - y(count):.1f}"><title>{plain(label)}: {count:,}</title></rect>'
            f'<text class="tick" x="{x + wide / 2:.1f}" y="{HEIGHT - BOTTOM}" text-anchor="middle">'
            f"{plain(label)}</text>"
        )
        if count:
            parts.append(
                f'<text x="{x + wide / 2:.1f}" y="{y(count) - 5:.1f}" text-anchor="middle">{count:,}</text>'
            )
    parts.append(
        f'<text class="tick" x="{(WIDTH + LEFT - 16) / 2}" y="{HEIGHT - 6}" text-anchor="middle">'
        f"{in_svg(axis)}</text>"
    )
    head = f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{plain(title)}">'
    return _figure(title, remark, f"{head}{''.join(parts)}</svg>")


def bar(share: float, tips: Sequence[float] = (), paint: str = "val") -> str:
    """A share from 0 to 1 as a bar, with ticks across it at other shares."""
    if math.isnan(share):
        return ""
    marks = "".join(
        f'<line class="tip" x1="{v:.2%}" x2="{v:.2%}" y1="0" y2="14"/>' for v in tips if not math.isnan(v)
    )
    said = percent(share)
    return (
        f'<svg class="bar" role="img" aria-label="{said} %">'
        '<rect class="room" width="100%" height="8" y="3" rx="2"/>'
        f'<rect width="{share:.2%}" height="8" y="3" rx="2" fill="var(--{paint})"/>{marks}</svg>'
    )


def sparkline(values: Sequence[float], *, log: bool = False, paint: str = "val", title: Text = "") -> str:
    """A row of values as a line of the height of a text, its last value marked."""
    shown = _drawable(Line("", values), log).values
    known = [v for v in shown if not math.isnan(v)]
    if not known:
        return ""
    low, high = min(known), max(known)
    x, y = Scale(0, max(len(values) - 1, 1), 3, 88), Scale(low, high, 17, 3, log)
    points = [(x(k), y(v)) for k, v in enumerate(shown)]
    a, b = next(p for p in reversed(points) if not math.isnan(p[1]))
    said = plain(title) or f"{figure(known[0])} → {figure(known[-1])}"
    line = _path(points, f'fill="none" stroke="var(--{paint})" stroke-width="1.6"')
    dot = f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.4" fill="var(--{paint})"/>'
    return f'<svg class="spark" viewBox="0 0 92 20" role="img" aria-label="{said}">{line}{dot}</svg>'
