"""Decide for each file of a folder whether its pixels are coded, or it is stored verbatim.

Files are stored verbatim if they are smaller so, or cannot be coded.
"""

from __future__ import annotations

import math
import os
import stat
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from time import time_ns
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.inputs.copies import Copies, find_copies
from bitsback.archive.inputs.groups import STREAMS, Group, Groups
from bitsback.archive.inputs.jpeg_streams import MOST_BYTES, JpegStreams, joined_reason, streams_in
from bitsback.archive.inputs.request import Bonds, FilesOnDisk, FolderFiles, Input, Request
from bitsback.archive.inputs.series_of_slices import FEWEST, Sort, in_series
from bitsback.archive.inputs.warn import warn_of_names
from bitsback.coding.inflated import has_deflate_stream, stored_members
from bitsback.errors import InputError
from bitsback.files import formats
from bitsback.files.bands import Bands
from bitsback.files.data_sets import DataSet, is_hdf5
from bitsback.files.file_lists import MASKED, Listing, mode_of
from bitsback.files.npy import Items, WholeItems
from bitsback.files.picture_files import PictureItems, refusal, split
from bitsback.files.pictures import Header, named, reading_picture
from bitsback.format.array_part import BYTES, ArrayPart
from bitsback.format.digests import CONTENT, METADATA, ContentDigest, FileSums, digest_of_bytes
from bitsback.format.entries import RESTORED, Entries
from bitsback.format.file_stats import FileStats
from bitsback.format.grid import Shape
from bitsback.format.labelling import check_classes, pack_folders
from bitsback.format.members import Files
from bitsback.format.parts import FOLDER, FileCollection
from bitsback.format.tiles import Tiles
from bitsback.io import names as naming
from bitsback.io.file_io import name_of, open_regular, reading, size_of, spooled
from bitsback.io.names import ending_of
from bitsback.io.remote.url import Url, changed
from bitsback.planner.cutting import cut_bytes
from bitsback.planner.pictures import (
    SimilarPictures,
    TrialOutcome,
    TrialOutcomes,
    pixel_cost,
    sample_picture,
)
from bitsback.planner.planner import Planner
from bitsback.summary import (
    DAMAGED,
    NO_H5PY,
    NO_PICTURE,
    NOT_REPRODUCIBLE,
    SMALLER,
    UNREAD,
    Saving,
    VerbatimFiles,
)
from bitsback.work import begin, check_threads, ordered_map

_LARGE_HDF5 = "hdf5"
"""The sort of HDF5 files that are cut into tiles; each is in a part of its own."""
_START = 1 << 16  # bytes of a verbatim file that are tested for density
_CACHE_BYTES = 1 << 26
"""The limit in bytes of the decoded small pictures that wait in memory until they are coded."""
_CHUNK = 1 << 20
Stored = TypeVar("Stored")


@dataclass(frozen=True)
class _Decision:
    """The decision on a file."""

    size: int
    time: int
    mode: int | None
    header: Header | None = None
    """The header of a picture that is coded by its pixels."""
    sort: str = ""
    """The sort of files that it shares a part with."""
    metadata: bytes = b""
    reason: str = ""
    """The reason for storing the file verbatim; empty for a coded picture."""
    exact: bool = True
    """Whether the file is restored byte for byte."""
    saving: int = 0
    """The bytes that `files="pixels"` would save."""
    streams: JpegStreams | None = None
    """The JPEG streams of a verbatim file."""
    data_sets: Sequence[DataSet] = ()
    """The data sets of an HDF5 file."""
    pixels: NDArray[Any] | None = None
    """The pixels of a small picture that is coded, so that it need not be read again."""
    tried: list[Tiles] = field(default_factory=list)
    """The sample of its own trial, if it had one."""
    copy: bool = False
    """Whether the file has the content of an earlier one."""


@dataclass(frozen=True)
class _Undecided:
    """A picture whose coding is decided by its own trial, or by the trials of similar pictures."""

    coded: _Decision
    verbatim: _Decision | None
    """None if its own trial says that it is coded."""
    indexed: bool
    alike: SimilarPictures
    trial: Callable[[], TrialOutcome]
    tried: TrialOutcome | None = None
    """The outcome of its own trial, if it always has one."""


class _Store(dict[int, Stored]):
    """A cache of the pixels or samples of pictures, by the number of the file.

    It saves reading and trying them again, as far as the memory limit allows.
    """

    def __init__(self) -> None:
        super().__init__()
        self._left = _CACHE_BYTES

    def keep(self, number: int, value: Stored, size: int) -> None:
        if size <= self._left:
            self._left -= size
            self[number] = value


@dataclass(frozen=True)
class _Original:
    """A file that others may be copies of."""

    number: int | None = None
    """None if it has not been added."""
    exact: bool = True
    coded: bool = False
    """Whether its pixels are coded."""
    metadata: int = 0
    """The place of its container metadata."""


@dataclass(frozen=True)
class _FileDigests:
    """The content digests of a file and of its copies, by their numbers."""

    sums: FileSums
    digests: Mapping[int, ContentDigest]

    def add(self, data: Any) -> None:
        for digest in self.digests.values():
            digest.add(data)

    def finish(self, size: int) -> None:
        """Adds the digests to the sums. size: the bytes of the file; copies add none."""
        for number, digest in self.digests.items():
            self.sums.add(number, digest.number, size)
            size = 0


class _DecidedFiles:
    """The files of a folder, in the parts of a collection."""

    def __init__(
        self,
        listing: Listing,
        request: Request,
        metadata: BinaryIO,
        sorts: dict[str, Sort],
        copies: Copies,
    ) -> None:
        """metadata: a file for the container metadata of coded pictures, in their order. sorts: the
        sorts of files that are slices of a series, or have frames. copies: the files that may have
        the content of others.
        """
        self._copies = copies
        self._originals: dict[str, _Original] = dict.fromkeys(
            copies.originals.values(), _Original()
        )
        self._before = 0 if request.archive is None else request.archive.rows
        self._saved = Saving()
        self._copied: dict[int, list[int]] = {}
        """For each file with copies, their numbers."""
        self._listing, self._request, self._metadata = listing, request, metadata
        self._sorts = sorts
        self._groups, self._stats = Groups(request.knows, request.policy.folder_bytes), FileStats()
        self._sums = FileSums()
        self._names: list[str] = []
        self._modes: list[int | None] = []
        self._bad = dict(listing.bad)
        self._size = 0
        self._coded: dict[str, int] = {}
        self._stored: dict[str, VerbatimFiles] = {}
        self._inexact: list[str] = []
        self._saving = Saving()
        self._pixels, self._tried = _Store[NDArray[Any]](), _Store[Tiles]()
        self._jpeg_tables: dict[int, bytes] = {}
        self._data_sets: dict[int, Sequence[DataSet]] = {}

    def __len__(self) -> int:
        """The number of files, including files that are left out."""
        return len(self._names) + len(self._bad)

    def _add_file(self, name: str, decision: _Decision) -> None:
        self._names.append(name)
        self._modes.append(decision.mode)
        self._size += decision.size
        self._sums.add_file()
        if not decision.exact:
            self._inexact.append(name)

    def add_copy(self, name: str, decision: _Decision) -> bool:
        """Adds a copy. Returns False, and adds nothing, if its original was not added."""
        number = len(self._names)
        if (stored := self._copies.stored.get(name)) is not None:
            self._add_file(name, decision)
            self._sums.add(number, stored.digests, 0)
            distance = number + self._before - stored.row
        else:
            original = self._originals[self._copies.originals[name]]
            if original.number is None:
                return False
            self._add_file(name, replace(decision, exact=original.exact))
            self._copied.setdefault(original.number, []).append(number)
            if size := self._stats.sizes[original.number] * original.coded:
                self._metadata.seek(original.metadata)
                digest = digest_of_bytes(name, METADATA, self._metadata.read(size))
                self._metadata.seek(0, os.SEEK_END)
                self._sums.add(number, digest, 0)
            distance = number - original.number
        self._saved = Saving(self._saved.files + 1, self._saved.bytes + decision.size)
        self._groups.add_copy()
        self._stats.add(distance, 0, decision.time)
        return True

    def add(self, name: str, decision: _Decision) -> None:
        if name in self._originals:
            self._originals[name] = _Original(
                len(self._names),
                decision.exact,
                decision.header is not None,
                self._metadata.tell(),
            )
        self._add_file(name, decision)
        if decision.saving > (1 - self._request.policy.worthwhile) * decision.size:
            self._saving = Saving(self._saving.files + 1, self._saving.bytes + decision.saving)
        if decision.header is not None:
            if decision.metadata:
                digest = digest_of_bytes(name, METADATA, decision.metadata)
                self._sums.add(len(self._names) - 1, digest, len(decision.metadata))
            members = self._groups.add(decision.header, decision.sort)
            if decision.tried and len(members) == 1:
                self._tried.keep(members[0], decision.tried[0], decision.tried[0].elements.nbytes)
            else:
                self._tried.pop(members[0], None)
            original = 2 * decision.size + (not decision.exact)
            self._stats.add(len(decision.metadata), original, decision.time)
            self._metadata.write(decision.metadata)
            self._coded[name] = decision.size
            if decision.pixels is not None:
                self._pixels.keep(members[-1], decision.pixels, decision.pixels.nbytes)
        else:
            sort, streams, number = decision.sort, decision.streams, len(self._names) - 1
            if streams is not None:
                streams.log(name)
                if streams.tables:
                    sort, self._jpeg_tables[number] = f"{sort} {number}", streams.tables
            if decision.data_sets:
                self._data_sets[number] = decision.data_sets
                sort = f"{sort} {number}" if sort == _LARGE_HDF5 else sort
            self._groups.add_file(decision.size, sort)
            self._stats.add(decision.size, 0, decision.time)
            if not decision.reason:
                return
            before = self._stored.get(decision.reason, VerbatimFiles())
            self._stored[decision.reason] = before.more(name, decision.size)

    def leave_out(self, name: str, error: InputError) -> None:
        """Leaves out a bad file. Raises InputError unless the options allow that."""
        if not self._request.options.skip_bad:
            verbatim = ", and without --pictures-only (pictures_only=True) they are stored verbatim"
            raise InputError(
                f"{error}; --skip-bad (skip_bad=True) leaves such files out"
                + verbatim * isinstance(error, _NoPicture)
            )
        self._bad[name] = str(error)

    def check(self) -> None:
        """Checks all files together. Raises InputError if an archive cannot have them."""
        root = self._listing.root
        if not self._names:
            first = f"; the first: {next(iter(self._bad.values()))}" if self._bad else ""
            raise InputError(f"{root}: there is no file that can be used{first}")
        if self._request.options.labels is not None:
            check_classes(self._names, name_of(root))
        warn_of_names([*self._names, *(link.name for link in self._listing.links)])

    def _digested(
        self, file: int, dtype: np.dtype[Any], shape: Shape, bands: Iterator[NDArray[Any]]
    ) -> Iterator[NDArray[Any]]:
        """The bands of a picture. Its content digest is added after the last band."""
        digests = self._digests(file, dtype, shape)
        left = shape[0]
        for band in bands:
            digests.add(np.ascontiguousarray(band, dtype))
            left -= len(band)
            if not left:
                digests.finish(math.prod(shape) * dtype.itemsize)
            yield band

    def _digests(self, file: int, dtype: np.dtype[Any], shape: Shape) -> _FileDigests:
        numbers = [file, *self._copied.get(file, ())]
        digests = [ContentDigest(self._names[number], CONTENT, dtype, shape) for number in numbers]
        return _FileDigests(self._sums, dict(zip(numbers, digests, strict=True)))

    def _data_sets_in(self, group: Group) -> Iterator[DataSet]:
        """The data sets in the bytes of a part of verbatim files."""
        at = 0
        for member in group.members:
            size = self._stats.sizes[member]
            yield from (each.within(-at, at + size) for each in self._data_sets.get(member, ()))
            at += size

    def as_input(self) -> Input:
        listing, request, names = self._listing, self._request, self._names
        name = naming.printable(name_of(listing.root))
        parts: list[tuple[Items, ArrayPart]] = []
        picture_names: list[list[str]] = []
        framed: set[int] = set()
        jpeg_tables: dict[int, bytes] = {}
        data_sets: dict[int, list[DataSet]] = {}
        tried: dict[int, Tiles] = {}
        length = self._metadata.tell()
        if length:  # first, so that the pictures in a truncated archive have theirs
            part = ArrayPart(np.dtype("|u1"), (0, length), BYTES)
            part = replace(part, cut=cut_bytes(part, request.policy))
            parts.append((ByteItems(name, part, _metadata_chunks(self._metadata)), part))
            picture_names.append([])
        first = len(parts)
        for group in self._groups:
            if group.part.axes == BYTES:
                part = group.part
                data_sets[len(parts)] = found = list(self._data_sets_in(group))
                if found and part.elements > MOST_BYTES:
                    part = replace(part, cut=(MOST_BYTES,))
                elif not group.streams:
                    part = replace(part, cut=cut_bytes(part, request.policy))
                jpeg_tables[len(parts)] = self._jpeg_tables.get(group.members[0], b"")
                chunks = _chunks_of(listing, names, group.members, self._stats, self._digests)
                parts.append((ByteItems(name, part, chunks), part))
                picture_names.append([])
            else:
                items = PictureItems(
                    listing, names, group.members, group.part, self._pixels, self._digested
                )
                sort = self._sorts.get(names[group.members[0]], Sort())
                frames = sort.frames if sort.name else 0
                part, are_frames = request.arranged_pictures(group.part, items, frames)
                if are_frames:
                    framed.add(len(parts))
                if group.members[0] in self._tried:
                    tried[len(parts)] = self._tried[group.members[0]]
                parts.append((items, part))
                picture_names.append([names[member] for member in group.members])
        runs = [(first + part, count) for part, count in self._groups.runs]
        collection = FileCollection(FOLDER, (*(part for _, part in parts), *self._groups.copies))
        entries = Entries(self._modes, listing.folders, listing.links)
        described = None if entries.is_empty else entries
        files = Files(collection, names, runs, self._stats, described, self._before)
        modes = [(folder.name, (folder.mode or 0) & ~stat.S_ISGID) for folder in listing.folders]
        modes += zip(names, (mode or 0 for mode in self._modes), strict=True)
        if masked := [name or "." for name, mode in modes if mode & ~RESTORED]:
            listing = replace(listing, noted=listing.noted | {MASKED: masked})
        return Input(
            collection,
            parts,
            name,
            files,
            listing.skipped,
            self._bad,
            listing,
            FolderFiles(self._coded, picture_names, self._metadata, self._sums, self._copies),
            disk=FilesOnDisk(self._size, self._stored, self._inexact, self._saving, self._saved),
            bonds=Bonds(
                frames=frozenset(framed),
                jpeg_tables=jpeg_tables,
                tried=tried,
                data_sets=data_sets,
            ),
            labels=b"" if request.options.labels is None else pack_folders(),
        )


def folder_input(listing: Listing, request: Request) -> Input:
    """Decides on the files of a folder, or of a list. Raises InputError."""
    options = request.options
    listing, sorts = in_series(listing)
    decider = _Decider(listing, request, sorts)
    threads = check_threads(options.threads)
    begin(options.progress, "looking at the files")
    copies = find_copies(listing, threads, request.archive)

    def decided(numbered: tuple[int, str]) -> tuple[str, _Decision | _Undecided | InputError]:
        is_copy = numbered[1] in copies.originals or numbered[1] in copies.stored
        return decider.examine(numbered, is_copy)

    spool = spooled()  # the input closes it
    try:
        files = _DecidedFiles(listing, request, spool, sorts, copies)
        for name, decision in ordered_map(decided, enumerate(listing.names), threads):
            if options.progress is not None:
                options.progress(len(files) + 1, len(listing.names))
            if isinstance(decision, _Decision) and decision.copy:
                if files.add_copy(name, decision):
                    continue
                _, decision = decider.examine((0, name))
            if isinstance(decision, _Undecided):
                decision = decider.decide(name, decision)
            if isinstance(decision, InputError):
                files.leave_out(name, decision)
            else:
                files.add(name, decision)
        files.check()
        return files.as_input()
    except BaseException:
        spool.close()
        raise


class _NoPicture(InputError):
    """The error of a file that is no picture, and can be stored verbatim."""


class _Decider:
    """Decides how files are stored.

    `examine` runs in several threads. `decide` runs in one thread, in the order of the files.
    """

    def __init__(self, listing: Listing, request: Request, sorts: dict[str, Sort]) -> None:
        """sorts: the sorts of DICOM files that can be coded. Other files with frames are added."""
        self._listing, self._request, self._sorts = listing, request, sorts
        self._others = not request.options.pictures_only
        """Whether files that are damaged, or are no pictures, are stored verbatim."""
        self._outcomes = TrialOutcomes(request.policy)
        self._knows = lru_cache(maxsize=None)(request.knows)

    def decide(self, name: str, picture: _Undecided) -> _Decision:
        """The decision on a picture."""
        outcome = self._outcomes.decide(picture.alike, picture.tried, picture.trial)
        if picture.verbatim is not None and not outcome.by_pixels:
            return picture.verbatim
        if picture.coded.header is None:
            size = picture.coded.size
            return replace(picture.coded, saving=size - round(outcome.share * size))
        sort = "indexes" if picture.indexed else "graphics" if outcome.general else ""
        sort = self._sorts.get(name, Sort()).name or sort
        return replace(picture.coded, sort=sort)

    def examine(
        self, numbered: tuple[int, str], copy: bool = False
    ) -> tuple[str, _Decision | _Undecided | InputError]:
        """The decision on a file, or the error if it can be neither coded nor stored.

        copy: whether it has the content of an earlier file, and is not read.
        """
        number, name = numbered
        path = self._listing.path(name)
        shown = naming.printable(name_of(path))
        try:
            reason = naming.file_fault(name)
            if reason is not None:
                raise InputError(f"{shown}: {reason}; rename it")
            if copy:
                with reading(shown):
                    size = size_of(path)
                    return name, _Decision(size, *_status_of(path), copy=True)
            with reading(shown), open_regular(path, True) as file:
                decision = _Decision(file.seek(0, os.SEEK_END), *_status_of(path))
                ending = ending_of(name)
                if ending not in formats.PICTURES:
                    file.seek(0)
                    if not formats.is_picture_by_content(file.read(formats.START)):
                        if ending in formats.OTHER_PICTURES:
                            unread = f"{UNREAD}: {formats.unread_picture(name)}"
                            return name, self._stored(decision, file, unread)
                        if self._others:
                            return name, self._stored(decision, file, NO_PICTURE)
                if name in self._request.verbatim:
                    return name, self._stored(decision, file, SMALLER)
                try:
                    return name, self._picture(
                        decision, name, file, number % self._request.policy.own_trials == 0
                    )
                except InputError as error:
                    if not self._others:
                        return name, _NoPicture(str(error))
                    fault = str(error).removeprefix(f"{shown}: ").removeprefix("cannot be read: ")
                    return name, self._stored(decision, file, f"{DAMAGED}: {fault}")
        except InputError as error:
            return name, error

    def _picture(
        self, decision: _Decision, name: str, file: BinaryIO, tried: bool
    ) -> _Decision | _Undecided:
        """The decision on a picture file. Raises InputError if it is damaged or no picture.

        tried: whether it has a trial of its own in any case.
        """
        request, path = self._request, self._listing.path(name)
        with reading_picture(name_of(path)):
            file.seek(0)
            form = formats.picture_format(file.read(formats.START))
            if form is not None and form.codec is None:
                return self._stored(decision, file, form.label)
            taken = split(file, request.exact)
            fits = taken is not None
            if taken is None and request.exact:
                taken = split(file, False)
            if taken is None:
                return self._stored(decision, file, refusal(file))
        pixels = named(taken.pixels, name_of(path))
        alike = SimilarPictures.measure(pixels, taken.indexed, decision.size, request.policy)
        small = pixels.size < request.policy.tile_side**2
        whole = pixels.whole() if small else None
        if whole is not None:  # its trial may come when its file is closed
            pixels = Bands.from_array(whole)
        coded = (
            replace(
                decision,
                header=Header(pixels.dtype, pixels.shape, ()),
                metadata=taken.metadata,
                pixels=whole,
                exact=taken.exact,
                saving=taken.saving,
                tried=[],
            )
            if fits
            else self._stored(decision, file, f"{NOT_REPRODUCIBLE}: {refusal(file)}")
        )
        if self._knows(pixels.shape):
            return coded
        if fits and taken.frames >= FEWEST:
            kind = f"frames {pixels.dtype.str} {pixels.shape} {taken.frames} {taken.indexed}"
            self._sorts[name] = Sort(kind, taken.frames)

        def trial() -> TrialOutcome:
            enough = request.policy.worthwhile * (decision.size - taken.weight)
            sample = sample_picture(pixels, request.tile, request.policy)
            coded.tried.append(sample.tiles)
            # Slow models are tried only if the others are not good enough.
            for policy in dict.fromkeys([request.policy.first_trial, request.policy]):
                cost, general = pixel_cost(
                    pixels, request.tile, Planner(policy, request.requested), enough, sample
                )
                if cost <= enough and not general:
                    break
            share = (cost + taken.weight) / decision.size
            return TrialOutcome(cost <= enough, general, share)

        own = trial() if tried or not small else None
        coded_anyway = own is not None and own.by_pixels
        verbatim = None if coded_anyway else self._stored(decision, file, SMALLER)
        return _Undecided(coded, verbatim, taken.indexed, alike, trial, own)

    def _stored(self, decision: _Decision, file: BinaryIO, reason: str) -> _Decision:
        streams = streams_in(file, decision.size)
        decision = replace(decision, streams=streams)
        file.seek(0)
        start = file.read(_START)
        if is_hdf5(start):
            try:
                from bitsback.files.hdf5_chunks import data_sets_in
            except ImportError:
                reason = NO_H5PY
            else:
                if found := data_sets_in(file):
                    sort = STREAMS if decision.size <= MOST_BYTES else _LARGE_HDF5
                    return replace(decision, sort=sort, data_sets=found)
        if streams.coded and not streams.large:
            return replace(decision, sort=STREAMS)
        if decision.size <= MOST_BYTES and _has_streams(file):
            shown = "" if reason.startswith((NO_PICTURE, UNREAD)) else reason
            return replace(decision, sort=STREAMS, reason=shown)
        policy = self._request.policy
        dense = decision.size > policy.small_sample and (
            len(zlib.compress(start, 1)) > policy.noise * len(start)
        )
        reason = "" if streams.coded else joined_reason(streams, reason)
        return replace(decision, sort="dense" if dense else "loose", reason=reason)


def _has_streams(file: BinaryIO) -> bool:
    """Whether a file contains deflate streams, or members of ZIP files."""
    file.seek(0)
    content = file.read()
    return has_deflate_stream(content) or next(stored_members(content), None) is not None


def _status_of(path: Path | Url) -> tuple[int, int | None]:
    """The modification time of a file, in ns since 1970, and its mode.

    The time is now if it is unknown.
    """
    if not isinstance(path, Url):
        status = path.stat()
        return status.st_mtime_ns, mode_of(status)
    time = changed(path)
    return time_ns() if time is None else time, None


class ByteItems(WholeItems):
    """The concatenated bytes of files."""

    def __init__(self, name: str, part: ArrayPart, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self.name, self.dtype, self.shape = name, part.dtype, part.shape
        self._chunks = chunks
        self._left = memoryview(b"")

    def read(self, count: int, axes: int) -> NDArray[np.uint8]:
        """All bytes, as one item."""
        return self.rows(self.shape[1], axes)[np.newaxis]

    def rows(self, count: int, axes: int) -> NDArray[np.uint8]:
        rows, at = np.empty(count, np.uint8), 0
        while at < count:
            if not self._left:
                self._left = memoryview(next(self._chunks))
                continue
            taken = min(len(self._left), count - at)
            rows[at : at + taken] = self._left[:taken]
            self._left, at = self._left[taken:], at + taken
        return rows

    def finish(self) -> None:
        next(self._chunks, None)  # which checks the size of the last file


def _chunks_of(
    listing: Listing,
    names: list[str],
    members: Sequence[int],
    stats: FileStats,
    digests_of: Callable[[int, np.dtype[Any], Shape], _FileDigests],
) -> Iterator[bytes]:
    """The content of files. digests_of: the digests of a file, to which its content is added.

    Raises InputError if the size of a file has changed.
    """
    for member in members:
        size = stats.sizes[member]
        digests = digests_of(member, np.dtype("|u1"), (size,))
        path = listing.path(names[member])
        shown = naming.printable(name_of(path))
        left = size
        with reading(shown), open_regular(path, True) as file:
            while data := file.read(_CHUNK):
                left -= len(data)
                if left < 0:
                    break
                digests.add(data)
                yield data
        if left:
            raise InputError(f"{shown}: was changed while it was read; try again")
        digests.finish(size)


def _metadata_chunks(metadata: BinaryIO) -> Iterator[bytes]:
    metadata.seek(0)
    while data := metadata.read(_CHUNK):
        yield data
