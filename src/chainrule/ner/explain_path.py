"""Integrated gradients by Gauss–Legendre: exact to rounding, with the proof that the parts sum to the difference.

The straight path is cut where a hidden unit passes a kink of its non-linearity: up to there each layer is affine
in t, so that the place follows from its two ends. On every piece F is smooth, rules converge faster than any power
of their points, and these are doubled until two rules agree and the sum is the difference of the scores.
Sundararajan, Taly & Yan 2017, "Axiomatic attribution for deep networks", §3 and proposition 1.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.polynomial.legendre import leggauss

from chainrule.ner.explain_scores import Doubles, Rows, Scores, part_way
from chainrule.ner.features import Ids

KINKS: Mapping[str, tuple[float, ...]] = {
    "relu": (0.0,),
    "leaky_relu": (0.0,),
    "parametric_relu": (0.0,),
    "hard_tanh": (-1.0, 1.0),
}
"""Where a non-linearity has no slope; between, those of this table are affine."""

CLOSE = 1e-6  # relative; the sum is to be this near to the difference
ROUNDING = 1e-13
MOST = 512  # points of a rule
TOGETHER = 1 << 21  # numbers of rows in one pass


class Integral(NamedTuple):
    """Integrated gradients of B windows.

    parts        by place and part, (B, W, F)           points   at which the gradient was taken, (B,)
    difference   F(end) − F(start), which they sum to, (B,)
    """

    parts: Doubles
    difference: Doubles
    points: Ids


class Pieces(NamedTuple):
    """Parts of paths: of which window (M,), from where to where."""

    window: Ids
    start: Doubles
    end: Doubles


def integrated(scores: Scores, start: Rows, end: Rows, q: Doubles) -> Integral:
    """∫ ∂F/∂rows along the straight path, times its length, for F = q · s in B windows."""
    difference = scores.asked(end, q) - scores.asked(start, q)
    pieces = _pieces(scores, start, end, len(q))
    found = _rule(scores, start, end, q, pieces, 1)
    count = np.bincount(pieces.window, minlength=len(q))
    points, left, n = count.copy(), np.arange(len(q)), 1
    while len(left) and n < MOST:
        n *= 2
        here = np.isin(pieces.window, left)
        some = Pieces(pieces.window[here], pieces.start[here], pieces.end[here])
        finer = _rule(scores, start, end, q, some, n)[left]
        size = np.abs(finer).sum(axis=(1, 2))
        change = np.abs(finer - found[left]).sum(axis=(1, 2))
        off = np.abs(finer.sum(axis=(1, 2)) - difference[left])
        near = ROUNDING * (size + 1)
        done = (change <= CLOSE * size + near) & (off <= 0.1 * CLOSE * np.abs(difference[left]) + near)
        found[left], points[left] = finer, n * count[left]
        left = left[~done]
    return Integral(found, difference, points)


def _rule(scores: Scores, start: Rows, end: Rows, q: Doubles, pieces: Pieces, n: int) -> Doubles:
    """The sum over pieces of the rule with n points, (B, W, F)."""
    places, weights = leggauss(n)
    half = (pieces.end - pieces.start) / 2
    t = ((pieces.start + pieces.end) / 2)[:, None] + half[:, None] * places
    weight = half[:, None] * weights
    window, t, weight = np.repeat(pieces.window, n), t.ravel(), weight.ravel()
    length = {name: end[name] - start[name] for name in start}
    W, F = scores.network.architecture.window, len(scores.parts)
    found = np.zeros((len(q), W, F))
    step = max(1, TOGETHER // int(np.sum([r[0].size for r in start.values()])))
    for k in range(0, len(t), step):
        some = slice(k, k + step)
        which = window[some]
        slopes = scores.slopes(part_way(start, end, which, t[some]), q[which])
        each = {name: np.einsum("bnd,bnd->bn", slopes[name], length[name][which]) for name in start}
        np.add.at(found, which, weight[some, None, None] * scores.by_part(each))
    return found


def _pieces(scores: Scores, start: Rows, end: Rows, count: int) -> Pieces:
    """The paths of all windows, cut at the kinks of one layer after another."""
    cuts = [np.array([0.0, 1.0])] * count
    kinks = KINKS.get(scores.network.architecture.activation, ())
    for layer in range(scores.layers if kinks else 0):
        met = [_met(scores, start, end, k, t, layer, kinks) for k, t in enumerate(cuts)]
        cuts = [np.unique(np.concatenate([t, *more])) for t, more in zip(cuts, met, strict=True)]
    window = np.repeat(np.arange(count), [len(t) - 1 for t in cuts])
    ends = [np.concatenate([t[part] for t in cuts] or [np.zeros(0)]) for part in (slice(-1), slice(1, None))]
    return Pieces(window, *ends)


def _met(
    scores: Scores, start: Rows, end: Rows, window: int, t: Doubles, layer: int, kinks: tuple[float, ...]
) -> list[Doubles]:
    """Where the units of a layer, affine between the places t, pass a kink."""
    z = scores.layer(layer, part_way(start, end, np.full(len(t), window), t))
    found = []
    for kink in kinks:
        before, after = z[:-1] - kink, z[1:] - kink
        k, unit = np.nonzero(before * after < 0)
        share = before[k, unit] / (before[k, unit] - after[k, unit])
        found.append(t[k] + share * (t[k + 1] - t[k]))
    return found
