"""`bitsback://`: read the contents of an archive as files, by an fsspec filesystem."""

import io
import weakref
from datetime import datetime
from functools import lru_cache
from typing import Any

from fsspec.archive import AbstractArchiveFileSystem

from bitsback.errors import InputError
from bitsback.models import Model
from bitsback.reading.as_files import AsFiles
from bitsback.reading.reader import Archive
from bitsback.remote.url import Url, as_datetime, located

_REMEMBERED = 8  # files


class ArchiveFileSystem(AbstractArchiveFileSystem):  # type: ignore[misc]
    """The files in an archive. fsspec finds it by its protocol, chained with the archive's URL.

    Pictures of a folder have the names, and the bytes, that `decompress` gives them; pages of a
    TIFF file are PNG files, and the items of an array, and the arrays of an npz file, .npy files.
    The size of a picture is only known when it has been made: `info` makes it, and a listing says
    None.

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
        """fo: a path, a URL, or a binary file that can seek. target_protocol, target_options: of
        the filesystem in which `fo` is a path, or for the URL. model: as for `bitsback.open`.
        """
        super().__init__(**kwargs)
        self.fo = fo
        if target_protocol in (None, "file", "local"):
            place = located(fo, target_options)
        else:
            place = Url(fo, target_options, target_protocol)
        self._archive = Archive(place, model=model)
        weakref.finalize(self, self._archive.close)
        self._files = AsFiles(self._archive)
        self._read = lru_cache(_REMEMBERED)(self._files.read)
        self.dir_cache: dict[str, dict[str, Any]] | None = None

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        stripped: str = super()._strip_protocol(path).lstrip("/")
        return stripped

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
        """When a file of a folder was changed before it went into the archive. Raises
        FileNotFoundError, and NotImplementedError where that is not known.
        """
        number = self._files.number(self._strip_protocol(path))
        if number is None:
            raise FileNotFoundError(path)
        time = self._archive._files.time(number) if self._archive.kind == "folder" else None
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
            raise InputError("an archive is only read; make one with bitsback.compress")
        path = self._strip_protocol(path)
        if not self.isfile(path):
            raise IsADirectoryError(path) if self.isdir(path) else FileNotFoundError(path)
        return io.BytesIO(self._read(path))
