"""Mini-batches in seeded random order, and named streams of random numbers; no global state anywhere."""

import json
from hashlib import blake2b
from operator import index

import numpy as np
from numpy.typing import NDArray

from chainrule.learn.choose import within


def epoch_order(n: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """The numbers 0 … n−1 in random order, (n,): the same for the same `seed` and `epoch`, at any time."""
    for name, value in (("the number of examples", n), ("the seed", seed), ("the epoch", epoch)):
        within(name, index(value), least=0)
    return np.random.default_rng(np.random.SeedSequence([seed, epoch])).permutation(n)


def batches(n: int, size: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """`epoch_order` cut into pieces of `size`; the last may be short.

    Raises SettingError unless size ≥ 1 and n, seed, epoch ≥ 0.
    """
    within("the batch size", index(size), least=1)
    order = epoch_order(n, seed, epoch)
    return [order[start : start + size] for start in range(0, n, size)]


def rng_for(seed: int, *path: str | int) -> np.random.Generator:
    """An independent stream for each `seed` and `path`, as in `rng_for(seed, "dropout", epoch)`.

    Its seed is the BLAKE2b digest of both, so that a stream depends neither on what was drawn before it nor on
    the process.
    """
    key = json.dumps([index(seed), *[part if isinstance(part, str) else index(part) for part in path]])
    digest = blake2b(key.encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))
