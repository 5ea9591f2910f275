"""From windows to tags: log-probabilities of every token, then the likeliest legal tags of every sentence."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.chain import expectations
from chainrule.algebra.node import matrix, variable, vector
from chainrule.algebra.reduce import log_softmax
from chainrule.algebra.signature import FLOAT32
from chainrule.calculus.rewrite import substitute
from chainrule.compute.compile import compile
from chainrule.compute.exact import Exact
from chainrule.compute.fixed import Fixed, Kinds, Own
from chainrule.compute.sequences import Sequences
from chainrule.compute.spans import Spans
from chainrule.learn.backends import Runner, chosen, runner
from chainrule.learn.store import release
from chainrule.ner.joint import Joint
from chainrule.ner.lattice import Ids, Lattice, Line, Names, ranges
from chainrule.ner.model import REACH, Network
from chainrule.ner.tags import Scheme
from chainrule.ner.windows import Encoded, padded

LEAST = 1e-30  # stands for a probability of 0, whose logarithm is a number
CHUNK = 4096  # windows in one pass of the network
Floats = NDArray[np.floating]


class Decoder:
    """A network and the tags that its scores stand for; its parameters may be others at every call."""

    def __init__(self, network: Network, tags: Sequence[str], scheme: Scheme, backend: str = "auto") -> None:
        self.network, self.tags, self.backend = network, tuple(tags), chosen(backend)
        self.lattice = Lattice(self.tags, scheme)
        self._sequences: Sequences | None = None
        self._joint: Joint | None = None
        self.fast = "auto" if backend in ("auto", "numba") else "numpy"

    @cached_property
    def _run(self) -> Runner:
        return runner([self.network.log_probabilities()], self.backend)

    def scores(self, params: Mapping[str, Any], encoded: Encoded) -> Floats:
        """log softmax of the scores of every token, (N, C): log P(tag), unless sentences are scored together."""
        chunks = [
            self._run({**params, **self.network.inputs(encoded.windows(slice(start, start + CHUNK)))})[0]
            for start in range(0, len(encoded), CHUNK)
        ]
        return np.concatenate(chunks) if chunks else np.zeros((0, len(self.tags)), np.float32)

    def log_probabilities(self, params: Mapping[str, Any], scores: Floats, encoded: Encoded) -> Floats:
        """log P(tag) of every token, (N, C), by its scores; over all paths of its sentence, where moves count."""
        if not self.network.whole or not len(scores):
            return scores
        chances, _ = expectations(scores, params["A"], encoded.first)
        found: Floats = np.log(np.maximum(chances, LEAST))
        return found

    def paths(self, params: Mapping[str, Any], scores: Floats, encoded: Encoded) -> list[Ids]:
        """The numbers of the likeliest legal tags of each sentence."""
        best = self.line(params, scores, np.array(encoded.lengths, np.int64)).path
        return np.split(best, list(accumulate(encoded.lengths))[:-1]) if encoded.lengths else []

    def decode(self, params: Mapping[str, Any], scores: Floats, encoded: Encoded) -> list[list[str]]:
        """The likeliest legal tags of each sentence."""
        return [[self.tags[k] for k in path] for path in self.paths(params, scores, encoded)]

    def line(
        self,
        params: Mapping[str, Any],
        scores: Floats,
        lengths: Ids,
        log_p: Callable[[Floats], Floats] = lambda rows: rows,
    ) -> Line:
        """The likeliest legal tags of sentences of these lengths."""
        if self.network.whole:
            return self.lattice.line(self.sequences(params).best(scores, lengths), lengths)
        return self.lattice.best(scores, lengths, log_p)

    def sequences(self, params: Mapping[str, Any]) -> Sequences:
        """Sentences under the scores of moves; made anew where these are others."""
        if self._sequences is None or not np.array_equal(self._sequences.A, params["A"]):
            self._sequences = Sequences(params["A"], self.fast)
        return self._sequences

    def chances(
        self, params: Mapping[str, Any], names: Names, path: Ids, scores: Floats, lengths: Ids, T: float = 1.0
    ) -> NDArray[np.float64]:
        """P(the tags of each name), given the tags of all tokens, (N,), at temperature T."""
        tags = path[ranges(names.starts, names.ends - names.starts)]
        return self.span_chances(params, Spans(names.starts, names.ends, tags), scores, lengths, T)

    def span_chances(
        self, params: Mapping[str, Any], spans: Spans, scores: Floats, lengths: Ids, T: float = 1.0
    ) -> NDArray[np.float64]:
        """P(the tags of each span), (M,), at temperature T; the spans lie sentence by sentence.

        The product over its tokens of P(tag); where sentences are scored together it is counted over all paths.
        """
        sizes = spans.ends - spans.starts
        if not len(sizes):
            return np.zeros(0)
        if self.network.whole:
            found = self._joint_of(params, T).log_chances(spans, scores, lengths)
        else:
            rows = scores[ranges(spans.starts, sizes)].astype(np.float64) / T
            rows -= rows.max(axis=1, keepdims=True)
            log_p = rows[np.arange(len(rows)), spans.tags] - np.log(np.exp(rows).sum(axis=1))
            found = np.add.reduceat(log_p, np.cumsum(sizes) - sizes)
        chances: NDArray[np.float64] = np.exp(np.minimum(found, 0))
        return chances

    def _joint_of(self, params: Mapping[str, Any], T: float) -> Joint:
        """Sentences under the scores of moves at temperature T; made anew where these are others."""
        joint = self._joint
        if joint is None or joint.T != T or not np.array_equal(joint.A, params["A"]):
            self._joint = joint = Joint(params["A"], T, self.fast)
        return joint


class Speller:
    """max_t F [q_t; q_t+1; q_t+2] + d of tokens by their letters, as `Network.spelling`; in any company."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._Q, self._d = params["Q"], params["d"]
        self._F = Exact(np.ascontiguousarray(params["F"].T))

    def __call__(self, letters: Ids) -> Floats:
        """Of letters (N, L): (N, filters)."""
        q, spans = self._Q[letters], letters.shape[1] - REACH + 1
        x = np.concatenate([q[:, k : k + spans] for k in range(REACH)], axis=2)
        z = self._F(x.reshape(-1, x.shape[2])).reshape(len(letters), spans, -1)
        found: Floats = z.max(axis=1) + self._d
        return found


class Scorer:
    """A decoder with its parameters fixed: scores of tokens, given as kinds (`reading.Kinds`).

    The network is evaluated in part (`compute.fixed`); "interpreter" computes it as it is written, and is the
    oracle. May be called from several threads at once.
    """

    def __init__(
        self, decoder: Decoder, params: Mapping[str, Any], kinds: Kinds, temperature: float = 1.0
    ) -> None:
        self._decoder, self._params, self._kinds, self._temperature = decoder, params, kinds, temperature
        self._features = decoder.network.seen
        self._radius = decoder.network.architecture.radius
        plain = decoder.backend == "interpreter"
        self._fixed = None if plain else self._tabulated()
        self._normal = self._normalised(decoder.backend == "interpreter")
        release()

    def _tabulated(self) -> Fixed:
        network = self._decoder.network
        ids = [network.data[name] for name in network.looked_up()]
        own = Own(vector("own", network.outputs, dtype=FLOAT32), self._own) if network.shortened else None
        root, params = network.scores(own=own.node if own else None), dict(self._params)
        if network.shared:
            G = variable("G", network.spelling.shape, FLOAT32)
            (root,) = substitute([root], {network.spelling: G})
            params["G"] = Speller(params)
        return Fixed(
            root, ids, self._kinds, params, backend=self._decoder.backend, own=own, fast=self._decoder.fast
        )

    def _own(self, selected: Sequence[Ids]) -> Floats:
        own: Floats = self._decoder.network.own(self._params, dict(zip(self._features, selected, strict=True)))
        return own

    def _normalised(self, plain: bool) -> Callable[[Floats], Any]:
        normal = log_softmax(matrix("z", "N", len(self._decoder.tags), dtype=FLOAT32))
        if not plain:
            return compile(normal, backend=self._decoder.backend)
        run = runner([normal], self._decoder.backend)
        return lambda scores: run({"z": scores})[0]

    def scores(self, kinds: Ids, lengths: Ids) -> Floats:
        """What orders the tags of every token, (N, C); `log_probabilities` of it are those of the tags."""
        if self._fixed is None:
            ids = dict(zip(self._features, self._kinds.selected(kinds), strict=True))
            return self._decoder.scores(self._params, padded(ids, tuple(lengths.tolist()), self._radius))
        places = np.arange(self._radius, self._radius + len(kinds))
        if len(lengths) > 1:
            places += np.repeat(np.arange(len(lengths)) * self._radius, lengths)
        line = np.zeros(len(kinds) + (len(lengths) + 1) * self._radius, np.int64)  # kind 0 is padding
        line[places] = kinds
        found = self._fixed(line)
        return found[places - self._radius] if len(lengths) > 1 else found

    def log_probabilities(self, scores: Floats) -> Floats:
        """log softmax of scores, (N, C)."""
        found: Floats = self._normal(scores) if len(scores) else scores
        return found

    def line(self, scores: Floats, lengths: Ids) -> Line:
        """The likeliest legal tags of sentences of these lengths."""
        return self._decoder.line(self._params, scores, lengths, self.log_probabilities)

    def chances(self, names: Names, path: Ids, scores: Floats, lengths: Ids) -> list[float]:
        """P(the tags of each name), given the tags of all tokens, (N,)."""
        found = self._decoder.chances(self._params, names, path, scores, lengths, self._temperature)
        chances: list[float] = found.tolist()
        return chances

    def span_chances(self, spans: Spans, scores: Floats, lengths: Ids) -> NDArray[np.float64]:
        """P(the tags of each span), (M,)."""
        return self._decoder.span_chances(self._params, spans, scores, lengths, self._temperature)

    @property
    def lattice(self) -> Lattice:
        """The tags and their labels."""
        return self._decoder.lattice
