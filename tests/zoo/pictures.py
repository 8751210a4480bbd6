"""The samples for the files of the zoo."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

File = tuple[str, Callable[[], bytes | None]]
"""A file name and the function that makes the file, or None where its library refuses."""
SIZES = ((21, 14), (8, 8), (33, 5), (1, 1), (7, 19), (16, 16), (5, 1), (2, 3), (1, 9), (40, 27))
"""Columns and rows."""


def samples(size: tuple[int, int], channels: int, bits: int, seed: int = 0) -> NDArray[np.uint64]:
    """Slopes with some noise, as integers of `bits` bits: [rows, columns, channels]."""
    columns, rows = size
    rng = np.random.default_rng((seed, columns, rows, channels, bits))
    y, x, c = np.mgrid[:rows, :columns, :channels]
    slope = (x * 3 + y * 5 + c * 17) / (3 * columns + 5 * rows + 17 * channels)
    noise = rng.integers(-1, 2, slope.shape) * (rng.random(slope.shape) < 0.3)
    most = (1 << bits) - 1
    values = np.round(slope * most).astype(np.int64) + noise.astype(np.int64)
    return values.clip(0, most).astype(np.uint64)
