"""Data sets of Hugging Face, loaded by its own code from small files here."""

import json
import logging
from pathlib import Path

import pytest

from chainrule import DataError
from chainrule.ner import read_any
from chainrule.ner.formats import read_parts
from chainrule.ports import datasets as port
from chainrule.ports.datasets import asked, parts
from chainrule.shell.main import main
from chainrule.shell.train import _named

library = pytest.importorskip("datasets", reason='no datasets: pip install "chainrule[hf]"')
ROWS = [
    {"id": "0", "tokens": ["Ann", "Lee", "ran"], "pos_tags": [1, 1, 2], "ner_tags": [1, 2, 0]},
    {"id": "1", "tokens": ["Paris", "sleeps"], "pos_tags": [1, 2], "ner_tags": [3, 0]},
]
NAMES = ["O", "B-PER", "I-PER", "B-LOC"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """No net, and a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(library.config, "HF_HUB_OFFLINE", True)
    logging.getLogger("fsspec").setLevel(logging.WARNING)


@pytest.fixture
def folder(tmp_path):
    """A data set of Parquet files with tags that are numbers, as `push_to_hub` writes them."""
    kinds = library.Features(
        {
            "id": library.Value("string"),
            "tokens": library.Sequence(library.Value("string")),
            "pos_tags": library.Sequence(library.Value("int64")),
            "ner_tags": library.Sequence(library.ClassLabel(names=NAMES)),
        }
    )
    (tmp_path / "named").mkdir()
    for split, rows in (("train", ROWS), ("validation", ROWS[1:]), ("test", ROWS[:1])):
        library.Dataset.from_list(rows, features=kinds).to_parquet(tmp_path / "named" / f"{split}.parquet")
    return "hf:./named"


def test_tokens_and_numbers_are_found_and_named(folder):
    corpus = read_any(folder)
    assert [s[:2] for s in corpus.sentences] == [
        (["Ann", "Lee", "ran"], ["B-PER", "I-PER", "O"]),
        (["Paris", "sleeps"], ["B-LOC", "O"]),
    ]
    assert "hf: its name begins with hf:" in corpus.notes


def test_a_split_is_taken_by_its_name(folder):
    assert [s.tokens[0] for s in read_any(f"{folder}#validation").sentences] == ["Paris"]
    assert [s.tokens[0] for s in read_any(f"{folder}#train[1:]").sentences] == ["Paris"]


def test_the_parts_of_a_data_set_have_the_names_of_splits(folder):
    assert parts(folder) == {
        "train": f"{folder}#train",
        "dev": f"{folder}#validation",
        "test": f"{folder}#test",
    }
    assert parts(f"{folder}#test") == {"train": f"{folder}#test"}


def test_training_takes_the_parts_that_there_are(folder, monkeypatch, capsys):
    with pytest.raises(SystemExit) as left:
        main(["train", folder, "--epochs", "1", "--json", "--out", "run"])
    assert left.value.code in (0, None)
    figures = json.loads(capsys.readouterr().out)
    assert figures["test"]["gold"] == 1
    assert json.loads(Path("run/config.json").read_text())["training"]["data"] == "named#train"
    parts = read_parts(folder)
    assert {part: corpus.entities for part, corpus in parts.items()} == {"train": 2, "dev": 1, "test": 1}
    assert list(read_parts(f"{folder}#test")) == ["train"]


def test_a_run_is_called_after_its_data(folder, monkeypatch):
    names = [
        _named(Path(name)) for name in ("hf:a/b", "hf:wnut_17", "hf:x:en#test", "dir/eng.train", "hf:./named")
    ]
    assert names == ["b", "wnut_17", "x-en-test", "eng", "named"]


@pytest.mark.parametrize(
    "row",
    [
        {"words": ["Ann", "ran"], "tags": ["B-PER", "O"]},
        {"tokens": ["Ann", "ran"], "ner": ["PER", "O"]},
        {"text": "Ann ran", "entities": [{"start": 0, "end": 3, "label": "PER"}]},
        {"text": "Ann ran", "spans": [{"start": 0, "end": 3, "label": "PER"}], "other": 1.5},
    ],
)
def test_files_of_json_are_a_data_set_too(row, tmp_path):
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "train.jsonl").write_text(json.dumps(row) + "\n")
    (sentence,) = read_any("hf:./json").sentences
    assert sentence.tokens == ["Ann", "ran"] and sentence.tags == ["B-PER", "O"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hf:./named#dev", 'cannot be loaded (Unknown split "dev"'),
        ("hf:./nowhere", "cannot be loaded ("),
        ("hf:nobody/nothing", "cannot be loaded ("),
        ("hf:", "is no name of a data set; write hf:NAME"),
        ("hf:a@", "is no name of a data set"),
    ],
)
def test_what_is_not_there_is_one_sentence(folder, name, message):
    with pytest.raises(DataError) as raised:
        read_any(name)
    assert str(raised.value).startswith(f"{name}: {message}") and "\n" not in str(raised.value)


def test_a_data_set_without_train_asks_for_a_split(tmp_path):
    (tmp_path / "two").mkdir()
    for split in ("validation", "test"):
        library.Dataset.from_list([{"text": "a"}]).to_parquet(tmp_path / "two" / f"{split}.parquet")
    with pytest.raises(
        DataError, match=r"has the splits validation, test, and no train; name one, as in hf:./two#v"
    ):
        read_any("hf:./two")


def test_the_parts_of_a_name():
    assert asked("hf:user/name") == ("user/name", None, None, None)
    assert asked("hf:wikiann:en#test") == ("wikiann", "en", None, "test")
    assert asked("hf:a/b:c@refs/convert/parquet#train[:9]") == ("a/b", "c", "refs/convert/parquet", "train[:9]")


def test_a_data_set_that_is_a_script_is_taken_as_the_hub_converted_it(monkeypatch):
    seen = []

    def load(path, revision=None, **rest):
        seen.append(revision)
        if revision in (None, "main"):
            raise RuntimeError("Dataset scripts are no longer supported, but found old.py")
        return library.Dataset.from_list([{"tokens": ["Ann"], "ner_tags": ["B-PER"]}])

    monkeypatch.setattr(library, "load_dataset", load)
    assert read_any("hf:old").sentences[0].tags == ["B-PER"]
    assert seen == [None, port.CONVERTED]
    with pytest.raises(DataError, match="Dataset scripts are no longer"):
        read_any("hf:old@main")


def test_nothing_is_said_while_it_is_loaded(folder, capfd):
    read_any(folder)
    assert capfd.readouterr() == ("", "")
    assert not library.utils.are_progress_bars_disabled()
