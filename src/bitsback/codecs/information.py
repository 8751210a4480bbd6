"""What symbols cost, in bits, the same on every machine: additions, multiplications and divisions
of doubles in a fixed order, and no library's logarithm.
"""

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Bits: TypeAlias = NDArray[np.float64] | float

_OVER_LOG_2 = 2.8853900817779268  # 2 / ln 2
_ODD = range(23, 0, -2)


def log2_of(numbers: NDArray[Any]) -> NDArray[np.float64]:
    """log2 of positive integers below 2^53, right to some units of 2^-52, exact for powers of two.

    With n = m * 2^e, 1 / sqrt(2) <= m < sqrt(2), it is e + (2 / ln 2) * artanh((m - 1) / (m + 1)),
    by the series up to the power 23.
    """
    mantissa, exponent = np.frexp(numbers.astype(np.float64))
    low = mantissa < math.sqrt(0.5)
    mantissa = np.where(low, 2 * mantissa, mantissa)
    exponent = exponent - low
    s = (mantissa - 1) / (mantissa + 1)
    square = s * s
    series = np.zeros_like(s)
    for power in _ODD:
        series = series * square
        series = series + 1 / power
    fraction = s * series
    logarithm: NDArray[np.float64] = exponent + fraction * _OVER_LOG_2
    return logarithm


def bits_of(frequency: NDArray[Any], precision: int) -> NDArray[np.float64]:
    """The information of symbols with these frequencies out of 2^precision."""
    return precision - log2_of(frequency)


def total(bits: Bits) -> float:
    """The sum, rounded once, so that no order of the terms matters."""
    return math.fsum(np.ravel(bits).tolist())
