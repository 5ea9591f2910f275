"""P(the tags of spans of tokens) under scores of moves, over all paths: forward once, and back again.

With a_n, q_n, P_n(i | j) as in `algebra.forward_backward`, the tags of a path, from behind, are a Markov chain:

    P(y_b … y_e) = P(y_e) Π P_n(y_{n-1} | y_n) over n = e … b + 1        P_n(i | j) = a_{n-1}(i) exp(A_ij) / q_n(j)

Each a_n is brought to the largest entry 1. `beside` does all sentences side by side by NumPy, `machine` one after
the other in machine code: the same products and sums in the same order, none of them contracted. So they agree in
every bit, and no bit depends on the sentences beside. Where exp-space could lose a path, its sentence is lost.
"""

from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.forward_backward import TINY, Steps, steps_of

Doubles = NDArray[np.float64]
Ids = NDArray[np.int64]
LANES = 8  # rows of moves are filled up to a multiple


class Spans(NamedTuple):
    """M spans: tokens `starts` to `ends`, end-exclusive; `tags` are those of their tokens, span by span."""

    starts: Ids
    ends: Ids
    tags: Ids


def padded(moves: Doubles) -> Doubles:
    """Factors of moves (C + 1, C + 1) with columns of zeros behind, and so many rows as columns."""
    width = -(-len(moves) // LANES) * LANES
    found = np.zeros((width, width))
    found[: len(moves), : len(moves)] = moves
    return found


def beside(e: Doubles, moves: Doubles, lengths: Ids, spans: Spans) -> tuple[Doubles, NDArray[np.bool_]]:
    """P(the tags) of each span (M,), and which sentences are lost, (S,).

    e (N, C) factors of tokens, the largest of each 1        moves (C + 1, C + 1) of moves, the border last
    """
    first = np.zeros(len(e), np.int64)
    first[np.cumsum(lengths) - lengths] = 1
    steps = steps_of(first)
    with np.errstate(all="ignore"):
        a, q, low = _forward(np.ascontiguousarray(e[steps.order].T), moves, steps)
        p, ended = _backward(a, q, moves, steps)
        found = _chained(a, q, p, moves, steps.back, spans)
    lost = np.empty(len(lengths), np.bool_)
    lost[steps.sentences] = ~ended | (np.bincount(steps.ranks, low, len(lengths)) > 0)
    return found, lost


def _forward(e: Doubles, moves: Doubles, steps: Steps) -> tuple[Doubles, Doubles, NDArray[np.bool_]]:
    """a and q, (C, N), token by token as the steps are, and at which tokens a path could be lost, (N,)."""
    a, q = np.empty_like(e), np.empty_like(e)
    q[:, steps.spans[0]] = moves[-1, :-1, None]
    low = np.empty(e.shape[1], np.bool_)
    before = slice(0, 0)
    for now in steps.spans:
        if now.start:
            q[:, now] = _summed(a[:, before.start : before.start + now.stop - now.start], moves[:-1, :-1])
        x = q[:, now] * e[:, now]
        top = x.max(axis=0)
        a[:, now] = x / top
        low[now] = ~(top > 0) | ((a[:, now] < TINY) & (q[:, now] > 0)).any(axis=0)
        before = now
    return a, q, low


def _summed(x: Doubles, factors: Doubles) -> Doubles:
    """Σ_i factors_ij x_in, (C, n), term by term."""
    total: Doubles = factors[0][:, None] * x[0]
    for row, part in zip(factors[1:], x[1:], strict=True):
        total += row[:, None] * part
    return total


def _backward(a: Doubles, q: Doubles, moves: Doubles, steps: Steps) -> tuple[Doubles, NDArray[np.bool_]]:
    """P(y_n = j), (C, N), as the steps are, and which sentences, as the rows of a step, can end, (S,)."""
    p, turned, last = np.empty_like(a), np.ascontiguousarray(moves[:-1, :-1].T), steps.last
    x = a[:, last] * moves[:-1, -1:]
    total = x[0].copy()
    for part in x[1:]:
        total += part
    p[:, last] = x / total
    for before, now in reversed(list(pairwise(steps.spans))):
        some = slice(before.start, before.start + now.stop - now.start)
        share = np.where(q[:, now] > 0, p[:, now] / q[:, now], 0.0)
        p[:, some] = _summed(share, turned) * a[:, some]
    return p, total > TINY


def _chained(a: Doubles, q: Doubles, p: Doubles, moves: Doubles, back: Ids, spans: Spans) -> Doubles:
    sizes = spans.ends - spans.starts
    after = np.cumsum(sizes)
    found: Doubles = p[spans.tags[after - 1], back[spans.ends - 1]]
    for k in range(1, int(sizes.max(initial=1))):
        some = np.flatnonzero(sizes > k)
        i, j = spans.tags[after[some] - 1 - k], spans.tags[after[some] - k]
        token = spans.ends[some] - k
        under = q[j, back[token]]
        found[some] *= np.where(under > 0, a[i, back[token - 1]] * moves[i, j] / under, 0.0)
    return found


@cache
def machine(numba: Any) -> Any:  # noqa: PLR0915 — functions of one another
    """The same for code compiled by Numba; spans lie sentence by sentence, moves are as `padded`.

    numba   the module, which only those import who compile
    """
    plain = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # nobody but compiled code calls them
    jit = numba.njit(error_model="numpy", fastmath=False, **plain)  # unsaid, it would be that of the caller

    @jit  # type: ignore[untyped-decorator]
    def summed(x: Any, row: int, moves: Any, size: int, out: Any, to: int) -> None:
        width = moves.shape[1]
        part = x[row, 0]
        for j in range(width):
            out[to, j] = moves[0, j] * part
        i = 1
        while i + 3 < size:
            s, t, u, v = x[row, i], x[row, i + 1], x[row, i + 2], x[row, i + 3]
            for j in range(width):
                total = out[to, j] + moves[i, j] * s
                total = total + moves[i + 1, j] * t
                total = total + moves[i + 2, j] * u
                out[to, j] = total + moves[i + 3, j] * v
            i += 4
        while i < size:
            part = x[row, i]
            for j in range(width):
                out[to, j] += moves[i, j] * part
            i += 1

    @jit  # type: ignore[untyped-decorator]
    def forward(e: Any, start: int, length: int, moves: Any, a: Any, q: Any) -> bool:
        """Whether no path could be lost."""
        size = e.shape[1]
        for n in range(length):
            if n:
                summed(a, n - 1, moves, size, q, n)
            else:
                for j in range(size):
                    q[0, j] = moves[size, j]
            top = 0.0
            for j in range(size):
                x = q[n, j] * e[start + n, j]
                a[n, j] = x
                top = x if x > top else top
            if not top > 0.0:
                return False
            low = 0
            for j in range(size):
                a[n, j] /= top
                low += (not a[n, j] >= TINY) & (q[n, j] > 0.0)
            if low:
                return False
        return True

    @jit  # type: ignore[untyped-decorator]
    def backward(length: int, size: int, moves: Any, turned: Any, a: Any, q: Any, p: Any, share: Any) -> bool:
        """Whether the sentence can end."""
        total = 0.0
        for i in range(size):
            p[length - 1, i] = a[length - 1, i] * turned[size, i]
            total += p[length - 1, i]
        if not total > TINY:
            return False
        for i in range(size):
            p[length - 1, i] /= total
        for n in range(length - 1, 0, -1):
            for j in range(size):
                share[0, j] = p[n, j] / q[n, j] if q[n, j] > 0.0 else 0.0
            summed(share, 0, turned, size, p, n - 1)
            for i in range(size):
                p[n - 1, i] *= a[n - 1, i]
        return True

    @jit  # type: ignore[untyped-decorator]
    def spanned(
        e: Any,
        moves: Any,
        turned: Any,
        lengths: Any,
        starts: Any,
        ends: Any,
        tags: Any,
        room: Any,
        out: Any,
        lost: Any,
    ) -> None:
        size, span, count, at = e.shape[1], 0, starts.shape[0], 0
        a, q, p, share = room[0], room[1], room[2], room[3]
        start = lengths[0] - lengths[0]  # a plain 0 would make functions of their own
        for k in range(lengths.shape[0]):
            length = lengths[k]
            whole = forward(e, start, length, moves, a, q)
            whole = whole and backward(length, size, moves, turned, a, q, p, share)
            lost[k] = not whole
            while span < count and starts[span] < start + length:
                n = ends[span] - start - 1
                at += ends[span] - starts[span]
                out[span] = p[n, tags[at - 1]] if whole else 0.0
                for back in range(ends[span] - starts[span] - 1 if whole else 0):
                    i, j = tags[at - 2 - back], tags[at - 1 - back]
                    under = q[n - back, j]
                    out[span] *= a[n - back - 1, i] * moves[i, j] / under if under > 0.0 else 0.0
                span += 1
            start += length

    return spanned
