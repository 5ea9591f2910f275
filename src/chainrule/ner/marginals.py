"""What a tagger holds to be possible: the probability of every tag, and of every label, of each token."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from chainrule.ner.tagger import Tagger
from chainrule.ner.tags import OUTSIDE, split
from chainrule.ner.windows import encode

Chances = NDArray[np.float64]


def marginals(
    tagger: Tagger, sentences: Sequence[Sequence[str]], documents: Sequence[int] | None = None
) -> Chances:
    """P(tag) of every token at the temperature of the model, (N, C), float64; rows sum to 1.

    documents   that of each sentence; each is one by itself, unless it is said
    """
    T = tagger.config.temperature
    encoded = encode(sentences, tagger.features, tagger.config.architecture.radius, documents)
    params: Mapping[str, NDArray[np.floating]] = {n: np.asarray(a, np.float32) for n, a in tagger.params.items()}
    scores = tagger.decoder.scores(params, encoded) / np.float32(T)
    moves = {"A": params["A"] / np.float32(T)} if "A" in params else {}
    log_p = tagger.decoder.log_probabilities({**params, **moves}, scores, encoded).astype(np.float64)
    chances: Chances = np.exp(log_p - log_p.max(axis=1, keepdims=True, initial=-np.inf))
    chances /= chances.sum(axis=1, keepdims=True)
    return chances


def by_label(tags: Sequence[str], labels: Sequence[str], chances: Chances) -> Chances:
    """P(label) of every token, (N, L), O first; labels that no tag has are impossible."""
    names = [OUTSIDE if tag == OUTSIDE else split(tag).label for tag in tags]
    return chances @ np.array([[name == label for label in (OUTSIDE, *labels)] for name in names], np.float64)
