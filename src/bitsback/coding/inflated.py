"""Code bytes that contain deflate streams (docs/format.md, The method inflated)."""

import numpy as np
from numpy.typing import NDArray

from bitsback import _core, tables
from bitsback.coding.block import FALLBACK, STREAMS
from bitsback.coding.fallback import decode_fallback, encode_fallback
from bitsback.coding.streams import decode_streams, encode_streams
from bitsback.errors import ArchiveError
from bitsback.format.tiles import Tiles
from bitsback.models.costs import max_elements
from bitsback.wire import Cursor, varint


def has_deflate_stream(content: bytes) -> bool:
    """Whether `encode_inflated` may find a stream."""
    return _core.has_deflate_stream(content)


def encode_inflated(content: NDArray[np.uint8]) -> bytes | None:
    """The data of a block of these bytes; None if there is no deflate stream in them, or nothing is
    gained.
    """
    rounds, left, tokens = _core.inflate_streams(
        content, 2, _most_rest(len(content)), True, tables.stretch(), tables.logistic_cdf()
    )
    if not rounds:
        return None
    rest = np.frombuffer(left, np.uint8)
    method, coded = STREAMS, encode_streams(rest)
    if coded is None:
        method, coded = FALLBACK, encode_fallback(Tiles.stacked(rest[np.newaxis]), "lzma")
    if coded is None:
        return None
    head = bytes([rounds]) + varint(len(rest)) + varint(len(tokens)) + tokens
    data: bytes = head + bytes([method]) + coded
    if max(len(content), len(rest)) > max_elements(min(len(data), len(coded))):
        return None
    return data


def decode_inflated(data: memoryview, size: int) -> bytes:
    """The bytes of a block, `size` of them. Raises ArchiveError."""
    cursor = Cursor(data)
    rounds, left = cursor.byte(), cursor.varint()
    tokens = np.frombuffer(cursor.take(cursor.varint()), np.uint8)
    method, coded = cursor.byte(), data[cursor.at :]
    if size > max_elements(len(data)) or left > max_elements(len(coded)):
        raise ArchiveError(f"it claims {size} bytes in {len(data)}, more than any writer makes")
    if left > _most_rest(size):
        raise ArchiveError(f"it claims {left} bytes with plaintexts, of {size} bytes")
    if method == STREAMS:
        rest = np.frombuffer(decode_streams(coded, left), np.uint8)
    elif method == FALLBACK:
        rest = decode_fallback(coded, np.dtype(np.uint8), [(1, (left,))])
    else:
        raise ArchiveError(f"its plaintexts have the method {method}: it needs a newer bitsback")
    try:
        return _core.deflate_streams(
            rounds, rest, tokens, size, tables.stretch(), tables.logistic_cdf()
        )
    except ValueError as error:
        raise ArchiveError(f"its deflate streams are damaged: {error}") from None


def _most_rest(size: int) -> int:
    """The bytes that are left of so many, with the plaintexts of their streams, at most."""
    return min((size << 10) + (1 << 16), size + (1 << 26))
