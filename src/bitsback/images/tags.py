"""The tags of a compressed TIFF file of one page, of which the pixels are compressed anew
(docs/format.md, Notes). Source: TIFF revision 6.0, section 2.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError
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
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_WORDS = {5: 4, 10: 4}
"""Bytes of what an element of a type is made of, where these are two."""
_DEFLATE = 8
_LIMIT = (1 << 32) - (1 << 10)
_COMPRESSIONS = (5, 8, 32773, 32946)
"""LZW, deflate, PackBits, deflate by its old number."""
_SMALLEST_TAG = 3  # bytes in a note
_SHORT, _LONG = 3, 4

Tag = tuple[int, int, bytes]
"""Its number, its type, and its values, little-endian."""


@dataclass(frozen=True)
class Tags:
    """Those of a file that do not tell how its pixels are stored."""

    tags: tuple[Tag, ...]

    @classmethod
    def of(cls, data: bytes, pixels: NDArray[Any]) -> Tags | None:
        """What is kept of a file; None if it has more than can be told."""
        found = _read(data)
        if found is None:
            return None
        tags = {number: values for number, _, values in found}
        if _REFUSED & tags.keys() or not tags.keys() >= {_COMPRESSION, _PHOTOMETRIC}:
            return None
        if int.from_bytes(tags[_COMPRESSION][:2], "little") not in _COMPRESSIONS:
            return None
        bits = 1 if pixels.dtype == bool else 8 * pixels.itemsize
        channels = 1 if pixels.ndim == 2 else pixels.shape[2]
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

    def file(self, pixels: NDArray[Any]) -> bytes:
        """The file, with these pixels, in one strip. Raises ArchiveError."""
        height, width = pixels.shape[:2]
        channels = 1 if pixels.ndim == 2 else pixels.shape[2]
        bits = 1 if pixels.dtype == bool else 8 * pixels.itemsize
        inverted = (_PHOTOMETRIC, _SHORT, b"\0\0") in self.tags and channels < 3
        if inverted:  # Pillow shows white as the greatest value
            pixels = ~pixels
        rows = np.packbits(pixels, axis=1) if pixels.dtype == bool else np.ascontiguousarray(pixels)
        strip = zlib.compress(rows.tobytes())
        if len(strip) + sum(len(values) + 13 for _, _, values in self.tags) >= _LIMIT:
            raise ArchiveError("it would be longer than the 4 GiB of a TIFF file")
        tags = {number: (kind, values) for number, kind, values in self.tags}
        tags |= {
            _WIDTH: _number(width), _HEIGHT: _number(height), _ROWS: _number(height),
            _BITS: (_SHORT, struct.pack("<H", bits) * channels),
            _COMPRESSION: (_SHORT, struct.pack("<H", _DEFLATE)),
            _SAMPLES: (_SHORT, struct.pack("<H", channels)),
            _OFFSETS: _number(8), _COUNTS: _number(len(strip)),
        }  # fmt: skip
        body = b"II*\0" + struct.pack("<I", 0) + strip + bytes(len(strip) % 2)
        entries = []
        for number, (kind, values) in sorted(tags.items()):
            place = values.ljust(4, b"\0")
            if len(values) > 4:
                place = struct.pack("<I", len(body))
                body += values + bytes(len(values) % 2)
            count = len(values) // _SIZES[kind]
            entries.append(struct.pack("<HHI", number, kind, count) + place)
        at = struct.pack("<I", len(body))
        directory = struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4)
        return body[:4] + at + body[8:] + directory

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
                or kind not in _SIZES or len(values) % _SIZES[kind]
            ):  # fmt: skip
                raise ArchiveError("its note has a tag that there cannot be")
            tags.append((number, kind, values))
        if len({number for number, _, _ in tags}) < len(tags):
            raise ArchiveError("its note has a tag twice")
        return cls(tuple(tags))


def _number(value: int) -> tuple[int, bytes]:
    return _LONG, struct.pack("<I", value)


def _read(data: bytes) -> list[Tag] | None:
    """The tags of the only page, in order; None if there are more pages, or it cannot be read."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return None
    try:
        (at,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, at)
        (following,) = struct.unpack_from(order + "I", data, at + 2 + 12 * count)
        if following:
            return None
        return list(_entries(data, order, at + 2, count))
    except (struct.error, KeyError, ValueError):
        return None


def _entries(data: bytes, order: str, at: int, count: int) -> Iterator[Tag]:
    """Raises KeyError for a type that is not known, ValueError for values that are not there."""
    for place in range(at, at + 12 * count, 12):
        number, kind, elements = struct.unpack_from(order + "HHI", data, place)
        size = elements * _SIZES[kind]
        start = place + 8
        if size > 4:
            (start,) = struct.unpack_from(order + "I", data, start)
        values = data[start : start + size]
        if len(values) != size:
            raise ValueError
        word = _WORDS.get(kind, _SIZES[kind])
        if order == ">" and word > 1:
            values = np.frombuffer(values, np.uint8).reshape(-1, word)[:, ::-1].tobytes()
        yield number, kind, values
