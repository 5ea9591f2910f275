"""Names among tokens: those of the tags, and with the probability that they have in running text."""

import numpy as np
import pytest

from chainrule import SettingError
from chainrule.ner import Tagger, sample
from chainrule.ner.tags import tags_of

SENTENCES = [s.tokens for s in sample("en").train.sentences[:30]]


@pytest.fixture(scope="module", params=["softmax", "sentence"])
def knowing(request) -> Tagger:
    train = sample("en").train
    corpus = train.of(train.sentences[:30])
    return Tagger.train(corpus, corpus, epochs=4, hidden=6, dimension=5, objective=request.param)


def test_they_are_the_names_of_the_tags(knowing):
    found = knowing.find(SENTENCES)
    assert sum(map(len, found)) > 5
    for names, sentence, tags in zip(found, SENTENCES, knowing.tag_tokens(SENTENCES), strict=True):
        assert tags_of([name for name, _ in names], len(sentence)) == tags


def test_they_are_the_names_of_running_text(knowing):
    text = " ".join(" ".join(tokens) for tokens in SENTENCES)
    cut = knowing.tokenize(text)
    found = knowing.find([[t.text for t in tokens] for tokens in cut])
    names = [
        (c[a].start, c[b - 1].end, label) for c, each in zip(cut, found, strict=True) for (a, b, label), _ in each
    ]
    assert names == [e[:3] for e in knowing.tag(text)]
    assert np.allclose([p for each in found for _, p in each], [e.score for e in knowing.tag(text)], rtol=1e-6)


def test_empty_sentences_have_none_and_take_none(knowing):
    found = knowing.find([[], *SENTENCES[:3], [], SENTENCES[3], []])
    assert [found[k] for k in (0, 4, 6)] == [[], [], []]
    assert [*found[1:4], found[5]] == [knowing.find([s])[0] for s in SENTENCES[:4]]
    assert knowing.find([]) == [] and knowing.find([[]]) == [[]]


def test_names_that_are_too_improbable_are_left_out(knowing):
    every = [p for names in knowing.find(SENTENCES) for _, p in names]
    middle = sorted(every)[len(every) // 2]
    kept = [p for names in knowing.inclined(min_score=middle).find(SENTENCES) for _, p in names]
    assert kept == [p for p in every if p >= middle]


def test_a_text_is_no_list_of_sentences(knowing):
    with pytest.raises(SettingError, match="tag takes a text"):
        knowing.find(["Paris is big"])
