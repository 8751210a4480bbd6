"""Choose the sizes of tiles and blocks: the defaults, and the limits of requested ones."""

import math
from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from bitsback.coding import layouts
from bitsback.errors import InputError
from bitsback.format.array_part import MOST_COLOUR_CHANNELS, ArrayPart
from bitsback.format.grid import Shape
from bitsback.format.layout import MAX_BLOCK_BYTES
from bitsback.planner.policy import Policy

_BILEVEL = 4  # the sides of tiles of bool for those of others, so that a page is one tile
# Limits of memory. They bound what a policy may choose.
_STACK = 1 << 21  # elements of a tile of a stack
_STRIP = 1 << 25  # elements of all pictures that one tile of a stack has slices of
_SET_ELEMENTS, _SET_ITEMS = 1 << 28, 1 << 20  # of a block of unordered items, which is in memory


def cut_for(
    part: ArrayPart, tile: int | None, policy: Policy, slices: int = layouts.MOST_SLICES
) -> Shape | None:
    """The greatest extents of a tile; None if items are not cut.

    tile: the requested number of rows and columns at most. slices: slices of a stack at most.
    """
    if not part.elements:
        return None
    shapes = [shape for _, shape in part.runs]
    side = policy.tile_side
    most = MOST_COLOUR_CHANNELS * side**2
    if part.dtype == np.bool_:
        side, most = _BILEVEL * side, (_BILEVEL * side) ** 2
    cut = _cut_of(shapes[0], side if tile is None else tile, most, slices)
    if all(most >= size for shape in shapes for most, size in zip(cut, shape, strict=True)):
        return None
    return cut


def slices_in_memory(part: ArrayPart, policy: Policy) -> int:
    """The slices of a tile of a stack of pictures at most.

    So many pictures have to fit into memory. Fewer make reading one faster and limit the damage of
    a lost block.
    """
    size = math.prod(part.entry_shape)
    few = max(policy.folder_elements // size, policy.stack_slices)
    return min(layouts.MOST_SLICES, few, _STRIP // size)


def cut_bytes(part: ArrayPart, policy: Policy) -> Shape | None:
    """The greatest extent of a tile of verbatim files; None if they are not cut."""
    # The headers of a series repeat, so they are kept close.
    most = policy.folder_bytes if part.entries else MOST_COLOUR_CHANNELS * policy.tile_side**2
    return (most,) if part.elements > most else None


def _cut_of(shape: Shape, side: int, most: int, slices: int) -> Shape:
    dimensions = len(shape)
    if dimensions == 2 or (dimensions == 3 and shape[2] <= MOST_COLOUR_CHANNELS):
        channels = math.prod(shape[2:])
        side = min(side, math.isqrt(most // channels))
        return (side, side, *shape[2:])
    if dimensions == 3 and layouts.may_be_spectra(shape) and 2 * shape[2] <= min(shape[:2]):
        side = min(side, math.isqrt(most // shape[2]))
        return (side, side, shape[2])
    if dimensions == 3 or (dimensions == 4 and shape[3] <= layouts.MOST_CHANNELS):
        slices = min(shape[0], slices)
        side = min(side, math.isqrt(_STACK // (slices * math.prod(shape[3:]))))
        return (slices, side, side, *shape[3:])
    return _leading(shape)


def _leading(shape: Shape) -> Shape:
    """The extents of a tile of consecutive elements in C order."""
    cut, left = [], _STACK
    for size in reversed(shape):
        cut.append(min(max(left, 1), max(size, 1)))
        left //= max(size, 1)
    return tuple(reversed(cut))


def blocks_of(
    part: ArrayPart,
    block: int | None,
    name: str,
    elements: int,
    unordered: bool = False,
) -> Iterator[tuple[int, int]]:
    """Pairs (first tile, number of tiles): the blocks of a part, split evenly.

    block: the requested number of tiles at most. By default a block has about `elements` elements,
    or as many as it can hold if the part is `unordered`. name: the name of the input, for messages.
    Raises InputError if a tile is larger than a block can be.
    """
    size = part.dtype.itemsize
    largest = max(math.prod(_largest(shape, part.cut)) * size for _, shape in part.runs)
    if largest > MAX_BLOCK_BYTES:
        raise InputError(
            f"{name}: one item, of {part.dtype}, has {largest} bytes, more than the"
            f" {MAX_BLOCK_BYTES} of the largest block; reshape the array, so that it has more and"
            " smaller items"
        )
    if unordered:
        fitting = max(_SET_ELEMENTS // max(largest // size, 1), 1)
        block = min(_SET_ITEMS if block is None else block, _SET_ITEMS, fitting)
    if not part.elements:
        starts = sorted({0, part.tiles})
    elif block is None:
        count = max(-(-part.elements // elements), 1)
        starts = sorted({_tile_at(part, n * part.elements // count) for n in range(count + 1)})
    else:
        block = min(block, max(MAX_BLOCK_BYTES // largest, 1))
        count = -(-part.tiles // block)
        starts = [n * part.tiles // count for n in range(count + 1)]
    return ((start, end - start) for start, end in pairwise(starts))


def _largest(shape: Shape, cut: Shape | None) -> Shape:
    return shape if cut is None else tuple(map(min, shape, cut))


def _tile_at(part: ArrayPart, elements: int) -> int:
    """The number of the first tile with at least `elements` elements before it."""
    return bisect_left(range(part.tiles + 1), elements, key=part.elements_before)
