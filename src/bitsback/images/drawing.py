"""The file of a picture, made of its rows one after the other."""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray

from bitsback.images.file_io import Content


class Seekable(Protocol):
    """What is written to at any place; nothing is read of it."""

    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def write(self, data: Any, /) -> Any: ...


class Drawing(Protocol):
    """A file on its way; it is there when it is closed. No byte is written twice."""

    def add(self, rows: NDArray[Any]) -> None:
        """The next rows: [rows, width] or [rows, width, channels]. Raises ArchiveError if they
        cannot be those of the file.
        """

    def close(self) -> int:
        """After the last row; how many bytes the file has. Raises ArchiveError if the rows cannot
        have been its own.
        """


class Nowhere:
    """What is written to, and keeps nothing."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return offset

    def write(self, data: Any, /) -> int:
        return len(data)


class Comparison:
    """What is written to as if it were a file that is there, and compares with that."""

    def __init__(self, there: Content) -> None:
        self._there, self._at = there, 0
        self.differs = False

    def seek(self, offset: int, whence: int = 0, /) -> int:
        assert whence == 0, "a drawing knows its places"
        self._at = offset
        return offset

    def write(self, data: bytes) -> int:
        end = self._at + len(data)
        self.differs = self.differs or self._there[self._at : end] != data
        self._at = end
        return len(data)
