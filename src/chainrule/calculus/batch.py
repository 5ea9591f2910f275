"""Vectorisation as a transformation: a graph written for one example becomes the graph for many."""

from collections.abc import Mapping, Sequence
from typing import overload

from chainrule.algebra.letters import repeat
from chainrule.algebra.node import VARIABLE, Node, topological, variable
from chainrule.algebra.operand import listed
from chainrule.algebra.signature import Axis, axis
from chainrule.errors import GraphError


def put_in_front(roots: Sequence[Node], examples: Mapping[Node, Node], front: Axis) -> list[Node]:
    """The graphs with nodes replaced by many examples of them, an axis of size `front` before their own."""
    done: dict[Node, Node] = dict(examples)
    many = set(examples)
    for node in topological(roots):
        if node in done:
            continue
        batched = tuple(i in many for i in node.inputs)
        if any(batched):
            done[node] = node.op.batch(tuple(done[i] for i in node.inputs), batched, **node.attrs)
            many.add(node)
        else:
            done[node] = node
    return [done[root] if root in many else repeat(root, front) for root in roots]


@overload
def batch(roots: Node, examples: Sequence[Node], size: Axis | str = "B") -> Node: ...
@overload
def batch(roots: Sequence[Node], examples: Sequence[Node], size: Axis | str = "B") -> list[Node]: ...
def batch(roots: Node | Sequence[Node], examples: Sequence[Node], size: Axis | str = "B") -> Node | list[Node]:
    """The expression for one example as the expression for `size` examples.

    Every variable in `examples` is replaced by one of the same name with an axis of that size in front; the
    value has that axis in front as well. Parameters not named are shared by all examples.
    """
    for node in listed(examples, "the second argument of batch"):
        if not isinstance(node, Node) or node.op is not VARIABLE:
            raise GraphError(f"batch varies variables from example to example, and {node!r:.40} is none")
    front = axis(size)
    many = {x: variable(x.attrs["name"], (front, *x.shape), x.dtype) for x in examples}
    results = put_in_front([roots] if isinstance(roots, Node) else listed(roots, "batch"), many, front)
    return results[0] if isinstance(roots, Node) else results
