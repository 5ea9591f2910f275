"""`chainrule merge` from the command line."""

import json

from chainrule.ner import sample, write_conll

QUICK = ("--epochs", "1", "--hidden", "4", "--dimension", "4", "--quiet")


def test_two_models_become_one(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parts = sample("en")
    write_conll("train.conll", parts.train.sentences[:60])
    write_conll("dev.conll", parts.dev.sentences)
    for seed in ("1", "2"):
        assert (
            cli("train", "train.conll", "--dev", "dev.conll", "--seed", seed, "--out", f"m{seed}", *QUICK).code
            == 0
        )
    done = cli("merge", "m1", "m2", "--dev", "dev.conll", "--out", "both")
    assert done.code == 0 and "8 hidden units" in done.err and "dev" in done.out
    assert json.loads((tmp_path / "both" / "config.json").read_text())["architecture"]["hidden"] == 8
    assert cli("tag", "both", "Anna in Paris", "--format", "jsonl").code == 0


def test_one_model_and_none_are_refused(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_conll("train.conll", sample("en").train.sentences[:30])
    cli("train", "train.conll", "--out", "m", *QUICK)
    done = cli("merge", "m", "--out", "both")
    assert done.code == 2 and "two or more" in done.err and not (tmp_path / "both").exists()
    assert cli("merge", "m", "gone", "--out", "both").code == 2
    assert cli("merge", "--out", "both").code == 2
