"""The description of one array, or of pictures of several sizes (docs/format.md, `C`).

It is the content of an archive, or a part of the content.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, ClassVar

import numpy as np

from bitsback.errors import ArchiveError
from bitsback.format.containers import ARRAY as ARRAY
from bitsback.format.containers import GZIPPED_IDX, IDX
from bitsback.format.grid import Grid, Shape, grid_of
from bitsback.format.layout import COLLECTION, Cursor, check_dimensions, pack_shape, section
from bitsback.lazy import cached_property
from bitsback.wire import varint

ONE, COUNTED, VARIED, BYTES, COPIES = range(5)
"""The field `axes`.

ONE: the array is one item. COUNTED: its first dimension counts items. VARIED: the items differ in
rows and columns. BYTES: the array is the concatenated bytes of files, as one item. COPIES: files
with the content of other files. There are no items.
"""

MOST_COLOUR_CHANNELS = 4
"""The greatest length of a last axis that may be colours."""

_SMALLEST_SIZES = 3  # bytes of a run of sizes

Sizes = tuple[tuple[int, int, int], ...]
"""Runs of items of one size: (number of items, rows, columns)."""


class OneArray:
    """The properties that an array has in common with a `FileCollection`."""

    kind: ClassVar[None] = None
    """An array is not a collection of files."""
    noun: ClassVar[str] = "item"
    files: ClassVar[None] = None
    has_removed: ClassVar[bool] = False


@dataclass(frozen=True)
class ArrayPart(OneArray):
    """An array. Its items are cut into tiles, and blocks have the tiles in order."""

    dtype: np.dtype[Any]
    shape: Shape
    """The shape of the array.

    VARIED: the number of items, and of channels if there is such an axis. BYTES: the number of
    files, and of bytes. COPIES: the number of files.
    """
    axes: int
    """ONE, COUNTED, VARIED, BYTES or COPIES."""
    container: int = ARRAY
    cut: Shape | None = None
    """The greatest extents of a tile; None if each item is one tile."""
    sizes: Sizes = ()
    """The sizes of the items, for VARIED."""
    features: int = 0
    """The features of the archive, if this array is its only content."""

    @classmethod
    def of_items(cls, dtype: str, item_shape: Shape, items: int) -> "ArrayPart":
        return cls(np.dtype(dtype), (items, *item_shape), COUNTED)

    @property
    def dtype_name(self) -> str:
        """The dtype as NumPy's type string."""
        return self.dtype.str

    @property
    def runs(self) -> Iterator[tuple[int, Shape]]:
        """The runs of items: (number of consecutive items, their shape)."""
        if self.axes == VARIED:
            for number, (count, _, _) in enumerate(self.sizes):
                yield count, self._shape(number)
        elif self.axes != COPIES:
            yield self.shape[0] if self.axes == COUNTED else 1, self._shape(0)

    def _shape(self, run: int) -> Shape:
        """The shape of the items of a run."""
        if self.axes != VARIED:
            return self.item_shape
        return (*self.sizes[run][1:], *self.shape[1:])

    @cached_property
    def items(self) -> int:
        return self._items[-1]

    @cached_property
    def tiles(self) -> int:
        return self._tiles[-1]

    @cached_property
    def elements(self) -> int:
        return self._elements[-1]

    @cached_property
    def content(self) -> "ArrayPart":
        """The same content as an array; the bytes of files have one axis."""
        return replace(self, shape=self.item_shape, axes=ONE)

    @property
    def nbytes(self) -> int:
        return self.elements * self.dtype.itemsize

    @property
    def plain(self) -> bool:
        """Whether items are tiles: all have one shape, and none is cut."""
        return self.axes != VARIED and self.cut is None

    @property
    def item_shape(self) -> Shape:
        """The shape of each item. The items must not vary."""
        assert self.axes != VARIED
        return self.shape[min(self.axes, COUNTED) :]

    @property
    def entries(self) -> int:
        """The length of the first axis, which indexes of users count."""
        return self.shape[0] if self.shape else 1

    @property
    def picture(self) -> bool:
        """Whether the array is a single picture."""
        dimensions = len(self.shape)
        return self.axes == ONE and (
            dimensions == 2 or (dimensions == 3 and self.shape[2] <= MOST_COLOUR_CHANNELS)
        )

    @property
    def is_metadata(self) -> bool:
        """Whether a part of a collection has the container metadata of pictures."""
        return self.axes == BYTES and not self.entries

    @property
    def stack(self) -> bool:
        """Whether the array is a single stack of slices."""
        return self.axes == ONE and len(self.shape) > 1 and not self.picture

    @property
    def entry_shape(self) -> Shape:
        """The shape of an entry along the first axis, with 1 for varying rows and columns.

        Not for the bytes of files.
        """
        return (1, 1, *self.shape[1:]) if self.axes == VARIED else self.shape[1:]

    @cached_property
    def _items(self) -> list[int]:
        return list(accumulate((count for count, _ in self.runs), initial=0))

    @cached_property
    def _tiles(self) -> list[int]:
        return list(
            accumulate((n * grid_of(shape, self.cut).tiles for n, shape in self.runs), initial=0)
        )

    @cached_property
    def _elements(self) -> list[int]:
        return list(accumulate((count * math.prod(shape) for count, shape in self.runs), initial=0))

    def shape_of(self, item: int) -> Shape:
        return self._shape(bisect_right(self._items, item) - 1)

    def grid(self, item: int) -> Grid:
        """The tiles of an item."""
        return grid_of(self.shape_of(item), self.cut)

    def first_tile(self, item: int) -> int:
        """The number of an item's first tile. `item` may also be the number of items: the result is
        then the number of tiles.
        """
        if item == self.items:
            return self.tiles
        run = bisect_right(self._items, item) - 1
        return self._tiles[run] + (item - self._items[run]) * self._grid_of_run(run).tiles

    def item_of(self, tile: int) -> tuple[int, int]:
        """The item of a tile, and the number of the tile within the item."""
        run = bisect_right(self._tiles, tile) - 1
        item, within = divmod(tile - self._tiles[run], self._grid_of_run(run).tiles)
        return self._items[run] + item, within

    def elements_before(self, tile: int) -> int:
        """The number of elements of the tiles before this one."""
        if tile == self.tiles:
            return self.elements
        run = bisect_right(self._tiles, tile) - 1
        grid = self._grid_of_run(run)
        items, within = divmod(tile - self._tiles[run], grid.tiles)
        return self._elements[run] + items * math.prod(grid.shape) + grid.elements_before(within)

    def alike(self, first: int, count: int) -> Iterator[tuple[int, Shape]]:
        """`count` tiles from `first` on, as (number of consecutive tiles, their shape)."""
        end = first + count
        while first < end:
            run = bisect_right(self._tiles, first) - 1
            grid = self._grid_of_run(run)
            within = (first - self._tiles[run]) % grid.tiles
            if grid.alike(0) == grid.tiles:
                alike = self._tiles[run + 1] - first
            else:
                alike = grid.alike(within)
            alike = min(alike, end - first)
            yield alike, grid.shape_of(within)
            first += alike

    @property
    def parts(self) -> "tuple[ArrayPart, ...]":
        """The array itself, as the only part; see `Parts`."""
        return (self,)

    @property
    def starts(self) -> list[int]:
        return [0, self.tiles]

    def part_of(self, tile: int) -> tuple[int, "ArrayPart"]:
        return 0, self

    def where(self, first: int, count: int, items_before: int = 0) -> str:
        """A description of some tiles for messages. items_before: the items of earlier parts."""
        if first + count > self.tiles:
            return f"items from {items_before + first} on"
        start, at = self.item_of(first)
        end, last = self.item_of(first + count - 1)
        if start != end:
            return f"items {items_before + start} to {items_before + end}"
        if self.cut is None:
            return f"item {items_before + start}"
        grid = self.grid(start)
        regions = list(zip(grid.region(at), grid.region(last), strict=True))
        # Tiles in several rows of the grid span the entire later dimensions.
        text, spread = [], False
        for (low, high), size in zip(regions, grid.shape, strict=True):
            text.append(f"0:{size}" if spread else f"{low.start}:{high.stop}")
            spread = spread or low.start != high.start
        return f"[{', '.join(text)}] of item {items_before + start}"

    def _grid_of_run(self, run: int) -> Grid:
        return grid_of(self._shape(run), self.cut)

    def pack(self) -> bytes:
        head = varint(self.features) + bytes([self.container])
        return section(COLLECTION, head, self.pack_array())

    def pack_array(self) -> bytes:
        parts = [self.dtype.str.encode(), bytes([self.axes]), pack_shape(self.shape)]
        if self.axes == VARIED:
            parts += [varint(len(self.sizes)), *(varint(n) for run in self.sizes for n in run)]
        cut = () if self.cut is None else self.cut
        return b"".join([*parts, bytes([self.cut is not None]), *map(varint, cut)])

    @classmethod
    def unpack(cls, cursor: Cursor, container: int, features: int) -> "ArrayPart":
        if container not in (ARRAY, IDX, GZIPPED_IDX):
            raise ArchiveError(
                "this archive has an unknown kind of collection: it needs a newer bitsback"
            )
        part = cls.unpack_array(cursor, container)
        cursor.done()
        if part.axes >= VARIED:
            raise ArchiveError("its array has items that only a folder of files can have")
        return replace(part, features=features)

    @classmethod
    def unpack_array(cls, cursor: Cursor, container: int = ARRAY) -> "ArrayPart":
        dtype, axes, shape = cursor.dtype(), cursor.byte(), cursor.shape()
        if axes > COPIES or (axes and not shape) or (axes == VARIED and len(shape) > 2):
            raise ArchiveError("its items are counted along an axis that it does not have")
        if axes == BYTES and (len(shape) != 2 or dtype != np.uint8):
            raise ArchiveError("its files have other elements than bytes")
        if axes == COPIES and (len(shape) != 1 or dtype != np.uint8):
            raise ArchiveError("its copies of files have elements")
        sizes = _unpack_sizes(cursor, shape[0]) if axes == VARIED else ()
        dimensions = 1 + len(shape) if axes == VARIED else len(shape) - min(axes, COUNTED)
        cut = _unpack_cut(cursor, dimensions)
        part = cls(dtype, shape, axes, container, cut, sizes)
        part.check()
        return part

    def check(self) -> None:
        """Raises ArchiveError for an array that no archive can have."""
        check_dimensions(len(self.shape))
        whole = self.shape if self.axes < VARIED else (max(self.elements, 1),)
        check_shape(self.dtype, whole)
        if self.cut is not None and not self.elements:
            raise ArchiveError("it is cut into tiles, and has no elements")


def check_shape(dtype: np.dtype[Any], shape: Shape) -> None:
    """Raises ArchiveError for a shape with too many elements for any computer's memory."""
    if math.prod(max(size, 1) for size in shape) * dtype.itemsize >= 1 << 60:
        raise ArchiveError(f"an array of the shape {shape} is larger than any computer's memory")


def _unpack_sizes(cursor: Cursor, items: int) -> Sizes:
    count = cursor.varint()
    if count * _SMALLEST_SIZES > len(cursor.data) - cursor.at:
        raise ArchiveError(f"the description of its contents is too short for {count} sizes")
    sizes = tuple((cursor.varint(), cursor.varint(), cursor.varint()) for _ in range(count))
    if any(0 in run for run in sizes) or sum(run[0] for run in sizes) != items:
        raise ArchiveError("the sizes of its pictures are damaged")
    return sizes


def _unpack_cut(cursor: Cursor, dimensions: int) -> Shape | None:
    kind = cursor.byte()
    if kind > 1:
        raise ArchiveError("it is cut in an unknown way: it needs a newer bitsback")
    if kind == 0:
        return None
    cut = cursor.varints(dimensions)
    if 0 in cut:
        raise ArchiveError("its tiles have no extent")
    return cut
