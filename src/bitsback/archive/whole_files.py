"""The files of a folder, one after the other as their blocks come: each picture as soon as it is
whole, and what is held bit for bit piece by piece.
"""

import threading
from bisect import bisect_right
from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack, closing
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.collection import BYTES, Collection
from bitsback.archive.join import Joiner
from bitsback.archive.members import Files
from bitsback.archive.parts import FileList
from bitsback.archive.pieces import Pieces
from bitsback.archive.pool import ordered_map
from bitsback.archive.reader import Archive
from bitsback.archive.source import Task, decode
from bitsback.archive.summary import Progress
from bitsback.images.file_io import Writable


class Taker(Protocol):
    """What becomes of the files. May be used from several threads."""

    def picture(self, number: int, pixels: NDArray[Any]) -> int:
        """A picture, by the number of its file; how many bytes the file has."""

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
        self._size_lock = threading.Lock()

    def hand_over(self, threads: int, progress: Progress | None) -> int:
        collection, done = self._collection, 0
        with ExitStack() as stack:
            parts = [
                _Cutter(self._taker, self._files, self._numbers[number])
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
        """Decodes a block and hands over its pictures; the pieces that are not whole ones."""
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
        self._add(self._taker.picture(int(self._numbers[part][item]), pixels))

    def _add(self, size: int) -> None:
        with self._size_lock:
            self._size += size


class _Cutter:
    """Writes files whose bytes come one after the other."""

    def __init__(self, taker: Taker, files: Files, numbers: Iterable[int]) -> None:
        self._taker, self._files = taker, files
        self._numbers = map(int, numbers)
        self._left = 0
        self._stack = ExitStack()
        self._open: Writable | None = None

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
            self._open = self._stack.enter_context(self._taker.file(number))

    def _close(self) -> None:
        self._open = None
        self._stack.close()

    def close(self) -> None:
        self._stack.close()


def _part_of(collection: FileList, piece: int) -> tuple[int, int, Collection]:
    """The number of the part that a piece is in, that of its first piece, and the part."""
    number = bisect_right(collection.starts, piece) - 1
    return number, collection.starts[number], collection.parts[number]
