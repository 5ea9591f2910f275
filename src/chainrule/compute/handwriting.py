"""Handwriting: expressions together with the text that writes them, put together in somebody's own signs.

A form is never guessed at: it has a node, made by the reader's own operations, beside its text.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from chainrule.algebra.formula import Syntax
from chainrule.algebra.functions import FUNCTIONS
from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.node import CONSTANT, SIZE, Node, constant, topological
from chainrule.algebra.notation import write
from chainrule.algebra.operand import lift
from chainrule.algebra.phrase import ATOM, BINDING, ENTRYWISE, POWER, PREFIX, SUM, number
from chainrule.algebra.signs import INFIX, Infix, is_row
from chainrule.errors import ChainruleError


class Edit(NamedTuple):
    """A small change of a text: its place there, the mistake that it mends, and how unusual that mistake is."""

    start: int
    end: int
    reason: str
    rank: float


class Form(NamedTuple):
    """An expression as somebody writes it; the node is None where it does not type-check."""

    text: str
    power: int
    node: Node | None
    edits: tuple[Edit, ...] = ()

    @property
    def cost(self) -> tuple[int, float, int]:
        """How far it is from what was written: the number of edits, how unusual they are, how much they cover."""
        return len(self.edits), sum(edit.rank for edit in self.edits), sum(e.end - e.start for e in self.edits)

    def edited(self, edit: Edit) -> "Form":
        """The same form, reached by one more edit."""
        return self._replace(edits=(*self.edits, edit))


def wrapped(form: Form, power: int) -> str:
    """The text, in parentheses if it holds together less tightly than its surroundings need."""
    return form.text if form.power >= power else f"({form.text})"


def bare(form: Form) -> str:
    """The text without parentheses around the whole of it."""
    text, depth = form.text, 0
    for place, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if not depth and (place < len(text) - 1 or sign != ")"):
            return text
    return text[1:-1]


def on_paper(a: Node, b: Node) -> Node:
    """The product `a @ b`, where a column times a row is the outer product that it is on paper."""
    if a.ndim == b.ndim == 1 and is_row(b) and not is_row(a):
        return FUNCTIONS["outer"](a, b)
    return FUNCTIONS["matmul"](a, b)


SIGNS: Mapping[Syntax, Mapping[str, Infix]] = {
    "python": {**INFIX["python"], "@": on_paper},
    "matlab": {**INFIX["matlab"], "@": on_paper},
}

MINUS = SUM + 1
"""A minus holds all that is multiplied behind it: -W x is -(W x)."""

ENTRY_SIGNS = frozenset(("*", ".*", "⊙", "·"))


class Handwriting:
    """The signs in which a text is written: for products, transposes and powers."""

    def __init__(self, text: str, syntax: Syntax) -> None:
        self.syntax = syntax
        self.signs = SIGNS[syntax]
        matlab = syntax == "matlab"
        paper = bool(re.search("[⊙ᵀ⊤⁻⁰¹²³⁴⁵⁶⁷⁸⁹]", text))
        self.entry = "⊙" if "⊙" in text else ".*" if matlab else "*"
        self.matrix = "beside" if paper and not re.search("[@*]", text) else "*" if matlab else "@"
        self.scalar = "beside" if self.matrix == "beside" else "*"
        self.mark = "ᵀ" if paper and not re.search(r"'|\.T\b", text) else "'" if matlab else ".T"
        self.square = "²" if paper else ".^2" if matlab else "**2"

    # ── leaves ────────────────────────────────────────────────────────────────────────────────────────

    def number(self, value: float) -> Form:
        """A number."""
        text = number(value).text
        return Form(text, PREFIX if text.startswith("-") else ATOM, constant(value))

    def name(self, name: str, node: Node) -> Form:
        """A name and what it stands for."""
        return Form(name, ATOM, node)

    # ── operations ────────────────────────────────────────────────────────────────────────────────────

    def join(self, sign: str, a: Form, b: Form) -> Form:
        """`a sign b`; a column times a row is written as an outer product."""
        if sign == "@" and _column_times_row(a, b):
            return self.outer(a, self.column(b))
        power = BINDING[sign]
        right = POWER if sign == "beside" else power + 1
        between = " " if sign == "beside" else f" {sign} "
        text = wrapped(a, power) + between + wrapped(b, right)
        plain = "" if sign == "*" and self.syntax == "matlab" else sign
        node = made(self.signs[sign], a, b) if fits(plain, a, b) else None
        return Form(text, power, node, a.edits + b.edits)

    def plus(self, a: Form, b: Form) -> Form:
        """a + b."""
        return self.minus(a, self.negative(b)) if b.text.startswith("-") else self.join("+", a, b)

    def minus(self, a: Form, b: Form) -> Form:
        """a − b."""
        return self.plus(a, self.negative(b)) if b.text.startswith("-") else self.join("-", a, b)

    def times(self, a: Form, b: Form) -> Form:
        """The product entry by entry; a number scales."""
        scales = 0 in (_ndim(a), _ndim(b))
        return self.join(self.scalar if scales else self.entry, a, b)

    def over(self, a: Form, b: Form) -> Form:
        """a / b, entry by entry."""
        return self.join("./" if self.syntax == "matlab" and _ndim(b) else "/", a, b)

    def product(self, a: Form, b: Form) -> Form:
        """The matrix product; of two vectors the inner product."""
        if _ndim(a) == _ndim(b) == 1:
            return self.join(self.matrix, self.row(a), self.column(b))
        return self.join(self.matrix, a, b)

    def outer(self, a: Form, b: Form) -> Form:
        """The outer product of two vectors."""
        a, b = self.column(a), self.column(b)
        if self.matrix == "@":
            return self.call("outer", a, b)
        return self.join(self.matrix, a, self.row(b))

    def turned(self, a: Form) -> Form:
        """The transpose; of a vector, the row or the column that it was not."""
        plain = self._unmarked(a)
        if plain is not None:
            return plain
        return Form(wrapped(a, ATOM) + self.mark, ATOM, made(FUNCTIONS["transpose"], a), a.edits)

    def row(self, a: Form) -> Form:
        """A vector as a row."""
        return a if a.node is not None and is_row(a.node) else self.turned(a)

    def column(self, a: Form) -> Form:
        """A vector as a column."""
        if a.node is None or not is_row(a.node):
            return a
        return self._unmarked(a) or a._replace(node=lift(a.node))

    def _unmarked(self, a: Form) -> Form | None:
        if a.power != ATOM or a.node is None or not a.text.endswith(self.mark):
            return None
        text = a.text[: -len(self.mark)]
        power = POWER if text.endswith(self.mark) else ATOM
        return Form(text, power, lift(a.node) if is_row(a.node) else made(FUNCTIONS["transpose"], a), a.edits)

    def negative(self, a: Form) -> Form:
        """−a."""
        node = made(FUNCTIONS["negative"], a)
        if a.text.startswith("-") and a.power >= MINUS:
            return Form(a.text[1:].lstrip(), ENTRYWISE if a.power == MINUS else a.power, node, a.edits)
        return Form("-" + wrapped(a, ENTRYWISE), MINUS, node, a.edits)

    def squared(self, a: Form) -> Form:
        """a², entry by entry."""
        text, power = wrapped(a, POWER + 1) + self.square, ATOM if self.square == "²" else POWER
        return Form(text, power, made(lambda x: FUNCTIONS["power"](x, constant(2.0)), a), a.edits)

    def call(self, name: str, *arguments: Form, axis: int | None = None) -> Form:
        """name(a, b), name(a, axis=0)."""
        options = {} if axis is None else {"axis": axis}
        inside = ", ".join([*(bare(a) for a in arguments), *(f"{key}={value}" for key, value in options.items())])
        edits = tuple(edit for a in arguments for edit in a.edits)
        node = made(lambda *nodes: FUNCTIONS[name](*nodes, **options), *map(self.column, arguments))
        return Form(f"{name}({inside})", ATOM, node, edits)

    # ── expressions that nobody wrote yet ─────────────────────────────────────────────────────────────

    def written(self, root: Node, known: Mapping[Node, Form]) -> Form:
        """An expression in this handwriting; parts that are known are written as they are known."""
        forms: dict[Node, Form] = {}
        for node in topological([root]):
            found = (
                known.get(node) or self._mean(node, forms) or self._written(node, [forms[i] for i in node.inputs])
            )
            forms[node] = found if found.node is node else Form(write(node), 0, node)
        return forms[root]

    def _mean(self, node: Node, forms: Mapping[Node, Form]) -> Form | None:
        """mean(x), which is the sum of x over a size."""
        if node.op.name != "divide" or node.inputs[1].op is not SIZE or len(node.inputs[0].inputs) != 1:
            return None
        x = forms[node.inputs[0].inputs[0]]
        means = [self.call("mean", x), *(self.call("mean", x, axis=k) for k in range(_ndim(x)))]
        return next((form for form in means if form.node is node), None)

    def _written(self, node: Node, inputs: list[Form]) -> Form:
        name = node.op.name
        if node.op is CONSTANT and not node.ndim:
            return self.number(float(node.attrs["data"].array))
        if node.op is SIZE and str(node.attrs["axis"]).isidentifier():
            return self.name(str(node.attrs["axis"]), node)
        if name in _SIGNED:
            return _SIGNED[name](self, *inputs)
        if name == "power" and inputs[1].text == "2":
            return self.squared(inputs[0])
        if node.op is PRODUCT_OP:
            return next((f for f in self._products(node, inputs) if f.node is node), _NOTHING)
        if name in FUNCTIONS and len(inputs) == 1 and node.attrs.keys() <= {"axes"}:
            return self.call(name, *inputs)
        return _NOTHING

    def _products(self, node: Node, inputs: list[Form]) -> list[Form]:
        """What a product may be, in the signs of this hand; the one that is the node is right."""
        if len(inputs) == 1:
            (a,) = inputs
            sums = [self.call("sum", a, axis=k) for k in range(_ndim(a))]
            return [self.turned(a), self.call("sum", a), *sums, self.call("diag", a), self.call("trace", a)]
        if len(inputs) != 2:
            return []
        (a, b), turned = inputs, [self.turned(x) for x in inputs]
        if _ndim(a) == _ndim(b) == 1:
            return [self.times(a, b), self.outer(a, b), self.outer(b, a), self.product(a, b)]
        pairs = [(x, y) for x in (a, turned[0]) for y in (b, turned[1])]
        diagonal = [self.product(self.call("diag", a), b), self.product(a, self.call("diag", b))]
        products = [self.product(x, y) for x, y in (*pairs, *((y, x) for x, y in pairs))]
        return [*(self.times(x, y) for x, y in pairs), *products, *diagonal]


_NOTHING = Form("", 0, None)

_SIGNED: Mapping[str, Callable[..., Form]] = {
    "negative": Handwriting.negative,
    "add": Handwriting.plus,
    "subtract": Handwriting.minus,
    "divide": Handwriting.over,
}


def made(operation: Callable[..., Node], *forms: Form) -> Node | None:
    """The node of an operation; None where it does not type-check."""
    nodes = [form.node for form in forms]
    if any(node is None for node in nodes):
        return None
    try:
        return operation(*nodes)
    except (ChainruleError, TypeError, KeyError, IndexError):  # operands that do not fit, or too many, or too few
        return None


def fits(sign: str, a: Form, b: Form) -> bool:
    """Whether two operands may fit together; so that no error is written about the many that do not."""
    if a.node is None or b.node is None:
        return False
    left, right = a.node.shape, b.node.shape
    if sign == "@":
        inner = bool(left and right) and left[-1] == right[max(len(right) - 2, 0)]
        return inner or _column_times_row(a, b)
    if sign not in ("+", "-", *ENTRY_SIGNS):
        return True
    return all(m == k or 1 in (m, k) for m, k in zip(reversed(left), reversed(right), strict=False))


def _ndim(form: Form) -> int:
    return -1 if form.node is None else form.node.ndim


def _column_times_row(a: Form, b: Form) -> bool:
    if a.node is None or b.node is None or not a.node.ndim == b.node.ndim == 1:
        return False
    return is_row(b.node) and not is_row(a.node)
