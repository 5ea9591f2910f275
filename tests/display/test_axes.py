"""Ticks are round and few, scales are linear, smoothing keeps lines, labels keep apart."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chainrule.display.axes import Scale, decades, figure, percent, pieces, smoothed, spread, ticks, whole_ticks

NAN = math.nan
numbers = st.floats(-1e9, 1e9, allow_subnormal=False)


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.07, 0.75, [0, 0.2, 0.4, 0.6, 0.8]),
        (0.6, 0.73, [0.6, 0.65, 0.7, 0.75]),
        (0, 123456, [0, 50000, 100000, 150000]),
        (-1.2e-6, 3e-6, [-2e-6, -1e-6, 0, 1e-6, 2e-6, 3e-6]),
        (3, 3, [0, 1, 2, 3]),
        (100, 100, [0, 20, 40, 60, 80, 100]),
        (-5, -5, [-5, -4, -3, -2, -1, 0]),
        (0, 0, [0, 0.2, 0.4, 0.6, 0.8, 1]),
    ],
)
def test_ticks_are_multiples_of_1_2_or_5_times_a_power_of_ten(low, high, found):
    assert ticks(low, high) == found


@given(numbers, numbers)
def test_ticks_hold_the_numbers_are_few_and_even(a, b):
    low, high = min(a, b), max(a, b)
    if high - low < 1e-9 * max(abs(low), abs(high), 1e-3):
        return
    found = ticks(low, high)
    slack = 1e-6 * (found[-1] - found[0])
    assert found[0] <= low + slack and high - slack <= found[-1] and 2 <= len(found) <= 7
    step = found[1] - found[0]
    np.testing.assert_allclose(np.diff(found), step, rtol=1e-3)
    lead = step / 10 ** math.floor(math.log10(step * 1.001))
    assert min(abs(lead - m) for m in (1, 2, 5, 10)) < 1e-3


@pytest.mark.parametrize("bad", [(NAN, 1), (0, math.inf), (2, 1)])
def test_what_is_no_range_is_refused(bad):
    with pytest.raises(ValueError, match="ticks from"):
        ticks(*bad)


def test_powers_of_ten_and_whole_numbers():
    assert decades(2e-4, 0.3) == [1e-4, 1e-3, 1e-2, 0.1, 1]
    assert decades(2, 3) == [1, 10] and decades(1, 1) == [1, 10]
    assert len(decades(1e-30, 1e30)) <= 7
    assert whole_ticks(1, 5) == [1, 2, 3, 4, 5] and whole_ticks(4, 4) == [4]
    assert whole_ticks(1, 20) == [1, 5, 10, 15, 20]
    assert whole_ticks(1, 137) == [1, 20, 40, 60, 80, 100, 120, 137]


def test_scales_go_from_end_to_end():
    assert [Scale(2, 4, 100, 0)(v) for v in (2, 3, 4)] == [100, 50, 0]
    assert [Scale(1, 100, 0, 10, log=True)(v) for v in (1, 10, 100)] == [0, 5, 10]
    assert Scale(1, 1, 0, 10)(1) == 5 and math.isnan(Scale(0, 1, 0, 1)(NAN))


def test_smoothing_keeps_straight_lines_and_gaps():
    line = [3 - 0.5 * k for k in range(12)]
    np.testing.assert_allclose(smoothed(line), line, atol=1e-12)
    assert smoothed([7.0]) == [7.0] and smoothed([]) == []
    np.testing.assert_allclose(smoothed([1, 4]), [1, 4])
    holed = smoothed([1, NAN, 3, 4])
    assert math.isnan(holed[1])
    np.testing.assert_allclose([holed[0], *holed[2:]], [1, 3, 4])


def test_smoothing_is_a_weighted_least_squares_line(rng):
    values = rng.normal(size=9)
    k, reach = 4, 3
    x = np.arange(k - reach, k + reach + 1)
    w = np.sqrt((1 - np.abs((x - k) / (reach + 1)) ** 3) ** 3)
    (_, level), *_ = np.linalg.lstsq(np.stack([(x - k) * w, w], 1), values[x] * w, rcond=None)
    assert smoothed(list(values))[k] == pytest.approx(level)


@given(st.lists(st.floats(-100, 100), max_size=8))
def test_labels_keep_apart_in_their_order_around_the_same_middle(places):
    found = spread(places, 5)
    order = sorted(range(len(places)), key=places.__getitem__)
    assert all(found[b] - found[a] >= 5 - 1e-6 for a, b in pairwise(order))
    assert sum(found) == pytest.approx(sum(places), abs=1e-6)


def test_labels_that_are_apart_stay_and_equal_ones_part_evenly():
    assert spread([0, 10, 30], 5) == [0, 10, 30]
    assert spread([7, 7, 7, 40], 3) == [4, 7, 10, 40]


def test_lines_are_cut_where_a_value_is_missing():
    assert pieces([(0, NAN), (1, 1), (2, 2), (3, NAN), (4, 4)]) == [[(1, 1), (2, 2)], [(4, 4)]]
    assert pieces([(0, NAN)]) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.41273, "0.4127"),
        (123456.7, "123,457"),
        (-2.5, "−2.5"),
        (3.1e-9, "3.1e−9"),
        (0, "0"),
        (-0.0, "0"),
        (NAN, "–"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (1e12, "1e12"),
    ],
)
def test_numbers_as_people_read_them(value, text):
    assert figure(value) == text


def test_percentages():
    assert [percent(v) for v in (0, 0.8688, 1, NAN)] == ["0.0", "86.9", "100.0", "–"]
