"""An operation is one record; every reading of the graph is derived from it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from chainrule.algebra.phrase import Phrase
from chainrule.algebra.signature import DType, Shape

if TYPE_CHECKING:
    from chainrule.algebra.node import Node

Array = Any  # an array of any namespace that follows the array API standard
Namespace = Any


class Given(NamedTuple):
    """An operand to try an operation on: its shape, its safe interval, and its kind of number."""

    shape: tuple[int, ...] = ()
    low: float = -2.0
    high: float = 2.0
    kind: str = "real"
    """`real`, `index` (whole numbers from low to high − 1), `truth`, `definite` (symmetric, eigenvalues in
    [low, high]) or `regular` (not symmetric, with a definite symmetric part)."""


class Example(NamedTuple):
    """Operands and attributes on which an operation is safe to try, differentiate and batch."""

    operands: tuple[Given, ...]
    attrs: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """What an operation computes, its local gradient, how it is written, and where it is safe to try.

    forward(xp, *arrays, **attrs)              the value, over any array namespace `xp`
    infer(*inputs, **attrs)                    shape and dtype of the value; raises ShapeError, DTypeError
    pullback(k, g, y, *inputs, **attrs)        downstream gradient of input k, given the upstream gradient g
                                               of the value y, as a graph; None where nothing flows
    batch(inputs, batched, **attrs)            the same operation with one more axis in front of the value;
                                               `batched[k]` says whether inputs[k] has that axis in front
    write(phrases, inputs, **attrs)            how it is written, given how its inputs are
    """

    name: str
    forward: Callable[..., Array]
    infer: Callable[..., tuple[Shape, DType]]
    pullback: Callable[..., "Node | None"]
    batch: Callable[..., "Node"]
    write: Callable[..., Phrase]
    examples: tuple[Example, ...] = field(default=())
    entrywise: bool = False
    """Whether every entry of the value depends on the entries at its place alone."""
    guarded: bool = False
    """Whether a local gradient can be infinite, so that 0 × ∞ must be kept out behind a `where`."""
    routes: bool = False
    """Whether the value is made of entries chosen among the inputs' (where, maximum, minimum, max, min)."""
    kink: str = ""
    """Where no derivative exists and what is used there: `not differentiable at 0; relu'(0) = 0 used`. It may name
    the operands {a}, {b}, the attributes, and where the pieces meet: {zero}, as in `x = 0`."""
    needs: str = ""
    """What the operands must obey for value and gradient to exist: `{a} > 0`."""
    unlike: str = ""
    """What it could be taken for on a square matrix, and is not: `the matrix exponential`."""

    def __repr__(self) -> str:
        return f"<op {self.name}>"


OPS: dict[str, Op] = {}
"""Every operation by name; filled as the records are declared."""


def declare(op: Op) -> Op:
    """Enter a record into the table of operations."""
    if op.name in OPS:
        raise KeyError(f"operation {op.name} is declared twice")
    OPS[op.name] = op
    return op
