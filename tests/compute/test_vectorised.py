"""Two ways to the gradients of many examples, which have to give the same numbers."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.compute.vectorised import paces, ways
from chainrule.errors import GraphError, SettingError

B = 5


def network():
    W, x, b, u = cr.matrix("W", 4, 6), cr.vector("x", 6), cr.vector("b", 4), cr.vector("u", 4)
    return u.T @ cr.tanh(W @ x + b)


def logistic():
    w, x, y = cr.vector("w", 3), cr.vector("x", 3), cr.scalar("y")
    return cr.log(1 + cr.exp(-y * (w.T @ x)))


def looked_up():
    E, k, u = cr.matrix("E", 7, 3), cr.index("k"), cr.vector("u", 3)
    return u.T @ cr.take(E, k)


def drawn(s, over, rng):
    """Values of all variables of s: those that differ B times."""
    shapes = {v.attrs["name"]: ((B,) if v.attrs["name"] in over else ()) + v.shape for v in cr.variables(s)}
    return {
        n: rng.integers(0, 7, shape) if n == "k" else rng.standard_normal(shape) for n, shape in shapes.items()
    }


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize(("made", "over"), [(network, "x"), (logistic, "xy"), (looked_up, "k"), (network, "xu")])
def test_both_are_the_gradients_by_the_interpreter(backend, made, over, rng):
    pytest.importorskip(backend)
    s = made()
    known = {v.attrs["name"]: v for v in cr.variables(s)}
    values = drawn(s, over, rng)
    pair = ways(s, [known[name] for name in over], backend)
    looped, batched = pair.looped(values), pair.batched(values)
    alone = [{n: value[k] if n in over else value for n, value in values.items()} for k in range(B)]
    own = [n for n in over if n != "k"]
    wanted = [np.array([cr.evaluate(s, each) for each in alone])]
    for name in (*(n for n in known if n not in over), *own):
        found = np.array([cr.evaluate(cr.gradient(s, known[name]), each) for each in alone])
        wanted.append(found if name in over else found.sum(axis=0))
    assert len(looped) == len(batched) == len(wanted)
    for a, b, c in zip(looped, batched, wanted, strict=True):
        assert a.shape == b.shape == c.shape
        np.testing.assert_allclose(a, c, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(b, c, rtol=1e-10, atol=1e-12)


def test_what_cannot_be_asked():
    with pytest.raises(GraphError, match="has 1 axes; take its sum or mean"):
        ways(cr.vector("x", 3) * 2, [cr.vector("x", 3)])
    with pytest.raises(SettingError, match="nothing differs"):
        ways(network(), [])


def test_a_longer_run_has_a_longer_time():
    long, short = np.zeros((600, 600)), np.zeros((4, 4))
    found = paces({"long": lambda: long @ long, "short": lambda: short @ short}, 0.01)
    assert found["long"] > 5 * found["short"] > 0
