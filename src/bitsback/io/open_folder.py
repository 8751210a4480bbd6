"""Work in a folder where other users may write.

They may rename a folder, or exchange it for a link, between any two operations. An open folder is
therefore reached by its descriptor, and the folders in it one by one, never through a link. Windows
has no such descriptors; there folders are reached by their paths.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self

DESCRIPTORS = os.open in os.supports_dir_fd
"""Whether the system has descriptors of folders."""

NONBLOCK = os.O_NONBLOCK if DESCRIPTORS else 0
"""Opens a pipe without waiting for its other end."""
LINKLESS = NONBLOCK | (os.O_NOFOLLOW if DESCRIPTORS else 0)
"""Opens no link either."""
_FOLDER = LINKLESS | os.O_DIRECTORY | getattr(os, "O_PATH", 0) if DESCRIPTORS else 0


def is_own(status: os.stat_result) -> bool:
    """Whether a file or folder belongs to the user of this process, and nobody else may write to
    it. Windows does not tell.
    """
    writable = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return DESCRIPTORS and status.st_uid == os.geteuid() and not writable


class OpenFolder:
    """An open folder, in which names have `/` between folders. All methods raise OSError."""

    def __init__(self, path: Path, above: int | None = None) -> None:
        """path: of a folder, not of a link. above: the descriptor of the folder that has it."""
        self.path = path
        """The path when it was opened."""
        self.descriptor: int | None = None
        if DESCRIPTORS:
            self.descriptor = os.open(path if above is None else path.name, _FOLDER, dir_fd=above)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)

    @contextmanager
    def place(self, name: str, make: bool = False) -> Iterator[tuple[str, int | None]]:
        """A path for functions of `os`, and the descriptor of the folder that it is relative to.

        make: missing folders above it are made.
        """
        *folders, last = name.split("/")
        if self.descriptor is None:
            path = self.path / name
            if make:
                path.parent.mkdir(parents=True, exist_ok=True)
            yield str(path), None
            return
        above = os.dup(self.descriptor)
        try:
            for folder in folders:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(folder, dir_fd=above)
                inner = os.open(folder, _FOLDER, dir_fd=above)
                os.close(above)
                above = inner
            yield last, above
        finally:
            os.close(above)

    def folder(self, name: str) -> OpenFolder:
        """A folder in this folder, without `/`."""
        return OpenFolder(self.path / name, self.descriptor)

    def open(self, name: str, mode: str, buffering: int = -1, make: bool = False) -> BinaryIO:
        """Opens a regular file. make: as in `place`."""
        with self.place(name, make) as (path, above):

            def opener(path: str, flags: int) -> int:
                return os.open(path, flags | LINKLESS, 0o666, dir_fd=above)

            file = open(path, mode, buffering, opener=opener)  # noqa: SIM115
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise OSError(errno.EINVAL, "is not a regular file")
        return file  # type: ignore[return-value]

    def names(self) -> list[str]:
        """The names of all that is in the folder itself."""
        with self._readable(".") as folder:
            return os.listdir(folder)  # noqa: PTH208 - of a descriptor

    def stat(self) -> os.stat_result:
        """The status of the folder itself."""
        return os.stat(self.path if self.descriptor is None else self.descriptor)  # noqa: PTH116

    def status(self, name: str) -> os.stat_result | None:
        """The status of a file, folder or link; None if there is none."""
        try:
            with self.place(name) as (path, above):
                return os.stat(path, dir_fd=above, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def make(self, name: str, mode: int = 0o777) -> None:
        """Makes a folder, and missing ones above it. It may exist."""
        with self.place(name, make=True) as (path, above):
            try:
                os.mkdir(path, mode, dir_fd=above)
            except FileExistsError:
                if not stat.S_ISDIR(os.stat(path, dir_fd=above, follow_symlinks=False).st_mode):
                    raise

    def move(self, name: str, target: OpenFolder, new_name: str, make: bool = False) -> None:
        """Moves a file, folder or link. It replaces a file or link. make: as in `place`."""
        with self.place(name) as (path, above), target.place(new_name, make) as (new, new_above):
            os.replace(path, new, src_dir_fd=above, dst_dir_fd=new_above)

    def link(self, name: str, target: OpenFolder, new_name: str, make: bool = False) -> None:
        """Gives a file or link a second name. make: as in `place`."""
        with self.place(name) as (path, above), target.place(new_name, make) as (new, new_above):
            os.link(path, new, src_dir_fd=above, dst_dir_fd=new_above, follow_symlinks=False)

    def remove(self, name: str) -> None:
        """Removes a file or link."""
        with self.place(name) as (path, above):
            os.unlink(path, dir_fd=above)

    def remove_folder(self, name: str) -> None:
        """Removes an empty folder."""
        with self.place(name) as (path, above):
            os.rmdir(path, dir_fd=above)

    def stamp(self, name: str, mode: int | None, time: int | None, narrow: bool = False) -> None:
        """Changes the mode and the time of a file or folder, as far as the file system has them.

        time: in ns since 1970. narrow: it only removes permissions, since another user may have put
        something else at this place.
        """
        with suppress(OSError, OverflowError), self._readable(name) as file:
            if mode is not None:
                before = os.stat(file).st_mode  # noqa: PTH116 - of a descriptor
                inherited = before & stat.S_ISGID  # by a new folder, with its group
                os.chmod(file, (mode & before if narrow else mode) | inherited)  # noqa: PTH101
            if time is not None:
                os.utime(file, ns=(time, time))

    def sync(self, name: str = ".") -> None:
        """Writes the entries of a folder to the disk, so that they survive a power failure.

        It does nothing on Windows, where folders cannot be opened.
        """
        with suppress(OSError), self._readable(name) as folder:
            if isinstance(folder, int):
                os.fsync(folder)

    @contextmanager
    def _readable(self, name: str) -> Iterator[int | str]:
        """The descriptor of a file or folder that is open for reading; its path on Windows."""
        with self.place(name) as (path, above):
            if above is None:
                yield path
                return
            descriptor = os.open(path, os.O_RDONLY | LINKLESS, dir_fd=above)
            try:
                yield descriptor
            finally:
                os.close(descriptor)
