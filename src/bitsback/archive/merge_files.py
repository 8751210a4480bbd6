"""The files of several archives in one, one archive after the other: parts of pictures that are
alike become one.
"""

import warnings
from collections.abc import Sequence
from itertools import groupby

from bitsback.archive.collection import BYTES, COUNTED, ONE, VARIED, Collection
from bitsback.archive.describe import kind_of
from bitsback.archive.facts import Facts
from bitsback.archive.grid import Shape
from bitsback.archive.hashes import Hashes
from bitsback.archive.members import Files, pack_files
from bitsback.archive.parts import NPZ, TIFF, FileList
from bitsback.archive.shards import Merged, Shard
from bitsback.archive.targets import check_restorable
from bitsback.errors import ArchiveError, InputError, InputWarning
from bitsback.images.names import printable


def merge_files(shards: Sequence[Shard], kind: int) -> Merged:
    """kind: of the first. Raises InputError if they cannot be one."""
    for shard in shards:
        if not isinstance(shard.content, FileList) or shard.content.kind != kind:
            raise InputError(
                f"{shard.name}: was made from another kind of input ({kind_of(shard.content)}) than"
                f" {shards[0].name} ({kind_of(shards[0].content)})"
            )
    _check_names(shards)
    pages_alone = kind == TIFF and len(shards) > 1
    if pages_alone:
        _leave_tags(shards)
    members: dict[object, list[tuple[int, int]]] = {}
    for number, shard in enumerate(shards):
        for part, collection in enumerate(shard.parts):
            if pages_alone and collection.axes == BYTES:
                continue
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
    names = [name for shard in shards for name in shard.names]
    files, facts = FileList(kind, tuple(joined)), _join_facts(shards)
    try:
        check_restorable(Files(files, names, order, facts))
    except ArchiveError as error:
        raise InputError(f"the archives cannot be joined: {error}") from None
    told = b"" if facts is None else facts.pack()
    hashes = _join_hashes(shards)
    told += b"" if hashes is None else hashes.pack()
    packed = pack_files(kind, order, names) + told
    parts = list(members.values())
    return Merged(files, parts, packed, facts is not None, hashes is not None)


def _leave_tags(shards: Sequence[Shard]) -> None:
    """Warns that all of TIFF files but their pages is left out, as the files are one now. Raises
    InputError for one whose pages are no parts of its archive.
    """
    noted = [
        shard for shard in shards if isinstance(shard.content, FileList) and shard.content.whole
    ]
    for shard in noted:
        if isinstance(shard.content, FileList) and not shard.content.files:
            raise InputError(
                f"{shard.name}: holds a TIFF file bit for bit, whose pages cannot be joined to"
                " others; decompress it and keep the files in a folder, which can be compressed"
            )
    if noted:
        warnings.warn(
            f"{noted[0].name}: the pages of its TIFF file are joined without their tags"
            " (description, resolution and the like), and so are those of all that are merged; keep"
            " the archives to restore the files as they were",
            InputWarning,
            stacklevel=4,
        )


def _check_names(shards: Sequence[Shard]) -> None:
    """Raises InputError, naming both archives, if a name is in two."""
    seen: dict[str, Shard] = {}
    for shard in shards:
        for name in shard.names:
            other = seen.setdefault(name, shard)
            if other is not shard:
                raise InputError(
                    f"{printable(name)}: is in {other.name} and in {shard.name}; rename one of"
                    " them, and compress it again"
                )


def _join_facts(shards: Sequence[Shard]) -> Facts | None:
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


def _join_hashes(shards: Sequence[Shard]) -> Hashes | None:
    """None if no archive has hashes; the files of one that has none have none."""
    if all(shard.hashes is None for shard in shards):
        return None
    digests: list[bytes] = []
    for shard in shards:
        none = [b""] * len(shard.names)
        digests += none if shard.hashes is None else shard.hashes.digests
    return Hashes(digests)


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
