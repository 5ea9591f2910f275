"""Statements of values that are more than one entry at a time: matrix products, sums, reductions, joins, views."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from chainrule.algebra.chain import CHAIN, EXPECTED
from chainrule.algebra.contract import letters_of
from chainrule.algebra.node import Node
from chainrule.algebra.signature import FLOAT32, Axis, Shape, entries
from chainrule.compute.blocks import block, has_blocks
from chainrule.compute.contraction import Matrices, as_matrices, sizes_of
from chainrule.compute.element import CALLS, moved
from chainrule.compute.symmetric import is_symmetric

if TYPE_CHECKING:
    from chainrule.compute.emit import Emitter

INDENT = "    "
INDICES = "ijklmnpqrsabcdefghotuvwxyz"

Statement = Callable[["Emitter", Node], Iterator[str]]


# ── products ──────────────────────────────────────────────────────────────────────────────────────────


def _product(e: "Emitter", node: Node) -> Iterator[str]:
    form = as_matrices(node)
    yield from _sum(e, node) if form is None else _matrices(e, node, form)


def _matrices(e: "Emitter", node: Node, form: Matrices) -> Iterator[str]:
    """Calls of BLAS: of matrices, or of a matrix and a vector, transposed or not."""
    sizes = sizes_of(node)
    names: list[str] = []
    (a, b), (a_turned, b_turned) = node.inputs, form.turned
    groups = [
        (form.summed, form.left) if a_turned else (form.left, form.summed),
        (form.right, form.summed) if b_turned else (form.summed, form.right),
        (form.right, form.left) if form.swapped else (form.left, form.right),
    ]
    for operand, pair in zip((a, b, node), groups, strict=True):
        name = e.array(operand)
        if any(len(letters) > 1 for letters in pair):
            shape = [*(sizes[c] for c in form.batch), *(entries(_shape(p, sizes)) for p in pair if p)]
            whole, name = name, e.fresh()
            yield f"{name} = {whole}.reshape({e.shape(shape)})"
        names.append(name)
    at = INDICES[: len(form.batch)]
    yield from e.loops(node.shape[: len(at)], at)
    x, y, out = (f"{name}[{', '.join(at)}]" if at else name for name in names)
    first, second = _turned(x, a_turned), _turned(y, b_turned)
    if form.swapped or not form.left:
        first, second = _turned(y, not b_turned), _turned(x, not a_turned) if form.left else x
    summed = entries(_shape(form.summed, sizes))
    by_rows = a_turned and not (b_turned or at or form.swapped or is_symmetric(node)) and node.ndim == 2
    if by_rows and (terms := block(node.shape[0], node.shape[1], summed)):
        yield f"{out}[...] = 0"
        yield f"for i in range(0, {e.size(summed, alone=True)}, {terms}):"
        yield f"{INDENT}{e.helper('add_dot')}({x}[i : i + {terms}].T, {y}[i : i + {terms}], {out})"
        return
    dot = "np.dot"
    if is_symmetric(node):
        dot = e.helper("symmetric")
    elif (
        b_turned
        and not (a_turned or at or form.swapped)
        and node.ndim == 2
        and has_blocks(node.shape[0], node.shape[1], summed)
    ):
        dot = e.helper("dot_by_rows")
    yield f"{INDENT * len(at)}{dot}({first}, {second}, {out})"


def _shape(letters: str, sizes: Mapping[str, Axis]) -> Shape:
    return tuple(sizes[c] for c in letters)


def _turned(text: str, turned: bool) -> str:
    return f"{text}.T" if turned else text


def _sum(e: "Emitter", node: Node) -> Iterator[str]:
    """Any product: loops over the indices of the value and those that are summed, the innermost along memory."""
    ins, out = letters_of(node.attrs["letters"])
    sizes = sizes_of(node)
    letters = list(dict.fromkeys(out + "".join(ins)))
    index = dict(zip(letters, INDICES, strict=False))
    free, summed = list(dict.fromkeys(out)), [c for c in letters if c not in out]
    along = [c for c in summed if all(c not in t[:-1] for t in ins)]
    rows = not along and len(free) == len(out) > 0 and any(t.endswith(free[-1]) for t in ins)
    place = [index[c] for c in out]
    if rows or len(free) < len(out):
        yield f"{e.array(node)}[...] = 0"
    first = [*free[:-1], *summed, free[-1]] if rows else free
    yield from e.loops([sizes[c] for c in first], [index[c] for c in first])
    inside = INDENT * len(first)
    if not rows:
        last = [c for c in summed if c not in along[-1:]] + along[-1:]
        total, wide = e.fresh(), not node.ndim and node.dtype == FLOAT32  # see the totals of `Emitter`
        yield f"{inside}{total} = {'0.0' if wide else e.number(0.0, node.dtype)}"
        yield from e.loops([sizes[c] for c in last], [index[c] for c in last], len(free))
        inside += INDENT * len(last)
    places = [tuple(index[c] for c in t) for t in ins]
    yield from (inside + line for x, at in zip(node.inputs, places, strict=True) for line in e.named([x], at))
    term = e.times(node.inputs, places)
    if rows:
        yield f"{inside}{e.array(node)}[{', '.join(place)}] += {term}"
        return
    yield f"{inside}{total} = {e.helper('plus')}({total}, {f'float64({term})' if wide else term})"
    if wide:
        yield f"{total} = float32({total})"
    yield from e.put(node, total, place, INDENT * len(free))


# ── reductions ────────────────────────────────────────────────────────────────────────────────────────


class _Over:
    """The loops of a reduction: outside over the axes that stay, inside over those that go, again and again."""

    def __init__(self, e: "Emitter", node: Node) -> None:
        (x,) = node.inputs
        gone = [x.ndim + a for a in node.attrs["axes"]]
        stay = [k for k in range(x.ndim) if k not in gone]
        self.at = tuple(INDICES[: x.ndim])
        self.place = [self.at[k] for k in stay]
        self.heads = e.loops([x.shape[k] for k in stay], self.place)
        self.inside = INDENT * len(stay)
        self.inner = e.loops([x.shape[k] for k in gone], [self.at[k] for k in gone], len(stay))
        self.deep = INDENT * (len(stay) + len(gone))
        self.x = e.scribe.entry(x, self.at)

    def once(self, *lines: str) -> Iterator[str]:
        """Lines for every value."""
        yield from (self.inside + line for line in lines)

    def each(self, *lines: str) -> Iterator[str]:
        """Lines for every entry that is reduced."""
        yield from self.inner
        yield from (self.deep + line for line in lines)


def _extreme(e: "Emitter", node: Node) -> Iterator[str]:
    over, best = _Over(e, node), e.fresh()
    name, start = ("larger", "-inf") if node.op.name == "max" else ("smaller", "inf")
    yield from over.heads
    yield from over.once(f"{best} = {e.number(float(start), node.dtype)}")
    yield from over.each(f"{best} = {e.helper(name)}({best}, {over.x})")
    yield from e.put(node, best, over.place, over.inside)


def _top(e: "Emitter", node: Node, over: _Over) -> tuple[str, list[str]]:
    """The largest entry, 0 where it is infinite, so that exp never overflows."""
    top = e.fresh()
    zero, low = e.number(0.0, node.dtype), e.number(float("-inf"), node.dtype)
    return top, [
        *over.once(f"{top} = {low}"),
        *over.each(f"{top} = {e.helper('larger')}({top}, {over.x})"),
        *over.once(f"{top} = {top} if np.isfinite({top}) else {zero}"),
    ]


def _logsumexp(e: "Emitter", node: Node) -> Iterator[str]:
    over, total = _Over(e, node), e.fresh()
    exp, log = (e.scribe.kernel(name, node.dtype) for name in ("exp", "log"))
    yield from over.heads
    top, lines = _top(e, node, over)
    yield from lines
    yield from over.once(f"{total} = {e.number(0.0, node.dtype)}")
    yield from over.each(f"{total} = {e.helper('plus')}({total}, {exp}({over.x} - {top}))")
    yield from over.once(f"{total} = {log}({total}) + {top}")
    yield from e.put(node, total, over.place, over.inside)


def _softmax(e: "Emitter", node: Node) -> Iterator[str]:
    over, total, part = _Over(e, node), e.fresh(), e.fresh()
    exp = e.scribe.kernel("exp", node.dtype)
    out = f"{e.array(node)}[{', '.join(over.at)}]"
    yield from over.heads
    top, lines = _top(e, node, over)
    yield from lines
    yield from over.once(f"{total} = {e.number(0.0, node.dtype)}")
    keep = [f"{out} = {part}"] if node.op.name == "softmax" else []
    added = f"{total} = {e.helper('plus')}({total}, {part})"
    yield from over.each(f"{part} = {exp}({over.x} - {top})", *keep, added)
    if keep:
        yield from over.each(f"{out} /= {total}")
        return
    yield from over.once(f"{total} = {e.scribe.kernel('log', node.dtype)}({total})")
    yield from over.each(f"{out} = ({over.x} - {top}) - {total}")


def _norm(e: "Emitter", node: Node) -> Iterator[str]:
    """The entries are divided by the largest, so that squares neither over- nor underflow."""
    over, top, total, part = _Over(e, node), e.fresh(), e.fresh(), e.fresh()
    zero, one = (e.number(v, node.dtype) for v in (0.0, 1.0))
    yield from over.heads
    yield from over.once(f"{top} = {zero}")
    yield from over.each(f"{top} = {e.helper('larger')}({top}, abs({over.x}))")
    yield from over.once(f"{top} = {top} if {top} > {zero} and np.isfinite({top}) else {one}", f"{total} = {zero}")
    yield from over.each(f"{part} = {over.x} / {top}", f"{total} = {e.helper('plus')}({total}, {part} * {part})")
    yield from over.once(f"{total} = {top} * {e.scribe.kernel('sqrt', node.dtype)}({total})")
    yield from e.put(node, total, over.place, over.inside)


# ── selections and views ──────────────────────────────────────────────────────────────────────────────


def _each_entry(e: "Emitter", x: Node, target: str, sign: str = "=") -> Iterator[str]:
    """A loop over the entries of an operand, each laid into, or added to, its place."""
    at = tuple(INDICES[: x.ndim])
    yield from e.loops(x.shape, at)
    inside = INDENT * x.ndim
    yield from (inside + line for line in e.named([x], at))
    yield f"{inside}{target} {sign} {e.scribe.entry(x, at)}"
    e.scribe.local.clear()


def _join(e: "Emitter", node: Node) -> Iterator[str]:
    axis = node.ndim + node.attrs["axis"]
    start: Axis = 0
    for part in node.inputs:
        at = list(INDICES[: node.ndim])
        at[axis] = at[axis] if start == 0 else f"{e.size(start)} + {at[axis]}"
        yield from _each_entry(e, part, f"{e.array(node)}[{', '.join(at)}]")
        start = start + part.shape[axis]


def _pad(e: "Emitter", node: Node) -> Iterator[str]:
    (x,), cuts = node.inputs, node.attrs["cuts"]
    at = tuple(INDICES[: x.ndim])
    front = x.ndim - len(cuts)
    places = (*at[:front], *moved(e.scribe, cuts, at[front:]))
    yield f"{e.array(node)}[...] = 0"
    yield from _each_entry(e, x, f"{e.array(node)}[{', '.join(places)}]")


def _scatter(e: "Emitter", node: Node) -> Iterator[str]:
    rows, values = node.inputs
    at = tuple(INDICES[: values.ndim])
    row = e.scribe.entry(rows, at[: rows.ndim])
    place = (*at[: node.attrs["batch"]], row, *at[rows.ndim :])
    yield f"{e.array(node)}[...] = 0"
    yield from _each_entry(e, values, f"{e.array(node)}[{', '.join(place)}]", "+=")


def _reshape(e: "Emitter", node: Node) -> Iterator[str]:
    name = e.name_of(node)
    yield f"{name} = {e.array(node.inputs[0])}.reshape({e.shape(node.shape)})"
    e.scribe.stored[node] = name


def _flat(e: "Emitter", node: Node) -> Iterator[str]:
    """A function of many numbers: they are laid down, and it is called over the whole memory."""
    (x,), count, target = node.inputs, e.size(entries(node.shape)), e.fresh()
    if x not in e.scribe.stored:
        yield from _each_entry(e, x, f"{e.array(node)}[{', '.join(INDICES[: x.ndim])}]")
    yield f"{target} = {e.array(node)}.reshape({count})"
    source = target
    if x in e.scribe.stored:
        source = e.fresh()
        yield f"{source} = {e.array(x)}.reshape({count})"
    yield f"for i in range({count}):"
    yield f"{INDENT}{target}[i] = {e.scribe.kernel(node.op.name, node.dtype)}({source}[i])"


# ── functions of matrices ─────────────────────────────────────────────────────────────────────────────


def _matrix_function(e: "Emitter", node: Node) -> Iterator[str]:
    """A call of LAPACK for every matrix."""
    front = node.inputs[0].ndim - 2
    at = INDICES[:front]
    yield from e.loops(node.inputs[0].shape[:front], at)
    arrays = [f"{e.array(x)}[{', '.join(at)}]" if front else e.array(x) for x in node.inputs]
    function = e.helper("logdet") if node.op.name == "logdet" else f"np.linalg.{node.op.name}"
    inside, name, more = INDENT * front, e.fresh(), tuple(INDICES[front : node.ndim])
    yield f"{inside}{name} = {function}({', '.join(arrays)})"
    yield from e.loops(node.shape[front:], more, front)
    entry = f"{name}[{', '.join(more)}]" if more else name
    yield from e.put(node, entry, (*at, *more), INDENT * node.ndim)


def _chain(e: "Emitter", node: Node) -> Iterator[str]:
    """A call for the sentences of every example; log Z is known where what is expected was computed."""
    front, total = node.inputs[0].ndim - 2, e.fresh()
    if node.inputs in e.totals:
        yield f"{total} = {node.dtype.name}({e.totals[node.inputs]})"
        e.scribe.stored[node] = total
        return
    at, inside = INDICES[:front], INDENT * front
    yield from e.loops(node.inputs[0].shape[:front], at)
    s, A, first, *ways = (f"{e.array(x)}[{', '.join(at)}]" if front else e.array(x) for x in node.inputs)
    along, sizes = e.fresh(), ", ".join(e.size(a, alone=True) for a in node.shape[front:] or (0, 0))
    yield f"{inside}{along} = np.empty(({len(ways)}, {sizes}))"
    yield from (f"{inside}{along}[{d}] = {way}" for d, way in enumerate(ways))
    out = f"np.empty((0, 0), {node.dtype.name})"
    if node.op is EXPECTED:
        out = f"{e.array(node)}[{', '.join(at)}]" if front else e.array(node)
    yield f"{inside}{total} = {e.helper('swept')}({s}, {A}, {first}, {along}, {out}, np.empty(0))"
    if node.op is not EXPECTED:
        yield from e.put(node, f"{node.dtype.name}({total})", at, inside)
    elif not front and not ways:
        e.totals[node.inputs] = total


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
    **dict.fromkeys(CALLS, _flat),
    **dict.fromkeys(("inv", "det", "logdet", "solve"), _matrix_function),
    **dict.fromkeys(CHAIN, _chain),
}
"""How each operation that is not written entry by entry is computed."""
