"""The trace of a formula: the graph read as numbers, every value and every gradient, for people and programs.

t = trace("(x + y) * max(y, z)", {"x": 1, "y": 2, "z": 0})
print(t)                       the forward and the backward pass as a table
t.gradients["y"]               5.0
t["b"].uses                    the flows into b: upstream × local = downstream
t.save("graph.html")           a page that steps through both passes; also .svg .json .dot .tex .txt
"""

from collections.abc import Mapping
from typing import Any, overload

import numpy as np

from chainrule.algebra import product
from chainrule.algebra.node import Node
from chainrule.algebra.parse import Formula
from chainrule.compute.calling import Compiled
from chainrule.compute.interpret import Values
from chainrule.display.trace_passes import passes
from chainrule.display.trace_question import Valued, question
from chainrule.display.trace_records import Passes


class Trace(Passes):
    """A forward and a backward pass that writes itself: as text, page, drawing or data."""


@overload
def trace(source: Node | np.ndarray) -> Node: ...
@overload
def trace(
    source: Node,
    values: Values,
    *,
    combine: bool = False,
    upstream: Any = None,
    shapes: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    syntax: Any = None,
    defined: Mapping[str, Node] | None = None,
    name: str | None = None,
    seed: int | None = None,
) -> Trace: ...
@overload
def trace(
    source: str | Formula | Compiled | Valued,
    values: Values | None = None,
    *,
    combine: bool = False,
    upstream: Any = None,
    shapes: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    syntax: Any = None,
    defined: Mapping[str, Node] | None = None,
    name: str | None = None,
    seed: int | None = None,
) -> Trace: ...
def trace(
    source: Any,
    values: Values | None = None,
    *,
    combine: bool = False,
    upstream: Any = None,
    shapes: Mapping[str, Any] | None = None,
    sizes: Mapping[str, int] | None = None,
    syntax: Any = None,
    defined: Mapping[str, Node] | None = None,
    name: str | None = None,
    seed: int | None = None,
) -> Any:
    """Every value of a formula, and every gradient of its result, with the flows that they are made of.

    source     a formula such as "(x + y) * max(y, z)", an expression, a compiled function (its first output), or
               what has `expression` and `values`, such as `tagger.loss("…")`
    values     name → number, list or array; a name may be given as its variable
    combine    σ, softmax, logsumexp and the like as one gate where they are written out
    upstream   the gradient that the backward pass begins with, in the shape of the result; 1 unless given, and
               for arrays ones: the gradients are then those of the sum of the entries
    shapes     of variables, as `parse` takes them      sizes     of dimensions that no value shows
    syntax     "python" or "matlab"                     defined   name → part of the expression, to be called so
    name       what the result is called                seed      draws the values that are missing
    Of a matrix X alone, without values, it is the mathematical trace: tr X, the sum of the diagonal.
    Raises BindingError that lists what is missing, FormulaError, ShapeError, DTypeError.
    """
    alone = values is None and seed is None and not combine
    if alone and (isinstance(source, (np.ndarray, list)) or (isinstance(source, Node) and source.ndim > 1)):
        return product.trace(source)
    asked, known = question(
        source, values, shapes=shapes, syntax=syntax, defined=defined, name=name, combine=combine, seed=seed
    )
    found = passes(asked, known, sizes, upstream)
    return Trace(**{field: getattr(found, field) for field in found.__dataclass_fields__})
