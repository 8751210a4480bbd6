"""List the entries of an archive without decoding pictures and verbatim files."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np

from bitsback.archive.container.directory import HEADER_SPACE
from bitsback.archive.files.stacked import series_in
from bitsback.archive.reader import ArchiveReader
from bitsback.coding.block import STREAMS
from bitsback.errors import ArchiveError
from bitsback.format.array_part import BYTES, ONE, ArrayPart
from bitsback.format.grid import Grid, Shape
from bitsback.format.modes import mode_of
from bitsback.format.parts import ARRAYS


@dataclass(frozen=True)
class Entry:
    """An entry of a listing.

    It is a named picture or array, consecutive items, a link, or an empty folder.
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
    """Its share of the bytes of blocks, including blocks with its metadata.

    A block is shared by the bytes of the files in it, or by elements if there are no files.
    """
    verbatim: bool = False
    """Whether it is a verbatim file, whose elements are its bytes."""
    axes: tuple[str, ...] = ()
    """The names of the axes of a file with frames or pages; empty if it was not read."""
    series: str = ""
    """Its place in a series, as `3 of 60 in scan/IM*`."""
    jpeg: bool = False
    """Whether its JPEG streams are coded."""
    modality: str = ""
    """The modality of a DICOM file."""
    target: str | None = None
    """The target of a link."""
    original: str = ""
    """The name of an earlier file with the same content, which is stored once."""

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
    places = _places(archive) if facts else {}
    for number, name in enumerate(archive.names):
        at, item = archive.files.place(number)
        part = collection.parts[at]
        original = archive.files.originals.get(number)
        if part.axes == BYTES:
            _, start, stop = archive.files.span(number)
            entry = shares.verbatim(name, at, part, start, stop)
            yield entry if original is None else _copy(entry, archive.names[original])
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
        yield entry if original is None else _copy(entry, archive.names[original])
    for link in archive.files.links:
        yield Entry(link.name, (), "", None, 0, 0, target=link.target)
    for folder in archive.files.empty_folders:
        yield Entry(folder, (), "", None, 0, 0)


def _copy(entry: Entry, original: str) -> Entry:
    """The entry of a copy, which has no share in blocks."""
    return replace(entry, stored_bytes=0, original=original)


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


class _Shares:
    """Computes the shares of entries in the bytes of blocks."""

    def __init__(self, archive: ArchiveReader, jpeg: list[int]) -> None:
        """jpeg: the tiles of files whose JPEG streams are coded, sorted."""
        self._collection, self._jpeg = archive.collection, jpeg
        self._blocks = list(archive.blocks)
        self._firsts = [block.first for block in self._blocks]
        self._sizes = list(accumulate((block.size for block in self._blocks), initial=0))
        self._weights = _weights(archive)
        self._grids: dict[int, Grid] = {}
        """The grids of the parts that are one item."""

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
        stored = self._before(at, end) - self._before(at, first)
        size = math.prod(shape) * dtype.itemsize
        return Entry(name, shape, dtype.str, None, size, stored)

    def pictures(self, name: str, at: int, part: ArrayPart, entries: range, shape: Shape) -> Entry:
        """The entry of pictures, which are these entries of a part."""
        before, end = (self._before_entry(at, part, n) for n in (entries.start, entries.stop))
        mode = mode_of(part.dtype, part.entry_shape)
        size = math.prod(shape) * part.dtype.itemsize
        return Entry(name, shape, part.dtype.str, mode, size, end - before)

    def verbatim(self, name: str, at: int, part: ArrayPart, start: int, stop: int) -> Entry:
        """The entry of a verbatim file, which has these bytes of a part."""
        stored = self._bytes(at, start, stop)
        size, shape = stop - start, (stop - start,)
        tiles, before = self._grid(at), self._collection.starts[at]
        first, last = (before + _tile_of(tiles, byte) for byte in (start, max(stop - 1, start)))
        jpeg = size > 0 and bisect_left(self._jpeg, first) < bisect_right(self._jpeg, last)
        return Entry(name, shape, part.dtype.str, None, size, stored, verbatim=True, jpeg=jpeg)

    def metadata(self, at: int, start: int, stop: int) -> int:
        """The share of container metadata, which has these bytes of a part; 0 if it is empty."""
        return self._bytes(at, start, stop) if stop > start else 0

    def _bytes(self, at: int, start: int, stop: int) -> int:
        return self._before_byte(at, stop) - self._before_byte(at, start)

    def _before_entry(self, at: int, part: ArrayPart, entry: int) -> int:
        """The bytes of blocks for the earlier entries of a part."""
        if part.axes != ONE:
            return self._before(at, part.first_tile(entry))
        grid = self._grid(at)
        strip = entry // grid.extents[0]
        first, end = strip * grid.extents[0], min((strip + 1) * grid.extents[0], part.entries)
        low = self._before(at, strip * grid.in_a_strip)
        if entry == first:
            return low
        high = self._before(at, (strip + 1) * grid.in_a_strip)
        weights = self._weights.get(at, range(part.entries + 1))
        here = weights[entry] - weights[first]
        return low + (high - low) * here // max(weights[end] - weights[first], 1)

    def _before_byte(self, at: int, byte: int) -> int:
        """The bytes of blocks for the earlier bytes of a part."""
        grid = self._grid(at)
        tile = _tile_of(grid, byte)
        low, high = (min(n * grid.extents[0], grid.shape[0]) for n in (tile, tile + 1))
        before, end = self._before(at, tile), self._before(at, tile + 1)
        return before + (end - before) * (byte - low) // max(high - low, 1)

    def _before(self, at: int, tile: int) -> int:
        """The bytes of blocks for the tiles before this one of a part."""
        start = self._collection.starts[at]
        number = bisect_right(self._firsts, start + tile) - 1
        if number < 0:
            return 0
        block = self._blocks[number]
        first, end = block.first - start, block.first + block.items - start
        if tile >= end:
            return self._sizes[number + 1]
        if tile == first:
            return self._sizes[number]
        low, here, high = (self._weight(at, n) for n in (first, tile, end))
        return self._sizes[number] + block.size * (here - low) // max(high - low, 1)

    def _weight(self, at: int, tile: int) -> int:
        """The bytes of the files in the tiles before this one of a part, or else the elements."""
        part, weights = self._collection.parts[at], self._weights.get(at)
        tile = min(max(tile, 0), part.tiles)
        if weights is None:
            return part.elements_before(tile)
        if part.axes == ONE:
            grid = self._grid(at)
            strip, within = divmod(tile, grid.in_a_strip)
            first, count = strip * grid.extents[0], grid.in_a_strip
            end = first + grid.extents[0]
        else:
            if tile == part.tiles:
                return weights[-1]
            first, within = part.item_of(tile)
            end, count = first + 1, part.grid(first).tiles
        low, high = (weights[min(n, part.entries)] for n in (first, end))
        return low + (high - low) * within // count

    def _grid(self, at: int) -> Grid:
        if at not in self._grids:
            self._grids[at] = self._collection.parts[at].grid(0)
        return self._grids[at]


def _tile_of(grid: Grid, byte: int) -> int:
    """The tile that has a byte of a part of bytes."""
    return min(byte // grid.extents[0], grid.tiles - 1)


def _weights(archive: ArchiveReader) -> dict[int, Sequence[int]]:
    """For each part of pictures in a folder, the bytes of the files before each of its entries."""
    if archive.collection.kind is None:
        return {}
    listed = archive.files.listed  # removed files too, which have a share
    if listed.stats is None:
        return {}
    sizes: dict[int, list[int]] = {}
    number = 0
    for part, count in listed.runs:
        if archive.collection.parts[part].axes != BYTES:
            originals = listed.stats.originals[number : number + count]
            sizes.setdefault(part, []).extend(max(n >> 1, 1) for n in originals)
        number += count
    return {part: list(accumulate(each, initial=0)) for part, each in sizes.items()}
