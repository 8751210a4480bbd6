"""`bitsback://`: an fsspec filesystem with the content of an archive as files."""

from __future__ import annotations

import io
import math
import weakref
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
from fsspec.archive import AbstractArchiveFileSystem
from fsspec.utils import stringify_path
from numpy.typing import NDArray

from bitsback.archive.arrays.indexed import View
from bitsback.archive.container.targets import target_of
from bitsback.archive.files.file_writer import FileWriter
from bitsback.archive.reader import ArchiveReader
from bitsback.errors import InputError
from bitsback.files.npy import write_header
from bitsback.format.grid import Shape
from bitsback.format.parts import ARRAYS, FOLDER
from bitsback.io.remote.url import Url, as_datetime, located
from bitsback.models import Model

_REMEMBERED = 8  # files in the cache
_MOST_LISTED = 1 << 22
_NPY = ".npy"


class AsFiles:
    """The content of an open archive as files, each of which is made on demand.

    Files of a folder have their names. Arrays and their items are .npy files.

    >>> import bitsback, numpy as np
    >>> archive = io.BytesIO()
    >>> compressed = bitsback.compress(np.eye(12, 5), archive)
    >>> files = AsFiles(bitsback.open(archive).reader)
    >>> list(files)[9:], files.size("09.npy"), np.load(io.BytesIO(files.read("09.npy")))
    (['09.npy', '10.npy', '11.npy'], 168, array([0., 0., 0., 0., 0.]))
    """

    def __init__(self, archive: ArchiveReader) -> None:
        self._archive = archive
        collection = archive.collection
        self._named: dict[str, int] | None = None
        """The numbers of the files, if they have names."""
        if collection.kind == FOLDER:
            files = archive.files
            self._named = {target_of(files, number)[0]: number for number in range(len(files))}
        elif collection.kind == ARRAYS:
            self._named = {name + _NPY: number for number, name in enumerate(archive.names)}
        self._whole = collection.kind is None and (collection.picture or not collection.shape)
        """Whether the array is a single file, instead of a file for each item."""
        self._count = 1 if self._whole else len(archive)
        self._digits = len(str(max(self._count - 1, 0)))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        """The names of the files. Raises InputError if they are too many to list."""
        if self._named is not None:
            return iter(self._named)
        if self._count > _MOST_LISTED:
            raise InputError(
                f"{self._archive.name}: its {self._count} items are too many to list as files;"
                " open them by their names, or read the archive with bitsback.open"
            )
        return (f"{number:0{self._digits}}{_NPY}" for number in range(self._count))

    def number(self, name: str) -> int | None:
        """The number of the file with this name; None if there is none."""
        if self._named is not None:
            return self._named.get(name)
        digits = name.removesuffix(_NPY)
        if len(digits) != self._digits or not (digits.isascii() and digits.isdigit()):
            return None
        return int(digits) if int(digits) < self._count and digits != name else None

    def size(self, name: str) -> int | None:
        """The size of a file in bytes; None if it is unknown before the file is made.

        Raises KeyError.
        """
        number = self._number(name)
        shape = self._shape(number)
        if shape is None:
            return self._archive.files.restored_bytes(number)
        return len(self._header(name, shape)) + math.prod(shape) * self._dtype(name).itemsize

    def read(self, name: str) -> bytes:
        """All bytes of a file. Raises KeyError, ArchiveError, InputError."""
        number = self._number(name)
        shape = self._shape(number)
        if shape is not None:
            return self._header(name, shape) + self._array(number).tobytes()
        return FileWriter(self._archive).file(number)

    def _number(self, name: str) -> int:
        number = self.number(name)
        if number is None:
            raise KeyError(name)
        return number

    def _array(self, number: int) -> NDArray[Any]:
        """The array in a .npy file."""
        if self._archive.collection.kind is not None:
            return self._archive.file_source(number).whole()
        array = View(self._archive.array_source)
        return np.asarray(array[...] if self._whole else array[number])

    def _dtype(self, name: str) -> np.dtype[Any]:
        collection = self._archive.collection
        if collection.kind is None:
            return collection.dtype
        return collection.parts[self._number(name)].dtype

    def _shape(self, number: int) -> Shape | None:
        """The shape of the array in a .npy file; None for a picture."""
        collection = self._archive.collection
        if collection.kind is None:
            return collection.shape if self._whole else collection.shape[1:]
        return collection.parts[number].shape if collection.kind == ARRAYS else None

    def _header(self, name: str, shape: Shape) -> bytes:
        header = io.BytesIO()
        write_header(header.write, self._dtype(name), shape)
        return header.getvalue()


class ArchiveFileSystem(AbstractArchiveFileSystem):  # type: ignore[misc]
    """The files in an archive. fsspec finds it by its protocol, chained with the archive's URL.

    Files of a folder have the names and the bytes that `decompress` restores. The items of an
    array, and the arrays of an npz file, are .npy files.

    The archive stores the sizes of files that are restored byte for byte. Other sizes are known
    only after the file is made: `info` makes it, and a listing has None.

    >>> import bitsback, fsspec, numpy as np
    >>> compressed = bitsback.compress(np.eye(12, 5), "memory://eye.bb")
    >>> with fsspec.open("bitsback://03.npy::memory://eye.bb") as file:
    ...     np.load(file)
    array([0., 0., 0., 1., 0.])
    >>> fsspec.filesystem("bitsback", fo="memory://eye.bb").glob("*1.npy")
    ['01.npy', '11.npy']
    """

    root_marker = ""
    protocol = "bitsback"
    cachable = False

    def __init__(
        self,
        fo: Any = "",
        target_protocol: str | None = None,
        target_options: dict[str, Any] | None = None,
        model: str | Model | None = None,
        **kwargs: Any,
    ) -> None:
        """fo: a path, a URL, or a seekable binary file. target_protocol, target_options: those of
        the filesystem with the path `fo`, or for the URL. model: as for `bitsback.open`.
        """
        super().__init__(**kwargs)
        self.fo = fo
        if target_protocol in (None, "file", "local"):
            place = located(fo, target_options)
        else:
            place = Url(fo, target_options, target_protocol)
        self._archive = ArchiveReader(place, model=model)
        weakref.finalize(self, self._archive.close)
        self._files = AsFiles(self._archive)
        self._read = lru_cache(_REMEMBERED)(self._files.read)
        self.dir_cache: dict[str, dict[str, Any]] | None = None
        self._listings: dict[str, list[dict[str, Any]]] = {}
        """The content of each folder, in order."""

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        """The name in the archive. A name may begin with "bitsback::", so that prefix stays."""
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        return stringify_path(path).removeprefix("bitsback://").strip("/")

    def close(self) -> None:
        self._archive.close()

    def _get_dirs(self) -> None:
        if self.dir_cache is not None:
            return
        names = list(self._files)
        folders = self._all_dirnames(names)
        self.dir_cache = {
            name: {"name": name, "size": 0, "type": "directory"} for name in sorted(folders)
        } | {name: {"name": name, "size": self._files.size(name), "type": "file"} for name in names}
        self._listings = {folder: [] for folder in ("", *folders)}
        for name in sorted(self.dir_cache):
            self._listings[self._parent(name)].append(self.dir_cache[name])

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        path = self._strip_protocol(path)
        self._get_dirs()
        found = self._listings.get(path)
        if found is None:
            found = [super().info(path)]
        return list(found) if detail else [entry["name"] for entry in found]

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        path = self._strip_protocol(path)
        if self._files.number(path) is not None:
            size = self._files.size(path)
            return {
                "name": path,
                "size": len(self._read(path)) if size is None else size,
                "type": "file",
            }
        if not path:
            return {"name": "", "size": 0, "type": "directory"}
        found: dict[str, Any] = super().info(path)
        return found

    def modified(self, path: str) -> datetime:
        """The modification time of a file of a folder.

        Raises FileNotFoundError, and NotImplementedError if the archive does not have the time.
        """
        number = self._files.number(self._strip_protocol(path))
        if number is None:
            raise FileNotFoundError(path)
        time = self._archive.files.time(number) if self._archive.kind == "folder" else None
        if time is None:
            raise NotImplementedError
        return as_datetime(time)

    def exists(self, path: str, **kwargs: Any) -> bool:
        return self.isfile(path) or self.isdir(path)

    def isfile(self, path: str) -> bool:
        return self._files.number(self._strip_protocol(path)) is not None

    def isdir(self, path: str) -> bool:
        path = self._strip_protocol(path)
        if not path:
            return True
        if self.isfile(path):
            return False
        self._get_dirs()
        assert self.dir_cache is not None
        return path in self.dir_cache

    def _open(
        self, path: str, mode: str = "rb", block_size: int | None = None, **kwargs: Any
    ) -> io.BytesIO:
        if mode != "rb":
            raise InputError("files of an archive cannot be written; use bitsback.compress or add")
        path = self._strip_protocol(path)
        if not self.isfile(path):
            raise IsADirectoryError(path) if self.isdir(path) else FileNotFoundError(path)
        return io.BytesIO(self._read(path))
