"""Against words left behind: two ways to fine-tune word vectors without losing those that training never met.

Fine-tuning moves the vectors of the words in the training data alone. A word that was near them and is not in it,
television beside TV and telly, stays where it was, and the classifier that has moved on with the others may take
it for something else (CS224n notes, part 2, on retraining word vectors).

    anchor    ½ λ ‖E_w − E⁰_w‖²  in the loss: words are held to where they came from, so none goes far
    dragged   a word that was not met takes part in the moves of the words nearest to it that were
"""

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.node import Node
from chainrule.algebra.product import sum
from chainrule.algebra.select import take
from chainrule.errors import ShapeError
from chainrule.learn.choose import within
from chainrule.ner.nearest import nearest, unit
from chainrule.ner.vectors import Floats

NEAR = 5  # words, whose moves a word takes part in


def anchor(E: Node, E0: Node, words: Node, strength: float) -> Node:
    """½ λ Σ ‖E_w − E⁰_w‖² over the words w of one window, a scalar; its gradient in E has rows for these alone.

    E is (V, D), E⁰ a variable of the same shape that is not trained, `words` their numbers (W,). Add it to the
    loss of one window, before `batch`: what a word meets as a penalty then grows with its frequency, as what it
    meets from the data does. Raises SettingError for λ < 0.
    """
    within("the anchor", strength, least=0)
    away = take(E, words) - take(E0, words)
    return (0.5 * strength) * sum(away * away)


def dragged(before: Floats, after: Floats, trained: NDArray[np.bool_], near: int = NEAR) -> Floats:
    """The vectors after training, (V, D), with those that were not trained moved along.

        E_u = E⁰_u + c₁ Σₖ cₖ (E_tₖ − E⁰_tₖ) / Σₖ cₖ        c₁ ≥ c₂ ≥ …, the cosines of u with t₁, t₂ …

    over the `near` trained words t that were most like u before, and of positive cosine. A word that is like none
    of them stays, by the factor c₁. `trained` is (V,). Raises ShapeError where the three do not fit together.
    """
    if not before.shape == after.shape == (len(trained), before.shape[-1]):
        raise ShapeError(
            f"{before.shape} before, {after.shape} after and {trained.shape} trained do not fit; "
            "give (V, D) twice and (V,)"
        )
    moves, found = after - before, after.copy()
    met, left = np.flatnonzero(trained), np.flatnonzero(~trained)
    if not len(met):
        return found
    forms = unit(before)
    for rows, cosines, places in nearest(forms[left], forms[met], near):
        weights = np.maximum(cosines, 0)
        total = weights.sum(axis=1, keepdims=True)
        weights = np.divide(weights * weights[:, :1], total, out=np.zeros_like(weights), where=total > 0)
        found[left[rows]] = before[left[rows]] + np.einsum("uk,ukd->ud", weights, moves[met[places]])
    return found
