"""The product: one operation, named by index letters, that is matrix product, outer, inner, Hadamard,
transpose, trace, sum, broadcast and diagonal.

`"ab,b->a"` says  yₐ = Σ_b A_ab x_b : letters that do not appear after the arrow are summed. A letter that
appears only after the arrow stretches the value along a new axis; a letter twice on one side is a diagonal.

    one shape rule      equal letters have equal sizes
    one gradient rule   exchange the output with the input in the letters
    one batching rule   one more letter
"""

from collections.abc import Callable, Iterable, Sequence

from chainrule.algebra.contract import contract, letters_of
from chainrule.algebra.node import (
    CONSTANT,
    Node,
    Operand,
    constant,
    function,
    lift,
    make,
    operands,
    real,
    size,
)
from chainrule.algebra.notation import described, write
from chainrule.algebra.op import Array, Example, Given, Namespace, Op, declare
from chainrule.algebra.product_notation import BINARY, write_product
from chainrule.algebra.signature import (
    FLOAT64,
    Axis,
    Dim,
    DType,
    Misfit,
    Shape,
    broadcast,
    common_dtype,
    entries,
    shape_of,
    shape_text,
)
from chainrule.algebra.signature import (
    axis as read_axis,
)
from chainrule.errors import GraphError, ShapeError

ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


# ── the record ────────────────────────────────────────────────────────────────────────────────────────


def _sizes_of(ins: Sequence[str], inputs: Sequence[Node]) -> dict[str, Axis]:
    """The size of every letter of the inputs; ShapeError where one letter has two sizes."""
    sizes: dict[str, Axis] = {}
    for term, node in zip(ins, inputs, strict=True):
        if len(term) != node.ndim:
            raise ShapeError(f"the letters {term!r} name {len(term)} axes, but {described(node)} has {node.ndim}")
        for letter, a in zip(term, node.shape, strict=True):
            if sizes.setdefault(letter, a) != a:
                parts = " and ".join(described(n) for n in inputs)
                raise ShapeError(f"letter {letter} of {','.join(ins)} is {sizes[letter]} and also {a} in {parts}")
    return sizes


def _infer(*inputs: Node, letters: str, sizes: Shape) -> tuple[Shape, DType]:
    ins, out = letters_of(letters)
    known = _sizes_of(ins, inputs)
    known.update(zip(_new_letters(ins, out), sizes, strict=True))
    return tuple(known[letter] for letter in out), common_dtype(n.dtype for n in inputs)


def _new_letters(ins: Iterable[str], out: str) -> list[str]:
    """The letters that only the output has, each once."""
    held = "".join(ins)
    return [letter for letter in dict.fromkeys(out) if letter not in held]


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
    terms, nodes = list(ins), list(inputs)
    known = {**_sizes_of(ins, inputs), **(sizes or {})}
    k = 0
    while k < len(nodes):
        terms, out, nodes, done = _absorb(k, terms, out, nodes)
        k = 0 if done else k + 1
    letters = _canonical(terms, out)
    if len(nodes) == 2 and letters not in BINARY and _canonical(terms[::-1], out) in BINARY:
        nodes, letters = nodes[::-1], _canonical(terms[::-1], out)  # the order that has a matrix notation
    if len(nodes) == 1 and terms[0] == out and len(set(out)) == len(out):
        return nodes[0]
    return make(PRODUCT_OP, *nodes, letters=letters, sizes=tuple(known[c] for c in _new_letters(terms, out)))


def _canonical(terms: Sequence[str], out: str) -> str:
    """The letters renamed a, b, c … in the order of appearance, so that equal products have equal letters."""
    names = dict(zip(dict.fromkeys("".join(terms) + out), ALPHABET, strict=False))
    return ",".join("".join(names[c] for c in t) for t in terms) + "->" + "".join(names[c] for c in out)


def _absorb(k: int, terms: list[str], out: str, nodes: list[Node]) -> tuple[list[str], str, list[Node], bool]:
    """Replace input k by its own input where it only renames axes: a transpose, a diagonal, an identity.

    An axis along which it only repeats itself goes too, where another input has that axis.
    """
    node = nodes[k]
    if node.op is not PRODUCT_OP or len(node.inputs) != 1:
        return terms, out, nodes, False
    (inner,), inner_out = letters_of(node.attrs["letters"])
    rest = "".join(terms[:k] + terms[k + 1 :])
    renamed, alias = _unify(inner_out, terms[k], set(rest))
    if set(inner) - set(inner_out) or any(renamed[c] not in rest for c in set(inner_out) - set(inner)):
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


def is_number(node: Node, value: float) -> bool:
    """Whether a node is this very number."""
    return node.op is CONSTANT and not node.shape and bool(node.attrs["data"].array == value)


@function("einsum")
def einsum(letters: str, *inputs: Operand, sizes: dict[str, Axis | str] | None = None) -> Node:
    """The product with index letters as in `numpy.einsum`, `einsum("ij,j->i", W, x)`; the arrow is required.

    A letter that appears only after the arrow needs its size in `sizes`. Raises ShapeError where sizes differ.
    """
    plain = letters.replace(" ", "")
    left, arrow, out = plain.partition("->")
    terms = left.split(",")
    if not arrow or (not plain.replace(",", "").replace("->", "", 1).isalpha() and plain.strip(",->")):
        raise GraphError(f"{letters!r} are no index letters; write them as in 'ij,j->i'")
    nodes = operands(*inputs)
    if len(terms) != len(nodes):
        raise GraphError(f"{letters!r} names {len(terms)} operands, {len(nodes)} are given")
    known = {letter: read_axis(a) for letter, a in (sizes or {}).items()}
    missing = [letter for letter in _new_letters(terms, out) if letter not in known]
    if missing:
        raise ShapeError(
            f"letter {missing[0]} of {letters!r} is in no operand; give its size: sizes={{{missing[0]!r}: …}}"
        )
    return build(terms, out, nodes, known)


# ── the functions that users call ─────────────────────────────────────────────────────────────────────


@function("matmul", "dot")
def matmul(a: Operand, b: Operand) -> Node:
    """The matrix product `a @ b`: matrix–matrix, matrix–vector, or inner product of vectors.

    Axes before the last two broadcast. Raises ShapeError, with products that would fit, where axes differ.
    """
    left, right = operands_of_product(a, b)
    if not left.ndim or not right.ndim:
        raise ShapeError(
            f"@ needs vectors or matrices, but one of {described(left)} and {described(right)} is a scalar; use *"
        )
    inner = left.shape[-1], right.shape[max(right.ndim - 2, 0)]
    if inner[0] != inner[1]:
        raise ShapeError(_misfit(left, right, *inner))
    outer_left, outer_right = left.shape[:-2], right.shape[:-2]
    shared = broadcast([outer_left, outer_right])
    if isinstance(shared, Misfit):
        raise ShapeError(
            f"the front axes {shared.left} and {shared.right} of {described(left)} @ {described(right)} differ"
        )
    front_left, front_right, front = _aligned(outer_left, outer_right, shared)
    rows, columns = "y" if left.ndim > 1 else "", "z" if right.ndim > 1 else ""
    return build((front_left + rows + "x", front_right + "x" + columns), front + rows + columns, (left, right))


def operands_of_product(a: Operand, b: Operand) -> tuple[Node, Node]:
    """The operands of `@`; refuses column @ row, an outer product on paper and an inner one in NumPy."""
    row = isinstance(b, Node) and b.op.name == "row"
    dtype = next((n.dtype for n in (a, b) if isinstance(n, Node)), FLOAT64)
    left, right = (real(lift(n, dtype), dtype) for n in (a, b))
    if row and left.ndim == 1 and not (isinstance(a, Node) and a.op.name == "row"):
        x, y = write(left, 30), write(right, 30)
        raise ShapeError(
            f"{x} @ {y}.T: on paper a column times a row is the outer product ({left.shape[0]}×{right.shape[0]}), "
            f"in NumPy it is the inner product; write outer({x}, {y}) or {x}.T @ {y}"
        )
    return left, right


def _aligned(left: Shape, right: Shape, shared: Shape) -> tuple[str, str, str]:
    """Letters for operands that meet entry by entry from the right; a stretched axis gets a letter of its own."""
    front = ALPHABET[: len(shared)]
    spare = iter(ALPHABET[26:])

    def term(shape: Shape) -> str:
        offset = len(shared) - len(shape)
        return "".join(front[offset + i] if a == shared[offset + i] else next(spare) for i, a in enumerate(shape))

    return term(left), term(right), front


def _misfit(left: Node, right: Node, m: Axis, k: Axis) -> str:
    a, b = write(left, 40), write(right, 40)
    turned = {
        f"{a}.T @ {b}": (left.ndim == 2, left.shape[0] == k),
        f"{a} @ {b}.T": (right.ndim == 2, m == right.shape[-1]),
        f"{b} @ {a}": (left.ndim + right.ndim > 2, right.shape[-1] == left.shape[max(left.ndim - 2, 0)]),
        f"{a} * {b}": (True, not isinstance(broadcast([left.shape, right.shape]), Misfit)),
        f"outer({a}, {b})": (left.ndim == right.ndim == 1, True),
    }
    fitting = [text for text, conditions in turned.items() if all(conditions)]
    repair = f"; {' or '.join(fitting[:2])} would fit" if fitting else "; give both the same axis there"
    return (
        f"{a} @ {b}: {a} is {shape_text(left.shape)} and {b} is {shape_text(right.shape)}, "
        f"so the inner axes {m} and {k} differ{repair}"
    )


@function("multiply")
def multiply(a: Operand, b: Operand) -> Node:
    """The product entry by entry (Hadamard, a ⊙ b), with NumPy's broadcasting; a number scales."""
    left, right = operands(a, b)
    shared = broadcast([left.shape, right.shape])
    if isinstance(shared, Misfit):
        x, y = write(left, 40), write(right, 40)
        fits = left.shape[-1] == right.shape[max(right.ndim - 2, 0)]
        repair = f"the matrix product {x} @ {y} would fit" if fits else "give the operands equal shapes"
        if left.ndim == right.ndim == 1:
            repair = f"for all pairs write outer({x}, {y})"
        raise ShapeError(
            f"{x} * {y} works entry by entry (elementwise), but {x} is {shape_text(left.shape)} and {y} is "
            f"{shape_text(right.shape)}: axes {shared.left} and {shared.right} differ; {repair}"
        )
    in_left, in_right, out = _aligned(left.shape, right.shape, shared)
    return build((in_left, in_right), out, (left, right))


@function("transpose", "permute_dims")
def transpose(x: Operand, axes: Sequence[int] | None = None) -> Node:
    """The axes in reverse order, or in the order given; on a vector only a mark that it is read as a row."""
    node = lift(x)
    if node.ndim == 1 and axes is None:
        return as_row(x)
    term = ALPHABET[: node.ndim]
    order = range(node.ndim)[::-1] if axes is None else [_axis(node, a) for a in axes]
    if sorted(order) != list(range(node.ndim)):
        raise ShapeError(f"transpose of {described(node)} needs each of its {node.ndim} axes once, not {axes}")
    return build((term,), "".join(term[a] for a in order), (node,))


def _infer_row(x: Node) -> tuple[Shape, DType]:
    return x.shape, x.dtype


ROW = declare(
    Op(
        "row",
        forward=lambda xp, x: x,
        infer=_infer_row,
        pullback=lambda k, g, y, x: g,
        batch=lambda inputs, batched: inputs[0],
        write=lambda p, inputs: write_product(p, inputs, letters="row", sizes=()),
        examples=(Example((Given((3,)),), {}),),
    )
)


def as_row(x: Operand) -> Node:
    """A vector marked as a row; the mark is gone once an operation has read it."""
    return lift(x) if isinstance(x, Node) and x.op is ROW else make(ROW, lift(x))


def _axis(node: Node, a: int) -> int:
    if not -node.ndim <= a < node.ndim:
        raise ShapeError(f"axis {a} of {described(node)}: it has {node.ndim} axes, numbered from 0")
    return a % node.ndim


def axes_of(node: Node, axis: int | Sequence[int] | None) -> tuple[int, ...]:
    """The axes meant by NumPy's `axis=` argument, counted from the front."""
    if axis is None:
        return tuple(range(node.ndim))
    return tuple(sorted({_axis(node, a) for a in ([axis] if isinstance(axis, int) else axis)}))


@function("sum")
def sum(x: Operand, axis: int | Sequence[int] | None = None) -> Node:
    """The sum over all entries, or over the given axes."""
    (node,) = operands(x)
    term, gone = ALPHABET[: node.ndim], axes_of(node, axis)
    return build((term,), "".join(c for i, c in enumerate(term) if i not in gone), (node,))


@function("mean")
def mean(x: Operand, axis: int | Sequence[int] | None = None) -> Node:
    """The mean over all entries, or over the given axes."""
    (node,) = operands(x)
    return sum(node, axis) / size(entries(tuple(node.shape[a] for a in axes_of(node, axis))), node.dtype)


@function("outer")
def outer(x: Operand, y: Operand) -> Node:
    """The outer product x yᵀ of vectors: all pairs x_i y_j."""
    left, right = (_vector(n, "outer") for n in operands(lift(x), lift(y)))
    return build(("a", "b"), "ab", (left, right))


@function("inner", "vdot")
def inner(x: Operand, y: Operand) -> Node:
    """The sum of the products entry by entry, ⟨x, y⟩, of operands of one shape."""
    left, right = operands(lift(x), lift(y))
    if left.shape != right.shape:
        raise ShapeError(f"inner needs operands of one shape, not {described(left)} and {described(right)}")
    term = ALPHABET[: left.ndim]
    return build((term, term), "", (left, right))


def _vector(node: Node, what: str) -> Node:
    if node.ndim != 1:
        raise ShapeError(f"{what} takes vectors, but {described(node)} has {node.ndim} axes")
    return node


def square_matrix(node: Node, what: str) -> Node:
    """The node itself if its last two axes are equal; ShapeError otherwise."""
    if node.ndim < 2 or node.shape[-1] != node.shape[-2]:
        raise ShapeError(f"{what} needs a square matrix, but {write(node, 40)} is {shape_text(node.shape)}")
    return node


@function("trace")
def trace(X: Operand) -> Node:
    """The sum of the diagonal of a square matrix, tr X."""
    return build(("aa",), "", (square_matrix(operands(X)[0], "trace"),))


@function("diag", "diagonal")
def diag(x: Operand) -> Node:
    """The diagonal matrix of a vector, or the diagonal of a square matrix."""
    (node,) = operands(x)
    if node.ndim == 1:
        return build(("a",), "aa", (node,))
    return build(("aa",), "a", (square_matrix(node, "diag"),))


def full(shape: int | str | Dim | Iterable[Axis | str], value: Operand = 1.0, *, dtype: DType = FLOAT64) -> Node:
    """An array of this shape that is `value` everywhere."""
    axes = shape_of([shape] if isinstance(shape, (int, str, Dim)) else shape)
    return broadcast_to(lift(value, dtype), axes)


def ones(*shape: Axis | str, dtype: DType = FLOAT64) -> Node:
    """An array of ones: `ones("n")`, `ones("n", "m")`."""
    return full(shape, 1.0, dtype=dtype)


def zeros(*shape: Axis | str, dtype: DType = FLOAT64) -> Node:
    """An array of zeros: `zeros("n")`, `zeros("n", "m")`."""
    return full(shape, 0.0, dtype=dtype)


def eye(n: Axis | str, *, dtype: DType = FLOAT64) -> Node:
    """The identity matrix n×n."""
    return make(PRODUCT_OP, constant(1, dtype), letters="->aa", sizes=(read_axis(n),))


@function("broadcast_to")
def broadcast_to(x: Operand, shape: Iterable[Axis | str]) -> Node:
    """The same entries repeated to fill a larger shape, under NumPy's rule."""
    (node,), target = operands(x), shape_of(shape)
    if broadcast([node.shape, target]) != target:
        raise ShapeError(f"{described(node)} does not stretch to {shape_text(target)}")
    term, _, out = _aligned(node.shape, (), target)
    return build((term,), out, (node,), dict(zip(out, target, strict=True)))


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
