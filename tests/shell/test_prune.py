"""`chainrule prune`: the folder, the tables, JSON, and what it refuses."""

import json

from chainrule.ner import Tagger, read_corpus
from chainrule.ner.prune import folder_size
from chainrule.ner.vocab import normalise


def test_a_smaller_model_is_written_and_told_about(cli, model, data):
    done = cli("prune", model, "--out", "small", "--words", 30, "--data", data / "dev.conll")
    assert done.code == 0
    small = Tagger.load("small")
    assert (len(small.vocabulary), small.config.bits) == (32, 16)
    rows = [line.split("  ") for line in done.out.splitlines()]
    table = {cells[1].strip(): [c.strip() for c in cells[2:] if c.strip()] for cells in rows if len(cells) > 2}
    assert table["words"][1] == "30"
    assert table["bits of tables"] == ["32", "16"]
    assert table["F1"][0] == "100.00"
    assert "change of a probability" in done.out
    assert 'try: chainrule tag small "' in done.err


def test_figures_as_json_are_pairs(cli, model, data):
    done = cli("prune", model, "--out", "small", "--size", "9 KB", "--data", data / "dev.conll", "--json")
    figures = json.loads(done.out)
    assert figures["bytes"] == [folder_size(model), folder_size("small")]
    assert figures["bytes"][1] <= 9000
    assert figures["words"] == [len(Tagger.load(f).vocabulary) - 2 for f in (model, "small")]
    assert figures["data"][str(data / "dev.conll")]["f1"][0] == 1
    assert done.err == ""


def test_words_of_data_stay_and_those_of_test_data_may_go(cli, model, data):
    """Twenty words are fewer than the data has: all of them are its own, or they are the first of the model."""
    for option in ("--data", "--test"):
        assert cli("prune", model, "--out", option[2:], "--words", 20, option, data / "dev.conll").code == 0
    kept, first = (Tagger.load(folder).vocabulary.words[2:] for folder in ("data", "test"))
    words = {normalise(token) for s in read_corpus(data / "dev.conll").sentences for token in s.tokens}
    assert first == Tagger.load(model).vocabulary.words[2:22]
    assert not {*first} <= words
    assert {*kept} <= words


def test_a_model_that_fits_keeps_its_words_by_default(cli, model):
    assert cli("prune", model, "--out", "small").code == 0
    assert Tagger.load("small").vocabulary == Tagger.load(model).vocabulary


def test_wrong_usage_is_refused_in_a_line(cli, model):
    for arguments, said in {
        ("--size", "tiny"): "'tiny' is no size; write it as in 15MB, 800KB or 2MiB",
        ("--size", "0MB"): "is no size",
        ("--size", "1MB", "--words", "3"): "give --words or --size, not both",
        ("--size", "100B"): "without any word the model takes",
        ("--words", "-1"): "-1",
        ("--bits", "8"): "'8' is not one of",
    }.items():
        done = cli("prune", model, "--out", "small", *arguments)
        assert done.code == 2
        assert said in done.err
    assert "is MODEL itself" in cli("prune", model, "--out", model).err
    assert "no model here" in cli("prune", "nothing", "--out", "small").err
    assert "--out" in cli("prune", model).err
