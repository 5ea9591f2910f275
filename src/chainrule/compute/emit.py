"""The text of a compiled function: a plan's loops and library calls in plain Python, with the formula above each.

The function takes its inputs, then the arrays it writes: outputs and working memory. It makes no array itself, and
what it computes is a function of their contents alone. Outputs that are numbers are returned.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from chainrule.algebra.contract import letters_of
from chainrule.algebra.node import CONSTANT, VARIABLE, Node, variable
from chainrule.algebra.notation import readable
from chainrule.algebra.signature import FLOAT32, Axis, DType, shape_text
from chainrule.calculus.rewrite import remake
from chainrule.compute.element import ENTRIES, Index, Scribe, is_written_out, operands_twice
from chainrule.compute.plan import Loop, Plan, root_of
from chainrule.compute.source_names import Names
from chainrule.compute.source_sizes import size_lines, size_text
from chainrule.compute.statements import STATEMENTS

INDENT = "    "
INDICES = "ijklmnpqrs"
WIDTH = 72


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
        self.names = Names([str(v.attrs["name"]) for v in plan.inputs], ["np", name])
        self.used_sizes: set[str] = set()
        self.constants: dict[str, np.generic] = {}
        self.arrays: dict[str, np.ndarray] = {}
        self.further: list[str] = []
        """Arguments behind the working memory."""
        self.scribe = Scribe(self.size, self.number)

    def size(self, axis: Axis) -> str:
        """The text of an axis' size."""
        if isinstance(axis, int):
            return str(axis)
        text = size_text(axis, self.names).text
        self.used_sizes.update(self.names.sizes[d] for d in axis.names)
        return text if text.isidentifier() else f"({text})"

    def number(self, value: float, dtype: DType) -> str:
        """The text of a number: in float32 the name of a constant, so that it does not widen its company."""
        if dtype != FLOAT32 and np.isfinite(value):
            return repr(float(value)) if value >= 0 else f"({float(value)!r})"
        typed = dtype.type(value)
        text = str(typed).replace("-", "minus_").replace(".", "_").replace("+", "")
        name = f"f{dtype.itemsize * 8}_{text.removesuffix('_0')}"
        self.constants[name] = typed
        return name

    # ── the whole ─────────────────────────────────────────────────────────────────────────────────────

    def emitted(self) -> Emitted:
        """The function."""
        outputs, memory = self._placed()
        body = [*self.beginning(), *(line for step in self.plan.steps for line in self._step(step))]
        for node, name in outputs.items():
            if name is not None and self.scribe.stored[root_of(node)] != name:
                body.append(f"{INDENT}{name}[...] = {self.scribe.stored[node]}")
        scalars = [self.scribe.entry(o, ()) for o in self.plan.outputs if not o.ndim]
        scalars += self.ending(body, outputs)
        sizes = [
            f"{INDENT}{line.target} = {line.text}"
            for line in size_lines(self.plan.inputs, self.names, self.used_sizes)
        ]
        names = [n for n in outputs.values() if n is not None]
        arguments = (*self.names.inputs, *self.arrays, *names, *memory, *self.further)
        head = [f"def {self.name}({', '.join(arguments)}):", *self._documentation()]
        result = [f"{INDENT}return ({''.join(s + ', ' for s in scalars)})"] if scalars else [f"{INDENT}return ()"]
        return Emitted(
            self.name,
            "\n".join([*head, *sizes, *body, *result]) + "\n",
            arguments,
            self.constants,
            self.arrays,
            frozenset(self.scribe.kernels),
        )

    def beginning(self) -> list[str]:
        """Lines in front of the first statement."""
        return []

    def ending(self, body: list[str], outputs: Mapping[Node, str | None]) -> list[str]:
        """Lines that follow once the outputs are computed, put behind `body`; the texts of further results."""
        return []

    def _documentation(self) -> list[str]:
        formulas = ", ".join(readable(o, WIDTH) for o in self.plan.outputs[:3])
        more = ", …" if len(self.plan.outputs) > 3 else ""
        return [f'{INDENT}"""{_cut(formulas + more, 90)}"""'.replace("\\", "\\\\")]

    def _placed(self) -> tuple[dict[Node, str | None], list[str]]:
        """Names for everything that lies in memory: inputs, constants, outputs, working memory."""
        stored = self.scribe.stored
        for v in self.plan.inputs:
            stored[v] = self.names.of(str(v.attrs["name"]))
        outputs: dict[Node, str | None] = {}
        for o in self.plan.outputs:
            if o in outputs or not o.ndim:
                continue
            outputs[o] = self.names.of(self.labels.get(o, f"out{len(outputs) + 1}"))
            root = root_of(o)
            if root.op is not VARIABLE and root not in stored:
                stored[root] = str(outputs[o])
        memory = [self.names.of(f"work{k + 1}") for k in range(len(self.plan.memory))]
        for node, k in self.plan.buffers.items():
            stored[node] = memory[k]
        return outputs, memory

    def array(self, node: Node) -> str:
        """The name of a value that lies in memory."""
        if node not in self.scribe.stored and node.op is CONSTANT:
            name = self.names.of(f"const{len(self.arrays) + 1}")
            self.arrays[name] = np.ascontiguousarray(node.attrs["data"].array)
            self.scribe.stored[node] = name
        return self.scribe.stored[node]

    # ── steps ─────────────────────────────────────────────────────────────────────────────────────────

    def _step(self, step: Loop | Node) -> Iterator[str]:
        if isinstance(step, Loop):
            yield from self._loop(step)
            return
        for x in (step, *step.inputs):
            self._constants_below(x)
        yield f"{INDENT}# {self.formula(step)}"
        if is_written_out(step) and not step.ndim:
            yield from self._scalar(step)
            return
        yield from (INDENT + line for line in STATEMENTS[step.op.name](self, step))

    def _scalar(self, node: Node) -> Iterator[str]:
        lines = self._locals([node], ())
        name = self.names.fresh()
        text = ENTRIES[node.op.name](self.scribe, node, ())
        yield from (INDENT + line for line in lines)
        yield f"{INDENT}{name} = {text}"
        self.scribe.local.clear()
        self.scribe.stored[node] = name

    def _loop(self, loop: Loop) -> Iterator[str]:
        at = tuple(INDICES[: len(loop.shape)])
        for node in (*loop.entries, *loop.sums):
            self._constants_below(node)
            yield f"{INDENT}# {self.formula(node)}"
        for node in loop.sums:
            yield f"{INDENT}{self.array(node)}[...] = 0"
        for depth, (i, a) in enumerate(zip(at, loop.shape, strict=True)):
            yield f"{INDENT * (depth + 1)}for {i} in range({self.size(a)}):"
        inner = INDENT * (len(at) + 1)
        for node in loop.entries:
            for line in self._locals([node], at):
                yield inner + line
            text = ENTRIES[node.op.name](self.scribe, node, at) if node.op is not VARIABLE else ""
            name = self.names.fresh()
            yield f"{inner}{name} = {text}"
            self.scribe.local[node] = name
            if node not in self.plan.local:
                yield f"{inner}{self.array(node)}[{', '.join(at)}] = {name}"
        for node in loop.sums:
            yield from (inner + line for line in self._added(node, at))
        self.scribe.local.clear()

    def _added(self, node: Node, at: Index) -> Iterator[str]:
        """A term of a sum over the leading axes, added to its place."""
        ins, out = letters_of(node.attrs["letters"])
        longest = max(ins, key=len)
        place = dict(zip(longest, at, strict=True))
        target = ", ".join(place[c] for c in out)
        factors = [self.scribe.entry(x, tuple(place[c] for c in t)) for t, x in zip(ins, node.inputs, strict=True)]
        yield f"{self.array(node)}[{target}] += {' * '.join(factors)}"

    def _locals(self, roots: Sequence[Node], at: Index) -> list[str]:
        """Lines for what is written out more than once at these indices."""
        uses: dict[Node, int] = {}
        order: list[Node] = []
        waiting = list(roots)
        while waiting:
            node = waiting.pop()
            twice = operands_twice(node)
            for k, x in enumerate(node.inputs):
                if x.dtype.kind == "b" or x in self.scribe.stored or x in self.scribe.local or not x.inputs:
                    continue
                if not (node.op.entrywise and x.shape == node.shape):
                    continue
                uses[x] = uses.get(x, 0) + (2 if k in twice else 1)
                if uses[x] <= 2 and x not in order:
                    order.append(x)
                    waiting.append(x)
        lines = []
        for node in _inputs_first(order):
            if uses[node] > 1:
                name = self.names.fresh()
                lines.append(f"{name} = {ENTRIES[node.op.name](self.scribe, node, at)}")
                self.scribe.local[node] = name
        return lines

    def _constants_below(self, node: Node) -> None:
        waiting = [node]
        while waiting:
            x = waiting.pop()
            if x.op is CONSTANT and x.ndim:
                self.array(x)
            waiting += [y for y in x.inputs if y not in self.scribe.stored] if x not in self.scribe.stored else []

    # ── what statements are made of ───────────────────────────────────────────────────────────────────

    def loops(self, shape: Sequence[Axis], indices: Sequence[str], depth: int = 0) -> list[str]:
        """The heads of nested loops."""
        return [
            f"{INDENT * (depth + k)}for {i} in range({self.size(a)}):"
            for k, (i, a) in enumerate(zip(indices, shape, strict=True))
        ]

    def fresh(self) -> str:
        """A name for a number."""
        return self.names.fresh()

    def formula(self, node: Node) -> str:
        """What is computed, in terms of the names of what is stored, in one bounded line."""
        known = {x: s for x, s in self.scribe.stored.items() if x is not node}
        text = readable(shown_by(node, known), WIDTH)
        own = self.scribe.stored.get(node)
        return _cut(f"{own} = {text}" if own else text, 100) + f"   {shape_text(node.shape)}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _inputs_first(nodes: Sequence[Node]) -> list[Node]:
    wanted, done, order = set(nodes), set(), []
    for root in nodes:
        stack = [(root, False)]
        while stack:
            node, ready = stack.pop()
            if node in done or node not in wanted:
                continue
            if ready:
                done.add(node)
                order.append(node)
                continue
            stack.append((node, True))
            stack += [(x, False) for x in node.inputs]
    return order


def shown_by(node: Node, names: Mapping[Node, str]) -> Node:
    """The node with stored values as variables of their names, as deep as a line can show."""

    def shown(x: Node, depth: int) -> Node:
        if x in names:
            return variable(names[x], x.shape, x.dtype)
        if depth == 0 or not x.inputs:
            return x
        return remake(x, [shown(y, depth - 1) for y in x.inputs])

    return remake(node, [shown(x, 12) for x in node.inputs]) if node.inputs else node
