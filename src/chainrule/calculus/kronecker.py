"""The vec layout: ∂ vec Y / ∂ vec X as a matrix of Kronecker products, columns stacked (Magnus & Neudecker 1999).

A term of the Jacobian J_ijkl = ∂Y_ij/∂X_kl whose factors fall into a part M with the letters i, k and a part N
with j, l is N ⊗ M; where they pair i, l and j, k it is (N ⊗ M) K with the commutation matrix K; factors on i and j
alone are a diagonal matrix in front, those on k and l one behind.
"""

from collections.abc import Sequence
from functools import reduce

from chainrule.algebra.letters import ALPHABET, build
from chainrule.algebra.matrix import commutation
from chainrule.algebra.node import Node, constant
from chainrule.algebra.product import diag, eye, full, outer, transpose
from chainrule.algebra.select import ravel, reshape, vec
from chainrule.algebra.signature import Axis, Shape, entries, shape_text
from chainrule.calculus.facts import Facts
from chainrule.calculus.reading import Reader
from chainrule.calculus.terms import Factor, Letters, Term, components, is_eye
from chainrule.errors import ShapeError


def vec_layout(J: Node, y: Shape, x: Shape, facts: Facts | None = None) -> Node:
    """∂ vec y / ∂ vec x (entries of y × entries of x) from the Jacobian with the axes of y before those of x.

    Raises ShapeError for tensors with more than two axes.
    """
    if max(len(y), len(x)) > 2:
        shapes = f"{shape_text(y)} by {shape_text(x)}"
        raise ShapeError(f"the vec layout is for vectors and matrices, not for {shapes}; take the Jacobian itself")
    reader = Reader(facts or Facts())
    parts = []
    for term in reader.terms(J):
        plain = _laid_out(reader, term._replace(number=abs(term.number)), y, x, J)
        if plain is None:
            return column_stacked(J, len(y), len(x))
        parts.append((term.number < 0, plain))
    if not parts:
        return reader.best(column_stacked(J, len(y), len(x)))
    first_negative, total = parts[0]
    return reduce(
        lambda sum, part: sum - part[1] if part[0] else sum + part[1],
        parts[1:],
        -total if first_negative else total,
    )


def column_stacked(J: Node, of_y: int, of_x: int) -> Node:
    """The entries of the Jacobian laid out in rows and columns, columns of y and of x stacked."""
    rank = of_y + of_x
    turned = transpose(J, [*range(of_y)[::-1], *range(of_y, rank)[::-1]])
    return reshape(turned, (entries(J.shape[:of_y]), entries(J.shape[of_y:])))


def _laid_out(reader: Reader, term: Term, y: Shape, x: Shape, J: Node) -> Node | None:
    """One term as scalar · diag · (N ⊗ M) · K · diag; None where it is no such product."""
    rows, columns = range(len(y)), range(len(y), len(y) + len(x))
    scalars = tuple(f for f in term.factors if not f.letters)
    open_ = Term(1.0, tuple(f for f in term.factors if f.letters), term.sums)
    front = _on(open_, set(rows))
    behind = _on(open_._replace(factors=tuple(f for f in open_.factors if f not in front)), set(columns))
    rest = open_._replace(factors=tuple(f for f in open_.factors if f not in front and f not in behind))
    groups: dict[int, list[Factor]] = {}
    for group, _ in components(rest, J.ndim):
        factors = [rest.factors[k] for k in group]
        ends = {c for f in factors for c in f.letters if c < J.ndim}
        if len(ends & set(rows)) > 1 or len(ends & set(columns)) > 1:
            return None
        for c in ends:
            groups[c] = factors
    if groups:
        made = _kronecker(reader, groups, open_, y, x, J)
        if made is None:
            return None
        outside = [
            diag(_vector(reader, factors, open_, tuple(axes), J)) if factors else None
            for factors, axes in ((front, rows), (behind, columns))
        ]
        made = reduce(_times, [part for part in (outside[0], made, outside[1]) if part is not None])
    else:
        made = outer(
            *(
                _vector(reader, factors, open_, tuple(axes), J)
                for factors, axes in ((front, rows), (behind, columns))
            )
        )
    scale = reader.shortest.node((Term(term.number, scalars, {}),), constant(1.0, J.dtype))
    return made if term.number == 1 and not scalars else scale * made


def _times(left: Node, right: Node) -> Node:
    """The matrix product, where an identity changes nothing."""
    return right if is_eye(left) else left if is_eye(right) else left @ right


def _on(term: Term, letters: set[int]) -> tuple[Factor, ...]:
    """The factors that live on these letters alone, and on all of them."""
    return tuple(f for f in term.factors if set(f.letters) == letters)


def _vector(reader: Reader, factors: Sequence[Factor], term: Term, letters: Letters, J: Node) -> Node:
    """The entry-wise product of factors on two axes, columns stacked."""
    node = _node(reader, factors, term, letters, J)
    return vec(node) if node.ndim == 2 else node


def _node(reader: Reader, factors: Sequence[Factor], term: Term, letters: Letters, J: Node) -> Node:
    """The factors as one node with these letters as axes."""
    held = {c for f in factors for c in f.letters}
    part = Term(1.0, tuple(factors), {c: a for c, a in term.sums.items() if c in held})
    shape = tuple(J.shape[c] for c in letters)
    like = build(
        ("",), ALPHABET[: len(shape)], (constant(1.0, J.dtype),), dict(zip(ALPHABET, shape, strict=False))
    )
    return reader.shortest.node((part.renamed({c: k for k, c in enumerate(letters)}),), like)


def _kronecker(
    reader: Reader, groups: dict[int, list[Factor]], term: Term, y: Shape, x: Shape, J: Node
) -> Node | None:
    """N ⊗ M of the parts on the last and on the first axes, with K behind it where they are crossed."""
    first_row, last_row = (0, 1) if len(y) == 2 else (0, None)
    k, last = len(y), len(y) + 1 if len(x) == 2 else None
    crossed = groups.get(first_row) is not None and last is not None and groups.get(first_row) is groups.get(last)
    crossed = crossed or (
        last_row is not None and groups.get(last_row) is not None and groups[last_row] is groups.get(k)
    )
    if crossed and len(x) < 2:
        crossed = False
        pairs = [(last_row, k), (first_row, None)]
    else:
        pairs = [(last_row, k if crossed else last), (first_row, last if crossed else k)]
    parts = []
    for row, column in pairs:
        ends = tuple(c for c in (row, column) if c is not None)
        mine = [f for c in ends for f in groups.get(c, [])]
        factors = list(dict.fromkeys(mine))
        if {c for f in factors for c in f.letters if c < J.ndim} - set(ends):
            return None
        parts.append((_node(reader, factors, term, ends, J) if ends else None, row, column))
    product = _joined(parts, J)
    return _times(product, commutation(*x, dtype=J.dtype)) if crossed else product


def _joined(parts: Sequence[tuple[Node | None, int | None, int | None]], J: Node) -> Node:
    """The Kronecker product of two parts, each a matrix, a column, a row, or nothing."""
    (left, row1, column1), (right, row2, column2) = parts
    rows = [J.shape[c] for c in (row1, row2) if c is not None]
    columns = [J.shape[c] for c in (column1, column2) if c is not None]
    shape: tuple[Axis, Axis] = (entries(tuple(rows)), entries(tuple(columns)))
    if left is None:
        return _as_matrix(right, shape)
    if right is None:
        return _as_matrix(left, shape)
    if is_eye(left) and is_eye(right):
        return eye(shape[0], dtype=J.dtype)
    names = {c: ALPHABET[k] for k, c in enumerate(c for c in (row1, column1, row2, column2) if c is not None)}
    terms = ["".join(names[c] for c in ends if c is not None) for ends in ((row1, column1), (row2, column2))]
    out = "".join(names[c] for c in (row1, row2, column1, column2) if c is not None)
    return reshape(build(terms, out, (left, right)), shape)


def _as_matrix(node: Node | None, shape: tuple[Axis, Axis]) -> Node:
    """A vector as a row or a column; ones where there is nothing."""
    if node is None:
        return full(shape, 1.0)
    return node if node.ndim == 2 else reshape(ravel(node), shape)
