"""Why a tag: the share of every word of the window in the score of the tag that was chosen, gradient × input.

    s = U f(W x + b) + c          the scores of one window, x the vectors of its words
    r = ∂s_y/∂x · x               for each word: the gradient of the score times its vector
    share = |r| / Σ |r|           over the words of the window, and of all windows of a name

Gradients are those of the tagger's own graph, by the vectors as they were looked up, so that a word that stands
twice in a window has two shares. Shrikumar et al. 2016, "Not just a black box", §2 (gradient × input).
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add
from typing import Any, NamedTuple

import numpy as np

from chainrule.algebra.node import Node
from chainrule.algebra.op import Array
from chainrule.algebra.product import sum
from chainrule.algebra.reduce import softmax
from chainrule.algebra.select import take
from chainrule.calculus.batch import batch
from chainrule.calculus.derive import gradient
from chainrule.compute.interpret import evaluate
from chainrule.ner.model import Small
from chainrule.ner.tagger import Entity, Tagger
from chainrule.ner.tags import OUTSIDE, split
from chainrule.ner.tokenizer import Token
from chainrule.ner.windows import encode


class Reason(NamedTuple):
    """A name, or a token that belongs to none, and the share of each word in the score of its tags.

    tokens      the numbers of its tokens in the sentence
    label       O outside of names      score    the probability of the name, or of O
    shares      number of the word in the sentence, None for what lies beyond its ends → share; they sum to 1
    signs       the same → r, with its sign: what raises the score is positive
    """

    tokens: range
    label: str
    score: float
    shares: Mapping[int | None, float]
    signs: Mapping[int | None, float]


class Explained(NamedTuple):
    """A sentence: its tokens, the probability of every label for each, and a reason for each name and token.

    probabilities    (N, labels), summing to 1 along the labels: O, and the types of names
    """

    text: str
    tokens: Sequence[Token]
    labels: Sequence[str]
    probabilities: Array
    reasons: Sequence[Reason]


def explain(tagger: Tagger, text: str) -> list[Explained]:
    """The sentences of a text with their names, and why."""
    entities = tagger.tag(text)
    return [_explained(tagger, text, tokens, entities) for tokens in tagger.tokenize(text)]


def _explained(tagger: Tagger, text: str, tokens: Sequence[Token], entities: Sequence[Entity]) -> Explained:
    tags = [OUTSIDE if tag == OUTSIDE else split(tag).label for tag in tagger.config.tags]
    labels = [OUTSIDE, *tagger.labels]
    window = _Windows(tagger, [token.text for token in tokens])
    chances = window.probabilities()
    belongs = np.array([[tag == label for label in labels] for tag in tags])
    by_label = chances @ belongs
    names = [
        (_within(tokens, entity), entity.label, entity.score)
        for entity in entities
        if tokens[0].start <= entity.start < tokens[-1].end
    ]
    taken = {k for name, _, _ in names for k in name}
    rest = [(range(k, k + 1), OUTSIDE, float(by_label[k, 0])) for k in range(len(tokens)) if k not in taken]
    found = sorted([*names, *rest], key=lambda reason: reason[0].start)
    allowed = np.repeat(
        [belongs[:, labels.index(label)] for _, label, _ in found], [len(n) for n, _, _ in found], 0
    )
    r = window.relevance(np.where(allowed, chances, -1).argmax(1))
    return Explained(text, tokens, labels, by_label, [_reason(*name, r, window.radius) for name in found])


def _within(tokens: Sequence[Token], entity: Entity) -> range:
    """The numbers of the tokens of a name; its ends may lie within them."""
    met = [k for k, token in enumerate(tokens) if token.start < entity.end and entity.start < token.end]
    return range(met[0], met[-1] + 1)


def _reason(name: range, label: str, score: float, r: Array, radius: int) -> Reason:
    """The sum over the windows of a name; r is (N, W)."""
    found: dict[int | None, float] = {}
    for t in name:
        for place, value in enumerate(r[t], t - radius):
            word = place if 0 <= place < len(r) else None
            found[word] = found.get(word, 0.0) + float(value)
    whole = float(np.abs(list(found.values())).sum()) or 1.0
    order = sorted(found, key=lambda k: len(r) if k is None else k)
    return Reason(name, label, score, {k: abs(found[k]) / whole for k in order}, {k: found[k] for k in order})


class _Windows:
    """The windows of a sentence of N tokens, and what the tagger's graph says of them."""

    def __init__(self, tagger: Tagger, words: Sequence[str]) -> None:
        self.radius = tagger.config.architecture.radius
        windows = encode([words], tagger.features, self.radius).windows(slice(None))
        small = Small(tagger.network, tagger.network.inputs(windows), tagger.params)
        self._network, self._ids, self._params = small.network, small.data, small.params

    def probabilities(self) -> Array:
        """P(tag) of every token, (N, C)."""
        return self._evaluated(softmax(self._network.scores()), {})

    def relevance(self, y: Array) -> Array:
        """∂s_y/∂x · x of each word of each window for the tags y, (N, W)."""
        p, d = self._network.parameters, self._network.data
        score = self._network.scores()[d["y"]]
        looked_up = [take(p[table.parameter], d[table.ids]) for table in self._network.tables]
        each = [sum(rows * gradient(score, rows), axis=1) for rows in looked_up]
        return self._evaluated(reduce(add, each), {"y": y})

    def _evaluated(self, node: Node, more: Mapping[str, Any]) -> Array:
        """An expression of one window for all windows, in double precision."""
        data = {**self._ids, **more}
        varied = batch(node, [self._network.data[name] for name in data])
        return np.asarray(evaluate(varied, {**self._params, **data}), np.float64)
