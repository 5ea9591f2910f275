"""The textbook form: every law on its own example, values kept on random expressions, and forms as books have them."""

import numpy as np
import pytest
from formulas import drawn
from hypothesis import given, strategies as st

import chainrule as cr
from chainrule.algebra.node import Node, topological
from chainrule.algebra.parse import formula
from chainrule.calculus import function_laws, laws
from chainrule.calculus.cost import effort
from chainrule.calculus.facts import Facts, read_facts
from chainrule.calculus.textbook import recognised, textbook

KIND = {
    "positive definite": "spd",
    "symmetric": "sym",
    "one-hot": "onehot",
    "sums to one": "simplex",
    "positive": "pos",
}


def values_of(read, facts, rng, sizes):
    """Random values that obey the facts; made so that logarithms and inverses exist."""
    values = {}
    for name, node in read.variables.items():
        shape = tuple(sizes[str(a)] if not isinstance(a, int) else a for a in node.shape)
        known = facts.of(node)
        kind = next((KIND[f] for f in KIND if f in known), None)
        value = np.asarray(drawn(kind, shape, rng))
        if "rows sum to one" in known:
            value = np.exp(value) / np.exp(value).sum(-1, keepdims=True)
        if "orthogonal" in known:
            value = np.linalg.qr(rng.normal(size=shape))[0]
        if "idempotent" in known:
            basis = np.linalg.qr(rng.normal(size=(shape[0], shape[0])))[0][:, :2]
            value = basis @ basis.T
        if kind is None and len(shape) == 2 and shape[0] == shape[1] and not known:
            value = value + 4 * np.eye(shape[0])
        values[name] = value
    return values


SIZES = {"n": 3, "m": 4, "k": 2, "p": 5}

EXAMPLES = {
    "log Σ exp x = logsumexp x": [("log(sum(exp(x)))", {}, "logsumexp(x)")],
    "log softmax x = log_softmax x": [("y.T @ log(softmax(x))", {}, "yᵀ log_softmax(x)")],
    "exp log_softmax x = softmax x, exp log x = x": [
        ("exp(log_softmax(x))", {}, "softmax(x)"),
        ("exp(log(x))", {"x": "positive"}, "x"),
    ],
    "log (1 + exp x) = softplus x": [
        ("log(1 + exp(x))", {}, "softplus(x)"),
        ("log1p(exp(x))", {}, "softplus(x)"),
        ("log(exp(-x) + 1)", {}, "softplus(-x)"),
    ],
    "log σ(x) = -softplus(-x)": [
        ("log(sigmoid(x))", {}, "-softplus(-x)"),
        ("log(1 - sigmoid(x))", {}, "-softplus(x)"),
    ],
    "log det X = logdet X": [("log(det(X))", {"X": "positive definite"}, "logdet(X)")],
    "inv inv X = X, det inv X = 1 / det X": [
        ("inv(inv(X))", {"X": "symmetric"}, "X"),
        ("det(inv(X))", {"X": "symmetric"}, "1/det(X)"),
        ("logdet(inv(X))", {"X": "positive definite"}, "-logdet(X)"),
    ],
    "inv Xᵀ = (inv X)ᵀ, det Xᵀ = det X": [
        ("inv(X.T) @ inv(X)", {"X": "constant"}, None),
        ("det(X.T)", {"X": "symmetric"}, "det(X)"),
    ],
    "inv I = I": [("inv(eye(n)) @ x + x", {}, "2 x"), ("logdet(eye(n)) + x.T @ x", {}, "xᵀ x")],
    "inv Q = Qᵀ for orthogonal Q": [("inv(Q)", {"Q": "orthogonal"}, "Qᵀ")],
    "inv diag(x) = diag(1 / x), logdet diag(x) = Σ log x": [
        ("inv(diag(x)) @ y", {"x": "positive"}, "y/x"),
        ("logdet(diag(x))", {"x": "positive"}, "sum(log(x))"),
    ],
    "inv(A ⊗ B) = inv A ⊗ inv B, logdet(A ⊗ B) = m logdet A + n logdet B": [
        ("logdet(kron(A, B)) + tr(A) + tr(B)", {"A": "positive definite", "B": "positive definite"}, None)
    ],
    "tr(A ⊗ B) = tr(A) tr(B)": [("tr(kron(X, X))", {"X": "symmetric"}, "tr(X)²")],
    "a slice of a join is its part": [("concat(x, y)[0:n] + x", {}, "2 x")],
    "x == ones c is x == c": [("sum([x == max(x) * ones(n)] * x)", {}, None)],
    "0 < a - b is b < a": [("sum([x - y > 0])", {}, None)],
    "inv(A B) = inv(B) inv(A)": [
        ("inv(A @ B) @ A", {"A": "symmetric", "B": "symmetric"}, None),
        ("det(A @ B) / det(A)", {"A": "symmetric", "B": "symmetric"}, "det(B)"),
    ],
    "X⁻¹ X = I": [
        ("inv(X) @ X @ y", {"X": "symmetric"}, "y"),
        ("x.T @ X @ inv(X) @ y", {"X": "symmetric"}, "xᵀ y"),
        ("inv(A.T @ A) @ A.T @ A @ y", {"A": "constant"}, "y"),
    ],
    "facts about variables": [
        ("sum(y) * x", {"y": "sums to one"}, "x"),
        ("sum(Y, axis=1) + x", {"Y": "rows sum to one"}, "1 + x"),
        ("y**2 + y", {"y": "one-hot"}, "2 y"),
        ("Q.T @ Q @ x", {"Q": "orthogonal"}, "x"),
        ("P @ P @ x", {"P": "idempotent"}, "P x"),
    ],
    "Σ softmax = 1": [("sum(softmax(x)) * y", {}, "y")],
    "exp x / Σ exp x = softmax x": [
        ("exp(x) / sum(exp(x))", {}, "softmax(x)"),
    ],
    "1 / (1 + exp(-x)) = σ(x)": [
        ("1 / (1 + exp(-x))", {}, "σ(x)"),
        ("exp(x) / (1 + exp(x))", {}, "σ(x)"),
        ("exp(x)**2 / (1 + exp(x))**2", {}, "σ(x)²"),
        ("exp(x) / (1 + exp(x))**2", {}, "σ(x) - σ(x)²"),
    ],
    "(eˣ - e⁻ˣ) / (eˣ + e⁻ˣ) = tanh x": [("(exp(x) - exp(-x)) / (exp(x) + exp(-x))", {}, "tanh(x)")],
    "sign(x) |x| = x, |x|² = x²": [("sign(x) * abs(x)", {}, "x"), ("abs(x)**2", {}, "x²")],
    "sign(x) x = |x|": [("sign(x - y) * (x - y)", {}, "|x - y|")],
    "exp u / (exp u + exp v) = σ(u - v)": [("exp(x) / (exp(x) + exp(y))", {}, "σ(x - y)")],
    "exp(-x) σ(x) = 1 - σ(x)": [("exp(-x) * sigmoid(x) + 0*y", {}, None)],
    "log(exp u + exp v) = u + softplus(v - u)": [("log(exp(x) + exp(y))", {}, "x + softplus(y - x)")],
    "relu(x) [x > 0] = relu(x)": [("relu(x - y) * [x - y > 0]", {}, "relu(x - y)"), ("[x > 0]**2", {}, None)],
    "I ⊙ (A + I) = I ⊙ A + I": [("diag(A + eye(n)) + x", {"A": "symmetric"}, None)],
    "Σ (x - Σ x / n) = 0": [("sum(x - sum(x)/n) + x.T @ y", {"x": "constant"}, None)],
    "[x = max x] / number of ties = [x = max x]": [("[x == max(x)] / sum([x == max(x)])", {}, None)],
    "sin² + cos² = 1": [("sin(x)**2 + cos(x)**2 + y", {}, "1 + y")],
}

ROWS = [*laws.TERMS, *laws.SUMS, *function_laws.FUNCTIONS]
SQUARE = dict.fromkeys("XABQPY", ("n", "n")) | {"x": ("n",), "y": ("n",)}


def test_every_law_has_an_example_and_a_name_of_its_own():
    names = [law.name for law in ROWS]
    assert len(set(names)) == len(names)
    assert set(EXAMPLES) == set(names)


@pytest.mark.parametrize("law", ROWS, ids=lambda law: law.name)
def test_a_law_fires_on_its_examples_and_changes_no_value(law, monkeypatch, rng):
    judge(law, law, monkeypatch, rng)


def wrong(law, factor):
    """The law with its result times a number, or never found; it fires a few times at most."""
    fired = []

    def apply(*args):
        found = law.apply(*args) if len(fired) < 3 and factor else None
        if found is None:
            return None
        fired.append(args)
        if isinstance(found, Node):
            return factor * found
        return [term._replace(number=factor * term.number) for term in found] or None

    return law._replace(apply=apply)


@pytest.mark.parametrize("factor", [1.01, -1, None], ids=["scaled", "flipped", "dropped"])
@pytest.mark.parametrize("law", ROWS, ids=lambda law: law.name)
def test_a_wrong_law_is_noticed(law, factor, monkeypatch, rng):
    with pytest.raises(AssertionError):
        judge(law, wrong(law, factor), monkeypatch, rng)


def judge(law, tried, monkeypatch, rng):
    """A law, tried in its place, fires on its examples and changes no value."""
    for text, stated, wanted in EXAMPLES[law.name]:
        read = formula(text, SQUARE if "kron(A" not in text else {"A": (3, 3), "B": (2, 2)})
        facts = read_facts(stated, read.variables)
        fired = []

        def watched(*args, _apply=tried.apply, _fired=fired):
            found = _apply(*args)
            if found is not None:
                _fired.append(args)
            return found

        with monkeypatch.context() as patch:
            for table in (laws.TERM_LAWS, function_laws.FUNCTION_LAWS):
                for name, held in table.items():
                    patch.setitem(table, name, [r._replace(apply=watched) if r is law else r for r in held])
            patch.setattr(
                "chainrule.calculus.reading.SUMS",
                [r._replace(apply=watched) if r is law else r for r in laws.SUMS],
            )
            (after,) = textbook([read.result], facts)
        assert fired, f"{law.name} does not fire on {text}"
        assert after.shape == read.result.shape
        assert wanted is None or str(after) == wanted
        values = values_of(read, facts, rng, SIZES)
        sizes = SIZES if "kron(A" not in text else {}
        right = cr.evaluate(read.result, values, sizes)
        assert np.isfinite(right).all()
        np.testing.assert_allclose(cr.evaluate(after, values, sizes), right, rtol=1e-9, atol=1e-12)


FORMS = [
    ("uᵀ tanh(W x + b)", "W", "(u ⊙ (1 - tanh(W x + b)²)) xᵀ", {}),
    ("x.T @ A @ x", "x", "(A + Aᵀ) x", {}),
    ("x.T @ A @ x", "x", "2 A x", {"A": "symmetric"}),
    ("logsumexp(z) - y.T @ z", "z", "softmax(z) - y", {}),
    ("-y.T @ log(softmax(z))", "z", "softmax(z) - y", {"y": "sums to one"}),
    ("norm2(A @ x - b)**2", "x", "2 Aᵀ (A x - b)", {}),
    ("norm2(b - A @ x)**2", "x", "2 Aᵀ (A x - b)", {}),
    ("tr(X @ B @ X.T)", "X", "X (B + Bᵀ)", {}),
    ("-sum(y*log(sigmoid(X @ w)) + (1 - y)*log(1 - sigmoid(X @ w)))", "w", "Xᵀ (σ(X w) - y)", {}),
    ("sum(1/x)", "x", "-(1/x²)", {}),
    ("max(A @ x)", "x", "Aᵀ [A x == max(A x)]", {}),
    ("sum(x / (1 + abs(x)))", "x", "1/(1 + |x|)²", {}),
    ("-sum(log(sigmoid(x)))", "x", "-σ(-x)", {}),
    ("mean((x - mean(x))**2)", "x", "2/n (x - mean(x))", {}),
]


@pytest.mark.parametrize(("text", "wrt", "wanted", "stated"), FORMS)
def test_gradients_come_out_as_in_books(text, wrt, wanted, stated):
    read = formula(text)
    facts = read_facts(stated, read.variables)
    (s,) = recognised([read.result], facts)
    (found,) = textbook([cr.gradient(s, read.variables[wrt])], facts, given=[s])
    assert str(found) == wanted


def test_facts_are_noted_only_where_the_answer_rests_on_them():
    read = formula("x.T @ A @ x + y.T @ x", {"A": ("n", "n")})
    facts = read_facts(["A: symmetric", "y: sums to one"], read.variables)
    textbook([cr.gradient(read.result, read.variables["x"])], facts)
    assert facts.used == ["A is symmetric"]


UNARY = [
    cr.tanh, cr.exp, cr.sigmoid, cr.softplus, cr.relu, lambda a: -a, lambda a: a.T, lambda a: 2 * a, lambda a: a**2,
    lambda a: a / (1 + a * a), cr.softmax, lambda a: a - cr.mean(a), lambda a: cr.diag(cr.diag(a)), lambda a: 1 - a,
    lambda a: a @ a.T, lambda a: cr.norm2(a) * a, lambda a: a * cr.trace(a), lambda a: a @ cr.eye(3), cr.abs,
    lambda a: cr.inv(a @ a.T + cr.eye(3)), lambda a: cr.where(a > 0, a, 0), lambda a: cr.maximum(a, 0.1),
]  # fmt: skip
BINARY = [
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a @ b, lambda a, b: a.T @ b,
    lambda a, b: a * cr.trace(b), lambda a, b: a * cr.sum(b, axis=0), lambda a, b: a + cr.sum(b), lambda a, b: a @ b @ a,
    lambda a, b: a / (2 + cr.tanh(b)), lambda a, b: cr.outer(a[0], b[1]),
]  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=6))
def test_the_form_keeps_the_value_and_is_found_again(steps):
    pool = [cr.matrix("A", 3, 3), cr.matrix("B", 3, 3)]
    for f, i, j in steps:
        a, b = pool[-1 - i % len(pool)], pool[-1 - j % len(pool)]
        one = UNARY[f % len(UNARY)] if f % 2 else None
        pool.append(one(a) if one else BINARY[f // 2 % len(BINARY)](a, b))
    values = {"A": np.array([[0.3, -0.7, 0.2], [0.5, 0.1, -0.4], [-0.6, 0.8, 0.9]])}
    values["B"] = np.array([[0.2, 0.4, -0.3], [-0.1, 0.7, 0.5], [0.6, -0.2, 0.1]])
    root = pool[-1]
    (short,) = textbook([root], given=[root])
    assert (short.shape, short.dtype) == (root.shape, root.dtype)
    with np.errstate(all="ignore"):
        wanted = cr.evaluate(root, values)
        if np.isfinite(wanted).all() and np.abs(wanted).max() < 1e6:
            np.testing.assert_allclose(cr.evaluate(short, values), wanted, rtol=1e-8, atol=1e-9)
    assert (
        effort([short]) <= effort([cr.simplify(root)]) or effort([short]).operators <= effort([root]).operators + 2
    )


def test_a_long_chain_and_a_wide_sum_live():
    x = cr.vector("x", "n")
    chain = x
    for _ in range(3000):
        chain = cr.tanh(chain) + x
    (found,) = textbook([cr.sum(chain)])
    assert len(topological([found])) > 3000
    wide = sum((cr.sin(k * x) for k in range(1, 80)), x)
    (found,) = textbook([wide])
    at = {"x": np.array([0.1, 0.2])}
    np.testing.assert_allclose(cr.evaluate(found, at), cr.evaluate(wide, at), rtol=1e-12)


def test_no_facts_are_no_facts():
    x = cr.vector("x", "n")
    assert textbook([2 * x + 3 * x], Facts()) == textbook([5 * x])
