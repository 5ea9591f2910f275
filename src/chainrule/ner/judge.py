"""Figures of a network on tagged sentences, and what is fitted to them after training.

    threshold     t that the score of O is lowered by, for the best F1: training on tokens that are O nine times
                  out of ten leaves names unsaid
    temperature   T that all scores are divided by where they become probabilities, so that of the names found with
                  probability p a share of p is right (Guo et al. 2017, "On calibration of modern neural
                  networks"); the likeliest tags stay as they are

The expected calibration error is Σ_bins n_bin / n · |share that is right − mean probability|, ten bins.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.ner.corpus import Corpus
from chainrule.ner.decode import Decoder, Floats
from chainrule.ner.features import Features
from chainrule.ner.lattice import Ids, Names
from chainrule.ner.metrics import Score, score
from chainrule.ner.objectives import MARGIN
from chainrule.ner.tags import Scheme, spans, split
from chainrule.ner.windows import Encoded, encode_corpus

QUANTILES = 101  # thresholds that are tried where scores are only compared in training
THRESHOLDS = np.arange(0, 3.25, 0.25)
TEMPERATURES = np.geomspace(0.5, 8, 33)
BINS = 10


class Settled(NamedTuple):
    """What was fitted on held-out sentences, and the expected calibration error of names before and after."""

    threshold: float
    temperature: float
    error_before: float
    error: float


class Judge:
    """Figures on dev: loss, precision, recall, F1 of whole entities; the score is F1, or what `rank` says."""

    def __init__(
        self,
        corpus: Corpus,
        features: Features,
        decoder: Decoder,
        scheme: Scheme,
        rank: Callable[[Score], float] | None = None,
    ) -> None:
        self.decoder, self.rank = decoder, rank or _f1
        self.encoded: Encoded = encode_corpus(corpus.sentences, features, decoder.network.architecture.radius)
        self.gold = [s.tags for s in corpus.sentences]
        self.y = tag_numbers(corpus, decoder.tags, scheme)
        self._lengths = np.array(self.encoded.lengths, np.int64)
        numbers = {label: k for k, label in enumerate(dict.fromkeys(split(tag).label for tag in decoder.tags))}
        self._labels = np.array([numbers[split(tag).label] for tag in decoder.tags])
        right = [
            (start + name.start, start + name.end, numbers[name.label])
            for start, tags in zip(self.encoded.starts.tolist(), self.gold, strict=True)
            for name in spans(tags)
        ]
        self._right = self._keys(*np.array(right, np.int64).reshape(-1, 3).T)

    def _keys(self, starts: Ids, ends: Ids, labels: Ids) -> Ids:
        """A number for each name, by its tokens and its label."""
        return (starts * (len(self.y) + 1) + ends) * len(self.decoder.tags) + labels

    def __call__(self, params: Mapping[str, Any]) -> dict[str, float]:
        """The figures at these parameters; under `margin` the biases are set."""
        scores = self.decoder.scores(params, self.encoded)
        if self.decoder.network.architecture.objective == MARGIN:
            scores = self._above(params, scores)
        found = score(self.gold, self.decoder.decode(params, scores, self.encoded))
        log_p = self.decoder.log_probabilities(params, scores, self.encoded)
        loss = -float(log_p[np.arange(len(self.y)), self.y].mean(dtype=np.float64))
        return {
            "score": self.rank(found),
            "dev_loss": loss,
            "dev_precision": found.precision,
            "dev_recall": found.recall,
            "dev_f1": found.f1,
        }

    def settle(self, params: Mapping[str, Any]) -> Settled:
        """Lower the score of O in `params`, by the biases, where that helps, and find the temperature."""
        scores = self.decoder.scores(params, self.encoded)
        threshold = self._best(params, scores, THRESHOLDS)
        lower(params["c"], self.decoder, threshold)
        scores = lowered(scores, threshold)
        names, path, right = self._found(params, scores)
        if not len(right):
            return Settled(threshold, 1.0, 0.0, 0.0)
        chances = {
            float(T): np.array(self.decoder.chances(params, names, path, scores, self._lengths, float(T)))
            for T in (1.0, *TEMPERATURES)
        }
        best = min(chances, key=lambda T: _log_loss(chances[T], right))
        return Settled(
            threshold, best, calibration_error(chances[1.0], right), calibration_error(chances[best], right)
        )

    def _found(self, params: Mapping[str, Any], scores: Floats) -> tuple[Names, Ids, NDArray[np.bool_]]:
        """The names that are found, the tags of all tokens, and which of the names are right."""
        line = self.decoder.line(params, scores, self._lengths)
        names = self.decoder.lattice.names(line)
        keys = self._keys(names.starts, names.ends, self._labels[names.tags])
        return names, line.path, np.isin(keys, self._right)

    def _above(self, params: Mapping[str, Any], scores: Floats) -> Floats:
        """log P above the thresholds that are best on dev, which the biases hold from now on.

        In training the scores of one tag are compared with one another alone, so that they say nothing of where O
        ends, nor of which tag is ahead; see `objectives`. Every tag has a threshold of its own, for the best F1 of
        tokens, and then all of them one together, for that of names.
        """
        ahead = scores[:, 1:] - scores[:, :1]
        own = [threshold_of(column, self.y == tag) for tag, column in enumerate(ahead.T, 1)]
        c = params["c"]
        c -= np.array(own, np.float32)
        scores = np.concatenate([scores[:, :1], scores[:, 1:] - np.array(own, np.float32)], axis=1)
        best = scores[:, 0] - scores[:, 1:].max(axis=1)
        threshold = self._best(params, scores, np.array([0.0, *np.quantile(best, np.linspace(0, 1, QUANTILES))]))
        lower(params["c"], self.decoder, threshold)
        scores = lowered(scores, threshold)
        return scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)

    def _best(self, params: Mapping[str, Any], scores: Floats, thresholds: np.ndarray) -> float:
        def f1(threshold: float) -> float:
            _, _, right = self._found(params, lowered(scores, threshold))
            return 2 * int(right.sum()) / max(1, len(right) + len(self._right))

        best: float = max(dict.fromkeys(thresholds.tolist()), key=f1)
        return best


def _f1(found: Score) -> float:
    return found.f1


def threshold_of(scores: Floats, right: NDArray[np.bool_]) -> float:
    """Where F1 of "the score is above" is best, between two scores (N,); above all where nothing is right."""
    order = np.argsort(-scores, kind="stable")
    values, hits = scores[order].astype(np.float64), right[order].cumsum()
    if not hits[-1]:
        return float(values[0]) + 1.0
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + hits[-1])
    f1[:-1][values[:-1] == values[1:]] = 0.0
    best = int(f1.argmax())
    below = values[best + 1] if best + 1 < len(values) else values[best] - 1.0
    return float(values[best] + below) / 2


def lowered(scores: Floats, threshold: float) -> Floats:
    """Scores (N, C) with that of O, the first tag, lowered."""
    found = scores.copy()
    found[:, 0] -= np.float32(threshold)
    return found


def lower(c: Floats, decoder: Decoder, threshold: float) -> None:
    """The same by the biases `c`, in place: where O has no score, all others rise."""
    if len(c) == len(decoder.tags):
        c[0] -= np.float32(threshold)
    else:
        c += np.float32(threshold)


def _log_loss(chances: np.ndarray, right: np.ndarray) -> float:
    p = np.clip(chances, 1e-6, 1 - 1e-6)
    return -float(np.where(right, np.log(p), np.log1p(-p)).mean())


def calibration_error(chances: np.ndarray, right: np.ndarray) -> float:
    """Σ_bins n_bin / n · |share that is right − mean probability| of names, (M,) each."""
    if not len(chances):
        return 0.0
    bins = np.minimum((chances * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(bins, chances - right, minlength=BINS)
    return float(np.abs(gaps).sum() / len(chances))


def tag_numbers(corpus: Corpus, tags: Sequence[str], scheme: Scheme) -> Ids:
    """The number of the right tag of every token, (N,)."""
    number = {tag: k for k, tag in enumerate(tags)}
    return np.array([number[tag] for s in corpus.tagged(scheme) for tag in s], np.int64)
