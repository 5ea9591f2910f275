"""What a tagger said of tagged sentences, beside what is right: names with their probability, and the mistakes."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from chainrule.learn.train import Params
from chainrule.ner.corpus import Corpus, Sentence
from chainrule.ner.decode import Decoder
from chainrule.ner.features import Features
from chainrule.ner.metrics import Score, score
from chainrule.ner.tags import OUTSIDE, Span, convert, spans, split
from chainrule.ner.trained import Model
from chainrule.ner.windows import encode_corpus


class Case(NamedTuple):
    """The tokens of a sentence, by their numbers, whose gold type was given the same predicted type."""

    sentence: int
    tokens: tuple[int, ...]


Place = tuple[int, int]


@dataclass(frozen=True)
class Judged:
    """Tagged sentences, the tags and log-probabilities that a tagger gave to each token, and those of its names.

    chances   of each sentence, the first token of a name and the one behind it → P, as `Entity.score` has it
    """

    corpus: Corpus
    tags: tuple[tuple[str, ...], ...]
    log_p: tuple[tuple[float, ...], ...]
    chances: tuple[Mapping[Place, float], ...] = ()

    @classmethod
    def of(
        cls, decoder: Decoder, features: Features, params: Params, corpus: Corpus, temperature: float = 1.0
    ) -> "Judged":
        """What the network of a decoder says of a corpus, its probabilities at this temperature."""
        encoded = encode_corpus(corpus.sentences, features, decoder.network.architecture.radius)
        scores, lengths = decoder.scores(params, encoded), np.array(encoded.lengths, np.int64)
        line = decoder.line(params, scores, lengths)
        names = decoder.lattice.names(line)
        log_p = decoder.log_probabilities(params, scores, encoded)[np.arange(len(line.path)), line.path].tolist()
        found = decoder.chances(params, names, line.path, scores, lengths, temperature)
        home = np.cumsum(lengths).searchsorted(names.starts, side="right")
        chances: list[dict[Place, float]] = [{} for _ in corpus.sentences]
        before = (np.cumsum(lengths) - lengths)[home]
        for k, start, end, p in zip(home, names.starts - before, names.ends - before, found, strict=True):
            chances[k][int(start), int(end)] = float(p)
        tags, values = iter([decoder.tags[k] for k in line.path]), iter(log_p)
        return cls(
            corpus,
            tuple(tuple(islice(tags, n)) for n in encoded.lengths),
            tuple(tuple(islice(values, n)) for n in encoded.lengths),
            tuple(chances),
        )

    @classmethod
    def by(cls, model: Model, corpus: Corpus) -> "Judged":
        """What a model says of a corpus."""
        params = {name: np.asarray(array, np.float32) for name, array in model.params.items()}
        return cls.of(model.decoder, model.features, params, corpus, model.config.temperature)

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
        """The names that were found in sentence k, with their probability.

        Names that have become one by another label have the product of theirs.
        """
        return [(name, math.prod(self._within(k, name))) for name in spans(self.tags[k])]

    def _within(self, k: int, name: Span) -> Iterator[float]:
        return (p for (a, b), p in self.chances[k].items() if name.start <= a and b <= name.end)

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
