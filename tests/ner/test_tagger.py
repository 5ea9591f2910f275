"""The tagger: it learns, it repeats itself bit for bit, and what it finds is where it says."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, strategies as st

from chainrule.errors import DataError, NonFiniteError, SettingError
from chainrule.learn.train import Epoch
from chainrule.ner import Tagger, sample, score
from chainrule.ner.bundled import LANGUAGES
from chainrule.ner.corpus import Corpus, read_corpus, write_conll
from chainrule.ner.folder import CHECKPOINT, WEIGHTS
from chainrule.ner.tags import illegal_moves, spans
from chainrule.ner.vectors import Vectors, write_vectors
from chainrule.ner.windows import encode

QUICK = {"hidden": 10, "dimension": 12, "learning_rate": 0.2, "dropout": 0.0, "patience": 100}


def some(language: str, count: int) -> Corpus:
    train = sample(language).train
    return train.of(train.sentences[:count])


def trained(language: str = "en", count: int = 20, epochs: int = 4, **settings) -> Tagger:
    corpus = some(language, count)
    return Tagger.train(corpus, corpus, epochs=epochs, **{**QUICK, **settings})


@pytest.fixture(scope="module")
def english() -> Tagger:
    return trained(epochs=40)


@pytest.fixture(scope="module")
def korean() -> Tagger:
    return trained("ko", epochs=25)


# ── learning ──────────────────────────────────────────────────────────────────────────────────────────


def test_it_learns_twenty_sentences_by_heart(english):
    found = english.evaluate(some("en", 20))
    assert (found.precision, found.recall, found.f1) == (1.0, 1.0, 1.0)
    losses = [epoch.train_loss for epoch in english.run.history]
    assert losses[-1] < 0.05 * losses[0]
    means = np.reshape(losses[:40], (4, 10)).mean(axis=1)  # what is dropped makes single epochs uneven
    assert all(later < before for before, later in pairwise(means))


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        trained(epochs=2, seed=seed, dropout=0.3).save(tmp_path / name)
    a, b, c = ((tmp_path / name / WEIGHTS).read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_without_dev_a_tenth_is_held_out():
    seen = []
    tagger = Tagger.train(some("en", 20), epochs=1, begin=seen.append, **QUICK)
    assert len(seen[0].dev.sentences) == 2
    assert tagger.config.training["sentences"] == 18


def test_a_run_that_was_stopped_and_resumed_is_the_run_that_was_not(tmp_path):
    whole = trained(epochs=4, dropout=0.4, out=tmp_path / "whole")
    ticks = iter(range(1, 10_000))
    stopped = trained(epochs=4, dropout=0.4, out=tmp_path / "out", stop=lambda: next(ticks) == 17)
    assert stopped.run.interrupted
    assert {p.name for p in (tmp_path / "out").iterdir()} >= {CHECKPOINT, WEIGHTS}
    Tagger.load(tmp_path / "out")
    events = []
    resumed = trained(epochs=4, dropout=0.4, out=tmp_path / "out", resume=True, watch=events.append)
    assert not resumed.run.interrupted
    assert len([e for e in events if isinstance(e, Epoch)]) < 4
    weights = [(tmp_path / name / WEIGHTS).read_bytes() for name in ("whole", "out")]
    assert weights[0] == weights[1]
    assert not (tmp_path / "out" / CHECKPOINT).exists()
    assert [e.train_loss for e in resumed.run.history] == [e.train_loss for e in whole.run.history]


def test_a_run_stopped_in_its_first_batch_still_leaves_a_model(tmp_path):
    tagger = trained(epochs=4, out=tmp_path / "out", stop=lambda: True)
    assert tagger.run.interrupted
    assert tagger.run.best_epoch == 1
    assert Tagger.load(tmp_path / "out").tag("Paris") == tagger.tag("Paris")


def test_resuming_with_other_settings_says_which(tmp_path):
    trained(epochs=4, out=tmp_path / "out", stop=lambda: True)
    with pytest.raises(DataError, match=r"other data or settings \(epochs 4, not 5\); resume with those"):
        trained(epochs=5, out=tmp_path / "out", resume=True)
    with pytest.raises(DataError, match=r"\(the data, the network or the vectors differ\)"):
        trained(epochs=4, count=19, out=tmp_path / "out", resume=True)
    assert Tagger.load(tmp_path / "out")


def test_a_place_that_cannot_hold_a_model_is_refused_before_training(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine")
    events = []
    for place, cause in (
        ("file", "is a file; choose a folder"),
        ("file/under", "cannot be made"),
        ("full", "thesis.tex"),
    ):
        with pytest.raises(DataError, match=cause):
            trained(out=tmp_path / place, watch=events.append)
    assert not events
    assert (tmp_path / "full" / "thesis.tex").read_text() == "mine"


def test_a_run_that_fails_leaves_no_empty_folder(tmp_path):
    with pytest.raises(ArithmeticError, match="lower the learning rate"):
        trained(out=tmp_path / "new", learning_rate=1e30, optimizer="sgd", activation="relu")
    assert not (tmp_path / "new").exists()


def test_given_vectors_stay_as_they_are_unless_they_are_tuned(tmp_path):
    words, matrix = ["paris", "monday", "."], np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
    write_vectors(tmp_path / "v.bin", Vectors(words, matrix))
    settings = {"epochs": 1, "hidden": 10, "vectors": tmp_path / "v.bin"}
    kept, tuned = (Tagger.train(some("en", 20), fine_tune=policy, **settings) for policy in ("auto", "yes"))
    ids = [kept.vocabulary.id(word) for word in words]
    assert kept.config.architecture.dimension == 6
    assert (kept.params["E"][ids] == matrix).all()
    assert (tuned.params["E"][ids] != matrix).any(axis=1).sum() >= 2
    with pytest.raises(SettingError, match=r"dimension is 5, but .*v.bin has 6 numbers a word"):
        Tagger.train(some("en", 20), vectors=tmp_path / "v.bin", dimension=5)


@pytest.mark.parametrize("backend", ["numba", "numpy", "interpreter"])
def test_every_backend_trains_and_tags_alike(backend, tmp_path):
    if backend == "numba":
        pytest.importorskip("numba")
    settings = {"epochs": 2, "hidden": 4, "dimension": 3, "caps": 2, "window": 3, "seed": 3}
    ours, theirs = (Tagger.train(some("en", 20), backend=name, **settings) for name in (backend, "interpreter"))
    for name, array in theirs.params.items():
        np.testing.assert_allclose(ours.params[name], array, rtol=1e-3, atol=1e-5)
    assert ours.run.history[-1].figures["dev_loss"] == pytest.approx(
        theirs.run.history[-1].figures["dev_loss"], rel=1e-4
    )
    ours.save(tmp_path / "m")
    text = "Helen Marsh flew to Berlin on Monday."
    for entity, other in zip(Tagger.load(tmp_path / "m", backend).tag(text), ours.tag(text), strict=True):
        assert entity[:3] == other[:3] and entity.score == pytest.approx(other.score, rel=1e-5)


def test_an_unknown_backend_is_refused_before_anything_is_read():
    with pytest.raises(SettingError, match=r"unknown backend 'cuda'\. One of: auto, numba, numpy, interpreter"):
        Tagger.load("nowhere", "cuda")


# ── the model folder ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("which", ["english", "korean"])
def test_what_is_loaded_tags_as_what_was_saved(which, request, tmp_path):
    tagger = request.getfixturevalue(which)
    tagger.save(tmp_path / "m")
    loaded = Tagger.load(tmp_path / "m")
    texts = ["Helen Marsh flew to Berlin on Monday.", "철수는 서울역에서 영희를 만났다. 우리은행", ""]
    assert list(loaded.pipe(texts)) == list(tagger.pipe(texts))
    assert (loaded.config, loaded.vocabulary) == (tagger.config, tagger.vocabulary)
    loaded.save(tmp_path / "again")
    for path in (tmp_path / "m").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_the_settings_are_written_down(english, tmp_path):
    english.save(tmp_path)
    described = json.loads((tmp_path / "config.json").read_text())
    assert described["training"]["settings"]["learning_rate"] == 0.2
    assert described["architecture"]["hidden"] == 10
    assert described["figures"]["dev_f1"] == 1.0


# ── finding names ─────────────────────────────────────────────────────────────────────────────────────


def assert_sound(text: str, entities: list) -> None:
    """Entities lie in their text, in order, without overlap; they begin and end with no space."""
    end = 0
    for e in entities:
        assert text[e.start : e.end] == e.text
        assert end <= e.start < e.end
        assert e.text.strip() == e.text != ""
        assert 0 < e.score <= 1 + 1e-6
        end = e.end
    assert end <= len(text)


ANY = st.text(st.characters(exclude_categories=()), max_size=60)  # all planes, lone surrogates too
PIECES = st.lists(
    st.sampled_from(
        [
            "Paris",
            " ",
            "Helen",
            "Marsh",
            "Berlin",
            ".",
            "\n",
            "🇫🇷",
            "👩‍👩‍👧",
            "철수",
            "는 ",
            "서울역",
            "e\u0301",
            "\t",
            ", ",
        ]
    ),
    max_size=14,
).map("".join)


@given(ANY | PIECES)
@example("Paris\u200d Hilton met\r\nHelen Marsh 👩‍👩‍👧 in\u3000Berlin\u2028on Monday")
def test_entities_are_where_they_say(english, korean, text):
    for tagger in (english, korean):
        assert_sound(text, tagger.tag(text))


@given(st.lists(PIECES, max_size=8), st.integers(1, 4))
def test_the_pipe_keeps_the_order_and_the_size_of_its_groups_changes_nothing(english, texts, size):
    alone = [english.tag(text) for text in texts]
    together = list(english.pipe(texts, batch_size=size))
    assert together == alone


def test_one_text_is_not_taken_for_many(english):
    with pytest.raises(SettingError, match="pipe takes several texts; tag takes one"):
        list(english.pipe("Paris"))
    with pytest.raises(SettingError, match="batch size is 0; it must be a whole number at least 1"):
        list(english.pipe(["Paris"], batch_size=0))
    for tokens in (["Helen", "Marsh"], "Paris"):
        with pytest.raises(
            SettingError, match="tag_tokens takes sentences, each a list of tokens; tag takes a text"
        ):
            english.tag_tokens(tokens)


def test_the_pipe_is_lazy(english):
    taken = []

    def texts():
        for k in range(100):
            taken.append(k)
            yield "Paris"

    pipe = english.pipe(texts(), batch_size=10)
    next(pipe)
    assert len(taken) == 10


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n", " \t\u3000\u2028 ", "🎉", "👩‍👩‍👧🇰🇷", "\ufeff", "\u0301", "...", "\ud800"]
)
def test_text_without_words_has_no_trouble(english, korean, text):
    for tagger in (english, korean):
        assert_sound(text, tagger.tag(text))
    assert english.tag("") == english.tag("  \n") == []


def test_names_learnt_by_heart_are_found_in_running_text(english):
    text = "Prime Minister Helen Marsh flew to Berlin on Monday for two days of talks on energy supply."
    found = [(e.label, e.text) for e in english(text)]
    assert found == [("PER", "Helen Marsh"), ("LOC", "Berlin"), ("DATE", "Monday")]


def test_the_score_is_the_product_of_the_probabilities_of_the_tags(english):
    (sentence, *_) = some("en", 1).sentences
    config = english.config
    encoded = encode([sentence.tokens], english.features, config.architecture.radius)
    log_p = english.decoder.scores(english.params, encoded).astype(np.float64) / config.temperature
    log_p -= np.logaddexp.reduce(log_p, axis=1, keepdims=True)
    (name, *_) = english.tag(" ".join(sentence.tokens))
    begins, ends = config.tags.index("B-PER"), config.tags.index("E-PER")
    assert name.text == "Helen Marsh"
    np.testing.assert_allclose(name.score, np.exp(log_p[2, begins] + log_p[3, ends]), rtol=1e-5)


def test_korean_names_end_before_their_particles(korean):
    for sentence in some("ko", 20).sentences:
        text = "".join(sentence.tokens)
        gold = [text[n.start : n.end] for n in spans(sentence.tags)]  # one character a token
        assert [e.text for e in korean.tag(text)] == gold
    assert korean.config.tokenizer == "characters-1"


def test_tags_of_tokens_are_legal_and_evaluation_is_their_score(english):
    corpus = sample("en").test.of(sample("en").test.sentences[:30])
    tags = english.tag_tokens([s.tokens for s in corpus.sentences])
    assert [len(t) for t in tags] == [len(s.tokens) for s in corpus.sentences]
    assert sum(illegal_moves(t, "IOB2") for t in tags) == 0
    assert english.evaluate(corpus) == score([s.tags for s in corpus.sentences], tags)
    assert english.tag_tokens([]) == []
    assert english.tag_tokens([[], ["Paris"], []])[::2] == [[], []]


def test_evaluation_takes_a_path_and_other_names_for_the_labels(english, tmp_path):
    corpus = some("en", 20)
    renamed = corpus.of(
        s._replace(tags=[t.replace("PER", "person").replace("DATE", "MISC") for t in s.tags])
        for s in corpus.sentences
    )
    write_conll(tmp_path / "other.conll", renamed.sentences)
    assert english.evaluate(tmp_path / "other.conll", {"PER": "person", "DATE": "MISC"}).f1 == 1.0
    assert english.evaluate(renamed).by_type["person"].recall == 0
    left_out = english.evaluate(corpus, {"DATE": "O"})
    assert left_out.by_type["DATE"].found == 0
    with pytest.raises(SettingError, match="unknown label of the model 'PERS'; did you mean PER"):
        english.evaluate(corpus, {"PERS": "person"})


@pytest.mark.parametrize("scheme", ["IOB1", "BIOES", "BILOU"])
def test_no_figure_depends_on_the_scheme_of_the_gold_tags(english, tmp_path, scheme):
    corpus = sample("en").test.of(sample("en").test.sentences[:30])
    tags = corpus.tagged(scheme)
    write_conll(tmp_path / "gold.conll", [s._replace(tags=t) for s, t in zip(corpus.sentences, tags, strict=True)])
    gold = read_corpus(tmp_path / "gold.conll")
    assert gold.scheme in (scheme, "IO")  # IOB1 without touching names is IO
    found = english.evaluate(gold)
    assert found == english.evaluate(corpus)
    assert found.illegal == 0 < found.accuracy


@pytest.mark.parametrize(
    ("label", "cause"),
    [
        ("a b", "PER is renamed to 'a b', which is no label; give one without blanks, or O"),
        ("", "PER is renamed to '', which is no label; give one without blanks, or O"),
        ("B-X", "PER is renamed to 'B-X', which is a whole tag; give its label, X"),
        ("S-PER", "PER is renamed to 'S-PER', which is a whole tag; give its label, PER"),
    ],
)
def test_a_name_is_renamed_to_what_can_be_a_label(english, label, cause):
    with pytest.raises(SettingError) as error:
        english.evaluate(some("en", 2), {"PER": label})
    assert str(error.value) == cause


def test_a_label_with_hyphens_is_a_label(english):
    corpus = some("en", 20)
    for label in ("per-son", "E-mail"):
        renamed = [s._replace(tags=[t.replace("PER", label) for t in s.tags]) for s in corpus.sentences]
        assert english.evaluate(corpus.of(renamed), {"PER": label}).f1 == 1.0


# ── the bundled sample ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("language", "least"), [("en", 400), ("ko", 200)])
def test_the_sample_is_large_enough_and_has_every_label_in_every_part(language, least):
    parts = sample(language)
    assert sum(len(part.sentences) for part in parts) >= least
    for part in parts:
        assert part.labels == ("DATE", "LOC", "MISC", "ORG", "PER")
        assert part.scheme == "IOB2"
        assert part.characters is (language == "ko")
        assert sum(illegal_moves(s.tags, "IOB2") for s in part.sentences) == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_of_the_sample_is_there_twice(language):
    texts = ["".join(s.tokens).casefold() for part in sample(language) for s in part.sentences]
    assert len(set(texts)) == len(texts)


def names(language: str) -> set[tuple[str, str]]:
    space = "" if language == "ko" else " "
    return {
        (space.join(s.tokens[n.start : n.end]), n.label)
        for part in sample(language)
        for s in part.sentences
        for n in spans(s.tags)
    }


@pytest.mark.parametrize(
    ("language", "hard"),
    [
        (
            "en",
            [
                ("Paris", "LOC"),
                ("Paris Hilton", "PER"),
                ("First National Bank", "ORG"),
                ("National Bank of Greece", "ORG"),
            ],
        ),
        ("ko", [("철수", "PER"), ("영희", "PER"), ("서울역", "LOC"), ("우리은행", "ORG")]),
    ],
)
def test_the_hard_cases_of_the_lecture_are_in_the_sample(language, hard):
    assert set(hard) <= names(language)


def test_our_bank_is_a_bank_and_not_always_a_name():
    tags = {
        tuple(s.tags[k : k + 5])
        for part in sample("ko")
        for s in part.sentences
        for k in range(len(s.tokens))
        if "".join(s.tokens[k : k + 5]) == "우리 은행"
    }
    assert ("O",) * 5 in tags
    assert ("B-ORG", *["I-ORG"] * 4) in tags


def test_an_unknown_sample_is_refused():
    with pytest.raises(SettingError, match=r"unknown language of the sample 'de'. One of: en, ko"):
        sample("de")


def test_a_finished_run_is_not_resumed_and_an_interrupted_one_not_overwritten(tmp_path):
    corpus = sample("en")
    tiny = {"epochs": 1, "hidden": 5, "dimension": 5}
    Tagger.train(corpus.dev, corpus.dev, out=tmp_path / "done", **tiny)
    with pytest.raises(DataError, match="that run is finished; begin a new one in another folder"):
        Tagger.train(corpus.dev, corpus.dev, out=tmp_path / "done", resume=True, **tiny)
    Tagger.train(corpus.dev, corpus.dev, out=tmp_path / "half", stop=lambda: True, **tiny)
    with pytest.raises(DataError, match="holds an interrupted run; resume it, or choose another folder"):
        Tagger.train(corpus.dev, corpus.dev, out=tmp_path / "half", **tiny)
    Tagger.train(corpus.dev, corpus.dev, out=tmp_path / "half", resume=True, **tiny)


def test_a_run_that_ends_in_nan_leaves_its_best_model(tmp_path):
    corpus = sample("en")
    wild = {
        "activation": "relu",
        "optimizer": "sgd",
        "learning_rate": 2.0,
        "epochs": 40,
        "patience": 40,
        "hidden": 50,
    }
    with pytest.raises(NonFiniteError, match="the parameters of epoch") as caught:
        Tagger.train(corpus.train, corpus.dev, out=tmp_path / "m", schedule="constant", dropout=0.0, **wild)
    kept = Tagger.load(tmp_path / "m")
    assert kept.config.training["best_epoch"] == caught.value.run.best_epoch
