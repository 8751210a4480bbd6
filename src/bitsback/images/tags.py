"""The tags of a compressed TIFF file of one page, of which the pixels are compressed anew
(docs/format.md, Notes). Source: TIFF revision 6.0, section 2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError
from bitsback.images.bands.bands import Bands
from bitsback.images.directory import LONG, MOST, SHORT, SIZES, pack_directory
from bitsback.images.drawing import Drawing, Seekable
from bitsback.images.file_io import Content
from bitsback.images.tiff_strips import DEFLATE, StripWriter, as_rows, bits_of, row_size
from bitsback.wire import Cursor, varint

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_FILL_ORDER, _OFFSETS, _SAMPLES, _ROWS, _COUNTS, _PLANES = 266, 273, 277, 278, 279, 284
_PREDICTOR = 317
_OURS = frozenset(
    [_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _OFFSETS, _SAMPLES, _ROWS, _COUNTS, _PLANES, _PREDICTOR]
)
"""Tags that tell how pixels are stored, which are written anew."""
_REFUSED = frozenset(
    [_FILL_ORDER, 322, 323, 324, 325, 330, 347, 34665, 34853, 40965, 512, 513, 514]
)
"""Tiles, tables of JPEG, and pointers to what stands elsewhere in the file."""
_WORDS = {5: 4, 10: 4}
"""Bytes of what an element of a type is made of, where these are two."""
_COMPRESSIONS = (5, 8, 32773, 32946)
"""LZW, deflate, PackBits, deflate by its old number."""
_SMALLEST_TAG = 3  # bytes in a note

Tag = tuple[int, int, bytes]
"""Its number, its type, and its values, little-endian."""


@dataclass(frozen=True)
class Tags:
    """Those of a file that do not tell how its pixels are stored."""

    tags: tuple[Tag, ...]

    @classmethod
    def of(cls, data: Content, pixels: Bands) -> Tags | None:
        """What is kept of a file; None if it has more than can be told."""
        found = _read(data)
        if found is None:
            return None
        tags = {number: values for number, _, values in found}
        if _REFUSED & tags.keys() or not tags.keys() >= {_COMPRESSION, _PHOTOMETRIC}:
            return None
        if int.from_bytes(tags[_COMPRESSION][:2], "little") not in _COMPRESSIONS:
            return None
        bits = bits_of(pixels.dtype)
        channels = 1 if len(pixels.shape) == 2 else pixels.shape[2]
        if tags.get(_BITS, struct.pack("<H", 1)) != struct.pack("<H", bits) * channels:
            return None  # a palette, say, would be of another length
        kept = cls(tuple(tag for tag in found if tag[0] not in _OURS))
        return kept if kept.fits(pixels.dtype, pixels.shape) else None

    @property
    def certain(self) -> bool:
        """Whether a file can be made with any pixels that fit."""
        return True

    def fits(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
        """Whether pixels of this dtype and shape can be those of the file."""
        return dtype.str in ("|b1", "|u1", "<u2")

    def drawing(self, file: Seekable, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Drawing:
        """The file, with pixels of this dtype and shape."""
        return _Drawing(self, file, dtype, shape)

    def pack(self) -> bytes:
        tags = [
            varint(number) + bytes([kind]) + varint(len(values)) + values
            for number, kind, values in self.tags
        ]
        return varint(len(tags)) + b"".join(tags)

    @classmethod
    def unpack(cls, cursor: Cursor) -> Tags:
        """Raises ArchiveError."""
        count = cursor.varint()
        if count * _SMALLEST_TAG > len(cursor.data):
            raise ArchiveError("its note is too short for its tags")
        tags = []
        for _ in range(count):
            number, kind = cursor.varint(), cursor.byte()
            values = cursor.take(cursor.varint())
            if (
                number > 65535 or number in _OURS or number in _REFUSED
                or kind not in SIZES or len(values) % SIZES[kind]
            ):  # fmt: skip
                raise ArchiveError("its note has a tag that there cannot be")
            tags.append((number, kind, values))
        if len({number for number, _, _ in tags}) < len(tags):
            raise ArchiveError("its note has a tag twice")
        return cls(tuple(tags))


class _Drawing:
    """A file whose strips are written one after the other; what tells of them is behind them."""

    def __init__(
        self, tags: Tags, file: Seekable, dtype: np.dtype[Any], shape: tuple[int, ...]
    ) -> None:
        self._tags = {number: (kind, values) for number, kind, values in tags.tags}
        self._file, self._bits, self._shape = file, bits_of(dtype), shape
        self._channels = 1 if len(shape) == 2 else shape[2]
        # Pillow shows white as the greatest value.
        white = (_PHOTOMETRIC, SHORT, b"\0\0") in tags.tags
        self._inverted = white and self._channels < 3
        file.write(b"II*\0")
        file.seek(8)  # behind the place of the directory, which is written last
        self._strips = StripWriter(file.write, shape[0], row_size(dtype, shape), 8)

    def add(self, rows: NDArray[Any]) -> None:
        """Raises ArchiveError where the file would be too long."""
        self._strips.add(as_rows(~rows if self._inverted else rows))
        self._check(self._strips.end)

    def close(self) -> int:
        """Raises ArchiveError where the file would be too long."""
        strips, (height, width) = self._strips, self._shape[:2]
        tags = self._tags | {
            _WIDTH: _longs(width), _HEIGHT: _longs(height), _ROWS: _longs(strips.rows),
            _BITS: (SHORT, struct.pack("<H", self._bits) * self._channels),
            _COMPRESSION: (SHORT, struct.pack("<H", DEFLATE)),
            _SAMPLES: (SHORT, struct.pack("<H", self._channels)),
            _OFFSETS: _longs(*strips.offsets), _COUNTS: _longs(*strips.counts),
        }  # fmt: skip
        padding = bytes(strips.end % 2)
        start, directory = pack_directory(tags, strips.end + len(padding))
        size = strips.end + len(padding) + len(directory)
        self._check(size)
        self._file.write(padding + directory)
        self._file.seek(4)
        self._file.write(struct.pack("<I", start))
        return size

    def _check(self, size: int) -> None:
        if size > MOST:
            raise ArchiveError("it would be longer than the 4 GiB of a TIFF file")


def _longs(*values: int) -> tuple[int, bytes]:
    return LONG, struct.pack(f"<{len(values)}I", *values)


def _read(data: Content) -> list[Tag] | None:
    """The tags of the only page, in order; None if there are more pages, or it cannot be read."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return None
    try:
        (at,) = struct.unpack(order + "I", data[4:8])
        (count,) = struct.unpack(order + "H", data[at : at + 2])
        entries = data[at + 2 : at + 2 + 12 * count]
        following = data[at + 2 + 12 * count : at + 6 + 12 * count]
        if struct.unpack(order + "I", following) != (0,):
            return None
        return list(_entries(data, order, entries))
    except (struct.error, KeyError, ValueError):
        return None


def _entries(data: Content, order: str, entries: bytes) -> Iterator[Tag]:
    """Raises KeyError for a type that is not known, ValueError for values that are not there."""
    for entry in struct.iter_unpack("12s", entries):
        number, kind, elements = struct.unpack(order + "HHI", entry[0][:8])
        size = elements * SIZES[kind]
        if size > 4:
            (start,) = struct.unpack(order + "I", entry[0][8:])
            values = data[start : start + size]
        else:
            values = entry[0][8 : 8 + size]
        if len(values) != size:
            raise ValueError
        word = _WORDS.get(kind, SIZES[kind])
        if order == ">" and word > 1:
            values = np.frombuffer(values, np.uint8).reshape(-1, word)[:, ::-1].tobytes()
        yield number, kind, values
