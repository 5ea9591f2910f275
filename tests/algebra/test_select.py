"""Rows, slices, joins and reshapes: NumPy's meaning, their transposes, and what is refused."""

import numpy as np
import pytest
from helpers import assert_slope, contracted
from hypothesis import given, strategies as st

import chainrule as cr
from chainrule.algebra.node import topological, variable
from chainrule.algebra.op import OPS

E, x, k = cr.matrix("E", "V", "D"), cr.vector("x", "n"), cr.index("k")
V3 = np.array([10.0, 20.0, 30.0])


# ── rows ──────────────────────────────────────────────────────────────────────────────────────────────


def test_rows_are_taken_and_their_gradient_is_scattered(rng):
    window = cr.index("w", "W")
    e, rows = rng.standard_normal((5, 2)), np.array([3, 1, 3])
    taken = cr.take(E, window)
    assert taken is E[window]
    np.testing.assert_array_equal(cr.evaluate(taken, {"E": e, "w": rows}), e[rows])
    dE = cr.gradient(cr.sum(taken * taken), E)
    assert dE.op is OPS["scatter"]
    assert dE.inputs[0] is window
    expected = np.zeros((5, 2))
    np.add.at(expected, rows, 2 * e[rows])
    np.testing.assert_allclose(cr.evaluate(dE, {"E": e, "w": rows}), expected, rtol=1e-14)


@pytest.mark.parametrize("rows", [[0, 2], [[0, 1], [1, 1]], [], 2, np.array(1), np.int8(2), np.array([], int)])
def test_rows_given_as_numbers_are_numpys(rows, rng):
    e = rng.standard_normal((3, 2))
    expected = e[np.asarray(rows, int)]
    np.testing.assert_array_equal(cr.evaluate(cr.take(E, rows), {"E": e}), expected)
    assert_slope(contracted(cr.take(variable("E", (3, 2)), rows), rng), variable("E", (3, 2)), {"E": e}, rng)


def test_rows_that_meet_are_added(rng):
    v = rng.standard_normal((3, 2))
    table = cr.scatter([1, 1, 0], cr.matrix("v", 3, 2), 4)
    np.testing.assert_allclose(cr.evaluate(table, {"v": v}), [v[2], v[0] + v[1], [0, 0], [0, 0]])
    assert_slope(contracted(table, rng), cr.matrix("v", 3, 2), {"v": v}, rng)


def test_rows_out_of_range_are_named():
    for row in (3, -1, 10**9):
        with pytest.raises(cr.BindingError) as caught:
            cr.evaluate(x[k], {"x": V3, "k": row})
        assert str(caught.value) == f"x[k]: row {row} is asked for, but the rows are numbered 0 to 2"
    with pytest.raises(cr.BindingError, match="row 7 is asked for"):
        cr.evaluate(cr.scatter([0, 7], cr.vector("y", 2), 3), {"y": np.ones(2)})


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: cr.take(E, x), cr.DTypeError, "x (n) selects rows, so it must be whole numbers: declare it with index(…)"),
        (lambda: cr.scatter(x, x, 3), cr.DTypeError, "x (n) selects rows, so it must be whole numbers: declare it with index(…)"),
        (lambda: cr.take(E, [0.5]), cr.DTypeError, "rows are chosen by whole numbers, not float64"),
        (lambda: cr.take(E, [True, False]), cr.DTypeError, "rows are chosen by whole numbers, not bool"),
        (lambda: cr.take(E, [[1], [1, 2]]), cr.DTypeError, "[[1], [1, 2]] has rows of unequal length"),
        (lambda: cr.take(cr.scalar("s"), [0]), cr.ShapeError, "take needs rows to choose from, but s (scalar) has none"),
        (lambda: cr.scatter([0, 1, 2], cr.vector("y", 2), 5), cr.ShapeError, "scatter lays y (2) at [0, 1, 2] (3): the front axes differ"),
        (lambda: cr.scatter([0, 1], cr.index("i", 2), 5), cr.DTypeError, "i (2) holds whole numbers, which select and have no gradient; take(x, i) uses it, or declare it as a real variable"),
        (lambda: E[0, [1]], cr.GraphError, "E[…]: rows are taken along the first axis only; transpose, take, transpose back"),
    ],
)  # fmt: skip
def test_what_selects_no_rows_is_refused(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == text


# ── slices ────────────────────────────────────────────────────────────────────────────────────────────

bounds = st.none() | st.integers(-6, 6)
positions = (
    st.integers(-2, 1)
    | st.builds(slice, bounds, bounds, st.none() | st.integers(1, 3) | st.integers(-3, -1))
    | st.none()
)


@given(st.lists(positions, max_size=4), st.booleans(), st.integers(0, 4))
def test_indexing_is_numpys(parts, dots, place):
    v = np.arange(24.0).reshape(2, 3, 4)
    index = tuple(parts)
    if dots:
        index = (*parts[:place], ..., *parts[place:])
    try:
        expected = v[index]
    except IndexError:
        with pytest.raises(cr.ShapeError):
            variable("v", (2, 3, 4))[index]
        return
    node = variable("v", (2, 3, 4))[index]
    assert node.shape == expected.shape
    np.testing.assert_array_equal(cr.evaluate(node, {"v": v}), expected)
    mask = np.zeros_like(v)
    mask[index] = 1
    dv = cr.evaluate(cr.gradient(cr.sum(node), variable("v", (2, 3, 4))), {"v": v})
    np.testing.assert_array_equal(dv, mask)


@pytest.mark.parametrize(
    "index",
    [
        slice(1, None),
        slice(None, -1),
        slice(1, -1),
        slice(None),
        0,
        -1,
        2,
        np.int64(-1),
        slice(np.int64(-2), None),
        None,
        slice(-2, None),
    ],
    ids=str,
)
def test_slices_of_a_named_axis_are_numpys(index):
    node = x[index]
    np.testing.assert_array_equal(cr.evaluate(node, {"x": V3}), V3[index])
    d = cr.evaluate(cr.gradient(cr.sum(node * node), x), {"x": V3})
    expected = np.zeros(3)
    expected[index] = 2 * V3[index]
    np.testing.assert_allclose(d, expected)


def test_slices_know_their_length_by_name():
    assert str(cr.vector("y", "n")[1:].shape[0]) == "n - 1"
    assert x[1:] + x[:-1] is x[1:] + x[:-1]
    assert x[:"n"] is x
    y = cr.vector("y", "n + m")
    assert y["n":].shape == cr.vector("z", "m").shape
    np.testing.assert_array_equal(
        cr.evaluate(cr.concat([y["n":], y[:"n"]]), {"y": np.arange(5.0)}, {"n": 2, "m": 3}), [2, 3, 4, 0, 1]
    )


@pytest.mark.parametrize(
    ("index", "text"),
    [
        (4, "x[4:5]: entry 4 is asked for, but that axis has 3 entries, numbered from 0"),
        (slice(None, 5), "x[0:5]: entry 4 is asked for, but that axis has 3 entries, numbered from 0"),
        (slice(2, 4), "x[2:4]: entry 3 is asked for, but that axis has 3 entries, numbered from 0"),
        (-5, "x[n - 5:n - 4]: an axis of n - 5 would have -2 entries, because n = 3"),
        (slice(4, None), "x[4:n]: an axis of n - 4 would have -1 entries, because n = 3"),
    ],
)
def test_a_slice_that_leaves_a_named_axis_is_refused_when_its_size_is_known(index, text):
    with pytest.raises(cr.BindingError) as caught:
        cr.evaluate(cr.sum(x[index]), {"x": V3})
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("index", "error", "text"),
    [
        (3, cr.ShapeError, "entry 3 of y (3): that axis has 3 entries, numbered from 0"),
        (-4, cr.ShapeError, "entry -4 of y (3): that axis has 3 entries, numbered from 0"),
        ((0, 0), cr.ShapeError, "2 positions are given for y (3), which has 1 axes"),
        (True, cr.GraphError, "True selects nothing from y; use numbers, slices or whole-number rows"),
        (1.0, cr.GraphError, "1.0 selects nothing from y; use numbers, slices or whole-number rows"),
        ("a b c", cr.GraphError, "'a b c' selects nothing from y; use numbers, slices or whole-number rows"),
        (slice(0.5, None), cr.GraphError, "slice(0.5, None, None) selects nothing from y; use numbers, slices or whole-number rows"),
        (slice(None, None, 0), cr.GraphError, "0 is no step of a slice; give a whole number other than 0"),
        (slice(None, None, 1.5), cr.GraphError, "1.5 is no step of a slice; give a whole number other than 0"),
        ((..., ...), cr.GraphError, "y[…]: `...` stands for all other axes, so it is written once"),
    ],
)  # fmt: skip
def test_positions_that_select_nothing_are_refused(index, error, text):
    with pytest.raises(error) as caught:
        cr.vector("y", 3)[index]
    assert str(caught.value) == text


def test_a_step_needs_a_number_for_the_axis():
    with pytest.raises(cr.ShapeError) as caught:
        x[::2]
    assert str(caught.value) == "a step of 2 over axis n of x (n): the axis needs a number for that"


# ── join and split ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("axis", [0, 1, -1, -2])
def test_joining_is_numpys(axis, rng):
    shapes = [(2, 3), (2, 3), (2, 3)]
    arrays = [rng.standard_normal(s) for s in shapes]
    nodes = [variable(n, s) for n, s in zip("abc", shapes, strict=True)]
    values = dict(zip("abc", arrays, strict=True))
    joined = cr.concat(nodes, axis=axis)
    np.testing.assert_array_equal(cr.evaluate(joined, values), np.concatenate(arrays, axis))
    for n in nodes:
        assert_slope(contracted(joined, rng), n, values, rng)


def test_named_axes_add_when_joined():
    y = cr.vector("y", "m")
    assert str(cr.concat([x, y, x, [1.0, 2.0]]).shape[0]) == "m + 2n + 2"
    d = cr.gradient(cr.sum(cr.concat([x, y]) * cr.concat([x, y])), y)
    np.testing.assert_array_equal(cr.evaluate(d, {"x": V3, "y": V3[:2]}), 2 * V3[:2])


def test_joining_takes_anything_that_can_be_listed():
    parts = (x, cr.vector("y", "m"))
    assert cr.concat(p for p in parts) is cr.concat(parts) is cr.concat(list(parts))
    assert cr.concat([x]) is x
    assert cr.stack([x, x]).shape == (2, *x.shape)
    assert cr.concat([x, x.T]) is cr.concat([x, x])


def test_split_is_the_transpose_of_joining(rng):
    m = cr.matrix("m", 5, 2)
    v = rng.standard_normal((5, 2))
    parts = cr.split(m, [2, 0, 3])
    for part, expected in zip(cr.evaluate(parts, {"m": v}), [v[:2], v[2:2], v[2:]], strict=True):
        np.testing.assert_array_equal(part, expected)
    np.testing.assert_array_equal(cr.evaluate(cr.concat(parts), {"m": v}), v)
    a, b = cr.split(cr.vector("y", "n + m"), ["n", "m"])
    assert (str(a.shape[0]), str(b.shape[0])) == ("n", "m")


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: cr.concat([]), "concat joins one operand or more, and none is given"),
        (lambda: cr.concat([x, cr.scalar("s")]), "concat needs operands with equally many axes, at least one: x (n), s (scalar)"),
        (lambda: cr.concat([x, E]), "concat needs operands with equally many axes, at least one: x (n), E (V×D)"),
        (lambda: cr.concat([E, E.T]), "concat along axis 0 needs the other axes equal, but D and V differ in E (V×D) and Eᵀ (D×V)"),
        (lambda: cr.concat([E, E], axis=2), "axis 2 of E (V×D): it has 2 axes, numbered from 0"),
        (lambda: cr.concat([E, E], axis=None), "None is no axis of E (V×D); give a whole number"),
        (lambda: cr.split(cr.vector("y", 4), [1, 2]), "the parts add up to 3, but axis 0 of y (4) is 4"),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_are_named(call, text):
    with pytest.raises(cr.ShapeError) as caught:
        call()
    assert str(caught.value) == text


# ── reshape ───────────────────────────────────────────────────────────────────────────────────────────


def test_reshaping_is_numpys(rng):
    v = rng.standard_normal((2, 6))
    m = cr.matrix("m", 2, 6)
    for shape in [(3, 4), (12,), (-1,), (4, -1), (1, 12, 1), (2, -1, 3), (2, 6)]:
        np.testing.assert_array_equal(cr.evaluate(m.reshape(shape), {"m": v}), v.reshape(shape))
        assert m.reshape(*shape) is m.reshape(shape) is cr.reshape(m, shape)
        assert_slope(contracted(m.reshape(shape), rng), m, {"m": v}, rng)
    np.testing.assert_array_equal(cr.evaluate(cr.vec(m), {"m": v}), v.T.ravel())
    np.testing.assert_array_equal(cr.evaluate(cr.ravel(m), {"m": v}), v.ravel())


def test_reshaping_by_name():
    assert str(cr.ravel(E).shape[0]) == "D·V"
    assert cr.ravel(E).reshape("V", "D") is E
    assert E.reshape(-1, "D") is E
    assert len(topological([E.reshape(1, "V", "D").reshape("D", "V")])) == 2
    assert E.reshape("V", 1, "D").shape == (*E.shape[:1], 1, *E.shape[1:])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: cr.vector("y", 6).reshape(4), "y (6) has 6 entries and cannot be laid out as 4, which has 4"),
        (lambda: E.reshape("D"), "E (V×D) has D·V entries and cannot be laid out as D, which has D"),
        (lambda: cr.vector("y", 6).reshape(4, -1), "the axis written -1 has no size: y (6) is not divisible by 4"),
        (lambda: cr.vector("y", 6).reshape(-1, -1), "only one axis of (-1, -1) may be -1"),
        (lambda: cr.vector("y", 6).reshape(-2, 3), "an axis has -2 entries; give 0, a positive number or a name such as 'n'"),
        (lambda: cr.vector("y", 6).reshape(2.0, 3), "2.0 is no dimension; give a number or a name such as 'n'"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_named(call, text):
    with pytest.raises(cr.ShapeError) as caught:
        call()
    assert str(caught.value) == text


def test_empty_axes_are_axes_like_others():
    v = {"x": np.zeros(0)}
    assert cr.evaluate(cr.concat([x, x]), v).shape == (0,)
    assert cr.evaluate(x[:0], {"x": V3}).shape == (0,)
    assert cr.evaluate(x.reshape("n", 1), v).shape == (0, 1)
    d = cr.evaluate(
        cr.gradient(cr.sum(cr.take(E, cr.index("w", "W"))), E), {E: np.ones((2, 3)), "w": np.zeros(0, int)}
    )
    np.testing.assert_array_equal(d, np.zeros((2, 3)))
