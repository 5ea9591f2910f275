"""The table from operations to NumPy: a new operation is one row.

A row of ENTRYWISE takes the pieces of the operands, ready to meet each other entry by entry, and the attributes.
A row of WHOLE takes the scope, the node and the pieces of its operands, which may lack axes (see `source_forms`).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from string import ascii_letters

from chainrule.algebra.chain import CHAIN
from chainrule.algebra.contract import letters_of
from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.node import Node
from chainrule.algebra.select import RESHAPE
from chainrule.algebra.signature import BOOLEAN, FLOAT64, FLOATS, INTEGER
from chainrule.compute.source_forms import (
    ATOM,
    Kind,
    Piece,
    both,
    call,
    compare,
    composed,
    divided,
    either,
    index,
    laid,
    method,
    minus,
    negative,
    number,
    opposite,
    plus,
    raised,
    real,
    without,
)
from chainrule.compute.source_product import matmul, over, product
from chainrule.compute.source_select import Scope, full, joined, padded, reshaped, scattered, sliced, taken
from chainrule.errors import GraphError

MOST_ENTRIES = 10_000  # of a constant array that is written out


# ── entry by entry ────────────────────────────────────────────────────────────────────────────────────


def _np(name: str, exact: bool = False) -> Callable[[Piece], Piece]:
    return lambda *parts: call(f"np.{name}", *parts, exact=exact)


def _where(condition: Piece, a: Piece, b: Piece) -> Piece:
    parts = [condition, a, b] if "real" in (a.kind, b.kind) else [condition, real(a), real(b)]
    return composed(f"np.where({', '.join(p.text for p in parts)})", ATOM, parts)


ENTRYWISE: Mapping[str, Callable[..., Piece]] = {
    "add": plus,
    "subtract": minus,
    "negative": negative,
    "divide": divided,
    "power": raised,
    **{name: _np(name) for name in ("exp", "log", "log1p", "expm1", "sqrt", "tanh", "sin", "cos")},
    **{name: _np(name, exact=True) for name in ("abs", "sign", "maximum", "minimum")},
    "sigmoid": lambda x: call("sigmoid", x),
    "softplus": lambda x: call("np.logaddexp", number(0), x),
    "erf": lambda x: call("erf", x),
    "relu": lambda x: call("np.maximum", x, number(0), exact=True),
    "hard_tanh": lambda x: call("np.clip", x, number(-1), number(1), exact=True),
    "clip": lambda x, low, high: call("np.clip", x, number(low), number(high), exact=True),
    "leaky_relu": lambda x, slope: call("leaky_relu", x, number(slope)),
    "parametric_relu": lambda x, slope: call("leaky_relu", x, slope),
    "where": _where,
    "less": compare("<", ">"),
    "less_equal": compare("<=", ">="),
    "equal": compare("==", "=="),
    "both": both,
    "either": either,
    "opposite": opposite,
}

HELPERS: Mapping[str, str] = {
    "sigmoid": """\
def sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)""",
    "softmax": """\
def softmax(z, axis=-1):
    top = z.max(axis, keepdims=True)
    e = np.exp(z - np.where(np.isfinite(top), top, 0))
    return e / e.sum(axis, keepdims=True)""",
    "log_softmax": """\
def log_softmax(z, axis=-1):
    top = z.max(axis, keepdims=True)
    z = z - np.where(np.isfinite(top), top, 0)
    return z - np.log(np.exp(z).sum(axis, keepdims=True))""",
    "logsumexp": """\
def logsumexp(z, axis=-1):
    top = z.max(axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    return np.log(np.exp(z - top).sum(axis)) + top.squeeze(axis)""",
    "erf": """\
def erf(z):
    return np.vectorize(math.erf, otypes=[float])(z)""",
    "leaky_relu": """\
def leaky_relu(z, slope):
    return np.where(z > 0, z, slope * z)""",
    "commutation": """\
def commutation(m, n):
    return np.eye(m * n).reshape(m * n, m, n).swapaxes(1, 2).reshape(m * n, m * n)""",
    "scatter": """\
def scatter(rows, values, shape):
    table = np.zeros(shape)
    np.add.at(table, rows, values)
    return table""",
    **{
        name: f"""\
from chainrule.algebra.op import OPS


def {name}(s, A, first, *directions):
    return OPS["{name}"].forward(np, s, A, first, *directions)"""
        for name in CHAIN
    },
}
"""Functions that NumPy lacks, or that overflow when they are written out."""


def entry_by_entry(node: Node, pieces: Sequence[Piece]) -> Piece:
    """An entry-wise operation on operands that are stretched by broadcasting alone."""
    given = list(zip(pieces, node.inputs, strict=True))
    axes = sorted({a for p, x in given for a in p.axes if x.shape[a] == node.shape[a]})
    ready = []
    for p, _ in given:
        for a in set(p.axes) - set(axes):
            p = without(p, a)  # noqa: PLW2901 — one axis after the other
        ready.append(laid(p, axes))
    return ENTRYWISE[node.op.name](*ready, **node.attrs)


# ── products and reductions ───────────────────────────────────────────────────────────────────────────


def _product(scope: Scope, node: Node, pieces: Sequence[Piece]) -> Piece:
    letters = node.attrs["letters"]
    inner = node.inputs[0]
    if letters == "ab->ba" and inner.op is RESHAPE and inner.inputs[0].ndim == 1:
        x = full(scope, scope.piece(inner.inputs[0]), inner.inputs[0])
        sizes = [scope.size(a).text for a in node.shape]
        return method(x, "reshape", *sizes, 'order="F"').at((-2, -1))
    plain = _lettered(scope, letters, node.inputs, pieces, node)
    fused = _fused(letters, inner) if len(node.inputs) == 1 and pieces[0].cost else ""
    if not fused:
        return plain
    whole = _lettered(scope, fused, inner.inputs, [scope.piece(i) for i in inner.inputs], node)
    return min(plain, whole, key=lambda p: p.cost)


def _lettered(scope: Scope, letters: str, inputs: Sequence[Node], pieces: Sequence[Piece], node: Node) -> Piece:
    ins, out = letters_of(letters)
    lengths = dict(zip("".join((*ins, out)), (a for x in (*inputs, node) for a in x.shape), strict=True))
    return product(letters, pieces, lengths, scope.size)


def _fused(letters: str, inner: Node) -> str:
    """The letters of a sum over a product, `np.sum(x * y)`, as those of one product, `x @ y`; "" if it is none."""
    ((term,), out) = letters_of(letters)
    if inner.op is not PRODUCT_OP or len(set(term)) < len(term) or not set(out) < set(term):
        return ""
    ins, inner_out = letters_of(inner.attrs["letters"])
    held = "".join(ins)
    if len(set(inner_out)) < len(inner_out) or not set(inner_out) <= set(held):
        return ""
    spare = (c for c in ascii_letters if c not in letters)
    names = dict(zip(inner_out, term, strict=True))
    names.update((c, next(spare)) for c in dict.fromkeys(held) if c not in names)
    return ",".join("".join(names[c] for c in t) for t in ins) + "->" + out


Reduction = Callable[[Piece, Sequence[int], bool], Piece]


def _reduced(form: Reduction, keeps: bool, scope: Scope, node: Node, pieces: Sequence[Piece]) -> Piece:
    """A reduction; form(piece, places, whole) gets the places of the axes in the text; whole: it has no others."""
    axes: tuple[int, ...] = node.attrs["axes"]
    p = pieces[0] if set(axes) <= set(pieces[0].axes) else full(scope, pieces[0], node.inputs[0])
    places = [p.axes.index(a) for a in axes]
    rest = p.axes if keeps else tuple(a + sum(b > a for b in axes) for a in p.axes if a not in axes)
    return form(real(p), places, len(places) == len(p.axes)).at(rest)


def _chosen(name: str) -> Reduction:
    return lambda p, places, whole: call(f"np.{name}", p) if whole else method(p, name, over(places))


def _over_last(name: str) -> Reduction:
    def form(p: Piece, places: Sequence[int], whole: bool) -> Piece:
        last = list(places) == [len(p.axes) - 1]
        return call(name, p, last=() if last else (f"axis={over(places)}",))

    return form


def _norm(p: Piece, places: Sequence[int], whole: bool) -> Piece:
    if whole and len(places) <= 2:
        short = len(places) == 1 and not p.cost
        return call("np.linalg.norm", p)._replace(square=matmul(p, p, ()) if short else None)
    if len(places) <= 2:
        return call("np.linalg.norm", p, last=(f"axis={over(places)}",))
    return call("np.sqrt", method(raised(p, number(2)), "sum", over(places)))


# ── matrices ──────────────────────────────────────────────────────────────────────────────────────────


def _of_matrix(form: Callable[..., Piece]) -> "Row":
    def row(scope: Scope, node: Node, pieces: Sequence[Piece]) -> Piece:
        given = [real(full(scope, p, x)) for p, x in zip(pieces, node.inputs, strict=True)]
        return form(*given).at(tuple(range(-node.ndim, 0)))

    return row


def _inv(x: Piece) -> Piece:
    return call("np.linalg.inv", x)._replace(inverse=x)


def _solve(a: Piece, b: Piece) -> Piece:
    if len(a.axes) == len(b.axes) + 1 > 2:
        return index(call("np.linalg.solve", a, index(b, "..., None")), "..., 0")
    return call("np.linalg.solve", a, b)


def _of_chain(scope: Scope, node: Node, pieces: Sequence[Piece]) -> Piece:
    given = [full(scope, p, x) for p, x in zip(pieces, node.inputs, strict=True)]
    given = [p if p.kind == "whole" else real(p) for p in given]
    made = composed(f"{node.op.name}({', '.join(p.text for p in given)})", ATOM, given)
    return made.at(tuple(range(-node.ndim, 0)))


# ── leaves and kinds ──────────────────────────────────────────────────────────────────────────────────


def kind_of(node: Node) -> Kind:
    """What NumPy sees in the values of a node."""
    kinds: Mapping[object, Kind] = {BOOLEAN: "truth", INTEGER: "whole"}
    return kinds.get(node.dtype, "real")


def _constant(scope: Scope, node: Node, pieces: Sequence[Piece]) -> Piece:
    array = node.attrs["data"].array
    if array.size > MOST_ENTRIES:
        raise GraphError(f"a constant of {array.size:,} entries is too long to write out; make it a variable")
    if not array.ndim:
        return Piece(str(bool(array)), kind="truth") if array.dtype == BOOLEAN else number(float(str(array)))
    text = repr(array.tolist()).replace("inf", "np.inf").replace("nan", "np.nan")
    return call("np.array", Piece(text)).at(tuple(range(-node.ndim, 0)))._replace(kind=kind_of(node))


def _cast(scope: Scope, node: Node, pieces: Sequence[Piece]) -> Piece:
    """Truth values stay what they are, because NumPy counts with them; `real` turns them where it would not."""
    before = node.inputs[0].dtype
    if before not in FLOATS or before == node.dtype:
        return pieces[0]
    return method(pieces[0], "astype", "float" if node.dtype == FLOAT64 else f"np.{node.dtype.name}")


Row = Callable[[Scope, Node, Sequence[Piece]], Piece]

WHOLE: Mapping[str, Row] = {
    "constant": _constant,
    "size": lambda scope, node, pieces: scope.size(node.attrs["axis"]),
    "commutation": lambda scope, node, pieces: call(
        "commutation", scope.size(node.attrs["m"]), scope.size(node.attrs["n"])
    ).at((-2, -1)),
    "cast": _cast,
    "row": lambda scope, node, pieces: pieces[0],
    "product": _product,
    "max": partial(_reduced, _chosen("max"), False),
    "min": partial(_reduced, _chosen("min"), False),
    "logsumexp": partial(_reduced, _over_last("logsumexp"), False),
    "softmax": partial(_reduced, _over_last("softmax"), True),
    "log_softmax": partial(_reduced, _over_last("log_softmax"), True),
    "norm2": partial(_reduced, _norm, False),
    "inv": _of_matrix(_inv),
    "det": _of_matrix(lambda x: call("np.linalg.det", x)),
    "logdet": _of_matrix(lambda x: index(call("np.linalg.slogdet", x), "1")),
    "solve": _of_matrix(_solve),
    **dict.fromkeys(CHAIN, _of_chain),
    "reshape": reshaped,
    "take": taken,
    "scatter": scattered,
    "slice": sliced,
    "pad": padded,
    "join": joined,
}


def numpy_of(scope: Scope, node: Node, pieces: Sequence[Piece]) -> Piece:
    """The NumPy source of a node from that of its inputs."""
    if node.op.name in ENTRYWISE:
        return entry_by_entry(node, pieces)
    if node.op.name not in WHOLE:
        raise GraphError(f"{node.op.name} has no NumPy form; give it a row in compute/source_rows.py")
    return WHOLE[node.op.name](scope, node, pieces)
