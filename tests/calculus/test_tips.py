"""Remarks of the notes stand under the derivations they are true of, and under no others."""

import re

import pytest

import chainrule as cr
from chainrule.algebra.parse import formula
from chainrule.calculus.facts import read_facts
from chainrule.calculus.layers import gradients_by_layers
from chainrule.calculus.naming import Program, named
from chainrule.calculus.textbook import recognised
from chainrule.calculus.tips import tips

SHAPES = {
    "u": ("n",),
    "W": ("n", "m"),
    "x": ("m",),
    "b": ("n",),
    "S": ("n", "n"),
    "v": ("n",),
    "z": ("n",),
    "y": ("n",),
    "X": ("N", "m"),
    "V": ("m", "k"),
    "c": ("k",),
    "U": ("k", "n"),
    "t": ("k",),
    "q": ("k",),
    "R": ("n", "2n"),
}


def told(text, by, facts=None):
    """The remarks on the gradient of a formula."""
    read = formula(text, {name: shape for name, shape in SHAPES.items() if re.search(rf"\b{name}\b", text)})
    facts = read_facts(facts or {}, read.variables)
    (s,) = recognised([read.result], facts)
    x = read.variables[by]
    results, signals = gradients_by_layers(s, [x], facts)
    program = named(results, s, {}, signals)
    return tips(s, x, program.results[0], program)


LAYER = "u.T @ tanh(W @ x + b)"
ENTROPY = "-q.T @ log_softmax(U @ tanh(W @ x + b) + t)"

SHAPE = "δ xᵀ and not x δᵀ: a gradient has the shape of W, n×m = (n×1)(1×m)"
SQUARE = "δ vᵀ and not v δᵀ: S is square, so shapes do not tell; entry i, j is δᵢ vⱼ"
AGAIN = "δ is computed once and used again: it leads to the gradients by W, x and b"
SLOPE = "tanh′ is 1 - h² in its value h, which is known: no exponential is computed again"
SIGMOID = "σ′ is h (1 - h) in its value h, which is known: no exponential is computed again"
SWITCH = "relu′ is 1 or 0: a gradient passes unchanged where the argument is positive, and stops elsewhere"
JOINT = "the gradient by what is joined is cut at the joints: every part gets its own piece"
ROWS = "every row of X V + c has the same c, whose gradient is the sum over the rows"


@pytest.mark.parametrize(
    ("text", "by", "tip"),
    [
        (LAYER, "W", SHAPE),
        ("v.T @ S @ v", "S", SQUARE.replace("δ", "v")),
        ("z.T @ tanh(S @ v)", "S", SQUARE),
        (LAYER, "W", AGAIN),
        (LAYER, "x", AGAIN),
        (LAYER, "b", SLOPE),
        ("u.T @ sigmoid(W @ x)", "x", SIGMOID),
        ("u.T @ relu(W @ x + b)", "W", SWITCH),
        ("u.T @ relu(W @ x + b)", "x", SWITCH),
        ("sum(tanh(X @ V + c))", "c", ROWS),
        ("u.T @ tanh(R @ concat(z, v))", "z", JOINT),
    ],
)
def test_a_remark_that_is_true_is_made(text, by, tip):
    assert tip in told(text, by)


@pytest.mark.parametrize(
    ("text", "by", "begins"),
    [
        (LAYER, "u", ("δ", "tanh′", "relu′", "backwards")),  # linear in u: nothing is propagated
        (LAYER, "x", ("δ xᵀ", "relu′", "σ′")),  # a vector has no other orientation
        (LAYER, "W", ("relu′", "σ′", "backwards", "every row", "of W only")),
        ("u.T @ tanh(W @ x)", "W", ("relu′", "every row")),
        ("sum(X @ V)", "V", ("δ", "tanh′", "every row")),
        ("x.T @ x", "x", ("",)),
        ("norm2(W @ x + b)", "b", ("every row", "backwards")),
        ("y.T @ softmax(z)", "z", ("δ",)),  # softmax without the logarithm: no p − y
    ],
)
def test_a_remark_that_is_not_true_is_not_made(text, by, begins):
    assert not [tip for tip in told(text, by) if tip.startswith(begins)]


def test_softmax_with_cross_entropy_tells_correct_from_incorrect_classes():
    wanted = "one-hot the correct class gets its probability less 1"
    found = told(ENTROPY, "W", {"q": "sums to one"})
    assert any(tip.startswith(f"δ2 = p - q: with q {wanted}") for tip in found)
    found = told("logsumexp(z) - y.T @ z", "z", {"y": "sums to one"})
    assert any(tip.startswith(f"softmax(z) - y: with y {wanted}") for tip in found)


def test_logistic_loss_leaves_prediction_less_truth():
    found = told("sum(softplus(W @ x) - y * (W @ x))", "x")
    assert any(
        tip.endswith("what was said less what is true: the slope of σ cancels against the logarithm")
        for tip in found
    )


def test_rows_of_a_table_are_said_to_be_sparse():
    E, v, i = cr.matrix("E", "V", "D"), cr.vector("v", "D"), cr.index("i", "k")
    s = cr.sum(cr.take(E, i) @ v)
    assert tips(s, E, cr.gradient(s, E)) == [
        "of E only the rows i get a gradient, all others 0: it is kept as rows, never as a table"
    ]


def test_two_layers_are_evaluated_from_the_left():
    (tip,) = [tip for tip in told(ENTROPY, "x") if tip.startswith("backwards every step is a row times a matrix")]
    assert "cost a product of matrices" in tip
    assert not [tip for tip in told(ENTROPY, "t") if tip.startswith("backwards")]


def test_without_names_the_factors_are_written_out():
    x, W, b = cr.vector("x", "m"), cr.matrix("W", "n", "m"), cr.vector("b", "n")
    s = b @ (W @ x)
    assert tips(s, W, cr.gradient(s, W)) == [SHAPE.replace("δ", "b")]
    assert tips(s, W, cr.gradient(s, W), Program((), (cr.gradient(s, W),))) == [SHAPE.replace("δ", "b")]
