"""The studio's page: values that fit while somebody types, examples that show what they say, derivations as HTML."""

import json
import re
from html.parser import HTMLParser
from urllib.parse import parse_qs

import numpy as np
import pytest

from chainrule.algebra.signature import shape_text
from chainrule.display.derivation import derive
from chainrule.display.gallery import EXAMPLES, GALLERY
from chainrule.display.studio import computed, studio
from chainrule.display.studio_derivation import derived, in_page, wanted
from chainrule.display.studio_question import answered, told, typed
from chainrule.display.studio_words import SAID
from chainrule.display.trace import trace
from chainrule.errors import BindingError, ChainruleError, FormulaError, ShapeError


def shapes(**asked):
    found, changed = answered(typed(asked))
    return {row.name: row.shape for row in found.inputs}, changed


def values(**asked):
    return {row.name: row.value.tolist() for row in answered(typed(asked))[0].inputs}


class Balanced(HTMLParser):
    """Every element that is opened is closed, and every id is there once."""

    EMPTY = frozenset(("input", "meta", "link", "br", "hr", "mspace", "rect", "path", "line", "circle", "image"))

    def __init__(self, text):
        super().__init__()
        self.open, self.ids = [], []
        self.feed(text)
        assert self.open == [] and len(self.ids) == len(set(self.ids))

    def handle_starttag(self, tag, attrs):
        self.ids += [v for k, v in attrs if k == "id"]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.EMPTY:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.ids += [v for k, v in attrs if k == "id"]


# ── what is typed ─────────────────────────────────────────────────────────────────────────────────────


def test_small_letters_are_numbers_where_that_makes_a_number_and_vectors_elsewhere():
    assert shapes(formula="(x + y) * max(y, z)") == ({"x": (), "y": (), "z": ()}, ())
    found, changed = shapes(formula="u' * tanh(W*x + b)")
    assert found["W"] == (*found["u"], *found["x"]) and found["b"] == found["u"] and changed == ()


def test_numbers_that_were_drawn_make_way_for_another_formula_and_given_ones_do_not():
    old = {"x": 1, "y": 2, "z": 0}
    assert len(shapes(formula="u' * tanh(W*x + b)", remembered=old)[0]["x"]) == 1
    assert shapes(formula="u' * tanh(W*x + b)", values=old)[0]["x"] == ()
    assert values(formula="x*y + q", remembered=old)["y"] == 2


def test_the_value_that_was_edited_last_keeps_its_shape_and_the_others_follow():
    given = {"W": [[1, 2, 3], [4, 5, 6]], "x": [7, 8], "b": [1, 1], "u": [2, 2]}
    text = "u' * tanh(W*x + b)"
    found, changed = shapes(formula=text, values=given, kept="W")
    assert found == {"u": (2,), "W": (2, 3), "x": (3,), "b": (2,)} and changed == ("x",)
    assert values(formula=text, values=given, kept="W")["x"][:2] == [7, 8]
    found, changed = shapes(formula=text, values=given, kept="x")
    assert found == {"u": (2,), "W": (2, 2), "x": (2,), "b": (2,)} and changed == ("W",)
    assert values(formula=text, values=given, kept="x")["W"] == [[1, 2], [4, 5]]


def test_values_of_other_names_wait():
    assert values(formula="x * y", values={"x": 3, "y": 4, "W": [[1]]}) == {"x": 3, "y": 4}
    assert values(formula="lam * y", values={"λ": 3, "y": 4}) == {"λ": 3, "y": 4}
    assert values(formula="q = x*y; q*x", values={"x": 3, "y": 4, "q": 9}) == {"x": 3, "y": 4}


def test_what_selects_a_row_is_a_whole_number():
    text = "-log(softmax(W @ x + b)[y])"
    assert values(formula=text)["y"] == values(formula=text, remembered={"y": 2.5})["y"] == 0
    assert values(formula=text, values={"y": 2})["y"] == 2
    assert shapes(formula=text, values={"y": 1, "W": [[1, 2], [3, 4]], "x": [1, 2, 3]}, kept="W")[1] == ("x",)
    with pytest.raises(ChainruleError, match="row 7 is asked for, but the rows are numbered 0 to 2"):
        values(formula=text, values={"y": 7})


def test_what_is_drawn_has_few_digits_and_the_formula_a_value_there():
    for text in ("log(x) + sqrt(y)", "logdet(A) + x.T @ inv(A) @ x", "sum(log(softmax(z)))"):
        found = answered(typed({"formula": text}))[0]
        assert np.isfinite(found.result.value)
    drawn = values(formula="u.T @ tanh(W @ x)")
    assert all(np.array_equal(np.round(v, 1), v) for v in map(np.array, drawn.values()))
    assert values(formula="u.T @ tanh(W @ x)") == drawn != values(formula="u.T @ tanh(W @ x)", seed=1)


@pytest.mark.parametrize("text", ["", "(x", "x + ", "mx(y)", "W @ x + eye(3", "한 + 1 +* 2", "a = b; a = c +"])
def test_a_mistake_is_told_with_its_place(text):
    with pytest.raises(ChainruleError) as error:
        answered(typed({"formula": text}))
    found = told(text, error.value)
    assert "^" not in found["error"] and "\n  " not in found["error"]
    if text:
        assert 0 <= found["start"] <= found["end"] <= len(text) and isinstance(error.value, FormulaError)


def test_shapes_that_cannot_fit_are_told():
    with pytest.raises(ShapeError):
        answered(
            typed({"formula": "A @ B + B", "values": {"A": np.ones((2, 3)).tolist(), "B": [[1, 2]]}, "kept": "A"})
        )


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ({"formula": None}, "formula: is a text"),
        ({"formula": "x" * 4001}, "formula: is a text of at most 4,000"),
        ({"formula": "x", "syntax": 1}, "syntax: is python"),
        ({"formula": "x", "values": {"x": "1"}}, "neither a number nor lists"),
        ({"formula": "x", "values": {"x": [[1], [2, 3]]}}, "rows of unequal length"),
        ({"formula": "x", "values": {"x": [[0] * 65]}}, "x is 1×65; 64 are the most"),
        ({"formula": "x", "values": {"x": [[[0] * 20] * 20] * 20}}, "the most along an axis"),
        ({"formula": "x", "values": {str(k): 1 for k in range(61)}}, "at most 60"),
        ({"formula": "x", "seed": 1.5}, "seed: a whole number"),
    ],
)
def test_what_is_no_question_is_refused(asked, part):
    with pytest.raises(BindingError, match=re.escape(part)):
        typed(asked)


# ── the examples ──────────────────────────────────────────────────────────────────────────────────────


def gradients(key):
    example = EXAMPLES[key]
    return trace(example.formula, example.values, combine=example.combine).gradients


def test_examples_show_what_their_sentences_say():
    g = {key: gradients(key) for key in EXAMPLES}
    assert [g["gates"][n] for n in "xyz"] == [2, 5, 0]
    assert [g["product"][n] for n in "xyz"] == [-4, -4, 3]
    assert g["shopping"]["apple"] == pytest.approx(2.2)
    for key in ("neuron", "sigmoid"):
        assert g[key]["w2"] == pytest.approx(0.19661193324148185)
    assert (g["paths"]["x"], g["paths"]["y"]) == (21, 16)
    values, window = EXAMPLES["window"].values, g["window"]
    x = np.concatenate([values[f"x{k}"] for k in range(1, 6)])
    W, b, u = (np.array(values[n]) for n in "Wbu")
    whole = W.T @ (u * (1 - np.tanh(W @ x + b) ** 2))
    np.testing.assert_allclose(np.concatenate([window[f"x{k}"] for k in range(1, 6)]), whole)
    p = np.exp([1.0, -0.3, -0.9])
    np.testing.assert_allclose(g["softmax"]["z"], p / p.sum() - [0, 1, 0])
    assert [(g[k]["s"], g[k]["s_c"]) for k in ("margin", "at-the-margin", "beyond")] == [
        (-1, 1),
        (-0.5, 0.5),
        (0, 0),
    ]
    assert g["hinge"]["f"].tolist() == [-2, 1, 1]


def test_two_layers_have_their_error_signals_by_name():
    found = derive(EXAMPLES["two-layers"].formula)
    assert {"δ3", "δ2"} <= {line.name for line in found.shared}


def test_the_link_of_an_example_holds_it_whole():
    for example in GALLERY:
        held = {k: v[0] for k, v in parse_qs(example.link[1:], keep_blank_values=True).items()}
        assert held["f"] == example.formula and json.loads(held["v"]) == dict(example.values)
        assert held["example"] == example.key and held.get("facts", "") == example.facts
        assert (held.get("one") == "1") == example.combine
    assert len(EXAMPLES) == len(GALLERY) == 14


def test_everything_is_said_in_both_languages():
    for words in [*SAID.values(), *(w for e in GALLERY for w in (e.title, e.look, e.group))]:
        assert words.en and words.ko and words.en != words.ko
        assert re.findall(r"{\w+}", words.en) == re.findall(r"{\w+}", words.ko)


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_is_well_formed_and_safe():
    page = studio("ko")
    Balanced(page)
    assert '<html lang="ko">' in page and "style=" not in page and not re.search(r"\son\w+=", page)
    for example in GALLERY:
        assert f'data-example="{example.key}"' in page


def test_fields_show_every_value_and_large_ones_as_text():
    page = computed(trace("sum(A) + sum(b) + c", {"A": np.ones((12, 12)), "b": [1.5, -2], "c": 1e-7}), ["b"])
    Balanced(page)
    assert page.count('class="cell"') == 3 and page.count('class="entries"') == 1
    assert 'value="-2"' in page and 'value="1e-07"' in page and 'class="value changed" data-name="b"' in page
    assert computed(trace("x / y", {"x": 0.0, "y": 0.0})).count("NaN")


def test_a_derivation_as_html_has_every_line_of_its_text():
    found = derived(wanted({"formula": "h = tanh(W @ x); s = u.T @ h", "wrt": "W, x"}))
    for detail in (1, 2, 3):
        page = in_page(found, detail)
        Balanced(page)
        for steps in found.page(detail).steps:
            for row in steps.rows:
                assert row.remark.replace("'", "&#x27;").replace("<", "&lt;") in page
        assert page.count("<details") == 2 and "agrees with" in page


def test_shapes_of_values_say_what_is_a_number():
    told = {"formula": "(x + y) * max(y, z)", "shapes": {"x": [], "y": [], "z": []}}
    assert [r.shape for r in derived(wanted(told)).results] == [(), (), ()]
    general = derived(wanted({"formula": "u.T @ tanh(W @ x)", "shapes": {"u": [3], "W": [3, 2], "x": [2]}}))
    assert shape_text(general["W"].shape) == "n×m"
    used = derived(wanted({"formula": "-y.T @ log_softmax(z)", "facts": "y: one-hot", "wrt": "z"}))
    assert used.facts and "one-hot" in in_page(used)
