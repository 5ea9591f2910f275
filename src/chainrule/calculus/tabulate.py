"""Partial evaluation of what is looked up: rows of tables that enter an expression linearly.

With rows x_p = E[words_p] of a window, z = W concat(x_1 … x_W) + b is affine in every row,

    z = z₀ + Σ_p J_p E[words_p],        J_p = ∂z/∂x_p free of x,

so that E J_pᵀ is a table of its own, from which the part of z that place p gives is looked up. Where this holds is
not recognised by the form of the expression: it is read off the derivative.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from chainrule.algebra.node import VARIABLE, Node, topological, variable, variables
from chainrule.algebra.op import OPS
from chainrule.algebra.product import zeros
from chainrule.calculus.derive import jacobian
from chainrule.calculus.rewrite import substitute

STEPS = frozenset(("sign", "where", "cast"))  # what they do not change smoothly, their derivative does not tell


class Tabulated(NamedTuple):
    """An expression in which z has taken the place of all rows that were looked up.

    root        the expression of z          z       a variable (H,)
    start       z₀, without any row          tables, ids    where the rows come from
    jacobians   ∂z/∂x of the rows of each table, (H, W, D)
    """

    root: Node
    z: Node
    start: Node
    tables: tuple[Node, ...]
    ids: tuple[Node, ...]
    jacobians: tuple[Node, ...]


def tabulated(root: Node, ids: Sequence[Node]) -> Tabulated | None:
    """Find the last value z on the way to `root` that is affine in all rows that `ids`, of one shape (W,), select.

    None where `ids` select anything else than rows of tables, or where there is no such z.
    """
    order = topological([root])
    takes = [n for n in order if n.op is OPS["take"] and n.inputs[1] in ids]
    if not takes or any(t.inputs[0].op is not VARIABLE or t.ndim != 2 for t in takes):
        return None
    rows = [variable(f"rows {k}", t.shape, t.dtype) for k, t in enumerate(takes)]
    (opened,) = substitute([root], dict(zip(takes, rows, strict=True)))
    if _any_of(ids, variables(opened)):
        return None
    last: Tabulated | None = None
    for value in topological([opened]):
        below = topological([value])
        if value.ndim != 1 or not _any_of(rows, below) or any(n.op.name in STEPS for n in below):
            continue
        z = variable("z", value.shape, value.dtype)
        (rest,) = substitute([opened], {value: z})
        if _any_of(rows, variables(rest)):
            continue
        jacobians = [jacobian(value, x) for x in rows]
        if _any_of(rows, variables(*jacobians)):
            break
        (start,) = substitute([value], {x: zeros(*x.shape, dtype=x.dtype) for x in rows})
        tables, chosen = zip(*(t.inputs for t in takes), strict=True)
        last = Tabulated(rest, z, start, tables, chosen, tuple(jacobians))
    return last


def _any_of(nodes: Iterable[Node], among: Iterable[Node]) -> bool:
    return not set(nodes).isdisjoint(among)
