"""What a careful teacher remarks about a formula: how it is read, where it has no derivative, what it needs.

Kinks, needs and doubles of an operation stand on its record (`kink`, `needs`, `unlike`); here they become
sentences, and only those that concern the variables in question.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from chainrule.algebra.choice import MAXIMUM, MINIMUM
from chainrule.algebra.contract import letters_of
from chainrule.algebra.entrywise import ABS, ADD, DIVIDE, EXP, POWER_OP, RELU, SIGMOID, SOFTPLUS, SQRT, SUBTRACT
from chainrule.algebra.formula import spelling
from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.matrix import INV
from chainrule.algebra.node import CONSTANT, SIZE, VARIABLE, Node, is_number, topological, variable
from chainrule.algebra.notation import factor, write
from chainrule.algebra.op import Op
from chainrule.algebra.reduce import NORM, SOFTMAX
from chainrule.algebra.select import RESHAPE
from chainrule.algebra.signature import shape_text
from chainrule.calculus.derive import jacobian
from chainrule.calculus.kronecker import vec_layout
from chainrule.calculus.rewrite import substitute
from chainrule.calculus.simplify import simplify
from chainrule.calculus.textbook import textbook

SHORT, MOST = 40, 3


def notes(s: Node, wrt: Sequence[Node], source: str = "", name: str = "y") -> list[str]:
    """Sentences about a formula s that concern its derivatives in `wrt`, each once.

    source    the formula as it was typed: a product typed as `⊙`, or in the MATLAB-like spelling, is plain
    name      what s is called
    """
    order = topological([s])
    active = _depending_on(wrt, order)
    look = _Look([n for n in order if n in active and n.inputs], active, _signs(order), source)
    said = [
        *(text for node in look.graph for text in _readings(node, look)),
        *(text for x in wrt if (text := order_note(s, x, name))),
        *_joined(_kinks(look), "is", "are"),
        *_joined(_needs(look), "needs", "need"),
    ]
    return list(dict.fromkeys(said))


class _Look(NamedTuple):
    """What is looked at: the operations that depend on the variables in question, the signs of all, the text."""

    graph: Sequence[Node]
    active: set[Node]
    signs: Mapping[Node, int]
    source: str


def _depending_on(wrt: Iterable[Node], order: Iterable[Node]) -> set[Node]:
    active = set(wrt)
    for node in order:
        if any(i in active for i in node.inputs):
            active.add(node)
    return active


# ── orders ────────────────────────────────────────────────────────────────────────────────────────────


MOST_IN_NOTE = 24  # the vec form of an expression with more nodes is no short form


def order_note(y: Node, x: Node, name: str = "y") -> str:
    """What to say of ∂y/∂x where it is a tensor of three axes or more; "" where it is a matrix or less."""
    order = y.ndim + x.ndim
    if order < 3 or not y.ndim or not x.ndim:
        return ""
    th = {3: "rd"}.get(order, "th")
    by = write(x, SHORT)
    vec = _vec_form(y, x) or f"∂vec({name})/∂vec({by})"
    shape = shape_text(y.shape + x.shape)
    return (
        f"∂{name}/∂{by} is a {order}{th}-order tensor {shape}; take a Jacobian-vector form, "
        f"the vec form {vec}, or give a cotangent g and take the gradient of sum(g * {name})"
    )


def _vec_form(y: Node, x: Node) -> str:
    """∂vec y/∂vec x as a person writes it, with h for an activation y; "" where it has no short form."""
    if max(y.ndim, x.ndim) > 2 or len(topological([y])) > MOST_IN_NOTE:
        return ""
    (J,) = textbook([jacobian(y, x)], given=[y])
    form = vec_layout(J, y.shape, x.shape)
    h = variable("h" if y.ndim == 1 else "H", y.shape, y.dtype)
    (spoken,) = substitute([form], {y: h} if y.op.entrywise or y.op is SOFTMAX else {})
    text = re.sub(r"eye\([^()]*\)", "I", re.sub(r"commutation\([^()]*\)", "K", write(spoken, 2 * SHORT)))
    if re.search("einsum|reshape|…", text):
        return ""
    return text if spoken is form else f"{text} with {write(h)} = {write(y, SHORT)}"


# ── readings: what could be taken for something else ──────────────────────────────────────────────────


def _is_square(node: Node) -> bool:
    return node.ndim == 2 and node.shape[0] == node.shape[1]


def _double(node: Node, look: _Look) -> Iterator[str]:
    """`exp(X)`, which is not the matrix exponential."""
    x = node.inputs[0]
    if not node.op.unlike or x not in look.active or (node.op is ABS and "|" not in look.source):
        return
    unlike = node.op.unlike.format(a=write(x, SHORT))
    if node.op is NORM and x.ndim == 2 and not node.shape:
        yield f"{write(node, SHORT)} is the Frobenius norm, not {unlike}"
    elif node.op.entrywise and _is_square(x):
        yield f"{write(node, SHORT)} is elementwise, not {unlike}"


_POWERS: Mapping[float, str] = {2: "square", 3: "cube", -1: "reciprocal", 0.5: "square root"}


def _power(node: Node, look: _Look) -> Iterator[str]:
    base, exponent = node.inputs
    if not _is_square(base) or (p := _number(exponent)) is None:
        return
    x, what = write(base, SHORT), _POWERS.get(p, "power")
    repair = f"inv({x}) for the matrix inverse" if p == -1 else f"matpow({x},{p:g}) for the matrix {what}"
    repair = f"; {repair}" if p == int(p) else f", not the matrix {what}"
    yield f"{write(node, SHORT)} is the elementwise {what}{repair}"


def _reciprocal(node: Node, look: _Look) -> Iterator[str]:
    above, below = node.inputs
    if not _is_square(below):
        return
    a, b, inverse = factor(above), factor(below), f"inv({write(below, SHORT)})"
    if not above.ndim:
        yield f"{write(node, SHORT)} is the elementwise reciprocal; {inverse} for the matrix inverse"
    elif above.shape == below.shape:
        yield f"{write(node, SHORT)} is the elementwise quotient; {a} @ {inverse} for {a} {b}⁻¹"


def _product(node: Node, look: _Look) -> Iterator[str]:
    if len(node.inputs) != 2 or (look.source and "*" not in look.source.replace("**", "")):
        return
    ins, out = letters_of(node.attrs["letters"])
    a, b = (factor(n) for n in node.inputs)
    if ins[0] == ins[1] == out and all(map(_is_square, node.inputs)):
        yield f"{a} * {b} is the elementwise product; {a} @ {b} for the matrix product"
    for matrix, scale, k in ((ins[0], ins[1], 0), (ins[1], ins[0], 1)):
        if matrix == out and len(out) == 2 and scale == out[1] and not is_number(node.inputs[1 - k], 1):
            text, other = (a, b) if k == 0 else (b, a)
            yield f"{a} * {b} scales the columns of {text}; {text} @ {other} for the matrix product"


def _shifted(node: Node, look: _Look) -> Iterator[str]:
    """`X + λ`, which is not X + λ I."""
    plain = (VARIABLE, PRODUCT_OP, INV)
    for number, matrix in (node.inputs, node.inputs[::-1]):
        if not number.ndim and _is_square(matrix) and matrix.op in plain:
            c = "" if is_number(number, 1) else f"{factor(number)}*"
            yield (
                f"{write(node, SHORT)} shifts every entry; {c}eye({matrix.shape[0]}) in the place of "
                f"{write(number, SHORT)} shifts the diagonal alone"
            )


def _filled_rows(node: Node, look: _Look) -> Iterator[str]:
    """`X + b` with a matrix and a vector, which is X + 1 bᵀ."""
    left, right = node.inputs
    if sorted((left.ndim, right.ndim)) != [1, 2]:
        return
    b, X = sorted(node.inputs, key=lambda n: n.ndim)
    vector, rows = write(b, SHORT), f"every row of {write(X, SHORT)}"
    said = f"{vector} is {'added to' if node.op is ADD else 'subtracted from'} {rows}"
    if node.op is SUBTRACT and left is b:
        said = f"{rows} is subtracted from {vector}"
    yield f"{said}; for the columns write {factor(b)}[:, None]" if _is_square(X) else said


Reading = Callable[[Node, _Look], Iterator[str]]

_PYTHON_ALONE: Mapping[Op, Reading] = {
    POWER_OP: _power,
    DIVIDE: _reciprocal,
    PRODUCT_OP: _product,
    ADD: _shifted,
    SUBTRACT: _shifted,
}
"""Readings that the MATLAB-like spelling tells apart: `X^2` and `X.^2`, `X*Y` and `X.*Y`."""


def _readings(node: Node, look: _Look) -> Iterator[str]:
    yield from _double(node, look)
    if node.op in (ADD, SUBTRACT):
        yield from _filled_rows(node, look)
    if node.op in _PYTHON_ALONE and not (look.source and spelling(look.source) == "matlab"):
        yield from _PYTHON_ALONE[node.op](node, look)


# ── kinks and needs ───────────────────────────────────────────────────────────────────────────────────


class _Said(NamedTuple):
    """Something said of an expression: `relu(z)`, `not differentiable at 0; …`."""

    of: Node
    what: str


def _joined(found: Iterable[_Said], one: str, several: str) -> Iterator[str]:
    """What is said of several expressions alike is said once: `relu(z1) and relu(z2) are …`."""
    subjects: dict[str, list[Node]] = {}
    for said in found:
        subjects.setdefault(said.what, []).append(said.of)
    for what, of in subjects.items():
        shown = len(of) if len(of) <= MOST else MOST - 1
        names = [write(node, SHORT) for node in of[:shown]]
        if len(of) > shown:
            names.append(f"{len(of) - shown:,} more")
        listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
        yield f"{listed} {one if len(names) == 1 else several} {what}"


def _kinks(look: _Look) -> Iterator[_Said]:
    smooth = _smoothed(look.graph)
    for node in look.graph:
        x = node.inputs[0]
        concerns = x in look.active or (len(node.inputs) == 2 and "{zero}" in node.op.kink)
        one_sided = "at 0" in node.op.kink and look.signs[x] > 0
        if node.op.kink and concerns and not one_sided and node not in smooth:
            yield _Said(node, _filled(node.op.kink, node))


def _filled(text: str, node: Node) -> str:
    if "{" not in text:
        return text
    operands = dict(zip("abc", (write(i, SHORT) for i in node.inputs), strict=False))
    return text.format(**operands, zero=_zero(node), **node.attrs)


def _zero(node: Node) -> str:
    """Where the first operand is 0, or the two meet: `x = 0`, `A x = b`, `A x = b along axis 1`."""
    left, *right = node.inputs
    if left.op is SUBTRACT and (not right or is_number(right[0], 0)):
        left, *right = left.inputs
    elif right and _number(left) is not None:
        if right[0].op is SUBTRACT and is_number(left, 0):
            left, *right = right[0].inputs
        else:
            left, right = right[0], [left]
    at = f"{write(left, SHORT)} = {write(right[0], SHORT) if right else 0}"
    axes = node.attrs.get("axes", ())
    whole = len(axes) in (0, node.inputs[0].ndim)
    return at if whole else f"{at} along axis {', '.join(str(node.inputs[0].ndim + a) for a in axes)}"


def _smoothed(graph: Sequence[Node]) -> set[Node]:
    """The nodes whose kink, where they are 0, is gone: wherever they are used they are raised beyond 1."""
    uses: dict[Node, list[bool]] = {}
    for user in graph:
        power = _number(user.inputs[1]) if user.op is POWER_OP else None
        for node in user.inputs:
            raised = power is not None and power > 1 and node is user.inputs[0]
            uses.setdefault(node, []).append(raised or (user.op is PRODUCT_OP and user.inputs.count(node) > 1))
    return {n for n, raised in uses.items() if all(raised) and _is_zero_at_kink(n)}


def _is_zero_at_kink(node: Node) -> bool:
    if node.op in (MAXIMUM, MINIMUM):
        return any(is_number(i, 0) for i in node.inputs)
    return node.op in (ABS, RELU, NORM)


def _needs(look: _Look) -> Iterator[_Said]:
    for node in look.graph:
        of = node.inputs[-1 if "{b}" in node.op.needs else 0]
        if node.op.entrywise and look.signs[of] > 0:
            continue
        if node.op is POWER_OP:
            yield from _needs_of_power(node)
        elif node.op.needs and of in look.active:
            yield _Said(node, _filled(node.op.needs, node))


def _needs_of_power(node: Node) -> Iterator[_Said]:
    base, exponent = node.inputs
    p, x = _number(simplify(exponent)), write(base, SHORT)
    if p is None or (0 < p < 1):
        yield _Said(node, f"{x} > 0" + (": at 0 its slope is infinite" if p else ""))
    elif p < 0 or p != int(p):
        yield _Said(node, f"{x} {'≠' if p == int(p) else '>' if p < 0 else '≥'} 0")


# ── what is known to be positive ──────────────────────────────────────────────────────────────────────


def _number(node: Node) -> float | None:
    held = node.op is CONSTANT and not node.shape and node.dtype.kind == "f"
    return float(node.attrs["data"].array) if held else None


def _signs(order: Iterable[Node]) -> dict[Node, int]:
    """1 for what is positive in every entry whatever the variables are, 0 for not negative, -1 for unknown."""
    signs: dict[Node, int] = {}
    for n in order:
        signs[n] = _SIGNS.get(n.op, _unknown)(n, [signs[i] for i in n.inputs])
    return signs


def _unknown(node: Node, inputs: Sequence[int]) -> int:
    return -1


def _sign_of_number(node: Node, inputs: Sequence[int]) -> int:
    value = _number(node)
    return -1 if value is None or value < 0 else int(value > 0)


def _sign_of_power(node: Node, inputs: Sequence[int]) -> int:
    p = _number(node.inputs[1])
    return inputs[0] if inputs[0] > 0 or p is None or p < 0 or p % 2 else 0


def _sign_of_product(node: Node, inputs: Sequence[int]) -> int:
    ins, _ = letters_of(node.attrs["letters"])
    is_square = len(ins) == 2 and ins[0] == ins[1] and node.inputs[0] is node.inputs[1]
    return max(0, inputs[0]) if is_square else min(inputs)


def _sign_of_difference(node: Node, inputs: Sequence[int]) -> int:
    return 1 if is_number(node.inputs[0], 1) and node.inputs[1].op in (SIGMOID, SOFTMAX) else -1


_SIGNS: Mapping[Op, Callable[[Node, Sequence[int]], int]] = {
    CONSTANT: _sign_of_number,
    POWER_OP: _sign_of_power,
    PRODUCT_OP: _sign_of_product,
    SUBTRACT: _sign_of_difference,
    ADD: lambda node, inputs: max(inputs) if min(inputs) >= 0 else -1,
    **dict.fromkeys((EXP, SIGMOID, SOFTMAX, SOFTPLUS, SIZE), lambda node, inputs: 1),
    **dict.fromkeys((ABS, RELU, NORM), lambda node, inputs: 0),
    **dict.fromkeys((DIVIDE, SQRT, RESHAPE), lambda node, inputs: min(inputs)),
}
