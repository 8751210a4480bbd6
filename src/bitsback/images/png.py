"""The file around the pixels of a PNG: its chunks taken and put back, and, where that can be done,
its very bytes (docs/format.md, Notes).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError
from bitsback.images.deflated import Deflated
from bitsback.wire import Cursor, varint

Bytes = NDArray[np.uint8]

MAGIC = b"\x89PNG\r\n\x1a\n"
_GREY, _COLOUR, _INDEXED, _GREY_ALPHA, _COLOUR_ALPHA = 0, 2, 3, 4, 6
_CHANNELS = {_GREY: 1, _COLOUR: 3, _INDEXED: 1, _GREY_ALPHA: 2, _COLOUR_ALPHA: 4}
_DEPTHS = {
    _GREY: (1, 2, 4, 8, 16),
    _INDEXED: (1, 2, 4, 8),
    _COLOUR: (8,),
    _GREY_ALPHA: (8,),
    _COLOUR_ALPHA: (8,),
}
"""Bits of a sample that are held as pixels, by the type of colour."""
_SMALLEST_CHUNK = 5  # bytes in a note
_LEVEL = 6
_BAND = 1 << 22  # bytes of rows that are filtered at a time

Chunk = tuple[bytes, bytes]
"""A type, and what is in it."""


@dataclass(frozen=True)
class Stream:
    """How the pixels were compressed."""

    filters: bytes
    """One for each row."""
    deflated: Deflated
    cuts: tuple[int, ...]
    """Bytes of each IDAT chunk."""
    crc: int
    """CRC-32 of the whole file."""


@dataclass(frozen=True)
class Png:
    """All of a PNG file but its pixels."""

    depth: int
    colour: int
    before: tuple[Chunk, ...]
    """The chunks before the pixels, without IHDR."""
    after: tuple[Chunk, ...]
    """Those behind them, without IEND."""
    stream: Stream | None = None
    """None: the pixels are compressed anew."""

    @classmethod
    def of(cls, data: bytes, pixels: NDArray[Any], exact: bool) -> Png | None:
        """What is kept of a file; None if it has more than can be told.

        pixels: as Pillow reads them. exact: only if the very bytes of the file can be made again.
        """
        chunks = list(_chunks(data))
        if not chunks or chunks[0][0] != b"IHDR" or chunks[-1] != (b"IEND", b""):
            return None
        if len(chunks[0][1]) != 13:
            return None
        _, _, depth, colour, *methods = struct.unpack(">IIBBBBB", chunks[0][1])
        kinds = [kind for kind, _ in chunks]
        if b"IDAT" not in kinds or depth not in _DEPTHS.get(colour, ()):
            return None
        first, last = kinds.index(b"IDAT"), len(kinds) - 1 - kinds[::-1].index(b"IDAT")
        others = kinds[1:first] + kinds[last + 1 : -1]
        idats = [content for kind, content in chunks[first : last + 1] if kind == b"IDAT"]
        if len(idats) != last + 1 - first or any(
            (kind[:1].isupper() and kind != b"PLTE") or kind in (b"acTL", b"fcTL", b"fdAT")
            for kind in others
        ):
            return None
        png = cls(depth, colour, tuple(chunks[1:first]), tuple(chunks[last + 1 : -1]))
        if not png.fits(pixels.dtype, pixels.shape):
            return None
        if not exact:
            return png
        stream = None if any(methods) else png._stream_of(data, idats, pixels)
        return None if stream is None else cls(depth, colour, png.before, png.after, stream)

    def anew(self) -> Png:
        """The same, whose pixels are compressed anew."""
        return replace(self, stream=None)

    def _stream_of(self, data: bytes, idats: list[bytes], pixels: NDArray[Any]) -> Stream | None:
        try:
            inflater = zlib.decompressobj()
            rows = self._rows(pixels)
            most = rows.size + len(rows)
            content = inflater.decompress(b"".join(idats), most + 1)
        except zlib.error:
            return None
        if not inflater.eof or inflater.unused_data or len(content) != most:
            return None
        filters = np.frombuffer(content, np.uint8).reshape(len(rows), -1)[:, 0].tobytes()
        if max(filters) > 4 or self._filtered(rows, filters) != content:
            return None
        deflated = Deflated.of(content, b"".join(idats))
        if deflated is None:
            return None
        return Stream(filters, deflated, tuple(map(len, idats)), zlib.crc32(data))

    @property
    def certain(self) -> bool:
        """Whether a file can be made with any pixels that fit."""
        return self.stream is None and self.depth >= 8

    def fits(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
        """Whether pixels of this dtype and shape can be those of the file."""
        if len(shape) == 2:
            channels, bits = 1, {"|b1": 1, "|u1": 8, "<u2": 16}.get(dtype.str)
        else:
            channels, bits = shape[2], 8 if dtype.str == "|u1" else None
        if channels != _CHANNELS[self.colour] or bits is None:
            return False
        if self.stream is not None and len(self.stream.filters) != shape[0]:
            return False
        if bits == 8:
            return self.depth <= 8 and not (self.depth == 1 and self.colour == _GREY)
        return self.depth == bits and self.colour == _GREY

    def file(self, pixels: NDArray[Any]) -> bytes:
        """The file, with these pixels. Raises ArchiveError if they cannot be its own."""
        rows = self._rows(pixels)
        stream = self.stream
        height, width = pixels.shape[:2]
        if stream is None:
            packed = zlib.compress(self._filtered(rows, self._filters_for(rows)), _LEVEL)
            idats = [packed]
        else:
            packed = stream.deflated.stream(self._filtered(rows, stream.filters))
            ends = accumulate(stream.cuts)
            idats = [packed[end - cut : end] for end, cut in zip(ends, stream.cuts, strict=True)]
        header = struct.pack(">IIBBBBB", width, height, self.depth, self.colour, 0, 0, 0)
        chunks = [
            (b"IHDR", header), *self.before, *((b"IDAT", idat) for idat in idats),
            *self.after, (b"IEND", b""),
        ]  # fmt: skip
        data = MAGIC + b"".join(map(_pack_chunk, chunks))
        if stream is not None and (
            sum(stream.cuts) != len(packed) or zlib.crc32(data) != stream.crc
        ):
            raise ArchiveError(
                "its very bytes cannot be made again by the zlib of this computer"
                f" ({zlib.ZLIB_RUNTIME_VERSION}); its pixels and all else of it can:"
                " 'decompress --files pixels'"
            )
        return data

    def _rows(self, pixels: NDArray[Any]) -> Bytes:
        """The bytes of each row, before filters: [rows, bytes]. Raises ArchiveError."""
        rows = pixels.reshape(len(pixels), -1)
        if self.depth == 16:
            return rows.astype(">u2").view(np.uint8)
        if self.depth == 8:
            return rows
        most = (1 << self.depth) - 1
        if rows.dtype != bool:
            step = 255 // most if self.colour == _GREY else 1
            values = rows // np.uint8(step)
            if (values * np.uint8(step) != rows).any() or (values > most).any():
                raise ArchiveError("its pixels have values that its file cannot have")
            rows = values
        return pack_bits(rows, self.depth)

    def _filters_for(self, rows: Bytes) -> bytes:
        """The usual choice: none where samples are parts of bytes or indexes, and otherwise for
        each row the filter with the least sum of absolute differences.
        """
        if self.depth < 8 or self.colour == _INDEXED:
            return bytes(len(rows))
        sums = np.empty((5, len(rows)), np.int64)
        for start, band, above in self._bands(rows):
            for kind in range(5):
                found = _filter(band, above, self._distance, kind).view(np.int8)
                sums[kind, start : start + len(band)] = np.abs(found.astype(np.int16)).sum(1)
        return bytes(sums.argmin(0).tolist())

    def _filtered(self, rows: Bytes, filters: bytes) -> bytes:
        """What is compressed: each row behind its filter's number."""
        kinds = np.frombuffer(filters, np.uint8)
        out = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
        out[:, 0] = kinds
        for start, band, above in self._bands(rows):
            of_band = kinds[start : start + len(band)]
            for kind in np.unique(of_band):
                which = of_band == kind
                out[start : start + len(band), 1:][which] = _filter(
                    band[which], above[which], self._distance, int(kind)
                )
        return out.tobytes()

    def _bands(self, rows: Bytes) -> Iterator[tuple[int, Bytes, Bytes]]:
        """Some rows at a time: the number of the first, they, and those above them."""
        step = max(_BAND // max(rows.shape[1], 1), 1)
        for start in range(0, len(rows), step):
            band = rows[start : start + step]
            above = np.zeros_like(band)
            above[1:] = band[:-1]
            if start:
                above[0] = rows[start - 1]
            yield start, band, above

    @property
    def _distance(self) -> int:
        """Bytes to what a filter takes for the pixel before."""
        return max(_CHANNELS[self.colour] * self.depth // 8, 1)

    def pack(self) -> bytes:
        parts = [bytes([self.depth, self.colour])]
        for chunks in (self.before, self.after):
            parts.append(varint(len(chunks)))
            parts += [kind + varint(len(content)) + content for kind, content in chunks]
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
        depth, colour = cursor.byte(), cursor.byte()
        if depth not in _DEPTHS.get(colour, ()):
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
        return cls(depth, colour, before, after, stream)


def pack_bits(rows: NDArray[Any], bits: int) -> Bytes:
    """Samples of 1, 2 or 4 bits, as many as there are in a byte, the first one highest; what a row
    leaves of its last byte is 0: [rows, bytes].
    """
    spread = (rows[:, :, np.newaxis] >> np.arange(bits - 1, -1, -1, dtype=np.uint8)) & 1
    return np.packbits(spread.reshape(len(rows), -1), axis=1)


def _filter(rows: Bytes, above: Bytes, distance: int, kind: int) -> Bytes:
    """What a filter makes of rows (PNG, section 9)."""
    if kind == 0:
        return rows
    if kind == 2:
        return rows - above
    left = np.zeros_like(rows)
    left[:, distance:] = rows[:, :-distance]
    if kind == 1:
        return rows - left
    a, b = left.astype(np.int16), above.astype(np.int16)
    if kind == 3:
        return rows - ((a + b) >> 1).astype(np.uint8)
    corner = np.zeros_like(rows)
    corner[:, distance:] = above[:, :-distance]
    c = corner.astype(np.int16)
    to_a, to_b, to_c = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    nearest = np.where((to_a <= to_b) & (to_a <= to_c), left, np.where(to_b <= to_c, above, corner))
    return rows - nearest


def _chunks(data: bytes) -> Iterator[Chunk]:
    """All chunks; none, or not to the end, where the file is not just these."""
    if data[:8] != MAGIC:
        return
    at = 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        crc = data[at + 8 + size : at + 12 + size]
        if crc != zlib.crc32(content, zlib.crc32(kind)).to_bytes(4, "big"):
            return
        at += 12 + size
        if kind == b"IEND" and at != len(data):
            return
        yield kind, content


def _pack_chunk(chunk: Chunk) -> bytes:
    kind, content = chunk
    crc = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)


def _unpack_chunks(cursor: Cursor) -> tuple[Chunk, ...]:
    count = cursor.varint()
    if count * _SMALLEST_CHUNK > len(cursor.data):
        raise ArchiveError("its note is too short for its chunks")
    return tuple((bytes(cursor.take(4)), bytes(cursor.take(cursor.varint()))) for _ in range(count))
