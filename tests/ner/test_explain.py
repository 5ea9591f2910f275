"""Why a tag: shares against finite differences and closed forms."""

import numpy as np
import pytest

from chainrule.ner import Tagger, sample
from chainrule.ner.explain import explain
from chainrule.ner.windows import encode

TEXT = " ".join(sample("en").train.sentences[3].tokens) + ". Paris met Paris in Seoul."


def network(tagger, E, K, words, caps):
    """The scores of one window, written by hand."""
    a, p = tagger.config.architecture, {n: np.asarray(v, np.float64) for n, v in tagger.params.items()}
    pieces = [E[words], *([K[caps]] if a.caps else [])]
    x = np.concatenate([rows.ravel() if a.combine == "concatenate" else rows.mean(0) for rows in pieces])
    f = {"tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}[a.activation]
    return p["U"] @ f(p["W"] @ x + p["b"]) + p["c"]


@pytest.fixture(
    scope="module",
    params=[{}, {"combine": "average"}, {"caps": 0}, {"activation": "relu"}],
    ids=["as usual", "average", "no shapes", "relu"],
)
def tagger(request):
    train = sample("en").train
    corpus = train.of(train.sentences[:40])
    settings = {
        "epochs": 40,
        "patience": 40,
        "dropout": 0.0,
        "hidden": 8,
        "dimension": 6,
        "caps": 2,
        "window": 3,
        "learning_rate": 0.2,
    }
    return Tagger.train(corpus, corpus, **{**settings, **request.param})


def test_shares_are_gradient_times_input_by_differences(tagger):
    """A word's vectors are made 1 + h times as long in one place of the window: the slope is r."""
    radius = tagger.config.architecture.radius
    for found in explain(tagger, TEXT):
        words = [token.text for token in found.tokens]
        windows = encode([words], tagger.features, radius).windows(slice(None))
        E, K = (np.asarray(tagger.params.get(n, np.zeros((9, 1))), np.float64) for n in "EK")
        tags = [tag.partition("-")[2] or "O" for tag in tagger.config.tags]
        for reason in found.reasons:
            slopes: dict = {}
            for t in reason.tokens:
                ids, caps = windows["words"][t], windows["caps"][t]
                scores = network(tagger, E, K, ids, caps)
                y = max((k for k, tag in enumerate(tags) if tag == reason.label), key=lambda k: scores[k])
                for i in range(len(ids)):
                    moved = []
                    for h in (1e-5, -1e-5):  # the word at place i has rows of its own
                        E2, K2 = np.vstack([E, (1 + h) * E[ids[i]]]), np.vstack([K, (1 + h) * K[caps[i]]])
                        ids2, caps2 = ids.copy(), caps.copy()
                        ids2[i], caps2[i] = len(E), len(K)
                        moved.append(network(tagger, E2, K2, ids2, caps2)[y])
                    place = t + i - radius
                    word = place if 0 <= place < len(words) else None
                    slopes[word] = slopes.get(word, 0.0) + (moved[0] - moved[1]) / 2e-5
            assert slopes.keys() == reason.signs.keys()
            for word, slope in slopes.items():
                assert reason.signs[word] == pytest.approx(slope, rel=1e-4, abs=1e-5)
            whole = sum(map(abs, reason.signs.values()))
            assert {w: abs(r) / whole for w, r in reason.signs.items()} == pytest.approx(reason.shares)
            assert sum(reason.shares.values()) == pytest.approx(1)


def test_names_and_probabilities_are_those_of_the_tagger(tagger):
    names = tagger.tag(TEXT)
    found = explain(tagger, TEXT)
    explained = [
        (e.tokens[r.tokens.start].start, e.tokens[r.tokens.stop - 1].end, r.label, r.score)
        for e in found
        for r in e.reasons
        if r.label != "O"
    ]
    assert explained == [(n.start, n.end, n.label, n.score) for n in names] and names
    for sentence in found:
        np.testing.assert_allclose(sentence.probabilities.sum(1), 1, rtol=1e-5)
        assert [k for r in sentence.reasons for k in r.tokens] == list(range(len(sentence.tokens)))


def test_a_text_without_words_has_no_reasons(tagger):
    assert explain(tagger, "") == [] and explain(tagger, " \n ") == []
