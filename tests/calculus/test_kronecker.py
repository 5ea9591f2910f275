"""The vec layout: value equal to the Jacobian with stacked columns, and Kronecker products where books have them."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.calculus.kronecker import column_stacked, vec_layout
from chainrule.calculus.textbook import textbook
from chainrule.errors import ShapeError

W, A, U = cr.matrix("W", "n", "m"), cr.matrix("A", "n", "m"), cr.matrix("U", "m", "k")
X, x, v = cr.matrix("X", "n", "n"), cr.vector("x", "m"), cr.vector("v", "n")
SIZES = {"n": 3, "m": 2, "k": 4}
SHAPES = {"W": (3, 2), "A": (3, 2), "U": (2, 4), "X": (3, 3), "x": (2,), "v": (3,)}

CASES = [
    (W @ x, W),
    (cr.tanh(W @ x), W),
    (X @ X, X),
    (X @ X @ X, X),
    (W.T, W),
    (A * W, W),
    (cr.inv(X), X),
    (cr.gradient(cr.logdet(X), X), X),
    (cr.tanh(W @ U), W),
    (W.T @ X @ W, W),
    (cr.outer(v, x), v),
    (cr.outer(v, x), x),
    (W.T @ v, W),
    (W @ U, U),
    (cr.sum(W, axis=0), W),
    (cr.diag(x), x),
    (W * cr.sum(W), W),
    (cr.exp(W).T @ X, W),
    (cr.softmax(W), W),
    (X * x[0], X),
    (cr.trace(X) * X, X),
    (A, W),
]


@pytest.mark.parametrize(("y", "w"), CASES, ids=str)
def test_the_layout_has_the_value_of_the_stacked_jacobian(y, w, rng):
    values = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    (J,) = textbook([cr.jacobian(y, w)])
    found = cr.evaluate(vec_layout(J, y.shape, w.shape), values, SIZES)
    stacked = cr.evaluate(column_stacked(cr.jacobian(y, w), y.ndim, w.ndim), values, SIZES)
    assert found.shape == stacked.shape
    np.testing.assert_allclose(found, stacked, rtol=1e-9, atol=1e-12)


def test_columns_are_stacked(rng):
    """Against differences of vec(Y) in vec(X), in NumPy's own order of columns."""
    values = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    y = W.T @ X @ W
    (J,) = textbook([cr.jacobian(y, W)])
    found = cr.evaluate(vec_layout(J, y.shape, W.shape), values, SIZES)
    base = values["W"]
    for column in range(base.size):
        step = np.zeros(base.size)
        step[column] = 1e-6
        moved = [cr.evaluate(y, {**values, "W": base + s * step.reshape(base.shape, order="F")}) for s in (1, -1)]
        slope = (moved[0] - moved[1]).flatten("F") / 2e-6
        np.testing.assert_allclose(found[:, column], slope, rtol=1e-6, atol=1e-8)


def test_a_transpose_is_the_commutation_matrix():
    (J,) = textbook([cr.jacobian(W.T, W)])
    assert vec_layout(J, W.T.shape, W.shape) is cr.commutation("n", "m")


def test_tensors_of_three_axes_are_refused():
    with pytest.raises(ShapeError, match="vectors and matrices"):
        vec_layout(cr.constant(0.0), (2, 2, 2), (3,))
