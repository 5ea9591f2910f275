"""Entry-wise operations: a record states the value and the local gradients; the rest follows.

Conventions at the points without a derivative: sign′ = 0, |·|′(0) = 0, relu′(0) = 0, hard_tanh′(±1) = 0,
clip′ = 1 on its closed interval, ties of maximum and minimum share the gradient equally.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from chainrule.algebra.choice import both, cast, equal, where
from chainrule.algebra.entry import Binary, Unary, binary, entrywise, one, unary
from chainrule.algebra.functions import function
from chainrule.algebra.node import CONSTANT, Node, Operand, constant, is_number, make, size
from chainrule.algebra.op import Array, Namespace, Op
from chainrule.algebra.operand import operands
from chainrule.algebra.phrase import (
    Phrase,
    call,
    fence,
    fraction,
    infix,
    is_short,
    minus,
    number,
    printed_as,
    raised,
    symbol,
)
from chainrule.algebra.product_notation import stretched
from chainrule.algebra.signature import Misfit, broadcast, entries
from chainrule.errors import GraphError

# ── arithmetic (products are in `product`) ────────────────────────────────────────────────────────────


def _meeting(p: Sequence[Phrase], inputs: Sequence[Node]) -> list[Phrase]:
    shape = broadcast(n.shape for n in inputs)
    return list(p) if isinstance(shape, Misfit) else stretched(p, inputs, shape)


ADD: Op = entrywise(
    "add",
    lambda xp, a, b: a + b,
    domain=((-2, 2), (-2, 2)),
    pullback=lambda k, g, y, a, b: g,
    write=lambda p, inputs: infix("+", *_meeting(p, inputs)),
)
SUBTRACT: Op = entrywise(
    "subtract",
    lambda xp, a, b: a - b,
    domain=((-2, 2), (-2, 2)),
    pullback=lambda k, g, y, a, b: -g if k else g,
    write=lambda p, inputs: infix("-", *_meeting(p, inputs)),
)
NEGATIVE: Op = entrywise(
    "negative",
    lambda xp, a: -a,
    pullback=lambda k, g, y, a: -g,
    write=lambda p, _: minus(p[0]),
)


def _mean(summed: Phrase, inputs: Sequence[Node]) -> Phrase | None:
    """A sum divided by how many entries it is over."""
    total, count = inputs
    if summed.form != "call" or summed.text != "sum" or len(total.inputs) != 1:
        return None
    term, _, out = total.attrs["letters"].partition("->")
    gone = tuple(a for c, a in zip(term, total.inputs[0].shape, strict=True) if c not in out)
    return (
        replace(summed, text="mean", printed=None, row=None) if count is size(entries(gone), count.dtype) else None
    )


DIVIDE: Op = entrywise(
    "divide",
    lambda xp, a, b: a / b,
    domain=((-2, 2), (0.5, 2)),
    pullback=lambda k, g, y, a, b: -(g * y / b) if k else g / b,
    guarded=True,
    needs="{b} ≠ 0",
    write=lambda p, inputs: _mean(p[0], inputs) or fraction(*_meeting(p, inputs)),
)


def _power_slope(y: Node, a: Node, b: Node) -> Node:
    """b aᵇ⁻¹, which is 0 for b = 0 even where aᵇ⁻¹ is infinite."""
    slope = b * a ** (b - one(b))
    if b.op is CONSTANT and not is_number(b, 0):
        return slope
    return where(equal(b, 0), constant(0, slope.dtype), slope)


POWER_OP: Op = entrywise(
    "power",
    lambda xp, a, b: a**b if a.shape or b.shape else xp.pow(a, b),  # NumPy's numbers round powers otherwise
    (
        _power_slope,
        lambda y, a, b: where(equal(a, 0), 0, y * log(a)),
    ),
    domain=((0.5, 2), (-2, 2)),
    guarded=True,
    write=lambda p, inputs: raised(p[0], p[1], inputs[0].ndim),
)


def _exponential(p: Sequence[Phrase], inputs: Sequence[Node]) -> Phrase:
    """`exp(x)`, on paper eˣ where that is short and no matrix exponential."""
    typed = call("exp", p)
    short = inputs[0].ndim < 2 and is_short(p[0])
    return printed_as(typed, raised(symbol("e"), p[0])) if short else typed


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
    values = np.asarray(_python_erf(np.asarray(x, dtype=np.float64)), dtype=np.float64)
    return xp.asarray(values, dtype=x.dtype)


def _unit(condition: Node, like: Node) -> Node:
    """1 where the condition holds, else 0, in the dtype of its company."""
    return cast(condition, like.dtype)


EXP: Op = entrywise(
    "exp",
    lambda xp, x: xp.exp(x),
    (lambda y, x: y,),
    guarded=True,
    unlike="the matrix exponential",
    write=_exponential,
)
LOG: Op = entrywise(
    "log",
    lambda xp, x: xp.log(x),
    (lambda y, x: one(x) / x,),
    domain=((0.2, 3),),
    guarded=True,
    needs="{a} > 0",
    unlike="the matrix logarithm",
)
LOG1P: Op = entrywise(
    "log1p",
    lambda xp, x: xp.log1p(x),
    (lambda y, x: one(x) / (1 + x),),
    domain=((-0.5, 3),),
    guarded=True,
    needs="{a} > -1",
    write=lambda p, _: printed_as(call("log1p", p), call("log", [infix("+", number(1), p[0])])),
)
EXPM1: Op = entrywise(
    "expm1",
    lambda xp, x: xp.expm1(x),
    (lambda y, x: y + 1,),
    guarded=True,
    write=lambda p, _: printed_as(call("expm1", p), infix("-", call("exp", p), number(1))),
)
SQRT: Op = entrywise(
    "sqrt",
    lambda xp, x: xp.sqrt(x),
    (lambda y, x: 0.5 / y,),
    domain=((0.2, 3),),
    guarded=True,
    needs="{a} > 0: it is not differentiable at 0, where its slope is infinite",
    unlike="the matrix square root",
    write=lambda p, _: printed_as(call("sqrt", p), Phrase("root", parts=(p[0],))),
)
TANH: Op = entrywise("tanh", lambda xp, x: xp.tanh(x), (lambda y, x: 1 - y**2,))
SIN: Op = entrywise("sin", lambda xp, x: xp.sin(x), (lambda y, x: cos(x),), unlike="the matrix sine")
COS: Op = entrywise("cos", lambda xp, x: xp.cos(x), (lambda y, x: -sin(x),), unlike="the matrix cosine")
ERF: Op = entrywise("erf", _erf, (lambda y, x: 2 / math.sqrt(math.pi) * exp(-(x**2)),))
SIGMOID: Op = entrywise(
    "sigmoid", _sigmoid, (lambda y, x: y * (1 - y),), write=lambda p, _: call("σ", p)
)  # σ′ = σ (1 − σ)
SOFTPLUS: Op = entrywise("softplus", _softplus, (lambda y, x: sigmoid(x),))
RELU: Op = entrywise(
    "relu",
    lambda xp, x: xp.maximum(x, xp.zeros_like(x)),
    (lambda y, x: _unit(x > 0, x),),
    kink="not differentiable at 0; relu'(0) = 0 used",
)
HARD_TANH: Op = entrywise(
    "hard_tanh",
    lambda xp, x: xp.clip(x, -1, 1),
    (lambda y, x: _unit(both(x > -1, x < 1), x),),
    kink="not differentiable at -1 and 1; the slope 0 is used there",
)
ABS: Op = entrywise(
    "abs",
    lambda xp, x: xp.abs(x),
    (lambda y, x: sign(x),),
    kink="not differentiable at 0; sign(0) = 0 used",
    unlike="the determinant, which is det({a})",
    write=lambda p, _: fence("|", p[0]),
)
SIGN_OP: Op = entrywise(
    "sign",
    lambda xp, x: xp.sign(x),
    (None,),
    kink="not differentiable at 0, where it jumps; its derivative, 0 elsewhere, is taken as 0 there",
)


# ── functions with a slope or bounds ──────────────────────────────────────────────────────────────────

LEAKY_RELU: Op = entrywise(
    "leaky_relu",
    lambda xp, x, slope: xp.where(x > 0, x, slope * x),
    (lambda y, x, slope: where(x > 0, 1.0, slope),),
    attrs={"slope": 0.01},
    kink="not differentiable at 0; the slope {slope} is used there",
)
PARAMETRIC_RELU: Op = entrywise(
    "parametric_relu",
    lambda xp, x, a: xp.where(x > 0, x, a * x),
    (lambda y, x, a: where(x > 0, one(x), a), lambda y, x, a: where(x > 0, constant(0, x.dtype), x)),
    domain=((-2, 2), (0.1, 0.5)),
    kink="not differentiable at 0; the slope {b} is used there",
)
CLIP: Op = entrywise(
    "clip",
    lambda xp, x, low, high: xp.clip(x, low, high),
    (lambda y, x, low, high: _unit(both(x >= low, x <= high), x),),
    attrs={"low": -1.0, "high": 1.5},
    kink="not differentiable at {low:g} and {high:g}; the slope 1 is used there",
)


# ── the functions that users call ─────────────────────────────────────────────────────────────────────

exp: Unary = unary(EXP, "exp")
log: Unary = unary(LOG, "log")
log1p: Unary = unary(LOG1P, "log1p")
expm1: Unary = unary(EXPM1, "expm1")
sqrt: Unary = unary(SQRT, "sqrt")
tanh: Unary = unary(TANH, "tanh")
sin: Unary = unary(SIN, "sin")
cos: Unary = unary(COS, "cos")
erf: Unary = unary(ERF)
sigmoid: Unary = unary(SIGMOID)
softplus: Unary = unary(SOFTPLUS)
relu: Unary = unary(RELU)
hard_tanh: Unary = unary(HARD_TANH)
abs: Unary = unary(ABS, "absolute", "abs")
sign: Unary = unary(SIGN_OP, "sign")
negative: Unary = unary(NEGATIVE, "negative")

add: Binary = binary(ADD, "add", doc="a + b, entry by entry.")
subtract: Binary = binary(SUBTRACT, "subtract", doc="a − b, entry by entry.")
divide: Binary = binary(DIVIDE, "divide", "true_divide", doc="a / b, entry by entry.")
power: Binary = binary(
    POWER_OP, "power", "pow", doc="a to the power b, entry by entry; the derivative in b needs a > 0."
)


@function()
def leaky_relu(x: Operand, slope: float = 0.01) -> Node:
    """x where x > 0, else slope · x."""
    return make(LEAKY_RELU, *operands(x), slope=_plain("the slope of leaky_relu", slope))


@function()
def parametric_relu(x: Operand, a: Operand) -> Node:
    """x where x > 0, else a · x, with a learned slope a (He et al. 2015, PReLU)."""
    return make(PARAMETRIC_RELU, *operands(x, a))


@function()
def clip(x: Operand, low: float, high: float) -> Node:
    """x kept between the numbers low and high."""
    bottom, top = _plain("the low end of clip", low), _plain("the high end of clip", high)
    if not bottom <= top:
        raise GraphError(f"clip needs low ≤ high, not {low} and {high}")
    return make(CLIP, *operands(x), low=bottom, high=top)


def _plain(what: str, value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise GraphError(
            f"{what} is a plain number, not {value!r:.40}; "
            "for a learned one use parametric_relu, maximum or minimum"
        ) from None


@function("square")
def square(x: Operand) -> Node:
    """x², entry by entry."""
    return power(x, 2)


@function("reciprocal")
def reciprocal(x: Operand) -> Node:
    """1 / x, entry by entry."""
    return divide(1, x)
