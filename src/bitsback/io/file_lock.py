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
from bitsback.io.open_folder import LINKLESS, NONBLOCK, is_own

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


def open_locked(path: Path, mode: str, name: str, private: bool = False) -> BinaryIO:
    """Opens the file at a path, and locks it until it is closed.

    name: of the file, for messages. private: a new file is for this user only, and another one must
    not be a link, or a file that other users may change. Raises InputError for such a file, or if
    another process has locked it, OSError if it cannot be opened.
    """

    def opener(path: str, flags: int) -> int:
        more = LINKLESS if private else NONBLOCK
        return os.open(path, flags | more, 0o600 if private else 0o666)

    for _ in range(_ATTEMPTS):
        file: BinaryIO = open(path, mode, 0, opener=opener)  # type: ignore[assignment]  # noqa: SIM115
        try:
            if private and SUPPORTED and not is_own(os.fstat(file.fileno())):
                raise InputError(
                    f"{name}: is not of this user alone; remove it, or name another output"
                )
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
