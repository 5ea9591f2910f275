"""A network that knows more words, values and tags tags as it did, before it has learned anything about them."""

from itertools import chain

import numpy as np
import pytest
from labelled import only

from chainrule.calculus.batch import batch
from chainrule.errors import DataError, SettingError
from chainrule.learn.backends import runner
from chainrule.ner import Tagger, sample
from chainrule.ner.choices import settings_of, settings_on
from chainrule.ner.clusters import joining
from chainrule.ner.grow import FORBIDDEN, sources
from chainrule.ner.objectives import OBJECTIVES
from chainrule.ner.prune import prune
from chainrule.ner.training import joined, prepare
from chainrule.ner.vectors import Vectors
from chainrule.ner.vocab import Vocabulary
from chainrule.ner.windows import encode

PARTS = sample("en")
OLD = only(PARTS.train, "PER", "LOC", stop=40)
NEW = only(PARTS.train, "ORG", start=60, stop=120)
DEV = only(PARTS.dev, "ORG")
TINY = {"hidden": 6, "dimension": 8, "caps": 2, "window": 3, "epochs": 2, "learning_rate": 0.2, "dropout": 0.0}
RICH = {"features": "shape:4,suffix2:3", "short_circuit": "form,gram2,shape", "letters": 4, "rare": 1}
NETWORKS = [
    *({"objective": objective} for objective in OBJECTIVES),
    {"objective": "sentence", **RICH},
    {"objective": "softmax", **RICH, "layers": 2, "activation": "parametric_relu"},
    {"objective": "logistic", **RICH, "combine": "average"},
]


def trained(**settings):
    return Tagger.train(OLD, only(PARTS.dev, "PER", "LOC"), backend="numpy", **{**TINY, **settings})


def prepared(model, corpus=NEW, dev=DEV, vectors=None, **settings):
    """The job of training on, before the first step."""
    parts = settings_of(settings_on(model.config, settings), vectors)
    return prepare(corpus, dev, vectors, *parts, "numpy", model)


def raw(network, params, features, sentences):
    """The scores of all tokens, (N, outputs)."""
    encoded = encode(sentences, features, network.architecture.radius)
    scores = batch(
        network.scores(), [network.data[n] for n in network.inputs(encoded.windows(slice(1))) if n != "letters"]
    )
    values = network.inputs(encoded.windows(slice(None)))
    return runner([scores], "interpreter")(
        {**{n: np.asarray(a, np.float32) for n, a in params.items()}, **values}
    )[0]


def tied(scores):
    """The tokens whose two best scores are the same but for rounding."""
    second, best = np.partition(scores, -2, axis=1)[:, -2:].T
    return set(np.flatnonzero(best - second < 1e-5).tolist())


def assert_as_before(model, job):
    sentences = [s.tokens for s in PARTS.test.sentences]
    network, params = job.decoder.network, job.task.params
    assert job.decoder.tags[: len(model.config.tags)] == model.config.tags
    assert {n: (a.shape, a.dtype) for n, a in params.items()} == {
        n: (node.shape, np.float32) for n, node in network.parameters.items()
    }
    before = raw(model.network, model.params, model.features, sentences)
    after = raw(network, params, job.features, sentences)
    np.testing.assert_allclose(after[:, : before.shape[1]], before, rtol=0, atol=2e-6 * np.abs(before).max())
    assert np.all(after[:, before.shape[1] :] < after[:, :1])
    encoded = encode(sentences, job.features, network.architecture.radius)
    found = job.decoder.decode(params, job.decoder.scores(params, encoded), encoded)
    old = encode(sentences, model.features, network.architecture.radius)
    was = model.decoder.decode(model.params, model.decoder.scores(model.params, old), old)
    assert {tag for tags in was for tag in tags} > {"O"}
    ties = tied(before) if network.architecture.objective == "margin" else set()  # thresholds are scores of tokens
    assert {k for k, (a, b) in enumerate(zip(chain(*found), chain(*was), strict=True)) if a != b} <= ties


@pytest.mark.parametrize("settings", NETWORKS, ids=lambda s: "-".join(map(str, s.values())))
def test_before_the_first_step_it_tags_as_the_model_did_and_no_new_tag_wins(settings):
    model = trained(**settings)
    job = prepared(model)
    assert {"B-ORG", "S-ORG"} <= set(job.decoder.tags)
    assert len(job.features.vocabulary) > len(model.vocabulary)
    assert_as_before(model, job)


def test_so_it_does_where_values_had_a_row_together_and_tables_16_bits():
    model = prune(trained(objective="sentence", **RICH), bits=16, negligible=0.2)
    assert any(known.shared for known in model.features.values.values())
    assert model.params["E"].dtype == np.float16
    assert_as_before(model, prepared(model))


def test_moves_of_new_tags_are_those_of_o_where_they_are_legal():
    model = trained(objective="sentence")
    job = prepared(model)
    A, legal, count = job.task.params["A"], job.decoder.lattice.legal, len(model.config.tags)
    assert np.all(A[~legal] == FORBIDDEN)
    before = model.params["A"]
    kept = np.r_[0:count, len(A) - 1]
    np.testing.assert_array_equal(A[np.ix_(kept, kept)], before)
    for new in range(count, len(A) - 1):
        rows = np.r_[0:count, [0] * (len(A) - 1 - count), count]
        np.testing.assert_array_equal(A[new, legal[new]], before[0, rows][legal[new]])


def test_a_new_tag_is_at_first_as_likely_as_it_is_frequent():
    job = prepared(trained())
    tags = [t for tags in NEW.tagged("BIOES") for t in tags]
    for name in ("B-ORG", "E-ORG"):
        gap = job.task.params["c"][0] - job.task.params["c"][job.decoder.tags.index(name)]
        assert np.exp(-gap) == pytest.approx((tags.count(name) + 1) / (tags.count("O") + 1), rel=1e-4)


def test_a_word_begins_as_what_it_was_read_as():
    old, new = Vocabulary(("<pad>", "<unk>", "paris")), Vocabulary(("<pad>", "<unk>", "paris", "#paris", "rome"))
    assert sources(old, new, spelt=True).tolist() == [0, 1, 2, 2, 1]
    assert sources(old, new).tolist() == [0, 1, 2, 1, 1]
    shared = Vocabulary(("<pad>", "<unk>", "a", "b"), shared=("c",))
    assert sources(shared, Vocabulary(("<pad>", "<unk>", "a", "b", "c", "d"))).tolist() == [0, 1, 2, 3, 3, 1]


def test_given_vectors_are_those_of_new_words_if_they_are_of_the_kind_that_the_model_knows():
    rng = np.random.default_rng(0)
    words = sorted({t.lower() for s in PARTS.train.sentences for t in s.tokens if t.isalpha()})
    vectors = Vectors(words, rng.normal(size=(len(words), 8)).astype(np.float32))
    known = [w for w in words if any(w == t.lower() for s in OLD.sentences for t in s.tokens)]
    some = Vectors(known, vectors.matrix[[vectors.lookup[w] for w in known]])
    model = Tagger.train(OLD, only(PARTS.dev, "PER", "LOC"), vectors=some, backend="numpy", **TINY)
    assert model.config.training["vectors"] == "fixed"
    job = prepared(model, vectors=vectors)
    E, new = job.task.params["E"], sorted(set(words) - set(known))
    rows = [job.features.vocabulary.lookup[w] for w in new]
    np.testing.assert_array_equal(E[rows], vectors.matrix[[vectors.lookup[w] for w in new]])
    assert "E" not in {node.attrs["name"] for node in job.task.trained}
    assert "word vectors: those of the model, kept fixed as before (fine_tune yes)" in job.notes
    assert len(prepared(model).features.vocabulary) == len(model.vocabulary)  # what stays unknown is no new word
    others = Vectors(words, rng.normal(size=(len(words), 8)).astype(np.float32))
    job = prepared(model, vectors=others, fine_tune="yes")
    assert any("not those that the model knows (mean cosine 0.0" in note for note in job.notes)
    unknown = [job.features.vocabulary.lookup[w] for w in new if w in job.features.vocabulary.lookup]
    assert len(unknown) > 50 and np.all(job.task.params["E"][unknown] == model.params["E"][1])


def test_a_new_word_joins_the_cluster_of_its_given_vector():
    rng = np.random.default_rng(0)
    centres = 3 * rng.normal(size=(4, 8))
    vectors = np.concatenate([centres[k % 4] + 0.1 * rng.normal(size=(1, 8)) for k in range(40)]).astype(
        np.float32
    )
    clusters = np.array([0, 1, *(2 + k % 4 for k in range(2, 30))])
    found = joining(vectors[:30], clusters, vectors[30:])
    assert found.tolist() == [2 + k % 4 for k in range(30, 40)]
    assert joining(vectors[:2], np.array([0, 1]), vectors[30:]).tolist() == [1] * 10


def test_documents_of_old_and_new_data_stay_apart():
    one = NEW.of(s._replace(document=k // 2) for k, s in enumerate(NEW.sentences[:4]))
    both = joined([one, one, OLD])
    assert [s.document for s in both.sentences[:10]] == [0, 0, 1, 1, 0, 0, 2, 2, 0, 0]
    assert joined([one]) == one.of(one.sentences)


@pytest.mark.parametrize(
    ("name", "value"), [("hidden", 7), ("window", 5), ("objective", "hinge"), ("scheme", "IOB2")]
)
def test_another_network_is_refused(name, value):
    model = trained()
    with pytest.raises(
        SettingError, match=f"{name} is {value}, but .* in the model that training begins from; leave"
    ):
        prepared(model, **{name: value})
    assert prepared(model, **{name: dict(settings_on(model.config, {}))[name]})


def test_settings_are_those_of_the_model_with_smaller_steps_after_a_warm_up():
    model = trained(batch_size=16, l2=0.01)
    _, plan, _ = settings_of(settings_on(model.config, {"epochs": 2, "dropout": 0.3}))
    assert (plan.batch_size, plan.epochs, plan.learning_rate, plan.schedule) == (16, 2, 0.1, "constant,rise:2")
    again = settings_of(settings_on(model.config, {"learning_rate": 0.7, "schedule": "cosine"}))
    assert plan.patience == 7
    assert (again[0].l2, again[1].learning_rate, again[1].schedule) == (0.01, 0.7, "cosine")


def test_a_model_of_words_does_not_go_on_with_characters():
    with pytest.raises(DataError, match="the model reads words, the data is in characters; convert it"):
        prepared(trained(epochs=1), sample("ko").train, sample("ko").dev)
