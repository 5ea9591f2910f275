"""The loss of a trained tagger on a sentence, traced."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.ner.tags import convert

TOKENS = ["Museums", "in", "Paris", "are", "amazing"]
TEXT = " ".join(TOKENS)


def log_probabilities(tagger) -> np.ndarray:
    """log P(tag) of every token, by the network as it tags."""
    memory = tagger._known()
    _, scores = tagger._tagged(memory, memory.reader.tokens([TOKENS]))
    return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)


def test_the_loss_is_the_mean_of_the_negative_log_probabilities(tagger):
    tags = ["O", "O", "B-LOC" if "B-LOC" in tagger.config.tags else "O", "O", "O"]
    log_p = log_probabilities(tagger)
    spelt = convert(tags, tagger.config.scheme)
    expected = -np.mean([log_p[k, tagger.config.tags.index(tag)] for k, tag in enumerate(spelt)])
    t = cr.trace(tagger.loss(TOKENS, tags))
    assert float(t.result.value) == pytest.approx(expected, rel=1e-5)
    assert {"x", "z", "h", "s", "J"} <= t.values.keys() and t["J"].shape == (5,)


def test_the_loss_of_one_window(tagger):
    whole, one = tagger.loss(TEXT), tagger.loss(TEXT, token=2)
    assert float(cr.trace(one).result.value) == pytest.approx(float(cr.trace(whole)["J"].value[2]), rel=1e-5)
    assert cr.trace(one)["x"].shape == (tagger.params["W"].shape[1],)


def test_its_gradients_pass_the_check(tagger):
    e = tagger.loss(TEXT)
    t = cr.trace(e)
    assert {name: t[name].gradient.shape for name in "KWbUc"} == {
        name: tagger.params[name].shape for name in "KWbUc"
    }
    assert cr.check(e.expression, dict(e.values)).ok
    np.testing.assert_allclose(t["s"].gradient.sum(), 0, atol=1e-6)  # p − y sums to 0


def test_only_the_words_that_are_met_are_there(tagger):
    e = tagger.loss(TEXT)
    assert len(e.values["E"]) <= len(TOKENS) + 1 and e.values["words"].max() == len(e.values["E"]) - 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([], None, None), "no token"), ((TEXT, None, 9), "token 9 of 5 tokens"),
        ((TEXT, ["O"], None), "1 tags for 5 tokens"), ((TEXT, ["O"] * 4 + ["B-DOG"], None), "unknown tag of the model 'B-DOG'"),
    ],
)  # fmt: skip
def test_wrong_sentences_and_tags(tagger, arguments, said):
    with pytest.raises(cr.SettingError) as caught:
        tagger.loss(*arguments)
    assert said in str(caught.value)
