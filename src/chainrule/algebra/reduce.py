"""Reductions other than the sum: largest and smallest entry, log-sum-exp, softmax, norm.

Axes are stored counted from the end, so that an axis put in front changes nothing.
Ties of max and min share the gradient equally; the norm has subgradient 0 at 0.
"""

from collections.abc import Callable, Sequence
from functools import partial

from chainrule.algebra.choice import cast, equal, where
from chainrule.algebra.entrywise import exp
from chainrule.algebra.functions import function
from chainrule.algebra.letters import spread
from chainrule.algebra.node import Node, Operand, constant, make
from chainrule.algebra.notation import described
from chainrule.algebra.op import Array, Example, Given, Namespace, Op, declare
from chainrule.algebra.operand import operands
from chainrule.algebra.phrase import Phrase, call, fence, printed_as, subscripted, symbol
from chainrule.algebra.product import axes_of, full, sum
from chainrule.algebra.signature import DType, Shape
from chainrule.errors import BindingError, ShapeError

Axes = tuple[int, ...]


def _kept(x: Node, axes: Axes) -> tuple[Shape, DType]:
    return tuple(a for i, a in enumerate(x.shape) if i - x.ndim not in axes), x.dtype


def _same(x: Node, axes: Axes) -> tuple[Shape, DType]:
    return x.shape, x.dtype


def _front(x: Node, axes: Axes) -> tuple[int, ...]:
    return tuple(x.ndim + a for a in axes)


def _back(value: Node, like: Node, axes: Axes) -> Node:
    return spread(value, like, _front(like, axes))


def _write(name: str, phrases: Sequence[Phrase], inputs: Sequence[Node], axes: Axes) -> Phrase:
    x = inputs[0]
    whole = axes == (-1,) if name in _OVER_LAST else len(axes) == x.ndim
    front = _front(x, axes)
    axis = None if whole else front[0] if len(front) == 1 else front
    if name == "norm2" and whole:
        norm = fence("‖", *phrases)
        return norm if x.ndim == 1 else printed_as(norm, subscripted(norm, symbol("F")))
    return printed_as(call(name, phrases, axis=axis), call(_PAPER.get(name, name), phrases, axis=axis))


_PAPER = {"log_softmax": "log softmax"}
_OVER_LAST = ("softmax", "log_softmax", "logsumexp")


def _reduction(
    name: str,
    forward: Callable[..., Array],
    pullback: Callable[..., Node],
    infer: Callable[..., tuple[Shape, DType]] = _kept,
    *,
    routes: bool = False,
    kink: str = "",
    unlike: str = "",
) -> Op:
    """Declare a reduction. pullback(g, y, x, axes) gives the downstream gradient of its one input."""

    def batch(inputs: Sequence[Node], batched: Sequence[bool], axes: Axes) -> Node:
        return make(op, inputs[0], axes=axes)

    op = declare(
        Op(
            name,
            forward=forward,
            infer=infer,
            pullback=lambda k, g, y, x, axes: pullback(g, y, x, axes),
            batch=batch,
            write=partial(_write, name),
            examples=(
                Example((Given((4,)),), {"axes": (-1,)}),
                Example((Given((2, 3)),), {"axes": (-1,)}),
                Example((Given((2, 3)),), {"axes": (-2, -1)}),
                Example((Given((2, 3, 2)),), {"axes": (-2,)}),
            ),
            guarded=True,
            routes=routes,
            kink=kink,
            unlike=unlike,
        )
    )
    return op


def _chosen(name: str, xp: Namespace, x: Array, axes: Axes) -> Array:
    if _is_empty(x, axes):
        raise BindingError("there is no entry to choose, because an axis has size 0")
    return getattr(xp, name)(x, axis=axes)


def _share_ties(g: Node, y: Node, x: Node, axes: Axes) -> Node:
    chosen = equal(x, _back(y, x, axes))
    count = sum(cast(chosen, x.dtype), _front(x, axes))
    return where(chosen, _back(g / count, x, axes), constant(0, g.dtype))


def _is_empty(x: Array, axes: Axes) -> bool:
    return 0 in (x.shape[a] for a in axes)


def _largest(xp: Namespace, x: Array, axes: Axes) -> Array:
    """The largest entry with its axes kept, 0 where there is none."""
    if _is_empty(x, axes):
        return xp.zeros(tuple(1 if i - x.ndim in axes else a for i, a in enumerate(x.shape)), dtype=x.dtype)
    return xp.max(x, axis=axes, keepdims=True)


def _top(xp: Namespace, x: Array, axes: Axes) -> Array:
    """The largest entry, 0 where it is infinite, so that x − top is never ∞ − ∞."""
    top = _largest(xp, x, axes)
    return xp.where(xp.isfinite(top), top, xp.zeros_like(top))


def _logsumexp(xp: Namespace, x: Array, axes: Axes) -> Array:
    top = _top(xp, x, axes)
    total = xp.sum(xp.exp(x - top), axis=axes, keepdims=True)
    return xp.squeeze(xp.log(total) + top, axis=axes)


def _softmax(xp: Namespace, x: Array, axes: Axes) -> Array:
    e = xp.exp(x - _top(xp, x, axes))
    return e / xp.sum(e, axis=axes, keepdims=True)


def _log_softmax(xp: Namespace, x: Array, axes: Axes) -> Array:
    shifted = x - _top(xp, x, axes)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axes, keepdims=True))


def _norm(xp: Namespace, x: Array, axes: Axes) -> Array:
    top = _largest(xp, xp.abs(x), axes)
    scale = xp.where((top > 0) & xp.isfinite(top), top, xp.ones_like(top))  # squares neither over- nor underflow
    return xp.squeeze(scale * xp.sqrt(xp.sum((x / scale) ** 2, axis=axes, keepdims=True)), axis=axes)


def _pull_norm(g: Node, y: Node, x: Node, axes: Axes) -> Node:
    return x * _back(g / where(equal(y, 0), constant(1, y.dtype), y), x, axes)


TIE = "not differentiable where two entries tie; ties share the gradient equally"

MAX: Op = _reduction("max", partial(_chosen, "max"), _share_ties, routes=True, kink=TIE)
MIN: Op = _reduction("min", partial(_chosen, "min"), _share_ties, routes=True, kink=TIE)
LOGSUMEXP: Op = _reduction(
    "logsumexp", _logsumexp, lambda g, y, x, axes: _back(g, x, axes) * make(SOFTMAX, x, axes=axes)
)
SOFTMAX: Op = _reduction(
    "softmax",
    _softmax,
    lambda g, y, x, axes: y * (g - _back(sum(g * y, _front(x, axes)), x, axes)),
    _same,
)
LOG_SOFTMAX: Op = _reduction(
    "log_softmax",
    _log_softmax,
    lambda g, y, x, axes: g - exp(y) * _back(sum(g, _front(x, axes)), x, axes),
    _same,
)
NORM: Op = _reduction(
    "norm2",
    _norm,
    _pull_norm,
    kink="not differentiable at {zero}; the subgradient 0 is used there",
    unlike="the spectral norm",
)


def _apply(op: Op, x: Operand, axis: int | Sequence[int] | None) -> Node:
    (node,) = operands(x)
    axes = tuple(a - node.ndim for a in axes_of(node, axis))
    if op in (MAX, MIN) and any(node.shape[a] == 0 for a in axes):
        raise ShapeError(f"{op.name} of {described(node)}: there is no entry to choose")
    return make(op, node, axes=axes) if axes else _over_none(op, node)


def _over_none(op: Op, node: Node) -> Node:
    """A reduction over no axis: every entry is its own."""
    if op in (SOFTMAX, LOG_SOFTMAX):
        return full(node.shape, 1.0 if op is SOFTMAX else 0.0, dtype=node.dtype)
    return abs(node) if op is NORM else node


@function("max", "amax")
def max(x: Operand, axis: int | Sequence[int] | None = None) -> Node:
    """The largest entry, overall or over the given axes."""
    return _apply(MAX, x, axis)


@function("min", "amin")
def min(x: Operand, axis: int | Sequence[int] | None = None) -> Node:
    """The smallest entry, overall or over the given axes."""
    return _apply(MIN, x, axis)


@function()
def logsumexp(x: Operand, axis: int | Sequence[int] | None = -1) -> Node:
    """log Σ exp x, over the last axis unless told otherwise; never overflows."""
    return _apply(LOGSUMEXP, x, axis)


@function()
def softmax(x: Operand, axis: int = -1) -> Node:
    """exp x / Σ exp x, over the last axis unless told otherwise; never overflows."""
    return _apply(SOFTMAX, x, axis)


@function()
def log_softmax(x: Operand, axis: int = -1) -> Node:
    """The logarithm of the softmax, computed as x − logsumexp x."""
    return _apply(LOG_SOFTMAX, x, axis)


@function()
def norm2(x: Operand, axis: int | Sequence[int] | None = None) -> Node:
    """The Euclidean (Frobenius) norm √Σ x²; its subgradient at 0 is 0."""
    return _apply(NORM, x, axis)


@function()
def norm1(x: Operand, axis: int | Sequence[int] | None = None) -> Node:
    """The sum of absolute values Σ |x|."""
    (node,) = operands(x)
    return sum(abs(node), axis)
