"""`chainrule train --from`, `evaluate --case` and `--before`: what is printed, written and refused."""

import json

import pytest
from labelled import only

from chainrule.ner import Tagger, sample
from chainrule.ner.corpus import write_conll
from chainrule.ner.folder import REPORT

QUICK = ["--epochs", "2", "--backend", "numpy"]
PARTS = sample("en")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model of PER and LOC, its data, and data that has ORG."""
    folder = tmp_path_factory.mktemp("continue")
    for name, corpus in {
        "old": only(PARTS.train, "PER", "LOC", stop=60),
        "new": only(PARTS.train, "ORG", start=60, stop=120),
        "old-test": only(PARTS.dev, "PER", "LOC"),
        "new-test": only(PARTS.dev, "ORG"),
        "both": only(PARTS.dev, "PER", "LOC", "ORG"),
    }.items():
        write_conll(folder / f"{name}.conll", corpus.sentences)
    settings = {"hidden": 8, "dimension": 8, "epochs": 6, "learning_rate": 0.2, "dropout": 0.0, "backend": "numpy"}
    Tagger.train(folder / "old.conll", folder / "old-test.conll", out=folder / "model", **settings)
    return folder


def test_training_on_prints_what_came_and_went_and_writes_it_into_the_report(cli, files):
    done = cli(
        "train", files / "new.conll", "--from", files / "model", "--rehearse", files / "old.conll",
        "--test", files / "new-test.conll", "--old-test", files / "old-test.conll", "--out", "next", *QUICK,
    )  # fmt: skip
    assert done.code == 0, done.err
    lines = [line.split() for line in done.out.splitlines() if line.strip()]
    heads = [line for line in lines if line[-1] == "forgotten"]
    assert heads == [
        ["test", "gold", "before", "after", "change", "gained", "forgotten"],
        ["old", "test", "gold", "before", "after", "change", "gained", "forgotten"],
    ]
    assert [line[:2] for line in lines if line[0] in ("LOC", "ORG", "PER")] == [
        ["ORG", lines[2][1]], ["LOC", "*"], ["PER", "*"], ["LOC", lines[9][1]], ["PER", lines[10][1]],
    ]  # fmt: skip
    assert f"from {files / 'model'}\n" in done.err
    assert "\nnew labels: ORG\n" in done.err and "\nrehearsal: " in done.err


def test_figures_as_json_have_the_names(cli, files):
    done = cli(
        "train", files / "new.conll", "--from", files / "model", "--dev", files / "both.conll", "--json",
        "--rehearse", files / "old.conll", "--out", "next", *QUICK,
    )  # fmt: skip
    changes = json.loads(done.out)["changes"]
    assert list(changes) == ["dev", "old"]
    assert list(changes["dev"]["by_label"]) == ["LOC", "ORG", "PER"] and changes["dev"]["not_tagged"] == {}
    found = changes["old"]["by_label"]["PER"]
    assert found["before"]["correct"] + len(found["gained"]) - len(found["forgotten"]) == found["after"]["correct"]
    for name in changes["old"]["all"]["forgotten"]:
        assert name.keys() == {"line", "label", "text", "now"}
        tokens = (files / "old.conll").read_text().splitlines()[name["line"] - 1].split("\t")
        assert name["text"].split(" ")[0] == tokens[0] and tokens[1] == f"B-{name['label']}"


def test_the_report_shows_what_was_forgotten_in_both_languages(cli, files, tmp_path):
    cli("train", files / "new.conll", "--from", files / "model", "--missing-labels", "outside", "--out",
        tmp_path / "m", "--old-test", files / "old-test.conll", "--epochs", "12", "--backend", "numpy",
        "--schedule", "constant", "-q")  # fmt: skip
    page = (tmp_path / "m" / REPORT).read_text()
    for said in (
        "Before and after – old test",
        "이전과 이후 – 이전 테스트",
        "Forgotten: right before, not now",
        "In other letters",
    ):
        assert said in page
    plain = cli("train", files / "old.conll", "--out", tmp_path / "p", "-q", *QUICK)
    assert plain.code == 0
    assert "Before and after" not in (tmp_path / "p" / REPORT).read_text()


def test_models_are_compared_on_any_data(cli, files):
    done = cli("evaluate", files / "model", files / "both.conll", "--before", files / "model")
    table = done.out.splitlines()
    head = next(k for k, line in enumerate(table) if "forgotten" in line)
    assert [line.split()[0] for line in table[head + 2 : head + 6]] == ["LOC", "ORG", "PER", "all"]
    assert all(line.split()[-3:] == ["+0.0", "0", "0"] for line in table[head + 2 : head + 6])
    found = json.loads(
        cli("evaluate", files / "model", files / "both.conll", "--before", files / "model", "--json").out
    )
    assert found["changes"]["all"]["after"]["f1"] == found["f1"]


def test_evaluate_judges_copies_in_other_letters(cli, files):
    done = cli("evaluate", files / "model", files / "old-test.conll", "--case")
    rows = [line.split() for line in done.out.splitlines()]
    assert [row[0] for row in rows if row and row[0] in ("lower", "upper", "title")] == ["lower", "upper", "title"]
    found = json.loads(cli("evaluate", files / "model", files / "old-test.conll", "--case", "--json").out)
    assert found["cases"]["as it is"]["f1"] == found["f1"]
    assert found["cases"]["lower"]["f1"] < found["f1"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--rehearse", "old.conll"],
            "--rehearse and --old-test are for training that goes on; give the model with --from",
        ),
        (
            ["--old-test", "old.conll"],
            "--rehearse and --old-test are for training that goes on; give the model with --from",
        ),
        (["--from", "nowhere"], "nowhere: no model here"),
        (["--from", "model", "--hidden", "9"], "hidden is 9, but 8 in the model that training begins from"),
        (["--augment", "lower:2"], "share of lower is 2.0; it must be"),
        (["--from", "model", "--dev", "date.conll"], "label DATE is not in the training data (LOC, ORG, PER)"),
    ],
)
def test_what_cannot_be_is_refused(cli, files, arguments, said):
    write_conll(files / "date.conll", only(PARTS.dev, "DATE").sentences)
    paths = [files / a if (files / a).exists() else a for a in arguments]
    done = cli("train", files / "new.conll", *paths, *QUICK)
    assert done.code == 2 and said in done.err and "Traceback" not in done.err


def test_a_rate_is_found_for_training_on(cli, files):
    done = cli("train", files / "new.conll", "--from", files / "model", "--find-rate", *QUICK)
    assert done.code == 0 and "try --learning-rate" in done.out
