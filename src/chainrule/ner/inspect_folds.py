"""Labels that other sentences contradict: taggers trained on the rest of the data judge each part of it.

The sentences are dealt out into K folds, identical ones into the same; the tagger that judges a fold has seen all
others. In question are the names as given, the names as predicted where none is given, and strings that are names
in other places. One that is given the label g, or O, is doubted where another label ℓ is possible and has the
better odds, in logarithms

    log P(ℓ) / P(g)                out of sample, in the mean over its tokens
    + 2 log (n_ℓ + ½) / (n_g + ½)  the same string has these labels so many times in other places
    − ½ log n                      of n doubts in all that a g should be an ℓ: where taggers often err so, one more
                                   of them says little

Northcutt, Jiang and Chuang 2021, "Confident learning", find label errors by the first and the last, with a
threshold for each label in place of counts.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule.learn.batches import rng_for
from chainrule.learn.choose import within
from chainrule.ner.corpus import Corpus, documents_of
from chainrule.ner.inspect import Inspection
from chainrule.ner.marginals import Chances, by_label, marginals
from chainrule.ner.metrics import Score, score
from chainrule.ner.tagger import Tagger
from chainrule.ner.tags import OUTSIDE, Span, spans
from chainrule.ner.vectors import Vectors

FAST: Mapping[str, Any] = {
    "features": "shape, suffix3",
    "short_circuit": "form",
    "hidden": 40,
    "epochs": 12,
    "patience": 4,
    "batch_size": 32,
}
"""Settings of the taggers that judge."""
LEAST = 0.1  # of a possible label; added to probabilities, for taggers that saw little are too sure of the rest
STRINGS, PAIRS = 2.0, 0.5  # weights above, by which the most errors that were put into samples came to the top


class Doubt(NamedTuple):
    """Tokens `start` to `end` of a sentence, their label as given and a likelier one, either of which may be O.

    probability   of the likelier label, by the tagger, in the mean over the tokens
    strength      the odds above, in logarithms
    """

    sentence: int
    start: int
    end: int
    given: str
    predicted: str
    probability: float
    strength: float

    @property
    def span(self) -> Span:
        """Its tokens, with the likelier label."""
        return Span(self.start, self.end, self.predicted)


@dataclass(frozen=True)
class Doubts:
    """All doubts, the strongest first, and how well the taggers did that had them."""

    doubts: tuple[Doubt, ...]
    score: Score
    folds: int


def doubts_by_folds(
    corpus: Corpus,
    folds: int = 5,
    *,
    vectors: Vectors | None = None,
    seed: int = 0,
    watch: Callable[[int], None] = lambda fold: None,
    **settings: Any,
) -> Doubts:
    """Doubts of taggers that have not seen the sentences in question.

    settings   of `Tagger.train`, in place of FAST        watch   called with the number of each fold, from 1
    Raises SettingError for fewer than two folds, or more than there are different sentences.
    """
    numbers = _dealt(corpus, folds, seed)
    judged: dict[int, Judgement] = {}
    for fold in range(folds):
        watch(fold + 1)
        kept, held = ([k for k in numbers if (numbers[k] == fold) is inside] for inside in (False, True))
        train = corpus.of(corpus.sentences[k] for k in kept)
        tagger = Tagger.train(train, vectors=vectors, **{**FAST, **settings, "seed": seed})
        judged |= zip(held, _judged(tagger, corpus, held), strict=True)
    return _doubts(corpus, judged, folds)


def doubts_of(tagger: Tagger, corpus: Corpus) -> Doubts:
    """Doubts of a model, which should not have been trained on the sentences."""
    numbers = [k for k, s in enumerate(corpus.sentences) if s.tokens]
    return _doubts(corpus, dict(zip(numbers, _judged(tagger, corpus, numbers), strict=True)), 0)


def _dealt(corpus: Corpus, folds: int, seed: int) -> dict[int, int]:
    """The fold of every sentence that has tokens, by its number; the same for the same tokens."""
    alike: dict[tuple[str, ...], list[int]] = {}
    for k, sentence in enumerate(corpus.sentences):
        if sentence.tokens:
            alike.setdefault(tuple(sentence.tokens), []).append(k)
    within("number of folds", folds, least=2, below=max(3, len(alike) + 1), whole=True)
    order = rng_for(seed, "folds").permutation(len(alike))
    groups = list(alike.values())
    dealt = {k: place % folds for place, group in enumerate(order.tolist()) for k in groups[group]}
    return dict(sorted(dealt.items()))


class Judgement(NamedTuple):
    """What a tagger says of a sentence: its tags, and P(label) of each token, O and the labels of the data."""

    tags: list[str]
    chances: Chances


def _judged(tagger: Tagger, corpus: Corpus, numbers: Sequence[int]) -> Iterator[Judgement]:
    sentences = [corpus.sentences[k] for k in numbers]
    tokens, documents = [s.tokens for s in sentences], documents_of(sentences)
    chances = by_label(tagger.config.tags, corpus.labels, marginals(tagger, tokens, documents))
    ends = np.cumsum([len(sentence) for sentence in tokens])
    return map(Judgement, tagger.tag_tokens(tokens, documents), np.split(chances, ends[:-1]))


# ── what is in doubt ──────────────────────────────────────────────────────────────────────────────────


def _doubts(corpus: Corpus, judged: Mapping[int, Judgement], folds: int) -> Doubts:
    facts = Inspection(corpus)
    asked = {place for k, found in judged.items() for place in _asked(facts, k, found)}
    made = [_doubt(facts, *place, judged[place[0]].chances) for place in sorted(asked)]
    found = [doubt for doubt in made if doubt.strength > 0 and doubt.probability >= LEAST]
    pairs = Counter((d.given, d.predicted) for d in found)
    weighed = (d._replace(strength=d.strength - PAIRS * math.log(pairs[d.given, d.predicted])) for d in found)
    gold = corpus.tagged("IOB2")
    figures = score([gold[k] for k in judged], [found.tags for found in judged.values()], "IOB2")
    return Doubts(tuple(sorted(weighed, key=lambda d: (-d.strength, d.sentence, d.start))), figures, folds)


def _asked(facts: Inspection, k: int, found: Judgement) -> Iterator[tuple[int, Span]]:
    """Names of a sentence as given; and, with O for their label, what else could be names in it."""
    given = facts.names[k]
    for name in given:
        yield k, name
    for start, end, _ in [*spans(found.tags), *facts.unnamed.get(k, ())]:
        if not any(name.start < end and start < name.end for name in given):
            yield k, Span(start, end, OUTSIDE)


def _doubt(facts: Inspection, k: int, name: Span, chances: Chances) -> Doubt:
    labels = (OUTSIDE, *facts.corpus.labels)
    given = labels.index(name.label)
    p = chances[name.start : name.end].mean(axis=0)
    places = facts.occurrences.get(facts.text(k, name), {})
    counts = np.array([len(places.get(label, ())) for label in labels], np.float64)
    counts[given] -= counts[given] > 0  # the place in question
    odds = np.log(p + LEAST) + STRINGS * np.log(counts + 0.5)
    odds -= odds[given]
    odds[given] = -np.inf
    best = int(odds.argmax())
    return Doubt(k, name.start, name.end, name.label, labels[best], float(p[best]), float(odds[best]))
