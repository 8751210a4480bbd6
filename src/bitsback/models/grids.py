"""Grids of distributions over the levels of a pixel: cumulative probabilities in units of 2^-16,
computed with integers.
"""

import numpy as np
from numpy.typing import NDArray

from bitsback import tables


def beta_binomial() -> NDArray[np.uint16]:
    """Beta-binomials with n = 255 over a grid of means and concentrations: T, uint16 [64, 32, 256],
    a stored table.
    """
    return tables.beta_binomial()


def exponential(
    base: NDArray[np.int16],
    first_statistic: NDArray[np.int16],
    second_statistic: NDArray[np.int16],
    first_value: NDArray[np.int16],
    second_value: NDArray[np.int16],
) -> NDArray[np.uint32]:
    """p(c) proportional to 2^(base[c] + a first_statistic[c] + b second_statistic[c]), for all a
    and b of their values.

    base [levels] in units of 2^-10, statistics [levels] of 2^-12, values [A], [B] of 2^-8. Returns
    T, uint32 [A, B, levels], by the integer arithmetic of docs/model-format.md, exponential.
    """
    a = first_value.astype(np.int64)[:, None, None] * first_statistic.astype(np.int64)
    b = second_value.astype(np.int64)[None, :, None] * second_statistic.astype(np.int64)
    energy = base.astype(np.int64) * 1024 + a + b
    below = energy.max(-1, keepdims=True) - energy
    weight = tables.exp2().astype(np.int64)[(below >> 10) & 1023] >> np.minimum(below >> 20, 63)
    ends = np.cumsum(weight, -1)
    cumulative: NDArray[np.int64] = ((ends - weight) << 16) // ends[..., -1:]
    return cumulative.astype(np.uint32)
