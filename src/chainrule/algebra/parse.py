"""Formulas as expressions: `parse` reads both spellings, and all that the writer writes.

Shapes are declared, or found from use: an axis that nobody declared is a dimension of its own until an
operation needs it to equal another; then it is that other, and the formula is read again.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from chainrule.algebra.formula import Definition, Syntax, names_in, read, spelling
from chainrule.algebra.meaning import Reading
from chainrule.algebra.node import Node
from chainrule.algebra.place import underlined
from chainrule.algebra.scope import Scope
from chainrule.algebra.signature import FLOAT64, Axis, DType
from chainrule.errors import ChainruleError, FormulaError, SettingError, ShapeError


@dataclass(frozen=True)
class Formula:
    """A formula that has been read: its result, what its lines define, and the variables with their shapes."""

    text: str
    result: Node
    definitions: Mapping[str, Node]
    variables: Mapping[str, Node]
    syntax: Syntax
    remarks: tuple[str, ...] = ()
    """How it was read, where that is not plain."""
    spans: Mapping[Node, Sequence[tuple[int, int]]] = field(default_factory=dict)
    """Where in the text each part stands, `text[start:end]`."""


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
    if not isinstance(text, str):
        raise FormulaError(f"a formula is text such as 'u.T @ x', not {text!r:.40}")
    if syntax not in (None, "python", "matlab"):
        raise SettingError(f"syntax is python or matlab, not {syntax!r:.40}")
    lines = read(text)
    remarks = list(_about_lines(text, lines))
    scope = Scope(shapes or {}, dtype, dict.fromkeys(_divisors(lines), 0))
    spelt = syntax or spelling(text)
    try:
        found = _fitted(text, lines, scope, spelt)
    except ShapeError as error:
        raise ShapeError(scope.plainly(str(error)) + _capitals(text, lines, scope, spelt), error.axes) from None
    except ChainruleError as error:
        raise type(error)(scope.plainly(str(error))) from None
    sizes = [name for name in _divisors(lines) if name in scope.guessed]
    said = (f"{name} is read as a number, for it divides; for a vector give its shape" for name in sizes)
    return replace(found, remarks=(*remarks, *found.remarks, *said))


SIZES = frozenset("nmdkNT")
_OF_NUMBERS = ("number", "name", "infix", "call")


def _divisors(lines: Sequence[Definition]) -> list[str]:
    """Usual names of sizes that only divide: the d of `Q@K.T/sqrt(d)`, the n of `sum(x)/(2*n)`."""
    found: dict[str, bool] = {}
    stack = [(tree, False) for _, tree in lines]
    while stack:
        part, below = stack.pop()
        below = below and (part.kind in _OF_NUMBERS) and (part.kind != "call" or part.value == "sqrt")
        if part.kind == "name" and part.value in SIZES:
            found[part.value] = found.get(part.value, True) and below
        bar = part.kind == "infix" and part.value == "/"
        stack += [(p, below or (bar and k == 1)) for k, p in enumerate(part.parts)]
        stack += [(option, False) for _, option in part.options]
    return sorted(name for name, divides in found.items() if divides)


def _about_lines(text: str, lines: Sequence[Definition]) -> Iterator[str]:
    """What is odd about the names that lines define. FormulaError for those that are defined by themselves."""
    defined: dict[str, bool] = {}
    met: set[str] = set()
    for k, (name, tree) in enumerate(lines):
        used = names_in(tree)
        defined.update(dict.fromkeys(used & defined.keys(), True))
        met |= used - defined.keys()
        if name in met:
            what = "is defined by itself" if name in used else "is used before the line that defines it"
            place = re.compile(rf"(?<!\w){name}\s*=").finditer(text, lines[k - 1].tree.end if k else 0)
            where = next(place)
            raise FormulaError(
                f"{name} {what}; give what is defined a name of its own"
                f"{underlined(text, where.start(), where.start() + len(name))}"
            )
        if name in defined:
            yield f"{name} is defined twice" + ("" if defined[name] else ", and the first is not used")
        if name is not None:
            defined[name] = k + 1 == len(lines)
    yield from (f"{name} is defined and not used" for name, is_used in defined.items() if not is_used)


def _fitted(text: str, lines: Sequence[Definition], scope: Scope, syntax: Syntax) -> Formula:
    """The lines read; a small letter is a number where a vector does not fit."""
    try:
        return _settled(text, lines, scope, syntax)
    except ShapeError:
        for name in [n for n, shape in scope.guessed.items() if len(shape) == 1]:
            with suppress(ShapeError):
                return _settled(text, lines, Scope(scope.given, scope.dtype, {**scope.ranks, name: 0}), syntax)
        raise


def _capitals(text: str, lines: Sequence[Definition], scope: Scope, syntax: Syntax) -> str:
    """The repair for a script that has no capitals: which name would have to be a matrix."""
    for name in [n for n in scope.guessed if n[0].isalpha() and n[0].lower() == n[0].upper()]:
        with suppress(ChainruleError):
            found = _settled(text, lines, Scope(scope.given, scope.dtype, {**scope.ranks, name: 2}), syntax)
            axes = ",".join(map(str, found.variables[name].shape))
            return f"\n{name} is read as a vector, for it has no capital; for a matrix give {name}={axes}"
    return ""


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
            return Formula(
                text,
                definitions[-1][1],
                named,
                dict(scope.used),
                syntax,
                tuple(dict.fromkeys(reading.remarks)),
                {node: tuple(places) for node, places in reading.spans.items()},
            )
