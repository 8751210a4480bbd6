"""Continue an archive of a folder behind its footer (docs/format.md, The file).

A new generation adds or removes files.
"""

from __future__ import annotations

import os
import warnings
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from bitsback.archive.container.damage import Owners
from bitsback.archive.container.targets import check_restorable
from bitsback.archive.files.content_sums import sums_of
from bitsback.archive.inputs.request import Input
from bitsback.archive.reader import ArchiveReader
from bitsback.archive.writing.generation import Generation
from bitsback.archive.writing.stored_files import StoredFiles
from bitsback.archive.writing.tail import kept_tail
from bitsback.coding.block import PREFIX_SIZE
from bitsback.compress_options import CompressOptions
from bitsback.errors import ArchiveError, InputError, InputWarning
from bitsback.format import entries as entries_format
from bitsback.format.digests import Digests, joined
from bitsback.format.entries import Entries, parents
from bitsback.format.index import BlockInfo, Place
from bitsback.format.labelling import FOLDERS
from bitsback.format.layout import (
    DESCRIBED,
    FILES,
    HASHED,
    LABELLED,
    LABELS,
    MODEL,
    PARITY,
    PREVIEWS,
    REMOVED,
    open_section,
)
from bitsback.format.members import FileDescriptions, Files
from bitsback.format.parts import FOLDER, FileCollection
from bitsback.format.previews import Previews
from bitsback.format.unnamed import pack_described
from bitsback.io.file_io import name_of
from bitsback.io.file_lock import is_at, open_locked
from bitsback.io.names import printable
from bitsback.io.output import Output, naming
from bitsback.io.remote.url import Url, located
from bitsback.lazy import cached_property

KEPT = (MODEL, LABELS, PREVIEWS, PARITY)
"""The sections that stay unchanged when files are added or removed."""


class _Continuation(Output):
    """An output behind the end of an archive."""

    def __init__(self, file: BinaryIO, name: str, end: int) -> None:
        super().__init__(file, name)
        self._archive_end = end
        self.restart()

    def restart(self) -> None:
        with naming(self.name):
            self._file.seek(self._archive_end)
            self._file.truncate()
        self.size = self._archive_end

    def sync(self) -> None:
        with naming(self.name):
            os.fsync(self._file.fileno())


@dataclass(frozen=True)
class Continued:
    """An archive that is open for another generation."""

    archive: ArchiveReader
    output: Output

    @property
    def end(self) -> int:
        """The end of the archive before the change."""
        return self.archive.directory.end

    def models(self) -> set[bytes]:
        """The first 16 bytes of the identities of the embedded models. Raises ArchiveError."""
        places = self.archive.directory.places(MODEL)
        payloads = (open_section(self.archive.file.read_place(place), MODEL) for place in places)
        return {bytes(payload[:PREFIX_SIZE]) for payload in payloads}


@contextmanager
def continued(place: str | os.PathLike[str] | Url) -> Iterator[Continued]:
    """Opens an archive to write another generation.

    If the body raises, the file gets its old length again. Bytes behind the end of the archive are
    moved to a file beside it, with an InputWarning. Raises InputError if the archive cannot be
    written, another process changes it, or it was replaced when the body ended. Raises ArchiveError
    if it is damaged.
    """
    name = name_of(place)
    place = located(place, None)
    if isinstance(place, Url):
        raise InputError(f"{name}: files at a URL cannot be changed; change a copy of it")
    path = Path(place)
    with ExitStack() as stack:
        with naming(name):
            file = stack.enter_context(open_locked(path, "r+b", name))
        archive = stack.enter_context(ArchiveReader(place))
        _check_there(file, path, name)
        end = archive.directory.end
        for problem in archive.directory.problems:
            if problem is not archive.directory.tail:
                raise archive.file.named(problem)
        if archive.directory.tail is not None:
            _cut_tail(archive, file, path)
        output = _Continuation(file, name, end)
        try:
            yield Continued(archive, output)
            output.sync()
            _check_there(file, path, name)
        except BaseException:
            with suppress(OSError):
                file.truncate(end)
            raise


def _check_there(file: BinaryIO, path: Path, name: str) -> None:
    """Raises InputError unless the path still names this file."""
    if not is_at(file, path):
        raise InputError(
            f"{name}: was replaced or removed meanwhile, so the change is lost; make it again"
        )


def _cut_tail(archive: ArchiveReader, file: BinaryIO, path: Path) -> None:
    """Moves the bytes behind the end of an archive to a file beside it."""
    end, size = archive.directory.end, archive.file_bytes
    with kept_tail(archive.file.read, end, size, path) as tail, naming(archive.name):
        file.truncate(end)
        os.fsync(file.fileno())
    warnings.warn(
        f"{archive.name}: {size - end:,} bytes that followed its end were moved to {tail}",
        InputWarning,
        stacklevel=2,
    )


class ChangedFolder:
    """The files of an archive of a folder, with removed files and new files behind them."""

    def __init__(self, before: Continued, replacing: bool = False) -> None:
        """replacing: new files replace files of the same names. Raises InputError if the files of
        the archive cannot be changed.
        """
        self.before, archive, self._replacing = before, before.archive, replacing
        content = archive.collection
        if not isinstance(content, FileCollection) or content.kind != FOLDER:
            raise InputError(
                f"{archive.name}: was not made from a folder, whose files can be added and removed"
            )
        listed = archive.files.listed
        if archive.unordered or archive.directory.unnamed or listed.stats is None:
            raise InputError(
                f"{archive.name}: is a set of pictures (--unordered), whose files cannot be"
                " distinguished; compress the pictures again"
            )
        self.content, self.stats = content, listed.stats
        self.names, self.runs = list(listed.names), list(listed.runs)
        self._entries = listed.entries
        assert archive.file_sections is not None, "it has files"
        self._digests = archive.file_sections.digests
        self.labelled = bool(archive.directory.places(LABELS))
        self.previews: dict[Place, Previews] = {}
        """Sections with previews of removed files, and the sections that replace them."""

    @property
    def name(self) -> str:
        """The name of the archive."""
        return self.before.archive.name

    @cached_property
    def files(self) -> StoredFiles:
        """The files before the change. Added files may be copies of them."""
        return StoredFiles(self.before.archive)

    def options(self, options: CompressOptions) -> CompressOptions:
        """The options for new files. They have labels and hashes if the archive has."""
        with_hashes = self._digests is not None and self._digests.files is not None
        return replace(
            options,
            labels=FOLDERS if self.labelled else options.labels,
            hashes="sha256" if with_hashes else options.hashes,
        )

    def number(self, name: str) -> int | None:
        """The number of the file of this name, counting removed files; None if there is none."""
        number = self.before.archive.files.number(name)
        files = self.before.archive.files
        return number if number is None or not files.collection.has_removed else files.kept[number]

    def is_entry(self, name: str) -> bool:
        """Whether this is the name of a link, or, with a `/` at the end, of an empty folder."""
        files = self.before.archive.files
        return name in files.empty_folders or name in {link.name for link in files.links}

    def remove(
        self, numbers: Iterable[int], entries: Iterable[str] = (), copied: Iterable[int] = ()
    ) -> None:
        """Removes files, links and empty folders. Folders that become empty are removed too.

        numbers: of files, counting removed files. entries: the names of links, and of empty folders
        with a `/` at the end. copied: the numbers of the originals of copies that will be
        added.
        """
        removed = set(numbers)
        if self._entries is not None:
            without = {name.removesuffix("/") for name in entries}
            self._entries = self._entries_without(self._entries, removed, without)
        self.names, times = list(self.names), array("q", self.stats.times)
        for number in removed:
            self.names[number], times[number] = "", 0
        gone = {number for number, name in enumerate(self.names) if not name}
        rows = self.before.archive.files.row_originals
        needed = {original for copy, original in rows.items() if self.names[copy]}
        self.previews = dict(self._previews_without(gone.difference(needed, copied)))
        self.stats = replace(self.stats, times=times)
        if self._digests is not None and removed:
            self._digests = self._digests.without(removed, self.names, self._sums_of)

    def _entries_without(self, entries: Entries, removed: set[int], gone: set[str]) -> Entries:
        """The entries after a removal.

        They lack the modes of removed files, the links and folders `gone`, and folders that became
        empty.
        """
        empty = (name.removesuffix("/") for name in entries.empty_folders(self.names))
        left = entries.without(removed, gone)
        kept = [name for number, name in enumerate(self.names) if number not in removed]
        kept += (link.name for link in left.links)
        stay = parents([*kept, *(f"{name}/x" for name in empty if name not in gone)])
        lost = parents([*(self.names[number] for number in removed), *gone])
        return left.without((), lost - stay)

    def _sums_of(self, numbers: list[int]) -> dict[int, int]:
        """The sums of the content digests of some files, by number. Damaged files are left out."""
        archive = self.before.archive
        kept = archive.files.kept if archive.files.collection.has_removed else None
        places = [number if kept is None else bisect_left(kept, number) for number in numbers]
        sums = sums_of(archive, places)
        found = zip(numbers, places, strict=True)
        return {number: sums[place] for number, place in found if place in sums}

    def _previews_without(self, numbers: set[int]) -> Iterator[tuple[Place, Previews]]:
        for place in self.before.archive.directory.places(PREVIEWS):
            payload = open_section(self.before.archive.file.read_place(place), PREVIEWS)
            previews = Previews.unpack(payload)
            left = previews.without(numbers)
            if left != previews:
                yield place, left

    def extended(self, taken: Input) -> ChangedFolder:
        """The folder with the files of the input behind its own files.

        Raises InputError for a file whose name exists.
        """
        if taken.kept is None or taken.files is None:
            raise InputError(f"{taken.name}: only files can be added to {self.name}")
        changed = copy(self)  # a second run starts with the unchanged folder
        changed._append(taken.files)
        return changed

    def finish(self) -> None:
        """Writes a generation without new files. Raises InputError as `begin` does."""
        written = self.begin()
        if self._digests is not None:
            written.add(self._digests.pack())
        written.finish()

    def with_digests(self, added: Digests) -> Digests:
        """The digests of all files. added: the digests of the new files."""
        new = sum(group.files for group in added.groups)
        both = joined([(self._digests, len(self.names) - new), (added, new)])
        assert both is not None, "the new files have digests"
        return both

    def _append(self, files: Files) -> None:
        clashing = {
            name: number for name in files.names if (number := self.number(name)) is not None
        }
        links = [] if self._entries is None else [link.name for link in self._entries.links]
        added = [] if files.entries is None else [link.name for link in files.entries.links]
        taken_links = {*links}.intersection([*files.names, *added])
        for name in added:
            if (number := self.number(name)) is not None:
                clashing[name] = number
        for name in () if self._replacing else (*clashing, *taken_links):
            raise InputError(
                f"{self.name}: has a file {printable(name)} already; rename one of them, or use"
                " --replace (replace=True) to replace it"
            )
        originals = files.row_originals.values()
        copied = [len(self.names) + original for original in originals if original < 0]
        self.remove(clashing.values(), taken_links, copied)
        shift = len(self.content.parts)
        stats = files.listed.stats
        assert stats is not None, "they are those of a folder"
        self.content = replace(self.content, parts=self.content.parts + files.collection.parts)
        self.stats = self.stats.extended(stats)
        self._entries = entries_format.joined(
            [(self._entries, len(self.names)), (files.entries, len(files.names))]
        )
        self.names = [*self.names, *files.names]
        self.runs = [*self.runs, *((part + shift, count) for part, count in files.runs)]

    @property
    def _features(self) -> int:
        features = FILES | HASHED | LABELLED * self.labelled
        features |= DESCRIBED * (self._entries is not None)
        return features | REMOVED * ("" in self.names)

    def begin(self) -> Generation:
        """Writes the sections that describe the files, and drops blocks that no file needs.

        Raises InputError if the files cannot all be restored.
        """
        content = replace(self.content, features=self._features)
        listed = FileDescriptions(self.names, self.runs, self.stats, self._entries)
        files = Files(content, *listed)
        archive = self.before.archive
        if not len(files):
            raise InputError(
                f"{archive.name}: no file would be left in it; remove the archive itself"
            )
        try:
            check_restorable(files)
        except ArchiveError as error:
            raise InputError(f"{archive.name}: {error}") from None
        blocks: Iterable[BlockInfo] = archive.blocks
        if content.has_removed:
            owners = Owners(files)
            blocks = [b for b in blocks if owners.with_tiles([(b.first, b.first + b.items)])]
        kept = [place for place in archive.directory.places(*KEPT) if place not in self.previews]
        written = Generation(self.before.output, kept, blocks)
        written.add(content.pack() + pack_described(files))
        for previews in self.previews.values():
            written.add(previews.pack())
        return written
