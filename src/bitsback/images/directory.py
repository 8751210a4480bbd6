"""A directory of a TIFF file, as bytes. Source: TIFF revision 6.0, section 2."""

import struct
from collections.abc import Mapping

SHORT, LONG = 3, 4
MOST = (1 << 32) - 1
"""Bytes of a file at most."""
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
"""Bytes of an element, by the type."""


def pack_directory(
    tags: Mapping[int, tuple[int, bytes]], at: int, order: str = "<"
) -> tuple[int, bytes]:
    """Where the directory begins, and the bytes to stand at `at`, an even place: values that have
    no place in it, and the directory, whose last four bytes, zeros, are the place of the next one.

    tags: type and values of each, in the `order` of bytes of the file.
    """
    values_of, entries = b"", []
    for number, (kind, values) in sorted(tags.items()):
        place = values.ljust(4, b"\0")
        if len(values) > 4:
            place = struct.pack(order + "I", at + len(values_of))
            values_of += values + bytes(len(values) % 2)
        entries.append(struct.pack(order + "HHI", number, kind, len(values) // SIZES[kind]) + place)
    directory = struct.pack(order + "H", len(entries)) + b"".join(entries)
    start = at + len(values_of)
    return start, values_of + directory + bytes(4)
