"""Every law on its own example: it fires, it keeps value, shape and dtype, and applied twice it is applied once."""

import numpy as np
import pytest
from helpers import assert_law
from hypothesis import given, strategies as st

import chainrule as cr
from chainrule.algebra.node import topological, variable
from chainrule.calculus import simplify as laws

x, y = laws.EXAMPLE_OPERANDS


def fires(law, root) -> int:
    return sum(law.apply(n) is not None for n in topological([root]) if not law.on or n.op in law.on)


@pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.name)
def test_a_law_keeps_the_value_where_it_fits(law, rng):
    assert_law(law, law.example(x, y), {"x": rng.standard_normal(3), "y": rng.standard_normal(3)})


@pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.name)
def test_a_law_fires_on_its_example_and_changes_no_value(law, rng):
    before = law.example(x, y)
    after = cr.simplify(before)
    assert fires(law, before) > 0
    assert fires(law, after) == 0
    assert (after.shape, after.dtype) == (before.shape, before.dtype)
    assert len(topological([after])) <= 2 * len(topological([before]))
    assert cr.simplify(after) is after
    values = {"x": rng.standard_normal(3), "y": rng.standard_normal(3)}
    np.testing.assert_allclose(cr.evaluate(after, values, {}), cr.evaluate(before, values), rtol=1e-14)


@pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.name)
def test_a_law_keeps_the_dtype_of_float32(law, rng):
    a, b = cr.vector("x", 3, dtype="float32"), cr.vector("y", 3, dtype="float32")
    before = law.example(a, b)
    after = cr.simplify(before)
    assert (after.shape, after.dtype) == (before.shape, before.dtype)
    values = {"x": rng.standard_normal(3).astype("f"), "y": rng.standard_normal(3).astype("f")}
    np.testing.assert_allclose(cr.evaluate(after, values), cr.evaluate(before, values), rtol=1e-5)


def test_names_of_laws_are_different():
    assert len({law.name for law in laws.LAWS}) == len(laws.LAWS)


FORMS = [
    (lambda A, v, s: 1 * A, "A"),
    (lambda A, v, s: A * 1, "A"),
    (lambda A, v, s: A.T * 2, "2 Aᵀ"),
    (lambda A, v, s: A.T * -1, "-Aᵀ"),
    (lambda A, v, s: -1 * A.T, "-Aᵀ"),
    (lambda A, v, s: 2 * (3 * A.T), "6 Aᵀ"),
    (lambda A, v, s: ((A * 3).T * 2).T, "(6 Aᵀ)ᵀ"),
    (lambda A, v, s: A + 0, "A"),
    (lambda A, v, s: A - 0, "A"),
    (lambda A, v, s: 0 + A.T, "Aᵀ"),
    (lambda A, v, s: A - (-A.T), "A + Aᵀ"),
    (lambda A, v, s: A + (-(A.T)), "A - Aᵀ"),
    (lambda A, v, s: A / 1, "A"),
    (lambda A, v, s: A**1, "A"),
    (lambda A, v, s: np.negative(-A), "A"),
    (lambda A, v, s: s * 2, "2 s"),
    (lambda A, v, s: cr.constant(2.0) * 3 + 1, "7"),
    (lambda A, v, s: cr.log(cr.constant(0.0)), "-inf"),
    (lambda A, v, s: 2 * cr.diag(v), "2 diag(v)"),
    (lambda A, v, s: v + s * 0, None),
]


@pytest.mark.parametrize(("f", "text"), FORMS)
def test_expressions_become_short_and_keep_their_value(f, text, rng):
    values = {"A": rng.standard_normal((3, 3)), "v": rng.standard_normal(3), "s": 1.5}
    before = f(cr.matrix("A", 3, 3), cr.vector("v", 3), cr.scalar("s"))
    after = cr.simplify(before)
    assert text is None or str(after) == text
    np.testing.assert_allclose(cr.evaluate(after, values), cr.evaluate(before, values), rtol=1e-14)


def test_no_law_changes_a_shape():
    s, v = cr.scalar("s"), cr.vector("v", 1)
    for before in (
        s + cr.zeros(1),
        s - cr.constant([0.0]),
        s / cr.constant([1.0]),
        s ** cr.constant([1.0]),
        cr.constant([1.0]) * s,
        v * cr.ones(3),
    ):
        assert cr.simplify(before).shape == before.shape
    wide = cr.vector("w", 3, dtype="float32") + cr.constant(0.0)
    assert cr.simplify(wide).dtype == np.float64
    assert cr.simplify(cr.vector("w", 3, dtype="float32") * cr.constant(1.0)).dtype == np.float64


def test_numbers_that_overflow_or_underflow_stay_apart():
    s = cr.scalar("s")
    for a, b, at in [(1e200, 1e200, 1e-300), (1e-200, 1e-200, 1e300), (0.0, np.inf, 1.0)]:
        before = a * (b * s)
        np.testing.assert_equal(cr.evaluate(cr.simplify(before), {"s": at}), cr.evaluate(before, {"s": at}))


def test_nan_is_not_simplified_away():
    s = cr.scalar("s")
    assert np.isnan(cr.evaluate(cr.simplify(0 * s), {"s": np.nan}))
    assert np.isnan(cr.evaluate(cr.simplify(s - s), {"s": np.inf}))


def test_one_gives_one_and_several_give_several():
    s = cr.scalar("s")
    assert cr.simplify(1 * s) is s
    assert cr.simplify([1 * s, s + 0]) == [s, s]
    assert cr.simplify([]) == []


STEPS = [
    lambda a, b: a.T,
    lambda a, b: -a,
    lambda a, b: a * -1,
    lambda a, b: a * 2,
    lambda a, b: 3 * a,
    lambda a, b: a.T * 0.5,
    lambda a, b: cr.diag(cr.diag(a)) * 2,
    lambda a, b: a * cr.trace(b),
    lambda a, b: a + 0,
    lambda a, b: a / 1,
    lambda a, b: a**1,
    lambda a, b: a * 1.0,
    lambda a, b: a + (-b),
    lambda a, b: a - (-b),
    lambda a, b: a * b,
    lambda a, b: a @ b,
    lambda a, b: a @ cr.eye(2),
    lambda a, b: a * cr.ones(2),
    lambda a, b: cr.outer(cr.sum(a, axis=1), cr.ones(2)) * 2,
    lambda a, b: cr.einsum("aa,bb->ab", a, b),
    lambda a, b: cr.einsum("aa,->aa", a, cr.constant(2.0)),
    lambda a, b: cr.einsum(",ab->ba", cr.constant(-1.0), a),
    lambda a, b: cr.einsum("ab,->bab", a, cr.constant(3.0))[1],
]


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=8))
def test_chains_of_small_steps_keep_their_value(steps):
    """Square matrices, so that a law that looks at shapes alone would be found out."""
    pool = [variable("A", (2, 2)), variable("B", (2, 2))]
    for f, i, j in steps:
        pool.append(f(pool[-1 - i % len(pool)], pool[-1 - j % len(pool)]))
    values = {"A": np.array([[1.0, 2.0], [-3.0, 0.5]]), "B": np.array([[0.25, -1.0], [2.0, 1.5]])}
    short = cr.simplify(pool)
    assert cr.simplify(short) == short
    for before, after in zip(pool, short, strict=True):
        assert (after.shape, after.dtype) == (before.shape, before.dtype)
    for a, b in zip(cr.evaluate(pool, values), cr.evaluate(short, values), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-13)


def test_chains_with_numbers_are_deeper_than_the_stack():
    x = cr.scalar("x")
    s, links = x, 3_000
    for _ in range(links):
        s = 0.5 * cr.tanh(s) + 1.5 * x
    value, slope = 0.3, 1.0
    for _ in range(links):
        t = np.tanh(value)
        value, slope = 0.5 * t + 0.45, 0.5 * (1 - t * t) * slope + 1.5
    assert cr.evaluate(cr.gradient(s, x), {"x": 0.3}) == pytest.approx(slope, rel=1e-12)
