"""The elements of data sets of HDF5 and NetCDF-4 files as pixels, and the container metadata of
shuffled ones (docs/format.md, A6.4).
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError
from bitsback.files.bitmap import SWAP, Frame
from bitsback.files.drawing import Drawing, ExactMetadata, Seekable, WholeDrawing, pack
from bitsback.format.grid import Shape
from bitsback.wire import Cursor, varint

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_LEAST, _MOST = 1 << 13, 1 << 25
"""The least and the most bytes of elements that are coded together."""
_HEADER = 2  # bytes before a raw stream


def is_hdf5(start: bytes) -> bool:
    """Whether a file that starts with these bytes is an HDF5 file, perhaps behind a user block."""
    places = [0, *(1 << bits for bits in range(9, 16))]
    return any(start.startswith(_SIGNATURE, place) for place in places)


@dataclass(frozen=True, eq=False)
class DataSet:
    """The chunks of a data set that are stored alike; all of a contiguous one is a chunk."""

    dtype: np.dtype[Any]
    """That of its elements, in their byte order."""
    row: Shape
    """The elements of a row of a picture: [columns] or [columns, channels]; [0] for data of one
    axis, which are one row.
    """
    element: int
    """The bytes of an element; of other elements than numbers, dtype and row have its bytes."""
    chunk: int
    """The bytes of a chunk without filters."""
    shuffled: bool
    deflated: bool
    places: NDArray[np.int64]
    """The first byte of each chunk, in the order of the file."""

    def within(self, start: int, size: int) -> DataSet:
        """Its chunks in `size` bytes from `start` on, with places there."""
        places = self.places - start
        return replace(self, places=places[(places > -self.chunk) & (places < size)])

    def spans(self, size: int) -> Iterator[tuple[int, int]]:
        """The places and sizes of whole rows, or of whole chunks if they are shuffled, within
        `size` bytes. Adjacent chunks without deflate are one span.
        """
        row = max(math.prod(self.row), 1) * self.dtype.itemsize
        unit = self.chunk if self.shuffled else row
        step = max(_MOST // unit, 1) * unit
        breaks = np.flatnonzero(np.diff(self.places) != self.chunk) + 1
        for run in filter(len, np.split(self.places, breaks)):
            begin, end = int(run[0]), min(int(run[-1]) + self.chunk, size)
            begin += max(-(begin // unit), 0) * unit
            end -= (end - begin) % unit
            for start in range(begin, end, step):
                if min(end - start, step) >= _LEAST:
                    yield start, min(end - start, step)

    def inflated(self, streams: dict[int, tuple[int, int]]) -> DataSet:
        """Its chunks in plaintexts. streams: the place and size of the plaintext of each raw
        stream, by its place.
        """
        found = (streams.get(int(place) + _HEADER, (0, 0)) for place in self.places)
        places = [place for place, size in found if size == self.chunk]
        return replace(self, deflated=False, places=np.array(places, np.int64))

    def split(self, data: bytes) -> tuple[NDArray[Any], bytes]:
        """The pixels and the container metadata of the bytes of a span."""
        raw = _transposed(data, self.chunk, self.element) if self.shuffled else data
        rows = (1, -1) if self.row == (0,) else (-1, *self.row)
        stored = np.frombuffer(raw, self.dtype).reshape(rows)
        pixels = stored.astype(self.dtype.newbyteorder("<"))
        frame = Frame(SWAP if self.dtype.str[0] == ">" else 0, ((0, len(pixels)),), b"")
        return pixels, pack(Shuffled(self.chunk, self.element, frame) if self.shuffled else frame)


def _transposed(data: bytes, chunk: int, rows: int) -> bytes:
    """The bytes with each chunk of so many bytes, a matrix of so many rows, transposed."""
    chunks = np.frombuffer(data, np.uint8).reshape(-1, rows, chunk // rows)
    return chunks.swapaxes(1, 2).tobytes()


@dataclass(frozen=True)
class Shuffled(ExactMetadata):
    """The container metadata of chunks of a frame's file whose bytes are shuffled.

    The first bytes of all elements of a chunk come first, then the second ones, and so on.
    """

    chunk: int
    """The bytes of a chunk, a multiple of those of an element."""
    element: int
    frame: Frame

    kind = 5

    def fits(self, dtype: np.dtype[Any], shape: Shape) -> bool:
        """Whether pixels of this dtype and shape can be those of the chunks."""
        return (
            self.frame.fits(dtype, shape) and self.frame.file_bytes(dtype, shape) % self.chunk == 0
        )

    def drawing(self, file: Seekable, dtype: np.dtype[Any], shape: Shape) -> Drawing:
        """The file, with pixels of this dtype and shape, which fit."""

        def make(pixels: NDArray[Any]) -> bytes:
            whole = io.BytesIO()
            inner = self.frame.drawing(whole, dtype, shape)
            inner.add(pixels)
            inner.close()
            return _transposed(whole.getvalue(), self.chunk, self.chunk // self.element)

        return WholeDrawing(file, make)

    def pack(self) -> bytes:
        return varint(self.chunk) + varint(self.element) + pack(self.frame)

    @classmethod
    def unpack(cls, cursor: Cursor) -> Shuffled:
        """Raises ArchiveError."""
        chunk, element, kind = cursor.varint(), cursor.varint(), cursor.byte()
        if kind != Frame.kind or not chunk or not element or chunk % element:
            raise ArchiveError("its container metadata describes impossible chunks")
        return cls(chunk, element, Frame.unpack(cursor))
