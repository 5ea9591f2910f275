"""CuPy: its arrays in `evaluate`. There is no GPU here: NumPy with the gaps and the habits of CuPy stands for it."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from every_op import CASES, case

import chainrule as cr
from chainrule.compute.arrays import arrays_of
from chainrule.ports import cupy as port, extra

MADE_ON = []
CHECK = extra.check


class Device:
    """A device as CuPy has it: a context, whose arrays are made in it."""

    def __enter__(self):
        MADE_ON.append(self)

    def __exit__(self, *error):
        pass

    def __str__(self):
        return "<CUDA Device 0>"


ON = Device()


class ndarray:  # noqa: N801 — CuPy's name
    """An array that NumPy may not look at."""

    __array_ufunc__ = None

    def __init__(self, inner):
        self.inner = np.asarray(inner)

    device = ON
    shape, dtype, ndim = (
        property(lambda self, name=name: getattr(self.inner, name)) for name in ("shape", "dtype", "ndim")
    )

    def get(self):
        return self.inner

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed")

    def __getitem__(self, index):
        return ndarray(self.inner[index])

    def __setitem__(self, index, value):
        self.inner[index] = value.inner

    def __int__(self):
        return int(self.inner)

    def __bool__(self):
        return bool(self.inner)


def plain(value):
    if isinstance(value, ndarray):
        return value.inner
    return type(value)(map(plain, value)) if isinstance(value, (list, tuple)) else value


def wrapped(function):
    def call(*args, **options):
        found = function(*map(plain, args), **options)
        return tuple(map(ndarray, found)) if isinstance(found, tuple) else ndarray(found)

    return call


for sign in ("add", "sub", "mul", "truediv", "pow", "and", "or", "lt", "le", "gt", "ge", "eq", "ne"):
    for name in (f"__{sign}__", f"__r{sign}__") if hasattr(np.ndarray, f"__r{sign}__") else (f"__{sign}__",):
        setattr(ndarray, name, wrapped(getattr(np.ndarray, name)))
for sign in ("neg", "invert", "abs"):
    setattr(ndarray, f"__{sign}__", wrapped(getattr(np.ndarray, f"__{sign}__")))
ndarray.__module__ = "cupy"


class Linalg:
    def __getattr__(self, name):
        if name == "diagonal":
            raise AttributeError(name)  # CuPy has it outside alone
        return wrapped(getattr(np.linalg, name))


class CuPy(ModuleType):
    linalg, add = (
        Linalg(),
        SimpleNamespace(at=lambda table, rows, values: np.add.at(*map(plain, (table, rows, values)))),
    )
    result_type = staticmethod(lambda *arrays: np.result_type(*map(plain, arrays)))
    ndarray, isdtype, float64, float32, int64 = ndarray, staticmethod(np.isdtype), np.float64, np.float32, np.int64

    def __getattr__(self, name):
        if name.startswith("__") or name == "erf":
            raise AttributeError(name)
        if name == "bool":
            return np.bool

        def call(*args, **options):
            if "device" in options:
                raise TypeError(f"{name}() got an unexpected keyword argument 'device'")
            return wrapped(getattr(np, name))(*args, **options)

        return call


@pytest.fixture(autouse=True)
def _cupy(monkeypatch):
    special = ModuleType("cupyx.scipy.special")
    special.erf = wrapped(np.vectorize(__import__("math").erf, otypes=[float]))
    for name, module in {
        "cupy": CuPy("cupy"),
        "cupyx": ModuleType("cupyx"),
        "cupyx.scipy.special": special,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(extra, "check", lambda name, by: None)
    port.arrays.cache_clear()
    yield
    port.arrays.cache_clear()


@pytest.mark.parametrize("name", dict(CASES))
def test_every_operation_is_computed_by_cupy(name):
    for k in [k for n, k in CASES if n == name]:
        outputs, given = case(name, k)
        if not given:
            continue
        found = cr.evaluate(outputs, {n: ndarray(v) for n, v in given.items()})
        for ours, theirs in zip(cr.evaluate(outputs, given), found, strict=True):
            assert type(theirs) is ndarray and theirs.dtype == ours.dtype
            np.testing.assert_allclose(theirs.get(), ours, rtol=1e-12, atol=1e-14)


def test_constants_are_made_on_the_device_of_the_values():
    x = cr.vector("x", 3)
    MADE_ON.clear()
    cr.evaluate(x * np.arange(3.0), {"x": ndarray(np.ones(3))})
    assert MADE_ON


def test_cupy_and_numpy_do_not_mix():
    x, y = cr.vector("x", "n"), cr.vector("y", "n")
    assert arrays_of({"x": ndarray(np.ones(2))}).title == "CuPy"
    with pytest.raises(cr.BindingError, match="x is an array of CuPy and y one of NumPy"):
        cr.evaluate(x + y, {"x": ndarray(np.ones(2)), "y": np.ones(2)})


def test_another_version_is_a_sentence(monkeypatch):
    monkeypatch.setattr(extra, "check", CHECK)
    monkeypatch.setattr(extra.metadata, "version", lambda name: "13.6.0")
    with pytest.raises(cr.ExtraError) as raised:
        cr.evaluate(2 * cr.vector("x", "n"), {"x": ndarray(np.ones(3))})
    assert str(raised.value) == (
        'chainrule.ports.cupy needs CuPy 14 or newer, and found 13.6.0: pip install "chainrule[cupy]"'
    )
