"""Tagging as it is done, judged by tagging as it is defined: token by token, sentence by sentence, node by node."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chainrule.ner import Tagger, chunks, kinds, reading, sample
from chainrule.ner.decode import Decoder
from chainrule.ner.features import Features
from chainrule.ner.reading import Reader
from chainrule.ner.tags import best_path, legal, spans
from chainrule.ner.vocab import Vocabulary
from chainrule.ner.windows import encode

WORDS = """
    do n't ’s U.S. e.g. 3.5 1,000 http:// www. a@b.c @ # 한국 서울역 東京 カナ 👩 🏽 🇰 ❤ ᄏ ᅡ ᆫ - -- . ... ' " ( ) _ & : ;
    <3 Mr. J. No. I. 𝒳 𠀀 A 5 cannot Smith Helen Berlin 。 ！ ! ? ” Ph.D. vs.
"""
JOINED = ["\u0301", "\u200d", "\ufe0f", "\u20e3", "\x00", "é", "x" * 70]
SPACES = [*" " * 20, "  ", "\n", "\r\n", "\t", "\u00a0", "\u2028", "\x1f"]
PIECES = [*WORDS.split(), *JOINED, *SPACES]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.lists(
    st.sampled_from(PIECES), max_size=20
).map("".join)


def plainly(tagger, text):
    """The entities of a text, by the interpreter and for one sentence at a time."""
    config = tagger.config
    decoder = Decoder(tagger.network, config.tags, config.scheme, "interpreter")
    found = []
    for tokens in tagger.tokenize(text):
        encoded = encode([[t.text for t in tokens]], tagger.features, config.architecture.radius)
        log_p = decoder.scores(tagger.params, encoded)
        path = best_path(log_p, *legal(config.tags, config.scheme))
        log_p = log_p.astype(np.float64) / config.temperature
        log_p -= np.logaddexp.reduce(log_p, axis=1, keepdims=True)
        for name in spans([config.tags[k] for k in path]):
            inside = [k for k in range(name.start, name.end) if not tokens[k].text.isspace()]
            if inside:
                first, last = inside[0], inside[-1]
                p = np.exp(sum(float(log_p[k, path[k]]) for k in range(first, last + 1)))
                start, end = tokens[first].start, tokens[last].end
                found.append((start, end, name.label, p, text[start:end]))
    return found


def assert_alike(found, expected):
    assert [(e[0], e[1], e[2], e[4]) for e in found] == [(e[0], e[1], e[2], e[4]) for e in expected]
    np.testing.assert_allclose([e[3] for e in found], [e[3] for e in expected], rtol=2e-5)


def taught(language="en", **settings):
    train = sample(language).train
    corpus = train.of(train.sentences[:60])
    usual = {"hidden": 12, "dimension": 8, "learning_rate": 0.2, "dropout": 0.0, "epochs": 4}
    return Tagger.train(corpus, corpus, **{**usual, **settings})


@pytest.fixture(scope="module")
def english():
    return taught()


@pytest.fixture(scope="module")
def korean():
    return taught("ko")


@pytest.fixture(scope="module", params=["english", "korean"])
def either(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def always(monkeypatch):
    """Short texts are read as long ones are."""
    monkeypatch.setattr(reading, "SHORT", 0)


def sample_texts():
    return [
        ("" if part.characters else " ").join(sentence.tokens)
        for language in ("en", "ko")
        for part in sample(language)
        for sentence in part.sentences
    ]


# ── the same tags ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_sample_is_tagged_as_the_definition_says(language, request):
    tagger = request.getfixturevalue({"en": "english", "ko": "korean"}[language])
    part = sample(language).dev
    texts = [("" if part.characters else " ").join(s.tokens) for s in part.sentences[:120]]
    for text, found in zip(texts, tagger.pipe(texts), strict=True):
        assert_alike(found, plainly(tagger, text))


@pytest.mark.parametrize(
    "settings",
    [
        {"combine": "average"},
        {"caps": 0},
        {"window": 1},
        {"window": 9},
        {"activation": "relu"},
        {"activation": "softplus"},
        {"activation": "hard_tanh"},
        {"scheme": "IOB1"},
        {"scheme": "IO"},
        {"scheme": "IOB2"},
        {"backend": "numba"},
        {"features": "case"},
        {"features": "case, shape", "short_circuit": "case", "letters": 5},
        {"features": "case", "short_circuit": "gram2"},
    ],
    ids=str,
)
def test_every_network_and_scheme_is_tagged_as_the_definition_says(settings):
    tagger = taught(epochs=2, **settings)
    texts = [" ".join(s.tokens) for s in sample("en").dev.sentences[:40]]
    for text, found in zip(texts, tagger.pipe(texts), strict=True):
        assert_alike(found, plainly(tagger, text))
    tokens = [s.tokens for s in sample("en").dev.sentences[:40]]
    oracle = Tagger(tagger.config, tagger.features, tagger.params, backend="interpreter")
    assert tagger.tag_tokens(tokens) == oracle.tag_tokens(tokens)


@given(TEXT)
def test_any_text_is_tagged_as_the_definition_says(english, korean, text):
    for tagger in (english, korean):
        assert_alike(tagger.tag(text), plainly(tagger, text))


# ── nothing depends on its neighbours ─────────────────────────────────────────────────────────────────


def test_groups_of_any_size_give_the_same_bits(either):
    texts = sample_texts()[::9]
    whole = list(either.pipe(texts, batch_size=len(texts)))
    assert [either.tag(text) for text in texts] == whole
    for size in (1, 7, 64):
        assert list(either.pipe(texts, batch_size=size)) == whole
    fresh = Tagger(either.config, either.features, either.params)
    assert list(fresh.pipe(texts[::-1], batch_size=5))[::-1] == whole


def test_a_long_text_is_its_lines_one_after_the_other(either):
    lines = sample_texts()[::11]
    text, expected, start = "\n".join(lines), [], 0
    for line in lines:
        expected += [e._replace(start=e.start + start, end=e.end + start) for e in either.tag(line)]
        start += len(line) + 1
    assert either.tag(text) == expected


def test_tokens_alone_and_together_have_the_same_tags(english):
    tokens = [s.tokens for s in sample("en").test.sentences[:80]]
    tokens[3:3] = [[], ["one"], []]
    assert english.tag_tokens(tokens) == [english.tag_tokens([sentence])[0] for sentence in tokens]
    assert english.tag_tokens([]) == []
    assert english.tag_tokens([[]]) == [[]]


def test_many_threads_find_what_one_finds(either):
    texts = sample_texts()[::13]
    groups = [texts[k::4] * 2 for k in range(4)] * 2
    expected = [list(either.pipe(group)) for group in groups]
    fresh = Tagger(either.config, either.features, either.params)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda group: list(fresh.pipe(group, batch_size=9)), groups)) == expected


def test_a_line_of_a_megabyte_is_tagged_like_its_parts(english):
    part = "Helen Marsh flew to Berlin on Monday , said Mr. Brown . "
    inner = [e for e in english.tag(part * 3) if len(part) <= e.start < 2 * len(part)]
    many = english.tag(part * 18_000)
    for k in (1, 9_000, 17_998):
        shift = (k - 1) * len(part)
        expected = [e._replace(start=e.start + shift, end=e.end + shift) for e in inner]
        assert [e for e in many if k * len(part) <= e.start < (k + 1) * len(part)] == expected


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────


def readers():
    sentences = [s.tokens for s in sample("en").train.sentences[:50]]
    features = Features.build(["case"], Vocabulary.build(sentences), sentences, 1)
    bare = Features(features.vocabulary)
    return [
        Reader(given, name, seen)
        for name in ("words-1", "characters-1")
        for given, seen in ((bare, ["words", "caps"]), (bare, ["words"]), (features, ["words", "case"]))
    ]


def assert_read_alike(reader, texts):
    for found, expected in zip(reader.read(texts), reader.plain(texts), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_texts_are_read_as_the_tokenizer_says(always):
    rng = random.Random(0)
    for reader in readers():
        for _ in range(200):
            assert_read_alike(
                reader, ["".join(rng.choices(PIECES, k=rng.randint(0, 14))) for _ in range(rng.randint(0, 4))]
            )
        assert_read_alike(reader, sample_texts()[::20])


@given(st.lists(TEXT, max_size=4))
def test_any_texts_are_read_as_the_tokenizer_says(texts):
    usual, reading.SHORT = reading.SHORT, 0
    try:
        for reader in READERS:
            assert_read_alike(reader, texts)
    finally:
        reading.SHORT = usual


READERS = readers()


@pytest.mark.parametrize(
    "text",
    [
        "by E. J. H. Corner, No. 5 and No. V. Then J.  Smith",
        "M. 말피기, R. A. F. 레오뮈르, C. 보네(Charles Bonnet)",
        "No. 1. No. 2? Vitamin C. The I. The No.\t5 J.\u00a0Smith",
    ],
)
def test_what_stands_behind_an_initial_or_a_number_is_looked_at(always, text):
    for reader in READERS:
        assert_read_alike(reader, [text, text + "\n" + text])


def test_what_is_remembered_is_bounded(always, monkeypatch):
    monkeypatch.setattr(chunks, "MOST_CHUNKS", 50)
    monkeypatch.setattr(kinds, "MOST_TOKENS", 40)
    for reader in readers():
        for text in sample_texts()[:80] + sample_texts()[-40:]:
            assert_read_alike(reader, [text, "It is No. 5 of J. Smith, and No. V of J. smith"])
            assert max(len(reader.kinds._known), len(reader.kinds._older)) <= 40
            assert len(reader._chunks) <= 50 + len(text) + 14  # those of one text more
