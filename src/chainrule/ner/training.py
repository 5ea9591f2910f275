"""From tagged sentences to a training task: vocabulary, word vectors, tags, windows, and judgement on dev."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.algebra.node import Node
from chainrule.errors import DataError
from chainrule.learn.batches import rng_for
from chainrule.learn.shards import hands, least
from chainrule.learn.train import Plan, Run, Task
from chainrule.ner.architecture import Architecture
from chainrule.ner.cases import recased, shares
from chainrule.ner.choices import Choices
from chainrule.ner.corpus import Corpus, Sentence, documents_of
from chainrule.ner.decode import Decoder
from chainrule.ner.features import Features
from chainrule.ner.feeds import Feed
from chainrule.ner.finetune import FineTuning
from chainrule.ner.ground import continued, fresh
from chainrule.ner.judge import Judge
from chainrule.ner.lookups import NOTHING, Lookups
from chainrule.ner.model import Network
from chainrule.ner.partial import partial_loss
from chainrule.ner.recipes import variant
from chainrule.ner.shown import Shown
from chainrule.ner.tags import OUTSIDE, spans
from chainrule.ner.told import Told, at_its_word, told
from chainrule.ner.trained import Model
from chainrule.ner.vectors import Vectors
from chainrule.ner.windows import Encoded, encode


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
    start: Model | None = None
    """The model that training goes on from, and the old data that are rehearsed."""
    rehearse: Corpus | None = None
    partial: bool = False
    """Whether tokens may have several tags."""

    def untold(self, corpus: Corpus) -> dict[str, str]:
        """The labels that a corpus lacks where training goes on: found there, they are neither right nor wrong."""
        labels = {tag.partition("-")[2] for tag in self.decoder.tags} - {"", *corpus.labels}
        return dict.fromkeys(sorted(labels), OUTSIDE) if self.start else {}

    def loss(self, network: Network) -> Node:
        """The loss of a network like that of the job."""
        return partial_loss(network) if self.partial else network.loss()


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
    start: Model | None = None,
    rehearse: Corpus | None = None,
    lookups: Lookups = NOTHING,
) -> Job:
    """Make the task; from a model, and with its old data, if they are given.

    Raises DataError for data without entities, dev with other labels, or words apart.
    """
    if not train.labels:
        raise DataError(f"{train.path}: holds no entity, every tag is O; give data with tagged names")
    corpora = [train] if rehearse is None else [train, rehearse]
    known = {label for corpus in corpora for label in corpus.labels} | {*(start.config.labels if start else ())}
    labels = sorted(known)
    kind = variant(choices.recipe, characters=train.characters, vectors=vectors is not None, tokens=train.tokens)
    if held_out := dev is None:
        train, dev = hold_out(train, choices.held_out, plan.seed)
    corpora[0] = train
    check_labels(labels, dev, "the training data")
    for other in (dev, *corpora[1:]):
        if train.characters != other.characters:
            raise DataError(
                f"{other.path}: is in {_unit(other)}, but the training data in {_unit(train)}; convert one"
            )
    every = joined(corpora)
    copies = [s.tokens for case in shares(choices.augment) for s in recased(every, case).sentences]
    ground = (
        fresh(every, labels, copies, vectors, architecture, choices, lookups, plan.seed, backend)
        if start is None
        else continued(start, every, labels, copies, vectors, architecture, choices, lookups, backend)
    )
    decoder, features = ground.decoder, ground.features
    network = decoder.network
    if start is None:
        lesson = at_its_word(corpora, dev, decoder, choices.scheme)
    else:
        lesson = told(start, corpora, dev, decoder, choices.scheme, choices.missing_labels, held_out)
    loss = network.loss() if lesson.barred is None else partial_loss(network)
    loss, held = ground.tuning.held(loss, network) if ground.tuning else (loss, {})
    encoded = encode(
        [*(s.tokens for s in every.sentences), *copies],
        features,
        architecture.radius,
        documents_of(every.sentences, 1 + len(shares(choices.augment))),
    )
    feed = _feed(network, encoded, lesson, ground.rare, len(train.sentences), choices)
    judge = Judge(lesson.dev, features, decoder, choices.scheme, lesson.rank if start else None)
    task = Task(
        loss=loss,
        params=ground.params | held,
        trained=tuple(node for name, node in network.parameters.items() if ground.tuned or name != "E"),
        examples=feed.examples,
        feed=feed,
        judge=judge,
        linear=frozenset({"L"} & network.parameters.keys()),
    )
    return Job(
        task=task,
        feed=feed,
        judge=judge,
        decoder=decoder,
        features=features,
        notes=(
            *([f"recipe {choices.recipe}: {kind.says}"] * bool(kind.says and not start)),
            *ground.notes,
            *lesson.notes,
            *_drawn(feed, rehearse),
            *_idle(plan, loss, network),
        ),
        fingerprint=_fingerprint([*corpora, dev], vectors, lookups, architecture, choices, start),
        train=train,
        dev=dev,
        plan=plan,
        choices=choices,
        held_out=held_out,
        tuning=ground.tuning,
        start=start,
        rehearse=rehearse,
        partial=lesson.barred is not None,
    )


def joined(corpora: Sequence[Corpus]) -> Corpus:
    """The sentences of several corpora, whose documents stay apart."""
    sentences: list[Sentence] = []
    for corpus in corpora:
        begin = max((s.document for s in sentences), default=0)
        sentences += [s._replace(document=s.document and begin + s.document) for s in corpus.sentences]
    return corpora[0].of(sentences)


def _unit(corpus: Corpus) -> str:
    return "characters" if corpus.characters else "words"


def _feed(
    network: Network, encoded: Encoded, lesson: Told, rare: NDArray[np.bool_], sentences: int, choices: Choices
) -> Feed:
    """What training looks at: every example once or, with rehearsal or other letters, what is drawn."""
    cases = tuple(shares(choices.augment).values())
    y = np.tile(lesson.y, 1 + len(cases))
    if len(lesson.y) == sum(encoded.lengths[:sentences]) and not cases and lesson.barred is None:
        return Feed(network, encoded, y, rare)
    return Shown(
        network,
        encoded,
        y,
        rare,
        sentences=sentences,
        rehearsal=choices.rehearsal,
        shares=cases,
        barred=lesson.barred,
    )


def _drawn(feed: Feed, rehearse: Corpus | None) -> list[str]:
    """What to say about rehearsal."""
    if rehearse is None or not isinstance(feed, Shown):
        return []
    kind = "sentences" if feed.network.whole else "windows"
    return [f"rehearsal: {feed.rehearsed:,} of {feed.old:,} old {kind} each epoch, beside {feed.new:,} new ones"]


def _idle(plan: Plan, loss: Node, network: Network) -> list[str]:
    """What to say about threads that have nothing to do."""
    each, wanted = least(loss), plan.threads
    used = hands(wanted, plan.batch_size, each)
    said = (
        f"threads: {used} of {wanted}, since each needs {each} {'sentences' if network.whole else 'windows'} of a "
        f"batch, and batches have {plan.batch_size} (--batch-size {wanted * each})"
    )
    return [said] if used < wanted else []


def _fingerprint(
    corpora: Sequence[Corpus],
    vectors: Vectors | None,
    lookups: Lookups,
    architecture: Architecture,
    choices: Choices,
    start: Model | None,
) -> str:
    digest = blake2b(json.dumps([asdict(architecture), asdict(choices)], sort_keys=True).encode(), digest_size=16)
    for corpus in corpora:
        digest.update(corpus.digest.encode())
    if vectors is not None:
        digest.update(np.ascontiguousarray(vectors.matrix).data)
        digest.update("\n".join(vectors.words).encode("utf-8", "surrogatepass"))
    if lookups != NOTHING:
        digest.update(lookups.digest.encode())
    if start is not None:
        digest.update(json.dumps(start.config.tags).encode())
        for name, array in sorted(start.params.items()):
            digest.update(name.encode() + np.ascontiguousarray(array).data)
    return digest.hexdigest()


def described(job: Job, run: Run, plan: Plan, choices: Choices) -> dict[str, Any]:
    """How a model came about, for its config.json."""
    settings = {**asdict(choices), **asdict(plan)}
    return {
        "data": job.train.path.name,
        "sentences": len(job.train.sentences),
        "tokens": job.train.tokens,
        "best_epoch": run.best_epoch,
        "vectors": _state(job),
        **_before(job),
        **job.features.lookups.about,
        "fingerprint": job.fingerprint,
        "settings": {n: v for n, v in settings.items() if n != "checkpoint_every" and v != math.inf},
    }


def _before(job: Job) -> dict[str, Any]:
    """Where training went on from."""
    if job.start is None:
        return {}
    rehearsed = {"rehearsed": job.rehearse.path.name} if job.rehearse else {}
    about = {n: job.start.config.training.get(n) for n in ("data", "fingerprint")}
    return {"from": {**about, "labels": job.start.config.labels, **rehearsed}}


def _state(job: Job) -> str:
    """What became of the word vectors: fixed, fine-tuned, or trained from random ones."""
    if "E" not in {node.attrs["name"] for node in job.task.trained}:
        return "fixed"
    if job.start is None:
        return "random" if job.tuning is None else "fine-tuned"
    return "random" if job.start.config.training.get("vectors", "random") == "random" else "fine-tuned"
