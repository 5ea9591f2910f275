"""The node: one object for equal expressions, immutable, never leaked; and NumPy's calls on it."""

import copy
import gc
import math
import operator
import pickle
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from helpers import operands

import chainrule as cr
from chainrule.algebra.node import _table, make, topological
from chainrule.algebra.op import OPS

W, V = cr.matrix("W", "n", "m"), cr.matrix("V", 3, 3)
x, y, b, s = cr.vector("x", "m"), cr.vector("y", "m"), cr.vector("b", "n"), cr.scalar("s")


# ── one object ────────────────────────────────────────────────────────────────────────────────────────


def test_equal_expressions_are_one_object():
    assert cr.tanh(W @ x + b) is cr.tanh(W @ x + b)
    assert cr.vector("x", "m") is x
    assert x * 2 is x * 2.0
    assert cr.constant(np.arange(3.0)) is cr.constant([0.0, 1.0, 2.0])
    assert x[1:] is x[1:]


def test_different_expressions_are_different_objects():
    assert x + y is not y + x
    assert cr.vector("x", "m", dtype="float32") is not x
    assert cr.vector("x", 3) is not x
    assert cr.constant(0.0) is not cr.constant(-0.0)
    assert cr.leaky_relu(x, 0.1) is not cr.leaky_relu(x, 0.2)


def test_a_node_is_a_key_and_equals_only_itself():
    table = {x: 1, y: 2}
    assert table[cr.vector("x", "m")] == 1
    assert x == x  # noqa: PLR0124
    assert x != y
    assert (x == 1) is False


def test_a_node_never_changes():
    z = cr.tanh(x)
    with pytest.raises(AttributeError, match=r"an expression does not change: shape cannot be set on tanh\(x\)"):
        z.shape = (3,)
    with pytest.raises(AttributeError, match="an expression does not change: op cannot be deleted"):
        del z.op
    with pytest.raises(TypeError):
        x.attrs["name"] = "y"
    with pytest.raises(AttributeError):
        z.note = "no room for more"
    data = cr.constant([1.0, 2.0]).attrs["data"].array
    with pytest.raises(ValueError, match="read-only"):
        data[0] = 5


def test_a_constant_keeps_its_own_copy():
    given = np.array([1.0, 2.0])
    c = cr.constant(given)
    given[0] = 100
    np.testing.assert_array_equal(cr.evaluate(c), [1, 2])
    result = cr.evaluate(c)
    result[0] = 100
    np.testing.assert_array_equal(cr.evaluate(c), [1, 2])


# ── copies ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_comes_back_as_the_same_object(protocol):
    s = cr.sum(cr.tanh(W @ x + b)[1:] * 2) + cr.take(V, cr.index("k"))[0] + cr.mean(x)
    for node in (s, *cr.gradient(s, [W, b, x, V])):
        assert pickle.loads(pickle.dumps(node, protocol)) is node


@pytest.mark.parametrize("name", [name for name, op in OPS.items() if op.examples])
def test_every_operation_comes_back_from_a_pickle(name):
    for example in OPS[name].examples:
        node = make(OPS[name], *operands(example), **example.attrs)
        assert pickle.loads(pickle.dumps(node)) is node


def test_copies_are_the_node_itself():
    z = cr.tanh(x)
    assert copy.copy(z) is z
    assert copy.deepcopy([z, z])[0] is z


def test_a_pickle_from_another_process_is_the_same_object():
    code = (
        "import pickle, sys, chainrule as cr\n"
        "x = cr.vector('x', 'n + m'); W = cr.matrix('W', '2k', 'n + m')\n"
        "sys.stdout.buffer.write(pickle.dumps(cr.tanh(W @ x) * [0.5]))"
    )
    written = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    other = cr.tanh(cr.matrix("W", "2k", "n + m") @ cr.vector("x", "n + m")) * [0.5]
    assert pickle.loads(written) is other


# ── memory, depth, threads ────────────────────────────────────────────────────────────────────────────


def test_a_dropped_expression_is_freed():
    gc.collect()
    before = len(_table)
    z = cr.tanh(W @ x + b) * 12345.678
    grown = len(_table)
    gradients = cr.gradient(cr.sum(z), [W, x, b])
    assert before < grown < len(_table)
    del z, gradients
    gc.collect()
    assert len(_table) == before


def chain(links: int) -> tuple[cr.Node, cr.Node]:
    """sin(… sin(sin(t) + t) …) + t, two nodes a link, and its derivative, three more."""
    z = t = cr.scalar("t")
    for _ in range(links):
        z = cr.sin(z) + t
    return z, cr.gradient(z, t)


def life_of_a_chain(links: int) -> float:
    """Build, differentiate, evaluate, write, pickle and free; the seconds of processor time that it took."""
    gc.collect()
    gc.freeze()  # what the test-suite itself holds is no part of the time
    before = len(_table)
    start = time.process_time()
    z, dz = chain(links)
    assert len(topological([z, dz])) > 5 * links
    computed = cr.evaluate([z, dz], {"t": 0.3})
    assert len(str(dz)) < 10_000
    assert pickle.loads(pickle.dumps(dz)) is dz
    del z, dz
    gc.collect()
    elapsed = time.process_time() - start
    gc.unfreeze()
    assert len(_table) == before
    value, slope = 0.3, 1.0
    for _ in range(links):
        value, slope = math.sin(value) + 0.3, math.cos(value) * slope + 1
    np.testing.assert_allclose(computed, [value, slope], rtol=1e-12)
    return elapsed


def test_a_chain_of_a_hundred_thousand_nodes_is_no_matter():
    """No recursion anywhere, and time grows with the nodes: eight times as many take no more than 20 times as long."""
    short = max(life_of_a_chain(2_500), life_of_a_chain(2_500))
    assert life_of_a_chain(20_000) < 20 * short


def test_a_shared_expression_of_exponential_size_is_cheap():
    z = s
    for _ in range(200):
        z = z + z
    assert cr.evaluate(cr.gradient(z, s), {"s": 1.0}) == 2.0**200
    assert len(str(z)) < 10_000


def test_threads_that_build_the_same_expression_get_the_same_object():
    built: list[list[int]] = []
    kept = []
    barrier = threading.Barrier(8)

    def build() -> None:
        barrier.wait()
        nodes = [cr.tanh(W @ x * float(k) + b) for k in range(300)]
        kept.append(nodes)
        built.append([id(n) for n in nodes])

    threads = [threading.Thread(target=build) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 8
    assert all(ids == built[0] for ids in built)


# ── operators ─────────────────────────────────────────────────────────────────────────────────────────

ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
COMPARISON = [operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("f", [*ARITHMETIC, *COMPARISON, operator.matmul], ids=lambda f: f.__name__)
@pytest.mark.parametrize("kind", ["array", "list", "float32 array"])
def test_operators_take_arrays_on_either_side(f, kind, rng):
    a, v = rng.uniform(0.5, 2, (3, 3)), rng.uniform(0.5, 2, (3, 3))
    other = {"array": a, "list": a.tolist(), "float32 array": a.astype(np.float32)}[kind]
    for left, right in ((other, V), (V, other)):
        node = f(left, right)
        assert isinstance(node, cr.Node)
        expected = f(*(v if side is V else np.asarray(side) for side in (left, right)))
        np.testing.assert_array_equal(cr.evaluate(node, {"V": v}), expected)


@pytest.mark.parametrize("f", [*ARITHMETIC, *COMPARISON], ids=lambda f: f.__name__)
@pytest.mark.parametrize("number", [2, 0.5, True, np.float64(1.5), np.float32(1.5), np.int64(2)], ids=repr)
def test_operators_take_numbers_on_either_side(f, number, rng):
    v = rng.uniform(0.5, 2, (3, 3))
    for left, right in ((number, V), (V, number)):
        node = f(left, right)
        assert isinstance(node, cr.Node)
        expected = f(*(v if side is V else float(side) for side in (left, right)))
        np.testing.assert_allclose(cr.evaluate(node, {"V": v}), expected, rtol=1e-15)


def test_unary_operators_and_methods(rng):
    v = rng.standard_normal((3, 3))
    for node, expected in [
        (-V, -v),
        (+V, v),
        (abs(V), np.abs(v)),
        (V.T, v.T),
        (V.sum(), v.sum()),
        (V.mean(axis=0), v.mean(axis=0)),
        (V.max(axis=1), v.max(axis=1)),
        (V.min(), v.min()),
        (V.reshape(9), v.reshape(9)),
        (V.reshape((-1, 1)), v.reshape((-1, 1))),
        ((V > 0) & (V < 1), (v > 0) & (v < 1)),
        ((V > 0) | (V < -1), (v > 0) | (v < -1)),
        (~(V > 0), v <= 0),
        ((v > 0) & (V < 1), (v > 0) & (v < 1)),
    ]:
        np.testing.assert_allclose(cr.evaluate(node, {"V": v}), expected, rtol=1e-15)


def test_numbers_take_the_dtype_of_their_company():
    z = cr.vector("z", 2, dtype="float32")
    for node in (2 * z, z / 3, z * [1.0, 2.0], z**2, z @ [1, 2], cr.concat([z, [1.0]]), cr.maximum(z, 0.5)):
        assert node.dtype == np.float32
    assert (z + np.array([1.0, 2.0])).dtype == np.float64


def test_a_number_of_a_narrow_dtype_is_written_short():
    assert str(cr.vector("z", "n", dtype="float32") * 0.1) == "z · 0.1"


# ── NumPy's functions ─────────────────────────────────────────────────────────────────────────────────

P = cr.matrix("P", 3, 4)
NUMPY_CALLS = {
    "tanh": lambda np, V, P, v: np.tanh(V),
    "exp": lambda np, V, P, v: np.exp(V),
    "log1p": lambda np, V, P, v: np.log1p(np.abs(V)),
    "sqrt": lambda np, V, P, v: np.sqrt(np.absolute(V)),
    "sign": lambda np, V, P, v: np.sign(V),
    "negative": lambda np, V, P, v: np.negative(V),
    "square": lambda np, V, P, v: np.square(V),
    "reciprocal": lambda np, V, P, v: np.reciprocal(V),
    "maximum": lambda np, V, P, v: np.maximum(V, 0.3),
    "minimum": lambda np, V, P, v: np.minimum(0.3, V),
    "power": lambda np, V, P, v: np.power(np.exp(V), 1.5),
    "where": lambda np, V, P, v: np.where(V > 0, V, -1.0),
    "clip": lambda np, V, P, v: np.clip(V, -0.5, 0.5),
    "clip one side": lambda np, V, P, v: np.clip(V, None, 0.5),
    "logic": lambda np, V, P, v: np.logical_or(np.logical_and(V > 0, V < 1), np.logical_not(V > -1)),
    "greater": lambda np, V, P, v: np.greater_equal(V, 0) & np.not_equal(V, 1) & ~np.equal(V, 2),
    "sum": lambda np, V, P, v: np.sum(V),
    "sum axis": lambda np, V, P, v: np.sum(V, axis=0),
    "sum axes": lambda np, V, P, v: np.sum(P, axis=(0, 1)),
    "mean": lambda np, V, P, v: np.mean(P, axis=-1),
    "max": lambda np, V, P, v: np.max(P, axis=1) + np.amax(P),
    "min": lambda np, V, P, v: np.min(P, axis=(0,)) + np.amin(P),
    "transpose": lambda np, V, P, v: np.transpose(P, (1, 0)),
    "reshape": lambda np, V, P, v: np.reshape(P, (2, -1)),
    "ravel": lambda np, V, P, v: np.ravel(P),
    "broadcast_to": lambda np, V, P, v: np.broadcast_to(P, (2, 3, 4)),
    "concatenate": lambda np, V, P, v: np.concatenate([V, P], axis=1),
    "concatenate arrays": lambda np, V, P, v: np.concatenate([v, V]),
    "stack": lambda np, V, P, v: np.stack([V, V * 2]),
    "einsum": lambda np, V, P, v: np.einsum("ij,jk->ik", V, P),
    "matmul": lambda np, V, P, v: np.matmul(V, P),
    "dot": lambda np, V, P, v: np.dot(V, P) * np.dot(2.0, P),
    "inner": lambda np, V, P, v: np.inner(V, V),
    "inner vectors": lambda np, V, P, v: np.inner(V[0], V[1]),
    "vdot": lambda np, V, P, v: np.vdot(V, V),
    "outer": lambda np, V, P, v: np.outer(V[0], P[1]),
    "trace": lambda np, V, P, v: np.trace(V),
    "diag": lambda np, V, P, v: np.diag(V) + np.diagonal(V),
    "diag of a vector": lambda np, V, P, v: np.diag(V[0]),
    "take all": lambda np, V, P, v: np.take(P, [0, 7, 7]),
    "take rows": lambda np, V, P, v: np.take(P, [2, 0], axis=0),
    "norm": lambda np, V, P, v: np.linalg.norm(P),
    "norm axis": lambda np, V, P, v: np.linalg.norm(P, axis=1) + np.linalg.norm(P, ord=1, axis=1),
    "norm 1": lambda np, V, P, v: np.linalg.norm(P[0], 1) + np.linalg.norm(P[0], 2) + np.linalg.norm(P, "fro"),
    "inv": lambda np, V, P, v: np.linalg.inv(V),
    "det": lambda np, V, P, v: np.linalg.det(V),
    "solve": lambda np, V, P, v: np.linalg.solve(V, P),
    "solve an array": lambda np, V, P, v: np.linalg.solve(v, P),
    "matrix_power": lambda np, V, P, v: np.linalg.matrix_power(V, 3),
    "kron": lambda np, V, P, v: np.kron(V, P),
    "astype": lambda np, V, P, v: np.astype(V > 0, float),
}


@pytest.mark.parametrize("call", NUMPY_CALLS.values(), ids=NUMPY_CALLS.keys())
def test_numpy_functions_on_nodes_are_numpy_functions_on_values(call, rng):
    v, p = rng.standard_normal((3, 3)), rng.standard_normal((3, 4))
    node = call(np, V, P, v)
    assert isinstance(node, cr.Node)
    result, expected = cr.evaluate(node, {"V": v, "P": p}), call(np, v, p, v)
    assert np.shape(result) == np.shape(expected)
    np.testing.assert_allclose(result, expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: np.fft.fft(x), "np.fft has no form on expressions; these have: abs, absolute, add, amax"),
        (lambda: np.arctan(x), "np.arctan has no form on expressions; these have: "),
        (lambda: np.add.reduce(x), "np.add.reduce has no form on expressions; call np.add(…) plainly"),
        (lambda: np.exp(x, where=True), "np.exp with where= has no form on expressions; call np.exp(…) plainly"),
        (lambda: np.sum(W, keepdims=True), "np.sum: got an unexpected keyword argument 'keepdims'; on expressions it takes (x, axis)"),
        (lambda: np.linalg.norm(W, 1), "np.linalg.norm with ord=1 of W (n×m) has no form on expressions"),
        (lambda: np.take(W, [0], axis=1), "np.take along axis 1 of W (n×m): rows are taken along the first axis only"),
        (lambda: np.asarray(x), "x is an expression and no array; evaluate(expression, values) gives numbers"),
        (lambda: np.add(np.ones(2), x, out=np.ones(2)), "np.add with out= has no form on expressions"),
    ],
)  # fmt: skip
def test_numpy_calls_without_a_form_say_so(call, text):
    with pytest.raises(cr.GraphError) as caught:
        call()
    assert str(caught.value).startswith(text)


def test_expressions_are_not_iterated_nor_converted():
    for misuse in (lambda: list(x), lambda: 1.0 in x, lambda: float(s), lambda: len(x)):
        with pytest.raises(TypeError):
            misuse()
