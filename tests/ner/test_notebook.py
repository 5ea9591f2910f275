"""Every public object shows itself in a notebook; what others wrote is text there, whatever it holds."""

import pickle
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule import ner
from chainrule.display.notebook import COLOURS, STYLE, figures, mark
from chainrule.learn.train import Epoch, Run
from chainrule.ner import Changes, Corpus, Entities, Entity, Sentence, Tagger, Vectors, Vocabulary, sample, score
from chainrule.ner.tags import OUTSIDE

BAD = '<img src=x onerror="alert(1)">&</style><script>alert(2)</script>'
LABEL = "PER<b>\"'"


class Reader(HTMLParser):
    """The elements of a part, and its text without the style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in ("img", "br", "hr", "input"):
            self.open.append(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def read(html: str) -> Reader:
    """A part, whose elements are closed, in its class."""
    found = Reader(html)
    assert not found.open and html.startswith('<div class="chainrule">')
    return found


@pytest.fixture(scope="module")
def quick() -> Tagger:
    train = sample("en").train
    corpus = train.of(train.sentences[:20])
    return Tagger.train(corpus, corpus, epochs=3, hidden=4, dimension=3, caps=2, window=3)


TOKENS = Sentence(["Ann", BAD, "ran"], [f"B-{LABEL}", f"I-{LABEL}", "O"])
CORPUS = Corpus(Path(f"/data/{BAD.replace('/', '')}"), (TOKENS,) * 9, "IOB2")
NAMES = Entities([Entity(0, 3, LABEL, 0.5, "Ann"), Entity(4, 4 + len(BAD), "ORG", 1.0, BAD)])
NAMES.text = f"Ann {BAD} ran"
SHOWN: dict[str, Any] = {
    "Corpus": CORPUS,
    "Entities": NAMES,
    "Entity": NAMES[1],
    "Score": score([[f"B-{LABEL}", "O"]], [[f"B-{LABEL}", f"B-{BAD.replace(' ', '').replace('-', '')}"]], "IOB2"),
    "Sentence": TOKENS,
    "Vectors": Vectors([BAD, "a"], np.ones((2, 7), np.float32), Path("a<b>")),
    "Vocabulary": Vocabulary.build([[BAD, "the"]]),
}


@pytest.mark.parametrize("name", SHOWN)
def test_what_others_wrote_is_text(name):
    found = read(SHOWN[name]._repr_html_())
    assert not {"script", "img", "b"} & set(found.tags)
    wanted = {"Score": LABEL, "Vocabulary": "onerror"}.get(name, BAD)
    assert wanted in found.text


def test_every_public_object_shows_itself():
    stub = import_module("chainrule.ner")
    kinds = [getattr(stub, name) for name in stub.__all__ if isinstance(getattr(stub, name), type)]
    silent = {kind.__name__ for kind in kinds if not hasattr(kind, "_repr_html_")}
    assert silent == {"Token"}  # a piece of a text and its place: the tuple says it
    assert set(SHOWN) <= {kind.__name__ for kind in kinds}


def test_a_tagged_text_is_shown_with_its_names(quick):
    text = "Helen Marsh flew to Berlin on Monday.\n\nDaniel Okafor & Co. stayed."
    names = quick.tag(text)
    assert names.text == text and names
    shown = read(names._repr_html_())
    assert shown.tags.count("mark") == len(names)
    for e in names:
        assert f"{e.text}{e.label} {e.score:.2f}" in shown.text
    bare = shown.text
    for e in names:
        bare = bare.replace(f"{e.text}{e.label} {e.score:.2f}", e.text, 1)
    assert bare == text


def test_the_names_of_a_text_are_a_list(quick):
    names = quick.tag("Helen Marsh flew to Berlin on Monday.")
    assert isinstance(names, list) and names == list(names)
    again = pickle.loads(pickle.dumps(names))
    assert again == names and again.text == names.text
    assert [n.text for n in quick.pipe(["a", "b"])] == ["a", "b"]


def test_a_long_text_is_cut():
    long = Entities([Entity(0, 3, "PER", 0.5, "Ann"), Entity(40_000, 40_003, "PER", 0.5, "Ann")])
    long.text = "Ann" + 39_997 * " " + "Ann"
    shown = read(long._repr_html_())
    assert shown.tags.count("mark") == 1 and len(shown.text) < 21_000 and shown.text.endswith("…")


def test_a_label_has_the_same_colour_everywhere():
    hues = [mark("x", label).partition("--hue:")[2].partition('"')[0] for label in ("PER", "PER", "LOC")]
    assert hues[0] == hues[1] != hues[2]


def test_a_tagger_says_what_it_is_and_how_it_was_trained(quick):
    shown = read(quick._repr_html_())
    for said in (*quick.labels, "window 3, 4 hidden units, tanh, softmax", f"{len(quick.vocabulary):,} words"):
        assert said in shown.text
    assert "dev_f1" in shown.text and shown.tags.count("svg") == 2


def test_a_tagger_from_a_folder_has_no_curves(quick, tmp_path):
    quick.save(tmp_path / "model")
    shown = read(Tagger.load(tmp_path / "model")._repr_html_())
    assert "svg" not in shown.tags and "dev_f1" in shown.text


def test_a_run_is_its_curves(quick):
    shown = read(quick.run._repr_html_())
    assert shown.tags.count("svg") == 2 and "best" in shown.text and "Epochs 1 to 3" in shown.text
    read(Run()._repr_html_())
    nan = [Epoch(k, float("nan"), 1.0, 0.1, 1.0, {"dev_loss": float("nan")}) for k in (1, 2)]
    read(Run(history=nan)._repr_html_())


def test_an_explanation_is_its_page_apart_from_the_notebook(quick):
    shown = quick.explain("Helen Marsh flew to Berlin on Monday.")._repr_html_()
    assert shown.startswith("<iframe srcdoc=") and "sandbox=" in shown and "<script" not in shown


def test_the_parts_of_the_sample_are_shown():
    assert sample("ko")._repr_html_().count("sentences") >= 3


def test_scores_are_those_of_the_table():
    found = SHOWN["Score"]
    cells = read(found._repr_html_()).text
    assert f"all{100 * found.precision:.1f}{100 * found.recall:.1f}{100 * found.f1:.1f}" in cells


def test_changes_are_those_of_the_table(quick):
    train = sample("en").train
    corpus = train.of(train.sentences[:20])
    found = Changes.of(quick, quick, corpus)
    shown = read(found._repr_html_()).text
    score = quick.evaluate(corpus)
    assert f"all{score.gold}{100 * score.f1:.1f}{100 * score.f1:.1f}+0.000" in shown
    assert all(label in shown for label in score.by_type)


def test_style_says_nothing_of_what_is_around():
    assert STYLE.startswith(".chainrule{") and STYLE.rstrip().endswith("}")
    depth, outside = 0, ""
    for c in STYLE:
        depth += (c == "{") - (c == "}")
        outside += c if depth == 0 else ""
    assert depth == 0 and outside.strip() == ".chainrule}"
    used = {part.partition(")")[0] for part in STYLE.split("var(--")[1:]}
    assert {u for u in used if not u.startswith(("jp-", "vscode-", "hue"))} <= COLOURS.keys()


def test_cells_are_written_as_they_are_read():
    assert "<td>1,200</td><td>0.3333</td><td>&lt;b&gt;</td>" in figures(("",), [[1200, 1 / 3, "<b>"]])


def test_a_notebook_shows_them_on_light_paper_and_dark(quick, browser, tmp_path):
    """Nothing runs, nothing overlaps its neighbour, names are marked, and one language is shown."""
    parts = [*SHOWN.values(), quick, quick.run, quick.tag("Helen Marsh flew to Berlin on Monday.")]
    page = "<hr>".join(part._repr_html_() for part in parts)
    for dark in ("", "background:#111;color:#ddd"):
        path = tmp_path / "notebook.html"
        path.write_text(f'<!doctype html><meta charset="utf-8"><body style="{dark}">{page}', encoding="utf-8")
        view = browser.new_page(viewport={"width": 700, "height": 900})
        dialogs: list[str] = []
        view.on("dialog", lambda d, seen=dialogs: (seen.append(d.message), d.dismiss()))
        view.goto(path.as_uri())
        assert dialogs == [] and view.locator("script, img").count() == 0
        assert view.locator("[lang=ko]:visible").count() == 0
        assert view.evaluate("document.documentElement.scrollWidth") <= 700
        colours = view.eval_on_selector_all("mark", "ms => ms.map(m => getComputedStyle(m).color)")
        body = view.evaluate("getComputedStyle(document.body).color")
        assert set(colours) == {body}
        paint = view.eval_on_selector_all(".even", "ls => ls.map(l => getComputedStyle(l).stroke)")
        assert paint and "none" not in paint
        view.close()


def test_outside_of_notebooks_nothing_changes(quick):
    assert repr(NAMES) == repr(list(NAMES)) and OUTSIDE not in {e.label for e in NAMES}
    assert ner.Tagger is Tagger
