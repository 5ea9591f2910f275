"""The end of a compiled step: rows met again are added up, nothing but what is met is touched, limits are kept.

The text is run as it stands, by Python; that Numba runs it alike is shown where steps are compiled.
"""

import math

import numpy as np
import pytest
from helpers import in_python

import chainrule as cr
from chainrule.algebra.node import Node, index, matrix, variable, vector
from chainrule.algebra.product import sum
from chainrule.algebra.select import take
from chainrule.algebra.signature import FLOAT32, FLOAT64, Binding
from chainrule.calculus.batch import batch
from chainrule.calculus.derive import gradient
from chainrule.compute.updates import Step, Update, step, told
from chainrule.learn.backprop import scattered


def update(loss: Node, w: Node, still: bool = False) -> Update:
    """w − lr g, and a slot that adds up g²."""
    name, g = w.attrs["name"], gradient(loss, w)
    entry, slot = (variable(f"{name}/{word}", w.shape, w.dtype) for word in ("entry", "slot"))
    moved = () if still else (w - told("lr", w.dtype) * entry, slot + entry * entry)
    return Update(w, scattered(g) or g, entry, ("lr",), (slot,), moved)


def run(made: Step, values: dict[str, object], kept: dict[str, np.ndarray] | None = None):
    """Run the text of a step; what it returns, and the rooms by name."""
    emitted, found = made.emitted, Binding()
    for v in made.inputs:
        found.meet(v.attrs["name"], v.shape, np.shape(values[v.attrs["name"]]))
    rooms = {r.name: np.full([found.size(a) for a in r.shape], 7, r.dtype) for r in made.rooms}
    for r in made.rooms:
        if r.kept:
            rooms[r.name] = (kept if kept is not None else {}).setdefault(r.name, np.zeros_like(rooms[r.name]))
    inputs = [values[v.attrs["name"]] for v in made.inputs]
    result = in_python(emitted)(*inputs, *emitted.arrays.values(), *rooms.values())
    return dict(zip(made.returned, result, strict=True)), rooms


def started(values: dict[str, object], *params: Node) -> dict[str, object]:
    """Values with slots of 0, a rate and no limit."""
    slots = {f"{w.attrs['name']}/slot": np.zeros_like(values[w.attrs["name"]]) for w in params}
    return {**values, **slots, "/lr": 0.1, "/limit": math.inf}


def table_step(dtype=FLOAT64, still=False):
    """½ Σ ‖E[w] − a‖² over a batch, with E (7, 2) and words (B, 3)."""
    E, w, a = matrix("E", 7, 2, dtype=dtype), index("w", 3), vector("a", 2, dtype=dtype)
    loss = 0.5 * sum(batch(sum((take(E, w) - a) ** 2), [w]))
    return loss, E, a, step(loss, [update(loss, E, still), update(loss, a)])


@pytest.mark.parametrize("dtype", [FLOAT32, FLOAT64])
def test_rows_that_repeat_are_added_up_and_moved_once(dtype, rng):
    loss, E, a, made = table_step(dtype)
    values = {"E": rng.normal(size=(7, 2)).astype(dtype), "a": rng.normal(size=2).astype(dtype)}
    values["w"] = np.array([[1, 3, 1], [3, 5, 1]])
    dense = dict(zip((E, a), cr.evaluate(gradient(loss, [E, a]), values), strict=True))
    wanted = {p.attrs["name"]: values[p.attrs["name"]] - dtype.type(0.1) * g for p, g in dense.items()}
    norm = math.sqrt(np.sum(dense[E] ** 2) + np.sum(dense[a] ** 2))
    given = started(values, E, a)
    before = float(cr.evaluate(loss, values))
    result, rooms = run(made, given)
    accuracy = {"rtol": 1e-5 if dtype == FLOAT32 else 1e-12}
    assert result["norm"] == pytest.approx(norm, rel=1e-6)
    assert result["loss"] == pytest.approx(before, rel=1e-6)
    for name, array in wanted.items():
        np.testing.assert_allclose(given[name], array, **accuracy)
        assert given[name].dtype == dtype
    np.testing.assert_allclose(given["E/slot"], dense[E] ** 2, **accuracy)
    assert result[E] == 3
    rows, gradients = (rooms[name] for name in made.tables[E])
    assert rows[:3].tolist() == [1, 3, 5]
    np.testing.assert_allclose(gradients[:3], dense[E][[1, 3, 5]], **accuracy)


def test_rows_that_are_not_met_are_neither_read_nor_written(rng):
    _, E, a, made = table_step()
    values = {"E": np.full((7, 2), np.nan), "a": np.zeros(2), "w": np.array([[2, 2, 4]])}
    values["E"][[2, 4]] = 1.0
    given = started(values, E, a)
    result, _ = run(made, given)
    assert np.isnan(given["E"][[0, 1, 3, 5, 6]]).all()
    assert not given["E/slot"][[0, 1, 3, 5, 6]].any()
    assert np.isfinite(result["norm"])


def test_the_map_of_rows_is_left_as_it_was_found(rng):
    _, E, a, made = table_step()
    place = np.zeros(7, np.int32)
    for words in ([[1, 0, 1], [6, 6, 0]], [[5, 5, 5], [5, 1, 2]]):
        values = {"E": np.ones((7, 2)), "a": np.zeros(2), "w": np.array(words)}
        given = started(values, E, a)
        run(made, given, {"place_E": place})
        moved = np.flatnonzero((given["E"] != 1).any(1))
        assert moved.tolist() == np.unique(words).tolist()
        assert not place.any()


def test_a_batch_of_nothing_moves_nothing():
    _, E, a, made = table_step()
    values = {"E": np.ones((7, 2)), "a": np.zeros(2), "w": np.zeros((0, 3), np.int64)}
    given = started(values, E, a)
    result, _ = run(made, given)
    assert result[E] == 0 and result["norm"] == 0
    assert (given["E"] == 1).all()


def test_gradients_are_scaled_to_the_limit(rng):
    loss, E, a, made = table_step()
    values = {"E": rng.normal(size=(7, 2)), "a": rng.normal(size=2), "w": np.array([[1, 3, 1]])}
    g, h = cr.evaluate(gradient(loss, [E, a]), values)
    norm = math.hypot(np.linalg.norm(g), np.linalg.norm(h))
    wanted = values["E"] - 0.1 * g * (0.5 / norm), values["a"] - 0.1 * h * (0.5 / norm)
    given = {**started(values, E, a), "/limit": 0.5}
    run(made, given)
    np.testing.assert_allclose(given["E"], wanted[0], rtol=1e-12)
    np.testing.assert_allclose(given["a"], wanted[1], rtol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nothing_moves_where_a_gradient_is_not_finite(bad):
    _, E, a, made = table_step()
    values = {"E": np.ones((7, 2)), "a": np.array([bad, 0.0]), "w": np.array([[1, 3, 1]])}
    given = started(values, E, a)
    result, _ = run(made, given)
    assert not np.isfinite(result["norm"])
    assert (given["E"] == 1).all() and not given["E/slot"].any()


def test_a_table_may_be_left_to_others(rng):
    _, E, a, made = table_step(still=True)
    values = {"E": np.ones((7, 2)), "a": np.zeros(2), "w": np.array([[1, 3, 1]])}
    given = started(values, E, a) | {"E/slot": None}
    result, rooms = run(made, given)
    assert (given["E"] == 1).all() and result[E] == 2
    np.testing.assert_allclose(rooms[made.tables[E][1]][:2], [[2.0, 2.0], [1.0, 1.0]])


def test_a_table_read_twice_has_one_gradient_for_each_row(rng):
    E, v, w, u = matrix("E", 9, 3), index("v", 2), index("w"), vector("u", 3)
    one = sum(take(E, v) @ u) * sum(take(E, w)) + sum(take(E, [4, 4]) ** 2)
    loss = sum(batch(one, [v, w]))
    made = step(loss, [update(loss, E)])
    values = {"E": rng.normal(size=(9, 3)), "u": rng.normal(size=3)}
    values |= {"v": np.array([[0, 4], [1, 1]]), "w": np.array([4, 8])}
    wanted = values["E"] - 0.1 * cr.evaluate(gradient(loss, E), values)
    given = started(values, E)
    result, _ = run(made, given)
    np.testing.assert_allclose(given["E"], wanted, rtol=1e-12)
    assert result[E] == 4


def test_parameters_that_are_each_others_gradient_move_at_once(rng):
    u, v = vector("u", 4), vector("v", 4)
    made = step(u @ v, [update(u @ v, u), update(u @ v, v)])
    values = {"u": rng.normal(size=4), "v": rng.normal(size=4)}
    wanted = values["u"] - 0.1 * values["v"], values["v"] - 0.1 * values["u"]
    given = started(values, u, v)
    run(made, given)
    np.testing.assert_allclose((given["u"], given["v"]), wanted, rtol=1e-14)


def test_gradients_that_are_views_of_one_another_are_told_apart(rng):
    A, c, x = matrix("A", 2, 6), vector("c", 12), vector("x", 6)
    loss = sum((A @ x) ** 2) + sum(cr.reshape(A, 12) * c) + sum(c)
    made = step(loss, [update(loss, A), update(loss, c)])
    values = {"A": rng.normal(size=(2, 6)), "c": rng.normal(size=12), "x": rng.normal(size=6)}
    grads = cr.evaluate(gradient(loss, [A, c]), values)
    wanted = [values[n] - 0.1 * g for n, g in zip("Ac", grads, strict=True)]
    given = started(values, A, c)
    run(made, given)
    np.testing.assert_allclose(given["A"], wanted[0], rtol=1e-12)
    np.testing.assert_allclose(given["c"], wanted[1], rtol=1e-12)


def test_the_gradient_of_a_number_is_returned(rng):
    a, x = variable("a"), vector("x", 3)
    loss = a * a * sum(x)
    made = step(loss, [update(loss, a, still=True), update(loss, x)])
    result, _ = run(made, started({"a": 2.0, "x": np.ones(3)}, x))
    assert result[a] == 12.0 and result["norm"] == pytest.approx(math.hypot(12.0, 4 * math.sqrt(3)))


def test_names_of_the_user_stay_apart_from_those_of_a_step(rng):
    lr, limit, norm = vector("lr", 2), vector("limit", 2), vector("norm", 2)
    loss = sum(lr * limit * norm)
    made = step(loss, [update(loss, w) for w in (lr, limit, norm)])
    values = {name: rng.normal(size=2) for name in ("lr", "limit", "norm")}
    wanted = values["lr"] - 0.1 * values["limit"] * values["norm"]
    given = started(values, lr, limit, norm)
    run(made, given)
    np.testing.assert_allclose(given["lr"], wanted, rtol=1e-14)


def test_the_text_says_what_moves():
    source = table_step()[3].emitted.source
    for line in (
        "# the rows of E that are met, each once; place_E = 1, 2, … where a row was met, else 0",
        "# dE = the gradient of each of the rows, the sum of its parts",
        "# the norm of all gradients together",
        "# E_slot = E_slot + dE ⊙ dE",
        "# E = E - lr dE",
        "# a = a - lr da",
    ):
        assert line in source
