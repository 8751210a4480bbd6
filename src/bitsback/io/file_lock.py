"""Lock archives. Each process that changes, replaces or removes an archive locks its file.

It is the advisory lock of the open file (flock), so the system releases it when the process ends.
Readers need no lock. Windows has no such locks, and does not replace open files.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from bitsback.errors import InputError

SUPPORTED = sys.platform != "win32"
_ATTEMPTS = 100


def lock(file: BinaryIO, without: bool = True) -> bool:
    """Locks a file until it is closed. Returns False if another process has locked it.

    without: the result if the system or the file system has no locks.
    """
    if sys.platform == "win32":
        return without
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return without
    return True


def is_at(file: BinaryIO, path: Path) -> bool:
    """Whether the path still names this open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def open_locked(path: Path, mode: str, name: str) -> BinaryIO:
    """Opens the file at a path, and locks it until it is closed.

    name: of the file, for messages. Raises InputError if another process has locked it, OSError if
    it cannot be opened.
    """
    for _ in range(_ATTEMPTS):
        file: BinaryIO = path.open(mode, buffering=0)  # type: ignore[assignment]
        try:
            locked = lock(file)
            if locked and is_at(file, path):  # and was not replaced before it was locked
                return file
        except BaseException:
            file.close()
            raise
        file.close()
        if not locked:
            break
    raise InputError(f"{name}: is being changed by another process; try again later")


@contextmanager
def hold_lock(path: Path, name: str) -> Iterator[BinaryIO | None]:
    """Holds the lock of a file that may be replaced or removed.

    It yields None, and holds no lock, if no file can be opened, and on Windows. Raises InputError
    as `open_locked` does.
    """
    with ExitStack() as stack:
        file: BinaryIO | None = None
        for mode in ("r+b", "rb"):  # the lock of a file that is only read is none in NFS
            if SUPPORTED and file is None and path.is_file():
                with suppress(OSError):
                    file = stack.enter_context(open_locked(path, mode, name))
        yield file
