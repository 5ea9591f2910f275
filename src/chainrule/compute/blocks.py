"""Matrix products in blocks that BLAS reads where they lie.

    Aᵀ B = Σ A[i : i + k]ᵀ B[i : i + k]          A Bᵀ = rows A[i : i + k] Bᵀ

OpenBLAS copies the operands of a product into an order of its own, unless there are few multiplications: up to 10⁶
(of A Bᵀ up to 1200 entries of the result, and only with AVX-512) it reads them where they lie. The gradient of a
matrix is a product with a small result and a sum over the batch; in blocks it takes 0.6 to 0.8 of the time. So do
a layer of few examples and one of few units.
"""

from functools import cache
from typing import Any

import numpy as np

from chainrule.algebra.signature import Axis
from chainrule.compute import blas

SMALL = 10**6  # multiplications of a product whose operands are read where they lie
LEAST = 16  # terms of a block; the result is read and written for each
ENTRIES, TERMS = 1200, 32  # of A Bᵀ that is read where it lies: the most entries, the least terms
FEW, NARROW = 48, 12  # rows, or columns, for which copies do not pay


def block(left: Axis, right: Axis, summed: Axis) -> int | None:
    """The terms that a block of a product left × right should have; None if there should be no blocks."""
    if not isinstance(left, int) or not isinstance(right, int) or not left * right:
        return None
    terms = SMALL // (left * right) // 8 * 8
    return None if terms < LEAST or (isinstance(summed, int) and summed <= terms) else terms


def has_blocks(rows: Axis, columns: Axis, summed: Axis) -> bool:
    """Whether A Bᵀ may be better taken by rows: if they are FEW, which may be told later, or NARROW."""
    if not isinstance(columns, int) or not isinstance(summed, int):
        return False
    few = not isinstance(rows, int) or rows <= FEW
    return summed >= TERMS and (columns <= NARROW or (few and 4 * columns <= ENTRIES))


def dot_by_rows(a: Any, b: Any, out: Any) -> None:
    """out = a b."""
    np.dot(a, b, out)


def add_dot(a: Any, b: Any, out: Any) -> None:
    """out += a b."""
    out += a @ b


@cache
def by_rows(numba: Any) -> Any:
    """`dot_by_rows` for code compiled by Numba, where b is turned.

    numba   the module, which only those import who compile
    """
    dot, some = blas.numpy(numba).dot, blas.part(numba)
    few = FEW if numba.core.codegen.ll.get_host_cpu_features().get("avx512f") else 0

    @numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
    def dot_by_rows(a: Any, b: Any, out: Any) -> None:
        rows, columns = out.shape
        if rows * columns <= ENTRIES or not few or (rows > few and columns > NARROW):
            dot(a, b, out)
            return
        block = ENTRIES // columns
        for i in range(0, rows, block):
            stop = i + block
            some(a, b, out, i, stop if stop < rows else rows, columns)

    return dot_by_rows


@cache
def machine(numba: Any) -> Any:
    """`add_dot` for code compiled by Numba, of matrices whose rows or columns lie in one piece.

    numba   the module, which only those import who compile
    """
    return blas.adding(numba)
