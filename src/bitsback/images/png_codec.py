"""The codec of PNG files: it keeps the chunks around the pixels, and, if zlib can make them again,
the very bytes of the file (docs/format.md, Container metadata).
"""

from __future__ import annotations

import struct
import tempfile
import zlib
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitsback.errors import ArchiveError
from bitsback.images.bands import Bands, Read, same_pixels
from bitsback.images.deflated import ZLIB, Deflated
from bitsback.images.drawing import Drawing, Seekable, Split, makes
from bitsback.images.file_io import Content, FileContent, in_memory
from bitsback.images.pictures import identify, sample_bands, split_picture
from bitsback.images.png_parts import (
    AROUND,
    MAGIC,
    Bytes,
    Chunk,
    Place,
    Samples,
    around_pixels,
    content,
    pack_chunk,
    places,
    size_of,
)
from bitsback.images.png_reading import filters_of, png_bands
from bitsback.wire import Cursor, varint

_LEVEL = 6
_LOOKAHEAD = 262  # bytes of its window that deflate does not use
_MOST_IN_A_CHUNK = 1 << 30


@dataclass(frozen=True)
class Stream:
    """The compression of the pixels."""

    filters: bytes
    """One for each row."""
    deflated: Deflated
    cuts: tuple[int, ...]
    """Bytes of each IDAT chunk."""
    crc: int
    """CRC-32 of the whole file."""


@dataclass(frozen=True)
class Around:
    """All chunks except IDAT: those before it, which start with IHDR, and those after it, which end
    with IEND.
    """

    before: tuple[Chunk, ...]
    after: tuple[Chunk, ...]


class PngDrawing:
    """A file whose pixels are compressed again."""

    def __init__(self, samples: Samples, around: Around, size: int, file: Seekable) -> None:
        """size: bytes of all rows, with their filters."""
        self._samples, self._after, self._file = samples, around.after, file
        self._packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _window(size))
        self._above: Bytes | None = None
        file.write(MAGIC + b"".join(map(pack_chunk, around.before)))
        self._at = len(MAGIC) + sum(map(size_of, around.before))
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
        after = b"".join(map(pack_chunk, self._after))
        self._file.write(after)
        return self._at + len(after)

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
    """The original file, byte for byte. All of it is in memory, since the sizes of zlib's inputs
    may change its output.
    """

    def __init__(self, samples: Samples, around: Around, stream: Stream, file: Seekable) -> None:
        self._samples, self._around, self._stream, self._file = samples, around, stream, file
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
        stream = self._stream
        packed = stream.deflated.stream(self._content)
        ends = accumulate(stream.cuts)
        idats = [packed[end - cut : end] for end, cut in zip(ends, stream.cuts, strict=True)]
        chunks = [*self._around.before, *((b"IDAT", idat) for idat in idats), *self._around.after]
        data = MAGIC + b"".join(map(pack_chunk, chunks))
        if sum(stream.cuts) != len(packed) or zlib.crc32(data) != stream.crc:
            raise ArchiveError(
                "its very bytes cannot be made again by the zlib of this computer"
                f" ({ZLIB}); its pixels and all else of it can:"
                " 'decompress --files pixels'"
            )
        self._file.write(data)
        return len(data)


_NEW, _EXACT = 2, 3
"""The kinds of container metadata: the pixels are compressed with new settings, or to the very
bytes of the original.
"""
_PLUGINS = (("Png", "PNG"),)
_IN_MEMORY = 1 << 24
_SMALLEST_CHUNK = 5  # bytes in container metadata
_ANIMATED = frozenset([b"acTL", b"fcTL", b"fdAT"])
_OF_BYTES = frozenset([b"iDOT", b"dSIG", b"caBX"])
"""Chunks that describe the very bytes of a file: starts for Apple's decoders, and signatures."""


@dataclass(frozen=True)
class Png:
    """Everything of a PNG file but its pixels."""

    samples: Samples
    before: tuple[Chunk, ...]
    """The chunks before the pixels, without IHDR."""
    after: tuple[Chunk, ...]
    """The chunks after the pixels, without IEND."""
    stream: Stream | None = None
    """None if the pixels are compressed with new settings."""

    @classmethod
    def of(cls, data: Content, found: list[Place], pixels: Bands, exact: bool) -> Png | None:
        """The container metadata of a file; None if they cannot describe all of it.

        found: its chunks. pixels: as Pillow reads them. exact: None unless the very bytes of the
        file can be made again; the whole file is in memory. Raises ValueError if its pixels are
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
        if not samples.held or set(kinds[first : last + 1]) != {b"IDAT"}:
            return None
        others = kinds[1:first] + kinds[last + 1 : -1]
        if b"PLTE" in kinds[last:] or any(
            (kind[:1].isupper() and kind != b"PLTE") or kind in _ANIMATED for kind in others
        ):
            return None
        if not exact and not _OF_BYTES.isdisjoint(others):
            return None
        before, after = (
            tuple((place[0], content(data, place)) for place in around)
            for around in (found[1:first], found[last + 1 : -1])
        )
        png = cls(samples, before, after)
        if not png.fits(pixels.dtype, pixels.shape) or not png._has_colours(pixels):
            return None
        idats = found[first : last + 1]
        filters = filters_of(samples, data, idats, pixels, bool(interlace))
        if filters is None or (exact and interlace):
            return None
        if not exact:
            return png
        stream = png._stream_of(data, idats, pixels.whole(), filters)
        return None if stream is None else replace(png, stream=stream)

    def _has_colours(self, pixels: Bands) -> bool:
        """Whether the palette, if one is needed, has the colours of all pixels."""
        if not self.samples.indexed:
            return True
        sizes = [len(held) for kind, held in self.before if kind == b"PLTE"]
        if len(sizes) != 1 or sizes[0] % 3:
            return False
        return all(3 * int(band.max()) < sizes[0] for band in pixels)

    def anew(self) -> Png:
        """The same with pixels compressed by new settings."""
        return replace(self, stream=None)

    def _stream_of(
        self, data: Content, idats: list[Place], pixels: NDArray[Any], filters: bytes
    ) -> Stream | None:
        rows = self.samples.filtered(self.samples.row_bytes(pixels), filters)
        parts = [content(data, place) for place in idats]
        deflated = Deflated.of(rows, b"".join(parts))
        if deflated is None:
            return None
        return Stream(filters, deflated, tuple(map(len, parts)), zlib.crc32(data[:]))

    @property
    def kind(self) -> int:
        """Its number in an archive."""
        return _NEW if self.stream is None else _EXACT

    @property
    def exact(self) -> bool:
        """Whether the very bytes of the file come back."""
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
        around = Around((header, *self.before), (*self.after, (b"IEND", b"")))
        if self.stream is None:
            size = shape[0] * (1 + self.samples.bytes_of_row(shape[1]))
            return PngDrawing(self.samples, around, size, file)
        return ExactPngDrawing(self.samples, around, self.stream, file)

    def pack(self) -> bytes:
        parts = [bytes([self.samples.depth, self.samples.colour])]
        for chunks in (self.before, self.after):
            parts.append(varint(len(chunks)))
            parts += [kind + varint(len(held)) + held for kind, held in chunks]
        stream = self.stream
        if stream is not None:
            parts += [stream.deflated.pack(), stream.crc.to_bytes(4, "little")]
            # In most files all chunks but the last have one size.
            parts.append(varint(len(stream.cuts)))
            parts += map(varint, stream.cuts)
            parts.append(varint(len(stream.filters)) + stream.filters)
        return b"".join(parts)

    @classmethod
    def unpack(cls, cursor: Cursor, exact: bool) -> Png:
        """Raises ArchiveError."""
        samples = Samples(cursor.byte(), cursor.byte())
        if not samples.held:
            raise ArchiveError("its container metadata describes samples that no PNG has")
        before, after = _unpack_chunks(cursor), _unpack_chunks(cursor)
        stream = None
        if exact:
            deflated = Deflated.unpack(cursor)
            crc = int.from_bytes(cursor.take(4), "little")
            count = cursor.varint()
            if count > len(cursor.data):
                raise ArchiveError("its container metadata is too short for its chunks")
            cuts = tuple(cursor.varint() for _ in range(count))
            filters = bytes(cursor.take(cursor.varint()))
            if not filters or max(filters) > 4:
                raise ArchiveError("its container metadata lists filters that no PNG has")
            stream = Stream(filters, deflated, cuts, crc)
        return cls(samples, before, after, stream)


def _unpack_chunks(cursor: Cursor) -> tuple[Chunk, ...]:
    count = cursor.varint()
    if count * _SMALLEST_CHUNK > len(cursor.data):
        raise ArchiveError("its container metadata is too short for its chunks")
    return tuple((bytes(cursor.take(4)), bytes(cursor.take(cursor.varint()))) for _ in range(count))


def bands_of(image: Image.Image) -> Read | None:
    return png_bands(image)


def samples(file: BinaryIO) -> Bands | None:
    return sample_bands(identify(file, _PLUGINS), png_bands)


def split(file: BinaryIO, exact: bool) -> Split | None:
    def metadata_of(data: Content, file: BinaryIO, pixels: Bands) -> Png | None:
        found = list(places(data))
        png = Png.of(data, found, pixels, exact)
        with suppress(ArchiveError):
            if png is not None and _made_again(png, data, found, pixels):
                return png
        return None

    return split_picture(file, _PLUGINS, png_bands, metadata_of)


def write(file: Seekable, pixels: NDArray[Any]) -> None:
    """Writes a file of nothing but pixels of several channels of 16 bits to an empty file."""
    samples = Samples.of_channels(pixels.shape[2])
    drawing = Png(samples, (), ()).drawing(file, pixels.dtype, pixels.shape)
    drawing.add(pixels)
    drawing.close()


def unpack(cursor: Cursor, kind: int) -> Png:
    return Png.unpack(cursor, kind == _EXACT)


def same(file: BinaryIO, made: BinaryIO) -> bool:
    contents = FileContent(file), FileContent(made)
    chunks = [around_pixels(each, list(places(each))) for each in contents]
    if chunks[0] != chunks[1]:
        return False
    pixels = samples(file), samples(made)
    return pixels[0] is not None and pixels[1] is not None and same_pixels(pixels[0], pixels[1])


def _made_again(png: Png, data: Content, found: list[Place], pixels: Bands) -> bool:
    """Whether the file that is made is the same: bit for bit, or in all pixels and chunks.

    found: the chunks of the existing file.
    """
    if png.exact:
        return makes(png, data, pixels)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spool:
        file = cast(BinaryIO, spool)
        drawing = png.drawing(file, pixels.dtype, pixels.shape)
        for band in pixels:
            drawing.add(band)
        drawing.close()
        made, file = in_memory(file)
        if around_pixels(made, list(places(made))) != around_pixels(data, found):
            return False
        again = samples(file)
        return again is not None and same_pixels(again, pixels)
