"""From windows to tags: log-probabilities of every token, then the likeliest legal tags of every sentence."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.node import matrix
from chainrule.algebra.reduce import log_softmax
from chainrule.algebra.signature import FLOAT32
from chainrule.compute.compile import compile
from chainrule.compute.fixed import Fixed
from chainrule.learn.backends import Runner, chosen, runner
from chainrule.ner.lattice import Ids, Lattice
from chainrule.ner.model import Network
from chainrule.ner.tags import Scheme
from chainrule.ner.vocab import CAPS
from chainrule.ner.windows import Encoded, padded

CHUNK = 4096  # windows in one pass of the network
Floats = NDArray[np.floating]


class Decoder:
    """A network and the tags that its scores stand for; its parameters may be others at every call."""

    def __init__(self, network: Network, tags: Sequence[str], scheme: Scheme, backend: str = "auto") -> None:
        self.network, self.tags, self.backend = network, tuple(tags), chosen(backend)
        self.lattice = Lattice(self.tags, scheme)

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

    def paths(self, scores: Floats, encoded: Encoded) -> list[Ids]:
        """The numbers of the likeliest legal tags of each sentence."""
        best = self.lattice.best(scores, np.array(encoded.lengths, np.int64)).path
        return np.split(best, list(accumulate(encoded.lengths))[:-1]) if encoded.lengths else []

    def decode(self, scores: Floats, encoded: Encoded) -> list[list[str]]:
        """The likeliest legal tags of each sentence."""
        return [[self.tags[k] for k in path] for path in self.paths(scores, encoded)]


class Scorer:
    """A decoder with its parameters fixed: scores of tokens, given as kinds (`reading.Kinds`).

    The network is evaluated in part (`compute.fixed`); "interpreter" computes it as it is written, and is the
    oracle. May be called from several threads at once.
    """

    def __init__(self, decoder: Decoder, params: Mapping[str, Any]) -> None:
        self._decoder, self._params = decoder, params
        self._features = [name for name in ("words", "caps") if name in decoder.network.data]
        self._radius = decoder.network.architecture.radius
        ids = [decoder.network.data[name] for name in self._features]
        plain = decoder.backend == "interpreter"
        self._fixed = None if plain else Fixed(decoder.network.scores(), ids, params, backend=decoder.backend)
        self._normal = self._normalised(plain)

    def _normalised(self, plain: bool) -> Callable[[Floats], Any]:
        normal = log_softmax(matrix("z", "N", len(self._decoder.tags), dtype=FLOAT32))
        if not plain:
            return compile(normal, backend=self._decoder.backend)
        run = runner([normal], self._decoder.backend)
        return lambda scores: run({"z": scores})[0]

    def scores(self, kinds: Ids, lengths: Ids) -> Floats:
        """What orders the tags of every token, (N, C); `log_probabilities` of it are those of the tags."""
        if self._fixed is None:
            digits = np.divmod(kinds, len(CAPS)) if len(self._features) > 1 else (kinds,)
            ids = dict(zip(self._features, digits, strict=True))
            return self._decoder.log_probabilities(
                self._params, padded(ids, tuple(lengths.tolist()), self._radius)
            )
        places = np.arange(self._radius, self._radius + len(kinds))
        if len(lengths) > 1:
            places += np.repeat(np.arange(len(lengths)) * self._radius, lengths)
        line = np.zeros(len(kinds) + (len(lengths) + 1) * self._radius, np.int64)
        line[places] = kinds
        found = self._fixed(line)
        return found[places - self._radius] if len(lengths) > 1 else found

    def log_probabilities(self, scores: Floats) -> Floats:
        """log softmax of scores, (N, C)."""
        found: Floats = self._normal(scores) if len(scores) else scores
        return found
