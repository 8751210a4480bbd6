"""Write a result to a file that appears when it is complete, or to a stream."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeGuard

from bitsback.errors import InputError
from bitsback.io import hidden_files
from bitsback.io.file_io import stream_name
from bitsback.io.file_lock import SUPPORTED, hold_lock, is_at
from bitsback.io.open_folder import OpenFolder
from bitsback.io.remote.files import writing
from bitsback.io.remote.url import Url

Destination = str | os.PathLike[str] | BinaryIO | Url


class Output:
    """Writes and counts bytes, and names the output in errors. It seeks only to start again."""

    def __init__(self, file: BinaryIO, name: str, place: Path | None = None) -> None:
        """place: the file until it is complete, if it can be read."""
        self.name, self.place = name, place
        self.size = 0
        self._file = file

    def write(self, data: bytes | memoryview) -> None:
        """Writes bytes. Raises InputError, which names the file, for example for a full disk."""
        self.size += len(data)
        with naming(self.name):
            rest = memoryview(data)
            while len(rest):
                written = self._file.write(rest)
                # An unbuffered file may accept only a part of the bytes.
                rest = rest[written if written is not None else len(rest) :]

    def sync(self) -> None:
        """Waits until all written bytes are on the disk, if that matters before the end."""

    def restart(self) -> None:
        """Discards everything written to a file. Raises InputError, which names it."""
        with naming(self.name):
            self._file.seek(0)
            self._file.truncate()
        self.size = 0


class SeekableOutput(Output):
    """A seekable output."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Changes the position. Raises InputError, which names the file."""
        with naming(self.name):
            return self._file.seek(offset, whence)


@contextmanager
def open_output(
    destination: Destination, force: bool = False, source: object = None
) -> Iterator[Output]:
    """An Output for a path, a URL or a binary stream.

    When the body ends, the file appears at its path or URL, complete and on disk. Missing folders
    are made. If the body raises, nothing stays, and an existing file is unchanged. No other process
    changes or replaces the file meanwhile. Raises InputError if the file exists, unless `force`; if
    it is `source`; or if another process is changing it.
    """
    if isinstance(destination, Url):
        if destination == source:
            raise InputError(f"{destination.name}: is the input too; name another output")
        # An error of the body is not an error of writing.
        with ExitStack() as stack:
            with naming(destination.name):
                file = stack.enter_context(writing(destination, force))
            yield Output(file, destination.name)
            with naming(destination.name):
                stack.close()
        return
    if not isinstance(destination, str | os.PathLike):
        output = Output(destination, stream_name(destination, "the output"))
        yield output
        with naming(output.name):
            destination.flush()
        return
    name = os.fspath(destination)
    # A symbolic link stays, and its target is replaced.
    path = Path(os.path.realpath(name))
    with naming(name):
        status = path.stat() if path.exists() else None
    if status is not None and stat.S_ISDIR(status.st_mode):
        raise InputError(f"{name}: is a folder; name a file in it")
    if status is not None and not stat.S_ISREG(status.st_mode):
        with naming(name):
            device = path.open("wb", buffering=0)
        with device:
            yield Output(device, name)
        return
    if status is not None and _is_place(source) and path.samefile(source):
        raise InputError(f"{name}: is the input too; name another output")
    if status is not None and not force:
        raise InputError(
            f"{name}: exists already; name another output, or use --force (force=True) to"
            " replace it"
        )
    if status is not None and not os.access(path, os.W_OK):
        raise InputError(f"{name}: cannot be written: {os.strerror(errno.EACCES)}")
    with made_folders(path.parent, name):
        yield from _hidden_output(path, name, status, force)


def _hidden_output(
    path: Path, name: str, status: os.stat_result | None, force: bool
) -> Iterator[Output]:
    """An Output for a path in an existing folder. status: of the existing file."""
    with ExitStack() as stack:
        with naming(name):
            folder = stack.enter_context(OpenFolder(path.parent))
            hidden_files.clear(folder)
            old = stack.enter_context(hold_lock(path, name)) if force else None
            hidden, file = hidden_files.make_file(folder)
        try:
            with file:
                yield Output(file, name, folder.path / hidden)
                with naming(name):
                    os.fsync(file.fileno())
                    if status is not None:
                        change_mode(file, folder.path / hidden, status.st_mode)
                    if SUPPORTED:  # no other process removes a file that is open and locked
                        _put(folder, hidden, path, name, old, force)
            with naming(name):
                if not SUPPORTED:  # an open file cannot be moved
                    _put(folder, hidden, path, name, old, force)
                folder.sync()
        except BaseException:
            with suppress(OSError):
                folder.remove(hidden)
            raise


def _put(
    folder: OpenFolder, hidden: str, path: Path, name: str, old: BinaryIO | None, force: bool
) -> None:
    """Moves a hidden file in a folder to its path in the same folder.

    old: the file that was there before, which is locked. Raises InputError if another file is there
    now.
    """
    since = f"{name}: exists since just now; name another output, or use --force to replace it"
    if old is not None:
        if path.exists() and not is_at(old, path):
            raise InputError(f"{name}: was replaced by another process meanwhile; try again")
        folder.move(hidden, folder, path.name)
    elif force:
        with hold_lock(path, name):
            folder.move(hidden, folder, path.name)
    else:
        try:
            folder.link(hidden, folder, path.name)  # this fails if there is a file
        except FileExistsError:
            raise InputError(since) from None
        except (OSError, NotImplementedError):  # a file system without links
            if path.exists():
                raise InputError(since) from None
            folder.move(hidden, folder, path.name)
        else:
            folder.remove(hidden)


def change_mode(file: BinaryIO, path: Path, mode: int) -> None:
    """Gives an open file the permissions of a mode. path: its path. Raises OSError.

    Another user may have exchanged what is at the path, so only Windows uses it.
    """
    place = file.fileno() if os.chmod in os.supports_fd else path
    os.chmod(place, stat.S_IMODE(mode))  # noqa: PTH101 - of a descriptor


@contextmanager
def made_folders(folder: Path, name: str) -> Iterator[None]:
    """Makes a folder and its parents for an output.

    New folders are removed again if the body raises. name: of the output, for messages. Raises
    InputError if the folders cannot be made.
    """
    with naming(name):
        new = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for each in new:
            with suppress(OSError):  # others may have put files into it
                each.rmdir()
        raise


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Turns an OSError into an InputError that names the file."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(f"{name}: cannot be written: {error.strerror or error}") from error


def _is_place(source: object) -> TypeGuard[str | os.PathLike[str]]:
    """Whether a source is a file on disk, and not the bytes of a named one."""
    return isinstance(source, str | os.PathLike) and Path(source).exists()
