"""What is in an archive, one entry after the other, without decoding any of it."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from bitsback.archive.collection import ONE, Collection
from bitsback.archive.layout import Shape
from bitsback.archive.parts import NPZ, TIFF, FileList
from bitsback.images.modes import mode_of

if TYPE_CHECKING:
    from bitsback.archive.reader import Archive


@dataclass(frozen=True)
class Entry:
    """A picture or an array with a name; or items, or pages, that are alike, in a row."""

    name: str
    """Or numbers, as `3` or `0:60`."""
    shape: Shape
    """Of all of them."""
    dtype: str
    mode: str | None
    """Of a picture, as Pillow has it."""
    bytes: int
    """Of its elements."""
    stored_bytes: int
    """Of the blocks that it is in, its share by elements."""


def entries(archive: Archive) -> Iterator[Entry]:
    """In the order of the archive. Raises ArchiveError if the names are damaged."""
    collection = archive.collection
    shares = _Shares(archive)
    if not isinstance(collection, FileList):
        count = 1 if collection.picture else len(archive)
        name = "0" if collection.picture or not collection.shape else f"0:{count}"
        yield shares.entry(name, 0, collection, 0, collection.pieces, collection.shape, None)
        return
    if collection.kind == NPZ:
        for number, (name, part) in enumerate(zip(archive.names, collection.parts, strict=True)):
            yield shares.entry(name, number, part, 0, part.pieces, part.shape, None)
        return
    if collection.kind == TIFF:
        yield from _pages(archive, collection, shares)
        return
    for number, name in enumerate(archive.names):
        at, item = archive.files.place(number)
        part = collection.parts[at]
        first, end = part.first_piece(item), part.first_piece(item + 1)
        mode = mode_of(part.dtype, part.entry_shape)
        yield shares.entry(name, at, part, first, end, part.shape_of(item), mode)


def _pages(archive: Archive, collection: FileList, shares: _Shares) -> Iterator[Entry]:
    """Pages may be claimed by the million, so those of a part that follow each other, and are of
    one size, are one entry.
    """
    number = 0
    for at, run in groupby(archive.files.parts_in_order()):
        part = collection.parts[at]
        count = sum(1 for _ in run)
        mode = mode_of(part.dtype, part.entry_shape)
        place = archive.files.place(number)[1]
        end = place + count
        while place < end:
            alike = min(_alike(part, place), end - place)
            if part.axes == ONE:
                shape, pieces = (alike, *part.shape[1:]), (0, part.pieces)
            else:
                shape = (alike, *part.shape_of(place))
                pieces = part.first_piece(place), part.first_piece(place + alike)
            name = f"{number}:{number + alike}" if alike > 1 else f"{number}"
            yield shares.entry(name, at, part, *pieces, shape if alike > 1 else shape[1:], mode)
            number, place = number + alike, place + alike


def _alike(part: Collection, place: int) -> int:
    """How many pages of a part, from this one on, are of one size."""
    end = 0
    for count, _ in part.runs if part.axes != ONE else ((part.entries, part.shape),):
        end += count
        if place < end:
            return end - place
    return 1


class _Shares:
    """Whose the bytes of blocks are."""

    def __init__(self, archive: Archive) -> None:
        self._collection = archive.collection
        self._blocks = archive.blocks
        self._firsts = [block.first for block in self._blocks]
        self._sizes = [0]
        for block in self._blocks:
            self._sizes.append(self._sizes[-1] + block.size)

    def entry(
        self,
        name: str,
        at: int,
        part: Collection,
        first: int,
        end: int,
        shape: Shape,
        mode: str | None,
    ) -> Entry:
        """at: the number of its part. first, end: its pieces there."""
        starts = self._collection.starts if isinstance(self._collection, FileList) else [0]
        stored = self._before(starts[at] + end) - self._before(starts[at] + first)
        size = math.prod(shape) * part.dtype.itemsize
        return Entry(name, shape, part.dtype.str, mode, size, stored)

    def _before(self, piece: int) -> int:
        """Bytes of blocks for the pieces before this one."""
        number = bisect_right(self._firsts, piece) - 1
        if number < 0:
            return 0
        block = self._blocks[number]
        if piece >= block.first + block.items:
            return self._sizes[number + 1]
        start, part = self._collection.part_of(block.first)
        low, here, high = (
            part.elements_before(min(place - start, part.pieces))
            for place in (block.first, piece, block.first + block.items)
        )
        return self._sizes[number] + block.size * (here - low) // max(high - low, 1)
