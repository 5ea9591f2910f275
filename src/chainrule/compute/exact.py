"""Products whose rows do not depend on their neighbours, bit for bit.

A matrix product by BLAS sums in an order that depends on the number of rows and on the place of a row among them,
so that the same row, computed alone and in a batch, differs in its last bits. Sums of whole numbers below 2⁵³ in
float64 have no rounding, and so no order: both factors are rounded to whole numbers of 53 − log₂ K bits together,
relative to the largest entry of a row of the one and of a column of the other. That is what float32 resolves.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
MANTISSA = 53
ALONE = 1 << 18  # multiplications, up to which OpenBLAS does not wake its other threads; they are slow to come
FEW = 32  # rows at least, for which the matrix is read once


class Exact:
    """Products X M with a fixed matrix M, float32 (K, C).

    bound   of the entries of X, where one is known; else each row is measured
    """

    def __init__(self, matrix: Floats, bound: float | None = None) -> None:
        bits = MANTISSA - max(1, (matrix.shape[0] - 1).bit_length())
        self._bits = (bits + 1) // 2
        exponents = np.frexp(np.abs(matrix).max(axis=0, initial=0))[1] - bits // 2
        self._matrix = np.rint(np.ldexp(matrix.astype(np.float64), -exponents))
        self._scale = np.ldexp(1.0, exponents)
        self._shift = None if bound is None else self._bits - int(np.frexp(bound)[1])

    def __call__(self, rows: Floats) -> Floats:
        """X M, float32 (N, C), of X (N, K); rounded once."""
        if self._shift is not None:
            whole = np.multiply(rows, np.float32(2.0**self._shift))
            return self._times(np.rint(whole, out=whole).astype(np.float64), 2.0**-self._shift)
        largest = np.maximum(rows.max(axis=1, initial=0), -rows.min(axis=1, initial=0))[:, None]
        scales = self._bits - np.frexp(largest)[1]
        spread = np.multiply(rows, np.ldexp(1.0, scales), dtype=np.float64)
        return self._times(np.rint(spread, out=spread), np.ldexp(1.0, -scales))

    def _times(self, whole: NDArray[np.float64], scale: float | NDArray[np.float64]) -> Floats:
        (k, c), n = self._matrix.shape, len(whole)
        found = np.empty((n, c))
        wide = max(1, min(c, ALONE // (k * FEW)))
        many = max(1, ALONE // (k * wide))
        end = n - n % many
        for columns in (slice(start, start + wide) for start in range(0, c, wide)):
            part = self._matrix[:, columns]
            if end:
                out = found[:end].reshape(-1, many, c)[:, :, columns]
                np.matmul(whole[:end].reshape(-1, many, k), part, out=out)
            np.matmul(whole[end:], part, out=found[end:, columns])
        found *= self._scale * scale
        return found.astype(np.float32)
