"""`chainrule check`: formulas proved by numbers, and gradients made by hand."""

import json
import re

import pytest

from chainrule.shell.main import main

NETWORK = "h = tanh(W@x); s = u.T@h"


def run(*arguments):
    with pytest.raises(SystemExit) as left:
        main(["check", *arguments])
    return left.value.code


def test_all_gradients_of_a_formula_agree(capsys):
    assert run("u' * tanh(W*x + b)", "W=n,m", "x=m", "b=n", "u=n") == 0
    assert run("u' * tanh(W*x + b)", "--shape", "W=n,m", "--shape", "x=m", "b=n", "u=n") == 0
    out = capsys.readouterr().out
    assert "uᵀ tanh(W x + b)" in out and "W: n×m" in out and "4 of 4 agree" in out


def test_a_right_claim_agrees_and_may_use_what_the_formula_defines(capsys):
    assert run(NETWORK, "--claim", "W: outer(u * (1 - h**2), x)") == 0
    assert "WRONG" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("claim", "cause"),
    [
        ("W: outer(x, u * (1 - h**2))", "a missing transpose"),
        ("W: 2 * outer(u * (1 - h**2), x)", "a factor 2"),
        ("W: -outer(u * (1 - h**2), x)", "the sign"),
    ],
)
def test_a_wrong_claim_is_named_with_its_likely_cause(claim, cause, capsys):
    assert run(NETWORK, "W=n,n", "--claim", claim) == 1
    out = capsys.readouterr().out
    assert "WRONG" in out and cause in out


def test_a_wrong_claim_is_underlined_and_mended(capsys):
    assert (
        run("z = W@x + b; h = tanh(z); s = u.T@h", "--claim", "W: u * (1 - h) @ x.T", "--claim", "x: W.T @ delta")
        == 1
    )
    out = capsys.readouterr().out
    assert "  claim   ∂s/∂W = u * (1 - h) @ x.T\n                      ^^^^^^^\n" in out
    assert "  wrong: the derivative of tanh through its output is 1 - h**2, not 1 - h\n" in out
    assert "  right: outer(u * (1 - h**2), x)          (verified at 6 points)\n" in out
    assert "right: equal to Wᵀ δ with δ = u ⊙ (1 - h²)" in out and "1 of 2 claims WRONG" in out
    assert "4 of 4 agree" in out  # the gradients themselves are proved above the claims


def test_a_claim_that_rests_on_a_fact_is_right_once_the_fact_is_stated(capsys):
    claim = ("--claim", "x: 2 * A @ x")
    assert run("x.T @ A @ x", *claim) == 1
    out = capsys.readouterr().out
    assert "right if A is symmetric; in general it is (A + Aᵀ) x" in out
    assert "0 of 1 claim right, each of the others under a fact; state it with --fact" in out
    assert run("x.T @ A @ x", *claim, "--fact", "A: symmetric") == 0
    assert "as A is symmetric" in capsys.readouterr().out


def test_a_claim_is_judged_at_the_values_of_a_file(tmp_path, capsys):
    (tmp_path / "v.json").write_text(json.dumps({"y": [0, 1, 0], "z": [1, 2, 4]}))
    at = ("--at", str(tmp_path / "v.json"))
    assert run("-y.T @ log(softmax(z))", *at, "--claim", "z: softmax(z) - y") == 0
    assert "(verified at 1 point)" in capsys.readouterr().out
    assert run("-y.T @ log(softmax(z))", *at, "--claim", "z: softmax(z) + y") == 1
    assert "the sign of y" in capsys.readouterr().out


def test_values_may_come_from_a_file_and_a_kink_is_no_error(tmp_path, capsys):
    (tmp_path / "v.json").write_text(json.dumps({"x": [1, 2, 3]}))
    assert run("sum(relu(x - 2))", "--at", str(tmp_path / "v.json")) == 0
    assert "kink" in capsys.readouterr().out


def test_values_are_drawn_where_the_formula_is_defined(capsys):
    assert run("sum(log(x)) + logdet(A @ A.T)") == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["2x"], "2x needs a sign; write 2*x"),
        (["tanh(W@x)"], "check takes a scalar"),
        (["x.T@y", "x=n", "y=m"], "the inner axes n and m differ"),
        (["x.T@y", "x"], "a shape is written NAME=AXES"),
        (["x.T@y", "x=n m"], "axes are separated by commas, as in x=n,m"),
        (["x.T@y", "--claim", "x = y"], "write NAME: FORMULA"),
        (["x.T@y", "--claim", "z: y"], "a gradient is claimed for z"),
        (["x.T@y", "--claim", "x: q"], "q stands for nothing: the formula has x, y; define it"),
        (["x.T@y", "--claim", "x: y", "--fact", "q: positive"], "a fact is stated of 'q'"),
        (["x.T@y", "--at", "/nowhere.json"], "/nowhere.json: cannot be read"),
    ],
)
def test_mistakes_are_sentences(arguments, message, capsys):
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "[1, 2]", "{", '{"x": NaN'])
def test_a_broken_file_of_values_is_refused(tmp_path, text, capsys):
    (tmp_path / "v.json").write_text(text)
    assert run("x.T@y", "--at", str(tmp_path / "v.json")) == 2
    assert "v.json: " in capsys.readouterr().err


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"x": [[1, 2], [3]]}', "x has rows of unequal length"),
        ('{"x": ' + DEEP + "}", "too deeply"),
        ('{"x": ' + DEEP[99_800:100_200] + "}", "x ha|x ho"),
        ('{"x": [1, NaN]}', r"x\[1\] is nan"),
        ('{"x": [Infinity, 1]}', r"x\[0\] is inf"),
        ('{"x": [1, 1e400]}', r"x\[1\] is inf"),
        ('{"lam": NaN}', "lam is nan"),
        ('{"x": [1, 1' + "0" * 400 + "]}", "too large"),
        ('{"x": ["one"]}', "no number"),
        ('{"x": {"y": 1}}', "no number"),
        ('{"x": null}', "no number"),
        ('{"x": [1], "x": [2]}', "values for x twice"),
        ('{"lam": 1, "λ": 2}', "values for lam twice"),
        ('{"X": [1]}', "has values for X, and the formula has lam, x"),
        ('{"lamb": 1}', "did you mean lam?"),
    ],
)
def test_values_that_cannot_be_used_are_refused(tmp_path, text, message, capsys):
    (tmp_path / "v.json").write_text(text)
    assert run("lam*x.T@x", "--at", str(tmp_path / "v.json")) == 2
    error = capsys.readouterr().err
    assert re.search("^error: .*v.json: .*(" + message + ")", error) and len(error.splitlines()) == 1


def test_values_may_be_given_by_greek_names(tmp_path, capsys):
    (tmp_path / "v.json").write_text('{"λ": 2, "x": [1, 2]}')
    claims = ("--claim", "x: 4*x", "--claim", "lam: 5")  # right at these values alone
    assert run("lam*x.T@x", "--at", str(tmp_path / "v.json"), *claims) == 0
    assert run("lam*x.T@x", *claims) == 1


def test_a_letter_that_meets_only_numbers_is_one_as_in_derive(capsys):
    loss = "-(y*log(sigmoid(w.T@x)) + (1-y)*log(1-sigmoid(w.T@x)))"
    assert run(loss, "--claim", "w: (p - y)*x") == 0
    assert "note: y is read as a number" in capsys.readouterr().out


def test_a_point_without_a_value_proves_nothing(tmp_path, capsys):
    (tmp_path / "v.json").write_text('{"x": [1, -1]}')
    at = ("--at", str(tmp_path / "v.json"))
    assert run("sum(log(x))", *at) == 1
    out = capsys.readouterr().out
    assert "x[0]: the formula has no finite value here" in out and "WRONG" not in out
    assert run("sum(log(x))", *at, "--claim", "x: 1/x") == 2
    assert "has no finite value at the values given" in capsys.readouterr().err
