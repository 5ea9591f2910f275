"""The page of names in a real browser: no error, no request, languages without a script, dark, narrow, cut short."""

import re

import pytest
from browser import opened

from chainrule.ner.entity import Alternative, Entity
from chainrule.ner.found_page import after, before, record

LABELS = ["PER", "LOC", "ORG", "DATE", "WORK", "EVENT", "OTHER"]
TEXT = "Helen Marsh flew to Berlin <b>on</b> Monday"
FOUND = [
    Entity(0, 11, "PER", 0.97, "Helen Marsh", (Alternative("O", 0.02),)),
    Entity(20, 26, "LOC", 0.4, "Berlin", (Alternative("ORG", 0.3),)),
]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    texts = [record(k, text, found, LABELS) for k, (text, found) in enumerate([(TEXT, FOUND), ("x" * 500, [])], 1)]
    place = tmp_path_factory.mktemp("found") / "found.html"
    place.write_text("\n".join([before("m"), *texts, after("m", 2, {"PER": 1, "LOC": 1}, LABELS)]))
    return place


@pytest.mark.parametrize(("width", "scheme"), [(1300, "light"), (420, "dark")])
def test_it_fits_and_speaks_korean(browser, path, width, scheme):
    with opened(browser, path, scheme=scheme, viewport={"width": width, "height": 900}) as shown:
        assert shown.evaluate("document.documentElement.scrollWidth") == width
        assert shown.locator("p.found .text").first.inner_text().startswith("Helen Marsh")
        assert shown.locator("mark.doubt").inner_text().startswith("Berlin")
        assert shown.locator(".legend").bounding_box()["y"] < shown.locator("p.found").first.bounding_box()["y"]
        assert shown.locator("h1").inner_text() == "Names found"
        shown.locator("label:has(#in-ko)").click()
        assert shown.locator("h1").inner_text() == "찾은 개체명"
        assert "개체명 2개" in shown.locator(".legend h2").inner_text()
        assert shown.locator("[lang=en]:not(html):visible").count() == 0


def test_every_label_can_be_read_in_light_and_dark(browser, path):
    for scheme in ("light", "dark"):
        with opened(browser, path, scheme=scheme) as shown:
            pairs = shown.locator("mark").evaluate_all(
                "all => all.map(e => { const s = getComputedStyle(e); return [s.color, s.backgroundColor]; })"
            )
            for pair in pairs:
                ink, paper = (luminance(colour) for colour in pair)
                assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) > 7


def luminance(colour: str) -> float:
    numbers = [float(x) for x in re.findall(r"[\d.]+", colour.replace("srgb", ""))][:3]
    share = [x if "srgb" in colour else x / 255 for x in numbers]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in share]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_page_that_is_cut_short_shows_what_it_has(browser, path, tmp_path):
    whole = path.read_text()
    (tmp_path / "cut.html").write_text(whole[: whole.index('<section class="card legend"')])
    with opened(browser, tmp_path / "cut.html") as shown:
        assert shown.locator("mark").count() == 2
        assert shown.locator("p.found").count() == 2
