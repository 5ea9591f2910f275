"""Symmetric products: half is computed, and they equal the whole."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.algebra.node import variable
from chainrule.compute.passes import prepared
from chainrule.compute.symmetric import PANEL, is_symmetric

X, Y = cr.matrix("X", "m", "n"), cr.matrix("Y", "m", "n")
v, w, t = cr.vector("v", "m"), cr.vector("w", "n"), cr.scalar("t")
A = cr.matrix("A", "n", "n")


def products(dtype):
    X, v, w = variable("X", ("m", "n"), dtype), variable("v", ("m",), dtype), variable("w", ("n",), dtype)
    forms = ["ji,j,jk->ik", "ji,j,jk->ki", "ji,jk,j->ik", "ji,i,jk,k->ik"]
    given = {"v": v, "X": X, "w": w}
    order = ["XvX", "XvX", "XXv", "XwXw"]
    made = [cr.einsum(f, *(given[c] for c in o)) for f, o in zip(forms, order, strict=True)]
    return [X.T @ X, X @ X.T, X.T @ cr.diag(v) @ X, X @ cr.diag(w) @ X.T, *made], [X, v, w]


def test_what_is_symmetric():
    for node in (X.T @ X, X @ X.T, X.T @ (cr.diag(v) @ X), (X.T @ cr.diag(t * v * v)) @ X, A.T @ A):
        assert is_symmetric(*prepared([node]))
    for node in (A @ A, X.T @ Y, X.T @ (cr.diag(v) @ Y), A @ cr.diag(w) @ A):
        assert not is_symmetric(*prepared([node]))


@pytest.mark.parametrize(("dtype", "eps"), [("float64", 2e-14), ("float32", 1e-5)])
def test_half_a_product_and_its_mirror_are_the_whole(dtype, eps, rng):
    pytest.importorskip("numba")
    nodes, inputs = products(dtype)
    f = cr.compile(nodes, inputs, backend="numba")
    for m, n in ((1, 1), (3, 7), (2 * PANEL, PANEL + 1), (PANEL, 130), (10, 3 * PANEL), (PANEL - 1, 1)):
        given = [rng.standard_normal(s).astype(dtype) for s in ((m, n), (m,), (n,))]
        wanted = cr.evaluate(nodes, dict(zip("Xvw", given, strict=True)))
        for found, value in zip(f(*given), wanted, strict=True):
            assert found.dtype == value.dtype
            np.testing.assert_allclose(found, value, rtol=eps, atol=eps * np.abs(value).max())


def test_it_is_mirrored_exactly(rng):
    pytest.importorskip("numba")
    nodes, inputs = products("float64")
    given = [rng.standard_normal(s) for s in ((90, 150), (90,), (150,))]
    for found in cr.compile(nodes[:4], inputs, backend="numba")(*given):
        np.testing.assert_array_equal(found, found.T)


def test_not_a_number_stays():
    pytest.importorskip("numba")
    f = cr.compile(X.T @ cr.diag(v) @ X, [X, v], backend="numba")
    x = np.ones((3, 4))
    x[1, 2] = np.nan
    found = f(x, np.ones(3))
    assert np.isnan(found[2]).all() and np.isnan(found[:, 2]).all() and np.isfinite(found).sum() == 9
