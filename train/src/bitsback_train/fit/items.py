"""Items of any shape and depth as symbols."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.coding.layouts import STACKS, find_map, shape_of_each, symbols_of
from bitsback.format.runs import Run
from bitsback.format.tiles import Tiles
from bitsback.models.item_shape import ItemShape


@dataclass(frozen=True, eq=False)
class Item:
    """An item: symbols [slices, rows, columns, channels] of 0 ... levels - 1, uint8 or uint16."""

    symbols: NDArray[Any]
    levels: int

    @property
    def shape(self) -> ItemShape:
        slices, rows, columns, channels = self.symbols.shape
        return ItemShape(slices, rows, columns, channels, self.levels)


def as_items(tiles: Sequence[NDArray[Any]]) -> list[Item]:
    """The symbols of tiles, as in one block of an archive; empty if there is only one value.

    tiles: [slices, rows, columns, channels] each, of bool or integers of 8 or 16 bits, all of one
    dtype.
    """
    block = Tiles.from_arrays(tiles, tiles[0].dtype)
    if (block.elements == block.elements[0]).all():
        return []
    values = find_map(block)
    runs = [Run(count, block.dtype, shape, values) for count, shape in block.shapes]
    symbols = symbols_of(block, values)
    if symbols.dtype.kind == "b":
        symbols = symbols.view(np.uint8)
    found, at = [], 0
    for shape in shape_of_each(runs, STACKS):
        item = symbols[at : at + shape.elements].reshape(shape[:4])
        found.append(Item(item, shape.levels))
        at += shape.elements
    return found


def together(items: list[Item], symbols: int) -> Iterator[list[Item]]:
    """Items in groups of one dtype with about `symbols` symbols each."""
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
