"""Move all files of a hidden folder to their places in a folder, or none.

    hidden folder/new/...    the files to move, complete and on disk
    hidden folder/old/...    the replaced files, as long as the moves go on
    hidden folder/folder     a new folder, before it is moved to its place
    hidden folder/moves      the list of the moves, from the decision to move until the end

At any moment each file is either in `new` or at its place. The file that it replaces is at that
place or in `old`. A process that finds the list can therefore finish or undo the moves at any
point.

The first line of the list names the hidden folder by its device and number. The list is therefore
worth nothing in a copy of the hidden folder.
"""

import json
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import PurePosixPath

from bitsback.errors import InputError
from bitsback.io import file_lock
from bitsback.io.names import fault, printable
from bitsback.io.open_folder import OpenFolder

NEW, OLD, LIST, DRAFT = "new", "old", "moves", "moves.draft"
_MADE = "folder"
FOLDERS = (NEW, OLD, _MADE)
"""The folders in a hidden folder."""

Settings = Mapping[str, tuple[int | None, int | None]]
"""The modes and times of folders, by name; None where they are unknown."""

_LONGEST_LINE = 99


def carry_out(
    hidden: OpenFolder, folder: OpenFolder, names: Sequence[str], settings: Settings
) -> None:
    """Moves files from `hidden`/new into the folder, and makes the folders with settings.

    names: of the files, with `/` between folders. Existing folders keep their modes and times.
    hidden: in the folder, so that a later process finds it there. Raises OSError after undoing
    everything.
    """
    made = {
        name: settings.get(name, (None, None))
        for name in parents(names, settings)
        if folder.status(name) is None
    }
    sync_new(hidden, names, settings)
    _write_list(hidden, names, made)
    try:
        _forward(hidden, folder, names, made)
    except BaseException:
        _back(hidden, folder, names, made)
        _remove_list(hidden)
        raise
    _remove_list(hidden)


def finish(hidden: OpenFolder, folder: OpenFolder) -> bool:
    """Completes the moves that a dead process had decided on, or undoes them if they fail.

    Returns whether the hidden folder is no longer needed. Raises RecursionError for a list that no
    process wrote.
    """
    try:
        with hidden.open(LIST, "rb") as file:
            if file.readline(_LONGEST_LINE) != _here(hidden):
                return False
            names, made = _parsed(file.read())
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    try:
        _forward(hidden, folder, names, made)
    except (OSError, InputError):
        try:
            _back(hidden, folder, names, made)
        except OSError:
            return False
    _remove_list(hidden)
    return True


def parents(names: Iterable[str], folders: Iterable[str] = ()) -> list[str]:
    """The folders of files with these names, and these folders, each after its parent."""
    found: dict[str, None] = {}
    for name in (*names, *(f"{folder}/x" for folder in folders if folder)):
        for parent in reversed(PurePosixPath(name).parents[:-1]):
            found[str(parent)] = None
    return list(found)


def settle(folder: OpenFolder, settings: Settings) -> None:
    """Gives new folders in a folder their modes and times, as far as the file system has them.

    They had these modes before, and more permissions for their owner.
    """
    for name in reversed(list(settings)):  # a change in a folder changes its time
        folder.stamp(name or ".", *settings[name], narrow=True)


def sync_new(hidden: OpenFolder, names: Sequence[str], settings: Settings) -> None:
    """Writes the entries of `hidden`/new to the disk."""
    for name in (NEW, *(f"{NEW}/{parent}" for parent in parents(names, settings))):
        hidden.sync(name)


def _forward(hidden: OpenFolder, folder: OpenFolder, names: Sequence[str], made: Settings) -> None:
    for name in made:
        if folder.status(name) is None:
            _make(hidden, folder, name, made[name][0])
    for name in names:
        if hidden.status(f"{NEW}/{name}") is None:
            continue  # moved before
        status, path = folder.status(name), folder.path / name
        locked = status is not None and stat.S_ISREG(status.st_mode)
        with file_lock.hold_lock(path, printable(str(path))) if locked else nullcontext():
            if status is not None and hidden.status(f"{OLD}/{name}") is None:
                _keep(hidden, folder, name)
            hidden.move(f"{NEW}/{name}", folder, name)
    settle(folder, made)
    for parent in (".", *parents(names, made)):
        folder.sync(parent)


def _make(hidden: OpenFolder, folder: OpenFolder, name: str, mode: int | None) -> None:
    """Makes a folder that never has more permissions for others than its mode allows."""
    hidden.make(_MADE)
    if mode is not None:
        hidden.stamp(_MADE, mode | stat.S_IRWXU, None)
    hidden.move(_MADE, folder, name)


def _keep(hidden: OpenFolder, folder: OpenFolder, name: str) -> None:
    """Makes a second link to a file, if possible. The file then stays at its place until it is
    replaced.
    """
    try:
        folder.link(name, hidden, f"{OLD}/{name}", make=True)
    except (OSError, NotImplementedError):
        _take(hidden, folder, name, f"{OLD}/{name}")


def _take(hidden: OpenFolder, folder: OpenFolder, name: str, place: str) -> None:
    """Moves a file into the hidden folder, which is removed later, but never a folder.

    Another user may have put one there since it was a file.
    """
    folder.move(name, hidden, place, make=True)
    status = hidden.status(place)
    if status is not None and stat.S_ISDIR(status.st_mode):
        hidden.move(place, folder, name)
        raise IsADirectoryError("another process has made a folder there")


def _back(
    hidden: OpenFolder, folder: OpenFolder, names: Sequence[str], made: Iterable[str]
) -> None:
    for name in reversed(names):
        new, old = f"{NEW}/{name}", f"{OLD}/{name}"
        if hidden.status(new) is None and folder.status(name) is not None:
            _take(hidden, folder, name, new)
        if hidden.status(old) is not None:
            hidden.move(old, folder, name)
    for parent in reversed(list(made)):
        with suppress(OSError):
            folder.remove_folder(parent)
    for parent in (".", *parents(names)):
        folder.sync(parent)


def _write_list(hidden: OpenFolder, names: Sequence[str], made: Settings) -> None:
    with hidden.open(DRAFT, "xb") as file:
        file.write(_here(hidden) + json.dumps([list(names), dict(made)]).encode())
        file.flush()
        os.fsync(file.fileno())
    hidden.move(DRAFT, hidden, LIST)
    hidden.sync()


def _parsed(data: bytes) -> tuple[list[str], Settings]:
    """The names and the folders of a list. Raises ValueError or RecursionError."""
    match json.loads(data):
        case [list(names), dict(made)]:
            if not all(isinstance(name, str) and fault(name) is None for name in [*names, *made]):
                raise ValueError("a name leads elsewhere")
            return names, {name: _setting(value) for name, value in made.items()}
    raise ValueError("is no list of moves")


def _setting(value: object) -> tuple[int | None, int | None]:
    match value:
        case [int() | None as mode, int() | None as time]:
            return mode, time
    raise ValueError("is no mode and no time")


def _remove_list(hidden: OpenFolder) -> None:
    hidden.remove(LIST)
    hidden.sync()


def _here(hidden: OpenFolder) -> bytes:
    """The first line of the list."""
    status = hidden.stat()
    return f"{status.st_dev} {status.st_ino}\n".encode()
