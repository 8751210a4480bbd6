"""Compare an archive with its input files, by reading both again."""

from __future__ import annotations

import os
import tempfile
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.comparing.entries import MODE, archive_entries, disk_entries
from bitsback.archive.inputs.opening import open_input
from bitsback.archive.inputs.request import Request
from bitsback.archive.inputs.tile_reader import TileReader
from bitsback.archive.reading.file_writer import FileWriter
from bitsback.archive.reading.paged import make_pages
from bitsback.archive.reading.reader import ArchiveReader
from bitsback.archive.reading.source import Task, decode
from bitsback.archive.reading.strips import RestoredParts
from bitsback.archive.reading.targets import target_of
from bitsback.archive.reading.whole_files import hand_over
from bitsback.compress_options import CompressOptions
from bitsback.errors import InputError
from bitsback.files.drawing import Comparison, Drawing
from bitsback.files.npy import Items, WholeItems
from bitsback.files.picture_files import alike
from bitsback.files.pictures import reading_picture
from bitsback.format.array_part import ONE, ArrayPart
from bitsback.format.grid import Shape
from bitsback.format.parts import ARRAYS, FOLDER, PAGES, JoinedArray
from bitsback.format.tiles import Tiles
from bitsback.io.file_io import FileContent, Writable, reading, same_bytes
from bitsback.io.names import printable
from bitsback.work import Progress, Work, check_threads, ordered_map

_IN_MEMORY = 1 << 24


def restored_names(archive: ArchiveReader) -> list[str]:
    """The names of the restored files of a folder, in order."""
    return [target_of(archive.files, number)[0] for number in range(len(archive.files))]


def compare(
    archive: ArchiveReader,
    place: Path,
    names: Sequence[str] = (),
    threads: int | None = None,
    progress: Progress | None = None,
    exact: bool = True,
    times: bool = False,
) -> None:
    """Raises InputError, which names the difference, unless an archive equals its input.

    An archive of arrays is compared with the file `place`: elements, shapes, dtypes and names. An
    archive of a folder is compared with the files `names` in the folder `place`. Raises
    ArchiveError for damage.

    names: the names of the files of an archive of a folder, in order. Each file, or a single TIFF
    file, is restored and read again. It is equal if its bytes are. Where the bytes may differ, it
    is equal if its pixels and metadata are. exact: restore files as `decompress` does with
    files="exact". times: also compare the times of files.
    """
    threads = check_threads(threads)
    collection = archive.collection
    if collection.kind == PAGES:
        if not same_pages(archive, place, threads, progress, exact):
            shown = printable(os.fspath(place))
            raise InputError(f"{archive.name}: its pages or tags differ from those of {shown} now")
        return
    if collection.kind == FOLDER:
        _compare_entries(archive, place, names, times)
        receiver = ComparedFiles(archive, place, names, exact, times)
        hand_over(RestoredParts(archive, threads), receiver, Work(collection, progress))
        return
    for task, _, _ in differing_blocks(archive, place, threads, progress):
        where = collection.where(task.first, task.items)
        raise InputError(f"{archive.name}: {where} differ from those of {os.fspath(place)} now")


def _compare_entries(
    archive: ArchiveReader, place: Path, names: Sequence[str], are_sources: bool
) -> None:
    """Raises InputError, which names the difference, unless files and links in a folder have the
    modes and targets of the archive.

    are_sources: the folder is the input of the archive. The modes of its folders are then compared
    too.
    """
    ours = archive_entries(archive, names)
    theirs = disk_entries(place, ours)
    for name, described in ours.items():
        if described[0] == MODE and (os.name == "nt" or (name.endswith("/") and not are_sources)):
            continue  # Windows has no modes, and an existing folder keeps its own
        if described != theirs.get(name):
            raise InputError(
                f"{archive.name}: {printable(os.fspath(place / name))} has another"
                f" {described[0]} than the archive restores"
            )


def same_pages(
    archive: ArchiveReader,
    place: Path,
    threads: int,
    progress: Progress | None = None,
    exact: bool = True,
) -> bool:
    """Whether the TIFF file of an archive equals the file at `place`. Raises InputError."""
    shown = printable(os.fspath(place))
    with spooled() as made, reading(shown), place.open("rb") as file:
        work = Work(archive.files.collection, progress)
        make_pages(RestoredParts(archive, threads), made, work, exact)
        return same(file, made, shown)


class DifferentArrays(InputError):
    """An archive and a file have arrays of different shapes, dtypes or names."""


def differing_blocks(
    archive: ArchiveReader, place: Path, threads: int, progress: Progress | None
) -> Iterator[tuple[Task, Tiles, Tiles]]:
    """The blocks of an archive of arrays that differ from the file `place`.

    For each it yields the block, its tiles, and the tiles of the file. Raises InputError, and
    before decoding DifferentArrays if shapes, dtypes or names differ.
    """
    collection = archive.collection
    parts, starts = collection.parts, collection.starts

    def work(task: Task) -> tuple[Task, Tiles]:
        return task, decode(archive, task)

    with (
        _items(archive, place) as items,
        closing(ordered_map(work, archive.tasks(), threads)) as blocks,
    ):
        readers = [TileReader(each, part) for each, part in zip(items, parts, strict=True)]
        for task, tiles in blocks:
            number = bisect_right(starts, task.first, hi=len(parts)) - 1
            there = readers[number].read(task.first - starts[number], task.items)
            if there.shapes != tiles.shapes or there.bytes != tiles.bytes:
                yield task, tiles, there
            if progress is not None:
                progress(task.first + task.items, collection.tiles)
        for each in items:
            each.finish()


def spooled() -> AbstractContextManager[BinaryIO]:
    """A temporary file for a restored file that is read again."""
    return cast(AbstractContextManager[BinaryIO], tempfile.SpooledTemporaryFile(_IN_MEMORY))


def same(file: BinaryIO, made: BinaryIO, shown: str) -> bool:
    """Whether the restored file `made` equals the existing file. shown: its name for messages."""
    with reading_picture(shown):
        return same_bytes(file, made) or alike(file, made)


@contextmanager
def _items(archive: ArchiveReader, place: Path) -> Iterator[list[Items]]:
    """The arrays of the file that correspond to the parts of the archive."""
    collection = archive.collection
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the warnings were shown when the archive was made
        with open_input(place, Request(options=CompressOptions(stack=False))) as taken:
            arrays = (collection,) if collection.kind is None else collection.parts
            found: list[Items] = [items for items, _ in taken.parts]
            alike = [(array.dtype, array.shape) for array in arrays] == [
                (items.dtype, items.shape) for items in found
            ]
            if collection.kind == ARRAYS:
                alike = alike and taken.files is not None and taken.files.names == archive.names
            if not alike:
                raise DifferentArrays(
                    f"{archive.name}: its shapes, dtypes or names differ from those that"
                    f" {os.fspath(place)} has now"
                )
            if isinstance(collection, JoinedArray):
                found = [_Rows(found[0], part) for part in collection.parts]
            yield found


class _Rows(WholeItems):
    """The rows of one part of an array. The array is read once, from its first row to its last."""

    def __init__(self, items: Items, part: ArrayPart) -> None:
        super().__init__()
        self.name, self.dtype, self.shape = items.name, items.dtype, part.shape
        self._items = items

    def read(self, count: int, axes: int) -> NDArray[Any]:
        if axes == ONE:
            return self._items.rows(self.shape[0], ONE)[np.newaxis]
        return self._items.rows(count, ONE)

    def rows(self, count: int, axes: int) -> NDArray[Any]:
        return self._items.rows(count, ONE) if axes == ONE else super().rows(count, axes)

    def peek(self, first: int, count: int) -> None:
        return None

    def finish(self) -> None:
        self._items.finish()


class ComparedFiles:
    """A receiver that compares the restored files of a folder with files on the disk."""

    def __init__(
        self,
        archive: ArchiveReader,
        root: Path,
        names: Sequence[str],
        exact: bool,
        times: bool,
        differs: Callable[[int], object] | None = None,
    ) -> None:
        """differs: called with the number of a file that differs or cannot be read. Without it,
        such a file raises InputError.
        """
        self._archive, self._root, self._names, self._times = archive, root, names, times
        self._files, self._file_writer = archive.files, FileWriter(archive, exact=exact)
        self._differs = differs

    @contextmanager
    def picture(self, number: int, dtype: np.dtype[Any], shape: Shape) -> Iterator[Drawing]:
        with self._reading(number) as place, place.open("rb") as file:
            if self._file_writer.promises(number):
                content = FileContent(file)
                comparison = Comparison(content)
                drawing = _Counted(self._file_writer.drawing(number, comparison, dtype, shape))
                yield drawing
                if drawing.size != len(content) or comparison.differs:
                    self._report(number)
            else:
                with spooled() as made:
                    yield self._file_writer.drawing(number, made, dtype, shape)
                    try:
                        if not same(file, made, printable(os.fspath(place))):
                            self._report(number)
                    except InputError:
                        if self._differs is None:
                            raise
                        self._differs(number)

    @contextmanager
    def file(self, number: int) -> Iterator[Writable]:
        with self._reading(number) as place, place.open("rb") as file:
            comparing = _Comparing(file)
            yield comparing
            if comparing.differs or file.read(1):
                self._report(number)

    @contextmanager
    def _reading(self, number: int) -> Iterator[Path]:
        place = self._root / self._names[number]
        with reading(printable(os.fspath(place))):
            if self._times and self._files.time(number) not in (None, place.stat().st_mtime_ns):
                self._report(number)
            yield place

    def _report(self, number: int) -> None:
        """Reports a file that differs. Raises InputError, unless differences are collected."""
        if self._differs is not None:
            self._differs(number)
            return
        place = self._root / self._names[number]
        raise InputError(
            f"{self._archive.name}: {printable(self._files.names[number])} differs from"
            f" {printable(os.fspath(place))} as it is now"
        )


class _Counted:
    """A drawing that counts its bytes."""

    def __init__(self, drawing: Drawing) -> None:
        self._drawing = drawing
        self.size = 0

    def add(self, rows: NDArray[Any]) -> None:
        self._drawing.add(rows)

    def close(self) -> int:
        self.size = self._drawing.close()
        return self.size


class _Comparing:
    """A writer that compares its bytes with those of a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.differs = False

    def write(self, data: memoryview) -> None:
        self.differs = self.differs or self._file.read(len(data)) != data
