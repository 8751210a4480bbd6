"""Restore a file of pages that is the only content of an archive.

Its pages are pictures of parts, and its container metadata is the last part.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.container.damage import complement
from bitsback.archive.files.strips import RestoredParts
from bitsback.archive.reader import ArchiveReader
from bitsback.errors import ArchiveError
from bitsback.files import formats
from bitsback.files.axes import Axes
from bitsback.files.bands import PageRows, Rows
from bitsback.files.drawing import Nowhere, Seekable
from bitsback.files.picture_files import (
    VERBATIM,
    drawing_of_pages,
    levels_of,
    unpack,
)
from bitsback.format.array_part import BYTES, ONE
from bitsback.format.grid import Shape
from bitsback.format.members import Files
from bitsback.io.file_io import Writable
from bitsback.work import Work


def make_pages(
    parts: RestoredParts, file: BinaryIO, work: Work | None = None, exact: bool = True
) -> None:
    """Writes the file of pages of an archive to an empty file.

    If the archive is damaged or has no container metadata, it is a new file of the undamaged pages.
    Raises ArchiveError.
    """
    archive = parts.archive
    collection = archive.files.collection
    verbatim = collection.whole and not parts.damaged
    file_of_pages = PagesFile(archive, parts.verify, exact) if verbatim else None
    if file_of_pages is not None and file_of_pages.verbatim:
        file_of_pages.copy(file)
        return
    with ExitStack() as stack:
        pages = read_pages(parts, stack, work)
        if file_of_pages is None:
            formats.PAGES.codec().write_pages(file, pages, collection.nbytes)
        else:
            file_of_pages.draw(file, pages)


def axes_of_pages(archive: ArchiveReader, shape: Shape) -> Axes | None:
    """The axes of the first pages of a file; None if they are unknown.

    shape: of these pages, [pages, rows, ...]. Raises ArchiveError.
    """
    if not archive.files.collection.whole:
        return None
    file_of_pages = PagesFile(archive)
    pages, rows, *inner = shape
    axes = None if file_of_pages.verbatim else file_of_pages.axes((pages * rows, *inner))
    return axes if axes is not None and axes.stored == (pages * rows, *inner) else None


def pages_damage(archive: ArchiveReader) -> Iterator[ArchiveError]:
    """The faults of a file's container metadata in undamaged blocks."""
    try:
        file_of_pages = PagesFile(archive)
        if not file_of_pages.certain:
            with ExitStack() as stack:
                file_of_pages.draw(Nowhere(), read_pages(RestoredParts(archive), stack))
    except ArchiveError as error:
        yield error


def read_pages(
    parts: RestoredParts, stack: ExitStack, work: Work | None = None
) -> Iterator[PageRows]:
    """The undamaged pages in order.

    A few blocks, or a strip, of each part are in memory at a time. stack: closes resources after
    the last page.
    """
    files = parts.files
    work = work or Work(files.collection, None)
    rows = {
        number: Rows(stack.enter_context(closing(_rows(parts, number, work))))
        for number, part in enumerate(files.collection.parts)
        if part.axes != BYTES
    }
    for page in complement(parts.lost_files, len(files)):
        number, entry = files.place(page)
        part = files.collection.parts[number]
        shape = part.entry_shape if part.axes == ONE else part.shape_of(entry)
        yield PageRows(part.dtype, shape, rows[number])


def _rows(parts: RestoredParts, number: int, work: Work) -> Generator[NDArray[Any], None, None]:
    """The rows of the pictures of a part, picture by picture."""
    part = parts.files.collection.parts[number]
    with closing(parts.strips(number, work)) as strips:
        for rows in strips:
            if part.axes == ONE or part.plain:  # the slices of a stack, or uncut pages
                yield from rows.reshape(-1, *part.entry_shape)
            else:
                yield rows


class PagesFile:
    """The file of pages that an archive restores."""

    def __init__(self, archive: ArchiveReader, verify: bool = True, exact: bool = True) -> None:
        """Raises ArchiveError for damaged container metadata, or metadata of other pages."""
        self._archive, self._exact, self._verify = archive, exact, verify
        files: Files = archive.files
        self._part = len(files.collection.parts) - 1
        self._size = files.collection.parts[self._part].elements
        self.verbatim = archive.part_bytes(self._part, 0, 1, verify=verify) == bytes([VERBATIM])
        """Whether the file is stored verbatim."""
        if self.verbatim != (len(files) == 0):
            raise ArchiveError(f"{archive.name}: its container metadata is that of another file")
        self._metadata = b""
        if not self.verbatim:
            self._metadata = archive.part_bytes(self._part, 0, self._size, verify=verify)

    def pages(self) -> Iterator[tuple[np.dtype[Any], tuple[int, ...]]]:
        """The dtype and the shape of each page."""
        files: Files = self._archive.files
        parts, items = files.collection.parts, [0] * len(files.collection.parts)
        for number in files.parts_in_order():
            part = parts[number]
            stack = part.axes == 0
            yield part.dtype, part.entry_shape if stack else part.shape_of(items[number])
            items[number] += 1

    def axes(self, shape: Shape) -> Axes | None:
        """The axes of the first pages, which have one shape. shape: [pages, rows, ...] of them."""
        with self._naming():
            levels = levels_of(self._metadata, shape)
            return levels[0].axes if levels else None

    @property
    def certain(self) -> bool:
        """Whether the file can be made from any pixels.

        Raises ArchiveError if it cannot be made from pages such as those of the archive.
        """
        if self.verbatim:
            return True
        with self._naming():
            drawing_of_pages(self._metadata, Nowhere(), self.pages(), self._exact)
            return unpack(self._metadata).certain

    @contextmanager
    def _naming(self) -> Iterator[None]:
        try:
            yield
        except ArchiveError as error:
            if error.block is not None:
                raise
            raise ArchiveError(f"{self._archive.name}: {error}") from None

    def draw(self, file: Seekable, pages: Iterable[PageRows]) -> None:
        """Writes the file of all pages. Raises ArchiveError."""
        with self._naming():
            drawing = drawing_of_pages(self._metadata, file, self.pages(), self._exact)
            for page in pages:
                for rows in page:
                    drawing.add(rows)
            drawing.close()

    def copy(self, output: Writable) -> None:
        """Writes a verbatim file."""
        for data in self._archive.part_chunks(self._part, 1, self._size, verify=self._verify):
            output.write(data)
