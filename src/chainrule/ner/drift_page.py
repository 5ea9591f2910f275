"""A drift as one HTML file: the verdict, the picture, and the cosines that two dimensions cannot show."""

import math
from collections.abc import Sequence
from html import escape
from importlib import resources
from itertools import combinations, islice
from typing import Any

import numpy as np

from chainrule.display import charts
from chainrule.display.axes import figure, percent
from chainrule.display.document import card, document, switches, table
from chainrule.display.language import LANGUAGES, Language, Text, Words, in_html
from chainrule.ner import drift_words as w
from chainrule.ner.drift import FALL, STILL, Drift, Move
from chainrule.ner.drift_picture import STYLE as PICTURE, picture
from chainrule.ner.drift_words import cosine
from chainrule.ner.nearest import nearest, unit
from chainrule.ner.similar import Neighbour

BESIDE = 5  # neighbours of a word that are listed
DRAWN = 4  # of them that are drawn
CHOSEN = 3  # words left behind, and those they lost, that are chosen where nobody chose
LISTED = 20  # rows of a table
WHOLE = 0.9995  # of the differences, which is written 100 %

STYLE = """
.verdict p{margin:0 0 6px;font-size:16px;max-width:76em}
.verdict.matters{border-left:4px solid var(--grad)}
.scroll{overflow-x:auto}
.words td{white-space:nowrap}
.near{display:inline-flex;flex-wrap:wrap;gap:2px 12px;justify-content:flex-start;white-space:normal;min-width:15em}
.near span small{color:var(--mute)}
.two-sided td:nth-child(n+5),.two-sided th:nth-child(n+5){text-align:left}
.pairs td:nth-child(2),.pairs th:nth-child(2){text-align:left}
.fell{color:var(--grad);font-weight:700}
"""
SCRIPT = """
"use strict";
/* a word lights up in the picture and in the table */
const all = selector => [...document.querySelectorAll(selector)];
const light = row => {
  for (const part of all("[data-row]")) part.classList.toggle("on", part.dataset.row === row);
};
for (const part of all("[data-row]")) {
  part.onpointerenter = () => light(part.dataset.row);
  part.onpointerleave = () => light("");
}
"""


def chosen(d: Drift, words: Sequence[str] = ()) -> list[str]:
    """The words that are shown: those asked for, else what was left behind and what it lost, else what moved."""
    if words:
        return list(dict.fromkeys(d.move(word).word for word in words))
    left = [word for each in d.left for word in (each.by, each.word)]
    moved = [move.word for move in d.moves(2 * CHOSEN)]
    return list(islice(dict.fromkeys([*left, *moved]), 2 * CHOSEN))


def neighbours(
    d: Drift, words: Sequence[str], count: int = BESIDE
) -> list[tuple[list[Neighbour], list[Neighbour]]]:
    """The words most like each of these, before and after."""
    rows = np.array([d.lookup[word] for word in words], np.int64)
    found: list[list[list[Neighbour]]] = []
    for matrix in (d.before, d.after):
        forms = unit(matrix)
        each: list[list[Neighbour]] = []
        for _, cosines, places in nearest(forms[rows], forms, count, but=rows):
            each += [
                [Neighbour(d.words[k], c) for k, c in zip(place, cosine, strict=True)]
                for place, cosine in zip(places.tolist(), cosines.tolist(), strict=True)
            ]
        found.append(each or [[] for _ in words])
    return list(zip(*found, strict=True))


def pairs(d: Drift, words: Sequence[str]) -> list[tuple[str, str, float, float]]:
    """The cosine of each two of these words, before and after."""
    rows = [d.lookup[word] for word in words]
    old, new = (unit(matrix[rows]).astype(np.float64) for matrix in (d.before, d.after))
    return [
        (words[i], words[k], float(old[i] @ old[k]), float(new[i] @ new[k]))
        for i, k in combinations(range(len(words)), 2)
    ]


def record(d: Drift, words: Sequence[str] = (), most: int = LISTED) -> dict[str, Any]:
    """The drift as JSON has it."""
    shown = chosen(d, words)
    return {
        "words": len(d.words),
        "trained": int(d.trained.sum()),
        "moved": moved(d),
        "near": d.near,
        "left_behind": len(d.left),
        "share": round(d.share, 6),
        "matters": d.matters,
        "verdict": w.verdict(d, tuple(shown)).en,
        "only_before": d.alone[0],
        "only_after": d.alone[1],
        "chosen": [
            {
                **_as_json(d.move(word)),
                "neighbours_before": [n._asdict() for n in old],
                "neighbours_after": [n._asdict() for n in new],
            }
            for word, (old, new) in zip(shown, neighbours(d, shown), strict=True)
        ],
        "pairs": [dict(zip(("word", "other", "before", "after"), pair, strict=True)) for pair in pairs(d, shown)],
        "moves": [_as_json(move) for move in d.moves(most)],
        "left": [each._asdict() for each in d.left[:most]],
    }


def _as_json(move: Move) -> dict[str, Any]:
    """A move with null for a share that there is none of."""
    return {**move._asdict(), "share": None if math.isnan(move.share) else move.share}


def moved(d: Drift) -> int:
    """How many words moved by more than rounding."""
    length = np.linalg.norm(d.before, axis=1)
    return int((d.distance > STILL * length).sum())


def page(d: Drift, name: str, words: Sequence[str] = (), language: Language = "en") -> str:
    """The drift as HTML, in both languages; `language` is the one that is shown first."""
    shown = chosen(d, words)
    near = neighbours(d, shown)
    title = f"{w.TITLE[LANGUAGES.index(language)]} – {name}"
    header = (
        f'<header><h1>{in_html(w.TITLE)}</h1><span class="mute">{escape(name)}</span>'
        f'<span class="spacer"></span>{switches(language)}</header>'
    )
    body = "".join(
        (
            _verdict(d, shown),
            _tiles(d),
            _picture(d, shown, near),
            _pairs(d, shown),
            _neighbours(d, shown, near),
            _left(d),
            _moves(d),
        )
    )
    styles = (charts.STYLE, resources.files(__package__).joinpath("report.css").read_text("utf-8"), PICTURE, STYLE)
    return document(title, f"{header}<main>{body}</main>", styles, SCRIPT, language)


def _verdict(d: Drift, shown: Sequence[str]) -> str:
    said = [w.verdict(d, tuple(shown)), *([advice] if (advice := w.advice(d)) else [])]
    notes = "".join(f'<p class="remark">{in_html(note)}</p>' for note in w.notes(d))
    kind = "verdict matters" if d.matters else "verdict"
    return card(w.VERDICT, "".join(f"<p>{in_html(text)}</p>" for text in said) + notes, kind)


def _tiles(d: Drift) -> str:
    far = d.moves(1)[0]
    tiles: list[tuple[Text, str, Text, str]] = [
        (w.MOVED, f"{moved(d):,}", w.OF_ALL.filled(count=f"{len(d.words):,}"), ""),
        (w.TRAINED, f"{int(d.trained.sum()):,}", w.TRAINED_BY, ""),
        (
            w.LEFT,
            f"{len(d.left):,}",
            w.OF_NEAR.filled(near=f"{d.near:,}", share=percent(d.share)),
            "bad" if d.matters else "good",
        ),
        (
            w.FARTHEST,
            figure(far.distance, 3),
            w.OF_LENGTH.filled(word=far.word, share=percent(far.share)),
            "",
        ),
    ]
    return (
        '<div class="tiles">'
        + "".join(
            f'<div class="card tile {kind}"><small>{in_html(name)}</small><b>{escape(value)}</b>'
            f"<small>{in_html(remark)}</small></div>"
            for name, value, remark, kind in tiles
        )
        + "</div>"
    )


Near = Sequence[tuple[list[Neighbour], list[Neighbour]]]


def _picture(d: Drift, shown: Sequence[str], near: Near) -> str:
    around = [n.word for both in near for side in both for n in side[:DRAWN]]
    rows = [d.lookup[word] for word in dict.fromkeys([*shown, *around])]
    drawn, share = picture(d, rows, rows[: len(shown)])
    said = w.PICTURE_REMARK.filled(share=percent(share)) if share < WHOLE else w.PICTURE_WHOLE
    remark = f'<p class="remark">{in_html(said)}</p>'
    return card(w.PICTURE, f'<div class="scroll">{drawn}</div>{remark}', "two")


def _neighbours(d: Drift, shown: Sequence[str], near: Near) -> str:
    rows = []
    for word, (old, new) in zip(shown, near, strict=True):
        move = d.move(word)
        was, now = ({n.word for n in side} for side in (old, new))
        figures = [in_html(w.YES if move.trained else w.NO), figure(move.distance, 3), figure(move.cosine, 3)]
        rows.append([f"<b>{escape(word)}</b>", *figures, _listed(old, now), _listed(new, was)])
    remark = f'<p class="remark">{in_html(w.NEIGHBOURS_REMARK.filled(count=f"{len(d.words):,}"))}</p>'
    return card(w.NEIGHBOURS, table(w.COLUMNS, rows, "words two-sided", _marks(d, shown)) + remark)


def _listed(side: Sequence[Neighbour], other: set[str]) -> str:
    """Neighbours with their cosines; those that the other side does not have in bold."""
    parts = (
        f"<span>{escape(n.word) if n.word in other else f'<b>{escape(n.word)}</b>'} "
        f"<small>{cosine(n.cosine)}</small></span>"
        for n in side
    )
    return f'<span class="near">{"".join(parts)}</span>'


def _marks(d: Drift, words: Sequence[str]) -> list[str]:
    return [f'data-row="{d.lookup[word]}"' for word in words]


def _pairs(d: Drift, shown: Sequence[str]) -> str:
    rows = [
        [f"<b>{escape(a)}</b>", escape(b), cosine(old), cosine(new), _change(new - old)]
        for a, b, old, new in sorted(pairs(d, shown), key=lambda pair: pair[3] - pair[2])
    ]
    return card(w.PAIRS, table((w.FIRST, w.SECOND, w.BEFORE, w.AFTER, w.CHANGE), rows, "pairs"), "third")


def _change(by: float) -> str:
    text = cosine(by, "+")
    return f'<span class="fell">{text}</span>' if by <= -FALL else text


def _left(d: Drift) -> str:
    shown = d.left[:LISTED]
    rows = [
        [f"<b>{escape(each.word)}</b>", escape(each.by), cosine(each.before), cosine(each.after), str(each.lost)]
        for each in shown
    ]
    return card(w.BEHIND_TITLE, _cut(table(w.BEHIND_COLUMNS, rows, "pairs"), len(shown), len(d.left)), "half")


def _moves(d: Drift) -> str:
    shown = d.moves(LISTED)
    rows = [
        [f"<b>{escape(m.word)}</b>", figure(m.distance, 3), _percent(m.share), cosine(m.cosine)] for m in shown
    ]
    return card(w.MOST, _cut(table(w.MOST_COLUMNS, rows), len(shown), moved(d)), "half")


def _percent(share: float) -> str:
    return percent(share) if math.isnan(share) else f"{percent(share)} %"


def _cut(body: str, shown: int, count: int) -> str:
    """A table, and of how many rows it shows the first."""
    if not shown:
        return f'<p class="mute">{in_html(w.NOBODY)}</p>'
    said = w.SHOWN.filled(shown=shown, count=f"{count:,}") if shown < count else Words("", "")
    return body + (f'<p class="remark">{in_html(said)}</p>' if said.en else "")
