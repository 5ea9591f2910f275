"""The mean of several networks is a network: its scores are the mean of theirs."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.calculus.batch import batch
from chainrule.errors import DataError, SettingError
from chainrule.ner import Tagger
from chainrule.ner.bundled import sample
from chainrule.ner.merge import merge
from chainrule.ner.vectors import Vectors
from chainrule.ner.windows import encode

PARTS = sample("en")
TRAIN = PARTS.train.of(PARTS.train.sentences[:60])
WORDS = sorted({t.lower() for s in TRAIN.sentences for t in s.tokens if t.isalpha()})
GIVEN = Vectors(WORDS, np.random.default_rng(0).normal(size=(len(WORDS), 6)).astype(np.float32))
CASES = {
    "lecture": {},
    "two layers, averaged": {"layers": 2, "combine": "average", "features": "shape, suffix2:4"},
    "sentence": {
        "objective": "sentence",
        "features": "suffix1+suffix2:5, gram2:3",
        "short_circuit": "form, gram2",
    },
    "no capitals": {"caps": 0, "objective": "hinge"},
    "logistic": {"objective": "logistic", "short_circuit": "caps"},
    "given": {"vectors": GIVEN, "features": "cluster4:3"},
}


def trained(seed, **settings):
    usual = {"epochs": 2, "hidden": 5, "dimension": 6}
    return Tagger.train(TRAIN, PARTS.dev, seed=seed, **{**usual, **settings})


@pytest.fixture(scope="module", params=CASES)
def members(request):
    return [trained(seed, **CASES[request.param]) for seed in (1, 2, 3)]


def scores(tagger):
    """The scores s of all tokens of dev, without anything done to them."""
    network = tagger.network
    encoded = encode([s.tokens for s in PARTS.dev.sentences], tagger.features, network.architecture.radius)
    return np.concatenate(list(_raw(tagger, encoded)))


def _raw(tagger, encoded):

    network = tagger.network
    values = network.inputs(encoded.windows(slice(None)))
    s = batch(network.scores(), [network.data[name] for name in values])
    params = {name: tagger.params[name] for name in network.parameters if name != "A"}
    yield cr.evaluate(s, {**params, **values})


def test_its_scores_are_the_mean_of_theirs(members):
    merged = merge(members)
    mean = np.mean([scores(member) for member in members], axis=0)
    np.testing.assert_allclose(scores(merged), mean, rtol=1e-4, atol=1e-5)
    if "A" in merged.params:
        np.testing.assert_allclose(
            merged.params["A"], np.mean([m.params["A"] for m in members], axis=0), rtol=1e-5
        )


def test_it_is_a_model_like_any_other(members, tmp_path):
    merged = merge(members, PARTS.dev)
    merged.save(tmp_path / "m")
    again = Tagger.load(tmp_path / "m")
    texts = [" ".join(s.tokens) for s in PARTS.dev.sentences[:20]]
    assert list(again.pipe(texts)) == list(merged.pipe(texts))
    assert again.config.figures["dev_f1"] == merged.evaluate(PARTS.dev).f1


def test_vectors_that_all_share_are_kept_once():
    members = [trained(seed, **CASES["given"]) for seed in (1, 1, 1)]
    merged = merge(members)
    assert merged.params["E"].shape == members[0].params["E"].shape
    np.testing.assert_allclose(scores(merged), scores(members[0]), rtol=1e-5, atol=1e-5)


def test_what_cannot_lie_side_by_side_is_refused():
    one = trained(1)
    with pytest.raises(SettingError, match="two or more"):
        merge([one])
    for settings, cause in (({"letters": 3}, "letters"), ({"activation": "parametric_relu"}, "parametric")):
        odd = trained(1, **settings)
        with pytest.raises(SettingError, match=f"networks with {cause}"):
            merge([odd, odd])
    with pytest.raises(SettingError, match="differ in their architecture"):
        merge([one, trained(2, hidden=6)])
    other = PARTS.train.of(PARTS.train.sentences[60:120])
    with pytest.raises(SettingError, match="differ in their features"):
        merge([one, Tagger.train(other, PARTS.dev, epochs=1, hidden=5, dimension=6)])


def test_dev_with_other_labels_is_refused():
    members = [trained(seed) for seed in (1, 2)]
    sentence = PARTS.dev.sentences[0]
    strange = PARTS.dev.of([sentence._replace(tags=["B-PLANET", *sentence.tags[1:]])])
    with pytest.raises(DataError, match="do not know"):
        merge(members, strange)
