"""The pitfall of the notes with three words, and its remedies: a penalty and its gradient, and words dragged along."""

from functools import cache

import numpy as np
import pytest

import chainrule as cr
from chainrule.algebra.node import index, matrix, vector
from chainrule.algebra.product import mean
from chainrule.algebra.select import ravel, take
from chainrule.calculus.batch import batch
from chainrule.errors import SettingError, ShapeError
from chainrule.learn.backprop import Backprop
from chainrule.learn.layers import affine
from chainrule.learn.losses import cross_entropy
from chainrule.learn.train import Plan, Task, train
from chainrule.ner.drift import drift
from chainrule.ner.remedies import anchor, dragged
from chainrule.ner.vectors import Vectors

WORDS = ["watched", "the", "TV", "telly", "television", "cable", "aerial"]
BEFORE = np.array([[0, 0], [0, 0], [0.5, 0.1], [0.5, -0.1], [0.5, 0], [1, 0.1], [1, -0.1]], np.float32)
LINES = [("TV", 1), ("telly", 1), ("cable", 0), ("aerial", 0)]
TRAINED = np.array([word != "television" for word in WORDS])
V, D, H, C = len(WORDS), 2, 4, 2


@cache
def window(seed, fine_tune=False, held=0.0):
    """The same network for several tests."""
    return Window(seed, fine_tune, held)


def windows(*centres):
    return np.array([[0, 1, WORDS.index(word)] for word in centres])


class Window:
    """A window network of three words, fine-tuned or not, with its vectors held by an anchor or not."""

    def __init__(self, seed, fine_tune=False, held=0.0):
        E, E0 = (matrix(name, V, D, dtype="float32") for name in ("E", "E0"))
        W, b = matrix("W", H, 3 * D, dtype="float32"), vector("b", H, dtype="float32")
        U, c = matrix("U", C, H, dtype="float32"), vector("c", C, dtype="float32")
        words, y = index("words", 3), index("y")
        self.scores = affine(cr.tanh(affine(ravel(take(E, words)), W, b)), U, c)
        loss = mean(batch(cross_entropy(self.scores, y) + anchor(E, E0, words, held), [words, y]))
        rng = np.random.default_rng(seed)
        self.params = {"E": BEFORE.copy(), "E0": BEFORE}
        for p in (W, b, U, c):
            self.params[p.attrs["name"]] = (0.5 * rng.standard_normal(p.shape)).astype(np.float32)
        X, Y = windows(*(word for word, _ in LINES)), np.array([right for _, right in LINES])
        moved = ((E,) if fine_tune else ()) + (W, b, U, c)
        task = Task(loss, self.params, moved, len(LINES), lambda k, rng: {"words": X[k], "y": Y[k]})
        plan = Plan(epochs=200, patience=200, batch_size=4, learning_rate=1.0, optimizer="sgd")
        train(task, plan, backend="numpy")

    def says(self, word, E=None):
        """The class that a word is taken for in the middle of its window."""
        values = {**self.params, "words": windows(word)[0]}
        return int(np.argmax(cr.evaluate(self.scores, values | ({} if E is None else {"E": E}))))


@pytest.mark.parametrize("seed", [0, 7, 9])
def test_television_is_right_until_tv_and_telly_are_fine_tuned_and_right_again_with_a_remedy(seed):
    fixed, tuned, held = window(seed), window(seed, True), window(seed, True, 0.3)
    along = dragged(BEFORE, tuned.params["E"], TRAINED)
    for each in (fixed, tuned, held):
        assert [each.says(word) for word, _ in LINES] == [right for _, right in LINES]
    assert [each.says("television") for each in (fixed, tuned, held)] == [1, 0, 1]
    assert tuned.says("television", along) == 1
    assert [tuned.says(word, along) for word, _ in LINES] == [right for _, right in LINES]


def test_drift_sees_the_pitfall_and_does_not_see_it_with_an_anchor():
    def seen(trained):
        vectors = [Vectors(WORDS, matrix) for matrix in (BEFORE, trained.params["E"])]
        return drift(*vectors, trained=[word for word in WORDS if word != "television"])

    tuned, held = seen(window(9, True)), seen(window(9, True, 1.0))
    assert tuned.matters and [each.word for each in tuned.left] == ["television"]
    assert not held.matters and held.left == ()


# ── the anchor ────────────────────────────────────────────────────────────────────────────────────────


def test_the_anchor_is_the_penalty_of_the_rows_met_and_its_gradient_has_these_alone():
    E, E0, words = matrix("E", 6, 3), matrix("E0", 6, 3), index("words", 4)
    rng = np.random.default_rng(0)
    now, then = rng.normal(size=(2, 6, 3))
    values = {"E": now, "E0": then, "words": np.array([[1, 4, 4, 0], [5, 1, 1, 1]])}
    loss = mean(batch(anchor(E, E0, words, 0.7), [words]))
    squares = ((now - then) ** 2).sum(axis=1)
    assert float(cr.evaluate(loss, values)) == pytest.approx(0.35 * squares[values["words"]].sum() / 2)
    backprop = Backprop(loss, [E])
    assert backprop.sparse == {"E"}
    _, grads = backprop(values)
    assert sorted(set(grads["E"].indices.tolist())) == [0, 1, 4, 5]
    met = np.bincount(values["words"].ravel(), minlength=6)[:, None]
    dense = np.zeros((6, 3))
    np.add.at(dense, grads["E"].indices, grads["E"].values)
    np.testing.assert_allclose(dense, 0.35 * met * (now - then), rtol=1e-12)
    assert cr.check(loss, values, [E]).ok


def test_a_negative_anchor_is_refused():
    with pytest.raises(SettingError, match="the anchor is -1; it must be a finite number at least 0"):
        anchor(matrix("E", 2, 2), matrix("E0", 2, 2), index("w", 1), -1)


# ── dragged along ─────────────────────────────────────────────────────────────────────────────────────


def test_words_move_by_the_weighted_mean_of_the_moves_of_their_nearest():
    rng = np.random.default_rng(3)
    before = rng.normal(size=(30, 4)).astype(np.float32)
    trained = rng.random(30) < 0.5
    after = before + np.where(trained[:, None], rng.normal(size=(30, 4)), 0).astype(np.float32)
    found = dragged(before, after, trained, near=3)
    np.testing.assert_array_equal(found[trained], after[trained])
    length = np.linalg.norm(before, axis=1)
    for u in np.flatnonzero(~trained):
        cosines = {t: before[u] @ before[t] / (length[u] * length[t]) for t in np.flatnonzero(trained)}
        best = sorted(cosines, key=lambda t: -cosines[t])[:3]
        weights = np.array([max(0, cosines[t]) for t in best])
        move = (
            weights.max()
            * sum(w * (after[t] - before[t]) for w, t in zip(weights, best, strict=True))
            / weights.sum()
        )
        np.testing.assert_allclose(found[u], before[u] + move, atol=1e-5)


def test_a_word_that_is_like_none_of_the_trained_stays():
    before = np.array([[1, 0], [0, 1], [-1, 0], [0, 0]], np.float32)
    after = before + np.array([[3, 3], [0, 0], [0, 0], [0, 0]], np.float32)
    trained = np.array([True, False, False, False])
    np.testing.assert_array_equal(dragged(before, after, trained), after)
    np.testing.assert_array_equal(dragged(before, before, np.zeros(4, bool)), before)


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(ShapeError, match=r"give \(V, D\) twice and \(V,\)"):
        dragged(np.ones((3, 2), np.float32), np.ones((3, 2), np.float32), np.ones(2, bool))
