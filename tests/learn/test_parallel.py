"""A step on threads is the step on one to rounding, for every optimiser, and the same bit for bit each time."""

import math
import threading
import time
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from helpers import in_python

import chainrule as cr
from chainrule.algebra.node import index, variable, vector
from chainrule.algebra.product import mean
from chainrule.algebra.select import concat, ravel, take
from chainrule.algebra.signature import FLOAT32, FLOAT64
from chainrule.calculus.batch import batch
from chainrule.errors import BindingError, DataError, NonFiniteError, SettingError
from chainrule.learn.advance import Fused, Stepwise
from chainrule.learn.backprop import Backprop
from chainrule.learn.layers import affine, dropout, prelu
from chainrule.learn.losses import cross_entropy, l2
from chainrule.learn.optim import OPTIMIZERS, optimizer
from chainrule.learn.parallel import Parallel, advance_by
from chainrule.learn.team import Team
from chainrule.learn.train import Plan, Task, train

V, D, K, H, C, W = 30, 4, 2, 5, 3, 2
SHAPES = {"E": (V, D), "S": (5, K), "A": (H, W * (D + K)), "b": (H,), "U": (C, H), "c": (C,), "slope": ()}


@cache
def network(dtype):
    """A window net with two tables, a dropout mask, a learned slope and l2: its loss and parameters."""
    p = {name: variable(name, shape, dtype) for name, shape in SHAPES.items()}
    words, caps, y, mask = index("words", W), index("caps", W), index("y"), vector("mask", H, dtype=dtype)
    x = concat([ravel(take(p["E"], words)), ravel(take(p["S"], caps))])
    h = dropout(prelu(affine(x, p["A"], p["b"]), p["slope"]), mask)
    one = cross_entropy(affine(cr.tanh(h), p["U"], p["c"]), y)
    loss = mean(batch(one, [words, caps, y, mask])) + l2([p["A"], p["U"]], 1e-2)
    return loss, tuple(p.values())


def params(dtype):
    rng = np.random.default_rng(0)
    return {n: np.asarray(0.5 * rng.normal(size=shape), dtype) for n, shape in SHAPES.items()}


def feed(dtype, step, size):
    """A batch in which words repeat often, within a shard and among shards."""
    rng = np.random.default_rng([7, step])
    return {
        "words": rng.integers(0, V, (size, W)) // (1 + step % 3),
        "caps": rng.integers(0, 5, (size, W)),
        "y": rng.integers(0, C, size),
        "mask": (rng.random((size, H)) < 0.7).astype(dtype) / dtype.type(0.7),
    }


def run(advance, dtype, sizes=(12, 13, 12, 7, 13)):
    """Steps with batches of several sizes, which no number of threads divides; parameters, state, losses, norms."""
    held = params(dtype)
    state = advance.optimizer.start(held, advance.backprop.sparse)
    seen = [advance({**held, **feed(dtype, k, n)}, state, 0.05 / (1 + k)) for k, n in enumerate(sizes)]
    advance.optimizer.settle(held, state)
    return held, state, np.array(seen)


def bits(found):
    return [{key: a.tobytes() for key, a in part.items()} for part in found[:2]], found[2].tobytes()


class Uneven(Team):
    """Threads of which now the one, now the other takes longer."""

    def __call__(self, part):
        delays = np.random.default_rng(time.perf_counter_ns()).uniform(0, 0.002, self.count)

        def late(k):
            time.sleep(delays[k])
            try:
                return part(k)
            finally:
                time.sleep(delays[-1 - k])

        return super().__call__(late)


@pytest.fixture(scope="module")
def made():
    """Steps on threads, each made once for this file: machine code, or the text as Python runs it."""
    steps = {}

    def get(name="sgd", dtype=FLOAT64, threads=2, native=False, limit=math.inf):
        key = (name, dtype, threads, native)
        if key not in steps:
            with pytest.MonkeyPatch.context() as patch:
                if native:
                    pytest.importorskip("numba")
                else:
                    patch.setattr("chainrule.learn.machine.machine", lambda emitted, kinds: in_python(emitted))
                steps[key] = Parallel(backprop(dtype), optimizer(name), limit, Uneven(threads))
        steps[key].limit = limit
        return steps[key]

    yield get
    for each in steps.values():
        each._team.close()


@cache
def backprop(dtype):
    return Backprop(*network(dtype))


def alike(ours, theirs, dtype):
    tolerance = {"rtol": 2e-4, "atol": 2e-6} if dtype == FLOAT32 else {"rtol": 1e-10, "atol": 1e-13}
    np.testing.assert_allclose(ours[2], theirs[2], **tolerance)
    for mine, other in zip(ours[:2], theirs[:2], strict=True):
        assert sorted(mine) == sorted(other)
        for key, array in mine.items():
            assert array.dtype == other[key].dtype
            np.testing.assert_allclose(array, other[key], err_msg=key, **tolerance)


KINDS = [
    *((name, FLOAT64, 2, False) for name in OPTIMIZERS),
    *((name, FLOAT32, 3, False) for name in ("sgd", "adam")),
    ("adagrad", FLOAT32, 2, True),
]


@pytest.mark.parametrize("limit", [math.inf, 0.3])
@pytest.mark.parametrize(("name", "dtype", "threads", "native"), KINDS)
def test_steps_on_threads_are_those_of_one(name, dtype, threads, native, limit, made):
    theirs = run(Stepwise(backprop(dtype), optimizer(name), limit), dtype)
    alike(run(made(name, dtype, threads, native, limit), dtype), theirs, dtype)


@pytest.mark.parametrize(("name", "dtype", "threads", "native"), KINDS)
def test_whichever_thread_is_first_the_bits_are_the_same(name, dtype, threads, native, made):
    advance = made(name, dtype, threads, native)
    assert len({str(bits(run(advance, dtype))) for _ in range(3)}) == 1


@pytest.mark.parametrize("backend", ["numpy", "interpreter"])
@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_other_backends_share_batches_too(name, backend):
    with Team(3) as team:
        ours = run(advance_by(team, *network(FLOAT64), optimizer(name), 0.3, backend), FLOAT64)
    alike(ours, run(Stepwise(backprop(FLOAT64), optimizer(name), 0.3), FLOAT64), FLOAT64)


def test_a_team_of_one_is_the_step_without_threads():
    assert type(advance_by(Team(1), *network(FLOAT64), optimizer("sgd"), backend="numpy")) is Stepwise


@pytest.mark.parametrize("size", [1, 2])
def test_fewer_examples_than_threads_are_one_shard(size, made):
    ours = run(made("adagrad", threads=3), FLOAT64, (size, 8, size))
    alike(ours, run(Stepwise(backprop(FLOAT64), optimizer("adagrad")), FLOAT64, (size, 8, size)), FLOAT64)


def test_parameters_may_be_exchanged_for_others_between_steps(made):
    advance, plain = made("adagrad"), Stepwise(backprop(FLOAT64), optimizer("adagrad"))
    ends = []
    for each in (advance, plain):
        held = params(FLOAT64)
        state = each.optimizer.start(held, each.backprop.sparse)
        for k in range(4):
            each({**held, **feed(FLOAT64, k, 8)}, state, 0.1)
            held, state = ({key: a.copy() for key, a in kept.items()} for kept in (held, state))
        ends.append(held)
    for key, array in ends[0].items():
        np.testing.assert_allclose(array, ends[1][key], rtol=1e-12, atol=1e-14)


def test_values_of_other_kinds_are_converted_as_without_threads(made):
    advance, ends = made("sgd"), []
    for convert in (lambda a: a, np.asfortranarray, np.ndarray.tolist):
        held = params(FLOAT64)
        values = {name: convert(a) for name, a in feed(FLOAT64, 0, 6).items()}
        advance({**held, **values}, advance.optimizer.start(held, advance.backprop.sparse), 0.1)
        ends.append({n: a.tobytes() for n, a in held.items()})
    assert ends[0] == ends[1] == ends[2]


# ── what goes wrong ───────────────────────────────────────────────────────────────────────────────────


def spoilt(change):
    """Parameters and a batch of six after `change(parameters, batch)`."""
    held, values = params(FLOAT64), feed(FLOAT64, 0, 6)
    change(held, values)
    return held, values


WRONG = {
    "the loss is nan": lambda held, values: held["A"].__setitem__((2, 1), np.nan),
    "the loss is nan ": lambda held, values: values["mask"].__setitem__((5, 0), np.nan),
    f"row {V} is asked for, but the rows are numbered 0 to {V - 1}": lambda held, values: values[
        "words"
    ].__setitem__((5, 1), V),
    r"A is moved in place, .* give np\.ascontiguousarray": lambda held, values: held.update(
        A=np.asfortranarray(held["A"])
    ),
    "axis B is 6 in .* but 4 in y": lambda held, values: values.update(y=values["y"][:4]),
    r"y \(B\) holds whole numbers, but the value given is None": lambda held, values: values.update(y=None),
}


@pytest.mark.parametrize("why", WRONG)
def test_what_is_wrong_is_said_as_without_threads_and_nothing_moves(why, made):
    threads = threading.active_count()
    advance = made("sgd")
    held, values = spoilt(WRONG[why])
    before = {n: a.copy() for n, a in held.items()}
    state = advance.optimizer.start(held, advance.backprop.sparse)
    with pytest.raises(
        (NonFiniteError, BindingError, SettingError, cr.errors.DTypeError), match=why.strip()
    ) as ours:
        advance({**held, **values}, state, 0.1)
    assert state["step"] == 0
    assert all(np.array_equal(a, before[n], equal_nan=True) for n, a in held.items())
    run(advance, FLOAT64)  # and it goes on afterwards
    assert threading.active_count() <= threads + 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chainrule.learn.machine.machine", lambda emitted, kinds: in_python(emitted))
        alone = Fused(backprop(FLOAT64), optimizer("sgd"))
    with pytest.raises(type(ours.value)) as theirs:
        alone({**held, **values}, state, 0.1)
    assert str(theirs.value) == str(ours.value)


def test_a_parameter_whose_gradient_is_infinite_is_named():
    w, x = vector("w", 3), vector("x", 3)
    with Team(2) as team, pytest.MonkeyPatch.context() as patch:
        patch.setattr("chainrule.learn.machine.machine", lambda emitted, kinds: in_python(emitted))
        advance = Parallel(
            Backprop(mean(batch(cr.sum(cr.sqrt(w) * x), [x])), [w]), optimizer("sgd"), math.inf, team
        )
        held = {"w": np.array([1.0, 0.0, 4.0])}
        with pytest.raises(NonFiniteError, match=r"the gradient of w is inf at \[1\]"):
            advance({**held, "x": np.ones((4, 3))}, advance.optimizer.start(held), 0.1)
    assert held["w"].tolist() == [1.0, 0.0, 4.0]


def test_a_loss_that_is_no_mean_is_refused_before_anything_moves():
    w, x = vector("w", 3), vector("x", 3)
    with Team(2) as team, pytest.MonkeyPatch.context() as patch:
        patch.setattr("chainrule.learn.machine.machine", lambda emitted, kinds: in_python(emitted))
        advance = Parallel(Backprop(cr.sum(batch(cr.sum(w * x), [x])), [w]), optimizer("sgd"), math.inf, team)
        held = {"w": np.ones(3)}
        with pytest.raises(
            SettingError, match=r"the loss of a batch is 12, but its 2 shards give 6: .* a mean over B"
        ):
            advance({**held, "x": np.ones((4, 3))}, advance.optimizer.start(held), 0.1)
    assert held["w"].tolist() == [1.0, 1.0, 1.0]


def test_a_numba_that_does_not_work_is_an_error_only_where_it_is_asked_for(monkeypatch):
    def broken(*_):
        raise ImportError("Numba needs NumPy 1.0 or less")

    monkeypatch.setattr("chainrule.learn.machine.machine", broken)
    monkeypatch.setattr("chainrule.learn.backends.has_numba", lambda: True)
    with Team(2) as team:
        made = advance_by(team, *network(FLOAT64), optimizer("sgd"), steps=10**6)
        assert type(made) is Stepwise
        with pytest.raises(ImportError, match="Numba needs"):
            advance_by(team, *network(FLOAT64), optimizer("sgd"), backend="numba")


# ── in the loop ───────────────────────────────────────────────────────────────────────────────────────


def task(seen=None):
    """Forty examples of the network; `seen` is told how many threads there are."""
    dtype = FLOAT32
    loss, nodes = network(dtype)
    data = feed(dtype, 3, 40)
    del data["mask"]

    def given(examples, rng):
        if seen is not None:
            seen.append(threading.active_count())
        mask = (rng.random((len(examples), H)) < 0.7).astype(dtype)
        return {**{name: a[examples] for name, a in data.items()}, "mask": mask}

    return Task(loss, params(dtype), nodes, 40, given)


@pytest.fixture
def small(monkeypatch):
    """Batches of eight are worth two threads."""
    monkeypatch.setattr("chainrule.learn.shards.LEAST", 4)
    return Plan(epochs=3, batch_size=9, learning_rate=0.05, threads=2)


def ends(job):
    return {name: a.tobytes() for name, a in job.params.items()}


@pytest.mark.parametrize(("backend", "name"), [("numba", "adagrad"), ("numpy", "momentum")])
def test_a_training_on_threads_is_that_on_one_and_resumes_bit_for_bit(tmp_path, small, backend, name):
    if backend == "numba":
        pytest.importorskip("numba")
    small = replace(small, optimizer=name)
    whole, again, alone, resumed = task(), task(), task(), task()
    train(whole, small, backend=backend)
    train(again, small, backend=backend)
    assert ends(whole) == ends(again)
    train(alone, replace(small, threads=1), backend="interpreter")
    for key, array in alone.params.items():
        np.testing.assert_allclose(whole.params[key], array, rtol=1e-4, atol=1e-5)
    count = iter(range(1000))
    train(task(), small, checkpoint=tmp_path / "c", stop=lambda: next(count) == 7, backend=backend)
    with pytest.raises(DataError, match=r"other data or settings \(threads 2, not 1\)"):
        train(task(), replace(small, threads=1), checkpoint=tmp_path / "c", resume=True, backend="interpreter")
    more = replace(small, threads=5)  # of which a batch of nine keeps two busy
    train(resumed, more, checkpoint=tmp_path / "c", resume=True, backend=backend)
    assert ends(resumed) == ends(whole)


@pytest.mark.parametrize("fails", [False, True])
def test_no_thread_is_left_after_a_training(small, fails):
    before, seen = threading.active_count(), []

    def watch(event):
        if fails and len(seen) > 2:
            raise RuntimeError("enough")

    if fails:
        with pytest.raises(RuntimeError, match="enough"):
            train(task(seen), small, watch=watch, backend="numpy")
    else:
        train(task(seen), small, watch=watch, backend="numpy")
    assert max(seen) == before + 1
    assert threading.active_count() == before


def test_batches_too_small_to_share_are_trained_on_one_thread():
    seen = []
    before = threading.active_count()
    train(task(seen), Plan(epochs=1, batch_size=9, threads=4), backend="numpy")
    assert max(seen) == before


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "two"])
def test_threads_are_a_number_from_one_on(wrong):
    with pytest.raises(SettingError, match=r"threads is .*; it must be a whole number at least 1"):
        Plan(threads=wrong)
