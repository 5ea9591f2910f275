"""From a graph to statements: which values lie in memory, which loops are one loop, which memory is used again.

The passes, in order: `stored` (what needs memory), `fused` (loops over the same indices become one), `local` (a
value that is used in its own loop alone needs no memory), `shared` (memory whose value is needed no more is
given to the next value of its size), `checked` (which whole numbers have to lie within the rows of a table).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chainrule.algebra.chain import CHAIN, EXPECTED, LOG_PARTITION
from chainrule.algebra.contract import letters_of
from chainrule.algebra.node import CONSTANT, VARIABLE, Node, make, topological
from chainrule.algebra.signature import Axis, DType, Shape
from chainrule.compute.contraction import as_matrices
from chainrule.compute.element import CHEAP, is_written_out, met
from chainrule.compute.stems import is_pre_activation

PASSES = ("stored", "fused", "local", "shared", "checked")

NEAR = 64  # a loop is joined to one of so many steps before it
FULL = 64  # values of a loop that takes no more: the time that its compilation takes grows faster than they do


@dataclass
class Loop:
    """Statements at every index of a shape: entries of values, and sums over all axes or the leading ones."""

    shape: Shape
    entries: list[Node] = field(default_factory=list)
    sums: list[Node] = field(default_factory=list)

    @property
    def nodes(self) -> list[Node]:
        """All that is computed."""
        return [*self.entries, *self.sums]


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
    again: frozenset[Node]
    """Entries that are read in their own loop."""
    rows: Mapping[Node, tuple[Axis, ...]]
    """Whole numbers that choose rows, and how many rows there are."""


def plan(outputs: Sequence[Node], inputs: Sequence[Node]) -> Plan:
    """The statements that compute the outputs."""
    order = _paired(topological(outputs))
    rows = _checked(order)
    kept = _stored(order, outputs) | rows.keys()
    steps = _fused([n for n in order if n in kept], kept)
    local, again = _local(steps, kept, outputs)
    buffers, memory = _shared(steps, kept, local, outputs)
    return Plan(tuple(outputs), tuple(inputs), tuple(steps), buffers, memory, local, again, rows)


def _paired(order: Sequence[Node]) -> list[Node]:
    """The order with what is expected of a path in front of its log Z, which comes out of the same sweep."""
    known, found = set(order), dict[Node, None]()
    for node in order:
        twin = make(EXPECTED, *node.inputs) if node.op is LOG_PARTITION else node
        found |= dict.fromkeys((twin, node) if twin in known else (node,))
    return list(found)


# ── what is stored ────────────────────────────────────────────────────────────────────────────────────

_WHOLE = frozenset(
    ("logsumexp", "softmax", "log_softmax", "norm2", "max", "min", "inv", "det", "logdet", "solve", *CHAIN),
)
"""Operations that read their operands more than once, or hand them to a library."""


def _needs_arrays(node: Node) -> Sequence[Node]:
    """The operands that an operation reads from memory."""
    if node.op.name in _WHOLE or as_matrices(node) or (node.op.name == "reshape" and not is_written_out(node)):
        return [x for x in node.inputs if x.ndim]
    return ()


def _stored(order: Sequence[Node], outputs: Sequence[Node]) -> set[Node]:
    """Variables, outputs, what is no entry-wise writing, and what would otherwise be computed many times."""
    kept = {n for n in order if n.op is VARIABLE or not is_written_out(n)} | set(outputs)
    uses = Counter(x for node in order for x in node.inputs)
    for node in order:
        kept.update(x for x in _needs_arrays(node) if x.op is not CONSTANT or x.ndim)
        plain = node.op.name in CHEAP and (node.op.name != "product" or len(node.inputs) < 2)
        if uses[node] > 1 and not plain:
            kept.add(node)
        if node.op.entrywise and is_written_out(node):  # z has a name, and no memory: its loop is that of h
            kept.update(x for x in node.inputs if uses[x] == 1 and is_pre_activation(x) and x.shape == node.shape)
    dear: set[Node] = set()  # what takes more than a few instructions each time that it is written out
    for node in order:
        wide = 0 if node.op.name == "scatter" else _space(node)
        kept.update(x for x in node.inputs if wide > x.ndim and x in dear)
        if node.op.name not in CHEAP or any(x in dear and x not in kept for x in node.inputs):
            dear.add(node)
    return kept


def _space(node: Node) -> int:
    """The number of indices that a loop over a node has, those of its sums included."""
    if node.op.name != "product":
        return node.ndim
    return len(set(node.attrs["letters"]) - set(",->"))


# ── which loops are one ───────────────────────────────────────────────────────────────────────────────


def leading_sum(node: Node) -> Shape | None:
    """The shape that is summed over its leading axes or all of them; what is summed may be a product of two."""
    if node.op.name != "product" or len(node.inputs) > 2:
        return None
    ins, out = letters_of(node.attrs["letters"])
    longest = max(ins, key=len)
    spread = set("".join(ins)) - set(longest) or len(set(longest)) < len(longest) or node.attrs["sizes"]
    if spread or not longest.endswith(out) or longest == out or as_matrices(node):
        return None
    return node.inputs[ins.index(longest)].shape


def read(node: Node, kept: set[Node]) -> dict[Node, bool]:
    """The stored values that a node is written from, and whether each is read at the node's own indices."""
    found: dict[Node, bool] = {}
    waiting: list[tuple[Node, bool]] = [(x, _at_own_place(node, x)) for x in node.inputs]
    seen: set[tuple[Node, bool]] = set()
    while waiting:
        x, own = waiting.pop()
        if (x, own) in seen:
            continue
        seen.add((x, own))
        if x in kept:
            found[x] = found.get(x, True) and own
            continue
        waiting += [(y, own and _at_own_place(x, y)) for y in x.inputs]
    return found


def _at_own_place(node: Node, x: Node) -> bool:
    """Whether a node reads an operand at the indices that it is written at, or at the last ones of them."""
    if node.op.name == "product":
        ins, out = letters_of(node.attrs["letters"])
        at = out if is_written_out(node) else max(ins, key=len)
        return all(term == at for term, y in zip(ins, node.inputs, strict=True) if y is x)
    if node.op.entrywise:
        places = tuple(map(str, range(node.ndim)))
        return met(x, node, places) == places
    return False


def _fused(nodes: Sequence[Node], kept: set[Node]) -> list[Loop | Node]:
    steps: list[Loop | Node] = []
    made_in: dict[Node, int] = {}
    for node in nodes:
        if node.op is VARIABLE or (node.op is CONSTANT and node.ndim):
            continue
        shape = node.shape if is_written_out(node) else leading_sum(node)
        place = _loop_for(shape, read(node, kept), steps, made_in) if shape else None
        if place is None:
            place = len(steps)
            steps.append(Loop(shape) if shape and node.ndim else node)
        loop = steps[place]
        if isinstance(loop, Loop):
            (loop.entries if is_written_out(node) else loop.sums).append(node)
        made_in[node] = place
    return steps


def _loop_for(
    shape: Shape, reads: Mapping[Node, bool], steps: Sequence[Loop | Node], made_in: Mapping[Node, int]
) -> int | None:
    """The last loop over this shape that can hold a node: all that it reads is there, at its own place."""
    earliest = max((made_in[x] for x in reads if x in made_in), default=-1)
    for place in range(len(steps) - 1, max(earliest, 0, len(steps) - NEAR) - 1, -1):
        loop = steps[place]
        if isinstance(loop, Loop) and loop.shape == shape and len(loop.nodes) < FULL:
            inside = [x for x in reads if made_in.get(x) == place]
            if all(reads[x] and x in loop.entries for x in inside):
                return place
    return None


# ── which values need memory ──────────────────────────────────────────────────────────────────────────


def nodes_of(step: Loop | Node) -> list[Node]:
    """What a step computes."""
    return step.nodes if isinstance(step, Loop) else [step]


def _local(
    steps: Sequence[Loop | Node], kept: set[Node], outputs: Sequence[Node]
) -> tuple[frozenset[Node], frozenset[Node]]:
    """Entries that are read in their own loop alone, at their own place; and those that are read there at all."""
    elsewhere: set[Node] = set(outputs)
    again: set[Node] = set()
    home = {node: place for place, step in enumerate(steps) for node in nodes_of(step)}
    for node, place in home.items():
        for x, own in read(node, kept).items():
            (again if own and home.get(x) == place else elsewhere).add(x)
    entries = frozenset(node for step in steps if isinstance(step, Loop) for node in step.entries)
    return entries - elsewhere, entries & again


def _shared(
    steps: Sequence[Loop | Node], kept: set[Node], local: frozenset[Node], outputs: Sequence[Node]
) -> tuple[dict[Node, int], tuple[tuple[Shape, DType], ...]]:
    """Memory for every other value with axes; of one whose last reader is past, the next of its size has it."""
    last: dict[Node, int] = {}
    for place, step in enumerate(steps):
        for node in nodes_of(step):
            last.setdefault(node, place)
            last.update((root_of(x), place) for x in read(node, kept))
    ends: dict[int, list[Node]] = {}
    for node, place in last.items():
        ends.setdefault(place, []).append(node)
    wanted = {root_of(o) for o in outputs}
    buffers: dict[Node, int] = {}
    memory: list[tuple[Shape, DType]] = []
    free: dict[tuple[Shape, DType], list[int]] = {}
    for place, step in enumerate(steps):
        ending = [x for x in ends.get(place, ()) if x in buffers]
        handed = _handed_on(step, ending, kept)
        for k, node in enumerate(nodes_of(step)):
            if not node.ndim or node in local or node in wanted or root_of(node) is not node:
                continue
            kind = (node.shape, node.dtype)
            before = next((x for x, at in handed.items() if at <= k and (x.shape, x.dtype) == kind), None)
            if before is not None:
                buffers[node] = buffers[before]
                del handed[before]
                ending.remove(before)
                continue
            if not free.get(kind):
                free.setdefault(kind, []).append(len(memory))
                memory.append(kind)
            buffers[node] = free[kind].pop()
        for node in ends.get(place, ()):
            if node in ending or (node in buffers and node in nodes_of(step)):
                free[node.shape, node.dtype].append(buffers[node])
    return buffers, tuple(memory)


def _handed_on(step: Loop | Node, ending: Sequence[Node], kept: set[Node]) -> dict[Node, int]:
    """The values that this loop reads last, each at its own place alone; and which of its statements the last is.

    That statement, or one after it, may write where it has read.
    """
    if not isinstance(step, Loop):
        return {}
    found: dict[Node, int] = {}
    for k, node in enumerate(step.nodes):
        for x, own in read(node, kept).items():
            place = k if own and x.shape == step.shape and root_of(x) is x else len(step.nodes)
            found[root_of(x)] = max(place, found.get(root_of(x), 0))
    return {x: found[x] for x in ending if x in found}


def root_of(node: Node) -> Node:
    """The value whose memory a node looks at: a reshape has none of its own."""
    while node.op.name == "reshape" and not is_written_out(node):
        node = node.inputs[0]
    return node


# ── which rows there are ──────────────────────────────────────────────────────────────────────────────


def _checked(order: Sequence[Node]) -> dict[Node, tuple[Axis, ...]]:
    """The whole numbers that choose rows, and how many rows there are to choose from."""
    found: dict[Node, tuple[Axis, ...]] = {}
    for node in order:
        if node.op.name in ("take", "scatter"):
            rows = node.inputs[node.op.name == "take"]
            count: Axis = (
                node.inputs[0].shape[node.attrs["batch"]] if node.op.name == "take" else node.attrs["count"]
            )
            for origin in _origins(rows):
                if not _is_within(origin, count) and count not in found.get(origin, ()):
                    found[origin] = (*found.get(origin, ()), count)
    return found


def _origins(rows: Node) -> Iterator[Node]:
    """Where row numbers come from: variables, constants, and what is computed."""
    waiting, seen = [rows], {rows}
    while waiting:
        node = waiting.pop()
        if node.op in (VARIABLE, CONSTANT) or node.op.name == "cast":
            yield node
            continue
        inputs = node.inputs[:1] if node.op.name == "take" else node.inputs
        waiting += [x for x in inputs if x not in seen]
        seen.update(inputs)


def _is_within(rows: Node, count: Axis) -> bool:
    """Whether constant rows lie in a table of so many."""
    if rows.op is not CONSTANT or not isinstance(count, int):
        return False
    array = rows.attrs["data"].array
    return not array.size or bool(array.min() >= 0 and array.max() < count)
