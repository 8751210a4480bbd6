"""Strips of a TIFF file: some rows at a time, compressed. Source: TIFF revision 6.0, section 3."""

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

DEFLATE = 8
_STRIP = 1 << 20  # bytes of rows, about


class StripWriter:
    """Writes the rows of a picture, as `as_rows` gives them."""

    def __init__(self, write: Callable[[bytes], object], height: int, row: int, start: int) -> None:
        """row: bytes of one. start: where in the file the first strip begins."""
        self.rows = min(max(_STRIP // max(row, 1), 1), height)
        """Of each strip but the last."""
        self.offsets: list[int] = []
        self.counts: list[int] = []
        self.end = start
        self._write, self._left, self._room = write, height, 0
        self._packer = zlib.compressobj()

    def add(self, rows: NDArray[np.uint8]) -> None:
        """The next rows, [rows, bytes]."""
        while len(rows):
            if not self._room:
                self._packer, self._room = zlib.compressobj(), min(self.rows, self._left)
                self.offsets.append(self.end)
            taken, rows = rows[: self._room], rows[self._room :]
            self._room, self._left = self._room - len(taken), self._left - len(taken)
            self._put(self._packer.compress(np.ascontiguousarray(taken).data))
            if not self._room:
                self._put(self._packer.flush())
                self.counts.append(self.end - self.offsets[-1])

    def _put(self, data: bytes) -> None:
        self._write(data)
        self.end += len(data)


def as_rows(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """The bytes of each row, [rows, bytes]."""
    if pixels.dtype == bool:
        return np.packbits(pixels, axis=1)
    return np.ascontiguousarray(pixels).reshape(len(pixels), -1).view(np.uint8)


def bits_of(dtype: np.dtype[Any]) -> int:
    """Of a sample."""
    return 1 if dtype.kind == "b" else 8 * dtype.itemsize


def row_size(dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
    """Bytes of a row of a picture."""
    _, width, *channels = shape
    return -(-width * bits_of(dtype) * (channels[0] if channels else 1) // 8)
