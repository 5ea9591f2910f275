"""Selections and layouts as NumPy: reshape, take, scatter, slice, pad, join; values stretched to full shape."""

from collections.abc import Sequence
from typing import Protocol

from chainrule.algebra.contract import letters_of
from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.node import CONSTANT, Node, is_number
from chainrule.algebra.signature import Axis, Dim, Shape
from chainrule.algebra.slice import Cut
from chainrule.compute.source_forms import (
    ATOM,
    Piece,
    bounds,
    call,
    composed,
    index,
    is_one,
    laid,
    method,
    real,
    transposed,
    without,
)
from chainrule.compute.source_product import eye


class Scope(Protocol):
    """What a row may ask for."""

    def size(self, of: Axis) -> Piece:
        """The size of an axis."""

    def piece(self, node: Node) -> Piece:
        """The source of a node further down."""


# ── axes ──────────────────────────────────────────────────────────────────────────────────────────────


def full(scope: Scope, p: Piece, node: Node) -> Piece:
    """The piece with every axis of the node: `np.full((n, m), x)` where it would repeat itself."""
    every = range(-node.ndim, 0)
    missing = [a for a in every if a not in p.axes]
    if not missing:
        return p
    if p.axes and all(node.shape[a] == 1 for a in missing):
        places = [":" if a in p.axes else "None" for a in every]
        while places[-1] == ":":
            places.pop()
        return index(p, ", ".join(places)).at(tuple(every))
    text = shape(scope, node.shape)
    if p.text in ("0", "1"):
        return call("np.ones" if is_one(p) else "np.zeros", text).at(tuple(every))
    return call("np.full", text, real(laid(p, every))).at(tuple(every))


def shape(scope: Scope, axes: Shape) -> Piece:
    """A shape as an argument: `n`, `(n, m)`."""
    sizes = [scope.size(a) for a in axes]
    return sizes[0] if len(sizes) == 1 else composed(f"({', '.join(s.text for s in sizes)})", 100, sizes, cost=0)


# ── selections ────────────────────────────────────────────────────────────────────────────────────────


def reshaped(scope: Scope, node: Node, pieces: Sequence[Piece]) -> Piece:
    """`x.reshape(n, m)`, `X.flatten("F")` for vec X, `np.kron(A, B)`; nothing where axes of size 1 come or go."""
    (p,), x = pieces, node.inputs[0]
    if [a for a in x.shape if a != 1] == [a for a in node.shape if a != 1]:
        return _with_other_units(p, x, node)
    if found := _kron(scope, x, node):
        return found
    if node.ndim == 1:
        turned = x.op is PRODUCT_OP and x.attrs["letters"] == "ab->ba"
        source = x.inputs[0] if turned else x
        flat = full(scope, scope.piece(source), source)
        return method(flat, "flatten", '"F"').at((-1,)) if turned else method(flat, "ravel").at((-1,))
    sizes = [scope.size(a) for a in node.shape]
    return method(full(scope, p, x), "reshape", *(s.text for s in sizes)).at(tuple(range(-node.ndim, 0)))


def _with_other_units(p: Piece, x: Node, node: Node) -> Piece:
    """Axes of size 1 come and go by broadcasting alone."""
    for a in p.axes:
        if x.shape[a] == 1:
            p = without(p, a)
    before = [a for a in range(-x.ndim, 0) if x.shape[a] != 1]
    after = [a for a in range(-node.ndim, 0) if node.shape[a] != 1]
    place = dict(zip(before, after, strict=True))
    return p.at(tuple(place[a] for a in p.axes))


def _kron(scope: Scope, x: Node, node: Node) -> Piece | None:
    """`np.kron(A, B)` where all pairs of entries of two matrices are laid out block by block."""
    if x.op is not PRODUCT_OP or x.ndim != 4 or node.shape != (x.shape[0] * x.shape[1], x.shape[2] * x.shape[3]):
        return None
    ins, out = letters_of(x.attrs["letters"])
    blocks = (out[0] + out[2], out[1] + out[3])
    factors = [[(i, t) for i, t in zip(x.inputs, ins, strict=True) if set(t) & set(block)] for block in blocks]
    left, right = (_block(scope, *a) for a in zip(blocks, factors, x.shape, strict=False))
    ones = len(x.inputs) - sum(map(len, factors)) == sum(is_number(i, 1) for i in x.inputs)
    return call("np.kron", left, right).at((-2, -1)) if left and right and ones else None


def _block(scope: Scope, wanted: str, factors: Sequence[tuple[Node, str]], count: Axis) -> Piece | None:
    """The matrix with these two letters: a factor, its transpose, a diagonal, or the identity."""
    if not factors and wanted[0] == wanted[1]:
        return eye(scope.size(count))
    if len(factors) != 1 or sorted(set(factors[0][1])) != sorted(set(wanted)):
        return None
    ((node, term),) = factors
    p = full(scope, scope.piece(node), node)
    if len(term) == 1:
        return call("np.diag", p).at((-2, -1))
    return None if wanted[0] == wanted[1] else p if term == wanted else transposed(p)


def sliced(scope: Scope, node: Node, pieces: Sequence[Piece]) -> Piece:
    """`x[1:4]`; a single entry is `x[2]`."""
    (p,), x, cuts = pieces, node.inputs[0], node.attrs["cuts"]
    parts = [_cut(scope, *pair) for pair in zip(cuts, x.shape[x.ndim - len(cuts) :], strict=True)]
    by_axis = dict(zip(range(-len(cuts), 0), parts, strict=True))
    places = [by_axis.get(a, ":") for a in p.axes]
    rest = tuple(a for a, place in zip(p.axes, places, strict=True) if ":" in place)
    while places and places[-1] == ":":
        places.pop()
    return index(p, ", ".join(places)).at(rest) if places else p


def _cut(scope: Scope, cut: Cut, size: Axis) -> str:
    """Python's slice for the entries of one axis; a single entry is a number, and its axis goes."""
    start, length, step = cut
    if length == 0:
        return ":0"
    if length == 1:
        return _end(scope, start, size)
    stop = start + length * step
    past = isinstance(stop, int) and (stop < 0 or (step > 0 and isinstance(size, int) and stop >= size))
    first = "" if start == (0 if step > 0 else size - 1) else _end(scope, start, size)
    last = "" if past or stop == size else _end(scope, stop, size)
    return bounds(first, last, *([str(step)] if step != 1 else []))


def _end(scope: Scope, place: Axis, size: Axis) -> str:
    """A place on an axis, counted from the end where that is a number and from the front it is none."""
    back = size - place
    return f"-{back}" if isinstance(place, Dim) and isinstance(back, int) and back > 0 else scope.size(place).text


def padded(scope: Scope, node: Node, pieces: Sequence[Piece]) -> Piece:
    """`np.pad(x, (1, 2))`, zeros around the entries."""
    x, cuts, sizes = node.inputs[0], node.attrs["cuts"], node.attrs["shape"]
    p = real(_listed(scope, pieces[0], x))
    every = tuple(range(-node.ndim, 0))
    if any(cut.step != 1 for cut in cuts):
        places = [":"] * (node.ndim - len(cuts)) + [_range(scope, *c) for c in zip(cuts, sizes, strict=True)]
        where = Piece(f"np.s_[{', '.join(places)}]")
        return call("scatter", where, p, shape(scope, node.shape)).at(every)
    widths = [("0", "0")] * (node.ndim - len(cuts))
    for cut, size in zip(cuts, sizes, strict=True):
        widths.append((scope.size(cut.start).text, scope.size(size - cut.start - cut.length).text))
    pairs = [f"({a}, {b})" for a, b in widths]
    return call("np.pad", p, last=(pairs[0] if len(pairs) == 1 else f"({', '.join(pairs)})",)).at(every)


def _range(scope: Scope, cut: Cut, size: Axis) -> str:
    """The slice of a cut, also where it is a single entry."""
    text = _cut(scope, cut, size)
    return text if ":" in text else bounds(text, scope.size(cut.start + 1).text)


def _listed(scope: Scope, p: Piece, node: Node) -> Piece:
    """A full operand of a function that takes lists too: a single number is `[s]`."""
    if node.shape == (1,) and not p.axes:
        return composed(f"[{real(p).text}]", ATOM, [p], cost=0)
    return full(scope, p, node)


def joined(scope: Scope, node: Node, pieces: Sequence[Piece]) -> Piece:
    """`np.concatenate([x, y])`; `np.stack` and `np.array` where the parts have no axis of that kind."""
    axis = node.attrs["axis"]
    given = list(zip(pieces, node.inputs, strict=True))
    every = tuple(range(-node.ndim, 0))
    others = {a for a in every if a != axis}
    option = () if node.ndim + axis == 0 else (f"axis={node.ndim + axis}",)
    if all(x.shape[axis] == 1 and set(p.axes) == others for p, x in given):
        texts = [real(p) for p in pieces]
        name = "np.stack" if others else "np.array"
    else:
        texts = [real(_listed(scope, p, x)) for p, x in given]
        name = "np.concatenate"
    listed = composed(f"[{', '.join(p.text for p in texts)}]", ATOM, texts, cost=0)
    return call(name, listed, last=option).at(every)


def _rows(scope: Scope, rows: Node, p: Piece, batch: int) -> Piece:
    """Row numbers as an index, with the numbers of the batch before them."""
    if rows.op is CONSTANT:
        p = Piece(str(rows.attrs["data"].array.tolist()), axes=p.axes)
    if not batch:
        return p
    count = rows.ndim - 1
    fronts = [
        f"np.arange({scope.size(rows.shape[k]).text})" + (f"[:{', None' * (count - k)}]" if k < count else "")
        for k in range(batch)
    ]
    return composed(", ".join([*fronts, p.text]), 0, [p], cost=2 * batch)


def taken(scope: Scope, node: Node, pieces: Sequence[Piece]) -> Piece:
    """`x[rows]`."""
    table, rows = node.inputs
    where = _rows(scope, rows, pieces[1], node.attrs["batch"])
    found = index(full(scope, pieces[0], table), where.text)
    return found._replace(cost=found.cost + where.cost).at(tuple(range(-node.ndim, 0)))


def scattered(scope: Scope, node: Node, pieces: Sequence[Piece]) -> Piece:
    """`scatter(rows, values, (V, D))`, rows that meet are added."""
    rows, values = node.inputs
    where = _rows(scope, rows, pieces[0], node.attrs["batch"])
    where = where._replace(text=f"({where.text})" if where.power == 0 else where.text)
    laid_out = real(full(scope, pieces[1], values))
    return call("scatter", where._replace(kind="real"), laid_out, shape(scope, node.shape)).at(
        tuple(range(-node.ndim, 0))
    )
