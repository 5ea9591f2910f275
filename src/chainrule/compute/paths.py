"""The linear chain in compiled code: the recursions of `algebra.forward_backward`, sentence after sentence.

A sentence is done in exp-space, the tags of a token side by side in the vectors of the processor, unless a path
could be lost; then, and along directions, with logarithms.
"""

from functools import cache
from typing import Any

import numpy as np

from chainrule.algebra.chain import EXPECTED, LOG_PARTITION, log_partitions
from chainrule.algebra.forward_backward import FORBIDDEN, TINY, WIDE
from chainrule.compute.kernel_native import kernels

LANES = 8  # rows are filled up to a multiple, so that no entry is left over


def swept(s: Any, A: Any, first: Any, ways: Any, out: Any, log_z: Any) -> Any:
    """log Z, summed over the sentences; what is expected of a path is laid into `out`, log Z of each into `log_z`.

    ways (k, N + C + 1, C + 1) are directions along which that is derived; `out` and `log_z` may be empty.
    """
    if len(out):
        out[...] = EXPECTED.forward(np, s, A, first, *ways)
    if len(log_z):
        log_z[...] = log_partitions(s, A, first)
    return LOG_PARTITION.forward(np, s, A, first)


@cache
def machine(numba: Any) -> Any:  # noqa: PLR0915 — functions of one another
    """`swept` for code compiled by Numba.

    numba   the module, which only those import who compile
    """
    exp, log = (kernels(numba)[name] for name in ("exp64", "log64"))
    plain = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # nobody but compiled code calls them
    jit = numba.njit(error_model="numpy", fastmath={"contract"}, **plain)
    one_by_one = _one_by_one(jit, exp, log)

    @jit  # type: ignore[untyped-decorator]
    def prepared(A: Any, moves: Any, turned: Any) -> tuple[float, bool]:
        """exp A over its largest entry, rows filled up with 0; log of that entry, and whether A is too wide."""
        size = A.shape[0] - 1
        most, wide = -np.inf, False
        for i in range(size + 1):
            for j in range(size + 1 - (i == size)):
                most = max(most, float(A[i, j]))
        for i in range(size + 1):
            for j in range(size + 1 - (i == size)):
                x = A[i, j] - most
                wide |= not (x >= WIDE or x <= FORBIDDEN)
                moves[i, j] = exp(x)
                turned[j, i] = moves[i, j]
        return most, wide

    @jit  # type: ignore[untyped-decorator]
    def forward(  # noqa: PLR0912 — a call costs more than a branch, to compile and to run
        s: Any, length: int, moves: Any, most: float, a: Any, q: Any, e: Any
    ) -> float:
        """log Z of a sentence, ∞ where a path could be lost; its a_n and q_n, each in a row or two in turn."""
        size, rows, width = s.shape[1], a.shape[0], a.shape[1]
        log_z, before = most, 0
        for n in range(length):
            now = n % rows
            top = s[n, 0]
            for j in range(1, size):
                top = s[n, j] if s[n, j] > top else top
            for j in range(size):
                e[j] = exp(s[n, j] - top)
            if n:
                for j in range(width):
                    q[now, j] = a[before, 0] * moves[0, j]
                for i in range(1, size):
                    part = a[before, i]
                    for j in range(width):
                        q[now, j] += part * moves[i, j]
            else:
                for j in range(width):
                    q[now, j] = moves[size, j]
            total = 0.0
            for j in range(size):
                a[now, j] = q[now, j] * e[j]
                total += a[now, j]
            if not total > 0.0:
                return np.inf
            low = 0
            for j in range(size):
                a[now, j] /= total
                low += (a[now, j] < TINY) & (q[now, j] > 0.0)
            if low:
                for j in range(size):
                    if a[now, j] < TINY and q[now, j] > 0.0 and s[n, j] - top > FORBIDDEN:
                        return np.inf
            log_z += log(total) + top + most
            before = now
        total = 0.0
        for i in range(size):
            total += a[before, i] * moves[i, size]
        return log_z + log(total) if total > TINY else np.inf

    @jit  # type: ignore[untyped-decorator]
    def backward(
        length: int, moves: Any, turned: Any, a: Any, q: Any, p: Any, share: Any, counts: Any, out: Any
    ) -> None:
        """P(y_n = j) of a sentence; its moves added to `counts`, those inside without their factors exp A."""
        size = counts.shape[0] - 1
        total = 0.0
        for i in range(size):
            p[i] = a[length - 1, i] * moves[i, size]
            total += p[i]
        for i in range(size):
            p[i] /= total
            counts[i, size] += p[i]
        for n in range(length - 1, 0, -1):
            for j in range(size):
                out[n, j] = p[j]
                share[j] = p[j] / q[n, j] if q[n, j] > 0.0 else 0.0
            for i in range(size):
                p[i] = 0.0
            for j in range(size):
                part = share[j]
                for i in range(size):
                    p[i] += part * turned[j, i]
            for i in range(size):
                part = a[n - 1, i]
                p[i] *= part
                for j in range(size):
                    counts[i, j] += part * share[j]
        for j in range(size):
            out[0, j] = p[j]
            counts[size, j] += p[j]

    @jit  # type: ignore[untyped-decorator]
    def swept(  # noqa: PLR0912 — as above
        s: Any, A: Any, first: Any, ways: Any, out: Any, log_z: Any
    ) -> float:
        """As above. Each sentence is read into memory of float64 that is used again, and written out of it."""
        count, size = s.shape
        longest, start, every = 0, count - count, out.shape[0] > 0  # a plain 0 would make functions of their own
        for stop in range(1, count + 1):
            if stop == count or first[stop]:
                longest, start = max(longest, stop - start), stop
        width, rows = (size + LANES) // LANES * LANES, longest if every else 2
        scores, moved = np.empty((longest, size)), A.astype(np.float64)
        found = np.empty((longest if every else 0, size))
        moves, turned = np.zeros((size + 1, width)), np.zeros((size + 1, width))
        a, q = np.zeros((rows, width)), np.zeros((rows, width))
        e, p, share = np.zeros(width), np.zeros(width), np.zeros(width)
        counts, exact = np.zeros((size + 1, size + 1)), np.zeros((size + 1, size + 1))
        most, wide = prepared(moved, moves, turned)
        wide |= ways.shape[0] > 0
        total, start, sentence = 0.0, count - count, 0
        for stop in range(1, count + 1):
            if stop == count or first[stop]:
                length = stop - start
                for n in range(length):
                    for j in range(size):
                        scores[n, j] = s[start + n, j]
                z = np.inf if wide else forward(scores, length, moves, most, a, q, e)
                if z == np.inf:
                    z = one_by_one(scores, moved, start, length, ways, exact, found)
                elif every:
                    backward(length, moves, turned, a, q, p, share, counts, found)
                for n in range(length if every else 0):
                    for j in range(size):
                        out[start + n, j] = found[n, j]
                    out[start + n, size] = 0.0
                if log_z.shape[0]:
                    log_z[sentence] = z
                total, sentence, start = total + z, sentence + 1, stop
        for i in range(size + 1 if every else 0):
            for j in range(size + 1):
                factor = moves[i, j] if i < size and j < size else 1.0
                out[count + i, j] = counts[i, j] * factor + exact[i, j]
        return total

    return swept


def _one_by_one(jit: Any, exp: Any, log: Any) -> Any:  # noqa: PLR0915 — as above
    """A sentence with logarithms and along directions, number by number.

    A number is so many coefficients in a row, one for every set of directions, whose bits are its place; it is
    told by the place of the first. See `forward_backward.exact`.
    """

    @jit  # type: ignore[untyped-decorator]
    def times(x: Any, i: int, y: Any, j: int, out: Any, k: int, factor: float, sets: int) -> None:
        """factor x y is added to out."""
        for whole in range(sets):
            part, total = whole, x[i + whole] * y[j]
            while part:
                part = (part - 1) & whole
                total += x[i + part] * y[j + (whole ^ part)]
            out[k + whole] += factor * total

    @jit  # type: ignore[untyped-decorator]
    def over(x: Any, i: int, y: Any, j: int, sets: int) -> None:
        """x becomes x / y, 0 where y is."""
        for whole in range(sets):
            part, total = whole, x[i + whole]
            while part:
                part = (part - 1) & whole
                total -= x[i + part] * y[j + (whole ^ part)]
            x[i + whole] = total / y[j] if y[j] != 0.0 else 0.0

    @jit  # type: ignore[untyped-decorator]
    def raised(ways: Any, row: int, column: int, out: Any, k: int) -> None:
        out[k] = 1.0
        for d in range(ways.shape[0]):
            for part in range(1 << d):
                out[k + (part | 1 << d)] = out[k + part] * ways[d, row, column]

    @jit  # type: ignore[untyped-decorator]
    def power(x: float) -> float:
        return exp(x)  # type: ignore[no-any-return]

    @jit  # type: ignore[untyped-decorator]
    def summed(logs: Any, t: int, A: Any, j: int) -> float:
        """log Σ_i exp(logs_ti + A_ij)."""
        top = -np.inf
        for i in range(logs.shape[1]):
            top = max(top, logs[t, i] + A[i, j])
        top = top if np.isfinite(top) else 0.0
        total = 0.0
        for i in range(logs.shape[1]):
            total += power(logs[t, i] + A[i, j] - top)
        return log(total) + top  # type: ignore[no-any-return]

    @jit  # type: ignore[untyped-decorator]
    def part_of(logs: Any, t: int, i: int, A: Any, j: int, whole: float) -> float:
        return power(logs[t, i] + A[i, j] - whole) if whole != -np.inf else 0.0

    @jit  # type: ignore[untyped-decorator]
    def one_by_one(  # noqa: PLR0912 — as above
        s: Any, A: Any, start: int, length: int, ways: Any, counts: Any, out: Any
    ) -> float:
        """log Z of a sentence; unless `out` is empty what is expected is laid there, moves into `counts`."""
        size, sets = s.shape[1], 1 << ways.shape[0]
        below = ways.shape[1] - size - 1  # where in a direction the moves begin
        zero = np.int64(0)  # a plain 0 would make another function of each one that it is given to
        logs, sums = np.empty((length, size)), np.empty((length, size))
        a, q = np.zeros(length * size * sets), np.zeros(length * size * sets)
        x, y, p, before = np.zeros(sets), np.zeros(sets), np.zeros(size * sets), np.zeros(size * sets)
        for t in range(length):
            for j in range(size):
                here = (t * size + j) * sets
                if t:
                    sums[t, j] = summed(logs, t - 1, A, j)
                    for i in range(size):
                        raised(ways, below + i, j, x, zero)
                        part = part_of(logs, t - 1, i, A, j, sums[t, j])
                        times(a, ((t - 1) * size + i) * sets, x, zero, q, here, part, sets)
                else:
                    sums[t, j] = A[size, j]
                    raised(ways, below + size, j, q, here)
                logs[t, j] = sums[t, j] + s[t, j]
                raised(ways, start + t, j, x, zero)
                times(q, here, x, zero, a, here, 1.0, sets)
        log_z = summed(logs, length - 1, A, size)
        if not out.shape[0]:
            return log_z  # type: ignore[no-any-return]
        for i in range(size):
            raised(ways, below + i, size, x, zero)
            part = part_of(logs, length - 1, i, A, size, log_z)
            times(a, ((length - 1) * size + i) * sets, x, zero, p, i * sets, part, sets)
            for k in range(sets):
                y[k] += p[i * sets + k]
        for i in range(size):
            over(p, i * sets, y, zero, sets)
            counts[i, size] += p[i * sets + sets - 1]
        for t in range(length - 1, -1, -1):
            for j in range(size):
                out[t, j] = p[j * sets + sets - 1]
            for k in range(size * sets if t else 0):
                before[k] = 0.0
            for j in range(size if t else 0):
                over(p, j * sets, q, (t * size + j) * sets, sets)
                for i in range(size):
                    for k in range(sets):
                        x[k] = y[k] = 0.0
                    raised(ways, below + i, j, x, zero)
                    times(x, zero, p, j * sets, y, zero, 1.0, sets)
                    for k in range(sets):
                        x[k] = 0.0
                    part = part_of(logs, t - 1, i, A, j, sums[t, j])
                    times(a, ((t - 1) * size + i) * sets, y, zero, x, zero, part, sets)
                    for k in range(sets):
                        before[i * sets + k] += x[k]
                    counts[i, j] += x[sets - 1]
            if t:
                p, before = before, p
        for j in range(size):
            counts[size, j] += p[j * sets + sets - 1]
        return log_z  # type: ignore[no-any-return]

    return one_by_one
