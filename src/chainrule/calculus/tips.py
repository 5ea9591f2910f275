"""What a derivation teaches beyond itself: remarks in the manner of the course notes, each where it is true.

Sources: CS224n, notes 3 and the gradient notes of K. Clark: the shape convention, error signals used again,
softmax with cross-entropy, slopes through the output, sparse gradients, the order of the products.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from chainrule.algebra.contract import letters_of
from chainrule.algebra.entrywise import LOG, RELU, SIGMOID, SOFTPLUS, SUBTRACT, TANH
from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.node import VARIABLE, Node, topological, variable, variables
from chainrule.algebra.notation import echoed as write
from chainrule.algebra.reduce import LOG_SOFTMAX, LOGSUMEXP, SOFTMAX
from chainrule.algebra.select import JOIN, TAKE
from chainrule.algebra.signature import FLOATS, shape_text
from chainrule.calculus.moves import unscaled
from chainrule.calculus.naming import Line, Program
from chainrule.calculus.stages import active_nodes


def tips(s: Node, x: Node, result: Node, program: Program | None = None) -> list[str]:
    """The remarks that hold for the derivative of s by x, one line each.

    result    the derivative, in variables or in the names of the program
    """
    order = topological([s])
    active = active_nodes(order, [x])
    lines = program.lines if program is not None else ()
    case = Case(s, x, result, lines, [n for n in order if n in active])
    return [text for tip in TIPS for text in tip(case)]


class Case(NamedTuple):
    """A derivative about which something may be worth saying."""

    s: Node
    x: Node
    result: Node
    lines: Sequence[Line]
    moving: Sequence[Node]
    """The nodes on the paths from x to s, inputs before users."""

    @property
    def parts(self) -> Iterator[tuple[str, Node]]:
        """The result and the named parts it speaks of, by name, each in variables and earlier names."""
        by_name = {variable(line.name, line.whole.shape, line.whole.dtype): line for line in self.lines}
        waiting, seen = [("", self.result)], set[str]()
        while waiting:
            name, value = waiting.pop()
            yield name, value
            for line in (by_name[n] for n in variables(value) if n in by_name):
                if line.name not in seen:
                    seen.add(line.name)
                    waiting.append((line.name, line.value))

    def whole(self, node: Node) -> Node:
        """What a name stands for, in variables; any other node as it is."""
        is_name = (line.whole for line in self.lines if node.op is VARIABLE and line.name == node.attrs["name"])
        return next(is_name, node)


def _shape_convention(case: Case) -> Iterator[str]:
    outer = unscaled(case.result)
    if case.s.shape or outer.op is not PRODUCT_OP or outer.attrs["letters"] != "a,b->ab":
        return
    (a, b), x = map(_factor, outer.inputs), write(case.x)
    (n, m), shape = case.x.shape, shape_text(case.x.shape)
    if n == m:
        yield f"{a} {b}ᵀ and not {b} {a}ᵀ: {x} is square, so shapes do not tell; entry i, j is {a}ᵢ {b}ⱼ"
    else:
        yield f"{a} {b}ᵀ and not {b} {a}ᵀ: a gradient has the shape of {x}, {shape} = ({n}×1)(1×{m})"


def _factor(node: Node) -> str:
    text = write(node, 40)
    return text if node.op is VARIABLE else f"({text})"


def _signal_again(case: Case) -> Iterator[str]:
    values = {line.name: line.value for line in case.lines}
    for name, _ in case.parts:
        role = next((line.role for line in case.lines if line.name == name), "")
        z = role.removeprefix("error signal at ")
        if z == role or z not in values:
            continue
        served = [write(v) for v in variables(values[z]) if v.dtype in FLOATS]
        if len(served) > 1:
            them = f"{', '.join(served[:-1])} and {served[-1]}"
            yield f"{name} is computed once and used again: it leads to the gradients by {them}"


def _cross_entropy(case: Case) -> Iterator[str]:
    ops = {n.op for n in case.moving}
    for name, value in case.parts:
        for n in topological([value]):
            if n.op is not SUBTRACT or n.inputs[1].op is not VARIABLE:
                continue
            p, y = (write(i, 40) for i in n.inputs)
            said = f"{name} = {p} - {y}" if n is value and name else f"{p} - {y}"
            kind = case.whole(n.inputs[0]).op
            if kind is SOFTMAX and ops & {LOG_SOFTMAX, LOGSUMEXP}:
                yield (
                    f"{said}: with {y} one-hot the correct class gets its probability less 1, "
                    "which pushes its score up, and every other class its probability, which pushes it down"
                )
            elif kind is SIGMOID and ops & {SOFTPLUS, LOG}:
                yield f"{said}, what was said less what is true: the slope of σ cancels against the logarithm"


def _switch(case: Case) -> Iterator[str]:
    if any(n.op is RELU for n in case.moving):
        yield "relu′ is 1 or 0: a gradient passes unchanged where the argument is positive, and stops elsewhere"


def _through_the_output(case: Case) -> Iterator[str]:
    for op, called, slope in ((TANH, "tanh", "1 - h²"), (SIGMOID, "σ", "h (1 - h)")):
        if any(n.op is op for n in case.moving):
            yield f"{called}′ is {slope} in its value h, which is known: no exponential is computed again"


def _sparse(case: Case) -> Iterator[str]:
    for n in case.moving:
        if n.op is TAKE and n.inputs[0] is case.x:
            yield (
                f"of {write(case.x)} only the rows {write(n.inputs[1], 30)} get a gradient, all others 0: "
                "it is kept as rows, never as a table"
            )


def _cut_at_the_joints(case: Case) -> Iterator[str]:
    if any(n.op is JOIN for n in case.moving):
        yield "the gradient by what is joined is cut at the joints: every part gets its own piece"


def _sum_over_rows(case: Case) -> Iterator[str]:
    x = case.x
    for n in case.moving:
        added = n.op is not PRODUCT_OP and n.op.entrywise and x in n.inputs
        if added and x.ndim and n.ndim > x.ndim and not case.s.shape:
            yield f"every row of {write(n, 40)} has the same {write(x)}, whose gradient is the sum over the rows"
            return


def _from_the_left(case: Case) -> Iterator[str]:
    products = [n for n in case.moving if n.op is PRODUCT_OP and _applies_matrix(n, case.moving)]
    if not case.s.shape and len(products) > 1:
        yield (
            "backwards every step is a row times a matrix; the Jacobians multiplied in the other order "
            "would cost a product of matrices at every step"
        )


def _applies_matrix(node: Node, moving: Sequence[Node]) -> bool:
    """Whether a node is a fixed matrix times a vector that moves."""
    ins, _ = letters_of(node.attrs["letters"])
    if len(ins) != 2 or node.ndim != 1:
        return False
    return any(len(ins[k]) == 1 and len(ins[1 - k]) == 2 and node.inputs[k] in moving for k in (0, 1))


TIPS: Sequence[Callable[[Case], Iterator[str]]] = (
    _shape_convention,
    _signal_again,
    _cross_entropy,
    _switch,
    _through_the_output,
    _sparse,
    _cut_at_the_joints,
    _sum_over_rows,
    _from_the_left,
)
