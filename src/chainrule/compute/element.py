"""One entry of a value as an expression of Python, at given indices: what loops are made of.

A value that is stored is read, `h[i, j]`; any other is written out in terms of what it is computed from, so that a
chain of entry-wise operations becomes one line of a loop and needs no memory.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule.algebra.contract import letters_of
from chainrule.algebra.node import CONSTANT, Node
from chainrule.algebra.signature import BOOLEAN, FLOAT32, FLOATS, Axis, DType

Index = tuple[str, ...]

CHOICE, OR, AND, NOT, COMPARE = 1, 12, 14, 3, 5  # Python's binding powers; comparisons under | and & are wrapped
SUM, PRODUCT, SIGN, POWER, ATOM = 20, 30, 40, 50, 100


class Text(NamedTuple):
    """An expression, and how tightly it holds together."""

    text: str
    power: int = ATOM

    def within(self, power: int) -> str:
        """The text, in parentheses if its surroundings would pull it apart."""
        return self.text if self.power >= power else f"({self.text})"

    @property
    def is_plain(self) -> bool:
        """Whether it is a name or a number, which may stand anywhere and any number of times."""
        return re.fullmatch(r"-?[\w.]+", self.text) is not None


class Scribe:
    """Writes entries; `stored` holds the text of every value that lies in memory or is a number with a name.

    `local` holds the names that are good for one turn of a loop: of a node, or of a node at an index.
    """

    def __init__(self, size: Callable[[Axis], str], number: Callable[[float, DType], str]) -> None:
        self.size = size
        self.number = number
        self.stored: dict[Node, str] = {}
        self.local: dict[Any, str] = {}
        self.kernels: set[str] = set()

    def entry(self, node: Node, at: Index) -> str:
        """The entry of a value at these indices."""
        return self.text(node, at).text

    def text(self, node: Node, at: Index) -> Text:
        """The entry of a value, as a part of an expression."""
        name = self.local.get((node, at)) or self.local.get(node)
        if name is not None:
            return Text(name)
        if node in self.stored:
            return Text(f"{self.stored[node]}[{', '.join(at)}]" if at else self.stored[node])
        return self.formed(node, at)

    def formed(self, node: Node, at: Index) -> Text:
        """The entry as it is computed, though its value be stored."""
        form = ENTRIES[node.op.name]
        return form.write(self, node, at, [self.text(x, place) for x, place in form.reads(self, node, at)])

    def read_by(self, node: Node, at: Index) -> list[tuple[Node, Index]]:
        """The entries that an entry is written from; none for one that has a name or lies in memory."""
        if (node, at) in self.local or node in self.local or node in self.stored:
            return []
        return ENTRIES[node.op.name].reads(self, node, at)

    def kernel(self, name: str, dtype: DType) -> str:
        """The name of a function of numbers in this dtype."""
        kernel = f"{name}{32 if dtype == FLOAT32 else 64}"
        self.kernels.add(kernel)
        return kernel


def met(x: Node, node: Node, at: Index) -> Index:
    """The indices of an operand of an entry-wise operation; an axis of size 1 is read at 0."""
    first = node.ndim - x.ndim
    return tuple("0" if a == 1 and node.shape[first + k] != 1 else at[first + k] for k, a in enumerate(x.shape))


Reads = Callable[[Scribe, Node, Index], list[tuple[Node, Index]]]
Write = Callable[[Scribe, Node, Index, Sequence[Text]], Text]


def _each(scribe: Scribe, node: Node, at: Index) -> list[tuple[Node, Index]]:
    return [(x, met(x, node, at)) for x in node.inputs]


@dataclass(frozen=True)
class Entry:
    """How an entry is written from entries of the operands.

    names   operands that stand in it twice or behind a condition: they are computed before, once, without a branch
    """

    write: Write
    reads: Reads = _each
    names: tuple[int, ...] = ()


# ── forms ─────────────────────────────────────────────────────────────────────────────────────────────


def _infix(sign: str, power: int, *, chains: bool = False) -> Entry:
    def write(scribe: Scribe, node: Node, at: Index, parts: Sequence[Text]) -> Text:
        a, b = parts
        return Text(f"{a.within(power)} {sign} {b.within(power + (not chains))}", power)

    return Entry(write)


def _before(sign: str, power: int) -> Entry:
    return Entry(lambda scribe, node, at, p: Text(f"{sign}{p[0].within(power + 1)}", power))


def _choice(text: str, *names: int) -> Entry:
    """Operands put in for {0}, {1} …, and numbers for {zero}, {one}, {slope} …"""

    def write(scribe: Scribe, node: Node, at: Index, parts: Sequence[Text]) -> Text:
        shown = [p.within(PRODUCT if k in names else CHOICE + 1) for k, p in enumerate(parts)]
        return Text(text.format(*shown, **_numbers(scribe, node)), CHOICE)

    return Entry(write, names=names)


def _numbers(scribe: Scribe, node: Node) -> dict[str, str]:
    dtype = node.dtype if node.dtype in FLOATS else np.dtype(np.float64)
    values = {"zero": 0.0, "one": 1.0}
    values |= {k: float(v) for k, v in node.attrs.items() if k in ("slope", "low", "high")}
    return {name: scribe.number(value, dtype) for name, value in values.items()}


def _call(scribe: Scribe, node: Node, at: Index, parts: Sequence[Text]) -> Text:
    return Text(f"{scribe.kernel(node.op.name, node.dtype)}({', '.join(p.text for p in parts)})")


def _helper(name: str) -> Write:
    def write(scribe: Scribe, node: Node, at: Index, parts: Sequence[Text]) -> Text:
        scribe.kernels.add(name)
        return Text(f"{name}({', '.join(p.text for p in parts)})")

    return write


def _power(scribe: Scribe, node: Node, at: Index, parts: Sequence[Text]) -> Text:
    """A product of few factors, or one over it; a square root, where NumPy takes one; or a power of any number."""
    given = node.inputs[1]
    exponent = float(given.attrs["data"].array) if given.op is CONSTANT and not given.shape else np.nan
    if exponent == 0.5:
        return Text(f"{scribe.kernel('sqrt', node.dtype)}({parts[0].text})")
    if exponent not in (-4, -3, -2, -1, 2, 3, 4):
        return Text(f"{parts[0].within(POWER + 1)} ** {parts[1].within(POWER)}", POWER)
    p, base = int(exponent), parts[0].within(PRODUCT + 1)
    product = " * ".join([base] * abs(p))
    if p > 0:
        return Text(product, PRODUCT)
    return Text(f"{scribe.number(1.0, node.dtype)} / {f'({product})' if p < -1 else base}", PRODUCT)


def _cast(scribe: Scribe, node: Node, at: Index, parts: Sequence[Text]) -> Text:
    (p,) = parts
    if node.inputs[0].dtype == node.dtype:
        return p
    return (
        Text(f"{p.within(COMPARE + 1)} != 0", COMPARE)
        if node.dtype == BOOLEAN
        else Text(f"{node.dtype}({p.text})")
    )


def _factors(scribe: Scribe, node: Node, at: Index) -> list[tuple[Node, Index]]:
    ins, out = letters_of(node.attrs["letters"])
    place = dict(zip(reversed(out), reversed(at), strict=True))
    return [(x, tuple(place[c] for c in term)) for term, x in zip(ins, node.inputs, strict=True)]


def _product(scribe: Scribe, node: Node, at: Index, parts: Sequence[Text]) -> Text:
    """A product without a sum: factors at their own letters; off a diagonal it is 0."""
    out = letters_of(node.attrs["letters"])[1]
    place = dict(zip(reversed(out), reversed(at), strict=True))
    equal = [f"{i} == {place[c]}" for c, i in zip(out, at, strict=True) if place[c] != i]
    first, *others = parts
    text = " * ".join([first.within(PRODUCT), *(p.within(PRODUCT + 1) for p in others)])
    product = Text(text, PRODUCT) if others else first
    if not equal:
        return product
    zero = "False" if node.dtype == BOOLEAN else scribe.number(0.0, node.dtype) if node.dtype in FLOATS else "0"
    return Text(f"{product.within(CHOICE + 1)} if {' and '.join(equal)} else {zero}", CHOICE)


def _constant(scribe: Scribe, node: Node, at: Index, parts: Sequence[Text]) -> Text:
    array = node.attrs["data"].array
    if node.dtype == BOOLEAN:
        return Text(str(bool(array)))
    text = scribe.number(float(array), node.dtype) if node.dtype in FLOATS else str(int(array))
    return Text(text, SIGN if text.startswith("-") else ATOM)


def _size(scribe: Scribe, node: Node, at: Index, parts: Sequence[Text]) -> Text:
    return Text(f"{node.dtype}({scribe.size(node.attrs['axis'])})")


def _nothing(scribe: Scribe, node: Node, at: Index) -> list[tuple[Node, Index]]:
    return []


def _same(scribe: Scribe, node: Node, at: Index, parts: Sequence[Text]) -> Text:
    return parts[0]


def moved(scribe: Scribe, cuts: Sequence[Any], at: Index) -> Index:
    """Where the entries of a slice at these indices lie in the whole."""
    places = []
    for (start, _, step), i in zip(cuts, at, strict=True):
        inner = i if i.isidentifier() or i.isdecimal() else f"({i})"
        if i.isdecimal() and isinstance(start, int):
            places.append(str(start + int(i) * step))
            continue
        text = i if step == 1 else f"{inner} * {step}"
        places.append(text if start == 0 else f"{scribe.size(start)} + {text}")
    return tuple(places)


def _sliced(scribe: Scribe, node: Node, at: Index) -> list[tuple[Node, Index]]:
    (x,), cuts = node.inputs, node.attrs["cuts"]
    front = node.ndim - len(cuts)
    return [(x, (*at[:front], *moved(scribe, cuts, at[front:])))]


def _unit_axes(scribe: Scribe, node: Node, at: Index) -> list[tuple[Node, Index]]:
    """A reshape that adds or drops axes of size 1."""
    (x,) = node.inputs
    kept = iter(i for i, a in zip(at, node.shape, strict=True) if a != 1)
    return [(x, tuple("0" if a == 1 else next(kept) for a in x.shape))]


def _commutation(scribe: Scribe, node: Node, at: Index, parts: Sequence[Text]) -> Text:
    """1 where row i·n + j meets column j·m + i, for vec(Aᵀ) = K vec(A) and A m×n."""
    m, n = (scribe.size(node.attrs[k]) for k in "mn")
    p, q = (i if i.isidentifier() else f"({i})" for i in at)
    one, zero = (scribe.number(v, node.dtype) for v in (1.0, 0.0))
    return Text(f"{one} if {p} // {n} == {q} % {m} and {p} % {n} == {q} // {m} else {zero}", CHOICE)


def _taken(scribe: Scribe, node: Node, at: Index) -> list[tuple[Node, Index]]:
    x, rows = node.inputs
    front = node.attrs["batch"]
    row = scribe.text(rows, at[: rows.ndim])
    return [(x, (*at[:front], row.within(SUM), *at[rows.ndim :]))]


# ── the table ─────────────────────────────────────────────────────────────────────────────────────────

CHEAP = frozenset(
    (
        *("constant", "size", "cast", "less", "less_equal", "equal", "both", "either", "opposite"),
        *("negative", "slice", "reshape", "take", "product", "row"),
    )
)
"""Operations that are rather written out twice than stored."""

CALLS = ("exp", "log", "log1p", "expm1", "sqrt", "tanh", "sin", "cos", "erf", "sigmoid", "softplus")
"""Functions of one number that are called by name and dtype, `tanh32`."""

ENTRIES: Mapping[str, Entry] = {
    "add": _infix("+", SUM),
    "subtract": _infix("-", SUM),
    "divide": _infix("/", PRODUCT),
    "less": _infix("<", COMPARE),
    "less_equal": _infix("<=", COMPARE),
    "equal": _infix("==", COMPARE),
    "both": _infix("&", AND, chains=True),
    "either": _infix("|", OR, chains=True),
    "opposite": _before("not ", NOT),
    "negative": _before("-", SIGN),
    "where": _choice("{1} if {0} else {2}", 1, 2),
    "relu": _choice("{zero} if {0} <= {zero} else {0}", 0),
    "leaky_relu": _choice("{slope} * {0} if {0} <= {zero} else {0}", 0),
    "parametric_relu": _choice("{1} * {0} if {0} <= {zero} else {0}", 0, 1),
    "hard_tanh": _choice("-{one} if {0} < -{one} else {one} if {0} > {one} else {0}", 0),
    "clip": _choice("{low} if {0} < {low} else {high} if {0} > {high} else {0}", 0),
    "maximum": Entry(_helper("larger")),
    "minimum": Entry(_helper("smaller")),
    "abs": Entry(lambda scribe, node, at, p: Text(f"abs({p[0].text})")),
    "sign": _choice("{one} if {0} > {zero} else -{one} if {0} < {zero} else {0} - {0}", 0),
    **dict.fromkeys(CALLS, Entry(_call)),
    "power": Entry(_power, names=(0,)),
    "cast": Entry(_cast),
    "product": Entry(_product, _factors),
    "constant": Entry(_constant, _nothing),
    "size": Entry(_size, _nothing),
    "slice": Entry(_same, _sliced),
    "reshape": Entry(_same, _unit_axes),
    "take": Entry(_same, _taken),
    "commutation": Entry(_commutation, _nothing),
    "row": Entry(_same),
}
"""How an entry of each operation is written; an operation that is not here is stored, by `statements`."""


NARROW = 16
"""Entries of a row that are too few for the vectors of the processor."""


def is_flat(node: Node) -> bool:
    """Whether a function is called over the whole memory at once, because rows are shorter than vectors."""
    last = node.shape[-1] if node.ndim > 1 else NARROW
    return node.op.name in CALLS and isinstance(last, int) and last < NARROW


def is_written_out(node: Node) -> bool:
    """Whether an entry of a node can be written from entries of its inputs, without a sum."""
    if node.op.name not in ENTRIES or is_flat(node):
        return False
    if node.op.name == "product":
        ins, out = letters_of(node.attrs["letters"])
        return set("".join(ins)) <= set(out)
    if node.op.name == "reshape":
        (x,) = node.inputs
        return [a for a in node.shape if a != 1] == [a for a in x.shape if a != 1]
    return node.op.name != "constant" or not node.shape
