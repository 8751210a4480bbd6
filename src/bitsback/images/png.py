"""The file around the pixels of a PNG: its chunks taken and put back, and, where that can be done,
its very bytes (docs/format.md, Notes).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError
from bitsback.images.bands.bands import Bands
from bitsback.images.deflated import Deflated
from bitsback.images.drawing import Drawing, Seekable
from bitsback.images.file_io import Content
from bitsback.images.png_chunks import Chunk, Place, content
from bitsback.images.png_drawing import Around, ExactPngDrawing, PngDrawing, Stream
from bitsback.images.png_samples import Samples
from bitsback.images.png_stream import filters_of
from bitsback.wire import Cursor, varint

_SMALLEST_CHUNK = 5  # bytes in a note
_ANIMATED = frozenset([b"acTL", b"fcTL", b"fdAT"])
_OF_BYTES = frozenset([b"iDOT", b"dSIG", b"caBX"])
"""Chunks that tell of the very bytes of a file: where Apple's decoders begin, and signatures."""


@dataclass(frozen=True)
class Png:
    """All of a PNG file but its pixels."""

    samples: Samples
    before: tuple[Chunk, ...]
    """The chunks before the pixels, without IHDR."""
    after: tuple[Chunk, ...]
    """Those behind them, without IEND."""
    stream: Stream | None = None
    """None: the pixels are compressed anew."""

    @classmethod
    def of(cls, data: Content, found: list[Place], pixels: Bands, exact: bool) -> Png | None:
        """What is kept of a file; None if it has more than can be told.

        found: its chunks. pixels: as Pillow reads them. exact: only if the very bytes of the file
        can be made again, for which all of it is in memory. Raises ValueError if its pixels are
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
        """Whether the colours of all pixels are in a palette, if there is to be one."""
        if not self.samples.indexed:
            return True
        sizes = [len(held) for kind, held in self.before if kind == b"PLTE"]
        if len(sizes) != 1 or sizes[0] % 3:
            return False
        return all(3 * int(band.max()) < sizes[0] for band in pixels)

    def anew(self) -> Png:
        """The same, whose pixels are compressed anew."""
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
            # All but the last chunk are of one size in most files.
            parts.append(varint(len(stream.cuts)))
            parts += map(varint, stream.cuts)
            parts.append(varint(len(stream.filters)) + stream.filters)
        return b"".join(parts)

    @classmethod
    def unpack(cls, cursor: Cursor, exact: bool) -> Png:
        """Raises ArchiveError."""
        samples = Samples(cursor.byte(), cursor.byte())
        if not samples.held:
            raise ArchiveError("its note tells of samples that no PNG has")
        before, after = _unpack_chunks(cursor), _unpack_chunks(cursor)
        stream = None
        if exact:
            deflated = Deflated.unpack(cursor)
            crc = int.from_bytes(cursor.take(4), "little")
            count = cursor.varint()
            if count > len(cursor.data):
                raise ArchiveError("its note is too short for its chunks")
            cuts = tuple(cursor.varint() for _ in range(count))
            filters = bytes(cursor.take(cursor.varint()))
            if not filters or max(filters) > 4:
                raise ArchiveError("its note tells of filters that no PNG has")
            stream = Stream(filters, deflated, cuts, crc)
        return cls(samples, before, after, stream)


def _unpack_chunks(cursor: Cursor) -> tuple[Chunk, ...]:
    count = cursor.varint()
    if count * _SMALLEST_CHUNK > len(cursor.data):
        raise ArchiveError("its note is too short for its chunks")
    return tuple((bytes(cursor.take(4)), bytes(cursor.take(cursor.varint()))) for _ in range(count))
