"""Code bytes that contain JPEG streams (docs/jpeg-format.md)."""

import zlib
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bitsback import _core, lzma2, raw_deflate, tables
from bitsback.errors import ArchiveError
from bitsback.models.costs import check_claim, max_elements
from bitsback.wire import Cursor, varint
from bitsback.work import spare_threads

_DEFLATE, _LZMA2 = range(2)
_STRIPS, _SYMBOLS = 4, 8
"""Flags in the byte of the rounds: the block has streams in strips; coefficients are symbols."""
MOST_BEFORE = 1 << 16
JpegCoder = Literal["symbols", "decisions"]
"""The coders of coefficients: the fast one, and the one whose result is smallest."""
BEGIN = b"\xff\xd8\xff"
"""The first bytes of a JPEG stream."""
NO_TABLE = "a scan lacks its Huffman table"
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
    NO_TABLE,
    "it has less than a byte for each block",
    "it has too many scans",
    "its coefficients are coded as no known encoder does it",
)
"""The reasons for storing a stream verbatim, in the order of the core's enum."""


@dataclass(frozen=True)
class JpegStream:
    """A JPEG stream in bytes."""

    offset: int
    """The offset of the first byte.

    For a stream inside another one, behind that one's first scan, it leaves out the scans' data.
    """
    length: int
    kind: str
    """The process of the JPEG, such as "baseline"."""
    reason: str | None
    """Why it is stored verbatim; None if it is coded by its coefficients."""


def find_streams(content: NDArray[np.uint8]) -> list[JpegStream]:
    """The JPEG streams in bytes, and whether each can be coded.

    It takes a tenth of the time of coding.
    """
    if BEGIN not in content.tobytes():
        return []
    return _streams(_core.find_jpeg_streams(content))


def streams_of_block(data: memoryview, size: int) -> list[JpegStream]:
    """The JPEG streams in a coded block of `size` bytes. Coefficients are not decoded.

    Raises ArchiveError.
    """
    rounds, before, rest, _, _ = _rest(data, size)
    try:
        streams = _streams(_core.tell_jpeg_streams(rounds & ~_SYMBOLS, rest, before + size))
    except ValueError as error:
        raise _damaged(error) from None
    return [
        replace(stream, offset=stream.offset - before)
        for stream in streams
        if stream.offset >= before
    ]


def coder_of_block(data: memoryview) -> JpegCoder:
    """The coder of the coefficients of a block."""
    return "symbols" if data[0] & _SYMBOLS else "decisions"


def _streams(entries: list[tuple[int, int, int, int]]) -> list[JpegStream]:
    return [
        JpegStream(offset, length, _KINDS.get(kind, "hierarchical"), _REASONS[reason])
        for offset, length, kind, reason in entries
    ]


def encode_streams(
    content: NDArray[np.uint8], before: bytes = b"", coder: JpegCoder = "symbols"
) -> bytes | None:
    """The data of a block of these bytes; None if no JPEG stream in them can be reproduced.

    before: streams with only tables, from elsewhere in the file, at most MOST_BEFORE bytes. coder:
    of coefficients of 8 bits; those of 12 bits are decisions.
    """
    if BEGIN not in content.tobytes():
        return None
    whole = np.concatenate([np.frombuffer(before, np.uint8), content])
    with spare_threads() as threads:
        rounds, by_symbols, rest, strips, coded = _core.pack_jpeg_streams(
            whole,
            threads,
            tables.stretch(),
            tables.logistic_cdf(),
            tables.jpeg_symbols() if coder == "symbols" else None,
        )
    if not rounds:
        return None
    deflater = zlib.compressobj(9, zlib.DEFLATED, raw_deflate.WINDOW, 9, zdict=tables.jpeg_header())
    packed = [deflater.compress(rest) + deflater.flush(), lzma2.compress(rest)]
    smaller = _LZMA2 if len(packed[_LZMA2]) < len(packed[_DEFLATE]) else _DEFLATE
    flags = _STRIPS * bool(strips) + _SYMBOLS * by_symbols
    head = bytes([rounds + flags]) + varint(len(before))
    head += bytes([smaller]) + varint(len(packed[smaller]))
    coded = varint(len(strips)) * bool(strips) + strips + coded
    data: bytes = head + packed[smaller] + coded
    if len(content) > max_elements(len(data)) or len(rest) > _most_rest(len(whole)):
        return None
    return data


def decode_streams(data: memoryview, size: int) -> bytes:
    """The `size` bytes of a block. Raises ArchiveError."""
    rounds, before, rest, strips, coded = _rest(data, size)
    try:
        with spare_threads() as threads:
            whole = _core.unpack_jpeg_streams(
                rounds & ~_SYMBOLS,
                rest,
                strips,
                coded,
                before + size,
                threads,
                tables.stretch(),
                tables.logistic_cdf(),
                tables.jpeg_symbols() if rounds & _SYMBOLS else None,
            )
    except ValueError as error:
        raise _damaged(error) from None
    return whole[before:]


def _rest(
    data: memoryview, size: int
) -> tuple[int, int, NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """The fields of a block.

    These are the rounds with the flag _SYMBOLS, the number of bytes of tables before the content,
    the bytes outside the streams, the strips, and the coded coefficients.
    """
    check_claim(size, "bytes", len(data))
    cursor = Cursor(data)
    rounds, before, coder = cursor.byte(), cursor.varint(), cursor.byte()
    if before > MOST_BEFORE:
        raise ArchiveError(f"{before} bytes of JPEG tables are more than any writer makes")
    packed = cursor.take(cursor.varint())
    if coder > _LZMA2:
        raise ArchiveError("its compression is unknown: it needs a newer bitsback")
    most = _most_rest(before + size)
    if coder == _LZMA2:
        rest, ended = lzma2.decompress(packed, most + 1)
    else:
        rest, ended = raw_deflate.decompress(packed, most + 1, tables.jpeg_header())
    if not ended or len(rest) > most:
        raise ArchiveError("its compressed bytes do not end where they should")
    strips = np.frombuffer(cursor.take(cursor.varint()) if rounds & _STRIPS else b"", np.uint8)
    coded = np.frombuffer(data[cursor.at :], np.uint8)
    return rounds & ~_STRIPS, before, np.frombuffer(rest, np.uint8), strips, coded


def _damaged(error: ValueError) -> ArchiveError:
    return ArchiveError(f"its JPEG streams are damaged: {error}")


def _most_rest(size: int) -> int:
    """The greatest number of bytes outside the streams, for content of `size` bytes."""
    return 2 * size + 64
