"""A folder on its way into an archive: which pictures are coded by their pixels, and which files
are held bit for bit, since they are smaller so, or cannot be coded.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import time_ns
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from bitsback.archive.asked import Asked, Input, Keeping, Kept
from bitsback.archive.classes import check_classes
from bitsback.archive.collection import BYTES, Collection
from bitsback.archive.cutting import cut_for
from bitsback.archive.facts import Facts
from bitsback.archive.groups import Groups
from bitsback.archive.members import pack_files
from bitsback.archive.pairs import pack_folders
from bitsback.archive.parts import FOLDER, FileList
from bitsback.archive.pool import ordered_map
from bitsback.archive.summary import Held
from bitsback.archive.trial import pixel_cost
from bitsback.archive.warn import warn_of_names
from bitsback.errors import InputError
from bitsback.images import names as naming
from bitsback.images.bands.picture import named
from bitsback.images.file_io import name_of, open_regular, reading, size_of
from bitsback.images.folder import Listing, PictureItems
from bitsback.images.notes import split
from bitsback.images.npy import Items, Whole
from bitsback.images.pictures import Header, identified, reading_picture
from bitsback.images.restored import PICTURES, ending_of
from bitsback.images.tiff.structure import MAGICS
from bitsback.remote.times import changed
from bitsback.remote.url import Url

_CODED = ("PNG", "BMP", "DIB", "PPM")
"""Formats beside TIFF, as Pillow calls them, whose pictures may be coded by their pixels."""
_WORTH = 0.98
"""Times the bytes of a file: pixels that take more are not worth the time that they cost."""
_SMALL = 1 << 14
_LOOK = 1 << 16
_DENSE = 0.9
"""Times as many bytes that deflate leaves of a file that is compressed."""
_IN_MEMORY = 1 << 24
_PIECE = 1 << 20

LOSSY, SMALLER, OTHER_KIND, ASKED_FOR, NO_PICTURE = (
    "JPEG, WebP or GIF",
    "smaller so than by their pixels",
    "of kinds that are not coded by their pixels",
    "whose compression is not made again: PNG not by zlib, TIFF",
    "no pictures",
)
"""Why files are held bit for bit."""


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


@dataclass
class _Sums:
    notes: BinaryIO
    coded: dict[str, int] = field(default_factory=dict)
    """The bytes of the files of pictures that are coded, by name."""
    stored: dict[str, Held] = field(default_factory=dict)
    size: int = 0


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
    for name, found in ordered_map(sorter.sort, listing.names, keeping.threads):
        if keeping.progress is not None:
            keeping.progress(len(names) + len(bad) + 1, len(listing.names))
        if isinstance(found, InputError):
            if not asked.skip_bad:
                held = ", and --keep-others (keep_others=True) holds them as they are"
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
        else:
            groups.add_file(found.size, found.sort)
            facts.add(found.size, found.time)
            before = sums.stored.get(found.reason, Held(0, 0))
            sums.stored[found.reason] = Held(before.files + 1, before.bytes + found.size)
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
    for group in groups:
        if group.part.axes == BYTES:
            part = replace(group.part, cut=cut_for(group.part, None))
            chunks = chunks_of(listing, names, list(group.members), facts)
            parts.append((ByteItems(name, part, chunks), part))
            of_parts.append([])
        else:
            items = PictureItems(listing, names, group.members, group.part, as_stored=True)
            parts.append((items, asked.cut(group.part)))
            of_parts.append([names[member] for member in group.members])
    length = sums.notes.tell()
    if length:
        part = Collection(np.dtype("|u1"), (0, length), BYTES)
        part = replace(part, cut=cut_for(part, None))
        parts.append((ByteItems(name, part, _notes_chunks(sums.notes)), part))
        of_parts.append([])
    files = pack_files(FOLDER, groups.runs, names) + facts.pack()
    return Input(
        FileList(FOLDER, tuple(part for _, part in parts)),
        parts,
        name,
        files,
        dict(listing.skipped),
        bad,
        listing,
        Kept(sums.size, sums.stored, sums.coded, of_parts, sums.notes),
        labels=b"" if asked.labels is None else pack_folders(),
    )


class _NoPicture(InputError):
    """Of a file that could be held as it is."""


class _Sorter:
    """Looks at files. May be used from several threads."""

    def __init__(self, listing: Listing, asked: Asked) -> None:
        assert asked.keeping is not None
        self._listing, self._asked, self._keeping = listing, asked, asked.keeping
        self._job = sum(map(size_of, map(listing.path, listing.names)))

    def sort(self, name: str) -> tuple[str, _Sorted | InputError]:
        """What becomes of a file, or why it can neither be coded nor be held."""
        path = self._listing.path(name)
        shown = naming.printable(name_of(path))
        try:
            reason = naming.file_fault(name)
            if reason is not None:
                raise InputError(f"{shown}: {reason}; rename it")
            with reading(shown), open_regular(path, True) as file:
                found = _Sorted(file.seek(0, os.SEEK_END), _time_of(path))
                if self._keeping.others and ending_of(name) not in PICTURES:
                    return name, self._stored(found, file, NO_PICTURE)
                if name in self._keeping.stored:
                    return name, self._stored(found, file, SMALLER)
                try:
                    return name, self._picture(found, path, file)
                except InputError as error:
                    if not self._keeping.others:
                        return name, _NoPicture(str(error))
                    return name, self._stored(found, file, OTHER_KIND)
        except InputError as error:
            return name, error

    def _picture(self, found: _Sorted, path: Path | Url, file: BinaryIO) -> _Sorted:
        """Raises InputError if it is none, or a damaged one."""
        keeping, asked = self._keeping, self._asked
        with reading_picture(name_of(path)):
            file.seek(0)
            tiff = file.read(4) in MAGICS  # of which Pillow does not read all
            file.seek(0)
            if not tiff and identified(file).format not in _CODED:
                return self._stored(found, file, LOSSY)
            taken = split(file, keeping.exact)
            if taken is None:
                again = keeping.exact and split(file, False) is not None
                return self._stored(found, file, ASKED_FOR if again else OTHER_KIND)
        pixels = named(taken.pixels, name_of(path))
        header = Header(pixels.dtype, pixels.shape, ())
        coded = replace(found, header=header, note=taken.note)
        if asked.knows(pixels.shape):
            return coded
        cost, general = pixel_cost(pixels, asked.tile, asked.given, asked.effort, self._job)
        if cost + len(taken.note) > _WORTH * found.size:
            return self._stored(found, file, SMALLER)
        sort = "indexes" if taken.indexed else "graphics" if general else ""
        return replace(coded, sort=sort)

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
