"""Parts of arrays and pictures, put together from the pieces that they touch: each block is decoded
once, and none that is not needed.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.collection import ONE, Collection
from bitsback.archive.directory import BlockInfo
from bitsback.archive.grid import Grid
from bitsback.archive.indexing import Along, Take, cells
from bitsback.archive.pieces import Pieces

Decode = Callable[[int, int | None], tuple[int, Pieces]]
"""Decodes the block that holds a piece: the number of the block's first piece, and its pieces; not
verified, and perhaps not those from another number on, if that is given.
"""


class Reading:
    """Reads of one array or picture, in order: holds the block that was needed last."""

    def __init__(self, part: Collection, first: int, decode: Decode, verify: bool = True) -> None:
        """first: the number of the part's first piece. verify: check each block's digest."""
        self._part, self._first, self._decode, self._verify = part, first, decode, verify
        self._start, self._pieces = 0, Pieces(np.empty(0, part.dtype), ())

    def take(self, wanted: tuple[Along, ...]) -> NDArray[Any]:
        """What is wanted along each axis of the part; of one whose items vary in size, of a single
        item.
        """
        part, shape = self._part, tuple(map(len, wanted))
        found = Found(shape, part.dtype)
        if 0 in shape:
            return found.array
        if part.axes == ONE:
            self._take_of_item(0, (), wanted, found)
        elif part.plain:
            self._take_items(wanted, found)
        else:
            for item in cells(wanted[0], 1):
                to, _ = wanted[0].within(item, item + 1)
                self._take_of_item(item, (to,), wanted[1:], found)
        return found.array

    def blocks(
        self, wanted: tuple[Along, ...], block_of: Callable[[int], BlockInfo]
    ) -> Iterator[BlockInfo]:
        """Those that are needed for what is wanted, in order. block_of: finds one by its pieces."""
        part, place = self._part, 0
        if not all(map(len, wanted)):
            return
        if part.axes != ONE and part.plain:
            item = wanted[0].next(0)
            while item is not None:
                yield (block := block_of(self._first + item))
                item = wanted[0].next(block.first + block.items - self._first)
            return
        for number in self._numbers(wanted):
            if number >= place:
                yield (block := block_of(self._first + number))
                place = block.first + block.items - self._first

    def _numbers(self, wanted: tuple[Along, ...]) -> Iterator[int]:
        """Of items that are cut or differ in size, the pieces that are needed, in order."""
        part = self._part
        if part.axes == ONE:
            yield from touched(part.grid(0), wanted)
            return
        for item in cells(wanted[0], 1):
            first = part.first_piece(item)
            for number in touched(part.grid(item), wanted[1:]):
                yield first + number

    def _take_items(self, wanted: tuple[Along, ...], found: "Found") -> None:
        """Of items that are pieces."""
        items, inner = wanted[0], wanted[1:]
        places = [
            along.within(0, size) for along, size in zip(inner, self._part.item_shape, strict=True)
        ]
        item = items.next(0)
        while item is not None:
            pieces = self._piece(item, items.last)
            end = self._start + pieces.count
            found.put([items.within(self._start, end), *places], pieces.stack)
            item = items.next(end)

    def _take_of_item(
        self, item: int, to: tuple[Take, ...], wanted: tuple[Along, ...], found: "Found"
    ) -> None:
        """to: where the item goes along the first axis, if it is one of several."""
        part = self._part
        grid, first = part.grid(item), part.first_piece(item)
        last = first + last_touched(grid, wanted)
        for number in touched(grid, wanted):
            piece = self._piece(first + number, last)[first + number - self._start]
            places = [
                along.within(there.start, there.stop)
                for along, there in zip(wanted, grid.region(number), strict=True)
            ]
            leading = [(place, slice(None)) for place in to]
            found.put([*leading, *places], piece[np.newaxis] if to else piece)

    def _piece(self, number: int, last: int) -> Pieces:
        """The pieces of the block that holds this one, from `self._start` on; last: the last one of
        the part that will be needed.
        """
        if not self._start <= number < self._start + self._pieces.count:
            stop = None if self._verify else self._first + last + 1
            start, self._pieces = self._decode(self._first + number, stop)
            self._start = start - self._first
        return self._pieces


def touched(grid: Grid, wanted: tuple[Along, ...]) -> Iterator[int]:
    """The pieces of an item that have what is wanted of it, in order."""

    # One by one, as there may be more than fit into memory.
    def from_axis(axis: int, row: int) -> Iterator[int]:
        if axis == len(wanted):
            yield row
            return
        for cell in cells(wanted[axis], grid.extents[axis]):
            yield from from_axis(axis + 1, row * grid.counts[axis] + cell)

    return from_axis(0, 0)


def last_touched(grid: Grid, wanted: tuple[Along, ...]) -> int:
    """The last of them, where something is wanted along each axis."""
    piece = 0
    for along, extent, count in zip(wanted, grid.extents, grid.counts, strict=True):
        piece = piece * count + along.last // extent
    return piece


class Found:
    """What is taken, made when the first of it is there: a few bytes may claim much."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._shape, self._dtype = shape, dtype
        self._array: NDArray[Any] | None = None

    @property
    def array(self) -> NDArray[Any]:
        if self._array is None:
            self._array = np.empty(self._shape, self._dtype)
        return self._array

    def put(self, places: list[tuple[Take, Take]], piece: NDArray[Any]) -> None:
        """Copies what is wanted of a piece. places: for each axis where it goes, and where it
        is.
        """
        self.array[tuple(to for to, _ in places)] = piece[tuple(of for _, of in places)]
