"""Compare the modes, empty folders and links of archives and folders."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from bitsback.archive.reader import ArchiveReader
from bitsback.files.file_lists import Listing, mode_of
from bitsback.format.entries import RESTORED, Entries
from bitsback.io.file_io import reading
from bitsback.io.names import printable
from bitsback.summary import Differences

MODE, TARGET = "mode", "target"
EntryValues = dict[str, tuple[str, object]]
"""The MODE of a file or a folder, or the TARGET of a link, by name, with a `/` behind a folder."""

_ROOT = "./"


def archive_entries(archive: ArchiveReader, names: Iterable[str]) -> EntryValues:
    """The entries that an archive of a folder restores. names: of its restored files, in order."""
    entries = archive.files.entries or Entries([])
    modes = list(zip(names, entries.modes, strict=False))
    modes += [
        (f"{folder.name}/" if folder.name else _ROOT, folder.mode) for folder in entries.folders
    ]
    found: EntryValues = {name: (MODE, mode & RESTORED) for name, mode in modes if mode is not None}
    return found | {link.name: (TARGET, link.target) for link in entries.links}


def disk_entries(root: Path, names: Iterable[str]) -> EntryValues:
    """The entries of a folder on the disk, as far as it has these names. Raises InputError.

    The setgid bit of a folder is ignored, since it comes from the parent folder.
    """
    found: EntryValues = {}
    for name in names:
        path = os.path.join(root, name if name == _ROOT else name.removesuffix("/"))  # noqa: PTH118
        if not os.path.lexists(path):
            continue
        with reading(printable(path)):
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                found[name.removesuffix("/")] = TARGET, os.readlink(path)  # noqa: PTH115 - as it is
            elif (mode := mode_of(status)) is not None:
                found[name] = MODE, mode & ~stat.S_ISGID if name.endswith("/") else mode
    return found


def diff_listing(ours: EntryValues, empty: Sequence[str], listing: Listing) -> Differences:
    """The differences of an archive to a folder that was listed. empty: its empty folders."""
    assert isinstance(listing.root, Path), "it is on the disk"
    there = Entries([], listing.folders, listing.links)
    empty_there = there.empty_folders(listing.names)
    theirs = disk_entries(listing.root, [*ours, *(link.name for link in there.links), *empty_there])
    return differences(ours, empty, theirs, empty_there)


def differences(
    ours: EntryValues, empty: Sequence[str], theirs: EntryValues, empty_there: Sequence[str]
) -> Differences:
    """The differences of modes, links and empty folders."""
    links, links_there = (
        {name for name, (kind, _) in each.items() if kind == TARGET} for each in (ours, theirs)
    )
    changed = {
        name: kind
        for name, (kind, value) in ours.items()
        if name != _ROOT and name in theirs and theirs[name][0] == kind and theirs[name][1] != value
    }
    gone = [name for name in links if name not in links_there]
    gone += [name for name in empty if name not in theirs and name not in empty_there]
    new = [name for name in links_there if name not in links]
    new += [name for name in empty_there if name not in ours and name not in empty]
    return Differences(sorted(new), sorted(gone), changed)


def merge_differences(one: Differences, other: Differences) -> Differences:
    """All differences of both: of the content, and of the entries."""
    return Differences(
        [*one.added, *other.added], [*one.removed, *other.removed], other.changed | one.changed
    )
