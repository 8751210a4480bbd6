"""A decoder of whole archives (docs/format.md), from bytes to arrays. It stops at the first thing
amiss.
"""

import lzma
import math
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import chain, embedded
from .fields import Reader, require
from .message import Message
from .model import Model
from .values import Size

MAGIC = bytes.fromhex("89 62 62 0D 0A 1A 0A")
END = bytes.fromhex("62 62 1A 0A")
RAW, PACKED, CHAIN, SQUEEZED = 0, 1, 2, 3


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli): reflected, polynomial 0x1EDC6F41, all ones before and after."""
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
    require(reader.byte() == 0, "version 0")
    require(reader.varint() == 0, "no feature that this reader does not understand")
    require(data[-4:] == END, "the last four bytes of a footer")
    sections = []
    while reader.at < len(data) - 12:
        at = reader.at
        kind = chr(reader.byte())
        payload = reader.take(reader.varint())
        crc = crc32c(data[at : reader.at])
        require(crc == int.from_bytes(reader.take(4), "little"), "the CRC32C of a section")
        require(
            kind in "CMBIN" or kind in "abcdefghijklmnopqrstuvwxyz",
            "a kind of section that is known",
        )
        sections.append(Section(kind, at, payload, reader.at - at))
    require(reader.at == len(data) - 12, "the sections end where the footer begins")
    index_size = int.from_bytes(reader.take(8), "little")
    require(len(sections) > 0 and sections[-1].kind == "I", "the last section is the index")
    require(sections[-1].size == index_size, "the footer gives the size of the index")
    kinds = "".join(s.kind for s in sections)
    blocks, models = kinds.count("B"), kinds.count("M")
    require(
        kinds.startswith("C" + "M" * models + "B" * blocks), "sections in order: C, M, B, others, I"
    )
    require(kinds.count("C") == kinds.count("I") == 1, "one C and one I")
    return sections


@dataclass
class Part:
    """An array as the collection describes it."""

    dtype: np.dtype[Any]
    axes: int
    shape: tuple[int, ...]

    @property
    def items(self) -> int:
        return self.shape[0] if self.axes else 1


@dataclass
class File:
    """A file of a collection: its name, unless it is a page, and what is in it."""

    name: str | None
    array: NDArray[Any]


def decode(data: bytes, models: Iterable[Model] = ()) -> NDArray[Any]:
    """The array in an archive. `models` are those that it may name without carrying them."""
    sections = read_sections(data)
    kind, (part,) = read_collection(sections[0].payload)
    require(kind is None, "an array, not files")
    return np.frombuffer(b"".join(decode_blocks(sections, [part], models)), part.dtype).reshape(
        part.shape
    )


def decode_files(data: bytes, models: Iterable[Model] = ()) -> list[File]:
    """The files in an archive, in their order."""
    sections = read_sections(data)
    kind, parts = read_collection(sections[0].payload)
    require(kind is not None, "files, not an array")
    content = b"".join(decode_blocks(sections, parts, models))
    arrays = []
    for part in parts:
        size = math.prod(part.shape) * part.dtype.itemsize
        arrays.append(np.frombuffer(content[:size], part.dtype).reshape(part.shape))
        content = content[size:]
    (names,) = (section for section in sections if section.kind == "N")
    return list(read_files(Reader(names.payload), kind, arrays))


def decode_blocks(
    sections: list[Section], parts: list[Part], models: Iterable[Model]
) -> Iterator[bytes]:
    """The bytes of each block's items."""
    carried = [embedded.read_model(section.payload) for section in sections if section.kind == "M"]
    known = {model.identity[:16]: model for model in [*models, *carried]}
    blocks = [s for s in sections if s.kind == "B"]
    left, first = [part for part in parts if part.items], 0
    for section, count in zip(blocks, read_index(sections), strict=True):
        require(len(left) > 0, "the blocks hold no more items than the collection")
        dtype, axes, shape = left[0].dtype, left[0].axes, left[0].shape
        yield decode_block(section.payload, first, count, dtype, shape[axes:], known)
        first += count
        rest = left[0].items - count
        require(rest >= 0, "a block's items are of one part")
        left = [Part(dtype, 1, (rest, *shape[axes:])), *left[1:]] if rest else left[1:]
    require(not left, "the blocks hold as many items as the collection")


def read_collection(payload: bytes) -> tuple[int | None, list[Part]]:
    """The kind of files, or None for an array, and the parts."""
    reader = Reader(payload)
    container = reader.byte()
    require(container <= 3, "a container of the list")
    kind, count = (reader.byte(), reader.varint()) if container == 1 else (None, 1)
    require(kind in (None, 0, 1, 2), "a kind of the list")
    parts = [Part(reader.dtype(), reader.byte(), reader.shape()) for _ in range(count)]
    reader.done()
    for part in parts:
        require(
            part.axes == 0 or (part.axes == 1 and len(part.shape) > 0),
            "one item, or items along the first axis",
        )
    if kind in (0, 2):
        require(len(parts) > 0, "at least one part")
        for part in parts:
            require(part.axes == 1 and math.prod(part.shape) > 0, "a part has pictures")
            require((part.dtype.str, part.shape[3:]) in PICTURES, "a mode of the list")
    return kind, parts


PICTURES = {("|b1", ()), ("|u1", ()), ("<u2", ()), ("|u1", (2,)), ("|u1", (3,)), ("|u1", (4,))}


def read_files(reader: Reader, kind: int | None, arrays: list[NDArray[Any]]) -> Iterator[File]:
    if kind == 1:
        files = arrays
    else:
        runs = [(reader.varint(), reader.varint()) for _ in range(reader.varint())]
        require(
            all(part < len(arrays) and count >= 1 for part, count in runs),
            "a run is of files of a part",
        )
        left = [iter(array) for array in arrays]
        files = [next(left[part]) for part, count in runs for _ in range(count)]
        require(all(not list(rest) for rest in left), "the runs have every item")
    names, before = [], b""
    for _ in files if kind != 2 else ():
        start, end, size = reader.varint(), reader.varint(), reader.varint()
        require(start + end <= len(before), "shared bytes are there")
        before = before[:start] + reader.take(size) + before[len(before) - end :]
        name = before.decode()
        require(len(before) <= 1024 and "\0" not in name, "a name is not too long")
        require(
            all(part not in ("", ".", "..") for part in name.split("/")),
            "a name leads into the folder",
        )
        names.append(name)
    reader.done()
    require(len(set(names)) == len(names), "no two names are the same")
    for name, array in zip(names or [None] * len(files), files, strict=True):
        yield File(name, array)


def read_index(sections: list[Section]) -> list[int]:
    """The number of items of each block; the index must agree with the sections themselves."""
    blocks = [section for section in sections if section.kind == "B"]
    reader = Reader(sections[-1].payload)
    place = next(section.at for section in sections if section.kind not in "CM")
    require(reader.varint() == place, "the place of the first block")
    require(reader.varint() == len(blocks), "the number of blocks")
    pairs = [(reader.varint(), reader.varint()) for _ in blocks]
    reader.done()
    require(
        [size for _, size in pairs] == [block.size for block in blocks], "the sizes of the blocks"
    )
    return [count for count, _ in pairs]


@dataclass
class Run:
    """Items in a row that are alike."""

    count: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    levels: NDArray[Any]  # the bytes of the two values that elements have, or none

    @property
    def elements(self) -> int:
        return self.count * math.prod(self.shape)


def read_runs(reader: Reader) -> Iterator[Run]:
    for _ in range(reader.varint()):
        count, dtype, shape, k = reader.varint(), reader.dtype(), reader.shape(), reader.byte()
        require(count >= 1, "a run has an item")
        require(k in (0, 2), "two levels or none")
        levels = np.frombuffer(reader.take(k * dtype.itemsize), f"V{dtype.itemsize}")
        require(k == 0 or levels[0].tobytes() != levels[1].tobytes(), "levels differ")
        yield Run(count, dtype, shape, levels)


def decode_block(
    payload: bytes,
    first: int,
    count: int,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    models: dict[bytes, Model],
) -> bytes:
    """The bytes of a block's items."""
    reader = Reader(payload)
    require(reader.varint() == first, "the number of the block's first item")
    at = reader.at
    runs = list(read_runs(reader))
    runs_field = payload[at : reader.at]
    require(sum(run.count for run in runs) == count, "the index gives the number of items")
    require(
        all((run.dtype, run.shape) == (dtype, shape) for run in runs),
        "the items of an array are alike",
    )
    elements = sum(run.elements for run in runs)
    require(elements * dtype.itemsize <= 2**31, "at most 2^31 bytes a block")
    method = reader.byte()
    if method == RAW:
        items = reader.take(elements * dtype.itemsize)
        reader.done()
        return items
    if method == PACKED:
        require(all(len(run.levels) for run in runs), "two levels")
        bits = np.unpackbits(
            np.frombuffer(reader.take(-(-elements // 8)), np.uint8), bitorder="little"
        )
        require(not bits[elements:].any(), "the last byte is filled with zeros")
        reader.done()
        return to_bytes(bits[:elements], runs)
    if method == SQUEEZED:
        return decode_squeezed(reader, runs, elements, dtype.itemsize)
    require(method == CHAIN, "a method of the list")
    name = reader.take(16)
    require(name in models, "a model that is there")
    return decode_chain(payload[reader.at :], runs, runs_field, models[name])


def decode_squeezed(reader: Reader, runs: list[Run], elements: int, itemsize: int) -> bytes:
    size = len(reader.data) - reader.at
    coder, form, distance = reader.byte(), reader.byte(), reader.byte()
    require(coder <= 1 and form <= 2, "a coder and a form of the list")
    require(all(len(run.levels) == (2 if form == 2 else 0) for run in runs), "levels as the form")
    length = -(-elements // 8) if form == 2 else elements * itemsize
    require(max(length, elements) <= 2**16 + 2**12 * size, "no more than the data may claim")
    stream = reader.take(size - 3)
    if coder == 0:
        unpacker = zlib.decompressobj(-15)
        content = bytearray(unpacker.decompress(stream))
    else:
        filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 2**23}]
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
        content = bytearray(unpacker.decompress(stream))
    require(unpacker.eof and not unpacker.unused_data, "the stream ends where the data do")
    require(len(content) == length, "as much content as elements")
    if distance > 0:
        for i in range(distance, length):
            content[i] = (content[i] + content[i - distance]) % 256
    if form == 1:
        return bytes(content[j * elements + i] for i in range(elements) for j in range(itemsize))
    if form == 0:
        return bytes(content)
    bits = np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")
    require(not bits[elements:].any(), "the last byte is filled with zeros")
    return to_bytes(bits[:elements], runs)


def decode_chain(data: bytes, runs: list[Run], runs_field: bytes, model: Model) -> bytes:
    count = sum(run.count for run in runs)
    sizes = {size_of(run.shape, model) for run in runs}
    require(len(sizes) == 1, "all items of a block are images of one size")
    two = [len(run.levels) == 2 for run in runs]
    require(all(two) or not any(two), "two levels in each run, or in none")
    dtype = np.dtype("|u1" if model.levels <= 256 else "<u2")
    require(
        model.levels == 2 if all(two) else runs[0].dtype == dtype,
        "levels as the model's, or numbers that are symbols",
    )
    bound = model.at(*sizes.pop())
    require(
        count * bound.most_elements <= 2**16 + 2**12 * len(data),
        "no more elements than the data may claim",
    )
    require(
        min(count, bound.batch) * bound.room <= 2**26 + 2**10 * len(data),
        "no more room than the data may claim",
    )
    require(
        chain.block_work(bound, count) <= 2**34 + 2**24 * len(data),
        "no more work than the data may claim",
    )
    message = Message.from_bytes(data)
    require(message.depth is not None, "the tail of a chain is infinite")
    symbols = chain.decode(bound, message, count).ravel()
    items = to_bytes(symbols, runs) if all(two) else symbols.astype(dtype).tobytes()
    chain.check_end(message, chain.digest(runs_field, items))
    return items


def size_of(shape: tuple[int, ...], model: Model) -> Size:
    """Rows and columns of the images that items of this shape are to the model."""
    if model.size is not None:
        image = (*model.size, model.channels)
        wide = [n for n in shape if n != 1]
        require(
            wide in ([n for n in image if n != 1], [n for n in [math.prod(image)] if n != 1]),
            "items of the image of the model",
        )
        return model.size
    if model.channels == 1 and len(shape) == 2:
        shape = (*shape, 1)
    require(len(shape) == 3 and shape[2] == model.channels, "images of the channels of the model")
    require(min(shape) >= 1, "an image has a pixel")
    return shape[0], shape[1]


def to_bytes(symbols: NDArray[Any], runs: list[Run]) -> bytes:
    """The elements that these symbols, 0 and 1, stand for."""
    out = b""
    for run in runs:
        out += run.levels[symbols[: run.elements]].tobytes()
        symbols = symbols[run.elements :]
    return out
