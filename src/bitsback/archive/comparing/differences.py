"""Find the differences between an archive and another archive, a folder, or a file.

Content is decoded only where names, sizes, times, hashes and the bytes of blocks do not decide.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from bitsback.archive.comparing.entries import archive_entries, diff_listing, merge_differences
from bitsback.archive.comparing.readback import (
    differing_content,
    differing_files,
    restored_names,
)
from bitsback.archive.comparing.two_archives import TwoArchives
from bitsback.archive.container.archive_file import Source
from bitsback.archive.container.hashes import digest_of
from bitsback.archive.reader import ArchiveReader
from bitsback.errors import InputError
from bitsback.files.file_lists import list_folder
from bitsback.format.layout import MAGIC
from bitsback.format.parts import FOLDER
from bitsback.io.file_io import open_file, open_regular, reading
from bitsback.io.names import printable
from bitsback.io.remote.url import Options, check_options, located
from bitsback.models import requested_model
from bitsback.models.model import Choice
from bitsback.summary import Differences
from bitsback.work import Progress, check_threads, ordered_map


def diff(
    archive: Source,
    other: Source,
    *,
    full: bool = False,
    model: Choice | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    storage_options: Options | None = None,
) -> Differences:
    """The differences between an archive and another archive, a folder, or a file.

    The folder is one that the archive was made from or restored to. The file has arrays.
    Times of files are not compared.

    >>> import io
    >>> import bitsback
    >>> import numpy as np
    >>> one, other = io.BytesIO(), io.BytesIO()
    >>> summary = bitsback.compress(np.arange(60, dtype=np.uint8), one)
    >>> summary = bitsback.compress(np.arange(62, dtype=np.uint8), other)
    >>> bitsback.diff(one, other)
    Differences(added=['60:62'], removed=[], changed={})

    full: read all files of a folder, and restore all of them from the archive. Otherwise a file
    counts as equal if it has the same time and, where that is known, the same size. In an archive
    with hashes, so does a file with the same SHA-256. model: a model that the archives may need.
    threads: all cores by default. progress: called with the work done and the total.
    storage_options: for the filesystem of a URL.

    Raises InputError if the two cannot be read or compared, such as an array with files. Raises
    ArchiveError for damage.
    """
    archive, other = (located(place, storage_options) for place in (archive, other))
    check_options(storage_options, archive, other, located(model))
    model = None if model is None else requested_model(model, storage_options)
    with ArchiveReader(archive, model=model) as one:
        if isinstance(other, str | os.PathLike) and not _is_archive(Path(other)):
            return diff_place(one, Path(other), full, threads, progress)
        with ArchiveReader(other, model=model) as another:
            return TwoArchives(one, another, check_threads(threads), progress).differences()


def _is_archive(place: Path) -> bool:
    if place.is_dir():
        return False
    with open_file(place) as file:
        return file.peek(len(MAGIC))[: len(MAGIC)] == MAGIC


def diff_place(
    archive: ArchiveReader,
    place: Path,
    full: bool = True,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Differences:
    """The differences between an open archive and a folder or a file.

    The arguments and errors are those of `diff`.
    """
    threads = check_threads(threads)
    is_folder = archive.collection.kind == FOLDER
    if archive.unordered:
        raise InputError(
            f"{archive.name}: is a set, without files or an order, so it cannot be compared with"
            f" {printable(str(place))}"
        )
    if is_folder and place.is_dir():
        listing, names = list_folder(place, skip_bad=True, endings=None), restored_names(archive)
        content = _diff_files(archive, place, names, listing.names, full, threads, progress)
        beside = diff_listing(archive_entries(archive, names), archive.files.empty_folders, listing)
        return merge_differences(content, beside)
    if is_folder and len(archive) == 1:
        name = [place.name]
        return _diff_files(archive, place.parent, name, name, full, threads, progress)
    if is_folder or place.is_dir():
        raise InputError(
            f"{archive.name}: contains {'files' if is_folder else 'no folder'}, and"
            f" {printable(str(place))} is {'no' if is_folder else 'a'} folder"
        )
    return Differences(changed=differing_content(archive, place, threads, progress))


def _diff_files(
    archive: ArchiveReader,
    root: Path,
    names: Sequence[str],
    there: Iterable[str],
    full: bool,
    threads: int,
    progress: Progress | None,
) -> Differences:
    """The differences between an archive and a folder.

    names: the names of the archive's files on the disk, in order. there: the names of the existing
    files.
    """
    there = set(there)
    both = [number for number, name in enumerate(names) if name in there]
    changed: dict[int, str] = {}

    def decided(number: int) -> str | None:
        return _quick_difference(archive, number, root / names[number])

    decisions = [None] * len(both) if full else ordered_map(decided, both, threads)
    found = dict(zip(both, decisions, strict=True))
    changed |= {number: what for number, what in found.items() if what}
    wanted = [number for number, what in found.items() if what is None]
    if wanted:
        differing = differing_files(archive, root, names, wanted, threads, progress)
        changed |= dict.fromkeys(differing, "content")
    return Differences(
        sorted(there.difference(names)),
        [name for name in names if name not in there],
        {names[number]: changed[number] for number in sorted(changed)},
    )


def _quick_difference(archive: ArchiveReader, number: int, place: Path) -> str | None:
    """The difference of a file on the disk, empty if it is equal. None if only decoding decides.

    Raises InputError.
    """
    files = archive.files
    with reading(printable(os.fspath(place))):
        status = place.stat()
        verbatim = files.stats is not None and files.stored(number)
        if verbatim and status.st_size != files.span(number)[2] - files.span(number)[1]:
            return "size"
        if status.st_mtime_ns == files.time(number):
            return ""
        hashes = archive.hashes
        if hashes is not None and hashes[number]:
            with open_regular(place, True) as file:
                return "" if digest_of(file) == hashes[number] else "bytes"
    return None
