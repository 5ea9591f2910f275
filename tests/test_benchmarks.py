"""The benchmarks run on any machine, with peers or without, and notice a system that computes something else."""

import importlib
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def benchmarks(monkeypatch):
    """A module of the benchmarks by name."""
    monkeypatch.syspath_prepend(str(ROOT))
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.fixture
def contest(benchmarks):
    """Two systems that do nothing, and what they compute."""
    c = benchmarks("contestant")

    def made(ours, peer, **more):
        entries = (
            c.Entry("ours", c.Role.OURS, "benchmarks.works.still:system", {"value": ours}),
            c.Entry("peer", c.Role.EXPERT, "benchmarks.works.still:system", {"value": peer}),
        )
        return c.Contest("still", "as it is", entries, **more)

    return made


def outcome(benchmarks, contest, **figures):
    return benchmarks("contestant").Outcome(contest, {name: list(values) for name, values in figures.items()})


def test_all_works_run_quickly_without_peers(benchmarks, tmp_path, capsys):
    written, drawn = tmp_path / "figures.json", tmp_path / "plot.svg"
    main = benchmarks("__main__").main
    assert main(["--quick", "--threads", "1", "--json", str(written), "--svg", str(drawn)]) == 0
    held = json.loads(written.read_text())
    assert held["machine"]["versions"]["numpy"] == np.__version__
    assert {c["work"] for c in held["contests"]} >= {"training step", "dense networks", "Hessians", "tagging"}
    for contest in held["contests"]:
        own = [s for s in contest["systems"].values() if s["role"] == "ours"]
        assert all(s["absent"] is None and s["quartiles"][1] >= 0 for s in own), contest["setting"]
    assert ET.fromstring(drawn.read_text()).tag.endswith("svg")
    printed = capsys.readouterr().out
    assert "✓" in printed and "✗" in printed


def test_a_system_that_computes_something_else_is_not_measured(benchmarks, contest):
    held = benchmarks("referee").hold(contest(1.0, 1.001), quick=True)
    assert list(held.figures) == ["ours"]
    assert held.faults == {"peer": "other values: the value is off by 1.0e-03"}
    assert benchmarks("referee").hold(contest(1.0, 1.001, tolerance=0.01), quick=True).faults == {}


def test_values_of_another_shape_and_no_numbers_are_other_values(benchmarks):
    distance = benchmarks("referee").distance
    assert distance([1.0, 1.0], [1.0]) == float("inf")
    assert not distance([float("nan")], [1.0]) <= 1e300
    assert distance([0.0], [0.0]) == 0


def test_systems_play_in_processes_of_their_own(benchmarks, contest, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    referee = benchmarks("referee")
    monkeypatch.setattr(referee, "ROUNDS", 5)
    monkeypatch.setattr(referee, "BLOCK", 1e-4)
    c = benchmarks("contestant")
    missing = c.Entry("absent", c.Role.EXPERT, "benchmarks.works.still:absent")
    failing = c.Entry("failing", c.Role.EXPERT, "benchmarks.works.still:system", {"value": "no number"})
    given = contest(1.0, 1.0)
    held = referee.hold(c.Contest("still", "", (*given.entries, missing, failing)))
    assert set(held.figures) == {"ours", "peer"} and len(held.figures["peer"]) == 5
    assert held.faults["absent"] == "not installed"
    assert held.faults["failing"].startswith("ValueError: could not convert string to float")


def test_ratios_are_of_figures_of_one_round(benchmarks, contest):
    judge = benchmarks("judge")
    held = outcome(benchmarks, contest(0, 0), ours=[1.0, 2.0, 4.0], peer=[3.0, None, 12.0])
    assert judge.ratio(held, "peer", "ours").median == 3.0
    assert judge.ahead(3.0)(held) == ("≥ 3× the best peer", "3.00 (3.00–3.00)× peer", True)
    assert not judge.ahead(3.1)(held).reached
    assert judge.ahead(3.0)(outcome(benchmarks, contest(0, 0), ours=[1.0])).reached is None


def test_targets_in_seconds_and_rates(benchmarks, contest):
    judge = benchmarks("judge")
    held = outcome(benchmarks, contest(0, 0, amount=1000, unit="words"), ours=[0.002], peer=[0.001])
    assert judge.rate(500_000)(held) == ("≥ 500,000 words/s", "500,000", True)
    assert judge.at_most(1, "ms", beyond="peer")(held) == ("≤ 1 ms more than peer", "1 ms", True)
    assert judge.at_most(3, "µs", each="a word")(held) == ("≤ 3 µs a word", "2 µs", True)
    assert judge.within(1.5, "peer")(held) == ("≤ 1.5× peer", "2.00 (2.00–2.00)×", False)


def test_an_unknown_work_is_answered_with_the_known_ones(benchmarks, capsys):
    with pytest.raises(SystemExit) as left:
        benchmarks("__main__").main(["--only", "nothing"])
    assert left.value.code == 2
    assert "no work is called nothing; there are step, " in capsys.readouterr().err
