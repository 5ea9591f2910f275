"""The records of a trace: values against the interpreter, gradients against closed forms and `gradient`."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import chainrule as cr
from chainrule.algebra.node import Node, make
from chainrule.algebra.notation import readable
from chainrule.algebra.op import OPS
from chainrule.display.draw_parts import picture
from chainrule.display.trace import Trace
from chainrule.display.trace_lines import local_text
from chainrule.display.trace_records import Passes
from chainrule.display.trace_words import GATES, gate_of, remark

LECTURE = {"x": 1, "y": 2, "z": 0}
NEURON = {"w0": 2.0, "x0": -1.0, "w1": -3.0, "x1": -2.0, "w2": -3.0}
WRITTEN_OUT = "1/(1+exp(-(w0*x0+w1*x1+w2)))"
W = [[1, -1, 0, 2], [0, 1, 1, -1], [-2, 0, 1, 1]]
LAYER = {"W": W, "x": [1, 2, 0, -1], "b": [4, 0, 1], "u": [1, -2, 3]}


def numbers(found: Passes) -> dict[str, float]:
    return {row.name: float(found.gradients[row.name]) for row in found.inputs}


# ── the lecture's numbers ─────────────────────────────────────────────────────────────────────────────


def test_the_lecture_s_example():
    t = cr.trace("(x + y) * max(y, z)", LECTURE)
    assert numbers(t) == {"x": 2, "y": 5, "z": 0}
    assert [(row.name, row.symbol, float(row.value), float(row.gradient)) for row in t.rows] == [
        ("x", "x", 1, 2), ("y", "y", 2, 5), ("z", "z", 0, 0), ("a", "+", 3, 2), ("b", "max", 2, 3), ("f", "×", 6, 1),
    ]  # fmt: skip
    assert [row.gate for row in t.operations] == ["distributes", "routes", "switches"]
    assert [float(flow.downstream) for flow in t["y"].uses] == [3, 2], "in the order of the backward pass"
    assert [t.text[a:b] for row in t.operations for a, b in row.spans] == [
        "x + y",
        "max(y, z)",
        "(x + y) * max(y, z)",
    ]


@pytest.mark.parametrize(
    ("text", "values", "value", "gradients"),
    [
        ("(x + y) * z", {"x": -2, "y": 5, "z": -4}, -12, {"x": -4, "y": -4, "z": 3}),
        ("(2*apple + 3*orange) * tax", {"apple": 100, "orange": 150, "tax": 1.1}, 715, {"apple": 2.2, "orange": 3.3, "tax": 650}),
        ("x*y + x", {"x": 3, "y": 4}, 15, {"x": 5, "y": 3}),
        ("x*x", {"x": 3}, 9, {"x": 6}),
        ("max(x, y)", {"x": 1, "y": 1}, 1, {"x": 0.5, "y": 0.5}),
        ("min(x, y) - y/x", {"x": 2, "y": 6}, -1, {"x": 2.5, "y": -0.5}),
    ],
)  # fmt: skip
def test_scalar_circuits(text, values, value, gradients):
    t = cr.trace(text, values)
    assert float(t.result.value) == pytest.approx(value, rel=1e-15)
    assert numbers(t) == pytest.approx(gradients, rel=1e-15)


def test_the_sigmoid_neuron_as_single_gates_and_as_one():
    single, one = cr.trace(WRITTEN_OUT, NEURON), cr.trace(WRITTEN_OUT, NEURON, combine=True)
    assert [row.symbol for row in single.operations] == ["×", "×", "+", "+", "−", "exp", "+", "÷"]
    assert [row.symbol for row in one.operations] == ["×", "×", "+", "+", "σ"]
    p = 1 / (1 + np.exp(-1))
    slope = p * (1 - p)
    expected = {"w0": -slope, "x0": 2 * slope, "w1": -2 * slope, "x1": -3 * slope, "w2": slope}
    assert numbers(single) == pytest.approx(expected, rel=1e-14) and numbers(one) == pytest.approx(
        expected, rel=1e-14
    )
    assert readable(one.result.inputs[0].slope) == "f (1 - f)"


def test_a_layer_with_tensors():
    t = cr.trace("z = W*x + b\nh = relu(z)\ns = u' * h", LAYER)
    w, x, b, u = (np.array(LAYER[k], float) for k in "Wxbu")
    z = w @ x + b
    delta = u * (z > 0)
    for name, expected in {
        "z": delta,
        "h": u,
        "W": np.outer(delta, x),
        "x": w.T @ delta,
        "b": delta,
        "u": np.maximum(z, 0),
    }.items():
        np.testing.assert_array_equal(t.gradients[name], expected)
    assert [row.name for row in t.operations if row.named] == ["z", "h", "s"]
    product = t["a"]
    assert [(readable(f.rule), f.local, local_text(t, f)) for f in product.inputs] == [
        ("δ xᵀ", None, "(·) xᵀ"), ("Wᵀ δ", None, "Wᵀ"),
    ]  # fmt: skip
    assert [local_text(t, f) for f in (*t["h"].inputs, *t["s"].inputs)] == ["[z > 0]", "h", "u"]
    np.testing.assert_array_equal(t["h"].inputs[0].local, [1, 1, 0])


# ── every operation, any graph ────────────────────────────────────────────────────────────────────────


def agrees(expression: Node, values: dict[str, np.ndarray]) -> None:
    """Values as the interpreter has them, gradients as `gradient` has them, and the books of every row."""
    t = cr.trace(expression, values)
    for row in t.rows:
        np.testing.assert_array_equal(row.value, cr.evaluate(row.node, values))
        assert row.shape == np.shape(row.value) and not row.value.flags.writeable
        assert row.gate in GATES and row.symbol
        if row.uses and row is not t.result:
            np.testing.assert_allclose(row.gradient, sum(f.downstream for f in row.uses), rtol=1e-12)
        for flow in row.inputs:
            assert (flow.target, t.rows[flow.source].id) == (row.id, flow.source)
            if flow.downstream is not None:
                assert flow.upstream is row.gradient
                assert flow.downstream.shape == t.rows[flow.source].shape
            if flow.local is not None and (not row.shape or flow.local.shape == row.shape):
                np.testing.assert_allclose(flow.local * flow.upstream, flow.downstream, rtol=1e-12, atol=1e-12)
    inputs = [row for row in t.inputs if row.gradient is not None]
    score = cr.sum(expression) if expression.shape else expression
    expected = cr.evaluate(cr.gradient(score, [row.node for row in inputs]), values)
    for row, gradient in zip(inputs, expected, strict=True):
        assert row.gradient.dtype == gradient.dtype
        np.testing.assert_allclose(row.gradient, gradient, rtol=1e-10, atol=1e-12)


EXAMPLES = [(op, k) for op in OPS.values() for k in range(len(op.examples))]


@pytest.mark.parametrize(("op", "k"), EXAMPLES, ids=lambda v: getattr(v, "name", v))
def test_every_operation(op, k):
    rng = np.random.default_rng(k)
    example = op.examples[k]
    nodes, values = [], {}
    kinds = {"index": np.int64, "truth": np.bool_}
    for n, operand in enumerate(example.operands):
        name = f"x{n}"
        node = cr.variable(name, operand.shape, kinds.get(operand.kind, np.float64))
        if operand.kind == "index":
            values[name] = rng.integers(int(operand.low), int(operand.high), operand.shape)
        elif operand.kind == "truth":
            values[name] = rng.random(operand.shape) > 0.5
        elif operand.kind in ("definite", "regular"):
            a = rng.standard_normal(operand.shape)
            values[name] = a @ np.swapaxes(a, -1, -2) + 2 * np.eye(operand.shape[-1])
        else:
            values[name] = rng.uniform(operand.low, operand.high, operand.shape)
        nodes.append(node)
    expression = make(op, *nodes, **example.attrs)
    if expression.dtype.kind == "f":
        agrees(expression, values)
    else:
        t = cr.trace(expression, values)
        assert t.result.gradient is None and not t.backward and gate_of(t.result.formula) == "compares"


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_random_graphs(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    x, y, A = cr.vector("x", 3), cr.vector("y", 3), cr.matrix("A", 3, 3)
    pool = [x, y, A @ x]
    steps = [
        lambda a, b: a + b, lambda a, b: a * b, lambda a, b: A @ a - b, cr.maximum,
        lambda a, b: cr.tanh(a) * 2, lambda a, b: cr.where(a > b, a, b * a), lambda a, b: cr.sum(a) * b,
        lambda a, b: cr.softmax(a) - b / 3, lambda a, b: cr.concat([a[0:2], b[1:2]]), lambda a, b: a @ b * a,
    ]  # fmt: skip
    for _ in range(data.draw(st.integers(1, 7))):
        pool.append(
            data.draw(st.sampled_from(steps))(data.draw(st.sampled_from(pool)), data.draw(st.sampled_from(pool)))
        )
    values = {"x": rng.uniform(-1, 1, 3), "y": rng.uniform(-1, 1, 3), "A": rng.uniform(-1, 1, (3, 3))}
    agrees(cr.sum(pool[-1] * pool[-2]), values)


def test_float32_stays_float32():
    x = cr.vector("x", 3, dtype=np.float32)
    agrees(cr.sum(cr.tanh(x) * x), {"x": np.array([0.1, 0.2, -3], np.float32)})


def test_named_dimensions_take_the_sizes_of_the_values():
    X, w = cr.matrix("X", "N", "d"), cr.vector("w", "d")
    t = cr.trace(cr.mean((X @ w) ** 2), {X: np.ones((4, 3)), w: np.arange(3.0)})
    assert t.sizes == {"N": 4, "d": 3}
    np.testing.assert_allclose(t.gradients["w"], [6, 6, 6])
    assert [row.name for row in t.rows if row.role == "constant" and not row.shape] == ["2", "N"]


def test_no_nan_comes_from_the_branch_that_was_not_taken():
    x = cr.scalar("x")
    t = cr.trace(cr.where(x > 0, cr.log(x), x), {"x": -1.0})
    assert float(t.gradients["x"]) == 1 == cr.evaluate(cr.gradient(cr.where(x > 0, cr.log(x), x), x), {"x": -1.0})


def test_what_is_not_moved_receives_nothing():
    t = cr.trace("x > 0", {"x": 1})
    assert t.result.gradient is None and "has no gradient" in t.remarks[0] and t.gradients == {}
    sel = cr.trace("sum(E[k] * w)", {"E": [[1.0, 2], [3, 4]], "k": [1, 1], "w": [1.0, 2]})
    assert sel["k"].gradient is None and sel["k"].value.dtype == np.int64
    np.testing.assert_array_equal(sel.gradients["E"], [[0, 0], [2, 4]])
    assert [f.downstream is None for f in sel["a"].inputs].count(True) == 1


# ── arrays, upstream, seeds ───────────────────────────────────────────────────────────────────────────


def test_an_array_begins_with_ones_and_says_so():
    t = cr.trace("W*x", {"W": W, "x": [1, 2, 0, -1]}, syntax="matlab")
    np.testing.assert_array_equal(t.start, [1, 1, 1])
    assert t.remarks == ("W x is 3: the gradients are those of the sum of its entries",)
    chosen = cr.trace("W*x", {"W": W, "x": [1, 2, 0, -1]}, syntax="matlab", upstream=[0, 1, 0])
    np.testing.assert_array_equal(chosen.gradients["x"], W[1])
    assert chosen.remarks == ()
    with pytest.raises(cr.BindingError, match=r"the upstream gradient has the shape of W x, 3, not 2"):
        cr.trace("W*x", {"W": W, "x": [1, 2, 0, -1]}, syntax="matlab", upstream=[0, 1])


def test_what_is_missing_is_listed_with_its_shape():
    with pytest.raises(cr.BindingError) as caught:
        cr.trace("u' * relu(W*x + b)", {"W": W})
    assert str(caught.value).startswith("no value for u (3), x (4), b (3); give them by name, or draw")
    with pytest.raises(cr.BindingError, match=r"no value for z \(a number\); give it by name"):
        cr.trace("(x + y) * max(y, z)", {"x": 1, "y": 2})


def test_what_is_missing_is_drawn_with_a_seed():
    one, two = (cr.trace("u' * relu(W*x + b)", {"W": W}, seed=3) for _ in range(2))
    assert str(one) == str(two) and one["x"].shape == (4,)
    assert cr.trace("(x + y) * max(y, z)", seed=0).result.shape == ()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"x": 1, "y": 2, "z": 0, "q": 1},
            "a value is given for q, which the formula does not have: it has x, y, z",
        ),
        ({"x": [1, 2], "y": 2, "z": [1, 2, 3]}, "axes 2 and 3 differ"),
        ({"x": "one", "y": 2, "z": 0}, "x (scalar) holds real numbers"),
        ({"x": [[1], [2, 3]], "y": 2, "z": 0}, "rows of unequal length"),
        ([1, 2], "values are given by name"),
    ],
)
def test_values_that_do_not_fit(values, said):
    with pytest.raises(cr.ChainruleError) as caught:
        cr.trace("(x + y) * max(y, z)", values)
    assert said in str(caught.value)


def test_values_of_more_than_an_expression_has_are_as_good_as_for_evaluate():
    x = cr.scalar("x")
    assert numbers(cr.trace(x * x, {"x": 3, "y": 4})) == {"x": 6}


def test_a_defined_name_takes_no_value():
    with pytest.raises(cr.FormulaError, match="h is defined by the formula, which gives it its value"):
        cr.trace("h = x + 1; h * h", {"x": 1, "h": 2})


# ── what is traced ────────────────────────────────────────────────────────────────────────────────────


def test_expressions_compiled_functions_and_what_has_values():
    x, y = cr.scalar("x"), cr.scalar("y")
    s = x * y + x

    class Bound:
        expression, values, defined = s, {"x": 3.0}, {"p": x * y}

    compiled = cr.trace(cr.compile([s, cr.gradient(s, x)]), {"x": 3, "y": 4})
    bound = cr.trace(Bound(), {"y": 4.0})
    built = cr.trace(s, {x: 3, y: 4}, defined={"p": x * y}, name="s")
    for t in (compiled, bound, built):
        assert numbers(t) == {"x": 5, "y": 3} and isinstance(t, Trace)
    assert bound["p"].named and [row.name for row in built.operations] == ["p", "s"]
    with pytest.raises(cr.GraphError, match="is traced, not 3"):
        cr.trace(3, {})


def test_the_trace_of_a_matrix_is_still_the_sum_of_its_diagonal():
    X = cr.matrix("X", 3, 3)
    assert str(cr.trace(X)) == "tr(X)"
    assert float(cr.trace(cr.trace(X), {"X": np.eye(3)}).result.value) == 3


def test_names_do_not_collide():
    t = cr.trace("a*b + f*c + δ", dict.fromkeys(["a", "b", "f", "c", "δ"], 2.0), shapes=dict.fromkeys("abfc", ()))
    names = [row.name for row in t.rows]
    assert len(set(names)) == len(names) and t.result.name == "s" and t.upstream == "g"
    many = cr.trace("+".join(f"x{k}*x{k}" for k in range(30)), {f"x{k}": 1 for k in range(30)})
    assert many.operations[0].name == "v1"


def test_a_name_that_is_none():
    with pytest.raises(KeyError, match="no row is called 'q'"):
        cr.trace("x + 1", {"x": 1})["q"]


# ── repetitions, depth, speed ─────────────────────────────────────────────────────────────────────────


def loop(times: int) -> Node:
    x = cr.scalar("x")
    h = x
    for _ in range(times):
        h = cr.tanh(h) + x
    return h


def test_a_loop_is_one_block():
    t = cr.trace(loop(40), {"x": 0.3})
    (block,) = t.blocks
    assert block.length == 2 and block.times in (39, 40)
    inside = [row for row in t.rows if row.block == 0]
    assert len(inside) == block.length * block.times and inside[0].id == block.first
    assert cr.trace("(x + y) * max(y, z)", LECTURE).blocks == ()


def test_long_sums_are_one_block():
    t = cr.trace("+".join(f"w{k}*x{k}" for k in range(20)), {f"{c}{k}": k for c in "wx" for k in range(20)})
    assert sum(b.length * b.times for b in t.blocks) >= 36


def test_deep_graphs_do_not_recurse():
    t = cr.trace(loop(1500), {"x": 0.3})
    h, slope = 0.3, 1.0
    for _ in range(1500):
        h, slope = np.tanh(h) + 0.3, (1 - np.tanh(h) ** 2) * slope + 1
    assert float(t.result.value) == pytest.approx(h, rel=1e-12)
    assert float(t.gradients["x"]) == pytest.approx(slope, rel=1e-12)
    assert len(str(t).splitlines()) < 40


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "values", "row", "said"),
    [
        ("x + max(y, z)", LECTURE, "a", "y > z: all goes to y"),
        ("x + min(y, z)", LECTURE, "a", "y > z: all goes to z"),
        ("x + max(y, z)", {"x": 1, "y": 0, "z": 3}, "a", "y < z: all goes to z"),
        ("x + max(y, z)", {"x": 1, "y": 3, "z": 3}, "a", "y = z: half goes to each"),
        ("x + relu(y)", {"x": 1, "y": 3}, "a", "open: it passes"),
        ("x + relu(y)", {"x": 1, "y": -3}, "a", "closed: nothing passes"),
        ("x * where(y > 0, y, x)", {"x": 1, "y": -3}, "b", "a is false: all goes to x"),
        ("sum(relu(v))", {"v": [1, -1, 2, 0]}, "a", "2 of 4 entries pass"),
        ("3 * max(v)", {"v": [1, -1, 2, 0]}, "a", "1 of 4 entries pass"),
        ("x * y", {"x": 1, "y": 2}, "f", None),
    ],
)
def test_what_a_gate_did(text, values, row, said):
    t = cr.trace(text, values)
    found = remark(t, t[row])
    assert (found and found.en) == said
    if found:
        assert any("가" <= c <= "힣" for c in found.ko)


def test_every_gate_speaks_two_languages():
    for gate in GATES.values():
        for words in gate:
            assert words.en.isascii() or "²" in words.en
            assert any("가" <= c <= "힣" for c in words.ko)


@pytest.mark.parametrize(
    ("text", "values", "row", "said"),
    [
        ("sum(max(0, 1 - s))", {"s": [0, 2]}, "b", ["[a > 0]"]),
        ("norm(x)", {"x": [3, 4]}, "f", ["x/f"]),
        ("x**y", {"x": 2, "y": 3}, "f", ["y · x^(y − 1) = 12", "f log(x) = 5.545"]),
        ("sum(softmax(x) * x)", {"x": [3, 4]}, "a", ["a ⊙ ((·) − (·)ᵀ a)"]),
        ("x/y", {"x": 3, "y": 4}, "f", ["1/y = 0.25", "−f/y = −0.1875"]),
        ("exp(x)", {"x": 0}, "f", ["f = 1"]),
        ("tanh(x)", {"x": 0}, "f", ["1 − f² = 1"]),
        ("sum(E * w)", {"E": [[1.0, 2], [3, 4]], "w": [1, 2]}, "a", ["w", "sum(E ⊙ (·), axis=0)"]),
    ],
)
def test_local_gradients_in_symbols(text, values, row, said):
    t = cr.trace(text, values)
    assert [local_text(t, flow) for flow in t[row].inputs if flow.downstream is not None] == said


@pytest.mark.parametrize(
    ("text", "values", "symbols"),
    [
        (WRITTEN_OUT, NEURON, ["×", "×", "+", "+", "σ"]),
        ("exp(z)/sum(exp(z))", {"z": [1, 2, 3]}, ["softmax"]),
        ("log(sum(exp(z)))", {"z": [1, 2, 3]}, ["logsumexp"]),
        ("log(1 + exp(x))", {"x": 1}, ["softplus"]),
        ("2*x + 3*x", {"x": 2}, ["×", "×", "+"]),
        ("(x + y) * max(y, z)", LECTURE, ["+", "max", "×"]),
    ],
)
def test_only_what_is_written_out_is_combined(text, values, symbols):
    t, single = cr.trace(text, values, combine=True), cr.trace(text, values)
    assert [row.symbol for row in t.operations] == symbols
    np.testing.assert_allclose(t.result.value, single.result.value, rtol=1e-12)
    for name, gradient in numbers_of(single).items():
        np.testing.assert_allclose(t.gradients[name], gradient, rtol=1e-9, atol=1e-15)
    assert t.result.spans


def numbers_of(found: Passes) -> dict[str, np.ndarray]:
    return {row.name: found.gradients[row.name] for row in found.inputs}


def test_an_entry_of_a_known_number_is_one_gate():
    t = cr.trace("z = W @ x; s = exp(z[1]) + sum(W[-1])", {"W": [[1, 2], [3, 4], [5, 6.0]], "x": [0.1, 0.2]})
    assert [row.formula.op.name for row in t.operations] == ["product", "take", "exp", "take", "product", "add"]
    chosen = next(row for row in t.operations if row.gate == "selects")
    assert float(chosen.value) == pytest.approx(1.1)
    assert t.text[slice(*chosen.spans[0])] == "z[1]"
    np.testing.assert_allclose(t.gradients["x"], np.exp(1.1) * np.array([3, 4]))
    np.testing.assert_allclose(t.gradients["W"], [[0, 0], np.exp(1.1) * np.array([0.1, 0.2]), [1, 1]])
    assert chosen.symbol == "[1]" and "├── 1" not in t.tree() and "└── 1" not in t.tree()
    assert [part.kind for part in picture(t).parts].count("constant") == 0
    assert "z_{2}" in t.written("tex")  # on paper entries are counted from 1
