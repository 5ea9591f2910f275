"""How an expression shows itself: in one line of Unicode, and in a notebook as a formula."""

from typing import TYPE_CHECKING, cast

from chainrule.algebra.notation import latex, write

if TYPE_CHECKING:
    from chainrule.algebra.node import Node

MOST_WIDTH = 300  # characters of a part of a formula, in a notebook


class Shown:
    """What is shown as it is written."""

    __slots__ = ()

    def __repr__(self) -> str:
        return write(cast("Node", self))

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {latex(cast('Node', self), MOST_WIDTH)}$"
