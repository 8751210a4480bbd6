"""The compressions of segments of TIFF files: by zlib, and those that it does not have by
Pillow's libtiff, which takes the bytes of a segment for a grey picture in one strip.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image, TiffImagePlugin

from bitsback.errors import ArchiveError
from bitsback.images.deflated import Deflated
from bitsback.images.tiff.layout import (
    DEFLATE,
    GROUP_4,
    LZMA,
    LZW,
    NONE,
    OLD_DEFLATE,
    PACKBITS,
    REVERSE,
    REVERSED,
    ZSTD,
    Layout,
)

_BY_ZLIB = (DEFLATE, OLD_DEFLATE)
_BY_PILLOW = {
    GROUP_4: "group4",
    LZW: "tiff_lzw",
    PACKBITS: "packbits",
    LZMA: "lzma",
    ZSTD: "zstd",
}
"""Pillow's names."""
COMPRESSIONS = (NONE, *_BY_ZLIB, *_BY_PILLOW)
"""Those that are undone and made again."""

BEST = Deflated(b"\x78\xda", 9, 15, 8, 0)
"""How zlib makes what another deflate has made, at one of its levels."""

_ROOM = 1 << 16


def most_bytes(raw: int) -> int:
    """How many bytes a compressed segment may have for so many of its own."""
    return 2 * raw + _ROOM


def decompress(layout: Layout, data: bytes, rows: int) -> bytes | None:
    """The bytes of a segment of so many rows; None if it does not have just these. Raises what
    zlib and Pillow raise.
    """
    size = rows * layout.row_bytes
    if layout.compression == NONE:
        return data if len(data) == size else None
    if layout.flags & REVERSED:
        data = data.translate(REVERSE)
    if layout.compression in _BY_ZLIB:
        inflater = zlib.decompressobj()
        raw = inflater.decompress(data, size + 1)
        return raw if len(raw) == size and inflater.eof else None
    return _decompress_by_pillow(layout, data, rows)


def compress(layout: Layout, raw: bytes, rows: int, deflated: Deflated) -> bytes:
    """A segment of so many rows. Raises ArchiveError if Pillow cannot make it."""
    if layout.compression == NONE:
        return raw
    if layout.compression in _BY_ZLIB:
        data = deflated.stream(raw)
    else:
        try:
            data = _compress_by_pillow(layout, raw, rows)
        except Exception as error:  # Pillow's writers raise whatever libtiff leads them to
            raise ArchiveError(
                "the Pillow of this computer cannot compress as its file was,"
                f" {_BY_PILLOW[layout.compression]}: {error}"
            ) from None
    return data.translate(REVERSE) if layout.flags & REVERSED else data


def _size(layout: Layout, rows: int) -> tuple[str, tuple[int, int]]:
    """The mode and the size of the picture that a segment is taken for."""
    if layout.compression == GROUP_4:
        return "1", (layout.columns, rows)
    return "L", (layout.row_bytes, rows)


def _decompress_by_pillow(layout: Layout, data: bytes, rows: int) -> bytes:
    mode, size = _size(layout, rows)
    directory: Any = TiffImagePlugin.ImageFileDirectory_v2()
    tags = {
        256: size[0], 257: size[1], 258: 1 if mode == "1" else 8, 259: layout.compression,
        262: 1, 273: 0, 277: 1, 278: rows, 279: len(data),
    }  # fmt: skip
    for number, value in tags.items():
        directory[number] = value
    file = b"II*\0" + struct.pack("<I", 8) + directory.tobytes(8) + data  # whose place it writes
    with Image.open(io.BytesIO(file), formats=("TIFF",)) as image:
        return image.tobytes()


def _compress_by_pillow(layout: Layout, raw: bytes, rows: int) -> bytes:
    mode, size = _size(layout, rows)
    file = io.BytesIO()
    image = Image.frombytes(mode, size, raw)
    image.save(file, "TIFF", compression=_BY_PILLOW[layout.compression], tiffinfo={278: rows})
    with Image.open(file, formats=("TIFF",)) as made:
        tags: Any = getattr(made, "tag_v2")  # noqa: B009 - as not all images have one
        offsets, counts = tags[273], tags[279]
    if len(offsets) != 1:
        raise ArchiveError("it made several strips of one")
    return file.getvalue()[offsets[0] : offsets[0] + counts[0]]
