"""The checker finds what is wrong, says where and why, and calls a kink a kink."""

import numpy as np
import pytest
from helpers import contracted, op_examples, operands, reals, tried

import chainrule as cr
from chainrule.algebra.node import make
from chainrule.algebra.signature import FLOATS

x, s, k = cr.vector("x", "n"), cr.scalar("s"), cr.index("k")
W, b, u, v = cr.matrix("W", 4, 3), cr.vector("b", 4), cr.vector("u", 4), cr.vector("v", 3)
score = u.T @ cr.tanh(W @ v + b)
ROWS = [
    row for row in op_examples() if make(row.values[0], *operands(row.values[1]), **row.values[1].attrs).dtype in FLOATS
]  # fmt: skip


@pytest.fixture
def values(rng):
    return {n.attrs["name"]: rng.standard_normal(tuple(n.shape)) for n in (W, b, u, v)}


def gradient_of(node, values):
    return np.asarray(cr.evaluate(cr.gradient(score, node), values))


# ── right gradients ───────────────────────────────────────────────────────────────────────────────────


def test_a_right_gradient_is_right(values):
    result = cr.check(score, values)
    assert result.ok
    assert result
    assert [row.name for row in result.rows] == ["u", "W", "v", "b"]
    assert [row.verdict for row in result.rows] == ["ok"] * 4
    assert [len(row.entries) for row in result.rows] == [4, 12, 3, 4]
    assert max(e.error for row in result.rows for e in row.entries) < 1e-7


@pytest.mark.parametrize(("op", "example"), ROWS)
def test_every_pullback_is_right_and_every_mutation_of_it_is_found(op, example, rng):
    y, nodes, given = tried(op, example, rng)
    loss = contracted(y, rng)
    for p in reals(nodes):
        name, d = p.attrs["name"], np.asarray(cr.evaluate(cr.gradient(loss, p), given))
        assert cr.check(loss, given, [p]).ok
        if not d.any():
            continue
        wrong = {"scaled": 1.01 * d, "turned round": -d, "dropped": 0 * d, "halved": d / 2}
        wrong["one entry"] = d.copy()
        wrong["one entry"].flat[np.abs(d).argmax()] += 1e-3
        if d.ndim == 2 and d.shape[0] == d.shape[1] and not np.allclose(d, d.T):
            wrong["transposed"] = d.T
        for what, claim in wrong.items():
            assert not cr.check(loss, given, [p], claims={name: claim}).ok, what


# ── causes ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("mutate", "cause"),
    [
        (lambda d: 2 * d, "a factor 2 too many"),
        (lambda d: d / 2, "a missing factor 2"),
        (lambda d: -d, "the sign"),
        (lambda d: -2 * d, "the sign and a factor 2"),
        (lambda d: 1.7 * d, "one factor, 1.7, in every entry"),
        (lambda d: d / 8, "a mean where the sum is taken, or a missing sum over a batch of 8"),
        (lambda d: d * 8, "a sum where the mean is taken, or a missing sum over a batch of 8"),
        (lambda d: d * np.nan, "the gradient is NaN: an intermediate value is infinite or undefined here"),
    ],
)
def test_the_likely_cause_is_named(mutate, cause, values):
    result = cr.check(score, values, [W], claims={"W": mutate(gradient_of(W, values))})
    (row,) = result.rows
    assert (row.verdict, row.cause) == ("WRONG", cause)
    assert not result.ok
    assert cause in str(result)


def test_a_missing_transpose_is_named(rng):
    A, a = cr.matrix("A", 3, 3), rng.standard_normal((3, 3))
    loss = cr.trace(A @ cr.constant(rng.standard_normal((3, 3))) @ A)
    d = cr.evaluate(cr.gradient(loss, A), {"A": a})
    assert cr.check(loss, {"A": a}, claims={"A": d.T}).rows[0].cause == "a missing transpose"
    B, c = cr.matrix("B", 2, 3), rng.standard_normal((2, 3))
    loss = cr.sum(B @ cr.constant(rng.standard_normal((3, 2))))
    d = cr.evaluate(cr.gradient(loss, B), {B: c})
    row = cr.check(loss, {"B": c}, claims={"B": d.T}).rows[0]
    assert row.cause == "the gradient of B (2×3) is given as 3×2: a missing transpose"


def test_a_missing_sum_over_the_batch_is_named(rng):
    X = cr.matrix("X", 5, 3)
    bias = cr.vector("b", 4)
    h = cr.tanh(X @ W.T + bias)
    given = {"X": rng.standard_normal((5, 3)), "W": rng.standard_normal((4, 3)), "b": rng.standard_normal(4)}
    per_example = cr.evaluate(1 - h**2, given)
    row = cr.check(cr.sum(h), given, [bias], claims={"b": per_example}).rows[0]
    assert row.verdict == "WRONG"
    assert row.cause == "the gradient of b (4) is given as 5×4: a missing sum over the batch (the first axis)"
    other = cr.check(cr.sum(h), given, [bias], claims={"b": per_example[:, :2]}).rows[0]
    assert other.cause == "the gradient of b (4) is given as 5×2; by the shape convention it has the shape of b"


def test_a_mean_instead_of_a_sum_is_named(rng):
    X = cr.matrix("X", 5, 3)
    loss = cr.sum(cr.tanh(X @ v))
    given = {"X": rng.standard_normal((5, 3)), "v": rng.standard_normal(3)}
    row = cr.check(loss, given, [v], claims={"v": cr.gradient(cr.mean(cr.tanh(X @ v)), v)}).rows[0]
    assert row.cause == "a mean where the sum is taken, or a missing sum over a batch of 5"


def test_one_wrong_entry_is_located(values):
    claim = gradient_of(W, values)
    claim[2, 1] += 1e-3
    result = cr.check(score, values, claims={"W": claim})
    wrong = {row.name: row for row in result.rows if row.verdict == "WRONG"}
    assert list(wrong) == ["W"]
    assert wrong["W"].worst.at == (2, 1)
    assert [e.at for e in wrong["W"].entries if e.verdict == "WRONG"] == [(2, 1)]
    assert "W[2, 1]" in str(result)


def test_a_claim_may_be_an_expression(values):
    h = cr.tanh(W @ v + b)
    right, forgotten = cr.outer(u * (1 - h**2), v), cr.outer(u * (1 - h), v)
    assert cr.check(score, values, claims={"W": right}).ok
    assert not cr.check(score, values, claims={"W": forgotten}).ok
    assert cr.check(score, values, claims={"b": u * (1 - h * h), "u": h}).ok


# ── kinks ─────────────────────────────────────────────────────────────────────────────────────────────

KINKS = {
    "relu": (cr.relu, 0.0, (0, 1)),
    "abs": (cr.abs, 0.0, (-1, 1)),
    "maximum": (lambda t: cr.maximum(t, 2 * t), 0.0, (1, 2)),
    "hard_tanh": (cr.hard_tanh, 1.0, (1, 0)),
    "leaky_relu": (lambda t: cr.leaky_relu(t, 0.1), 0.0, (0.1, 1)),
    "clip": (lambda t: cr.clip(t, -1, 3), 3.0, (1, 0)),
    "norm": (cr.norm2, 0.0, (-1, 1)),
    "where": (lambda t: cr.where(t > 1, 3 * t - 2, t), 1.0, (1, 3)),
    "kink on a slope": (lambda t: t**3 + cr.abs(t - 2), 2.0, (11, 13)),
    "kink far up": (lambda t: cr.relu(t) + 1e4, 0.0, (0, 1)),
}  # fmt: skip


@pytest.mark.parametrize(("f", "at", "sides"), KINKS.values(), ids=KINKS.keys())
def test_a_kink_is_called_a_kink(f, at, sides):
    result = cr.check(f(s), {"s": at})
    (row,) = result.rows
    assert row.verdict == "kink"
    assert result.ok
    np.testing.assert_allclose((row.worst.left, row.worst.right), sides, atol=1e-3)
    assert "a function switches here" in str(result)


@pytest.mark.parametrize(("f", "at", "sides"), KINKS.values(), ids=KINKS.keys())
def test_between_the_slopes_all_is_possible_and_outside_nothing(f, at, sides):
    low, high = sorted(sides)
    for claim in (low, high, (low + high) / 2, low + 0.9 * (high - low)):
        assert cr.check(f(s), {"s": at}, claims={"s": claim}).rows[0].verdict == "kink"
    for claim in (low - 0.1 * (high - low), high + 0.1 * (high - low), -high - 7, np.nan):
        assert cr.check(f(s), {"s": at}, claims={"s": claim}).rows[0].verdict == "WRONG"


@pytest.mark.parametrize("at", [0.1, 1.1, 77.7, 1000.1, 1e6 / 3])
def test_a_kink_is_one_where_steps_and_inner_values_are_rounded(at):
    for f in (cr.relu(s - at), cr.relu(s * 0.7 - 0.7 * at), cr.relu((s + 9.1) - (at + 9.1))):
        for claim in (0.0, 0.7):
            assert cr.check(f, {"s": at}, claims={"s": claim}).rows[0].verdict == "kink"
        assert cr.check(f, {"s": at}, claims={"s": 1.1}).rows[0].verdict == "WRONG"


def test_only_the_entries_on_the_kink_are_kinks():
    result = cr.check(cr.sum(cr.relu(x)), {"x": np.array([-1.0, 0.0, 2.0, 0.0])})
    assert [e.verdict for e in result.rows[0].entries] == ["ok", "kink", "ok", "kink"]
    tie = cr.check(cr.max(x), {"x": np.array([1.0, 3.0, 3.0])})
    assert [e.verdict for e in tie.rows[0].entries] == ["ok", "kink", "kink"]


def test_a_wrong_entry_beside_a_kink_is_wrong():
    result = cr.check(cr.sum(cr.relu(x)), {"x": np.array([0.0, 2.0])}, claims={"x": np.array([0.0, 1.5])})
    assert result.rows[0].verdict == "WRONG"
    assert result.rows[0].worst.at == (1,)


@pytest.mark.parametrize("distance", [1e-3, 1e-4, 1e-5, 1e-6])
def test_a_kink_close_by_is_none_here(distance):
    assert cr.check(cr.relu(s), {"s": distance}).rows[0].verdict == "ok"
    assert cr.check(cr.relu(s), {"s": -distance}).rows[0].verdict == "ok"
    assert cr.check(cr.relu(s), {"s": distance}, claims={"s": 0.6}).rows[0].verdict == "WRONG"


# ── hard functions ────────────────────────────────────────────────────────────────────────────────────

HARD = {
    "large value": (1e6 + s, 1.0),
    "larger value": (1e9 + 1e3 * s, 1.0),
    "steep": (cr.exp(20 * s), 1.0),
    "very steep": (cr.exp(200 * s), 1.0),
    "wave": (cr.sin(1000 * s), 0.3),
    "far out": (cr.log(s), 1e6),
    "close to 0": (cr.log(s), 1e-7),
    "closer to 0": (cr.sqrt(s), 1e-8),
    "wave far out": (cr.sin(s), 1e6),
    "wave farther out": (cr.sin(s), 1e7),
    "close to a pole": (1 / s, 1e-3),
    "flat": (cr.tanh(s), 20.0),
    "small": (1e-12 * cr.sin(s), 1.0),
    "cubic": (s**3, 0.0),
    "constant": (0 * s + 3, 1.0),
}


@pytest.mark.parametrize(("f", "at"), HARD.values(), ids=HARD.keys())
def test_right_gradients_of_hard_functions_are_right(f, at):
    result = cr.check(f, {"s": at})
    assert result.rows[0].verdict == "ok", str(result)


@pytest.mark.parametrize(
    "name",
    sorted(set(HARD) - {"flat", "small", "cubic"}),
)
def test_wrong_gradients_of_hard_functions_are_wrong(name):
    f, at = HARD[name]
    d = cr.evaluate(cr.gradient(f, s), {"s": at})
    for claim in (1.01 * d + (d == 0) * 0.01, -d - (d == 0) * 1.0):
        assert cr.check(f, {"s": at}, claims={"s": claim}).rows[0].verdict == "WRONG", claim


@pytest.mark.parametrize("at", [0.0, -1.0, np.nan, np.inf])
def test_where_the_function_is_not_finite_nothing_is_right_or_wrong(at):
    for f in (cr.log(s), cr.sqrt(s), s + cr.log(-s * s)):
        for claims in ({}, {"s": 1.0}):
            result = cr.check(f, {"s": at}, claims=claims)
            assert not result.ok and result.rows[0].verdict == "undefined"
            assert "s: the formula has no finite value here" in str(result) and "wrong" not in str(result)
            assert str(result).endswith("1 of 1 not checked")


def test_one_wrong_entry_is_wrong_although_another_is_undefined():
    result = cr.check(cr.sum(cr.sqrt(x)), {"x": [0.0, 1.0]}, claims={"x": [1.0, 2.0]})
    assert [e.verdict for e in result.rows[0].entries] == ["undefined", "WRONG"]
    assert result.rows[0].verdict == "WRONG" and str(result).endswith("1 of 1 wrong")


# ── what is given ─────────────────────────────────────────────────────────────────────────────────────


def test_large_arrays_are_sampled_by_a_seed():
    big = cr.vector("big", 100_000)
    given = {"big": np.linspace(-1, 1, 100_000)}
    first = cr.check(cr.sum(cr.tanh(big)), given, entries=20, seed=1)
    again = cr.check(cr.sum(cr.tanh(big)), given, entries=20, seed=1)
    other = cr.check(cr.sum(cr.tanh(big)), given, entries=20, seed=2)
    places = lambda r: [e.at for e in r.rows[0].entries]  # noqa: E731
    assert len(places(first)) == 20
    assert places(first) == places(again) != places(other)
    assert first.ok


def test_float32_models_are_judged_in_float64(rng):
    P, a = cr.matrix("P", 3, 2, dtype="float32"), cr.vector("a", 2, dtype="float32")
    loss = cr.logsumexp(cr.tanh(P @ a) * 3)
    result = cr.check(loss, {"P": rng.standard_normal((3, 2)).astype("f"), "a": [0.5, -1]})
    assert result.ok
    assert max(e.error for row in result.rows for e in row.entries) < 1e-7


def test_selections_are_held_fixed():
    logits = {"x": [1.0, 2.0, 0.5]}
    for label in (1, np.int64(1), np.array(1)):
        assert cr.check(-cr.log_softmax(x)[k], {**logits, "k": label}).ok
    E = cr.matrix("E", "V", "D")
    assert cr.check(cr.sum(cr.take(E, cr.index("w", 3)) ** 2), {"E": np.ones((4, 2)), "w": [0, 3, 3]}).ok
    with pytest.raises(cr.DTypeError, match="holds real numbers"):
        cr.check(cr.sum(x), {"x": np.array([1, 2])})


def test_named_sizes_are_known_to_gradients_that_do_not_show_them():
    A, z = cr.matrix("A", "n", "m"), cr.vector("z", "m")
    assert cr.check(cr.sum(A @ z), {"A": np.ones((2, 3)), "z": np.ones(3)}).ok
    assert cr.check(cr.sum(cr.ones("q")) * s, {"s": 1.0}, sizes={"q": 2}).ok


def test_values_may_be_given_by_variable():
    assert cr.check(cr.sum(cr.tanh(x)), {x: [0.1, 0.2]}).ok
    assert not cr.check(cr.sum(cr.tanh(x)), {x: [0.1, 0.2]}, claims={x: [1, 1]}).ok


def test_nothing_to_check_agrees():
    assert cr.check(cr.constant(1.0), {}).ok
    assert cr.check(cr.sum(x), {"x": np.zeros(0)}).ok
    assert str(cr.check(cr.constant(1.0), {})).endswith("0 of 0 agree")


def test_inputs_are_unchanged(values):
    before = {name: value.copy() for name, value in values.items()}
    cr.check(score, values)
    for name, value in values.items():
        np.testing.assert_array_equal(value, before[name])


def test_what_cannot_be_checked_is_named(values):
    with pytest.raises(cr.GraphError, match="check moves variables, and tanh"):
        cr.check(score, values, [cr.tanh(W @ v + b)])
    with pytest.raises(cr.BindingError, match=r"no value for b \(4\)"):
        cr.check(score, {name: a for name, a in values.items() if name != "b"})
    with pytest.raises(cr.BindingError, match="a gradient is claimed for Q, but the expression has u, W, v, b"):
        cr.check(score, values, claims={"Q": 1.0})
    with pytest.raises(cr.SettingError, match="give 1 or more, not 0"):
        cr.check(score, values, entries=0)
    with pytest.raises(cr.DTypeError, match="rows of unequal length"):
        cr.check(score, values, claims={"b": [[1], [1, 2]]})
    with pytest.raises(cr.DTypeError, match=r"k \(scalar\) holds int64 values"):
        cr.check(x[k], {"x": [1.0], "k": 0}, [k])


def test_the_table_is_for_reading(values):
    claim = 2 * gradient_of(b, values)
    text = str(cr.check(score, values, claims={"b": claim}))
    lines = text.splitlines()
    assert lines[0].split() == ["parameter", "shape", "checked", "worst", "rel.", "error", "at", "verdict"]
    assert [line.split()[0] for line in lines[2:6]] == ["u", "W", "v", "b"]
    assert lines[5].split()[-1] == "WRONG"
    assert "likely cause: a factor 2 too many" in text
    assert lines[-1] == "  1 of 4 wrong"
