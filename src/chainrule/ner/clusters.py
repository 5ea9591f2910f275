"""Words with like vectors in one cluster: k-means on directions (Lloyd 1982; Dhillon and Modha 2001).

Clusters are few and are seen often, so that a rare word is learned about from its neighbours; as indicator
features they take a linear model most of the way that vectors do (Guo et al. 2014, Tkachenko and Simanovsky 2012).
"""

import numpy as np
from numpy.typing import NDArray

from chainrule.learn.batches import rng_for
from chainrule.ner.vectors import Floats
from chainrule.ner.vocab import PADDING, SPECIAL, UNKNOWN

ROUNDS, SAMPLE, BLOCK = (
    12,
    40,
    1 << 13,
)  # rounds; words for each cluster that centres are sought by; words at a time

Ids = NDArray[np.int64]


def clustered(vectors: Floats, known: NDArray[np.bool_], count: int) -> Ids:
    """The number of the cluster of each word (V,), from 2 on; 1 for words without a vector, 0 for padding.

    vectors (V, D); known (V,), the rows that are vectors. The centres are sought by the first words, which are the
    frequent ones, at most SAMPLE for each; a centre that loses all its words stays where it is.
    """
    found = np.full(len(vectors), UNKNOWN, np.int64)
    found[PADDING] = PADDING
    places = np.flatnonzero(known)
    if len(places):
        rows = _directions(vectors[places])
        found[places] = _nearest(rows, _centres(rows[: SAMPLE * count], count)) + len(SPECIAL)
    return found


def joining(vectors: Floats, clusters: Ids, more: Floats) -> Ids:
    """The numbers of the clusters whose mean direction is nearest to more vectors, (N, D) → (N,).

    vectors (V, D) are those of words whose clusters (V,) are known; 1 where none is.
    """
    numbers = np.unique(clusters[clusters > UNKNOWN])
    if not len(numbers):
        return np.full(len(more), UNKNOWN, np.int64)
    rows = _directions(vectors)
    centres = _directions(np.stack([rows[clusters == number].sum(axis=0) for number in numbers]))
    found: Ids = numbers[_nearest(_directions(more), centres)]
    return found


def _centres(rows: Floats, count: int) -> Floats:
    start = rng_for(count, "clusters").permutation(len(rows))[:count]
    centres = rows[np.sort(start)]
    for _ in range(ROUNDS):
        nearest = _nearest(rows, centres)
        sums = np.zeros_like(centres, np.float64)
        np.add.at(sums, nearest, rows)
        met = np.bincount(nearest, minlength=len(centres)) > 0
        centres = np.where(met[:, None], _directions(sums), centres).astype(np.float32)
    return centres


def _nearest(rows: Floats, centres: Floats) -> Ids:
    """The centre with the largest cosine for each row; the first of equal ones."""
    parts = [(rows[k : k + BLOCK] @ centres.T).argmax(axis=1) for k in range(0, len(rows), BLOCK)]
    return np.concatenate(parts).astype(np.int64)


def _directions(rows: NDArray[np.floating]) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)
