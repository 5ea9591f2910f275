"""`chainrule derive`: the command lines of people who differentiate, what they read, and what they are told."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from clock import process_cost

from chainrule.calculus import answer
from chainrule.display import deriving

NETWORK = "z1 = W1@x + b1; h1 = tanh(z1); z2 = W2@h1 + b2; h2 = tanh(z2); s = U.T@h2"
PROVED = re.compile(
    r"agrees with the complex step and an independent sweep at 6 random points, largest error [\d]e−1\d"
)


def test_all_variables_at_once_and_shapes_after_the_option_or_bare(cli):
    done = cli("derive", "u' * tanh(W*x + b)", "--shape", "W=n,m", "x=m", "b=n", "u=n")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        """
  J = uᵀ tanh(W x + b)      W: n×m   x: m   b: n   u: n   J: scalar

  with   z = W x + b        n   pre-activation
         h = tanh(z)        n   activation
         δ = u ⊙ (1 - h²)   n   error signal at z

  ∂J/∂W = δ xᵀ   n×m
  ∂J/∂x = Wᵀ δ   m
  ∂J/∂b = δ      n
  ∂J/∂u = h      n

"""
        + f"  {PROVED.search(done.out)[0]}\n\n"
    )
    assert cli("derive", "u' * tanh(W*x + b)", "W=n,m", "x=m", "b=n", "u=n").out == done.out
    assert (
        cli("derive", "u' * tanh(W*x + b)", *(f"--shape={s}" for s in ("W=n,m", "x=m", "b=n", "u=n"))).out
        == done.out
    )


def test_a_shape_is_read_as_it_is_printed(cli):
    printed = cli("derive", "c*W@x", "W=n×m", "x=m", "c=scalar").out
    assert "W: n×m   x: m   c: scalar" in printed
    assert cli("derive", "c*W@x", "W=n,m", "x=m", "c=").out == printed


def test_steps_in_latex_and_nothing_else_on_standard_output(cli):
    done = cli("derive", "u.T @ tanh(W @ x + b)", "--wrt", "W", "--steps", "--latex")
    assert done.code == 0 and done.out.isascii()
    assert done.out.startswith("\\[\n\\begin{aligned}") and done.out.endswith("\\end{aligned}\n\\]\n")
    assert r"\mathrm{d} h &= (1 - h^{2}) \odot \mathrm{d} z" in done.out
    assert r"\frac{\partial J}{\partial W} &= \delta x^{\top}" in done.out
    assert PROVED.search(done.err) and "agrees" not in done.out


def test_the_recursion_of_the_notes(cli):
    out = cli("derive", NETWORK).out
    for line in ("δ2 = U ⊙ (1 - h2²) ", "∂s/∂W1 = δ1 xᵀ ", "∂s/∂x  = W1ᵀ δ1 ", "∂s/∂b1 = δ1 ", "∂s/∂W2 = δ2 h1ᵀ "):
        assert line in out
    assert "U is read as a vector" in out and PROVED.search(out)


def test_a_hessian(cli):
    done = cli("derive", "sum(log(1 + exp(-y*(X @ w)))) + 0.5*lam*w.T @ w", "--wrt", "w", "--hessian")
    assert done.code == 0 and "∂²J/∂w∂wᵀ = " in done.out and "λ" in done.out and PROVED.search(done.out)


def test_a_fact(cli):
    done = cli("derive", "logsumexp(z) - y.T @ z", "--wrt", "z", "--fact", "y: sums to one")
    assert re.search(r"∂J/∂z = (p|softmax\(z\)) - y", done.out) and "facts used: none" in done.out
    used = cli("derive", "-y.T @ log_softmax(z)", "--wrt", "z", "--fact", "y: sums to one")
    assert "facts used: y sums to one" in used.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tanh(W @ x)", "--wrt", "x"], "f has shape n: Jacobians"),
        (["A @ X @ B", "--wrt", "X", "--vec"], "∂vec(f)/∂vec(X) = Bᵀ ⊗ A"),
        (["u.T @ tanh(W @ x)", "--wrt", "u,x", "--hessian"], "∂²J/∂u∂xᵀ"),
        (["u.T @ tanh(W @ x)", "--wrt", "u", "--wrt", "x", "--hessian"], "∂²J/∂u∂xᵀ"),
        (["0.5*norm2(X @ w - y)**2", "--wrt", "w", "--solve"], "a minimum"),
        (["W*x", "--syntax", "matlab"], "f = W x "),
        (["sum(abs(x))"], "not differentiable at 0"),
        (["norm2(x)"], "not differentiable at x = 0"),
        (["X**2", "X=n,n", "--jacobian"], "matpow(X,2) for the matrix square"),
        (["tanh(W @ x)", "--wrt", "W"], "3rd-order tensor n×n×m"),
        (["손실 = sum(tanh(가중치@입력))", "가중치=n,m", "입력=m"], "∂손실/∂가중치"),
        (["sum(log(-exp(x)))"], "not proved: no values were found"),
    ],
)
def test_what_else_is_answered(cli, arguments, said):
    done = cli("derive", *arguments)
    assert (done.code, done.err) == (0, "") and said in done.out


@pytest.mark.parametrize("steps", [["--steps"], ["--steps=2"], ["--steps", "2"]])
def test_steps_may_be_asked_for_in_any_place(cli, steps):
    out = cli("derive", *steps, "u.T @ tanh(W @ x + b)", "--wrt", "W").out
    assert "put 2 in 1" in out and "aᵀ M b = ⟨a bᵀ, M⟩" in out and "tip: δ xᵀ and not x δᵀ" in out
    assert cli("derive", "u.T @ tanh(W @ x + b)", "--wrt", "W", *steps).out == out


def test_steps_come_in_three_levels(cli):
    lengths = [len(cli("derive", "u.T @ tanh(W @ x + b)", "--wrt", "W", f"--steps={k}").out) for k in (1, 2, 3)]
    assert lengths == sorted(set(lengths))


def test_python_can_be_sent_to_a_file_and_run(shell, tmp_path):
    done = shell("derive", "u' * tanh(W*x + b)", "--shape", "W=n,m", "x=m", "b=n", "u=n", "--python")
    names: dict = {}
    exec(done.out, names)
    W, x, b, u = np.ones((3, 2)), np.ones(2), np.zeros(3), np.arange(3.0)
    delta = u * (1 - np.tanh(2.0) ** 2)
    for got, wanted in zip(names["gradient"](W, x, b, u), (np.outer(delta, x), W.T @ delta), strict=False):
        np.testing.assert_allclose(got, wanted)


def test_json_holds_all_of_it(cli):
    found = json.loads(cli("derive", NETWORK, "--json", "--steps", "--wrt", "W1").out)
    assert [d["name"] for d in found["defined"]] == ["z1", "h1", "z2", "h2", "s"]
    assert found["results"][0]["value"] == "δ1 xᵀ" and found["steps"][0]["of"] == "∂s/∂W1"
    assert found["proof"]["draws"] == 6 and len(found["proof"]["sizes"]) == 3


def test_mathml_is_one_line_of_markup(cli):
    out = cli("derive", "x.T @ x", "--mathml").out
    assert out.startswith("<math ") and out.endswith("</math>\n") and out.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["2x + b"], 2, "2x needs a sign; write 2*x"),
        (["x.T @ x", "--wrt", "y"], 2, "the formula has no 'y' to differentiate by"),
        (["x.T @ x", "x"], 2, "a shape is written NAME=AXES"),
        (["x.T @ y", "x=n", "y=m"], 2, "the inner axes n and m differ"),
        (["x.T @ x", "--fact", "x positive"], 2, "write NAME: FACT"),
        (["x.T @ x", "--fact", ":"], 2, "':': write NAME: FACT"),
        (["x.T @ x", "--fact", "x: even"], 2, "'even' is no fact about x"),
        (["x.T @ x", "--jacobian", "--hessian"], 2, "--jacobian and --hessian exclude each other; choose one"),
        (["x.T @ x", "--latex", "--json", "--mathml"], 2, "--latex and --mathml and --json exclude each other"),
        (["x.T @ x", "--shape", "y=n"], 2, "a shape is given of y, which the formula does not have: it has x\n"),
        (["W @ x", "w=n,m"], 2, "w is but is not used; did you mean w?"),
        (["h = W@x; sum(h)", "h=n"], 2, "h is defined by the formula, which gives it its shape"),
        (["x.T @ x", "x=n", "--shape", "x=m"], 2, "x is given two shapes, x=m and x=n"),
        (["x.T @ x", "--shap", "x=n"], 2, "Did you mean '--shape'?"),
        (["x.T @ x", "--nonsense"], 2, "No such option '--nonsense'.\n"),
        (["tanh(x)", "--hessian"], 2, "a Hessian is of a scalar"),
        (["x.T @ x", "--steps=4"], 2, "4"),
        (["x.T @ x", "--shape", "x=1000000000000"], 2, "too large to be tried"),
        (["sum(tanh(x))", "--solve"], 2, "there is no closed form"),
        (["1 + 1"], 2, "has no variables to differentiate by"),
        (["(" * 100_000 + "x"], 2, "100,000 are the most"),
        (["x**9999999"], 2, "64 is the most"),
    ],
)
def test_mistakes_are_sentences(cli, arguments, code, message):
    done = cli("derive", *arguments)
    assert (done.code, done.out) == (code, "") and message in done.err
    assert "Traceback" not in done.err


def test_a_wrong_answer_is_a_failure_of_ours(cli, monkeypatch):
    right = answer.named
    for module in (answer, deriving):
        monkeypatch.setattr(module, "named", lambda results, *more: right([-r for r in results], *more))
    done = cli("derive", "x.T @ A @ x")
    assert (done.code, done.out) == (1, "") and "This is a defect of chainrule" in done.err


def test_a_terminal_is_told_what_else_there_is():
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    run = subprocess.Popen([sys.executable, "-m", "chainrule", "derive", "x.T @ x"], stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 1 << 16)
        except OSError:  # Linux says so when the other end is closed
            break
        if not piece:
            break
        shown += piece
    assert run.wait(30) == 0 and "print as: --latex" in shown.decode() and b"\x1b" not in shown


def test_what_is_not_needed_is_not_loaded():
    code = (
        "import sys\nfrom chainrule.shell.derive import command\n"
        "command.main(['u.T @ tanh(W @ x + b)'], standalone_mode=False)\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'rich', 'safetensors', 'numba', 'scipy', 'hypothesis'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")


def test_an_answer_from_a_cold_start_comes_at_once():
    assert process_cost(["-m", "chainrule", "derive", "u' * tanh(W*x + b)"]) < 15
