"""How values reach a compiled function: in any order, of any kind, and with little in between."""

import importlib.util
import timeit

import numpy as np
import pytest

import chainrule as cr

needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="Numba is not installed")
BACKENDS = [pytest.param("numba", marks=needs_numba), "numpy"]

a, b, c = cr.scalar("a"), cr.scalar("b"), cr.scalar("c")
FORMULA = (a + b) * cr.tanh(c)
W, x = cr.matrix("W", 2, "n"), cr.vector("x", "n")


@pytest.mark.parametrize("backend", BACKENDS)
def test_by_name_by_place_and_as_one_mapping(backend):
    f = cr.compile(FORMULA, [a, b, c], backend=backend)
    wanted = 3 * np.tanh(0.5)
    for _ in range(2):  # once as something new, once as something known
        assert f(1.0, 2.0, 0.5) == f(c=0.5, b=2.0, a=1.0) == f(1.0, c=0.5, b=2.0) == f({"a": 1, b: 2, "c": 0.5})
        assert f(1.0, 2.0, 0.5) == pytest.approx(wanted, rel=1e-15)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", [float, np.float64, np.float32, int, lambda v: np.asarray(float(v))])
def test_numbers_of_every_kind(kind, backend):
    f = cr.compile(FORMULA, backend=backend)
    given = {"a": kind(1), "b": 2.0, "c": kind(3)}
    for _ in range(2):
        found = f(given)
        assert type(found) is np.float64 and found == pytest.approx(3 * np.tanh(3), rel=1e-15)
        assert f(a=1.0, b=2.0, c=3.0) == found


@pytest.mark.parametrize("backend", BACKENDS)
def test_arrays_of_every_kind_at_sizes_that_are_known(backend, rng):
    f = cr.compile([W @ x, cr.sum(x)], [W, x], backend=backend)
    plain = rng.standard_normal((2, 3)), rng.standard_normal(3)
    wanted = f(*plain)
    read_only = plain[0].copy()
    read_only.flags.writeable = False
    others = [
        np.asfortranarray(plain[0]),
        np.repeat(plain[0], 2, axis=1)[:, ::2],
        plain[0].astype(">f8"),
        plain[0].astype(np.float128 if hasattr(np, "float128") else np.float64),
        plain[0].tolist(),
        plain[0].view(np.recarray),
        read_only,
    ]
    for other in others:
        for _ in range(2):
            np.testing.assert_allclose(f(other, plain[1])[0], wanted[0], rtol=1e-14)
    np.testing.assert_array_equal(f(*plain)[0], wanted[0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_does_not_fit_is_refused_after_calls_that_did(backend):
    f = cr.compile([W @ x, a * x], [W, x, a], backend=backend)
    f(np.ones((2, 3)), np.ones(3), 1.0)
    for given, message in (
        ((np.ones((2, 3)), np.ones(4), 1.0), "n"),
        ((np.ones((2, 3)), np.ones(3)), "a"),
        ((np.ones((2, 3)), np.ones(3), 1.0, 2.0), "4 values are given, but the function takes 3: W, x, a"),
        ((np.ones((2, 3)), np.ones((3, 1)), 1.0), "x"),
        ((np.ones((2, 3)), np.ones(3), np.ones(3)), "a"),
    ):
        with pytest.raises(cr.BindingError, match=message):
            f(*given)
    with pytest.raises(cr.BindingError, match="x is given twice"):
        f(np.ones((2, 3)), np.ones(3), x=np.ones(3))
    with pytest.raises(cr.BindingError, match="no value for a"):
        f(W=np.ones((2, 3)), x=np.ones(3))
    with pytest.raises(cr.ChainruleError):
        f(np.ones((2, 3)), np.ones(3), 1.0 + 2.0j)


def test_little_is_remembered_of_numbers_of_many_types():
    kinds = [type(f"Kind{k}", (float,), {}) for k in range(50)]
    f = cr.compile(FORMULA, backend="numpy")
    for kind in kinds:
        f(kind(1), 2.0, 0.5)
    assert len(f._met) <= 1  # none of them goes without a conversion


@needs_numba
def test_a_call_costs_a_few_calls_of_a_method():
    """Under 5 µs for three numbers where a call with three named arguments takes 0.1 µs; here with five times that."""
    f = cr.compile([FORMULA, cr.gradient(FORMULA, c)], backend="numba")
    nothing = lambda *, a, b, c: {"a": a, "b": b, "c": c}  # noqa: E731
    given = {"a": 1.0, "b": 2.0, "c": 0.5}
    f(**given)
    ours, least = (min(timeit.repeat(lambda g=g: g(**given), number=2000, repeat=5)) for g in (f, nothing))
    assert ours < 5 * 50 * least
