"""`chainrule vectors analogy`: an answer, the figures of a file of questions, and what is refused."""

import json

import numpy as np
import pytest

from chainrule.ner.vectors import Vectors, write_vectors


@pytest.fixture
def kings(tmp_path):
    angle = {"man": 0.0, "woman": 0.5, "king": 1.0, "queen": 1.5, "cabbage": 3.0}
    matrix = np.array([[np.cos(t), np.sin(t), 0.3] for t in angle.values()], np.float32)
    write_vectors(tmp_path / "v.bin", Vectors(list(angle), matrix))
    (tmp_path / "q.txt").write_text(
        ": family\nman woman king queen\nman king woman QUEEN\n: food\nman woman king cabbage\n"
    )
    (tmp_path / "other.txt").write_text("a b c d\n")
    (tmp_path / "wrong.txt").write_text("a b c\n")
    return tmp_path


def test_an_answer_is_a_table_or_json(cli, kings):
    for method in ("add", "mul"):
        done = cli("vectors", "analogy", kings / "v.bin", "man", "Woman", "king", "-n", 1, "--method", method)
        assert done.code == 0
        assert done.out.split()[-1] == "queen"
    done = cli("vectors", "analogy", kings / "v.bin", "man", "woman", "king", "--json")
    found = json.loads(done.out)
    assert found["query"] == ["man", "woman", "king"]
    assert [each["word"] for each in found["answers"]] == ["queen", "cabbage"]


def test_a_file_of_questions_gives_the_accuracy_of_each_section(cli, kings):
    done = cli("vectors", "analogy", kings / "v.bin", "--questions", kings / "q.txt")
    rows = [line.split() for line in done.out.splitlines()]
    assert ["family", "100.0", "2", "2", "2"] in rows
    assert ["food", "0.0", "0", "1", "1"] in rows
    assert ["all", "66.7", "2", "3", "3"] in rows
    done = cli("vectors", "analogy", kings / "v.bin", "--questions", kings / "q.txt", "--json", "--first", 4)
    assert json.loads(done.out)["sections"][1] == {
        "name": "food", "right": 0, "asked": 0, "questions": 1, "accuracy": None
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["man", "woman"], "give three words A B C, or --questions FILE"),
        (["man", "woman", "king", "--questions", "q.txt"], "give three words A B C, or --questions FILE"),
        (["man", "woman", "knig"], "there is no vector for 'knig'; did you mean king?"),
        (["--questions", "other.txt"], "has no vectors for any of its questions"),
        (["--questions", "wrong.txt"], "wrong.txt:1: 3 words, but 4 are due"),
        (["--questions", "none.txt"], "none.txt: cannot be read"),
    ],
)
def test_questions_without_an_answer_are_refused(cli, kings, monkeypatch, arguments, message):
    monkeypatch.chdir(kings)
    done = cli("vectors", "analogy", "v.bin", *arguments)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
