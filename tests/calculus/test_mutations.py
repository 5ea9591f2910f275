"""Rules made wrong on purpose: every mutation of a gradient rule or a law is noticed by the judge that tests use."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import numpy as np
import pytest
from helpers import assert_gradient, assert_law, operands

import chainrule as cr
from chainrule.algebra.matrix import turned
from chainrule.algebra.node import Node, make
from chainrule.algebra.op import OPS, Example, Op
from chainrule.algebra.signature import FLOATS
from chainrule.calculus.simplify import EXAMPLE_OPERANDS, LAWS

Flow = Node | None


def _transposed(flow: Node) -> Flow:
    return turned(flow) if flow.ndim > 1 and flow.shape[-1] == flow.shape[-2] else flow


MUTATIONS: dict[str, Callable[[Node], Flow]] = {
    "scaled by 1.01": lambda flow: 1.01 * flow,
    "sign flipped": lambda flow: -flow,
    "transposed": _transposed,
    "dropped": lambda flow: None,
    "shifted": lambda flow: flow + 0.01,
}


@contextmanager
def mutated(op: Op, k: int, change: Callable[[Node], Flow]) -> Iterator[list[bool]]:
    """The operation with its rule for operand k changed; says for every use whether that made a difference."""
    right, used = op.pullback, []

    def wrong(i: int, g: Node, y: Node, *inputs: Node, **attrs: object) -> Flow:
        flow = right(i, g, y, *inputs, **attrs)
        if i != k:
            return flow
        changed = g * 0.01 if flow is None else change(flow)
        used.append(changed is not flow)
        return changed

    object.__setattr__(op, "pullback", wrong)
    try:
        yield used
    finally:
        object.__setattr__(op, "pullback", right)


def rows(op: Op) -> list[Example]:
    """The rows of an operation, and the same with every axis of size 3, where a transpose keeps the shape."""
    squares = [
        Example(tuple(g._replace(shape=(3,) * len(g.shape)) for g in e.operands), e.attrs)
        for e in op.examples
        if any(len(g.shape) > 1 for g in e.operands)
    ]
    return [*op.examples, *(e for e in squares if _fits(op, e))]


def _fits(op: Op, example: Example) -> bool:
    with suppress(cr.ChainruleError):
        make(op, *operands(example), **example.attrs)
        return True
    return False


def differentiable() -> Iterator[tuple[Op, int]]:
    """Every operation with each of its real operands."""
    for op in OPS.values():
        for k in range(max((len(e.operands) for e in op.examples), default=0)):
            rows = [e for e in op.examples if len(e.operands) > k and e.operands[k].kind not in ("index", "truth")]
            if rows and make(op, *operands(rows[0]), **rows[0].attrs).dtype in FLOATS:
                yield op, k


def noticed(op: Op, k: int, change: Callable[[Node], Flow]) -> bool | None:
    """Whether the judge of the gradient tests refuses the wrong rule on some row; None if it is not wrong there."""
    with mutated(op, k, change) as used:
        for example in rows(op):
            try:
                assert_gradient(op, example, np.random.default_rng(0))
            except (AssertionError, cr.ChainruleError):
                return True
    return False if any(used) else None


@pytest.mark.parametrize("name", MUTATIONS)
@pytest.mark.parametrize(("op", "k"), [pytest.param(op, k, id=f"{op.name}-{k}") for op, k in differentiable()])
def test_a_wrong_gradient_rule_is_noticed(op, k, name):
    assert noticed(op, k, MUTATIONS[name]) is not False


def test_the_mutations_are_many_and_rules_are_restored():
    before = {op.name: op.pullback for op in OPS.values()}
    tried = [noticed(op, k, change) for op, k in differentiable() for change in MUTATIONS.values()]
    assert len(tried) >= 200 and tried.count(None) <= 8 and False not in tried
    assert before == {op.name: op.pullback for op in OPS.values()}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("name", ["scaled by 1.01", "sign flipped", "shifted"])
def test_a_wrong_law_is_noticed(law, name, rng):
    x, y = EXAMPLE_OPERANDS
    values = {"x": rng.standard_normal(3), "y": rng.standard_normal(3)}

    def wrong(node: Node) -> Node | None:
        after = law.apply(node)
        return None if after is None else MUTATIONS[name](after)

    assert_law(law, law.example(x, y), values)
    with pytest.raises(AssertionError):
        assert_law(law._replace(apply=wrong), law.example(x, y), values)
