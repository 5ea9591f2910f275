"""Products by index letters as NumPy: `A @ x`, `np.outer(x, y)`, `x[:, None] * A`, `A.sum(0)`, or `np.einsum`.

A factor brings only the letters along which it varies; the others are left to broadcasting, so nothing is laid
out that need not be.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from string import ascii_letters
from typing import NamedTuple

from chainrule.algebra.contract import letters_of
from chainrule.algebra.signature import Axis, entries
from chainrule.compute.source_forms import (
    ATOM,
    PRODUCT,
    Piece,
    before,
    call,
    composed,
    is_negative,
    laid,
    method,
    negative,
    number,
    real,
    times,
    transposed,
    without,
    wrap,
)

Size = Callable[[Axis], Piece]


class Factor(NamedTuple):
    """A piece of source with a letter for each of its axes."""

    piece: Piece
    term: str


def product(letters: str, pieces: Sequence[Piece], lengths: Mapping[str, Axis], size: Size) -> Piece:
    """The product with these letters; `lengths` are the sizes of the letters, `size` writes one."""
    ins, out = letters_of(letters)
    factors = [Factor(p, "".join(term[a] for a in p.axes)) for p, term in zip(pieces, ins, strict=True)]
    if len(out) == 2 and out[0] == out[1] and any(out[0] in f.term for f in factors):
        return _diagonal(product(letters[:-1], pieces, lengths, size))
    out, eyes = _without_repeats(out, lengths, size)
    factors += eyes
    held = {c for f in factors for c in f.term}
    idle = [lengths[c] for c in dict.fromkeys("".join(ins)) if c not in held and c not in out and lengths[c] != 1]
    target = "".join(c for c in out if c in held)
    numbers = [f.piece for f in factors if not f.term] + [size(a) for a in idle]
    arrays = [f for f in factors if f.term]
    value = _folded(arrays, target, lengths, size) or _einsum(arrays, target)
    places = tuple(k - len(out) for k, c in enumerate(out) if c in held)
    return reduce(times, [*numbers, value.at(places)])


def _diagonal(p: Piece) -> Piece:
    inner = negative(p) if is_negative(p) else p
    laid_out = call("np.diag", inner).at((-2, -1))
    return negative(laid_out) if inner is not p else laid_out


def _without_repeats(out: str, lengths: Mapping[str, Axis], size: Size) -> tuple[str, list[Factor]]:
    """The letters of the value, each once: one that comes again becomes the other axis of an identity matrix."""
    spare = (c for c in ascii_letters if c not in lengths)
    unique, eyes = "", []
    for c in out:
        if c in unique:
            other = next(spare)
            eyes.append(Factor(eye(size(lengths[c])), c + other))
            c = other  # noqa: PLW2901 — from here on the axis has the new letter
        unique += c
    return unique, eyes


def eye(count: Piece) -> Piece:
    """The identity matrix."""
    return call("np.eye", count).at((-2, -1))


def _einsum(factors: Sequence[Factor], out: str) -> Piece:
    letters = ",".join(f.term for f in factors) + "->" + out
    own = dict.fromkeys(c for c in letters if c.isalpha())
    names = dict(zip(own, ascii_letters[8:] + ascii_letters[:8], strict=False))  # i, j, k …
    text = "".join(names.get(c, c) for c in letters)
    return call("np.einsum", Piece(f'"{text}"'), *(real(f.piece) for f in factors))


# ── factor by factor ──────────────────────────────────────────────────────────────────────────────────


def _folded(factors: Sequence[Factor], out: str, lengths: Mapping[str, Axis], size: Size) -> Piece | None:
    """The factors multiplied one after the other, the numbers first; None where NumPy has no plain form."""
    single = []
    for f in factors:
        others = out + "".join(g.term for g in factors if g is not f)
        alone = _alone(f, others, lengths, size)
        if alone is None:
            return None
        single.append(alone)
    scale = reduce(times, [f.piece for f in single if not f.term], number(1))
    rest = [f for f in single if f.term]
    if not rest:
        return scale
    value: Factor | None = rest[0]
    for k, f in enumerate(rest[1:], 2):
        value = value and _pair(value, f, out + "".join(g.term for g in rest[k:]), out)
    return value and times(scale, _arranged(value, out).at(tuple(range(-len(out), 0))))


def _alone(f: Factor, others: str, lengths: Mapping[str, Axis], size: Size) -> Factor | None:
    """The factor after what concerns it alone: its diagonal taken, the letters summed that nothing else has."""
    if len(set(f.term)) < len(f.term):
        if len(f.term) > 2:
            return None
        if f.term[0] not in others:
            return Factor(call("np.trace", f.piece).at(()), "")
        return Factor(call("np.diag", f.piece).at((-1,)), f.term[0])
    for c in f.term:
        if c not in others and lengths.get(c) == 1:
            place = f.piece.axes[f.term.index(c)]
            f = Factor(without(f.piece, place), f.term.replace(c, ""))
    gone = [k for k, c in enumerate(f.term) if c not in others]
    if not gone:
        return f
    count = size(entries(tuple(lengths[f.term[k]] for k in gone)))
    total = summed(f.piece, gone)._replace(mean=(count.text, totalled("mean", f.piece, gone)))
    return Factor(total, "".join(c for c in f.term if c in others))


def summed(p: Piece, places: Sequence[int]) -> Piece:
    """`np.sum(A)`, or `A.sum(0)` over some of the axes that the text has, numbered from 0."""
    if is_negative(p):
        return negative(summed(negative(p), places))
    return totalled("sum", p, places)._replace(kind="real" if p.kind == "real" else "whole")


def totalled(name: str, p: Piece, places: Sequence[int]) -> Piece:
    """`np.name(A)` over all axes that the text has, or `A.name(0)` over some of them."""
    rest = tuple(a for k, a in enumerate(p.axes) if k not in places)
    found = method(p, name, over(places)) if rest else call(f"np.{name}", p)
    return found._replace(kind="real").at(rest)


def over(places: Sequence[int]) -> str:
    """Axes as an argument: `0`, `(0, 1)`."""
    return str(places[0]) if len(places) == 1 else str(tuple(places))


def _arranged(f: Factor, out: str) -> Piece:
    """The axes in the order of the value."""
    if f.term == out:
        return f.piece
    if len(out) == 2:
        return transposed(f.piece)
    if is_negative(f.piece):
        return negative(_arranged(Factor(negative(f.piece), f.term), out))
    return method(f.piece, "transpose", ", ".join(str(f.term.index(c)) for c in out))


# ── two factors ───────────────────────────────────────────────────────────────────────────────────────


def _pair(f: Factor, g: Factor, needed: str, out: str) -> Factor | None:
    gone = [c for c in f.term if c in g.term and c not in needed]
    if not gone:
        return _side_by_side(f, g, out)
    if len(gone) == 1 and (found := _matrix_product(f, g, gone[0], needed, out)):
        return found
    if set(f.term) != set(g.term):
        return None
    right = _arranged(g, f.term)
    if len(gone) == len(f.term):
        return Factor(_signed(lambda a, b: call("np.vdot", a, b).at(()), f.piece, right), "")
    both = times(f.piece, right.at(f.piece.axes))
    rest = "".join(c for c in f.term if c not in gone)
    return Factor(summed(both, [k for k, c in enumerate(f.term) if c in gone]), rest)


def _signed(form: Callable[[Piece, Piece], Piece], a: Piece, b: Piece) -> Piece:
    """A product of two pieces with their signs in front of it."""
    if is_negative(a):
        return negative(_signed(form, negative(a), b))
    return negative(form(a, negative(b))) if is_negative(b) else form(a, b)


def _side_by_side(f: Factor, g: Factor, out: str) -> Factor | None:
    """No letter is summed: entry by entry, or all pairs."""
    letters = dict.fromkeys(f.term + g.term)
    order = "".join(sorted(letters, key=(out + "".join(letters)).index))
    if len(f.term) == len(g.term) == 1 and f.term != g.term:
        first, second = (f, g) if f.term == order[0] else (g, f)
        return Factor(_signed(_outer, first.piece, second.piece), order)
    left, right = (_on(h, order) for h in (f, g))
    if len(order) > 3 and left.cost + right.cost > f.piece.cost + g.piece.cost + 1:
        return None
    return Factor(times(left, right), order)


def _outer(a: Piece, b: Piece) -> Piece:
    return call("np.outer", a, b).at((-2, -1))


def _on(f: Factor, order: str) -> Piece:
    """A factor ready to meet others that have the letters of `order`."""
    own = "".join(c for c in order if c in f.term)
    places = tuple(order.index(c) - len(order) for c in own)
    return laid(_arranged(f, own).at(places), range(-len(order), 0))


def _matrix_product(f: Factor, g: Factor, s: str, needed: str, out: str) -> Factor | None:
    """One letter is summed: `@`, with `.T` where the letter stands at the wrong end."""
    shared = [c for c in f.term if c in g.term and c != s]
    if not shared and len(f.term) <= 2 and len(g.term) <= 2:
        return _plain(f, g, s, out)
    for a, b in ((f, g), (g, f)):
        front, last = a.term[:-1], a.term[-1]
        whole = not shared and last == s and b.term[0] == s and len(b.term) <= 2
        stacked = b.term[:-2] == front[:-1] == "".join(shared) and len(b.term) > 2 and b.term[-2] == last == s
        if whole or stacked:
            term = front + b.term[-1] if len(b.term) > 1 else front
            found = _signed(lambda x, y: matmul(x, y, ()), a.piece, b.piece)
            return Factor(found.at(tuple(range(-len(term), 0))), term)
    return None


def _plain(f: Factor, g: Factor, s: str, out: str) -> Factor:
    """Matrices and vectors; a vector times a matrix is written `A.T @ x`."""
    if f.term == g.term == s:
        return Factor(_inner(f.piece, g.piece), "")
    row, column = f.term.replace(s, ""), g.term.replace(s, "")
    order = out + row + column
    if not row or (column and order.index(column) < order.index(row)):
        f, g, row, column = g, f, column, row
    left = f.piece if f.term[-1] == s else transposed(f.piece)
    right = g.piece if g.term[0] == s else transposed(g.piece)
    piece = matmul(left, right, tuple(range(-len(row + column), 0)))
    if not column:
        turned = matmul(right, transposed(left), (-1,))
        piece = piece._replace(row=turned if turned.cost < piece.cost else None)
    return Factor(piece, row + column)


def _inner(a: Piece, b: Piece) -> Piece:
    """`x @ y`: the shorter of a row first or a column last, `x @ A @ y`."""
    ways = [(b, a), (a, b)] if a.sign == "@" and b.sign != "@" else [(a, b)]
    ways += [(p.row, q) for p, q in ((a, b), (b, a)) if p.row]
    return min((matmul(p, q, ()) for p, q in ways), key=lambda p: p.cost)


# ── matrix products ───────────────────────────────────────────────────────────────────────────────────


def matmul(a: Piece, b: Piece, axes: tuple[int, ...]) -> Piece:
    """`a @ b`, its parentheses where they save work; `solve` for an inverse, `matrix_power` for equal factors."""
    if is_negative(a):
        return negative(matmul(negative(a), b, axes))
    if is_negative(b):
        return negative(matmul(a, negative(b), axes))
    if a.kind == "truth" or (a.kind != "real" and b.kind != "real"):
        a = real(a)
    if a.inverse and not (b.inverse and len(b.axes) > 1):
        return call("np.linalg.solve", a.inverse, b).at(axes)
    base, count = _factor(a)
    other, more = _factor(b)
    if base == other and len(a.axes) == len(b.axes) == len(axes):
        return _matrix_power(a, b, base, count + more).at(axes)
    chain = b.sign == "@" and len(a.axes) == 1 and b.power == PRODUCT
    piece = composed(f"{before(a, '@')} @ {b.text if chain else wrap(b, PRODUCT + 1)}", PRODUCT, [a, b])
    return piece._replace(sign="@", heavy=_first_axes(a) > len(axes)).at(axes)


def _first_axes(p: Piece) -> int:
    return len(p.axes) + (p.sign == "@" and p.heavy)


def _factor(p: Piece) -> tuple[str, int]:
    return p.factor if p.factor[1] else (p.text, 1)


def _matrix_power(a: Piece, b: Piece, base: str, count: int) -> Piece:
    if count == 2:
        piece = composed(f"{before(a, '@')} @ {wrap(b, PRODUCT + 1)}", PRODUCT, [a, b])._replace(sign="@")
    else:
        piece = composed(f"np.linalg.matrix_power({base}, {count})", ATOM, [a])
    return piece._replace(factor=(base, count))
