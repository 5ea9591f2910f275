"""Data that is tagged with some of the labels alone: which tags a token may have, and what is asked of scores.

Where a file lacks a label, O says "none of the labels that are here". Its token may be O or have any tag of a
label that is missing: a set S of tags, of which one is right. With scores s (C,) of a token,

    softmax    −log Σ_{a∈S} P(a) = logsumexp(s) − logsumexp(s_S)
    sentence   log Z(s, A) − log Z_S(s, A), all paths against those through the sets
    hinge      Σ_{c∉S} max(0, Δ + s_c − max_{a∈S} s_a)
    logistic   Σ_{c∉S} −log P(not c), and −log P(y) where S = {y} is a tag of a name

which are the objectives themselves where S has one tag. `margin` asks about names that are known; all else is O.

A model that knows a missing label can say where its names are ("learning without forgetting", Li and Hoiem 2016;
for names Monaikul et al. 2021): where it is sure of a tag, S is that tag.

Cour, Sapp and Taskar 2011, "Learning from partial labels"; Tsuboi et al. 2008, for sentences.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.chain import log_partition
from chainrule.algebra.entrywise import relu, softplus
from chainrule.algebra.node import Node, size, vector
from chainrule.algebra.product import mean, sum
from chainrule.algebra.reduce import logsumexp, max
from chainrule.calculus.batch import batch
from chainrule.ner.corpus import Corpus
from chainrule.ner.judge import tag_numbers
from chainrule.ner.judged import Judged
from chainrule.ner.model import Network
from chainrule.ner.objectives import HINGE, LOGISTIC, MARGIN, SOFTMAX
from chainrule.ner.tags import Scheme, spans, split, tags_of

BARRED = "barred"  # the data with 0 for a tag that a token may have, else IMPOSSIBLE, (C,)
IMPOSSIBLE = -1e4  # added to a score: no path goes there
SURE = 0.9  # probability from which on a tag that a model finds is taken for right

MISSING: Mapping[str, str] = {
    "auto": "open where old data shows those labels, else taught",
    "taught": "as the model finds them where it is sure, else any",
    "open": "any of them",
    "outside": "none of them: O is O",
}
"""What O may stand for in data that lacks some of the labels."""

Sets = NDArray[np.bool_]
"""Which tags each token may have, (N, C)."""


class Said(NamedTuple):
    """What a model says of a corpus, and the labels that it knows."""

    judged: Judged
    labels: Collection[str]

    def completed(self, here: Collection[str]) -> Corpus:
        """The corpus, tagged with the labels `here`, with the names of others that the model finds beside them."""
        sentences = []
        for sentence, tags in zip(self.judged.corpus.sentences, self.judged.tags, strict=True):
            gold = spans(sentence.tags)
            taken = {k for name in gold for k in range(name.start, name.end)}
            more = [n for n in spans(tags) if n.label not in here and taken.isdisjoint(range(n.start, n.end))]
            sentences.append(sentence._replace(tags=tags_of([*gold, *more], len(tags))))
        return self.judged.corpus.of(sentences)


def sets(
    corpus: Corpus, tags: Sequence[str], scheme: Scheme, here: Collection[str], said: Said | None = None
) -> Sets:
    """The tags, of these, that every token may have, where the labels `here` are tagged; by what a model says."""
    y = tag_numbers(corpus, tags, scheme)
    found = np.zeros((len(y), len(tags)), np.bool_)
    found[np.arange(len(y)), y] = True
    labels = np.array([split(tag).label for tag in tags])
    missing = ~np.isin(labels, [*here, ""])
    found[y == 0] |= missing
    if said is None or not missing.any():
        return found
    numbers = {tag: k for k, tag in enumerate(tags)}
    heard = np.array([numbers[tag] for tags in said.judged.tags for tag in tags], np.int64)
    sure = np.array([p for part in said.judged.log_p for p in part]) >= math.log(SURE)
    told = np.flatnonzero((y == 0) & sure & (heard == tag_numbers(said.completed(here), tags, scheme)))
    found[told] = missing & ~np.isin(labels, [*said.labels])  # O of a model that does not know the label
    found[told[heard[told] > 0]] = False
    found[told, heard[told]] = True
    return found


def barred(sets: Sets) -> NDArray[np.float32]:
    """The values of the data `barred` of all tokens, (N, C)."""
    return np.where(sets, np.float32(0), np.float32(IMPOSSIBLE))


# ── what is asked ─────────────────────────────────────────────────────────────────────────────────────


def _softmax(s: Node, out: Node, y: Node, margin: float) -> Node:
    return logsumexp(s) - logsumexp(s + out)


def _hinge(s: Node, out: Node, y: Node, margin: float) -> Node:
    return sum((out / IMPOSSIBLE) * relu(margin + s - max(s + out)))


def _logistic(s: Node, out: Node, y: Node, margin: float) -> Node:
    wrong = out / IMPOSSIBLE
    return sum(wrong[1:] * softplus(s[1:])) + wrong[0] * softplus(-s[y])


ASKED: Mapping[str, Callable[[Node, Node, Node, float], Node]] = {
    SOFTMAX: _softmax,
    HINGE: _hinge,
    LOGISTIC: _logistic,
}
"""What is asked of the scores s (C,) of a window, given `barred` (C,), its tag y or O, and Δ."""


def partial_loss(network: Network) -> Node:
    """`network.loss()` where a token has a set of tags: with `barred` among the data."""
    a = network.architecture
    if a.objective == MARGIN:
        return network.loss()
    out = vector(BARRED, network.sizes["C"], dtype=network.dtype)
    varied = [*network.data.values(), out]
    if not network.whole:
        s = network.scores(training=True)
        return network.held(mean(batch(ASKED[a.objective](s, out, network.data["y"], a.margin), varied)))
    s, out = batch([network.scores(training=True), out], varied)
    A, first = network.parameters["A"], network.sentences["first"]
    every, right = (log_partition(scores, A, first) for scores in (s, s + out))
    return network.held((every - right) / size(s.shape[0], s.dtype))
