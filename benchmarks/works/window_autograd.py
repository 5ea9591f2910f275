"""The window network in HIPS autograd, as most write it."""

from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import value_and_grad
from autograd.scipy.special import logsumexp
from benchmarks.contestant import Contestant
from benchmarks.works.window import NAMES, Problem


def loss_of(params: list[Any], words: Any, y: Any) -> Any:
    """The mean cross-entropy."""
    E, W, b, U, c = params
    x = E[words].reshape(len(y), -1)
    s = anp.dot(anp.tanh(anp.dot(x, W.T) + b), U.T) + c
    return anp.mean(logsumexp(s, axis=1) - s[anp.arange(len(y)), y])


def dense(**options: Any) -> Contestant:
    """The gradient of the table is a table; the rules are those of the other systems, in NumPy."""
    problem = Problem(**options)
    params = [problem.start[name].copy() for name in NAMES]
    slots = [[np.zeros_like(w), np.zeros_like(w)] for w in params]
    both, rate = value_and_grad(loss_of), np.float32(problem.rate)
    count = 0

    def move(w: Any, g: Any, mean: Any, square: Any) -> None:
        match problem.rule:
            case "sgd":
                w -= rate * g
            case "adagrad":
                square += g * g
                w -= rate * g / (np.sqrt(square) + np.float32(1e-10))
            case "adam":
                mean += np.float32(0.1) * (g - mean)
                square += np.float32(0.001) * (g * g - square)
                spread = np.sqrt(square / np.float32(1 - 0.999**count)) + np.float32(1e-8)
                w -= rate / np.float32(1 - 0.9**count) * mean / spread

    def step(words: Any, y: Any) -> Any:
        nonlocal count
        count += 1
        loss, found = both(params, words, y)
        for w, g, kept in zip(params, found, slots, strict=True):
            move(w, g, *kept)
        return loss

    return problem.contestant(step, lambda: params)
