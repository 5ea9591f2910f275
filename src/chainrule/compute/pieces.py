"""The pieces that structured matrices are sums of, as numbers: each acts on an array X of shape (…, n, k) as its
matrix acts on vec X, and is never formed.

    Entries    E ⊙ X           diag(vec E)         E broadcasts: a number is a multiple of the identity
    Sided      A X Bᵀ          B ⊗ A               either side may be the identity
    Turned     A Xᵀ Bᵀ         (B ⊗ A) K           K the commutation matrix, vec Xᵀ = K vec X
    Blocks     row i: B_i x_i  block diagonal      a k×k block for every row, or an n×n block for every column
    LowRank    U Wᵀ vec X      U Wᵀ
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import numpy as np

Array = np.ndarray

MOST_FORMED = 4000  # rows of a matrix that is multiplied out: 128 MB


class Piece(Protocol):
    """A symmetric piece, or one of several that are symmetric together."""

    def apply(self, x: Array) -> Array:
        """The piece times X; axes in front are several X."""

    def diagonal(self) -> Array:
        """The diagonal laid out as X, or what broadcasts to it."""


class Side:
    """A square matrix that is a product of matrices, and of vectors that stand for diagonal ones."""

    def __init__(self, parts: Sequence[Array]) -> None:
        self.parts = parts
        self.size: int = parts[0].shape[0]
        self._columns = 0

    @property
    def rank(self) -> int:
        """The narrowest place of the product: a bound on its rank."""
        return int(min(a for part in self.parts for a in part.shape))

    @property
    def is_thin(self) -> bool:
        """Whether the product is better not multiplied out."""
        return 2 * self.rank < self.size or (self.size > MOST_FORMED and len(self.parts) > 1)

    @cached_property
    def matrix(self) -> Array:
        """The product, multiplied out."""
        total = self.parts[0]
        for part in self.parts[1:]:
            total = total @ part if total.ndim == part.ndim == 2 else _scaled(total, part)
        return np.diag(total) if total.ndim == 1 else total

    def apply(self, x: Array) -> Array:
        """The matrix times X, from the left."""
        matrix = self._formed_for(x)
        if matrix is not None:
            return np.asarray(matrix @ x)
        for part in reversed(self.parts):
            x = part @ x if part.ndim == 2 else part[:, None] * x
        return x

    def apply_from_right(self, x: Array) -> Array:
        """X times the transposed matrix."""
        matrix = self._formed_for(x)
        if matrix is not None:
            return np.asarray(x @ matrix.T)
        return np.swapaxes(self.apply(np.swapaxes(x, -1, -2)), -1, -2)

    def _formed_for(self, x: Array) -> Array | None:
        """The product multiplied out, once it has met so many columns that this pays."""
        self._columns += x.size // self.size
        pays = len(self.parts) == 1 or (not self.is_thin and 2 * self._columns >= self.size)
        return self.matrix if pays else None

    def thin(self) -> tuple[Array, Array]:
        """U and W with U Wᵀ the matrix, cut at the narrowest place."""
        k = min(range(len(self.parts) - 1), key=lambda k: self.parts[k].shape[-1])
        return Side(self.parts[: k + 1]).matrix, Side(self.parts[k + 1 :]).matrix.T

    def diagonal(self) -> Array:
        """The diagonal of the matrix."""
        if not self.is_thin:
            return np.diagonal(self.matrix)
        u, w = self.thin()
        return np.asarray(np.einsum("ir,ir->i", u, w))


def _scaled(left: Array, right: Array) -> Array:
    """A product in which one factor or both are diagonals."""
    return np.asarray((left[:, None] if left.ndim < right.ndim else left) * right)


class Entries:
    """E ⊙ X."""

    def __init__(self, e: Array) -> None:
        self.e = e

    def apply(self, x: Array) -> Array:  # noqa: D102
        return np.asarray(self.e * x)

    def diagonal(self) -> Array:  # noqa: D102
        return self.e


class Sided:
    """A X Bᵀ, B ⊗ A on vec X; None is the identity."""

    def __init__(self, left: Side | None, right: Side | None) -> None:
        self.left, self.right = left, right

    def apply(self, x: Array) -> Array:  # noqa: D102
        if self.right is not None:
            x = self.right.apply_from_right(x)
        return x if self.left is None else self.left.apply(x)

    def diagonal(self) -> Array:  # noqa: D102
        rows = np.ones(1) if self.left is None else self.left.diagonal()
        return np.multiply.outer(rows, np.ones(1) if self.right is None else self.right.diagonal())


class Turned:
    """A Xᵀ Bᵀ for A of n×k and B of k×n, (B ⊗ A) K on vec X."""

    def __init__(self, left: Array, right: Array) -> None:
        self.left, self.right = left, right

    def apply(self, x: Array) -> Array:  # noqa: D102
        return np.asarray(self.left @ np.swapaxes(x, -1, -2) @ self.right.T)

    def diagonal(self) -> Array:  # noqa: D102
        return np.asarray(self.left * self.right.T)


class Blocks:
    """Every row of X times a block of its own, or every column."""

    def __init__(self, blocks: Array, *, of_rows: bool) -> None:
        self.blocks, self.of_rows = blocks, of_rows

    def apply(self, x: Array) -> Array:  # noqa: D102
        x = x if self.of_rows else np.swapaxes(x, -1, -2)
        y = (self.blocks @ x[..., None])[..., 0]
        return np.asarray(y if self.of_rows else np.swapaxes(y, -1, -2))

    def diagonal(self) -> Array:  # noqa: D102
        d = np.diagonal(self.blocks, axis1=-2, axis2=-1)
        return d if self.of_rows else d.T


class LowRank:
    """U Wᵀ on all entries of X; U and W are (n, k, r)."""

    def __init__(self, u: Array, w: Array) -> None:
        self.u, self.w = u, w

    def apply(self, x: Array) -> Array:  # noqa: D102
        u, w = (a.reshape(-1, a.shape[-1]) for a in (self.u, self.w))
        flat = x.reshape(*x.shape[:-2], -1)
        return np.asarray(((flat @ w) @ u.T).reshape(x.shape))

    def diagonal(self) -> Array:  # noqa: D102
        return np.asarray(np.einsum("ijr,ijr->ij", self.u, self.w))
