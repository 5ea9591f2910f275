"""What a law is: a name, the operations it looks at, and what it makes of them; the tables are in `laws`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from chainrule.algebra.node import Node
from chainrule.calculus.terms import Sum, Term

if TYPE_CHECKING:
    from chainrule.calculus.reading import Reader


class TermLaw(NamedTuple):
    """What a factor does with its neighbours: (reader, term, place of the factor, number of axes) → terms."""

    name: str
    on: tuple[str, ...]
    apply: Callable[["Reader", Term, int, int], Sequence[Term] | None]


class SumLaw(NamedTuple):
    """What the terms of a sum make together: (reader, terms, number of axes) → terms."""

    name: str
    apply: Callable[["Reader", Sum, int], Sequence[Term] | None]


class FunctionLaw(NamedTuple):
    """What a function of an expression is instead: (reader, node) → node."""

    name: str
    on: tuple[str, ...]
    apply: Callable[["Reader", Node], Node | None]
