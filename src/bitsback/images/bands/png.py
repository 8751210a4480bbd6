"""Bands of a PNG file without interlace. Source: PNG (second edition), sections 7 to 10.

The filters of a row look at the row above. So a band is made to a small file, whose first row is
the last one of the band before, without a filter, and Pillow reads that.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from bitsback.images.bands.bands import Read, pixels_as_they_are, reader_of, rows_of_band
from bitsback.images.file_io import Reader
from bitsback.images.png_chunks import AROUND, MAGIC, Chunk, pack_chunk
from bitsback.images.png_samples import Samples

_PIECE = 1 << 18
_STORED = 0  # level of deflate


def png_bands(image: Image.Image) -> Read | None:
    """Of an open picture; None if it cannot be read so."""
    file = reader_of(image)
    start = file.read(0, 33)
    if start[:8] != MAGIC or start[12:16] != b"IHDR":
        return None
    width, height, depth, colour, *methods = struct.unpack(">IIBBBBB", start[16:29])
    samples, mode = Samples(depth, colour), image.mode
    if (width, height) != image.size or any(methods) or not samples.held:
        return None

    def read() -> Iterator[NDArray[Any]]:
        chunks, above, left = _Chunks(file), b"", height
        inflater, waiting = zlib.decompressobj(), b""
        row = 1 + samples.bytes_of_row(width)
        while left:
            count = min(rows_of_band(row), left)
            content = bytearray()
            while len(content) < count * row:
                waiting = waiting or chunks.next_pixels()
                content += inflater.decompress(waiting, count * row - len(content))
                waiting = inflater.unconsumed_tail
                if inflater.eof and len(content) < count * row:
                    raise OSError("image file is truncated")
            made = _small_file(samples, chunks.palette, (width, count), above, bytes(content))
            with Image.open(io.BytesIO(made), formats=("PNG",)) as part:
                if part.mode != mode:
                    raise OSError("its chunks are in another order than they may be")
                part.load()
                pixels = pixels_as_they_are(part)[bool(above) :]
            above = samples.row_bytes(pixels[-1:]).tobytes()
            left -= count
            yield pixels

    return read


class _Chunks:
    """The chunks of a file, one after the other."""

    def __init__(self, file: Reader) -> None:
        self._file, self._at = file, len(MAGIC)
        self._left = 0
        """Bytes of the IDAT chunk that it is in."""
        self.palette: list[Chunk] = []

    def next_pixels(self) -> bytes:
        """Some of what is in the IDAT chunks. Raises OSError behind the last one."""
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
        data = self._file.read(self._at, min(self._left, _PIECE))
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
    return MAGIC + b"".join(map(pack_chunk, chunks))
