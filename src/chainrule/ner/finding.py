"""The names in texts, their probabilities, and what they could be instead.

The alternatives of a name are the other labels of the same tokens, and none: each with the probability of the tags
that spell it there, as the name has that of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, repeat
from typing import NamedTuple

import numpy as np

from chainrule.compute.spans import Spans
from chainrule.ner.decode import Floats, Scorer
from chainrule.ner.entity import Alternative, Entities, Entity, Found
from chainrule.ner.lattice import Ids, Names, ranges, trimmed
from chainrule.ner.reading import Reader


class Memory(NamedTuple):
    """What was found out about the tokens that were met."""

    reader: Reader
    scorer: Scorer


def names_in(memory: Memory, texts: Sequence[str], *, characters: bool, alternatives: int = 0) -> Found:
    """The names in some texts, which depend on no other texts, each with so many alternatives."""
    reading, scorer = memory.reader.read(texts), memory.scorer
    scores = scorer.scores(reading.kinds, reading.lengths)
    line = scorer.line(scores, reading.lengths)
    names = scorer.lattice.names(line)
    if characters:
        names = trimmed(names, reading.spaces)
    counts = names.starts.searchsorted(reading.texts.cumsum())
    counts[1:] -= counts[:-1].copy()
    return Found(
        counts,
        reading.starts[names.starts],
        reading.ends[names.ends - 1],
        names.tags,
        scorer.chances(names, line.path, scores, reading.lengths),
        others(scorer, names, scores, reading.lengths, alternatives) if alternatives else (),
    )


def others(
    scorer: Scorer, names: Names, scores: Floats, lengths: Ids, count: int
) -> list[tuple[Alternative, ...]]:
    """So many alternatives of each name, the likeliest first; in sentences of these lengths, by scores (N, C)."""
    spelt = scorer.lattice.spelt
    if not spelt or not len(names.starts):
        return [()] * len(names.starts)
    chances = np.stack([scorer.span_chances(spans, scores, lengths) for spans in _spellings(names, spelt)], axis=1)
    labels, own = list(spelt), [scorer.lattice.labels[k] for k in names.tags.tolist()]
    order = np.argsort(-chances, axis=1, kind="stable").tolist()
    found: list[tuple[Alternative, ...]] = []
    for label, ranked, row in zip(own, order, chances.tolist(), strict=True):
        rest = (Alternative(labels[k], row[k]) for k in ranked if labels[k] != label)
        found.append(tuple(islice(rest, count)))
    return found


def _spellings(names: Names, spelt: Mapping[str, Ids]) -> Iterator[Spans]:
    """The names with the tags of each label in place of theirs."""
    sizes = names.ends - names.starts
    token = ranges(np.zeros_like(sizes), sizes)
    kind = (token == 0) + 2 * (token == np.repeat(sizes, sizes) - 1)
    for tags in spelt.values():
        yield Spans(names.starts, names.ends, tags[kind])


def entities(texts: Sequence[str], found: Found, labels: Sequence[str], least: float) -> Iterator[Entities]:
    """The names of each text, without those less probable than `least`; labels by tag."""
    rest = zip(
        found.starts.tolist(),
        found.ends.tolist(),
        found.tags.tolist(),
        found.scores,
        found.others or repeat(()),
        strict=False,
    )
    new = tuple.__new__  # what Entity(…) comes to, in half the time
    for text, count in zip(texts, found.counts.tolist(), strict=True):
        names = islice(rest, count)
        each = Entities([new(Entity, (a, b, labels[k], p, text[a:b], x)) for a, b, k, p, x in names if p >= least])
        each.text = text
        yield each
