"""The container metadata of a TIFF file, and the file written again (docs/format.md, Container
metadata).
"""

from __future__ import annotations

import math
import zlib
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice, repeat
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError
from bitsback.files.deflated import NO_STREAMS, Deflated
from bitsback.files.drawing import Drawing, Seekable
from bitsback.files.sheet import SheetDrawing, sheet_of_pages, waiting_pixels
from bitsback.files.tiff.choices import CHOSEN, ChoiceReader
from bitsback.files.tiff.segments import (
    BIG,
    BY_ZLIB,
    COMPRESSIONS,
    NONE,
    OWN,
    TILED,
    Layout,
    Places,
    Span,
    compress,
    merged,
    most_bytes,
    pack_signed,
    unpack_signed,
)
from bitsback.format.grid import Shape
from bitsback.lazy import cached_property
from bitsback.wire import Cursor, varint

_SMALLEST_PAGES, _SMALLEST_FIELDS = 10, 4  # bytes in container metadata
_WIDTHS = (2, 4, 8)
_LEVEL = 9
"""The level of zlib for segments with other bytes, which should fit in their places."""
_MOST_SEGMENTS = 1 << 20
_WIDE, _MARGIN = 16, 1 << 24
"""The factor and the offset for the most pixels of tiles by those of their picture."""
MOST_WAITING = 1 << 28
"""The most bytes of the pages beside the first one of a row of pages on a sheet."""
_CHUNK = 1 << 20
_LEADERS = b"GDAL_STRUCTURAL_METADATA_SIZE="
"""The text after the header of a cloud-optimised GeoTIFF file. Each tile is between copies of its
length and of its last bytes. Source: GDAL, driver COG.
"""


@dataclass(frozen=True)
class Fields:
    """The places in a file of the offsets and the lengths of a page's segments."""

    offsets: int
    offset_bytes: int
    counts: int
    count_bytes: int

    def spans(self, segments: int) -> Iterator[Span]:
        yield self.offsets, self.offsets + segments * self.offset_bytes
        yield self.counts, self.counts + segments * self.count_bytes


@dataclass(frozen=True)
class Tiff:
    """The container metadata of a TIFF file."""

    pages: tuple[tuple[int, Layout], ...]
    """Runs of equal pages with pixels in the archive."""
    fields: tuple[Fields, ...]
    """The fields of each compressed page."""
    places: Places
    others: bytes
    """The bytes around segments and fields, in the order of the file."""
    padding: bytes = b""
    """The samples of tiles beyond the edges of pages, in the order of the segments; if empty, all
    are `blank`.
    """
    deflated: Deflated = NO_STREAMS
    """The streams of segments, if the file is restored byte for byte."""
    check: int | None = None
    """The CRC-32 of the segments, if the file is restored byte for byte; otherwise None."""
    choices: bytes = b""
    """Those of the encoders of segments of LZW and PackBits, coded."""

    @property
    def compressed(self) -> bool:
        return bool(self.fields)

    @property
    def kind(self) -> int:
        """Its number in an archive."""
        return 4

    @property
    def exact(self) -> bool:
        """Whether the file is restored byte for byte."""
        return not self.compressed or self.check is not None

    @property
    def certain(self) -> bool:
        """Whether a file can be made with any pixels that fit."""
        return not self.compressed and all(layout.bits not in (2, 4) for _, layout in self.pages)

    @property
    def has_leaders(self) -> bool:
        """Whether the bytes around compressed segments repeat their lengths.

        The file is then valid only with the original segments.
        """
        return self.compressed and any(self.others.startswith(_LEADERS, at) for at in (8, 16))

    def anew(self) -> Tiff:
        """The same without the promise of equal bytes, if a file with other segments is valid."""
        if self.has_leaders:
            return self
        return replace(self, check=None, deflated=NO_STREAMS)

    def layouts(self) -> Iterator[Layout]:
        """The layout of each page."""
        return chain.from_iterable(repeat(layout, count) for count, layout in self.pages)

    @property
    def frames(self) -> list[Shape]:
        """The rows and columns of each page."""
        return [page.shape[:2] for page in self.layouts()]

    def fits(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
        """Whether pixels of this dtype and shape can be those of the pages on a sheet."""
        places, size = sheet_of_pages(self.frames)
        item = dtype.itemsize * math.prod(shape[2:])
        return (
            all((page.dtype, page.shape[2:]) == (dtype, shape[2:]) for _, page in self.pages)
            and size == shape[:2]
            and waiting_pixels(places) * item <= MOST_WAITING
            and self.consistent
        )

    def drawing(self, file: Seekable, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Drawing:
        """The file, with pixels of this dtype and shape, which fit."""
        return SheetDrawing(TiffDrawing(self, file), sheet_of_pages(self.frames)[0])

    @cached_property
    def spans(self) -> list[Span]:
        """The spans of segments and fields, in the order of the file."""
        compressed = (page for page in self.layouts() if page.compression != NONE)
        of_fields = [
            span
            for fields, page in zip(self.fields, compressed, strict=True)
            for span in fields.spans(page.segments)
        ]
        gaps = len(self.others) + sum(end - start for start, end in of_fields)
        return merged(chain(self.places.spans(gaps), of_fields))

    @property
    def size(self) -> int:
        """The bytes of the original file."""
        return len(self.others) + sum(end - start for start, end in self.spans)

    def around(self) -> Iterator[tuple[int, bytes]]:
        """The other bytes, and their places."""
        at = taken = 0
        for start, end in [*self.spans, (self.size, self.size)]:
            if start > at:
                yield at, self.others[taken : taken + start - at]
                taken += start - at
            at = end

    def headers(self) -> list[tuple[int, bytes]]:
        """The bytes of the original file except its segments, and their places, in order.

        Raises OverflowError if the fields cannot have the places of the segments.
        """
        found, fields, places = list(self.around()), iter(self.fields), iter(self.places)
        for page in self.layouts():
            segments = [(at.start, at.end - at.start) for at in islice(places, page.segments)]
            if page.compression != NONE:
                found += _filled(page, next(fields), segments)
        return sorted(found)

    def pack(self) -> bytes:
        parts = [varint(len(self.pages))]
        parts += [varint(count) + layout.pack() for count, layout in self.pages]
        before = 0
        for one in self.fields:
            for at, width in ((one.offsets, one.offset_bytes), (one.counts, one.count_bytes)):
                parts.append(pack_signed(at - before) + varint(width))
                before = at
        parts.append(self.places.pack())
        promised = b"" if self.check is None else self.check.to_bytes(4, "little")
        parts += [bytes([self.check is not None]), promised, self.deflated.pack()]
        if any(page.compression in CHOSEN for _, page in self.pages):
            parts += [varint(len(self.choices)), self.choices]
        parts += [varint(len(self.padding)), self.padding, self.others]
        return b"".join(parts)

    @classmethod
    def unpack(cls, cursor: Cursor) -> Tiff:
        """Raises ArchiveError."""
        count = cursor.varint()
        if count * _SMALLEST_PAGES > len(cursor.data):
            raise ArchiveError("its container metadata is too short for its pages")
        pages = tuple((cursor.varint(), Layout.unpack(cursor)) for _ in range(count))
        compressed = sum(count for count, page in pages if page.compression != NONE)
        if compressed * _SMALLEST_FIELDS > len(cursor.data):
            raise ArchiveError("its container metadata is too short for its pages")
        fields, before = [], 0
        for _ in range(compressed):
            numbers: list[int] = []
            for _ in range(2):
                before += unpack_signed(cursor)
                numbers += [before, cursor.varint()]
            fields.append(Fields(*numbers))
        places = Places.unpack(cursor)
        promised = cursor.byte()
        check = int.from_bytes(cursor.take(4), "little") if promised else None
        deflated = Deflated.unpack(cursor)
        chosen = any(page.compression in CHOSEN for _, page in pages)
        choices = cursor.take(cursor.varint()) if chosen else b""
        padding = bytes(cursor.take(cursor.varint()))
        others = bytes(cursor.take(len(cursor.data) - cursor.at))
        tiff = cls(pages, tuple(fields), places, others, padding, deflated, check, choices)
        if promised > 1 or not tiff.sound:
            raise ArchiveError("its container metadata describes an impossible file")
        return tiff

    @property
    def sound(self) -> bool:
        """Whether such pages, such a number of segments, and such padding are possible."""
        pixels = sum(count * page.height * page.width for count, page in self.pages)
        area = sum(count * page.area for count, page in self.pages)
        segments = sum(count * page.segments for count, page in self.pages)
        return (
            bool(self.pages)
            and all(count > 0 for count, _ in self.pages)
            and all(page.compression in COMPRESSIONS for _, page in self.pages)
            and area <= _WIDE * pixels + _MARGIN
            and segments == self.places.count <= _MOST_SEGMENTS
            and all({one.offset_bytes, one.count_bytes} <= {*_WIDTHS} for one in self.fields)
            and all(min(one.offsets, one.counts) >= 0 for one in self.fields)
            and len(self.padding) in (0, self._padding_bytes)
            and bool(self.deflated.coded) == (self.check is not None and self._has_streams)
        )

    @cached_property
    def consistent(self) -> bool:
        """Whether segments have valid lengths and lie in the file; linear in their number. Raises
        ArchiveError for segments that overlap.
        """
        return self._lengths_fit() and all(end <= self.size for _, end in self.spans[-1:])

    @property
    def _has_streams(self) -> bool:
        return any(page.compression in BY_ZLIB for _, page in self.pages)

    @property
    def _padding_bytes(self) -> int:
        return sum(
            count * (page.area - page.height * page.width) * page.channels * page.planes
            * page.dtype.itemsize
            for count, page in self.pages
        )  # fmt: skip

    def _lengths_fit(self) -> bool:
        places = iter(self.places)
        for page in self.layouts():
            for band in range(page.down):
                raw = page.rows_stored(band) * page.row_bytes
                for _ in range(page.planes * page.across):
                    place = next(places)
                    length = place.end - place.start
                    if length != raw if page.compression == NONE else length > most_bytes(raw):
                        return False
        return True


def _filled(
    page: Layout, fields: Fields, segments: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, bytes]]:
    """The fields of a page, and their places. Raises OverflowError for numbers above their size.

    segments: the place and the length of each, in the order of drawing.
    """
    order: Literal["big", "little"] = "big" if page.flags & BIG else "little"
    # The file has its segments plane by plane; they are drawn band by band.
    ordered = [
        segments[(band * page.planes + plane) * page.across + column]
        for plane in range(page.planes)
        for band in range(page.down)
        for column in range(page.across)
    ]
    for which, at, width in (
        (0, fields.offsets, fields.offset_bytes),
        (1, fields.counts, fields.count_bytes),
    ):
        yield at, b"".join(one[which].to_bytes(width, order) for one in ordered)


class TiffDrawing:
    """A file whose segments are written as their rows arrive. Each segment keeps its place if it
    has its old length; a longer one that does not fit between its neighbours goes into other free
    space, or to the end.
    """

    def __init__(self, metadata: Tiff, file: Seekable) -> None:
        self._metadata, self._file = metadata, file
        self._places, self._fields = iter(metadata.places), iter(metadata.fields)
        self._layouts = metadata.layouts()
        self._streams = metadata.deflated.reader() if metadata.deflated.coded else None
        self._choices = ChoiceReader(metadata.choices)
        self._padded = 0
        """The bytes of padding used so far."""
        self.crc = 0
        """The CRC-32 of the segments."""
        self._at = self._space = 0
        """The place for the next segment, and the end of the space for it."""
        self._free: list[Span] = []
        """Free space in order: the number of bytes, and the place."""
        self._size = metadata.size
        for at, others in metadata.around():
            self._write(at, others)
        self._begin(next(self._layouts))

    def add(self, rows: NDArray[Any]) -> None:
        """Adds the next rows, of one page or of several. Raises ArchiveError if the file cannot
        have them, or if it would be too long for its tags.
        """
        while len(rows):
            wanted = self._page.rows_of(self._band) - self._count
            taken, rows = rows[:wanted], rows[wanted:]
            self._waiting.append(taken)
            self._count += len(taken)
            if len(taken) == wanted:
                self._end_band()

    def close(self) -> int:
        """The bytes of the file. Raises ArchiveError if they are not those that were promised."""
        if self._streams is not None:
            self._streams.end()
        self._choices.end()
        self._leave()
        for space, at in self._free:
            for first in range(0, space, _CHUNK):
                self._write(at + first, bytes(min(space - first, _CHUNK)))
        if self._metadata.check not in (None, self.crc):
            advice = "; its pixels and all else of it can: 'decompress --files pixels'"
            raise ArchiveError(
                "its very bytes cannot be made again by the Pillow of this computer"
                + advice * (not self._metadata.has_leaders)
            )
        return self._size

    def _begin(self, page: Layout) -> None:
        self._page, self._band, self._count = page, 0, 0
        self._waiting: list[NDArray[Any]] = []
        self._written: list[tuple[int, int]] = []  # places and lengths of the page's segments

    def _end_band(self) -> None:
        page, waiting = self._page, self._waiting
        rows = waiting[0] if len(waiting) == 1 else np.concatenate(waiting)
        rows = rows.reshape(len(rows), page.width, -1)
        for plane in range(page.planes):
            colours = slice(None) if page.planes == 1 else slice(plane, plane + 1)
            for column in range(page.across):
                left = column * page.columns
                self._put(rows[:, left : left + page.columns, colours])
        self._waiting, self._count, self._band = [], 0, self._band + 1
        if self._band == page.down:
            if page.compression != NONE:
                self._write_fields()
            following = next(self._layouts, None)
            if following is not None:
                self._begin(following)

    def _put(self, samples: NDArray[Any]) -> None:
        """The next segment."""
        page, place = self._page, next(self._places)
        if page.flags & TILED:
            samples = self._in_a_tile(samples)
        size = place.end - place.start
        deflate = partial(self._deflate, size)
        data = compress(page, page.raw(samples), len(samples), size, deflate, self._choices)
        self.crc = zlib.crc32(data, self.crc)
        if self._metadata.check is not None and page.compression in OWN and len(data) != size:
            raise ArchiveError("its container metadata is that of other pixels")
        if page.compression == NONE:
            self._write(place.start, data)
            return
        if place.first:
            self._leave()
            self._at, self._space = place.start, place.space
        at = self._place_for(len(data))
        self._write(at, data)
        self._written.append((at, len(data)))

    def _deflate(self, size: int, raw: bytes) -> bytes:
        """size: bytes of the stream in the original file."""
        if self._streams is None:
            return zlib.compress(raw, _LEVEL)
        return self._streams.stream(raw, size)

    def _place_for(self, length: int) -> int:
        """The place for a compressed segment of `length` bytes."""
        if self._at + length <= self._space:
            self._at += length
            return self._at - length
        which = bisect_left(self._free, (length, 0))
        if which < len(self._free):
            space, at = self._free.pop(which)
            if space > length:
                insort(self._free, (space - length, at + length))
            return at
        at = self._size + self._size % 2
        self._write(self._size, bytes(at - self._size))
        self._size = at + length
        return at

    def _leave(self) -> None:
        """Adds the rest of the space to the free space."""
        if self._at < self._space:
            insort(self._free, (self._space - self._at, self._at))

    def _in_a_tile(self, samples: NDArray[Any]) -> NDArray[Any]:
        page = self._page
        tile = np.full((page.rows, page.columns, samples.shape[2]), page.blank, page.dtype)
        if self._metadata.padding:
            for part in beyond(tile, samples.shape):
                end = self._padded + part.nbytes
                data = np.frombuffer(self._metadata.padding[self._padded : end], page.dtype)
                part[...] = data.reshape(part.shape)
                self._padded = end
        tile[: samples.shape[0], : samples.shape[1]] = samples
        return tile

    def _write_fields(self) -> None:
        """Writes the places and lengths of the page's segments."""
        try:
            for at, data in _filled(self._page, next(self._fields), self._written):
                self._write(at, data)
        except OverflowError:
            raise ArchiveError(
                "it would be longer than its tags can tell, such as the 4 GiB of a TIFF file"
            ) from None

    def _write(self, at: int, data: bytes) -> None:
        if data:
            self._file.seek(at)
            self._file.write(data)


def beyond(tile: NDArray[Any], shape: tuple[int, ...]) -> list[NDArray[Any]]:
    """The samples of a tile beside and below those that a page of this shape has."""
    return [tile[: shape[0], shape[1] :], tile[shape[0] :]]
