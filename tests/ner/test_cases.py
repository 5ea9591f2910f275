"""Other letters: how shares are written, what copies are, what they cost and what training on them gains."""

import numpy as np
import pytest

from chainrule.errors import SettingError
from chainrule.ner import Tagger, sample
from chainrule.ner.cases import AS_IT_IS, CASES, by_case, case_table, recased, shares
from chainrule.ner.corpus import Corpus, Sentence
from chainrule.ner.folder import WEIGHTS

PARTS = sample("en")
TRAIN = PARTS.train.of(PARTS.train.sentences[:200])
TINY = {"epochs": 6, "hidden": 16, "dimension": 16, "learning_rate": 0.1, "dropout": 0.0, "backend": "numpy"}


def trained(augment="", train=TRAIN, **settings):
    return Tagger.train(train, PARTS.dev, augment=augment, **{**TINY, **settings})


@pytest.fixture(scope="module")
def plain():
    return trained()


@pytest.fixture(scope="module")
def augmented():
    return trained("lower:0.2,upper:0.2")


def test_shares_are_read():
    assert shares("") == {}
    assert shares(" lower:0.1, upper : 0.05,title:0.85") == {"lower": 0.1, "upper": 0.05, "title": 0.85}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("lowr:0.1", "unknown case 'lowr'; did you mean lower? One of: lower, upper, title"),
        ("lower", "augment: 'lower' says no share; write lower:0.1 for a tenth of the sentences"),
        ("lower:much", "augment: 'lower:much' says no share; write lower:0.1 for"),
        ("lower:0", "share of lower is 0.0; it must be a finite number at most 1 and above 0"),
        ("upper:nan", "share of upper is nan; it must be"),
        ("lower:0.1,lower:0.2", "augment: lower is there twice; keep one"),
        ("lower:0.6,upper:0.6", "augment: lower:0.6,upper:0.6 is more than all sentences; the shares sum to 1"),
    ],
)
def test_shares_that_cannot_be_are_refused(wrong, said):
    with pytest.raises(SettingError) as error:
        trained(wrong)
    assert str(error.value).startswith(said)


def test_copies_keep_tags_and_places():
    corpus = Corpus(
        "x", (Sentence(["McDonald", "met", "IBM's", "ß"], ["B-PER", "O", "B-ORG", "O"], 3, 1),), "IOB2"
    )
    assert {name: recased(corpus, name).sentences[0].tokens for name in CASES} == {
        "lower": ["mcdonald", "met", "ibm's", "ß"],
        "upper": ["MCDONALD", "MET", "IBM'S", "SS"],
        "title": ["Mcdonald", "Met", "Ibm's", "SS"],
    }
    assert all(recased(corpus, name).sentences[0][1:] == corpus.sentences[0][1:] for name in CASES)


def test_copies_that_are_the_data_itself_are_not_judged():
    korean = sample("ko").dev
    assert list(by_case(korean, lambda copy: copy)) == [AS_IT_IS]
    lower = recased(PARTS.dev, "lower")
    assert list(by_case(lower, lambda copy: copy)) == [AS_IT_IS, "upper", "title"]


def test_training_in_other_letters_loses_less_of_them(plain, augmented):
    before, after = (by_case(PARTS.test, tagger.evaluate) for tagger in (plain, augmented))
    for name in ("lower", "upper"):
        assert before[name].f1 < 0.6 * before[AS_IT_IS].f1
        assert after[name].f1 > before[name].f1 + 0.15
    assert after[AS_IT_IS].f1 > before[AS_IT_IS].f1 - 0.06


def test_the_table_says_what_is_lost(plain):
    scores = by_case(PARTS.test, plain.evaluate)
    lines = case_table(scores).splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["as", *CASES]
    lost = 100 * (scores["lower"].f1 - scores[AS_IT_IS].f1)
    assert lines[3].split()[-1] == f"{lost:+.1f}".replace("-", "−")


def test_values_of_copies_are_known_though_the_data_lacks_them():
    """The letters and the shapes of words in capitals, where no word of the data has any."""
    small = recased(TRAIN, "lower")
    settings = {"features": "shape:4", "letters": 4, "epochs": 1, "rare": 1, "window": 1}
    tagger = Tagger.train(small, recased(PARTS.dev, "lower"), augment="upper:0.5", **{**TINY, **settings})
    known = tagger.features.numbered
    assert "X" in known["shape"].lookup and "Q" in known["letters"].lookup
    bare = Tagger.train(small, recased(PARTS.dev, "lower"), **{**TINY, **settings}).features.numbered
    assert "X" not in bare["shape"].lookup and "Q" not in bare["letters"].lookup
    assert known["shape"].words[: len(bare["shape"])] == bare["shape"].words


@pytest.mark.parametrize("objective", ["softmax", "sentence", "margin"])
def test_a_run_that_was_stopped_resumes_bit_for_bit(objective, tmp_path):
    settings = {
        "objective": objective,
        "epochs": 2,
        "train": PARTS.train.of(PARTS.train.sentences[:30]),
        "batch_size": 8,
    }
    trained("lower:0.3,title:0.1", out=tmp_path / "whole", **settings)
    left = iter([*[False] * 5, True])
    trained("lower:0.3,title:0.1", out=tmp_path / "cut", stop=lambda: next(left, True), **settings)
    again = trained("lower:0.3,title:0.1", out=tmp_path / "cut", resume=True, **settings)
    assert not again.run.interrupted
    assert (tmp_path / "whole" / WEIGHTS).read_bytes() == (tmp_path / "cut" / WEIGHTS).read_bytes()


def test_the_seed_decides_what_is_shown():
    one, two, other = (trained("lower:0.5", epochs=1, seed=seed).params["W"] for seed in (1, 1, 2))
    assert np.array_equal(one, two) and not np.array_equal(one, other)
