"""DICOM files made by hand: of each transfer syntax without compression, and of other kinds."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

IMPLICIT, EXPLICIT, DEFLATED, BIG = (
    "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2",
)  # fmt: skip
_LONG = ("OB", "OW", "SQ", "UN", "UT")
Elements = Mapping[tuple[int, int], tuple[str, Any]]


def element(group: int, number: int, kind: str, value: Any, syntax: str = EXPLICIT) -> bytes:
    """An element. value: its bytes, a number of 16 bits, or a text, which gets an even length."""
    order = ">" if syntax == BIG else "<"
    if isinstance(value, int):
        value = struct.pack(order + "H", value)
    elif isinstance(value, str):
        value = value.encode() + (b"\0" if kind == "UI" else b" ") * (len(value) % 2)
    tag = struct.pack(order + "HH", group, number)
    if syntax == IMPLICIT:
        return tag + struct.pack("<I", len(value)) + value
    if kind in _LONG:
        return tag + kind.encode() + struct.pack(order + "HI", 0, len(value)) + value
    return tag + kind.encode() + struct.pack(order + "H", len(value)) + value


def dicom_file(
    pixels: NDArray[Any],
    syntax: str = EXPLICIT,
    *,
    frames: int | None = None,
    planar: bool = False,
    photometric: str | None = None,
    more: Elements | None = None,
    behind: bytes = b"",
) -> bytes:
    """A file with these pixels, [rows, columns] or [rows, columns, 3], all frames one below the
    other. more: other elements.
    """
    colours = pixels.ndim == 3
    told = photometric or ("RGB" if colours else "MONOCHROME2")
    elements: dict[tuple[int, int], tuple[str, Any]] = {
        (0x0008, 0x0060): ("CS", "OT"),
        (0x0010, 0x0010): ("PN", "Nobody^Known"),
        (0x0028, 0x0002): ("US", 3 if colours else 1),
        (0x0028, 0x0004): ("CS", told),
        (0x0028, 0x0010): ("US", pixels.shape[0] // (frames or 1)),
        (0x0028, 0x0011): ("US", pixels.shape[1]),
        (0x0028, 0x0100): ("US", 8 * pixels.itemsize),
        (0x0028, 0x0101): ("US", 8 * pixels.itemsize),
        (0x0028, 0x0102): ("US", 8 * pixels.itemsize - 1),
        (0x0028, 0x0103): ("US", int(pixels.dtype.kind == "i")),
        **(more or {}),
    }
    if colours:
        elements[0x0028, 0x0006] = "US", int(planar)
    if frames is not None:
        elements[0x0028, 0x0008] = "IS", str(frames)
    stored = np.moveaxis(pixels, -1, 0) if planar else pixels
    data = stored.astype(pixels.dtype.newbyteorder(">" if syntax == BIG else "<")).tobytes()
    data += b"\0" * (len(data) % 2)
    meta = element(2, 2, "UI", "1.2.840.10008.5.1.4.1.1.7") + element(2, 0x10, "UI", syntax)
    body = [element(*tag, *value, syntax) for tag, value in sorted(elements.items())]
    kind = "OW" if pixels.itemsize == 2 else "OB"
    return (
        bytes(128)
        + b"DICM"
        + element(2, 0, "UL", struct.pack("<I", len(meta)))
        + meta
        + b"".join(body)
        + element(0x7FE0, 0x10, kind, data, syntax)
        + behind
    )


def sequence(items: list[bytes], defined: bool = False) -> bytes:
    """A sequence of explicit elements with an undefined length, and items with one or without."""
    out = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF)
    for item in items:
        out += struct.pack("<HHI", 0xFFFE, 0xE000, len(item) if defined else 0xFFFFFFFF) + item
        out += b"" if defined else struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
    return out + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
