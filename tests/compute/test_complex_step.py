"""The complex step: slopes as exact as values, for every operation."""

import numpy as np
import pytest
from helpers import op_examples, reals, tried

import chainrule as cr
from chainrule.algebra.signature import FLOATS
from chainrule.compute.complex_step import slope
from chainrule.compute.interpret import Interpreter


@pytest.mark.parametrize(("op", "example"), op_examples())
def test_every_operation_has_the_slope_of_its_rule(op, example, rng):
    y, nodes, values = tried(op, example, rng)
    if y.dtype not in FLOATS:
        return
    for x in reals(nodes):
        along = rng.normal(size=np.shape(values[x.attrs["name"]]))
        (found,) = slope(Interpreter([y]), values, {}, x.attrs["name"], along)
        np.testing.assert_allclose(found, cr.evaluate(cr.jvp(y, x, along), values), rtol=1e-12, atol=1e-14)


def test_nothing_is_lost_where_differences_lose_everything():
    x = cr.scalar("x")
    (found,) = slope(Interpreter([1e12 + cr.exp(x)]), {"x": np.float64(-30.0)}, {}, "x", np.ones(()))
    np.testing.assert_allclose(found, np.exp(-30), rtol=1e-15)


def test_the_real_part_decides_which_way_a_switch_goes():
    x = cr.vector("x", 3)
    s = cr.sum(cr.relu(x)) + cr.max(x) + cr.sum(cr.where(x > 0, cr.sqrt(x), x**2))
    (found,) = slope(Interpreter([s]), {"x": np.array([-1.0, 4.0, 1.0])}, {}, "x", np.ones(3))
    np.testing.assert_allclose(found, 2 + 1 + (-2 + 0.25 + 0.5), rtol=1e-15)
