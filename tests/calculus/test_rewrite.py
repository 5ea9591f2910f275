"""Graphs from graphs: replaced, rebuilt, widened."""

import numpy as np

import chainrule as cr
from chainrule.algebra.node import topological
from chainrule.calculus.rewrite import in_float64, remake, rewrite, substitute

x, y, W = cr.vector("x", 3), cr.vector("y", 3), cr.matrix("W", 3, 3)


def test_nothing_changed_is_the_same_object():
    root = cr.sum(cr.tanh(W @ x) * y)
    assert rewrite([root], lambda n: n) == [root]
    assert substitute([root], {}) == [root]
    assert remake(root, root.inputs) is root


def test_every_place_is_replaced_at_once():
    f = cr.sin(x) + cr.cos(x) * y
    assert substitute([f], {x: y, y: x}) == [cr.sin(y) + cr.cos(y) * x]
    assert substitute([f, x], {cr.sin(x): y}) == [y + cr.cos(x) * y, x]
    assert substitute([f], {f: y}) == [y]


def test_a_replaced_factor_is_absorbed_like_a_written_one():
    assert substitute([W @ x], {W: cr.eye(3)}) == [x]
    assert substitute([W @ x], {W: W.T}) == [W.T @ x]


def test_a_change_sees_changed_inputs():
    seen = []
    (result,) = rewrite([cr.tanh(x + y)], lambda n: seen.append(str(n)) or (y if n is x else n))
    assert result is cr.tanh(y + y)
    assert seen == ["x", "y", "y + y", "tanh(y + y)"]


def test_float32_graphs_are_widened_everywhere(rng):
    a, M, k = cr.vector("a", "n", dtype="float32"), cr.matrix("M", "n", "n", dtype="float32"), cr.index("k")
    f = cr.mean(cr.softmax(M @ a) * 0.1) + cr.take(a, k) + cr.sum(cr.where(a > 0, a, cr.size("n", a.dtype)))
    roots = [f, *cr.gradient(f, [a, M])]
    wide = in_float64(roots)
    assert {n.dtype.name for root in wide for n in topological([root])} == {"float64", "int64", "bool"}
    values = {"a": rng.standard_normal(3), "M": rng.standard_normal((3, 3)), "k": 1}
    for p, q in zip(cr.evaluate(roots, values), cr.evaluate(wide, values), strict=True):
        assert (p.dtype, q.dtype) == (np.float32, np.float64)
        np.testing.assert_allclose(p, q, rtol=1e-5, atol=1e-6)


def test_float64_graphs_are_left_alone():
    f = cr.sum(cr.tanh(W @ x))
    assert in_float64([f]) == [f]
