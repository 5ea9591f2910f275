"""How much each word of a window, and each feature of a word, has to do with F: three answers.

    gradient     ∂F/∂x, of length ‖∂F/∂x‖, and gradient × input, ∂F/∂x · x       Shrikumar et al. 2016, §2
    occlusion    F − F(the window with it unknown), computed anew                 Zeiler & Fergus 2014, §4.1
    integrated   (x − x′) · ∫₀¹ ∂F/∂x at x′ + t (x − x′) dt                       Sundararajan et al. 2017

x′ are the rows of a window of unknown words. Integrated gradients sum to F(x) − F(x′). Rows of L enter F as a
sum: for them all three agree, but that gradient × input measures from 0.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from chainrule.ner.explain_path import Integral, integrated
from chainrule.ner.explain_scores import DIRECT, Doubles, Rows, Scores
from chainrule.ner.explain_unknown import Surroundings
from chainrule.ner.features import Ids

GRADIENT, OCCLUSION, INTEGRATED = "gradient", "occlusion", "integrated"

METHODS: Mapping[str, str] = {
    GRADIENT: "gradient × input, and the length of the gradient",
    OCCLUSION: "what is lost when it is unknown",
    INTEGRATED: "integrated gradients from unknown words",
}


class Shares(NamedTuple):
    """What B windows of W words with F parts each come to.

    words, parts   method → (B, W), (B, W, F)          delta      ∂F/∂x of each word, (B, W, X)
    value, blank   F, and F of unknown words, (B,)     integral   how integrated gradients were found
    """

    words: Mapping[str, Doubles]
    parts: Mapping[str, Doubles]
    delta: Doubles
    value: Doubles
    blank: Doubles
    integral: Integral | None


def shares(scores: Scores, around: Surroundings, centres: Ids, q: Doubles, methods: Sequence[str]) -> Shares:
    """What the words of the windows around B tokens of a sentence have to do with F = q · s, q (B, C)."""
    windows = around.windows(centres)
    inputs, without = scores.network.inputs(windows), scores.network.inputs(around.blank(windows))
    rows, blank = scores.selected(inputs), scores.selected(without)
    value, empty = scores.asked(rows, q), scores.asked(blank, q)
    slopes = scores.slopes(rows, q)
    words: dict[str, Doubles] = {}
    parts: dict[str, Doubles] = {}
    integral = None
    if GRADIENT in methods:
        parts[GRADIENT] = scores.by_part({n: np.einsum("bnd,bnd->bn", slopes[n], rows[n]) for n in rows})
        words[GRADIENT] = parts[GRADIENT].sum(axis=2)
    if OCCLUSION in methods:
        parts[OCCLUSION] = _occluded(scores, rows, blank, q, value)
        hidden = scores.asked(scores.rows(around.without(centres)), np.repeat(q, 2 * around.radius + 1, axis=0))
        words[OCCLUSION] = value[:, None] - hidden.reshape(len(centres), -1)
    if INTEGRATED in methods:
        integral = integrated(scores, blank, rows, q)
        parts[INTEGRATED] = integral.parts
        words[INTEGRATED] = integral.parts.sum(axis=2)
    return Shares(words, parts, scores.delta(slopes), value, empty, integral)


def _occluded(scores: Scores, rows: Rows, blank: Rows, q: Doubles, value: Doubles) -> Doubles:
    """F − F(with one row that of the unknown), (B, W, F)."""
    lost = {}
    for name, found in rows.items():
        B, n, S = found.shape
        if name == DIRECT:  # these are added to the scores, in order
            lost[name] = np.einsum("bns,bs->bn", found - blank[name], q[:, -S:])
            continue
        many = {other: np.repeat(r, n, axis=0) for other, r in rows.items()}
        window, place = np.repeat(np.arange(B), n), np.tile(np.arange(n), B)
        many[name][np.arange(B * n), place] = blank[name][window, place]
        lost[name] = value[:, None] - scores.asked(many, q[window]).reshape(B, n)
    return scores.by_part(lost)


def joined(parts: Sequence[Shares]) -> Shares:
    """What some windows and others come to, together."""
    first, whole = parts[0], [part.integral for part in parts if part.integral is not None]
    return Shares(
        {m: np.concatenate([part.words[m] for part in parts]) for m in first.words},
        {m: np.concatenate([part.parts[m] for part in parts]) for m in first.parts},
        np.concatenate([part.delta for part in parts]),
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.blank for part in parts]),
        Integral(
            np.concatenate([each.parts for each in whole]),
            np.concatenate([each.difference for each in whole]),
            np.concatenate([each.points for each in whole]),
        )
        if whole
        else None,
    )


def cut(found: Shares, some: slice) -> Shares:
    """What some of the windows come to."""
    words, parts = ({m: each[some] for m, each in by.items()} for by in found[:2])
    whole = found.integral
    integral = whole and Integral(whole.parts[some], whole.difference[some], whole.points[some])
    return Shares(words, parts, found.delta[some], found.value[some], found.blank[some], integral)
