"""A file in an archive that is held bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.grid import Shape
from bitsback.archive.indexed import Chunks, Indexed
from bitsback.archive.indexing import Along
from bitsback.archive.maker import Holder
from bitsback.archive.view import Found
from bitsback.lazy import cached_property


class Stored(Indexed):
    """A file of a folder that is held bit for bit. If it is a picture, it is an array too, which
    Pillow makes of it; if it is none that Pillow reads, that is an InputError.
    """

    def __init__(self, archive: Holder, number: int) -> None:
        super().__init__(archive.name)
        self._archive, self._number = archive, number

    @property
    def name(self) -> str:
        return self._archive._files.names[self._number]

    def read(self, verify: bool = True) -> bytes:
        """The bytes of the file. verify: check the digest of each block. Raises ArchiveError."""
        return self._archive._bytes_of(*self._archive._files.span(self._number), verify=verify)

    @cached_property
    def _pixels(self) -> NDArray[Any]:
        from bitsback.images.pictures import read_shown

        return read_shown(self.read(), f"{self._archive.name}: {self.name}")

    @property
    def shape(self) -> Shape:
        return self._pixels.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._pixels.dtype

    @property
    def chunks(self) -> Chunks:
        return tuple((size,) for size in self.shape)

    def _take(self, wanted: tuple[Along, ...], verify: bool = True) -> NDArray[Any]:
        found = Found(tuple(map(len, wanted)), self.dtype)
        places = [along.within(0, size) for along, size in zip(wanted, self.shape, strict=True)]
        found.put(places, self._pixels)
        return found.array

    def _stacks(self, start: int, stop: int, *, verify: bool = True) -> Iterator[NDArray[Any]]:
        yield self._pixels[start:stop].copy()

    def __repr__(self) -> str:
        return f"<the file {self.name} in {self._archive.name}>"


class StoredPage(Stored):
    """A page of a TIFF file on its own that is held bit for bit: an array, which tifffile makes of
    it; if it cannot, that is an InputError.
    """

    def __init__(self, archive: Holder, number: int, file: bytes) -> None:
        super().__init__(archive, number)
        self._file = file

    @property
    def name(self) -> str:
        return f"page {self._number}"

    def read(self, verify: bool = True) -> bytes:
        """The bytes of the file that it is in."""
        return self._file

    @cached_property
    def _pixels(self) -> NDArray[Any]:
        from bitsback.images.tiff.structure import read_page

        return read_page(self._file, self._number, f"{self._archive.name}: {self.name}")

    def __repr__(self) -> str:
        return f"<{self.name} of the TIFF file in {self._archive.name}>"
