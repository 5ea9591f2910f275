"""The text of an error is tested like a return value; a repair that is offered is carried out."""

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.algebra.node import variable

W, V, S = cr.matrix("W", "n", "m"), cr.matrix("V", "n", "m"), cr.matrix("S", "m", "m")
x, y, s, k = cr.vector("x", "m"), cr.vector("y", "n"), cr.scalar("s"), cr.index("k")
A, B, C = cr.matrix("A", 3, 4), cr.matrix("B", 3, 4), cr.matrix("C", 4, 4)
v, w = cr.vector("v", 3), cr.vector("w", 4)
z = cr.vector("z", 3, dtype="float32")

TEXTS = [
    # the matrix product
    (lambda: W @ y, cr.ShapeError, "W @ y: W is n×m and y is n, so the inner axes m and n differ; W.T @ y or y @ W would fit"),
    (lambda: A @ B, cr.ShapeError, "A @ B: A is 3×4 and B is 3×4, so the inner axes 4 and 3 differ; A.T @ B or A @ B.T would fit"),
    (lambda: w @ A, cr.ShapeError, "w @ A: w is 4 and A is 3×4, so the inner axes 4 and 3 differ; w @ A.T or A @ w would fit"),
    (lambda: v @ w, cr.ShapeError, "v @ w: v is 3 and w is 4, so the inner axes 3 and 4 differ; outer(v, w) would fit"),
    (lambda: A.T @ C, cr.ShapeError, "Aᵀ @ C: Aᵀ is 4×3 and C is 4×4, so the inner axes 3 and 4 differ; A @ C or C @ Aᵀ would fit"),
    (lambda: (A + B) @ v, cr.ShapeError, "(A + B) @ v: (A + B) is 3×4 and v is 3, so the inner axes 4 and 3 differ; (A + B).T @ v or v @ (A + B) would fit"),
    (lambda: A @ cr.matrix("D", 5, 5), cr.ShapeError, "A @ D: A is 3×4 and D is 5×5, so the inner axes 4 and 5 differ; give both the same axis there"),
    (lambda: s @ x, cr.ShapeError, "@ needs vectors or matrices, but one of s (scalar) and x (m) is a scalar; use *"),
    (lambda: variable("P", (2, 3, 4)) @ variable("Q", (5, 4, 3)), cr.ShapeError, "the front axes 2 and 5 of P (2×3×4) @ Q (5×4×3) differ"),
    (lambda: x @ y.T, cr.ShapeError, "x @ y.T: on paper a column times a row is the outer product (m×n), in NumPy it is the inner product; write outer(x, y) or x.T @ y"),
    # entry by entry
    (lambda: A * C, cr.ShapeError, "A * C works entry by entry (elementwise), but A is 3×4 and C is 4×4: axes 3 and 4 differ; the matrix product A @ C would fit"),
    (lambda: W * y, cr.ShapeError, "W * y works entry by entry (elementwise), but W is n×m and y is n: axes m and n differ; W * y[:, None] would fit"),
    (lambda: x * y, cr.ShapeError, "x * y works entry by entry (elementwise), but x is m and y is n: axes m and n differ; outer(x, y) for all pairs would fit"),
    (lambda: W * C, cr.ShapeError, "W * C works entry by entry (elementwise), but W is n×m and C is 4×4: axes n and 4 differ; give the operands equal shapes"),
    (lambda: W + y, cr.ShapeError, "W + y works entry by entry (elementwise), but W is n×m and y is n: axes m and n differ; W + y[:, None] would fit"),
    (lambda: A - A.T, cr.ShapeError, "A - Aᵀ works entry by entry (elementwise), but A is 3×4 and Aᵀ is 4×3: axes 3 and 4 differ; A - A would fit"),
    (lambda: cr.maximum(x, y), cr.ShapeError, "max(x, y) works entry by entry (elementwise), but x is m and y is n: axes m and n differ; give the operands equal shapes"),
    (lambda: cr.where(x > 0, x, y), cr.ShapeError, "where works entry by entry (elementwise), but axes m and n differ in x > 0 (m) and x (m) and y (n); give the operands equal shapes"),
    (lambda: x + y.T, cr.ShapeError, "x is a column (m) and yᵀ a row (n): entry by entry write x and y without .T; for all pairs write outer(x, y)"),
    (lambda: cr.inner(x, y), cr.ShapeError, "inner needs operands of one shape, not x (m) and y (n)"),
    (lambda: cr.broadcast_to(x, ("n",)), cr.ShapeError, "x (m) does not stretch to n"),
    (lambda: cr.mean(W, axis=5), cr.ShapeError, "axis 5 of W (n×m): it has 2 axes, numbered from 0"),
    (lambda: cr.sum(W, axis=(0, -2)), cr.ShapeError, "axis (0, -2) of W (n×m) names one axis twice"),
    (lambda: cr.transpose(W, (0, 0)), cr.ShapeError, "transpose of W (n×m) needs each of its 2 axes once, not (0, 0)"),
    # kinds of number
    (lambda: cr.tanh(k), cr.DTypeError, "k (scalar) holds whole numbers, which select and have no gradient; take(x, k) uses it, or declare it as a real variable"),
    (lambda: x * np.array([1, 2]), cr.DTypeError, "an array of integers (int64) where real numbers belong: use .astype(float)"),
    (lambda: cr.vector("x", 3, dtype="int64"), cr.DTypeError, "gradients need real numbers, not int64: use float64 or float32"),
    (lambda: x * 1j, cr.DTypeError, "1j is no real number, array or expression"),
    (lambda: x * np.complex128(1j), cr.DTypeError, "1j is complex; expressions are over the real numbers"),
    (lambda: x * "2", cr.DTypeError, "'2' is no real number, array or expression"),
    (lambda: x + None, cr.DTypeError, "None is no real number, array or expression"),
    (lambda: x * [[1], [2, 3]], cr.DTypeError, "[[1], [2, 3]] has rows of unequal length"),
    (lambda: x * [s, s], cr.DTypeError, "a list that holds expressions is no operand; join them with stack([…])"),
    (lambda: x * 10**400, cr.DTypeError, "a number of 401 digits does not fit in float64"),
    (lambda: x * 10**5000, cr.DTypeError, "a number of 5001 digits does not fit in float64"),
    (lambda: z * 1e39, cr.DTypeError, "1e+39 does not fit in float32"),
    (lambda: cr.constant("a"), cr.DTypeError, "'a' is neither real numbers, whole numbers nor truth values"),
    (lambda: cr.constant(1j), cr.DTypeError, "1j is neither real numbers, whole numbers nor truth values"),
    # truth
    (lambda: bool(x > 0), cr.GraphError, "x > 0 has no truth value: its variables have no numbers yet. Choose between expressions with where(condition, a, b)"),
    (lambda: cr.where(x == y, x, x), cr.GraphError, "the condition is plain False; `==` and `!=` compare expressions as objects: write equal(a, b) or not_equal(a, b)"),
    # names and shapes
    (lambda: cr.scalar(3), cr.GraphError, "a variable needs a name, not 3"),
    (lambda: cr.scalar(" "), cr.GraphError, "a variable needs a name, not ' '"),
    (lambda: cr.vector("a", 1.5), cr.ShapeError, "1.5 is no dimension; give a number or a name such as 'n'"),
    # derivatives
    (lambda: cr.gradient(W @ x, W), cr.GraphError, "a gradient is of a scalar, and W x is n; take jacobian(W x, …), or the gradient of sum(W x)"),
    (lambda: cr.gradient(s, k), cr.DTypeError, "k (scalar) holds int64 values, which have no derivative"),
    (lambda: cr.gradient(s, "x"), cr.GraphError, "derivatives are taken of and with respect to expressions, and 'x' is none"),
    (lambda: cr.gradient(s, [s, 3]), cr.GraphError, "derivatives are taken of and with respect to expressions, and 3 is none"),
    (lambda: cr.gradient(s, 3), cr.GraphError, "the second argument takes a list, not 3"),
    (lambda: cr.concat(x), cr.GraphError, "concat takes a list, not x"),
    (lambda: cr.stack(2.0), cr.GraphError, "stack takes a list, not 2.0"),
    (lambda: cr.simplify(2.0), cr.GraphError, "simplify takes a list, not 2.0"),
    (lambda: cr.variables("x"), cr.GraphError, "'x' is no expression"),
    (lambda: cr.batch(x, x), cr.GraphError, "the second argument of batch takes a list, not x"),
    (lambda: cr.check(2.0, {}), cr.GraphError, "2.0 is no expression"),
    (lambda: cr.evaluate(x, [1.0]), cr.BindingError, "values are given by name, as in {'x': 2.0}, not as [1.0]"),
    (lambda: cr.gradient(1.0, x), cr.GraphError, "derivatives are taken of and with respect to expressions, and 1.0 is none"),
    (lambda: cr.vjp(W @ x, x, np.ones(3)), cr.ShapeError, "the upstream gradient of W x (n) must have its shape, not 3"),
    (lambda: cr.jvp(W @ x, x, y), cr.ShapeError, "a direction for x (m) must have its shape, not n"),
    (lambda: cr.hessian(s * s, [s]), cr.GraphError, "a Hessian is for one expression x or for two, [x, y], not for 1"),
    (lambda: cr.batch(W @ x, [W @ x]), cr.GraphError, "batch varies variables from example to example, and W x is none"),
    (lambda: cr.check(W @ x, {}), cr.GraphError, "check takes a scalar, and W x is n; take its sum, or one entry"),
    (lambda: cr.check(s * s, {"s": 2.0}, claims={"z": 1}), cr.BindingError, "a gradient is claimed for z, but the expression has s"),
    # values
    (lambda: cr.evaluate(W @ x, {"x": np.ones(2)}), cr.BindingError, "no value for W (n×m); the expression needs W, x"),
    (lambda: cr.evaluate(W @ x, {"W": np.ones((4, 3)), "x": np.ones(2)}), cr.BindingError, "axis m is 3 in W (4×3) but 2 in x (2); give both the same m"),
    (lambda: cr.evaluate(W @ x, {"W": np.ones((4, 3)), "x": np.ones((3, 1))}), cr.BindingError, "x is declared m (1 axis), but the value given has shape 3×1 (2 axes)"),
    (lambda: cr.evaluate(A, {"A": np.ones((3, 5))}), cr.BindingError, "A is declared 3×4, but the value given has shape 3×5: axis 1 is 5 and should be 4"),
    (lambda: cr.evaluate(cr.ones("n")), cr.BindingError, "ones(n): the size of dimension n is not known: no variable of the expression shows it; give values for variables instead of names, or pass sizes={'n': …}"),
    (lambda: cr.evaluate(x, {"x": np.array([1, 2])}), cr.DTypeError, "x (m) holds real numbers, but the value given is int64; use .astype(float)"),
    (lambda: cr.evaluate(x, {"x": [1j]}), cr.DTypeError, "x (m) holds real numbers, but the value given is [1j]; use .astype(float)"),
    (lambda: cr.evaluate(x, {"x": [[1], [1, 2]]}), cr.BindingError, "the value of x (m) is a ragged list; give rows of equal length"),
    (lambda: cr.evaluate(v[k], {"v": np.ones(3), "k": 1.5}), cr.DTypeError, "k (scalar) holds whole numbers, but the value given is 1.5; use .astype(int)"),
    (lambda: cr.evaluate(x.sum() + cr.vector("x", 7).sum(), {}), cr.BindingError, "x stands for two variables, x (7) float64 and x (m) float64; give them different names"),
    (lambda: cr.evaluate(x, {W @ x: 1.0}), cr.GraphError, "values are given for variables, and W x is none"),
    (lambda: cr.evaluate(5), cr.GraphError, "5 is no expression"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "text"), TEXTS, ids=[t[2][:40] for t in TEXTS])
def test_the_text(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def repairs(text: str) -> list[str]:
    """The expressions that a message says would fit."""
    offer = re.search(r"; (?:the matrix product )?(.*?) would fit$", text)
    return offer[1].replace(" for all pairs", "").replace("ᵀ", ".T").split(" or ") if offer else []


OPERANDS = [v, w, A, B, C, W, V, S, x, y, A.T, A + B, A * B, cr.tanh(W), W @ S, variable("P", (2, 3, 4)), variable("Q", (5, 4, 3)), variable("R", (2, 4, 4))]  # fmt: skip


@pytest.mark.parametrize("left", OPERANDS, ids=str)
def test_every_repair_that_is_offered_fits(left):
    """Carried out on all pairs of operands of many shapes, with @, with * and with other operations."""
    names = {"outer": cr.outer, "tanh": cr.tanh, "max": cr.maximum}
    names |= {n.attrs["name"]: n for o in OPERANDS for n in cr.variables(o)}
    for right in OPERANDS:
        for f in (lambda a, b: a @ b, lambda a, b: a * b, lambda a, b: a + b, cr.maximum):
            try:
                f(left, right)
            except cr.ShapeError as error:
                for repair in repairs(str(error)):
                    python = repair.replace("(A ⊙ B)", "(A * B)").replace("(W S)", "(W @ S)")
                    assert isinstance(eval(python, names), cr.Node), repair


def test_a_long_expression_is_cut_in_a_message():
    long = x
    for _ in range(1000):
        long = cr.tanh(long) + x
    with pytest.raises(cr.ShapeError) as caught:
        long @ y
    assert len(str(caught.value)) < 600
    assert "…" in str(caught.value)


def test_an_error_is_also_the_standard_kind():
    with pytest.raises(ValueError, match="inner axes"):
        W @ y
    with pytest.raises(TypeError, match="whole numbers"):
        cr.tanh(k)
    for error in (cr.ShapeError, cr.DTypeError, cr.GraphError, cr.BindingError):
        assert issubclass(error, cr.ChainruleError)
