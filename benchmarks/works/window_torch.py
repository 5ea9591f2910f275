"""The window network in PyTorch: as most write it, with sparse gradients, and compiled whole."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from benchmarks.contestant import Contestant
from benchmarks.works.peer_torch import settled
from benchmarks.works.window import NAMES, D, Problem
from torch import Tensor
from torch.nn import functional

EPS = {"adagrad": 1e-10, "adam": 1e-8}


def scores(x: Tensor, W: Tensor, b: Tensor, U: Tensor, c: Tensor) -> Tensor:
    """U tanh(W x + b) + c for every row x."""
    return functional.linear(torch.tanh(functional.linear(x, W, b)), U, c)


def loss_of(x: Tensor, W: Tensor, b: Tensor, U: Tensor, c: Tensor, y: Tensor) -> Tensor:
    """The mean cross-entropy."""
    return functional.cross_entropy(scores(x, W, b, U, c), y)


def _parameters(problem: Problem) -> list[Tensor]:
    return [torch.from_numpy(problem.start[name].copy()) for name in NAMES]


def _eager(problem: Problem, sparse: bool) -> Contestant:
    settled()
    held = [w.requires_grad_() for w in _parameters(problem)]
    E, *others = held
    optimizers = _optimizers(problem, E, others, sparse)

    def step(words: Tensor, y: Tensor) -> Tensor:
        x = functional.embedding(words, E, sparse=sparse).flatten(1)
        loss = loss_of(x, *others, y)
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        return loss.detach()

    return problem.contestant(step, lambda: [w.detach().numpy() for w in held], torch.from_numpy)


def _optimizers(problem: Problem, E: Tensor, others: list[Tensor], sparse: bool) -> list[torch.optim.Optimizer]:
    """One optimiser with its defaults; or one for the table and a fused one for the rest."""
    kinds: dict[str, Any] = {"sgd": torch.optim.SGD, "adagrad": torch.optim.Adagrad, "adam": torch.optim.Adam}
    kind, rate = kinds[problem.rule], problem.rate
    if not sparse:
        return [kind([E, *others], lr=rate)]
    tables = torch.optim.SparseAdam if problem.rule == "adam" else kind
    return [tables([E], lr=rate), kind(others, lr=rate, fused=True)]


def dense(**options: Any) -> Contestant:
    """As most write it: the gradient of the table is a table."""
    return _eager(Problem(**options), sparse=False)


def sparse(**options: Any) -> Contestant:
    """With sparse gradients of the table and fused optimisers."""
    return _eager(Problem(**options), sparse=True)


# ── compiled ──────────────────────────────────────────────────────────────────────────────────────────

gradients = torch.func.grad_and_value(loss_of, argnums=(0, 1, 2, 3, 4))


def _sgd(w: Tensor, g: Tensor, slots: tuple[Tensor, ...], rate: float, t: Tensor) -> tuple[Tensor, ...]:
    return (w - rate * g,)


def _adagrad(w: Tensor, g: Tensor, slots: tuple[Tensor, ...], rate: float, t: Tensor) -> tuple[Tensor, ...]:
    total = slots[0] + g * g
    return w - rate * g / (total.sqrt() + EPS["adagrad"]), total


def _adam(w: Tensor, g: Tensor, slots: tuple[Tensor, ...], rate: float, t: Tensor) -> tuple[Tensor, ...]:
    mean, square = 0.9 * slots[0] + 0.1 * g, 0.999 * slots[1] + 0.001 * g * g
    spread = (square / (1 - 0.999**t)).sqrt() + EPS["adam"]
    return w - rate / (1 - 0.9**t) * mean / spread, mean, square


RULES: dict[str, Callable[..., tuple[Tensor, ...]]] = {"sgd": _sgd, "adagrad": _adagrad, "adam": _adam}


@cache
def compiled_step(rule: str, rate: float) -> Callable[..., Tensor]:
    """Forward pass, gradients and update in one compiled function.

    The table moves by `index_add_` where the rule is linear. Else the parts of a row are added up in a table of
    zeros first, so that a word that is met twice moves once, and the zeros are put back.
    """
    move = RULES[rule]

    def step(held: list[list[Tensor]], zeros: Tensor | None, words: Tensor, y: Tensor, t: Tensor) -> Tensor:
        (E, *slots), *others = held
        at = words.flatten()
        x = E.index_select(0, at).view(len(y), -1)
        (dx, *found), loss = gradients(x, *(w for w, *_ in others), y)
        parts = dx.view(-1, D)
        if zeros is None:
            E.index_add_(0, at, parts, alpha=-rate)
        else:
            zeros.index_add_(0, at, parts)
            g = zeros.index_select(0, at)
            rows = [w.index_select(0, at) for w in (E, *slots)]
            for w, new in zip((E, *slots), move(rows[0], g, tuple(rows[1:]), rate, t), strict=True):
                w.index_copy_(0, at, new)
            zeros.index_fill_(0, at, 0.0)
        for (w, *own), g in zip(others, found, strict=True):
            for kept, new in zip((w, *own), move(w, g, tuple(own), rate, t), strict=True):
                kept.copy_(new)
        return loss

    return torch.compile(step, dynamic=False)


def compiled(**options: Any) -> Contestant:
    """The whole step through torch.compile."""
    settled()
    problem = Problem(**options)
    count = {"sgd": 0, "adagrad": 1, "adam": 2}[problem.rule]
    held = [[w, *(torch.zeros_like(w) for _ in range(count))] for w in _parameters(problem)]
    zeros = torch.zeros_like(held[0][0]) if count else None
    inner, t = compiled_step(problem.rule, problem.rate), torch.zeros(())

    @torch.no_grad()
    def step(words: Tensor, y: Tensor) -> Tensor:
        t.add_(1.0)
        return inner(held, zeros, words, y, t)

    return problem.contestant(step, lambda: [w.numpy() for w, *_ in held], torch.from_numpy)
