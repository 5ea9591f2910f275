"""From scores to tags: every sentence gets a legal path, whatever the size of the chunks."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chainrule.ner import decode
from chainrule.ner.architecture import Architecture
from chainrule.ner.decode import Decoder
from chainrule.ner.features import Features
from chainrule.ner.model import Network
from chainrule.ner.tags import illegal_moves, tag_list
from chainrule.ner.vocab import Vocabulary
from chainrule.ner.windows import encode

WORDS = [f"w{c}" for c in "abcdefghij"]
FEATURES = Features(Vocabulary.build([WORDS]))
SENTENCES = [["wa", "wb", "wc"], [], ["wd"], ["we", "wf", "wg", "wh"], ["wz"] * 5]


def network(C):
    return Network(Architecture(window=3, dimension=4, caps=2, hidden=5), len(FEATURES.vocabulary), C)


def made(scheme="BIOES"):
    tags = tag_list(["LOC", "PER"], scheme)
    net, rng = network(len(tags)), np.random.default_rng(3)
    params = {"E": rng.normal(size=(len(FEATURES.vocabulary), 4)).astype(np.float32), **net.start(rng)}
    return Decoder(net, tags, scheme), {n: params[n] * 3 for n in net.parameters}


def test_log_probabilities_are_those_of_each_token_and_sum_to_one():
    decoder, params = made()
    encoded = encode(SENTENCES, FEATURES, 1)
    log_p = decoder.log_probabilities(params, decoder.scores(params, encoded), encoded)
    assert log_p.shape == (len(encoded), 9)
    assert log_p.dtype == np.float32
    np.testing.assert_allclose(np.exp(log_p).sum(1), 1, rtol=1e-6)


def test_chunks_change_nothing(monkeypatch):
    decoder, params = made()
    encoded = encode(SENTENCES, FEATURES, 1)
    whole = decoder.scores(params, encoded)
    for size in (1, 2, 7, 13):
        monkeypatch.setattr(decode, "CHUNK", size)
        np.testing.assert_allclose(decoder.scores(params, encoded), whole, rtol=1e-5, atol=1e-6)
        assert decoder.decode(params, whole, encoded) == decoder.decode(
            params, decoder.scores(params, encoded), encoded
        )


def test_no_tokens_give_no_rows():
    decoder, params = made()
    for sentences in ([], [[], []]):
        encoded = encode(sentences, FEATURES, 1)
        log_p = decoder.log_probabilities(params, decoder.scores(params, encoded), encoded)
        assert log_p.shape == (0, 9)
        assert decoder.decode(params, log_p, encoded) == [[] for _ in sentences]


@pytest.mark.parametrize("scheme", ["IO", "IOB1", "IOB2", "BIOES", "BILOU", "bare"])
@given(st.integers(0, 10**6))
def test_every_path_is_legal_and_none_is_likelier(scheme, seed):
    decoder, params = made(scheme)
    encoded = encode([["wa", "wb", "wc"], ["wd"]], FEATURES, 1)
    scores = np.random.default_rng(seed).normal(size=(4, len(decoder.tags)))
    paths = decoder.paths(params, scores, encoded)
    tags = decoder.decode(params, scores, encoded)
    assert [[decoder.tags[k] for k in path] for path in paths] == tags
    for path, found, rows in zip(paths, tags, (scores[:3], scores[3:]), strict=True):
        assert illegal_moves(found, scheme) == 0
        mine = sum(row[k] for row, k in zip(rows, path, strict=True))
        for other in product(range(len(decoder.tags)), repeat=len(path)):
            value = sum(row[k] for row, k in zip(rows, other, strict=True))
            if value > mine + 1e-12:
                assert illegal_moves([decoder.tags[k] for k in other], scheme) > 0
