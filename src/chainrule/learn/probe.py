"""What an epoch did to each parameter: how long its gradient is, and how far it moved for its size.

Both are looked at once an epoch, outside the steps: the gradient on the same few examples every time, so that
epochs compare; the move ‖Δw‖ / ‖w‖ on at most so many rows of a table, evenly spaced. Moves of about one
thousandth a step are the usual rule of thumb (CS231n notes, "Neural networks 3", ratio of weights to updates).
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.errors import NonFiniteError
from chainrule.learn.batches import rng_for
from chainrule.learn.gradients import Array, Gradient, Integers, clip

EXAMPLES, ROWS = 128, 4096  # examples that the gradient is looked at on, rows of a table that are watched

Feed = Callable[[Integers, np.random.Generator], Mapping[str, Any]]
Backward = Callable[[Mapping[str, Any]], tuple[float, Mapping[str, Gradient]]]


class Probe:
    """Looks at the parameters of a task between epochs; `before` holds the rows as the epoch began."""

    def __init__(self, backward: Backward, feed: Feed, examples: int, seed: int) -> None:
        """`backward` gives the loss and the gradients at values, `feed` the values of some examples."""
        self.backward, self.feed, self.seed = backward, feed, seed
        self.examples = rng_for(seed, "probe").permutation(examples)[:EXAMPLES]
        self.before: dict[str, Array] = {}

    def begin(self, params: Mapping[str, Array]) -> None:
        """Remember where the parameters stand."""
        self.before = {name: watched(w).copy() for name, w in params.items()}

    def moves(self, params: Mapping[str, Array]) -> dict[str, float]:
        """‖Δw‖ / ‖w‖ since `begin`, for each parameter; 0 where both are 0."""
        return {name: _ratio(watched(params[name]), before) for name, before in self.before.items()}

    def norms(self, params: Mapping[str, Array]) -> dict[str, float]:
        """The norm of the gradient of each parameter on the probe's examples; NaN where it is not finite."""
        values = self.feed(self.examples, rng_for(self.seed, "probe", "step"))
        with np.errstate(all="ignore"):
            _, grads = self.backward({**params, **values})
        return {name: _norm(name, grad) for name, grad in grads.items()}


def watched(w: Array) -> Array:
    """At most ROWS rows of an array, evenly spaced: a view."""
    return w[:: max(1, -(-len(w) // ROWS))] if w.ndim else w


def _ratio(now: Array, before: Array) -> float:
    size, moved = (float(np.linalg.norm(a.astype(np.float64))) for a in (now, now - before))
    return moved / size if size else 0.0


def _norm(name: str, grad: Gradient) -> float:
    try:
        return clip({name: grad})
    except NonFiniteError:
        return math.nan
