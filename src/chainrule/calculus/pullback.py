"""The reverse sweep: downstream = upstream × local, from the value back to the variables.

A rule states mathematics; the books are kept here, once: which nodes matter, fan-in summed, broadcasting
undone, the gradient in the dtype of its input, and no 0 × ∞ from the branch that `where` did not take.
"""

from collections.abc import Iterable, Mapping, Sequence

from chainrule.algebra.choice import cast, equal, where
from chainrule.algebra.contract import letters_of
from chainrule.algebra.letters import PRODUCT_OP, build, sum_to
from chainrule.algebra.node import Node, constant, topological
from chainrule.algebra.op import Op


def pull_back(seeds: Mapping[Node, Node], wrt: Sequence[Node]) -> list[Node | None]:
    """Σ over outputs of (upstream gradient)ᵀ ∂output/∂x for every x in `wrt`; None where nothing flows.

    seeds: output → its upstream gradient, of the output's shape.
    """
    order = topological(seeds)
    active = _depending_on(wrt, order)
    behind = _behind_choices(order)
    upstream: dict[Node, Node] = {}
    for output, seed in seeds.items():
        _add(upstream, output, seed)
    for node in reversed(order):
        if node not in active or node not in upstream:
            continue
        g = upstream[node]
        for k, x in enumerate(node.inputs):
            if x in active:
                flow = (_guarded if node in behind else _local)(k, g, node)
                if flow is not None:
                    _add(upstream, x, cast(sum_to(flow, x.shape), x.dtype))
    return [upstream.get(x) for x in wrt]


def _local(k: int, g: Node, node: Node) -> Node | None:
    return node.op.pullback(k, g, node, *node.inputs, **node.attrs)


def _add(upstream: dict[Node, Node], node: Node, flow: Node) -> None:
    upstream[node] = upstream[node] + flow if node in upstream else flow


def _depending_on(wrt: Iterable[Node], order: Iterable[Node]) -> set[Node]:
    active = set(wrt)
    for node in order:
        if any(i in active for i in node.inputs):
            active.add(node)
    return active


def _behind_choices(order: Sequence[Node]) -> set[Node]:
    """The nodes whose value may be discarded entry by entry by a `where`, maximum or minimum above them."""
    behind: set[Node] = set()
    for node in reversed(order):
        if node.op.routes or node in behind:
            behind.update(node.inputs)
    return behind


def _guarded(k: int, g: Node, node: Node) -> Node | None:
    """The local rule with 0 × ∞ = 0: an upstream gradient of exactly 0 says that the entry was not chosen."""
    if node.op is PRODUCT_OP and len(node.inputs) > 1:
        return _guarded_product(k, g, node)
    flow = _local(k, g, node)
    if flow is None or not _may_blow_up(node.op) or flow.shape != g.shape:
        return flow
    return where(equal(g, 0), constant(0, flow.dtype), flow)


def _may_blow_up(op: Op) -> bool:
    return op.entrywise and op.guarded


def _guarded_product(k: int, g: Node, node: Node) -> Node | None:
    ins, out = letters_of(node.attrs["letters"])
    if any(set(term) - set(out) for term in ins) or len(set(out)) < len(out):
        return _local(k, g, node)
    size = dict(zip(out, node.shape, strict=True))
    masked = [
        x if i == k else where(equal(g, 0), constant(0, x.dtype), build((term,), out, (x,), size))
        for i, (term, x) in enumerate(zip(ins, node.inputs, strict=True))
    ]
    terms = [ins[k] if i == k else out for i in range(len(ins))]
    return build((*terms[:k], out, *terms[k + 1 :]), ins[k], (*masked[:k], g, *masked[k + 1 :]), size)
