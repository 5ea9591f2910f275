"""Facts of tagged data against data that was made to have them; suspicious labels against errors put in."""

from collections import Counter

import numpy as np
import pytest

from chainrule.errors import SettingError
from chainrule.ner import Corpus, Sentence, Tagger, Vectors, Vocabulary, read_corpus, sample
from chainrule.ner.inspect import ODD, Inspection, Place, overlap, unknown
from chainrule.ner.inspect_folds import _dealt, doubts_by_folds, doubts_of
from chainrule.ner.marginals import by_label, marginals
from chainrule.ner.tags import Span, convert, spans, tags_of

TEXT = """\
Jordan	B-PER
met	O
Ada	B-PER
Brown	I-PER
in	O
Paris	B-LOC

Jordan	B-LOC
is	O
far	O
from	O
Paris	B-LOC

Paris	O
Hilton	O

Ada	B-PER
Brown	I-PER

Jordan	B-LOC
is	O
far	O
from	O
Paris	O

Ada	O
Brown	I-PER
"""


@pytest.fixture
def found(tmp_path) -> Inspection:
    (tmp_path / "d.conll").write_text(TEXT, encoding="utf-8")
    return Inspection(read_corpus(tmp_path / "d.conll"))


def at(found: Inspection, places) -> list[int]:
    return [int(found.at(place).rpartition(":")[2]) for place in places]


def test_names_by_label_and_lengths(found):
    assert [tuple(label) for label in found.labels] == [("LOC", 4, 2, 1.0, 1), ("PER", 4, 3, 1.5, 2)]
    assert found.lengths[:4] == (2, 2, 6, 6)
    assert found.at(found.lengths.where).endswith("d.conll:1")


def test_copies_are_those_of_the_same_tokens_and_say_whether_their_tags_differ(found):
    assert [(at(found, c.sentences), c.alike) for c in found.copies] == [([8, 20], False), ([17, 26], False)]
    same = Inspection(found.corpus.of([*found.corpus.sentences[:1]] * 3))
    assert [(c.sentences, c.alike) for c in same.copies] == [((0, 1, 2), True)]


def test_moves_that_the_scheme_does_not_allow_have_a_line(found):
    assert [(found.at(m.place).rpartition(":")[2], m.before, m.after) for m in found.illegal] == [
        ("27", "O", "I-PER")
    ]


@pytest.mark.parametrize("scheme", ["IOB2", "BIOES"])
def test_moves_at_both_ends_of_a_sentence_count(scheme):
    tags = {"IOB2": ["I-PER", "I-LOC"], "BIOES": ["I-PER", "B-LOC"]}[scheme]
    corpus = Corpus("d", (Sentence(["a", "b"], tags),), scheme)
    places = [(m.place, m.before, m.after) for m in Inspection(corpus).illegal]
    wanted = [(Place(0, 0), "O", "I-PER"), (Place(0, 1), *tags)]
    assert places == wanted + [(Place(0, 1), "B-LOC", "O")] * (scheme == "BIOES")


def test_every_kind_of_odd_token_is_found_where_it_is():
    odd = ["", "New York", "a\x07", "zero\u200bwidth", "caf\ufffd", "cafe\u0301", "x" * 41]
    tokens = ["fine", *odd, " ", "\u00a0", "한", "👩\u200d🚀"]
    corpus = Corpus("d", (Sentence(tokens, ["O"] * len(tokens)),), "IOB2")
    assert [(o.kind, o.places) for o in Inspection(corpus).odd] == [
        (kind, (Place(0, k),)) for k, kind in enumerate(ODD, 1)
    ]


def test_strings_at_odds_have_all_their_places(found):
    several = {c.text: {label: at(found, p) for label, p in c.places.items()} for c in found.several}
    assert several == {"Jordan": {"LOC": [8, 20], "PER": [1]}}
    partly = {c.text: {label: at(found, p) for label, p in c.places.items()} for c in found.partly}
    assert partly == {"Paris": {"LOC": [6, 12], "O": [14, 24]}}


def test_occurrences_agree_with_a_plain_search():
    found = Inspection(sample("en").dev)
    strings = {
        tuple(s.tokens[n.start : n.end])
        for s, names in zip(found.corpus.sentences, found.names, strict=True)
        for n in names
    }
    plain: dict[str, Counter] = {}
    for k, s in enumerate(found.corpus.sentences):
        for n in found.names[k]:
            plain.setdefault(" ".join(s.tokens[n.start : n.end]), Counter())[n.label] += 1
        for tokens in strings:
            for t in range(len(s.tokens) - len(tokens) + 1):
                meets = any(n.start < t + len(tokens) and t < n.end for n in found.names[k])
                if tuple(s.tokens[t : t + len(tokens)]) == tokens and not meets:
                    plain.setdefault(" ".join(tokens), Counter())["O"] += 1
    assert {
        text: {label: len(p) for label, p in places.items()} for text, places in found.occurrences.items()
    } == plain


def test_among_characters_strings_begin_a_word_and_have_two_letters():
    rows = [("서울 김", "B-LOC I-LOC O B-PER"), ("서울서울 김", "O O O O O O"), ("김 서울", "O O B-LOC I-LOC")]
    corpus = Corpus("d", tuple(Sentence(list(text), tags.split()) for text, tags in rows), "IOB2")
    assert corpus.characters
    found = {c.text: c.places for c in Inspection(corpus).partly}
    assert found == {"서울": {"LOC": (Place(0, 0), Place(2, 2)), "O": (Place(1, 0),)}}


def test_places_are_lines_of_tokens_or_of_texts(tmp_path):
    sentences = (Sentence(["a", "b"], ["O", "O"], line=1), Sentence(["c", "d"], ["O", "O"], line=2))
    texts = Inspection(Corpus(tmp_path / "d.jsonl", sentences, "IOB2"))
    assert texts.at(Place(1, 1)) == f"{tmp_path / 'd.jsonl'}:2"


# ── against other data ────────────────────────────────────────────────────────────────────────────────


def test_unknown_words_are_shares_of_tokens(found):
    vectors = Vectors(["jordan", "paris", "is", "met"], np.eye(4, dtype=np.float32))
    for known in (vectors, Vocabulary(("<pad>", "<unk>", *vectors.words))):
        what = unknown(found, known, most=3)
        named = [t for s in found.corpus.sentences for n in spans(s.tags) for t in s.tokens[n.start : n.end]]
        tokens = [t for s in found.corpus.sentences for t in s.tokens]
        new = [t for t in tokens if t.lower() not in vectors.words]
        assert what.tokens == len(new) / len(tokens)
        assert what.of_names == sum(t.lower() not in vectors.words for t in named) / len(named)
        assert what.words == (("Ada", 3), ("Brown", 3), ("far", 2))
    assert unknown(found, found.corpus).tokens == 0


def test_names_in_other_data(found):
    other = Inspection(
        found.corpus.of([Sentence(["Jordan", "saw", "Paris"], ["B-PER", "O", "B-LOC"]), found.corpus.sentences[3]])
    )
    both = overlap(found, other)
    assert both.by_label == {"LOC": (2, 4), "PER": (3, 4)}
    assert (both.same, both.other, both.new) == (5 / 8, 2 / 8, 1 / 8)
    assert both.sentences == (3, 5)
    assert both.labels == ()
    assert overlap(other, found).same == 1


# ── suspicious labels ─────────────────────────────────────────────────────────────────────────────────


def with_errors(corpus: Corpus, count: int, seed: int) -> tuple[Corpus, set[tuple[int, int]]]:
    """Other labels for some names whose string is there three times or more, with one label; where they are."""
    labels: dict[str, Counter] = {}
    names = [(k, n) for k, s in enumerate(corpus.sentences) for n in spans(s.tags)]
    text = {(k, n): " ".join(corpus.sentences[k].tokens[n.start : n.end]) for k, n in names}
    for k, n in names:
        labels.setdefault(text[k, n], Counter())[n.label] += 1
    often = [(k, n) for k, n in names if len(labels[text[k, n]]) == 1 and labels[text[k, n]].total() >= 3]
    rng, sentences = np.random.default_rng(seed), list(corpus.sentences)
    chosen = [often[j] for j in rng.permutation(len(often))[:count]]
    for k, n in chosen:
        s = sentences[k]
        wrong = n._replace(
            label=[label for label in corpus.labels if label != n.label][rng.integers(len(corpus.labels) - 1)]
        )
        sentences[k] = s._replace(tags=tags_of([wrong if x == n else x for x in spans(s.tags)], len(s.tokens)))
    return corpus.of(sentences), {(k, n.start) for k, n in chosen}


def test_of_ten_labels_that_were_made_wrong_seven_are_among_the_first_twenty():
    corpus, wrong = with_errors(sample("en").train, 10, seed=1)
    doubts = doubts_by_folds(corpus, 5).doubts
    assert len(wrong & {(d.sentence, d.start) for d in doubts[:20]}) >= 7
    assert [d.strength for d in doubts] == sorted((d.strength for d in doubts), reverse=True)


@pytest.fixture(scope="module")
def few() -> Corpus:
    train = sample("en").train
    return train.of(train.sentences[:60])


FAST = {"epochs": 2, "hidden": 4, "dimension": 6}


def test_the_same_seed_gives_the_same_doubts_in_any_scheme(few):
    first = doubts_by_folds(few, 2, seed=3, **FAST)
    again = few.of(s._replace(tags=convert(s.tags, "BIOES")) for s in few.sentences)
    assert doubts_by_folds(again, 2, seed=3, **FAST) == first
    assert doubts_by_folds(few, 2, seed=4, **FAST) != first


def test_a_doubt_names_another_label_and_a_probability(few):
    found = doubts_by_folds(few, 2, **FAST)
    assert found.doubts
    for d in found.doubts:
        here = Span(d.start, d.end, d.given)
        assert d.given != d.predicted
        assert 0 <= d.probability <= 1
        if d.given == "O":
            assert not any(n.start < d.end and d.start < n.end for n in spans(few.sentences[d.sentence].tags))
        else:
            assert here in spans(few.sentences[d.sentence].tags)


def test_a_model_that_has_the_sentences_by_heart_doubts_only_what_strings_contradict(few):
    tagger = Tagger.train(
        few, few, epochs=40, patience=40, hidden=20, dimension=12, learning_rate=0.2, dropout=0.0
    )
    assert tagger.evaluate(few).f1 == 1
    found = doubts_of(tagger, few)
    assert found.score.f1 == 1
    assert len(found.doubts) <= 2
    corpus, wrong = (
        few.of([few.sentences[0]._replace(tags=["O"] * len(few.sentences[0].tags)), *few.sentences[1:]]),
        spans(few.sentences[0].tags),
    )
    assert {(d.start, d.end, d.predicted) for d in doubts_of(tagger, corpus).doubts if d.sentence == 0} == {
        *map(tuple, wrong)
    }


def test_copies_of_a_sentence_are_in_one_fold_and_folds_are_of_one_size(few):
    corpus = few.of([*few.sentences, *few.sentences[:30]])
    dealt = _dealt(corpus, 5, 0)
    assert sorted(dealt) == list(range(90))
    assert all(dealt[k] == dealt[60 + k] for k in range(30))
    sizes = Counter(dealt[k] for k in range(60))
    assert max(sizes.values()) - min(sizes.values()) <= 1


@pytest.mark.parametrize("folds", [0, 1, 61, 2.5])
def test_folds_without_sentences_are_refused(few, folds):
    with pytest.raises(SettingError, match="number of folds is"):
        doubts_by_folds(few, folds, **FAST)


@pytest.mark.parametrize("objective", ["softmax", "sentence"])
def test_chances_sum_to_one_and_are_those_of_the_names(few, objective):
    tagger = Tagger.train(few, few, objective=objective, **FAST)
    sentences = [s.tokens for s in few.sentences[:5]]
    chances = marginals(tagger, sentences)
    assert np.allclose(chances.sum(axis=1), 1)
    labels = by_label(tagger.config.tags, few.labels, chances)
    assert labels.shape == (sum(map(len, sentences)), 1 + len(few.labels))
    assert np.allclose(labels.sum(axis=1), 1)
    assert np.allclose(labels[:, 0], chances[:, 0])
