"""Every operation and its gradient compute over any array namespace: judged by the strict one."""

import array_api_strict as strict
import numpy as np
import pytest

import chainrule as cr
from chainrule.algebra.node import make, variable
from chainrule.algebra.op import OPS

DTYPES = {"index": np.int64, "truth": np.bool_}


def drawn(given, rng):
    if given.kind == "index":
        return rng.integers(int(given.low), int(given.high), given.shape)
    if given.kind == "truth":
        return rng.random(given.shape) < 0.5
    if given.kind == "definite":
        root = rng.normal(size=given.shape)
        return root @ np.swapaxes(root, -1, -2) + np.eye(given.shape[-1])
    return rng.uniform(given.low, given.high, given.shape)


@pytest.mark.parametrize("name", [name for name, op in OPS.items() if op.examples])
def test_the_strict_namespace_gives_numpys_numbers(name):
    rng = np.random.default_rng(0)
    for example in OPS[name].examples:
        inputs = [
            variable(f"v{i}", given.shape, DTYPES.get(given.kind, np.float64))
            for i, given in enumerate(example.operands)
        ]
        values = {f"v{i}": np.asarray(drawn(given, rng)) for i, given in enumerate(example.operands)}
        y = make(OPS[name], *inputs, **example.attrs)
        outputs = [y]
        real = [x for x in inputs if x.dtype == np.float64]
        if y.dtype == np.float64 and real:
            outputs += cr.gradient(cr.sum(y), real)
        ours = cr.evaluate(outputs, values)
        theirs = cr.evaluate(outputs, {key: strict.asarray(value) for key, value in values.items()})
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, np.asarray(b), rtol=1e-12)
