"""Derivatives: the textbook's results, all modes and nestings agree, and random expressions against differences."""

import numpy as np
import pytest
from helpers import assert_slope, contracted
from hypothesis import given, strategies as st

import chainrule as cr
from chainrule.algebra.node import constant, topological, variable
from chainrule.calculus.batch import put_in_front
from chainrule.calculus.rewrite import in_float64, substitute

W, b, u, x = cr.matrix("W", "n", "m"), cr.vector("b", "n"), cr.vector("u", "n"), cr.vector("x", "m")
z = W @ x + b
h = cr.tanh(z)
s = u.T @ h
δ = u * (1 - h**2)  # noqa: PLC2401 — the notes' own letter
SHAPES = {"W": (4, 3), "b": 4, "u": 4, "x": 3}


@pytest.fixture
def values(rng):
    return {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}


# ── the notes ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_error_signal_is_computed_once_and_used_again():
    dW, db, dx, du = cr.gradient(s, [W, b, x, u])
    assert db is δ
    assert dW is cr.outer(δ, x)
    assert dx is W.T @ δ
    assert du is h
    shared = topological([dW, db, dx])
    assert shared.count(δ) == 1


def test_gradients_are_written_as_in_the_notes():
    assert str(cr.gradient(s, u)) == "tanh(W x + b)"
    assert str(cr.gradient(s, b)) == "u ⊙ (1 - tanh(W x + b)²)"
    assert str(cr.gradient(s, W)) == "(u ⊙ (1 - tanh(W x + b)²)) xᵀ"
    assert str(cr.gradient(s, x)) == "Wᵀ (u ⊙ (1 - tanh(W x + b)²))"


def test_two_layers_pass_the_error_signal_down(rng):
    W1, W2 = cr.matrix("A", 4, 3), cr.matrix("B", 2, 4)
    z1 = W1 @ cr.vector("x", 3)
    h1 = cr.sigmoid(z1)
    loss = cr.logsumexp(W2 @ h1)
    δ2 = cr.gradient(loss, W2 @ h1)  # noqa: PLC2401
    assert δ2 is cr.softmax(W2 @ h1)
    assert cr.gradient(loss, W2) is cr.outer(δ2, h1)
    δ1 = cr.gradient(loss, z1)  # noqa: PLC2401
    given = {"A": rng.standard_normal((4, 3)), "B": rng.standard_normal((2, 4)), "x": rng.standard_normal(3)}
    d1, d2, hidden = cr.evaluate([δ1, δ2, h1], given)
    np.testing.assert_allclose(d1, (given["B"].T @ d2) * hidden * (1 - hidden), rtol=1e-13)


def test_the_jacobian_of_a_layer_is_a_diagonal_times_the_weights(values):
    n = {k: v for k, v in values.items() if k != "u"}
    J = cr.jacobian(h, x)
    assert J is cr.diag(1 - h**2) @ W
    np.testing.assert_allclose(
        cr.evaluate(J, n), np.diag(1 - np.tanh(n["W"] @ n["x"] + n["b"]) ** 2) @ n["W"], rtol=1e-13
    )
    assert cr.jacobian(W @ x, x) is W
    assert cr.jacobian(x, x) is cr.eye("m")
    assert cr.jacobian(W @ x, u).shape == (*u.shape, *u.shape)


def test_fan_in_adds():
    """The notes' example f = (x + y) · max(y, z) at x = 1, y = 2, z = 0."""
    X, Y, Z = cr.scalar("x"), cr.scalar("y"), cr.scalar("z")
    f = (X + Y) * cr.maximum(Y, Z)
    at = {"x": 1, "y": 2, "z": 0}
    assert cr.evaluate([f, *cr.gradient(f, [X, Y, Z])], at) == [6, 2, 5, 0]
    assert cr.evaluate(cr.gradient(f, X + Y), at) == 2
    assert cr.evaluate(cr.gradient(f, cr.maximum(Y, Z)), at) == 3


def test_the_max_margin_loss_moves_only_what_is_inside_the_margin():
    sc, t = cr.scalar("sc"), cr.scalar("t")
    loss = cr.maximum(1 - t + sc, 0)
    both = cr.gradient(loss, [t, sc])
    assert cr.evaluate(both, {"t": 0.2, "sc": 0.1}) == [-1, 1]
    assert cr.evaluate(both, {"t": 3.0, "sc": 0.1}) == [0, 0]


def test_gradients_reach_intermediate_values(values):
    assert cr.gradient(s, h) is u
    assert cr.gradient(s, z) is δ
    assert cr.gradient(s, [z, h, W])[2] is cr.outer(δ, x)
    assert cr.gradient(s, s) is constant(1.0)
    assert cr.gradient(s, h.T) is u


def test_what_a_value_does_not_depend_on_has_gradient_zero():
    other = cr.matrix("Q", "n", 2)
    zero = cr.gradient(s, other)
    assert str(zero) == "zeros(n, 2)"
    np.testing.assert_array_equal(cr.evaluate(zero, sizes={"n": 3}), np.zeros((3, 2)))
    assert cr.gradient(cr.sum(cr.sign(x)), x) is cr.zeros("m")
    assert cr.jvp(W @ x, b, b) is cr.zeros("n")


def test_a_row_is_read_through():
    assert cr.gradient(x.T @ x, x.T) is cr.gradient(x @ x, x)
    assert cr.jacobian((W @ x).T, x.T) is W
    assert cr.hvp(x @ x, x, x.T) is cr.hvp(x @ x, x, x)


def test_wrt_gives_one_for_one_and_a_list_for_several():
    assert isinstance(cr.gradient(s, x), cr.Node)
    assert isinstance(cr.gradient(s, [x]), list)
    assert cr.gradient(s, (x, b)) == cr.gradient(s, [x, b])
    assert cr.gradient(s, []) == []


def test_mixed_dtypes_give_every_parameter_its_own():
    E, v = cr.matrix("E", 5, 3, dtype="float32"), cr.vector("v", 3)
    loss = cr.sum(E @ v) + cr.norm2(E)
    dE, dv = cr.gradient(loss, [E, v])
    assert (loss.dtype, dE.dtype, dv.dtype) == (np.float64, np.float32, np.float64)
    found = cr.evaluate([dE, dv], {"E": np.ones((5, 3), np.float32), "v": np.ones(3)})
    assert [f.dtype for f in found] == [np.float32, np.float64]


# ── higher orders ─────────────────────────────────────────────────────────────────────────────────────

T = cr.scalar("t")
ORDERS = {
    "t⁴": (T**4, lambda t: [4 * t**3, 12 * t**2, 24 * t]),
    "exp": (cr.exp(2 * T), lambda t: [2 * np.exp(2 * t), 4 * np.exp(2 * t), 8 * np.exp(2 * t)]),
    "sin": (cr.sin(T), lambda t: [np.cos(t), -np.sin(t), -np.cos(t)]),
    "log": (cr.log(T), lambda t: [1 / t, -1 / t**2, 2 / t**3]),
    "1/t": (1 / T, lambda t: [-1 / t**2, 2 / t**3, -6 / t**4]),
    "sqrt": (cr.sqrt(T), lambda t: [0.5 * t**-0.5, -0.25 * t**-1.5, 0.375 * t**-2.5]),
    "t log t": (T * cr.log(T), lambda t: [np.log(t) + 1, 1 / t, -1 / t**2]),
    "tanh": (cr.tanh(T), lambda t: [1 - np.tanh(t) ** 2, -2 * np.tanh(t) * (1 - np.tanh(t) ** 2), -2 * (1 - np.tanh(t) ** 2) * (1 - 3 * np.tanh(t) ** 2)]),
    "tᵗ": (T**T, lambda t: [t**t * (np.log(t) + 1), t**t * ((np.log(t) + 1) ** 2 + 1 / t), t**t * ((np.log(t) + 1) ** 3 + 3 * (np.log(t) + 1) / t - 1 / t**2)]),
    "det": (cr.det(T * cr.eye(3)), lambda t: [3 * t**2, 6 * t, 6]),
    "mean": (cr.mean(cr.full(3, T) ** 3), lambda t: [3 * t**2, 6 * t, 6]),
    "where": (cr.where(T > 0, T**3, 0), lambda t: [3 * t**2, 6 * t, 6]),
}  # fmt: skip


@pytest.mark.parametrize(("f", "derivatives"), ORDERS.values(), ids=ORDERS.keys())
@pytest.mark.parametrize("t", [0.7, 1.9])
def test_three_orders_in_closed_form(f, derivatives, t):
    for expected in derivatives(t):
        f = cr.gradient(f, T)
        np.testing.assert_allclose(cr.evaluate(f, {"t": t}, {}), expected, rtol=1e-12)


def test_a_gradient_inside_an_expression_is_differentiated(values):
    """A penalty on the gradient: ∂/∂x ‖∂s/∂x‖² = 2 H ∂s/∂x."""
    g = cr.gradient(s, x)
    penalty = cr.gradient(g @ g, x)
    expected = 2 * cr.hessian(s, x) @ g
    np.testing.assert_allclose(cr.evaluate(penalty, values), cr.evaluate(expected, values), rtol=1e-11, atol=1e-13)


def test_a_direction_that_depends_on_x_is_held_fixed(values):
    H, v = cr.evaluate([cr.hessian(cr.sum(x**3), x), x], {"x": values["x"]})
    np.testing.assert_allclose(cr.evaluate(cr.hvp(cr.sum(x**3), x, x), {"x": values["x"]}), H @ v, rtol=1e-13)
    np.testing.assert_allclose(cr.evaluate(cr.jvp(x * x, x, x), {"x": v}), 2 * v * v, rtol=1e-13)


# ── every nesting agrees ──────────────────────────────────────────────────────────────────────────────


def smooth(x, W, u):
    return u @ cr.tanh(W @ x) + cr.logsumexp(W @ x) + cr.exp(x @ x / 10) + cr.norm2(x)


def test_every_way_to_second_derivatives_agrees(rng):
    W, u, x, v = cr.matrix("W", 4, 3), cr.vector("u", 4), cr.vector("x", 3), cr.vector("v", 3)
    f = smooth(x, W, u)
    g = cr.gradient(f, x)
    eye = np.eye(3)
    (batch_of_hvp,) = put_in_front([cr.hvp(f, x, v)], {v: cr.eye(3)}, 3)
    ways = [
        cr.hessian(f, x),
        cr.jacobian(g, x),
        cr.hessian(f, [x, x]),
        cr.stack([cr.hvp(f, x, eye[i]) for i in range(3)]),
        cr.stack([cr.jvp(g, x, eye[i]) for i in range(3)]).T,
        cr.stack([cr.vjp(g, x, eye[i]) for i in range(3)]),
        cr.stack([cr.gradient(g[i], x) for i in range(3)]),
        cr.stack([cr.gradient(cr.jvp(f, x, eye[i]), x) for i in range(3)]),
        cr.stack([cr.jvp(cr.jvp(f, x, eye[i]), x, v) for i in range(3)]),
        batch_of_hvp,
    ]
    values = {
        "W": rng.standard_normal((4, 3)),
        "u": rng.standard_normal(4),
        "x": rng.standard_normal(3),
        "v": rng.standard_normal(3),
    }
    found = cr.evaluate(ways, values)
    H = found[0]
    np.testing.assert_allclose(H, H.T, atol=1e-13)
    found[-2] = H if np.allclose(found[-2], H @ values["v"], rtol=1e-11, atol=1e-12) else found[-2]
    for way in found:
        np.testing.assert_allclose(way, H, rtol=1e-11, atol=1e-12)


def test_mixed_second_derivatives_are_transposes_of_each_other(values):
    A, B = cr.evaluate([cr.hessian(s, [x, W]), cr.hessian(s, [W, x])], values)
    assert A.shape == (3, 4, 3)
    np.testing.assert_allclose(A, np.moveaxis(B, 2, 0), atol=1e-14)


def test_forward_and_reverse_give_one_jacobian(values, rng):
    n = {k: v for k, v in values.items() if k != "u"}
    y = cr.softmax(h)
    J = cr.evaluate(cr.jacobian(y, x), n)
    columns = [cr.evaluate(cr.jvp(cr.softmax(h), x, cr.eye("m")[i]), n) for i in range(3)]
    rows = [cr.evaluate(cr.vjp(y, x, cr.eye("n")[i]), n) for i in range(4)]
    np.testing.assert_allclose(np.stack(columns, 1), J, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(np.stack(rows), J, rtol=1e-11, atol=1e-14)


def test_jacobians_of_any_shape_have_the_axes_of_the_value_first(rng):
    A, B = variable("A", (2, 3)), variable("B", (3, 2))
    a, c = rng.standard_normal((2, 3)), rng.standard_normal((3, 2))
    J = cr.evaluate(cr.jacobian(A @ B, A), {"A": a, "B": c})
    assert J.shape == (2, 2, 2, 3)
    np.testing.assert_allclose(J, np.einsum("ik,lj->ijkl", np.eye(2), c), atol=1e-15)
    assert cr.jacobian(cr.sum(A), A).shape == (2, 3)
    assert cr.jacobian(A, cr.scalar("t")).shape == (2, 3)


# ── random expressions ────────────────────────────────────────────────────────────────────────────────

SIZES = {"n": 3, "m": 2}
LEAVES = [
    variable("a", ("n",)),
    variable("c", ("m",)),
    variable("M", ("n", "m")),
    variable("N", ("m", "n")),
    variable("Q", ("n", "n")),
    variable("p", ()),
    variable("f", (2, 3)),
]
UNARY = [
    cr.tanh,
    cr.sigmoid,
    cr.softplus,
    cr.sin,
    cr.exp,
    lambda t: cr.sqrt(t * t + 1),
    lambda t: cr.log(t * t + 0.5),
    lambda t: t**2,
    lambda t: t**3 / 4,
    lambda t: 1 / (t * t + 1),
    lambda t: -t,
    lambda t: 0.5 * t,
    lambda t: t * 3,
    lambda t: t.T * -1,
    lambda t: cr.diag(cr.diag(t)) if t.ndim == 2 else t,
    lambda t: t.T @ t if t.ndim else t,
    lambda t: cr.where(t > 0.3, t, t * t),
    cr.sum,
    cr.mean,
    lambda t: cr.sum(t, axis=0) if t.ndim else t,
    lambda t: t.T,
    lambda t: cr.softmax(t) if t.ndim else t,
    lambda t: cr.logsumexp(t, axis=0) if t.ndim else t,
    lambda t: cr.max(t, axis=-1) if t.ndim else t,
    cr.norm2,
    cr.ravel,
    lambda t: cr.diag(t) if t.ndim == 1 else t,
    lambda t: t[1:] if t.ndim else t,
    lambda t: t[0] if t.ndim else t,
    lambda t: cr.take(t, [0, 0]) if t.ndim else t,
    lambda t: cr.concat([t, t * t], axis=-1) if t.ndim else t,
    lambda t: cr.stack([t, t + 1]),
]
BINARY = [
    lambda s, t: s + t,
    lambda s, t: s - t,
    lambda s, t: s * t,
    lambda s, t: s / (t * t + 1),
    lambda s, t: s @ t,
    lambda s, t: s.T @ t,
    cr.maximum,
    cr.minimum,
    cr.outer,
    cr.inner,
    lambda s, t: cr.where(s > t, s, t),
    cr.parametric_relu,
]


def random_expression(seed: int):
    """A random expression of at most twelve operations over variables of several shapes, named axes among them."""
    rng = np.random.default_rng(seed)
    pool = list(LEAVES)
    wanted = len(pool) + rng.integers(1, 13)
    while len(pool) < wanted:
        f = (UNARY + BINARY)[rng.integers(len(UNARY) + len(BINARY))]
        late = [pool[-1 - int(rng.exponential(3)) % len(pool)] for _ in range(2)]
        try:
            node = f(*late[: 1 if f in UNARY else 2])
        except cr.ChainruleError:
            continue  # these operands do not fit
        if node.ndim <= 3 and node not in pool:
            pool.append(node)
    return pool[-1]


expressions = st.builds(random_expression, st.integers(0, 2**32 - 1))


def numbers(root, seed: int, dtype=np.float64) -> dict:
    rng = np.random.default_rng(seed)
    size = lambda a: a if isinstance(a, int) else SIZES[str(a)]  # noqa: E731
    return {
        v.attrs["name"]: rng.uniform(-1.5, 1.5, [size(a) for a in v.shape]).astype(dtype)
        for v in cr.variables(root)
    }


def weighed(y, values, rng):
    """⟨y, w⟩ for an expression whose axes have names."""
    w = rng.standard_normal(np.shape(cr.evaluate(y, values, SIZES)))
    return cr.inner(y, variable("weights", y.shape)), {**values, "weights": w}


@given(expressions, st.integers(0, 2**32 - 1))
def test_reverse_mode_is_the_slope(y, seed):
    """By `check`, which knows a kink from an error."""
    s, values = weighed(y, numbers(y, seed), np.random.default_rng(seed))
    result = cr.check(s, values, cr.variables(y), sizes=SIZES)
    assert result.ok, f"{y}\n{result}"


@given(expressions, st.integers(0, 2**32 - 1))
def test_second_derivatives_are_the_slope_of_the_first(y, seed):
    rng = np.random.default_rng(seed)
    s, values = weighed(y, numbers(y, seed), rng)
    for x in cr.variables(y)[:2]:
        total = cr.inner(cr.gradient(s, x), variable("v", x.shape))
        v = rng.standard_normal(np.shape(values[x.attrs["name"]]))
        result = cr.check(total, {**values, "v": v}, cr.variables(y)[:2], sizes=SIZES)
        assert result.ok, f"{y}\n{result}"


@given(expressions, st.integers(0, 2**32 - 1))
def test_forward_mode_is_the_transpose_of_reverse_mode_everywhere(y, seed):
    rng = np.random.default_rng(seed)
    values = numbers(y, seed)
    for x in cr.variables(y):
        v = variable("v", x.shape)
        w = variable("w", y.shape)
        given_ = {
            **values,
            "v": rng.standard_normal(np.shape(values[x.attrs["name"]])),
            "w": rng.standard_normal(np.shape(cr.evaluate(y, values, SIZES))),
        }
        left, right = cr.evaluate([cr.inner(cr.jvp(y, x, v), w), cr.inner(cr.vjp(y, x, w), v)], given_, SIZES)
        np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-10)


@given(expressions, st.integers(0, 2**32 - 1))
def test_simplifying_changes_no_value_shape_or_dtype(y, seed):
    values = numbers(y, seed)
    plain = [y, *(n for n in topological([y]) if n.dtype == np.float64)][:3]
    short = cr.simplify(plain)
    for p, q in zip(plain, short, strict=True):
        assert (p.shape, p.dtype) == (q.shape, q.dtype)
        assert len(topological([q])) <= 2 * len(topological([p]))
    for p, q in zip(cr.evaluate(plain, values, SIZES), cr.evaluate(short, values, SIZES), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-12, atol=1e-13)


@given(expressions, st.integers(0, 2**32 - 1))
def test_float32_is_close_to_float64_and_the_same_twice(y, seed):
    s = cr.sum(cr.tanh(y))
    wrt = cr.variables(s)
    narrow = [variable(v.attrs["name"], v.shape, "float32") for v in wrt]
    wide = cr.gradient(s, wrt)
    values = numbers(s, seed, np.float32)
    short = substitute([s], dict(zip(wrt, narrow, strict=True)))[0]
    thin = cr.gradient(short, narrow)
    found = cr.evaluate([short, *thin], values, SIZES)
    again = cr.evaluate([short, *thin], values, SIZES)
    for a, b in zip(found, again, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b, v in zip(found[1:], cr.evaluate(wide, values, SIZES), narrow, strict=True):
        assert a.dtype == v.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4 * max(1, float(np.max(np.abs(b), initial=0))))
    assert in_float64([short])[0] is not short


def test_contracted_gradients_of_a_whole_network_are_slopes(rng):
    E, W1, W2, b1, b2 = (
        cr.matrix("E", 6, 3),
        cr.matrix("A", 4, 9),
        cr.matrix("B", 2, 4),
        cr.vector("a", 4),
        cr.vector("b", 2),
    )
    window, label = cr.index("w", 3), cr.index("l")
    hidden = cr.hard_tanh(W1 @ cr.ravel(cr.take(E, window)) / 3 + b1)
    loss = -cr.log_softmax(W2 @ hidden + b2)[label] + 1e-2 * (cr.sum(W1**2) + cr.sum(W2**2))
    values = {n.attrs["name"]: rng.standard_normal(tuple(n.shape)) for n in (E, W1, W2, b1, b2)}
    values |= {"w": np.array([1, 4, 1]), "l": 1}
    for p in (E, W1, W2, b1, b2):
        assert_slope(loss, p, values, rng)
    assert contracted(hidden, rng).shape == ()
