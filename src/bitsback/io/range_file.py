"""A seekable file object of bytes that are read by their places."""

from __future__ import annotations

import io
from typing import Any, Protocol, cast


class RangeReader(Protocol):
    """Bytes that are read by their places."""

    @property
    def size(self) -> int: ...

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes, or as many as there are."""

    def close(self) -> None: ...


class _RangeFile(io.RawIOBase):
    def __init__(self, ranges: RangeReader, name: str) -> None:
        self._ranges, self._at = ranges, 0
        self.name = name

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(offset + (0, self._at, self._ranges.size)[whence], 0)
        return self._at

    def readinto(self, buffer: Any) -> int:
        data = self._ranges.read(self._at, len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._ranges.close()
        super().close()


def range_file(ranges: RangeReader, name: str, buffer: int = 1 << 13) -> io.BufferedReader:
    """A seekable file object of bytes that are read by their places. buffer: bytes read at once."""
    return io.BufferedReader(cast(io.RawIOBase, _RangeFile(ranges, name)), buffer)
