"""Deliver the files of a folder while their blocks are decoded.

Large pictures come strip by strip, and verbatim files chunk by chunk.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.container.damage import contains
from bitsback.archive.container.source import Task
from bitsback.archive.files.file_writer import FileWriter
from bitsback.archive.files.strips import Joiner, RestoredParts
from bitsback.archive.reader import ArchiveReader
from bitsback.errors import ArchiveError
from bitsback.files.drawing import Drawing, Nowhere
from bitsback.format.array_part import BYTES, COPIES, ONE, ArrayPart
from bitsback.format.grid import Shape
from bitsback.format.parts import FileCollection
from bitsback.format.tiles import Tiles
from bitsback.io.file_io import Writable, spooled
from bitsback.io.locks import Lock
from bitsback.work import Work, ordered_map


class Receiver(Protocol):
    """The receiver of the files. Several threads may use it."""

    def picture(
        self, number: int, dtype: np.dtype[Any], shape: Shape
    ) -> AbstractContextManager[Drawing]:
        """A drawing for the rows of a picture. The body closes it.

        number: that of the picture's file.
        """

    def file(self, number: int) -> AbstractContextManager[Writable]:
        """A writer for the bytes of a verbatim file."""


class Hashing:
    """A receiver that restores the files with a hash, and collects files with a wrong hash."""

    def __init__(self, archive: ArchiveReader) -> None:
        self.problems: list[ArchiveError] = []
        self._archive, self._file_writer = archive, FileWriter(archive)

    @contextmanager
    def picture(self, number: int, dtype: np.dtype[Any], shape: Shape) -> Iterator[Drawing]:
        with self._checked(number) as file:
            if file is None:
                yield Nowhere()
            else:
                yield self._file_writer.drawing(number, file, dtype, shape)

    @contextmanager
    def file(self, number: int) -> Iterator[Writable]:
        with self._checked(number) as file:
            yield Nowhere() if file is None else file

    @contextmanager
    def _checked(self, number: int) -> Iterator[BinaryIO | None]:
        """A file whose hash is checked when the body ends; None for a file without a hash."""
        check = self._archive.check_of_file(number)
        if check is None:
            yield None
            return
        with spooled() as file:
            yield file
            file.seek(0)
            try:
                check(file)
            except ArchiveError as error:
                self.problems.append(error)


def hand_over(
    parts: RestoredParts, receiver: Receiver, work: Work, lost: Sequence[range] = ()
) -> int:
    """Delivers the files of a folder, and returns their number of bytes.

    lost: the numbers of files to leave out, which need damaged blocks or cannot be restored. Raises
    ArchiveError, and the errors of the receiver.
    """
    return _Folder(parts, receiver, lost).hand_over(work)


def deliver(archive: ArchiveReader, number: int, receiver: Receiver, verify: bool = True) -> int:
    """Delivers one file, and returns its number of bytes. Only its blocks are decoded."""
    if archive.files.stored(number):
        part, start, stop = archive.files.span(number)
        with receiver.file(number) as file:
            for data in archive.part_chunks(part, start, stop, verify=verify):
                file.write(data)
        return stop - start
    picture = archive.file_source(number)
    with receiver.picture(number, picture.dtype, picture.shape) as drawing:
        for rows in picture.stacks(0, picture.shape[0], verify=verify):
            drawing.add(rows)
        return drawing.close()


class _Folder:
    """Decodes the blocks of a folder, and delivers its files."""

    def __init__(self, parts: RestoredParts, receiver: Receiver, lost: Sequence[range]) -> None:
        self.files, self.receiver = parts.files, receiver
        self._parts, self._lost = parts, lost
        self._collection = self.files.collection
        self._size = 0
        self._size_lock = Lock()

    def hand_over(self, work: Work) -> int:
        with ExitStack() as stack:
            parts = [
                self._part(number, numbers, stack.enter_context(ExitStack()))
                for number, numbers in enumerate(self.files.by_part())
            ]
            # After an error no thread may go on writing.
            blocks = stack.enter_context(closing(self._parts.map(self._work)))
            for waiting, task in blocks:
                number, _, _ = _part_of(self._collection, task.first)
                for place, tile in waiting:
                    parts[number].take(place, tile)
                work.add(task.first, task.items)
            for part in parts:
                if isinstance(part, _Cutter):
                    part.finish()
            copies = [
                [copy for copy in numbers if not self.lost(copy)]
                for _, numbers in sorted(self.files.copies.items())
            ]
            delivered = ordered_map(self._deliver, copies, self._parts.threads)
            stack.enter_context(closing(delivered))
            self._size += sum(delivered)
        return self._size

    def _deliver(self, copies: Sequence[int]) -> int:
        """Delivers copies of one file, and returns their number of bytes."""
        archive, verify = self._parts.archive, self._parts.verify
        return sum(deliver(archive, number, self.receiver, verify) for number in copies)

    def _part(
        self, number: int, numbers: Iterator[int], stack: ExitStack
    ) -> "_Cutter | _Painter | _Slicer":
        part = self._collection.parts[number]
        if part.axes == ONE:
            return _Slicer(self, number, part)
        if part.axes not in (BYTES, COPIES):
            return _Painter(self, number, part, stack)
        # No bytes of a part are those of copies, which come after all other files.
        return _Cutter(self, part, iter(()) if part.axes == COPIES else numbers, stack)

    def _work(self, task: Task, tiles: Tiles) -> tuple[list[tuple[int, NDArray[Any]]], Task]:
        """Delivers the uncut pictures of a block, and returns the other tiles."""
        number, first, part = _part_of(self._collection, task.first)
        waiting = []
        for place, tile in enumerate(tiles, task.first - first):
            item, _ = part.item_of(place)
            if part.axes == ONE and part.grid(0).in_a_strip == 1:
                self.slices(number, part.grid(0).region(place)[0].start, tile)
            elif part.axes in (ONE, BYTES) or part.grid(item).tiles > 1:
                waiting.append((place, tile))
            elif not self.lost(self.number(number, item)):
                with self.picture(number, item, tile.shape) as drawing:
                    drawing.add(tile)
        return waiting, task

    def slices(self, part: int, first: int, slices: NDArray[Any]) -> None:
        """Delivers slices of a stack. Each is a picture."""
        for entry, pixels in enumerate(slices, first):
            if not self.lost(self.number(part, entry)):
                with self.picture(part, entry, pixels.shape) as drawing:
                    drawing.add(pixels)

    @contextmanager
    def picture(self, part: int, item: int, shape: Shape) -> Iterator[Drawing]:
        """A drawing that takes the rows of a picture until the body ends."""
        number, dtype = self.number(part, item), self._collection.parts[part].dtype
        assert number is not None, "it is not lost"
        with self.receiver.picture(number, dtype, shape) as drawing:
            yield drawing
            self.add(drawing.close())

    def number(self, part: int, item: int) -> int | None:
        """The number of the file of an item in a part of pictures; None for a removed file."""
        numbers = next(self.files.numbers_of(part, range(item, item + 1)), None)
        return None if numbers is None else numbers.start

    def lost(self, number: int | None) -> bool:
        """Whether a file is left out, or was removed."""
        return number is None or contains(self._lost, number)

    def add(self, size: int) -> None:
        """Counts delivered bytes."""
        with self._size_lock:
            self._size += size


class _Painter:
    """Delivers pictures that are cut into tiles.

    The tiles arrive in order, and one strip is in memory at a time.
    """

    def __init__(self, folder: _Folder, number: int, part: ArrayPart, stack: ExitStack) -> None:
        """stack: closes the resources of an unfinished picture."""
        self._folder, self._number, self._part, self._stack = folder, number, part, stack
        self._joiner = Joiner(part)
        self._drawing: Drawing | None = None

    def take(self, place: int, tile: NDArray[Any]) -> None:
        """The next tile, which has this number in the part."""
        item, at = self._part.item_of(place)
        if self._folder.lost(self._folder.number(self._number, item)):
            return
        grid = self._part.grid(item)
        for rows in self._joiner.take(place, tile):
            if self._drawing is None:
                picture = self._folder.picture(self._number, item, grid.shape)
                self._drawing = self._stack.enter_context(picture)
            self._drawing.add(rows)
        if at + 1 == grid.tiles:
            self._drawing = None
            self._stack.close()


class _Slicer:
    """Delivers pictures that are the slices of a stack.

    The tiles arrive in order, and one strip is in memory at a time.
    """

    def __init__(self, folder: _Folder, number: int, part: ArrayPart) -> None:
        self._folder, self._number, self._part = folder, number, part
        self._joiner = Joiner(part)

    def take(self, place: int, tile: NDArray[Any]) -> None:
        """The next tile, which has this number in the part."""
        entries, *_ = self._part.grid(0).region(place)
        numbers = (self._folder.number(self._number, n) for n in range(entries.start, entries.stop))
        if all(map(self._folder.lost, numbers)):  # other tiles of its strip may be missing
            return
        first = entries.start
        for slices in self._joiner.take(place, tile):
            self._folder.slices(self._number, first, slices)
            first += len(slices)


class _Cutter:
    """Delivers verbatim files, whose bytes arrive in order."""

    def __init__(
        self, folder: _Folder, part: ArrayPart, numbers: Iterator[int], stack: ExitStack
    ) -> None:
        """numbers: of the files. stack: closes the resources of an unfinished file."""
        self._folder, self._part, self._numbers, self._stack = folder, part, numbers, stack
        self._open: Writable | None = None
        self._number = next(numbers, None)

    def take(self, place: int, tile: NDArray[Any]) -> None:
        """Takes the next bytes."""
        self._take(self._part.elements_before(place), tile.data)

    def finish(self) -> None:
        """Writes the empty files after the last byte."""
        self._take(self._part.elements, memoryview(b""))

    def _take(self, at: int, data: memoryview) -> None:
        """Takes bytes of the part. at: the place of the first byte."""
        stop = at + len(data)
        while self._number is not None:
            _, start, end = self._folder.files.span(self._number)
            if start >= stop and end > start:
                return
            if not self._folder.lost(self._number):
                self._write(data[max(start - at, 0) : max(end - at, 0)])
            if end > stop:
                return
            self._open = None
            self._stack.close()
            self._number = next(self._numbers, None)

    def _write(self, data: memoryview) -> None:
        """Writes bytes of the current file."""
        assert self._number is not None, "there are bytes of a file"
        if self._open is None:
            self._open = self._stack.enter_context(self._folder.receiver.file(self._number))
        self._open.write(data)
        self._folder.add(len(data))


def _part_of(collection: FileCollection, tile: int) -> tuple[int, int, ArrayPart]:
    """The number of a tile's part, the number of the part's first tile, and the part."""
    number = bisect_right(collection.starts, tile) - 1
    return number, collection.starts[number], collection.parts[number]
