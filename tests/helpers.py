"""What several tests of the core use. A helper that judges raises; it returns nothing that could be dropped."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, combinations
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.algebra.node import Node, make, topological, variable
from chainrule.algebra.op import OPS, Example, Given, Op
from chainrule.algebra.signature import BOOLEAN, FLOAT64, FLOATS, INTEGER
from chainrule.calculus.simplify import Law
from chainrule.compute.emit import Emitted
from chainrule.compute.helpers import HELPERS

Values = dict[str, np.ndarray]


def op_examples() -> list:
    """Every row of every operation, as pytest parameters."""
    return [
        pytest.param(op, example, id=f"{name}-{i}")
        for name, op in OPS.items()
        for i, example in enumerate(op.examples)
    ]


def draw(
    given: Given, rng: np.random.Generator, dtype: np.dtype = FLOAT64, front: tuple[int, ...] = ()
) -> np.ndarray:
    """A random array in the safe domain of an operand, with more axes in front if asked."""
    shape = (*front, *given.shape)
    if given.kind == "index":
        return rng.integers(int(given.low), int(given.high), shape)
    if given.kind == "truth":
        return np.asarray(rng.random(shape) < 0.5)
    if given.kind == "definite":
        turn = np.linalg.qr(rng.standard_normal(shape))[0]
        stretch = rng.uniform(given.low, given.high, shape[:-1])
        return (turn * stretch[..., None, :] @ np.swapaxes(turn, -1, -2)).astype(dtype)
    if given.kind == "regular":
        skew = rng.uniform(-1, 1, shape)
        return (
            draw(given._replace(kind="definite"), rng, FLOAT64, front) + skew - np.swapaxes(skew, -1, -2)
        ).astype(dtype)
    return rng.uniform(given.low, given.high, shape).astype(dtype)


def operands(example: Example, dtype: np.dtype = FLOAT64) -> list[Node]:
    """Variables a, b, c … for the operands of a row."""
    kinds = {"index": INTEGER, "truth": BOOLEAN}
    return [
        variable("abcdefgh"[k], given.shape, kinds.get(given.kind, dtype))
        for k, given in enumerate(example.operands)
    ]


def tried(op: Op, example: Example, rng: np.random.Generator, dtype: np.dtype = FLOAT64) -> tuple:
    """The node of a row, its variables, and values in its safe domain."""
    nodes = operands(example, dtype)
    values = {n.attrs["name"]: draw(g, rng, dtype) for n, g in zip(nodes, example.operands, strict=True)}
    return make(op, *nodes, **example.attrs), nodes, values


def contracted(y: Node, rng: np.random.Generator) -> Node:
    """⟨y, w⟩ with random weights w, so that no entry's gradient can hide behind another's."""
    shape = tuple(int(a) for a in y.shape)
    return cr.inner(y, cr.constant(rng.standard_normal(shape), y.dtype))


def assert_slope(s: Node, x: Node, values: Mapping[str, np.ndarray], rng: np.random.Generator) -> None:
    """⟨∂s/∂x, v⟩ is the central difference of s along one random direction v (extrapolated, error O(h⁴))."""
    name = x.attrs["name"]
    at = np.asarray(values[name], np.float64)
    v = rng.standard_normal(at.shape)
    f = lambda t: float(cr.evaluate(s, {**values, name: at + t * v}))  # noqa: E731
    wide, narrow = (((f(h) - f(-h)) / (2 * h)) for h in (1e-3, 5e-4))
    numeric = (4 * narrow - wide) / 3
    claimed = float(np.sum(cr.evaluate(cr.gradient(s, x), values) * v))
    np.testing.assert_allclose(claimed, numeric, rtol=2e-7, atol=2e-8, err_msg=f"∂({s})/∂{name}")


def assert_gradient(op: Op, example: Example, rng: np.random.Generator) -> None:
    """The gradient rule of an operation gives the slope in every real operand of a row."""
    y, nodes, values = tried(op, example, rng)
    s = contracted(y, rng)
    for x in reals(nodes):
        assert_slope(s, x, values, rng)


def assert_law(law: Law, before: Node, values: Values) -> None:
    """Wherever a law fits in an expression it keeps shape, dtype and value; and it fits somewhere."""
    changes = [(n, law.apply(n)) for n in topological([before]) if not law.on or n.op in law.on]
    changed = [(n, after) for n, after in changes if after is not None]
    assert changed, f"{law.name} fits nowhere in {before}"
    for node, after in changed:
        assert (after.shape, after.dtype) == (node.shape, node.dtype)
        held = [cr.evaluate(e, {k: v for k, v in values.items() if k in names(e)}) for e in (node, after)]
        np.testing.assert_allclose(held[1], held[0], rtol=1e-14, err_msg=law.name)


def names(node: Node) -> set[str]:
    """The names of the variables of an expression."""
    return {v.attrs["name"] for v in cr.variables(node)}


def reals(nodes: Sequence[Node]) -> list[Node]:
    """Those that have gradients."""
    return [n for n in nodes if n.dtype in FLOATS]


def subsets(count: int) -> Iterator[tuple[int, ...]]:
    """Every choice of at least one of so many."""
    return chain.from_iterable(combinations(range(count), k) for k in range(1, count + 1))


def in_python(emitted: Emitted) -> Callable[..., Any]:
    """The function of a compiled text as Python runs it, line by line."""
    names = {"np": np, "float32": np.float32, "float64": np.float64, "int64": np.int64, **emitted.constants}
    names |= {f"{name}{bits}": getattr(np, name) for name in ("exp", "log", "sqrt", "tanh") for bits in (32, 64)}
    names |= HELPERS
    exec(emitted.source, names)

    def call(*given: Any) -> Any:
        with np.errstate(all="ignore"):
            return names[emitted.name](*given)

    return call
