"""The tagger: trained on tagged sentences, it finds the names in text, with exact character offsets."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

import chainrule
from chainrule.errors import DataError, ModelError, NonFiniteError, SettingError
from chainrule.learn.backends import BACKENDS
from chainrule.learn.choose import choose, within
from chainrule.learn.collective import ALONE, Collective
from chainrule.learn.ranks import USUAL
from chainrule.learn.train import Params, Plan, Run, Watch, train
from chainrule.ner.choices import Choices, settings_of, settings_on
from chainrule.ner.corpus import Corpus, documents_of
from chainrule.ner.decode import Decoder, Floats, Scorer
from chainrule.ner.entity import Entities, Found
from chainrule.ner.example import Example, example
from chainrule.ner.explain import explain
from chainrule.ner.explain_records import Explanation
from chainrule.ner.features import Features
from chainrule.ner.finding import Memory, entities, names_in
from chainrule.ner.folder import CHECKPOINT, CONFIG, Config, opened, read_folder, write_folder
from chainrule.ner.formats import read_any
from chainrule.ner.judge import lower
from chainrule.ner.lattice import Line, Names, ranges
from chainrule.ner.lookups import Listed, given_lookups
from chainrule.ner.metrics import Score, score
from chainrule.ner.model import Network
from chainrule.ner.notebook import shown_tagger
from chainrule.ner.pretrained import Pretrained
from chainrule.ner.reading import Reader, Reading
from chainrule.ner.rename import check_label, renamed
from chainrule.ner.tags import OUTSIDE, Scheme, Span, convert, fault, split
from chainrule.ner.tokenizer import CHARACTERS, TOKENIZER, TOKENIZERS, Token, cut_text
from chainrule.ner.training import Job, described, prepare
from chainrule.ner.vectors import Vectors, read_vectors
from chainrule.ner.vocab import Vocabulary
from chainrule.ner.workers import groups, shared_out


def tag_shard(tagger: "Tagger", texts: Sequence[str], alternatives: int = 0) -> Found:
    """The names in some texts, which depend on no other texts: the work of one worker, under any executor."""
    return names_in(tagger._known(), texts, characters=tagger.characters, alternatives=alternatives)


@dataclass(frozen=True, eq=False)
class Tagger(Pretrained):
    """A trained window tagger. Make one with `Tagger.train` or `Tagger.load`."""

    config: Config
    features: Features
    params: Params
    run: Run | None = None
    notes: tuple[str, ...] = ()
    backend: str = "auto"
    min_score: float = 0.0

    # ── making ────────────────────────────────────────────────────────────────────────────────────────

    @classmethod
    def train(
        cls,
        data: str | Path | Corpus,
        dev: str | Path | Corpus | None = None,
        *,
        start: "str | Path | Tagger | None" = None,
        rehearse: str | Path | Corpus | None = None,
        vectors: str | Path | Vectors | None = None,
        brown: str | Path | None = None,
        gazetteers: Mapping[str, Listed] | None = None,
        out: str | Path | None = None,
        resume: bool = False,
        watch: Watch = lambda event: None,
        stop: Callable[[], bool] = lambda: False,
        begin: Callable[[Job], None] = lambda job: None,
        backend: str = "auto",
        ranks: Collective = ALONE,
        **settings: Any,
    ) -> Self:
        """Train on tagged sentences and keep the parameters that are best on dev.

        data, dev   files in any format that `formats` reads, or corpora; without dev a tenth is held out
        start       a model, or its folder, to go on from, perhaps with new labels; its settings are the usual ones
        rehearse    old tagged sentences, of which some are shown beside the new ones
        vectors     word vectors to begin with: word2vec (binary, text) or GloVe
        brown       paths of words, as wcluster writes them;  gazetteers   lists of names, files or not
        out         folder for the model; checkpoints lie there too, and `resume` continues from them
        watch       called with each Tick and Epoch;  stop: asked after each batch;  begin: told the job
        backend     who computes, see `learn.backends`; the results differ by rounding
        ranks       the processes that train together, each by this call; rank 0 writes
        settings    fields of Architecture, Plan and Choices, such as window=5, epochs=30, seed=0
        Raises DataError, SettingError, NonFiniteError.
        """
        if ranks is not ALONE:
            settings, out = {"pieces": USUAL, **settings}, None if ranks.rank else out
        given = read_vectors(vectors) if isinstance(vectors, (str, Path)) else vectors
        corpus, held = _corpus(data), None if dev is None else _corpus(dev)
        model = cls.load(start, backend) if isinstance(start, (str, Path)) else start
        old = None if rehearse is None else _corpus(rehearse)
        if old is not None and model is None:
            raise SettingError("old data is rehearsed where training goes on from a model; give it as start")
        wanted = settings if model is None else settings_on(model.config, settings)
        units = CHARACTERS if corpus.characters else TOKENIZER
        lookups = given_lookups(brown, gazetteers, units, model.features.lookups if model else None)
        parts = settings_of(wanted, given, characters=corpus.characters, tokens=corpus.tokens, lookups=lookups)
        _, plan, choices = parts
        checkpoint = None if out is None else Path(out) / CHECKPOINT
        _check_place(checkpoint, resume)
        with nullcontext() if out is None else opened(out):
            job = prepare(corpus, held, given, *parts, backend, model, old, lookups)
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
                    ranks=ranks,
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
        said = job.tuning.finish(job.task.params) if job.tuning else ()
        settled = job.judge.settle(job.task.params)
        figures = {n: v for n, v in job.judge(job.task.params).items() if n != "score"}
        config = Config(
            architecture=job.decoder.network.architecture,
            tags=job.decoder.tags,
            scheme=choices.scheme,
            tokenizer=CHARACTERS if job.train.characters else TOKENIZER,
            temperature=settled.temperature,
            training=described(job, run, plan, choices),
            figures={**figures, "threshold": settled.threshold, "calibration_error": settled.error},
        )
        return cls(config, job.features, job.task.params, run, (*job.notes, *said), job.decoder.backend)

    @classmethod
    def load(cls, folder: str | Path, backend: str = "auto") -> Self:
        """Read a model folder. Raises ModelError if it is damaged, altered or from a newer version.

        backend     who computes, see `learn.backends`; SettingError for an unknown one
        """
        choose("backend", backend, BACKENDS)
        config, features, params = read_folder(folder)
        if config.tokenizer not in TOKENIZERS:
            raise ModelError(
                f"{folder}: needs the tokenizer {config.tokenizer}, which chainrule {chainrule.__version__} "
                "does not have; upgrade chainrule"
            )
        return cls(config, features, params, backend=backend)

    def save(self, folder: str | Path, bits: int | None = None) -> None:
        """Write a model folder, whole or not at all; tables in 32 or 16 bits, or as many as the model has."""
        write_folder(folder, replace(self.config, bits=bits or self.config.bits), self.features, self.params)

    def inclined(self, recall_bias: float = 0.0, min_score: float = 0.0) -> Self:
        """The tagger with another balance between what it leaves unsaid and what it says wrongly.

        recall_bias   what the score of O is lowered by: 2 finds more and errs more, as anonymisation wants it
        min_score     names less probable than this are left out of `tag` and `pipe`
        Raises SettingError outside −20 … 20 and 0 … 1.
        """
        within("recall_bias", recall_bias, least=-20, most=20)
        within("min_score", min_score, least=0, most=1)
        c = self.params["c"].copy()
        lower(c, self.decoder, recall_bias)
        return replace(self, params={**self.params, "c": c}, min_score=min_score)

    def with_gazetteers(self, lists: Mapping[str, Listed]) -> Self:
        """The tagger with other names in some of its lists. Raises DataError, SettingError for other lists."""
        return replace(self, features=replace(self.features, lookups=self.features.lookups.swapped(lists)))

    # ── using ─────────────────────────────────────────────────────────────────────────────────────────

    def _repr_html_(self) -> str:
        return shown_tagger(self)

    @property
    def characters(self) -> bool:
        """Whether the model reads characters; otherwise it reads words."""
        return self.config.tokenizer == CHARACTERS

    @property
    def labels(self) -> list[str]:
        """The types of names that the model knows."""
        return self.config.labels

    @property
    def vocabulary(self) -> Vocabulary:
        """The words that the model knows."""
        return self.features.vocabulary

    @cached_property
    def network(self) -> Network:
        """The network, whose parameters are `params`."""
        return Network(self.config.architecture, len(self.vocabulary), len(self.config.tags), self.features.rows)

    @cached_property
    def decoder(self) -> Decoder:
        """The network and the tags that its scores stand for."""
        return Decoder(self.network, self.config.tags, self._scheme, self.backend)

    @cached_property
    def _memory(self) -> list[Memory]:
        return [self._forgetful()]

    def _forgetful(self) -> Memory:
        reader = Reader(self.features, self.config.tokenizer, self.network.seen)
        return Memory(reader, Scorer(self.decoder, self.params, reader.kinds, self.config.temperature))

    def _known(self) -> Memory:
        """What is known of tokens; others may still use what stood here before."""
        if self._memory[0].reader.kinds.full:
            self._memory[0] = self._forgetful()
        return self._memory[0]

    @property
    def _scheme(self) -> Scheme:
        return self.config.scheme  # type: ignore[return-value]

    def tag(self, text: str, alternatives: int = 0) -> Entities:
        """The entities of a text, in order; each with so many of the labels that it could have instead."""
        return next(self.pipe([text], alternatives=alternatives))

    __call__ = tag

    def pipe(
        self, texts: Iterable[str], batch_size: int = 256, workers: int = 1, alternatives: int = 0
    ) -> Iterator[Entities]:
        """The entities of each text, in order, in bounded memory. SettingError for one text in place of many.

        batch_size     texts that are tagged together, fewer where they are long; no result depends on it
        workers        processes that tag; a script that asks for more needs `if __name__ == "__main__":` around
        alternatives   how many of the labels that a name could have instead are told, O for none
        Raises WorkerError where a process ends before its work; all that came before it is complete.
        """
        if isinstance(texts, str):
            raise SettingError("pipe takes several texts; tag takes one")
        within("batch size", batch_size, least=1, whole=True)
        within("number of workers", workers, least=1, whole=True)
        within("number of alternatives", alternatives, least=0, whole=True)
        work = partial(tag_shard, alternatives=alternatives) if alternatives else tag_shard
        for group, found in shared_out(work, self, groups(texts, batch_size), workers):
            yield from entities(group, found, self._labels, self.min_score)

    def __getstate__(self) -> dict[str, Any]:
        """What the tagger is, without what it made of that; so another process makes its own."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @cached_property
    def _labels(self) -> list[str]:
        """The label in each tag of the model."""
        return self.decoder.lattice.labels

    def tokenize(self, text: str) -> list[list[Token]]:
        """The tokens of each sentence of a text, with their places in the text."""
        return cut_text(text, self.config.tokenizer)

    def tag_tokens(
        self, sentences: Sequence[Sequence[str]], documents: Sequence[int] | None = None
    ) -> list[list[str]]:
        """The tags (IOB2) of sentences that are cut into tokens already. SettingError for texts that are not.

        documents   that of each sentence, in a row; each is one by itself, unless it is said
        """
        names, _ = self._names(sentences, documents)
        lengths = names.ends - names.starts
        begins, inside = self._written
        tags = np.full(sum(map(len, sentences)), OUTSIDE, object)
        tags[ranges(names.starts, lengths)] = inside[np.repeat(names.tags, lengths)]
        tags[names.starts] = begins[names.tags]
        rest = iter(tags.tolist())
        return [list(islice(rest, len(sentence))) for sentence in sentences]

    def find(
        self, sentences: Sequence[Sequence[str]], documents: Sequence[int] | None = None
    ) -> list[list[tuple[Span, float]]]:
        """The names in sentences that are cut into tokens already: from token to token, and their probability."""
        names, chances = self._names(sentences, documents)
        first = np.cumsum([0, *map(len, sentences)])
        home = first.searchsorted(names.starts, "right") - 1
        places = zip(names.starts - first[home], names.ends - first[home], names.tags, chances(), strict=True)
        found: list[list[tuple[Span, float]]] = [[] for _ in sentences]
        for k, (a, b, tag, p) in zip(home.tolist(), places, strict=True):
            if p >= self.min_score:
                found[k].append((Span(int(a), int(b), self._labels[tag]), p))
        return found

    def _names(
        self, sentences: Sequence[Sequence[str]], documents: Sequence[int] | None
    ) -> tuple[Names, Callable[[], list[float]]]:
        """The names among the tokens of all sentences, and what counts their probabilities; SettingError."""
        if any(isinstance(sentence, str) for sentence in sentences):
            raise SettingError("tag_tokens takes sentences, each a list of tokens; tag takes a text")
        memory = self._known()
        reading = memory.reader.tokens(sentences, documents)
        line, scores = self._tagged(memory, reading)
        names = self.decoder.lattice.names(line)
        return names, partial(memory.scorer.chances, names, line.path, scores, reading.lengths)

    @cached_property
    def _written(self) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
        """The tags that begin a name and go on with it, in IOB2, for each tag of the model."""
        begins, inside = ([f"{place}-{label}" for label in self._labels] for place in "BI")
        return np.array(begins, object), np.array(inside, object)

    def _tagged(self, memory: Memory, reading: Reading) -> tuple[Line, Floats]:
        """The likeliest legal tags of every sentence, and the scores of all tags, (N, C)."""
        scores = memory.scorer.scores(reading.kinds, reading.lengths)
        return memory.scorer.line(scores, reading.lengths), scores

    def loss(
        self, text: str | Sequence[str], tags: Sequence[str] | None = None, token: int | None = None
    ) -> Example:
        """The cross-entropy on a text, or on a sentence of tokens, with the values of its variables: to be traced.

        tags    the right tags, in any scheme, one for each token; those that the model finds, unless given
        token   the loss of the window around this token, of all windows the mean if None
        Raises SettingError for tags that the model does not know, or not one for each token.
        """
        tokens = [[t.text for t in s] for s in self.tokenize(text)] if isinstance(text, str) else [list(text)]
        right = (
            list(tags)
            if tags is not None
            else [tag for found in self.tag_tokens(tokens, [0] * len(tokens)) for tag in found]
        )
        if len(right) != sum(map(len, tokens)):
            raise SettingError(f"{len(right)} tags for {sum(map(len, tokens))} tokens; give one for each")
        places = {tag: k for k, tag in enumerate(self.config.tags)}
        for tag in right:
            if fault(tag) or split(tag).label not in self._labels:
                choose("tag of the model", tag, places)
        rest = iter(right)
        y = [places[tag] for s in tokens for tag in convert(list(islice(rest, len(s))), self._scheme)]
        return example(self.network, self.features, self.params, tokens, y, token)

    def explain(self, text: str, token: int | None = None, **settings: Any) -> Explanation:
        """Why the names of a text, or one token, have their tags; `settings` are those of `explain.explain`."""
        return explain(self, text, token, **settings)

    def evaluate(self, data: str | Path | Corpus, rename: Mapping[str, str] | None = None) -> Score:
        """Precision, recall and F1 of whole entities on tagged data (semantics of conlleval).

        rename      label of the model → label of the data, or "O" to leave it out; for data tagged otherwise
        Labels of the data that the model does not know count as missed. Raises SettingError if `rename`
        names a label that the model has not, or one that no data can have.
        """
        corpus = _corpus(data, "characters" if self.characters else "words")
        for ours, theirs in (rename or {}).items():
            choose("label of the model", ours, dict.fromkeys(self.labels))
            if theirs not in corpus.labels:
                check_label(ours, theirs)
        tagged = self.tag_tokens([s.tokens for s in corpus.sentences], documents_of(corpus.sentences))
        return score(corpus.tagged("IOB2"), [renamed(tags, rename or {}) for tags in tagged], "IOB2")


def _check_place(checkpoint: Path | None, resume: bool) -> None:
    """Neither begin again where a run is interrupted, nor resume one that is finished."""
    if checkpoint is None:
        return
    if checkpoint.exists() and not resume:
        raise DataError(f"{checkpoint.parent}: holds an interrupted run; resume it, or choose another folder")
    if resume and not checkpoint.exists() and (checkpoint.parent / CONFIG).exists():
        raise DataError(f"{checkpoint.parent}: that run is finished; begin a new one in another folder")


def _corpus(data: str | Path | Corpus, tokens: str = "words") -> Corpus:
    return data if isinstance(data, Corpus) else read_any(data, tokens=tokens)
