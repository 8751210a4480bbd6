"""A decoder of whole archives (docs/format.md), from bytes to arrays. It stops at the first
fault.
"""

import hashlib
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import embedded
from .blocks import decode_block
from .collection import Part, read_collection
from .container_metadata import restore_tiff
from .fields import Reader, require
from .labels import read_names, read_pairs, read_unnamed

MAGIC = bytes.fromhex("89 62 62 0D 0A 1A 0A")
END = bytes.fromhex("62 62 1A 0A")


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli): reflected, polynomial 0x1EDC6F41, initial value and final XOR all
    ones.
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) % 256] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _crc_of_byte(crc: int) -> int:
    for _ in range(8):
        crc = (crc >> 1) ^ (0x82F63B78 if crc % 2 else 0)
    return crc


CRC_TABLE = [_crc_of_byte(byte) for byte in range(256)]


@dataclass
class Section:
    kind: str
    at: int
    payload: bytes
    size: int  # kind, length and CRC included


def read_sections(data: bytes) -> list[Section]:
    reader = Reader(data)
    require(reader.take(7) == MAGIC, "the magic bytes of bitsback")
    require(reader.byte() == 3, "version 3")
    require(data[-4:] == END, "the last four bytes of a footer")
    sections = []
    while reader.at < len(data) - 12:
        at = reader.at
        kind = chr(reader.byte())
        payload = reader.take(reader.varint())
        crc = crc32c(data[at : reader.at])
        require(crc == int.from_bytes(reader.take(4), "little"), "the CRC32C of a section")
        require(
            kind in "CMBINFULH" or kind in "abcdefghijklmnopqrstuvwxyz",
            "a kind of section that is known",
        )
        sections.append(Section(kind, at, payload, reader.at - at))
    require(reader.at == len(data) - 12, "the sections end where the footer begins")
    index_size = int.from_bytes(reader.take(8), "little")
    require(len(sections) > 0 and sections[-1].kind == "I", "the last section is the index")
    require(sections[-1].size == index_size, "the footer gives the size of the index")
    kinds = "".join(s.kind for s in sections)
    require(
        re.fullmatch("C[MNFULHa-z]*B*[NFULHa-z]*I", kinds) is not None,
        "sections in order: C, M and others, B, others, I",
    )
    return sections


@dataclass
class File:
    """A file of a collection: its name, unless it is a page, and what is in it."""

    name: str | None
    array: NDArray[Any]
    """The bytes of a file that is stored verbatim, or an array."""
    held: bool = False
    metadata: bytes = b""
    time: int | None = None
    """In ns since 1970."""


def decode(data: bytes, models: Iterable[Any] = ()) -> NDArray[Any]:
    """The array in an archive. `models`: those that it may name without embedding them."""
    sections = read_sections(data)
    kind, parts = read_collection(sections[0].payload)
    require(kind is None, "an array, not files")
    arrays = [
        np.frombuffer(content, part.dtype).reshape(part.shape)
        for part, content in zip(parts, decode_parts(sections, parts, models), strict=True)
    ]
    return np.concatenate(arrays) if len(arrays) > 1 else arrays[0]


def decode_files(data: bytes, models: Iterable[Any] = ()) -> list[File]:
    """The files in an archive, in their order."""
    sections = read_sections(data)
    kind, parts = read_collection(sections[0].payload)
    require(kind is not None, "files, not an array")
    arrays: list[list[NDArray[Any]]] = []
    for part, content in zip(parts, decode_parts(sections, parts, models), strict=True):
        flat = np.frombuffer(content, part.dtype)
        if part.axes == 3:
            arrays.append([flat])
            continue
        if part.axes < 2:
            array = flat.reshape(part.shape)
            arrays.append([array] if kind == 1 else list(array))
            continue
        arrays.append([])
        for count, shape in part.sizes:
            size = count * math.prod(shape)
            arrays[-1] += list(flat[:size].reshape(count, *shape))
            flat = flat[size:]
    if kind == 2 and parts[-1].axes == 3:
        parts, arrays = parts[:-1], arrays[:-1]
    names, *more = (section for section in sections if section.kind in "NU")
    require(not more, "one N, or one U")
    check_labels(sections, kind, parts)
    if names.kind == "U":
        require(kind == 0, "pictures")
        require(not any(part.axes == 3 for part in parts), "no bytes of files")
        require(all(section.kind != "F" for section in sections), "no stats of what has no name")
        found = [array for part in arrays for array in part]
        called, _, _ = read_unnamed(names.payload, len(found))
        return [File(name, array) for name, array in zip(called, found, strict=True)]
    stats = [section.payload for section in sections if section.kind == "F"]
    require(len(stats) <= (kind == 0), "one F at most, of a folder")
    files = list(read_files(Reader(names.payload), kind, parts, arrays, stats))
    check_hashes([section.payload for section in sections if section.kind == "H"], kind, files)
    return files


def check_hashes(payloads: list[bytes], kind: int | None, files: list[File]) -> None:
    """Checks `H` for files that are stored verbatim; the others' hashes need container metadata."""
    require(len(payloads) <= (kind == 0), "one H at most, of a folder")
    for payload in payloads:
        reader = Reader(payload)
        require(reader.byte() == 0, "SHA-256")
        for file in files:
            hashed = reader.take(reader.byte())
            require(len(hashed) in (0, 32), "a hash, or none")
            same = hashlib.sha256(file.array.tobytes()).digest() == hashed
            require(not (file.held and hashed) or same, "the hash of a file")
        reader.done()


def decode_tiff(data: bytes, models: Iterable[Any] = ()) -> bytes | None:
    """The TIFF file in an archive of one whole file; None where its exact bytes are not
    promised.
    """
    sections = read_sections(data)
    kind, parts = read_collection(sections[0].payload)
    require(kind == 2 and parts[-1].axes == 3, "all of a TIFF file")
    *_, metadata = decode_parts(sections, parts, models)
    return restore_tiff((file.array for file in decode_files(data, models)), metadata)


def check_labels(sections: list[Section], kind: int | None, parts: list[Part]) -> None:
    labels = [section.payload for section in sections if section.kind == "L"]
    require(len(labels) <= 1, "one L at most")
    for payload in labels:
        pairs = read_pairs(payload)
        require(kind == (0 if pairs is None else 1), "labels of these files")
        if pairs is not None:
            items, own = pairs
            require(items != own and max(pairs) < len(parts), "parts that are there")
            shapes = parts[items].shape, parts[own].shape
            require(len(shapes[0]) > 0 and shapes[0][:1] == shapes[1][:1], "as many labels")


def decode_labels(data: bytes, models: Iterable[Any] = ()) -> list[Any] | None:
    """The labels in an archive of files: for pictures the names of their folders; None if it has
    none.
    """
    sections = read_sections(data)
    kind, _ = read_collection(sections[0].payload)
    require(kind is not None, "files, not an array")
    files = decode_files(data, models)
    for section in sections:
        if section.kind == "U":
            _, classes, labels = read_unnamed(section.payload, len(files))
            return [classes[c] for c in labels] if classes else None
        if section.kind == "L":
            pairs = read_pairs(section.payload)
            if pairs is not None:
                return files[pairs[1]].array.tolist()
            return [str(file.name).rpartition("/")[0] for file in files]
    return None


def decode_parts(sections: list[Section], parts: list[Part], models: Iterable[Any]) -> list[bytes]:
    """The bytes of each part's items."""
    carried = [embedded.read_model(section.payload) for section in sections if section.kind == "M"]
    known = {model.identity[:16]: model for model in [*models, *carried]}
    blocks = [section.payload for section in sections if section.kind == "B"]
    counts = read_index(sections)
    found, first = [], 0
    for part in parts:
        left, content, shapes = part.tiles, b"", part.tile_runs()
        wanted, shape = 0, ()
        while left:
            require(len(blocks) > 0, "the blocks hold as many items as the collection")
            runs, items = decode_block(blocks.pop(0), first, counts[0], part.dtype, known)
            for run in runs:
                count = run.count
                while count:
                    wanted, shape = (wanted, shape) if wanted else next(shapes, (0, ()))
                    require(wanted > 0, "a block's items are of one part")
                    require(run.shape == shape, "the items of an array are alike")
                    count, wanted = max(count - wanted, 0), max(wanted - count, 0)
            content += items
            first, left = first + counts[0], left - counts.pop(0)
        require(left == 0, "a block's items are of one part")
        found.append(part.join(content))
    require(not blocks, "the blocks hold no more items than the collection")
    return found


def read_files(
    reader: Reader,
    kind: int | None,
    parts: list[Part],
    arrays: list[list[NDArray[Any]]],
    stats: list[bytes],
) -> Iterator[File]:
    places: list[int] = []
    if kind == 1:
        files = [array for part in arrays for array in part]
    else:
        runs = [(reader.varint(), reader.varint()) for _ in range(reader.varint())]
        require(
            all(part < len(arrays) and count >= 1 for part, count in runs),
            "a run is of files of a part",
        )
        places = [part for part, count in runs for _ in range(count)]
        for number, part in enumerate(parts):
            wanted = part.shape[0] if part.axes == 3 else len(arrays[number])
            require(places.count(number) == wanted, "the runs have every item")
        left = [iter(array) for array in arrays]
        files = [
            arrays[place][0] if parts[place].axes == 3 else next(left[place]) for place in places
        ]
    names = read_names(reader, len(files) if kind != 2 else 0)
    reader.done()
    require(len(set(names)) == len(names), "no two names are the same")
    if stats:
        yield from with_stats(Reader(stats[0]), names, places, parts, arrays, files)
        return
    require(all(part.axes != 3 for part in parts), "bytes of files have stats")
    for name, array in zip(names or [None] * len(files), files, strict=True):
        yield File(name, array)


def with_stats(
    reader: Reader,
    names: list[str],
    places: list[int],
    parts: list[Part],
    arrays: list[list[NDArray[Any]]],
    files: list[NDArray[Any]],
) -> Iterator[File]:
    """The files of a folder, in order, with the stats of `F`."""
    left = {number: arrays[number][0] for number, part in enumerate(parts) if part.axes == 3}
    metadata = [number for number in left if parts[number].shape[0] == 0]
    time, found = 0, []
    for name, place, array in zip(names, places, files, strict=True):
        size, change = reader.varint(), reader.varint()
        time += -(change + 1) // 2 if change % 2 else change // 2
        time = (time + 2**63) % 2**64 - 2**63
        require(size < 2**63, "a size that there is")
        content = np.empty(0, np.uint8)
        while size and metadata and left[metadata[0]].size == 0:
            metadata.pop(0)
        where = place if place in left else (metadata or [None])[0]
        require(where is not None or size == 0, "metadata are there")
        if where is not None and size:
            require(size <= left[where].size, "the sizes are those of the bytes")
            content, left[where] = left[where][:size], left[where][size:]
        if place in left:
            found.append(File(name, content, True, b"", time))
        else:
            found.append(File(name, array, False, content.tobytes(), time))
    reader.done()
    require(all(rest.size == 0 for rest in left.values()), "the sizes are those of the bytes")
    yield from found


def read_index(sections: list[Section]) -> list[int]:
    """The number of items of each block; the index must agree with the sections themselves."""
    blocks = [section for section in sections if section.kind == "B"]
    reader = Reader(sections[-1].payload)
    place = (blocks or sections[-1:])[0].at
    require(reader.varint() == place, "the place of the first block, or of the index")
    require(reader.varint() == len(blocks), "the number of blocks")
    pairs = [(reader.varint(), reader.varint()) for _ in blocks]
    reader.done()
    require(
        [size for _, size in pairs] == [block.size for block in blocks], "the sizes of the blocks"
    )
    return [count for count, _ in pairs]
