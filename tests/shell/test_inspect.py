"""`chainrule inspect`: the sections for people, and JSON that says the same with every place."""

import json

import pytest

from chainrule.ner import sample
from chainrule.ner.corpus import write_conll

TEXT = """\
Jordan	B-PER
met	O
Ada	B-PER
Brown	I-PER

Jordan	B-LOC
is	O
far	O
e\u0301	O

Jordan	B-LOC
is	O
near	I-LOC

Jordan	O
is	O
far	O
e\u0301	O
"""


@pytest.fixture
def small(tmp_path):
    (tmp_path / "small.conll").write_text(TEXT, encoding="utf-8")
    return tmp_path / "small.conll"


def test_facts_are_told_in_sections(cli, small):
    done = cli("inspect", small, "--no-folds")
    assert done.code == 0
    assert done.err == ""
    for words in (
        "  small.conll\n",
        "IOB2",
        "PER         2",
        "sentences have 3 to 4 tokens (small.conll:1)",
        "1 transition that IOB2 does not allow\n    small.conll:13   O I-LOC",
        "2 tokens not in normal form C   small.conll:9, :18",
        "1 sentence more than once, 1 of them tagged differently\n    small.conll:6, :15",
        "1 string with several labels\n    Jordan  LOC 2 · PER 1 · O 1  small.conll:15",
    ):
        assert words in done.out
    assert "suspicious" not in done.out
    assert "\n\n\n" not in done.out


def test_json_has_every_place_and_stable_keys(cli, small):
    found = json.loads(cli("inspect", small, "--no-folds", "--format", "json").out)
    assert list(found) == [
        *("file", "notes", "scheme", "unit", "documents", "sentences", "tokens", "names", "labels", "lengths"),
        *("copies", "illegal", "odd", "several_labels", "partly_labelled", "unknown", "overlap", "suspicious"),
    ]
    assert (found["sentences"], found["tokens"], found["names"], found["scheme"]) == (4, 15, 5, "IOB2")
    assert found["several_labels"][0]["places"] == {
        "LOC": [f"{small}:6", f"{small}:11"],
        "PER": [f"{small}:1"],
        "O": [f"{small}:15"],
    }
    assert found["suspicious"] is found["overlap"] is None


def test_other_data_vectors_and_a_model_are_compared_with(cli, small, data, model, tmp_path):
    (tmp_path / "v.txt").write_text("3 2\njordan 1 0\nis 0 1\nmet 1 1\n", encoding="utf-8")
    done = cli(
        "inspect", small, "--against", data / "train.conll", "--vectors", tmp_path / "v.txt", "--model", model
    )
    assert done.code == 0
    for words in (
        "unknown to the other data: ",
        "unknown to the vectors: ",
        "unknown to the model: ",
        "% are new",
    ):
        assert words in done.out
    assert "judged by the model; F1 " in done.out
    same = cli("inspect", data / "dev.conll", "--against", data / "train.conll", "--no-folds", "--format", "json")
    overlap = json.loads(same.out)["overlap"]
    assert (overlap["same"], overlap["new"], len(overlap["sentences"])) == (1, 0, 10)


def test_suspicious_labels_are_listed_in_context(cli, data):
    done = cli("inspect", data / "train.conll", "--folds", "2", "--top", "3")
    assert done.code == 0
    assert "training on all but part 2 of 2" in done.err
    section = done.out[done.out.index("suspicious labels: 3 of ") :].strip().splitlines()
    assert "(2 parts, each judged by the rest; F1 " in section[0]
    assert len(section) == 4
    for line in section[1:]:
        assert line.startswith("    train.conll:")
        assert "→" in line
        assert "[" in line
    figures = cli("inspect", data / "train.conll", "--folds", "2", "--top", "1", "--format", "json")
    listed = json.loads(figures.out)["suspicious"]
    assert (listed["by"], listed["folds"], len(listed["labels"])) == ("folds", 2, 1)
    first = listed["labels"][0]
    line = int(first["place"].rpartition(":")[2])
    tokens = (data / "train.conll").read_text(encoding="utf-8").splitlines()[line - 1].split("\t")
    assert tokens[0] == first["sentence"][first["start"]]


def test_other_formats_are_read(cli, tmp_path):
    record = {"text": "Ada lives in Paris.", "label": [[0, 3, "PER"], [13, 18, "LOC"]]}
    (tmp_path / "d.jsonl").write_text(f"{json.dumps(record)}\n" * 2, encoding="utf-8")
    found = json.loads(cli("inspect", tmp_path / "d.jsonl", "--no-folds", "--format", "json").out)
    assert [label["label"] for label in found["labels"]] == ["LOC", "PER"]
    assert found["copies"] == [
        {"places": [f"{tmp_path / 'd.jsonl'}:1", f"{tmp_path / 'd.jsonl'}:2"], "alike": True}
    ]


def test_data_without_names_trains_nothing(cli, tmp_path):
    sentences = [s._replace(tags=["O"] * len(s.tokens)) for s in sample("en").train.sentences[:3]]
    write_conll(tmp_path / "none.conll", sentences)
    done = cli("inspect", tmp_path / "none.conll")
    assert (done.code, done.err) == (0, "")
    assert "no names" in done.out


def test_what_cannot_be_inspected_is_refused_in_a_line(cli, tmp_path, small):
    assert cli("inspect", tmp_path / "missing.conll").code == 2
    done = cli("inspect", small, "--folds", "9")
    assert done.code == 2
    assert "number of folds is 9; it must be a whole number at least 2 and below 4" in done.err
    assert cli("inspect", small, "--folds", "1").code == 2
