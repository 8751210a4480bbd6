"""Archives joined to one, whose blocks are copied and not decoded (docs/format.md, `B`: of a block
only the number of its first piece changes).
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from bitsback.archive.block import PREFIX_SIZE, read_header
from bitsback.archive.collection import ARRAY, BYTES, COUNTED, ONE, VARIED, Collection
from bitsback.archive.directory import BlockInfo
from bitsback.archive.facts import Facts
from bitsback.archive.grid import Shape
from bitsback.archive.layout import (
    BLOCK,
    FACTS,
    FILES,
    MODEL,
    NAMES,
    UNORDERED,
    Cursor,
    head,
    open_section,
    pack_index,
)
from bitsback.archive.layout import section as pack_section
from bitsback.archive.members import Files, pack_files
from bitsback.archive.output import Destination, Output, open_output
from bitsback.archive.parts import NPZ, FileList
from bitsback.archive.reader import Archive
from bitsback.archive.summary import Progress, Summary
from bitsback.archive.targets import check_restorable
from bitsback.errors import ArchiveError, InputError
from bitsback.images.file_io import Location, name_of
from bitsback.images.names import printable
from bitsback.remote.folder import matching
from bitsback.remote.url import Options, Url, check_options, located
from bitsback.wire import varint


def merge(
    sources: Sequence[str | os.PathLike[str]],
    destination: Destination,
    *,
    force: bool = False,
    progress: Progress | None = None,
    storage_options: Options | None = None,
) -> Summary:
    """Makes one archive of several, in their order, without decoding a block.

    Arrays are joined along their first axis, the files of folders and of npz archives, and the
    pages of TIFF files, one archive after the other. Models that are in several archives are in the
    new one once. Every checksum is compared; the digests of what blocks hold stay in them.

    sources: paths or URLs; `*` in a URL stands for all that match, numbers in them in their order.
    destination, force, storage_options: as in `compress`. progress: called with the number of
    pieces that are done, and of all.

    Memory is bounded by a block, and by the names and the indexes. Raises InputError if the
    archives cannot be joined: arrays of different dtypes or items, or that are one picture or one
    stack each, whose pieces would have to be cut anew, or if two have files of one name;
    ArchiveError if one is damaged.

    >>> import bitsback, numpy as np, os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = [os.path.join(folder, f"part-{number}.bb") for number in range(3)]
    ...     for number, path in enumerate(paths):
    ...         summary = bitsback.compress(np.full((10, 4, 4), number), path)
    ...     summary = bitsback.merge(paths, os.path.join(folder, "all.bb"))
    ...     bitsback.decompress(os.path.join(folder, "all.bb")).shape
    (30, 4, 4)
    """
    destination = located(destination, storage_options)
    places = [place for source in sources for place in _places(source, storage_options)]
    check_options(storage_options, destination, places)
    if not places:
        raise InputError("no archives were given that could be merged")
    for place in places:
        _check_other(place, destination)
    shards = [_look(place) for place in places]
    merged = _join_files(shards) if isinstance(shards[0].collection, FileList) else _join(shards)
    with open_output(destination, force) as output:
        return _write(shards, merged, output, progress)


@dataclass(frozen=True)
class _Shard:
    """What is known of an archive when it is closed again."""

    place: Location
    collection: Collection | FileList
    size: int
    models: list[bytes]
    """The first bytes of the identities of those that are in it."""
    names: list[str]
    runs: Sequence[tuple[int, int]]
    """The order of its files; see `Files`."""
    facts: Facts | None
    unordered: bool

    @property
    def name(self) -> str:
        return name_of(self.place)

    @property
    def parts(self) -> tuple[Collection, ...]:
        if isinstance(self.collection, FileList):
            return self.collection.parts
        return (self.collection,)

    def pieces_of(self, part: int) -> range:
        """The numbers of the pieces of a part."""
        if isinstance(self.collection, FileList):
            starts = self.collection.starts
            return range(starts[part], starts[part + 1])
        return range(self.collection.pieces)


@dataclass
class _Merged:
    """What the new archive holds."""

    collection: Collection | FileList
    parts: list[list[tuple[int, int]]] = field(default_factory=list)
    """For each of its parts those that it is made of: number of the shard, and of its part."""
    names: bytes = b""
    """The `N` section, and the `F` section if there is one."""
    with_facts: bool = False


def _places(source: str | os.PathLike[str], options: Options | None) -> list[Location]:
    place: Location = located(source, options)
    return list(matching(place)) if isinstance(place, Url) else [place]


def _check_other(place: Location, destination: object) -> None:
    same = place == destination
    if isinstance(destination, str | os.PathLike) and not isinstance(place, Url):
        same = Path(destination).exists() and Path(place).exists()
        same = same and Path(place).samefile(destination)
    if same:
        raise InputError(f"{name_of(place)}: is one of the inputs too; name another output")


def _look(place: Location) -> _Shard:
    """Reads all of an archive but its blocks. Raises InputError, ArchiveError."""
    with Archive(place) as archive:
        for problem in archive.problems:
            raise problem
        models = []
        for section in archive.sections():
            if section.kind == MODEL:
                models.append(bytes(_payload(archive, section.offset, section.size)[:PREFIX_SIZE]))
            elif section.kind not in (NAMES, FACTS):
                raise InputError(
                    f"{archive.name}: has a part of the kind {section.kind.decode('latin-1')!r},"
                    " which cannot be merged; decompress it, and compress it with the others"
                )
        files = archive.files if isinstance(archive.collection, FileList) else None
        return _Shard(
            place,
            archive.collection,
            archive.size,
            models,
            files.names if files else [],
            files.runs if files else [],
            files.facts if files else None,
            archive.unordered,
        )


def _join(shards: Sequence[_Shard]) -> _Merged:
    """Arrays, along the first axis."""
    first, *others = shards
    whole = first.collection
    assert isinstance(whole, Collection)
    for shard in others:
        _check_alike(first, shard)
    if others:
        arrays = [shard.parts[0] for shard in shards]
        filled = next((array for array in arrays if array.elements), whole)
        containers = {array.container for array in arrays}
        whole = replace(
            filled,
            shape=(sum(array.shape[0] for array in arrays), *whole.shape[1:]),
            container=containers.pop() if len(containers) == 1 else ARRAY,
        )
    return _Merged(whole, [[(number, 0) for number in range(len(shards))]])


def _check_alike(first: _Shard, other: _Shard) -> None:
    """Raises InputError unless two arrays can be joined."""
    if isinstance(other.collection, FileList):
        raise InputError(f"{other.name}: holds files, and {first.name} one array")
    left, right = first.parts[0], other.parts[0]
    for what, a, b in (
        ("dtype", left.dtype.str, right.dtype.str),
        ("items of the shape", left.shape[1:], right.shape[1:]),
        ("axes", left.axes, right.axes),
    ):
        if a != b:
            told = {
                "axes": "is one picture or one stack where the other has items, or the other way"
                " round; compress them in one way (--no-stack)"
            }.get(what, f"has the {what} {b}, and {first.name} {a}")
            raise InputError(f"{other.name}: {told}; arrays are joined along their first axis")
    if left.axes == ONE:
        raise InputError(
            f"{first.name}: its array is one picture or one stack, and joining it to others would"
            " need new pieces; compress them together, or as items (--no-stack)"
        )
    if left.elements and right.elements and left.cut != right.cut:
        raise InputError(
            f"{other.name}: its items are cut into pieces of up to {right.cut or right.shape[1:]},"
            f" and those of {first.name} of up to {left.cut or left.shape[1:]}; compress them with"
            " the same --tile"
        )


def _join_files(shards: Sequence[_Shard]) -> _Merged:
    """Files, one archive after the other; parts of pictures that are alike become one."""
    kind = shards[0].collection.kind if isinstance(shards[0].collection, FileList) else NPZ
    for shard in shards:
        if not isinstance(shard.collection, FileList) or shard.collection.kind != kind:
            raise InputError(f"{shard.name}: holds something else than {shards[0].name}")
    _check_names(shards)
    members: dict[object, list[tuple[int, int]]] = {}
    for number, shard in enumerate(shards):
        for part, collection in enumerate(shard.parts):
            alone = kind == NPZ or collection.axes in (ONE, BYTES)
            key = (number, part) if alone else _likeness(collection)
            members.setdefault(key, []).append((number, part))
    numbers = {each: new for new, group in enumerate(members.values()) for each in group}
    joined = [
        _joined([shards[number].parts[part] for number, part in group])
        for group in members.values()
    ]
    runs = [
        (numbers[number, part], count)
        for number, shard in enumerate(shards)
        for part, count in shard.runs
    ]
    order = [
        (part, sum(count for _, count in group))
        for part, group in groupby(runs, lambda run: run[0])
    ]
    names = pack_files(kind, order, [name for shard in shards for name in shard.names])
    files, facts = FileList(kind, tuple(joined)), _join_facts(shards)
    try:
        check_restorable(
            Files(files, [name for shard in shards for name in shard.names], order, facts)
        )
    except ArchiveError as error:
        raise InputError(f"the archives cannot be joined: {error}") from None
    told = b"" if facts is None else facts.pack()
    return _Merged(files, list(members.values()), names + told, facts is not None)


def _join_facts(shards: Sequence[_Shard]) -> Facts | None:
    """Raises InputError if some archives have facts, and others do not."""
    joined = Facts()
    for shard in shards:
        if (shard.facts is None) != (shards[0].facts is None):
            raise InputError(
                f"{shard.name}: one of it and {shards[0].name} was made by an older bitsback, which"
                " did not keep the times of files; decompress that, and compress it anew"
            )
        if shard.facts is not None:
            joined.sizes.extend(shard.facts.sizes)
            joined.times.extend(shard.facts.times)
    return None if shards[0].facts is None else joined


def _check_names(shards: Sequence[_Shard]) -> None:
    """Raises InputError, naming both archives, if a name is in two."""
    seen: dict[str, _Shard] = {}
    for shard in shards:
        for name in shard.names:
            other = seen.setdefault(name, shard)
            if other is not shard:
                raise InputError(
                    f"{printable(name)}: is in {other.name} and in {shard.name}; rename one of"
                    " them, and compress it again"
                )


def _likeness(part: Collection) -> tuple[str, Shape, Shape | None]:
    """What parts of pictures have in common that can be one."""
    return part.dtype.str, part.entry_shape[2:], part.cut


def _joined(parts: Sequence[Collection]) -> Collection:
    if len(parts) == 1:
        return parts[0]
    runs = [(count, shape[:2]) for part in parts for count, shape in part.runs]
    sizes = tuple(
        (sum(count for count, _ in group), *size)
        for size, group in (
            (size, list(group)) for size, group in groupby(runs, lambda run: run[1])
        )
    )
    first, channels = parts[0], parts[0].entry_shape[2:]
    items = sum(part.items for part in parts)
    if len(sizes) == 1:
        shape = (items, *sizes[0][1:], *channels)
        return Collection(first.dtype, shape, COUNTED, cut=first.cut)
    return Collection(first.dtype, (items, *channels), VARIED, cut=first.cut, sizes=sizes)


def _write(
    shards: Sequence[_Shard], merged: _Merged, output: Output, progress: Progress | None
) -> Summary:
    collection = merged.collection
    features = FILES * merged.with_facts | UNORDERED * any(shard.unordered for shard in shards)
    output.write(head(features) + collection.pack())
    _write_models(shards, output)
    first_offset = output.size
    index: list[tuple[int, int]] = []
    done = 0
    for members in merged.parts:
        for number, part in members:
            pieces = shards[number].pieces_of(part)
            for items, section in _blocks(shards[number], pieces, done - pieces.start):
                output.write(section)
                index.append((items, len(section)))
                done += items
                if progress is not None:
                    progress(done, collection.pieces)
    assert done == collection.pieces, "all of their pieces were there"
    output.write(merged.names)
    output.write(pack_index(first_offset, index))
    files = collection.files if isinstance(collection, FileList) else None
    return Summary(
        shape=(collection.files,) if isinstance(collection, FileList) else collection.shape,
        dtype=collection.dtype if isinstance(collection, FileList) else collection.dtype.str,
        items=collection.items,
        elements=collection.elements,
        blocks=len(index),
        bytes_in=sum(shard.size for shard in shards),
        bytes_out=output.size,
        files=files,
    )


def _write_models(shards: Sequence[_Shard], output: Output) -> None:
    """Each of them once."""
    written: set[bytes] = set()
    for shard in shards:
        if written.issuperset(shard.models):
            continue
        with _again(shard) as archive:
            for section in archive.sections():
                if section.kind != MODEL:
                    continue
                payload = _payload(archive, section.offset, section.size)
                if bytes(payload[:PREFIX_SIZE]) not in written:
                    output.write(pack_section(MODEL, payload))
                    written.add(bytes(payload[:PREFIX_SIZE]))


@contextmanager
def _again(shard: _Shard) -> Iterator[Archive]:
    """Opens an archive again. Raises ArchiveError if it is another one by now."""
    with Archive(shard.place) as archive:
        if (archive.size, archive.collection) != (shard.size, shard.collection):
            raise ArchiveError(f"{shard.name}: was changed while it was read; try again")
        yield archive


def _blocks(shard: _Shard, pieces: range, shift: int) -> Iterator[tuple[int, bytes]]:
    """The blocks with these pieces, which get numbers that are greater by `shift`: the number of
    pieces of each, and its section.
    """
    if not pieces:
        return
    with _again(shard) as archive:
        wanted = [block for block in archive.blocks if block.first in pieces]
        archive.expect(wanted)
        for block in wanted:
            yield block.items, _renumbered(archive, block, shift)


def _renumbered(archive: Archive, block: BlockInfo, shift: int) -> bytes:
    payload = archive.task(block).payload
    header = read_header(payload)
    if (header.first, header.items) != (block.first, block.items):
        raise ArchiveError(
            f"{archive.name}: block {block.number}: it does not hold what the index says",
            block.number,
        )
    cursor = Cursor(payload)
    cursor.varint()
    return pack_section(BLOCK, varint(block.first + shift), payload[cursor.at :])


def _payload(archive: Archive, offset: int, size: int) -> memoryview:
    try:
        return open_section(archive.read(offset, size), MODEL)
    except ArchiveError as error:
        raise ArchiveError(f"{archive.name}: the model in it is damaged: {error}") from None
