"""The nearest windows of training, against all cosines."""

import numpy as np
import pytest

from chainrule.ner import Tagger, explain_nearest, sample, write_conll
from chainrule.ner.windows import encode

TEXT = "Museums in Paris are amazing. Zzqx met Paris in Seoul."


@pytest.fixture(scope="module")
def corpus():
    train = sample("en").train
    return train.of(train.sentences[:25])


@pytest.fixture(scope="module", params=[1, 2])
def tagger(request, corpus):
    settings = {"epochs": 10, "dropout": 0.0, "hidden": 7, "dimension": 5, "window": 3, "learning_rate": 0.2}
    return Tagger.train(corpus, corpus, layers=request.param, **settings)


def hidden(tagger, sentences):
    """h of every token, by hand."""
    p = {name: np.asarray(value, np.float64) for name, value in tagger.params.items()}
    windows = encode(sentences, tagger.features, 1).windows(slice(None))
    x = np.concatenate(
        [t[windows[n]].reshape(len(windows[n]), -1) for t, n in ((p["E"], "words"), (p["K"], "caps"))], axis=1
    )
    h = np.tanh(x @ p["W"].T + p["b"])
    return np.tanh(h @ p["W_2"].T + p["b_2"]) if "W_2" in p else h


@pytest.mark.parametrize("together", [1, 50, 10**6])
def test_they_have_the_largest_cosines(tagger, corpus, monkeypatch, together):
    monkeypatch.setattr(explain_nearest, "TOGETHER", together)
    sentences = tagger.tokenize(TEXT)
    asked = hidden(tagger, [[t.text for t in s] for s in sentences])
    among = hidden(tagger, [s.tokens for s in corpus.sentences])
    unit = [h / np.linalg.norm(h, axis=1, keepdims=True) for h in (asked, among)]
    cosines = unit[0] @ unit[1].T
    tags = [tag for s in corpus.sentences for tag in s.tags]
    lines = [s.line + k for s in corpus.sentences for k in range(len(s.tokens))]
    words = [w for s in corpus.sentences for w in s.tokens]
    found = tagger.explain(TEXT, methods=[], train=corpus, neighbours=4, every=True)
    windows = [w for reason in found.reasons for w in reason.windows]
    assert [w.token for w in windows] == list(range(len(asked)))
    for window, row in zip(windows, cosines, strict=True):
        best = np.sort(row)[::-1][:4]
        np.testing.assert_allclose([near.cosine for near in window.nearest], best, atol=1e-5)
        for near in window.nearest:
            k = lines.index(near.line)
            assert (near.tag, near.words[1], near.file) == (tags[k], words[k], str(corpus.path))
            assert row[k] == pytest.approx(near.cosine, abs=1e-5)
            assert len(near.words) == 3


def test_the_line_is_where_the_word_stands(tagger, corpus, tmp_path):
    write_conll(tmp_path / "train.conll", corpus.sentences)
    found = tagger.explain("Paris", token=0, methods=[], train=tmp_path / "train.conll", neighbours=3)
    rows = (tmp_path / "train.conll").read_text("utf-8").split("\n")
    for near in found.reasons[0].windows[0].nearest:
        assert rows[near.line - 1].split()[0] == near.words[1]
        assert rows[near.line - 1].split()[-1] == near.tag


def test_few_windows_are_all_there_are(tagger, corpus):
    few = corpus.of(corpus.sentences[:1])
    found = tagger.explain("Paris", token=0, methods=[], train=few, neighbours=99)
    assert len(found.reasons[0].windows[0].nearest) == few.tokens
