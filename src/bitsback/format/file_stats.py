"""The stats of a folder's files: sizes and modification times (docs/format.md, `F`)."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from bitsback.errors import ArchiveError
from bitsback.format.layout import STATS, Cursor, section
from bitsback.wire import varint

_SMALLEST = 3  # bytes of a file


@dataclass
class FileStats:
    """The sizes and times of all files, in order."""

    sizes: "array[int]" = field(default_factory=lambda: array("Q"))
    """The bytes of a verbatim file, or of the container metadata of a coded picture.

    As stored, of a copy the number of files from its original to itself.
    """
    originals: "array[int]" = field(default_factory=lambda: array("Q"))
    """For a coded picture twice the bytes of its file, plus 1 if the restored file has other
    bytes; 0 for verbatim files."""
    times: "array[int]" = field(default_factory=lambda: array("q"))
    """The modification times, in ns since 1970."""

    def add(self, size: int, original: int, time: int) -> None:
        self.sizes.append(size)
        self.originals.append(original)
        self.times.append(bounded_time(time))

    def pack(self) -> bytes:
        """The `F` section."""
        parts, before = [], 0
        for size, original, time in zip(self.sizes, self.originals, self.times, strict=True):
            parts.append(varint(size) + varint(original) + pack_time(time, before))
            before = time
        return section(STATS, *parts)

    @classmethod
    def unpack(cls, payload: memoryview, files: int) -> "FileStats":
        """Reads an `F` section. Raises ArchiveError."""
        if files * _SMALLEST > len(payload):
            raise ArchiveError(f"the stats of its files are too short for {files}")
        cursor, stats, time = Cursor(payload), cls(), 0
        for _ in range(files):
            size, original, time = cursor.varint(), cursor.varint(), read_time(cursor, time)
            if max(size, original) >= 1 << 63:
                raise ArchiveError("one of its files has an impossible size")
            stats.add(size, original, time)
        cursor.done()
        return stats

    def extended(self, other: "FileStats") -> "FileStats":
        """The stats of these files and then of other files."""
        return FileStats(
            self.sizes + other.sizes, self.originals + other.originals, self.times + other.times
        )

    def of_files(self, numbers: Iterable[int]) -> "FileStats":
        """The stats of the files with these numbers."""
        chosen = list(numbers)
        columns = (self.sizes, self.originals, self.times)
        return FileStats(*(array(one.typecode, [one[n] for n in chosen]) for one in columns))


def bounded_time(time: int) -> int:
    """The time, clipped to the range that can be stored, from the year 1677 to 2262."""
    return min(max(time, -(1 << 63)), (1 << 63) - 1)


def pack_time(time: int, before: int) -> bytes:
    """A time as its difference to the previous time, as a varint."""
    change = _signed(time - before)
    return varint(change << 1 if change >= 0 else ~(change << 1))


def read_time(cursor: Cursor, before: int) -> int:
    """Reads the result of `pack_time`. Raises ArchiveError."""
    change = cursor.varint()
    return _signed(before + (~(change >> 1) if change & 1 else change >> 1))


def _signed(number: int) -> int:
    """The number modulo 2^64, as a signed number of 64 bits."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)
