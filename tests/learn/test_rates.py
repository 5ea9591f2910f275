"""The learning-rate range test: where a quadratic begins to diverge, and that nothing of the task is touched."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import SettingError
from chainrule.learn.rates import rate_range
from chainrule.learn.train import Plan, Task

CURVATURE = 4.0


def quadratic(feed=lambda examples, rng: {"B": np.zeros(len(examples))}):
    """½ c ‖w‖², on which gradient descent diverges from the rate 2 / c on."""
    w, batch = cr.vector("w", 3), cr.vector("B", "n")
    loss = 0.5 * CURVATURE * cr.sum(w * w) + cr.mean(batch)
    return Task(loss=loss, params={"w": np.array([1.0, -2.0, 3.0])}, trained=(w,), examples=8, feed=feed)


def test_it_ends_where_steps_grow_and_names_a_rate_below():
    task = quadratic()
    found = rate_range(task, Plan(optimizer="sgd", batch_size=4), least=1e-4, most=10.0)
    assert found.rates == tuple(sorted(found.rates)) and len(found.rates) == len(found.losses) < 100
    assert 2 / CURVATURE < found.rates[-1] < 40 / CURVATURE
    assert 1e-3 < found.named < 2 / CURVATURE
    assert min(found.losses) < 0.6 * found.losses[0]


def test_the_parameters_of_the_task_stay_as_they_are():
    task = quadratic()
    rate_range(task, Plan(optimizer="adam"), steps=20)
    assert task.params["w"].tolist() == [1.0, -2.0, 3.0]


def test_the_same_seed_finds_the_same():
    feed = lambda examples, rng: {"B": rng.normal(size=len(examples))}  # noqa: E731
    first, again, other = (rate_range(quadratic(feed), Plan(seed=s), steps=30) for s in (1, 1, 2))
    assert first == again != other


def test_a_loss_that_is_no_number_ends_it():
    given = iter([0.0, 0.0, 0.0, np.inf])
    found = rate_range(quadratic(lambda examples, rng: {"B": np.full(len(examples), next(given))}), Plan())
    assert len(found.rates) == 3 and all(map(np.isfinite, found.losses))


@pytest.mark.parametrize("wrong", [{"least": 0.0}, {"least": 1.0, "most": 0.5}, {"steps": 3}])
def test_rates_out_of_order_are_refused(wrong):
    with pytest.raises(SettingError, match="must be"):
        rate_range(quadratic(), Plan(), **wrong)
