"""Continue an archive of a folder behind its footer, by a generation with files added or removed
(docs/format.md, The file).
"""

from __future__ import annotations

import os
import warnings
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from bitsback.archive.inputs.request import Input
from bitsback.archive.reading.content_sums import sums_of
from bitsback.archive.reading.damage import Owners
from bitsback.archive.reading.reader import ArchiveReader
from bitsback.archive.reading.targets import check_restorable
from bitsback.archive.writing.generation import Generation
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
from bitsback.format.members import Files, Listed
from bitsback.format.parts import FOLDER, FileCollection
from bitsback.format.previews import Previews
from bitsback.format.unnamed import pack_described
from bitsback.io.file_io import name_of
from bitsback.io.file_lock import is_at, open_locked
from bitsback.io.names import printable
from bitsback.io.output import Output, naming
from bitsback.io.remote.url import Url, located

_KEPT = (MODEL, LABELS, PREVIEWS, PARITY)
"""The sections that stay as they are when files are added or removed."""


class _Continuation(Output):
    """Writes behind the end of an archive."""

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
    """An archive that is being continued."""

    archive: ArchiveReader
    output: Output

    @property
    def end(self) -> int:
        """The end of the archive as it was."""
        return self.archive.directory.end

    def sections(self, kinds: Sequence[bytes] = _KEPT) -> list[Place]:
        return [place for place in self.archive.directory.sections if place.kind in kinds]

    def models(self) -> set[bytes]:
        """The first bytes of the identities of the models in it. Raises ArchiveError."""
        places = self.sections([MODEL])
        payloads = (open_section(self.archive.file.read_place(place), MODEL) for place in places)
        return {bytes(payload[:PREFIX_SIZE]) for payload in payloads}


@contextmanager
def continued(place: str | os.PathLike[str] | Url) -> Iterator[Continued]:
    """Opens an archive to write another generation. If the body raises, the file gets its old
    length again. Bytes behind its end are moved to a file beside it, with an InputWarning. Raises
    InputError if it cannot be written, is being changed by another process, or was replaced when
    the body ended; ArchiveError if it is damaged.
    """
    name = name_of(place)
    place = located(place, None)
    if isinstance(place, Url):
        raise InputError(f"{name}: is at a URL, where files are not changed; change a copy of it")
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
    """Raises InputError if the path names another file than this one, or none."""
    if not is_at(file, path):
        raise InputError(
            f"{name}: was replaced or removed meanwhile, and the change is lost with the file that"
            " it was made in; make it again"
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
    """The files of an archive of a folder with some removed, and others behind them."""

    def __init__(self, before: Continued, replacing: bool = False) -> None:
        """replacing: whether files that are added replace others of the same names. Raises
        InputError if its files cannot be changed.
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
                f"{archive.name}: is a set of pictures (--unordered), which keeps no files that"
                " could be told apart; compress the pictures again"
            )
        self.content, self.stats = content, listed.stats
        self.names, self.runs = list(listed.names), list(listed.runs)
        self._entries = listed.entries
        assert archive.beside is not None, "it has files"
        self._digests = archive.beside.digests
        self.labelled = bool(before.sections([LABELS]))
        self.previews: dict[Place, Previews] = {}
        """Sections with previews of files that are removed, and those that take their places."""

    @property
    def name(self) -> str:
        """The name of the archive."""
        return self.before.archive.name

    def options(self, options: CompressOptions) -> CompressOptions:
        """The options for files to add, which have labels and hashes if those of the archive do."""
        with_hashes = self._digests is not None and self._digests.files is not None
        return replace(
            options,
            labels=FOLDERS if self.labelled else options.labels,
            hashes="sha256" if with_hashes else options.hashes,
        )

    def number(self, name: str) -> int | None:
        """The number of the file of this name, those that were removed counted too."""
        number = self.before.archive.files.number(name)
        files = self.before.archive.files
        return number if number is None or not files.collection.has_removed else files.kept[number]

    def is_entry(self, name: str) -> bool:
        """Whether this is the name of a link, or, with a `/` behind, of an empty folder."""
        files = self.before.archive.files
        return name in files.empty_folders or name in {link.name for link in files.links}

    def remove(self, numbers: Iterable[int], entries: Iterable[str] = ()) -> None:
        """numbers: of all files, those that were removed included. entries: the names of links, and
        of empty folders, with a `/` behind. Folders that become empty go, too.
        """
        removed = set(numbers)
        if self._entries is not None:
            without = {name.removesuffix("/") for name in entries}
            self._entries = self._entries_without(self._entries, removed, without)
        self.names, times = list(self.names), array("q", self.stats.times)
        for number in removed:
            self.names[number], times[number] = "", 0
        gone = {number for number, name in enumerate(self.names) if not name}
        self.previews = dict(self._previews_without(gone))
        self.stats = replace(self.stats, times=times)
        if self._digests is not None and removed:
            self._digests = self._digests.without(removed, self.names, self._sums_of)

    def _entries_without(self, entries: Entries, removed: set[int], gone: set[str]) -> Entries:
        """The entries without the modes of removed files, without the links and folders of these
        names, and without the folders that nothing is left in.
        """
        empty = (name.removesuffix("/") for name in entries.empty_folders(self.names))
        left = entries.without(removed, gone)
        kept = [name for number, name in enumerate(self.names) if number not in removed]
        kept += (link.name for link in left.links)
        stay = parents([*kept, *(f"{name}/x" for name in empty if name not in gone)])
        lost = parents([*(self.names[number] for number in removed), *gone])
        return left.without((), lost - stay)

    def _sums_of(self, numbers: list[int]) -> dict[int, int]:
        """The sums of the content digests of some files, without those that are damaged."""
        archive = self.before.archive
        kept = archive.files.kept if archive.files.collection.has_removed else None
        places = [number if kept is None else bisect_left(kept, number) for number in numbers]
        sums = sums_of(archive, places)
        found = zip(numbers, places, strict=True)
        return {number: sums[place] for number, place in found if place in sums}

    def _previews_without(self, numbers: set[int]) -> Iterator[tuple[Place, Previews]]:
        for place in self.before.sections([PREVIEWS]):
            payload = open_section(self.before.archive.file.read_place(place), PREVIEWS)
            previews = Previews.unpack(payload)
            left = previews.without(numbers)
            if left != previews:
                yield place, left

    def extended(self, taken: Input) -> ChangedFolder:
        """The folder with the files of the input, and their parts, behind the others. Raises
        InputError for one whose name is taken.
        """
        if taken.kept is None or taken.files is None:
            raise InputError(f"{taken.name}: only files can be added to {self.name}")
        changed = copy(self)  # as a run that is made again starts with the same
        changed._append(taken.files)
        return changed

    def finish(self) -> None:
        """Writes a generation without new files. Raises InputError as `begin` does."""
        written = self.begin()
        if self._digests is not None:
            written.add(self._digests.pack())
        written.finish()

    def with_digests(self, added: Digests) -> Digests:
        """The digests of all files. added: those of the files behind the ones before."""
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
        self.remove(clashing.values(), taken_links)
        shift = len(self.content.parts)
        assert files.stats is not None, "they are those of a folder"
        self.content = replace(self.content, parts=self.content.parts + files.collection.parts)
        self.stats = self.stats.extended(files.stats)
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
        """Writes what describes the files, and leaves out blocks that none of them needs. Raises
        InputError if they cannot all be restored.
        """
        content = replace(self.content, features=self._features)
        listed = Listed(self.names, self.runs, self.stats, self._entries)
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
        kept = [place for place in self.before.sections() if place not in self.previews]
        written = Generation(self.before.output, kept, blocks)
        written.add(content.pack() + pack_described(files))
        for previews in self.previews.values():
            written.add(previews.pack())
        return written
