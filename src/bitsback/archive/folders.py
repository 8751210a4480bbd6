"""A folder on its way into an archive: which pictures are coded by their pixels, and which files
are held bit for bit, since they are smaller so, or cannot be coded.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from time import time_ns
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from PIL import UnidentifiedImageError

from bitsback.archive.asked import Asked, Input, Keeping, Kept
from bitsback.archive.classes import check_classes
from bitsback.archive.collection import BYTES, Collection
from bitsback.archive.cutting import cut_for
from bitsback.archive.facts import Facts
from bitsback.archive.groups import Groups
from bitsback.archive.members import pack_files
from bitsback.archive.outcomes import Alike, Outcome, Outcomes, is_tried
from bitsback.archive.pairs import pack_folders
from bitsback.archive.parts import FOLDER, FileList
from bitsback.archive.pool import ordered_map
from bitsback.archive.reasons import (
    ASKED_FOR,
    CAMERA_FILES,
    DAMAGED,
    LOSSY,
    NO_PICTURE,
    OTHER_KIND,
    SMALLER,
)
from bitsback.archive.summary import Held
from bitsback.archive.trial import pixel_cost
from bitsback.archive.warn import warn_of_names
from bitsback.archive.work import begin
from bitsback.errors import InputError
from bitsback.images import names as naming
from bitsback.images.bands.bands import Bands
from bitsback.images.bands.picture import named
from bitsback.images.file_io import name_of, open_regular, reading, size_of
from bitsback.images.folder import Listing, PictureItems
from bitsback.images.notes import split
from bitsback.images.npy import Items, Whole
from bitsback.images.pictures import Header, reading_picture
from bitsback.images.png_chunks import MAGIC as PNG
from bitsback.images.restored import CAMERA, PICTURES, ending_of
from bitsback.images.tiff.structure import MAGICS as TIFF
from bitsback.remote.url import Url, changed

_CODED = (PNG, *TIFF, b"BM", *(b"P%c" % kind for kind in b"0123456fy"))
"""The first bytes of files whose pictures may be coded by their pixels: PNG, TIFF, BMP, PNM."""
_LOSSY = (b"\xff\xd8\xff", b"GIF8", b"RIFF")
_WORTH = 0.98
"""Times the bytes of a file: pixels that take more are not worth the time that they cost."""
_SMALL = 1 << 14
_LOOK = 1 << 16
_DENSE = 0.9
"""Times as many bytes that deflate leaves of a file that is compressed."""
_IN_MEMORY = 1 << 24
_KEPT = 1 << 26
"""Bytes of the pixels of small pictures that are in memory until they are coded."""
_PIECE = 1 << 20


@dataclass(frozen=True)
class _Sorted:
    """What becomes of a file."""

    size: int
    time: int
    header: Header | None = None
    """Of a picture that is coded by its pixels."""
    sort: str = ""
    """What it is to be together with in a part."""
    note: bytes = b""
    reason: str = ""
    """Why it is held bit for bit."""
    pixels: NDArray[Any] | None = None
    """Of a small picture that is coded, so that it need not be read again."""


@dataclass(frozen=True)
class _Untold:
    """A picture of which its own trial, or those of others like it, tell what becomes."""

    coded: _Sorted
    held: _Sorted
    indexed: bool
    alike: Alike
    trial: Callable[[], Outcome]
    told: Outcome | None = None
    """What its own trial told, if there was one."""


@dataclass
class _Sums:
    notes: BinaryIO
    coded: dict[str, int] = field(default_factory=dict)
    """The bytes of the files of pictures that are coded, by name."""
    stored: dict[str, Held] = field(default_factory=dict)
    size: int = 0
    pixels: dict[int, NDArray[Any]] = field(default_factory=dict)
    """Of small pictures, by the number of the file, as long as there is room for them."""
    room: int = _KEPT

    def keep(self, number: int, pixels: NDArray[Any]) -> None:
        if pixels.nbytes <= self.room:
            self.room -= pixels.nbytes
            self.pixels[number] = pixels


def folder_input(listing: Listing, asked: Asked) -> Input:
    """Sorts the files of a folder, or of a list. Raises InputError."""
    keeping = asked.keeping
    assert keeping is not None
    spool = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - the input closes it
    try:
        return _sorted(listing, asked, keeping, cast(BinaryIO, spool))
    except BaseException:
        spool.close()
        raise


def _sorted(listing: Listing, asked: Asked, keeping: Keeping, notes: BinaryIO) -> Input:
    sums = _Sums(notes)
    groups, facts, names, bad = Groups(asked.knows), Facts(), list[str](), dict(listing.bad)
    sorter = _Sorter(listing, asked)
    begin(keeping.progress, "looking at the files")
    for name, sorted_ in ordered_map(sorter.sort, enumerate(listing.names), keeping.threads):
        found = sorter.told(sorted_) if isinstance(sorted_, _Untold) else sorted_
        if keeping.progress is not None:
            keeping.progress(len(names) + len(bad) + 1, len(listing.names))
        if isinstance(found, InputError):
            if not asked.skip_bad:
                held = (
                    ", and without --pictures-only (pictures_only=True) they are held as they are"
                )
                raise InputError(
                    f"{found}; --skip-bad (skip_bad=True) leaves such files out"
                    + held * isinstance(found, _NoPicture)
                )
            bad[name] = str(found)
            continue
        names.append(name)
        sums.size += found.size
        if found.header is not None:
            groups.add(found.header, found.sort)
            facts.add(len(found.note), found.time)
            sums.notes.write(found.note)
            sums.coded[name] = found.size
            if found.pixels is not None:
                sums.keep(len(names) - 1, found.pixels)
        else:
            groups.add_file(found.size, found.sort)
            facts.add(found.size, found.time)
            before = sums.stored.get(found.reason, Held(0, 0, name))
            sums.stored[found.reason] = replace(
                before, files=before.files + 1, bytes=before.bytes + found.size
            )
    if not names:
        first = f"; the first: {next(iter(bad.values()))}" if bad else ""
        raise InputError(f"{listing.root}: there is no file that can be used{first}")
    if asked.labels is not None:
        check_classes(names, name_of(listing.root))
    warn_of_names(names)
    return _input_of(listing, asked, groups, facts, names, bad, sums)


def _input_of(
    listing: Listing,
    asked: Asked,
    groups: Groups,
    facts: Facts,
    names: list[str],
    bad: dict[str, str],
    sums: _Sums,
) -> Input:
    name = naming.printable(name_of(listing.root))
    parts: list[tuple[Items, Collection]] = []
    of_parts: list[list[str]] = []
    length = sums.notes.tell()
    if length:  # first, so that whatever else is there of an archive that is cut off has its notes
        part = Collection(np.dtype("|u1"), (0, length), BYTES)
        part = replace(part, cut=cut_for(part, None))
        parts.append((ByteItems(name, part, _notes_chunks(sums.notes)), part))
        of_parts.append([])
    first = len(parts)
    for group in groups:
        if group.part.axes == BYTES:
            part = replace(group.part, cut=cut_for(group.part, None))
            chunks = chunks_of(listing, names, list(group.members), facts)
            parts.append((ByteItems(name, part, chunks), part))
            of_parts.append([])
        else:
            items = PictureItems(listing, names, group.members, group.part, sums.pixels)
            parts.append((items, asked.cut(group.part)))
            of_parts.append([names[member] for member in group.members])
    files = pack_files(FOLDER, [(first + part, count) for part, count in groups.runs], names)
    return Input(
        FileList(FOLDER, tuple(part for _, part in parts)),
        parts,
        name,
        files + facts.pack(),
        listing.skipped,
        bad,
        listing,
        Kept(sums.size, sums.stored, sums.coded, of_parts, sums.notes),
        labels=b"" if asked.labels is None else pack_folders(),
    )


class _NoPicture(InputError):
    """Of a file that could be held as it is."""


class _Sorter:
    """Looks at files: `sort` from several threads, `told` from one, in the order of the files."""

    def __init__(self, listing: Listing, asked: Asked) -> None:
        assert asked.keeping is not None
        self._listing, self._asked, self._keeping = listing, asked, asked.keeping
        pictures = (name for name in listing.names if ending_of(name) in PICTURES)
        self._job = sum(map(size_of, map(listing.path, pictures)))
        self._outcomes = Outcomes()
        self._knows = lru_cache(maxsize=None)(asked.knows)

    def told(self, picture: _Untold) -> _Sorted:
        """What becomes of it."""
        outcome = self._outcomes.of(picture.alike, picture.told, picture.trial)
        if not outcome.worth:
            return picture.held
        sort = "indexes" if picture.indexed else "graphics" if outcome.general else ""
        return replace(picture.coded, sort=sort)

    def sort(self, numbered: tuple[int, str]) -> tuple[str, _Sorted | _Untold | InputError]:
        """What becomes of a file, or why it can neither be coded nor be held."""
        number, name = numbered
        path = self._listing.path(name)
        shown = naming.printable(name_of(path))
        try:
            reason = naming.file_fault(name)
            if reason is not None:
                raise InputError(f"{shown}: {reason}; rename it")
            with reading(shown), open_regular(path, True) as file:
                found = _Sorted(file.seek(0, os.SEEK_END), _time_of(path))
                ending = ending_of(name)
                if ending in CAMERA:
                    return name, self._stored(found, file, CAMERA_FILES)
                if self._keeping.others and ending not in PICTURES:
                    return name, self._stored(found, file, NO_PICTURE)
                if name in self._keeping.stored:
                    return name, self._stored(found, file, SMALLER)
                try:
                    return name, self._picture(found, path, file, is_tried(number))
                except InputError as error:
                    if not self._keeping.others:
                        return name, _NoPicture(str(error))
                    return name, self._stored(found, file, DAMAGED)
        except InputError as error:
            return name, error

    def _picture(
        self, found: _Sorted, path: Path | Url, file: BinaryIO, tried: bool
    ) -> _Sorted | _Untold:
        """tried: whether it is to have a trial of its own. Raises InputError if it is no picture,
        or a damaged one.
        """
        keeping, asked = self._keeping, self._asked
        with reading_picture(name_of(path)):
            file.seek(0)
            start = file.read(max(map(len, _CODED)))
            if start.startswith(_LOSSY):
                return self._stored(found, file, LOSSY)
            if not start.startswith(_CODED):
                raise UnidentifiedImageError
            taken = split(file, keeping.exact)
            if taken is None:
                again = keeping.exact and split(file, False) is not None
                return self._stored(found, file, ASKED_FOR if again else OTHER_KIND)
        pixels = named(taken.pixels, name_of(path))
        header = Header(pixels.dtype, pixels.shape, ())
        coded = replace(found, header=header, note=taken.note)
        alike = Alike.of(pixels, taken.indexed, found.size)
        if alike.small:  # its trial may come when its file is closed
            whole = pixels.whole()
            pixels, coded = Bands.of(whole), replace(coded, pixels=whole)
        if self._knows(pixels.shape):
            return coded

        def trial() -> Outcome:
            cost, general = pixel_cost(pixels, asked.tile, asked.given, asked.effort, self._job)
            return Outcome(cost + len(taken.note) <= _WORTH * found.size, general)

        return _Untold(
            coded,
            self._stored(found, file, SMALLER),
            taken.indexed,
            alike,
            trial,
            trial() if tried or not alike.small else None,
        )

    def _stored(self, found: _Sorted, file: BinaryIO, reason: str) -> _Sorted:
        file.seek(0)
        start = file.read(_LOOK)
        dense = found.size > _SMALL and len(zlib.compress(start, 1)) > _DENSE * len(start)
        return replace(found, sort="dense" if dense else "loose", reason=reason)


def _time_of(path: Path | Url) -> int:
    """When a file was changed, in ns since 1970; now, where nobody knows."""
    if not isinstance(path, Url):
        return path.stat().st_mtime_ns
    time = changed(path)
    return time_ns() if time is None else time


class ByteItems(Whole):
    """The bytes of files, one after the other."""

    def __init__(self, name: str, part: Collection, chunks: Callable[[], Iterator[bytes]]) -> None:
        super().__init__()
        self.name, self.dtype, self.shape = name, part.dtype, part.shape
        self._chunks = chunks()
        self._left = memoryview(b"")

    def read(self, count: int, axes: int) -> NDArray[np.uint8]:
        """All of them, as one item."""
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

    def peek(self, first: int, count: int) -> None:
        return None

    def finish(self) -> None:
        pass


def chunks_of(
    listing: Listing, names: list[str], members: list[int], facts: Facts
) -> Callable[[], Iterator[bytes]]:
    """What files hold. Raises InputError if one of them has another size than before."""

    def chunks() -> Iterator[bytes]:
        for member in members:
            path = listing.path(names[member])
            shown = naming.printable(name_of(path))
            left = facts.sizes[member]
            with reading(shown), open_regular(path, True) as file:
                while data := file.read(_PIECE):
                    left -= len(data)
                    if left < 0:
                        break
                    yield data
            if left:
                raise InputError(f"{shown}: was changed while it was read; try again")

    return chunks


def _notes_chunks(notes: BinaryIO) -> Callable[[], Iterator[bytes]]:
    def chunks() -> Iterator[bytes]:
        notes.seek(0)
        while data := notes.read(_PIECE):
            yield data

    return chunks
