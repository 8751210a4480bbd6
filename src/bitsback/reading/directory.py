"""Find the sections and blocks of an archive, also of a damaged one (docs/format.md, Damage)."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from bitsback.coding.block import read_header
from bitsback.errors import ArchiveError
from bitsback.format.collection import Collection, check_shape
from bitsback.format.layout import (
    BLOCK,
    COLLECTION,
    CRC_SIZE,
    END,
    FOOTER_SIZE,
    HASHES,
    HEAD,
    INDEX,
    LABELS,
    MAGIC,
    MODEL,
    NAMES,
    STATS,
    UNNAMED,
    Cursor,
    check_head,
    known_kind,
    open_section,
    unpack_index,
)
from bitsback.format.parts import Content, FileList, unpack_collection
from bitsback.models.costs import max_elements

Read = Callable[[int, int], bytes]
"""Reads (offset, size), and returns fewer bytes at the end of the file."""

_LONGEST_START = 11  # the start of a section: its kind and a varint
_HEAD_SPACE = (
    512  # bytes that are usually enough from magic to the end of `C`, and for the header of a block
)
_SMALLEST_BLOCK = 11 + CRC_SIZE  # kind, length, first, the runs of one run, method
_BEFORE_BLOCKS = (COLLECTION, MODEL, NAMES, STATS, LABELS, HASHES)


@dataclass(frozen=True, slots=True)
class BlockInfo:
    """The place of a block, and its tiles (items, if these are not cut)."""

    number: int
    first: int
    """The number of its first tile."""
    items: int
    """The number of its tiles."""
    offset: int
    size: int
    """Bytes of its section in the archive."""


@dataclass(frozen=True, slots=True)
class Place:
    """The place of another section."""

    kind: bytes
    offset: int
    size: int


@dataclass
class Directory:
    """The contents of an archive."""

    collection: Content | None = None
    """None if it is damaged."""
    blocks: list[BlockInfo] = field(default_factory=list)
    listed: int | None = None
    """The number of tiles that the index lists, if there is one."""
    sections: list[Place] = field(default_factory=list)
    """The sections `M`, and others that are no blocks, without `C` and `I`."""
    drift: int = 0
    """The number of bytes by which sections are shifted."""
    problems: list[ArchiveError] = field(default_factory=list)
    """The faults outside of blocks."""
    models_lost: bool = False
    """Whether only the sections of the models cannot be separated."""

    @property
    def models(self) -> list[Place]:
        return [place for place in self.sections if place.kind == MODEL]

    @property
    def names(self) -> list[Place]:
        """The sections with names. A collection of files must have one, even if it has no names."""
        return [place for place in self.sections if place.kind in (NAMES, UNNAMED)]

    @property
    def unnamed(self) -> bool:
        """Whether it says that pictures have no names."""
        return any(place.kind == UNNAMED for place in self.names)

    @property
    def labels(self) -> list[Place]:
        """The sections with labels. A collection of files may have one."""
        return [place for place in self.sections if place.kind == LABELS]

    @property
    def hashes(self) -> list[Place]:
        """The sections with hashes. A folder may have one."""
        return [place for place in self.sections if place.kind == HASHES]

    @property
    def stats(self) -> list[Place]:
        """The sections with file stats. A folder may have one."""
        return [place for place in self.sections if place.kind == STATS]

    @property
    def counted(self) -> int:
        """The number of tiles in the blocks that the index lists, or otherwise in those found."""
        if self.listed is not None:
            return self.listed
        return self.blocks[-1].first + self.blocks[-1].items if self.blocks else 0


def scan(read: Read, size: int) -> Directory:
    """Finds all sections. Raises ArchiveError if it is no archive, a newer one, or too damaged."""
    directory = Directory()
    index = _find_index(read, size)
    start = _read_start(read, size, directory, index)
    if index is None:
        directory.problems.append(ArchiveError("its end, with the index, is cut off or damaged"))
        directory.sections, _ = _walk(read, directory, start, size, with_blocks=True)
    else:
        _place_blocks(directory, index, size)
        behind, stop = _walk(read, directory, index.end, index.offset, behind=True)
        if stop != index.offset or (behind and not index.blocks):  # blocks come before the index
            behind = []
            directory.drift = index.offset - index.end
            what = "added to" if directory.drift > 0 else "lost from"
            directory.problems.append(ArchiveError(f"{abs(directory.drift)} bytes were {what} it"))
        directory.sections = _before_blocks(read, directory, start, index) + behind
    collection = directory.collection
    if collection is not None:
        _check_claims(directory, collection, size, index is not None)
    return directory


def _before_blocks(read: Read, directory: Directory, start: int, index: "_Index") -> list[Place]:
    """The undamaged sections between `C` and the blocks."""
    found, stop = list[Place](), start
    ends = {index.first_offset, index.first_offset + directory.drift}
    for end in sorted(ends, reverse=True):
        found, stop = _walk(read, directory, start, end)
        if stop == end:
            return found
    if not directory.problems:
        if read(stop, 1) == MODEL or not isinstance(directory.collection, FileList):
            directory.models_lost = True
        else:
            directory.problems.append(ArchiveError("what stands before its blocks is damaged"))
    return [place for place in found if _intact(read, place)]


def guess_collection(directory: Directory, read: Read) -> Collection:
    """The collection according to its first undamaged block, if its own description is damaged.
    Raises ArchiveError.
    """
    # Several kinds hold files, and only the description tells them apart.
    blocks = [] if directory.names else directory.blocks
    for block, drift in ((block, drift) for block in blocks for drift in (0, directory.drift)):
        try:
            run = read_header(open_section(read(block.offset + drift, block.size), BLOCK)).runs[0]
        except ArchiveError:
            continue
        shape = (directory.counted, *run.shape)
        check_shape(run.dtype, shape)
        return Collection(run.dtype, shape, 1)
    raise ArchiveError("neither the description of its contents nor any block is whole")


@dataclass(frozen=True)
class _Index:
    offset: int
    first_offset: int
    blocks: list[tuple[int, int]]
    """Number of items, size."""

    @property
    def end(self) -> int:
        """The end of the blocks."""
        return self.first_offset + sum(size for _, size in self.blocks)


def _find_index(read: Read, size: int) -> _Index | None:
    footer = read(max(size - FOOTER_SIZE, 0), FOOTER_SIZE)
    index_size = int.from_bytes(footer[:8], "little")
    offset = size - FOOTER_SIZE - index_size
    if footer[8:] != END or offset < 0:
        return None
    try:
        return _Index(offset, *unpack_index(open_section(read(offset, index_size), INDEX)))
    except ArchiveError:
        return None


def _read_start(read: Read, size: int, directory: Directory, index: _Index | None) -> int:
    """Reads magic to `C`. Returns the start of the next section."""
    try:
        check_head(read(0, _HEAD_SPACE))
        return _read_collection(read, directory, len(HEAD), size)
    except _DamagedCollection as error:
        if index is None:
            raise ArchiveError(str(error)) from None
        directory.problems.append(ArchiveError(str(error)))
    except ArchiveError:
        # A changed byte of the version cannot be distinguished from a newer archive; a lost or an
        # added one can.
        intact_magic = read(0, len(MAGIC)) == MAGIC
        if index is None or (intact_magic and index.end == index.offset):
            raise
        directory.problems.append(ArchiveError("its first bytes are damaged"))
    # `C`, or the section after it, which a lost or added byte has moved, if it is undamaged.
    for offset in range(min(_HEAD_SPACE, index.offset)):
        place = _section_at(read, offset, index.offset)
        if place is None or place.kind not in _BEFORE_BLOCKS or not _intact(read, place):
            continue
        if place.kind != COLLECTION:
            return offset
        return _read_collection(read, directory, offset, size)
    return index.first_offset


class _DamagedCollection(ArchiveError):
    pass


def _read_collection(read: Read, directory: Directory, offset: int, end: int) -> int:
    """Reads `C`, and returns its end. Raises _DamagedCollection if it is damaged."""
    place = _section_at(read, offset, end)
    if place is None or place.kind != COLLECTION or not _intact(read, place):
        raise _DamagedCollection("the description of its contents is damaged")
    directory.collection = unpack_collection(
        open_section(read(place.offset, place.size), COLLECTION)
    )
    return place.offset + place.size


def _check_claims(directory: Directory, collection: Content, size: int, indexed: bool) -> None:
    if directory.counted != collection.tiles:
        if indexed:
            raise ArchiveError(
                f"it should hold {collection.tiles} items, and its index lists {directory.counted}"
            )
        missing = collection.tiles - directory.counted
        directory.problems.append(
            ArchiveError(
                f"{collection.where(directory.counted, missing)} are missing"
                if missing > 0
                else f"it should hold {collection.tiles} items, and its blocks have more",
                len(directory.blocks),
            )
        )
    for block in directory.blocks:
        first, part = collection.part_of(block.first)
        at, end = (min(block.first + tiles - first, part.tiles) for tiles in (0, block.items))
        elements = part.elements_before(end) - part.elements_before(at)
        if elements > max_elements(min(block.size, size)):
            raise ArchiveError(
                f"it claims {block.items} items in {block.size} bytes, too many", block.number
            )


def _place_blocks(directory: Directory, index: _Index, archive_size: int) -> None:
    """Adds the blocks that the index lists. Bytes are lost or added in one place, so each block is
    where the index says, or shifted by the drift; blocks that can be at neither place are not
    added, since a few bytes may claim many of them.
    """
    drift = index.offset - index.end
    first, offset, last = 0, index.first_offset, archive_size
    missing: list[int] = []
    for number, (items, size) in enumerate(index.blocks):
        if items == 0 or size < _SMALLEST_BLOCK:
            raise ArchiveError("the index lists it as empty", number)
        if offset < last or offset + drift >= index.first_offset:
            directory.blocks.append(BlockInfo(number, first, items, offset, size))
        else:
            missing = [missing[0] if missing else number, number]
        first += items
        offset += size
    directory.listed = first
    if missing:
        directory.problems.append(
            ArchiveError(f"this block and those up to {missing[1]} are missing", missing[0])
        )


def _section_at(read: Read, offset: int, end: int) -> Place | None:
    """The section that begins here, if there can be one that ends before `end`."""
    data = read(offset, min(_LONGEST_START, max(end - offset, 0)))
    cursor = Cursor(data)
    try:
        kind, length = cursor.take(1), cursor.varint()
    except ArchiveError:
        return None
    size = cursor.at + length + CRC_SIZE
    return Place(kind, offset, size) if offset + size <= end else None


def _walk(
    read: Read,
    directory: Directory,
    offset: int,
    end: int,
    behind: bool = False,
    with_blocks: bool = False,
) -> tuple[list[Place], int]:
    """Walks the sections from offset to end, as far as they are in order. Returns those that are no
    blocks, and the end of the walk.

    behind: they follow the blocks. with_blocks: blocks are among them, since there is no index of
    their places.
    """
    found: list[Place] = []

    def in_order(kind: bytes) -> bool:
        """Checks the order: models before the blocks, all others before or after them."""
        return kind != MODEL or not (behind or (directory.blocks and with_blocks))

    while offset < end:
        place = _section_at(read, offset, end)
        if place is None:
            break
        if place.kind == BLOCK and with_blocks:
            if not _add_block(read, directory, place):
                break
        elif place.kind in (BLOCK, COLLECTION, INDEX) or not known_kind(place.kind):
            if not known_kind(place.kind) and _intact(read, place):
                raise ArchiveError(
                    f"it has a part of the kind {place.kind.decode('latin-1')!r}: update bitsback"
                )
            break
        elif not in_order(place.kind):
            break
        else:
            found.append(place)
        offset += place.size
    return found, offset


def _intact(read: Read, place: Place) -> bool:
    try:
        open_section(read(place.offset, place.size), place.kind)
    except ArchiveError:
        return False
    return True


def _add_block(read: Read, directory: Directory, place: Place) -> bool:
    """Adds a block that no index lists, by its own header, if it can be the next one."""
    header = None
    for space in (min(_HEAD_SPACE, place.size - CRC_SIZE), place.size - CRC_SIZE):
        data = memoryview(read(place.offset, space))
        start = Cursor(data, 1)
        with suppress(ArchiveError):
            start.varint()
            header = read_header(data[start.at :])
            break
    if header is None or header.first != directory.counted:
        return False
    number = len(directory.blocks)
    directory.blocks.append(BlockInfo(number, header.first, header.items, place.offset, place.size))
    return True
