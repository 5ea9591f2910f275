"""Training that is killed at any moment, however it is set, goes on to the same model, byte for byte."""

import json
import subprocess
import sys

import kill_work
import pytest

from chainrule.ner.objectives import OBJECTIVES

MANY = 30  # of each case


def killed(case, kills, seed, folder):
    done = subprocess.run(
        [sys.executable, kill_work.__file__, case, str(kills), str(seed), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert "error" not in found, done.stderr
    return found


def test_every_objective_is_killed():
    assert {kill_work.settings(case).get("objective", "softmax") for case in kill_work.CASES} == set(OBJECTIVES)


@pytest.mark.parametrize("case", kill_work.CASES)
def test_a_run_that_is_killed_gives_the_same_model(case, tmp_path):
    assert killed(case, 1, 0, tmp_path)["same"] == [True]


@pytest.mark.slow
@pytest.mark.parametrize("case", kill_work.CASES)
def test_a_run_that_is_killed_often_gives_the_same_model(case, tmp_path):
    found = killed(case, MANY, 1, tmp_path)
    assert found["same"] == [True] * MANY
    assert found["killed"] >= MANY and found["resumed"] >= MANY // 2
