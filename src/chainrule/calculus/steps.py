"""The derivation of a gradient, line by line: by differentials and the chain rule, every line with its rule.

    1  ds = uᵀ dh                 s is linear in h
    2  dh = (1 - h²) ⊙ dz         tanh works element by element: tanh′ = 1 - tanh²
    3  dz = dW x                  z is linear in W
    4  ds = δᵀ dz                 put 2 in 1          with δ = u ⊙ (1 - h²)
    5  ds = δᵀ (dW x)             put 3 in 4
          = ⟨δ xᵀ, dW⟩            aᵀ M b = ⟨a bᵀ, M⟩

Every line carries its claim: both of its sides in variables and the differential of x alone, equal at any numbers.
"""

from collections.abc import Sequence
from typing import NamedTuple

from chainrule.algebra.node import Node
from chainrule.calculus.facts import Facts
from chainrule.calculus.naming import Program
from chainrule.calculus.rewrite import substitute
from chainrule.calculus.together import by_differentials
from chainrule.calculus.upstream import backprop
from chainrule.calculus.workings import Row, Workings
from chainrule.errors import SettingError


class Step(NamedTuple):
    """A line `left = right` of a derivation."""

    left: Node
    """A differential such as dz, a name such as δ, or a derivative such as ∂s/∂W: a variable of that name."""
    right: Node
    """In variables, names and differentials."""
    rule: str
    """Why it holds, in a sentence."""
    claim: tuple[Node, Node]
    """Both sides in variables and the differential of x alone."""
    number: int = 0
    """The number by which other lines refer to it; 0 for a definition, a line that goes on, and the result."""


def derivation_steps(
    s: Node, x: Node, program: Program, detail: int = 2, *, facts: Facts | None = None, name: str = ""
) -> list[Step]:
    """The lines that lead from s to its derivative by x, which is the program's first result.

    s         any expression; for a Hessian the gradient, whose Jacobian it is
    x         a variable, or a part of s
    program   names for parts, and the derivative: a gradient of the shape of x, a Jacobian with the axes of s
              before those of x, or that of vec s by vec x
    detail    1: the gradients at the stages alone (backprop)   2: the differential of every stage, put together
              3: a line for every operation, and how the shapes meet
    facts     what is known of the variables
    name      what s is called
    The names that the lines speak of are defined first, error signals where they arise.
    """
    if detail not in (1, 2, 3):
        raise SettingError(
            f"detail is 1 (backprop), 2 (by differentials) or 3 (operation by operation), not {detail!r:.40}"
        )
    work = Workings(s, x, program, facts or Facts(), every=detail == 3, letter=name)
    if work.stages:
        rows = _with_result(backprop(work) if detail == 1 else by_differentials(work, detail), work.last())
        rows = [*work.definitions(rows), *rows]
    else:
        rows = [work.nothing()]
    rights = substitute([row.right for row in rows], work.wholes)
    return [
        Step(row.left, row.right, row.rule, (row.whole, right), row.number)
        for row, right in zip(rows, rights, strict=True)
    ]


def _with_result(rows: Sequence[Row], last: Row) -> list[Row]:
    """The rows with the result behind them, which is said once."""
    if rows and rows[-1][:2] == last[:2]:
        return [*rows[:-1], last._replace(rule="; ".join(filter(None, (rows[-1].rule, last.rule))))]
    return [*rows, last]
