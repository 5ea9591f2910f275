"""The trace as text: table, tree, steps and what-if, set as the design shows them."""

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.algebra.place import cells
from chainrule.display.trace_numbers import entries, short, summary
from chainrule.display.trace_poke import poke_text
from chainrule.display.trace_table import Style, table

LECTURE = ("(x + y) * max(y, z)", {"x": 1, "y": 2, "z": 0})
LAYER = (
    "z = W*x + b\nh = relu(z)\ns = u' * h",
    {"W": [[1, -1, 0, 2], [0, 1, 1, -1], [-2, 0, 1, 1]], "x": [1, 2, 0, -1], "b": [4, 0, 1], "u": [1, -2, 3]},
)
TABLE = """\
  forward                            value
  ────────────────────────────────────────
  1  a = x + y        = 1 + 2            3
  2  b = max(y, z)    = max(2, 0)        2
  3  f = a · b        = 3 · 2            6

  backward           upstream  ×  local  = downstream
  ────────────────────────────────────────────────────────────────────────────────
     f                                              1   (seed)
  4  f = a · b              1  ×  b = 2  =          2   ◂ a
                            1  ×  a = 3  =          3   ◂ b
  5  b = max(y, z)          3  ×  1      =          3   ◂ y   y > z: all goes to y
                            3  ×  0      =          0   ◂ z
  6  a = x + y              2  ×  1      =          2   ◂ x
                            2  ×  1      =          2   ◂ y

  ∂f/∂x = 2      ∂f/∂y = 3 + 2 = 5      ∂f/∂z = 0"""
TREE = """\
  f = a · b           6   ◂ 1
  ├── a = x + y       3   ◂ 2
  │   ├── x           1   ◂ 2
  │   └── y           2   ◂ 2 + 3 = 5
  └── b = max(y, z)   2   ◂ 3
      ├── y           2   (above)
      └── z           0   ◂ 0"""


def test_the_lecture_s_table_and_tree():
    t = cr.trace(*LECTURE)
    assert (str(t), t.tree()) == (TABLE, TREE)
    assert repr(t) == TABLE


def test_the_table_of_tensors():
    lines = cr.trace(*LAYER).table().splitlines()
    assert "  1  a = W x        3 [−3, 3, −3]" in lines
    wide = cr.trace(*LAYER).table(width=120).splitlines()
    row = "  8  a = W x        3 [1, −2, 0]   ×  (·) xᵀ   = 3×4 [−4 … 2] |g| 5.48   ◂ W   ∂s/∂W = δ xᵀ"
    assert " ".join(row.split()) in [" ".join(line.split()) for line in wide]
    assert "       ∂s/∂W = δ xᵀ" in cr.trace(*LAYER).table(width=80).splitlines()
    assert "  ∂s/∂x = 4 [1, −3, −2, 4]" in lines


def test_full_shows_all_entries():
    text = cr.trace(*LAYER).table(full=True)
    assert "        1   2  0  −1\n       −2  −4  0   2\n        0   0  0   0" in text


def test_korean_and_english_say_the_same_numbers():
    t = cr.trace(*LECTURE)
    for write in (t.table, t.tree, t.walk):
        en, ko = write(), write(language="ko")
        digits = [
            re.findall(r"[−\d.]*\d", re.sub(r"\d+ of \d+|\d+단계 중 \d+|\d+ times|\d+번", "", x)) for x in (en, ko)
        ]
        assert digits[0] == digits[1]
    assert "순전파" in t.table(language="ko") and "y > z: 모두 y 쪽으로" in t.table(language="ko")
    with pytest.raises(cr.SettingError, match="the language is en or ko, not 'fr'"):
        t.table(language="fr")


def test_the_steps_say_what_happens():
    t = cr.trace(*LECTURE)
    kinds = [step.kind for step in t.steps]
    assert kinds == ["begin", *["forward"] * 3, "seed", *["backward"] * 3, "end"]
    assert [t.rows[s.row].name for s in t.steps if s.row is not None] == ["a", "b", "f", "f", "f", "b", "a"]
    text = t.walk()
    for said in (
        "Forward 2 of 3.  b = max(y, z) = max(2, 0) = 2", "to y:  3 × 1 = 3", "to a:  1 × (b = 2) = 2",
        "b = max(y, z) is a router.", "Done.  ∂f/∂x = 2, ∂f/∂y = 3 + 2 = 5, ∂f/∂z = 0", "y is used 2 times",
    ):  # fmt: skip
        assert said in text
    assert "to W:  ∂s/∂W = δ xᵀ = 3×4" in cr.trace(*LAYER).walk()


def test_what_is_used_twice_adds_up():
    t = cr.trace("sum(W@W@x)", {"W": np.eye(3), "x": [1, 2, 3]})
    assert "∂f/∂W += " in t.walk()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
@pytest.mark.parametrize("case", [LECTURE, LAYER], ids=["scalars", "tensors"])
def test_narrow_terminals(case, width):
    text = table(cr.trace(*case), Style(width))
    rules = [line for line in text.splitlines() if "─" in line]
    assert all(cells(line) <= width for line in rules)
    for number in ("2", "3") if case is LECTURE else ("5.48",):
        assert number in text
    forward = text.split("\n\n")[0]
    assert all(cells(line) <= width for line in forward.splitlines())


def test_colours_are_only_colours():
    t = cr.trace(*LAYER)
    painted = t.table(
        paint=lambda text, kind: f"\x1b[3{['value', 'gradient', 'local', 'mute'].index(kind)}m{text}\x1b[0m"
    )
    assert re.sub(r"\x1b\[\d+m", "", painted) == t.table() and "\x1b[30m3 [−3, 3, −3]\x1b[0m" in painted


def test_wide_letters_stand_in_columns():
    lines = cr.trace("한 * 글 + 한", {"한": 2, "글": 3}).table().splitlines()
    places = {cells(line[: line.rindex("◂")]) for line in lines if "◂" in line}
    assert len(places) == 1


def test_not_a_number_is_named_where_it_appears():
    text = str(cr.trace("sum(log(x))", {"x": [1, -1, 0]}))
    assert "3 [0, NaN, −∞]   not a number appears here" in text and text.count("appears here") == 1
    assert "−∞   infinity appears here" in str(cr.trace("log(x)*y", {"x": 0, "y": 1}))


def test_leaves_alone_and_truth():
    assert str(cr.trace("x", {"x": 3})) == "  x = 3\n\n  ∂x/∂x = 1"
    assert str(cr.trace("2")) == "  2"
    assert "true" in str(cr.trace("x > 0", {"x": 1})) and "note: x > 0 holds no real numbers" in str(
        cr.trace("x > 0", {"x": 1})
    )


def test_empty_arrays():
    t = cr.trace("sum(x * 2)", {"x": np.zeros(0)})
    assert "0 [ ]" in str(t) and t.gradients["x"].shape == (0,)
    assert t.table(full=True)


def test_long_traces_are_short():
    x = cr.scalar("x")
    h = x
    for _ in range(100):
        h = cr.tanh(h) + x
    t = cr.trace(h, {"x": 0.1})
    assert "more times the same 2 operations" in str(t) and len(str(t).splitlines()) < 35
    assert len(t.table(full=True).splitlines()) > 400
    assert "(a sum of 101 terms)" in str(t)
    assert "more operations below" in t.tree() and len(t.tree(full=True).splitlines()) == 401 - 100


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (3, "3"), (-2.0, "−2"), (0.19661193, "0.1966"), (-0.0, "0"), (1e-7, "1e−07"), (123456.0, "123456"), (1e20, "1e+20"),
        (np.nan, "NaN"), (np.inf, "∞"), (-np.inf, "−∞"), (True, "true"), (np.float32(0.1), "0.1"), (np.int64(7), "7"),
    ],
)  # fmt: skip
def test_numbers(value, said):
    assert short(value) == said


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array([[1.0, 2, 0, -1], [-2, -4, 0, 2], [0, 0, 0, 0]]), "3×4 [−4 … 2] |g| 5.48"),
        (np.array(2.5), "2.5"), (np.ones(2), "2 [1, 1]"), (np.ones((2, 2)), "2×2 [all 1] |g| 2"),
        (np.zeros((0, 3)), "0×3 [ ]"), (np.array([[np.nan, 1.0], [np.inf, 2.0]]), "2×2 [1 … 2] 1 NaN 1 ∞ |g| 2.24"),
        (np.full((2, 2), np.nan), "2×2 [4 NaN]"), (np.array([[True, False]]), "1×2 [1 of 2 true]"),
        (np.arange(20), "20 [0 … 19]"),
    ],
)  # fmt: skip
def test_summaries(array, said):
    assert summary(array) == said


def test_entries_of_arrays_of_any_rank():
    assert list(entries(np.array(2.0))) == ["2"] and list(entries(np.zeros((2, 0)))) == ["[ ] 2×0"]
    assert list(entries(np.arange(8.0).reshape(2, 2, 2))) == ["[0]", "0  1", "2  3", "[1]", "4  5", "6  7"]


# ── what if ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_straight_way_is_predicted_exactly():
    p = cr.trace("(2*apple + 3*orange) * tax", {"apple": 100, "orange": 150, "tax": 1.1}).poke(apple=101)
    assert (p.predicted, p.true) == (pytest.approx(2.2), pytest.approx(2.2))
    assert [row.name for row, _ in p.changed] == ["a", "c", "f"]
    assert "predicted  Δf ≈ ∂f/∂apple · Δapple = 2.2 · 1 = 2.2" in str(p) and "exact here" in str(p)


def test_a_bent_way_is_not():
    p = cr.trace(*LECTURE).poke(y=2.5, z=4)
    assert (p.predicted, p.true) == (2.5, 8) and "they differ by 5.5" in str(p)
    assert "= 5 · 0.5 + 0 · 4 = 2.5" in str(p)
    assert "실제" in poke_text(p, Style(language=1))


def test_arrays_are_moved_whole():
    t = cr.trace(*LAYER)
    moved = np.array(LAYER[1]["W"], float)
    moved[1, 0] += 0.5
    p = t.poke({"W": moved})
    assert p.predicted == pytest.approx(-1.0) and p.true == pytest.approx(-1.0)
    assert "⟨∂s/∂W, ΔW⟩" in str(p)


@pytest.mark.parametrize(
    ("values", "said"),
    [({"q": 1}, "q is no real input"), ({"x": [1, 2]}, "x has the shape []"), ({"x": "a"}, "is numbers")],
)
def test_wrong_moves(values, said):
    with pytest.raises(cr.ChainruleError) as caught:
        cr.trace(*LECTURE).poke(values)
    assert said in str(caught.value)


def test_moving_nothing_and_moving_out_of_the_domain():
    with pytest.raises(cr.SettingError, match="nothing is moved"):
        cr.trace(*LECTURE).poke()
    assert "no finite value there" in str(cr.trace("log(x)", {"x": 2}).poke(x=-1))
    assert "no finite value there" in str(cr.trace("x*x", {"x": 2}).poke(x=1e300))


def test_narrow_terminals_have_shapes_and_lengths_alone():
    text = cr.trace(*LAYER).table(width=64)
    assert "= 3×4 |g| 5.48   ◂ W" in text and max(map(cells, text.splitlines())) <= 64


def test_steps_put_products_in_parentheses():
    assert "× (h ⊙ (1 − h)) =" in cr.trace("h = sigmoid(z); sum(h)", {"z": [1, 2]}).walk()


def test_what_was_drawn_is_shown():
    t = cr.trace("sum(W@x)", {"x": [1, 2]}, shapes={"W": (2, 2)}, seed=0)
    (said,) = t.remarks
    assert said == f"drawn at random: W = {summary(t['W'].value)}" and f"note: {said}" in str(t)
    assert cr.trace("sum(W@x)", {"x": [1, 2], "W": [[1, 2], [3, 4]]}).remarks == ()


def test_full_shows_the_inputs_too():
    assert cr.trace(*LAYER).table(full=True).startswith("  u = 3 [1, −2, 3]\n       1  −2  3\n  W = 3×4")
    assert cr.trace(*LECTURE).table(full=True) == TABLE


def test_the_whole_gradient_of_a_constant_that_is_chosen_goes_to_it():
    for formula, said in [
        ("max(0, b)", "0 > b: all goes to 0"),
        ("min(0, b)", "0 > b: all goes to b"),
        ("max(b, 0)", "b < 0: all goes to 0"),
    ]:
        assert said in str(cr.trace(formula, {"b": -1.0}))
