"""A network written for one example, batched by a transformation, is the loop over its examples."""

import numpy as np
import pytest

import chainrule as cr

B, W, D, H, C, V = 5, 3, 2, 4, 3, 7
E, W1, b1, W2 = (
    cr.matrix("E", "V", "D"),
    cr.matrix("W1", "H", "W·D"),
    cr.vector("b1", "H"),
    cr.matrix("W2", "C", "H"),
)
window, label = cr.index("window", "W"), cr.index("label")
h = cr.tanh(W1 @ cr.ravel(cr.take(E, window)) + b1)
loss = -cr.log_softmax(W2 @ h)[label]


@pytest.fixture
def values(rng):
    return {
        "E": rng.standard_normal((V, D)),
        "W1": rng.standard_normal((H, W * D)),
        "b1": rng.standard_normal(H),
        "W2": rng.standard_normal((C, H)),
        "window": rng.integers(0, V, (B, W)),
        "label": rng.integers(0, C, B),
    }


def one(values, k):
    return {**values, "window": values["window"][k], "label": values["label"][k]}


def test_values_and_gradients_are_those_of_the_loop(values):
    losses, hs = cr.batch([loss, h], [window, label])
    assert (str(losses.shape[0]), len(hs.shape)) == ("B", 2)
    params = [E, W1, b1, W2]
    mean = cr.mean(losses)
    found = cr.evaluate([losses, mean, *cr.gradient(mean, params)], values)
    loops = [cr.evaluate([loss, *cr.gradient(loss, params)], one(values, k)) for k in range(B)]
    np.testing.assert_allclose(found[0], [row[0] for row in loops], rtol=1e-13)
    for i, result in enumerate(found[2:], 1):
        np.testing.assert_allclose(result, np.mean([row[i] for row in loops], axis=0), rtol=1e-11, atol=1e-14)


def test_per_example_gradients_are_a_batch_of_the_gradient(values):
    rows = cr.batch(cr.gradient(loss, W2), [window, label])
    found = cr.evaluate(rows, values)
    for k in range(B):
        np.testing.assert_allclose(found[k], cr.evaluate(cr.gradient(loss, W2), one(values, k)), rtol=1e-12)


def test_a_layer_of_a_batch_is_one_matrix_product():
    x = cr.vector("x", "m")
    P = cr.matrix("P", "n", "m")
    batched = cr.batch(P @ x, [x])
    X = cr.matrix("x", "B", "m")
    assert batched is X @ P.T or batched is cr.einsum("nm,bm->bn", P, X)
    assert cr.batch(x @ x, [x]) is cr.einsum("bm,bm->b", X, X)
    assert cr.batch(cr.sum(x), [x]) is cr.sum(X, axis=1)
    assert cr.batch(x[1:], [x]) is X[:, 1:]


def test_what_is_not_varied_is_repeated(values):
    x, p, k = cr.vector("x", "m"), cr.vector("p", "n"), cr.index("k")
    kept, truth, rows, varied = cr.batch([p, p > 0, k, x], [x], size=3)
    assert [n.shape[0] for n in (kept, truth, rows, varied)] == [3, 3, 3, 3]
    assert [n.dtype.kind for n in (kept, truth, rows, varied)] == ["f", "b", "i", "f"]
    given = {"p": np.array([1.0, -1.0]), "k": 4, "x": np.ones((3, 2))}
    found = cr.evaluate([kept, truth, rows, varied], given)
    np.testing.assert_array_equal(found[0], [[1, -1]] * 3)
    np.testing.assert_array_equal(found[1], [[True, False]] * 3)
    np.testing.assert_array_equal(found[2], [4, 4, 4])


def test_batches_of_size_zero_and_one(values):
    batched = cr.batch(loss, [window, label])
    d = cr.gradient(cr.sum(batched), E)
    for k in (0, 1):
        few = {**values, "window": values["window"][:k], "label": values["label"][:k]}
        losses, dE = cr.evaluate([batched, d], few)
        assert losses.shape == (k,)
        assert dE.shape == (V, D)
        assert k or not dE.any()


def test_batch_commutes_with_the_gradient_and_the_jacobian(rng):
    x, P = cr.vector("x", 3), cr.matrix("P", 2, 3)
    y = cr.softmax(P @ x)
    values = {"x": rng.standard_normal((4, 3)), "P": rng.standard_normal((2, 3))}
    X = cr.matrix("x", 4, 3)
    J = cr.evaluate(cr.batch(cr.jacobian(y, x), [x], 4), values)
    full = cr.evaluate(cr.jacobian(cr.batch(y, [x], 4), X), values)
    for k in range(4):
        np.testing.assert_allclose(full[k, :, k], J[k], rtol=1e-12, atol=1e-15)
    assert not full[0, :, 1].any()


def test_a_batch_of_batches_has_two_axes_in_front(rng):
    x = cr.vector("x", "m")
    once = cr.batch(cr.logsumexp(x), [x], "B")
    (inner,) = cr.variables(once)
    twice = cr.batch(once, [inner], "A")
    assert [str(a) for a in twice.shape] == ["A", "B"]
    v = rng.standard_normal((2, 3, 4))
    np.testing.assert_allclose(cr.evaluate(twice, {"x": v}), np.log(np.exp(v).sum(-1)), rtol=1e-13)
