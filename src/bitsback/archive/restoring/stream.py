"""Read an archive from a pipe, once from its first byte to its last."""

from collections.abc import Iterator
from typing import BinaryIO

from bitsback.archive.container.library import Library, load_embedded
from bitsback.archive.container.source import Task, at_block
from bitsback.archive.container.targets import check_container
from bitsback.coding.block import read_header
from bitsback.errors import ArchiveError
from bitsback.format.index import BlockInfo, Index, Place
from bitsback.format.layout import (
    BLOCK,
    COLLECTION,
    CRC_SIZE,
    FOOTER_SIZE,
    HEAD,
    INDEX,
    MAX_BLOCK_BYTES,
    MODEL,
    Cursor,
    check_head,
    footer_of,
    known_kind,
    open_section,
)
from bitsback.format.parts import unpack_collection
from bitsback.io.file_io import read_up_to, reading, stream_name
from bitsback.models import Model

_MAX_SECTION = MAX_BLOCK_BYTES + (1 << 16)


class Stream:
    """The blocks of an archive in a stream. All of the stream is checked while it is read."""

    def __init__(self, file: BinaryIO, model: Model | None) -> None:
        self.name = stream_name(file, "the input")
        self.file_bytes = 0
        self._file, self._ahead = file, b""
        self._models: list[bytes] = []
        self.library = Library(model, lambda: self._models)
        try:
            check_head(self._take(len(HEAD)))
            self._described = open_section(self._take_section(), COLLECTION)
            self.collection = unpack_collection(self._described)
            if self.collection.kind is None:
                check_container(self.collection)
        except ArchiveError as error:
            raise ArchiveError(f"{self.name}: {error}") from None

    def where(self, first: int, count: int) -> str:
        """A description of some tiles for messages."""
        return self.collection.where(first, count)

    def tasks(self) -> Iterator[Task]:
        blocks: list[BlockInfo] = []
        sections = [Place(COLLECTION, len(HEAD), self.file_bytes - len(HEAD))]
        first = 0
        while True:
            try:
                data = self._take_section()
                kind, place = data[:1], self.file_bytes - len(data)
                if kind == MODEL:
                    self._add_model(data, bool(blocks))
                    sections.append(Place(kind, place, len(data)))
                    continue
                payload = open_section(data, kind)
                if kind == INDEX:
                    break
                if kind != BLOCK:
                    if not known_kind(kind):
                        raise ArchiveError(
                            f"it has a part of the kind {kind.decode('latin-1')!r}: update bitsback"
                        )
                    if kind == COLLECTION:
                        raise ArchiveError("its parts are not in order")
                    sections.append(Place(kind, place, len(data)))
                    continue
                if blocks and blocks[-1].end != place:
                    raise ArchiveError("its parts are not in order")
                items = read_header(payload).items
            except ArchiveError as error:
                number = len(blocks)
                raise ArchiveError(f"{self.name}: block {number}: {error}", number) from None
            if first + items > self.collection.tiles:
                surplus = ArchiveError(f"the archive has only {self.collection.tiles} items")
                raise at_block(self, len(blocks), first, items, surplus)
            yield Task(len(blocks), first, items, payload)
            blocks.append(BlockInfo(len(blocks), first, items, place, len(data)))
            first += items
        try:
            self._end_of_generation(data, Index(sections, blocks))
            if first != self.collection.tiles:
                raise ArchiveError(f"it should have {self.collection.tiles} items, but has {first}")
            while not self._at_end():
                self._further(sections, blocks)
            for problem in self.library.damage():
                raise problem
        except ArchiveError as error:
            raise ArchiveError(f"{self.name}: {error}") from None

    def _add_model(self, data: bytes, is_late: bool) -> None:
        """is_late: whether the blocks, which the program could decode without it, are over."""
        if not is_late:
            self._models.append(data)  # the library checks it
        elif not self.library.has_requested:
            load_embedded(data)

    def _end_of_generation(self, data: bytes, expected: Index) -> None:
        """Checks the index of a generation, and reads its footer."""
        if Index.unpack(open_section(data, INDEX)) != expected or not expected.in_order():
            raise ArchiveError("its index does not match its blocks")
        if self._take(FOOTER_SIZE) != footer_of(data):
            raise ArchiveError("its last bytes are damaged")

    def _further(self, sections: list[Place], blocks: list[BlockInfo]) -> None:
        """Reads a later generation, which may have parity and the like, but no blocks."""
        own: list[Place] = []
        while True:
            data = self._take_section()
            kind, place = data[:1], self.file_bytes - len(data)
            payload = open_section(data, kind)
            if kind == INDEX and own:
                break
            if kind == INDEX:
                raise ArchiveError("its parts are not in order")
            if kind in (BLOCK, MODEL) or (kind == COLLECTION) != (not own):
                raise ArchiveError("it was continued with other content; save it as a file first")
            if kind == COLLECTION and payload != self._described:
                raise ArchiveError("it was continued with other content; save it as a file first")
            own.append(Place(kind, place, len(data)))
        listed = [each for each in Index.unpack(payload).sections if each in sections]
        sections[:] = [*listed, *own]
        self._end_of_generation(data, Index(sections, blocks))

    def _at_end(self) -> bool:
        with reading(self.name):
            self._ahead = self._ahead or self._file.read(1)
        return not self._ahead

    def _take(self, size: int) -> bytes:
        """The next `size` bytes. Raises ArchiveError at the end of the stream.

        Memory grows only with the bytes that arrive.
        """
        ahead, self._ahead = self._ahead, b""
        data = ahead + read_up_to(self._file, size - len(ahead), self.name)
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
