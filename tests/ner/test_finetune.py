"""Fine-tuning: the policy, the remedies against words left behind, and the warning."""

import numpy as np
import pytest

from chainrule.errors import SettingError
from chainrule.ner import Tagger
from chainrule.ner.bundled import sample
from chainrule.ner.finetune import BEFORE, REMEDIES
from chainrule.ner.vectors import Vectors

PARTS = sample("en")
TRAIN = PARTS.train.of(PARTS.train.sentences[:60])
KNOWN = sorted({t.lower() for s in TRAIN.sentences for t in s.tokens if t.isalpha()})
TWINS = [f"{word}twin" for word in KNOWN]
ROWS = np.random.default_rng(0).normal(size=(len(KNOWN), 12)).astype(np.float32)
VECTORS = Vectors(
    [*KNOWN, *TWINS],
    np.concatenate([ROWS, ROWS + 0.05 * np.random.default_rng(1).normal(size=ROWS.shape)]).astype(np.float32),
)
"""Every word of the training data has a near neighbour that is not in it."""


def trained(**settings):
    jobs = []
    tagger = Tagger.train(
        TRAIN,
        PARTS.dev,
        vectors=VECTORS,
        fine_tune="yes",
        begin=jobs.append,
        **{"epochs": 6, "hidden": 8, "learning_rate": 0.2, **settings},
    )
    return tagger, jobs[0]


def moves(tagger, words):
    ids = [tagger.vocabulary.lookup[word] for word in words]
    return tagger.params["E"][ids] - VECTORS.matrix[[VECTORS.lookup[word] for word in words]]


def moved(tagger, words):
    return np.linalg.norm(moves(tagger, words), axis=1)


@pytest.fixture(scope="module")
def made():
    return {remedy: trained(remedy=remedy, anchor=0.5) for remedy in REMEDIES}


def test_without_a_remedy_words_are_left_behind_and_it_is_said(made):
    tagger, job = made["none"]
    assert np.all(moved(tagger, TWINS) == 0) and moved(tagger, KNOWN).mean() > 0.1
    assert len(tagger.notes) > len(job.notes) and any("twin" in note for note in tagger.notes)


def test_an_anchor_holds_words_and_is_no_parameter_of_the_model(made, tmp_path):
    tagger, _ = made["anchor"]
    assert moved(tagger, KNOWN).mean() < 0.7 * moved(made["none"][0], KNOWN).mean()
    assert BEFORE not in tagger.params
    tagger.save(tmp_path / "m")
    assert Tagger.load(tmp_path / "m").params.keys() == made["none"][0].params.keys()


def test_dragged_words_go_where_their_neighbours_went(made):
    tagger, _ = made["drag"]
    own, twin = (moves(tagger, words) for words in (KNOWN, TWINS))
    far = np.linalg.norm(own, axis=1) > 0.1
    cosines = (own * twin).sum(axis=1) / np.linalg.norm(own, axis=1) / np.linalg.norm(twin, axis=1)
    assert far.sum() > 50 and cosines[far].mean() > 0.4 and (cosines[far] > 0).mean() > 0.8
    assert moved(tagger, TWINS).mean() > 0.1
    np.testing.assert_array_equal(moved(tagger, KNOWN), moved(made["none"][0], KNOWN))


def test_vectors_that_stay_are_not_spoken_of():
    jobs = []
    tagger = Tagger.train(TRAIN, PARTS.dev, vectors=VECTORS, epochs=1, hidden=4, begin=jobs.append)
    assert tagger.notes == jobs[0].notes and "kept fixed" in " ".join(tagger.notes)


def test_an_interrupted_run_with_an_anchor_resumes_bit_for_bit(tmp_path):
    left = iter([*[False] * 9, True])
    settings = {"remedy": "anchor", "epochs": 3}
    trained(out=tmp_path / "cut", stop=lambda: next(left, True), **settings)
    again, _ = trained(out=tmp_path / "cut", resume=True, **settings)
    whole, _ = trained(**settings)
    assert all(np.array_equal(w, again.params[n]) for n, w in whole.params.items())


@pytest.mark.parametrize("wrong", [{"remedy": "drug"}, {"anchor": -1.0}])
def test_what_is_no_remedy_is_refused(wrong):
    with pytest.raises(SettingError, match=r"did you mean drag|at least 0"):
        trained(**wrong)
