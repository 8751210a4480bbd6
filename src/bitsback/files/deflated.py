"""The deflate streams of PNG and TIFF files, by the tokens that their encoders chose."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from bitsback.files.tokens import TokenReader, TokenWriter
from bitsback.wire import Cursor, varint

_HEADER = 2  # bytes
_CHECK = 4  # bytes of Adler-32


@dataclass(frozen=True, slots=True)
class Deflated:
    """Streams of RFC 1950 by one encoder: the first two bytes of each, and the coded tokens."""

    header: bytes = b""
    coded: bytes = b""
    """Empty without streams."""

    @classmethod
    def find(cls, streams: Iterable[tuple[bytes, int]]) -> Deflated | None:
        """streams: pairs (stream, size of its plaintext). None if a stream is damaged, has more
        plaintext or other first bytes, or is followed by other bytes.
        """
        writer, headers = TokenWriter(), set[bytes]()
        for stream, most in streams:
            headers.add(stream[:_HEADER])
            found = writer.add(memoryview(stream)[_HEADER:], most)
            if found is None or len(headers) > 1:
                return None
            if stream[_HEADER + found[1] :] != _check(found[0]):
                return None
        return cls(headers.pop(), writer.end()) if headers else cls()

    def reader(self) -> DeflatedReader:
        """Raises ArchiveError."""
        return DeflatedReader(self.header, TokenReader(self.coded))

    def pack(self) -> bytes:
        return varint(len(self.coded)) + self.header + self.coded

    @classmethod
    def unpack(cls, cursor: Cursor) -> Deflated:
        """Raises ArchiveError."""
        size = cursor.varint()
        return cls(bytes(cursor.take(_HEADER)), bytes(cursor.take(size))) if size else cls()


NO_STREAMS = Deflated()


@dataclass(frozen=True)
class DeflatedReader:
    """Makes the streams again, one after the other."""

    header: bytes
    tokens: TokenReader

    def stream(self, content: bytes | bytearray, size: int) -> bytes:
        """The next stream, of `size` bytes. Raises ArchiveError for other content."""
        made = self.tokens.stream(content, size - _HEADER - _CHECK)
        return self.header + made + _check(content)

    def end(self) -> None:
        """Raises ArchiveError if streams are left."""
        self.tokens.end()


def _check(content: bytes | bytearray) -> bytes:
    return zlib.adler32(content).to_bytes(_CHECK, "big")
