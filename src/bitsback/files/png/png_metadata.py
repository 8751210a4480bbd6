"""The container metadata of PNG files (docs/format.md, Container metadata).

It has the chunks around the pixels. If the file is restored byte for byte, it also has the tokens
of the compressed pixels.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError
from bitsback.files.bands import Bands
from bitsback.files.deflated import Deflated
from bitsback.files.drawing import Drawing, Seekable
from bitsback.files.png.png_parts import (
    AROUND,
    Bytes,
    Chunk,
    Place,
    Samples,
    content,
    pack_chunk,
    pack_file,
    size_of,
)
from bitsback.files.png.png_reading import filters_of
from bitsback.io.file_io import Content
from bitsback.wire import Cursor, varint

LEVEL = 6
_LOOKAHEAD = 262  # bytes of its window that deflate does not use
_MOST_IN_A_CHUNK = 1 << 30
_MOST_EXACT = 1 << 28
"""The limit of the bytes of rows, in memory at once, of a file that is restored byte for byte."""


@dataclass(frozen=True, slots=True)
class Stream:
    """The compression of the pixels."""

    filters: bytes
    """One for each row."""
    deflated: Deflated
    cuts: tuple[int, ...]
    """The bytes of the stream in each chunk."""

    def parts(self, content: bytes | bytearray) -> Iterator[bytes]:
        """The content of the chunks for these rows with their filters. Raises ArchiveError for
        tokens of other rows.
        """
        reader = self.deflated.reader()
        packed = reader.stream(content, sum(self.cuts))
        reader.end()
        ends = accumulate(self.cuts)
        return (packed[end - cut : end] for end, cut in zip(ends, self.cuts, strict=True))

    def pack_rows(self) -> bytes:
        """The sizes of the chunks, and the filters."""
        numbers = [len(self.cuts), *self.cuts, len(self.filters)]
        return b"".join(map(varint, numbers)) + self.filters

    @classmethod
    def unpack_rows(cls, cursor: Cursor, deflated: Deflated) -> Stream:
        """Raises ArchiveError."""
        count = cursor.varint()
        if count > len(cursor.data):
            raise ArchiveError("its container metadata is too short for its chunks")
        cuts = cursor.varints(count)
        filters = bytes(cursor.take(cursor.varint()))
        if not filters or max(filters) > 4:
            raise ArchiveError("its container metadata lists filters that no PNG has")
        return cls(filters, deflated, cuts)


def not_made_again() -> ArchiveError:
    """The error for a file whose check does not match."""
    return ArchiveError(
        "its bytes are not those that its check promises; 'decompress --files pixels' makes a file"
        " with its pixels"
    )


Around = tuple[tuple[Chunk, ...], tuple[Chunk, ...]]
"""All chunks except IDAT: those before it, which start with IHDR, and those after it, which end
with IEND.
"""


class PngDrawing:
    """A file whose pixels are compressed again."""

    def __init__(self, samples: Samples, around: Around, size: int, file: Seekable) -> None:
        """size: bytes of all rows, with their filters."""
        before, self._after = around
        self._samples, self._file = samples, file
        self._packer = zlib.compressobj(LEVEL, zlib.DEFLATED, _window(size))
        self._above: Bytes | None = None
        start = pack_file(before)
        file.write(start)
        self._at = len(start)
        self._crc = self._size = 0  # of the current IDAT chunk, if it has bytes

    def add(self, rows: NDArray[Any]) -> None:
        """Raises ArchiveError if there are values that the file cannot have."""
        data = self._samples.row_bytes(rows)
        filters = self._samples.filters_for(data, self._above)
        self._put(self._packer.compress(self._samples.filtered(data, filters, self._above)))
        self._above = data[-1:].copy()

    def close(self) -> int:
        self._put(self._packer.flush())
        self._end_chunk()
        for chunk in self._after:
            self._file.write(pack_chunk(chunk))
            self._at += size_of(chunk)
        return self._at

    def _put(self, data: bytes) -> None:
        if not data:
            return
        if not self._size:
            self._file.seek(self._at + 4)  # after the size, which is written last
            self._file.write(b"IDAT")
            self._crc = zlib.crc32(b"IDAT")
        self._file.write(data)
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        if self._size > _MOST_IN_A_CHUNK:
            self._end_chunk()

    def _end_chunk(self) -> None:
        self._file.write(struct.pack(">I", self._crc))
        self._file.seek(self._at)
        self._file.write(struct.pack(">I", self._size))
        self._at += self._size + AROUND
        self._file.seek(self._at)
        self._size = 0


def _window(size: int) -> int:
    """The smallest window of zlib, as the logarithm of its bytes, that works like the largest one
    for content of `size` bytes: a small window is faster.
    """
    return min(max((size + _LOOKAHEAD).bit_length(), 9), zlib.MAX_WBITS)


class ExactPngDrawing:
    """The original file, byte for byte. All of it is in memory."""

    def __init__(
        self, samples: Samples, around: Around, stream: Stream, crc: int, file: Seekable
    ) -> None:
        """crc: CRC-32 of the file."""
        self._samples, self._around, self._stream = samples, around, stream
        self._crc, self._file = crc, file
        self._content, self._row = bytearray(), 0
        self._above: Bytes | None = None

    def add(self, rows: NDArray[Any]) -> None:
        """Raises ArchiveError if there are values that the file cannot have."""
        data = self._samples.row_bytes(rows)
        filters = self._stream.filters[self._row : self._row + len(data)]
        self._content += self._samples.filtered(data, filters, self._above)
        self._above, self._row = data[-1:].copy(), self._row + len(data)

    def close(self) -> int:
        """Raises ArchiveError if the result is another file."""
        idats = ((b"IDAT", idat) for idat in self._stream.parts(self._content))
        data = pack_file(chain(self._around[0], idats, self._around[1]))
        if zlib.crc32(data) != self._crc:
            raise not_made_again()
        self._file.write(data)
        return len(data)


NEW, EXACT = 2, 3
"""The kinds of container metadata: pixels are compressed with new settings, or as in the original.
"""
_SMALLEST_CHUNK = 5  # bytes in container metadata
_ANIMATED = frozenset([b"acTL", b"fcTL", b"fdAT"])
OF_BYTES = frozenset([b"iDOT", b"dSIG", b"caBX"])
"""Chunks that depend on the exact bytes of a file: starts for Apple's decoders, and signatures."""


@dataclass(frozen=True)
class Png:
    """A PNG file without its pixels."""

    samples: Samples
    before: tuple[Chunk, ...]
    """The chunks before the pixels, without IHDR."""
    after: tuple[Chunk, ...]
    """The chunks after the pixels, without IEND."""
    stream: Stream | None = None
    """None if the pixels are compressed with new settings."""
    crc: int = 0
    """The CRC-32 of a file that is restored byte for byte."""

    @classmethod
    def read(cls, data: Content, found: list[Place], pixels: Bands, exact: bool) -> Png | None:
        """The container metadata of a file; None if they cannot describe all of it.

        found: its chunks. pixels: as Pillow reads them. exact: also None unless the file can be
        restored byte for byte; this needs the file in memory. Raises ValueError if its pixels are
        damaged.
        """
        kinds = [kind for kind, _, _ in found]
        if kinds[:1] != [b"IHDR"] or kinds[-1] != b"IEND" or b"IDAT" not in kinds:
            return None
        header = content(data, found[0])
        if len(header) != 13 or content(data, found[-1]):
            return None
        width, height, depth, colour, *methods, interlace = struct.unpack(">IIBBBBB", header)
        samples = Samples(depth, colour)
        if any(methods) or interlace > 1 or (height, width) != pixels.shape[:2]:
            return None
        first, last = kinds.index(b"IDAT"), len(kinds) - 1 - kinds[::-1].index(b"IDAT")
        if not samples.supported or set(kinds[first : last + 1]) != {b"IDAT"}:
            return None
        others = kinds[1:first] + kinds[last + 1 : -1]
        if b"PLTE" in kinds[last:] or any(
            (kind[:1].isupper() and kind != b"PLTE") or kind in _ANIMATED for kind in others
        ):
            return None
        before, after = (
            tuple((place[0], content(data, place)) for place in around)
            for around in (found[1:first], found[last + 1 : -1])
        )
        png = cls(samples, before, after)
        exact = exact or png.is_described
        if exact and height * samples.bytes_of_row(width) > _MOST_EXACT:
            return None
        if not png.fits(pixels.dtype, pixels.shape) or not png._has_colours(pixels):
            return None
        idats = found[first : last + 1]
        filters = filters_of(samples, data, idats, pixels, bool(interlace))
        if filters is None or (exact and interlace):
            return None
        if not exact:
            return png
        stream = png._stream_of(data, idats, pixels.whole(), filters)
        return None if stream is None else replace(png, stream=stream, crc=zlib.crc32(data[:]))

    def _has_colours(self, pixels: Bands) -> bool:
        """Whether the palette, if one is needed, has the colours of all pixels."""
        if not self.samples.indexed:
            return True
        sizes = [len(body) for kind, body in self.before if kind == b"PLTE"]
        if len(sizes) != 1 or sizes[0] % 3:
            return False
        return all(3 * int(band.max()) < sizes[0] for band in pixels)

    def anew(self) -> Png:
        """The same with pixels compressed by new settings, if such a file is valid."""
        return self if self.is_described else replace(self, stream=None, crc=0)

    @property
    def is_described(self) -> bool:
        """Whether chunks describe the file's bytes, so that other bytes would be wrong."""
        return any(kind in OF_BYTES for kind, _ in (*self.before, *self.after))

    def _stream_of(
        self, data: Content, idats: list[Place], pixels: NDArray[Any], filters: bytes
    ) -> Stream | None:
        rows = self.samples.filtered(self.samples.row_bytes(pixels), filters)
        parts = [content(data, place) for place in idats]
        deflated = Deflated.find([(b"".join(parts), len(rows))])
        if deflated is None:
            return None
        return Stream(filters, deflated, tuple(map(len, parts)))

    @property
    def kind(self) -> int:
        """Its number in an archive."""
        return NEW if self.stream is None else EXACT

    @property
    def exact(self) -> bool:
        """Whether the file is restored byte for byte."""
        return self.stream is not None

    @property
    def certain(self) -> bool:
        """Whether a file can be made with any pixels that fit."""
        return self.stream is None and self.samples.depth >= 8

    def fits(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
        """Whether pixels of this dtype and shape can be those of the file."""
        if self.stream is not None and len(self.stream.filters) != shape[0]:
            return False
        return self.samples.fit(dtype, shape)

    def drawing(self, file: Seekable, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Drawing:
        """The file, with pixels of this dtype and shape, which fit."""
        header = self.samples.header((shape[1], shape[0]))
        around = (header, *self.before), (*self.after, (b"IEND", b""))
        if self.stream is None:
            size = shape[0] * (1 + self.samples.bytes_of_row(shape[1]))
            return PngDrawing(self.samples, around, size, file)
        return ExactPngDrawing(self.samples, around, self.stream, self.crc, file)

    def pack(self) -> bytes:
        parts = [bytes([self.samples.depth, self.samples.colour])]
        parts += map(pack_chunks, (self.before, self.after))
        if self.stream is not None:
            crc = self.crc.to_bytes(4, "little")
            parts += [self.stream.deflated.pack(), crc, self.stream.pack_rows()]
        return b"".join(parts)

    @classmethod
    def unpack(cls, cursor: Cursor, exact: bool) -> Png:
        """Raises ArchiveError."""
        samples = unpack_samples(cursor)
        before, after = unpack_chunks(cursor), unpack_chunks(cursor)
        if not exact:
            return cls(samples, before, after)
        deflated = Deflated.unpack(cursor)
        crc = int.from_bytes(cursor.take(4), "little")
        return cls(samples, before, after, Stream.unpack_rows(cursor, deflated), crc)


def pack_chunks(chunks: tuple[Chunk, ...]) -> bytes:
    """Their number, and for each its type, its length and its content."""
    packed = [kind + varint(len(body)) + body for kind, body in chunks]
    return varint(len(chunks)) + b"".join(packed)


def unpack_chunks(cursor: Cursor) -> tuple[Chunk, ...]:
    """Raises ArchiveError."""
    count = cursor.varint()
    if count * _SMALLEST_CHUNK > len(cursor.data):
        raise ArchiveError("its container metadata is too short for its chunks")
    kinds = dict[bytes, bytes]()  # each is kept once
    chunks = list[Chunk]()
    for _ in range(count):
        kind = bytes(cursor.take(4))
        chunks.append((kinds.setdefault(kind, kind), bytes(cursor.take(cursor.varint()))))
    return tuple(chunks)


def unpack_samples(cursor: Cursor) -> Samples:
    """Raises ArchiveError."""
    samples = Samples(cursor.byte(), cursor.byte())
    if not samples.supported:
        raise ArchiveError("its container metadata describes samples that no PNG has")
    return samples
