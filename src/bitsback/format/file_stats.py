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
        self.times.append(min(max(time, -(1 << 63)), (1 << 63) - 1))  # the year 2262

    def pack(self) -> bytes:
        """The `F` section."""
        parts, before = [], 0
        for size, time in zip(self.sizes, self.times, strict=True):
            change, before = _signed(time - before), time
            parts.append(varint(size) + varint(change << 1 if change >= 0 else ~(change << 1)))
        return section(STATS, *parts)

    @classmethod
    def unpack(cls, payload: memoryview, files: int) -> "FileStats":
        """Raises ArchiveError."""
        if files * _SMALLEST > len(payload):
            raise ArchiveError(f"the stats of its files are too short for {files}")
        cursor, stats, time = Cursor(payload), cls(), 0
        for _ in range(files):
            size, change = cursor.varint(), cursor.varint()
            if size >= 1 << 63:
                raise ArchiveError("one of its files has an impossible size")
            time = _signed(time + (~(change >> 1) if change & 1 else change >> 1))
            stats.add(size, time)
        cursor.done()
        return stats


def _signed(number: int) -> int:
    """The same number modulo 2^64, as a signed number of 64 bits."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)
