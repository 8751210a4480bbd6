"""Items of any shape and depth, as symbols, and parts of them to train on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.models.planes import PlaneShape

# Of the values between the least and the greatest, how many may occur at most for ranks to pay.
SPARSE = {1: 0.5, 2: 0.7}  # by the size of an element
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
    bits, as an archive would make them of a block of these; none where there is but one value.

    That is ranks where few of the values between the least and the greatest occur, all values of
    uint8 otherwise, and of more bits the differences to the least.
    """
    low = min(int(piece.min()) for piece in pieces)
    high = max(int(piece.max()) for piece in pieces)
    dtype = pieces[0].dtype
    if low == high:
        return []
    occurs = np.zeros(high - low + 1, np.bool_)
    for piece in pieces:
        occurs[np.unique(piece).astype(np.int32) - low] = True
    count = int(np.count_nonzero(occurs))
    if count <= SPARSE[dtype.itemsize] * len(occurs):
        table, levels = np.cumsum(occurs) - 1, count
    elif dtype == np.uint8:
        return [Item(piece, 256) for piece in pieces]
    else:
        table, levels = np.arange(len(occurs)), len(occurs)
    table = table.astype(np.uint8 if levels <= 256 else np.uint16)
    return [Item(table[piece.astype(np.int32) - low], levels) for piece in pieces]


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


