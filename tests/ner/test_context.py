"""Features of the surroundings: each against its plain definition, and read from text as from tokens."""

from dataclasses import replace
from fractions import Fraction
from itertools import accumulate, groupby
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chainrule.ner import Sentence, Tagger, reading, sample, score
from chainrule.ner.corpus import documents_of
from chainrule.ner.features import Features
from chainrule.ner.judged import Judged
from chainrule.ner.tags import convert, spans
from chainrule.ner.vocab import UNKNOWN, Vocabulary, normalise

WORDS = "the The THE of Of I iPad McDonald paris Paris PARIS 12 , . 서울 NATO é É"
TOKENS = st.sampled_from([*WORDS.split(), " ", ""])
SENTENCES = st.lists(st.lists(TOKENS, max_size=7), max_size=5)


def kind_of(token):
    """How a token is written: in small letters, all capital, the first one, elsewhere; None without such letters."""
    if token.islower():
        return "lower"
    if token.isupper():
        return "upper"
    if not any(c.isupper() or c.islower() for c in token):
        return None
    return "title" if token[0].isupper() else "mixed"


def plain_case(sentence, k):
    found = [kind_of(t) for t in sentence]
    words = [f for f in found if f in ("lower", "upper", "title")]
    begun = [f for f in words if f != "lower"]
    share = Fraction(len(begun), max(1, len(words)))
    bounds = {"<15%": Fraction(15, 100), "<30%": Fraction(30, 100), "<55%": Fraction(55, 100)}
    degree = next((name for name, bound in bounds.items() if share < bound), "more")
    if not begun:
        degree = "no capitals"
    if 2 * words.count("upper") > len(words):
        degree = "all capitals"
    return degree, found[k]


@given(SENTENCES)
def test_case_is_the_degree_of_the_sentence_and_the_capitals_of_the_token(sentences):
    made = Features.build(["case"], Vocabulary.build(sentences), sentences, 1)
    values = [made.values["case"].words[k] for k in made.ids(sentences)["case"]]
    for value, (degree, caps) in zip(
        values, [plain_case(s, k) for s in sentences for k in range(len(s))], strict=True
    ):
        here = value.split(", ")
        assert here[0] == degree
        assert caps is None or here[1] == caps


@pytest.mark.parametrize(
    ("sentence", "degree"),
    [
        ("it is here", "no capitals"),
        ("a b c d e f g h i J", "<15%"),
        ("Helen Marsh met the man of Berlin in a park", "<55%"),
        ("Helen met a man on the train", "<15%"),
        ("Brown Says Taxes Will Rise", "more"),
        ("BROWN SAYS TAXES will rise", "all capitals"),
        ("12 , 서울", "no capitals"),
    ],
)
def test_degrees(sentence, degree):
    sentences = [sentence.split()]
    made = Features.build(["case"], Vocabulary.build(sentences), sentences, 1)
    assert {made.values["case"].words[k].split(", ")[0] for k in made.ids(sentences)["case"]} == {degree}


# ── other mentions in the document ────────────────────────────────────────────────────────────────────


DOCUMENTS = st.lists(st.tuples(st.lists(TOKENS, max_size=6), st.booleans()), max_size=6)


class Place(NamedTuple):
    """A token of a document: its sentence, its place there, and what its word is."""

    sentence: int
    k: int
    form: str
    capital: bool
    small: bool


def read(document):
    """The tokens of a document; capitals count in sentences that have a word in small letters."""
    found = []
    for number, sentence in enumerate(document):
        telling = any(kind_of(t) == "lower" for t in sentence)
        for k, token in enumerate(sentence):
            kind = kind_of(token)
            found.append(
                Place(number, k, normalise(token), telling and kind not in (None, "lower"), kind == "lower")
            )
    return found


def plain_written(document):
    places = read(document)
    for here in places:
        others = [p for p in places if p is not here and p.form == here.form and p.k > 0]
        capital, small = any(p.capital for p in others), any(p.small for p in others)
        yield {
            (False, False): "nowhere else",
            (True, False): "elsewhere with a capital",
            (False, True): "elsewhere in small letters",
            (True, True): "elsewhere in both ways",
        }[capital, small]


def plain_mention(document):
    places = read(document)
    rows = []
    row = []
    for p in places:
        small_too = any(q.form == p.form and q.small and q.k > 0 for q in places)
        counts = p.capital and (p.k > 0 or not small_too)
        if row and not (counts and row[-1].sentence == p.sentence and row[-1].k + 1 == p.k):
            rows.append(row)
            row = []
        row += [p] * counts
    rows += [row] * bool(row)
    for here in places:
        mine = next((row for row in rows if any(p is here for p in row)), [])
        own = len(mine)
        if (
            mine
            and mine[0].k == 0
            and not any(q.form == mine[0].form and q.capital and q.k > 0 for q in places if q is not mine[0])
        ):
            own = 1 if here is mine[0] else max(own - 1, 1)
        others = [row for row in rows if row is not mine and len(row) > max(own, 1)]
        holding = [
            (row, [p.form for p in row].index(here.form)) for row in others if here.form in [p.form for p in row]
        ]
        if not holding:
            yield "in no longer row"
            continue
        row, j = max(holding, key=lambda pair: len(pair[0]))
        yield f"{'first of' if j == 0 else 'last of' if j == len(row) - 1 else 'inside'} a longer row"


@pytest.mark.parametrize(("name", "plain"), [("written", plain_written), ("mention", plain_mention)])
@given(cut=DOCUMENTS)
def test_other_mentions_are_those_of_the_document(name, plain, cut):
    sentences, numbers = [s for s, _ in cut], list(accumulate(int(new) for _, new in cut))
    made = Features.build([name], Vocabulary.build(sentences), sentences, 1, documents=numbers)
    found = [made.values[name].words[k] for k in made.ids(sentences, numbers)[name]]
    documents = [
        [s for s, _ in group] for _, group in groupby(zip(sentences, numbers, strict=True), lambda p: p[1])
    ]
    assert found == [value for document in documents for value in plain(document)]
    alone = [value for s in sentences for value in plain([s])]
    lookup = made.values[name].lookup
    assert made.ids(sentences)[name].tolist() == [lookup.get(value, UNKNOWN) for value in alone]


def test_mentions_of_a_small_document():
    sentences = [
        s.split()
        for s in ("Hillary Rodham Clinton spoke .", "The Clinton talk ended", "when Rodham came , the talk")
    ]
    values = {}
    for name in ("written", "mention"):
        made = Features.build([name], Vocabulary.build(sentences), sentences, 1, documents=[0] * 3)
        ids = iter(made.ids(sentences, [0] * 3)[name])
        values[name] = {(k, t): made.values[name].words[next(ids)] for k, s in enumerate(sentences) for t in s}
    assert values["mention"][1, "Clinton"] == "last of a longer row"
    assert values["mention"][2, "Rodham"] == "inside a longer row"
    assert values["mention"][0, "Clinton"] == values["mention"][1, "The"] == "in no longer row"
    assert values["written"][1, "The"] == "elsewhere in small letters"
    assert values["written"][0, "Hillary"] == "nowhere else"
    assert values["written"][0, "Clinton"] == "elsewhere with a capital"


def test_documents_of_a_corpus():
    marked = [Sentence(["a"], [], document=n) for n in (0, 0, 1, 1, 2)]
    assert documents_of(marked) == [0, 1, 2, 2, 3]
    assert documents_of(marked[2:4], 2) == [0, 0, 1, 1]
    assert documents_of([]) == []


# ── a model that sees its document ────────────────────────────────────────────────────────────────────

TRAIN = sample("en").train
CORPUS = TRAIN.of(s._replace(document=1 + k // 5) for k, s in enumerate(TRAIN.sentences[:60]))


@pytest.fixture(scope="module")
def wide():
    usual = {"hidden": 12, "dimension": 8, "learning_rate": 0.2, "dropout": 0.0, "epochs": 5, "letters": 4}
    return Tagger.train(CORPUS, CORPUS, features="written, mention, case, shape", short_circuit="mention", **usual)


def test_a_text_is_one_document_in_any_company(wide, monkeypatch):
    sentences = [" ".join(s.tokens) for s in sample("en").dev.sentences[:60]]
    texts = [" ".join(sentences[k : k + 6]) for k in range(0, 60, 6)] + sentences[:9] + ["", "x\n" * 40]
    expected = []
    for text in texts:
        cut = wide.tokenize(text)
        tagged = wide.tag_tokens([[t.text for t in s] for s in cut], [0] * len(cut))
        expected.append(
            [
                (tokens[n.start].start, tokens[n.end - 1].end, n.label)
                for tokens, tags in zip(cut, tagged, strict=True)
                for n in spans(tags)
            ]
        )
    for least in (1500, 0):
        monkeypatch.setattr(reading, "SHORT", least)
        for size in (1, 4, 100):
            fresh = replace(wide)
            assert [[e[:3] for e in found] for found in fresh.pipe(texts, batch_size=size)] == expected
        assert [[e[:3] for e in found] for found in replace(wide).pipe(texts[::-1])][::-1] == expected


def test_what_was_said_before_counts(wide):
    text = "Helen Marsh met Ada Brook. Then Brook left."
    ids = wide.features.ids([[t.text for t in s] for s in wide.tokenize(text)], [0, 0])["mention"]
    known = wide.features.values["mention"].words
    assert [known[k] for k in ids][-4:-2] == ["in no longer row", "last of a longer row"]


def test_documents_of_a_corpus_count_in_training_and_judgement(wide):
    tags = wide.tag_tokens([s.tokens for s in CORPUS.sentences], documents_of(CORPUS.sentences))
    assert wide.evaluate(CORPUS) == score([s.tags for s in CORPUS.sentences], tags)
    judged = Judged.of(wide.decoder, wide.features, wide.params, CORPUS)
    assert [convert(list(t), "IOB2") for t in judged.tags] == tags
    ids = wide.features.ids([s.tokens for s in CORPUS.sentences], documents_of(CORPUS.sentences))["mention"]
    assert not np.array_equal(ids, wide.features.ids([s.tokens for s in CORPUS.sentences])["mention"])


def test_reasons_are_those_of_the_sentence_in_its_text(wide):
    text = "Helen Marsh met Ada Brook. Then Brook left."
    found = wide.explain(text, every=True)
    assert [w.text for w in found.reasons[-1].words] and all(r.proof.holds for r in found.reasons)
    pieces = {
        p.feature: p.value
        for r in found.sentences[1].reasons
        for w in r.words
        if w.text == "Brook"
        for p in w.pieces
    }
    assert pieces["mention"] == "last of a longer row"


def test_a_model_that_sees_documents_is_saved(wide, tmp_path):
    wide.save(tmp_path)
    loaded, text = Tagger.load(tmp_path), "Helen Marsh met Ada Brook. Then Brook left."
    assert loaded.tag(text) == wide.tag(text)
