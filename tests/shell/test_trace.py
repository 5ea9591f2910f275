"""`chainrule trace` as people run it."""

import json

import numpy as np
import pytest

LECTURE = ("trace", "(x + y) * max(y, z)", "x=1", "y=2", "z=0")
NEURON = ("trace", "1/(1+exp(-(w0*x0+w1*x1+w2)))", "w0=2", "x0=-1", "w1=-3", "x1=-2", "w2=-3")
LAYER = ("trace", "u' * relu(W*x + b)", "W=[[1,0,1,2],[0,1,1,-1]]", "x=[1,2,0,-1]", "b=[1,1]", "u=[1,2]")


def test_the_lecture_s_numbers(cli):
    done = cli(*LECTURE)
    assert (done.code, done.err) == (0, "")
    assert "  ∂f/∂x = 2      ∂f/∂y = 3 + 2 = 5      ∂f/∂z = 0" in done.out.splitlines()


def test_values_that_begin_with_a_minus(cli):
    done = cli("trace", "(x + y) * z", "x=-2", "y=5", "z=-4")
    assert "∂f/∂x = −4      ∂f/∂y = −4      ∂f/∂z = 3" in done.out
    assert "∂f/∂x = −1" in cli("trace", "-x", "x=.5").out
    assert "∂f/∂x = 2e−08" in cli("trace", "x*y", "x=−1", "y=2e-8").out


def test_single_gates_and_one(cli):
    assert "h = exp(g)" in cli(*NEURON).out
    one = cli(*NEURON, "--combine").out
    assert "f = σ(d)" in one and "f (1 − f) = 0.1966" in one and "exp" not in one


def test_shopping_and_one_won_more(cli):
    shop = ("trace", "(2*apple + 3*orange) * tax", "apple=100", "orange=150", "tax=1.1")
    assert "715" in cli(*shop).out
    assert "Δf ≈ ∂f/∂apple · Δapple = 2.2 · 1 = 2.2" in cli(*shop, "--poke", "apple=101").out


def test_tree_steps_json(cli):
    assert "└── y" in cli(*LECTURE, "--tree").out
    assert "Backward 2 of 3.  b = max(y, z) is a router." in cli(*LECTURE, "--steps").out
    assert "라우터" in cli(*LECTURE, "--steps", "--lang", "ko").out
    held = json.loads(cli(*LECTURE, "--json", "--poke", "x=1.1").out)
    assert held["gradients"] == {"x": 2, "y": 5, "z": 0} and held["poke"]["predicted"] == pytest.approx(0.2)


def test_tensors_and_entries(cli):
    assert "∂f/∂W = 2×4 [−2 … 4] |g| 4.9" in cli(*LAYER).out
    assert "W: 2×4" in cli(*LAYER, "--poke", "W[1,1]=2").out
    assert "\n       2  4  0  −2\n" in cli(*LAYER[:-2], "b=[1,1]", "u=[1,2]", "--full").out


def test_values_from_files(cli, tmp_path):
    arrays = {"W": np.ones((2, 3)), "x": np.array([1, 2, 3])}
    np.savez(tmp_path / "v.npz", **arrays)
    (tmp_path / "v.json").write_text(json.dumps({name: a.tolist() for name, a in arrays.items()}))
    for name in ("v.npz", "v.json"):
        held = json.loads(cli("trace", "sum(W@x)", "--values", str(tmp_path / name), "--json").out)
        assert held["gradients"]["x"] == [2, 2, 2]
    assert (
        json.loads(cli("trace", "sum(W@x)", "x=[0,0,1]", "--values", str(tmp_path / "v.npz"), "--json").out)[
            "rows"
        ][-1]["value"]
        == 2
    )


def test_drawn_values(cli):
    one, two = (cli("trace", "sum(tanh(W@x))", "W=3,4", "--seed", "1", "--json").out for _ in range(2))
    assert one == two and json.loads(one)["rows"][0]["shape"] == [3, 4]
    assert json.loads(cli("trace", "sum(x)", "x=4,", "--seed", "0", "--json").out)["rows"][0]["shape"] == [4]


def test_upstream(cli):
    held = json.loads(cli("trace", "W@x", "W=[[1,2],[3,4]]", "x=[1,1]", "--upstream", "[0,1]", "--json").out)
    assert held["gradients"]["x"] == [3, 4]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("f = (x + y) * mx(y, z)", "x=1", "y=2", "z=0"), "unknown function mx; did you mean max?\n  f = (x + y) * mx(y, z)\n                ^^"),
        (("x*y", "x=1"), "no value for y (a number); give it by name"),
        (("x*y", "x=1", "y=2", "q=3"), "a value is given for q, which the formula does not have: it has x, y"),
        (("x*y", "x=1", "x=2"), "x is given twice"),
        (("x*y", "x=1", "y"), "a value is written NAME=VALUE"),
        (("x*y", "x=1", "y=[1,"), "is neither a number nor lists of numbers"),
        (("x*y", "x=1", "y=[1,[2]]"), "rows of unequal length"),
        (("x*y", "x=1", 'y=["a"]'), "holds what is no number"),
        (("x*y", "x=1", "y=" + "[" * 5000), "is neither a number nor lists of numbers"),
        (("x*y", "x=1", "y=n,m"), "add --seed 0"),
        (("W@x", "W=[[1,2],[3,4]]", "x=[1,2,3]"), "the inner axes 2 and 3 differ"),
        (("x*y", "--values", "nowhere.npz"), "nowhere.npz: cannot be read (No such file or directory)"),
        (("x*y", "x=1", "y=2", "--poke", "q=1"), "q is no real input that could be moved; there are x, y"),
        (("x*y", "x=1", "y=2", "--poke", "x[0]=1"), "x[0] is no entry of x, which is []"),
        (("x*y", "x=1", "y=2", "--upstream", "[1,2]"), "the upstream gradient has the shape of x"),
        (("x*y", "x=1", "y=2", "--tree", "--json"), "exclude each other"),
        (("x*y", "x=1", "y=2", "--lang", "fr"), "'fr' is not one of 'en', 'ko'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_line(cli, arguments, said):
    done = cli("trace", *arguments)
    assert done.code == 2 and done.out == "" and said in done.err and "Traceback" not in done.err


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"\x80\x04K\x01.", b'{"x": 1}'])
def test_files_that_are_no_arrays(cli, tmp_path, content):
    (tmp_path / "v.npz").write_bytes(content)
    done = cli("trace", "x*x", "--values", str(tmp_path / "v.npz"))
    assert done.code == 2 and "v.npz" in done.err and "Traceback" not in done.err


def test_one_array_without_a_name(cli, tmp_path):
    np.save(tmp_path / "v.npy", np.ones(2))
    (tmp_path / "v.npy").rename(tmp_path / "v.npz")
    assert (
        "is no .npz file of numbers (File is not a zip file)"
        in cli("trace", "x*x", "--values", str(tmp_path / "v.npz")).err
    )


def test_a_pickle_in_an_npz_is_not_opened(cli, tmp_path):
    np.savez(tmp_path / "v.npz", x=np.array([{"a": 1}], dtype=object))
    done = cli("trace", "x*x", "--values", str(tmp_path / "v.npz"))
    assert done.code == 2 and "is no .npz file of numbers" in done.err


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("[.1, 1., +2]", [0.1, 1, 2]),
        ("[1 2; 3 4]", [[1, 2], [3, 4]]),
        ("[1; 2]", [1, 2]),
        ("[1 −2 .5e-1]", [1, -2, 0.05]),
        ("[nan, -inf]", ["NaN", "-Infinity"]),
        ("1e999", "Infinity"),
    ],
)
def test_numbers_as_python_and_matlab_spell_them(cli, typed, read):
    assert json.loads(cli("trace", "x", f"x={typed}", "--json").out)["rows"][0]["value"] == read


@pytest.mark.parametrize("typed", ["[1_0, 2]", "0x10", '["a", 2]', "[1, [2]]", "[1 2; 3]", "nano", "[" * 5000])
def test_what_is_no_number(cli, typed):
    done = cli("trace", "x", f"x={typed}")
    assert done.code == 2 and done.err.startswith("error: ") and "Traceback" not in done.err


def test_truth_values_choose(cli):
    done = cli("trace", "sum(where(c, x, y))", "c=[true, false]", "x=[1, 2]", "y=[3, 4]", "--json")
    assert json.loads(done.out)["gradients"] == {"x": [1, 0], "y": [0, 1]}
    assert "c is true: all goes to x" in cli("trace", "where(c, x, y)", "c=true", "x=1", "y=2").out


def test_of_what_is_not_a_number_no_choice_is_told(cli):
    assert "goes to" not in cli("trace", "max(x, y)", "x=nan", "y=1").out
    assert "closed" not in cli("trace", "relu(x)", "x=nan").out


def test_two_forms_in_one_place_are_refused(cli):
    for one, two, place in (("-", "-", "standard output"), ("a", "./a", "a")):
        done = cli(*LECTURE, "--svg", one, "--html", two)
        assert done.code == 2 and f"{place}; give each a file of its own" in done.err


def test_an_entry_is_moved_to_a_number(cli):
    done = cli("trace", "sum(x*x)", "x=[1, 2]", "--poke", "x[0]=[1]")
    assert (done.code, done.err) == (2, "error: x[0] is one entry; move it to a number, as in x[0]=1.5\n")
