"""The file of an open archive, with random access to its bytes."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO

from bitsback.errors import ArchiveError
from bitsback.format.index import BlockInfo, Place
from bitsback.io.file_io import (
    Location,
    RandomAccess,
    Reader,
    name_of,
    open_anywhere,
    reading,
    stream_name,
)
from bitsback.io.remote.url import Url

Source = str | os.PathLike[str] | BinaryIO | Url | bytes | bytearray | memoryview
"""An archive: a path, a URL, a binary file, or its bytes."""


class ArchiveFile:
    """The file of an open archive. Several threads may read it."""

    def __init__(self, source: Source) -> None:
        """Opens the source. Raises InputError if it cannot be read."""
        self.closed = False
        self.place: Location | None = None
        """The path or URL that was opened; None for a file of the caller, which stays open."""
        if isinstance(source, str | os.PathLike | Url):
            self.name, self.place = name_of(source), source
            self._reader: RandomAccess = open_anywhere(source)
        else:
            file: BinaryIO = (
                BytesIO(source) if isinstance(source, bytes | bytearray | memoryview) else source
            )
            self.name = stream_name(file, "the archive")
            self._reader = Reader(file)
        try:
            with reading(self.name):
                self.size = self._reader.size
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Closes the file, if it was opened here. Later reads raise ValueError."""
        self.closed = True
        if self.place is not None:
            self._reader.close()

    def close_when_dropped(self, user: object) -> None:
        """Closes the file when the last reference to its user is dropped."""
        weakref.finalize(user, self._reader.close)

    def check_open(self) -> None:
        """Raises ValueError if the archive is closed."""
        if self.closed:
            raise ValueError(f"{self.name}: the archive is closed; open it again to read from it")

    def read(self, offset: int, size: int) -> bytes:
        """The bytes of a range that are in the file; none if the range lies outside of it."""
        start, end = max(offset, 0), min(offset + size, self.size)
        if start >= end:
            return b""
        self.check_open()
        with reading(self.name):
            return self._reader.read(start, end - start)

    def read_place(self, place: Place) -> bytes:
        return self.read(place.offset, place.size)

    def expect(self, blocks: Iterable[BlockInfo], size: int | None = None) -> None:
        """Announces that these blocks, or `size` bytes of each, will be read next, in order.

        A remote file then fetches them together.
        """
        self._reader.expect(
            (block.offset, block.size if size is None else min(size, block.size))
            for block in blocks
        )

    def named(self, error: ArchiveError) -> ArchiveError:
        """The error with the name of the archive."""
        where = f"{self.name}: block {error.block}" if error.block is not None else self.name
        return ArchiveError(f"{where}: {error}", error.block, error.file)

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Adds the name of the archive to an ArchiveError of the body."""
        try:
            yield
        except ArchiveError as error:
            raise self.named(error) from None
