"""Losses of one example, as in the notes; their mean over a batch is what is trained."""

from collections.abc import Iterable

from chainrule.algebra.entrywise import relu, softplus
from chainrule.algebra.node import Node, constant
from chainrule.algebra.product import sum
from chainrule.algebra.reduce import logsumexp


def cross_entropy(s: Node, y: Node) -> Node:
    """−log softmax(s)_y = logsumexp(s) − s_y for scores s (C,) and the number y of the right class.

    Its gradient in s is p − y, the probabilities minus the one-hot of y.
    """
    return logsumexp(s) - s[y]


def binary_logistic(s: Node, y: Node) -> Node:
    """−log P(y | s) with P(1 | s) = σ(s), for y 0 or 1: softplus(s) − y s."""
    return softplus(s) - y * s


def max_margin(s: Node, corrupt: Node, margin: float = 1.0) -> Node:
    """max(0, Δ + s_c − s): the score s of a true window should exceed that of a corrupt one by Δ."""
    return relu(margin + corrupt - s)


def squared_error(prediction: Node, target: Node) -> Node:
    """½ ‖prediction − target‖²."""
    return 0.5 * sum((prediction - target) ** 2)


def l2(weights: Iterable[Node], strength: float) -> Node:
    """½ λ Σ ‖W‖², the regulariser; pass it the weight matrices and spare the biases."""
    total: Node | None = None
    for W in weights:
        squares = sum(W * W)
        total = squares if total is None else total + squares
    return constant(0.0) if total is None else (0.5 * strength) * total
