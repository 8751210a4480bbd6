"""Reproduce deflate streams: by the settings of zlib, or by the tokens of another encoder."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bitsback import _core
from bitsback.errors import ArchiveError
from bitsback.files.tokens import TokenReader, Tokens, TokenWriter
from bitsback.wire import Cursor, varint

ZLIB = _core.classic_zlib() or zlib.ZLIB_RUNTIME_VERSION
"""The version of the zlib that reproduces streams: the core's, or Python's without it."""

_HEADER = 2  # bytes
_CHECK = 4  # bytes of Adler-32
_OF_TOKENS = b"\0"  # instead of a level
_SLICE = 1 << 16
_STRATEGIES = (
    zlib.Z_DEFAULT_STRATEGY,
    zlib.Z_FILTERED,
    zlib.Z_RLE,
    zlib.Z_HUFFMAN_ONLY,
    zlib.Z_FIXED,
)
_USUAL = (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED)
_SETTINGS = {
    0: [
        *((1, strategy) for strategy in _STRATEGIES),
        *((level, zlib.Z_FIXED) for level in range(9, 1, -1)),
    ],
    1: [(level, strategy) for level in (5, 4, 3, 2) for strategy in _USUAL],
    2: [(6, strategy) for strategy in _USUAL],
    3: [(level, strategy) for level in (9, 8, 7) for strategy in _USUAL],
}
"""Levels and strategies by their flag in the header of zlib, the likely ones first."""
_LEVELS = range(1, 10)
_MEMORIES = (8, 9)
_WINDOWS = range(9, 16)


@dataclass(frozen=True)
class Deflated:
    """The settings of zlib, and the first two bytes of the stream."""

    header: bytes
    level: int
    window: int
    memory: int
    strategy: int

    @classmethod
    def find(cls, content: bytes, stream: bytes) -> Deflated | None:
        """The settings with which this zlib makes the stream from the content; None without any."""
        if len(stream) < _HEADER + _CHECK:
            return None
        for candidate in _candidates(stream[:_HEADER]):
            if candidate._makes(content, stream):
                return candidate
        return None

    def stream(self, content: bytes | bytearray) -> bytes:
        packer = self._packer()
        return _framed(self.header, packer.compress(content) + packer.flush(), content)

    def _makes(self, content: bytes, stream: bytes) -> bool:
        """Whether these settings make the stream; the first bytes exclude most."""
        packer, at, view = self._packer(), _HEADER, memoryview(content)
        for start in range(0, len(content) - _SLICE, _SLICE):
            made = packer.compress(view[start : start + _SLICE])
            if stream[at : at + len(made)] != made:
                return False
            at += len(made)
        # The restored file is also made in one call, since the sizes of inputs may change the
        # output of zlib.
        return self.stream(content) == stream

    def _packer(self) -> Any:
        if _core.classic_zlib():
            return _core.Deflate(self.level, self.window, self.memory, self.strategy)
        return zlib.compressobj(self.level, zlib.DEFLATED, -self.window, self.memory, self.strategy)

    def pack(self) -> bytes:
        return self.header + bytes([self.level, self.window, self.memory, self.strategy])

    @classmethod
    def unpack(cls, cursor: Cursor) -> Deflated:
        """Raises ArchiveError."""
        header = bytes(cursor.take(_HEADER))
        level, window, memory, strategy = cursor.take(4)
        if (
            level not in _LEVELS
            or window not in _WINDOWS
            or memory not in _MEMORIES
            or strategy not in _STRATEGIES
        ):
            raise ArchiveError("its container metadata names a compression that zlib does not have")
        return cls(header, level, window, memory, strategy)


@dataclass(frozen=True)
class OtherDeflated:
    """A stream of another encoder: its first two bytes, and its tokens."""

    header: bytes
    tokens: Tokens

    @classmethod
    def find(cls, content: bytes, stream: bytes) -> OtherDeflated | None:
        """The tokens of a stream; None if it has other content, or other bytes follow it."""
        found = Tokens.find(memoryview(stream)[_HEADER:], len(content))
        if found is None or found[0] != content:
            return None
        if stream[_HEADER + found[1].size :] != _check(content):
            return None
        return cls(stream[:_HEADER], found[1])

    def stream(self, content: bytes | bytearray) -> bytes:
        """The stream for the content. Raises ArchiveError for other content."""
        return _framed(self.header, self.tokens.stream(content), content)

    def pack(self) -> bytes:
        numbers = varint(self.tokens.size) + varint(len(self.tokens.coded))
        return self.header + _OF_TOKENS + numbers + self.tokens.coded


@dataclass(frozen=True)
class DeflatedSegments:
    """Several streams of another encoder: the first two bytes of each, and their tokens."""

    header: bytes
    coded: bytes

    @classmethod
    def find(cls, segments: Iterable[tuple[bytes, int]]) -> DeflatedSegments | None:
        """The tokens of several streams.

        segments: pairs (stream, size of its plaintext). None if a stream is damaged, has other
        first bytes, or is followed by other bytes.
        """
        writer, headers = TokenWriter(), set[bytes]()
        for stream, most in segments:
            headers.add(stream[:_HEADER])
            found = writer.add(memoryview(stream)[_HEADER:], most)
            if found is None or len(headers) > 1:
                return None
            if stream[_HEADER + found[1] :] != _check(found[0]):
                return None
        return cls(headers.pop(), writer.end()) if headers else None

    def stream(self, reader: TokenReader, content: bytes, size: int) -> bytes:
        """The next stream, of `size` bytes. Raises ArchiveError for other content."""
        made = reader.stream(content, size - _HEADER - _CHECK)
        return _framed(self.header, made, content)

    def pack(self) -> bytes:
        return self.header + _OF_TOKENS + varint(len(self.coded)) + self.coded


AnyDeflated = Deflated | OtherDeflated


def find_deflated(content: bytes, stream: bytes) -> AnyDeflated | None:
    """The settings or tokens that make the stream from the content; None without any."""
    return Deflated.find(content, stream) or OtherDeflated.find(content, stream)


def unpack_deflated(cursor: Cursor) -> AnyDeflated:
    """Raises ArchiveError."""
    header = _header_of_tokens(cursor)
    if header is None:
        return Deflated.unpack(cursor)
    size = cursor.varint()
    return OtherDeflated(header, Tokens(bytes(cursor.take(cursor.varint())), size))


def unpack_segments(cursor: Cursor) -> Deflated | DeflatedSegments:
    """Raises ArchiveError."""
    header = _header_of_tokens(cursor)
    if header is None:
        return Deflated.unpack(cursor)
    return DeflatedSegments(header, bytes(cursor.take(cursor.varint())))


def _header_of_tokens(cursor: Cursor) -> bytes | None:
    """The header of a stream, if its tokens come next."""
    if cursor.data[cursor.at + _HEADER : cursor.at + _HEADER + 1] != _OF_TOKENS:
        return None
    return bytes(cursor.take(_HEADER + 1))[:_HEADER]


def _framed(header: bytes, packed: bytes, content: bytes | bytearray) -> bytes:
    """A stream of RFC 1950."""
    return header + packed + _check(content)


def _check(content: bytes | bytearray) -> bytes:
    return zlib.adler32(content).to_bytes(_CHECK, "big")


def _candidates(header: bytes) -> Iterator[Deflated]:
    windows = dict.fromkeys((max((header[0] >> 4) + 8, _WINDOWS[0]), 15))
    for level, strategy in _SETTINGS[header[1] >> 6]:
        for memory in _MEMORIES:
            for window in windows:
                if window in _WINDOWS:
                    yield Deflated(header, level, window, memory, strategy)
