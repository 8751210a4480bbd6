"""The blocks of an open archive: find them by their tiles, read, decode and cache them."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable

from bitsback.coding.block import Opened, read_header
from bitsback.errors import ArchiveError
from bitsback.format.layout import BLOCK, Cursor, open_section
from bitsback.format.parts import Content
from bitsback.format.tiles import Tiles
from bitsback.locks import Lock
from bitsback.reading.directory import BlockInfo, Directory, Read
from bitsback.reading.library import Library
from bitsback.reading.source import Task, at_block, decode

CACHE_BYTES = 64 << 20
"""Bytes that are kept unless another number is asked for."""


class BlockCache:
    """Blocks by their numbers. The one that was decoded last is kept even if it is larger than all
    the capacity, unless that is 0. May be used from several threads.
    """

    def __init__(self, capacity: int) -> None:
        """capacity: in bytes."""
        self.capacity = capacity
        self.nbytes = 0
        """Of what is kept."""
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


HEADER_SPACE = 512
"""The header of a block as the writer makes it takes fewer bytes."""


class Blocks:
    """May be used from several threads."""

    def __init__(
        self,
        name: str,
        collection: Content,
        library: Library,
        directory: Directory,
        read: Read,
        cache: BlockCache,
        where: Callable[[int, int], str],
    ) -> None:
        """name: of the archive. read: reads from it. where: see `Located`."""
        self.name, self._collection, self._library = name, collection, library
        self.all = directory.blocks
        """Those that there are, in order."""
        self.cache, self._where = cache, where
        self._drift, self._read = directory.drift, read

    def of_tile(self, tile: int) -> BlockInfo:
        """The block that holds a tile. Raises ArchiveError if it is missing."""
        behind = bisect_right(self.all, tile, key=lambda block: block.first)
        if behind == 0 or tile >= self.all[behind - 1].first + self.all[behind - 1].items:
            number = self.all[behind - 1].number + 1 if behind else 0
            raise ArchiveError(
                f"{self.name}: block {number}: {self._where(tile, 1)} is missing, the archive is"
                " cut off",
                number,
            )
        return self.all[behind - 1]

    def task(self, block: BlockInfo) -> Task:
        """Reads a block and checks its CRC. Raises ArchiveError, naming archive and block."""
        data = self._read(block.offset, block.size)
        try:
            try:
                payload = open_section(data, BLOCK)
            except ArchiveError:
                if not self._drift:
                    raise
                data = self._read(block.offset + self._drift, block.size)
                payload = open_section(data, BLOCK)
        except ArchiveError as error:
            raise at_block(self, block.number, block.first, block.items, error) from None
        return Task(block.number, block.first, block.items, payload)

    def decode_at(self, tile: int, stop: int | None) -> tuple[int, Tiles]:
        """The number of the first tile of the block that holds this one, and its tiles. stop:
        those from it on are not needed, and nothing is verified.
        """
        block = self.of_tile(tile)
        tiles = self.cache.get(block.number)
        if tiles is None:
            tiles = decode(self, self.task(block), None if stop is None else stop - block.first)
            if stop is None:
                self.cache.put(block.number, tiles)
        return block.first, tiles

    def header(self, block: BlockInfo) -> Opened:
        """The header of a block, from its first bytes. Raises ArchiveError if it is damaged."""
        data = memoryview(self._read(block.offset, min(HEADER_SPACE, block.size)))
        cursor = Cursor(data, 1)
        cursor.varint()
        try:
            return read_header(data[cursor.at :])
        except ArchiveError:
            return read_header(self.task(block).payload)
