"""How a sum of pieces is solved for: the cheapest way that its structure allows, found from shapes alone.

Divide      E ⊙ X = G                    entry by entry
OneSided    A X Bᵀ = G                   a system with A, a system with B
TwoSided    A X Bᵀ + C X Dᵀ = G          two symmetric eigenproblems
RowByRow    B_i x_i = g_i                a small system for each row (or column)
TurnedBack  A Xᵀ Bᵀ = G
Updated     (M + U Wᵀ) X = G             Woodbury: a system of the rank of U, where M is one of the above
Whole       formed, up to MOST_FORMED entries in X
Iterated    conjugate gradients, beyond that; for positive definite matrices
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np

from chainrule.compute.pieces import MOST_FORMED, Array, Blocks, Entries, LowRank, Piece, Sided, Turned
from chainrule.errors import BindingError

SINGULAR = "the matrix is singular at these values, so there is no solution or more than one; add λ I to it"


class Inverse(Protocol):
    """A way to solve for X of shape (…, n, k)."""

    @property
    def how(self) -> str:
        """The work it takes, in words."""

    def solve(self, g: Array) -> Array:
        """The X with M X = G."""

    def logdet(self) -> float:
        """log |det M|."""


class Sum(NamedTuple):
    """What is to be solved: the size of X, the pieces, and their sum as a function of X (the pieces' and more)."""

    rows: int
    columns: int
    pieces: Sequence[Piece]
    apply: Callable[[Array], Array]
    complete: bool
    """Whether the pieces are all of it."""

    @property
    def size(self) -> int:
        """The number of entries of X."""
        return self.rows * self.columns


def solved(a: Array, b: Array) -> Array:
    """a⁻¹ b; BindingError where a is singular."""
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        raise BindingError(SINGULAR) from None


def _logdet(a: Array) -> Array:
    return np.asarray(np.linalg.slogdet(a)[1])


class Divide:
    """E ⊙ X = G."""

    def __init__(self, e: Array, size: int) -> None:
        self.e, self.size = e, size
        self.how = "a division by each entry" if e.size > 1 else "a division by one number"

    def solve(self, g: Array) -> Array:  # noqa: D102
        if not self.e.all():
            raise BindingError(SINGULAR)
        return np.asarray(g / self.e)

    def logdet(self) -> float:  # noqa: D102
        with np.errstate(divide="ignore"):
            return float(np.log(np.abs(self.e)).sum() * (self.size / self.e.size))


class OneSided:
    """A X Bᵀ = G, where A or B may be the identity."""

    def __init__(self, left: Array | None, right: Array | None, total: Sum) -> None:
        self.left, self.right, self.total = left, right, total
        systems = [a.shape[0] for a in (left, right) if a is not None]
        self.how = " and ".join(f"a {n}×{n} system" for n in systems)

    def solve(self, g: Array) -> Array:  # noqa: D102
        if self.left is not None:
            g = _each(self.left, g)
        return g if self.right is None else np.swapaxes(_each(self.right, np.swapaxes(g, -1, -2)), -1, -2)

    def logdet(self) -> float:  # noqa: D102
        left = 0.0 if self.left is None else self.total.columns * _logdet(self.left)
        return float(left + (0.0 if self.right is None else self.total.rows * _logdet(self.right)))


def _each(a: Array, g: Array) -> Array:
    """a⁻¹ times every matrix of a stack, a taken apart once."""
    flat = np.moveaxis(g, -2, 0)
    return np.moveaxis(solved(a, flat.reshape(len(a), -1)).reshape(flat.shape), 0, -2)


class TwoSided:
    """A X Bᵀ + C X Dᵀ = G with symmetric matrices, one of A and C and one of B and D positive definite."""

    def __init__(self, terms: Sequence[tuple[Array | None, Array | None]], total: Sum) -> None:
        self.terms, self.total = terms, total
        self.how = f"the eigenvectors of a {total.rows}×{total.rows} and a {total.columns}×{total.columns} matrix"

    @cached_property
    def _turned(self) -> tuple[Array, Array, Array] | None:
        (a, b), (c, d) = self.terms
        left, right = _pencil(a, c, self.total.rows), _pencil(b, d, self.total.columns)
        if left is None or right is None:
            return None
        (p, first, second), (q, third, fourth) = left, right
        return p, q, np.multiply.outer(first, third) + np.multiply.outer(second, fourth)

    @cached_property
    def _whole(self) -> "Whole":
        return Whole(self.total)

    def solve(self, g: Array) -> Array:  # noqa: D102
        if self._turned is None:
            return self._whole.solve(g)
        p, q, values = self._turned
        if not values.all():
            raise BindingError(SINGULAR)
        return np.asarray(p @ ((p.T @ g @ q) / values) @ q.T)

    def logdet(self) -> float:  # noqa: D102
        if self._turned is None:
            return self._whole.logdet()
        p, q, values = self._turned
        return float(
            np.log(np.abs(values)).sum() - 2 * self.total.columns * _logdet(p) - 2 * self.total.rows * _logdet(q)
        )


def _pencil(a: Array | None, c: Array | None, n: int) -> tuple[Array, Array, Array] | None:
    """P with Pᵀ A P and Pᵀ C P diagonal, and both diagonals; None where neither matrix is positive definite."""
    one = np.eye(n)
    a, c = one if a is None else a, one if c is None else c
    if not (np.allclose(a, a.T) and np.allclose(c, c.T)):
        return None
    for definite, other, order in ((c, a, 1), (a, c, -1)):
        try:
            inverse = np.linalg.inv(np.linalg.cholesky(definite))
        except np.linalg.LinAlgError:
            continue
        values, vectors = np.linalg.eigh(inverse @ other @ inverse.T)
        diagonals = (values, np.ones(n))[::order]
        return inverse.T @ vectors, diagonals[0], diagonals[1]
    return None


class RowByRow:
    """A block for every row of X, or for every column."""

    def __init__(self, blocks: Array, *, of_rows: bool) -> None:
        self.blocks, self.of_rows = blocks, of_rows
        count, n, _ = blocks.shape
        self.how = f"{count} systems {n}×{n}"

    def solve(self, g: Array) -> Array:  # noqa: D102
        g = g if self.of_rows else np.swapaxes(g, -1, -2)
        several = np.moveaxis(g.reshape(-1, *g.shape[-2:]), 0, -1)
        x = np.moveaxis(solved(self.blocks, several), -1, 0).reshape(g.shape)
        return x if self.of_rows else np.swapaxes(x, -1, -2)

    def logdet(self) -> float:  # noqa: D102
        return float(_logdet(self.blocks).sum())


class TurnedBack:
    """A Xᵀ Bᵀ = G, A and B square."""

    def __init__(self, piece: Turned) -> None:
        self.piece = piece
        n = len(piece.left)
        self.how = f"two {n}×{n} systems"

    def solve(self, g: Array) -> Array:  # noqa: D102
        half = _each(self.piece.left, g)
        return np.swapaxes(np.swapaxes(_each(self.piece.right, np.swapaxes(half, -1, -2)), -1, -2), -1, -2)

    def logdet(self) -> float:  # noqa: D102
        n = len(self.piece.left)
        return float(n * (_logdet(self.piece.left) + _logdet(self.piece.right)))


class Updated:
    """(M + U Wᵀ)⁻¹ = M⁻¹ − M⁻¹ U (I + Wᵀ M⁻¹ U)⁻¹ Wᵀ M⁻¹  (Woodbury)."""

    def __init__(self, base: Inverse, u: Array, w: Array, total: Sum) -> None:
        self.base, self.u, self.w = base, np.moveaxis(u, -1, 0), w.reshape(-1, w.shape[-1])
        rank, self._whole = u.shape[-1], Whole(total)
        self.how = f"{base.how} and a {rank}×{rank} system (Woodbury)"

    @cached_property
    def _solved(self) -> Array:
        return self.base.solve(self.u)

    @cached_property
    def _small(self) -> Array:
        rank = len(self.u)
        return np.asarray(np.eye(rank) + (self._solved.reshape(rank, -1) @ self.w).T)

    def solve(self, g: Array) -> Array:  # noqa: D102
        try:
            x = self.base.solve(g)
        except BindingError:  # M alone may be singular
            return self._whole.solve(g)
        weights = solved(self._small, (x.reshape(*x.shape[:-2], -1) @ self.w)[..., None])[..., 0]
        return np.asarray(x - np.tensordot(weights, self._solved, axes=1))

    def logdet(self) -> float:  # noqa: D102
        base = self.base.logdet()
        return base + float(_logdet(self._small)) if np.isfinite(base) else self._whole.logdet()


class Whole:
    """The matrix formed."""

    def __init__(self, total: Sum) -> None:
        self.total = total
        self.how = f"a {total.size}×{total.size} system, formed for it"

    @cached_property
    def _matrix(self) -> Array:
        n = self.total.size
        if n > MOST_FORMED:
            raise BindingError(f"the matrix is {n}×{n}, and it is formed only up to {MOST_FORMED}×{MOST_FORMED}")
        units = np.eye(n).reshape(n, self.total.rows, self.total.columns)
        return np.asarray(self.total.apply(units).reshape(n, n).T)

    def solve(self, g: Array) -> Array:  # noqa: D102
        return solved(self._matrix, g.reshape(-1, self.total.size).T).T.reshape(g.shape)

    def logdet(self) -> float:  # noqa: D102
        return float(_logdet(self._matrix))


class Iterated:
    """Conjugate gradients (Hestenes & Stiefel 1952), to 1e−10 of the right-hand side."""

    how = "conjugate gradients"

    def __init__(self, total: Sum) -> None:
        self.total = total

    def solve(self, g: Array) -> Array:  # noqa: D102
        if g.ndim > 2:
            return np.stack([self.solve(one) for one in g])
        x, r = np.zeros_like(g), g
        p, size = r, float(np.vdot(r, r))
        target = 1e-20 * size
        for _ in range(10 * self.total.size):
            if size <= target:
                return x
            ap = self.total.apply(p)
            curvature = float(np.vdot(p, ap))
            if not curvature > 0:
                raise BindingError(
                    "the matrix is not positive definite at these values, which conjugate gradients need; "
                    "add λ I to it, or move to a minimum"
                )
            step = size / curvature
            x, r = x + step * p, r - step * ap
            size, before = float(np.vdot(r, r)), size
            p = r + (size / before) * p
        raise BindingError("conjugate gradients did not converge: the matrix is nearly singular; add λ I to it")

    def logdet(self) -> float:  # noqa: D102
        n = self.total.size
        raise BindingError(f"the log-determinant of a {n}×{n} matrix of this structure would need it formed")


# ── which way ─────────────────────────────────────────────────────────────────────────────────────────


def inverse(total: Sum) -> Inverse:
    """The cheapest way to solve for X that the pieces allow."""
    ranks = [p for p in total.pieces if isinstance(p, LowRank)]
    rest = [p for p in total.pieces if not isinstance(p, LowRank)]
    found = _plain(rest, total) if total.complete else None
    if found is not None and ranks:
        u, w = (np.concatenate(parts, axis=-1) for parts in zip(*((p.u, p.w) for p in ranks), strict=True))
        found = Updated(found, u, w, total) if u.shape[-1] < total.size else None
    if found is not None:
        return found
    return Whole(total) if total.size <= MOST_FORMED else Iterated(total)


def _plain(pieces: Sequence[Piece], total: Sum) -> Inverse | None:
    """The way for pieces without low rank; None where there is none but to form the matrix."""
    if len(pieces) == 1 and isinstance(pieces[0], Turned) and total.rows == total.columns:
        return TurnedBack(pieces[0])
    entries = [p.e for p in pieces if isinstance(p, Entries)]
    sided = [p for p in pieces if isinstance(p, Sided)]
    blocks = [p for p in pieces if isinstance(p, Blocks)]
    if not pieces or len(entries) + len(sided) + len(blocks) < len(pieces):
        return None
    e: Array = np.zeros((1, 1))
    for each in entries:
        e = e + each
    if len(entries) == len(pieces):
        return Divide(e, total.size)
    if blocks or (e.shape[0] > 1 and e.shape[1] > 1):
        return _blocks(e, sided, blocks, total)
    thin = _thin(e, sided, total)
    return thin if thin is not None else _kronecker(e if entries else None, sided, total)


def _thin(e: Array, sided: Sequence[Sided], total: Sum) -> Inverse | None:
    """A diagonal and products of low rank, where X has one column."""
    sides = [p.left for p in sided if p.left is not None and p.right is None]
    if total.columns > 1 or len(sides) < len(sided) or not e.all() or 2 * sum(s.rank for s in sides) >= total.rows:
        return None
    pairs = [s.thin() for s in sides]
    u, w = (np.concatenate(parts, axis=1)[:, None, :] for parts in zip(*pairs, strict=True))
    return Updated(Divide(e, total.size), u, w, total)


def _blocks(e: Array, sided: Sequence[Sided], blocks: Sequence[Blocks], total: Sum) -> Inverse | None:
    of_rows = all(b.of_rows for b in blocks) and all(p.left is None for p in sided)
    of_columns = not any(b.of_rows for b in blocks) and all(p.right is None for p in sided)
    if not (of_rows or of_columns):
        return None
    own = np.broadcast_to(e, (total.rows, total.columns))
    own = own if of_rows else own.T
    whole = own[..., None] * np.eye(own.shape[1])
    for side in (p.right if of_rows else p.left for p in sided):
        whole = whole + (np.eye(own.shape[1]) if side is None else side.matrix)
    for b in blocks:
        whole = whole + b.blocks
    return RowByRow(whole, of_rows=of_rows)


def _kronecker(e: Array | None, sided: Sequence[Sided], total: Sum) -> Inverse | None:
    """Terms A ⊗ B brought together where one side is the identity: one term, or two."""
    lefts = [p.left.matrix for p in sided if p.left is not None and p.right is None]
    rights = [p.right.matrix for p in sided if p.left is None and p.right is not None]
    terms = [(p.left.matrix, p.right.matrix) for p in sided if p.left is not None and p.right is not None]
    if e is not None:
        across = e.shape[1] > 1 or (e.shape[0] == 1 and not lefts)
        side, n = (rights, total.columns) if across else (lefts, total.rows)
        side.append(np.diag(np.broadcast_to(e.ravel(), (n,))))
    every: list[tuple[Array | None, Array | None]] = list(terms)
    every += [(np.sum(lefts, axis=0), None)] if lefts else []
    every += [(None, np.sum(rights, axis=0))] if rights else []
    if max(len(a) for pair in every for a in pair if a is not None) > MOST_FORMED:
        return None
    if len(every) == 1:
        return OneSided(*every[0], total)
    return TwoSided(every, total) if len(every) == 2 else None
