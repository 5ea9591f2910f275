"""The product: one operation, named by index letters, that is matrix product, outer, inner, Hadamard,
transpose, trace, sum, broadcast and diagonal.

`"ab,b->a"` says  yₐ = Σ_b A_ab x_b : letters that do not appear after the arrow are summed. A letter that
appears only after the arrow stretches the value along a new axis; a letter twice on one side is a diagonal.

    one shape rule      equal letters have equal sizes
    one gradient rule   exchange the output with the input in the letters
    one batching rule   one more letter
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

from chainrule.algebra.contract import contract, letters_of
from chainrule.algebra.functions import function
from chainrule.algebra.node import Node, Operand, is_number, make
from chainrule.algebra.notation import described
from chainrule.algebra.op import Array, Example, Given, Namespace, Op, declare
from chainrule.algebra.operand import operands
from chainrule.algebra.product_notation import BINARY, write_product
from chainrule.algebra.signature import Axis, DType, Shape, axis as read_axis, common_dtype
from chainrule.errors import GraphError, ShapeError

ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


# ── the record ────────────────────────────────────────────────────────────────────────────────────────


def _sizes_of(ins: Sequence[str], inputs: Sequence[Node]) -> dict[str, Axis]:
    """The size of every letter of the inputs, not to be changed; ShapeError where one letter has two sizes."""
    known = _sizes(tuple(ins), tuple([n.shape for n in inputs]))
    if known is None:
        raise _misfit(ins, inputs)
    return known


@lru_cache(maxsize=4096)
def _sizes(ins: tuple[str, ...], shapes: tuple[Shape, ...]) -> dict[str, Axis] | None:
    if list(map(len, ins)) != list(map(len, shapes)):
        return None
    pairs = [pair for term, shape in zip(ins, shapes, strict=True) for pair in zip(term, shape, strict=True)]
    sizes = dict(pairs)
    return sizes if all(sizes[letter] == a for letter, a in pairs) else None


def _misfit(ins: Sequence[str], inputs: Sequence[Node]) -> ShapeError:
    """What to say of a letter that has two sizes, or of an operand that has other axes than letters."""
    sizes: dict[str, Axis] = {}
    for term, node in zip(ins, inputs, strict=True):
        if len(term) != node.ndim:
            return ShapeError(f"the letters {term!r} name {len(term)} axes, but {described(node)} has {node.ndim}")
        for letter, a in zip(term, node.shape, strict=True):
            if sizes.setdefault(letter, a) != a:
                parts = " and ".join(described(n) for n in inputs)
                message = f"letter {letter} of {','.join(ins)} is {sizes[letter]} and also {a} in {parts}"
                return ShapeError(message, (sizes[letter], a))
    return ShapeError(f"the letters {','.join(ins)} do not fit {' and '.join(described(n) for n in inputs)}")


def _infer(*inputs: Node, letters: str, sizes: Shape) -> tuple[Shape, DType]:
    shape = _shape(letters, tuple([n.shape for n in inputs]), sizes)
    if shape is None:
        raise _misfit(letters_of(letters)[0], inputs)
    alone = len(inputs) == 1  # axes moved, repeated or laid on a diagonal: any kind of entries
    return shape, inputs[0].dtype if alone else common_dtype([n.dtype for n in inputs])


@lru_cache(maxsize=4096)
def _shape(letters: str, shapes: tuple[Shape, ...], sizes: Shape) -> Shape | None:
    """The shape of a product of operands of these shapes; None where one letter has two sizes."""
    ins, out = letters_of(letters)
    known = _sizes(ins, shapes)
    if known is None:
        return None
    known = {**known, **dict(zip(_new_letters(ins, out), sizes, strict=True))}
    return tuple(known[letter] for letter in out)


@lru_cache(maxsize=4096)
def _new_letters(ins: tuple[str, ...], out: str) -> tuple[str, ...]:
    """The letters that only the output has, each once."""
    held = "".join(ins)
    return tuple(letter for letter in dict.fromkeys(out) if letter not in held)


def _forward(xp: Namespace, *arrays: Array, letters: str, sizes: tuple[int, ...]) -> Array:
    return contract(xp, letters, arrays, sizes)


def _pullback(k: int, g: Node, y: Node, *inputs: Node, letters: str, sizes: Shape) -> Node:
    """Exchange the output with input k in the letters, and put the upstream gradient in its place."""
    ins, out = letters_of(letters)
    known = dict(zip(ins[k], inputs[k].shape, strict=True))
    return build((*ins[:k], out, *ins[k + 1 :]), ins[k], (*inputs[:k], g, *inputs[k + 1 :]), known)


def _batch(inputs: Sequence[Node], batched: Sequence[bool], letters: str, sizes: Shape) -> Node:
    ins, out = letters_of(letters)
    front = next(letter for letter in ALPHABET if letter not in letters)
    known = dict(zip(_new_letters(ins, out), sizes, strict=True))
    terms = [front + term if b else term for term, b in zip(ins, batched, strict=True)]
    return build(terms, front + out, inputs, known)


PRODUCT_OP = declare(
    Op(
        "product",
        forward=_forward,
        infer=_infer,
        pullback=_pullback,
        batch=_batch,
        write=write_product,
        examples=tuple(
            Example(tuple(Given(s) for s in shapes), {"letters": letters, "sizes": sizes})
            for letters, sizes, *shapes in (
                ("ab,b->a", (), (3, 2), (2,)),
                ("ab,a->b", (), (3, 2), (3,)),
                ("a,b->ab", (), (3,), (2,)),
                ("a,a->", (), (3,), (3,)),
                ("ab,ab->ab", (), (3, 2), (3, 2)),
                ("ab,bc->ac", (), (3, 2), (2, 4)),
                ("ab,cb->ca", (), (3, 2), (4, 2)),
                ("abc,acd->abd", (), (2, 3, 4), (2, 4, 3)),
                ("ab,cd->acbd", (), (2, 3), (3, 2)),
                (",ab->ab", (), (), (2, 3)),
                ("ab->ba", (), (3, 2)),
                ("ab->a", (), (3, 2)),
                ("aa->", (), (3, 3)),
                ("aa->a", (), (3, 3)),
                ("a->aa", (), (3,)),
                ("a->ba", (4,), (3,)),
                ("ab,b,bc->ac", (), (3, 2), (2,), (2, 4)),
                ("ab,cd->ac", (), (3, 2), (2, 4)),
            )
        ),
    )
)


# ── building products ─────────────────────────────────────────────────────────────────────────────────


def build(ins: Sequence[str], out: str, inputs: Sequence[Node], sizes: dict[str, Axis] | None = None) -> Node:
    """The product with these letters; transposes, diagonals and identities among the inputs become letters."""
    if len(inputs) == 2 and not (out or ins[0] or ins[1]):
        return make(PRODUCT_OP, *inputs, letters=",->", sizes=())
    terms, nodes = list(ins), list(inputs)
    known = _sizes_of(ins, inputs)
    k = 0
    while k < len(nodes):
        if nodes[k].op is PRODUCT_OP and len(nodes[k].inputs) == 1:
            terms, out, nodes, done = _absorb(k, terms, out, nodes)
            k = 0 if done else k + 1
        else:
            k += 1
    letters, turned = _orders(tuple(terms), out)
    if turned:
        nodes = nodes[::-1]
    if len(nodes) == 1 and terms[0] == out and len(set(out)) == len(out):
        return nodes[0]
    new = _new_letters(tuple(terms), out)
    stretched = {**known, **(sizes or {})} if new else known
    return make(PRODUCT_OP, *nodes, letters=letters, sizes=tuple([stretched[c] for c in new]))


@lru_cache(maxsize=4096)
def _orders(terms: tuple[str, ...], out: str) -> tuple[str, bool]:
    """The letters of a product, and whether they are those of its operands in the other order: the one of two
    orders that has a matrix notation."""
    letters, turned = _canonical(terms, out), _canonical(terms[::-1], out)
    other = len(terms) == 2 and letters not in BINARY and turned in BINARY
    return (turned if other else letters), other


def _canonical(terms: tuple[str, ...], out: str) -> str:
    """The letters renamed a, b, c … in the order of appearance, so that equal products have equal letters."""
    names = dict(zip(dict.fromkeys("".join(terms) + out), ALPHABET, strict=False))
    return ",".join("".join(names[c] for c in t) for t in terms) + "->" + "".join(names[c] for c in out)


def _absorb(k: int, terms: list[str], out: str, nodes: list[Node]) -> tuple[list[str], str, list[Node], bool]:
    """Replace input k by its own input where it only renames axes: a transpose, a diagonal, an identity.

    An axis along which it only repeats itself goes too, where another input has that axis, or the output has it:
    outer(x, ones) is x repeated, `a->ab`.
    """
    node = nodes[k]
    (inner,), inner_out = letters_of(node.attrs["letters"])
    rest = "".join(terms[:k] + terms[k + 1 :])
    renamed, alias = _unify(inner_out, terms[k], set(rest))
    stretched = {renamed[c] for c in set(inner_out) - set(inner)}
    plain = len(set(inner_out)) == len(inner_out) and all(n.dtype == node.dtype for n in nodes)
    if set(inner) - set(inner_out) or not stretched <= {*rest, *(out if plain else "")}:
        return terms, out, nodes, False
    moved = ["".join(alias(c) for c in term) for term in terms]
    unity = is_number(node.inputs[0], 1) and len(nodes) > 1
    kept = [] if unity else ["".join(renamed[c] for c in inner)]
    return (
        [*moved[:k], *kept, *moved[k + 1 :]],
        "".join(alias(c) for c in out),
        [*nodes[:k], *([] if unity else node.inputs), *nodes[k + 1 :]],
        True,
    )


def _unify(inner_out: str, term: str, held: set[str]) -> tuple[dict[str, str], Callable[[str], str]]:
    """Which outer letter each inner letter becomes, and which outer letters thereby become one."""
    alias: dict[str, str] = {}

    def find(letter: str) -> str:
        while letter in alias:
            letter = alias[letter]
        return letter

    renamed: dict[str, str] = {}
    for inner, outer in zip(inner_out, term, strict=True):
        first, second = find(renamed.setdefault(inner, outer)), find(outer)
        if first != second:
            kept, dropped = (first, second) if first in held else (second, first)
            alias[dropped] = kept
    return {inner: find(outer) for inner, outer in renamed.items()}, find


@function("einsum")
def einsum(letters: str, *inputs: Operand, sizes: dict[str, Axis | str] | None = None) -> Node:
    """The product with index letters as in `numpy.einsum`, `einsum("ij,j->i", W, x)`; the arrow is required.

    A letter that appears only after the arrow needs its size in `sizes`. Raises ShapeError where sizes differ.
    """
    if not isinstance(letters, str):
        raise GraphError(f"einsum begins with index letters such as 'ij,j->i', not {letters!r:.40}")
    plain = letters.replace(" ", "")
    left, arrow, out = plain.partition("->")
    terms = left.split(",")
    if not arrow or (not plain.replace(",", "").replace("->", "", 1).isalpha() and plain.strip(",->")):
        raise GraphError(f"{letters!r} are no index letters; write them as in 'ij,j->i'")
    nodes = operands(*inputs)
    if len(terms) != len(nodes):
        raise GraphError(f"{letters!r} names {len(terms)} operands, {len(nodes)} are given")
    known = {letter: read_axis(a) for letter, a in (sizes or {}).items()}
    missing = [letter for letter in _new_letters(tuple(terms), out) if letter not in known]
    if missing:
        raise ShapeError(
            f"letter {missing[0]} of {letters!r} is in no operand; give its size: sizes={{{missing[0]!r}: …}}"
        )
    return build(terms, out, nodes, known)


def aligned(left: Shape, right: Shape, shared: Shape) -> tuple[str, str, str]:
    """Letters for operands that meet entry by entry from the right; a stretched axis gets a letter of its own."""
    front = ALPHABET[: len(shared)]
    spare = iter(ALPHABET[26:])

    def term(shape: Shape) -> str:
        offset = len(shared) - len(shape)
        return "".join(front[offset + i] if a == shared[offset + i] else next(spare) for i, a in enumerate(shape))

    return term(left), term(right), front


def repeat(node: Node, count: Axis) -> Node:
    """The same entries `count` times, along a new first axis."""
    term = ALPHABET[1 : node.ndim + 1]
    return build((term,), "a" + term, (node,), {"a": count})


def spread(node: Node, like: Node, axes: Sequence[int]) -> Node:
    """Give back to a reduced value the axes that were reduced: undo the shape change of `sum(like, axes)`."""
    term = ALPHABET[: like.ndim]
    kept = "".join(c for i, c in enumerate(term) if i not in axes)
    return build((kept,), term, (node,), dict(zip(term, like.shape, strict=True)))


def sum_to(node: Node, shape: Shape) -> Node:
    """Undo broadcasting: sum the axes along which an operand of this shape was stretched."""
    if node.shape == shape:
        return node
    term = ALPHABET[: node.ndim]
    own = term[node.ndim - len(shape) :]
    spare = iter(ALPHABET[26:])
    out = "".join(
        c if a == b else next(spare)
        for c, a, b in zip(own, shape, node.shape[node.ndim - len(shape) :], strict=True)
    )
    return build((term,), out, (node,), dict.fromkeys(ALPHABET[26:], 1))
