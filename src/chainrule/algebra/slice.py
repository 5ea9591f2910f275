"""Slice and pad, each the transpose of the other.

Positions of axes are counted from the end, so that an axis put in front changes nothing.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.algebra.node import Node, is_number, make
from chainrule.algebra.notation import described, write
from chainrule.algebra.op import Array, Example, Given, Namespace, Op, declare
from chainrule.algebra.phrase import (
    ONE,
    SCALED,
    Phrase,
    beside,
    call,
    dimension,
    indexed,
    is_,
    number,
    printed_as,
    size_text,
    subscripted,
    symbol,
    transposed,
    verbatim,
)
from chainrule.algebra.signature import Axis, Dim, DType, Shape, axis as read_axis
from chainrule.errors import BindingError, GraphError, ShapeError


class Cut(NamedTuple):
    """The entries start, start + step, … (length of them) of one axis."""

    start: Axis
    length: Axis
    step: int


def _selection(cuts: Sequence[Cut], shape: Sequence[int]) -> tuple[Any, ...]:
    sizes = shape[len(shape) - len(cuts) :]
    return (..., *(_python_slice(*c, size) for c, size in zip(cuts, sizes, strict=True)))  # type: ignore[arg-type]


def _python_slice(start: int, length: int, step: int, size: int) -> slice:
    """Python's slice; BindingError where it would leave the axis, which Python passes over in silence."""
    if not length:
        return slice(0, 0)
    for entry in (start, start + (length - 1) * step):
        if not 0 <= entry < size:
            raise BindingError(f"entry {entry} is asked for, but that axis has {size} entries, numbered from 0")
    end = start + length * step
    return slice(start, None if end < 0 else end, step)


def _infer_slice(x: Node, cuts: tuple[Cut, ...]) -> tuple[Shape, DType]:
    return (*x.shape[: x.ndim - len(cuts)], *(cut.length for cut in cuts)), x.dtype


def _infer_pad(x: Node, cuts: tuple[Cut, ...], shape: Shape) -> tuple[Shape, DType]:
    return (*x.shape[: x.ndim - len(cuts)], *shape), x.dtype


def _pad(xp: Namespace, x: Array, cuts: tuple[Cut, ...], shape: tuple[int, ...]) -> Array:
    table = xp.zeros((*x.shape[: x.ndim - len(cuts)], *shape), dtype=x.dtype)
    if hasattr(table, "at"):
        return table.at[_selection(cuts, table.shape)].set(x)
    table[_selection(cuts, table.shape)] = x
    return table


WHOLE = Phrase("operator", ":")


def _write_cut(cut: Cut) -> str:
    start, length, step = cut
    end = start + length * step
    first, last = size_text(start), size_text(end)
    if step == 1:
        return f"{first}:{last}"
    return f"{first}::{step}" if isinstance(end, int) and end < 0 else f"{first}:{last}:{step}"


def _cut_phrase(cut: Cut, size: Axis, single: bool = False) -> Phrase:
    """A part of an axis, `0:n`; on paper it is counted from 1 and the last entry is in it, `1:n`."""
    start, length, step = cut
    first, last = start + 1, start + length * step + 1 - step
    if single:
        return _place(start, size)
    if cut == Cut(0, size, 1):
        return WHOLE
    bounds = [dimension(first), *([] if step == 1 else [number(step)]), dimension(last)]
    return printed_as(verbatim(_write_cut(cut)), Phrase("range", parts=tuple(bounds)))


def _is_single(cut: Cut, size: Axis) -> bool:
    """Whether a part is one entry at a known place, counted from the front or from the end."""
    return cut.length == cut.step == 1 and isinstance(_from_end(cut.start, size), int)


def _from_end(start: Axis, size: Axis) -> Axis:
    return start if isinstance(start, int) else start - size


def _place(start: Axis, size: Axis) -> Phrase:
    """One entry: typed from 0, or from the end as -1; on paper counted from 1."""
    return printed_as(dimension(_from_end(start, size)), dimension(start + 1))


def _unit(cut: Cut, size: Axis) -> Phrase:
    """A unit vector, `eye(n)[0]`; on paper e₁."""
    typed = indexed(call("eye", [dimension(size)]), _place(cut.start, size))
    return printed_as(typed, subscripted(symbol("e"), dimension(cut.start + 1)))


def _write_pad(p: Phrase, x: Node, cuts: tuple[Cut, ...], shape: Shape) -> Phrase:
    """`x eye(n)[0]ᵀ` for a column among zeros, `3 eye(n)[0]` for an entry; else the value and where it stands."""
    front = x.shape[: x.ndim - len(cuts)]
    cuts = (*(Cut(0, a, 1) for a in front), *cuts)
    shape = (*front, *shape)
    places = [k for k, (cut, a) in enumerate(zip(cuts, shape, strict=True)) if _is_single(cut, a)]
    kept = [cut == Cut(0, a, 1) or k in places for k, (cut, a) in enumerate(zip(cuts, shape, strict=True))]
    value = _squeezed(p, x) if places and all(kept) and len(shape) < 3 else None
    if value is None:
        return call("pad", [p, *map(_cut_phrase, cuts, shape)], shape=shape)
    units = [_unit(cuts[k], shape[k]) for k in places]
    if len(places) == len(shape):
        unit = units[0] if len(units) == 1 else beside(units[0], transposed(units[1]))
        return unit if value is ONE else beside(value, unit, SCALED)
    return beside(value, transposed(units[0])) if places == [1] else beside(units[0], transposed(value))


def _squeezed(p: Phrase, x: Node) -> Phrase | None:
    """What is left of an array when axes of one entry are dropped: a vector, a number, or `ONE` for 1."""
    if x.op.name == "reshape":
        return p.parts[0] if x.inputs[0].ndim == sum(a != 1 for a in x.shape) else None
    if x.op.name != "product" or len(x.inputs) != 1 or "sizes" not in x.attrs:
        return None
    (inner,) = x.inputs
    if inner.ndim == 0:
        return ONE if is_number(inner, 1) else p.parts[0] if is_(SCALED, p) else None
    spread = inner.ndim == 1 and x.ndim == 2 and p.form == "beside"
    return (p.parts[0] if inner.shape[0] == x.shape[0] else transposed(p.parts[1])) if spread else None


def _write_slice(p: Sequence[Phrase], inputs: Sequence[Node], cuts: tuple[Cut, ...]) -> Phrase:
    missing = inputs[0].ndim - len(cuts)
    return indexed(p[0], *[WHOLE] * missing, *map(_cut_phrase, cuts, inputs[0].shape[missing:]))


def entry_phrase(p: Phrase, cut_out: Node, shape: Shape) -> Phrase | None:
    """`x[2]`, `X[0, 1:n]`, where the axes of the single entries that were cut out of p are dropped."""
    (x,), cuts = cut_out.inputs, cut_out.attrs["cuts"]
    sizes = x.shape[x.ndim - len(cuts) :]
    single = [_is_single(cut, size) for cut, size in zip(cuts, sizes, strict=True)]
    kept = [a for a, one in zip(cut_out.shape[x.ndim - len(cuts) :], single, strict=True) if not one]
    if not any(single) or (*x.shape[: x.ndim - len(cuts)], *kept) != shape:
        return None
    whole = [WHOLE] * (x.ndim - len(cuts))
    return indexed(p, *whole, *map(_cut_phrase, cuts, sizes, single))


SLICE: Op = declare(
    Op(
        "slice",
        forward=lambda xp, x, cuts: x[_selection(cuts, x.shape)],
        infer=_infer_slice,
        pullback=lambda k, g, y, x, cuts: make(PAD, g, cuts=cuts, shape=x.shape[x.ndim - len(cuts) :]),
        batch=lambda inputs, batched, cuts: make(SLICE, *inputs, cuts=cuts),
        write=_write_slice,
        examples=(
            Example((Given((5,)),), {"cuts": (Cut(1, 3, 1),)}),
            Example((Given((4, 5)),), {"cuts": (Cut(0, 2, 1), Cut(4, 3, -2))}),
            Example((Given((2, 5)),), {"cuts": (Cut(1, 2, 2),)}),
        ),
    )
)
PAD: Op = declare(
    Op(
        "pad",
        forward=_pad,
        infer=_infer_pad,
        pullback=lambda k, g, y, x, cuts, shape: make(SLICE, g, cuts=cuts),
        batch=lambda inputs, batched, cuts, shape: make(PAD, *inputs, cuts=cuts, shape=shape),
        write=lambda p, inputs, cuts, shape: _write_pad(p[0], inputs[0], cuts, shape),
        examples=(
            Example((Given((3,)),), {"cuts": (Cut(1, 3, 1),), "shape": (5,)}),
            Example((Given((2, 3)),), {"cuts": (Cut(4, 3, -2),), "shape": (5,)}),
        ),
    )
)


# ── what users write between brackets ─────────────────────────────────────────────────────────────────


def without_ellipsis(x: Node, parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """The positions with `...` written out, one for every axis."""
    if parts.count(...) > 1:
        raise GraphError(f"{write(x, 40)}[…]: `...` stands for all other axes, so it is written once")
    used = len([p for p in parts if p is not None and p is not Ellipsis])
    if used > x.ndim:
        raise ShapeError(f"{used} positions are given for {described(x)}, which has {x.ndim} axes")
    missing = (slice(None),) * (x.ndim - used)
    where = next((i for i, p in enumerate(parts) if p is Ellipsis), len(parts))
    return (*parts[:where], *missing, *parts[where + 1 :])


def read_cut(x: Node, part: Any, size: Axis) -> tuple[Cut, bool]:
    """What a position selects of an axis of this size, and whether the axis stays."""
    if _whole(part):
        if isinstance(size, int) and not -size <= part < size:
            raise ShapeError(f"entry {part} of {described(x)}: that axis has {size} entries, numbered from 0")
        return Cut(size + int(part) if part < 0 else int(part), 1, 1), False
    if not isinstance(part, slice) or not all(_is_bound(p) for p in (part.start, part.stop)):
        raise GraphError(
            f"{part!r:.40} selects nothing from {write(x, 40)}; use numbers, slices or whole-number rows"
        )
    if part.step is not None and (not _whole(part.step) or part.step == 0):
        raise GraphError(f"{part.step!r:.40} is no step of a slice; give a whole number other than 0")
    if isinstance(size, int) and not any(isinstance(p, (Dim, str)) for p in (part.start, part.stop)):
        start, stop, step = part.indices(size)
        return Cut(start, len(range(start, stop, step)), step), True
    if part.step not in (None, 1):
        raise ShapeError(
            f"a step of {part.step} over axis {size} of {described(x)}: the axis needs a number for that"
        )
    first, last = _bound(part.start, 0, size), _bound(part.stop, size, size)
    if isinstance(last - first, int) and last - first < 0:  # type: ignore[operator]
        last = first
    return Cut(first, last - first, 1), True


def _whole(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _is_bound(value: object) -> bool:
    return value is None or isinstance(value, (Dim, str)) or _whole(value)


def _bound(given: Any, default: Axis, size: Axis) -> Axis:
    if given is None:
        return default
    return size + int(given) if _whole(given) and given < 0 else read_axis(given)
