"""A network with more words, values and tags than it had, which tags as it did before.

A new row begins as the row that stood for it: the vector of a word as that of unknown words, or of the word that
it was read as (`#seoul`: seoul); the vectors of a new value as those of unknown values. A new tag begins as O, a
little less likely,

    U_new = U_O     c_new = c_O − gap     L_new = L_O     A_new = A_O where a move is legal        gap > 0,

so that no path with it is ever ahead of the path with O in its place: the network says what it said. With a gap of
the log odds of O against the tag, its probability is at first the share that the tag has.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from chainrule.learn.train import Params
from chainrule.ner.decode import Decoder, Floats
from chainrule.ner.families import places
from chainrule.ner.features import Features, Ids
from chainrule.ner.model import Network
from chainrule.ner.objectives import ABSENT
from chainrule.ner.vocab import SPECIAL, UNKNOWN, Vocabulary

FORBIDDEN = -1e4  # the score of a move that is not legal; in 16 bits too


def with_words(features: Features, words: Iterable[str], counts: Mapping[str, int]) -> Features:
    """Features that know more words, in normal form; a new word is in the cluster of what it was read as.

    counts   how often each word is met, for the vocabulary
    """
    known = features.vocabulary
    new = [word for word in dict.fromkeys(words) if word not in known.lookup and word not in SPECIAL]
    every = (*known.words, *new)
    met = [counts.get(word, 0) for word in every[len(SPECIAL) :]]
    vocabulary = Vocabulary(every, (0, sum(counts.values()) - sum(met), *met))
    rows = sources(known, vocabulary, spelt=True)
    clusters = {name: numbers[rows] for name, numbers in features.clusters.items()}
    return replace(features, vocabulary=vocabulary, clusters=clusters)


def with_values(
    features: Features, sentences: Sequence[Sequence[str]], minimum: int, documents: Sequence[int] | None = None
) -> Features:
    """Features that know more values: those that sentences have at least `minimum` times; letters likewise."""
    seen = features.seen(sentences, documents)
    values = {name: _longer(known, seen[name], minimum) for name, known in features.values.items()}
    letters = features.letters
    if letters is not None:
        letters = _longer(letters, Counter(chain.from_iterable(chain.from_iterable(sentences))), minimum)
    return replace(features, values=values, letters=letters)


def _longer(known: Vocabulary, seen: Counter[str], minimum: int) -> Vocabulary:
    """Old values keep their numbers; those that shared one have a number of their own behind it."""
    often = [v for v in seen if seen[v] >= minimum and v not in known.lookup and v not in SPECIAL]
    if not often:
        return known
    return Vocabulary((*known.words, *known.shared, *sorted(often, key=lambda value: (-seen[value], value))))


def sources(old: Vocabulary, new: Vocabulary, *, spelt: bool = False) -> Ids:
    """The row that each word of the new vocabulary had in the old one, (V,); `spelt` however it was spelt."""
    rest = new.words[len(SPECIAL) :]
    found = old.ids(rest) if spelt else [old.lookup.get(word, UNKNOWN) for word in rest]
    rows = np.arange(len(new))
    rows[len(SPECIAL) :] = found
    kept = min(len(old), len(new))
    rows[:kept] = np.arange(kept)
    return rows


def grown(before: Decoder, params: Params, old: Features, after: Decoder, new: Features, gaps: Floats) -> Params:
    """The parameters of the network of `after`, whose tags begin with those of `before`, in float32.

    params, old   the parameters of `before`, and its features     gaps   of every new tag
    """
    rows = {"words": sources(old.vocabulary, new.vocabulary, spelt=True)}
    rows |= {name: sources(known, new.numbered[name]) for name, known in old.numbered.items()}
    found = {name: np.array(array, np.float32) for name, array in params.items()}
    for table in after.network.tables:
        if table.ids in rows:
            found[table.parameter] = found[table.parameter][rows[table.ids]]
    if "Q" in found:
        found["Q"] = found["Q"][rows["letters"]]
    if before.network.shortened:
        found["L"] = _scores_moved(before.network, found["L"], rows)
    _tags_added(found, before, after, gaps)
    return {name: found[name] for name in after.network.parameters}


def _scores_moved(network: Network, L: Floats, rows: Mapping[str, Ids]) -> Floats:
    """The rows of scores of features where the new network has them."""
    parts = [block[:, rows[name]] if name in rows else block for name, block in blocks(network, L).items()]
    return np.concatenate([part.reshape(-1, L.shape[1]) for part in parts])


def blocks(network: Network, L: Floats) -> dict[str, Floats]:
    """The rows of scores of each feature, by place of the window and value, (places, V, C)."""
    found, begin = {}, 0
    for name in network.architecture.direct:
        end = begin + len(places(name, network.architecture.window)) * network.length(name)
        found[name] = L[begin:end].reshape(-1, network.length(name), L.shape[1])
        begin = end
    return found


def _tags_added(found: Params, before: Decoder, after: Decoder, gaps: Floats) -> None:
    """Scores of the new tags, in place: those of O, which is the first, or 0 where O has none."""
    count = len(after.tags) - len(before.tags)
    absent = before.network.architecture.objective in ABSENT
    for name, axis in (("U", 0), ("c", 0), ("L", 1)):
        if name in found:
            of_o = np.take(found[name], [0], axis=axis)
            more = np.repeat(0 * of_o if absent else of_o, count, axis=axis)
            found[name] = np.concatenate([found[name], more - (gaps if name == "c" else 0)], axis=axis)
    if "A" in found:
        kept = len(before.tags)
        rows = [*range(kept), *[0] * count, kept]  # the border stays last
        found["A"] = found["A"][np.ix_(rows, rows)]
        found["A"][~after.lattice.legal] = FORBIDDEN
