"""Dense networks in PyTorch: modules and a fused optimiser, and the whole step compiled."""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from benchmarks.contestant import Contestant
from benchmarks.works.nets import RATE, Problem
from benchmarks.works.peer_torch import settled
from torch import Tensor, nn
from torch.nn import functional


def eager(**options: Any) -> Contestant:
    """As most write it, with the fused optimiser."""
    settled()
    problem = Problem(**options)
    kind = {"relu": nn.ReLU, "tanh": nn.Tanh}[problem.activation]
    layers = [part for m, n in pairwise(problem.widths) for part in (nn.Linear(m, n), kind())]
    model = nn.Sequential(*layers[:-1])
    held = list(model.parameters())
    with torch.no_grad():
        for w, start in zip(held, problem.start, strict=True):
            w.copy_(torch.from_numpy(start))
    optimizer = torch.optim.SGD(held, lr=RATE, fused=True)

    def step(x: Tensor, y: Tensor) -> Tensor:
        loss = functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return problem.contestant(step, lambda: [w.detach().numpy() for w in held], torch.from_numpy)


@cache
def compiled_step(activation: str) -> Callable[..., Tensor]:
    """Forward pass, gradients and update in one compiled function."""
    f = getattr(torch, activation)

    def loss_of(held: Sequence[Tensor], x: Tensor, y: Tensor) -> Tensor:
        for k in range(0, len(held), 2):
            x = functional.linear(f(x) if k else x, held[k], held[k + 1])
        return functional.cross_entropy(x, y)

    both = torch.func.grad_and_value(loss_of)

    def step(held: list[Tensor], x: Tensor, y: Tensor) -> Tensor:
        found, loss = both(held, x, y)
        for w, g in zip(held, found, strict=True):
            w.sub_(RATE * g)
        return loss

    return torch.compile(step, dynamic=False)


def compiled(**options: Any) -> Contestant:
    """The whole step through torch.compile."""
    settled()
    problem = Problem(**options)
    held = [torch.from_numpy(w.copy()) for w in problem.start]
    inner = compiled_step(problem.activation)
    step = torch.no_grad()(lambda x, y: inner(held, x, y))
    return problem.contestant(step, lambda: [w.numpy() for w in held], torch.from_numpy)
