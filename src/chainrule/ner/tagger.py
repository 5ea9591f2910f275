"""The tagger: trained on tagged sentences, it finds the names in text, with exact character offsets."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Self

import chainrule
from chainrule.errors import DataError, ModelError, NonFiniteError, SettingError
from chainrule.learn.backends import BACKENDS
from chainrule.learn.choose import choose, within
from chainrule.learn.train import Params, Plan, Run, Watch, train
from chainrule.ner.corpus import Corpus, read_corpus
from chainrule.ner.decode import Decoder, Floats
from chainrule.ner.folder import CHECKPOINT, CONFIG, Config, opened, read_folder, write_folder
from chainrule.ner.metrics import Score, score
from chainrule.ner.model import Network
from chainrule.ner.tags import OUTSIDE, Scheme, convert, fault, spans, tags_of
from chainrule.ner.tokenizer import CHARACTERS, TOKENIZER, TOKENIZERS, Token, sentences
from chainrule.ner.training import Choices, Job, prepare, settings_of
from chainrule.ner.vectors import Vectors, read_vectors
from chainrule.ner.vocab import Vocabulary
from chainrule.ner.windows import encode


class Entity(NamedTuple):
    """A name in a text: `text == document[start:end]`, in code points, end-exclusive.

    `score` is the probability of its tags, the product over its tokens.
    """

    start: int
    end: int
    label: str
    score: float
    text: str

    def as_dict(self) -> dict[str, Any]:
        """The record as JSON has it."""
        return self._asdict()


@dataclass(frozen=True, eq=False)
class Tagger:
    """A trained window tagger. Make one with `Tagger.train` or `Tagger.load`."""

    config: Config
    vocabulary: Vocabulary
    params: Params
    run: Run | None = None
    notes: tuple[str, ...] = ()
    backend: str = "auto"

    # ── making ────────────────────────────────────────────────────────────────────────────────────────

    @classmethod
    def train(
        cls,
        data: str | Path | Corpus,
        dev: str | Path | Corpus | None = None,
        *,
        vectors: str | Path | Vectors | None = None,
        out: str | Path | None = None,
        resume: bool = False,
        watch: Watch = lambda event: None,
        stop: Callable[[], bool] = lambda: False,
        begin: Callable[[Job], None] = lambda job: None,
        backend: str = "auto",
        **settings: Any,
    ) -> Self:
        """Train on tagged sentences and keep the parameters that are best on dev.

        data, dev   CoNLL files or corpora; without dev a tenth of the sentences is held out
        vectors     word vectors to begin with: word2vec (binary, text) or GloVe
        out         folder for the model; checkpoints lie there too, and `resume` continues from them
        watch       called with each Tick and Epoch;  stop: asked after each batch;  begin: told the job
        backend     who computes, see `learn.backends`; the results differ by rounding
        settings    fields of Architecture, Plan and Choices, such as window=5, epochs=30, seed=0
        Raises DataError, SettingError, NonFiniteError.
        """
        given = read_vectors(vectors) if isinstance(vectors, (str, Path)) else vectors
        architecture, plan, choices = settings_of(settings, given)
        corpus, held = _corpus(data), None if dev is None else _corpus(dev)
        checkpoint = None if out is None else Path(out) / CHECKPOINT
        _check_place(checkpoint, resume)
        with nullcontext() if out is None else opened(out):
            job = prepare(corpus, held, given, architecture, plan, choices, backend)
            begin(job)
            try:
                run = train(
                    job.task,
                    plan,
                    watch=watch,
                    stop=stop,
                    checkpoint=checkpoint,
                    resume=resume,
                    fingerprint=job.fingerprint,
                    backend=backend,
                )
            except NonFiniteError as error:
                if out is not None and error.run is not None and error.run.best_epoch:
                    cls._of(job, error.run, plan, choices).save(out)
                raise
        tagger = cls._of(job, run, plan, choices)
        if out is not None:
            tagger.save(out)
            if checkpoint is not None and not run.interrupted:
                checkpoint.unlink(missing_ok=True)
        return tagger

    @classmethod
    def _of(cls, job: Job, run: Run, plan: Plan, choices: Choices) -> Self:
        """The tagger that a run of training made."""
        config = Config(
            architecture=job.decoder.network.architecture,
            tags=job.decoder.tags,
            scheme=choices.scheme,
            tokenizer=CHARACTERS if job.train.characters else TOKENIZER,
            training=_described(job, run, plan, choices),
            figures={n: v for n, v in run.history[run.best_epoch - 1].figures.items() if n != "score"},
        )
        return cls(config, job.vocabulary, job.task.params, run, job.notes, job.decoder.backend)

    @classmethod
    def load(cls, folder: str | Path, backend: str = "auto") -> Self:
        """Read a model folder. Raises ModelError if it is damaged, altered or from a newer version.

        backend     who computes, see `learn.backends`; SettingError for an unknown one
        """
        choose("backend", backend, BACKENDS)
        config, vocabulary, params = read_folder(folder)
        if config.tokenizer not in TOKENIZERS:
            raise ModelError(
                f"{folder}: needs the tokenizer {config.tokenizer}, which chainrule {chainrule.__version__} "
                "does not have; upgrade chainrule"
            )
        return cls(config, vocabulary, params, backend=backend)

    def save(self, folder: str | Path) -> None:
        """Write a model folder: safetensors, JSON and text, whole or not at all."""
        write_folder(folder, self.config, self.vocabulary, self.params)

    # ── using ─────────────────────────────────────────────────────────────────────────────────────────

    @property
    def characters(self) -> bool:
        """Whether the model reads characters; otherwise it reads words."""
        return self.config.tokenizer == CHARACTERS

    @property
    def labels(self) -> list[str]:
        """The types of names that the model knows."""
        return self.config.labels

    @cached_property
    def _decoder(self) -> Decoder:
        network = Network(self.config.architecture, len(self.vocabulary), len(self.config.tags))
        return Decoder(network, self.config.tags, self._scheme, self.backend)

    @property
    def _scheme(self) -> Scheme:
        return self.config.scheme  # type: ignore[return-value]

    def tag(self, text: str) -> list[Entity]:
        """The entities of a text, in order."""
        return next(self.pipe([text]))

    __call__ = tag

    def pipe(self, texts: Iterable[str], batch_size: int = 64) -> Iterator[list[Entity]]:
        """The entities of each text, in order, in bounded memory. SettingError for one text in place of many."""
        if isinstance(texts, str):
            raise SettingError("pipe takes several texts; tag takes one")
        within("batch size", batch_size, least=1, whole=True)
        rest = iter(texts)
        while group := list(islice(rest, batch_size)):
            yield from self._tag_group(group)

    def _tag_group(self, texts: Sequence[str]) -> Iterator[list[Entity]]:
        found = [self.tokenize(text) for text in texts]
        tagged = iter(self._tagged([[t.text for t in sentence] for text in found for sentence in text]))
        for text, tokenized in zip(texts, found, strict=True):
            entities: list[Entity] = []
            for sentence in tokenized:
                entities += _entities(text, sentence, *next(tagged))
            yield entities

    def tokenize(self, text: str) -> list[list[Token]]:
        """The tokens of each sentence of a text, with their places in the text."""
        tokenize = TOKENIZERS[self.config.tokenizer]
        cut = [[t.moved(start) for t in tokenize(text[start:end])] for start, end in sentences(text)]
        return [tokens for tokens in cut if tokens]

    def _tagged(self, tokens: Sequence[Sequence[str]]) -> Iterator[tuple[list[str], Floats]]:
        """The tags of each sentence, and the probability of each."""
        encoded = encode(tokens, self.vocabulary, self.config.architecture.radius)
        scores = self._decoder.log_probabilities(self.params, encoded)
        for path, part in zip(self._decoder.paths(scores, encoded), encoded.sentences(scores), strict=True):
            yield [self.config.tags[k] for k in path], part[range(len(path)), path]

    def tag_tokens(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The tags (IOB2) of sentences that are cut into tokens already. SettingError for texts that are not."""
        if any(isinstance(sentence, str) for sentence in sentences):
            raise SettingError("tag_tokens takes sentences, each a list of tokens; tag takes a text")
        return [convert(tags, "IOB2") for tags, _ in self._tagged(sentences)]

    def evaluate(self, data: str | Path | Corpus, rename: Mapping[str, str] | None = None) -> Score:
        """Precision, recall and F1 of whole entities on tagged data (semantics of conlleval).

        rename      label of the model → label of the data, or "O" to leave it out; for data tagged otherwise
        Labels of the data that the model does not know count as missed. Raises SettingError if `rename`
        names a label that the model has not, or one that no data can have.
        """
        corpus = _corpus(data)
        for ours, theirs in (rename or {}).items():
            choose("label of the model", ours, dict.fromkeys(self.labels))
            if theirs not in corpus.labels:
                _check_label(ours, theirs)
        tagged = self.tag_tokens([s.tokens for s in corpus.sentences])
        return score(corpus.tagged("IOB2"), [_renamed(tags, rename or {}) for tags in tagged], "IOB2")


def _check_label(ours: str, theirs: str) -> None:
    """SettingError for what cannot be the label of a name: white space, nothing, or a whole tag such as B-PER."""
    if fault(f"B-{theirs}"):
        raise SettingError(f"{ours} is renamed to {theirs!r}, which is no label; give one without blanks, or O")
    if not fault(theirs) and "-" in theirs:
        label = theirs.partition("-")[2]
        raise SettingError(f"{ours} is renamed to {theirs!r}, which is a whole tag; give its label, {label}")


def _renamed(tags: list[str], rename: Mapping[str, str]) -> list[str]:
    if not rename:
        return tags
    names = [span._replace(label=rename.get(span.label, span.label)) for span in spans(tags)]
    return tags_of([name for name in names if name.label != OUTSIDE], len(tags))


def _check_place(checkpoint: Path | None, resume: bool) -> None:
    """Neither begin again where a run is interrupted, nor resume one that is finished."""
    if checkpoint is None:
        return
    if checkpoint.exists() and not resume:
        raise DataError(f"{checkpoint.parent}: holds an interrupted run; resume it, or choose another folder")
    if resume and not checkpoint.exists() and (checkpoint.parent / CONFIG).exists():
        raise DataError(f"{checkpoint.parent}: that run is finished; begin a new one in another folder")


def _corpus(data: str | Path | Corpus) -> Corpus:
    return data if isinstance(data, Corpus) else read_corpus(data)


def _described(job: Job, run: Run, plan: Plan, choices: Choices) -> dict[str, Any]:
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


def _entities(text: str, tokens: Sequence[Token], tags: Sequence[str], log_p: Floats) -> Iterator[Entity]:
    for span in spans(tags):
        inside = [k for k in range(span.start, span.end) if not tokens[k].text.isspace()]
        if inside:
            start, end = tokens[inside[0]].start, tokens[inside[-1]].end
            probability = math.exp(float(log_p[inside[0] : inside[-1] + 1].sum()))
            yield Entity(start, end, span.label, probability, text[start:end])
