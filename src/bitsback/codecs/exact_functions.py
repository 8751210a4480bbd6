"""Logarithms, powers of two and the logistic function that are equal on every machine.

They use only sums, products and quotients of doubles in a fixed order, and tables of integers. They
call no functions of a mathematical library.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bitsback import tables
from bitsback.errors import MessageError

Bits: TypeAlias = NDArray[np.float64] | float

_OVER_LOG_2 = 2.8853900817779268  # 2 / ln 2
_ODD = range(23, 0, -2)


def log2_of(numbers: NDArray[Any]) -> NDArray[np.float64]:
    """log2 of positive integers below 2^53, accurate to some units of 2^-52, exact for powers of
    two.

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


LOGISTIC_BITS = 28
"""The precision of `logistic`, in bits."""
_UNITS, _REACH_BITS, _TABLE_BITS = 24, 4, 11
_STEP_BITS = _UNITS + _REACH_BITS + 1 - _TABLE_BITS

POWER_BITS = 10
"""The bits of the fraction of an exponent in the table of powers of two."""
_PER_NAT = 1477.3197218702985
"""2^10 log2(e), to the nearest double."""
FARTHEST = 40
"""Powers of two below 2^-40 of the greatest are 0 or 1 of its units."""


def logistic(logits: NDArray[np.float64]) -> NDArray[np.int64]:
    """2^28 / (1 + e^-x), by linear interpolation in a table.

    x is rounded once, to units of 2^-24, and clamped to [-16, 16]. Raises MessageError for a NaN.
    """
    _refuse_nan(logits)
    reach = float(1 << _REACH_BITS)
    t = np.rint(np.clip(logits, -reach, reach) * 2.0**_UNITS).astype(np.int64)
    t = np.clip(t + (1 << _UNITS + _REACH_BITS), 0, (2 << _UNITS + _REACH_BITS) - 1)
    table, j = tables.logistic_cdf().astype(np.int64), t >> _STEP_BITS
    rest = t & ((1 << _STEP_BITS) - 1)
    p: NDArray[np.int64] = table[j] + (((table[j + 1] - table[j]) * rest) >> _STEP_BITS)
    return p


def powers(steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """2^28 * 2^-(steps / 2^10), of steps from 0 on."""
    whole, fraction = np.divmod(steps, 1 << POWER_BITS)
    return tables.exp2()[fraction].astype(np.int64) >> whole


def softmax_weights(logits: NDArray[np.float64]) -> NDArray[np.int64]:
    """Weights proportional to e^x, over the last axis.

    The weight is 2^28 for the maximum of a row. For other x it is 2^28 / 2^(d / 2^10). Here d is
    2^10 log2(e) times the difference to the maximum, a double, rounded to the nearest integer.
    Raises MessageError for a NaN, and for rows without a finite maximum.
    """
    _refuse_nan(logits)
    greatest = logits.max(-1, keepdims=True)
    if not np.isfinite(greatest).all():
        raise MessageError("the greatest logit of each row must be finite")
    steps = np.rint(np.minimum((greatest - logits) * _PER_NAT, FARTHEST << POWER_BITS))
    return powers(steps.astype(np.int64))


def _refuse_nan(logits: NDArray[np.float64]) -> None:
    if np.isnan(logits).any():
        index = tuple(map(int, np.argwhere(np.isnan(logits))[0]))
        raise MessageError(f"logits are numbers, and that at index {index} is nan")
