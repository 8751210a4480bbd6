"""Find what is whole of an addition behind the end of an archive, which was not finished or is cut
off (docs/format.md, Damage).
"""

from __future__ import annotations

from array import array
from dataclasses import replace

from bitsback.archive.reading.damage import Gap, Owners, gaps_of
from bitsback.archive.reading.directory import (
    Directory,
    Read,
    check_claims,
    is_whole,
    section_at,
    walk,
)
from bitsback.archive.reading.sections import FileSections
from bitsback.archive.reading.targets import check_restorable
from bitsback.errors import ArchiveError
from bitsback.format.digests import Digests, Group
from bitsback.format.index import Place
from bitsback.format.layout import BLOCK, COLLECTION, FOOTER_SIZE, HASHES, INDEX
from bitsback.format.members import Files
from bitsback.format.parts import FileCollection
from bitsback.io.names import printable

_MOST = 4
"""The additions, one after the other, of which the last ones may be left out if their names are
lost.
"""


def with_addition(read: Read, size: int, before: Directory) -> Directory | None:
    """The contents with those of the addition; None if its description is not whole. before: the
    contents that end where the addition begins.
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
        end = starts[-1]  # the additions before it may be whole
    return None


def _leave_out_hashes(read: Read, directory: Directory) -> None:
    """Does without hashes that are of fewer files, or damaged."""
    sections = sections_of(read, directory)
    if sections is not None and directory.hashes and _hashes(sections) is None:
        directory.sections = [place for place in directory.sections if place.kind != HASHES]
        directory.problems.append(ArchiveError("the hashes of its files are lost"))


def _hashes(sections: FileSections) -> Digests | None:
    try:
        return sections.digests
    except ArchiveError:
        return None


def size_of_index(read: Read, offset: int, end: int) -> int:
    """The bytes of an index with its footer, or what is left of them, that begin at the offset."""
    if read(offset, 1) != INDEX:
        return 0
    place = section_at(read, offset, 1 << 63)
    return min(end, offset + end if place is None else place.end + FOOTER_SIZE) - offset


def sections_of(read: Read, directory: Directory) -> FileSections | None:
    """What stands beside the blocks of an archive of files."""
    if not isinstance(directory.collection, FileCollection):
        return None
    return FileSections(
        directory.collection, directory, lambda place: read(place.offset, place.size)
    )


def is_described(read: Read, directory: Directory) -> bool:
    """Whether the names, stats and labels of the files are whole, and of these files."""
    sections = sections_of(read, directory)
    if sections is not None:
        try:
            _ = sections.files, sections.pairs
        except ArchiveError:
            return False
    return True


def lost_tiles(read: Read, directory: Directory, first: int = 0) -> list[Gap]:
    """The tiles that no whole block has. first: the number of the first block to read."""
    bad = {
        block.number
        for block in directory.blocks[first:]
        if not is_whole(read, Place(BLOCK, block.offset, block.size))
    }
    assert directory.collection is not None, "it was found"
    return list(gaps_of(directory.blocks, bad, directory.collection.tiles))


def keep_removed(read: Read, before: Directory, after: Directory, now: FileSections) -> None:
    """Puts the files back that the addition removes, with what the archive had of them. One that it
    replaces stays out if the newer one is whole. now: what stands beside the blocks with the
    addition.
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
    except ArchiveError:  # a new file needs a folder of that name, say
        return
    groups = [
        Group(len(numbers), digest if changed.isdisjoint(numbers) else b"")
        for numbers, digest in (() if new_digests is None else new_digests.ranges)
    ]
    now.take(files, None if new_digests is None else Digests(groups, hashes))
    after.problems += problems
