"""A decoder of whole archives (docs/format.md), from bytes to arrays. It stops at the first
fault.
"""

import hashlib
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import embedded
from .blocks import decode_block
from .collection import Part, read_collection
from .entries import Folder, Link, check_entries, read_entries
from .fields import Reader, require, varint
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
    """The sections that count: `C`, then those of all generations in the order of their places, the
    last of which is the index.
    """
    reader = Reader(data)
    require(reader.take(7) == MAGIC, "the magic bytes of bitsback")
    require(reader.byte() == 7, "version 7")
    require(data[-4:] == END, "the last four bytes of a footer")
    size = int.from_bytes(data[-12:-4], "little")
    require(size <= len(data) - 20, "the footer gives the size of the index")
    index = section_at(data, len(data) - 12 - size, size, "I")
    places, _ = read_index(index)
    found = [section_at(data, at, size, kind) for at, size, kind in sorted(places)] + [index]
    heads = [number for number, section in enumerate(found) if section.kind == "C"]
    require(len(heads) == 1, "one C")
    for before, section in pairwise(found[heads[0] :]):
        require(section.at == before.at + before.size, "sections that follow each other")
    start = found[heads[0]].at
    require(start == 8 or data[start - 4 : start] == END, "a footer of an older generation")
    kinds = "".join(section.kind for section in found[heads[0] :])
    require(
        re.fullmatch("C[MNFULHEa-z]*B*[MNFULHEa-z]*I", kinds) is not None,
        "sections in order: C, others, B, others, I",
    )
    end = 8
    for section in found:
        require(section.at >= end, "sections that do not overlap")
        end = section.at + section.size
    return [found.pop(heads[0]), *found]


def section_at(data: bytes, at: int, size: int, kind: str) -> Section:
    """The section of this kind and size at this place."""
    reader = Reader(data[at : at + size])
    require(
        kind in "CMBINFULHE" or kind in "abcdefghijklmnopqrstuvwxyz",
        "a kind of section that is known",
    )
    require(chr(reader.byte()) == kind, "a section of the kind that the index says")
    payload = reader.take(reader.varint())
    crc = crc32c(data[at : at + reader.at])
    require(crc == int.from_bytes(reader.take(4), "little"), "the CRC32C of a section")
    reader.done()
    return Section(kind, at, payload, size)


def read_index(index: Section) -> tuple[list[tuple[int, int, str]], list[tuple[int, int]]]:
    """The places, sizes and kinds of all sections that count, blocks included, and for each block
    the numbers of its first tile and of its tiles.
    """
    reader = Reader(index.payload)
    places, tiles, end = list[tuple[int, int, str]](), list[tuple[int, int]](), 0
    for _ in range(reader.varint()):
        kind, gap, size = chr(reader.byte()), reader.varint(), reader.varint()
        require(kind not in "BI" and size > 0, "sections that are no blocks and no index")
        places.append((end + gap, size, kind))
        end += gap + size
    tile = end = 0
    for _ in range(reader.varint()):
        tile, end, count = tile + reader.varint(), end + reader.varint(), reader.varint()
        require(count > 0, "a run has blocks")
        for _ in range(count):
            items, size = reader.varint(), reader.varint()
            require(items > 0 and size > 0, "a block has tiles")
            places.append((end, size, "B"))
            tiles.append((tile, items))
            tile, end = tile + items, end + size
    reader.done()
    return places, tiles


@dataclass
class File:
    """A file of a collection: its name, unless it is a page, and what is in it."""

    name: str
    array: NDArray[Any]
    """The bytes of a file that is stored verbatim, or an array."""
    held: bool = False
    metadata: bytes = b""
    time: int | None = None
    """In ns since 1970."""
    mode: int | None = None


def decode(data: bytes, models: Iterable[Any] = ()) -> NDArray[Any]:
    """The array in an archive. `models`: those that it may name without embedding them."""
    sections = read_sections(data)
    kind, parts, _ = read_collection(sections[0].payload)
    require(kind is None, "an array, not files")
    arrays = [
        flat.reshape(part.shape)
        for part, flat in zip(parts, decode_parts(sections, parts, models), strict=True)
    ]
    return np.concatenate(arrays) if len(arrays) > 1 else arrays[0]


def decode_files(data: bytes, models: Iterable[Any] = ()) -> list[File]:
    """The files in an archive, in their order."""
    sections = read_sections(data)
    kind, parts, features = read_collection(sections[0].payload)
    removed = kind == 0 and bool(features & 16)
    require(kind is not None, "files, not an array")
    arrays: list[list[NDArray[Any]]] = []
    for part, flat in zip(parts, decode_parts(sections, parts, models, removed), strict=True):
        if part.axes >= 3:
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
    names, *more = (section for section in sections if section.kind in "NU")
    require(not more, "one N, or one U")
    check_labels(sections, kind, parts)
    if names.kind == "U":
        require(kind == 0, "pictures")
        require(not any(part.axes >= 3 for part in parts), "no bytes of files, and no copies")
        require(all(each.kind not in "FHE" for each in sections), "no F, H or E without names")
        require(not removed, "files that can be removed have names")
        found = [array for part in arrays for array in part]
        called, _, _ = read_unnamed(names.payload, len(found))
        return [File(name, array) for name, array in zip(called, found, strict=True)]
    stats = [section.payload for section in sections if section.kind == "F"]
    require(len(stats) <= (kind == 0), "one F at most, of a folder")
    files = list(read_files(Reader(names.payload), kind, parts, arrays, stats, removed))
    check_digests([section.payload for section in sections if section.kind == "H"], kind, files)
    described = [section.payload for section in sections if section.kind == "E"]
    require(len(described) <= (kind == 0), "one E at most, of a folder")
    if described:
        modes, folders, links = read_entries(described[0], len(files))
        files = [replace(file, mode=mode) for file, mode in zip(files, modes, strict=True)]
        there = [restored_name(file) for file in files if file.name]
        check_entries(there, folders, links, outside=True)
    files = [file for file in files if file.name != ""]
    for file in files:
        require(not np.ma.is_masked(file.array), "the tiles that a file needs")
    return files


def check_digests(payloads: list[bytes], kind: int | None, files: list[File]) -> None:
    """Checks `H`; the hashes of files that are not stored verbatim need container metadata."""
    require(len(payloads) <= (kind == 0), "one H at most, of a folder")
    for payload in payloads:
        reader = Reader(payload)
        require(reader.byte() == 0, "SHA-256")
        left = files
        for _ in range(reader.varint()):
            count, digest = reader.varint(), reader.take(reader.byte())
            require(1 <= count <= len(left), "files of a group")
            require(len(digest) in (0, 32), "a digest, or none")
            own, left = left[:count], left[count:]
            found = sum(content_digests(file) for file in own if file.name) % 2**256
            same = found.to_bytes(32, "little") == digest
            require(not digest or same, "the digest of a group of files")
        require(not left, "groups of all files")
        with_hashes = reader.byte()
        require(with_hashes <= 1, "hashes, or none")
        for file in files if with_hashes else ():
            hashed = reader.take(reader.byte())
            require(len(hashed) in (0, 32), "a hash, or none")
            same = hashlib.sha256(file.array.tobytes()).digest() == hashed
            require(not (file.held and hashed and file.name) or same, "the hash of a file")
        reader.done()


def content_digests(file: File) -> int:
    """The sum of the content digests of a file."""
    require(not np.ma.is_masked(file.array), "the tiles that a file needs")
    total = content_digest(0, file.name, np.asarray(file.array))
    if file.metadata:
        total += content_digest(1, file.name, np.frombuffer(file.metadata, "|u1"))
    return total


def content_digest(what: int, name: str, array: NDArray[Any]) -> int:
    fields = [varint(len(name.encode())), name.encode(), array.dtype.str.encode()]
    shape = bytes([array.ndim]) + b"".join(map(varint, array.shape))
    data = bytes([what]) + b"".join(fields) + shape + array.tobytes()
    return int.from_bytes(hashlib.sha256(data).digest(), "little")


def decode_entries(data: bytes, outside: bool = False) -> tuple[list[Folder], list[Link]]:
    """The folders and links in an archive of a folder, which may all be restored. outside: whether
    links may lead out of the folder.
    """
    files = decode_files(data)
    sections = read_sections(data)
    _, parts, _ = read_collection(sections[0].payload)
    folders, links = list[Folder](), list[Link]()
    for section in sections:
        if section.kind == "E":
            _, folders, links = read_entries(section.payload, sum(part.shape[0] for part in parts))
    check_entries([restored_name(file) for file in files], folders, links, outside)
    return folders, links


GREY = {"|b1": "1", "|u1": "L", "<u2": "I;16"}
COLOURS = {2: "LA", 3: "RGB", 4: "RGBA"}
ENDINGS = {
    "bmp": ("1", "L", "RGB"),
    "pbm": ("1",),
    "pgm": ("L", "I;16"),
    "ppm": ("RGB",),
    "pnm": ("1", "L", "I;16", "RGB"),
}
"""The modes of pictures that keep an ending, besides .png and .tif."""


def restored_name(file: File) -> str:
    """The name under which a file of a folder is restored."""
    if file.held or file.metadata:
        return file.name
    shape, dtype = file.array.shape[2:], file.array.dtype.str
    mode = GREY.get(dtype) if not shape else None
    if shape and dtype in ("|u1", "<u2"):
        mode = COLOURS.get(shape[0])
        mode = f"{mode};16" if mode and dtype == "<u2" else mode
    before, _, ending = file.name.rpartition("/")[2].rpartition(".")
    ending = ending.lower() if before else ""
    keeps = ending in ("tif", "tiff") or (mode is not None and ending == "png")
    if keeps or mode in ENDINGS.get(ending, ()):
        return file.name
    return f"{file.name}.tif" if mode is None else f"{file.name}.png"


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
    kind, _, _ = read_collection(sections[0].payload)
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
            return [file.name.rpartition("/")[0] for file in files]
    return None


def decode_parts(
    sections: list[Section], parts: list[Part], models: Iterable[Any], removed: bool = False
) -> list[NDArray[Any]]:
    """The elements of each part's items. removed: whether tiles may be missing, whose elements are
    masked then.
    """
    shipped = list(models)
    carried = [
        embedded.read_model(section.payload, shipped) for section in sections if section.kind == "M"
    ]
    known = {model.identity[:16]: model for model in [*shipped, *carried]}
    blocks = [section.payload for section in sections if section.kind == "B"]
    _, tiles = read_index(sections[-1])
    found, first = [], 0
    for part in parts:
        end, content, lost, shapes = first + part.tiles, b"", b"", part.tile_runs()
        wanted, shape = 0, ()
        while first < end:
            require(len(tiles) > 0 or removed, "the blocks hold as many items as the collection")
            start, count = tiles[0] if tiles else (end, 0)
            if start > first:
                require(removed, "the blocks hold all items of the collection")
                for _ in range(min(start, end) - first):
                    wanted, shape = (wanted, shape) if wanted else next(shapes, (0, ()))
                    content += bytes(math.prod(shape) * part.dtype.itemsize)
                    lost += b"\1" * math.prod(shape)
                    wanted -= 1
                first = min(start, end)
                continue
            require(first + count <= end, "a block's items are of one part")
            runs, items = decode_block(blocks.pop(0), first, count, part.dtype, known)
            for run in runs:
                left = run.count
                while left:
                    wanted, shape = (wanted, shape) if wanted else next(shapes, (0, ()))
                    require(run.shape == shape, "the items of an array are alike")
                    left, wanted = max(left - wanted, 0), max(wanted - left, 0)
            content += items
            lost += bytes(len(items) // part.dtype.itemsize)
            first = start + count
            tiles.pop(0)
        elements = np.frombuffer(part.join(content), part.dtype)
        if any(lost):
            mask = np.frombuffer(replace(part, dtype=np.dtype("u1")).join(lost), bool)
            elements = np.ma.array(elements, mask=mask)
        found.append(elements)
    require(not tiles, "the blocks hold no more items than the collection")
    return found


def read_files(
    reader: Reader,
    kind: int | None,
    parts: list[Part],
    arrays: list[list[NDArray[Any]]],
    stats: list[bytes],
    removed: bool,
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
            wanted = part.shape[0] if part.axes >= 3 else len(arrays[number])
            require(places.count(number) == wanted, "the runs have every item")
        left = [iter(array) for array in arrays]
        files = [
            arrays[place][0] if parts[place].axes >= 3 else next(left[place]) for place in places
        ]
    names = read_names(reader, len(files), removed)
    reader.done()
    left_names = [name for name in names if name]
    require(len(set(left_names)) == len(left_names), "no two names are the same")
    if stats:
        yield from with_stats(Reader(stats[0]), names, places, parts, arrays, files)
        return
    require(all(part.axes < 3 for part in parts), "bytes of files, and copies, have stats")
    for name, array in zip(names, files, strict=True):
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
    time, found, copies, lost = 0, list[File](), set[int](), set[int]()
    for number, (name, place, array) in enumerate(zip(names, places, files, strict=True)):
        size, original, change = reader.varint(), reader.varint(), reader.varint()
        time += -(change + 1) // 2 if change % 2 else change // 2
        time = (time + 2**63) % 2**64 - 2**63
        require(max(size, original) < 2**63, "a size that there is")
        if parts[place].axes == 4:
            original = number - size
            require(0 <= original < number, "the original of a copy is before it")
            require(original not in copies, "the original of a copy is no copy")
            require(name == "" or original not in lost, "the tiles that the bytes of a copy need")
            copies.add(number)
            found.append(replace(found[original], name=name, time=time))
            continue
        content = np.empty(0, np.uint8)
        while size and metadata and left[metadata[0]].size == 0:
            metadata.pop(0)
        where = place if place in left else (metadata or [None])[0]
        require(where is not None or size == 0, "metadata are there")
        if where is not None and size:
            require(size <= left[where].size, "the sizes are those of the bytes")
            content, left[where] = left[where][:size], left[where][size:]
        masked = np.ma.is_masked(content)
        require(name == "" or not masked, "the tiles that the bytes of a file need")
        lost |= {number} if masked else set()
        if place in left:
            found.append(File(name, content, True, b"", time))
        else:
            found.append(File(name, array, False, content.tobytes(), time))
    reader.done()
    require(all(rest.size == 0 for rest in left.values()), "the sizes are those of the bytes")
    yield from found
