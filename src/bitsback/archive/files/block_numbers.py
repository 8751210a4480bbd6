"""The block in which each item or file of an archive begins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.reader import ArchiveReader
from bitsback.format.array_part import BYTES, ONE, ArrayPart
from bitsback.format.grid import Grid
from bitsback.format.parts import ARRAYS, FileCollection


def block_numbers(archive: ArchiveReader, array: str | None = None) -> NDArray[np.int64]:
    """The number of the block in which each item of the array, or each file, begins.

    array: the name of the array in an archive of an npz file.
    """
    collection = archive.collection
    if collection.kind is None:
        tiles = np.concatenate(_of_parts(collection.starts, collection.parts))
    elif array is not None:
        number = archive.files.number(array)
        assert number is not None, "it was looked up"
        tiles = collection.starts[number] + _first_tiles(collection.parts[number])
    else:
        tiles = _of_files(archive, collection)
    firsts = np.array([block.first for block in archive.blocks], np.int64)
    return np.searchsorted(firsts, tiles, side="right") - 1


def _of_files(archive: ArchiveReader, collection: FileCollection) -> NDArray[np.int64]:
    starts = np.array(collection.starts[:-1], np.int64)
    if collection.kind == ARRAYS:
        return starts
    entries = _of_parts(collection.starts, collection.parts)
    tiles = [np.empty(0, np.int64)]
    for part, first, count in archive.files.placed:
        verbatim = collection.parts[part].axes == BYTES  # verbatim files are one item
        of_part = (
            np.full(count, entries[part][0]) if verbatim else entries[part][first : first + count]
        )
        tiles.append(of_part)
    return np.concatenate(tiles)


def _of_parts(starts: Sequence[int], parts: Sequence[ArrayPart]) -> list[NDArray[np.int64]]:
    return [start + _first_tiles(part) for start, part in zip(starts, parts, strict=False)]


def _first_tiles(part: ArrayPart) -> NDArray[np.int64]:
    """The numbers of the first tiles of the entries along the first axis."""
    if part.axes == ONE:
        grid = part.grid(0)
        return np.arange(part.entries) // grid.extents[0] * grid.in_a_strip
    runs, first = [np.empty(0, np.int64)], 0
    for count, shape in part.runs:
        each = Grid(shape, part.cut).tiles
        runs.append(first + each * np.arange(count))
        first += each * count
    return np.concatenate(runs)
