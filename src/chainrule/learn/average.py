"""The moving average of parameters over the steps of training (Polyak and Juditsky 1992), rows of tables lazily.

    e ← d e + (1 − d) w        after every step

A row that no step moves stays w, so that k steps later e is dᵏ e + (1 − dᵏ) w: only the rows that a step moves are
looked at when it moves them, and all of them when the average is asked for.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.learn.gradients import Array, Integers

State = dict[str, NDArray[Any]]


class Average:
    """The averages of parameters; `tables` are those whose rows are moved a few at a time."""

    def __init__(self, params: Mapping[str, Array], tables: frozenset[str], decay: float) -> None:
        self.params, self.tables, self.decay = params, tables, decay
        self.means = {name: w.copy() for name, w in params.items()}
        self.clocks = {name: np.zeros(len(params[name]), np.int64) for name in sorted(tables)}
        self.step = 0
        self._rows: dict[str, Integers] = {}

    def before(self, rows: Mapping[str, Integers]) -> None:
        """Told the rows of the tables that a step is about to move; they are caught up."""
        self._rows = {name: np.unique(rows[name]) for name in self.clocks}
        for name, some in self._rows.items():
            self._catch_up(name, some)

    def after(self) -> None:
        """Told that the step was taken."""
        self.step += 1
        for name, w in self.params.items():
            e, some = self.means[name], self._rows.get(name)
            if some is None:
                e += np.asarray(1 - self.decay, w.dtype) * (w - e)
            else:
                self._catch_up(name, some)

    def settled(self) -> Mapping[str, Array]:
        """The averages as they are now."""
        for name in self.clocks:
            self._catch_up(name, np.flatnonzero(self.clocks[name] < self.step))
        return self.means

    def _catch_up(self, name: str, rows: Integers) -> None:
        """Rows whose parameters did not move since their clocks, or moved in the last step alone."""
        e, w, clock = self.means[name], self.params[name], self.clocks[name]
        kept = (self.decay ** (self.step - clock[rows])).astype(w.dtype).reshape(-1, *(1,) * (w.ndim - 1))
        now = w[rows]
        e[rows] = now + kept * (e[rows] - now)
        clock[rows] = self.step

    @property
    def state(self) -> State:
        """All that it needs to go on."""
        return {f"mean/{n}": a for n, a in self.means.items()} | {f"clock/{n}": c for n, c in self.clocks.items()}

    def restore(self, state: Mapping[str, NDArray[Any]], step: int) -> None:
        """Go on from a `state` after so many steps."""
        for name in self.means:
            self.means[name][...] = state[f"mean/{name}"]
        for name in self.clocks:
            self.clocks[name][...] = state[f"clock/{name}"]
        self.step = step
