"""The codec of BMP and PNM files, whose pixels are not compressed.

It reads some rows at a time. The other bytes of a file form a frame, as in DICOM files: a kind of
container metadata (docs/format.md, Container metadata).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bitsback.errors import ArchiveError
from bitsback.files.bands import Bands, Read, pixels_as_they_are, reader_of, rows_of_band
from bitsback.files.drawing import UNKNOWN_ENCODER, Drawing, ExactMetadata, Seekable, Split, makes
from bitsback.files.pictures import identify, sample_bands, split_picture
from bitsback.files.png.png_parts import Bytes, pack_bits
from bitsback.format.modes import mode_of
from bitsback.io.file_io import Content, same_bytes
from bitsback.wire import Cursor, varint

_PLUGINS = (("Bmp", "BMP"), ("Ppm", "PPM"))
_BITS_OF_KIND = {
    "1": 1, "1;I": 1, "L": 8, "P": 8, "P;1": 1, "P;2": 2, "P;4": 4, "I;16B": 16, "RGB": 24,
    "BGR": 24, "BGRA": 32, "BGRX": 32, "RGB;16B": 48,
}  # fmt: skip
"""The bits of a pixel, by Pillow's name for its layout in a file."""


FLIP, _PAD, _INVERT, SWAP, PLANES, LOW_FIRST = 1, 2, 4, 8, 64, 128
_BITS = {0: 8, 16: 4, 32: 2, 48: 1}
"""The bits of a sample in a byte, by the flag of a layout."""
_SMALLEST_SEGMENT = 2  # bytes


@dataclass(frozen=True)
class Frame(ExactMetadata):
    """Container metadata: the layout of the rows in a file, and the bytes around them."""

    layout: int
    segments: tuple[tuple[int, int], ...]
    """For each run of adjacent rows: the bytes before it, and the number of rows."""
    others: bytes
    """The bytes before, between and after the rows."""

    kind = 1

    @classmethod
    def read(cls, data: Content, image: Image.Image, pixels: Bands) -> Frame | None:
        """The frame of a file; None if its pixels are not stored plainly.

        image: the same file, not loaded. pixels: as Pillow reads them.
        """
        strips = _strips(image)
        if strips is None:
            return None
        ends = pixels.rows([0, pixels.shape[0] - 1])
        for layout in _layouts(pixels):
            probe = [layout_rows(end, layout).tobytes() for end in (ends[:1], ends[-1:])]
            if layout & FLIP:
                probe.reverse()
            (first, _), (last, rows), size = strips[0], strips[-1], len(probe[0])
            end = last + rows * size
            if (data[first : first + size], data[end - size : end]) == (probe[0], probe[1]):
                frame = cls._around(data, strips, size, layout)
                if frame is not None and makes(frame, data, pixels):
                    return frame
        return None

    @classmethod
    def _around(
        cls, data: Content, strips: list[tuple[int, int]], stride: int, layout: int
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
        if mode_of(dtype, shape) is None or (self.layout & PLANES and len(shape) == 2):
            return False
        if self.layout & _INVERT and dtype.itemsize > 2:
            return False
        if self.layout & LOW_FIRST and dtype.kind != "b":
            return False
        return sum(rows for _, rows in self.segments) == shape[0] * self._planes(shape) and (
            bits == 8 or (dtype.str == "|u1" and len(shape) == 2)
        )

    def drawing(self, file: Seekable, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Drawing:
        """The file, with pixels of this dtype and shape, which fit."""
        return _Drawing(self, file, shape[0], self._planes(shape))

    def file_bytes(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
        """The bytes of the file, with pixels of this dtype and shape, which fit."""
        inner = shape[1:2] if self.layout & PLANES else shape[1:]
        rows = layout_rows(np.zeros((1, *inner), dtype), self.layout)
        return len(self.others) + shape[0] * self._planes(shape) * rows.size

    def _planes(self, shape: tuple[int, ...]) -> int:
        """The number of channels that are stored separately, one channel after the other."""
        return shape[2] if self.layout & PLANES else 1

    def pack(self) -> bytes:
        segments = b"".join(varint(gap) + varint(rows) for gap, rows in self.segments)
        return bytes([self.layout]) + varint(len(self.segments)) + segments + self.others

    @classmethod
    def unpack(cls, cursor: Cursor) -> Frame:
        """Raises ArchiveError."""
        layout, count = cursor.byte(), cursor.varint()
        if count * _SMALLEST_SEGMENT > len(cursor.data):
            raise ArchiveError("its container metadata describes an impossible file")
        segments = tuple((cursor.varint(), cursor.varint()) for _ in range(count))
        others = bytes(cursor.take(len(cursor.data) - cursor.at))
        if sum(gap for gap, _ in segments) > len(others):
            raise ArchiveError("its container metadata is too short for what is around its pixels")
        return cls(layout, segments, others)


class _Drawing:
    def __init__(self, frame: Frame, file: Seekable, height: int, planes: int) -> None:
        self._frame, self._file = frame, file
        self._row, self._height, self._planes = 0, height, planes
        self._size = len(frame.others)

    def add(self, rows: NDArray[Any]) -> None:
        planes = np.moveaxis(rows, -1, 0) if self._planes > 1 else [rows]
        for plane, part in enumerate(planes):
            data = layout_rows(part, self._frame.layout)
            if not (self._row or plane):
                self._write_others(data.shape[1])
                self._size += self._height * self._planes * data.shape[1]
            first = plane * self._height + self._row
            if self._frame.layout & FLIP:
                first = self._height * self._planes - first - len(data)
            self._write_rows(first, data)
        self._row += len(rows)

    def _write_rows(self, first: int, data: Bytes) -> None:
        stride = data.shape[1]
        row = at = 0
        for gap, count in self._frame.segments:
            at += gap
            start, stop = max(first, row), min(first + len(data), row + count)
            if start < stop:
                self._file.seek(at + (start - row) * stride)
                self._file.write(data[start - first : stop - first].tobytes())
            row, at = row + count, at + count * stride

    def close(self) -> int:
        return self._size

    def _write_others(self, stride: int) -> None:
        others, taken, at = self._frame.others, 0, 0
        for gap, count in [*self._frame.segments, (len(self._frame.others), 0)]:
            chunk = others[taken : taken + gap]
            self._file.seek(at)
            self._file.write(chunk)
            taken, at = taken + len(chunk), at + len(chunk) + count * stride


def layout_rows(pixels: NDArray[Any], layout: int) -> Bytes:
    """The bytes of each row in the file: [rows, bytes]. Raises ArchiveError."""
    bits = _BITS[layout & 48]
    colours = pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] in (3, 4)
    if layout & SWAP and colours:
        pixels = pixels[:, :, [2, 1, 0, *range(3, pixels.shape[2])]]
    rows = np.ascontiguousarray(pixels).reshape(len(pixels), -1)
    if rows.dtype == bool:
        order: Literal["little", "big"] = "little" if layout & LOW_FIRST else "big"
        rows = np.packbits(rows ^ bool(layout & _INVERT), axis=1, bitorder=order)
    elif rows.dtype == np.uint8:
        if bits < 8 and (rows >> bits).any():
            raise ArchiveError("its pixels have values that its file cannot have")
        rows = rows ^ np.uint8((1 << bits) - 1 if layout & _INVERT else 0)
        if bits < 8:
            rows = pack_bits(rows, bits)
    else:
        stored = rows.dtype.newbyteorder(">" if layout & SWAP else "<")
        rows = rows.astype(stored, copy=False).view(np.uint8)
        rows = rows ^ np.uint8(255 if layout & _INVERT else 0)
    if layout & _PAD:
        rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    return rows[::-1] if layout & FLIP else rows


def _layouts(pixels: Bands) -> Iterator[int]:
    """All possible layouts of these pixels."""
    deep, flat = pixels.dtype == np.uint16, len(pixels.shape) == 2
    swaps = (0, SWAP) if deep or not flat else (0,)
    deepest = pixels.dtype == np.uint8 and flat
    most = max(int(band.max(initial=0)) for band in pixels) if deepest else 255
    bits = [code for code, count in _BITS.items() if count == 8 or most < 1 << count]
    for parts in product(bits, swaps, (0, _INVERT), (0, FLIP), (0, _PAD)):
        yield sum(parts)


def _strips(image: Image.Image) -> list[tuple[int, int]] | None:
    """The offset and the number of rows of each strip; None if they are compressed or in tiles."""
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


def bands_of(image: Image.Image) -> Read | None:
    """Reads rows straight from the file; None if its pixels are compressed, or have an unknown
    layout.
    """
    tiles: Any = getattr(image, "tile", ())
    if len(tiles) != 1:
        return None
    decoder, box, offset, arguments = tiles[0]
    kind, *more = (arguments,) if isinstance(arguments, str) else arguments
    deep = (decoder, arguments) == ("ppm", ("RGB", 65535))  # Pillow would read only 8 bits
    if deep:
        kind, more = "RGB;16B", []
    if box != (0, 0, *image.size) or kind not in _BITS_OF_KIND or not (deep or decoder == "raw"):
        return None
    stride = (more[0] if more else 0) or -(-image.width * _BITS_OF_KIND[kind] // 8)
    upwards = len(more) > 1 and more[1] < 0
    file, mode, (width, height) = reader_of(image), image.mode, image.size
    step = rows_of_band(stride)

    def read() -> Iterator[NDArray[Any]]:
        for first in range(0, height, step):
            last = min(first + step, height)
            at = height - last if upwards else first
            data = file.read(offset + at * stride, (last - first) * stride)
            if deep:
                if len(data) < (last - first) * stride:
                    raise OSError("image file is truncated")
                yield np.frombuffer(data, ">u2").astype("<u2").reshape(-1, width, 3)
                continue
            size, order = (width, last - first), -1 if upwards else 1
            yield pixels_as_they_are(Image.frombytes(mode, size, data, "raw", kind, stride, order))

    return read


def samples(file: BinaryIO) -> Bands | None:
    return sample_bands(identify(file, _PLUGINS), bands_of)


def split(file: BinaryIO, exact: bool) -> Split | None:
    def metadata_of(data: Content, file: BinaryIO, pixels: Bands) -> Frame | None:
        # opened again, since loading changes its info
        return Frame.read(data, identify(file, _PLUGINS), pixels)

    return split_picture(file, _PLUGINS, bands_of, metadata_of)


def refusal(file: BinaryIO) -> str:
    decoder, _, _, arguments = getattr(identify(file, _PLUGINS), "tile")[0]  # noqa: B009
    if decoder == "bmp_rle":
        return "run lengths, a compression of BMP"
    if decoder == "ppm_plain":
        return "samples as text, a kind of PNM"
    return f"{UNKNOWN_ENCODER}{arguments[0] if isinstance(arguments, tuple) else arguments}"


def unpack(cursor: Cursor, kind: int) -> Frame:
    return Frame.unpack(cursor)


same = same_bytes
