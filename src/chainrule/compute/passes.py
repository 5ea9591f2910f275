"""From the graph as it was written to the graph as it is computed: equal values, in fewer and plainer steps."""

from collections.abc import Callable, Mapping, Sequence

from chainrule.algebra.node import Node
from chainrule.calculus.simplify import simplify
from chainrule.compute.chains import associated
from chainrule.compute.contraction import contracted
from chainrule.compute.lower import lowered
from chainrule.compute.typed import typed

FORMS: Mapping[str, Callable[[Sequence[Node]], list[Node]]] = {
    "simplified": lambda roots: simplify(list(roots)),
    "associated": associated,
}
"""What is done to any graph before it is computed, in order."""

LAYOUTS: Mapping[str, Callable[[Sequence[Node]], list[Node]]] = {
    "typed": typed,
    "lowered": lowered,
    "contracted": contracted,
}
"""What is done after that, before a graph becomes loops."""


SAID: Mapping[str, str] = {
    "simplified": "the laws of algebra make the graph smaller; equal parts are one part",
    "associated": "products are computed in the order of fewest multiplications",
    "typed": "float32 that meets float64 becomes float64",
    "lowered": "softmax, log softmax and logsumexp become steps that they share",
    "contracted": "sums of products become matrix products",
    "stored": "what is used more than once gets a place in memory, all else is written where it is used",
    "fused": "loops over the same indices become one loop",
    "local": "what is used in its own loop alone needs no memory",
    "shared": "memory of what is needed no more is used again",
    "checked": "numbers that choose rows are checked before a row is read",
}
"""Every pass in order, and what it does."""


def prepared(roots: Sequence[Node]) -> list[Node]:
    """The expressions after every pass, ready to be planned."""
    for run in (*FORMS.values(), *LAYOUTS.values()):
        roots = run(roots)
    return list(roots)
