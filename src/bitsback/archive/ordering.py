"""Which block each item of an archive is in, for who reads items in an order of his own."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.collection import ONE, Collection
from bitsback.archive.contents import Contents
from bitsback.archive.grid import Grid
from bitsback.archive.parts import NPZ, FileList

Numbers = NDArray[np.int64]


def block_numbers(archive: Contents, array: str | None = None) -> Numbers:
    """For each item of the array, or each file, the number of the block that it begins in.

    array: of an archive of an npz file, the name of the array whose items are meant.
    """
    collection = archive._collection
    if not isinstance(collection, FileList):
        pieces = np.concatenate(_of_parts(collection.starts, collection.parts))
    elif array is not None:
        number = archive._files.number(array)
        assert number is not None, "it was looked up"
        pieces = collection.starts[number] + _first_pieces(collection.parts[number])
    else:
        pieces = _of_files(archive, collection)
    firsts = np.array([block.first for block in archive._blocks], np.int64)
    return np.searchsorted(firsts, pieces, side="right") - 1


def _of_files(archive: Contents, collection: FileList) -> Numbers:
    starts = np.array(collection.starts[:-1], np.int64)
    if collection.kind == NPZ:
        return starts
    entries = _of_parts(collection.starts, collection.parts)
    parts = np.fromiter(archive._files.parts_in_order(), np.int64, len(archive))
    pieces = np.empty(len(archive), np.int64)
    for number, of_part in enumerate(entries):
        pieces[parts == number] = of_part
    return pieces


def _of_parts(starts: Sequence[int], parts: Sequence[Collection]) -> list[Numbers]:
    return [start + _first_pieces(part) for start, part in zip(starts, parts, strict=False)]


def _first_pieces(part: Collection) -> Numbers:
    """Of what lies along the first axis, one after the other, the numbers of the first pieces."""
    if part.axes == ONE:
        grid = part.grid(0)
        return np.arange(part.entries) // grid.extents[0] * grid.in_a_strip
    runs, first = [np.empty(0, np.int64)], 0
    for count, shape in part.runs:
        each = Grid(shape, part.cut).pieces
        runs.append(first + each * np.arange(count))
        first += each * count
    return np.concatenate(runs)
