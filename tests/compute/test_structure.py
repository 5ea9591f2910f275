"""Hessians that keep their structure, against the Hessian formed and against differences of the gradient."""

import timeit

import numpy as np
import pytest

import chainrule as cr
from chainrule.calculus.facts import Facts
from chainrule.compute.inverse import MOST_FORMED
from chainrule.compute.structure import hessian_operator

SIZES = {"n": 7, "m": 4, "k": 3}
X, T = cr.matrix("X", "n", "m"), cr.matrix("T", "n", "m")
U, V, W, Y = cr.matrix("U", "n", "k"), cr.matrix("V", "m", "k"), cr.matrix("W", "m", "k"), cr.matrix("Y", "n", "k")
A, B, Z = (cr.matrix(name, "m", "m") for name in ("A", "B", "Z"))
C = cr.matrix("C", "k", "k")
w, mu = cr.vector("w", "m"), cr.vector("μ", "m")
y, c = cr.vector("y", "n"), cr.vector("c", "n")
t = cr.scalar("t")
lam = cr.scalar("λ")
r, E = X @ w - y, T - U @ V.T
tensor = cr.variable("x", (2, "k", 2))

CASES = {
    "least squares": (0.5 * r @ r, w, "Xᵀ X"),
    "ridge": (r @ r + lam * w @ w, w, "2 Xᵀ X + 2 λ I"),
    "weighted": (0.5 * cr.sum(c * r**2), w, "Xᵀ diag(c) X"),
    "logistic": (cr.sum(cr.softplus(X @ w)), w, None),
    "margin": (cr.sum(cr.maximum(0, 1 - c * (X @ w)) ** 2) + lam * w @ w, w, None),
    "tanh": (cr.sum(cr.tanh(X @ w)), w, None),
    "two layers": (c @ cr.tanh(X @ cr.tanh(A @ w)), w, None),
    "barrier": (-cr.sum(cr.log(c + 9 - X @ w)), w, None),
    "log-sum-exp": (cr.logsumexp(w), w, "diag(softmax(w)) - softmax(w) softmax(w)ᵀ"),
    "log-sum-exp of a map": (cr.logsumexp(X @ w), w, None),
    "quadratic": (w @ A @ w, w, None),
    "quartic": ((w @ w) ** 2, w, None),
    "quartic form": ((w @ A @ w) ** 2, w, None),
    "norm": (cr.norm2(w), w, None),
    "distance": (cr.norm2(r), w, None),
    "mean": (cr.sum((X - mu) ** 2), mu, "2 n I"),
    "differences": (cr.sum((w[1:] - w[:-1]) ** 2) + w @ w, w, "a sweep without structure"),
    "linear": (y @ (X @ w), w, "0"),
    "scalar": (t**4 + cr.exp(t), t, None),
    "factors in U": (cr.sum(E**2), U, "2 Vᵀ V ⊗ I"),
    "factors in V": (cr.sum(E**2), V, "2 Uᵀ U ⊗ I"),
    "factors and ridge": (cr.sum(E**2) + lam * cr.sum(U**2), U, "2 Vᵀ V ⊗ I + 2 λ I"),
    "several outputs": (0.5 * cr.sum((Y - X @ W) ** 2), W, "I ⊗ Xᵀ X"),
    "several outputs and ridge": (0.5 * cr.sum((Y - X @ W) ** 2) + lam * cr.sum(W**2), W, "I ⊗ Xᵀ X + 2 λ I"),
    "weighted outputs": (cr.sum(Y * (X @ W) ** 2), W, "a block m×m for each column"),
    "weighted rows": (0.5 * cr.sum(c @ (Y - U @ C) ** 2), U, "C Cᵀ ⊗ diag(c)"),
    "softmax regression": (-cr.sum(Y**2 * cr.log_softmax(X @ W)), W, None),
    "softmax of rows": (cr.sum(cr.logsumexp(W)), W, "a block k×k for each row + diag(vec(softmax(W)))"),
    "bilinear": (cr.sum((X @ W @ C - Y) ** 2), W, "2 C Cᵀ ⊗ Xᵀ X"),
    "bilinear and ridge": (cr.sum((X @ W @ C - Y) ** 2) + lam * cr.sum(W**2), W, "2 C Cᵀ ⊗ Xᵀ X + 2 λ I"),
    "two sides": (cr.norm2(X @ W) ** 2 + cr.norm2(W @ C) ** 2, W, "2 I ⊗ Xᵀ X + 2 C Cᵀ ⊗ I"),
    "one side of rank one": (0.5 * cr.norm2(cr.outer(c, w) @ W @ C) ** 2 + cr.sum(W**2), W, None),
    "sum of squares": (0.5 * cr.sum(W**2), W, "I"),
    "square of a sum of squares": (cr.sum(W**2) ** 2, W, None),
    "entries": (cr.sum(cr.exp(W)), W, "diag(vec(exp(W)))"),
    "column sums": (cr.sum(cr.sum(W, axis=0) ** 2) + cr.sum(W**2), W, None),
    "trace form": (cr.trace(A @ Z @ B @ Z.T), Z, "Bᵀ ⊗ A + B ⊗ Aᵀ"),
    "trace form, turned": (cr.trace(Z @ A @ Z @ B), Z, "(B ⊗ Aᵀ) K + (A ⊗ Bᵀ) K"),
    "square of a trace": (cr.trace(A @ Z) ** 2 + cr.sum(Z**2), Z, None),
    "log det": (-cr.logdet(Z), Z, "(Z⁻¹ ⊗ Z⁻ᵀ) K"),
    "Gaussian": (cr.logdet(Z) + cr.trace(cr.inv(Z) @ B), Z, None),
    "tensor": (cr.sum(cr.exp(tensor)) + cr.sum(tensor**2) ** 2, tensor, None),
}
EVERY = pytest.mark.parametrize("name", CASES)
SINGULAR = {"log-sum-exp", "norm", "linear", "softmax regression", "softmax of rows"}
UNSTRUCTURED = {"differences", "softmax regression"}


def sized(shape):
    return tuple(SIZES.get(str(a), a) for a in shape)


def drawn(s, x, rng):
    values = {v.attrs["name"]: rng.standard_normal(sized(v.shape)) for v in cr.variables(s, x)}
    for name in {"λ", "c"} & values.keys():
        values[name] = np.abs(values[name]) + 0.5
    if "Z" in values:
        values["Z"] = 0.2 * values["Z"] + 2 * np.eye(SIZES["m"])
    return values


def formed(s, x, values):
    """The Hessian on vec x: columns stacked, on both sides."""
    array = cr.evaluate(cr.hessian(s, x), values, SIZES)
    n = x.ndim
    count = int(np.prod(sized(x.shape)))
    return array.transpose(*range(n)[::-1], *range(n, 2 * n)[::-1]).reshape(count, count)


def vec(a):
    return np.asarray(a).reshape(-1, order="F")


@EVERY
def test_it_is_the_hessian(name, rng):
    s, x, _ = CASES[name]
    values = drawn(s, x, rng)
    H = hessian_operator(s, x).at(values, SIZES)
    expected = formed(s, x, values)
    size = np.abs(expected).max(initial=1.0)
    assert H.shape == expected.shape
    np.testing.assert_allclose(H.dense(), expected, rtol=1e-10, atol=1e-12 * size)
    np.testing.assert_allclose(vec(H.diagonal()), np.diag(expected), rtol=1e-10, atol=1e-12 * size)
    np.testing.assert_allclose(H.trace(), np.trace(expected), rtol=1e-10, atol=1e-12 * size)
    assert H.diagonal().shape == sized(x.shape)


@EVERY
def test_products_are_differences_of_the_gradient_and_keep_the_form_of_the_vector(name, rng):
    s, x, _ = CASES[name]
    values = drawn(s, x, rng)
    H = hessian_operator(s, x).at(values, SIZES)
    v = rng.standard_normal(sized(x.shape))
    name = x.attrs["name"]
    at = lambda h: cr.evaluate(cr.gradient(s, x), {**values, name: values[name] + h * v}, SIZES)  # noqa: E731
    wide, narrow = ((at(h) - at(-h)) / (2 * h) for h in (2e-3, 1e-3))
    product = H @ v
    assert product.shape == v.shape
    np.testing.assert_allclose(product, (4 * narrow - wide) / 3, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(H @ vec(v), vec(product), rtol=1e-12, atol=1e-12)
    columns = rng.standard_normal((H.shape[0], 2))
    np.testing.assert_allclose(H.matmat(columns), H.dense() @ columns, rtol=1e-10, atol=1e-10)


@EVERY
def test_solutions_and_determinant_are_those_of_the_matrix(name, rng):
    s, x, _ = CASES[name]
    values = drawn(s, x, rng)
    H = hessian_operator(s, x).at(values, SIZES)
    g = rng.standard_normal(sized(x.shape))
    if name in SINGULAR:
        with pytest.raises(cr.BindingError, match=r"singular at these values.*add λ I"):
            H.solve(g)
        return
    expected = np.linalg.solve(formed(s, x, values), vec(g))
    solution = H.solve(g)
    assert solution.shape == g.shape
    scale = np.abs(expected).max()
    np.testing.assert_allclose(vec(solution), expected, rtol=1e-6, atol=1e-8 * scale)
    np.testing.assert_allclose(H.solve(vec(g)), expected, rtol=1e-6, atol=1e-8 * scale)
    columns = np.stack([vec(g), 2 * vec(g)], axis=1)
    np.testing.assert_allclose(
        H.solve(columns), np.stack([expected, 2 * expected], axis=1), rtol=1e-6, atol=1e-8 * scale
    )
    np.testing.assert_allclose(H.logdet(), np.linalg.slogdet(formed(s, x, values))[1], rtol=1e-8, atol=1e-8)


@EVERY
def test_the_structure_is_found_and_written(name):
    s, x, text = CASES[name]
    structure = hessian_operator(s, x)
    assert structure.is_structured == (name not in UNSTRUCTURED)
    if text is not None:
        assert repr(structure) == text


def test_what_is_written_is_the_matrix(rng):
    """The Kronecker products as numbers, by NumPy's own kron, and the commutation matrix K."""
    values = {name: rng.standard_normal((4, 4)) for name in ("A", "B")}
    values["Z"] = 2 * np.eye(4) + 0.1 * rng.standard_normal((4, 4))
    a, b, i = values["A"], values["B"], np.linalg.inv(values["Z"])
    turn = np.eye(16).reshape(4, 4, 16).transpose(1, 0, 2).reshape(16, 16)
    at = lambda s: hessian_operator(s, Z).at(values).dense()  # noqa: E731
    np.testing.assert_allclose(at(CASES["trace form"][0]), np.kron(b.T, a) + np.kron(b, a.T), rtol=1e-12)
    np.testing.assert_allclose(
        at(CASES["trace form, turned"][0]), (np.kron(b, a.T) + np.kron(a, b.T)) @ turn, rtol=1e-12
    )
    np.testing.assert_allclose(at(CASES["log det"][0]), np.kron(i, i.T) @ turn, rtol=1e-10)
    v = rng.standard_normal((80, 5))
    H = hessian_operator(cr.sum(E**2), U).at({"U": np.zeros((100, 5)), "V": v, "T": np.zeros((100, 80))})
    np.testing.assert_allclose(H.dense(), np.kron(2 * v.T @ v, np.eye(100)), rtol=1e-12)


def test_the_answer_says_the_structure_the_sizes_and_how_it_is_solved(rng):
    values = {"U": np.zeros((100, 5)), "V": rng.standard_normal((80, 5)), "T": np.zeros((100, 80))}
    H = hessian_operator(cr.sum(E**2), U)(values)
    assert repr(H) == "2 Vᵀ V ⊗ I: 100×5 variables, 500×500, never formed; solved by a 5×5 system"
    swept = hessian_operator(CASES["differences"][0], w).at({"w": np.zeros(4)})
    assert repr(swept) == (
        "a sweep without structure: 4 variables, 4×4, one sweep for each product; solved by a 4×4 system, formed for it"
    )


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("least squares", "a 4×4 system"),
        ("several outputs", "a 4×4 system"),
        ("factors and ridge", "a 3×3 system"),
        ("bilinear", "a 4×4 system and a 3×3 system"),
        ("bilinear and ridge", "the eigenvectors of a 4×4 and a 3×3 matrix"),
        ("two sides", "the eigenvectors of a 4×4 and a 3×3 matrix"),
        ("weighted outputs", "3 systems 4×4"),
        ("softmax of rows", "4 systems 3×3"),
        ("log-sum-exp", "a division by each entry and a 1×1 system (Woodbury)"),
        ("log det", "two 4×4 systems"),
        ("entries", "a division by each entry"),
        ("Gaussian", "a 16×16 system, formed for it"),
    ],
)
def test_solutions_take_the_cheapest_way_that_the_structure_allows(name, how, rng):
    s, x, _ = CASES[name]
    assert repr(hessian_operator(s, x).at(drawn(s, x, rng), SIZES)).endswith(f"solved by {how}")


def test_many_variables_and_few_examples_are_solved_by_woodbury(rng):
    s = cr.sum(c * r**2) + lam * w @ w
    values = {"X": rng.standard_normal((5, 300)), "w": np.zeros(300), "y": np.zeros(5), "c": np.ones(5), "λ": 0.3}
    H = hessian_operator(s, w).at(values)
    assert repr(H).endswith("a division by one number and a 5×5 system (Woodbury)")
    g = rng.standard_normal(300)
    np.testing.assert_allclose(H.solve(g), np.linalg.solve(H.dense(), g), rtol=1e-9)
    np.testing.assert_allclose(H.logdet(), np.linalg.slogdet(H.dense())[1], rtol=1e-9)
    np.testing.assert_allclose(H.diagonal(), np.diag(H.dense()), rtol=1e-9)


def test_a_diagonal_with_a_zero_needs_its_low_rank(rng):
    d = rng.random(5)
    d[2] = 0
    D, u, x = cr.vector("d", 5), cr.vector("u", 5), cr.vector("x", 5)
    H = hessian_operator(0.5 * cr.sum(D * x**2) + 0.5 * (u @ x) ** 2, x).at({"d": d, "u": np.ones(5), "x": d})
    g = rng.standard_normal(5)
    np.testing.assert_allclose(H.solve(g), np.linalg.solve(np.diag(d) + 1, g), rtol=1e-9)
    np.testing.assert_allclose(H.logdet(), np.linalg.slogdet(np.diag(d) + 1)[1], rtol=1e-9)


def test_matrices_too_large_to_form_are_never_formed(rng):
    n = 30_000
    values = {"U": rng.standard_normal((n, 5)), "V": rng.standard_normal((3, 5)), "λ": 0.1, "T": np.zeros((n, 3))}
    H = hessian_operator(cr.sum(E**2) + lam * cr.sum(U**2), U).at(values)
    assert H.shape == (150_000, 150_000)
    M = 2 * values["V"].T @ values["V"] + 0.2 * np.eye(5)
    np.testing.assert_allclose(H @ values["U"], values["U"] @ M, rtol=1e-10)
    np.testing.assert_allclose(H.solve(values["U"]) @ M, values["U"], rtol=1e-7)
    np.testing.assert_allclose(H.trace(), n * np.trace(M), rtol=1e-12)


def test_conjugate_gradients_beyond_what_is_formed(rng):
    s = cr.sum((w[1:] - w[:-1]) ** 2) + w @ w
    n = MOST_FORMED + 1
    H = hessian_operator(s, w).at({"w": np.zeros(n)})
    assert repr(H).endswith("solved by conjugate gradients")
    g = rng.standard_normal(n)
    np.testing.assert_allclose(H @ H.solve(g), g, atol=1e-8)
    with pytest.raises(cr.BindingError, match="not positive definite at these values"):
        hessian_operator(-s, w).at({"w": np.zeros(n)}).solve(g)
    with pytest.raises(cr.BindingError, match="would need it formed"):
        H.logdet()


def test_the_newton_step_of_a_quadratic_ends_at_its_minimum(rng):
    s, x, _ = CASES["bilinear and ridge"]
    values = drawn(s, x, rng)
    gradient = cr.evaluate(cr.gradient(s, x), values)
    values["W"] = values["W"] - hessian_operator(s, x).at(values).solve(gradient)
    assert np.abs(cr.evaluate(cr.gradient(s, x), values)).max() < 1e-10 * np.abs(gradient).max()


def test_facts_shorten_the_structure():
    assert repr(hessian_operator(w @ A @ w, w, Facts({A: ["symmetric"]}))) == "2 A"


def test_float32_stays_float32(rng):
    X32, w32 = cr.matrix("X", "n", "m", dtype="float32"), cr.vector("w", "m", dtype="float32")
    values = {"X": rng.standard_normal((7, 4)).astype("f"), "w": rng.standard_normal(4).astype("f")}
    H = hessian_operator(cr.sum(cr.softplus(X32 @ w32)) + w32 @ w32, w32).at(values)
    assert (H @ values["w"]).dtype == np.float32


def test_values_go_by_name_or_variable_and_are_checked(rng):
    operator = hessian_operator(cr.sum(E**2), U)
    given = {U: np.zeros((4, 2)), V: rng.standard_normal((3, 2)), T: np.zeros((4, 3))}
    np.testing.assert_array_equal(
        operator.at(given).dense(), operator.at({v.attrs["name"]: a for v, a in given.items()}).dense()
    )
    with pytest.raises(cr.BindingError, match="axis k is 2 in U"):
        operator.at({**given, V: np.zeros((3, 5))})
    with pytest.raises(cr.BindingError, match="no value for V"):
        operator.at({U: np.zeros((4, 2))})
    with pytest.raises(cr.BindingError, match="the size of dimension n is not known"):
        operator.at({V: given[V]})
    assert operator.at({V: given[V]}, {"n": 4}).shape == (8, 8)
    with pytest.raises(cr.ShapeError, match=r"arrays of 4×2, .* on vectors of 8 entries, .* not on 2×4"):
        operator.at(given) @ np.zeros((2, 4))
    with pytest.raises(cr.GraphError, match="a gradient is of a scalar"):
        hessian_operator(X @ w, w)


def test_the_hessian_of_a_factorisation_costs_microseconds(rng):
    """At n = 100, k = 5 it takes less than a fiftieth of the time in which the 500×500 matrix is made."""
    values = {"U": rng.standard_normal((100, 5)), "V": rng.standard_normal((80, 5)), "T": np.zeros((100, 80))}
    operator = hessian_operator(cr.sum(E**2), U)
    v, dense = rng.standard_normal((100, 5)), cr.hessian(cr.sum(E**2), U)
    structured = min(timeit.repeat(lambda: operator.at(values) @ v, number=20, repeat=5)) / 20
    formed_ = min(timeit.repeat(lambda: cr.evaluate(dense, values, {"n": 100}), number=1, repeat=3))
    assert structured < formed_ / 50


@pytest.mark.parametrize("backend", ["numba", "numpy"])
@pytest.mark.parametrize("name", ["two layers", "weighted outputs", "differences"])
def test_a_compiled_structure_has_the_same_numbers(name, backend):
    if backend == "numba":
        pytest.importorskip("numba")
    s, x, _ = CASES[name]
    values = drawn(s, x, np.random.default_rng(3))
    structure = hessian_operator(s, x)
    found, wanted = structure.compiled(backend).at(values), structure.at(values)
    v = np.random.default_rng(4).standard_normal(values[x.attrs["name"]].shape)
    np.testing.assert_allclose(found.dense(), wanted.dense(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found @ v, wanted @ v, rtol=1e-12, atol=1e-12)
