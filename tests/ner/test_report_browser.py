"""The report in a real browser: no error, no request that leaves it, hovering, clicking, both languages."""

import pytest

from chainrule.ner import Tagger, sample
from chainrule.ner.report import report
from chainrule.ner.report_page import page, save


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    parts, jobs = sample("en"), []
    tagger = Tagger.train(
        parts.train.of(parts.train.sentences[:80]), parts.dev, begin=jobs.append, epochs=4, hidden=9
    )
    place = tmp_path_factory.mktemp("report") / "report.html"
    save(page(report(jobs[0], tagger.run, parts.test)), place)
    return place


@pytest.fixture
def opened(browser, path):
    """A page, and what it complained of or asked for."""
    pages, trouble = [], []

    def make(**context):
        page = browser.new_page(**{"viewport": {"width": 1300, "height": 900}, **context})
        page.on("console", lambda said: trouble.append(said.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("request", lambda asked: None if asked.url == path.as_uri() else trouble.append(asked.url))
        page.goto(path.as_uri())
        pages.append(page)
        return page

    yield make
    for one in pages:
        one.close()
    assert not [line for line in trouble if not line.startswith("data:")]


def test_hovering_an_epoch_lights_it_in_every_chart_and_in_the_table(opened):
    page = opened()
    page.locator('g.at[data-epoch="2"] .hit').first.hover()
    assert page.locator('.at[data-epoch="2"].on').count() == page.locator('g.at[data-epoch="2"]').count() == 5
    assert page.locator("tr.on").get_attribute("data-epoch") == "2"
    assert page.locator('.at[data-epoch="2"] text.seen').first.evaluate("e => getComputedStyle(e).opacity") == "1"
    page.mouse.move(1, 1)
    assert page.locator(".on").count() == 0


def test_a_click_on_a_cell_opens_its_sentences_and_so_does_a_key(opened):
    page = opened()
    for use in (lambda cell: cell.click(), lambda cell: cell.press("Enter")):
        page.evaluate("for (const d of document.querySelectorAll('details')) d.open = false")
        cell = page.locator(".heat a").nth(3)
        cell.focus()
        use(cell)
        group = page.locator(cell.get_attribute("href"))
        assert group.get_attribute("open") == "" and group.locator(".sent").first.is_visible()
        assert page.locator("details[open]").count() == 1


def test_languages_and_colours_are_switched_and_remembered(opened):
    page = opened()
    title = page.locator("h1 span:visible")
    assert title.inner_text() == "Training report" and page.locator("html").get_attribute("lang") == "en"
    page.get_by_text("한국어").click()
    assert title.inner_text() == "훈련 보고서" and page.locator("html").get_attribute("lang") == "ko"
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("#dark").click()
    page.locator("#palette").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    page.reload()
    assert [page.locator(f"#{name}").get_attribute("aria-pressed") for name in ("dark", "palette")] == [
        "true",
        "true",
    ]


def test_without_a_script_everything_is_there(opened):
    page = opened(java_script_enabled=False)
    assert page.locator("figure svg.chart").count() == 6
    page.get_by_text("한국어").click()
    assert page.locator("h1 span:visible").inner_text() == "훈련 보고서"
    assert not page.locator("#dark").is_visible()


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1300, "light")])
def test_nothing_is_wider_than_the_window_and_no_names_overlap(opened, width, scheme):
    page = opened(viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    overlaps = page.evaluate("""() => {
        for (const group of document.querySelectorAll('details')) group.open = true;
        const boxes = [...document.querySelectorAll('.names td[colspan]')].map(e => e.getBoundingClientRect())
            .filter(b => b.width);
        return boxes.filter((a, i) => boxes.slice(i + 1).some(b =>
            a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)).length;
    }""")
    assert overlaps == 0
