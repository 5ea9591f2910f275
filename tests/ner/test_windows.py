"""Windows: what the plain loop gives, and never a word of another sentence."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chainrule.ner.features import Features
from chainrule.ner.vocab import PADDING, Vocabulary, caps
from chainrule.ner.windows import encode

WORDS = ["the", "Bank", "of", "Seoul", "123", "서울역", "zzz"]
VOCABULARY = Vocabulary.build([WORDS[:-1]])
FEATURES = Features(VOCABULARY)
TEXTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=6), max_size=6)


def looped(sentences, radius, number):
    """The windows of every token, word by word, with padding beyond the ends of its sentence."""
    return [
        [number(s[k]) if 0 <= k < len(s) else PADDING for k in range(centre - radius, centre + radius + 1)]
        for s in sentences
        for centre in range(len(s))
    ]


@given(TEXTS, st.integers(0, 4))
def test_windows_are_those_of_the_plain_loop(sentences, radius):
    encoded = encode(sentences, FEATURES, radius)
    assert len(encoded) == sum(map(len, sentences))
    windows = encoded.windows(slice(None))
    for name, number in (("words", VOCABULARY.id), ("caps", caps)):
        assert windows[name].shape == (len(encoded), 2 * radius + 1)
        assert windows[name].dtype == np.int64
        assert windows[name].tolist() == looped(sentences, radius, number)


@given(TEXTS, st.integers(0, 3), st.data())
def test_any_tokens_in_any_order_have_the_windows_they_have_together(sentences, radius, data):
    encoded = encode(sentences, FEATURES, radius)
    picked = data.draw(st.lists(st.integers(0, max(len(encoded) - 1, 0)), max_size=5)) if len(encoded) else []
    tokens = np.array(picked, np.int64)
    for name, every in encoded.windows(slice(None)).items():
        assert encoded.windows(tokens)[name].tolist() == every[tokens].tolist()


@pytest.mark.parametrize(("radius", "length"), [*product([1, 2, 5], [1, 2, 3])])
def test_a_window_never_leaves_its_sentence(radius, length):
    own, other = ["the"] * length, ["Bank"] * 9
    alone = encode([own], FEATURES, radius).windows(slice(None))
    between = encode([other, own, other], FEATURES, radius).windows(slice(9, 9 + length))
    for name, windows in alone.items():
        assert windows.tolist() == between[name].tolist()


def test_a_rare_word_beside_a_sentence_end_is_unknown_and_not_padding():
    encoded = encode([["zzz"]], FEATURES, 1)
    assert encoded.windows(slice(None))["words"].tolist() == [[0, 1, 0]]


@given(TEXTS)
def test_values_are_cut_at_the_sentences(sentences):
    encoded = encode(sentences, FEATURES, 2)
    numbers = np.arange(2 * len(encoded), dtype=float).reshape(-1, 2)
    parts = encoded.sentences(numbers)
    assert [len(part) for part in parts] == [len(s) for s in sentences]
    assert sum(map(len, parts)) == len(encoded)
    if len(encoded):
        np.testing.assert_array_equal(np.concatenate(parts), numbers)


def test_no_sentences_and_empty_sentences_have_no_windows():
    for sentences in ([], [[]], [[], []]):
        encoded = encode(sentences, FEATURES, 2)
        assert len(encoded) == 0
        assert {name: w.shape for name, w in encoded.windows(slice(None)).items()} == {
            "words": (0, 5),
            "caps": (0, 5),
        }
        assert [p.shape for p in encoded.sentences(np.zeros((0, 3)))] == [(0, 3)] * len(sentences)
