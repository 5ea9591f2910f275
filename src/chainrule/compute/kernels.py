"""Functions of one number without a branch: what compiled loops call, and LLVM makes vectors of.

A kernel is a formula over a `Machine`, which has + − × ÷, comparisons, a choice `where`, and the bits of a number.
Read by `OnArrays` it is computed with NumPy; read by `kernel_native` it becomes some dozens of instructions in the
loop that calls it, so that nothing is compiled by itself.

The largest errors, in units in the last place, stand in KERNELS. Measured with Numba on one core with AVX-512,
65,536 numbers in the second-level cache, ns each, beside NumPy's own:

             float32       float64                    float32       float64
    exp      0.17  0.34    0.42   0.60      log       0.22  0.25    0.57   0.54
    expm1    0.20  0.25    0.47   0.80      log1p     0.28  0.27    0.69   0.61
    tanh     0.18  0.17    0.47   0.80      softplus  0.45  12      1.2    13
    sigmoid  0.21   –      0.52    –        sin       0.71  0.40    2.6    16
    erf      0.27   –      0.92    –        cos       0.74  0.41    2.7    16

With vectors of half the length (AVX2) they take twice the time. Looser kernels, of fewer terms and scaled in one
step, gain a factor of 1.0 to 1.4, and 1.6 for exp in float32 alone, which loses its edges: so there are none.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from chainrule.compute.kernel_formats import FORMATS, Coefficients, Format

Number = Any  # what a machine computes with: an array, or a value of LLVM
Bits = Any  # its whole numbers without sign, which wrap around

LOG2_E = 1.4426950408889634
LOW = 2**32 - 1  # the last 32 bits


class Machine(Protocol):
    """What a kernel needs besides + − × ÷, comparisons, and & | << >> on bits."""

    format: Format

    def where(self, condition: Any, a: Number, b: Number) -> Number:
        """The number a where the condition holds, else b; both are computed. Plain whole numbers have 64 bits."""

    def bits(self, x: Number) -> Bits:
        """The bits of a number."""

    def number(self, bits: Bits) -> Number:
        """The number that has these bits."""

    def wide(self, bits: Bits) -> Bits:
        """The same whole number in 64 bits."""

    def signed(self, bits: Bits) -> Number:
        """64 bits, read as a whole number with sign, rounded to float64."""

    def rounded(self, x: Number) -> Number:
        """A float64 rounded to the format."""

    def taken(self, table: tuple[int, ...], index: Bits) -> Bits:
        """An entry of a table of 64-bit words."""

    def library(self, name: str, *numbers: Number) -> Number:
        """A function of the processor or of the C library: sqrt or pow."""


# ── parts ─────────────────────────────────────────────────────────────────────────────────────────────


def polynomial(z: Number, coefficients: Coefficients) -> Number:
    """c₀ + c₁ z + c₂ z² + …, in pairs of pairs of terms (Estrin 1960): the processor adds them at once."""
    terms: list[Number] = list(coefficients)
    while len(terms) > 1:
        last = terms[-1:] if len(terms) % 2 else []
        terms = [b * z + a for a, b in zip(terms[::2], terms[1::2], strict=False)] + last
        z = z * z
    return terms[0]


def nearest(m: Machine, x: Number) -> Number:
    """The whole number nearest to x, |x| < 2^(mantissa − 1)."""
    return (x + m.format.rounder) - m.format.rounder


def two_to(m: Machine, k: Number) -> Number:
    """2ᵏ for an exponent k of normal numbers: k + bias stands last in the bits of a sum, and moves up."""
    f = m.format
    return m.number(m.bits(k + (f.rounder + f.bias)) << f.mantissa)


def parted(m: Machine, x: Number) -> tuple[Number, Number]:
    """x = 2ᵏ t with ½√2 ≤ t < √2, for a normal x > 0."""
    f = m.format
    one, root_half = (int(np.array(v, f.dtype).view(f.word)) for v in (1.0, 0.5**0.5))
    shifted = m.bits(x) + (one - root_half)
    t = m.number((shifted & ((1 << f.mantissa) - 1)) + root_half)
    unit = f.bias + f.mantissa  # of the number whose last mantissa bit is worth 1
    k = m.number((shifted >> f.mantissa) | (unit << f.mantissa)) - (2.0**f.mantissa + f.bias)
    return k, t


def signed_as(m: Machine, y: Number, x: Number) -> Number:
    """|y| with the sign of x, −0 included."""
    sign = 1 << (m.format.bits - 1)
    return m.number((m.bits(y) & (sign - 1)) | (m.bits(x) & sign))


def raised(m: Machine, x: Number) -> tuple[Number, Number]:
    """eˣ = 2ᵏ (1 + q) with |q| < ½, for x within `least` and `most`."""
    f = m.format
    k = nearest(m, x * LOG2_E)
    r = (x - k * f.ln2[0]) - k * f.ln2[1]
    return k, r + r * r * polynomial(r, f.exp)


def log_near_1(m: Machine, u: Number, k: Number) -> Number:
    """k ln 2 + log(1 + u) for ½√2 ≤ 1 + u ≤ √2: log(1 + u) = 2 artanh(u / (2 + u)) (as in fdlibm's e_log.c)."""
    f = m.format
    s = u / (2.0 + u)
    h = 0.5 * u * u
    z = s * s
    return k * f.ln2[0] - ((h - (s * (h + z * polynomial(z, f.log)) + k * f.ln2[1])) - u)


# ── exponentials ──────────────────────────────────────────────────────────────────────────────────────


def exp(m: Machine, x: Number) -> Number:
    """eˣ = 2ᵏ (1 + q), scaled in two steps: 2ᵏ alone can be too small or too large."""
    f = m.format
    x = m.where(x > f.most, f.most, x)
    x = m.where(x < f.least, f.least, x)
    k, q = raised(m, x)
    half = nearest(m, 0.5 * k)
    return (1.0 + q) * two_to(m, half) * two_to(m, k - half)


def expm1(m: Machine, x: Number) -> Number:
    """eˣ − 1 = (2ʰ q + 2ʰ − 2ʰ⁻ᵏ) 2ᵏ⁻ʰ, h = k/2 rounded."""
    f = m.format
    y = m.where(x > f.most, f.most, x)
    y = m.where(y < f.level, f.level, y)
    k, q = raised(m, y)
    half = nearest(m, 0.5 * k)
    scale = two_to(m, half)
    return signed_as(m, (q * scale + (scale - two_to(m, half - k))) * two_to(m, k - half), x)


def expm1_below(m: Machine, x: Number) -> Number:
    """eˣ − 1 for x ≤ 0, down to `level`."""
    x = m.where(x < m.format.level, m.format.level, x)
    k, q = raised(m, x)
    scale = two_to(m, k)
    return q * scale + (scale - 1.0)


def tanh(m: Machine, x: Number) -> Number:
    """−d / (2 + d), d = exp(−2|x|) − 1, which is accurate near 0 as 1 − 2 / (exp(2x) + 1) is not."""
    d = expm1_below(m, -2.0 * abs(x))
    return signed_as(m, d / (2.0 + d), x)


def erf(m: Machine, x: Number) -> Number:
    """1 − e⁻ᵍ, where g = −log(1 − erf |x|) is |x| times a smooth function: erf has reached 1 at `saturated`."""
    f = m.format
    t = abs(x)
    t = m.where(t > f.saturated, f.saturated, t)
    return signed_as(m, expm1_below(m, -(t + t * polynomial(t, f.erf))), x)


def sigmoid(m: Machine, x: Number) -> Number:
    """1 / (1 + e⁻ˣ) = e^min(x, 0) / (1 + e^−|x|)."""
    e = exp(m, -abs(x))
    return m.where(x < 0.0, e, 1.0) / (1.0 + e)


# ── logarithms ────────────────────────────────────────────────────────────────────────────────────────


def log(m: Machine, x: Number) -> Number:
    """k ln 2 + log t for x = 2ᵏ t."""
    f = m.format
    lift = f.mantissa + 2
    subnormal = x < f.tiny
    k, t = parted(m, m.where(subnormal, x * 2.0**lift, x))
    y = log_near_1(m, t - 1.0, m.where(subnormal, k - float(lift), k))
    y = m.where(x > 0.0, y, m.where(x < 0.0, np.nan, -np.inf))
    return m.where(x < np.inf, y, x)


def log1p(m: Machine, x: Number) -> Number:
    """log(1 + x) with 1 + x = u + lost, exactly (Knuth's sum), and u + lost = 2ᵏ (t + 2⁻ᵏ lost)."""
    u = 1.0 + x
    back = u - 1.0
    lost = (1.0 - (u - back)) + (x - back)
    k, t = parted(m, u)
    most = m.where(k > 60.0, 60.0, k)  # beyond it what is lost does not count
    y = log_near_1(m, (t - 1.0) + lost * two_to(m, -most), k)
    y = m.where(x > -1.0, y, m.where(x < -1.0, np.nan, -np.inf))
    return signed_as(m, m.where(x < np.inf, y, x), x)


def softplus(m: Machine, x: Number) -> Number:
    """log(1 + eˣ) = max(x, 0) + log(1 + e), e = e^−|x|; where e is large, 1 + e = 2 (1 + (e − 1) / 2)."""
    e = exp(m, -abs(x))
    large = e > 0.4140625
    u = m.where(large, 0.5 * (e - 1.0), e)
    return m.where(x < 0.0, 0.0, x) + log_near_1(m, u, m.where(large, 1.0, 0.0))


# ── circular functions ────────────────────────────────────────────────────────────────────────────────


def product32(m: Machine, whole: Bits, words: list[Bits]) -> tuple[Bits, Number]:
    """The first 64 binary digits of whole · words, without the words in front; the rest is 0."""
    a, b, c = (whole * w for w in words)
    return (a << 32) + b + (c >> 32), 0.0


def product64(m: Machine, whole: Bits, words: list[Bits]) -> tuple[Bits, Number]:
    """The first 64 binary digits of whole · words, and what follows them as a fraction."""
    low, high = whole & LOW, whole >> 32
    a = [low * w for w in words]
    b = [high * w for w in words]
    third = (a[3] & LOW) + (b[4] & LOW) + (a[4] >> 32) + (b[5] >> 32)
    second = (a[3] >> 32) + (b[4] >> 32) + (a[2] & LOW) + (b[3] & LOW) + (third >> 32)
    first = (a[0] << 32) + a[1] + (b[1] << 32) + b[2] + (a[2] >> 32) + (b[3] >> 32) + (second >> 32)
    rest = (second << 32) | (third & LOW)
    return first, m.signed(rest >> 1) * 2.0**-63


def windows(m: Machine, index: Bits) -> list[Bits]:
    """The entries of the digits from an index on; among a few, choices find them sooner than reads."""
    digits, n = m.format.digits, m.format.words
    last = len(digits) - n
    if last > 8:
        return [m.taken(digits, index + j) for j in range(n)]
    found: list[Bits] = list(digits[last:])
    for k in reversed(range(last)):
        sooner = index < k + 1
        found = [m.where(sooner, digits[k + j], later) for j, later in enumerate(found)]
    return found


def circular(m: Machine, x: Number, turns: int) -> Number:
    """sin(|x| + turns · π/2) in the nearest quarter turn (Payne and Hanek 1983).

    |x| = whole · 2ᵉ, and whole · (2ᵉ · 2/π) counts quarter turns. They are wanted modulo 4, so that the first
    digits of 2/π are left out; 64 bits of a whole number hold the 2 digits before the point and 62 behind it.
    """
    f = m.format
    b = m.wide(m.bits(abs(x)))
    place = b >> f.mantissa
    first = f.bias + f.small
    place = m.where(place > first, place, first) - first
    whole = (b & ((1 << f.mantissa) - 1)) | (1 << f.mantissa)
    words = [(window >> (32 - (place & 31))) & LOW for window in windows(m, place >> 5)]
    angle, rest = (product32 if f.bits == 32 else product64)(m, whole, words)
    quarter = (angle + (1 << 61)) >> 62
    r = m.rounded((m.signed(angle - (quarter << 62)) + rest) * (np.pi / 2 * 2.0**-62))
    z = r * r
    quarter = quarter + turns
    sine, cosine = r + r * z * polynomial(z, f.sin), (1.0 - 0.5 * z) + z * z * polynomial(z, f.cos)
    y = m.where((quarter & 1) > 0, cosine, sine)
    return m.where((quarter & 2) > 0, -y, y) + (x - x)


def sin(m: Machine, x: Number) -> Number:
    """The sine; that of a small number is the number."""
    y = circular(m, x, 0)
    y = m.where(x < 0.0, -y, y)
    return m.where(abs(x) < 2.0**m.format.small, x, y)


def cos(m: Machine, x: Number) -> Number:
    """The cosine: the sine a quarter turn later."""
    y = circular(m, x, 1)
    return m.where(abs(x) < 2.0**m.format.small, 1.0, y)


# ── the table ─────────────────────────────────────────────────────────────────────────────────────────


class Kernel(NamedTuple):
    """A formula, and a bound of its error in float32 and in float64, in units in the last place.

    The bounds lie just above the largest errors found: among all float32 with fused multiply-adds, and among ten
    million float64 and a million float32 of every size with and without. NaN gives NaN; infinities and zeros give
    what IEEE 754 recommends, with their signs.
    """

    formula: Callable[..., Number]
    ulp: tuple[float, float]


KERNELS: Mapping[str, Kernel] = {
    "exp": Kernel(exp, (1.1, 1.1)),
    "expm1": Kernel(expm1, (1.9, 2.6)),
    "tanh": Kernel(tanh, (2.7, 2.8)),
    "sigmoid": Kernel(sigmoid, (2.5, 2.5)),
    "erf": Kernel(erf, (2.3, 2.3)),
    "log": Kernel(log, (0.9, 0.9)),
    "log1p": Kernel(log1p, (1.5, 1.5)),
    "softplus": Kernel(softplus, (1.8, 1.8)),
    "sin": Kernel(sin, (1.7, 2.8)),
    "cos": Kernel(cos, (1.7, 2.8)),
    "sqrt": Kernel(lambda m, x: m.library("sqrt", x), (0.5, 0.5)),
    "power": Kernel(lambda m, x, y: m.library("pow", x, y), (1.0, 1.0)),
}
"""The kernels by the name of their operation; all but `power` become vectors."""


class OnArrays:
    """The machine that computes with NumPy arrays."""

    def __init__(self, form: Format) -> None:
        self.format = form

    def where(self, condition: Any, a: Number, b: Number) -> Number:
        """The entries of a where the condition holds, else those of b."""
        plain = {float: self.format.dtype.type, int: np.uint64}
        return np.where(condition, *(plain[type(v)](v) if type(v) in plain else v for v in (a, b)))

    def bits(self, x: Number) -> Bits:
        """The same memory as whole numbers."""
        return x.view(self.format.word)

    def number(self, bits: Bits) -> Number:
        """The same memory as numbers."""
        return bits.view(self.format.dtype)

    def wide(self, bits: Bits) -> Bits:
        """The same whole numbers in 64 bits."""
        return bits.astype(np.uint64)

    def signed(self, bits: Bits) -> Number:
        """Whole numbers with sign as float64."""
        return bits.view(np.int64).astype(np.float64)

    def rounded(self, x: Number) -> Number:
        """Numbers in the format."""
        return x.astype(self.format.dtype)

    def taken(self, table: tuple[int, ...], index: Bits) -> Bits:
        """Entries of a table."""
        return np.array(table, np.uint64)[index.astype(np.intp)]

    def library(self, name: str, *numbers: Number) -> Number:
        """NumPy's function."""
        return {"sqrt": np.sqrt, "pow": np.power}[name](*numbers)


def on_arrays(name: str, *arrays: np.ndarray) -> np.ndarray:
    """A kernel by name on arrays of one shape, all float32 or all float64."""
    machine = OnArrays(FORMATS[arrays[0].dtype.itemsize * 8])
    with np.errstate(all="ignore"):
        return np.asarray(KERNELS[name].formula(machine, *arrays))
