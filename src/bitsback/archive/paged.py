"""Reads and restores a file of pages on its own: its pages are pictures of parts, and its container
metadata (the note) are the last part.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.asked import Asked, Bonds, Input
from bitsback.archive.collection import BYTES, ONE, Collection
from bitsback.archive.cutting import cut_for
from bitsback.archive.damage import others
from bitsback.archive.groups import Groups
from bitsback.archive.members import Files, pack_files, part_by_part
from bitsback.archive.parts import PAGES, FileList
from bitsback.archive.strips import FileHolder, Parts, Whole
from bitsback.archive.summary import ASKED_FOR, OTHER_KIND, SMALLER, Held
from bitsback.archive.unordered import by_size
from bitsback.archive.warn import warn_of_notes
from bitsback.archive.work import Work
from bitsback.errors import ArchiveError
from bitsback.images import formats
from bitsback.images.bands import BandItems, Bands, PageRows, Rows
from bitsback.images.drawing import Nowhere, Seekable, pack
from bitsback.images.file_io import Reader, Writable
from bitsback.images.npy import Items
from bitsback.images.picture_files import (
    HELD,
    drawing_of_pages,
    identified,
    pixel_bands,
    unpack,
)
from bitsback.images.pictures import Header, header_of, named, reading_picture

if TYPE_CHECKING:
    from PIL import Image

_PIECE = 1 << 20


def pages_input(file: BinaryIO, name: str, asked: Asked) -> Input:
    """The pages of a file, sorted into parts, and its note; or the file bit for bit. Raises
    InputError for a damaged one.
    """
    size = Reader(file).size
    with reading_picture(name):
        found = formats.PAGES.codec().split_pages(file, asked.exact)
    pages, note = ([], None) if found is None else found
    reason = ASKED_FOR if found is not None and asked.exact else OTHER_KIND
    if name in asked.held:
        note, reason = None, SMALLER
    parts: list[tuple[Items, Collection]] = []
    groups = Groups(asked.knows)
    if note is not None:
        for page in pages:
            groups.add(Header(page.dtype, page.shape, ()))
        for group in groups:
            members = [named(pages[member], name) for member in group.members]
            items = BandItems(name, group.part, members.__getitem__, peeks=True)
            parts.append((items, asked.seen(group.part, items)))
        packed = pack(note)
        parts.append(_bytes_part(name, len(packed), lambda: iter([packed])))
        stored = {}
    else:
        parts.append(_bytes_part(name, 1 + size, lambda: _file_after(HELD, file)))
        stored = {reason: Held(1, size, name)}
    files = FileList(PAGES, tuple(part for _, part in parts))
    names = pack_files(PAGES, groups.runs, [])
    return Input(files, parts, name, names, disk=size, stored=stored)


def pages_set(file: BinaryIO, name: str, asked: Asked) -> Input:
    """The pixels of all pages of a file, whose order does not matter."""
    with reading_picture(name):
        image = identified(file)
    headers = list(_headers(image, name))
    order = by_size(headers)
    groups = Groups(asked.knows)
    for page in order:
        groups.add(headers[page])
    warn_of_notes(groups.notes, "page")
    parts: list[tuple[Items, Collection]] = []
    for group in groups:
        members = [
            _page(image, name, order[member], headers[order[member]]) for member in group.members
        ]
        pages = BandItems(name, group.part, members.__getitem__, peeks=True)
        parts.append((pages, asked.seen(group.part, pages)))
    files = FileList(PAGES, tuple(part for _, part in parts))
    names = pack_files(PAGES, part_by_part(files), [])
    return Input(files, parts, name, names, bonds=Bonds(frozenset(range(len(parts)))))


def _headers(image: Image.Image, name: str) -> Iterator[Header]:
    """Of the pages of an open file. Raises InputError for one that is not held."""
    with reading_picture(name):
        pages = getattr(image, "n_frames", 1)
    for page in range(pages):
        with reading_picture(f"{name}: page {page}"):
            image.seek(page)
            header = header_of(image, f"{name}: page {page}")
        yield header


def _page(image: Image.Image, name: str, page: int, header: Header) -> Bands:
    """A page of an open file. What reads it raises InputError, naming it."""
    shown = f"{name}: page {page}"

    def read() -> Iterator[NDArray[Any]]:
        with reading_picture(shown):
            image.seek(page)
            picture = pixel_bands(image, shown)
        yield from named(picture, shown)

    return Bands(header.dtype, header.shape, read)


def _bytes_part(
    name: str, size: int, chunks: Callable[[], Iterator[bytes]]
) -> tuple[Items, Collection]:
    from bitsback.archive.folders import ByteItems

    part = Collection(np.dtype("|u1"), (0, size), BYTES)
    part = Collection(part.dtype, part.shape, BYTES, cut=cut_for(part, None))
    return ByteItems(name, part, chunks), part


def _file_after(kind: int, file: BinaryIO) -> Iterator[bytes]:
    yield bytes([kind])
    file.seek(0)
    while piece := file.read(_PIECE):
        yield piece


def make_pages(
    archive: FileHolder,
    file: BinaryIO,
    threads: int,
    work: Work | None = None,
    verify: bool = True,
    exact: bool = True,
) -> None:
    """Writes the file of pages of an archive, or, where its note is not held, one of the same
    pages, to a file that is empty. Raises ArchiveError.
    """
    collection = archive._files.collection
    noted = PagesFile(archive, verify, exact) if collection.whole else None
    if noted is not None and noted.held:
        noted.copy(file)
        return
    with ExitStack() as stack:
        pages = read_pages(Whole(archive, threads, verify), stack, work)
        if noted is None:
            formats.PAGES.codec().write_pages(file, pages, collection.nbytes)
        else:
            noted.draw(file, pages)


def pages_damage(archive: FileHolder) -> Iterator[ArchiveError]:
    """What of the note of a file of pages, in blocks that are whole, is wrong."""
    try:
        noted = PagesFile(archive)
        if not noted.certain:
            with ExitStack() as stack:
                noted.draw(Nowhere(), read_pages(Whole(archive, threads=1), stack))
    except ArchiveError as error:
        yield error


def read_pages(parts: Parts, stack: ExitStack, work: Work | None = None) -> Iterator[PageRows]:
    """The pages that come back of an archive of them, in order; a few blocks, or a strip, of each
    part are in memory at a time. stack: what is open until the last page.
    """
    files = parts.files
    work = work or Work(files.collection, None)
    rows = {
        number: Rows(stack.enter_context(closing(_rows(parts, number, work))))
        for number, part in enumerate(files.collection.parts)
        if part.axes != BYTES
    }
    for page in others(parts.lost_files, len(files)):
        number, entry = files.place(page)
        part = files.collection.parts[number]
        shape = part.entry_shape if part.axes == ONE else part.shape_of(entry)
        yield PageRows(part.dtype, shape, rows[number])


def _rows(parts: Parts, number: int, work: Work) -> Generator[NDArray[Any], None, None]:
    """Rows of the pictures of a part, one picture after the other."""
    part = parts.files.collection.parts[number]
    with closing(parts.strips(number, work)) as strips:
        for rows in strips:
            if part.axes == ONE or part.plain:  # of a stack slices, or whole pages
                yield from rows.reshape(-1, *part.entry_shape)
            else:
                yield rows


class PagesFile:
    """The file that an archive of one restores."""

    def __init__(self, archive: FileHolder, verify: bool = True, exact: bool = True) -> None:
        """Raises ArchiveError for a note that is damaged, or is that of other pages."""
        self._archive, self._exact, self._verify = archive, exact, verify
        files: Files = archive._files
        self._part = len(files.collection.parts) - 1
        self._size = files.collection.parts[self._part].elements
        self.held = archive._bytes_of(self._part, 0, 1, verify=verify) == bytes([HELD])
        """Whether it is held bit for bit."""
        if self.held != (len(files) == 0):
            raise ArchiveError(f"{archive.name}: its note is that of another file")
        self._note = b""
        if not self.held:
            self._note = archive._bytes_of(self._part, 0, self._size, verify=verify)

    def pages(self) -> Iterator[tuple[np.dtype[Any], tuple[int, ...]]]:
        """The dtype and the shape of each page."""
        files: Files = self._archive._files
        parts, items = files.collection.parts, [0] * len(files.collection.parts)
        for number in files.parts_in_order():
            part = parts[number]
            stack = part.axes == 0
            yield part.dtype, part.entry_shape if stack else part.shape_of(items[number])
            items[number] += 1

    @property
    def certain(self) -> bool:
        """Whether the file can be made whatever its pixels are. Raises ArchiveError if it cannot be
        made of pages like those of the archive.
        """
        if self.held:
            return True
        with self._naming():
            drawing_of_pages(self._note, Nowhere(), self.pages(), self._exact)
            return unpack(self._note).certain

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
            drawing = drawing_of_pages(self._note, file, self.pages(), self._exact)
            for page in pages:
                for rows in page:
                    drawing.add(rows)
            drawing.close()

    def copy(self, output: Writable) -> None:
        """Writes a file that is held bit for bit."""
        for start in range(1, self._size, _PIECE):
            end = min(start + _PIECE, self._size)
            output.write(self._archive._bytes_of(self._part, start, end, verify=self._verify))
