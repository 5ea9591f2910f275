"""The moving average of parameters: what the plain recursion over every row gives, also where rows rest."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from chainrule.errors import SettingError
from chainrule.learn.average import Average
from chainrule.learn.train import Plan
from chainrule.ner import Tagger
from chainrule.ner.bundled import sample

V, D = 7, 3


def steps(seed, count):
    """Rows of a table and what is added to them, and to a dense parameter, in each of some steps."""
    rng = np.random.default_rng(seed)
    return [
        (rng.integers(0, V, rng.integers(0, 5)), rng.normal(size=(V, D)), rng.normal(size=D)) for _ in range(count)
    ]


@given(st.integers(0, 999), st.sampled_from([0.5, 0.9, 0.99]), st.integers(0, 12))
def test_it_is_the_recursion_over_all_rows(seed, decay, count):
    params = {"E": np.ones((V, D)), "b": np.zeros(D)}
    plain = {name: w.copy() for name, w in params.items()}
    average = Average(params, frozenset({"E"}), decay)
    for rows, table, dense in steps(seed, count):
        average.before({"E": rows})
        met = np.unique(rows)
        params["E"][met] += table[met]
        params["b"] += dense
        average.after()
        for name, w in params.items():
            plain[name] = decay * plain[name] + (1 - decay) * w
    for name, mean in average.settled().items():
        np.testing.assert_allclose(mean, plain[name], rtol=1e-12, atol=1e-12)


def test_what_is_stored_goes_on_as_if_nothing_had_been():
    halves = []
    for cut in (6, 3):
        params = {"E": np.ones((V, D)), "b": np.zeros(D)}
        average = Average(params, frozenset({"E"}), 0.8)
        for k, (rows, table, dense) in enumerate(steps(1, 6)):
            if k == cut:
                state = {name: array.copy() for name, array in average.state.items()}
                average = Average(params, frozenset({"E"}), 0.8)
                average.restore(state, k)
            average.before({"E": rows})
            params["E"][np.unique(rows)] += table[np.unique(rows)]
            params["b"] += dense
            average.after()
        halves.append({name: mean.copy() for name, mean in average.settled().items()})
    assert all(np.array_equal(halves[0][name], halves[1][name]) for name in halves[0])


def test_training_keeps_the_average_and_resumes_bit_for_bit(tmp_path):
    parts = sample("en")
    few = parts.train.of(parts.train.sentences[:40])
    settings = {"epochs": 3, "hidden": 5, "dimension": 4, "average": 0.95, "batch_size": 16}
    whole = Tagger.train(few, parts.dev, out=tmp_path / "whole", **settings)
    left = iter([*[False] * 40, True])
    Tagger.train(few, parts.dev, out=tmp_path / "cut", stop=lambda: next(left, True), **settings)
    again = Tagger.train(few, parts.dev, out=tmp_path / "cut", resume=True, **settings)
    plain = Tagger.train(few, parts.dev, **{**settings, "average": 0.0})
    assert all(np.array_equal(w, again.params[n]) for n, w in whole.params.items())
    assert not np.array_equal(whole.params["W"], plain.params["W"])


def test_an_optimiser_that_moves_rows_at_rest_is_refused():
    with pytest.raises(SettingError, match="adagrad, adam or sgd"):
        Plan(average=0.9, optimizer="adamw")
