"""Take samples of the tiles of a block for trials.

A policy says how large a sample is. The numbers here say where in the tiles it is.
"""

import math
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.coding import layouts
from bitsback.format.grid import Grid, Shape
from bitsback.format.tiles import Tiles
from bitsback.planner.policy import Policy

Box = tuple[slice, ...]
SAMPLE_TILES = 64
"""Tiles of a sample at most."""
SAMPLE_SLICES = 8
"""Consecutive slices in a sample of a stack, or items in a sample of an array alone."""
_BOX_SIDE = 64  # rows and columns at least of each of several boxes
_BOXES = 3  # along the rows and along the columns at most; the middle of a picture may be empty


def sample_of(tiles: Tiles, whole: bool, policy: Policy) -> Tiles:
    """A sample of the tiles, or all of them if they are few.

    A trial then sees what the block codes. Large tiles are cut to some boxes each, unless `whole`.
    """
    if tiles.elements.size <= policy.whole_elements:
        return tiles
    numbers, elements = _sampled(tiles.count), policy.sample_elements
    if len(numbers) == tiles.count and whole:
        return tiles
    if tiles.shape is not None:
        sample = Tiles.stacked(np.ascontiguousarray(tiles.stack[:: numbers.step][: len(numbers)]))
    else:
        sample = Tiles.from_arrays(islice(tiles, 0, numbers.stop, numbers.step), tiles.dtype)
    if whole or sample.elements.size <= elements:
        return sample
    boxes = (
        np.ascontiguousarray(tile[box])
        for tile in sample
        for _, box in boxes_in(tile.dtype, tile.shape, elements // sample.count)
    )
    return Tiles.from_arrays(boxes, tiles.dtype)


def learned_before(tiles: Tiles, sample: Tiles, policy: Policy) -> Tiles | None:
    """The data of a block from which a model may learn before it codes the sample.

    These are the other tiles, or, in large tiles, the rows above the boxes of the sample. None if
    they are few.
    """
    numbers = _sampled(tiles.count)
    cut = sample.elements.size < sum(
        tile.size for tile in islice(tiles, 0, numbers.stop, numbers.step)
    )
    found: list[NDArray[Any]] = []
    before = policy.whole_elements if tiles.two_values is not None else policy.sample_elements
    left = before
    for number, tile in enumerate(tiles):
        if left <= 0:
            break
        boxes: list[Box] = [(slice(None),) * tile.ndim]
        if number in numbers:
            most, above = policy.sample_elements // len(numbers), before // len(numbers)
            pairs = boxes_in(tile.dtype, tile.shape, most, above) if cut else []
            boxes = [rows for rows, _ in pairs]
        for box in boxes:
            found.append(np.ascontiguousarray(tile[box]))
            left -= found[-1].size
    enough = 2 * (before - left) >= sample.elements.size
    return Tiles.from_arrays((tile for tile in found if tile.size), tiles.dtype) if enough else None


def series_sample(tiles: Tiles, policy: Policy) -> Tiles:
    """The first tiles of a series, whose tiles follow one another in time."""
    (count, shape), *_ = tiles.shapes
    steps = min(count, policy.sample_elements // max(math.prod(shape), 1))
    elements = tiles.elements[: steps * math.prod(shape)]
    return Tiles(elements, ((steps, shape),))


def sample_boxes(dtype: np.dtype[Any], grid: Grid, policy: Policy) -> list[tuple[Box, Box]]:
    """The boxes of a picture, cut by this grid, that make a sample of its tiles, each after what is
    above it; see `boxes_in`.
    """
    regions = [grid.region(number) for number in _sampled(grid.tiles)]
    shapes = [tuple(part.stop - part.start for part in region) for region in regions]
    if sum(map(math.prod, shapes)) <= policy.whole_elements:
        return [((slice(0, 0),) * len(region), region) for region in regions]
    most = policy.sample_elements // len(shapes)
    return [
        (_within(region, rows), _within(region, box))
        for region, shape in zip(regions, shapes, strict=True)
        for rows, box in boxes_in(dtype, shape, most, most)
    ]


def _within(region: Box, box: Box) -> Box:
    """A box with coordinates in a region, in coordinates of the array that contains the region."""
    return tuple(
        slice(part.start + within.start, part.start + within.stop)
        for part, within in zip(region, box, strict=True)
    )


def boxes_in(
    dtype: np.dtype[Any], shape: Shape, most: int, above: int = 0
) -> list[tuple[Box, Box]]:
    """The boxes of a sample of `most` elements of a tile; see `boxes_at`."""
    return boxes_at(shape, _axis_of_rows(dtype, shape), most, above)


def boxes_at(shape: Shape, rows: int, most: int, above: int = 0) -> list[tuple[Box, Box]]:
    """The boxes of a sample of at most `most` elements of an array, in order.

    The array is cut into cells, up to three along its rows and columns. The middle of each cell is
    a box, since a picture may be empty in its own middle. Before each box comes the box above it
    in the cell. These have at most `above` elements together.

    rows: the axis of the rows; axes before it are slices, the axis after it is the columns.
    """
    counts = [1] * len(shape)
    each = min(math.isqrt(most) // _BOX_SIDE, _BOXES)
    for axis in (rows, rows + 1):
        counts[axis] = max(min(each, shape[axis] // _BOX_SIDE), 1)
    cells = math.prod(counts)
    found = []
    for at in np.ndindex(*counts):
        cell = tuple(
            slice(size * n // count, size * (n + 1) // count)
            for n, count, size in zip(at, counts, shape, strict=True)
        )
        sides = tuple(part.stop - part.start for part in cell)
        box = _within(cell, _middle_at(sides, rows, most // cells))
        row = math.prod(part.stop - part.start for part in (*box[:rows], *box[rows + 1 :]))
        top = max(box[rows].start - above // cells // row, cell[rows].start)
        found.append(((*box[:rows], slice(top, box[rows].start), *box[rows + 1 :]), box))
    return found


def _sampled(count: int) -> range:
    """The numbers of the sampled tiles, out of `count`."""
    step = max(count // SAMPLE_TILES, 1)
    return range(0, min(step * SAMPLE_TILES, count), step)


def middle(tile: NDArray[Any], most: int) -> NDArray[Any]:
    """The middle of a tile, about `most` elements or fewer.

    It has some slices of a stack, and some of their rows and columns.
    """
    return np.ascontiguousarray(tile[middle_box(tile.dtype, tile.shape, most)])


def middle_box(dtype: np.dtype[Any], shape: Shape, most: int) -> Box:
    """The box that `middle` takes from a tile of this dtype and shape."""
    return _middle_at(shape, _axis_of_rows(dtype, shape), most)


def _axis_of_rows(dtype: np.dtype[Any], shape: Shape) -> int:
    stack = layouts.STACKS in layouts.layouts_for(dtype, shape)
    return int(stack and not layouts.may_be_spectra(shape))


def _middle_at(shape: Shape, rows: int, most: int) -> Box:
    sides = [1] * (rows - 1)
    sides += [min(side, SAMPLE_SLICES) for side in shape[max(rows - 1, 0) : rows]]
    sides += shape[rows:]
    others = math.prod(sides[:rows]) * math.prod(sides[rows + 2 :])
    side = max(math.isqrt(most // others), 1)
    for axis in (rows, rows + 1):  # a short axis leaves its unused share to the other one
        sides[axis] = min(sides[axis], side)
        side = max(most // (others * sides[rows]), 1)
    starts = [(size - side) // 2 for size, side in zip(shape, sides, strict=True)]
    return tuple(slice(at, at + side) for at, side in zip(starts, sides, strict=True))
