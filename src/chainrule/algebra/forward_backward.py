"""The sums over all paths of a linear chain, by dynamic programming: forward, and back again.

A path of tags y has the score Σ s[n, y_n] + Σ A[i, j] over its moves i → j, of which the first of a sentence
begins at the border C and the last ends there. With a_n(j) the sum of exp(score) over all paths that begin a
sentence and have reached tag j at token n,

    q_n(j) = Σ_i a_{n-1}(i) exp A_ij      a_n(j) = q_n(j) exp s_nj      Z = Σ_i a_N(i) exp A_iC.

Of the paths that are at j in token n, the part P_n(i | j) = a_{n-1}(i) exp(A_ij) / q_n(j) came from i; so back

    P(y_{n-1} = i) = Σ_j P_n(i | j) P(y_n = j),

which is the reverse sweep through the recursion: no sums from behind are needed (Rabiner 1989 has those).

All sentences take each step together, the longest first in the row, so that those which go on are in front.
`scaled` computes with a_n in exp-space, the largest factors taken out and each a_n brought to the sum 1; it knows
where that would lose a path. `exact` computes with log a_n and loses none, over any array namespace; and along
directions: each number is then a polynomial in ε₁ … εₖ with ε² = 0, whose coefficient of ε₁ ⋯ εₖ is the k-th
derivative.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from chainrule.algebra.op import Array, Namespace

FORBIDDEN = -5000.0  # below the largest score: this one forbids
WIDE = -230.0  # below the largest score of a move: exp-space may lose a path
TINY = 1e-150  # of a sum of 1: products of two such do not underflow, nor with exp(WIDE)


class Steps(NamedTuple):
    """N tokens of S sentences, laid out step by step: the first tokens of all sentences, then the second ones …"""

    order: np.ndarray
    """Which token stands where, (N,)."""
    bounds: list[int]
    """Where each step begins, and the end."""
    sentences: np.ndarray
    """Which sentence the S rows of a step belong to, the longest first."""
    lengths: np.ndarray
    """How many tokens those have, (S,)."""

    @property
    def spans(self) -> list[slice]:
        """The rows of each step."""
        return [slice(start, stop) for start, stop in pairwise(self.bounds)]

    @property
    def ranks(self) -> np.ndarray:
        """Of which sentence each row is, in the order of the rows of a step, (N,)."""
        starts = np.repeat(np.array(self.bounds[:-1], np.intp), np.diff(self.bounds))
        return np.asarray(np.arange(self.bounds[-1]) - starts)

    @property
    def last(self) -> np.ndarray:
        """The rows of the last tokens of the sentences, (S,)."""
        first: np.ndarray = np.asarray(self.bounds, np.intp)[self.lengths - 1]
        return first + np.arange(len(self.lengths))

    @property
    def before(self) -> np.ndarray:
        """For every row behind the first step the row of the token before it."""
        sizes = np.diff(self.bounds)
        rows = np.arange(self.bounds[-1])[len(self.lengths) :]
        return np.asarray(rows - np.repeat(sizes[:-1], sizes[1:]))

    @property
    def back(self) -> np.ndarray:
        """Where every token stands, (N,)."""
        found = np.empty_like(self.order)
        found[self.order] = np.arange(len(found))
        return found


def steps_of(first: Array) -> Steps:
    """The layout of tokens of which `first` (N,) says with 1 that they begin a sentence, else 0."""
    begins = np.asarray(first) != 0
    begins[:1] = True
    starts = np.flatnonzero(begins)
    lengths = np.diff(starts, append=len(begins))
    sentences = np.argsort(-lengths, kind="stable")
    ranks = np.empty_like(sentences)
    ranks[sentences] = np.arange(len(ranks))
    places = np.arange(len(begins)) - np.repeat(starts, lengths)
    order = np.lexsort((np.repeat(ranks, lengths), places))
    bounds = [0, *np.cumsum(np.bincount(places)).tolist()] if len(places) else [0]
    return Steps(order, bounds, sentences, lengths[sentences])


class Sums(NamedTuple):
    """What the way forward leaves, row by row as `Steps` lays them out."""

    log_z: np.ndarray
    """log Z of every sentence, as the rows of a step, (S,)."""
    a: np.ndarray
    """a_n of sum 1, (N, C)."""
    q: np.ndarray
    """q_n as a_{n-1} of sum 1 gives it, (N, C)."""
    moves: np.ndarray
    """exp A with the largest factor taken out, (C + 1, C + 1)."""
    ends: np.ndarray
    """Σ_i a_N(i) exp A_iC, (S,)."""


def scaled(s: np.ndarray, A: np.ndarray, steps: Steps) -> Sums | None:
    """The way forward in exp-space; None where a path could be lost that counts."""
    with np.errstate(all="ignore"):
        scores, moves = np.asarray(s, np.float64)[steps.order], np.array(A, np.float64)
        moves[-1, -1] = -np.inf
        most, top = moves.max(), scores.max(axis=1)
        moves -= most
        if np.any((moves > FORBIDDEN) & (moves < WIDE)):
            return None
        scores -= top[:, None]
        e = np.exp(scores)
        np.exp(moves, out=moves)
        inner, a, q, sums = moves[:-1, :-1], np.empty_like(e), np.empty_like(e), np.empty_like(top)
        before = slice(0, 0)
        for now in steps.spans:
            if now.start:
                np.matmul(a[before.start : before.start + now.stop - now.start], inner, out=q[now])
            else:
                q[now] = moves[-1, :-1]
            part = np.multiply(q[now], e[now], out=a[now])
            part.sum(axis=1, out=sums[now])
            part /= sums[now][:, None]
            before = now
        ends = a[steps.last] @ moves[:-1, -1]
        low = a < TINY
        if low.any() and np.any(low & (q > 0) & (scores > FORBIDDEN)):
            return None
        if not (np.all(sums > 0) and np.all(ends > TINY)):
            return None
        log_z = np.log(ends) + most * (steps.lengths + 1)
        log_z += np.bincount(steps.ranks, np.log(sums) + top, len(log_z))
    return Sums(log_z, a, q, moves, ends)


def expected(sums: Sums, steps: Steps) -> tuple[np.ndarray, np.ndarray]:
    """P(y_n = j), (N, C), row by row as the steps are, and the expected numbers of moves, (C + 1, C + 1)."""
    _, a, q, moves, ends = sums
    p, turned, last = np.empty_like(a), np.ascontiguousarray(moves[:-1, :-1].T), steps.last
    p[last] = a[last] * (moves[:-1, -1] / ends[:, None])
    share = np.zeros_like(a)
    for before, now in reversed(list(pairwise(steps.spans))):
        np.divide(p[now], q[now], out=share[now], where=q[now] > 0)
        some = slice(before.start, before.start + now.stop - now.start)
        np.multiply(a[some], share[now] @ turned, out=p[some])
    counts = np.zeros_like(moves)
    start = len(ends)
    counts[:-1, :-1] = moves[:-1, :-1] * (a[steps.before].T @ share[start:])
    counts[-1, :-1] = p[:start].sum(axis=0)
    counts[:-1, -1] = p[last].sum(axis=0)
    return p, counts


# ── exactly, and along directions ─────────────────────────────────────────────────────────────────────

Dual = list[Array]
"""A number with ε_1 … ε_k: at each set of them, the bits of the place in the list, its coefficient."""


def _subsets(whole: int) -> Iterator[int]:
    """The sets within a set, the empty one last."""
    part = whole
    while part:
        yield part
        part = (part - 1) & whole
    yield 0


def _times(x: Dual, y: Dual) -> Dual:
    return [_sum([x[part] * y[whole ^ part] for part in _subsets(whole)]) for whole in range(len(x))]


def _over(xp: Namespace, x: Dual, y: Dual) -> Dual:
    """x / y; 0 where the real part of y is 0, as then all of x and y is."""
    some = y[0] != 0
    one = xp.where(some, y[0], xp.ones_like(y[0]))
    found: Dual = []
    for whole in range(len(x)):
        known = [-found[part] * y[whole ^ part] for part in _subsets(whole) if part != whole]
        found.append(_sum([x[whole], *known]) / one)
    return found


def _sum(terms: Sequence[Array]) -> Array:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _raised(xp: Namespace, ways: Sequence[Array], like: Array) -> Dual:
    """exp(Σ_d ε_d way_d) = Π_d (1 + ε_d way_d)."""
    found = [xp.ones_like(like)]
    for way in ways:
        found += [x * way for x in found]
    return found


def _parts(xp: Namespace, x: Array) -> tuple[Array, Array]:
    """log Σ exp over the axis before the last, and the part that each term has of the sum; 0 where all are −∞."""
    top = xp.max(x, axis=-2, keepdims=True)
    top = xp.where(xp.isinf(top), xp.zeros_like(top), top)
    e = xp.exp(x - top)
    total = xp.sum(e, axis=-2, keepdims=True)
    some = total != 0
    parts = xp.where(some, e / xp.where(some, total, xp.ones_like(total)), xp.zeros_like(e))
    return xp.squeeze(xp.log(total) + top, axis=-2), parts


class _Went(NamedTuple):
    """One step forward: a_n and q_n relative to their real parts, and P_n."""

    a: Dual
    q: Dual
    parts: Array
    log_z: Array
    """log Z of the sentences that end here."""
    ended: Dual
    """P(y_n = j) of those."""


def exact(
    xp: Namespace, s: Array, A: Array, steps: Steps, ways: Sequence[tuple[Array, Array]] = ()
) -> tuple[Array, Array, Array]:
    """log Z of the sentences as the rows of a step, and the derivative of `expected` along k directions.

    ways   the directions of s, (N, C), and of A, (C + 1, C + 1)
    """
    order = xp.asarray(steps.order)
    s, A = (xp.astype(x, xp.float64) for x in (s, A))
    ways = [(xp.astype(ds, xp.float64), xp.astype(dA, xp.float64)) for ds, dA in ways]
    tokens = _raised(xp, [xp.take(ds, order, axis=0) for ds, _ in ways], s)
    moves = _raised(xp, [dA for _, dA in ways], A)
    went = list(_forward(xp, xp.take(s, order, axis=0), A, steps.spans, tokens, moves))
    log_z = [step.log_z for step in reversed(went)]
    p, counts = _backward(xp, went, [x[None, :-1, :-1] for x in moves])
    return xp.concat(log_z) if log_z else s[:0, 0], p, counts


def _forward(
    xp: Namespace, s: Array, A: Array, steps: Sequence[slice], tokens: Dual, moves: Dual
) -> Iterator[_Went]:
    inner, end = [x[None, :-1, :-1] for x in moves], [x[None, :-1, -1] for x in moves]
    logs, a = s[:0, :], [x[:0, :] for x in tokens]
    for t, now in enumerate(steps):
        count = now.stop - now.start
        stay = steps[t + 1].stop - steps[t + 1].start if t + 1 < len(steps) else 0
        if t:
            logs, parts = _parts(xp, logs[:count, :, None] + A[None, :-1, :-1])
            q = [xp.sum(parts * x, axis=-2) for x in _times([x[:count, :, None] for x in a], inner)]
        else:
            parts, q = s[:0, :, None], [xp.broadcast_to(x[-1:, :-1], (count, s.shape[1])) for x in moves]
            logs = A[-1:, :-1]
        logs, a = logs + s[now, :], _times(q, [x[now, :] for x in tokens])
        log_z, part = _parts(xp, logs[stay:, :, None] + A[None, :-1, -1:])
        left = [part[:, :, 0] * x for x in _times([x[stay:, :] for x in a], end)]
        ended = _over(xp, left, [xp.sum(x, axis=-1, keepdims=True) for x in left])
        yield _Went(a, q, parts, log_z[:, 0], ended)


def _backward(xp: Namespace, went: Sequence[_Went], inner: Dual) -> tuple[Array, Array]:
    size = inner[0].shape[-1]
    zeros = partial(xp.zeros, dtype=inner[0].dtype)
    rows, counts, ends = [zeros((0, size))], zeros((size, size)), zeros((size,))
    after: Dual = []
    for t in reversed(range(len(went))):
        p = went[t].ended
        ends = ends + xp.sum(p[-1], axis=0)
        if after:
            share = _over(xp, after, went[t + 1].q)
            count = share[0].shape[0]
            flow = _times(_times([x[:count, :, None] for x in went[t].a], inner), [x[:, None, :] for x in share])
            flow = [went[t + 1].parts * x for x in flow]
            counts = counts + xp.sum(flow[-1], axis=0)
            p = [xp.concat([xp.sum(x, axis=-1), y]) for x, y in zip(flow, p, strict=True)]
        rows.append(p[-1])
        after = p
    inside = xp.concat([counts, xp.sum(rows[-1], axis=0, keepdims=True)])
    border = xp.concat([ends, zeros((1,))])
    return xp.concat(rows[::-1]), xp.concat([inside, border[:, None]], axis=1)
