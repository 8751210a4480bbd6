"""Open archives, and read any of their items by decoding only the needed blocks."""

from __future__ import annotations

import os
from collections.abc import Collection as Members
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Any

from bitsback.archive.arrays.framed import with_axes
from bitsback.archive.arrays.indexed import ArraySource
from bitsback.archive.arrays.indexing import Steps, read_number
from bitsback.archive.arrays.part_source import PartSource, array_source
from bitsback.archive.arrays.stored import StoredFile, StoredSource
from bitsback.archive.container.addition import keep_removed, with_addition
from bitsback.archive.container.archive_file import ArchiveFile, Source
from bitsback.archive.container.damage import Owners, described, gaps_of
from bitsback.archive.container.directory import HEADER_SPACE, Directory, guess_collection, scan
from bitsback.archive.container.hashes import Check, check_of
from bitsback.archive.container.library import START, Library
from bitsback.archive.container.sections import CACHE_BYTES, BlockCache, Blocks, FileSections
from bitsback.archive.container.source import Task
from bitsback.archive.container.targets import check_restorable, kind_of
from bitsback.errors import ArchiveError, InputError
from bitsback.format.digests import Digests
from bitsback.format.index import BlockInfo
from bitsback.format.labelling import Pairs, classes_of
from bitsback.format.layout import (
    ENTRIES,
    MODEL,
    NAMES,
    PARITY,
    STATS,
    UNNAMED,
    UNORDERED,
    open_section,
)
from bitsback.format.members import Files, NumberedNames
from bitsback.format.parity import Window, read_window
from bitsback.format.parts import ARRAYS, FOLDER, Array
from bitsback.io.locks import Lock
from bitsback.io.names import printable
from bitsback.io.remote.url import Options, Url, check_options, located
from bitsback.lazy import cached_property
from bitsback.models import Model, requested_model
from bitsback.models.model import Choice

_CHUNK = 1 << 20
_JPEG_START = b"\xff\xd8\xff"


class ArchiveReader:
    """An open archive for the package itself. `bitsback.Archive` is for users."""

    def __init__(
        self,
        source: Source,
        *,
        model: Choice | None = None,
        cache: int = CACHE_BYTES,
        storage_options: Options | None = None,
    ) -> None:
        """The arguments and the errors are those of `bitsback.Archive`."""
        if cache < 0:
            raise InputError(f"cache={cache}: it must be a number of bytes, 0 for no cache")
        self.cache = BlockCache(cache)
        self.metadata_lock = Lock()
        """Held while container metadata is read, so that no block of it is decoded twice."""
        self._requested = requested_model(model, storage_options) if model is not None else None
        source = located(source, storage_options)
        check_options(storage_options, source, located(model))
        self.file = file = ArchiveFile(source)
        self.library = Library(
            self._requested,
            lambda: map(file.read_place, self.directory.places(MODEL)),
            lambda: (
                file.read(place.offset, min(place.size, START))
                for place in self.directory.places(MODEL)
            ),
        )
        try:
            with file.naming():
                self._use(scan(file.read, file.size))
        except BaseException:
            self.close()
            raise

    def _use(self, directory: Directory) -> None:
        """Reads the sections of a directory from now on. Raises ArchiveError."""
        self.directory = directory
        self.collection = directory.collection or guess_collection(directory, self.file.read)
        self.file_sections: FileSections | None = None
        """The sections other than blocks of an archive of files; None for an array."""
        if self.collection.kind is not None:
            self.file_sections = FileSections(self.collection, directory, self.file.read_place)
        self.blocks = Blocks(self, self.file, directory, self.cache)

    def take_addition(self) -> None:
        """From now on also reads the undamaged part of an unfinished addition behind the end."""
        before = self.directory
        if not before.unread:
            return
        after = with_addition(self.file.read, self.file_bytes, before)
        if after is not None:
            self._use(after)
            if self.file_sections is not None:
                keep_removed(self.file.read, before, after, self.file_sections)

    def __enter__(self) -> ArchiveReader:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file, if it was opened here. Later reads raise ValueError."""
        self.cache.clear()
        self.file.close()

    def close_when_dropped(self) -> None:
        """Closes the file with the last reference to the archive, for users who never close it."""
        self.file.close_when_dropped(self)

    def __reduce__(self) -> tuple[Any, ...]:
        self.file.check_open()
        place = self.file.place
        if place is None:
            raise TypeError(
                f"{self.name}: only an archive that was opened by its path can be pickled"
            )
        model = None if self._requested is None else self._requested.to_bytes()
        source = place if isinstance(place, Url) else os.path.abspath(self.name)  # noqa: PTH100
        return _open_again, (source, model, self.cache.capacity)

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def file_bytes(self) -> int:
        """The bytes of the archive."""
        return self.file.size

    @property
    def kind(self) -> str:
        """The format of the original input, such as "npy", or "folder"."""
        return kind_of(self.collection)

    @property
    def unordered(self) -> bool:
        """Whether the items have lost their order."""
        return bool(self.collection.features & UNORDERED)

    @property
    def problems(self) -> list[ArchiveError]:
        """The faults that opening the archive found, in order."""
        return [self.file.named(error) for error in self.directory.problems]

    def __len__(self) -> int:
        """The length of the array's first axis, or the number of files."""
        return self.collection.entries if self.collection.kind is None else self.visible_files

    @property
    def array(self) -> Array:
        """The description of the array. Raises InputError for an archive of files."""
        if self.collection.kind is not None:
            raise InputError(
                f"{self.name}: contains files, not one array; take them by number or by name"
            )
        return self.collection

    @property
    def array_source(self) -> ArraySource:
        """The array. Raises InputError for an archive of files."""
        return array_source(self.blocks, self.array)

    @property
    def files(self) -> Files:
        """The files of the archive and their items.

        Raises InputError for an archive of an array, ArchiveError for damage.
        """
        if self.file_sections is None:
            raise InputError(f"{self.name}: contains an array, whose items have no names")
        with self.file.naming():
            return self.file_sections.files

    @property
    def names(self) -> Sequence[str]:
        """The names of the files in order; empty for an array."""
        return [] if self.file_sections is None else self.files.names

    @property
    def has_entries(self) -> bool:
        """Whether there are modes, links or empty folders. It does not read names."""
        return self.file_sections is not None and self.file_sections.has_entries

    @property
    def entry_names(self) -> Sequence[str]:
        """The names of the files in order, then of links, then of empty folders with a `/`."""
        if self.collection.kind != FOLDER or self.files.entries is None:
            return self.names
        links = (link.name for link in self.files.links)
        return [*self.names, *links, *self.files.empty_folders]

    @property
    def visible_files(self) -> int:
        """The number of files, without removed ones."""
        assert self.collection.kind is not None, "an array has none"
        if self.collection.has_removed:
            with suppress(ArchiveError):  # if the names are damaged
                return len(self.files)
        return self.collection.files

    @property
    def hashes(self) -> Sequence[bytes] | None:
        """The SHA-256 of each original file in order; None if the archive has no hashes.

        It is empty for a file that is restored only with the same pixels.
        """
        with self.file.naming():
            return None if self.file_sections is None else self.file_sections.hashes

    @property
    def digests(self) -> Digests | None:
        """The digests of its files, including removed files; None if it has none."""
        with self.file.naming():
            return None if self.file_sections is None else self.file_sections.digests

    @property
    def pairs(self) -> Pairs | None:
        """The items and their labels: arrays of an npz file, or pictures and their folders.

        None without labels.
        """
        with self.file.naming():
            return None if self.file_sections is None else self.file_sections.pairs

    @property
    def classes(self) -> list[str]:
        """The folders that are labels of pictures, sorted; empty without labels."""
        if self.collection.kind != FOLDER or (self.pairs is None and not self.directory.unnamed):
            return []
        names = self.files.names
        return list(names.classes) if isinstance(names, NumberedNames) else classes_of(names)[0]

    def check_of_file(self, number: int) -> Check | None:
        """The check of a restored file against its hash; None if it has no hash."""
        hashes = self.hashes
        digest = b"" if hashes is None else hashes[number]
        return check_of(self.name, self.files.names[number], digest) if digest else None

    def file_number(self, which: Any) -> int:
        """The number of a file, by number or by name. Raises KeyError, IndexError, TypeError."""
        files = self.files
        if isinstance(which, str):
            number = files.number(which)
            if number is None:
                raise KeyError(f"{self.name}: there is no file {which!r} in it")
            return number
        try:
            return read_number(which, len(self), "files")
        except TypeError:
            raise TypeError(
                f"{self.name}: contains files, which may differ in shape; take them by number, by"
                " name, or by a slice of numbers"
            ) from None

    def file_source(self, which: Any) -> PartSource | StoredSource:
        """The array of a file, by number or by name. Raises KeyError, IndexError, TypeError."""
        number, files = self.file_number(which), self.files
        collection = files.collection
        if collection.kind == ARRAYS:
            return self.part_source(number)
        if files.stored(number):
            part, start, stop = files.span(number)
            file = StoredFile(partial(self.part_bytes, part), start, stop)
            return StoredSource(self.name, files.names[number], file)
        return self.part_source(*files.place(number))

    @cached_property
    def may_have_frames(self) -> bool:
        """Whether a picture of a folder may have several frames, by the container metadata."""
        from bitsback.files.picture_files import may_have_frames

        files, kinds = self.files, set[int]()
        if self.collection.kind != FOLDER:
            return False
        starts: dict[int, list[int]] = {}
        for number in range(len(files)):
            part, start, stop = files.span(number)
            if start < stop and not files.stored(number):
                starts.setdefault(part, []).append(start)
        for part, places in starts.items():
            metadata = self.part_bytes(part, 0, self.collection.parts[part].elements)
            kinds |= {metadata[place] for place in places}
        return any(map(may_have_frames, kinds))

    def file_array(self, which: Any) -> ArraySource:
        """The array of a file, by number or by name, with axes for its frames or pages.

        Raises KeyError, IndexError, TypeError, ArchiveError.
        """
        number = self.file_number(which)
        source = self.file_source(number)
        if isinstance(source, StoredSource):
            return source.shown
        if self.collection.kind != FOLDER:
            return source
        from bitsback.files.picture_files import levels_of, may_have_frames

        part, start, stop = self.files.span(number)
        if start == stop or not may_have_frames(self.part_bytes(part, start, start + 1)[0]):
            return source
        metadata = self.part_bytes(part, start, stop)
        with self.file.naming():
            if _JPEG_START in metadata:
                from bitsback.archive.arrays.slides import slide_of_metadata

                slide = slide_of_metadata(self.name, self.files.names[number], metadata, source)
                if slide is not None:
                    return slide
            levels = levels_of(metadata, source.dtype, source.shape)
        return with_axes(source, levels) if levels else source

    def preview(self, which: int | str) -> bytes | None:
        """A small picture of a file; None if it has none."""
        number = self.file_number(which)
        assert self.file_sections is not None, "it has files"
        with self.file.naming():
            return self.file_sections.preview(number) or None

    @property
    def parity(self) -> list[Window]:
        """The bytes that have parity, in order. It reads the first bytes of sections only."""
        places = self.directory.places(PARITY)
        windows: set[Window] = set()
        at = 0
        with suppress(ArchiveError):  # if they are damaged
            while at < len(places):
                start = self.file.read(places[at].offset, min(places[at].size, HEADER_SPACE))
                windows.add(window := read_window(start))
                at += window.rows + 2  # after its rows, and its checksums twice
        return sorted(windows)

    def part_source(self, part: int, entry: int | None = None) -> PartSource:
        """The array of a part, or one entry along its first axis."""
        collection = self.collection
        return PartSource(self.blocks, collection.parts[part], collection.starts[part], entry)

    def part_bytes(self, part: int, start: int, stop: int, *, verify: bool = True) -> bytes:
        """The bytes `start` to `stop` of a part with the bytes of files or of metadata."""
        if start == stop:
            return b""
        source = self._bytes_source(part)
        with (
            source.fitting((stop - start,)),
            self.blocks.announced(source.blocks((Steps(range(start, stop)),))),
        ):
            return b"".join(self._stretches(part, start, stop, verify))

    def _stretches(self, part: int, start: int, stop: int, verify: bool) -> Iterator[memoryview]:
        """The bytes `start` to `stop` of a part, block by block."""
        begin, extent = self.collection.starts[part], self.collection.parts[part].grid(0).extents[0]
        tile, end = begin + start // extent, begin - (-stop // extent)
        while tile < end:
            first, tiles = self.blocks.decode_at(tile, None if verify else end)
            before = (first - begin) * extent
            yield tiles.bytes[max(start - before, 0) : stop - before]
            tile = first + tiles.count

    def part_chunks(
        self, part: int, start: int, stop: int, *, verify: bool = True
    ) -> Iterator[bytes]:
        """The bytes of `part_bytes`, a chunk at a time."""
        for at in range(start, stop, _CHUNK):
            yield self.part_bytes(part, at, min(at + _CHUNK, stop), verify=verify)

    def _bytes_source(self, part: int) -> PartSource:
        content, first = self.collection.parts[part].content, self.collection.starts[part]
        return PartSource(self.blocks, content, first)

    def blocks_of(self, numbers: Iterable[int]) -> Iterator[BlockInfo]:
        """The blocks of these files of a folder, in reading order, each once."""
        yielded: set[int] = set()
        for number in numbers:
            source, (part, start, stop) = self.file_source(number), self.files.span(number)
            pixel_blocks = source.blocks() if isinstance(source, PartSource) else ()
            span = (Steps(range(start, stop)),)
            byte_blocks = self._bytes_source(part).blocks(span) if start < stop else ()
            for block in chain(pixel_blocks, byte_blocks):
                if block.number not in yielded:
                    yielded.add(block.number)
                    yield block

    def where(self, first: int, count: int) -> str:
        """A description of some tiles for messages, with the names of files if there are any."""
        if self.file_sections is not None:
            with suppress(ArchiveError):
                return described(self.file_sections.files, self.owners, (first, first + count))
        return self.collection.where(first, count)

    @cached_property
    def owners(self) -> Owners:
        """Finds the files of tiles. Raises ArchiveError, without the name of the archive."""
        assert self.file_sections is not None
        return Owners(self.file_sections.files)

    def check(self) -> None:
        """Raises the first of `problems`, or another fault outside of blocks that prevents
        decompression.
        """
        for problem in chain(self.problems, self.damage()):
            raise problem

    def damage(self) -> Iterator[ArchiveError]:
        """The faults outside of blocks that are not among `problems`.

        They are faults of models, names, the container, and sections of unknown kinds.
        """
        for problem in self.library.damage():
            yield self.file.named(problem)
        sections = self.file_sections
        for place in self.directory.sections:
            checked_below = sections is not None and place.kind in (NAMES, STATS, UNNAMED, ENTRIES)
            if place.kind != MODEL and not checked_below:
                try:
                    open_section(self.file.read_place(place), place.kind)
                except ArchiveError as problem:
                    yield self.file.named(problem)
        try:
            if sections is not None:
                _ = sections.pairs, sections.digests
                self._check_tiles(sections.files)
            check_restorable(self.array if sections is None else sections.files)
        except ArchiveError as problem:
            yield self.file.named(problem)

    def _check_tiles(self, files: Files) -> None:
        """Raises ArchiveError if files were removed and a tile of another file is in no block."""
        if not files.collection.has_removed:
            return
        gaps = gaps_of(self.blocks, (), files.collection.tiles)
        for numbers in self.owners.with_tiles(gaps):
            name = printable(files.names[numbers.start])
            raise ArchiveError(f"{name}: a part of it is in no block")

    def tasks(
        self, first: int = 0, end: int | None = None, only: Members[int] | None = None
    ) -> Iterator[Task]:
        """The blocks to decode: all, or those that begin with the tiles from `first` to `end` - 1.

        only: the numbers of the wanted blocks; None for all. Raises the first of `problems`, and
        ArchiveError for any damage that it finds.
        """
        self.check()
        blocks = [
            block
            for block in self.blocks
            if first <= block.first
            and (end is None or block.first < end)
            and (only is None or block.number in only)
        ]
        self.file.expect(blocks)
        yield from map(self.blocks.task, blocks)


def _open_again(place: Any, model: bytes | None, cache: int) -> ArchiveReader:
    requested = None if model is None else Model.from_bytes(model)
    archive = ArchiveReader(place, model=requested, cache=cache)
    archive.close_when_dropped()
    return archive
