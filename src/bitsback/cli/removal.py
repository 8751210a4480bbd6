"""`--rm`: remove the input after the output has been read back and compared with it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import click

from bitsback.cli import figures, options
from bitsback.cli.progress import Progress
from bitsback.decompress_options import DecompressOptions
from bitsback.errors import InputError
from bitsback.io.names import printable
from bitsback.io.open_folder import OpenFolder

removal_option = click.option(
    "--rm/--keep",
    "remove",
    default=False,
    help=(
        "Remove the input after the output has been read back from the disk and compared with"
        " it byte by byte.  [default: keep]"
    ),
)


def check_removable(sources: Iterable[str], output: str) -> None:
    """Raises UsageError for pipes and URLs."""
    for place in (*sources, output):
        if place == options.STANDARD or "://" in place:
            raise click.UsageError("--rm is for files on this computer, not for pipes or URLs")


def remove_compressed(
    sources: Sequence[str], output: str, messages: Sequence[str], threads: int | None, quiet: bool
) -> None:
    """Removes the input of an archive. messages: warnings, and what else is not restored as it is.
    Raises InputError or ArchiveError, and removes nothing, if there is a message or a difference.
    """
    import bitsback
    from bitsback.archive.comparing.readback import compare
    from bitsback.files.file_lists import list_files
    from bitsback.io.file_lock import hold_lock

    shown = sources[0] if len(sources) == 1 else f"the {len(sources)} inputs"
    if messages:
        raise InputError(
            f"{shown}: kept, since not everything can be restored as it is: {messages[0]}"
        )
    with (
        hold_lock(Path(output), output),  # so that it stays until its input is removed
        Progress("comparing", quiet) as progress,
        bitsback.open(output) as archive,
    ):
        place, folders = Path(sources[0]), list[str]()
        root, names = place.parent, [place.name]
        if archive.kind == "folder":
            if not place.is_dir():
                listed = list_files(sources).root
                assert isinstance(listed, Path), "URLs were refused"
                place = listed
            root, names = place, list(archive.names)
            _check_files([place / name for name in names])
            names += [link.name for link in archive.reader.files.links]
            folders = [name.removesuffix("/") for name in archive.reader.files.empty_folders]
        with _removal(root, names) as remove:
            compare(archive.reader, place, list(archive.names), threads, progress, times=True)
            remove()
    if archive.kind == "folder" and Path(sources[0]).is_dir():
        _remove_empty(Path(sources[0]), [*names, *(f"{folder}/x" for folder in folders)])
    if not quiet:
        figures.say(f"{shown}: removed, {figures.count(len(names), 'file')}", err=True)


def remove_archive(source: str, output: str, wanted: DecompressOptions, quiet: bool) -> None:
    """Removes an archive that was restored to `output`. Raises InputError or ArchiveError, and
    removes nothing, if `output` differs from the archive. wanted: the options of the restoration.
    """
    import bitsback
    from bitsback.archive.comparing.readback import compare, restored_names
    from bitsback.io.file_lock import hold_lock

    place = Path(source)
    with hold_lock(place, source), _removal(place.parent, [place.name]) as remove:
        with (
            Progress("comparing", quiet) as progress,
            bitsback.open(source, model=wanted.model) as archive,
        ):
            names, restored = [], Path(output)
            if archive.kind == "folder":
                names = restored_names(archive.reader)
                if restored.is_file():  # the only file of the archive, under another name
                    names, restored = [restored.name], restored.parent
            exact = wanted.files == "exact"
            compare(archive.reader, restored, names, wanted.threads, progress, exact)
        remove()
    if not quiet:
        figures.say(f"{source}: removed", err=True)


def _check_files(files: Iterable[Path]) -> None:
    """Raises InputError for a file that would be restored as something else: a link in a list of
    files, a hard link, or a sparse file.
    """
    for file in files:
        status = file.lstat()
        kind = ""
        if stat.S_ISLNK(status.st_mode):
            kind = "a link in the list of files"
        elif status.st_nlink > 1:
            kind = "a hard link, which is restored as a copy"
        elif _has_holes(file, status.st_size):
            kind = "a sparse file, which is restored without holes"
        if kind:
            raise InputError(f"{printable(str(file))}: is {kind}; all files are kept")


def _has_holes(file: Path, size: int) -> bool:
    if not hasattr(os, "SEEK_HOLE") or not size:
        return False
    with suppress(OSError), file.open("rb") as opened:  # some file systems do not report holes
        return os.lseek(opened.fileno(), 0, os.SEEK_HOLE) < size
    return False


@contextmanager
def _removal(root: Path, names: Sequence[str]) -> Iterator[Callable[[], None]]:
    """A function that removes files, if they have not changed since the beginning of the body.

    names: of the files in the folder `root`. Raises InputError, before any file is removed, if one
    has changed. A file that changes while others are removed stays.
    """

    def state(name: str) -> tuple[int, ...] | None:
        with _naming(root / name):
            now = folder.status(name)
        return now and (now.st_dev, now.st_ino, now.st_mode, now.st_size, now.st_mtime_ns)

    def check(name: str, kept: str) -> None:
        if state(name) != before[name]:
            shown = printable(str(root / name))
            raise InputError(f"{shown}: has changed since the comparison; {kept}")

    def remove() -> None:
        for name in names:
            check(name, "all files are kept")
        for name in names:
            check(name, "it is kept")
            with _naming(root / name):
                folder.remove(name)

    with ExitStack() as stack:
        with _naming(root):
            folder = stack.enter_context(OpenFolder(Path(os.path.realpath(root))))
        before = {name: state(name) for name in names}
        yield remove


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        shown = printable(str(file))
        raise InputError(f"{shown}: cannot be removed: {error.strerror or error}") from None


def _remove_empty(root: Path, names: Iterable[str]) -> None:
    """Removes the folders of removed files that are now empty."""
    folders = {folder for name in names for folder in (root / name).parents}
    inside = (folder for folder in folders if folder == root or root in folder.parents)
    for folder in sorted(inside, key=lambda folder: len(folder.parts), reverse=True):
        with suppress(OSError):
            os.rmdir(folder)  # noqa: PTH106 - leaves folders with content, and links
