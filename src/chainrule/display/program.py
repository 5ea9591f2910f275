"""The program of a formula and its gradients as a page: statements below their formulas, forward, backward."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from chainrule.algebra.node import Node, topological
from chainrule.algebra.notation import echoed, write
from chainrule.algebra.signature import shape_text
from chainrule.calculus.derive import gradient
from chainrule.compute.compile import compile, text_of
from chainrule.compute.emit import INDENT, Emitter
from chainrule.compute.passes import SAID, prepared
from chainrule.compute.plan import Loop, Plan, nodes_of, plan
from chainrule.compute.stems import stem_of
from chainrule.display.question import Question

NAME = "forward_and_backward"
_KEPT = ("h", "delta")  # names of the course notes that say more than "the gradient of b"


def listing(question: Question, backend: str = "numba") -> str:
    """Python source, with what goes in, what comes out and what was done to the graph in comments above.

    backend   "numba": loops, as they are compiled; "numpy": an array at a time
    Raises GraphError if the formula is no number.
    """
    s = question.s
    outputs = [s, *gradient(s, list(question.wrt))]
    inputs = list(question.variables)
    if backend == "numpy":
        f = compile(outputs, inputs, backend="numpy")
        return "\n".join([*_head(question, None), "", f.source, *_done(f.passes)])
    made = prepared(outputs)
    page = _Page(plan(made, inputs), question.defined, made[0], _labels(question, made))
    source = text_of(page.emitted())
    names = {x: page.outputs.get(node, "") for x, node in zip(question.wrt, made[1:], strict=True)}
    memory = [f"{name}: {shape_text(a)}" for name, (a, _) in zip(page.memory, page.plan.memory, strict=True)]
    working = [f"#   memory    {'   '.join(memory)}"] if memory else []
    return "\n".join([*_head(question, names), *working, "", source, *_done(tuple(SAID))])


class _Page(Emitter):
    """Writes the function of a plan with headings for the two passes."""

    def __init__(self, plan: Plan, defined: Iterable[str], score: Node, labels: Mapping[Node, str]) -> None:
        super().__init__(plan, NAME, labels)
        for name in defined:  # a line of the formula that is never laid into memory keeps its name to itself
            self.names.of(f"/{name}")
        self.forward = set(topological([score]))
        self.heading = ""

    def _step(self, step: Loop | Node) -> Iterator[str]:
        passes = {node in self.forward for node in nodes_of(step)}
        heading = " and ".join(name for name, part in (("forward", True), ("backward", False)) if part in passes)
        if heading != self.heading:
            self.heading = heading
            yield from ("", f"{INDENT}# ── {heading} {'─' * (60 - len(heading))}")
        yield from super()._step(step)


def _labels(question: Question, made: Sequence[Node]) -> dict[Node, str]:
    """Names for values: those of the formula's lines, δ for the gradient that others are made of, dW for ∂s/∂W."""
    labels = {prepared([node])[0]: f"/{name}" for name, node in question.defined.items() if node.ndim}
    for k, (x, node) in enumerate(zip(question.wrt, made[1:], strict=True), start=1):
        others = {part for other in (*made[1:k], *made[k + 1 :]) for part in topological([other])[:-1]}
        stem = stem_of(node)
        known = node in others and stem in _KEPT and f"/{stem}" not in labels.values()
        labels.setdefault(node, f"/{stem}" if known else f"/d{x.attrs['name']}")
    return labels


def _head(question: Question, names: Mapping[Node, str] | None) -> Iterator[str]:
    """What goes in and what comes out; `names` of the arrays that are written to, none where all is returned."""
    s, title = question.s, question.name or "J"
    yield f"# {title} = {echoed(s, 90)}"
    yield "#"
    yield "#   given     " + "   ".join(f"{write(v)}: {shape_text(v.shape)}" for v in question.variables)
    slopes = [(f"∂{title}/∂{write(x)}: {shape_text(x.shape)}", (names or {}).get(x, "")) for x in question.wrt]
    yield "#   returned  " + "   ".join(
        [f"{title}: {shape_text(s.shape)}", *(t for t, name in slopes if not name)]
    )
    written = [f"{name} = {slope}" for slope, name in slopes if name]
    if written:
        yield f"#   written   {'   '.join(written)}"


def _done(passes: Sequence[str]) -> Iterator[str]:
    """The passes by name, a sentence each."""
    width = max(map(len, passes))
    yield "# The graph was"
    yield from (f"#   {name:{width}}  {SAID[name]}" for name in passes)
