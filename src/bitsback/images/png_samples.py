"""The rows of a PNG as bytes, and their filters. Source: PNG (second edition), sections 7 and 9."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError
from bitsback.images.png_chunks import Chunk

Bytes = NDArray[np.uint8]

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
_BAND = 1 << 20  # bytes of rows that are filtered at a time


@dataclass(frozen=True)
class Samples:
    """What a pixel is: bits of a sample, and the type of colour."""

    depth: int
    colour: int

    @property
    def held(self) -> bool:
        """Whether there are pixels that hold them."""
        return self.depth in _DEPTHS.get(self.colour, ())

    @property
    def indexed(self) -> bool:
        """Whether they are indexes into a palette."""
        return self.colour == _INDEXED

    def fit(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
        """Whether pixels of this dtype and shape can be these."""
        if len(shape) == 2:
            channels, bits = 1, {"|b1": 1, "|u1": 8, "<u2": 16}.get(dtype.str)
        else:
            channels, bits = shape[2], 8 if dtype.str == "|u1" else None
        if channels != _CHANNELS[self.colour] or bits is None:
            return False
        if bits == 8:
            return self.depth <= 8 and not (self.depth == 1 and self.colour == _GREY)
        return self.depth == bits and self.colour == _GREY

    def header(self, size: tuple[int, int]) -> Chunk:
        """IHDR of a picture of so many columns and rows."""
        return b"IHDR", struct.pack(">IIBBBBB", *size, self.depth, self.colour, 0, 0, 0)

    def bytes_of_row(self, width: int) -> int:
        """Before filters."""
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
        """The usual choice: none where samples are parts of bytes or indexes, and otherwise for
        each row the filter with the least sum of absolute differences. above: the row before them.
        """
        if self.depth < 8 or self.indexed:
            return bytes(len(rows))
        sums = np.empty((5, len(rows)), np.int64)
        for start, band, over in _bands(rows, above):
            for kind in range(5):
                found = _filter(band, over, self._distance, kind).view(np.int8)
                sums[kind, start : start + len(band)] = np.abs(found.astype(np.int16)).sum(1)
        return bytes(sums.argmin(0).tolist())

    def filtered(self, rows: Bytes, filters: bytes, above: Bytes | None = None) -> bytes:
        """What is compressed: each row behind its filter's number."""
        kinds = np.frombuffer(filters, np.uint8)
        out = np.empty((len(rows), rows.shape[1] + 1), np.uint8)
        out[:, 0] = kinds
        for start, band, over in _bands(rows, above):
            of_band = kinds[start : start + len(band)]
            for kind in np.unique(of_band):
                which = of_band == kind
                out[start : start + len(band), 1:][which] = _filter(
                    band[which], over[which], self._distance, int(kind)
                )
        return out.tobytes()

    @property
    def _distance(self) -> int:
        """Bytes to what a filter takes for the pixel before."""
        return max(_CHANNELS[self.colour] * self.depth // 8, 1)


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


def _bands(rows: Bytes, first_above: Bytes | None) -> Iterator[tuple[int, Bytes, Bytes]]:
    """Some rows at a time: the number of the first, they, and those above them."""
    step = max(_BAND // max(rows.shape[1], 1), 1)
    for start in range(0, len(rows), step):
        band = rows[start : start + step]
        above = np.zeros_like(band)
        above[1:] = band[:-1]
        if start:
            above[0] = rows[start - 1]
        elif first_above is not None:
            above[:1] = first_above
        yield start, band, above
