"""Arrays that users give, as the data of constants."""

import sys

import numpy as np

from chainrule.algebra.signature import FLOAT64, FLOATS, INTEGER, DType, kind_of
from chainrule.errors import DTypeError, GraphError


class Data:
    """A read-only array that is equal to another of the same dtype, shape and bits."""

    __slots__ = ("_bits", "_hash", "array", "number")

    number: float | None
    """The array itself, where it is a single number of double precision."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = np.array(array, order="C")
        self.array.flags.writeable = False
        self._bits = (self.array.dtype.str, self.array.shape, self.array.tobytes())
        self._hash = hash(self._bits)
        self.number = float(self.array) if not self.array.shape and self.array.dtype == FLOAT64 else None

    def __reduce__(self) -> tuple[type["Data"], tuple[np.ndarray]]:
        return Data, (self.array,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Data) and self._bits == other._bits

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return np.array2string(self.array, threshold=8, edgeitems=2, separator=", ")


def array_of(value: object) -> np.ndarray:
    """The value as a plain array; DTypeError for ragged lists, expressions in a list, and masked arrays."""
    if "numpy.ma" in sys.modules and isinstance(value, np.ma.MaskedArray):  # without masks it is not imported
        raise DTypeError("a masked array has entries without a number; use .filled(…)")
    try:
        return np.asarray(value)
    except GraphError:
        raise DTypeError("a list that holds expressions is no operand; join them with stack([…])") from None
    except ValueError:
        raise DTypeError(f"{value!r:.60} has rows of unequal length") from None


def kind_of_data(value: object, array: np.ndarray) -> DType:
    """The dtype in which an array is kept; a plain whole number is real, an array of them is a selection."""
    if array.dtype.kind in "iu":
        return FLOAT64 if isinstance(value, int) else INTEGER
    return FLOAT64 if array.dtype.kind == "f" and array.dtype not in FLOATS else array.dtype


def converted(array: np.ndarray, dtype: object) -> np.ndarray:
    """The array in another dtype; DTypeError where a finite number would become infinite."""
    kind = kind_of(dtype)
    if array.dtype == kind:
        return array
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"{array.dtype} values are no numbers over the reals")
    with np.errstate(over="ignore"):
        result = array.astype(kind)
    if kind in FLOATS and np.any(np.isinf(result) & np.isfinite(array)):
        raise DTypeError(f"{array.flat[np.abs(array).argmax()]:.3g} does not fit in {kind}")
    return result
