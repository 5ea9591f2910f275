import math

import numpy as np
import pytest

from chainrule.errors import NonFiniteError, SettingError, ShapeError
from chainrule.learn.gradients import Gradient, Rows, clip, coalesce


def dense(rows: Rows, V: int) -> np.ndarray:
    table = np.zeros((V, *rows.values.shape[1:]))
    np.add.at(table, rows.indices, rows.values)
    return table


@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
@pytest.mark.parametrize("k", [0, 1, 7, 200])
def test_coalesced_rows_are_the_same_gradient_with_each_row_once(k: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(k)
    rows = Rows(rng.integers(0, 20, k), rng.normal(size=(k, *shape)))
    once = coalesce(rows)
    assert (np.diff(once.indices) > 0).all()
    np.testing.assert_allclose(dense(once, 20), dense(rows, 20), rtol=1e-12, atol=1e-14)
    assert coalesce(once) is once


@pytest.mark.parametrize("D", [1, 3, 64])
def test_the_sum_of_a_row_has_the_same_bits_whatever_other_rows_are_there(D: int) -> None:
    rng = np.random.default_rng(D)
    indices, values = rng.integers(0, 9, 300), rng.normal(size=(300, D)).astype(np.float32)
    once = coalesce(Rows(indices, values))
    for i in range(9):
        alone = coalesce(Rows(indices[indices == i], values[indices == i]))
        assert (alone.values[0] == once.values[i]).all()


def test_coalescing_keeps_the_dtype_and_does_not_write_to_its_input() -> None:
    rows = Rows(np.array([2, 0, 2], np.int32), np.ones((3, 2), np.float32))
    once = coalesce(rows)
    assert (once.values.dtype, once.indices.dtype) == (np.float32, np.int32)
    assert rows.indices.tolist() == [2, 0, 2]
    assert (rows.values == 1).all()


@pytest.mark.parametrize("indices", [[-1, 3], [3, -1]])
def test_a_negative_row_is_refused(indices: list[int]) -> None:
    with pytest.raises(SettingError, match="row index -1 is negative"):
        coalesce(Rows(np.array(indices), np.ones((2, 1))))


def test_rows_need_one_row_of_values_for_each_index() -> None:
    with pytest.raises(ShapeError, match="give one row of values for each index"):
        Rows(np.array([1, 2]), np.ones((3, 2)))


def test_clipping_scales_all_gradients_by_one_factor() -> None:
    W = np.array([[3.0, 0.0]])
    grads: dict[str, Gradient] = {"W": W, "E": Rows(np.array([5]), np.array([[0.0, 4.0]]))}
    assert clip(grads, 1.0) == 5.0
    np.testing.assert_allclose(grads["W"], [[0.6, 0.0]])
    assert isinstance(grads["E"], Rows)
    np.testing.assert_allclose(grads["E"].values, [[0.0, 0.8]])
    assert W[0, 0] == 3.0


def test_a_norm_within_the_limit_leaves_the_gradients_as_they_are() -> None:
    W = np.array([3.0, 4.0])
    grads: dict[str, Gradient] = {"W": W}
    assert clip(grads, 5.0) == 5.0
    assert clip(grads) == 5.0
    assert grads["W"] is W


def test_repeated_rows_count_as_their_sum() -> None:
    grads: dict[str, Gradient] = {"E": Rows(np.array([1, 1]), np.array([[1.5], [1.5]]))}
    assert clip(grads, 1.0) == 3.0
    assert isinstance(grads["E"], Rows)
    assert grads["E"].values.tolist() == [[1.0]]


def test_an_array_shared_by_two_parameters_is_scaled_once_for_each() -> None:
    delta = np.array([3.0])
    grads: dict[str, Gradient] = {"b": delta, "z": delta}
    clip(grads, 3.0)
    np.testing.assert_allclose([grads["b"], grads["z"]], 3.0 / math.sqrt(2))


@pytest.mark.parametrize(("size", "dtype"), [(1e30, np.float32), (1e-30, np.float32), (1e200, np.float64)])
def test_large_and_small_gradients_neither_overflow_nor_vanish(size: float, dtype: type) -> None:
    grads: dict[str, Gradient] = {"W": np.full((2, 2), size, dtype)}
    assert clip(grads, size) == pytest.approx(2 * size, rel=1e-6)
    np.testing.assert_allclose(grads["W"], size / 2, rtol=1e-6)
    assert np.asarray(grads["W"]).dtype == dtype


def test_no_gradient_at_all_has_norm_zero() -> None:
    assert clip({}) == 0.0
    assert clip({"W": np.zeros((2, 2)), "E": Rows(np.arange(0), np.empty((0, 2)))}, 1.0) == 0.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_reported_with_parameter_and_place(bad: float) -> None:
    with pytest.raises(NonFiniteError, match=rf"the gradient of W is {bad} at \[1, 0\]; lower the learning rate"):
        clip({"b": np.ones(2), "W": np.array([[1.0, 2.0], [bad, 3.0]])})
    with pytest.raises(NonFiniteError, match=rf"the gradient of E is {bad} at \[70, 1\]"):
        clip({"E": Rows(np.array([70, 7]), np.array([[0.0, bad], [1.0, 1.0]]))})


@pytest.mark.parametrize("limit", [0, -1.0, math.nan])
def test_the_limit_must_be_positive(limit: float) -> None:
    with pytest.raises(SettingError, match="the clipping limit is"):
        clip({"W": np.ones(2)}, limit)
