"""A TIFF file on its own: its pages are pictures of parts, and its note is the last part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.asked import Asked, Input
from bitsback.archive.collection import BYTES, Collection
from bitsback.archive.cutting import cut_for
from bitsback.archive.groups import Groups
from bitsback.archive.members import pack_files
from bitsback.archive.parts import TIFF, FileList
from bitsback.archive.reasons import ASKED_FOR, OTHER_KIND, SMALLER
from bitsback.archive.summary import Held
from bitsback.images.bands import Bands, Rows, joined
from bitsback.images.file_io import Reader
from bitsback.images.folder import Kind
from bitsback.images.notes import HELD, pack
from bitsback.images.npy import Items, stacked
from bitsback.images.pictures import Header, named, reading_picture
from bitsback.images.tiff.structure import Page, bands_of
from bitsback.images.tiff.tiff_codec import held, tiff_note

_IN_MEMORY = 1 << 24
_PIECE = 1 << 20


def tiff_input(file: BinaryIO, name: str, asked: Asked) -> Input:
    """The pages of a file, sorted into parts, and its note; or the file bit for bit. Raises
    InputError for a damaged one.
    """
    keeping = asked.keeping
    exact = keeping is not None and keeping.exact
    size = Reader(file).size
    with reading_picture(name):
        pages = held(file)
        reason = OTHER_KIND
        note = None if pages is None else tiff_note(file, pages, exact)
        if pages is not None and note is None and exact:
            reason = ASKED_FOR
    if keeping is not None and name in keeping.stored:
        note, reason = None, SMALLER
    parts: list[tuple[Items, Collection]] = []
    groups = Groups(asked.knows)
    if pages is not None and note is not None:
        for page in pages:
            groups.add(Header(page.layout.dtype, page.layout.shape, ()))
        for group in groups:
            members = [pages[member] for member in group.members]
            items = _PageItems(file, name, members, group.part)
            parts.append((items, asked.seen(group.part, items)))
        packed = pack(note)
        parts.append(_bytes_part(name, len(packed), lambda: iter([packed])))
        stored = {}
    else:
        parts.append(_bytes_part(name, 1 + size, lambda: _file_after(HELD, file)))
        stored = {reason: Held(1, size, name)}
    files = FileList(TIFF, tuple(part for _, part in parts))
    names = pack_files(TIFF, groups.runs, [])
    return Input(files, parts, name, names, disk=size, stored=stored)


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


class _PageItems:
    """The pages of an open file that are of one part: pictures, or the slices of a stack."""

    def __init__(self, file: BinaryIO, name: str, pages: Sequence[Page], kind: Kind) -> None:
        self.name, self.dtype, self.shape = name, kind.dtype, kind.shape
        self._file, self._pages = file, pages
        self._next = 0
        self._rows: Rows | None = None
        self._left = 0

    def read(self, count: int, axes: int) -> NDArray[Any]:
        """Pages, of one shape; with axes = 0 all of them, as one stack."""
        if axes == 0:
            return self.read(self.shape[0], 1)[np.newaxis]
        self._next += count
        return self._pages_from(self._next - count, count)

    def rows(self, count: int, axes: int) -> NDArray[Any]:
        """Of a large page no more than they are in memory, where its file allows it."""
        if not axes:
            return self.read(count, 1)
        if self._rows is None:
            page = self._pages[self._next]
            self._rows, self._left = Rows(self._bands(page)), page.layout.height
        taken = self._rows.take(count)
        self._left -= count
        if not self._left:
            self._rows, self._next = None, self._next + 1
        return taken

    def peek(self, first: int, count: int) -> NDArray[Any] | None:
        return self._pages_from(first, count)

    def finish(self) -> None:
        pass

    def _pages_from(self, first: int, count: int) -> NDArray[Any]:
        return stacked([joined(self._bands(page)) for page in self._pages[first : first + count]])

    def _bands(self, page: Page) -> Bands:
        return named(bands_of(self._file, [page]), self.name)
