"""The tables of a model, computed in exact or decimal arithmetic, without the machine's floats."""

from decimal import Decimal, localcontext

import numpy as np
from numpy.typing import NDArray

from bitsback.tables import normal_quantile
from bitsback_train.layers.rounding import LOGIT, SCALE, TOP, Grid

PROBABILITY_BITS = 16


def bucket_centres(bits: int) -> NDArray[np.uint8]:
    """The point of the latent grid nearest to the median of each of the 2^bits buckets of N(0, 1),
    uint8 [2^bits].
    """
    grid = latent_grid(bits)
    nearest = (bucket_quantiles(bits) * int(grid.scale) + 2**15) >> 16
    return (nearest + int(grid.zero)).astype(np.uint8)


def latent_grid(bits: int) -> Grid:
    """The grid of the value of a latent of 2^bits buckets: the finest with seven bits for all
    medians.
    """
    zero = TOP // 2 + 1
    scale = ((TOP - zero) << 16) // int(bucket_quantiles(bits)[-1])
    return Grid(scale=scale, zero=zero, lo=0, hi=TOP)


def bucket_quantiles(bits: int) -> NDArray[np.int64]:
    """The median of each of the 2^bits buckets of N(0, 1), in units of 2^-16."""
    quantile = normal_quantile().astype(np.int64)
    medians: NDArray[np.int64] = quantile[((2 * np.arange(2**bits) + 1) << 12) >> bits]
    return medians


def inverse_scales(
    zero: int = int(SCALE.zero), steps: int = int(SCALE.scale), unit: int = 16
) -> NDArray[np.uint32]:
    """The inverse scale for each index i: 2^((i - zero) / steps) in units of 2^-unit, rounded to
    nearest, uint32 [256].
    """
    return np.array([_power_of_two(unit * steps + i - zero, steps) for i in range(256)], np.uint32)


def _power_of_two(numerator: int, denominator: int) -> int:
    """2^(n / d) rounded to nearest, computed with integers: the k with (2k - 1)^d <= 2^(n + d) <
    (2k + 1)^d.
    """
    target = 1 << (numerator + denominator)
    low, high = 0, 1 << (numerator // denominator + 1)
    while low < high:
        middle = (low + high) // 2
        if (2 * middle + 1) ** denominator <= target:
            low = middle + 1
        else:
            high = middle
    return low


def probabilities() -> NDArray[np.uint16]:
    """The probability of a one for each index i of a logit, out of 2^16, never 0 nor 1, uint16
    [256].
    """
    one = 2**PROBABILITY_BITS
    with localcontext() as context:
        context.prec = 50
        exact = [
            one / (1 + (Decimal(LOGIT.zero - i) / int(LOGIT.scale)).exp())
            for i in range(LOGIT.lo, LOGIT.hi + 1)
        ]
        return np.array(
            [min(max(int(p.to_integral_value()), 1), one - 1) for p in exact], np.uint16
        )


def exponentials() -> NDArray[np.uint32]:
    """The weight for each index i of a mixture: exp((i - 255) / 16) in units of 2^-24, at least 1,
    uint32 [256].
    """
    with localcontext() as context:
        context.prec = 50
        exact = [(Decimal(i - 255) / 16).exp() * 2**24 for i in range(256)]
        return np.array([max(int(e.to_integral_value()), 1) for e in exact], np.uint32)
