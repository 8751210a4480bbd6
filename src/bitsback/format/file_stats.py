"""Stats of the files of a folder: their bytes, or those of their metadata, and their modification
times (docs/format.md, `F`).
"""

from array import array
from dataclasses import dataclass, field

from bitsback.errors import ArchiveError
from bitsback.format.layout import STATS, Cursor, section
from bitsback.wire import varint

_SMALLEST = 2  # bytes of a file


@dataclass
class FileStats:
    """The sizes and times of all files, in order."""

    sizes: "array[int]" = field(default_factory=lambda: array("Q"))
    """Bytes of the file, or of the container metadata of a picture that is coded by its pixels."""
    times: "array[int]" = field(default_factory=lambda: array("q"))
    """Its modification time, in ns since 1970."""

    def add(self, size: int, time: int) -> None:
        self.sizes.append(size)
        self.times.append(bounded_time(time))

    def pack(self) -> bytes:
        """The `F` section."""
        parts, before = [], 0
        for size, time in zip(self.sizes, self.times, strict=True):
            parts.append(varint(size) + pack_time(time, before))
            before = time
        return section(STATS, *parts)

    @classmethod
    def unpack(cls, payload: memoryview, files: int) -> "FileStats":
        """Raises ArchiveError."""
        if files * _SMALLEST > len(payload):
            raise ArchiveError(f"the stats of its files are too short for {files}")
        cursor, stats, time = Cursor(payload), cls(), 0
        for _ in range(files):
            size, time = cursor.varint(), read_time(cursor, time)
            if size >= 1 << 63:
                raise ArchiveError("one of its files has an impossible size")
            stats.add(size, time)
        cursor.done()
        return stats


def bounded_time(time: int) -> int:
    """The time, or the first or last one that can be stored, in the year 1677 or 2262."""
    return min(max(time, -(1 << 63)), (1 << 63) - 1)


def pack_time(time: int, before: int) -> bytes:
    """A time, as the change from the one before it."""
    change = _signed(time - before)
    return varint(change << 1 if change >= 0 else ~(change << 1))


def read_time(cursor: Cursor, before: int) -> int:
    """Reads the result of `pack_time`. Raises ArchiveError."""
    change = cursor.varint()
    return _signed(before + (~(change >> 1) if change & 1 else change >> 1))


def _signed(number: int) -> int:
    """The same number modulo 2^64, as a signed number of 64 bits."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)
