"""What training drops of inputs and hidden units: masks, 0 with probability p and else 1/(1 − p).

What is dropped of a token is the same in all windows of a batch that it is in (Gal and Ghahramani 2016, "A
theoretically grounded application of dropout in recurrent neural networks", §4): otherwise a word that one window
lacks is read in the next. Srivastava et al. 2014, inverted.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.learn.gradients import Array
from chainrule.ner.architecture import Architecture
from chainrule.ner.features import Ids
from chainrule.ner.model import CORRUPT, Network


def masks(network: Network, tokens: Ids, rng: np.random.Generator) -> dict[str, Array]:
    """The masks of B windows, whose tokens (B, W) are numbered from 0, by the names of their variables.

    Corrupt windows are dropped from apart; where windows are averaged, parts of the mean are dropped.
    """
    a, B = network.architecture, len(tokens)
    apart = np.arange(tokens.size).reshape(tokens.shape)
    found = {}
    for name, node in network.data.items():
        if name.startswith("mask_x") and a.combine == "concatenate":
            of = apart if name.endswith(CORRUPT) else tokens
            rows = _mask((int(of.max()) + 1, a.width // a.window), a.dropout, rng)
            found[name] = _side_by_side(a, rows, of)
        elif name.startswith("mask_"):
            found[name] = _mask((B, *node.shape), a.feature_dropout if "direct" in name else a.dropout, rng)
    return found


def _mask(shape: tuple[Any, ...], p: float, rng: np.random.Generator) -> Array:
    return (rng.random(shape, np.float32) < 1 - p).astype(np.float32) / np.float32(1 - p)


def _side_by_side(architecture: Architecture, rows: Array, tokens: Ids) -> Array:
    """Rows (T, …) with the vectors of T tokens and of their features as x has them in windows, (B, …)."""
    bounds = np.cumsum([0, architecture.dimension, *architecture.widths.values(), architecture.letters])
    parts = [rows[:, begin:end][tokens].reshape(len(tokens), -1) for begin, end in pairwise(bounds.tolist())]
    return np.concatenate(parts, axis=1)
