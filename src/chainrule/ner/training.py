"""From tagged sentences to a training task: vocabulary, word vectors, tags, windows, and judgement on dev."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from hashlib import blake2b
from typing import Any

import numpy as np

from chainrule.errors import DataError, SettingError
from chainrule.learn.batches import rng_for
from chainrule.learn.choose import choose, within
from chainrule.learn.shards import hands, least
from chainrule.learn.train import Params, Plan, Run, Task
from chainrule.ner.architecture import Architecture
from chainrule.ner.corpus import Corpus
from chainrule.ner.decode import Decoder
from chainrule.ner.features import Features
from chainrule.ner.feeds import Feed
from chainrule.ner.finetune import FINE_TUNE, REMEDIES, FineTuning, policy
from chainrule.ner.judge import Judge, tag_numbers
from chainrule.ner.model import Network
from chainrule.ner.recipes import LECTURE, RECIPES, settings as usual
from chainrule.ner.tags import SCHEMES, Scheme, spans, tag_list
from chainrule.ner.vectors import Vectors
from chainrule.ner.vocab import Embedding, Vocabulary, embed
from chainrule.ner.windows import encode

FORBIDDEN = -1e4  # the score of a move that is not legal; in 16 bits too
DROPOUT_GIVEN = 0.0  # given vectors are no free parameters: dropping their entries only loses what they say


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What to make of the data; raises SettingError outside the range."""

    recipe: str = LECTURE
    scheme: Scheme = "BIOES"
    fine_tune: str = "auto"
    remedy: str = "none"
    anchor: float = 0.01
    minimum: int = 1
    rare: int = 2
    held_out: float = 0.1

    def __post_init__(self) -> None:
        choose("recipe", self.recipe, RECIPES)
        choose("scheme", self.scheme, dict.fromkeys(SCHEMES))
        choose("fine-tuning policy", self.fine_tune, FINE_TUNE)
        choose("remedy", self.remedy, REMEDIES)
        within("anchor", self.anchor, least=0)
        within("minimum", self.minimum, least=1, whole=True)
        within("rare", self.rare, least=1, whole=True)
        within("held_out", self.held_out, above=0, below=1)


def settings_of(
    given: Mapping[str, Any], vectors: Vectors | None = None, *, characters: bool = False
) -> tuple[Architecture, Plan, Choices]:
    """Sort settings by name into those of the network, of the loop and of the data; SettingError for others.

    Given vectors decide the dimension, and that nothing is dropped unless it is asked for; a recipe says what is
    usual for data of words or of `characters`.
    """
    given = {**usual(given.get("recipe", LECTURE), characters=characters, vectors=vectors is not None), **given}
    if vectors is not None:
        if given.get("dimension", vectors.dimension) != vectors.dimension:
            raise SettingError(
                f"dimension is {given['dimension']}, but {vectors.path or 'the vectors'} has "
                f"{vectors.dimension} numbers a word; leave it out, or choose other vectors"
            )
        given = {"dropout": DROPOUT_GIVEN, **given, "dimension": vectors.dimension}
    given = {name: v.item() if isinstance(v, np.generic) else v for name, v in given.items()}
    kinds = (Architecture, Plan, Choices)
    home = {f.name: kind for kind in kinds for f in fields(kind)}
    for name in given:
        choose("setting", name, home)
    a, p, c = ({name: value for name, value in given.items() if home[name] is kind} for kind in kinds)
    return Architecture(**a), Plan(**p), Choices(**c)


@dataclass(frozen=True)
class Job:
    """Everything that training needs, and what there is to say about it."""

    task: Task
    feed: Feed
    judge: Judge
    decoder: Decoder
    features: Features
    notes: tuple[str, ...]
    fingerprint: str
    train: Corpus
    dev: Corpus
    plan: Plan
    choices: Choices
    held_out: bool
    """Whether dev is a part of what was given to train on."""
    tuning: FineTuning | None = None
    """The given vectors that are trained, if there are any."""


def hold_out(corpus: Corpus, share: float, seed: int) -> tuple[Corpus, Corpus]:
    """Set a seeded random share of the sentences aside; at least one, at most all but one."""
    n = len(corpus.sentences)
    if n < 2:
        raise DataError(f"{corpus.path}: holds {n} sentence; give at least two, or a dev corpus")
    count = min(max(round(share * n), 1), n - 1)
    chosen = set(rng_for(seed, "held out").permutation(n)[:count].tolist())
    kept = [s for k, s in enumerate(corpus.sentences) if k not in chosen]
    return corpus.of(kept), corpus.of([corpus.sentences[k] for k in sorted(chosen)])


def check_labels(known: Sequence[str], other: Corpus, what: str) -> None:
    """Refuse a corpus with labels that the training data lacks; DataError with file and line."""
    for sentence in other.sentences:
        for span in spans(sentence.tags):
            if span.label not in known:
                raise DataError(
                    f"{other.path}:{sentence.line + span.start}: label {span.label} is not in {what} "
                    f"({', '.join(known)}); rename it, or train on data that has it"
                )


def prepare(
    train: Corpus,
    dev: Corpus | None,
    vectors: Vectors | None,
    architecture: Architecture,
    plan: Plan,
    choices: Choices,
    backend: str = "auto",
) -> Job:
    """Make the task. Raises DataError for data without entities, dev with other labels, or words apart."""
    labels = sorted(train.labels)
    if not labels:
        raise DataError(f"{train.path}: holds no entity, every tag is O; give data with tagged names")
    if held_out := dev is None:
        train, dev = hold_out(train, choices.held_out, plan.seed)
    check_labels(labels, dev, "the training data")
    if train.characters != dev.characters:
        raise DataError(f"{dev.path}: is in {_unit(dev)}, but the training data in {_unit(train)}; convert one")
    tags = tag_list(labels, choices.scheme)
    sentences = [s.tokens for s in train.sentences]
    vocabulary = Vocabulary.build(sentences, choices.minimum, vectors.words if vectors else ())
    embedding = _embedded(vocabulary, vectors, architecture.dimension, plan.seed)
    given = embedding if vectors else None
    features = Features.build(
        architecture.named, vocabulary, sentences, choices.rare, given, spelt=bool(architecture.letters)
    )
    network = Network(architecture, len(vocabulary), len(tags), features.rows)
    decoder = Decoder(network, tags, choices.scheme, backend)
    params = _start(decoder, embedding, plan.seed)
    tuned, why = policy(choices.fine_tune, vectors is not None, train)
    tuning = FineTuning.of(vocabulary, embedding, choices.remedy, choices.anchor) if vectors and tuned else None
    loss, held = tuning.held(network.loss(), network) if tuning else (network.loss(), {})
    said = [f"{embedding.coverage:.1%} of the training tokens have a vector", *vectors.notes] if vectors else []
    encoded = encode(sentences, features, architecture.radius)
    rare = (np.array(vocabulary.counts) == 1) & ~embedding.known
    feed = Feed(network, encoded, tag_numbers(train, tags, choices.scheme), rare)
    judge = Judge(dev, features, decoder, choices.scheme)
    task = Task(
        loss=loss,
        params=params | held,
        trained=tuple(node for name, node in network.parameters.items() if tuned or name != "E"),
        examples=feed.examples,
        feed=feed,
        judge=judge,
        linear=frozenset({"L"} & network.parameters.keys()),
    )
    fingerprint = _fingerprint(train, dev, vectors, architecture, choices)
    return Job(
        task,
        feed,
        judge,
        decoder,
        features,
        (*said, why, *_idle(plan, network)),
        fingerprint,
        train,
        dev,
        plan,
        choices,
        held_out,
        tuning,
    )


def _unit(corpus: Corpus) -> str:
    return "characters" if corpus.characters else "words"


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


def _idle(plan: Plan, network: Network) -> list[str]:
    """What to say about threads that have nothing to do."""
    each, wanted = least(network.loss()), plan.threads
    used = hands(wanted, plan.batch_size, each)
    said = (
        f"threads: {used} of {wanted}, since each needs {each} {'sentences' if network.whole else 'windows'} of a "
        f"batch, and batches have {plan.batch_size} (--batch-size {wanted * each})"
    )
    return [said] if used < wanted else []


def _fingerprint(
    train: Corpus, dev: Corpus, vectors: Vectors | None, architecture: Architecture, choices: Choices
) -> str:
    digest = blake2b(json.dumps([asdict(architecture), asdict(choices)], sort_keys=True).encode(), digest_size=16)
    for corpus in (train, dev):
        digest.update(corpus.digest.encode())
    if vectors is not None:
        digest.update(np.ascontiguousarray(vectors.matrix).data)
        digest.update("\n".join(vectors.words).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def described(job: Job, run: Run, plan: Plan, choices: Choices) -> dict[str, Any]:
    """How a model came about, for its config.json."""
    settings = {**asdict(choices), **asdict(plan)}
    return {
        "data": job.train.path.name,
        "sentences": len(job.train.sentences),
        "tokens": job.train.tokens,
        "best_epoch": run.best_epoch,
        "fingerprint": job.fingerprint,
        "settings": {n: v for n, v in settings.items() if n != "checkpoint_every" and v != math.inf},
    }
