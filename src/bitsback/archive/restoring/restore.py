"""Restore a collection of files: a folder, or a file of arrays."""

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from bitsback.archive.container.damage import complement
from bitsback.archive.container.hashes import Check
from bitsback.archive.container.targets import target_of, unrestorable
from bitsback.archive.files.content_sums import ContentSums
from bitsback.archive.files.file_writer import FileWriter
from bitsback.archive.files.strips import RestoredParts
from bitsback.archive.files.whole_files import hand_over
from bitsback.archive.reader import ArchiveReader
from bitsback.archive.restoring.staging import Staging, Stamp, staging
from bitsback.decompress_options import DecompressOptions
from bitsback.errors import ArchiveError, InputError, InputWarning
from bitsback.files import formats
from bitsback.files.drawing import Drawing, Seekable
from bitsback.format.entries import Entries, Folder, Link, parents
from bitsback.format.grid import Shape
from bitsback.format.members import Files
from bitsback.format.parts import FOLDER
from bitsback.io.file_io import Location, Writable
from bitsback.io.names import ending_of, printable
from bitsback.io.output import Destination, Output, open_output
from bitsback.io.remote.url import Url
from bitsback.work import Work

_SHOWN = 5  # names in a warning
_CHECKED = 1 << 14  # unnamed pictures at most whose places are checked before they are decoded


def restore(
    parts: RestoredParts,
    place: object,
    destination: Destination,
    work: Work,
    options: DecompressOptions,
) -> int:
    """Restores all files. Returns their total size in bytes. Raises ArchiveError, InputError.

    place: the place of the archive; None without one. destination: for a folder its path or URL,
    which need not exist. For a file of arrays its path or URL, or a binary stream.
    """
    archive = parts.archive
    if not parts.damaged:
        archive.check()  # before writing; this also checks that the names can be restored
    if archive.files.collection.kind == FOLDER:
        return _restore_folder(parts, folder_of(archive, destination), work, options)
    with open_output(destination, options.force, place) as output:
        _write_arrays(parts, output, work)
        return output.size


def folder_of(archive: ArchiveReader, destination: Destination) -> Location:
    """The destination as a folder. Raises InputError if it is not one."""
    if isinstance(destination, str | os.PathLike | Url):
        return destination
    raise InputError(f"{archive.name}: contains a folder; give a folder to restore it to")


def _write_arrays(parts: RestoredParts, output: Output, work: Work) -> None:
    files = parts.files
    with formats.ARRAYS.codec().write_arrays(output) as array:
        for number, (name, part) in enumerate(
            zip(files.names, files.collection.parts, strict=True)
        ):
            shape = parts.shape(number)
            if shape is None:
                continue
            with (
                array(name, part.dtype, shape) as member,
                closing(parts.strips(number, work)) as strips,
            ):
                for strip in strips:
                    member.write(strip.reshape(-1).view(np.uint8).data)


def _restore_folder(
    parts: RestoredParts, destination: Location, work: Work, options: DecompressOptions
) -> int:
    archive, files, lost = parts.archive, parts.files, parts.lost_files
    # A few bytes may state many pictures, so no list is made, and not all are checked early.
    early = len(files) if files.named else min(len(files), _CHECKED)
    names: Iterable[str] = (target_of(files, number)[0] for number in range(early))
    if parts.damaged:
        names = _targets(archive, complement(lost, len(files))).values()
    entries = files.entries or Entries([])
    _check_links(archive, entries.links, options.links)
    names = chain(names, (link.name for link in entries.links))
    alone = _name_alone(files, entries, destination)
    if alone is not None:
        names, destination = [alone.name], alone.parent
    with staging(destination, names, options.force) as stage:
        receiver = _Staged(archive, stage, parts.verify, options.files == "exact", alone)
        if not parts.verify or parts.damaged:
            size = hand_over(parts, receiver, work, lost)
        else:
            sums = ContentSums(archive, receiver)
            size = hand_over(parts, sums, work, lost)
            for problem in sums.problems():
                raise problem
        _add_entries(archive, stage, entries.folders, entries.links)
        return size


def _name_alone(files: Files, entries: Entries, destination: Location) -> Path | None:
    """The path for the only file of an archive, if the destination has its ending.

    None if the destination is a folder, or should be one.
    """
    if len(files) != 1 or entries.folders or entries.links or isinstance(destination, Url):
        return None
    path, ending = Path(destination), ending_of(files.names[0])
    alike = ending != "" and ending_of(path.name) == ending
    return path if alike and not path.is_dir() else None


def _check_links(archive: ArchiveReader, links: Iterable[Link], allowed: bool) -> None:
    """Raises InputError for a link that leads out of the folder, unless such ones are allowed."""
    for link in links:
        # To Windows a backslash is a slash, and a colon stands behind a drive.
        windows = os.name == "nt" and not {"\\", ":"}.isdisjoint(link.target)
        if (link.outside or windows) and not allowed:
            raise InputError(
                f"{archive.name}: {printable(link.name)} is a link that leads out of the folder, to"
                f" {printable(link.target)}; --links (links=True) restores such links too"
            )


def _add_entries(
    archive: ArchiveReader, stage: Staging, folders: Iterable[Folder], links: Iterable[Link]
) -> None:
    """Makes folders and links, and warns of any that cannot be made."""
    unmade = stage.add_entries(folders, links)
    if unmade:
        shown = ", ".join(map(printable, unmade[:_SHOWN])) + ", ..." * (len(unmade) > _SHOWN)
        warnings.warn(
            f"{archive.name}: {len(unmade)} links or empty folders cannot be made there: {shown}",
            InputWarning,
            stacklevel=2,
        )


def _targets(archive: ArchiveReader, numbers: Iterable[int]) -> dict[int, str]:
    """The names of the restored files with these numbers.

    Raises ArchiveError if they collide with each other, or with folders and links.
    """
    files = archive.files
    found = {number: target_of(files, number)[0] for number in numbers}
    pairs = ((files.names[number], name) for number, name in found.items())
    problem = unrestorable(pairs, files.entries)
    if problem is not None:
        raise ArchiveError(f"{archive.name}: {problem}; extract them into different folders")
    return found


def extract_files(
    archive: ArchiveReader,
    numbers: Sequence[int],
    destination: Location,
    force: bool,
    verify: bool = True,
    entries: Sequence[str] = (),
    outside: bool = False,
) -> int:
    """Restores the files with these numbers to a folder. Returns their total size in bytes.

    Only their blocks are decoded. entries: the names of links and empty folders to restore.
    outside: whether links may lead out of the folder. Raises ArchiveError, InputError.
    """
    files = archive.files
    links = [link for link in files.links if link.name in entries]
    _check_links(archive, links, outside)
    wanted = sorted(set(numbers), key=lambda number: (files.place(number), number))
    found = _targets(archive, wanted)
    size = 0
    names = [*found.values(), *(link.name for link in links)]
    with staging(destination, names, force) as stage:
        file_writer = FileWriter(archive, verify)
        with archive.blocks.announced(archive.blocks_of(wanted)):
            for number in wanted:
                data = file_writer.file(number)
                check = archive.check_of_file(number)
                stage.write(found[number], data, _stamp(files, number), check)
                size += len(data)
        inside = parents([*names, *(name + "x" for name in entries)])
        folders = () if files.entries is None else files.entries.folders
        _add_entries(archive, stage, (each for each in folders if each.name in inside), links)
    return size


class _Staged:
    """A receiver that writes files to a staging place."""

    def __init__(
        self, archive: ArchiveReader, stage: Staging, verify: bool, exact: bool, alone: Path | None
    ) -> None:
        """alone: the path of the only file, if it has another name than in the archive."""
        self._stage, self._files = stage, archive.files
        self._archive, self._exact, self._alone = archive, exact, alone
        self._file_writer = FileWriter(archive, verify, exact)

    @contextmanager
    def picture(self, number: int, dtype: np.dtype[Any], shape: Shape) -> Iterator[Drawing]:
        check = self._archive.check_of_file(number)
        if check is not None and not self._exact and not self._file_writer.promises(number):
            check = None  # the restored file has the same pixels, but may have other bytes
        with self._open(number, check) as file:
            yield self._file_writer.drawing(number, file, dtype, shape)

    def file(self, number: int) -> AbstractContextManager[Writable]:
        return self._open(number, self._archive.check_of_file(number))

    def _open(self, number: int, check: Check | None) -> AbstractContextManager[Seekable]:
        name = self._alone.name if self._alone else target_of(self._files, number)[0]
        return self._stage.open(name, _stamp(self._files, number), check)


def _stamp(files: Files, number: int) -> Stamp:
    return files.mode(number), files.time(number)
