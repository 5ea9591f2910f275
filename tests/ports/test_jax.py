"""JAX: expressions as functions that it traces, compiles and differentiates; judged by the interpreter."""

import pickle

import graphs
import numpy as np
import pytest
from every_op import CASES, case

import chainrule as cr
from chainrule.algebra.op import OPS
from chainrule.calculus.batch import batch
from chainrule.ner.architecture import Architecture
from chainrule.ner.model import Network
from chainrule.ports import extra

jax = pytest.importorskip("jax", reason='JAX is not here: pip install "chainrule[jax]"')
jnp = jax.numpy

W, x, b, u = cr.matrix("W", "n", "m"), cr.vector("x", "m"), cr.vector("b", "n"), cr.vector("u", "n")
s = u.T @ cr.tanh(W @ x + b)


@pytest.fixture(autouse=True)
def _in_64_bits():
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


@pytest.fixture
def values(rng):
    return {
        "W": rng.normal(size=(3, 4)),
        "x": rng.normal(size=4),
        "b": rng.normal(size=3),
        "u": rng.normal(size=3),
    }


def close(ours, theirs, rtol=1e-12, atol=1e-13):
    for a, b in zip(ours, theirs, strict=True):
        assert np.asarray(b).dtype == np.asarray(a).dtype and np.shape(a) == b.shape
        np.testing.assert_allclose(a, np.asarray(b), rtol=rtol, atol=atol)


def compiled(f, given):
    """The value of a function in one program, made quickly: XLA takes seconds for each, and longer for a good one."""
    options = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    return jax.jit(f).lower(given).compile(compiler_options=options)(given)


def all_at_once(many, given):
    """The values of many lists of expressions."""
    functions = [cr.compile(outputs, backend="jax") for outputs in many]
    return compiled(lambda given: [f(v) for f, v in zip(functions, given, strict=True)], given)


FIRST = [(name, 0) for name in dict(CASES)]
LAST = list(dict(CASES).items())  # the last example of each


def test_every_operation_and_its_gradient_are_ours():
    many, given = zip(*(case(*one) for one in FIRST), strict=True)
    for outputs, v, theirs in zip(many, given, all_at_once(many, given), strict=True):
        close(cr.evaluate(outputs, v), theirs)


def test_jax_differentiates_every_operation_as_we_do():
    """Forward by JAX, differentiated by JAX, against our gradients: at random points."""
    slopes, ours, given = [], [], []
    for name, k in LAST:
        (y, *gradients), v = case(name, k)
        if not gradients:
            continue
        f, real = cr.compile(cr.sum(y), backend="jax"), {n: v[n] for n in v if v[n].dtype == np.float64}
        slopes.append(lambda real, v, f=f: jax.grad(lambda r: f({**v, **r}))(real))
        ours.append(cr.evaluate(gradients, v))
        given.append((real, v))
    found = compiled(lambda given: [slope(*one) for slope, one in zip(slopes, given, strict=True)], given)
    for gradients, theirs in zip(ours, found, strict=True):
        close(gradients, list(theirs.values()))


@pytest.mark.slow
def test_random_graphs_have_our_values():
    many = [[graphs.graph(seed, steps=6)] for seed in range(200)]
    given = [graphs.values(outputs, seed) for seed, outputs in enumerate(many)]
    tame = [k for k, (outputs, v) in enumerate(zip(many, given, strict=True)) if graphs.is_tame(outputs, v)]
    assert len(tame) > 180
    found = all_at_once([many[k] for k in tame], [given[k] for k in tame])
    for k, theirs in zip(tame, found, strict=True):
        close(cr.evaluate(many[k], given[k]), theirs, rtol=1e-9, atol=1e-10)


AT_KINKS = {
    "relu": cr.relu,
    "hard_tanh": cr.hard_tanh,
    "sigmoid": cr.sigmoid,
    "softplus": cr.softplus,
    "abs": abs,
    "sign": cr.sign,
    "clip": lambda z: cr.clip(z, -1, 1),
    "leaky_relu": cr.leaky_relu,
    "maximum": lambda z: cr.maximum(z, cr.constant([0.0, 1.0, -1.0, 0.0])),
    "max": lambda z: cr.max(z) * cr.ones(4),
    "norm2": lambda z: cr.norm2(z) * cr.ones(4),
    "power": lambda z: z**2,
}


def test_at_kinks_jax_takes_the_slopes_that_we_take():
    z, weights = cr.vector("z", 4), np.array([1.0, 2.0, 3.0, 4.0])
    points = [np.zeros(4), np.array([0.0, 1.0, -1.0, 0.0]), np.ones(4)]
    of = {name: cr.sum(f(z) * weights) for name, f in AT_KINKS.items()}
    functions = {name: cr.compile(e, backend="jax") for name, e in of.items()}
    found = compiled(lambda points: {n: [jax.grad(f)(p) for p in points] for n, f in functions.items()}, points)
    for name, e in of.items():
        for point, theirs in zip(points, found[name], strict=True):
            ours = cr.evaluate(cr.gradient(e, z), {"z": point})
            np.testing.assert_allclose(theirs, ours, rtol=1e-14, err_msg=f"{name} at {point}")


def test_jit_vmap_grad_and_forward_mode_go_through(values):
    f = cr.compile(s, backend="jax")
    X = np.stack([values["x"], 2 * values["x"], -values["x"]])
    rest = {name: v for name, v in values.items() if name != "x"}
    many = jax.jit(jax.vmap(lambda x: f(x=x, **rest)))(X)
    ours = cr.evaluate(batch(s, [x]), {**rest, "x": X}, sizes={"B": 3})
    np.testing.assert_allclose(many, ours, rtol=1e-13)
    (hessian,) = jax.tree.leaves(jax.jit(jax.hessian(lambda x: f(x=x, **rest)))(values["x"]))
    np.testing.assert_allclose(hessian, cr.evaluate(cr.hessian(s, x), values), rtol=1e-11, atol=1e-14)


def test_our_gradients_are_functions_too(values):
    outputs = [s, *cr.gradient(s, [W, x, b, u])]
    f = cr.compile(outputs, backend="jax")
    close(cr.evaluate(outputs, values), f(values))
    assert (f.backend, f.inputs, len(f.outputs)) == ("jax", ("u", "W", "x", "b"), 5)
    assert "np.tanh" in f.source and "simplified" in f.passes


def test_values_are_given_as_to_any_compiled_function(values):
    f = cr.compile(s, [W, x, b, u], backend="jax")
    ours = cr.evaluate(s, values)
    in_order = [values[name] for name in "Wxbu"]
    for found in (f(*in_order), f({**values}), f(*in_order[:2], b=values["b"], u=values["u"].tolist())):
        np.testing.assert_allclose(found, ours, rtol=1e-13)
    again = pickle.loads(pickle.dumps(f))
    np.testing.assert_allclose(again(values), ours, rtol=1e-13)
    assert repr(again) == "<compiled (W, x, b, u) → scalar; jax>"


def test_a_new_size_is_a_new_program_and_a_wrong_one_a_sentence(values, rng):
    f = cr.compile(s, backend="jax")
    f(values)
    larger = {"W": rng.normal(size=(2, 5)), "x": rng.normal(size=5), "b": np.zeros(2), "u": np.ones(2)}
    np.testing.assert_allclose(f(larger), cr.evaluate(s, larger), rtol=1e-13)
    with pytest.raises(cr.BindingError, match=r"axis m is 4 in W .* but 5 in x"):
        f({**values, "x": np.zeros(5)})
    with pytest.raises(cr.BindingError, match="no value for u"):
        f(W=values["W"])
    with pytest.raises(cr.DTypeError, match="holds real numbers"):
        f({**values, "x": np.arange(4)})


def test_float32_stays_float32_and_float64_is_refused_in_32_bits(rng):
    z = cr.vector("z", "n", dtype="float32")
    jax.config.update("jax_enable_x64", False)
    found = cr.compile(cr.softmax(2 * z), backend="jax")(rng.normal(size=4))
    assert found.dtype == np.float32
    with pytest.raises(cr.DTypeError, match=r'jax_enable_x64", True\) first, or declare the variables float32'):
        cr.compile(cr.softmax(x), backend="jax")(rng.normal(size=4))


def test_a_row_that_does_not_exist_is_nan():
    E, i = cr.matrix("E", 3, 2), cr.index("i", "k")
    f = cr.compile([cr.take(E, i), cr.gradient(cr.sum(cr.take(E, i)), E)], backend="jax")
    for wrong in (3, -1):
        rows, table = f(E=np.ones((3, 2)), i=[0, wrong])
        assert np.isfinite(rows[0]).all() and np.isnan(rows[1]).all() and np.isnan(table).all()


@pytest.mark.parametrize("objective", ["softmax", "sentence"])
def test_the_window_network_and_all_its_gradients(objective, rng):
    sizes = {"dimension": 3, "caps": 2, "hidden": 4, "window": 3, "letters": 2, "dropout": 0.0}
    network = Network(
        Architecture(objective=objective, features="shape:2", **sizes), 6, 3, {"shape": 4, "letters": 5}
    )
    loss, B = network.loss(), 4
    outputs = [loss, *cr.gradient(loss, list(network.parameters.values()))]
    params = {n: rng.normal(size=v.shape).astype(np.float32) for n, v in network.parameters.items()}
    known = {v.attrs["name"]: v for v in cr.variables(loss)}
    ids = {"letters": (5, network.shared["letters"].shape[1]), "moves": (B + 2,), "first": (B,)}
    given = {n: rng.integers(0, 2, ids.get(n) or (B, *known[n].shape[1:])) for n in known if n not in params}
    if "first" in given:
        given["first"] = np.array([1, 0, 1, 0])
    given = {**{n: v for n, v in params.items() if n in known}, **given}
    (theirs,) = all_at_once([outputs], [given])
    for ours, found in zip(cr.evaluate(outputs, given), theirs, strict=True):
        np.testing.assert_allclose(found, ours, rtol=2e-4, atol=1e-5)


def test_chains_of_any_order_and_with_forbidden_moves(rng):
    scores, A = cr.matrix("s", 5, 3), cr.matrix("A", 4, 4)
    first = np.array([1, 0, 0, 1, 0])
    z = cr.log_partition(scores, A, first)
    hvp = cr.hvp(z, A, cr.constant(rng.normal(size=(4, 4))))
    outputs = [z, *cr.gradient(z, [scores, A]), hvp]
    moves = rng.normal(size=(4, 4))
    moves[0, 1] = -1e4
    given = {"s": rng.normal(size=(5, 3)), "A": moves}
    (theirs,) = all_at_once([outputs], [given])
    close(cr.evaluate(outputs, given), theirs, rtol=1e-10)
    moves[1, 2] = -np.inf
    (theirs,) = all_at_once([outputs[:2]], [given])
    close(cr.evaluate(outputs[:2], given), theirs, rtol=1e-10)


def test_evaluate_takes_jax_arrays_also_under_a_trace(values):
    there = {name: jnp.asarray(v) for name, v in values.items()}
    found = cr.evaluate(s, there)
    assert isinstance(found, jax.Array)
    np.testing.assert_allclose(found, cr.evaluate(s, values), rtol=1e-13)
    slope = jax.grad(lambda W: cr.evaluate(s, {**there, "W": W}))(there["W"])
    np.testing.assert_allclose(slope, cr.evaluate(cr.gradient(s, W), values), rtol=1e-12)


def test_an_unknown_backend_lists_what_is_there():
    with pytest.raises(
        cr.SettingError, match=r"the backend 'jaxx' is unknown; choose one of auto, numba, numpy, jax"
    ):
        cr.compile(s, backend="jaxx")


def test_without_jax_or_with_another_version_it_is_a_sentence(monkeypatch):
    monkeypatch.setattr(extra.metadata, "version", lambda name: "0.4.1")
    with pytest.raises(cr.ExtraError) as raised:
        cr.compile(s, backend="jax")
    assert str(raised.value) == (
        'chainrule.ports.jax needs JAX 0.6 or newer, below 1, and found 0.4.1: pip install "chainrule[jax]"'
    )


def test_every_operation_was_tried():
    assert {name for name, _ in CASES} == {name for name, op in OPS.items() if op.examples}
