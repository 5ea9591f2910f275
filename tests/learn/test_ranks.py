"""Ranks that share a batch: any number of them computes the same, and sends no more for a larger vocabulary."""

from dataclasses import replace

import numpy as np
import pytest
from crowd import Crowd

from chainrule.algebra.node import index, matrix, vector
from chainrule.algebra.product import mean
from chainrule.algebra.select import take
from chainrule.algebra.signature import FLOAT64
from chainrule.calculus.batch import batch
from chainrule.errors import DataError, NonFiniteError, SettingError
from chainrule.learn.backprop import Backprop
from chainrule.learn.collective import ALONE
from chainrule.learn.losses import cross_entropy
from chainrule.learn.ranks import PIECES, Division, Ranked, cut
from chainrule.learn.train import Plan, Task, train

PLAN = Plan(epochs=3, batch_size=17, learning_rate=0.3, pieces=5)


def task(V=30, judge=None, examples=100):
    """Which class is word w of? A table lookup, dropout, and a softmax."""
    rng = np.random.default_rng(0)
    E, U = matrix("E", V, 4, dtype=FLOAT64), matrix("U", 3, 4, dtype=FLOAT64)
    c, w, y, mask = vector("c", 3, dtype=FLOAT64), index("w"), index("y"), vector("mask", 4, dtype=FLOAT64)
    one = cross_entropy(U @ (take(E, w) * mask) + c, y)
    words = rng.integers(0, 30, examples)
    params = {"E": rng.normal(size=(30, 4)), "U": rng.normal(size=(3, 4)), "c": np.zeros(3)}
    params["E"] = np.concatenate([params["E"], np.zeros((V - 30, 4))])

    def feed(numbers, generator):
        drop = (generator.random((len(numbers), 4)) < 0.8).astype(float)
        return {"w": words[numbers], "y": words[numbers] % 3, "mask": drop}

    return Task(mean(batch(one, [w, y, mask])), params, (E, U, c), examples, feed, judge)


def trained(world, plan=PLAN, judge=None, **more):
    """The parameters and the run of each rank."""
    crowd = Crowd(world)

    def one(rank):
        job = task(judge=judge)
        run = train(job, plan, backend="interpreter", ranks=rank, **more)
        return job.params, run

    return crowd.run(one)


def alone(plan=PLAN, judge=None, **more):
    job = task(judge=judge)
    run = train(job, plan, backend="interpreter", **more)
    return job.params, run


def same(found, wanted, rtol=1e-10):
    for name, array in wanted.items():
        np.testing.assert_allclose(found[name], array, rtol=rtol, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    ("rule", "average"), [("sgd", 0.0), ("sgd", 0.9), ("adagrad", 0.9), ("adam", 0.0), ("momentum", 0.0)]
)
def test_any_number_of_ranks_trains_the_same(rule, average):
    plan = replace(PLAN, optimizer=rule, average=average, clip=0.5)
    wanted, run = alone(plan)
    for world in (1, 2, 3):
        for params, found in trained(world, plan):
            same(params, wanted)
            assert [e.train_loss for e in found.history] == pytest.approx([e.train_loss for e in run.history])


def test_more_ranks_than_pieces_only_watch():
    wanted, _ = alone()
    for params, _ in trained(7):
        same(params, wanted)


def test_pieces_make_the_gradient_of_their_batch():
    job = task()
    values = job.feed(np.arange(23), np.random.default_rng(1))
    whole = Backprop(job.loss, job.trained)({**job.params, **values})
    ranked = Ranked(job.loss, job.trained, "interpreter", ALONE)
    pieces = [{n: v[k] for n, v in values.items()} for k in np.array_split(np.arange(23), 4)]
    loss, grads = ranked({**job.params, PIECES: pieces})
    assert loss == pytest.approx(whole[0], rel=1e-14)
    for name, grad in grads.items():
        wanted = whole[1][name]
        if name == "E":
            dense = np.zeros_like(job.params["E"])
            np.add.at(dense, wanted.indices, wanted.values)
            np.testing.assert_allclose(grad.values, dense[grad.indices], rtol=1e-12, atol=1e-15)
            assert (np.delete(dense, grad.indices, 0) == 0).all()
        else:
            np.testing.assert_allclose(grad, wanted, rtol=1e-12, atol=1e-15)
    assert ranked({**job.params, **values})[0] == whole[0], "values without pieces are a batch"


def test_what_is_sent_does_not_grow_with_the_vocabulary():
    sent = {}
    for V in (30, 3000):
        crowd = Crowd(2)
        crowd.run(lambda rank, V=V: train(task(V), PLAN, backend="interpreter", ranks=rank))
        sent[V] = crowd.sent
    assert sent[30] == sent[3000]
    steps = 3 * 6
    rows = 17 * (1 + 4) * 8  # at most so many numbers of rows and their sums
    dense = (2 + 3 * 4 + 3) * 8
    assert max(sent[30]) <= steps * (rows + dense + 8) + 1000


def test_an_interrupted_run_goes_on_with_other_ranks(tmp_path):
    wanted, whole = alone()
    steps = []

    def stop():
        steps.append(1)
        return len(steps) >= 2 * 9

    place = tmp_path / "checkpoint"
    for _, run in trained(2, stop=stop, checkpoint=place):
        assert run.interrupted
    assert place.exists()
    for params, run in trained(3, checkpoint=place, resume=True):
        same(params, wanted)
        assert [e.train_loss for e in run.history] == pytest.approx([e.train_loss for e in whole.history])


def test_one_rank_that_is_asked_to_stop_stops_all():
    crowd = Crowd(3)
    runs = crowd.run(
        lambda rank: train(task(), PLAN, backend="interpreter", ranks=rank, stop=lambda: rank.rank == 2)
    )
    assert [(run.interrupted, run.step) for run in runs] == [(True, 1)] * 3


def test_the_figures_are_those_of_rank_0():
    def work(rank):
        judged = iter(range(100))
        return train(
            task(judge=lambda params: {"score": next(judged) * (1 if rank.rank == 0 else -1)}),
            PLAN,
            backend="interpreter",
            ranks=rank,
        )

    for run in Crowd(2).run(work):
        assert [e.figures["score"] for e in run.history] == [0, 1, 2]
        assert run.best_epoch == 3


def test_ranks_that_begin_otherwise_are_refused():
    def work(rank):
        job = task()
        job.params["U"][0, 0] += rank.rank == 1
        train(job, PLAN, ranks=rank)

    with pytest.raises(
        SettingError, match="rank 1 begins from other data, settings or parameters than rank 0; give"
    ):
        Crowd(3).run(work)


def test_a_number_that_is_not_finite_ends_all():
    def work(rank):
        job = task()
        job.params["c"][0] = np.nan
        train(job, PLAN, backend="interpreter", ranks=rank)

    with pytest.raises(NonFiniteError, match="epoch 1, step 1: the loss is nan"):
        Crowd(2).run(work)


def test_a_checkpoint_of_other_pieces_is_refused(tmp_path):
    place = tmp_path / "checkpoint"
    alone(checkpoint=place, stop=lambda: True)
    with pytest.raises(DataError, match="pieces 5, not 6"):
        trained(2, replace(PLAN, pieces=6), checkpoint=place, resume=True)


def test_ranks_need_pieces_and_pieces_no_threads():
    with pytest.raises(SettingError, match="2 processes share the pieces of a batch; say how many, such as 12"):
        trained(2, replace(PLAN, pieces=0))
    with pytest.raises(SettingError, match="choose threads 1, not 2"):
        Plan(pieces=3, threads=2)
    with pytest.raises(SettingError, match="pieces is -1"):
        Plan(pieces=-1)


@pytest.mark.parametrize(("n", "count"), [(17, 5), (3, 5), (1, 1), (12, 12), (0, 3)])
def test_a_batch_is_cut_evenly(n, count):
    pieces = cut(np.arange(n), count)
    np.testing.assert_array_equal(np.concatenate([np.arange(0), *pieces]), np.arange(n))
    assert {len(p) for p in pieces} <= {max(1, n // count), -(-n // count)}


def test_what_is_random_depends_on_the_piece_alone():
    feed = lambda examples, rng: {"x": rng.random(len(examples))}  # noqa: E731
    wanted = Division(4, 7, ALONE).values(feed, np.arange(10), 3)[PIECES]
    found = Crowd(3).run(lambda rank: Division(4, 7, rank).values(feed, np.arange(10), 3)[PIECES])
    assert [piece["x"].tolist() for rank in found for piece in rank] == [p["x"].tolist() for p in wanted]
