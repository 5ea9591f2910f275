"""A confusion matrix as SVG: the share of each row in one hue, counts in small type, the diagonal outlined.

The diagonal is not coloured, since what is right is most of it, and would swamp the mistakes.
"""

from collections.abc import Callable, Sequence

from chainrule.display.axes import percent
from chainrule.display.language import Text, in_html, in_svg, plain

STYLE = """
.heat{display:block;max-width:100%;height:auto}
.heat text{font-size:12.5px;text-anchor:middle;font-variant-numeric:tabular-nums}
.heat .count{font-size:10px;fill:var(--mute)}
.heat .axis{fill:var(--mute)}
.heat .deep text{fill:var(--card)}
.heat .row{text-anchor:end}
.heat .slanted{text-anchor:start}
.heat .room{fill:var(--bg)}
.heat .shade{fill:var(--grad)}
.heat .own{fill:none;stroke:var(--ink);stroke-width:1.8}
.heat a:hover .edge,.heat a:focus-visible .edge{stroke:var(--focus);stroke-width:3}
.heat .edge{fill:none;stroke:none}
.heat a:focus-visible{outline:none}
.heat .zero text{fill:var(--mute);opacity:.55}
.scroll{overflow-x:auto}
"""

SIZES = ((8, 62, 44), (14, 48, 38), (10**6, 30, 26))  # up to so many labels: width and height of a cell
LONGEST = 16  # letters of a label


def heat_map(
    title: Text,
    remark: Text,
    rows: Text,
    columns: Text,
    labels: Sequence[str],
    counts: Sequence[Sequence[int]],
    link: Callable[[int, int], str],
) -> str:
    """A figure of counts (row, column) as shares of their row; `link` is where a click on a cell leads, or ""."""
    n = len(labels)
    wide, high = next((w, h) for most, w, h in SIZES if n <= most)
    short = [label if len(label) <= LONGEST else label[: LONGEST - 1] + "…" for label in labels]
    longest = max(map(len, short), default=0)
    slanted = 8 * longest + 6 > wide
    left, top = 8 * longest + 38, (6 * longest + 46 if slanted else 46)
    shares = [[c / total if (total := sum(row)) else 0.0 for c in row] for row in counts]
    deepest = max((s for i, row in enumerate(shares) for j, s in enumerate(row) if i != j), default=0.0) or 1.0
    parts = [
        f'<text class="axis" x="{left + n * wide / 2}" y="12">{in_svg(columns)}</text>',
        f'<text class="axis" transform="translate(12 {top + n * high / 2}) rotate(-90)">{in_svg(rows)}</text>',
    ]
    for k, (name, label) in enumerate(zip(short, labels, strict=True)):
        x, y = left + (k + 0.5) * wide, top + (k + 0.5) * high
        turn = f'class="slanted" transform="translate({x:.0f} {top - 8}) rotate(-45)"' if slanted else ""
        place = turn or f'x="{x:.0f}" y="{top - 9}"'
        whole = f"<title>{plain(label)}</title>"
        parts.append(f"<text {place}>{plain(name)}{whole}</text>")
        parts.append(f'<text class="row" x="{left - 8}" y="{y + 4:.0f}">{plain(name)}{whole}</text>')
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            box = (left + j * wide, top + i * high, wide, high)
            said = f"{labels[i]} → {labels[j]}: {count:,} ({percent(shares[i][j])} %)"
            cell = _cell(box, shares[i][j], deepest, count, i == j, n)
            parts.append(_linked(cell, link(i, j) if count else "", said))
    width, height = left + n * wide + (4 * longest if slanted else 4), top + n * high + 4
    size = f'viewBox="0 0 {width} {height}" width="{width}"'
    head = f'<svg class="heat" {size} role="group" aria-label="{plain(title)}">'
    caption = f'<figcaption class="unseen">{in_html(title)}</figcaption>'
    below = f'<p class="remark">{in_html(remark)}</p>' if remark else ""
    return f'<figure>{caption}<div class="scroll">{head}{"".join(parts)}</svg></div>{below}</figure>'


def _cell(
    place: tuple[float, float, float, float], share: float, deepest: float, count: int, own: bool, n: int
) -> str:
    x, y, wide, high = place
    roomy = n <= SIZES[1][0]
    box = f'x="{x + 1.5}" y="{y + 1.5}" width="{wide - 3}" height="{high - 3}" rx="4"'
    depth = 0.0 if own else share / deepest
    shade = f'<rect class="shade" {box} fill-opacity="{0.1 + 0.85 * depth:.3f}"/>' if depth else ""
    if not (count or roomy or own):
        return f'<rect class="room" {box}/>'
    middle, line = x + wide / 2, y + high / 2
    text = percent(share) if roomy else f"{100 * share:.0f}"
    figures = f'<text x="{middle}" y="{line + (0 if roomy and count else 4)}">{text if count else "·"}</text>'
    if roomy and count:
        figures += f'<text class="count" x="{middle}" y="{line + 12}">{count:,}</text>'
    outline = f'<rect class="own" {box}/>' if own else ""
    kind = "deep" if depth > 0.55 else "" if count else "zero"
    return f'<g class="{kind}"><rect class="room" {box}/>{shade}{outline}{figures}<rect class="edge" {box}/></g>'


def _linked(cell: str, href: str, said: str) -> str:
    title = f"<title>{plain(said)}</title>"
    return f'<a href="{href}" aria-label="{plain(said)}">{title}{cell}</a>' if href else cell
