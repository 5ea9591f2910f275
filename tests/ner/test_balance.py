"""The balance between what is left unsaid and what is said wrongly: a bias against O, and the least score."""

import numpy as np
import pytest

from chainrule.errors import SettingError
from chainrule.ner import Tagger
from chainrule.ner.bundled import sample


@pytest.fixture(scope="module", params=["softmax", "logistic", "sentence"])
def made(request):
    parts = sample("en")
    few = parts.train.of(parts.train.sentences[:150])
    tagger = Tagger.train(few, parts.dev, epochs=12, hidden=20, dropout=0.1, objective=request.param)
    return tagger, [" ".join(s.tokens) for s in parts.dev.sentences[:40]]


def found(tagger, texts):
    return [entity for entities in tagger.pipe(texts) for entity in entities]


def test_the_higher_the_bias_the_more_tokens_are_in_names(made):
    tagger, texts = made
    counts = [
        sum(len(e.text.split()) for e in found(tagger.inclined(bias), texts)) for bias in (-20, -1, 0, 1, 20)
    ]
    assert counts == sorted(counts) and counts[0] == 0
    assert counts[-1] == sum(len(s) for text in texts for s in tagger.tokenize(text)) > counts[2] > 0


def test_only_the_bias_of_the_scores_is_another_and_the_tagger_stays_as_it_was(made):
    tagger, texts = made
    before = found(tagger, texts)
    other = tagger.inclined(recall_bias=1.5)
    moved = [n for n, w in tagger.params.items() if not np.array_equal(w, other.params[n])]
    assert moved == ["c"] and found(tagger, texts) == before
    assert found(tagger.inclined(), texts) == before


def test_names_below_the_least_score_are_left_out_and_no_others(made):
    tagger, texts = made
    every = found(tagger, texts)
    middle = sorted(e.score for e in every)[len(every) // 2]
    kept = found(tagger.inclined(min_score=middle), texts)
    assert kept == [e for e in every if e.score >= middle] and 0 < len(kept) < len(every)
    assert found(tagger.inclined(min_score=1.0), texts) == [e for e in every if e.score >= 1]


@pytest.mark.parametrize("wrong", [{"recall_bias": float("nan")}, {"recall_bias": 99}, {"min_score": -0.1}])
def test_what_is_out_of_range_is_refused(made, wrong):
    with pytest.raises(SettingError, match="must be"):
        made[0].inclined(**wrong)
