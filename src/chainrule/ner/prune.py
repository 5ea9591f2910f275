"""A smaller model that finds the same names: tables in 16 bits, fewer words, fewer rows of scores.

words    the first of the vocabulary stay, which has those of the training data first, the commonest in front,
         then those of the vectors in their order; words of given data go before all others
values   of features that have nothing but scores of their own: those whose rows of L lie within `negligible`
         of the middle, at every place and for every tag, have one row together, their mean. They do not become
         unknown values: the row of these is far from 0, since it is learned for what was never seen
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from chainrule.errors import SettingError
from chainrule.learn.choose import within
from chainrule.learn.store import Tensors
from chainrule.ner.corpus import Corpus, documents_of
from chainrule.ner.decode import Floats
from chainrule.ner.features import Features, Ids
from chainrule.ner.folder import FILES, WORDS, stored, write_folder
from chainrule.ner.grow import blocks
from chainrule.ner.marginals import marginals
from chainrule.ner.metrics import Score, score
from chainrule.ner.tagger import Tagger
from chainrule.ner.tags import spans
from chainrule.ner.vocab import SPECIAL, Vocabulary

NEGLIGIBLE = 0.05  # of a score: a twentieth of the odds of a tag, for one value at one place
DIGITS = 256  # bytes by which sizes written in headers may differ
INTEGER = 4  # bytes of the number of a cluster


def prune(
    tagger: Tagger,
    *,
    words: int | None = None,
    size: int | None = None,
    data: Iterable[Corpus] = (),
    bits: int = 16,
    negligible: float = NEGLIGIBLE,
) -> Tagger:
    """A tagger with fewer numbers.

    words        how many stay, all unless it is said          size   bytes that the model folder may take
    data         tagged or not, whose words stay before others
    bits         of the numbers in tables that are looked up   negligible   see above; 0 leaves all rows
    Raises SettingError outside the range, and for a size that is too small for the model without words.
    """
    within("number of words", words if words is not None else 0, least=0, whole=True)
    within("size", size if size is not None else 1, least=1, whole=True)
    within("negligible", negligible, least=0)
    smaller = _stored(_pooled(tagger, negligible), bits)
    order = _order(tagger.vocabulary, data)
    count = len(order) if words is None else min(words, len(order))
    if size is not None:
        count = min(count, _fitting(smaller, order, size))
    return _told(_with_words(smaller, np.sort(order[:count])), tagger)


def _told(smaller: Tagger, tagger: Tagger) -> Tagger:
    """The smaller tagger, whose configuration says what it was made of."""
    about = {"pruned": {"words": [counts(t)["words"] for t in (tagger, smaller)]}}
    training = {**tagger.config.training, **about}
    return replace(smaller, config=replace(smaller.config, training=training), notes=())


def _stored(tagger: Tagger, bits: int) -> Tagger:
    """The tagger as it is once it was saved in so many bits."""
    config = replace(tagger.config, bits=bits)
    return replace(tagger, config=config, params=stored(config, tagger.features, tagger.params))


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────


def _order(vocabulary: Vocabulary, data: Iterable[Corpus]) -> Ids:
    """The numbers of all words, those to be kept first in front, (V − 2,)."""
    tokens = dict.fromkeys(chain.from_iterable(s.tokens for corpus in data for s in corpus.sentences))
    met = np.unique(vocabulary.ids(list(tokens)))
    met = met[met >= len(SPECIAL)]
    return np.concatenate([met, np.setdiff1d(np.arange(len(SPECIAL), len(vocabulary)), met)])


def _fitting(tagger: Tagger, order: Ids, size: int) -> int:
    """How many words a folder of so many bytes has room for."""
    with TemporaryDirectory() as made:
        write_folder(made, tagger.config, tagger.features, tagger.params)
        whole = folder_size(made) + DIGITS
        lines = Path(made, WORDS).read_bytes().split(b"\n")
    spelt = np.fromiter(map(len, lines[: len(tagger.vocabulary)]), np.int64, len(tagger.vocabulary)) + 1
    each = spelt + tagger.params["E"][0].nbytes + INTEGER * len(tagger.features.clusters)
    rest = whole - int(each[order].sum())
    if rest > size:
        raise SettingError(
            f"without any word the model takes {rest:,} bytes, more than {size:,}; give a larger size, or let "
            "more rows of scores be one (negligible)"
        )
    return int(np.searchsorted(rest + np.cumsum(each[order]), size, side="right"))


def _with_words(tagger: Tagger, kept: Ids) -> Tagger:
    """The tagger with these words alone."""
    rows = np.concatenate([np.arange(len(SPECIAL)), kept])
    features, words = tagger.features, tagger.vocabulary.words
    features = replace(
        features,
        vocabulary=Vocabulary(tuple(words[k] for k in rows.tolist())),
        clusters={name: numbers[rows] for name, numbers in features.clusters.items()},
    )
    return replace(tagger, features=features, params={**tagger.params, "E": tagger.params["E"][rows]})


# ── values ────────────────────────────────────────────────────────────────────────────────────────────


def _pooled(tagger: Tagger, negligible: float) -> Tagger:
    """The tagger with one row of scores for all values of a feature whose rows hardly differ."""
    network = tagger.network
    if not network.shortened:
        return tagger
    only = set(network.architecture.direct) - {table.ids for table in network.tables}
    values, parts = dict(tagger.features.values), []
    for name, block in blocks(network, tagger.params["L"]).items():
        known = values.get(name)
        if known is not None and name in only and not known.shared:
            values[name], block = _shared(known, block, negligible)  # noqa: PLW2901  the block in its new form
        parts.append(block.reshape(-1, block.shape[2]))
    features = replace(tagger.features, values=values)
    return replace(tagger, features=features, params={**tagger.params, "L": np.concatenate(parts)})


def _shared(known: Vocabulary, block: Floats, negligible: float) -> tuple[Vocabulary, Floats]:
    first = len(SPECIAL)
    rows = block[:, first:].astype(np.float32)
    apart = np.abs(rows - np.median(rows, axis=1, keepdims=True)).max(axis=(0, 2), initial=0)
    together, alone = (np.flatnonzero(found) + first for found in (apart <= negligible, apart > negligible))
    if negligible == 0 or len(together) < 2:
        return known, block
    mean = block[:, together].mean(axis=1, keepdims=True, dtype=np.float64).astype(block.dtype)
    leader, *others = (known.words[k] for k in together.tolist())
    words = (*SPECIAL, *(known.words[k] for k in alone.tolist()), leader)
    return Vocabulary(words, shared=tuple(others)), np.concatenate(
        [block[:, :first], block[:, alone], mean], axis=1
    )


# ── what became of it ─────────────────────────────────────────────────────────────────────────────────


def folder_size(folder: str | Path) -> int:
    """The bytes of the files of a model."""
    return sum(path.stat().st_size for path in (Path(folder, name) for name in FILES) if path.is_file())


def counts(tagger: Tagger) -> dict[str, int]:
    """How many words, rows of scores and numbers a model has."""
    params: Tensors = tagger.params
    return {
        "words": len(tagger.vocabulary) - len(SPECIAL),
        "rows of scores": len(params["L"]) if "L" in params else 0,
        "numbers": sum(array.size for array in params.values()),
    }


class Change(NamedTuple):
    """What a smaller model says of tagged sentences, beside the model before.

    names         how many both have, only the one before, only the smaller one
    probability   the largest change of the probability of a tag of a token, and the mean of each token's largest
    unknown       shares of tokens whose word is not known, before and after
    """

    before: Score
    after: Score
    names: tuple[int, int, int]
    probability: tuple[float, float]
    unknown: tuple[float, float]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "f1": [self.before.f1, self.after.f1],
            "names": dict(zip(("both", "before", "after"), self.names, strict=True)),
            "probability": dict(zip(("largest", "mean"), self.probability, strict=True)),
            "unknown": list(self.unknown),
        }


def compared(before: Tagger, after: Tagger, corpus: Corpus) -> Change:
    """Both models on the same sentences."""
    sentences = [s.tokens for s in corpus.sentences]
    documents = documents_of(corpus.sentences)
    tags = [t.tag_tokens(sentences, documents) for t in (before, after)]
    old, new = ({(k, *name) for k, found in enumerate(each) for name in spans(found)} for each in tags)
    p, q = (marginals(t, sentences, documents) for t in (before, after))
    change = np.abs(p - q).max(axis=1, initial=0)
    unknown = [_unknown(t.features, sentences) for t in (before, after)]
    gold = corpus.tagged("IOB2")
    return Change(
        score(gold, tags[0], "IOB2"),
        score(gold, tags[1], "IOB2"),
        (len(old & new), len(old - new), len(new - old)),
        (float(change.max(initial=0)), float(change.mean()) if len(change) else 0.0),
        (unknown[0], unknown[1]),
    )


def _unknown(features: Features, sentences: Sequence[Sequence[str]]) -> float:
    ids = features.vocabulary.ids(list(chain.from_iterable(sentences)))
    return float((ids < len(SPECIAL)).mean()) if len(ids) else 0.0
