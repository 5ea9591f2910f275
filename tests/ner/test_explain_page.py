"""The page of an explanation: what it holds, and how it behaves in a real browser."""

import re
from html import unescape

import pytest
from browser import opened

from chainrule.ner import Tagger, sample
from chainrule.ner.explain_methods import METHODS
from chainrule.ner.explain_page import LONGEST, page
from chainrule.ner.explain_page_parts import LEVELS, Bars, number, places, shade
from chainrule.ner.report_page import save

TRAIN = sample("en").train
SETTINGS = {"epochs": 25, "dropout": 0.0, "hidden": 8, "dimension": 6, "window": 5, "learning_rate": 0.2}


@pytest.fixture(scope="module")
def tagger():
    corpus = TRAIN.of(TRAIN.sentences[:25])
    return Tagger.train(corpus, corpus, features="suffix2, shape2", short_circuit="form", **SETTINGS)


@pytest.fixture(scope="module")
def text(tagger):
    """Some sentences with at least two names."""
    texts = [" ".join(s.tokens) for s in TRAIN.sentences[:25]]
    return "  <q>&  " + " ".join([text for text in texts if tagger.tag(text)][:4])


@pytest.fixture(scope="module")
def found(tagger, text):
    return tagger.explain(text, train=TRAIN.of(TRAIN.sentences[:25]), neighbours=2)


@pytest.fixture(scope="module")
def path(tmp_path_factory, found):
    place = tmp_path_factory.mktemp("explain") / "why.html"
    save(page(found, "runs/mine", "en"), place)
    return place


def test_a_page_needs_nothing_else_and_escapes_the_text(found, text):
    html = page(found, "a < b")
    assert not re.search(r"https?://", html)
    assert "a &lt; b" in html and "<q>" not in html
    whole = re.search(r'<p class="whole">(.*?)</p>', html, re.DOTALL)[1]
    shown = unescape(re.sub(r"<[^>]+>", "", re.sub(r" <small>.*?</small>", "", whole)))
    assert shown == text


def test_every_number_of_every_method_stands_in_it(found):
    html = page(found, "m")
    sections = re.findall(r'<section class="card reason".*?</section>', html, re.DOTALL)
    assert len(sections) == len(found.reasons) >= 2
    for section, reason in zip(sections, found.reasons, strict=True):
        for method in METHODS:
            digits = places(max(abs(word.adds[method]) for word in reason.words))
            strip = re.search(rf'<p class="shaded by {method}">(.*?)</p>', section, re.DOTALL)[1]
            assert re.findall(r'data-n="(.*?)"', strip) == [number(w.adds[method], digits) for w in reason.words]
        assert section.count("<mark>") == sum(len(w.nearest) for w in reason.windows) > 0
        assert "✓" in section and "✗" not in section


@pytest.mark.parametrize("text", ["", "  \n", "zzqx"])
def test_little_text_makes_a_page(tagger, text):
    html = page(tagger.explain(text), "m")
    assert ("There is no word in it." in html) == (not text.strip())
    assert ("No names were found." in html) == (bool(text.strip()) and not tagger.tag(text))


def test_long_texts_are_cut_and_that_is_said(tagger, text):
    many = " ".join([text] * (LONGEST // len(text) + 2))
    explained = tagger.explain(many, most=1)
    html = page(explained, "m")
    assert "The text is shown in part." in html
    assert f"{explained.left} of {len(explained.entities)} names are not explained" in html


def test_one_method_alone(tagger, text):
    html = page(tagger.explain(text, methods=["gradient"], of="margin", token=3), "m")
    assert html.count('type="radio" name="method"') == 1
    assert "integrated gradients" not in html


def test_bars_and_shades_grow_with_what_they_show():
    assert [shade(x) for x in (1, -1, 0, 0.05, 0.3)] == [f"rise{LEVELS}", f"fall{LEVELS}", "", "", "rise2"]
    bars = Bars([3, -1])
    wide = [float(re.search(r'<rect[^>]* width="([\d.]+)"', bars.of(x))[1]) for x in (3, -1)]
    assert wide[0] == pytest.approx(3 * wide[1], abs=0.2)
    assert "width" in Bars([0.0]).of(0.0)
    assert [number(-0.01234, places(0.01234)), number(4.7, 2), number(0, places(0))] == [
        "−0.0123",
        "+4.70",
        "+0.00",
    ]


# ── in a browser ──────────────────────────────────────────────────────────────────────────────────────


def test_a_method_is_chosen_and_a_word_tells_its_number(browser, path, found):
    with opened(browser, path) as shown:
        assert shown.locator(".shaded:visible").count() == len(found.reasons)
        shown.locator("label", has=shown.locator("#by-occlusion")).click()
        visible = shown.locator(".shaded:visible")
        assert visible.count() == len(found.reasons)
        word = visible.first.locator(".w").nth(2)
        digits = places(max(abs(w.adds["occlusion"]) for w in found.reasons[0].words))
        told = number(found.reasons[0].words[2].adds["occlusion"], digits)
        content = "e => getComputedStyle(e, '::after').content"
        assert word.evaluate(content) == "none"
        word.hover()
        assert word.evaluate(content) == f'"{told}"'
        shown.mouse.move(1, 1)
        word.focus()
        assert word.evaluate(content) == f'"{told}"'


def test_a_name_leads_to_its_reasons(browser, path, found):
    with opened(browser, path) as shown:
        shown.locator("a.name").nth(1).click()
        assert shown.locator(".reason:target h2 b").first.inner_text() == found.reasons[1].text
        assert shown.locator("details[open] .nearest:visible").count() == len(found.reasons)
        shown.locator(".reason:target summary").first.click()
        assert shown.locator(".reason:target .features:visible").count() == 1


@pytest.mark.parametrize("width", [1300, 420])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_speaks_korean(browser, path, width, scheme):
    with opened(browser, path, scheme=scheme, viewport={"width": width, "height": 900}) as shown:
        assert shown.evaluate("document.documentElement.scrollWidth") == width
        shown.locator("label:has(#in-ko)").click()
        assert shown.locator("h1").inner_text() == "왜 이 이름인가"
        assert shown.locator("[lang=en]:visible").count() == 0
        colour = shown.locator(".w.rise5:visible").first.evaluate("e => getComputedStyle(e).backgroundColor")
        shown.locator("#palette").click()
        assert (
            shown.locator(".w.rise5:visible").first.evaluate("e => getComputedStyle(e).backgroundColor") != colour
        )
