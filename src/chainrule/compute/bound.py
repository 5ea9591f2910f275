"""A Hessian at values: products, solutions, diagonal, trace and determinant from its pieces."""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from chainrule.algebra.signature import shape_text
from chainrule.compute.inverse import SINGULAR, Inverse, Sum, inverse
from chainrule.compute.pieces import Array, Piece
from chainrule.errors import BindingError, ShapeError, counted

REFINED, ACCEPTED = (
    1e-12,
    1e-6,
)  # relative residuals: a solution is improved above the first, refused above the second

Laid = Callable[[Array], Array]


class Hessian:
    """∂²s/∂x∂x at a point, N×N for the N entries of x, as a sum of pieces.

    Arrays are given in the shape of x, as vec x (the columns of x stacked), or as N×m, columns of that; results
    come in the same form.
    """

    def __init__(
        self,
        structure: object,
        of: tuple[int, ...],
        pieces: Sequence[Piece],
        sweep: Callable[[Array], Array] | None = None,
        rest: Array | None = None,
    ) -> None:
        self.structure = structure
        self.pieces = pieces
        self._of = of
        self._sweep = sweep
        self._rest = rest
        self._grid = of if len(of) == 2 else (int(np.prod(of)), 1)
        self._count = self._grid[0] * self._grid[1]

    @property
    def shape(self) -> tuple[int, int]:
        """N×N."""
        return self._count, self._count

    def __repr__(self) -> str:
        formed = "never formed" if self._sweep is None else "one sweep for each product"
        what = f"{shape_text(self._of)} variables" if self._of else counted(1, "variable")
        return f"{self.structure}: {what}, {shape_text(self.shape)}, {formed}; solved by {self._inverse.how}"

    # ── products ──────────────────────────────────────────────────────────────────────────────────────

    def __matmul__(self, v: Array) -> Array:
        return self.matvec(v)

    def matvec(self, v: Array) -> Array:
        """H v."""
        laid, back = self._laid(v)
        return back(self._apply(laid))

    def matmat(self, v: Array) -> Array:
        """H V for columns V, N×m."""
        return self.matvec(v)

    def _apply(self, x: Array) -> Array:
        if self._sweep is not None:
            flat = x.reshape(-1, *self._of)
            return np.stack([self._sweep(one) for one in flat]).reshape(x.shape)
        if not self.pieces:
            return np.zeros_like(x)
        total = self.pieces[0].apply(x)
        for piece in self.pieces[1:]:
            total = total + piece.apply(x)
        return total

    def _laid(self, v: Array) -> tuple[Array, Laid]:
        """An array as (…, n, k), and the way back to the form it was given in."""
        v, of, n = np.asarray(v), self._of, self._count
        if v.shape == of:
            return v.reshape(self._grid), lambda y: y.reshape(of)
        if v.shape == (n,):
            return v.reshape(of, order="F").reshape(self._grid), lambda y: y.reshape(of).reshape(-1, order="F")
        if v.ndim == 2 and v.shape[0] == n:
            axes = (0, *range(len(of), 0, -1))
            turned = v.T.reshape(-1, *of[::-1]).transpose(axes)
            return turned.reshape(-1, *self._grid), (lambda y: y.reshape(-1, *of).transpose(axes).reshape(-1, n).T)
        raise ShapeError(
            f"the Hessian acts on arrays of {shape_text(of)}, the shape of its variable, on vectors of "
            f"{n} entries, or on columns of them, not on {shape_text(v.shape)}"
        )

    # ── solutions ─────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def _inverse(self) -> Inverse:
        return inverse(Sum(*self._grid, self.pieces, self._apply, complete=self._sweep is None))

    def solve(self, g: Array) -> Array:
        """H⁻¹ g, the Newton step for a gradient g.

        Raises BindingError where H is singular, or too nearly so for half the digits to be right.
        """
        laid, back = self._laid(g)
        x = self._inverse.solve(laid)
        size = float(np.linalg.norm(laid))
        left = laid - self._apply(x)
        if float(np.linalg.norm(left)) > REFINED * size:
            x = x + self._inverse.solve(left)
            left = laid - self._apply(x)
        if not float(np.linalg.norm(left)) <= ACCEPTED * size:
            raise BindingError(SINGULAR)
        return back(x)

    def logdet(self) -> float:
        """log |det H|."""
        return self._inverse.logdet()

    # ── entries ───────────────────────────────────────────────────────────────────────────────────────

    def diagonal(self) -> Array:
        """∂²s/∂x_i², in the shape of x."""
        total = np.zeros(self._grid)
        for piece in self.pieces:
            total = total + piece.diagonal()
        if self._rest is not None:
            total = total + self._rest.reshape(self._grid)
        elif self._sweep is not None:
            total = np.diagonal(self.dense()).reshape(self._of, order="F")
        return total.reshape(self._of)

    def trace(self) -> float:
        """The sum of the diagonal."""
        return float(self.diagonal().sum())

    def dense(self) -> Array:
        """The matrix, N×N, formed."""
        return self.matvec(np.eye(self._count)) if self._of != (1,) else self.matvec(np.eye(1)[0]).reshape(1, 1)
