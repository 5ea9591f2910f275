"""Kernels against a wider type, over the whole range, read with NumPy and compiled."""

import math
import re
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from chainrule.algebra.op import OPS
from chainrule.compute.kernel_formats import FORMATS, two_over_pi
from chainrule.compute.kernel_native import kernels
from chainrule.compute.kernels import KERNELS, on_arrays
from chainrule.compute.source_rows import ENTRYWISE

Wide = np.longdouble
ONE_OPERAND = [name for name in KERNELS if name != "power"]
FLOATS = [np.dtype(np.float32), np.dtype(np.float64)]
EVERY = pytest.mark.parametrize("name", ONE_OPERAND)
EITHER = pytest.mark.parametrize("dtype", FLOATS, ids=str)

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # infinities are what is asked for


def sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def erf(x: np.ndarray) -> np.ndarray:
    """2/√π e^(−x²) Σ 2ⁿ x²ⁿ⁺¹ / (2n + 1)!!, terms of one sign."""
    if x.dtype == np.float64:
        return np.frompyfunc(math.erf, 1, 1)(x).astype(np.float64)
    s = np.clip(np.abs(x), 0, 7)
    term, total = s.copy(), s.copy()
    for n in range(1, 200):
        term *= 2 * s * s / (2 * n + 1)
        total += term
    root_pi = np.sqrt(np.arctan(Wide(1)) * 4)
    return np.copysign(np.where(np.isnan(x), x, np.minimum(2 / root_pi * np.exp(-s * s) * total, 1)), x)


ORACLES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"sigmoid": sigmoid, "softplus": softplus, "erf": erf}


@cache
def points(dtype: np.dtype, name: str) -> np.ndarray:
    """Numbers of every size, more of them where functions bend, and the edges."""
    rng = np.random.default_rng(20261121)
    edges = [
        0.0,
        1.0,
        math.inf,
        math.nan,
        89.0,
        88.7228,
        88.723,
        104.0,
        103.97,
        103.98,
        709.78,
        709.79,
        745.1,
        745.2,
        2**0.5,
        0.5**0.5,
    ]
    edges += [math.pi / 4 * k for k in range(1, 99)] + [math.log(2) / 2 * k for k in range(1, 99)]
    edges += [2.0**k for k in range(-149, 128)]
    edges += [
        float(f)
        for f in (
            np.finfo(dtype).tiny,
            np.finfo(dtype).smallest_subnormal,
            np.finfo(dtype).max,
            np.finfo(dtype).eps,
        )
    ]
    near = np.array(edges, dtype)
    near = np.concatenate(
        [near, -near, np.nextafter(near, dtype.type(np.inf)), -np.nextafter(near, dtype.type(0))]
    )
    if dtype == np.float32:
        every = np.arange(0, 2**32, 4099, dtype=np.uint64).astype(np.uint32).view(np.float32)
        return np.concatenate([near, every, rng.uniform(-20, 20, 200_000).astype(np.float32)])
    n = 100_000 if name == "erf" else 500_000  # its oracle takes long
    every = rng.integers(0, 2**64, n, dtype=np.uint64).view(np.float64)
    sized = rng.choice([-1, 1], 2 * n) * np.exp2(rng.uniform(-40, 11, 2 * n))
    return np.concatenate([near, every, sized, rng.uniform(-40, 40, n), 1 + sized[: n // 5]])


def errors(got: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """|got − wide| in units in the last place of the result; infinite where one is NaN or overflows alone."""
    want = wide.astype(got.dtype)
    unit = np.spacing(np.abs(np.where(np.isfinite(want), want, np.finfo(got.dtype).max))).astype(wide.dtype)
    off = np.abs(got.astype(wide.dtype) - wide) / unit
    off[(got == want) & np.isinf(want) | np.isnan(got) & np.isnan(want)] = 0
    return np.where(np.isnan(off), np.inf, off)


def judge(name: str, x: np.ndarray, got: np.ndarray, wide: np.ndarray) -> None:
    assert got.dtype == x.dtype
    off = errors(got, wide)
    k = int(off.argmax())
    allowed = KERNELS[name].ulp[x.dtype == np.float64]
    assert off[k] <= allowed, f"{name}({x[k]!r}) = {got[k]!r}, not {wide[k]!r}: {off[k]:.3f} ulp"
    signs = (np.signbit(got) != np.signbit(wide)) & ~np.isnan(got)
    assert not signs.any(), f"{name}({x[signs][0]!r}) = {got[signs][0]!r}"


@cache
def compiled(name: str, dtype: np.dtype, fast: bool = False):
    """A loop of a kernel."""
    numba = pytest.importorskip("numba")
    kernel = kernels(numba)[f"{name}{dtype.itemsize * 8}"]
    kind = numba.from_dtype(dtype)[::1]

    @numba.njit((kind, kind), fastmath=fast)
    def f(x, y):
        for i in range(x.size):
            y[i] = kernel(x[i])

    return f


@cache
def wide_values(dtype: np.dtype, name: str) -> np.ndarray:
    wider = np.float64 if dtype == np.float32 else Wide
    if np.finfo(wider).nmant <= np.finfo(dtype).nmant:
        pytest.skip("this platform has no type wider than float64")
    oracle = ORACLES.get(name) or getattr(np, name)
    return oracle(points(dtype, name).astype(wider))


@EITHER
@EVERY
def test_a_kernel_on_arrays_errs_no_more_than_it_says(name, dtype):
    x = points(dtype, name)
    judge(name, x, on_arrays(name, x), wide_values(dtype, name))


@EITHER
@EVERY
def test_a_compiled_kernel_errs_no_more_than_it_says(name, dtype):
    x = points(dtype, name)
    y = np.empty_like(x)
    compiled(name, dtype)(x, y)
    judge(name, x, y, wide_values(dtype, name))


@EITHER
@pytest.mark.parametrize("name", ["log", "tanh"])
def test_fast_arithmetic_of_the_caller_leaves_a_kernel_as_it_is(name, dtype):
    x = points(dtype, name)
    y = np.empty_like(x)
    compiled(name, dtype, fast=True)(x, y)
    judge(name, x, y, wide_values(dtype, name))


@EITHER
@EVERY
def test_a_loop_of_a_kernel_becomes_vectors_and_calls_no_library(name, dtype):
    f = compiled(name, dtype)
    code = f.inspect_llvm(f.signatures[0])
    if name not in ("sin", "cos"):  # they read a table, which pays as vectors on some processors only
        assert re.search(rf"<\d+ x {'float' if dtype == np.float32 else 'double'}>", code)
    assert not re.search(r"call [^@\n]*@(llvm\.)?(exp|log|tanh|sin|cos|erf|pow)", code)


@EITHER
def test_values_stay_within_their_bounds(dtype):
    x = points(dtype, "tanh")
    for name, low, high in (
        ("tanh", -1, 1),
        ("erf", -1, 1),
        ("sigmoid", 0, 1),
        ("sin", -1, 1),
        ("cos", -1, 1),
        ("exp", 0, np.inf),
    ):
        y = on_arrays(name, x)
        assert ((y >= low) & (y <= high) | np.isnan(y)).all(), name


def test_the_sine_of_a_number_next_to_a_multiple_of_pi():
    """6381956970095103 · 2⁷⁹⁷ lies nearest to a multiple of π/2 among all float64 (Muller 2016, table 11.1)."""
    x = np.array([6381956970095103 * 2.0**797])
    assert on_arrays("cos", x)[0] == pytest.approx(-4.6871659242546277e-19, rel=1e-15)


def test_the_power_of_the_compiled_code_is_that_of_numpy(rng):
    numba = pytest.importorskip("numba")
    power = kernels(numba)["power64"]

    @numba.njit
    def f(x, y):
        return power(x, y)

    for x, y in [
        (2.0, 0.5),
        (0.0, 0.0),
        (-2.0, 3.0),
        (-2.0, 0.5),
        (np.inf, -1.0),
        (3, 2),
        *rng.uniform(0, 9, (20, 2)),
    ]:
        np.testing.assert_allclose(f(x, y), on_arrays("power", np.array(x, float), np.array(y, float)), rtol=1e-15)


def test_kernels_are_named_as_their_operations():
    assert set(KERNELS) <= set(OPS)
    assert set(KERNELS) <= set(ENTRYWISE)


def test_the_digits_of_two_over_pi():
    """The first of those in fdlibm's e_rem_pio2.c."""
    known = "A2F9836E4E441529FC2757D1F534DDC0DB6295993C439041FE5163ABDEBBC561B7246E3A424DD2E006492EEA09D1921CFE1DEB1CB1"
    assert f"{two_over_pi(4 * len(known)):X}" == known
    for form in FORMATS.values():
        lead = form.mantissa + 2 - form.small
        assert form.digits[0] < 2 ** (64 - min(lead, 64))
        joined = "".join(f"{d >> 32:032b}" for d in form.digits)[lead:]
        assert joined[:160] == f"{two_over_pi(160):b}"[: len(joined)]
