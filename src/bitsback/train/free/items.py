"""Items of any shape and depth, as symbols, and parts of them to train on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.pieces import Pieces
from bitsback.archive.planes import STACKS, find_map, plane_shapes, to_planes
from bitsback.archive.runs import Run
from bitsback.models.planes import PlaneShape

MIRRORED = 0.3  # how often a part is turned round, along each axis


@dataclass(frozen=True, eq=False)
class Item:
    """symbols [slices, rows, columns, channels] of 0 ... levels - 1, uint8 or uint16."""

    symbols: NDArray[Any]
    levels: int

    @property
    def shape(self) -> PlaneShape:
        slices, rows, columns, channels = self.symbols.shape
        return PlaneShape(slices, rows, columns, channels, self.levels)


def as_item(values: NDArray[Any]) -> Item | None:
    """The symbols of [slices, rows, columns, channels]; None where there is but one value. See
    `as_items`.
    """
    items = as_items([values])
    return items[0] if items else None


def as_items(pieces: Sequence[NDArray[Any]]) -> list[Item]:
    """The symbols of pieces, each [slices, rows, columns, channels] of bool or integers of 8 or 16
    bits and all of one dtype, as those of one block of an archive; none where there is but one
    value.
    """
    block = Pieces.of(pieces, pieces[0].dtype)
    if (block.elements == block.elements[0]).all():
        return []
    values = find_map(block)
    runs = [Run(count, block.dtype, shape, values) for count, shape in block.shapes]
    symbols = to_planes(block, values)
    if symbols.dtype.kind == "b":
        symbols = symbols.view(np.uint8)
    found, at = [], 0
    for shape in plane_shapes(runs, STACKS):
        item = symbols[at : at + shape.elements].reshape(shape[:4])
        found.append(Item(item, shape.levels))
        at += shape.elements
    return found


@dataclass(frozen=True)
class Crop:
    """How large a part of an item may be: slices, and rows or columns."""

    slices: int
    side: int


def random_crop(
    values: NDArray[Any], crop: Crop, random: np.random.Generator, mirror: bool
) -> NDArray[Any]:
    """A part of [slices, rows, columns, channels] at a random place, sometimes turned round."""
    at = []
    for size, most in zip(values.shape, (crop.slices, crop.side, crop.side), strict=False):
        first = int(random.integers(0, max(size - most, 0) + 1))
        at.append(slice(first, first + most))
    part = values[tuple(at)]
    if mirror:
        for axis in (1, 2, 0):
            if random.random() < MIRRORED:
                part = np.flip(part, axis)
    return part


def together(items: list[Item], symbols: int) -> Iterator[list[Item]]:
    """Items in groups that have about so many symbols each, all of one dtype."""
    group: list[Item] = []
    size = 0
    for item in items:
        if group and (size + item.symbols.size > symbols or _dtype(group) != item.symbols.dtype):
            yield group
            group, size = [], 0
        group.append(item)
        size += item.symbols.size
    if group:
        yield group


def _dtype(group: list[Item]) -> np.dtype[Any]:
    dtype: np.dtype[Any] = group[0].symbols.dtype
    return dtype


def flat(group: list[Item]) -> NDArray[Any]:
    """Their symbols, one item after the other."""
    return np.concatenate([np.ascontiguousarray(item.symbols).reshape(-1) for item in group])
