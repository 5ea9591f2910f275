import numpy as np
import pytest

from chainrule.compute.exact import Exact

RNG = np.random.default_rng(0)


def operands(k, c, n=300, scale=1.0):
    return (
        (RNG.standard_normal((n, k)) * scale).astype(np.float32),
        RNG.standard_normal((k, c)).astype(np.float32),
    )


@pytest.mark.parametrize(("k", "c"), [(1, 1), (2, 3), (55, 500), (100, 21), (257, 9), (1000, 5)])
@pytest.mark.parametrize("scale", [1e-30, 1, 1e20])
def test_the_error_is_that_of_rounding_to_float32(k, c, scale):
    x, m = operands(k, c, 50, scale)
    exact = x.astype(np.float64) @ m
    bound = 2.0**-20 * k**0.5 * np.abs(x).max(axis=1)[:, None] * np.abs(m).max(axis=0)
    assert (np.abs(Exact(m)(x) - exact) <= bound).all()


@pytest.mark.parametrize("bound", [None, 1.0])
def test_a_row_has_the_same_bits_in_any_place_and_company(bound):
    x, m = operands(100, 21)
    x = np.tanh(x)
    times = Exact(m, bound)
    whole = times(x)
    for n in (1, 2, 3, 5, 16, 17, 64, 299):
        np.testing.assert_array_equal(times(x[:n]), whole[:n])
        np.testing.assert_array_equal(times(x[-n:]), whole[-n:])
    shuffled = RNG.permutation(len(x))
    np.testing.assert_array_equal(times(x[shuffled]), whole[shuffled])


def test_sums_have_no_order():
    x, m = operands(100, 21)
    order = RNG.permutation(100)
    np.testing.assert_array_equal(Exact(m)(x), Exact(m[order])(x[:, order]))


def test_rows_and_columns_of_zeros_and_no_rows_at_all():
    m = np.ones((4, 3), np.float32)
    m[:, 1] = 0
    assert Exact(m)(np.zeros((2, 4), np.float32)).tolist() == [[0, 0, 0]] * 2
    assert Exact(m)(np.ones((1, 4), np.float32)).tolist() == [[4, 0, 4]]
    assert Exact(m)(np.zeros((0, 4), np.float32)).shape == (0, 3)
    assert Exact(m, 1.0)(np.zeros((0, 4), np.float32)).dtype == np.float32
