"""The interface of an open archive: an indexable array, or a collection of files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.reading.describe import kind_of
from bitsback.archive.reading.file_writer import Stored, StoredPage
from bitsback.archive.reading.indexed import (
    MOST_ELEMENTS,
    MOST_SHOWN,
    Chunks,
    Indexed,
    picture,
    table,
)
from bitsback.archive.reading.indexing import Along, Steps, all_of, read_number
from bitsback.archive.reading.source import OpenArchive
from bitsback.archive.reading.view import View, view_of
from bitsback.errors import ArchiveError, BitsbackError, InputError
from bitsback.format.array_part import BYTES, ONE, ArrayPart
from bitsback.format.grid import Grid
from bitsback.format.index import BlockInfo
from bitsback.format.labelling import classes_of
from bitsback.format.layout import Shape
from bitsback.format.members import Numbered
from bitsback.format.parts import ARRAYS, FOLDER, PAGES, Array, FileCollection
from bitsback.lazy import cached_property


class Contents(Indexed, OpenArchive):
    """Indexes, loops and properties; the archive implements the reading of blocks."""

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError(f"{self.name}: the archive is closed; open it again to read from it")

    def __repr__(self) -> str:
        collection = self._collection
        if isinstance(collection, FileCollection):
            noun = {ARRAYS: "array", PAGES: "page"}.get(collection.kind, "picture")
            what = f"{self._visible_files} {noun}" + "s" * (self._visible_files != 1)
        else:
            what = f"{' x '.join(map(str, collection.shape)) or 'one number'} {collection.dtype}"
        blocks = len(self._blocks)
        return (
            f"<Archive {self.name}{', closed' * self.closed}: {what},"
            f" {blocks} block{'s' * (blocks != 1)}, {collection.nbytes} bytes in {self.file_bytes}>"
        )

    def _repr_png_(self) -> bytes | None:
        """The image of the array, or a sheet of the first images, of which those with previews are
        not decoded; None if there are none, or if they would take too long to decode for a
        notebook.
        """
        try:
            if not isinstance(self._collection, FileCollection):
                return super()._repr_png_()
            images, left = list[NDArray[Any]](), MOST_ELEMENTS
            for number in range(min(len(self), MOST_SHOWN)):
                shown = self._shown_of_file(number, left)
                left -= sum(image.size for image in shown)
                images += shown
            return picture(images)
        except (BitsbackError, ValueError):  # damaged, or closed
            return None

    def _repr_html_(self) -> str:
        collection = self._collection
        rows = [("made of", self.kind)]
        if isinstance(collection, FileCollection):
            rows.append(("files", f"{self._visible_files:,}"))
        else:
            rows += [("shape", f"{collection.shape}"), ("dtype", f"{collection.dtype}")]
        share = f", {self.file_bytes / collection.nbytes:.1%}" if collection.nbytes else ""
        rows += [
            ("bytes", f"{self.file_bytes:,} of {collection.nbytes:,}{share}"),
            ("blocks", f"{len(self._blocks):,}"),
        ]
        alt = f"the first images in {self.name}"
        return table(f"Archive {self.name}", rows, self._repr_png_(), alt)

    def __len__(self) -> int:
        """The length of the array's first axis, or the number of files (pictures, pages,
        arrays).
        """
        if not isinstance(self._collection, FileCollection):
            return self._collection.entries
        if self._collection.has_removed:
            return self._visible_files
        return self._collection.files if self._held is None else self._held[1]

    @property
    def _visible_files(self) -> int:
        """The number of files for people."""
        assert isinstance(self._collection, FileCollection), "it is asked for files"
        if self._collection.has_removed:
            with suppress(ArchiveError):  # of the names
                return len(self._files)
        return self._collection.shown_files

    @cached_property
    def _held(self) -> tuple[bytes, int] | None:
        """A TIFF file on its own that is stored verbatim, and the number of its pages, which is
        none if the file cannot be read. Raises ArchiveError.
        """
        collection = self._collection
        if not isinstance(collection, FileCollection) or not collection.whole or collection.files:
            return None
        from bitsback.files import formats
        from bitsback.files.pictures import reading_picture

        file = self._bytes_of(0, 1, collection.elements)
        try:
            with reading_picture(self.name):
                return file, formats.PAGES.codec().count_pages(file)
        except InputError:
            return file, 0

    @property
    def _array(self) -> Array:
        """The array as a whole. Raises InputError if the archive holds a collection of files."""
        if isinstance(self._collection, FileCollection):
            raise InputError(
                f"{self.name}: holds not one array but files; take them by number or by name"
            )
        return self._collection

    @property
    def shape(self) -> Shape:
        """The shape of the whole array. Raises InputError if there is none."""
        return self._array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the array, byte order included. Raises InputError if there is none."""
        return self._array.dtype

    @property
    def nbytes(self) -> int:
        """The bytes of all content, decoded; `file_bytes` are those of the archive."""
        return self._collection.nbytes

    @property
    def chunks(self) -> Chunks:
        """The chunks of the array that are best read together, in Dask's form: the lengths of the
        blocks along each axis, or of the tiles of large items. Raises InputError if there is no
        array, ArchiveError if blocks are missing.
        """
        return self._whole.chunks

    def __iter__(self) -> Iterator[Any]:
        """The items of the array, whose blocks are decoded once each and are in memory one at a
        time; for files a View of each.
        """
        if isinstance(self._collection, FileCollection):
            return map(self._file_view, range(len(self)))
        return super().__iter__()

    def __contains__(self, name: object) -> bool:
        """Whether there is a file of this name. Raises TypeError for anything but a name, since
        searching the values of an array would decode all of it.
        """
        if not isinstance(name, str):
            raise TypeError(
                f"{self.name}: `in` looks for the name of a file, not {type(name).__name__}; look"
                " for values with (np.asarray(archive) == value).any()"
            )
        return isinstance(self._collection, FileCollection) and self._files.number(name) is not None

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.names)

    @property
    def kind(self) -> str:
        """The format of the original input, such as "npy" or "tiff", or "folder"."""
        return kind_of(self._collection)

    @property
    def names(self) -> Sequence[str]:
        """The names of the files, in order; none for an array or the pages of a TIFF file. Raises
        ArchiveError for damage.
        """
        return self._files.names if isinstance(self._collection, FileCollection) else []

    @property
    def labels(self) -> NDArray[Any] | None:
        """The labels of the items, in the order of the items, or of the files: an array of an npz
        file; for pictures int64 numbers of `classes`. None if there are none. Raises ArchiveError
        for damage.

        >>> import os, tempfile, bitsback, numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     source = os.path.join(folder, "some.npz")
        ...     np.savez(source, images=np.zeros((3, 9, 9), np.uint8), labels=[5, 0, 5])
        ...     summary = bitsback.compress(source, source + ".bb", labels="labels")
        ...     with bitsback.open(source + ".bb") as archive:
        ...         archive.labels.tolist()
        [5, 0, 5]
        """
        if not isinstance(self._collection, FileCollection):
            return None
        pairs = self._pairs
        if pairs is not None and pairs.labels is not None:
            part, first = (
                self._collection.parts[pairs.labels],
                self._collection.starts[pairs.labels],
            )
            return View(self, part, first)._all()
        if pairs is None and not self._unnamed:
            return None
        names = self._files.names
        if isinstance(names, Numbered):
            return None if names.labels is None else names.labels.copy()
        return classes_of(names)[1]

    @property
    def classes(self) -> list[str]:
        """The folders that are labels of pictures, sorted; none if there are no labels. Raises
        ArchiveError for damage.
        """
        if not isinstance(self._collection, FileCollection) or self._collection.kind != FOLDER:
            return []
        if self._pairs is None and not self._unnamed:
            return []
        names = self._files.names
        return list(names.classes) if isinstance(names, Numbered) else classes_of(names)[0]

    def __getitem__(self, which: Any) -> Any:
        """For an array the result of NumPy's indexing, always a copy; for files the View of one, by
        number or by name, or a list of these, by a slice.

        Raises IndexError or KeyError if there is no such item, ArchiveError, which names the block,
        if a needed one is damaged, InputError if the result does not fit into memory.
        """
        if not isinstance(self._collection, FileCollection):
            return super().__getitem__(which)
        if isinstance(which, slice):
            return [self._file_view(number) for number in range(len(self))[which]]
        return self._file_view(which)

    def _file_view(self, which: Any) -> View | Stored:
        files, name = self._files, self.name
        if self._held is not None and not isinstance(which, str):
            file, pages = self._held
            return StoredPage(self, read_number(which, pages, "pages"), file)
        if isinstance(which, str):
            number = files.number(which)
            if number is None:
                raise KeyError(f"{name}: there is no file {which!r} in it")
        else:
            try:
                number = read_number(which, len(files), "files")
            except TypeError:
                raise TypeError(
                    f"{name}: holds files, which may differ in shape; take them by number, by name,"
                    " or by a slice of numbers"
                ) from None
        collection = files.collection
        if collection.kind == ARRAYS:
            return View(self, collection.parts[number], collection.starts[number])
        if files.stored(number):
            return Stored(self, number)
        part, entry = files.place(number)
        return View(self, collection.parts[part], collection.starts[part], entry)

    @property
    def _whole(self) -> Indexed:
        return view_of(self, self._array)

    def _shown_of_file(self, number: int, most: int) -> list[NDArray[Any]]:
        """What a notebook shows of a file: its preview, or else its image, if it has at most so
        many elements.
        """
        preview = self.preview(number) if self._held is None else None
        try:
            if preview is not None:
                from bitsback.files.picture_files import read_shown

                return [read_shown(preview, self.name)]
            view = self._file_view(number)
            return view._shown(1) if isinstance(view, Stored) or view.size <= most else []
        except InputError:  # it is no picture
            return []

    def _bytes_of(self, part: int, start: int, stop: int, *, verify: bool = True) -> bytes:
        if start == stop:
            return b""
        return self._content(part)._take((Steps(range(start, stop)),), verify).tobytes()

    def _content(self, part: int) -> View:
        """The content of a part of bytes."""
        assert isinstance(self._collection, FileCollection)
        return View(self, self._collection.parts[part].content, self._collection.starts[part])

    def _blocks_of(self, numbers: Iterable[int]) -> Iterator[BlockInfo]:
        seen: set[int] = set()
        for number in numbers:
            view, (part, start, stop) = self._file_view(number), self._files.span(number)
            held = self._content(part)._blocks((Steps(range(start, stop)),)) if start < stop else ()
            for block in chain(view._blocks() if isinstance(view, View) else (), held):
                if block.number not in seen:
                    seen.add(block.number)
                    yield block

    def _items(self, start: int, stop: int, *, verify: bool = True) -> NDArray[Any]:
        """The entries from start to stop - 1 along the first axis of the array: [stop - start,
        ...].

        verify: check each block's digest, which needs the whole block. Raises IndexError,
        ArchiveError.
        """
        self._check_range(start, stop)
        if not self.shape:
            return self._all(verify).reshape(1)[start:stop]
        return self._take((Steps(range(start, stop)), *all_of(self.shape[1:])), verify)

    def _stacks(self, start: int, stop: int, *, verify: bool = True) -> Iterator[NDArray[Any]]:
        """The same, some at a time: as many as lie in a block, or in tiles of one row, so that any
        number fits into memory.

        Raises IndexError, ArchiveError.
        """
        self._check_range(start, stop)
        if not self.shape:
            return iter([self._items(start, stop, verify=verify)])
        return self._whole._stacks(start, stop, verify=verify)

    def _take(self, wanted: tuple[Along, ...], verify: bool = True) -> NDArray[Any]:
        return self._whole._take(wanted, verify)

    def _check_range(self, start: int, stop: int) -> None:
        if not 0 <= start <= stop <= self._array.entries:
            raise IndexError(
                f"{self.name}: there are no items {start} to {stop} among its {self._array.entries}"
            )


def block_numbers(archive: Contents, array: str | None = None) -> NDArray[np.int64]:
    """For each item of the array, or each file, the number of the block in which it begins.

    array: its name, in an archive of an npz file.
    """
    collection = archive._collection
    if not isinstance(collection, FileCollection):
        tiles = np.concatenate(_of_parts(collection.starts, collection.parts))
    elif array is not None:
        number = archive._files.number(array)
        assert number is not None, "it was looked up"
        tiles = collection.starts[number] + _first_tiles(collection.parts[number])
    else:
        tiles = _of_files(archive, collection)
    firsts = np.array([block.first for block in archive._blocks], np.int64)
    return np.searchsorted(firsts, tiles, side="right") - 1


def _of_files(archive: Contents, collection: FileCollection) -> NDArray[np.int64]:
    starts = np.array(collection.starts[:-1], np.int64)
    if collection.kind == ARRAYS:
        return starts
    entries = _of_parts(collection.starts, collection.parts)
    tiles = [np.empty(0, np.int64)]
    for part, first, count in archive._files.placed:
        held = collection.parts[part].axes == BYTES  # whose files are one item
        of_part = np.full(count, entries[part][0]) if held else entries[part][first : first + count]
        tiles.append(of_part)
    return np.concatenate(tiles)


def _of_parts(starts: Sequence[int], parts: Sequence[ArrayPart]) -> list[NDArray[np.int64]]:
    return [start + _first_tiles(part) for start, part in zip(starts, parts, strict=False)]


def _first_tiles(part: ArrayPart) -> NDArray[np.int64]:
    """The numbers of the first tiles of the entries along the first axis."""
    if part.axes == ONE:
        grid = part.grid(0)
        return np.arange(part.entries) // grid.extents[0] * grid.in_a_strip
    runs, first = [np.empty(0, np.int64)], 0
    for count, shape in part.runs:
        each = Grid(shape, part.cut).tiles
        runs.append(first + each * np.arange(count))
        first += each * count
    return np.concatenate(runs)
