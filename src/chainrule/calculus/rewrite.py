"""Graphs from graphs: one pass over the nodes, inputs first, each rebuilt or replaced."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chainrule.algebra.contract import letters_of
from chainrule.algebra.letters import PRODUCT_OP, build
from chainrule.algebra.node import CONSTANT, SIZE, VARIABLE, Node, constant, make, size, topological, variable
from chainrule.algebra.signature import FLOAT64, FLOATS


def remake(node: Node, inputs: Sequence[Node]) -> Node:
    """The same operation on other inputs of the same shapes."""
    if tuple(inputs) == node.inputs:
        return node
    if node.op is PRODUCT_OP:
        ins, out = letters_of(node.attrs["letters"])
        return build(ins, out, inputs, dict(zip(out, node.shape, strict=True)))
    return make(node.op, *inputs, **node.attrs)


def rewrite(roots: Sequence[Node], change: Callable[[Node], Node]) -> list[Node]:
    """Every node rebuilt on its changed inputs and then given to `change`."""
    done: dict[Node, Node] = {}
    for node in topological(roots):
        done[node] = change(remake(node, [done[i] for i in node.inputs]))
    return [done[root] for root in roots]


def substitute(roots: Sequence[Node], replacement: Mapping[Node, Node]) -> list[Node]:
    """The expressions with nodes replaced by others of the same shape."""
    done: dict[Node, Node] = dict(replacement)
    for node in topological(roots):
        if node not in done:
            done[node] = remake(node, [done[i] for i in node.inputs])
    return [done[root] for root in roots]


def in_float64(roots: Sequence[Node]) -> list[Node]:
    """The expressions with every real number in float64, for judging float32 graphs."""
    done: dict[Node, Node] = {}
    for node in topological(roots):
        done[node] = _wide(node, [done[i] for i in node.inputs])
    return [done[root] for root in roots]


def _wide(node: Node, inputs: Sequence[Node]) -> Node:
    if node.dtype not in FLOATS or node.dtype == FLOAT64:
        return make(node.op, *inputs, **node.attrs) if node.inputs else node
    attrs: dict[str, Any] = {**node.attrs, **({"dtype": FLOAT64} if "dtype" in node.attrs else {})}
    if node.op is VARIABLE:
        return variable(attrs["name"], attrs["shape"])
    if node.op is CONSTANT:
        return constant(attrs["data"].array, FLOAT64)
    return size(attrs["axis"]) if node.op is SIZE else make(node.op, *inputs, **attrs)
