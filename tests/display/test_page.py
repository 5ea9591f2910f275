"""The graph page as text: well-formed, closed to the network, whole without its script, right in its numbers."""

import json
import re
import zlib
from base64 import b64decode, b64encode
from hashlib import sha256
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

import chainrule as cr
from chainrule.display.draw_steps import walk
from chainrule.display.notebook import iframe
from chainrule.display.page import page
from chainrule.display.page_code import code
from chainrule.display.trace import trace
from chainrule.errors import SettingError

LECTURE = ("(x + y) * max(y, z)", {"x": 1, "y": 2, "z": 0})
LAYER = (
    "u' * relu(W*x + b)",
    {"W": [[1, -1, 0, 2], [0, 1, 1, -1], [-2, 0, 1, 1]], "x": [1, 2, 0, -1], "b": [4, 0, 1], "u": [1, -2, 3]},
)
THIRTY = (
    "(a*b + c*d) * exp(-(a - c)^2) + log(1 + x^2) * tanh(b*x) + w*d*(a + x) - 2*sin(w + c)",
    {"a": 0.7, "b": -1.2, "c": 2.5, "d": 0.3, "x": 0.5, "w": 1.25},
)
NEURON = ("1/(1+exp(-(w0*x0+w1*x1+w2)))", {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3})
TIE = ("max(0, 1 - s + t) * max(s, 2*t) * relu(1 - t) + abs(2 - s)", {"s": 2.0, "t": 1.0})
VOID = {"meta", "link", "input", "br", "hr"}


class Reader(HTMLParser):
    """Every tag is closed in order; what the page holds is collected."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"{tag} has an attribute twice: {attrs}"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)


def data_of(text: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


def files_of(text: str) -> dict:
    return json.loads(zlib.decompress(b64decode(data_of(text)["files"])))


@pytest.fixture(scope="module")
def lecture() -> str:
    return page(trace(*LECTURE))


@pytest.mark.parametrize("case", [LECTURE, LAYER, THIRTY, ("x", {"x": 2}), ("5", {}), ("x > y", {"x": 1, "y": 2})])
def test_every_tag_is_closed_and_every_identifier_stands_once(case):
    found = Reader(page(trace(*case)))
    marks = [attrs["id"] for _, attrs in found.tags if "id" in attrs]
    assert len(marks) == len(set(marks))


@pytest.mark.parametrize("case", [LECTURE, LAYER, THIRTY])
def test_drawings_and_formulas_are_xml(case):
    text = page(trace(*case))
    pieces = re.findall(r"<math>.*?</math>|<svg .*?</svg>", text, re.S)
    assert len(pieces) > 10
    for piece in pieces:
        ElementTree.fromstring(piece)


def test_the_policy_admits_the_style_and_the_script_of_the_page_alone(lecture):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="(.*?)"', lecture)[1]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    for kind in ("style", "script"):
        (inside,) = re.findall(rf"<{kind}>(.*?)</{kind}>", lecture, re.S)
        digest = b64encode(sha256(inside.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert not re.search(r'\s(?:style|on\w+)="', re.sub(r"<(style|script)\b.*?</\1>", "", lecture, flags=re.S))
    assert "connect-src" not in policy


def test_nothing_in_the_page_leads_out_of_it(lecture):
    known = {f"http://www.w3.org/{k}" for k in ("2000/svg", "1998/Math/MathML", "${tag", "1999/xhtml")}
    assert set(re.findall(r"https?://[^\"'\s<]+", lecture)) <= known
    assert "innerHTML" not in lecture and "eval(" not in lecture


def test_what_a_user_typed_is_text_and_nothing_else():
    text = page(trace("x + y  # </script><script>alert(1)</script><!-- \u2028 &amp;", {"x": 1, "y": 2}))
    found = Reader(text)
    assert [tag for tag, _ in found.tags].count("script") == 2
    assert "alert(1)</script>" in data_of(text)["formula"] and "alert(1)</" not in text
    assert "\u2028" not in text


def test_thirty_nodes_are_less_than_150_kilobytes():
    traced = trace(*THIRTY)
    assert len(traced.rows) >= 29
    assert len(page(traced).encode()) < 150_000


def test_without_the_script_the_final_state_is_there(lecture):
    for text in ("3 + 2 = 5", "3 × 1 = 3", "◂ 3", "y &gt; z: all goes to y", "np.maximum(y, z)", "Addition hands"):
        assert text in lecture
    visible = re.sub(r"<(style|script)\b.*?</\1>", "", lecture, flags=re.S)
    assert ">?<" not in re.sub(r'<text class="ask".*?</text>', "", visible)


def test_every_operation_and_every_input_has_a_panel_with_its_flows():
    traced = trace(*LECTURE)
    text = page(traced)
    assert sorted(map(int, re.findall(r'<section class="panel" data-n="(\d+)"', text))) == [
        row.id for row in traced.rows
    ]
    flows = re.findall(r'class="to flow" data-s="(\d+)" data-t="(\d+)" data-at3="[\d ]+"><b>(.*?)</b>', text)
    assert [(traced.rows[int(t)].name, traced.rows[int(s)].name, said) for s, t, said in flows] == [
        ("a", "x", "2 × 1 = 2"),
        ("a", "y", "2 × 1 = 2"),
        ("b", "y", "3 × 1 = 3"),
        ("b", "z", "3 × 0 = 0"),
        ("f", "a", "1 × 2 = 2"),
        ("f", "b", "1 × 3 = 3"),
    ]


def test_the_same_is_said_in_both_languages(lecture):
    english, korean = (len(re.findall(f'<(?:span|tspan) lang="{k}"', lecture)) for k in ("en", "ko"))
    assert english == korean > 40
    assert '<html lang="ko"' in page(trace(*LECTURE), "ko")
    with pytest.raises(SettingError, match="en and ko"):
        page(trace(*LECTURE), "de")  # type: ignore[arg-type]


def test_steps_are_said_with_their_numbers(lecture):
    said = [step["say"][0] for step in data_of(lecture)["steps"]]
    assert said[2] == "Forward 2 of 3. b = max(y, z) = max(2, 0) = 2"
    assert said[6] == "Backward 2 of 3. b receives 3 and sends 3 to y and 0 to z."
    assert said[-1] == "Done. ∂f/∂x = 2, ∂f/∂y = 5, ∂f/∂z = 0. y is used 2 times, so its gradients are added."


def test_the_files_in_the_page_are_those_that_python_writes(lecture):
    traced, files = trace(*LECTURE), files_of(lecture)
    assert json.loads(files["json"]) == traced.to_dict()
    assert {k: files[k] for k in ("tex", "tikz", "dot")} == {k: traced.written(k) for k in ("tex", "tikz", "dot")}


def test_large_arrays_are_left_out_of_the_data_of_a_page():
    big = trace("sum(sum(W.^2))", {"W": np.ones((100, 120))})
    text = page(big)
    (row, *_) = json.loads(files_of(text)["json"])["rows"]
    assert row["name"] == "W" and row["value"] is None and len(text) < 200_000


@pytest.mark.parametrize("case", [LECTURE, LAYER, THIRTY, NEURON, TIE])
def test_the_lines_of_python_compute_the_values_and_gradients_of_the_trace(case):
    traced = trace(*case)
    forward, backward = code(traced, walk(traced))
    known: dict = {"np": np, **{row.name: np.array(row.value) for row in traced.inputs}}
    exec("\n".join(line.text for line in (*forward, *backward)), known)
    for row in (*traced.inputs, *traced.operations):
        np.testing.assert_allclose(known[row.name], row.value, rtol=1e-12)
        if row.gradient is not None:
            np.testing.assert_allclose(known[f"d{row.name}"], row.gradient, rtol=1e-12)


def test_the_check_tells_a_kink_from_an_error():
    assert "kink: no gradient" in page(trace("max(x, y)", {"x": 1.0, "y": 1.0}))
    assert "kink" not in re.sub(
        r"<script.*?</script>", "", page(trace("max(x, y)", {"x": 1.0, "y": 2.0})), flags=re.S
    )


def test_the_head_shows_numbers_to_be_read():
    assert page(trace(*LECTURE)).count(" readonly") == 3


def test_a_notebook_holds_the_page_in_a_frame(lecture):
    ((tag, attrs),) = Reader(iframe(lecture)).tags
    assert tag == "iframe" and attrs["srcdoc"] == lecture and "allow-same-origin" not in attrs["sandbox"]
    assert set(trace(*LECTURE)._repr_mimebundle_()) == {"text/html", "image/svg+xml", "text/latex", "text/plain"}


def test_the_outer_product_has_cells_for_column_row_and_product():
    text = page(trace(*LAYER))
    (outer,) = re.findall(r'<svg class="maps map outer".*?</svg>', text, re.S)
    assert [len(re.findall(f'data-k="{k}"', outer)) for k in "dxw"] == [3, 4, 12]
    assert 'data-left="δ" data-right="x"' in text


def chain(times):
    x = cr.scalar("x")
    s = x
    for _ in range(times):
        s = cr.tanh(s) * 0.5 + x * 1.5 - 0.25
    return cr.trace(s, {"x": 0.3})


def test_a_page_of_thirty_nodes_is_small_and_holds_every_panel():
    traced = trace(*THIRTY)
    text = page(traced)
    assert len(text.encode()) < 110_000
    packed = json.loads(zlib.decompress(b64decode(data_of(text)["packed"])))
    assert len(packed["panels"]) == len(packed["names"]) == len(traced.rows)
    for row, html in zip(traced.rows, packed["panels"], strict=True):
        Reader(html)
        assert f'data-n="{row.id}"' in html
    assert text.count('class="panel"') == 1


def test_repetitions_that_share_an_operation_are_drawn_once_and_pages_grow_with_the_rows_alone():
    small, large = chain(30), chain(200)
    assert [(b.length, b.times) for b in large.blocks] == [(4, 199)]
    one, two = page(small), page(chain(120))
    value, slope = 0.3, 1.0
    for _ in range(200):
        h = np.tanh(value)
        value, slope = 0.5 * h + 0.45 - 0.25, 0.5 * (1 - h * h) * slope + 1.5
    assert large.gradients["x"] == pytest.approx(slope, rel=1e-12)
    assert len(two) < 4 * len(one) and two.count('class="node') == one.count('class="node')


def test_a_graph_that_no_browser_shows_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr("chainrule.display.page.MOST_ROWS", 100)
    with pytest.raises(SettingError, match=r"at most 100 nodes, and this graph has 105; write it as .json or"):
        page(chain(25))
    page(chain(20))


def test_arrays_without_entries_have_pages():
    for source, values in (
        ("sum(W @ x)", {"W": np.ones((0, 3)), "x": np.ones(3)}),
        ("sum(W*W)", {"W": np.ones((3, 0))}),
    ):
        Reader(page(trace(source, values)))


def test_a_notebook_shows_the_text_of_what_no_browser_shows(monkeypatch):
    monkeypatch.setattr("chainrule.display.trace.MOST_ROWS", 5)
    assert set(trace(*NEURON)._repr_mimebundle_()) == {"text/plain"}
    assert "text/html" in trace("x*x", {"x": 1})._repr_mimebundle_()


def test_a_number_in_the_head_is_short():
    assert 'value="0.3"' in page(trace("x*x", {"x": 0.1 + 0.2}))
