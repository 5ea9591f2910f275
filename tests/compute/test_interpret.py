"""The interpreter: what it accepts, what it returns, and what it holds in memory meanwhile."""

import threading
import tracemalloc

import numpy as np
import pytest

import chainrule as cr
from chainrule.algebra.node import topological, variable
from chainrule.compute.interpret import Interpreter

x, y, W, k, s = cr.vector("x", "n"), cr.vector("y", "n"), cr.matrix("W", "n", "n"), cr.index("k"), cr.scalar("s")
V = np.array([1.0, 2.0, 3.0])


# ── what is accepted ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "value", [V, [1, 2, 3], (1.0, 2.0, 3.0), V.astype(np.float32), V.astype(np.float16), V[::-1][::-1], np.float64([1, 2, 3]), range(1, 4)], ids=lambda v: type(v).__name__
)  # fmt: skip
def test_real_values_are_anything_like_an_array(value):
    result = cr.evaluate(x * 2, {"x": value})
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, 2 * V)


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.float64(2), np.array(2.0), np.array([2.0])[0]])
def test_numbers_are_values_of_scalars(value):
    assert cr.evaluate(s * 2, {"s": value}) == 4.0


def test_values_keep_to_the_declared_dtype():
    z = cr.vector("z", "n", dtype="float32")
    assert cr.evaluate(z + 1, {"z": V}).dtype == np.float32
    assert cr.evaluate(x[k], {"x": V, "k": np.int8(1)}) == 2.0
    assert cr.evaluate(x[k], {"x": V, "k": np.uint16(1)}) == 2.0
    c = variable("c", ("n",), bool)
    np.testing.assert_array_equal(cr.evaluate(cr.where(c, x, 0), {"c": [True, False, True], "x": V}), [1, 0, 3])


@pytest.mark.parametrize(
    "value",
    [
        np.array([1, 2, 3]),
        [True, False, True],
        ["a", "b", "c"],
        None,
        [1j, 2, 3],
        np.array([1j, 2, 3]),
        [None] * 3,
        {"a": 1},
        "abc",
        (i for i in V),
    ],
)
def test_other_kinds_of_value_are_refused(value):
    with pytest.raises(
        cr.DTypeError, match=r"x \(n\) holds real numbers, but the value given is .*; use .astype\(float\)"
    ):
        cr.evaluate(x, {"x": value})


@pytest.mark.parametrize("value", [1.0, np.array(1.0), True, [0.5], "1"])
def test_only_whole_numbers_select(value):
    with pytest.raises(cr.DTypeError, match=r"k \(scalar\) holds whole numbers"):
        cr.evaluate(x[k], {"x": V, "k": value})


def test_values_are_given_by_name_or_by_variable():
    assert cr.evaluate(s * 3, {s: 2}) == 6
    np.testing.assert_array_equal(cr.evaluate(x + y, {x: V, "y": V}), 2 * V)
    np.testing.assert_array_equal(cr.evaluate(cr.gradient(cr.sum(W @ x), W), {W: np.ones((3, 3)), x: V}), [V] * 3)
    with pytest.raises(cr.BindingError, match="axis n is 3 in x"):
        cr.evaluate(y, {x: V, y: V[:2]})


def test_more_values_than_needed_do_no_harm():
    assert cr.evaluate(s, {"s": 1, "other": object()}) == 1


def test_sizes_are_given_where_no_value_shows_them():
    np.testing.assert_array_equal(cr.evaluate(cr.eye("n"), sizes={"n": 2}), np.eye(2))
    assert cr.evaluate(cr.size("2n + 1"), sizes={"n": 4}) == 9.0
    assert cr.evaluate(cr.mean(x), {"x": V}, {"n": 3}) == 2.0
    with pytest.raises(cr.BindingError, match="sizes are given by name"):
        cr.evaluate(cr.mean(x), {"x": V}, [3])
    with pytest.raises(cr.BindingError, match="axis n is 2 in sizes but 3 in x"):
        cr.evaluate(cr.mean(x), {"x": V}, {"n": 2})


def test_one_name_stands_for_one_variable():
    for other in (cr.vector("x", "m"), cr.vector("x", "n", dtype="float32"), cr.scalar("x")):
        with pytest.raises(cr.BindingError, match="x stands for two variables"):
            cr.evaluate([x, other], {"x": V})
    assert cr.evaluate([s, cr.scalar("s")], {"s": 1}) == [1, 1]


def test_matrices_and_other_kinds_of_array_become_plain_arrays():
    class Other(np.ndarray):
        pass

    w, W = np.arange(9.0).reshape(3, 3), cr.matrix("W", 3, 3)
    with pytest.warns(PendingDeprecationWarning):
        m = np.matrix(w)
    for given in (m, w.view(Other), w.astype(">f8"), np.asfortranarray(w), w.astype(np.longdouble)):
        result = cr.evaluate(W * W, {"W": given})
        assert type(result) is np.ndarray
        np.testing.assert_array_equal(result, w * w)
        np.testing.assert_array_equal(cr.evaluate(W * given, {"W": w}) if given is not m else w * w, w * w)
    masked = np.ma.array(V, mask=[True, False, False])
    for call in (lambda: cr.evaluate(x, {"x": masked}), lambda: cr.vector("v", 3) * masked):
        with pytest.raises(cr.DTypeError, match="a masked array has entries without a number"):
            call()


def test_what_no_memory_can_hold_is_named():
    with pytest.raises(
        cr.BindingError, match=r"^sin\(zeros\(1000000000000000\)\) cannot be computed: Unable to allocate"
    ):
        cr.evaluate(cr.sin(cr.zeros(10**15)))
    with pytest.raises(cr.BindingError, match="cannot be computed: "):
        cr.evaluate(cr.zeros(10**30))


@pytest.mark.parametrize("value", [np.array([1, 1e300]), [1, 1e300], [1, 1e39]])
def test_a_value_beyond_the_declared_dtype_is_refused(value):
    z = cr.vector("z", "n", dtype="float32")
    with pytest.raises(cr.DTypeError, match=r"^the value of z \(n\): 1e\+\d+ does not fit in float32$"):
        cr.evaluate(z + 1, {"z": value})
    assert np.isinf(cr.evaluate(z, {"z": np.array([np.inf, -np.inf])})).all()


def test_extreme_values_are_values():
    tiny, huge = 5e-324, 1.7e308
    assert cr.evaluate(s + s, {"s": huge}) == np.inf
    assert cr.evaluate(s / 2, {"s": tiny}) == 0
    assert np.isnan(cr.evaluate(s - s, {"s": np.inf}))
    assert np.isnan(cr.evaluate(cr.log(s), {"s": -1.0}))


# ── what is returned ──────────────────────────────────────────────────────────────────────────────────


def test_one_expression_gives_one_result_and_several_give_a_list():
    assert cr.evaluate(s, {"s": 1}) == 1
    assert cr.evaluate([s], {"s": 1}) == [1]
    assert cr.evaluate((s, 2 * s), {"s": 1}) == [1, 2]
    assert cr.evaluate([]) == []


def test_a_result_without_axes_is_a_number():
    for node in (s, s + 1, cr.sum(x), x[0], cr.constant(1.0), cr.det(W), cr.size("n")):
        result = cr.evaluate(node, {"s": 1, "x": V, "W": np.eye(3)}, {"n": 3})
        assert isinstance(result, np.float64)


VIEWS = [
    x, x.T, x[1:], x[::1], x.reshape("n", 1), W.T, cr.diag(W), cr.broadcast_to(x, (2, "n")), W[0], cr.where(x > 0, x, x),
    cr.concat([x]), cr.take(W, [0, 1]), x + 0, x * 1, cr.constant(V), cr.constant(V).reshape(3, 1), cr.constant(np.eye(3)).T,
]  # fmt: skip


@pytest.mark.parametrize("node", VIEWS, ids=str)
def test_results_share_memory_with_nothing(node):
    w, v = np.arange(9.0).reshape(3, 3), V.copy()
    first, second = cr.evaluate([node, node], {"x": v, "W": w})
    for given in (w, v):
        assert not np.shares_memory(first, given)
    assert not np.shares_memory(first, second)
    assert first.flags.writeable
    first[...] = -1
    np.testing.assert_array_equal(v, V)
    np.testing.assert_array_equal(cr.evaluate(node, {"x": v, "W": w}), second)


def test_a_value_and_a_view_of_it_are_apart():
    h, turned = cr.evaluate([cr.tanh(W), cr.tanh(W).T], {"W": np.ones((3, 3))})
    assert not np.shares_memory(h, turned)


def test_the_same_numbers_every_time(rng):
    f = cr.logsumexp(cr.tanh(W @ x)) + cr.norm2(W)
    values = {"W": rng.standard_normal((3, 3)), "x": V}
    first = cr.evaluate([f, *cr.gradient(f, [W, x])], values)
    for _ in range(20):
        for a, b in zip(first, cr.evaluate([f, *cr.gradient(f, [W, x])], values), strict=True):
            np.testing.assert_array_equal(a, b)


# ── how it works ──────────────────────────────────────────────────────────────────────────────────────


def test_every_node_is_computed_once():
    h = cr.tanh(x)
    run = Interpreter([h + h, cr.sum(h * h)])
    assert len(run._steps) == len(topological([h + h, cr.sum(h * h)])) - 1


def test_values_are_let_go_when_nothing_needs_them():
    """Along a chain of arrays of 8 MB only a few are alive at a time."""
    z = cr.vector("z", 1_000_000)
    chain = z
    for _ in range(30):
        chain = cr.abs(chain) * 0.5
    run = Interpreter([cr.sum(chain)])
    given = {"z": np.ones(1_000_000)}
    tracemalloc.start()
    run(given)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 8_000_000


def test_outputs_and_shared_values_are_kept_until_their_last_use():
    h = cr.tanh(x)
    run = Interpreter([h, cr.exp(h) + h])
    assert all(run._steps[0].place not in step.done_with for step in run._steps)
    np.testing.assert_allclose(run({"x": V})[0], np.tanh(V))


def test_one_interpreter_serves_many_threads(rng):
    f = cr.logsumexp(cr.tanh(W @ x))
    run = Interpreter([f, cr.gradient(f, W)])
    inputs = [{"W": rng.standard_normal((3, 3)), "x": rng.standard_normal(3)} for _ in range(8)]
    serial = [run(v) for v in inputs]
    wrong = []

    def work(v, expected):
        for _ in range(200):
            for a, b in zip(run(v), expected, strict=True):
                if not np.array_equal(a, b):
                    wrong.append((a, b))

    threads = [threading.Thread(target=work, args=pair) for pair in zip(inputs, serial, strict=True)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_no_warning_escapes():
    """Warnings are errors in this test-suite."""
    z = cr.vector("z", "n", dtype="float32")
    cr.evaluate([cr.log(z), 1 / z, cr.exp(z * 1e4), z**-3.5, cr.sqrt(z)], {"z": np.array([-1, 0, 100], "f")})


def test_a_failing_step_is_named():
    with pytest.raises(cr.BindingError, match=r"^W⁻¹ has no value here: singular matrix$"):
        cr.evaluate(cr.inv(W) @ x, {"W": np.zeros((3, 3)), "x": V})
    with pytest.raises(cr.BindingError, match=r"^W\[k\]: row 9 is asked for"):
        cr.evaluate(cr.sum(cr.tanh(cr.take(W, k))), {"W": np.zeros((3, 3)), "k": 9})


@pytest.mark.parametrize("exponent", [2.0, 3.0, -1.0, 0.5, -2.0, 1.5, 0.0, 1.0])
def test_a_scalar_has_the_arithmetic_of_an_array(exponent, rng):
    """NumPy rounds powers of its numbers otherwise than powers of arrays; here one reading has one value."""
    t = cr.vector("t", "n")
    form = lambda a: a**exponent * 3 - a / 7  # noqa: E731
    points = rng.uniform(0.1, 3.0, 300)
    arrays = cr.evaluate(form(t), {"t": points})
    assert [cr.evaluate(form(s), {"s": p}) for p in points] == arrays.tolist()
