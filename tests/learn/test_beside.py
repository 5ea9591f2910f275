"""Adagrad for what is linear beside a network: each parameter moves as under its own rule alone."""

import numpy as np
import pytest

from chainrule.errors import SettingError
from chainrule.learn.gradients import Rows
from chainrule.learn.optim import Beside, optimizer

RULES = ["adagrad", "adam", "sgd"]


def gradients(rng):
    rows = rng.permutation(6)[:3]
    return {"W": rng.normal(size=(2, 3)), "L": Rows(rows, rng.normal(size=(3, 4)))}


@pytest.mark.parametrize("name", RULES)
def test_each_parameter_moves_as_under_its_own_rule(name, rng):
    both = Beside(main=optimizer(name), linear=frozenset({"L"}), ratio=5.0)
    start = {"W": rng.normal(size=(2, 3)), "L": np.zeros((6, 4))}
    together = {n: w.copy() for n, w in start.items()}
    apart = {n: w.copy() for n, w in start.items()}
    state = both.start(together, {"L"})
    rules = {"W": optimizer(name), "L": optimizer("adagrad")}
    states = {n: rule.start({n: apart[n]}, {"L"} & {n}) for n, rule in rules.items()}
    for step in range(5):
        grads = gradients(rng)
        both.step(together, grads, state, 0.01 / (step + 1))
        for n, rate in (("W", 0.01), ("L", 0.05)):
            rules[n].step({n: apart[n]}, {n: grads[n]}, states[n], rate / (step + 1))
    for n, w in apart.items():
        np.testing.assert_array_equal(together[n], w)
        assert not np.array_equal(w, start[n])
    assert set(state) == {"step", *(k for own in states.values() for k in own)}


@pytest.mark.parametrize("name", ["adamw", "momentum", "rmsprop"])
def test_a_rule_that_moves_rows_at_rest_is_refused(name):
    with pytest.raises(SettingError, match="idle rows rest"):
        Beside(main=optimizer(name), linear=frozenset({"L"}), ratio=1.0)
