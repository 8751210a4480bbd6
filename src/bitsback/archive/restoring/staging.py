"""Write many files into a folder, so that either all appear or none."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Protocol

from bitsback.archive.container.hashes import Check
from bitsback.errors import InputError
from bitsback.files.drawing import Seekable
from bitsback.format.entries import RESTORED, Folder, Link
from bitsback.io import hidden_files, moves
from bitsback.io.interrupts import put_off
from bitsback.io.locks import Lock
from bitsback.io.names import printable, windows_fault
from bitsback.io.open_folder import OpenFolder
from bitsback.io.output import SeekableOutput, made_folders, naming
from bitsback.io.remote.files import Uploads
from bitsback.io.remote.url import Url

Stamp = tuple[int | None, int | None]
"""The mode of a file and its modification time, in ns since 1970; None where they are unknown."""
UNSTAMPED: Stamp = (None, None)


class Staging(Protocol):
    """Receives files by name, with `/` between folders. Several threads may use it."""

    def write(
        self, name: str, data: bytes, stamp: Stamp = UNSTAMPED, check: Check | None = None
    ) -> None:
        """Writes a file. stamp, check: as in `open`. Raises InputError if it cannot be written."""

    def open(
        self, name: str, stamp: Stamp = UNSTAMPED, check: Check | None = None
    ) -> AbstractContextManager[Seekable]:
        """A file to write to, which exists when the body ends.

        Errors of writing name the file. stamp: its mode and modification time. check: reads the
        complete file, and raises an error for any fault.
        """

    def add_entries(self, folders: Iterable[Folder], links: Iterable[Link]) -> list[str]:
        """Makes folders and links, after all files.

        Returns the names of folders, with a `/`, and of links that this computer cannot make.
        Raises InputError.
        """


class _Hidden:
    """A hidden folder, in which files wait until all are complete."""

    def __init__(self, hidden: OpenFolder, target: "_Target") -> None:
        self.names: list[str] = []
        """The names of the written files."""
        self.settings: dict[str, tuple[int | None, int | None]] = {}
        """The modes and times of folders by name. Each folder comes after its parent."""
        self._hidden, self._target = hidden, target
        self._lock = Lock()

    def write(
        self, name: str, data: bytes, stamp: Stamp = UNSTAMPED, check: Check | None = None
    ) -> None:
        """Raises InputError as `open` does."""
        with self.open(name, stamp, check) as file:
            file.write(data)

    @contextmanager
    def open(
        self, name: str, stamp: Stamp = UNSTAMPED, check: Check | None = None
    ) -> Iterator[Seekable]:
        """A file to write to.

        Raises InputError if it cannot be written, if its name equals another one on this file
        system, or if the folder has such a file that must not be replaced.
        """
        self._target.check([name])
        shown = self._target.shown(name)
        place = f"{moves.NEW}/{name}"
        with naming(shown):
            try:
                with self._hidden.open(place, "x+b", make=True) as file:
                    yield SeekableOutput(file, shown)
                    file.flush()
                    os.fsync(file.fileno())
                    if check is not None:
                        file.seek(0)
                        check(file)
            except FileExistsError:
                raise _same_name(shown) from None
            mode, time = stamp
            self._hidden.stamp(place, None if mode is None else mode & RESTORED, time)
        with self._lock:
            self.names.append(name)

    def add_entries(self, folders: Iterable[Folder], links: Iterable[Link]) -> list[str]:
        for folder in sorted(folders, key=lambda folder: folder.name.split("/")):
            mode = None if folder.mode is None else folder.mode & RESTORED
            self.settings[folder.name] = mode, folder.time
            shown = self._target.shown(folder.name)
            place = f"{moves.NEW}/{folder.name}".removesuffix("/")
            with naming(shown):
                try:
                    self._hidden.make(place)
                except FileExistsError:
                    raise _same_name(shown) from None
                if mode is not None:  # folders stay writable until they are moved
                    self._hidden.stamp(place, mode | stat.S_IRWXU, None)
        unmade = []
        for link in links:
            shown = self._target.shown(link.name)
            place = f"{moves.NEW}/{link.name}"
            with naming(shown), self._hidden.place(place, make=True) as (path, above):
                try:
                    to_folder = os.name == "nt" and (Path(path).parent / link.target).is_dir()
                    os.symlink(link.target, path, to_folder, dir_fd=above)  # keeps its text
                except FileExistsError:
                    raise _same_name(shown) from None
                except OSError:  # Windows, or a file system without links
                    unmade.append(link.name)
                    continue
                times = link.time, link.time
                with suppress(OSError, OverflowError, NotImplementedError):
                    os.utime(path, ns=times, dir_fd=above, follow_symlinks=False)
            self.names.append(link.name)
        return unmade


def _same_name(shown: str) -> InputError:
    return InputError(
        f"{shown}: another file of the archive has a name that this file system takes for the same;"
        " extract them into different folders"
    )


@contextmanager
def staging(
    destination: str | os.PathLike[str] | Url, names: Iterable[str], force: bool
) -> Iterator[Staging]:
    """A place for files, which are moved into the folder `destination` when the body ends.

    In a folder at a URL, where files cannot be moved, they are written immediately. Parent folders
    are made if necessary. If the body raises, nothing stays. If the process ends while files are
    moved, the next process that writes there moves the others.

    names: the known names of files, for an early check. Raises InputError if a file exists, unless
    `force`, or if this computer does not support one of the names.
    """
    if isinstance(destination, Url):
        with naming(destination.name):
            uploads = Uploads(destination, force)
        uploads.check(names)
        try:
            yield uploads
        except BaseException:
            uploads.remove_new()
            raise
        return
    target = _Target(destination, force)
    with naming(target.name):
        exists = target.folder.exists()
        if exists and not target.folder.is_dir():
            raise InputError(f"{target.name}: is a file; name a folder")
    with made_folders(target.folder if exists else target.folder.parent, target.name):
        yield from _hidden_folder(target, names, exists)


def _hidden_folder(target: "_Target", names: Iterable[str], exists: bool) -> Iterator[Staging]:
    """A staging place on disk: a hidden folder in the destination, or beside a new one."""
    with ExitStack() as stack:
        with naming(target.name):
            where = target.folder if exists else target.folder.parent
            folder = stack.enter_context(OpenFolder(where))
            hidden_files.clear(folder)
        target.check(names)
        with naming(target.name):
            hidden = stack.enter_context(closing(hidden_files.make_folder(folder)))
            hidden.folder.make(moves.NEW)
        stage = _Hidden(hidden.folder, target)
        yield stage
        with put_off():
            target.take(hidden, folder, exists, stage.names, stage.settings)


class _Target:
    """The destination of staged files."""

    def __init__(self, destination: str | os.PathLike[str], force: bool) -> None:
        self.name = printable(os.fspath(destination))
        self.folder = Path(os.path.realpath(destination))
        self._force = force

    def shown(self, name: str) -> str:
        return os.path.join(self.name, printable(name))  # noqa: PTH118

    def check(self, names: Iterable[str]) -> None:
        """Raises InputError unless files of these names can be moved into the folder."""
        exists = self.folder.exists()
        for name in names:
            fault = windows_fault(name) if os.name == "nt" else None
            if fault is not None:
                raise InputError(
                    f"{printable(name)}: {fault}; extract the other files by their numbers"
                )
            if exists:
                with naming(self.shown(name)):
                    self._check_place(name)

    def take(
        self,
        hidden: hidden_files.HiddenFolder,
        folder: OpenFolder,
        exists: bool,
        names: Sequence[str],
        settings: moves.Settings,
    ) -> None:
        """Moves the files to their places, and makes the folders with settings.

        folder: the destination if it existed before, otherwise its parent. Raises InputError if a
        file cannot be moved. Nothing is then changed.
        """
        with naming(self.name):
            if not exists and folder.status(self.folder.name) is None:
                moves.sync_new(hidden.folder, names, settings)
                hidden.folder.move(moves.NEW, folder, self.folder.name)
                with folder.folder(self.folder.name) as new:
                    moves.settle(new, settings)
                folder.sync()
                return
        inside = {name: each for name, each in settings.items() if name}
        self.check([*names, *(f"{name}/x" for name in inside)])
        with naming(self.name):
            if not exists:
                folder = hidden.enter(self.folder.name)
            moves.carry_out(hidden.folder, folder, names, inside)

    def _check_place(self, name: str) -> None:
        for parent in moves.parents([name]):
            path = self.folder / parent
            if path.is_symlink() or (path.exists() and not path.is_dir()):
                what = "is a link" if path.is_symlink() else "is a file"
                raise InputError(
                    f"{self.shown(parent)}: {what}, and the archive has a folder of that name;"
                    " name another folder"
                )
        place = self.folder / name
        if not os.path.lexists(place):
            return
        if place.is_dir() and not place.is_symlink():
            raise InputError(f"{self.shown(name)}: is a folder; name another folder")
        if not self._force:
            raise InputError(
                f"{self.shown(name)}: exists already; name another folder, or use --force"
                " (force=True)"
            )
