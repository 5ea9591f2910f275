"""What is divided by the square of a length speaks of the direction, and means what it meant."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.calculus.directions import with_directions

x, a, u = cr.vector("x", 3), cr.vector("a", 3), cr.vector("u", 3)
A, X, t = cr.matrix("A", 3, 3), cr.matrix("X", 3, 3), cr.scalar("t")
length = cr.norm2(x)
e = x / length
r = x - cr.mean(x)
deviation = cr.sqrt(cr.mean(r**2) + t)
CASES = {
    "projector": ((A - cr.outer(x, x) / length**2) / length, (A - cr.outer(e, e)) / length),
    "projection": ((a - ((a @ x) / length**2) * x) / length, (a - (a @ e) * e) / length),
    "signs and numbers": (-(2 * (a @ x) / length**2 * x) / length, -(2 * (a @ e) * e) / length),
    "behind a matrix": (A @ cr.outer(x, x) / length**2 + length, A @ cr.outer(e, e) + length),
    "a matrix": (
        (cr.inner(A, X) / cr.norm2(X) ** 2) * X + cr.norm2(X),
        cr.inner(A, X / cr.norm2(X)) * (X / cr.norm2(X)) + cr.norm2(X),
    ),
    "a deviation": (
        (u - ((u @ r) / (3 * deviation.inputs[0])) * r) / deviation,
        (u - ((u @ (r / deviation)) / 3) * (r / deviation)) / deviation,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_twice_the_vector_is_twice_its_direction(name, rng):
    node, wanted = CASES[name]
    assert with_directions([node]) == [wanted]
    assert with_directions([wanted]) == [wanted]
    values = {v.attrs["name"]: rng.standard_normal(v.shape) for v in (x, a, u, A, X)} | {"t": 0.3}
    np.testing.assert_allclose(cr.evaluate(wanted, values), cr.evaluate(node, values), rtol=1e-12)


@pytest.mark.parametrize(
    "node",
    [
        cr.outer(x, x) / (x @ x),  # no length stands
        cr.outer(x, a) / length**2 + length,  # x once
        cr.outer(x, x) / length**3 + length,
        cr.outer(x, x) / (length + 1) + length,
        cr.outer(x, x) / (length**2 * t * (a @ a)) + length,
        ((a @ u) / cr.sqrt(x @ A @ x)) * u / (x @ A @ x) + cr.outer(x, x) / (x @ A @ x),
    ],
    ids=str,
)
def test_nothing_else_changes(node):
    assert with_directions([node]) == [node]
