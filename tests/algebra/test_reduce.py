"""Reductions: closed forms, ties, special numbers and empty axes."""

import numpy as np
import pytest
from helpers import assert_slope

import chainrule as cr

x, z = cr.vector("x", "n"), cr.matrix("z", "m", "n")


def at(f, v, of=x):
    return cr.evaluate(f(of), {of.attrs["name"]: np.asarray(v, float)})


def slope(f, v):
    return cr.evaluate(cr.gradient(f(x), x), {"x": np.asarray(v, float)})


# ── closed forms ──────────────────────────────────────────────────────────────────────────────────────


def test_softmax_and_its_jacobian_are_the_textbooks(rng):
    v = rng.standard_normal(5)
    p = np.exp(v) / np.exp(v).sum()
    np.testing.assert_allclose(at(cr.softmax, v), p, rtol=1e-14)
    np.testing.assert_allclose(at(cr.log_softmax, v), np.log(p), rtol=1e-13)
    np.testing.assert_allclose(at(cr.logsumexp, v), np.log(np.exp(v).sum()), rtol=1e-14)
    J, G, H = cr.evaluate(
        [cr.jacobian(cr.softmax(x), x), cr.gradient(cr.logsumexp(x), x), cr.hessian(cr.logsumexp(x), x)], {"x": v}
    )
    np.testing.assert_allclose(J, np.diag(p) - np.outer(p, p), atol=1e-15)
    np.testing.assert_allclose(G, p, rtol=1e-14)
    np.testing.assert_allclose(H, J, atol=1e-15)


def test_cross_entropy_has_the_gradient_p_minus_y(rng):
    v, k = rng.standard_normal(4), cr.index("k")
    loss = -cr.log_softmax(x)[k]
    d = cr.evaluate(cr.gradient(loss, x), {"x": v, "k": 2})
    p = np.exp(v) / np.exp(v).sum()
    np.testing.assert_allclose(d, p - np.eye(4)[2], atol=1e-15)


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 1), (1, 0), ()])
def test_axes_are_numpys(axis, rng):
    v, z = rng.standard_normal((3, 4)), cr.matrix("z", 3, 4)
    for f, expected in [
        (cr.max, np.max(v, axis=axis)),
        (cr.min, np.min(v, axis=axis)),
        (cr.logsumexp, np.log(np.sum(np.exp(v), axis=axis))),
        (cr.norm1, np.sum(np.abs(v), axis=axis)),
        (cr.norm2, np.sqrt(np.sum(v**2, axis=axis))),
        (cr.softmax, np.exp(v) / np.sum(np.exp(v), axis=axis, keepdims=True)),
        (cr.log_softmax, v - np.log(np.sum(np.exp(v), axis=axis, keepdims=True))),
    ]:
        node = f(z, axis=axis)
        result = cr.evaluate(node, {"z": v})
        assert np.shape(result) == np.shape(expected)
        np.testing.assert_allclose(result, expected, rtol=1e-13, atol=1e-15)
        assert_slope(cr.sum(node * node), z, {"z": v}, rng)


def test_softmax_and_logsumexp_run_over_the_last_axis():
    assert cr.softmax(z) is cr.softmax(z, axis=1)
    assert cr.logsumexp(z) is cr.logsumexp(z, axis=-1)
    assert str(cr.softmax(z)) == "softmax(z)"
    assert str(cr.softmax(z, axis=0)) == "softmax(z, axis=0)"


def test_norm_1_has_the_sign_as_gradient():
    np.testing.assert_array_equal(slope(cr.norm1, [-2, 0, 3]), [-1, 0, 1])


# ── conventions ───────────────────────────────────────────────────────────────────────────────────────


def test_ties_share_equally():
    np.testing.assert_array_equal(slope(cr.max, [1, 3, 3, 2]), [0, 0.5, 0.5, 0])
    np.testing.assert_array_equal(slope(cr.min, [1, 1, 1, 2]), [1 / 3, 1 / 3, 1 / 3, 0])
    d = cr.evaluate(cr.gradient(cr.sum(cr.max(z, axis=1)), z), {"z": np.array([[1.0, 1.0], [0.0, 5.0]])})
    np.testing.assert_array_equal(d, [[0.5, 0.5], [0, 1]])


def test_the_norm_has_subgradient_zero_at_zero():
    assert at(cr.norm2, [0, 0]) == 0
    np.testing.assert_array_equal(slope(cr.norm2, [0, 0]), [0, 0])
    H = cr.evaluate(cr.hessian(cr.norm2(x), x), {"x": np.zeros(2)})
    assert np.isfinite(H).all()
    rows = cr.gradient(cr.sum(cr.norm2(z, axis=1)), z)
    d = cr.evaluate(rows, {"z": np.array([[0.0, 0.0], [3.0, 4.0]])})
    np.testing.assert_allclose(d, [[0, 0], [0.6, 0.8]], rtol=1e-15)


def test_a_number_is_its_own_reduction():
    s = cr.scalar("s")
    assert cr.max(s) is s
    assert cr.logsumexp(s, axis=None) is s
    assert cr.evaluate([cr.norm2(s), cr.norm1(s), cr.softmax(s, axis=None)], {"s": -np.inf}) == [np.inf, np.inf, 1]


# ── special numbers ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("offset", [0.0, 1e4, -1e4, 1e15, -1e15, 1e300])
def test_offsets_change_nothing_but_the_offset(offset):
    v = np.array([0.0, 1.0, -2.0]) if abs(offset) < 1e10 else np.zeros(3)
    plain = np.exp(v) / np.exp(v).sum()
    np.testing.assert_allclose(at(cr.softmax, v + offset), plain, rtol=1e-11)
    np.testing.assert_allclose(at(cr.log_softmax, v + offset), np.log(plain), rtol=1e-11)
    np.testing.assert_allclose(
        at(cr.logsumexp, v + offset) - offset,
        np.log(np.exp(v).sum()),
        rtol=1e-11,
        atol=1e-2 * abs(offset > 1e10) + abs(offset) * 3e-16,
    )
    np.testing.assert_allclose(slope(cr.logsumexp, v + offset), plain, rtol=1e-11)


def test_far_apart_logits_saturate():
    v = [1e4, 0.0, -1e4]
    np.testing.assert_array_equal(at(cr.softmax, v), [1, 0, 0])
    np.testing.assert_array_equal(at(cr.log_softmax, v), [0, -1e4, -2e4])
    assert at(cr.logsumexp, v) == 1e4
    np.testing.assert_array_equal(slope(lambda t: cr.log_softmax(t)[2], v), [-1, 0, 1])


def test_minus_infinity_masks_an_entry():
    v = [1.0, -np.inf, 1.0]
    np.testing.assert_array_equal(at(cr.softmax, v), [0.5, 0, 0.5])
    np.testing.assert_allclose(at(cr.logsumexp, v), 1 + np.log(2))
    np.testing.assert_array_equal(slope(cr.logsumexp, v), [0.5, 0, 0.5])
    np.testing.assert_array_equal(slope(lambda t: -cr.log_softmax(t)[0], v), [-0.5, 0, 0.5])
    assert at(cr.logsumexp, [-np.inf, -np.inf]) == -np.inf
    assert at(cr.logsumexp, [np.inf, 0]) == np.inf


def test_norms_neither_overflow_nor_underflow():
    for scale in (1e308, 1e200, 1e-200, 5e-324):
        np.testing.assert_allclose(at(cr.norm2, [scale, 0]), scale, rtol=1e-15)
    np.testing.assert_allclose(at(cr.norm2, [3e200, 4e200]), 5e200, rtol=1e-15)
    np.testing.assert_allclose(slope(cr.norm2, [3e200, 4e200]), [0.6, 0.8], rtol=1e-15)
    np.testing.assert_allclose(slope(cr.norm2, [3e-200, 4e-200]), [0.6, 0.8], rtol=1e-15)
    assert at(cr.norm2, [np.inf, 1]) == np.inf


def test_nan_shows():
    for f in (cr.max, cr.min, cr.norm2, cr.logsumexp):
        assert np.isnan(at(f, [1, np.nan]))
    assert np.isnan(at(cr.softmax, [1, np.nan])).all()


# ── empty axes ────────────────────────────────────────────────────────────────────────────────────────


def test_reductions_over_nothing_have_their_neutral_value():
    assert at(cr.logsumexp, []) == -np.inf
    assert at(cr.norm2, []) == at(cr.norm1, []) == at(cr.sum, []) == 0
    assert at(cr.softmax, []).shape == at(cr.log_softmax, []).shape == (0,)
    for f in (cr.logsumexp, cr.norm2):
        assert slope(f, []).shape == (0,)
        np.testing.assert_array_equal(at(lambda t, f=f: f(t, axis=0), np.zeros((3, 0)), z), np.zeros(0))
    np.testing.assert_array_equal(at(lambda t: cr.logsumexp(t, axis=1), np.zeros((2, 0)), z), [-np.inf, -np.inf])
    np.testing.assert_array_equal(at(lambda t: cr.max(t, axis=0), np.zeros((3, 0)), z), np.zeros(0))


def test_the_largest_of_nothing_is_refused():
    with pytest.raises(cr.BindingError) as caught:
        at(cr.max, [])
    assert str(caught.value) == "max(x): there is no entry to choose, because an axis has size 0"
    with pytest.raises(cr.ShapeError) as caught:
        cr.min(cr.matrix("e", 3, 0), axis=1)
    assert str(caught.value) == "min of e (3×0): there is no entry to choose"
