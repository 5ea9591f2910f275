"""The NumPy source of programs computes what the interpreter computes, and reads as people write it."""

import ast
import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest
from formulas import REFERENCE, drawn, shapes
from helpers import draw, op_examples, operands
from hypothesis import given, settings, strategies as st

import chainrule as cr
from chainrule.algebra.node import make, size as size_of, variables
from chainrule.algebra.op import OPS
from chainrule.algebra.parse import formula
from chainrule.algebra.signature import Binding, shape_of
from chainrule.calculus.facts import read_facts
from chainrule.calculus.naming import Line, Program, named, pre_activations
from chainrule.calculus.textbook import textbook
from chainrule.compute.source import python_source
from chainrule.compute.source_rows import ENTRYWISE, WHOLE


def beside(*parts):
    """A file of the repository as a module."""
    path = Path(__file__).parents[2].joinpath(*parts)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


operators = beside("benchmarks", "operators.py").operators
verified = beside("tests", "calculus", "test_formulas.py")


def program(*results, **lines):
    return Program(tuple(Line(name, value, value, "shared") for name, value in lines.items()), tuple(results))


def source(*results, inputs=None, doc="", **lines):
    roots = [*results, *lines.values()]
    given_inputs = inputs or [v for v in variables(*roots) if v.attrs["name"] not in lines]
    labels = [f"r{k}" for k in range(len(results))]
    return python_source("f", given_inputs, program(*results, **lines), labels, doc)


def body(*results, **options):
    """The lines of the function, without its head."""
    return source(*results, **options).split("def f(")[1].split("\n", 1)[1].strip().replace("\n    ", "\n")


def expression(result, **options):
    text = body(result, **options)
    assert text.startswith("return "), text
    return text.removeprefix("return ")


def run(text, values):
    names = {}
    exec(text, names)
    return names["f"](*values)


def assert_computes(root, values, sizes=None):
    """The source of a node gives the interpreter's value, in its shape, as real numbers."""
    inputs = [*variables(root)]
    text = source(root, inputs=inputs)
    wanted = np.asarray(cr.evaluate(root, values, sizes))
    with np.errstate(all="ignore"):
        got = np.asarray(run(text, [values[v.attrs["name"]] for v in inputs]))
    assert got.shape == wanted.shape, text
    assert got.dtype == np.float64, text
    np.testing.assert_allclose(got, wanted.astype(float), rtol=1e-9, atol=1e-11, err_msg=text)


# ── every operation ───────────────────────────────────────────────────────────────────────────────────


def test_every_operation_has_a_row():
    assert set(OPS) - {"variable"} == set(ENTRYWISE) | set(WHOLE)
    assert not set(ENTRYWISE) & set(WHOLE)
    assert {name for name, op in OPS.items() if op.entrywise} - {"cast"} == set(ENTRYWISE)


@pytest.mark.parametrize(("op", "example"), op_examples())
def test_an_operation_computes_what_the_interpreter_does(op, example, rng):
    nodes = operands(example)
    values = {n.attrs["name"]: draw(g, rng) for n, g in zip(nodes, example.operands, strict=True)}
    assert_computes(make(op, *nodes, **example.attrs), values)


LETTERS = "abcd"
SIZES = dict(zip(LETTERS, (2, 3, 4, 1), strict=True))


@st.composite
def products(draw):
    """Letters of a product: any of them repeated, summed, stretched or laid on a diagonal."""
    terms = draw(st.lists(st.text(LETTERS, max_size=3), min_size=1, max_size=3))
    out = draw(st.text(LETTERS, max_size=4))
    return terms, out


@settings(max_examples=400)
@given(products(), st.integers(0, 2**32))
def test_a_product_of_any_letters(letters, seed):
    terms, out = letters
    rng = np.random.default_rng(seed)
    nodes = [cr.variable(f"x{k}", [SIZES[c] for c in term]) for k, term in enumerate(terms)]
    root = cr.einsum(f"{','.join(terms)}->{out}", *nodes, sizes=SIZES)
    values = {n.attrs["name"]: rng.standard_normal(tuple(n.shape)) for n in nodes}
    assert_computes(root, values)


# ── any expression ────────────────────────────────────────────────────────────────────────────────────

VARIABLES = [
    cr.vector("x", 3),
    cr.vector("y", 3),
    cr.vector("z", 2),
    cr.matrix("A", 3, 3),
    cr.matrix("B", 2, 3),
    cr.matrix("K", 3, 1),
    cr.scalar("s"),
]
NUMBERS = [cr.constant(value) for value in (0.0, 1.0, 2.0, -1.0, 0.5, 1 / 3, -2.0)]


def _stretched(draw, x):
    return cr.broadcast_to(x, (draw(st.sampled_from([2, 3])), *x.shape))


def _stretched_behind(draw, x):
    term = LETTERS[: x.ndim]
    return cr.einsum(f"{term}->{term}d", x, sizes={"d": draw(st.sampled_from([2, 3]))})


def _summed(draw, x):
    return cr.sum(x, draw(st.sampled_from([None, *range(x.ndim)])))


def _reduced(draw, x):
    f = draw(st.sampled_from([cr.max, cr.min, cr.logsumexp, cr.softmax, cr.log_softmax, cr.norm2]))
    return f(x, axis=draw(st.sampled_from([*range(x.ndim)]))) if x.ndim else x


def _cut(draw, x):
    k = draw(st.integers(0, int(x.shape[0]) - 1)) if x.ndim else 0
    return (
        x[draw(st.sampled_from([k, slice(k, None), slice(None, None, -1), (..., slice(0, 1))]))] if x.ndim else x
    )


def _units(draw, x):
    return cr.reshape(
        x, draw(st.sampled_from([(*x.shape, 1), (1, *x.shape), tuple(a for a in x.shape if a != 1)]))
    )


def _matrix(draw, x):
    if x.ndim != 2:
        return x
    square = x.shape[0] == x.shape[1]
    return draw(st.sampled_from([cr.transpose, cr.vec, cr.ravel, *([cr.trace, cr.diag] if square else [])]))(x)


UNARY = [
    *(
        lambda draw, x, f=f: f(x)
        for f in (cr.tanh, cr.exp, cr.sigmoid, cr.relu, cr.softplus, abs, cr.sign, cr.square)
    ),
    lambda draw, x: -x,
    lambda draw, x: 1 / (2 + cr.square(x)),
    lambda draw, x: cr.cast(x > 0, float),
    lambda draw, x: cr.cast(cr.less(1, x), float),
    lambda draw, x: cr.diag(x) if x.ndim == 1 else x,
    _stretched,
    _stretched_behind,
    _summed,
    _reduced,
    _cut,
    _units,
    _matrix,
]
BINARY = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / (1 + abs(b)),
    lambda a, b: a / cr.exp(b),
    lambda a, b: a @ b,
    cr.maximum,
    cr.outer,
    cr.kron,
    cr.inner,
    lambda a, b: cr.where(a > b, a, b),
    lambda a, b: cr.concat([a, b]),
    lambda a, b: cr.stack([a, b]),
    lambda a, b: abs(a) ** cr.cast(b > 0, float),
    lambda a, b: cr.solve(cr.outer(a, a) + cr.eye(a.shape[0]), b),
    lambda a, b: cr.inv(a @ a.T + cr.eye(a.shape[0])) @ b,
]


@st.composite
def expressions(draw):
    pool = list(VARIABLES)
    for _ in range(draw(st.integers(2, 12))):
        a = draw(st.sampled_from(pool[-4:] if len(pool) > len(VARIABLES) else pool))
        try:
            if draw(st.booleans()):
                new = draw(st.sampled_from(UNARY))(draw, a)
            else:
                pair = [a, draw(st.sampled_from([*pool, *NUMBERS]))]
                new = draw(st.sampled_from(BINARY))(*(pair if draw(st.booleans()) else pair[::-1]))
        except cr.ChainruleError:
            continue  # these operands do not fit together
        if new.ndim <= 4 and int(np.prod(new.shape)) <= 500:
            pool.append(new)
    return pool[-1]


@settings(max_examples=600)
@given(expressions(), st.integers(0, 2**32))
def test_any_expression_computes_what_the_interpreter_does(root, seed):
    rng = np.random.default_rng(seed)
    values = {v.attrs["name"]: rng.standard_normal(tuple(v.shape)) for v in variables(root)}
    wanted = np.asarray(cr.evaluate(root, values))
    if np.isfinite(wanted).all() and np.abs(wanted).max(initial=0) < 1e6:
        assert_computes(root, values)


# ── how it reads ──────────────────────────────────────────────────────────────────────────────────────

W, A = cr.matrix("W", "n", "m"), cr.matrix("A", "n", "m")
B, X = cr.matrix("B", "m", "k"), cr.matrix("X", "n", "n")
x, y = cr.vector("x", "m"), cr.vector("y", "m")
u, v, z = cr.vector("u", "n"), cr.vector("v", "n"), cr.vector("z", "n")
s, lam = cr.scalar("s"), cr.scalar("lam")

READS = [
    (W @ x, "W @ x"),
    (W.T @ u, "W.T @ u"),
    (W @ B, "W @ B"),
    (A @ W.T, "A @ W.T"),
    (cr.inner(u, v), "u @ v"),
    (cr.inner(u, W @ x), "u @ W @ x"),
    (cr.inner(W.T @ u, x), "u @ W @ x"),
    (cr.outer(u, x), "np.outer(u, x)"),
    (cr.inner(A, W), "np.vdot(A, W)"),
    (u * v, "u * v"),
    (u * u, "u**2"),
    (cr.diag(u), "np.diag(u)"),
    (cr.diag(X), "np.diag(X)"),
    (cr.trace(X), "np.trace(X)"),
    (cr.trace(X @ X), "np.trace(X @ X)"),
    (cr.einsum("ab,ba->", X, X), "np.vdot(X, X.T)"),
    (cr.diag(u) @ W, "u[:, None] * W"),
    (W @ cr.diag(x), "W * x"),
    (cr.sum(W), "np.sum(W)"),
    (cr.sum(W, axis=0), "W.sum(0)"),
    (cr.sum(A * W, axis=1), "(A * W).sum(1)"),
    (cr.sum(u * v), "u @ v"),
    (cr.sum(A * W), "np.vdot(A, W)"),
    (cr.sum(W @ x), "np.sum(W @ x)"),
    (cr.mean(u), "np.mean(u)"),
    (cr.mean(W, axis=0), "W.mean(0)"),
    (W - cr.sum(W, axis=0), "W - W.sum(0)"),
    (cr.einsum("a->ab", u, sizes={"b": "m"}) + W, "u[:, None] + W"),
    (cr.einsum("a->ba", x, sizes={"b": "n"}) * 2 + W, "2 * x + W"),
    (cr.einsum("abc,acd->abd", cr.variable("P", (2, 3, 4)), cr.variable("Q", (2, 4, 5))), "P @ Q"),
    (cr.einsum("ab,cd->acbd", W, B), 'np.einsum("ij,kl->ikjl", W, B)'),
    (2 * W.T, "2 * W.T"),
    (2 * (W.T @ u), "2 * (W.T @ u)"),
    (2 * (W @ B), "2 * W @ B"),
    (-(W @ B), "-W @ B"),
    (-cr.inner(u, v) / s**2, "-(u @ v) / s**2"),
    (u * (W @ x), "u * (W @ x)"),
    ((W @ x) * u, "(W @ x) * u"),
    (u * (v * z), "u * v * z"),
    (u * (cr.mean(v * z) * u), "u * (v @ z / n * u)"),
    (u * (cr.mean(v * z) * u / s), "u * (v @ z / n * u / s)"),
    (cr.cast(s > 0, float) / lam * u, "u * ((s > 0) / lam)"),
    (-(cr.cast(z > 0, float) * (cr.cast(u > v, float) / s)), "-1 * (v < u) / s * (z > 0)"),
    (-(cr.cast(s > 0, float) / lam * u) / v, "-u * ((s > 0) / lam) / v"),
    (u * (1 / s), "u / s"),
    (u * s**-2, "u / s**2"),
    (u / s / s, "u / s**2"),
    (u - (v - z), "u - (v - z)"),
    (u + (v - z), "u + v - z"),
    (u - (-v), "u + v"),
    (-u + v, "v - u"),
    (-(u - v), "v - u"),
    (u * (-(v - z)), "u * (z - v)"),
    (1 - cr.tanh(u) ** 2, "1 - np.tanh(u) ** 2"),
    ((-u) ** 2, "(-u) ** 2"),
    (u**0.5, "np.sqrt(u)"),
    (u**-1, "1 / u"),
    (u ** (1 / 3), "u ** (1 / 3)"),
    (2 / 3 * u, "2 / 3 * u"),
    (1 / 3 * u, "u / 3"),
    (1e-8 + u, "1e-8 + u"),
    (1e20 * u, "1e20 * u"),
    (np.pi * u, "np.pi * u"),
    (X @ X, "X @ X"),
    (cr.matpow(X, 4), "np.linalg.matrix_power(X, 4)"),
    (cr.matpow(X, 3).T @ u, "np.linalg.matrix_power(X, 3).T @ u"),
    (cr.inv(X), "np.linalg.inv(X)"),
    (cr.inv(X) @ u, "np.linalg.solve(X, u)"),
    (cr.inv(X).T @ u, "np.linalg.solve(X.T, u)"),
    (cr.logdet(X), "np.linalg.slogdet(X)[1]"),
    (cr.norm2(u), "np.linalg.norm(u)"),
    (0.5 * cr.norm2(u) ** 2, "0.5 * (u @ u)"),
    (cr.kron(W, B), "np.kron(W, B)"),
    (cr.kron(X.T, cr.eye("n")) + cr.kron(cr.eye("n"), X), "np.kron(X.T, np.eye(n)) + np.kron(np.eye(n), X)"),
    (cr.vec(W), 'W.flatten("F")'),
    (cr.reshape(x, "m", 1), "x[:, None]"),
    (cr.commutation("n", "m"), "commutation(n, m)"),
    (u * cr.cast(z > 0, float), "u * (z > 0)"),
    (cr.cast(z > 0, float) * u, "u * (z > 0)"),
    (cr.cast(z > 0, float), "(z > 0).astype(float)"),
    (cr.cast(cr.less(1, z), float) * u, "u * (z > 1)"),
    (cr.relu(z), "np.maximum(z, 0)"),
    (cr.softplus(z), "np.logaddexp(0, z)"),
    (cr.where((z > 0) & (z < 1), u, 0), "np.where((z > 0) & (z < 1), u, 0)"),
    (
        cr.where(cr.not_equal(cr.where(cr.equal(z, 0), 1, z), v), u, 0),
        "np.where(~(np.where(z == 0, 1, z) == v), u, 0)",
    ),
    (cr.where(cr.not_equal(z, 0), 1, 0.0) * u, "np.where(z != 0, 1.0, 0.0) * u"),
    (u[1:], "u[1:]"),
    (u[:-1], "u[:-1]"),
    (x[2], "x[2]"),
    (W[0], "W[0]"),
    (W[:, 1:3], "W[:, 1:3]"),
    (u[::-1] if isinstance(u.shape[0], int) else cr.vector("c", 4)[::-1], "c[::-1]"),
    (cr.concat([u, x]), "np.concatenate([u, x])"),
    (cr.stack([u, v]), "np.stack([u, v])"),
    (cr.stack([s, lam]), "np.array([s, lam])"),
    (cr.ones("n"), "np.ones(n)"),
    (cr.zeros("n", "m"), "np.zeros((n, m))"),
    (cr.full("n", s), "np.full(n, s)"),
    (s * cr.eye("n"), "s * np.eye(n)"),
    (cr.einsum("a->ab", u, sizes={"b": "m"}), "np.full((n, m), u[:, None])"),
    (cr.outer(2 * u - v, x), "np.outer(2 * u - v, x)"),
]


@pytest.mark.parametrize(("root", "wanted"), READS, ids=lambda p: p if isinstance(p, str) else "")
def test_it_reads_as_people_write(root, wanted):
    inputs = [W, B, X, *(node for node in variables(root) if node not in (W, B, X))]
    found = python_source("f", inputs, program(root), ["r"])
    assert found.rstrip().split("\n")[-1].strip() == f"return {wanted}"


def test_the_function_of_a_network():
    h, delta = cr.vector("h", "n"), cr.vector("δ", "n")
    text = python_source(
        "gradient",
        [W, x, v, u],
        program(cr.outer(delta, x), W.T @ delta, **{"h": cr.tanh(W @ x + v), "δ": u * (1 - h**2)}),
        ["W", "x"],
        "Gradients of uᵀ tanh(W x + v).",
    )
    assert (
        text
        == '''\
import numpy as np


def gradient(W, x, v, u):
    """Gradients of uᵀ tanh(W x + v)."""
    h = np.tanh(W @ x + v)
    delta = u * (1 - h**2)
    return np.outer(delta, x), W.T @ delta
'''
    )


def test_lines_that_no_result_needs_are_left_out():
    h, t = cr.vector("h", "n"), cr.vector("t", "n")
    assert body(2 * h, h=cr.tanh(u), t=h * v, q=t + u) == "h = np.tanh(u)\nreturn 2 * h"


def test_results_that_do_not_fit_into_a_line_stand_one_below_the_other():
    long = [cr.tanh(W @ (x * k)) * cr.sin(u - k * v) for k in (2.0, 3.0, 4.0)]
    lines = body(*long).split("\n")
    assert lines[0] == "return ("
    assert [line.split("  # ")[1] for line in lines[1:-1]] == ["r0", "r1", "r2"]


@pytest.mark.parametrize(
    ("doc", "wanted"),
    [
        ('Gradients.\n\nC:\\new """quoted"""', "Gradients.\n\nC:\\new '''quoted'''"),
        ('Of "softmax"', 'Of "softmax"'),
        ("Of softmax and\nsigmoid", "Of softmax and\nsigmoid"),
    ],
)
def test_a_docstring_is_safe(doc, wanted):
    text = source(u + v, doc=doc)
    (function,) = ast.parse(text).body[1:]
    assert ast.get_docstring(function).rstrip() == wanted


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "wanted"),
    {
        "δ": "delta", "δ1": "delta1", "δ₂": "delta2", "λ": "lam", "lam": "lam", "lambda": "lam", "ε": "eps", "Σ": "Sigma",
        "Λ": "Lambda", "ŷ": "y_hat", "x̄": "x_bar", "ẋ": "x_dot", "∂W": "dW", "W⁽¹⁾": "W_1", "sum": "sum_", "if": "if_",
        "np": "np_", "softmax": "softmax_2", "f'": "f_prime", "ϕ": "phi", "2x": "_2x", "값": "값",
    }.items(),
)  # fmt: skip
def test_a_name_becomes_an_identifier(name, wanted):
    text = source(cr.vector(name, 3) + 1)
    assert f"def f({wanted}):" in text
    assert f"return {wanted} + 1" in text


def test_names_never_meet():
    greek, latin, d = cr.scalar("δ"), cr.scalar("delta"), cr.scalar("n")
    root = cr.full("n", greek * latin) * d + cr.vector("x", "n")
    text = source(root)
    assert "def f(delta, delta_2, n, x):" in text
    assert run(text, [2.0, 3.0, 5.0, np.ones(2)]).tolist() == [31.0, 31.0]
    text = source(cr.full("n", s) * cr.sum(cr.vector("x", "n")) + cr.scalar("t1"))
    assert run(text, [2.0, np.ones(3), 1.0]).tolist() == [7.0, 7.0, 7.0]


def test_a_temporary_has_a_name_of_its_own():
    t1 = cr.vector("t1", 3)
    part = cr.exp(cr.tanh(t1) + cr.sin(t1)) * t1
    assert body(part * cr.cos(part)).split("\n")[0].startswith("t2 = ")


def test_a_variable_that_is_no_input_is_named():
    with pytest.raises(cr.GraphError, match="v is neither an input of the function nor a line of the program"):
        source(u + v, inputs=[u])


# ── sizes ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("shapes", "size", "line"),
    [
        ({"x": ("n",)}, "n", "n = x.shape[0]"),
        ({"A": ("m", "n")}, "n", "n = A.shape[1]"),
        ({"A": ("m", "n")}, "n + m", "m, n = A.shape"),
        ({"A": ("k", "3n"), "x": ("n",)}, "n", "n = x.shape[0]"),
        ({"A": ("k", "3n")}, "n", "n = A.shape[1] // 3"),
        ({"x": ("n + 1",)}, "n", "n = x.shape[0] - 1"),
        ({"x": ("2n + 1",)}, "n", "n = (x.shape[0] - 1) // 2"),
        ({"x": ("n·m",), "y": ("m",)}, "n", "m = y.shape[0]\nn = x.shape[0] // m"),
        ({"x": ("n·m + m",), "y": ("m",)}, "n", "m = y.shape[0]\nn = (x.shape[0] - m) // m"),
        ({"x": ("n·n",)}, "n", "n = round((x.shape[0]) ** 0.5)"),
    ],
)
def test_a_size_is_read_off_the_inputs(shapes, size, line):
    inputs = [cr.variable(name, shape) for name, shape in shapes.items()]
    text = body(cr.zeros(size), inputs=inputs)
    assert text.startswith(line + "\nreturn")
    dims = {"n": 3, "m": 2, "k": 4}
    binding = Binding(dims)
    values = [np.zeros([binding.size(a) for a in v.shape]) for v in inputs]
    (wanted,) = (binding.size(a) for a in shape_of(size))
    assert run(source(cr.zeros(size), inputs=inputs), values).shape == (wanted,)


def test_a_size_that_no_input_tells_is_refused():
    with pytest.raises(
        cr.GraphError, match=r"the size n is not told by x \(m·n\); give an input that has an axis n"
    ):
        source(cr.zeros("n"), inputs=[cr.vector("x", "n·m")])


def test_a_size_is_a_number_too():
    n = cr.variable("x", "n")
    assert body(cr.sum(n) * cr.mean(cr.ones("n")) / size_of("n") ** 2).endswith("/ n**2")


# ── numbers that keep their kind and their digits ─────────────────────────────────────────────────────


def test_whole_numbers_and_truth_values_come_out_real(rng):
    c = cr.cast(x > 0, float)
    for root in (
        cr.constant(2.0),
        cr.full(3, 2.0),
        2 * cr.cast(s > 0, float),
        c + c,
        c - c,
        c * c,
        -c,
        cr.exp(c),
        c @ c,
    ):
        assert_computes(root, {"x": rng.standard_normal(3), "s": np.float64(1.0)})
    assert_computes(cr.where(s > 0, 1, 0) ** -2, {"s": np.float64(1.0)})
    assert_computes(cr.full("m", 2.0) ** -x, {"x": rng.standard_normal(3)})


def test_a_single_truth_value_may_be_pythons_own():
    text = source(cr.where(cr.opposite(s > 0), u, 0))
    assert run(text, [2.0, np.ones(3)]).tolist() == [0.0, 0.0, 0.0]


STABLE = [cr.sigmoid, cr.softplus, cr.softmax, cr.log_softmax, cr.logsumexp, cr.tanh, cr.erf, cr.relu]


@pytest.mark.parametrize("f", STABLE, ids=lambda f: f.__name__)
def test_large_inputs_raise_no_warning(f):
    root = f(u)
    values = np.array([-800.0, 0.0, 800.0, 1e-9])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = run(source(root), [values])
    assert np.isfinite(got).all()
    np.testing.assert_allclose(got, cr.evaluate(root, {"u": values}), rtol=1e-14, atol=1e-300)


def test_only_the_helpers_that_are_used_are_there():
    text = source(cr.softmax(u) * cr.sigmoid(u))
    assert [n.name for n in ast.parse(text).body[1:]] == ["sigmoid", "softmax", "f"]
    assert "import math" in source(cr.erf(u))


def test_a_constant_too_long_to_write_is_refused():
    with pytest.raises(cr.GraphError, match="10,001 entries is too long to write out; make it a variable"):
        source(cr.constant(np.zeros(10_001)))


# ── long and repeated ─────────────────────────────────────────────────────────────────────────────────


def chained(count, step):
    node = cr.vector("x", 3)
    for _ in range(count):
        node = step(node)
    return node


@pytest.mark.parametrize(("step", "count"), [(cr.tanh, 20_000), (lambda n: n * cr.sin(n) - 1, 7_000)])
def test_a_chain_of_20000_nodes_is_compiled_by_python(step, count, rng):
    root = chained(count, step)
    assert_computes(root, {"x": rng.standard_normal(3)})


def test_lines_stay_short_and_shallow():
    text = source(chained(300, lambda n: n * cr.tanh(n + 1)))
    assert max(map(len, text.split("\n"))) <= 100
    assert text.count("\n") < 700


def test_a_long_value_that_repeats_is_computed_once():
    part = cr.exp(cr.tanh(u) + cr.sin(v)) * z
    assert body(part @ part) == "t1 = np.exp(np.tanh(u) + np.sin(v)) * z\nreturn t1 @ t1"


# ── our own and the shared formulas ───────────────────────────────────────────────────────────────────


def values_of(entry, more):
    """Values and the verified derivative of an entry; `more` is added to every size and seeds the values."""
    rng = np.random.default_rng(more)
    dims = {name: size + more for name, size in entry["dims"].items()}
    binding, kinds = Binding(dims), entry.get("sample", {})
    sizes = {name: tuple(binding.size(a) for a in shape_of(axes)) for name, axes in shapes(entry).items()}
    values = {name: np.asarray(drawn(kinds.get(name), size, rng)) for name, size in sizes.items()}
    names = {**REFERENCE, **dims, **values}
    for name, text in entry.get("let", {}).items():
        names[name] = eval(text, names)
    return values, np.asarray(eval(entry["expected_gradient"], names))


def programs(entry):
    """The derivative as the sweep leaves it, and in textbook form with its parts named."""
    read = formula(entry["expr"], shapes(entry))
    facts = read_facts(entry.get("assume", {}), read.variables)
    raw = verified.derivative(read, entry["mode"], entry["wrt"])
    waiting = pre_activations(read.result) if not read.result.shape else []
    signals = cr.gradient(read.result, waiting) if waiting else []
    short, *signals = textbook([raw, *signals], facts)
    named_program = named([short], read.result, {}, dict(zip(waiting, signals, strict=True)))
    return list(read.variables.values()), [program(raw), named_program]


@pytest.mark.parametrize("entry", verified.ENTRIES, ids=lambda e: e["id"] if e else "shared")
def test_a_verified_derivative_is_computed(entry):
    inputs, found = programs(entry)
    sources = [python_source("f", inputs, p, ["r"]) for p in found]
    for more in (0, 1):
        values, wanted = values_of(entry, more)
        for text in sources:
            with np.errstate(all="ignore"):
                got = np.asarray(run(text, [values[v.attrs["name"]] for v in inputs]))
            assert (got.shape, got.dtype) == (wanted.shape, np.float64), text
            np.testing.assert_allclose(got, wanted, rtol=1e-8, atol=1e-9, err_msg=text)


def test_operators_are_counted_as_in_the_reference():
    for entry in (e for e in verified.ENTRIES if isinstance(e, dict)):
        lets = [f"{name} = {text}" for name, text in entry.get("let", {}).items()]
        assert operators("\n".join([*lets, entry["expected_gradient"]])) == entry["ref_nodes"], entry["id"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("A.T @ x", 2),
        ("x[:, None] * A", 2),
        ("-x", 1),
        ("a < b < c", 2),
        ("a and b or c", 2),
        ("(X - Y).sum(0) / n", 3),
        ("np.linalg.slogdet(X)[1]", 2),
        ("z[n : 2 * n]", 2),
        ("m, n = A.shape\nn = x.shape[0] // 2\nnp.eye(n)", 1),
        ("def g(x):\n    return -x\n\n\ndef f(x):\n    n = x.shape[0]\n    h = g(x)\n    return h, 2 * n", 2),
    ],
)
def test_operators(text, count):
    assert operators(text) == count
