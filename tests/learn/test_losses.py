"""Losses against closed forms, and their gradients against the notes."""

import numpy as np
import paths
import pytest

import chainrule as cr
from chainrule.algebra.chain import moves_of
from chainrule.learn.layers import ACTIVATIONS, affine, dropout, prelu
from chainrule.learn.losses import (
    binary_logistic,
    cross_entropy,
    l2,
    max_margin,
    multiclass_hinge,
    sentence_log_likelihood,
    squared_error,
)

s, t = cr.vector("s", "C"), cr.scalar("t")
RNG = np.random.default_rng(0)
VALUES = {"s": RNG.normal(size=5), "y": 3, "t": 0.7}


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def test_cross_entropy_is_minus_the_log_of_the_right_probability():
    y = cr.index("y")
    found = cr.evaluate(cross_entropy(s, y), VALUES)
    np.testing.assert_allclose(found, -np.log(softmax(VALUES["s"])[3]), rtol=1e-14)


def test_its_gradient_is_p_minus_the_one_hot():
    y = cr.index("y")
    found = cr.evaluate(cr.gradient(cross_entropy(s, y), s), VALUES)
    np.testing.assert_allclose(found, softmax(VALUES["s"]) - np.eye(5)[3], rtol=1e-13)


@pytest.mark.parametrize("scale", [1e3, 1e4])
def test_cross_entropy_never_overflows(scale):
    y = cr.index("y")
    values = {"s": scale * np.array([1.0, -1.0, 0.5]), "y": 1}
    loss, slope = cr.evaluate([cross_entropy(s, y), cr.gradient(cross_entropy(s, y), s)], values)
    assert np.isfinite(loss) and np.isfinite(slope).all()
    np.testing.assert_allclose(loss, 2 * scale, rtol=1e-12)


@pytest.mark.parametrize("y", [0.0, 1.0])
@pytest.mark.parametrize("score", [-800.0, -0.3, 0.0, 2.0, 800.0])
def test_binary_logistic(y, score):
    label = cr.scalar("y")
    loss, slope = cr.evaluate(
        [binary_logistic(t, label), cr.gradient(binary_logistic(t, label), t)], {"t": score, "y": y}
    )
    np.testing.assert_allclose(loss, np.logaddexp(0, score) - y * score, rtol=1e-12)
    np.testing.assert_allclose(slope, np.exp(-np.logaddexp(0, -score)) - y, rtol=1e-12, atol=1e-300)


def test_max_margin_is_silent_beyond_the_margin():
    c = cr.scalar("c")
    J = max_margin(t, c)
    values = {"t": 2.0, "c": 0.5}
    assert cr.evaluate([J, *cr.gradient(J, [t, c])], values) == [0, 0, 0]
    assert cr.evaluate([J, *cr.gradient(J, [t, c])], {"t": 1.0, "c": 0.5}) == [0.5, -1, 1]


@pytest.mark.parametrize("margin", [0.0, 0.5, 1.0, 3.0])
def test_the_multiclass_hinge_asks_for_a_margin_over_every_other_class(margin):
    y, z, right = cr.index("y"), VALUES["s"], VALUES["y"]
    J = multiclass_hinge(s, y, margin)
    gaps = np.delete(margin + z - z[right], right)
    found, slope = cr.evaluate([J, cr.gradient(J, s)], VALUES)
    np.testing.assert_allclose(found, gaps[gaps > 0].sum(), rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(np.delete(slope, right), gaps > 0)
    assert slope[right] == -(gaps > 0).sum()


def test_sentence_log_likelihood_is_minus_the_log_of_the_right_path_among_all(rng):
    given, tags = paths.example(6, 3, rng), rng.integers(0, 3, 6)
    S, A = cr.matrix("s", "N", "C"), cr.matrix("A", "C + 1", "C + 1")
    indices = cr.index("y", "N"), cr.index("first", "N"), cr.index("moves", "M")
    J = sentence_log_likelihood(S, A, *indices)
    values = {**given, "y": tags, "moves": moves_of(tags, given["first"], 3)}
    found, ds, dA = cr.evaluate([J, *cr.gradient(J, [S, A])], values)
    expected, p, counts = 0.0, *paths.by_hand(**given)[1:]
    for start, stop in paths.sentences(given["first"]):
        scores = dict(paths.scored(given["s"][start:stop], given["A"]))
        expected -= scores[tuple(tags[start:stop])] - np.log(np.exp([*scores.values()]).sum())
        for move in paths.moves(tags[start:stop], 3):
            counts[move] -= 1
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(ds, p - np.eye(3)[tags], rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(dA, counts, rtol=1e-11, atol=1e-14)


def test_squared_error_has_the_residual_for_gradient():
    target = cr.vector("target", "C")
    values = {**VALUES, "target": RNG.normal(size=5)}
    J = squared_error(s, target)
    found, slope = cr.evaluate([J, cr.gradient(J, s)], values)
    residual = values["s"] - values["target"]
    np.testing.assert_allclose(found, 0.5 * residual @ residual, rtol=1e-14)
    np.testing.assert_allclose(slope, residual, rtol=1e-14)


def test_l2_has_the_weights_for_gradient_and_nothing_costs_nothing():
    W = cr.matrix("W", "n", "m")
    value = RNG.normal(size=(3, 2))
    found, slope = cr.evaluate([l2([W], 0.1), cr.gradient(l2([W], 0.1), W)], {"W": value})
    np.testing.assert_allclose(found, 0.05 * (value**2).sum(), rtol=1e-14)
    np.testing.assert_allclose(slope, 0.1 * value, rtol=1e-14)
    assert cr.evaluate(l2([], 0.1)) == 0


def test_l2_keeps_the_dtype_of_the_weights():
    W = cr.matrix("W", 3, 2, dtype="float32")
    assert l2([W], 1e-4).dtype == np.float32


REFERENCE = {
    "hard_tanh": lambda z: np.clip(z, -1, 1),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "relu": lambda z: np.maximum(z, 0),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "softplus": lambda z: np.logaddexp(0, z),
    "tanh": np.tanh,
}


def test_every_activation_has_a_reference():
    assert set(REFERENCE) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations(name):
    found = cr.evaluate(ACTIVATIONS[name](s), VALUES)
    np.testing.assert_allclose(found, REFERENCE[name](VALUES["s"]), rtol=1e-13)


def test_layers_are_functions_on_nodes():
    W, x, b = cr.matrix("W", "n", "m"), cr.vector("x", "m"), cr.vector("b", "n")
    assert affine(x, W, b) is W @ x + b
    assert dropout(x, cr.vector("mask", "m")) is x * cr.vector("mask", "m")
    values = {"s": np.array([-2.0, 3.0]), "t": 0.25}
    assert cr.evaluate(prelu(s, t), values).tolist() == [-0.5, 3.0]
    assert cr.evaluate(cr.gradient(cr.sum(prelu(s, t)), t), values) == -2
