"""The sections of an open archive.

Blocks are found by their tiles, decoded, and cached. Other sections have the names, stats, hashes
and labels of files.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from bitsback.archive.container.archive_file import ArchiveFile
from bitsback.archive.container.directory import HEADER_SPACE, Directory
from bitsback.archive.container.source import BlockSource, Task, at_block, decode
from bitsback.coding.block import Block, read_header
from bitsback.errors import ArchiveError
from bitsback.format.digests import Digests
from bitsback.format.index import BlockInfo, Place
from bitsback.format.labelling import Pairs, unpack_pairs
from bitsback.format.layout import (
    BLOCK,
    ENTRIES,
    HASHES,
    LABELS,
    NAMES,
    PREVIEWS,
    STATS,
    UNNAMED,
    Cursor,
    open_section,
)
from bitsback.format.members import Files, unpack_files
from bitsback.format.parts import FOLDER, FileCollection
from bitsback.format.previews import RANGE_BYTES, Previews, read_range
from bitsback.format.tiles import Tiles
from bitsback.format.unnamed import unpack_unnamed
from bitsback.io.locks import Lock
from bitsback.lazy import cached_property

CACHE_BYTES = 64 << 20
"""The default capacity of the cache in bytes."""


class BlockCache:
    """A cache of decoded blocks by their numbers. Several threads may use it.

    The last decoded block is kept even if it exceeds the capacity, unless that is 0.
    """

    def __init__(self, capacity: int) -> None:
        """capacity: in bytes."""
        self.capacity = capacity
        self.nbytes = 0
        """The bytes of the cached blocks."""
        self._kept: OrderedDict[int, Tiles] = OrderedDict()
        self._lock = Lock()

    def get(self, number: int) -> Tiles | None:
        with self._lock:
            if number in self._kept:
                self._kept.move_to_end(number)
            return self._kept.get(number)

    def __contains__(self, number: int) -> bool:
        return number in self._kept

    def put(self, number: int, tiles: Tiles) -> None:
        if self.capacity == 0:
            return
        with self._lock:
            self._drop(number)
            self._kept[number] = tiles
            self.nbytes += tiles.elements.nbytes
            while self.nbytes > self.capacity and len(self._kept) > 1:
                self._drop(next(iter(self._kept)))

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()
            self.nbytes = 0

    def _drop(self, number: int) -> None:
        dropped = self._kept.pop(number, None)
        self.nbytes -= 0 if dropped is None else dropped.elements.nbytes


class Blocks(Sequence[BlockInfo]):
    """The blocks of an open archive, without impossible ones. Several threads may use it."""

    def __init__(
        self, archive: BlockSource, file: ArchiveFile, directory: Directory, cache: BlockCache
    ) -> None:
        self.archive, self.file = archive, file
        self._cache, self._is_announced = cache, False
        self._listed, self._drift = directory.blocks, directory.drift

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self.archive, "blocks")

    def __len__(self) -> int:
        return len(self._listed)

    def __iter__(self) -> Iterator[BlockInfo]:
        return iter(self._listed)

    def __getitem__(self, which: Any) -> Any:
        return self._listed[which]

    def with_tile(self, tile: int) -> BlockInfo:
        """The block with a tile. Raises ArchiveError if it is missing."""
        behind = bisect_right(self._listed, tile, key=lambda block: block.first)
        before = self._listed[behind - 1] if behind else None
        if before is None or tile >= before.first + before.items:
            number = 0 if before is None else before.number + 1
            raise ArchiveError(
                f"{self.archive.name}: block {number}: {self.archive.where(tile, 1)} is"
                " missing: the archive is cut off",
                number,
            )
        return before

    def task(self, block: BlockInfo) -> Task:
        """Reads a block and checks its CRC. Raises ArchiveError, which names archive and block."""
        data = self.file.read(block.offset, block.size)
        try:
            try:
                payload = open_section(data, BLOCK)
            except ArchiveError:
                if not self._drift:
                    raise
                data = self.file.read(block.offset + self._drift, block.size)
                payload = open_section(data, BLOCK)
        except ArchiveError as error:
            raise at_block(self.archive, block.number, block.first, block.items, error) from None
        return Task(block.number, block.first, block.items, payload)

    def decode_at(self, tile: int, stop: int | None = None) -> tuple[int, Tiles]:
        """The decoded block with a tile: the number of its first tile, and its tiles.

        The tiles must not be changed. stop: tiles from this number on are not needed; nothing is
        then verified.
        """
        self.file.check_open()
        block = self.with_tile(tile)
        tiles = self._cache.get(block.number)
        if tiles is None:
            tiles = self.decode(self.task(block), None if stop is None else stop - block.first)
        return block.first, tiles

    def decode(self, task: Task, stop: int | None = None) -> Tiles:
        """The tiles of a block, or only the first `stop` of them, which are then not verified.

        Complete blocks are cached. Raises ArchiveError, which names archive and block.
        """
        tiles = self._cache.get(task.number)
        if tiles is None:
            tiles = decode(self.archive, task, stop)
            if stop is None:
                self._cache.put(task.number, tiles)
        return tiles

    def header(self, block: BlockInfo) -> Block:
        """The header of a block, from its first bytes. Raises ArchiveError if it is damaged."""
        data = memoryview(self.file.read(block.offset, min(HEADER_SPACE, block.size)))
        cursor = Cursor(data, 1)
        cursor.varint()
        try:
            return read_header(data[cursor.at :])
        except ArchiveError:
            return read_header(self.task(block).payload)

    def announce(self, blocks: Iterable[BlockInfo]) -> None:
        """Announces the blocks that will be decoded next, in order.

        A remote file then fetches them together. For a local file `blocks` is not consumed.
        """
        self.file.expect(block for block in blocks if block.number not in self._cache)

    @contextmanager
    def announced(self, blocks: Iterable[BlockInfo]) -> Iterator[None]:
        """Announces the blocks that the body decodes. Announcements in the body are ignored."""
        if self._is_announced:
            yield
            return
        self.announce(blocks)
        self._is_announced = True
        try:
            yield
        finally:
            self._is_announced = False


class FileSections:
    """The sections that describe files, each read on first use.

    All methods raise ArchiveError for damage, without the name of the archive.
    """

    def __init__(
        self, collection: FileCollection, directory: Directory, read: Callable[[Place], bytes]
    ) -> None:
        self._collection, self._directory, self._read = collection, directory, read
        self._names_are_lost = self._entries_are_lost = False

    def do_without_names(self) -> None:
        """Numbers the files instead of lost names, and leaves out lost modes, links and digests."""
        try:
            _ = self.files
        except ArchiveError:
            self._entries_are_lost = True
            try:
                _ = self.files
            except ArchiveError:
                self._names_are_lost = True
        try:
            _ = self.hashes
        except ArchiveError:
            self.__dict__ |= {"digests": None, "hashes": None}

    def take(self, files: Files, digests: Digests | None) -> None:
        """Replaces the files and digests of the archive. digests: including removed files."""
        self.__dict__ |= {"files": files, "digests": digests}

    @property
    def has_entries(self) -> bool:
        return bool(self._directory.places(ENTRIES))

    @cached_property
    def files(self) -> Files:
        """The files of the archive and their items."""
        if self._names_are_lost:
            return Files.unnamed(self._collection)
        find = self._directory.places
        places, stats = find(NAMES, UNNAMED), find(STATS)
        entries = [] if self._entries_are_lost else find(ENTRIES)
        if len(places) != 1:
            what = "there twice" if places else "missing"
            raise ArchiveError(f"the names of its files are {what}")
        if len(stats) > (self._collection.kind == FOLDER):
            raise ArchiveError("it has two sections with the stats of its files, or no folder")
        if len(entries) > (self._collection.kind == FOLDER and places[0].kind == NAMES):
            raise ArchiveError("it has two sections with modes and links, or no folder")
        if places[0].kind == UNNAMED:
            if stats or self._collection.has_removed:
                raise ArchiveError("its files have stats, or were removed, but have no names")
            return unpack_unnamed(open_section(self._read(places[0]), UNNAMED), self._collection)
        if self._collection.kind == FOLDER and self._collection.metadata_parts and not stats:
            raise ArchiveError("the stats of its files are missing")
        return unpack_files(
            open_section(self._read(places[0]), NAMES),
            self._collection,
            open_section(self._read(stats[0]), STATS) if stats else None,
            open_section(self._read(entries[0]), ENTRIES) if entries else None,
        )

    @cached_property
    def hashes(self) -> Sequence[bytes] | None:
        """The SHA-256 of each original file, empty for a file without one.

        None if the archive has no hashes.
        """
        files, digests = self.files, self.digests
        hashes = None if digests is None else digests.files
        if hashes is None or not files.named or not self._collection.has_removed:
            return hashes
        return [hashes[number] for number in files.kept]

    @cached_property
    def digests(self) -> Digests | None:
        """The digests of the files, including removed files; None if there are none."""
        places = self._directory.places(HASHES)
        if not places or self._names_are_lost:
            return None
        if len(places) > 1 or self._collection.kind != FOLDER or self._directory.unnamed:
            raise ArchiveError("it has two sections with digests, or no files for them")
        files = self.files
        listed = len(files.listed.names) if files.named else len(files)
        return Digests.unpack(open_section(self._read(places[0]), HASHES), listed)

    def preview(self, number: int) -> bytes:
        """The preview of a file; empty if it has none."""
        if self._collection.has_removed:
            number = self.files.kept[number]
        number = self.files.row_originals.get(number, number)
        for first, count, place in self._previews:
            if first <= number < first + count:
                previews = Previews.unpack(open_section(self._read(place), PREVIEWS))
                return previews.pictures[number - first]
        return b""

    @cached_property
    def _previews(self) -> list[tuple[int, int, Place]]:
        """The first file, the number of files, and the place of each section with previews."""
        starts = (
            (place, replace(place, size=min(place.size, RANGE_BYTES)))
            for place in self._directory.places(PREVIEWS)
        )
        return [(*read_range(self._read(start)), place) for place, start in starts]

    @cached_property
    def pairs(self) -> Pairs | None:
        """The items and their labels: arrays of an npz file, or pictures and their folders.

        None without labels.
        """
        places = self._directory.places(LABELS)
        if not places:
            return None
        if len(places) > 1:
            raise ArchiveError("it has two sections with the labels of its items")
        return unpack_pairs(open_section(self._read(places[0]), LABELS), self._collection)
