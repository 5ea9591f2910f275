"""Set to zero and solve: at the solution the gradient is zero, the equation holds, and a minimum is one."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.calculus.facts import Facts
from chainrule.calculus.solve import solve_for

SIZES = {"n": 7, "m": 3, "k": 2, "p": 4}
X, H, A2 = (cr.matrix(name, "n", "m") for name in ("X", "H", "D"))
T, G, B2 = cr.matrix("T", "n", "m"), cr.matrix("G", "n", "p"), cr.matrix("B", "n", "k")
A, P, Q, S, Z, Sg = (cr.matrix(name, "m", "m") for name in ("A", "P", "Q", "S", "Z", "Σ"))
R, K, W, C, L = (
    cr.matrix("R", "n", "n"),
    cr.matrix("K", "m", "n"),
    cr.matrix("W", "m", "k"),
    cr.matrix("C", "k", "p"),
    cr.matrix("L", "k", "k"),
)
U, V = cr.matrix("U", "n", "k"), cr.matrix("V", "m", "k")
w, mu, b, v = (cr.vector(name, "m") for name in ("w", "μ", "b", "v"))
y, c = cr.vector("y", "n"), cr.vector("c", "n")
lam, bias, rate, variance, q, N, count = (cr.scalar(name) for name in ("λ", "β", "θ", "σ2", "q", "N", "k1"))
n = cr.size("n")
r = X @ w - y
POSITIVE = {"λ", "c", "θ", "σ2", "v", "k1"}
DEFINITE = "positive definite"

risk = cr.trace((cr.eye("m") - K @ H) @ P @ (cr.eye("m") - K @ H).T + K @ R @ K.T)
normal_density = -n / 2 * cr.logdet(Sg) - 0.5 * cr.sum((X - mu) @ cr.inv(Sg) * (X - mu))

CASES = {
    "least squares": (0.5 * r.T @ r, w, {}, cr.inv(X.T @ X) @ X.T @ y, "minimum"),
    "ridge": (r.T @ r + lam * w.T @ w, w, {}, cr.inv(X.T @ X + lam * cr.eye("m")) @ X.T @ y, "minimum"),
    "ridge over n": (cr.norm2(r) ** 2 / n + lam * cr.norm2(w) ** 2, w, {}, None, "minimum"),
    "weighted": (cr.sum(c * r**2), w, {}, cr.inv(X.T @ cr.diag(c) @ X) @ X.T @ (c * y), "minimum"),
    "generalised": (r.T @ cr.solve(R, r), w, {R: DEFINITE}, None, "minimum"),
    "quadratic": (0.5 * w.T @ A @ w - b.T @ w, w, {}, None, "stationary point"),
    "symmetric quadratic": (0.5 * w.T @ A @ w - b.T @ w, w, {A: "symmetric"}, cr.inv(A) @ b, "stationary point"),
    "convex quadratic": (0.5 * w.T @ A @ w - b.T @ w, w, {A: DEFINITE}, cr.inv(A) @ b, "minimum"),
    "concave quadratic": (b.T @ w - w.T @ A @ w, w, {A: DEFINITE}, None, "maximum"),
    "no constant": (w.T @ A @ w + w.T @ w, w, {A: DEFINITE}, cr.zeros("m"), "minimum"),
    "rank one": (cr.sum(w) ** 2 + cr.sum((w - b) ** 2), w, {}, None, "minimum"),
    "bias": (cr.sum((y - X @ w - bias) ** 2), bias, {}, None, "minimum"),
    "scale of a vector": (cr.sum((y - lam * c) ** 2), lam, {}, c @ y / (c @ c), "minimum"),
    "mean": (cr.sum((X - mu) ** 2), mu, {}, cr.mean(X, axis=0), "minimum"),
    "mean, with a matrix": (
        cr.sum((X - mu) @ cr.inv(Sg) * (X - mu)),
        mu,
        {},
        cr.mean(X, axis=0),
        "stationary point",
    ),
    "mean, with a covariance": (normal_density, mu, {Sg: DEFINITE}, cr.mean(X, axis=0), "maximum"),
    "covariance, any matrix": (normal_density, Sg, {}, (X - mu).T @ (X - mu) / n, "stationary point"),
    "covariance": (normal_density, Sg, {Sg: DEFINITE}, (X - mu).T @ (X - mu) / n, "local maximum"),
    "precision, any matrix": (cr.logdet(P) - cr.trace(P @ S), P, {}, cr.inv(S), "stationary point"),
    "precision": (cr.logdet(P) - cr.trace(P @ S), P, {P: DEFINITE, S: DEFINITE}, cr.inv(S), "maximum"),
    "variance": (
        -n / 2 * cr.log(variance) - 0.5 * r.T @ r / variance,
        variance,
        {},
        r @ r / n,
        "local maximum",
    ),
    "variances": (cr.sum(-0.5 * cr.log(v) - 0.5 * w**2 / v), v, {}, w**2, "local maximum"),
    "rate": (n * cr.log(rate) - rate * cr.sum(c), rate, {}, n / cr.sum(c), "maximum"),
    "coin": (count * cr.log(q) + (N - count) * cr.log(1 - q), q, {}, count / N, "maximum"),
    "Kalman gain, any matrices": (risk, K, {}, None, "stationary point"),
    "Kalman gain": (risk, K, {P: DEFINITE, R: DEFINITE}, P @ H.T @ cr.inv(R + H @ P @ H.T), "minimum"),
    "matrix from the left": (cr.norm2(A2 @ W - B2) ** 2, W, {}, cr.inv(A2.T @ A2) @ A2.T @ B2, "minimum"),
    "matrix from the right": (cr.norm2(U @ C - G) ** 2, U, {}, G @ C.T @ cr.inv(C @ C.T), "minimum"),
    "matrix between": (
        cr.norm2(A2 @ W @ C - G) ** 2,
        W,
        {},
        cr.inv(A2.T @ A2) @ A2.T @ G @ C.T @ cr.inv(C @ C.T),
        "minimum",
    ),
    "matrix between, ridge": (cr.norm2(A2 @ W @ C - G) ** 2 + lam * cr.norm2(W) ** 2, W, {}, None, "minimum"),
    "several outputs": (
        cr.sum((B2 - X @ W) ** 2) + lam * cr.sum(W**2),
        W,
        {},
        cr.inv(X.T @ X + lam * cr.eye("m")) @ X.T @ B2,
        "minimum",
    ),
    "several weighted outputs": (cr.sum(c @ (B2 - U) ** 2), U, {}, B2, "minimum"),
    "factors and ridge": (
        cr.norm2(T - U @ V.T) ** 2 + lam * cr.norm2(U) ** 2,
        U,
        {},
        T @ V @ cr.inv(V.T @ V + lam * cr.eye("k")),
        "minimum",
    ),
    "factors": (cr.norm2(T - U @ V.T) ** 2, U, {}, T @ V @ cr.inv(V.T @ V), "minimum"),
    "Sylvester": (cr.trace(Z @ A @ Z) - cr.trace(Z @ S), Z, {}, None, "stationary point"),
    "Sylvester, transposed": (
        cr.trace(Z @ A @ Z.T) + cr.trace(Z @ Z) - cr.trace(Z @ S),
        Z,
        {},
        None,
        "stationary point",
    ),
    "distance": (cr.norm2(r), w, {}, cr.inv(X.T @ X) @ X.T @ y, "stationary point"),
}
EVERY = pytest.mark.parametrize("name", CASES)


def stated(facts):
    return Facts({node: [fact] for node, fact in facts.items()})


def symmetric(rng, size, *, definite):
    a = rng.standard_normal((size, size))
    return a @ a.T + np.eye(size) if definite else a + a.T


def drawn(s, x, facts, rng):
    """Random values of all variables but x, which obey the facts."""
    values = {}
    for node in cr.variables(s):
        name, shape = node.attrs["name"], tuple(SIZES[str(a)] for a in node.shape)
        value = rng.standard_normal(shape)
        if node in facts:
            value = symmetric(rng, shape[0], definite=facts[node] == DEFINITE)
        if name in POSITIVE:
            value = np.abs(value) + 0.5
        values[name] = value
    values["N"] = np.asarray(values.get("k1", 0.0)) + 1.7
    values[x.attrs["name"]] = np.full(tuple(SIZES[str(a)] for a in x.shape), np.nan)
    return values


def put(values, x, value):
    return {**values, x.attrs["name"]: value}


@EVERY
def test_the_gradient_is_zero_at_the_solution_and_the_equation_holds(name, rng):
    s, x, facts, _, _ = CASES[name]
    found = solve_for(s, x, stated(facts))
    values = drawn(s, x, facts, rng)
    at, written = cr.evaluate([found.result, found.written], values, SIZES)
    assert found.result.shape == found.written.shape == x.shape
    assert np.all(np.isfinite(at))
    np.testing.assert_allclose(written, at, rtol=1e-8, atol=1e-10)
    gradient, left, right = cr.evaluate([cr.gradient(s, x), *found.normal], put(values, x, at), SIZES)
    np.testing.assert_allclose(left, right, rtol=1e-8, atol=1e-9)
    elsewhere = cr.evaluate(cr.gradient(s, x), put(values, x, at * 1.1 + 0.1), SIZES)
    assert np.abs(gradient).max() < 1e-8 * np.abs(elsewhere).max()


@EVERY
def test_a_minimum_is_below_and_a_maximum_above_its_surroundings(name, rng):
    s, x, facts, _, kind = CASES[name]
    found = solve_for(s, x, stated(facts))
    assert found.kind == kind
    if kind == "stationary point":
        return
    values = drawn(s, x, facts, rng)
    at = cr.evaluate(found.result, values, SIZES)
    value = cr.evaluate(s, put(values, x, at), SIZES)
    for _ in range(20):
        step = 1e-2 * rng.standard_normal(np.shape(at))
        step = step + step.T if x in facts else step
        moved = cr.evaluate(s, put(values, x, at + step), SIZES)
        assert moved > value if "minimum" in kind else moved < value


@EVERY
def test_solutions_are_those_of_textbooks(name):
    s, x, facts, expected, _ = CASES[name]
    if expected is not None:
        assert str(solve_for(s, x, stated(facts)).written) == str(expected)


def test_the_answer_says_the_equation_what_is_assumed_and_what_it_is():
    found = solve_for(r.T @ r + lam * w.T @ w, w)
    matrix = X.T @ X + lam * cr.eye("m")
    assert str(found).splitlines() == [
        f"∂s/∂w = {found.gradient} = 0",
        f"{matrix @ w} = {X.T @ y}",
        f"w = {cr.inv(matrix) @ X.T @ y}, where {matrix} is invertible (it is for λ > 0)",
        "a minimum where λ ≥ 0",
    ]


def test_a_positive_penalty_needs_nothing():
    found = solve_for(r.T @ r + lam * w.T @ w, w, Facts({lam: ["positive"]}))
    assert found.needs == ()
    assert (found.kind, found.given) == ("minimum", ())
    assert found.facts == ("λ is positive",)


def test_least_squares_needs_independent_columns():
    assert solve_for(0.5 * r.T @ r, w).needs == ("Xᵀ X is invertible (X has independent columns)",)


def test_facts_that_change_nothing_are_not_named():
    facts = Facts({A: ["symmetric"], lam: ["positive"]})
    assert solve_for(0.5 * w.T @ A @ w - b.T @ w, w, facts).facts == ("A is symmetric",)


def test_what_was_multiplied_away_is_said():
    assert solve_for(normal_density, Sg, Facts({Sg: ["symmetric"]})).steps == (
        "times Σ from the left and Σ from the right",
    )
    assert solve_for(n * cr.log(rate) - rate * cr.sum(c), rate).steps == ("times θ",)


def test_what_is_divided_by_and_inverted_is_assumed():
    assert "‖X w - y‖ ≠ 0" in solve_for(cr.norm2(r), w).needs
    assert solve_for(cr.logdet(P) - cr.trace(P @ S), P).needs == ("S is invertible",)
    assert solve_for(cr.logdet(P) - cr.trace(P @ S), P, Facts({S: [DEFINITE]})).needs == ()


def test_the_solution_to_compute_with_forms_no_inverse():
    for name in ("ridge", "matrix between", "Kalman gain"):
        s, x, facts, _, _ = CASES[name]
        assert "⁻¹" not in str(solve_for(s, x, stated(facts)).result)


def test_the_kinds_rest_on_no_accident_of_signs():
    """tr(V²) is negative for some V, so that log det is concave for symmetric matrices alone."""
    assert solve_for(cr.logdet(P) - cr.trace(P @ S), P).kind == "stationary point"
    assert solve_for(cr.sum(y * r**2), w).given == ("y ≥ 0",)


@pytest.mark.parametrize(
    ("s", "x", "said"),
    [
        (
            cr.sum(cr.softplus(X @ w)),
            w,
            "in the term Xᵀ σ(X w) it stands inside σ(X w), so there is no closed form",
        ),
        ((w.T @ w) ** 2, w, "it stands more than once"),
        (cr.sum(cr.exp(w)) - b.T @ w, w, "in the term exp(w) it stands inside exp(w)"),
        (b.T @ w, w, "the gradient b does not depend on w: it is zero nowhere, or everywhere"),
        (b.T @ b, w, "does not depend on w: there is nothing to solve for"),
        (X @ w, w, "a gradient is of a scalar"),
        (-cr.logdet(Z), Z, "is not linear in Z"),
        (cr.trace(cr.inv(X.T @ X)), X, "is not linear in X"),
        (r @ r, X, "its matrix, w wᵀ, is of rank 1; add λ ‖X‖², or take more examples"),
        (
            cr.logdet(P) - b @ P @ b,
            P,
            "P or its inverse would have to be b bᵀ, which is of rank 1 and has no inverse",
        ),
        (-cr.logdet(P) - b @ cr.inv(P) @ b, P, "is of rank 1 and has no inverse; take more examples"),
    ],
    ids=[
        "logistic",
        "quartic",
        "exponential",
        "linear",
        "absent",
        "vector",
        "no zero",
        "not square",
        "one example",
        "precision of one",
        "covariance of one",
    ],
)
def test_what_has_no_closed_form_is_refused_with_the_term(s, x, said):
    with pytest.raises(cr.GraphError) as refusal:
        solve_for(s, x)
    assert said in str(refusal.value)
