"""The graph page in a real browser: steps, links, keys, exports, colours, languages, narrow windows, no script."""

import json
import struct
from xml.etree import ElementTree

import pytest
from browser import opened

from chainrule.display.notebook import iframe
from chainrule.display.page import page
from chainrule.display.studio import computed
from chainrule.display.trace import trace

LECTURE = ("(x + y) * max(y, z)", {"x": 1, "y": 2, "z": 0})
LAYER = (
    "u' * relu(W*x + b)",
    {"W": [[1, -1, 0, 2], [0, 1, 1, -1], [-2, 0, 1, 1]], "x": [1, 2, 0, -1], "b": [4, 0, 1], "u": [1, -2, 3]},
)
THIRTY = (
    "(a*b + c*d) * exp(-(a - c)^2) + log(1 + x^2) * tanh(b*x) + w*d*(a + x) - 2*sin(w + c)",
    {"a": 0.7, "b": -1.2, "c": 2.5, "d": 0.3, "x": 0.5, "w": 1.25},
)
REPEATED = ("; ".join(f"h{k + 1} = tanh(w*h{k})" for k in range(9)) + "; s = 2*h9", {"w": 0.7, "h0": 1.5})


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The page of a trace as a file."""

    def write(text, values, lang="en"):
        path = tmp_path_factory.mktemp("page") / "graph.html"
        path.write_text(page(trace(text, values), lang), "utf-8")
        return path

    return write


def shown(view, what):
    """The texts of what is seen."""
    return [e.text_content() for e in view.locator(what).all() if e.is_visible()]


def sums(view):
    return shown(view, "svg.graph [data-sum]")


def test_stepping_to_the_end_gives_the_numbers_of_the_lecture(browser, written):
    with opened(browser, written(*LECTURE)) as view:
        assert sums(view) == ["2", "3 + 2 = 5", "0"]
        view.keyboard.press("Home")
        assert sums(view) == ["∂", "∂", "∂"]
        assert shown(view, ".pill.v text") == ["1", "2", "2", "0", "?", "?", "?"]
        assert not view.locator("#check table").is_visible()
        said = []
        for _ in range(8):
            view.keyboard.press("ArrowRight")
            said.append((sums(view), view.locator("#cap").text_content()))
        assert said[5][0] == ["∂", "3 + …", "0"] and said[5][1].startswith("Backward 2 of 3. b receives 3")
        assert said[-1][0] == ["2", "3 + 2 = 5", "0"] and said[-1][1].startswith(
            "Done. ∂f/∂x = 2, ∂f/∂y = 5, ∂f/∂z = 0"
        )
        assert view.locator("#check .ok").count() == 3 and view.locator("#check table").is_visible()
        view.keyboard.press("ArrowLeft")
        view.keyboard.press("ArrowLeft")
        assert sums(view) == ["∂", "3 + …", "0"]
        assert shown(view, ".panel .sum mn") == ["3 + ?"]


def test_the_keyboard_alone_reaches_every_node_and_its_panel(browser, written):
    with opened(browser, written(*LECTURE)) as view:
        met = []
        for _ in range(60):
            view.keyboard.press("Tab")
            node = view.evaluate("document.activeElement.closest('.node')?.dataset.n ?? null")
            if node is not None and node not in met:
                met.append(node)
                view.keyboard.press("Enter")
                assert view.locator(".panel.on").get_attribute("data-n") == node
        assert sorted(met) == list("012345")
        view.keyboard.press("Home")
        view.keyboard.press("End")
        assert view.locator("#cap").text_content().startswith("Done.")


def test_formula_lists_code_graph_and_panel_are_linked(browser, written):
    with opened(browser, written(*LECTURE)) as view:
        view.locator('.node[data-n="4"]').click()
        assert view.locator("header .hl").text_content().startswith("max")
        assert shown(view, ".lines li.hl span.v") == ["2"]
        assert "b = np.maximum(y, z)" in shown(view, ".code .hl")
        boxes = [e.text_content() for e in view.locator(".panel.on .eq b").all()]
        assert boxes == ["3", "1", "3", "3", "0", "0"]
        assert shown(view, ".local text") == ["1", "0"] and shown(view, ".from [lang=en]") == ["upstream of b"]
        view.locator("header [data-n='3']").first.click(position={"x": 3, "y": 3})
        assert view.locator(".panel.on").get_attribute("data-n") in ("3", "0")
        view.locator(".track [data-step='6']").click()
        assert view.locator(".panel.on").get_attribute("data-n") == "4"
        assert view.locator(".panel.on .flow math").count() >= 2


def test_a_cell_of_the_outer_product_lights_its_row_and_its_column(browser, written):
    with opened(browser, written(*LAYER)) as view:
        view.locator(".lines li").first.click()
        view.locator('.panel.on .outer [data-k="w"][data-i="1"][data-j="1"]').hover(force=True)
        lit = [
            (e.get_attribute("data-k"), e.get_attribute("data-i"), e.get_attribute("data-j"))
            for e in view.locator(".outer .ch").all()
        ]
        assert sorted(lit) == [("d", "1", "0"), ("w", "1", "1"), ("x", "0", "1")]
        assert view.locator(".panel.on .says").text_content() == "(2, 2):  δ₂ · x₂ = −2 · 2 = −4"
        view.keyboard.press("Home")
        assert view.locator(".node.input .map.g.pending").count() == 4


def test_every_export_is_saved_and_well_formed(browser, written):
    with opened(browser, written(*LECTURE)) as view:
        found = {}
        for kind in ("svg", "png", "tex", "tikz", "dot", "json"):
            view.locator(".menu summary").click()
            with view.expect_download() as saved:
                view.locator(f'[data-export="{kind}"]').click()
            with open(saved.value.path(), "rb") as file:
                found[kind] = file.read()
    root = ElementTree.fromstring(found["svg"])
    fills = {e.get("fill") for e in root.iter("{http://www.w3.org/2000/svg}rect")}
    assert "rgb(227, 244, 236)" in fills and b"var(" not in found["svg"] and b"data-" not in found["svg"]
    assert b"?" not in b"".join(e.text.encode() for e in root.iter() if e.text)
    width, height = struct.unpack(">II", found["png"][16:24])
    assert found["png"].startswith(b"\x89PNG") and width > 1000 and height > 500
    traced = trace(*LECTURE)
    assert json.loads(found["json"]) == traced.to_dict()
    assert found["tex"].decode() == traced.written("tex") and found["tikz"].decode() == traced.written("tikz")
    assert found["dot"].decode() == traced.written("dot")


def test_language_darkness_and_palette_are_switched_and_remembered(browser, written):
    with opened(browser, written(*LECTURE), scheme="dark") as view:

        def colour(name):
            return view.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('--{name}')")

        assert colour("val") == "#5fd3a4" and view.locator("#dark").get_attribute("aria-pressed") == "true"
        view.locator("#dark").click()
        assert colour("val") == "#00704f"
        view.locator("#palette").click()
        assert colour("val") == "#005ea8"
        view.locator(".switch label").nth(1).click()
        assert view.locator(".panel.on h2").inner_text() == "노드 f: 교환기"
        view.keyboard.press("ArrowLeft")  # the arrow steps, it does not choose a language
        assert view.locator("#cap").text_content().startswith("역전파 3/3. a: 상류 기울기 2.")
        view.reload()
        assert colour("val") == "#005ea8" and view.evaluate("document.documentElement.lang") == "ko"
        assert view.locator("#palette").get_attribute("aria-pressed") == "true"


def test_repetitions_are_unfolded(browser, written):
    with opened(browser, written(*REPEATED)) as view:
        assert view.locator("#folded .node.block").is_visible() and not view.locator("#full").is_visible()
        view.locator("#whole").click()
        assert view.locator("#full .node").first.is_visible() and not view.locator("#folded").is_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1480, "light"), (1000, "dark"), (400, "light")])
def test_nothing_runs_out_of_the_window(browser, written, width, scheme):
    with opened(browser, written(*LAYER), scheme=scheme, viewport={"width": width, "height": 860}) as view:
        assert view.evaluate("document.documentElement.scrollWidth") <= width
        for key in ("Home", "ArrowRight", "End"):
            view.keyboard.press(key)
            assert view.locator("footer").bounding_box()["width"] <= width


def test_without_the_script_the_picture_and_every_explanation_are_there(browser, written):
    with opened(browser, written(*LECTURE), java_script_enabled=False) as view:
        assert sums(view) == ["2", "3 + 2 = 5", "0"]
        assert len(shown(view, ".panel")) == 6 and not view.locator("footer").is_visible()
        assert "3 × 1 = 3" in view.locator('.panel[data-n="4"]').inner_text()


def test_a_page_takes_what_another_script_has_had_computed(browser, written):
    tell = "html => document.dispatchEvent(new CustomEvent('computed', {detail: html}))"
    with opened(browser, written(*LECTURE)) as view:
        view.keyboard.press("ArrowLeft")
        view.keyboard.press("ArrowLeft")
        view.evaluate(tell, computed(trace(LECTURE[0], {"x": 1, "y": 2, "z": 3})))
        view.locator("#cap", has_text="Backward 2 of 3. b receives 3 and sends 0 to y").wait_for()
        assert sums(view) == ["∂", "0 + …", "3"]
        view.evaluate(tell, computed(trace("x*x", {"x": 3})))
        view.locator("#cap", has_text="∂f/∂x = 6").wait_for()
        assert sums(view) == ["3 + 3 = 6"] and view.locator(".panel.on").get_attribute("data-n") == "1"


def test_the_page_works_in_the_frame_of_a_notebook(browser, tmp_path):
    path = tmp_path / "notebook.html"
    path.write_text(f"<!doctype html><meta charset=utf-8>{iframe(page(trace(*LECTURE)))}", "utf-8")
    with opened(browser, path) as view:
        inside = view.frame_locator("iframe")
        inside.locator("#back").click()
        inside.locator("#back").click()
        inside.locator("#palette").click()  # a frame without a memory switches all the same
        assert inside.locator("#cap").text_content().startswith("Backward 2 of 3.")
        assert [e.text_content() for e in inside.locator("svg.graph [data-sum]").all()] == ["∂", "3 + …", "0"]


def test_the_table_of_checks_stands_beside_the_code_and_above_the_steps(browser, written):
    with opened(browser, written(*LAYER), viewport={"width": 1480, "height": 900}) as view:
        place = {key: view.locator(f"#{key}").bounding_box() for key in ("forward", "python", "check", "why")}
        below = place["forward"]["y"] + place["forward"]["height"]
        assert below <= place["check"]["y"] <= below + 20 and place["check"]["x"] == place["forward"]["x"]
        assert place["python"]["x"] > place["check"]["x"] + place["check"]["width"]
        view.evaluate("scrollTo(0, 1e6)")
        end = view.locator("#check").bounding_box()
        assert end["y"] + end["height"] <= view.locator("footer").bounding_box()["y"]
    with opened(browser, written(*LAYER, "ko"), viewport={"width": 1480, "height": 900}) as view:
        heights = [e.bounding_box()["height"] for e in view.locator(".track em").all()]
        assert max(heights) < 24
        assert shown(view, ".track em [lang=ko]") == ["순전파", "역전파"]


def test_panels_of_a_large_graph_are_unpacked_when_they_are_shown(browser, written):
    with opened(browser, written(*THIRTY)) as view:
        view.wait_for_selector("#cap b")
        assert view.locator(".panel").count() == 1 and shown(view, ".panel b[data-at]")[-1] == "−1"
        view.keyboard.press("Home")
        for k in range(9):
            view.keyboard.press("ArrowRight")
            (name,) = [t.split()[1] for t in shown(view, ".panel.on h2 [lang=en]")]
            assert view.locator("#cap").text_content().split(". ")[1].startswith(f"{name} = "), k
            assert set(shown(view, ".panel.on .box.u b")) <= {"?"}
        view.keyboard.press("End")
        view.locator("#folded .node[data-n='0']").click()
        assert shown(view, ".panel.on .why mn") == ["0.375 − 0.01269 − 0.047 = 0.3153"]


def test_a_large_page_without_its_script_shows_the_final_state_and_the_result(browser, written):
    with opened(browser, written(*THIRTY), java_script_enabled=False) as view:
        assert view.locator("#folded svg").is_visible() and len(shown(view, ".panel h2")) == 1
        assert "?" not in shown(view, ".pill.g text")
