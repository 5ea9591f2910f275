"""Losses of one example, as in the notes; their mean over a batch is what is trained. A sentence is one too."""

from collections.abc import Iterable

from chainrule.algebra.chain import log_partition, path_score
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


def sentence_log_likelihood(s: Node, A: Node, y: Node, first: Node, moves: Node) -> Node:
    """−log P(y | s, A) of whole sentences, one behind the other: log Z(s, A) − score(y), summed over them.

    s (N, C) scores of tags, A (C + 1, C + 1) scores of moves with the border of a sentence last, y (N,) the right
    tags, first (N,) 1 where a token begins a sentence, moves (N + S,) `chain.moves_of(y, first, C)`. Its gradient
    is what is expected of a path minus what the right one has. Collobert et al. (2011), section 3.3.2.
    """
    return log_partition(s, A, first) - path_score(s, A, y, moves)


def multiclass_hinge(s: Node, y: Node, margin: float = 1.0) -> Node:
    """Σ_{j≠y} max(0, Δ + s_j − s_y) for scores s (C,): the right score should exceed each of the others by Δ ≥ 0.

    Weston & Watkins (1999). Of the sum over all j the term of y is Δ, whatever s is.
    """
    return sum(relu(margin + s - s[y])) - margin


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
