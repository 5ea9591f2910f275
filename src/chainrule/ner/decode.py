"""From windows to tags: log-probabilities of every token, then the likeliest legal tags of every sentence."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.learn.backends import Runner, chosen, runner
from chainrule.ner.model import Network
from chainrule.ner.tags import Scheme, best_path, legal
from chainrule.ner.windows import Encoded

CHUNK = 4096  # windows in one pass of the network
Floats = NDArray[np.floating]


class Decoder:
    """A network and the tags that its scores stand for."""

    def __init__(self, network: Network, tags: Sequence[str], scheme: Scheme, backend: str = "auto") -> None:
        self.network, self.tags, self.backend = network, tuple(tags), chosen(backend)
        self._start, self._moves, self._end = legal(self.tags, scheme)

    @cached_property
    def _run(self) -> Runner:
        return runner([self.network.log_probabilities()], self.backend)

    def log_probabilities(self, params: Mapping[str, Any], encoded: Encoded) -> Floats:
        """log P(tag) of every token, (N, C)."""
        chunks = [
            self._run({**params, **encoded.windows(slice(start, start + CHUNK))})[0]
            for start in range(0, len(encoded), CHUNK)
        ]
        return np.concatenate(chunks) if chunks else np.zeros((0, len(self.tags)), np.float32)

    def paths(self, scores: Floats, encoded: Encoded) -> list[NDArray[np.intp]]:
        """The numbers of the likeliest legal tags of each sentence."""
        return [best_path(part, self._start, self._moves, self._end) for part in encoded.sentences(scores)]

    def decode(self, scores: Floats, encoded: Encoded) -> list[list[str]]:
        """The likeliest legal tags of each sentence."""
        return [[self.tags[k] for k in path] for path in self.paths(scores, encoded)]
