"""Optimisers: the rules, each written once, and what each does to a row that has no gradient for a while.

    optimiser   rule (g the gradient, α the rate, t the step from 1)             an idle row
    sgd         w −= α g                                                         rests
    momentum    v = μ v + g;  w −= α v                                           coasts: −= v Σ α μⁱ
    nesterov    v = μ v + g;  w −= α (g + μ v)                                   coasts: −= v Σ α μⁱ⁺¹
    adagrad     s += g²;  w −= α g / (√s + ε)                                    rests
    rmsprop     s = ρ s + (1 − ρ) g²;  w −= α g / (√s + ε)                       rests, s *= ρᵏ
    adam        m = β₁ m + (1 − β₁) g;  s = β₂ s + (1 − β₂) g²                   rests, by definition
                w −= α m̂ / (√ŝ + ε),  m̂ = m / (1 − β₁ᵗ),  ŝ = s / (1 − β₂ᵗ)
    adamw       w *= 1 − α λ, then adam                                          *= Π (1 − α λ)

A rule gives the new values and writes to none, so that it holds for arrays and for expressions alike; compiled
steps are made of it. The conventions (where ε stands, no dampening, Nesterov's form, the defaults) are PyTorch's.
On rows, Adam and AdamW are lazy as PyTorch's SparseAdam is: moments move only where a gradient came, and are
corrected with the global t.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from chainrule.errors import SettingError
from chainrule.learn.choose import check_options, choose, within
from chainrule.learn.gradients import Array, Integers
from chainrule.learn.stepper import History, Optimizer, Value, Values

NEGLIGIBLE = 1e-20  # a discount that no longer changes a float64 sum, rates a thousandfold apart included


class SGD(Optimizer):
    """w −= α g (Robbins & Monro 1951)."""

    def rule(self, w: Value, slots: Values, g: Value, numbers: Values) -> tuple[Value, Values]:
        """w − α g."""
        (lr,) = numbers
        return w - lr * g, ()


@dataclass(frozen=True, kw_only=True)
class Momentum(Optimizer):
    """v = μ v + g; w −= α v (Polyak 1964, in the form of Sutskever et al. 2013), 0 ≤ μ < 1.

    A row without gradient coasts: after steps s+1 … T it has moved by −v_s Σᵢ α_{s+i} μⁱ. That sum is kept
    for every s, and each step adds its term to the last K of them, where μᴷ has become negligible.
    """

    momentum: float = 0.9

    slots = ("velocity",)
    clocked = True
    history = "coast"

    def __post_init__(self) -> None:
        within("momentum", self.momentum, least=0, below=1)

    def rule(self, w: Value, slots: Values, g: Value, numbers: Values) -> tuple[Value, Values]:
        """v ← μ v + g; w − α v."""
        (velocity,), (lr,) = slots, numbers
        velocity = self.momentum * velocity + g
        return w - lr * velocity, (velocity,)

    def _idle(self, w: Array, slots: Sequence[Array], since: Integers, now: int, past: History) -> None:
        (velocity,) = slots
        w -= _column(past[since], w) * velocity
        velocity *= _column(self.momentum ** (now - since), w)

    def _record(self, past: History, lr: float, t: int) -> None:
        recent = min(t, len(self._discounts))
        past[t - recent : t] += lr * self._discounts[-recent:]

    @cached_property
    def _discounts(self) -> History:
        """μᴷ … μ², μ¹, with K the first for which μᴷ is negligible."""
        steps = math.ceil(math.log(NEGLIGIBLE) / math.log(self.momentum)) if self.momentum else 1
        return self.momentum ** np.arange(steps, 0, -1.0)


class Nesterov(Momentum):
    """v = μ v + g; w −= α (g + μ v): momentum that looks ahead (Nesterov 1983; Sutskever et al. 2013)."""

    def rule(self, w: Value, slots: Values, g: Value, numbers: Values) -> tuple[Value, Values]:
        """v ← μ v + g; w − α (g + μ v)."""
        (velocity,), (lr,) = slots, numbers
        velocity = self.momentum * velocity + g
        return w - lr * (g + self.momentum * velocity), (velocity,)

    def _record(self, past: History, lr: float, t: int) -> None:
        """With g = 0 the step is α μ v: momentum's, at a rate μ times as large."""
        super()._record(past, lr * self.momentum, t)


@dataclass(frozen=True, kw_only=True)
class Adagrad(Optimizer):
    """s += g²; w −= α g / (√s + ε) (Duchi, Hazan & Singer 2011), s = 0 at the start, ε > 0."""

    eps: float = 1e-10

    slots = ("sum_of_squares",)

    def __post_init__(self) -> None:
        within("eps", self.eps, above=0)

    def rule(self, w: Value, slots: Values, g: Value, numbers: Values) -> tuple[Value, Values]:
        """s ← s + g²; w − α g / (√s + ε)."""
        (total,), (lr,) = slots, numbers
        total = total + g * g
        return w - lr * g / (np.sqrt(total) + self.eps), (total,)


@dataclass(frozen=True, kw_only=True)
class RMSprop(Optimizer):
    """s = ρ s + (1 − ρ) g²; w −= α g / (√s + ε) (Tieleman & Hinton 2012), 0 ≤ ρ < 1, ε > 0."""

    rho: float = 0.99
    eps: float = 1e-8

    slots = ("mean_square",)
    clocked = True

    def __post_init__(self) -> None:
        within("rho", self.rho, least=0, below=1)
        within("eps", self.eps, above=0)

    def rule(self, w: Value, slots: Values, g: Value, numbers: Values) -> tuple[Value, Values]:
        """s ← ρ s + (1 − ρ) g²; w − α g / (√s + ε)."""
        (mean_square,), (lr,) = slots, numbers
        mean_square = self.rho * mean_square + (1 - self.rho) * g * g
        return w - lr * g / (np.sqrt(mean_square) + self.eps), (mean_square,)

    def _idle(self, w: Array, slots: Sequence[Array], since: Integers, now: int, past: History) -> None:
        (mean_square,) = slots
        mean_square *= _column(self.rho ** (now - since), w)


@dataclass(frozen=True, kw_only=True)
class Adam(Optimizer):
    """Moments m and s of the gradient, corrected for their start at 0 (Kingma & Ba 2015, algorithm 1).

    0 ≤ β₁, β₂ < 1, ε > 0. Rows without a gradient rest, moments included (PyTorch's SparseAdam).
    """

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    slots = ("mean", "mean_square")
    told: ClassVar[tuple[str, ...]] = ("rate", "spread")

    def __post_init__(self) -> None:
        within("beta1", self.beta1, least=0, below=1)
        within("beta2", self.beta2, least=0, below=1)
        within("eps", self.eps, above=0)

    def numbers(self, lr: float, t: int) -> tuple[float, ...]:
        """α / (1 − β₁ᵗ) and √(1 − β₂ᵗ)."""
        return lr / (1 - self.beta1**t), math.sqrt(1 - self.beta2**t)

    def rule(self, w: Value, slots: Values, g: Value, numbers: Values) -> tuple[Value, Values]:
        """m ← β₁ m + (1 − β₁) g; s ← β₂ s + (1 − β₂) g²; w − α m̂ / (√ŝ + ε)."""
        (mean, mean_square), (rate, spread) = slots, numbers
        mean = self.beta1 * mean + (1 - self.beta1) * g
        mean_square = self.beta2 * mean_square + (1 - self.beta2) * g * g
        return w - rate * mean / (np.sqrt(mean_square) / spread + self.eps), (mean, mean_square)


@dataclass(frozen=True, kw_only=True)
class AdamW(Adam):
    """w *= 1 − α λ, then Adam: decay that the moments do not see (Loshchilov & Hutter 2019, algorithm 2).

    λ ≥ 0 and α λ < 1. Rows without a gradient decay; the product over the skipped steps is the exponential
    of a difference of cumulative sums of log(1 − α λ).
    """

    weight_decay: float = 0.01

    told = ("kept", "rate", "spread")
    clocked = True
    history = "log_decay"

    def __post_init__(self) -> None:
        super().__post_init__()
        within("weight_decay", self.weight_decay, least=0)

    def numbers(self, lr: float, t: int) -> tuple[float, ...]:
        """1 − α λ, and Adam's."""
        return 1 - self._lost(lr), *super().numbers(lr, t)

    def rule(self, w: Value, slots: Values, g: Value, numbers: Values) -> tuple[Value, Values]:
        """Adam from (1 − α λ) w."""
        kept, *others = numbers
        return super().rule(kept * w, slots, g, others)

    def _idle(self, w: Array, slots: Sequence[Array], since: Integers, now: int, past: History) -> None:
        w *= _column(np.exp(past[now] - past[since]), w)

    def _record(self, past: History, lr: float, t: int) -> None:
        past[t] = past[t - 1] + math.log1p(-self._lost(lr))

    def _lost(self, lr: float) -> float:
        return within("learning rate × weight_decay", lr * self.weight_decay, below=1)


@dataclass(frozen=True, kw_only=True)
class Linear(Adagrad):
    """Adagrad for the rows of scores that single features have beside a network, at a rate of their own."""

    told = ("linear",)


@dataclass(frozen=True, kw_only=True)
class Beside(Optimizer):
    """One rule for a network, and Adagrad for what is linear beside it, at `ratio` times its rate.

    A row of scores is met as often as its feature is, from twice to thousands of times; Adagrad gives each number
    a rate of its own. Raises SettingError for a rule that moves rows at rest.
    """

    main: Optimizer
    linear: frozenset[str]
    ratio: float

    def __post_init__(self) -> None:
        within("ratio", self.ratio, above=0)
        if self.main.clocked:
            raise SettingError("rows of scores need an optimiser whose idle rows rest: adagrad, adam or sgd")

    @property
    def told(self) -> tuple[str, ...]:  # type: ignore[override]
        """The numbers of both rules."""
        return (*self.main.told, *Linear.told)

    def of(self, name: str) -> Optimizer:
        """Adagrad for what is linear."""
        return Linear() if name in self.linear else self.main

    def numbers(self, lr: float, t: int) -> tuple[float, ...]:
        """Those of the rule, and the rate of what is linear."""
        return (*self.main.numbers(lr, t), self.ratio * lr)

    def rule(self, w: Value, slots: Values, g: Value, numbers: Values) -> tuple[Value, Values]:
        """That of the network."""
        return self.main.rule(w, slots, g, numbers)


OPTIMIZERS: Mapping[str, type[Optimizer]] = {
    "adagrad": Adagrad,
    "adam": Adam,
    "adamw": AdamW,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "rmsprop": RMSprop,
    "sgd": SGD,
}


def optimizer(name: str, **options: float) -> Optimizer:
    """The optimiser called `name`, as in `optimizer("adagrad", eps=1e-8)`.

    Raises SettingError, with the nearest name, for an unknown name or option, and for a value out of range.
    """
    kind = choose("optimiser", name, OPTIMIZERS)
    check_options(name, kind, options)
    return kind(**options)


def _column(factors: Array, w: Array) -> Array:
    """(k,) as one factor per row of `w`, (k, 1, …), in its dtype."""
    return factors.astype(w.dtype).reshape(-1, *(1,) * (w.ndim - 1))
