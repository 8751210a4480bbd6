"""Archives that tests put together from sections, and their index."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import bitsback
from bitsback import lzma2
from bitsback.coding.block import Method
from bitsback.format.array_part import BYTES, ArrayPart
from bitsback.format.file_stats import FileStats
from bitsback.format.index import BlockInfo, Index, Place
from bitsback.format.layout import (
    BLOCK,
    FOOTER_SIZE,
    HEAD,
    MODEL,
    NAMES,
    Cursor,
    open_section,
    section,
)
from bitsback.format.members import pack_files
from bitsback.format.parts import FOLDER, FileCollection
from bitsback.format.runs import Run, pack_runs
from bitsback.wire import varint


def index_of(archive: bytes, counts: Iterable[int]) -> bytes:
    """The `I` section and the footer of an archive of one generation that is whole but for them.
    counts: the number of tiles that each block is said to have.
    """
    cursor, left, tile = Cursor(archive, len(HEAD)), iter(counts), 0
    sections, blocks = list[Place](), list[BlockInfo]()
    while cursor.at < len(archive):
        at, section = cursor.at, cursor.section()
        if section[:1] == BLOCK:
            count = next(left)
            blocks.append(BlockInfo(len(blocks), tile, count, at, len(section)))
            tile += count
        else:
            sections.append(Place(section[:1], at, len(section)))
    return Index(sections, blocks).pack()


def replaced(data: bytes, kind: bytes, payload: bytes) -> bytes:
    """The archive with the payload of its section of this kind changed, and an index that fits."""
    with bitsback.open(data) as archive:
        (place,) = (place for place in archive.reader.directory.sections if place.kind == kind)
        counts = [block.items for block in archive.reader.blocks]
    end = -FOOTER_SIZE - int.from_bytes(data[-FOOTER_SIZE:][:8], "little")
    body = data[: place.offset] + section(kind, payload) + data[place.offset + place.size : end]
    return body + index_of(body, counts)


def redescribed(data: bytes, description: bytes) -> bytes:
    """The archive of an array with another description of the model inside, and no tensors."""
    with bitsback.open(data) as archive:
        (place,), blocks = archive.reader.directory.places(MODEL), archive.reader.blocks
    identity = bytes(open_section(data[place.offset : place.offset + place.size], MODEL)[:16])
    content = identity + lzma2.compress(varint(len(description)) + description)
    body = data[: place.offset] + section(MODEL, content) + data[blocks[0].offset : blocks[-1].end]
    return body + index_of(body, [block.items for block in blocks])


def swapped(data: bytes, one: str, other: str) -> bytes:
    """The archive of a folder with the names of two files exchanged, as a wrong program writes
    it.
    """
    with bitsback.open(data) as archive:
        names, runs, *_ = archive.reader.files.listed
    names = [{one: other, other: one}.get(name, name) for name in names]
    packed = pack_files(FOLDER, runs, names)
    return replaced(data, NAMES, bytes(open_section(packed, NAMES)))


def archive_of_file(metadata: bytes, pixels: NDArray[Any]) -> bytes:
    """An archive of a folder of one picture, `a`, whose container metadata may be anything."""
    return archive_of_files((metadata, pixels))


def archive_of_files(*files: tuple[bytes, NDArray[Any]]) -> bytes:
    """The same of several pictures, `a`, `b`, ..., each a part of its own."""
    all_metadata = b"".join(metadata for metadata, _ in files)
    held = ArrayPart(np.dtype("|u1"), (0, len(all_metadata)), BYTES)
    pictures = [ArrayPart.of_items(pixels.dtype.str, pixels.shape, 1) for _, pixels in files]
    stats = FileStats()
    for metadata, _ in files:
        stats.add(len(metadata), 0, 0)
    names = [chr(ord("a") + number) for number in range(len(files))]
    data = HEAD + FileCollection(FOLDER, (held, *pictures)).pack()
    data += pack_files(FOLDER, [(1 + number, 1) for number in range(len(files))], names)
    data += stats.pack()
    arrays = [np.frombuffer(all_metadata, np.uint8), *(pixels for _, pixels in files)]
    for number, array in enumerate(arrays):
        runs = pack_runs([Run(1, array.dtype, array.shape, None)])
        data += section(BLOCK, varint(number), runs, b"\0", array.tobytes())
    return data + index_of(data, [1] * len(arrays))


def archive_of_block(dtype: str, shape: tuple[int, ...], method: int, data: bytes) -> bytes:
    """An archive of an array of one item, whose block has these data."""
    array = ArrayPart.of_items(dtype, shape, 1).pack_array()
    runs = pack_runs([Run(1, np.dtype(dtype), shape, None)])
    sections = section(b"C", b"\0\0", array) + section(
        BLOCK, varint(0), runs, bytes([Method(method).pack()]), data
    )
    return HEAD + sections + index_of(HEAD + sections, [1])


def archive_of_bytes(size: int, method: int, data: bytes) -> bytes:
    """An archive of a folder of one file, `a`, of so many bytes, whose block has these data."""
    held = ArrayPart(np.dtype("|u1"), (1, size), BYTES)
    stats = FileStats()
    stats.add(size, 0, 0)
    body = HEAD + FileCollection(FOLDER, (held,)).pack()
    body += pack_files(FOLDER, [(0, 1)], ["a"]) + stats.pack()
    runs = pack_runs([Run(1, held.dtype, (size,), None)])
    body += section(BLOCK, varint(0), runs, bytes([Method(method).pack()]), data)
    return body + index_of(body, [1])
