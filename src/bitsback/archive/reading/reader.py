"""Open archives and read any items, decoding only the blocks that hold them."""

import os
import weakref
from collections.abc import Collection as Members
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import Any, BinaryIO

from bitsback.archive.reading.contents import Contents
from bitsback.archive.reading.damage import Owners, Problem, described, gaps_of, lost_names
from bitsback.archive.reading.describe import describe
from bitsback.archive.reading.directory import Directory, guess_collection, scan
from bitsback.archive.reading.file_writer import FileWriter
from bitsback.archive.reading.hashes import Check, check_of
from bitsback.archive.reading.indexing import read_number
from bitsback.archive.reading.library import START, Library
from bitsback.archive.reading.sections import (
    CACHE_BYTES,
    HEADER_SPACE,
    BlockCache,
    Blocks,
    FileSections,
)
from bitsback.archive.reading.source import Task, decode
from bitsback.archive.reading.targets import check_restorable
from bitsback.coding.block import Opened
from bitsback.errors import ArchiveError, InputError
from bitsback.format.digests import Digests
from bitsback.format.index import BlockInfo, Place
from bitsback.format.labelling import Pairs
from bitsback.format.layout import (
    MODEL,
    NAMES,
    STATS,
    UNNAMED,
    UNORDERED,
    open_section,
)
from bitsback.format.members import Files
from bitsback.format.parts import FileCollection
from bitsback.format.tiles import Tiles
from bitsback.io.file_io import (
    Location,
    RandomAccess,
    Reader,
    name_of,
    open_anywhere,
    reading,
    stream_name,
)
from bitsback.io.names import printable
from bitsback.io.remote.url import Options, Url, check_options, located
from bitsback.lazy import cached_property
from bitsback.models import Model
from bitsback.models.model import Choice
from bitsback.planner.candidates import given_model
from bitsback.work import Progress, Work, check_threads, ordered_map

Source = str | os.PathLike[str] | BinaryIO | Url | bytes | bytearray | memoryview
"""A path, a binary file, or the bytes of one."""


class Archive(Contents):
    """An open archive.

    An archive of an array is like the array: it has `shape`, `dtype`, `ndim`, `size`, `nbytes` and
    `chunks`, `np.asarray` decodes all of it, a loop goes over its items, and it is indexed like
    NumPy arrays: `archive[i]`, `archive[2, 10:20, ::-1]`, and along the first axis by lists of
    numbers and by masks, `archive[[5, 2, 5]]`. The result is a copy. `file_bytes` is the size of
    the archive.

    >>> import io
    >>> import numpy as np
    >>> from bitsback import compress
    >>> digits = np.random.default_rng(0).random((100, 28, 28)) < 0.1
    >>> file = io.BytesIO()
    >>> compressed = compress(digits, file, block=10)
    >>> with Archive(file) as archive:
    ...     print(len(archive), archive.shape, archive.chunks[0][:3])
    ...     print(np.array_equal(archive[[17, 3], 10:20], digits[[17, 3], 10:20]))
    100 (100, 28, 28) (10, 10, 10)
    True

    In an archive of files, `archive["a.png"]`, by name, and `archive[i]`, by number, are a `View`
    of one, which is like an array in the same way; `archive[2:5]` is a list of these, a loop goes
    over all, and `"a.png" in archive` says whether there is such a file.

    An index decodes only the blocks that it needs, each once, whatever the order of the items.
    Decoded blocks are kept in a cache, whose size `open` bounds.

    A damaged archive opens too, as long as its blocks can be found; `problems` lists faults outside
    of blocks, and the items of undamaged blocks can be read. Use it as a context manager, or close
    it; nothing can be read from a closed archive. Several threads may use it, and, if it is a file,
    also processes that are forked later. An archive that was opened by its path can be pickled:
    unpickling opens it again.
    """

    def __init__(
        self,
        source: Source,
        *,
        model: Choice | None = None,
        cache: int = CACHE_BYTES,
        storage_options: Options | None = None,
    ) -> None:
        """source: a path, a URL that fsspec supports, from which only the needed bytes are fetched,
        a seekable binary file, or the bytes of an archive. model: one that the archive's blocks may
        need. cache: the bytes of decoded blocks to keep, 64 MiB by default; the block that was
        decoded last is kept even if it is larger, unless `cache` is 0. storage_options: for the
        filesystem of a URL.

        Raises InputError if it cannot be read, ArchiveError if it is no archive, needs a newer
        bitsback, or is so damaged that its blocks cannot be found.
        """
        if cache < 0:
            raise InputError(f"cache={cache}: it is a number of bytes, 0 for none")
        self._cache = BlockCache(cache)
        self._is_announced = False
        given = given_model(model, storage_options) if model is not None else None
        source = located(source, storage_options)
        check_options(storage_options, source, located(model))
        self._place: Location | None = None
        if isinstance(source, str | os.PathLike | Url):
            name, self._place = name_of(source), source
            self._reader: RandomAccess = open_anywhere(source)
            self._owned = True
            self._given = given
        else:
            file: BinaryIO = (
                BytesIO(source) if isinstance(source, bytes | bytearray | memoryview) else source
            )
            name = stream_name(file, "the archive")
            self._reader = Reader(file)
            self._owned = False
        super().__init__(name)
        self.name = name
        try:
            with reading(self.name):
                self.file_bytes = self._reader.size
            self._library = Library(
                given,
                lambda: map(self._read_place, self._directory.models),
                lambda: (
                    self._read(place.offset, min(place.size, START))
                    for place in self._directory.models
                ),
            )
            self._use(scan(self._read, self.file_bytes))
        except ArchiveError as error:
            self.close()
            raise self._named(error) from None
        except BaseException:
            self.close()
            raise

    def _use(self, directory: Directory) -> None:
        """Reads what a directory lists. Raises ArchiveError."""
        self._directory = directory
        self._collection = directory.collection or guess_collection(directory, self._read)
        self._beside = (
            FileSections(self._collection, directory, self._read_place)
            if isinstance(self._collection, FileCollection)
            else None
        )
        self._store = Blocks(self, directory, self._read, self._cache)

    def _take_addition(self) -> None:
        """Reads also what is whole of an addition behind the end, from now on."""
        before = self._directory
        if not before.unread:
            return
        from bitsback.archive.reading.addition import keep_removed, with_addition

        after = with_addition(self._read, self.file_bytes, before)
        if after is not None:
            self._use(after)
            if self._beside is not None:
                keep_removed(self._read, before, after, self._beside)

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file, if it was opened here. Later reads raise ValueError."""
        self.closed = True
        self._cache.clear()
        if self._owned:
            self._reader.close()

    def _close_when_dropped(self) -> None:
        """Closes the file with the archive's last reference, for users who never close it."""
        weakref.finalize(self, self._reader.close)

    def __reduce__(self) -> tuple[Any, ...]:
        self._check_open()
        if not self._owned:
            raise TypeError(
                f"{self.name}: only an archive that was opened by its path can be pickled"
            )
        model = None if self._given is None else self._given.to_bytes()
        place = self._place
        again = place if isinstance(place, Url) else os.path.abspath(self.name)  # noqa: PTH100
        return _open_again, (again, model, self._cache.capacity)

    @property
    def _files(self) -> Files:
        if self._beside is None:
            raise InputError(f"{self.name}: holds an array, whose items have no names")
        with self._naming():
            return self._beside.files

    @property
    def hashes(self) -> dict[str, bytes] | None:
        """The SHA-256, by name, of the original files that come back byte for byte; None if the
        archive has no hashes. Raises ArchiveError for damage.
        """
        hashes = self._file_hashes
        if hashes is None:
            return None
        named = zip(self._files.names, hashes, strict=True)
        return {name: digest for name, digest in named if digest}

    def preview(self, which: int | str) -> bytes | None:
        """A small picture of a file, by number or by name, in WebP or JPEG; None if it has none:
        the archive was made without previews, or the picture is small itself. Raises KeyError or
        IndexError if there is no such file, ArchiveError for damage.
        """
        number = self._file_number(which)
        assert self._beside is not None, "it has files"
        with self._naming():
            return self._beside.preview(number) or None

    def open(self, which: int | str) -> BytesIO:
        """A file of a folder, by number or by name, with the bytes that `decompress` gives it.
        Raises KeyError or IndexError if there is no such file, InputError for an archive of
        something else, ArchiveError for damage.
        """
        if self.kind != "folder":
            raise InputError(f"{self.name}: holds no folder, of which a file could be opened")
        number = self._file_number(which)
        with self._naming():
            return BytesIO(FileWriter(self).file(number))

    def _file_number(self, which: int | str) -> int:
        """Raises KeyError or IndexError if there is no such file."""
        files = self._files
        if not isinstance(which, str):
            return read_number(which, len(files), "files")
        number = files.number(which)
        if number is None:
            raise KeyError(f"{self.name}: there is no file {which!r} in it")
        return number

    @property
    def _file_hashes(self) -> Sequence[bytes] | None:
        """The same for each file, in order; empty for one that comes back by its pixels only."""
        with self._naming():
            return None if self._beside is None else self._beside.hashes

    @property
    def _digests(self) -> Digests | None:
        with self._naming():
            return None if self._beside is None else self._beside.digests

    def _check_file(self, number: int) -> Check | None:
        assert self._beside is not None
        hashes = self._beside.hashes
        digest = b"" if hashes is None else hashes[number]
        return check_of(self.name, self._beside.files.names[number], digest) if digest else None

    @property
    def _pairs(self) -> Pairs | None:
        with self._naming():
            return None if self._beside is None else self._beside.pairs

    @property
    def _unnamed(self) -> bool:
        return self._directory.unnamed

    @property
    def _blocks(self) -> list[BlockInfo]:
        return self._directory.blocks

    def _sections(self) -> list[Place]:
        """The places of the models, and of other sections that are no blocks."""
        return list(self._directory.sections)

    @property
    def unordered(self) -> bool:
        """Whether the archive is a set, whose items have lost their order."""
        return bool(self._collection.features & UNORDERED)

    @property
    def cache(self) -> int:
        """The bytes of decoded blocks that may be kept."""
        return self._cache.capacity

    @property
    def problems(self) -> list[ArchiveError]:
        """The faults that were found when the archive was opened, in order, without looking into
        blocks.
        """
        return [self._named(error) for error in self._directory.problems]

    def _where(self, first: int, count: int) -> str:
        """A description of files by name, as far as names exist."""
        if self._beside is not None:
            with suppress(ArchiveError):
                return described(self._beside.files, self._owners, (first, first + count))
        return self._collection.where(first, count)

    @cached_property
    def _owners(self) -> Owners:
        assert self._beside is not None
        return Owners(self._beside.files)

    def lost(self, problems: Iterable[Problem]) -> list[str]:
        """The lost items, given the problems that `verify` has found, in the form that `bitsback
        extract` takes: names of files and arrays, numbers of pages and items, `3` or `3:8`.
        """
        problems = list(problems)
        bad = {number for number, _ in problems if number is not None}
        gaps = list(gaps_of(self._blocks, bad, self._collection.tiles))
        files = None
        if self._beside is not None:
            with suppress(ArchiveError):
                files = self._beside.files
        found = lost_names(self._collection, files, gaps)
        found += [printable(error.file) for _, error in problems if error.file is not None]
        unnamed = files is not None and not files.named
        held = files.collection.files - len(files) if files is not None and unnamed else 0
        if held:
            found.append(f"all {held} that are stored verbatim, since their names are lost")
        if self._directory.unread:
            found.append(f"what the {self._directory.unread} bytes behind its end were to add")
        return list(dict.fromkeys(found))

    def _do_without_names(self) -> None:
        """Calls the files by numbers from now on, if their names are lost."""
        if self._beside is not None:
            self._beside.do_without_names()

    def _block_of(self, tile: int) -> BlockInfo:
        return self._store.of_tile(tile)

    def _decode_at(self, tile: int, stop: int | None = None) -> tuple[int, Tiles]:
        self._check_open()
        return self._store.decode_at(tile, stop)

    def verify(self, threads: int | None = None, progress: Progress | None = None) -> list[Problem]:
        """Decodes every block and checks everything else. Returns the faults, each with the number
        of its block if it is in one.
        """
        problems: list[Problem] = [(error.block, error) for error in self.problems]
        problems += [(None, problem) for problem in self._damage()]
        if self.kind == "folder" and not problems:
            with suppress(ArchiveError):  # otherwise each block is looked at
                return self._file_problems(threads, progress)

        def read() -> Iterator[tuple[BlockInfo, Task | ArchiveError]]:
            self._expect(self._blocks)
            for block in self._blocks:
                try:
                    yield block, self._task(block)
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
                # Without its traceback, which would take more memory than the bytes of a large
                # archive.
                return block, ArchiveError(str(error), error.block, error.file)
            return block, None

        work = Work(self._collection, progress)
        for block, error in ordered_map(check, read(), check_threads(threads)):
            if error is not None:
                problems.append((block.number, error))
            work.add(block.first, block.items)
        if self.kind == "folder":
            try:
                problems += self._file_problems(threads, None, problems)
            except ArchiveError as error:  # the loss of the names was reported before
                if not problems:
                    problems.append((error.block, error))
        if not problems and isinstance(self._collection, FileCollection) and self._collection.whole:
            from bitsback.archive.reading.paged import pages_damage

            problems += [(error.block, error) for error in pages_damage(self)]
        return problems

    def _file_problems(
        self, threads: int | None, progress: Progress | None, problems: Sequence[Problem] = ()
    ) -> list[Problem]:
        """Decodes a folder, and finds files that cannot be made, that have another hash than the
        original, or another content than their digests. problems: damaged blocks, whose files are
        left out. Raises ArchiveError if there are others, or if names or digests are lost.
        """
        from bitsback.archive.reading.content_sums import ContentSums
        from bitsback.archive.reading.file_writer import damage
        from bitsback.archive.reading.strips import RestoredParts
        from bitsback.archive.reading.whole_files import Hashing, hand_over

        bad = {number for number, _ in problems if number is not None}
        lost = list(self._owners.of(gaps_of(self._blocks, bad, self._collection.tiles)))
        found: list[Problem] = []
        for error in damage(self, lost):
            if error.block is not None and not problems:
                raise error
            found.append((error.block, error))
        known = [*problems, *found]
        whole = RestoredParts(self, check_threads(threads), problems=known)
        hashing = Hashing(self)
        sums = ContentSums(self, hashing)
        hand_over(whole, sums, Work(self._collection, progress), whole.lost_files)
        return [*found, *((None, error) for error in (*hashing.problems, *sums.problems()))]

    def _check(self) -> None:
        for problem in self.problems:
            raise problem
        for problem in self._damage():
            raise problem

    def _damage(self) -> Iterator[ArchiveError]:
        """The other faults outside of blocks: of the models, the names, the container, and sections
        of unknown kinds.
        """
        for problem in self._library.damage():
            yield self._named(problem)
        beside = self._beside
        for place in self._directory.sections:
            names = beside is not None and place.kind in (NAMES, STATS, UNNAMED)
            if place.kind != MODEL and not names:
                try:
                    open_section(self._read_place(place), place.kind)
                except ArchiveError as problem:
                    yield self._named(problem)
        try:
            if beside is not None:
                _ = beside.pairs, beside.digests
                self._check_tiles(beside.files)
            check_restorable(self._array if beside is None else beside.files)
        except ArchiveError as problem:
            yield self._named(problem)

    def _check_tiles(self, files: Files) -> None:
        """Raises ArchiveError if a tile that a file needs is in no block, of an archive from which
        files were removed.
        """
        if not files.collection.has_removed:
            return
        gaps = gaps_of(self._blocks, (), files.collection.tiles)
        for numbers in self._owners.of(gaps):
            name = printable(files.names[numbers.start])
            raise ArchiveError(f"{name}: a part of it is in no block")

    def _tasks(
        self, first: int = 0, end: int | None = None, only: Members[int] | None = None
    ) -> Iterator[Task]:
        self._check()
        blocks = [
            block
            for block in self._blocks
            if first <= block.first
            and (end is None or block.first < end)
            and (only is None or block.number in only)
        ]
        self._expect(blocks)
        for block in blocks:
            yield self._task(block)

    def info(self) -> dict[str, Any]:
        """The description of the archive's content, as JSON. Reads the first bytes of each block;
        decodes none, and builds no model.
        """
        self._expect(self._blocks, HEADER_SPACE)
        return describe(self)

    @property
    def _model_bytes(self) -> int:
        return sum(place.size for place in self._directory.models)

    def _named(self, error: ArchiveError) -> ArchiveError:
        where = f"{self.name}: block {error.block}" if error.block is not None else self.name
        return ArchiveError(f"{where}: {error}", error.block, error.file)

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """Names the archive in an ArchiveError of the body."""
        try:
            yield
        except ArchiveError as error:
            raise self._named(error) from None

    def _read(self, offset: int, size: int) -> bytes:
        """The bytes of the file in this range, which may be any in a damaged archive."""
        start, end = max(offset, 0), min(offset + size, self.file_bytes)
        if start >= end:
            return b""
        self._check_open()
        with reading(self.name):
            return self._reader.read(start, end - start)

    def _expect(self, blocks: Iterable[BlockInfo], size: int | None = None) -> None:
        """Announces that these blocks, or `size` bytes of each, will be read next, in order."""
        self._reader.expect(
            (block.offset, block.size if size is None else min(size, block.size))
            for block in blocks
        )

    def _announce(self, blocks: Iterable[BlockInfo]) -> None:
        self._expect(block for block in blocks if block.number not in self._cache)

    @contextmanager
    def _announced(self, blocks: Iterable[BlockInfo]) -> Iterator[None]:
        if self._is_announced:
            yield
            return
        self._announce(blocks)
        self._is_announced = True
        try:
            yield
        finally:
            self._is_announced = False

    def _read_place(self, place: Place) -> bytes:
        return self._read(place.offset, place.size)

    def _task(self, block: BlockInfo) -> Task:
        return self._store.task(block)

    def _header(self, block: BlockInfo) -> Opened:
        return self._store.header(block)


def _open_again(place: Location, model: bytes | None, cache: int) -> Archive:
    archive = Archive(place, model=None if model is None else Model.from_bytes(model), cache=cache)
    archive._close_when_dropped()
    return archive


def open(
    source: Source,
    *,
    model: Choice | None = None,
    cache: int = CACHE_BYTES,
    storage_options: Options | None = None,
) -> Archive:
    """Opens an archive, to read items from it. The arguments and the errors are those of
    Archive.

    >>> import io
    >>> import bitsback
    >>> import numpy as np
    >>> file = io.BytesIO()
    >>> compressed = bitsback.compress(np.arange(10, dtype=np.uint8), file)
    >>> with bitsback.open(file) as archive:
    ...     print(archive[2:5], [int(number) for number in archive if number > 7])
    [2 3 4] [8, 9]
    """
    return Archive(source, model=model, cache=cache, storage_options=storage_options)
