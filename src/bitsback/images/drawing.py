"""The file of a picture, made of its rows one after the other."""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray


class Seekable(Protocol):
    """What is written to at any place; nothing is read of it."""

    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def write(self, data: Any, /) -> int: ...


class Drawing(Protocol):
    """A file on its way; it is there when it is closed."""

    def add(self, rows: NDArray[Any]) -> None:
        """The next rows: [rows, width] or [rows, width, channels]. Raises ArchiveError if they
        cannot be those of the file.
        """

    def close(self) -> None:
        """After the last row. Raises ArchiveError if they cannot have been those of the file."""
