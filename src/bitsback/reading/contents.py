"""The interface of an open archive: an array that is indexed, or a collection of files."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import BitsbackError, InputError
from bitsback.format.collection import ONE, Collection
from bitsback.format.grid import Grid
from bitsback.format.labelling import Pairs, classes_of
from bitsback.format.layout import Shape
from bitsback.format.members import Files, Numbered
from bitsback.format.parts import ARRAYS, FOLDER, PAGES, Array, Content, FileList
from bitsback.format.tiles import Tiles
from bitsback.lazy import cached_property
from bitsback.reading.describe import kind_of
from bitsback.reading.directory import BlockInfo
from bitsback.reading.indexed import MOST_SHOWN, Chunks, Indexed, picture, table
from bitsback.reading.indexing import Steps, all_of, read_number
from bitsback.reading.maker import Stored, StoredPage
from bitsback.reading.view import View, view_of


class Contents(ABC):
    """Indexes, loops and properties; how blocks are read is up to the archive."""

    name: str
    file_bytes: int
    """Of the archive."""
    _collection: Content
    closed: bool = False

    @property
    @abstractmethod
    def _blocks(self) -> list[BlockInfo]:
        """Where each block is, and which items it holds; without those that cannot be there."""

    @property
    @abstractmethod
    def _files(self) -> Files:
        """Which item is which file. Raises InputError if the archive holds an array, ArchiveError
        for damage.
        """

    @property
    @abstractmethod
    def _pairs(self) -> Pairs | None:
        """Which arrays of an npz file are items and their labels, or that pictures are labelled by
        their folders; None for neither. Raises ArchiveError for damage.
        """

    @property
    @abstractmethod
    def _unnamed(self) -> bool:
        """Whether pictures have no names."""

    @abstractmethod
    def _block_of(self, tile: int) -> BlockInfo:
        """The block that holds a tile. Raises ArchiveError if it is missing."""

    @abstractmethod
    def _decode_at(self, tile: int, stop: int | None = None) -> tuple[int, Tiles]:
        """The number of the first tile of the block that holds this one, and its tiles; they are
        not to be written to. stop: those from it on are not needed, and nothing is verified.
        """

    @abstractmethod
    def _announce(self, blocks: Iterable[BlockInfo]) -> None:
        """Says that these blocks will be decoded next, in order, so that what is far away may be
        fetched together. Where nothing is far away, they are not computed.
        """

    @abstractmethod
    def _announced(self, blocks: Iterable[BlockInfo]) -> AbstractContextManager[None]:
        """The same of what the body decodes; what is announced in the body is left aside."""

    def _check_open(self) -> None:
        """Raises ValueError if the archive is closed."""
        if self.closed:
            raise ValueError(f"{self.name}: the archive is closed; open it again to read from it")

    def __repr__(self) -> str:
        collection = self._collection
        if isinstance(collection, FileList):
            noun = {ARRAYS: "array", PAGES: "page"}.get(collection.kind, "picture")
            what = f"{collection.told} {noun}" + "s" * (collection.told != 1)
        else:
            what = f"{' x '.join(map(str, collection.shape)) or 'one number'} {collection.dtype}"
        blocks = len(self._blocks)
        return (
            f"<Archive {self.name}{', closed' * self.closed}: {what},"
            f" {blocks} block{'s' * (blocks != 1)}, {collection.nbytes} bytes in {self.file_bytes}>"
        )

    def _repr_png_(self) -> bytes | None:
        """The image that the array is, or a sheet of the first ones; None if there are none, or
        more would be decoded for it than a notebook waits for.
        """
        try:
            if isinstance(self._collection, FileList):
                views = islice(map(self._file_view, range(len(self))), MOST_SHOWN)
                return picture([image for view in views for image in _shown(view)])
            return picture(self._whole._shown(MOST_SHOWN))
        except (BitsbackError, ValueError):  # damaged, or closed
            return None

    def _repr_html_(self) -> str:
        collection = self._collection
        rows = [("made of", self.kind)]
        if isinstance(collection, FileList):
            rows.append(("files", f"{collection.told:,}"))
        else:
            rows += [("shape", f"{collection.shape}"), ("dtype", f"{collection.dtype}")]
        share = f", {self.file_bytes / collection.nbytes:.1%}" if collection.nbytes else ""
        rows += [
            ("bytes", f"{self.file_bytes:,} of {collection.nbytes:,}{share}"),
            ("blocks", f"{len(self._blocks):,}"),
        ]
        return table(f"Archive {self.name}", rows, self._repr_png_())

    def __len__(self) -> int:
        """The length of the array's first axis, or, of a collection of files, how many these are
        (pictures, pages, arrays).
        """
        if not isinstance(self._collection, FileList):
            return self._collection.entries
        return self._collection.files if self._held is None else self._held[1]

    @cached_property
    def _held(self) -> tuple[bytes, int] | None:
        """A TIFF file on its own that is held bit for bit, and the number of its pages; none where
        it is no file that can be read. Raises ArchiveError.
        """
        collection = self._collection
        if not isinstance(collection, FileList) or not collection.whole or collection.files:
            return None
        from bitsback.images import formats
        from bitsback.images.pictures import reading_picture

        file = self._bytes_of(0, 1, collection.elements)
        try:
            with reading_picture(self.name):
                return file, formats.PAGES.codec().count_pages(file)
        except InputError:
            return file, 0

    @property
    def _array(self) -> Array:
        """The array as a whole. Raises InputError if the archive holds a collection of files."""
        if isinstance(self._collection, FileList):
            raise InputError(
                f"{self.name}: holds not one array but files; take them by number or by name"
            )
        return self._collection

    @property
    def shape(self) -> Shape:
        """Of the whole array. Raises InputError if there is none."""
        return self._array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the array, byte order included. Raises InputError if there is none."""
        return self._array.dtype

    @property
    def ndim(self) -> int:
        """Of the array. Raises InputError if there is none."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Elements of the array. Raises InputError if there is none."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Of all that it holds, decoded; `file_bytes` are those of the archive."""
        return self._collection.nbytes

    @property
    def chunks(self) -> Chunks:
        """Of the array, what is best read together: along each axis the lengths of the blocks, or
        of the tiles where large items are cut, as Dask has them. Raises InputError if there is no
        array, ArchiveError if blocks are missing.
        """
        return self._whole.chunks

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """All of the array. Raises InputError if there is none."""
        return self._whole.__array__(dtype, copy)

    def __iter__(self) -> Iterator[Any]:
        """The items of the array, of which each block is decoded once, and one at a time is in
        memory; of files a View of each.
        """
        if isinstance(self._collection, FileList):
            return map(self._file_view, range(len(self)))
        return iter(self._whole)

    def __contains__(self, name: object) -> bool:
        """Whether there is a file of this name. Raises TypeError for what is no name: which values
        an array has is known only when all of it is decoded.
        """
        if not isinstance(name, str):
            raise TypeError(
                f"{self.name}: `in` looks for the name of a file, not {type(name).__name__}; look"
                " for values with (np.asarray(archive) == value).any()"
            )
        return isinstance(self._collection, FileList) and self._files.number(name) is not None

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.names)

    @property
    def kind(self) -> str:
        """The format that it was made from, such as "npy" or "tiff", or "folder"."""
        return kind_of(self._collection)

    @property
    def names(self) -> Sequence[str]:
        """Of the files, in order; none for an array or the pages of a TIFF file. Raises
        ArchiveError for damage.
        """
        return self._files.names if isinstance(self._collection, FileList) else []

    @property
    def labels(self) -> NDArray[Any] | None:
        """The labels that the items were compressed with, in the order of the items, or of the
        files: an array of an npz file; of pictures int64 numbers of `classes`. None if they have
        none. Raises ArchiveError for damage.

        >>> import os, tempfile, bitsback, numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     source = os.path.join(folder, "some.npz")
        ...     np.savez(source, images=np.zeros((3, 9, 9), np.uint8), labels=[5, 0, 5])
        ...     summary = bitsback.compress(source, source + ".bb", labels="labels")
        ...     with bitsback.open(source + ".bb") as archive:
        ...         archive.labels.tolist()
        [5, 0, 5]
        """
        if not isinstance(self._collection, FileList):
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
        """The folders that pictures were labelled by, sorted; none if they were not. Raises
        ArchiveError for damage.
        """
        if not isinstance(self._collection, FileList) or self._collection.kind != FOLDER:
            return []
        if self._pairs is None and not self._unnamed:
            return []
        names = self._files.names
        return list(names.classes) if isinstance(names, Numbered) else classes_of(names)[0]

    def __getitem__(self, which: Any) -> Any:
        """Of an array what NumPy would take of it, always a copy; of files the View of one, by
        number or by name, or a list of these, by a slice.

        Raises IndexError or KeyError if there is none, ArchiveError, naming the block, if one
        needed is damaged, InputError if it does not fit into memory.
        """
        if not isinstance(self._collection, FileList):
            return self._whole[which]
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

    def _bytes_of(self, part: int, start: int, stop: int, *, verify: bool = True) -> bytes:
        """Some bytes of a part that has those of files, or of metadata."""
        if start == stop:
            return b""
        return self._content(part)._take((Steps(range(start, stop)),), verify).tobytes()

    def _content(self, part: int) -> View:
        """What a part of bytes has."""
        assert isinstance(self._collection, FileList)
        return View(self, self._collection.parts[part].content, self._collection.starts[part])

    def _blocks_of(self, numbers: Iterable[int]) -> Iterator[BlockInfo]:
        """Those that files of a folder are in, in the order in which they are read, each once."""
        seen: set[int] = set()
        for number in numbers:
            view, (part, start, stop) = self._file_view(number), self._files.span(number)
            held = self._content(part)._blocks((Steps(range(start, stop)),)) if start < stop else ()
            for block in chain(view._blocks() if isinstance(view, View) else (), held):
                if block.number not in seen:
                    seen.add(block.number)
                    yield block

    def _items(self, start: int, stop: int, *, verify: bool = True) -> NDArray[Any]:
        """What the array has from start to stop - 1 on its first axis: [stop - start, ...].

        verify: check each block's digest, for which all of the block must be decoded. Raises
        IndexError, ArchiveError.
        """
        self._check_range(start, stop)
        if not self.shape:
            return self._whole._all(verify).reshape(1)[start:stop]
        return self._whole._take((Steps(range(start, stop)), *all_of(self.shape[1:])), verify)

    def _stacks(self, start: int, stop: int, *, verify: bool = True) -> Iterator[NDArray[Any]]:
        """The same, some at a time: as many as lie in a block, or in tiles of one row.

        In this way any number of them fits into memory. Raises IndexError, ArchiveError.
        """
        self._check_range(start, stop)
        if not self.shape:
            return iter([self._items(start, stop, verify=verify)])
        return self._whole._stacks(start, stop, verify=verify)

    def _check_range(self, start: int, stop: int) -> None:
        if not 0 <= start <= stop <= self._array.entries:
            raise IndexError(
                f"{self.name}: there are no items {start} to {stop} among its {self._array.entries}"
            )


def _shown(view: Indexed) -> list[NDArray[Any]]:
    """The image of a file, if it is one that can be read."""
    try:
        return view._shown(1)
    except InputError:
        return []


def block_numbers(archive: Contents, array: str | None = None) -> NDArray[np.int64]:
    """For each item of the array, or each file, the number of the block that it begins in.

    array: of an archive of an npz file, the name of the array whose items are meant.
    """
    collection = archive._collection
    if not isinstance(collection, FileList):
        tiles = np.concatenate(_of_parts(collection.starts, collection.parts))
    elif array is not None:
        number = archive._files.number(array)
        assert number is not None, "it was looked up"
        tiles = collection.starts[number] + _first_tiles(collection.parts[number])
    else:
        tiles = _of_files(archive, collection)
    firsts = np.array([block.first for block in archive._blocks], np.int64)
    return np.searchsorted(firsts, tiles, side="right") - 1


def _of_files(archive: Contents, collection: FileList) -> NDArray[np.int64]:
    starts = np.array(collection.starts[:-1], np.int64)
    if collection.kind == ARRAYS:
        return starts
    entries = _of_parts(collection.starts, collection.parts)
    parts = np.fromiter(archive._files.parts_in_order(), np.int64, len(archive))
    tiles = np.empty(len(archive), np.int64)
    for number, of_part in enumerate(entries):
        tiles[parts == number] = of_part
    return tiles


def _of_parts(starts: Sequence[int], parts: Sequence[Collection]) -> list[NDArray[np.int64]]:
    return [start + _first_tiles(part) for start, part in zip(starts, parts, strict=False)]


def _first_tiles(part: Collection) -> NDArray[np.int64]:
    """Of what lies along the first axis, one after the other, the numbers of the first tiles."""
    if part.axes == ONE:
        grid = part.grid(0)
        return np.arange(part.entries) // grid.extents[0] * grid.in_a_strip
    runs, first = [np.empty(0, np.int64)], 0
    for count, shape in part.runs:
        each = Grid(shape, part.cut).tiles
        runs.append(first + each * np.arange(count))
        first += each * count
    return np.concatenate(runs)
