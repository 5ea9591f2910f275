"""What the tree of a formula means: every part becomes an expression, and mistakes are underlined."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any

from chainrule.algebra.formula import Definition, Part, Syntax
from chainrule.algebra.functions import FUNCTIONS
from chainrule.algebra.matrix import commutation
from chainrule.algebra.node import Node, constant, size
from chainrule.algebra.notation import write
from chainrule.algebra.operand import lift
from chainrule.algebra.place import underlined
from chainrule.algebra.product import as_row, eye, full, ones, sum as total, zeros
from chainrule.algebra.reduce import max as largest, norm1, norm2
from chainrule.algebra.scope import Scope
from chainrule.algebra.signature import FLOAT32, FLOAT64, Axis, axis
from chainrule.algebra.signs import FACTORS, INFIX, Infix, beside, is_row
from chainrule.errors import ChainruleError, FormulaError, ShapeError

MOST_POWER = 64

ALIASES = {
    **{"σ": "sigmoid", "tr": "trace", "ln": "log"},
    **{"dot": "matmul", "logistic": "sigmoid", "sgn": "sign", "lse": "logsumexp"},
}
SHAPED: Mapping[str, Callable[..., Node]] = {f.__name__: f for f in (commutation, eye, ones, zeros)}
VECTOR_NORMS: Mapping[str, Callable[..., Node]] = {
    "2": norm2,
    "1": norm1,
    "inf": lambda x, **axis: largest(abs(x), **axis),
}
MATRIX_NORMS: Mapping[str, Callable[..., Node]] = {
    "fro": norm2,
    "1": lambda X: largest(total(abs(X), 0)),
    "inf": lambda X: largest(total(abs(X), 1)),
}
KNOWN = sorted({*FUNCTIONS, *ALIASES, *SHAPED, "full", "norm"})

_CHAINED = ("infix", "postfix", "index")


def _has_axis(name: str) -> bool:
    """Whether the second argument of a function is an axis."""
    return [*signature(FUNCTIONS[name]).parameters][1:2] == ["axis"]


def _is_number(part: Part) -> bool:
    return part.kind == "number" or (part.kind == "prefix" and part.parts[0].kind == "number")


def _tower(part: Part) -> float | None:
    """The value of a number, or of a power of numbers such as 9**9**9; None of all else."""
    if part.kind == "number":
        return float(part.value)
    if part.kind != "infix" or part.value not in ("^", "superscript"):
        return None
    base, exponent = map(_tower, part.parts)
    if base is None or exponent is None:
        return None
    try:
        value = base**exponent
    except (OverflowError, ZeroDivisionError):
        return math.inf
    return None if isinstance(value, complex) else value


class Reading:
    """One pass from the tree to nodes; `known` holds parts, by their id, whose expression is given."""

    def __init__(self, text: str, syntax: Syntax, scope: Scope) -> None:
        self.text, self.syntax, self.scope = text, syntax, scope
        self.signs: Mapping[str, Infix] = INFIX[syntax]
        self.defined: dict[str, Node] = {}
        self.known: Mapping[int, Node] = {}
        self.remarks: list[str] = []
        self.spans: dict[Node, dict[tuple[int, int], None]] = {}

    def lines(self, definitions: Sequence[Definition]) -> list[tuple[str | None, Node]]:
        """Name and expression of every line; later lines may use the names of earlier ones."""
        found: list[tuple[str | None, Node]] = []
        for name, tree in definitions:
            node = lift(self.node(tree))
            if name is not None:
                self.defined[name] = node
            found.append((name, node))
        return found

    def node(self, part: Part) -> Node:
        """The expression of a part; a chain of operations, such as a long sum, is walked and not recursed.

        Numbers in front scale all that is multiplied behind them: 2 A B is 2 (A B).
        """
        if id(part) in self.known:
            return self.known[id(part)]
        if part.kind not in _CHAINED:
            return self._made(part)
        chain = [part]
        while (first := chain[-1].parts[0]).kind in _CHAINED and not first.closed and id(first) not in self.known:
            chain.append(first)
        node, scale = self.node(first), None
        for step in reversed(chain):
            right = self.node(step.parts[1]) if step.kind == "infix" else None
            if scale is not None and step.value not in FACTORS[self.syntax]:
                node, scale = beside(scale, node), None
            if right is not None and right.ndim and not node.ndim and step.value in ("beside", "*"):
                node, scale = right, node
            else:
                node = self._made(step, node, right)
        return node if scale is None else self._stands(part, beside(scale, node))

    def _made(self, part: Part, *first: Node | None) -> Node:
        """The expression of a part, of which a first operand may be made already; errors are underlined."""
        try:
            node: Node = getattr(self, f"_{part.kind}")(part, *first)
        except ChainruleError as error:
            if "\n" in str(error):
                raise
            message = f"{error}{underlined(self.text, part.start, part.end)}"
            raise (
                ShapeError(message, error.axes) if isinstance(error, ShapeError) else type(error)(message)
            ) from None
        return self._stands(part, node)

    def _stands(self, part: Part, node: Node) -> Node:
        """Note where in the text a node stands, without the parentheses around it."""
        inside = (part.start + 1, part.end - 1) if part.closed else (part.start, part.end)
        self.spans.setdefault(lift(node), {})[inside] = None
        return node

    def _number(self, part: Part) -> Node:
        value = float(part.value)
        if math.isinf(value) or (not value and re.search("[1-9]", part.value.lower().partition("e")[0])):
            raise FormulaError(f"{part.value} is too {'large' if value else 'small'} for a number of 64 bits")
        return constant(value, self.scope.dtype)

    def _name(self, part: Part) -> Node:
        if part.value in self.defined:
            return self.defined[part.value]
        if self.scope.is_dimension(part.value):
            return size(part.value, self.scope.dtype)
        if not self.scope.is_declared(part.value):
            if doubt := self.scope.doubt(part.value, KNOWN, "*" if self.syntax == "matlab" else "@"):
                raise FormulaError(doubt)
            if part.value in ("pi", "π"):
                return constant(math.pi, self.scope.dtype)
            if part.value == "I":
                self.remarks.append("I is read as the identity matrix; for a variable give its shape, I=n,m")
                return eye(self.scope.identity(), dtype=self.scope.dtype)
        return self.scope.variable(part.value)

    def _prefix(self, part: Part) -> Node:
        inner = self.node(part.parts[0])
        if part.value == "¬":
            return FUNCTIONS["opposite"](inner)
        if part.value == "+":
            return inner
        negated = FUNCTIONS["negative"](inner)
        return as_row(negated) if is_row(inner) else negated

    def _postfix(self, part: Part, inner: Node, _: None) -> Node:
        return FUNCTIONS["transpose"](inner)

    def _infix(self, part: Part, left: Node, right: Node) -> Node:
        if part.value in ("^", ".^", "superscript"):
            self._check_power(part.parts[1])
            if part.value == "^" and self.syntax == "matlab" and left.ndim == 2:
                return FUNCTIONS["matpow"](left, self._whole(part.parts[1]))
        return self.signs[part.value](left, right)

    def _check_power(self, exponent: Part) -> None:
        value = _tower(exponent)
        if value is None or abs(value) <= MOST_POWER:
            return
        if not math.isfinite(value) or value == int(value):
            raise FormulaError(f"a power of {self.text[exponent.start : exponent.end]}; {MOST_POWER} is the most")

    def _list(self, part: Part) -> Node:
        if len(part.parts) == 1 and part.parts[0].kind != "number":
            return FUNCTIONS["cast"](self.node(part.parts[0]), self.scope.dtype)  # Iverson's brackets, [x > 0]
        return constant(self._array(part), self.scope.dtype)

    def _array(self, part: Part) -> Any:
        if part.kind == "list":
            return [self._array(p) for p in part.parts]
        return self._real(part)

    def _text(self, part: Part) -> Node:
        raise FormulaError('a text stands only in einsum("ij,j->i", W, x)')

    def _slice(self, part: Part) -> Node:
        raise FormulaError("a slice stands only in an index, as in x[0:n]")

    def _index(self, part: Part, x: Node, _: None) -> Node:
        chosen = [self._cut(c) for c in part.parts[1:]]
        return FUNCTIONS["pick"](lift(x), chosen[0] if len(chosen) == 1 else tuple(chosen))

    def _cut(self, part: Part) -> Any:
        if part.kind == "slice":
            bounds = {name: self._bound(p) for name, p in part.options}
            return slice(bounds.get("0"), bounds.get("1"), bounds.get("2"))
        if part.kind == "number" or (part.kind == "prefix" and part.parts[0].kind == "number"):
            return self._whole(part)
        return None if part.value == "None" else self.node(part)

    def _bound(self, part: Part) -> Any:
        return self._whole(part) if part.kind in ("number", "prefix") else axis(self._source(part))

    # ── functions ─────────────────────────────────────────────────────────────────────────────────────

    def _call(self, part: Part) -> Node:
        try:
            return self._called(part)
        except (IndexError, ValueError, TypeError) as error:  # too few arguments, too many, or of a wrong kind
            if isinstance(error, ChainruleError):
                raise
            raise FormulaError(f"{part.value} does not take these arguments") from None

    def _called(self, part: Part) -> Node:
        name = ALIASES.get(part.value, part.value)
        special: Callable[[Part], Node] | None = getattr(self, f"_call_{name}", None)
        if special is not None:
            return special(part)
        if name in SHAPED:
            return SHAPED[name](*map(self._axis, part.parts), dtype=self.scope.dtype)
        if name not in FUNCTIONS:
            place = underlined(self.text, part.start, part.start + len(part.value))
            raise FormulaError(self.scope.unknown(part.value, KNOWN) + self._indexed(part) + place)
        if len(part.parts) == 2 and not part.options and _has_axis(name) and _is_number(part.parts[1]):
            return self._along(name, self.node(part.parts[0]), part.parts[1])
        return self._applied(name, [self.node(p) for p in part.parts], self._options(part))

    def _indexed(self, part: Part) -> str:
        """What was meant by a variable before parentheses."""
        if self.scope.unknown(part.value, KNOWN).startswith("unknown"):
            return ""
        if not part.parts or not all(map(_is_number, part.parts)):
            return f"; for a product write {part.value} * (…)"
        places = ", ".join(str(self._whole(p) - (self._whole(p) > 0)) for p in part.parts)
        return f"; for an entry write {part.value}[{places}], which is counted from 0"

    def _along(self, name: str, x: Node, place: Part, otherwise: str = "") -> Node:
        """A function along the axis that a number alone says: `sum(A, 1)`."""
        value = self._applied(name, [x], {"axis": self._counted(place)})
        if x.ndim > 1:
            text, first = write(x, 40), "1 as in MATLAB" if self.syntax == "matlab" else "0 as in NumPy"
            says = f"{name}({text}, {place.value}) is along axis {place.value}, counted from {first}"
            self.remarks.append(says + otherwise.format(text, place.value))
        return value

    def _counted(self, part: Part) -> int:
        """An axis that is given by its place: MATLAB counts from 1."""
        place = self._whole(part)
        return place - 1 if self.syntax == "matlab" else place

    def _applied(self, name: str, values: Sequence[Any], options: Mapping[str, Any]) -> Node:
        try:
            return FUNCTIONS[name](*values, **options)
        except TypeError as error:
            if isinstance(error, ChainruleError):
                raise
            raise FormulaError(f"{name} does not take these arguments ({error})") from None

    def _options(self, part: Part) -> dict[str, Any]:
        return {name: self._option(name, p) for name, p in part.options}

    def _option(self, name: str, part: Part) -> Any:
        if name == "axis":
            return tuple(map(self._whole, part.parts)) if part.kind == "list" else self._whole(part)
        if name == "count":
            return self._axis(part)
        return self._real(part)

    def _call_max(self, part: Part) -> Node:
        return self._largest(part, "max", "maximum")

    def _call_min(self, part: Part) -> Node:
        return self._largest(part, "min", "minimum")

    def _largest(self, part: Part, over_axes: str, of_two: str) -> Node:
        if len(part.parts) == 3 and part.parts[1].kind == "list" and not part.parts[1].parts:  # max(A, [], 1)
            return self._along(over_axes, self.node(part.parts[0]), part.parts[2])
        values = [self.node(p) for p in part.parts]
        if len(values) < 2:
            return self._applied(over_axes, values, self._options(part))
        if self._is_axis(part, values):
            return self._along(over_axes, values[0], part.parts[1], f"; for each entry write {of_two}({{}}, {{}})")
        result = values[0]
        for value in values[1:]:
            result = FUNCTIONS[of_two](result, value)
        return result

    def _is_axis(self, part: Part, values: Sequence[Node]) -> bool:
        """Whether the second of two arguments is NumPy's axis, as in max(A, 1); max(A, 0) cuts off below 0."""
        axis = part.parts[1]
        counts = self.syntax == "python" and len(values) == 2 and axis.kind == "number" and not part.options
        return counts and values[0].ndim > float(axis.value) >= 1 and axis.value.isdigit()

    def _call_norm(self, part: Part) -> Node:
        """`norm(x)`, `norm(x, 1)`, `norm(A, 'fro')`, `norm(x, inf)`: which norm is said by the second argument."""
        x, *given = part.parts
        node, options = self.node(x), dict(zip(("ord", "axis"), given, strict=False)) | dict(part.options)
        axis = {"axis": self._counted(options["axis"])} if "axis" in options else {}
        norms = VECTOR_NORMS if node.ndim < 2 or axis else MATRIX_NORMS
        kind = options["ord"].value if "ord" in options else next(iter(norms))
        if kind not in norms or len(given) > 2 or options.keys() - {"ord", "axis"}:
            raise FormulaError(
                f"{self.text[part.start : part.end]} has no form here; there are norm2(x), the Euclidean or "
                "Frobenius norm, norm1(x), the sum of absolute values, and max(abs(x))"
            )
        return norms[kind](node, **axis)

    def _call_concat(self, part: Part) -> Node:
        listed = part.parts[0].parts if part.parts and part.parts[0].kind == "list" else part.parts
        return self._applied("concat", [[self.node(p) for p in listed]], self._options(part))

    def _call_reshape(self, part: Part) -> Node:
        return FUNCTIONS["reshape"](self.node(part.parts[0]), tuple(map(self._axis, part.parts[1:])))

    def _call_matpow(self, part: Part) -> Node:
        return FUNCTIONS["matpow"](self.node(part.parts[0]), self._whole(part.parts[1]))

    def _call_full(self, part: Part) -> Node:
        shape, value = part.parts
        return full(tuple(map(self._axis, shape.parts)), self.node(value), dtype=self.scope.dtype)

    def _call_clip(self, part: Part) -> Node:
        x, *bounds = part.parts
        return self._applied("clip", [self.node(x), *map(self._real, bounds)], self._options(part))

    def _call_einsum(self, part: Part) -> Node:
        letters, *operands = part.parts
        if letters.kind != "text":
            raise FormulaError('einsum begins with its letters, as in einsum("ij,j->i", W, x)')
        sizes = {name: self._axis(p) for option, d in part.options if option == "sizes" for name, p in d.options}
        return FUNCTIONS["einsum"](letters.value, *map(self.node, operands), sizes=sizes)

    def _call_float32(self, part: Part) -> Node:
        return FUNCTIONS["cast"](self.node(part.parts[0]), FLOAT32)

    def _call_float64(self, part: Part) -> Node:
        return FUNCTIONS["cast"](self.node(part.parts[0]), FLOAT64)

    # ── arguments that are no expressions ─────────────────────────────────────────────────────────────

    def _source(self, part: Part) -> str:
        return self.text[part.start : part.end].strip("()")

    def _axis(self, part: Part) -> Axis:
        return axis(self._whole(part)) if part.kind == "number" else self.scope.dimension(axis(self._source(part)))

    def _real(self, part: Part) -> float:
        if part.kind == "prefix" and part.value == "-":
            return -self._real(part.parts[0])
        if part.kind != "number":
            raise FormulaError(f"a number is needed here{underlined(self.text, part.start, part.end)}")
        return float(part.value)

    def _whole(self, part: Part) -> int:
        value = self._real(part)
        if not math.isfinite(value) or value != int(value):
            raise FormulaError(f"a whole number is needed here{underlined(self.text, part.start, part.end)}")
        return int(value)
