"""The weights of a linear prediction from the sums of products of its inputs and its target, for
`series` and the coefficients of JPEG streams.

They are computed with IEEE doubles, each operation rounded separately, in the order of
docs/model-format.md: NumPy computes many elements at once, but each of them by the same operations
in the same order.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_WEIGHT = 2**21 - 1  # in units of 2^-16
LEAST, MOST = 2.0**-200, 2.0**200


def solve(sums: NDArray[np.float64], ridge: float) -> list[int]:
    """The weights [n] of the inputs, from the lower triangle [n + 1, n + 1] of the sums of products
    of the inputs and, last, the target: all 0 if there are none.
    """
    y = eliminate(sums, ridge)
    if y is None or np.isnan(y).any():
        return [0] * (len(sums) - 1)
    return [int(w) for w in np.clip(np.floor(y * 2**16 + 0.5), -MOST_WEIGHT, MOST_WEIGHT)]


def eliminate(sums: NDArray[np.float64], ridge: float) -> NDArray[np.float64] | None:
    """The weights before they are rounded; None if there are none."""
    n = len(sums) - 1
    h = sums.copy()
    h[range(n), range(n)] += float(ridge)
    c, lower = np.zeros_like(h), np.zeros_like(h)
    with np.errstate(all="ignore"):
        for j in range(n):
            t = h[j:, j]
            for k in range(j):
                t = t - c[j:, k] * lower[j, k]
            c[j:, j] = [t[0], *kept(t[1:])]
            if not LEAST <= c[j, j] <= MOST:
                return None
            lower[j + 1 :, j] = c[j + 1 :, j] / c[j, j]
        y = np.zeros(n)
        for i in reversed(range(n)):
            t = lower[n, i]
            for k in reversed(range(i + 1, n)):
                t = t - lower[k, i] * y[k]
            y[i] = kept(t)
        return y


def kept(t: Any) -> Any:
    """Zero where a number is so small that its products might not be normal numbers."""
    return np.where(abs(t) < LEAST, 0.0, t)
