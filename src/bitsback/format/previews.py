"""Preview sections: small pictures of a range of files (docs/format.md, `v`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from bitsback.errors import ArchiveError
from bitsback.format.layout import PREVIEWS, Cursor, section
from bitsback.wire import varint

RANGE_BYTES = 32
"""The bytes at the start of a section that contain the range of its files."""


@dataclass(frozen=True)
class Previews:
    """The previews of some consecutive files."""

    first: int
    """The number of the first file, counting removed files."""
    pictures: Sequence[bytes]
    """The preview of each file; empty for a file without a preview."""

    def pack(self) -> bytes:
        """The `v` section."""
        lengths = map(varint, map(len, self.pictures))
        return section(
            PREVIEWS, varint(self.first), varint(len(self.pictures)), *lengths, *self.pictures
        )

    @classmethod
    def unpack(cls, payload: memoryview) -> Previews:
        """Reads a `v` section. Raises ArchiveError."""
        cursor = Cursor(payload)
        first, count = cursor.varint(), cursor.varint()
        if count > len(payload):
            raise ArchiveError("its previews are shorter than their number")
        lengths = cursor.varints(count)
        pictures = [cursor.take(length) for length in lengths]
        cursor.done()
        return cls(first, pictures)

    def without(self, numbers: Collection[int]) -> Previews:
        """The previews without those of the files with these numbers."""
        pictures = [b"" if n in numbers else p for n, p in enumerate(self.pictures, self.first)]
        return replace(self, pictures=pictures)


def read_range(start: bytes) -> tuple[int, int]:
    """The number of a section's first file, and the number of its files. Raises ArchiveError.

    start: the first RANGE_BYTES of the section, or all of a shorter one.
    """
    cursor = Cursor(start, 1)
    cursor.varint()
    return cursor.varint(), cursor.varint()
