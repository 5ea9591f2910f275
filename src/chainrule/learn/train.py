"""The training loop: batches, steps, evaluation, early stopping; checkpoints that resume bit for bit.

Everything random is a pure function of the seed and of the place in the run, so a checkpoint holds only
arrays and a few numbers, and a run that was killed continues as if it had not been.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from chainrule.algebra.node import Node
from chainrule.display.notebook import part
from chainrule.errors import NonFiniteError, SettingError
from chainrule.learn import schedule as schedules
from chainrule.learn.advance import Stepwise
from chainrule.learn.average import Average
from chainrule.learn.backends import chosen
from chainrule.learn.batches import batches
from chainrule.learn.blas import one_thread
from chainrule.learn.checkpoint import Checkpoint
from chainrule.learn.choose import within
from chainrule.learn.collective import ALONE, Collective
from chainrule.learn.curves import curves
from chainrule.learn.gradients import Array, Integers
from chainrule.learn.optim import Beside, optimizer
from chainrule.learn.parallel import advance_by
from chainrule.learn.probe import Probe
from chainrule.learn.ranks import Division, Ranked
from chainrule.learn.shards import hands, least
from chainrule.learn.stepper import Optimizer
from chainrule.learn.team import Team

Params = dict[str, Array]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How to train: the settings of the loop. Raises SettingError for values outside their range."""

    epochs: int = 30
    batch_size: int = 32
    learning_rate: float = 0.05
    optimizer: str = "adagrad"
    linear_rate: float = 0.05
    """Base rate of Adagrad for the rows of scores that features have beside the network."""
    schedule: str = "constant"
    clip: float = math.inf
    average: float = 0.0
    """d of the moving average of the parameters over the steps, which is kept in their place; 0: none."""
    patience: int = 5
    seed: int = 0
    threads: int = 1
    """Among how many threads a batch is shared; the result depends on it by rounding, on no machine's cores."""
    pieces: int = 0
    """In how many pieces a batch is computed, by however many processes there are; 0: whole, by one process."""
    checkpoint_every: float = 60.0
    """Seconds between checkpoints inside an epoch; one is written at the end of every epoch in any case."""

    def __post_init__(self) -> None:
        within("epochs", self.epochs, least=1, whole=True)
        within("batch size", self.batch_size, least=1, whole=True)
        within("learning rate", self.learning_rate, above=0)
        within("linear_rate", self.linear_rate, above=0)
        within("average", self.average, least=0, below=1)
        if self.average and optimizer(self.optimizer).clocked:
            raise SettingError(
                f"average is {self.average}, but {self.optimizer} moves rows of tables that have no gradient; "
                "choose adagrad, adam or sgd, or average 0"
            )
        within("patience", self.patience, least=1, whole=True)
        within("seed", self.seed, least=0, whole=True)
        within("threads", self.threads, least=1, whole=True)
        within("pieces", self.pieces, least=0, whole=True)
        if self.pieces and self.threads > 1:
            raise SettingError(
                f"pieces of a batch are shared among processes; choose threads 1, not {self.threads}, and more "
                "processes"
            )
        if self.clip != math.inf:
            within("clip", self.clip, above=0)
        within("checkpoint_every", self.checkpoint_every, least=0)
        optimizer(self.optimizer)
        schedules.parse(self.schedule)


@dataclass(frozen=True)
class Task:
    """What is trained: a loss over a batch, its parameters, and where batches and judgement come from.

    loss        scalar node, the mean over a batch (and regularisers)
    params      name → array, changed in place
    trained     the names that are moved; the others stay as they are
    examples    how many there are
    feed        (numbers of examples, random generator) → values of the data variables
    linear      names of the parameters that are linear beside a network
    judge       params → figures on held-out data, among them "score", higher is better; None: train loss
    """

    loss: Node
    params: Params
    trained: tuple[Node, ...]
    examples: int
    feed: Callable[[Integers, np.random.Generator], Mapping[str, Any]]
    judge: Callable[[Params], Mapping[str, float]] | None = None
    linear: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Epoch:
    """The record of one epoch: what is printed, kept and drawn."""

    epoch: int
    train_loss: float
    seconds: float
    learning_rate: float
    gradient_norm: float
    figures: Mapping[str, float] = field(default_factory=dict)
    best: bool = False
    norms: Mapping[str, float] = field(default_factory=dict)
    """The norm of each parameter's gradient at the end of the epoch, on the same examples each time."""
    moves: Mapping[str, float] = field(default_factory=dict)
    """‖Δw‖ / ‖w‖ over the epoch, of each parameter."""


@dataclass(frozen=True)
class Tick:
    """Progress inside an epoch, after a batch."""

    epoch: int
    done: int
    batches: int
    loss: float
    gradient_norm: float


@dataclass
class Run:
    """The state of a run between two batches: with the arrays, all that a checkpoint holds."""

    epoch: int = 1
    batch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    norm_sum: float = 0.0
    seconds: float = 0.0
    best_score: float = -math.inf
    best_epoch: int = 0
    history: list[Epoch] = field(default_factory=list)
    finished: bool = False
    interrupted: bool = False

    def _repr_html_(self) -> str:
        return part(curves(self.history, self.best_epoch))

    @property
    def since_best(self) -> int:
        """Epochs judged since the best one."""
        return len(self.history) - self.best_epoch


Watch = Callable[[Epoch | Tick], None]


def rule_of(task: Task, plan: Plan) -> Optimizer:
    """The optimiser of a plan, and Adagrad beside it for what is linear."""
    rule, ratio = optimizer(plan.optimizer), plan.linear_rate / plan.learning_rate
    return Beside(main=rule, linear=task.linear, ratio=ratio) if task.linear else rule


def train(
    task: Task,
    plan: Plan,
    *,
    watch: Watch = lambda event: None,
    stop: Callable[[], bool] = lambda: False,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    fingerprint: str = "",
    backend: str = "auto",
    ranks: Collective = ALONE,
) -> Run:
    """Train in place until the epochs or the patience are spent, or `stop()` says so; keep the best parameters.

    watch         is called with a Tick after each batch and an Epoch after each epoch
    stop          is asked after each batch; a run that it ends is `interrupted`
    checkpoint    a file for the state of the run; with `resume` it is continued from, if it exists
    fingerprint   what the run is of; a checkpoint of anything else is refused
    backend       who computes, see `backends`; the results differ by rounding
    ranks         the processes that share the pieces of batches; all of them call this with the same task and
                  plan; the figures are those of rank 0, which reads and writes the checkpoint
    Raises NonFiniteError, naming the tensor and the step, when the loss or a gradient becomes NaN or ∞.
    """
    with Team(hands(plan.threads, plan.batch_size, least(task.loss))) as team:
        place = None if checkpoint is None or ranks.rank else Path(checkpoint)
        kept = Checkpoint(place, fingerprint, _deciding(plan, task.loss), ranks)
        loop = _Loop(task, plan, kept, backend, team, ranks)
        loop.division.begin(task.params, fingerprint)
        if resume:
            loop.restore()
        try:
            with one_thread():
                loop.run_until_done(watch, stop)
        except NonFiniteError as error:
            loop.fail(error)
        return loop.run


class _Loop:
    def __init__(
        self,
        task: Task,
        plan: Plan,
        checkpoint: Checkpoint,
        backend: str,
        team: Team,
        ranks: Collective,
    ) -> None:
        self.task, self.plan, self.checkpoint = task, plan, checkpoint
        self.division = Division(plan.pieces, plan.seed, ranks)
        self.optimizer = rule_of(task, plan)
        self.per_epoch = math.ceil(task.examples / plan.batch_size)
        steps = plan.epochs * self.per_epoch
        if plan.pieces:
            self.advance = Stepwise(
                Ranked(task.loss, task.trained, chosen(backend, steps), ranks), self.optimizer, plan.clip
            )
        else:
            self.advance = advance_by(team, task.loss, task.trained, self.optimizer, plan.clip, backend, steps)
        self.moved = {name: task.params[name] for name in self.advance.backprop.names}
        self.state = self.optimizer.start(self.moved, self.advance.backprop.sparse)
        self.schedule = schedules.parse(plan.schedule)
        self.probe = Probe(self.advance.backprop, task.feed, task.examples, plan.seed)
        sparse = frozenset(self.advance.backprop.sparse)
        self.average = Average(self.moved, sparse, plan.average) if plan.average else None
        self.best: Params = {}
        self.run = Run()

    def run_until_done(self, watch: Watch, stop: Callable[[], bool]) -> None:
        run = self.run
        while not run.finished and run.epoch <= self.plan.epochs:
            if not self._epoch(watch, stop):
                self.save()
                run.interrupted = True
                if not run.best_epoch:
                    self._judge(watch)
                break
            self._judge(watch)
            run.epoch, run.batch, run.loss_sum, run.norm_sum = run.epoch + 1, 0, 0.0, 0.0
            run.finished = run.epoch > self.plan.epochs or run.since_best >= self.plan.patience
            self.save()
        self._keep_best()

    def fail(self, error: NonFiniteError) -> NoReturn:
        """Keep what was best before the numbers went astray, and say so."""
        self._keep_best()
        kept = f"; the parameters of epoch {self.run.best_epoch} are kept" if self.best else ""
        failed = NonFiniteError(f"{error}{kept}")
        failed.run = self.run
        raise failed from None

    def _keep_best(self) -> None:
        for name, array in self.best.items():
            self.moved[name][...] = array

    def _epoch(self, watch: Watch, stop: Callable[[], bool]) -> bool:
        """Train from where the run stands to the end of the epoch; False if `stop` ended it before."""
        run, plan = self.run, self.plan
        order = batches(self.task.examples, plan.batch_size, plan.seed, run.epoch)
        saved = started = time.monotonic()
        before = run.seconds
        if not run.batch:
            self.probe.begin(self.moved)
        while run.batch < len(order):
            loss, norm = self._step(order[run.batch])
            run.batch, run.step = run.batch + 1, run.step + 1
            run.loss_sum, run.norm_sum = run.loss_sum + loss, run.norm_sum + norm
            now = time.monotonic()
            run.seconds = before + now - started
            watch(Tick(run.epoch, run.batch, len(order), run.loss_sum / run.batch, norm))
            if self.division.any(stop()):
                return False
            if now - saved > plan.checkpoint_every and run.batch < len(order):
                self.save()
                saved = now
        return True

    def _step(self, examples: Integers) -> tuple[float, float]:
        run = self.run
        given = {**self.task.params, **self.division.values(self.task.feed, examples, run.step)}
        if self.average:
            self.average.before(self.advance.backprop.rows(given))
        try:
            found = self.advance(given, self.state, self._rate())
        except NonFiniteError as error:
            raise NonFiniteError(f"epoch {run.epoch}, step {run.step + 1}: {error}") from None
        if self.average:
            self.average.after()
        return found

    def _rate(self) -> float:
        total = self.per_epoch * self.plan.epochs
        return self.plan.learning_rate * self.schedule(self.run.step, self.per_epoch, total)

    def _judge(self, watch: Watch) -> None:
        """Evaluate, keep the parameters if they are the best so far, and report the epoch."""
        self.optimizer.settle(self.moved, self.state)
        with self._averaged():
            self._judged(watch)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """With the averages in the place of the parameters."""
        if self.average is None:
            yield
            return
        held = {name: w.copy() for name, w in self.moved.items()}
        for name, mean in self.average.settled().items():
            self.moved[name][...] = mean
        try:
            yield
        finally:
            for name, w in held.items():
                self.moved[name][...] = w

    def _judged(self, watch: Watch) -> None:
        run = self.run
        loss = run.loss_sum / max(run.batch, 1)
        figures = self.division.agreed(self.task.judge(self.task.params)) if self.task.judge else {"score": -loss}
        best = figures["score"] > run.best_score
        if best or not run.best_epoch:
            run.best_score, run.best_epoch = figures["score"], len(run.history) + 1
            self.best = {name: array.copy() for name, array in self.moved.items()}
        before = sum(record.seconds for record in run.history)
        norm = run.norm_sum / max(run.batch, 1)
        seen = {"norms": self.probe.norms(self.task.params), "moves": self.probe.moves(self.moved)}
        record = Epoch(run.epoch, loss, run.seconds - before, self._rate(), norm, figures, best, **seen)
        run.history.append(record)
        watch(record)

    def save(self) -> None:
        """Write the state of the run."""
        if self.checkpoint.path is None:
            return
        tensors = {f"params/{n}": a for n, a in self.moved.items()}
        tensors |= {f"best/{n}": a for n, a in self.best.items()}
        tensors |= {f"state/{n}": a for n, a in self.state.items()}
        tensors |= {f"before/{n}": a for n, a in self.probe.before.items()}
        tensors |= self.average.state if self.average else {}
        tensors["run"] = np.frombuffer(json.dumps(asdict(self.run)).encode(), np.uint8)
        self.checkpoint.write(tensors)

    def restore(self) -> None:
        """Continue from the checkpoint, if there is one; DataError if it belongs to another run."""
        if (tensors := self.checkpoint.read()) is None:
            return
        for name, array in self.moved.items():
            array[...] = tensors[f"params/{name}"]
        self.best = {n: tensors[f"best/{n}"] for n in self.moved if f"best/{n}" in tensors}
        self.state = {n.removeprefix("state/"): a.copy() for n, a in tensors.items() if n.startswith("state/")}
        if self.average:
            self.average.restore(tensors, int(self.state["step"]))
        self.probe.begin(self.moved)
        self.probe.before |= {n: tensors[f"before/{n}"] for n in self.moved if f"before/{n}" in tensors}
        held = json.loads(tensors["run"].tobytes())
        self.run = Run(
            **{**held, "history": [Epoch(**record) for record in held["history"]], "interrupted": False}
        )


def _deciding(plan: Plan, loss: Node) -> dict[str, Any]:
    """The settings that decide the result: not how often a checkpoint is written, nor threads without work."""
    used = hands(plan.threads, plan.batch_size, least(loss))
    return asdict(replace(plan, checkpoint_every=60.0, threads=used))
