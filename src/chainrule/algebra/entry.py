"""How an entry-wise operation is declared: its value and its local gradients; the rest follows."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from chainrule.algebra.functions import FUNCTIONS, function
from chainrule.algebra.misfit import in_entries
from chainrule.algebra.node import Node, Operand, constant, is_number, make, variable
from chainrule.algebra.notation import described, typed, write
from chainrule.algebra.op import OPS, Array, Example, Given, Op, declare
from chainrule.algebra.operand import operands
from chainrule.algebra.phrase import Phrase, call, verbatim
from chainrule.algebra.signature import BOOLEAN, FLOAT64, FLOATS, DType, Misfit, Shape, broadcast, common_dtype
from chainrule.errors import ShapeError

Local = Callable[..., Node]
Unary = Callable[[Operand], Node]
Binary = Callable[[Operand, Operand], Node]


def _infer(name: str, truth: bool, *inputs: Node, **attrs: Any) -> tuple[Shape, DType]:
    first = inputs[0].shape
    for n in inputs:  # most are of one shape, in double precision
        if n.shape != first or n.dtype is not FLOAT64:
            break
    else:
        return first, BOOLEAN if truth else FLOAT64
    shape = broadcast([n.shape for n in inputs])
    if isinstance(shape, Misfit):
        raise ShapeError(_misfit(OPS[name], inputs, shape, attrs), shape)
    return shape, BOOLEAN if truth else common_dtype([n.dtype for n in inputs if n.dtype in FLOATS])


def _misfit(op: Op, inputs: Sequence[Node], misfit: Misfit, attrs: Mapping[str, Any]) -> str:
    if len(inputs) == 2:
        left, right = inputs
        join = lambda *texts: typed(op.write([*map(verbatim, texts)], inputs, **attrs))  # noqa: E731
        return in_entries(join, left, right, misfit)
    parts = " and ".join(described(n) for n in inputs if n.shape)
    differ = f"axes {misfit.left} and {misfit.right} differ in {parts}"
    return f"{op.name} works entry by entry (elementwise), but {differ}; give the operands equal shapes"


def _batch(op_name: str, inputs: Sequence[Node], batched: Sequence[bool], **attrs: Any) -> Node:
    rank = max(n.ndim - b for n, b in zip(inputs, batched, strict=True))
    aligned = [_align(n, rank) if b else n for n, b in zip(inputs, batched, strict=True)]
    return make(OPS[op_name], *aligned, **attrs)


def _align(node: Node, rank: int) -> Node:
    """Put axes of size 1 behind the front axis, so that the rest meets the other operands from the right."""
    missing = rank - (node.ndim - 1)
    return FUNCTIONS["reshape"](node, (node.shape[0], *(1,) * missing, *node.shape[1:])) if missing else node


def _pullback(local: Sequence[Local | None], k: int, g: Node, y: Node, *inputs: Node, **attrs: Any) -> Node | None:
    rule = local[k]
    if rule is None:
        return None
    slope = rule(y, *inputs, **attrs)
    return slope if is_number(g, 1) and slope.shape == g.shape else g * slope


def entrywise(
    name: str,
    forward: Callable[..., Array],
    local: Sequence[Local | None] = (),
    *,
    domain: Sequence[tuple[float, float]] = ((-2.0, 2.0),),
    kinds: Sequence[str] | None = None,
    attrs: dict[str, Any] | None = None,
    write: Callable[..., Phrase] | None = None,
    pullback: Callable[..., Node | None] | None = None,
    truth: bool = False,
    guarded: bool = False,
    routes: bool = False,
    kink: str = "",
    needs: str = "",
    unlike: str = "",
) -> Op:
    """Declare an entry-wise operation. `domain` gives an interval for each operand, for the tests."""
    kinds = kinds or ["real"] * len(domain)
    shapes: list[list[tuple[int, ...]]] = [[()] * len(domain), [(2, 3)] * len(domain)]
    if len(domain) > 1:
        shapes += [[(2, 3), *[(3,)] * (len(domain) - 1)], [*[(2, 1)] * (len(domain) - 1), (3,)]]
    op = Op(
        name,
        forward=forward,
        infer=partial(_infer, name, truth),
        pullback=pullback or partial(_pullback, local),
        batch=partial(_batch, name),
        write=write or (lambda phrases, inputs, **options: call(name, phrases, **options)),
        examples=tuple(
            Example(tuple(Given(s, *d, k) for s, d, k in zip(row, domain, kinds, strict=True)), attrs or {})
            for row in shapes
        ),
        entrywise=True,
        guarded=guarded,
        routes=routes,
        kink=kink,
        needs=needs,
        unlike=unlike,
    )
    return declare(op)


def one(like: Node) -> Node:
    """The number 1 in the dtype of its company."""
    return constant(1, like.dtype)


# ── the functions that users call ─────────────────────────────────────────────────────────────────────


def unary(op: Op, *numpy_names: str) -> Unary:
    """The function that users call for an operation on one operand."""

    def apply(x: Operand) -> Node:
        return make(op, *operands(x))

    apply.__name__ = apply.__qualname__ = op.name
    apply.__doc__ = f"{write(apply(variable('x')))}, entry by entry."
    return function(*numpy_names)(apply)


def binary(op: Op, *numpy_names: str, doc: str) -> Binary:
    """The function that users call for an operation on two operands."""

    def apply(a: Operand, b: Operand) -> Node:
        return make(op, *operands(a, b))

    apply.__name__ = apply.__qualname__ = op.name
    apply.__doc__ = doc
    return function(*numpy_names)(apply)
