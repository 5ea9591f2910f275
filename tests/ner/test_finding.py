"""What a name could be instead: against the probabilities of all tags of its tokens, and over all paths."""

from dataclasses import replace

import numpy as np
import pytest
import window_by_hand as plain

from chainrule.compute import codes
from chainrule.compute.compile import has_numba
from chainrule.errors import SettingError
from chainrule.ner import Tagger, sample
from chainrule.ner.entity import FIELDS
from chainrule.ner.tags import Span, tags_of
from chainrule.ner.windows import encode

TEXT = "Helen Marsh flew to Berlin on Monday."
QUICK = {"hidden": 8, "dimension": 8, "epochs": 2, "dropout": 0.0, "learning_rate": 0.1}


def taught(**settings) -> Tagger:
    train = sample("en").train
    corpus = train.of(train.sentences[:60])
    return Tagger.train(corpus, corpus, **{**QUICK, **settings})


@pytest.fixture(scope="module", params=["softmax", "sentence"])
def either(request) -> Tagger:
    return taught(objective=request.param)


def chances(tagger: Tagger, tokens: list[str], start: int, end: int) -> dict[str, float]:
    """P of every label, and O, of these tokens, from every path through them and the two tokens around."""
    T, config = tagger.config.temperature, tagger.config
    encoded = encode([tokens], tagger.features, config.architecture.radius)
    s = tagger.decoder.scores(tagger.params, encoded).astype(np.float64) / T
    found = {}
    for label in ("O", *tagger.labels):
        names = [] if label == "O" else [Span(0, end - start, label)]
        tags = [config.tags.index(t) for t in tags_of(names, end - start, config.scheme)]
        if config.architecture.objective == "sentence":
            found[label] = through(s, tagger.params["A"] / T, dict(zip(range(start, end), tags, strict=True)))
        else:
            rows = zip(s[start:end], tags, strict=True)
            found[label] = float(np.exp(sum(plain.log_softmax(row)[tag] for row, tag in rows)))
    return found


def through(s: np.ndarray, A: np.ndarray, wanted: dict[int, int]) -> float:
    """The share of the paths that have the wanted tags, in log-space: all sums anew, with all else forbidden."""

    def log_z(s: np.ndarray) -> float:
        a = A[-1, :-1] + s[0]
        for row in s[1:]:
            a = np.logaddexp.reduce(a[:, None] + A[:-1, :-1], axis=0) + row
        return float(np.logaddexp.reduce(a + A[:-1, -1]))

    kept = s.copy()
    for token, tag in wanted.items():
        kept[token] = -np.inf
        kept[token, tag] = s[token, tag]
    return float(np.exp(log_z(kept) - log_z(s)))


def test_alternatives_are_the_labels_of_the_same_tokens_the_likeliest_first(either):
    ((*tokens,),) = either.tokenize(TEXT)
    places = {t.start: k for k, t in enumerate(tokens)}, {t.end: k for k, t in enumerate(tokens, 1)}
    entities = either.tag(TEXT, alternatives=99)
    assert entities
    for e in entities:
        expected = chances(either, [t.text for t in tokens], places[0][e.start], places[1][e.end])
        assert e.score == pytest.approx(expected.pop(e.label), rel=1e-4)
        assert {a.label: a.score for a in e.alternatives} == pytest.approx(expected, rel=1e-4, abs=1e-12)
        scores = [a.score for a in e.alternatives]
        assert scores == sorted(scores, reverse=True)
        assert e.score + sum(scores) <= 1 + 1e-9


def test_nothing_depends_on_how_many_are_asked_for_nor_on_the_texts_beside(either):
    texts = [TEXT, "", "of two", "Monday in Berlin, Helen Marsh", TEXT * 3]
    whole = list(either.pipe(texts, alternatives=99))
    assert [[e[:5] for e in names] for names in whole] == [[e[:5] for e in either.tag(text)] for text in texts]
    for count, size in ((1, 1), (2, 3)):
        found = list(either.pipe(texts, batch_size=size, alternatives=count))
        assert found == [[e._replace(alternatives=e.alternatives[:count]) for e in names] for names in whole]


def test_workers_find_the_same_alternatives(tagger):
    texts = [TEXT, "Monday in Berlin"] * 3
    alone = list(tagger.pipe(texts, batch_size=2, alternatives=1))
    assert list(tagger.pipe(texts, batch_size=2, workers=2, alternatives=1)) == alone


@pytest.mark.parametrize("scheme", ["IO", "IOB1", "IOB2", "BIOES"])
def test_every_scheme_has_alternatives(scheme):
    tagger = taught(scheme=scheme, epochs=1)
    for e in (found := tagger.tag(TEXT * 4, alternatives=99)):
        assert sorted([e.label, *(a.label for a in e.alternatives)]) == sorted(["O", *tagger.labels])
    assert found


def test_a_record_has_alternatives_if_they_were_asked_for(either):
    (first, *_), (other, *_) = either.tag(TEXT), either.tag(TEXT, alternatives=1)
    assert tuple(first.as_dict()) == FIELDS
    (a,) = other.alternatives
    assert other.as_dict() == first.as_dict() | {"alternatives": [{"label": a.label, "score": a.score}]}


def test_less_than_none_are_refused(either):
    with pytest.raises(SettingError, match="number of alternatives"):
        either.tag(TEXT, alternatives=-1)


@pytest.mark.skipif(not has_numba(), reason="Numba is not installed")
def test_no_bit_changes_where_machine_code_takes_over(monkeypatch):
    """In the middle of a stream, when so much was met that it pays."""
    tagger = taught(objective="sentence")
    texts = [" ".join(s.tokens) for s in sample("en").dev.sentences[:60]]
    plain = replace(tagger, backend="numpy")
    expected = list(plain.pipe(texts, alternatives=1))
    monkeypatch.setattr(codes, "LINKED", 60)
    monkeypatch.setattr(codes, "MADE", 60)
    changing = replace(tagger, backend="auto")
    assert list(changing.pipe(texts, batch_size=7, alternatives=1)) == expected
    assert changing.decoder._joint._codes and not plain.decoder._joint._codes
