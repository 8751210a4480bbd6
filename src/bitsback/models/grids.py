"""Grids of distributions over the levels of a pixel.

They are cumulative probabilities in units of 2^-16, computed with integers.
"""

import numpy as np
from numpy.typing import NDArray

from bitsback import tables


def beta_binomial() -> NDArray[np.uint16]:
    """Beta-binomials with n = 255 over a grid of means and concentrations: uint16 [64, 32, 256].

    It is the stored table T of docs/model-format.md.
    """
    return tables.beta_binomial()


def exponential(
    base: NDArray[np.int16],
    first_statistic: NDArray[np.int16],
    second_statistic: NDArray[np.int16],
    first_value: NDArray[np.int16],
    second_value: NDArray[np.int16],
) -> NDArray[np.uint32]:
    """Exponential families for all a in `first_value` and b in `second_value`: uint32 [A, B,
    levels].

    p(c) is proportional to 2^(base[c] + a first_statistic[c] + b second_statistic[c]). base:
    [levels], in units of 2^-10. Statistics: [levels], in units of 2^-12. Values: [A] and [B], in
    units of 2^-8. The result is T by the integer arithmetic of docs/model-format.md, exponential.
    """
    a = first_value.astype(np.int64)[:, None, None] * first_statistic.astype(np.int64)
    b = second_value.astype(np.int64)[None, :, None] * second_statistic.astype(np.int64)
    energy = base.astype(np.int64) * 1024 + a + b
    below = energy.max(-1, keepdims=True) - energy
    weight = tables.exp2().astype(np.int64)[(below >> 10) & 1023] >> np.minimum(below >> 20, 63)
    ends = np.cumsum(weight, -1)
    cumulative: NDArray[np.int64] = ((ends - weight) << 16) // ends[..., -1:]
    return cumulative.astype(np.uint32)
