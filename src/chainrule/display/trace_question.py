"""What is traced, from what a user gives: a formula, an expression, a compiled function, and values by name."""

import difflib
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol, runtime_checkable

import numpy as np

from chainrule.algebra.data import array_of
from chainrule.algebra.names import spelt
from chainrule.algebra.node import VARIABLE, Node, index, topological, variable, variables
from chainrule.algebra.notation import write
from chainrule.algebra.parse import Formula, formula
from chainrule.algebra.select import RESHAPE, take
from chainrule.algebra.signature import BOOLEAN, FLOATS, INTEGER, Axis, Binding, shape_text
from chainrule.algebra.slice import SLICE, Cut
from chainrule.calculus.facts import Facts
from chainrule.calculus.rewrite import remake
from chainrule.calculus.textbook import recognised
from chainrule.compute.calling import Compiled
from chainrule.compute.draw import draw
from chainrule.compute.interpret import Values
from chainrule.display.trace_numbers import summary
from chainrule.display.trace_passes import Asked
from chainrule.errors import BindingError, ChainruleError, DTypeError, FormulaError, GraphError, ShapeError


@runtime_checkable
class Valued(Protocol):
    """An expression together with the values of its variables, and names for its parts."""

    @property
    def expression(self) -> Node:
        """The expression."""

    @property
    def values(self) -> Mapping[str, Any]:
        """Name → value of its variables."""

    @property
    def defined(self) -> Mapping[str, Node]:
        """Name → part of the expression."""


Source = Node | Formula | Compiled | Valued | str


def question(
    source: Source,
    values: Values | None,
    *,
    shapes: Mapping[str, Any] | None = None,
    syntax: Any = None,
    defined: Mapping[str, Node] | None = None,
    name: str | None = None,
    combine: bool = False,
    seed: int | None = None,
) -> tuple[Asked, dict[str, Any]]:
    """What is asked, and a value for every variable. Raises BindingError for values that are missing."""
    given = _by_name({} if values is None else values)
    if isinstance(source, Valued) and not isinstance(source, (Node, Formula, Compiled, str)):
        given = {**source.values, **given}
        defined = {**source.defined, **(defined or {})}
        source = source.expression
    asked, known = _asked(source, given, shapes or {}, syntax)
    asked = asked._replace(defined={**asked.defined, **(defined or {})})
    if name:
        rest = {other: node for other, node in asked.defined.items() if node is not asked.expression}
        asked = asked._replace(defined={**rest, name: asked.expression})
    asked = _remade(asked, combine)
    if asked.text:
        given = _spelt_as(given, known, asked.defined)
    values = _complete(asked.expression, given, seed)
    drawn = [
        f"{write(v)} = {summary(np.asarray(values[v.attrs['name']]))}"
        for v in variables(asked.expression)
        if v.attrs["name"] not in given
    ]
    if drawn:
        asked = asked._replace(remarks=(*asked.remarks, f"drawn at random: {', '.join(drawn)}"))
    return asked, values


def _by_name(values: Values) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise BindingError(f"values are given by name, as in {{'x': 2.0}}, not as {values!r:.40}")
    for key in values:
        if isinstance(key, Node) and key.op is not VARIABLE:
            raise GraphError(f"values are given for variables, and {write(key, 60)} is none")
    return {str(key.attrs["name"]) if isinstance(key, Node) else str(key): v for key, v in values.items()}


def _asked(
    source: Source, given: Mapping[str, Any], shapes: Mapping[str, Any], syntax: Any
) -> tuple[Asked, Mapping[str, Node]]:
    """The expression, and the variables by name that values may be given for."""
    if isinstance(source, str):
        source = _read(source, {**_shapes(given), **shapes}, given, syntax)
    if isinstance(source, Formula):
        f = source
        return Asked(f.result, f.definitions, f.text, f.syntax, f.spans, f.remarks), f.variables
    if isinstance(source, Compiled):
        source = source.outputs[0]
    if not isinstance(source, Node):
        raise GraphError(f"a formula, an expression or a compiled function is traced, not {source!r:.40}")
    return Asked(source, {}), {v.attrs["name"]: v for v in variables(source)}


def _shapes(given: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: array_of(value).shape for name, value in given.items()}


def _read(text: str, shapes: Mapping[str, Any], given: Mapping[str, Any], syntax: Any) -> Formula:
    """The formula with the shapes of the values; whole numbers select and truth values choose where it asks."""
    try:
        return _with_numbers(formula(text, shapes, syntax=syntax), shapes)
    except DTypeError as error:
        arrays = {name: array_of(value) for name, value in given.items()}
        kinds = {name: array.dtype.kind for name, array in arrays.items() if array.dtype.kind in "iub"}
        known = dict(shapes)
        while name := next((n for n in kinds if str(error).startswith(f"{n} (")), ""):
            truth = kinds.pop(name) == "b"
            known[name] = variable(name, shapes[name], BOOLEAN) if truth else index(name, *shapes[name])
            with suppress(DTypeError):
                return formula(text, known, syntax=syntax)
        raise


def _with_numbers(read: Formula, shapes: Mapping[str, Any]) -> Formula:
    """Small letters without a value are numbers where that makes the formula one."""
    known = {spelt(name) for name in shapes}
    letters = [name for name, node in read.variables.items() if node.ndim == 1 and spelt(name) not in known]
    if letters and read.result.shape:
        with suppress(ShapeError):
            other = formula(read.text, {**shapes, **dict.fromkeys(letters, ())}, syntax=read.syntax)
            return other if not other.result.shape else read
    return read


def _spelt_as(given: Mapping[str, Any], known: Mapping[str, Node], defined: Mapping[str, Node]) -> dict[str, Any]:
    """The values by the names of variables, in any spelling of these; FormulaError for a name that is none."""
    names = {spelt(name): name for name in known}
    found: dict[str, Any] = {}
    for name, value in given.items():
        if spelt(name) not in names:
            if name in defined:
                raise FormulaError(f"{name} is defined by the formula, which gives it its value")
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise FormulaError(
                f"a value is given for {name}, which the formula does not have: it has {', '.join(known)}{hint}"
            )
        if names[spelt(name)] in found:
            raise BindingError(f"{names[spelt(name)]} is given two values; leave one out")
        found[names[spelt(name)]] = value
    return found


_TRIED = ("divide", "log", "log1p", "power", "subtract", "product")
_COMBINED = ("sigmoid", "tanh", "softplus", "softmax", "log_softmax", "logsumexp")


def _remade(asked: Asked, combine: bool) -> Asked:
    """With an entry, z[1], as one gate; `combine`: so σ, softmax and the like where they are written out."""
    done: dict[Node, Node] = {}
    order = topological([asked.expression, *asked.defined.values()])
    if not combine and all(_entry(node) is None for node in order):
        return asked
    for node in order:
        entry = _entry(node, done)
        now = entry if entry is not None else remake(node, [done[i] for i in node.inputs]) if node.inputs else node
        (found,) = recognised([now]) if combine and node.op.name in _TRIED else (now,)
        done[node] = found if found.op.name in _COMBINED and found.shape == now.shape else now
    below = set(topological([done[asked.expression]]))
    return asked._replace(
        expression=done[asked.expression],
        defined={name: done[node] for name, node in asked.defined.items() if done[node] in below},
        spans={done[node]: spans for node, spans in asked.spans.items() if node in done and done[node] in below},
    )


def _entry(node: Node, done: Mapping[Node, Node] | None = None) -> Node | None:
    """The entry, or row, of a known number that a reshaped slice is: z[1]; None for all else."""
    if node.op is not RESHAPE or node.inputs[0].op is not SLICE:
        return None
    (cut_out,) = node.inputs
    (x,), cuts = cut_out.inputs, cut_out.attrs["cuts"]
    first = cuts[0]
    whole = all(cut == Cut(0, size, 1) for cut, size in zip(cuts[1:], x.shape[1:], strict=False))
    if len(cuts) != x.ndim or first.length != 1 or not whole or node.shape != x.shape[1:]:
        return None
    return take((done or {}).get(x, x), np.asarray(first.start)) if isinstance(first.start, int) else None


def _complete(s: Node, values: dict[str, Any], seed: int | None) -> dict[str, Any]:
    """The values, those that are missing drawn with `seed`; BindingError that lists them if there is none."""
    values = {**values, **{v.attrs["name"]: _real(v, values) for v in variables(s) if v.attrs["name"] in values}}
    missing = [v for v in variables(s) if v.attrs["name"] not in values]
    if not missing:
        return values
    if seed is not None:
        drawn = draw(variables(s), Facts(), np.random.default_rng(seed), s=s, given=values)
        return {**drawn, **values}
    needed = ", ".join(f"{write(v)} ({_wanted(v, values, s)})" for v in missing)
    raise BindingError(
        f"no value for {needed}; give {'it' if len(missing) == 1 else 'them'} by name, or draw what is missing "
        "at random, with seed=0 (--seed 0)"
    )


def _real(v: Node, values: Mapping[str, Any]) -> Any:
    """The value of a variable; whole numbers are real ones where the variable is real."""
    value = values[v.attrs["name"]]
    whole = isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "iu" and v.dtype in FLOATS
    return value.astype(v.dtype) if whole else value


def _wanted(v: Node, values: Mapping[str, Any], s: Node) -> str:
    """The shape that a missing value must have, in numbers where the values given show them."""
    if not v.shape:
        return "a whole number" if v.dtype == INTEGER else "a number"
    binding = Binding()
    with suppress(ChainruleError, ValueError):
        for node in variables(s):
            if node.attrs["name"] in values:
                binding.meet(node.attrs["name"], node.shape, np.shape(values[node.attrs["name"]]))
    axes: list[Axis] = []
    for a in v.shape:
        try:
            axes.append(binding.size(a))
        except BindingError:
            axes.append(a)
    return shape_text(tuple(axes))
