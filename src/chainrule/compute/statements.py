"""Statements of values that are more than one entry at a time: matrix products, sums, reductions, joins, views."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from chainrule.algebra.contract import letters_of
from chainrule.algebra.node import Node
from chainrule.algebra.signature import Axis
from chainrule.compute.plan import as_product, sizes_of

if TYPE_CHECKING:
    from chainrule.compute.emit import Emitter

INDENT = "    "
INDICES = "ijklmnpqrs"

Statement = Callable[["Emitter", Node], Iterator[str]]


def _turn(text: str, turned: bool) -> str:
    return f"{text}.T" if turned else text


def _product(e: "Emitter", node: Node) -> Iterator[str]:
    form = as_product(node)
    if form is None or not node.ndim:
        yield from _sum(e, node)
        return
    a, b = (e.array(x) for x in node.inputs)
    x, y = (b, a) if form.swapped else (a, b)
    out = e.array(node)
    at = INDICES[: form.batch]
    yield from e.loops(node.shape[: form.batch], at)
    inside = INDENT * form.batch
    if form.batch:
        place = ", ".join(at)
        x, y, out = (f"{text}[{place}]" for text in (x, y, out))
    yield f"{inside}np.dot({_turn(x, form.turned[0])}, {_turn(y, form.turned[1])}, {out})"


def _sum(e: "Emitter", node: Node) -> Iterator[str]:
    """Any product: a loop over the indices of the value, and inside it one over those that are summed."""
    ins, out = letters_of(node.attrs["letters"])
    sizes = sizes_of(node)
    letters = dict.fromkeys(out + "".join(ins))
    index = dict(zip(letters, INDICES, strict=False))
    free, summed = list(dict.fromkeys(out)), [c for c in letters if c not in out]
    yield from e.loops([sizes[c] for c in free], [index[c] for c in free])
    inside = INDENT * len(free)
    total = e.fresh()
    yield f"{inside}{total} = {e.number(0.0, node.dtype)}"
    yield from e.loops([sizes[c] for c in summed], [index[c] for c in summed], len(free))
    factors = [e.scribe.entry(x, tuple(index[c] for c in t)) for t, x in zip(ins, node.inputs, strict=True)]
    yield f"{inside}{INDENT * len(summed)}{total} += {' * '.join(factors)}"
    yield from _put(e, node, total, [index[c] for c in out], inside)


def _put(e: "Emitter", node: Node, value: str, at: Sequence[str], inside: str) -> Iterator[str]:
    """A value laid into its place; a number keeps its name."""
    if node.ndim:
        yield f"{inside}{e.array(node)}[{', '.join(at)}] = {value}"
    else:
        e.scribe.stored[node] = value


def _axes(node: Node) -> tuple[list[int], list[int]]:
    """The axes of the operand of a reduction that stay, and those that go."""
    x = node.inputs[0]
    gone = [x.ndim + a for a in node.attrs["axes"]]
    return [k for k in range(x.ndim) if k not in gone], gone


class _Over:
    """The loops of a reduction: outside over the axes that stay, inside over those that go, again and again."""

    def __init__(self, e: "Emitter", node: Node) -> None:
        (x,) = node.inputs
        stay, gone = _axes(node)
        at = tuple(INDICES[: x.ndim])
        self.kept = [at[k] for k in stay]
        self.heads = e.loops([x.shape[k] for k in stay], self.kept)
        self.inside = INDENT * len(stay)
        self.inner = e.loops([x.shape[k] for k in gone], [at[k] for k in gone], len(stay))
        self.deep = INDENT * (len(stay) + len(gone))
        self.at = at
        self.x = e.scribe.entry(x, at)

    def each(self, *lines: str) -> Iterator[str]:
        """Lines for every entry that is reduced."""
        yield from self.inner
        yield from (self.deep + line for line in lines)


def _extreme(e: "Emitter", node: Node) -> Iterator[str]:
    over, best, sign = _Over(e, node), e.fresh(), ">" if node.op.name == "max" else "<"
    start = float("-inf") if sign == ">" else float("inf")
    yield from over.heads
    yield f"{over.inside}{best} = {e.number(start, node.dtype)}"
    yield from over.each(f"{best} = {over.x} if {over.x} {sign} {best} or {over.x} != {over.x} else {best}")
    yield from _put(e, node, best, over.kept, over.inside)


def _top(e: "Emitter", node: Node, over: _Over) -> tuple[str, list[str]]:
    """The largest entry, 0 where it is infinite, so that exp never overflows."""
    top = e.fresh()
    zero, low = e.number(0.0, node.dtype), e.number(float("-inf"), node.dtype)
    lines = [
        f"{over.inside}{top} = {low}",
        *over.each(f"{top} = {over.x} if {over.x} > {top} or {over.x} != {over.x} else {top}"),
        f"{over.inside}{top} = {top} if np.isfinite({top}) else {zero}",
    ]
    return top, lines


def _logsumexp(e: "Emitter", node: Node) -> Iterator[str]:
    over, total = _Over(e, node), e.fresh()
    yield from over.heads
    top, lines = _top(e, node, over)
    yield from lines
    yield f"{over.inside}{total} = {e.number(0.0, node.dtype)}"
    yield from over.each(f"{total} += {e.scribe.kernel('exp', node.dtype)}({over.x} - {top})")
    result = e.fresh()
    yield f"{over.inside}{result} = {e.scribe.kernel('log', node.dtype)}({total}) + {top}"
    yield from _put(e, node, result, over.kept, over.inside)


def _softmax(e: "Emitter", node: Node) -> Iterator[str]:
    over, total, out = _Over(e, node), e.fresh(), e.array(node)
    here = f"{out}[{', '.join(over.at)}]"
    exp = e.scribe.kernel("exp", node.dtype)
    yield from over.heads
    top, lines = _top(e, node, over)
    yield from lines
    yield f"{over.inside}{total} = {e.number(0.0, node.dtype)}"
    if node.op.name == "softmax":
        yield from over.each(f"{here} = {exp}({over.x} - {top})", f"{total} += {here}")
        yield from over.each(f"{here} /= {total}")
    else:
        yield from over.each(f"{total} += {exp}({over.x} - {top})")
        yield f"{over.inside}{total} = {e.scribe.kernel('log', node.dtype)}({total})"
        yield from over.each(f"{here} = {over.x} - {top} - {total}")


def _norm(e: "Emitter", node: Node) -> Iterator[str]:
    over, total, top = _Over(e, node), e.fresh(), e.fresh()
    zero, one = e.number(0.0, node.dtype), e.number(1.0, node.dtype)
    yield from over.heads
    yield f"{over.inside}{top} = {zero}"
    yield from over.each(f"{top} = abs({over.x}) if abs({over.x}) > {top} or {over.x} != {over.x} else {top}")
    yield f"{over.inside}{top} = {top} if {top} > {zero} and np.isfinite({top}) else {one}"
    yield f"{over.inside}{total} = {zero}"
    yield from over.each(f"{total} += ({over.x} / {top}) * ({over.x} / {top})")
    result = e.fresh()
    yield f"{over.inside}{result} = {top} * {e.scribe.kernel('sqrt', node.dtype)}({total})"
    yield from _put(e, node, result, over.kept, over.inside)


def _join(e: "Emitter", node: Node) -> Iterator[str]:
    axis = node.ndim + node.attrs["axis"]
    start: Axis = 0
    for part in node.inputs:
        at = list(INDICES[: node.ndim])
        yield from e.loops(part.shape, at)
        entry = e.scribe.entry(part, tuple(at))
        at[axis] = at[axis] if start == 0 else f"{e.size(start)} + {at[axis]}"
        yield f"{INDENT * node.ndim}{e.array(node)}[{', '.join(at)}] = {entry}"
        start = start + part.shape[axis]


def _pad(e: "Emitter", node: Node) -> Iterator[str]:
    (x,), cuts = node.inputs, node.attrs["cuts"]
    at = tuple(INDICES[: x.ndim])
    yield f"{e.array(node)}[...] = 0"
    yield from e.loops(x.shape, at)
    front, places = at[: x.ndim - len(cuts)], []
    for (start, _, step), i in zip(cuts, at[x.ndim - len(cuts) :], strict=True):
        text = i if step == 1 else f"{i} * {step}"
        places.append(text if start == 0 else f"{e.size(start)} + {text}")
    yield f"{INDENT * x.ndim}{e.array(node)}[{', '.join((*front, *places))}] = {e.scribe.entry(x, at)}"


def _scatter(e: "Emitter", node: Node) -> Iterator[str]:
    rows, values = node.inputs
    at = tuple(INDICES[: values.ndim])
    front = node.attrs["batch"]
    yield f"{e.array(node)}[...] = 0"
    yield from e.loops(values.shape, at)
    place = (*at[:front], e.scribe.entry(rows, at[: rows.ndim]), *at[rows.ndim :])
    yield f"{INDENT * values.ndim}{e.array(node)}[{', '.join(place)}] += {e.scribe.entry(values, at)}"


def _reshape(e: "Emitter", node: Node) -> Iterator[str]:
    (x,) = node.inputs
    shape = "".join(f"{e.size(a)}, " for a in node.shape)
    name = e.fresh()
    if not node.ndim:
        yield f"{name} = {e.array(x)}.reshape((1,))[0]"
    else:
        yield f"{name} = {e.array(x)}.reshape(({shape}))"
    e.scribe.stored[node] = name


def _matrix_function(call: str) -> Statement:
    def write(e: "Emitter", node: Node) -> Iterator[str]:
        front = node.inputs[0].ndim - 2
        at = INDICES[:front]
        yield from e.loops(node.inputs[0].shape[:front], at)
        arrays = [f"{e.array(x)}[{', '.join(at)}]" if front else e.array(x) for x in node.inputs]
        value = call.format(*arrays, nan=e.number(float("nan"), node.dtype))
        inside = INDENT * front
        if node.ndim > front:
            target = f"{e.array(node)}[{', '.join((*at, '...'))}]"
            yield f"{inside}{target} = {value}"
        else:
            name = e.fresh()
            yield f"{inside}{name} = {value}"
            yield from _put(e, node, name, list(at), inside)

    return write


STATEMENTS: Mapping[str, Statement] = {
    "product": _product,
    "max": _extreme,
    "min": _extreme,
    "logsumexp": _logsumexp,
    "softmax": _softmax,
    "log_softmax": _softmax,
    "norm2": _norm,
    "join": _join,
    "pad": _pad,
    "scatter": _scatter,
    "reshape": _reshape,
    "inv": _matrix_function("np.linalg.inv({0})"),
    "det": _matrix_function("np.linalg.det({0})"),
    "logdet": _matrix_function("logdet({0})"),
    "solve": _matrix_function("np.linalg.solve({0}, {1})"),
}
