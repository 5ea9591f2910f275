"""The op table is the test table: a new operation is tested on the day that it is declared."""

import numpy as np
import pytest
from helpers import assert_gradient, assert_slope, contracted, draw, op_examples, operands, reals, subsets, tried

import chainrule as cr
from chainrule.algebra.node import CONSTANT, SIZE, VARIABLE, make, variable
from chainrule.algebra.op import OPS
from chainrule.algebra.signature import FLOAT32, FLOAT64, FLOATS
from chainrule.calculus.batch import put_in_front

ROWS = pytest.mark.parametrize(("op", "example"), op_examples())
DIFFERENTIABLE = pytest.mark.parametrize(
    ("op", "example"),
    [
        row
        for row in op_examples()
        if make(row.values[0], *operands(row.values[1]), **row.values[1].attrs).dtype in FLOATS
    ],
)


def test_every_operation_but_a_leaf_has_rows():
    assert [op for op in OPS.values() if not op.examples] == [VARIABLE, CONSTANT, SIZE]


@ROWS
@pytest.mark.parametrize("dtype", [FLOAT64, FLOAT32], ids=str)
def test_inferred_shape_and_dtype_are_the_computed_ones(op, example, dtype, rng):
    y, _, values = tried(op, example, rng, dtype)
    result = np.asarray(cr.evaluate(y, values))
    assert (result.shape, result.dtype) == (y.shape, y.dtype)
    assert np.isfinite(result).all()


@DIFFERENTIABLE
@pytest.mark.parametrize("dtype", [FLOAT64, FLOAT32], ids=str)
def test_gradients_have_the_shape_and_dtype_of_their_operand(op, example, dtype, rng):
    y, nodes, values = tried(op, example, rng, dtype)
    for x, dx in zip(reals(nodes), cr.gradient(contracted(y, rng), reals(nodes)), strict=True):
        result = np.asarray(cr.evaluate(dx, values))
        assert (dx.shape, dx.dtype) == (result.shape, result.dtype) == (x.shape, x.dtype)


@DIFFERENTIABLE
def test_the_gradient_is_the_slope(op, example, rng):
    assert_gradient(op, example, rng)


@DIFFERENTIABLE
def test_the_gradient_of_the_gradient_is_the_slope_of_the_gradient(op, example, rng):
    y, nodes, values = tried(op, example, rng)
    s = contracted(y, rng)
    for x in reals(nodes):
        slope = contracted(cr.gradient(s, x), rng)
        for z in reals(nodes):
            assert_slope(slope, z, values, rng)


@DIFFERENTIABLE
def test_forward_mode_is_the_transpose_of_reverse_mode(op, example, rng):
    y, nodes, values = tried(op, example, rng)
    w = rng.standard_normal(tuple(y.shape))
    for x in reals(nodes):
        v = rng.standard_normal(tuple(x.shape))
        forward, back = cr.evaluate([cr.jvp(y, x, v), cr.vjp(y, x, w)], values)
        np.testing.assert_allclose(np.sum(w * forward), np.sum(back * v), rtol=1e-12, atol=1e-13)


def _spread(example, nodes, chosen, counts, rng):
    """Operands with axes of these sizes in front of the chosen ones, as variables and as values."""
    many = {nodes[k]: variable(nodes[k].attrs["name"], (*counts, *nodes[k].shape), nodes[k].dtype) for k in chosen}
    values = {
        n.attrs["name"]: draw(given, rng, front=counts if k in chosen else ())
        for k, (n, given) in enumerate(zip(nodes, example.operands, strict=True))
    }
    return many, values


@ROWS
def test_a_batch_is_the_loop_over_its_examples(op, example, rng):
    nodes = operands(example)
    y = make(op, *nodes, **example.attrs)
    for chosen in subsets(len(nodes)):
        many, values = _spread(example, nodes, chosen, (3,), rng)
        (batched,) = put_in_front([y], many, 3)
        names = [nodes[k].attrs["name"] for k in chosen]
        loop = [cr.evaluate(y, {**values, **{n: values[n][b] for n in names}}) for b in range(3)]
        assert batched.shape == (3, *y.shape)
        assert batched.dtype == y.dtype
        np.testing.assert_allclose(cr.evaluate(batched, values), np.stack(loop), rtol=1e-12, atol=1e-14)


@ROWS
def test_a_batch_of_batches_is_the_loop_over_both(op, example, rng):
    nodes = operands(example)
    y = make(op, *nodes, **example.attrs)
    for chosen in subsets(len(nodes)):
        inner, _ = _spread(example, nodes, chosen, (3,), rng)
        (once,) = put_in_front([y], inner, 3)
        outer, values = _spread(example, nodes, chosen, (2, 3), rng)
        (twice,) = put_in_front([once], {inner[n]: outer[n] for n in inner}, 2)
        names = [nodes[k].attrs["name"] for k in chosen]
        loop = [
            [cr.evaluate(y, {**values, **{n: values[n][c, b] for n in names}}) for b in range(3)] for c in range(2)
        ]
        np.testing.assert_allclose(cr.evaluate(twice, values), np.array(loop), rtol=1e-12, atol=1e-14)


@ROWS
def test_inputs_are_unchanged_and_not_shared(op, example, rng):
    y, _, values = tried(op, example, rng)
    before = {name: v.copy() for name, v in values.items()}
    for v in values.values():
        v.flags.writeable = False
    result = cr.evaluate(y, values)
    for name, v in values.items():
        np.testing.assert_array_equal(v, before[name])
        assert not np.shares_memory(result, v)
    assert np.ndim(result) == 0 or result.flags.writeable


@ROWS
def test_every_operation_can_be_written(op, example):
    y = make(op, *operands(example), **example.attrs)
    assert str(y)
    assert "Node object" not in str(y)


@ROWS
def test_forward_uses_only_what_every_array_namespace_has(op, example, rng):
    xp = pytest.importorskip("array_api_strict")
    y, _, values = tried(op, example, rng)
    result = cr.evaluate(y, {name: xp.asarray(v) for name, v in values.items()})
    np.testing.assert_allclose(np.asarray(result), cr.evaluate(y, values), rtol=1e-12, atol=1e-14)


def test_a_gradient_runs_over_another_array_namespace(rng):
    xp = pytest.importorskip("array_api_strict")
    W, b, u, x = cr.matrix("W", "n", "m"), cr.vector("b", "n"), cr.vector("u", "n"), cr.vector("x", "m")
    s = cr.mean(u * cr.tanh(W @ x + b)) + cr.norm2(cr.where(x > 0, cr.sqrt(x), 0))
    values = {"W": (4, 3), "b": 4, "u": 4, "x": 3}
    values = {name: rng.standard_normal(shape) for name, shape in values.items()}
    strict = {name: xp.asarray(v) for name, v in values.items()}
    wrt = [W, b, u, x]
    for a, e in zip(
        cr.evaluate(cr.gradient(s, wrt), strict), cr.evaluate(cr.gradient(s, wrt), values), strict=True
    ):
        np.testing.assert_allclose(np.asarray(a), e, rtol=1e-12)
