"""Code bytes that contain JPEG streams (docs/jpeg-format.md)."""

import zlib

import numpy as np
from numpy.typing import NDArray

from bitsback import _core, lzma2, raw_deflate, tables
from bitsback.errors import ArchiveError
from bitsback.models.costs import max_elements
from bitsback.wire import Cursor, varint

_DEFLATE, _LZMA2 = range(2)
BEGIN = b"\xff\xd8\xff"
"""The first bytes of a JPEG stream."""


def encode_streams(content: NDArray[np.uint8]) -> bytes | None:
    """The data of a block of these bytes; None if no JPEG stream in them can be written again."""
    if BEGIN not in content.tobytes():
        return None
    rounds, rest, coded, _ = _core.pack_jpeg_streams(
        content, tables.stretch(), tables.logistic_cdf()
    )
    if not rounds:
        return None
    deflater = zlib.compressobj(9, zlib.DEFLATED, raw_deflate.WINDOW, 9, zdict=tables.jpeg_header())
    packed = [deflater.compress(rest) + deflater.flush(), lzma2.compress(rest)]
    coder = _LZMA2 if len(packed[_LZMA2]) < len(packed[_DEFLATE]) else _DEFLATE
    data: bytes = bytes([rounds, coder]) + varint(len(packed[coder])) + packed[coder] + coded
    if len(content) > max_elements(len(data)) or len(rest) > _most_rest(len(content)):
        return None
    return data


def decode_streams(data: memoryview, size: int) -> bytes:
    """The bytes of a block, `size` of them. Raises ArchiveError."""
    if size > max_elements(len(data)):
        raise ArchiveError(f"it claims {size} bytes in {len(data)}, more than any writer makes")
    cursor = Cursor(data)
    rounds, coder = cursor.byte(), cursor.byte()
    packed = cursor.take(cursor.varint())
    if coder > _LZMA2:
        raise ArchiveError("its compression is unknown: it needs a newer bitsback")
    most = _most_rest(size)
    if coder == _LZMA2:
        rest, ended = lzma2.decompress(packed, most + 1)
    else:
        rest, ended = raw_deflate.decompress(packed, most + 1, tables.jpeg_header())
    if not ended or len(rest) > most:
        raise ArchiveError("its compressed bytes do not end where they should")
    left, coded = np.frombuffer(rest, np.uint8), np.frombuffer(data[cursor.at :], np.uint8)
    try:
        return _core.unpack_jpeg_streams(
            rounds, left, coded, size, tables.stretch(), tables.logistic_cdf()
        )
    except ValueError as error:
        raise ArchiveError(f"its JPEG streams are damaged: {error}") from None


def _most_rest(size: int) -> int:
    """The bytes that are left of so many without their streams, at most."""
    return 2 * size + 64
