"""`chainrule train` leaves report.html beside the model, whatever becomes of the run."""

import json
import re
from pathlib import Path

import pytest

from chainrule.ner import Tagger, feeds
from chainrule.ner.folder import REPORT

QUICK = ["--epochs", "2", "--hidden", "10", "--dimension", "12"]


def written(folder):
    return (Path(folder) / REPORT).read_text(encoding="utf-8")


def test_training_leaves_a_report_in_the_language_asked_for(cli, data):
    done = cli("train", data / "train.conll", "--out", "m", "--lang", "ko", *QUICK)
    assert done.code == 0 and f"  report: m/{REPORT}" in done.err.splitlines()
    text = written("m")
    assert '<html lang="ko">' in text and "<title>훈련 보고서 – m</title>" in text
    assert len(re.findall(r'<tr data-epoch="\d"', text)) == 2
    assert Tagger.load("m").labels  # the report is no part of the model
    Tagger.load("m").save("m")  # nor in its way
    again = cli("train", data / "train.conll", "--out", "m", *QUICK)
    assert again.code == 0 and '<html lang="en">' in written("m")


def test_a_language_without_words_is_refused(cli, data):
    done = cli("train", data / "train.conll", "--lang", "fr", *QUICK)
    assert done.code == 2 and "'fr' is not one of 'en', 'ko'" in done.err


def test_a_run_that_is_stopped_has_a_report_of_what_there_is(cli, data, monkeypatch):
    monkeypatch.setattr("chainrule.shell.train.stopping", Stopped)
    done = cli("train", data / "train.conll", "--out", "m", *QUICK)
    assert done.code == 130
    text = written("m")
    assert "The run was stopped before its end." in text


class Stopped:
    """Ctrl-C was pressed at once."""

    def __init__(self, begun):
        pass

    def __enter__(self):
        return [2]

    def __exit__(self, *error):
        return None


def test_a_run_that_blows_up_after_a_good_epoch_still_has_its_report(cli, data, monkeypatch):
    feed, calls = feeds.Feed.__call__, iter(range(10**6))

    def poisoned(self, examples, rng):
        values = feed(self, examples, rng)
        bad = next(calls) > 11 and len(examples) > 1
        return {n: v * float("nan") if bad and n == "mask_x" else v for n, v in values.items()}

    monkeypatch.setattr(feeds.Feed, "__call__", poisoned)
    done = cli("train", data / "train.conll", "--out", "m", "--epochs", "3", "--hidden", "10", "--dimension", "12")
    assert done.code == 1 and "epoch 2" in done.err and "are kept" in done.err
    assert re.findall(r'<tr data-epoch="(\d)"', written("m")) == ["1"]


@pytest.mark.parametrize("rename", [[], ["--rename", "PER=LOC", "--rename", "ORG=O"]])
def test_evaluation_writes_its_mistakes_as_a_page(cli, data, model, rename):
    test = data / "train.conll"
    done = cli("evaluate", model, test, *rename, "--report", "mistakes.html", "--lang", "ko")
    assert done.code == 0 and "  report: mistakes.html" in done.err
    text = Path("mistakes.html").read_text(encoding="utf-8")
    assert "<title>평가 보고서 – en, train.conll</title>" in text
    figures = json.loads(cli("evaluate", model, test, *rename, "--json").out)
    tiles = re.findall(r'<div class="card tile ">.*?<b>([\d.]+)</b>', text)
    shares = [figures[name] for name in ("f1", "precision", "recall", "accuracy")]
    assert tiles == [f"{100 * share:.1f}" for share in shares]
    assert ("✗ PER → LOC" in text) == bool(rename)
