"""One notation, several hands: readable forms, Unicode that reads back, LaTeX and MathML that are well formed."""

import re
from xml.etree import ElementTree

import formulas
import pytest
from clock import cost
from expressions import expressions
from helpers import op_examples, operands
from hypothesis import given, settings

import chainrule as cr
from chainrule.algebra.node import Node, make
from chainrule.algebra.notation import equation, latex, mathml, symbol, write
from chainrule.algebra.parse import parse

ROWS = pytest.mark.parametrize(("op", "example"), op_examples())

SHAPES = {
    **{"A": ("n", "n"), "B": ("n", "n"), "X": ("n", "m"), "W1": ("n", "m")},
    **{"x": ("m",), "y": ("n",), "z": ("n",), "p": ("n",), "b": ("m",), "u": ("n",)},
    **{"T": ("n", "m", "n"), "a": (), "c": (), "lam": (), "mu0": (), "x_i": (), "E": ("V", "m"), "delta1": ("n",)},
}


# ── readable forms: what is typed, its Unicode if that differs, and its LaTeX ─────────────────────────

READABLE = [
    ("X x", None, "X x"),
    ("u.T @ tanh(W1 @ x + y)", "uᵀ tanh(W1 x + y)", r"u^{\top} \tanh(W_{1} x + y)"),
    ("0.5*lam*y.T@y", "0.5 λ yᵀ y", r"\tfrac{1}{2} \lambda y^{\top} y"),
    ("(yᵀ z) A", None, r"(y^{\top} z) A"),
    ("2 A (B y)", "2 A (B y)", r"2 A B y"),
    ("(2 A) B", None, r"2 A B"),
    ("A (2 y)", None, r"A (2 y)"),
    ("-A y", None, r"-A y"),
    ("y - A z", None, r"y - A z"),
    ("y + (-z)", None, r"y - z"),
    ("y - (-2) z", "y - (-2 z)", r"y + 2 z"),
    ("y + (z - u)", None, r"y + z - u"),
    ("y - (z - u)", None, r"y - (z - u)"),
    ("a · c", None, r"a c"),
    ("y ⊙ A z", None, r"y \odot A z"),
    ("(y ⊙ z) xᵀ", None, r"(y \odot z) x^{\top}"),
    ("inv(A)", "A⁻¹", r"A^{-1}"),
    ("inv(A).T", "A⁻ᵀ", r"A^{-\top}"),
    ("inv(A.T)", "(Aᵀ)⁻¹", r"(A^{\top})^{-1}"),
    ("inv(X.T @ X) @ X.T @ y", "(Xᵀ X)⁻¹ Xᵀ y", r"(X^{\top} X)^{-1} X^{\top} y"),
    ("A @ inv(B) @ inv(B)", "A B⁻¹ B⁻¹", r"A B^{-2}"),
    ("A @ A @ (A @ y)", "A A (A y)", r"A^{3} y"),
    ("A**2", "A²", r"A^{\circ 2}"),
    ("A**-1", "A.^(-1)", r"A^{\circ -1}"),
    ("A**a", "A.^a", r"A^{\circ a}"),
    ("y**2 + y**-1", "y² + y⁻¹", r"y^{2} + y^{-1}"),
    ("(y.T)**2 @ z", "(y²)ᵀ z", r"(y^{2})^{\top} z"),
    ("1 - tanh(z)**2", "1 - tanh(z)²", r"1 - \tanh^{2}(z)"),
    ("a**(1/3)", "a^(1/3)", r"a^{1/3}"),
    ("a**0.5", "a^0.5", r"a^{1/2}"),
    ("1e-7*c + 2.5*a", "1e-07 c + 2.5 a", r"10^{-7} c + 2.5 a"),
    ("norm2(y)**2", "‖y‖²", r"\lVert y \rVert^{2}"),
    ("norm2(X)", "‖X‖", r"\lVert X \rVert_{F}"),
    ("norm2(X, axis=1)", None, r"\operatorname{norm2}(X, \text{axis} = 1)"),
    ("norm1(y)", "sum(|y|)", r"\lVert y \rVert_{1}"),
    ("abs(abs(y) - z)", "abs(|y| - z)", r"\lvert \lvert y \rvert - z \rvert"),
    ("⟨A, B⟩", None, r"\langle A, B \rangle"),
    ("y / norm2(y)", "y/‖y‖", r"\frac{y}{\lVert y \rVert}"),
    ("2/a * X.T @ (X @ x - y)", "2/a Xᵀ (X x - y)", r"\frac{2}{a} X^{\top} (X x - y)"),
    ("(y.T @ A @ y) / (y.T @ y)", "yᵀ A y / (yᵀ y)", r"\frac{y^{\top} A y}{y^{\top} y}"),
    ("(A/a) @ y", "(A/a) y", r"\frac{A}{a} y"),
    ("(A * 2) @ y", "(A · 2) y", r"2 A y"),
    ("-1/a", None, r"-\frac{1}{a}"),
    ("((y - z)/a)**2", "((y - z)/a)²", r"\left(\frac{y - z}{a}\right)^{2}"),
    ("kron(A, B.T) @ vec(A)", "(A ⊗ Bᵀ) vec(A)", r"(A \otimes B^{\top}) \operatorname{vec}(A)"),
    ("kron(diag(y), A)", "diag(y) ⊗ A", r"\operatorname{diag}(y) \otimes A"),
    ("commutation(n, m) @ vec(X)", "commutation(n, m) vec(X)", r"K_{n, m} \operatorname{vec}(X)"),
    ("tr(A)", None, r"\operatorname{tr}(A)"),
    ("logdet(A) + det(A)", None, r"\log \det(A) + \det(A)"),
    ("solve(A, y)", None, r"A^{-1} y"),
    ("A + lam*eye(n)", "A + λ eye(n)", r"A + \lambda I"),
    ("sum(y)", None, r"\mathbf{1}^{\top} y"),
    ("sum(X)", None, r"\mathbf{1}^{\top} X \mathbf{1}"),
    ("sum(X, axis=0)", None, r"X^{\top} \mathbf{1}"),
    ("sum(X, axis=1)", None, r"X \mathbf{1}"),
    ("sum(y) * z", "sum(y) z", r"(\mathbf{1}^{\top} y) z"),
    ("outer(p, ones(m))", "p ones(m)ᵀ", r"p \mathbf{1}^{\top}"),
    ("outer(ones(n), b)", "ones(n) bᵀ", r"\mathbf{1} b^{\top}"),
    ("c*ones(n) + zeros(n)", "c ones(n) + zeros(n)", r"c \mathbf{1} + 0"),
    ("X + b", None, r"X + \mathbf{1} b^{\top}"),
    ("X * b", "X diag(b)", r"X \operatorname{diag}(b)"),
    ("exp(-a)", None, r"e^{-a}"),
    ("exp(-y * (X @ x))", "exp(-y ⊙ X x)", r"e^{-y \odot X x}"),
    ("exp(A)", None, r"\exp(A)"),
    ("σ(z)", None, r"\sigma(z)"),
    ("sqrt(1 + z**2)", "sqrt(1 + z²)", r"\sqrt{1 + z^{2}}"),
    ("log_softmax(z)", None, r"\log \operatorname{softmax}(z)"),
    ("relu(z)", None, r"\operatorname{relu}(z)"),
    ("u * (z > 0)", "u ⊙ [z > 0]", r"u \odot \mathbb{1}[z > 0]"),
    ("[¬(0 ≤ z) ∧ z < u]", "[¬(z ≥ 0) ∧ z < u]", r"\mathbb{1}[\lnot (z \ge 0) \land z < u]"),
    ("[z ≠ u]", None, r"\mathbb{1}[z \ne u]"),
    ("where(z > 0, z, u)", None, r"\begin{cases} z & z > 0 \\ u & \text{otherwise} \end{cases}"),
    ("x[0:2]", None, r"x_{1:2}"),
    ("E[3]", "E[3, :]", r"E_{4, :}"),
    ("E[:, 1:3]", None, r"E_{:, 2:3}"),
    ("x[2]", None, r"x_{3}"),
    ("concat(x, b)", None, r"[x; b]"),
    ("concat(A, X, axis=1)", None, r"[A, X]"),
    ("mu0 - x_i", "μ0 - x_i", r"\mu_{0} - x_{i}"),
    ("delta1 xᵀ", "δ1 xᵀ", r"\delta_{1} x^{\top}"),
    ('einsum("ab,ac->bc", A, B)', 'Aᵀ B', r"A^{\top} B"),
    ('einsum("abc,c->ab", T, y)', None, r"\left(\sum_{k} T_{i j k} y_{k}\right)_{i j}"),
    ('einsum("ab,ab,a->", A, B, y)', None, r"\sum_{i j} A_{i j} B_{i j} y_{i}"),
    ("concat(y, y)[n:2*n]", "concat(y, y)[n:2 n]", r"[y; y]_{n + 1:2 n}"),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "unicode", "tex"), READABLE, ids=[row[0] for row in READABLE])
def test_expressions_are_written_as_on_paper_and_read_back(typed, unicode, tex):
    node = parse(typed, SHAPES)
    assert str(node) == (unicode or typed)
    assert parse(str(node), SHAPES) is node
    assert latex(node) == tex
    assert_latex(tex)
    assert_mathml(mathml(node))


@pytest.mark.parametrize(
    ("name", "unicode", "tex"),
    [
        ("W", "W", "W"),
        ("lam", "λ", r"\lambda"),
        ("theta", "θ", r"\theta"),
        ("Sigma", "Σ", r"\Sigma"),
        ("mu0", "μ0", r"\mu_{0}"),
        ("δ1", "δ1", r"\delta_{1}"),
        ("W12", "W12", "W_{12}"),
        ("x_i", "x_i", "x_{i}"),
        ("lam_max", "λ_max", r"\lambda_{\mathit{max}}"),
        ("a_1_j", "a_1_j", "a_{1, j}"),
        ("dW1", "dW1", r"\mathrm{d} W_{1}"),
        ("dtheta", "dθ", r"\mathrm{d} \theta"),
        ("loss", "loss", r"\mathit{loss}"),
        ("ŷ", "ŷ", r"\hat{y}"),
        ("손실", "손실", r"\text{손실}"),
        ("50% x#1", "50% x#1", r"\text{50\% x\#1}"),
        ("∂J/∂W1", "∂J/∂W1", r"\frac{\partial J}{\partial W_{1}}"),
        ("∂J/∂lam", "∂J/∂λ", r"\frac{\partial J}{\partial \lambda}"),
        ("∂²s/∂u∂x", "∂²s/∂u∂x", r"\frac{\partial^{2} s}{\partial u \partial x}"),
        ("∂²s/∂x²", "∂²s/∂x²", r"\frac{\partial^{2} s}{\partial x^{2}}"),
        ("∂vec(Y)/∂vec(X)", "∂vec(Y)/∂vec(X)", r"\frac{\partial \operatorname{vec}(Y)}{\partial \operatorname{vec}(X)}"),
        ("∂ and no derivative", "∂ and no derivative", r"\text{∂ and no derivative}"),
    ],
)  # fmt: skip
def test_names_in_three_hands(name, unicode, tex):
    assert symbol(name) == unicode
    assert symbol(name, "latex") == tex
    assert_latex(tex)
    assert_mathml(symbol(name, "mathml"))


def test_what_no_formula_types_is_printed():
    x = cr.vector("x", "n")
    assert latex(cr.clip(x, 0, float("inf"))) == r"\operatorname{clip}(x, \text{low} = 0, \text{high} = \infty)"
    assert_mathml(mathml(cr.clip(x, -float("inf"), 0)))
    assert write(cr.gradient(x[1:3] @ x[1:3], x)).endswith("shape=(n,))")
    assert latex(cr.constant([1.0, 2.0]) * cr.vector("v", 2)) == r"\text{[1., 2.]} \odot v"


def test_an_equation_has_a_name_on_its_left():
    g = parse("delta1 xᵀ", SHAPES)
    assert equation("∂J/∂W1", g) == "∂J/∂W1 = δ1 xᵀ"
    assert equation("∂J/∂W1", g, "latex") == r"\frac{\partial J}{\partial W_{1}} = \delta_{1} x^{\top}"
    assert_mathml(equation("∂J/∂W1", g, "mathml"))


def test_a_greek_letter_is_the_variable_that_was_declared_by_its_name():
    lam, mu0 = cr.scalar("lam"), cr.scalar("mu0")
    assert parse("λ μ0", {"lam": (), "mu0": ()}) is lam * mu0
    assert cr.evaluate(lam * mu0, {"lam": 2.0, "mu0": 3.0}) == 6
    assert parse("lam + μ0", {"λ": (), "mu0": ()}) is cr.scalar("λ") + mu0


def test_the_reading_hand_leaves_out_parentheses_that_change_nothing():
    A, y, z = cr.matrix("A", "n", "n"), cr.vector("y", "n"), cr.vector("z", "n")
    readable = lambda node: equation("f", node, "readable").removeprefix("f = ")  # noqa: E731
    assert readable(A.T @ (A @ (A @ y))) == "Aᵀ A A y"
    assert readable((y.T @ z) * (A @ y)) == "(yᵀ z) A y"
    assert readable(A @ (2 * y)) == "A (2 y)"
    assert readable(A @ (y * z)) == "A (y ⊙ z)"


UNREADABLE = {
    "row": "a mark that is gone once it is read",
    "cast": "of a real number to its own kind: nobody can make one",
    "take": "with batch axes",
    "scatter": "a gradient of take",
    "pad": "a gradient of a slice",
}
"""Operations whose rows are written, and are no formulas."""


# ── every operation, the shared formulas and their gradients, and random expressions, in every hand ───


@ROWS
def test_every_operation_is_written_in_every_hand(op, example):
    nodes = operands(example)
    y = make(op, *nodes, **example.attrs)
    assert_latex(latex(y))
    assert_mathml(mathml(y))
    if op.name == "product":  # in the order that has a matrix notation
        y = cr.einsum(example.attrs["letters"], *nodes, sizes=dict(zip("b", example.attrs["sizes"], strict=False)))
    if y.dtype.kind == "f" and op.name not in UNREADABLE:
        back = parse(write(y), {n.attrs["name"]: n for n in nodes})
        assert back is y, f"{y} reads back as {back}"


def test_the_shared_formulas_and_their_gradients_are_written_in_every_hand():
    for entry in formulas.entries():
        node = parse(entry["expr"], formulas.shapes(entry))
        for part in (node, *cr.gradient(cr.sum(node), cr.variables(node))):
            assert_latex(latex(part))
            assert_mathml(mathml(part))
            assert parse(write(part), {v.attrs["name"]: v for v in cr.variables(node)}) is part


@settings(max_examples=500)
@given(expressions())
def test_any_expression_is_well_formed(node):
    assert_latex(latex(node))
    assert_mathml(mathml(node))


def test_what_is_deep_or_wide_is_cut_off_in_every_hand():
    x = cr.scalar("x")
    deep, wide = x, x
    for _ in range(20_000):
        deep = cr.tanh(deep)
    for _ in range(100):
        wide = wide + cr.tanh(wide)  # 2¹⁰⁰ leaves

    def written(node: Node) -> None:
        for hand, mark in ((write, "…"), (latex, r"\dots"), (mathml, "…")):
            text = hand(node, 100)
            assert mark in text and len(text) < 10_000
        assert_latex(latex(node, 100))
        assert_mathml(mathml(node, 100))

    for node in (deep, wide):
        assert cost(lambda node=node: written(node)) < 100


# ── judges ────────────────────────────────────────────────────────────────────────────────────────────

_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|[{}^_&]|[^\\{}^_&\s]")
_BARE = {"^", "_"}


def assert_latex(text):
    """Braces, \\left and \\right, environments and scripts are in order; nothing has two scripts of one kind."""
    stack, scripts = [], [set()]
    assert re.sub(r"\\text\{[^}]*\}", "", text).isascii(), text
    previous = ""
    for token in _TOKEN.findall(text):
        if token in _BARE:
            assert previous not in ("", "{", "&", *_BARE), f"a script of nothing in {text}"
            assert token not in scripts[-1], f"two scripts {token} in {text}"
            scripts[-1].add(token)
        elif token == "{":
            stack.append("{" if previous not in _BARE else "script")
            scripts.append(set())
        elif token == "}":
            assert stack, text
            opened = stack.pop()
            scripts.pop()
            assert opened in ("{", "script"), text
            if opened == "{":
                scripts[-1].clear()
        elif token in (r"\left", r"\begin"):
            stack.append(token)
        elif token in (r"\right", r"\end"):
            assert stack, text
            assert stack.pop() == {r"\right": r"\left", r"\end": r"\begin"}[token], text
            scripts[-1].clear()
        else:
            assert previous not in _BARE, f"a script without braces in {text}"
            assert token != "&" or r"\begin" in stack, text
            scripts[-1].clear()
        previous = token
    assert not stack, text


ELEMENTS = {
    **{"mrow": None, "msqrt": None, "mtable": None, "mtr": None, "mtd": None, "mstyle": 1},
    **{"mi": 0, "mn": 0, "mo": 0, "mtext": 0, "mspace": 0},
    **{"mfrac": 2, "msup": 2, "msub": 2, "msubsup": 3},
}


def assert_mathml(text):
    """Well-formed XML, of elements that browsers draw, each with as many children as it needs."""
    for element in ElementTree.fromstring(f"<math>{text}</math>").iter():
        if element.tag == "math":
            continue
        assert element.tag in ELEMENTS, element.tag
        needed = ELEMENTS[element.tag]
        assert needed is None or len(element) == needed, ElementTree.tostring(element, encoding="unicode")
        assert (element.text or "").strip() == (element.text or "") or element.tag == "mtext"
        assert element.tag in ("mi", "mn", "mo", "mtext") or not element.text, text


def test_the_judges_notice():
    for wrong in ("x^{2}^{3}", "{x", r"\left( x", "x^2", "^{2}", r"\begin{cases} a", "x_{1}_{2}", "a & b", "σ x"):
        with pytest.raises(AssertionError):
            assert_latex(wrong)
    for wrong in ("<mfrac><mi>x</mi></mfrac>", "<b>x</b>", "<msup><mi>x</mi></msup>"):
        with pytest.raises(AssertionError):
            assert_mathml(wrong)
    with pytest.raises(ElementTree.ParseError):
        assert_mathml("<mi>x<mi>")
