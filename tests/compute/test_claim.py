"""Gradients made by hand: right, right under a fact, or wrong, and then the place, the mistake and the repair."""

import numpy as np
import pytest
from clock import timed

import chainrule as cr
from chainrule.algebra.parse import formula
from chainrule.calculus.facts import read_facts
from chainrule.compute.claim import judge

TANH = "z = W@x + b; h = tanh(z); s = u.T@h"
SIGMOID = "h = sigmoid(W@x + b); s = u.T@h"
RELU = "z = W@x + b; s = u.T@relu(z)"
DEEP = "z1 = W1@x + b1; h1 = tanh(z1); z2 = W2@h1 + b2; h2 = tanh(z2); s = u.T@h2"
MATLAB = "z = W*x + b; h = tanh(z); s = u'*h"
BATCH = "Z = X@W + b; H = tanh(Z); s = sum(G*H)"
RIDGE = "0.5*norm2(X @ w - y)**2 + 0.5*lam*norm2(w)**2"
MEAN = "mean((X @ w - y)**2)"
QUADRATIC = "x.T @ A @ x"
ENTROPY = "-y.T @ log(softmax(z))"
LOGISTIC = "sum(log(1 + exp(-y*(X @ w)))) + 0.5*lam*w.T @ w"
ATTENTION = "p = softmax(K @ x); s = u.T @ (V.T @ p)"

SHAPES = {
    "x.T @ A @ B @ x": {"A": ("n", "n"), "B": ("n", "n")},
    BATCH: {"X": ("N", "n"), "W": ("n", "k"), "b": ("k",), "G": ("N", "k")},
    RIDGE: {"X": ("N", "n"), "lam": ()},
    MEAN: {"X": ("N", "n")},
    LOGISTIC: {"X": ("N", "n"), "lam": ()},
}


def asked(text):
    return formula(text, SHAPES.get(text, {}))


def judged(text, claim, **more):
    (found,) = judge(asked(text), claim, **more)
    return found


RIGHT = [
    (TANH, "W: outer(u * (1 - h**2), x)"),
    (TANH, "W: u * (1 - h**2) @ x.T"),
    (TANH, "delta = u * (1 - h**2); W: delta @ x.T"),
    (TANH, "W: δ xᵀ"),
    (TANH, "x: Wᵀ (u ⊙ (1 − h²))"),
    (TANH, "x: W.T @ (u - u*h*h)"),
    (TANH, "h: u"),
    (TANH, "z: delta"),
    (SIGMOID, "b: u * h * (1 - h)"),
    (RELU, "W: outer(u * (z > 0), x)"),
    (DEEP, "W1: outer(W2.T @ delta2 * (1 - h1**2), x)"),
    (DEEP, "d2 = u * (1 - h2**2); d1 = (W2.T @ d2) * (1 - h1**2); W1: d1 @ x.T"),
    (MATLAB, "W: (u .* (1 - h.^2)) * x'"),
    (MATLAB, "x: W' * (u .* (1 - h.^2))"),
    (BATCH, "b: sum(G * (1 - H**2), axis=0)"),
    (BATCH, "W: X.T @ delta"),
    (RIDGE, "w: X.T @ (X @ w - y) + lam * w"),
    (RIDGE, "w: (X.T @ X + lam * eye(n)) @ w - X.T @ y"),
    (MEAN, "w: 2/N * X.T @ (X @ w - y)"),
    (QUADRATIC, "x: (A + A.T) @ x"),
    (QUADRATIC, "A: x @ x.T"),
    (ENTROPY, "z: sum(y) * softmax(z) - y"),
    ("logdet(X)", "X: inv(X).T"),
    (LOGISTIC, "w: lam * w - X.T @ (y * sigmoid(-y * (X @ w)))"),
    (ATTENTION, "g = V @ u; x: K.T @ (p * (g - p.T @ g))"),
]


@pytest.mark.parametrize(("text", "claim"), RIGHT)
def test_a_right_claim_is_right_in_whatever_form(text, claim):
    found = judged(text, claim)
    assert found.ok and bool(found) and found.verdict == "right"
    assert found.where is None and not found.repair and "right: equal to" in str(found)


WRONG = [
    # the derivative of the activation
    (
        TANH,
        "W: u * (1 - h) @ x.T",
        "(1 - h)",
        "the derivative of tanh through its output is 1 - h**2, not 1 - h",
        "outer(u * (1 - h**2), x)",
    ),
    (TANH, "b: u * h", "h", "the derivative of tanh through its output is 1 - h**2, not h", "u * (1 - h**2)"),
    (TANH, "b: u * (1 - z**2)", "(1 - z**2)", "not 1 - z**2", "u * (1 - h**2)"),
    (TANH, "b: u*h*(1 - h)", "h*(1 - h)", "is 1 - h**2", "u * (1 - h**2)"),
    (TANH, "x: W.T @ u", "u", "the derivative of tanh is missing: 1 - h**2", "W.T @ (u * (1 - h**2))"),
    (TANH, "b: u ⊙ (1 − h)", "(1 − h)", "is 1 - h²", "u ⊙ (1 - h²)"),
    (
        SIGMOID,
        "b: u * h",
        "h",
        "the derivative of sigmoid through its output is h * (1 - h), not h",
        "u * (h * (1 - h))",
    ),
    (SIGMOID, "b: u * (1 - h)", "(1 - h)", "is h * (1 - h), not 1 - h", "u * (h * (1 - h))"),
    (SIGMOID, "b: u * (1 - h**2)", "(1 - h**2)", "not 1 - h**2", "u * (h * (1 - h))"),
    (
        RELU,
        "b: u * relu(z)",
        "relu(z)",
        "the derivative of relu through its input is z > 0, not relu(z)",
        "u * (z > 0)",
    ),
    (RELU, "b: u * (z < 0)", "(z < 0)", "is z > 0, not z < 0", "u * (z > 0)"),
    (RELU, "W: outer(u, x)", "u", "the derivative of relu is missing: z > 0", "outer(u * (z > 0), x)"),
    # transposes, and the order of factors
    (TANH, "x: W @ (u * (1 - h**2))", "W", "a missing transpose: W.T, not W", "W.T @ (u * (1 - h**2))"),
    (
        DEEP,
        "W1: outer(W2 @ delta2 * (1 - h1**2), x)",
        "W2",
        "a missing transpose: W2.T, not W2",
        "outer(W2.T @ delta2 * (1 - h1**2), x)",
    ),
    (MATLAB, "x: W * (u .* (1 - h.^2))", "W", "a missing transpose: W', not W", "W' * (u .* (1 - h.^2))"),
    (RIDGE, "w: X @ (X @ w - y) + lam*w", "X", "a missing transpose: X.T, not X", "X.T @ (X @ w - y) + lam*w"),
    (BATCH, "X: delta @ W", "W", "a missing transpose: W.T, not W", "delta @ W.T"),
    (QUADRATIC, "x: A @ x + A @ x", "A", "a missing transpose: A.T, not A", "A.T @ x + A @ x"),
    ("c.T @ (A @ x)", "x: A.T.T @ c", "A.T.T", "a transpose too many: A.T, not A.T.T", "A.T @ c"),
    (
        TANH,
        "W: x @ delta.T",
        "x @ delta.T",
        "the outer product is turned round (a missing transpose)",
        "outer(delta, x)",
    ),
    (MATLAB, "W: x * delta'", "x * delta'", "the outer product is turned round", "delta * x'"),
    (BATCH, "W: delta @ X", "delta @ X", "the factors stand in the wrong order: X.T @ delta", "X.T @ delta"),
    # ⊙, the matrix product, the outer product
    (TANH, "x: W.T * delta", "*", "a matrix product belongs here, not entry by entry", "W.T @ delta"),
    (MATLAB, "x: W' .* delta", ".*", "a matrix product belongs here", "W' * delta"),
    (TANH, "W: delta * x", "*", "an outer product belongs here, not entry by entry", "outer(delta, x)"),
    (TANH, "b: u @ (1 - h**2)", "@", "⊙, the product entry by entry, belongs here", "u * (1 - h**2)"),
    (RIDGE, "w: X.T @ (X @ w - y) + lam @ w", "@", "a number scales", "X.T @ (X @ w - y) + lam * w"),
    (BATCH, "W: X.T * delta", "*", "a matrix product belongs here", "X.T @ delta"),
    # signs, factors, terms
    (
        RIDGE,
        "w: X.T @ (y - X @ w) + lam*w",
        "(y - X @ w)",
        "the sign: X @ w - y, not y - X @ w",
        "X.T @ (X @ w - y) + lam*w",
    ),
    (RIDGE, "w: X.T @ (X @ w - y) - lam*w", "- lam*w", "the sign of lam*w", "X.T @ (X @ w - y) + lam*w"),
    (RIDGE, "w: X.T @ (X @ w - y) + 2*lam*w", "2", "a factor 2 too many", "X.T @ (X @ w - y) + lam*w"),
    (RIDGE, "w: X.T @ (X @ w - y)", "", "a term is missing: + lam * w", "X.T @ (X @ w - y) + lam * w"),
    (
        RIDGE,
        "w: X.T @ (X @ w - y) + lam*w + w",
        "+ w",
        "the term w does not belong here",
        "X.T @ (X @ w - y) + lam*w",
    ),
    (RIDGE, "w: X.T @ (X @ w) + lam*w", "", "a term is missing: − X.T @ y", "X.T @ (X @ w) + lam*w - X.T @ y"),
    (RIDGE, "w: X.T @ X @ w - y + lam*w", "y", "a factor X.T is missing", "X.T @ X @ w - X.T @ y + lam*w"),
    (MEAN, "w: X.T @ (X @ w - y) / N", "X.T @ (X @ w - y) / N", "a missing factor 2", "2 * X.T @ (X @ w - y) / N"),
    (
        MEAN,
        "w: 2 * X.T @ (X @ w - y)",
        "2 * X.T @ (X @ w - y)",
        "a missing factor 1/N",
        "2 * X.T @ (X @ w - y) / N",
    ),
    (QUADRATIC, "x: A @ x", "", "a term is missing: + A.T @ x", "A @ x + A.T @ x"),
    (
        "logsumexp(z) - y.T @ z",
        "z: y - softmax(z)",
        "y - softmax(z)",
        "the sign: softmax(z) - y",
        "softmax(z) - y",
    ),
    ("logsumexp(z) - y.T @ z", "z: softmax(z) + y", "+ y", "the sign of y", "softmax(z) - y"),
    (
        LOGISTIC,
        "w: lam*w - X.T @ (y*sigmoid(y*(X @ w)))",
        "sigmoid(y*(X @ w))",
        "the sign inside sigmoid",
        "lam*w - X.T @ (y*sigmoid(-y*(X @ w)))",
    ),
    # batches
    (
        BATCH,
        "b: G * (1 - H**2)",
        "G * (1 - H**2)",
        "a sum over the batch is missing",
        "sum(G * (1 - H**2), axis=0)",
    ),
    (
        BATCH,
        "b: sum(G * (1 - H**2), axis=1)",
        "sum(G * (1 - H**2), axis=1)",
        "the sum is over another axis",
        "sum(G * (1 - H**2), axis=0)",
    ),
    (
        BATCH,
        "b: mean(G * (1 - H**2), axis=0)",
        "mean",
        "sum belongs here, not mean",
        "sum(G * (1 - H**2), axis=0)",
    ),
    (BATCH, "b: delta", "delta", "a sum over the batch is missing: sum(delta, axis=0)", "sum(delta, axis=0)"),
    # inverses, determinants, norms, softmax
    ("logdet(X)", "X: inv(X)", "inv(X)", "a missing transpose: inv(X).T, not inv(X)", "inv(X).T"),
    ("logdet(X)", "X: X.T", "X.T", "a missing inverse", "inv(X.T)"),
    ("logdet(X)", "X: X", "X", "a missing transposed inverse: inv(X).T, not X", "inv(X).T"),
    (
        "a.T @ inv(X) @ b",
        "X: outer(inv(X).T @ a, inv(X) @ b)",
        "outer(inv(X).T @ a, inv(X) @ b)",
        "the sign of",
        "-outer(inv(X).T @ a, inv(X) @ b)",
    ),
    ("det(X)", "X: inv(X).T", "inv(X).T", "a missing factor det(X)", "det(X) * inv(X).T"),
    (
        "norm2(A @ x - b)",
        "x: A.T @ (A @ x - b)",
        "A.T @ (A @ x - b)",
        "a missing factor 1/norm2(A @ x - b)",
        "A.T @ (A @ x - b) / norm2(A @ x - b)",
    ),
    (
        ATTENTION,
        "x: K.T @ ((V @ u) * p * (1 - p))",
        "((V @ u) * p * (1 - p))",
        "softmax mixes the entries",
        "K.T @ (p * ((V @ u) - p.T @ (V @ u)))",
    ),
    # names
    (DEEP, "W2: outer(delta2, x)", "x", "h1 belongs here, not x", "outer(delta2, h1)"),
    (
        DEEP,
        "W1: outer(W2.T @ delta2 * (1 - h2**2), x)",
        "h2",
        "h1 belongs here, not h2",
        "outer(W2.T @ delta2 * (1 - h1**2), x)",
    ),
    # the claim's own lines
    (
        TANH,
        "delta = u * (1 - h); W: outer(delta, x)",
        "(1 - h)",
        "the derivative of tanh",
        "delta = u * (1 - h**2); outer(delta, x)",
    ),
    (
        RIDGE,
        "r = y - X @ w; w: X.T @ r + lam*w",
        "y - X @ w",
        "the sign: X @ w - y",
        "r = X @ w - y; X.T @ r + lam*w",
    ),
    # parts of the formula that have no name
    ("u.T @ (g * (x - mean(x)))", "g: u * x", "x", "x - mean(x) belongs here, not x", "u * (x - mean(x))"),
    (
        "norm2(A @ x - b)",
        "x: 2 * A.T @ (A @ x - b)",
        "2 * A.T @ (A @ x - b)",
        "a missing factor 0.5/norm2(A @ x - b)",
        "A.T @ (A @ x - b) / norm2(A @ x - b)",
    ),
    # sizes
    ("sum(W@x)", "x: W.T @ ones(m)", "ones(m)", "ones(n) belongs here, not ones(m)", "W.T @ ones(n)"),
    ("sum(W@x)", "W: outer(ones(m), x)", "ones(m)", "ones(n) belongs here", "outer(ones(n), x)"),
    # several mistakes at once
    ("sum(W@x)", "x: W @ ones(m)", "W", "transpose: W.T, not W; and ones(n) belongs here", "W.T @ ones(n)"),
    (
        TANH,
        "x: W @ (u * h)",
        "W",
        "and the derivative of tanh through its output is 1 - h**2, not h",
        "W.T @ (u * (1 - h**2))",
    ),
    (RIDGE, "w: X @ (X @ w - y) + 2*lam*w", "X", "and a factor 2 too many", "X.T @ (X @ w - y) + lam*w"),
    (
        RIDGE,
        "w: X.T @ X @ w + X.T @ y - lam*w",
        "+ X.T @ y",
        "the sign of X.T @ y; and the sign of lam*w",
        "X.T @ X @ w - X.T @ y + lam*w",
    ),
    (
        RIDGE,
        "w: X.T @ (X @ w + y) - lam*w",
        "+ y",
        "the sign of y; and the sign of lam*w",
        "X.T @ (X @ w - y) + lam*w",
    ),
]


@pytest.mark.parametrize(("text", "claim", "place", "reason", "repair"), WRONG)
def test_a_wrong_claim_is_underlined_explained_and_mended(text, claim, place, reason, repair):
    found = judged(text, claim)
    assert (found.verdict, found.where.text) == ("wrong", place)
    assert found.text[found.where.start : found.where.end] == place
    assert reason in found.reason and found.repair == repair
    assert judged(
        text,
        f"{claim.partition(':')[0].rpartition(';')[2]}: {repair}" if ";" not in repair else again(claim, repair),
    ).ok


def again(claim, repair):
    """The repair of a claim of several lines, with its label put back."""
    lines, last = repair.rsplit("; ", 1)
    return f"{lines}; {claim.partition(':')[0].rpartition(';')[2].strip()}: {last}"


CONDITIONAL = [
    (QUADRATIC, "x: 2 * A @ x", "right if A is symmetric"),
    ("tr(B @ X @ X.T)", "X: 2 * B @ X", "right if B is symmetric"),
    ("x.T @ A @ B @ x", "x: (A @ B + B @ A) @ x", "right if A is symmetric and B is symmetric"),
    (
        "-0.5*y.T @ inv(K) @ y - 0.5*logdet(K)",
        "a = inv(K) @ y; K: 0.5*(outer(a, a) - inv(K))",
        "right if K is symmetric",
    ),
    (ENTROPY, "z: softmax(z) - y", "right if y sums to one"),
    ("tr(inv(Q) @ C @ inv(Q))", "Q: -Q @ Q @ C.T @ Q - Q @ C.T @ Q @ Q", "right if Q is orthogonal"),
]


@pytest.mark.parametrize(("text", "claim", "verdict"), CONDITIONAL)
def test_a_claim_that_rests_on_a_fact_is_right_under_it_and_right_where_the_fact_is_stated(text, claim, verdict):
    found = judged(text, claim)
    assert found.verdict == verdict and not found.ok and "in general it is" in str(found)
    read = asked(text)
    said = verdict.removeprefix("right if ")
    stated = [f"{s.split()[0]}: {s.partition(' is ')[2] or s.partition(' ')[2]}" for s in said.split(" and ")]
    known = judge(read, claim, facts=read_facts(stated, read.variables))[0]
    assert known.ok and known.given == said and f", as {said}" in str(known)


def test_a_mistake_that_a_symmetric_matrix_would_hide_is_a_mistake_all_the_same():
    found = judged("u.T @ tanh(W @ x)", "h = tanh(W @ x); x: W @ (u * (1 - h**2))", values=None)
    square = judge(formula("u.T @ tanh(W @ x)", {"W": ("n", "n")}), "h = tanh(W @ x); x: W @ (u * (1 - h**2))")[0]
    assert found.where.text == square.where.text == "W"
    assert square.notes[-1] == "as it stands it is right if W is symmetric" and not found.notes


def test_a_repair_may_rest_on_a_fact_and_says_so():
    found = judged(ENTROPY, "z: y - softmax(z)")
    assert (found.repair, found.given) == ("softmax(z) - y", "y sums to one")
    assert "right: softmax(z) - y, if y sums to one" in str(found)


def test_it_prints_as_the_claim_with_its_mistake_underlined():
    assert str(judged(TANH, "W: u * (1 - h) @ x.T")).splitlines() == [
        "  claim   ∂s/∂W = u * (1 - h) @ x.T",
        "                      ^^^^^^^",
        "  wrong: the derivative of tanh through its output is 1 - h**2, not 1 - h",
        "  right: outer(u * (1 - h**2), x)          (verified at 6 points)",
    ]
    assert str(judged(TANH, "delta = u * h; W: delta @ x.T")).splitlines()[:3] == [
        "  claim   delta = u * h",
        "                      ^",
        "          ∂s/∂W = delta @ x.T",
    ]
    assert str(judged(RIDGE, "w: X.T @ (X @ w - y)")).splitlines()[1:3] == [
        "                                   ^",
        "  wrong: a term is missing: + lam * w",
    ]


def test_several_claims_in_one_text_share_their_lines_and_are_judged_in_turn():
    found = judge(asked(TANH), "delta = u * (1 - h**2); W: x @ delta.T; b: delta\nx: W @ delta")
    assert [(c.name, c.ok) for c in found] == [("W", False), ("b", True), ("x", False)]
    assert "b" not in str(found[0]).replace("1 - h", "")[20:] or "∂s/∂b" not in str(found[0])
    assert found[2].where.text == "W"


def test_delta_is_the_error_signal_where_the_formula_says_which():
    assert (
        judged("u.T @ tanh(W @ x + b)", "W: delta @ x.T").notes[0]
        == "delta is read as the error signal at W x + b"
    )
    assert judged(DEEP, "b1: delta1").ok and judged(DEEP, "b2: δ2").ok and not judged(DEEP, "b1: delta2").ok
    with pytest.raises(
        cr.FormulaError, match=r"delta is not defined, and the formula has delta1, delta2; define it"
    ):
        judged(DEEP, "b1: delta")
    with pytest.raises(
        cr.FormulaError, match=r"the formula has no activation; define it, as in 'delta = …; x: …'"
    ):
        judged(QUADRATIC, "x: delta")


SCORES = "-y.T@log_softmax(U@relu(W@x+b)+c)"


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("-y.T@log_softmax(W@x)", "W: (p - y) @ x.T"),
        ("z = W@x; J = -y.T@log_softmax(z)", "W: (p - y) @ x.T"),
        ("logsumexp(W@x) - y.T@W@x", "W: (p - y) @ x.T"),
        ("-y.T@log(exp(W@x)/sum(exp(W@x)))", "x: W.T@(p - y)"),
        ("-y.T@log_softmax(z)", "z: p - y"),
        ("-y.T@log_softmax(z)", "z: ŷ - y"),
        (SCORES, "U: (p - y) @ h.T"),
        (SCORES, "U: delta_2 @ a.T"),
        (SCORES, "W: δ1 @ x.T"),
        (SCORES, "b: U.T@(yhat - y) * (z1 > 0)"),
        ("0.5*norm2(X@w-y)**2", "w: X.T@r"),
        ("0.5*norm2(X@w-y)**2", "X: e @ w.T"),
        ("0.5*norm2(y-X@w)**2", "w: X.T@(ŷ - y)"),
        ("sum((y - sigmoid(X@w))**2)", "w: -2*X.T@((y - yhat)*yhat*(1 - yhat))"),
    ],
)
def test_the_names_that_gradients_are_printed_with_are_understood(text, claim):
    read = formula(text)
    found = judge(read, claim, facts=read_facts(["y: one-hot"], read.variables))[0]
    assert found.ok, str(found)


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("u.T@tanh(W@x+b)", "h: u"),
        ("u.T@tanh(W@x+b)", "z: u*(1 - h**2)"),
        ("u.T@tanh(W@x+b)", "δ: u*(1 - h**2)"),
        (SCORES, "h: U.T@(p - y)"),
        (SCORES, "z2: p - y"),
        (SCORES, "delta1: U.T@delta2*(z1 > 0)"),
        ("0.5*norm2(X@w-y)**2", "r: r"),
    ],
)
def test_gradients_may_be_claimed_for_parts_by_their_printed_names(text, claim):
    read = formula(text)
    found = judge(read, claim, facts=read_facts(["y: one-hot"] if text is SCORES else [], read.variables))[0]
    assert found.ok, str(found)


def test_the_truth_is_said_as_it_is_derived():
    text = "-sum(y * log(sigmoid(X @ w)) + (1 - y) * log(1 - sigmoid(X @ w)))"
    assert judge(formula(text), "w: cos(w)")[0].truth == "Xᵀ δ with z = X w, p = σ(z), δ = p - y"
    shown = str(cr.derive(text, "w"))
    assert "= Xᵀ δ " in shown and "p = σ(z) " in shown and "δ = p - y " in shown


def test_a_claim_is_about_a_scalar():
    with pytest.raises(cr.GraphError, match=r"claims are about the gradient of a scalar, and tanh\(W x\) is n"):
        judge(formula("tanh(W @ x)"), "x: W.T @ delta")


def test_what_a_printed_name_is_read_as_is_said():
    read = formula(SCORES)
    found = judge(read, "U: delta2 @ h.T", facts=read_facts(["y: one-hot"], read.variables))[0]
    assert "as y is one-hot" not in str(found)  # an error signal needs no fact
    assert set(found.notes) >= {
        "h is read as relu(W x + b)",
        "delta2 is read as the error signal at U relu(W x + b) + c",
    }


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ("W", "write NAME: FORMULA"),
        ("W = u", "write NAME: FORMULA"),
        ("v: u", "a gradient is claimed for v, but the expression has"),
        ("W: outer(dleta, x)", "did you mean delta?"),
        (
            "W: outer(q, x)",
            "q stands for nothing: the formula has W, x, b, u, z, h, s; define it, as in 'q = …; W: …'",
        ),
        ("W: outer(delta, x", "to close"),
        ("W: foo(x)", "unknown function foo"),
        ("d = u; W: ; b: u", "formulas; write NAME: FORMULA"),
        ("W: outer(u, x)[:, None, q]", "q stands for nothing"),
        ("W: None", "None stands for nothing"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(claim, message):
    with pytest.raises(cr.FormulaError) as caught:
        judged(TANH, claim)
    assert message in str(caught.value)


def test_where_nothing_small_helps_the_entries_are_compared_and_the_truth_is_said():
    found = judged("sum(A * X)", "X: exp(A) / (1 + cos(A))")
    assert found.verdict == "wrong" and not found.repair and found.where is None
    assert "no small change makes it right; 0 of" in found.reason and str(found).endswith("right: A")
    partly = judge(formula("sum(x * y)", {"x": (4,), "y": (4,)}), "x: concat(y[0:3], exp(y)[3:4])")[0]
    assert "3 of 4 entries agree, the others are" in partly.reason
    assert "it is n, and the gradient of A is n×n" in judged(QUADRATIC, "A: cos(x)").reason
    assert "it does not type-check" in judged(RIDGE, "w: (X @ X) @ (X @ X) @ (y.T @ X @ X)").reason


def test_a_claim_without_end_is_judged_but_not_searched():
    long = " + ".join(["x"] * 2000)
    assert judged("1000 * x.T @ x", f"x: {long}").ok
    found, taken = timed(lambda: judged("x.T @ x", f"x: {long}"))
    assert found.verdict == "wrong" and taken < 250


def test_given_values_are_kept_and_the_rest_is_drawn():
    values = {"y": np.array([0.0, 1.0, 0.0])}
    assert judged(ENTROPY, "z: softmax(z) - y", values=values).ok
    assert judged(ENTROPY, "z: softmax(z) - y", values={**values, "z": [1.0, 2.0, 3.0]}).points == 1
    with pytest.raises(cr.BindingError, match="y"):
        judged(ENTROPY, "z: y", values={"y": [[1.0]]})


def test_one_seed_gives_one_verdict():
    assert judged(TANH, "W: x @ (u*h).T", seed=3) == judged(TANH, "W: x @ (u*h).T", seed=3)
