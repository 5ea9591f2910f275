"""Slice and pad, each the transpose of the other.

Positions of axes are counted from the end, so that an axis put in front changes nothing.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from chainrule.algebra.node import Node, make
from chainrule.algebra.notation import ATOM, call, wrap
from chainrule.algebra.op import Array, Example, Given, Namespace, Op, Phrase, declare
from chainrule.algebra.signature import Axis, DType, Shape


class Cut(NamedTuple):
    """The entries start, start + step, … (length of them) of one axis."""

    start: Axis
    length: Axis
    step: int


def _selection(cuts: Sequence[Cut]) -> tuple[Any, ...]:
    return (..., *(_python_slice(int(c.start), int(c.length), c.step) for c in cuts))  # type: ignore[arg-type]


def _python_slice(start: int, length: int, step: int) -> slice:
    if not length:
        return slice(0, 0)
    end = start + length * step
    return slice(start, None if end < 0 else end, step)


def _infer_slice(x: Node, cuts: tuple[Cut, ...]) -> tuple[Shape, DType]:
    return (*x.shape[: x.ndim - len(cuts)], *(cut.length for cut in cuts)), x.dtype


def _infer_pad(x: Node, cuts: tuple[Cut, ...], shape: Shape) -> tuple[Shape, DType]:
    return (*x.shape[: x.ndim - len(cuts)], *shape), x.dtype


def _pad(xp: Namespace, x: Array, cuts: tuple[Cut, ...], shape: tuple[int, ...]) -> Array:
    table = xp.zeros((*x.shape[: x.ndim - len(cuts)], *shape), dtype=x.dtype)
    if hasattr(table, "at"):
        return table.at[_selection(cuts)].set(x)
    table[_selection(cuts)] = x
    return table


def _write_cut(cut: Cut) -> str:
    start, length, step = cut
    if step != 1:
        return f"{start}:{_plus(start, length * step)}:{step}"
    return f"{start}:{_plus(start, length)}"


def _plus(a: Axis, b: Axis) -> str:
    return str(a + b)


SLICE: Op = declare(
    Op(
        "slice",
        forward=lambda xp, x, cuts: x[_selection(cuts)],
        infer=_infer_slice,
        pullback=lambda k, g, y, x, cuts: make(PAD, g, cuts=cuts, shape=x.shape[x.ndim - len(cuts) :]),
        batch=lambda inputs, batched, cuts: make(SLICE, *inputs, cuts=cuts),
        write=lambda p, inputs, cuts: Phrase(f"{wrap(p[0], ATOM)}[{', '.join(map(_write_cut, cuts))}]", ATOM),
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
        write=lambda p, inputs, cuts, shape: call(
            "pad", [p[0], *(Phrase(_write_cut(c), ATOM) for c in cuts)], shape=shape
        ),
        examples=(
            Example((Given((3,)),), {"cuts": (Cut(1, 3, 1),), "shape": (5,)}),
            Example((Given((2, 3)),), {"cuts": (Cut(4, 3, -2),), "shape": (5,)}),
        ),
    )
)
