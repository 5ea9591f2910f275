"""Charts say what the records say: well-formed, every value in its place, texts escaped."""

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from chainrule.display.axes import Scale, ticks
from chainrule.display.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Line,
    Rule,
    bar,
    columns,
    line_chart,
    sparkline,
)
from chainrule.display.document import card, document, switches, table
from chainrule.display.heatmap import heat_map
from chainrule.display.language import Words, in_html, plain
from chainrule.display.theme import BLUE_ORANGE, COLOURS, colour, style

NAN = math.nan
NASTY = ["<script>alert(1)</script>", "\"&'", "👩‍🚀", "한국어", "a" * 300]


def tree(markup):
    return ElementTree.fromstring(f"<div>{markup}</div>")


def texts(markup):
    return ["".join(t.itertext()) for t in tree(markup).iter("text")]


def dots(markup):
    """Centres of the small circles, which are the values."""
    found = tree(markup).iter("circle")
    return [(float(c.get("cx")), float(c.get("cy"))) for c in found if "mark" not in (c.get("class") or "")]


def test_every_value_is_where_the_axes_say():
    values = [0.9, 0.5, NAN, 0.3, 0.21]
    chart = line_chart("loss", range(1, 6), [Line("train", values, smooth=True)], best=4)
    marks = ticks(0.21, 0.9)
    x, y = Scale(1, 5, LEFT + 8, WIDTH - RIGHT - 8), Scale(marks[0], marks[-1], HEIGHT - BOTTOM, TOP)
    expected = [(x(k), y(v)) for k, v in enumerate(values, 1) if not math.isnan(v)]
    assert dots(chart) == [pytest.approx(place, abs=0.06) for place in expected]
    assert "best最高 4" not in chart and "best최고 4" in texts(chart)
    said = [t for t in texts(chart) if t.startswith("epoch에폭 ")]
    assert [t.split("train ")[1] for t in said] == ["0.9", "0.5", "–", "0.3", "0.21"]


def test_a_missing_value_cuts_the_line():
    (path,) = (p for p in tree(line_chart("", [1, 2, 3, 4, 5], [Line("a", [1, 2, NAN, 4, 5])])).iter("path"))
    assert [len(run.split("L")) for run in path.get("d").split("M")[1:]] == [2, 2]


@pytest.mark.parametrize("values", [[], [NAN], [NAN, NAN]])
def test_a_chart_of_nothing_says_so(values):
    chart = line_chart("loss", range(1, len(values) + 1), [Line("train", values)])
    assert "There are no values to draw." in "".join(tree(chart).itertext()) and "<svg" not in chart


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("values", [[0.5], [0.5, 0.5], [0, 0], [1e-30, 1e30], [math.inf, 1], [-1, 2]])
def test_any_values_give_places_inside_the_picture(values, log):
    chart = line_chart("a", range(1, len(values) + 1), [Line("a", values, smooth=True)], log=log, best=1)
    assert not re.search(r'"[^"]*\b(nan|inf)\b', chart)
    for x, y in dots(chart):
        assert LEFT <= x <= WIDTH - RIGHT and TOP - 0.1 <= y <= HEIGHT - BOTTOM + 0.1


def test_names_stand_at_the_ends_and_never_on_one_another():
    lines = [Line(f"w{k}", [0.1, 0.5 + k / 1000]) for k in range(8)]
    ends = [
        t for t in tree(line_chart("a", [1, 2], lines)).iter("text") if "name" in (t.get("class") or "").split()
    ]
    assert sorted(t.text for t in ends) == [f"w{k}" for k in range(8)]
    heights = sorted(float(t.get("y")) for t in ends)
    assert all(b - a >= 14.9 for a, b in pairwise(heights))


def test_a_rule_is_drawn_where_it_is_near_the_values():
    near, far = (
        line_chart("a", [1, 2], [Line("a", [0.01, 0.02])], log=True, rule=Rule("thumb", v)) for v in (1e-3, 1e-9)
    )
    assert "thumb" in texts(near) and "thumb" not in texts(far)


def test_charts_can_be_heard():
    chart = line_chart(Words("Loss", "손실"), [1, 2], [Line(Words("train", "훈련"), [0.5, 0.25])], best=2)
    told = next(p for p in tree(chart).iter("p") if p.get("class") == "unseen")
    assert [s.text for s in told] == [
        "Epochs 1 to 2. train: from 0.5 to 0.25. The best epoch is 2.",
        "에폭 1부터 2까지. 훈련: 0.5에서 시작해 0.25에서 끝납니다. 최고 에폭은 2입니다.",
    ]
    assert tree(chart).find(".//svg").get("aria-label") == "Loss · 손실"


def test_columns_are_as_high_as_their_counts():
    chart = tree(columns("units", [4, 0, 2], ["a", "b", "c"], "share"))
    heights = [float(r.get("height")) for r in chart.iter("rect")]
    assert heights[0] == 2 * heights[2] > 0 == heights[1]
    assert [r.find("title").text for r in chart.iter("rect")] == ["a: 4", "b: 0", "c: 2"]


def test_bars_and_sparklines():
    full = tree(bar(0.4, (0.25, NAN, 1.0)))
    assert [r.get("width") for r in full.iter("rect")] == ["100%", "40.00%"]
    assert [line.get("x1") for line in full.iter("line")] == ["25.00%", "100.00%"]
    assert bar(NAN) == "" and sparkline([NAN]) == "" and sparkline([]) == ""
    assert tree(sparkline([1, 2, NAN])).find("svg").get("aria-label") == "1 → 2"


@pytest.mark.parametrize("n", [1, 6, 12, 30])
def test_a_matrix_has_the_shares_of_its_rows(n):
    labels = [f"L{k}" for k in range(n)]
    counts = [[(3 * i + 5 * j) % 7 for j in range(n)] for i in range(n)]
    found = tree(heat_map("confusion", "", "gold", "found", labels, counts, lambda i, j: f"#c-{i}-{j}"))
    said = {a.get("href"): a.get("aria-label") for a in found.iter("a")}
    assert len(said) == sum(c > 0 for row in counts for c in row)
    for i, row in enumerate(counts):
        for j, c in enumerate(row):
            if c:
                assert said[f"#c-{i}-{j}"] == f"L{i} → L{j}: {c} ({100 * c / sum(row):.1f} %)"
    assert len([r for r in found.iter("rect") if r.get("class") == "own"]) == n
    shades = [float(r.get("fill-opacity")) for r in found.iter("rect") if r.get("class") == "shade"]
    assert len(shades) == sum(c > 0 for i, row in enumerate(counts) for j, c in enumerate(row) if i != j)
    assert max(shades, default=0.95) == pytest.approx(0.95)


@pytest.mark.parametrize("name", NASTY)
def test_any_name_is_only_text(name):
    drawn = [
        line_chart(name, [1, 2], [Line(name, [1, 2])], rule=Rule(name, 1.5), remark=name),
        columns(name, [1], [name], name),
        heat_map(name, name, name, name, [name], [[1]], lambda i, j: "#a"),
        sparkline([1, 2], title=name),
        card(name, table([name], [[in_html(name)]])),
    ]
    for markup in drawn:
        assert not [e for e in tree(markup).iter() if e.tag == "script"]
        assert name[:15] in "".join(tree(markup).itertext()) + "".join(
            v for e in tree(markup).iter() for v in e.attrib.values()
        )


# ── the page around them ──────────────────────────────────────────────────────────────────────────────


def test_a_document_admits_its_own_style_and_script_and_nothing_else():
    page = document("a < b", switches("ko"), ["p{margin:0}"], "let a = 1 < 2;", "ko")
    assert page.startswith('<!doctype html>\n<html lang="ko">') and "<title>a &lt; b</title>" in page
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'; style-src 'sha256-") and "unsafe" not in policy
    assert policy.count("sha256-") == 2 and " style=" not in page and "http" not in re.sub("http-equiv", "", page)


def test_words_are_filled_each_in_its_language():
    said = Words("{n} of {part}", "{part} 중 {n}").filled(n=3, part=Words("train", "훈련"))
    assert said == ("3 of train", "훈련 중 3")
    assert in_html(said) == '<span lang="en">3 of train</span><span lang="ko">훈련 중 3</span>'
    assert plain(Words("F1", "F1")) == "F1" and plain(said) == "3 of train · 훈련 중 3"


def luminance(rgb):
    parts = [int(rgb[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("cvd", [False, True])
def test_texts_stand_out_from_what_they_stand_on(dark, cvd):
    look = {name: colour(name, dark=dark, colour_blind=cvd) for name in COLOURS}
    pairs = [("ink", "bg"), ("ink", "card"), ("mute", "card"), ("mute", "bg"), ("ink", "hot")]
    pairs += [(name, ground) for name in ("val", "grad", "loc") for ground in (f"{name}bg", "card")]
    for name, ground in pairs:  # WCAG 2.2, 1.4.3
        assert contrast(look[name], look[ground]) >= 4.5, (name, ground)


def test_the_style_knows_every_colour_in_every_scheme():
    css = style()
    for name, (light, dark) in {**COLOURS, **BLUE_ORANGE}.items():
        assert css.count(f"--{name}:{light};") == 1 and css.count(f"--{name}:{dark};") == 2
