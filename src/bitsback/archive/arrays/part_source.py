"""Assemble regions of arrays and pictures from tiles. Each needed block is decoded once."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.arrays.indexed import ArraySource, Chunks
from bitsback.archive.arrays.indexing import AxisIndex, AxisPlaces, Steps, all_places, cells
from bitsback.archive.container.sections import Blocks
from bitsback.format.array_part import ONE, ArrayPart
from bitsback.format.grid import Grid, Shape
from bitsback.format.index import BlockInfo
from bitsback.format.parts import JoinedArray
from bitsback.format.tiles import Tiles

Decode = Callable[[int, int | None], tuple[int, Tiles]]
"""Decodes the block with a tile. Returns the number of the block's first tile, and its tiles.

The second argument may be a number. Tiles from that on may then be missing, and nothing is
verified.
"""


class RegionReader:
    """Reads regions of one array or picture in order. It keeps the last block."""

    def __init__(self, part: ArrayPart, first: int, decode: Decode, verify: bool = True) -> None:
        """first: the number of the part's first tile. verify: check each block's digest."""
        self._part, self._first, self._decode, self._verify = part, first, decode, verify
        self._start, self._tiles = 0, Tiles(np.empty(0, part.dtype), ())

    def take(self, wanted: tuple[AxisPlaces, ...]) -> NDArray[Any]:
        """The elements at the wanted places along each axis of the part.

        If the items vary in size, the places must be in a single item.
        """
        part, shape = self._part, tuple(map(len, wanted))
        found = Result(shape, part.dtype)
        if 0 in shape:
            return found.array
        if part.axes == ONE:
            self._take_of_item(0, (), wanted, found)
        elif part.plain:
            self._take_items(wanted, found)
        else:
            for item in cells(wanted[0], 1):
                positions, _ = wanted[0].within(item, item + 1)
                self._take_of_item(item, (positions,), wanted[1:], found)
        return found.array

    def blocks(
        self, wanted: tuple[AxisPlaces, ...], block_of: Callable[[int], BlockInfo]
    ) -> Iterator[BlockInfo]:
        """The needed blocks in order. block_of: finds the block of a tile."""
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

    def _numbers(self, wanted: tuple[AxisPlaces, ...]) -> Iterator[int]:
        """The numbers of the needed tiles in order, for items that are cut or vary in size."""
        part = self._part
        if part.axes == ONE:
            yield from touched(part.grid(0), wanted)
            return
        for item in cells(wanted[0], 1):
            first = part.first_tile(item)
            for number in touched(part.grid(item), wanted[1:]):
                yield first + number

    def _take_items(self, wanted: tuple[AxisPlaces, ...], found: Result) -> None:
        """Takes the wanted elements of items that are tiles."""
        items, inner = wanted[0], wanted[1:]
        places = [
            along.within(0, size) for along, size in zip(inner, self._part.item_shape, strict=True)
        ]
        item = items.next(0)
        while item is not None:
            tiles = self._tile(item, items.last)
            end = self._start + tiles.count
            found.put([items.within(self._start, end), *places], tiles.stack)
            item = items.next(end)

    def _take_of_item(
        self,
        item: int,
        positions: tuple[AxisIndex, ...],
        wanted: tuple[AxisPlaces, ...],
        found: Result,
    ) -> None:
        """Takes the wanted elements of one item.

        positions: the place of the item in the result, along the first axis; empty for one item.
        """
        part = self._part
        grid, first = part.grid(item), part.first_tile(item)
        last = first + last_touched(grid, wanted)
        for number in touched(grid, wanted):
            tile = self._tile(first + number, last)[first + number - self._start]
            places = [
                along.within(there.start, there.stop)
                for along, there in zip(wanted, grid.region(number), strict=True)
            ]
            leading = [(place, slice(None)) for place in positions]
            found.put([*leading, *places], tile[np.newaxis] if positions else tile)

    def _tile(self, number: int, last: int) -> Tiles:
        """The tiles of the block with this tile, from `self._start` on.

        last: the last tile of the part that will be needed.
        """
        if not self._start <= number < self._start + self._tiles.count:
            stop = None if self._verify else self._first + last + 1
            start, self._tiles = self._decode(self._first + number, stop)
            self._start = start - self._first
        return self._tiles


def touched(grid: Grid, wanted: tuple[AxisPlaces, ...]) -> Iterator[int]:
    """The numbers of an item's tiles with wanted elements, in order."""

    # The tiles are generated one by one, since all may not fit into memory.
    def from_axis(axis: int, row: int) -> Iterator[int]:
        if axis == len(wanted):
            yield row
            return
        for cell in cells(wanted[axis], grid.extents[axis]):
            yield from from_axis(axis + 1, row * grid.counts[axis] + cell)

    return from_axis(0, 0)


def last_touched(grid: Grid, wanted: tuple[AxisPlaces, ...]) -> int:
    """The last of these tiles. There must be wanted places along each axis."""
    tile = 0
    for along, extent, count in zip(wanted, grid.extents, grid.counts, strict=True):
        tile = tile * count + along.last // extent
    return tile


class Result:
    """The result. Its memory is allocated with the first tile, since a small archive may declare a
    large array.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._shape, self._dtype = shape, dtype
        self._array: NDArray[Any] | None = None

    @property
    def array(self) -> NDArray[Any]:
        if self._array is None:
            self._array = np.empty(self._shape, self._dtype)
        return self._array

    def put(self, places: list[tuple[AxisIndex, AxisIndex]], tile: NDArray[Any]) -> None:
        """Copies the wanted elements of a tile.

        places: for each axis their places in the result, and in the tile.
        """
        self.array[tuple(positions for positions, _ in places)] = tile[
            tuple(within for _, within in places)
        ]


class PartSource(ArraySource):
    """An array that is one part of an archive, or one entry along the part's first axis."""

    def __init__(
        self, blocks: Blocks, part: ArrayPart, first: int, entry: int | None = None
    ) -> None:
        """first: the number of the part's first tile. entry: the number of the only wanted entry
        along the first axis; None for all.
        """
        super().__init__(blocks.file.name)
        self.part, self.first, self.entry = part, first, entry
        self._blocks = blocks
        if entry is None:
            self._shape = part.shape
        else:
            self._shape = part.shape[1:] if part.axes == ONE else part.shape_of(entry)

    @property
    def shape(self) -> Shape:
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.part.dtype

    @property
    def chunks(self) -> Chunks:
        part, blocks = self.part, self._blocks
        behind = self.first + part.tiles
        if behind > (blocks[-1].first + blocks[-1].items if blocks else 0):
            self._blocks.with_tile(behind - 1)
        if self.entry is None and part.axes != ONE:
            if not part.plain:
                return ((1,) * part.entries, *_lengths(part.grid(0)))
            start, stop = (
                bisect_left(blocks, tile, key=lambda block: block.first)
                for tile in (self.first, behind)
            )
            counts = (block.items for block in blocks[start:stop])
            return (tuple(counts) or (0,), *((size,) for size in self.shape[1:]))
        grid, axis = self._grid()
        return _lengths(grid)[axis:]

    def take(self, wanted: tuple[AxisPlaces, ...], verify: bool = True) -> NDArray[Any]:
        with self._blocks.announced(self.blocks(wanted)):
            return self._taken(self._reading(verify), wanted)

    def blocks(self, wanted: tuple[AxisPlaces, ...] | None = None) -> Iterator[BlockInfo]:
        """The blocks with the wanted places along each axis, or all blocks, in order."""
        wanted = all_places(self.shape) if wanted is None else wanted
        yield from self._reading().blocks(self._of_part(wanted), self._blocks.with_tile)

    def stacks(self, start: int, stop: int, *, verify: bool = True) -> Iterator[NDArray[Any]]:
        self._blocks.announce(self.blocks((Steps(range(start, stop)), *all_places(self.shape[1:]))))
        reading = self._reading(verify)
        while start < stop:
            end = min(self._end_of_stack(start), stop)
            yield self._taken(reading, (Steps(range(start, end)), *all_places(self.shape[1:])))
            start = end

    def _reading(self, verify: bool = True) -> RegionReader:
        return RegionReader(self.part, self.first, self._blocks.decode_at, verify)

    def _taken(self, reading: RegionReader, wanted: tuple[AxisPlaces, ...]) -> NDArray[Any]:
        self._blocks.file.check_open()
        shape = tuple(map(len, wanted))
        with self.fitting(shape):
            return reading.take(self._of_part(wanted)).reshape(shape)

    def _of_part(self, wanted: tuple[AxisPlaces, ...]) -> tuple[AxisPlaces, ...]:
        """The wanted places along each axis of the part, which has one axis more for an entry."""
        if self.entry is None:
            return wanted
        return (Steps(range(self.entry, self.entry + 1)), *wanted)

    def _grid(self) -> tuple[Grid, int]:
        """The grid of the only item in this array, and the number of the first of its axes here."""
        if self.entry is None:
            return self.part.grid(0), 0
        if self.part.axes == ONE:
            return self.part.grid(0), 1
        return self.part.grid(self.entry), 0

    def _end_of_stack(self, at: int) -> int:
        if self.entry is None and self.part.axes != ONE:
            if not self.part.plain:
                return at + 1
            block = self._blocks.with_tile(self.first + at)
            return block.first + block.items - self.first
        grid, axis = self._grid()
        return (at // grid.extents[axis] + 1) * grid.extents[axis]


def _lengths(grid: Grid) -> Chunks:
    """The lengths of the tiles along each axis."""
    return tuple(
        tuple(min(extent, size - start) for start in range(0, size, extent)) or (0,)
        for size, extent in zip(grid.shape, grid.extents, strict=True)
    )


class JoinedSource(ArraySource):
    """An array in several parts of an archive."""

    def __init__(self, blocks: Blocks, array: JoinedArray) -> None:
        super().__init__(blocks.file.name)
        self.array, self._blocks = array, blocks

    @property
    def shape(self) -> Shape:
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.array.dtype

    @property
    def chunks(self) -> Chunks:
        found = [self.part_at(number).chunks for number in range(len(self.array.parts))]
        inner = {chunks[1:] for chunks in found}
        return (
            tuple(length for chunks in found for length in chunks[0]),
            # Parts may be cut differently. The chunks are then not cut along these axes.
            *(inner.pop() if len(inner) == 1 else ((size,) for size in self.shape[1:])),
        )

    def take(self, wanted: tuple[AxisPlaces, ...], verify: bool = True) -> NDArray[Any]:
        shape = tuple(map(len, wanted))
        found = Result(shape, self.dtype)
        with self._blocks.announced(self.blocks(wanted)):
            for positions, part, within in self._split(wanted):
                taken = part.take(within, verify)
                with self.fitting(shape):
                    found.put([(positions, slice(None))], taken)
        with self.fitting(shape):
            return found.array

    def blocks(self, wanted: tuple[AxisPlaces, ...]) -> Iterator[BlockInfo]:
        for _, part, within in self._split(wanted):
            yield from part.blocks(within)

    def _split(
        self, wanted: tuple[AxisPlaces, ...]
    ) -> Iterator[tuple[AxisIndex, PartSource, tuple[AxisPlaces, ...]]]:
        """Splits the wanted places by parts.

        For each part: the positions in the result along the first axis, the part, and the places in
        it.
        """
        places, place = self.array.places, wanted[0].next(0)
        while place is not None:
            number = bisect_right(places, place) - 1
            positions, within = wanted[0].between(places[number], places[number + 1])
            yield positions, self.part_at(number), (within, *wanted[1:])
            place = wanted[0].next(places[number + 1])

    def stacks(self, start: int, stop: int, *, verify: bool = True) -> Iterator[NDArray[Any]]:
        places = self.array.places
        while start < stop:
            number = bisect_right(places, start) - 1
            low, end = places[number], min(places[number + 1], stop)
            yield from self.part_at(number).stacks(start - low, end - low, verify=verify)
            start = end

    def part_at(self, number: int) -> PartSource:
        """One of its parts."""
        return PartSource(self._blocks, self.array.parts[number], self.array.starts[number])


def array_source(blocks: Blocks, array: ArrayPart | JoinedArray) -> ArraySource:
    """The array of an archive of one array."""
    if isinstance(array, JoinedArray):
        return JoinedSource(blocks, array)
    return PartSource(blocks, array, 0)
