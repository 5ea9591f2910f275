"""Shapes with named dimensions: polynomials, broadcasting, and finding sizes from values."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, strategies as st

import chainrule as cr
from chainrule.algebra.signature import (
    Binding,
    Dim,
    Misfit,
    axis,
    broadcast,
    common_dtype,
    entries,
    kind_of,
    real_dtype,
    shape_of,
    shape_text,
)

NAMES = ["n", "m", "k", "길이", "B_1"]
SIZES = {"n": 7, "m": 3, "k": 11, "길이": 2, "B_1": 5}


@st.composite
def polynomials(draw):
    """An axis and the number that it is when the names have `SIZES`."""
    total, number = 0, 0
    for _ in range(draw(st.integers(0, 4))):
        factors = draw(st.lists(st.sampled_from(NAMES), max_size=3))
        term, value = (c := draw(st.integers(-5, 5))), c
        for name in factors:
            term, value = term * axis(name), value * SIZES[name]
        total, number = total + term, number + value
    return total, number


def _value(a) -> int:
    """The number, from the terms themselves."""
    if isinstance(a, int):
        return a
    return sum(c * math.prod(SIZES[name] for name in monomial) for monomial, c in a.terms)


@given(polynomials(), polynomials(), polynomials())
def test_axes_form_a_ring(p, q, r):
    (a, av), (b, bv), (c, cv) = p, q, r
    assert a + b == b + a
    assert a * b == b * a
    assert (a + b) + c == a + (b + c)
    assert (a * b) * c == a * (b * c)
    assert a * (b + c) == a * b + a * c
    assert a - a == 0
    assert a + 0 == a
    assert a * 1 == a
    assert a * 0 == 0
    assert 0 - (0 - a) == a
    assert _value(a + b * c - a) == bv * cv
    assert _value(a - b) == av - bv


@given(polynomials(), polynomials())
def test_equal_axes_hash_alike_and_are_plain_numbers_when_they_can(p, q):
    (a, av), (b, _) = p, q
    again = a + b - b
    assert again == a
    assert hash(again) == hash(a)
    assert pickle.loads(pickle.dumps(a)) == a
    if not isinstance(a, Dim):
        assert a == av
    else:
        assert a != av
        assert a.names


@given(polynomials())
def test_what_is_written_reads_back(p):
    a, value = p
    if value >= 0 or isinstance(a, Dim):
        assert axis(str(a)) == a


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("n", "n"),
        ("3", "3"),
        ("2n", "2n"),
        ("n + 1", "n + 1"),
        ("1+n", "n + 1"),
        ("n*m", "m·n"),
        ("n·m", "m·n"),
        ("n m", "m·n"),
        ("2n - m + 3", "-m + 2n + 3"),
        ("-1 + n", "n - 1"),
        ("n - n + 4", "4"),
        ("  길이 ", "길이"),
    ],
)
def test_axes_are_read_as_people_write_them(text, written):
    assert str(axis(text)) == written


@pytest.mark.parametrize(
    "bad",
    ["", " ", "n+", "+", "n//2", "(n)", "n n +", "²", "n-", "1.5", "n%2", 1.5, True, None, [3], b"n", ("n",)],
)
def test_what_is_no_axis_is_refused(bad):
    with pytest.raises(cr.ShapeError, match="is no dimension"):
        axis(bad)


@pytest.mark.parametrize("negative", [-1, np.int64(-3), "-3", "n - n - 2"])
def test_a_negative_axis_is_refused(negative):
    with pytest.raises(cr.ShapeError, match=r"an axis has -\d entries; give 0, a positive number"):
        axis(negative)


def test_numpy_integers_are_axes():
    assert axis(np.int32(4)) == 4
    assert type(axis(np.int32(4))) is int


def test_an_axis_meets_only_whole_numbers():
    with pytest.raises(TypeError):
        axis("n") + 1.5
    with pytest.raises(TypeError):
        2.0 * axis("n")


def test_shapes_are_written_and_counted():
    assert shape_text(()) == "scalar"
    assert shape_text(shape_of(("n",))) == "n"
    assert shape_text(shape_of(("n + 1",))) == "n + 1"
    assert shape_text(shape_of(("n + 1", 3, "2m"))) == "(n + 1)×3×2m"
    assert entries(shape_of(("n + 1", 3))) == axis("3n + 3")
    assert entries(()) == 1
    assert shape_of("n") == (axis("n"),)
    assert shape_of(3) == (3,)
    with pytest.raises(cr.ShapeError):
        shape_of(1.5)


@given(st.lists(st.lists(st.sampled_from([1, 2, 3]), max_size=4), min_size=1, max_size=4))
def test_broadcasting_is_numpys(shapes):
    shapes = [tuple(s) for s in shapes]
    try:
        expected = np.broadcast_shapes(*shapes)
    except ValueError:
        assert isinstance(broadcast(shapes), Misfit)
    else:
        assert broadcast(shapes) == expected


def test_named_axes_broadcast_by_name():
    n, m = axis("n"), axis("m")
    assert broadcast([(n, m), (m,)]) == (n, m)
    assert broadcast([(n, 1), (m,)]) == (n, m)
    assert broadcast([(), (n,)]) == (n,)
    assert broadcast([(n + 1,), (1 + n,)]) == (n + 1,)
    assert broadcast([(n, m), (n,)]) == Misfit(m, n)
    assert broadcast([(n,), (3,)]) == Misfit(n, 3)


# ── kinds of number ───────────────────────────────────────────────────────────────────────────────────


def test_kinds_of_number():
    assert kind_of("float32") == real_dtype(np.float32) == np.float32
    assert kind_of(int) == np.int64
    assert common_dtype([np.dtype("float32"), np.dtype("float64")]) == np.float64
    for bad in ("float16", "complex128", "int32", "str", object):
        with pytest.raises(cr.DTypeError, match="gradients need real numbers, not "):
            kind_of(bad)
    with pytest.raises(cr.DTypeError, match="'foo' is no kind of number; use float64 or float32"):
        kind_of("foo")
    with pytest.raises(cr.DTypeError, match="gradients need real numbers, not int64"):
        real_dtype("int64")


# ── sizes from values ─────────────────────────────────────────────────────────────────────────────────


def bound(*laid, sizes=None) -> Binding:
    binding = Binding(sizes)
    for name, declared, shape in laid:
        binding.meet(name, shape_of(declared), shape)
    binding.settle()
    return binding


def test_sizes_are_found_from_values():
    binding = bound(("W", ("n", "m"), (4, 3)), ("x", ("2m",), (6,)), ("y", ("n·m + 1",), (13,)))
    assert binding.sizes == {"n": 4, "m": 3}
    assert binding.size(axis("n·m - 2")) == 10
    assert bound(("x", ("2m",), (6,))).sizes == {"m": 3}
    assert bound(sizes={"n": np.int64(4)}).sizes == {"n": 4}


@pytest.mark.parametrize(
    ("laid", "sizes", "text"),
    [
        ([("W", ("n", "m"), (4, 3)), ("x", ("m",), (2,))], None, "axis m is 3 in W (4×3) but 2 in x (2); give both the same m"),
        ([("W", ("n", "n"), (4, 3))], None, "axis n is 4 in W (4×3) but 3 in W (4×3); give both the same n"),
        ([("x", ("n",), (2,))], {"n": 5}, "axis n is 5 in sizes but 2 in x (2); give both the same n"),
        ([("x", (3,), (2,))], None, "x is declared 3, but the value given has shape 2: axis 0 is 2 and should be 3"),
        ([("x", ("n",), (2, 1))], None, "x is declared n (1 axis), but the value given has shape 2×1 (2 axes)"),
        ([("x", ("n",), ())], None, "x is declared n (1 axis), but the value given has shape scalar (no axes)"),
        ([("x", ("n",), (2,)), ("y", ("n + 1",), (2,))], None, "axis 0 of y should be n + 1 = 3, but the value given has shape 2"),
        ([("x", ("2n",), (5,)), ("y", ("n",), (2,))], None, "axis 0 of x should be 2n = 4, but the value given has shape 5"),
        ([("y", ("n + 1",), (2,))], None, "the size of dimension n is not known: no variable of the expression shows it; give values for variables instead of names, or pass sizes={'n': …}"),
        ([], {"n": -1}, "sizes gives n the size -1; give 0 or a positive whole number"),
        ([], {"n": 2.5}, "sizes gives n the size 2.5; give 0 or a positive whole number"),
        ([], {"n": True}, "sizes gives n the size True; give 0 or a positive whole number"),
    ],
)  # fmt: skip
def test_misfits_are_named(laid, sizes, text):
    with pytest.raises(cr.BindingError) as caught:
        bound(*laid, sizes=sizes)
    assert str(caught.value) == text


def test_a_negative_size_is_named():
    with pytest.raises(cr.BindingError, match=r"^an axis of n - 5 would have -2 entries, because n = 3$"):
        bound(sizes={"n": 3}).size(axis("n - 5"))
