"""Arrays of other libraries in `evaluate`: of one kind, on one device, in our dtypes."""

import array_api_strict as strict
import numpy as np
import pytest

import chainrule as cr
from chainrule.compute import arrays
from chainrule.compute.arrays import Arrays

W, x, i = cr.matrix("W", "n", "m"), cr.vector("x", "m"), cr.index("i", "k")
OTHER = strict.Device("device1")


def there(value, device=None):
    return strict.asarray(value, device=device)


@pytest.fixture
def values(rng):
    return {"W": rng.normal(size=(3, 4)), "x": rng.normal(size=4)}


def test_the_result_is_of_the_same_library(values):
    found = cr.evaluate([cr.softmax(W @ x), cr.max(x)], {name: there(v) for name, v in values.items()})
    for ours, theirs in zip(cr.evaluate([cr.softmax(W @ x), cr.max(x)], values), found, strict=True):
        assert type(theirs).__module__.startswith("array_api_strict")
        np.testing.assert_allclose(np.asarray(theirs), ours, rtol=1e-14)


def test_numbers_and_lists_go_with_any_library(values):
    a = cr.scalar("a")
    found = cr.evaluate(a * (W @ x), {"W": there(values["W"]), "x": values["x"].tolist(), "a": 2.0})
    assert type(found).__module__.startswith("array_api_strict")
    np.testing.assert_allclose(np.asarray(found), 2 * values["W"] @ values["x"])


def test_two_libraries_are_one_too_many(values):
    with pytest.raises(cr.BindingError) as raised:
        cr.evaluate(W @ x, {"W": there(values["W"]), "x": values["x"]})
    assert str(raised.value) == (
        "W is an array of array_api_strict and x one of NumPy: results could be of either; convert one of them"
    )


def test_all_is_computed_where_the_values_lie(values):
    given = {name: there(v, OTHER) for name, v in values.items()}
    outputs = [2 * (W @ x) + 1, cr.sum(cr.eye("n") @ W), cr.size("n") * x, cr.relu(x)]
    assert [found.device for found in cr.evaluate(outputs, given)] == [OTHER] * 4
    with pytest.raises(cr.BindingError) as raised:
        cr.evaluate(W @ x, {**given, "x": there(values["x"])})
    assert "W lies on" in str(raised.value) and "bring them to one device" in str(raised.value)


def test_kinds_are_those_declared(values):
    given = {name: there(v) for name, v in values.items()}
    short = strict.astype(given["x"], strict.float32)
    assert cr.evaluate(W @ x, {**given, "x": short}).dtype == strict.float64
    with pytest.raises(cr.DTypeError, match=r"x \(m\) holds real numbers, but the value given is .*int64; use"):
        cr.evaluate(W @ x, {**given, "x": there(np.arange(4))})
    z = cr.vector("z", "m", dtype="float32")
    with pytest.raises(cr.DTypeError, match="numbers that do not fit in float32"):
        cr.evaluate(2 * z, {"z": there([1e300, 1.0])})
    assert cr.evaluate(2 * z, {"z": there([1.0, np.inf])}).dtype == strict.float32
    rows = cr.evaluate(cr.take(W, i), {"W": given["W"], "i": strict.asarray([0, 2], dtype=strict.int32)})
    np.testing.assert_array_equal(np.asarray(rows), values["W"][[0, 2]])


def test_what_is_wrong_is_said_as_for_numpy(values):
    given = {name: there(v) for name, v in values.items()}
    with pytest.raises(cr.BindingError, match=r"axis m is 4 in W .* but 5 in x"):
        cr.evaluate(W @ x, {**given, "x": there(np.zeros(5))})
    with pytest.raises(cr.BindingError, match="no value for x"):
        cr.evaluate(W @ x, {"W": given["W"]})
    with pytest.raises(cr.BindingError, match="row 9 is asked for"):
        cr.evaluate(cr.take(W, i), {"W": given["W"], "i": there(np.array([9]))})


def test_results_are_of_their_own_memory(values):
    given = there(values["W"])
    found = cr.evaluate([W.T, W], {"W": given})
    for one in found:
        one[...] = 0
    np.testing.assert_array_equal(np.asarray(given), values["W"])


class Foreign:
    """An array of a library that does not follow the standard."""

    def __init__(self, array):
        self.array, self.dtype, self.shape = array, array.dtype, array.shape


Foreign.__module__ = "foreign.arrays"


def test_a_library_may_be_described_by_an_entry_point(monkeypatch):
    class Functions:
        float64, asarray = np.dtype("f8"), staticmethod(lambda value, copy=None: value)

    forms = {"tanh": lambda xp, a: Foreign(np.tanh(a.array))}
    known = Arrays("Foreign", Functions(), forms, spread=True)
    monkeypatch.setattr(arrays, "adapter", lambda group, name: (lambda: known) if name == "foreign" else None)
    arrays._adapted.cache_clear()
    try:
        found = cr.evaluate(cr.tanh(x), {"x": Foreign(np.ones(2))})
    finally:
        arrays._adapted.cache_clear()
    assert isinstance(found, Foreign)
    np.testing.assert_array_equal(found.array, np.tanh(np.ones(2)))


def test_what_numpy_makes_an_array_of_goes_with_any_library(values):
    class Series:
        """Data of a library that is no array library."""

        dtype = np.dtype("f8")

        def __array__(self, dtype=None, copy=None):
            return values["x"]

    found = cr.evaluate(W @ x, {"W": there(values["W"]), "x": Series()})
    np.testing.assert_allclose(np.asarray(found), values["W"] @ values["x"], rtol=1e-14)
