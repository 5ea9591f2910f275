"""Graphs whose operations have operands of one kind: what NumPy does in passing, written out."""

from collections.abc import Sequence

from chainrule.algebra.choice import CAST, cast
from chainrule.algebra.node import Node
from chainrule.algebra.signature import FLOATS, common_dtype
from chainrule.calculus.rewrite import remake, rewrite

_MEET = frozenset({"product", "join", "solve"})
"""Operations, besides the entry-wise ones, whose operands have to be of one kind."""


def typed(roots: Sequence[Node]) -> list[Node]:
    """The expressions with float32 made float64 where they meet: every operation has operands of its own kind."""
    return rewrite(roots, _typed)


def _typed(node: Node) -> Node:
    meets = node.op.name in _MEET or (node.op.entrywise and node.op is not CAST)
    kinds = {x.dtype for x in node.inputs if x.dtype in FLOATS}
    if not meets or kinds <= {node.dtype} or (node.dtype not in FLOATS and len(kinds) == 1):
        return node
    kind = node.dtype if node.dtype in FLOATS else common_dtype(kinds)
    return remake(node, [cast(x, kind) if x.dtype in FLOATS else x for x in node.inputs])
