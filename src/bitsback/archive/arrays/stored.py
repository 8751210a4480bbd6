"""The verbatim files of an archive, and their pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.arrays.indexed import ArraySource, Chunks, View
from bitsback.archive.arrays.indexing import AxisPlaces
from bitsback.archive.arrays.part_source import Result
from bitsback.errors import InputError
from bitsback.format.grid import Shape
from bitsback.lazy import cached_property


class StoredSource(ArraySource):
    """The pixels of a verbatim file. Raises InputError if it is no picture."""

    def __init__(
        self,
        archive: str,
        file_name: str,
        read: Callable[..., bytes],
        pixels: Callable[[bytes, str], NDArray[Any]],
    ) -> None:
        """read: reads the bytes of the file. pixels: makes the array of the bytes; its second
        argument is the name for messages.
        """
        super().__init__(archive)
        self.file_name, self.read, self._decode = file_name, read, pixels

    @cached_property
    def _pixels(self) -> NDArray[Any]:
        return self._decode(self.read(), f"{self.name}: {self.file_name}")

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

    def stacks(self, start: int, stop: int, *, verify: bool = True) -> Iterator[NDArray[Any]]:
        yield self._pixels[start:stop].copy()


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
    def name(self) -> str:
        return self._file.file_name

    def read(self, verify: bool = True) -> bytes:
        """The bytes of the file. verify: check the digest of each block. Raises ArchiveError."""
        return self._file.read(verify=verify)

    def __repr__(self) -> str:
        return f"<the file {self.name} in {self._file.name}>"
