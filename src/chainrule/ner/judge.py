"""Figures of a network on tagged sentences, and what is fitted to them after training.

    threshold     t that the score of O is lowered by, for the best F1: training on tokens that are O nine times out of
                  ten leaves names unsaid
    temperature   T that all scores are divided by where they become probabilities, so that of the names found with
                  probability p a share of p is right (Guo et al. 2017, "On calibration of modern neural networks");
                  the likeliest tags stay as they are

The expected calibration error is Σ_bins n_bin / n · |share that is right − mean probability|, ten bins.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.learn.gradients import Integers
from chainrule.ner.corpus import Corpus
from chainrule.ner.decode import Decoder, Floats
from chainrule.ner.features import Features
from chainrule.ner.metrics import score
from chainrule.ner.objectives import MARGIN
from chainrule.ner.tags import Scheme, spans
from chainrule.ner.windows import Encoded, encode

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
    """Figures on dev: loss, precision, recall, F1 of whole entities; the score is F1."""

    def __init__(self, corpus: Corpus, features: Features, decoder: Decoder, scheme: Scheme) -> None:
        self.decoder = decoder
        self.encoded: Encoded = encode(
            [s.tokens for s in corpus.sentences], features, decoder.network.architecture.radius
        )
        self.gold = [s.tags for s in corpus.sentences]
        self.y = tag_numbers(corpus, decoder.tags, scheme)

    def __call__(self, params: Mapping[str, Any]) -> dict[str, float]:
        scores = self.decoder.scores(params, self.encoded)
        if self.decoder.network.architecture.objective == MARGIN:
            scores = self._above(params, scores)
        found = score(self.gold, self.decoder.decode(params, scores, self.encoded))
        log_p = self.decoder.log_probabilities(params, scores, self.encoded)
        loss = -float(log_p[np.arange(len(self.y)), self.y].mean(dtype=np.float64))
        return {
            "score": found.f1,
            "dev_loss": loss,
            "dev_precision": found.precision,
            "dev_recall": found.recall,
            "dev_f1": found.f1,
        }

    def settle(self, params: Mapping[str, Any]) -> Settled:
        """Lower the score of O in `params`, by the biases, where that helps, and find the temperature."""
        scores = self.decoder.scores(params, self.encoded)
        threshold = self._best(params, scores, THRESHOLDS)
        _lower(params["c"], self.decoder, threshold)
        scores = lowered(scores, threshold)
        lengths = np.array(self.encoded.lengths, np.int64)
        line = self.decoder.line(params, scores, lengths)
        names = self.decoder.lattice.names(line)
        right = self._right(self.decoder.decode(params, scores, self.encoded))
        if not len(right):
            return Settled(threshold, 1.0, 0.0, 0.0)
        chances = {
            float(T): np.array(self.decoder.chances(params, names, line.path, scores, lengths, float(T)))
            for T in (1.0, *TEMPERATURES)
        }
        best = min(chances, key=lambda T: _log_loss(chances[T], right))
        return Settled(
            threshold, best, calibration_error(chances[1.0], right), calibration_error(chances[best], right)
        )

    def _right(self, found: Sequence[Sequence[str]]) -> np.ndarray:
        """Whether each name that was found is right, in order."""
        gold = [set(spans(tags)) for tags in self.gold]
        return np.array([name in right for tags, right in zip(found, gold, strict=True) for name in spans(tags)])

    def _above(self, params: Mapping[str, Any], scores: Floats) -> Floats:
        """The scores above the threshold that is best on dev, which the biases hold from now on.

        Scores are only compared in training, so that they say nothing of where O ends; see `objectives`.
        """
        best = scores[:, 0] - scores[:, 1:].max(axis=1)
        threshold = self._best(params, scores, np.quantile(best, np.linspace(0, 1, QUANTILES)))
        _lower(params["c"], self.decoder, threshold)
        return lowered(scores, threshold)

    def _best(self, params: Mapping[str, Any], scores: Floats, thresholds: np.ndarray) -> float:
        def f1(threshold: float) -> float:
            return score(self.gold, self.decoder.decode(params, lowered(scores, threshold), self.encoded)).f1

        return max(np.unique(thresholds).tolist(), key=f1)


def lowered(scores: Floats, threshold: float) -> Floats:
    """Scores (N, C) with that of O, the first tag, lowered."""
    found = scores.copy()
    found[:, 0] -= np.float32(threshold)
    return found


def _lower(c: Floats, decoder: Decoder, threshold: float) -> None:
    """The same by the biases: where O has no score, all others rise."""
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


def tag_numbers(corpus: Corpus, tags: Sequence[str], scheme: Scheme) -> Integers:
    """The number of the right tag of every token, (N,)."""
    number = {tag: k for k, tag in enumerate(tags)}
    return np.array([number[tag] for s in corpus.tagged(scheme) for tag in s], np.int64)
