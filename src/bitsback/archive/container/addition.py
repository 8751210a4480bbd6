"""Find the undamaged part of an unfinished addition (docs/format.md, Damage).

The addition is after the end of an archive. It was interrupted, or is cut off.
"""

from __future__ import annotations

from array import array
from dataclasses import replace

from bitsback.archive.container.damage import Gap, Owners, gaps_of
from bitsback.archive.container.directory import (
    Directory,
    Read,
    check_claims,
    is_whole,
    section_at,
    walk,
)
from bitsback.archive.container.sections import FileSections
from bitsback.archive.container.targets import check_restorable
from bitsback.errors import ArchiveError
from bitsback.format.digests import Digests, Group
from bitsback.format.index import Place
from bitsback.format.layout import BLOCK, COLLECTION, FOOTER_SIZE, HASHES, INDEX
from bitsback.format.members import Files
from bitsback.format.parts import FileCollection
from bitsback.io.names import printable

_MOST = 4
"""The greatest number of consecutive additions. The last ones are left out if names are lost."""


def with_addition(read: Read, size: int, before: Directory) -> Directory | None:
    """The contents including the addition; None if the description of the addition is damaged.

    before: the contents that end where the addition begins.
    """
    end = size
    for _ in range(_MOST):
        after = Directory(
            before.collection,
            [*before.blocks],
            end=before.end,
            sections=[*before.sections],
            tail=before.tail,
            problems=[*before.problems],
        )
        try:
            starts = walk(read, after, before.end, end)
            if starts and is_described(read, after):
                check_claims(after, size)
                _leave_out_hashes(read, after)
                rest = after.walked + size_of_index(read, after.walked, size)
                after.unread = size - rest if read(rest, 1) == COLLECTION else 0
                return after
        except ArchiveError:
            return None
        if len(starts) < 2:
            return None
        end = starts[-1]  # earlier additions may be undamaged
    return None


def _leave_out_hashes(read: Read, directory: Directory) -> None:
    """Leaves out hashes that are damaged, or that do not belong to these files."""
    sections = sections_of(read, directory)
    if sections is not None and directory.places(HASHES) and _hashes(sections) is None:
        directory.sections = [place for place in directory.sections if place.kind != HASHES]
        directory.problems.append(ArchiveError("the hashes of its files are lost"))


def _hashes(sections: FileSections) -> Digests | None:
    try:
        return sections.digests
    except ArchiveError:
        return None


def size_of_index(read: Read, offset: int, end: int) -> int:
    """The size of the index and footer at the offset, as far as they are not cut off."""
    if read(offset, 1) != INDEX:
        return 0
    place = section_at(read, offset, 1 << 63)
    return min(end, offset + end if place is None else place.end + FOOTER_SIZE) - offset


def sections_of(read: Read, directory: Directory) -> FileSections | None:
    """The sections other than blocks of an archive of files; None for an array."""
    if not isinstance(directory.collection, FileCollection):
        return None
    return FileSections(
        directory.collection, directory, lambda place: read(place.offset, place.size)
    )


def is_described(read: Read, directory: Directory) -> bool:
    """Whether the names, stats and labels of the files are undamaged and fit the files."""
    sections = sections_of(read, directory)
    if sections is not None:
        try:
            _ = sections.files, sections.pairs
        except ArchiveError:
            return False
    return True


def lost_tiles(read: Read, directory: Directory, first: int = 0) -> list[Gap]:
    """The tiles that are in no undamaged block. first: the number of the first block to read."""
    bad = {
        block.number
        for block in directory.blocks[first:]
        if not is_whole(read, Place(BLOCK, block.offset, block.size))
    }
    assert directory.collection is not None, "it was found"
    return list(gaps_of(directory.blocks, bad, directory.collection.tiles))


def keep_removed(read: Read, before: Directory, after: Directory, now: FileSections) -> None:
    """Keeps the files that the unfinished addition removes, with their stats and digests.

    A file that it replaces is removed if the newer file is undamaged. now: the sections of the
    archive with the addition.
    """
    then = sections_of(read, before)
    if then is None or not now.files.collection.has_removed or not is_described(read, before):
        return
    old, new = then.files.listed, now.files.listed
    names, numbers = [*new.names], {name: n for n, name in enumerate(new.names) if name}
    removed = [n for n, name in enumerate(old.names[: len(names)]) if name and not names[n]]
    if not removed or new.stats is None or old.stats is None:
        return
    gaps = lost_tiles(read, after, len(before.blocks))
    lost = {now.files.kept[n] for found in Owners(now.files).with_tiles(gaps) for n in found}
    times, old_digests, new_digests = array("q", new.stats.times), _hashes(then), _hashes(now)
    hashes = None if new_digests is None or new_digests.files is None else [*new_digests.files]
    changed, problems = set[int](), []
    for number in removed:
        name = old.names[number]
        newer = numbers.get(name)
        if newer is not None and newer not in lost:
            continue
        if newer is not None:
            names[newer] = ""
            changed.add(newer)
            what = f"{printable(name)}: of the file that was to replace it a part is lost"
            problems.append(ArchiveError(what))
        names[number], times[number] = name, old.stats.times[number]
        changed.add(number)
        if hashes is not None and old_digests is not None and old_digests.files is not None:
            hashes[number] = old_digests.files[number]
    stats, entries = replace(new.stats, times=times), new.entries
    if entries is not None and old.entries is not None:
        modes = [
            old.entries.modes[number] if number in changed and number < len(old.names) else mode
            for number, mode in enumerate(entries.modes)
        ]
        entries = replace(entries, modes=modes)
    try:
        files = Files(now.files.collection, names, new.runs, stats, entries)
        check_restorable(files)
    except ArchiveError:  # for example, a new file needs a folder of that name
        return
    groups = [
        Group(len(numbers), digest if changed.isdisjoint(numbers) else b"")
        for numbers, digest in (() if new_digests is None else new_digests.ranges)
    ]
    now.take(files, None if new_digests is None else Digests(groups, hashes))
    after.problems += problems
