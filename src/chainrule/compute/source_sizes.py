"""The lines that read sizes off the inputs: `m, n = A.shape`, `n = x.shape[0]`, `n = W.shape[1] // 3`."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import NamedTuple

from chainrule.algebra.node import Node
from chainrule.algebra.signature import Axis, Dim, shape_text
from chainrule.compute.source_forms import PRODUCT, Piece, minus, number, plus, raised, times, wrap
from chainrule.compute.source_names import Names
from chainrule.errors import GraphError


class Origin(NamedTuple):
    """Where the size of a dimension is read: an axis of an input, and the power in which it stands there."""

    node: Node
    place: int
    power: int


class Line(NamedTuple):
    """A line of the function: `target = text`."""

    target: str
    text: str


def size_text(of: Axis, names: Names) -> Piece:
    """The size of an axis: a number, `n`, `2 * n + 1`."""
    if not isinstance(of, Dim):
        return number(of)
    return reduce(plus, [_term(monomial, count, names) for monomial, count in of.terms])


def _term(monomial: Sequence[str], count: int, names: Names) -> Piece:
    powers = {dim: monomial.count(dim) for dim in monomial}
    factors = [raised(Piece(names.of_size(dim), kind="whole"), number(k)) for dim, k in powers.items()]
    return reduce(times, factors, number(count))


def size_lines(inputs: Sequence[Node], names: Names, used: set[str]) -> list[Line]:
    """A line for every size that is used. Raises GraphError where no input tells it."""
    origins = _origins(inputs)
    needed = [dim for dim, ident in names.sizes.items() if ident in used]
    for dim in needed:  # grows by the sizes that others are computed from
        if dim not in origins:
            shown = ", ".join(f"{n.attrs['name']} ({shape_text(n.shape)})" for n in inputs if n.ndim)
            told = f"not told by {shown}" if shown else "told by no input"
            raise GraphError(f"the size {dim} is {told}; give an input that has an axis {dim}")
        axis = origins[dim].node.shape[origins[dim].place]
        needed += [d for d in sorted(_names(axis)) if d not in needed]
    lines, done = [], set()
    for dim, origin in origins.items():
        if dim in needed and dim not in done:
            together = _unpacked(origin.node, origins, needed)
            lines.append(_whole_shape(origin.node, names) if together else _line(dim, origin, names))
            done |= _names(*origin.node.shape) if together else {dim}
    return lines


def _names(*shape: Axis) -> set[str]:
    return {name for a in shape if isinstance(a, Dim) for name in a.names}


def _origins(inputs: Sequence[Node]) -> Mapping[str, Origin]:
    """For every dimension the axis that tells it most directly, in an order of computing."""
    found: dict[str, Origin] = {}
    axes = [(node, k, a) for node in inputs for k, a in enumerate(node.shape) if isinstance(a, Dim)]
    for node, k, a in axes:
        if _is_plain(a):
            found.setdefault(str(a), Origin(node, k, 1))
    before = -1
    while len(found) > before:
        before = len(found)
        for node, k, a in axes:
            open_names = a.names - found.keys()
            if len(open_names) == 1 and (power := _power(a, dim := next(iter(open_names)))):
                found[dim] = Origin(node, k, power)
    return found


def _is_plain(a: Axis) -> bool:
    return isinstance(a, Dim) and a.terms == (((str(a),), 1),)


def _power(a: Dim, dim: str) -> int:
    """The power in which a name stands in a sum, if it is one and the same wherever it stands; else 0."""
    powers = {monomial.count(dim) for monomial, _ in a.terms} - {0}
    return powers.pop() if len(powers) == 1 else 0


def _unpacked(node: Node, origins: Mapping[str, Origin], needed: Sequence[str]) -> bool:
    """Whether a shape is read whole: `m, n = A.shape`."""
    plain = all(_is_plain(a) and str(a) in needed and origins[str(a)].node is node for a in node.shape)
    return plain and len(set(node.shape)) == node.ndim > 1


def _whole_shape(node: Node, names: Names) -> Line:
    return Line(", ".join(names.of_size(str(a)) for a in node.shape), f"{names.of(node.attrs['name'])}.shape")


def _line(dim: str, origin: Origin, names: Names) -> Line:
    """`dim` from  size = rest + count · dim^power ."""
    size = Piece(f"{names.of(origin.node.attrs['name'])}.shape[{origin.place}]", kind="whole", cost=1)
    axis = origin.node.shape[origin.place]
    count, rest = number(0), number(0)
    for monomial, k in axis.terms if isinstance(axis, Dim) else ():
        others = [d for d in monomial if d != dim]
        term = _term(others, k, names)
        if dim in monomial:
            count = term if count.text == "0" else plus(count, term)
        else:
            rest = term if rest.text == "0" else plus(rest, term)
    left = size if rest.text == "0" else minus(size, rest)
    text = left.text if count.text == "1" else f"{wrap(left, PRODUCT)} // {wrap(count, PRODUCT + 1)}"
    root = {1: text, 2: f"round(({text}) ** 0.5)"}.get(origin.power, f"round(({text}) ** (1 / {origin.power}))")
    return Line(names.of_size(dim), root)
