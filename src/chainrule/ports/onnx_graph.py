"""A model of ONNX as it is written: inputs, constants, nodes; its arrays are names with a shape and a dtype.

Axes may be named: a size that is not a number is read off the inputs when the model runs.
"""

from collections.abc import Mapping, Sequence
from functools import partial, partialmethod, reduce
from typing import Any, NamedTuple

import numpy as np

from chainrule.algebra.op import Array
from chainrule.algebra.signature import (
    BOOLEAN,
    FLOAT32,
    FLOAT64,
    INTEGER,
    Axis,
    Dim,
    DType,
    Misfit,
    Shape,
    broadcast,
)
from chainrule.errors import GraphError
from chainrule.ports.extra import needed

ME = "chainrule.ports.onnx"
OPSET, IR = 18, 8


BINARY: Mapping[str, str] = {
    "add": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "truediv": "Div",
    "pow": "Pow",
    "maximum": "Max",
    "minimum": "Min",
    "and": "And",
    "or": "Or",
    "lt": "Less",
    "le": "LessOrEqual",
    "gt": "Greater",
    "ge": "GreaterOrEqual",
    "eq": "Equal",
}
"""Functions of two arrays that broadcast; those that are signs are Python's names of these."""

TRUTHS = frozenset({"And", "Or", "Not", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"})
SINGLE = frozenset({"Det", "Erf"})
"""Operators that ONNX Runtime has in single precision only."""


class Symbol:
    """An array of the model: its name, shape and dtype."""

    def __init__(self, graph: "Graph", name: str, shape: Shape, dtype: DType) -> None:
        self.graph, self.name, self.shape, self.dtype = graph, name, shape, dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def _with(self, operator: str, other: Any) -> Array:
        return self.graph.binary(operator, self, other)

    def _before(self, operator: str, other: Any) -> Array:
        return self.graph.binary(operator, self.graph.lifted(other, self.dtype), self)

    def __neg__(self) -> "Symbol":
        return self.graph.node("Neg", self)

    def __invert__(self) -> "Symbol":
        return self.graph.node("Not", self)

    def __ne__(self, other: object) -> Array:  # entry by entry, as arrays do
        return ~self._with("Equal", other)

    __hash__ = None  # type: ignore[assignment]  # as arrays


for _name in ("add", "sub", "mul", "truediv", "pow", "and", "or", "lt", "le", "gt", "ge", "eq"):
    setattr(Symbol, f"__{_name}__", partialmethod(Symbol._with, BINARY[_name]))
    setattr(Symbol, f"__r{_name}__", partialmethod(Symbol._before, BINARY[_name]))


class Source(NamedTuple):
    """Where the size of a dimension is read: an axis of an input, and what it is a multiple of."""

    name: str
    axis: int
    multiple: int


class Graph:
    """What is written so far."""

    def __init__(self) -> None:
        self._onnx = needed("onnx", ME)
        self.nodes: list[Any] = []
        self.initializers: dict[bytes, Any] = {}
        self.inputs: list[Any] = []
        self._sources: dict[str, Source] = {}
        self._sizes: dict[Axis, Symbol] = {}
        self._taken: set[str] = set()

    # ── names, inputs, constants ──────────────────────────────────────────────────────────────────────

    def named(self, stem: str) -> str:
        """A name that nothing has yet."""
        name, count = stem, 1
        while name in self._taken:
            count += 1
            name = f"{stem}_{count}"
        self._taken.add(name)
        return name

    def info(self, symbol: Symbol, doc: str = "") -> Any:
        """What ONNX says of an input or output: name, kind and axes, of which some have names."""
        kind = self._onnx.helper.np_dtype_to_tensor_dtype(symbol.dtype)
        axes = [a if isinstance(a, int) else str(a) for a in symbol.shape]
        return self._onnx.helper.make_tensor_value_info(symbol.name, kind, axes, doc)

    def input(self, name: str, shape: Shape, dtype: DType, doc: str = "") -> Symbol:
        """A value that is given when the model runs."""
        symbol = Symbol(self, self.named(name), shape, dtype)
        self.inputs.append(self.info(symbol, doc))
        self._shows(symbol)
        return symbol

    def _shows(self, symbol: Symbol) -> None:
        """Remember the dimensions whose sizes can be read off an array."""
        for k, a in enumerate(symbol.shape):
            if isinstance(a, Dim) and len(a.terms) == 1 and len(a.terms[0][0]) == 1:
                ((dim,), multiple) = a.terms[0]
                known = self._sources.get(dim)
                if known is None or multiple < known.multiple:
                    self._sources[dim] = Source(symbol.name, k, multiple)

    def asarray(self, value: Any, dtype: DType | None = None) -> Symbol:
        """An array that is part of the model, written once; or the size of a dimension as a number."""
        if isinstance(value, Symbol):
            return value
        if isinstance(value, Dim):
            scalar = self.node("Reshape", self.size(value), self.asarray(np.zeros(0, np.int64)), shape=())
            return self.astype(scalar, dtype or INTEGER)
        array = np.asarray(value, dtype or (INTEGER if isinstance(value, int) else None))
        key = repr((array.dtype.str, array.shape)).encode() + array.tobytes()
        if key not in self.initializers:
            self.initializers[key] = self._onnx.numpy_helper.from_array(array, self.named("constant"))
        return Symbol(self, self.initializers[key].name, array.shape, array.dtype)

    def parameter(self, name: str, array: np.ndarray, shape: Shape) -> Symbol:
        """A large array that is part of the model, under its own name, with the axes that it is declared with."""
        own = self.named(name)
        self.initializers[own.encode()] = self._onnx.numpy_helper.from_array(np.ascontiguousarray(array), own)
        symbol = Symbol(self, own, shape, array.dtype)
        self._shows(symbol)
        return symbol

    def constants(self) -> list[Any]:
        """The arrays that nodes use."""
        used = {name for node in self.nodes for name in node.input}
        return [array for array in self.initializers.values() if array.name in used]

    def lifted(self, value: Any, dtype: DType) -> Symbol:
        """A number in the dtype of its company, or a symbol as it is."""
        return value if isinstance(value, Symbol) else self.asarray(np.asarray(value, dtype))

    # ── nodes ─────────────────────────────────────────────────────────────────────────────────────────

    def node(
        self, operator: str, *inputs: Symbol, shape: Shape | None = None, dtype: DType | None = None, **attrs: Any
    ) -> Symbol:
        """One more node; its value has the shape and dtype of the first input unless told."""
        kind = dtype or (BOOLEAN if operator in TRUTHS else inputs[0].dtype)
        if operator in SINGLE and inputs[0].dtype == FLOAT64:
            return self.astype(self.node(operator, self.astype(inputs[0], FLOAT32), shape=shape, **attrs), kind)
        made = Symbol(self, self.named(operator.lower()), inputs[0].shape if shape is None else shape, kind)
        names = [x.name for x in inputs]
        self.nodes.append(self._onnx.helper.make_node(operator, names, [made.name], made.name, **attrs))
        return made

    def identity(self, x: Symbol, name: str) -> Any:
        """The same array under another name."""
        return self._onnx.helper.make_node("Identity", [x.name], [name], name)

    def astype(self, x: Symbol, dtype: DType) -> Symbol:
        """The same entries as another kind of number."""
        kind = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return x if x.dtype == dtype else self.node("Cast", x, dtype=np.dtype(dtype), to=kind)

    def binary(self, operator: str, a: Array, b: Array) -> Array:
        """A node of two operands that broadcast."""
        a = self.lifted(a, getattr(b, "dtype", FLOAT64))
        b = self.lifted(b, a.dtype)
        shape = broadcast([a.shape, b.shape])
        if isinstance(shape, Misfit):
            raise GraphError(f"axes {shape.left} and {shape.right} meet")
        return self.node(operator, a, b, shape=shape)

    # ── sizes ─────────────────────────────────────────────────────────────────────────────────────────

    def size(self, a: Axis) -> Symbol:
        """The size of an axis as one whole number, (1,)."""
        if isinstance(a, int):
            return self.asarray(np.array([a], np.int64))
        if a not in self._sizes:
            terms = [self._term(monomial, count) for monomial, count in a.terms]
            self._sizes[a] = reduce(partial(self.binary, "Add"), terms)
        return self._sizes[a]

    def _term(self, monomial: Sequence[str], count: int) -> Symbol:
        product = self.asarray(np.array([count], np.int64))
        for dim in monomial:
            size = self._read(dim)
            product = size if count == 1 and len(monomial) == 1 else self.binary("Mul", product, size)
        return product

    def _read(self, dim: str) -> Symbol:
        if dim not in self._sources:
            raise GraphError(f"the size of dimension {dim} is shown by no input; give it as a number")
        name, axis, multiple = self._sources[dim]
        given = Symbol(self, name, (1,), INTEGER)
        found = self.node("Shape", given, start=axis, end=axis + 1)
        return found if multiple == 1 else self.binary("Div", found, self.asarray(np.array([multiple], np.int64)))

    def sizes(self, shape: Shape) -> Symbol:
        """A shape as whole numbers."""
        if all(isinstance(a, int) for a in shape):
            return self.asarray(np.array(shape, np.int64))
        parts = [self.size(a) for a in shape]
        return parts[0] if len(parts) == 1 else self.node("Concat", *parts, shape=(len(parts),), axis=0)
