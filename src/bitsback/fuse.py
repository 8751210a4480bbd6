"""Mount an archive as a folder of the operating system, by FUSE (docs/readers.md).

It uses fsspec's FUSE operations on `bitsback.filesystem`, for reading. It needs the extra `mount`,
and libfuse.
"""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable
from contextlib import suppress
from errno import EIO, EISDIR, ENOENT
from pathlib import Path
from typing import Any

from bitsback.errors import BitsbackError, InputError, MissingExtra
from bitsback.io.interrupts import SIGNALS
from bitsback.io.names import printable

try:
    import fuse
    from fsspec.fuse import FUSEr
except ImportError as error:
    raise MissingExtra("fusepy", ".[mount]") from error
except OSError as error:
    raise InputError(
        "libfuse is not installed: install the package libfuse2t64, libfuse2, fuse-libs or macFUSE,"
        " as your system names it"
    ) from error

from bitsback.filesystem import ArchiveFileSystem  # which needs fsspec

_NUMBERS: dict[type, int] = {FileNotFoundError: ENOENT, IsADirectoryError: EISDIR}
"""The error numbers of exceptions without one."""


class ArchiveOperations(FUSEr):
    """The operations of the kernel on a mounted archive."""

    def __init__(
        self, files: ArchiveFileSystem, mounted: Callable[[], object] = lambda: None
    ) -> None:
        """mounted: called after the archive was mounted."""
        super().__init__(files, "")
        self._mounted = mounted
        self._known: dict[str, dict[str, Any]] = {}
        """A cache of attributes by path, since sizes of pictures are known only after making them.
        """

    def __call__(self, operation: str, *arguments: Any) -> Any:
        """Runs an operation. Raises FuseOSError; damage looks like a disk that cannot be read."""
        try:
            return super().__call__(operation, *arguments)
        except (BitsbackError, OSError) as error:  # fusepy expects a number in every error
            number = getattr(error, "errno", None) or _NUMBERS.get(type(error), EIO)
            raise fuse.FuseOSError(number) from error

    def init(self, path: str) -> None:
        self._mounted()

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        if path not in self._known:
            attributes: dict[str, Any] = super().getattr(path, fh)
            folder = stat.S_ISDIR(attributes["st_mode"])
            attributes["st_mode"] = stat.S_IFDIR | 0o555 if folder else stat.S_IFREG | 0o444
            attributes |= {"st_uid": os.getuid(), "st_gid": os.getgid()}
            with suppress(FileNotFoundError, NotImplementedError):
                attributes["st_mtime"] = self.fs.modified(path).timestamp()
            self._known[path] = attributes
        return self._known[path]


class _Fuse(fuse.FUSE):
    def _decode_optional_path(self, path: bytes | None) -> str | None:
        """The path of a look-up, which need not be valid UTF-8."""
        return None if path is None else path.decode(errors="surrogateescape")


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
        _Fuse(
            ArchiveOperations(files, mounted),
            os.fspath(folder),
            foreground=True,
            nothreads=True,
            ro=True,
            fsname="bitsback",
        )
    except RuntimeError as error:
        raise InputError(
            f"{shown}: cannot be mounted; /dev/fuse, or the right to use it, may be missing"
        ) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        files.close()
