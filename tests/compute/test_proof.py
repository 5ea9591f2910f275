"""The numeric proof: right answers pass to the last digits, wrong ones are refused, kinks are called kinks."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.algebra.parse import formula
from chainrule.calculus.facts import Facts, read_facts
from chainrule.compute import proof
from chainrule.compute.proof import Answer, Proof, agree, prove
from chainrule.errors import ProofError, SettingError


def answers(text, wrt, change=lambda d: d, **shapes):
    read = formula(text, shapes)
    x = read.variables[wrt]
    derivative = cr.jacobian if read.result.shape else cr.gradient
    return read.result, [Answer(f"∂s/∂{wrt}", read.result, x, change(derivative(read.result, x)))]


FORMULAS = [
    ("u' * tanh(W*x + b)", "W"),
    ("logsumexp(z) - y.T @ z", "z"),
    ("0.5*norm2(X @ w - y)**2 + 0.5*lam*w.T @ w", "w"),
    ("logdet(X) + tr(inv(X))", "X"),
    ("norm2(A @ x - b)", "A"),
    ("sum(relu(W @ x) * sigmoid(x))", "W"),
    ("sum(abs(x)**3)**(1/3) + max(x)", "x"),
    ("softmax(W @ x)", "x"),
    ("X @ A @ X", "X"),
]


@pytest.mark.parametrize(("text", "wrt"), FORMULAS)
def test_right_answers_agree_to_the_last_digits(text, wrt):
    found = prove(*answers(text, wrt))
    assert found.ok and found.draws == 6 and found.error < 1e-12 and found.method == proof.COMPLEX_STEP


MISTAKES = {
    "scaled by 1.01": lambda d: 1.01 * d,
    "scaled by 1 + 1e-8": lambda d: (1 + 1e-8) * d,
    "the sign": lambda d: -d,
    "one more term": lambda d: d + 1e-6,
    "nothing": lambda d: 0 * d,
    "NaN": lambda d: d + cr.constant(np.nan),
    "another shape": cr.sum,
}


@pytest.mark.parametrize("change", MISTAKES.values(), ids=MISTAKES)
@pytest.mark.parametrize(("text", "wrt"), FORMULAS)
def test_wrong_answers_are_refused(text, wrt, change):
    with pytest.raises(ProofError, match=f"the answer found for ∂s/∂{wrt}.*defect of chainrule.*report"):
        prove(*answers(text, wrt, change))


@pytest.mark.parametrize("text", ["tr(A @ X)", "logdet(X)", "a.T @ X @ b"])
def test_a_missing_transpose_is_refused(text):
    s, [right] = answers(text, "X", X=("n", "n"))
    prove(s, [right])
    with pytest.raises(ProofError):
        prove(s, [right._replace(claimed=right.claimed.T)])


@pytest.mark.parametrize("way", ["_off_slope", "_off_sweep"])
def test_each_way_alone_notices(way, monkeypatch):
    monkeypatch.setattr(proof._Trial, way, lambda *_: 0.0)
    with pytest.raises(ProofError):
        prove(*answers("u' * tanh(W*x + b)", "W", lambda d: 1.01 * d))


def test_several_answers_are_tried_at_the_same_points_and_each_has_to_be_right():
    s, [W] = answers("u' * tanh(W*x + b)", "W")
    _, [x] = answers("u' * tanh(W*x + b)", "x")
    assert prove(s, [W, x]).ok
    with pytest.raises(ProofError, match="∂s/∂x"):
        prove(s, [W, x._replace(claimed=2 * x.claimed)])


def test_a_hessian_is_the_slope_of_the_gradient():
    read = formula("sum(log(1 + exp(X @ w)))")
    s, w = read.result, read.variables["w"]
    g, H = cr.gradient(s, w), cr.hessian(s, w)
    assert prove(s, [Answer("∂s/∂w", s, w, g), Answer("∂²s/∂w∂wᵀ", g, w, H)]).error < 1e-12
    with pytest.raises(ProofError, match="∂²s/∂w∂wᵀ"):
        prove(s, [Answer("∂²s/∂w∂wᵀ", g, w, 0.99 * H)])


def test_the_vec_layout_stacks_columns():
    A, X = cr.matrix("A", "m", "n"), cr.matrix("X", "n", "k")
    y = A @ X
    assert prove(y, [Answer("J", y, X, cr.kron(cr.eye("k"), A), vec=True)]).ok
    with pytest.raises(ProofError):
        prove(y, [Answer("J", y, X, cr.kron(A, cr.eye("k")), vec=True)])


def test_facts_say_where_an_answer_is_tried_but_its_entries_move_freely():
    read = formula("x.T @ A @ x + logdet(A)")
    s, x, A = read.result, read.variables["x"], read.variables["A"]
    facts = read_facts({"A": "positive definite"}, read.variables)
    right = [Answer("x", s, x, 2 * A @ x), Answer("A", s, A, cr.outer(x, x) + cr.inv(A))]
    assert prove(s, right, facts).error < 1e-12
    with pytest.raises(ProofError):
        prove(s, right, Facts())


def test_kinks_are_no_proof_and_no_failure():
    s, found = answers("sum(abs(A - A.T)) + tr(A)", "A")
    said = prove(s, found, Facts({found[0].x: ["symmetric"]}))
    assert not said.ok and said.kinks == 6 and "kink" in str(said)


def test_a_form_without_a_value_where_the_formula_switches_is_right_elsewhere():
    read = formula("norm2(relu(x))")
    s, x = read.result, read.variables["x"]
    h = cr.relu(x)
    said = prove(s, [Answer("g", s, x, h / cr.norm2(h))], seed=0)
    assert said.ok and said.kinks and said.error < 1e-14
    assert prove(
        cr.sum(cr.sqrt(h)), [Answer("g", cr.sum(cr.sqrt(h)), x, 0.5 * cr.cast(x > 0, float) / cr.sqrt(h))]
    ).ok


def test_no_values_are_no_proof_and_no_failure():
    said = prove(*answers("sum(log(-exp(x)))", "x"))
    assert said == Proof(0) and not said and "no values were found" in str(said)


def test_where_complex_numbers_fail_differences_judge(monkeypatch):
    monkeypatch.setattr(proof, "slope", lambda *_: [np.array(np.nan)])
    said = prove(*answers("u' * tanh(W*x + b)", "W"))
    assert said.method == proof.DIFFERENCES and said.ok
    monkeypatch.setattr(proof._Trial, "_off_sweep", lambda *_: 0.0)
    with pytest.raises(ProofError):
        prove(*answers("u' * tanh(W*x + b)", "W", lambda d: 1.01 * d))


def test_what_cancels_leaves_rounding_and_no_failure():
    read = formula("1e6*sum(softmax(z)) + 1e-9*sum(z)")
    z = read.variables["z"]
    assert prove(read.result, [Answer("g", read.result, z, 1e-9 * cr.ones("n"))]).ok


def test_answers_too_large_to_try_are_refused_with_a_repair():
    x = cr.vector("x", 10_000)
    g = cr.tanh(x)
    with pytest.raises(SettingError, match=r"too large to be tried.*as in x=n"):
        prove(cr.sum(x), [Answer("H", g, x, cr.diag(1 - g**2))])


def test_a_sweep_too_large_to_compute_leaves_the_slopes():
    x = cr.vector("x", 300)
    y = cr.tanh(cr.outer(x, x))
    said = prove(cr.sum(y), [Answer("g", cr.sum(y), x, 2 * (1 - y**2) @ x)], draws=1)
    assert said.ok


def test_float32_is_judged_in_float64():
    x = cr.vector("x", "n", dtype="float32")
    s = cr.sum(cr.exp(x))
    assert prove(s, [Answer("g", s, x, cr.exp(x))]).error < 1e-14


def test_equations_are_tried_with_variables_of_their_own():
    x, dx = cr.vector("x", "n"), cr.vector("dx", "n")
    s = cr.sum(cr.log(x))
    ratio = dx / x
    assert agree([(ratio @ x, cr.sum(dx)), (ratio, dx * x**-1)], s).error < 1e-13
    with pytest.raises(ProofError, match="the equation"):
        agree([(ratio, dx * x)], s)


def test_a_proof_says_what_was_done():
    assert (
        str(Proof(6, 3.2e-16))
        == "agrees with the complex step and an independent sweep at 6 random points, largest error 3e−16"
    )
    assert str(Proof(1, 0.0)).endswith("at 1 random point, largest error 0")
    assert str(Proof(4, 2e-10, kinks=2)).endswith("largest error 2e−10; at 2 more it has a kink")


def test_a_trial_in_which_nothing_moved_says_so():
    x = cr.vector("x", "n")
    (answer,) = [Answer("∂J/∂x", cr.sum(cr.relu(x - 100)), x, cr.gradient(cr.sum(cr.relu(x - 100)), x))]
    said = prove(answer.of, [answer])
    assert said.still == ("∂J/∂x",) and "is 0 at all of them, which proves little" in str(said)
    moving = Answer("∂J/∂x", cr.sum(cr.relu(x)), x, cr.gradient(cr.sum(cr.relu(x)), x))
    assert not prove(moving.of, [moving]).still
    nothing = Answer("∂J/∂x", cr.sum(x), x, cr.gradient(cr.sum(x), x))
    assert not prove(nothing.of, [nothing]).still
