"""Every objective with every kind of feature, from training to a folder and back: nothing depends on company."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import window_by_hand as plain

import chainrule as cr
from chainrule.algebra.chain import log_partitions
from chainrule.ner import Tagger, kinds, reading, sample
from chainrule.ner.folder import WEIGHTS
from chainrule.ner.objectives import OBJECTIVES
from chainrule.ner.report import report
from chainrule.ner.report_page import page
from chainrule.ner.tags import illegal_moves, spans
from chainrule.ner.vectors import Vectors
from chainrule.ner.windows import encode

TRAIN = sample("en").train
CORPUS = TRAIN.of(TRAIN.sentences[:20])
PLACES = CORPUS.of(
    s._replace(tags=[t if t.endswith("LOC") else "O" for t in s.tags]) for s in CORPUS.sentences
)  # "is the centre a LOC?"
WORDS = sorted({t.lower() for s in CORPUS.sentences for t in s.tokens if t.isalpha()})
VECTORS = Vectors(WORDS, np.random.default_rng(0).normal(size=(len(WORDS), 12)).astype(np.float32))
USUAL = {
    "hidden": 10,
    "dimension": 12,
    "learning_rate": 0.2,
    "dropout": 0.0,
    "feature_dropout": 0.0,
    "patience": 1000,
}
MANY = {"features": "shape, suffix2+gram2:6, place2", "short_circuit": "caps, form"}
CASES = {
    "softmax": {"epochs": 60, "layers": 2, **MANY},
    "short circuit": {"epochs": 25, "short_circuit": "caps, gram2, suffix3"},
    "average": {"epochs": 60, "features": "shape, gram3", "combine": "average", "window": 3},
    "clusters": {"epochs": 60, "fine_tune": "yes", "features": "cluster8, suffix2", "vectors": VECTORS},
    "logistic": {"objective": "logistic", "epochs": 70, "features": "suffix2", "activation": "parametric_relu"},
    "hinge": {"objective": "hinge", "epochs": 40, "short_circuit": "form"},
    "margin": {"objective": "margin", "epochs": 80, "margin": 5.0, "hidden": 20, "dimension": 20, "scheme": "IO"},
    "sentence": {"objective": "sentence", "epochs": 20, "batch_size": 2},
    "sentence, features": {
        "objective": "sentence",
        "epochs": 15,
        "batch_size": 2,
        "layers": 2,
        "activation": "parametric_relu",
        "learning_rate": 0.1,
        **MANY,
    },
}
TEXTS = [
    *(" ".join(s.tokens) for s in sample("en").dev.sentences[:12]),
    *(" ".join(s.tokens) for s in CORPUS.sentences),
    "",
    "Paris",
    "Helen Marsh flew to Berlin on Monday.\nHelen Marsh met U.S. President J. Smith, No. 5, in Paris. Paris!",
]


def data(name):
    return PLACES if name == "margin" else CORPUS


SOME = pytest.mark.parametrize("case", ["short circuit", "clusters", "margin", "sentence"], indirect=True)


@pytest.fixture(scope="module", params=CASES)
def case(request):
    jobs = []
    corpus = data(request.param)
    tagger = Tagger.train(corpus, corpus, begin=jobs.append, **{**USUAL, **CASES[request.param]})
    return request.param, tagger, jobs[0]


def fresh(tagger, backend="auto"):
    return Tagger(tagger.config, tagger.features, tagger.params, backend=backend)


def test_every_objective_is_tried():
    assert {settings.get("objective", "softmax") for settings in CASES.values()} == set(OBJECTIVES)


# ── learning ──────────────────────────────────────────────────────────────────────────────────────────


def test_it_learns_twenty_sentences_by_heart(case):
    name, tagger, _ = case
    found = tagger.evaluate(data(name))
    assert (found.precision, found.recall, found.f1) == (1.0, 1.0, 1.0)
    losses = [epoch.train_loss for epoch in tagger.run.history]
    thirds = [part.mean() for part in np.array_split(losses, 3)]
    assert thirds[2] < 0.5 * thirds[0] and thirds[1] < thirds[0]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_threads_share_windows_and_sentences(objective):
    settings = {**USUAL, "epochs": 2, "batch_size": 256, "objective": objective}
    if objective == "sentence":
        settings |= {"batch_size": 32, "letters": 4}
    data = sample("en").dev

    def trained(threads):
        tagger = Tagger.train(data, CORPUS, threads=threads, **settings)
        return [e.train_loss for e in tagger.run.history], {n: v.tobytes() for n, v in tagger.params.items()}

    (one, bits), (two, others) = trained(1), trained(2)
    assert one == pytest.approx(two, rel=1e-5)
    assert bits != others  # they were at work
    assert trained(2)[1] == others


def test_figures_are_those_of_the_model_that_is_kept(case):
    name, tagger, job = case
    found = tagger.evaluate(data(name))
    figures = tagger.config.figures
    assert [figures[f"dev_{n}"] for n in ("precision", "recall", "f1")] == [
        found.precision,
        found.recall,
        found.f1,
    ]
    log_p = job.decoder.log_probabilities(
        tagger.params, job.decoder.scores(tagger.params, job.judge.encoded), job.judge.encoded
    )
    np.testing.assert_allclose(np.logaddexp.reduce(log_p, axis=1), 0, atol=1e-5)
    loss = -log_p[np.arange(len(log_p)), job.judge.y].mean()
    assert figures["dev_loss"] == pytest.approx(loss, rel=1e-4, abs=1e-6)


def test_dev_loss_is_that_of_probabilities_in_every_epoch(case):
    _, tagger, job = case
    params = {n: v.copy() for n, v in tagger.params.items()}
    said = job.judge(params)["dev_loss"]
    scores = job.decoder.scores(params, job.judge.encoded)
    log_p = job.decoder.log_probabilities(params, scores, job.judge.encoded)
    assert said == pytest.approx(-log_p[np.arange(len(log_p)), job.judge.y].mean(), rel=1e-4, abs=1e-6)


# ── tagging ───────────────────────────────────────────────────────────────────────────────────────────


def test_it_tags_as_the_interpreter_does(case):
    _, tagger, _ = case
    oracle = fresh(tagger, "interpreter")
    some = 0
    for text in TEXTS:
        found, expected = tagger.tag(text), oracle.tag(text)
        assert [e[:3] for e in found] == [e[:3] for e in expected]
        np.testing.assert_allclose([e.score for e in found], [e.score for e in expected], rtol=1e-4)
        some += len(found)
    assert some > 9


def test_company_and_grouping_change_no_bit(case):
    _, tagger, _ = case
    whole = list(tagger.pipe(TEXTS, batch_size=len(TEXTS)))
    assert [tagger.tag(text) for text in TEXTS] == whole
    for size in (1, 7, 20):
        assert list(tagger.pipe(TEXTS, batch_size=size)) == whole
    assert list(fresh(tagger).pipe(TEXTS[::-1], batch_size=5))[::-1] == whole


def test_long_texts_are_their_lines_one_after_the_other(case, monkeypatch):
    monkeypatch.setattr(reading, "SHORT", 0)
    _, tagger, _ = case
    lines, start, expected = TEXTS * 3, 0, []
    for line in lines:
        expected += [e._replace(start=e.start + start, end=e.end + start) for e in tagger.tag(line)]
        start += len(line) + 1
    assert tagger.tag("\n".join(lines)) == expected


def test_a_registry_of_kinds_that_is_full_begins_anew(case, monkeypatch):
    _, tagger, _ = case
    expected = [tagger.tag(text) for text in TEXTS]
    monkeypatch.setattr(kinds, "MOST_KINDS", 20)
    small = fresh(tagger)
    memories = []
    for text, wanted in zip(TEXTS, expected, strict=True):
        assert small.tag(text) == wanted
        memories.append(small._memory[0])
        assert len(small._memory[0].reader.kinds) <= 21 + len(text)
    assert len({id(m) for m in memories}) > 3
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(small.tag, TEXTS * 2)) == expected * 2


def test_many_threads_find_what_one_finds(case):
    _, tagger, _ = case
    expected = [tagger.tag(text) for text in TEXTS]
    many = fresh(tagger)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(many.tag, TEXTS * 3)) == expected * 3


def test_tokens_are_tagged_as_their_text_is(case):
    _, tagger, _ = case
    for text in TEXTS:
        cut = tagger.tokenize(text)
        tagged = tagger.tag_tokens([[t.text for t in sentence] for sentence in cut])
        names = [
            (tokens[n.start].start, tokens[n.end - 1].end, n.label)
            for tokens, tags in zip(cut, tagged, strict=True)
            for n in spans(tags)
        ]
        assert names == [e[:3] for e in tagger.tag(text)]
    sentences = [s.tokens for s in CORPUS.sentences]
    together = tagger.tag_tokens([[], *sentences, []])
    assert together[1:-1] == [tagger.tag_tokens([s])[0] for s in sentences]
    assert together[0] == together[-1] == []


def test_no_move_is_illegal(case):
    _, tagger, _ = case
    rng = np.random.default_rng(3)
    words = [t for s in CORPUS.sentences for t in s.tokens] + ["never", "seen"]
    sentences = [[words[k] for k in rng.integers(0, len(words), n)] for n in (1, 2, 3, 5, 8, 13, 40) * 4]
    encoded = encode(sentences, tagger.features, tagger.config.architecture.radius)
    scores = tagger.decoder.scores(tagger.params, encoded)
    found = tagger.decoder.decode(tagger.params, scores, encoded)
    assert sum(illegal_moves(tags, tagger.config.scheme) for tags in found) == 0
    assert {t for tags in found for t in tags} > {"O"}


# ── the folder ────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_loaded_is_what_was_saved(case, tmp_path):
    _, tagger, _ = case
    tagger.save(tmp_path / "m")
    loaded = Tagger.load(tmp_path / "m")
    assert loaded.config == tagger.config
    assert loaded.features.vocabulary == tagger.features.vocabulary
    assert dict(loaded.features.values) == dict(tagger.features.values)
    assert {n: v.tolist() for n, v in loaded.features.clusters.items()} == {
        n: v.tolist() for n, v in tagger.features.clusters.items()
    }
    assert {n: v.tobytes() for n, v in loaded.params.items()} == {n: v.tobytes() for n, v in tagger.params.items()}
    assert list(loaded.pipe(TEXTS)) == list(tagger.pipe(TEXTS))
    loaded.save(tmp_path / "again")
    for path in (tmp_path / "m").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


@SOME
def test_the_same_seed_gives_the_same_bytes(case, tmp_path):
    name, _, _ = case
    settings = {**USUAL, **CASES[name], "epochs": 2, "dropout": 0.3, "feature_dropout": 0.3}
    for folder in ("a", "b"):
        Tagger.train(data(name), data(name), **settings).save(tmp_path / folder)
    assert (tmp_path / "a" / WEIGHTS).read_bytes() == (tmp_path / "b" / WEIGHTS).read_bytes()


# ── looking inside ────────────────────────────────────────────────────────────────────────────────────


def test_the_loss_of_a_sentence_is_traced_and_passes_the_check(case):
    name, tagger, _ = case
    tokens, tags = CORPUS.sentences[0].tokens, data(name).tagged(tagger.config.scheme)[0]
    found = tagger.loss(list(tokens), data(name).tagged("IOB2")[0])
    t = cr.trace(found)
    assert {"x", "z", "h", "s", "J"} <= t.values.keys()
    assert cr.check(found.expression, dict(found.values), entries=6).ok
    a = tagger.config.architecture
    scores = tagger.decoder.scores(tagger.params, encode([tokens], tagger.features, a.radius))
    y = [tagger.config.tags.index(tag) for tag in tags]
    if a.objective == "softmax":
        expected = -scores[np.arange(len(y)), y].mean()
        assert float(t.result.value) == pytest.approx(float(expected), rel=1e-4, abs=1e-6)
    elif a.objective == "sentence":
        first = np.arange(len(y)) == 0
        total = float(log_partitions(scores, tagger.params["A"], first)[0])
        expected = (total - plain.path_score(scores, tagger.params["A"], y)) / len(y)
        assert float(t.result.value) == pytest.approx(float(expected), rel=1e-3, abs=1e-5)
    for scheme in ("BIOES", "IOB1"):
        again = tagger.loss(list(tokens), data(name).tagged(scheme)[0])
        assert again.values["y"].tolist() == found.values["y"].tolist()
    assert tagger.loss(" ".join(tokens)).expression.shape == ()


def test_under_margin_the_loss_is_of_names_against_the_next_other_token():
    settings = {"objective": "margin", "epochs": 2, "scheme": "IO"}
    tagger = Tagger.train(PLACES, PLACES, **{**USUAL, **settings})
    tokens, tags = ["Paris", "Rome", "saw", "Oslo"], ["B-LOC", "B-LOC", "O", "B-LOC"]
    scores = tagger.decoder.scores(tagger.params, encode([tokens], tagger.features, 2))
    s = scores[:, 1] - scores[:, 0]
    each = np.maximum(0, 1 + s[2] - s[[0, 1, 3]])
    t = cr.trace(tagger.loss(tokens, tags))
    np.testing.assert_allclose(t["J"].value, each, rtol=1e-4)
    assert float(t.result.value) == pytest.approx(each.mean(), rel=1e-4)
    assert float(cr.trace(tagger.loss(tokens, tags, 3)).result.value) == pytest.approx(each[2], rel=1e-4)
    with pytest.raises(cr.SettingError, match="token 2 is no name, of which alone this model is asked"):
        tagger.loss(tokens, tags, 2)
    for tag in ("O", "B-LOC"):
        with pytest.raises(cr.SettingError, match="this model compares names with other tokens"):
            tagger.loss(tokens, [tag] * 4)


def test_reasons_are_given_for_every_name(case):
    _, tagger, _ = case
    text = TEXTS[-1]
    names = tagger.tag(text)
    found = tagger.explain(text, methods=["gradient"])
    assert [(r.start, r.end, r.label) for r in found.reasons] == [e[:3] for e in names] and names
    np.testing.assert_allclose([r.probability for r in found.reasons], [e.score for e in names], rtol=1e-5)
    for sentence in found.sentences:
        np.testing.assert_allclose(sentence.probabilities.sum(1), 1, rtol=1e-5)
    for reason in found.reasons:
        assert sum(reason.shares("gradient")) == pytest.approx(1)


@SOME
def test_a_report_is_made_of_it(case):
    name, tagger, job = case
    found = report(job, tagger.run, None, name)
    assert found.check.ok
    assert {row.name for row in found.check.rows} == set(tagger.network.parameters)
    assert found.judged.score.f1 == tagger.evaluate(data(name)).f1
    assert "<h1" in page(found)
