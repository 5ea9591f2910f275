"""Gradients taken layer by layer are the gradients, and speak of the error signals."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.algebra.node import topological
from chainrule.calculus.layers import gradients_by_layers
from chainrule.calculus.naming import pre_activations
from chainrule.calculus.textbook import recognised, textbook

W, V, x, u = cr.matrix("W", 3, 2), cr.matrix("V", 3, 3), cr.vector("x", 2), cr.vector("u", 3)
b, y = cr.vector("b", 3), cr.vector("y", 3)
z = W @ x + b
gate = cr.sigmoid(V @ y) * cr.tanh(z)
CASES = {
    "one layer": u.T @ cr.tanh(z),
    "two layers": u.T @ cr.tanh(V @ cr.sigmoid(z)),
    "shared weights": u.T @ cr.tanh(V @ cr.tanh(V @ cr.tanh(z)) + b),
    "gates": u.T @ (gate + cr.tanh(cr.sigmoid(z) * y + gate)),
    "a layer used twice": cr.sum(cr.tanh(z)) * cr.sum(z) + u.T @ cr.softmax(z),
    "cross-entropy": -(y.T @ cr.log_softmax(V @ cr.relu(z))),
    "margin": cr.relu(1 - u.T @ cr.tanh(z) + u.T @ cr.tanh(V @ cr.tanh(z))),
    "autoencoder": cr.norm2(V.T @ cr.sigmoid(V @ y + b) - y) ** 2,
    "no layer": cr.norm2(W @ x - y) ** 2,
    "no flow": cr.sum(cr.sign(cr.tanh(V @ cr.tanh(z)))) + u @ y,
    "weights on both paths": u.T @ (cr.tanh(z) + W @ x),
}


@pytest.mark.parametrize("name", CASES)
def test_they_are_the_gradients(name, rng):
    s = CASES[name]
    wrt = [W, V, x, u, b, y]
    values = {v.attrs["name"]: rng.standard_normal(v.shape) for v in wrt}
    results, signals = gradients_by_layers(s, wrt)
    for found, wanted, v in zip(results, cr.gradient(s, wrt), wrt, strict=True):
        assert found.shape == v.shape
        np.testing.assert_allclose(cr.evaluate(found, values), cr.evaluate(wanted, values), rtol=1e-9, atol=1e-12)
    assert list(signals) == [layer for layer in pre_activations(s) if layer in signals]
    for layer, signal in signals.items():
        wanted = cr.gradient(s, layer)
        np.testing.assert_allclose(cr.evaluate(signal, values), cr.evaluate(wanted, values), rtol=1e-9, atol=1e-12)


def test_every_gradient_speaks_of_the_error_signals():
    a, c = V @ y, z
    s = u.T @ (cr.sigmoid(a) * cr.tanh(c))
    (by_y, by_x, by_V, by_b), signals = gradients_by_layers(s, [y, x, V, b])
    assert by_y is V.T @ signals[a] and by_x is W.T @ signals[c]
    assert by_V is cr.outer(signals[a], y) and by_b is signals[c]


def test_an_earlier_signal_speaks_of_a_later_one():
    inner = cr.tanh(z)
    outer = V @ inner
    _, signals = gradients_by_layers(u.T @ cr.tanh(outer), [W])
    assert signals[outer] in topological([signals[z]])


def test_by_a_layer_itself_or_by_something_else():
    s = u.T @ cr.tanh(z)
    slope = u * (1 - cr.tanh(z) ** 2)
    assert gradients_by_layers(s, [z, W])[0] == [slope, cr.outer(slope, x)]
    assert gradients_by_layers(s, [cr.tanh(z)])[0] == [u]
    assert gradients_by_layers(s, [V, s])[0] == [cr.zeros(3, 3), cr.constant(1.0)]


def test_without_an_error_signal_worth_a_letter_it_is_the_plain_textbook_form():
    X, w, t = cr.matrix("X", "N", "n"), cr.vector("w", "n"), cr.vector("t", "N")
    losses = [cr.sum(cr.relu(1 - t * (X @ w))), cr.logsumexp(X @ w), -cr.sum(cr.log(cr.sigmoid(t * (X @ w))))]
    for s in recognised(losses):
        assert gradients_by_layers(s, [w, X])[0] == textbook(cr.gradient(s, [w, X]), given=[s])


def test_a_network_of_two_hundred_layers():
    node = y
    for _ in range(200):
        node = cr.tanh(V @ node)
    (result,), signals = gradients_by_layers(u.T @ node, [y])
    assert len(signals) == 200
    assert result is V.T @ signals[V @ y]
