"""What a forward and a backward pass leave behind, as data: a row for every node, a flow for every edge.

    upstream × local = downstream      along every edge, and what arrives at a node over several edges is summed

A `Row` is an input, a constant or an operation, with its value and its gradient; a `Flow` is one operand of one
operation, with what came from above, the local gradient and what goes down. The viewer decides what to hide.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from chainrule.algebra.node import Node

Role = Literal["input", "constant", "operation"]
Span = tuple[int, int]


@dataclass(frozen=True, eq=False, slots=True)
class Flow:
    """An edge: operand number `operand` of the operation in row `target` is the value of row `source`.

    upstream     the gradient at the target, in its shape
    local        ∂target/∂source as numbers: of a scalar target in the shape of the source, of an operation that
                 works entry by entry the slopes at the entries; None where it is no such array (see `rule`)
    downstream   this edge's part of the gradient at the source, in the shape of the source
    rule         the downstream gradient as an expression in the names of rows and of the upstream gradient:
                 `δ xᵀ`, `Wᵀ δ`, `δ ⊙ (1 - h²)`
    slope        the local gradient as an expression in the names of rows: `1 - h²`, `b`; None with `local`
    All four gradients are None where nothing flows: constants, whole numbers, truth values.
    """

    source: int
    target: int
    operand: int
    upstream: np.ndarray | None = None
    local: np.ndarray | None = None
    downstream: np.ndarray | None = None
    rule: Node | None = None
    slope: Node | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Row:
    """A node of the graph: an input, a constant or an operation.

    id         its place in `Passes.rows`
    name       the user's name for it, or a free letter; of a number the number itself
    node       the whole expression       formula   the same in the names of the operands, `a = x + y`
    symbol     the sign or function: `+`, `×`, `max`, `σ`; of leaves the name
    gate       what it does with a gradient: `distributes`, `switches`, `routes`, … (keys of `trace_words.GATES`)
    value      read-only, of the node's dtype    gradient   of the value's shape; None where none flows
    inputs     the operands, in order     uses   the flows into it from above, in the order of the backward pass
    spans      where it stands in the typed text: `text[start:end]`, each place once
    named      whether the user gave the name
    block      number of the repetition it belongs to (`Passes.blocks`), or None
    """

    id: int
    name: str
    node: Node
    formula: Node
    role: Role
    symbol: str
    gate: str
    value: np.ndarray
    gradient: np.ndarray | None
    inputs: tuple[Flow, ...] = ()
    uses: tuple[Flow, ...] = ()
    spans: tuple[Span, ...] = ()
    named: bool = False
    block: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of value and gradient."""
        return self.value.shape


@dataclass(frozen=True, slots=True)
class Block:
    """Operations that repeat: `times` runs of `length` rows, alike in structure, from row `first` on."""

    first: int
    length: int
    times: int


@dataclass(frozen=True, eq=False)
class Passes:
    """A forward and a backward pass.

    rows       inputs, constants, then operations in the order of computing; each node once
    output     the row that was asked for      start  the upstream gradient it begins with: 1, or ones
    text       the formula as it was typed, "" where it was built      syntax   its spelling
    upstream   the name of the upstream gradient in the flows' rules: δ, or a letter that is free
    sizes      the sizes of named dimensions
    blocks     runs of rows that repeat one another
    remarks    what has to be said of the passes, in sentences
    """

    rows: tuple[Row, ...]
    output: int
    start: np.ndarray
    text: str = ""
    syntax: str = "python"
    upstream: str = "δ"
    sizes: Mapping[str, int] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def result(self) -> Row:
        """The row that was asked for."""
        return self.rows[self.output]

    @cached_property
    def inputs(self) -> tuple[Row, ...]:
        """The variables."""
        return tuple(row for row in self.rows if row.role == "input")

    @cached_property
    def operations(self) -> tuple[Row, ...]:
        """The operations in the order of the forward pass."""
        return tuple(row for row in self.rows if row.role == "operation")

    @cached_property
    def backward(self) -> tuple[Row, ...]:
        """The operations that a gradient goes through, in the order of the backward pass."""
        return tuple(row for row in self.operations[::-1] if any(f.downstream is not None for f in row.inputs))

    @cached_property
    def values(self) -> Mapping[str, np.ndarray]:
        """Name → value, of inputs and operations."""
        return {row.name: row.value for row in self._named()}

    @cached_property
    def gradients(self) -> Mapping[str, np.ndarray]:
        """Name → gradient of the output, of inputs and operations, where there is one."""
        return {row.name: row.gradient for row in self._named() if row.gradient is not None}

    def __getitem__(self, name: str) -> Row:
        """The row of this name. KeyError if there is none."""
        return next((row for row in self._named() if row.name == name), None) or self._missing(name)

    def _named(self) -> Iterator[Row]:
        return (row for row in self.rows if row.role != "constant" or row.value.ndim)

    def _missing(self, name: str) -> Row:
        raise KeyError(f"no row is called {name!r:.40}; there are {', '.join(row.name for row in self._named())}")
