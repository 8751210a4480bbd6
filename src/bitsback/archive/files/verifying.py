"""Verify an archive: decode every block, and check everything else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from bitsback.archive.container.damage import Problem, gaps_of, lost_names
from bitsback.archive.container.source import Task, decode
from bitsback.archive.files.content_sums import ContentSums
from bitsback.archive.files.file_writer import damage
from bitsback.archive.files.strips import RestoredParts
from bitsback.archive.files.whole_files import Hashing, hand_over
from bitsback.archive.reader import ArchiveReader
from bitsback.errors import ArchiveError
from bitsback.format.index import BlockInfo
from bitsback.format.parts import FOLDER
from bitsback.io.names import printable
from bitsback.work import Progress, Work, check_threads, ordered_map


def verify(
    archive: ArchiveReader, threads: int | None = None, progress: Progress | None = None
) -> list[Problem]:
    """The faults, each with the number of its block, or None outside of blocks."""
    is_folder = archive.collection.kind == FOLDER
    problems: list[Problem] = [(error.block, error) for error in archive.problems]
    problems += [(None, problem) for problem in archive.damage()]
    if is_folder and not problems:
        with suppress(ArchiveError):  # otherwise it checks each block
            return _file_problems(archive, threads, progress)

    def read() -> Iterator[tuple[BlockInfo, Task | ArchiveError]]:
        archive.file.expect(archive.blocks)
        for block in archive.blocks:
            try:
                yield block, archive.blocks.task(block)
            except ArchiveError as error:
                yield block, error

    def check(
        found: tuple[BlockInfo, Task | ArchiveError],
    ) -> tuple[BlockInfo, ArchiveError | None]:
        block, task = found
        try:
            if isinstance(task, ArchiveError):
                raise task
            decode(archive, task)
        except ArchiveError as error:
            # Tracebacks would take more memory than a large archive.
            return block, ArchiveError(str(error), error.block, error.file)
        return block, None

    work = Work(archive.collection, progress)
    for block, error in ordered_map(check, read(), check_threads(threads)):
        if error is not None:
            problems.append((block.number, error))
        work.add(block.first, block.items)
    if is_folder:
        try:
            problems += _file_problems(archive, threads, None, problems)
        except ArchiveError as error:  # the loss of the names was reported before
            if not problems:
                problems.append((error.block, error))
    return problems


def _file_problems(
    archive: ArchiveReader,
    threads: int | None,
    progress: Progress | None,
    problems: Sequence[Problem] = (),
) -> list[Problem]:
    """Decodes a folder. Returns faults of its files.

    These are files that cannot be restored, and files with a wrong hash or content digest.
    problems: damaged blocks; their files are left out. Raises ArchiveError for other damaged
    blocks, and for lost names or digests.
    """
    bad = {number for number, _ in problems if number is not None}
    gaps = gaps_of(archive.blocks, bad, archive.collection.tiles)
    found: list[Problem] = []
    for error in damage(archive, list(archive.owners.with_tiles(gaps))):
        if error.block is not None and not problems:
            raise error
        found.append((error.block, error))
    parts = RestoredParts(archive, check_threads(threads), problems=[*problems, *found])
    hashing = Hashing(archive)
    sums = ContentSums(archive, hashing)
    hand_over(parts, sums, Work(archive.collection, progress), parts.lost_files)
    return [*found, *((None, error) for error in (*hashing.problems, *sums.problems()))]


def lost_items(archive: ArchiveReader, problems: Iterable[Problem]) -> list[str]:
    """The lost items, in the form that `bitsback extract` takes; see `Archive.lost`.

    problems: the result of `verify`.
    """
    problems = list(problems)
    bad = {number for number, _ in problems if number is not None}
    gaps = list(gaps_of(archive.blocks, bad, archive.collection.tiles))
    files = None
    if archive.file_sections is not None:
        with suppress(ArchiveError):
            files = archive.file_sections.files
    found = lost_names(archive.collection, files, gaps)
    found += [printable(error.file) for _, error in problems if error.file is not None]
    if files is not None and not files.named and (count := files.collection.files - len(files)):
        found.append(f"all {count} that are stored verbatim or copies, since their names are lost")
    if archive.directory.unread:
        found.append(f"what the {archive.directory.unread} bytes behind its end were to add")
    return list(dict.fromkeys(found))
