"""Read an archive from a pipe, once, from its first byte to its last."""

from collections.abc import Iterator
from typing import BinaryIO

from bitsback.coding.block import read_header
from bitsback.errors import ArchiveError
from bitsback.format.layout import (
    BLOCK,
    COLLECTION,
    CRC_SIZE,
    END,
    FOOTER_SIZE,
    HEAD,
    INDEX,
    MAX_BLOCK_BYTES,
    MODEL,
    Cursor,
    check_head,
    known_kind,
    open_section,
    unpack_index,
)
from bitsback.format.parts import FileList, unpack_collection
from bitsback.images.file_io import read_up_to, reading, stream_name
from bitsback.models import Model
from bitsback.reading.library import Library
from bitsback.reading.source import Task, at_block
from bitsback.reading.targets import check_container

_MAX_SECTION = MAX_BLOCK_BYTES + (1 << 16)


class Stream:
    """The blocks of an archive in a stream, which is checked completely on the way."""

    def __init__(self, file: BinaryIO, model: Model | None) -> None:
        self.name = stream_name(file, "the input")
        self.file_bytes = 0
        self._file = file
        self._models: list[bytes] = []
        self._library = Library(model, lambda: self._models)
        try:
            head = self._take(len(HEAD))
            check_head(head)
            first = self._take_section()
            check_head(head + first)  # refuses a research archive
            self._collection = unpack_collection(open_section(first, COLLECTION))
            if not isinstance(self._collection, FileList):
                check_container(self._collection)
        except ArchiveError as error:
            raise ArchiveError(f"{self.name}: {error}") from None

    def _where(self, first: int, count: int) -> str:
        """A description of some tiles for people."""
        return self._collection.where(first, count)

    def _tasks(self) -> Iterator[Task]:
        index: list[tuple[int, int]] = []
        first = first_block = 0
        ended = False
        while True:
            try:
                data = self._take_section()
                kind = data[:1]
                if not index:
                    first_block = self.file_bytes - len(data)
                    if kind == MODEL:
                        self._models.append(data)  # the library checks it
                        continue
                payload = open_section(data, kind)
                if kind == INDEX:
                    break
                if kind != BLOCK:
                    if not known_kind(kind):
                        raise ArchiveError(
                            f"it has a part of the kind {kind.decode('latin-1')!r}: update bitsback"
                        )
                    if kind in (MODEL, COLLECTION):
                        raise ArchiveError("its parts are not in order")
                    ended = bool(index)
                    continue
                if ended:
                    raise ArchiveError("its parts are not in order")
                items = read_header(payload).items
            except ArchiveError as error:
                raise ArchiveError(
                    f"{self.name}: block {len(index)}: {error}", len(index)
                ) from None
            if first + items > self._collection.tiles:
                surplus = ArchiveError("the archive should not have so many")
                raise at_block(self, len(index), first, items, surplus)
            yield Task(len(index), first, items, payload)
            first += items
            index.append((items, len(data)))
        try:
            if unpack_index(payload) != (first_block, index):
                raise ArchiveError("its index is not that of its blocks")
            if first != self._collection.tiles:
                raise ArchiveError(
                    f"it should hold {self._collection.tiles} items, and holds {first}"
                )
            if self._take(FOOTER_SIZE) != len(data).to_bytes(8, "little") + END:
                raise ArchiveError("its last bytes are damaged")
            with reading(self.name):
                if self._file.read(1):
                    raise ArchiveError("something follows its end")
            for problem in self._library.damage():
                raise problem
        except ArchiveError as error:
            raise ArchiveError(f"{self.name}: {error}") from None

    def _take(self, size: int) -> bytes:
        """The next `size` bytes. Memory grows only with the bytes that exist. Raises ArchiveError
        at the end of the stream.
        """
        data = read_up_to(self._file, size, self.name)
        if len(data) < size:
            raise ArchiveError("it is cut short")
        self.file_bytes += size
        return bytes(data)

    def _take_section(self) -> bytes:
        start = self._take(2)
        while start[-1] >= 128 and len(start) < 11:
            start += self._take(1)
        length = Cursor(start, 1).varint()
        if length > _MAX_SECTION:
            raise ArchiveError(f"a part of it claims {length} bytes, more than any has")
        return start + self._take(length + CRC_SIZE)
