"""Join tiles, which come in order, to the items that they were cut from."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.format.collection import Collection
from bitsback.format.grid import Grid
from bitsback.images.bands import in_bands, rows_of_band


class Joiner:
    """Makes the items of a part of its tiles, strip by strip: a strip has the tiles at the same
    place of the first dimension, whose elements follow one another in C order.
    """

    def __init__(self, part: Collection) -> None:
        self._part = part
        self._waiting: list[NDArray[Any]] = []
        """Kept as they are until all are there: a few bytes may claim a large item."""

    def take(self, number: int, tile: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """The strip that this tile, of this number in the part, completes, some rows at a time;
        nothing if others are missing.
        """
        item, at = self._part.item_of(number)
        grid = self._part.grid(item)
        self._waiting.append(tile)
        if (at + 1) % grid.in_a_strip:
            return iter(())
        waiting, self._waiting = self._waiting, []
        if len(waiting) == 1:
            return in_bands(np.atleast_1d(tile))  # a number is a row
        return _joined(waiting, grid, at + 1 - len(waiting))


def _joined(waiting: list[NDArray[Any]], grid: Grid, first: int) -> Iterator[NDArray[Any]]:
    """The tiles from the first on side by side."""
    places = [grid.region(first + number)[1:] for number in range(len(waiting))]
    count, others = len(waiting[0]), grid.shape[1:]
    step = rows_of_band(math.prod(others) * waiting[0].itemsize)
    for row in range(0, count, step):
        band = np.empty((min(step, count - row), *others), waiting[0].dtype)
        for place, tile in zip(places, waiting, strict=True):
            band[(slice(None), *place)] = tile[row : row + step]
        yield band
