"""The reverse sweep: downstream = upstream × local, from the value back to the variables.

A rule states mathematics; the books are kept here, once: which nodes matter, fan-in summed, broadcasting
undone, the gradient in the dtype of its input, and no 0 × ∞ from the branch that `where` did not take.
"""

from collections.abc import Iterable, Mapping, Sequence

from chainrule.algebra.choice import cast, equal, where
from chainrule.algebra.contract import letters_of
from chainrule.algebra.letters import PRODUCT_OP, build, spread, sum_to
from chainrule.algebra.node import Node, constant, topological
from chainrule.algebra.product import sum


def pull_back(seeds: Mapping[Node, Node], wrt: Sequence[Node], *, linear: bool = False) -> list[Node | None]:
    """Σ over outputs of (upstream gradient)ᵀ ∂output/∂x for every x in `wrt`; None where nothing flows.

    seeds    output → its upstream gradient, of the output's shape
    linear   whether the result must be linear in the seeds, as forward mode needs it: 0 × ∞ is then let through
    """
    order = topological(seeds)
    active = _depending_on(wrt, order)
    behind = set() if linear else behind_choices(order)
    upstream: dict[Node, Node] = {}
    for output, seed in seeds.items():
        _add(upstream, output, seed)
    for node in reversed(order):
        if node not in active or node not in upstream:
            continue
        g = upstream[node]
        for k, x in enumerate(node.inputs):
            if x in active:
                flow = downstream(k, g, node, guarded=node in behind)
                if flow is not None:
                    _add(upstream, x, flow)
    return [upstream.get(x) for x in wrt]


def downstream(k: int, g: Node, node: Node, *, guarded: bool = False) -> Node | None:
    """What goes down to input k of one operation, in that input's shape and dtype, when `g` comes from above.

    guarded   whether a choice above may have discarded entries of the value: 0 × ∞ is then 0
    """
    x, flow = node.inputs[k], (_guarded if guarded else _local)(k, g, node)
    if flow is None or (flow.dtype is x.dtype and flow.shape == x.shape):
        return flow
    return cast(sum_to(flow, x.shape), x.dtype)


def _local(k: int, g: Node, node: Node) -> Node | None:
    return node.op.pullback(k, g, node, *node.inputs, **node.attrs)


def _add(upstream: dict[Node, Node], node: Node, flow: Node) -> None:
    upstream[node] = upstream[node] + flow if node in upstream else flow


def _depending_on(wrt: Iterable[Node], order: Iterable[Node]) -> set[Node]:
    active = set(wrt)
    for node in order:
        if not active.isdisjoint(node.inputs):
            active.add(node)
    return active


def behind_choices(order: Sequence[Node]) -> set[Node]:
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
    axes = node.attrs.get("axes")
    if flow is None or not node.op.guarded or not (node.op.entrywise or axes):
        return flow
    reach = g if axes is None else _reach(g, node.inputs[k], axes)
    return where(equal(reach, 0), constant(0, flow.dtype), flow)


def _reach(g: Node, x: Node, axes: Sequence[int]) -> Node:
    """For every entry of the operand of a reduction: Σ |g| over the values that it has a part in, or g itself."""
    front = [x.ndim + a for a in axes]
    return spread(sum(abs(g), front) if g.ndim == x.ndim else g, x, front)


def _guarded_product(k: int, g: Node, node: Node) -> Node | None:
    """The product's rule with the other factors 0 wherever no chosen entry of the value has a part of them."""
    ins, out = letters_of(node.attrs["letters"])
    if any(len(set(term)) < len(term) for term in (*ins, out)):
        return _local(k, g, node)
    size = dict(zip("".join((*ins, out)), (a for x in (*node.inputs, node) for a in x.shape), strict=True))
    summed = set("".join(ins)) - set(out)
    terms, factors = list(ins), list(node.inputs)
    for i, (term, x) in enumerate(zip(ins, node.inputs, strict=True)):
        held = term if summed else out  # without a sum every entry of the value has factors of its own
        shared = "".join(c for c in out if c in held)
        reach = g if shared == out else build((out,), shared, (abs(g),))
        unused = equal(build((shared,), held, (reach,), size), 0)
        terms[i], factors[i] = held, where(unused, constant(0, x.dtype), build((term,), held, (x,), size))
    terms[k], factors[k] = out, g
    return build(terms, ins[k], factors, size)
