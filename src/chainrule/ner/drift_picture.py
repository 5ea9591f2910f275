"""Where words stood before training and where they stand after it, on a plane, as SVG.

The plane is that of the two directions in which the vectors differ most, before and after together (principal
components): one projection for both, so that what did not move does not move. Arrows lead from before to after; a
word that was trained is filled, one that was not is hollow.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.display.axes import figure
from chainrule.display.language import Words, in_svg, plain
from chainrule.ner import drift_words as w
from chainrule.ner.drift import Drift, Left
from chainrule.ner.vectors import Floats

WIDTH, HEIGHT = 720, 470
EDGE, TOP = 34, 58
LINE, LETTER = 14, 7.2  # height of a label, width of a letter; one that is not Latin is twice as wide
ROOM = 3  # around a label

STYLE = """
.plane{display:block;width:100%;min-width:600px;height:auto;overflow:visible}
.plane text{font-size:12.5px}
.plane .old{fill:none;stroke:var(--wire);stroke-width:1.2}
.plane .way{stroke:var(--val);stroke-width:1.6;fill:none}
.plane .head{fill:var(--val)}
.plane .trained{fill:var(--val);stroke:var(--card);stroke-width:1}
.plane .still{fill:var(--card);stroke:var(--ink);stroke-width:1.6}
.plane .behind{fill:var(--card);stroke:var(--grad);stroke-width:2.4}
.plane .label{fill:var(--mute);paint-order:stroke;stroke:var(--card);stroke-width:3px;stroke-linejoin:round}
.plane .asked .label{fill:var(--ink);font-weight:700}
.plane .lost .label{fill:var(--grad)}
.plane .tie{stroke:var(--grad);stroke-width:1.3;stroke-dasharray:4 3}
.plane .seen{opacity:0;pointer-events:none}
.plane g.word{outline:none;cursor:default}
.plane g.word:hover .seen,.plane g.word:focus-visible .seen,.plane g.word.on .seen{opacity:1}
.plane g.word:hover .label,.plane g.word:focus-visible .label,.plane g.word.on .label{fill:var(--focus);
font-weight:700}
.plane .hit{fill:transparent}
.plane .hint{fill:var(--mute)}
.plane:has(g.word:hover) .hint,.plane:has(g.word:focus-visible) .hint,.plane:has(g.word.on) .hint{opacity:0}
"""


class Point(NamedTuple):
    """A word on the plane, before and after."""

    word: str
    x0: float
    y0: float
    x: float
    y: float


Places = NDArray[np.float64]
"""Of words on the plane, (n, 2)."""
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def plane(before: Floats, after: Floats) -> tuple[Places, Places, float]:
    """Both (n, D) on the plane in which they differ most together, (n, 2), and its share of all differences.

    A direction points to where its largest entry is positive, so that the picture does not depend on the machine.
    """
    both = np.concatenate([before, after]).astype(np.float64)
    both -= both.mean(axis=0)
    _, sizes, directions = np.linalg.svd(both, full_matrices=False)
    axes = np.zeros((2, both.shape[1]))
    axes[: len(directions[:2])] = directions[:2]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    places = both @ (axes * np.where(largest < 0, -1, 1)).T
    total = float((sizes**2).sum())
    share = float((sizes[:2] ** 2).sum()) / total if total else 1.0
    return places[: len(before)], places[len(before) :], share


def picture(d: Drift, rows: Sequence[int], asked: Sequence[int]) -> tuple[str, float]:
    """The words of some rows as SVG, those that were asked for first and in bold; the share of the differences."""
    old, new, share = plane(d.before[list(rows)], d.after[list(rows)])
    points = _points([d.words[row] for row in rows], old, new)
    left = {each.word: each for each in d.left}
    labels = _labels(points)
    at = {point.word: point for point in points}
    parts = [
        _word(d, row, point, label, left.get(point.word), at, row in asked)
        for row, point, label in zip(rows, points, labels, strict=True)
    ]
    title = " · ".join(plain(text) for text in dict.fromkeys(w.PICTURE))
    head = f'<svg class="plane" viewBox="0 0 {WIDTH} {HEIGHT}" role="group" aria-label="{title}">'
    marker = (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" '
        'orient="auto"><path class="head" d="M0 0 L8 4 L0 8 z"/></marker></defs>'
    )
    return f"{head}{marker}{_legend()}{''.join(parts)}</svg>", share


def _points(words: Sequence[str], old: Places, new: Places) -> list[Point]:
    """Both axes in one scale, in the middle of the picture."""
    both = np.concatenate([old, new])
    low, high = both.min(axis=0), both.max(axis=0)
    room = np.array([WIDTH - 2 * EDGE - 90, HEIGHT - TOP - EDGE])  # labels stand to the right
    spread = np.maximum(high - low, 1e-12)
    scale = float((room / spread).min())
    middle = np.array([EDGE + room[0] / 2, TOP + room[1] / 2])
    places = (np.concatenate([old, new], axis=1) - np.tile((low + high) / 2, 2)) * scale * np.array([1, -1, 1, -1])
    return [Point(word, *row) for word, row in zip(words, (places + np.tile(middle, 2)).tolist(), strict=True)]


def _wide(word: str) -> float:
    return LETTER * sum(2 if letter >= "\u1100" else 1 for letter in word)


def _labels(points: Sequence[Point]) -> list[tuple[float, float]]:
    """Where each word is written: beside its point where it covers least of the points and words before it."""
    taken: list[Box] = [(p.x - 5, p.y - 5, p.x + 5, p.y + 5) for p in points]
    taken += [(x - 3, y - 3, x + 3, y + 3) for p in points for x, y in _way(p)]
    found = []
    for p in points:
        wide = _wide(p.word)
        near = [(p.x + 9, p.y + 4), (p.x - 9 - wide, p.y + 4)]
        near += [(p.x - wide / 2, p.y + up) for up in (-10, 19)]
        near += [(x, p.y + up) for up in (-14, 22, -28, 36, -42, 50) for x in (p.x + 9, p.x - 9 - wide)]
        inside = [at for at in near if at[0] >= 2 and at[0] + wide <= WIDTH - 2 and TOP - 16 < at[1] < HEIGHT - 2]
        best = min(inside or near, key=lambda at: sum(_overlap(_box(at, wide), other) for other in taken))
        taken.append(_box(best, wide))
        found.append(best)
    return found


def _way(p: Point) -> list[tuple[float, float]]:
    """Places along the arrow of a word, from where it was."""
    shares = np.linspace(0, 1, 1 + int(np.hypot(p.x - p.x0, p.y - p.y0) / 8))
    return [(p.x0 + s * (p.x - p.x0), p.y0 + s * (p.y - p.y0)) for s in shares.tolist()]


def _box(at: tuple[float, float], wide: float) -> Box:
    return at[0] - ROOM, at[1] - LINE + ROOM, at[0] + wide + ROOM, at[1] + ROOM


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _legend() -> str:
    at, parts = EDGE, []
    for kind, text in w.LEGEND.items():
        parts.append(
            f'<circle class="{kind}" cx="{at}" cy="14" r="5"/>'
            f'<text x="{at + 11}" y="18">{in_svg(_named(text))}</text>'
        )
        at += 150
    return "".join(parts) + f'<text class="hint" x="{EDGE - 6}" y="40">{in_svg(w.HOVER)}</text>'


def _named(text: Words) -> Words:
    """Without the sign, which is drawn."""
    return Words(*(each.lstrip("●○ ") for each in text))


def _word(
    d: Drift,
    row: int,
    p: Point,
    label: tuple[float, float],
    left: Left | None,
    at: Mapping[str, Point],
    asked: bool,
) -> str:
    move = d.move(p.word)
    kind = "behind" if left else "trained" if move.trained else "still"
    away = np.hypot(p.x - p.x0, p.y - p.y0) > 3
    way = (
        f'<circle class="old" cx="{p.x0:.1f}" cy="{p.y0:.1f}" r="3.4"/>'
        f'<line class="way" x1="{p.x0:.1f}" y1="{p.y0:.1f}" x2="{p.x:.1f}" y2="{p.y:.1f}" '
        'marker-end="url(#head)"/>'
        if away
        else ""
    )
    tie = ""
    said = w.READ.filled(word=p.word, distance=figure(move.distance, 3), cosine=figure(move.cosine, 3))
    if left:
        if other := at.get(left.by):
            tie = f'<line class="tie seen" x1="{p.x:.1f}" y1="{p.y:.1f}" x2="{other.x:.1f}" y2="{other.y:.1f}"/>'
        lost = w.LOST.filled(by=left.by, before=w.cosine(left.before), after=w.cosine(left.after))
        said = Words(*(f"{a} · {b}" for a, b in zip(said, lost, strict=True)))
    classes = " ".join(["word", *(["asked"] if asked else []), *(["lost"] if left else [])])
    return (
        f'<g class="{classes}" tabindex="0" role="img" data-row="{row}" aria-label="{plain(said)}">{tie}{way}'
        f'<circle class="{kind}" cx="{p.x:.1f}" cy="{p.y:.1f}" r="{5 if asked or left else 4}"/>'
        f'<circle class="hit" cx="{p.x:.1f}" cy="{p.y:.1f}" r="12"/>'
        f'<text class="label" x="{label[0]:.1f}" y="{label[1]:.1f}">{plain(p.word)}</text>'
        f'<text class="seen" x="{EDGE - 6}" y="40">{in_svg(said)}</text></g>'
    )
