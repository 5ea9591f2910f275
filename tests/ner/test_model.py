"""The network: written for one window, the same for many; its gradients against differences; its settings."""

import math
from itertools import product

import numpy as np
import pytest

import chainrule as cr
from chainrule.algebra.select import SCATTER
from chainrule.calculus.rewrite import in_float64
from chainrule.errors import SettingError
from chainrule.learn.backprop import Backprop
from chainrule.learn.gradients import Rows
from chainrule.learn.layers import ACTIVATIONS
from chainrule.ner.architecture import COMBINATIONS, Architecture
from chainrule.ner.dropped import masks
from chainrule.ner.model import Network
from chainrule.ner.vocab import CAPS

V, C, B = 11, 4, 6
SMALL = {"window": 3, "dimension": 4, "caps": 2, "hidden": 5}
FUNCTIONS = {
    "hard_tanh": lambda z: np.clip(z, -1, 1),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "relu": lambda z: np.maximum(z, 0),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "softplus": lambda z: np.log1p(np.exp(z)),
    "tanh": np.tanh,
}


def made(rng, **settings):
    """A small network, random parameters and a random batch, as float64 so that differences are sharp."""
    network = Network(Architecture(**{**SMALL, **settings}), V, C)
    params = {n: rng.normal(size=p.shape) * 0.6 for n, p in network.parameters.items()}
    W = network.architecture.window
    batch = {
        "words": rng.integers(0, V, (B, W)),
        "caps": rng.integers(0, len(CAPS), (B, W)),
        "y": np.arange(B) % C,
    }
    drawn = masks(network, np.arange(B * W).reshape(B, W), rng)
    return network, params, {n: v for n, v in {**batch, **drawn}.items() if n in network.data}


def computed(expression, values):
    """An expression of float32 variables in float64, so that nothing hides behind rounding."""
    return cr.evaluate(*in_float64([expression]), values)


def by_hand(network, params, words, caps, mask_x=1.0, mask_h=1.0):
    """s = U f(W x + b) + c of one window, in NumPy."""
    a = network.architecture
    tables = [params["E"][words], *([params["K"][caps]] if a.caps else [])]
    x = np.concatenate([t.ravel() if a.combine == "concatenate" else t.mean(0) for t in tables])
    h = FUNCTIONS[a.activation](params["W"] @ (x * mask_x) + params["b"])
    return params["U"] @ (h * mask_h) + params["c"]


def log_softmax(s):
    return s - s.max() - np.log(np.exp(s - s.max()).sum())


CASES = [
    *({"combine": c, "caps": k, "dropout": d} for c, k, d in product(COMBINATIONS, (0, 2), (0.0, 0.4))),
    *({"activation": a, "dropout": 0.0} for a in ACTIVATIONS),
    {"window": 1},
    {"l2": 0.25, "dropout": 0.0},
    {"l2": 0.25, "combine": "average"},
]


def test_every_activation_is_tried():
    assert set(FUNCTIONS) == set(ACTIVATIONS)


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_the_batch_is_the_loop_over_windows(settings, rng):
    network, params, values = made(rng, **settings)
    got = computed(network.log_probabilities(), {**params, **{n: v for n, v in values.items() if n != "y"}})
    rows = [
        log_softmax(by_hand(network, params, w, k)) for w, k in zip(values["words"], _caps(values), strict=True)
    ]
    assert got.shape == (B, C)
    np.testing.assert_allclose(got, rows, rtol=1e-12)
    one = network.scores()
    for k in range(B):
        inputs = {n: values[n][k] for n in ("words", "caps") if n in values}
        alone = computed(one, {**params, **inputs})
        np.testing.assert_allclose(log_softmax(alone), got[k], rtol=1e-12)


def _caps(values):
    return values.get("caps", values["words"])


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_the_loss_is_the_mean_cross_entropy_with_masks_and_l2_that_spares_biases(settings, rng):
    network, params, values = made(rng, **settings)
    masks = [[values[n][k] for n in ("mask_x", "mask_h") if n in values] for k in range(B)]
    losses = [
        -log_softmax(by_hand(network, params, values["words"][k], _caps(values)[k], *masks[k]))[values["y"][k]]
        for k in range(B)
    ]
    penalty = 0.5 * network.architecture.l2 * sum((params[n] ** 2).sum() for n in "WU")
    got = computed(network.loss(), {**params, **values})
    np.testing.assert_allclose(got, np.mean(losses) + penalty, rtol=1e-12)


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_the_gradients_agree_with_differences(settings, rng):
    network, params, values = made(rng, **settings)
    checked = cr.check(network.loss(), {**params, **values}, list(network.parameters.values()), entries=40)
    assert checked.ok, str(checked)
    assert {row.name for row in checked.rows} == set(network.parameters)
    if settings.get("activation") not in ("relu", "leaky_relu", "hard_tanh"):
        assert {row.verdict for row in checked.rows} == {"ok"}, str(checked)


def test_the_check_notices_a_loss_whose_biases_are_not_spared(rng):
    network, params, values = made(rng, l2=0.5, dropout=0.0)
    b = network.parameters["b"]
    claim = cr.gradient(network.loss() + 0.25 * cr.sum(b * b), b)
    assert not cr.check(network.loss(), {**params, **values}, [b], claims={"b": claim}).ok


@pytest.mark.parametrize("combine", COMBINATIONS)
def test_the_tables_of_vectors_have_row_sparse_gradients(combine, rng):
    network, params, values = made(rng, combine=combine, l2=0.25)
    E = network.parameters["E"]
    assert cr.gradient(network.loss(), E).op is SCATTER
    backprop = Backprop(*in_float64([network.loss()]), in_float64(list(network.parameters.values())))
    assert backprop.sparse == {"E", "K"}
    _, grads = backprop({**params, **values})
    rows = grads["E"]
    assert isinstance(rows, Rows)
    assert set(rows.indices.tolist()) == set(values["words"].ravel().tolist())
    dense = np.zeros_like(params["E"])
    np.add.at(dense, rows.indices, rows.values)
    np.testing.assert_allclose(dense, computed(cr.gradient(network.loss(), E), {**params, **values}), rtol=1e-12)


def test_parameters_have_the_shapes_of_the_lecture():
    shapes = {n: p.shape for n, p in Network(Architecture(**SMALL), V, C).parameters.items()}
    assert shapes == {"E": (V, 4), "K": (8, 2), "W": (5, 18), "b": (5,), "U": (C, 5), "c": (C,)}
    average = Network(Architecture(**{**SMALL, "combine": "average", "caps": 0}), V, C)
    assert average.parameters["W"].shape == (5, 4)
    assert "K" not in average.parameters
    assert "caps" not in average.data
    assert all(p.dtype == np.float32 for p in average.parameters.values())


def test_parameters_start_small_seeded_and_without_bias(rng):
    network = Network(Architecture(**SMALL), V, C)
    first, again = (network.start(np.random.default_rng(1)) for _ in range(2))
    assert set(first) == set(network.parameters) - {"E"}
    for name, array in first.items():
        assert array.dtype == np.float32
        assert array.shape == network.parameters[name].shape
        assert array.tobytes() == again[name].tobytes()
    assert not first["b"].any()
    assert not first["c"].any()
    bound = math.sqrt(6 / sum(network.parameters["W"].shape))
    assert 0.5 * bound < np.abs(first["W"]).max() <= bound
    spread = network.architecture.spread
    assert 0.5 * spread < np.abs(first["K"]).max() <= spread
    small = Network(Architecture(**SMALL, spread=0.01), V, C).start(np.random.default_rng(1))
    np.testing.assert_allclose(small["K"], first["K"] * (0.01 / spread), rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 4}, "a window has a centre, so its size is odd; 4 could be 5"),
        ({"window": 0}, "window is 0; it must be a whole number at least 1"),
        ({"window": 5.0}, "window is 5.0; it must be a whole number at least 1"),
        ({"hidden": 0}, "hidden is 0; it must be a whole number at least 1"),
        ({"hidden": 2.5}, "hidden is 2.5; it must be a whole number at least 1"),
        ({"dimension": -1}, "dimension is -1; it must be a whole number at least 1"),
        ({"caps": -1}, "caps is -1; it must be a whole number at least 0"),
        ({"dropout": 1}, "dropout is 1; it must be a finite number at least 0 and below 1"),
        ({"dropout": math.nan}, "dropout is nan; it must be a finite number at least 0 and below 1"),
        ({"l2": -0.1}, "l2 is -0.1; it must be a finite number at least 0"),
        (
            {"activation": "tanj"},
            "unknown activation 'tanj'; did you mean tanh? "
            "One of: hard_tanh, leaky_relu, relu, sigmoid, softplus, tanh, parametric_relu",
        ),
        (
            {"combine": "mean"},
            "unknown way to combine a window 'mean'. One of: concatenate, average",
        ),
    ],
)
def test_settings_outside_their_range_are_refused(settings, message):
    with pytest.raises(SettingError) as error:
        Architecture(**settings)
    assert str(error.value) == message


def test_without_sizes_the_network_is_written_in_letters():
    formula = Network(Architecture(l2=0.5)).formula()
    s, J = formula["s"], formula["J"]
    assert {name: str(node) for name, node in formula.items()} == {
        "x": "concat(vec(E[words]ᵀ), vec(K[caps]ᵀ))",
        "z": "W concat(vec(E[words]ᵀ), vec(K[caps]ᵀ)) + b",
        "h": "tanh(W concat(vec(E[words]ᵀ), vec(K[caps]ᵀ)) + b)",
        "s": "U tanh(W concat(vec(E[words]ᵀ), vec(K[caps]ᵀ)) + b) + c",
        "J": f"logsumexp({s}) - ({s})[y] + 0.25 (sum(W ⊙ W) + sum(U ⊙ U))",
    }
    assert [str(axis) for axis in Network(Architecture()).parameters["W"].shape] == ["H", "5D + 5S"]
    average = Network(Architecture(caps=0, combine="average"))
    assert [str(axis) for axis in average.parameters["W"].shape] == ["H", "D"]
    assert not {"mask_x", "mask_h"} & {v.attrs["name"] for v in cr.variables(J)}


@pytest.mark.parametrize("activation", ["hard_tanh", "leaky_relu", "relu", "sigmoid", "softplus", "tanh"])
def test_slopes_are_those_of_the_hidden_units(activation):
    small = Architecture(window=3, dimension=2, caps=0, hidden=4, activation=activation, dropout=0)
    network = Network(small, 9, 5)
    rng = np.random.default_rng(0)
    params = {"E": rng.normal(size=(9, 2)).astype(np.float32), **network.start(rng)}
    words = rng.integers(0, 9, (6, 3))
    z = params["E"][words].reshape(6, 6) @ params["W"].T + params["b"]
    f, h = ACTIVATIONS[activation], 1e-3
    up, down = (cr.evaluate(f(cr.matrix("z", 6, 4)), {"z": z.astype(float) + d}) for d in (h, -h))
    found = cr.evaluate(network.slopes(), {**params, "words": words})
    np.testing.assert_allclose(found, (up - down) / (2 * h), atol=1e-4)
