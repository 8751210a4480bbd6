"""Code bytes that contain JPEG streams (docs/jpeg-format.md)."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bitsback import _core, lzma2, raw_deflate, tables
from bitsback.errors import ArchiveError
from bitsback.models.costs import max_elements
from bitsback.wire import Cursor, varint

_DEFLATE, _LZMA2 = range(2)
BEGIN = b"\xff\xd8\xff"
"""The first bytes of a JPEG stream."""
_KINDS = {
    0x00: "without a frame",
    0xC0: "baseline",
    0xC1: "extended",
    0xC2: "progressive",
    0xC3: "lossless",
    0xC9: "arithmetic",
    0xCA: "progressive arithmetic",
    0xCB: "lossless arithmetic",
    0xF7: "JPEG-LS",
}
_REASONS = (
    None,
    "it has no scan",
    "bytes other than markers stand between its segments",
    "one of its tables is damaged",
    "it is JPEG-LS",
    "it is lossless and arithmetic",
    "it is hierarchical",
    "the header of its frame is damaged, or of a kind that is not coded",
    "it has several frames",
    "the header of a scan is damaged, or of a kind that is not coded",
    "a scan lacks its Huffman table",
    "it has less than a byte for each block",
    "it has too many scans",
    "its coefficients are coded as no known encoder does it",
)
"""Why streams are not coded, in the order of the core's enum."""


@dataclass(frozen=True)
class JpegStream:
    """A JPEG stream in bytes."""

    offset: int
    """Of its first byte. The data of scans are left out in that of a stream in another one behind
    the first scan.
    """
    length: int
    kind: str
    """Such as baseline."""
    reason: str | None
    """Why it is stored verbatim; None if it is coded by its coefficients."""


def find_streams(content: NDArray[np.uint8]) -> list[JpegStream]:
    """The JPEG streams in bytes, and whether each can be coded. Takes a tenth of the time of
    coding.
    """
    if BEGIN not in content.tobytes():
        return []
    return _streams(_core.find_jpeg_streams(content))


def streams_of_block(data: memoryview, size: int) -> list[JpegStream]:
    """The same of a block of so many bytes, whose coefficients are not decoded. Raises
    ArchiveError.
    """
    rounds, rest, _ = _rest(data, size)
    try:
        return _streams(_core.tell_jpeg_streams(rounds, rest, size))
    except ValueError as error:
        raise _damaged(error) from None


def _streams(told: list[tuple[int, int, int, int]]) -> list[JpegStream]:
    return [
        JpegStream(offset, length, _KINDS.get(kind, "hierarchical"), _REASONS[reason])
        for offset, length, kind, reason in told
    ]


def encode_streams(content: NDArray[np.uint8]) -> bytes | None:
    """The data of a block of these bytes; None if no JPEG stream in them can be written again."""
    if BEGIN not in content.tobytes():
        return None
    rounds, rest, coded = _core.pack_jpeg_streams(content, tables.stretch(), tables.logistic_cdf())
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
    rounds, rest, coded = _rest(data, size)
    try:
        return _core.unpack_jpeg_streams(
            rounds, rest, coded, size, tables.stretch(), tables.logistic_cdf()
        )
    except ValueError as error:
        raise _damaged(error) from None


def _rest(data: memoryview, size: int) -> tuple[int, NDArray[np.uint8], NDArray[np.uint8]]:
    """The rounds of a block, the rest, and the coded bytes."""
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
    return rounds, np.frombuffer(rest, np.uint8), np.frombuffer(data[cursor.at :], np.uint8)


def _damaged(error: ValueError) -> ArchiveError:
    return ArchiveError(f"its JPEG streams are damaged: {error}")


def _most_rest(size: int) -> int:
    """The bytes that are left of so many without their streams, at most."""
    return 2 * size + 64
