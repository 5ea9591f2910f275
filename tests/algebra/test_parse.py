"""Formulas: both spellings, shapes from use, what is written reads back, and mistakes are underlined."""

import importlib.util
import itertools
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from clock import cost
from expressions import expressions
from hypothesis import given, settings, strategies as st

import chainrule as cr
from chainrule.algebra.meaning import KNOWN
from chainrule.algebra.parse import formula, parse
from chainrule.errors import ChainruleError, FormulaError, SettingError, ShapeError

_spec = importlib.util.spec_from_file_location("formulas", Path(__file__).parents[1] / "formulas.py")
formulas = importlib.util.module_from_spec(_spec)

W, x, b, u = cr.matrix("W", "n", "m"), cr.vector("x", "m"), cr.vector("b", "n"), cr.vector("u", "n")
A, B = cr.matrix("A", "n", "n"), cr.matrix("B", "n", "n")
c = cr.scalar("c")
SHAPES = {"W": ("n", "m"), "x": ("m",), "b": ("n",), "u": ("n",)}


def reads_back(node):
    back = parse(str(node), {v.attrs["name"]: v for v in cr.variables(node)})
    assert back is node, f"{node} reads back as {back}"


# ── spellings ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "u' * tanh(W*x + b)",
        "u.T @ tanh(W @ x + b)",
        "uᵀ tanh(W x + b)",
        "u^T tanh(W x + b)",
        "z = W@x + b; h = tanh(z); s = u.T@h",
        "z = W*x + b\nh = tanh(z)\nu'*h",
        "u.T @ tanh(\n  W @ x\n  + b)",
    ],
)
def test_one_expression_however_it_is_spelt(text):
    assert parse(text, SHAPES) is u.T @ cr.tanh(W @ x + b)


def test_the_star_is_the_product_in_one_spelling_and_entry_by_entry_in_the_other():
    A, B = cr.matrix("A", "n", "n"), cr.matrix("B", "n", "n")
    given = {"A": A, "B": B}
    assert parse("A*B", given) is A * B
    assert parse("A*B", given, syntax="matlab") is A @ B
    assert parse("A.*B", given) is A * B
    assert parse("A'*B", given) is A.T @ B
    assert parse("A^2", given, syntax="matlab") is A @ A
    assert parse("A**2", given) is A**2


def test_columns_and_rows_are_read_as_on_paper():
    y = cr.vector("y", "m")
    given = {"x": x, "y": y}
    assert parse("x*y'", given) is cr.outer(x, y)
    assert parse("x'*y", given) is x.T @ y
    assert parse("x yᵀ", given) is cr.outer(x, y)
    with pytest.raises(ShapeError, match="two columns side by side"):
        parse("x y", given)
    with pytest.raises(ShapeError, match=r"outer\(x, y\)"):
        parse("x @ y.T", given)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("-u.T @ b", -(u.T @ b)),
        ("-A @ B + A", -(A @ B) + A),
        ("-b**2", -(b**2)),
        ("-2*b", -2 * b),
        ("-2**c", -(2**c)),
        ("2**-c * c", (2**-c) * c),
        ("c * -b * u", (c * -b) * u),
        ("2*A@B", 2 * (A @ B)),
        ("2 A B", 2 * (A @ B)),
        ("(2 A) B", (2 * A) @ B),
        ("2 (A B) b", 2 * (A @ B @ b)),
        ("0.5*c*u.T@b", (0.5 * c) * (u.T @ b)),
        ("0.5 c uᵀ A", (0.5 * c) * (u.T @ A)),
        ("2*b*u", (2 * b) * u),
        ("2*A@B*A", (2 * (A @ B)) * A),
        ("2 A B / c", (2 * (A @ B)) / c),
        ("c/2 A B", (c / 2) * (A @ B)),
        ("A * 2 @ B", (A * 2) @ B),
        ("u ⊙ A b", u * (A @ b)),
        ("A b ⊙ u", (A @ b) * u),
        ("A ⊗ B A", cr.kron(A, B @ A)),
        ("A⁻¹ b", cr.inv(A) @ b),
        ("A⁻ᵀ b", cr.inv(A).T @ b),
        ("A⁻²", cr.inv(A) @ cr.inv(A)),
        ("b⁻¹ + c⁻²", b**-1 + c**-2),
        ("‖A b‖ ‖u‖²", cr.norm2(A @ b) * cr.norm2(u) ** 2),
    ],
)
def test_signs_bind_as_on_paper(text, node):
    given = {"A": A, "B": B, "b": b, "u": u, "c": c}
    assert parse(text, given) is node


def test_only_a_square_matrix_has_an_inverse():
    with pytest.raises(ShapeError, match="inv needs a square matrix, but W is n×m"):
        parse("W⁻¹", SHAPES)


def test_definitions_name_what_they_define():
    read = formula("z1 = W1@x + b1; h1 = tanh(z1); z2 = W2@h1 + b2; h2 = tanh(z2); s = U.T@h2")
    assert list(read.definitions) == ["z1", "h1", "z2", "h2", "s"]
    assert read.result is read.definitions["s"]


# ── shapes from use ───────────────────────────────────────────────────────────────────────────────────


def test_shapes_are_found_from_use():
    read = formula("u.T @ tanh(W @ x + b)")
    W1, x1, b1, u1 = (read.variables[n].shape for n in "Wxbu")
    assert (b1[0], x1[0]) == W1 and u1 == b1 and x1 != b1


def test_a_small_letter_is_a_number_where_a_vector_does_not_fit():
    read = formula("mu.T @ w - 0.5*g*w.T @ S @ w")
    assert read.variables["g"].shape == ()
    assert read.variables["S"].shape == (read.variables["w"].shape * 2)


def test_greek_letters_go_by_two_names():
    lam = cr.scalar("lam")
    assert parse("λ x", {"lam": lam, "x": x}) is parse("lam*x", {"lam": lam, "x": x}) is lam * x
    assert formula("0.5*lam*w.T @ w").variables["lam"].shape == ()


def test_a_dimension_stands_for_its_size():
    n = parse("sum(x)/m", {"x": ("m",)})
    assert cr.evaluate(n, {"x": np.ones(4)}) == 1
    assert parse("ones(m)", {"x": ("m",)}) is cr.ones("m")
    assert parse("x[0:m]", {"x": ("m",)}) is x
    assert parse("x[1:]", {"x": ("m",)}) is x[1:]


# ── what is written reads back ────────────────────────────────────────────────────────────────────────


@settings(max_examples=3000)
@given(expressions())
def test_what_is_written_reads_back_as_the_same_object(node):
    reads_back(node)


@settings(max_examples=200)
@given(expressions(rank=0, depth=3))
def test_gradients_read_back_too(node):
    for v in cr.variables(node):
        reads_back(cr.gradient(node, v))


def test_other_operations_read_back():
    E, i = cr.matrix("E", "V", "n"), cr.index("i", "W")
    for node in (
        cr.take(E, i),
        cr.concat([b, u]),
        cr.reshape(A, "n·n"),
        cr.vector("v", 5)[1:3],
        cr.vector("v", 5)[::-1],
        cr.vector("v", 5)[4:0:-2],
        cr.vector("v", 5)[2],
        x[-1],
        x[-3] * W[0],
        W[:, -1],
        W[1, -2],
        np.pi * x,
        np.pi**2 / c - np.pi / 2,
        b + cr.constant(-0.0),
        cr.gradient(cr.logdet(A), A),
        cr.clip(b, -1, 2),
        cr.leaky_relu(b, 0.1),
        cr.eye("n") + A,
        cr.zeros("n") + b,
        cr.full("n", c) + b,
        cr.broadcast_to(b, ("n", "n")),
        cr.einsum("ab,ac->bc", A, B),
        cr.einsum("ab,cd->abcd", A, B),
        cr.solve(A, b),
        cr.logdet(A),
        cr.matpow(A, 3),
        cr.kron(A, B),
        cr.cast(b > 0, float) * b,
        cr.min(A, axis=(0, 1)),
        cr.mean(A),
    ):
        reads_back(node)


# ── mistakes ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2x + b", "2x needs a sign; write 2*x\n  2x + b\n  ^^"),
        ("(x + y) * mx(y, z)", "unknown function mx; did you mean max?\n  (x + y) * mx(y, z)\n            ^^"),
        ("tanh(W @ x", "')' is missing to close '('\n  tanh(W @ x\n      ^"),
        ("x + ", "the formula ends too early; a variable, number or bracket is missing\n  x + \n      ^"),
        ("x $ y", "'$' means nothing here; leave the dollar signs out\n  x $ y\n    ^"),
        ("", "the formula is empty; write one such as u.T @ tanh(W @ x + b)"),
        ("x**9999999", "a power of 9999999; 64 is the most\n  x**9999999\n  ^^^^^^^^^^"),
        ("x) + y", "')' is not expected here: no '(' is open\n  x) + y\n   ^"),
        ("x + * y", "'*' is not expected here: an operand is missing before '*'\n  x + * y\n      ^"),
        ("x.sum()", "'.sum' means nothing here; functions are called by name, sum(x)\n  x.sum()\n   ^^^^"),
        ("sum(x)*9**9**9", "a power of 9**9; 64 is the most\n  sum(x)*9**9**9\n         ^^^^^^^"),
        ("x" * 20_000, "a name of 20,000 letters; 100 are the most"),
        ("1e400*x", "1e400 is too large for a number of 64 bits\n  1e400*x\n  ^^^^^"),
        ("1e-400*x", "1e-400 is too small for a number of 64 bits\n  1e-400*x\n  ^^^^^^"),
        ("A(1, 2)", "A is no function; for an entry write A[0, 1], which is counted from 0\n  A(1, 2)\n  ^"),
        (
            "A(:, 1)",
            "parts of an array are written in square brackets, counted from 0: A[:, 0]\n  A(:, 1)\n    ^",
        ),
        (
            "np.T @ x",
            "what is np.T? Of NumPy a formula takes functions, as in np.exp(x), and np.pi; name the matrix, as in A.T\n"
            "  np.T @ x\n  ^^^^",
        ),
        ("가중 + $", "'$' means nothing here; leave the dollar signs out\n  가중 + $\n         ^"),
        ("x = x", "x is defined by itself; give what is defined a name of its own\n  x = x\n  ^"),
        (
            "x = y; y = x; x",
            "y is used before the line that defines it; give what is defined a name of its own\n"
            "  x = y; y = x; x\n         ^",
        ),
        (
            "norm(A, 2)",
            "norm(A, 2) has no form here; there are norm2(x), the Euclidean or Frobenius norm, norm1(x), the sum of "
            "absolute values, and max(abs(x))\n  norm(A, 2)\n  ^^^^^^^^^^",
        ),
        ("tanh x", "tanh is a function; write tanh(x)\n  tanh x\n  ^^^^"),
        ("Tanh(x)", "unknown function Tanh; did you mean tanh?\n  Tanh(x)\n  ^^^^"),
    ],
)
def test_a_mistake_is_underlined(text, message):
    with pytest.raises(FormulaError) as caught:
        parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "W @ x + bb",
            "bb is not declared, and b is but is not used; did you mean b?\n  W @ x + bb\n          ^^",
        ),
        (
            "u.T @ tanh(Wx + b)",
            "Wx is not declared, but W and x are; did you mean W @ x?\n  u.T @ tanh(Wx + b)\n             ^^",
        ),
        ("sum(e^x)", "e is not declared; write exp(x) for eˣ\n  sum(e^x)\n      ^^^"),
        ("x(2)", "x is a variable and no function; for an entry write x[1], which is counted from 0\n  x(2)\n  ^"),
    ],
)
def test_an_undeclared_name_that_is_plainly_another_is_refused(text, message):
    with pytest.raises(FormulaError) as caught:
        parse(text, SHAPES)
    assert str(caught.value) == message


def test_a_variable_is_no_size():
    with pytest.raises(ShapeError, match=r"W \(n×m\) is no size; give a number or a name such as n"):
        parse("eye(W)", SHAPES)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("‖x‖ + ||x||", "norm2(x) + norm2(x)"),
        ("np.tanh(W @ x) @ np.linalg.inv(A) @ u", "tanh(W @ x) @ inv(A) @ u"),
        ("W^{T} u", "W.T @ u"),
        ("A^{-1} u", "inv(A) @ u"),
        ("u’*u", "u.T @ u"),
        ("u ∘ b", "u * b"),
        ("W * u[:, None]", "diag(u) @ W"),
        ("ln(dot(u, b))", "log(u @ b)"),
    ],
)
def test_other_spellings_of_the_same(text, meant):
    shapes = {**SHAPES, "A": ("n", "n")}
    names = {
        "W": np.ones((2, 3)),
        "x": np.arange(3.0),
        "u": np.array([1.0, 2]),
        "b": np.array([3.0, 4]),
        "A": np.diag([2.0, 5]),
    }
    values = [
        cr.evaluate(
            parse(t, shapes), {v.attrs["name"]: names[v.attrs["name"]] for v in cr.variables(parse(t, shapes))}
        )
        for t in (text, meant)
    ]
    np.testing.assert_allclose(values[0], values[1])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("u' * W  # it's a remark", "u.T @ W"),
        ("% a remark\nz = W*x; % another\nz.'*z", "z = W@x; z.T@z"),
        ("A \\ b", "solve(A, b)"),
        ("√b + √(u b')", "sqrt(b) + sqrt(outer(u, b))"),
        ("√x^2", "sqrt(x^2)"),
        ("∑ u ⊙ b + c", "sum(u * b) + c"),
        ("2 ∑ x", "2*sum(x)"),
        ("sum(W, 1)", "sum(W, axis=1)"),
        ("mean(W, -1)", "mean(W, axis=-1)"),
        ("sum(W', 1)", "sum(W.T, axis=0)"),
        ("max(W', [], 2)", "max(W.T, axis=1)"),
        ("max(W, 1)", "max(W, axis=1)"),
        ("max(W, 0)", "maximum(W, 0)"),
        ("max(x, 1)", "maximum(x, 1)"),
        ("max(W', 1)", "maximum(W.T, 1)"),
        ("softmax(W, 0)", "softmax(W, axis=0)"),
        ("norm(x, 1)", "norm1(x)"),
        ("norm(x, 2)", "norm2(x)"),
        ("norm(x, inf)", "max(abs(x))"),
        ("norm(W, 'fro')", "norm2(W)"),
        ('norm(W, "fro")', "norm2(W)"),
        ("norm(W, 2, axis=1)", "norm2(W, axis=1)"),
        ("norm(W, 1, 0)", "norm1(W, axis=0)"),
        ("norm(W, ord='fro')", "norm2(W)"),
        ("norm(W, axis=1)", "norm2(W, axis=1)"),
        ("norm(W, 1)", "max(sum(abs(W), axis=0))"),
        ("norm(W, 'inf')", "max(sum(abs(W), axis=1))"),
    ],
)
def test_what_people_paste_is_read_as_they_mean_it(text, meant):
    shapes = {**SHAPES, "A": ("n", "n"), "c": ()}
    assert parse(text, shapes) is parse(meant, shapes)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [(1, 4), (2, 4), (np.inf, 4), (None, 4), (1, (3, 4)), ("fro", (3, 4)), (np.inf, (3, 4)), (None, (3, 4))],
)
def test_norms_are_those_of_numpy(kind, shape):
    value = np.random.default_rng(0).normal(size=shape)
    text = "norm(x)" if kind is None else f"norm(x, {kind!r})"
    np.testing.assert_allclose(
        cr.evaluate(parse(text, {"x": shape}), {"x": value}), np.linalg.norm(value, kind), rtol=1e-14
    )


def test_an_axis_that_a_number_says_is_remarked_on():
    assert formula("sum(A, 1)").remarks == ("sum(A, 1) is along axis 1, counted from 0 as in NumPy",)
    assert formula("sum(A', 1)").remarks == ("sum(Aᵀ, 1) is along axis 1, counted from 1 as in MATLAB",)
    assert formula("sum(x, 0)").remarks == ()
    assert formula("max(A, 1)").remarks == (
        "max(A, 1) is along axis 1, counted from 0 as in NumPy; for each entry write maximum(A, 1)",
    )


@pytest.mark.parametrize(
    ("text", "number"),
    [("softmax(Q@K.T/sqrt(d))@V", "d"), ("sum((X@w - y)**2)/n", "n"), ("sum(x)/(2*N)", "N"), ("x/(n-1)", "n")],
)
def test_a_usual_size_that_only_divides_is_a_number(text, number):
    read = formula(text)
    assert read.variables[number].shape == ()
    assert read.remarks == (f"{number} is read as a number, for it divides; for a vector give its shape",)
    assert formula(text, {number: (1,)}).variables[number].shape == (1,)


def test_what_divides_and_multiplies_is_as_it_was():
    assert formula("n*x/n").variables["n"].ndim == 1 and formula("y/x").variables["x"].ndim == 1
    assert formula("sum(x)/n", {"x": ("n",)}).result is cr.mean(cr.vector("x", "n"))


def test_a_capital_i_is_the_identity():
    read = formula("inv(X.T@X + lam*I)")
    assert read.result is cr.inv(read.variables["X"].T @ read.variables["X"] + cr.scalar("lam") * cr.eye("m"))
    assert read.remarks == ("I is read as the identity matrix; for a variable give its shape, I=n,m",)
    assert [v.attrs["name"] for v in cr.variables(parse("A@I", {"I": ("n", "n")}))] == ["A", "I"]


def test_powers_of_powers_and_means_are_echoed_as_they_are():
    y, X = cr.vector("y", "n"), cr.matrix("X", "m", "k")
    reads_back(parse("x**2**2", {"x": ("n",)}))
    reads_back(cr.outer(y, cr.mean(X, axis=0)))
    assert str(cr.outer(y, cr.mean(X, axis=0))) == "y mean(X, axis=0)ᵀ"


def test_only_text_is_a_formula():
    with pytest.raises(FormulaError, match=r"not 1$"):
        parse(1)
    with pytest.raises(SettingError, match="syntax is python or matlab, not 'foo'"):
        parse("x", syntax="foo")


def test_definitions_that_are_lost_are_remarked_on():
    assert formula("h = x; h = y; h@h").remarks == ("h is defined twice, and the first is not used",)
    assert formula("h = tanh(x); h = h@y").remarks == ("h is defined twice",)
    assert formula("h = tanh(x); sum(x)").remarks == ("h is defined and not used",)
    assert formula("h = tanh(x); s = sum(h)").remarks == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x.T @ x @ x", "one of xᵀ x (scalar) and x (n) is a scalar"),
        ("x @ y.T", "the outer product (n×m)"),
        ("x[::2]", "a step of 2 over axis n of x (n)"),
        ("x[n]", "n (m) selects rows"),
        ("A[0, 1, 2]", "given for A (n×m)"),
        ("reshape(x, n)", "x (m) has m entries and cannot be laid out as n"),
        ("concat(x, A)", "x (n), A (m×k)"),
        ("sum(x, 1)", "axis 1 of x (n): it has 1 axis"),
    ],
)
def test_sizes_that_are_not_known_have_letters_in_messages(text, said):
    with pytest.raises(ChainruleError) as caught:
        parse(text)
    assert said in str(caught.value)
    assert "#" not in str(caught.value)


def test_a_script_without_capitals_is_told_how_to_have_a_matrix():
    with pytest.raises(ShapeError) as caught:
        parse("가중.T @ tanh(행렬 @ 입력)")
    said, formula_line, marks, repair = str(caught.value).split("\n")
    assert "#" not in said
    assert (formula_line, marks) == ("  가중.T @ tanh(행렬 @ 입력)", "  " + "^" * 26)
    assert repair == "행렬 is read as a vector, for it has no capital; for a matrix give 행렬=n,m"
    assert parse("가중.T @ tanh(행렬 @ 입력)", {"행렬": ("n", "m")}).shape == ()


def test_pi_is_the_number():
    assert cr.evaluate(parse("2*pi"), {}) == 2 * np.pi
    assert str(parse("pi*x")) == "π x" and str(parse("pi*x", {"pi": ()})) == "π x"
    assert cr.variables(parse("2*pi", {"pi": ()})) == [cr.scalar("pi")]


def test_a_misfit_is_underlined_where_it_is():
    with pytest.raises(ShapeError) as caught:
        parse("u' * tanh(W*b + x)", SHAPES)
    assert str(caught.value) == (
        "W @ b: W is n×m and b is n, so the inner axes m and n differ; W.T @ b or b @ W would fit\n"
        "  u' * tanh(W*b + x)\n"
        "            ^^^"
    )


@pytest.mark.parametrize(
    "bomb",
    [
        "(" * 100_000,
        "x" * 1_000_000,
        "-" * 5000 + "x",
        "x" + "'" * 9000,
        "1" * 5000,
        "x+" * 9000 + "x",
        "[" * 999,
        "|" * 999,
    ],
)
def test_bombs_are_refused_or_read_at_once(bomb):
    def read() -> None:
        with suppress(ChainruleError):
            parse(bomb)

    assert cost(read) < 20


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "x.__class__",
        "lambda: 1",
        "f'{x}'",
        "(x := 1)",
        "eval(x)",
        "x if y else z",
        "open(x)",
        "`id`",
    ],
)
def test_no_formula_runs_code(text):
    with pytest.raises(ChainruleError):
        parse(text)


@settings(max_examples=500)
@given(st.text(alphabet="xyWAb01.+-*/^@'()[],;:=<>|ᵀ² \n\"{}⟨⟩tanhsumeix", max_size=40))
def test_only_our_errors_escape(text):
    with suppress(ChainruleError):
        parse(text)


@pytest.mark.parametrize("name", KNOWN)
def test_a_function_takes_its_arguments_or_says_that_it_does_not(name):
    choices = ("x", "W", "2", "0.5", "1e400", "(x, W)", "[2]")
    for count in range(4):
        for arguments in itertools.product(choices, repeat=count):
            with suppress(ChainruleError):
                parse(f"{name}({', '.join(arguments)})", SHAPES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("reshape()", "reshape does not take these arguments"),
        ("matpow(A)", "matpow does not take these arguments"),
        ("full(2)", "full does not take these arguments"),
        ("einsum()", "einsum does not take these arguments"),
        ("eye(1, 2)", "eye does not take these arguments"),
        ("x[1e400]", "a whole number is needed here"),
        ("sum(x, axis=1e400)", "a whole number is needed here"),
        ("x^1e300", "a power of 1e300; 64 is the most"),
    ],
)
def test_arguments_that_do_not_fit_are_named(text, message):
    with pytest.raises(FormulaError) as caught:
        parse(text)
    assert str(caught.value).startswith(f"{message}\n  {text}\n")


# ── the shared formulas ───────────────────────────────────────────────────────────────────────────────


def shared():
    _spec.loader.exec_module(formulas)
    return formulas.entries()


def test_the_shared_formulas_are_read_in_both_spellings_and_read_back():
    for entry in shared():
        declared = formulas.shapes(entry)
        node = parse(entry["expr"], declared)
        reads_back(node)
        if "alt" in entry:
            assert parse(entry["alt"], declared) is node
        formula(entry["expr"])  # and with shapes from use


def test_the_shared_mistakes_name_the_axes():
    for entry in (
        e for e in (shared() and formulas.entries("formula_errors.json")) if e["kind"] in ("shape", "square")
    ):
        with pytest.raises(ShapeError) as caught:
            parse(entry["expr"], formulas.shapes(entry))
        for word in entry["message_should_name"]:
            assert word.replace(" x ", "×") in str(caught.value)
