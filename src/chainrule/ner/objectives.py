"""What is asked of the scores of a window: the objectives of the lecture, by name.

With scores s (C,) of the tags and the right tag y,

    softmax    −log softmax(s)_y
    logistic   Σ_c −log P(c is right or not),  P(c | s) = σ(s_c), a unit for each tag but O: "is the centre a LOC?"
    hinge      Σ_{c≠y} max(0, Δ + s_c − s_y), the multi-class SVM
    margin     max(0, Δ + s_y(corrupt window) − s_y(window)) for a window around a name and several corrupt ones
    sentence   log Z(s, A) − (Σ s_y + Σ A_{y y′}) of a whole sentence, with scores A of moves between tags

Under `logistic` and `margin` O, the first tag, has the score 0: it is what is left where no other is positive.
Under `margin` scores are only compared, so that the biases have no gradient; they hold the thresholds, which are
chosen on dev.
CS224n notes, parts 3 and 4; Collobert et al. 2011, §3.3.
"""

from collections.abc import Callable, Mapping

from chainrule.algebra.entrywise import softplus
from chainrule.algebra.node import Node
from chainrule.algebra.product import sum
from chainrule.learn.losses import cross_entropy, multiclass_hinge

SOFTMAX, LOGISTIC, HINGE, MARGIN, SENTENCE = "softmax", "logistic", "hinge", "margin", "sentence"

OBJECTIVES: Mapping[str, str] = {
    SOFTMAX: "cross-entropy over the tags of a token",
    LOGISTIC: "one yes or no for each tag but O",
    HINGE: "the right tag ahead of every other by Δ (multi-class SVM)",
    MARGIN: "a window around a name ahead of a corrupt one by Δ",
    SENTENCE: "the tags of a sentence together, with moves between them",
}

OF_A_WINDOW: Mapping[str, Callable[[Node, Node, float], Node]] = {
    SOFTMAX: lambda s, y, margin: cross_entropy(s, y),
    LOGISTIC: lambda s, y, margin: sum(softplus(s[1:])) - s[y],
    HINGE: multiclass_hinge,
}
"""What is asked of the scores s (C,) of one window alone, given the right tag y and Δ."""

ABSENT = frozenset({LOGISTIC, MARGIN})
"""Objectives without a score for O."""
