"""Which examples a step is shown: new ones once an epoch, old ones as many as are asked for, some in other letters."""

from collections import Counter

import numpy as np
import pytest

from chainrule.learn.batches import rng_for
from chainrule.ner.architecture import Architecture
from chainrule.ner.features import Features
from chainrule.ner.model import Network
from chainrule.ner.objectives import MARGIN, SENTENCE, SOFTMAX
from chainrule.ner.shown import Shown
from chainrule.ner.vocab import Vocabulary, caps_ids
from chainrule.ner.windows import encode

NEW = [["a", "B"], ["c"], [], ["D", "e", "f"]]
OLD = [["g"], ["H", "i"], ["j", "k", "l", "m"]]
CASES = [[list(map(write, s)) for s in NEW + OLD] for write in (str.lower, str.upper)]
FEATURES = Features(Vocabulary.build(NEW + OLD))
WORDS = FEATURES.vocabulary.words


def made(objective=SOFTMAX, rehearsal=1.0, shares=(), old=True):
    sentences = NEW + OLD * old
    every = [*sentences, *(s for case in CASES[: len(shares)] for s in case[: len(sentences)])]
    network = Network(Architecture(window=1, objective=objective, dropout=0.0), len(WORDS), 3)
    y = np.array([1 + (t.lower() in "bk") if t.lower() in "bdhk" else 0 for s in every for t in s])
    encoded = encode(every, FEATURES, 0)
    rare = np.zeros(len(WORDS), bool)
    return Shown(network, encoded, y, rare, sentences=len(NEW), rehearsal=rehearsal, shares=shares)


def shown(feed, slots, step=0):
    """The words in these slots, in the letters that they have there."""
    values = feed(np.asarray(slots), rng_for(0, "step", step))
    words = [WORDS[k] for k in values["words"][:, 0]]
    caps = values["caps"][:, 0]
    capital = caps_ids(["A"])[0]
    return [w.upper() if c == capital else w for w, c in zip(words, caps, strict=True)]


def test_new_examples_have_a_slot_each_and_old_ones_as_many_as_are_asked_for():
    assert made(rehearsal=0).examples == 6
    assert made(rehearsal=0.5).examples == 9
    assert made(rehearsal=1).examples == 12
    assert made(rehearsal=50).examples == 13  # there are seven old ones
    assert made(SENTENCE).examples == 6  # three that are not empty, of either kind
    assert made(MARGIN, rehearsal=9).examples == 4  # the tokens of names


def test_new_slots_show_their_own_example_and_old_ones_any_old_one():
    feed = made(rehearsal=0.5)
    seen = Counter()
    for step in range(400):
        words = shown(feed, range(9), step)
        assert words[:6] == ["a", "B", "c", "D", "e", "f"]
        assert set(words[6:]) <= set("gHijklm")
        seen.update(words[6:])
    counts = np.array([seen[w] for w in "gHijklm"])
    assert counts.sum() == 1200 and np.all(np.abs(counts - 1200 / 7) < 4 * np.sqrt(1200 / 7))


def test_where_every_old_one_has_a_slot_each_is_shown_once():
    assert shown(made(rehearsal=50), range(13)) == list("aBcDefgHijklm")


def test_sentences_are_shown_whole():
    words = shown(made(SENTENCE, rehearsal=9), range(6))
    assert words == list("aBcDefgHijklm")
    values = made(SENTENCE, rehearsal=9)(np.array([5, 1]), rng_for(0))
    assert values["first"].tolist() == [1, 0, 0, 0, 1]


def test_shares_are_those_of_the_cases():
    feed = made(shares=(0.2, 0.3))
    seen = Counter("".join(shown(feed, [1], step)) for step in range(2000))
    assert set(seen) == {"B", "b"}  # capitals are what it has in its own letters
    assert abs(seen["b"] / 2000 - 0.2) < 0.03
    lower = Counter("".join(shown(feed, [0], step)) for step in range(2000))
    assert abs(lower["A"] / 2000 - 0.3) < 0.035


def test_a_sentence_is_in_one_case_and_its_tags_stay():
    feed = made(SENTENCE, rehearsal=0, shares=(0.5, 0.5))
    kinds = {"".join(shown(feed, [2], step)) for step in range(50)}
    assert kinds == {"def", "DEF"}
    assert feed(np.array([2]), rng_for(1))["y"].tolist() == made(SENTENCE)(np.array([2]), rng_for(1))["y"].tolist()


@pytest.mark.parametrize("objective", [SOFTMAX, SENTENCE, MARGIN])
def test_what_is_drawn_depends_on_seed_and_step_alone(objective):
    feed = made(objective, rehearsal=0.7, shares=(0.3, 0.2))
    slots = np.arange(feed.examples)
    for step in range(3):
        one, two = (feed(slots, rng_for(7, "step", step)) for _ in range(2))
        assert all(np.array_equal(one[name], two[name]) for name in one)
