"""What a tagger said of tagged sentences, beside what is right: names with their probability, and the mistakes."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from chainrule.learn.train import Params
from chainrule.ner.corpus import Corpus, Sentence
from chainrule.ner.decode import Decoder
from chainrule.ner.features import Features
from chainrule.ner.metrics import Score, score
from chainrule.ner.tags import OUTSIDE, Span, convert, spans, split
from chainrule.ner.trained import Model
from chainrule.ner.windows import encode


class Case(NamedTuple):
    """The tokens of a sentence, by their numbers, whose gold type was given the same predicted type."""

    sentence: int
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class Judged:
    """Tagged sentences, and the tags and log-probabilities that a tagger gave to each token."""

    corpus: Corpus
    tags: tuple[tuple[str, ...], ...]
    log_p: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, decoder: Decoder, features: Features, params: Params, corpus: Corpus) -> "Judged":
        """What the network of a decoder says of a corpus."""
        encoded = encode([s.tokens for s in corpus.sentences], features, decoder.network.architecture.radius)
        scores = decoder.scores(params, encoded)
        paths = decoder.paths(params, scores, encoded)
        log_p = decoder.log_probabilities(params, scores, encoded)
        return cls(
            corpus,
            tuple(tuple(decoder.tags[k] for k in path) for path in paths),
            tuple(
                tuple(map(float, part[range(len(path)), path]))
                for path, part in zip(paths, encoded.sentences(log_p), strict=True)
            ),
        )

    @classmethod
    def by(cls, model: Model, corpus: Corpus) -> "Judged":
        """What a model says of a corpus."""
        params = {name: np.asarray(array, np.float32) for name, array in model.params.items()}
        return cls.of(model.decoder, model.features, params, corpus)

    def renamed(self, rename: Mapping[str, str]) -> "Judged":
        """With labels of the model as the data has them; "O" leaves one out."""
        new = {tag: _renamed(tag, rename) for tags in self.tags for tag in tags}
        return replace(self, tags=tuple(tuple(new[tag] for tag in tags) for tags in self.tags))

    @cached_property
    def score(self) -> Score:
        """Precision, recall, F1, and which types were confused."""
        return score(self.corpus.tagged("IOB2"), [convert(tags, "IOB2") for tags in self.tags], "IOB2")

    def gold(self, k: int) -> list[Span]:
        """The names of sentence k as they are tagged."""
        return spans(self.corpus.sentences[k].tags)

    def found(self, k: int) -> list[tuple[Span, float]]:
        """The names that were found in sentence k, with their probability, the product over their tokens."""
        return [(name, math.exp(sum(self.log_p[k][name.start : name.end]))) for name in spans(self.tags[k])]

    def sentence(self, k: int) -> Sentence:
        """Sentence k."""
        return self.corpus.sentences[k]

    @cached_property
    def cells(self) -> dict[tuple[str, str], list[Case]]:
        """(gold type, predicted type) → where that is so, sentence by sentence, O for O left out."""
        found: dict[tuple[str, str], list[Case]] = {}
        for k, (sentence, tags) in enumerate(zip(self.corpus.sentences, self.tags, strict=True)):
            here: dict[tuple[str, str], list[int]] = {}
            for place, pair in enumerate(zip(_types(sentence.tags), _types(tags), strict=True)):
                if pair != (OUTSIDE, OUTSIDE):
                    here.setdefault(pair, []).append(place)
            for pair, places in here.items():
                found.setdefault(pair, []).append(Case(k, tuple(places)))
        return found


def _renamed(tag: str, rename: Mapping[str, str]) -> str:
    label = split(tag).label
    new = rename.get(label, label)
    return OUTSIDE if new == OUTSIDE else tag.removesuffix(label) + new


def _types(tags: Any) -> Iterator[str]:
    return (split(tag).label or OUTSIDE for tag in tags)
