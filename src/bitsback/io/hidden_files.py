"""Make results in hidden files and folders, and move all files from there to their places, or none.

Each hidden file or folder is locked while the process that made it is alive. The system releases
the lock when the process ends, for whatever reason. The next process that writes there removes the
remains.

    hidden folder/new/...    the files to move, complete and on disk
    hidden folder/old/...    the replaced files, as long as the moves go on
    hidden folder/moves      the list of the moves, from the decision to move until the end

At any moment each file is either in `new` or at its place. The file that it replaces is at that
place or in `old`. A process that finds the list can therefore finish or undo the moves at any
point.
"""

import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from bitsback.errors import InputError
from bitsback.io import file_lock
from bitsback.io.names import UNFINISHED, fault, printable

LOCK = "lock"
"""The locked file in a hidden folder."""

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
        path.mkdir(0o700)  # its content may be private
        try:
            lock = (path / LOCK).open("xb", buffering=0)
        # another process removed it as the remains of a dead process
        except (FileExistsError, FileNotFoundError):
            continue
        if _locked(lock, path / LOCK):
            return path, lock
        lock.close()


def clear(folder: Path) -> None:
    """Removes the remains of dead processes from the folder.

    If a dead process had decided to move its files, it finishes these moves.
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
    if not file_lock.SUPPORTED:
        if time.time() - path.stat().st_mtime > _HOUR:
            path.unlink()  # fails while the file is open anywhere
        return
    with path.open("ab") as file:
        if file_lock.lock(file, without=False):
            path.unlink()


def _clear_folder(path: Path) -> None:
    lock_path = path / LOCK
    if lock_path.is_symlink():
        return
    if not file_lock.SUPPORTED:
        if time.time() - path.stat().st_mtime > _HOUR:
            lock_path.unlink(missing_ok=True)  # fails while the file is open anywhere
            if finish(path):
                shutil.rmtree(path, ignore_errors=True)
        return
    with lock_path.open("ab") as lock:
        if file_lock.lock(lock, without=False) and finish(path):
            shutil.rmtree(path, ignore_errors=True)


def _locked(file: BinaryIO, path: Path) -> bool:
    """Locks a new file. Returns whether it is ours.

    Before it is locked, it looks like the file of a dead process. Another process may therefore
    have locked it to remove it, or have removed it.
    """
    return not file_lock.SUPPORTED or (file_lock.lock(file) and file_lock.is_at(file, path))


NEW, OLD, LIST = "new", "old", "moves"


Settings = Mapping[str, tuple[int | None, int | None]]
"""The modes and times of folders, by name; None where they are unknown."""


def carry_out(hidden: Path, folder: Path, names: Sequence[str], settings: Settings) -> None:
    """Moves files from `hidden`/new into the folder, and makes the folders with settings.

    names: of the files, with `/` between folders. Existing folders keep their modes and times.
    hidden: in the folder or beside it. Raises OSError after undoing everything.
    """
    wanted = _parents([*names, *(f"{name}/x" for name in settings)])
    made = {
        name: settings.get(name, (None, None))
        for name in wanted
        if not os.path.lexists(folder / name)
    }
    sync_all(hidden / NEW)
    _write_list(hidden, folder, names, made)
    try:
        _forward(hidden, folder, names, made)
    except BaseException:
        _back(hidden, folder, names, list(made))
        _remove_list(hidden)
        raise
    _remove_list(hidden)


def finish(hidden: Path) -> bool:
    """Completes the moves that a dead process had decided on, or undoes them if they fail.

    Returns whether the hidden folder is no longer needed.
    """
    try:
        plan = json.loads((hidden / LIST).read_bytes())
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    # A hidden folder that was copied from elsewhere must not make moves here.
    if not isinstance(plan, dict) or plan.get("here") != _where(hidden):
        return False
    folder = hidden.parent / plan["folder"]
    names, made = plan["names"], plan["made"]
    inside = all(fault(name) is None for name in (plan["folder"] or "folder", *names, *made))
    if not inside or link_inside(folder, names) is not None:
        return False
    try:
        _forward(hidden, folder, names, made)
    except (OSError, InputError):
        try:
            _back(hidden, folder, names, list(made))
        except OSError:
            return False
    _remove_list(hidden)
    return True


def link_inside(folder: Path, names: Sequence[str]) -> str | None:
    """The first folder of files with these names that is a link or no folder; None without one."""
    for parent in _parents(names):
        path = folder / parent
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            return parent
    return None


def sync(path: Path) -> None:
    """Writes the entries of a folder to the disk, so that they survive a power failure.

    It does nothing on Windows, where folders cannot be opened.
    """
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def settle(folder: Path, settings: Settings) -> None:
    """Gives folders in a folder their modes and times, as far as the file system supports them."""
    for name in reversed(list(settings)):  # a change in a folder changes its time
        mode, time = settings[name]
        with suppress(OSError, OverflowError):
            if mode is not None:  # new folders may inherit their group
                inherited = (folder / name).stat().st_mode & stat.S_ISGID
                (folder / name).chmod(mode | inherited)
            if time is not None:
                os.utime(folder / name, ns=(time, time))


def _forward(hidden: Path, folder: Path, names: Sequence[str], made: Settings) -> None:
    for name in made:
        mode = made[name][0]
        # Its mode never allows more than its final mode.
        (folder / name).mkdir(0o777 if mode is None else mode | stat.S_IRWXU, exist_ok=True)
    for name in names:
        new, old, place = hidden / NEW / name, hidden / OLD / name, folder / name
        if not os.path.lexists(new):
            continue  # moved before
        place.parent.mkdir(parents=True, exist_ok=True)
        shown = printable(str(place))
        with nullcontext() if place.is_symlink() else file_lock.hold_lock(place, shown):
            if os.path.lexists(place) and not os.path.lexists(old):
                old.parent.mkdir(parents=True, exist_ok=True)
                _keep(place, old)
            new.replace(place)
    settle(folder, made)
    for parent in ("", *_parents(names)):
        sync(folder / parent)


def _keep(place: Path, old: Path) -> None:
    """Makes a second link to a file, if possible. The file then stays at its place until it is
    replaced.
    """
    if not place.is_symlink():
        with suppress(OSError):
            os.link(place, old)
            return
    place.replace(old)


def _back(hidden: Path, folder: Path, names: Sequence[str], made: Sequence[str]) -> None:
    for name in reversed(names):
        new, old, place = hidden / NEW / name, hidden / OLD / name, folder / name
        if not os.path.lexists(new) and os.path.lexists(place):
            place.replace(new)
        if os.path.lexists(old):
            old.replace(place)
    for parent in reversed(made):
        with suppress(OSError):
            (folder / parent).rmdir()
    for parent in ("", *_parents(names)):
        sync(folder / parent)


def _write_list(hidden: Path, folder: Path, names: Sequence[str], made: Settings) -> None:
    plan = {
        "here": _where(hidden),
        "folder": "" if hidden.parent == folder else folder.name,
        "names": list(names),
        "made": dict(made),
    }
    draft = hidden / f"{LIST}.draft"
    with draft.open("xb") as file:
        file.write(json.dumps(plan).encode())
        file.flush()
        os.fsync(file.fileno())
    draft.replace(hidden / LIST)
    sync(hidden)


def _remove_list(hidden: Path) -> None:
    (hidden / LIST).unlink()
    sync(hidden)


def _where(hidden: Path) -> list[int]:
    status = hidden.stat()
    return [status.st_dev, status.st_ino]


def _parents(names: Sequence[str]) -> list[str]:
    """The folders of files with these names, each after its parent."""
    found: dict[str, None] = {}
    for name in names:
        for parent in reversed(PurePosixPath(name).parents[:-1]):
            found[str(parent)] = None
    return list(found)


def sync_all(folder: Path) -> None:
    for path in _folders(folder):
        sync(path)


def _folders(folder: Path) -> Iterator[Path]:
    for path, _, _ in os.walk(folder):
        yield Path(path)
