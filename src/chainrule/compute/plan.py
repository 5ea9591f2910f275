"""From a graph to statements: which values lie in memory, which loops are one loop, which memory is used again.

The passes, in order: `stored` (what needs memory), `fused` (neighbouring loops over the same indices become one),
`local` (a value that is used in its own loop alone needs no memory), `shared` (memory whose value is needed no more
is given to the next value of its size).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from chainrule.algebra.contract import letters_of
from chainrule.algebra.node import CONSTANT, VARIABLE, Node, topological
from chainrule.algebra.signature import Axis, DType, Shape
from chainrule.compute.element import CHEAP, is_written_out, met


class Product(NamedTuple):
    """A matrix product for BLAS: for every letter in `batch` one product of the operands, transposed or not."""

    turned: tuple[bool, bool]
    swapped: bool
    batch: int


@dataclass
class Loop:
    """Statements at every index of a shape: entries of values, and sums over the leading axes."""

    shape: Shape
    entries: list[Node] = field(default_factory=list)
    sums: list[Node] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """What is computed, in order: loops over entries, and single nodes that have a statement of their own."""

    outputs: tuple[Node, ...]
    inputs: tuple[Node, ...]
    steps: tuple[Loop | Node, ...]
    buffers: Mapping[Node, int]
    """The number of the memory in which a value lies, for values that are no outputs."""
    memory: tuple[tuple[Shape, DType], ...]
    local: frozenset[Node]
    """Values that need no memory."""


def plan(outputs: Sequence[Node], inputs: Sequence[Node]) -> Plan:
    """The statements that compute the outputs."""
    order = topological(outputs)
    kept = _stored(order, outputs)
    steps = _fused([n for n in order if n in kept], kept)
    local = _local(steps, kept, outputs)
    buffers, memory = _shared(steps, kept, local, outputs)
    return Plan(tuple(outputs), tuple(inputs), tuple(steps), buffers, memory, local)


# ── what is stored ────────────────────────────────────────────────────────────────────────────────────


def as_product(node: Node) -> Product | None:
    """How a product of two is a matrix product: one letter summed, the free letters of each operand together."""
    if node.op.name != "product" or len(node.inputs) != 2:
        return None
    ins, out = letters_of(node.attrs["letters"])
    left, right = ins
    if any(len(set(t)) < len(t) for t in (*ins, out)) or node.attrs["sizes"]:
        return None
    batch = 0
    while batch < min(len(left), len(right), len(out)) and left[batch] == right[batch] == out[batch]:
        batch += 1
    left, right, out = left[batch:], right[batch:], out[batch:]
    summed = [c for c in left if c in right and c not in out]
    if len(summed) != 1 or max(len(left), len(right)) != 2 or len(left) + len(right) != len(out) + 2:
        return None
    (s,) = summed
    if set(out) != (set(left) | set(right)) - {s}:
        return None
    first = left.replace(s, "") or right.replace(s, "")
    swapped = bool(out) and len(out) == 2 and out[0] != left.replace(s, "")
    if len(out) == 1 and first != out:
        return None
    a, b = (right, left) if swapped else (left, right)
    return Product((len(a) == 2 and a[0] == s, len(b) == 2 and b[1] == s), swapped, batch)


_WHOLE = frozenset({"logsumexp", "softmax", "log_softmax", "norm2", "max", "min", "inv", "det", "logdet", "solve"})
"""Operations that read their operands more than once, or hand them to a library."""


def _needs_arrays(node: Node) -> Sequence[Node]:
    """The operands that an operation reads from memory."""
    if node.op.name in _WHOLE or as_product(node) or (node.op.name == "reshape" and not is_written_out(node)):
        return [x for x in node.inputs if x.ndim]
    return ()


def _stored(order: Sequence[Node], outputs: Sequence[Node]) -> set[Node]:
    """Variables, outputs, what is no entry-wise writing, and what would otherwise be computed many times."""
    kept = {n for n in order if n.op is VARIABLE or not is_written_out(n)} | set(outputs)
    uses: dict[Node, int] = {}
    for node in order:
        kept.update(x for x in _needs_arrays(node) if x.op is not CONSTANT or x.ndim)
        for x in node.inputs:
            uses[x] = uses.get(x, 0) + 1
            stretched = node.op.name != "scatter" and _space(node) > x.ndim
            if stretched and x.op.name not in CHEAP:
                kept.add(x)
    for node in order:
        if uses.get(node, 0) > 1 and node.op.name not in CHEAP:
            kept.add(node)
        if node.op.name == "product" and uses.get(node, 0) > 1 and len(node.inputs) > 1:
            kept.add(node)
    return kept


def _space(node: Node) -> int:
    """The number of indices that a loop over a node has, those of its sums included."""
    if node.op.name != "product":
        return node.ndim
    return len(set(node.attrs["letters"]) - set(",->"))


# ── which loops are one ───────────────────────────────────────────────────────────────────────────────


def leading_sum(node: Node) -> Shape | None:
    """The shape that is summed over its leading axes: `sum(X, axis=0)`, in which X may be any product."""
    if node.op.name != "product" or len(node.inputs) > 2 or not node.ndim:
        return None
    ins, out = letters_of(node.attrs["letters"])
    longest = max(ins, key=len)
    spread = set("".join(ins)) - set(longest) or len(set(longest)) < len(longest) or node.attrs["sizes"]
    if spread or not longest.endswith(out) or longest == out or len(set(out)) < len(out):
        return None
    if len(node.inputs) == 2 and as_product(node):
        return None
    return node.inputs[ins.index(longest)].shape


def read(node: Node, kept: set[Node]) -> dict[Node, bool]:
    """The stored values that a node is written from, and whether each is read at the node's own indices."""
    found: dict[Node, bool] = {}
    waiting: list[tuple[Node, bool]] = [(x, _at_own_place(node, x)) for x in node.inputs]
    while waiting:
        x, own = waiting.pop()
        if x in kept:
            found[x] = found.get(x, True) and own
            continue
        waiting += [(y, own and _at_own_place(x, y)) for y in x.inputs]
    return found


def _at_own_place(node: Node, x: Node) -> bool:
    """Whether a node reads an operand at the indices that it is written at, or at the last ones of them."""
    if node.op.name == "product":
        ins, out = letters_of(node.attrs["letters"])
        longest = max((*ins, out), key=len)
        return all(term == longest for k, term in enumerate(ins) if node.inputs[k] is x)
    if node.op.entrywise:
        at = tuple(map(str, range(node.ndim)))
        return met(x, node, at) == at
    return False


def _fused(nodes: Sequence[Node], kept: set[Node]) -> list[Loop | Node]:
    steps: list[Loop | Node] = []
    made_in: dict[Node, int] = {}
    for node in nodes:
        if node.op is VARIABLE or (node.op is CONSTANT and node.ndim):
            continue
        reads = read(node, kept)
        shape = node.shape if is_written_out(node) else leading_sum(node)
        if shape is None or not shape:
            made_in[node] = len(steps)
            steps.append(node)
            continue
        place = _loop_for(node, shape, reads, steps, made_in)
        if place is None:
            place = len(steps)
            steps.append(Loop(shape))
        loop = steps[place]
        if isinstance(loop, Loop):
            (loop.entries if is_written_out(node) else loop.sums).append(node)
        made_in[node] = place
    return steps


def _loop_for(
    node: Node, shape: Shape, reads: Mapping[Node, bool], steps: Sequence[Loop | Node], made_in: Mapping[Node, int]
) -> int | None:
    """The last loop over this shape that can hold the node: all that it reads is there, at its own place."""
    earliest = max((made_in[x] for x in reads if x in made_in), default=-1)
    for place in range(len(steps) - 1, max(earliest, 0) - 1, -1):
        loop = steps[place]
        if not isinstance(loop, Loop) or loop.shape != shape:
            continue
        inside = [x for x in reads if made_in.get(x) == place]
        if all(reads[x] and x in loop.entries for x in inside):
            return place
    return None


# ── which values need memory ──────────────────────────────────────────────────────────────────────────


def _local(steps: Sequence[Loop | Node], kept: set[Node], outputs: Sequence[Node]) -> frozenset[Node]:
    """Entries that are read in their own loop alone, and numbers."""
    readers: dict[Node, set[int]] = {}
    own: dict[Node, bool] = {}
    home: dict[Node, int] = {}
    for place, step in enumerate(steps):
        for node in (*step.entries, *step.sums) if isinstance(step, Loop) else (step,):
            home[node] = place
            for x, at_own in read(node, kept).items():
                readers.setdefault(x, set()).add(place)
                own[x] = own.get(x, True) and at_own
    wanted = set(outputs)
    return frozenset(
        n
        for n, place in home.items()
        if n not in wanted
        and isinstance(loop := steps[place], Loop)
        and n in loop.entries
        and readers.get(n) == {place}
        and own[n]
    )


def _shared(
    steps: Sequence[Loop | Node], kept: set[Node], local: frozenset[Node], outputs: Sequence[Node]
) -> tuple[dict[Node, int], tuple[tuple[Shape, DType], ...]]:
    """Memory for every other value with axes; of one whose last reader is past, the next of its size has it."""
    last: dict[Node, int] = {}
    made: list[list[Node]] = []
    for place, step in enumerate(steps):
        nodes = [*step.entries, *step.sums] if isinstance(step, Loop) else [step]
        made.append(nodes)
        for node in nodes:
            last.setdefault(node, place)
            for x in read(node, kept):
                last[root_of(x)] = place
    wanted = {root_of(o) for o in outputs}
    buffers: dict[Node, int] = {}
    memory: list[tuple[Shape, DType]] = []
    free: dict[tuple[Shape, DType], list[int]] = {}
    for place, nodes in enumerate(made):
        for node in nodes:
            if not node.ndim or node in local or node in wanted or root_of(node) is not node:
                continue
            kind = (node.shape, node.dtype)
            if free.get(kind):
                buffers[node] = free[kind].pop()
            else:
                buffers[node] = len(memory)
                memory.append(kind)
        for node, number in buffers.items():
            if last.get(node) == place:
                free.setdefault((node.shape, node.dtype), []).append(number)
    return buffers, tuple(memory)


def root_of(node: Node) -> Node:
    """The value whose memory a node looks at: a reshape has none of its own."""
    while node.op.name == "reshape" and not is_written_out(node):
        node = node.inputs[0]
    return node


def sizes_of(node: Node) -> dict[str, Axis]:
    """The size of every letter of a product."""
    ins, out = letters_of(node.attrs["letters"])
    found = {c: a for t, x in zip(ins, node.inputs, strict=True) for c, a in zip(t, x.shape, strict=True)}
    return found | dict(zip(out, node.shape, strict=True))
