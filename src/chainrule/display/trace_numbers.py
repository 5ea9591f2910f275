"""How numbers and arrays are written in a trace: four digits, a true minus, and a summary of what is large."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from chainrule.algebra.place import cells
from chainrule.algebra.signature import shape_text

DIGITS = 4
MOST_INLINE = 6  # entries of a vector that are written out


def short(value: object, digits: int = DIGITS) -> str:
    """A number for reading: `3`, `−0.1966`, `1.5e−07`, `∞`, `NaN`, `true`."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (int, np.integer)):
        return str(value).replace("-", "−")
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "∞" if number > 0 else "−∞"
    whole = number == int(number) and abs(number) < 10 ** (digits + 3)
    text = str(int(number)) if whole else f"{number:.{digits}g}"
    return text.replace("-", "−")


def axes(shape: Sequence[int]) -> str:
    """A shape: `3×4`, `scalar`."""
    return shape_text(tuple(shape))


def summary(array: np.ndarray, *, shape: bool = True) -> str:
    """A number, a short vector, or shape, range and norm: `3×4 [−4 … 2] |g| 5.48`; NaN and ∞ are counted."""
    if not array.ndim:
        return short(array[()])
    named = f"{axes(array.shape)} " if shape else ""
    if not array.size:
        return f"{named}[ ]"
    if array.ndim == 1 and array.size <= MOST_INLINE:
        return f"{named}[{', '.join(map(short, array))}]"
    if array.dtype.kind == "b":
        return f"{named}[{np.count_nonzero(array):,} of {array.size:,} true]"
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    marks = _marks(array) if finite.size < array.size else ""
    if not finite.size:
        return f"{named}[{marks.strip()}]"
    low, high = finite.min(), finite.max()
    reach = f"all {short(low)}" if low == high else f"{short(low)} … {short(high)}"
    length = np.linalg.norm(finite.astype(np.float64)) if array.dtype.kind == "f" else None
    return f"{named}[{reach}]{marks}" + (f" |g| {short(length, 3)}" if length is not None else "")


def _marks(array: np.ndarray) -> str:
    nans, infinite = np.count_nonzero(np.isnan(array)), np.count_nonzero(np.isinf(array))
    return "".join(f" {count:,} {what}" for count, what in ((nans, "NaN"), (infinite, "∞")) if count)


def entries(array: np.ndarray) -> Iterator[str]:
    """The entries of an array in aligned lines, a matrix for each place of the front axes."""
    if not array.ndim:
        yield short(array[()])
        return
    if array.ndim == 1:
        yield from _matrix(array[None, :])
        return
    for place in np.ndindex(array.shape[:-2]):
        if place:
            yield f"[{', '.join(map(str, place))}]"
        yield from _matrix(array[place])


def _matrix(matrix: np.ndarray) -> Iterator[str]:
    rows = [[short(x) for x in row] for row in matrix]
    if not rows or not rows[0]:
        yield f"[ ] {axes(matrix.shape)}"
        return
    wide = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(text.rjust(width) for text, width in zip(row, wide, strict=True))


def joined_sum(parts: Sequence[np.ndarray], total: np.ndarray) -> str:
    """`3 + 2 = 5`: contributions that meet, with their signs; of arrays the total alone."""
    if len(parts) < 2 or total.ndim:
        return summary(total)
    texts = [short(p[()]) for p in parts]
    terms = texts[0] + "".join(f" − {t[1:]}" if t.startswith("−") else f" + {t}" for _, t in pairwise(texts))
    return f"{terms} = {short(total[()])}"
