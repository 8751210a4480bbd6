"""Read the tiles of an array or of pictures from their source, in order."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.files.npy import Items
from bitsback.format.array_part import ArrayPart
from bitsback.format.tiles import Tiles


class TileReader:
    """Reads tiles in order. At most a strip of tiles is in memory, if the source allows that."""

    def __init__(self, items: Items, part: ArrayPart) -> None:
        self._items, self._part = items, part
        self._strip: NDArray[Any] | None = None

    def read(self, first: int, count: int) -> Tiles:
        """The next `count` tiles. first: the number of the first one. Raises InputError."""
        part = self._part
        if part.plain:
            return Tiles.stacked(self._items.read(count, part.axes))
        return Tiles.from_arrays(map(self._next, range(first, first + count)), part.dtype)

    def _next(self, number: int) -> NDArray[Any]:
        part = self._part
        item, at = part.item_of(number)
        grid = part.grid(item)
        if part.cut is None:
            picture: NDArray[Any] = self._items.read(1, part.axes)[0]
            return picture
        rows, *others = grid.region(at)
        if at % grid.in_a_strip == 0:
            self._strip = self._items.rows(rows.stop - rows.start, part.axes)
        assert self._strip is not None
        tile = np.ascontiguousarray(self._strip[(slice(None), *others)])
        if (at + 1) % grid.in_a_strip == 0:
            self._strip = None
        return tile
