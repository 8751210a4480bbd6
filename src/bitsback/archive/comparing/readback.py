"""Compare an archive with its input files, by reading both again."""

from __future__ import annotations

import os
import warnings
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.comparing.entries import MODE, archive_entries, disk_entries
from bitsback.archive.container.damage import lost_names, merged
from bitsback.archive.container.source import Task, decode
from bitsback.archive.container.targets import target_of
from bitsback.archive.files.file_writer import FileWriter
from bitsback.archive.files.strips import RestoredParts
from bitsback.archive.files.whole_files import hand_over
from bitsback.archive.inputs.opening import open_input
from bitsback.archive.inputs.request import Request
from bitsback.archive.inputs.tile_reader import TileReader
from bitsback.archive.reader import ArchiveReader
from bitsback.compress_options import CompressOptions
from bitsback.errors import InputError
from bitsback.files.drawing import Comparison, Drawing
from bitsback.files.npy import Items, WholeItems
from bitsback.files.picture_files import alike
from bitsback.files.pictures import reading_picture
from bitsback.format.array_part import ONE, ArrayPart
from bitsback.format.grid import Shape
from bitsback.format.parts import ARRAYS, FOLDER, JoinedArray
from bitsback.format.tiles import Tiles
from bitsback.io.file_io import FileContent, reading, same_bytes, spooled
from bitsback.io.names import printable
from bitsback.work import Progress, Work, check_threads, ordered_map


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

    An archive of arrays is compared with the file `place`, and an archive of a folder with the
    files `names` in the folder `place`. Raises ArchiveError for damage.

    names: the names of the files of an archive of a folder, in order. Each file is restored and
    read again. It is equal if its bytes are. Where the bytes may differ, it is equal if its pixels
    and metadata are. exact: restore files as `decompress` does with files="exact". times: also
    compare the times of files.
    """
    threads = check_threads(threads)
    if archive.collection.kind == FOLDER:
        _compare_entries(archive, place, names, times)
        files = range(len(names))
        found = differing_files(archive, place, names, files, threads, progress, exact)
        changed = {names[number]: "content" for number in sorted(found)}
    else:
        changed = differing_content(archive, place, threads, progress)
    for name, what in changed.items():
        raise InputError(
            f"{archive.name}: {printable(name)} ({what}) differs from"
            f" {printable(os.fspath(place))} as it is now"
        )


def _compare_entries(
    archive: ArchiveReader, place: Path, names: Sequence[str], are_sources: bool
) -> None:
    """Raises InputError, which names the difference, unless files and links in a folder have the
    modes and targets of the archive.

    are_sources: the folder is the input of the archive. The modes of its folders and the times of
    its files are then compared too.
    """
    ours = archive_entries(archive, names)
    theirs = disk_entries(place, ours)
    for name, described in ours.items():
        if described[0] == MODE and (os.name == "nt" or (name.endswith("/") and not are_sources)):
            continue  # Windows has no modes, and an existing folder keeps its own
        if described != theirs.get(name):
            raise _another(archive, place / name, described[0])
    for number, name in enumerate(names if are_sources else ()):
        with reading(printable(os.fspath(place / name))):
            time = (place / name).stat().st_mtime_ns
        if archive.files.time(number) not in (None, time):
            raise _another(archive, place / name, "time")


def _another(archive: ArchiveReader, path: Path, what: str) -> InputError:
    shown = printable(os.fspath(path))
    return InputError(f"{archive.name}: {shown} has another {what} than the archive restores")


def differing_files(
    archive: ArchiveReader,
    root: Path,
    names: Sequence[str],
    wanted: Sequence[int],
    threads: int,
    progress: Progress | None,
    exact: bool = True,
) -> set[int]:
    """The numbers of the wanted files of a folder that differ from those on the disk.

    names: of all files on the disk, in order. Raises InputError for files that cannot be opened.
    """
    everything = len(wanted) == len(archive.files)
    only = None if everything else {block.number for block in archive.blocks_of(wanted)}
    left_out = merged(range(n, n + 1) for n in {*range(len(archive.files))} - {*wanted})
    receiver = ComparedFiles(archive, root, names, exact)
    work = Work(archive.files.collection, progress)
    hand_over(RestoredParts(archive, threads, only=only), receiver, work, left_out)
    return receiver.differing


def differing_content(
    archive: ArchiveReader,
    place: Path,
    threads: int,
    progress: Progress | None,
) -> dict[str, str]:
    """The differences between an archive of arrays and the file `place`.

    Their keys are the name of the file or of the elements. Raises InputError.
    """
    collection = archive.collection
    with _items(archive, place) as items:
        if items is None:
            return {place.name: "shapes, dtypes or names"}
        gaps = list(_differing_items(archive, items, threads, progress))
    files = None if collection.kind is None else archive.files
    return dict.fromkeys(lost_names(collection, files, gaps), "elements")


def _differing_items(
    archive: ArchiveReader, items: list[Items], threads: int, progress: Progress | None
) -> Iterator[tuple[int, int]]:
    """The tiles of an archive of arrays that differ from these arrays, as gaps."""
    collection = archive.collection
    parts, starts = collection.parts, collection.starts

    def work(task: Task) -> tuple[Task, Tiles]:
        return task, decode(archive, task)

    readers = [TileReader(each, part) for each, part in zip(items, parts, strict=True)]
    with closing(ordered_map(work, archive.tasks(), threads)) as blocks:
        for task, tiles in blocks:
            number = bisect_right(starts, task.first, hi=len(parts)) - 1
            there = readers[number].read(task.first - starts[number], task.items)
            if there.shapes != tiles.shapes or there.bytes != tiles.bytes:
                for at, (one, other) in enumerate(zip(tiles, there, strict=True), task.first):
                    if one.shape != other.shape or one.tobytes() != other.tobytes():
                        yield at, at + 1
            if progress is not None:
                progress(task.first + task.items, collection.tiles)
    for each in items:
        each.finish()


def same(file: BinaryIO, made: BinaryIO, shown: str) -> bool:
    """Whether the restored file `made` equals the existing file. shown: its name for messages."""
    with reading_picture(shown):
        return same_bytes(file, made) or alike(file, made)


@contextmanager
def _items(archive: ArchiveReader, place: Path) -> Iterator[list[Items] | None]:
    """The arrays of the file that correspond to the parts of the archive; None if shapes, dtypes or
    names differ.
    """
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
            if alike and isinstance(collection, JoinedArray):
                found = [_Rows(found[0], part) for part in collection.parts]
            yield found if alike else None


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

    def finish(self) -> None:
        self._items.finish()


class ComparedFiles:
    """A receiver that compares the restored files of a folder with files on the disk."""

    def __init__(
        self,
        archive: ArchiveReader,
        root: Path,
        names: Sequence[str] | Mapping[int, str],
        exact: bool,
    ) -> None:
        """names: of the files on the disk, by their numbers in the archive."""
        self.differing = set[int]()
        """The numbers of the files that differ, or are no pictures any more."""
        self._root, self._names = root, names
        self._file_writer = FileWriter(archive, exact=exact)

    @contextmanager
    def picture(self, number: int, dtype: np.dtype[Any], shape: Shape) -> Iterator[Drawing]:
        if self._file_writer.promises(number):
            with self.file(number) as comparison:
                yield self._file_writer.drawing(number, comparison, dtype, shape)
            return
        with self._opened(number) as (file, shown), spooled() as made:
            yield self._file_writer.drawing(number, made, dtype, shape)
            with suppress(InputError):
                if same(file, made, shown):
                    return
            self.differing.add(number)

    @contextmanager
    def file(self, number: int) -> Iterator[Comparison]:
        with self._opened(number) as (file, _):
            comparison = Comparison(FileContent(file))
            yield comparison
            if not comparison.equal:
                self.differing.add(number)

    @contextmanager
    def _opened(self, number: int) -> Iterator[tuple[BinaryIO, str]]:
        """The file on the disk, and its name for messages."""
        place = self._root / self._names[number]
        shown = printable(os.fspath(place))
        with reading(shown), place.open("rb") as file:
            yield file, shown
