"""The report on a training: its records, that the page says them, and that nothing in the data harms it."""

import math
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from chainrule.algebra.signature import shape_text
from chainrule.compute.check import Entry
from chainrule.display.axes import figure, percent
from chainrule.learn.batches import rng_for
from chainrule.learn.train import Run
from chainrule.ner import Tagger, sample
from chainrule.ner.architecture import Architecture
from chainrule.ner.corpus import Corpus, Sentence
from chainrule.ner.judged import Judged
from chainrule.ner.model import Network
from chainrule.ner.report import derived, report, steepest, watched
from chainrule.ner.report_page import MOST_EPOCHS, page, save
from chainrule.ner.report_spans import REACH, sentence
from chainrule.ner.tags import Span, spans

SMALL = {"hidden": 8, "dimension": 6, "caps": 2, "window": 3}
NASTY = "<script>alert('x')</script>&\"👩‍🚀"


def trained(corpus, dev=None, test=None, **settings):
    jobs = []
    tagger = Tagger.train(corpus, dev, begin=jobs.append, **{**SMALL, "epochs": 3, **settings})
    return tagger, jobs[0], report(jobs[0], tagger.run, test, "a run")


@pytest.fixture(scope="module")
def made():
    parts = sample("en")
    return trained(parts.train.of(parts.train.sentences[:60]), parts.dev, parts.test, learning_rate=0.2)


def tree(text):
    """The body as XML: void elements closed, entities and boolean attributes as XML has them."""
    body = text[text.index("<body>") : text.index("<script>")] + "</body>"
    body = re.sub(r"<input ([^>]*)>", r"<input \1/>", body)
    return ElementTree.fromstring(re.sub(r" (checked|open)(?=[ />])(?!=)", r' \1=""', body))


def words(text):
    return " ".join("".join(tree(text).itertext()).split())


# ── the records ───────────────────────────────────────────────────────────────────────────────────────


def test_what_was_judged_is_what_the_tagger_says(made):
    tagger, _, found = made
    dev = sample("en").dev
    ours = tagger.evaluate(dev)
    assert found.judged.score.as_dict()["by_type"] == ours.as_dict()["by_type"]
    assert found.test.f1 == tagger.evaluate(sample("en").test).f1
    tagged = tagger.tag_tokens([s.tokens for s in dev.sentences])
    assert [[name for name, _ in found.judged.found(k)] for k in range(len(tagged))] == list(map(spans, tagged))
    assert all(0 < chance <= 1 for k in range(len(dev.sentences)) for _, chance in found.judged.found(k))


def test_the_cells_are_those_of_the_confusion_matrix(made):
    judged = made[2].judged
    confusion = judged.score.confusion
    sizes = {pair: sum(len(case.tokens) for case in cases) for pair, cases in judged.cells.items()}
    assert sizes == {
        (g, p): n for g, row in confusion.items() for p, n in row.items() if n and (g, p) != ("O", "O")
    }


def test_the_derivation_is_of_the_network_and_the_check_of_its_parameters(made):
    _, job, found = made
    assert [str(s) for s in found.derivation.slopes] == [f"∂J/∂{n}" for n in "EKWbUc"]
    assert [line.name for line in found.derivation.shared if line.role.startswith("error signal")] == ["δ2", "δ1"]
    assert str(found.derivation.program.results[2]) == "δ1 xᵀ"
    assert found.check.ok and [row.name for row in found.check.rows] == list("EKWbUc")
    assert found.check.rows[2].shape == job.task.params["W"].shape
    assert found.check.rows[0].shape[0] <= 3 and found.check.rows[0].shape[1] == 6  # only the words of the window
    assert max(abs(e.claimed) for row in found.check.rows for e in row.entries) > 1e-3


@pytest.mark.parametrize("combine", ["concatenate", "average"])
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "hard_tanh"])
def test_every_architecture_is_derived(combine, activation):
    found = derived(Architecture(combine=combine, activation=activation, caps=0, l2=0.1))
    assert [str(s) for s in found.slopes] == [f"∂J/∂{n}" for n in "EWbUc"]
    assert not [note for note in found.notes if "textbook form" in note]  # it has passed its proof


@pytest.mark.parametrize(("activation", "slope"), [("tanh", 1), ("relu", 1), ("sigmoid", 0.25), ("hard_tanh", 1)])
def test_the_steepest_slope(activation, slope):
    assert steepest(activation) == pytest.approx(slope)


@pytest.mark.parametrize(
    ("activation", "bias", "blocked"),
    [
        ("relu", [-50, 50], [1, 0]),
        ("tanh", [-50, 0], [1, 0]),
        ("hard_tanh", [2, 0], [1, 0]),
        ("sigmoid", [50, 0], [1, 0]),
        ("leaky_relu", [50, 0], [0, None]),
    ],
)
def test_dead_units_are_those_that_no_gradient_passes(made, activation, bias, blocked):
    _, job, _ = made
    small = Architecture(window=1, dimension=2, caps=0, hidden=2, activation=activation)
    network = Network(small, len(job.features.vocabulary), 3)
    rng = rng_for(0, "units")
    params = {"E": rng.normal(size=(len(job.features.vocabulary), 2)).astype("f4") * 1e-3, **network.start(rng)}
    params["b"][:] = bias
    units = watched(network, params, job.features, job.dev)
    assert [b for b, known in zip(units.blocked, blocked, strict=True) if known is not None] == [
        b for b in blocked if b is not None
    ]
    assert units.dead == blocked.count(1) and units.windows == job.dev.tokens


def test_settings_that_are_not_usual_are_known(made):
    assert made[2].changed == {**SMALL, "epochs": 3, "learning_rate": 0.2}


def test_of_entries_that_agree_one_is_shown_whose_error_means_something(made):
    row = made[2].check.rows[2]
    tiny = Entry((0, 0), 1e-40, 0.0, 0.0, 0.0, 1.0, "ok")
    shown = page(
        replace(made[2], check=replace(made[2].check, rows=(replace(row, entries=(tiny, *row.entries)),)))
    )
    assert "1e−40" not in words(shown)
    alone = page(replace(made[2], check=replace(made[2].check, rows=(replace(row, entries=(tiny,)),))))
    assert "1e−40" in words(alone)


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_says_what_the_records_say(made):
    _, _, found = made
    said = words(page(found))
    for e in found.run.history:
        row = [figure(e.train_loss), figure(e.figures["dev_loss"]), percent(e.figures["dev_precision"])]
        assert all(number in said for number in row)
    for s in (found.judged.score, found.test):
        assert all(percent(v) in said for v in (s.precision, s.recall, s.f1))
    for name, node in found.network.parameters.items():
        assert f"{name}{shape_text(node.shape)}" in said.replace(" ", "")
    for text in ("chainrule", "numpy", "BIOES", "adagrad", "en-train.conll", "en-dev.conll", "en-test.conll"):
        assert text in said
    marked = [t for t in tree(page(found)).iter("tr") if t.get("class") == "best"]
    assert [row.get("data-epoch") for row in marked] == [str(found.run.best_epoch)]


def test_the_page_is_one_file_without_a_way_out(made):
    text = page(made[2])
    assert len(text.encode()) < 1_000_000
    assert (
        not re.search(r"""(src|href)\s*=\s*["'](?!#|data:,)""", text)
        and "url(" not in text
        and "@import" not in text
    )
    assert " style=" not in text and " onclick" not in text
    assert "default-src 'none'" in text
    ids = [e.get("id") for e in tree(text).iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    links = {a.get("href")[1:] for a in tree(text).iter("a")}
    assert links and links <= set(ids)


def test_both_languages_are_on_the_page(made):
    english, korean = page(made[2]), page(made[2], "ko")
    assert "훈련 보고서" in english and "Training report" in korean
    assert '<html lang="ko">' in korean and "<title>훈련 보고서" in korean
    for text in (english, korean):
        assert len(re.findall(r'lang="en"', text)) - len(re.findall(r'lang="ko"', text)) in (-1, 1)  # and <html>
    assert re.search(r'value="ko"\s+checked', korean) and re.search(r'value="en"\s+checked', english)


def test_the_sample_of_either_language_stays_far_below_a_megabyte(tmp_path):
    parts = sample("ko")
    _, _, found = trained(parts.train.of(parts.train.sentences[:40]), parts.dev, epochs=1)
    save(page(found, "ko"), tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 500_000
    assert "names tight" in (tmp_path / "report.html").read_text()  # characters stand without spaces


# ── unusual data ──────────────────────────────────────────────────────────────────────────────────────


def corpus_of(labels, tokens=("Kim", "met", "Lee"), times=12):
    sentences = [
        Sentence(
            [f"{t}{k}" if t != "met" else t for t in tokens], [f"B-{label}", "O", f"B-{label}"], line=4 * k + 1
        )
        for k, label in enumerate(labels * times)
    ]
    return Corpus(Path(f"{NASTY}.conll"), tuple(sentences), "IOB2")


def test_names_and_words_are_only_text():
    corpus = corpus_of([f"<b>{NASTY}".replace(" ", ""), "👩‍🚀", "한국"], tokens=(NASTY, "met", "</script>"))
    text = page(trained(corpus, corpus, epochs=2, learning_rate=0.5)[2])
    assert text.count("<script>") == text.count("</script>") == 1
    assert not [e for e in tree(text).iter() if e.tag == "script"]
    assert "alert('x')" in words(text).replace("’", "'")


@pytest.mark.parametrize(("count", "shown"), [(30, 31), (60, 32)])
def test_thirty_labels_and_many_more(made, count, shown):
    corpus = corpus_of([f"LABEL{k}" for k in range(count)], times=4)
    rng = rng_for(0, "tags")
    tags = tuple(tuple(f"B-LABEL{k}" for k in rng.integers(0, count, 3)) for _ in corpus.sentences)
    judged = Judged(
        corpus,
        tags,
        tuple((-0.5,) * 3 for _ in corpus.sentences),
        tuple({(k, k + 1): 0.6 for k in range(3)} for _ in corpus.sentences),
    )  # almost everything is wrong
    text = page(replace(made[2], judged=judged))
    assert len(text.encode()) < 1_000_000
    (heat,) = (e for e in tree(text).iter("svg") if e.get("class") == "heat")
    assert len([r for r in heat.iter("rect") if r.get("class") == "own"]) == shown
    assert ("commonest of 61 types" in words(text)) == (count == 60)


def test_one_epoch_and_none_and_figures_that_are_no_numbers(made):
    _, _, found = made
    first = found.run.history[0]
    odd = replace(first, figures={"score": math.nan, "dev_f1": math.nan}, norms={}, moves={"W": math.nan})
    for history, best in (([first], 1), ([odd], 1), ([odd, odd], 2), ([], 0)):
        text = page(replace(found, run=Run(history=history, best_epoch=best)))
        assert tree(text) is not None and not re.search(r'"[^"]*\b(nan|inf)\b[^"]*"', text[text.index("<body>") :])


def test_an_empty_dev(made):
    _, job, found = made
    nothing = job.dev.of([])
    judged = replace(found.judged, corpus=nothing, tags=(), log_p=())
    units = watched(job.decoder.network, job.task.params, job.features, nothing)
    text = page(
        replace(found, judged=judged, units=units, corpora={"train": job.train, "dev": nothing}, unknown={})
    )
    assert "No token was mistaken." in words(text) and units.dead == 0


def test_a_thousand_epochs_are_thinned(made):
    _, _, found = made
    epochs = [replace(found.run.history[0], epoch=k, train_loss=1 / k) for k in range(1, 1001)]
    text = page(replace(found, run=Run(history=epochs, best_epoch=777)))
    rows = [int(t.get("data-epoch")) for t in tree(text).iter("tr") if t.get("data-epoch")]
    assert len(rows) <= MOST_EPOCHS + 2 and {777, 1000} <= set(rows) and rows[0] == 1
    assert len(text.encode()) < 1_000_000


def test_vectors_that_are_kept_are_said_to_be(made):
    text = page(replace(made[2], trained=("K", "W", "b", "U", "c")))
    assert "kept as it was" in words(text)


# ── sentences ─────────────────────────────────────────────────────────────────────────────────────────


def rows(html):
    """Each small table as three rows of (columns, text)."""
    return [
        [[(int(td.get("colspan", 1)), "".join(td.itertext())) for td in tr] for tr in table]
        for table in ElementTree.fromstring(html).iter("table")
    ]


def test_labels_stand_in_the_columns_of_their_tokens_and_never_overlap():
    tokens = list("abcdefgh")
    gold = [Span(0, 2, "PER"), Span(3, 6, "ORG")]
    found = [(Span(0, 2, "PER"), 0.9), (Span(4, 5, "LOC"), 0.5), (Span(5, 8, "MISC"), 0.25)]
    first, second = rows(sentence(tokens, gold, found, [4]))
    assert first == [[(2, "PER")], [(1, "a"), (1, "b")], [(2, "✓ PER 0.90")]]
    assert second == [
        [(3, "ORG"), (1, ""), (1, "")],
        [(1, t) for t in "defgh"],
        [(1, ""), (1, "✗ LOC 0.50"), (3, "✗ MISC 0.25")],
    ]
    assert [sum(width for width, _ in row) for row in second] == [5, 5, 5]


def test_a_name_that_was_not_found_is_crossed():
    (table,) = rows(sentence(["x", "y"], [Span(1, 2, "PER")], [], [1]))
    assert table[2] == [(1, "✗")]


def test_long_sentences_are_cut_around_what_they_are_shown_for_but_never_within_a_name():
    tokens = [f"t{k}" for k in range(100)]
    gold = [Span(50 - REACH - 3, 50 - REACH + 2, "A"), Span(50, 51, "B")]
    html = sentence(tokens, gold, [], [50])
    assert "… " in html and " …" in html
    assert f"t{50 - REACH - 3}<" in html and f"t{50 - REACH - 4}" not in html and f"t{50 + REACH + 1}" not in html


def test_random_names_keep_their_columns(rng):
    for _ in range(200):
        n = int(rng.integers(1, 15))
        gold, found = (names(rng, n) for _ in range(2))
        html = sentence(["w"] * n, gold, [(name, 0.5) for name in found], [int(rng.integers(n))])
        for table in rows(html):
            assert len({sum(width for width, _ in row) for row in table}) == 1
        labels = re.findall(r'class="gold" colspan="(\d+)"', html)
        assert [int(x) for x in labels] == [g.end - g.start for g in gold] or "…" in html


def names(rng, n):
    found, at = [], 0
    while at < n:
        size = int(rng.integers(1, 4))
        if rng.random() < 0.5 and at + size <= n:
            found.append(Span(at, at + size, "L"))
        at += size
    return found
