"""Compiled functions give what the interpreter gives: every operation, random graphs, every kind of value and error."""

import copy
import importlib.util
import linecache
import pickle
import threading

import graphs
import numpy as np
import pytest
from as_text import computed, emitted
from helpers import op_examples, tried

import chainrule as cr
from chainrule.algebra.node import make, topological, variable
from chainrule.algebra.op import OPS
from chainrule.algebra.signature import FLOAT32, FLOAT64
from chainrule.calculus.rewrite import substitute
from chainrule.compute import compile as compiling
from chainrule.compute.chains import associated
from chainrule.compute.contraction import as_matrices, contracted
from chainrule.ner.architecture import Architecture
from chainrule.ner.dropped import masks
from chainrule.ner.model import Network

needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="Numba is not installed")
BACKENDS = [pytest.param("numba", marks=needs_numba), "numpy"]
ROUNDING = {FLOAT64: 1e-11, FLOAT32: 2e-4}

W, x = cr.matrix("W", "n", "m"), cr.vector("x", "m")
b, u = cr.vector("b", "n"), cr.vector("u", "n")
S = u.T @ cr.tanh(W @ x + b)
LECTURE = [S, *cr.gradient(S, [W, b, x, u])]


def values(n=3, m=2, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    shapes = {"W": (n, m), "x": m, "b": n, "u": n}
    return {name: rng.standard_normal(shape).astype(dtype) for name, shape in shapes.items()}


def assert_same(found, wanted, tolerance=None):
    """The same shapes and dtypes, and numbers equal up to rounding, NaN and ∞ in the same places."""
    assert len(found) == len(wanted)
    for got, want in zip(found, wanted, strict=True):
        assert type(got) is type(want)
        assert (np.shape(got), got.dtype) == (np.shape(want), want.dtype)
        accuracy = tolerance or ROUNDING.get(want.dtype, 0)
        np.testing.assert_allclose(got, want, rtol=accuracy, atol=accuracy * max(1, finite_size(want)))


def finite_size(a):
    return np.abs(np.where(np.isfinite(a), a, 0)).max(initial=0) if np.issubdtype(a.dtype, np.floating) else 0


def strictly(f, monkeypatch):
    """A compiled function that may not ask the interpreter."""

    def never(*_):
        raise AssertionError("the interpreter was asked")

    monkeypatch.setattr(f, "_interpreted", never)
    return f


# ── the text, as Python runs it ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dtype", [FLOAT64, FLOAT32], ids=str)
@pytest.mark.parametrize(("op", "example"), op_examples())
def test_the_text_of_an_operation(op, example, dtype, rng):
    y, _, given = tried(op, example, rng, dtype)
    with np.errstate(all="ignore"):
        assert_same(computed([y], given), [cr.evaluate(y, given)])


@pytest.mark.parametrize("first", range(0, 300, 20))
def test_the_text_of_any_graph_and_its_gradients(first):
    tame = 0
    for seed in range(first, first + 20):
        dtype = FLOAT32 if seed % 4 == 3 else FLOAT64
        outputs = graphs.with_gradient(seed, dtype)
        given = graphs.values(outputs, seed)
        with np.errstate(all="ignore"):
            if graphs.is_tame(outputs, given):
                tame += 1
                found = computed(outputs, given)
                assert_same(found, cr.evaluate(outputs, given), 2e-3 if dtype == FLOAT32 else 1e-8)
    assert tame > 15


def test_mixed_kinds_meet_in_the_wider_one(rng):
    A, v = cr.matrix("A", "n", "n", dtype="float32"), cr.vector("v", "n")
    outputs = [A @ v, A * v, cr.concat([v, A[0]]), cr.less(A, v), cr.where(v > 0, A[0], v), cr.inner(A, A * v)]
    given = {"A": rng.standard_normal((3, 3)).astype("f"), "v": rng.standard_normal(3)}
    assert_same(computed(outputs, given), cr.evaluate(outputs, given))


def test_names_of_the_reader_are_kept_and_never_meet_those_of_the_text(rng):
    names = [
        "i",
        "j",
        "t1",
        "z",
        "h",
        "out1",
        "np",
        "plus",
        "exp64",
        "lambda",
        "δ",
        "가",
        "compiled",
        "n",
        "range",
    ]
    nodes = [cr.matrix(name, "n", "i") for name in names]
    outputs = [cr.sum([cr.tanh(v) * k for k, v in enumerate(nodes)][k], axis=1) for k in range(len(nodes))]
    outputs.append(cr.tanh(nodes[0].T @ nodes[1]))
    given = {name: rng.standard_normal((3, 2)) for name in names}
    assert_same(computed(outputs, given), cr.evaluate(outputs, given))


# ── passes ────────────────────────────────────────────────────────────────────────────────────────────

A, B, C = (cr.matrix(name, "n", "n") for name in "ABC")
y = cr.vector("y", "n")


@pytest.mark.parametrize(
    ("written", "cheapest"),
    [
        ((A @ B) @ y, A @ (B @ y)),
        (((A @ B) @ C) @ y, A @ (B @ (C @ y))),
        (cr.outer(y, A @ y) @ y, y * cr.inner(A @ y, y)),
        (cr.sum(A @ B, axis=1), A @ cr.sum(B, axis=1)),
        ((A @ B) @ C, (A @ B) @ C),
    ],
    ids=str,
)
def test_chains_take_the_fewest_multiplications(written, cheapest, rng):
    (found,) = associated([written])
    given = {name: rng.standard_normal((3, 3)) for name in "ABC"} | {"y": rng.standard_normal(3)}
    assert products(found) == products(cheapest)
    used = {v.attrs["name"]: given[v.attrs["name"]] for v in cr.variables(written)}
    np.testing.assert_allclose(cr.evaluate(found, used), cr.evaluate(written, used), rtol=1e-12)


def products(root):
    """The sizes of the products in an expression, the largest first."""
    return sorted(len(set(n.attrs["letters"]) - set(",->")) for n in topological([root]) if n.op.name == "product")


def test_a_shared_product_is_computed_once():
    shared = A @ B
    assert associated([shared @ y, shared]) == [shared @ y, shared]


@pytest.mark.parametrize(
    ("letters", "shapes", "calls"),
    [
        ("abc,cd->abd", ((2, 3, 4), (4, 5)), True),
        ("abc,abd->cd", ((2, 3, 4), (2, 3, 5)), True),
        ("abc,dbc->ad", ((2, 3, 4), (5, 3, 4)), True),
        ("bac,cd->dab", ((2, 3, 4), (4, 5)), True),
        ("abc,acd->abd", ((2, 20, 30), (2, 30, 40)), True),
        ("abc,acd->abd", ((2, 3, 4), (2, 4, 5)), False),
        ("ab,ab->a", ((3, 4), (3, 4)), False),
        ("ab,cd->ac", ((3, 4), (5, 6)), False),
        ("aab,bc->ac", ((3, 3, 4), (4, 5)), True),
        ("ab,bc->aac", ((3, 4), (4, 5)), True),
    ],
)
def test_products_of_any_letters_become_matrix_products(letters, shapes, calls, rng):
    nodes = [variable(f"x{k}", shape) for k, shape in enumerate(shapes)]
    root = cr.einsum(letters, *nodes)
    given = {f"x{k}": rng.standard_normal(shape) for k, shape in enumerate(shapes)}
    assert ("np.dot" in emitted([root]).source) == calls
    assert_same(computed([root], given), [cr.evaluate(root, given)])
    (laid,) = contracted([root])
    np.testing.assert_allclose(cr.evaluate(laid, given), cr.evaluate(root, given), rtol=1e-12)
    assert as_matrices(A @ B) is not None
    assert as_matrices(cr.inner(y, y)) is None


def test_memory_is_used_again_and_loops_are_joined():
    X = cr.matrix("X", "n", "n")
    h = X
    for _ in range(8):
        h = cr.tanh(h @ X)
    text = emitted([cr.sum(h)])
    assert len([a for a in text.arguments if a != "X"]) == 2
    joined = emitted([cr.tanh(X + 1) * 2, cr.sum(cr.tanh(X + 1), axis=0), cr.sum(X * X)])
    assert joined.source.count("for i in") == 1


def test_long_chains_are_written_line_by_line(rng):
    e = y
    for k in range(3000):
        e = cr.sin(e) + k % 3
    given = {"y": rng.standard_normal(2)}
    assert max(map(len, emitted([e]).source.splitlines())) < 130
    assert_same(computed([e], given), [cr.evaluate(e, given)])


def test_values_used_twice_at_every_level_are_met_once():
    e, p = y, y
    for _ in range(100):
        e, p = cr.tanh(e) + e, p * p
    text = emitted([e, cr.sum(p)])
    assert text.source.count("tanh64(") == 100
    assert all(len(lines.splitlines()) < 200 for lines in text.source.split("for i in"))  # many short loops


def test_a_function_too_long_for_numba_is_left_to_numpy():
    chain = y
    for _ in range(3000):
        chain = cr.sin(chain)
    outputs = [cr.tanh(y * k) for k in range(1, 600)]
    for many in (outputs, chain):
        assert cr.compile(many).backend == "numpy"
    np.testing.assert_allclose(cr.compile(outputs)(y=[0.5])[-1], np.tanh(0.5 * 599))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "name", ["a\x00b", "\ud800", "a\rimport os", "a\nb", '"""', "\\", 'x"', "\u2028x", "\x1b[31m", "#"]
)
def test_names_that_are_no_names_stand_in_comments_alone(name, backend, monkeypatch):
    v = cr.vector(name, "n")
    f = strictly(cr.compile([v * 2, cr.sum(v)], backend=backend), monkeypatch)
    np.testing.assert_array_equal(f({name: [1.0, 2.0]})[0], [2, 4])


# ── compiled ──────────────────────────────────────────────────────────────────────────────────────────


def all_examples(dtype, rng, names, rows=slice(None)):
    """Every row of operations as one list of expressions, with values; each row has variables of its own."""
    outputs, given = [], {}
    for name in names:
        for k, example in enumerate(OPS[name].examples[rows]):
            y, nodes, own = tried(OPS[name], example, rng, dtype)
            new = {v: variable(f"{name}{k}{v.attrs['name']}", v.shape, v.dtype) for v in nodes}
            outputs += substitute([y], new)
            given |= {new[v].attrs["name"]: own[v.attrs["name"]] for v in nodes}
    return outputs, given


ENTRYWISE = [name for name, op in OPS.items() if op.entrywise]
OTHERS = [name for name, op in OPS.items() if not op.entrywise]


@needs_numba
@pytest.mark.parametrize("dtype", [FLOAT64, FLOAT32], ids=str)
@pytest.mark.parametrize("names", [ENTRYWISE, OTHERS], ids=["entrywise", "others"])
def test_every_operation(names, dtype, rng, monkeypatch):
    rows = slice(-1, None) if (names, dtype) == (OTHERS, FLOAT32) else slice(None)  # loops take their time
    outputs, given = all_examples(dtype, rng, names, rows)
    f = strictly(cr.compile(outputs, backend="numba"), monkeypatch)
    assert_same(f(given), cr.evaluate(outputs, given))


@pytest.mark.parametrize(("op", "example"), op_examples())
def test_every_operation_without_numba(op, example, rng, monkeypatch):
    y, _, given = tried(op, example, rng)
    f = strictly(cr.compile(y, backend="numpy"), monkeypatch)
    assert_same([f(given)], [cr.evaluate(y, given)])


@needs_numba
@pytest.mark.parametrize(("first", "dtype"), [(0, FLOAT64), (100, FLOAT64), (200, FLOAT32)])
def test_random_graphs(first, dtype, monkeypatch):
    outputs = [o for seed in range(first, first + 8) for o in graphs.with_gradient(seed, dtype)]
    given = graphs.values(outputs, first)
    outputs = [o for o in outputs if graphs.is_tame([o], given)]
    f = strictly(cr.compile(outputs, backend="numba"), monkeypatch)
    assert_same(f(given), cr.evaluate(outputs, given), 2e-3 if dtype == FLOAT32 else 1e-8)
    plain = strictly(cr.compile(outputs, backend="numpy"), monkeypatch)
    assert_same(plain(given), cr.evaluate(outputs, given), 2e-3 if dtype == FLOAT32 else 1e-8)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_network_of_the_lecture(backend, monkeypatch):
    f = strictly(cr.compile(LECTURE, backend=backend), monkeypatch)
    assert f.backend == backend
    assert f.inputs == ("u", "W", "x", "b")
    for n, m in ((3, 2), (1, 1), (50, 70)):
        given = values(n, m, seed=n)
        assert_same(f(**given), cr.evaluate(LECTURE, given))


@pytest.fixture(scope="module")
def window():
    """The loss of the window network and all its gradients, with values for B windows."""
    net = Network(Architecture(hidden=7, dimension=3, caps=2, l2=0.1), 20, 4)
    loss = net.loss()
    parameters = list(net.parameters.values())
    outputs = [loss, *cr.gradient(loss, parameters), net.log_probabilities()]

    def drawn(B):
        rng = np.random.default_rng(B)
        given = {**net.start(rng), "E": rng.standard_normal((20, 3)).astype("f")}
        given |= masks(net, np.arange(5 * B).reshape(B, 5), rng)
        given |= {"words": rng.integers(0, 20, (B, 5)), "caps": rng.integers(0, 5, (B, 5))}
        return given | {"y": rng.integers(0, 4, B)}

    return outputs, drawn


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_window_network_at_any_batch_size_without_compiling_again(window, backend, monkeypatch):
    outputs, drawn = window
    f = strictly(cr.compile(outputs, backend=backend), monkeypatch)
    for B in (4, 1, 9, 64):
        given = drawn(B)
        assert_same(f(given), cr.evaluate(outputs, given))
        if backend == "numba":
            monkeypatch.setattr(compiling, "machine", None)


SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-310, 1e300, -1e300, 1.0, -1.0, 0.5, -3.5])


@pytest.mark.parametrize("backend", BACKENDS)
def test_nan_and_infinity_are_where_the_interpreter_has_them(backend, monkeypatch):
    p, q = cr.vector("p", "n"), cr.vector("q", "n")
    M = cr.matrix("M", "k", "n")
    outputs = [make(OPS[name], p, **OPS[name].examples[0].attrs) for name in ENTRYWISE if fits(OPS[name], 1)]
    outputs += [make(OPS[name], p, q, **OPS[name].examples[0].attrs) for name in ENTRYWISE if fits(OPS[name], 2)]
    outputs += [p**k for k in (-3, -2, -1, 0.5, 1.5, 2, 3, 4)] + [
        cr.where(p > q, p, q / p),
        p + cr.constant(np.inf),
    ]
    outputs += [f(M, axis=1) for f in (cr.logsumexp, cr.softmax, cr.log_softmax, cr.max, cr.min, cr.sum)]
    outputs += [cr.norm2(M, axis=1)] if backend == "numba" else []  # np.linalg.norm overflows where the squares do
    f = strictly(cr.compile(outputs, backend=backend), monkeypatch)
    left, right = (a.ravel() for a in np.meshgrid(SPECIAL, SPECIAL))
    plain = np.random.default_rng(0).standard_normal(left.size)
    rows = [
        plain,
        plain * 1e307,
        np.full(left.size, -np.inf),
        np.full(left.size, np.inf),
        np.zeros(left.size),
        left,
    ]
    rows += [np.where(np.arange(left.size) == 5, special, plain) for special in SPECIAL]
    given = {"p": left, "q": right, "M": np.array(rows)}
    found, wanted = f(given), cr.evaluate(outputs, given)
    for o, got, want in zip(outputs, found, wanted, strict=True):
        for place in (np.isnan, np.isposinf, np.isneginf) if want.dtype.kind == "f" else ():
            np.testing.assert_array_equal(place(got), place(want), err_msg=str(o))
        np.testing.assert_allclose(got, want, rtol=1e-11, err_msg=str(o))


def fits(op, count):
    return len(op.examples[0].operands) == count and all(g.kind == "real" for g in op.examples[0].operands)


# ── what may be an output ─────────────────────────────────────────────────────────────────────────────

X, k = cr.matrix("X", "n", "m"), cr.index("k")
c, t = variable("c", ("n",), "bool"), variable("t", (), "bool")
rows, q = variable("rows", ("m",), "int64"), cr.scalar("q")
TABLE = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize("backend", BACKENDS)
def test_anything_may_be_an_output(backend, monkeypatch):
    numbers, flags = cr.constant([[1.0, 2.0], [3.0, 4.0]]), cr.constant(np.array([True, False]))
    view, tanh = cr.reshape(X, ("m", "n")), cr.tanh(X)
    outputs = [
        *(X, X, view, cr.reshape(tanh, ("n·m",)), tanh, tanh, tanh.T, cr.reshape(tanh.T, ("n·m",))),
        *(numbers, cr.reshape(numbers, (4,)), flags, cr.constant(2.5), cr.constant(2.5), cr.constant(True)),
        *(cr.constant([3, 1]), cr.size("n"), cr.size("m + 1", FLOAT32), cr.eye("n"), cr.zeros(2, dtype=FLOAT32)),
        *(k, rows, rows[1:], cr.take(rows, k), X[:, 0], X[0], X[0, 0], cr.take(X.T, rows), q, -q, q > 1, t),
        *(X > 2, c, cr.opposite(c), cr.both(c, X[:, 0] > 0), cr.either(t, q < 0), cr.equal(X, X), cr.max(X), c),
        *(
            cr.cast(c, "float32"),
            cr.cast(q, "float32"),
            cr.cast(X, "float32"),
            cr.cast(X, "int64"),
            cr.cast(X, "bool"),
        ),
    ]
    given = {"X": TABLE, "k": 1, "rows": np.array([1, 0, 2]), "c": np.array([True, False]), "t": False, "q": 1.5}
    f = strictly(cr.compile(outputs, backend=backend), monkeypatch)
    found = f(given)
    assert_same(found, cr.evaluate(outputs, given))
    arrays = [a for a in found if isinstance(a, np.ndarray)]
    for j, a in enumerate(arrays):
        assert a.flags.writeable
        assert not any(np.shares_memory(a, other) for other in (*arrays[:j], TABLE, given["rows"], given["c"]))
        a[...] = 0
    assert_same(f(given), cr.evaluate(outputs, given))
    assert TABLE[1, 2] == 5


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_expression_gives_one_value_and_a_list_a_list(backend):
    assert type(cr.compile(q * 2, backend=backend)(q=3)) is np.float64
    assert cr.compile([q * 2], backend=backend)(q=3) == [6.0]
    assert cr.compile([], backend=backend)() == []
    each = pickle.loads(pickle.dumps(cr.compile((q * j for j in (1, 2)), (v for v in [q]), backend=backend)))
    assert each(3) == [3.0, 6.0]
    assert cr.compile(q * 2, q, backend=backend)(3) == 6.0
    np.testing.assert_array_equal(cr.compile(cr.ones(2), backend=backend)(), [1, 1])


@pytest.mark.parametrize("backend", BACKENDS)
def test_axes_of_one_entry_and_of_none(backend):
    outputs = [
        *LECTURE,
        cr.softmax(W @ x),
        cr.logsumexp(b),
        cr.sum(W, axis=0),
        W.T @ W,
        cr.norm2(x),
        cr.inv(W.T @ W + cr.eye("m")),
    ]
    f = cr.compile(outputs, backend=backend)
    for n, m in ((1, 1), (1, 3), (0, 2), (2, 0), (0, 0)):
        given = values(n, m)
        assert_same(f(given), cr.evaluate(outputs, given))
    g = cr.compile(cr.max(b), backend=backend)
    with pytest.raises(cr.BindingError, match="there is no entry to choose"):
        g(b=[])


# ── what may be given ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("backend", BACKENDS)
def test_values_of_every_kind(backend):
    f = cr.compile([W @ x * q, cr.take(x, k)], inputs=[W, x, q, k], backend=backend)
    w, v = np.arange(6.0).reshape(2, 3), np.array([1.0, 2.0, 3.0])
    wanted = f(w, v, 2.0, 1)
    np.testing.assert_array_equal(wanted[0], 2 * w @ v)
    locked, swapped = w.copy(), w.astype(">f8")
    locked.flags.writeable = False
    offset = np.frombuffer(b"." + w.tobytes(), np.uint8)[1:].view(np.float64).reshape(2, 3)
    for other in (
        w.tolist(),
        np.asfortranarray(w),
        np.repeat(w, 2, axis=0)[::2],
        locked,
        swapped,
        offset,
        w.astype("f4"),
    ):
        for scalar, place in (
            (2, 1),
            (np.float32(2), np.int8(1)),
            (np.array(2.0), np.array(1)),
            (np.float64(2), True + 0),
        ):
            assert_same(f(other, (1, 2, 3), scalar, place), wanted)
    before = w.tobytes()
    assert_same(f({"W": w, x: v, "q": 2.0, k: 1, "more": None}), wanted)
    assert_same(f(w, v, k=1, q=2.0), wanted)
    assert_same(f({"W": w, "x": v}, q=2.0, k=1), wanted)
    assert w.tobytes() == before


@pytest.mark.parametrize("backend", BACKENDS)
def test_errors_are_those_of_evaluate(backend):
    e = cr.take(x, k) * q + cr.sum(W @ x)
    f = cr.compile(e, backend=backend)
    good = {"W": np.ones((2, 3)), "x": np.ones(3), "k": 1, "q": 1.0}
    assert f(good) == cr.evaluate(e, good)
    wrong = [
        *({"x": np.ones(2)}, {"x": np.ones((3, 1))}, {"x": 1.0}, {"W": np.ones(3)}, {"q": np.ones(3)}, {"k": 1.5}),
        *(
            {"x": np.array([1, 2, 3])},
            {"x": ["a"] * 3},
            {"q": True},
            {"q": "1"},
            {"k": True},
            {"x": [[1], [1, 2]]},
        ),
        *({"k": 3}, {"k": -1}, {"k": 10**30}, {"x": None}, {"W": np.ma.array(np.ones((2, 3)), mask=True)}),
    ]
    for change in wrong:
        given = {**good, **change}
        with pytest.raises(cr.ChainruleError) as wanted:
            cr.evaluate(e, given)
        with pytest.raises(type(wanted.value)) as found:
            f(given)
        assert str(found.value) == str(wanted.value)
    with pytest.raises(cr.BindingError, match=r"^no value for q \(scalar\); the function takes x, k, q, W$"):
        f({**{name: v for name, v in good.items() if name != "q"}})
    with pytest.raises(cr.BindingError, match="5 values are given, but the function takes 4: x, k, q, W"):
        f(1, 2, 3, 4, 5)
    with pytest.raises(cr.BindingError, match="x is given twice, by place and by name; give it once"):
        f(good["x"], x=good["x"])
    with pytest.raises(cr.GraphError, match="values are given for variables, and W x is none"):
        f({W @ x: 1})


@pytest.mark.parametrize("backend", BACKENDS)
def test_rows_and_slices_are_checked_where_they_come_from(backend):
    far = variable("far", ("p",), "int64")
    outputs = [
        cr.take(X, far),
        cr.scatter(far, cr.ones("p"), "n"),
        X[:, 1:],
        cr.sum(X[0]),
    ]
    f = cr.compile(outputs, backend=backend)
    given = {"X": TABLE, "far": np.array([1, 0, 1, 1])}
    assert_same(f(given), cr.evaluate(outputs, given))
    for wrong in ([0, 2], [-1], [2**40]):
        with pytest.raises(cr.BindingError, match="the rows are numbered 0 to 1"):
            f(X=TABLE, far=np.array(wrong))
    from_numbers = cr.compile(cr.take(b, cr.cast(b, "int64")), backend=backend)
    np.testing.assert_array_equal(from_numbers(b=[1.0, 0.0]), [0, 1])
    with pytest.raises(cr.BindingError, match="row 7 is asked for"):
        from_numbers(b=[7.0, 0.0])


@needs_numba
def test_singular_and_undefined_matrices_are_left_to_the_interpreter():
    M = cr.matrix("M", "n", "n")
    f = cr.compile([cr.inv(M), cr.logdet(M)], backend="numba")
    with pytest.raises(cr.BindingError, match="M⁻¹ has no value here"):
        f(M=np.zeros((2, 2)))
    assert np.isnan(f(M=np.full((2, 2), np.nan))[0]).all()
    assert np.isnan(f(M=np.diag([1.0, -1.0]))[1])


# ── the function ──────────────────────────────────────────────────────────────────────────────────────


def test_what_is_asked_for_wrongly():
    with pytest.raises(cr.SettingError, match="the backend 'gpu' is unknown; choose one of auto, numba, numpy"):
        cr.compile(S, backend="gpu")
    with pytest.raises(
        cr.GraphError, match=r"the expressions need b \(n\), which is not among the inputs: W, x, u"
    ):
        cr.compile(S, inputs=[W, x, u])
    with pytest.raises(cr.GraphError, match="the inputs of a function are variables, and W x is none"):
        cr.compile(S, inputs=[W @ x])
    with pytest.raises(cr.GraphError, match="the size n is told by no input; give an input that has an axis n"):
        cr.compile(cr.eye("n"))
    for backend in ("auto", "numpy"):
        for inputs in (None, [x, cr.vector("x", "n")]):
            with pytest.raises(cr.BindingError, match="x stands for two variables"):
                cr.compile([x, cr.vector("x", "n")], inputs, backend=backend)
    for nothing in (None, 3.0, [None], [[x]]):
        with pytest.raises(cr.GraphError, match="is no expression"):
            cr.compile(nothing)
    with pytest.raises(cr.BindingError, match="two are the same variable; give it once"):
        cr.compile(x * 2, backend="numpy")({x: [1.0], "x": [2.0]})
    np.testing.assert_array_equal(cr.compile(cr.eye("n"), inputs=[b], backend="numpy")([5, 6]), np.eye(2))


def test_without_numba_numpy_runs_it(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "numba" else find(name))
    assert cr.compile(S).backend == "numpy"
    with pytest.raises(cr.SettingError, match='the backend "numba" needs Numba and SciPy'):
        cr.compile(S, backend="numba")


@needs_numba
def test_where_numba_fails_numpy_takes_over(monkeypatch):
    def broken(*_):
        raise RuntimeError("LLVM")

    monkeypatch.setattr(compiling, "machine", broken)
    f = cr.compile(LECTURE)
    assert_same(f(values()), cr.evaluate(LECTURE, values()))
    assert f.backend == "numpy"
    with pytest.raises(RuntimeError, match="LLVM"):
        cr.compile(LECTURE, backend="numba")(values())


@pytest.mark.parametrize("backend", BACKENDS)
def test_it_says_what_it_is(backend):
    f = cr.compile([S, cr.gradient(S, W)], backend=backend)
    assert repr(f) == f"<compiled (u, W, x, b) → scalar, n×m; {backend}>"
    assert f.passes[:2] == ("simplified", "associated")
    again = pickle.loads(pickle.dumps(f)), copy.copy(f), copy.deepcopy(f)
    for g in again:
        assert (g.inputs, g.backend, g.source) == (f.inputs, backend, f.source)
        assert_same(g(values()), f(values()))


SOURCE = '''\
def compiled(u, W, x, b, out1, Wx):
    """uᵀ tanh(W x + b)   scalar
    out1 = (u ⊙ (1 - tanh(W x + b)²)) xᵀ   n×m
    """
    n = u.shape[0]
    m = W.shape[1]
    # Wx = W x   n
    np.dot(W, x, Wx)
    # z = Wx + b   n
    # h = tanh(z)   n
    # delta = u ⊙ (1 - h²)   n
    # t1 = uᵀ h   scalar
    delta = Wx
    t1 = 0.0
    for i in range(n):
        z_i = Wx[i] + b[i]
        h_i = tanh64(z_i)
        delta[i] = u[i] * (1.0 - h_i * h_i)
        t1 = plus(t1, u[i] * h_i)
    # out1 = δ xᵀ   n×m
    for i in range(n):
        for j in range(m):
            out1[i, j] = delta[i] * x[j]
    return t1
'''


def test_the_source_is_for_reading():
    text = emitted([S, cr.gradient(S, W)]).source
    assert text == SOURCE
    f = cr.compile([S, cr.gradient(S, W)], backend="numpy")
    f(values())
    assert "    z = W @ x + b\n    h = np.tanh(z)\n" in f.source
    file = f._runner._call.__code__.co_filename
    assert linecache.getline(file, 4) == f.source.splitlines(keepends=True)[3]


@pytest.mark.parametrize("backend", BACKENDS)
def test_many_threads_at_once(backend):
    f = cr.compile(LECTURE, backend=backend)
    sizes = [(3, 2), (40, 30), (7, 90), (3, 2)]
    wanted = [cr.evaluate(LECTURE, values(n, m, seed)) for seed, (n, m) in enumerate(sizes)]
    wrong = []

    def call(seed):
        given = values(*sizes[seed], seed)
        for _ in range(200):
            try:
                assert_same(f(given), wanted[seed])
            except AssertionError as error:
                wrong.append(error)

    threads = [threading.Thread(target=call, args=(j % 4,)) for j in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@needs_numba
def test_working_memory_is_kept_for_few_sets_of_sizes():
    f = cr.compile(LECTURE, backend="numba")
    for n in range(1, 100):
        f(values(n, 2))
    assert len(f._known) <= 32
    known = f._known[next(iter(f._known))]
    assert len(known.__self__.idle) == 1


def test_sums_of_a_million_numbers_keep_their_digits():
    pytest.importorskip("numba")
    v = variable("v", ("n",), "float32")
    nodes = [cr.sum(v), cr.sum(v * v * v), cr.mean(v), cr.norm2(v), cr.sum(cr.tanh(v)), cr.sum(cr.exp(v) + v)]
    given = np.full(10**6, 0.1, np.float32)
    wide = given.astype(float)
    wanted = [wide.sum(), (wide**3).sum(), 0.1, 100, np.tanh(wide).sum(), (np.exp(wide) + wide).sum()]
    found = cr.compile(nodes, [v], backend="numba")(given)
    assert all(value.dtype == np.float32 for value in found)
    np.testing.assert_allclose(found, wanted, rtol=2e-7)
