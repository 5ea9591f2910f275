"""Dropout masks: two values, a mean of 1, the same for a token wherever it stands."""

from itertools import pairwise

import numpy as np

from chainrule.ner.architecture import Architecture
from chainrule.ner.dropped import masks
from chainrule.ner.model import Network

V, C = 11, 5
SMALL = {"window": 3, "dimension": 4, "caps": 2, "hidden": 5}


def apart(count, window):
    """Tokens of windows that have none in common."""
    return np.arange(count * window).reshape(count, window)


def test_masks_keep_the_mean_and_hold_two_values():
    network = Network(Architecture(**{**SMALL, "dropout": 0.25}), V, C)
    drawn = masks(network, apart(4000, network.architecture.window), np.random.default_rng(0))
    assert set(drawn) == {"mask_x", "mask_h"}
    for mask in drawn.values():
        assert mask.dtype == np.float32
        assert set(np.unique(mask).tolist()) == {0.0, float(np.float32(1) / np.float32(0.75))}
        assert abs(mask.mean() - 1) < 0.02
    assert masks(Network(Architecture(dropout=0), V, C), apart(3, 5), np.random.default_rng(0)) == {}


def test_what_is_dropped_of_a_token_is_dropped_in_every_window_that_it_is_in(rng):
    settings = {**SMALL, "dropout": 0.5, "features": "shape:3, suffix2+prefix2:4", "letters": 5}
    network = Network(Architecture(**settings), V, C, {"shape": 9, "suffix2": 9, "prefix2": 9, "letters": 9})
    W, widths = network.architecture.window, [SMALL["dimension"], SMALL["caps"], 3, 4, 5]
    tokens = np.arange(40)[:, None] + np.arange(W)
    mask, bounds = masks(network, tokens, rng)["mask_x"], np.cumsum([0, *widths])
    of_token = {}
    for row, numbers in zip(mask, tokens.tolist(), strict=True):
        parts = [row[W * a : W * b].reshape(W, b - a) for a, b in pairwise(bounds)]
        for number, vectors in zip(numbers, np.concatenate(parts, axis=1), strict=True):
            assert of_token.setdefault(number, vectors.tobytes()) == vectors.tobytes()
    assert len(set(of_token.values())) == len(of_token) == 40 + W - 1
    average = Network(Architecture(**{**settings, "combine": "average"}), V, C, network.rows)
    assert masks(average, tokens, rng)["mask_x"].shape == (40, sum(widths))


def test_corrupt_windows_are_dropped_from_apart(rng):
    network = Network(Architecture(**SMALL, objective="margin"), V, C)
    drawn = masks(network, apart(30, network.architecture.window), rng)
    assert set(drawn) == {"mask_x", "mask_h", "mask_x_corrupt", "mask_h_corrupt"}
    assert drawn["mask_x"].shape == drawn["mask_x_corrupt"].shape
    assert not np.array_equal(drawn["mask_x"], drawn["mask_x_corrupt"])
