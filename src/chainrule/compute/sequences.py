"""Many sentences under fixed scores of moves: their best paths, log Z, and the probability of every tag.

Scores and moves are those of `algebra.chain`. A move 5000 or more below the largest is forbidden: it is in a best
path only where there is no other. Ties go to the lowest tag, decided from the last token backwards (Viterbi 1967).

Long texts are done by machine code (see `codes`), others by NumPy, all sentences side by side.

CPU time in µs a token, one thread with AVX-512, 55,000 tokens of 14 to a sentence, 9, 17 and 25 tags in BIOES:

                  machine code         NumPy
    best          0.04  0.07  0.09     0.33  0.43  0.53
    marginals     0.13  0.28  0.42     0.98  1.1   1.3
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.chain import expectations, log_partitions
from chainrule.algebra.forward_backward import FORBIDDEN, Steps, steps_of
from chainrule.compute.codes import REAL, SINGLE, TRUTH, WHOLE, Code, Codes
from chainrule.errors import SettingError

Floats = NDArray[np.floating]
Ids = NDArray[np.int64]

LANES = 8


class Marginals(NamedTuple):
    """log Z of S sentences, (S,), and P(y_n = c) of their N tokens, (N, C)."""

    log_z: Floats
    tokens: Floats


class Sequences:
    """Sentences of C tags under scores of moves A (C + 1, C + 1), the border of a sentence last."""

    def __init__(self, A: Floats, backend: str = "auto") -> None:
        """`backend` is "numba" for machine code at once, "numpy" for none, "auto" for what pays."""
        self.A = np.array(A, np.float64)
        self._size = len(A) - 1
        self._plain, self._all = _Plain(_legal(self.A)), _Plain(self.A)
        self._codes = Codes(backend)

    def best(self, s: Floats, lengths: Ids) -> Ids:
        """The tags (N,) of the best path through sentences of these lengths, by scores (N, C).

        SettingError where no path is possible.
        """
        s, lengths = _real(s), np.asarray(lengths[lengths > 0], np.int64)
        path, code = np.empty(len(s), np.int64), self._code("best", s)
        lost = self._lost_by(code, s, lengths, path) if code else self._plain.best(s, lengths, path)
        if len(lost):
            starts = np.cumsum(lengths) - lengths
            for k in lost:
                rows = slice(starts[k], starts[k] + lengths[k])
                if len(self._all.best(s[rows], lengths[k : k + 1], path[rows])):
                    raise SettingError("no sequence of these tags is legal; add the tag O")
        return path

    def _lost_by(self, code: Callable[..., Any], s: Floats, lengths: Ids, path: Ids) -> Ids:
        """The sentences whose best path the machine code has not found."""
        moves = self._plain.padded
        room = np.empty((2, int(lengths.max()), moves.shape[1]))
        found = np.ones(len(lengths), np.bool_)
        code(s, moves, np.ascontiguousarray(moves.T), lengths, room, path, found)
        return np.flatnonzero(~found)

    def marginals(self, s: Floats, lengths: Ids) -> Marginals:
        """log Z of sentences of these lengths, none of them empty, and the probabilities of their tags."""
        s, first = _real(s), _first(lengths)
        code = self._code("summed", s)
        if code is None:
            return Marginals(log_partitions(s, self.A, first), expectations(s, self.A, first)[0])
        out, log_z = np.empty((len(s) + self._size + 1, self._size + 1)), np.empty(len(lengths))
        code(s, self.A, first, np.empty((0, 0, 0)), out, log_z)
        return Marginals(log_z, out[: len(s), :-1])

    def _code(self, name: str, s: Floats) -> Callable[..., Any] | None:
        """The machine code for these scores, if it is to do them."""
        return self._codes.get(f"{name} {s.dtype}", _CODES, len(s))


def _real(s: Floats) -> Floats:
    """Scores as they are computed with: float32 or float64, row by row."""
    return np.ascontiguousarray(s, np.float32 if s.dtype == np.float32 else np.float64)


def _first(lengths: Ids) -> Ids:
    """1 where a token begins one of the sentences of these lengths, else 0."""
    first = np.zeros(int(lengths.sum()), np.int64)
    first[np.cumsum(lengths) - lengths] = 1
    return first


def _legal(A: Floats) -> Floats:
    """The moves, −∞ for those that are forbidden."""
    inside = A.copy()
    inside[-1, -1] = -np.inf
    return np.where(inside - inside.max() > FORBIDDEN, inside, -np.inf)


# ── all sentences side by side ────────────────────────────────────────────────────────────────────────


class _Plain:
    """Best paths by NumPy: the tags below one another, the sentences side by side, the longest first."""

    def __init__(self, A: Floats) -> None:
        self.moves = A
        size = len(A) - 1
        self.padded = np.full((-(-size // 4) * 4 + 4, -(-(size + 1) // LANES) * LANES), -np.inf)
        self.padded[:size, : size + 1], self.padded[-1, :size] = A[:-1], A[-1, :-1]
        sources = A[:-1, :-1] > -np.inf
        counts = sources.sum(axis=0)
        self._groups = [
            (targets, np.array([np.flatnonzero(sources[:, j]) for j in targets]))
            for targets in (np.flatnonzero(counts == k) for k in sorted({*counts[counts > 0].tolist()}))
        ]
        """Tags that may follow equally many tags, and those tags in a row for each."""

    def best(self, s: Floats, lengths: Ids, path: Ids) -> Ids:
        """Lay the best paths into `path`; the sentences that have none."""
        if not len(s):
            return np.zeros(0, np.int64)
        steps = steps_of(_first(lengths))
        scores = np.ascontiguousarray(s[steps.order].T, np.float64)
        best = self._forward(scores, steps)
        last = best[:, steps.last] + self.moves[:-1, -1:]
        tags = last.argmax(axis=0)
        lost = ~(last.max(axis=0) > -np.inf)
        rows = np.empty(len(s), np.int64)
        spans = steps.spans
        for t in reversed(range(len(spans))):
            span = spans[t]
            count = span.stop - span.start
            rows[span] = tags[:count]
            if t:
                before = best[:, spans[t - 1].start : spans[t - 1].start + count]
                tags[:count] = (before + self.moves[:-1, tags[:count]]).argmax(axis=0)
        path[steps.order] = rows
        return np.flatnonzero(lost[np.argsort(steps.sentences)])

    def _forward(self, scores: Floats, steps: Steps) -> Floats:
        """The best score of a path to every tag of every token, (C, N)."""
        best = np.full_like(scores, -np.inf)
        spans = steps.spans
        best[:, spans[0]] = scores[:, spans[0]] + self.moves[-1, :-1, None]
        moves = [(j, i, self.moves[i, j[:, None]][:, :, None]) for j, i in self._groups]
        for t in range(1, len(spans)):
            start, stop = spans[t].start, spans[t].stop
            before = best[:, spans[t - 1].start : spans[t - 1].start + stop - start]
            for targets, sources, scored in moves:
                arriving = before[sources]
                arriving += scored
                best[targets, start:stop] = arriving.max(axis=1)
            best[:, start:stop] += scores[:, start:stop]
        return best


# ── one sentence after the other, in machine code ─────────────────────────────────────────────────────


def best(  # noqa: PLR0912 — a call costs more than a branch
    s: Any, moves: Any, turned: Any, lengths: Any, room: Any, path: Any, found: Any
) -> None:
    """Best paths through sentences of these lengths; `found` says of which there is one.

    moves   (R, P) with the border last among the rows and C-th among the columns, −∞ where there is nothing
    turned  its transpose            room  (2, longest, P): the best score of a path up to a tag, without its own
                                           score and with it
    """
    size, width, border = s.shape[1], moves.shape[1], moves.shape[0] - 1
    start = 0
    for k in range(len(lengths)):
        length = lengths[k]
        for t in range(length):
            if t:
                for j in range(width):
                    room[0, t, j] = -np.inf
                for i in range(0, border - 3, 4):
                    a, b, c, d = (
                        room[1, t - 1, i],
                        room[1, t - 1, i + 1],
                        room[1, t - 1, i + 2],
                        room[1, t - 1, i + 3],
                    )
                    for j in range(width):
                        x, y = a + moves[i, j], b + moves[i + 1, j]
                        x = y if y > x else x
                        z, w = c + moves[i + 2, j], d + moves[i + 3, j]
                        z = w if w > z else z
                        x = z if z > x else x
                        y = room[0, t, j]
                        room[0, t, j] = x if x > y else y
            else:
                for j in range(width):
                    room[0, 0, j] = moves[border, j]
            for j in range(size):
                room[1, t, j] = room[0, t, j] + s[start + t, j]
            for j in range(size, width):
                room[1, t, j] = -np.inf
        tag, top = 0, room[1, length - 1, 0] + turned[size, 0]
        for i in range(1, size):
            x = room[1, length - 1, i] + turned[size, i]
            if x > top:
                tag, top = i, x
        found[k] = top > -np.inf
        for t in range(length - 1, 0, -1):
            path[start + t] = tag
            top = room[0, t, tag]
            before = 0
            while before < size - 1 and room[1, t - 1, before] + turned[tag, before] != top:
                before += 1
            tag = before
        path[start] = tag
        start += length


def summed(s: Any, A: Any, first: Any, ways: Any, out: Any, log_z: Any) -> None:
    """What is expected of a path into `out`, and log Z of the sentences."""
    swept(s, A, first, ways, out, log_z)  # type: ignore[name-defined]  # noqa: F821 — found when it is compiled


_BEST = [(REAL, 2), (REAL, 2), (WHOLE, 1), (REAL, 3), (WHOLE, 1), (TRUTH, 1)]
_SUMMED = [(REAL, 2), (WHOLE, 1), (REAL, 3), (REAL, 2), (REAL, 1)]
_CODES: Mapping[str, Code] = {
    f"{function.__name__} {dtype}": Code(function, called, [(dtype, 2), *kinds])
    for function, called, kinds in ((best, (), _BEST), (summed, ("swept",), _SUMMED))
    for dtype in (SINGLE, REAL)
}
"""The functions by the dtype of the scores."""
