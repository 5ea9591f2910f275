"""One entry of a value as an expression of Python, at given indices: what loops are made of.

A value that is stored is read, `h[i, j]`; any other is written out in terms of what it is computed from, so that a
chain of entry-wise operations becomes one line of a loop and needs no memory.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from chainrule.algebra.contract import letters_of
from chainrule.algebra.node import Node
from chainrule.algebra.signature import FLOAT32, Axis, DType

Index = tuple[str, ...]


class Scribe:
    """Writes entries; `stored` holds the text of every value that lies in memory or in a local variable."""

    def __init__(self, size: Callable[[Axis], str], number: Callable[[float, DType], str]) -> None:
        self.size = size
        self.number = number
        self.stored: dict[Node, str] = {}
        self.local: dict[Node, str] = {}
        self.kernels: set[str] = set()

    def entry(self, node: Node, at: Index) -> str:
        """The entry of a value at these indices."""
        if node in self.local:
            return self.local[node]
        if node in self.stored:
            return f"{self.stored[node]}[{', '.join(at)}]" if at else self.stored[node]
        return ENTRIES[node.op.name](self, node, at)

    def operands(self, node: Node, at: Index) -> list[str]:
        """The entries of operands that meet entry by entry; an axis of size 1 is read at 0."""
        return [self.entry(x, met(x, node, at)) for x in node.inputs]

    def kernel(self, name: str, dtype: DType) -> str:
        """The name of a function of one number in this dtype."""
        kernel = f"{name}{32 if dtype == FLOAT32 else 64}"
        self.kernels.add(kernel)
        return kernel


def met(x: Node, node: Node, at: Index) -> Index:
    """The indices of an operand of an entry-wise operation."""
    first = node.ndim - x.ndim
    return tuple("0" if a == 1 and node.shape[first + k] != 1 else at[first + k] for k, a in enumerate(x.shape))


Entry = Callable[[Scribe, Node, Index], str]


def _infix(sign: str) -> Entry:
    def write(scribe: Scribe, node: Node, at: Index) -> str:
        a, b = scribe.operands(node, at)
        return f"({a} {sign} {b})"

    return write


def _template(text: str) -> Entry:
    """Operands put in for {0}, {1} …; an operand that is needed twice is a name or an entry."""
    return lambda scribe, node, at: "(" + text.format(*scribe.operands(node, at), **_numbers(scribe, node)) + ")"


def _numbers(scribe: Scribe, node: Node) -> dict[str, str]:
    dtype = node.dtype if node.dtype.kind == "f" else np.dtype(np.float64)
    values = {"zero": 0.0, "one": 1.0, "half": 0.5}
    values |= {k: float(v) for k, v in node.attrs.items() if k in ("slope", "low", "high")}
    return {name: scribe.number(value, dtype) for name, value in values.items()}


def _kernel(scribe: Scribe, node: Node, at: Index) -> str:
    return f"{scribe.kernel(node.op.name, node.dtype)}({', '.join(scribe.operands(node, at))})"


def _power(scribe: Scribe, node: Node, at: Index) -> str:
    base, exponent = scribe.operands(node, at)
    kind = node.inputs[1]
    p = float(kind.attrs["data"].array) if kind.op.name == "constant" and not kind.shape else None
    if p is not None and p == int(p) and 2 <= abs(p) <= 4 and "(" not in base:
        product = " * ".join([base] * int(abs(p)))
        return f"({product})" if p > 0 else f"({scribe.number(1.0, node.dtype)} / ({product}))"
    return f"{scribe.kernel('power', node.dtype)}({base}, {exponent})"


def _cast(scribe: Scribe, node: Node, at: Index) -> str:
    (x,) = node.inputs
    text = scribe.entry(x, at)
    if x.dtype.kind == "b":
        return f"({scribe.number(1.0, node.dtype)} if {text} else {scribe.number(0.0, node.dtype)})"
    return text if x.dtype == node.dtype else f"{node.dtype.name}({text})"


def _product(scribe: Scribe, node: Node, at: Index) -> str:
    """A product without a sum: factors at their own letters; off a diagonal it is 0."""
    ins, out = letters_of(node.attrs["letters"])
    place: dict[str, str] = {}
    equal: list[str] = []
    for c, i in zip(out, at, strict=True):
        if c in place and place[c] != i:
            equal.append(f"{place[c]} == {i}")
        place.setdefault(c, i)
    factors = [scribe.entry(x, tuple(place[c] for c in term)) for term, x in zip(ins, node.inputs, strict=True)]
    text = " * ".join(factors)
    text = f"({text})" if len(factors) > 1 else text
    return f"({text} if {' and '.join(equal)} else {scribe.number(0.0, node.dtype)})" if equal else text


def _constant(scribe: Scribe, node: Node, at: Index) -> str:
    array = node.attrs["data"].array
    if node.dtype.kind == "b":
        return str(bool(array))
    return scribe.number(float(array), node.dtype) if node.dtype.kind == "f" else str(int(array))


def _size(scribe: Scribe, node: Node, at: Index) -> str:
    return f"{node.dtype.name}({scribe.size(node.attrs['axis'])})"


def _slice(scribe: Scribe, node: Node, at: Index) -> str:
    (x,), cuts = node.inputs, node.attrs["cuts"]
    front = node.ndim - len(cuts)
    moved = []
    for (start, _, step), i in zip(cuts, at[front:], strict=True):
        text = i if step == 1 else f"{i} * {step}"
        moved.append(text if start == 0 else f"{scribe.size(start)} + {text}")
    return scribe.entry(x, (*at[:front], *moved))


def _unit_axes(scribe: Scribe, node: Node, at: Index) -> str:
    """A reshape that adds or drops axes of size 1."""
    (x,) = node.inputs
    kept = iter(i for i, a in zip(at, node.shape, strict=True) if a != 1)
    return scribe.entry(x, tuple("0" if a == 1 else next(kept) for a in x.shape))


def _commutation(scribe: Scribe, node: Node, at: Index) -> str:
    """1 where row i·n + j meets column j·m + i, for vec(Aᵀ) = K vec(A) and A m×n."""
    m, n = (scribe.size(node.attrs[k]) for k in "mn")
    p, q = at
    one, zero = (scribe.number(v, node.dtype) for v in (1.0, 0.0))
    return f"({one} if {p} // {n} == {q} % {m} and {p} % {n} == {q} // {m} else {zero})"


def _take(scribe: Scribe, node: Node, at: Index) -> str:
    x, rows = node.inputs
    front = node.attrs["batch"]
    row = scribe.entry(rows, at[: rows.ndim])
    return scribe.entry(x, (*at[:front], row, *at[rows.ndim :]))


CHEAP = frozenset(
    (
        *("constant", "size", "cast", "less", "less_equal", "equal", "both", "either", "opposite"),
        *("negative", "slice", "reshape", "take", "product", "row"),
    )
)
"""Operations that are rather written out twice than stored."""

KERNELS = ("exp", "log", "log1p", "expm1", "sqrt", "tanh", "sin", "cos", "erf", "sigmoid", "softplus")
"""Functions of one number that are called by name and dtype, `tanh32`."""

ENTRIES: Mapping[str, Entry] = {
    "add": _infix("+"),
    "subtract": _infix("-"),
    "divide": _infix("/"),
    "less": _infix("<"),
    "less_equal": _infix("<="),
    "equal": _infix("=="),
    "both": _infix("and"),
    "either": _infix("or"),
    "opposite": _template("not {0}"),
    "negative": _template("-{0}"),
    "where": _template("{1} if {0} else {2}"),
    "relu": _template("{zero} if {0} <= {zero} else {0}"),
    "leaky_relu": _template("{slope} * {0} if {0} <= {zero} else {0}"),
    "parametric_relu": _template("{1} * {0} if {0} <= {zero} else {0}"),
    "hard_tanh": _template("-{one} if {0} < -{one} else ({one} if {0} > {one} else {0})"),
    "clip": _template("{low} if {0} < {low} else ({high} if {0} > {high} else {0})"),
    "maximum": _template("{0} if {0} >= {1} or {0} != {0} else {1}"),
    "minimum": _template("{0} if {0} <= {1} or {0} != {0} else {1}"),
    "abs": _template("abs({0})"),
    "sign": _template(
        "{zero} if {0} == {zero} else ({one} if {0} > {zero} else (-{one} if {0} < {zero} else {0}))"
    ),
    **dict.fromkeys(KERNELS, _kernel),
    "power": _power,
    "cast": _cast,
    "product": _product,
    "constant": _constant,
    "size": _size,
    "slice": _slice,
    "reshape": _unit_axes,
    "take": _take,
    "commutation": _commutation,
    "row": lambda scribe, node, at: scribe.entry(node.inputs[0], at),
}
"""How an entry of each operation is written; an operation that is not here is stored, by `statements`."""


def is_written_out(node: Node) -> bool:
    """Whether an entry of a node can be written from entries of its inputs, without a sum."""
    if node.op.name not in ENTRIES:
        return False
    if node.op.name == "product":
        ins, out = letters_of(node.attrs["letters"])
        return set("".join(ins)) <= set(out)
    if node.op.name == "reshape":
        (x,) = node.inputs
        return [a for a in node.shape if a != 1] == [a for a in x.shape if a != 1]
    return node.op.name != "constant" or not node.shape


def operands_twice(node: Node) -> Sequence[int]:
    """The operands whose entries are written more than once."""
    return _TWICE.get(node.op.name, ())


_TWICE: Mapping[str, Sequence[int]] = {
    **dict.fromkeys(("relu", "sign", "clip", "power", "leaky_relu", "parametric_relu", "hard_tanh"), (0,)),
    **dict.fromkeys(("maximum", "minimum"), (0, 1)),
}
