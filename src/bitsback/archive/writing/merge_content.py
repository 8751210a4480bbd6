"""Merge the contents of archives: arrays along their first axis, files by their names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from bitsback.archive.container.targets import check_restorable, kind_of
from bitsback.archive.reader import ArchiveReader
from bitsback.archive.writing.erasing import Eraser
from bitsback.coding.block import PREFIX_SIZE, read_header
from bitsback.errors import ArchiveError, InputError
from bitsback.format import entries as entries_format
from bitsback.format.array_part import ARRAY, BYTES, COPIES, COUNTED, ONE, VARIED, ArrayPart
from bitsback.format.digests import Digests, joined
from bitsback.format.entries import Entries
from bitsback.format.file_stats import FileStats
from bitsback.format.grid import Shape
from bitsback.format.index import BlockInfo
from bitsback.format.layout import (
    BLOCK,
    ENTRIES,
    HASHES,
    MODEL,
    NAMES,
    PARITY,
    PREVIEWS,
    REMOVED,
    STATS,
    Cursor,
    open_section,
)
from bitsback.format.layout import section as pack_section
from bitsback.format.members import FileDescriptions, Files
from bitsback.format.parity import share_of
from bitsback.format.parts import ARRAYS, Array, Content, FileCollection, JoinedArray
from bitsback.format.previews import Previews
from bitsback.format.unnamed import pack_described
from bitsback.io.file_io import Location, name_of
from bitsback.io.names import printable
from bitsback.io.remote.url import CHANGED, Url
from bitsback.wire import varint

Stamp = tuple[int, int, int] | None
"""The device, inode and time of a file; None for a URL, whose reader detects changes."""


@dataclass(frozen=True)
class Shard:
    """One of the archives to merge. Its properties stay known after it was closed."""

    place: Location
    content: Content
    size: int
    kinds: set[bytes]
    """The kinds of its sections."""
    models: list[bytes]
    """The first 16 bytes of the identities of its embedded models."""
    names: Sequence[str]
    """The names of its files, empty for removed files."""
    runs: Sequence[tuple[int, int]]
    """The order of its files; see `Files`."""
    stats: FileStats | None
    entries: Entries | None
    digests: Digests | None
    unordered: bool
    parity: float
    """The share of its parity in per cent."""
    stamp: Stamp
    """The stamp of its file."""

    @property
    def name(self) -> str:
        return name_of(self.place)

    @property
    def parts(self) -> tuple[ArrayPart, ...]:
        return self.content.parts

    @contextmanager
    def opened(self) -> Iterator[ArchiveReader]:
        """Opens the archive again. Raises ArchiveError if it has changed."""
        with ArchiveReader(self.place) as archive:
            if (archive.file_bytes, _stamp(self.place)) != (self.size, self.stamp):
                raise ArchiveError(f"{self.name}: {CHANGED}")
            yield archive


@dataclass
class Merged:
    """The content of the new archive."""

    content: Content
    parts: list[list[tuple[int, int]]] = field(default_factory=list)
    """For each of its parts, the joined parts: (number of the shard, number of the part there)."""
    names: bytes = b""
    """The `N` section, and the `F`, `E` and `H` sections if there are any."""
    files: int | None = None
    """The number of its files, without removed ones; None for an array."""
    with_stats: bool = False
    with_digests: bool = False
    with_entries: bool = False


def look(place: Location) -> Shard:
    """Reads all sections of an archive except its blocks. Raises InputError, ArchiveError."""
    with ArchiveReader(place) as archive:
        for problem in archive.problems:
            raise problem
        for section in archive.directory.sections:
            if section.kind not in (MODEL, NAMES, STATS, ENTRIES, HASHES, PARITY, PREVIEWS):
                raise InputError(
                    f"{archive.name}: has a part of the kind {section.kind.decode('latin-1')!r},"
                    " which cannot be merged; decompress it, and compress it with the others"
                )
        content = archive.collection
        listed = FileDescriptions([], [], None) if content.kind is None else archive.files.listed
        return Shard(
            place,
            content,
            archive.file_bytes,
            {section.kind for section in archive.directory.sections},
            [identity for identity, _ in models_of(archive)],
            *listed,
            archive.digests,
            archive.unordered,
            share_of(archive.parity),
            _stamp(place),
        )


def _stamp(place: Location) -> Stamp:
    if isinstance(place, Url):
        return None
    status = Path(place).stat()
    return status.st_dev, status.st_ino, status.st_mtime_ns


def models_of(archive: ArchiveReader) -> Iterator[tuple[bytes, memoryview]]:
    """The models in an archive, as pairs (first 16 bytes of the identity, payload of the section).

    Raises ArchiveError.
    """
    for section in archive.directory.places(MODEL):
        try:
            payload = open_section(archive.file.read_place(section), MODEL)
        except ArchiveError as error:
            raise ArchiveError(f"{archive.name}: the model in it is damaged: {error}") from None
        yield bytes(payload[:PREFIX_SIZE]), payload


def previews_of(archive: ArchiveReader) -> Iterator[Previews]:
    """The previews of an archive. Raises ArchiveError."""
    for section in archive.directory.places(PREVIEWS):
        try:
            payload = open_section(archive.file.read_place(section), PREVIEWS)
            yield Previews.unpack(payload)
        except ArchiveError as error:
            raise ArchiveError(f"{archive.name}: its previews are damaged: {error}") from None


def blocks_of(
    archive: ArchiveReader, eraser: Eraser, part: int, start: int
) -> Iterator[tuple[int, int, bytes]]:
    """The blocks of one part: (new number of the first tile, number of tiles, section) of each.

    Those with content of removed files are coded again. start: the new number of the part's first
    tile. Raises ArchiveError.
    """
    tiles = range(*archive.collection.starts[part : part + 2])
    wanted = [block for block in archive.blocks if block.first in tiles]
    archive.file.expect(wanted)
    shift = start - tiles.start
    for block in wanted:
        first = block.first + shift
        encoded = eraser.encoded(block, part, first)
        if encoded is None:
            yield first, block.items, _renumbered(archive, block, shift)
            continue
        at = 0
        for items, size, _ in encoded.blocks:
            yield first, items, encoded.sections[at : at + size]
            first, at = first + items, at + size


def _renumbered(archive: ArchiveReader, block: BlockInfo, shift: int) -> bytes:
    payload = archive.blocks.task(block).payload
    header = read_header(payload)
    if (header.first, header.items) != (block.first, block.items):
        raise ArchiveError(
            f"{archive.name}: block {block.number}: its content differs from the index",
            block.number,
        )
    cursor = Cursor(payload)
    cursor.varint()
    return pack_section(BLOCK, varint(block.first + shift), payload[cursor.at :])


def merge_arrays(shards: Sequence[Shard]) -> Merged:
    """The joined array of the shards. Raises InputError if they cannot be joined."""
    arrays = [_array_of(shard, shards[0]) for shard in shards]
    if len(shards) > 1:
        for shard in shards:
            check_joinable(shard.name, shard.parts[0], shards[0].name, shards[0].parts[0])
    parts: list[ArrayPart] = []
    members: list[list[tuple[int, int]]] = []
    for number, array in enumerate(arrays):
        for part, found in enumerate(array.parts):
            if parts and _continues(parts[-1], found):
                entries, item = parts[-1].entries + found.entries, parts[-1].shape[1:]
                parts[-1] = replace(parts[-1], shape=(entries, *item))
                members[-1].append((number, part))
            elif found.entries or len(shards) == 1:
                parts.append(found)
                members.append([(number, part)])
    if not parts:
        parts, members = [arrays[0].parts[0]], [[(0, 0)]]
    if len(parts) > 1:
        return Merged(JoinedArray(tuple(parts)), members)
    containers = {array.container for array in arrays}
    container = containers.pop() if len(containers) == 1 else ARRAY
    return Merged(replace(parts[0], container=container), members)


def _array_of(shard: Shard, first: Shard) -> Array:
    if shard.content.kind is not None:
        raise InputError(f"{shard.name}: contains files, and {first.name} one array")
    return shard.content


def check_extendable(name: str, part: ArrayPart) -> None:
    """Raises InputError if the array has no first axis that counts its items."""
    if part.axes == ONE and not part.stack:
        raise InputError(
            f"{name}: its array is one picture or one item, which cannot be extended; compress such"
            " arrays together, along a first axis, or as files"
        )


def check_joinable(name: str, part: ArrayPart, first_name: str, first: ArrayPart) -> None:
    """Raises InputError unless the array can be joined to the first one."""
    check_extendable(name, part)
    for what, mine, its in (
        ("dtype", part.dtype.str, first.dtype.str),
        ("items of the shape", part.shape[1:], first.shape[1:]),
    ):
        if mine != its:
            raise InputError(
                f"{name}: has the {what} {mine}, and {first_name} {its}; arrays are joined along"
                " their first axis"
            )


def _continues(part: ArrayPart, other: ArrayPart) -> bool:
    """Whether the items of another array can be appended to this part."""
    return part.axes == other.axes == COUNTED and (part.cut == other.cut or not other.entries)


def merge_files(shards: Sequence[Shard], kind: int) -> Merged:
    """The files of all shards. kind: of the first shard. Raises InputError if they differ in it."""
    for shard in shards:
        if shard.content.kind != kind:
            raise InputError(
                f"{shard.name}: was made from another kind of input ({kind_of(shard.content)}) than"
                f" {shards[0].name} ({kind_of(shards[0].content)})"
            )
    _check_names(shards)
    members: list[list[tuple[int, int]]] = []
    groups: dict[tuple[str, Shape, Shape | None], list[tuple[int, int]]] = {}
    for number, shard in enumerate(shards):
        spans = _spans_of_parts(shard)
        for part, collection in enumerate(shard.parts):
            if kind == ARRAYS or collection.axes in (ONE, BYTES, COPIES):
                members.append([(number, part)])
                continue
            group = groups.get(_likeness(collection), [])
            # The files of a part are in the order of its items. If parts are joined, their files
            # must not be interleaved.
            if group and (group[-1][0] < number or spans[group[-1][1]].stop <= spans[part].start):
                group.append((number, part))
                continue
            groups[_likeness(collection)] = [(number, part)]
            members.append(groups[_likeness(collection)])
    numbers = {each: new for new, group in enumerate(members) for each in group}
    parts = tuple(
        _joined([shards[number].parts[part] for number, part in group]) for group in members
    )
    runs = [
        (numbers[number, part], count)
        for number, shard in enumerate(shards)
        for part, count in shard.runs
    ]
    order = [
        (part, sum(count for _, count in group))
        for part, group in groupby(runs, lambda run: run[0])
    ]
    names = [name for shard in shards for name in shard.names]
    features = REMOVED * any(shard.content.has_removed for shard in shards)
    files, stats = FileCollection(kind, parts, features), _join_stats(shards)
    entries = entries_format.joined([(shard.entries, len(shard.names)) for shard in shards])
    try:
        merged = Files(files, names, order, stats, entries)
        check_restorable(merged)
    except ArchiveError as error:
        raise InputError(f"the archives cannot be joined: {error}") from None
    packed = pack_described(merged)
    digests = joined([(shard.digests, len(shard.names)) for shard in shards])
    packed += b"" if digests is None else digests.pack()
    shown = sum(map(bool, names)) if files.has_removed else files.files
    return Merged(
        files, members, packed, shown, stats is not None, digests is not None, entries is not None
    )


def _spans_of_parts(shard: Shard) -> list[range]:
    """For each part, the range from its first file to its last file."""
    spans = [range(0)] * len(shard.parts)
    first = 0
    for part, count in shard.runs:
        start = spans[part].start if spans[part] else first
        spans[part] = range(start, first + count)
        first += count
    return spans


def _check_names(shards: Sequence[Shard]) -> None:
    """Raises InputError, which names both archives, if two archives have the same file or link."""
    owners: dict[str, Shard] = {}
    for shard in shards:
        links = () if shard.entries is None else shard.entries.links
        for name in (*filter(None, shard.names), *(link.name for link in links)):
            other = owners.setdefault(name, shard)
            if other is not shard:
                raise InputError(
                    f"{printable(name)}: is in {other.name} and in {shard.name}; rename one of"
                    " them, and compress it again"
                )


def _join_stats(shards: Sequence[Shard]) -> FileStats | None:
    """The stats of all files. Raises InputError if only some archives have stats."""
    joined = FileStats()
    for shard in shards:
        if (shard.stats is None) != (shards[0].stats is None):
            raise InputError(
                f"{shard.name}: one of it and {shards[0].name} was made by an older bitsback, which"
                " did not keep the times of files; decompress that, and compress it again"
            )
        if shard.stats is not None:
            joined = joined.extended(shard.stats)
    return None if shards[0].stats is None else joined


def _likeness(part: ArrayPart) -> tuple[str, Shape, Shape | None]:
    """The properties that parts of pictures must share to be joined."""
    return part.dtype.str, part.entry_shape[2:], part.cut


def _joined(parts: Sequence[ArrayPart]) -> ArrayPart:
    if len(parts) == 1:
        return parts[0]
    runs = [(count, shape[:2]) for part in parts for count, shape in part.runs]
    sizes = tuple(
        (sum(count for count, _ in group), *size)
        for size, group in groupby(runs, lambda run: run[1])
    )
    first, channels = parts[0], parts[0].entry_shape[2:]
    items = sum(part.items for part in parts)
    if len(sizes) == 1:
        shape = (items, *sizes[0][1:], *channels)
        return ArrayPart(first.dtype, shape, COUNTED, cut=first.cut)
    return ArrayPart(first.dtype, (items, *channels), VARIED, cut=first.cut, sizes=sizes)
