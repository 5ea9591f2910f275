"""The comparison of taggers: what is trained on what, by whom, kept where, and how it is written down."""

import importlib
import json
import os
from itertools import pairwise, product
from pathlib import Path
from types import SimpleNamespace

import pytest

from chainrule.ner import sample

ROOT = Path(__file__).parents[1]
TINY = "Ann B-PER\nlives O\nin O\nRome B-LOC\n\nPaul I-PER\n sleeps O\n"


@pytest.fixture
def part(monkeypatch):
    """A module of the comparison by name."""
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    return lambda name: importlib.import_module(f"benchmarks.ner.{name}")


@pytest.fixture
def measured(part, tmp_path):
    """Records of two systems, as if they had been trained, and the data."""
    data = part("data").data_named("sample", None)
    results = part("results").Results(tmp_path / "kept")
    for name, seeds, test in (("crfsuite", (1,), 60.0), ("best", (1,), 70.0), ("best", (2,), 74.0)):
        record = {
            "dev": 1.0,
            "test": test,
            "seconds": 2.0,
            "wall": 9.0,
            "size": 1.5,
            "loading": 0.25,
            "memory": 50.0,
        }
        results.keep(record, *part("run").Turn(data, name, seeds).key)
    return SimpleNamespace(data=data, results=results)


def test_the_sample_is_measured_once_and_then_known(part, tmp_path, capsys, monkeypatch):
    main, written = part("__main__").main, tmp_path / "figures.json"
    asked = [
        "--quick",
        "--only",
        "default",
        "crfsuite",
        "--folder",
        str(tmp_path / "kept"),
        "--json",
        str(written),
    ]
    assert main(asked) == 0
    (row,) = json.loads(written.read_text())["data"]["sample"]
    assert row["name"] == "default" and row["absent"] == "" and row["speed"] > 0
    assert 0 < row["figures"]["test"][0] <= 100 and row["figures"]["memory"][0] > 10
    first = capsys.readouterr().out
    monkeypatch.setattr(part("run"), "asked", lambda *_: pytest.fail("it was measured already"))
    assert main(asked) == 0
    assert capsys.readouterr().out == first


def test_what_has_no_seed_and_what_is_a_mean_is_trained_once(part):
    data = SimpleNamespace(characters=False)
    found = [
        (t.name, t.seeds) for t in part("run").turns(data, ["crfsuite", "best", "merged", "student-11"], [1, 2])
    ]
    assert found == [("crfsuite", (1,)), ("best", (1,)), ("best", (2,)), ("merged", (1, 2))]
    characters = {
        t.name for t in part("run").turns(SimpleNamespace(characters=True), ["spacy", "student-11"], [1])
    }
    assert characters == {"student-11"}


def test_a_library_that_is_not_there_is_a_sentence(part):
    learning = {"function": "benchmarks.ner.nobody:learn", "options": {}, "data": None, "seed": 1, "folder": "."}
    assert part("run").asked("learn", learning) == {"absent": "not installed: benchmarks.ner.nobody"}
    tagging = {"function": "benchmarks.ner.ours:tagging", "folder": "nowhere", "parts": {}}
    assert part("run").asked("tag", tagging)["absent"].startswith("ModelError: nowhere")


def test_data_of_the_user_are_settled(part, tmp_path):
    (tmp_path / "a").write_text(TINY.replace(" ", "\t").replace("\tsleeps", ""), encoding="utf-8")
    data = part("data").data_named("mine=" + ",".join(3 * [str(tmp_path / "a")]), tmp_path / "vectors")
    assert [s.tokens for s in data.parts.dev.sentences] == [["Ann", "lives", "in", "Rome"], ["Paul", "_"]]
    assert [s.tags for s in data.parts.test.sentences] == [["B-PER", "O", "O", "B-LOC"], ["B-PER", "O"]]
    assert data.title == "mine" and data.vectors == tmp_path / "vectors"
    korean = part("data")._settled(sample("ko").dev)
    assert part("data").Data("ko", "ko", part("data").Parts(korean, korean, korean), None).characters


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("mine=one,two", "give three files"),
        ("mine=a,b,c", "a: is not here"),
        ("conll", "is not known; there are wnut, btc"),
    ],
)
def test_data_that_are_not_here_are_passed_over_with_a_sentence(part, tmp_path, capsys, asked, said):
    assert part("__main__").main(["--data", asked, "--folder", str(tmp_path)]) == 0
    assert said in capsys.readouterr().err


def test_the_tables(part, measured):
    run, table = part("run"), part("table")
    chosen = ["crfsuite", "best", "spacy"]
    records = {}
    for turn in run.turns(measured.data, chosen, [1, 2]):
        found = measured.results.find(*turn.key) or {"absent": "not installed: spacy"}
        records.setdefault(turn.name, []).append(found)
    rows = [table.row(name, found, {"best": 1234567.8}.get(name)) for name, found in records.items()]
    text = "\n".join(table.table([(measured.data, rows)]))
    assert "72.0 ± 2.8" in text and "1,234,568" in text and "spaCy ner + vectors: not installed: spacy" in text
    lines = list(table.markdown([(measured.data, rows)]))
    assert lines[2:5] == [
        "| CRFsuite, tutorial features | 60.0 |",
        "| **chainrule**, `--recipe best` | 72.0 ± 2.8 |",
        "| spaCy `ner` + vectors | – |",
    ]
    assert lines[-1] == "| **chainrule**, `--recipe best` | 2 s | 1,234,568 | 0.25 s | 1.5 MiB | 50 MiB |"


def test_a_mean_needs_its_members(part, measured):
    run = part("run")
    (mean,) = run.turns(measured.data, ["merged"], [1, 3])
    assert run.trained(mean, measured.results, {}) == {"absent": "needs `best` with two seeds or more"}


def test_records_outlive_the_process(part, measured):
    run = part("run")
    again = part("results").Results(measured.results.folder)
    turn = run.Turn(measured.data, "crfsuite", (1,))
    assert run.trained(turn, again, {})["test"] == 60.0
    again.forget(turn.key)
    assert again.find(*turn.key) is None


def test_the_curve_says_when_it_was_good(part):
    curve = part("curve")
    points = [
        {"wall": 9.0 * k, "seconds": 3.0 * k, "dev": f} for k, f in enumerate((50.0, 66.4, 66.5, 70.0, 69.0), 1)
    ]
    assert curve.reached(points, 0.95) == 3
    lines = list(
        curve.told("best", {"points": points, "seconds": 15.0, "wall": 45.0, "test": 61.0}, 0.95, "seconds")
    )
    assert lines[4].endswith("66.5  ◂ 95% of the best")
    assert lines[-2:] == [
        "  ✓ 95% of the best dev F1 after 9.0 s; wanted: within 120 s",
        "  the whole run: 15.0 s, test F1 61.0",
    ]


def test_the_curve_of_a_run(part):
    found = part("curve").points(part("data").data_named("sample", None), epochs=2, hidden=8, backend="numpy")
    first, second = found["points"]
    assert 0 < first["seconds"] < second["seconds"] <= found["seconds"]
    assert 0 < second["dev"] <= 100 and 0 < found["test"] <= 100


def test_corpora_are_joined_under_common_labels(part, monkeypatch):
    data = part("data")
    if not data.SHARED.exists():
        pytest.skip(f"{data.SHARED} is not here")
    found = data.english()
    assert found.train.labels == found.dev.labels == found.test.labels == ("LOC", "ORG", "PER")
    assert [part.tokens for part in found] == [99_933 + 62_730 + 39_007, 15_027 + 15_733, 35_428 + 23_394]
    assert found.train.counts["PER"] == 4084 + 660 + 934


def test_the_chain_of_the_peer_is_right(part):
    """Its sum over paths and its best path against all paths of short sentences."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    chain = part("bilstm_crf").Chain(3)
    lengths, scores = torch.tensor([4, 2]), torch.randn(2, 4, 3)
    y = torch.tensor([[0, 2, 1, 1], [2, 0, 0, 0]])

    def worth(k, path):
        inner = sum(chain.move[a, b] for a, b in pairwise(path))
        return (
            chain.start[path[0]] + chain.end[path[-1]] + inner + sum(scores[k, t, c] for t, c in enumerate(path))
        )

    losses = []
    for k, n in enumerate(lengths.tolist()):
        paths = list(product(range(3), repeat=n))
        worths = torch.stack([worth(k, path) for path in paths])
        losses.append(torch.logsumexp(worths, 0) - worth(k, y[k, :n].tolist()))
        assert chain.best(scores, lengths)[k] == list(paths[int(worths.argmax())])
    assert torch.allclose(chain.loss(scores, y, lengths), torch.stack(losses).mean(), atol=1e-5)
