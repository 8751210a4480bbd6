"""The files of a collection: their names, and the items that they are (docs/format.md, `N`)."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, groupby, repeat
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from bitsback.errors import ArchiveError
from bitsback.format.array_part import BYTES, COPIES
from bitsback.format.entries import Entries, Link
from bitsback.format.file_stats import FileStats
from bitsback.format.layout import NAMES, Cursor, section
from bitsback.format.parts import ARRAYS, FileCollection
from bitsback.io import names as naming
from bitsback.lazy import cached_property
from bitsback.wire import varint

_ENDING = ".png"
_TAKEN = re.compile(r"[0-9]+\.png", re.ASCII)
Runs = Sequence[tuple[int, int]]
"""The files in order, as (part, number of consecutive files in that part)."""


class FileDescriptions(NamedTuple):
    """The stored descriptions of all files, including removed files."""

    names: Sequence[str]
    runs: Runs
    stats: FileStats | None
    entries: Entries | None = None


class Files:
    """The files in their order, without removed files."""

    def __init__(
        self,
        collection: FileCollection,
        names: Sequence[str],
        runs: Runs,
        stats: FileStats | None = None,
        entries: Entries | None = None,
        before: int = 0,
    ) -> None:
        """Raises ArchiveError if the arguments do not fit the collection.

        names: of each file, empty for a removed file.
        runs: empty for an npz file, where each file is a part. stats: for a folder, unless an older
        bitsback made the archive. entries: for a folder, if it has any. before: the number of files
        of the archive to which these will be added.
        """
        self.collection = collection
        self.names = names
        self.stats = stats
        """The sizes and times of the files. A copy has the sizes of its original."""
        self.originals: dict[int, int] = {}
        """For each copy, the number of an earlier file with its content, which is no copy."""
        self.row_originals: dict[int, int] = {}
        """The same for all stored files, including removed files, by their stored numbers.

        Files that will be before these in an archive have negative numbers.
        """
        self.entries = entries
        # Runs are not expanded, since a few bytes may state many pictures.
        self.runs = runs
        self.listed = FileDescriptions(names, runs, stats, entries)
        self._numbers: dict[str, int] | None = None
        self._entries: list[int] = []
        offsets = [0] * len(collection.parts)
        for part, count in runs:
            self._entries.append(offsets[part])
            offsets[part] += count
        self._count_runs()
        if any(collection.parts[part].axes == COPIES for part, _ in runs):
            self._find_originals(before)
        if stats is not None or any(collection.parts[part].axes == BYTES for part, _ in runs):
            _ = self._spans
        if collection.has_removed:
            self._leave_out_removed()

    def _count_runs(self) -> None:
        self._ends = list(accumulate((count for _, count in self.runs), initial=0))

    def _find_originals(self, before: int) -> None:
        """Finds the original of each copy. Raises ArchiveError for a copy without one."""
        if self.stats is None:
            raise ArchiveError("the stats of its files are missing")
        sizes, originals = self.stats.sizes[:], self.stats.originals[:]
        for (part, count), start in zip(self.runs, self._ends, strict=False):
            if self.collection.parts[part].axes != COPIES:
                continue
            for number in range(start, start + count):
                original = number - sizes[number]
                if not -before <= original < number or original in self.row_originals:
                    name = naming.printable(self.names[number])
                    raise ArchiveError(f"{name}: is a copy of no earlier file, or of another copy")
                self.row_originals[number] = original
                if original < 0:
                    sizes[number] = 0
                else:
                    sizes[number], originals[number] = sizes[original], originals[original]
        self.originals = self.row_originals
        if before:
            self.originals = {copy: n for copy, n in self.row_originals.items() if n >= 0}
        self.stats = FileStats(sizes, originals, self.stats.times)

    def _leave_out_removed(self) -> None:
        """Removes the files without names. The others are numbered anew.

        The first copy of a removed file takes its place. Other copies are then copies of that one.
        """
        kept = [number for number, name in enumerate(self.names) if name]
        copies: dict[int, int] = {}
        owners: dict[int, int] = {}
        for number, row in enumerate(kept) if self.originals else ():
            owner = owners.setdefault(self.originals.get(row, row), number)
            if owner != number:
                copies[number] = owner
        placed = [
            self._place(row) if number in copies else self.place(row)
            for number, row in enumerate(kept)
        ]
        runs: list[tuple[int, int]] = []
        entries: list[int] = []
        for part, entry in placed:
            if runs and (runs[-1][0], entries[-1] + runs[-1][1]) == (part, entry):
                runs[-1] = part, runs[-1][1] + 1
            else:
                runs.append((part, 1))
                entries.append(entry)
        if self.stats is not None:
            spans = tuple(array("Q", [column[number] for number in kept]) for column in self._spans)
            self.stats, self.__dict__["_spans"] = self.stats.of_files(kept), spans
        if self.entries is not None:
            self.entries = self.entries.of_files(kept)
        self.names = [self.names[number] for number in kept]
        self.runs, self._entries, self.kept, self.originals = runs, entries, kept, copies
        self._count_runs()

    @classmethod
    def unnamed(cls, collection: FileCollection) -> Files:
        """The files of an archive whose names, order and stats are lost.

        They are numbered arrays and pictures, in the order of the parts, without metadata. Verbatim
        files are missing.
        """
        if collection.kind == ARRAYS:
            return cls(collection, [f"arr_{number}" for number in range(collection.files)], [])
        runs = [(at, n) for at, n in part_by_part(collection) if collection.parts[at].axes < BYTES]
        return cls(collection, NumberedNames(sum(count for _, count in runs)), runs)

    def __len__(self) -> int:
        return self.collection.files if self.collection.kind == ARRAYS else self._ends[-1]

    @property
    def placed(self) -> Iterator[tuple[int, int, int]]:
        """The files in order, as (part, first entry in it, number of consecutive files).

        A copy is at the place of its original. Not for an npz file.
        """
        for (part, count), entry, start in zip(self.runs, self._entries, self._ends, strict=False):
            if self.collection.parts[part].axes != COPIES:
                yield part, entry, count
            else:
                yield from ((*self.place(number), 1) for number in range(start, start + count))

    @property
    def named(self) -> bool:
        """Whether the files have stored names, which are in memory."""
        return not isinstance(self.names, NumberedNames)

    @cached_property
    def _spans(self) -> tuple[array[int], array[int]]:
        """For each verbatim file, or a file's metadata: its part of bytes, and its start there."""
        if self.stats is None:
            raise ArchiveError("the stats of its files are missing")
        parts = self.collection.parts
        left = [part.elements if part.axes == BYTES else 0 for part in parts]
        metadata_parts = iter(self.collection.metadata_parts)
        metadata = next(metadata_parts, None)
        where, starts = array("Q"), array("Q")
        sizes = zip(self.parts_in_order(), self.stats.sizes, strict=True)
        for number, (part, size) in enumerate(sizes):
            if (original := self.originals.get(number)) is not None:
                where.append(where[original])
                starts.append(starts[original])
                continue
            place: int | None = part
            if parts[part].axes != BYTES:
                while size and metadata is not None and left[metadata] == 0:
                    metadata = next(metadata_parts, None)
                place = metadata if size else 0
            if place is None or (size and size > left[place]):
                raise ArchiveError("the sizes of its files do not add up")
            where.append(place)
            starts.append(parts[place].elements - left[place])
            if size:
                left[place] -= size
        if any(left):
            raise ArchiveError("the sizes of its files do not add up")
        return where, starts

    def stored(self, file: int) -> bool:
        """Whether a file is stored verbatim. Not for an npz file."""
        return self.collection.parts[self.place(file)[0]].axes == BYTES

    def span(self, file: int) -> tuple[int, int, int]:
        """The part with a verbatim file, or with a picture's container metadata, and its start and
        end there. If there is neither: part 0 and no bytes.
        """
        if self.stats is None:
            return 0, 0, 0
        where, starts = self._spans
        return where[file], starts[file], starts[file] + self.stats.sizes[file]

    def original_bytes(self, file: int) -> int | None:
        """The size in bytes of the compressed file; None if it is unknown."""
        if self.stats is None:
            return None
        if self.stored(file):
            return self.stats.sizes[file]
        return self.stats.originals[file] >> 1 or None

    def restored_bytes(self, file: int) -> int | None:
        """The size in bytes of the restored file; None if it is unknown before the file is made."""
        another = self.stats is not None and self.stats.originals[file] & 1
        return None if another else self.original_bytes(file)

    def time(self, file: int) -> int | None:
        """The modification time of a file, in ns since 1970; None if it is unknown."""
        return None if self.stats is None else self.stats.times[file]

    def mode(self, file: int) -> int | None:
        """The mode of a file; None if it is unknown."""
        return None if self.entries is None else self.entries.modes[file]

    @property
    def links(self) -> Sequence[Link]:
        """The links in the folder."""
        return () if self.entries is None else self.entries.links

    @cached_property
    def empty_folders(self) -> list[str]:
        """The names of empty folders, each with a `/` at its end."""
        return [] if self.entries is None else self.entries.empty_folders(self.names)

    def number(self, name: str) -> int | None:
        """The number of the file with this name; None if there is none."""
        if isinstance(self.names, NumberedNames):
            return self.names.number(name)
        if self._numbers is None:
            self._numbers = {name: number for number, name in enumerate(self.names)}
        return self._numbers.get(name)

    def place(self, file: int) -> tuple[int, int]:
        """The number of a file's part, and of its entry in this part. Not for an npz file.

        A copy is at the place of its original.
        """
        return self._place(self.originals.get(file, file))

    def _place(self, file: int) -> tuple[int, int]:
        run = bisect_right(self._ends, file) - 1
        return self.runs[run][0], self._entries[run] + file - self._ends[run]

    def parts_in_order(self) -> Iterator[int]:
        """For each file, the number of its part. Not for an npz file."""
        for part, count in self.runs:
            yield from repeat(part, count)

    def numbers_of(self, part: int, entries: range) -> Iterator[range]:
        """The numbers of the files of these entries of a part, without copies.

        Not for an npz file.
        """
        runs = self._runs_by_part[part]
        start = max(bisect_right(runs, entries.start, key=lambda run: run[0]) - 1, 0)
        for first, number, count in runs[start:]:
            if first >= entries.stop:
                break
            low, high = max(entries.start, first), min(entries.stop, first + count)
            if low < high:
                yield range(number + low - first, number + high - first)

    @cached_property
    def _runs_by_part(self) -> list[list[tuple[int, int, int]]]:
        """For each part, its runs: (first entry, number of its file, number of entries)."""
        found: list[list[tuple[int, int, int]]] = [[] for _ in self.collection.parts]
        for (part, count), entry, number in zip(self.runs, self._entries, self._ends, strict=False):
            found[part].append((entry, number, count))
        for runs in found:  # a copy of a removed file may have its place
            runs.sort()
        return found

    @cached_property
    def copies(self) -> dict[int, list[int]]:
        """For each file with copies, their numbers."""
        found: dict[int, list[int]] = {}
        for copy, original in self.originals.items():
            found.setdefault(original, []).append(copy)
        return found

    def by_part(self) -> Iterator[Iterator[int]]:
        """For each part, the numbers of its files in the order of its entries.

        Not for an npz file.
        """
        for runs in self._runs_by_part:
            yield chain.from_iterable(range(number, number + count) for _, number, count in runs)


def runs_of(parts: Iterable[int]) -> Runs:
    """The runs of files, from the part of each file."""
    return [(part, sum(1 for _ in group)) for part, group in groupby(parts)]


def part_by_part(collection: FileCollection) -> Runs:
    """The runs of files in the order of their parts."""
    return [(number, part.entries) for number, part in enumerate(collection.parts)]


def pack_files(kind: int, runs: Runs, names: Iterable[str]) -> bytes:
    """The `N` section."""
    parts: list[bytes] = []
    if kind != ARRAYS:
        parts.append(varint(len(runs)))
        parts += [varint(part) + varint(count) for part, count in runs]
    return section(NAMES, *parts, pack_names(names))


def pack_names(names: Iterable[str]) -> bytes:
    """Packs names in order, each as its difference to the previous name."""
    parts: list[bytes] = []
    before = b""
    total = written = 0
    for name in names:
        data = name.encode()
        total += len(data)
        start = end = 0
        if total <= _most_name_bytes(written):  # else a reader would refuse the names
            start = _shared(before, data)
            end = _shared(before[start:][::-1], data[start:][::-1])
        new = data[start : len(data) - end]
        parts.append(varint(start) + varint(end) + varint(len(new)) + new)
        written += len(parts[-1])
        before = data
    return b"".join(parts)


def unpack_files(
    payload: memoryview,
    collection: FileCollection,
    stats: memoryview | None = None,
    entries: memoryview | None = None,
) -> Files:
    """Reads an `N` section, and the `F` and `E` sections if there are any. Raises ArchiveError."""
    cursor = Cursor(payload)
    runs: list[tuple[int, int]] = []
    if collection.kind != ARRAYS:
        counts = [0] * len(collection.parts)
        for _ in range(cursor.varint()):
            part, count = cursor.varint(), cursor.varint()
            if part >= len(counts) or count == 0:
                raise ArchiveError("the order of its files is damaged")
            counts[part] += count
            runs.append((part, count))
        if counts != [part.entries for part in collection.parts]:
            raise ArchiveError("the order of its files does not list all files")
    removed = collection.has_removed
    names = list(unpack_names(cursor, collection.files, removed))
    cursor.done()
    _check_distinct(names)
    unpacked = None if stats is None else FileStats.unpack(stats, len(names))
    described = None if entries is None else Entries.unpack(entries, len(names))
    return Files(collection, names, runs, unpacked, described)


def check_names(names: Sequence[str]) -> None:
    """Raises ArchiveError for names that no archive can have."""
    for name in names:
        if (reason := naming.fault(name)) is not None:
            raise ArchiveError(f"{naming.printable(name)!r}: {reason}")
    _check_distinct(names)


def _check_distinct(names: Sequence[str]) -> None:
    if len(set(names)) < len(names) - max(names.count("") - 1, 0):
        raise ArchiveError("two of its files have the same name")


def unpack_names(cursor: Cursor, count: int, removed: bool = False) -> Iterator[str]:
    """Reads the result of `pack_names`.

    removed: names may be empty, for removed files. Raises ArchiveError for anything else.
    """
    before = b""
    most = _most_name_bytes(len(cursor.data))
    for _ in range(count):
        start, end, size = cursor.varint(), cursor.varint(), cursor.varint()
        if start + end > len(before) or start + size + end > naming.MAX_BYTES:
            raise ArchiveError("the name of a file is damaged")
        before = before[:start] + cursor.take(size) + before[len(before) - end :]
        most -= len(before)
        if most < 0:
            raise ArchiveError("the names of its files are longer than any writer makes them")
        try:
            name = before.decode()
        except UnicodeDecodeError:
            raise ArchiveError("the name of a file is not in UTF-8") from None
        reason = None if removed and not name else naming.fault(name)
        if reason is not None:
            raise ArchiveError(
                f"{naming.printable(name)!r}: {reason}; the archive may be malicious"
            )
        yield name


def _most_name_bytes(size: int) -> int:
    """The greatest number of bytes of names that readers accept in a section of `size` bytes.

    The limit keeps a few bytes from requesting all memory.
    """
    return (1 << 16) + (size << 5)


def _shared(left: bytes, right: bytes) -> int:
    """The number of leading bytes that two names share."""
    for at, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            return at
    return min(len(left), len(right))


class NumberedNames(Sequence[str]):
    """Names for `count` unnamed pictures.

    `07.png` is the eighth of eleven, or `cat/07.png` if its class is cat. The names are made on
    demand, since a few bytes may state many pictures.
    """

    def __init__(
        self, count: int, classes: Sequence[str] = (), labels: NDArray[Any] | None = None
    ) -> None:
        """classes: the folders. labels: the number of each picture's class, if there are any."""
        self._count, self.classes = count, classes
        self.labels = None if labels is None else labels.astype(np.int64)
        self._digits = len(str(max(count - 1, 0)))

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, which: int) -> str: ...

    @overload
    def __getitem__(self, which: slice) -> list[str]: ...

    def __getitem__(self, which: int | slice) -> str | list[str]:
        numbers = range(self._count)[which]
        return self._name(numbers) if isinstance(numbers, int) else list(map(self._name, numbers))

    def number(self, name: str) -> int | None:
        """The number of the picture with this name; None if there is none."""
        digits = name.rpartition("/")[2].removesuffix(_ENDING)
        if not (digits.isascii() and digits.isdigit()) or len(digits) > self._digits:
            return None
        number = int(digits)
        return number if number < self._count and self._name(number) == name else None

    def _name(self, number: int) -> str:
        name = f"{number:0{self._digits}}{_ENDING}"
        return name if self.labels is None else f"{self.classes[self.labels[number]]}/{name}"


def could_be_number(folder: str) -> bool:
    """Whether a part of a folder's name looks like the number of an unnamed picture."""
    return any(_TAKEN.fullmatch(part) for part in folder.split("/"))
