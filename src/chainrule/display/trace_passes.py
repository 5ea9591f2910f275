"""The forward and the backward pass over one graph, kept: every value, and every upstream, local and downstream.

Values come from the interpreter, gradients from the operations' own rules: the rule of one operation is asked
with a variable in the place of the upstream gradient and of every operand, and evaluated at their numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from chainrule.algebra.choice import WHERE
from chainrule.algebra.contract import letters_of
from chainrule.algebra.letters import PRODUCT_OP, build
from chainrule.algebra.node import VARIABLE, Node, constant, topological, variable, variables
from chainrule.algebra.notation import write
from chainrule.algebra.product import full, sum
from chainrule.algebra.signature import FLOATS, Binding, shape_text
from chainrule.calculus.pullback import behind_choices, downstream
from chainrule.calculus.rewrite import substitute
from chainrule.calculus.simplify import simplify
from chainrule.calculus.textbook import textbook
from chainrule.compute.interpret import Interpreter, Kept
from chainrule.display.trace_blocks import blocks_of
from chainrule.display.trace_names import UPSTREAM, free, is_plain, name_rows, on_names, symbol_of, taken_names
from chainrule.display.trace_records import Flow, Passes, Role, Row, Span
from chainrule.display.trace_words import gate_of
from chainrule.errors import BindingError

MOST_THOROUGH = 400  # rows up to which local rules are put in textbook form


class Asked(NamedTuple):
    """What is to be traced: an expression, names of its parts, and where these stand in the text."""

    expression: Node
    defined: Mapping[str, Node]
    text: str = ""
    syntax: str = "python"
    spans: Mapping[Node, Sequence[Span]] = {}
    remarks: tuple[str, ...] = ()


def passes(asked: Asked, values: Mapping[Any, Any], sizes: Mapping[str, int] | None, start: object) -> Passes:
    """Both passes. Raises BindingError for values that are missing or do not fit, GraphError without gradients."""
    output = asked.expression
    order = sorted(topological([output]), key=_place)
    arrays = [_frozen(v) for v in Interpreter(order)(values, sizes)]
    held = dict(zip(order, arrays, strict=True))
    known = _sizes(held, sizes)
    begun, said = _start(output, held[output], start)
    sweep = _Sweep(asked, order, held, known)
    if output.dtype in FLOATS:
        sweep.run(begun)
    rows = sweep.rows()
    blocks = blocks_of(rows)
    inside = {k: b for b, block in enumerate(blocks) for k in _range(block.first, block.length * block.times)}
    return Passes(
        tuple(replace(row, block=inside.get(row.id)) for row in rows) if inside else rows,
        sweep.place[output],
        begun,
        asked.text,
        asked.syntax,
        sweep.upstream,
        known,
        blocks,
        (*asked.remarks, *said),
    )


def _range(first: int, length: int) -> range:
    return range(first, first + length)


def _place(node: Node) -> int:
    """Inputs first, then constants, then operations."""
    return 0 if node.op is VARIABLE else 1 if not node.inputs else 2


def _frozen(value: Any) -> np.ndarray:
    array = np.array(value)
    array.flags.writeable = False
    return array


def _sizes(held: Mapping[Node, np.ndarray], sizes: Mapping[str, int] | None) -> dict[str, int]:
    binding = Binding(sizes)
    for node, array in held.items():
        if node.op is VARIABLE:
            binding.meet(node.attrs["name"], node.shape, array.shape)
    binding.settle()
    return binding.sizes


def _start(output: Node, value: np.ndarray, start: object) -> tuple[np.ndarray, list[str]]:
    """The upstream gradient that the backward pass begins with, and what has to be said of it."""
    text = write(output, 40)
    if output.dtype not in FLOATS:
        return np.ones(value.shape), [f"{text} holds no real numbers: it has no gradient"]
    if start is None:
        said = f"{text} is {shape_text(value.shape)}: the gradients are those of the sum of its entries"
        return _frozen(np.ones_like(value)), [said] if value.shape else []
    try:
        given = np.asarray(start, value.dtype)
    except (TypeError, ValueError):
        raise BindingError(f"the upstream gradient of {text} is numbers, not {start!r:.40}") from None
    if given.shape != value.shape:
        raise BindingError(
            f"the upstream gradient has the shape of {text}, {shape_text(value.shape)}, "
            f"not {shape_text(given.shape)}"
        )
    return _frozen(given), []


def is_entrywise(node: Node) -> bool:
    """Whether every entry of the value depends on the entries at its place alone."""
    if node.op is not PRODUCT_OP:
        return node.op.entrywise
    ins, out = letters_of(node.attrs["letters"])
    return len(set(out)) == len(out) and all(len(set(t)) == len(t) and set(t) <= set(out) for t in ins)


def _shortened(
    rule: Node, names: Mapping[Node, Node], form: Node, at: Kept, value: np.ndarray, *, thorough: bool
) -> Node:
    """A gradient rule simplified, with the name of the value where it speaks of the value.

    value      what the rule is at the numbers: at a tie the guards that make it so stay
    thorough   in textbook form where it has guards at single points, or speaks of all entries together
    """
    if not rule.inputs:
        return rule
    involved = gate_of(form) == "normalises" or any(n.op is WHERE for n in topological([rule]))
    short = textbook([rule])[0] if thorough and involved else simplify(rule)
    if thorough and involved and not np.allclose(at(short), value, equal_nan=True):
        short = simplify(rule)
    return substitute([_opened(short)], names)[0]


def _opened(rule: Node) -> Node:
    """A product entry by entry that is summed over some axes as these two: `sum(δ ⊙ A, axis=0)`."""
    if rule.op is not PRODUCT_OP or len(rule.inputs) < 2 or not rule.shape:
        return rule
    ins, out = letters_of(rule.attrs["letters"])
    term = ins[0]
    if set(ins) != {term} or len(set(term)) < len(term) or "".join(c for c in term if c in out) != out:
        return rule
    gone = [k for k, c in enumerate(term) if c not in out]
    return sum(build(ins, term, rule.inputs), gone) if gone else rule


def _plainly(slope: Node, local: np.ndarray) -> Node:
    """A local gradient that is one number everywhere as that number, and one that is only repeated as itself."""
    if slope.inputs and local.size and not variables(slope) and (local == local.flat[0]).all():
        return constant(local.flat[0], slope.dtype)
    if slope.op is PRODUCT_OP and len(slope.inputs) == 1:
        (term,), out = letters_of(slope.attrs["letters"])
        repeated = len(set(term)) == len(term) and len(set(out)) == len(out) and set(term) <= set(out)
        return slope.inputs[0] if repeated and len(term) < len(out) else slope
    return slope


class _Sweep:
    """The backward pass with its books: what comes from above, edge by edge, and what has arrived at each row."""

    def __init__(
        self, asked: Asked, order: Sequence[Node], held: Mapping[Node, np.ndarray], sizes: Mapping[str, int]
    ) -> None:
        self.asked, self.order, self.held, self.sizes = asked, order, held, sizes
        self.place = {node: k for k, node in enumerate(order)}
        known = {name: node for name, node in asked.defined.items() if node in self.place and not is_plain(node)}
        self.user_named = {*known.values(), *(n for n in order if n.op is VARIABLE)}
        taken = taken_names(order, known)
        self.upstream = free(UPSTREAM, taken)
        self.names = name_rows(order, asked.expression, known, taken)
        self.forms = [on_names(node, self.names) for node in order]
        self.gradients: dict[int, np.ndarray] = {}
        self.into: dict[int, list[Flow]] = {}
        self.flows: dict[int, tuple[Flow, ...]] = {}
        self.behind = behind_choices(order)
        self.thorough = len(order) <= MOST_THOROUGH
        self.active: set[Node] = set()
        for node in order:
            if node.dtype in FLOATS and (node.op is VARIABLE or any(i in self.active for i in node.inputs)):
                self.active.add(node)

    def run(self, start: np.ndarray) -> None:
        """Every operation's rule, from the output back to the inputs."""
        self.gradients[self.place[self.asked.expression]] = start
        for k in range(len(self.order) - 1, -1, -1):
            node = self.order[k]
            if node.inputs and k in self.gradients and node in self.active:
                self.flows[k] = tuple(self._flow(k, i) for i in range(len(node.inputs)))
        for k, node in enumerate(self.order):
            if node.op is VARIABLE and node.dtype in FLOATS and k not in self.gradients:
                self.gradients[k] = _frozen(np.zeros_like(self.held[node]))

    def _flow(self, k: int, i: int) -> Flow:
        """What goes from row k to its operand i."""
        node, form, g = self.order[k], self.forms[k], self.gradients[k]
        x = node.inputs[i]
        edge = Flow(self.place[x], k, i)
        if x not in self.active:
            return edge
        guarded = node in self.behind
        from_above = variable(self.upstream, form.shape, form.dtype)
        result = {form: variable(self.names[node], form.shape, form.dtype)}
        flow = downstream(i, from_above, form, guarded=guarded)
        if flow is None:
            return edge
        at = Kept({**self._point(node, form), from_above: g}, self.sizes)
        at.hold(form, self.held[node])
        part = _frozen(at(flow))
        local, slope = None, None
        if not node.shape or (is_entrywise(node) and x.shape == node.shape):
            unit = constant(1, form.dtype) if not node.shape else full(form.shape, 1.0, dtype=form.dtype)
            slope = downstream(i, unit, form, guarded=False)
            if slope is not None:
                local = _frozen(at(slope))
                slope = _plainly(_shortened(slope, result, form, at, local, thorough=self.thorough), local)
        rule = _shortened(flow, result, form, at, part, thorough=self.thorough)
        edge = Flow(self.place[x], k, i, g, local, part, rule, slope)
        self._arrive(edge)
        return edge

    def _point(self, node: Node, form: Node) -> dict[Node, np.ndarray]:
        """The numbers of the operands' stand-ins."""
        return {
            name: self.held[x] for name, x in zip(form.inputs, node.inputs, strict=True) if name.op is VARIABLE
        }

    def _arrive(self, edge: Flow) -> None:
        if edge.downstream is None:
            return
        before = self.gradients.get(edge.source)
        total = edge.downstream if before is None else before + edge.downstream
        self.gradients[edge.source] = total if before is None else _frozen(total)
        self.into.setdefault(edge.source, []).append(edge)

    def rows(self) -> tuple[Row, ...]:
        """The rows in the forward order."""
        return tuple(self._row(k, node) for k, node in enumerate(self.order))

    def _row(self, k: int, node: Node) -> Row:
        role: Role = "input" if node.op is VARIABLE else "operation" if node.inputs else "constant"
        plain = is_plain(node)
        name = write(node) if plain else self.names[node]
        untouched = tuple(Flow(self.place[x], k, i) for i, x in enumerate(node.inputs))
        return Row(
            k,
            name,
            node,
            self.forms[k],
            role,
            symbol_of(self.forms[k]) if node.inputs else name,
            gate_of(self.forms[k]) if node.inputs else role,
            self.held[node],
            self.gradients.get(k),
            self.flows.get(k, untouched),
            tuple(self.into.get(k, ())),
            tuple(self.asked.spans.get(node, ())),
            node in self.user_named,
        )
