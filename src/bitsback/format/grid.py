"""The grid of an item's tiles, in C order (docs/format.md, `C`).

The last tiles of each dimension may be smaller.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from bitsback.lazy import cached_property

Shape = tuple[int, ...]
Region = tuple[slice, ...]


@dataclass(frozen=True)
class Grid:
    """The tiles of one item."""

    shape: Shape
    """The shape of the item."""
    cut: Shape | None
    """The greatest extents of a tile; None if the item is the only tile."""

    @cached_property
    def counts(self) -> Shape:
        """The number of tiles along each dimension, which is the least possible."""
        if self.cut is None:
            return (1,) * len(self.shape)
        return tuple(
            max(-(-size // most), 1) for size, most in zip(self.shape, self.cut, strict=True)
        )

    @cached_property
    def extents(self) -> Shape:
        """The extents of all tiles except the last ones. Each dimension is split evenly."""
        return tuple(
            max(-(-size // count), 1) for size, count in zip(self.shape, self.counts, strict=True)
        )

    @cached_property
    def tiles(self) -> int:
        return math.prod(self.counts)

    @cached_property
    def in_a_strip(self) -> int:
        """The number of tiles in a strip: those at one position of the first dimension.

        The elements of a strip are contiguous in C order.
        """
        return math.prod(self.counts[1:])

    def region(self, tile: int) -> Region:
        """The region of a tile in the item."""
        return tuple(
            slice(at * extent, min((at + 1) * extent, size))
            for at, extent, size in zip(self._at(tile), self.extents, self.shape, strict=True)
        )

    def shape_of(self, tile: int) -> Shape:
        return tuple(part.stop - part.start for part in self.region(tile))

    def elements_before(self, tile: int) -> int:
        """The number of elements of the tiles before this one."""
        before, whole = 0, math.prod(self.shape)
        for part, size in zip(self.region(tile), self.shape, strict=True):
            whole = whole // size if size else 0
            before += part.start * whole
            whole *= part.stop - part.start
        return before

    def alike(self, tile: int) -> int:
        """The number of consecutive tiles with the shape of this one, from this one on."""
        inner, left = 1, self.tiles - tile
        for count, extent, size in zip(
            reversed(self.counts), reversed(self.extents), reversed(self.shape), strict=True
        ):
            if size % extent:
                at, within = tile // inner % count, tile % inner
                left = (count - 1 - at if at < count - 1 else 1) * inner - within
                break
            inner *= count
        return left

    def _at(self, tile: int) -> list[int]:
        places = []
        for count in reversed(self.counts):
            tile, at = divmod(tile, count)
            places.append(at)
        return places[::-1]


@lru_cache(maxsize=1 << 10)
def grid_of(shape: Shape, cut: Shape | None) -> Grid:
    """The grid of an item, one object for all items that are cut alike."""
    return Grid(shape, cut)
