"""`chainrule vectors drift`: tables, JSON and a page, and what is refused."""

import json

import numpy as np
import pytest

from chainrule.ner.vectors import Vectors, write_vectors


@pytest.fixture
def files(tmp_path):
    before = np.array([[1, 0.3, 0], [1, -0.3, 0], [1, 0, 0.1], [-1, 0, 1]], np.float32)
    after = before.copy()
    after[:2] = [[-1, 1, 0], [-1, 0.8, 0]]
    words = ["tv", "telly", "television", "라디오"]
    for name, matrix in (("before.bin", before), ("after.txt", after)):
        write_vectors(tmp_path / name, Vectors(words, matrix), "text" if name[-1] == "t" else "binary")
    (tmp_path / "train.conll").write_text("TV\tO\n\n#telly\tO\n", encoding="utf-8")
    (tmp_path / "all.conll").write_text("TV\tO\ntelly\tO\ntelevision\tO\n", encoding="utf-8")
    return tmp_path


def test_what_moved_and_what_was_left_behind_stand_in_tables(cli, files):
    done = cli("vectors", "drift", files / "before.bin", files / "after.txt")
    assert done.code == 0
    assert "such as television" in " ".join(done.out.split())
    rows = [line.split() for line in done.out.splitlines()]
    assert any(row[:2] == ["television", "tv"] or row[:2] == ["television", "telly"] for row in rows)
    assert "keep the vectors fixed" in " ".join(done.out.split())


def test_words_are_listed_up_to_the_next_option(cli, files):
    asked = ("--words", "TV", "Telly", "television", "--json", "-n", 2)
    done = cli("vectors", "drift", files / "before.bin", files / "after.txt", *asked)
    found = json.loads(done.out)
    assert [each["word"] for each in found["chosen"]] == ["tv", "telly", "television"]
    assert len(found["pairs"]) == 3
    assert (found["left_behind"], found["matters"]) == (1, True)
    assert len(found["moves"]) == 2


def test_the_data_of_training_say_what_was_trained(cli, files):
    for name, left in (("train.conll", 1), ("all.conll", 0)):
        done = cli(
            "vectors", "drift", files / "before.bin", files / "after.txt", "--trained", files / name, "--json"
        )
        assert json.loads(done.out)["left_behind"] == left


def test_a_page_is_written_in_the_language_asked_for(cli, files):
    arguments = ("--output", "drift.html", "--lang", "ko")
    done = cli("vectors", "drift", files / "before.bin", files / "after.txt", *arguments)
    assert (done.code, "page: drift.html" in done.err) == (0, True)
    assert "뒤에 남았습니다" in done.out
    assert '<html lang="ko">' in (files / "here" / "drift.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["before.bin"], "Missing argument 'AFTER'"),
        (["before.bin", "none.bin"], "there is no such file"),
        (["before.bin", "."], "no model here"),
        (["before.bin", "after.txt", "--words"], "--words needs words"),
        (
            ["before.bin", "after.txt", "--words", "wireless"],
            "there is no vector for 'wireless' both before and after",
        ),
        (["before.bin", "after.txt", "--trained", "none.conll"], "no such file"),
        (["before.bin", "after.txt", "--output", "no/drift.html"], "no/drift.html"),
    ],
)
def test_mistakes_are_named(cli, files, monkeypatch, arguments, message):
    monkeypatch.chdir(files)
    done = cli("vectors", "drift", *arguments)
    assert done.code in (1, 2)
    assert message in done.err
    assert "Traceback" not in done.err
