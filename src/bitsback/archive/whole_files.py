"""The files of a folder, one after the other as their blocks come: large pictures strip by strip,
and what is held bit for bit piece by piece.
"""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.collection import BYTES, Collection
from bitsback.archive.grid import Shape
from bitsback.archive.join import Joiner
from bitsback.archive.parts import FileList
from bitsback.archive.pieces import Pieces
from bitsback.archive.pool import ordered_map
from bitsback.archive.reader import Archive
from bitsback.archive.source import Task, decode
from bitsback.archive.summary import Progress
from bitsback.images.drawing import Drawing
from bitsback.images.file_io import Writable
from bitsback.locks import Lock


class Taker(Protocol):
    """What becomes of the files. May be used from several threads."""

    def picture(
        self, number: int, dtype: np.dtype[Any], shape: Shape
    ) -> AbstractContextManager[Drawing]:
        """What takes the rows of a picture, by the number of its file, and is closed before the
        body ends.
        """

    def file(self, number: int) -> AbstractContextManager[Writable]:
        """Where to write the bytes of a file that is held bit for bit."""


def hand_over(
    archive: Archive,
    taker: Taker,
    threads: int,
    progress: Progress | None = None,
    verify: bool = True,
) -> int:
    """All files of a folder; how many bytes they have. Raises ArchiveError, and what the taker
    raises.
    """
    return _Folder(archive, taker, verify).hand_over(threads, progress)


class _Folder:
    """A folder on its way out."""

    def __init__(self, archive: Archive, taker: Taker, verify: bool) -> None:
        self._archive, self._taker, self._verify = archive, taker, verify
        self._files = archive.files
        self._collection = self._files.collection
        self._numbers = [np.fromiter(part, np.uint64) for part in self._files.by_part()]
        self._size = 0
        self._size_lock = Lock()

    def hand_over(self, threads: int, progress: Progress | None) -> int:
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

    def _work(self, task: Task) -> tuple[list[tuple[int, NDArray[Any]]], Task]:
        """Decodes a block and hands over its pictures; the pieces that are not whole ones."""
        pieces: Pieces = decode(self._archive, task, None if self._verify else task.items)
        number, first, part = _part_of(self._collection, task.first)
        waiting = []
        for place, piece in enumerate(pieces, task.first - first):
            item, _ = part.item_of(place)
            if part.axes == BYTES or part.grid(item).pieces > 1:
                waiting.append((place, piece))
            else:
                with self.picture(number, item, piece.shape) as drawing:
                    drawing.add(piece)
        return waiting, task

    @contextmanager
    def picture(self, part: int, item: int, shape: Shape) -> Iterator[Drawing]:
        """What takes the rows of a picture until the body ends."""
        number, dtype = int(self._numbers[part][item]), self._collection.parts[part].dtype
        with self._taker.picture(number, dtype, shape) as drawing:
            yield drawing
            self.add(drawing.close())

    def file(self, number: int) -> tuple[AbstractContextManager[Writable], int]:
        """Where to write a file that is held bit for bit, and how many bytes it has."""
        _, start, end = self._files.span(number)
        return self._taker.file(number), end - start

    def add(self, size: int) -> None:
        """Counts bytes that were handed over."""
        with self._size_lock:
            self._size += size


class _Painter:
    """Hands over pictures that are cut into pieces, which come in order; a strip of one is in
    memory at a time.
    """

    def __init__(self, folder: _Folder, number: int, part: Collection, stack: ExitStack) -> None:
        """stack: what the picture that is on its way waits on."""
        self._folder, self._number, self._part, self._stack = folder, number, part, stack
        self._joiner = Joiner(part)
        self._drawing: Drawing | None = None

    def take(self, place: int, piece: NDArray[Any]) -> None:
        """The next piece, which has this number in the part."""
        item, at = self._part.item_of(place)
        grid = self._part.grid(item)
        for rows in self._joiner.take(place, piece):
            if self._drawing is None:
                picture = self._folder.picture(self._number, item, grid.shape)
                self._drawing = self._stack.enter_context(picture)
            self._drawing.add(rows)
        if at + 1 == grid.pieces:
            self._drawing = None
            self._stack.close()


class _Cutter:
    """Writes files whose bytes come one after the other."""

    def __init__(self, folder: _Folder, numbers: Iterator[int], stack: ExitStack) -> None:
        """numbers: of the files. stack: what the file that is on its way waits on."""
        self._folder, self._numbers, self._stack = folder, numbers, stack
        self._left = 0
        self._open: Writable | None = None

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
            file, self._left = self._folder.file(number)
            self._open = self._stack.enter_context(file)


def _part_of(collection: FileList, piece: int) -> tuple[int, int, Collection]:
    """The number of the part that a piece is in, that of its first piece, and the part."""
    number = bisect_right(collection.starts, piece) - 1
    return number, collection.starts[number], collection.parts[number]
