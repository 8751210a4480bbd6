"""A file in which pixels stand as they are, BMP, PNM and TIFF without compression: all of it but
its pixels (docs/format.md, Notes).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitsback.errors import ArchiveError
from bitsback.images.png import Bytes, pack_bits
from bitsback.wire import Cursor, varint

_FLIP, _PAD, _INVERT, _SWAP = 1, 2, 4, 8
_BITS = {0: 8, 16: 4, 32: 2, 48: 1}
"""Bits of a sample of a byte, by what of a layout tells it."""
_SMALLEST_SEGMENT = 2  # bytes


@dataclass(frozen=True)
class Frame:
    """How rows stand in a file, and what stands around them."""

    layout: int
    segments: tuple[tuple[int, int], ...]
    """For each run of rows that follow one another the bytes before it, and how many they are."""
    others: bytes
    """What is before, between and behind them."""

    @classmethod
    def of(cls, data: bytes, image: Image.Image, pixels: NDArray[Any]) -> Frame | None:
        """That of a file; None if its pixels do not stand in it as they are.

        image: the same file, not loaded. pixels: as Pillow reads them.
        """
        strips = _strips(image)
        if strips is None:
            return None
        for layout in _layouts(pixels):
            ends = [pixels[:1], pixels[-1:]]
            probe = [layout_rows(end, layout).tobytes() for end in ends]
            if layout & _FLIP:
                probe.reverse()
            first, last = strips[0], strips[-1]
            end = last[0] + last[1] * len(probe[1])
            if data[first[0] :].startswith(probe[0]) and data[:end].endswith(probe[1]):
                frame = cls._around(data, strips, len(probe[0]), layout)
                if frame is not None and frame.file(pixels) == data:
                    return frame
        return None

    @classmethod
    def _around(
        cls, data: bytes, strips: list[tuple[int, int]], stride: int, layout: int
    ) -> Frame | None:
        segments: list[tuple[int, int]] = []
        others, at = [], 0
        for offset, rows in strips:
            if offset < at:
                return None
            if offset == at and segments:
                segments[-1] = segments[-1][0], segments[-1][1] + rows
            else:
                segments.append((offset - at, rows))
                others.append(data[at:offset])
            at = offset + rows * stride
        return cls(layout, tuple(segments), b"".join([*others, data[at:]]))

    @property
    def certain(self) -> bool:
        """Whether a file can be made with any pixels that fit."""
        return _BITS[self.layout & 48] == 8

    def fits(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
        """Whether pixels of this dtype and shape can be those of the file."""
        bits = _BITS[self.layout & 48]
        return sum(rows for _, rows in self.segments) == shape[0] and (
            bits == 8 or (dtype.str == "|u1" and len(shape) == 2)
        )

    def file(self, pixels: NDArray[Any]) -> bytes:
        """The file, with these pixels. Raises ArchiveError if they cannot be its own."""
        rows = layout_rows(pixels, self.layout)
        parts, row, at = [], 0, 0
        for gap, count in self.segments:
            parts += [self.others[at : at + gap], rows[row : row + count].tobytes()]
            row, at = row + count, at + gap
        return b"".join([*parts, self.others[at:]])

    def pack(self) -> bytes:
        segments = b"".join(varint(gap) + varint(rows) for gap, rows in self.segments)
        return bytes([self.layout]) + varint(len(self.segments)) + segments + self.others

    @classmethod
    def unpack(cls, cursor: Cursor) -> Frame:
        """Raises ArchiveError."""
        layout, count = cursor.byte(), cursor.varint()
        if layout > 63 or count * _SMALLEST_SEGMENT > len(cursor.data):
            raise ArchiveError("its note tells of a file that there cannot be")
        segments = tuple((cursor.varint(), cursor.varint()) for _ in range(count))
        others = bytes(cursor.take(len(cursor.data) - cursor.at))
        if sum(gap for gap, _ in segments) > len(others):
            raise ArchiveError("its note is too short for what is around its pixels")
        return cls(layout, segments, others)


def layout_rows(pixels: NDArray[Any], layout: int) -> Bytes:
    """The bytes of each row as they stand in the file: [rows, bytes]. Raises ArchiveError."""
    bits = _BITS[layout & 48]
    if layout & _SWAP and pixels.ndim == 3:
        pixels = (
            pixels[:, :, [2, 1, 0, *range(3, pixels.shape[2])]] if pixels.shape[2] > 2 else pixels
        )
    rows = np.ascontiguousarray(pixels).reshape(len(pixels), -1)
    if rows.dtype == bool:
        rows = np.packbits(rows ^ bool(layout & _INVERT), axis=1)
    elif rows.dtype == np.uint8:
        if bits < 8 and (rows >> bits).any():
            raise ArchiveError("its pixels have values that its file cannot have")
        rows = rows ^ np.uint8((1 << bits) - 1 if layout & _INVERT else 0)
        if bits < 8:
            rows = pack_bits(rows, bits)
    else:
        rows = rows ^ np.uint16(65535 if layout & _INVERT else 0)
        rows = rows.astype(">u2" if layout & _SWAP else "<u2").view(np.uint8)
    if layout & _PAD:
        rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    return rows[::-1] if layout & _FLIP else rows


def _layouts(pixels: NDArray[Any]) -> Iterator[int]:
    """Those that there may be."""
    swaps = (0, _SWAP) if pixels.dtype == np.uint16 or pixels.ndim == 3 else (0,)
    deepest = pixels.dtype == np.uint8 and pixels.ndim == 2
    most = int(pixels.max(initial=0)) if deepest else 255
    bits = [code for code, count in _BITS.items() if count == 8 or most < 1 << count]
    for parts in product(bits, swaps, (0, _INVERT), (0, _FLIP), (0, _PAD)):
        yield sum(parts)


def _strips(image: Image.Image) -> list[tuple[int, int]] | None:
    """Where rows begin, and how many: (offset, rows); None if they are compressed or in tiles."""
    found, row = [], 0
    for kind, box, offset, _ in getattr(image, "tile", ()):
        if kind not in ("raw", "ppm") or box is None:
            return None
        left, top, right, bottom = box
        if (left, right) != (0, image.width) or top != row:
            return None
        found.append((offset, bottom - top))
        row = bottom
    return found if row == image.height and found else None
