"""Reads the pixels of PNG files some rows at a time, and compares them with Pillow's."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitsback.files.bands import Bands, Read, pixels_as_they_are, reader_of, rows_of_band
from bitsback.files.png.png_parts import AROUND, MAGIC, Bytes, Chunk, Place, Samples, pack_file
from bitsback.io.file_io import Content, Reader

_CHUNK = 1 << 18
_STORED = 0  # level of deflate


def png_bands(image: Image.Image) -> Read | None:
    """A reader of an open picture's bands; None if it cannot be read in bands."""
    file = reader_of(image)
    start = file.read(0, 33)
    if start[:8] != MAGIC or start[12:16] != b"IHDR":
        return None
    width, height, depth, colour, *methods, interlace = struct.unpack(">IIBBBBB", start[16:29])
    samples, mode = Samples(depth, colour), image.mode
    if (width, height) != image.size or any(methods) or not samples.supported:
        return None
    if interlace > samples.deep:  # Pillow itself reads all others
        return None

    def read() -> Iterator[NDArray[Any]]:
        content, above, left = _Content(file), b"", height
        row = 1 + samples.bytes_of_row(width)
        while left:
            count = min(rows_of_band(row), left)
            pixels = _pixels(samples, content, (width, count), above, mode)
            above = samples.row_bytes(pixels[-1:]).tobytes()
            left -= count
            yield pixels

    def read_passes() -> Iterator[NDArray[Any]]:
        content = _Content(file)
        pixels = np.empty((height, width, samples.channels), "<u2")
        for left, top, across, down in _PASSES:
            part = pixels[top::down, left::across]
            if part.size:
                part[...] = _pixels(samples, content, part.shape[1::-1], b"", mode)
        yield pixels

    return read_passes if interlace else read


def _pixels(
    samples: Samples, content: _Content, size: tuple[int, ...], above: bytes, mode: str
) -> NDArray[Any]:
    """The next rows of a picture, or of a pass, as Pillow reads them from a small file. Of several
    channels of 16 bits Pillow reads the high bytes alone, which must be the same. size: columns and
    rows. above: the bytes of the row before them. mode: that of the picture.
    """
    columns, rows = size
    data = content.take(rows * (1 + samples.bytes_of_row(columns)))
    made = _small_file(samples, content.palette, (columns, rows), above, data)
    with Image.open(io.BytesIO(made), formats=("PNG",)) as part:
        if part.mode != mode:
            raise OSError("its chunks are in another order than they may be")
        part.load()
        pixels = pixels_as_they_are(part)[bool(above) :]
    if not samples.deep:
        return pixels
    whole = samples.pixels(columns, data, above)
    if samples.channels == 2:
        pixels = pixels[..., [0, -1]]  # Pillow makes RGBA of grey with transparency
    if not np.array_equal(whole >> 8, pixels):
        raise OSError("Pillow reads other pixels from it")
    return whole


class _Content:
    """The bytes of all rows with their filters, one after the other."""

    def __init__(self, file: Reader) -> None:
        self._chunks, self._inflater, self._waiting = _Chunks(file), zlib.decompressobj(), b""

    @property
    def palette(self) -> list[Chunk]:
        return self._chunks.palette

    def take(self, size: int) -> bytes:
        """The next `size` bytes. Raises OSError if there are fewer."""
        content = bytearray()
        while len(content) < size:
            self._waiting = self._waiting or self._chunks.next_pixels()
            content += self._inflater.decompress(self._waiting, size - len(content))
            self._waiting = self._inflater.unconsumed_tail
            if self._inflater.eof and len(content) < size:
                raise OSError("image file is truncated")
        return bytes(content)


class _Chunks:
    """The chunks of a file, one after the other."""

    def __init__(self, file: Reader) -> None:
        self._file, self._at = file, len(MAGIC)
        self._left = 0
        """The remaining bytes of the current IDAT chunk."""
        self.palette: list[Chunk] = []

    def next_pixels(self) -> bytes:
        """Some content of the IDAT chunks. Raises OSError after the last one."""
        while not self._left:
            head = self._file.read(self._at, 8)
            size, kind = int.from_bytes(head[:4], "big"), head[4:]
            if len(head) < 8 or kind == b"IEND":
                raise OSError("image file is truncated")
            if kind == b"PLTE":
                self.palette = [(kind, self._file.read(self._at + 8, size))]
            if kind == b"IDAT" and size:
                self._left, self._at = size, self._at + 8
            else:
                self._at += size + AROUND
        data = self._file.read(self._at, min(self._left, _CHUNK))
        if not data:
            raise OSError("image file is truncated")
        self._left -= len(data)
        self._at += len(data) if self._left else len(data) + 4
        return data


def _small_file(
    samples: Samples, palette: list[Chunk], size: tuple[int, int], above: bytes, content: bytes
) -> bytes:
    width, rows = size
    if above:
        rows, content = rows + 1, b"\0" + above + content
    idat = b"IDAT", zlib.compress(content, _STORED)
    chunks = [samples.header((width, rows)), *palette, idat, (b"IEND", b"")]
    return bytes(pack_file(chunks))


_FILTERS = 5
_SHORT = "its pixels end before the last row, or the last byte"
_PASSES = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)
)  # fmt: skip
"""The passes of an interlaced file: the first column and row, and the steps to the next ones."""


def filters_of(
    samples: Samples, data: Content, idats: Sequence[Place], pixels: Bands, interlaced: bool
) -> bytes | None:
    """The filter of each row; None if the chunks hold other pixels than these, or anything else.

    pixels: as Pillow reads them. Raises ValueError if the file is damaged: its stream is damaged,
    ends before the last row, or has unknown filters.
    """
    inflater = _Inflater(data, idats)
    passes = map(Bands.from_array, _passes(pixels.whole())) if interlaced else [pixels]
    found = b""
    for part in passes:
        filters = _filters_of_pass(samples, inflater, part)
        if filters is None:
            return None
        found += filters
    return found if inflater.ended() else None


def _passes(pixels: NDArray[Any]) -> Iterator[NDArray[Any]]:
    for left, top, across, down in _PASSES:
        part = np.ascontiguousarray(pixels[top::down, left::across])
        if part.size:
            yield part


def _filters_of_pass(samples: Samples, inflater: _Inflater, pixels: Bands) -> bytes | None:
    found, above = [], None
    for band in pixels:
        rows: Bytes = samples.row_bytes(band)
        body = inflater.take(rows.size + len(rows))
        filters = body[:: rows.shape[1] + 1]
        if max(filters) >= _FILTERS:
            raise ValueError("its rows have filters that no PNG has")
        if samples.filtered(rows, filters, above) != body:
            return None
        found.append(filters)
        above = rows[-1:].copy()
    return b"".join(found)


class _Inflater:
    """The content of the stream of zlib in the chunks, from its first byte to its last."""

    def __init__(self, data: Content, idats: Sequence[Place]) -> None:
        self._chunks = (
            data[at : min(at + _CHUNK, start + size)]
            for _, start, size in idats
            for at in range(start, start + size, _CHUNK)
        )
        self._inflater, self._waiting = zlib.decompressobj(), b""

    def take(self, size: int) -> bytes:
        """The next `size` bytes. Raises ValueError if there are fewer, or damaged ones."""
        content = bytearray()
        while len(content) < size:
            if self._inflater.eof:
                raise ValueError(_SHORT)
            content += self._next(size - len(content))
        return bytes(content)

    def ended(self) -> bool:
        """Whether the stream and the chunks end here. Raises ValueError if the stream does not end,
        or its checksum is wrong.
        """
        while not self._inflater.eof:
            if self._next(1):
                return False
        return not (self._waiting or self._inflater.unused_data or any(self._chunks))

    def _next(self, most: int) -> bytes:
        """Some bytes, or none yet."""
        fed = self._waiting or next(self._chunks, b"")
        try:
            chunk = self._inflater.decompress(fed, most)
        except zlib.error as error:
            raise ValueError(f"its pixels are damaged: {error}") from None
        if not (fed or chunk or self._inflater.eof):
            raise ValueError(_SHORT)
        self._waiting = self._inflater.unconsumed_tail
        return chunk
