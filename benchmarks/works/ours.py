"""How chainrule is used in the contests: the fastest of the public ways."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import chainrule as cr
from chainrule.algebra.node import Node
from chainrule.learn.advance import advance
from chainrule.learn.optim import optimizer
from chainrule.learn.train import Params

Step = Callable[[Mapping[str, Any]], float]


def training_step(
    loss: Node, trained: Sequence[Node], params: Params, rule: str, rate: float, backend: str = "numba"
) -> Step:
    """A function of a batch that moves the parameters in place and returns the loss."""
    moving = optimizer(rule)
    step = advance(loss, trained, moving, backend=backend)
    names = step.backprop.names
    state = moving.start({name: params[name] for name in names}, step.backprop.sparse)
    return lambda batch: step({**params, **batch}, state, rate)[0]


def function(outputs: Sequence[Node], inputs: Sequence[Node]) -> Callable[..., Any]:
    """A function of the inputs, in order."""
    return cr.compile(list(outputs), list(inputs))
