"""P(the tags of a name) where the tags of a sentence are scored together: log-space sums from both ends.

    log P = α(first tag) + Σ moves and scores inside + β(last tag) − log Z

with α_n(j) the log of the sum over all paths that reach tag j at token n, its score included, and β_n(i) of that
over all ways from there to the end of the sentence. Unlike in `algebra.forward_backward`, no bit of it depends on
the sentences that are computed beside: products are summed tag by tag, not by BLAS.
"""

from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.forward_backward import Steps, steps_of
from chainrule.ner.lattice import Floats, Ids, Names, ranges


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


def name_log_probabilities(
    names: Names, path: Ids, scores: Floats, A: Floats, lengths: Ids
) -> NDArray[np.float64]:
    """log P(the tags of each name), (M,), given the tags of all tokens, (N,), and their scores, (N, C).

    A (C + 1, C + 1) the scores of moves, border last        lengths  of the sentences
    """
    ends = np.cumsum(lengths)
    met, of = np.unique(ends.searchsorted(names.starts, side="right"), return_inverse=True)
    tokens = ranges((ends - lengths)[met], lengths[met])
    s, path = scores[tokens].astype(np.float64), path[tokens]
    first = np.isin(tokens, (ends - lengths)[met]).astype(np.int64)
    moved = (np.cumsum(lengths[met]) - lengths[met] - (ends - lengths)[met])[of]
    begin, last = names.starts + moved, names.ends + moved - 1
    steps = steps_of(first)
    alpha, beta = (x[steps.back] for x in _both_ways(s[steps.order], A.astype(np.float64), steps))
    here = np.arange(len(path))
    log_z = np.logaddexp.reduce(alpha[last] + beta[last], axis=1)
    inside = np.zeros(len(path))
    inside[1:] = s[here[1:], path[1:]] + A[path[:-1], path[1:]]
    inside[begin] = alpha[begin, path[begin]]
    sums = np.add.reduceat(inside[ranges(begin, last - begin + 1)], _starts(last - begin + 1))
    found: NDArray[np.float64] = sums + beta[last, path[last]] - log_z
    return found


def _starts(sizes: Ids) -> Ids:
    found: Ids = np.cumsum(sizes) - sizes
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
