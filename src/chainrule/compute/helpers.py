"""What compiled text calls besides NumPy and functions of one number, as Python runs it.

`native` has the same functions as machine code.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.compute.blocks import add_dot, dot_by_rows
from chainrule.compute.paths import swept
from chainrule.compute.symmetric import symmetric


def plus(total: Any, term: Any) -> Any:
    """total + term, where the order of such sums is free, so that they become sums of vectors."""
    return total + term


def larger(a: Any, b: Any) -> Any:
    """The larger of two numbers; NaN if one of them is."""
    return a if a > b or np.isnan(a) else b


def smaller(a: Any, b: Any) -> Any:
    """The smaller of two numbers; NaN if one of them is."""
    return a if a < b or np.isnan(a) else b


def logdet(matrix: Any) -> Any:
    """log det, NaN where the determinant is not positive."""
    sign, value = np.linalg.slogdet(matrix)
    return value if sign > 0 else value * np.nan


def fetch(table: Any, row: int) -> None:
    """Ask for a row of a table that will be read soon; Python has no need of it."""


HELPERS: Mapping[str, Callable[..., Any]] = {
    f.__name__: f for f in (plus, larger, smaller, logdet, fetch, symmetric, add_dot, dot_by_rows, swept)
}
"""All of them by name."""
