"""Derivatives as expressions: gradient, Jacobian, Hessian, and their products with vectors.

All come from the one reverse rule: the Jacobian is the pullback of every unit vector, batched; forward mode
is the pullback of the pullback; the Hessian is the Jacobian of the gradient.
"""

from collections.abc import Sequence
from typing import overload

from chainrule.algebra.letters import ALPHABET, build
from chainrule.algebra.node import Node, Operand, constant, topological, variable
from chainrule.algebra.notation import described, write
from chainrule.algebra.operand import lift, listed
from chainrule.algebra.product import full, inner
from chainrule.algebra.recent import recall, remember
from chainrule.algebra.signature import FLOATS, shape_text
from chainrule.calculus.batch import put_in_front
from chainrule.calculus.pullback import pull_back
from chainrule.calculus.rewrite import substitute
from chainrule.calculus.simplify import simplify
from chainrule.errors import DTypeError, GraphError, ShapeError


def _zeros_like(x: Node) -> Node:
    return full(x.shape, constant(0, x.dtype))


def _real(x: Node) -> Node:
    """The expression without the mark that it is read as a row; GraphError, DTypeError where it is no real one."""
    if not isinstance(x, Node):
        raise GraphError(f"derivatives are taken of and with respect to expressions, and {x!r:.40} is none")
    if x.dtype not in FLOATS:
        raise DTypeError(f"{described(x)} holds {x.dtype.name} values, which have no derivative")
    return lift(x)


def _several(wrt: Node | Sequence[Node]) -> list[Node]:
    return [_real(x) for x in ([wrt] if isinstance(wrt, Node) else listed(wrt, "the second argument"))]


@overload
def vjp(y: Node, x: Node, v: Operand) -> Node: ...
@overload
def vjp(y: Node, x: Sequence[Node], v: Operand) -> list[Node]: ...
def vjp(y: Node, x: Node | Sequence[Node], v: Operand) -> Node | list[Node]:
    """vᵀ ∂y/∂x, the upstream gradient v of y pulled back to x, in the shape of x."""
    wrt, y = _several(x), _real(y)
    seed = lift(v, y.dtype)
    if seed.shape != y.shape:
        raise ShapeError(
            f"the upstream gradient of {described(y)} must have its shape, not {shape_text(seed.shape)}"
        )
    flows = pull_back({y: seed}, wrt)
    results = simplify([_zeros_like(w) if f is None else f for w, f in zip(wrt, flows, strict=True)])
    return results[0] if isinstance(x, Node) else results


@overload
def gradient(s: Node, wrt: Node) -> Node: ...
@overload
def gradient(s: Node, wrt: Sequence[Node]) -> list[Node]: ...
def gradient(s: Node, wrt: Node | Sequence[Node]) -> Node | list[Node]:
    """∂s/∂x of a scalar s, in the shape of x (the shape convention), for one expression x or several.

    Raises GraphError if s is no scalar. An x that s does not depend on has the gradient 0.
    """
    if _real(s).shape:
        text = write(s, 60)
        raise GraphError(
            f"a gradient is of a scalar, and {text} is {shape_text(s.shape)}; "
            f"take jacobian({text}, …), or the gradient of sum({text})"
        )
    several = _several(wrt)
    key = ("gradient", s, *several)
    known: list[Node] | None = recall(key)
    if known is None:
        known = vjp(s, several, constant(1, s.dtype))
        remember(key, known, topological([s, *several, *known]))
    return known[0] if isinstance(wrt, Node) else list(known)


def jvp(y: Node, x: Node, v: Operand) -> Node:
    """∂y/∂x · v, the change of y when x moves along v (forward mode): the pullback of the pullback."""
    y, x = _real(y), _real(x)
    direction = lift(v, x.dtype)
    if direction.shape != x.shape:
        raise ShapeError(f"a direction for {described(x)} must have its shape, not {shape_text(direction.shape)}")
    cotangent = variable("\N{COMBINING OVERLINE}g", y.shape, y.dtype)
    (back,) = pull_back({y: cotangent}, [x], linear=True)
    if back is None:
        return _zeros_like(y)
    (forward,) = pull_back({inner(back, direction): constant(1, x.dtype)}, [cotangent])
    return simplify([_zeros_like(y) if forward is None else forward])[0]


def jacobian(y: Node, x: Node) -> Node:
    """∂y/∂x with the axes of y before those of x: m×n for vectors (numerator layout)."""
    y, x = _real(y), _real(x)
    cotangent = variable("\N{COMBINING OVERLINE}g", y.shape, y.dtype)
    (back,) = pull_back({y: cotangent}, [x])
    if back is None:
        return full((*y.shape, *x.shape), constant(0, x.dtype))
    for k in range(y.ndim)[::-1]:  # one axis of the cotangent after the other becomes an axis of examples
        many = variable("\N{COMBINING OVERLINE}g" * (k + 2), (*y.shape[k:], *y.shape), y.dtype)
        (back,) = put_in_front([back], {cotangent: many}, y.shape[k])
        cotangent = many
    return simplify(substitute([back], {cotangent: _units(y)}))[0]


def _units(y: Node) -> Node:
    """For every entry of y the upstream gradient that is 1 there and 0 elsewhere."""
    letters = ALPHABET[: y.ndim]
    return build(("",), letters * 2, (constant(1, y.dtype),), dict(zip(letters, y.shape, strict=True)))


def hessian(s: Node, x: Node | Sequence[Node]) -> Node:
    """∂²s/∂x∂xᵀ, or for [x, y] the mixed ∂²s/∂x∂yᵀ: the Jacobian of the gradient."""
    pair = _several(x)
    if len(pair) != (1 if isinstance(x, Node) else 2):
        raise GraphError(f"a Hessian is for one expression x or for two, [x, y], not for {len(pair)}")
    first, second = pair[0], pair[-1]
    return jacobian(gradient(s, first), second)


def hvp(s: Node, x: Node, v: Operand) -> Node:
    """(∂²s/∂x∂xᵀ) v without forming the Hessian: v pulled back through the gradient."""
    return vjp(gradient(s, x), x, v)
