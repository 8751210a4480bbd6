"""The bytes of a research archive (docs/research.md, The file)."""

import json
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from bitsback.errors import ArchiveError
from bitsback.format.grid import Shape
from bitsback.format.layout import (
    BLOCK,
    CRC_SIZE,
    DTYPES,
    HEAD,
    RESEARCH,
    Cursor,
    check_head,
    open_section,
    pack_shape,
    section,
)
from bitsback.io.file_io import read_up_to
from bitsback.wire import varint
from bitsback_lab.research.fingerprint import Fingerprint

MOST_IMAGES = 1 << 24
"""The most images of a block."""
_MOST = 1 << 31
"""The most bytes of the first section, and of a block."""


@dataclass(frozen=True)
class Header:
    """Everything but the blocks."""

    dtype: np.dtype[Any]
    shape: Shape
    growth: int
    batch: int
    blocks: tuple[tuple[int, int], ...]
    """The images and the section's bytes of each block."""
    fingerprint: Fingerprint

    def pack(self) -> bytes:
        """The file up to the first block."""
        numbers = [self.growth, self.batch, len(self.blocks)]
        numbers += [number for block in self.blocks for number in block]
        text = json.dumps(self.fingerprint, sort_keys=True).encode()
        return HEAD + section(
            RESEARCH,
            self.dtype.str.encode(),
            pack_shape(self.shape),
            b"".join(map(varint, numbers)),
            text,
        )


def dtype_of(dtype: np.dtype[Any]) -> np.dtype[Any] | None:
    """The dtype in its form for files, if archives can hold images of it."""
    named = np.dtype(dtype.str)
    return named if named.str in DTYPES and named.kind in "biu" else None


def read_header(file: BinaryIO, name: str) -> Header:
    """Reads from the start of a file up to the first block. Raises ArchiveError."""
    start = bytes(read_up_to(file, 20, name))
    if start[: len(HEAD) + 1] != HEAD + RESEARCH:
        check_head(start)
        raise ArchiveError("this is no research archive: use bitsback.decompress")
    cursor = Cursor(start, len(HEAD) + 1)
    length = cursor.varint()
    if length > _MOST:
        raise ArchiveError("its description is damaged")
    rest = bytes(read_up_to(file, cursor.at + length + CRC_SIZE - len(start), name))
    payload = open_section((start + rest)[len(HEAD) :], RESEARCH)
    cursor = Cursor(payload)
    dtype, shape = cursor.dtype(), cursor.shape()
    growth, batch, count = (cursor.varint() for _ in range(3))
    if count > len(payload):
        raise ArchiveError("it has more blocks than its description tells of")
    blocks = tuple((cursor.varint(), cursor.varint()) for _ in range(count))
    if not (shape and dtype_of(dtype) and 1 <= growth <= 256 and 1 <= batch <= 65536):
        raise ArchiveError("its description is not one of images")
    if any(images > MOST_IMAGES for images, _ in blocks):
        raise ArchiveError("a block of it is too large")
    if sum(images for images, _ in blocks) != shape[0] or not all(map(min, blocks)):
        raise ArchiveError("its blocks do not have as many images as it claims")
    return Header(dtype, shape, growth, batch, blocks, _fingerprint(payload[cursor.at :]))


def _fingerprint(text: bytes | memoryview) -> Fingerprint:
    try:
        found = json.loads(bytes(text))
    except (ValueError, RecursionError) as error:
        raise ArchiveError("what it was made by cannot be read") from error
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise ArchiveError("what it was made by is no list of texts")
    if "Python" not in found or "platform" not in found:
        raise ArchiveError("what it was made by is not told")
    return found


def block_section(message: bytes) -> bytes:
    return section(BLOCK, message)


def read_block(file: BinaryIO, size: int, name: str) -> bytes:
    """The bytes of the message of a block, whose section starts here. Raises ArchiveError."""
    if size > _MOST:
        raise ArchiveError("it is too large")
    return bytes(open_section(bytes(read_up_to(file, size, name)), BLOCK))
