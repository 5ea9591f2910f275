"""What is recorded of an epoch: norms of gradients and moves of parameters, by closed forms and by hand."""

import math

import numpy as np
import pytest

from chainrule.learn import probe as probing
from chainrule.learn.gradients import Rows
from chainrule.learn.probe import Probe, watched


def a_probe(grads, feed=lambda examples, rng: {}):
    return Probe(lambda values: (0.0, grads), feed, 3, 0)


def test_a_move_is_the_length_of_the_change_for_the_length_of_what_it_became():
    w = {"w": np.array([3.0, 0.0]), "still": np.ones(2), "zero": np.zeros(4), "one": np.float64(0.0).reshape(())}
    look = a_probe({})
    look.begin(w)
    w["w"][:] = [3.0, 4.0]
    assert look.moves(w) == {"w": 4 / 5, "still": 0.0, "zero": 0.0, "one": 0.0}


def test_norms_add_the_parts_of_a_row_and_pass_over_what_is_not_finite():
    twice = Rows(np.array([1, 1]), np.array([[1.0, 2.0], [2.0, 2.0]]))
    found = a_probe({"E": twice, "b": np.array([np.inf, 1.0])}).norms({})
    assert found["E"] == pytest.approx(5.0) and math.isnan(found["b"])


def test_of_a_long_table_some_rows_are_watched(monkeypatch):
    monkeypatch.setattr(probing, "ROWS", 4)
    table = np.arange(22.0).reshape(11, 2)
    assert watched(table)[:, 0].tolist() == [0.0, 6.0, 12.0, 18.0]
    assert watched(table).base is not None and len(watched(np.zeros(3))) == 3
