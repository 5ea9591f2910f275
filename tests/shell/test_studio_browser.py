"""The studio in a real browser: examples, live edits, errors, derivations, Back, keys, languages, and the tagger."""

import json
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from chainrule.display.gallery import EXAMPLES, GALLERY
from chainrule.display.trace import trace
from chainrule.ner import Tagger, sample
from chainrule.ner.explain_methods import GRADIENT
from chainrule.shell.studio import served


@pytest.fixture(scope="module")
def studio(model):
    """A studio with one model, on a free port."""
    with served([model], 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def visit(browser, studio):
    """Open a page of the studio; afterwards it must have complained of nothing and asked nobody but itself."""

    @contextmanager
    def opened(where="", **context):
        trouble: list[str] = []
        place = browser.new_context(**{"viewport": {"width": 1480, "height": 900}, **context})
        page = place.new_page()
        page.on("console", lambda said: trouble.append(said.text))
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("request", lambda asked: trouble.append(asked.url))
        page.goto(studio.address + where)
        yield page
        place.close()
        assert [line for line in trouble if not line.startswith((studio.address, "data:", "blob:"))] == []

    return opened


def computed(view, text, values, combine=False):
    """Wait until the page shows this formula with these values."""
    view.wait_for_function(
        """([f, v, one]) => {
            const told = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
            const sorted = held => JSON.stringify(Object.entries(held).sort());
            return JSON.parse(document.querySelector('#data').textContent).formula === f && (told.one === '1') === one
                && told.v !== undefined && sorted(JSON.parse(told.v)) === sorted(v)
                && document.querySelectorAll('.inputs .value').length === Object.keys(v).length;
        }""",
        arg=[text, values, combine],
    )


def written(number):
    return f"{float(number):.4g}".replace("-", "−")


def sums(view):
    return [e.text_content() for e in view.locator("#folded [data-sum]").all()]


def cell(view, label):
    return view.locator(f'.inputs [aria-label="{label}"]')


def type_formula(view, text):
    view.locator("#formula").fill(text)


def test_every_example_opens_and_steps_to_python_s_numbers(visit):
    with visit("#view=gallery") as view:
        for example in GALLERY:
            view.locator("nav a", has_text="Examples").click()
            view.locator(f'[data-example="{example.key}"]').click()
            computed(view, example.formula, dict(example.values), example.combine)
            assert view.locator("#look").inner_text() == example.look.en
            assert view.locator("#formula").input_value() == example.formula
            assert view.locator(".value.changed").count() == 0
            view.keyboard.press("Home")
            assert view.locator("#folded .pending").count()
            for _ in range(3):
                view.keyboard.press("ArrowRight")
            view.keyboard.press("End")
            assert view.locator("#cap").text_content().startswith("Done."), example.key
            assert view.locator("#folded .pending").count() == 0
            known = trace(example.formula, example.values, combine=example.combine)
            found = [text.split(" = ")[-1] for text in sums(view)]
            assert found == [written(row.gradient) for row in known.inputs if not row.shape], example.key
            assert view.locator("#check td.ok, #check td [lang=en]").count() == len(known.inputs)
            assert view.evaluate("document.documentElement.scrollWidth") <= 1480


def test_live_edits_equal_python_s_numbers(visit):
    with visit() as view:
        assert sums(view) == ["2", "3 + 2 = 5", "0"]
        cell(view, "z").fill("3")
        computed(view, "(x + y) * max(y, z)", {"x": 1, "y": 2, "z": 3})
        assert sums(view) == ["3", "0 + 3 = 3", "3"]
        type_formula(view, "x*y + exp(-z)")
        computed(view, "x*y + exp(-z)", {"x": 1, "y": 2, "z": 3})
        known = trace("x*y + exp(-z)", {"x": 1, "y": 2, "z": 3})
        assert sums(view) == ["2", "1", written(known.gradients["z"])]


def test_matrices_are_edited_entry_by_entry_and_shapes_follow(visit):
    with visit(EXAMPLES["layer"].link) as view:
        cell(view, "W[2, 3]").wait_for()
        values = json.loads(json.dumps(EXAMPLES["layer"].values))
        cell(view, "W[2, 3]").fill("−2.5")
        values["W"][1][2] = -2.5
        computed(view, EXAMPLES["layer"].formula, values)
        known = trace(EXAMPLES["layer"].formula, values)
        assert view.locator(".lines .v").last.text_content() == written(known.result.value)
        cell(view, "W[2, 3]").press("ArrowDown")
        assert view.evaluate("document.activeElement.ariaLabel") == "W[3, 3]"
        shape = view.locator('.value[data-name="W"] .shape')
        shape.fill("3x2")
        shape.press("Tab")
        view.locator('.value.changed[data-name="x"]').wait_for()
        assert view.locator('.value[data-name="x"] .cell').count() == 2
        shape.fill("3×0")
        shape.press("Tab")
        assert "is no shape" in view.locator("#problem").text_content()


def test_a_mistake_is_underlined_and_the_last_graph_stays(visit):
    with visit() as view:
        type_formula(view, "(x + y) * mx(y, z)")
        view.locator("#problem", has_text="unknown function mx; did you mean max?").wait_for()
        assert view.locator(".under mark").text_content() == "mx"
        assert view.locator(".under").text_content() == "(x + y) * mx(y, z)"
        assert sums(view) == ["2", "3 + 2 = 5", "0"] and view.locator("#kept").is_visible()
        type_formula(view, "(x + y) * max(y, z) * 2")
        view.locator("#problem").filter(has_not_text="mx").wait_for(state="attached")
        computed(view, "(x + y) * max(y, z) * 2", {"x": 1, "y": 2, "z": 0})
        assert not view.locator("#kept").is_visible() and view.locator(".under mark").count() == 0
        cell(view, "x").fill("one")
        assert view.locator("#problem").text_content() == "x: is not a number"
        assert cell(view, "x").get_attribute("aria-invalid") == "true"


def test_text_that_looks_like_markup_stays_text(visit):
    with visit() as view:
        for text in ("<img src=x onerror=alert(1)>", "x + '</textarea><script>alert(1)</script>'"):
            type_formula(view, text)
            view.locator("#problem").filter(has_text=" ").wait_for()
            assert view.locator(".under").text_content().rstrip() in (text, "")
        assert view.locator("img, body > script:not([src]):not([type])").count() == 0


def test_the_address_holds_the_state_and_back_goes_back(visit):
    with visit() as view:
        view.locator("nav a", has_text="Examples").click()
        view.locator('[data-example="product"]').click()
        computed(view, "q = x + y; f = q * z", {"x": -2, "y": 5, "z": -4})
        cell(view, "x").fill("4")
        computed(view, "q = x + y; f = q * z", {"x": 4, "y": 5, "z": -4})
        shared = view.url
        view.go_back()
        view.locator("#gallery").wait_for()
        view.go_back()
        assert sums(view) == ["2", "3 + 2 = 5", "0"] or view.locator("#folded").is_visible()
        with visit(shared.split("/", 3)[3]) as other:
            computed(other, "q = x + y; f = q * z", {"x": 4, "y": 5, "z": -4})
            assert sums(other) == ["−4", "−4", "9"]


def test_the_derivation_stands_beside_the_graph(visit):
    with visit(
        EXAMPLES["two-layers"].link + "&view=derivation", permissions=["clipboard-read", "clipboard-write"]
    ) as view:
        view.locator(".derived.results").wait_for()
        assert view.locator("#derived .results tr").count() == 6
        assert view.locator("#folded svg").is_visible() and view.locator("#derivation").is_visible()
        assert "agrees with the complex step" in view.locator("#derived .proof").text_content()
        before = view.locator("#derived").text_content()
        view.locator("#detail").select_option("1")
        view.wait_for_function("t => document.querySelector('#derived').textContent !== t", arg=before)
        view.locator("#wrt").fill("W1")
        view.wait_for_function("() => document.querySelectorAll('#derived .results tr').length === 1")
        view.locator("#sources summary", has_text="LaTeX").click()
        view.locator('[data-copy="latex"]').click()
        view.locator('[data-copy="latex"].done').wait_for()
        assert view.evaluate("navigator.clipboard.readText()").startswith(r"\begin{aligned}")
        view.locator("#wrt").fill("nothing")
        view.locator("#wrong", has_text="nothing").wait_for()


def test_with_the_keyboard_alone(visit):
    with visit() as view:
        reached = []
        for _ in range(40):
            view.keyboard.press("Tab")
            reached.append(view.evaluate("document.activeElement.id || document.activeElement.ariaLabel || ''"))
            if reached[-1] == "x":
                break
        assert "formula" in reached and reached[-1] == "x"
        view.keyboard.press("Control+a")
        view.keyboard.type("3")
        computed(view, "(x + y) * max(y, z)", {"x": 3, "y": 2, "z": 0})
        assert view.evaluate("document.activeElement.ariaLabel") == "x"
        view.keyboard.press("Enter")
        assert view.evaluate("document.activeElement.ariaLabel") == "y"
        view.locator("#formula").focus()
        view.keyboard.press("Control+a")
        view.keyboard.type("x*x")
        computed(view, "x*x", {"x": 3})
        assert view.evaluate("document.activeElement.id") == "formula"


@pytest.mark.parametrize(("width", "scheme"), [(1000, "dark"), (400, "light")])
def test_nothing_runs_out_of_the_window(visit, studio, width, scheme):
    window, layers = EXAMPLES["window"].link, EXAMPLES["two-layers"].link
    with visit(window, viewport={"width": width, "height": 860}, color_scheme=scheme) as view:
        for where in (window, "#view=gallery", f"{layers}&view=derivation", "tagger"):
            view.goto(studio.address + where)
            view.wait_for_load_state("networkidle")
            assert view.evaluate("document.documentElement.scrollWidth") <= width, where


def test_both_languages(visit):
    with visit() as view:
        view.locator(".switch label").nth(1).click()
        assert view.locator("nav a").first.inner_text() == "그래프"
        assert view.locator("#syntax option").first.text_content() == "자동"
        view.locator("nav a", has_text="예제").click()
        assert view.locator('[data-example="gates"] h3').inner_text() == "덧셈, 곱셈, max"
        view.locator("nav a", has_text="개체명 인식").click()
        view.wait_for_load_state()
        assert view.locator("h1").inner_text() == "글 속의 이름"


def test_the_tagger_shows_names_and_why(visit, model):
    tagger = Tagger.load(model)
    texts = [" ".join(sentence.tokens) for sentence in sample("en").train.sentences[:20]]
    text = next(text for text in texts if tagger.tag(text))
    with visit("tagger") as view:
        view.locator("#text").fill(text)
        name = tagger.tag(text)[0]
        view.locator(".word.name", has_text=name.text).first.wait_for()
        assert view.locator(".word.name").count() == len(tagger.tag(text))
        first = tagger.explain(text, methods=[GRADIENT]).reasons[0]
        shown = [
            float(e.text_content()) for e in view.locator(".reason:not([hidden]) .shares td:nth-child(3)").all()
        ]
        np.testing.assert_allclose(shown, first.shares(GRADIENT), atol=0.0051)
        view.locator(".word:not(.name)").first.focus()
        view.keyboard.press("Enter")
        assert "→ O" in view.locator(".reason:not([hidden]) h2").first.text_content()
        view.locator("#dark").click()
        assert view.locator("#dark").get_attribute("aria-pressed") == "true"
        view.reload()
        view.locator(".word.name").first.wait_for()
        assert view.locator("#text").input_value() == text
