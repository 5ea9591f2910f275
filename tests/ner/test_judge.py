"""What is fitted after training: thresholds, temperature, and how well probabilities are calibrated."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chainrule.ner import Tagger, sample, score
from chainrule.ner.judge import calibration_error, lowered, threshold_of
from chainrule.ner.judged import Judged

TRAIN = sample("en").train
QUICK = {"hidden": 8, "dimension": 8, "epochs": 3, "dropout": 0.0, "learning_rate": 0.1}


def f1_of_tokens(scores, right, threshold):
    found = scores > threshold
    hits = (found & right).sum()
    return 2 * hits / max(1, found.sum() + right.sum())


@given(st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=1, max_size=12))
def test_no_threshold_has_a_better_f1(pairs):
    scores, right = (np.array(column) for column in zip(*pairs, strict=True))
    scores = scores.astype(float)
    threshold = threshold_of(scores, right)
    if not right.any():
        assert (scores < threshold).all()
        return
    tried = [-5.0, *(np.unique(scores) + 0.5)]
    assert f1_of_tokens(scores, right, threshold) == pytest.approx(
        max(f1_of_tokens(scores, right, t) for t in tried)
    )
    assert threshold not in scores


@pytest.mark.parametrize(
    ("chances", "right", "error"),
    [
        ([], [], 0.0),
        ([1.0, 1.0], [True, True], 0.0),
        ([0.95, 0.95], [False, False], 0.95),
        ([0.75, 0.75, 0.75, 0.75], [True, True, True, False], 0.0),
        ([0.15, 0.85], [True, True], 0.5),
    ],
)
def test_calibration_error_is_the_gap_in_each_bin(chances, right, error):
    assert calibration_error(np.array(chances), np.array(right, bool)) == pytest.approx(error)


@pytest.mark.parametrize("objective", ["softmax", "logistic", "hinge", "margin", "sentence"])
def test_thresholds_lie_in_the_biases(objective):
    """The model alone decides as its judge did, without being told of any threshold."""
    corpus, dev = TRAIN.of(TRAIN.sentences[:30]), TRAIN.of(TRAIN.sentences[30:60])
    tagger = Tagger.train(corpus, dev, objective=objective, **QUICK)
    tags = tagger.tag_tokens([s.tokens for s in dev.sentences])
    found = score([s.tags for s in dev.sentences], tags)
    assert tagger.config.figures["dev_f1"] == pytest.approx(found.f1, abs=1e-12)


def test_under_margin_the_judge_sets_the_biases_wherever_they_stood():
    jobs = []
    corpus = TRAIN.of(TRAIN.sentences[:30])
    tagger = Tagger.train(corpus, corpus, objective="margin", begin=jobs.append, **QUICK)
    fitted = []
    for shift in (np.zeros(len(tagger.params["c"])), np.linspace(-3, 3, len(tagger.params["c"]))):
        params = {n: v.copy() for n, v in tagger.params.items()}
        params["c"] += shift.astype(np.float32)
        fitted.append((jobs[0].judge(params)["dev_f1"], params["c"]))
    assert fitted[0][0] == pytest.approx(fitted[1][0], abs=1e-12)
    np.testing.assert_allclose(fitted[0][1], fitted[1][1], atol=1e-4)


def test_a_lowered_score_is_that_of_o():
    scores = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(lowered(scores, 0.5), scores - [[0.5, 0, 0]])


def test_the_temperature_changes_no_name_and_helps_probabilities():
    jobs = []
    corpus = TRAIN.of(TRAIN.sentences[:60])
    tagger = Tagger.train(corpus, TRAIN.of(TRAIN.sentences[60:140]), begin=jobs.append, **{**QUICK, "epochs": 8})
    judge = jobs[0].judge
    scores = judge.decoder.scores(tagger.params, judge.encoded)
    names, path, right = judge._found(tagger.params, scores)
    assert len(right) > 20 and right.any() and not right.all()

    def loss(T):
        p = judge.decoder.chances(tagger.params, names, path, scores, np.array(judge.encoded.lengths), T)
        return -np.where(right, np.log(p), np.log1p(-np.minimum(p, 1 - 1e-12))).mean()

    T = tagger.config.temperature
    assert loss(T) <= min(map(loss, (0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 8.0))) + 1e-3


@pytest.mark.parametrize("objective", ["softmax", "sentence"])
def test_names_are_judged_with_the_probabilities_that_entities_have(objective):
    """One truth: what a report says of a name is what tagging its tokens says."""
    corpus, dev = TRAIN.of(TRAIN.sentences[:40]), TRAIN.of(TRAIN.sentences[40:80])
    tagger = Tagger.train(corpus, dev, objective=objective, **QUICK)
    tagger = replace(tagger, config=replace(tagger.config, temperature=1.7))
    judged = Judged.by(tagger, dev)
    expected = tagger.find([s.tokens for s in dev.sentences])
    for k, names in enumerate(expected):
        found = judged.found(k)
        assert [name for name, _ in found] == [name for name, _ in names]
        assert [p for _, p in found] == pytest.approx([p for _, p in names], rel=2e-5)
    assert sum(map(len, expected)) > 9
    one = judged.renamed(dict.fromkeys(tagger.labels, "NAME"))
    assert [p for _, p in one.found(0)] == [p for _, p in judged.found(0)]
