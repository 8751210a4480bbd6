"""The common bytes of archives: the header, sections, and the footer (docs/format.md, The file)."""

from typing import Any

import numpy as np

from bitsback import _core, wire
from bitsback.errors import ArchiveError
from bitsback.format.grid import Shape
from bitsback.wire import varint

MAGIC = bytes.fromhex("89 62 62 0D 0A 1A 0A")
VERSION = 7
FILES, UNORDERED, LABELLED, HASHED, REMOVED, DESCRIBED = 1, 2, 4, 8, 16, 32
"""Features that a reader must understand, as bits.

FILES: folders with verbatim files, or with stats of files. UNORDERED: unordered items, whose blocks
may be multisets. LABELLED: items with labels, whose blocks may be adaptive. HASHED: files with
hashes. REMOVED: removed files. DESCRIBED: modes, folders and links.
"""
END = bytes.fromhex("62 62 1A 0A")
FOOTER_SIZE = 12
CRC_SIZE = 4

COLLECTION, MODEL, BLOCK, INDEX = b"C", b"M", b"B", b"I"
NAMES, STATS, UNNAMED, LABELS, HASHES = b"N", b"F", b"U", b"L", b"H"
ENTRIES = b"E"
PARITY, PREVIEWS = b"p", b"v"

MAX_BLOCK_BYTES = 1 << 31
MAX_DIMENSIONS = 32
_NUMBERS = ("u2", "u4", "u8", "i2", "i4", "i8", "f2", "f4", "f8")
DTYPES = frozenset(
    ["|b1", "|u1", "|i1", *(order + number for order in "<>" for number in _NUMBERS)]
)
"""NumPy's type strings of the supported dtypes."""

HEAD = MAGIC + bytes([VERSION])


class Cursor(wire.Cursor):
    """Reads the fields of a section in order.

    Raises ArchiveError for a field that is missing, or not in its canonical form.
    """

    def dtype(self) -> np.dtype[Any]:
        text = self.take(3).decode("latin-1")
        if text not in DTYPES:
            raise ArchiveError(f"the dtype {text!r} is not one that an archive can have")
        return np.dtype(text)

    def shape(self) -> Shape:
        dimensions = self.byte()
        check_dimensions(dimensions)
        return self.varints(dimensions)

    def section(self) -> bytes:
        """The bytes of a section, which are not checked."""
        start = Cursor(self.data, self.at + 1)
        length = start.varint()
        return self.take(start.at - self.at + length + CRC_SIZE)


def check_dimensions(count: int) -> None:
    """Raises ArchiveError for more dimensions than an array can have."""
    if count > MAX_DIMENSIONS:
        raise ArchiveError(
            f"{count} dimensions are more than the {MAX_DIMENSIONS} that an array can have"
        )


def pack_shape(shape: Shape) -> bytes:
    return bytes([len(shape)]) + b"".join(map(varint, shape))


def section(kind: bytes, *parts: bytes | memoryview) -> bytes:
    """The bytes of a section: kind, length, payload, CRC."""
    body = b"".join([kind, varint(sum(map(len, parts))), *parts])
    return body + _core.crc32c(body).to_bytes(CRC_SIZE, "little")


def footer_of(index: bytes) -> bytes:
    """The footer that follows this `I` section."""
    return len(index).to_bytes(8, "little") + END


def open_section(data: bytes, kind: bytes) -> memoryview:
    """The payload of a section, after checks of its kind, length and CRC. Raises ArchiveError."""
    body = data[:-CRC_SIZE]
    if (
        len(data) < CRC_SIZE + 2
        or _core.crc32c(body).to_bytes(CRC_SIZE, "little") != data[-CRC_SIZE:]
    ):
        raise ArchiveError("its checksum does not match")
    if body[:1] != kind:
        raise ArchiveError(
            f"a section of the kind {body[:1]!r} stands in the place of a section {kind!r}"
        )
    cursor = Cursor(body, 1)
    if cursor.varint() != len(body) - cursor.at:
        raise ArchiveError("its length differs from the length that it states")
    return memoryview(body)[cursor.at :]


def known_kind(kind: bytes) -> bool:
    """Whether the kind is known, or is of those that readers skip."""
    known = (COLLECTION, MODEL, BLOCK, INDEX, NAMES, STATS, UNNAMED, LABELS, HASHES, ENTRIES)
    return kind in known or b"a" <= kind <= b"z"


def check_head(data: bytes) -> None:
    """Checks the magic and the version at the start of an archive.

    Raises ArchiveError.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise ArchiveError("this is no bitsback archive, or its first bytes are damaged")
    cursor = Cursor(data, len(MAGIC))
    version = cursor.byte()
    if version < VERSION:
        raise ArchiveError(
            f"this archive was written by an older bitsback (format {version}), before the format"
            " was settled: decompress it with that one, and compress it again"
        )
    if version > VERSION:
        raise ArchiveError(
            f"this archive was written by a newer bitsback (format {version}): update bitsback"
        )


def read_features(cursor: Cursor) -> int:
    """Reads the features, the first field of `C`. Raises ArchiveError for unknown ones."""
    features = cursor.varint()
    if features & ~(FILES | UNORDERED | LABELLED | HASHED | REMOVED | DESCRIBED):
        raise ArchiveError(
            f"this archive was written by a newer bitsback (features {features:#x}): update"
            " bitsback"
        )
    return features
