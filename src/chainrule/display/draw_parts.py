"""What a drawing of a trace consists of: boxes, gates, wires, and what is written at them, laid out.

In a small graph each row stands once. In a large one a leaf stands beside each of its uses, a wire that would run
past many layers ends in a reference by name, and of operations that repeat only the first repetition is drawn,
with one box for the others.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

from chainrule.display.draw_sizes import BROADEST, gate_box, label_box, leaf_box, name_width, wide
from chainrule.display.layout import Box, Layout, Wire, layout
from chainrule.display.trace_names import entry_number
from chainrule.display.trace_records import Block, Flow, Passes, Row

# rows beyond which leaves stand beside their uses, and gates up to which every wire says all
LARGE, TALKATIVE = 26, 12
FAR = 8  # the most layers that a wire of a large graph runs past
ASIDE = 0.05  # the pull of wires from inputs: they do not bend the chain that they join

PartKind = Literal["input", "constant", "gate", "block", "reference", "end"]


class Part(NamedTuple):
    """A box. A block stands for `block.times - 1` repetitions, a reference for a row that is drawn elsewhere."""

    kind: PartKind
    row: Row
    box: Box
    block: Block | None = None


class Link(NamedTuple):
    """A wire by its parts: the flow that it draws, None to the output; whether value and gradient stand at it."""

    flow: Flow | None
    source: int
    target: int
    value: bool = False
    gradient: bool = False
    pull: float = 1.0


class Picture(NamedTuple):
    """All parts and links, and where they lie."""

    trace: Passes
    parts: tuple[Part, ...]
    links: tuple[Link, ...]
    places: Layout
    mark: str
    """What the marks of its wires begin with: two pictures can stand in one page."""


def picture(trace: Passes, *, collapsed: bool = True) -> Picture:
    """The parts of the drawing of a trace, laid out; `collapsed` draws repetitions once."""
    found = _Gathering(trace, collapsed)
    wires = [Wire(link.source, link.target, _label(trace, link), link.pull) for link in found.links]
    return Picture(
        trace,
        tuple(found.parts),
        tuple(found.links),
        layout([p.box for p in found.parts], wires),
        "w" if collapsed else "u",
    )


def _label(trace: Passes, link: Link) -> Box | None:
    """The room for what is written at a wire."""
    if not (link.value or link.gradient):
        return None
    value, gradient = written_at(trace, link)
    return label_box(value if link.value else None, gradient if link.gradient else None)


def written_at(trace: Passes, link: Link) -> tuple[np.ndarray, np.ndarray | None]:
    """Value and gradient of a wire."""
    if link.flow is None:
        return trace.result.value, trace.start
    return trace.rows[link.flow.source].value, link.flow.downstream


class _Gathering:
    """Parts and links, row after row."""

    def __init__(self, trace: Passes, collapsed: bool) -> None:
        self.trace = trace
        self.parts: list[Part] = []
        self.links: list[Link] = []
        self.home: dict[int, int] = {}  # row → its part
        self.large = len(trace.rows) > LARGE
        self.talkative = len(trace.operations) <= TALKATIVE
        self.hidden = _hidden(trace) if collapsed else {}
        self.uses = Counter(flow.source for row in trace.operations for flow in row.inputs)
        self.depth = _depths(trace)
        widths = [leaf_box(row).width for row in trace.inputs if not row.shape]
        cards = [width for width in widths if width <= BROADEST]
        self.card = max(cards, default=0.0)  # cards of numbers are equally wide
        for row in trace.rows:
            if row.role == "operation":
                self._operation(row)
            elif row is trace.result or (row.role == "input" and not self.large):
                self._at_home(row, self._leaf(row))
        end = self._add(Part("end", trace.result, Box(name_width(trace.result.name, 19) + 10, 30)))
        flows = trace.result.gradient is not None
        self.links.append(Link(None, self.home[trace.output], end, True, flows))

    def _add(self, part: Part) -> int:
        self.parts.append(part)
        return len(self.parts) - 1

    def _at_home(self, row: Row, part: Part) -> int:
        self.home[row.id] = self._add(part)
        return self.home[row.id]

    def _leaf(self, row: Row) -> Part:
        box = leaf_box(row)
        plain = row.role == "input" and not row.shape
        return Part(
            "input" if row.role == "input" else "constant",
            row,
            box._replace(width=max(self.card, box.width)) if plain else box,
        )

    def _operation(self, row: Row) -> None:
        block = self.hidden.get(row.id)
        if block is None:
            target = self._at_home(row, Part("gate", row, gate_box(row)))
            for flow in row.inputs[:1] if entry_number(row.node) is not None else row.inputs:
                self.links.append(self._link(flow, target))
            return
        first = block.first + block.length
        if row.id == first:
            self._at_home(row, Part("block", row, _block_box(self.trace, block), block))
        self.home[row.id] = self.home[first]
        for flow in row.inputs:  # parameters and wires within the repetitions stay within
            source = self.home.get(flow.source, self.home[first])
            from_gate = self.trace.rows[flow.source].role == "operation"
            if from_gate and source != self.home[first] and not self._linked(source, self.home[first]):
                self.links.append(Link(flow, source, self.home[first], True, flow.downstream is not None))

    def _linked(self, source: int, target: int) -> bool:
        return any(link.source == source and link.target == target for link in self.links)

    def _link(self, flow: Flow, target: int) -> Link:
        source = self.trace.rows[flow.source]
        once, flows = self.uses[source.id] == 1, flow.downstream is not None
        if source.role == "operation":
            if self.large and self.depth[flow.target] - self.depth[source.id] > FAR:
                return Link(flow, self._reference(source), target, False, flows, ASIDE)
            return Link(flow, self.home[source.id], target, True, flows)
        if source.id not in self.home:
            place = self._add(self._leaf(source))
            if source.role == "input":
                self.home[source.id] = place
        elif self.large:
            return Link(flow, self._reference(source), target, False, flows, ASIDE)
        else:
            place = self.home[source.id]
        said = source.role == "input" and not (once and (source.shape or not self.talkative))
        value = said and self.talkative and not source.shape
        return Link(flow, place, target, value, said and flows, ASIDE if once else 1.0)

    def _reference(self, row: Row) -> int:
        return self._add(Part("reference", row, Box(name_width(row.name, 17) + 22, 28)))


def _depths(trace: Passes) -> list[int]:
    depth = [0] * len(trace.rows)
    for row in trace.operations:
        depth[row.id] = 1 + max(depth[flow.source] for flow in row.inputs)
    return depth


def _hidden(trace: Passes) -> Mapping[int, Block]:
    """The operations that are not drawn because they repeat others, and the repetition that they belong to."""
    return {
        row: block
        for block in trace.blocks
        for row in range(block.first + block.length, block.first + block.length * block.times)
    }


def block_title(trace: Passes, block: Block) -> str:
    """What is repeated, and how often: `4 × (·, +, tanh)`."""
    symbols = [row.symbol for row in trace.rows[block.first : block.first + block.length]]
    shown = symbols if len(symbols) <= 5 else [*symbols[:4], "…"]
    return f"{block.times - 1} × ({', '.join(shown)})"


def _block_box(trace: Passes, block: Block) -> Box:
    return Box(wide(block_title(trace, block), 15) + 36, 56)
