"""Files of an archive that are stored verbatim, and their pixels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.reading.indexed import ArraySource, Chunks, View
from bitsback.archive.reading.indexing import Along
from bitsback.archive.reading.part_source import Found
from bitsback.format.grid import Shape
from bitsback.lazy import cached_property


class StoredSource(ArraySource):
    """A file that is stored verbatim. A picture is also an array; for other files this raises
    InputError.
    """

    def __init__(self, archive: str, file_name: str) -> None:
        super().__init__(archive)
        self.file_name = file_name

    @abstractmethod
    def read(self, verify: bool = True) -> bytes:
        """The bytes of the file. verify: check the digest of each block. Raises ArchiveError."""

    @abstractmethod
    def _decode(self) -> NDArray[Any]:
        """All elements."""

    @cached_property
    def _pixels(self) -> NDArray[Any]:
        return self._decode()

    @property
    def shape(self) -> Shape:
        return self._pixels.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._pixels.dtype

    @property
    def chunks(self) -> Chunks:
        return tuple((size,) for size in self.shape)

    def take(self, wanted: tuple[Along, ...], verify: bool = True) -> NDArray[Any]:
        found = Found(tuple(map(len, wanted)), self.dtype)
        places = [along.within(0, size) for along, size in zip(wanted, self.shape, strict=True)]
        found.put(places, self._pixels)
        return found.array

    def stacks(self, start: int, stop: int, *, verify: bool = True) -> Iterator[NDArray[Any]]:
        yield self._pixels[start:stop].copy()


class StoredFile(StoredSource):
    """A file of a folder, whose picture Pillow reads."""

    def __init__(self, archive: str, file_name: str, read: Callable[..., bytes]) -> None:
        super().__init__(archive, file_name)
        self._read = read

    def read(self, verify: bool = True) -> bytes:
        return self._read(verify=verify)

    def _decode(self) -> NDArray[Any]:
        from bitsback.files.picture_files import read_shown

        return read_shown(self.read(), f"{self.name}: {self.file_name}")


class StoredPage(StoredSource):
    """A page of a TIFF file on its own, which tifffile reads. Raises InputError if it cannot."""

    def __init__(self, archive: str, number: int, file: bytes) -> None:
        super().__init__(archive, f"page {number}")
        self._number, self._file = number, file

    def read(self, verify: bool = True) -> bytes:
        """The bytes of its file."""
        return self._file

    def _decode(self) -> NDArray[Any]:
        from bitsback.files import formats
        from bitsback.files.pictures import reading_picture

        with reading_picture(f"{self.name}: {self.file_name}"):
            return formats.PAGES.codec().read_page(self._file, self._number)


class Stored(View):
    """A file that is stored verbatim. A picture is also an array; for other files this raises
    InputError.
    """

    def __init__(self, source: StoredSource) -> None:
        super().__init__(source)
        self._file = source

    @property
    def name(self) -> str:
        return self._file.file_name

    def read(self, verify: bool = True) -> bytes:
        """The bytes of the file. verify: check the digest of each block. Raises ArchiveError."""
        return self._file.read(verify)

    def __repr__(self) -> str:
        return f"<the file {self.name} in {self._file.name}>"
