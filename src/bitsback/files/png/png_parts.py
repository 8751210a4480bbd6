"""The chunks of a PNG file, and its rows as bytes. Source: PNG (second edition), sections 5, 7 and
9.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback import _core
from bitsback.errors import ArchiveError
from bitsback.io.file_io import Content

MAGIC = b"\x89PNG\r\n\x1a\n"
AROUND = 12  # bytes of a chunk besides its content
_CHUNK = 1 << 20

Chunk = tuple[bytes, bytes]
"""The type and content of a chunk."""
Place = tuple[bytes, int, int]
"""The type of a chunk, the start of its content in the file, and its number of bytes."""


def places(data: Content) -> Iterator[Place]:
    """The places of all chunks, up to the first bytes of the file that are not a chunk."""
    if data[:8] != MAGIC:
        return
    at = 8
    while at + AROUND <= len(data):
        head = data[at : at + 8]
        start, kind, size = at + 8, head[4:], int.from_bytes(head[:4], "big")
        crc = zlib.crc32(kind)
        for chunk in range(start, start + size, _CHUNK):
            crc = zlib.crc32(data[chunk : min(chunk + _CHUNK, start + size)], crc)
        if data[start + size : start + size + 4] != crc.to_bytes(4, "big"):
            return
        at += size + AROUND
        if kind == b"IEND" and at != len(data):
            return
        yield kind, start, size


def around_pixels(data: Content, found: Sequence[Place]) -> list[Chunk]:
    """All chunks but the pixels, without the interlace method of IHDR."""
    chunks = [(place[0], content(data, place)) for place in found if place[0] != b"IDAT"]
    return [(chunks[0][0], chunks[0][1][:-1]), *chunks[1:]]


def content(data: Content, place: Place) -> bytes:
    """The content of a chunk."""
    _, start, size = place
    return data[start : start + size]


def size_of(chunk: Chunk) -> int:
    """Bytes of a chunk in a file."""
    return len(chunk[1]) + AROUND


def pack_chunk(chunk: Chunk) -> bytes:
    kind, content = chunk
    crc = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)


def pack_file(chunks: Iterable[Chunk]) -> bytearray:
    """A file of these chunks."""
    data = bytearray(MAGIC)
    for chunk in chunks:  # joining them would take several times the memory of small chunks
        data += pack_chunk(chunk)
    return data


Bytes = NDArray[np.uint8]

_GREY, _COLOUR, _INDEXED, _GREY_ALPHA, _COLOUR_ALPHA = 0, 2, 3, 4, 6
_CHANNELS = {_GREY: 1, _COLOUR: 3, _INDEXED: 1, _GREY_ALPHA: 2, _COLOUR_ALPHA: 4}
_DEPTHS = {
    _GREY: (1, 2, 4, 8, 16),
    _INDEXED: (1, 2, 4, 8),
    _COLOUR: (8, 16),
    _GREY_ALPHA: (8, 16),
    _COLOUR_ALPHA: (8, 16),
}
"""The supported bits of a sample, by the type of colour."""
_PAETH = 4
"""The last of the filters."""


@dataclass(frozen=True)
class Samples:
    """The samples of a pixel: their bits, and the type of colour."""

    depth: int
    colour: int

    @classmethod
    def of_channels(cls, channels: int) -> Samples:
        """The samples of pixels with several channels of 16 bits."""
        return cls(16, {2: _GREY_ALPHA, 3: _COLOUR, 4: _COLOUR_ALPHA}[channels])

    @property
    def supported(self) -> bool:
        """Whether pixels with these samples are supported."""
        return self.depth in _DEPTHS.get(self.colour, ())

    @property
    def channels(self) -> int:
        return _CHANNELS[self.colour]

    @property
    def indexed(self) -> bool:
        """Whether they are indexes into a palette."""
        return self.colour == _INDEXED

    def fit(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
        """Whether pixels of this dtype and shape can have these samples."""
        channels, bits = (*shape, 1)[2], {"|b1": 1, "|u1": 8, "<u2": 16}.get(dtype.str)
        if channels != _CHANNELS[self.colour] or bits is None:
            return False
        if bits == 8:
            return self.depth <= 8 and not (self.depth == 1 and self.colour == _GREY)
        return self.depth == bits and not self.indexed and (bits > 1 or self.colour == _GREY)

    @property
    def deep(self) -> bool:
        """Whether there are several channels of 16 bits. Pillow reads only 8 of these bits."""
        return self.depth == 16 and self.colour != _GREY

    def header(self, size: tuple[int, int]) -> Chunk:
        """The IHDR chunk of a picture with this number of columns and rows."""
        return b"IHDR", struct.pack(">IIBBBBB", *size, self.depth, self.colour, 0, 0, 0)

    def bytes_of_row(self, width: int) -> int:
        """The bytes of a row before filters."""
        return -(-width * _CHANNELS[self.colour] * self.depth // 8)

    def row_bytes(self, pixels: NDArray[Any]) -> Bytes:
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

    def filters_for(self, rows: Bytes, above: Bytes | None = None) -> bytes:
        """A filter for each row, as encoders usually choose it. above: the row before the first.

        Filter 0 is for indexes, and for samples smaller than a byte. Otherwise it is the filter
        with the least sum of absolute differences.
        """
        if self.depth < 8 or self.indexed:
            return bytes(len(rows))
        chosen = _core.choose_filters(_picture(rows, above), self._distance)
        return chosen[0, -len(rows) :].tobytes()

    def filtered(self, rows: Bytes, filters: bytes, above: Bytes | None = None) -> bytes:
        """The bytes to compress: each row after the number of its filter."""
        picture = _picture(rows, above)
        kinds = np.zeros(picture.shape[:2], np.uint8)
        kinds[0, -len(rows) :] = np.frombuffer(filters, np.uint8)
        out = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
        out[:, 0] = kinds[0, -len(rows) :]
        out[:, 1:] = _core.filter_rows(picture, kinds, self._distance)[0, -len(rows) :]
        return out.tobytes()

    def pixels(self, width: int, content: bytes, above: bytes) -> NDArray[Any]:
        """The pixels of rows of samples of 16 bits: [rows, columns, channels].

        content: the rows with their filters. above: the bytes of the row before them, if there is
        one. Raises OSError for unknown filters.
        """
        lines = np.frombuffer(content, np.uint8).reshape(-1, 1 + self.bytes_of_row(width))
        if lines[:, 0].max(initial=0) > _PAETH:
            raise OSError("its rows have filters that no PNG has")
        if above:
            lines = np.concatenate([np.frombuffer(b"\0" + above, np.uint8)[np.newaxis], lines])
        filters, rows = (np.ascontiguousarray(part) for part in (lines[:, 0], lines[:, 1:]))
        made = _core.unfilter_rows(rows[np.newaxis], filters, self._distance)
        samples: NDArray[Any] = made.reshape(rows.shape)[bool(above) :].view(">u2").astype("<u2")
        return samples.reshape(len(samples), width, -1)

    @property
    def _distance(self) -> int:
        """The distance in bytes to a filter's previous pixel."""
        return max(_CHANNELS[self.colour] * self.depth // 8, 1)


def pack_bits(rows: NDArray[Any], bits: int) -> Bytes:
    """Packs samples of 1, 2 or 4 bits into bytes, the first one highest; unused bits of the last
    byte of a row are 0: [rows, bytes].
    """
    spread = (rows[:, :, np.newaxis] >> np.arange(bits - 1, -1, -1, dtype=np.uint8)) & 1
    return np.packbits(spread.reshape(len(rows), -1), axis=1)


def _picture(rows: Bytes, above: Bytes | None) -> Bytes:
    """[1, rows, bytes], with the row above them, if there is one, as the first."""
    together = rows if above is None else np.concatenate([above, rows])
    return np.ascontiguousarray(together)[np.newaxis]
