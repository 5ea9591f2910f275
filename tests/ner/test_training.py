"""From tagged sentences to a task: settings, held-out data, labels, vectors, unknown words, fingerprint."""

import numpy as np
import pytest

from chainrule.errors import DataError, SettingError
from chainrule.learn.train import Plan
from chainrule.ner.architecture import Architecture
from chainrule.ner.choices import Choices, settings_of
from chainrule.ner.corpus import read_corpus
from chainrule.ner.training import hold_out, prepare
from chainrule.ner.vectors import Vectors
from chainrule.ner.vocab import UNKNOWN

TINY = Architecture(dimension=4, hidden=3, caps=2, window=3)
PLAN = Plan(epochs=1, batch_size=4)


@pytest.fixture
def corpus(tmp_path):
    def write(text, name="train.conll"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return read_corpus(path)

    return write


def sentences(count, label="PER"):
    return "".join(f"word{k} O\nAnn{k} B-{label}\n. O\n\n" for k in range(count))


def job(train, dev=None, vectors=None, **choices):
    return prepare(train, dev, vectors, TINY, PLAN, Choices(**choices))


# ── settings ──────────────────────────────────────────────────────────────────────────────────────────


def test_settings_are_sorted_by_what_they_are_of():
    architecture, plan, choices = settings_of({"window": 7, "epochs": 3, "scheme": "IOB2"})
    assert (architecture.window, plan.epochs, choices.scheme) == (7, 3, "IOB2")
    assert settings_of({}) == (Architecture(), Plan(), Choices())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hiden": 3}, "unknown setting 'hiden'; did you mean hidden? One of: "),
        ({"epoch": 3}, "unknown setting 'epoch'; did you mean epochs? One of: "),
        ({"lr": 3}, "unknown setting 'lr'"),
        ({"optimizer": "adagard"}, "unknown optimiser 'adagard'; did you mean adagrad? One of: "),
        ({"schedule": "cosin"}, "unknown schedule 'cosin'; did you mean cosine? One of: "),
        ({"scheme": "BIOE"}, "unknown scheme 'BIOE'; did you mean BIOES? One of: "),
        ({"fine_tune": "maybe"}, "unknown fine-tuning policy 'maybe'. One of: auto, yes, no"),
        ({"held_out": 1}, "held_out is 1; it must be a finite number above 0 and below 1"),
        ({"minimum": 0}, "minimum is 0; it must be a whole number at least 1"),
        ({"minimum": 1.5}, "minimum is 1.5; it must be a whole number at least 1"),
        ({"epochs": 0}, "epochs is 0; it must be a whole number at least 1"),
        ({"batch_size": 0.5}, "batch size is 0.5; it must be a whole number at least 1"),
        ({"learning_rate": 0}, "learning rate is 0; it must be a finite number above 0"),
        ({"seed": -1}, "seed is -1; it must be a whole number at least 0"),
        ({"clip": 0}, "clip is 0; it must be a finite number above 0"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_what_could(settings, message):
    with pytest.raises(SettingError) as error:
        settings_of(settings)
    assert str(error.value).startswith(message)


def test_numbers_of_numpy_are_numbers():
    architecture, plan, _ = settings_of({"hidden": np.int64(7), "learning_rate": np.float32(0.5)})
    assert type(architecture.hidden) is int
    assert type(plan.learning_rate) is float


def test_given_vectors_decide_the_dimension():
    vectors = Vectors(["a"], np.ones((1, 6), np.float32))
    assert settings_of({}, vectors)[0].dimension == 6
    assert settings_of({"dimension": 6}, vectors)[0].dimension == 6
    with pytest.raises(SettingError, match="dimension is 5, but the vectors has 6 numbers a word; leave it out"):
        settings_of({"dimension": 5}, vectors)


def test_with_given_vectors_nothing_is_dropped_unless_asked_for():
    vectors = Vectors(["a"], np.ones((1, 6), np.float32))
    assert settings_of({}, vectors)[0].dropout == 0
    assert settings_of({"dropout": 0.3}, vectors)[0].dropout == 0.3


# ── held-out data ─────────────────────────────────────────────────────────────────────────────────────


def test_holding_out_is_seeded_and_loses_nothing(corpus):
    whole = corpus(sentences(30))
    train, dev = hold_out(whole, 0.1, 1)
    assert len(dev.sentences) == 3
    assert sorted([*train.sentences, *dev.sentences]) == sorted(whole.sentences)
    assert list(train.sentences) == [s for s in whole.sentences if s in train.sentences]
    again, other = hold_out(whole, 0.1, 1), hold_out(whole, 0.1, 2)
    assert again == (train, dev)
    assert other[1] != dev


@pytest.mark.parametrize(("count", "share", "held"), [(2, 0.1, 1), (2, 0.9, 1), (5, 0.999, 4), (20, 0.1, 2)])
def test_at_least_one_sentence_is_on_either_side(corpus, count, share, held):
    train, dev = hold_out(corpus(sentences(count)), share, 0)
    assert (len(train.sentences), len(dev.sentences)) == (count - held, held)


def test_one_sentence_cannot_be_held_out(corpus):
    with pytest.raises(DataError, match=r"train.conll: holds 1 sentence; give at least two, or a dev corpus$"):
        hold_out(corpus(sentences(1)), 0.1, 0)


@pytest.mark.parametrize("seed", range(8))
def test_a_label_that_only_the_held_out_sentences_have_is_no_mistake_of_the_user(corpus, seed):
    whole = corpus(sentences(9) + sentences(1, "LOC"))
    made = prepare(whole, None, None, TINY, Plan(epochs=1, seed=seed), Choices(held_out=0.5))
    assert {tag.partition("-")[2] for tag in made.decoder.tags} == {"", "LOC", "PER"}


# ── labels and units ──────────────────────────────────────────────────────────────────────────────────


def test_a_label_of_dev_that_training_lacks_is_refused_with_its_line(corpus):
    train, dev = corpus(sentences(4)), corpus(sentences(3) + "in O\nRome B-LOC\n", "dev.conll")
    with pytest.raises(DataError) as error:
        job(train, dev)
    assert str(error.value) == (
        f"{dev.path}:14: label LOC is not in the training data (PER); rename it, or train on data that has it"
    )


def test_data_without_a_name_is_refused(corpus):
    with pytest.raises(
        DataError, match=r"train.conll: holds no entity, every tag is O; give data with tagged names"
    ):
        job(corpus("a O\n\nb O\n"))


def test_characters_and_words_do_not_mix(corpus):
    words = corpus(sentences(4))
    characters = corpus("철 B-PER\n수 I-PER\n가 O\n왔 O\n\n영 B-PER\n희 I-PER\n", "ko.conll")
    with pytest.raises(
        DataError, match=r"ko.conll: is in characters, but the training data in words; convert one"
    ):
        job(words, characters)
    with pytest.raises(DataError, match=r"train.conll: is in words, but the training data in characters; convert"):
        job(characters, words)


# ── vectors ───────────────────────────────────────────────────────────────────────────────────────────


def given_vectors():
    return Vectors([".", "word0", "elsewhere"], np.arange(12, dtype=np.float32).reshape(3, 4) + 1)


@pytest.mark.parametrize(
    ("policy", "moved", "said"),
    [
        ("yes", True, "given, fine-tuned"),
        ("no", False, "given, kept fixed"),
        ("auto", False, "given, kept fixed (12 training tokens are few; fine_tune yes)"),
    ],
)
def test_given_vectors_are_trained_by_policy(corpus, policy, moved, said):
    made = job(corpus(sentences(4)), corpus(sentences(2), "dev.conll"), given_vectors(), fine_tune=policy)
    assert ("E" in [p.attrs["name"] for p in made.task.trained]) is moved
    assert made.notes[-1] == f"word vectors: {said}"
    assert made.notes[0] == "66.7% of the training tokens have a vector"


def test_large_data_fine_tunes_by_itself(corpus, monkeypatch):
    monkeypatch.setattr("chainrule.ner.finetune.SMALL", 10)
    made = job(corpus(sentences(4)), corpus(sentences(2), "dev.conll"), given_vectors())
    assert "E" in [p.attrs["name"] for p in made.task.trained]
    assert made.notes[-1] == ("word vectors: given, fine-tuned (12 training tokens are enough; fine_tune no)")


@pytest.mark.parametrize(
    ("threads", "size", "said"),
    [
        (1, 32, None),
        (2, 256, None),
        (
            2,
            32,
            "threads: 1 of 2, since each needs 128 windows of a batch, and batches have 32 (--batch-size 256)",
        ),
        (
            8,
            256,
            "threads: 2 of 8, since each needs 128 windows of a batch, and batches have 256 (--batch-size 1024)",
        ),
    ],
)
def test_threads_without_work_are_told_of(corpus, threads, size, said):
    plan = Plan(threads=threads, batch_size=size)
    notes = prepare(corpus(sentences(4)), corpus(sentences(2), "dev.conll"), None, TINY, plan, Choices()).notes
    assert [note for note in notes if note.startswith("threads")] == ([said] if said else [])


def test_random_vectors_are_always_trained(corpus):
    for policy in ("auto", "yes"):
        made = job(corpus(sentences(4)), fine_tune=policy)
        assert "E" in [p.attrs["name"] for p in made.task.trained]
    with pytest.raises(SettingError, match="fine_tune 'no' needs vectors: give some to be kept, or leave"):
        job(corpus(sentences(4)), fine_tune="no")


def test_given_vectors_stand_in_the_table(corpus):
    made = job(corpus(sentences(4)), None, given_vectors())
    E, ids = made.task.params["E"], made.features.vocabulary
    assert E[ids.id("word0")].tolist() == E[ids.id("word7")].tolist() == [5, 6, 7, 8]  # digits are 0
    assert E[ids.id("elsewhere")].tolist() == [9, 10, 11, 12]
    assert not E[0].any()


# ── the task ──────────────────────────────────────────────────────────────────────────────────────────


def test_words_seen_once_without_a_vector_are_shown_as_unknown_half_of_the_time(corpus):
    text = "often O\nonce B-PER\n\noften O\nknown O\n"
    vectors = Vectors(["known"], np.ones((1, 4), np.float32))
    made = job(corpus(text), corpus(text, "dev.conll"), vectors)
    rng = np.random.default_rng(0)
    by_token = np.array([made.task.feed(np.arange(4), rng)["words"][:, 1] for _ in range(400)]).T
    ids = [made.features.vocabulary.id(word) for word in ("often", "once", "often", "known")]
    assert [set(column.tolist()) for column in by_token] == [{ids[0]}, {ids[1], UNKNOWN}, {ids[2]}, {ids[3]}]
    assert 160 <= (by_token[1] == UNKNOWN).sum() <= 240


def test_a_batch_has_the_windows_tags_and_masks_of_its_tokens(corpus):
    made = job(corpus(sentences(4)), corpus(sentences(2), "dev.conll"))
    values = made.task.feed(np.array([1, 3]), np.random.default_rng(0))
    assert {name: np.shape(v) for name, v in values.items()} == {
        "words": (2, 3),
        "caps": (2, 3),
        "y": (2,),
        "mask_x": (2, 18),
        "mask_h": (2, 3),
    }
    assert [made.decoder.tags[k] for k in values["y"]] == ["S-PER", "O"]
    assert made.task.examples == 12


def test_judgement_is_that_of_the_scorer(corpus):
    made = job(corpus(sentences(4)), corpus(sentences(2), "dev.conll"))
    figures = made.task.judge(made.task.params)
    assert set(figures) == {"score", "dev_loss", "dev_precision", "dev_recall", "dev_f1"}
    assert figures["score"] == figures["dev_f1"]
    assert np.log(5) * 0.5 < figures["dev_loss"] < np.log(5) * 2  # untrained: near chance among five tags


# ── the fingerprint ───────────────────────────────────────────────────────────────────────────────────


def test_the_fingerprint_tells_runs_apart(corpus):
    train, dev = corpus(sentences(6)), corpus(sentences(2), "dev.conll")
    moved = Vectors(given_vectors().words, given_vectors().matrix + 1)
    renamed = Vectors([".", "word0", "other"], given_vectors().matrix)
    wide = Architecture(dimension=4, hidden=4, caps=2, window=3)
    prints = [
        job(train, dev).fingerprint,
        job(corpus(sentences(7), "b"), dev).fingerprint,
        job(corpus(sentences(6).replace("word5 O", "word5 B-PER"), "c"), dev).fingerprint,
        job(train, corpus(sentences(3), "d")).fingerprint,
        job(train, dev, given_vectors()).fingerprint,
        job(train, dev, moved).fingerprint,
        job(train, dev, renamed).fingerprint,
        job(train, dev, scheme="IOB2").fingerprint,
        prepare(train, dev, None, wide, PLAN, Choices()).fingerprint,
    ]
    assert len(set(prints)) == len(prints)


def test_the_fingerprint_does_not_depend_on_the_name_of_a_file(corpus):
    train, dev = corpus(sentences(6)), corpus(sentences(2), "dev.conll")
    assert job(train, dev).fingerprint == job(corpus(sentences(6), "copy"), dev).fingerprint
