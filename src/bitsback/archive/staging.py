"""Writing many files into a folder: all of them appear when the last one is complete, or none
does.
"""

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bitsback.archive.output import naming
from bitsback.errors import InputError
from bitsback.images.names import printable, windows_fault


class Staging:
    """Takes files by name, `/` between folders. May be used from several threads."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name

    def write(self, name: str, data: bytes) -> None:
        """Raises InputError if the disk is full or the like, or if the file system takes the name
        for another's.
        """
        shown = os.path.join(self._name, printable(name))  # noqa: PTH118
        path = self._folder / name
        with naming(shown):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with path.open("xb") as file:
                    file.write(data)
            except FileExistsError:
                raise InputError(
                    f"{shown}: another file of the archive has a name that this file system takes"
                    " for the same; extract them into different folders"
                ) from None


@contextmanager
def staging(
    destination: str | os.PathLike[str], names: Sequence[str], force: bool
) -> Iterator[Staging]:
    """A place for files of these names, which are moved into the folder `destination` when the body
    ends.

    If the body raises, nothing is left. Raises InputError if a file is there already, unless
    `force`, or if this computer cannot have one of the names.
    """
    shown = os.fspath(destination)
    folder = Path(os.path.realpath(shown))
    for name in names:
        fault = windows_fault(name) if os.name == "nt" else None
        if fault is not None:
            raise InputError(
                f"{printable(name)}: {fault}; extract the other files by their numbers"
            )
    with naming(shown):
        exists = folder.exists()
    if exists:
        if not folder.is_dir():
            raise InputError(f"{shown}: is a file; name a folder")
        _check_free(folder, shown, names, force)
    temporary = (folder if exists else folder.parent) / f".bitsback-{secrets.token_hex(6)}.tmp"
    with naming(shown):
        temporary.mkdir()
    try:
        yield Staging(temporary, shown)
        with naming(shown):
            if not exists and not folder.exists():
                temporary.rename(folder)
                return
        _check_free(folder, shown, names, force)
        for name in names:
            with naming(os.path.join(shown, printable(name))):  # noqa: PTH118
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (temporary / name).replace(folder / name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _check_free(folder: Path, shown: str, names: Sequence[str], force: bool) -> None:
    for name in names:
        path = folder / name
        if os.path.lexists(path) and (not force or path.is_dir()):
            where = os.path.join(shown, printable(name))  # noqa: PTH118
            advice = (
                "name another folder"
                if path.is_dir()
                else "name another folder, or use --force (force=True)"
            )
            raise InputError(f"{where}: exists already; {advice}")
