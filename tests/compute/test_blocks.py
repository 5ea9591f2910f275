import numpy as np
import pytest

import chainrule as cr
from chainrule.compute.blocks import FEW, LEAST, NARROW, SMALL, TERMS, add_dot, block, has_blocks, machine

numba = pytest.importorskip("numba")


def test_a_block_stays_below_the_limit_and_is_worth_its_sum():
    for left, right in ((5, 3), (64, 64), (100, 250), (128, 256), (250, 100)):
        terms = block(left, right, SMALL)
        assert terms % 8 == 0
        assert terms >= LEAST
        assert terms * left * right <= SMALL
    assert block(256, 784, SMALL) is None
    assert block(100, 250, 40) is None
    assert block(100, 250, 41) == 40
    assert block(cr.vector("v", "n").shape[0], 3, SMALL) is None


@numba.njit
def added(a, b, out):
    take(a.T, b, out)
    take(a[1:].T, b[1:], out)


take = machine(numba)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("left", "terms", "right"), [(1, 2, 1), (1, 5, 4), (4, 5, 1), (7, 2, 3), (3, 40, 5)])
def test_machine_code_adds_a_product(dtype, left, terms, right, rng):
    a, b = (rng.standard_normal((terms, n)).astype(dtype) for n in (left, right))
    out = rng.standard_normal((left, right)).astype(dtype)
    wanted = out.copy()
    add_dot(a.T, b, wanted)
    add_dot(a[1:].T, b[1:], wanted)
    added(a, b, out)
    np.testing.assert_allclose(out, wanted, rtol=1e-5 if dtype == np.float32 else 1e-13, atol=1e-5)


def test_the_gradient_of_a_matrix_is_added_up_for_batches_of_any_size(rng):
    W, X, G = cr.matrix("W", 30, 40), cr.matrix("X", "B", 40), cr.matrix("G", "B", 30)
    f = cr.compile(cr.gradient(cr.sum(G * (X @ W.T)), W), [G, X], backend="numba")
    terms = block(30, 40, SMALL)
    assert f"range(0, B, {terms})" in f.source
    for B in (1, terms - 1, terms, terms + 1, 2 * terms + 5):
        x, g = rng.standard_normal((B, 40)), rng.standard_normal((B, 30))
        np.testing.assert_allclose(f(g, x), g.T @ x, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_layer_is_taken_by_rows_for_batches_of_any_size(dtype, rng):
    for columns, summed in ((5, 40), (100, 33)):
        W, X = cr.matrix("W", columns, summed, dtype=dtype), cr.matrix("X", "B", summed, dtype=dtype)
        f = cr.compile(X @ W.T, [X, W], backend="numba")
        assert "dot_by_rows(X, W.T" in f.source
        for B in (1, 2, 12, 13, 47, 48, 49, 240, 241):
            x, w = (rng.standard_normal(s).astype(dtype) for s in ((B, summed), (columns, summed)))
            np.testing.assert_allclose(f(x, w), x @ w.T, rtol=1e-4 if dtype == "float32" else 1e-12, atol=1e-5)


def test_copies_pay_for_many_wide_rows():
    n = cr.vector("v", "n").shape[0]
    assert has_blocks(n, 100, 250)
    assert has_blocks(FEW, 100, 250)
    assert not has_blocks(FEW + 1, 100, 250)
    assert has_blocks(FEW + 1, NARROW, 250)
    assert not has_blocks(n, 512, 512)
    assert not has_blocks(n, 100, TERMS - 1)
    assert not has_blocks(n, n, 100)
