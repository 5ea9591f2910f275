"""Oracles of the linear chain: every path written out, and the recursion written as an expression."""

from collections.abc import Iterator, Sequence
from itertools import pairwise, product

import numpy as np

import chainrule as cr


def sentences(first: Sequence[int]) -> list[tuple[int, int]]:
    """Where each sentence begins and ends."""
    starts = [n for n in range(len(first)) if first[n] or not n]
    return list(pairwise([*starts, len(first)])) if starts else []


def moves(path: Sequence[int], border: int) -> list[tuple[int, int]]:
    """The moves of a path, from the border and back to it."""
    return list(pairwise([border, *path, border]))


def scored(s: np.ndarray, A: np.ndarray) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every path through one sentence, in order, and its score."""
    for path in product(range(s.shape[1]), repeat=len(s)):
        steps = [A[move] for move in moves(path, s.shape[1])]
        yield path, float(sum(s[n, c] for n, c in enumerate(path)) + sum(steps))


def by_hand(s: np.ndarray, A: np.ndarray, first: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """log Z of every sentence, P(y_n = c), and the expected numbers of moves, by all paths."""
    s, log_z, p, counts = s.astype(float), [], np.zeros(s.shape), np.zeros(A.shape)
    for start, stop in sentences(first):
        paths, scores = zip(*scored(s[start:stop], A), strict=True)
        top = max(scores)
        weights = np.exp(np.array(scores) - top)
        log_z.append(np.log(weights.sum()) + top)
        for path, weight in zip(paths, weights / weights.sum(), strict=True):
            p[np.arange(start, stop), path] += weight
            for move in moves(path, s.shape[1]):
                counts[move] += weight
    return np.array(log_z), p, counts


def best(s: np.ndarray, A: np.ndarray, first: Sequence[int]) -> list[int]:
    """The best path through every sentence; of equal ones that with the lowest last tag, then the one before it …"""
    found: list[int] = []
    for start, stop in sentences(first):
        paths = sorted(scored(s[start:stop], A), key=lambda at: at[0][::-1])
        found += max(paths, key=lambda at: at[1])[0]
    return found


def unrolled(s: cr.Node, A: cr.Node, first: Sequence[int]) -> cr.Node:
    """log Z as an expression of log-sum-exps, token after token."""
    size = int(s.shape[1])
    total = cr.constant(0.0)
    for start, stop in sentences(first):
        a = A[size, :size] + s[start]
        for n in range(start + 1, stop):
            a = cr.logsumexp(cr.transpose(A[:size, :size]) + a, axis=1) + s[n]
        total = total + cr.logsumexp(a + A[:size, size])
    return total


def example(count: int, size: int, rng: np.random.Generator, scale: float = 1.0) -> dict[str, np.ndarray]:
    """Scores and places of random sentences."""
    return {
        "s": scale * rng.standard_normal((count, size)),
        "A": scale * rng.standard_normal((size + 1, size + 1)),
        "first": (rng.random(count) < 0.4).astype(np.int64),
    }
