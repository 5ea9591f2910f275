"""spaCy: the tagger as a component of a pipeline, displaCy's records, and files of training (.spacy).

`nlp.add_pipe("chainrule_ner", config={"model": "runs/mine"})` finds the component by its entry point; `factory`,
which that names, is made when it is first asked for, so that nothing here imports spaCy before.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from chainrule.errors import SettingError
from chainrule.learn.choose import choose
from chainrule.ner.entity import Entity
from chainrule.ner.folder import FILES
from chainrule.ner.tagger import Tagger
from chainrule.ner.tags import Span
from chainrule.ner.tokenizer import sentences
from chainrule.ports.extra import needed
from chainrule.ports.model_bytes import model_bytes, tagger_of

TOKENS: Mapping[str, str] = {
    "chainrule": "names are found in the text, and laid on the tokens of spaCy",
    "spacy": "the network reads the tokens of spaCy, sentence by sentence",
}
ALIGNMENT: Mapping[str, str] = {
    "expand": "a token that a name touches belongs to it",
    "contract": "a token that a name does not cover does not",
    "strict": "a name that does not end where tokens do is left out",
}
SETTINGS: Mapping[str, Any] = {
    "model": None,
    "tokens": "chainrule",
    "alignment": "expand",
    "overwrite": False,
    "min_score": 0.0,
    "recall_bias": 0.0,
    "spans_key": "chainrule",
}


class Named(NamedTuple):
    """A name by its tokens in a document; `place` is that of its characters, which may begin inside a token."""

    start: int
    end: int
    label: str
    score: float
    place: tuple[int, int] = (0, 0)


class Component:
    """A tagger in a pipeline: sets `doc.ents`, and `doc.spans[spans_key]` with scores, also `span._.score`.

    The attributes of `doc.spans[spans_key]` are `scores` and `places`, the characters from and to which names go.


    model        the folder of a model; it may come later, by `initialize`, `from_disk` or `from_bytes`
    tokens       what the network reads, see TOKENS          alignment    names on spaCy's tokens, see ALIGNMENT
    overwrite    whether names that are there already give way; otherwise they stay, and ours yield to them
    min_score    names less probable are left out            recall_bias  what the score of O is lowered by
    Raises SettingError outside their range, ModelError for a damaged model.
    """

    def __init__(self, nlp: Any, name: str = "chainrule_ner", **settings: Any) -> None:
        for each in settings:
            choose("setting of chainrule_ner", each, SETTINGS)
        self.nlp, self.name, self.settings = nlp, name, {**SETTINGS, **settings}
        choose("kind of tokens", self.settings["tokens"], TOKENS)
        choose("alignment", self.settings["alignment"], ALIGNMENT)
        self._tagger: Tagger | None = None
        self._given: Tagger | None = None
        folder = self.settings["model"]
        if folder is not None and Path(folder).is_dir():
            self.use(Tagger.load(folder))
        span = needed("spacy.tokens", __name__).Span
        if not span.has_extension("score"):
            span.set_extension("score", default=None)

    def use(self, tagger: Tagger) -> None:
        """Tag with a tagger; SettingError if it reads characters, and is to read the tokens of spaCy."""
        s = self.settings
        if tagger.characters and s["tokens"] == "spacy":
            raise SettingError(
                'the model reads characters, and spaCy\'s tokens are words; set tokens = "chainrule"'
            )
        self._given, self._tagger = tagger, tagger.inclined(s["recall_bias"], s["min_score"])

    @property
    def tagger(self) -> Tagger:
        """The tagger, as the settings incline it. Raises SettingError where there is none yet, ModelError."""
        if self._tagger is None:
            folder = self.settings["model"]
            if folder is None:
                raise SettingError(
                    f'{self.name} has no model yet; add it with config={{"model": "the folder of one"}}'
                )
            self.use(Tagger.load(folder))
        return self._tagger  # type: ignore[return-value]

    @property
    def labels(self) -> tuple[str, ...]:
        """The types of names that the model knows; none before there is one."""
        return tuple(self._tagger.labels) if self._tagger else ()

    # ── tagging ───────────────────────────────────────────────────────────────────────────────────────

    def __call__(self, doc: Any) -> Any:
        """Set the names of a document."""
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Any], *, batch_size: int = 256) -> Iterator[Any]:
        """Set the names of documents, in order, so many at once; no result depends on how many."""
        find = self._by_tokens if self.settings["tokens"] == "spacy" else self._by_text
        documents = iter(stream)
        while group := list(islice(documents, batch_size)):
            for doc, names in zip(group, find(group), strict=True):
                self._set(doc, names)
                yield doc

    def _by_text(self, docs: Sequence[Any]) -> Iterator[list[Named]]:
        for doc, entities in zip(docs, self.tagger.pipe([doc.text for doc in docs]), strict=True):
            laid = [
                (doc.char_span(e.start, e.end, label=e.label, alignment_mode=self.settings["alignment"]), e)
                for e in entities
            ]
            yield apart(Named(s.start, s.end, e.label, e.score, (e.start, e.end)) for s, e in laid if s)

    def _by_tokens(self, docs: Sequence[Any]) -> Iterator[list[Named]]:
        cut = [[[t for t in s if not t.is_space] for s in _sentences(doc)] for doc in docs]
        documents = [k for k, doc in enumerate(cut) for _ in doc]
        found = iter(self.tagger.find([[t.text for t in tokens] for doc in cut for tokens in doc], documents))
        for doc in cut:
            yield [_by_its_tokens(tokens, name, score) for tokens in doc for name, score in next(found)]

    def _set(self, doc: Any, names: Sequence[Named]) -> None:
        tokens = needed("spacy.tokens", __name__)
        spans = [tokens.Span(doc, n.start, n.end, label=n.label) for n in names]
        for span, name in zip(spans, names, strict=True):
            span._.score = name.score
        there = list(doc.ents)
        first, others = (spans, there) if self.settings["overwrite"] else (there, spans)
        taken = {k for span in first for k in range(span.start, span.end)}
        doc.ents = sorted([*first, *(s for s in others if taken.isdisjoint(range(s.start, s.end)))])
        if key := self.settings["spans_key"]:
            group = tokens.SpanGroup(doc, name=key, spans=spans, attrs=_about(names))
            doc.spans[key] = group

    def score(self, examples: Iterable[Any]) -> Mapping[str, Any]:
        """Precision, recall and F1 of names, as spaCy counts them."""
        found: Mapping[str, Any] = needed("spacy.scorer", __name__).get_ner_prf(examples)
        return found

    # ── keeping ───────────────────────────────────────────────────────────────────────────────────────

    def initialize(self, get_examples: Callable[[], Iterable[Any]], *, nlp: Any = None, model: Any = None) -> None:
        """Take the model that [initialize.components.chainrule_ner] names; without one, the model stays as it is.

        It is trained by `chainrule train`, which reads .spacy files, not by the examples of spaCy's loop.
        """
        if model is not None:
            self.use(Tagger.load(model))

    def to_disk(self, path: str | Path, *, exclude: Sequence[str] = ()) -> None:
        """Write the model folder into that of the pipeline."""
        self._own.save(path)

    def from_disk(self, path: str | Path, *, exclude: Sequence[str] = ()) -> "Component":
        """Read the model folder of a pipeline. Raises ModelError."""
        self.use(Tagger.load(path))
        return self

    def to_bytes(self, *, exclude: Sequence[str] = ()) -> bytes:
        """The files of the model, packed; `exclude` names parts of spaCy's, and ours has none of these."""
        files = {name: (lambda raw=raw: raw) for name, raw in model_bytes(self._own).items()}
        packed: bytes = needed("spacy.util", __name__).to_bytes(files, ())
        return packed

    def from_bytes(self, raw: bytes, *, exclude: Sequence[str] = ()) -> "Component":
        """Take the model from its packed files. Raises ModelError."""
        files: dict[str, bytes] = {}
        read = {name: partial(files.__setitem__, name) for name in FILES}
        needed("spacy.util", __name__).from_bytes(raw, read, ())
        self.use(tagger_of(files))
        return self

    @property
    def _own(self) -> Tagger:
        """The tagger as it was read, not inclined."""
        _ = self.tagger
        return self._given  # type: ignore[return-value]


def _by_its_tokens(tokens: Sequence[Any], name: Span, score: float) -> Named:
    first, last = tokens[name.start], tokens[name.end - 1]
    return Named(first.i, last.i + 1, name.label, score, (first.idx, last.idx + len(last)))


def _about(names: Sequence[Named]) -> dict[str, Any]:
    """What is said of each name in a group of spans; all of it can be packed."""
    return {"scores": [n.score for n in names], "places": [list(n.place) for n in names]}


def apart(names: Iterable[Named]) -> list[Named]:
    """The names without those that share a token with a more probable one, in order."""
    kept: list[Named] = []
    taken: set[int] = set()
    for name in sorted(names, key=lambda n: (-n.score, n.start)):
        tokens = range(name.start, name.end)
        if taken.isdisjoint(tokens):
            taken.update(tokens)
            kept.append(name)
    return sorted(kept)


def _sentences(doc: Any) -> Iterator[Any]:
    """The sentences of a document: those that are set, or else where ours begin."""
    if doc.has_annotation("SENT_START"):
        yield from doc.sents
        return
    starts = [doc.char_span(a, b, alignment_mode="expand").start for a, b in sentences(doc.text)]
    for a, b in zip(dict.fromkeys(starts), [*list(dict.fromkeys(starts))[1:], len(doc)], strict=True):
        yield doc[a:b]


def __getattr__(name: str) -> Any:
    """`factory`, which the entry point names: registered with spaCy when it is asked for."""
    if name != "factory":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    language = needed("spacy.language", __name__).Language
    return language.factory(
        "chainrule_ner",
        assigns=["doc.ents", "token.ent_iob", "token.ent_type", "span._.score"],
        default_config=dict(SETTINGS),
        default_score_weights={"ents_f": 1.0, "ents_p": 0.0, "ents_r": 0.0, "ents_per_type": None},
    )(_made)


def _made(
    nlp: Any,
    name: str,
    model: str | None,
    tokens: str,
    alignment: str,
    overwrite: bool,
    min_score: float,
    recall_bias: float,
    spans_key: str | None,
) -> Component:
    given = (model, tokens, alignment, overwrite, min_score, recall_bias, spans_key)
    return Component(nlp, name, **dict(zip(SETTINGS, given, strict=True)))


def displacy(entities: Iterable[Entity], text: str, title: str | None = None) -> dict[str, Any]:
    """What `spacy.displacy.render(…, style="ent", manual=True)` draws; needs no spaCy."""
    ents = [{"start": e.start, "end": e.end, "label": e.label} for e in sorted(entities)]
    return {"text": text, "ents": ents, "title": title}
