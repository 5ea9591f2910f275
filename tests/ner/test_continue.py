"""Training on from a model: a new label is learned and old ones are kept; without the remedy they are forgotten."""

import numpy as np
import pytest
from labelled import only

from chainrule.errors import DataError, SettingError
from chainrule.ner import Tagger, sample
from chainrule.ner.changes import Changes
from chainrule.ner.folder import CHECKPOINT, WEIGHTS
from chainrule.ner.merge import merge
from chainrule.ner.metrics import Score, TypeScore, score
from chainrule.ner.partial import BARRED
from chainrule.ner.report import checked
from chainrule.ner.tags import spans
from chainrule.ner.told import Told

PARTS = sample("en")
HALF = len(PARTS.train.sentences) // 2
OLD, NEW = only(PARTS.train, "PER", "LOC", stop=HALF), only(PARTS.train, "ORG", start=HALF)
OLD_TEST, NEW_TEST = only(PARTS.test, "PER", "LOC"), only(PARTS.test, "ORG")
OLD_DEV, NEW_DEV = only(PARTS.dev, "PER", "LOC"), only(PARTS.dev, "ORG")
KEPT, TAUGHT = 0.03, 0.08  # F1 of the old labels that may be lost with old data, and without
FEW = {"epochs": 2, "batch_size": 64}


@pytest.fixture(scope="module")
def model():
    return Tagger.train(OLD, OLD_DEV, backend="numpy", hidden=50, dimension=40, patience=3)


def further(model, train=NEW, dev=NEW_DEV, **settings):
    return Tagger.train(train, dev, start=model, backend="numpy", **settings)


def f1(tagger, corpus):
    """F1 on the labels that a corpus has."""
    return Changes.of(tagger, tagger, corpus).whole.after.f1


def few(corpus, count=30):
    return corpus.of(corpus.sentences[:count])


# ── what is kept and what is learned ──────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def rehearsed(model):
    return further(model, rehearse=OLD, epochs=14)


def test_with_rehearsal_old_labels_are_kept_and_the_new_one_is_learned(model, rehearsed):
    assert rehearsed.labels == ["LOC", "ORG", "PER"]
    assert f1(rehearsed, OLD_TEST) > f1(model, OLD_TEST) - KEPT
    assert f1(rehearsed, NEW_TEST) > 0.25


def test_without_old_data_the_model_itself_says_what_is_to_be_kept(model):
    taught = further(model, epochs=14)
    assert f1(taught, OLD_TEST) > f1(model, OLD_TEST) - TAUGHT
    assert f1(taught, NEW_TEST) > 0.25


def test_where_o_is_taken_at_its_word_old_labels_are_forgotten(model):
    forgetful = further(model, missing_labels="outside", patience=30, epochs=14)
    assert f1(forgetful, OLD_TEST) < 0.2 * f1(model, OLD_TEST)
    assert f1(forgetful, NEW_TEST) > 0.25


def test_the_table_counts_what_came_and_went(model, rehearsed):
    found = Changes.of(model, rehearsed, OLD_TEST)
    was, now = (
        [set(spans(tags)) for tags in t.tag_tokens([s.tokens for s in OLD_TEST.sentences])]
        for t in (model, rehearsed)
    )
    gold = [set(spans(s.tags)) for s in OLD_TEST.sentences]
    row = next(r for r in found.rows if r.label == "LOC")
    loc = [[{n for n in names if n.label == "LOC"} for names in part] for part in (gold, was, now)]
    assert len(row.gained) == sum(len(g & b - a) for g, a, b in zip(*loc, strict=True))
    assert len(row.forgotten) == sum(len(g & a - b) for g, a, b in zip(*loc, strict=True))
    assert row.before.correct + len(row.gained) - len(row.forgotten) == row.after.correct
    assert (
        row.before
        == score(OLD_TEST.tagged("IOB2"), model.tag_tokens([s.tokens for s in OLD_TEST.sentences])).by_type["LOC"]
    )
    assert found.whole.before.gold == OLD_TEST.entities


def test_labels_that_data_lacks_are_compared_with_what_was_found_before(model, rehearsed):
    rows = {row.label: row for row in Changes.of(model, rehearsed, NEW_TEST).rows}
    assert list(rows) == ["ORG", "LOC", "PER"] and not rows["LOC"].tagged
    assert rows["LOC"].before.correct == rows["LOC"].before.gold > 20
    assert "* not tagged in this data" in Changes.of(model, rehearsed, NEW_TEST).table("test")
    assert Changes.of(model, model, NEW_TEST).whole.f1 == 0


# ── what is done and said ─────────────────────────────────────────────────────────────────────────────


def test_what_was_done_is_said(model):
    jobs = []
    tagger = further(model, few(NEW), rehearse=few(OLD), begin=jobs.append, rehearsal=0.5, **FEW)
    said = "\n".join(tagger.notes)
    assert "new labels: ORG" in said
    assert "dev lacks LOC, PER: the model's names stand there; to agree by more than its F1 is no merit" in said
    assert f"words more than the {len(model.vocabulary) - 2:,} of the model" in said
    assert "lacks LOC, PER: O there may be one of these; the old data shows which" in said
    assert said.count("lacks ORG: O there may be one of these") == 1
    job = jobs[0]
    new, old = few(NEW).tokens, few(OLD).tokens
    assert f"rehearsal: {round(new / 2):,} of {old:,} old windows each epoch, beside {new:,} new ones" in said
    assert job.task.examples == new + round(new / 2)
    assert BARRED in job.feed(np.arange(4), np.random.default_rng(0))


def test_the_model_teaches_what_no_old_data_shows(model):
    taught = "O there may be one of these, as the model finds them where it is sure ("
    assert taught in "\n".join(further(model, few(NEW), **FEW).notes)
    per = few(only(PARTS.train, "PER"))
    assert f"lacks LOC, PER: {taught}" in "\n".join(further(model, few(NEW), rehearse=per, **FEW).notes)


def test_the_gradients_of_what_is_trained_agree_with_differences(model):
    jobs = []
    further(model, few(NEW), rehearse=few(OLD), begin=jobs.append, **FEW)
    assert checked(jobs[0]).ok


def test_data_with_all_labels_is_trained_on_as_it_is(model):
    jobs = []
    whole = only(PARTS.train, "PER", "LOC", start=HALF, stop=HALF + 40)
    tagger = further(model, whole, OLD_DEV, begin=jobs.append, **FEW)
    assert not jobs[0].partial and not any("lacks" in note for note in tagger.notes)
    assert tagger.config.tags == model.config.tags


def test_the_model_before_stays_as_it_was(model):
    before = {name: array.copy() for name, array in model.params.items()}
    further(model, few(NEW), **FEW)
    assert all(np.array_equal(before[name], model.params[name]) for name in before)


def test_a_folder_is_a_model_to_go_on_from_and_what_comes_of_it_again(model, tmp_path):
    model.save(tmp_path / "old", bits=16)
    Tagger.train(few(NEW), NEW_DEV, start=tmp_path / "old", out=tmp_path / "new", backend="numpy", **FEW)
    again = further(Tagger.load(tmp_path / "new"), few(only(PARTS.train, "DATE")), only(PARTS.dev, "DATE"), **FEW)
    assert again.labels == ["DATE", "LOC", "ORG", "PER"]
    assert again.config.training["settings"]["schedule"] == "constant,rise:2"
    about = again.config.training["from"]
    assert about["labels"] == ["LOC", "ORG", "PER"]
    assert about["fingerprint"] == Tagger.load(tmp_path / "new").config.training["fingerprint"]


def test_characters_go_on_too():
    korean = sample("ko")
    old, new = only(korean.train, "PER", stop=25), only(korean.train, "LOC", start=25, stop=50)
    settings = {"hidden": 8, "dimension": 8, "learning_rate": 0.1, "backend": "numpy"}
    model = Tagger.train(old, only(korean.dev, "PER"), epochs=2, **settings)
    tagger = further(model, new, only(korean.dev, "LOC"), rehearse=old, **FEW)
    assert tagger.labels == ["LOC", "PER"]
    rows = Changes.of(model, tagger, few(korean.test)).as_dict()["all"]
    assert all(
        name["text"] in "".join(t for s in few(korean.test).sentences for t in s.tokens) for name in rows["gained"]
    )


def test_a_model_of_several_goes_on():
    one, two = (
        Tagger.train(few(OLD), OLD_DEV, backend="numpy", seed=k, hidden=5, dimension=4, epochs=1) for k in (0, 1)
    )
    tagger = further(merge([one, two]), few(NEW), **FEW)
    assert tagger.labels == ["LOC", "ORG", "PER"] and tagger.config.architecture.hidden == 10


@pytest.mark.parametrize("objective", ["logistic", "hinge", "margin", "sentence"])
def test_every_objective_goes_on(objective):
    model = Tagger.train(few(OLD, 60), OLD_DEV, backend="numpy", objective=objective, epochs=3)
    settings = {"epochs": 4, "batch_size": 16, "schedule": "constant", "learning_rate": 0.05}
    tagger = further(model, few(NEW, 60), rehearse=few(OLD, 60), **settings)
    losses = [epoch.train_loss for epoch in tagger.run.history]
    assert losses[-1] < losses[0] and tagger.labels == ["LOC", "ORG", "PER"]


def test_to_agree_with_the_model_by_more_than_its_own_f1_is_no_merit():
    def scored(agreed, learned):
        types = {"PER": TypeScore(10, 10, agreed), "ORG": TypeScore(10, 10, learned)}
        return Score(20, 20, agreed + learned, types)

    told = Told(np.zeros(0, np.int64), None, OLD, most={"PER": 0.6})
    assert told.rank(scored(10, 0)) == told.rank(scored(7, 0)) == pytest.approx(0.3)
    assert told.rank(scored(7, 2)) == pytest.approx(0.4)
    assert told.rank(scored(4, 2)) == pytest.approx(0.3)
    assert told.rank(Score(0, 0, 0)) == 0


# ── once more, and refusals ───────────────────────────────────────────────────────────────────────────


def test_a_run_that_was_stopped_resumes_bit_for_bit_and_the_seed_decides(model, tmp_path):
    settings = {"rehearse": few(OLD), "augment": "lower:0.2", "rehearsal": 0.5, **FEW}
    further(model, few(NEW), out=tmp_path / "whole", **settings)
    left = iter([*[False] * 4, True])
    further(model, few(NEW), out=tmp_path / "cut", stop=lambda: next(left, True), **settings)
    assert (tmp_path / "cut" / CHECKPOINT).exists()
    again = further(model, few(NEW), out=tmp_path / "cut", resume=True, **settings)
    assert not again.run.interrupted
    whole, cut = ((tmp_path / name / WEIGHTS).read_bytes() for name in ("whole", "cut"))
    assert whole == cut


def test_a_run_is_not_resumed_from_another_model_or_other_old_data(model, tmp_path):
    further(model, few(NEW), rehearse=few(OLD), out=tmp_path / "m", stop=lambda: True, **FEW)
    other = model.inclined(recall_bias=1)
    for start, old in ((other, few(OLD)), (model, few(OLD, 29))):
        with pytest.raises(DataError, match="the data, the network or the vectors differ"):
            further(start, few(NEW), rehearse=old, out=tmp_path / "m", resume=True, **FEW)


def test_old_data_without_a_model_is_refused():
    with pytest.raises(SettingError, match="old data is rehearsed where training goes on from a model"):
        Tagger.train(NEW, rehearse=OLD)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rehearsal": -1}, "rehearsal is -1; it must be"),
        ({"missing_labels": "none"}, "unknown meaning of O where labels are missing 'none'. One of: auto, taught"),
    ],
)
def test_settings_that_cannot_be_are_refused(model, settings, said):
    with pytest.raises(SettingError) as error:
        further(model, **settings)
    assert str(error.value).startswith(said)
