"""Formulas as expressions: `parse` reads both spellings, and all that the writer writes.

Shapes are declared, or found from use: an axis that nobody declared is a dimension of its own until an
operation needs it to equal another; then it is that other, and the formula is read again.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from chainrule.algebra.formula import Definition, Syntax, read, spelling
from chainrule.algebra.meaning import Reading
from chainrule.algebra.node import Node
from chainrule.algebra.scope import Scope
from chainrule.algebra.signature import FLOAT64, Axis, DType
from chainrule.errors import ShapeError


@dataclass(frozen=True)
class Formula:
    """A formula that has been read: its result, what its lines define, and the variables with their shapes."""

    text: str
    result: Node
    definitions: Mapping[str, Node]
    variables: Mapping[str, Node]
    syntax: Syntax


def parse(
    text: str,
    shapes: Mapping[str, Iterable[Axis | str] | Node] | None = None,
    *,
    syntax: Syntax | None = None,
    dtype: DType = FLOAT64,
) -> Node:
    """The expression that a formula writes: `parse("u' * tanh(W*x + b)")`, `parse("u.T @ tanh(W @ x + b)")`.

    shapes    name → shape, such as {"W": ("n", "m"), "lam": ()}, or a variable. Of names that are not given,
              capitals are matrices, small letters vectors, and their sizes are found from use
    syntax    "matlab" (`*` is the product) or "python" (`@` is), where the text does not show which
    Several lines, or parts between semicolons, define names; the last one is the result.
    Raises FormulaError, ShapeError and DTypeError, with the place underlined.
    """
    return formula(text, shapes, syntax=syntax, dtype=dtype).result


def formula(
    text: str,
    shapes: Mapping[str, Iterable[Axis | str] | Node] | None = None,
    *,
    syntax: Syntax | None = None,
    dtype: DType = FLOAT64,
) -> Formula:
    """What `parse` reads, with the names that were defined and the shapes that were found."""
    lines = read(text)
    scope = Scope(shapes or {}, dtype)
    spelt = syntax or spelling(text)
    try:
        return _settled(text, lines, scope, spelt)
    except ShapeError:
        for name in [n for n, shape in scope.guessed.items() if len(shape) == 1]:
            with suppress(ShapeError):  # a small letter is a number where a vector does not fit
                return _settled(text, lines, Scope({**(shapes or {}), name: ()}, dtype), spelt)
        raise


def _settled(text: str, lines: Sequence[Definition], scope: Scope, syntax: Syntax) -> Formula:
    """Read the lines again and again, each time with one more size known, until all fit."""
    while True:
        reading = Reading(text, syntax, scope)
        try:
            definitions = reading.lines(lines)
        except ShapeError as error:
            if not scope.again() and (error.axes is None or not scope.unify(*error.axes)):
                raise
            continue
        if not scope.again() and scope.settle():
            scope.refuse_mistaken(text)
            named = {name: node for name, node in definitions if name is not None}
            return Formula(text, definitions[-1][1], named, dict(scope.used), syntax)
