"""Mount an archive as a folder of the operating system, by FUSE (docs/readers.md).

It reads from `bitsback.filesystem`. It needs the extra `mount`, and libfuse.
"""

from __future__ import annotations

import os
import signal
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EIO, EISDIR, ENOENT
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

from bitsback.errors import BitsbackError, InputError, MissingExtra
from bitsback.io.interrupts import SIGNALS
from bitsback.io.names import printable
from bitsback.io.remote.url import as_nanoseconds

try:
    import mfusepy
except ImportError as error:
    raise MissingExtra("mfusepy", ".[mount]") from error
except OSError as error:
    raise InputError(
        "libfuse is not installed: install the package fuse3, libfuse2t64, libfuse2, fuse-libs or"
        " macFUSE, as your system names it"
    ) from error

from bitsback.filesystem import ArchiveFileSystem  # which needs fsspec

_NUMBERS: dict[type, int] = {FileNotFoundError: ENOENT, IsADirectoryError: EISDIR}
"""The error numbers of exceptions without one."""
_ENDED = (7, 8)
"""The results of libfuse 3 after a signal."""


@contextmanager
def _numbered() -> Iterator[None]:
    """Raises every error as one with a number. Damage looks like a disk that cannot be read."""
    try:
        yield
    except (BitsbackError, OSError) as error:
        number = getattr(error, "errno", None) or _NUMBERS.get(type(error), EIO)
        raise mfusepy.FuseOSError(number) from error


class ArchiveOperations(mfusepy.Operations):
    """The operations of the kernel on a mounted archive, which raise FuseOSError."""

    use_ns = True  # times are in nanoseconds

    def __init__(
        self, files: ArchiveFileSystem, mounted: Callable[[], object] = lambda: None
    ) -> None:
        """mounted: called after the archive was mounted."""
        self._files, self._mounted = files, mounted
        self._opened: dict[int, BinaryIO] = {}
        self._handles = count()
        self._known: dict[str, dict[str, Any]] = {}
        """A cache of attributes by path, since sizes of pictures are known only after making them.
        """

    def init(self, path: str) -> None:
        self._mounted()

    @_numbered()
    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        if path not in self._known:
            info = self._files.info(path)
            mode = stat.S_IFREG | 0o444 if info["type"] == "file" else stat.S_IFDIR | 0o555
            attributes = {"st_mode": mode, "st_nlink": 1, "st_size": info["size"]}
            attributes |= {"st_uid": os.getuid(), "st_gid": os.getgid()}
            changed = time.time_ns()
            with suppress(FileNotFoundError, NotImplementedError):
                changed = as_nanoseconds(self._files.modified(path))
            attributes |= dict.fromkeys(("st_atime", "st_ctime", "st_mtime"), changed)
            self._known[path] = attributes
        return self._known[path]

    @_numbered()
    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *(name.rpartition("/")[2] for name in self._files.ls(path, False))]

    @_numbered()
    def open(self, path: str, flags: int) -> int:
        handle = next(self._handles)
        self._opened[handle] = self._files.open(path)
        return handle

    @_numbered()
    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        self._opened[fh].seek(offset)
        return self._opened[fh].read(size)

    def release(self, path: str, fh: int) -> int:
        self._opened.pop(fh).close()
        return 0


def mount(
    archive: str,
    folder: Path,
    model: str | None = None,
    storage_options: dict[str, Any] | None = None,
    mounted: Callable[[], object] = lambda: None,
) -> None:
    """Mounts an archive in an empty folder, until it is unmounted or the process is interrupted.

    mounted: called after the archive was mounted. The other arguments are those of `bitsback.open`.
    Raises its errors, and InputError if the folder cannot be mounted.
    """
    shown = printable(os.fspath(folder))
    if not folder.is_dir() or any(folder.iterdir()):
        raise InputError(f"{shown}: is not an empty folder; name an empty one for the archive")
    files = ArchiveFileSystem(archive, target_options=storage_options, model=model)
    # libfuse handles signals without another handler, and unmounts.
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    try:
        mfusepy.FUSE(
            ArchiveOperations(files, mounted),
            os.fspath(folder),
            foreground=True,
            nothreads=True,
            ro=True,
            fsname="bitsback",
        )
    except RuntimeError as error:
        if error.args[0] not in _ENDED:
            raise InputError(
                f"{shown}: cannot be mounted; /dev/fuse, or the right to use it, may be missing"
            ) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        files.close()
