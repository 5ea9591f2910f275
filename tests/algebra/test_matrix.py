"""Functions of square matrices against closed forms (The Matrix Cookbook, sections 2.1 and 2.2)."""

import numpy as np
import pytest
from helpers import assert_slope, contracted

import chainrule as cr
from chainrule.algebra.matrix import kronecker

X, A = cr.matrix("X", "n", "n"), cr.matrix("A", "n", "n")
b = cr.vector("b", "n")


@pytest.fixture
def values(rng):
    return {
        "X": rng.standard_normal((3, 3)) + 3 * np.eye(3),
        "A": rng.standard_normal((3, 3)),
        "b": rng.standard_normal(3),
    }


def test_gradients_are_the_cookbooks(values):
    x, a, v = values["X"], values["A"], values["b"]
    i = np.linalg.inv(x)
    for s, expected in [
        (cr.det(X), np.linalg.det(x) * i.T),
        (cr.logdet(X @ X.T), 2 * i.T),
        (cr.trace(cr.inv(X) @ A), -(i @ a @ i).T),
        (cr.trace(A @ X), a.T),
        (cr.trace(X @ X), 2 * x.T),
        (cr.trace(X.T @ A @ X), (a + a.T) @ x),
        (b @ X @ b, np.outer(v, v)),
        (b @ cr.inv(X) @ b, -i.T @ np.outer(v, v) @ i.T),
        (cr.inner(X, X), 2 * x),
        (cr.norm2(X), x / np.linalg.norm(x)),
        (cr.trace(cr.matpow(X, 3)), 3 * (x @ x).T),
        (cr.trace(cr.matpow(X, -2)), -2 * (i @ i @ i).T),
        (cr.sum(cr.solve(X, b)), -np.outer(i.T @ np.ones(3), i @ v)),
    ]:
        np.testing.assert_allclose(cr.evaluate(cr.gradient(s, X), values), expected, rtol=1e-10, err_msg=str(s))


def test_gradients_are_slopes_away_from_symmetry(values, rng):
    """The table tries definite matrices, which a missing transpose would pass."""
    X, A, b = cr.matrix("X", 3, 3), cr.matrix("A", 3, 3), cr.vector("b", 3)
    for y in (cr.inv(X), cr.solve(X, A), cr.solve(X, b), cr.kron(X, A), cr.matpow(X, 2), cr.det(X) * X):
        s = contracted(y, rng)
        assert_slope(s, X, values, rng)
        assert_slope(contracted(cr.gradient(s, X), rng), X, values, rng)


def test_a_symmetric_hessian(values):
    H = cr.evaluate(cr.hessian(cr.logdet(X @ X.T), X), values)
    np.testing.assert_allclose(H, H.transpose(2, 3, 0, 1), rtol=1e-10)


@pytest.mark.parametrize(("m", "n"), [(2, 3), (3, 2), (1, 4), (3, 3)])
def test_the_commutation_matrix_turns_vec_of_a_matrix_into_vec_of_its_transpose(m, n, rng):
    """vec(Aᵀ) = K vec(A), and K (A ⊗ B) = (B ⊗ A) K."""
    A, B = cr.matrix("A", "m", "n"), cr.matrix("B", "p", "q")
    given = {"A": rng.standard_normal((m, n)), "B": rng.standard_normal((2, 4))}
    left, right = cr.evaluate([cr.vec(A.T), cr.commutation("m", "n") @ cr.vec(A)], given)
    np.testing.assert_array_equal(left, right)
    exchanged = cr.commutation("p", "m") @ cr.kron(A, B), cr.kron(B, A) @ cr.commutation("q", "n")
    np.testing.assert_allclose(*cr.evaluate(exchanged, given), rtol=1e-12)
    assert cr.commutation("m", "n").shape == cr.matrix("K", "m·n", "m·n").shape
    assert cr.parse("commutation(m, n)", {"A": A}) is cr.commutation("m", "n")
    assert cr.commutation(2, 3, dtype=np.dtype("float32")).dtype == np.float32


def test_the_kronecker_product_and_vec_keep_their_law(values, rng):
    """vec(A X B) = (Bᵀ ⊗ A) vec X"""
    B = cr.matrix("B", 3, 2)
    given = {**values, "B": rng.standard_normal((3, 2))}
    X3, A3 = cr.matrix("X", 3, 3), cr.matrix("A", 3, 3)
    left, right = cr.evaluate([cr.vec(A3 @ X3 @ B), cr.kron(B.T, A3) @ cr.vec(X3)], given)
    np.testing.assert_allclose(left, right, rtol=1e-12)
    np.testing.assert_array_equal(cr.evaluate(cr.kron(X3, B), given), np.kron(values["X"], given["B"]))
    assert cr.kron(cr.matrix("P", "n", "m"), cr.matrix("Q", "p", "q")).shape == cr.matrix("R", "n·p", "m·q").shape


def test_logdet_is_nan_where_the_determinant_is_not_positive():
    assert np.isnan(cr.evaluate(cr.logdet(X), {"X": np.diag([1.0, -1.0])}))
    assert np.isnan(cr.evaluate(cr.logdet(X), {"X": np.zeros((2, 2))}))
    np.testing.assert_allclose(cr.evaluate(cr.logdet(X), {"X": 1e-200 * np.eye(3)}), 3 * np.log(1e-200))


def test_small_sizes_are_sizes_like_others():
    for n in (0, 1):
        v = {"X": 2 * np.eye(n), "b": np.ones(n), "A": np.eye(n)}
        found = cr.evaluate([cr.inv(X), cr.det(X), cr.logdet(X), cr.solve(X, b), cr.trace(X), cr.matpow(X, 2)], v)
        for result, expected in zip(
            found, [np.eye(n) / 2, 2**n, n * np.log(2), np.ones(n) / 2, 2 * n, 4 * np.eye(n)], strict=True
        ):
            np.testing.assert_allclose(result, expected)


KRONECKER = [
    (lambda A, B, x, y: cr.kron(A, B), "A ⊗ B", lambda A, B, x, y: np.kron(A, B)),
    (lambda A, B, x, y: cr.kron(x, y), "x ⊗ y", lambda A, B, x, y: np.kron(x, y)),
    (lambda A, B, x, y: cr.kron(x.T, B), "xᵀ ⊗ B", lambda A, B, x, y: np.kron(x, B)),
    (lambda A, B, x, y: cr.kron(A, y.T), "A ⊗ yᵀ", lambda A, B, x, y: np.kron(A, y)),
    (lambda A, B, x, y: kronecker(x, B), "x ⊗ B", lambda A, B, x, y: np.kron(x[:, None], B)),
    (lambda A, B, x, y: kronecker(A, y), "A ⊗ y", lambda A, B, x, y: np.kron(A, y[:, None])),
    (lambda A, B, x, y: cr.kron(x.T, cr.eye("q")), "xᵀ ⊗ eye(q)", lambda A, B, x, y: np.kron(x, np.eye(5))),
]


@pytest.mark.parametrize(("f", "text", "oracle"), KRONECKER, ids=[k[1] for k in KRONECKER])
def test_kronecker_products_of_matrices_and_vectors(f, text, oracle, rng):
    A, B = cr.matrix("A", "n", "m"), cr.matrix("B", "p", "q")
    x, y = cr.vector("x", "n"), cr.vector("y", "p")
    values = {
        "A": rng.normal(size=(2, 3)),
        "B": rng.normal(size=(4, 5)),
        "x": rng.normal(size=2),
        "y": rng.normal(size=4),
    }
    node = f(A, B, x, y)
    known = {v.attrs["name"]: v for v in cr.variables(node)}
    assert str(node) == text
    assert cr.parse(text, known) is node
    found = cr.evaluate(node, {name: values[name] for name in known}, {"q": 5})
    np.testing.assert_allclose(found, oracle(**values), rtol=1e-14)


def test_a_singular_matrix_is_named():
    with pytest.raises(cr.BindingError) as caught:
        cr.evaluate(cr.trace(cr.inv(X @ A)), {"X": np.zeros((2, 2)), "A": np.eye(2)})
    assert str(caught.value) == "(X A)⁻¹ has no value here: singular matrix"


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda W, x: cr.inv(W), cr.ShapeError, "inv needs a square matrix, but W is n×m; W @ W.T (n×n) and W.T @ W (m×m) are square"),
        (lambda W, x: cr.det(x), cr.ShapeError, "det needs a square matrix, but x is m; outer(x, x) and diag(x) are square"),
        (lambda W, x: cr.trace(W), cr.ShapeError, "trace needs a square matrix, but W is n×m; W @ W.T (n×n) and W.T @ W (m×m) are square"),
        (lambda W, x: cr.diag(W), cr.ShapeError, "diag needs a square matrix, but W is n×m; W @ W.T (n×n) and W.T @ W (m×m) are square"),
        (lambda W, x: cr.solve(W.T @ W, W), cr.ShapeError, "solve(A, b) needs as many rows in b as in A, not Wᵀ W (m×m) and W (n×m)"),
        (cr.kron, cr.ShapeError, "kron(W, x): x is a column on paper and a row in NumPy; write x.T for the row, or reshape(x, m, 1) for the column"),
        (lambda W, x: cr.matpow(W.T @ W, 65), cr.GraphError, "matpow takes a whole number from -64 to 64, not 65"),
        (lambda W, x: cr.matpow(W.T @ W, 0.5), cr.GraphError, "matpow takes a whole number from -64 to 64, not 0.5"),
        (cr.outer, cr.ShapeError, "outer takes two vectors, not W (n×m) and x (m)"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(call, error, text):
    with pytest.raises(error) as caught:
        call(cr.matrix("W", "n", "m"), cr.vector("x", "m"))
    assert str(caught.value) == text
