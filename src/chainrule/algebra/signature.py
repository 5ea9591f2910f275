"""Shapes and kinds of number: what is known of an expression before any number is.

An axis is a number or a `Dim`, a polynomial in named dimensions such as `n`, `n + 1` or `2n`.
"""

import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Union

import numpy as np

from chainrule.errors import BindingError, DTypeError, ShapeError

Axis = Union[int, "Dim"]
Shape = tuple[Axis, ...]
DType = np.dtype

FLOAT64, FLOAT32 = np.dtype(np.float64), np.dtype(np.float32)
INTEGER, BOOLEAN = np.dtype(np.int64), np.dtype(np.bool_)
FLOATS = (FLOAT64, FLOAT32)

Monomial = tuple[str, ...]


class Dim:
    """A dimension whose size is not yet a number: a sum of products of names with whole coefficients."""

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: Mapping[Monomial, int]) -> None:
        self.terms: tuple[tuple[Monomial, int], ...] = tuple(sorted(terms.items(), key=_reading_order))
        self._hash = hash(self.terms)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dim) and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[type["Dim"], tuple[dict[Monomial, int]]]:
        return Dim, (dict(self.terms),)  # a kept hash would be another process's

    def __add__(self, other: Axis) -> Axis:
        if not isinstance(other, (Dim, int)):
            return NotImplemented
        total = dict(self.terms)
        for monomial, coefficient in _terms(other):
            total[monomial] = total.get(monomial, 0) + coefficient
        return _axis_of(total)

    def __mul__(self, other: Axis) -> Axis:
        if not isinstance(other, (Dim, int)):
            return NotImplemented
        total: dict[Monomial, int] = {}
        for left, p in self.terms:
            for right, q in _terms(other):
                monomial = tuple(sorted(left + right))
                total[monomial] = total.get(monomial, 0) + p * q
        return _axis_of(total)

    def __neg__(self) -> Axis:
        return self * -1

    def __sub__(self, other: Axis) -> Axis:
        return self + other * -1

    def __rsub__(self, other: Axis) -> Axis:
        return -self + other

    __radd__, __rmul__ = __add__, __mul__

    def __str__(self) -> str:
        parts = [_term_text(monomial, coefficient) for monomial, coefficient in self.terms]
        return " + ".join(parts).replace("+ -", "- ")

    def __repr__(self) -> str:
        return f"Dim({str(self)!r})"

    @property
    def names(self) -> frozenset[str]:
        """The names of the dimensions it is made of."""
        return frozenset(name for monomial, _ in self.terms for name in monomial)


def _reading_order(term: tuple[Monomial, int]) -> tuple[int, Monomial]:
    return -len(term[0]), term[0]


def _terms(axis: Axis) -> Iterable[tuple[Monomial, int]]:
    return axis.terms if isinstance(axis, Dim) else (((), axis),)


def _axis_of(terms: dict[Monomial, int]) -> Axis:
    kept = {monomial: coefficient for monomial, coefficient in terms.items() if coefficient}
    if not kept:
        return 0
    return kept[()] if set(kept) == {()} else Dim(kept)


def _term_text(monomial: Monomial, coefficient: int) -> str:
    if not monomial:
        return str(coefficient)
    sign = {1: "", -1: "-"}.get(coefficient, str(coefficient))
    return sign + "·".join(monomial)


_TERM = re.compile(r"\s*([+-]?)\s*((?:\d+|[^\W\d]\w*)(?:\s*[*·]?\s*(?:\d+|[^\W\d]\w*))*)\s*")
_FACTOR = re.compile(r"\d+|[^\W\d]\w*")


def axis(written: int | str | Dim) -> Axis:
    """Read one axis: a number, a name, or a polynomial such as `"2n"`, `"n + 1"`, `"n·m"`.

    Raises ShapeError for a negative number or text that is no dimension.
    """
    if isinstance(written, Dim):
        return written
    if isinstance(written, str) and written.strip():
        size = _read(written)
    elif isinstance(written, (int, np.integer)) and not isinstance(written, bool):
        size = int(written)
    else:
        raise ShapeError(f"{written!r:.40} is no dimension; give a number or a name such as 'n'")
    if isinstance(size, int) and size < 0:
        raise ShapeError(f"an axis has {size} entries; give 0, a positive number or a name such as 'n'")
    return size


@lru_cache(maxsize=4096)
def _read(written: str) -> Axis:
    total: Axis = 0
    position = 0
    while position < len(written):
        term = _TERM.match(written, position)
        if term is None or (position and not term[1]):
            raise ShapeError(f"{written!r} is no dimension; write a number, a name, or a sum such as 'n + 1'")
        total = total + _product_of(_FACTOR.findall(term[2])) * (-1 if term[1] == "-" else 1)
        position = term.end()
    return total


def _product_of(factors: list[str]) -> Axis:
    result: Axis = 1
    for factor in factors:
        if not (factor.isdecimal() or factor.isidentifier()):
            raise ShapeError(f"{factor!r} is no dimension; give a number or a name such as 'n'")
        result = result * (int(factor) if factor.isdecimal() else Dim({(factor,): 1}))
    return result


def shape_of(axes: Iterable[int | str | Dim] | int | str | Dim) -> Shape:
    """Read a shape, axis by axis; a single axis may stand for itself."""
    return tuple(map(axis, axes if isinstance(axes, Iterable) and not isinstance(axes, str) else [axes]))


def shape_text(shape: Shape) -> str:
    """How a shape is written: `scalar`, `n`, `4×3`, `(n + 1)×m`."""
    if not shape:
        return "scalar"
    several = len(shape) > 1
    return "×".join(f"({a})" if several and isinstance(a, Dim) and len(a.terms) > 1 else str(a) for a in shape)


def entries(shape: Shape) -> Axis:
    """The number of entries of an array of this shape."""
    total: Axis = 1
    for a in shape:
        total = total * a
    return total


class Misfit(NamedTuple):
    """Two axes that should agree and do not."""

    left: Axis
    right: Axis


def broadcast(shapes: Iterable[Shape]) -> Shape | Misfit:
    """The common shape under NumPy's rule (axes meet from the right, 1 stretches), or the misfit."""
    return _broadcast(tuple(shapes))


@lru_cache(maxsize=4096)
def _broadcast(shapes: tuple[Shape, ...]) -> Shape | Misfit:
    result: list[Axis] = []
    for shape in shapes:
        missing = len(shape) - len(result)
        if missing > 0:
            result[:0] = shape[:missing]
        offset = len(result) - len(shape)
        for i, a in enumerate(shape):
            held = result[offset + i]
            if held == 1:
                result[offset + i] = a
            elif a not in (1, held):
                return Misfit(held, a)
    return tuple(result)


def kind_of(written: object) -> DType:
    """The kind of an expression: float64, float32, int64 or bool; DTypeError for the rest."""
    if written is FLOAT64:
        return FLOAT64
    try:
        dtype: DType = np.dtype(written)  # type: ignore[call-overload]
    except TypeError:
        raise DTypeError(f"{written!r:.40} is no kind of number; use float64 or float32") from None
    if dtype not in (*FLOATS, INTEGER, BOOLEAN):
        raise DTypeError(f"gradients need real numbers, not {dtype}: use float64 or float32")
    return dtype


def real_dtype(written: object) -> DType:
    """The dtype of real numbers; DTypeError for integers and the rest."""
    dtype = kind_of(written)
    if dtype not in FLOATS:
        raise DTypeError(f"gradients need real numbers, not {dtype}: use float64 or float32")
    return dtype


def common_dtype(dtypes: Iterable[DType]) -> DType:
    """float64 if any of them is, else float32."""
    return FLOAT64 if FLOAT64 in dtypes else FLOAT32


class Binding:
    """Sizes of named dimensions, found by laying arrays over declared shapes."""

    def __init__(self, sizes: Mapping[str, int] | None = None) -> None:
        if not isinstance(sizes, Mapping | None):
            raise BindingError(f"sizes are given by name, as in {{'n': 3}}, not as {sizes!r:.40}")
        self.sizes = {name: _given_size(name, size) for name, size in (sizes or {}).items()}
        self._from: dict[str, str] = dict.fromkeys(self.sizes, "sizes")
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._waiting: list[tuple[str, Dim, int, int]] = []

    def meet(self, name: str, declared: Shape, given: tuple[int, ...]) -> None:
        """Lay an array of shape `given` over the variable `name`; BindingError where they disagree."""
        self._shapes[name] = given
        if len(declared) != len(given):
            raise BindingError(
                f"{name} is declared {shape_text(declared)} ({_axes(len(declared))}), "
                f"but the value given has shape {shape_text(given)} ({_axes(len(given))})"
            )
        for position, (a, size) in enumerate(zip(declared, given, strict=True)):
            if isinstance(a, Dim):
                self._meet_dim(name, a, position, size)
            elif a != size:
                raise BindingError(
                    f"{name} is declared {shape_text(declared)}, but the value given has shape "
                    f"{shape_text(given)}: axis {position} is {size} and should be {a}"
                )

    def _meet_dim(self, name: str, a: Dim, position: int, size: int) -> None:
        (monomial, coefficient), *more = a.terms
        if more or len(monomial) != 1 or size % coefficient:
            self._waiting.append((name, a, position, size))
            return
        dim, size = monomial[0], size // coefficient
        known = self.sizes.setdefault(dim, size)
        source = self._from.setdefault(dim, name)
        if known != size:
            where = f"{source} ({shape_text(self._shapes[source])})" if source in self._shapes else source
            raise BindingError(
                f"axis {dim} is {known} in {where} but {size} in {name} ({shape_text(self._shapes[name])}); "
                f"give both the same {dim}"
            )

    def settle(self) -> None:
        """Check the axes that are sums or products of names, now that the names have sizes."""
        for name, a, position, size in self._waiting:
            if self.size(a) != size:
                raise BindingError(
                    f"axis {position} of {name} should be {a} = {self.size(a)}, "
                    f"but the value given has shape {shape_text(self._shapes[name])}"
                )
        self._waiting.clear()

    def size(self, a: Axis) -> int:
        """The number that an axis stands for."""
        if not isinstance(a, Dim):
            return a
        total = 0
        try:
            for monomial, coefficient in a.terms:
                total += coefficient * math.prod([self.sizes[dim] for dim in monomial])
        except KeyError:
            unknown = min(a.names - self.sizes.keys())
            raise BindingError(
                f"the size of dimension {unknown} is not known: no variable of the expression shows it; "
                f"give values for variables instead of names, or pass sizes={{{unknown!r}: …}}"
            ) from None
        if total < 0:
            known = ", ".join(f"{dim} = {self.sizes[dim]}" for dim in sorted(a.names))
            raise BindingError(f"an axis of {a} would have {total} entries, because {known}")
        return total


def _given_size(name: str, size: Any) -> int:
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 0:
        raise BindingError(f"sizes gives {name} the size {size!r:.40}; give 0 or a positive whole number")
    return int(size)


def _axes(count: int) -> str:
    return "no axes" if count == 0 else "1 axis" if count == 1 else f"{count} axes"
