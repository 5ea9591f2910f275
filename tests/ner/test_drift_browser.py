"""The page of a drift in a real browser: no error, no request that leaves it, hovering, languages, narrow screens."""

import numpy as np
import pytest
from browser import opened

from chainrule.ner.drift import drift
from chainrule.ner.drift_page import page
from chainrule.ner.report_page import save
from chainrule.ner.vectors import Vectors


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    rng = np.random.default_rng(5)
    before = rng.normal(size=(40, 6)).astype(np.float32)
    before[1:3] = before[0] + 0.1 * before[1:3]
    after = before.copy()
    after[:2] += rng.normal(size=6).astype(np.float32) * 2
    words = [
        "tv",
        "telly",
        "television",
        *("".join(map(chr, rng.integers(97, 123, 7))) for _ in range(36)),
        "서울",
    ]
    place = tmp_path_factory.mktemp("drift") / "drift.html"
    save(page(drift(Vectors(words, before), Vectors(words, after)), "a → b", ["tv", "television", "서울"]), place)
    return place


def test_a_word_is_told_of_when_it_is_pointed_at_and_lights_up_in_the_table(browser, path):
    with opened(browser, path) as shown:
        word = shown.locator("g.word.lost.asked")
        row = word.get_attribute("data-row")
        told = word.locator("text.seen")
        assert told.evaluate("e => getComputedStyle(e).opacity") == "0"
        word.locator(".hit").hover(force=True)
        assert told.evaluate("e => getComputedStyle(e).opacity") == "1"
        assert told.text_content().startswith("television · moved 0")
        assert shown.locator("tr.on").get_attribute("data-row") == row
        shown.mouse.move(1, 1)
        assert shown.locator(".on").count() == 0
        word.focus()
        assert told.evaluate("e => getComputedStyle(e).opacity") == "1"


@pytest.mark.parametrize("width", [1300, 420])
def test_it_fits_and_speaks_korean_and_is_dark(browser, path, width):
    with opened(browser, path, scheme="dark", viewport={"width": width, "height": 900}) as shown:
        assert shown.evaluate("document.documentElement.scrollWidth") == width
        shown.locator("label:has(#in-ko)").click()
        assert shown.locator("h1").inner_text() == "단어 벡터의 이동"
        assert shown.locator("text.label", has_text="서울").count() == 1
        assert shown.locator("[lang=en]:visible").count() == 0
