"""The drawing: well-formed, complete, nothing on anything else, and the same in every form."""

import re
import struct
import zlib
from base64 import b64decode
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest
from clock import cost

from chainrule.display.draw import drawing, standalone
from chainrule.display.draw_export import dot, latex_of, tikz
from chainrule.display.draw_parts import LARGE, label_box, picture, written_at
from chainrule.display.draw_steps import walk
from chainrule.display.heat import figures, heat, is_small, png, pooled, size_of, strength
from chainrule.display.theme import COLOURS
from chainrule.display.trace import trace

SVG = "{http://www.w3.org/2000/svg}"
RNG = np.random.default_rng(5)
LECTURE = ("(x + y) * max(y, z)", {"x": 1, "y": 2, "z": 0})
NEURON = ("1/(1+exp(-(w0*x0+w1*x1+w2)))", {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3})
LAYER = (
    "u' * relu(W*x + b)",
    {"W": [[1, -1, 0, 2], [0, 1, 1, -1], [-2, 0, 1, 1]], "x": [1, 2, 0, -1], "b": [4, 0, 1], "u": [1, -2, 3]},
)
WIDE = (
    "u' * tanh(W*x + b)",
    {"W": RNG.normal(size=(30, 40)), "x": RNG.normal(size=40), "b": RNG.normal(size=30), "u": RNG.normal(size=30)},
)
ODD = ("sum(log(x) .* y)", {"x": [1.0, 0, -1, 2], "y": [1.0, 2, 0, -0.001234]})
NAMES = (
    "learning_rate * (temperature_outside - very_long_name_of_an_input) / lam",
    {"learning_rate": 1e-9, "temperature_outside": -273.15, "very_long_name_of_an_input": 6.02e23, "lam": 3.14},
)
LONG = (
    "; ".join(f"h{k + 1} = tanh(W*h{k} + b)" for k in range(12)) + "; s = u'*h12",
    {"W": RNG.normal(size=(3, 3)), "h0": RNG.normal(size=3), "b": RNG.normal(size=3), "u": RNG.normal(size=3)},
)
CASES = {
    "lecture": LECTURE,
    "neuron": NEURON,
    "layer": LAYER,
    "wide": WIDE,
    "odd": ODD,
    "names": NAMES,
    "long": LONG,
    "leaf": ("x", {"x": 2}),
}


@pytest.fixture(params=CASES, scope="module")
def traced(request):
    return trace(*CASES[request.param])


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def texts(root: ElementTree.Element, kind: str) -> list[str]:
    return [
        "".join(t.itertext()) for g in root.iter(f"{SVG}g") if g.get("class") == kind for t in g.iter(f"{SVG}text")
    ]


def test_the_drawing_is_well_formed_and_every_row_is_in_it(traced):
    root = parsed(drawing(traced, collapsed=False))
    drawn = {int(g.get("data-n")) for g in root.iter(f"{SVG}g") if g.get("data-n") and "data-from" not in g.attrib}
    assert drawn == {row.id for row in traced.rows}


def test_parts_and_labels_do_not_lie_on_one_another(traced):
    shown = picture(traced)
    around = [(x, y, p.box) for (x, y), p in zip(shown.places.boxes, shown.parts, strict=True)]
    for link, at in zip(shown.links, shown.places.labels, strict=True):
        if at:
            value, gradient = written_at(traced, link)
            around.append((*at, label_box(value if link.value else None, gradient if link.gradient else None)))
    for (x, y, a), (u, v, b) in combinations(around, 2):
        assert abs(x - u) >= (a.width + b.width) / 2 - 1e-6 or abs(y - v) >= (a.height + b.height) / 2 - 1e-6


def test_every_wire_is_drawn_once_between_the_rows_of_its_flow(traced):
    shown = picture(traced, collapsed=False)
    flows = sorted((f.source, f.target) for row in traced.operations for f in row.inputs)
    assert sorted((k.flow.source, k.flow.target) for k in shown.links if k.flow) == flows
    for link in shown.links:
        if link.flow:
            assert shown.parts[link.source].row.id == link.flow.source
            assert shown.parts[link.target].row.id == link.flow.target


def test_the_lecture_has_its_numbers_on_the_wires():
    root = parsed(drawing(trace(*LECTURE)))
    assert sorted(texts(root, "pill v")) == ["0", "1", "2", "2", "2", "3", "6"]
    assert sorted(texts(root, "pill g")) == ["◂ 0", "◂ 1", "◂ 2", "◂ 2", "◂ 2", "◂ 3", "◂ 3"]
    sums = [t.text for t in root.iter(f"{SVG}text") if t.get("data-sum")]
    assert sums == ["2", "3 + 2 = 5", "0"]


def test_values_are_above_their_wire_and_gradients_below_it():
    root = parsed(drawing(trace(*LECTURE)))
    for label in (g for g in root.iter(f"{SVG}g") if g.get("class") == "at"):
        heights = {
            g.get("class"): float(g.find(f"{SVG}rect").get("y"))
            for g in label
            if g.get("class", "").startswith("pill")
        }
        assert heights["pill v"] < -20 and heights["pill g"] > 0  # the wire runs at 0


def test_the_file_that_stands_alone_names_its_colours_and_needs_nothing():
    text = standalone(trace(*LAYER))
    parsed(text)
    assert "var(" not in text and "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert COLOURS["val"][0] in text and COLOURS["val"][1] not in text
    assert COLOURS["val"][1] in standalone(trace(*LAYER), dark=True)


def test_a_large_graph_has_its_leaves_beside_their_uses():
    many = " + ".join(f"w*x{k}" for k in range(LARGE))
    shown = picture(trace(many, {"w": 2, **{f"x{k}": k for k in range(LARGE)}}), collapsed=False)
    kinds = [part.kind for part in shown.parts if part.row.name == "w"]
    assert sorted(kinds) == ["input", *["reference"] * (LARGE - 1)]
    assert all(
        len({link.target for link in shown.links if link.source == k}) == 1
        for k, p in enumerate(shown.parts)
        if p.row.name == "w"
    )


def test_repetitions_are_drawn_once():
    said = trace(*LONG)
    (block,) = said.blocks
    folded, whole = picture(said), picture(said, collapsed=False)
    boxes = [part for part in folded.parts if part.kind == "block"]
    assert len(boxes) == 1 and not [p for p in whole.parts if p.kind == "block"]
    gates = [sum(part.kind == "gate" for part in shown.parts) for shown in (folded, whole)]
    assert gates[1] - gates[0] == block.length * (block.times - 1)
    assert f'data-past="{block.first + block.length * block.times}"' in drawing(said)


def test_steps_go_forward_and_back_and_know_what_is_known_when():
    said = trace(*LECTURE)
    steps = walk(said)
    assert [s.kind for s in steps.steps] == ["start", *["forward"] * 3, "seed", *["backward"] * 3, "done"]
    assert [s.row.name for s in steps.steps if s.row] == ["a", "b", "f", "f", "f", "b", "a"]
    assert steps.arrivals(said["y"]) == "6 3;7 2"
    for row in said.operations:
        assert steps.value(row) > max(steps.value(said.rows[f.source]) for f in row.inputs)
        assert all(steps.sent(f) > steps.gradient(row) - (row is said.result) for f in row.inputs)


# ── heat maps ─────────────────────────────────────────────────────────────────────────────────────────


def test_small_arrays_show_their_numbers_and_value_and_gradient_are_of_one_size():
    array = np.array([[1.0, -2.5, np.nan], [np.inf, 0.0, -np.inf]])
    assert figures(array) == [["1", "−2.5", "X"], ["I", "0", "−I"]]
    assert size_of(array).height == size_of(np.zeros((2, 3))).height
    root = parsed(f'<svg xmlns="http://www.w3.org/2000/svg">{heat(array, 0, 0, "g")}</svg>')
    cells = [r for r in root.iter(f"{SVG}rect") if r.get("class", "").startswith("cell")]
    assert [c.get("class") for c in cells] == ["cell pos", "cell neg", "cell odd", "cell odd", "cell", "cell odd"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1"),
        (-12.345, "−12.3"),
        (0.01, "0.01"),
        (-4e-7, "−4e−7"),
        (0.9996, "1"),
        (1234.5, "1234"),
        (6.02e23, "6e23"),
        (0.000123, "1e−4"),
        (99.96, "100"),
    ],
)
def test_numbers_in_cells_are_short(number, text):
    assert figures(np.array([number])) == [[text]] and len(text) <= 6


def test_large_arrays_are_thumbnails_of_their_largest_entries():
    array = np.zeros((100, 150))
    array[50, 70], array[3, 4] = -8.0, 4.0
    assert not is_small(array)
    small = pooled(strength(array))
    assert max(small.shape) <= 38 and small.min() == -1 and small.max() == 0.5
    root = parsed(f'<svg xmlns="http://www.w3.org/2000/svg">{heat(array, 0, 0, "v")}</svg>')
    (image,) = root.iter(f"{SVG}image")
    data = b64decode(image.get("href").removeprefix("data:image/png;base64,"))
    assert struct.unpack(">II", data[16:24]) == small.shape[::-1]
    assert "−8 … 4" in [t.text for t in root.iter(f"{SVG}text")]


def test_pictures_are_png_with_what_is_no_number_in_grey():
    data = png(np.array([[1.0, -1.0, 0.0, np.nan]]))
    size = struct.unpack(">I", data[33:37])[0]
    line = zlib.decompress(data[41 : 41 + size])
    pixels = [tuple(line[1 + 4 * k : 5 + 4 * k]) for k in range(4)]
    colours = [bytes.fromhex(COLOURS[name][0][1:]) for name in ("pos", "neg")]
    assert pixels[0] == (*colours[0], 255) and pixels[1] == (*colours[1], 255)
    assert pixels[2][3] == 0 and pixels[3] == (*bytes.fromhex(COLOURS["mute"][0][1:]), 255)


# ── other programs ────────────────────────────────────────────────────────────────────────────────────


def test_dot_has_every_node_and_every_edge_with_its_numbers():
    text = dot(trace(*LECTURE))
    assert len(re.findall(r"^  n\d+ \[", text, re.M)) == 6 and len(re.findall(r"->", text)) == 6
    assert 'n1 -> n4 [label="2\\n◂ 3"];' in text and text.count("{") == text.count("}")


def test_names_in_dot_are_quoted():
    assert 'label="x"' in dot(trace(*NEURON)).replace("x0", "x")


def test_tikz_and_latex_are_balanced_and_hold_the_gradients(traced):
    for text in (tikz(traced), latex_of(traced)):
        assert text.count("{") == text.count("}") and text.count("$") % 2 == 0
        assert text.count(r"\begin{") == text.count(r"\end{") > 0
        assert not re.search(r"[−◂×σᵀ⊙δ∂]", re.sub(r"%.*", "", text))


def test_latex_has_rule_and_number_of_every_flow():
    text = latex_of(trace(*LECTURE))
    assert text.count(r"\partial") == 12 and "= 3 \\\\" in text.replace("\n", " ").replace("\\end", "\\\\")


def test_fifteen_hundred_rows_are_laid_out_in_less_than_three_seconds():
    lines = [f"y{k} = tanh(y{k - 1} * w{k % 5} + y{max(0, k - 7)})" for k in range(1, 501)]
    values = {"y0": 0.5, **{f"w{k}": 0.3 * k for k in range(5)}}
    large = trace("; ".join([*lines, "s = y500 + y0"]), values)
    assert len(large.rows) > 1500
    assert cost(lambda: picture(large, collapsed=False)) < 300  # the unit is a hundredth of a second
