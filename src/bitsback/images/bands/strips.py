"""Bands of a compressed TIFF file: some of its strips, or of its rows of tiles, at a time, made to
a small file that Pillow reads. Source: TIFF revision 6.0, sections 3 and 15.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from bitsback.images.bands.bands import Read, pixels_as_they_are, reader_of, rows_of_band
from bitsback.images.directory import LONG, pack_directory

_WIDTH, _HEIGHT, _COMPRESSION, _PLANES, _ORIENTATION = 256, 257, 259, 284, 274
_OFFSETS, _ROWS, _COUNTS = 273, 278, 279
_TILE_WIDTH, _TILE_ROWS, _TILE_OFFSETS, _TILE_COUNTS = 322, 323, 324, 325
_KEPT = (258, _COMPRESSION, 262, 266, 277, _PLANES, 292, 293, 317, 320, 338, 339, 347, 530)
"""Tags that say how pixels are compressed, and what they mean."""
_COMPRESSIONS = (2, 3, 4, 5, 7, 8, 32773, 32946, 34925, 50000)
"""Of strips each on its own: of faxes, LZW, JPEG, deflate, PackBits, LZMA, Zstandard."""
_TYPES = {1: "B", 3: "H", 4: "I", 7: "B"}


@dataclass(frozen=True)
class _Layout:
    """Of strips, of which there is one side by side, or of tiles."""

    rows: int
    """Of each, but for the last strip."""
    across: int
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    tile: tuple[int, int] | None
    """Columns and rows."""


def strip_bands(image: Image.Image) -> Read | None:
    """Of the current frame of an open TIFF file; None if it cannot be read so."""
    tags: Any = getattr(image, "tag_v2", None)
    if tags is None or tags.get(_COMPRESSION) not in _COMPRESSIONS:
        return None
    if tags.get(_PLANES, 1) != 1 or tags.get(_ORIENTATION, 1) != 1:
        return None
    layout, kept = _layout(image, tags), _kept(tags)
    if layout is None or kept is None:
        return None
    file = reader_of(image)
    width, height, mode, prefix = image.width, image.height, image.mode, tags.prefix
    strips = -(-height // layout.rows)
    step = max(rows_of_band(-(-image.width * _bits(tags) // 8)) // layout.rows, 1)

    def read() -> Iterator[NDArray[Any]]:
        for first in range(0, strips, step):
            last = min(first + step, strips)
            numbers = range(first * layout.across, last * layout.across)
            parts = [file.read(layout.offsets[n], layout.counts[n]) for n in numbers]
            size = width, min(last * layout.rows, height) - first * layout.rows
            made = io.BytesIO(_small_file(prefix, kept, layout, size, parts))
            with Image.open(made, formats=("TIFF",)) as part:
                if (part.mode, part.size) != (mode, size):
                    raise OSError("its strips differ from what its tags say")
                part.load()
                yield pixels_as_they_are(part)

    return read


def _layout(image: Image.Image, tags: Any) -> _Layout | None:
    tile = None
    if _TILE_OFFSETS in tags:
        tile = tags.get(_TILE_WIDTH), tags.get(_TILE_ROWS)
        if not all(isinstance(side, int) and side > 0 for side in tile):
            return None
        rows, across = tile[1], -(-image.width // tile[0])
        offsets, counts = tags.get(_TILE_OFFSETS), tags.get(_TILE_COUNTS)
    else:
        rows, across = min(tags.get(_ROWS, image.height), image.height), 1
        offsets, counts = tags.get(_OFFSETS), tags.get(_COUNTS)
    if not isinstance(offsets, tuple) or not isinstance(counts, tuple) or rows < 1:
        return None
    if not len(offsets) == len(counts) == across * -(-image.height // rows):
        return None
    return _Layout(rows, across, offsets, counts, tile)


def _kept(tags: Any) -> dict[int, tuple[int, bytes]] | None:
    """Types and values, in the order of bytes of the file; None if one is of a kind that it should
    not be.
    """
    kept = {}
    for number in _KEPT:
        if number not in tags:
            continue
        kind, value = tags.tagtype.get(number), tags[number]
        if kind not in _TYPES:
            return None
        if isinstance(value, bytes):
            kept[number] = kind, value
        else:
            values = value if isinstance(value, tuple) else (value,)
            kept[number] = (
                kind,
                struct.pack(f"{_order(tags.prefix)}{len(values)}{_TYPES[kind]}", *values),
            )
    return kept


def _order(prefix: bytes) -> str:
    return ">" if prefix == b"MM" else "<"


def _bits(tags: Any) -> int:
    """Of a pixel."""
    bits = tags.get(258, (1,))
    return sum(bits) if isinstance(bits, tuple) else int(bits)


def _small_file(
    prefix: bytes,
    kept: Mapping[int, tuple[int, bytes]],
    layout: _Layout,
    size: tuple[int, int],
    parts: list[bytes],
) -> bytes:
    """A TIFF file of strips, or tiles, with these bytes."""
    order = _order(prefix)

    def longs(*values: int) -> tuple[int, bytes]:
        return LONG, struct.pack(f"{order}{len(values)}I", *values)

    offsets, at = [], 8
    for part in parts:
        offsets.append(at)
        at += len(part)
    counts = [len(part) for part in parts]
    tags = dict(kept) | {_WIDTH: longs(size[0]), _HEIGHT: longs(size[1])}
    if layout.tile is None:
        tags |= {_OFFSETS: longs(*offsets), _COUNTS: longs(*counts), _ROWS: longs(layout.rows)}
    else:
        tags |= {_TILE_OFFSETS: longs(*offsets), _TILE_COUNTS: longs(*counts)}
        tags |= {_TILE_WIDTH: longs(layout.tile[0]), _TILE_ROWS: longs(layout.tile[1])}
    padding = bytes(at % 2)
    start, directory = pack_directory(tags, at + len(padding), order)
    head = prefix + struct.pack(f"{order}HI", 42, start)
    return b"".join([head, *parts, padding, directory])
