"""From a loss to the numbers an optimiser needs: the loss, and the gradient of every parameter.

The gradient of a table that is read by `take` is a `scatter` in the graph. Its inputs, row numbers and rows,
are computed instead of it, so that the dense table is never made.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.algebra.entrywise import ADD
from chainrule.algebra.node import Node
from chainrule.algebra.select import SCATTER
from chainrule.calculus.derive import gradient
from chainrule.compute.interpret import Interpreter
from chainrule.compute.updates import Part
from chainrule.learn.backends import runner
from chainrule.learn.gradients import Gradient, Integers, Rows


def scattered(grad: Node) -> list[Part] | None:
    """The row numbers and rows of the scatters whose sum a gradient is, or None if it is anything else."""
    found, waiting = [], [grad]
    while waiting:
        node = waiting.pop()
        if node.op is ADD:
            waiting.extend(node.inputs[::-1])
        elif node.op is SCATTER and node.attrs["batch"] == 0:
            found.append((node.inputs[0], node.inputs[1]))
        else:
            return None
    return found


class Backprop:
    """The gradients of a scalar loss in its parameters, made ready to be computed for many batches."""

    def __init__(self, loss: Node, parameters: Sequence[Node], backend: str = "interpreter") -> None:
        """`backend` computes, see `backends`."""
        self.loss = loss
        self.names = [str(p.attrs["name"]) for p in parameters]
        grads = gradient(loss, list(parameters))
        self.gradients = {p: scattered(g) or g for p, g in zip(parameters, grads, strict=True)}
        """The gradient of each parameter: an expression, or the parts of a row-sparse one."""
        self._parts = {
            n: g for n, g in zip(self.names, self.gradients.values(), strict=True) if isinstance(g, list)
        }
        dense = [g for g in self.gradients.values() if isinstance(g, Node)]
        parts = [part for g in self._parts.values() for part in g]
        self.expressions = [loss, *dense, *(values for _, values in parts)]
        """All that is computed: the loss, dense gradients, rows of the others."""
        self._dense = [n for n in self.names if n not in self._parts]
        self._rows = Interpreter([rows for rows, _ in parts])
        self._run = runner(self.expressions, backend)

    @property
    def sparse(self) -> set[str]:
        """The tables whose gradients are row-sparse."""
        return set(self._parts)

    def rows(self, values: Mapping[str, Any]) -> dict[str, Integers]:
        """The row numbers that this batch reads, for each table with a row-sparse gradient."""
        found = iter(self._rows(values))
        return {
            name: np.concatenate([np.ravel(next(found)) for _ in parts]) for name, parts in self._parts.items()
        }

    def __call__(self, values: Mapping[str, Any]) -> tuple[float, dict[str, Gradient]]:
        """The loss and the gradient of every parameter, by name, at these values."""
        loss, *found = self._run(values)
        grads: dict[str, Gradient] = dict(zip(self._dense, found, strict=False))
        values_of = iter(found[len(self._dense) :])
        for name, rows in self.rows(values).items():
            row = np.shape(values[name])[1:]
            grads[name] = Rows(rows, np.concatenate([_rows(next(values_of), row) for _ in self._parts[name]]))
        return float(loss), grads


def _rows(values: Any, row: tuple[int, ...]) -> Any:
    """Values of shape (…, *row) as a list of rows, (k, *row)."""
    return np.reshape(values, (math.prod(values.shape[: values.ndim - len(row)]), *row))
