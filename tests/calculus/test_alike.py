"""Parts that are the same but for a sign or a square are written alike, and mean what they meant."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.calculus.alike import alike

A, x, b, y = cr.matrix("A", 3, 3), cr.vector("x", 3), cr.vector("b", 3), cr.vector("y", 3)
r, back = A @ x - b, b - A @ x
X, Y = cr.matrix("X", 3, 2), cr.matrix("Y", 3, 2)


def test_an_opposite_difference_is_a_sign():
    assert alike([cr.outer(r, x), back]) == [cr.outer(r, x), -r]
    assert alike([back, A.T @ r]) == [back, -(A.T @ back)]
    assert alike([cr.outer(back, r)]) == [-cr.outer(back, back)]


def test_signs_come_to_the_front_and_cancel():
    assert alike([r, y + back, y - back, -back, back + y]) == [r, y - r, y + r, r, y - r]
    assert alike([r, back**2, back**3]) == [r, r**2, (-r) ** 3]
    assert alike([r, back / y, (back * back) / 2, -(back * y)]) == [r, -(r / y), (r * r) / 2, r * y]


def test_an_error_signal_keeps_its_sign():
    signal = A.T @ back
    assert alike([r, cr.outer(signal, x)], [signal]) == [r, cr.outer(-(A.T @ r), x), -(A.T @ r)]
    assert alike([r, cr.outer(signal, x)]) == [r, -cr.outer(A.T @ r, x)]


def test_an_inner_product_is_a_square_where_the_length_stands():
    length = cr.norm2(x)
    assert alike([x / (x @ x) / length]) == [x / length**2 / length]
    assert alike([length, (x @ x) ** 2, (x @ x) ** 0.5]) == [length, length**4.0, length]
    assert alike([cr.norm2(X) * X, cr.inner(X, X) * Y]) == [cr.norm2(X) * X, cr.norm2(X) ** 2 * Y]
    assert alike([r, (back**2) ** 0.5]) == [r, (r**2) ** 0.5]
    assert alike([cr.norm2(r), back @ back]) == [cr.norm2(r), cr.norm2(r) ** 2]


@pytest.mark.parametrize(
    "node",
    [x / (x @ x), cr.outer(r, r), cr.norm2(x, axis=0) * (y @ y), cr.norm2(X, axis=1), X - Y, (x - x) * y, x],
    ids=str,
)
def test_what_stands_alone_is_left_alone(node):
    assert alike([node]) == [node]


def test_values_are_what_they_were(rng):
    roots = [
        cr.outer(back, r) / cr.norm2(back),
        (r @ r) * cr.sin(back) + back,
        cr.norm2(x - y) * (y - x) + (x - y) * ((y - x) @ (y - x)) ** 1.5,
        cr.exp(y - cr.tanh(x)) / (cr.tanh(x) - y),
    ]
    values = {v.attrs["name"]: rng.standard_normal(v.shape) for v in (A, x, b, y)}
    changed = alike(roots)
    assert changed != roots
    for found, wanted in zip(cr.evaluate(changed, values), cr.evaluate(roots, values), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert alike(changed) == changed


def test_a_chain_of_twenty_thousand_nodes():
    node = x
    for _ in range(10_000):
        node = cr.sin(node) - b
    (found,) = alike([node * (b - cr.sin(x)) * (cr.sin(x) - b)])
    assert found.shape == (3,)
