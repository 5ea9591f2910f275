"""A step in one function is the interpreter's to rounding, for every optimiser, and the same bit for bit each time."""

import math

import numpy as np
import pytest
from helpers import in_python

import chainrule as cr
from chainrule.algebra.node import index, matrix, variable, vector
from chainrule.algebra.product import mean
from chainrule.algebra.select import concat, ravel, take
from chainrule.algebra.signature import FLOAT32, FLOAT64
from chainrule.calculus.batch import batch
from chainrule.errors import BindingError, NonFiniteError, SettingError
from chainrule.learn import advance as steps
from chainrule.learn.advance import Fused, Stepwise
from chainrule.learn.backprop import Backprop
from chainrule.learn.layers import affine, dropout, prelu
from chainrule.learn.losses import cross_entropy, l2
from chainrule.learn.optim import OPTIMIZERS, Adam, AdamW, Momentum, optimizer

V, D, K, H, C, W = 40, 6, 3, 8, 4, 3
STEPS = 20


def network(dtype):
    """A window net with two tables, a dropout mask, a learned slope and l2: its loss and parameters."""
    E, S = matrix("E", V, D, dtype=dtype), matrix("S", 5, K, dtype=dtype)
    A, b = matrix("A", H, W * (D + K), dtype=dtype), vector("b", H, dtype=dtype)
    U, c, slope = matrix("U", C, H, dtype=dtype), vector("c", C, dtype=dtype), variable("slope", (), dtype)
    words, caps, y, mask = index("words", W), index("caps", W), index("y"), vector("mask", H, dtype=dtype)
    x = concat([ravel(take(E, words)), ravel(take(S, caps))])
    h = dropout(prelu(affine(x, A, b), slope), mask)
    loss = mean(batch(cross_entropy(affine(cr.tanh(h), U, c), y), [words, caps, y, mask])) + l2([A, U], 1e-3)
    return loss, (E, S, A, b, U, c, slope)


def params(dtype, seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"E": (V, D), "S": (5, K), "A": (H, W * (D + K)), "b": (H,), "U": (C, H), "c": (C,), "slope": ()}
    return {n: np.asarray(0.5 * rng.normal(size=shape), dtype) for n, shape in shapes.items()}


def feed(dtype, step, size):
    """A batch in which words repeat often."""
    rng = np.random.default_rng([7, step])
    return {
        "words": rng.integers(0, V, (size, W)) // (1 + step % 3),
        "caps": rng.integers(0, 5, (size, W)),
        "y": rng.integers(0, C, size),
        "mask": (rng.random((size, H)) < 0.7).astype(dtype) / dtype.type(0.7),
    }


def run(advance: Stepwise, dtype, steps=range(STEPS), start=None):
    """Twenty steps with batches of two sizes; parameters, state, losses and norms."""
    held, state = start or (params(dtype), None)
    state = state or advance.optimizer.start(held, advance.backprop.sparse)
    seen = [advance({**held, **feed(dtype, k, 16 - k % 2)}, state, 0.05 / (1 + k)) for k in steps]
    advance.optimizer.settle(held, state)
    return held, state, np.array(seen)


@pytest.fixture(scope="module")
def backprops():
    return {dtype: Backprop(*network(dtype)) for dtype in (FLOAT32, FLOAT64)}


@pytest.fixture(scope="module")
def fused(backprops):
    """Steps in one function, each made once for this file: machine code, or the text as Python runs it."""
    made = {}

    def get(name, dtype=FLOAT32, limit=math.inf, native=False):
        key = (name, dtype, native)
        if key not in made:
            with pytest.MonkeyPatch.context() as patch:
                if native:
                    pytest.importorskip("numba")
                else:
                    patch.setattr("chainrule.learn.machine.machine", lambda emitted, kinds: in_python(emitted))
                made[key] = Fused(backprops[dtype], optimizer(name))
        made[key].limit = limit
        return made[key]

    return get


def close(a, b, dtype):
    tolerance = {"rtol": 2e-4, "atol": 2e-6} if dtype == FLOAT32 else {"rtol": 1e-10, "atol": 1e-13}
    np.testing.assert_allclose(a, b, **tolerance)


KINDS = [
    *((name, dtype, False) for name in OPTIMIZERS for dtype in (FLOAT32, FLOAT64)),
    *(("adagrad", FLOAT32, True), ("adam", FLOAT64, True), ("momentum", FLOAT32, True)),
]


@pytest.mark.parametrize("limit", [math.inf, 0.3])
@pytest.mark.parametrize(("name", "dtype", "native"), KINDS)
def test_steps_in_one_function_are_the_interpreters(name, dtype, native, limit, backprops, fused):
    ours = run(fused(name, dtype, limit, native), dtype)
    theirs = run(Stepwise(backprops[dtype], optimizer(name), limit), dtype)
    assert sorted(ours[0]) == sorted(theirs[0]) and sorted(ours[1]) == sorted(theirs[1])
    close(ours[2], theirs[2], dtype)
    for mine, other in zip(ours[:2], theirs[:2], strict=True):
        for key, array in mine.items():
            assert array.dtype == other[key].dtype
            close(array, other[key], dtype)


@pytest.mark.parametrize(("name", "dtype", "native"), KINDS)
def test_the_same_steps_give_the_same_bits_and_continue_bit_for_bit(name, dtype, native, fused):
    advance = fused(name, dtype, native=native)
    whole = run(advance, dtype)
    assert bits(run(advance, dtype)) == bits(whole)
    held, state = params(dtype), None
    state = advance.optimizer.start(held, advance.backprop.sparse)
    for part in (range(11), range(11, STEPS)):
        for k in part:
            advance({**held, **feed(dtype, k, 16 - k % 2)}, state, 0.05 / (1 + k))
        held, state = ({key: a.copy() for key, a in kept.items()} for kept in (held, state))
    advance.optimizer.settle(held, state)
    assert bits((held, state)) == bits(whole)


def bits(run):
    return [{key: a.tobytes() for key, a in part.items()} for part in run[:2]]


def test_a_new_size_of_batch_makes_nothing_anew(fused, backprops, monkeypatch):
    advance = fused("adagrad", native=True)
    monkeypatch.setattr("chainrule.learn.machine.machine", None)
    for size in (1, 2, 3, 50, 7, 16, 1):
        ends = []
        for each in (advance, Stepwise(backprops[FLOAT32], optimizer("adagrad"))):
            held = params(FLOAT32)
            each({**held, **feed(FLOAT32, 0, size)}, each.optimizer.start(held, each.backprop.sparse), 0.1)
            ends.append(held)
        for name, array in ends[0].items():
            close(array, ends[1][name], FLOAT32)


@pytest.mark.parametrize(("rule", "native"), [("adagrad", True), ("momentum", False)])
def test_a_row_that_does_not_exist_is_refused_in_a_sentence(rule, native, fused):
    advance = fused(rule, native=native)
    held = params(FLOAT32)
    values = feed(FLOAT32, 0, 4)
    values["words"][2, 1] = V
    state = advance.optimizer.start(held, advance.backprop.sparse)
    with pytest.raises(BindingError, match=f"row {V} is asked for, but the rows are numbered 0 to {V - 1}"):
        advance({**held, **values}, state, 0.1)
    assert state["step"] == 0


def test_values_of_other_kinds_are_converted_as_the_interpreter_does(fused, backprops):
    advance = fused("adagrad", native=True)
    ends = []
    for convert in (lambda a: a, lambda a: np.asfortranarray(a.astype(a.dtype.kind + "8")), np.ndarray.tolist):
        held = params(FLOAT32)
        values = {name: convert(a) for name, a in feed(FLOAT32, 0, 4).items()}
        advance({**held, **values}, advance.optimizer.start(held, advance.backprop.sparse), 0.1)
        ends.append({n: a.tobytes() for n, a in held.items()})
    assert ends[0] == ends[1] == ends[2]


def test_a_value_that_is_none_is_refused_in_a_sentence():
    loss, (w,) = small()
    advance, held = text_step(loss, w), {"w": np.ones(3)}
    with pytest.raises(cr.errors.DTypeError, match=r"x \(3\) holds real numbers, but the value given is None"):
        advance({**held, "x": None}, advance.optimizer.start(held), 0.1)


def test_nothing_moves_where_a_gradient_is_not_finite(fused, backprops):
    for advance in (fused("sgd"), Stepwise(backprops[FLOAT32], optimizer("sgd"))):
        held = params(FLOAT32)
        held["A"][2, 1] = np.nan
        state = advance.optimizer.start(held, advance.backprop.sparse)
        before = {n: a.copy() for n, a in held.items()}
        with pytest.raises(NonFiniteError, match="the loss is nan; lower the learning rate"):
            advance({**held, **feed(FLOAT32, 0, 4)}, state, 0.1)
        assert all(np.array_equal(a, before[n], equal_nan=True) for n, a in held.items())
        assert state["step"] == 0


def text_step(loss, *parameters):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chainrule.learn.machine.machine", lambda emitted, kinds: in_python(emitted))
        return Fused(Backprop(loss, parameters), optimizer("sgd"))


def test_the_parameter_whose_gradient_is_infinite_is_named():
    w, x = vector("w", 3), vector("x", 3)
    advance = text_step(cr.sum(cr.sqrt(w) * x), w)
    held = {"w": np.array([1.0, 0.0, 4.0])}
    with pytest.raises(NonFiniteError, match=r"the gradient of w is inf at \[1\]"):
        advance({**held, "x": np.ones(3)}, advance.optimizer.start(held), 0.1)
    assert held["w"].tolist() == [1.0, 0.0, 4.0]


def test_gradients_whose_squares_overflow_are_followed_all_the_same():
    w, x = vector("w", 3), vector("x", 3)
    advance = text_step(cr.sum(w * x), w)
    held = {"w": np.zeros(3)}
    _, norm = advance({**held, "x": np.full(3, 1e200)}, advance.optimizer.start(held), 1e-200)
    assert norm == pytest.approx(math.sqrt(3) * 1e200)
    np.testing.assert_allclose(held["w"], -1.0)


def test_what_cannot_be_moved_in_place_is_refused(fused):
    held = params(FLOAT32)
    held["A"] = np.asfortranarray(held["A"])
    advance = fused("sgd")
    with pytest.raises(SettingError, match=r"A is moved in place, .* give np\.ascontiguousarray"):
        advance({**held, **feed(FLOAT32, 0, 4)}, advance.optimizer.start(held, {"E", "S"}), 0.1)


def test_decay_that_takes_all_of_a_weight_is_refused_before_anything_moves(fused):
    held = params(FLOAT32)
    advance = fused("adamw")
    state = advance.optimizer.start(held, advance.backprop.sparse)
    with pytest.raises(SettingError, match="learning rate × weight_decay"):
        advance({**held, **feed(FLOAT32, 0, 4)}, state, 1000.0)
    assert state["step"] == 0


@pytest.mark.parametrize("kind", [Momentum, Adam, AdamW])
def test_a_rule_is_the_same_on_expressions_as_on_arrays(kind, rng):
    method = kind()
    w, g, *slots = (vector(n, 5) for n in ("w", "g", *method.slots))
    numbers = method.numbers(0.1, 3)
    moved, kept = method.rule(w, slots, g, numbers)
    values = {n: rng.uniform(0.1, 1.0, 5) for n in ("w", "g", *method.slots)}
    expected, held = method.rule(values["w"], [values[n] for n in method.slots], values["g"], numbers)
    np.testing.assert_allclose(cr.evaluate([moved, *kept], values), [expected, *held], rtol=1e-14)


def small():
    w, x = vector("w", 3), vector("x", 3)
    return cr.sum((w * x) ** 2), [w]


def test_a_long_run_is_compiled_and_a_short_one_is_not(monkeypatch):
    monkeypatch.setattr("chainrule.learn.machine.machine", lambda emitted, kinds: in_python(emitted))
    monkeypatch.setattr("chainrule.learn.backends.has_numba", lambda: True)
    assert isinstance(steps.advance(*small(), optimizer("sgd"), steps=10**6), Fused)
    assert not isinstance(steps.advance(*small(), optimizer("sgd"), steps=10), Fused)
    monkeypatch.setattr("chainrule.learn.backends.has_numba", lambda: False)
    assert not isinstance(steps.advance(*small(), optimizer("sgd"), steps=10**6), Fused)


def test_a_numba_that_does_not_work_is_an_error_only_where_it_is_asked_for(monkeypatch):
    def broken(*_):
        raise ImportError("Numba needs NumPy 1.0 or less")

    monkeypatch.setattr("chainrule.learn.machine.machine", broken)
    monkeypatch.setattr("chainrule.learn.backends.has_numba", lambda: True)
    assert not isinstance(steps.advance(*small(), optimizer("sgd"), steps=10**6), Fused)
    with pytest.raises(ImportError, match="Numba needs"):
        steps.advance(*small(), optimizer("sgd"), backend="numba")


def test_an_unknown_backend_is_refused():
    with pytest.raises(SettingError, match="unknown backend 'numbba'; did you mean numba"):
        steps.advance(*small(), optimizer("sgd"), backend="numbba")


@pytest.mark.parametrize("backend", ["numpy", "interpreter"])
def test_every_backend_takes_the_same_steps(backend):
    ends = []
    for name in (backend, "interpreter"):
        each = steps.advance(*small(), optimizer("adam"), 1.0, name)
        held = {"w": np.array([1.0, 2.0, 3.0])}
        state = each.optimizer.start(held)
        for k in range(5):
            each({**held, "x": np.arange(3.0) + k}, state, 0.1)
        ends.append(held["w"])
    np.testing.assert_allclose(*ends, rtol=1e-13)
