"""Layers are functions on nodes, written for one example; `calculus.batch` makes them work on many."""

from collections.abc import Callable, Mapping

from chainrule.algebra.entrywise import hard_tanh, leaky_relu, parametric_relu, relu, sigmoid, softplus, tanh
from chainrule.algebra.node import Node

ACTIVATIONS: Mapping[str, Callable[[Node], Node]] = {
    "hard_tanh": hard_tanh,
    "leaky_relu": leaky_relu,
    "relu": relu,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "tanh": tanh,
}
"""The non-linearities of the notes by name; parametric ReLU has a slope of its own, see `prelu`."""


def affine(x: Node, W: Node, b: Node) -> Node:
    """z = W x + b for x (m,), W (n, m), b (n,)."""
    return W @ x + b


def prelu(z: Node, a: Node) -> Node:
    """max(0, z) + a min(0, z) with a learned slope a, a scalar or one for each unit (He et al. 2015)."""
    return parametric_relu(z, a)


PARAMETRIC: Mapping[str, Callable[[Node, Node], Node]] = {"parametric_relu": prelu}
"""The non-linearities with a parameter of their own."""


def dropout(x: Node, mask: Node) -> Node:
    """x ⊙ mask; the mask of 0 and 1/(1 − p) is drawn by the trainer (Srivastava et al. 2014, inverted)."""
    return x * mask
