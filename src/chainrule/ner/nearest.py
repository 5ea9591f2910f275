"""Cosines of many vectors with many: the nearest of each, in blocks, so that memory stays bounded."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from chainrule.ner.vectors import Floats

BLOCK = 1 << 24  # cosines held at once: 64 MB


def unit(matrix: Floats) -> Floats:
    """The rows at length 1, float32 (V, D); a row of zeros stays, and has the cosine 0 with all."""
    matrix = matrix.astype(np.float32, copy=False)
    length = np.sqrt(np.einsum("vd,vd->v", matrix, matrix, dtype=np.float64))
    return (matrix / np.where(length > 0, length, 1)[:, None]).astype(np.float32)


def nearest(
    asked: Floats, among: Floats, count: int, but: NDArray[np.int64] | None = None
) -> Iterator[tuple[slice, Floats, NDArray[np.int64]]]:
    """Some rows of `asked` at a time, and the rows of `among` with the largest cosines: (slice, (n, K), (n, K)).

    Both are (·, D) of length 1; K is `count`, or all there are. Of equal cosines the first in `among` comes first.
    `but`, (asked,), is a row for each that is not looked at: itself, or −1.
    """
    step = max(1, BLOCK // max(1, len(among)))
    K = min(count, len(among) - (but is not None))
    for start in range(0, len(asked) if K > 0 else 0, step):
        rows = slice(start, min(start + step, len(asked)))
        cosines = asked[rows] @ among.T
        if but is not None:
            own = but[rows]
            cosines[np.flatnonzero(own >= 0), own[own >= 0]] = -np.inf
        best = np.argpartition(cosines, -K, axis=1)[:, -K:]
        best.sort(axis=1)
        found = np.take_along_axis(cosines, best, axis=1)
        order = np.argsort(-found, axis=1, kind="stable")
        yield rows, np.take_along_axis(found, order, axis=1), np.take_along_axis(best, order, axis=1)
