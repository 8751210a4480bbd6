"""Make results in hidden files and folders, and remove what dead processes left of theirs.

Each hidden file or folder is locked while the process that made it is alive. The system releases
the lock when the process ends, for whatever reason. The next process of the same user that writes
there removes the remains, and finishes the moves of a folder (`moves.py`).

Other users may write there, too, so remains that are not the user's own stay as they are.
"""

import os
import secrets
import shutil
import stat
import time
from contextlib import ExitStack, suppress
from typing import BinaryIO

from bitsback.io import file_lock, moves
from bitsback.io.names import UNFINISHED
from bitsback.io.open_folder import DESCRIPTORS, OpenFolder, is_own

LOCK = "lock"
"""The locked file in a hidden folder."""

_HOUR = 3600.0


class HiddenFolder:
    """A hidden folder, which is locked until it is closed."""

    def __init__(
        self,
        parent: OpenFolder,
        name: str,
        folder: OpenFolder,
        lock: BinaryIO,
        opened: ExitStack,
    ) -> None:
        """parent: the folder that has it under this name. opened: what it closes."""
        self.folder = folder
        self._parent, self._name, self._lock, self._opened = parent, name, lock, opened

    def enter(self, name: str) -> OpenFolder:
        """Moves it into a folder beside it, and returns this folder, which it closes later.

        Raises OSError.
        """
        parent = self._opened.enter_context(self._parent.folder(name))
        self._parent.move(self._name, parent, self._name)
        self._parent = parent
        return parent

    def close(self) -> None:
        """Removes it, unless a later process must finish or undo moves."""
        if os.name == "nt":  # an open file cannot be removed
            self._lock.close()
        with self._opened, suppress(OSError):
            if self.folder.status(moves.LIST) is None:
                _remove(self._parent, self._name, self.folder)


def make_file(folder: OpenFolder) -> tuple[str, BinaryIO]:
    """The name of a new hidden file in the folder, and the file, locked until it is closed."""
    while True:
        name = _new_name()
        file = folder.open(name, "xb", buffering=0)
        if _locked(file, folder, name):
            return name, file
        file.close()


def make_folder(parent: OpenFolder) -> HiddenFolder:
    """A new hidden folder in the folder."""
    while True:
        name = _new_name()
        parent.make(name, 0o700)  # its content may be private
        with ExitStack() as stack:
            try:
                folder = stack.enter_context(parent.folder(name))
                lock = stack.enter_context(folder.open(LOCK, "xb", buffering=0))
            # another process removed it as the remains of a dead process
            except (FileExistsError, FileNotFoundError):
                continue
            if folder.stat().st_uid != os.fstat(lock.fileno()).st_uid:
                raise PermissionError("another user has exchanged a folder")
            if _locked(lock, folder, LOCK):
                return HiddenFolder(parent, name, folder, lock, stack.pop_all())


def clear(folder: OpenFolder) -> None:
    """Removes the remains of dead processes of this user from the folder.

    If a dead process had decided to move its files, it finishes these moves.
    """
    names: list[str] = []
    with suppress(OSError):
        names = [name for name in folder.names() if UNFINISHED.fullmatch(name)]
    for name in names:
        # a folder that was copied from elsewhere, or its list, may be very deep
        with suppress(OSError, RecursionError):
            status = folder.status(name)
            if status is not None and stat.S_ISREG(status.st_mode):
                _clear_file(folder, name, status)
            elif status is not None and stat.S_ISDIR(status.st_mode):
                _clear_folder(folder, name)


def _new_name() -> str:
    return f".bitsback-{secrets.token_hex(6)}.tmp"


def _clear_file(folder: OpenFolder, name: str, status: os.stat_result) -> None:
    if not file_lock.SUPPORTED:
        if time.time() - status.st_mtime > _HOUR:
            folder.remove(name)  # fails while the file is open anywhere
    elif status.st_uid == os.geteuid():
        with folder.open(name, "r+b", buffering=0) as file:
            if file_lock.lock(file, without=False):
                folder.remove(name)


def _clear_folder(parent: OpenFolder, name: str) -> None:
    with parent.folder(name) as folder:
        if not is_own(folder.stat()):
            return
        try:
            lock = folder.open(LOCK, "r+b", buffering=0)
        except FileNotFoundError:  # its process ended before it made the lock
            parent.remove_folder(name)
            return
        with lock:
            if file_lock.lock(lock, without=False) and moves.finish(folder, parent):
                _remove(parent, name, folder)


def _remove(parent: OpenFolder, name: str, folder: OpenFolder) -> None:
    """Removes a hidden folder with its content, unless it has other content, too."""
    for part in moves.FOLDERS:
        path = part if DESCRIPTORS else folder.path / part
        shutil.rmtree(path, ignore_errors=True, dir_fd=folder.descriptor)
    for part in (moves.DRAFT, LOCK):
        with suppress(FileNotFoundError):
            folder.remove(part)
    parent.remove_folder(name)


def _locked(file: BinaryIO, folder: OpenFolder, name: str) -> bool:
    """Locks a new file. Returns whether it is ours.

    Before it is locked, it looks like the file of a dead process. Another process may therefore
    have locked it to remove it, or have removed it.
    """
    if not file_lock.SUPPORTED:
        return True
    locked, status = file_lock.lock(file), folder.status(name)
    return locked and status is not None and os.path.samestat(os.fstat(file.fileno()), status)
