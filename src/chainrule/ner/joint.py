"""P(the tags of spans) where the tags of a sentence are scored together: over all paths through it.

Sentences are done in exp-space (`compute.spans`), unless that could lose a path; then with logarithms,

    log P = α(first tag) + Σ moves and scores inside + β(last tag) − log Z

with α_n(j) the log of the sum over all paths that reach tag j at token n, its score included, and β_n(i) of that
over all ways from there to the end of the sentence. No bit depends on the sentences that are computed beside.
"""

from itertools import pairwise
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.forward_backward import FORBIDDEN, WIDE, Steps, steps_of
from chainrule.compute.codes import REAL, TRUTH, WHOLE, Code, Codes
from chainrule.compute.spans import Spans, beside, padded
from chainrule.ner.lattice import Floats, Ids, ranges

Doubles = NDArray[np.float64]


def chances(
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
    """P of the tags of spans into `out`, and which sentences are lost."""
    spanned(e, moves, turned, lengths, starts, ends, tags, room, out, lost)  # type: ignore[name-defined]  # noqa: F821 — found when it is compiled


_KINDS = [(REAL, 2), (REAL, 2), (REAL, 2), *[(WHOLE, 1)] * 4, (REAL, 3), (REAL, 1), (TRUTH, 1)]
_CODES = {"chances": Code(chances, ("spanned",), _KINDS)}


class Joint:
    """Sentences of C tags under scores of moves A (C + 1, C + 1), the border last, at temperature T."""

    def __init__(self, A: Floats, T: float = 1.0, backend: str = "auto") -> None:
        """`backend` is that of `compute.codes`."""
        self.A, self.T = np.array(A, np.float64), T
        self._logs = self.A / T
        inside = self.A.copy()
        inside[-1, -1] = -np.inf
        inside = np.where(inside - inside.max() > FORBIDDEN, inside, -np.inf) / T
        inside -= inside.max()
        self._wide = bool(((inside < WIDE) & (inside > -np.inf)).any())
        self._moves = np.exp(inside)
        self._padded = padded(self._moves)
        self._turned = np.ascontiguousarray(self._padded.T)
        self._codes = Codes(backend)

    def log_chances(self, spans: Spans, scores: Floats, lengths: Ids) -> Doubles:
        """log P of each span, (M,), in sentences of these lengths, by the scores of their tokens, (N, C).

        The spans lie sentence by sentence.
        """
        ends = np.cumsum(lengths)
        met, of = np.unique(ends.searchsorted(spans.starts, side="right"), return_inverse=True)
        starts, lengths = (ends - lengths)[met], lengths[met]
        moved = (np.cumsum(lengths) - lengths - starts)[of]
        spans = Spans(spans.starts + moved, spans.ends + moved, spans.tags)
        s = scores[ranges(starts, lengths)] / np.float64(self.T)
        found, lost = self._found(s, lengths, spans)
        if lost.any():
            some = lost[of]
            found[some] = self._exactly(s, lengths, spans, np.flatnonzero(lost), some)
        return found

    def _found(self, s: Doubles, lengths: Ids, spans: Spans) -> tuple[Doubles, NDArray[np.bool_]]:
        """log P of the spans, and in which sentences it is not known."""
        count = len(spans.starts)
        if self._wide:
            return np.empty(count), np.ones(len(lengths), np.bool_)
        with np.errstate(all="ignore"):
            e = np.exp(s - s.max(axis=1, keepdims=True))
        code = self._codes.get("chances", _CODES, len(s))
        if code is None:
            found, lost = beside(e, self._moves, lengths, spans)
        else:
            found, lost = np.empty(count), np.empty(len(lengths), np.bool_)
            room = np.empty((4, int(lengths.max()), len(self._padded)))
            code(e, self._padded, self._turned, lengths, *spans, room, found, lost)
        with np.errstate(divide="ignore"):
            return np.log(found), lost

    def _exactly(self, s: Doubles, lengths: Ids, spans: Spans, lost: Ids, some: NDArray[np.bool_]) -> Doubles:
        """The same of the spans of these sentences, with logarithms."""
        starts = (np.cumsum(lengths) - lengths)[lost]
        rows, sizes = ranges(starts, lengths[lost]), spans.ends - spans.starts
        tags, sizes = spans.tags[np.repeat(some, sizes)], sizes[some]
        begin = rows.searchsorted(spans.starts[some])
        first = np.isin(rows, starts).astype(np.int64)
        steps, s = steps_of(first), s[rows]
        alpha, beta = (x[steps.back] for x in _both_ways(s[steps.order], self._logs, steps))
        tokens, last, heads = ranges(begin, sizes), begin + sizes - 1, np.cumsum(sizes) - sizes
        log_z = np.logaddexp.reduce(alpha[last] + beta[last], axis=1)
        inside = s[tokens, tags] + self._logs[np.roll(tags, 1), tags]
        inside[heads] = alpha[begin, tags[heads]]
        found: Doubles = np.add.reduceat(inside, heads) + beta[last, tags[heads + sizes - 1]] - log_z
        return found


class _Moves(NamedTuple):
    """Scores of moves (C, C), and their exponentials with the largest factor taken out."""

    logs: Floats
    most: float
    factors: Floats

    @classmethod
    def of(cls, logs: Floats) -> Self:
        most = float(logs.max())
        return cls(logs, most, np.exp(logs - most))

    def __call__(self, logs: Floats) -> Floats:
        """log Σ_i exp(logs_i + moves_ij) of rows (n, C)."""
        top = logs.max(axis=1, keepdims=True)
        parts = np.exp(logs - top)
        sums = parts[:, :1] * self.factors[0]
        for i in range(1, len(self.factors)):
            sums += parts[:, i : i + 1] * self.factors[i]
        with np.errstate(divide="ignore"):
            found: Floats = np.log(sums) + (top + self.most)
        if (lost := (sums == 0).any(axis=1)).any():
            found[lost] = np.logaddexp.reduce(logs[lost][:, :, None] + self.logs, axis=1)
        return found


def _both_ways(s: Floats, A: Floats, steps: Steps) -> tuple[Floats, Floats]:
    """α and β of all tokens, row by row as the steps are, (N, C) each."""
    alpha, beta = s.copy(), np.empty_like(s)
    forward, backward = _Moves.of(A[:-1, :-1]), _Moves.of(np.ascontiguousarray(A[:-1, :-1].T))
    alpha[steps.spans[0]] += A[-1, :-1]
    beta[steps.last] = A[:-1, -1]
    for before, now in pairwise(steps.spans):
        alpha[now] += forward(alpha[before.start : before.start + now.stop - now.start])
    for before, now in reversed(list(pairwise(steps.spans))):
        beta[before.start : before.start + now.stop - now.start] = backward(beta[now] + s[now])
    return alpha, beta
