"""Shows the content of an archive as files: those of a folder under their names, arrays and their
items as .npy files, pages as PNG files.
"""

import io
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from bitsback.errors import InputError
from bitsback.format.parts import ARRAYS, FOLDER, FileList
from bitsback.images.npy import Shape, write_header
from bitsback.reading.maker import Maker
from bitsback.reading.reader import Archive
from bitsback.reading.targets import target_of

_MOST_LISTED = 1 << 22
_PNG, _NPY = ".png", ".npy"


class AsFiles:
    """The files of an open archive. Each is made when it is asked for.

    >>> import bitsback, numpy as np
    >>> archive = io.BytesIO()
    >>> compressed = bitsback.compress(np.eye(12, 5), archive)
    >>> files = AsFiles(bitsback.open(archive))
    >>> list(files)[9:], files.size("09.npy"), np.load(io.BytesIO(files.read("09.npy")))
    (['09.npy', '10.npy', '11.npy'], 168, array([0., 0., 0., 0., 0.]))
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        collection = archive._collection
        self._named: dict[str, int] | None = None
        """The numbers of the files, if they have names."""
        if isinstance(collection, FileList) and collection.kind == FOLDER:
            files = archive._files
            self._named = {target_of(files, number)[0]: number for number in range(len(files))}
        elif isinstance(collection, FileList) and collection.kind == ARRAYS:
            self._named = {name + _NPY: number for number, name in enumerate(archive.names)}
        whole = not isinstance(collection, FileList) and (
            collection.picture or not collection.shape
        )
        self._count = 1 if whole else len(archive)
        self._ending = _PNG if isinstance(collection, FileList) else _NPY
        self._digits = len(str(max(self._count - 1, 0)))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        """Their names. Raises InputError if they are too many to be listed."""
        if self._named is not None:
            return iter(self._named)
        if self._count > _MOST_LISTED:
            raise InputError(
                f"{self._archive.name}: its {self._count} items are too many to be listed as files;"
                " open them by their names, or read the archive with bitsback.open"
            )
        return (f"{number:0{self._digits}}{self._ending}" for number in range(self._count))

    def number(self, name: str) -> int | None:
        """The number of a file, if there is one of the name."""
        if self._named is not None:
            return self._named.get(name)
        digits = name.removesuffix(self._ending)
        if len(digits) != self._digits or not (digits.isascii() and digits.isdigit()):
            return None
        return int(digits) if int(digits) < self._count and digits != name else None

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where it has to be made to know. Raises KeyError."""
        shape = self._shape(self._number(name))
        if shape is None:
            return None
        return len(self._header(name, shape)) + math.prod(shape) * self._dtype(name).itemsize

    def read(self, name: str) -> bytes:
        """All bytes of a file. Raises KeyError, ArchiveError, InputError."""
        from bitsback.images.pictures import encode_page

        number, archive = self._number(name), self._archive
        shape = self._shape(number)
        if shape is not None:
            whole = not isinstance(archive._collection, FileList) and shape == archive.shape
            array = np.asarray(archive[...] if whole else archive[number])
            return self._header(name, shape) + array.tobytes()
        if self._named is None:
            return encode_page(archive[number]._all(), f"{archive.name}: page {number}")
        return Maker(archive).file(number)

    def _number(self, name: str) -> int:
        number = self.number(name)
        if number is None:
            raise KeyError(name)
        return number

    def _dtype(self, name: str) -> np.dtype[Any]:
        collection = self._archive._collection
        if not isinstance(collection, FileList):
            return collection.dtype
        return collection.parts[self._number(name)].dtype

    def _shape(self, number: int) -> Shape | None:
        """Of the array in a .npy file; None for a picture."""
        collection = self._archive._collection
        if not isinstance(collection, FileList):
            whole = collection.picture or not collection.shape
            return collection.shape if whole else collection.shape[1:]
        return collection.parts[number].shape if collection.kind == ARRAYS else None

    def _header(self, name: str, shape: Shape) -> bytes:
        header = io.BytesIO()
        write_header(header.write, self._dtype(name), shape)
        return header.getvalue()
