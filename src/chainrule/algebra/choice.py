"""Choice: comparisons, conditions, `where`, the larger and the smaller, and truth values as numbers."""

from collections.abc import Callable, Sequence

import numpy as np

from chainrule.algebra.entry import Binary, binary, entrywise
from chainrule.algebra.functions import function
from chainrule.algebra.node import Node, Operand, constant, make
from chainrule.algebra.notation import described
from chainrule.algebra.op import Array, Example, Given, Op, declare
from chainrule.algebra.operand import lift, operands
from chainrule.algebra.phrase import Phrase, bracket, call, infix, negated, printed_as
from chainrule.algebra.signature import BOOLEAN, FLOAT64, FLOATS, DType, Shape, kind_of
from chainrule.errors import DTypeError, GraphError


@function("where")
def where(condition: Node, a: Operand, b: Operand) -> Node:
    """`a` where the condition holds, else `b`; no gradient, not even NaN, comes from the branch not taken."""
    return make(WHERE, _condition(condition), *operands(a, b))


@function("logical_and", "bitwise_and")
def both(a: Node, b: Node) -> Node:
    """Where both conditions hold."""
    return make(BOTH, _condition(a), _condition(b))


def _condition(value: object) -> Node:
    if isinstance(value, Node) and value.dtype == BOOLEAN:
        return value
    if isinstance(value, np.ndarray) and value.dtype == BOOLEAN:
        return constant(value)
    if isinstance(value, (bool, np.bool_)):
        raise GraphError(
            f"the condition is plain {value}; `==` and `!=` compare expressions as objects: "
            "write equal(a, b) or not_equal(a, b)"
        )
    what = described(value) if isinstance(value, Node) else f"{value!r:.40}"
    raise DTypeError(f"{what} is no condition; compare it, as in x > 0")


# ── choice between operands ───────────────────────────────────────────────────────────────────────────


def _share(k: int, g: Node, y: Node, a: Node, b: Node) -> Node:
    mine = (b, a)[k] if y.op is MAXIMUM else (a, b)[k]
    other = (a, b)[k] if y.op is MAXIMUM else (b, a)[k]
    return where(mine < other, g, where(equal(a, b), 0.5 * g, constant(0, g.dtype)))


def _route(k: int, g: Node, y: Node, condition: Node, a: Node, b: Node) -> Node | None:
    nothing = constant(0, g.dtype)
    return (None, where(condition, g, nothing), where(condition, nothing, g))[k]


MAXIMUM: Op = entrywise(
    "maximum",
    lambda xp, a, b: xp.maximum(a, b),
    domain=((-2, 2), (-2, 2)),
    pullback=_share,
    routes=True,
    kink="not differentiable where {zero}; ties share the gradient equally, ½ each",
    write=lambda p, _: call("max", p),
)
MINIMUM: Op = entrywise(
    "minimum",
    lambda xp, a, b: xp.minimum(a, b),
    domain=((-2, 2), (-2, 2)),
    pullback=_share,
    routes=True,
    kink="not differentiable where {zero}; ties share the gradient equally, ½ each",
    write=lambda p, _: call("min", p),
)
WHERE: Op = entrywise(
    "where",
    lambda xp, condition, a, b: xp.where(condition, a, b),
    domain=((0, 1), (-2, 2), (-2, 2)),
    kinds=("truth", "real", "real"),
    pullback=_route,
    routes=True,
    write=lambda p, _: printed_as(call("where", p), Phrase("cases", parts=tuple(p))),
)


# ── truth values ──────────────────────────────────────────────────────────────────────────────────────


def _truth(
    name: str, sign: str, forward: Callable[..., Array], kind: str = "real", count: int = 2, kink: str = ""
) -> Op:
    def write(p: Sequence[Phrase], _: Sequence[Node]) -> Phrase:
        if count == 1:
            return negated(p[0])
        turned = sign in _TURNED and p[0].form == "number"
        return infix(_TURNED[sign], p[1], p[0]) if turned else infix(sign, *p)

    return entrywise(
        name,
        forward,
        (None,) * count,
        domain=((-2, 2),) * count,
        kinds=(kind,) * count,
        truth=True,
        write=write,
        kink=kink,
    )


_TURNED = {"<": ">", "≤": "≥"}  # 0 < x is written x > 0

JUMP = "a condition that switches where {zero}; the slope of the jump, 0 on both sides, is taken as 0"

LESS: Op = _truth("less", "<", lambda xp, a, b: a < b, kink=JUMP)
LESS_EQUAL: Op = _truth("less_equal", "≤", lambda xp, a, b: a <= b, kink=JUMP)
EQUAL: Op = _truth("equal", "==", lambda xp, a, b: a == b)
BOTH: Op = _truth("both", "∧", lambda xp, a, b: a & b, "truth")
EITHER: Op = _truth("either", "∨", lambda xp, a, b: a | b, "truth")
NOT: Op = _truth("opposite", "¬", lambda xp, a: ~a, "truth", 1)


# ── change of kind ────────────────────────────────────────────────────────────────────────────────────


def _infer_cast(x: Node, dtype: DType) -> tuple[Shape, DType]:
    return x.shape, dtype


CAST: Op = declare(
    Op(
        "cast",
        forward=lambda xp, x, dtype: xp.astype(x, getattr(xp, dtype.name)),
        infer=_infer_cast,
        pullback=lambda k, g, y, x, dtype: g if x.dtype in FLOATS else None,
        batch=lambda inputs, batched, dtype: make(CAST, *inputs, dtype=dtype),
        write=lambda p, inputs, dtype: (
            bracket(p[0]) if inputs[0].dtype == BOOLEAN else printed_as(call(dtype.name, p), p[0])
        ),
        examples=(
            Example((Given((2, 3), kind="truth"),), {"dtype": FLOAT64}),
            Example((Given((3,)),), {"dtype": FLOAT64}),
        ),
        entrywise=True,
    )
)


maximum: Binary = binary(MAXIMUM, "maximum", doc="The larger of a and b, entry by entry; ties share the gradient.")
minimum: Binary = binary(
    MINIMUM, "minimum", doc="The smaller of a and b, entry by entry; ties share the gradient."
)
less: Binary = binary(LESS, "less", doc="Where a < b.")
less_equal: Binary = binary(LESS_EQUAL, "less_equal", doc="Where a ≤ b.")
equal: Binary = binary(EQUAL, "equal", doc="Where a = b. (`==` asks whether two expressions are the same object.)")


@function("greater")
def greater(a: Operand, b: Operand) -> Node:
    """Where a > b."""
    return less(b, a)


@function("greater_equal")
def greater_equal(a: Operand, b: Operand) -> Node:
    """Where a ≥ b."""
    return less_equal(b, a)


@function("not_equal")
def not_equal(a: Operand, b: Operand) -> Node:
    """Where a ≠ b."""
    return opposite(equal(a, b))


@function("logical_or", "bitwise_or")
def either(a: Node, b: Node) -> Node:
    """Where at least one of the conditions holds."""
    return make(EITHER, _condition(a), _condition(b))


@function("logical_not", "invert")
def opposite(a: Node) -> Node:
    """Where the condition does not hold."""
    return make(NOT, _condition(a))


@function("astype")
def cast(x: Operand, dtype: object) -> Node:
    """The same entries as another kind of real number; truth values become 0 and 1."""
    node, kind = lift(x), kind_of(dtype)
    return node if node.dtype == kind else make(CAST, node, dtype=kind)
