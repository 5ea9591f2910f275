"""Arrays as heat maps in SVG: blue below 0, orange above, nothing at 0; X is not a number, I is infinity.

Small arrays show their numbers, larger ones are thumbnails: a picture of few pixels, each the entry of largest
size of its part of the array. A value has a solid frame, a gradient a dashed one, of the same size.
"""

import math
import struct
import zlib
from base64 import b64encode
from collections.abc import Iterator
from html import escape
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from chainrule.display.theme import colour
from chainrule.display.trace_numbers import axes, short

Kind = Literal["v", "g", "l"]  # a value, a gradient, a local gradient

ROWS, COLUMNS, ENTRIES = 8, 8, 48  # the most that numbers are written into
CELL, LETTER, PAD = 23.0, 7.2, 8.0  # the least side of a cell, a letter's width, and what stands around it
LONGEST, THINNEST, PIXELS = 76.0, 12.0, 38  # of a thumbnail, in pixels of the screen, and of the picture
SMALL_LETTER = 6.6  # the width of a letter below a thumbnail
STRONG = 0.6  # the deepest colour under numbers, which stay readable on it
RANGE = 15.0  # height of the line that gives the range of a thumbnail


class Size(NamedTuple):
    """Width and height in pixels."""

    width: float
    height: float


def as_matrix(array: np.ndarray) -> np.ndarray:
    """The array as rows and columns: a vector is a column, axes in front are rows."""
    if array.ndim < 2:
        return array.reshape(-1, 1)
    return array.reshape(math.prod(array.shape[:-1]), array.shape[-1])


def is_small(array: np.ndarray) -> bool:
    """Whether its numbers are written into the map."""
    rows, columns = as_matrix(array).shape
    return bool(rows <= ROWS and columns <= COLUMNS and rows * columns <= ENTRIES)


def figures(array: np.ndarray) -> list[list[str]]:
    """The numbers of a small array, three digits each; X is not a number, I infinity."""
    return [[_figure(x) for x in row] for row in as_matrix(array)]


def _figure(value: object) -> str:
    """At most six signs: `−0.017`, `12.3`, `6e−4`."""
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        return "X" if math.isnan(number) else "I" if number > 0 else "−I"
    if number == 0:
        return "0"
    if 5e-4 <= abs(number) < 1e4:
        places = 3 - min(3, len(str(int(abs(number)))) - (abs(number) < 1))
        text = f"{number:.{places}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        mantissa, exponent = f"{number:.0e}".split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "−")


def size_of(array: np.ndarray, cell: float = CELL, wide: float = 0.0) -> Size:
    """The size of the map, with the line below a thumbnail; cells are at least `wide` wide."""
    rows, columns = as_matrix(array).shape
    if is_small(array):
        return Size(columns * max(wide, cell_width(array, cell)) + 2, rows * cell + 2)
    width, height = _thumbnail_size(rows, columns)
    return Size(max(width + 2, SMALL_LETTER * len(reach(array))), height + 2 + RANGE)


def cell_width(array: np.ndarray, cell: float = CELL) -> float:
    """How wide the cells of a small array are, for its numbers."""
    longest = max((len(text) for row in figures(array) for text in row), default=1)
    return max(cell, longest * LETTER + PAD)


def _thumbnail_size(rows: int, columns: int) -> tuple[float, float]:
    scale = LONGEST / max(rows, columns, 1)
    return max(THINNEST, columns * scale), max(THINNEST, rows * scale)


def strength(array: np.ndarray) -> np.ndarray:
    """The colours of a matrix, from −1 (blue) over 0 to 1 (orange), by its largest finite entry; else NaN."""
    numbers = np.asarray(array, np.float64)
    known = np.isfinite(numbers)
    most = np.abs(numbers[known]).max(initial=0.0)
    scaled = numbers / most if most else np.zeros_like(numbers)
    return np.where(known, scaled, np.nan)


def heat(
    array: np.ndarray, x: float, y: float, kind: Kind, *, cell: float = CELL, wide: float = 0.0, mark: str = ""
) -> str:
    """The map of an array, as SVG, its upper left corner at (x, y).

    mark   a letter for the cells (`data-k`), so that a page can light rows and columns
    """
    size = size_of(array, cell, wide)
    middle, width, height = x + size.width / 2, size.width, size.height
    if is_small(array):
        inside = _cells(array, x + 1, y + 1, Size(max(wide, cell_width(array, cell)), cell), mark)
    else:
        width, height = _thumbnail_size(*as_matrix(array).shape)
        inside = _thumbnail(array, middle - width / 2, y + 1)
        width, height = width + 2, height + 2
    dashed = ' stroke-dasharray="4 3"' if kind == "g" else ""
    place = f'x="{middle - width / 2:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
    frame = f'<rect class="frame f{kind}" {place} rx="3"{dashed}/>'
    return (
        f'<g class="cells">{inside}</g>{frame}<text class="ask" x="{middle:g}" y="{y + height / 2 + 5:g}">?</text>'
    )


def _cells(array: np.ndarray, x: float, y: float, size: Size, mark: str) -> str:
    wide, cell = size
    colours, texts = strength(as_matrix(array)), figures(array)
    return "".join(
        f'<rect class="cell{_class(t)}"{_place(mark, i, j)} x="{x + j * wide:g}" y="{y + i * cell:g}" '
        f'width="{wide:g}" height="{cell:g}"{_opacity(t)}/>'
        f'<text class="in" x="{x + (j + 0.5) * wide:g}" y="{y + (i + 0.5) * cell + 4:g}">{texts[i][j]}</text>'
        for (i, j), t in np.ndenumerate(colours)
    )


def _class(strong: float) -> str:
    return " odd" if math.isnan(strong) else " pos" if strong > 0 else " neg" if strong < 0 else ""


def _opacity(strong: float) -> str:
    return "" if math.isnan(strong) or not strong else f' fill-opacity="{abs(strong) * STRONG:.2g}"'


def _place(mark: str, i: int, j: int) -> str:
    return f' data-k="{mark}" data-i="{i}" data-j="{j}"' if mark else ""


# ── thumbnails ────────────────────────────────────────────────────────────────────────────────────────


def _thumbnail(array: np.ndarray, x: float, y: float) -> str:
    matrix = as_matrix(array)
    width, height = _thumbnail_size(*matrix.shape)
    data = b64encode(png(pooled(strength(matrix)))).decode()
    image = (
        f'<image x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" preserveAspectRatio="none" '
        f'href="data:image/png;base64,{data}"/>'
    )
    return f'{image}<text class="cap" x="{x + width / 2:g}" y="{y + height + 12:g}">{escape(reach(array))}</text>'


def reach(array: np.ndarray) -> str:
    """The range of the entries, and what is not finite among them: `−0.2 … 0.3`, `0 … 1 X`."""
    numbers = np.asarray(array, np.float64)
    known = numbers[np.isfinite(numbers)]
    marks = " X" * bool(np.isnan(numbers).any()) + " I" * bool(np.isinf(numbers).any())
    if not known.size:
        return marks.strip()
    low, high = short(known.min(), 2), short(known.max(), 2)
    return (low if low == high else f"{low} … {high}") + marks


def pooled(matrix: np.ndarray) -> np.ndarray:
    """At most `PIXELS` rows and columns: of each part of the matrix the entry of largest size; NaN wins."""
    for axis in (0, 1):
        count = matrix.shape[axis]
        if count > PIXELS:
            edges = [count * k // PIXELS for k in range(PIXELS + 1)]
            parts = [matrix.take(range(a, b), axis) for a, b in pairwise(edges)]
            matrix = np.stack([_largest(part, axis) for part in parts], axis)
    return matrix


def _largest(part: np.ndarray, axis: int) -> np.ndarray:
    size = np.where(np.isnan(part), np.inf, np.abs(part))
    return np.take_along_axis(part, size.argmax(axis, keepdims=True), axis).squeeze(axis)


def png(strong: np.ndarray) -> bytes:
    """Strengths from −1 to 1 as a PNG picture, blue and orange on nothing, grey where no number is."""
    odd = np.isnan(strong)
    level = np.nan_to_num(np.abs(strong))
    pixels = np.zeros((*strong.shape, 4), np.uint8)
    for where, name in ((strong > 0, "pos"), (strong < 0, "neg"), (odd, "mute")):
        pixels[where, :3] = list(bytes.fromhex(colour(name)[1:]))
    pixels[..., 3] = np.where(odd, 255, np.rint(255 * level))
    rows, columns = strong.shape
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", columns, rows, 8, 6, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunks(chunks))


def _chunks(chunks: list[tuple[bytes, bytes]]) -> Iterator[bytes]:
    for kind, data in chunks:
        yield struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def spoken(array: np.ndarray) -> str:
    """A heat map for those who do not see it: `3×4, −4 … 2`."""
    return f"{axes(array.shape)}, {reach(array)}"
