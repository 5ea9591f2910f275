"""The windows of training that a network sees most like a window: the largest cosines of h, the hidden units."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from chainrule.ner.corpus import Corpus, Sentence
from chainrule.ner.explain_scores import Doubles, Scores
from chainrule.ner.features import Features
from chainrule.ner.nearest import nearest, unit
from chainrule.ner.windows import encode_corpus

TOGETHER = 1 << 13  # tokens, and at least a sentence, that are looked at in one pass


class Near(NamedTuple):
    """A window of training: its words, the centre in the middle, its tag, and where it stands.

    words   "" beyond the sentence        cosine   of its h and that of the window that was asked for
    """

    words: tuple[str, ...]
    tag: str
    cosine: float
    file: str
    line: int


def nearest_windows(
    scores: Scores, features: Features, corpus: Corpus, hidden: Doubles, count: int
) -> list[list[Near]]:
    """The `count` windows of a corpus nearest to each of B windows, h (B, H), some sentences at a time."""
    asked, radius = unit(hidden.astype(np.float32)), scores.network.architecture.radius
    best, places, before = np.zeros((len(hidden), 0), np.float32), np.zeros((len(hidden), 0), np.int64), 0
    for sentences in _blocks(corpus.sentences):
        encoded = encode_corpus(sentences, features, radius)
        h = unit(scores.hidden(scores.rows(encoded.windows(slice(None)))).astype(np.float32))
        found = list(nearest(asked, h, count))
        best = np.concatenate([best, np.concatenate([cosines for _, cosines, _ in found])], axis=1)
        places = np.concatenate([places, np.concatenate([rows for _, _, rows in found]) + before], axis=1)
        order = np.argsort(-best, axis=1, kind="stable")[:, :count]
        best, places = np.take_along_axis(best, order, axis=1), np.take_along_axis(places, order, axis=1)
        before += len(encoded)
    starts = np.cumsum([0, *(len(s.tokens) for s in corpus.sentences)])
    return [
        [_near(corpus, starts, p, c, radius) for p, c in zip(row, cosines, strict=True)]
        for row, cosines in zip(places.tolist(), best.tolist(), strict=True)
    ]


def _blocks(sentences: Sequence[Sentence]) -> Iterator[list[Sentence]]:
    """The sentences, so many of them that there is enough to do, and documents whole."""
    block: list[Sentence] = []
    held = 0
    for sentence in sentences:
        if held >= TOGETHER and not 0 < sentence.document == block[-1].document:
            yield block
            block, held = [], 0
        block.append(sentence)
        held += len(sentence.tokens)
    if held:
        yield block


def _near(corpus: Corpus, starts: np.ndarray, place: int, cosine: float, radius: int) -> Near:
    number = int(np.searchsorted(starts, place, side="right")) - 1
    sentence, k = corpus.sentences[number], place - int(starts[number])
    reach = range(k - radius, k + radius + 1)
    words = tuple(sentence.tokens[n] if 0 <= n < len(sentence.tokens) else "" for n in reach)
    return Near(words, sentence.tags[k] if sentence.tags else "", cosine, str(corpus.path), sentence.line + k)
