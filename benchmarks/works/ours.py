"""How chainrule is used in the contests: the fastest of the public ways."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import chainrule as cr
from chainrule.algebra.node import Node
from chainrule.learn.backprop import Backprop
from chainrule.learn.optim import optimizer
from chainrule.learn.train import Params

Step = Callable[[Mapping[str, Any]], float]


def training_step(
    loss: Node, trained: Sequence[Node], params: Params, rule: str, rate: float, interpreted: bool = False
) -> Step:
    """A function of a batch that moves the parameters in place and returns the loss."""
    backprop = Backprop(loss, trained)
    moved = {name: params[name] for name in backprop.names}
    moving = optimizer(rule)
    state = moving.start(moved, backprop.sparse)

    def step(batch: Mapping[str, Any]) -> float:
        loss, gradients = backprop({**params, **batch})
        moving.step(moved, gradients, state, rate)
        return loss

    return step


def function(outputs: Sequence[Node], inputs: Sequence[Node]) -> Callable[..., Any]:
    """A function of the inputs, in order."""
    return cr.compile(list(outputs), list(inputs))
