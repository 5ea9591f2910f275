"""What values are called in source: Wx for W x, z for W x + b, h for an activation, δ for an error signal."""

from collections import Counter
from collections.abc import Mapping, Sequence

from chainrule.algebra.choice import CAST
from chainrule.algebra.entrywise import ADD, SUBTRACT
from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.node import Node, is_number, topological
from chainrule.algebra.signature import BOOLEAN
from chainrule.compute.contraction import as_matrices
from chainrule.compute.element import is_written_out

_STEMS = {
    **dict.fromkeys(("tanh", "sigmoid", "relu", "softplus", "hard_tanh", "leaky_relu", "parametric_relu"), "h"),
    **dict.fromkeys(("take", "join", "slice"), "x"),
    **{"softmax": "p", "log_softmax": "log_p", "logsumexp": "lse", "norm2": "norm", "max": "top", "min": "least"},
    **{"scatter": "spread", "inv": "inverse", "solve": "solution", "reshape": "view"},
}
"""What a value in memory is called, after the operation that it is the value of."""


LONGEST = 8  # letters of the name of a product


def product_name(node: Node, names: Mapping[Node, str]) -> str:
    """What a product is called where z is a sum with it: Wx, W2h."""
    word = "".join(names.get(x, "_" * LONGEST) for x in node.inputs)
    return word if len(word) <= LONGEST else "product"


def is_pre_activation(node: Node) -> bool:
    """Whether a node is a matrix product to which something is added."""
    return node.op is ADD and any(map(as_matrices, node.inputs))


def summands(roots: Sequence[Node]) -> set[Node]:
    """The matrix products that are read by one sum alone."""
    order = topological(roots)
    uses = Counter(x for node in order for x in node.inputs)
    uses.update(roots)
    return {x for node in order if node.op is ADD for x in node.inputs if uses[x] == 1 and as_matrices(x)}


def stem_of(node: Node) -> str:
    """How the name of a value begins."""
    if as_matrices(node) or is_pre_activation(node):
        return "z"
    return "delta" if _is_signal(node) else _STEMS.get(node.op.name, "v")


def _is_signal(node: Node) -> bool:
    """Whether a node is a product with the slope of an activation: 1 - h², h ⊙ (1 - h), [z > 0]."""
    waiting, seen, factors = [node], {node}, list[Node]()
    while waiting:
        x = waiting.pop()
        if x.op is PRODUCT_OP and len(x.inputs) > 1 and is_written_out(x):
            waiting += [y for y in dict.fromkeys(x.inputs) if y not in seen]
            seen.update(x.inputs)
        else:
            factors.append(x)
    slopes = [x for x in factors if x.op is SUBTRACT and is_number(x.inputs[0], 1)]
    return len(factors) > 1 and bool(slopes or any(x.op is CAST and x.inputs[0].dtype == BOOLEAN for x in factors))
