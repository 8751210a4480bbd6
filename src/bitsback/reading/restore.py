"""Restores a collection of files: a folder, or a file of arrays or of pages."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from typing import Any, BinaryIO, cast

import numpy as np

from bitsback.errors import ArchiveError, InputError
from bitsback.format.grid import Shape
from bitsback.format.parts import ARRAYS, FOLDER
from bitsback.images import formats
from bitsback.images.drawing import Drawing
from bitsback.images.file_io import Location, Writable
from bitsback.reading.damage import Salvage, others
from bitsback.reading.maker import Maker
from bitsback.reading.output import Destination, Output, open_output
from bitsback.reading.reader import Archive
from bitsback.reading.staging import Staging, staging
from bitsback.reading.strips import Parts, Whole
from bitsback.reading.summary import Progress
from bitsback.reading.targets import target_of, unrestorable
from bitsback.reading.whole_files import hand_over
from bitsback.reading.work import Work
from bitsback.remote.url import Url

_CHUNK = 1 << 20


def restore(
    archive: Archive,
    destination: Destination,
    threads: int,
    progress: Progress | None,
    force: bool,
    verify: bool,
    exact: bool,
) -> int:
    """Restores all files; the number of bytes that they have. Raises ArchiveError, InputError.

    destination: for a folder its path or URL, which need not exist; for a file of arrays or
    of pages its path or URL, or a binary stream. exact: as `restore_folder` takes it.
    """
    if archive._files.collection.kind == FOLDER:
        if not isinstance(destination, str | os.PathLike | Url):
            raise InputError(
                f"{archive.name}: holds a folder of pictures; give a folder to restore it to"
            )
        return restore_folder(archive, destination, threads, progress, force, verify, exact)
    archive._check()
    with open_output(destination, force, archive.name) as output:
        work = Work(archive._files.collection, progress)
        write_all(archive, output, threads, work, verify, exact)
        return output.size


def write_all(
    archive: Archive, output: Output, threads: int, work: Work, verify: bool, exact: bool
) -> None:
    """Writes a file of arrays, or of pages. Raises ArchiveError, InputError."""
    if archive._files.collection.kind == ARRAYS:
        _write_arrays(Whole(archive, threads, verify), output, work)
        return
    from bitsback.reading.paged import make_pages

    with _seekable(output) as file:
        make_pages(archive, file, threads, work, verify, exact)


def write_whole(parts: Parts, output: Output, work: Work) -> None:
    """Writes a file of the arrays, or of the pages alone, that come back. Raises ArchiveError,
    InputError.
    """
    if parts.files.collection.kind == ARRAYS:
        _write_arrays(parts, output, work)
        return
    from bitsback.reading.paged import read_pages

    with _seekable(output) as file, ExitStack() as stack:
        formats.PAGES.codec().write_pages(
            file, read_pages(parts, stack, work), parts.files.collection.nbytes
        )


def _write_arrays(parts: Parts, output: Output, work: Work) -> None:
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


@contextmanager
def _seekable(output: Output) -> Iterator[BinaryIO]:
    """A file that is copied to the output at the end."""
    with tempfile.TemporaryFile() as file:
        yield cast(BinaryIO, file)
        file.seek(0)
        while chunk := file.read(_CHUNK):
            output.write(chunk)


def restore_folder(
    archive: Archive,
    destination: Location,
    threads: int,
    progress: Progress | None,
    force: bool,
    verify: bool,
    exact: bool,
) -> int:
    """Restores all files; how many bytes they have. exact: as they were, where that is promised."""
    archive._check()  # before anything is made, and with it that the names can be restored
    files = archive._files
    names = (target_of(files, number)[0] for number in range(len(files)))
    with staging(destination, names, force) as stage:
        return hand_over(archive, _Staged(archive, stage, verify, exact), threads, progress, verify)


def restore_whole(
    archive: Archive,
    salvage: Salvage,
    destination: Location,
    threads: int,
    progress: Progress | None,
    force: bool,
    exact: bool,
) -> int:
    """Restores the files of a damaged archive that are whole; how many bytes they have."""
    files, lost = archive._files, salvage.lost_files
    targets = [
        (files.names[number], target_of(files, number)[0]) for number in others(lost, len(files))
    ]
    problem = unrestorable(targets)
    if problem is not None:
        raise ArchiveError(f"{archive.name}: {problem}; extract them into different folders")
    if not targets:
        raise ArchiveError(f"{archive.name}: none of its files is whole")
    with staging(destination, (target for _, target in targets), force) as stage:
        taker = _Staged(archive, stage, True, exact)
        return hand_over(archive, taker, threads, progress, True, salvage.tasks(), lost)


def extract(
    archive: Archive,
    numbers: Sequence[int],
    destination: Location,
    force: bool,
    verify: bool = True,
) -> int:
    """Restores the files with these numbers to a folder; how many bytes they have. Raises
    ArchiveError, InputError.

    Only the blocks that they are in are decoded.
    """
    files = archive._files
    wanted = [number for _, number in sorted({files.place(n): n for n in numbers}.items())]
    found = {number: target_of(files, number)[0] for number in wanted}
    problem = unrestorable((files.names[number], name) for number, name in found.items())
    if problem is not None:
        raise ArchiveError(f"{archive.name}: {problem}; extract them into different folders")
    size = 0
    with staging(destination, found.values(), force) as stage:
        maker = Maker(archive, verify)
        with archive._announced(archive._blocks_of(wanted)):
            for number in wanted:
                data = maker.file(number)
                stage.write(found[number], data, files.time(number), archive._check_file(number))
                size += len(data)
    return size


class _Staged:
    """Writes files to a staging place."""

    def __init__(self, archive: Archive, stage: Staging, verify: bool, exact: bool) -> None:
        self._stage, self._files = stage, archive._files
        self._archive, self._exact = archive, exact
        self._maker = Maker(archive, verify, exact)

    @contextmanager
    def picture(self, number: int, dtype: np.dtype[Any], shape: Shape) -> Iterator[Drawing]:
        name, _ = target_of(self._files, number)
        check = self._archive._check_file(number) if self._exact else None
        with self._stage.open(name, self._files.time(number), check) as file:
            yield self._maker.drawing(number, file, dtype, shape)

    def file(self, number: int) -> AbstractContextManager[Writable]:
        check = self._archive._check_file(number)
        return self._stage.open(self._files.names[number], self._files.time(number), check)
