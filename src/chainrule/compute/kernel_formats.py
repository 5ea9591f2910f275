"""The numbers behind the kernels: binary formats, fitted polynomials, and the digits of 2/π."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

Coefficients = tuple[float, ...]  # c₀, c₁, … of c₀ + c₁ z + c₂ z² + …


@dataclass(frozen=True)
class Format:
    """A binary floating-point format (IEEE 754), and the constants of the kernels in it.

    Polynomials are minimax fits (Remez exchange in 60 digits) that add at most a quarter of an ulp to the result.
    """

    dtype: np.dtype
    word: np.dtype
    """The unsigned whole numbers of the same size."""
    mantissa: int
    bias: int
    ln2: tuple[float, float]
    """ln 2 = high + low, where k · high is exact for every exponent k (Cody and Waite 1980)."""
    least: float
    most: float
    """Where eˣ has reached 0 and infinity."""
    level: float
    """Where eˣ − 1 has reached −1."""
    saturated: float
    """Where erf x has reached 1."""
    exp: Coefficients
    """(eʳ − 1 − r) / r² in r, |r| ≤ ½ ln 2."""
    log: Coefficients
    """(2 artanh(s) / s − 2) / s² in s², |s| ≤ 3 − 2√2."""
    erf: Coefficients
    """−log(1 − erf t) / t − 1 in t up to `saturated`."""
    sin: Coefficients
    """(sin(r) / r − 1) / r² in r², |r| ≤ π/4."""
    cos: Coefficients
    """(cos(r) − 1 + r²/2) / r⁴ in r², |r| ≤ π/4."""

    @property
    def bits(self) -> int:
        """The size of a number in bits."""
        return self.dtype.itemsize * 8

    @property
    def tiny(self) -> float:
        """The smallest normal number."""
        return 2.0 ** (1 - self.bias)

    @property
    def rounder(self) -> float:
        """A number so large that adding and taking it away rounds to whole numbers."""
        return 1.5 * 2.0**self.mantissa

    @property
    def small(self) -> int:
        """The power of two below which sin x is x: x²/6 is less than half an ulp."""
        return -(self.mantissa // 2) - 1

    @property
    def words(self) -> int:
        """How many words of 32 digits of 2/π a quarter turn takes: mantissa, cancellation and mantissa again."""
        return 3 if self.bits == 32 else 6

    @cached_property
    def digits(self) -> tuple[int, ...]:
        """Binary digits of 2/π, 64 from every 32nd place on; in front the zeros that numbers near `small` need."""
        lead = self.mantissa + 2 - self.small
        count = (self.bias - self.small) // 32 + self.words
        digits = two_over_pi(32 * (count + 1) - lead)
        return tuple((digits >> (32 * (count - 1 - j))) & (2**64 - 1) for j in range(count))


def two_over_pi(bits: int) -> int:
    """⌊2/π · 2^bits⌋ by Machin's formula π = 16 arctan(1/5) − 4 arctan(1/239) in whole numbers."""
    unit = 1 << (bits + 64)

    def arctan(n: int) -> int:
        total, term, k = 0, unit // n, 0
        while term:
            total += (-1) ** k * (term // (2 * k + 1))
            term //= n * n
            k += 1
        return total

    return (2 * unit << bits) // (16 * arctan(5) - 4 * arctan(239))


SINGLE = Format(
    dtype=np.dtype(np.float32),
    word=np.dtype(np.uint32),
    mantissa=23,
    bias=127,
    ln2=(0.693359375, -2.12194440e-4),
    least=-105.0,
    most=89.0,
    level=-20.0,
    saturated=3.95,
    exp=(0.5, 0.1666654795408249, 0.04166685789823532, 0.008366207592189312, 0.0013898266479372978),
    log=(0.6666678190231323, 0.3997679054737091, 0.2989359498023987),
    erf=(
        0.12837916709551256,
        0.6366193890571594,
        0.10277783125638962,
        -0.019153056666254997,
        -0.00016040851187426597,
        0.0016670384211465716,
        -0.0006328414310701191,
        0.00011764201190089807,
        -9.256272278435063e-06,
    ),
    sin=(-0.1666666716337204, 0.00833338312804699, -0.00019854691345244646, 2.8494587240857072e-06),
    cos=(0.041666653007268906, -0.0013887617969885468, 2.446319194859825e-05),
)

DOUBLE = Format(
    dtype=np.dtype(np.float64),
    word=np.dtype(np.uint64),
    mantissa=52,
    bias=1023,
    ln2=(6.93147180369123816490e-01, 1.90821492927058770002e-10),
    least=-746.0,
    most=710.0,
    level=-40.0,
    saturated=5.95,
    exp=(
        0.5,
        0.166666666666666,
        0.041666666666619036,
        0.008333333333389537,
        0.0013888888920990305,
        0.00019841269707276078,
        2.4801515628234654e-05,
        2.75574261818709e-06,
        2.7622555960657143e-07,
        2.504586600365849e-08,
    ),
    log=(
        0.6666666666666711,
        0.3999999999952959,
        0.2857142872226815,
        0.22222200263721492,
        0.1818349072668307,
        0.15315649419458907,
        0.1478226285596458,
    ),
    erf=(
        0.12837916709551256,
        0.6366197723675909,
        0.10277260330131563,
        -0.019128446993098253,
        -0.00020919485388626262,
        0.0016962076696225591,
        -0.0005901324290124787,
        2.590449582472092e-05,
        6.442048229092541e-05,
        -2.957568787369277e-05,
        3.1697019847148885e-06,
        3.132927863223956e-06,
        -2.0371582424451337e-06,
        5.706114932428897e-07,
        -1.169661274633132e-08,
        -6.573867949204019e-08,
        3.4586661044645385e-08,
        -1.0773853626491884e-08,
        2.360623165134081e-09,
        -3.760888209225176e-10,
        4.301996310286869e-11,
        -3.3645221902499655e-12,
        1.6149577511503546e-13,
        -3.592397127957639e-15,
    ),
    sin=(
        -0.1666666666666664,
        0.008333333333323967,
        -0.0001984126983078355,
        2.7557313971710147e-06,
        -2.5050795552682852e-08,
        1.5898693183081029e-10,
    ),
    cos=(
        0.04166666666666665,
        -0.0013888888888881684,
        2.480158729364276e-05,
        -2.755731543288169e-07,
        2.087585724203117e-09,
        -1.1366044379398929e-11,
    ),
)

FORMATS: Mapping[int, Format] = {32: SINGLE, 64: DOUBLE}
"""The formats by their size in bits."""
