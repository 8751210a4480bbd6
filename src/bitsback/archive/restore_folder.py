"""The files of a folder restored: pictures of their pixels and notes, and what is held bit for
bit.
"""

import threading
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.collection import BYTES, Collection
from bitsback.archive.join import Joiner
from bitsback.archive.maker import Maker
from bitsback.archive.members import Files
from bitsback.archive.parts import FileList
from bitsback.archive.pieces import Pieces
from bitsback.archive.pool import ordered_map
from bitsback.archive.reader import Archive
from bitsback.archive.source import Task, decode
from bitsback.archive.staging import Staging, staging
from bitsback.archive.summary import Progress
from bitsback.archive.targets import target_of, unrestorable
from bitsback.errors import ArchiveError
from bitsback.images.file_io import Location


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
    archive.check()  # before anything is made, and with it that the names can be restored
    files = archive.files
    names = (target_of(files, number)[0] for number in range(len(files)))
    with staging(destination, names, force) as stage:
        return _Folder(archive, stage, verify, exact).restore(threads, progress)


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
    files = archive.files
    wanted = [number for _, number in sorted({files.place(n): n for n in numbers}.items())]
    found = {number: target_of(files, number)[0] for number in wanted}
    problem = unrestorable((files.names[number], name) for number, name in found.items())
    if problem is not None:
        raise ArchiveError(f"{archive.name}: {problem}; extract them into different folders")
    size = 0
    with staging(destination, found.values(), force) as stage:
        maker = Maker(archive, verify)
        for number in wanted:
            data = maker.file(number)
            stage.write(found[number], data, files.time(number))
            size += len(data)
    return size


class _Folder:
    """A folder on its way to the disk."""

    def __init__(self, archive: Archive, stage: Staging, verify: bool, exact: bool) -> None:
        self._archive, self._stage, self._verify = archive, stage, verify
        self._files = archive.files
        self._collection = self._files.collection
        self._maker = Maker(archive, verify, exact)
        self._numbers = [np.fromiter(part, np.uint64) for part in self._files.by_part()]
        self._size = 0
        self._size_lock = threading.Lock()

    def restore(self, threads: int, progress: Progress | None) -> int:
        collection, done = self._collection, 0
        with ExitStack() as stack:
            parts = [
                _Cutter(self._stage, self._files, self._numbers[number])
                if part.axes == BYTES
                else Joiner(part, strips=False)
                for number, part in enumerate(collection.parts)
            ]
            for part in parts:
                if isinstance(part, _Cutter):
                    stack.enter_context(closing(part))
            # No thread writes on after an error.
            blocks = stack.enter_context(
                closing(ordered_map(self._work, self._archive.tasks(), threads))
            )
            for waiting, task in blocks:
                number, _first, _ = _part_of(collection, task.first)
                of_part = parts[number]
                for place, piece in waiting:
                    if isinstance(of_part, _Cutter):
                        if number not in collection.notes:
                            of_part.take(piece.data)
                            self._add(piece.nbytes)
                        continue
                    pixels = of_part.take(place, piece)
                    if pixels is not None:
                        self._write(number, collection.parts[number].item_of(place)[0], pixels)
                done += task.items
                if progress is not None:
                    progress(done, collection.pieces)
        return self._size

    def _work(self, task: Task) -> tuple[list[tuple[int, NDArray[Any]]], Task]:
        """Decodes a block and writes its pictures; the pieces that are not whole ones."""
        pieces: Pieces = decode(self._archive, task, None if self._verify else task.items)
        number, first, part = _part_of(self._collection, task.first)
        waiting = []
        for place, piece in enumerate(pieces, task.first - first):
            item, _ = part.item_of(place)
            if part.axes == BYTES or part.grid(item).pieces > 1:
                waiting.append((place, piece))
            else:
                self._write(number, item, piece)
        return waiting, task

    def _write(self, part: int, item: int, pixels: NDArray[Any]) -> None:
        number = int(self._numbers[part][item])
        data = self._maker.picture(number, pixels)
        name, _ = target_of(self._files, number)
        self._stage.write(name, data, self._files.time(number))
        self._add(len(data))

    def _add(self, size: int) -> None:
        with self._size_lock:
            self._size += size


class _Cutter:
    """Writes files whose bytes come one after the other."""

    def __init__(self, stage: Staging, files: Files, numbers: Iterable[int]) -> None:
        self._stage, self._files = stage, files
        self._numbers = map(int, numbers)
        self._left = 0
        self._stack = ExitStack()
        self._open: BinaryIO | None = None

    def take(self, data: memoryview) -> None:
        """The next bytes."""
        while True:
            if self._open is not None:
                self._open.write(data[: self._left])
                taken = min(self._left, len(data))
                data, self._left = data[taken:], self._left - taken
                if self._left:
                    return
                self._close()
            number = next(self._numbers, None)
            if number is None:
                return
            _, start, end = self._files.span(number)
            self._left = end - start
            self._open = self._stack.enter_context(
                self._stage.open(self._files.names[number], self._files.time(number))
            )

    def _close(self) -> None:
        self._open = None
        self._stack.close()

    def close(self) -> None:
        self._stack.close()


def _part_of(collection: FileList, piece: int) -> tuple[int, int, Collection]:
    """The number of the part that a piece is in, that of its first piece, and the part."""
    number = bisect_right(collection.starts, piece) - 1
    return number, collection.starts[number], collection.parts[number]
