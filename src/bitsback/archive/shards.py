"""Archives that are to be joined: what is in them, and their blocks under new numbers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bitsback.archive.block import PREFIX_SIZE, read_header
from bitsback.archive.collection import Collection
from bitsback.archive.directory import BlockInfo
from bitsback.archive.facts import Facts
from bitsback.archive.hashes import Hashes
from bitsback.archive.layout import BLOCK, FACTS, HASHES, MODEL, NAMES, Cursor, open_section
from bitsback.archive.layout import section as pack_section
from bitsback.archive.parts import Content, FileList
from bitsback.archive.reader import Archive
from bitsback.errors import ArchiveError, InputError
from bitsback.images.file_io import Location, name_of
from bitsback.remote.url import Url
from bitsback.remote.version import CHANGED
from bitsback.wire import varint

Stamp = tuple[int, int, int] | None
"""Device, inode and time of a file; None of a URL, which is itself watched for changes."""


@dataclass(frozen=True)
class Shard:
    """What is known of an archive when it is closed again."""

    place: Location
    content: Content
    size: int
    models: list[bytes]
    """The first bytes of the identities of those that are in it."""
    names: Sequence[str]
    runs: Sequence[tuple[int, int]]
    """The order of its files; see `Files`."""
    facts: Facts | None
    hashes: Hashes | None
    unordered: bool
    stamp: Stamp
    """Of its file."""

    @property
    def name(self) -> str:
        return name_of(self.place)

    @property
    def parts(self) -> tuple[Collection, ...]:
        return self.content.parts

    @contextmanager
    def opened(self) -> Iterator[Archive]:
        """The archive again. Raises ArchiveError if it is another one by now."""
        with Archive(self.place) as archive:
            if (archive.file_bytes, _stamp(self.place)) != (self.size, self.stamp):
                raise ArchiveError(f"{self.name}: {CHANGED}")
            yield archive


@dataclass
class Merged:
    """What the new archive holds."""

    content: Content
    parts: list[list[tuple[int, int]]] = field(default_factory=list)
    """For each of its parts those that it is made of: number of the shard, and of its part."""
    names: bytes = b""
    """The `N` section, and the `F` and the `H` section if there are some."""
    with_facts: bool = False
    with_hashes: bool = False


def look(place: Location) -> Shard:
    """Reads all of an archive but its blocks. Raises InputError, ArchiveError."""
    with Archive(place) as archive:
        for problem in archive.problems:
            raise problem
        for section in archive._sections():
            if section.kind not in (MODEL, NAMES, FACTS, HASHES):
                raise InputError(
                    f"{archive.name}: has a part of the kind {section.kind.decode('latin-1')!r},"
                    " which cannot be merged; decompress it, and compress it with the others"
                )
        files = archive._files if isinstance(archive._collection, FileList) else None
        return Shard(
            place,
            archive._collection,
            archive.file_bytes,
            [identity for identity, _ in models_of(archive)],
            files.names if files else [],
            files.runs if files else [],
            files.facts if files else None,
            archive._file_hashes,
            archive.unordered,
            _stamp(place),
        )


def _stamp(place: Location) -> Stamp:
    if isinstance(place, Url):
        return None
    status = Path(place).stat()
    return status.st_dev, status.st_ino, status.st_mtime_ns


def models_of(archive: Archive) -> Iterator[tuple[bytes, memoryview]]:
    """The models in an archive: the first bytes of the identity, and all of the section's payload.
    Raises ArchiveError.
    """
    for section in archive._sections():
        if section.kind == MODEL:
            try:
                payload = open_section(archive._read(section.offset, section.size), MODEL)
            except ArchiveError as error:
                raise ArchiveError(f"{archive.name}: the model in it is damaged: {error}") from None
            yield bytes(payload[:PREFIX_SIZE]), payload


def blocks_of(archive: Archive, part: int, start: int) -> Iterator[tuple[int, bytes]]:
    """The blocks of one of its parts, whose first piece gets the number `start`: the number of
    pieces of each, and its section. Raises ArchiveError.
    """
    pieces = range(*archive._collection.starts[part : part + 2])
    wanted = [block for block in archive._blocks if block.first in pieces]
    archive._expect(wanted)
    for block in wanted:
        yield block.items, _renumbered(archive, block, start - pieces.start)


def _renumbered(archive: Archive, block: BlockInfo, shift: int) -> bytes:
    payload = archive._task(block).payload
    header = read_header(payload)
    if (header.first, header.items) != (block.first, block.items):
        raise ArchiveError(
            f"{archive.name}: block {block.number}: it does not hold what the index says",
            block.number,
        )
    cursor = Cursor(payload)
    cursor.varint()
    return pack_section(BLOCK, varint(block.first + shift), payload[cursor.at :])
