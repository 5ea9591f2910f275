"""The text of a compiled function: a plan's loops and library calls in plain Python, with the formula above each.

The function takes its inputs, then the arrays it writes: outputs and working memory. It makes no array itself, and
what it computes is a function of their contents alone. Outputs that are numbers are returned.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from chainrule.algebra.contract import letters_of
from chainrule.algebra.node import CONSTANT, VARIABLE, Node, topological, variable
from chainrule.algebra.notation import echoed
from chainrule.algebra.signature import FLOAT32, Axis, DType, shape_text
from chainrule.calculus.rewrite import remake
from chainrule.compute import statements
from chainrule.compute.element import CALLS, ENTRIES, PRODUCT, Index, Scribe, is_written_out
from chainrule.compute.fetch import asking
from chainrule.compute.helpers import HELPERS
from chainrule.compute.plan import Loop, Plan, nodes_of, root_of
from chainrule.compute.source_names import Names
from chainrule.compute.source_sizes import size_lines
from chainrule.compute.statements import STATEMENTS
from chainrule.compute.stems import product_name, stem_of, summands

INDENT, INDICES = statements.INDENT, statements.INDICES
WIDTH = 72
LONGEST = 60  # characters of one part of an expression
DEEPEST = 12  # levels of a formula in a comment
LISTED = 8  # outputs with their formulas at the head

_RESERVED = ("np", "float32", "float64", "int64", *HELPERS, *(f"{f}{b}" for f in CALLS for b in (32, 64)))
_NUMBERS = {"0.0": "zero", "1.0": "one", "2.0": "two", "0.5": "half", "inf": "infinity", "nan": "nan"}


class Emitted(NamedTuple):
    """A function in text, and what it is called with and finds by name."""

    name: str
    source: str
    arguments: tuple[str, ...]
    constants: Mapping[str, np.generic]
    arrays: Mapping[str, np.ndarray]
    kernels: frozenset[str]


class Emitter:
    """Writes the function of a plan."""

    def __init__(self, plan: Plan, name: str, labels: Mapping[Node, str] | None = None) -> None:
        """`labels` are the names of outputs, where they have one."""
        self.plan, self.name, self.labels = plan, name, labels or {}
        depth = max((_indices(node) for node in topological([*plan.outputs, *plan.inputs])), default=0)
        inputs = [str(v.attrs["name"]) for v in plan.inputs]
        self.names = Names(inputs, [*_RESERVED, name, *INDICES[:depth]])
        self.fresh = self.names.fresh
        self.used_sizes: set[str] = set()
        self.constants: dict[str, np.generic] = {}
        self.arrays: dict[str, np.ndarray] = {}
        self.outputs: dict[Node, str] = {}
        self.memory: list[str] = []
        self.further: list[str] = []
        """Arguments behind the working memory."""
        self.scribe = Scribe(self.size, self.number)
        self.spoken: dict[Node, str] = {}
        """What values are called that lie in no memory."""
        self.summands = summands(plan.outputs)
        self.totals: dict[tuple[Node, ...], str] = {}
        """The names of log Z, by what it is of, where it is known from what is expected of a path."""

    # ── the whole ─────────────────────────────────────────────────────────────────────────────────────

    def emitted(self) -> Emitted:
        """The function."""
        outputs = self.outputs = self._placed()
        checks = [INDENT + line for v in self.plan.rows if v.op in (VARIABLE, CONSTANT) for line in self._check(v)]
        body = [*checks, *self.beginning(), *(line for step in self.plan.steps for line in self._step(step))]
        for o, name in outputs.items():
            if not self.lies_in(o):
                body += [INDENT + line for line in self._copied(name, o)]
        results = [self.scribe.entry(o, ()) for o in self.plan.outputs if not o.ndim]
        results += self.ending(body, outputs)
        sizes = [
            f"{INDENT}{line.target} = {line.text}"
            for line in size_lines(self.plan.inputs, self.names, self.used_sizes)
        ]
        arguments = (*self.names.inputs, *self.arrays, *outputs.values(), *self.memory, *self.further)
        head = [f"def {self.name}({', '.join(arguments)}):", *self._documentation(outputs)]
        last = [f"{INDENT}return {', '.join(results)}"] if results else []
        source = "\n".join([*head, *sizes, *body, *last]) + "\n"
        return Emitted(self.name, source, arguments, self.constants, self.arrays, frozenset(self.scribe.kernels))

    def lies_in(self, output: Node) -> bool:
        """Whether an output lies in its own memory, perhaps in another shape, as soon as it is computed."""
        return self.scribe.stored.get(root_of(output)) == self.outputs[output]

    def beginning(self) -> list[str]:
        """Lines in front of the first statement."""
        return []

    def ending(self, body: list[str], outputs: Mapping[Node, str]) -> list[str]:
        """Lines that follow once the outputs are computed, put behind `body`; the texts of further results."""
        return []

    def _documentation(self, outputs: Mapping[Node, str]) -> list[str]:
        listed = list(dict.fromkeys(self.plan.outputs))
        lines = [
            _cut(f"{outputs[o]} = " if o.ndim else "", echoed(o, WIDTH), 92) + f"   {shape_text(o.shape)}"
            for o in listed[:LISTED]
        ]
        lines += ["…"] if len(listed) > LISTED else []
        first, *others = [line.replace("\\", "\\\\").replace('"""', "'''") for line in lines] or [""]
        return (
            [f'{INDENT}"""{first}', *(INDENT + line for line in others), f'{INDENT}"""']
            if others
            else [f'{INDENT}"""{first}"""']
        )

    def _placed(self) -> dict[Node, str]:
        """Names for everything that lies in memory: inputs, outputs, working memory."""
        stored = self.scribe.stored
        for v in self.plan.inputs:
            stored[v] = self.names.of(str(v.attrs["name"]))
        outputs: dict[Node, str] = {}
        for o in self.plan.outputs:
            if o not in outputs and o.ndim:
                outputs[o] = self.names.of(self.labels.get(o, f"/out{len(outputs) + 1}"))
                root = root_of(o)
                if root.op not in (VARIABLE, CONSTANT):
                    stored.setdefault(root, outputs[o])
        for node in (node for step in self.plan.steps for node in nodes_of(step)):
            if node in self.plan.buffers:
                stored[node] = self.name_of(node)
                if self.plan.buffers[node] == len(self.memory):
                    self.memory.append(stored[node])
            elif node in self.plan.local and (node in self.labels or stem_of(node) != "v"):
                self.spoken[node] = self.name_of(node)
        return outputs

    def name_of(self, node: Node) -> str:
        """A name that says what a value in memory is."""
        known = self.labels.get(node)
        if known:
            return self.names.of(known)
        return self.names.new(product_name(node, self.scribe.stored) if node in self.summands else stem_of(node))

    def entry_name(self, node: Node, at: Index) -> str:
        """A name for an entry: `h_ij` where the value is h, else the next that is free."""
        name = self.scribe.stored.get(node) or self.spoken.get(node)
        return self.names.new(f"{name}_{''.join(at)}") if name and all(map(str.isidentifier, at)) else self.fresh()

    def array(self, node: Node) -> str:
        """The name of a value that lies in memory."""
        if node not in self.scribe.stored and node.op is CONSTANT:
            name = self.names.of(f"/data{len(self.arrays) + 1}")
            self.arrays[name] = np.ascontiguousarray(node.attrs["data"].array)
            self.scribe.stored[node] = name
        return self.scribe.stored[node]

    # ── steps ─────────────────────────────────────────────────────────────────────────────────────────

    def _step(self, step: Loop | Node) -> Iterator[str]:
        nodes = nodes_of(step)
        for node in nodes:
            self._constants_below(node)
        lines = [
            *self._again(nodes),
            *self._statement(step),
            *(line for node in nodes for line in self._check(node)),
        ]
        yield from (f"{INDENT}# {self.formula(node)}" for node in nodes)
        yield from (INDENT + line for line in lines)
        self.scribe.local.clear()

    def _statement(self, step: Loop | Node) -> Iterator[str]:
        if isinstance(step, Loop):
            return self._loop(step)
        scalar = is_written_out(step) and not step.ndim
        return self._scalar(step) if scalar else STATEMENTS[step.op.name](self, step)

    def _again(self, nodes: Sequence[Node]) -> Iterator[str]:
        """New names for memory that is used again."""
        for node in nodes:
            k = self.plan.buffers.get(node)
            if k is not None and self.memory[k] != self.scribe.stored[node]:
                yield f"{self.scribe.stored[node]} = {self.memory[k]}"

    def _scalar(self, node: Node) -> Iterator[str]:
        lines, text = self._computed(node, ())
        yield from lines
        name = self.fresh()
        yield f"{name} = {text}"
        self.scribe.stored[node] = name

    def _loop(self, loop: Loop) -> Iterator[str]:
        at, inner = tuple(INDICES[: len(loop.shape)]), INDENT * len(loop.shape)
        totals = {node: self.fresh() for node in loop.sums if not node.ndim}
        for node in loop.sums:  # totals are float64, so that sums of a million numbers keep their digits
            yield f"{totals[node]} = 0.0" if node in totals else f"{self.array(node)}[...] = 0"
        yield from asking(self, loop, at)
        for node in loop.entries:
            yield from (inner + line for line in self._laid(node, at))
        for node in loop.sums:
            yield from (inner + line for line in self._added(node, at, totals.get(node)))
        yield from (f"{t} = float32({t})" for node, t in totals.items() if node.dtype == FLOAT32)
        self.scribe.stored.update(totals)

    def _laid(self, node: Node, at: Index) -> Iterator[str]:
        """An entry, into memory or a local name or both."""
        lines, text = self._computed(node, at)
        yield from lines
        if node in self.plan.again:
            self.scribe.local[node, at] = name = self.entry_name(node, at)
            yield f"{name} = {text}"
            text = name
        if node not in self.plan.local:
            yield f"{self.array(node)}[{', '.join(at)}] = {text}"

    def _added(self, node: Node, at: Index, total: str | None) -> Iterator[str]:
        """A term of a sum over all axes or the leading ones, added to its place."""
        ins, out = letters_of(node.attrs["letters"])
        longest = max(ins, key=len)
        place = dict(zip(longest, at, strict=True))
        places = [tuple(place[c] for c in t) for t in ins]
        for x, where in zip(node.inputs, places, strict=True):
            yield from self.named([x], where)
        term = self.times(node.inputs, places)
        if total is None:
            yield f"{self.array(node)}[{', '.join(place[c] for c in out)}] += {term}"
        else:
            wide = f"float64({term})" if node.dtype == FLOAT32 else term
            yield f"{total} = {self.helper('plus')}({total}, {wide})"

    def _copied(self, target: str, node: Node) -> Iterator[str]:
        at = ", ".join(INDICES[: node.ndim])
        yield from self.loops(node.shape, INDICES[: node.ndim])
        yield f"{INDENT * node.ndim}{target}[{at}] = {self.array(node)}[{at}]"

    def _check(self, rows: Node) -> Iterator[str]:
        """Lines that refuse numbers of rows that do not exist."""
        for count in self.plan.rows.get(rows, ()):
            self._constants_below(rows)
            outside, at, size = self.names.new("outside"), tuple(INDICES[: rows.ndim]), self.size(count)
            entry, inside = self.scribe.entry(rows, at), INDENT * rows.ndim
            yield f"# 0 ≤ {echoed(shown_by(rows, self.scribe.stored), WIDTH)} < {shape_text((count,))}"
            yield f"{outside} = False"
            yield from self.loops(rows.shape, at)
            yield f"{inside}{outside} |= ({entry} < 0) | ({entry} >= {size})"
            yield f"if {outside}:"
            yield f'{INDENT}raise IndexError("a row that does not exist")'

    # ── entries ───────────────────────────────────────────────────────────────────────────────────────

    def _computed(self, node: Node, at: Index) -> tuple[list[str], str]:
        """Lines for parts that need a name, and the entry as it is computed from them."""
        form = ENTRIES[node.op.name]
        parts = form.reads(self.scribe, node, at)
        lines = self._named(parts, [parts[k] for k in form.names])
        return lines, self.scribe.formed(node, at).text

    def named(self, nodes: Sequence[Node], at: Index) -> list[str]:
        """Lines that name what stands more than once in entries, behind a condition, or makes them too long."""
        return self._named([(x, at) for x in nodes], ())

    _locals = named

    def _named(self, roots: Sequence[tuple[Node, Index]], once: Iterable[tuple[Node, Index]]) -> list[str]:
        read_by = self.scribe.read_by
        uses, alone = Counter(roots), set(once)
        order: list[tuple[Node, Index]] = []
        seen: set[tuple[Node, Index]] = set()
        waiting = [(key, False) for key in roots]
        while waiting:
            key, ready = waiting.pop()
            if ready:
                order.append(key)
                continue
            if key in seen:
                continue
            seen.add(key)
            parts = read_by(*key)
            uses.update(parts)
            alone.update(parts[k] for k in (ENTRIES[key[0].op.name].names if parts else ()))
            waiting += [(key, True), *((part, False) for part in parts)]
        lines = []
        for key in order:
            text = self.scribe.text(*key)
            long = len(text.text) > LONGEST or (uses[key] > 1 and key[0] not in self.scribe.stored)
            if not text.is_plain and (long or key in alone):
                self.scribe.local[key] = name = self.entry_name(*key)
                lines.append(f"{name} = {text.text}")
        return lines

    def times(self, nodes: Sequence[Node], places: Sequence[Index]) -> str:
        """The product of entries."""
        first, *others = [self.scribe.text(x, at) for x, at in zip(nodes, places, strict=True)]
        return (
            " * ".join([first.within(PRODUCT), *(p.within(PRODUCT + 1) for p in others)]) if others else first.text
        )

    def put(self, node: Node, value: str, at: Sequence[str], inside: str) -> Iterator[str]:
        """A value laid into its place; a number keeps its name."""
        if node.ndim:
            yield f"{inside}{self.array(node)}[{', '.join(at)}] = {value}"
        else:
            self.scribe.stored[node] = value

    def _constants_below(self, node: Node) -> None:
        waiting, seen = [node], {node}
        while waiting:
            x = waiting.pop()
            if x.op is CONSTANT and x.ndim:
                self.array(x)
            more = [y for y in x.inputs if y not in seen and (y not in self.scribe.stored or y.op is CONSTANT)]
            seen.update(more)
            waiting += more

    # ── what statements are made of ───────────────────────────────────────────────────────────────────

    def size(self, axis: Axis, alone: bool = False) -> str:
        """The text of an axis' size, in parentheses where that matters unless it stands alone."""
        if isinstance(axis, int):
            return str(axis)
        text = ""
        for monomial, count in axis.terms:
            factors = [str(abs(count))] * (abs(count) != 1 or not monomial) + [*map(self.names.of_size, monomial)]
            text += (" - " if count < 0 else " + " if text else "") + " * ".join(factors)
        text = text.replace(" - ", "-", 1) if text.startswith(" ") else text
        self.used_sizes.update(map(self.names.of_size, axis.names))
        return text if alone or text.isidentifier() else f"({text})"

    def shape(self, axes: Sequence[Axis]) -> str:
        """The text of a shape: `(B, 250)`, `(n,)`."""
        sizes = [self.size(a, alone=True) for a in axes]
        return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"

    def number(self, value: float, dtype: DType) -> str:
        """The text of a number: in float32 the name of a constant, so that it does not widen its company."""
        typed = dtype.type(abs(value))
        sign = "-" if np.signbit(value) and not np.isnan(value) else ""
        if dtype != FLOAT32:
            return sign + (repr(float(typed)) if np.isfinite(typed) else f"np.{typed}")
        text = str(typed)
        name = self.names.of(f"/{_NUMBERS.get(text) or 'c' + text.replace('-', 'm')}")
        self.constants[name] = typed
        return sign + name

    def helper(self, name: str) -> str:
        """One of `HELPERS`, by name."""
        self.scribe.kernels.add(name)
        return name

    def loops(self, shape: Sequence[Axis], indices: Sequence[str], depth: int = 0) -> list[str]:
        """The heads of nested loops."""
        return [
            f"{INDENT * (depth + k)}for {i} in range({self.size(a, alone=True)}):"
            for k, (i, a) in enumerate(zip(indices, shape, strict=True))
        ]

    def formula(self, node: Node) -> str:
        """What is computed, in terms of the names of what is stored, in one bounded line."""
        local = {x: name for (x, _), name in self.scribe.local.items() if x in self.plan.again}
        names = {**local, **self.spoken, **self.scribe.stored}
        own, text = names.get(node), echoed(shown_by(node, names), WIDTH)
        return _cut(f"{own} = " if own else "", text, 100) + f"   {shape_text(node.shape)}"


def _cut(name: str, text: str, width: int) -> str:
    line = name + text
    return line if len(line) <= width else line[: width - 1] + "…"


def _indices(node: Node) -> int:
    """How many indices the loops of a node may have."""
    own = node.attrs["letters"] if node.op.name == "product" else ""
    return max(node.ndim, len(set(own) - set(",->")), *(x.ndim for x in node.inputs), 0)


def shown_by(node: Node, names: Mapping[Node, str]) -> Node:
    """The node with stored values as variables of their names, as deep as a line can show."""
    done: dict[Node, Node] = {}

    def shown(x: Node, depth: int) -> Node:
        if x not in done:
            if x in names:
                done[x] = variable(names[x], x.shape, x.dtype)
            else:
                deep = depth and x.inputs
                done[x] = remake(x, [shown(y, depth - 1) for y in x.inputs]) if deep else x
        return done[x]

    return remake(node, [shown(x, DEEPEST) for x in node.inputs]) if node.inputs else node
