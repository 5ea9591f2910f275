"""The component of spaCy: its names are the tagger's, it keeps itself, and it leaves others what is theirs."""

from typing import Any

import pytest

from chainrule import ExtraError, ModelError, SettingError
from chainrule.ner import Entity, Tagger
from chainrule.ner.tags import Span
from chainrule.ports import spacy as port
from chainrule.ports.spacy import Named, apart, displacy


def test_records_of_displacy_need_no_spacy():
    found = [Entity(9, 14, "LOC", 0.5, "Paris"), Entity(0, 3, "PER", 0.9, "Ann")]
    assert displacy(found, "Ann is in Paris") == {
        "text": "Ann is in Paris",
        "ents": [{"start": 0, "end": 3, "label": "PER"}, {"start": 9, "end": 14, "label": "LOC"}],
        "title": None,
    }


def test_of_names_that_share_a_token_the_most_probable_stays():
    names = [Named(0, 2, "A", 0.5), Named(1, 3, "B", 0.9), Named(3, 4, "C", 0.1), Named(2, 4, "D", 0.2)]
    assert apart(names) == [Named(1, 3, "B", 0.9), Named(3, 4, "C", 0.1)]
    assert apart([]) == []


def test_without_spacy_its_extra_is_named(monkeypatch):
    monkeypatch.setattr("chainrule.ports.extra.metadata.version", lambda name: "2.3.9")
    for ask in (lambda: port.factory, lambda: port.Component(None)):
        with pytest.raises(ExtraError) as raised:
            ask()
        assert str(raised.value) == (
            "chainrule.ports.spacy needs spaCy 3.8 or newer, below 4, and found 2.3.9: "
            'pip install "chainrule[spacy]"'
        )
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        port.nothing  # noqa: B018


@pytest.fixture(scope="session")
def spacy() -> Any:
    return pytest.importorskip("spacy", reason='no spaCy: pip install "chainrule[spacy]"')


@pytest.fixture(scope="session")
def model(tagger, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("spacy") / "model"
    tagger.save(folder)
    return str(folder)


@pytest.fixture
def nlp(spacy, model):
    """An English pipeline of this component alone."""

    def made(language: str = "en", **config: Any) -> Any:
        pipeline = spacy.blank(language)
        port.factory  # noqa: B018 - as the entry point does, also where chainrule is not installed
        pipeline.add_pipe("chainrule_ner", config={"model": model, **config})
        return pipeline

    return made


def said(doc: Any) -> list[tuple[Any, ...]]:
    return [(e.start_char, e.end_char, e.label_, e._.score, e.text) for e in doc.ents]


def test_names_are_those_of_the_tagger(nlp, tagger, text):
    doc = nlp()(text)
    assert doc.text == text and said(doc) == [e[:5] for e in tagger.tag(text)] and doc.ents
    group = doc.spans["chainrule"]
    assert group.attrs["scores"] == [e.score for e in tagger.tag(text)]
    assert group.attrs["places"] == [[e.start, e.end] for e in tagger.tag(text)]
    assert [s.text for s in group] == [e.text for e in doc.ents]


def test_on_the_tokens_of_spacy_they_are_those_of_the_network(nlp, tagger, text):
    doc = nlp(tokens="spacy")(text)
    cut, found = [], []
    for line in text.split("\n"):
        start = text.index(line)
        cut.append([t for t in doc if not t.is_space and start <= t.idx < start + len(line)])
    for tokens, names in zip(cut, tagger.find([[t.text for t in tokens] for tokens in cut]), strict=True):
        found += [(tokens[n.start].i, tokens[n.end - 1].i + 1, n.label, p) for n, p in names]
    assert [(e.start, e.end, e.label_, e._.score) for e in doc.ents] == found != []
    places = doc.spans["chainrule"].attrs["places"]
    assert [text[a:b] for a, b in places] == [e.text for e in doc.ents]


def test_sentences_that_are_set_are_kept(nlp, tagger, corpus):
    pipeline = nlp(tokens="spacy")
    words = [t for s in corpus.sentences[:2] for t in s.tokens]
    doc = pipeline.make_doc(" ".join(words)).__class__(pipeline.vocab, words=words)
    first = len(corpus.sentences[0].tokens)
    for token in doc:
        token.is_sent_start = token.i in (0, first)
    found = tagger.find([s.tokens for s in corpus.sentences[:2]])
    wanted = [
        Span(n.start + k * first, n.end + k * first, n.label) for k, each in enumerate(found) for n, _ in each
    ]
    assert [(e.start, e.end, e.label_) for e in pipeline.get_pipe("chainrule_ner")(doc).ents] == wanted


@pytest.mark.parametrize("tokens", port.TOKENS)
def test_many_documents_are_as_one_by_one(nlp, text, tokens):
    pipeline = nlp(tokens=tokens)
    texts = [text, "", " \n ", "nobody", text * 2] * 3
    alone = [said(pipeline(t)) for t in texts]
    assert [said(doc) for doc in pipeline.pipe(texts, batch_size=4)] == alone


@pytest.mark.parametrize(("alignment", "found"), [("expand", ["Ann!!"]), ("contract", []), ("strict", [])])
def test_names_inside_tokens_are_laid_on_them_as_asked(nlp, monkeypatch, alignment, found):
    pipeline = nlp(alignment=alignment)
    part = pipeline.get_pipe("chainrule_ner")
    monkeypatch.setattr(
        Tagger, "pipe", lambda self, texts: iter([[Entity(0, 3, "PER", 1.0, "Ann")] for _ in texts])
    )
    doc = part(pipeline.make_doc("x").__class__(pipeline.vocab, words=["Ann!!", "ran"]))
    assert [e.text for e in doc.ents] == found
    assert doc.spans["chainrule"].attrs["places"] == [[0, 3]] * len(found)


def test_names_that_are_there_already_stay_unless_asked_otherwise(nlp, text):
    (first, *_) = nlp()(text).ents
    for overwrite in (False, True):
        pipeline = nlp(overwrite=overwrite)
        doc = pipeline.make_doc(text)
        other = doc[first.start : first.end + 1]
        far = doc[len(doc) - 1 : len(doc)]
        doc.ents = [type(first)(doc, s.start, s.end, label="OTHER") for s in (other, far)]
        labels = {(e.start, e.end): e.label_ for e in pipeline.get_pipe("chainrule_ner")(doc).ents}
        assert labels.get((other.start, other.end)) == (None if overwrite else "OTHER")
        assert labels.get((first.start, first.end)) == (first.label_ if overwrite else None)
        assert labels[far.start, far.end] == "OTHER" and len(labels) > 2


def test_settings_incline_what_is_said_but_not_what_is_kept(nlp, tagger, text, tmp_path, spacy):
    middle = sorted(e.score for e in tagger.tag(text))[1]
    pipeline = nlp(min_score=middle, recall_bias=1.0)
    inclined = tagger.inclined(1.0, middle)
    assert said(pipeline(text)) == [e[:5] for e in inclined.tag(text)]
    pipeline.to_disk(tmp_path / "nlp")
    assert said(spacy.load(tmp_path / "nlp")(text)) == said(pipeline(text))
    assert Tagger.load(tmp_path / "nlp" / "chainrule_ner").tag(text) == tagger.tag(text)


def test_a_pipeline_holds_its_model(nlp, spacy, text, tmp_path, model):
    pipeline = nlp()
    pipeline.to_disk(tmp_path / "nlp")
    raw = pipeline.to_bytes()
    again = spacy.load(tmp_path / "nlp", config={"components": {"chainrule_ner": {"model": "/nowhere"}}})
    other = spacy.blank("en")
    other.add_pipe("chainrule_ner")
    other.from_bytes(raw)
    for each in (again, other):
        assert said(each(text)) == said(pipeline(text))
        assert each.pipe_labels["chainrule_ner"] == ["DATE", "LOC", "MISC", "ORG", "PER"]


def test_initialize_takes_a_model_and_forgets_none(nlp, spacy, text, model):
    pipeline = nlp()
    before = said(pipeline(text))
    pipeline.initialize()
    assert said(pipeline(text)) == before
    empty = spacy.blank("en")
    empty.add_pipe("chainrule_ner")
    empty.config["initialize"]["components"] = {"chainrule_ner": {"model": model}}
    empty.initialize()
    assert said(empty(text)) == before


def test_what_it_finds_is_judged(nlp, text):
    pipeline = nlp()
    example = pytest.importorskip("spacy.training").Example(pipeline.make_doc(text), pipeline(text))
    figures = pipeline.evaluate([example])
    assert figures["ents_f"] == 1.0 and set(figures["ents_per_type"]) == {e.label_ for e in pipeline(text).ents}


def test_a_document_keeps_scores_where_it_is_kept(nlp, spacy, text):
    doc = nlp()(text)
    again = type(doc)(doc.vocab).from_bytes(doc.to_bytes())
    assert said(again) == said(doc) and again.spans["chainrule"].attrs == doc.spans["chainrule"].attrs


def test_what_cannot_be_is_said(nlp, spacy, model, tmp_path):
    empty = spacy.blank("en")
    empty.add_pipe("chainrule_ner")
    with pytest.raises(SettingError, match=r"chainrule_ner has no model yet; add it with config=\{"):
        empty("Ann")
    later = spacy.blank("en")
    later.add_pipe("chainrule_ner", config={"model": str(tmp_path / "none")})
    with pytest.raises(ModelError, match="none: no model here"):
        later("Ann")
    with pytest.raises(SettingError, match="unknown alignment 'outside'"):
        nlp(alignment="outside")
    with pytest.raises(SettingError, match="unknown kind of tokens 'ours'"):
        nlp(tokens="ours")
    with pytest.raises(SettingError, match="min_score is 2"):
        nlp(min_score=2)
    with pytest.raises(ModelError, match="these files are no model"):
        nlp().get_pipe("chainrule_ner").from_bytes(pytest.importorskip("srsly").msgpack_dumps({}))


def test_a_model_of_characters_does_not_read_words(spacy, tmp_path):
    part = port.Component(spacy.blank("en"), tokens="spacy")
    with pytest.raises(SettingError, match="the model reads characters, and spaCy's tokens are words"):
        part.use(type("Characters", (), {"characters": True})())  # type: ignore[arg-type]


def test_displacy_draws_the_records(spacy, tagger, text):
    page = pytest.importorskip("spacy.displacy").render(
        displacy(tagger.tag(text), text), style="ent", manual=True, jupyter=False
    )
    assert all(e.label in page for e in tagger.tag(text)) and page.count("<mark") == len(tagger.tag(text))
