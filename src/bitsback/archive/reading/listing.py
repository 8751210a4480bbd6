"""List the entries of an archive without decoding it."""

from __future__ import annotations

import io
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bitsback.archive.reading.directory import HEADER_SPACE
from bitsback.archive.reading.reader import ArchiveReader
from bitsback.archive.reading.stacked import series_in
from bitsback.coding.block import STREAMS
from bitsback.errors import ArchiveError
from bitsback.files import formats
from bitsback.files.drawing import UNKNOWN_ENCODER
from bitsback.files.picture_files import refusal
from bitsback.format.array_part import BYTES, ONE, ArrayPart
from bitsback.format.grid import Shape
from bitsback.format.modes import mode_of
from bitsback.format.parts import ARRAYS, PAGES, FileCollection

_MOST_READ = 1 << 26
"""The limit of the bytes of verbatim files to read for the reasons."""


@dataclass(frozen=True)
class Entry:
    """An entry of a listing.

    It is a named picture or array, consecutive items or pages of one size, a link, or an empty
    folder.
    """

    name: str
    """The name, or the numbers of items, as `3` or `0:60`."""
    shape: Shape
    """The shape of all items together."""
    dtype: str
    mode: str | None
    """Pillow's mode of a picture."""
    bytes: int
    """The bytes of the original file of a folder, or of the elements of other content."""
    stored_bytes: int
    """Its share of the bytes of blocks, by elements, including blocks with its metadata."""
    held: bool = False
    """Whether it is a verbatim file, whose elements are its bytes."""
    axes: tuple[str, ...] = ()
    """The names of the axes of a file with frames or pages; empty if it was not read."""
    series: str = ""
    """Its place in a series, as `3 of 60 in scan/IM*`."""
    jpeg: bool = False
    """Whether its JPEG streams are coded."""
    reason: str = ""
    """The reason for storing it verbatim, as far as its header shows that."""
    modality: str = ""
    """The modality of a DICOM file."""
    target: str | None = None
    """The target of a link."""

    @property
    def is_folder(self) -> bool:
        """Whether it is an empty folder."""
        return self.name.endswith("/")


def entries(archive: ArchiveReader, facts: bool = False) -> Iterator[Entry]:
    """The entries in the order of the archive.

    facts: also read the headers of blocks, and decode the headers of files with frames. Raises
    ArchiveError if the names are damaged.
    """
    collection = archive.collection
    shares = _Shares(archive, _jpeg_tiles(archive) if facts else [])
    if collection.kind is None:
        count = 1 if collection.picture else len(archive)
        name = "0" if collection.picture or not collection.shape else f"0:{count}"
        yield shares.entry(name, 0, collection.dtype, 0, collection.tiles, collection.shape)
        return
    if collection.kind == ARRAYS:
        for number, (name, part) in enumerate(zip(archive.names, collection.parts, strict=True)):
            yield shares.entry(name, number, part.dtype, 0, part.tiles, part.shape)
        return
    if collection.kind == PAGES:
        yield from _pages(archive, collection, shares)
        return
    places, left = _places(archive) if facts else {}, _MOST_READ
    for number, name in enumerate(archive.names):
        at, item = archive.files.place(number)
        part = collection.parts[at]
        if part.axes == BYTES:
            _, start, stop = archive.files.span(number)
            entry = shares.held(name, at, part, start, stop)
            if facts and not entry.jpeg and stop - start <= left:
                left -= stop - start
                entry = replace(entry, reason=_reason(archive, at, start, stop))
            yield entry
            continue
        shape = part.item_shape[1:] if part.axes == ONE else part.shape_of(item)
        entry = shares.pictures(name, at, part, range(item, item + 1), shape)
        entry = replace(
            entry,
            bytes=archive.files.original_bytes(number) or entry.bytes,
            stored_bytes=entry.stored_bytes + shares.metadata(*archive.files.span(number)),
        )
        if facts:
            entry = replace(_with_facts(archive, number, entry), series=places.get(number, ""))
        yield entry
    for link in archive.files.links:
        yield Entry(link.name, (), "", None, 0, 0, target=link.target)
    for folder in archive.files.empty_folders:
        yield Entry(folder, (), "", None, 0, 0)


def _places(archive: ArchiveReader) -> dict[int, str]:
    """The place of each file of a series, in words."""
    return {
        number: f"{place} of {len(numbers)} in {name}"
        for name, numbers in series_in(archive).items()
        for place, number in enumerate(numbers, 1)
    }


def _jpeg_tiles(archive: ArchiveReader) -> list[int]:
    """The tiles of files whose JPEG streams are coded, sorted."""
    collection = archive.collection
    blocks = [block for block in archive.blocks if collection.part_of(block.first)[1].axes == BYTES]
    archive.file.expect(blocks, HEADER_SPACE)
    found: list[int] = []
    for block in blocks:
        with suppress(ArchiveError):  # `verify` reports it
            if archive.blocks.header(block).method.number == STREAMS:
                found += range(block.first, block.first + block.items)
    return found


def _with_facts(archive: ArchiveReader, number: int, entry: Entry) -> Entry:
    """The entry with the axes of the frames of a file, and the modality of a DICOM file."""
    try:
        array = archive.file_array(number)
    except ArchiveError:
        return entry
    modality = array.attrs.get("modality", "")
    return replace(entry, shape=array.shape, axes=array.dims, modality=modality)


def _reason(archive: ArchiveReader, part: int, start: int, stop: int) -> str:
    """The reason why a file is not coded; empty if its header does not show it."""
    try:
        begin = archive.part_bytes(part, start, min(start + formats.START, stop))
        if formats.picture_format(begin) in (None, formats.JPEG):
            return ""
        reason = refusal(io.BytesIO(archive.part_bytes(part, start, stop)))
    except ArchiveError:
        return ""
    return "" if reason.startswith(UNKNOWN_ENCODER) else reason


def _pages(archive: ArchiveReader, collection: FileCollection, shares: _Shares) -> Iterator[Entry]:
    """The entries of pages. Consecutive pages of one size in a part are one entry.

    A small archive may declare millions of pages.
    """
    sizes = [
        iter([(part.entries, part.shape[1:])]) if part.axes == ONE else part.runs
        for part in collection.parts
    ]
    left: list[tuple[int, Shape]] = [(0, ())] * len(sizes)
    done = [0] * len(sizes)
    number = 0
    for at, count in archive.files.runs:
        part = collection.parts[at]
        while count:
            if not left[at][0]:
                left[at] = next(sizes[at])
            alike = min(left[at][0], count)
            size = left[at][1]
            first, end = done[at], done[at] + alike
            name = f"{number}:{number + alike}" if alike > 1 else f"{number}"
            shape = (alike, *size) if alike > 1 else size
            yield shares.pictures(name, at, part, range(first, end), shape)
            left[at], done[at] = (left[at][0] - alike, size), end
            number, count = number + alike, count - alike


class _Shares:
    """Computes the shares of entries in the bytes of blocks."""

    def __init__(self, archive: ArchiveReader, jpeg: list[int]) -> None:
        """jpeg: the tiles of files whose JPEG streams are coded, sorted."""
        self._collection, self._jpeg = archive.collection, jpeg
        self._blocks = list(archive.blocks)
        self._firsts = [block.first for block in self._blocks]
        self._sizes = [0]
        for block in self._blocks:
            self._sizes.append(self._sizes[-1] + block.size)

    def entry(
        self,
        name: str,
        at: int,
        dtype: np.dtype[Any],
        first: int,
        end: int,
        shape: Shape,
    ) -> Entry:
        """The entry of some tiles. at: the number of their part. first, end: the tiles there."""
        starts = self._collection.starts
        stored = self._before(starts[at] + end) - self._before(starts[at] + first)
        size = math.prod(shape) * dtype.itemsize
        return Entry(name, shape, dtype.str, None, size, stored)

    def pictures(self, name: str, at: int, part: ArrayPart, entries: range, shape: Shape) -> Entry:
        """The entry of pictures, which are these entries of a part."""
        before, end = (self._before_entry(at, part, n) for n in (entries.start, entries.stop))
        mode = mode_of(part.dtype, part.entry_shape)
        size = math.prod(shape) * part.dtype.itemsize
        return Entry(name, shape, part.dtype.str, mode, size, end - before)

    def held(self, name: str, at: int, part: ArrayPart, start: int, stop: int) -> Entry:
        """The entry of a verbatim file, which has these bytes of a part."""
        stored = self._bytes(at, start, stop)
        size, shape = stop - start, (stop - start,)
        first, last = (self._tile_of(at, part, byte) for byte in (start, max(stop - 1, start)))
        jpeg = size > 0 and bisect_left(self._jpeg, first) < bisect_right(self._jpeg, last)
        return Entry(name, shape, part.dtype.str, None, size, stored, held=True, jpeg=jpeg)

    def metadata(self, at: int, start: int, stop: int) -> int:
        """The share of container metadata, which has these bytes of a part; 0 if it is empty."""
        return self._bytes(at, start, stop) if stop > start else 0

    def _bytes(self, at: int, start: int, stop: int) -> int:
        part = self._collection.parts[at]
        return self._before_byte(at, part, stop) - self._before_byte(at, part, start)

    def _before_entry(self, at: int, part: ArrayPart, entry: int) -> int:
        """The bytes of blocks for the earlier entries of a part.

        The slices of a stack's tile have equal shares in it.
        """
        start = self._collection.starts[at]
        if part.axes != ONE:
            return self._before(start + part.first_tile(entry))
        grid = part.grid(0)
        strip, within = divmod(entry, grid.extents[0])
        low, high = (self._before(start + n * grid.in_a_strip) for n in (strip, strip + 1))
        slices = min(grid.extents[0], part.entries - strip * grid.extents[0])
        return low + (high - low) * within // slices if within else low

    def _before_byte(self, at: int, part: ArrayPart, byte: int) -> int:
        """The bytes of blocks for the earlier bytes of a part."""
        first = self._tile_of(at, part, byte)
        tile = first - self._collection.starts[at]
        low, high = part.elements_before(tile), part.elements_before(tile + 1)
        before, end = self._before(first), self._before(first + 1)
        return before + (end - before) * (byte - low) // max(high - low, 1)

    def _tile_of(self, at: int, part: ArrayPart, byte: int) -> int:
        """The number of the tile that has a byte of a part."""
        tiles = range(part.tiles)
        tile = max(bisect_right(tiles, byte, key=part.elements_before) - 1, 0)
        return self._collection.starts[at] + tile

    def _before(self, tile: int) -> int:
        """The bytes of blocks for the tiles before this one."""
        number = bisect_right(self._firsts, tile) - 1
        if number < 0:
            return 0
        block = self._blocks[number]
        if tile >= block.first + block.items:
            return self._sizes[number + 1]
        start, part = self._collection.part_of(block.first)
        low, here, high = (
            part.elements_before(min(place - start, part.tiles))
            for place in (block.first, tile, block.first + block.items)
        )
        return self._sizes[number] + block.size * (here - low) // max(high - low, 1)
