"""Entry-wise functions against closed forms; conventions at kinks; and no NaN from the branch not taken."""

import math

import numpy as np
import pytest

import chainrule as cr

x = cr.vector("x", "n")
s, a, b = cr.scalar("s"), cr.scalar("a"), cr.scalar("b")


def slope(f, at):
    """f′ at these numbers."""
    return cr.evaluate(cr.gradient(cr.sum(f(x)), x), {"x": np.asarray(at, float)}, {"n": len(at)})


def curve(f, at):
    """f″ at these numbers."""
    first = cr.gradient(cr.sum(f(x)), x)
    return cr.evaluate(cr.gradient(cr.sum(first), x), {"x": np.asarray(at, float)}, {"n": len(at)})


# ── closed forms ──────────────────────────────────────────────────────────────────────────────────────

GRID = np.array([-3.0, -1.5, -0.7, -0.1, 0.2, 0.9, 1.7, 3.5])
p = 1 / (1 + np.exp(-GRID))
CLOSED = {
    "exp": (cr.exp, np.exp, np.exp, np.exp),
    "tanh": (cr.tanh, np.tanh, lambda t: 1 / np.cosh(t) ** 2, lambda t: -2 * np.tanh(t) / np.cosh(t) ** 2),
    "sin": (cr.sin, np.sin, np.cos, lambda t: -np.sin(t)),
    "cos": (cr.cos, np.cos, lambda t: -np.sin(t), lambda t: -np.cos(t)),
    "expm1": (cr.expm1, np.expm1, np.exp, np.exp),
    "erf": (cr.erf, np.vectorize(math.erf), lambda t: 2 / np.sqrt(np.pi) * np.exp(-(t**2)), lambda t: -4 * t / np.sqrt(np.pi) * np.exp(-(t**2))),
    "sigmoid": (cr.sigmoid, lambda t: p, lambda t: p * (1 - p), lambda t: p * (1 - p) * (1 - 2 * p)),
    "softplus": (cr.softplus, lambda t: np.log1p(np.exp(t)), lambda t: p, lambda t: p * (1 - p)),
    "relu": (cr.relu, lambda t: np.maximum(t, 0), lambda t: (t > 0) * 1.0, lambda t: 0 * t),
    "hard_tanh": (cr.hard_tanh, lambda t: np.clip(t, -1, 1), lambda t: (abs(t) < 1) * 1.0, lambda t: 0 * t),
    "abs": (cr.abs, np.abs, np.sign, lambda t: 0 * t),
    "sign": (cr.sign, np.sign, lambda t: 0 * t, lambda t: 0 * t),
    "square": (cr.square, np.square, lambda t: 2 * t, lambda t: 2 + 0 * t),
    "reciprocal": (cr.reciprocal, np.reciprocal, lambda t: -(t**-2), lambda t: 2 * t**-3),
    "cube": (lambda t: t**3, lambda t: t**3, lambda t: 3 * t**2, lambda t: 6 * t),
    "two to the": (lambda t: 2**t, lambda t: 2**t, lambda t: math.log(2) * 2**t, lambda t: math.log(2) ** 2 * 2**t),
    "leaky_relu": (lambda t: cr.leaky_relu(t, 0.1), lambda t: np.where(t > 0, t, 0.1 * t), lambda t: np.where(t > 0, 1, 0.1), lambda t: 0 * t),
    "clip": (lambda t: cr.clip(t, -1, 2), lambda t: np.clip(t, -1, 2), lambda t: ((t > -1) & (t < 2)) * 1.0, lambda t: 0 * t),
    "log of abs": (lambda t: cr.log(cr.abs(t)), lambda t: np.log(abs(t)), lambda t: 1 / t, lambda t: -1 / t**2),
    "sqrt of square": (lambda t: cr.sqrt(t**2), np.abs, np.sign, lambda t: 0 * t),
    "log1p of square": (lambda t: cr.log1p(t**2), lambda t: np.log1p(t**2), lambda t: 2 * t / (1 + t**2), lambda t: (2 - 2 * t**2) / (1 + t**2) ** 2),
}  # fmt: skip


@pytest.mark.parametrize(("f", "value", "first", "second"), CLOSED.values(), ids=CLOSED.keys())
def test_functions_and_two_derivatives_in_closed_form(f, value, first, second):
    np.testing.assert_allclose(cr.evaluate(f(x), {"x": GRID}), value(GRID), rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(slope(f, GRID), first(GRID), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(curve(f, GRID), second(GRID), rtol=1e-11, atol=1e-14)


# ── conventions where no derivative exists ────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("f", "at", "stated"),
    [
        (cr.relu, [0.0, -0.0], [0, 0]),
        (cr.abs, [0.0], [0]),
        (cr.sign, [0.0], [0]),
        (cr.hard_tanh, [-1.0, 1.0], [0, 0]),
        (lambda t: cr.clip(t, -1, 1), [-1.0, 1.0], [1, 1]),
        (lambda t: cr.leaky_relu(t, 0.25), [0.0], [0.25]),
        (lambda t: cr.maximum(t, 0), [0.0], [0.5]),
        (lambda t: cr.minimum(t, 1), [1.0], [0.5]),
        (lambda t: cr.maximum(t, t), [0.3], [1]),
        (lambda t: t**0, [0.0, 2.0], [0, 0]),
        (lambda t: t**1, [0.0], [1]),
        (lambda t: t**2, [0.0], [0]),
    ],
)
def test_the_stated_gradient_at_points_without_one(f, at, stated):
    np.testing.assert_array_equal(slope(f, at), stated)


def test_ties_share_between_the_operands():
    da, db = cr.gradient(3 * cr.maximum(a, b), [a, b])
    assert cr.evaluate([da, db], {"a": 1, "b": 1}) == [1.5, 1.5]
    assert cr.evaluate([da, db], {"a": 2, "b": 1}) == [3, 0]
    da, db = cr.gradient(3 * cr.minimum(a, b), [a, b])
    assert cr.evaluate([da, db], {"a": 1, "b": 1}) == [1.5, 1.5]
    assert cr.evaluate([da, db], {"a": 2, "b": 1}) == [0, 3]


def test_powers_at_the_border():
    power = cr.gradient(a**b, [a, b])
    assert cr.evaluate(power, {"a": 0, "b": 0}) == [0, 0]
    assert cr.evaluate(power, {"a": 0, "b": 1}) == [1, 0]
    assert cr.evaluate(power, {"a": 0, "b": 2}) == [0, 0]
    assert cr.evaluate(power, {"a": -2, "b": 3})[0] == 12
    third = s**3
    for expected in (12.0, 12.0, 6.0, 0.0):
        third = cr.gradient(third, s)
        assert cr.evaluate(third, {"s": 2.0}) == expected
    assert cr.evaluate(cr.gradient(cr.gradient(cr.gradient(s**2, s), s), s), {"s": 0.0}) == 0


# ── large and special numbers ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_saturating_functions_neither_overflow_nor_lose_their_tails(dtype):
    z = cr.vector("z", "n", dtype=dtype)
    values = {"z": np.array([-np.inf, -1e4, -80, 0, 80, 1e4, np.inf], dtype)}
    p, plus, h = cr.evaluate([cr.sigmoid(z), cr.softplus(z), cr.tanh(z)], values)
    np.testing.assert_array_equal(p[[0, 3, 5, 6]], np.array([0, 0.5, 1, 1], dtype))
    assert 0 < p[2] < 1e-34
    np.testing.assert_array_equal(plus[[0, 5, 6]], np.array([0, 1e4, np.inf], dtype))
    assert 0 < plus[2] < 1e-34
    np.testing.assert_array_equal(h[[0, 1, 5, 6]], [-1, -1, 1, 1])
    for f in (cr.sigmoid, cr.softplus, cr.tanh):
        d = cr.evaluate(cr.gradient(cr.sum(f(z)), z), values)
        assert np.isfinite(d).all()
        assert d.dtype == dtype


@pytest.mark.parametrize(
    "f",
    [cr.exp, cr.tanh, cr.sigmoid, cr.softplus, cr.relu, cr.erf, cr.sin, cr.abs, cr.square, cr.log, cr.hard_tanh],
)
def test_nan_stays_nan(f):
    assert np.isnan(cr.evaluate(f(s), {"s": np.nan}))


def test_small_arguments_keep_their_digits():
    tiny = {"x": np.array([1e-18, -1e-18])}
    np.testing.assert_array_equal(cr.evaluate(cr.expm1(x), tiny), tiny["x"])
    np.testing.assert_array_equal(cr.evaluate(cr.log1p(x), tiny), tiny["x"])
    assert cr.evaluate(cr.softplus(s), {"s": -700.0}) == math.exp(-700)


# ── where ─────────────────────────────────────────────────────────────────────────────────────────────

y = cr.vector("y", "n")
LEAKS = {
    "log": lambda t: cr.where(t > 0, cr.log(t), 0),
    "sqrt": lambda t: cr.where(t > 0, cr.sqrt(t), 0),
    "1/x": lambda t: cr.where(cr.not_equal(t, 0), 1 / t, 0),
    "reciprocal": lambda t: cr.where(t > 0, cr.reciprocal(t), 0),
    "x log x": lambda t: cr.where(t > 0, t * cr.log(t), 0),
    "sin x / x": lambda t: cr.where(cr.equal(t, 0), 1, cr.sin(t) / t),
    "power": lambda t: cr.where(t > 0, t**-0.5, 0),
    "variable power": lambda t: cr.where(t > 0, t**t, 1),
    "log1p": lambda t: cr.where(t > 0, cr.log1p(t - 1), 0),
    "exp": lambda t: cr.where(t < 1e3, t, cr.exp(1e4 * t)),
    "chain": lambda t: cr.where(t > 0, cr.exp(cr.sqrt(cr.log(t) ** 2)) / t, 0),
    "nested": lambda t: cr.where(t > 0, cr.where(t > 1, cr.sqrt(t - 1), cr.log(t)), 0),
    "maximum": lambda t: cr.maximum(cr.log(t), -5),
    "minimum": lambda t: cr.minimum(1 / cr.abs(t), 5),
    "square of a maximum": lambda t: cr.maximum(cr.log(t), -3) ** 2,
    "sum inside": lambda t: cr.where(t > 0, cr.log(t) + 2 * cr.sqrt(t) - cr.log(t) * cr.sqrt(t), 0),
}  # fmt: skip


@pytest.mark.parametrize("f", LEAKS.values(), ids=LEAKS.keys())
def test_no_nan_comes_from_the_branch_not_taken(f):
    """At 0 the branch not taken is infinite or NaN; elsewhere the derivatives are those of the branch alone."""
    inside = np.array([0.5, 2.0])
    for derivative in (slope, curve):
        found = derivative(f, [0.0, *inside])
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found[1:], derivative(f, inside), rtol=1e-13)
    at = {"x": np.array([0.0, *inside])}
    forward, J = cr.evaluate([cr.jvp(f(x), x, cr.ones("n")), cr.jacobian(f(x), x)], at)
    np.testing.assert_allclose(forward, slope(f, at["x"]), rtol=1e-12)
    np.testing.assert_allclose(J, np.diag(forward), rtol=1e-12)


W = cr.matrix("W", "n", "n")
BELOW = {
    "sum": lambda t: cr.sum(cr.log(t)),
    "mean": lambda t: cr.mean(t * cr.log(t)),
    "inner product": lambda t: t @ cr.log(t),
    "inner product of roots": lambda t: cr.sqrt(t) @ cr.log(t),
    "matrix product": lambda t: cr.log(t) @ (cr.outer(t, t) @ cr.reciprocal(t)),
    "outer product": lambda t: cr.sum(cr.outer(cr.log(t), cr.sqrt(t))),
    "norm": lambda t: cr.norm2(cr.log(t)),
    "norm at 0": lambda t: 1 / cr.norm2(t * 0),
    "logsumexp": lambda t: cr.logsumexp(1 / t),
    "log of softmax": lambda t: cr.sum(cr.log(cr.softmax(1 / t))),
    "log_softmax": lambda t: cr.sum(cr.log_softmax(1 / t)),
    "max": lambda t: cr.max(1 / t),
    "row of a table": lambda t: cr.take(cr.log(t), [0, 0])[1],
    "stack": lambda t: cr.sum(cr.concat([cr.log(t), 1 / t])),
}


@pytest.mark.parametrize("f", BELOW.values(), ids=BELOW.keys())
@pytest.mark.parametrize(
    "where", [lambda c, t: cr.where(c, t, 0), lambda c, t: cr.where(cr.opposite(c), 0, t)], ids=["a", "b"]
)
def test_no_nan_comes_through_sums_products_and_reductions(f, where):
    chosen = where(s > 0, f(x))
    dx = cr.gradient(chosen, x)
    np.testing.assert_array_equal(cr.evaluate(dx, {"x": np.array([0.0, 1.0]), "s": -1.0}), [0, 0])
    again = cr.gradient(cr.sum(dx), x)
    np.testing.assert_array_equal(cr.evaluate(again, {"x": np.array([0.0, 1.0]), "s": -1.0}, {"n": 2}), [0, 0])
    inside = {"x": np.array([0.5, 1.5]), "s": 1.0}
    np.testing.assert_allclose(cr.evaluate(dx, inside), cr.evaluate(cr.gradient(f(x), x), inside), rtol=1e-13)


def test_masked_entries_inside_a_product_stay_out(rng):
    """Rows that are not taken may be infinite without harm to those that are."""
    W, t = cr.matrix("W", 3, 2), cr.vector("t", 2)
    rows = cr.where(cr.constant([True, False, True]), cr.sqrt(W) @ t, 0)
    w = rng.uniform(1, 2, (3, 2))
    w[1] = [0, -1]
    dW, dt = cr.evaluate(cr.gradient(cr.sum(rows), [W, t]), {"W": w, "t": np.array([1.0, 2.0])})
    np.testing.assert_allclose(dt, np.sqrt(w[[0, 2]]).sum(0), rtol=1e-14)
    np.testing.assert_array_equal(dW[1], [0, 0])
    np.testing.assert_allclose(dW[0], [1, 2] / (2 * np.sqrt(w[0])), rtol=1e-14)


def test_conditions_must_be_conditions():
    for bad, error, text in [
        (x, cr.DTypeError, "x (n) is no condition; compare it, as in x > 0"),
        (1.0, cr.DTypeError, "1.0 is no condition; compare it, as in x > 0"),
        (x == y, cr.GraphError, "the condition is plain False; `==` and `!=` compare expressions as objects: write equal(a, b) or not_equal(a, b)"),
    ]:  # fmt: skip
        with pytest.raises(error) as caught:
            cr.where(bad, x, y)
        assert str(caught.value) == text


def test_truth_values_count_as_zero_and_one():
    v = {"x": np.array([-1.0, 2.0, 3.0])}
    assert cr.evaluate(cr.sum(x > 0), v) == 2
    np.testing.assert_array_equal(cr.evaluate(x * (x > 0), v), [0, 2, 3])
    assert cr.evaluate(cr.mean(cr.both(x > 0, x < 3)), v) == pytest.approx(1 / 3)
    np.testing.assert_array_equal(cr.evaluate(cr.gradient(cr.sum(x * (x > 0)), x), v), [0, 1, 1])


def test_settings_are_plain_numbers():
    for call in (lambda: cr.leaky_relu(x, s), lambda: cr.clip(x, s, 1), lambda: cr.clip(x, 0, "high")):
        with pytest.raises(cr.GraphError, match="is a plain number, not"):
            call()
    with pytest.raises(cr.GraphError, match="clip needs low ≤ high, not 2 and 1"):
        cr.clip(x, 2, 1)
    with pytest.raises(cr.GraphError, match="clip needs low ≤ high, not nan and 1"):
        cr.clip(x, math.nan, 1)
