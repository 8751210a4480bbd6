"""Add parity to an archive, and repair one by its parity (docs/format.md, `p` and Damage)."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from bitsback.archive.container.addition import size_of_index, with_addition
from bitsback.archive.container.directory import Directory, is_whole
from bitsback.archive.reader import ArchiveReader
from bitsback.archive.writing.completing import index_of
from bitsback.archive.writing.continuing import continued
from bitsback.archive.writing.generation import Generation
from bitsback.archive.writing.tail import kept_tail
from bitsback.compress_options import MOST_PARITY
from bitsback.errors import ArchiveError, InputError, InputWarning
from bitsback.format.layout import COLLECTION, PARITY, Cursor, footer_of, open_section
from bitsback.format.parity import (
    Parity,
    ParitySection,
    Window,
    find,
    found_at,
    share_of,
    windows_for,
)
from bitsback.io.file_io import RandomAccess, is_same, name_of, open_anywhere
from bitsback.io.output import Destination, Output, open_output
from bitsback.io.remote.url import Options, Url, located
from bitsback.summary import Repaired

_ADVICE = "'decompress --keep-going' restores what is whole"
_CHUNK = 1 << 20
_SCANNED = 1 << 26  # bytes that are searched for parity at once
_OVERLAP = 1 << 24  # bytes that are searched twice, for sections that cross a boundary


def add_parity(archive: str | os.PathLike[str], percent: float) -> int:
    """Appends parity to an archive. Returns the bytes that it takes.

    With the parity, `repair` restores bad sectors of a disk or other changed bytes, as many as the
    parity has. percent: the size of the parity, in per cent of the archive. Older parity of the
    archive is no longer used.

    Raises InputError if the file cannot be written, ArchiveError if it is damaged.

    >>> import bitsback, numpy as np, os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "x.bb")
    ...     summary = bitsback.compress(np.arange(90_000, dtype=np.uint32) % 977, path)
    ...     size = bitsback.add_parity(path, 10)
    ...     with open(path, "r+b") as file:
    ...         _ = file.seek(99), file.write(b"a scratch")
    ...     bitsback.repair(path).shards
    ...     int(bitsback.decompress(path)[-1])
    1
    115
    """
    if not 0 < percent <= MOST_PARITY:
        raise InputError(f"parity={percent}: it must be above 0 and at most {MOST_PARITY} per cent")
    with continued(archive) as before:
        _write_parity(before.archive, before.output, windows_for(before.end, percent))
        return before.output.size - before.end


def extend_parity(archive: str | os.PathLike[str]) -> int:
    """Appends parity for the bytes behind the parity of an archive, with the same share.

    Returns the bytes that it takes, 0 for an archive without parity. Raises InputError,
    ArchiveError.
    """
    with continued(archive) as before:
        if older := before.archive.directory.places(PARITY):
            end = max(place.end for place in older)
            first = end + size_of_index(before.archive.file.read, end, before.end)
            windows = windows_for(before.end, share_of(before.archive.parity), first)
            _write_parity(before.archive, before.output, windows, extend=True)
        return before.output.size - before.end


def keep_parity(output: Output, percent: float) -> None:
    """Adds parity of this share, as older archives have, to a new archive.

    Warns with InputWarning if the new archive is no file, which its parity needs.
    """
    if not percent:
        return
    if output.place is None:
        warnings.warn(
            f"{output.name}: has no parity, which only archives that are files can have",
            InputWarning,
            stacklevel=3,
        )
        return
    with ArchiveReader(output.place) as archive:
        _write_parity(archive, output, windows_for(output.size, percent))


def _write_parity(
    archive: ArchiveReader,
    output: Output,
    windows: Sequence[Window],
    extend: bool = False,
) -> None:
    """Writes a generation that has only parity. extend: older parity stays valid."""
    index = archive.directory.index
    assert index is not None, "its index is whole"
    (collection,) = (place for place in index.sections if place.kind == COLLECTION)
    dropped = (COLLECTION,) if extend else (COLLECTION, PARITY)
    kept = [place for place in index.sections if place.kind not in dropped]
    data = archive.file.read_place(collection)
    open_section(data, COLLECTION)
    written = Generation(output, kept, archive.blocks)
    written.add(data)
    for window in windows:
        for section in window.sections(archive.file.read):
            written.add(section)
    written.finish()


def repair(
    source: str | os.PathLike[str],
    destination: Destination | None = None,
    *,
    force: bool = False,
    storage_options: Options | None = None,
) -> Repaired:
    """Repairs an archive by its parity. Returns a summary.

    A missing index or footer is written anew if all other sections are undamaged. Bytes behind the
    end are not in the new archive.

    source: a path or URL. destination: by default the archive itself, which is replaced once the
    new one is complete. Bytes behind its end are then moved to a file beside it. force,
    storage_options: as in `compress`.

    Raises ArchiveError, and writes nothing, if the archive is damaged and has no parity, or has
    more damage than its parity can repair.

    >>> import bitsback, numpy as np, os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "x.bb")
    ...     summary = bitsback.compress(np.arange(5000) ** 2, path, parity=20)
    ...     with open(path, "r+b") as file:
    ...         at = file.seek(200)
    ...         written = file.write(bytes(4))
    ...     mended = bitsback.repair(path)
    ...     restored = bitsback.decompress(path)
    >>> mended.shards, np.array_equal(restored, np.arange(5000) ** 2)
    (1, True)
    """
    place = located(source, storage_options)
    target = place if destination is None else located(destination, storage_options)
    if destination is None and isinstance(place, Url):
        raise InputError(f"{name_of(place)}: is at a URL; name an output")
    with (
        ExitStack() as tails,
        open_output(target, force or destination is None) as output,
        closing(open_anywhere(place)) as reader,
    ):
        done, end = _repaired(_Mended(reader, name_of(place)), output)
        if done.tail and not isinstance(place, Url) and is_same(place, target):
            tail = kept_tail(reader.read, end, end + done.tail, Path(place))
            done = replace(done, tail_file=tails.enter_context(tail))
    return done


def _repaired(mended: _Mended, output: Output) -> tuple[Repaired, int]:
    """Writes the repaired archive. Returns the summary, and the offset of bytes behind its end."""
    windows, ours = list[Window](), list[Parity]()
    for parity in _parity_of(mended):
        try:
            patches = parity.repair(mended.at)
        except ArchiveError as error:
            raise ArchiveError(f"{mended.name}: {error}; {_ADVICE}") from None
        if patches is not None:
            mended.patches |= patches
            windows.append(parity.window)
            ours.append(parity)
    done = Repaired(shards=len(mended.patches))
    if _damaged_parity(mended):
        for parity in ours:
            mended.patches |= parity.renewed(mended.at)
        done = replace(done, parity="damaged" if _damaged_parity(mended) else "renewed")
    if _with_new_parity(mended, windows, output):
        return replace(done, parity="renewed"), mended.size
    output.restart()
    ending = _ending(mended, bool(windows))
    _copy(mended, ending.end, output)
    output.write(ending.written)
    if not ending.has_parity:
        done = replace(done, parity="dropped" if windows else None)
    return (
        replace(done, footer=ending.footer, index=ending.index, tail=mended.size - ending.tail),
        ending.tail,
    )


def _damaged_parity(mended: _Mended) -> bool:
    try:
        with mended.opened() as archive:
            places = archive.directory.places(PARITY)
            return not all(is_whole(archive.file.read, place) for place in places)
    except ArchiveError:
        return False


def _copy(mended: _Mended, end: int, output: Output) -> None:
    for at in range(0, end, _CHUNK):
        output.write(mended.at(at, min(_CHUNK, end - at)))


def _with_new_parity(mended: _Mended, windows: Sequence[Window], output: Output) -> bool:
    """Writes the archive with new parity, if its parity is damaged. Returns whether it did.

    This needs that nothing else can have followed the newest windows.
    """
    newest = max((window.end for window in windows), default=0)
    try:
        with mended.opened() as archive:
            read, sections = archive.file.read, archive.directory.sections
            whole = all(is_whole(read, place) for place in sections)
            has_tail = archive.directory.tail is not None
            if not newest or (whole and (not archive.problems or archive.directory.lost_footer)):
                return False
            if has_tail and archive.directory.end > newest:
                return False
    except ArchiveError:  # its end is lost
        pass
    mended.end = newest
    try:
        with mended.opened() as archive:
            if archive.problems:
                return False
            _copy(mended, newest, output)
            own = [window for window in sorted(windows) if _reaches(window, windows, newest)]
            # Windows from the start replace older parity; later ones extend it.
            extend = own[0].place > 0
            older = archive.directory.places(PARITY) if extend else []
            if not all(is_whole(archive.file.read, place) for place in older):
                return False
            _write_parity(archive, output, own, extend)
    except ArchiveError:
        return False
    finally:
        mended.end = mended.size
    return output.size >= mended.size


@dataclass
class _Ending:
    """The end of a repaired archive."""

    end: int
    """The end of the bytes that stay unchanged."""
    has_parity: bool
    tail: int
    """The start of the bytes that do not belong to the archive."""
    written: bytes = b""
    """The bytes to write behind them."""
    footer: bool = False
    index: bool = False


def _ending(mended: _Mended, has_parity: bool) -> _Ending:
    """The end of the archive. Raises ArchiveError if it is not an archive, or is damaged."""
    reason = "" if has_parity else ": it has no parity for that"
    with mended.opened() as archive:
        problems, directory = archive.problems, archive.directory
        for place in directory.sections:
            if place.kind != PARITY and not is_whole(archive.file.read, place):
                problems.append(ArchiveError(f"{mended.name}: a part that is no block is damaged"))
        for block in archive.blocks:
            try:
                archive.blocks.task(block)
            except ArchiveError as error:
                raise ArchiveError(f"{error}, and cannot be repaired{reason}; {_ADVICE}") from None
    with_parity = bool(directory.places(PARITY))
    if len(problems) == 1 and (directory.tail is not None or directory.index is None):
        found = _completed(mended, directory)
        if found is not None:
            return found
    if len(problems) == 1 and directory.tail is not None:
        return _Ending(directory.end, with_parity, directory.end)
    if directory.lost_footer and len(problems) == 1 and directory.index is not None:
        start = directory.index.end
        index = Cursor(mended.at(start, mended.size - start)).section()
        end = start + len(index)
        return _Ending(end, with_parity, mended.size, footer_of(index), footer=True)
    for problem in problems:
        raise ArchiveError(f"{problem}, and cannot be repaired{reason}; {_ADVICE}")
    return _Ending(mended.size, with_parity, mended.size)


def _completed(mended: _Mended, directory: Directory) -> _Ending | None:
    """The end with a new index, for a generation that lacks only its index; None for others."""
    found: Directory | None = directory
    if directory.index is not None:
        found = with_addition(mended.at, mended.size, directory) if directory.unread else None
    index = None if found is None else index_of(mended.at, found)
    if index is None:
        return None
    with_parity = any(place.kind == PARITY for place in index.sections)
    tail = index.end + size_of_index(mended.at, index.end, mended.size)
    return _Ending(index.end, with_parity, tail, index.pack(), footer=True, index=True)


def _reaches(window: Window, windows: Sequence[Window], end: int) -> bool:
    """Whether a window and the windows after it cover the archive up to `end`."""
    after = {other.place: other for other in windows}
    while window.end < end:
        if window.end not in after:
            return False
        window = after[window.end]
    return window.end == end


class _Mended:
    """A damaged file with the repaired bytes at some places."""

    def __init__(self, reader: RandomAccess, name: str) -> None:
        self.name = name
        self._reader, self._at = reader, 0
        self.size = self.end = reader.size
        """The size of the file in bytes, and the size to read."""
        self.patches: dict[int, bytes] = {}

    def at(self, start: int, size: int) -> bytes:
        size = max(min(size, self.end - start), 0)
        data = bytearray(self._reader.read(start, size)) if size else bytearray()
        for place, patch in self.patches.items():
            low, high = max(place, start), min(place + len(patch), start + size)
            if low < high:
                data[low - start : high - start] = patch[low - place : high - place]
        return bytes(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + (self.end if whence == os.SEEK_END else 0)
        return self._at

    def read(self, size: int) -> bytes:
        data = self.at(self._at, size)
        self._at += len(data)
        return data

    def opened(self) -> ArchiveReader:
        return ArchiveReader(cast(BinaryIO, self))


def _parity_of(mended: _Mended) -> list[Parity]:
    """The parity of each window, the newest window first.

    It is the parity that the index lists, or, with a damaged index, all that the file contains.
    """
    found: dict[Window, Parity] = {}
    for section in _listed(mended) or _searched(mended):
        found.setdefault(section.window, Parity(section.window)).add(section)
    return sorted(found.values(), key=lambda parity: -parity.window.end)


def _listed(mended: _Mended) -> list[ParitySection]:
    try:
        with mended.opened() as archive:
            directory = archive.directory
            if directory.index is None or directory.tail is not None:
                return []
            places = directory.places(PARITY)
    except ArchiveError:
        return []
    sections = (found_at(mended.at(place.offset, place.size), place.offset) for place in places)
    return [section for section in sections if section is not None]


def _searched(mended: _Mended) -> Iterator[ParitySection]:
    for start in range(0, mended.size, _SCANNED - _OVERLAP):
        yield from find(mended.at(start, _SCANNED), start)
