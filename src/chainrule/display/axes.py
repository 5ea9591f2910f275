"""Numbers on paper: ticks that are round, scales, a smoothed row of values, labels that do not overlap.

A value that there is none of is NaN, and leaves a gap.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

NONE = "–"


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten from at or below `low` to at or above `high`; at most `most`.

    Where both are equal the ticks reach from 0 to the number, of 0 to 1. Raises ValueError unless both are finite
    and low ≤ high.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low <= high) or most < 3:
        raise ValueError(f"ticks from {low} to {high}, at most {most}")
    if low == high:
        low, high = (min(low, 0.0), max(high, 0.0)) if low else (0.0, 1.0)
    power = math.floor(math.log10((high - low) / most))
    for step, exponent in ((s, e) for e in (power, power + 1, power + 2) for s in (1, 2, 5)):
        size = step * 10.0**exponent
        first, last = math.floor(low / size + 1e-9), math.ceil(high / size - 1e-9)
        if last - first < most:
            break
    return [round(k * size, max(0, -exponent)) if exponent < 0 else k * size for k in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten from at or below `low` > 0 to at or above `high`; not each of them where they are many."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    last = max(last, first + 1)
    stride = -(-(last - first) // 5)
    return [10.0**k for k in range(first, last + stride, stride)]


def whole_ticks(first: int, last: int, most: int = 8) -> list[int]:
    """Whole numbers for an axis from `first` to `last`: both ends, and round ones between that leave them room."""
    if last - first < most:
        return list(range(first, last + 1))
    step = max(1, int((t := ticks(first, last, most))[1] - t[0]))
    inner = [
        k for k in range(step * (first // step), last, step) if k - first >= step / 2 and last - k >= step / 2
    ]
    return [first, *inner, last]


class Scale(NamedTuple):
    """Values from `low` to `high`, or their logarithms, on a line from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value."""
        low, high, value = (
            map(math.log10, (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        )
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)


def smoothed(values: Sequence[float], reach: int = 3) -> list[float]:
    """At each value that of a straight line through its neighbours, the nearer the weightier: no lag, no shift.

    Weighted least squares with weights (1 − d³)³ up to `reach` on either side (Cleveland 1979, LOWESS without its
    robust step); what lies on a line stays there. One or two values stay as they are.
    """
    return [_local(values, k, reach) if math.isfinite(v) else math.nan for k, v in enumerate(values)]


def _local(values: Sequence[float], at: int, reach: int) -> float:
    """The weighted straight line through the values around a place, there."""
    near = [
        ((1 - (abs(k - at) / (reach + 1)) ** 3) ** 3, k - at, values[k])
        for k in range(max(0, at - reach), min(len(values), at + reach + 1))
        if math.isfinite(values[k])
    ]
    w, x, y = (sum(term) for term in zip(*((w, w * x, w * y) for w, x, y in near), strict=True))
    xx, xy = sum(a * b * b for a, b, _ in near), sum(a * b * c for a, b, c in near)
    spread_x = w * xx - x * x
    return (y * xx - x * xy) / spread_x if spread_x > 1e-12 else values[at]


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Places at least `gap` apart, in the same order, moved as little as can be: least squares, by pooling."""
    order = sorted(range(len(places)), key=places.__getitem__)
    pools: list[list[float]] = []  # of places less k gaps, which must not fall
    for k, which in enumerate(order):
        pools.append([places[which] - k * gap])
        while len(pools) > 1 and _mean(pools[-2]) > _mean(pools[-1]):
            last = pools.pop()
            pools[-1] += last
    level = [_mean(pool) for pool in pools for _ in pool]
    found = dict(zip(order, (at + k * gap for k, at in enumerate(level)), strict=True))
    return [found[k] for k in range(len(places))]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def pieces(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Points cut into runs where one is missing."""
    cuts = [-1, *(k for k, point in enumerate(points) if math.isnan(point[1])), len(points)]
    return [run for a, b in pairwise(cuts) if (run := list(points[a + 1 : b]))]


def figure(value: float, digits: int = 4) -> str:
    """A number of so many digits as people read it: 0.4127, 1,250, −3.1e−06; NaN is a dash."""
    if not math.isfinite(value):
        return NONE if math.isnan(value) else "∞" if value > 0 else "−∞"
    large = abs(value) >= 10**digits
    text = f"{value:,.0f}" if large and abs(value) < 1e9 else f"{value:.{digits}g}"
    mantissa, e, exponent = text.partition("e")
    text = f"{mantissa}e{int(exponent)}" if e else mantissa
    return text.replace("-", "−") if float(value) else "0"


def percent(share: float) -> str:
    """A share from 0 to 1 as a percentage with one decimal: 86.9; NaN is a dash."""
    return NONE if math.isnan(share) else f"{100 * share:.1f}"
