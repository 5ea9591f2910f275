"""Smaller models: what is left out is what was asked for, and what stays says what it said."""

import json
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from refusals import refused

from chainrule.errors import SettingError
from chainrule.ner import Tagger, Vectors, sample
from chainrule.ner.folder import CONFIG, VALUES, read_folder
from chainrule.ner.prune import compared, counts, folder_size, prune

LIMIT = 0.3  # of rows of scores: a quarter of them
TEXT = "Helen Marsh flew from Paris to Seoul on 3 May 2019 with Ada Brown of Norwich Union."


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    """A model with vectors of words that training has not, clusters, and features with scores of their own."""
    train = sample("en").train
    words = [
        *dict.fromkeys(t.lower() for s in train.sentences for t in s.tokens),
        *(f"more{k}" for k in range(400)),
    ]
    vectors = Vectors(words, np.random.default_rng(0).normal(size=(len(words), 12)).astype(np.float32))
    settings = {"features": "suffix2", "short_circuit": "form, gram2, cluster8, suffix2"}
    return Tagger.train(
        train, sample("en").dev, vectors=vectors, epochs=3, hidden=16, window=3, learning_rate=0.2, **settings
    )


@pytest.fixture(scope="module")
def dev():
    return sample("en").dev


def predicted(tagger, corpus) -> list[list[str]]:
    return tagger.tag_tokens([s.tokens for s in corpus.sentences])


def test_nothing_asked_for_leaves_every_number(tagger, dev, tmp_path):
    same = prune(tagger, bits=32, negligible=0)
    assert same.features.vocabulary.words == tagger.features.vocabulary.words
    assert all(np.array_equal(same.params[name], tagger.params[name]) for name in tagger.params)
    change = compared(tagger, same, dev)
    assert change.names[1:] == (0, 0)
    assert change.probability == (0, 0)


def test_a_pruned_model_is_what_its_folder_says(tagger, dev, tmp_path):
    small = prune(tagger, words=200, negligible=LIMIT)
    small.save(tmp_path / "small")
    read = Tagger.load(tmp_path / "small")
    assert read.config == small.config
    assert read.config.training["pruned"] == {"words": [counts(tagger)["words"], 200]}
    assert predicted(read, dev) == predicted(small, dev)
    assert read.tag(TEXT) == small.tag(TEXT)
    assert {n: (a.shape, a.dtype) for n, a in read.params.items()} == {
        n: (a.shape, a.dtype) for n, a in small.params.items()
    }
    assert read.features.values == small.features.values


def test_words_go_from_the_end_and_the_rest_keep_their_vectors_and_clusters(tagger):
    small = prune(tagger, words=50, bits=32, negligible=0)
    assert small.vocabulary.words == tagger.vocabulary.words[:52]
    assert np.array_equal(small.params["E"], tagger.params["E"][:52])
    assert np.array_equal(small.features.clusters["cluster8"], tagger.features.clusters["cluster8"][:52])
    assert counts(small)["words"] == 50


def test_words_of_given_data_stay_before_others(tagger, dev):
    met = {k for s in dev.sentences for k in tagger.vocabulary.ids(s.tokens).tolist() if k > 1}
    small = prune(tagger, words=len(met), bits=32, data=[dev])
    assert small.vocabulary.words[2:] == tuple(tagger.vocabulary.words[k] for k in sorted(met))
    assert compared(tagger, small, dev).unknown[0] == compared(tagger, small, dev).unknown[1]
    bigger = prune(tagger, words=len(met) + 1, bits=32, data=[dev])
    rest = [w for k, w in enumerate(tagger.vocabulary.words) if k > 1 and k not in met]
    assert set(bigger.vocabulary.words) - set(small.vocabulary.words) == {rest[0]}


def test_a_model_without_any_word_still_tags(tagger, dev):
    none = prune(tagger, words=0)
    assert counts(none)["words"] == 0
    assert len(predicted(none, dev)) == len(dev.sentences)
    assert compared(tagger, none, dev).unknown[1] == 1


@pytest.mark.parametrize("size", [206_000, 233_333, 240_001])
def test_a_size_is_kept_and_used_up(tagger, tmp_path, size):
    small = prune(tagger, size=size)
    small.save(tmp_path / "small")
    each = 12 * 2 + 4 + 16  # a vector, a cluster, and a line of the vocabulary at most
    assert size - each - 512 < folder_size(tmp_path / "small") <= size
    assert 0 < counts(small)["words"] < counts(tagger)["words"]


def test_a_size_with_room_for_everything_drops_no_word(tagger):
    assert counts(prune(tagger, size=10**9))["words"] == counts(tagger)["words"]


def test_a_size_too_small_for_the_rest_is_refused(tagger):
    with pytest.raises(
        SettingError, match=r"without any word the model takes [\d,]+ bytes, more than 2,000; give"
    ):
        prune(tagger, size=2000)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"words": -1}, "number of words is -1"),
        ({"words": 1.5}, "number of words is 1.5"),
        ({"size": 0}, "size is 0"),
        ({"negligible": -0.1}, "negligible is -0.1"),
        ({"bits": 8}, "bits is 8; it must be 32 or 16"),
    ],
)
def test_settings_outside_their_range_are_refused(tagger, settings, words):
    with pytest.raises(SettingError, match=words):
        prune(tagger, **settings)


# ── scores of their own ───────────────────────────────────────────────────────────────────────────────


def rows_of(tagger, feature: str, value: str) -> np.ndarray:
    """The rows of L of a value of a feature at all places, (W, C), read off what the network looks up."""
    network = tagger.network
    known = tagger.features.values[feature]
    number = known.lookup.get(value, 1)
    window = network.architecture.window
    blank = {name: np.zeros((1, window), np.int64) for name in network.seen}
    ids = network.inputs({**blank, feature: np.full((1, window), number)})["direct"]
    others = network.inputs(blank)["direct"]
    return tagger.params["L"][ids[ids != others]].astype(np.float32)


def test_rows_far_from_the_middle_stay_and_the_others_become_their_mean(tagger):
    limit = LIMIT
    small = prune(tagger, bits=32, negligible=limit)
    for feature in ("form", "gram2"):
        known = tagger.features.values[feature]
        rows = np.stack([rows_of(tagger, feature, w) for w in known.words[2:]])
        near = np.abs(rows - np.median(rows, axis=0)).max(axis=(1, 2)) <= limit
        assert 2 < near.sum() < len(near)
        mean = rows[near].mean(axis=0)
        for word, old, together in zip(known.words[2:], rows, near, strict=True):
            assert np.allclose(rows_of(small, feature, word), mean if together else old, atol=1e-6)
        new = small.features.values[feature]
        assert len(new) == 2 + (~near).sum() + 1
        assert {*new.words, *new.shared} == {*known.words}
        for special in ("never seen", "<pad>"):
            assert np.array_equal(rows_of(small, feature, special), rows_of(tagger, feature, special))


def test_features_with_vectors_and_clusters_keep_all_their_rows(tagger):
    small = prune(tagger, bits=32, negligible=1e3)
    assert small.features.values["suffix2"] == tagger.features.values["suffix2"]
    assert len(small.features.values["form"]) == 3
    for value in tagger.features.values["suffix2"].words[2:9]:
        assert np.array_equal(rows_of(small, "suffix2", value), rows_of(tagger, "suffix2", value))
    assert small.network.length("cluster8") == 10


def test_no_score_changes_by_more_than_the_rows_may(tagger, dev):
    limit = LIMIT
    small = prune(tagger, bits=32, negligible=limit)
    most = (
        2 * limit * 3 * 2
    )  # two features at three places; each row and the mean are so far from the middle at most
    change = compared(tagger, small, dev)
    assert 0 < change.probability[0] <= np.tanh(most / 2)  # p and p′ whose odds differ by e^(2 most) at most
    assert sum(change.names[1:]) <= 0.1 * change.names[0]


def test_pruning_twice_is_pruning_once(tagger, tmp_path):
    once = prune(tagger, words=100, negligible=0.05)
    twice = prune(once, words=100, negligible=0.05)
    assert {n: a.shape for n, a in twice.params.items()} == {n: a.shape for n, a in once.params.items()}
    assert all(np.array_equal(once.params[n], twice.params[n]) for n in once.params)


def test_values_with_one_row_are_written_as_a_list_and_read_with_distrust(tagger, tmp_path):
    small = prune(tagger, words=20, negligible=LIMIT)
    small.save(tmp_path / "small")
    _, features, _ = read_folder(tmp_path / "small")
    form = features.values["form"]
    assert form.shared
    assert len({form.lookup[word] for word in (form.words[-1], *form.shared)}) == 1


def test_what_both_models_say_is_counted(tagger, dev):
    other = replace(
        tagger, params={**tagger.params, "c": tagger.params["c"] - 100 * (np.arange(len(tagger.params["c"])) > 0)}
    )
    change = compared(tagger, other, dev)
    names = sum(tag.startswith("B-") for tags in predicted(tagger, dev) for tag in tags)
    assert change.names == (0, names, 0)
    assert change.before.f1 == tagger.evaluate(dev).f1 > 0
    assert change.after.f1 == 0
    assert change.probability[0] > 0.5


@pytest.mark.parametrize(
    "form",
    [
        ["a", ["b", 3]],
        [["a", "b"], "c"],
        ["a", []],
        ["a", ["b", "a"]],
        ["a", [["b"]]],
        ["a", ["b", "<unk>"]],
        ["a\nb"],
    ],
)
def test_lists_of_values_that_are_none_are_refused(tagger, tmp_path, form):
    prune(tagger, words=20).save(tmp_path / "small")
    values = json.loads((tmp_path / "small" / VALUES).read_text(encoding="utf-8"))
    (tmp_path / "small" / VALUES).write_text(json.dumps({**values, "form": form}), encoding="utf-8")
    described = json.loads((tmp_path / "small" / CONFIG).read_text(encoding="utf-8"))
    described["sha256"][VALUES] = sha256((tmp_path / "small" / VALUES).read_bytes()).hexdigest()
    (tmp_path / "small" / CONFIG).write_text(json.dumps(described), encoding="utf-8")
    refused(tmp_path / "small", VALUES, "damaged")
