"""Gradients as the optimisers take them: dense arrays, or a few rows of a large table.

Letters: V rows of the table, D numbers in a row, k rows that received a gradient.
"""

import math
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import NonFiniteError, SettingError, ShapeError
from chainrule.learn.choose import within

Array: TypeAlias = NDArray[np.floating[Any]]
Integers: TypeAlias = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The gradient of a (V, D) table that is zero outside some rows: `values[i]` belongs to row `indices[i]`.

    `indices` (k,) count from 0 and may repeat, which means the sum; `values` is (k, D). Raises ShapeError if
    the two differ in length.
    """

    indices: Integers
    values: Array

    def __post_init__(self) -> None:
        if self.indices.shape != self.values.shape[:1]:
            raise ShapeError(
                f"{self.indices.shape} row indices came with values of shape {self.values.shape}; "
                "give one row of values for each index"
            )


Gradient: TypeAlias = Array | Rows
Gradients: TypeAlias = Mapping[str, Gradient]


def coalesce(rows: Rows) -> Rows:
    """The same gradient with every row once, in increasing order; `rows` itself if it is so already.

    The order in which a row's parts are added depends on nothing but how many there are, so the sum is the same
    bit for bit each time. Raises SettingError for a negative index, which would be a second name of another row.
    """
    indices, values = rows.indices, rows.values
    if not (indices[1:] > indices[:-1]).all():
        order = np.argsort(indices, kind="stable")
        indices = indices[order]
        starts = np.flatnonzero(np.diff(indices, prepend=indices[0] - 1))
        indices, values = indices[starts], np.add.reduceat(values[order], starts, axis=0)
        rows = Rows(indices, values)
    if indices.size and indices[0] < 0:
        raise SettingError(f"row index {indices[0]} is negative; rows count from 0")
    return rows


def clip(grads: MutableMapping[str, Gradient], limit: float = math.inf) -> float:
    """Scale all gradients by one factor, so that their global norm is at most `limit`; the norm before.

    g ← g · min(1, limit / ‖(g₁, g₂, …)‖) (Pascanu, Mikolov & Bengio 2013, algorithm 1). Row-sparse gradients
    are coalesced first, because only the sum of a row's parts is its gradient. Entries of `grads` are
    replaced, arrays never written to, since two parameters may share one array. Raises NonFiniteError naming
    the first parameter whose gradient holds NaN or ∞, and SettingError unless limit > 0.
    """
    if limit != math.inf:
        within("the clipping limit", limit, above=0)
    for name, grad in grads.items():
        grads[name] = coalesce(grad) if isinstance(grad, Rows) else grad
    norm = math.hypot(*[_norm(name, grad) for name, grad in grads.items()])
    if norm > limit:
        for name, grad in grads.items():
            grads[name] = scaled(grad, limit / norm)
    return norm


def _norm(name: str, grad: Gradient) -> float:
    """√Σ g², computed as m √Σ (g/m)² with m = max |g|, so that no square overflows."""
    values = grad.values if isinstance(grad, Rows) else grad
    largest = float(np.abs(values).max(initial=0.0))
    if not math.isfinite(largest):
        raise NonFiniteError(_complaint(name, grad, values))
    return largest * math.sqrt(np.square(values / largest).sum()) if largest else 0.0


def scaled(grad: Gradient, factor: float) -> Gradient:
    """A gradient times a number."""
    return Rows(grad.indices, grad.values * factor) if isinstance(grad, Rows) else grad * factor


def _complaint(name: str, grad: Gradient, values: Array) -> str:
    first = np.argwhere(~np.isfinite(values))[0].tolist()
    number = values[tuple(first)]
    if isinstance(grad, Rows):
        first[0] = int(grad.indices[first[0]])
    return (
        f"the gradient of {name} is {number} at {first}; lower the learning rate, "
        "or look for a division by zero or the logarithm of zero in the loss"
    )
