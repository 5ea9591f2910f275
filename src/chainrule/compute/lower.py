"""Softmax, log softmax and logsumexp in plain steps, which those of one z share.

    top = max z, 0 where that is infinite     e = exp(z - top)     s = Σ e
    softmax = e / s                           log_softmax = (z - top) - log s          logsumexp = log s + top

A loss and its gradient need two of them of the same z: the exponentials are then computed once.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from chainrule.algebra.choice import where
from chainrule.algebra.entrywise import exp, log
from chainrule.algebra.node import Node, constant
from chainrule.algebra.product import sum
from chainrule.algebra.reduce import max
from chainrule.algebra.select import reshape
from chainrule.calculus.rewrite import rewrite

Axes = tuple[int, ...]


def _parts(node: Node) -> tuple[Node, Node, Node, Node]:
    """z - top, its exponentials, their sum, and top; of the last two the axes are gone."""
    (z,), axes = node.inputs, node.attrs["axes"]
    largest = max(z, axes)
    top = where(abs(largest) < np.inf, largest, constant(0, z.dtype))
    shifted = z - _spread(top, z, axes)
    exps = exp(shifted)
    return shifted, exps, sum(exps, axes), top


def _spread(value: Node, like: Node, axes: Axes) -> Node:
    """A reduced value with axes of size 1 where it was reduced."""
    return reshape(value, tuple(1 if k - like.ndim in axes else a for k, a in enumerate(like.shape)))


def _softmax(node: Node) -> Node:
    _, exps, total, _ = _parts(node)
    return exps / _spread(total, exps, node.attrs["axes"])


def _log_softmax(node: Node) -> Node:
    shifted, _, total, _ = _parts(node)
    return shifted - _spread(log(total), shifted, node.attrs["axes"])


def _logsumexp(node: Node) -> Node:
    *_, total, top = _parts(node)
    return log(total) + top


LOWER: Mapping[str, Callable[[Node], Node]] = {
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "logsumexp": _logsumexp,
}
"""What each operation is in terms of others."""


def lowered(roots: Sequence[Node]) -> list[Node]:
    """The expressions with these operations in plain steps."""
    return rewrite(roots, lambda node: LOWER[node.op.name](node) if node.op.name in LOWER else node)
