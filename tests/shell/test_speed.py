"""`chainrule speed`: a table of two ways to the same gradients, on this machine."""

import json
import re

import pytest

from chainrule.compute.vectorised import Ways
from chainrule.errors import ProofError
from chainrule.shell import speed

SMALL = ("u.T @ tanh(W @ x + b)", "W=3,4", "x=4", "b=3", "u=3", "--sizes", "1,8", "--seconds", "0")


def test_the_table_of_a_formula(cli):
    done = cli("speed", *SMALL)
    assert (done.code, done.err) == (0, "")
    assert "  uᵀ tanh(W x + b)   with u: 3   W: 3×4   b: 3, and of each example x: 4\n" in done.out
    rows = re.findall(r"^ +([\d,]+)  +([\d,]+) +([\d,]+) +([\d.e+]+)×", done.out, re.MULTILINE)
    assert [row[0] for row in rows] == ["1", "8"]
    for _, looped, batched, ratio in rows:
        told, made = float(ratio), int(batched.replace(",", "")) / int(looped.replace(",", ""))
        assert told == pytest.approx(made, rel=0.02)
    assert "all ways give the same numbers · a batch of 8" in done.out


def test_figures_as_json(cli, monkeypatch):
    monkeypatch.setattr(speed, "has_numba", lambda: False)
    done = cli("speed", *SMALL, "--over", "x,u", "--json")
    found = json.loads(done.out)
    assert found["formula"] == "uᵀ tanh(W x + b)" and found["over"] == ["x", "u"]
    assert [record["size"] for record in found["speed"]] == [1, 8]
    assert found["speed"][0].keys() == {"size", "numpy"}
    pace = found["speed"][1]["numpy"]
    assert pace["ratio"] == pytest.approx(pace["batched"] / pace["looped"]) and pace["looped"] > 0


def test_without_a_formula_it_is_the_lectures_network(cli):
    done = cli("speed", "--sizes", "2", "--seconds", "0")
    assert done.code == 0 and "W: 100×250   b: 100, and of each example x: 250" in done.out


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("w.T @ x",), "a time needs numbers; write w=100"),
        (
            ("w.T @ x", "w=3", "x=3", "--over", "xs"),
            "--over xs: the formula has no such variable; did you mean x?",
        ),
        (("w.T @ x", "w=3", "x=3", "--over", ""), "nothing differs from example to example"),
        (("--sizes", "0"), "write numbers from 1 on"),
        (("--sizes", "many"), "write numbers from 1 on"),
    ],
)
def test_what_is_wrongly_asked(cli, asked, said):
    done = cli("speed", *asked)
    assert done.code == 2 and said in done.err and not done.out


def test_other_numbers_are_no_answer(monkeypatch):
    wrong = {"numpy": Ways(lambda values: [values["x"]], lambda values: [values["x"] + 1e-6])}
    with pytest.raises(ProofError, match="a loop and a batch of 3 give other numbers"):
        speed._measured(wrong, {"x": speed.np.ones(3)}, 3, 0)
