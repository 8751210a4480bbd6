"""A linear prediction whose weights adapt to the image: sums over cells of one row, and weights
from the sums above.

The sums are integers. The weights are computed with IEEE doubles, each operation rounded
separately, in the order of docs/model-format.md: NumPy computes many elements at once, but each of
them by the same operations in the same order.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .values import Ints

WEIGHT_ONE = 2**12  # weights are in units of 2^-12
MOST_WEIGHT = 32767
LEAST, MOST = 2.0**-200, 2.0**200


def solve(sums: Ints, ridge: int) -> list[int]:
    """The weights [n] of the inputs, from the lower triangle [n + 1, n + 1] of the sums of products
    of the inputs and, last, the target.
    """
    y = eliminate(sums.astype(np.float64), ridge)
    return [0] * (len(sums) - 1) if y is None else round_weights(y)


def eliminate(sums: NDArray[np.float64], ridge: int) -> NDArray[np.float64] | None:
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


def round_weights(y: NDArray[Any]) -> list[int]:
    """Rounds weights to units of 2^-12, halves up; all become zero if one is not a number."""
    if np.isnan(y).any():
        return [0] * len(y)
    scaled = np.floor(y * WEIGHT_ONE + 0.5)
    return [int(w) for w in np.clip(scaled, -MOST_WEIGHT, MOST_WEIGHT)]


class LeastSquares:
    """The sums and the weights of one predictor of one plane."""

    def __init__(
        self, start: Ints, columns: int, cell: int, decay: tuple[int, int, int], ridge: int
    ) -> None:
        """start: the lower triangle [n + 1, n + 1] of the sums above the image; cell: the number of
        columns of a cell.
        """
        self.start, self.cell, self.decay, self.ridge = start, cell, decay, ridge
        self.last = (columns - 1) // cell
        self.sums: dict[tuple[int, int], Ints] = {}  # A, by row and cell
        self.known: dict[tuple[int, int], list[int]] = {}  # weights

    def weights(self, r: int, q: int) -> list[int]:
        """The weights of a pixel's cell, once the three cells above it are complete."""
        k = q // self.cell
        if (r, k) not in self.known:
            near = (k, max(k - 1, 0), min(k + 1, self.last))
            above = [self.start if r == 0 else self.sums[r - 1, cell] for cell in near]
            total = sum(d * a for d, a in zip(self.decay, above, strict=True))
            self.sums[r, k] = np.asarray(total, np.int64) >> 8
            self.known[r, k] = solve(self.sums[r, k], self.ridge)
        return self.known[r, k]

    def add(self, r: int, q: int, values: list[int]) -> None:
        """The inputs and the target of a pixel, to the sums of its cell."""
        v = np.array(values, np.int64)
        self.sums[r, q // self.cell] += np.tril(np.outer(v, v))


def triangle(n: int) -> int:
    """The number of elements of a lower triangle for n inputs and a target."""
    return (n + 1) * (n + 2) // 2


def to_matrix(entries: Ints, n: int) -> Ints:
    """The lower triangle [n + 1, n + 1], from its rows, one after the other."""
    matrix = np.zeros((n + 1, n + 1), np.int64)
    matrix[np.tril_indices(n + 1)] = entries[: triangle(n)]
    return matrix
