"""Pieces, which come in order, put together again."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.collection import Collection


class Joiner:
    """Makes items of the pieces of a part, or strips: elements of an item that follow one another
    in C order, as many as lie in pieces at the same place of its first dimension.
    """

    def __init__(self, part: Collection, strips: bool) -> None:
        self._part, self._strips = part, strips
        self._waiting: list[NDArray[Any]] = []
        """Kept as they are until all are there: a few bytes may claim a large item."""

    def take(self, number: int, piece: NDArray[Any]) -> NDArray[Any] | None:
        """The item or strip that this piece, of this number in the part, completes."""
        item, at = self._part.item_of(number)
        grid = self._part.grid(item)
        together = grid.in_a_strip if self._strips else grid.pieces
        self._waiting.append(piece)
        if (at + 1) % together:
            return None
        waiting, self._waiting = self._waiting, []
        if together == 1:
            return piece
        first = at + 1 - together
        top, bottom = grid.region(first)[0].start, grid.region(at)[0].stop
        joined = np.empty((bottom - top, *grid.shape[1:]), self._part.dtype)
        for place, part in enumerate(waiting, first):
            rows, *others = grid.region(place)
            joined[(slice(rows.start - top, rows.stop - top), *others)] = part
        return joined
