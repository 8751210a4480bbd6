"""The files of a folder restored: pictures of their pixels and notes, and what is held bit for
bit.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

from bitsback.archive.damage import Salvage, others
from bitsback.archive.grid import Shape
from bitsback.archive.maker import Maker
from bitsback.archive.reader import Archive
from bitsback.archive.staging import Staging, staging
from bitsback.archive.summary import Progress
from bitsback.archive.targets import target_of, unrestorable
from bitsback.archive.whole_files import hand_over
from bitsback.errors import ArchiveError
from bitsback.images.drawing import Drawing
from bitsback.images.file_io import Location, Writable


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
