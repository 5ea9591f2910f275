"""ONNX: the computation of expressions as a model for other runtimes.

    onnx.write(onnx.model({"s": s}), "s.onnx")

An operation is written by running its record over a namespace of ONNX (`onnx_arrays`); `FORMS` has those for which
ONNX has an operator of its own. Opset 18. Taggers are written by `onnx_tagger`.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import chainrule
from chainrule.algebra.node import VARIABLE, Node, topological
from chainrule.algebra.notation import write as written
from chainrule.algebra.op import Array
from chainrule.algebra.reduce import LOG_SOFTMAX, SOFTMAX
from chainrule.algebra.select import SCATTER, TAKE
from chainrule.algebra.signature import Axis, Binding, Shape, entries
from chainrule.algebra.slice import PAD, SLICE, Cut
from chainrule.calculus.simplify import simplify
from chainrule.compute.chains import associated
from chainrule.compute.files import written_whole
from chainrule.compute.interpret import checked
from chainrule.compute.typed import typed
from chainrule.errors import ChainruleError, GraphError
from chainrule.ports.extra import needed
from chainrule.ports.onnx_arrays import UNARY, Functions, Unwritten
from chainrule.ports.onnx_graph import IR, ME, OPSET, Symbol

MOST = 2**31 - 1  # bytes of a message of protobuf

# ── operations that ONNX has ──────────────────────────────────────────────────────────────────────────


def _normalised(operator: str, forward: Callable[..., Array]) -> Callable[..., Array]:
    """Softmax over one axis; over several as it is computed elsewhere."""

    def form(xp: Functions, x: Array, axes: tuple[int, ...]) -> Array:
        return xp.node(operator, x, axis=axes[0]) if len(axes) == 1 else forward(xp, x, axes)

    return form


def _take(xp: Functions, x: Array, rows: Array, batch: int) -> Array:
    tail = x.shape[batch + 1 :]
    if not batch:
        return xp.node("Gather", x, rows, shape=(*rows.shape, *tail), axis=0)
    places = xp.expand_dims(rows, -1)
    return xp.node("GatherND", x, places, shape=(*rows.shape, *tail), batch_dims=batch)


def _scatter(xp: Functions, rows: Array, values: Array, batch: int, count: Axis) -> Array:
    """Rows added into one table, that of all groups one below the other."""
    front, tail = rows.shape[:batch], values.shape[rows.ndim :]
    groups = entries(front)
    if batch:
        begins = xp.asarray(count) * xp.reshape(xp.arange(groups), (*front, *(1,) * (rows.ndim - batch)))
        rows = rows + begins
    table = xp.zeros((groups * count, *tail), values.dtype)
    found = xp.node("ScatterND", table, xp.expand_dims(rows, -1), values, reduction="add")
    return xp.reshape(found, (*front, count, *tail))


FARTHEST = np.iinfo(np.int64).min  # the end of a slice that steps back over the first entry


def _slice(xp: Functions, x: Array, cuts: Sequence[Cut]) -> Array:
    axes = range(x.ndim - len(cuts), x.ndim)
    shape = (*x.shape[: x.ndim - len(cuts)], *(c.length for c in cuts))
    starts = xp.sizes(tuple(c.start for c in cuts))
    ends = [c.start + c.length * c.step for c in cuts]
    stops = xp.sizes(tuple(FARTHEST if isinstance(e, int) and e < 0 else e for e in ends))
    steps = [xp.asarray(np.array(part, np.int64)) for part in (axes, [c.step for c in cuts])]
    return xp.node("Slice", x, starts, stops, *steps, shape=shape)


def _pad(xp: Functions, x: Array, cuts: Sequence[Cut], shape: Shape) -> Array:
    """Zeros around; along an axis of a cut with steps, which is of a known size, every entry is looked up."""
    first = x.ndim - len(cuts)
    before: list[Axis] = [0] * first
    after: list[Axis] = [0] * first
    for k, (cut, size) in enumerate(zip(cuts, shape, strict=True), first):
        if cut.step != 1:
            x, cut = _spread(xp, x, k, cut, size), Cut(0, size, 1)  # noqa: PLW2901 — all of the axis is there now
        before.append(cut.start)
        after.append(size - cut.start - cut.length)
    return xp.node("Pad", x, xp.sizes((*before, *after)), shape=(*x.shape[:first], *shape))


def _spread(xp: Functions, x: Array, axis: int, cut: Cut, size: Any) -> Array:
    start, length, step = int(cut.start), int(cut.length), cut.step  # type: ignore[arg-type]  # numbers, with steps
    places = np.arange(start, start + length * step, step)
    sources, there = np.zeros(size, np.int64), np.zeros(size, bool)
    sources[places], there[places] = np.arange(length), True
    shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
    found = xp.node("Gather", x, xp.asarray(sources), shape=shape, axis=axis)
    mask = xp.asarray(there.reshape(-1, *(1,) * (x.ndim - axis - 1)))
    return xp.where(mask, found, xp.zeros_like(x))


def _unary(operator: str) -> Callable[..., Array]:
    return lambda xp, x: xp.node(operator, x)


FORMS: Mapping[str, Callable[..., Array]] = {
    **{name: _unary(UNARY[name]) for name in ("sigmoid", "relu")},
    "softmax": _normalised("Softmax", SOFTMAX.forward),
    "log_softmax": _normalised("LogSoftmax", LOG_SOFTMAX.forward),
    TAKE.name: _take,
    SCATTER.name: _scatter,
    SLICE.name: _slice,
    PAD.name: _pad,
}
"""Operation → what is written for it, where that is not what its record does."""


# ── any graph ─────────────────────────────────────────────────────────────────────────────────────────


def model(
    outputs: Mapping[str, Node] | Sequence[Node] | Node,
    inputs: Sequence[Node] | None = None,
    *,
    values: Mapping[str, Any] | None = None,
    doc: str = "",
    metadata: Mapping[str, str] | None = None,
) -> Any:
    """Expressions as a model of ONNX: a `ModelProto`.

    outputs   by name; without names they are y, or y0, y1, …
    inputs    the variables in the order in which the model has them
    values    name of a variable → its array, which becomes part of the model
    Named dimensions stay open. Raises GraphError for operations that ONNX has nothing for, by their names;
    ExtraError without the library.
    """
    onnx = needed("onnx", ME)
    named = _named(outputs)
    roots = typed(associated(simplify(list(named.values()))))
    order = topological([*roots, *(inputs or ())])
    given = dict(values or {})
    graph, held, binding = Functions(), {}, Binding()
    leaves = [n for n in order if n.op is VARIABLE]
    for node in [*(inputs or ()), *(n for n in leaves if n not in set(inputs or ()))]:
        name = str(node.attrs["name"])
        if name in given:
            array = checked(node, given.pop(name))
            binding.meet(name, node.shape, array.shape)
            held[node] = graph.parameter(name, array, node.shape)
        else:
            held[node] = graph.input(name, node.shape, node.dtype)
    if given:
        raise GraphError(f"values are given for {', '.join(given)}, which the expressions do not have")
    _write_nodes(graph, order, held)
    results = [_output(graph, name, held[root]) for name, root in zip(named, roots, strict=True)]
    body = onnx.helper.make_graph(
        graph.nodes, "chainrule", graph.inputs, results, graph.constants(), doc_string=doc
    )
    opset = onnx.helper.make_opsetid("", OPSET)
    made = onnx.helper.make_model(body, opset_imports=[opset], ir_version=IR, doc_string=doc)
    made.producer_name, made.producer_version = "chainrule", chainrule.__version__
    onnx.helper.set_model_props(made, {**(metadata or {})})
    return made


def _named(outputs: Mapping[str, Node] | Sequence[Node] | Node) -> dict[str, Node]:
    if isinstance(outputs, Mapping):
        return dict(outputs)
    listed = [outputs] if isinstance(outputs, Node) else list(outputs)
    return {"y" if len(listed) == 1 else f"y{k}": node for k, node in enumerate(listed)}


def _write_nodes(graph: Functions, order: Sequence[Node], held: dict[Node, Symbol]) -> None:
    unknown: dict[str, None] = {}
    for node in order:
        if node in held:
            continue
        if any(x not in held for x in node.inputs):
            continue
        form = FORMS.get(node.op.name, node.op.forward)
        try:
            held[node] = form(graph, *(held[x] for x in node.inputs), **node.attrs)
        except Unwritten:
            unknown[f"{node.op.name}, as in {written(node, 40)}"] = None
        except ChainruleError as error:
            raise type(error)(f"{written(node, 60)}: {error}") from None
    if unknown:
        raise GraphError(f"ONNX has no operator for {'; '.join(unknown)}")


def _output(graph: Functions, name: str, symbol: Symbol) -> Any:
    """An output under its name."""
    own = graph.named(name)
    if own != name:
        raise GraphError(f"{name} is the name of an output and of a variable; give the output another name")
    graph.nodes.append(graph.identity(symbol, name))
    return graph.info(Symbol(graph, name, symbol.shape, symbol.dtype))


def write(made: Any, path: str | Path) -> None:
    """Check a model and write it, whole or not at all. Raises WriteError, GraphError for more than 2 GB."""
    onnx = needed("onnx", ME)
    size = made.ByteSize()
    if size > MOST:
        raise GraphError(f"the model has {size / 1e9:.1f} GB, and a file of ONNX 2 GB at most; prune the tables")
    onnx.checker.check_model(made, full_check=True)
    with written_whole(path) as file:
        file.write(made.SerializeToString(deterministic=True))
