"""All that a report on a training says, as data: epochs, figures, mistakes, gradients and their check."""

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

import chainrule
from chainrule.algebra.entrywise import relu
from chainrule.algebra.node import vector
from chainrule.algebra.product import sum
from chainrule.calculus.derive import gradient
from chainrule.compute.check import Check, check
from chainrule.compute.interpret import evaluate
from chainrule.display.derivation import Derivation, derive
from chainrule.learn.backends import runner
from chainrule.learn.batches import rng_for
from chainrule.learn.gradients import Integers
from chainrule.learn.layers import ACTIVATIONS
from chainrule.learn.train import Epoch, Params, Plan, Run
from chainrule.ner.architecture import Architecture
from chainrule.ner.cases import by_case
from chainrule.ner.changes import Changes
from chainrule.ner.choices import Choices
from chainrule.ner.corpus import Corpus
from chainrule.ner.features import Features
from chainrule.ner.judged import Judged
from chainrule.ner.metrics import Score
from chainrule.ner.model import Network
from chainrule.ner.small import Small
from chainrule.ner.training import Job
from chainrule.ner.vocab import UNKNOWN, Vocabulary
from chainrule.ner.windows import encode_corpus

ENTRIES, EFFORT = 32, 10**7  # entries of each parameter that are checked; fewer where W holds more numbers
EXAMPLES = 200  # of the training data, among which that of the check is
WINDOWS = 2048  # of dev, on which hidden units are watched
BLOCKED = 0.05  # a unit that passes less of its largest slope than this has no say in a window
JUDGED = ("dev", "test")
PACKAGES = ("numpy", "scipy", "numba", "safetensors")


@dataclass(frozen=True)
class Units:
    """Hidden units on some windows: the share of windows in which each is blocked, f′(z) < 5 % of its largest."""

    blocked: NDArray[np.float64]
    windows: int

    @property
    def dead(self) -> int:
        """How many are blocked in every window, so that no gradient passes them."""
        return int((self.blocked == 1).sum()) if self.windows else 0


@dataclass(frozen=True)
class Report:
    """A training from its first epoch to what is known of the model. `report` makes one, `page` writes it.

    judged       what the model says of dev, sentence by sentence       test    figures on test data, if given
    changes      since the model that it went on from, by corpus        cases   figures in other letters
    network      with its sizes                                         units   how its hidden units fare
    derivation   its gradients, in letters          check   the same at a window of the training data, in numbers
    unknown      share of the tokens of each corpus that are no words of the model
    """

    name: str
    run: Run
    settings: Mapping[str, Any]
    judged: Judged
    held_out: bool
    test: Score | None
    changes: Mapping[str, Changes]
    cases: Mapping[str, Score]
    network: Network
    trained: tuple[str, ...]
    units: Units
    derivation: Derivation
    check: Check
    corpora: Mapping[str, Corpus]
    unknown: Mapping[str, float]
    versions: Mapping[str, str]

    @property
    def best(self) -> Epoch | None:
        """The epoch whose parameters were kept."""
        return self.run.history[self.run.best_epoch - 1] if self.run.best_epoch else None

    @property
    def changed(self) -> dict[str, Any]:
        """The settings that are not as usual."""
        usual = {f.name: f.default for kind in (Architecture, Plan, Choices) for f in fields(kind)}
        return {name: value for name, value in self.settings.items() if value != usual[name]}


def report(
    job: Job,
    run: Run,
    test: Corpus | None = None,
    name: str = "",
    changes: Mapping[str, Changes] | None = None,
    temperature: float = 1.0,
) -> Report:
    """What there is to say of a job that was trained.

    test      for the final figures                    name          for the title
    changes   since the model that it went on from     temperature   of its probabilities
    """
    network, params = job.decoder.network, job.task.params
    given = {"train": job.train, "old": job.rehearse, "dev": job.dev, "test": test}
    corpora = {part: corpus for part, corpus in given.items() if corpus is not None}
    settings = {**asdict(network.architecture), **asdict(job.plan), **asdict(job.choices)}

    def said(corpus: Corpus) -> Judged:
        return Judged.of(job.decoder, job.features, params, corpus, temperature).renamed(job.untold(corpus))

    judged = {part: said(corpus) for part, corpus in corpora.items() if part in JUDGED}
    return Report(
        name=name or job.train.path.stem,
        run=run,
        settings={n: v for n, v in settings.items() if n != "checkpoint_every"},
        judged=judged["dev"],
        held_out=job.held_out,
        test=judged["test"].score if test else None,
        changes=changes or {},
        cases=by_case(test or job.dev, lambda copy: said(copy).score),
        network=network,
        trained=tuple(node.attrs["name"] for node in job.task.trained),
        units=watched(network, params, job.features, job.dev),
        derivation=derived(network.architecture),
        check=checked(job),
        corpora=corpora,
        unknown={part: _unknown(job.features.vocabulary, corpus) for part, corpus in corpora.items()},
        versions=versions(job.decoder.backend),
    )


def derived(architecture: Architecture) -> Derivation:
    """The gradients of the loss of one window in all parameters, sizes in letters."""
    network = Network(architecture)
    *named, (_, J) = network.formula().items()
    return derive(J, list(network.parameters.values()), name="J", defined=dict(named))


def checked(job: Job) -> Check:
    """The gradients of the trained network at an example, against differences.

    It is the one, of the first, of which the network is least sure, so that the gradients are not all but 0. Of
    the word vectors only its own are looked at: the others have the gradient 0.
    """
    params, seed = job.task.params, job.plan.seed
    small = Small(job.decoder.network, job.feed(_doubtful(job), rng_for(seed, "check")), params)
    entries = max(4, min(ENTRIES, EFFORT // params["W"].size))
    parameters = list(small.network.parameters.values())
    return check(job.loss(small.network), {**small.params, **small.data}, parameters, entries=entries, seed=seed)


def _doubtful(job: Job) -> Integers:
    """The example, out of the first ones, with the token of whose tag the network is least sure, (1,)."""
    feed, network = job.feed, job.decoder.network
    examples = np.arange(min(feed.examples, EXAMPLES))
    tokens = [feed.tokens(np.array([k])) for k in examples]
    values = network.inputs(feed.encoded.windows(np.concatenate(tokens)))
    (log_p,) = runner([network.log_probabilities()], "interpreter")({**job.task.params, **values})
    of: Integers = np.repeat(examples, list(map(len, tokens)))
    least = int(log_p.max(axis=1).argmin())
    return of[least : least + 1]


def watched(network: Network, params: Params, features: Features, corpus: Corpus) -> Units:
    """How the hidden units fare on windows of a corpus, evenly spaced."""
    encoded = encode_corpus(corpus.sentences, features, network.architecture.radius)
    if not len(encoded):
        return Units(np.zeros(network.architecture.hidden), 0)
    some = np.arange(0, len(encoded), -(-len(encoded) // WINDOWS))
    (slopes,) = runner([network.slopes()], "interpreter")({**params, **network.inputs(encoded.windows(some))})
    low = np.abs(slopes) < BLOCKED * steepest(network.architecture.activation)
    return Units(low.mean(axis=0, dtype=np.float64), len(some))


def steepest(activation: str) -> float:
    """The largest slope of a non-linearity, on a grid of points."""
    z = vector("z", "n")
    f = ACTIVATIONS.get(activation, relu)  # with a slope of its own below 0, it has that of ReLU above
    return float(np.max(evaluate(gradient(sum(f(z)), z), {"z": np.linspace(-8, 8, 65)})))


def versions(backend: str) -> dict[str, str]:
    """What the training ran on."""
    found = {"chainrule": chainrule.__version__, "Python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return {**found, "backend": backend, "machine": f"{platform.system()} {platform.machine()}"}


def _unknown(vocabulary: Vocabulary, corpus: Corpus) -> float:
    ids = vocabulary.ids([t for s in corpus.sentences for t in s.tokens])
    return float(np.mean(ids == UNKNOWN)) if len(ids) else float("nan")
