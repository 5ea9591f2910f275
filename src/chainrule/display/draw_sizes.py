"""How large the boxes of a drawing are: what stands in them, measured by letters."""

from unicodedata import east_asian_width

import numpy as np

from chainrule.algebra.names import parts_of
from chainrule.display.heat import Size, size_of
from chainrule.display.layout import Box
from chainrule.display.trace_numbers import axes, short
from chainrule.display.trace_records import Row

RADIUS, NAME = 30.0, 20.0  # of a gate, and the height of the name below it
PILL, BETWEEN = 23.0, 10.0  # the height of a pill, and the space that the wire takes between value and gradient
CARD, BROADEST = 116.0, 180.0  # the least width of an input, and the most that others follow
CARD_HEIGHT, HEAD = 68.0, 32.0  # its height, and that of the line of the name above maps
BOLD = 1.14  # how much wider bold letters are
SHOWN_TERMS = 3  # of a sum at a shared input
LONGEST_NAME = 22  # letters of a name in the drawing

_NARROW, _BROAD = "fijltrI.,:;|!'()[] ", "mwMW@%∑"


def wide(text: str, size: float = 15.0) -> float:
    """About the width of a line of text in pixels, at a font size."""
    units = sum(
        1.0 if east_asian_width(c) in "WF" else 0.36 if c in _NARROW else 0.9 if c in _BROAD else 0.62
        for c in text
    )
    return units * size


def shortened(name: str) -> str:
    """A name as it stands in a drawing."""
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def name_width(name: str, size: float) -> float:
    """The width of a name with small subscripts."""
    base, subscripts, _ = parts_of(shortened(name))
    return wide(base, size) + wide(",".join(subscripts), size * 0.7)


def pill_width(text: str) -> float:
    """The width of the pill around a number."""
    return max(26.0, BOLD * wide(text) + 11)


def gradient_text(value: np.ndarray) -> str:
    """A gradient on its way down."""
    return f"◂ {short(value[()])}"


def sum_text(row: Row) -> str:
    """What an input shows of its scalar gradient: `3 + 2 = 5`."""
    if row.gradient is None:
        return ""
    parts = [short(flow.downstream[()]) for flow in row.uses if flow.downstream is not None]
    shown = parts if len(parts) <= SHOWN_TERMS else [parts[0], "…", parts[-1]]
    total = short(row.gradient[()])
    return f"{added(shown)} = {total}" if len(parts) > 1 else total


def added(terms: list[str]) -> str:
    """`3 + 2 − 1`."""
    return terms[0] + "".join(f" − {t[1:]}" if t.startswith("−") else f" + {t}" for t in terms[1:])


# ── boxes ─────────────────────────────────────────────────────────────────────────────────────────────


def leaf_box(row: Row) -> Box:
    """A card with value and gradient, or the number that a plain constant is."""
    if row.role == "constant" and not row.shape:
        return Box(max(34.0, wide(row.name, 16) + 18), 30)
    name = name_width(row.name, 22)
    if not row.shape:
        texts = [short(row.value[()]), sum_text(row)]
        return Box(max(CARD, name + BOLD * max(wide(text) for text in texts) + 40), CARD_HEIGHT)
    sizes = [size_of(array) for array in (row.value, row.gradient) if array is not None]
    maps = sum(size.width for size in sizes) + 12 * (len(sizes) - 1)
    head = name_width(row.name, 17) + wide(axes(row.shape), 12.5) + 16
    return Box(max(maps, head) + 24, HEAD + max(size.height for size in sizes) + 10)


def gate_box(row: Row) -> Box:
    """A circle, or a capsule around a long name, with room for the row's name below and, for balance, above."""
    room = 2 * RADIUS + 2 * NAME
    if is_round(row.symbol):
        return Box(2 * RADIUS, room, round=True)
    return Box(wide(row.symbol, 14) + 26, room)


def is_round(symbol: str) -> bool:
    """Whether the sign of an operation fits into a circle."""
    return len(symbol) <= 5


def label_box(value: np.ndarray | None, gradient: np.ndarray | None) -> Box:
    """The room at a wire for a value above and a gradient below; the wire runs through its middle."""
    sizes = [_label_size(value, "v"), _label_size(gradient, "g")]
    return Box(max(s.width for s in sizes), 2 * max(s.height for s in sizes) + BETWEEN)


def _label_size(array: np.ndarray | None, kind: str) -> Size:
    if array is None:
        return Size(0, 0)
    if array.ndim:
        return size_of(array)
    return Size(pill_width(short(array[()]) if kind == "v" else gradient_text(array)), PILL)
