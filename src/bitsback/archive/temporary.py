"""Hidden files and folders in which results are made, and the removal of those that processes which
are gone have left behind.

Each is locked as long as the process that made it is alive. The system gives the lock up when the
process ends, however it ends.
"""

import os
import secrets
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from bitsback.archive import moves
from bitsback.images.names import UNFINISHED

LOCK = "lock"
"""The file in a hidden folder that is locked."""

_WITHOUT_LOCKS = sys.platform == "win32"
_HOUR = 3600.0


def make_file(folder: Path) -> tuple[Path, BinaryIO]:
    """A new hidden file in the folder, open for writing and locked until it is closed."""
    while True:
        path = folder / _new_name()
        file = path.open("xb", buffering=0)
        if _locked(file, path):
            return path, file
        file.close()


def make_folder(folder: Path) -> tuple[Path, BinaryIO]:
    """A new hidden folder in the folder, and its lock, which holds until it is closed."""
    while True:
        path = folder / _new_name()
        path.mkdir()
        try:
            lock = (path / LOCK).open("xb", buffering=0)
        except (FileExistsError, FileNotFoundError):  # it was just taken for a dead process's
            continue
        if _locked(lock, path / LOCK):
            return path, lock
        lock.close()


def clear(folder: Path) -> None:
    """Removes what processes that are gone have left in the folder. Files that one of them was
    about to move to their places are moved, since that was decided on.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        left = [entry for entry in entries if UNFINISHED.fullmatch(entry.name)]
        for entry in left:
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    _clear_folder(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    _clear_file(Path(entry.path))


def _new_name() -> str:
    return f".bitsback-{secrets.token_hex(6)}.tmp"


def _clear_file(path: Path) -> None:
    if _WITHOUT_LOCKS:
        if time.time() - path.stat().st_mtime > _HOUR:
            path.unlink()  # which fails as long as it is open anywhere
        return
    with path.open("ab") as file:
        if _try_lock(file):
            path.unlink()


def _clear_folder(path: Path) -> None:
    lock_path = path / LOCK
    if lock_path.is_symlink():
        return
    if _WITHOUT_LOCKS:
        if time.time() - path.stat().st_mtime > _HOUR:
            lock_path.unlink(missing_ok=True)  # which fails as long as it is open anywhere
            if moves.finish(path):
                shutil.rmtree(path, ignore_errors=True)
        return
    with lock_path.open("ab") as lock:
        if _try_lock(lock) and moves.finish(path):
            shutil.rmtree(path, ignore_errors=True)


def _locked(file: BinaryIO, path: Path) -> bool:
    """Locks a new file; whether it is still there, since until then it may look like one of a dead
    process.
    """
    if _WITHOUT_LOCKS:
        return True
    import fcntl

    with suppress(OSError):  # where a file system has no locks nobody removes anything
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:
        return False


def _try_lock(file: BinaryIO) -> bool:
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
