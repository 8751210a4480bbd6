"""Whether an archive holds, byte for byte, what files on the disk do: both are read once more."""

from __future__ import annotations

import os
import tempfile
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.asked import Asked
from bitsback.archive.collection import ONE, Collection
from bitsback.archive.grid import Shape
from bitsback.archive.inputs import open_input
from bitsback.archive.maker import Maker
from bitsback.archive.members import pack_files
from bitsback.archive.parts import NPZ, FileList, Joined
from bitsback.archive.pieces import Pieces
from bitsback.archive.pool import check_threads, ordered_map
from bitsback.archive.reader import Archive
from bitsback.archive.source import Task, decode
from bitsback.archive.summary import Progress
from bitsback.archive.taking import PieceReader
from bitsback.archive.targets import target_of
from bitsback.archive.whole_files import hand_over
from bitsback.errors import InputError
from bitsback.images.bands.bands import Bands, Rows
from bitsback.images.bands.picture import named
from bitsback.images.drawing import Comparison, Drawing
from bitsback.images.file_io import FileContent, Writable, reading
from bitsback.images.names import printable
from bitsback.images.notes import split
from bitsback.images.npy import Items, Whole
from bitsback.images.pictures import read_pixels, reading_picture

_PIECE = 1 << 20


def restored_names(archive: Archive) -> list[str]:
    """Under which names the files of a folder are restored, in their order."""
    return [target_of(archive.files, number)[0] for number in range(len(archive.files))]


def compare(
    archive: Archive,
    place: Path,
    names: Sequence[str] = (),
    threads: int | None = None,
    progress: Progress | None = None,
    exact: bool = True,
    times: bool = False,
) -> None:
    """Raises InputError, naming what differs, unless every element, shape, dtype and name of the
    archive is that of the file `place`, or the files that it restores are those of `names` in the
    folder `place`; and ArchiveError for damage.

    names: of the files of an archive of a folder, in its order. Each is made as it is restored, and
    is the same if its bytes are, or, where these are not promised, if its pixels and its note are.
    exact: as `decompress` with files="exact" makes them. times: those of files are compared too.
    """
    threads = check_threads(threads)
    if archive.kind == "folder":
        hand_over(archive, _Compared(archive, place, names, exact, times), threads, progress)
        return
    collection = archive.collection
    if isinstance(collection, FileList) and collection.whole:
        _compare_tiff(archive, place, threads, progress, exact)
        return
    parts, starts = collection.parts, collection.starts

    def work(task: Task) -> tuple[Task, Pieces]:
        return task, decode(archive, task)

    with (
        _items(archive, place) as items,
        closing(ordered_map(work, archive.tasks(), threads)) as blocks,
    ):
        readers = [PieceReader(each, part) for each, part in zip(items, parts, strict=True)]
        for task, pieces in blocks:
            number = bisect_right(starts, task.first, hi=len(parts)) - 1
            there = readers[number].read(task.first - starts[number], task.items)
            if there.shapes != pieces.shapes or there.bytes != pieces.bytes:
                where = collection.where(task.first, task.items)
                raise InputError(
                    f"{archive.name}: {where} differ from what {os.fspath(place)} holds now"
                )
            if progress is not None:
                progress(task.first + task.items, collection.pieces)
        for each in items:
            each.finish()


def _compare_tiff(
    archive: Archive, place: Path, threads: int, progress: Progress | None, exact: bool
) -> None:
    """Makes the TIFF file of an archive, and raises InputError unless it is the one that is there:
    bit for bit, or, where that is not promised, in all pages and tags.
    """
    from bitsback.archive.tiff_restore import make_tiff
    from bitsback.images.tiff.checked import same

    with tempfile.TemporaryFile() as spool, reading(printable(os.fspath(place))):
        made = cast(BinaryIO, spool)
        make_tiff(archive, made, threads, progress, exact=exact)
        with place.open("rb") as file:
            there, here = FileContent(file), FileContent(made)
            alike = len(there) == len(here) and all(
                there[at : at + _PIECE] == here[at : at + _PIECE]
                for at in range(0, len(there), _PIECE)
            )
            with reading_picture(os.fspath(place)):
                if not alike and not same(file, made):
                    raise InputError(
                        f"{archive.name}: differs from what {printable(os.fspath(place))} is now"
                    )


@contextmanager
def _items(archive: Archive, place: Path) -> Iterator[list[Items]]:
    """What the parts of the archive should hold."""
    collection = archive.collection
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whoever made the archive was warned
        with open_input(place, Asked(stack=False)) as taken:
            parts = collection.parts if isinstance(collection, FileList) else (collection,)
            found: list[Items] = [items for items, _ in taken.parts]
            alike = [(part.dtype, part.shape) for part in parts] == [
                (items.dtype, items.shape) for items in found
            ]
            if isinstance(collection, FileList) and collection.kind == NPZ:
                alike = alike and taken.names == pack_files(NPZ, [], archive.names)
            if not alike:
                raise InputError(
                    f"{archive.name}: its shapes, dtypes or names differ from those that"
                    f" {os.fspath(place)} has now"
                )
            if isinstance(collection, Joined):
                found = [_Rows(found[0], part) for part in collection.parts]
            yield found


class _Rows(Whole):
    """Of an array that is read from its first row to its last, those of one part."""

    def __init__(self, items: Items, part: Collection) -> None:
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


class _Compared:
    """Compares the files of a folder with those on the disk, as they would be restored."""

    def __init__(
        self, archive: Archive, root: Path, names: Sequence[str], exact: bool, times: bool
    ) -> None:
        self._archive, self._root, self._names, self._times = archive, root, names, times
        self._files, self._maker = archive.files, Maker(archive, exact=exact)

    @contextmanager
    def picture(self, number: int, dtype: np.dtype[Any], shape: Shape) -> Iterator[Drawing]:
        with self._reading(number) as place, place.open("rb") as file:
            content = FileContent(file)
            comparison = Comparison(content)
            drawing = self._maker.drawing(number, comparison, dtype, shape)
            picture = _Picture(drawing, shape[0], lambda: self._alike(number, file))
            yield picture
            same = picture.size == len(content) and not comparison.differs
            if not same and not picture.alike():
                raise self._differs(number)

    def _alike(self, number: int, file: BinaryIO) -> Bands | None:
        """The pixels of a picture, if it may be compressed in another way only, and no more is
        promised of it.
        """
        place = self._root / self._names[number]
        if target_of(self._files, number)[1] is not None:  # by an older bitsback, without its note
            return Bands.of(read_pixels(place))
        shown = printable(os.fspath(place))
        with reading_picture(shown):
            taken = split(file, exact=False)
        if taken is None or taken.note != self._maker.content(number):
            return None
        return named(taken.pixels, shown)

    @contextmanager
    def file(self, number: int) -> Iterator[Writable]:
        with self._reading(number) as place, place.open("rb") as file:
            comparing = _Comparing(file)
            yield comparing
            if comparing.differs or file.read(1):
                raise self._differs(number)

    @contextmanager
    def _reading(self, number: int) -> Iterator[Path]:
        place = self._root / self._names[number]
        with reading(printable(os.fspath(place))):
            if self._times and self._files.time(number) not in (None, place.stat().st_mtime_ns):
                raise self._differs(number)
            yield place

    def _differs(self, number: int) -> InputError:
        place = self._root / self._names[number]
        return InputError(
            f"{self._archive.name}: {printable(self._files.names[number])} differs from what"
            f" {printable(os.fspath(place))} is now"
        )


class _Picture:
    """Compares the file of a picture with one that is there, and its pixels where that differs."""

    def __init__(self, drawing: Drawing, height: int, there: Callable[[], Bands | None]) -> None:
        """there: gives the pixels that are there, if they may be those of the picture."""
        self._drawing, self._height, self._there = drawing, height, there
        self._kept: NDArray[Any] | None = None
        """All rows, where they come at once."""
        self._rows: Rows | None = None
        """Those that are there, where they do not, and as long as they are the same."""
        self._begun = False
        self.size = 0

    def add(self, rows: NDArray[Any]) -> None:
        self._drawing.add(rows)
        if len(rows) == self._height:
            self._kept = rows
            return
        if not self._begun:
            self._begun, self._rows = True, self._rows_there(rows)
        if self._rows is not None and not np.array_equal(self._rows.take(len(rows)), rows):
            self._rows = None

    def close(self) -> int:
        self.size = self._drawing.close()
        return self.size

    def alike(self) -> bool:
        """Whether the pixels are the same."""
        if self._kept is None:
            return self._rows is not None
        rows = self._rows_there(self._kept)
        return rows is not None and np.array_equal(rows.take(self._height), self._kept)

    def _rows_there(self, rows: NDArray[Any]) -> Rows | None:
        there = self._there()
        alike = (rows.dtype, (self._height, *rows.shape[1:]))
        return Rows(there) if there is not None and (there.dtype, there.shape) == alike else None


class _Comparing:
    """Takes the bytes that a file should have."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.differs = False

    def write(self, data: memoryview) -> None:
        self.differs = self.differs or self._file.read(len(data)) != data
