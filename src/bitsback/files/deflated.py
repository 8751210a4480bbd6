"""Finds the settings of zlib that made a stream, and makes the stream again with them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bitsback import _core
from bitsback.errors import ArchiveError
from bitsback.wire import Cursor

ZLIB = _core.classic_zlib() or zlib.ZLIB_RUNTIME_VERSION
"""The version of the zlib that makes streams again: the core's, or Python's where it has none."""

_HEADER = 2  # bytes
_SLICE = 1 << 16
_STRATEGIES = (
    zlib.Z_DEFAULT_STRATEGY,
    zlib.Z_FILTERED,
    zlib.Z_RLE,
    zlib.Z_HUFFMAN_ONLY,
    zlib.Z_FIXED,
)
_USUAL = (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED)
_WAYS = {
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
        """The settings with which this zlib makes the stream from the content, if there are any."""
        if len(stream) < _HEADER + 4:
            return None
        for candidate in _candidates(stream[:_HEADER]):
            if candidate._makes(content, stream):
                return candidate
        return None

    def stream(self, content: bytes | bytearray) -> bytes:
        packer = self._packer()
        packed: bytes = packer.compress(content) + packer.flush()
        return self.header + packed + zlib.adler32(content).to_bytes(4, "big")

    def _makes(self, content: bytes, stream: bytes) -> bool:
        """Whether these settings make the stream; the first bytes exclude most."""
        packer, at, view = self._packer(), _HEADER, memoryview(content)
        for start in range(0, len(content) - _SLICE, _SLICE):
            made = packer.compress(view[start : start + _SLICE])
            if stream[at : at + len(made)] != made:
                return False
            at += len(made)
        # In one call, as when the file is made again: the sizes of zlib's inputs may change its
        # output.
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


def _candidates(header: bytes) -> Iterator[Deflated]:
    windows = dict.fromkeys((max((header[0] >> 4) + 8, _WINDOWS[0]), 15))
    for level, strategy in _WAYS[header[1] >> 6]:
        for memory in _MEMORIES:
            for window in windows:
                if window in _WINDOWS:
                    yield Deflated(header, level, window, memory, strategy)
