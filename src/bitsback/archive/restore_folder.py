"""The files of a folder restored: pictures of their pixels and notes, and what is held bit for
bit.
"""

import os
import threading
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.collection import BYTES, Collection
from bitsback.archive.grid import Shape
from bitsback.archive.join import Joiner
from bitsback.archive.maker import Maker
from bitsback.archive.parts import FileList
from bitsback.archive.pieces import Pieces
from bitsback.archive.pool import ordered_map
from bitsback.archive.reader import Archive
from bitsback.archive.source import Task, decode
from bitsback.archive.staging import Staging, staging
from bitsback.archive.summary import Progress
from bitsback.archive.targets import target_of, unrestorable
from bitsback.errors import ArchiveError
from bitsback.images.bands.bands import in_bands
from bitsback.images.drawing import Drawing
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
                self._part(number, stack.enter_context(ExitStack()))
                for number in range(len(collection.parts))
            ]
            # No thread writes on after an error.
            blocks = stack.enter_context(
                closing(ordered_map(self._work, self._archive.tasks(), threads))
            )
            for waiting, task in blocks:
                number, _, _ = _part_of(collection, task.first)
                for place, piece in waiting:
                    parts[number].take(place, piece)
                done += task.items
                if progress is not None:
                    progress(done, collection.pieces)
        return self._size

    def _part(self, number: int, stack: ExitStack) -> "_Cutter | _Painter":
        part = self._collection.parts[number]
        if part.axes != BYTES:
            return _Painter(self, number, part, stack)
        numbers = () if number in self._collection.notes else self._numbers[number]
        return _Cutter(self, map(int, numbers), stack)

    def file(self, number: int) -> AbstractContextManager[BinaryIO]:
        """A file that is there when the body ends."""
        name, _ = target_of(self._files, number)
        return self._stage.open(name, self._files.time(number))

    def span(self, number: int) -> int:
        """Bytes of a file that is held bit for bit."""
        _, start, end = self._files.span(number)
        return end - start

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
                with self.drawing(number, item, piece.shape) as drawing:
                    drawing.add(piece)
        return waiting, task

    @contextmanager
    def drawing(self, part: int, item: int, shape: Shape) -> Iterator[Drawing]:
        """A picture that is there when the body ends."""
        number = int(self._numbers[part][item])
        dtype = self._collection.parts[part].dtype
        with self.file(number) as file:
            drawing = self._maker.drawing(number, file, dtype, shape)
            yield drawing
            drawing.close()
            self.add(file.seek(0, os.SEEK_END))

    def add(self, size: int) -> None:
        """Counts bytes that were written."""
        with self._size_lock:
            self._size += size


class _Painter:
    """Writes pictures that are cut into pieces, which come in order; a strip of one is in memory at
    a time.
    """

    def __init__(self, folder: _Folder, number: int, part: Collection, stack: ExitStack) -> None:
        """stack: what the picture that is being written waits on."""
        self._folder, self._number, self._part, self._stack = folder, number, part, stack
        self._joiner = Joiner(part, strips=True)
        self._drawing: Drawing | None = None

    def take(self, place: int, piece: NDArray[Any]) -> None:
        """The next piece, which has this number in the part."""
        strip = self._joiner.take(place, piece)
        if strip is None:
            return
        item, at = self._part.item_of(place)
        grid = self._part.grid(item)
        if self._drawing is None:
            drawing = self._folder.drawing(self._number, item, grid.shape)
            self._drawing = self._stack.enter_context(drawing)
        for band in in_bands(strip):
            self._drawing.add(band)
        if at + 1 == grid.pieces:
            self._drawing = None
            self._stack.close()


class _Cutter:
    """Writes files whose bytes come one after the other."""

    def __init__(self, folder: _Folder, numbers: Iterator[int], stack: ExitStack) -> None:
        """numbers: of the files. stack: what the file that is being written waits on."""
        self._folder, self._numbers, self._stack = folder, numbers, stack
        self._left = 0
        self._open: BinaryIO | None = None

    def take(self, place: int, piece: NDArray[Any]) -> None:
        """The next bytes."""
        data = piece.data
        while True:
            if self._open is not None:
                self._open.write(data[: self._left])
                taken = min(self._left, len(data))
                self._folder.add(taken)
                data, self._left = data[taken:], self._left - taken
                if self._left:
                    return
                self._open = None
                self._stack.close()
            number = next(self._numbers, None)
            if number is None:
                return
            self._left = self._folder.span(number)
            self._open = self._stack.enter_context(self._folder.file(number))


def _part_of(collection: FileList, piece: int) -> tuple[int, int, Collection]:
    """The number of the part that a piece is in, that of its first piece, and the part."""
    number = bisect_right(collection.starts, piece) - 1
    return number, collection.starts[number], collection.parts[number]
