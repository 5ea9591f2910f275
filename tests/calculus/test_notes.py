"""What is remarked about a formula: readings, kinks with the slope that is used there, needs, tensors."""

import pytest

import chainrule as cr
from chainrule.algebra.node import make, topological
from chainrule.algebra.op import OPS
from chainrule.algebra.parse import formula
from chainrule.algebra.signature import FLOATS
from chainrule.calculus.notes import notes, order_note

SHAPES = {
    **dict.fromkeys("XYQ", ("n", "n")),
    **dict.fromkeys("AW", ("m", "n")),
    **dict.fromkeys("xyw", ("n",)),
    **dict.fromkeys("bv", ("m",)),
    **dict.fromkeys(("c", "lam"), ()),
}


def said(text: str, *wrt: str) -> list[str]:
    read = formula(text, SHAPES)
    names = [n for n in wrt or "Xx" if n in read.variables]
    return notes(read.result, [read.variables[n] for n in names], text)


READINGS = [
    ("X**2", "X² is the elementwise square; matpow(X,2) for the matrix square"),
    ("X**3", "X³ is the elementwise cube; matpow(X,3) for the matrix cube"),
    ("X**-1", "X.^(-1) is the elementwise reciprocal; inv(X) for the matrix inverse"),
    ("X**0.5", "X.^0.5 is the elementwise square root, not the matrix square root"),
    ("1/X", "1/X is the elementwise reciprocal; inv(X) for the matrix inverse"),
    ("X/Y", "X/Y is the elementwise quotient; X @ inv(Y) for X Y⁻¹"),
    ("X*Y", "X * Y is the elementwise product; X @ Y for the matrix product"),
    ("A*x", "A * x scales the columns of A; A @ x for the matrix product"),
    ("exp(X)", "exp(X) is elementwise, not the matrix exponential"),
    ("log(X)", "log(X) is elementwise, not the matrix logarithm"),
    ("sqrt(X)", "sqrt(X) is elementwise, not the matrix square root"),
    ("cos(X)", "cos(X) is elementwise, not the matrix cosine"),
    ("|X|", "|X| is elementwise, not the determinant, which is det(X)"),
    ("norm2(A @ X)", "‖A X‖ is the Frobenius norm, not the spectral norm"),
    ("X + lam", "X + λ shifts every entry; λ*eye(n) in the place of λ shifts the diagonal alone"),
    ("A + x", "x is added to every row of A"),
    ("A - x", "x is subtracted from every row of A"),
    ("x - A", "every row of A is subtracted from x"),
    ("x + X@x - X", "every row of X is subtracted from x + X x; for the columns write (x + X x)[:, None]"),
    ("1 - X", "1 - X shifts every entry; eye(n) in the place of 1 shifts the diagonal alone"),
]


@pytest.mark.parametrize(("text", "note"), READINGS, ids=[r[0] for r in READINGS])
def test_a_formula_that_can_be_read_in_two_ways(text, note):
    assert note in said(text)


@pytest.mark.parametrize(
    "text",
    [
        "X.^2",
        "X.*Y",
        "X' .* Y",
        "X ⊙ Y",
        "X @ Y",
        "abs(X)",
        "2*X",
        "A**2",
        "exp(A)",
        "c*X",
        "x*y",
        "exp(x)",
        "tanh(X)",
    ],
)
def test_a_formula_that_can_be_read_in_one_way_alone(text):
    assert [n for n in said(text, "X", "x", "A") if "element" in n or "matrix" in n or "shifts" in n] == []


KINKS = [
    ("norm2(x)", "‖x‖ is not differentiable at x = 0; the subgradient 0 is used there"),
    ("norm2(A @ x - b)", "‖A x - b‖ is not differentiable at A x = b; the subgradient 0 is used there"),
    ("sum(norm2(X, axis=1))", "norm2(X, axis=1) is not differentiable at X = 0 along axis 1; the subgradient 0 is used there"),
    ("sum(abs(x))", "|x| is not differentiable at 0; sign(0) = 0 used"),
    ("norm1(x)", "|x| is not differentiable at 0; sign(0) = 0 used"),
    ("sum(relu(x))", "relu(x) is not differentiable at 0; relu'(0) = 0 used"),
    ("sum(relu(A @ relu(x)))", "relu(x) and relu(A relu(x)) are not differentiable at 0; relu'(0) = 0 used"),
    ("sum(hard_tanh(x))", "hard_tanh(x) is not differentiable at -1 and 1; the slope 0 is used there"),
    ("sum(leaky_relu(x))", "leaky_relu(x, slope=0.01) is not differentiable at 0; the slope 0.01 is used there"),
    ("sum(maximum(x, y))", "max(x, y) is not differentiable where x = y; ties share the gradient equally, ½ each"),
    ("sum(minimum(0, 1 - x))", "min(0, 1 - x) is not differentiable where 1 = x; ties share the gradient equally, ½ each"),
    ("max(x)", "max(x) is not differentiable where two entries tie; ties share the gradient equally"),
    ("sum(where(x > 0, x, 2*x))", "x > 0 is a condition that switches where x = 0; the slope of the jump, 0 on both sides, is taken as 0"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "note"), KINKS, ids=[k[0] for k in KINKS])
def test_where_there_is_no_derivative(text, note):
    assert note in said(text)


@pytest.mark.parametrize(
    "text",
    [
        "norm2(A @ x - b)**2",
        "sum(relu(x)**2)",
        "relu(x).T @ relu(x)",
        "sum(abs(x)**3)",
        "sum(maximum(0, x)**2)",
        "sum(relu(exp(x)))",
        "sum(abs(y)) + sum(x)",
        "logsumexp(x)",
        "sum(sqrt(1 + x**2))",
        "sum(log(1 + exp(x)))",
        "sum(log(softmax(x)))",
        "sum(log(1 - sigmoid(x)))",
        "sum(x / exp(x))",
        "sum(1/(1 + x**2))",
        "sum(x**2)**3",
        "sum(x)/norm2(y)",
    ],
)
def test_nothing_is_remarked_where_nothing_is_amiss(text):
    assert said(text, "x") == []


NEEDS = [
    ("sum(log(b - A @ x))", "log(b - A x) needs b - A x > 0"),
    ("sum(sqrt(x))", "sqrt(x) needs x > 0: it is not differentiable at 0, where its slope is infinite"),
    ("sum(x**0.5)", "x^0.5 needs x > 0: at 0 its slope is infinite"),
    ("sum(abs(x)**3)**(1/3)", "sum(|x|³)^(1/3) needs sum(|x|³) > 0: at 0 its slope is infinite"),
    ("sum(x**1.5)", "x^1.5 needs x ≥ 0"),
    ("sum(x**-2)", "x⁻² needs x ≠ 0"),
    ("sum(x**y)", "x^y needs x > 0"),
    ("sum(y/x)", "y/x needs x ≠ 0"),
    ("logdet(X)", "logdet(X) needs a positive determinant: det(X) > 0"),
    ("tr(inv(X))", "X⁻¹ needs X to be invertible"),
    ("sum(solve(X, y))", "solve(X, y) needs X to be invertible"),
    ("det(X)", "det(X) needs X to be invertible, as its gradient is written with the inverse"),
]


@pytest.mark.parametrize(("text", "note"), NEEDS, ids=[n[0] for n in NEEDS])
def test_what_a_formula_needs(text, note):
    assert said(text) == [note]


def test_a_negative_power_that_is_not_whole_needs_positive_numbers():
    (note,) = said("sum(x**-0.5)")
    assert note.endswith("needs x > 0")


def test_only_what_concerns_the_variable_is_remarked():
    text = "sum(abs(x)) + sum(log(y)) + sum(exp(X))"
    assert said(text, "x") == ["|x| is not differentiable at 0; sign(0) = 0 used"]
    assert said(text, "y") == ["log(y) needs y > 0"]
    assert said(text, "X") == ["exp(X) is elementwise, not the matrix exponential"]


def test_a_jacobian_of_three_axes_or_more_is_named_with_ways_out():
    (note,) = said("tanh(W @ x)", "W")
    assert note.startswith("∂y/∂W is a 3rd-order tensor m×m×n; take a Jacobian-vector form, the vec form ")
    assert "or give a cotangent" in note
    assert "4th-order tensor n×n×n×n" in said("X @ X")[0]
    assert "the vec form diag(1 - h²) (xᵀ ⊗ I) with h = tanh(W x), " in note
    assert "the vec form Xᵀ ⊗ I + I ⊗ X, " in said("X @ X")[0]
    assert "the vec form ∂vec(y)/∂vec(X), " in said("softmax(A @ X)")[0]
    read = formula("tr(X @ X)", SHAPES)
    X = read.variables["X"]
    assert "4th-order" in order_note(cr.gradient(read.result, X), X)
    assert said("A @ x") == said("tr(X)") == []


def test_a_deep_formula_is_looked_at_in_time_and_the_remark_is_short():
    x = z = cr.vector("x", "n")
    for _ in range(5000):
        z = cr.relu(z) + x
    (note,) = notes(cr.sum(z), [x])
    assert len(note) < 300 and "4,998 more" in note


# ── the records ───────────────────────────────────────────────────────────────────────────────────────

AT_KINK = [
    (cr.abs, 0.0, 0.0),
    (cr.relu, 0.0, 0.0),
    (cr.sign, 0.0, 0.0),
    (cr.hard_tanh, 1.0, 0.0),
    (cr.hard_tanh, -1.0, 0.0),
    (lambda x: cr.leaky_relu(x, 0.2), 0.0, 0.2),
    (lambda x: cr.parametric_relu(x, 0.3), 0.0, 0.3),
    (lambda x: cr.clip(x, -1, 2), -1.0, 1.0),
    (lambda x: cr.clip(x, -1, 2), 2.0, 1.0),
    (lambda x: cr.maximum(x, 0), 0.0, 0.5),
    (lambda x: cr.minimum(x, 0), 0.0, 0.5),
    (lambda x: cr.max(cr.stack([x, 2 * x])), 0.0, 1.5),
    (lambda x: cr.norm2(cr.stack([x, x])), 0.0, 0.0),
    (lambda x: cr.cast(x > 0, float), 0.0, 0.0),
]


@pytest.mark.parametrize(("f", "at", "slope"), AT_KINK)
def test_the_slope_at_a_kink_is_the_one_that_is_said(f, at, slope):
    x = cr.scalar("x")
    y = f(x)
    assert cr.evaluate(cr.gradient(y, x), {"x": at}) == slope
    (note,) = notes(y, [x])
    used = {0.5: "½ each", 1.5: "ties share the gradient equally"}.get(slope, f"{slope:g}")
    assert used in note


def test_every_operation_whose_slope_chooses_says_where_it_has_none():
    """A rule that compares, chooses or takes a sign has a kink, unless it only keeps a division whole."""
    for op in OPS.values():
        for example in op.examples[:1]:
            operands = [
                cr.variable("abcd"[k], g.shape) for k, g in enumerate(example.operands) if g.kind == "real"
            ]
            if len(operands) < len(example.operands) or op.kink or op.name == "power":
                continue
            y = make(op, *operands, **example.attrs)
            if y.dtype in FLOATS:
                slopes = cr.gradient(cr.sum(y), operands)
                choosing = {"where", "sign", "less", "less_equal", "equal"}
                assert not choosing & {n.op.name for n in topological(slopes)}, op.name
