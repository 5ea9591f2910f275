"""The loop: it learns, keeps the best, stops early, and resumes bit for bit after being killed."""

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest

import chainrule as cr
from chainrule.algebra.node import index, matrix, variable, vector
from chainrule.algebra.product import mean
from chainrule.algebra.select import take
from chainrule.algebra.signature import FLOAT32
from chainrule.calculus.batch import batch
from chainrule.errors import DataError, ModelError, NonFiniteError, SettingError, WriteError
from chainrule.learn.backprop import Backprop
from chainrule.learn.gradients import Rows, clip
from chainrule.learn.losses import cross_entropy
from chainrule.learn.store import read_tensors, write_tensors
from chainrule.learn.train import Epoch, Plan, Task, Tick, train

OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw")


def task(seed=0, judge=None):
    """Which class is word w of? A table lookup and a softmax."""
    rng = np.random.default_rng(seed)
    E, U = matrix("E", 30, 4, dtype=FLOAT32), matrix("U", 3, 4, dtype=FLOAT32)
    c, w, y, mask = vector("c", 3, dtype=FLOAT32), index("w"), index("y"), vector("mask", 4, dtype=FLOAT32)
    one = cross_entropy(U @ (take(E, w) * mask) + c, y)
    words = rng.integers(0, 30, 200)
    classes = words % 3
    params = {
        "E": rng.normal(size=(30, 4)).astype(np.float32) * 0.1,
        "U": rng.normal(size=(3, 4)).astype(np.float32) * 0.1,
        "c": np.zeros(3, np.float32),
    }

    def feed(examples, generator):
        drop = (generator.random((len(examples), 4)) < 0.8).astype(np.float32)
        return {"w": words[examples], "y": classes[examples], "mask": drop}

    return Task(mean(batch(one, [w, y, mask])), params, (E, U, c), 200, feed, judge)


def bits(params):
    return {name: array.tobytes() for name, array in params.items()}


def test_training_lowers_the_loss():
    job = task()
    run = train(job, Plan(epochs=20, batch_size=16, learning_rate=0.3))
    losses = [record.train_loss for record in run.history]
    assert losses[-1] < 0.5 * losses[0]
    assert [record.epoch for record in run.history] == list(range(1, len(losses) + 1))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_same_seed_gives_the_same_bits(name):
    plan = Plan(epochs=3, batch_size=16, learning_rate=0.05, optimizer=name, schedule="cosine")
    first, second = task(), task()
    train(first, plan)
    train(second, plan)
    assert bits(first.params) == bits(second.params)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("after", [1, 13, 20])
def test_a_run_that_was_stopped_resumes_bit_for_bit(tmp_path, name, after):
    plan = Plan(epochs=4, batch_size=16, learning_rate=0.05, optimizer=name, schedule="halve:2")
    whole = task()
    train(whole, plan)

    count = iter(range(1, 1000))
    train(task(), plan, checkpoint=tmp_path / "c", stop=lambda: next(count) == after)
    resumed, events = task(), []
    run = train(resumed, plan, checkpoint=tmp_path / "c", resume=True, watch=events.append)
    assert sum(isinstance(e, Tick) for e in events) == 4 * 13 - after  # what was done is not done again
    assert bits(resumed.params) == bits(whole.params)
    assert len(run.history) == 4 and not run.interrupted


@pytest.mark.parametrize("name", ["adagrad", "momentum"])
def test_compiled_steps_train_alike_and_resume_bit_for_bit(tmp_path, name):
    pytest.importorskip("numba")
    plan = Plan(epochs=4, batch_size=16, learning_rate=0.05, optimizer=name, schedule="halve:2", clip=0.5)
    whole, plain = task(), task()
    run = train(whole, plan, backend="numba")
    theirs = train(plain, plan, backend="interpreter")
    assert [r.train_loss for r in run.history] == pytest.approx([r.train_loss for r in theirs.history], rel=1e-4)
    for key, array in plain.params.items():
        np.testing.assert_allclose(whole.params[key], array, rtol=1e-3, atol=1e-5)
    count, resumed = iter(range(1, 1000)), task()
    train(task(), plan, checkpoint=tmp_path / "c", stop=lambda: next(count) == 17, backend="numba")
    train(resumed, plan, checkpoint=tmp_path / "c", resume=True, backend="numba")
    assert bits(resumed.params) == bits(whole.params)


@pytest.mark.parametrize("backend", ["numba", "numpy", "interpreter"])
def test_an_infinite_loss_stops_a_run_of_any_backend_before_anything_moves(backend):
    if backend == "numba":
        pytest.importorskip("numba")
    job = task()
    job.params["U"][0, 0] = np.inf
    before = bits(job.params)
    with pytest.raises(NonFiniteError, match=r"epoch 1, step 1: the loss is"):
        train(job, Plan(), backend=backend)
    assert bits(job.params) == before


KILLED = """
    import sys
    sys.path.insert(0, {tests!r})
    from test_train import task, bits
    from chainrule.learn.train import Plan, train
    plan = Plan(epochs=6, batch_size=8, learning_rate=0.1, optimizer="momentum", checkpoint_every=0.0)
    job = task()
    train(job, plan, checkpoint={path!r}, resume=True, watch=lambda e: print(e.epoch, getattr(e, "done", 0), flush=True))
    print("done", {{n: a.tobytes().hex() for n, a in job.params.items()}}, flush=True)
"""


def test_kill_9_at_any_moment_loses_nothing_that_matters(tmp_path):
    whole = task()
    train(whole, Plan(epochs=6, batch_size=8, learning_rate=0.1, optimizer="momentum"))
    path = str(tmp_path / "c")
    code = textwrap.dedent(KILLED.format(tests=os.path.dirname(__file__), path=path))
    rng = np.random.default_rng(1)
    begun = (0, 0)
    for _ in range(4):
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        first = tuple(map(int, child.stdout.readline().split()))
        assert first > begun, "a killed run begins where its checkpoint was, and not from scratch"
        begun = first
        for _ in range(int(rng.integers(5, 30))):
            child.stdout.readline()
        child.send_signal(signal.SIGKILL)
        child.communicate()
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    last = finished.stdout.strip().splitlines()[-1]
    assert last == f"done { {n: a.tobytes().hex() for n, a in whole.params.items()} }"
    left = [p.name for p in tmp_path.iterdir() if p.name != "c"]
    assert all(name.startswith(".c.") and name.endswith(".tmp") for name in left)  # swept up an hour later


def test_the_best_parameters_are_kept_and_patience_ends_the_run():
    scores = iter([0.1, 0.9, 0.5, 0.4, 0.3, 0.2])
    seen = []

    def judge(params):
        seen.append({n: a.copy() for n, a in params.items()})
        return {"score": next(scores)}

    job = task(judge=judge)
    run = train(job, Plan(epochs=6, patience=3, batch_size=50))
    assert run.best_epoch == 2 and len(run.history) == 5
    assert bits(job.params) == bits(seen[1])


def test_an_infinite_loss_stops_the_run_and_names_the_step():
    job = task()
    job.params["U"][0, 0] = np.inf
    with pytest.raises(NonFiniteError, match=r"epoch 1, step 1: the loss is"):
        train(job, Plan())


def test_a_loss_that_blows_up_late_keeps_the_best_epoch():
    job = task()
    feed, calls, seen = job.feed, iter(range(1000)), []  # one for each step and each epoch

    def poisoned(examples, generator):
        values = feed(examples, generator)
        return {**values, "mask": np.full_like(values["mask"], np.inf)} if next(calls) > 32 else values

    def remember(event):
        if isinstance(event, Epoch) and event.best:
            seen[:] = [bits(job.params)]

    with pytest.raises(
        NonFiniteError, match=r"epoch 3, step 32: .*; the parameters of epoch 2 are kept"
    ) as caught:
        train(
            Task(job.loss, job.params, job.trained, 200, poisoned), Plan(epochs=5, batch_size=16), watch=remember
        )
    assert caught.value.run.best_epoch == 2
    assert bits(job.params) == seen[0]


def test_the_history_of_a_long_run_is_no_part_of_a_header(tmp_path):
    plan = Plan(epochs=5, batch_size=200)
    train(task(), plan, checkpoint=tmp_path / "c", stop=lambda: False)
    tensors, about = read_tensors(tmp_path / "c")
    assert "run" in tensors and "run" not in about


def test_rows_of_any_shape_are_gathered():
    for shape, chosen in (((30,), (4,)), ((30, 4), ()), ((30, 2, 3), (5,)), ((30, 4), (0,))):
        table, i = variable("T", shape), variable("i", chosen, np.int64)
        backprop = Backprop(cr.sum(take(table, i) ** 2), [table])
        values = {"T": np.random.default_rng(0).normal(size=shape), "i": np.zeros(chosen, np.int64)}
        rows = backprop(values)[1]["T"]
        assert rows.values.shape == (int(np.prod(chosen)), *shape[1:])
        dense = np.zeros(shape)
        np.add.at(dense, rows.indices, rows.values)
        np.testing.assert_allclose(dense, cr.evaluate(cr.gradient(cr.sum(take(table, i) ** 2), table), values))


def test_a_table_may_be_used_thousands_of_times():
    table, i = matrix("T", 5, 2), index("i")
    total = cr.sum(take(table, i))
    for k in range(2000):
        total = total + cr.sum(take(table, [k % 5]))
    rows = Backprop(total, [table])({"T": np.zeros((5, 2)), "i": 0})[1]["T"]
    assert isinstance(rows, Rows) and set(rows.indices) == set(range(5))
    assert rows.values.sum() == 2 * 2001


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    train(task(), Plan(epochs=1), checkpoint=tmp_path / "c", fingerprint="a")
    with pytest.raises(DataError, match="other data or settings"):
        train(task(), Plan(epochs=1), checkpoint=tmp_path / "c", resume=True, fingerprint="b")
    with pytest.raises(DataError, match="other data or settings"):
        train(task(), Plan(epochs=2), checkpoint=tmp_path / "c", resume=True, fingerprint="a")


def test_the_table_is_never_made_dense():
    job = task()
    backprop = Backprop(job.loss, job.trained)
    assert backprop.sparse == {"E"}
    _, grads = backprop({**job.params, **job.feed(np.arange(8), np.random.default_rng(0))})
    assert isinstance(grads["E"], Rows) and grads["E"].values.shape == (8, 4)
    assert grads["U"].dtype == np.float32


def test_every_epoch_is_watched():
    events = []
    train(task(), Plan(epochs=2, batch_size=100), watch=events.append)
    assert sum(isinstance(e, Epoch) for e in events) == 2 and len(events) == 6


@pytest.mark.parametrize(
    ("setting", "value"), [("epochs", 0), ("batch_size", 0), ("learning_rate", 0.0), ("optimizer", "adagard")]
)
def test_impossible_settings_are_refused(setting, value):
    with pytest.raises(SettingError):
        Plan(**{setting: value})


class TestStore:
    """Tensors on disk: read with distrust."""

    def test_round_trip(self, tmp_path):
        arrays = {"a": np.arange(6.0).reshape(2, 3).T, "n": np.array(3), "e": np.zeros((0, 4), np.float32)}
        write_tensors(tmp_path / "t", arrays, {"x": "가"})
        back, about = read_tensors(tmp_path / "t")
        assert about == {"x": "가"}
        for name, array in arrays.items():
            np.testing.assert_array_equal(back[name], array)
            assert back[name].dtype == array.dtype and back[name].shape == array.shape

    @pytest.mark.parametrize("keep", [0, 4, 20, 60, -1])
    def test_a_cut_file_is_refused(self, tmp_path, keep):
        write_tensors(tmp_path / "t", {"a": np.ones(9)})
        raw = (tmp_path / "t").read_bytes()
        (tmp_path / "t").write_bytes(raw[:keep])
        with pytest.raises(ModelError, match="restore the file or train again"):
            read_tensors(tmp_path / "t")

    def test_headers_that_lie_are_refused(self, tmp_path):
        for header in (
            b'{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}',
            b'{"a":{"dtype":"F64","shape":[1000000000000],"data_offsets":[0,8]}}',
            b'{"a":{"dtype":"F64","shape":[-1],"data_offsets":[0,8]}}',
            b"[" * 5000,
            b'{"a":7}',
        ):
            (tmp_path / "t").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
            with pytest.raises(ModelError):
                read_tensors(tmp_path / "t")

    def test_nan_is_refused(self, tmp_path):
        write_tensors(tmp_path / "t", {"weights": np.array([1.0, np.nan])})
        with pytest.raises(ModelError, match="tensor weights holds NaN"):
            read_tensors(tmp_path / "t")

    def test_drafts_of_processes_long_dead_are_swept_up(self, tmp_path):
        old, new = tmp_path / ".t.1.tmp", tmp_path / ".t.2.tmp"
        for draft in (old, new):
            draft.write_bytes(b"half")
        os.utime(old, (0, 0))
        write_tensors(tmp_path / "t", {"a": np.ones(2)})
        assert sorted(p.name for p in tmp_path.iterdir()) == [".t.2.tmp", "t"]

    def test_a_write_that_fails_leaves_the_old_file(self, tmp_path, monkeypatch):
        write_tensors(tmp_path / "t", {"a": np.ones(2)})

        def refuse(*_):
            raise OSError("disk full")

        monkeypatch.setattr(os, "fsync", refuse)
        with pytest.raises(WriteError, match=r"cannot be written .disk full.; make room"):
            write_tensors(tmp_path / "t", {"a": np.zeros(2)})
        assert [p.name for p in tmp_path.iterdir()] == ["t"]
        assert read_tensors(tmp_path / "t")[0]["a"].tolist() == [1, 1]


def test_every_epoch_says_how_long_the_gradients_are_and_how_far_the_parameters_moved(monkeypatch):
    monkeypatch.setattr("chainrule.learn.probe.EXAMPLES", 200)  # all of them, so that the order is all one
    job = task()
    feed = job.feed
    job = replace(
        job, feed=lambda examples, rng: {**feed(examples, rng), "mask": np.ones((len(examples), 4), "f4")}
    )
    start = {name: w.copy() for name, w in job.params.items()}
    (record,) = train(job, Plan(epochs=1, batch_size=16, learning_rate=0.3)).history
    values = job.feed(np.arange(200), np.random.default_rng(0))
    _, grads = Backprop(job.loss, job.trained)({**job.params, **values})
    for name, w in job.params.items():
        assert record.moves[name] == pytest.approx(np.linalg.norm(w - start[name]) / np.linalg.norm(w), rel=1e-5)
        assert record.norms[name] == pytest.approx(clip({name: grads[name]}), rel=1e-4)


@pytest.mark.parametrize("after", [5, 13, 20])
def test_a_resumed_run_has_the_records_of_the_whole_one(tmp_path, after):
    plan = Plan(epochs=3, batch_size=16, learning_rate=0.05, optimizer="momentum")
    whole, resumed = task(), task()
    theirs = train(whole, plan).history
    count = iter(range(1, 1000))
    train(task(), plan, checkpoint=tmp_path / "c", stop=lambda: next(count) == after)
    ours = train(resumed, plan, checkpoint=tmp_path / "c", resume=True).history
    assert bits(resumed.params) == bits(whole.params)
    assert [(r.norms, r.moves) for r in ours] == [(r.norms, r.moves) for r in theirs]
