"""What training begins from: a network with its first numbers, fresh ones or those of a model."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import DataError
from chainrule.learn.batches import rng_for
from chainrule.learn.train import Params
from chainrule.ner.architecture import Architecture
from chainrule.ner.choices import Choices
from chainrule.ner.clusters import joining
from chainrule.ner.corpus import Corpus, documents_of
from chainrule.ner.decode import Decoder
from chainrule.ner.features import Features
from chainrule.ner.finetune import FineTuning, policy
from chainrule.ner.grow import FORBIDDEN, grown, with_values, with_words
from chainrule.ner.lookups import Lookups
from chainrule.ner.model import Network
from chainrule.ner.nearest import unit
from chainrule.ner.tags import OUTSIDE, tag_list
from chainrule.ner.trained import Model
from chainrule.ner.vectors import Vectors
from chainrule.ner.vocab import SPECIAL, UNKNOWN, Embedding, Vocabulary, embed

ALIKE = 0.5  # mean cosine from which on given vectors are taken for those that a model was trained with
SOME = 1000  # words by which that is seen


class Ground(NamedTuple):
    """A decoder, and the numbers of its network before the first step.

    rare      the words that training hides at times, (V,)
    tuned     whether word vectors are trained            tuning   and what becomes of those that were given
    notes     what there is to say about it
    """

    decoder: Decoder
    features: Features
    params: Params
    rare: NDArray[np.bool_]
    tuned: bool
    tuning: FineTuning | None
    notes: tuple[str, ...]


def fresh(
    train: Corpus,
    labels: Sequence[str],
    copies: Sequence[Sequence[str]],
    vectors: Vectors | None,
    architecture: Architecture,
    choices: Choices,
    lookups: Lookups,
    seed: int,
    backend: str,
) -> Ground:
    """A new network for tagged sentences; `copies` are the same in other letters, whose values it knows too."""
    tags = tag_list(labels, choices.scheme)
    sentences = [s.tokens for s in train.sentences]
    vocabulary = Vocabulary.build(sentences, choices.minimum, vectors.words if vectors else ())
    embedding = _embedded(vocabulary, vectors, architecture.dimension, seed)
    given = embedding if vectors else None
    features = Features.build(
        architecture.named,
        vocabulary,
        sentences,
        choices.rare,
        given,
        spelt=bool(architecture.letters),
        lookups=lookups,
        documents=documents_of(train.sentences),
    )
    times = len(copies) // max(1, len(sentences))
    features = with_values(features, copies, choices.rare, documents_of(train.sentences, times))
    network = Network(architecture, len(vocabulary), len(tags), features.rows)
    decoder = Decoder(network, tags, choices.scheme, backend)
    tuned, why = policy(choices.fine_tune, vectors is not None, train)
    tuning = FineTuning.of(vocabulary, embedding, choices.remedy, choices.anchor) if vectors and tuned else None
    said = [f"{embedding.coverage:.1%} of the training tokens have a vector", *vectors.notes] if vectors else []
    rare = (np.array(vocabulary.counts) == 1) & ~embedding.known
    params = _start(decoder, embedding, seed)
    return Ground(decoder, features, params, rare, tuned, tuning, (*said, why))


def _embedded(vocabulary: Vocabulary, vectors: Vectors | None, dimension: int, seed: int) -> Embedding:
    """The word vectors to begin with."""
    given = vectors or Vectors([], np.zeros((0, dimension), np.float32))
    return embed(vocabulary, given, rng_for(seed, "E"))


def _start(decoder: Decoder, embedding: Embedding, seed: int) -> Params:
    """First parameters; no path can score a move that the scheme forbids."""
    network = decoder.network
    params = {"E": embedding.matrix, **network.start(rng_for(seed, "parameters"))}
    if network.whole:
        params["A"][~decoder.lattice.legal] = FORBIDDEN
    return {name: params[name] for name in network.parameters}


# ── from a model ──────────────────────────────────────────────────────────────────────────────────────


def continued(
    model: Model,
    train: Corpus,
    labels: Sequence[str],
    copies: Sequence[Sequence[str]],
    vectors: Vectors | None,
    architecture: Architecture,
    choices: Choices,
    lookups: Lookups,
    backend: str,
) -> Ground:
    """The network of a model with the words, values and labels of tagged sentences besides; see `grow`.

    Words that the model lacks begin with their given vectors, if these are of the kind that it knows, else as
    unknown ones. Raises DataError where the model reads other tokens.
    """
    if model.characters != train.characters:
        units = ("characters", "words") if model.characters else ("words", "characters")
        raise DataError(f"{train.path}: the model reads {units[0]}, the data is in {units[1]}; convert it")
    sentences = [s.tokens for s in train.sentences]
    tuned, given, why = _policy_on(model, choices.fine_tune)
    fitting, said = _fitting(model, vectors)
    met = Vocabulary.build(sentences, choices.minimum, fitting.words if fitting else ())
    counts = dict(zip(met.words[len(SPECIAL) :], met.counts[len(SPECIAL) :], strict=True))
    embedding = embed(met, fitting, 0) if fitting else None
    words = [w for k, w in enumerate(met.words) if tuned or (embedding is not None and embedding.known[k])]
    features = with_words(replace(model.features, lookups=lookups), words, counts)
    for part in (sentences, copies):
        documents = documents_of(train.sentences, len(part) // max(1, len(sentences)))
        features = with_values(features, part, choices.rare, documents)
    old = model.decoder
    new = [label for label in labels if label not in model.config.labels]
    tags = [*old.tags, *tag_list(new, choices.scheme)[1:]]
    network = Network(architecture, len(features.vocabulary), len(tags), features.rows)
    decoder = Decoder(network, tags, choices.scheme, backend)
    gaps = _gaps(train, tags[len(old.tags) :], choices)
    params = grown(old, model.params, model.features, decoder, features, gaps)
    first = len(model.features.vocabulary)
    if embedding is not None:
        own = np.array([met.lookup[w] for w in features.vocabulary.words[first:]], np.int64)
        rows = np.flatnonzero(embedding.known[own])
        params["E"][first + rows] = added = embedding.matrix[own[rows]]
        for numbers in features.clusters.values():  # made for this job alone, see with_words
            numbers[first + rows] = joining(params["E"][:first], numbers[:first], added)
    known = np.arange(len(features.vocabulary)) > UNKNOWN
    rare = (np.array(features.vocabulary.counts) == 1) & (np.arange(len(known)) >= first)
    before = Embedding(params["E"], known, 1.0)
    held = tuned and (given or choices.remedy != "none")
    tuning = FineTuning.of(features.vocabulary, before, choices.remedy, choices.anchor) if held else None
    more = [f"new labels: {', '.join(new)}"] if new else []
    count = len(features.vocabulary) - first
    more += [f"{count:,} words more than the {first - len(SPECIAL):,} of the model"]
    more += ["best epoch: by the mean F1 of the labels on dev, so that new ones count beside old ones"]
    return Ground(decoder, features, params, rare, tuned, tuning, (*more, *said, why))


def _policy_on(model: Model, chosen: str) -> tuple[bool, bool, str]:
    """Whether word vectors are trained, whether there is a state of theirs that counts, and why."""
    was = str(model.config.training.get("vectors", "random"))
    fixed = chosen == "no" or (chosen == "auto" and was == "fixed")
    why = "kept fixed" if fixed else "trained"
    hint = " as before (fine_tune yes)" if fixed and chosen == "auto" else ""
    return not fixed, was != "random", f"word vectors: those of the model, {why}{hint}"


def _fitting(model: Model, vectors: Vectors | None) -> tuple[Vectors | None, list[str]]:
    """Given vectors, if the words that the model knows have much the same ones in it, and what there is to say."""
    if vectors is None:
        return None, []
    known = model.features.vocabulary.lookup
    pairs = [(row, known[word]) for row, word in enumerate(vectors.words) if word in known][:SOME]
    rows, numbers = np.array(pairs, np.int64).reshape(-1, 2).T
    E = np.asarray(model.params["E"], np.float32)
    if E.shape[1] != vectors.dimension or not len(rows):
        cosine = 0.0
    else:
        cosine = float((unit(vectors.matrix[rows]) * unit(E[numbers])).sum(axis=1).mean())
    if cosine >= ALIKE:
        return vectors, list(vectors.notes)
    said = f"the vectors are not those that the model knows (mean cosine {cosine:.2f})"
    return None, [f"{said}: new words begin as unknown ones"]


def _gaps(train: Corpus, tags: Sequence[str], choices: Choices) -> NDArray[np.float32]:
    """How much less likely than O each new tag is at first: the log odds, 1 at least."""
    counts = Counter(chain.from_iterable(train.tagged(choices.scheme)))
    gaps = [np.log((counts[OUTSIDE] + 1) / (counts[tag] + 1)) for tag in tags]
    return np.maximum(np.array(gaps, np.float32), np.float32(1))
