"""The verbatim files of an archive, and their pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.arrays.indexed import ArraySource, Chunks, View
from bitsback.archive.arrays.indexing import AxisPlaces
from bitsback.archive.arrays.part_source import Result
from bitsback.errors import InputError
from bitsback.format.grid import Shape
from bitsback.lazy import cached_property


class StoredFile:
    """The bytes of a verbatim file."""

    def __init__(self, read: Callable[..., bytes], start: int, stop: int) -> None:
        """read: reads bytes of a part, by their start and stop. start, stop: of the file."""
        self._read, self._start, self.size = read, start, stop - start

    def read(self, offset: int = 0, size: int | None = None, verify: bool = True) -> bytes:
        """`size` bytes, or as many as there are. verify: check the digest of each block.

        Raises ArchiveError.
        """
        end = self.size if size is None else min(offset + size, self.size)
        first = min(offset, end)
        return self._read(self._start + first, self._start + end, verify=verify)

    def close(self) -> None:
        """Does nothing: the archive stays open."""


class StoredSource(ArraySource):
    """The pixels of a verbatim file. Raises InputError if it is no picture."""

    def __init__(self, archive: str, file_name: str, file: StoredFile) -> None:
        super().__init__(archive)
        self.file_name, self.file = file_name, file

    @cached_property
    def _pixels(self) -> NDArray[Any]:
        return shown_picture(self.file.read(), f"{self.name}: {self.file_name}")

    @cached_property
    def shown(self) -> ArraySource:
        """The largest page of a slide, which is read by region. For other files it is this source.

        Raises ArchiveError.
        """
        from bitsback.files import formats

        if formats.picture_format(self.file.read(0, formats.START)) is not formats.TIFF:
            return self
        from bitsback.archive.arrays.slides import slide_of_file

        return slide_of_file(self.name, self.file_name, self.file) or self

    @property
    def shape(self) -> Shape:
        return self._pixels.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._pixels.dtype

    @property
    def chunks(self) -> Chunks:
        return tuple((size,) for size in self.shape)

    def take(self, wanted: tuple[AxisPlaces, ...], verify: bool = True) -> NDArray[Any]:
        found = Result(tuple(map(len, wanted)), self.dtype)
        places = [along.within(0, size) for along, size in zip(wanted, self.shape, strict=True)]
        found.put(places, self._pixels)
        return found.array


def shown_picture(file: bytes, name: str) -> NDArray[Any]:
    """The pixels of a picture file. Raises InputError."""
    from bitsback.files.picture_files import read_shown

    try:
        return read_shown(file, name)
    except InputError as error:
        raise InputError(f"{error}; archive.open gives its bytes") from None


class Stored(View):
    """A verbatim file. A picture is also an array; other files raise InputError for its methods."""

    def __init__(self, source: StoredSource) -> None:
        super().__init__(source)
        self._file = source

    @property
    def _source(self) -> ArraySource:
        return self._file.shown

    @property
    def name(self) -> str:
        return self._file.file_name

    def read(self, verify: bool = True) -> bytes:
        """The bytes of the file. verify: check the digest of each block. Raises ArchiveError."""
        return self._file.file.read(verify=verify)

    def __repr__(self) -> str:
        return f"<the file {self.name} in {self._file.name}>"
