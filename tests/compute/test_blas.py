"""Products in compiled code are NumPy's, whatever the sizes and however the operands lie in memory."""

import itertools

import numpy as np
import pytest

from chainrule.compute import blas

numba = pytest.importorskip("numba")

SIZES = (0, 1, 2, 5)


@pytest.fixture(scope="module")
def dot():
    product = blas.numpy(numba).dot

    @numba.njit
    def into(x, y, out):
        product(x, y, out)

    return into


def laid(rng, shape, layout, dtype):
    a = np.asarray(rng.standard_normal(shape), dtype)
    if layout == "A":  # every second row and column of something larger
        wide = np.full([2 * n + 1 for n in shape], np.nan, dtype)
        part = wide[tuple(slice(0, 2 * n, 2) for n in shape)]
        part[...] = a
        return part
    return np.asarray(a, order=layout)


@pytest.mark.parametrize("layouts", ["CC", "CF", "FC", "FF"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_matrices_of_any_size_and_order(layouts, dtype, dot, rng):
    for m, k, n in itertools.product(SIZES, repeat=3):
        x, y = laid(rng, (m, k), layouts[0], dtype), laid(rng, (k, n), layouts[1], dtype)
        out = np.full((m, n), np.nan, dtype)
        dot(x, y, out)
        np.testing.assert_allclose(out, x @ y, rtol=20 * np.finfo(dtype).eps, atol=20 * np.finfo(dtype).eps)


@pytest.mark.parametrize("layout", "CF")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_matrices_and_vectors(layout, dtype, dot, rng):
    for m, k in itertools.product(SIZES, repeat=2):
        matrix, left, right = laid(rng, (m, k), layout, dtype), *(laid(rng, (a,), "C", dtype) for a in (m, k))
        for x, y in ((matrix, right), (left, matrix)):
            out = np.full((x @ y).shape, np.nan, dtype)
            dot(x, y, out)
            np.testing.assert_allclose(out, x @ y, rtol=20 * np.finfo(dtype).eps, atol=20 * np.finfo(dtype).eps)


def test_other_operands_are_left_to_numba(rng):
    product = blas.numpy(numba).dot
    inner = numba.njit(lambda x, y: product(x, y))  # noqa: PLW0108  Numba compiles functions alone
    x, y = rng.standard_normal(7), rng.standard_normal(7)
    assert inner(x, y) == pytest.approx(x @ y, rel=1e-15)
    assert inner(np.empty(0), np.empty(0)) == 0
    square = rng.standard_normal((3, 3))
    np.testing.assert_allclose(inner(square, square), square @ square, rtol=1e-14)
    a, b, out = laid(rng, (3, 4), "A", np.float64), laid(rng, (4, 2), "C", np.float64), np.empty((3, 2))
    with pytest.warns(numba.NumbaPerformanceWarning):
        numba.njit(lambda *given: product(*given))(a, b, out)  # noqa: PLW0108
    np.testing.assert_allclose(out, a @ b, rtol=1e-14)
