"""Lists of names and paths of words on the command line."""

import json

import pytest


@pytest.fixture
def files(data, tmp_path):
    here = tmp_path / "here"
    here.mkdir(exist_ok=True)
    (here / "cities.txt").write_text("Berlin\nNew York\nParis\n")
    (here / "people.txt").write_text("Helen Marsh\n")
    (here / "paths").write_text("0010\tHelen\t9\n0011\tParis\t8\n01\tin\t7\n")
    return data


def test_lists_are_trained_with_and_swapped(cli, files, tmp_path):
    train = ["train", files / "train.conll", "--dev", files / "dev.conll", "--epochs", 2, "--hidden", 5, "-q"]
    done = cli(
        *train, "--gazetteer", "cities.txt", "--gazetteer", "PER=people.txt", "--brown", "paths", "--out", "m"
    )
    assert done.code == 0, done.err
    described = json.loads((tmp_path / "here" / "m" / "config.json").read_text())
    features = described["architecture"]["features"].split(",")
    assert features == ["gazetteer_cities", "gazetteer_PER", "brown4", "brown6", "brown10", "brown20"]
    assert described["training"]["names in cities"] == 3
    plain = cli("tag", "m", "Helen Marsh is in Berlin")
    same = cli("tag", "m", "Helen Marsh is in Berlin", "--gazetteer", "cities.txt")
    assert plain.code == same.code == 0 and plain.out == same.out
    other = cli("tag", "m", "Helen Marsh is in Berlin", "--gazetteer", "cities=people.txt")
    assert other.code == 0
    reasons = cli("explain", "m", "Berlin", "--token", 0, "--format", "json", "--gazetteer", "cities=people.txt")
    assert reasons.code == 0 and '"gazetteer_cities"' in reasons.out, reasons.err
    judged = cli("evaluate", "m", files / "dev.conll", "--gazetteer", "PER=cities.txt")
    assert judged.code == 0, judged.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--gazetteer", "cities.txt", "--gazetteer", "cities.txt"],
            "two lists are called cities; write NAME=FILE",
        ),
        (["--gazetteer", "none.txt"], "none.txt: there is no such file"),
        (["--gazetteer", "a b=cities.txt"], "a list of names cannot be called 'a b'"),
        (
            ["--brown", "cities.txt"],
            "cities.txt:1: 'Berlin' has no three columns; write a path, a word and its",
        ),
        (
            ["--features", "brown4"],
            "feature brown4: paths of words are read from a file; give one (--brown FILE)",
        ),
    ],
)
def test_what_is_wrong_is_said(cli, files, arguments, words):
    done = cli("train", files / "train.conll", *arguments, "--epochs", 1, "-q", "--out", "m")
    assert done.code == 2 and words in done.err and "Traceback" not in done.err
