"""The learning-rate range test: a short run whose rate rises step by step, until the loss does (Smith 2017, §3.3).

The rate that is named lies where the smoothed loss falls fastest, and a third below: beyond it steps begin to undo
one another.
"""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from chainrule.errors import NonFiniteError
from chainrule.learn.advance import advance
from chainrule.learn.batches import batches, rng_for
from chainrule.learn.blas import one_thread
from chainrule.learn.choose import within
from chainrule.learn.train import Plan, Task, rule_of

SMOOTH = 0.9  # of the loss before, in the moving average
RISEN = 2.0  # times the least loss, at which there is nothing more to see
STEEPEST = 1 / 3  # of the rate where the loss falls fastest


class RateRange(NamedTuple):
    """Rates that were tried, rising, and the smoothed loss after a step with each; the rate that is named."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    named: float


def rate_range(task: Task, plan: Plan, least: float = 1e-5, most: float = 1.0, steps: int = 100) -> RateRange:
    """Train a copy of the parameters for so many steps with rates from `least` to `most`, in equal ratios.

    It ends where the loss is no number, or twice the least one. Raises SettingError for rates out of order.
    """
    within("least rate", least, above=0)
    within("most rate", most, above=least)
    within("steps", steps, least=10, whole=True)
    copied = replace(task, params={name: w.copy() for name, w in task.params.items()})
    rule = rule_of(task, plan)
    run = advance(task.loss, task.trained, rule, plan.clip, "numpy")
    moved = {name: copied.params[name] for name in run.backprop.names}
    state = rule.start(moved, run.backprop.sparse)
    rates, losses, mean = [], [], 0.0
    with one_thread():
        for k, rate in enumerate(np.geomspace(least, most, steps).tolist()):
            epoch, number = divmod(k, math.ceil(task.examples / plan.batch_size))
            some = batches(task.examples, plan.batch_size, plan.seed, epoch)[number]
            values = {**copied.params, **task.feed(some, rng_for(plan.seed, "rates", k))}
            try:
                loss, _ = run(values, state, rate)
            except NonFiniteError:
                break
            mean = SMOOTH * mean + (1 - SMOOTH) * loss
            rates.append(rate)
            losses.append(mean / (1 - SMOOTH ** (k + 1)))
            if losses[-1] > RISEN * min(losses):
                break
    return RateRange(tuple(rates), tuple(losses), _named(rates, losses))


def _named(rates: list[float], losses: list[float]) -> float:
    """A part of the rate where the loss falls fastest by log rate; the first one where it never does."""
    if len(losses) < 3:
        return rates[0] if rates else 0.0
    slopes = np.gradient(np.array(losses), np.log(rates))
    return float(rates[int(slopes.argmin())] * STEEPEST) if slopes.min() < 0 else rates[0]
