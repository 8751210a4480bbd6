"""An archive in a file: any items of it, decoding no more blocks than they are in."""

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.block import Opened, read_header
from bitsback.archive.choose import Choice, given_model
from bitsback.archive.collection import Collection
from bitsback.archive.describe import describe, kind_of
from bitsback.archive.directory import BlockInfo, Place, guess_collection, scan
from bitsback.archive.layout import BLOCK, FACTS, MODEL, NAMES, Cursor, Shape, open_section
from bitsback.archive.library import ADVICE, START, Library
from bitsback.archive.members import Files, unpack_files
from bitsback.archive.parts import FOLDER, NPZ, FileList
from bitsback.archive.pieces import Pieces
from bitsback.archive.pool import check_threads, ordered_map
from bitsback.archive.source import Task, at_block, decode
from bitsback.archive.summary import Progress
from bitsback.archive.targets import check_restorable
from bitsback.archive.view import View
from bitsback.errors import ArchiveError, InputError
from bitsback.images.file_io import (
    Location,
    RandomAccess,
    Reader,
    name_of,
    open_anywhere,
    reading,
    stream_name,
)
from bitsback.models import Model
from bitsback.remote.url import Options, Url, check_options, located

if TYPE_CHECKING:
    from bitsback.archive.stored import Stored

_HEADER_SPACE = 512  # the header of a block as the writer makes it takes fewer bytes

Problem = tuple[int | None, ArchiveError]


class Archive:
    """An open archive. Of an array it is indexed as the array is: `archive[i]`, `archive[a:b]`,
    `archive[2, 10:20, ::-1]`; of files `archive["a.png"]` and `archive[i]` are a `View` of one,
    which is indexed likewise. No more is decoded than the blocks that are needed.

    A damaged archive opens too, as long as its blocks can be found; `problems` says what is wrong
    outside of them, and the items of the blocks that are whole can be had. Use it as a context
    manager, or close it. It may be used from several threads, and, if it is a file, from processes
    that are forked afterwards. One that was opened by its path can be pickled: it is opened again
    where it is unpickled.

    >>> import io
    >>> from bitsback import compress
    >>> digits = np.random.default_rng(0).random((100, 28, 28)) < 0.1
    >>> file = io.BytesIO()
    >>> compressed = compress(digits, file, block=10)
    >>> with Archive(file) as archive:
    ...     print(len(archive), archive.shape, len(archive.blocks))
    ...     print(bool((archive[17] == digits[17]).all()))
    100 (100, 28, 28) 10
    True
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | BinaryIO | Url,
        *,
        model: Choice | None = None,
        storage_options: Options | None = None,
    ) -> None:
        """source: a path, a URL of fsspec's, of which only what is needed is fetched, or a binary
        file that can seek. model: one that the archive's blocks may ask for. storage_options: for
        the filesystem of a URL.

        Raises InputError if it cannot be read, ArchiveError if it is no archive, needs a newer
        bitsback, or is damaged so that not even its blocks can be found.
        """
        given = given_model(model, storage_options) if model is not None else None
        source = located(source, storage_options)
        check_options(storage_options, source, located(model))
        self._place: Location | None = None
        if isinstance(source, str | os.PathLike | Url):
            self.name, self._place = name_of(source), source
            self._reader: RandomAccess = open_anywhere(source)
            self._owned = True
            self._given = given
        else:
            self.name = stream_name(source, "the archive")
            self._reader = Reader(source)
            self._owned = False
        self._cached: tuple[int, Pieces] | None = None
        try:
            with reading(self.name):
                self.size = self._reader.size
            self.library = Library(
                given,
                lambda: map(self._read_place, self._directory.models),
                lambda: (
                    self.read(place.offset, min(place.size, START))
                    for place in self._directory.models
                ),
            )
            self._directory = scan(self.read, self.size)
            self.collection = self._directory.collection or guess_collection(
                self._directory, self.read
            )
        except ArchiveError as error:
            self.close()
            raise self._named(error) from None
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Archive":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file, if it was opened here."""
        if self._owned:
            self._reader.close()

    def __reduce__(self) -> tuple[Any, ...]:
        if not self._owned:
            raise TypeError(
                f"{self.name}: only an archive that was opened by its path can be pickled"
            )
        model = None if self._given is None else self._given.to_bytes()
        place = self._place
        again = place if isinstance(place, Url) else os.path.abspath(self.name)  # noqa: PTH100
        return _open_again, (again, model)

    def __len__(self) -> int:
        """The length of the array's first axis, or, of a collection of files, how many these are
        (pictures, pages, arrays).
        """
        return (
            self.collection.files
            if isinstance(self.collection, FileList)
            else self.collection.entries
        )

    @property
    def array(self) -> Collection:
        """The array as a whole. Raises InputError if the archive holds a collection of files."""
        if isinstance(self.collection, FileList):
            raise InputError(
                f"{self.name}: holds not one array but files; take them by number or by name"
            )
        return self.collection

    @property
    def shape(self) -> Shape:
        """Of the whole array. Raises InputError if there is none."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the array, byte order included. Raises InputError if there is none."""
        return self.array.dtype

    @property
    def kind(self) -> str:
        """Of what it was made from: "npy", "idx", "idx.gz", "npz", "tiff" or "folder"."""
        return kind_of(self.collection)

    @property
    def names(self) -> list[str]:
        """Of the files, in order; none for an array or the pages of a TIFF file. Raises
        ArchiveError for damage.
        """
        return self.files.names if isinstance(self.collection, FileList) else []

    @property
    def files(self) -> Files:
        """Which item is which file. Raises InputError if the archive holds an array, ArchiveError
        for damage.
        """
        try:
            return self._files
        except ArchiveError as error:
            raise self._named(error) from None

    @cached_property
    def _files(self) -> Files:
        if not isinstance(self.collection, FileList):
            raise InputError(f"{self.name}: holds an array, whose items have no names")
        places, facts = self._directory.names, self._directory.facts
        if len(places) != 1:
            what = "there twice" if places else "missing"
            raise ArchiveError(f"the names of its files are {what}")
        if len(facts) > (self.collection.kind == FOLDER):
            raise ArchiveError("the facts of its files are there twice")
        return unpack_files(
            open_section(self._read_place(places[0]), NAMES),
            self.collection,
            open_section(self._read_place(facts[0]), FACTS) if facts else None,
        )

    @property
    def blocks(self) -> list[BlockInfo]:
        """Where each block is, and which items it holds; without those that cannot be there."""
        return self._directory.blocks

    def sections(self) -> list[Place]:
        """Where the models are, and what else is no block."""
        return list(self._directory.sections)

    @property
    def problems(self) -> list[ArchiveError]:
        """What was found to be wrong when the archive was opened, in order; blocks are not looked
        into then.
        """
        problems = list(self._directory.problems)
        if self._directory.models_lost and not self.library.has_given:
            problems.append(ArchiveError(f"the model in the archive is damaged; {ADVICE}"))
        return [self._named(error) for error in problems]

    def __getitem__(self, which: Any) -> Any:
        """Of an array what NumPy would take of it, always a copy; of files the View of one, by
        number or by name.

        Raises IndexError or KeyError if there is none, ArchiveError, naming the block, if one
        needed is damaged, InputError if it does not fit into memory.
        """
        if isinstance(self.collection, FileList):
            return self._file_view(which)
        if isinstance(which, str):
            raise KeyError(f"{self.name}: holds an array, whose items have no names")
        return self._view(self.array, 0)[which]

    def _file_view(self, which: int | str) -> "View | Stored":
        files, name = self.files, self.name
        if not isinstance(which, int | str):
            raise TypeError(f"{name}: holds files, which may differ in shape; take one at a time")
        number = files.number(which) if isinstance(which, str) else range(len(files))[which]
        if number is None:
            raise KeyError(f"{name}: there is no file {which!r} in it")
        collection = files.collection
        if collection.kind == NPZ:
            return self._view(collection.parts[number], collection.starts[number])
        if files.stored(number):
            from bitsback.archive.stored import Stored

            return Stored(self, number)
        part, entry = files.place(number)
        return self._view(collection.parts[part], collection.starts[part], entry)

    def _view(self, part: Collection, first: int, entry: int | None = None) -> View:
        return View(part, first, self._decode_at, self.name, entry)

    def bytes_of(self, part: int, start: int, stop: int, *, verify: bool = True) -> bytes:
        """Some bytes of a part that has those of files, or of notes."""
        assert isinstance(self.collection, FileList)
        if start == stop:
            return b""
        content, first = self.collection.parts[part].content, self.collection.starts[part]
        return self._view(content, first).box((slice(start, stop),), verify).tobytes()

    def items(self, start: int, stop: int, *, verify: bool = True) -> NDArray[Any]:
        """What the array has from start to stop - 1 on its first axis: [stop - start, ...].

        verify: check each block's digest, for which all of the block must be decoded. Raises
        IndexError, ArchiveError.
        """
        self._check_range(start, stop)
        whole = [slice(0, size) for size in self.array.shape[1:]]
        if not self.shape:
            number: NDArray[Any] = self[()].reshape(1)[start:stop]
            return number
        return self._view(self.array, 0).box((slice(start, stop), *whole), verify)

    def stacks(self, start: int, stop: int, *, verify: bool = True) -> Iterator[NDArray[Any]]:
        """The same, some at a time: as many as lie in a block, or in pieces of one row.

        In this way any number of them fits into memory. Raises IndexError, ArchiveError.
        """
        self._check_range(start, stop)
        array, at = self.array, start
        while at < stop:
            if array.plain and array.axes:
                block = self._block_of(at)
                end = block.first + block.items
            elif array.plain:
                end = stop
            elif not array.axes:
                rows = array.grid(0).extents[0]
                end = (at // rows + 1) * rows
            else:
                end = at + 1
            end = min(stop, end)
            yield self.items(at, end, verify=verify)
            at = end

    def decoded(self, first: int, end: int, *, verify: bool = True) -> Iterator[tuple[int, Pieces]]:
        """The blocks with the pieces from first to end - 1, where blocks begin and end: the number
        of the first piece of each, and its pieces.
        """
        start, stop = (
            bisect_right(self.blocks, piece, key=lambda block: block.first)
            for piece in (first, end - 1)
        )
        self.expect(self.blocks[max(start - 1, 0) : stop])
        while first < end:
            yield self._decode_at(first, None if verify else end)
            block = self._block_of(first)
            first = block.first + block.items

    def _check_range(self, start: int, stop: int) -> None:
        if not 0 <= start <= stop <= self.array.entries:
            raise IndexError(
                f"{self.name}: there are no items {start} to {stop} among its {self.array.entries}"
            )

    def verify(self, threads: int | None = None, progress: Progress | None = None) -> list[Problem]:
        """Decodes every block and checks all else: what is wrong, with the number of the block if
        it is in one.
        """
        problems: list[Problem] = [(error.block, error) for error in self.problems]
        problems += [(None, problem) for problem in self._damage()]

        def read() -> Iterator[tuple[BlockInfo, Task | ArchiveError]]:
            self.expect(self.blocks)
            for block in self.blocks:
                try:
                    yield block, self.task(block)
                except ArchiveError as error:
                    yield block, error

        def check(
            found: tuple[BlockInfo, Task | ArchiveError],
        ) -> tuple[BlockInfo, ArchiveError | None]:
            block, task = found
            try:
                if isinstance(task, ArchiveError):
                    raise task
                decode(self, task)
            except ArchiveError as error:
                # Without its traceback, which would hold more than an archive of many has bytes.
                return block, ArchiveError(str(error), error.block)
            return block, None

        for block, error in ordered_map(check, read(), check_threads(threads)):
            if error is not None:
                problems.append((block.number, error))
            if progress is not None:
                progress(block.first + block.items, self.collection.pieces)
        if not problems and self.kind == "folder":
            from bitsback.archive.maker import damage

            problems += [(error.block, error) for error in damage(self)]
        return problems

    def check(self) -> None:
        """Raises the first of `problems`, or for anything else outside of blocks for which
        decompression would fail.
        """
        for problem in self.problems:
            raise problem
        for problem in self._damage():
            raise problem

    def _damage(self) -> Iterator[ArchiveError]:
        """What else is wrong outside of blocks: with the models, the names, the container, and
        sections of unknown kinds.
        """
        for problem in self.library.damage():
            yield self._named(problem)
        files = isinstance(self.collection, FileList)
        for place in self._directory.sections:
            if place.kind != MODEL and not (files and place.kind in (NAMES, FACTS)):
                try:
                    open_section(self._read_place(place), place.kind)
                except ArchiveError as problem:
                    yield self._named(problem)
        try:
            check_restorable(self._files if files else self.array)
        except ArchiveError as problem:
            yield self._named(problem)

    def tasks(self) -> Iterator[Task]:
        """All blocks, for whoever decodes them. Raises the first of `problems`, and for any damage
        it comes upon.
        """
        self.check()
        self.expect(self.blocks)
        for block in self.blocks:
            yield self.task(block)

    def info(self) -> dict[str, Any]:
        """What is in the archive, as JSON has it. Reads the first bytes of each block; decodes
        none, and builds no model.
        """
        self.expect(self.blocks, _HEADER_SPACE)
        return describe(self)

    @property
    def model_bytes(self) -> int:
        """Bytes of the archive that the models in it take."""
        return sum(place.size for place in self._directory.models)

    def _named(self, error: ArchiveError) -> ArchiveError:
        where = f"{self.name}: block {error.block}" if error.block is not None else self.name
        return ArchiveError(f"{where}: {error}", error.block)

    def read(self, offset: int, size: int) -> bytes:
        """What the file holds of these bytes; a damaged archive may ask for any."""
        start, end = max(offset, 0), min(offset + size, self.size)
        if start >= end:
            return b""
        with reading(self.name):
            return self._reader.read(start, end - start)

    def expect(self, blocks: Sequence[BlockInfo], size: int | None = None) -> None:
        """Says that these blocks, or so many bytes of each, will be read next, in order."""
        self._reader.expect(
            (block.offset, block.size if size is None else min(size, block.size))
            for block in blocks
        )

    def _read_place(self, place: Place) -> bytes:
        return self.read(place.offset, place.size)

    def _block_of(self, piece: int) -> BlockInfo:
        behind = bisect_right(self.blocks, piece, key=lambda block: block.first)
        if behind == 0 or piece >= self.blocks[behind - 1].first + self.blocks[behind - 1].items:
            number = self.blocks[behind - 1].number + 1 if behind else 0
            raise ArchiveError(
                f"{self.name}: block {number}: {self.collection.where(piece, 1)} is missing, the"
                " archive is cut off",
                number,
            )
        return self.blocks[behind - 1]

    def task(self, block: BlockInfo) -> Task:
        """Reads a block and checks its CRC. Raises ArchiveError, naming archive and block."""
        data = self.read(block.offset, block.size)
        try:
            try:
                payload = open_section(data, BLOCK)
            except ArchiveError:
                if not self._directory.drift:
                    raise
                data = self.read(block.offset + self._directory.drift, block.size)
                payload = open_section(data, BLOCK)
        except ArchiveError as error:
            raise at_block(
                self.name, self.collection, block.number, block.first, block.items, error
            ) from None
        return Task(block.number, block.first, block.items, payload)

    def _decode_at(self, piece: int, stop: int | None) -> tuple[int, Pieces]:
        """The number of the first piece of the block that holds this one, and its pieces. stop:
        those from it on are not needed, and nothing is verified.
        """
        block, cached = self._block_of(piece), self._cached
        if cached is not None and cached[0] == block.number:
            return block.first, cached[1]
        pieces = decode(self, self.task(block), None if stop is None else stop - block.first)
        if stop is None:
            self._cached = block.number, pieces
        return block.first, pieces

    def header(self, block: BlockInfo) -> Opened:
        """The header of a block, from its first bytes. Raises ArchiveError if it is damaged."""
        data = memoryview(self.read(block.offset, min(_HEADER_SPACE, block.size)))
        cursor = Cursor(data, 1)
        cursor.varint()
        try:
            return read_header(data[cursor.at :])
        except ArchiveError:
            return read_header(self.task(block).payload)


def _open_again(place: Location, model: bytes | None) -> Archive:
    return Archive(place, model=None if model is None else Model.from_bytes(model))


def open(
    source: str | os.PathLike[str] | BinaryIO,
    *,
    model: Choice | None = None,
    storage_options: Options | None = None,
) -> Archive:
    """Opens an archive, to read items from it. The arguments and the errors are those of
    Archive.
    """
    return Archive(source, model=model, storage_options=storage_options)
