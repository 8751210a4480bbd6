"""Code bytes that contain deflate streams and pictures (docs/format.md, The method inflated)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bitsback import _core, tables
from bitsback.coding.block import FALLBACK, STREAMS
from bitsback.coding.fallback import decode_fallback, encode_fallback, encode_plain
from bitsback.coding.streams import JpegCoder, decode_streams, encode_streams
from bitsback.errors import ArchiveError
from bitsback.format.tiles import Tiles
from bitsback.models.costs import check_claim, max_elements
from bitsback.wire import Cursor, varint

if TYPE_CHECKING:
    from bitsback.files.data_sets import DataSet

_MOST_ROUNDS = 2
_MEMBER = b"PK\3\4"
"""The first bytes of the header of a member of a ZIP file."""
_STORED_MEMBER = re.compile(rb"PK\x03\x04.{4}\0\0.{8}(.{4}).{4}(..)(..)", re.DOTALL)
"""The header of an uncompressed member: its size, and the sizes of its name and extra fields."""

Places = list[tuple[int, int]]
"""Pairs (offset, size) of files in bytes."""
Candidate = tuple[int, int, "DataSet | None"]
"""The offset and the size of a file, or of elements of a data set."""


def has_deflate_stream(content: bytes) -> bool:
    """Whether `encode_inflated` may find a stream."""
    return _core.has_deflate_stream(content)


def encode_inflated(
    content: NDArray[np.uint8],
    encode_picture: Callable[[bytes, DataSet | None], bytes | None] | None = None,
    coder: JpegCoder = "symbols",
    data_sets: Sequence[DataSet] = (),
) -> bytes | None:
    """The data of a block of these bytes; None without a deflate stream or a gain.

    encode_picture: codes a picture file of a ZIP file, lossless JPEG streams, or elements of a data
    set, and returns their fields or None. With it, the result is None if there is no picture.
    coder: see `encode_streams`. data_sets: those with chunks in the bytes.
    """
    whole = content.tobytes()
    candidates = list[Candidate]()
    if encode_picture is not None:
        candidates = _candidates(whole, stored_members(whole), data_sets)
        if not candidates and not data_sets and _MEMBER not in whole:
            return None
    inflater = _core.DeflateInflater(tables.stretch(), tables.logistic_cdf())
    rest, rounds, pictures = whole, 0, list[bytes]()
    for _ in range(_MOST_ROUNDS):
        files, coded, end = Places(), list[bytes](), 0
        if encode_picture is not None:
            for place, size, data_set in candidates:
                fields = None
                if place >= end:
                    fields = encode_picture(rest[place : place + size], data_set)
                if fields is not None:
                    files.append((place, size))
                    coded.append(fields)
                    end = place + size
        left = inflater.take(np.frombuffer(rest, np.uint8), files, _most_rest(len(content)))
        if not left:
            break
        rest, rounds, pictures = left, rounds + 1, coded + pictures
        if encode_picture is not None:
            streams = plaintexts(left)
            inflated = [each.inflated(streams) for each in data_sets if each.deflated]
            candidates = _candidates(left, streams.values(), inflated)
    if not rounds or (encode_picture is not None and not pictures):
        return None
    tokens, left_bytes = inflater.tokens(), np.frombuffer(rest, np.uint8)
    method, by_method = STREAMS, encode_streams(left_bytes, coder=coder)
    if by_method is None:
        tiles = Tiles.stacked(left_bytes[np.newaxis])
        method, by_method = FALLBACK, encode_fallback(tiles, "lzma") or encode_plain(tiles)
    head = bytes([rounds]) + varint(len(rest)) + varint(len(tokens)) + tokens
    head += varint(len(pictures)) + b"".join(pictures)
    packed: bytes = head + bytes([method]) + by_method
    if len(content) > max_elements(len(packed)) or len(rest) > max_elements(len(by_method)):
        return None
    return packed


def _candidates(
    content: bytes, files: Iterable[tuple[int, int]], data_sets: Iterable[DataSet]
) -> list[Candidate]:
    """These files, lossless JPEG streams, and elements of data sets without deflate, in order.

    Elements come before a file at the same place.
    """
    found: list[Candidate] = [
        (place, size, each)
        for each in data_sets
        if not each.deflated
        for place, size in each.spans(len(content))
    ]
    samples = _core.jpeg_sample_runs(np.frombuffer(content, np.uint8))
    found += [(place, size, None) for place, size in [*files, *samples]]
    return sorted(found, key=lambda each: (each[0], each[2] is None))


def stored_members(content: bytes) -> Iterator[tuple[int, int]]:
    """The places and sizes of uncompressed members of ZIP files."""
    end = 0
    for found in _STORED_MEMBER.finditer(content):
        size, name, more = (int.from_bytes(field, "little") for field in found.groups())
        start = found.end() + name + more
        if found.start() >= end and 0 < size <= len(content) - start:
            yield start, size
            end = start + size


def plaintexts(rest: bytes) -> dict[int, tuple[int, int]]:
    """The places and sizes of plaintexts in the output of a round, by the places of the streams
    before it.
    """
    cursor = Cursor(rest)
    cursor.varint()
    found, place, total = list[tuple[int, int, int]](), 0, 0
    for _ in range(cursor.varint()):
        gap, stream, plaintext = cursor.varint(), cursor.varint(), cursor.varint()
        if plaintext:
            found.append((place + gap, total, plaintext))
        place, total = place + gap + stream, total + plaintext
    return {place: (cursor.at + start, size) for place, start, size in found}


def decode_inflated(
    data: memoryview, size: int, decode_picture: Callable[[Cursor], bytes]
) -> bytes:
    """The `size` bytes of a block. Raises ArchiveError.

    decode_picture: reads the fields of a picture at the cursor and returns its file.
    """
    cursor = Cursor(data)
    rounds, left = cursor.byte(), cursor.varint()
    tokens = np.frombuffer(cursor.take(cursor.varint()), np.uint8)
    check_claim(size, "bytes", len(data))
    check_claim(left, "bytes", len(data) - cursor.at)
    if left > _most_rest(size):
        raise ArchiveError(f"it claims {left} bytes with plaintexts, of {size} bytes")
    files = b"".join(decode_picture(cursor) for _ in range(cursor.varint()))
    method, coded = cursor.byte(), data[cursor.at :]
    check_claim(left, "bytes", len(coded))
    if method == STREAMS:
        rest = np.frombuffer(decode_streams(coded, left), np.uint8)
    elif method == FALLBACK:
        rest = decode_fallback(coded, np.dtype(np.uint8), [(1, (left,))])
    else:
        raise ArchiveError(f"its plaintexts have the method {method}: it needs a newer bitsback")
    try:
        return _core.deflate_streams(
            rounds,
            rest,
            tokens,
            np.frombuffer(files, np.uint8),
            size,
            tables.stretch(),
            tables.logistic_cdf(),
        )
    except ValueError as error:
        raise ArchiveError(f"its deflate streams are damaged: {error}") from None


def _most_rest(size: int) -> int:
    """The greatest size of the output of all rounds, with the plaintexts, for `size` bytes."""
    return min((size << 10) + (1 << 16), size + (1 << 26))
