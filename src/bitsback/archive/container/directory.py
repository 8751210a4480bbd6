"""Find the sections and blocks of an archive, even if it is damaged (docs/format.md, Damage)."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from bitsback.coding.block import read_header
from bitsback.errors import ArchiveError
from bitsback.format.array_part import ArrayPart, check_shape
from bitsback.format.index import BlockInfo, Index, Place
from bitsback.format.layout import (
    BLOCK,
    COLLECTION,
    CRC_SIZE,
    END,
    ENTRIES,
    FOOTER_SIZE,
    HASHES,
    HEAD,
    INDEX,
    LABELS,
    MAGIC,
    NAMES,
    STATS,
    UNNAMED,
    Cursor,
    check_head,
    known_kind,
    open_section,
)
from bitsback.format.parts import Content, unpack_collection
from bitsback.models.costs import max_elements

Read = Callable[[int, int], bytes]
"""Reads (offset, size), and returns fewer bytes at the end of the file."""

_NO_COLLECTION = "the description of its contents is damaged"
_ONCE = (NAMES, STATS, LABELS, HASHES, ENTRIES)
"""The kinds of sections that are valid once: only the newest section counts."""
_LONGEST_START = 11  # the start of a section: its kind and a varint
HEADER_SPACE = 512
"""More bytes than our writer usually uses from magic to the end of `C`, or for a block's header."""


@dataclass
class Directory:
    """The places of an archive's sections and blocks, and the faults that were found."""

    collection: Content | None = None
    """The description of the content; None if it is damaged."""
    blocks: list[BlockInfo] = field(default_factory=list)
    index: Index | None = None
    """The index; None if it is damaged."""
    listed: int | None = None
    """The number of tiles up to the last block of the index; None without an index."""
    end: int = 0
    """The end of the newest generation, or of the file."""
    lost_footer: bool = False
    """Whether only the footer is missing."""
    start: int = 0
    """The start of the newest generation."""
    walked: int = 0
    """The end of the last section that was found without an index."""
    tail: ArchiveError | None = None
    """The fault that bytes follow the end. It is also among `problems`."""
    unread: int = 0
    """The number of these bytes, if they are an addition that cannot be read."""
    sections: list[Place] = field(default_factory=list)
    """The valid sections, such as `M`, without blocks, `C` and `I`."""
    drift: int = 0
    """The number of bytes by which sections are shifted against the index."""
    problems: list[ArchiveError] = field(default_factory=list)
    """The faults outside of blocks."""

    def places(self, *kinds: bytes) -> list[Place]:
        """The places of the valid sections of some kinds, in their order."""
        return [place for place in self.sections if place.kind in kinds]

    @property
    def unnamed(self) -> bool:
        """Whether a section states that pictures have no names."""
        return bool(self.places(UNNAMED))

    @property
    def counted(self) -> int:
        """The number of tiles up to the last block of the index, or up to the last found block."""
        if self.listed is not None:
            return self.listed
        blocks = self.blocks if self.index is None else self.index.blocks
        return blocks[-1].first + blocks[-1].items if blocks else 0


def scan(read: Read, size: int) -> Directory:
    """Finds all sections. Raises ArchiveError if it is no archive, a newer one, or too damaged."""
    directory = Directory()
    found, directory.end = _find_index(read, size), size
    newest = _newest(read, size) if found is None else None
    # A file that ends like an archive was finished, and has lost its index since.
    if newest and not (_continues(read, newest[0]) and read(size - len(END), len(END)) == END):
        directory.end, found = newest
        if directory.end == size:
            directory.lost_footer = True
            directory.problems.append(
                ArchiveError(
                    "its last bytes are cut off or damaged; 'bitsback repair' writes them again"
                )
            )
    if found is None:
        check_head(read(0, HEADER_SPACE))
        directory.problems.append(ArchiveError("its end, with the index, is cut off or damaged"))
        if not walk(read, directory, len(HEAD), size):
            raise ArchiveError(_NO_COLLECTION)
    else:
        offset, index = found
        directory.index, directory.drift = index, offset - index.end
        directory.start = index.start
        if directory.end < size:
            _note_tail(directory, size - directory.end, _continues(read, directory.end))
        if directory.drift:
            what = "added to" if directory.drift > 0 else "lost from"
            directory.problems.append(ArchiveError(f"{abs(directory.drift)} bytes were {what} it"))
        _check_start_by(index, read, directory)
        if not index.in_order() or not _follows(index, read, directory.drift):
            directory.problems.append(ArchiveError("its sections are not in order"))
        _place_sections(directory, index, read)
        _place_blocks(directory, index, size)
    check_claims(directory, size)
    if directory.index is not None:  # which may claim many blocks that are not there
        directory.listed = directory.counted
        directory.index = replace(directory.index, blocks=directory.blocks)
    return directory


def guess_collection(directory: Directory, read: Read) -> ArrayPart:
    """The collection as far as its first undamaged block shows it, if its description is damaged.

    Raises ArchiveError.
    """
    # Several kinds have files, and only the description distinguishes them.
    blocks = [] if directory.places(NAMES, UNNAMED) else directory.blocks
    for block, drift in ((block, drift) for block in blocks for drift in (0, directory.drift)):
        try:
            run = read_header(open_section(read(block.offset + drift, block.size), BLOCK)).runs[0]
        except ArchiveError:
            continue
        shape = (directory.counted, *run.shape)
        check_shape(run.dtype, shape)
        return ArrayPart(run.dtype, shape, 1)
    raise ArchiveError("neither the description of its contents nor any block is undamaged")


def _continues(read: Read, end: int) -> bool:
    """Whether a generation may begin behind the end of one."""
    return read(end, 1) == COLLECTION


def _note_tail(directory: Directory, count: int, is_addition: bool) -> None:
    """Adds the fault that `count` bytes follow the end."""
    if is_addition:
        directory.unread = count
        directory.tail = ArchiveError(
            f"{count} bytes of an addition that was not finished, or is cut off, follow its end;"
            " unless it is still running, 'decompress --keep-going' restores what is whole of it,"
            " and 'bitsback repair' completes it or moves it to another file"
        )
    else:
        directory.tail = ArchiveError(
            f"{count} bytes that are no part of it follow its end; 'bitsback repair' moves them to"
            " another file"
        )
    directory.problems.append(directory.tail)


def _find_index(read: Read, end: int) -> tuple[int, Index] | None:
    """The place and the content of the index of the generation that ends at `end`."""
    footer = read(max(end - FOOTER_SIZE, 0), FOOTER_SIZE)
    index_size = int.from_bytes(footer[:8], "little")
    offset = end - FOOTER_SIZE - index_size
    if footer[8:] != END or offset < 0:
        return None
    try:
        payload = open_section(read(offset, index_size), INDEX)
    except ArchiveError:
        return None
    return offset, Index.unpack(payload)


def _newest(read: Read, size: int) -> tuple[int, tuple[int, Index]] | None:
    """The end and the index of the newest generation with an undamaged index and footer.

    It walks from the start. A footer at the end of the file may be damaged or missing.
    """
    newest, offset = None, len(HEAD)
    while (place := section_at(read, offset, size)) is not None and known_kind(place.kind):
        offset = place.end
        if place.kind == INDEX:
            offset += FOOTER_SIZE
            if offset < size and read(offset - len(END), len(END)) != END:
                break
            try:
                index = Index.unpack(open_section(read(place.offset, place.size), INDEX))
            except ArchiveError:
                break
            if index.end != place.offset:
                break
            newest = min(offset, size), (place.offset, index)
    return newest


def _follows(index: Index, read: Read, drift: int) -> bool:
    """Whether the newest generation is the first one, or a footer is before it."""
    ends = (index.start, index.start + drift)
    return index.start == len(HEAD) or any(read(end - len(END), len(END)) == END for end in ends)


def _check_start_by(index: Index, read: Read, directory: Directory) -> None:
    """Reads the magic and the version, and `C` of the newest generation."""
    try:
        check_head(read(0, HEADER_SPACE))
    except ArchiveError:
        # A changed byte of the version looks like a newer archive. A lost or added byte does not.
        if read(0, len(MAGIC)) == MAGIC and not directory.drift:
            raise
        directory.problems.append(ArchiveError("its first bytes are damaged"))
    for drift in {0, directory.drift}:
        with suppress(_DamagedCollection):
            _read_collection(read, directory, index.start + drift, index.start + (1 << 63))
            return
    directory.problems.append(ArchiveError(_NO_COLLECTION))


class _DamagedCollection(ArchiveError):
    pass


def _read_collection(read: Read, directory: Directory, offset: int, end: int) -> None:
    """Reads `C`. Raises _DamagedCollection if it is damaged."""
    place = section_at(read, offset, end)
    if place is None or place.kind != COLLECTION:
        raise _DamagedCollection(_NO_COLLECTION)
    try:
        payload = open_section(read(place.offset, place.size), COLLECTION)
    except ArchiveError:
        raise _DamagedCollection(_NO_COLLECTION) from None
    directory.collection = unpack_collection(payload)


def check_claims(directory: Directory, size: int) -> None:
    """Checks the numbers of items in the blocks. Raises ArchiveError if they are too many."""
    collection = directory.collection
    if collection is None:
        return
    counted, removed = directory.counted, _has_removed(collection)
    if directory.index is not None:
        listed = sum(block.items for block in directory.index.blocks)
        if counted > collection.tiles or (listed != collection.tiles and not removed):
            raise ArchiveError(
                f"it should have {collection.tiles} items, but its index lists {listed}"
            )
    elif counted != collection.tiles:
        missing = collection.tiles - counted
        directory.problems.append(
            ArchiveError(
                f"{collection.where(counted, missing)} are missing"
                if missing > 0
                else f"it should have {collection.tiles} items, but its blocks have more",
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


def _place_sections(directory: Directory, index: Index, read: Read) -> None:
    """Adds the sections of the index.

    If bytes were lost or added, it takes the place at which a section is undamaged.
    """
    for place in index.sections:
        if place.kind != COLLECTION:
            moved = Place(place.kind, place.offset + directory.drift, place.size)
            if directory.drift and not is_whole(read, place) and is_whole(read, moved):
                place = moved
            directory.sections.append(place)


def _place_blocks(directory: Directory, index: Index, archive_size: int) -> None:
    """Adds the blocks of the index.

    If bytes were lost or added in one place, each block is where the index states, or shifted by
    the drift. Blocks that can be at neither place are left out, since a small index may declare
    millions of them.
    """
    missing: list[int] = []
    for block in index.blocks:
        if block.offset < archive_size or block.offset + directory.drift >= len(HEAD):
            directory.blocks.append(block)
        else:
            missing = [missing[0] if missing else block.number, block.number]
    if missing:
        directory.problems.append(
            ArchiveError(f"this block and those up to {missing[1]} are missing", missing[0])
        )


def _has_removed(collection: Content | None) -> bool:
    return collection is not None and collection.has_removed


def section_at(read: Read, offset: int, end: int) -> Place | None:
    """The section at the offset; None if none can begin there and end before `end`."""
    data = read(offset, min(_LONGEST_START, max(end - offset, 0)))
    cursor = Cursor(data)
    try:
        kind, length = cursor.take(1), cursor.varint()
    except ArchiveError:
        return None
    size = cursor.at + length + CRC_SIZE
    return Place(kind, offset, size) if offset + size <= end else None


def walk(read: Read, directory: Directory, offset: int, end: int) -> list[int]:
    """Walks the sections of all generations from `offset` to `end`, without an index.

    It adds the valid sections, as far as they are in order. offset: the start of a generation.
    Returns the starts of the generations; empty if the description of the first one is damaged.
    """
    once = {place.kind: place for place in directory.sections if place.kind in _ONCE}
    several = [place for place in directory.sections if place.kind not in _ONCE]
    starts: list[int] = []
    is_start = True
    while (place := section_at(read, offset, end)) is not None:
        if is_start:
            try:
                _read_collection(read, directory, offset, end)
            except _DamagedCollection:
                break
            starts.append(offset)
            is_start = False
        elif place.kind == BLOCK:
            if not _add_block(read, directory, place):
                break
        elif place.kind == INDEX and _continues(read, place.end + FOOTER_SIZE):
            offset, is_start = place.end + FOOTER_SIZE, True
            continue
        elif place.kind in (COLLECTION, INDEX) or not known_kind(place.kind):
            if not known_kind(place.kind) and is_whole(read, place):
                raise ArchiveError(
                    f"it has a part of the kind {place.kind.decode('latin-1')!r}: update bitsback"
                )
            break
        elif place.kind in _ONCE:
            once[place.kind] = place
        else:
            several.append(place)
        offset = directory.walked = place.end
    directory.sections = [*several, *once.values()]
    directory.start = starts[-1] if starts else directory.start
    return starts


def is_whole(read: Read, place: Place) -> bool:
    """Whether there is a section of this kind at the place whose CRC matches."""
    try:
        open_section(read(place.offset, place.size), place.kind)
    except ArchiveError:
        return False
    return True


def _add_block(read: Read, directory: Directory, place: Place) -> bool:
    """Adds a block without an index, by its own header, if it can be the next block."""
    header = None
    for space in (min(HEADER_SPACE, place.size - CRC_SIZE), place.size - CRC_SIZE):
        data = memoryview(read(place.offset, space))
        start = Cursor(data, 1)
        with suppress(ArchiveError):
            start.varint()
            header = read_header(data[start.at :])
            break
    removed = _has_removed(directory.collection)
    if header is None or header.first < directory.counted:
        return False
    if header.first > directory.counted and not removed:
        return False
    number = len(directory.blocks)
    directory.blocks.append(BlockInfo(number, header.first, header.items, place.offset, place.size))
    return True
