import io
import json
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given, strategies as st

from chainrule.errors import DataError
from chainrule.ner.metrics import Mistake, TypeScore, read_scored, score
from chainrule.ner.tags import tag_list

GOLD = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-LOC"]]
FOUND = [["B-PER", "I-PER", "I-LOC", "B-PER"], ["O", "B-LOC"]]

PAIRS = st.lists(
    st.lists(st.tuples(*[st.sampled_from(tag_list(("X", "Y"), "BIOES"))] * 2), max_size=8), max_size=5
)


def unzipped(pairs):
    return [[g for g, _ in s] for s in pairs], [[p for _, p in s] for s in pairs]


def percent(share):
    return round(100 * share, 2)


def test_the_scores_are_those_of_conlleval(shared_data):
    cases = json.loads((shared_data / "conlleval_cases.json").read_text(encoding="utf-8"))["cases"]
    assert len(cases) == 90
    for case in cases:
        found, expected = score(*unzipped(case["sentences"])), case["expected"]
        counts = {name: getattr(found, name) for name in ("tokens", "gold", "found", "correct")}
        shares = {name: percent(getattr(found, name)) for name in ("accuracy", "precision", "recall", "f1")}
        by_type = {k: [percent(s.precision), percent(s.recall), percent(s.f1)] for k, s in found.by_type.items()}
        assert {**counts, **shares, "by_type": by_type} == expected


def test_a_score_counts_names_tokens_and_mistakes():
    found = score(GOLD, FOUND)
    assert (found.gold, found.found, found.correct) == (3, 4, 2)
    assert (found.precision, found.recall, found.f1) == (0.5, 2 / 3, 4 / 7)
    assert (found.tokens, found.matched, found.accuracy) == (6, 4, 4 / 6)
    assert found.by_type == {"LOC": TypeScore(2, 2, 1), "PER": TypeScore(1, 2, 1)}
    assert found.illegal == 1
    assert found.mistakes == [Mistake("LOC", "PER", 1), Mistake("O", "LOC", 1)]
    assert found.confusion["PER"] == {"O": 0, "LOC": 0, "PER": 2}


def test_illegal_moves_are_judged_by_the_scheme_of_the_gold_tags_or_the_given_one():
    tags = [["I-X", "I-X"]]
    assert score(tags, tags).illegal == 0
    assert score([["B-X", "I-X"]], tags).illegal == 1
    assert score(tags, tags, "IOB2").illegal == 1


def test_nothing_is_zero_and_not_an_error():
    assert score([], []).as_dict()["f1"] == 0.0
    empty = score([["O"]], [["O"]])
    assert (empty.precision, empty.recall, empty.f1, empty.accuracy) == (0.0, 0.0, 0.0, 1.0)
    assert empty.by_type == {}


def test_the_dictionary_is_json_and_complete():
    record = json.loads(json.dumps(score(GOLD, FOUND).as_dict()))
    assert list(record) == [
        *("precision", "recall", "f1", "gold", "found", "correct"),
        *("accuracy", "tokens", "illegal", "by_type", "confusion"),
    ]
    assert record["by_type"]["LOC"] == {
        "precision": 0.5,
        "recall": 0.5,
        "f1": 0.5,
        "gold": 2,
        "found": 2,
        "correct": 1,
    }


def test_the_table_is_aligned_with_all_last():
    tags = [["B-PER", "B-조직", "O"]] * 1234
    assert score(tags, tags).table() == (
        "  entities  precision  recall     F1   gold  found  right\n"
        "  ───────────────────────────────────────────────────────\n"
        "  PER           100.0   100.0  100.0  1,234  1,234  1,234\n"
        "  조직          100.0   100.0  100.0  1,234  1,234  1,234\n"
        "  all           100.0   100.0  100.0  2,468  2,468  2,468"
    )


def test_the_confusion_is_in_percent_of_each_gold_type():
    assert score(GOLD, FOUND).confusion_table() == (
        "  gold ↓ predicted →     O   LOC    PER\n"
        "  ─────────────────────────────────────\n"
        "  O                   50.0  50.0    0.0\n"
        "  LOC                  0.0  50.0   50.0\n"
        "  PER                  0.0   0.0  100.0\n"
        "\n"
        "  commonest mistakes   LOC → PER 1 · O → LOC 1"
    )
    assert score(GOLD, GOLD).confusion_table().endswith("commonest mistakes   none")


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ([["O"], ["O", "O"]], [["O"], ["O"]], "sentence 2: 2 gold tags, but 1 predicted; give a pair per token"),
        ([["O"]], [], "1 gold sentences, but 0 predicted; give the same ones"),
        ([["O"], ["O"]], [["O"], ["X-Y"]], "sentence 2: illegal tag 'X-Y'"),
    ],
)
def test_what_cannot_be_compared_is_named(gold, predicted, message):
    with pytest.raises(DataError) as caught:
        score(gold, predicted)
    assert str(caught.value).startswith(message)


@given(PAIRS)
def test_exchanging_gold_and_predicted_exchanges_precision_and_recall(pairs):
    gold, predicted = unzipped(pairs)
    one, other = score(gold, predicted), score(predicted, gold)
    assert (one.precision, one.recall, one.f1) == (other.recall, other.precision, other.f1)
    assert one.accuracy == other.accuracy
    assert {(m.predicted, m.gold, m.tokens) for m in one.mistakes} == set(map(tuple, other.mistakes))


@given(PAIRS)
def test_what_is_equal_is_perfect(pairs):
    found = score(*[unzipped(pairs)[0]] * 2)
    assert found.f1 == float(found.gold > 0)
    assert all(s.f1 == 1.0 for s in found.by_type.values())
    assert found.matched == found.tokens
    assert found.mistakes == []


@given(PAIRS, PAIRS)
def test_the_counts_of_two_corpora_add_up(first, second):
    one, other, both = (score(*unzipped(pairs)) for pairs in (first, second, first + second))
    for name in ("gold", "found", "correct", "tokens", "matched"):
        assert getattr(both, name) == getattr(one, name) + getattr(other, name)
    for label, s in both.by_type.items():
        parts = [part.by_type.get(label, TypeScore(0, 0, 0)) for part in (one, other)]
        assert s.correct == sum(part.correct for part in parts)


@given(PAIRS)
def test_confusion_holds_every_token_once(pairs):
    found = score(*unzipped(pairs))
    assert sum(count for row in found.confusion.values() for count in row.values()) == found.tokens


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_judged_by_its_last_two_columns(tmp_path, monkeypatch):
    content = b"-DOCSTART- -X- O O\n\na NN B-X B-X\n\nb NN O B-X\n"
    (tmp_path / "x").write_bytes(content)
    found = read_scored(tmp_path / "x")
    assert (found.tokens, found.gold, found.found, found.correct) == (3, 1, 2, 1)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    assert read_scored("-") == found


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\n", "x:1: one column; write token, gold tag and predicted tag on each line"),
        (b"a O O\nb O .\n", "x:2: illegal tag '.'"),
        (b"a B- O\n", "x:1: illegal tag 'B-'"),
        (b"a O O\nb O\n", "x:2: 2 columns, but line 1 has 3"),
        (b"", "x:1: no sentences"),
    ],
)
def test_a_bad_file_is_one_line_with_its_place(tmp_path, content, message):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_scored(tmp_path / "x")
    assert str(caught.value).removeprefix(str(tmp_path))[1:].startswith(message)


def test_a_training_file_is_not_taken_for_predictions(tmp_path):
    (tmp_path / "f").write_text("Paris B-LOC\nis O\nbig O\n")
    with pytest.raises(DataError, match="two columns, and the first holds words"):
        read_scored(tmp_path / "f")
