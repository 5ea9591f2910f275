"""How chainrule is used in the contests: the fastest of the public ways."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import chainrule as cr
from chainrule.algebra.node import Node
from chainrule.learn.blas import one_thread
from chainrule.learn.optim import optimizer
from chainrule.learn.parallel import advance_by
from chainrule.learn.team import Team
from chainrule.learn.train import Params

Step = Callable[[Mapping[str, Any]], float]


def training_step(
    loss: Node,
    trained: Sequence[Node],
    params: Params,
    rule: str,
    rate: float,
    backend: str = "numba",
    threads: int = 1,
) -> Step:
    """A function of a batch that moves the parameters in place and returns the loss."""
    moving = optimizer(rule)
    step = advance_by(Team(threads), loss, trained, moving, backend=backend)
    one_thread()  # as in every training
    names = step.backprop.names
    state = moving.start({name: params[name] for name in names}, step.backprop.sparse)
    return lambda batch: step({**params, **batch}, state, rate)[0]


def function(outputs: Sequence[Node], inputs: Sequence[Node]) -> Callable[..., Any]:
    """A function of the inputs, in order."""
    return cr.compile(list(outputs), list(inputs))
