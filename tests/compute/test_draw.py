"""Random values: they obey the facts that are declared, and lie where the formula has a value."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.algebra.node import topological
from chainrule.algebra.parse import formula
from chainrule.calculus.facts import FACTS, Facts, read_facts
from chainrule.compute.draw import dimensions, draw, points
from chainrule.compute.interpret import Interpreter

HOLDS = {
    "symmetric": lambda X: np.allclose(X, X.T) and not np.allclose(X, np.diag(np.diag(X))),
    "positive definite": lambda X: np.allclose(X, X.T) and (np.linalg.eigvalsh(X) > 0.1).all(),
    "diagonal": lambda X: np.array_equal(X, np.diag(np.diag(X))) and np.diag(X).all(),
    "orthogonal": lambda X: np.allclose(X.T @ X, np.eye(X.shape[1])),
    "idempotent": lambda X: np.allclose(X @ X, X) and 0 < np.trace(X) < len(X) and not np.allclose(X, X.T),
    "rows sum to one": lambda X: np.allclose(X.sum(1), 1),
    "positive": lambda X: (X > 0).all(),
    "constant": lambda X: X.std() > 0,
}
ON_VECTORS = {
    "one-hot": lambda x: sorted(x) == [0] * (len(x) - 1) + [1],
    "sums to one": lambda x: np.allclose(x.sum(), 1) and x.std() > 0,
    "positive": lambda x: (x > 0).all(),
}


def test_every_fact_is_tried_here():
    assert HOLDS.keys() | ON_VECTORS.keys() == set(FACTS)


@pytest.mark.parametrize("fact", HOLDS)
def test_a_matrix_obeys_its_fact(fact, rng):
    X = cr.matrix("X", "n", "n")
    for n in (2, 3, 5):
        value = draw([X], Facts({X: [fact]}), rng, {"n": n})["X"]
        assert value.shape == (n, n) and HOLDS[fact](value)


@pytest.mark.parametrize("fact", ON_VECTORS)
def test_a_vector_obeys_its_fact(fact, rng):
    x = cr.vector("x", 4)
    assert ON_VECTORS[fact](draw([x], Facts({x: [fact]}), rng)["x"])


@pytest.mark.parametrize(
    "facts",
    [
        ("symmetric", "positive"),
        ("symmetric", "orthogonal"),
        ("diagonal", "orthogonal"),
        ("positive definite", "positive"),
        ("positive definite", "diagonal"),
    ],
)
def test_facts_hold_together(facts, rng):
    X = cr.matrix("X", 3, 3)
    value = draw([X], Facts({X: facts}), rng)["X"]
    for fact in facts:
        assert HOLDS[fact](value) or (fact == "symmetric" and np.allclose(value, value.T))


@pytest.mark.parametrize("facts", [("symmetric", "idempotent"), ("diagonal", "idempotent")])
def test_projectors_may_be_symmetric(facts, rng):
    X = cr.matrix("X", 3, 3)
    P = draw([X], Facts({X: facts}), rng)["X"]
    assert np.allclose(P @ P, P) and np.allclose(P, P.T)


@pytest.mark.parametrize(
    "text",
    [
        "sum(log(x)) + sum(sqrt(1 - x))",
        "-sum(log(b - A@x))",
        "log(x.T @ A @ x) + logdet(A)",
        "log(det(inv(X))) + sum(X**0.5)",
        "log(1 - norm2(x)**2) + 0*sum(y)",
        "a.T @ inv(X) @ b + logdet(S) - sum(log(a))",
        "logdet(X.T @ X)",
        "tr(inv(X.T @ C @ X))",
        "log(log(x.T @ y))",
        "sum(exp(exp(exp(exp(x)))))",
        "sum(log(-x))",
    ],
)
def test_values_are_moved_to_where_every_part_of_the_formula_has_one(text):
    s = formula(text).result
    tried = points(s, Facts())
    assert len(tried) == 6
    for point in tried:
        for value in Interpreter(topological([s]))(point.values, point.sizes):
            assert np.isfinite(value).all()


def test_an_open_formula_is_tried_at_normal_values_of_several_sizes():
    s = formula("u' * tanh(W*x + b)").result
    tried = points(s, Facts())
    assert len({tuple(p.sizes.items()) for p in tried}) == 3
    everything = np.concatenate([v.ravel() for p in tried for v in p.values.values()])
    assert (everything < 0).any() and abs(everything.mean()) < 0.3 and 0.7 < everything.std() < 1.3


def test_dimensions_have_sizes_of_their_own():
    s = formula("A @ B @ C @ x", {"A": [*"nm"], "B": [*"mk"], "C": [*"kl"], "x": ["l"]}).result
    assert dimensions(topological([s])) == ["n", "m", "k", "l"]
    assert all(len(set(p.sizes.values())) == 4 for p in points(s, Facts()))


def test_sizes_are_found_where_a_slice_asks_for_more_than_it_is_given():
    s = cr.sum(cr.vector("x", "k")[:"n"] * cr.vector("y", "n"))
    assert points(s, Facts()) and all(p.sizes["n"] <= p.sizes["k"] for p in points(s, Facts()))


def test_where_there_is_no_value_there_is_no_point():
    assert points(formula("sum(log(-exp(x)))").result, Facts()) == []
    assert points(formula("logdet(outer(x, x))").result, Facts()) == []


def test_draws_are_the_same_for_the_same_seed():
    s = formula("sum(log(x)) + sum(y)").result
    for a, b in zip(points(s, Facts(), seed=3), points(s, Facts(), seed=3), strict=True):
        assert all(np.array_equal(a.values[n], b.values[n]) for n in "xy")
    assert not np.array_equal(points(s, Facts(), seed=4)[0].values["y"], points(s, Facts(), seed=3)[0].values["y"])


def test_facts_and_the_domain_are_obeyed_together():
    read = formula("logdet(S) + log(tr(D)) + sum(sqrt(D))")
    facts = read_facts({"S": "symmetric", "D": "diagonal"}, read.variables)
    for _, values in points(read.result, facts):
        assert np.allclose(values["S"], values["S"].T) and HOLDS["diagonal"](values["D"])


def test_given_values_are_kept_and_tell_the_sizes(rng):
    read = formula("sum(log(W @ x))")
    values = draw(read.variables.values(), Facts(), rng, s=read.result, given={"x": [1.0, -2.0, 3.0]})
    assert values["x"] == [1.0, -2.0, 3.0] and values["W"].shape[1] == 3
    assert np.isfinite(cr.evaluate(read.result, values))


def test_whole_numbers_and_truth_values_are_drawn_too(rng):
    i, t = cr.index("i", 3), cr.variable("t", ("n",), bool)
    values = draw([i, t], Facts(), rng)
    assert values["i"].dtype == np.int64 and values["i"].max() <= 1 and values["t"].dtype == bool
