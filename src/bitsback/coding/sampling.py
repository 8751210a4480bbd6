"""Sample the tiles of a block for a trial."""

import math
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.coding import layouts
from bitsback.format.grid import Grid, Shape
from bitsback.format.tiles import Tiles

_TILES = 64
_ELEMENTS = 1 << 17  # the size of a sample that may consist of parts
_SLICES = 8
_BEFORE = 1 << 19  # elements from which a model learns before a sample of two levels
_BEFORE_OF_MORE = 1 << 17


def sample_of(tiles: Tiles, whole: bool) -> Tiles:
    """Some of the tiles; only the middle of large ones, unless `whole`."""
    numbers = _sampled(tiles.count)
    if len(numbers) == tiles.count and (whole or tiles.elements.size <= _ELEMENTS):
        return tiles  # so that a trial and a block see the same data
    if tiles.shape is not None:
        sample = Tiles.stacked(np.ascontiguousarray(tiles.stack[:: numbers.step][: len(numbers)]))
    else:
        sample = Tiles.of(islice(tiles, 0, numbers.stop, numbers.step), tiles.dtype)
    most = _ELEMENTS // sample.count
    if whole or sample.elements.size <= _ELEMENTS:
        return sample
    return Tiles.of((middle(tile, most) for tile in sample), tiles.dtype)


def learned_before(tiles: Tiles, sample: Tiles) -> Tiles | None:
    """The data of a block from which a model may learn before it codes the sample: the other tiles,
    or the rows above the sample in a large tile. None if they are few.
    """
    numbers, most = _sampled(tiles.count), _ELEMENTS // sample.count
    cut = sample.elements.size < sum(
        tile.size for tile in islice(tiles, 0, numbers.stop, numbers.step)
    )
    found: list[NDArray[Any]] = []
    before = _BEFORE if tiles.two_values is not None else _BEFORE_OF_MORE
    left = before
    for number, tile in enumerate(tiles):
        if left <= 0:
            break
        if number in numbers:
            if not cut:
                continue
            tile = _above(tile, middle_box(tile.dtype, tile.shape, most), left)
        left -= tile.size
        found.append(np.ascontiguousarray(tile))
    enough = 2 * (before - left) >= sample.elements.size
    return Tiles.of((tile for tile in found if tile.size), tiles.dtype) if enough else None


def _above(tile: NDArray[Any], box: tuple[slice, ...], most: int) -> NDArray[Any]:
    """The rows above a box, about `most` elements or fewer."""
    rows = int(layouts.STACKS in layouts.layouts_for(tile.dtype, tile.shape))
    slices, top = box[:rows], box[rows].start
    count = most // max(tile[slices].size // tile.shape[rows], 1)
    return tile[(*slices, slice(max(top - count, 0), top))]


def series_sample(tiles: Tiles) -> Tiles:
    """The first of the tiles, of which each follows the one before it."""
    (count, shape), *_ = tiles.shapes
    steps = min(count, _ELEMENTS // max(math.prod(shape), 1))
    elements = tiles.elements[: steps * math.prod(shape)]
    return Tiles(elements, ((steps, shape),))


def sample_boxes(dtype: np.dtype[Any], grid: Grid) -> list[tuple[slice, ...]]:
    """The regions of a picture, cut by this grid, that form the sample of its tiles."""
    regions = [grid.region(number) for number in _sampled(grid.tiles)]
    shapes = [tuple(part.stop - part.start for part in region) for region in regions]
    if sum(map(math.prod, shapes)) <= _ELEMENTS:
        return regions
    middles = (middle_box(dtype, shape, _ELEMENTS // len(shapes)) for shape in shapes)
    return [
        tuple(
            slice(part.start + within.start, part.start + within.stop)
            for part, within in zip(region, box, strict=True)
        )
        for region, box in zip(regions, middles, strict=True)
    ]


def _sampled(count: int) -> range:
    """The numbers of the sampled tiles, out of `count`."""
    step = max(count // _TILES, 1)
    return range(0, min(step * _TILES, count), step)


def middle(tile: NDArray[Any], most: int) -> NDArray[Any]:
    """The middle of a tile, about `most` elements or fewer: some slices of a stack, and some of
    their rows and columns.
    """
    return np.ascontiguousarray(tile[middle_box(tile.dtype, tile.shape, most)])


def middle_box(dtype: np.dtype[Any], shape: Shape, most: int) -> tuple[slice, ...]:
    """The region of the middle in a tile of this dtype and shape."""
    stacks = layouts.STACKS in layouts.layouts_for(dtype, shape)
    sides = list(shape)
    if stacks:
        sides[0] = min(sides[0], _SLICES)
    rows = int(stacks)
    others = math.prod(sides[:rows]) * math.prod(sides[rows + 2 :])
    side = max(math.isqrt(most // others), 1)
    for axis in (rows, rows + 1):  # one axis leaves its unused share to the other
        sides[axis] = min(sides[axis], side)
        side = max(most // (others * sides[rows]), 1)
    starts = [(size - side) // 2 for size, side in zip(shape, sides, strict=True)]
    return tuple(slice(at, at + side) for at, side in zip(starts, sides, strict=True))
