"""Entry-wise operations: a record states the value and the local gradients; the rest follows.

Conventions at the points without a derivative: sign′ = 0, |·|′(0) = 0, relu′(0) = 0, hard_tanh′(±1) = 0,
clip′ = 1 on its closed interval, ties of maximum and minimum share the gradient equally.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from chainrule.algebra.node import FUNCTIONS, Node, Operand, constant, function, make, operands
from chainrule.algebra.notation import ATOM, COMPARE, PRODUCT, SIGN, SUM, call, described, infix, raised, wrap
from chainrule.algebra.op import Array, Example, Given, Namespace, Op, Phrase, declare
from chainrule.algebra.signature import (
    BOOLEAN,
    FLOAT64,
    FLOATS,
    DType,
    Misfit,
    Shape,
    broadcast,
    common_dtype,
)
from chainrule.errors import DTypeError, GraphError, ShapeError

Local = Callable[..., Node]
Unary = Callable[[Operand], Node]
Binary = Callable[[Operand, Operand], Node]


def _infer(name: str, truth: bool, *inputs: Node, **attrs: Any) -> tuple[Shape, DType]:
    shape = broadcast(n.shape for n in inputs)
    if isinstance(shape, Misfit):
        parts = " and ".join(described(n) for n in inputs if n.shape)
        raise ShapeError(
            f"{name} works entry by entry, but axes {shape.left} and {shape.right} differ in {parts}; "
            "give the operands equal shapes, or reshape one so that its axis is 1"
        )
    return shape, BOOLEAN if truth else common_dtype(n.dtype for n in inputs if n.dtype in FLOATS)


def _batch(op_name: str, inputs: Sequence[Node], batched: Sequence[bool], **attrs: Any) -> Node:
    rank = max(n.ndim - b for n, b in zip(inputs, batched, strict=True))
    aligned = [_align(n, rank) if b else n for n, b in zip(inputs, batched, strict=True)]
    return make(_records[op_name], *aligned, **attrs)


def _align(node: Node, rank: int) -> Node:
    """Put axes of size 1 behind the front axis, so that the rest meets the other operands from the right."""
    missing = rank - (node.ndim - 1)
    return FUNCTIONS["reshape"](node, (node.shape[0], *(1,) * missing, *node.shape[1:])) if missing else node


def _pullback(local: Sequence[Local | None], k: int, g: Node, y: Node, *inputs: Node, **attrs: Any) -> Node | None:
    rule = local[k]
    return None if rule is None else g * rule(y, *inputs, **attrs)


_records: dict[str, Op] = {}


def _entrywise(
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
    )
    _records[name] = op
    return declare(op)


def one(like: Node) -> Node:
    """The number 1 in the dtype of its company."""
    return constant(1, like.dtype)


# ── choice and conditions, which local gradients use ─────────────────────────────────────────────────


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


# ── arithmetic (products are in `product`) ────────────────────────────────────────────────────────────

ADD: Op = _entrywise(
    "add",
    lambda xp, a, b: a + b,
    domain=((-2, 2), (-2, 2)),
    pullback=lambda k, g, y, a, b: g,
    write=lambda p, _: infix("+", SUM, p) if not p[1].text.startswith("-") else _minus(p),
)
SUBTRACT: Op = _entrywise(
    "subtract",
    lambda xp, a, b: a - b,
    domain=((-2, 2), (-2, 2)),
    pullback=lambda k, g, y, a, b: -g if k else g,
    write=lambda p, _: infix("-", SUM, p),
)
NEGATIVE: Op = _entrywise(
    "negative",
    lambda xp, a: -a,
    pullback=lambda k, g, y, a: -g,
    write=lambda p, _: Phrase("-" + wrap(p[0], SIGN + 1), SIGN),
)
DIVIDE: Op = _entrywise(
    "divide",
    lambda xp, a, b: a / b,
    domain=((-2, 2), (0.5, 2)),
    pullback=lambda k, g, y, a, b: -(g * y / b) if k else g / b,
    guarded=True,
    write=lambda p, _: infix("/", PRODUCT, p),
)
POWER_OP: Op = _entrywise(
    "power",
    lambda xp, a, b: a**b,
    (
        lambda y, a, b: b * a ** (b - one(b)),
        lambda y, a, b: where(equal(a, 0), 0, y * log(a)),
    ),
    domain=((0.5, 2), (-2, 2)),
    guarded=True,
    write=lambda p, _: raised(*p),
)


def _minus(p: Sequence[Phrase]) -> Phrase:
    return Phrase(f"{wrap(p[0], SUM)} + ({p[1].text})", SUM)


# ── functions of one variable ─────────────────────────────────────────────────────────────────────────


def _sigmoid(xp: Namespace, x: Array) -> Array:
    e = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, xp.ones_like(e), e) / (1 + e)


def _softplus(xp: Namespace, x: Array) -> Array:
    return xp.maximum(x, xp.zeros_like(x)) + xp.log1p(xp.exp(-xp.abs(x)))


_python_erf = np.frompyfunc(math.erf, 1, 1)


def _erf(xp: Namespace, x: Array) -> Array:
    if hasattr(xp, "erf"):
        return xp.erf(x)
    return xp.asarray(np.asarray(_python_erf(np.asarray(x, dtype=np.float64)), dtype=x.dtype))


def _unit(condition: Node, like: Node) -> Node:
    """1 where the condition holds, else 0, in the dtype of its company."""
    return cast(condition, like.dtype)


EXP: Op = _entrywise("exp", lambda xp, x: xp.exp(x), (lambda y, x: y,), guarded=True)
LOG: Op = _entrywise("log", lambda xp, x: xp.log(x), (lambda y, x: one(x) / x,), domain=((0.2, 3),), guarded=True)
LOG1P: Op = _entrywise(
    "log1p", lambda xp, x: xp.log1p(x), (lambda y, x: one(x) / (1 + x),), domain=((-0.5, 3),), guarded=True
)
EXPM1: Op = _entrywise("expm1", lambda xp, x: xp.expm1(x), (lambda y, x: y + 1,), guarded=True)
SQRT: Op = _entrywise("sqrt", lambda xp, x: xp.sqrt(x), (lambda y, x: 0.5 / y,), domain=((0.2, 3),), guarded=True)
TANH: Op = _entrywise("tanh", lambda xp, x: xp.tanh(x), (lambda y, x: 1 - y**2,))
SIN: Op = _entrywise("sin", lambda xp, x: xp.sin(x), (lambda y, x: cos(x),))
COS: Op = _entrywise("cos", lambda xp, x: xp.cos(x), (lambda y, x: -sin(x),))
ERF: Op = _entrywise("erf", _erf, (lambda y, x: 2 / math.sqrt(math.pi) * exp(-(x**2)),))
SIGMOID: Op = _entrywise(
    "sigmoid", _sigmoid, (lambda y, x: y * (1 - y),), write=lambda p, _: call("σ", p)
)  # σ′ = σ (1 − σ)
SOFTPLUS: Op = _entrywise("softplus", _softplus, (lambda y, x: sigmoid(x),))
RELU: Op = _entrywise("relu", lambda xp, x: xp.maximum(x, xp.zeros_like(x)), (lambda y, x: _unit(x > 0, x),))
HARD_TANH: Op = _entrywise(
    "hard_tanh",
    lambda xp, x: xp.clip(x, -1, 1),
    (lambda y, x: _unit(both(x > -1, x < 1), x),),
)
ABS: Op = _entrywise(
    "abs", lambda xp, x: xp.abs(x), (lambda y, x: sign(x),), write=lambda p, _: Phrase(f"|{p[0].text}|", 100)
)
SIGN_OP: Op = _entrywise("sign", lambda xp, x: xp.sign(x), (None,))


# ── functions with a slope or bounds ──────────────────────────────────────────────────────────────────

LEAKY_RELU: Op = _entrywise(
    "leaky_relu",
    lambda xp, x, slope: xp.where(x > 0, x, slope * x),
    (lambda y, x, slope: where(x > 0, 1.0, slope),),
    attrs={"slope": 0.01},
)
PARAMETRIC_RELU: Op = _entrywise(
    "parametric_relu",
    lambda xp, x, a: xp.where(x > 0, x, a * x),
    (lambda y, x, a: where(x > 0, one(x), a), lambda y, x, a: where(x > 0, constant(0, x.dtype), x)),
    domain=((-2, 2), (0.1, 0.5)),
)
CLIP: Op = _entrywise(
    "clip",
    lambda xp, x, low, high: xp.clip(x, low, high),
    (lambda y, x, low, high: _unit(both(x >= low, x <= high), x),),
    attrs={"low": -1.0, "high": 1.5},
)


# ── choice between operands ───────────────────────────────────────────────────────────────────────────


def _share(k: int, g: Node, y: Node, a: Node, b: Node) -> Node:
    mine = (b, a)[k] if y.op is MAXIMUM else (a, b)[k]
    other = (a, b)[k] if y.op is MAXIMUM else (b, a)[k]
    return g * where(mine < other, 1.0, where(equal(a, b), constant(0.5, y.dtype), constant(0, y.dtype)))


def _route(k: int, g: Node, y: Node, condition: Node, a: Node, b: Node) -> Node | None:
    nothing = constant(0, g.dtype)
    return (None, where(condition, g, nothing), where(condition, nothing, g))[k]


MAXIMUM: Op = _entrywise(
    "maximum",
    lambda xp, a, b: xp.maximum(a, b),
    domain=((-2, 2), (-2, 2)),
    pullback=_share,
    routes=True,
    write=lambda p, _: call("max", p),
)
MINIMUM: Op = _entrywise(
    "minimum",
    lambda xp, a, b: xp.minimum(a, b),
    domain=((-2, 2), (-2, 2)),
    pullback=_share,
    routes=True,
    write=lambda p, _: call("min", p),
)
WHERE: Op = _entrywise(
    "where",
    lambda xp, condition, a, b: xp.where(condition, a, b),
    domain=((0, 1), (-2, 2), (-2, 2)),
    kinds=("truth", "real", "real"),
    pullback=_route,
    routes=True,
)


# ── truth values ──────────────────────────────────────────────────────────────────────────────────────


def _truth(name: str, sign: str, forward: Callable[..., Array], kind: str = "real", count: int = 2) -> Op:
    def write(p: Sequence[Phrase], _: Sequence[Node]) -> Phrase:
        return infix(sign, COMPARE, p) if count == 2 else Phrase(sign + wrap(p[0], SIGN), SIGN)

    return _entrywise(
        name,
        forward,
        (None,) * count,
        domain=((-2, 2),) * count,
        kinds=(kind,) * count,
        truth=True,
        write=write,
    )


LESS: Op = _truth("less", "<", lambda xp, a, b: a < b)
LESS_EQUAL: Op = _truth("less_equal", "≤", lambda xp, a, b: a <= b)
EQUAL: Op = _truth("equal", "=", lambda xp, a, b: a == b)
BOTH: Op = _truth("both", "∧", lambda xp, a, b: a & b, "truth")
EITHER: Op = _truth("either", "∨", lambda xp, a, b: a | b, "truth")
NOT: Op = _truth("opposite", "¬", lambda xp, a: ~a, "truth", 1)


# ── change of kind ────────────────────────────────────────────────────────────────────────────────────


def _infer_cast(x: Node, dtype: DType) -> tuple[Shape, DType]:
    return x.shape, dtype


CAST: Op = declare(
    Op(
        "cast",
        forward=lambda xp, x, dtype: xp.astype(x, dtype),
        infer=_infer_cast,
        pullback=lambda k, g, y, x, dtype: g if x.dtype in FLOATS else None,
        batch=lambda inputs, batched, dtype: make(CAST, *inputs, dtype=dtype),
        write=lambda p, inputs, dtype: (
            Phrase(f"[{p[0].text}]", ATOM) if inputs[0].dtype == BOOLEAN else call(dtype.name, p)
        ),  # a truth value as a number is written in Iverson's brackets
        examples=(
            Example((Given((2, 3), kind="truth"),), {"dtype": FLOAT64}),
            Example((Given((3,)),), {"dtype": FLOAT64}),
        ),
        entrywise=True,
    )
)


# ── the functions that users call ─────────────────────────────────────────────────────────────────────


def _unary(op: Op, *numpy_names: str) -> Unary:
    def apply(x: Operand) -> Node:
        return make(op, *operands(x))

    apply.__name__ = apply.__qualname__ = op.name
    apply.__doc__ = f"{op.write((Phrase('x', ATOM),), (None,)).text}, entry by entry."
    return function(*numpy_names)(apply)


def _binary(op: Op, *numpy_names: str, doc: str) -> Binary:
    def apply(a: Operand, b: Operand) -> Node:
        return make(op, *operands(a, b))

    apply.__name__ = apply.__qualname__ = op.name
    apply.__doc__ = doc
    return function(*numpy_names)(apply)


exp: Unary = _unary(EXP, "exp")
log: Unary = _unary(LOG, "log")
log1p: Unary = _unary(LOG1P, "log1p")
expm1: Unary = _unary(EXPM1, "expm1")
sqrt: Unary = _unary(SQRT, "sqrt")
tanh: Unary = _unary(TANH, "tanh")
sin: Unary = _unary(SIN, "sin")
cos: Unary = _unary(COS, "cos")
erf: Unary = _unary(ERF)
sigmoid: Unary = _unary(SIGMOID)
softplus: Unary = _unary(SOFTPLUS)
relu: Unary = _unary(RELU)
hard_tanh: Unary = _unary(HARD_TANH)
abs: Unary = _unary(ABS, "absolute", "abs")
sign: Unary = _unary(SIGN_OP, "sign")
negative: Unary = _unary(NEGATIVE, "negative")

add: Binary = _binary(ADD, "add", doc="a + b, entry by entry.")
subtract: Binary = _binary(SUBTRACT, "subtract", doc="a − b, entry by entry.")
divide: Binary = _binary(DIVIDE, "divide", "true_divide", doc="a / b, entry by entry.")
power: Binary = _binary(
    POWER_OP, "power", "pow", doc="a to the power b, entry by entry; the derivative in b needs a > 0."
)
maximum: Binary = _binary(
    MAXIMUM, "maximum", "fmax", doc="The larger of a and b, entry by entry; ties share the gradient."
)
minimum: Binary = _binary(
    MINIMUM, "minimum", "fmin", doc="The smaller of a and b, entry by entry; ties share the gradient."
)
less: Binary = _binary(LESS, "less", doc="Where a < b.")
less_equal: Binary = _binary(LESS_EQUAL, "less_equal", doc="Where a ≤ b.")
equal: Binary = _binary(
    EQUAL, "equal", doc="Where a = b. (`==` asks whether two expressions are the same object.)"
)


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


@function()
def leaky_relu(x: Operand, slope: float = 0.01) -> Node:
    """x where x > 0, else slope · x."""
    return make(LEAKY_RELU, *operands(x), slope=float(slope))


@function()
def parametric_relu(x: Operand, a: Operand) -> Node:
    """x where x > 0, else a · x, with a learned slope a (He et al. 2015, PReLU)."""
    return make(PARAMETRIC_RELU, *operands(x, a))


@function("clip")
def clip(x: Operand, low: float, high: float) -> Node:
    """x kept between the numbers low and high."""
    if not low <= high:
        raise GraphError(f"clip needs low ≤ high, not {low} and {high}")
    return make(CLIP, *operands(x), low=float(low), high=float(high))


@function("square")
def square(x: Operand) -> Node:
    """x², entry by entry."""
    return power(x, 2)


@function("reciprocal")
def reciprocal(x: Operand) -> Node:
    """1 / x, entry by entry."""
    return divide(1, x)


@function("astype")
def cast(x: Node, dtype: object) -> Node:
    """The same entries as another kind of real number; truth values become 0 and 1."""
    kind = np.dtype(dtype)  # type: ignore[call-overload]
    return x if x.dtype == kind else make(CAST, x, dtype=kind)
