"""The moves that bring a differential to the form ⟨gradient, dx⟩, or Jacobian times dx: what they are called.

The gradient itself is found by the reverse sweep; a move is read off the place at which dx stands.
"""

from collections.abc import Iterable, Mapping

from chainrule.algebra.contract import letters_of
from chainrule.algebra.entrywise import NEGATIVE
from chainrule.algebra.letters import PRODUCT_OP
from chainrule.algebra.node import Node, topological
from chainrule.algebra.select import JOIN, RESHAPE, SCATTER, TAKE
from chainrule.algebra.signature import Axis, shape_text
from chainrule.algebra.slice import PAD, SLICE

EVERY_ROW = "what is added to every row gets the sum over the rows"

GRADIENT = {
    ("trace", 2): "tr is cyclic, tr(A M B) = tr(B A M), and tr(A M) = ⟨Aᵀ, M⟩",
    ("outer", 2): "aᵀ M b = ⟨a bᵀ, M⟩",
    ("before", 2): "⟨A, B M⟩ = ⟨Bᵀ A, M⟩",
    ("behind", 2): "⟨A, M B⟩ = ⟨A Bᵀ, M⟩",
    ("before", 1): "aᵀ (B v) = (Bᵀ a)ᵀ v",
    ("entries", 1): "aᵀ (b ⊙ v) = (a ⊙ b)ᵀ v",
    ("entries", 2): "⟨A, B ⊙ M⟩ = ⟨A ⊙ B, M⟩",
    ("turned", 1): "a number is its own transpose, vᵀ a = aᵀ v",
    ("turned", 2): "⟨A, Mᵀ⟩ = ⟨Aᵀ, M⟩",
    ("sum", 1): "a sum is a product with ones, sum(v) = 1ᵀ v",
    ("sum", 2): "a sum is a product with ones, sum(M) = ⟨1 1ᵀ, M⟩",
    ("everywhere", 0): "what stands in many places gets the sum of their gradients",
    ("repeated", 1): EVERY_ROW,
    ("diagonal", 1): "⟨A, diag(v)⟩ = diag(A)ᵀ v",
    ("part", 1): "a part gets its part of the gradient",
    ("part", 2): "a part gets its part of the gradient",
    ("rows", 2): "every row of the table gets the gradients of the places where it is used, the other rows 0",
    ("laid out", 2): "the gradient is laid out as its variable is",
}
"""For where dx stands, and its number of axes, the move that takes it out of there."""

JACOBIAN = {
    ("entries", 1): "a ⊙ v = diag(a) v",
    ("entries", 2): "vec(A ⊙ M) = diag(vec A) vec M",
    ("before", 2): "vec(A M B) = (Bᵀ ⊗ A) vec M",
    ("behind", 2): "vec(A M B) = (Bᵀ ⊗ A) vec M",
    ("outer", 2): "M b = (bᵀ ⊗ I) vec M",
    ("turned", 2): "vec Mᵀ = K vec M with the commutation matrix K",
    ("sum", 1): "sum(v) = 1ᵀ v",
    ("scalar", 1): "(aᵀ v) b = b aᵀ v",
}


MOST_PATHS = 12


def moves(total: Node, move: Node, table: Mapping[tuple[str, int], str]) -> list[str]:
    """The moves that take a differential out of the expression that is linear in it, each once."""
    said: dict[str, None] = {}
    for places in _paths(total, move):
        whole = {"trace", "outer"}.intersection(places)
        for place in (place for place in places if not whole or place in whole):
            said[table.get((place, move.ndim), "")] = None
    return [text for text in said if text]


def _paths(total: Node, move: Node) -> list[tuple[str, ...]]:
    """For every place at which a differential stands: what it is an operand of, innermost first."""
    paths: dict[Node, list[tuple[str, ...]]] = {move: [()]}
    for node in topological([total]):
        for k, i in enumerate(node.inputs):
            for path in paths.get(i, ()):
                mine = paths.setdefault(node, [])
                if len(mine) < MOST_PATHS:
                    mine.append((*path, *_places(node, k)))
    return paths.get(total, [])


def times_entered(total: Node, move: Node) -> int:
    """How often a differential stands in an expression."""
    return sum(n.inputs.count(move) for n in topological([total])) + (total is move)


def _places(node: Node, k: int) -> Iterable[str]:
    """Where operand k stands in an operation."""
    if node.op in _OTHERS:
        return (_OTHERS[node.op],)
    if node.op is not PRODUCT_OP:
        return ()
    ins, out = letters_of(node.attrs["letters"])
    if len(ins) == 1:
        return _alone(ins[0], out)
    return _beside(ins[k], ins[1 - k], out, k) if len(ins) == 2 else ()


_OTHERS = {JOIN: "part", PAD: "part", SLICE: "part", TAKE: "rows", SCATTER: "rows", RESHAPE: "laid out"}


def _alone(term: str, out: str) -> Iterable[str]:
    if len(set(term)) < len(term):
        return ("trace" if not out else "diagonal",)
    if len(set(out)) < len(out):
        return ("diagonal",)
    if set(out) - set(term):
        return ("repeated" if term else "everywhere",)
    return ("sum" if set(term) - set(out) else "turned",)


def _beside(term: str, other: str, out: str, k: int) -> Iterable[str]:
    summed = (set(term) & set(other)) - set(out)
    if not summed:
        return ("entries",) if term == other == out != "" else ("scalar",) if not term and out else ()
    if not out:
        if len(term) != len(other):
            return ("repeated",) if len(term) < len(other) else ("sum",)
        return ("trace",) if term != other else ("turned",) if not k and len(term) == 1 else ()
    if len(term) == 1:
        return ("before",)
    if len(other) == 1:
        return ("outer",)
    first = out[0] in term  # the operand gives the rows of the value
    turned = ("turned",) if (term[0] in summed) == first else ()
    return ("behind" if first else "before", *turned)


# ── shapes ────────────────────────────────────────────────────────────────────────────────────────────


def shapes_said(node: Node) -> str:
    """How the shapes of a product of two meet: `(n×1)(1×m) = n×m`; "" for what is none."""
    node = unscaled(node)
    if node.op is not PRODUCT_OP or len(node.inputs) != 2:
        return ""
    ins, out = letters_of(node.attrs["letters"])
    if "" in ins or any(len(set(term)) < len(term) or len(term) > 2 for term in (*ins, out)):
        return ""
    if ins[0] == ins[1] == out:
        return f"{shape_text(node.shape)} ⊙ {shape_text(node.shape)}, entry by entry" if out else ""
    summed = (set(ins[0]) & set(ins[1])) - set(out)
    if len(summed) > 1 or len(ins[0]) + len(ins[1]) - 2 * len(summed) != len(out):
        return ""
    axes = (pair for term, i in zip(ins, node.inputs, strict=True) for pair in zip(term, i.shape, strict=True))
    sizes: dict[str, Axis] = dict(axes)
    middle = next((sizes[c] for c in summed), 1)
    left, right = (next((sizes[c] for c in term if c not in summed), 1) for term in ins)
    if len(out) == 2 and out[0] not in ins[0]:
        left, right = right, left
    first, second, whole = map(shape_text, ((left, middle), (middle, right), (left, right)))
    return f"({first})({second}) = {whole}"


def unscaled(node: Node) -> Node:
    """A node without the sign and the numbers in front of it."""
    while True:
        if node.op is NEGATIVE:
            node = node.inputs[0]
            continue
        ins, out = letters_of(node.attrs["letters"]) if node.op is PRODUCT_OP else ((), "")
        rest = next((i for i, term in zip(node.inputs, ins, strict=False) if term == out != ""), None)
        if len(ins) != 2 or "" not in ins or rest is None or len(set(out)) < len(out):
            return node
        node = rest
