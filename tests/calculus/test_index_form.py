"""Tensors in index form: as books write them, and equal to the tensor when the indices are run through."""

import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.algebra.notation import set_in
from chainrule.algebra.parse import formula
from chainrule.calculus.index_form import index_form, index_label
from chainrule.calculus.textbook import textbook

W, x, X = cr.matrix("W", "n", "m"), cr.vector("x", "m"), cr.matrix("X", "k", "n")

CASES = [
    (cr.tanh(W @ x), W, "∂fᵢ/∂Wⱼₖ = δᵢⱼ (1 - tanh(W x)²)ᵢ xₖ"),
    (X @ W, W, "∂fᵢⱼ/∂Wₖₗ = δⱼₗ Xᵢₖ"),
    (W.T, W, "∂fᵢⱼ/∂Wₖₗ = δᵢₗ δⱼₖ"),
    (W @ x, W, "∂fᵢ/∂Wⱼₖ = δᵢⱼ xₖ"),
    (2 * W, W, "∂fᵢⱼ/∂Wₖₗ = 2 δᵢₖ δⱼₗ"),
    (cr.softmax(X @ W), W, None),
    (W.T @ W, W, None),
]


def jacobian(y, w):
    return textbook([cr.jacobian(y, w)])[0]


@pytest.mark.parametrize(("y", "w", "wanted"), CASES)
def test_entries_are_written_with_their_indices(y, w, wanted):
    left = set_in(index_label(cr.variable("f", y.shape), [w]), "unicode")
    right = set_in(index_form(jacobian(y, w)), "unicode")
    assert "einsum" not in right
    assert wanted is None or f"{left} = {right}" == wanted


@pytest.mark.parametrize(("y", "w", "_"), CASES)
def test_latex_has_balanced_braces(y, w, _):
    text = set_in(index_form(jacobian(y, w)), "latex")
    assert text.count("{") == text.count("}")
    assert "i" in text


def test_the_entries_are_those_of_the_tensor(rng):
    """The written form, copied out by hand, against the tensor's numbers."""
    values = {"W": rng.normal(size=(3, 2)), "X": rng.normal(size=(4, 3)), "x": rng.normal(size=2)}
    sizes = {"n": 3, "m": 2, "k": 4}
    y = cr.softmax(X @ W)
    J = jacobian(y, W)
    tensor = cr.evaluate(J, values, sizes)
    text = set_in(index_form(J), "unicode")
    assert text == "δⱼₗ Xᵢₖ softmax(X W)ᵢⱼ - Xᵢₖ softmax(X W)ᵢₗ softmax(X W)ᵢⱼ"
    P = cr.evaluate(y, values)
    by_hand = np.einsum("ij,jl,ik->ijkl", P, np.eye(2), values["X"])
    by_hand -= np.einsum("ij,il,ik->ijkl", P, P, values["X"])
    np.testing.assert_allclose(tensor, by_hand, rtol=1e-9, atol=1e-12)


def test_orders_above_two_in_one_variable():
    read = formula("x.T @ A @ x * sum(x)")
    v = read.variables["x"]
    third = textbook([cr.jacobian(cr.hessian(read.result, v), v)])[0]
    text = set_in(index_form(third), "unicode")
    assert third.ndim == 3
    assert re.search("[ᵢⱼₖ]", text)
    assert "einsum" not in text
    label = set_in(index_label(cr.variable("s", ()), [v, v, v]), "unicode")
    assert label == "∂³s/∂xᵢ∂xⱼ∂xₖ"
