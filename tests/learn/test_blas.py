"""Matrix products have one thread while something is trained, and as many as before afterwards."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from chainrule.algebra.node import vector
from chainrule.algebra.product import sum
from chainrule.learn.blas import one_thread
from chainrule.learn.train import Plan, Task, train


def threads():
    return {lib["filepath"]: lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_threads():
    with threadpool_limits(2, "blas"):
        if not threads() or set(threads().values()) != {2}:
            pytest.skip("no BLAS here whose threads can be told")
        yield


def test_every_blas_is_held_and_let_go():
    with one_thread():
        assert set(threads().values()) == {1}
    assert set(threads().values()) == {2}


@pytest.mark.parametrize("fails", [False, True])
def test_a_training_holds_it_in_steps_and_in_judgement(fails):
    seen = []

    def look(*_):
        seen.append(set(threads().values()))
        if fails:
            raise RuntimeError
        return {"score": 0.0}

    w = vector("w", 2)
    job = Task(sum(w * w), {"w": np.ones(2)}, (w,), 1, lambda *_: look() and {}, look)
    try:
        train(job, Plan(epochs=2, batch_size=1))
    except RuntimeError:
        assert fails
    assert seen and all(found == {1} for found in seen)
    assert set(threads().values()) == {2}
