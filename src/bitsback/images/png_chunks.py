"""The chunks of a PNG file. Source: PNG (second edition), section 5."""

import struct
import zlib
from collections.abc import Iterator, Sequence

from bitsback.images.file_io import Content

MAGIC = b"\x89PNG\r\n\x1a\n"
AROUND = 12  # bytes of a chunk in a file, beside what is in it
_PIECE = 1 << 20

Chunk = tuple[bytes, bytes]
"""A type, and what is in it."""
Place = tuple[bytes, int, int]
"""A type, where in a file what is in the chunk begins, and how many bytes it has."""


def places(data: Content) -> Iterator[Place]:
    """Of all chunks; none, or not to the end, where the file is not just these."""
    if data[:8] != MAGIC:
        return
    at = 8
    while at + AROUND <= len(data):
        head = data[at : at + 8]
        start, kind, size = at + 8, head[4:], int.from_bytes(head[:4], "big")
        crc = zlib.crc32(kind)
        for piece in range(start, start + size, _PIECE):
            crc = zlib.crc32(data[piece : min(piece + _PIECE, start + size)], crc)
        if data[start + size : start + size + 4] != crc.to_bytes(4, "big"):
            return
        at += size + AROUND
        if kind == b"IEND" and at != len(data):
            return
        yield kind, start, size


def around_pixels(data: Content, found: Sequence[Place]) -> list[Chunk]:
    """All chunks but the pixels; of IHDR all but whether they are interlaced."""
    chunks = [(place[0], content(data, place)) for place in found if place[0] != b"IDAT"]
    return [(chunks[0][0], chunks[0][1][:-1]), *chunks[1:]]


def content(data: Content, place: Place) -> bytes:
    """What is in a chunk."""
    _, start, size = place
    return data[start : start + size]


def size_of(chunk: Chunk) -> int:
    """Bytes of a chunk in a file."""
    return len(chunk[1]) + AROUND


def pack_chunk(chunk: Chunk) -> bytes:
    kind, content = chunk
    crc = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)
