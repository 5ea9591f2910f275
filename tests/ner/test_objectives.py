"""What is asked of the scores: every objective against its definition in NumPy and against differences."""

from itertools import product

import numpy as np
import pytest
import window_by_hand as plain

import chainrule as cr
from chainrule.algebra.chain import moves_of
from chainrule.calculus.rewrite import in_float64
from chainrule.errors import DataError
from chainrule.learn.layers import ACTIVATIONS, PARAMETRIC
from chainrule.ner.architecture import Architecture
from chainrule.ner.dropped import masks
from chainrule.ner.families import FAMILIES
from chainrule.ner.features import Features
from chainrule.ner.feeds import NAMES, SEVERAL, Feed
from chainrule.ner.model import Network
from chainrule.ner.objectives import ABSENT, OBJECTIVES
from chainrule.ner.vocab import CAPS, UNKNOWN, Vocabulary
from chainrule.ner.windows import encode

V, C, B = 11, 4, 6
ROWS = {"shape": 5, "gram2": 7, "suffix2": 4, "tail2": 3}
SMALL = {"window": 3, "dimension": 3, "caps": 2, "hidden": 4, "dropout": 0.0, "feature_dropout": 0.0}
FEATURES = {"features": "shape:2, gram2:3"}
KINKED = {"relu", "leaky_relu", "hard_tanh", "parametric_relu"}


def made(rng, **settings):
    """A small network, random parameters and a random batch, as float64 so that differences are sharp."""
    network = Network(Architecture(**{**SMALL, **settings}), V, C, ROWS)
    params = {n: rng.normal(size=p.shape) * 0.6 for n, p in network.parameters.items()}
    a, values = network.architecture, {"y": np.arange(B) % C}
    if a.objective == "margin":
        values["y"] = 1 + np.arange(B) % (C - 1)
    for ending in ("", "_corrupt") if a.objective == "margin" else ("",):
        rows = {"words": V, "caps": len(CAPS), **ROWS}
        windows = {n: rng.integers(0, count, (B, a.window)) for n, count in rows.items()}
        values |= {n + ending: ids for n, ids in network.inputs(windows).items()}
        if a.short_circuit:
            expected = [plain.direct(network, {n: ids[k] for n, ids in windows.items()}) for k in range(B)]
            np.testing.assert_array_equal(values["direct" + ending], expected)
    if network.whole:
        first = np.array([1, 0, 1, 1, 0, 0])
        values |= {"first": first, "moves": moves_of(values["y"], first, C)}
    values |= masks(network, np.arange(B * a.window).reshape(B, a.window), rng)
    assert set(values) == {*network.data, *network.sentences}
    return network, params, values


def computed(expression, values):
    return cr.evaluate(*in_float64([expression]), values)


NETWORKS = [
    {},
    {"layers": 2},
    {"combine": "average", **FEATURES},
    {"caps": 0, "short_circuit": "suffix2, tail2"},
    {"activation": "parametric_relu"},
    {"layers": 2, "short_circuit": "caps, gram2", "activation": "parametric_relu", "l2": 0.25, **FEATURES},
    {"layers": 2, "dropout": 0.4, "feature_dropout": 0.3, "short_circuit": "shape", **FEATURES},
    {"combine": "average", "short_circuit": "caps", "dropout": 0.5, "l2": 0.125},
    {"margin": 0.375, "features": "shape+gram2+suffix2:3"},
    {"features": "shape+suffix2:3, gram2:2", "combine": "average", "caps": 0},
]
CASES = [{"objective": o, **n} for o, n in product(OBJECTIVES, NETWORKS)]


def test_every_objective_activation_and_definition_is_tried():
    assert set(plain.FUNCTIONS) == {*ACTIVATIONS, *PARAMETRIC}
    assert {case["objective"] for case in CASES} == set(OBJECTIVES)


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_the_loss_is_the_loop_over_windows_by_hand(settings, rng):
    network, params, values = made(rng, **settings)
    got = computed(network.loss(), {**params, **values})
    np.testing.assert_allclose(got, plain.loss(network, params, values), rtol=1e-11)
    assert got > 0


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_scores_and_log_probabilities_are_those_by_hand_without_dropout(settings, rng):
    network, params, values = made(rng, **settings)
    known = {n: v for n, v in values.items() if n in {*network.seen, "direct"}}
    rows = [plain.scores(network, params, plain.one(values, k), masked=False) for k in range(B)]
    got = computed(network.log_probabilities(), {**params, **known})
    assert got.shape == (B, C)
    np.testing.assert_allclose(got, list(map(plain.log_softmax, rows)), rtol=1e-11, atol=1e-12)
    for k in range(B):
        alone = computed(network.scores(), {**params, **{n: v[k] for n, v in known.items()}})
        np.testing.assert_allclose(alone, rows[k], rtol=1e-11, atol=1e-12)
        assert (alone[0] == 0) == (network.architecture.objective in ABSENT)


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_the_gradients_agree_with_differences(settings, rng):
    network, params, values = made(rng, **settings)
    parameters = list(network.parameters.values())
    checked = cr.check(network.loss(), {**params, **values}, parameters, entries=20)
    assert checked.ok, str(checked)
    assert {row.name for row in checked.rows} == set(network.parameters)
    smooth = network.architecture.objective not in ("hinge", "margin")
    if smooth and network.architecture.activation not in KINKED:
        assert {row.verdict for row in checked.rows} == {"ok"}, str(checked)


@pytest.mark.parametrize("settings", [c for c in CASES if c["objective"] in ABSENT], ids=str)
def test_without_a_score_for_o_there_is_one_row_less(settings, rng):
    network, _, _ = made(rng, **settings)
    shapes = {n: p.shape for n, p in network.parameters.items()}
    assert shapes["U"][0] == shapes["c"][0] == C - 1
    assert "L" not in shapes or shapes["L"][1] == C - 1


def test_the_formula_of_one_window_is_read_without_dropout():
    for objective in OBJECTIVES:
        network = Network(Architecture(objective=objective, layers=2, short_circuit="caps", features="shape"))
        formula = network.formula()
        assert list(formula) == ["x", "z", "h", "s", "J"]
        assert not [v for v in cr.variables(formula["J"]) if v.attrs["name"].startswith("mask")]
        for parameter in network.parameters.values():
            assert cr.gradient(formula["J"], parameter).shape == parameter.shape


# ── logistic ──────────────────────────────────────────────────────────────────────────────────────────


def test_logistic_of_one_label_is_the_sigmoid_unit_of_the_lecture(rng):
    """P(the centre is a LOC) = σ(uᵀ f(W x + b) + c), and its cross-entropy."""
    a = Architecture(**{**SMALL, "objective": "logistic"})
    network = Network(a, V, 2)
    params = {n: rng.normal(size=p.shape) for n, p in network.parameters.items()}
    assert params["U"].shape == (1, 4)
    words, caps, y = rng.integers(0, V, (B, 3)), rng.integers(0, 8, (B, 3)), np.arange(B) % 2
    x = np.concatenate([params["E"][words].reshape(B, -1), params["K"][caps].reshape(B, -1)], axis=1)
    u = params["U"][0]
    p = 1 / (1 + np.exp(-(np.tanh(x @ params["W"].T + params["b"]) @ u + params["c"][0])))
    values = {**params, "words": words, "caps": caps}
    got = np.exp(computed(network.log_probabilities(), values))
    np.testing.assert_allclose(got, np.stack([1 - p, p], axis=1), rtol=1e-11)
    entropy = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    np.testing.assert_allclose(computed(network.loss(), {**values, "y": y}), entropy, rtol=1e-11)


# ── margin ────────────────────────────────────────────────────────────────────────────────────────────

SENTENCES = [["Not", "all", "museums", "in", "Paris", "are"], ["Helen", "met", "Ann"], [], ["in", "Rome"]]
TAGS = np.array([0, 0, 0, 0, 1, 0, 2, 0, 2, 0, 1])


def fed(tags=TAGS, **settings):
    features = Features.build(["shape"], Vocabulary.build(SENTENCES), SENTENCES, 1)
    a = Architecture(**{**SMALL, "objective": "margin", "features": "shape:2", **settings})
    network = Network(a, len(features.vocabulary), 3, features.rows)
    encoded = encode(SENTENCES, features, a.radius)
    return Feed(network, encoded, tags, np.zeros(len(features.vocabulary), bool))


@pytest.fixture
def shown(monkeypatch):
    """No value is hidden."""
    kinds = {name: kind._replace(hidden=0.0) for name, kind in FAMILIES.items()}
    monkeypatch.setattr("chainrule.ner.families.FAMILIES", kinds)


def test_a_corrupt_window_is_that_of_a_token_with_another_tag_or_has_its_centre(shown):
    feed = fed()
    every = feed.encoded.windows(slice(None))
    windows = [tuple(np.concatenate([every[n][k] for n in every]).tolist()) for k in range(len(TAGS))]
    named = np.flatnonzero(TAGS)
    assert feed.examples == len(named)
    rng, kinds = np.random.default_rng(0), {"whole": 0, "centre": 0}
    for _ in range(20):
        values = feed(np.arange(len(named)), rng)
        pairs = np.repeat(named, SEVERAL)
        np.testing.assert_array_equal(values["y"], TAGS[pairs])
        for k, token in enumerate(pairs):
            own = {n: every[n][token] for n in every}
            corrupt = {n: values[n + "_corrupt"][k] for n in every}
            for n in every:
                np.testing.assert_array_equal(values[n][k], own[n])
            other = [t for t in range(len(TAGS)) if TAGS[t] != TAGS[token]]
            as_whole = tuple(np.concatenate([corrupt[n] for n in every]).tolist())
            with_centre = [
                all((corrupt[n] == [own[n][0], every[n][t][1], own[n][2]]).all() for n in every) for t in other
            ]
            assert as_whole in [windows[t] for t in other] or any(with_centre)
            kinds["centre" if any(with_centre) else "whole"] += 1
    assert min(kinds.values()) > 100


def test_corrupt_windows_never_have_the_right_tag_however_common_that_is():
    rng = np.random.default_rng(1)
    tags = np.ones(11, np.int64)
    tags[3] = 0  # `in`: all others are the same name
    feed = fed(tags, window=1)
    word = feed.encoded.windows(np.array([3]))["words"][0, 0]
    for _ in range(50):
        assert (feed(np.arange(10), rng)["words_corrupt"] == word).all()


def test_where_all_tokens_have_one_tag_no_window_is_corrupt():
    with pytest.raises(DataError, match="every token has the same tag, so that no window is corrupt"):
        fed(np.ones(11, np.int64))


def test_all_tokens_with_another_tag_are_drawn_alike_but_for_those_of_names(shown):
    feed, rng = fed(window=1), np.random.default_rng(2)
    drawn = np.concatenate([feed._others(TAGS[TAGS > 0], rng) for _ in range(2000)]).reshape(2000, -1)
    for column, tag in zip(drawn.T, TAGS[TAGS > 0], strict=True):
        counts = np.bincount(column, minlength=11)
        others, names = tag != TAGS, (tag != TAGS) & (TAGS > 0)
        expected = 2000 * ((1 - NAMES) * others / others.sum() + NAMES * names / names.sum())
        assert (abs(counts - expected) <= 5 * np.sqrt(expected)).all()


def test_where_all_names_are_alike_corrupt_windows_come_from_elsewhere():
    feed, rng = fed(np.minimum(TAGS, 1), window=1), np.random.default_rng(2)
    drawn = feed._others(np.ones(3000, np.int64), rng)
    assert set(drawn) == set(np.flatnonzero(TAGS == 0))


def test_values_of_other_features_are_hidden_now_and_then():
    feed = fed()
    values = [feed(np.arange(4), np.random.default_rng(k)) for k in range(200)]
    own = feed.encoded.windows(np.repeat(np.flatnonzero(TAGS), SEVERAL))["shape"]
    for name in ("shape", "shape_corrupt"):
        seen = np.stack([v[name] for v in values])
        assert 0.03 < (seen[seen != 0] == UNKNOWN).mean() < 0.07
    seen = np.stack([v["shape"] for v in values])
    assert ((seen == own) | (seen == UNKNOWN)).all() and ((seen == 0) == (own == 0)).all()


def test_rare_words_are_hidden_in_corrupt_windows_too():
    feed = fed()
    feed.rare[:] = True
    seen = np.concatenate(
        [feed(np.arange(4), np.random.default_rng(k))["words_corrupt"].ravel() for k in range(50)]
    )
    inside = seen[seen != 0]
    assert 0.4 < (inside == UNKNOWN).mean() < 0.6


def test_the_biases_have_no_gradient_under_margin(rng):
    network, params, values = made(rng, objective="margin")
    slope = computed(cr.gradient(network.loss(), network.parameters["c"]), {**params, **values})
    np.testing.assert_allclose(slope, 0, atol=1e-14)
