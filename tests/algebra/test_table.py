"""The table of expressions holds on to nothing; what was worked out about the last ones is held for a while."""

import gc
import math
import threading
import weakref

import numpy as np
import pytest

import chainrule as cr
from chainrule.algebra.node import topological
from chainrule.algebra.recent import ROOM, Recent, recall
from chainrule.algebra.table import Table

x, y = cr.scalar("x"), cr.scalar("y")


class Thing:
    """Something that can be held weakly."""


# ── the table ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_object_under_a_key_stays():
    table, first, second = Table(), Thing(), Thing()
    assert table.get("a") is None
    assert table.enter("a", first) is first
    assert table.enter("a", second) is first
    assert table.get("a") is first and len(table) == 1


def test_what_nobody_holds_is_gone_at_once():
    table, kept = Table(), Thing()
    table.enter("kept", kept)
    table.enter("dropped", Thing())
    assert table.get("dropped") is None and len(table) == 1


def test_an_object_under_two_keys_leaves_both():
    table, thing = Table(), Thing()
    table.enter("a", thing)
    table.enter("b", thing)
    del thing
    assert len(table) == 0


def test_a_late_farewell_takes_nothing_from_its_successor():
    table, old, new = Table(), Thing(), Thing()
    table.enter("a", old)
    farewell = table.entries.pop("a")
    table.enter("a", new)
    farewell.__callback__(farewell)
    assert table.get("a") is new


def test_threads_that_enter_and_drop_agree_on_one_object():
    table, wrong = Table(), []

    def work() -> None:
        for k in range(2000):
            mine = table.enter(k % 7, Thing())
            if table.enter(k % 7, Thing()) is not mine:
                wrong.append(k)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong and len(table) == 0


# ── numbers ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "number", [0, 0.0, -0.0, 1, 2.5, -3, 2**53 + 1, 1e300, 5e-324, math.inf, -math.inf, math.nan, math.pi]
)
def test_a_number_is_the_constant_of_its_array(number):
    node = cr.constant(number)
    assert cr.constant(number) is node
    assert cr.constant(np.array(number, float)) is node
    value = cr.evaluate(node)
    assert value.dtype == np.float64
    assert value.tobytes() == np.float64(number).tobytes()


def test_a_number_takes_the_kind_that_is_asked_for():
    assert cr.constant(2.5).dtype == np.float64
    assert cr.constant(2.5, "float32").dtype == np.float32
    assert cr.constant(True).dtype == np.bool_
    assert (2.5 * cr.scalar("z", dtype="float32")).dtype == np.float32


# ── what is held for a while ──────────────────────────────────────────────────────────────────────────


def loss() -> cr.Node:
    return cr.tanh(x * y + 0.125) * x


def test_an_expression_that_is_built_again_finds_its_gradient_until_a_full_collection():
    gc.collect()
    s = loss()
    derivatives = cr.gradient(s, [x, y])
    again = weakref.ref(s)
    del s
    assert loss() is again()
    assert recall(("gradient", loss(), x, y)) == derivatives
    assert cr.gradient(loss(), [x, y]) == derivatives
    gc.collect()
    assert again() is None or recall(("gradient", loss(), x, y)) is None
    assert cr.gradient(loss(), [x, y]) == derivatives


def test_a_list_of_derivatives_is_the_callers_own():
    first = cr.gradient(loss(), [x, y])
    kept = list(first)
    first.clear()
    assert cr.gradient(loss(), [x, y]) == kept
    assert cr.gradient(loss(), y) is kept[1]


def test_an_expression_with_much_data_is_not_held():
    gc.collect()
    s = cr.sum(cr.exp(x) * np.ones(ROOM + 1))
    s_alone = weakref.ref(s)
    cr.gradient(s, x)
    cr.evaluate(s, {"x": 0.0})
    del s
    assert s_alone() is None


def test_the_oldest_facts_make_room():
    recent, graph = Recent(), topological([loss()])
    count = ROOM // (len(graph) + 1)  # one constant, of one entry
    for k in range(count + 3):
        recent.remember(("fact", k), k + 1, graph)
    assert [recent.recall(("fact", k)) for k in (0, 1, 2, 3)] == [None, None, None, 4]
    assert recent.recall(("fact", count + 2)) == count + 3
    recent.let_go("start", {"generation": 1})
    assert recent.recall(("fact", 3)) == 4
    recent.let_go("start", {"generation": 2})
    assert recent.recall(("fact", 3)) is None


def test_a_remembered_order_of_calls_takes_new_values():
    s = loss()
    for a, b in ((0.1, 0.2), (3.0, -1.0)):
        assert cr.evaluate(s, {"x": a, "y": b}) == pytest.approx(math.tanh(a * b + 0.125) * a, rel=1e-15)
    with pytest.raises(cr.BindingError, match="no value for y"):
        cr.evaluate(s, {"x": 1.0})
