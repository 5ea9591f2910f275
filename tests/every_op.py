"""Every operation on its safe examples, with its gradients: what another library has to compute as we do."""

import numpy as np

import chainrule as cr
from chainrule.algebra.node import Node, make, variable
from chainrule.algebra.op import OPS, Given

DTYPES = {"index": np.int64, "truth": np.bool_}
CASES = [(name, k) for name, op in OPS.items() for k in range(len(op.examples))]
"""The operations by name, and the number of the example."""


def drawn(given: Given, rng: np.random.Generator) -> np.ndarray:
    """A random operand of the kind that an example asks for."""
    if given.kind == "index":
        return np.asarray(rng.integers(int(given.low), int(given.high), given.shape))
    if given.kind == "truth":
        return np.asarray(rng.random(given.shape) < 0.5)
    if given.kind in ("definite", "regular"):
        root = rng.normal(size=given.shape)
        symmetric = root @ np.swapaxes(root, -1, -2) + np.eye(given.shape[-1])
        return symmetric if given.kind == "definite" else symmetric + np.triu(root, 1) / 4
    return np.asarray(rng.uniform(given.low, given.high, given.shape))


def case(name: str, k: int) -> tuple[list[Node], dict[str, np.ndarray]]:
    """An operation and the gradients of its sum, and values for the variables v0, v1, …"""
    rng = np.random.default_rng(k)
    example = OPS[name].examples[k]
    inputs = [
        variable(f"v{i}", given.shape, DTYPES.get(given.kind, np.float64))
        for i, given in enumerate(example.operands)
    ]
    y = make(OPS[name], *inputs, **example.attrs)
    real = [x for x in inputs if x.dtype == np.float64]
    gradients = cr.gradient(cr.sum(y), real) if y.dtype == np.float64 and real else []
    return [y, *gradients], {f"v{i}": drawn(given, rng) for i, given in enumerate(example.operands)}
