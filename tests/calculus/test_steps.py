"""Derivations line by line: every line is true by numbers, at every level of detail, and reads as on paper."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from clock import cost

import chainrule as cr
from chainrule.algebra.entrywise import TANH
from chainrule.algebra.node import Node, variable, variables
from chainrule.algebra.notation import write
from chainrule.algebra.parse import formula
from chainrule.algebra.signature import FLOATS, Binding, shape_of
from chainrule.calculus import differential as differentials, workings
from chainrule.calculus.differential import differential
from chainrule.calculus.facts import read_facts
from chainrule.calculus.kronecker import vec_layout
from chainrule.calculus.layers import gradients_by_layers
from chainrule.calculus.naming import Program, named
from chainrule.calculus.steps import derivation_steps
from chainrule.calculus.textbook import recognised, textbook
from chainrule.errors import SettingError


def _of_tests(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


formulas, helpers = _of_tests("formulas"), _of_tests("helpers")
ENTRIES = formulas.entries()
SPELT = {"sum to one": "sums to one", "rows sum to one": "rows sum to one"}


def question(entry):
    """The expression to derive, the variable, the program with the one result, and the facts."""
    read = formula(entry["expr"], formulas.shapes(entry))
    facts = read_facts(
        {name: SPELT.get(fact, fact) for name, fact in entry.get("assume", {}).items()}, read.variables
    )
    (s,) = recognised([read.result], facts)
    names = entry["wrt"] if isinstance(entry["wrt"], list) else [entry["wrt"]]
    first, x = read.variables[names[0]], read.variables[names[-1]]
    if entry["mode"].startswith("hessian"):
        (s,) = textbook([cr.gradient(s, first)], facts)
    return s, x, program(s, x, facts, stacked=entry["mode"].endswith("_vec")), facts


def program(s, x, facts=None, stacked=False, **defined):
    if not s.shape:
        results, signals = gradients_by_layers(s, [x], facts)
        return named(results, s, defined, signals)
    (slope,) = textbook([cr.jacobian(s, x)], facts)
    return named([vec_layout(slope, s.shape, x.shape, facts) if stacked else slope], s, defined, {})


def derived(text, by, detail=2, facts=None, name="", **shapes):
    """The steps for a formula."""
    read = formula(text, shapes)
    facts = read_facts(facts or {}, read.variables)
    (s,) = recognised([read.result], facts)
    x = read.variables[by]
    return derivation_steps(s, x, program(s, x, facts), detail, facts=facts, name=name)


def drawn(entry, more=0):
    """Values of the variables and of their differentials, and the sizes."""
    sizes = {name: size + more for name, size in entry["dims"].items()}
    rng, binding = np.random.default_rng(more), Binding(sizes)
    values = {}
    for name, axes in formulas.shapes(entry).items():
        shape = tuple(binding.size(a) for a in shape_of(axes))
        values[name] = np.asarray(formulas.drawn(entry.get("sample", {}).get(name), shape, rng))
    return values | {"d" + name: np.asarray(rng.normal(size=v.shape)) for name, v in values.items()}, sizes


def numbers(nodes, values, sizes=None):
    used = {v.attrs["name"] for v in variables(*nodes)}
    return cr.evaluate(list(nodes), {name: v for name, v in values.items() if name in used}, sizes)


def assert_true(steps, values, sizes=None):
    """Both sides of every claim agree at these numbers, and are of one shape."""
    found = numbers([side for step in steps for side in step.claim], values, sizes)
    for step, left, right in zip(steps, found[::2], found[1::2], strict=True):
        assert step.left.shape == step.right.shape
        scale = 1 + np.abs(left).max(initial=0)
        np.testing.assert_allclose(right / scale, left / scale, rtol=0, atol=1e-10, err_msg=said(step))


def assert_slopes(steps, x, values):
    """The differentials are slopes of what they are differentials of, by differences along dx alone."""
    name = x.attrs["name"]
    wholes = {step.left.attrs["name"]: step.claim[0] for step in steps if not step.number}
    seen = 0
    for step in steps:
        whole = wholes.get(step.left.attrs["name"][1:])
        if not step.number or whole is None:
            continue
        seen += 1

        def at(t, whole=whole):
            return numbers([whole], {**values, name: values[name] + t * values["d" + name]})[0]

        wide, narrow = ((at(h) - at(-h)) / (2 * h) for h in (1e-3, 5e-4))
        np.testing.assert_allclose(
            numbers(step.claim[:1], values)[0], (4 * narrow - wide) / 3, rtol=1e-6, atol=1e-7, err_msg=said(step)
        )
    assert seen


def said(step):
    return f"{write(step.left)} = {write(step.right)}   {step.rule}"


def lines(steps):
    return [(step.number, f"{write(step.left)} = {write(step.right)}") for step in steps]


# ── every line is true ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e["id"])
def test_every_line_is_true_at_every_level_and_the_last_is_the_result(entry):
    s, x, program, facts = question(entry)
    values, sizes = drawn(entry)
    for detail in (1, 2, 3):
        steps = derivation_steps(s, x, program, detail, facts=facts)
        assert_true(steps, values, sizes)
        assert steps[-1].right is program.results[0]
        assert_explained(steps, s, x)


def assert_explained(steps, s, x):
    """Every name is defined, lines are numbered in order, and a line refers to lines before it."""
    own = {*variables(s), x}
    moving = {step.left for step in steps if step.number} | {variable("d" + v.attrs["name"], v.shape) for v in own}
    defined = {step.left for step in steps}
    for step in steps:
        for name in variables(step.right):
            is_root = name.shape == s.shape and not any(name is v for v in own)
            assert name in own | moving | defined or is_root, said(step)
    counted = [step.number for step in steps if step.number]
    assert counted == list(range(1, len(counted) + 1)) or not counted
    for step in steps:
        if step.rule.startswith(("put ", "from ")):
            told = [int(k) for k in re.findall(r"\d+", step.rule.partition(":")[0])]
            assert told
            assert max(told) < step.number
        if step is not steps[-1]:
            assert step.rule, said(step)


@pytest.mark.parametrize(
    ("text", "by", "shapes"),
    [
        ("u.T @ tanh(W @ x + b)", "W", {"u": 4, "W": (4, 3), "x": 3, "b": 4}),
        ("u.T @ tanh(W2 @ sigmoid(W1 @ x))", "W1", {"u": 2, "W2": (2, 4), "W1": (4, 3), "x": 3}),
        ("(x.T @ A @ x) / (x.T @ x)", "x", {"x": 3, "A": (3, 3)}),
        ("tr(inv(X.T @ X + eye(2)) @ B)", "X", {"X": (3, 2), "B": (2, 2)}),
        ("norm2(X @ w - y)**2 + lam * norm2(w)", "w", {"X": (4, 3), "w": 3, "y": 4, "lam": ()}),
        ("sum(softmax(K @ x) * exp(v))", "x", {"K": (4, 3), "x": 3, "v": 4}),
        ("sum(sqrt(1 + (A @ x - b)**2) / (2 + cos(x[0]))) ** (1/3)", "x", {"A": (3, 2), "x": 2, "b": 3}),
        ("sum(maximum(W @ x, 0.3 * sin(v)))", "x", {"W": (4, 3), "x": 3, "v": 4}),
    ],
)
def test_the_differential_of_every_stage_is_its_slope_by_differences(text, by, shapes, rng):
    shapes = {name: (shape,) if isinstance(shape, int) else shape for name, shape in shapes.items()}
    values = {name: np.asarray(rng.normal(size=shape)) for name, shape in shapes.items()}
    values["d" + by] = rng.normal(size=shapes[by])
    for detail in (2, 3):
        steps = derived(text, by, detail, **shapes)
        assert_true(steps, values)
        assert_slopes(steps, variable(by, shapes[by]), values)


@pytest.mark.parametrize(("op", "example"), helpers.op_examples())
def test_the_differential_of_every_operation_is_its_forward_derivative(op, example, rng):
    y, nodes, values = helpers.tried(op, example, rng)
    for x in helpers.reals(nodes if y.dtype in FLOATS else []):
        dx = variable("dx", x.shape)
        found = differential(y, {x: dx})
        values["dx"] = rng.normal(size=x.shape)
        wanted = cr.jvp(y, x, dx)
        pair = [wanted if found is None else found, wanted]
        np.testing.assert_allclose(*numbers(pair, values), rtol=1e-12, atol=1e-12)
        assert found is not None or not np.any(numbers([wanted], values)[0])


# ── a wrong line is seen ──────────────────────────────────────────────────────────────────────────────

LAYER = {"u": (4,), "W": (4, 3), "x": (3,), "b": (4,)}


def values_of(shapes, by, rng):
    values = {name: np.asarray(rng.normal(size=shape)) for name, shape in shapes.items()}
    return values | {"d" + by: rng.normal(size=shapes[by])}


def test_a_line_that_is_off_by_a_hundredth_is_seen(rng):
    steps = derived("u.T @ tanh(W @ x + b)", "W", **LAYER)
    values = values_of(LAYER, "W", rng)
    assert_true(steps, values)
    for k, step in enumerate(steps):
        wrong = step._replace(claim=(step.claim[0], 1.01 * step.claim[1]))
        with pytest.raises(AssertionError):
            assert_true([*steps[:k], wrong, *steps[k + 1 :]], values)


def test_a_product_rule_that_forgets_a_factor_is_seen(rng, monkeypatch):
    shapes = {"x": (3,), "A": (3, 3)}
    values = values_of(shapes, "x", rng)

    def forgetful(root, moving):
        found = differential(root, moving)
        return found.inputs[0] if found is not None and found.op.name == "add" else found

    assert_true(derived("x.T @ A @ x", "x", **shapes), values)
    monkeypatch.setattr(workings, "differential", forgetful)
    with pytest.raises(AssertionError):
        assert_true(derived("x.T @ A @ x", "x", **shapes), values)


def test_a_wrong_local_gradient_is_seen(rng, monkeypatch):
    """Lines and claims rest on one rule; the differences do not."""
    values = values_of(LAYER, "W", rng)
    right = TANH.pullback
    differentials._pattern.cache_clear()
    object.__setattr__(TANH, "pullback", lambda k, g, y, x: -right(k, g, y, x))
    try:
        steps = derived("u.T @ tanh(W @ x + b)", "W", **LAYER)
    finally:
        object.__setattr__(TANH, "pullback", right)
        differentials._pattern.cache_clear()
    with pytest.raises(AssertionError):
        assert_slopes(steps, variable("W", (4, 3)), values)


# ── how it reads ──────────────────────────────────────────────────────────────────────────────────────

NAMED = {"u": ("n",), "W": ("n", "m"), "x": ("m",), "b": ("n",)}


def test_one_layer_reads_as_in_the_notes():
    steps = derived("u.T @ tanh(W @ x + b)", "W", **NAMED)
    assert [line for _, line in lines(steps)] == [
        "z = W x + b",
        "h = tanh(z)",
        "ds = uᵀ dh",
        "dh = (1 - h²) ⊙ dz",
        "dz = dW x",
        "ds = δᵀ dz",
        "δ = u ⊙ (1 - h²)",
        "ds = δᵀ (dW x)",
        "ds = ⟨δ xᵀ, dW⟩",
        "∂s/∂W = δ xᵀ",
    ]
    assert [step.number for step in steps] == [0, 0, 1, 2, 3, 4, 0, 5, 0, 0]
    assert [step.rule for step in steps] == [
        "pre-activation",
        "activation",
        "s is linear in h",
        "tanh works element by element: tanh′ = 1 - tanh²",
        "z is linear in W",
        "put 2 in 1",
        "error signal at z",
        "put 3 in 4",
        "aᵀ M b = ⟨a bᵀ, M⟩",
        "n×m, the shape of W: (n×1)(1×m) = n×m",
    ]


TWO = {"W1": ("m", "n"), "b1": ("m",), "W2": ("k", "m"), "b2": ("k",), "U": ("k",), "x": ("n",)}
TWO_LAYERS = "z1 = W1@x + b1; h1 = tanh(z1); z2 = W2@h1 + b2; h2 = tanh(z2); s = U.T@h2"


def test_backprop_is_the_recursion_of_error_signals():
    steps = derived(TWO_LAYERS, "W1", 1, **TWO)
    assert lines(steps)[4:] == [
        (0, "δ2 = U ⊙ (1 - h2²)"),
        (0, "δ1 = W2ᵀ δ2 ⊙ (1 - h1²)"),
        (0, "∂s/∂W1 = δ1 xᵀ"),
    ]
    assert steps[5].rule == "upstream × local, back through h1"


def test_level_two_collects_at_every_error_signal():
    steps = derived(TWO_LAYERS, "W1", **TWO)
    assert [(step.number, step.rule) for step in steps if step.rule.startswith("put")] == [
        (6, "put 2 in 1"),
        (7, "put 4 in 3 in 6"),
        (8, "put 5 in 7"),
    ]


def test_level_three_has_a_line_for_every_operation_and_says_how_shapes_meet():
    steps = derived(TWO_LAYERS, "W1", 3, **TWO)
    found = [line for _, line in lines(steps)]
    assert {"t1 = W1 x", "z1 = t1 + b1", "dz1 = dt1", "dt1 = dW1 x"} <= set(found)
    assert steps[found.index("dt1 = dW1 x")].rule == "t1 is linear in W1; (m×n)(n×1) = m×1"


def test_paths_that_meet_add_up():
    steps = derived("(x.T @ A @ x) / (x.T @ x)", "x", name="s", x=("n",), A=("n", "n"))
    (put,) = [step for step in steps if step.rule.startswith("put")]
    assert put.rule == "put 2 and 3 in 1"
    (told,) = [step.rule for step in steps if "enters" in step.rule]
    assert told.endswith("x enters three times: what reaches it is added up")
    steps = derived("u.T @ (x + tanh(W @ x))", "x", 1, u=("n",), x=("n",), W=("n", "n"))
    assert write(steps[-1].right) in ("u + Wᵀ δ", "Wᵀ δ + u")


@pytest.mark.parametrize(
    ("text", "by", "wanted"),
    [
        ("x.T @ A @ x", "x", "product rule: the factors move one at a time"),
        ("r.T @ r", "r", "product rule, with the same factor twice"),
        ("log(t) / t", "t", "the quotient rule: q = a / b gives dq = (da - q db) / b"),
        ("t**3", "t", "the power rule, d tᵖ = p tᵖ⁻¹ dt"),
        ("t**2", "t", "d t² = 2 t dt"),
        ("norm2(r)**2", "r", "both"),
        ("norm2(r)", "r", "‖r‖² = ⟨r, r⟩ gives d‖r‖ = ⟨r, dr⟩ / ‖r‖"),
        ("tr(inv(A))", "A", "A A⁻¹ = I gives dA⁻¹ = -A⁻¹ dA A⁻¹"),
        ("det(A)", "A", "d det A = det A · tr(A⁻¹ dA)"),
        ("logdet(A)", "A", "d log det A = tr(A⁻¹ dA)"),
        ("logsumexp(r)", "r", "the slope of logsumexp is softmax"),
        ("softmax(r)", "r", "every pᵢ depends on every zⱼ: ∂p/∂z = diag(p) - p pᵀ"),
        ("exp(r)", "r", "exp works element by element: exp is its own slope"),
        ("relu(r)", "r", "relu works element by element: relu′(t) is 1 where t > 0, else 0"),
        ("max(r)", "r", "the largest one passes on its change, the others nothing"),
    ],
)
def test_the_rule_is_called_by_its_name(text, by, wanted):
    shapes = {"x": ("n",), "r": ("n",), "A": ("n", "n"), "t": ()}
    used = {name: shape for name, shape in shapes.items() if re.search(rf"\b{name}\b", text)}
    told = [step.rule for step in derived(text, by, **used)]
    if wanted == "both":  # ‖r‖² is read as rᵀ r, or as it stands
        assert {"product rule, with the same factor twice", "‖r‖² = ⟨r, r⟩ gives d‖r‖² = 2 ⟨r, dr⟩"} & set(told)
    else:
        assert wanted in told


@pytest.mark.parametrize(
    ("text", "by", "wanted"),
    [
        ("a.T @ X @ b", "X", "aᵀ M b = ⟨a bᵀ, M⟩"),
        ("tr(A @ Y)", "Y", "tr is cyclic, tr(A M B) = tr(B A M), and tr(A M) = ⟨Aᵀ, M⟩"),
        ("a.T @ (X @ b)", "b", "aᵀ (B v) = (Bᵀ a)ᵀ v"),
        ("sum(C * (X @ Y))", "Y", "⟨A, B M⟩ = ⟨Bᵀ A, M⟩"),
        ("sum(C * (X @ Y))", "X", "⟨A, M B⟩ = ⟨A Bᵀ, M⟩"),
        (
            "sum(G * tanh(A @ Y + c))",
            "c",
            "put 3 in 4; what is added to every row gets the sum over the rows",
        ),
    ],
)
def test_the_move_to_the_gradient_is_called_by_its_name(text, by, wanted):
    shapes = {
        "a": ("n",),
        "X": ("n", "m"),
        "b": ("m",),
        "A": ("k", "m"),
        "Y": ("m", "k"),
        "C": ("n", "k"),
        "c": ("k",),
    }
    shapes["G"] = ("k", "k")
    used = {name: shape for name, shape in shapes.items() if re.search(rf"\b{name}\b", text)}
    steps = derived(text, by, **used)
    assert any(wanted in step.rule for step in steps), [said(step) for step in steps]


def test_the_gradient_of_a_trace_is_explained_beside_the_result():
    steps = derived("tr(A @ Y)", "Y", A=("n", "m"), Y=("m", "n"))
    assert steps[-1].rule.startswith(
        "tr is cyclic, tr(A M B) = tr(B A M), and tr(A M) = ⟨Aᵀ, M⟩; m×n, the shape of Y"
    )


def test_what_is_added_to_every_row_is_told():
    steps = derived("sum(G * (A @ Y + c))", "c", G=("n", "k"), A=("n", "m"), Y=("m", "k"), c=("k",))
    assert lines(steps)[0] == (1, "ds = sum(G, axis=0)ᵀ dc")
    assert steps[0].rule == "s is linear in c, which is added to every row"


def test_stages_that_branch_are_no_chain():
    steps = derived("u.T @ (x / norm2(x))", "x", u=("n",), x=("n",))
    assert all(" in " not in step.rule.removeprefix("put 2 in 1") for step in steps if step.rule.startswith("put"))


def test_a_jacobian_ends_in_jacobian_times_dx():
    steps = derived("W2 @ tanh(W1 @ x)", "x", W2=("k", "m"), W1=("m", "n"), x=("n",))
    assert lines(steps)[-2][1] == "dy = W2 diag(1 - h²) W1 dx"
    steps = derived("W2 @ tanh(W1 @ x)", "x", 1, W2=("k", "m"), W1=("m", "n"), x=("n",))
    assert [line for _, line in lines(steps)][2:6] == [
        "∂y/∂h = W2",
        "∂h/∂z = diag(1 - h²)",
        "∂z/∂x = W1",
        "∂y/∂x = W2 diag(1 - h²) W1",
    ]


# ── the edges ─────────────────────────────────────────────────────────────────────────────────────────

x, w, A = cr.vector("x", "n"), cr.vector("w", "n"), cr.matrix("A", "n", "n")
AT = {"n": 3}


def at(rng, *nodes: Node):
    return {v.attrs["name"]: rng.normal(size=tuple(AT.get(str(a), a) for a in v.shape)) for v in nodes}


@pytest.mark.parametrize("detail", [1, 2, 3])
def test_what_does_not_move_has_one_line(detail):
    for s in (cr.sum(w), cr.sum(cr.sign(x))):
        (step,) = derivation_steps(s, x, Program((), (cr.gradient(s, x),)), detail)
        assert step.rule == "s does not move with x"


@pytest.mark.parametrize("detail", [1, 2, 3])
def test_an_expression_by_itself_has_the_identity(detail, rng):
    steps = derivation_steps(x, x, program(x, x), detail)
    assert_true(steps, at(rng, x, variable("dx", x.shape)), AT)
    assert "y is x itself" in steps[0].rule


@pytest.mark.parametrize("detail", [1, 2, 3])
def test_a_part_of_the_expression_can_be_what_moves(detail, rng):
    z = A @ x
    s = cr.sum(cr.tanh(z) ** 2)
    steps = derivation_steps(s, z, program(s, z, z=z), detail)
    assert_true(steps, at(rng, A, x, variable("dz", z.shape)), AT)
    assert steps[-1].left.attrs["name"] == "∂s/∂z"


def test_what_may_be_equal_everywhere_counts_as_a_tie(rng):
    s = cr.sum(cr.maximum(cr.maximum(w, x), x) * w)
    steps = derivation_steps(s, x, Program((), (cr.gradient(s, x),)))
    assert_true(steps, at(rng, x, w, variable("dx", x.shape)), AT)


def test_what_only_decides_does_not_move(rng):
    s = cr.where(cr.log(cr.sum(cr.exp(x))) > 1, cr.sum(w), cr.sum(w * x))
    steps = derivation_steps(s, x, program(s, x))
    assert {write(step.left) for step in steps} == {"t1", "ds", "dt1", "∂s/∂x"}
    assert_true(steps, at(rng, x, w, variable("dx", x.shape)), AT)


def test_the_diagonal_of_a_product_is_no_number_times_it(rng):
    s = 2 * cr.trace(cr.sigmoid(A))
    steps = derivation_steps(s, A, program(s, A))
    assert_true(steps, at(rng, A, variable("dA", A.shape)), AT)


def test_a_variable_that_is_called_like_a_differential_keeps_its_name(rng):
    dx = cr.vector("dx", "n")
    s = dx @ cr.tanh(x)
    steps = derivation_steps(s, x, program(s, x))
    assert lines(steps)[1][1] == "Δs = dxᵀ Δh"
    assert_true(steps, at(rng, x, dx, variable("Δx", x.shape)), AT)


def test_names_in_use_are_passed_over(rng):
    s, t1 = cr.vector("s", "n"), cr.scalar("t1")
    expression = cr.log(s @ cr.exp(x)) + t1 * cr.sum(x)
    steps = derivation_steps(expression, x, program(expression, x))
    assert_true(steps, at(rng, x, t1, variable("dx", x.shape)) | {"s": np.ones(3)}, AT)
    lefts = {step.left for step in steps}
    assert not lefts & {s, t1}


def test_facts_are_used_on_the_way(rng):
    steps = derived("x.T @ A @ x", "x", facts={"A": "symmetric"}, x=("n",), A=("n", "n"))
    assert write(steps[-1].right) in ("2 A x", "2 (A x)")
    values = at(rng, x, A, variable("dx", x.shape))
    values["A"] += values["A"].T
    assert_true(steps, values, AT)


def test_a_fact_is_told_where_it_is_used():
    (told,) = [
        s
        for s in derived("x.T @ A @ x", "x", facts={"A": "symmetric"}, x=("n",), A=("n", "n"))
        if "as A" in s.rule
    ]
    assert told.rule.endswith("x enters twice: what reaches it is added up; as A is symmetric")
    shapes = {"y": ("k",), "U": ("k", "n"), "W": ("n", "m"), "x": ("m",)}
    text = "-y.T @ log_softmax(U @ tanh(W @ x))"
    for detail in (2, 3):
        steps = derived(text, "W", detail, facts={"y": "one-hot"}, **shapes)
        (k,) = [k for k, step in enumerate(steps) if "as y is one-hot" in step.rule]
        assert lines(steps)[k + 1][1] == "δ2 = p - y"
    assert not [step for step in derived(text, "W", **shapes) if "one-hot" in step.rule]


def test_float32_stays_float32():
    v = cr.vector("v", "n", dtype=np.float32)
    s = cr.sum(cr.tanh(v) ** 2)
    for step in derivation_steps(s, v, program(s, v), 3):
        assert {side.dtype for side in step.claim} == {np.dtype(np.float32)}


@pytest.mark.parametrize("detail", [0, 4, "2", None])
def test_a_level_that_there_is_not_is_refused(detail):
    with pytest.raises(SettingError, match=r"detail is 1 \(backprop\), 2 \(by differentials\) or 3"):
        derivation_steps(cr.sum(x), x, program(cr.sum(x), x), detail)


def test_a_chain_deeper_than_the_stack_is_derived():
    h = x
    for _ in range(1_100):
        h = cr.tanh(h)
    s = cr.sum(h)
    assert len(derivation_steps(s, x, Program((), (cr.gradient(s, x),)))) > 2_000


def test_an_ordinary_formula_takes_a_few_milliseconds():
    read = formula(TWO_LAYERS, TWO)
    x = read.variables["W1"]
    found = program(read.result, x)
    assert cost(lambda: derivation_steps(read.result, x, found), times=3) < 4


def test_signs_stand_in_front_and_what_moves_behind():
    t, v = cr.scalar("t"), cr.vector("v", "n")
    dt, dv, dA = (variable("d" + n.attrs["name"], n.shape) for n in (t, v, A))
    assert write(differential(-cr.tanh(v), {v: dv})) == "-(1 - tanh(v)²) ⊙ dv"
    assert write(differential(cr.sum(w * v * v), {v: dv})) == "2 (w ⊙ v)ᵀ dv"
    assert write(differential(cr.inv(A) @ v, {A: dA})) == "-A⁻¹ dA A⁻¹ v"
    assert write(differential(cr.logdet(A), {A: dA})) == "tr(A⁻¹ dA)"
    assert differential(3 * t**2, {t: dt}) is 6 * (t * dt)
    assert write(differential(1 - (v - 2 * w), {v: dv})) == "-dv"
    assert differential(t, {t: dt}) is dt
    assert differential(cr.sum(w), {t: dt}) is None
