"""One minute with the graph, through the public face alone."""

import numpy as np
import pytest

import chainrule as cr


def test_the_graph_of_the_lecture():
    # an expression is written once, as in the lecture; a dimension is a name or a number
    W, x = cr.matrix("W", "n", "m"), cr.vector("x", "m")
    b, u = cr.vector("b", "n"), cr.vector("u", "n")
    h = cr.tanh(W @ x + b)
    s = u.T @ h
    assert s is u.T @ np.tanh(W @ x + b)
    assert str(s) == "uᵀ tanh(W x + b)"

    # its gradients are expressions too, and share what they have in common
    dW, db, dx = cr.gradient(s, [W, b, x])
    assert dW is cr.outer(db, x)
    assert dx is W.T @ db
    assert str(db) == "u ⊙ (1 - tanh(W x + b)²)"
    assert cr.jacobian(h, x) is cr.diag(1 - h**2) @ W
    assert cr.hessian(s, [x, W]).shape == (*x.shape, *W.shape)

    # numbers come in by name, and the sizes of n and m with them
    values = {"W": [[1, 0], [0, 1], [1, 1]], "x": [0.5, -0.5], "b": [0, 0, 0], "u": [1, 2, 3]}
    assert cr.evaluate(s, values) == pytest.approx(np.tanh(0.5) - 2 * np.tanh(0.5))
    np.testing.assert_allclose(
        cr.evaluate(dx, values), [(1 - np.tanh(0.5) ** 2) + 3, 2 * (1 - np.tanh(0.5) ** 2) + 3]
    )

    # differences agree, and say what is wrong where they do not
    assert cr.check(s, values).ok
    print_out = str(cr.check(s, values, claims={"b": 2 * db}))
    assert "likely cause: a factor 2 too many" in print_out


def test_the_example_of_the_lecture_with_numbers():
    x, y, z = cr.scalar("x"), cr.scalar("y"), cr.scalar("z")
    f = (x + y) * cr.maximum(y, z)
    assert cr.evaluate([f, *cr.gradient(f, [x, y, z])], {"x": 1, "y": 2, "z": 0}) == [6, 2, 5, 0]


def test_a_window_classifier_from_one_example_to_a_batch():
    E, W, b = cr.matrix("E", "V", "D"), cr.matrix("W", "C", "3D"), cr.vector("b", "C")
    window, label = cr.index("window", 3), cr.index("label")
    z = W @ cr.ravel(E[window]) + b
    loss = -cr.log_softmax(z)[label]
    many = cr.mean(cr.batch(loss, [window, label]))
    rng = np.random.default_rng(0)
    values = {"E": rng.standard_normal((10, 2)), "W": rng.standard_normal((4, 6)), "b": np.zeros(4)}
    examples = {"window": rng.integers(0, 10, (32, 3)), "label": rng.integers(0, 4, 32)}
    one = {**values, "window": [1, 2, 3], "label": 2}
    delta = cr.evaluate(cr.gradient(loss, b), one)  # p − y, the error signal of the notes
    np.testing.assert_allclose(delta, cr.evaluate(cr.softmax(z), one) - np.eye(4)[2], rtol=1e-12)
    losses = []
    for _ in range(60):
        value, *steps = cr.evaluate([many, *cr.gradient(many, [E, W, b])], {**values, **examples})
        losses.append(value)
        for name, step in zip("EWb", steps, strict=True):
            values[name] = values[name] - 1.0 * step
    assert losses[-1] < 0.6 * losses[0]


def test_a_mistake_is_named_on_its_line_with_a_repair_that_fits():
    W, y = cr.matrix("W", "n", "m"), cr.vector("y", "n")
    with pytest.raises(cr.ShapeError, match=r"W @ y: W is n×m and y is n, .* W\.T @ y or y @ W would fit"):
        W @ y
    assert (W.T @ y).shape == (y @ W).shape
